/* SPDX-License-Identifier: MIT */
/* The store: group commit, savepoints, order, caches, rights, the breaker, and what happens to damaged files. */
#include "sotto_test.h"

#include "core/store_impl.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INSERT, COUNT, GET, UPDATE_ALL, SPOIL, SELECT_HEAD, WRITE_HEAD, ADOPT };
static const struct sotto_stmt_row demo_statements[] = {
    [INSERT] = {"INSERT INTO demo_rows (id, body) VALUES (?, ?)"},
    [COUNT] = {"SELECT count(*) FROM demo_rows"},
    [GET] = {"SELECT body FROM demo_rows WHERE id = ?"},
    [UPDATE_ALL] = {"UPDATE demo_rows SET body = ?"},
    [SPOIL] = {"SELECT abs(?)"},
    [SELECT_HEAD] = {"SELECT value FROM demo_head"},
    [WRITE_HEAD] = {"INSERT INTO demo_head (id, value) VALUES (1, ?) "
                    "ON CONFLICT (id) DO UPDATE SET value = excluded.value"},
    [ADOPT] = {"INSERT INTO demo_children (parent) VALUES (?)"},
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

struct fixture {
    uv_loop_t loop;
    struct settings_store settings;
    struct metrics *metrics;
    struct store *store;
    struct store_module *module;
    struct sotto_err err;
    char dir[64], path[96];
};

static struct settings_store
store_settings(void)
{
    return (struct settings_store){.readers = 2,
                                   .batch_jobs = 2000,
                                   .queue_jobs = 100000,
                                   .queue_bytes = 128 << 20,
                                   .cache_bytes = 1 << 20,
                                   .busy_ms = 1,
                                   .breaker_reset_ms = 30000};
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->settings = store_settings();
    snprintf(f->dir, sizeof(f->dir), "/tmp/sotto-store-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof(f->path), "%s/sotto.db", f->dir);
    *state = f;
    return uv_loop_init(&f->loop);
}

static void
open_store(struct fixture *f, const struct sotto_writer *writer)
{
    if (!f->metrics)
        assert_ok(metrics_create(&f->metrics));
    if (store_create(&f->loop, f->path, &f->settings, NULL, f->metrics, &f->store, &f->err) != 0)
        fail_msg("store_create: %s", f->err.text);
    f->module = store_add_module(f->store, NULL, "demo", &demo_statement_table, writer);
    if (store_migrate(f->store, f->module, &demo_migration_table, &f->err) != 0)
        fail_msg("store_migrate: %s", f->err.text);
    if (store_start(f->store, &f->err) != 0)
        fail_msg("store_start: %s", f->err.text);
}

static void
close_store(struct fixture *f)
{
    store_destroy(&f->store);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    metrics_destroy(&f->metrics);
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    static const char *const tails[] = {"", "-wal", "-shm"};
    char path[128];

    close_store(f);
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

/* What done functions leave behind for the test. */
struct seen {
    size_t count;
    int64_t order[4096];
    int status[4096];
    int64_t value;
};

struct job {
    struct seen *seen;
    int64_t id;
    int result; /* what the job returns after its write */
    int64_t value;
};

/* Turns the loop until n done functions have run. */
static void
wait_for(struct fixture *f, const struct seen *seen, size_t n)
{
    const uint64_t deadline = uv_hrtime() + UINT64_C(20) * 1000000000;

    while (seen->count < n) {
        if (uv_hrtime() > deadline)
            fail_msg("%zu of %zu jobs ended in time", seen->count, n);
        uv_run(&f->loop, UV_RUN_ONCE);
    }
}

static int
insert(struct sotto_tx *tx, void *arg)
{
    struct job *job = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, INSERT);
    int step;

    sotto_bind_int(stmt, 1, job->id);
    sotto_bind_blob(stmt, 2, "0123456789", 10);
    step = sotto_step(stmt);
    if (step < 0)
        return step;
    return job->result;
}

static int
count_rows(struct sotto_tx *tx, void *arg)
{
    struct job *job = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, COUNT);

    if (sotto_step(stmt) != SOTTO_ROW)
        return SOTTO_EIO;
    job->value = sotto_col_int(stmt, 0);
    return 0;
}

static void
note(void *state, int status, void *arg)
{
    struct job *job = arg;
    struct seen *seen = job->seen;

    (void)state;
    seen->order[seen->count] = job->id;
    seen->status[seen->count] = status;
    seen->value = job->value;
    seen->count++;
}

static int
write_one(struct fixture *f, struct seen *seen, int64_t id, int result)
{
    const struct job job = {.seen = seen, .id = id, .result = result};

    return store_write(f->store, f->module, insert, &job, sizeof(job), note);
}

static int64_t
rows_now(struct fixture *f)
{
    struct seen *seen = calloc(1, sizeof(*seen));
    const struct job job = {.seen = seen};
    int64_t value;

    assert_ok(store_read(f->store, f->module, count_rows, &job, sizeof(job), note));
    wait_for(f, seen, 1);
    assert_int_equal(seen->status[0], 0);
    value = seen->value;
    free(seen);
    return value;
}

/* ---- Tests ----------------------------------------------------------------------------------------- */

static void
writes_are_batched_and_done_in_the_order_they_were_queued(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct buf text = {0};

    open_store(f, NULL);
    for (int i = 0; i < 4000; i++)
        assert_ok(write_one(f, seen, i, 0));
    wait_for(f, seen, 4000);

    for (int i = 0; i < 4000; i++) {
        assert_int_equal(seen->order[i], i);
        assert_int_equal(seen->status[i], 0);
    }
    assert_int_equal(rows_now(f), 4000);
    metrics_render(f->metrics, &text);
    assert_non_null(strstr(buf_text(&text), "sotto_store_batch_size_median "));
    assert_non_null(strstr(buf_text(&text), "sotto_store_jobs_total{kind=\"write\"} 4000\n"));
    /* Far fewer transactions than jobs: the queue fills while the disk syncs. */
    assert_null(strstr(buf_text(&text), "sotto_store_commits_total 4000\n"));
    buf_fini(&text);
    free(seen);
}

static void
a_refused_job_is_rolled_back_alone(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));

    open_store(f, NULL);
    assert_ok(write_one(f, seen, 1, 0));
    assert_ok(write_one(f, seen, 2, SOTTO_EABORTED));
    assert_ok(write_one(f, seen, 1, 0));
    assert_ok(write_one(f, seen, 3, 7));
    wait_for(f, seen, 4);

    assert_int_equal(seen->status[0], 0);
    assert_int_equal(seen->status[1], SOTTO_EABORTED);
    assert_int_equal(seen->status[2], SOTTO_ECONSTRAINT);
    assert_int_equal(seen->status[3], 7);
    assert_int_equal(rows_now(f), 2);
    free(seen);
}

