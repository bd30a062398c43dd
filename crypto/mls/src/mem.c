/* SPDX-License-Identifier: MIT */
/*
 * Memory through the provider; see mem.h.
 */
#include "mem.h"

#include <string.h>

void *
mls_mem_alloc(const struct mls_provider *p, size_t count, size_t size)
{
    if (count == 0 || size == 0 || count > SIZE_MAX / size)
        return NULL;
    void *block = p->alloc(p->ctx, count * size);
    if (block)
        memset(block, 0, count * size);
    return block;
}

void *
mls_mem_grow(const struct mls_provider *p, void *ptr, size_t old_count, size_t new_count,
             size_t size)
{
    if (new_count < old_count)
        return NULL;
    void *block = mls_mem_alloc(p, new_count, size);
    if (!block)
        return NULL;
    if (ptr) {
        memcpy(block, ptr, old_count * size);
        mls_mem_free(p, ptr, old_count * size);
    }
    return block;
}

uint8_t *
mls_mem_dup(const struct mls_provider *p, struct mls_bytes bytes)
{
    uint8_t *copy = mls_mem_alloc(p, bytes.len, 1);

    if (copy)
        memcpy(copy, bytes.data, bytes.len);
    return copy;
}

void
mls_mem_free(const struct mls_provider *p, void *ptr, size_t len)
{
    if (!ptr)
        return;
    mls_mem_wipe(p, ptr, len);
    p->release(p->ctx, ptr);
}

void
mls_mem_wipe(const struct mls_provider *p, void *ptr, size_t len)
{
    if (len)
        p->memzero(p->ctx, ptr, len);
}

int
mls_mem_equal(const struct mls_provider *p, struct mls_bytes a, struct mls_bytes b)
{
    if (a.len != b.len)
        return 0;
    return a.len == 0 || p->compare(p->ctx, a.data, b.data, a.len) == 0;
}
