/* SPDX-License-Identifier: MIT */
/*
 * The schedule of reconnecting, a pure function: no clock is asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backoff.h"

static void
it_doubles_from_one_second_to_thirty(void **state)
{
    (void)state;
    static const unsigned expected[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};

    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_int_equal(backoff_ms(i + 1, 0, 0), expected[i]);
    assert_int_equal(backoff_ms(1000000, 0, 0), 30000);
    assert_int_equal(backoff_ms(UINT32_MAX, 0, 0), 30000);
}

static void
jitter_takes_off_at_most_a_quarter(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (unsigned i = 0; i < 10000; i++) {
        unsigned failures = i % 8 + 1;
        unsigned most = backoff_ms(failures, 0, 0);
        random = random * 1664525u + 1013904223u;

        unsigned wait_ms = backoff_ms(failures, 0, random);

        assert_in_range(wait_ms, most - most / 4, most);
    }
    assert_int_equal(backoff_ms(1, 0, 250), 750);
    assert_int_equal(backoff_ms(1, 0, 251), 1000);
}

static void
a_server_may_ask_for_more_but_not_for_ever(void **state)
{
    (void)state;
    assert_int_equal(backoff_ms(1, 5000, 0), 5000);
    assert_int_equal(backoff_ms(5, 5000, 0), 16000);
    assert_int_equal(backoff_ms(1, UINT32_MAX, 0), 30000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_doubles_from_one_second_to_thirty),
        cmocka_unit_test(jitter_takes_off_at_most_a_quarter),
        cmocka_unit_test(a_server_may_ask_for_more_but_not_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
