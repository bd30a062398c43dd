/* SPDX-License-Identifier: MIT */
/*
 * The writer thread: group commit.
 *
 *     take everything queued -> BEGIN IMMEDIATE -> job, job, job … -> flush the caches of the modules that took
 *     part -> COMMIT (syncs the disk) -> hand all results over at once
 *
 * While one commit syncs, jobs pile up and become the next transaction, so the batch grows with the load by
 * itself. Nothing is handed over as done before COMMIT has returned; that is the promise of the whole server.
 *
 * A job that is refused must leave nothing behind, and nearly all that are refused have not written yet. So jobs run
 * without savepoints, each of which would cost as much as a third of an insert (SQLite copies every page before its
 * first change in one). When a job is refused after it has written, the transaction is rolled back and the whole batch
 * runs again, each job in a savepoint, and so do the next batches: whoever provokes that slows nobody down for long.
 */
#include "core/store_impl.h"

#include "core/clock.h"

#include <string.h>

#ifdef SOTTO_FAULTS
#define ACK_EARLY_MS 20
#endif

#define CAREFUL_BATCHES 64 /* with savepoints after one had to run again */
#define RUN_AGAIN (-1)     /* no code of SQLite: those are 0 or positive */

/* What a job that was refused or rolled back on its own leaves behind. */
static void
undo_job(struct store_tx *tx)
{
    int code;

    if (!tx->has_savepoint || tx->fatal)
        return;
    code = store_conn_run(tx->conn, STORE_ROLLBACK_TO);
    if (code == SQLITE_OK)
        code = store_conn_run(tx->conn, STORE_RELEASE);
    if (code != SQLITE_OK)
        tx->fatal = code;
}

/* Runs one job; 0, SQLite's code when the transaction is lost, or RUN_AGAIN. */
static int
run_job(struct store *store, struct store_job *job, int64_t now_ms, bool careful)
{
    struct store_tx *tx = store_tx_begin(&store->writer, job->module, job, now_ms);
    int fatal;

    tx->careful = careful;
    job->status = job->fn(&tx->base, job->arg);
    store_tx_end(tx);
    if (job->status < 0) {
        undo_job(tx);
    } else if (tx->has_savepoint && !tx->fatal) {
        const int code = store_conn_run(tx->conn, STORE_RELEASE);

        if (code != SQLITE_OK)
            tx->fatal = code;
    }
    fatal = tx->fatal;
    if (!fatal && sqlite3_get_autocommit(store->writer.db))
        fatal = SQLITE_ABORT;
    if (job->status >= 0)
        job->module->touched = true;
    else if (!fatal && tx->wrote && !careful)
        fatal = RUN_AGAIN;
    return fatal;
}

/* Begins a transaction and runs the jobs in it; as run_job. */
static int
run_jobs(struct store *store, struct store_list *batch, int64_t now_ms, bool careful)
{
    int code = store_conn_run(&store->writer, STORE_BEGIN);

    for (uint32_t i = 0; i < store->module_count; i++)
        store->modules[i]->touched = false;
    for (struct store_job *job = batch->first; job && code == SQLITE_OK; job = job->next)
        code = run_job(store, job, now_ms, careful);
    return code;
}

/* Lets the modules that took part write their heads. */
static int
flush_caches(struct store *store, int64_t now_ms)
{
    for (uint32_t i = 0; i < store->module_count; i++) {
        struct store_module *module = store->modules[i];
        struct store_tx *tx;
        int status, fatal;

        if (!module->touched || !module->cache_open || !module->writer->flush)
            continue;
        tx = store_tx_begin(&store->writer, module, NULL, now_ms);
        status = module->writer->flush(&tx->base, module->cache);
        fatal = tx->fatal;
        store_tx_end(tx);
        if (fatal)
            return fatal;
        if (status < 0)
            return SQLITE_ABORT;
    }
    return SQLITE_OK;
}

static void
discard_caches(struct store *store)
{
    for (uint32_t i = 0; i < store->module_count; i++) {
        struct store_module *module = store->modules[i];

        if (module->cache_open && module->writer->discard)
            module->writer->discard(module->cache);
    }
}

/* What was queued before the breaker opened has waited long enough. */
static void
refuse_batch(struct store *store, struct store_list *batch)
{
    for (struct store_job *job = batch->first; job; job = job->next)
        job->status = SOTTO_EUNAVAILABLE;
    metric_add(store->metrics.refused, 0, (double)batch->count);
}

