/* SPDX-License-Identifier: MIT */
/*
 * Texts in the language of the reader, and how each language counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "text.h"

static int
speak_english(void **state)
{
    (void)state;
    return unsetenv(TEXT_LANGUAGE_VARIABLE);
}

static void
a_text_is_english_until_somebody_asks(void **state)
{
    (void)state;
    assert_string_equal(tr("Start a chat"), "Start a chat");

    setenv(TEXT_LANGUAGE_VARIABLE, "ru", 1);

    assert_string_equal(tr("Start a chat"), "Начать чат");
}

static void
a_language_without_catalogue_and_a_text_without_translation_are_english(void **state)
{
    (void)state;
    setenv(TEXT_LANGUAGE_VARIABLE, "xx", 1);
    assert_string_equal(tr("Start a chat"), "Start a chat");

    setenv(TEXT_LANGUAGE_VARIABLE, "ru", 1);

    assert_string_equal(tr(TR("no such text")), "no such text");
    assert_true(text_has_language("ru"));
    assert_true(text_has_language("en"));
    assert_false(text_has_language("xx"));
}

static void
russian_counts_in_three_forms(void **state)
{
    (void)state;
    static const struct {
        unsigned long long count;
        const char *text;
    } cases[] = {
        {0, "%zu устройств\n"},     {1, "%zu устройство\n"},      {2, "%zu устройства\n"},
        {4, "%zu устройства\n"},    {5, "%zu устройств\n"},       {11, "%zu устройств\n"},
        {12, "%zu устройств\n"},    {14, "%zu устройств\n"},      {21, "%zu устройство\n"},
        {22, "%zu устройства\n"},   {25, "%zu устройств\n"},      {101, "%zu устройство\n"},
        {111, "%zu устройств\n"},   {112, "%zu устройств\n"},     {121, "%zu устройство\n"},
        {1002, "%zu устройства\n"}, {1000000, "%zu устройств\n"},
    };
    setenv(TEXT_LANGUAGE_VARIABLE, "ru", 1);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(tr_count("%zu device\n", "%zu devices\n", cases[i].count),
                            cases[i].text);
}

static void
english_counts_in_two(void **state)
{
    (void)state;
    assert_string_equal(tr_count("%zu device\n", "%zu devices\n", 0), "%zu devices\n");
    assert_string_equal(tr_count("%zu device\n", "%zu devices\n", 1), "%zu device\n");
    assert_string_equal(tr_count("%zu device\n", "%zu devices\n", 21), "%zu devices\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_text_is_english_until_somebody_asks, speak_english),
        cmocka_unit_test_setup(
            a_language_without_catalogue_and_a_text_without_translation_are_english, speak_english),
        cmocka_unit_test_setup(russian_counts_in_three_forms, speak_english),
        cmocka_unit_test_setup(english_counts_in_two, speak_english),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
