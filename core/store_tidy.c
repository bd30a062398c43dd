/* SPDX-License-Identifier: MIT */
/*
 * Giving space back: what was deleted leaves the file, and the file becomes smaller.
 *
 * secure_delete writes zeros over deleted rows, but into the WAL first: the old bytes stay in the file until a
 * checkpoint, and in the WAL until it is cut. And a file never shrinks by itself. So a moment after a deletion the
 * writer thread does both, in slices that hold up a waiting job by some milliseconds at most: free pages beyond a
 * reserve are moved to the end of the file and cut off (auto_vacuum = INCREMENTAL), then the WAL is copied back and
 * truncated. What the file system does with the blocks is beyond us.
 */
#include "core/store_impl.h"

#define NS_PER_MS UINT64_C(1000000)
#define TIDY_AFTER_MS 2000   /* deletions of this long share one checkpoint */
#define TIDY_SLICE_MS 20     /* between two slices, for the jobs that wait */
#define TIDY_RETRY_MS 60000  /* after an error */
#define FREE_PAGES_LEAST 256 /* 1 MiB that the next rows take again */
#define FREE_PAGES_PART 16   /* and a sixteenth of the file, since moving a page is writing it */
#define TIDY_SQL "PRAGMA incremental_vacuum(256)" /* pages a slice */

static void
is_due_in(struct store *store, uint64_t ms)
{
    store->tidy_at_ns = uv_hrtime() + ms * NS_PER_MS;
}

void
store_tidy_note(struct store *store)
{
    if (store->writer.deleted && store->tidy_at_ns == 0)
        is_due_in(store, TIDY_AFTER_MS);
    store->writer.deleted = false;
}

uint64_t
store_tidy_wait(const struct store *store)
{
    const uint64_t now = uv_hrtime();

    if (store->tidy_at_ns == 0)
        return 0;
    return store->tidy_at_ns > now ? store->tidy_at_ns - now : 1;
}

/* Cuts one slice off the file. SQLite's code; *more_out: there is more to cut. */
static int
cut_slice(struct store *store, bool *more_out)
{
    sqlite3 *db = store->writer.db;
    const int64_t pages = store_conn_int(&store->writer, "PRAGMA page_count", 0);
    const int64_t reserve = FREE_PAGES_LEAST + pages / FREE_PAGES_PART;
    const int64_t before = store_conn_int(&store->writer, "PRAGMA freelist_count", 0);
    int64_t after;
    int code;

    *more_out = false;
    if (before <= reserve)
        return SQLITE_OK;
    code = sqlite3_exec(db, TIDY_SQL, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return code;
    after = store_conn_int(&store->writer, "PRAGMA freelist_count", 0);
    metric_add(store->metrics.released, 0, (double)(before - after));
    /* A file that cannot shrink (store_conn_open) stays as it is. */
    *more_out = after > reserve && after < before;
    return SQLITE_OK;
}

/* Copies the WAL back and cuts it. A reader at work keeps it from being cut: then it is tried again. */
static int
checkpoint(struct store *store)
{
    sqlite3 *db = store->writer.db;
    int code;

    sqlite3_busy_timeout(db, 0);
    code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(db, (int)store->settings.busy_ms);
    return code;
}

void
store_tidy(struct store *store)
{
    bool more = false;
    int code;

    if (store->tidy_at_ns == 0 || uv_hrtime() < store->tidy_at_ns)
        return;
    store->tidy_at_ns = 0;
    code = cut_slice(store, &more);
    if (code == SQLITE_OK && !more)
        code = checkpoint(store);
    if (more) {
        is_due_in(store, TIDY_SLICE_MS);
    } else if ((code & 0xff) == SQLITE_BUSY) {
        is_due_in(store, TIDY_AFTER_MS);
    } else if (code != SQLITE_OK) {
        log_warn(store->log, "store: space could not be given back: %s (%d); tried again in %d s",
                 sqlite3_errstr(code), code, TIDY_RETRY_MS / 1000);
        is_due_in(store, TIDY_RETRY_MS);
    }
}
