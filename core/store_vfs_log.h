/* SPDX-License-Identifier: MIT */
/*
 * The log's side of the store's VFS (store_vfs.h): an open -wal file whose writes are collected.
 *
 * SQLite appends a frame with two writes, 24 bytes and a page. Here they go into a buffer, which is written when SQLite
 * syncs the log, reads it, cuts it or asks for its size, when the next write does not continue it, and when it is full.
 *
 * Why that is sound: with synchronous = FULL a commit syncs the log before it tells other connections of the new
 * frames, so the writes that it made have happened, in their order, or the sync has failed and the transaction is
 * rolled back. What others may read of the log never lies in the buffer. With less than FULL the barrier before the
 * telling writes the buffer out, too. A write that fails later than SQLite made it fails everything that follows in
 * the same transaction, so that no commit passes over it; both the failure and what is left in the buffer end with
 * the lock of writers, since from then on the same place in the log is another's.
 */
#ifndef CORE_STORE_VFS_LOG_H
#define CORE_STORE_VFS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

struct store_log {
    sqlite3_file *real; /* borrowed */
    uint8_t *buffer;    /* made at the first write */
    size_t count;       /* bytes in it */
    int64_t at;         /* where in the file they belong */
    int64_t end;        /* of the last write */
    int64_t unsure_at;  /* frames from here on have no good checksum before the next sync */
    uint8_t *scratch;   /* two frames; made at the first read of a page */
    size_t scratch_bytes;
    bool is_synced;        /* frames of this transaction are on the disk */
    int failed;            /* SQLite's code of a write that failed, 0: none has */
    bool failed_for_good;  /* the failed frames were told of */
    uint32_t damaged_page; /* of which the log holds a damaged frame; 0: none was met */
};

void store_log_init(struct store_log *, sqlite3_file *real);
void store_log_fini(struct store_log *);
/* As the methods of the same name of sqlite3_io_methods. */
int store_log_read(struct store_log *, void *data, int size, int64_t offset);
int store_log_write(struct store_log *, const void *data, int size, int64_t offset);
int store_log_truncate(struct store_log *, int64_t size);
int store_log_sync(struct store_log *, int flags);
int store_log_size(struct store_log *, int64_t *size_out);
/* Before other connections are told of new frames. */
void store_log_publish(struct store_log *);
/* The lock of writers is taken or given back: nothing of an earlier transaction counts any more. */
void store_log_forget(struct store_log *);

#endif
