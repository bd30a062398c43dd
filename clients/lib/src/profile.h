/* SPDX-License-Identifier: MIT */
/*
 * A profile: a folder of mode 0700 with the key file, a lock file and a SQLite database whose
 * values are sealed (vault.h). What must be searched or counted (ids, sequence numbers, times)
 * stands beside them in the clear.
 *
 * Several processes use a profile at a time, each taking the lock for one operation: profile_begin
 * takes the lock and opens a transaction, profile_commit or profile_rollback ends both. Between two
 * operations everything in memory may be out of date, so nothing is kept there.
 */
#ifndef CLIENT_PROFILE_H
#define CLIENT_PROFILE_H

#include "fail.h"
#include "mem.h"
#include "vault.h"

#include <sqlite3.h>

struct profile {
    sqlite3 *db;
    struct vault vault;
    int dir_fd;
    int lock_fd;
    unsigned locked; /* depth: a lock taken twice is released by the second unlock */
};

/* Opens the folder, making it if need be, and brings the database to the present schema. End with
 * profile_fini, which accepts a zeroed struct with both descriptors at -1. */
int profile_init(struct profile *profile, const char *folder, const char *passphrase,
                 struct sotto_client_error *error);
void profile_fini(struct profile *profile);

/* Takes everything that the profile holds away: its database, then its key, without which a copy of the database is
 * worth nothing. Folder and lock stay. Only profile_fini may follow. */
int profile_wipe(struct profile *profile, struct sotto_client_error *error);

/* Takes the lock of the profile, waiting up to 30 s for another process; may be nested. */
int profile_lock(struct profile *profile, struct sotto_client_error *error);
void profile_unlock(struct profile *profile);

/* Lock and transaction. Not nested. profile_commit is durable when it returns 0; when it fails
 * nothing of the transaction happened. Both end the lock that begin took. */
int profile_begin(struct profile *profile, struct sotto_client_error *error);
int profile_commit(struct profile *profile, struct sotto_client_error *error);
void profile_rollback(struct profile *profile);

/* profile_commit for status 0, else profile_rollback; returns the first status that is not 0. */
int profile_end(struct profile *profile, int status, struct sotto_client_error *error);

/* ---- statements ------------------------------------------------------------------------------ */

/* A value for a statement. Blobs and texts are borrowed until the statement has run. */
struct bind {
    enum { BIND_INT, BIND_BLOB, BIND_TEXT } kind;
    int64_t number;
    const void *data;
    size_t len;
};
static inline struct bind
bind_int(int64_t number)
{
    return (struct bind){.kind = BIND_INT, .number = number};
}
static inline struct bind
bind_blob(const void *data, size_t len)
{
    return (struct bind){.kind = BIND_BLOB, .data = data, .len = len};
}
static inline struct bind
bind_text(const char *text)
{
    return (struct bind){.kind = BIND_TEXT, .data = text};
}
/* An array of binds and its length, as two arguments. */
#define BINDS(...)                      \
    (const struct bind[]){__VA_ARGS__}, \
        sizeof((const struct bind[]){__VA_ARGS__}) / sizeof(struct bind)

/* Prepares a statement with its values; step it with query_step, end it with sqlite3_finalize. */
int query(struct profile *profile, sqlite3_stmt **statement_out, struct sotto_client_error *error,
          const char *sql, const struct bind *binds, size_t count);

/* 1: a row; 0: no more; or an error. */
int query_step(struct profile *profile, sqlite3_stmt *statement, struct sotto_client_error *error);

/* Runs a statement that gives no rows. */
int query_run(struct profile *profile, struct sotto_client_error *error, const char *sql,
              const struct bind *binds, size_t count);

/* Runs a statement that gives one number; value_out is unchanged when there is no row or NULL. */
int query_number(struct profile *profile, int64_t *value_out, struct sotto_client_error *error,
                 const char *sql, const struct bind *binds, size_t count);

/* Opens the sealed blob in a column of the present row. A value that does not open is an error:
 * somebody changed the file. NULL gives an empty buffer. */
int query_unseal(struct profile *profile, sqlite3_stmt *statement, int column,
                 struct vault_place place, struct buf *out, struct sotto_client_error *error);

/* Copies an id of SOTTO_CLIENT_ID_BYTES from a column; zeros when it is no such blob. */
void query_id(sqlite3_stmt *statement, int column, uint8_t out[SOTTO_CLIENT_ID_BYTES]);

/* ---- single values --------------------------------------------------------------------------- */

/* Reads the sealed value of a name in the table meta; empty when there is none. */
int meta_get(struct profile *profile, const char *name, struct buf *out,
             struct sotto_client_error *error);
int meta_set(struct profile *profile, const char *name, const void *data, size_t len,
             struct sotto_client_error *error);

/* Counts up a number kept under a name and gives the new one (from 1). Inside a transaction. */
int meta_next(struct profile *profile, const char *name, uint64_t *number_out,
              struct sotto_client_error *error);

#endif
