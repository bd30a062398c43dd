/* SPDX-License-Identifier: MIT */
/*
 * Outputs of the MLS library.
 *
 * struct mls_bytes (mls/provider.h) is a borrowed view: it never owns and must not outlive what it
 * points into. struct mls_buf is the owned counterpart for outputs: the caller makes it empty, a
 * function fills it, mls_buf_fini() wipes and frees it, so that a buffer may carry a secret without
 * further thought. A function that writes a struct mls_buf releases what it held before on
 * success, and leaves it untouched on failure.
 */
#ifndef MLS_BYTES_H
#define MLS_BYTES_H

#include "mls/provider.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that the caller owns and ends. */
struct mls_buf {
    uint8_t *data; /* NULL when empty */
    size_t len;
    const struct mls_provider *provider; /* private: whose memory it is; NULL when empty */
};

/* Makes an empty buffer (the same as all zero). Allocates nothing. */
void mls_buf_init(struct mls_buf *buf);

/* Wipes and frees the contents; the buffer is empty again and may be reused. Any number of times. */
void mls_buf_fini(struct mls_buf *buf);

/*
 * Copies bytes into a buffer, releasing what it held: for callbacks that hand out a key.
 * MLS_ENOMEM leaves it as it was.
 */
int mls_buf_set(struct mls_buf *buf, const struct mls_provider *provider, struct mls_bytes bytes);

/* The contents as a view, valid until the buffer changes. */
static inline struct mls_bytes
mls_buf_bytes(const struct mls_buf *buf)
{
    struct mls_bytes bytes = {buf->data, buf->len}; /* as C++ has it, too */

    return bytes;
}

/* The characters of a C string without the zero at its end: a view, valid as long as the string. */
struct mls_bytes mls_text(const char *string);

#ifdef __cplusplus
}
#endif
#endif
