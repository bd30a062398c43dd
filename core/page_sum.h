/* SPDX-License-Identifier: MIT */
/*
 * The checksum of a database page: 64 bits over the page and its number, in the eight bytes at the page's end that
 * SQLite leaves alone when the file's header reserves them. It finds a page that stands in another's place and
 * changed bits: those within one aligned word of 64 bits always, others but for a chance of 2^-64. It is no
 * protection against whoever can write the file.
 *
 * A sum of zero stands for none. SQLite's own copy of a page always has none (store_vfs.c takes it off), and so has a
 * page that another program copied out of the log, as a shell does that is opened after a crash. Nobody writes a page
 * of zeros with no sum either, but for such a program and a page that was free (secure_delete makes it zeros): whether
 * that is what it is the map of parents tells (page_map.h), and the caller asks.
 */
#ifndef CORE_PAGE_SUM_H
#define CORE_PAGE_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SUM_BYTES 8
#define PAGE_SUM_HEADER_BYTES 100 /* of the file; they stand at the beginning of page 1 */

enum page_state {
    PAGE_SOUND,
    PAGE_WITHOUT_SUM, /* nothing can be said */
    PAGE_ZEROS,       /* all of it: a free page without a sum, or a damaged one */
    PAGE_DAMAGED,     /* the sum is another */
};

/* Whether the header of a file says that its pages have sums. */
bool page_sum_in_header(const uint8_t header[PAGE_SUM_HEADER_BYTES]);
/* Whether a page 1 whose header says that there are no sums had one before it was damaged. bytes: of a page. */
bool page_sum_was_in_header(const uint8_t *page, size_t bytes);
/* Puts the sum into the page. Pages are numbered from 1. */
void page_sum_put(uint8_t *page, size_t bytes, uint32_t number);
enum page_state page_sum_check(const uint8_t *page, size_t bytes, uint32_t number);

#endif
