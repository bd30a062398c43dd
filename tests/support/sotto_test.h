/* SPDX-License-Identifier: MIT */
/*
 * What every cmocka test of the house includes first. cmocka.h needs four standard headers before it, in this
 * order; and on top of it stand the few assertions that print names instead of numbers.
 *
 * A test file is a list of functions named as sentences, a table, and
 *
 *     SOTTO_TEST_MAIN(tests)
 */
#ifndef SOTTO_TEST_H
#define SOTTO_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's fail() would swallow every member of that name, such as the one of struct sotto_rpc_api. */
#undef fail
#undef fail_msg
#define fail_msg(...)                       \
    do {                                    \
        print_error("ERROR: " __VA_ARGS__); \
        print_error("\n");                  \
        _fail(__FILE__, __LINE__);          \
    } while (0)

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Passes if the expression is 0, the house's "no error". */
#define assert_ok(expression)                                             \
    do {                                                                  \
        const long long sotto_rc_ = (long long)(expression);              \
        if (sotto_rc_ != 0)                                               \
            fail_msg("%s: expected 0, got %lld", #expression, sotto_rc_); \
    } while (0)

/* Passes if the expression is exactly this error. */
#define assert_fails(expression, error)                                                           \
    do {                                                                                          \
        const long long sotto_rc_ = (long long)(expression);                                      \
        if (sotto_rc_ != (long long)(error))                                                      \
            fail_msg("%s: expected %s (%lld), got %lld", #expression, #error, (long long)(error), \
                     sotto_rc_);                                                                  \
    } while (0)

/* Whether a sanitizer brings its own allocator and maps its shadow; gcc says so by macros, clang by features. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SOTTO_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SOTTO_SANITIZED 1
#elif !defined(SOTTO_SANITIZED)
#define SOTTO_SANITIZED 0
#endif

/* Whether this run takes the long form of tests that have one (`make night`). */
static inline bool
sotto_night(void)
{
    const char *night = getenv("SOTTO_NIGHT");

    return night != NULL && strcmp(night, "1") == 0;
}

/* The main of a test program: runs the table of cmocka_unit_test(...) rows. */
#define SOTTO_TEST_MAIN(tests)                                           \
    int main(void)                                                       \
    {                                                                    \
        return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL); \
    }

#endif
