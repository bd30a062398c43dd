/* SPDX-License-Identifier: MIT */
/* See page_map.h. */
#include "core/page_map.h"

#define LOCK_AT UINT32_C(0x40000000) /* a byte of the file */

bool
page_is_lock(uint32_t number, size_t page_bytes)
{
    return number == LOCK_AT / page_bytes + 1;
}

uint32_t
page_map_find(uint32_t number, size_t page_bytes, size_t usable, size_t *offset_out)
{
    const uint32_t span =
        (uint32_t)(usable / PAGE_MAP_ENTRY_BYTES) + 1; /* a map page and its own */
    uint32_t map;

    if (number < 2)
        return 0;
    map = (number - 2) / span * span + 2;
    if (page_is_lock(map, page_bytes))
        map++;
    if (number <= map)
        return 0;
    *offset_out = (size_t)(number - map - 1) * PAGE_MAP_ENTRY_BYTES;
    return map;
}
