/* SPDX-License-Identifier: MIT */
/* What /metrics tells of the store. */
#include "core/store_impl.h"

static const double batch_bounds[] = {1,   2,   5,   10,  20,  35,   50,   75,   100,
                                      150, 200, 350, 500, 750, 1000, 1500, 2000, 5000};

static const struct sotto_metric_row batch_row = {.name = "store_batch_size",
                                                  .type = SOTTO_METRIC_HISTOGRAM,
                                                  .help = "Jobs in one transaction of the writer."};

static const struct sotto_metric_row rows[] = {
    {.name = "store_commits_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Transactions that reached the disk."},
    {.name = "store_commit_seconds",
     .type = SOTTO_METRIC_HISTOGRAM,
     .help = "Time of COMMIT, sync of the disk included."},
    {.name = "circuit_breaker_failures_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Transactions that were lost whole.",
     .label = "name",
     .values = "store"},
    {.name = "circuit_breaker_refused_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Writes that were refused while the breaker was open.",
     .label = "name",
     .values = "store"},
    {.name = "store_read_failures_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Queries that the disk failed."},
    {.name = "store_jobs_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Jobs that ran.",
     .label = "kind",
     .values = "write|read"},
    {.name = "store_pages_released_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Free pages cut off the database's file."},
    {.name = "store_batches_repeated_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Transactions that ran again, since a job was refused after it had written."},
};

static void
render(void *arg, struct buf *out)
{
    struct store *store = arg;
    const double median = metric_quantile(store->metrics.batch, 0, 0.5);

    buf_printf(
        out,
        "# HELP sotto_store_batch_size_median Median of the jobs in one transaction.\n"
        "# TYPE sotto_store_batch_size_median gauge\n"
        "sotto_store_batch_size_median %.0f\n"
        "# HELP sotto_store_queue_jobs Jobs that wait.\n"
        "# TYPE sotto_store_queue_jobs gauge\n"
        "sotto_store_queue_jobs{kind=\"write\"} %zu\n"
        "sotto_store_queue_jobs{kind=\"read\"} %zu\n"
        "# HELP sotto_circuit_breaker_state Whether calls are refused after failures: 0 or 1.\n"
        "# TYPE sotto_circuit_breaker_state gauge\n"
        "sotto_circuit_breaker_state{name=\"store\"} %d\n",
        median > 0 && median < 1 ? 1 : median, store_queue_depth(&store->writes),
        store_queue_depth(&store->reads), atomic_load(&store->open_until) != 0);
}

void
store_metrics_add(struct store *store, struct metrics *metrics)
{
    struct store_metrics *own = &store->metrics;
    struct metric **series[] = {&own->commits,  &own->sync_seconds,  &own->failures,
                                &own->refused,  &own->read_failures, &own->jobs,
                                &own->released, &own->repeated};

    if (!metrics)
        return;
    own->batch = metrics_add_histogram(metrics, NULL, &batch_row, batch_bounds,
                                       sizeof(batch_bounds) / sizeof(batch_bounds[0]));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        *series[i] = metrics_add(metrics, NULL, &rows[i]);
    metrics_add_source(metrics, render, store);
}
