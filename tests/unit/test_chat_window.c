/* SPDX-License-Identifier: MIT */
/* The dedupe window of a device: what it knows, what it forgets, and its compact form. */
#include "sotto_test.h"

#include "chat_writer.h"

/* A small generator, so that every run is the same. */
static uint32_t
next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void
an_empty_window_knows_nothing_and_packs_to_nothing(void **state)
{
    struct chat_window window = {0};
    struct chat_answer answer;
    uint8_t packed[CHAT_WINDOW_BYTES_MAX];

    (void)state;
    assert_int_equal(window_look(&window, 1, &answer), WINDOW_NEW);
    assert_int_equal(window_pack(&window, packed), 0);
    assert_true(window_unpack(&window, 0, packed, 0));
}

static void
counters_are_known_until_128_others_came(void **state)
{
    struct chat_window window = {0};
    struct chat_answer answer;

    (void)state;
    for (uint64_t counter = 1; counter <= 128; counter++)
        window_note(&window, counter, (struct chat_answer){7, (uint32_t)counter});
    assert_int_equal(window_look(&window, 1, &answer), WINDOW_REPEAT);
    assert_int_equal(answer.seq, 1);

    window_note(&window, 129, (struct chat_answer){7, 129});
    assert_int_equal(window_look(&window, 1, &answer), WINDOW_OLD);
    assert_int_equal(window_look(&window, 2, &answer), WINDOW_REPEAT);
}

static void
a_jump_forgets_what_it_leaves_behind_and_knows_nothing_in_between(void **state)
{
    struct chat_window window = {0};
    struct chat_answer answer;

    (void)state;
    for (uint64_t counter = 1; counter <= 128; counter++)
        window_note(&window, counter, (struct chat_answer){7, (uint32_t)counter});
    window_note(&window, 200, (struct chat_answer){7, 129});

    for (uint64_t counter = 73; counter <= 128; counter++)
        assert_int_equal(window_look(&window, counter, &answer), WINDOW_REPEAT);
    for (uint64_t counter = 129; counter < 200; counter++)
        assert_int_equal(window_look(&window, counter, &answer), WINDOW_NEW);
    window_note(&window, INT64_MAX, (struct chat_answer){7, 130});
    assert_int_equal(window_look(&window, 200, &answer), WINDOW_OLD);
    assert_int_equal(window_look(&window, INT64_MAX - 1, &answer), WINDOW_NEW);
}

static void
what_is_packed_unpacks_to_the_same_answers(void **state)
{
    struct chat_window window = {0}, copy = {0};
    uint8_t packed[CHAT_WINDOW_BYTES_MAX];
    uint32_t seed = 4711;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        const uint64_t counter = window.top + 1 + (next(&seed) % 16 == 0 ? next(&seed) % 200 : 0);
        const uint32_t chat = next(&seed) % 3 == 0 ? INT32_MAX - next(&seed) % 3 : 1;
        size_t size;

        window_note(&window, counter, (struct chat_answer){chat, next(&seed) << 8 | round % 256});
        size = window_pack(&window, packed);
        assert_true(size <= sizeof(packed));
        assert_true(window_unpack(&copy, window.top, packed, size));
        for (uint64_t i = 0; i < CHAT_WINDOW && i < window.top; i++) {
            struct chat_answer a = {0}, b = {0};

            assert_int_equal(window_look(&window, window.top - i, &a),
                             window_look(&copy, window.top - i, &b));
            assert_memory_equal(&a, &b, sizeof(a));
        }
    }
}

static void
a_device_that_writes_into_one_chat_has_a_small_row(void **state)
{
    struct chat_window window = {0};
    uint8_t packed[CHAT_WINDOW_BYTES_MAX];

    (void)state;
    for (uint64_t counter = 1; counter <= 1000; counter++)
        window_note(&window, counter, (struct chat_answer){12345, (uint32_t)(50000 + 3 * counter)});
    assert_true(window_pack(&window, packed) <= 2 * CHAT_WINDOW + 8);
}

static void
bytes_that_pack_did_not_make_are_refused(void **state)
{
    static const uint8_t same_without_first[] = {1, 2};
    static const uint8_t half[] = {0x80};
    static const uint8_t no_seq[] = {5};
    uint8_t many[CHAT_WINDOW + 1] = {0};
    struct chat_window window = {0};

    (void)state;
    assert_false(window_unpack(&window, 200, same_without_first, 2));
    assert_false(window_unpack(&window, 200, half, 1));
    assert_false(window_unpack(&window, 200, no_seq, 1));
    assert_false(window_unpack(&window, 200, many, sizeof(many)));
    assert_false(window_unpack(&window, 1, many, 2));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_empty_window_knows_nothing_and_packs_to_nothing),
    cmocka_unit_test(counters_are_known_until_128_others_came),
    cmocka_unit_test(a_jump_forgets_what_it_leaves_behind_and_knows_nothing_in_between),
    cmocka_unit_test(what_is_packed_unpacks_to_the_same_answers),
    cmocka_unit_test(a_device_that_writes_into_one_chat_has_a_small_row),
    cmocka_unit_test(bytes_that_pack_did_not_make_are_refused),
};

SOTTO_TEST_MAIN(tests)
