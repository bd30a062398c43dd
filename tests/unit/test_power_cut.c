/* SPDX-License-Identifier: MIT */
/*
 * What an acknowledgement is worth when the power goes: the real store writes through the power-cut VFS
 * (tests/support/crash_vfs.h), at 200 moments the disk is taken as it could be left, with writes since the last
 * sync lost or torn, and every message that had been acknowledged by then must be in it.
 */
#include "test_folder.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "core/store_impl.h"
#include "crash_vfs.h"

#define CRASH_POINTS 200
#define IN_FLIGHT 64
#define JOBS_MAX 200000
#define CHATS 20
#define BODY_BYTES 256
#define PATH_BYTES TEST_FOLDER_BYTES

enum statement { INSERT };

static const struct sotto_stmt_row statements[] = {
    [INSERT] = {"INSERT INTO cut_log (chat, seq, body) VALUES (?, ?, ?)"},
};
static const struct sotto_migration_row migrations[] = {
    {1, "log",
     "CREATE TABLE cut_log (chat INTEGER NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL,"
     " PRIMARY KEY (chat, seq)) WITHOUT ROWID"},
};

struct cut {
    char folder[PATH_BYTES];
    uv_loop_t loop;
    struct metrics *metrics;
    struct store *store;
    struct store_module *module;
    uint64_t queued;
    uint64_t seed;
    atomic_uint_fast64_t acked; /* jobs 1..acked are acknowledged: dones come in commit order */
    atomic_uint_fast64_t next_at;
    atomic_uint taken;
    atomic_bool following;
    uint64_t acked_at[CRASH_POINTS];
    int pending_at[CRASH_POINTS];
};

/* done functions get no state from a store without an owner; the job's argument points back instead. */
struct job {
    struct cut *cut;
    uint64_t number;
};

static void
snapshot_path(const struct cut *cut, unsigned number, char path_out[PATH_BYTES + 32])
{
    snprintf(path_out, PATH_BYTES + 32, "%s/cut-%u", cut->folder, number);
}

/* Before an operation of the VFS: takes a snapshot every 10 to 30 operations, so that checkpoints are among them. */
static int
on_operation(void *arg, enum crash_vfs_operation operation)
{
    struct cut *cut = arg;
    unsigned number = atomic_load(&cut->taken);
    char path[PATH_BYTES + 32];

    if (operation == CRASH_VFS_READ || !atomic_load(&cut->following) || number >= CRASH_POINTS ||
        crash_vfs_operations() < atomic_load(&cut->next_at))
        return 0;
    /* What is acknowledged is read before the disk is looked at: the promise must already hold. */
    cut->acked_at[number] = atomic_load(&cut->acked);
    snapshot_path(cut, number, path);
    if (mkdir(path, 0700) == 0)
        cut->pending_at[number] = crash_vfs_snapshot(path, cut->seed + number);
    atomic_store(&cut->next_at, crash_vfs_operations() + 10 + (cut->seed + number * 7) % 21);
    atomic_store(&cut->taken, number + 1);
    return 0;
}

static int
insert_job(struct sotto_tx *tx, void *arg)
{
    const struct job *job = arg;
    uint8_t body[BODY_BYTES] = {0};
    struct sotto_stmt *stmt = sotto_stmt(tx, INSERT);

    memcpy(body, &job->number, sizeof(job->number));
    sotto_bind_int(stmt, 1, (int64_t)(job->number % CHATS));
    sotto_bind_int(stmt, 2, (int64_t)(job->number));
    sotto_bind_blob(stmt, 3, body, sizeof(body));
    return sotto_step(stmt) == SOTTO_DONE ? SOTTO_OK : SOTTO_EIO;
}

static void
on_inserted(void *state, int status, void *arg)
{
    const struct job *job = arg;

    (void)state;
    assert_ok(status);
    assert_int_equal(atomic_load(&job->cut->acked) + 1, job->number);
    atomic_store(&job->cut->acked, job->number);
}

static void
queue_jobs(struct cut *cut)
{
    while (cut->queued < atomic_load(&cut->acked) + IN_FLIGHT && cut->queued < JOBS_MAX) {
        struct job job = {.cut = cut, .number = cut->queued + 1};

        assert_ok(store_write(cut->store, cut->module, insert_job, &job, sizeof(job), on_inserted));
        cut->queued++;
    }
}

