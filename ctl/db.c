/* SPDX-License-Identifier: MIT */
/*
 * db check and db backup. Both go through SQLite and its locks, so a server may run beside them; a backup is made in
 * one step, which no write of the server can make begin anew.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store_impl.h"
#include "core/store_vfs.h"
#include "ctl/image.h"

#define BUSY_MS 5000
#define COMPLAINTS_MAX 10

int
db_fail(sqlite3 *db, const char *path)
{
    fprintf(stderr, "sottoctl: %s: %s\n", path, db ? sqlite3_errmsg(db) : "out of memory");
    return 1;
}

int
db_integrity(sqlite3 *db, const char *path)
{
    sqlite3_stmt *stmt = NULL;
    int complaints = 0, code;

    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) != SQLITE_OK)
        return db_fail(db, path);
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);

        if (strcmp(text, "ok") != 0 && complaints++ < COMPLAINTS_MAX)
            fprintf(stderr, "%s\n", text);
    }
    if (code != SQLITE_DONE)
        complaints += db_fail(db, path);
    sqlite3_finalize(stmt);
    return complaints != 0;
}

bool
db_is_file(const char *path)
{
    struct stat info;

    if (stat(path, &info) == 0 && S_ISREG(info.st_mode))
        return true;
    fprintf(stderr, "sottoctl: %s: %s; name the data folder with --data\n", path,
            access(path, F_OK) != 0 ? strerror(errno) : "not a file");
    return false;
}

/* An existing file, without changing what is in it. */
static int
open_existing(const char *path, sqlite3 **db_out)
{
    struct sotto_err err;

    if (!db_is_file(path))
        return 1;
    if (store_check_files(path, &err) != 0) {
        fprintf(stderr, "sottoctl: %s\n", err.text);
        return 1;
    }
    if (sqlite3_open_v2(path, db_out, SQLITE_OPEN_READWRITE, store_vfs_name(NULL)) != SQLITE_OK)
        return db_fail(*db_out, path);
    sqlite3_busy_timeout(*db_out, BUSY_MS);
    return 0;
}

static bool
is_empty(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && info.st_size == 0;
}

/* Names the pages whose checksums are wrong, also those that SQLite has no reason to read. A server that runs may be
 * writing one just now, so a page is damaged that is so twice. 0: none is. */
static int
list_damaged(const char *path)
{
    struct image first, second;
    uint64_t found = 0;
    int error = image_open(&first, path);

    if (error)
        return 1;
    error = image_open(&second, path);
    for (uint32_t page = 1; !error && page <= first.count && page <= second.count; page++) {
        if (!image_is_damaged(&first, page) || !image_is_damaged(&second, page))
            continue;
        if (found++ < COMPLAINTS_MAX)
            fprintf(stderr, "page %u is not as it was written\n", page);
    }
    if (found > COMPLAINTS_MAX)
        fprintf(stderr, "and %llu more pages\n", (unsigned long long)(found - COMPLAINTS_MAX));
    image_close(&first);
    image_close(&second);
    return error || found > 0;
}

static int
check_file(const char *path)
{
    sqlite3 *db = NULL;
    int status = open_existing(path, &db);

    if (!status)
        status = db_integrity(db, path);
    sqlite3_close(db);
    return list_damaged(path) || status;
}

int
db_check(const char *path)
{
    if (!db_is_file(path))
        return 1;
    if (is_empty(path)) {
        fprintf(
            stderr,
            "sottoctl: %s is empty: no server has written to it yet, or all is lost that was in it; "
            "then restore a backup\n",
            path);
        return 1;
    }
    if (check_file(path) != 0) {
        fprintf(stderr,
                "sottoctl: %s is damaged; stop the server, then restore a backup, or save what is "
                "left with `" STORE_CURE "`\n",
                path);
        return 1;
    }
    printf("%s is sound\n", path);
    return 0;
}

/* ---- Copies ---- */

int
db_copy_begin(const char *copy, char *partial_out)
{
    const int length = snprintf(partial_out, CTL_PATH_MAX, "%s.partial", copy);

    if (length < 0 || length >= CTL_PATH_MAX) {
        fprintf(stderr, "sottoctl: the name of the new file is too long\n");
        return 1;
    }
    if (access(copy, F_OK) == 0) {
        fprintf(stderr, "sottoctl: %s is there already; name a new file\n", copy);
        return 1;
    }
    if (unlink(partial_out) != 0 && errno != ENOENT) {
        fprintf(stderr, "sottoctl: %s: %s\n", partial_out, strerror(errno));
        return 1;
    }
    return 0;
}

/* A name is on the disk when its folder is. */
static int
sync_folder_of(const char *path)
{
    char folder[CTL_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd, error;

    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    error = fsync(fd);
    close(fd);
    return error;
}

int
db_copy_end(const char *copy, const char *partial)
{
    const int fd = open(partial, O_RDONLY | O_CLOEXEC);
    const int error =
        fd < 0 || fsync(fd) != 0 || rename(partial, copy) != 0 || sync_folder_of(copy) != 0;

    if (error)
        fprintf(stderr, "sottoctl: %s: %s\n", copy, strerror(errno));
    if (fd >= 0)
        close(fd);
    return error;
}

int
db_create(const char *partial, bool sums, sqlite3 **db_out)
{
    const int code = sqlite3_open_v2(partial, db_out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                     store_vfs_name(NULL));

    return code == SQLITE_OK && sums ? store_vfs_reserve(*db_out) : code;
}

static int
copy_pages(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    int code = backup ? sqlite3_backup_step(backup, -1) : SQLITE_ERROR;

    if (backup && sqlite3_backup_finish(backup) != SQLITE_OK && code == SQLITE_DONE)
        code = SQLITE_ERROR;
    return code;
}

/* Reading and writing fail alike; which of them did is found out by looking at what was read. */
static int
copy_fail(int code, sqlite3 *to, const char *path, const char *copy)
{
    if (code != SQLITE_CORRUPT && code != SQLITE_IOERR && code != SQLITE_ERROR)
        return db_fail(to, copy);
    fprintf(
        stderr,
        "sottoctl: %s cannot be copied to %s (%s); `sottoctl db check` says whether it is damaged\n",
        path, copy, sqlite3_errstr(code));
    return 1;
}

int
db_backup(const char *path, const char *copy)
{
    char partial[CTL_PATH_MAX];
    sqlite3 *from = NULL, *to = NULL;
    int status = db_copy_begin(copy, partial), code;

    if (!status)
        status = open_existing(path, &from);
    if (!status && db_create(partial, store_vfs_has_sums(from), &to) != SQLITE_OK)
        status = db_fail(to, partial);
    if (!status) {
        code = copy_pages(from, to);
        /* One file that needs no log beside it; the server makes it a WAL database again. */
        if (code != SQLITE_DONE)
            status = copy_fail(code & 0xff, to, path, copy);
        else if (sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
            status = db_fail(to, copy);
        else
            status = db_integrity(to, copy);
    }
    sqlite3_close(from);
    sqlite3_close(to);
    if (!status)
        status = db_copy_end(copy, partial);
    else
        unlink(partial);
    if (!status)
        printf("%s is a sound copy of %s\n", copy, path);
    return status;
}
