/* SPDX-License-Identifier: MIT */
/* See store_vfs_log.h. Offsets and sizes of the log: sqlite.org/fileformat2.html, section 4. */
#include "core/store_vfs_log.h"

#include "core/wal.h"

#include <stdlib.h>
#include <string.h>

#define CALL_BYTES_MAX 131071 /* of one call: SQLite's unix VFS cuts what is longer short */
#define SURE INT64_MAX

void
store_log_init(struct store_log *log, sqlite3_file *real)
{
    *log = (struct store_log){.real = real, .unsure_at = SURE};
}

void
store_log_fini(struct store_log *log)
{
    free(log->buffer);
    free(log->scratch);
    *log = (struct store_log){0};
}

/* ---- Writing --------------------------------------------------------------------------------------- */

static int
put(struct store_log *log, const void *data, int size, int64_t offset)
{
    log->failed = log->real->pMethods->xWrite(log->real, data, size, offset);
    return log->failed;
}

static int
flush(struct store_log *log)
{
    const int count = (int)log->count;

    log->count = 0;
    if (log->failed || count == 0)
        return log->failed;
    return put(log, log->buffer, count, log->at);
}

/* A page of a frame is written right behind the frame's header. Alone it takes the place of one that the same
 * transaction wrote before, and the checksums from there on are wrong until SQLite has gone over them, before its
 * sync. */
static void
note_write(struct store_log *log, int size, int64_t offset)
{
    if (offset != log->end && wal_is_page(size, offset) && offset < log->unsure_at)
        log->unsure_at = offset;
    log->end = offset + size;
}

int
store_log_write(struct store_log *log, const void *data, int size, int64_t offset)
{
    const bool continues = log->count > 0 && offset == log->at + (int64_t)log->count;

    note_write(log, size, offset);
    if ((!continues || log->count + (size_t)size > CALL_BYTES_MAX) && flush(log) != SQLITE_OK)
        return log->failed;
    if (log->failed)
        return log->failed;
    if (!log->buffer)
        log->buffer = malloc(CALL_BYTES_MAX);
    if (!log->buffer || size > CALL_BYTES_MAX || log->is_synced)
        return put(log, data, size, offset);
    if (log->count == 0)
        log->at = offset;
    memcpy(log->buffer + log->count, data, (size_t)size);
    log->count += (size_t)size;
    return SQLITE_OK;
}

int
store_log_sync(struct store_log *log, int flags)
{
    int code = flush(log);

    if (code == SQLITE_OK)
        code = log->real->pMethods->xSync(log->real, flags);
    if (code != SQLITE_OK)
        return code;
    log->unsure_at = SURE;
    log->is_synced = log->end > WAL_HEADER_BYTES;
    return SQLITE_OK;
}

int
store_log_truncate(struct store_log *log, int64_t size)
{
    const int code = flush(log);

    return code != SQLITE_OK ? code : log->real->pMethods->xTruncate(log->real, size);
}

int
store_log_size(struct store_log *log, int64_t *size_out)
{
    sqlite3_int64 size = 0;
    int code = flush(log);

    if (code == SQLITE_OK)
        code = log->real->pMethods->xFileSize(log->real, &size);
    *size_out = size;
    return code;
}

void
store_log_publish(struct store_log *log)
{
    if (log->count > 0 && flush(log) != SQLITE_OK)
        log->failed_for_good = true;
}

void
store_log_forget(struct store_log *log)
{
    log->count = 0;
    log->unsure_at = SURE;
    log->is_synced = false;
    if (!log->failed_for_good)
        log->failed = 0;
}

/* ---- Reading --------------------------------------------------------------------------------------- */

static bool
make_scratch(struct store_log *log, size_t bytes)
{
    if (log->scratch_bytes < bytes) {
        free(log->scratch);
        log->scratch = malloc(bytes);
        log->scratch_bytes = log->scratch ? bytes : 0;
    }
    return log->scratch != NULL;
}

/* Reads a page together with what its checksum covers and continues. Pages of 64 KiB, of which that is too much, go
 * unchecked: the server makes pages of 4 KiB. */
static int
read_page(struct store_log *log, void *data, int size, int64_t offset)
{
    const struct wal_frame_place place = wal_frame_place(size, offset);
    int code;

    if (place.bytes > CALL_BYTES_MAX)
        return log->real->pMethods->xRead(log->real, data, size, offset);
    if (!make_scratch(log, place.bytes))
        return SQLITE_IOERR_NOMEM;
    code = log->real->pMethods->xRead(log->real, log->scratch, (int)place.bytes, place.offset);
    if (code != SQLITE_OK)
        return code;
    if (!wal_frame_is_sound(log->scratch, &place)) {
        log->damaged_page = wal_frame_page(log->scratch, &place);
        return SQLITE_IOERR_DATA;
    }
    memcpy(data, log->scratch + place.bytes - (size_t)size, (size_t)size);
    return SQLITE_OK;
}

int
store_log_read(struct store_log *log, void *data, int size, int64_t offset)
{
    const int code = flush(log);

    if (code != SQLITE_OK)
        return code;
    if (wal_is_page(size, offset) && offset < log->unsure_at)
        return read_page(log, data, size, offset);
    return log->real->pMethods->xRead(log->real, data, size, offset);
}
