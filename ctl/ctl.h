/* SPDX-License-Identifier: MIT */
/* The commands of sottoctl. Each returns the exit code: 0, 1 with a line on stderr that names the cure. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>

#include <sqlite3.h>

#define CTL_PATH_MAX 4096

/* Whether the database holds together. Beside a running server, too. */
int db_check(const char *path);
/* A copy as of now, whole and sound, in a new file. Beside a running server, too. */
int db_backup(const char *path, const char *copy);
/* What undamaged pages hold, in a new file. like: NULL, or an intact database of the same version. */
int db_recover(const char *path, const char *like, const char *copy);

/* Whether there is a file that could be a database; says why not, and how to name another one. */
bool db_is_file(const char *path);
/* A new file is written under another name until it is whole. partial_out: CTL_PATH_MAX bytes. 0 or 1. */
int db_copy_begin(const char *copy, char *partial_out);
int db_copy_end(const char *copy, const char *partial);
/* A new database, whose pages get checksums or not; SQLite's code. */
int db_create(const char *partial, bool sums, sqlite3 **db_out);
/* Says what SQLite says; returns 1. */
int db_fail(sqlite3 *db, const char *path);
/* PRAGMA integrity_check; complaints go to stderr, the first few. 0: none. */
int db_integrity(sqlite3 *db, const char *path);

#endif