/* The transaction is lost: every job of it gets the same answer. */
static void
abort_batch(struct store *store, struct store_list *batch, int code, const char *what)
{
    if (!sqlite3_get_autocommit(store->writer.db))
        store_conn_run(&store->writer, STORE_ROLLBACK);
    discard_caches(store);
    for (struct store_job *job = batch->first; job; job = job->next)
        job->status = store_status(code);
    store_failed(store, code, what);
}

/* As if the batch had not run. */
static int
rewind_batch(struct store *store, struct store_list *batch)
{
    const int code = store_conn_run(&store->writer, STORE_ROLLBACK);

    discard_caches(store);
    for (struct store_job *job = batch->first; job; job = job->next) {
        store_blocks_free(job->blocks);
        job->blocks = NULL;
        job->alloc_bytes = 0;
        if (job->original)
            memcpy(job->arg, job->original, job->arg_size);
    }
    metric_add(store->metrics.repeated, 0, 1);
    return code;
}

/* Runs the jobs of a batch in a transaction that is open afterwards; 0, or SQLite's code when it is lost. */
static int
run_all(struct store *store, struct store_list *batch)
{
    const int64_t now_ms = clock_wall_ms();
    const bool careful = store->careful > 0;
    int code = run_jobs(store, batch, now_ms, careful);

    if (careful)
        store->careful--;
    if (code != RUN_AGAIN)
        return code;
    store->careful = CAREFUL_BATCHES;
    code = rewind_batch(store, batch);
    return code == SQLITE_OK ? run_jobs(store, batch, now_ms, true) : code;
}

static int
commit(struct store *store)
{
    const uint64_t start = uv_hrtime();
    const int code = store_conn_run(&store->writer, STORE_COMMIT);

    metric_add(store->metrics.sync_seconds, 0, (double)(uv_hrtime() - start) / 1e9);
    return code;
}

static void
run_batch(struct store *store, struct store_list *batch)
{
    const char *what = "a job";
    int code = run_all(store, batch);

    if (code == SQLITE_OK) {
        what = "the heads of a module";
        code = flush_caches(store, clock_wall_ms());
    }
#ifdef SOTTO_FAULTS
    if (store->ack_early && code == SQLITE_OK) {
        store_deliver(store, batch);
        uv_sleep(ACK_EARLY_MS); /* as a database does that flushes later */
    }
#endif
    if (code == SQLITE_OK) {
        what = "commit";
        code = commit(store);
    }
    if (code == SQLITE_OK)
        store_succeeded(store);
    else
        abort_batch(store, batch, code, what);
}

static void
serve(struct store *store, struct store_list *batch)
{
    const size_t count = batch->count;

    if (store_breaker_is_open(store)) {
        refuse_batch(store, batch);
    } else {
        run_batch(store, batch);
        metric_add(store->metrics.batch, 0, (double)count);
        metric_add(store->metrics.jobs, 0, (double)count);
    }
    store_deliver(store, batch);
    store_tidy_note(store);
}

void
store_writer_main(void *arg)
{
    struct store *store = arg;
    struct store_list batch;

    while (store_queue_take(&store->writes, (size_t)store->settings.batch_jobs,
                            store_tidy_wait(store), &batch)) {
        if (batch.count)
            serve(store, &batch);
        store_tidy(store);
    }
}

/* ---- Caches ---------------------------------------------------------------------------------------- */

int
store_writer_open_caches(struct store *store, struct sotto_err *err)
{
    if (store_conn_run(&store->writer, STORE_BEGIN) != SQLITE_OK)
        return store_conn_error(&store->writer, store->path, err);
    for (uint32_t i = 0; i < store->module_count; i++) {
        struct store_module *module = store->modules[i];
        struct store_tx *tx;
        int status;

        if (!module->writer || !module->writer->open)
            continue;
        tx = store_tx_begin(&store->writer, module, NULL, clock_wall_ms());
        status = module->writer->open(&tx->base, &module->cache);
        store_tx_end(tx);
        if (status < 0) {
            store_conn_run(&store->writer, STORE_ROLLBACK);
            return sotto_err_set(err, status, "module \"%s\" could not read its state: %s",
                                 module->name, sotto_error_code(status));
        }
        module->cache_open = true;
    }
    if (store_conn_run(&store->writer, STORE_COMMIT) != SQLITE_OK)
        return store_conn_error(&store->writer, store->path, err);
    return 0;
}

void
store_writer_close_caches(struct store *store)
{
    for (uint32_t i = 0; i < store->module_count; i++) {
        struct store_module *module = store->modules[i];

        if (module->cache_open && module->writer->close)
            module->writer->close(module->cache);
        module->cache_open = false;
        module->cache = NULL;
    }
}
