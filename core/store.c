/* SPDX-License-Identifier: MIT */
/*
 * The store's life, its queues and the way back to the loop thread. See store.h for the promises, store_impl.h for
 * the other files.
 *
 * A job is one allocation, made by the loop thread and freed there after its done function, so no memory
 * changes hands between allocators on the hot path. The threads are woken only when they sleep.
 */
#include "core/store_impl.h"

#include "core/host.h"
#include "core/store_vfs.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double batch_bounds[] = {1,   2,   5,   10,  20,  35,   50,   75,   100,
                                      150, 200, 350, 500, 750, 1000, 1500, 2000, 5000};

/* ---- Small things ---------------------------------------------------------------------------------- */

int64_t
store_mono_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

int64_t
store_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t
job_bytes(const struct store_job *job)
{
    return sizeof(*job) + job->arg_size;
}

void
store_list_add(struct store_list *list, struct store_job *job)
{
    job->next = NULL;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
    list->count++;
    list->bytes += job_bytes(job);
}

void
store_list_join(struct store_list *list, struct store_list *take_more)
{
    if (!take_more->first)
        return;
    if (list->last)
        list->last->next = take_more->first;
    else
        list->first = take_more->first;
    list->last = take_more->last;
    list->count += take_more->count;
    list->bytes += take_more->bytes;
    *take_more = (struct store_list){0};
}

static struct store_job *
list_shift(struct store_list *list)
{
    struct store_job *job = list->first;

    if (!job)
        return NULL;
    list->first = job->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    list->bytes -= job_bytes(job);
    return job;
}

static void
job_free(struct store_job *job)
{
    store_blocks_free(job->blocks);
    sodium_memzero(job->arg, job->arg_size);
    if (job->original)
        sodium_memzero(job->original, job->arg_size);
    free(job);
}

/* ---- Queues ---------------------------------------------------------------------------------------- */

static int
queue_init(struct store_queue *queue, unsigned consumers)
{
    queue->consumers = consumers;
    if (uv_mutex_init(&queue->lock) != 0)
        return SOTTO_ENOMEM;
    if (uv_cond_init(&queue->wake) != 0) {
        uv_mutex_destroy(&queue->lock);
        return SOTTO_ENOMEM;
    }
    return 0;
}

static void
queue_fini(struct store_queue *queue)
{
    struct store_job *job;

    while ((job = list_shift(&queue->list)))
        job_free(job);
    uv_cond_destroy(&queue->wake);
    uv_mutex_destroy(&queue->lock);
}

bool
store_queue_take(struct store_queue *queue, size_t max, uint64_t wait_ns,
                 struct store_list *list_out)
{
    bool is_over = false, is_open;
    size_t share;

    *list_out = (struct store_list){0};
    uv_mutex_lock(&queue->lock);
    while (!queue->list.first && !queue->stopping && !is_over) {
        queue->waiting++;
        if (wait_ns)
            is_over = uv_cond_timedwait(&queue->wake, &queue->lock, wait_ns) != 0;
        else
            uv_cond_wait(&queue->wake, &queue->lock);
        queue->waiting--;
    }
    is_open = queue->list.first || !queue->stopping;
    share = (queue->list.count + queue->consumers - 1) / queue->consumers;
    if (share > max)
        share = max;
    if (share == queue->list.count)
        store_list_join(list_out, &queue->list);
    else
        while (share--)
            store_list_add(list_out, list_shift(&queue->list));
    uv_mutex_unlock(&queue->lock);
    return is_open;
}

/* Takes the job unless the queue is full. */
static int
queue_put(const struct store *store, struct store_queue *queue, struct store_job *take_job)
{
    const struct settings_store *bounds = &store->settings;
    bool full, wake = false;

    uv_mutex_lock(&queue->lock);
    full = queue->list.count >= (size_t)bounds->queue_jobs ||
           queue->list.bytes + job_bytes(take_job) > (size_t)bounds->queue_bytes;
    if (!full) {
        store_list_add(&queue->list, take_job);
        wake = queue->waiting > 0;
    }
    uv_mutex_unlock(&queue->lock);
    if (wake)
        uv_cond_signal(&queue->wake);
    return full ? SOTTO_EUNAVAILABLE : 0;
}

static void
queue_stop(struct store_queue *queue)
{
    uv_mutex_lock(&queue->lock);
    queue->stopping = true;
    uv_cond_broadcast(&queue->wake);
    uv_mutex_unlock(&queue->lock);
}

