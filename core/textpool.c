/* SPDX-License-Identifier: MIT */
/* See textpool.h: a list of chunks, the newest first; what is larger than a chunk gets one of its own. */
#include "core/textpool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 4096

struct textpool_chunk {
    struct textpool_chunk *next;
    size_t used, size;
    alignas(max_align_t) unsigned char data[];
};

static struct textpool_chunk *
chunk_create(size_t size)
{
    struct textpool_chunk *chunk = calloc(1, sizeof(*chunk) + size);

    if (chunk)
        chunk->size = size;
    return chunk;
}

void *
textpool_alloc(struct textpool *pool, size_t size)
{
    struct textpool_chunk *chunk = pool->chunks;
    void *piece;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (pool->limit && size > pool->limit - pool->used)
        return NULL;
    if (!chunk || size > chunk->size - chunk->used) {
        chunk = chunk_create(size > CHUNK_BYTES ? size : CHUNK_BYTES);
        if (!chunk)
            return NULL;
        chunk->next = pool->chunks;
        pool->chunks = chunk;
    }
    piece = chunk->data + chunk->used;
    chunk->used += size;
    pool->used += size;
    return piece;
}

char *
textpool_copy(struct textpool *pool, const char *text, size_t size)
{
    char *copy = textpool_alloc(pool, size + 1);

    if (copy && size)
        memcpy(copy, text, size);
    return copy;
}

void
textpool_fini(struct textpool *pool)
{
    while (pool->chunks) {
        struct textpool_chunk *chunk = pool->chunks;

        pool->chunks = chunk->next;
        free(chunk);
    }
    pool->used = 0;
}
