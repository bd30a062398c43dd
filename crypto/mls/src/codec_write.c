/* SPDX-License-Identifier: MIT */
/*
 * Growable writer; see codec.h. Every write goes through `reserve`, which holds the bound and grows
 * the buffer by doubling.
 */
#include "codec.h"

#include <string.h>

enum { WRITER_FIRST_BYTES = 128 };

void
mls_writer_init(struct mls_writer *w, const struct mls_provider *p, size_t max)
{
    *w = (struct mls_writer){.p = p, .max = max ? max : MLS_MESSAGE_BYTES_MAX};
}

void
mls_writer_fini(struct mls_writer *w)
{
    mls_mem_free(w->p, w->data, w->cap);
    w->data = NULL;
    w->len = 0;
    w->cap = 0;
}

void
mls_writer_fail(struct mls_writer *w, int error)
{
    if (w->error == 0)
        w->error = error;
}

int
mls_writer_error(const struct mls_writer *w)
{
    return w->error;
}

struct mls_bytes
mls_writer_bytes(const struct mls_writer *w)
{
    return w->error ? mls_bytes_empty() : mls_bytes(w->data, w->len);
}

int
mls_writer_take(struct mls_writer *w, uint8_t **data_out, size_t *len_out)
{
    if (w->error)
        return w->error;
    /* Bytes past `len` were never written, so wiping `len` bytes later wipes all there is. */
    *data_out = w->len ? w->data : NULL;
    *len_out = w->len;
    if (w->len == 0)
        mls_writer_fini(w);
    w->data = NULL;
    w->len = 0;
    w->cap = 0;
    return 0;
}

static bool
grow(struct mls_writer *w, size_t needed)
{
    size_t cap = w->cap ? w->cap : WRITER_FIRST_BYTES;

    while (cap < needed)
        cap = cap > w->max / 2 ? w->max : cap * 2;
    uint8_t *data = mls_mem_grow(w->p, w->data, w->cap, cap, 1);
    if (!data) {
        w->error = MLS_ENOMEM;
        return false;
    }
    w->data = data;
    w->cap = cap;
    return true;
}

/* Makes room for `len` more bytes and returns where they go; NULL on an error or for 0 bytes. */
static uint8_t *
reserve(struct mls_writer *w, size_t len)
{
    if (w->error || len == 0)
        return NULL;
    if (len > w->max - w->len) {
        w->error = MLS_ESIZE;
        return NULL;
    }
    if (len > w->cap - w->len && !grow(w, w->len + len))
        return NULL;
    uint8_t *at = w->data + w->len;
    w->len += len;
    return at;
}

static void
put_uint(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--) {
        at[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

static void
write_uint(struct mls_writer *w, uint64_t value, size_t bytes)
{
    uint8_t *at = reserve(w, bytes);

    if (at)
        put_uint(at, value, bytes);
}

void
mls_write_u8(struct mls_writer *w, uint8_t value)
{
    write_uint(w, value, 1);
}

void
mls_write_u16(struct mls_writer *w, uint16_t value)
{
    write_uint(w, value, 2);
}

void
mls_write_u32(struct mls_writer *w, uint32_t value)
{
    write_uint(w, value, 4);
}

void
mls_write_u64(struct mls_writer *w, uint64_t value)
{
    write_uint(w, value, 8);
}

void
mls_write_optional(struct mls_writer *w, bool present)
{
    mls_write_u8(w, present ? 1 : 0);
}

size_t
mls_varint_bytes(size_t value)
{
    if (value < 1 << 6)
        return 1;
    return value < 1 << 14 ? 2 : 4;
}

size_t
mls_varint_put(uint8_t out[4], size_t value)
{
    const size_t bytes = mls_varint_bytes(value);
    const uint8_t prefix = bytes == 1 ? 0x00 : bytes == 2 ? 0x40 : 0x80;

    put_uint(out, value, bytes);
    out[0] |= prefix;
    return bytes;
}

void
mls_write_varint(struct mls_writer *w, size_t value)
{
    uint8_t header[4];

    if (value > MLS_VARINT_MAX) {
        mls_writer_fail(w, MLS_ESIZE);
        return;
    }
    const size_t bytes = mls_varint_put(header, value);
    mls_write_raw(w, mls_bytes(header, bytes));
}

void
mls_write_raw(struct mls_writer *w, struct mls_bytes bytes)
{
    uint8_t *at = reserve(w, bytes.len);

    if (at)
        memcpy(at, bytes.data, bytes.len);
}

void
mls_write_opaque(struct mls_writer *w, struct mls_bytes bytes)
{
    mls_write_varint(w, bytes.len);
    mls_write_raw(w, bytes);
}

size_t
mls_write_vector(struct mls_writer *w)
{
    return w->len;
}

void
mls_write_vector_end(struct mls_writer *w, size_t mark)
{
    uint8_t header[4];

    if (w->error)
        return;
    const size_t body = w->len - mark;
    if (body > MLS_VARINT_MAX) {
        w->error = MLS_ESIZE;
        return;
    }
    /* The length is known only now and its size depends on it: shift the body to make room. */
    const size_t bytes = mls_varint_put(header, body);
    if (!reserve(w, bytes))
        return;
    memmove(w->data + mark + bytes, w->data + mark, body);
    memcpy(w->data + mark, header, bytes);
}
