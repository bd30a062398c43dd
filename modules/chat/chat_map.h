/* SPDX-License-Identifier: MIT */
/*
 * A hash table of pointers to objects that begin with their key.
 *
 * Keys have one length a table. Ids are hashed under a random key (SipHash), since strangers choose them; keys of four
 * bytes are numbers that this module gives out. The table does not own the objects.
 */
#ifndef CHAT_MAP_H
#define CHAT_MAP_H

#include <stddef.h>
#include <stdint.h>

struct chat_map {
    void **slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    size_t key_size;
    uint8_t hash_key[16];
};

void chat_map_init(struct chat_map *map, size_t key_size);
/* Frees the slots; the objects are the caller's. Accepts a zeroed map. */
void chat_map_fini(struct chat_map *map);

/* NULL: not there. */
void *chat_map_find(const struct chat_map *map, const void *key);
/* Adds an object whose key is not in the table. SOTTO_ENOMEM. */
int chat_map_add(struct chat_map *map, void *object);
/* Forgets the object with this key, if there is one. */
void chat_map_remove(struct chat_map *map, const void *key);
/* Walks all objects in no order: start with *cursor = 0; NULL at the end. No adding meanwhile. */
void *chat_map_next(const struct chat_map *map, size_t *cursor);
/* Forgets all objects and keeps the room. */
void chat_map_clear(struct chat_map *map);

#endif
