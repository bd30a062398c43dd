/* SPDX-License-Identifier: MIT */
/*
 * The store's life, and the way of a job from the loop thread and back. See store.h for the promises, store_impl.h
 * for the other files.
 *
 * A job is one allocation, made by the loop thread and freed there after its done function, so no memory
 * changes hands between allocators on the hot path.
 */
#include "core/store_impl.h"

#include "core/host.h"
#include "core/store_vfs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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
    store_job_free(job);
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
            store_list_add(&now, store_list_shift(&store->ready));
    more = store->ready.first != NULL;
    uv_mutex_unlock(&store->ready_lock);
    while ((job = store_list_shift(&now)))
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
    error = store_queue_put(queue, &store->settings, job);
    if (error)
        store_job_free(job);
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
    if (uv_mutex_init(&store->ready_lock) != 0 || store_queue_init(&store->writes, 1) != 0 ||
        store_queue_init(&store->reads, (unsigned)store->reader_count) != 0)
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
    store_metrics_add(store, metrics);
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
    store_queue_stop(&store->writes);
    store_queue_stop(&store->reads);
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
    store_queue_fini(&store->writes);
    store_queue_fini(&store->reads);
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
