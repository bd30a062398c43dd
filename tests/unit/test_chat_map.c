/* SPDX-License-Identifier: MIT */
/* The chat module's table of ids: what strangers choose must not pile up in one place (D9). */
#include "sotto_test.h"

#include <sodium.h>

#include "chat_map.h"

#define MANY 100000

struct row {
    uint8_t id[16];
    uint32_t number;
};

/* The longest way from where a search begins to where it ends, as linear probing goes: the longest run of full
 * slots. */
static size_t
longest_run(const struct chat_map *map)
{
    size_t longest = 0, run = 0;

    for (size_t i = 0; i < 2 * map->capacity; i++) { /* twice round: a run may pass the end */
        run = map->slots[i & (map->capacity - 1)] != NULL ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void
expect_short_runs(void (*choose)(uint8_t id[16], uint32_t number))
{
    struct row *rows = calloc(MANY, sizeof(*rows));
    struct chat_map map;

    chat_map_init(&map, 16);
    for (uint32_t i = 0; i < MANY; i++) {
        choose(rows[i].id, i);
        assert_ok(chat_map_add(&map, &rows[i]));
    }

    assert_int_equal(map.count, MANY);
    for (uint32_t i = 0; i < MANY; i += 997)
        assert_ptr_equal(chat_map_find(&map, rows[i].id), &rows[i]);
    assert_true(longest_run(&map) < 200);
    chat_map_fini(&map);
    free(rows);
}

static void
differ_at_the_end(uint8_t id[16], uint32_t number)
{
    memcpy(id + 12, &number, 4);
}

static void
differ_at_the_start(uint8_t id[16], uint32_t number)
{
    memcpy(id, &number, 4);
}

static void
share_low_bits(uint8_t id[16], uint32_t number)
{
    const uint64_t wide = (uint64_t)number << 20;

    memcpy(id, &wide, 8);
    memcpy(id + 8, &wide, 8);
}

static void
ids_that_collide_elsewhere_spread_here(void **state)
{
    (void)state;
    expect_short_runs(differ_at_the_end);
    expect_short_runs(differ_at_the_start);
    expect_short_runs(share_low_bits);
}

static void
two_tables_keep_the_same_ids_in_different_places(void **state)
{
    struct chat_map one, other;
    struct row rows[32] = {{{0}, 0}};
    size_t alike = 0;

    (void)state;
    chat_map_init(&one, 16);
    chat_map_init(&other, 16);
    for (uint32_t i = 0; i < 32; i++) {
        rows[i].id[0] = (uint8_t)i;
        assert_ok(chat_map_add(&one, &rows[i]));
        assert_ok(chat_map_add(&other, &rows[i]));
    }
    for (size_t i = 0; i < one.capacity; i++)
        alike += one.slots[i] != NULL && one.slots[i] == other.slots[i];

    assert_true(alike < 16); /* under one key it would be all 32 */
    chat_map_fini(&one);
    chat_map_fini(&other);
}

static void
numbers_in_order_are_found(void **state)
{
    uint32_t *numbers = calloc(MANY, sizeof(*numbers));
    uint32_t absent = MANY + 1;
    struct chat_map map;

    (void)state;
    chat_map_init(&map, sizeof(uint32_t));
    for (uint32_t i = 0; i < MANY; i++) {
        numbers[i] = i + 1;
        assert_ok(chat_map_add(&map, &numbers[i]));
    }

    for (uint32_t i = 0; i < MANY; i++)
        assert_ptr_equal(chat_map_find(&map, &numbers[i]), &numbers[i]);
    assert_null(chat_map_find(&map, &absent));
    assert_true(longest_run(&map) < 200);
    chat_map_fini(&map);
    free(numbers);
}

/* Every third goes; the others are found, also those that had been pushed on by one that is gone. */
static void
what_is_removed_is_gone_and_the_rest_is_found(void **state)
{
    struct row *rows = calloc(MANY, sizeof(*rows));
    struct chat_map map;

    (void)state;
    chat_map_init(&map, 16);
    for (uint32_t i = 0; i < MANY; i++) {
        differ_at_the_end(rows[i].id, i);
        assert_ok(chat_map_add(&map, &rows[i]));
    }
    for (uint32_t i = 0; i < MANY; i += 3) {
        chat_map_remove(&map, rows[i].id);
        chat_map_remove(&map, rows[i].id); /* nothing */
    }
    for (uint32_t i = 0; i < MANY; i++)
        assert_ptr_equal(chat_map_find(&map, rows[i].id), i % 3 == 0 ? NULL : &rows[i]);
    assert_int_equal(map.count, MANY - (MANY + 2) / 3);
    chat_map_fini(&map);
    free(rows);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(ids_that_collide_elsewhere_spread_here),
    cmocka_unit_test(two_tables_keep_the_same_ids_in_different_places),
    cmocka_unit_test(numbers_in_order_are_found),
    cmocka_unit_test(what_is_removed_is_gone_and_the_rest_is_found),
};

SOTTO_TEST_MAIN(tests)
