/* SPDX-License-Identifier: MIT */
/*
 * Memory of one request: allocated piece by piece, capped, freed and wiped at once.
 *
 * The first block is the caller's (a pooled one), further blocks come from malloc, at least ARENA_BLOCK_BYTES
 * each. The cap counts bytes handed out and their alignment; what would pass it gets NULL. As a
 * ProtobufCAllocator an arena bounds what decoding a hostile message can cost. One thread at a time.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include "sotto/types.h"

#define ARENA_BLOCK_BYTES 16384
#define ARENA_ALIGN 16

struct arena_block;

struct arena {
    uint8_t *at, *end; /* free part of the current block */
    uint8_t *first;    /* the caller's block */
    size_t first_used;
    struct arena_block *blocks; /* from malloc, newest first */
    size_t used, cap;
    bool overrun; /* something was refused */
    ProtobufCAllocator allocator;
};

/* first: size bytes that outlive the arena, or NULL with 0. */
void arena_init(struct arena *, void *first, size_t size, size_t cap);
/* Frees what came from malloc. All zero is allowed. */
void arena_fini(struct arena *);
void arena_set_cap(struct arena *, size_t cap);
/* Not zeroed, aligned to 16. NULL: over the cap or out of memory; overrun tells that it was the cap. */
void *arena_alloc(struct arena *, size_t size);
void *arena_zalloc(struct arena *, size_t size);
/* What protobuf_c_message_unpack takes; free does nothing. */
ProtobufCAllocator *arena_allocator(struct arena *);

#endif
