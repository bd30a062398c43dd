/* SPDX-License-Identifier: MIT */
/*
 * Bump allocation. What was handed out is wiped when the arena ends: requests carry tokens and
 * ciphertext, and their blocks are pooled and used by the next client.
 */
#include "core/arena.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *next;
    size_t size; /* bytes after the header */
    uint8_t pad[ARENA_ALIGN - (sizeof(void *) + sizeof(size_t)) % ARENA_ALIGN];
};

static void *
protobuf_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void
protobuf_free(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

static uint8_t *
align_up(uint8_t *at)
{
    return at + (-(uintptr_t)at & (ARENA_ALIGN - 1));
}

void
arena_init(struct arena *arena, void *first, size_t size, size_t cap)
{
    uint8_t *start = first ? align_up(first) : NULL;

    *arena = (struct arena){
        .first = start,
        .at = start,
        .end = first ? (uint8_t *)first + size : NULL,
        .cap = cap,
        .allocator = {.alloc = protobuf_alloc, .free = protobuf_free, .allocator_data = arena},
    };
}

void
arena_fini(struct arena *arena)
{
    struct arena_block *block = arena->blocks;

    if (arena->first)
        sodium_memzero(arena->first, arena->first_used);
    while (block) {
        struct arena_block *next = block->next;

        sodium_memzero(block + 1, block->size);
        free(block);
        block = next;
    }
    memset(arena, 0, sizeof(*arena));
}

void
arena_set_cap(struct arena *arena, size_t cap)
{
    arena->cap = cap;
}

/* A new block for at least size bytes. It grows with what the arena holds, so big requests take few. */
static bool
add_block(struct arena *arena, size_t size)
{
    size_t room = arena->used > ARENA_BLOCK_BYTES ? arena->used : ARENA_BLOCK_BYTES;
    struct arena_block *block;

    if (room > arena->cap - arena->used)
        room = arena->cap - arena->used;
    if (room < size)
        room = size;
    block = malloc(sizeof(*block) + room);
    if (!block)
        return false;
    block->next = arena->blocks;
    block->size = room;
    arena->blocks = block;
    arena->at = (uint8_t *)(block + 1);
    arena->end = arena->at + room;
    return true;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    void *memory;

    if (rounded < size || rounded > arena->cap - arena->used) {
        arena->overrun = true;
        return NULL;
    }
    if (!arena->at || rounded > (size_t)(arena->end - arena->at))
        if (!add_block(arena, rounded))
            return NULL;
    memory = arena->at;
    arena->at += rounded;
    arena->used += rounded;
    if (!arena->blocks)
        arena->first_used = (size_t)(arena->at - arena->first);
    return memory;
}

void *
arena_zalloc(struct arena *arena, size_t size)
{
    void *memory = arena_alloc(arena, size);

    if (memory)
        memset(memory, 0, size);
    return memory;
}

ProtobufCAllocator *
arena_allocator(struct arena *arena)
{
    return &arena->allocator;
}
