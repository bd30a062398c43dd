/* SPDX-License-Identifier: MIT */
/*
 * The store's VFS (core/store_vfs.h) under SQLite itself, over the power-cut VFS, whose hook counts operations, fails
 * them and flips bits: what is read is what was written or SQLITE_IOERR_DATA, a commit is one write of the log, and a
 * write that fails late undoes the transaction that made it.
 */
#include "test_folder.h"

#include <sodium.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/page_map.h"
#include "core/page_sum.h"
#include "core/store_vfs.h"
#include "core/wal.h"
#include "crash_vfs.h"

#define PAGE_BYTES 4096
#define ROWS 60
#define FRAME_BYTES (24 + PAGE_BYTES)
#define POINTS_MAX 2000
#define FLIPS 200
#define FLIPS_NIGHT 20000

struct fixture {
    char folder[TEST_FOLDER_BYTES], path[TEST_PATH_BYTES], wal[TEST_PATH_BYTES + 8];
    sqlite3 *db;
    /* Of the hook: */
    atomic_int writes, syncs;
    atomic_int operation, left, code; /* the left-th operation of a kind fails with code */
    atomic_bool failed;
};

static int
on_operation(void *arg, enum crash_vfs_operation operation)
{
    struct fixture *f = arg;

    atomic_fetch_add(&f->writes, operation == CRASH_VFS_WRITE);
    atomic_fetch_add(&f->syncs, operation == CRASH_VFS_SYNC);
    if ((int)operation != atomic_load(&f->operation) || atomic_fetch_sub(&f->left, 1) != 0)
        return 0;
    atomic_store(&f->failed, true);
    return atomic_load(&f->code);
}

static void
fail_at(struct fixture *f, enum crash_vfs_operation operation, int pass, int code)
{
    atomic_store(&f->operation, (int)operation);
    atomic_store(&f->left, pass);
    atomic_store(&f->code, code);
    atomic_store(&f->failed, false);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(test_folder_make("vfs", f->folder), 0);
    snprintf(f->path, sizeof(f->path), "%s/a.db", f->folder);
    snprintf(f->wal, sizeof(f->wal), "%s-wal", f->path);
    fail_at(f, CRASH_VFS_WRITE, -1, 0);
    crash_vfs_register(on_operation, f);
    *state = f;
    return 0;
}

static void
remove_files(const char *path)
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

    sqlite3_close(f->db);
    crash_vfs_reset();
    remove_files(f->path);
    assert_int_equal(rmdir(f->folder), 0);
    free(f);
    return 0;
}

/* ---- Databases ------------------------------------------------------------------------------------- */

static int
run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static void
must(sqlite3 *db, const char *sql)
{
    if (run(db, sql) != SQLITE_OK)
        fail_msg("%s: %s (%d)", sql, sqlite3_errmsg(db), sqlite3_extended_errcode(db));
}

static int64_t
number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    int64_t value = -1;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

static sqlite3 *
open_with(const char *path, const char *vfs)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE;
    sqlite3 *db;

    assert_int_equal(sqlite3_open_v2(path, &db, flags, vfs), SQLITE_OK);
    return db;
}

static void
reopen(struct fixture *f)
{
    sqlite3_close(f->db);
    f->db = open_with(f->path, store_vfs_name("crash"));
    assert_int_equal(store_vfs_reserve(f->db), SQLITE_OK);
    run(f->db,
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
}

/* A table of rows that fill about a page each, all of generation 1. */
static void
fill(struct fixture *f)
{
    char sql[256];

    reopen(f);
    must(f->db, "CREATE TABLE t (id INTEGER PRIMARY KEY, generation INTEGER, body BLOB); BEGIN");
    for (int i = 0; i < ROWS; i++) {
        snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%d, 1, randomblob(3000 + %d))", i,
                 i * 100);
        must(f->db, sql);
    }
    must(f->db, "COMMIT");
}

static uint8_t *
read_file(const char *path, size_t *size_out)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    uint8_t *data;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    data = malloc((size_t)info.st_size + 1);
    *size_out = fread(data, 1, (size_t)info.st_size, file);
    fclose(file);
    return data;
}

