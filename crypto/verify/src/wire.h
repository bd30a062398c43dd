/* SPDX-License-Identifier: MIT */
/* Big-endian integers and fixed arrays, written and read in order. The caller has checked the lengths. */
#ifndef VERIFY_WIRE_H
#define VERIFY_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t *
put_bytes(uint8_t *at, const void *data, size_t size)
{
    memcpy(at, data, size);
    return at + size;
}

static inline uint8_t *
put_uint(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    return at + bytes;
}

static inline const uint8_t *
get_bytes(const uint8_t *at, void *out, size_t size)
{
    memcpy(out, at, size);
    return at + size;
}

static inline const uint8_t *
get_uint(const uint8_t *at, uint64_t *out, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    *out = value;
    return at + bytes;
}

#endif
