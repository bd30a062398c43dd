/* SPDX-License-Identifier: MIT */
/* Logarithmic buckets from one microsecond, each 2 % wider than the one before: see stats.h. */
#include "stats.h"

#include <math.h>
#include <string.h>

#define FIRST_S 1e-6
#define GROWTH 1.02

void
stats_add(struct stats *stats, double seconds)
{
    int bucket = seconds > FIRST_S ? (int)(log(seconds / FIRST_S) / log(GROWTH)) : 0;

    if (bucket >= STATS_BUCKETS)
        bucket = STATS_BUCKETS - 1;
    stats->buckets[bucket]++;
    stats->count++;
}

void
stats_clear(struct stats *stats)
{
    memset(stats, 0, sizeof(*stats));
}

double
stats_quantile(const struct stats *stats, double part)
{
    uint64_t wanted = (uint64_t)(part * (double)stats->count);
    uint64_t seen = 0;

    for (int i = 0; i < STATS_BUCKETS && stats->count > 0; i++) {
        seen += stats->buckets[i];
        if (seen > wanted)
            return FIRST_S * pow(GROWTH, i + 0.5);
    }
    return 0;
}
