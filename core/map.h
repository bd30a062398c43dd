/* SPDX-License-Identifier: MIT */
/*
 * A hash map for keys that strangers choose: SipHash-2-4 under a random key (libsodium crypto_shorthash), so
 * that nobody can aim at one bucket. Nodes are intrusive; several nodes may carry the same key, which makes the
 * map an index as well. The bucket array doubles with the number of nodes, and growing that fails for want
 * of memory only makes chains longer. Not locked.
 *
 * The map keeps the hash in the node and asks the owner's `equal` to compare keys.
 */
#ifndef CORE_MAP_H
#define CORE_MAP_H

#include <sodium.h>

#include "sotto/types.h"

struct map_node {
    struct map_node *next;
    uint64_t hash;
};

/* Whether the node's key is these bytes. */
typedef bool map_equal_fn(const struct map_node *, const void *key, size_t size);

struct map {
    struct map_node **buckets;
    size_t mask; /* buckets - 1 */
    size_t count;
    map_equal_fn *equal;
    uint8_t secret[crypto_shorthash_KEYBYTES];
};

/* The object around a node. */
#define MAP_OF(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* SOTTO_ENOMEM. sodium_init has run. */
int map_init(struct map *, map_equal_fn *equal);
/* Frees the buckets; the nodes are their owners'. All zero is allowed. */
void map_fini(struct map *);

void map_add(struct map *, struct map_node *, const void *key, size_t size);
/* The node must be in the map. */
void map_remove(struct map *, struct map_node *);
/* First node with the key, and the next one with the same key; NULL: no (further) one. A node may be removed
 * after its successor has been asked for. */
struct map_node *map_get(const struct map *, const void *key, size_t size);
struct map_node *map_get_next(const struct map *, const struct map_node *, const void *key,
                              size_t size);
/* Calls fn for every node, which fn may remove. */
void map_each(struct map *, void (*fn)(struct map_node *, void *arg), void *arg);

#endif
