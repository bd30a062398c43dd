/* SPDX-License-Identifier: MIT */
/* Series of a module on /metrics (Prometheus text), declared as rows, named sotto_<module>_<name>. */
#ifndef SOTTO_METRIC_H
#define SOTTO_METRIC_H

#include "sotto/types.h"

enum sotto_metric_type {
    SOTTO_METRIC_COUNTER = 1, /* only grows; the name ends in _total */
    SOTTO_METRIC_GAUGE,
    SOTTO_METRIC_HISTOGRAM, /* buckets from 0.0001 to 10, for seconds */
};

struct sotto_metric_row {
    const char *name;
    enum sotto_metric_type type;
    const char *help;
    const char *label;  /* NULL: none */
    const char *values; /* the label's closed set "a|b|c"; NULL without label */
};

/* sotto.metric/1. Any thread. */
struct sotto_metric_api {
    uint32_t struct_size;
    /* row: index in the module's table; value: index in .values (0 without label).
     * Counters and gauges add amount, histograms observe it. */
    void (*add)(struct sotto_host *, uint32_t row, uint32_t value, double amount);
};

#endif
