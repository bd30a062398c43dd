/* SPDX-License-Identifier: MIT */
/* The power-cut VFS: see crash_vfs.h. One list of files for the process, because SQLite's VFS list is one. */
#include "crash_vfs.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 8
#define SECTOR_BYTES 512

/* A write (data) or a truncation (data NULL) since the last sync. */
struct operation {
    int64_t offset;
    int64_t size;
    uint8_t *data;
};

struct tracked {
    char path[512];
    uint8_t *image; /* as of the last sync */
    int64_t image_size;
    struct operation *operations;
    size_t count, capacity;
};

struct crash_file {
    sqlite3_file base;
    struct tracked *tracked; /* NULL: a file that is not followed */
    sqlite3_file *real;
};

struct crash_vfs {
    pthread_mutex_t lock;
    struct tracked files[FILES_MAX];
    crash_vfs_hook_fn *hook;
    void *hook_arg;
    atomic_uint_fast64_t operations;
    sqlite3_vfs *real;
    sqlite3_vfs vfs;
};

static struct crash_vfs crash = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *
must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

/* Grows or cuts an image; new bytes are zero. */
static void
image_resize(uint8_t **image, int64_t *size, int64_t wanted)
{
    *image = must(realloc(*image, (size_t)wanted + 1));
    if (wanted > *size)
        memset(*image + *size, 0, (size_t)(wanted - *size));
    *size = wanted;
}

static void
image_apply(uint8_t **image, int64_t *size, const struct operation *op, int64_t bytes)
{
    if (op->data == NULL) {
        if (op->offset < *size)
            image_resize(image, size, op->offset);
        return;
    }
    if (op->offset + bytes > *size)
        image_resize(image, size, op->offset + bytes);
    memcpy(*image + op->offset, op->data, (size_t)bytes);
}

static void
operations_clear(struct tracked *tracked)
{
    for (size_t i = 0; i < tracked->count; i++)
        free(tracked->operations[i].data);
    tracked->count = 0;
}

static void
tracked_clear(struct tracked *tracked)
{
    operations_clear(tracked);
    free(tracked->operations);
    free(tracked->image);
    memset(tracked, 0, sizeof(*tracked));
}

static void
remember(struct tracked *tracked, int64_t offset, const void *data, int64_t size)
{
    struct operation *op;

    pthread_mutex_lock(&crash.lock);
    if (tracked->count == tracked->capacity) {
        tracked->capacity = tracked->capacity ? 2 * tracked->capacity : 64;
        tracked->operations =
            must(realloc(tracked->operations, tracked->capacity * sizeof(*tracked->operations)));
    }
    op = &tracked->operations[tracked->count++];
    *op = (struct operation){.offset = offset, .size = size};
    if (data != NULL) {
        op->data = must(malloc((size_t)size + 1));
        memcpy(op->data, data, (size_t)size);
    }
    pthread_mutex_unlock(&crash.lock);
}

/* What reached the file is on the disk now. */
static void
synced(struct tracked *tracked)
{
    pthread_mutex_lock(&crash.lock);
    for (size_t i = 0; i < tracked->count; i++)
        image_apply(&tracked->image, &tracked->image_size, &tracked->operations[i],
                    tracked->operations[i].size);
    operations_clear(tracked);
    pthread_mutex_unlock(&crash.lock);
}

/* What should have reached the disk is gone for good. */
static void
dropped(struct tracked *tracked)
{
    pthread_mutex_lock(&crash.lock);
    operations_clear(tracked);
    pthread_mutex_unlock(&crash.lock);
}

/* What the hook says: 0, or the code with which the operation fails. */
static int
ask_hook(const struct crash_file *file, enum crash_vfs_operation operation)
{
    if (file->tracked == NULL)
        return 0;
    if (operation != CRASH_VFS_READ)
        atomic_fetch_add(&crash.operations, 1);
    return crash.hook != NULL ? crash.hook(crash.hook_arg, operation) : 0;
}

/* ---- sqlite3_io_methods: followed operations, then plain passing on ---- */

#define REAL(file) (((struct crash_file *)(file))->real)

