/* SPDX-License-Identifier: MIT */
/*
 * See metric.h. Values are doubles in atomic 64-bit cells: adding is a compare-and-swap loop, which with the few
 * threads of the server hardly ever turns twice.
 */
#include "core/metric.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define METRICS_MAX 512
#define VALUES_MAX 64
#define SOURCES_MAX 16

/* One label value of one series. */
struct cell {
    atomic_uint_fast64_t value; /* bits of a double: counter, gauge, sum of a histogram */
    atomic_uint_fast64_t count; /* of a histogram */
    atomic_uint_fast64_t buckets[METRIC_BUCKETS_MAX + 1]; /* not cumulated; the last is +Inf */
};

struct metric {
    const struct sotto_metric_row *row;
    const char *owner;
    const double *bounds;
    size_t bound_count;
    uint32_t value_count; /* 1 without label */
    struct cell cells[];
};

struct metric_source {
    void (*fn)(void *arg, struct buf *out);
    void *arg;
};

struct metrics {
    struct metric *all[METRICS_MAX];
    size_t count;
    struct metric_source sources[SOURCES_MAX];
    size_t source_count;
};

static const double seconds_bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                        0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

static double
load(const atomic_uint_fast64_t *cell)
{
    const uint64_t bits = atomic_load_explicit(cell, memory_order_relaxed);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void
store(atomic_uint_fast64_t *cell, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    atomic_store_explicit(cell, bits, memory_order_relaxed);
}

static void
add(atomic_uint_fast64_t *cell, double amount)
{
    uint_fast64_t old = atomic_load_explicit(cell, memory_order_relaxed);
    uint64_t bits;
    double value;

    do {
        bits = old;
        memcpy(&value, &bits, sizeof(value));
        value += amount;
        memcpy(&bits, &value, sizeof(bits));
    } while (!atomic_compare_exchange_weak_explicit(cell, &old, bits, memory_order_relaxed,
                                                    memory_order_relaxed));
}

/* ---- Registry -------------------------------------------------------------------------------------- */

int
metrics_create(struct metrics **metrics_out)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));

    if (!metrics)
        return SOTTO_ENOMEM;
    *metrics_out = metrics;
    return 0;
}

void
metrics_destroy(struct metrics **take_metrics)
{
    struct metrics *metrics = *take_metrics;

    *take_metrics = NULL;
    if (!metrics)
        return;
    for (size_t i = 0; i < metrics->count; i++)
        free(metrics->all[i]);
    free(metrics);
}