static size_t
queue_depth(struct store_queue *queue)
{
    size_t depth;

    uv_mutex_lock(&queue->lock);
    depth = queue->list.count;
    uv_mutex_unlock(&queue->lock);
    return depth;
}

/* ---- Done functions -------------------------------------------------------------------------------- */

void
store_deliver(struct store *store, struct store_list *take_finished)
{
    if (!take_finished->first)
        return;
    uv_mutex_lock(&store->ready_lock);
    store_list_join(&store->ready, take_finished);
    uv_mutex_unlock(&store->ready_lock);
    wake_raise(&store->wake);
}

static void
finish_job(struct store_job *job)
{
    struct store_module *module = job->module;
    struct host_module *owner = module->owner;
    struct host_call call;

    module->open_jobs--;
    if (!owner) {
        job->done(NULL, job->status, job->arg);
    } else if (owner->phase != HOST_FAILED) {
        host_enter(&call, owner, "store done");
        job->done(owner->state, job->status, job->arg);
        host_leave(&call);
    }
    job_free(job);
}

/* Runs at most max done functions; returns whether there are more. */
static bool
run_dones(struct store *store, size_t max)
{
    struct store_list now = {0};
    struct store_job *job;
    bool more;

    uv_mutex_lock(&store->ready_lock);
    if (store->ready.count <= max)
        store_list_join(&now, &store->ready);
    else
        while (max--)
            store_list_add(&now, list_shift(&store->ready));
    more = store->ready.first != NULL;
    uv_mutex_unlock(&store->ready_lock);
    while ((job = list_shift(&now)))
        finish_job(job);
    return more;
}

static void
on_wake(struct wake *wake)
{
    struct store *store = wake->data;

    /* In slices, so that answers leave while the rest of a large transaction is still being told. */
    if (run_dones(store, STORE_DONES_A_TURN))
        wake_raise(wake);
}

/* ---- Jobs ------------------------------------------------------------------------------------------ */

/* A job with its argument, twice for a write; NULL: no memory. */
static struct store_job *
job_new(const void *arg, size_t arg_size, bool writes)
{
    const size_t room = (arg_size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct store_job *job = malloc(sizeof(*job) + (writes ? room : 0) + arg_size);

    if (!job)
        return NULL;
    *job = (struct store_job){.arg_size = arg_size};
    if (arg_size)
        memcpy(job->arg, arg, arg_size);
    if (arg_size && writes)
        job->original = memcpy(job->arg + room, arg, arg_size);
    return job;
}

static int
submit(struct store *store, struct store_queue *queue, struct store_module *module, sotto_tx_fn *fn,
       const void *arg, size_t arg_size, sotto_db_done_fn *done)
{
    struct store_job *job;
    int error;

    assert(module && fn && done && (arg || arg_size == 0));
    if (store->stopped || arg_size > STORE_ARG_BYTES_MAX)
        return SOTTO_EUNAVAILABLE;
    job = job_new(arg, arg_size, queue == &store->writes);
    if (!job)
        return SOTTO_EUNAVAILABLE;
    job->module = module;
    job->fn = fn;
    job->done = done;
    error = queue_put(store, queue, job);
    if (error)
        job_free(job);
    else
        module->open_jobs++;
    return error;
}

int
store_write(struct store *store, struct store_module *module, sotto_tx_fn *fn, const void *arg,
            size_t arg_size, sotto_db_done_fn *done)
{
    int error;

    if (!store_breaker_admits(store)) {
        metric_add(store->metrics.refused, 0, 1);
        return SOTTO_EUNAVAILABLE;
    }
    error = submit(store, &store->writes, module, fn, arg, arg_size, done);
    if (error)
        store_breaker_unprobed(store);
    return error;
}

int
store_read(struct store *store, struct store_module *module, sotto_tx_fn *fn, const void *arg,
           size_t arg_size, sotto_db_done_fn *done)
{
    return submit(store, &store->reads, module, fn, arg, arg_size, done);
}

size_t
store_open_jobs(const struct store *store, const struct store_module *module)
{
    size_t open = 0;

    if (module)
        return module->open_jobs;
    for (uint32_t i = 0; i < store->module_count; i++)
        open += store->modules[i]->open_jobs;
    return open;
}

/* ---- Metrics --------------------------------------------------------------------------------------- */

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
        median > 0 && median < 1 ? 1 : median, queue_depth(&store->writes),
        queue_depth(&store->reads), atomic_load(&store->open_until) != 0);
}

