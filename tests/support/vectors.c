/* SPDX-License-Identifier: MIT */
/*
 * Vectors made by others: see vectors.h. How their files are found is in vectors_load.c.
 */
#include "vectors.h"

#include "sotto_test.h"

void
vectors_report(const char *name, unsigned suite, size_t count, size_t least)
{
    if (suite)
        print_message("# %s suite %u: %zu cases\n", name, suite, count);
    else
        print_message("# %s: %zu cases\n", name, count);
    if (count < least)
        fail_msg("%s: %zu cases, expected at least %zu", name, count, least);
}

void
vectors_hold(void **state)
{
    const struct vectors_of_suite *job = *state;
    json_t *root = vectors_load(job->file);
    const json_t *test_case;
    size_t i, count = 0;

    json_array_foreach(root, i, test_case)
    {
        if (vec_need_uint(test_case, "cipher_suite") != job->suite)
            continue;
        job->check(test_case, job->suite);
        count++;
    }
    vectors_report(job->file, job->suite, count, job->least);
    json_decref(root);
}

json_t *
vec_need(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    if (!value)
        fail_msg("vector has no member \"%s\"", key);
    return value;
}

const char *
vec_need_string(const json_t *object, const char *key)
{
    const char *text = json_string_value(vec_need(object, key));

    if (!text)
        fail_msg("member \"%s\" is no string", key);
    return text;
}

uint64_t
vec_need_uint(const json_t *object, const char *key)
{
    const json_t *value = vec_need(object, key);

    if (!json_is_integer(value))
        fail_msg("member \"%s\" is no integer", key);
    return (uint64_t)json_integer_value(value);
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

struct vec_bytes
vec_hex(const char *text)
{
    const size_t digits = strlen(text);
    struct vec_bytes bytes = {.data = malloc(digits / 2 + 1), .len = digits / 2};

    if (!bytes.data)
        fail_msg("out of memory");
    if (digits % 2)
        fail_msg("odd number of hex digits: %s", text);
    for (size_t i = 0; i < bytes.len; i++) {
        const int high = hex_digit(text[2 * i]);
        const int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            fail_msg("not hex: %s", text);
        bytes.data[i] = (uint8_t)(high << 4 | low);
    }
    return bytes;
}

struct vec_bytes
vec_need_hex(const json_t *object, const char *key)
{
    return vec_hex(vec_need_string(object, key));
}

void
vec_need_hex_array(const json_t *object, const char *key, uint8_t *out, size_t len)
{
    struct vec_bytes bytes = vec_need_hex(object, key);

    if (bytes.len != len)
        fail_msg("member \"%s\" has %zu bytes, expected %zu", key, bytes.len, len);
    memcpy(out, bytes.data, len);
    vec_free(&bytes);
}

void
vec_free(struct vec_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct vec_bytes){0};
}

static void
print_hex(const char *name, const uint8_t *data, size_t len)
{
    print_error("%s (%zu): ", name, len);
    for (size_t i = 0; i < len; i++)
        print_error("%02x", data[i]);
    print_error("\n");
}

void
vec_assert_equal(const char *what, const uint8_t *got, size_t got_len, const uint8_t *want,
                 size_t want_len)
{
    if (got_len == want_len && (want_len == 0 || memcmp(got, want, want_len) == 0))
        return;
    print_hex("got", got, got_len);
    print_hex("want", want, want_len);
    fail_msg("%s differs", what);
}
