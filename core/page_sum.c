/* SPDX-License-Identifier: MIT */
/* See page_sum.h. */
#include "core/page_sum.h"

#include <sodium.h>
#include <string.h>

#define RESERVED_AT \
    20 /* in the file's header: bytes that SQLite leaves free at the end of each page */

static const char magic[16] = "SQLite format 3";

static void
sum_of(const uint8_t *page, size_t bytes, uint32_t number, uint8_t sum[PAGE_SUM_BYTES])
{
    uint8_t key[crypto_shorthash_KEYBYTES] = "sotto page\0";

    for (int i = 0; i < 4; i++)
        key[12 + i] = (uint8_t)(number >> (24 - 8 * i));
    _Static_assert(crypto_shorthash_BYTES == PAGE_SUM_BYTES, "a sum fills what is reserved");
    crypto_shorthash(sum, page, bytes - PAGE_SUM_BYTES, key);
}

bool
page_sum_in_header(const uint8_t header[PAGE_SUM_HEADER_BYTES])
{
    return memcmp(header, magic, sizeof(magic)) == 0 && header[RESERVED_AT] == PAGE_SUM_BYTES;
}

bool
page_sum_was_in_header(const uint8_t *page, size_t bytes)
{
    uint8_t mended[65536];

    if (bytes > sizeof(mended))
        return false;
    memcpy(mended, page, bytes);
    mended[RESERVED_AT] = PAGE_SUM_BYTES;
    return page_sum_check(mended, bytes, 1) == PAGE_SOUND;
}

void
page_sum_put(uint8_t *page, size_t bytes, uint32_t number)
{
    sum_of(page, bytes, number, page + bytes - PAGE_SUM_BYTES);
}

enum page_state
page_sum_check(const uint8_t *page, size_t bytes, uint32_t number)
{
    const uint8_t *told = page + bytes - PAGE_SUM_BYTES;
    uint8_t sum[PAGE_SUM_BYTES];

    if (sodium_is_zero(told, PAGE_SUM_BYTES))
        return sodium_is_zero(page, bytes) ? PAGE_DAMAGED : PAGE_WITHOUT_SUM;
    sum_of(page, bytes, number, sum);
    return memcmp(sum, told, PAGE_SUM_BYTES) == 0 ? PAGE_SOUND : PAGE_DAMAGED;
}
