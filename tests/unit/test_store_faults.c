/* SPDX-License-Identifier: MIT */
/*
 * A disk that fails (R5): the n-th read, write, truncation or sync of the database ends with an I/O error, for each n
 * from the first byte of a new file on. The store may refuse to start with a sentence, and it may end jobs with an
 * error; what it acknowledged is on the disk, also when the power goes right after, and afterwards it works again.
 *
 * The disk is the power-cut VFS (tests/support/crash_vfs.h), which forgets what a failed sync should have written.
 */
#include "store_kit.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash_vfs.h"

#define POINTS 500
#define START_POINTS 20 /* of which most are operations of the start */
#define SHORT_START_EVERY 2
#define SHORT_EVERY 15
#define ROUNDS 60
#define ROUND_JOBS 3

struct disk {
    atomic_int operation; /* which of enum crash_vfs_operation fails */
    atomic_int left;      /* so many of them pass */
    atomic_int failing;   /* then so many fail */
    atomic_int failed;
};

static int
on_operation(void *arg, enum crash_vfs_operation operation)
{
    static const int codes[] = {SQLITE_IOERR_READ, SQLITE_IOERR_WRITE, SQLITE_IOERR_TRUNCATE,
                                SQLITE_IOERR_FSYNC};
    struct disk *disk = arg;

    if ((int)operation != atomic_load(&disk->operation) || atomic_fetch_sub(&disk->left, 1) > 0 ||
        atomic_fetch_sub(&disk->failing, 1) <= 0)
        return 0;
    atomic_fetch_add(&disk->failed, 1);
    return codes[operation];
}

/* The next `failing` operations of the kind after `pass` of them fail. */
static void
disk_set(struct disk *disk, enum crash_vfs_operation operation, int pass, int failing)
{
    atomic_store(&disk->operation, (int)operation);
    atomic_store(&disk->left, pass);
    atomic_store(&disk->failing, failing);
    atomic_store(&disk->failed, 0);
}

static bool
opens(struct store_kit *f)
{
    if (store_kit_try_open(f, NULL) == 0)
        return true;
    /* Refused, with a sentence. */
    assert_true(f->err.text[0] != '\0');
    return false;
}

/* ---- What is on the disk -------------------------------------------------------------------------- */

static int64_t
count_in(sqlite3 *db, const char *sql, int64_t id)
{
    sqlite3_stmt *stmt;
    int64_t value;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return 0; /* not even the table is there */
    sqlite3_bind_int64(stmt, 1, id);
    value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_finalize(stmt);
    return value;
}

/* The database is sound, and every job that was told so is in it. */
static void
expect_acknowledged(const char *path, const struct store_seen *seen)
{
    struct sotto_err err;
    sqlite3 *db;
    sqlite3_stmt *stmt;

    assert_ok(store_check_files(path, &err)); /* what failed half way is no damage */
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL); /* it is only looked at */
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    for (size_t i = 0; i < seen->count; i++)
        if (seen->status[i] == 0 &&
            count_in(db, "SELECT count(*) FROM demo_rows WHERE id = ?", seen->order[i]) != 1)
            fail_msg("job %lld was acknowledged and is lost", (long long)seen->order[i]);
    sqlite3_close(db);
}

/* The same on what the disk holds if the power goes now. */
static void
expect_acknowledged_after_a_cut(struct store_kit *f, const struct store_seen *seen)
{
    static const char *const names[] = {"sotto.db", "sotto.db-wal", "sotto.db-shm"};
    char folder[TEST_PATH_BYTES], path[TEST_PATH_BYTES + 16];

    snprintf(folder, sizeof(folder), "%s/cut", f->dir);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_true(crash_vfs_snapshot(folder, 1) >= 0);
    snprintf(path, sizeof(path), "%s/sotto.db", folder);
    expect_acknowledged(path, seen);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* ---- One fault ------------------------------------------------------------------------------------ */

static void
write_and_read(struct store_kit *f, struct store_seen *seen, struct store_seen *read)
{
    const struct store_test_job query = {.seen = read};

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < ROUND_JOBS; i++)
            assert_ok(store_kit_write(f, seen, ROUND_JOBS * round + i, 0));
        assert_ok(store_read(f->store, f->module, store_kit_count, &query, sizeof(query),
                             store_kit_note));
        store_kit_wait(f, seen, (size_t)ROUND_JOBS * (size_t)(round + 1));
        store_kit_wait(f, read, (size_t)round + 1);
    }
}

