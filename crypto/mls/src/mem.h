/* SPDX-License-Identifier: MIT */
/*
 * Memory through the provider: every block of the library may hold a secret, so whoever frees one
 * says how long it was and it is wiped first. Growing is allocate, copy, wipe, free.
 */
#ifndef MLS_MEM_H
#define MLS_MEM_H

#include "mls/provider.h"

/* Returns `count` zeroed elements of `size` bytes, or NULL on overflow, on a zero total, or when
 * the provider has none. */
void *mls_mem_alloc(const struct mls_provider *p, size_t count, size_t size);

/* Returns a block of `new_count` elements with the first `old_count` copied from `ptr` and the rest
 * zero; `ptr` is then wiped and freed. On failure returns NULL and `ptr` stays as it was. */
void *mls_mem_grow(const struct mls_provider *p, void *ptr, size_t old_count, size_t new_count,
                   size_t size);

/* Returns a copy of `bytes` (which must not be empty), or NULL. */
uint8_t *mls_mem_dup(const struct mls_provider *p, struct mls_bytes bytes);

/* Wipes `len` bytes and frees. Accepts NULL. */
void mls_mem_free(const struct mls_provider *p, void *ptr, size_t len);

/* Wipes memory that is not freed: locals and members. */
void mls_mem_wipe(const struct mls_provider *p, void *ptr, size_t len);

/* Says whether two slices are equal. Lengths are public, contents are compared in constant time. */
int mls_mem_equal(const struct mls_provider *p, struct mls_bytes a, struct mls_bytes b);

static inline struct mls_bytes
mls_bytes(const void *data, size_t len)
{
    return (struct mls_bytes){.data = data, .len = len};
}

static inline struct mls_bytes
mls_bytes_empty(void)
{
    return (struct mls_bytes){.data = NULL, .len = 0};
}

#endif
