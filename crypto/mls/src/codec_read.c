/* SPDX-License-Identifier: MIT */
/*
 * Bounded reader over borrowed bytes; see codec.h. Every read goes through `take`, the one place
 * that moves the position, so there is one bounds check to get right.
 */
#include "codec.h"

#include <string.h>

void
mls_reader_init(struct mls_reader *r, struct mls_bytes bytes)
{
    *r = (struct mls_reader){.data = bytes.data, .len = bytes.len};
}

void
mls_reader_fail(struct mls_reader *r, int error)
{
    if (r->error == 0)
        r->error = error;
}

int
mls_reader_error(const struct mls_reader *r)
{
    return r->error;
}

size_t
mls_reader_left(const struct mls_reader *r)
{
    return r->error ? 0 : r->len - r->pos;
}

bool
mls_reader_more(const struct mls_reader *r)
{
    return mls_reader_left(r) > 0;
}

int
mls_reader_finish(const struct mls_reader *r)
{
    if (r->error)
        return r->error;
    return r->pos == r->len ? 0 : MLS_EDECODE;
}

struct mls_bytes
mls_reader_since(const struct mls_reader *r, size_t pos)
{
    if (r->error || pos > r->pos || pos == r->pos)
        return mls_bytes_empty();
    return mls_bytes(r->data + pos, r->pos - pos);
}

/* Steps over `len` bytes and returns where they start; NULL on an error or for 0 bytes. */
static const uint8_t *
take(struct mls_reader *r, size_t len)
{
    if (r->error || len == 0)
        return NULL;
    if (len > r->len - r->pos) {
        r->error = MLS_EDECODE;
        return NULL;
    }
    const uint8_t *at = r->data + r->pos;
    r->pos += len;
    return at;
}

/* Reads a big-endian integer of 1 to 8 bytes. */
static uint64_t
read_uint(struct mls_reader *r, size_t bytes)
{
    const uint8_t *at = take(r, bytes);
    uint64_t value = 0;

    if (!at)
        return 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

uint8_t
mls_read_u8(struct mls_reader *r)
{
    return (uint8_t)read_uint(r, 1);
}

uint16_t
mls_read_u16(struct mls_reader *r)
{
    return (uint16_t)read_uint(r, 2);
}

uint32_t
mls_read_u32(struct mls_reader *r)
{
    return (uint32_t)read_uint(r, 4);
}

uint64_t
mls_read_u64(struct mls_reader *r)
{
    return read_uint(r, 8);
}

bool
mls_read_optional(struct mls_reader *r)
{
    const uint8_t presence = mls_read_u8(r);

    if (presence > 1)
        mls_reader_fail(r, MLS_EDECODE);
    return presence == 1;
}

uint32_t
mls_read_varint(struct mls_reader *r)
{
    const uint8_t first = mls_read_u8(r);
    const unsigned prefix = first >> 6;
    uint32_t value = first & 0x3f;

    if (r->error)
        return 0;
    if (prefix == 3) {
        mls_reader_fail(r, MLS_EDECODE);
        return 0;
    }
    /* prefix 0, 1, 2: 1, 2, 4 bytes in all */
    const size_t more = ((size_t)1 << prefix) - 1;
    value = value << (8 * more) | (uint32_t)read_uint(r, more);
    if (r->error)
        return 0;
    /* One value has one encoding, or two members could hash the same message differently. */
    if (mls_varint_bytes(value) != more + 1) {
        mls_reader_fail(r, MLS_EDECODE);
        return 0;
    }
    return value;
}

struct mls_bytes
mls_read_fixed(struct mls_reader *r, size_t len)
{
    const uint8_t *at = take(r, len);

    return at ? mls_bytes(at, len) : mls_bytes_empty();
}

void
mls_read_array(struct mls_reader *r, uint8_t *out, size_t len)
{
    const uint8_t *at = take(r, len);

    if (at)
        memcpy(out, at, len);
    else
        memset(out, 0, len);
}

struct mls_bytes
mls_read_opaque(struct mls_reader *r)
{
    const uint32_t len = mls_read_varint(r);

    return mls_read_fixed(r, len);
}

void
mls_read_vector(struct mls_reader *r, struct mls_reader *sub_out)
{
    mls_reader_init(sub_out, mls_read_opaque(r));
    sub_out->error = r->error;
}

void
mls_read_vector_end(struct mls_reader *r, struct mls_reader *sub)
{
    const int error = mls_reader_finish(sub);

    if (error)
        mls_reader_fail(r, error);
}
