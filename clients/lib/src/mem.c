/* SPDX-License-Identifier: MIT */
/*
 * Owned bytes and the capped decoder. Everything here may have held a secret (a token, a key, a
 * text), so everything is wiped on its way out.
 */
#include "mem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BASE_BYTES 65536
#define ARENA_FACTOR 16

void *
mem_alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory) {
        fputs("sotto: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void
buf_fini(struct buf *buf)
{
    if (buf->data) {
        sodium_memzero(buf->data, buf->cap);
        free(buf->data);
    }
    *buf = (struct buf){0};
}

void
buf_reserve(struct buf *buf, size_t more)
{
    if (more <= buf->cap - buf->len)
        return;
    size_t cap = buf->cap ? buf->cap : 64;
    while (cap - buf->len < more) {
        if (cap > SIZE_MAX / 2)
            abort();
        cap *= 2;
    }
    struct buf bigger = {.data = mem_alloc(1, cap), .len = buf->len, .cap = cap};
    if (buf->len)
        memcpy(bigger.data, buf->data, buf->len);
    buf_fini(buf);
    *buf = bigger;
}

void
buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    buf_reserve(buf, len);
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
}

void
buf_set(struct buf *buf, const void *data, size_t len)
{
    struct buf fresh = {0};
    buf_append(&fresh, data, len);
    buf_fini(buf);
    *buf = fresh;
}

void
buf_pack(struct buf *buf, const ProtobufCMessage *message)
{
    struct buf fresh = {0};
    buf_reserve(&fresh, protobuf_c_message_get_packed_size(message) + 1);
    fresh.len = protobuf_c_message_pack(message, fresh.data);
    buf_fini(buf);
    *buf = fresh;
}

/* ---- the capped decoder ---------------------------------------------------------------------- */

/* Every block carries its size in front, so that a ceiling can be kept and blocks can be wiped. */
union block {
    size_t size;
    max_align_t align;
};

/* What is left of the ceiling while one message is decoded. */
struct budget {
    size_t left;
};

static void *
budget_alloc(void *arg, size_t size)
{
    struct budget *budget = arg;
    if (size > budget->left)
        return NULL;
    budget->left -= size;
    union block *block = mem_alloc(1, sizeof(*block) + size);
    block->size = size;
    return block + 1;
}

static void
wiping_free(void *arg, void *memory)
{
    (void)arg;
    if (!memory)
        return;
    union block *block = (union block *)memory - 1;
    size_t size = sizeof(*block) + block->size;
    sodium_memzero(block, size);
    free(block);
}

void *
pb_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len)
{
    if (len > SIZE_MAX / ARENA_FACTOR - ARENA_BASE_BYTES)
        return NULL;
    struct budget budget = {.left = ARENA_BASE_BYTES + ARENA_FACTOR * len};
    ProtobufCAllocator allocator = {
        .alloc = budget_alloc,
        .free = wiping_free,
        .allocator_data = &budget,
    };
    return protobuf_c_message_unpack(type, &allocator, len, data ? data : (const uint8_t *)"");
}

void
pb_free(void *message)
{
    ProtobufCAllocator allocator = {.alloc = NULL, .free = wiping_free, .allocator_data = NULL};
    if (message)
        protobuf_c_message_free_unpacked(message, &allocator);
}

void
pb_move(void ***items, size_t *count, void **more, size_t *more_count)
{
    struct budget budget = {.left = SIZE_MAX};
    void **joined = budget_alloc(&budget, (*count + *more_count) * sizeof(*joined));
    if (*count)
        memcpy(joined, *items, *count * sizeof(*joined));
    if (*more_count)
        memcpy(joined + *count, more, *more_count * sizeof(*joined));
    wiping_free(NULL, *items);
    *items = joined;
    *count += *more_count;
    *more_count = 0;
}