static int
spoil(struct sotto_tx *tx, void *arg)
{
    struct job *job = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, UPDATE_ALL);

    sotto_bind_blob(stmt, 1, "changed", 7);
    if (sotto_step(stmt) != SOTTO_DONE)
        return SOTTO_EINTERNAL;
    job->value = tx->api->changes(tx);
    stmt = sotto_stmt(tx, SPOIL);
    sotto_bind_int(stmt, 1, INT64_MIN); /* abs() of it overflows: an SQL error at run time */
    return sotto_step(stmt);
}

static void
an_sql_error_undoes_its_job_and_no_other(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    const struct job job = {.seen = seen, .id = 9};

    open_store(f, NULL);
    assert_ok(write_one(f, seen, 1, 0));
    assert_ok(store_write(f->store, f->module, spoil, &job, sizeof(job), note));
    assert_ok(write_one(f, seen, 2, 0));
    wait_for(f, seen, 3);

    assert_int_equal(seen->status[1], SOTTO_EIO);
    assert_int_equal(seen->status[2], 0);
    assert_int_equal(rows_now(f), 2);
    free(seen);
}

static int
adopt(struct sotto_tx *tx, void *arg)
{
    const struct job *job = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, ADOPT);
    int step;

    sotto_bind_int(stmt, 1, job->id);
    step = sotto_step(stmt);
    return step == SOTTO_DONE ? 0 : step;
}

static void
a_row_whose_parent_is_not_there_is_refused(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    const struct job orphan = {.seen = seen, .id = 2}, child = {.seen = seen, .id = 1};

    open_store(f, NULL);
    assert_ok(write_one(f, seen, 1, 0));
    assert_ok(store_write(f->store, f->module, adopt, &orphan, sizeof(orphan), note));
    assert_ok(store_write(f->store, f->module, adopt, &child, sizeof(child), note));
    wait_for(f, seen, 3);

    assert_int_equal(seen->status[1], SOTTO_ECONSTRAINT);
    assert_int_equal(seen->status[2], 0);
    free(seen);
}

