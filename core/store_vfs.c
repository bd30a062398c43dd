/* SPDX-License-Identifier: MIT */
/*
 * The store's VFS and the side of the database's file; see store_vfs.h.
 *
 * Whether pages have sums stands in the file's header, so it is learned where SQLite reads or writes that: a file gets
 * them when its page 1 is written with the room reserved, and never loses them by what is read. SQLite's own copy of
 * a page has zeros where the sum stands, so that a page that goes into the log and comes from there into the file by
 * another program is one without a sum, and not one with the sum of what it was before.
 */
#include "core/store_vfs.h"

#include "core/page_map.h"
#include "core/page_sum.h"
#include "core/store_vfs_log.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 64
#define CONTROL 0x534f5454 /* an xFileControl of our own: the argument is a struct file ** */
#define WRITE_LOCK 0       /* of the locks of the -shm file: who has it may append to the log */

struct vfs {
    sqlite3_vfs base;
    char name[NAME_BYTES];
};

/* An open file; SQLite gives room for this and, behind it, for the file of the VFS below. */
struct file {
    sqlite3_file base;
    sqlite3_file *real;
    struct file *partner; /* the log of a database, the database of a log; NULL: not open */
    struct store_log log; /* of a log; the rest is a database's */
    bool has_sums;        /* in its pages */
    bool is_new; /* made by this connection: without a log SQLite reads pages it has left out */
    uint32_t damaged_page; /* the last that was met; 0: none was */
    uint8_t *copy;         /* of a page on its way to the disk; made at the first */
    size_t copy_bytes;
};

static struct file *
file_of(sqlite3_file *base)
{
    return (struct file *)base;
}

static sqlite3_file *
real(sqlite3_file *base)
{
    return file_of(base)->real;
}

static sqlite3_vfs *
below(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

/* ---- Pages ----------------------------------------------------------------------------------------- */

/* SQLite reads and writes whole pages, except for the header at the beginning. */
static bool
is_page(int size, sqlite3_int64 offset)
{
    return size >= 512 && size <= 65536 && (size & (size - 1)) == 0 && offset % size == 0;
}

static uint32_t
page_number(int size, sqlite3_int64 offset)
{
    return (uint32_t)(offset / size) + 1;
}

static int
read_below(const struct file *file, void *data, size_t size, uint64_t offset)
{
    return file->real->pMethods->xRead(file->real, data, (int)size, (sqlite3_int64)offset);
}

/* The map of parents, as it stands in the file, says that nobody uses the page. In between page and map may change in the
 * log alone: a page that is taken into use is written, and from then on read from there, or from the file with its sum. */
static bool
is_free(const struct file *file, size_t size, uint32_t number)
{
    const size_t usable = size - PAGE_SUM_BYTES;
    uint8_t header[PAGE_SUM_HEADER_BYTES];
    size_t at = 0;
    const uint32_t map_number = page_map_find(number, size, usable, &at);
    uint8_t *map;
    bool result = false;

    if (map_number == 0 || read_below(file, header, sizeof(header), 0) != SQLITE_OK ||
        sodium_is_zero(header + PAGE_MAP_ROOT_AT, 4))
        return false;
    map = malloc(size);
    if (map && read_below(file, map, size, (uint64_t)(map_number - 1) * size) == SQLITE_OK)
        result = page_sum_check(map, size, map_number) < PAGE_ZEROS && map[at] == PAGE_MAP_FREE;
    free(map);
    return result;
}

/* What was read is what was written; is_short: the file ends before the page does. Then a part of a page is damage, and
 * none of it is SQLite's affair. */
static bool
is_sound(const struct file *file, const uint8_t *page, int size, uint32_t number, bool is_short)
{
    enum page_state state;

    if (!file->has_sums)
        return number != 1 || !page_sum_was_in_header(page, (size_t)size);
    state = page_sum_check(page, (size_t)size, number);
    if (state == PAGE_ZEROS)
        return is_short || (file->is_new && !file->partner) || is_free(file, (size_t)size, number);
    return !is_short && state != PAGE_DAMAGED;
}

static int
page_read(sqlite3_file *base, void *data, int size, sqlite3_int64 offset)
{
    struct file *file = file_of(base);
    const int code = real(base)->pMethods->xRead(real(base), data, size, offset);

    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
        return code;
    if (offset == 0 && size >= PAGE_SUM_HEADER_BYTES && page_sum_in_header(data))
        file->has_sums = true;
    if (!is_page(size, offset))
        return code;
    if (!is_sound(file, data, size, page_number(size, offset), code != SQLITE_OK)) {
        file->damaged_page = page_number(size, offset);
        return SQLITE_IOERR_DATA;
    }
    if (file->has_sums)
        memset((uint8_t *)data + size - PAGE_SUM_BYTES, 0, PAGE_SUM_BYTES);
    return code;
}

/* What SQLite hands over is not ours to change. */
static uint8_t *
copy_page(struct file *file, const void *data, size_t size)
{
    if (file->copy_bytes < size) {
        free(file->copy);
        file->copy = malloc(size);
        file->copy_bytes = file->copy ? size : 0;
    }
    return file->copy ? memcpy(file->copy, data, size) : NULL;
}

static int
page_write(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset)
{
    struct file *file = file_of(base);
    uint8_t *page;

    if (offset == 0 && size >= PAGE_SUM_HEADER_BYTES)
        file->has_sums = page_sum_in_header(data);
    if (!file->has_sums || !is_page(size, offset))
        return real(base)->pMethods->xWrite(real(base), data, size, offset);
    page = copy_page(file, data, (size_t)size);
    if (!page)
        return SQLITE_IOERR_NOMEM;
    page_sum_put(page, (size_t)size, page_number(size, offset));
    return real(base)->pMethods->xWrite(real(base), page, size, offset);
}

static int
page_close(sqlite3_file *base)
{
    struct file *file = file_of(base);

    if (file->partner)
        file->partner->partner = NULL;
    free(file->copy);
    return real(base)->pMethods->xClose(real(base));
}

/* ---- The log --------------------------------------------------------------------------------------- */

static int
log_read(sqlite3_file *base, void *data, int size, sqlite3_int64 offset)
{
    return store_log_read(&file_of(base)->log, data, size, offset);
}

static int
log_write(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset)
{
    return store_log_write(&file_of(base)->log, data, size, offset);
}

static int
log_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    return store_log_truncate(&file_of(base)->log, size);
}

