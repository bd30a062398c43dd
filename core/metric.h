/* SPDX-License-Identifier: MIT */
/*
 * The registry behind /metrics. Series are added while the server is put together (one thread); afterwards
 * adding to one is lock-free from any thread, and rendering reads them as they stand.
 */
#ifndef CORE_METRIC_H
#define CORE_METRIC_H

#include "core/buf.h"
#include "sotto/metric.h"

struct metrics;
struct metric; /* one name with all its label values; owned by the registry */

int metrics_create(struct metrics **metrics_out);
void metrics_destroy(struct metrics **);

/* Adds a series: sotto_<owner>_<name>, or sotto_<name> for owner NULL (the core). The row's strings are
 * borrowed for as long as the registry lives. NULL: out of memory, or the row is malformed or a duplicate. */
struct metric *metrics_add(struct metrics *, const char *owner, const struct sotto_metric_row *);
/* A histogram with its own upper bounds, ascending, at most METRIC_BUCKETS_MAX, borrowed. */
struct metric *metrics_add_histogram(struct metrics *, const char *owner,
                                     const struct sotto_metric_row *, const double *bounds,
                                     size_t count);
#define METRIC_BUCKETS_MAX 24

/* Counter and gauge: adds amount. Histogram: observes it. value: index among the label's values, 0 without
 * label; asserted. A NULL metric is allowed and counts nothing. Any thread. */
void metric_add(struct metric *, uint32_t value, double amount);
/* Gauge: sets. Any thread. */
void metric_set(struct metric *, uint32_t value, double amount);
/* Counter or gauge: its value; histogram: the number of observations. Any thread. */
double metric_value(const struct metric *, uint32_t value);
/* Histogram: the quantile (0..1) estimated from the buckets, linear inside one. 0 without observations. */
double metric_quantile(const struct metric *, uint32_t value, double quantile);

/* Series that a part renders itself, because their labels come from tables (methods, hook points): fn appends
 * whole series to out whenever metrics_render runs, on its thread (the logic thread). */
int metrics_add_source(struct metrics *, void (*fn)(void *arg, struct buf *out), void *arg);

/* Prometheus text exposition format 0.0.4. */
void metrics_render(struct metrics *, struct buf *out);

#endif
