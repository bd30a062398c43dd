/* SPDX-License-Identifier: MIT */
/* sotto.db/1 of the test host: what a transaction function may call, on the one connection of harness_db.c. */
#include "harness_internal.h"

#include <assert.h>

#define ALLOC_BYTES_MAX (32u * 1024 * 1024)

static struct sotto_stmt *
tx_stmt(struct sotto_tx *tx, uint32_t index)
{
    struct harness *h = ((struct harness_tx *)tx)->harness;
    struct harness_stmt *stmt;

    assert(index < h->module->statements.count);
    stmt = &h->db.statements[index];
    assert((!((struct harness_tx *)tx)->reader || sqlite3_stmt_readonly(stmt->sqlite)) &&
           "a read uses a statement that writes");
    sqlite3_reset(stmt->sqlite);
    sqlite3_clear_bindings(stmt->sqlite);
    return &stmt->stmt;
}

static sqlite3_stmt *
sqlite_of(struct sotto_stmt *stmt)
{
    return ((struct harness_stmt *)stmt)->sqlite;
}

static void
stmt_bind_int(struct sotto_stmt *stmt, int position, int64_t value)
{
    assert(sqlite3_bind_int64(sqlite_of(stmt), position, value) == SQLITE_OK);
}

static void
stmt_bind_blob(struct sotto_stmt *stmt, int position, const void *data, size_t size)
{
    /* Without a pointer SQLite would bind NULL; an empty blob is not NULL. */
    assert(sqlite3_bind_blob64(sqlite_of(stmt), position, data ? data : "", size, SQLITE_STATIC) ==
           SQLITE_OK);
}

static void
stmt_bind_text(struct sotto_stmt *stmt, int position, const char *text)
{
    assert(sqlite3_bind_text(sqlite_of(stmt), position, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

static void
stmt_bind_null(struct sotto_stmt *stmt, int position)
{
    assert(sqlite3_bind_null(sqlite_of(stmt), position) == SQLITE_OK);
}

static int
stmt_step(struct sotto_stmt *stmt)
{
    switch (sqlite3_step(sqlite_of(stmt))) {
    case SQLITE_ROW: return SOTTO_ROW;
    case SQLITE_DONE: return SOTTO_DONE;
    case SQLITE_CONSTRAINT: return SOTTO_ECONSTRAINT;
    default:
        fprintf(stderr, "# %s\n",
                sqlite3_errmsg(((struct harness_stmt *)stmt)->harness->db.sqlite));
        return SOTTO_EIO;
    }
}

static int64_t
stmt_col_int(struct sotto_stmt *stmt, int column)
{
    return sqlite3_column_int64(sqlite_of(stmt), column);
}

static struct sotto_view
stmt_col_blob(struct sotto_stmt *stmt, int column)
{
    const uint8_t *data = sqlite3_column_blob(sqlite_of(stmt), column);

    return (struct sotto_view){data, (size_t)sqlite3_column_bytes(sqlite_of(stmt), column)};
}

static const char *
stmt_col_text(struct sotto_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(sqlite_of(stmt), column);
}

static int64_t
tx_changes(struct sotto_tx *tx)
{
    return sqlite3_changes64(((struct harness_tx *)tx)->harness->db.sqlite);
}

static void *
tx_alloc(struct sotto_tx *tx, size_t size)
{
    struct harness_job *job = ((struct harness_tx *)tx)->job;

    assert(job && "writer functions keep their memory in the cache");
    if (size > ALLOC_BYTES_MAX || job->arena.used > ALLOC_BYTES_MAX - size)
        return NULL;
    return harness_arena_alloc(&job->arena, size);
}

static void *
tx_cache(struct sotto_tx *tx)
{
    return ((struct harness_tx *)tx)->reader ? NULL : ((struct harness_tx *)tx)->harness->db.cache;
}

static int64_t
tx_now_ms(struct sotto_tx *tx)
{
    return ((struct harness_tx *)tx)->harness->now_ms;
}

const struct sotto_db_api harness_db_api = {
    .struct_size = sizeof(harness_db_api),
    .write = harness_db_write,
    .read = harness_db_read,
    .stmt = tx_stmt,
    .bind_int = stmt_bind_int,
    .bind_blob = stmt_bind_blob,
    .bind_text = stmt_bind_text,
    .bind_null = stmt_bind_null,
    .step = stmt_step,
    .col_int = stmt_col_int,
    .col_blob = stmt_col_blob,
    .col_text = stmt_col_text,
    .changes = tx_changes,
    .alloc = tx_alloc,
    .cache = tx_cache,
    .now_ms = tx_now_ms,
};