static int
pragma_of(struct store_conn *conn, const char *name)
{
    sqlite3_stmt *stmt;
    char sql[64];
    int value;

    snprintf(sql, sizeof(sql), "PRAGMA %s", name);
    assert_int_equal(sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    value = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

static void
every_connection_has_the_pragmas_of_the_bar(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        int value;
    } wanted[] = {{"synchronous", 2},     {"foreign_keys", 1}, {"trusted_schema", 0},
                  {"cell_size_check", 1}, {"temp_store", 2},   {"mmap_size", 0}};
    struct store_conn conn[2];

    for (size_t i = 0; i < 2; i++) {
        assert_ok(store_conn_open(&conn[i], f->path, &f->settings, i == 0, &f->err));
        sqlite3_set_authorizer(conn[i].db, NULL, NULL);
        for (size_t j = 0; j < sizeof(wanted) / sizeof(wanted[0]); j++)
            assert_int_equal(pragma_of(&conn[i], wanted[j].name), wanted[j].value);
        assert_int_equal(pragma_of(&conn[i], "query_only"), i);
    }
    for (size_t i = 0; i < 2; i++)
        store_conn_close(&conn[i]);
}

static void
a_database_that_may_not_be_written_is_refused_with_the_cure(void **state)
{
    struct fixture *f = *state;
    const uid_t self = geteuid(), nobody = 65534;
    struct store_conn conn;

    assert_ok(store_conn_open(&conn, f->path, &f->settings, true, &f->err));
    store_conn_close(&conn);
    assert_ok(chmod(f->path, 0400));
    if (self == 0) /* root may write everything */
        assert_ok(chown(f->path, nobody, (gid_t)-1) || chown(f->dir, nobody, (gid_t)-1) ||
                  seteuid(nobody));

    const int error = store_conn_open(&conn, f->path, &f->settings, true, &f->err);
    store_conn_close(&conn);
    if (self == 0)
        assert_ok(seteuid(self));
    assert_int_equal(error, SOTTO_EIO);
    assert_non_null(strstr(f->err.text, "may not be written; give it"));
}

static int
allocate(struct sotto_tx *tx, void *arg)
{
    struct job *job = arg;
    uint8_t *small = sotto_tx_alloc(tx, 100), *large = sotto_tx_alloc(tx, 20 << 20);

    if (!small || !large || small[99] != 0 || large[1000] != 0)
        return SOTTO_EINTERNAL;
    memset(large, 1, 20 << 20);
    if (sotto_tx_alloc(tx, 13 << 20) != NULL || tx->api->now_ms(tx) < 1600000000000)
        return SOTTO_EINTERNAL;
    if (sotto_tx_cache(tx) != NULL)
        return SOTTO_EINTERNAL;
    job->value = 5;
    return 0;
}

static void
memory_of_a_job_is_zeroed_and_bounded(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    const struct job job = {.seen = seen};

    open_store(f, NULL);
    assert_ok(store_read(f->store, f->module, allocate, &job, sizeof(job), note));
    wait_for(f, seen, 1);

    assert_int_equal(seen->status[0], 0);
    assert_int_equal(seen->value, 5);
    free(seen);
}

struct read_after_write {
    struct fixture *f;
    size_t rounds;
    int64_t rows;
    bool failed;
};

static void
check_read(void *state, int status, void *arg)
{
    struct job *job = arg;
    struct read_after_write *test = (void *)job->seen;

    (void)state;
    if (status != 0 || job->value < job->id)
        test->failed = true;
    test->rounds++;
}

static void
read_when_done(void *state, int status, void *arg)
{
    struct job *job = arg;
    struct read_after_write *test = (void *)job->seen;
    const struct job read = {.seen = job->seen, .id = ++test->rows};

    (void)state;
    if (status != 0 || store_read(test->f->store, test->f->module, count_rows, &read, sizeof(read),
                                  check_read) != 0)
        test->failed = true;
}

static void
a_read_sees_every_write_whose_done_ran_before(void **state)
{
    struct fixture *f = *state;
    struct read_after_write test = {.f = f};

    open_store(f, NULL);
    for (int i = 0; i < 200; i++) {
        const struct job job = {.seen = (void *)&test, .id = i};

        assert_ok(store_write(f->store, f->module, insert, &job, sizeof(job), read_when_done));
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    while (test.rounds < 200 && !test.failed)
        uv_run(&f->loop, UV_RUN_ONCE);

    assert_false(test.failed);
}

static void
a_full_queue_refuses_and_stopping_commits_what_was_taken(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    size_t taken = 0;

    f->settings.queue_jobs = 16;
    open_store(f, NULL);
    for (int i = 0; i < 3000; i++)
        taken += write_one(f, seen, i, 0) == 0;
    assert_true(taken < 3000);
    store_stop(f->store);

    assert_int_equal(seen->count, taken);
    assert_int_equal(store_open_jobs(f->store, NULL), 0);
    assert_fails(write_one(f, seen, 5000, 0), SOTTO_EUNAVAILABLE);
    close_store(f);
    f->settings.queue_jobs = 1000;
    open_store(f, NULL);
    assert_int_equal(rows_now(f), (int64_t)taken);
    free(seen);
}

/* ---- Caches ---------------------------------------------------------------------------------------- */

struct cache {
    int64_t value, on_disk;
    bool fail_flush;
    unsigned flushes, discards;
};

static int
cache_open(struct sotto_tx *tx, void **cache_out)
{
    struct cache *cache = calloc(1, sizeof(*cache));
    struct sotto_stmt *stmt = sotto_stmt(tx, SELECT_HEAD);

    if (sotto_step(stmt) == SOTTO_ROW)
        cache->value = cache->on_disk = sotto_col_int(stmt, 0);
    *cache_out = cache;
    return 0;
}

static int
cache_flush(struct sotto_tx *tx, void *arg)
{
    struct cache *cache = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, WRITE_HEAD);

    if (cache->fail_flush) {
        cache->fail_flush = false;
        return SOTTO_EIO;
    }
    sotto_bind_int(stmt, 1, cache->value);
    if (sotto_step(stmt) < 0)
        return SOTTO_EIO;
    cache->flushes++;
    cache->on_disk = cache->value;
    return 0;
}

static void
cache_discard(void *arg)
{
    struct cache *cache = arg;

    cache->value = cache->on_disk;
    cache->discards++;
}

static const struct sotto_writer cache_writer = {
    .open = cache_open, .flush = cache_flush, .discard = cache_discard, .close = free};

static int
bump(struct sotto_tx *tx, void *arg)
{
    struct job *job = arg;
    struct cache *cache = sotto_tx_cache(tx);

    if (job->result < 0)
        cache->fail_flush = true;
    else
        cache->value++;
    job->value = cache->value;
    return 0;
}

static void
heads_are_written_once_a_transaction_and_come_back(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct job job = {.seen = seen};

    open_store(f, &cache_writer);
    for (int i = 0; i < 1000; i++)
        assert_ok(store_write(f->store, f->module, bump, &job, sizeof(job), note));
    wait_for(f, seen, 1000);
    assert_int_equal(seen->value, 1000);
    close_store(f);
    open_store(f, &cache_writer);
    assert_ok(store_write(f->store, f->module, bump, &job, sizeof(job), note));
    wait_for(f, seen, 1001);

    assert_int_equal(seen->value, 1001);
    free(seen);
}

static void
a_flush_that_fails_fails_the_transaction_and_discards_the_cache(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct job good = {.seen = seen}, bad = {.seen = seen, .result = -1};

    open_store(f, &cache_writer);
    assert_ok(store_write(f->store, f->module, bump, &good, sizeof(good), note));
    wait_for(f, seen, 1);
    assert_ok(store_write(f->store, f->module, bump, &bad, sizeof(bad), note));
    wait_for(f, seen, 2);
    assert_int_equal(seen->status[1], SOTTO_EIO);
    assert_ok(store_write(f->store, f->module, bump, &good, sizeof(good), note));
    wait_for(f, seen, 3);

    assert_int_equal(seen->status[2], 0);
    assert_int_equal(seen->value, 2);
    free(seen);
}

/* ---- Rights ---------------------------------------------------------------------------------------- */

static const char *
why_refused(struct fixture *f, const char *sql)
{
    const struct sotto_stmt_row rows[] = {{sql}};
    const struct sotto_table table = SOTTO_TABLE(rows);
    struct store *store = NULL;
    int error;

    assert_ok(store_create(&f->loop, f->path, &f->settings, NULL, NULL, &store, &f->err));
    assert_non_null(store_add_module(store, NULL, "evil", &table, NULL));
    error = store_start(store, &f->err);
    store_destroy(&store);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    return error ? f->err.text : NULL;
}

static void
a_module_reaches_its_own_tables_only(void **state)
{
    static const char *const refused[] = {
        "SELECT * FROM demo_rows",
        "DELETE FROM demo_rows",
        "INSERT INTO demo_rows VALUES (1, x'00')",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM sotto_migrations",
        "SELECT (SELECT count(*) FROM demo_rows)",
        "PRAGMA synchronous = OFF",
        "ATTACH '/tmp/x' AS other",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT j",
        "CREATE TABLE evil_t (a)",
        "DROP TABLE demo_rows",
        "CREATE TEMP TABLE evil_t (a)",
        "SELECT load_extension('x')",
        "SELECT 1; SELECT 2",
    };
    struct fixture *f = *state;

    open_store(f, NULL);
    close_store(f);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (!why_refused(f, refused[i]))
            fail_msg("allowed: %s", refused[i]);
    assert_null(why_refused(f, "SELECT max(?, 2)"));
    assert_non_null(strstr(why_refused(f, refused[0]), "module \"evil\": statement 0 is refused"));
}

static void
a_migration_defines_tables_of_its_module_only(void **state)
{
    static const char *const refused[] = {
        "CREATE TABLE other (a)",
        "CREATE TABLE evil_t (a); CREATE INDEX other ON evil_t (a)",
        "DROP TABLE demo_rows",
        "ALTER TABLE demo_rows RENAME TO evil_rows",
        "CREATE TABLE evil_t AS SELECT * FROM demo_rows",
        "CREATE TRIGGER evil_x AFTER INSERT ON demo_rows BEGIN SELECT 1; END",
        "CREATE VIEW evil_v AS SELECT 1",
        "CREATE VIRTUAL TABLE evil_v USING fts5(a)",
        "COMMIT; CREATE TABLE evil_t (a)",
        "PRAGMA writable_schema = ON",
    };
    struct fixture *f = *state;
    struct store_module *module;

    open_store(f, NULL);
    close_store(f);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const struct sotto_migration_row rows[] = {{.number = 1, .name = "x", .sql = refused[i]}};
        const struct sotto_table table = SOTTO_TABLE(rows);

        assert_ok(store_create(&f->loop, f->path, &f->settings, NULL, NULL, &f->store, &f->err));
        module = store_add_module(f->store, NULL, "evil", NULL, NULL);
        if (store_migrate(f->store, module, &table, &f->err) != SOTTO_EPRECONDITION)
            fail_msg("allowed: %s", refused[i]);
        close_store(f);
    }
}

