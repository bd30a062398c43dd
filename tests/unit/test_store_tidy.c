/* SPDX-License-Identifier: MIT */
/* The store gives space back: deleted bytes leave the disk, the file shrinks, also one from before that was built. */
#include "core/clock.h"
#include "store_kit.h"

#include <sqlite3.h>
#include <sys/stat.h>

#define ROWS 1000
#define BODY_BYTES 4000
#define SMALL_BYTES (2 << 20) /* the reserve: 1 MiB and a sixteenth of what it was */
#define DEADLINE_MS 60000
static const char marker[] = "what was deleted must not be found";

/* ---- Jobs ------------------------------------------------------------------------------------------ */

static int
insert(struct sotto_tx *tx, void *arg)
{
    const struct store_test_job *job = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, DEMO_INSERT);
    uint8_t body[BODY_BYTES] = {0};

    memcpy(body + 100, marker, sizeof(marker));
    sotto_bind_int(stmt, 1, job->id);
    sotto_bind_blob(stmt, 2, body, sizeof(body));
    return sotto_step(stmt);
}

static int
delete_all(struct sotto_tx *tx, void *arg)
{
    (void)arg;
    return sotto_step(sotto_stmt(tx, DEMO_DELETE_ALL));
}

static void
write_and_wait(struct store_kit *f, sotto_tx_fn *fn, size_t count)
{
    struct store_seen *seen = calloc(1, sizeof(*seen));

    for (size_t i = 1; i <= count; i++) {
        const struct store_test_job job = {.seen = seen, .id = (int64_t)i};

        assert_ok(store_write(f->store, f->module, fn, &job, sizeof(job), store_kit_note));
    }
    store_kit_wait(f, seen, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seen->status[i], 0);
    free(seen);
}

/* ---- The files ------------------------------------------------------------------------------------- */

static off_t
size_of(const struct store_kit *f, const char *tail)
{
    struct stat info = {0};
    char path[TEST_PATH_BYTES + 8];

    snprintf(path, sizeof(path), "%s%s", f->path, tail);
    return stat(path, &info) == 0 ? info.st_size : 0;
}

static bool
holds_marker(const struct store_kit *f, const char *tail)
{
    const size_t size = (size_t)size_of(f, tail);
    char *data = malloc(size + 1), path[TEST_PATH_BYTES + 8];
    FILE *file;
    size_t got;
    bool found;

    snprintf(path, sizeof(path), "%s%s", f->path, tail);
    file = fopen(path, "rb");
    got = file != NULL ? fread(data, 1, size, file) : 0;
    found = got > 0 && memmem(data, got, marker, sizeof(marker) - 1) != NULL;
    if (file != NULL)
        fclose(file);
    free(data);
    return found;
}

/* The writer thread works by itself: this looks until it has, or too much time has passed. */
static void
wait_until_small(const struct store_kit *f)
{
    const int64_t end = clock_mono_ms() + DEADLINE_MS;

    while ((size_of(f, "") > SMALL_BYTES || size_of(f, "-wal") > 0) && clock_mono_ms() < end)
        uv_sleep(10);
    assert_true(size_of(f, "") <= SMALL_BYTES);
    assert_int_equal(size_of(f, "-wal"), 0);
}

/* ---- Tests ----------------------------------------------------------------------------------------- */

static void
what_is_deleted_leaves_the_disk(void **state)
{
    struct store_kit *f = *state;

    store_kit_open(f, NULL);
    write_and_wait(f, insert, ROWS);
    assert_true(size_of(f, "") + size_of(f, "-wal") > ROWS * BODY_BYTES);
    assert_true(holds_marker(f, "") || holds_marker(f, "-wal"));
    write_and_wait(f, delete_all, 1);

    wait_until_small(f);
    assert_false(holds_marker(f, ""));
    assert_false(holds_marker(f, "-wal"));
}

static void
a_file_that_shrank_takes_new_rows(void **state)
{
    struct store_kit *f = *state;
    struct store_conn conn = {0};

    store_kit_open(f, NULL);
    write_and_wait(f, insert, ROWS);
    write_and_wait(f, delete_all, 1);
    wait_until_small(f);
    write_and_wait(f, insert, ROWS);
    store_kit_close(f);

    assert_int_equal(sqlite3_open(f->path, &conn.db), SQLITE_OK);
    assert_int_equal(store_conn_int(&conn, "SELECT count(*) FROM demo_rows", 0), ROWS);
    assert_int_equal(store_conn_int(&conn,
                                    "SELECT count(*) FROM pragma_integrity_check"
                                    " WHERE integrity_check = 'ok'",
                                    0),
                     1);
    sqlite3_close(conn.db);
}

/* As the first versions made it. */
static void
make_old_file(const struct store_kit *f)
{
    char sql[256];
    sqlite3 *db;

    snprintf(sql, sizeof(sql),
             "PRAGMA auto_vacuum = NONE; PRAGMA journal_mode = WAL; PRAGMA application_id = %d;"
             "CREATE TABLE demo_old (id INTEGER PRIMARY KEY, body BLOB);"
             "INSERT INTO demo_old VALUES (7, 'kept')",
             STORE_APPLICATION_ID);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void
a_file_from_before_is_rearranged_once_and_shrinks(void **state)
{
    struct store_kit *f = *state;

    make_old_file(f);
    store_kit_open(f, NULL);
    assert_int_equal(store_conn_int(&f->store->writer, "SELECT id FROM demo_old", 0), 7);
    write_and_wait(f, insert, ROWS);
    write_and_wait(f, delete_all, 1);

    wait_until_small(f);
    assert_false(holds_marker(f, ""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_kit_setup, store_kit_teardown)
static const struct CMUnitTest tests[] = {
    TEST(what_is_deleted_leaves_the_disk),
    TEST(a_file_that_shrank_takes_new_rows),
    TEST(a_file_from_before_is_rearranged_once_and_shrinks),
};

SOTTO_TEST_MAIN(tests)
