/* SPDX-License-Identifier: MIT */
/* The module echo, tested without a server: the harness is its host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "sotto/harness.h"

#include "echo.pb-c.h"

const struct sotto_module *sotto_module_entry(void);

static int
start(void **state)
{
    struct harness *h = harness_create(sotto_module_entry());

    harness_set(h, "prefix", "you said: ");
    *state = h;
    return harness_start(h);
}

static int
stop(void **state)
{
    harness_destroy((struct harness **)state);
    return 0;
}

static const struct harness_answer *
say(struct harness *h, uint64_t session, char *text)
{
    Sotto__Echo__V1__SayRequest request = SOTTO__ECHO__V1__SAY_REQUEST__INIT;

    request.text = text;
    return harness_rpc(h, session, "Say", &request.base);
}

static void
what_is_said_comes_back_behind_the_prefix(void **state)
{
    struct harness *h = *state;
    uint64_t alice = harness_connect(h);
    harness_attach(h, alice, NULL, NULL, NULL);

    const struct harness_answer *answer = say(h, alice, "hello");

    assert_int_equal(answer->status, 0);
    assert_string_equal(((const Sotto__Echo__V1__SayReply *)answer->message)->text,
                        "you said: hello");
}

static void
a_text_that_is_too_long_is_refused(void **state)
{
    struct harness *h = *state;
    uint64_t alice = harness_connect(h);
    char text[1026] = "";
    harness_attach(h, alice, NULL, NULL, NULL);
    memset(text, 'x', sizeof(text) - 1);

    const struct harness_answer *answer = say(h, alice, text);

    assert_int_equal(answer->status, SOTTO_EINVALID);
}

static void
a_stranger_is_not_answered(void **state)
{
    struct harness *h = *state;
    uint64_t stranger = harness_connect(h);

    const struct harness_answer *answer = say(h, stranger, "hello");

    assert_int_equal(answer->status, SOTTO_EAUTH);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_said_comes_back_behind_the_prefix, start, stop),
        cmocka_unit_test_setup_teardown(a_text_that_is_too_long_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(a_stranger_is_not_answered, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
