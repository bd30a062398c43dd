/* SPDX-License-Identifier: MIT */
/* Heapsort, and halving. See order.h. */
#include "order.h"

#include <stdint.h>

static void
swap(uint8_t *a, uint8_t *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t kept = a[i];

        a[i] = b[i];
        b[i] = kept;
    }
}

/* Lets the element at `root` sink until none of its two children, 2 * root + 1 and the next, is behind it. */
static void
sink(uint8_t *items, size_t root, size_t count, size_t size, mls_compare_fn compare)
{
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        if (child + 1 < count && compare(items + child * size, items + (child + 1) * size) < 0)
            child++;
        if (compare(items + root * size, items + child * size) >= 0)
            return;
        swap(items + root * size, items + child * size, size);
        root = child;
    }
}

void
mls_order_sort(void *items, size_t count, size_t size, mls_compare_fn compare)
{
    for (size_t root = count / 2; root > 0; root--)
        sink(items, root - 1, count, size, compare);
    for (size_t last = count; last > 1; last--) {
        swap(items, (uint8_t *)items + (last - 1) * size, size);
        sink(items, 0, last - 1, size, compare);
    }
}

const void *
mls_order_find(const void *wanted, const void *items, size_t count, size_t size,
               mls_compare_fn compare)
{
    size_t begin = 0, end = count;

    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        const uint8_t *item = (const uint8_t *)items + middle * size;
        const int order = compare(wanted, item);

        if (order == 0)
            return item;
        if (order < 0)
            end = middle;
        else
            begin = middle + 1;
    }
    return NULL;
}
