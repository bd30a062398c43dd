/* SPDX-License-Identifier: MIT */
/*
 * Test vectors made by others, for tests that read them: where they lie, JSON, and hex.
 *
 * The folder is $SOTTO_VECTORS, else ../shared/vectors seen from the project's root. It is not part
 * of the project: a test that finds it missing is skipped and says so, unless
 * SOTTO_REQUIRE_VECTORS=1, which makes that a failure. Functions named need_* fail the running
 * cmocka test with a sentence instead of returning an error, so that vector tests stay straight.
 */
#ifndef SOTTO_TEST_VECTORS_H
#define SOTTO_TEST_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* Bytes on the heap of the test; `data` is never NULL, even when `len` is 0. */
struct vec_bytes {
    uint8_t *data;
    size_t len;
};

/* Loads <folder>/<name>, for example "mls/tree-math.json". Skips the running test or fails it when
 * the folder is missing, fails it when the file is missing or is no JSON. The caller calls
 * json_decref. */
json_t *vectors_load(const char *name);

/* Prints "# <name> suite <suite>: <count> cases" and fails the test below `least`. A suite of 0 is
 * left out of the line. */
void vectors_report(const char *name, unsigned suite, size_t count, size_t least);

/* The cases of one suite in a file that is an array of cases with a "cipher_suite" each. */
struct vectors_of_suite {
    const char *file;
    uint16_t suite;
    size_t least; /* how many there have to be */
    void (*check)(const json_t *test_case, uint16_t suite);
};

/* A test whose initial state is a const struct vectors_of_suite *: checks each case, and reports as vectors_report
 * does. */
void vectors_hold(void **state);

/* Rows for a table of tests: suites 1 and 3, of which a file has equally many cases. */
#define VECTORS_OF_SUITE(file, suite, least, check)                            \
    {                                                                          \
        "official_vectors_of_suite_" #suite "_hold", vectors_hold, NULL, NULL, \
            (void *)(uintptr_t) & (const struct vectors_of_suite)              \
        {                                                                      \
            file, suite, least, check                                          \
        }                                                                      \
    }
#define VECTORS_OF_BOTH_SUITES(file, least, check) \
    VECTORS_OF_SUITE(file, 1, least, check), VECTORS_OF_SUITE(file, 3, least, check)

/* Value of a key; fails the test when it is missing. */
json_t *vec_need(const json_t *object, const char *key);
const char *vec_need_string(const json_t *object, const char *key);
uint64_t vec_need_uint(const json_t *object, const char *key);

/* Hex value of a key as bytes; the caller frees them with vec_free. */
struct vec_bytes vec_need_hex(const json_t *object, const char *key);

/* Hex value of a key that must be exactly `len` bytes long. */
void vec_need_hex_array(const json_t *object, const char *key, uint8_t *out, size_t len);

/* Decodes hex text (even length, either case); fails the test on anything else. */
struct vec_bytes vec_hex(const char *text);

/* Frees and clears; accepts a zeroed struct. */
void vec_free(struct vec_bytes *bytes);

/* Fails the test with both values in hex unless they are equal. */
void vec_assert_equal(const char *what, const uint8_t *got, size_t got_len, const uint8_t *want,
                      size_t want_len);

#endif
