/* SPDX-License-Identifier: MIT */
/*
 * The house rules that the compiler flags promise, seen from inside a test program: asserts are compiled in, and
 * the language is the one the project is written in. Everything else relies on these two.
 */
#include "sotto_test.h"

static void
asserts_stay_in_every_build_type(void **state)
{
    (void)state;
#ifdef NDEBUG
    fail_msg("NDEBUG is defined: assert() would vanish from this build");
#endif
}

static void
the_language_is_c11(void **state)
{
    (void)state;
    assert_int_equal(__STDC_VERSION__, 201112L);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(asserts_stay_in_every_build_type),
    cmocka_unit_test(the_language_is_c11),
};

SOTTO_TEST_MAIN(tests)