/* ---- Failures -------------------------------------------------------------------------------------- */

static void
after_five_lost_transactions_writes_are_refused_at_once(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct sotto_err why;
    sqlite3 *other;

    open_store(f, NULL);
    assert_ok(write_one(f, seen, 1, 0));
    wait_for(f, seen, 1);
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < 5; i++) {
        assert_ok(store_health(f->store, &why));
        assert_ok(write_one(f, seen, 10 + (int64_t)i, 0));
        wait_for(f, seen, 2 + i);
        assert_int_equal(seen->status[1 + i], SOTTO_EUNAVAILABLE);
    }

    assert_fails(write_one(f, seen, 20, 0), SOTTO_EUNAVAILABLE);
    assert_fails(store_health(f->store, &why), SOTTO_EUNAVAILABLE);
    /* Reads go on: the snapshot needs no lock. */
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    assert_int_equal(rows_now(f), 1);
    sqlite3_close(other);
    free(seen);
}

static void
when_the_breaker_may_close_one_write_tries_for_all(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct sotto_err why;
    sqlite3 *other;
    size_t ended = 0;

    f->settings.breaker_reset_ms = 0; /* at once */
    f->settings.busy_ms = 200;        /* how long the one that tries is under way */
    open_store(f, NULL);
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    while (ended < 7) {
        assert_ok(write_one(f, seen, (int64_t)ended, 0));
        if (ended >= 5) /* half open: the one that tries is alone */
            assert_fails(write_one(f, seen, 100, 0), SOTTO_EUNAVAILABLE);
        wait_for(f, seen, ++ended);
    }
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    assert_ok(write_one(f, seen, 7, 0));
    wait_for(f, seen, 8);

    assert_int_equal(seen->status[7], 0);
    assert_ok(store_health(f->store, &why));
    assert_ok(write_one(f, seen, 8, 0));
    assert_ok(write_one(f, seen, 9, 0));
    wait_for(f, seen, 10);
    free(seen);
}

