/* SPDX-License-Identifier: MIT */
/*
 * A database from before pages had checksums is rearranged once, at the first start: whatever goes wrong meanwhile, at
 * each operation of the disk, its rows are there afterwards, and the next start makes good for it.
 *
 * The disk is the power-cut VFS (tests/support/crash_vfs.h).
 */
#include "store_kit.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store_vfs.h"
#include "crash_vfs.h"

#define ROWS 60
#define CUTS_MAX 400
#define EVERY 4 /* so many operations of the disk, in the short form */

struct fixture {
    struct store_kit *kit;
    /* Folder: what the disk holds if the power goes before operation n, as cuts/n/sotto.db. */
    char cuts[TEST_FOLDER_BYTES + 8];
    int operations;    /* so far */
    int cut_every;     /* 0: no cuts are taken */
    int fail_at, code; /* the operation that fails, and how; -1: none does */
    bool failed;
};

static int
on_operation(void *arg, enum crash_vfs_operation operation)
{
    struct fixture *f = arg;
    char folder[TEST_PATH_BYTES];
    int number;

    if (operation == CRASH_VFS_READ)
        return 0;
    number = f->operations++;
    if (f->cut_every && number % f->cut_every == 0 && number < CUTS_MAX) {
        snprintf(folder, sizeof(folder), "%s/%d", f->cuts, number);
        assert_int_equal(mkdir(folder, 0700), 0);
        assert_true(crash_vfs_snapshot(folder, (uint64_t)number) >= 0);
    }
    f->failed = f->failed || number == f->fail_at;
    return number == f->fail_at ? f->code : 0;
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    void *kit;

    assert_int_equal(store_kit_setup(&kit), 0);
    f->kit = kit;
    f->fail_at = -1;
    snprintf(f->cuts, sizeof(f->cuts), "%s/cuts", f->kit->dir);
    assert_int_equal(mkdir(f->cuts, 0700), 0);
    crash_vfs_register(on_operation, f);
    f->kit->settings.vfs = "crash";
    f->kit->settings.readers = 1;
    *state = f;
    return 0;
}

static void
remove_database(const char *path)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    char name[TEST_PATH_BYTES + 16];

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, tails[i]);
        unlink(name);
    }
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    void *kit = f->kit;

    rmdir(f->cuts);
    store_kit_teardown(&kit);
    crash_vfs_reset();
    free(f);
    return 0;
}

/* As the release before made it: it can shrink, and the log is used. */
static void
make_old(const char *path)
{
    char sql[512];
    sqlite3 *db;

    snprintf(
        sql, sizeof(sql),
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
        "PRAGMA application_id = %d; CREATE TABLE demo_old (id INTEGER PRIMARY KEY, body BLOB);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
        "INSERT INTO demo_old SELECT i, zeroblob(4000 + i * 50) FROM n",
        STORE_APPLICATION_ID, ROWS);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* A start without faults works, has all rows, and leaves a file whose pages have sums. */
static void
expect_good_start(struct store_kit *kit)
{
    struct store_conn *conn;

    store_kit_open(kit, NULL);
    conn = &kit->store->writer;
    assert_true(store_vfs_has_sums(conn->db));
    assert_int_equal(
        store_conn_int(conn, "SELECT count(*) FROM demo_old WHERE length(body) = 4000 + id * 50",
                       0),
        ROWS);
    assert_int_equal(
        store_conn_int(conn, "SELECT integrity_check = 'ok' FROM pragma_integrity_check", 0), 1);
    store_kit_close(kit);
}

static void
a_power_cut_while_it_is_rearranged_loses_nothing(void **state)
{
    struct fixture *f = *state;
    char own[TEST_PATH_BYTES], folder[TEST_PATH_BYTES];
    int cuts = 0;

    make_old(f->kit->path);
    f->cut_every = sotto_night() ? 1 : EVERY;
    expect_good_start(f->kit);
    f->cut_every = 0;
    crash_vfs_reset();
    remove_database(f->kit->path);
    snprintf(own, sizeof(own), "%s", f->kit->path);
    for (int number = 0; number < CUTS_MAX; number++) {
        snprintf(folder, sizeof(folder), "%s/%d", f->cuts, number);
        snprintf(f->kit->path, sizeof(f->kit->path), "%s/%d/sotto.db", f->cuts, number);
        if (access(f->kit->path, F_OK) == 0) {
            expect_good_start(f->kit);
            crash_vfs_reset();
            remove_database(f->kit->path);
            cuts++;
        }
        rmdir(folder);
    }
    snprintf(f->kit->path, sizeof(f->kit->path), "%s", own);
    print_message("# %d power cuts\n", cuts);
    assert_true(cuts >= 20);
}

static void
fault_at_each_operation(struct fixture *f, int code)
{
    const int step = sotto_night() ? 1 : EVERY;
    int faults = 0, refused = 0;

    for (int number = 0; number < CUTS_MAX; number += step) {
        make_old(f->kit->path);
        f->operations = 0;
        f->failed = false;
        f->fail_at = number;
        f->code = code;
        if (store_kit_try_open(f->kit, NULL) == 0)
            assert_int_equal(
                store_conn_int(&f->kit->store->writer, "SELECT count(*) FROM demo_old", 0), ROWS);
        else
            refused++;
        store_kit_close(f->kit);
        f->fail_at = -1;
        expect_good_start(f->kit);
        crash_vfs_reset();
        remove_database(f->kit->path);
        faults += f->failed;
        if (!f->failed)
            break;
    }
    print_message("# %d faults, %d starts refused\n", faults, refused);
    assert_true(faults >= 20);
}

static void
a_full_disk_while_it_is_rearranged_loses_nothing(void **state)
{
    fault_at_each_operation(*state, SQLITE_FULL);
}

static void
a_disk_that_fails_while_it_is_rearranged_loses_nothing(void **state)
{
    fault_at_each_operation(*state, SQLITE_IOERR_WRITE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    TEST(a_power_cut_while_it_is_rearranged_loses_nothing),
    TEST(a_full_disk_while_it_is_rearranged_loses_nothing),
    TEST(a_disk_that_fails_while_it_is_rearranged_loses_nothing),
};

SOTTO_TEST_MAIN(tests)
