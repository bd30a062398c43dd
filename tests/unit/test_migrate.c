/* SPDX-License-Identifier: MIT */
/* Migrations: applied once, recorded with a checksum, whole or not at all. */
#include "store_kit.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct sotto_migration_row steps[] = {
    {.number = 1,
     .name = "first",
     .sql = "CREATE TABLE demo_a (id INTEGER PRIMARY KEY);"
            "INSERT INTO demo_a VALUES (1);"},
    {.number = 2,
     .name = "second",
     .sql = "ALTER TABLE demo_a ADD COLUMN b INTEGER;"
            "CREATE INDEX demo_a_b ON demo_a (b);"},
    {.number = 3, .name = "third", .sql = "CREATE TABLE demo_c (id INTEGER PRIMARY KEY);"},
};

/* Opens the store, migrates with the first `count` rows and closes it; the result of store_migrate. */
static int
migrate(struct store_kit *f, const struct sotto_migration_row *rows, uint32_t count)
{
    const struct sotto_table table = {.items = rows, .count = count, .item_size = sizeof(rows[0])};
    int error;

    if (store_create(&f->loop, f->path, &f->settings, NULL, NULL, &f->store, &f->err) != 0)
        fail_msg("store_create: %s", f->err.text);
    f->module = store_add_module(f->store, NULL, "demo", NULL, NULL);
    error = store_migrate(f->store, f->module, &table, &f->err);
    store_kit_close(f);
    return error;
}

static int64_t
query(struct store_kit *f, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    int64_t value = -1;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

static void
each_step_is_applied_once(void **state)
{
    struct store_kit *f = *state;

    assert_ok(migrate(f, steps, 1));
    assert_ok(migrate(f, steps, 3));
    assert_ok(migrate(f, steps, 3));

    assert_int_equal(query(f, "SELECT count(*) FROM demo_a"), 1);
    assert_int_equal(query(f, "SELECT count(*) FROM sotto_migrations WHERE module = 'demo'"), 3);
}

static void
a_changed_step_refuses_the_start(void **state)
{
    struct store_kit *f = *state;
    struct sotto_migration_row changed[2] = {steps[0], steps[1]};

    changed[0].sql = "CREATE TABLE demo_a (id INTEGER PRIMARY KEY, other TEXT);";
    assert_ok(migrate(f, steps, 2));

    assert_fails(migrate(f, changed, 2), SOTTO_EPRECONDITION);
    assert_non_null(strstr(f->err.text, "migration 1 (first) is not the one that was applied"));
}

static void
a_missing_step_refuses_the_start(void **state)
{
    struct store_kit *f = *state;

    assert_ok(migrate(f, steps, 3));

    assert_fails(migrate(f, steps, 2), SOTTO_EPRECONDITION);
    assert_non_null(strstr(f->err.text, "has migration 3, which this module does not know"));
    assert_fails(migrate(f, steps + 1, 1), SOTTO_EPRECONDITION);
    assert_non_null(strstr(f->err.text, "not numbered"));
}

static void
a_step_that_fails_leaves_nothing_behind(void **state)
{
    static const struct sotto_migration_row broken[] = {
        {.number = 1,
         .name = "broken",
         .sql = "CREATE TABLE demo_a (id INTEGER PRIMARY KEY);"
                "INSERT INTO demo_a VALUES (1); SELEKT 1;"}};
    struct store_kit *f = *state;

    assert_fails(migrate(f, broken, 1), SOTTO_EPRECONDITION);
    assert_non_null(strstr(f->err.text, "migration 1 (broken) failed: near \"SELEKT\""));

    assert_int_equal(query(f, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'demo%'"), 0);
    assert_ok(migrate(f, steps, 3));
}

/* A step without end stands for a long one. */
static void
a_server_killed_inside_a_step_finds_it_undone(void **state)
{
    static const struct sotto_migration_row endless[] = {
        {.number = 1,
         .name = "endless",
         .sql = "CREATE TABLE demo_a (id INTEGER PRIMARY KEY, body BLOB);"
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                "INSERT INTO demo_a SELECT i, zeroblob(100000) FROM n;"}};
    struct store_kit *f = *state;
    char wal[TEST_PATH_BYTES + 8];
    pid_t child;
    int status;

    snprintf(wal, sizeof(wal), "%s-wal", f->path);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct sotto_table table = SOTTO_TABLE(endless);
        uv_loop_t loop;

        uv_loop_init(&loop);
        if (store_create(&loop, f->path, &f->settings, NULL, NULL, &f->store, &f->err) == 0)
            store_migrate(f->store, store_add_module(f->store, NULL, "demo", NULL, NULL), &table,
                          &f->err);
        _exit(1);
    }
    /* The step is under way once its pages have spilled from the cache into the log. */
    for (uint64_t end = uv_hrtime() + UINT64_C(60) * 1000000000;;) {
        FILE *file = fopen(wal, "r");
        long size = 0;

        if (file) {
            fseek(file, 0, SEEK_END);
            size = ftell(file);
            fclose(file);
        }
        if (size > 4 << 20)
            break;
        assert_true(uv_hrtime() < end);
        usleep(1000);
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));

    assert_int_equal(query(f, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'demo%'"), 0);
    assert_ok(migrate(f, steps, 3));
    assert_int_equal(query(f, "SELECT count(*) FROM demo_a"), 1);
}

static void
the_dry_run_finds_errors_and_changes_nothing(void **state)
{
    struct store_kit *f = *state;
    struct sotto_migration_row wrong[3] = {steps[0], steps[1], steps[2]};
    struct sotto_table table = {.items = wrong, .count = 3, .item_size = sizeof(wrong[0])};

    assert_ok(store_check_migrations(f->path, "demo", &table, &f->err));
    assert_int_not_equal(access(f->path, F_OK), 0);
    assert_ok(migrate(f, steps, 2));
    assert_ok(store_check_migrations(f->path, "demo", &table, &f->err));
    wrong[2].sql = "CREATE TABLE demo_a (id INTEGER)";
    assert_fails(store_check_migrations(f->path, "demo", &table, &f->err), SOTTO_EPRECONDITION);
    assert_non_null(strstr(f->err.text, "already exists"));
    wrong[1].sql = "SELECT 1";
    assert_fails(store_check_migrations(f->path, "demo", &table, &f->err), SOTTO_EPRECONDITION);

    assert_int_equal(query(f, "SELECT count(*) FROM sotto_migrations"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_kit_setup, store_kit_teardown)
static const struct CMUnitTest tests[] = {
    TEST(each_step_is_applied_once),
    TEST(a_changed_step_refuses_the_start),
    TEST(a_missing_step_refuses_the_start),
    TEST(a_step_that_fails_leaves_nothing_behind),
    TEST(a_server_killed_inside_a_step_finds_it_undone),
    TEST(the_dry_run_finds_errors_and_changes_nothing),
};

SOTTO_TEST_MAIN(tests)
