/* SPDX-License-Identifier: MIT */
/* See store_kit.h. */
#include "store_kit.h"

#include <unistd.h>

static const struct sotto_stmt_row demo_statements[] = {
    [DEMO_INSERT] = {"INSERT INTO demo_rows (id, body) VALUES (?, ?)"},
    [DEMO_COUNT] = {"SELECT count(*) FROM demo_rows"},
    [DEMO_GET] = {"SELECT body FROM demo_rows WHERE id = ?"},
    [DEMO_UPDATE_ALL] = {"UPDATE demo_rows SET body = ?"},
    [DEMO_SPOIL] = {"SELECT abs(?)"},
    [DEMO_SELECT_HEAD] = {"SELECT value FROM demo_head"},
    [DEMO_WRITE_HEAD] = {"INSERT INTO demo_head (id, value) VALUES (1, ?) "
                         "ON CONFLICT (id) DO UPDATE SET value = excluded.value"},
    [DEMO_ADOPT] = {"INSERT INTO demo_children (parent) VALUES (?)"},
    [DEMO_DELETE_ALL] = {"DELETE FROM demo_rows WHERE id > 0"},
};
static const struct sotto_migration_row demo_migrations[] = {
    {.number = 1,
     .name = "rows",
     .sql =
         "CREATE TABLE demo_rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;"
         "CREATE TABLE demo_head (id INTEGER PRIMARY KEY, value INTEGER NOT NULL) STRICT;"
         "CREATE TABLE demo_children (parent INTEGER NOT NULL REFERENCES demo_rows (id)) STRICT;"},
};
static const struct sotto_table demo_statement_table = SOTTO_TABLE(demo_statements);
static const struct sotto_table demo_migration_table = SOTTO_TABLE(demo_migrations);

struct settings_store
store_kit_settings(void)
{
    return (struct settings_store){.readers = 2,
                                   .batch_jobs = 2000,
                                   .queue_jobs = 100000,
                                   .queue_bytes = 128 << 20,
                                   .cache_bytes = 1 << 20,
                                   .busy_ms = 1,
                                   .wal_bytes = 16 << 20,
                                   .breaker_failures = 5,
                                   .breaker_reset_ms = 30000};
}

int
store_kit_setup(void **state)
{
    struct store_kit *f = calloc(1, sizeof(*f));

    f->settings = store_kit_settings();
    if (test_folder_make("store", f->dir) != 0)
        return -1;
    snprintf(f->path, sizeof(f->path), "%s/sotto.db", f->dir);
    *state = f;
    return uv_loop_init(&f->loop);
}

int
store_kit_try_open(struct store_kit *f, const struct sotto_writer *writer)
{
    int error;

    if (!f->metrics)
        assert_ok(metrics_create(&f->metrics));
    error = store_create(&f->loop, f->path, &f->settings, NULL, f->metrics, &f->store, &f->err);
    if (error)
        return error;
    f->module = store_add_module(f->store, NULL, "demo", &demo_statement_table, writer);
    error = store_migrate(f->store, f->module, &demo_migration_table, &f->err);
    return error ? error : store_start(f->store, &f->err);
}

void
store_kit_open(struct store_kit *f, const struct sotto_writer *writer)
{
    if (store_kit_try_open(f, writer) != 0)
        fail_msg("the store does not open: %s", f->err.text);
}

void
store_kit_close(struct store_kit *f)
{
    store_destroy(&f->store);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    metrics_destroy(&f->metrics);
}

int
store_kit_teardown(void **state)
{
    struct store_kit *f = *state;
    static const char *const tails[] = {"", "-wal", "-shm"};
    char path[TEST_PATH_BYTES + 8];

    store_kit_close(f);
    uv_loop_close(&f->loop);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s%s", f->path, tails[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

/* ---- Jobs ------------------------------------------------------------------------------------------ */

void
store_kit_wait(struct store_kit *f, const struct store_seen *seen, size_t n)
{
    const uint64_t deadline = uv_hrtime() + UINT64_C(60) * 1000000000;

    while (seen->count < n) {
        if (uv_hrtime() > deadline)
            fail_msg("%zu of %zu jobs ended in time", seen->count, n);
        uv_run(&f->loop, UV_RUN_ONCE);
    }
}

int
store_kit_insert(struct sotto_tx *tx, void *arg)
{
    struct store_test_job *job = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, DEMO_INSERT);
    int step;

    sotto_bind_int(stmt, 1, job->id);
    sotto_bind_blob(stmt, 2, "0123456789", 10);
    step = sotto_step(stmt);
    if (step < 0)
        return step;
    return job->result;
}

int
store_kit_count(struct sotto_tx *tx, void *arg)
{
    struct store_test_job *job = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, DEMO_COUNT);

    if (sotto_step(stmt) != SOTTO_ROW)
        return SOTTO_EIO;
    job->value = sotto_col_int(stmt, 0);
    return 0;
}

void
store_kit_note(void *state, int status, void *arg)
{
    struct store_test_job *job = arg;
    struct store_seen *seen = job->seen;

    (void)state;
    seen->order[seen->count] = job->id;
    seen->status[seen->count] = status;
    seen->value = job->value;
    seen->count++;
}

int
store_kit_write(struct store_kit *f, struct store_seen *seen, int64_t id, int result)
{
    const struct store_test_job job = {.seen = seen, .id = id, .result = result};

    return store_write(f->store, f->module, store_kit_insert, &job, sizeof(job), store_kit_note);
}

int64_t
store_kit_rows(struct store_kit *f)
{
    struct store_seen *seen = calloc(1, sizeof(*seen));
    const struct store_test_job job = {.seen = seen};
    int64_t value;

    assert_ok(store_read(f->store, f->module, store_kit_count, &job, sizeof(job), store_kit_note));
    store_kit_wait(f, seen, 1);
    assert_int_equal(seen->status[0], 0);
    value = seen->value;
    free(seen);
    return value;
}
