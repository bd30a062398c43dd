/* SPDX-License-Identifier: MIT */
/*
 * The store as a module sees it: sotto.db/1.
 *
 * A module declares its tables in numbered migrations and its SQL in a static table of statements, prepared
 * once. Work that must be durable is a write: tx_fn runs on the writer thread inside the current group
 * transaction, and done runs on the logic thread after the COMMIT reached the disk, in commit order. tx_fn touches
 * only its transaction, its argument and the module's writer cache, calls no other host function and does no
 * public-key cryptography. A negative result of tx_fn undoes what it wrote, alone, and is handed to done as
 * status. The writer cache is not undone with it, so a tx_fn changes it last, after its statements have succeeded.
 * tx_fn may run again, from the argument as it was given: after a job of the same transaction was refused when it
 * had already written, so refuse first and write then.
 *
 * SQL is the subset that SQLite and PostgreSQL share: `?` parameters, ON CONFLICT, RETURNING, no SQLite-only
 * functions, no rowid. Table names start with <module>_; an authorizer refuses those of others.
 */
#ifndef SOTTO_DB_H
#define SOTTO_DB_H

#include "sotto/types.h"

struct sotto_db_api;

/* A transaction; the host's part follows. */
struct sotto_tx {
    const struct sotto_db_api *api;
};

/* A prepared statement inside a transaction; the host's part follows. */
struct sotto_stmt {
    const struct sotto_db_api *api;
};

typedef int sotto_tx_fn(struct sotto_tx *, void *arg);
/* arg is the copy that tx_fn worked on; it is freed when done returns. status: what tx_fn returned, or
 * SOTTO_EIO / SOTTO_EUNAVAILABLE when the transaction could not be made durable. */
typedef void sotto_db_done_fn(void *state, int status, void *arg);

struct sotto_migration_row {
    uint32_t number; /* 1, 2, 3 … without gaps */
    const char *name;
    const char *sql; /* several statements; run in one transaction with the record of it */
};

struct sotto_stmt_row {
    const char *sql;
};

/* Optional: state of the module on the writer thread, for heads that are read from the disk once and
 * written once a transaction however many jobs touched them. */
struct sotto_writer {
    int (*open)(struct sotto_tx *, void **cache_out); /* once, before the first job */
    int (*flush)(struct sotto_tx *, void *cache); /* before COMMIT, when a job of the module ran */
    void (*discard)(void *cache);                 /* after a rollback: forget what is not on disk */
    void (*close)(void *cache);                   /* at the end; NULL-safe */
};

enum sotto_step {
    SOTTO_DONE = 0, /* no (further) row */
    SOTTO_ROW = 1,
};

/* sotto.db/1. write and read: logic thread. The rest: inside tx_fn (and writer functions) only. */
struct sotto_db_api {
    uint32_t struct_size;
    /* Queues a job; arg_size bytes of arg are copied. SOTTO_EUNAVAILABLE: the queue is full or the store's
     * breaker is open; done is then not called. */
    int (*write)(struct sotto_host *, sotto_tx_fn *, const void *arg, size_t arg_size,
                 sotto_db_done_fn *);
    /* The same on a reader thread, on a snapshot at least as new as the last write whose done ran. */
    int (*read)(struct sotto_host *, sotto_tx_fn *, const void *arg, size_t arg_size,
                sotto_db_done_fn *);

    /* Returns statement number index of the module's table, reset, without bindings. */
    struct sotto_stmt *(*stmt)(struct sotto_tx *, uint32_t index);
    /* Positions start at 1. Bytes and text are borrowed until step. */
    void (*bind_int)(struct sotto_stmt *, int position, int64_t value);
    void (*bind_blob)(struct sotto_stmt *, int position, const void *data, size_t size);
    void (*bind_text)(struct sotto_stmt *, int position, const char *text);
    void (*bind_null)(struct sotto_stmt *, int position);
    /* SOTTO_ROW, SOTTO_DONE, SOTTO_ECONSTRAINT (unique, foreign key, check) or SOTTO_EIO. */
    int (*step)(struct sotto_stmt *);
    /* Columns start at 0. Bytes and text are borrowed until the next step or reset; text is NULL for NULL. */
    int64_t (*col_int)(struct sotto_stmt *, int column);
    struct sotto_view (*col_blob)(struct sotto_stmt *, int column);
    const char *(*col_text)(struct sotto_stmt *, int column);
    /* Rows changed by the last statement. */
    int64_t (*changes)(struct sotto_tx *);
    /* Zeroed memory that lives until done returns; NULL over 32 MiB a job. */
    void *(*alloc)(struct sotto_tx *, size_t size);
    /* What the module's sotto_writer.open made; NULL on reader threads. */
    void *(*cache)(struct sotto_tx *);
    /* The transaction's wall clock in milliseconds since 1970. */
    int64_t (*now_ms)(struct sotto_tx *);
};

static inline struct sotto_stmt *
sotto_stmt(struct sotto_tx *tx, uint32_t index)
{
    return tx->api->stmt(tx, index);
}

static inline void
sotto_bind_int(struct sotto_stmt *stmt, int position, int64_t value)
{
    stmt->api->bind_int(stmt, position, value);
}

static inline void
sotto_bind_blob(struct sotto_stmt *stmt, int position, const void *data, size_t size)
{
    stmt->api->bind_blob(stmt, position, data, size);
}

static inline void
sotto_bind_text(struct sotto_stmt *stmt, int position, const char *text)
{
    stmt->api->bind_text(stmt, position, text);
}

static inline void
sotto_bind_null(struct sotto_stmt *stmt, int position)
{
    stmt->api->bind_null(stmt, position);
}

static inline int
sotto_step(struct sotto_stmt *stmt)
{
    return stmt->api->step(stmt);
}

static inline int64_t
sotto_col_int(struct sotto_stmt *stmt, int column)
{
    return stmt->api->col_int(stmt, column);
}

static inline struct sotto_view
sotto_col_blob(struct sotto_stmt *stmt, int column)
{
    return stmt->api->col_blob(stmt, column);
}

static inline const char *
sotto_col_text(struct sotto_stmt *stmt, int column)
{
    return stmt->api->col_text(stmt, column);
}

static inline void *
sotto_tx_alloc(struct sotto_tx *tx, size_t size)
{
    return tx->api->alloc(tx, size);
}

static inline void *
sotto_tx_cache(struct sotto_tx *tx)
{
    return tx->api->cache(tx);
}

#endif