static void
write_file(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void
flip(const char *path, int64_t offset, int bit)
{
    FILE *file = fopen(path, "r+b");
    int byte;

    assert_non_null(file);
    fseek(file, (long)offset, SEEK_SET);
    byte = fgetc(file);
    fseek(file, (long)offset, SEEK_SET);
    fputc(byte ^ 1 << bit, file);
    assert_int_equal(fclose(file), 0);
}

/* ---- Pages ----------------------------------------------------------------------------------------- */

static void
every_page_has_a_sum_and_any_sqlite_reads_the_file(void **state)
{
    struct fixture *f = *state;
    uint8_t *data;
    size_t size;
    sqlite3 *plain;

    fill(f);
    must(f->db, "PRAGMA wal_checkpoint(TRUNCATE)");

    assert_true(store_vfs_has_sums(f->db));
    data = read_file(f->path, &size);
    assert_true(size / PAGE_BYTES > ROWS);
    for (uint32_t page = 1; page <= size / PAGE_BYTES; page++)
        assert_int_equal(page_sum_check(data + (page - 1) * PAGE_BYTES, PAGE_BYTES, page),
                         PAGE_SOUND);
    free(data);
    plain = open_with(f->path, NULL);
    assert_false(store_vfs_has_sums(plain));
    assert_int_equal(number(plain, "SELECT count(*) FROM t WHERE length(body) = 3000 + id * 100"),
                     ROWS);
    assert_int_equal(number(plain, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
    sqlite3_close(plain);
}

/*
 * Reads everything; 0, or the code with which that ended. The pages that say where pages lie are read by the check alone,
 * which tells as text what it met.
 */
static int
read_all(const char *path, char *damage_out)
{
    static const char sql[] = "SELECT sum(length(hex(body))) FROM t";
    static const char check[] = "SELECT integrity_check = 'ok' FROM pragma_integrity_check";
    sqlite3 *db = open_with(path, store_vfs_name(NULL));
    int code = run(db, sql);

    if (code == SQLITE_OK && number(db, check) != 1)
        code = SQLITE_IOERR_DATA;
    damage_out[0] = '\0';
    store_vfs_damage(db, damage_out);
    sqlite3_close(db);
    return code;
}

static void
a_changed_bit_is_an_error_wherever_it_is(void **state)
{
    struct fixture *f = *state;
    const int flips = sotto_night() ? FLIPS_NIGHT : FLIPS;
    char damage[STORE_VFS_SENTENCE_MAX], wanted[STORE_VFS_SENTENCE_MAX];
    uint8_t *data;
    size_t size;

    fill(f);
    sqlite3_close(f->db);
    f->db = NULL;
    data = read_file(f->path, &size);
    for (int i = 0; i < flips; i++) {
        /* First each bit of the file's header, then any. */
        const size_t at = i < 800 && sotto_night() ? (size_t)i / 8 : (size_t)i * 7919 * 31 % size;
        const int code = (flip(f->path, (int64_t)at, i % 8), read_all(f->path, damage));

        flip(f->path, (int64_t)at, i % 8);
        snprintf(wanted, sizeof(wanted), "page %zu is not as it was written", at / PAGE_BYTES + 1);
        /* Without the first sixteen bytes it is no database. */
        if (code != SQLITE_NOTADB && (code != SQLITE_IOERR_DATA || strcmp(damage, wanted) != 0))
            fail_msg("byte %zu bit %d: code %d, \"%s\"", at, i % 8, code, damage);
    }
    assert_int_equal(read_all(f->path, damage), SQLITE_OK);
    free(data);
}

static void
the_bit_that_says_that_there_are_sums_cannot_be_lost(void **state)
{
    struct fixture *f = *state;
    char damage[STORE_VFS_SENTENCE_MAX];

    fill(f);
    sqlite3_close(f->db);
    f->db = NULL;
    for (int bit = 0; bit < 8; bit++) {
        flip(f->path, 20, bit);
        assert_int_equal(read_all(f->path, damage), SQLITE_IOERR_DATA);
        assert_string_equal(damage, "page 1 is not as it was written");
        flip(f->path, 20, bit);
    }
}

static void
a_page_in_the_place_of_another_and_a_page_of_zeros_are_errors(void **state)
{
    struct fixture *f = *state;
    char damage[STORE_VFS_SENTENCE_MAX];
    uint8_t *data, *harmed;
    size_t size;

    fill(f);
    sqlite3_close(f->db);
    f->db = NULL;
    data = read_file(f->path, &size);
    harmed = malloc(size);
    for (size_t page = 5; page < 20; page++) {
        memcpy(harmed, data, size);
        memcpy(harmed + page * PAGE_BYTES, data + (page + 1) * PAGE_BYTES, PAGE_BYTES);
        write_file(f->path, harmed, size);
        assert_int_equal(read_all(f->path, damage), SQLITE_IOERR_DATA);
        memset(harmed + page * PAGE_BYTES, 0, PAGE_BYTES);
        write_file(f->path, harmed, size);
        assert_int_equal(read_all(f->path, damage), SQLITE_IOERR_DATA);
    }
    free(harmed);
    free(data);
}

/* What a shell does that is opened after a crash: it copies the log into the file, and knows of no sums. */
static void
pages_that_another_program_copied_from_the_log_are_taken(void **state)
{
    struct fixture *f = *state;
    char other[TEST_PATH_BYTES], name[TEST_PATH_BYTES + 16], damage[STORE_VFS_SENTENCE_MAX];
    uint8_t *file, *log;
    size_t file_size, log_size;
    sqlite3 *plain;

    fill(f);
    must(f->db, "PRAGMA wal_checkpoint(TRUNCATE)");
    must(f->db, "UPDATE t SET generation = 2, body = randomblob(length(body))");
    file = read_file(f->path, &file_size);
    log = read_file(f->wal, &log_size);
    snprintf(other, sizeof(other), "%s/b.db", f->folder);
    snprintf(name, sizeof(name), "%s-wal", other);
    write_file(other, file, file_size);
    write_file(name, log, log_size);

    plain = open_with(other, NULL);
    assert_int_equal(number(plain, "SELECT count(*) FROM t WHERE generation = 2"), ROWS);
    sqlite3_close(plain);

    assert_int_not_equal(access(name, F_OK), 0);
    assert_int_equal(read_all(other, damage), SQLITE_OK);
    remove_files(other);
    free(file);
    free(log);
}

static void
the_map_of_parents_is_found_and_the_page_of_the_locks(void **state)
{
    const uint32_t span =
        (PAGE_BYTES - PAGE_SUM_BYTES) / 5 + 1; /* a map page and those it tells of */
    size_t at = 0;

    (void)state;
    assert_int_equal(page_map_find(1, PAGE_BYTES, PAGE_BYTES - PAGE_SUM_BYTES, &at), 0);
    assert_int_equal(page_map_find(2, PAGE_BYTES, PAGE_BYTES - PAGE_SUM_BYTES, &at), 0);
    assert_int_equal(page_map_find(3, PAGE_BYTES, PAGE_BYTES - PAGE_SUM_BYTES, &at), 2);
    assert_int_equal(at, 0);
    assert_int_equal(page_map_find(1 + span, PAGE_BYTES, PAGE_BYTES - PAGE_SUM_BYTES, &at), 2);
    assert_true(at + 5 <= PAGE_BYTES - PAGE_SUM_BYTES);
    assert_int_equal(page_map_find(2 + span, PAGE_BYTES, PAGE_BYTES - PAGE_SUM_BYTES, &at), 0);
    assert_true(page_is_lock((1 << 30) / PAGE_BYTES + 1, PAGE_BYTES));
    assert_false(page_is_lock((1 << 30) / PAGE_BYTES, PAGE_BYTES));
}

/* The database with its log as a crash leaves them, after a shell copied the one into the other. Returns the file. */
static uint8_t *
copy_by_another_program(const struct fixture *f, const char *other, size_t *size_out)
{
    char log_name[TEST_PATH_BYTES + 16];
    size_t size;
    sqlite3 *plain;
    uint8_t *data = read_file(f->path, &size);

    write_file(other, data, size);
    free(data);
    data = read_file(f->wal, &size);
    snprintf(log_name, sizeof(log_name), "%s-wal", other);
    write_file(log_name, data, size);
    free(data);
    plain = open_with(other, NULL);
    assert_true(number(plain, "PRAGMA freelist_count") > 0);
    sqlite3_close(plain);
    assert_int_not_equal(access(log_name, F_OK), 0);
    return read_file(other, size_out);
}

/* Reads every page, free ones, too. */
static void
back_up(sqlite3 *db)
{
    sqlite3 *to = open_with(":memory:", NULL);
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", db, "main");

    assert_non_null(backup);
    assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
    sqlite3_close(to);
}

static void
check_free_pages(const char *path)
{
    char damage[STORE_VFS_SENTENCE_MAX];
    sqlite3 *db = open_with(path, store_vfs_name(NULL));

    assert_int_equal(number(db, "SELECT quick_check = 'ok' FROM pragma_quick_check"), 1);
    back_up(db);
    must(db, "INSERT INTO t VALUES (1000, 3, randomblob(10000)); PRAGMA incremental_vacuum");
    sqlite3_close(db);
    assert_int_equal(read_all(path, damage), SQLITE_OK);
}

/* secure_delete makes freed pages zeros. They are taken for what they are: one alone, which is the whole list of free
 * pages then and is read at the start, and many. A page in use that is zeros is damaged, as ever. */
static void
freed_pages_that_another_program_copied_from_the_log_are_taken(void **state)
{
    static const char *const frees[] = {"DROP TABLE u", "DELETE FROM t WHERE id > 9"};
    struct fixture *f = *state;
    char other[TEST_PATH_BYTES], damage[STORE_VFS_SENTENCE_MAX];

    fill(f);
    must(f->db, "PRAGMA secure_delete = ON; CREATE TABLE u (body BLOB)");
    snprintf(other, sizeof(other), "%s/b.db", f->folder);
    for (size_t i = 0; i < 2; i++) {
        size_t size, zeros = 0, used = 0;
        uint8_t *data;

        must(f->db, "PRAGMA wal_checkpoint(TRUNCATE)");
        must(f->db, frees[i]);
        data = copy_by_another_program(f, other, &size);
        for (size_t at = 2 * PAGE_BYTES; at < size; at += PAGE_BYTES)
            if (sodium_is_zero(data + at, PAGE_BYTES))
                zeros++;
            else
                used = at;
        assert_int_equal(zeros == 1, i == 0);
        check_free_pages(other);

        memset(data + used, 0, PAGE_BYTES);
        write_file(other, data, size);
        assert_int_equal(read_all(other, damage), SQLITE_IOERR_DATA);
        remove_files(other);
        free(data);
    }
}

/* ---- The log --------------------------------------------------------------------------------------- */

static void
a_changed_bit_of_the_log_is_an_error_while_it_is_in_use(void **state)
{
    struct fixture *f = *state;
    char damage[STORE_VFS_SENTENCE_MAX];
    sqlite3 *reader;

    fill(f);
    /* In the middle of the one large transaction. */
    for (int frame = 20; frame < ROWS; frame += 7) {
        const int64_t at = WAL_HEADER_BYTES + frame * (int64_t)FRAME_BYTES + 24 + 1000;

        flip(f->wal, at, 3);
        reader = open_with(f->path, store_vfs_name("crash"));
        assert_int_equal(run(reader, "SELECT sum(length(hex(body))) FROM t"), SQLITE_IOERR_DATA);
        assert_true(store_vfs_damage(reader, damage));
        assert_non_null(strstr(damage, "in the log is not as it was written"));
        sqlite3_close(reader);
        /* It does not get into the file either. */
        assert_int_equal(run(f->db, "PRAGMA wal_checkpoint(FULL)"), SQLITE_IOERR_DATA);
        flip(f->wal, at, 3);
    }
    must(f->db, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static void
a_commit_is_few_writes_and_one_sync(void **state)
{
    struct fixture *f = *state;
    int writes, syncs;
    size_t size;

    fill(f);
    writes = atomic_load(&f->writes);
    syncs = atomic_load(&f->syncs);
    must(f->db, "UPDATE t SET generation = 2");
    free(read_file(f->wal, &size));

    /* Over sixty frames: three full buffers at most, and what fills the sector. */
    assert_true(atomic_load(&f->writes) - writes <= 6);
    assert_int_equal(atomic_load(&f->syncs) - syncs, 1);
    assert_int_equal(number(f->db, "SELECT count(*) FROM t WHERE generation = 2"), ROWS);
}

static void
no_frame_is_damaged(const struct fixture *f)
{
    struct wal wal = {0};
    size_t size;
    uint8_t *log = read_file(f->wal, &size);

    wal_read(log, size, NULL, NULL, &wal);
    assert_false(wal.bad_header);
    assert_int_equal(wal.bad_frame, 0);
    free(log);
}

/* With a cache of ten pages a transaction writes pages before its commit, reads them again and writes them anew. */
static int
long_transaction(sqlite3 *db, int generation)
{
    char sql[512];

    snprintf(sql, sizeof(sql),
             "PRAGMA cache_size = 10; BEGIN;"
             "UPDATE t SET generation = %d, body = randomblob(length(body));"
             "UPDATE t SET body = randomblob(length(body)) WHERE id %% 2;"
             "SELECT sum(length(hex(body))) FROM t; SAVEPOINT s;"
             "UPDATE t SET body = randomblob(length(body)) WHERE id %% 3; ROLLBACK TO s;"
             "SELECT sum(length(hex(body))) FROM t;"
             "UPDATE t SET body = randomblob(length(body)) WHERE id %% 5; COMMIT",
             generation);
    return run(db, sql);
}

static void
pages_that_are_written_before_the_commit_are_read_and_replaced(void **state)
{
    struct fixture *f = *state;
    char damage[STORE_VFS_SENTENCE_MAX];

    fill(f);
    for (int generation = 2; generation < 8; generation++) {
        assert_int_equal(long_transaction(f->db, generation), SQLITE_OK);
        no_frame_is_damaged(f);
        assert_int_equal(read_all(f->path, damage), SQLITE_OK);
    }
    assert_int_equal(number(f->db, "SELECT min(generation) FROM t"), 7);
    assert_int_equal(number(f->db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

/* Whether the fault was met. After it the transaction is there whole or not at all, as its commit said, and what
 * the disk holds if the power goes is one of the two. */
static bool
one_fault(struct fixture *f, enum crash_vfs_operation operation, int pass, int code, int generation)
{
    bool committed;

    fail_at(f, operation, pass, code);
    committed = long_transaction(f->db, generation) == SQLITE_OK;
    fail_at(f, CRASH_VFS_WRITE, -1, 0);
    if (!sqlite3_get_autocommit(f->db))
        must(f->db, "ROLLBACK");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(number(f->db, "SELECT min(generation) = max(generation) FROM t"), 1);
        assert_int_equal(number(f->db, "SELECT max(generation) FROM t") == generation, committed);
        assert_int_equal(number(f->db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"),
                         1);
        no_frame_is_damaged(f);
        /* The next one works, and overwrites what was left in the log. */
        if (again == 0 && !committed) {
            must(f->db, "CREATE TABLE IF NOT EXISTS other (id INTEGER)");
            must(f->db, "INSERT INTO other VALUES (1)");
        }
    }
    return !committed;
}

static void
fault_at_each_point(struct fixture *f, enum crash_vfs_operation operation, int code,
                    int met_at_least)
{
    const int step = sotto_night() || operation == CRASH_VFS_SYNC ? 1 : 5;
    int met = 0;

    fill(f);
    for (int pass = 0; pass < POINTS_MAX; pass += step) {
        const bool was_met = one_fault(f, operation, pass, code, pass + 2);

        met += was_met;
        if (!was_met && !atomic_load(&f->failed) && pass > 0)
            break;
        if (pass % 50 == 0)
            reopen(f);
    }
    print_message("# faults met: %d\n", met);
    assert_true(met >= met_at_least);
}

static void
a_write_that_fails_late_undoes_its_transaction(void **state)
{
    fault_at_each_point(*state, CRASH_VFS_WRITE, SQLITE_IOERR_WRITE, 3);
}

static void
a_full_disk_undoes_the_transaction_that_met_it(void **state)
{
    fault_at_each_point(*state, CRASH_VFS_WRITE, SQLITE_FULL, 3);
}

static void
a_read_that_fails_undoes_its_transaction(void **state)
{
    fault_at_each_point(*state, CRASH_VFS_READ, SQLITE_IOERR_READ, 3);
}

static void
a_sync_that_fails_undoes_its_transaction(void **state)
{
    fault_at_each_point(*state, CRASH_VFS_SYNC, SQLITE_IOERR_FSYNC, 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(every_page_has_a_sum_and_any_sqlite_reads_the_file, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(a_changed_bit_is_an_error_wherever_it_is, setup, teardown),
    cmocka_unit_test_setup_teardown(the_bit_that_says_that_there_are_sums_cannot_be_lost, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(a_page_in_the_place_of_another_and_a_page_of_zeros_are_errors,
                                    setup, teardown),
    cmocka_unit_test_setup_teardown(pages_that_another_program_copied_from_the_log_are_taken, setup,
                                    teardown),
    cmocka_unit_test(the_map_of_parents_is_found_and_the_page_of_the_locks),
    cmocka_unit_test_setup_teardown(freed_pages_that_another_program_copied_from_the_log_are_taken,
                                    setup, teardown),
    cmocka_unit_test_setup_teardown(a_changed_bit_of_the_log_is_an_error_while_it_is_in_use, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(a_commit_is_few_writes_and_one_sync, setup, teardown),
    cmocka_unit_test_setup_teardown(pages_that_are_written_before_the_commit_are_read_and_replaced,
                                    setup, teardown),
    cmocka_unit_test_setup_teardown(a_write_that_fails_late_undoes_its_transaction, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(a_full_disk_undoes_the_transaction_that_met_it, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(a_read_that_fails_undoes_its_transaction, setup, teardown),
    cmocka_unit_test_setup_teardown(a_sync_that_fails_undoes_its_transaction, setup, teardown),
};

SOTTO_TEST_MAIN(tests)
