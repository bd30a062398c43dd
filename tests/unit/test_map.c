/* SPDX-License-Identifier: MIT */
/* The hash map: several nodes a key, growth, removal while walking, keys that collide on purpose elsewhere. */
#include "sotto_test.h"

#include "core/map.h"

#define MANY 100000

struct entry {
    struct map_node node;
    uint32_t key;
    unsigned serial;
};

static bool
equal(const struct map_node *node, const void *key, size_t size)
{
    return size == 4 && memcmp(&MAP_OF(node, struct entry, node)->key, key, 4) == 0;
}

static int
setup(void **state)
{
    struct map *map = calloc(1, sizeof(*map));

    assert_true(sodium_init() >= 0);
    assert_ok(map_init(map, equal));
    *state = map;
    return 0;
}

static int
teardown(void **state)
{
    map_fini(*state);
    free(*state);
    return 0;
}

static void
what_was_added_is_found_and_what_was_removed_is_not(void **state)
{
    struct map *map = *state;
    struct entry *entries = calloc(MANY, sizeof(*entries));

    for (uint32_t i = 0; i < MANY; i++) {
        entries[i].key = i;
        map_add(map, &entries[i].node, &entries[i].key, 4);
    }
    for (uint32_t i = 0; i < MANY; i += 2)
        map_remove(map, &entries[i].node);

    assert_int_equal(map->count, MANY / 2);
    for (uint32_t i = 0; i < MANY; i++) {
        struct map_node *node = map_get(map, &i, 4);

        assert_ptr_equal(node, i % 2 ? &entries[i].node : NULL);
    }
    free(entries);
}

static void
one_key_may_have_many_nodes(void **state)
{
    struct map *map = *state;
    struct entry entries[10] = {{.key = 0}};
    uint32_t key = 7;
    unsigned seen = 0;

    for (unsigned i = 0; i < 10; i++) {
        entries[i].key = i % 2 ? 7 : 100 + i;
        entries[i].serial = i;
        map_add(map, &entries[i].node, &entries[i].key, 4);
    }
    for (struct map_node *node = map_get(map, &key, 4); node;
         node = map_get_next(map, node, &key, 4))
        seen |= 1u << MAP_OF(node, struct entry, node)->serial;

    assert_int_equal(seen, 0x2aa);
}

static void
chains_stay_short_whatever_the_keys(void **state)
{
    struct map *map = *state;
    struct entry *entries = calloc(MANY, sizeof(*entries));
    size_t longest = 0;

    for (uint32_t i = 0; i < MANY; i++) {
        entries[i].key = i << 12; /* low bits alike: a plain mask would put all into one bucket */
        map_add(map, &entries[i].node, &entries[i].key, 4);
    }
    for (size_t i = 0; i <= map->mask; i++) {
        size_t length = 0;

        for (struct map_node *node = map->buckets[i]; node; node = node->next)
            length++;
        longest = length > longest ? length : longest;
    }

    assert_true(map->mask + 1 >= MANY / 2);
    assert_true(longest < 16);
    free(entries);
}

static void
remove_it(struct map_node *node, void *arg)
{
    map_remove(arg, node);
}

static void
a_walk_may_remove_what_it_meets(void **state)
{
    struct map *map = *state;
    struct entry entries[100] = {{.key = 0}};

    for (uint32_t i = 0; i < 100; i++) {
        entries[i].key = i;
        map_add(map, &entries[i].node, &entries[i].key, 4);
    }
    map_each(map, remove_it, map);

    assert_int_equal(map->count, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    CASE(what_was_added_is_found_and_what_was_removed_is_not),
    CASE(one_key_may_have_many_nodes),
    CASE(chains_stay_short_whatever_the_keys),
    CASE(a_walk_may_remove_what_it_meets),
};

SOTTO_TEST_MAIN(tests)
