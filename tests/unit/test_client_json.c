/* SPDX-License-Identifier: MIT */
/*
 * The terminal client's JSON writer: what leaves it can be read by anybody, whatever went in.
 */
#include "json.h"
#include "sotto_test.h"

static void
write_one(const char *text, char *out, size_t size)
{
    struct json json = {.out = fmemopen(out, size, "w")};
    json_string(&json, NULL, text);
    fclose(json.out);
}

static void
strings_are_escaped(void **state)
{
    (void)state;
    char out[128];
    write_one("a\"b\\c\n\x01\x7fä€😀", out, sizeof(out));
    assert_string_equal(out, "\"a\\\"b\\\\c\\n\\u0001\\u007fä€😀\"");
    write_one("\xc2\x9b"
              "2J\xc2\xa0",
              out, sizeof(out)); /* CSI, and a space that is none */
    assert_string_equal(out, "\"\\u009b2J\xc2\xa0\"");
}

static void
what_turns_a_line_is_escaped(void **state)
{
    (void)state;
    char out[128];
    write_one("a\u202eb\u2066c\u2069d\u2028e\u2013\u2070", out, sizeof(out));
    assert_string_equal(out, "\"a\\u202eb\\u2066c\\u2069d\\u2028e\u2013\u2070\"");
}

static void
bytes_that_are_not_utf8_are_replaced(void **state)
{
    (void)state;
    char out[128];
    const char *bad[] = {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_one(bad[i], out, sizeof(out));
        assert_non_null(strstr(out, "\\ufffd"));
        assert_null(strstr(out, bad[i]));
    }
}

static void
commas_stand_between_values_only(void **state)
{
    (void)state;
    char out[256] = "";
    struct json json = json_open(fmemopen(out, sizeof(out), "w"));
    json_string(&json, "a", NULL);
    json_begin(&json, "b", '[');
    json_int(&json, NULL, -1);
    json_uint(&json, NULL, UINT64_MAX);
    json_begin(&json, NULL, '{');
    json_end(&json, '}');
    json_end(&json, ']');
    json_bool(&json, "c", true);
    json_close(&json);
    json_begin(&json, NULL, '{');
    json_end(&json, '}');
    fclose(json.out);

    assert_string_equal(out, "{\"a\":null,\"b\":[-1,18446744073709551615,{}],\"c\":true}\n{}");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(strings_are_escaped),
    cmocka_unit_test(what_turns_a_line_is_escaped),
    cmocka_unit_test(bytes_that_are_not_utf8_are_replaced),
    cmocka_unit_test(commas_stand_between_values_only),
};

SOTTO_TEST_MAIN(tests)
