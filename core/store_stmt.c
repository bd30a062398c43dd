/* SPDX-License-Identifier: MIT */
/*
 * sotto.db/1 inside a transaction: the functions that a tx_fn may call. They touch the job's own connection
 * only, so they need no lock. Mistakes of a module's author (wrong index, wrong parameter) end in an assert.
 */
#include "core/store_impl.h"

#include "core/host.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 2048

static struct store_tx *
store_tx(struct sotto_tx *tx)
{
    assert(tx && tx->api == &store_api);
    return (struct store_tx *)tx;
}

static struct store_stmt *
store_stmt(struct sotto_stmt *stmt)
{
    assert(stmt && stmt->api == &store_api);
    return (struct store_stmt *)stmt;
}

/* ---- Transactions ---------------------------------------------------------------------------------- */

struct store_tx *
store_tx_begin(struct store_conn *conn, struct store_module *module, struct store_job *job,
               int64_t now_ms)
{
    struct store_tx *tx = &conn->tx;

    *tx = (struct store_tx){
        .base.api = &store_api, .conn = conn, .module = module, .job = job, .now_ms = now_ms};
    conn->current = module;
    return tx;
}

void
store_tx_end(struct store_tx *tx)
{
    struct store_conn *conn = tx->conn;

    while (conn->used) {
        struct store_stmt *stmt = conn->used;

        conn->used = stmt->next_used;
        stmt->used = false;
        sqlite3_reset(stmt->raw);
        sqlite3_clear_bindings(stmt->raw);
    }
    store_blocks_free(tx->blocks);
    tx->blocks = NULL;
    conn->current = NULL;
}

void
store_blocks_free(struct store_block *block)
{
    while (block) {
        struct store_block *next = block->next;

        sodium_memzero(block->data, block->used);
        free(block);
        block = next;
    }
}

static void *
tx_alloc(struct sotto_tx *base, size_t size)
{
    struct store_tx *tx = store_tx(base);
    struct store_block **blocks = tx->job ? &tx->job->blocks : &tx->blocks;
    struct store_block *block = *blocks;
    void *piece;

    if (size > STORE_ALLOC_BYTES_MAX)
        return NULL;
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (tx->job && tx->job->alloc_bytes + size > STORE_ALLOC_BYTES_MAX)
        return NULL;
    if (!block || size > block->size - block->used) {
        const size_t room = size > BLOCK_BYTES / 2 ? size : BLOCK_BYTES;

        block = calloc(1, sizeof(*block) + room);
        if (!block)
            return NULL;
        block->size = room;
        block->next = *blocks;
        *blocks = block;
    }
    piece = block->data + block->used;
    block->used += size;
    if (tx->job)
        tx->job->alloc_bytes += size;
    return piece;
}

static void *
tx_cache(struct sotto_tx *base)
{
    struct store_tx *tx = store_tx(base);

    return tx->conn->is_writer ? tx->module->cache : NULL;
}

static int64_t
tx_now_ms(struct sotto_tx *base)
{
    return store_tx(base)->now_ms;
}

static int64_t
tx_changes(struct sotto_tx *base)
{
    return sqlite3_changes64(store_tx(base)->conn->db);
}

/* ---- Statements ------------------------------------------------------------------------------------ */

static struct sotto_stmt *
tx_stmt(struct sotto_tx *base, uint32_t index)
{
    struct store_tx *tx = store_tx(base);
    struct store_conn *conn = tx->conn;
    struct store_stmt *stmt;

    assert(index < conn->counts[tx->module->index]);
    stmt = &conn->statements[tx->module->index][index];
    if (stmt->used) {
        sqlite3_reset(stmt->raw);
        sqlite3_clear_bindings(stmt->raw);
    } else {
        stmt->used = true;
        stmt->next_used = conn->used;
        conn->used = stmt;
    }
    return &stmt->base;
}