static bool
is_name(const char *name)
{
    return name && *name >= 'a' && *name <= 'z' && strlen(name) <= 64 &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static uint32_t
count_values(const struct sotto_metric_row *row)
{
    uint32_t count = 1;

    if (!row->label)
        return 1;
    for (const char *at = row->values; *at; at++)
        count += *at == '|';
    return count;
}

static bool
is_new(const struct metrics *metrics, const char *owner, const struct sotto_metric_row *row)
{
    for (size_t i = 0; i < metrics->count; i++) {
        const char *other = metrics->all[i]->owner ? metrics->all[i]->owner : "";

        if (strcmp(other, owner ? owner : "") == 0 &&
            strcmp(metrics->all[i]->row->name, row->name) == 0)
            return false;
    }
    return true;
}

struct metric *
metrics_add_histogram(struct metrics *metrics, const char *owner,
                      const struct sotto_metric_row *row, const double *bounds, size_t count)
{
    struct metric *metric;
    uint32_t values;

    if (metrics->count == METRICS_MAX || !is_name(row->name) || !row->help ||
        row->type < SOTTO_METRIC_COUNTER || row->type > SOTTO_METRIC_HISTOGRAM ||
        (row->label && (!is_name(row->label) || !row->values || !*row->values)) ||
        count > METRIC_BUCKETS_MAX || !is_new(metrics, owner, row))
        return NULL;
    values = count_values(row);
    if (values > VALUES_MAX)
        return NULL;
    metric = calloc(1, sizeof(*metric) + values * sizeof(metric->cells[0]));
    if (!metric)
        return NULL;
    metric->row = row;
    metric->owner = owner;
    metric->bounds = bounds;
    metric->bound_count = row->type == SOTTO_METRIC_HISTOGRAM ? count : 0;
    metric->value_count = values;
    metrics->all[metrics->count++] = metric;
    return metric;
}

struct metric *
metrics_add(struct metrics *metrics, const char *owner, const struct sotto_metric_row *row)
{
    return metrics_add_histogram(metrics, owner, row, seconds_bounds,
                                 sizeof(seconds_bounds) / sizeof(seconds_bounds[0]));
}

int
metrics_add_source(struct metrics *metrics, void (*fn)(void *arg, struct buf *out), void *arg)
{
    if (metrics->source_count == SOURCES_MAX)
        return SOTTO_EEXHAUSTED;
    metrics->sources[metrics->source_count++] = (struct metric_source){.fn = fn, .arg = arg};
    return 0;
}

/* ---- Values ---------------------------------------------------------------------------------------- */

void
metric_add(struct metric *metric, uint32_t value, double amount)
{
    struct cell *cell;
    size_t bucket = 0;

    if (!metric)
        return;
    assert(value < metric->value_count);
    cell = &metric->cells[value];
    add(&cell->value, amount);
    if (metric->row->type != SOTTO_METRIC_HISTOGRAM)
        return;
    while (bucket < metric->bound_count && amount > metric->bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&cell->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&cell->count, 1, memory_order_relaxed);
}

void
metric_set(struct metric *metric, uint32_t value, double amount)
{
    if (!metric)
        return;
    assert(value < metric->value_count && metric->row->type == SOTTO_METRIC_GAUGE);
    store(&metric->cells[value].value, amount);
}

double
metric_value(const struct metric *metric, uint32_t value)
{
    if (!metric)
        return 0;
    assert(value < metric->value_count);
    if (metric->row->type == SOTTO_METRIC_HISTOGRAM)
        return (double)atomic_load_explicit(&metric->cells[value].count, memory_order_relaxed);
    return load(&metric->cells[value].value);
}

double
metric_quantile(const struct metric *metric, uint32_t value, double quantile)
{
    const struct cell *cell;
    double rank, below = 0, low = 0;

    if (!metric || metric_value(metric, value) == 0)
        return 0;
    cell = &metric->cells[value];
    rank = quantile * metric_value(metric, value);
    for (size_t i = 0; i < metric->bound_count; i++) {
        const double here = (double)atomic_load_explicit(&cell->buckets[i], memory_order_relaxed);

        if (below + here >= rank && here > 0)
            return low + (metric->bounds[i] - low) * (rank - below) / here;
        below += here;
        low = metric->bounds[i];
    }
    return low;
}

/* ---- Text ------------------------------------------------------------------------------------------ */

static void
print_name(const struct metric *metric, const char *suffix, struct buf *out)
{
    if (metric->owner)
        buf_printf(out, "sotto_%s_%s%s", metric->owner, metric->row->name, suffix);
    else
        buf_printf(out, "sotto_%s%s", metric->row->name, suffix);
}

/* {label="value",le="…"} as far as there is any of it. */
static void
print_labels(const struct metric *metric, uint32_t value, const char *le, struct buf *out)
{
    const char *at = metric->row->values;

    if (!metric->row->label && !le)
        return;
    buf_puts(out, "{");
    if (metric->row->label) {
        for (uint32_t i = 0; i < value; i++)
            at = strchr(at, '|') + 1;
        buf_printf(out, "%s=\"%.*s\"%s", metric->row->label, (int)strcspn(at, "|"), at,
                   le ? "," : "");
    }
    if (le)
        buf_printf(out, "le=\"%s\"", le);
    buf_puts(out, "}");
}

static void
print_number(double number, struct buf *out)
{
    if (number == floor(number) && fabs(number) < 1e15)
        buf_printf(out, " %.0f\n", number);
    else
        buf_printf(out, " %.9g\n", number);
}

static void
print_histogram(const struct metric *metric, uint32_t value, struct buf *out)
{
    const struct cell *cell = &metric->cells[value];
    uint64_t total = 0;
    char le[32];

    for (size_t i = 0; i <= metric->bound_count; i++) {
        total += atomic_load_explicit(&cell->buckets[i], memory_order_relaxed);
        if (i < metric->bound_count)
            snprintf(le, sizeof(le), "%g", metric->bounds[i]);
        else
            snprintf(le, sizeof(le), "+Inf");
        print_name(metric, "_bucket", out);
        print_labels(metric, value, le, out);
        print_number((double)total, out);
    }
    print_name(metric, "_sum", out);
    print_labels(metric, value, NULL, out);
    print_number(load(&cell->value), out);
    print_name(metric, "_count", out);
    print_labels(metric, value, NULL, out);
    print_number((double)total, out);
}

static void
print_metric(const struct metric *metric, struct buf *out)
{
    static const char *const types[] = {NULL, "counter", "gauge", "histogram"};

    buf_puts(out, "# HELP ");
    print_name(metric, " ", out);
    for (const char *at = metric->row->help; *at; at++) {
        if (*at == '\\' || *at == '\n')
            buf_puts(out, *at == '\n' ? "\\n" : "\\\\");
        else
            buf_add(out, at, 1);
    }
    buf_puts(out, "\n# TYPE ");
    print_name(metric, " ", out);
    buf_printf(out, "%s\n", types[metric->row->type]);
    for (uint32_t value = 0; value < metric->value_count; value++) {
        if (metric->row->type == SOTTO_METRIC_HISTOGRAM) {
            print_histogram(metric, value, out);
            continue;
        }
        print_name(metric, "", out);
        print_labels(metric, value, NULL, out);
        print_number(load(&metric->cells[value].value), out);
    }
}

void
metrics_render(struct metrics *metrics, struct buf *out)
{
    for (size_t i = 0; i < metrics->count; i++)
        print_metric(metrics->all[i], out);
    for (size_t i = 0; i < metrics->source_count; i++)
        metrics->sources[i].fn(metrics->sources[i].arg, out);
}
