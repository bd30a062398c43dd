/* SPDX-License-Identifier: MIT */
/*
 * A growing byte buffer for text that is made in pieces: reports, metrics, log lines, generated files.
 * Running out of memory sets `failed` once; later writes do nothing, so a caller checks only at the end.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include "sotto/types.h"

/* All zero: empty. */
struct buf {
    char *data; /* always NUL-terminated once something was written */
    size_t size, capacity;
    size_t limit; /* bytes; 0: none. Reaching it sets failed. */
    bool failed;
};

void buf_fini(struct buf *); /* frees; leaves an empty buffer */
void buf_add(struct buf *, const void *data, size_t size);
void buf_puts(struct buf *, const char *text);
void buf_printf(struct buf *, const char *format, ...) SOTTO_PRINTF(2, 3);
void buf_vprintf(struct buf *, const char *format, va_list args);
/* Text as the inside of a JSON string: quotes, backslashes, control characters escaped; invalid UTF-8
 * becomes U+FFFD. */
void buf_json(struct buf *, const char *text);
/* What was written, NUL-terminated; "" when nothing was. Borrowed. */
const char *buf_text(const struct buf *);

#endif
