/* SPDX-License-Identifier: MIT */
/*
 * As much of cmocka as the vector tests of crypto/mls use, for their build to WebAssembly: what
 * fails is thrown to the JavaScript that runs them (shim.c).
 */
#ifndef SOTTO_WASM_CMOCKA_H
#define SOTTO_WASM_CMOCKA_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* setup and teardown are there for the shape of a table and stay NULL. */
struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
    void *initial_state;
};

#define cmocka_unit_test(function)            \
    {                                         \
#function, function, NULL, NULL, NULL \
    }
#define cmocka_run_group_tests(tests, setup, teardown) \
    shim_run(tests, sizeof(tests) / sizeof((tests)[0]))
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
    cmocka_run_group_tests(tests, setup, teardown)

int shim_run(const struct CMUnitTest *tests, size_t count);
void print_message(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void _fail(const char *file, int line);

#define shim_require(truth, text)      \
    do {                               \
        if (!(truth)) {                \
            print_error("%s\n", text); \
            _fail(__FILE__, __LINE__); \
        }                              \
    } while (0)

#define assert_true(value) shim_require(value, #value)
#define assert_false(value) shim_require(!(value), "not " #value)
#define assert_null(value) shim_require((value) == NULL, #value " is null")
#define assert_non_null(value) shim_require((value) != NULL, #value " is not null")
#define assert_int_equal(a, b) \
    shim_require((unsigned long long)(a) == (unsigned long long)(b), #a " == " #b)
#define assert_int_not_equal(a, b) \
    shim_require((unsigned long long)(a) != (unsigned long long)(b), #a " != " #b)
#define assert_in_range(a, low, high) \
    shim_require((a) >= (low) && (a) <= (high), #a " in " #low ".." #high)
#define assert_memory_equal(a, b, len) shim_require(memcmp(a, b, len) == 0, #a " as bytes of " #b)
#define assert_memory_not_equal(a, b, len) \
    shim_require(memcmp(a, b, len) != 0, #a " other than " #b)
#define assert_string_equal(a, b) shim_require(strcmp(a, b) == 0, #a " as text of " #b)

#endif
