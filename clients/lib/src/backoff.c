/* SPDX-License-Identifier: MIT */
/*
 * The schedule of reconnecting. See backoff.h.
 */
#include "backoff.h"

unsigned
backoff_ms(unsigned failures, uint32_t asked_ms, uint32_t random)
{
    unsigned wait_ms = BACKOFF_LEAST_MS;
    for (unsigned i = 1; i < failures && wait_ms < BACKOFF_MOST_MS; i++)
        wait_ms *= 2;
    if (asked_ms > wait_ms)
        wait_ms = asked_ms;
    if (wait_ms > BACKOFF_MOST_MS)
        wait_ms = BACKOFF_MOST_MS;
    return wait_ms - random % (wait_ms / 4 + 1);
}
