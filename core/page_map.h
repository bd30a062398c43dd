/* SPDX-License-Identifier: MIT */
/*
 * SQLite's map of parents (ptrmap), which every file that can shrink has: pages of entries of five bytes, what a page
 * is and which one points to it, each map page in front of the pages that it tells of. And the one page of a file that
 * is never written, because SQLite's locks stand there. Both are told apart from page numbers alone.
 */
#ifndef CORE_PAGE_MAP_H
#define CORE_PAGE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_MAP_ROOT_AT 52 /* in the file's header: 4 bytes, 0 when the file has no map */
#define PAGE_MAP_ENTRY_BYTES 5
#define PAGE_MAP_FREE \
    2 /* first byte of an entry: the page is not used, and what stands in it does not count */

/* The page at the first gibibyte; larger files have it. */
bool page_is_lock(uint32_t number, size_t page_bytes);

/*
 * The map page with the entry of page `number`, and where in it. usable: bytes of a page without those that SQLite leaves
 * free. 0: there is no entry, as of page 1 and of map pages.
 */
uint32_t page_map_find(uint32_t number, size_t page_bytes, size_t usable, size_t *offset_out);

#endif
