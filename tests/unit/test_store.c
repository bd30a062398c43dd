/* SPDX-License-Identifier: MIT */
/* The store: group commit, savepoints, order, caches, rights, and what happens to damaged files. */
#include "store_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Tests ----------------------------------------------------------------------------------------- */

static void
writes_are_batched_and_done_in_the_order_they_were_queued(void **state)
{
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    struct buf text = {0};

    store_kit_open(f, NULL);
    for (int i = 0; i < 4000; i++)
        assert_ok(store_kit_write(f, seen, i, 0));
    store_kit_wait(f, seen, 4000);

    for (int i = 0; i < 4000; i++) {
        assert_int_equal(seen->order[i], i);
        assert_int_equal(seen->status[i], 0);
    }
    assert_int_equal(store_kit_rows(f), 4000);
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
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));

    store_kit_open(f, NULL);
    assert_ok(store_kit_write(f, seen, 1, 0));
    assert_ok(store_kit_write(f, seen, 2, SOTTO_EABORTED));
    assert_ok(store_kit_write(f, seen, 1, 0));
    assert_ok(store_kit_write(f, seen, 3, 7));
    store_kit_wait(f, seen, 4);

    assert_int_equal(seen->status[0], 0);
    assert_int_equal(seen->status[1], SOTTO_EABORTED);
    assert_int_equal(seen->status[2], SOTTO_ECONSTRAINT);
    assert_int_equal(seen->status[3], 7);
    assert_int_equal(store_kit_rows(f), 2);
    free(seen);
}

/* Counts in its argument how often it ran from it. */
static int
insert_and_count(struct sotto_tx *tx, void *arg)
{
    struct store_test_job *job = arg;

    job->value++;
    sotto_tx_alloc(tx, 100);
    return store_kit_insert(tx, arg);
}

static void
note_one_run(void *state, int status, void *arg)
{
    const struct store_test_job *job = arg;

    assert_int_equal(job->value, 1);
    assert_int_equal(status, job->result);
    store_kit_note(state, status, arg);
}

static void
a_batch_that_runs_again_starts_from_what_it_was_given(void **state)
{
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    struct buf text = {0};

    store_kit_open(f, NULL);
    for (int i = 0; i < 2000; i++) {
        const struct store_test_job job = {
            .seen = seen, .id = i, .result = i % 100 == 50 ? SOTTO_EABORTED : 0};

        assert_ok(
            store_write(f->store, f->module, insert_and_count, &job, sizeof(job), note_one_run));
    }
    store_kit_wait(f, seen, 2000);

    for (int i = 0; i < 2000; i++)
        assert_int_equal(seen->order[i], i);
    assert_int_equal(store_kit_rows(f), 1980);
    /* After the first time the batches are careful: it is not once for each of the twenty. */
    metrics_render(f->metrics, &text);
    assert_non_null(strstr(buf_text(&text), "sotto_store_batches_repeated_total 1\n"));
    buf_fini(&text);
    free(seen);
}

static int
spoil(struct sotto_tx *tx, void *arg)
{
    struct store_test_job *job = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, DEMO_UPDATE_ALL);

    sotto_bind_blob(stmt, 1, "changed", 7);
    if (sotto_step(stmt) != SOTTO_DONE)
        return SOTTO_EINTERNAL;
    job->value = tx->api->changes(tx);
    stmt = sotto_stmt(tx, DEMO_SPOIL);
    sotto_bind_int(stmt, 1, INT64_MIN); /* abs() of it overflows: an SQL error at run time */
    return sotto_step(stmt);
}

static void
an_sql_error_undoes_its_job_and_no_other(void **state)
{
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    const struct store_test_job job = {.seen = seen, .id = 9};

    store_kit_open(f, NULL);
    assert_ok(store_kit_write(f, seen, 1, 0));
    assert_ok(store_write(f->store, f->module, spoil, &job, sizeof(job), store_kit_note));
    assert_ok(store_kit_write(f, seen, 2, 0));
    store_kit_wait(f, seen, 3);

    assert_int_equal(seen->status[1], SOTTO_EIO);
    assert_int_equal(seen->status[2], 0);
    assert_int_equal(store_kit_rows(f), 2);
    free(seen);
}

static int
adopt(struct sotto_tx *tx, void *arg)
{
    const struct store_test_job *job = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, DEMO_ADOPT);
    int step;

    sotto_bind_int(stmt, 1, job->id);
    step = sotto_step(stmt);
    return step == SOTTO_DONE ? 0 : step;
}

