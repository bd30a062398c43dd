/* SPDX-License-Identifier: MIT */
/*
 * What stands between SQLite and its own VFS, for the server's database and its log:
 *
 *     the file   each page gets a checksum when it is written and is checked when it is read (page_sum.h)
 *     the log    a frame's checksum, which SQLite looks at only when it recovers, is checked at each read of a page; and
 *                what a transaction appends is collected and handed to the kernel in one write (store_vfs_log.c)
 *
 * Damage is answered with SQLITE_IOERR_DATA, and store_vfs_damage says where. Journals and temporary files go to
 * the VFS below untouched. The file stays one that every SQLite reads; one that writes leaves pages behind whose
 * sums are wrong. There is no mapping of the file into memory, since pages would come past the check.
 *
 * A connection is used by one thread at a time.
 */
#ifndef CORE_STORE_VFS_H
#define CORE_STORE_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#define STORE_VFS_SENTENCE_MAX 96

/* The name to open a database with: this VFS over the one called below (NULL: SQLite's preset). It is registered
 * at the first call and stays; not from two threads at once. NULL: there is no such VFS below, or no memory. */
const char *store_vfs_name(const char *below);
/* Makes a file that is still empty, or the next VACUUM, reserve the room for sums. Before anything else is done with
 * the connection. An SQLite code. */
int store_vfs_reserve(sqlite3 *);
/* Whether the pages of the file have sums; false for a connection of another VFS. */
bool store_vfs_has_sums(sqlite3 *);
/* Where the connection last met damage, as a sentence without its subject: "page 7 is not as it was written";
 * false: it met none. */
bool store_vfs_damage(sqlite3 *, char sentence_out[STORE_VFS_SENTENCE_MAX]);

#endif
