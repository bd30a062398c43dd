/* SPDX-License-Identifier: MIT */
/*
 * A SQLite VFS that knows what a power cut would leave behind.
 *
 * It passes everything to the default VFS and keeps, for each database and WAL file, two things: the image as of the
 * last xSync (at first, what was there), and the list of writes and truncations since. A snapshot is what the disk
 * could hold after a power cut at that moment: the image plus a random choice of the later operations in order, where a
 * chosen write may be torn at a sector boundary. kill -9 cannot show this, since the page cache survives it.
 *
 * A hook sees every operation before it is done and may fail it. After a failed xSync the image lacks what it should
 * have brought to the disk, and no later one brings it: so Linux does it, which drops the pages that it could
 * not write.
 *
 * Files are held in memory: for tests with databases of a few MiB. Thread-safe.
 */
#ifndef CRASH_VFS_H
#define CRASH_VFS_H

#include <stdint.h>

enum crash_vfs_operation { CRASH_VFS_READ, CRASH_VFS_WRITE, CRASH_VFS_TRUNCATE, CRASH_VFS_SYNC };

/* Called before every operation, on the thread that does it, without any lock held: the place to count and to take
 * snapshots. Returns 0, or an SQLite code with which the operation ends undone. */
typedef int crash_vfs_hook_fn(void *arg, enum crash_vfs_operation);

/* Registers the VFS under the name "crash" (once a process). hook may be NULL. */
void crash_vfs_register(crash_vfs_hook_fn *hook, void *arg);

/* Writes the files as a power cut could leave them into `folder` (which exists), each under its own base
 * name. The same seed makes the same choice. Returns how many operations were not yet synced, or -1. */
int crash_vfs_snapshot(const char *folder, uint64_t seed);

/* How many operations other than reads the hook has seen. */
uint64_t crash_vfs_operations(void);

/* Forgets all files; call it when no database is open. */
void crash_vfs_reset(void);

#endif