static void
add_metrics(struct store *store, struct metrics *metrics)
{
    static const struct sotto_metric_row batch = {.name = "store_batch_size",
                                                  .type = SOTTO_METRIC_HISTOGRAM,
                                                  .help = "Jobs in one transaction of the writer."};
    static const struct sotto_metric_row commits = {.name = "store_commits_total",
                                                    .type = SOTTO_METRIC_COUNTER,
                                                    .help = "Transactions that reached the disk."};
    static const struct sotto_metric_row sync = {.name = "store_commit_seconds",
                                                 .type = SOTTO_METRIC_HISTOGRAM,
                                                 .help =
                                                     "Time of COMMIT, sync of the disk included."};
    static const struct sotto_metric_row failures = {.name = "circuit_breaker_failures_total",
                                                     .type = SOTTO_METRIC_COUNTER,
                                                     .help = "Transactions that were lost whole.",
                                                     .label = "name",
                                                     .values = "store"};
    static const struct sotto_metric_row refused = {
        .name = "circuit_breaker_refused_total",
        .type = SOTTO_METRIC_COUNTER,
        .help = "Writes that were refused while the breaker was open.",
        .label = "name",
        .values = "store"};
    static const struct sotto_metric_row read_failures = {.name = "store_read_failures_total",
                                                          .type = SOTTO_METRIC_COUNTER,
                                                          .help = "Queries that the disk failed."};
    static const struct sotto_metric_row jobs = {.name = "store_jobs_total",
                                                 .type = SOTTO_METRIC_COUNTER,
                                                 .help = "Jobs that ran.",
                                                 .label = "kind",
                                                 .values = "write|read"};
    static const struct sotto_metric_row released = {.name = "store_pages_released_total",
                                                     .type = SOTTO_METRIC_COUNTER,
                                                     .help =
                                                         "Free pages cut off the database's file."};
    static const struct sotto_metric_row repeated = {
        .name = "store_batches_repeated_total",
        .type = SOTTO_METRIC_COUNTER,
        .help = "Transactions that ran again, since a job was refused after it had written."};

    if (!metrics)
        return;
    store->metrics = (struct store_metrics){
        .batch = metrics_add_histogram(metrics, NULL, &batch, batch_bounds,
                                       sizeof(batch_bounds) / sizeof(batch_bounds[0])),
        .commits = metrics_add(metrics, NULL, &commits),
        .sync_seconds = metrics_add(metrics, NULL, &sync),
        .failures = metrics_add(metrics, NULL, &failures),
        .refused = metrics_add(metrics, NULL, &refused),
        .read_failures = metrics_add(metrics, NULL, &read_failures),
        .jobs = metrics_add(metrics, NULL, &jobs),
        .released = metrics_add(metrics, NULL, &released),
        .repeated = metrics_add(metrics, NULL, &repeated),
    };
    metrics_add_source(metrics, render, store);
}

/* ---- Life ------------------------------------------------------------------------------------------ */

static void
tell_arrangement(const struct store *store)
{
    if (store->writer.rearranged)
        log_info(store->log, "store: %s was rearranged once: its pages have checksums now",
                 store->path);
    else if (!store_vfs_has_sums(store->writer.db))
        log_warn(store->log,
                 "store: %s has no checksums: there was no room to rearrange it once; free as much "
                 "as it has, and start again",
                 store->path);
}

int
store_create(uv_loop_t *loop, const char *path, const struct settings_store *settings,
             struct log *log, struct metrics *metrics, struct store **store_out,
             struct sotto_err *err)
{
    struct store *store = calloc(1, sizeof(*store));
    int error = SOTTO_ENOMEM;