static void
open_store(struct cut *cut)
{
    static const struct sotto_table statement_table = SOTTO_TABLE(statements);
    static const struct sotto_table migration_table = SOTTO_TABLE(migrations);
    struct settings_store options = {
        .readers = 1,
        .batch_jobs = 1000,
        .queue_jobs = 10000,
        .queue_bytes = 64 << 20,
        .cache_bytes = 2 << 20,
        .busy_ms = 1000,
        .wal_bytes = 1 << 20, /* checkpoints are among the moments, and snapshots small */
        .breaker_failures = 5,
        .vfs = "crash",
    };
    struct sotto_err err = {{0}};
    char path[PATH_BYTES + 16];

    snprintf(path, sizeof(path), "%s/live.db", cut->folder);
    assert_ok(uv_loop_init(&cut->loop));
    assert_ok(metrics_create(&cut->metrics));
    assert_ok(store_create(&cut->loop, path, &options, NULL, cut->metrics, &cut->store, &err));
    cut->module = store_add_module(cut->store, NULL, "cut", &statement_table, NULL);
    assert_non_null(cut->module);
    assert_ok(store_migrate(cut->store, cut->module, &migration_table, &err));
    assert_ok(store_start(cut->store, &err));
}

static void
close_store(struct cut *cut)
{
    store_stop(cut->store);
    store_destroy(&cut->store);
    uv_run(&cut->loop, UV_RUN_DEFAULT);
    assert_ok(uv_loop_close(&cut->loop));
    metrics_destroy(&cut->metrics);
    crash_vfs_reset();
}

/* Opens a snapshot as a restart would and counts the acknowledged messages that are missing in it. */
static uint64_t
count_lost(const struct cut *cut, unsigned number)
{
    char path[PATH_BYTES + 64];
    struct sotto_err err;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    uint64_t found;

    snapshot_path(cut, number, path);
    strncat(path, "/live.db", sizeof(path) - strlen(path) - 1);
    if (store_check_files(path, &err) != 0)
        fail_msg("a torn end is no damage: %s", err.text);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL); /* it is only looked at */
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT count(*) FROM cut_log WHERE seq <= ?", -1, &stmt, NULL),
        SQLITE_OK);
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)cut->acked_at[number]);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    found = (uint64_t)sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return cut->acked_at[number] - found;
}

static void
remove_folder(const char *folder)
{
    static const char *const names[] = {"live.db", "live.db-wal", "live.db-shm"};
    char path[PATH_BYTES + 64];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* Writes until CRASH_POINTS snapshots are taken; returns how many acknowledged messages they lack in all. */
static uint64_t
lost_over_all_cuts(uint64_t seed)
{
    struct cut *cut = calloc(1, sizeof(*cut));
    char path[PATH_BYTES + 32];
    uint64_t lost = 0;
    uint64_t unsynced = 0;

    assert_non_null(cut);
    cut->seed = seed;
    assert_int_equal(test_folder_make("cut", cut->folder), 0);
    crash_vfs_register(on_operation, cut);
    open_store(cut);
    atomic_store(&cut->following, true);
    while (atomic_load(&cut->taken) < CRASH_POINTS && atomic_load(&cut->acked) < JOBS_MAX) {
        queue_jobs(cut);
        uv_run(&cut->loop, UV_RUN_ONCE);
    }
    atomic_store(&cut->following, false);
    close_store(cut);
    assert_int_equal(atomic_load(&cut->taken), CRASH_POINTS);
    for (unsigned i = 0; i < CRASH_POINTS; i++) {
        assert_true(cut->pending_at[i] >= 0);
        unsynced += cut->pending_at[i] > 0;
        lost += count_lost(cut, i);
        snapshot_path(cut, i, path);
        remove_folder(path);
    }
    print_message("# %d power cuts, %llu of them with unsynced writes, %llu messages acknowledged, "
                  "%llu lost\n",
                  CRASH_POINTS, (unsigned long long)unsynced,
                  (unsigned long long)atomic_load(&cut->acked), (unsigned long long)lost);
    assert_true(unsynced > CRASH_POINTS / 4);
    remove_folder(cut->folder);
    free(cut);
    return lost;
}

static void
power_cuts_lose_nothing_that_was_acknowledged(void **state)
{
    (void)state;

    assert_int_equal(lost_over_all_cuts(1), 0);
}

/* The control: a store that acknowledges before the commit must be caught. */
static void
acknowledging_early_is_caught(void **state)
{
    (void)state;
    setenv("SOTTO_FAULT", "ack_early", 1);

    assert_true(lost_over_all_cuts(2) > 0);

    unsetenv("SOTTO_FAULT");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cuts_lose_nothing_that_was_acknowledged),
        cmocka_unit_test(acknowledging_early_is_caught),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