static void
a_row_whose_parent_is_not_there_is_refused(void **state)
{
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    const struct store_test_job orphan = {.seen = seen, .id = 2}, child = {.seen = seen, .id = 1};

    store_kit_open(f, NULL);
    assert_ok(store_kit_write(f, seen, 1, 0));
    assert_ok(store_write(f->store, f->module, adopt, &orphan, sizeof(orphan), store_kit_note));
    assert_ok(store_write(f->store, f->module, adopt, &child, sizeof(child), store_kit_note));
    store_kit_wait(f, seen, 3);

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
    struct store_kit *f = *state;
    static const struct {
        const char *name;
        int value;
    } wanted[] = {{"synchronous", 2},     {"foreign_keys", 1}, {"trusted_schema", 0},
                  {"cell_size_check", 1}, {"temp_store", 2},   {"mmap_size", 0},
                  {"secure_delete", 1},   {"auto_vacuum", 2}};
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
    struct store_kit *f = *state;
    const uid_t self = geteuid(), nobody = 65534;
    struct store_conn conn;

    assert_ok(store_conn_open(&conn, f->path, &f->settings, true, &f->err));
    store_conn_close(&conn);
    assert_ok(chmod(f->path, 0400));
    if (self == 0) /* root may write everything */
        assert_ok(chown(f->path, nobody, (gid_t)-1) || chown(f->dir, nobody, (gid_t)-1) ||
                  seteuid(nobody));

    const bool is_near = faccessat(AT_FDCWD, f->dir, X_OK, AT_EACCESS) == 0;
    const int error = store_conn_open(&conn, f->path, &f->settings, true, &f->err);
    store_conn_close(&conn);
    if (self == 0)
        assert_ok(seteuid(self));
    if (!is_near)
        skip(); /* TMPDIR is a folder that only root may enter */
    assert_int_equal(error, SOTTO_EIO);
    assert_non_null(strstr(f->err.text, "may not be written; give it"));
}

static int
allocate(struct sotto_tx *tx, void *arg)
{
    struct store_test_job *job = arg;
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
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    const struct store_test_job job = {.seen = seen};

    store_kit_open(f, NULL);
    assert_ok(store_read(f->store, f->module, allocate, &job, sizeof(job), store_kit_note));
    store_kit_wait(f, seen, 1);

    assert_int_equal(seen->status[0], 0);
    assert_int_equal(seen->value, 5);
    free(seen);
}

struct read_after_write {
    struct store_kit *f;
    size_t rounds;
    int64_t rows;
    bool failed;
};

static void
check_read(void *state, int status, void *arg)
{
    struct store_test_job *job = arg;
    struct read_after_write *test = (void *)job->seen;

    (void)state;
    if (status != 0 || job->value < job->id)
        test->failed = true;
    test->rounds++;
}

static void
read_when_done(void *state, int status, void *arg)
{
    struct store_test_job *job = arg;
    struct read_after_write *test = (void *)job->seen;
    const struct store_test_job read = {.seen = job->seen, .id = ++test->rows};

    (void)state;
    if (status != 0 || store_read(test->f->store, test->f->module, store_kit_count, &read,
                                  sizeof(read), check_read) != 0)
        test->failed = true;
}

static void
a_read_sees_every_write_whose_done_ran_before(void **state)
{
    struct store_kit *f = *state;
    struct read_after_write test = {.f = f};

    store_kit_open(f, NULL);
    for (int i = 0; i < 200; i++) {
        const struct store_test_job job = {.seen = (void *)&test, .id = i};

        assert_ok(
            store_write(f->store, f->module, store_kit_insert, &job, sizeof(job), read_when_done));
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    while (test.rounds < 200 && !test.failed)
        uv_run(&f->loop, UV_RUN_ONCE);

    assert_false(test.failed);
}

static void
a_full_queue_refuses_and_stopping_commits_what_was_taken(void **state)
{
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    size_t taken = 0;

    f->settings.queue_jobs = 16;
    store_kit_open(f, NULL);
    for (int i = 0; i < 3000; i++)
        taken += store_kit_write(f, seen, i, 0) == 0;
    assert_true(taken < 3000);
    store_stop(f->store);

    assert_int_equal(seen->count, taken);
    assert_int_equal(store_open_jobs(f->store, NULL), 0);
    assert_fails(store_kit_write(f, seen, 5000, 0), SOTTO_EUNAVAILABLE);
    store_kit_close(f);
    f->settings.queue_jobs = 1000;
    store_kit_open(f, NULL);
    assert_int_equal(store_kit_rows(f), (int64_t)taken);
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
    struct sotto_stmt *stmt = sotto_stmt(tx, DEMO_SELECT_HEAD);

    if (sotto_step(stmt) == SOTTO_ROW)
        cache->value = cache->on_disk = sotto_col_int(stmt, 0);
    *cache_out = cache;
    return 0;
}

static int
cache_flush(struct sotto_tx *tx, void *arg)
{
    struct cache *cache = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, DEMO_WRITE_HEAD);

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
    struct store_test_job *job = arg;
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
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    struct store_test_job job = {.seen = seen};

    store_kit_open(f, &cache_writer);
    for (int i = 0; i < 1000; i++)
        assert_ok(store_write(f->store, f->module, bump, &job, sizeof(job), store_kit_note));
    store_kit_wait(f, seen, 1000);
    assert_int_equal(seen->value, 1000);
    store_kit_close(f);
    store_kit_open(f, &cache_writer);
    assert_ok(store_write(f->store, f->module, bump, &job, sizeof(job), store_kit_note));
    store_kit_wait(f, seen, 1001);

    assert_int_equal(seen->value, 1001);
    free(seen);
}

