/* SPDX-License-Identifier: MIT */
/* Chains in a power-of-two array of buckets; see map.h. */
#include "core/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 16

static uint64_t
hash_of(const struct map *map, const void *key, size_t size)
{
    uint64_t hash;

    static_assert(crypto_shorthash_BYTES == sizeof(hash), "the hash fills one word");
    crypto_shorthash((uint8_t *)&hash, key, size, map->secret);
    return hash;
}

int
map_init(struct map *map, map_equal_fn *equal)
{
    struct map_node **buckets = calloc(BUCKETS_MIN, sizeof(*buckets));

    if (!buckets)
        return SOTTO_ENOMEM;
    *map = (struct map){.buckets = buckets, .mask = BUCKETS_MIN - 1, .equal = equal};
    crypto_shorthash_keygen(map->secret);
    return 0;
}

void
map_fini(struct map *map)
{
    free(map->buckets);
    memset(map, 0, sizeof(*map));
}

static void
grow(struct map *map)
{
    size_t size = (map->mask + 1) * 2;
    struct map_node **buckets = calloc(size, sizeof(*buckets));

    if (!buckets)
        return; /* longer chains are slower, not wrong */
    for (size_t i = 0; i <= map->mask; i++) {
        struct map_node *node = map->buckets[i];

        while (node) {
            struct map_node *next = node->next;
            struct map_node **bucket = &buckets[node->hash & (size - 1)];

            node->next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    free(map->buckets);
    map->buckets = buckets;
    map->mask = size - 1;
}

void
map_add(struct map *map, struct map_node *node, const void *key, size_t size)
{
    struct map_node **bucket;

    if (map->count > map->mask)
        grow(map);
    node->hash = hash_of(map, key, size);
    bucket = &map->buckets[node->hash & map->mask];
    node->next = *bucket;
    *bucket = node;
    map->count++;
}

void
map_remove(struct map *map, struct map_node *node)
{
    struct map_node **link = &map->buckets[node->hash & map->mask];

    while (*link != node) {
        assert(*link);
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    map->count--;
}

static struct map_node *
find(const struct map *map, struct map_node *node, uint64_t hash, const void *key, size_t size)
{
    while (node && (node->hash != hash || !map->equal(node, key, size)))
        node = node->next;
    return node;
}

struct map_node *
map_get(const struct map *map, const void *key, size_t size)
{
    uint64_t hash = hash_of(map, key, size);

    return find(map, map->buckets[hash & map->mask], hash, key, size);
}

struct map_node *
map_get_next(const struct map *map, const struct map_node *node, const void *key, size_t size)
{
    return find(map, node->next, node->hash, key, size);
}

void
map_each(struct map *map, void (*fn)(struct map_node *, void *arg), void *arg)
{
    for (size_t i = 0; i <= map->mask; i++) {
        struct map_node *node = map->buckets[i];

        while (node) {
            struct map_node *next = node->next;

            fn(node, arg);
            node = next;
        }
    }
}