static void
a_write_that_the_disk_refuses_is_never_acknowledged_and_later_ones_work(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    struct rlimit files, none;

    open_store(f, NULL);
    assert_ok(write_one(f, seen, 1, 0));
    wait_for(f, seen, 1);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &files), 0);
    none = files;
    none.rlim_cur = 1024; /* no file grows any more: every write of the log fails */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_ok(write_one(f, seen, 2, 0));
    wait_for(f, seen, 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &files), 0);
    assert_int_equal(seen->status[1], SOTTO_EIO);

    assert_ok(write_one(f, seen, 3, 0));
    wait_for(f, seen, 3);
    assert_int_equal(seen->status[2], 0);
    close_store(f);
    open_store(f, NULL);
    assert_int_equal(rows_now(f), 2);
    free(seen);
}

static void
a_file_of_another_program_is_left_alone(void **state)
{
    struct fixture *f = *state;
    sqlite3 *other;
    FILE *file;

    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "CREATE TABLE t (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    assert_fails(store_create(&f->loop, f->path, &f->settings, NULL, NULL, &f->store, &f->err),
                 SOTTO_EDATALOSS);
    assert_non_null(strstr(f->err.text, "another program"));
    uv_run(&f->loop, UV_RUN_DEFAULT);

    file = fopen(f->path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database ", file);
    fclose(file);
    assert_fails(store_create(&f->loop, f->path, &f->settings, NULL, NULL, &f->store, &f->err),
                 SOTTO_EDATALOSS);
    assert_non_null(strstr(f->err.text, "restore a backup"));
    assert_null(f->store);
}

