/* SPDX-License-Identifier: MIT */
/* Memory that is given out in pieces and freed at once. Not for secrets: textpool_fini does not wipe. */
#ifndef CORE_TEXTPOOL_H
#define CORE_TEXTPOOL_H

#include <stddef.h>

struct textpool {
    struct textpool_chunk *chunks;
    size_t used;  /* bytes given out */
    size_t limit; /* 0: none */
};

/* Zeroed memory, aligned for any type, valid until textpool_fini; NULL: out of memory or over the limit. */
void *textpool_alloc(struct textpool *, size_t size);
/* A copy with a NUL behind it. */
char *textpool_copy(struct textpool *, const char *text, size_t size);
/* Frees everything and leaves an empty pool with the same limit. A zeroed struct is an empty pool. */
void textpool_fini(struct textpool *);

#endif