static int
file_write(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset)
{
    struct crash_file *file = (struct crash_file *)base;
    int result = ask_hook(file, CRASH_VFS_WRITE);

    if (result == SQLITE_OK)
        result = file->real->pMethods->xWrite(file->real, data, size, offset);
    if (result == SQLITE_OK && file->tracked != NULL)
        remember(file->tracked, offset, data, size);
    return result;
}

static int
file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct crash_file *file = (struct crash_file *)base;
    int result = ask_hook(file, CRASH_VFS_TRUNCATE);

    if (result == SQLITE_OK)
        result = file->real->pMethods->xTruncate(file->real, size);
    if (result == SQLITE_OK && file->tracked != NULL)
        remember(file->tracked, size, NULL, 0);
    return result;
}

/* The disk is the image: a real sync of the file below would only take its time. */
static int
file_sync(sqlite3_file *base, int flags)
{
    struct crash_file *file = (struct crash_file *)base;
    int result = ask_hook(file, CRASH_VFS_SYNC);

    (void)flags;
    if (file->tracked != NULL)
        (result == SQLITE_OK ? synced : dropped)(file->tracked);
    return result;
}

static int
file_close(sqlite3_file *base)
{
    struct crash_file *file = (struct crash_file *)base;
    int result = file->real->pMethods ? file->real->pMethods->xClose(file->real) : SQLITE_OK;

    base->pMethods = NULL;
    return result;
}

static int
file_read(sqlite3_file *base, void *data, int size, sqlite3_int64 offset)
{
    int result = ask_hook((struct crash_file *)base, CRASH_VFS_READ);

    return result != SQLITE_OK ? result
                               : REAL(base)->pMethods->xRead(REAL(base), data, size, offset);
}

static int
file_size(sqlite3_file *base, sqlite3_int64 *size_out)
{
    return REAL(base)->pMethods->xFileSize(REAL(base), size_out);
}

static int
file_lock(sqlite3_file *base, int level)
{
    return REAL(base)->pMethods->xLock(REAL(base), level);
}

static int
file_unlock(sqlite3_file *base, int level)
{
    return REAL(base)->pMethods->xUnlock(REAL(base), level);
}

static int
file_check_lock(sqlite3_file *base, int *held_out)
{
    return REAL(base)->pMethods->xCheckReservedLock(REAL(base), held_out);
}

static int
file_control(sqlite3_file *base, int code, void *arg)
{
    return REAL(base)->pMethods->xFileControl(REAL(base), code, arg);
}

static int
file_sector_size(sqlite3_file *base)
{
    return REAL(base)->pMethods->xSectorSize(REAL(base));
}

/* Nothing is promised: neither atomic writes nor that a file's size survives without its data. */
static int
file_characteristics(sqlite3_file *base)
{
    (void)base;
    return 0;
}

static int
file_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **memory_out)
{
    return REAL(base)->pMethods->xShmMap(REAL(base), region, size, extend, memory_out);
}

static int
file_shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
    return REAL(base)->pMethods->xShmLock(REAL(base), offset, count, flags);
}

static void
file_shm_barrier(sqlite3_file *base)
{
    REAL(base)->pMethods->xShmBarrier(REAL(base));
}

static int
file_shm_unmap(sqlite3_file *base, int remove)
{
    return REAL(base)->pMethods->xShmUnmap(REAL(base), remove);
}

static const sqlite3_io_methods crash_methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- sqlite3_vfs ---- */

/* What a file holds that was there before it was followed is on the disk. */
static void
take_image(struct tracked *tracked)
{
    FILE *file = fopen(tracked->path, "rb");
    long size = -1;

    if (file != NULL && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size > 0) {
        image_resize(&tracked->image, &tracked->image_size, size);
        rewind(file);
        tracked->image_size = (int64_t)fread(tracked->image, 1, (size_t)size, file);
    }
    if (file != NULL)
        fclose(file);
}

static struct tracked *
track(const char *path)
{
    struct tracked *found = NULL;

    pthread_mutex_lock(&crash.lock);
    for (size_t i = 0; i < FILES_MAX && found == NULL; i++)
        if (strcmp(crash.files[i].path, path) == 0)
            found = &crash.files[i];
    for (size_t i = 0; i < FILES_MAX && found == NULL; i++)
        if (crash.files[i].path[0] == '\0') {
            found = &crash.files[i];
            snprintf(found->path, sizeof(found->path), "%s", path);
            take_image(found);
        }
    pthread_mutex_unlock(&crash.lock);
    assert(found != NULL);
    return found;
}

