/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing, at most half full. Objects are never taken out one by one. */
#include "chat_map.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "sotto/error.h"

#define CAPACITY_MIN 64

void
chat_map_init(struct chat_map *map, size_t key_size)
{
    *map = (struct chat_map){.key_size = key_size};
    randombytes_buf(map->hash_key, sizeof(map->hash_key));
}

void
chat_map_fini(struct chat_map *map)
{
    free(map->slots);
    map->slots = NULL;
    map->capacity = map->count = 0;
}

/* Strangers choose ids; numbers are given out in order by this module, and spreading them is enough. */
static uint64_t
hash_of(const struct chat_map *map, const void *key)
{
    uint64_t hash;
    uint32_t number;

    if (map->key_size == sizeof(number)) {
        memcpy(&number, key, sizeof(number));
        return (number * UINT64_C(0x9e3779b97f4a7c15)) >> 32; /* 2^64 / the golden ratio */
    }
    crypto_shorthash((unsigned char *)&hash, key, map->key_size, map->hash_key);
    return hash;
}

/* The slot of the key, or the free one where it belongs. The table has a free slot. */
static void **
find_slot(const struct chat_map *map, const void *key)
{
    for (size_t i = hash_of(map, key) & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1))
        if (map->slots[i] == NULL || memcmp(map->slots[i], key, map->key_size) == 0)
            return &map->slots[i];
}

void *
chat_map_find(const struct chat_map *map, const void *key)
{
    return map->count > 0 ? *find_slot(map, key) : NULL;
}

static int
grow(struct chat_map *map)
{
    struct chat_map old = *map;
    const size_t capacity = old.capacity > 0 ? 2 * old.capacity : CAPACITY_MIN;
    void **slots = calloc(capacity, sizeof(*slots));

    if (slots == NULL)
        return SOTTO_ENOMEM;
    map->slots = slots;
    map->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i] != NULL)
            *find_slot(map, old.slots[i]) = old.slots[i];
    free(old.slots);
    return SOTTO_OK;
}

int
chat_map_add(struct chat_map *map, void *object)
{
    if (2 * (map->count + 1) > map->capacity && grow(map) != SOTTO_OK)
        return SOTTO_ENOMEM;
    *find_slot(map, object) = object;
    map->count++;
    return SOTTO_OK;
}

/* What was pushed beyond its place by the one that goes moves up, so that no search ends too early. */
void
chat_map_remove(struct chat_map *map, const void *key)
{
    const size_t mask = map->capacity - 1;
    size_t hole;

    if (chat_map_find(map, key) == NULL)
        return;
    hole = (size_t)(find_slot(map, key) - map->slots);
    for (size_t i = (hole + 1) & mask; map->slots[i] != NULL; i = (i + 1) & mask) {
        const size_t home = hash_of(map, map->slots[i]) & mask;

        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        map->slots[hole] = map->slots[i];
        hole = i;
    }
    map->slots[hole] = NULL;
    map->count--;
}

void *
chat_map_next(const struct chat_map *map, size_t *cursor)
{
    while (*cursor < map->capacity) {
        void *object = map->slots[(*cursor)++];

        if (object != NULL)
            return object;
    }
    return NULL;
}

void
chat_map_clear(struct chat_map *map)
{
    if (map->slots != NULL)
        memset(map->slots, 0, map->capacity * sizeof(*map->slots));
    map->count = 0;
}
