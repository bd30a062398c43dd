/* SPDX-License-Identifier: MIT */
/*
 * Sorting and searching an array in place. That of libc may take memory of its own (glibc's does), which the provider does
 * not give and nobody wipes, and a host of bytes and strings alone has none.
 */
#ifndef MLS_ORDER_H
#define MLS_ORDER_H

#include <stddef.h>

/* Negative, zero or positive, as the first is before, like or behind the second. */
typedef int (*mls_compare_fn)(const void *a, const void *b);

/* Sorts `count` elements of `size` bytes; in what order equal ones come is open. Takes time by count * log(count) whatever
 * stands there, and no memory. */
void mls_order_sort(void *items, size_t count, size_t size, mls_compare_fn compare);

/* An element of the sorted array that is like `wanted`, or NULL. */
const void *mls_order_find(const void *wanted, const void *items, size_t count, size_t size,
                           mls_compare_fn compare);

#endif