static void
stmt_bind_int(struct sotto_stmt *stmt, int position, int64_t value)
{
    const int code = sqlite3_bind_int64(store_stmt(stmt)->raw, position, value);

    assert(code == SQLITE_OK);
}

static void
stmt_bind_blob(struct sotto_stmt *stmt, int position, const void *data, size_t size)
{
    const int code =
        sqlite3_bind_blob64(store_stmt(stmt)->raw, position, size ? data : "", size, SQLITE_STATIC);

    assert(code == SQLITE_OK);
}

static void
stmt_bind_text(struct sotto_stmt *stmt, int position, const char *text)
{
    const int code = sqlite3_bind_text(store_stmt(stmt)->raw, position, text, -1, SQLITE_STATIC);

    assert(code == SQLITE_OK);
}

static void
stmt_bind_null(struct sotto_stmt *stmt, int position)
{
    const int code = sqlite3_bind_null(store_stmt(stmt)->raw, position);

    assert(code == SQLITE_OK);
}

/* In a careful batch a job gets its savepoint with its first write; one that only reads needs none. */
static int
open_savepoint(struct store_tx *tx)
{
    int code;

    if (!tx->careful || tx->has_savepoint || !tx->job)
        return SQLITE_OK;
    code = store_conn_run(tx->conn, STORE_SAVEPOINT);
    tx->has_savepoint = code == SQLITE_OK;
    return code;
}

static int
stmt_step(struct sotto_stmt *base)
{
    struct store_stmt *stmt = store_stmt(base);
    struct store_tx *tx = &stmt->conn->tx;
    const bool writes = !sqlite3_stmt_readonly(stmt->raw);
    int code;

    assert((tx->conn->is_writer || !writes) && "reads do not write");
    if (tx->fatal)
        return SOTTO_EIO;
    code = writes ? open_savepoint(tx) : SQLITE_OK;
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt->raw);
    if (writes && (code == SQLITE_ROW || code == SQLITE_DONE))
        tx->wrote = true;
    switch (code & 0xff) {
    case SQLITE_ROW: return SOTTO_ROW;
    case SQLITE_DONE:
        if (stmt->deletes && sqlite3_changes64(stmt->conn->db) > 0)
            stmt->conn->deleted = true;
        return SOTTO_DONE;
    case SQLITE_CONSTRAINT: return SOTTO_ECONSTRAINT;
    default: break;
    }
    /* Some errors end the whole transaction by themselves. */
    if (store_is_fatal(code) || sqlite3_get_autocommit(stmt->conn->db))
        tx->fatal = code;
    return SOTTO_EIO;
}

static int64_t
stmt_col_int(struct sotto_stmt *stmt, int column)
{
    return sqlite3_column_int64(store_stmt(stmt)->raw, column);
}

static struct sotto_view
stmt_col_blob(struct sotto_stmt *stmt, int column)
{
    sqlite3_stmt *raw = store_stmt(stmt)->raw;
    const void *data = sqlite3_column_blob(raw, column);

    return (struct sotto_view){.data = data, .size = (size_t)sqlite3_column_bytes(raw, column)};
}

static const char *
stmt_col_text(struct sotto_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(store_stmt(stmt)->raw, column);
}

/* ---- From a module's host -------------------------------------------------------------------------- */

static int
host_write(struct sotto_host *host, sotto_tx_fn *fn, const void *arg, size_t arg_size,
           sotto_db_done_fn *done)
{
    struct host_module *module = host_module(host);

    host_assert_logic(module);
    return store_write(module->core->store, module->store, fn, arg, arg_size, done);
}

static int
host_read(struct sotto_host *host, sotto_tx_fn *fn, const void *arg, size_t arg_size,
          sotto_db_done_fn *done)
{
    struct host_module *module = host_module(host);

    host_assert_logic(module);
    return store_read(module->core->store, module->store, fn, arg, arg_size, done);
}

const struct sotto_db_api store_api = {
    .struct_size = sizeof(struct sotto_db_api),
    .write = host_write,
    .read = host_read,
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
