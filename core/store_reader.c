/* SPDX-License-Identifier: MIT */
/*
 * The reader threads. A reader takes a few queued reads and runs them in one read transaction, which begins
 * after they were queued: that is why a read sees every write whose done function ran before it was asked for.
 */
#include "core/store_impl.h"

#include "core/clock.h"

/* SQLite's code when the disk failed the job, else 0. */
static int
run_job(struct store_conn *conn, struct store_job *job, int64_t now_ms)
{
    struct store_tx *tx = store_tx_begin(conn, job->module, job, now_ms);

    job->status = job->fn(&tx->base, job->arg);
    store_tx_end(tx);
    if (tx->fatal)
        job->status = store_status(tx->fatal);
    return tx->fatal;
}

void
store_reader_main(void *arg)
{
    struct store_reader *reader = arg;
    struct store *store = reader->store;
    struct store_list batch;

    while (store_queue_take(&store->reads, STORE_READ_BATCH, 0, &batch)) {
        const int64_t now_ms = clock_wall_ms();
        const int begun = store_conn_run(&reader->conn, STORE_BEGIN);

        for (struct store_job *job = batch.first; job; job = job->next) {
            const int code = begun == SQLITE_OK ? run_job(&reader->conn, job, now_ms) : begun;

            if (begun != SQLITE_OK)
                job->status = store_status(begun);
            if (code != SQLITE_OK)
                store_read_failed(store, &reader->conn, code);
        }
        if (!sqlite3_get_autocommit(reader->conn.db))
            store_conn_run(&reader->conn, STORE_ROLLBACK);
        metric_add(store->metrics.jobs, 1, (double)batch.count);
        store_deliver(store, &batch);
    }
}