static int
vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *flags_out)
{
    struct crash_file *file = (struct crash_file *)base;
    int result;

    (void)vfs;
    file->real = (sqlite3_file *)(file + 1);
    file->tracked = NULL;
    result = crash.real->xOpen(crash.real, path, file->real, flags, flags_out);
    base->pMethods = file->real->pMethods != NULL ? &crash_methods : NULL;
    if (result == SQLITE_OK && path != NULL && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
        file->tracked = track(path);
    return result;
}

/* Deleting a WAL is modelled as done at once: SQLite only deletes it after a synced checkpoint. */
static int
vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    (void)vfs;
    pthread_mutex_lock(&crash.lock);
    for (size_t i = 0; i < FILES_MAX; i++)
        if (strcmp(crash.files[i].path, path) == 0)
            tracked_clear(&crash.files[i]);
    pthread_mutex_unlock(&crash.lock);
    return crash.real->xDelete(crash.real, path, sync_folder);
}

void
crash_vfs_register(crash_vfs_hook_fn *hook, void *arg)
{
    crash.hook = hook;
    crash.hook_arg = arg;
    if (crash.real != NULL)
        return;
    crash.real = sqlite3_vfs_find(NULL);
    crash.vfs = *crash.real;
    crash.vfs.pNext = NULL;
    crash.vfs.zName = "crash";
    crash.vfs.szOsFile = (int)sizeof(struct crash_file) + crash.real->szOsFile;
    crash.vfs.xOpen = vfs_open;
    crash.vfs.xDelete = vfs_delete;
    sqlite3_vfs_register(&crash.vfs, 0);
}

/* ---- Snapshots ---- */

/* xorshift64*: a choice that a seed repeats. */
static uint64_t
draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static int
snapshot_file(const struct tracked *tracked, const char *folder, uint64_t *random)
{
    const char *base = strrchr(tracked->path, '/');
    int64_t size = tracked->image_size;
    uint8_t *image = must(malloc((size_t)size + 1));
    char path[1024];
    FILE *out;
    bool written;

    if (size > 0)
        memcpy(image, tracked->image, (size_t)size);
    for (size_t i = 0; i < tracked->count; i++) {
        const struct operation *op = &tracked->operations[i];
        int64_t bytes = op->size;

        switch (draw(random) % 4) {
        case 0: /* lost */ continue;
        case 1: /* torn */
            bytes = (int64_t)(draw(random) % (uint64_t)(bytes / SECTOR_BYTES + 1)) * SECTOR_BYTES;
            break;
        default: /* reached the disk although nobody asked */ break;
        }
        image_apply(&image, &size, op, bytes);
    }
    snprintf(path, sizeof(path), "%s/%s", folder, base != NULL ? base + 1 : tracked->path);
    out = fopen(path, "wb");
    written = out != NULL && fwrite(image, 1, (size_t)size, out) == (size_t)size;
    if (out != NULL && fclose(out) != 0)
        written = false;
    free(image);
    return written ? 0 : -1;
}

int
crash_vfs_snapshot(const char *folder, uint64_t seed)
{
    uint64_t random = seed * 2 + 1;
    int result = 0;
    int pending = 0;

    pthread_mutex_lock(&crash.lock);
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (crash.files[i].path[0] == '\0')
            continue;
        pending += (int)crash.files[i].count;
        if (snapshot_file(&crash.files[i], folder, &random) != 0)
            result = -1;
    }
    pthread_mutex_unlock(&crash.lock);
    return result == 0 ? pending : -1;
}

uint64_t
crash_vfs_operations(void)
{
    return atomic_load(&crash.operations);
}

void
crash_vfs_reset(void)
{
    pthread_mutex_lock(&crash.lock);
    for (size_t i = 0; i < FILES_MAX; i++)
        tracked_clear(&crash.files[i]);
    pthread_mutex_unlock(&crash.lock);
}