static int
log_sync(sqlite3_file *base, int flags)
{
    return store_log_sync(&file_of(base)->log, flags);
}

static int
log_size(sqlite3_file *base, sqlite3_int64 *size_out)
{
    int64_t size = 0;
    const int code = store_log_size(&file_of(base)->log, &size);

    *size_out = size;
    return code;
}

static int
log_close(sqlite3_file *base)
{
    struct file *file = file_of(base);

    if (file->partner)
        file->partner->partner = NULL;
    store_log_fini(&file->log);
    return real(base)->pMethods->xClose(real(base));
}

/* ---- What is passed on ----------------------------------------------------------------------------- */

static int
pass_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    return real(base)->pMethods->xTruncate(real(base), size);
}

static int
pass_sync(sqlite3_file *base, int flags)
{
    return real(base)->pMethods->xSync(real(base), flags);
}

static int
pass_size(sqlite3_file *base, sqlite3_int64 *size_out)
{
    return real(base)->pMethods->xFileSize(real(base), size_out);
}

static int
pass_lock(sqlite3_file *base, int level)
{
    return real(base)->pMethods->xLock(real(base), level);
}

static int
pass_unlock(sqlite3_file *base, int level)
{
    return real(base)->pMethods->xUnlock(real(base), level);
}

static int
pass_check_lock(sqlite3_file *base, int *held_out)
{
    return real(base)->pMethods->xCheckReservedLock(real(base), held_out);
}

static int
pass_sector_size(sqlite3_file *base)
{
    return real(base)->pMethods->xSectorSize(real(base));
}

static int
pass_characteristics(sqlite3_file *base)
{
    return real(base)->pMethods->xDeviceCharacteristics(real(base));
}

static int
control(sqlite3_file *base, int code, void *arg)
{
    if (code != CONTROL)
        return real(base)->pMethods->xFileControl(real(base), code, arg);
    *(struct file **)arg = file_of(base);
    return SQLITE_OK;
}

static int
shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **memory_out)
{
    return real(base)->pMethods->xShmMap(real(base), region, size, extend, memory_out);
}

static int
shm_lock(sqlite3_file *base, int first, int count, int flags)
{
    const int code = real(base)->pMethods->xShmLock(real(base), first, count, flags);

    if (first == WRITE_LOCK && (flags & SQLITE_SHM_EXCLUSIVE) && code == SQLITE_OK &&
        file_of(base)->partner)
        store_log_forget(&file_of(base)->partner->log);
    return code;
}

static void
shm_barrier(sqlite3_file *base)
{
    if (file_of(base)->partner)
        store_log_publish(&file_of(base)->partner->log);
    real(base)->pMethods->xShmBarrier(real(base));
}

static int
shm_unmap(sqlite3_file *base, int erase)
{
    return real(base)->pMethods->xShmUnmap(real(base), erase);
}

/* Version 2: xFetch, which maps the file, is 3. */
static const sqlite3_io_methods page_methods = {
    .iVersion = 2,
    .xClose = page_close,
    .xRead = page_read,
    .xWrite = page_write,
    .xTruncate = pass_truncate,
    .xSync = pass_sync,
    .xFileSize = pass_size,
    .xLock = pass_lock,
    .xUnlock = pass_unlock,
    .xCheckReservedLock = pass_check_lock,
    .xFileControl = control,
    .xSectorSize = pass_sector_size,
    .xDeviceCharacteristics = pass_characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = pass_lock,
    .xUnlock = pass_unlock,
    .xCheckReservedLock = pass_check_lock,
    .xFileControl = control,
    .xSectorSize = pass_sector_size,
    .xDeviceCharacteristics = pass_characteristics,
};