static size_t
count_failed(const struct store_seen *seen)
{
    size_t failed = 0;

    for (size_t i = 0; i < seen->count; i++)
        failed += seen->status[i] != 0;
    return failed;
}

/* Whether the fault was met at all. */
static bool
one_fault(enum crash_vfs_operation operation, int pass)
{
    struct store_seen *seen = calloc(1, sizeof(*seen)), *read = calloc(1, sizeof(*read));
    struct disk disk;
    struct store_kit *f;
    void *state;
    bool met;

    assert_ok(store_kit_setup(&state));
    f = state;
    f->settings.vfs = "crash";
    f->settings.readers = 1;
    f->settings.cache_bytes = 65536;
    f->settings.wal_bytes = 65536; /* a few commits, and it is copied back */
    disk_set(&disk, operation, pass, 1);
    crash_vfs_register(on_operation, &disk);
    if (opens(f)) {
        write_and_read(f, seen, read);
        expect_acknowledged_after_a_cut(f, seen);
        /* One fault costs one transaction. */
        assert_true(count_failed(seen) <= ROUND_JOBS);
    }
    met = atomic_load(&disk.failed) > 0;
    store_kit_close(f);
    expect_acknowledged(f->path, seen);
    crash_vfs_reset();
    store_kit_teardown(&state);
    free(seen);
    free(read);
    return met;
}

static void
fault_at_each_point(enum crash_vfs_operation operation, int met_at_least)
{
    const int start_step = sotto_night() ? 1 : SHORT_START_EVERY;
    const int step = sotto_night() ? 1 : SHORT_EVERY;
    int met = 0;

    for (int pass = 0; pass < POINTS; pass += pass < START_POINTS ? start_step : step)
        met += one_fault(operation, pass);
    print_message("# faults met: %d\n", met);
    assert_true(met >= met_at_least);
}

static void
a_failed_read_costs_one_answer_and_nothing_else(void **state)
{
    (void)state;
    fault_at_each_point(CRASH_VFS_READ, 5);
}

static void
a_failed_write_is_never_acknowledged(void **state)
{
    (void)state;
    fault_at_each_point(CRASH_VFS_WRITE, 15);
}

static void
a_failed_sync_is_never_acknowledged(void **state)
{
    (void)state;
    fault_at_each_point(CRASH_VFS_SYNC, 8);
}

/* ---- Many faults ---------------------------------------------------------------------------------- */

static void
five_failed_syncs_open_the_breaker_and_a_good_one_closes_it(void **state)
{
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    struct sotto_err why;
    struct disk disk;

    f->settings.vfs = "crash";
    disk_set(&disk, CRASH_VFS_SYNC, 0, 0);
    crash_vfs_register(on_operation, &disk);
    store_kit_open(f, NULL);
    disk_set(&disk, CRASH_VFS_SYNC, 0, 6);
    for (size_t i = 0; i < 5; i++) {
        assert_ok(store_health(f->store, &why));
        assert_ok(store_kit_write(f, seen, (int64_t)i, 0));
        store_kit_wait(f, seen, i + 1);
        assert_int_equal(seen->status[i], SOTTO_EIO);
    }
    assert_fails(store_kit_write(f, seen, 10, 0), SOTTO_EUNAVAILABLE);
    assert_fails(store_health(f->store, &why), SOTTO_EUNAVAILABLE);
    assert_int_equal(atomic_load(&disk.failed), 5);

    /* Thirty seconds later one write tries, and the disk still fails; thirty seconds later it does not. */
    for (size_t i = 5; i < 7; i++) {
        atomic_fetch_sub(&f->store->open_until, f->settings.breaker_reset_ms);
        assert_ok(store_kit_write(f, seen, (int64_t)i, 0));
        store_kit_wait(f, seen, i + 1);
    }
    assert_int_equal(seen->status[5], SOTTO_EIO);
    assert_int_equal(seen->status[6], 0);
    assert_ok(store_health(f->store, &why));
    expect_acknowledged_after_a_cut(f, seen);
    store_kit_close(f);
    crash_vfs_reset();
    free(seen);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_failed_read_costs_one_answer_and_nothing_else),
    cmocka_unit_test(a_failed_write_is_never_acknowledged),
    cmocka_unit_test(a_failed_sync_is_never_acknowledged),
    cmocka_unit_test_setup_teardown(five_failed_syncs_open_the_breaker_and_a_good_one_closes_it,
                                    store_kit_setup, store_kit_teardown),
};

SOTTO_TEST_MAIN(tests)