static void
a_flush_that_fails_fails_the_transaction_and_discards_the_cache(void **state)
{
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    struct store_test_job good = {.seen = seen}, bad = {.seen = seen, .result = -1};

    store_kit_open(f, &cache_writer);
    assert_ok(store_write(f->store, f->module, bump, &good, sizeof(good), store_kit_note));
    store_kit_wait(f, seen, 1);
    assert_ok(store_write(f->store, f->module, bump, &bad, sizeof(bad), store_kit_note));
    store_kit_wait(f, seen, 2);
    assert_int_equal(seen->status[1], SOTTO_EIO);
    assert_ok(store_write(f->store, f->module, bump, &good, sizeof(good), store_kit_note));
    store_kit_wait(f, seen, 3);

    assert_int_equal(seen->status[2], 0);
    assert_int_equal(seen->value, 2);
    free(seen);
}

/* ---- Rights ---------------------------------------------------------------------------------------- */

static const char *
why_refused(struct store_kit *f, const char *sql)
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
    struct store_kit *f = *state;

    store_kit_open(f, NULL);
    store_kit_close(f);
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
    struct store_kit *f = *state;
    struct store_module *module;

    store_kit_open(f, NULL);
    store_kit_close(f);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const struct sotto_migration_row rows[] = {{.number = 1, .name = "x", .sql = refused[i]}};
        const struct sotto_table table = SOTTO_TABLE(rows);

        assert_ok(store_create(&f->loop, f->path, &f->settings, NULL, NULL, &f->store, &f->err));
        module = store_add_module(f->store, NULL, "evil", NULL, NULL);
        if (store_migrate(f->store, module, &table, &f->err) != SOTTO_EPRECONDITION)
            fail_msg("allowed: %s", refused[i]);
        store_kit_close(f);
    }
}

/* ---- Failures -------------------------------------------------------------------------------------- */

static void
a_write_that_the_disk_refuses_is_never_acknowledged_and_later_ones_work(void **state)
{
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    struct rlimit files, none;

    store_kit_open(f, NULL);
    assert_ok(store_kit_write(f, seen, 1, 0));
    store_kit_wait(f, seen, 1);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &files), 0);
    none = files;
    none.rlim_cur = 1024; /* no file grows any more: every write of the log fails */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_ok(store_kit_write(f, seen, 2, 0));
    store_kit_wait(f, seen, 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &files), 0);
    assert_int_equal(seen->status[1], SOTTO_EIO);

    assert_ok(store_kit_write(f, seen, 3, 0));
    store_kit_wait(f, seen, 3);
    assert_int_equal(seen->status[2], 0);
    store_kit_close(f);
    store_kit_open(f, NULL);
    assert_int_equal(store_kit_rows(f), 2);
    free(seen);
}

static void
a_file_of_another_program_is_left_alone(void **state)
{
    struct store_kit *f = *state;
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
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    char page[4096] = {1};
    FILE *file;

    store_kit_open(f, NULL);
    for (int i = 0; i < 2000; i++)
        assert_ok(store_kit_write(f, seen, i, 0));
    store_kit_wait(f, seen, 2000);
    store_kit_close(f);
    file = fopen(f->path, "r+");
    for (long number = 4; number < 8; number++) {
        fseek(file, number * 4096, SEEK_SET);
        fwrite(page, 1, sizeof(page), file);
    }
    fclose(file);
    f->settings.check_at_start = SETTINGS_CHECK_ALWAYS;

    assert_fails(store_create(&f->loop, f->path, &f->settings, NULL, NULL, &f->store, &f->err),
                 SOTTO_EDATALOSS);
    free(seen);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_kit_setup, store_kit_teardown)
static const struct CMUnitTest tests[] = {
    TEST(writes_are_batched_and_done_in_the_order_they_were_queued),
    TEST(a_refused_job_is_rolled_back_alone),
    TEST(a_batch_that_runs_again_starts_from_what_it_was_given),
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
    TEST(a_write_that_the_disk_refuses_is_never_acknowledged_and_later_ones_work),
    TEST(a_file_of_another_program_is_left_alone),
    TEST(damage_is_found_by_the_check_at_start),
};

SOTTO_TEST_MAIN(tests)