/* ---- The VFS --------------------------------------------------------------------------------------- */

/* The database that a log belongs to; NULL: SQLite has it open by another VFS. */
static struct file *
database_of(const char *log_path)
{
    sqlite3_file *base = sqlite3_database_file_object(log_path);

    return base->pMethods == &page_methods ? file_of(base) : NULL;
}

static int
vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *flags_out)
{
    struct file *file = file_of(base);
    int code;

    /* The room is enough for the VFS below alone, too. */
    if (!(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
        return below(vfs)->xOpen(below(vfs), path, base, flags, flags_out);
    *file = (struct file){.real = (sqlite3_file *)(file + 1)};
    code = below(vfs)->xOpen(below(vfs), path, file->real, flags, flags_out);
    if (code != SQLITE_OK) {
        /* With methods it would be closed by SQLite. */
        if (file->real->pMethods)
            file->real->pMethods->xClose(file->real);
        return code;
    }
    base->pMethods = flags & SQLITE_OPEN_WAL ? &log_methods : &page_methods;
    if (flags & SQLITE_OPEN_WAL) {
        store_log_init(&file->log, file->real);
        file->partner = database_of(path);
        if (file->partner)
            file->partner->partner = file;
    }
    return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    return below(vfs)->xDelete(below(vfs), path, sync);
}

static int
vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *result_out)
{
    return below(vfs)->xAccess(below(vfs), path, flags, result_out);
}

static int
vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *path_out)
{
    return below(vfs)->xFullPathname(below(vfs), path, size, path_out);
}

static int
vfs_random(sqlite3_vfs *vfs, int size, char *bytes_out)
{
    return below(vfs)->xRandomness(below(vfs), size, bytes_out);
}

static int
vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    return below(vfs)->xSleep(below(vfs), microseconds);
}

static int
vfs_time(sqlite3_vfs *vfs, double *days_out)
{
    return below(vfs)->xCurrentTime(below(vfs), days_out);
}

static int
vfs_last_error(sqlite3_vfs *vfs, int size, char *text_out)
{
    return below(vfs)->xGetLastError(below(vfs), size, text_out);
}

const char *
store_vfs_name(const char *name_below)
{
    sqlite3_vfs *under = sqlite3_vfs_find(name_below), *known;
    char name[NAME_BYTES];
    struct vfs *vfs;

    if (!under)
        return NULL;
    snprintf(name, sizeof(name), "sotto-%s", under->zName);
    known = sqlite3_vfs_find(name);
    if (known)
        return known->zName;
    vfs = calloc(1, sizeof(*vfs));
    if (!vfs)
        return NULL;
    memcpy(vfs->name, name, sizeof(name));
    vfs->base = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(struct file) + under->szOsFile,
        .mxPathname = under->mxPathname,
        .zName = vfs->name,
        .pAppData = under,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
    };
    /* SQLite's list holds it from now on, as long as the process lives. */
    if (sqlite3_vfs_register(&vfs->base, 0) != SQLITE_OK) {
        free(vfs);
        return NULL;
    }
    return vfs->name;
}

/* ---- Connections ----------------------------------------------------------------------------------- */

/* NULL: it was opened by another VFS, or has no file. */
static struct file *
database_file(sqlite3 *db)
{
    struct file *file = NULL;

    return sqlite3_file_control(db, "main", CONTROL, &file) == SQLITE_OK ? file : NULL;
}

int
store_vfs_reserve(sqlite3 *db)
{
    struct file *file = database_file(db);
    sqlite3_int64 size = 0;
    int bytes = PAGE_SUM_BYTES;

    /* A cache that overflows writes other pages before the first. */
    if (file && pass_size(&file->base, &size) == SQLITE_OK && size == 0)
        file->has_sums = file->is_new = true;
    return sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes);
}

bool
store_vfs_has_sums(sqlite3 *db)
{
    const struct file *file = database_file(db);

    return file && file->has_sums;
}

bool
store_vfs_damage(sqlite3 *db, char sentence_out[STORE_VFS_SENTENCE_MAX])
{
    const struct file *file = database_file(db);
    const uint32_t in_log = file && file->partner ? file->partner->log.damaged_page : 0;

    if (!file || (!file->damaged_page && !in_log))
        return false;
    snprintf(sentence_out, STORE_VFS_SENTENCE_MAX, "page %u%s is not as it was written",
             in_log ? in_log : file->damaged_page, in_log ? " in the log" : "");
    return true;
}