static void
damage_is_found_by_the_check_at_start(void **state)
{
    struct fixture *f = *state;
    struct seen *seen = calloc(1, sizeof(*seen));
    char page[4096] = {1};
    FILE *file;

    open_store(f, NULL);
    for (int i = 0; i < 2000; i++)
        assert_ok(write_one(f, seen, i, 0));
    wait_for(f, seen, 2000);
    close_store(f);
    file = fopen(f->path, "r+");
    for (long number = 4; number < 8; number++) {
        fseek(file, number * 4096, SEEK_SET);
        fwrite(page, 1, sizeof(page), file);
    }
    fclose(file);
    f->settings.check_at_start = true;

    assert_fails(store_create(&f->loop, f->path, &f->settings, NULL, NULL, &f->store, &f->err),
                 SOTTO_EDATALOSS);
    free(seen);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    TEST(writes_are_batched_and_done_in_the_order_they_were_queued),
    TEST(a_refused_job_is_rolled_back_alone),
    TEST(an_sql_error_undoes_its_job_and_no_other),
    TEST(a_row_whose_parent_is_not_there_is_refused),
    TEST(every_connection_has_the_pragmas_of_the_bar),
    TEST(a_database_that_may_not_be_written_is_refused_with_the_cure),
    TEST(memory_of_a_job_is_zeroed_and_bounded),
    TEST(a_read_sees_every_write_whose_done_ran_before),
    TEST(a_full_queue_refuses_and_stopping_commits_what_was_taken),
    TEST(heads_are_written_once_a_transaction_and_come_back),
    TEST(a_flush_that_fails_fails_the_transaction_and_discards_the_cache),
    TEST(a_module_reaches_its_own_tables_only),
    TEST(a_migration_defines_tables_of_its_module_only),
    TEST(after_five_lost_transactions_writes_are_refused_at_once),
    TEST(when_the_breaker_may_close_one_write_tries_for_all),
    TEST(a_write_that_the_disk_refuses_is_never_acknowledged_and_later_ones_work),
    TEST(a_file_of_another_program_is_left_alone),
    TEST(damage_is_found_by_the_check_at_start),
};

SOTTO_TEST_MAIN(tests)
