/* SPDX-License-Identifier: MIT */
/*
 * What stands on a terminal: harmless, wrapped by the width of its characters, and how many rows a
 * line that is being typed takes.
 */
#include "sotto_test.h"

#include "clean.h"
#include "editor.h"
#include "view.h"

#include <locale.h>

static int
know_utf8(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") == NULL;
}

/* The text as a terminal of that width would get it. */
static void
assert_shown(const char *text, int columns, int column, const char *expected)
{
    char *shown = NULL;
    size_t size = 0;
    struct view view = {.out = open_memstream(&shown, &size), .columns = columns};

    view_text(&view, text, column, 2);

    fclose(view.out);
    assert_string_equal(shown, expected);
    free(shown);
}

static void
words_are_kept_whole_where_they_fit(void **state)
{
    (void)state;
    assert_shown("one two three four", 10, 0, "one two \n  three \n  four");
    assert_shown("one two three four", 0, 0, "one two three four");
    assert_shown("one", 10, 8, "\n  one");
    assert_shown("first\nsecond", 80, 0, "first\n  second");
}

static void
a_word_that_is_longer_than_a_line_is_broken(void **state)
{
    (void)state;
    assert_shown("abcdefghijklmnop", 10, 0, "abcdefgh\n  ijklmnop");
}

static void
wide_and_combining_characters_count_what_they_take(void **state)
{
    (void)state;
    assert_int_equal(view_width("abc"), 3);
    assert_int_equal(view_width("日本"), 4);
    assert_int_equal(view_width("e\xcc\x81"), 1); /* e and a combining acute */
    assert_int_equal(view_width("🙂"), 2);
    assert_int_equal(view_width("\1\033[1m\1ab\1\033[0m\1"), 2);
    assert_shown("日本語日本語", 10, 0, "日本語日\n  本語");
}

static void
what_gives_orders_to_a_terminal_is_shown_instead(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *line;
    } cases[] = {
        {"plain, привет, 日本, 🙂", "plain, привет, 日本, 🙂"},
        {"\033[2J\a\x7f", "\xef\xbf\xbd[2J\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc2\x9b"
         "31m",
         "\xef\xbf\xbd"
         "31m"},
        {"a\xe2\x80\xae"
         "b",
         "a<U+202E>b"},
        {"\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9", "<U+202A><U+2066><U+2069>"},
        {"\xe2\x80\xa8", "<U+2028>"},
        {"two\nlines\tand", "two lines and"},
        /* no UTF-8: a lone byte, overlong, a surrogate, cut short */
        {"\xff", "\xef\xbf\xbd"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[100];

        clean_line(cases[i].text, line, sizeof(line));

        assert_string_equal(line, cases[i].line);
    }
}

static void
a_line_is_cut_between_two_characters(void **state)
{
    (void)state;
    char line[6];

    clean_line("привет", line, sizeof(line));

    assert_string_equal(line, "пр");
}

static void
the_rows_of_a_line_follow_the_edge_of_the_terminal(void **state)
{
    (void)state;
    assert_int_equal(editor_rows("> ", "", 10), 0);
    assert_int_equal(editor_rows("> ", "1234567", 10), 0);
    assert_int_equal(editor_rows("> ", "12345678", 10), 1);
    assert_int_equal(editor_rows("> ", "1234567日", 10), 1); /* does not hang over the edge */
    assert_int_equal(editor_rows("> ", "123456789012345678", 10), 2);
    assert_int_equal(editor_rows("\1\033[1m\1> ", "1234567", 10), 0);
    assert_int_equal(editor_rows("> ", "long", 0), 0);
}

/* A server may put a message into any year. */
static void
a_day_that_no_calendar_has_is_a_day_like_another(void **state)
{
    (void)state;
    static const int64_t times_ms[] = {INT64_C(1) << 62, INT64_MAX, INT64_MIN, 0};
    char *shown = NULL;
    size_t size = 0;
    struct view view = {.out = open_memstream(&shown, &size)};
    struct sotto_client_message message = {
        .kind = "text", .from = "bob", .text = "late", .state = "sent"};

    for (size_t i = 0; i < sizeof(times_ms) / sizeof(times_ms[0]); i++) {
        message.ts = times_ms[i];
        view_message(&view, &message);
        view_message(&view, &message);
    }

    fclose(view.out);
    size_t days = 0;
    for (const char *at = shown; (at = strstr(at, "--- ")); at += 4)
        days++;
    assert_int_equal(days, 4); /* a line for each, however often it comes */
    free(shown);
}

/* Lines of a terminal of 30 columns; each message is longer than that. */
static void
events_and_states_are_wrapped_like_texts(void **state)
{
    (void)state;
    static const char *const users[] = {"bartholomew", "constantine", "maximiliana"};
    const struct sotto_client_message messages[] = {
        {.kind = "key_changed", .from = "bob", .state = "sent"},
        {.kind = "member_added", .from = "bob", .users = users, .user_count = 3, .state = "sent"},
        {.kind = "gap", .from = "bob", .text = "4..5", .state = "sent"},
        {.kind = "bad_commit", .from = "bob", .text = "it breaks another rule", .state = "sent"},
        {.kind = "text",
         .from = "bob",
         .text = "hello",
         .own = true,
         .state = "failed",
         .reason = "the chat has too many devices"},
    };

    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        char *shown = NULL, *rest;
        size_t size = 0, lines = 0;
        struct view view = {.out = open_memstream(&shown, &size), .columns = 30};

        view_message(&view, &messages[i]);

        fclose(view.out);
        for (char *line = strtok_r(shown, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
            assert_in_range(view_width(line), 1, 30);
            lines += strncmp(line, "---", 3) != 0;
        }
        assert_true(lines > 1);
        free(shown);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_kept_whole_where_they_fit),
        cmocka_unit_test(a_word_that_is_longer_than_a_line_is_broken),
        cmocka_unit_test(wide_and_combining_characters_count_what_they_take),
        cmocka_unit_test(what_gives_orders_to_a_terminal_is_shown_instead),
        cmocka_unit_test(a_line_is_cut_between_two_characters),
        cmocka_unit_test(the_rows_of_a_line_follow_the_edge_of_the_terminal),
        cmocka_unit_test(a_day_that_no_calendar_has_is_a_day_like_another),
        cmocka_unit_test(events_and_states_are_wrapped_like_texts),
    };
    return cmocka_run_group_tests(tests, know_utf8, NULL);
}