    if (!store)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    store->loop = loop;
    store->log = log;
    store->settings = *settings;
    store->reader_count = (size_t)settings->readers;
    store->path = strdup(path);
    store->readers = calloc(store->reader_count, sizeof(*store->readers));
    if (uv_mutex_init(&store->ready_lock) != 0 || queue_init(&store->writes, 1) != 0 ||
        queue_init(&store->reads, (unsigned)store->reader_count) != 0)
        abort(); /* nothing but memory can be missing, this early */
#ifdef SOTTO_FAULTS
    store->ack_early = getenv("SOTTO_FAULT") && strcmp(getenv("SOTTO_FAULT"), "ack_early") == 0;
    if (store->ack_early)
        log_warn(log,
                 "store: fault switch ack_early: writes are acknowledged before they are durable");
#endif
    sotto_err_set(err, 0, "out of memory");
    if (!store->path || !store->readers || wake_init(&store->wake, loop, on_wake, store) != 0)
        goto fail;
    store->wake_open = true;
    error = store_check_files(path, err);
    if (!error)
        error = store_conn_open(&store->writer, path, settings, true, err);
    if (error)
        goto fail;
    tell_arrangement(store);
    add_metrics(store, metrics);
    *store_out = store;
    return 0;

fail:
    store_destroy(&store);
    return error;
}

struct store_module *
store_add_module(struct store *store, struct host_module *owner, const char *name,
                 const struct sotto_table *statements, const struct sotto_writer *writer)
{
    struct store_module *module;

    assert(strlen(name) <= STORE_NAME_MAX && store->module_count < STORE_MODULES_MAX);
    module = calloc(1, sizeof(*module));
    if (!module)
        return NULL;
    module->store = store;
    module->owner = owner;
    module->index = store->module_count;
    if (statements)
        module->statements = *statements;
    module->writer = writer;
    snprintf(module->name, sizeof(module->name), "%s", name);
    snprintf(module->prefix, sizeof(module->prefix), "%s_", name);
    store->modules[store->module_count++] = module;
    return module;
}

void
store_forget_module(struct store_module *module)
{
    if (module->store->writer_started)
        return;
    module->statements = (struct sotto_table){0};
    module->writer = NULL;
}

static int
prepare_all(struct store *store, struct store_conn *conn, struct sotto_err *err)
{
    for (uint32_t i = 0; i < store->module_count; i++) {
        const int error = store_conn_prepare(conn, store->modules[i], err);

        if (error)
            return error;
    }
    return 0;
}

int
store_start(struct store *store, struct sotto_err *err)
{
    int error = prepare_all(store, &store->writer, err);

    if (!error)
        error = store_writer_open_caches(store, err);
    for (size_t i = 0; i < store->reader_count && !error; i++) {
        struct store_reader *reader = &store->readers[i];

        reader->store = store;
        error = store_conn_open(&reader->conn, store->path, &store->settings, false, err);
        if (!error)
            error = prepare_all(store, &reader->conn, err);
        if (!error && uv_thread_create(&reader->thread, store_reader_main, reader) == 0)
            reader->started = true;
        else if (!error)
            error = sotto_err_set(err, SOTTO_ENOMEM, "no thread for the store");
    }
    if (error)
        return error;
    if (uv_thread_create(&store->writer_thread, store_writer_main, store) != 0)
        return sotto_err_set(err, SOTTO_ENOMEM, "no thread for the store");
    store->writer_started = true;
    return 0;
}

void
store_stop(struct store *store)
{
    if (store->stopped)
        return;
    store->stopped = true;
    queue_stop(&store->writes);
    queue_stop(&store->reads);
    if (store->writer_started)
        uv_thread_join(&store->writer_thread);
    for (size_t i = 0; i < store->reader_count; i++)
        if (store->readers[i].started)
            uv_thread_join(&store->readers[i].thread);
    while (run_dones(store, STORE_DONES_A_TURN))
        ;
    store_writer_close_caches(store);
}

static void
store_free(struct store *store)
{
    for (uint32_t i = 0; i < store->module_count; i++)
        free(store->modules[i]);
    queue_fini(&store->writes);
    queue_fini(&store->reads);
    uv_mutex_destroy(&store->ready_lock);
    free(store->readers);
    free(store->path);
    free(store);
}

static void
on_wake_closed(struct wake *wake)
{
    store_free(wake->data);
}

void
store_destroy(struct store **take_store)
{
    struct store *store = *take_store;

    *take_store = NULL;
    if (!store)
        return;
    if (store->path && store->readers)
        store_stop(store);
    for (size_t i = 0; store->readers && i < store->reader_count; i++)
        store_conn_close(&store->readers[i].conn);
    store_conn_close(&store->writer);
    if (store->wake_open)
        wake_close(&store->wake, on_wake_closed);
    else
        store_free(store);
}
