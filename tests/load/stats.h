/* SPDX-License-Identifier: MIT */
/* A histogram of seconds with about 2 % resolution: fixed memory however long a job runs. */
#ifndef STATS_H
#define STATS_H

#include <stdint.h>

#define STATS_BUCKETS 1200

struct stats {
    uint64_t count;
    uint64_t buckets[STATS_BUCKETS];
};

void stats_add(struct stats *stats, double seconds);
void stats_clear(struct stats *stats);

/* The value below which `part` (0 to 1) of the observations lie; 0 without any. */
double stats_quantile(const struct stats *stats, double part);

#endif
