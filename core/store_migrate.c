/* SPDX-License-Identifier: MIT */
/*
 * Migrations: numbered SQL steps of a module, each applied once and in one transaction with the record of it, so
 * that a server killed half way finds the step either done or not begun.
 *
 * The record keeps the BLAKE2b-256 of the step's text. A step that was applied and has changed or vanished
 * since means that the database and the module do not belong together: the server refuses to start.
 */
#include "core/store_impl.h"

#include "core/clock.h"

#include <sodium.h>
#include <string.h>

#define CHECKSUM_BYTES 32

static const char create_record[] =
    "CREATE TABLE IF NOT EXISTS sotto_migrations ("
    " module TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, checksum BLOB NOT NULL,"
    " applied_ms INTEGER NOT NULL, PRIMARY KEY (module, number)) WITHOUT ROWID";

static const struct sotto_migration_row *
row_at(const struct sotto_table *table, uint32_t i)
{
    return (const void *)((const char *)table->items + (size_t)i * table->item_size);
}

static void
checksum(const struct sotto_migration_row *row, uint8_t sum[CHECKSUM_BYTES])
{
    crypto_generichash(sum, CHECKSUM_BYTES, (const uint8_t *)row->sql, strlen(row->sql), NULL, 0);
}

/* How many steps are applied; every one of them has to be the table's. */
static int
check_applied(struct store_conn *conn, const char *path, const struct store_module *module,
              const struct sotto_table *table, uint32_t *applied_out, struct sotto_err *err)
{
    sqlite3_stmt *stmt = NULL;
    uint8_t sum[CHECKSUM_BYTES];
    uint32_t applied = 0;
    int error = 0, code;

    if (sqlite3_prepare_v2(conn->db,
                           "SELECT number, checksum FROM sotto_migrations WHERE module = ? "
                           "ORDER BY number",
                           -1, &stmt, NULL) != SQLITE_OK)
        return store_conn_error(conn, path, err);
    sqlite3_bind_text(stmt, 1, module->name, -1, SQLITE_STATIC);
    while (!error && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const int64_t number = sqlite3_column_int64(stmt, 0);

        if (number != applied + 1 || applied >= table->count) {
            error =
                sotto_err_set(err, SOTTO_EPRECONDITION,
                              "module \"%s\": the database has migration %lld, which this module "
                              "does not know; install the version that wrote it, or a newer one",
                              module->name, (long long)number);
            break;
        }
        checksum(row_at(table, applied), sum);
        if (sqlite3_column_bytes(stmt, 1) != CHECKSUM_BYTES ||
            sodium_memcmp(sqlite3_column_blob(stmt, 1), sum, CHECKSUM_BYTES) != 0)
            error =
                sotto_err_set(err, SOTTO_EPRECONDITION,
                              "module \"%s\": migration %lld (%s) is not the one that was applied; "
                              "steps are never changed, only added: install a released module",
                              module->name, (long long)number, row_at(table, applied)->name);
        applied++;
    }
    if (!error && code != SQLITE_DONE)
        error = store_conn_error(conn, path, err);
    sqlite3_finalize(stmt);
    if (!error)
        *applied_out = applied;
    return error;
}

static int
record(struct store_conn *conn, const struct store_module *module,
       const struct sotto_migration_row *row)
{
    sqlite3_stmt *stmt = NULL;
    uint8_t sum[CHECKSUM_BYTES];
    int code = sqlite3_prepare_v2(conn->db, "INSERT INTO sotto_migrations VALUES (?, ?, ?, ?, ?)",
                                  -1, &stmt, NULL);

    checksum(row, sum);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, module->name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 2, row->number);
        sqlite3_bind_text(stmt, 3, row->name, -1, SQLITE_STATIC);
        sqlite3_bind_blob(stmt, 4, sum, sizeof(sum), SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 5, clock_wall_ms());
        code = sqlite3_step(stmt);
    }
    sqlite3_finalize(stmt);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int
apply(struct store_conn *conn, const char *path, const struct store_module *module,
      const struct sotto_migration_row *row, struct sotto_err *err)
{
    char *message = NULL;
    int code;

    if (store_conn_run(conn, STORE_BEGIN) != SQLITE_OK)
        return store_conn_error(conn, path, err);
    conn->current = module;
    conn->migrating = true;
    code = sqlite3_exec(conn->db, row->sql, NULL, NULL, &message);
    conn->current = NULL;
    conn->migrating = false;
    if (code != SQLITE_OK) {
        sotto_err_set(err, 0, "module \"%s\": migration %u (%s) failed: %s", module->name,
                      row->number, row->name, message ? message : sqlite3_errstr(code));
        sqlite3_free(message);
        store_conn_run(conn, STORE_ROLLBACK);
        return store_is_fatal(code) ? SOTTO_EIO : SOTTO_EPRECONDITION;
    }
    if (record(conn, module, row) != SQLITE_OK || store_conn_run(conn, STORE_COMMIT) != SQLITE_OK) {
        const int error = store_conn_error(conn, path, err);

        store_conn_run(conn, STORE_ROLLBACK);
        return error;
    }
    return 0;
}

static int
migrate(struct store_conn *conn, const char *path, const struct store_module *module,
        const struct sotto_table *table, struct log *log, struct sotto_err *err)
{
    uint32_t applied = 0;
    int error;

    for (uint32_t i = 0; i < table->count; i++)
        if (row_at(table, i)->number != i + 1)
            return sotto_err_set(err, SOTTO_EPRECONDITION,
                                 "module \"%s\": migrations are not numbered 1, 2, 3 …",
                                 module->name);
    if (sqlite3_exec(conn->db, create_record, NULL, NULL, NULL) != SQLITE_OK)
        return store_conn_error(conn, path, err);
    error = check_applied(conn, path, module, table, &applied, err);
    for (uint32_t i = applied; i < table->count && !error; i++) {
        error = apply(conn, path, module, row_at(table, i), err);
        if (!error && log)
            log_info(log, "store: module \"%s\": migration %u (%s) applied", module->name, i + 1,
                     row_at(table, i)->name);
    }
    return error;
}

int
store_migrate(struct store *store, struct store_module *module,
              const struct sotto_table *migrations, struct sotto_err *err)
{
    return migrate(&store->writer, store->path, module, migrations, store->log, err);
}

/* ---- Dry run --------------------------------------------------------------------------------------- */

/* Makes in memory the tables of the file, empty, and the record of what was applied. */
static int
copy_schema(sqlite3 *from, sqlite3 *to)
{
    sqlite3_stmt *read = NULL, *write = NULL;
    int code =
        sqlite3_prepare_v2(from,
                           "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT "
                           "LIKE 'sqlite_%' ORDER BY type = 'table' DESC",
                           -1, &read, NULL);

    while (code == SQLITE_OK && sqlite3_step(read) == SQLITE_ROW)
        code = sqlite3_exec(to, (const char *)sqlite3_column_text(read, 0), NULL, NULL, NULL);
    sqlite3_finalize(read);
    read = NULL;
    if (code == SQLITE_OK)
        code = sqlite3_exec(to, create_record, NULL, NULL, NULL);
    if (code == SQLITE_OK &&
        sqlite3_prepare_v2(from, "SELECT * FROM sotto_migrations", -1, &read, NULL) != SQLITE_OK)
        return SQLITE_OK; /* a file that nobody has migrated yet */
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(to, "INSERT INTO sotto_migrations VALUES (?, ?, ?, ?, ?)", -1,
                                  &write, NULL);
    while (code == SQLITE_OK && sqlite3_step(read) == SQLITE_ROW) {
        for (int i = 0; i < 5; i++)
            sqlite3_bind_value(write, i + 1, sqlite3_column_value(read, i));
        code = sqlite3_step(write) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
        sqlite3_reset(write);
    }
    sqlite3_finalize(read);
    sqlite3_finalize(write);
    return code;
}

int
store_check_migrations(const char *path, const char *name, const struct sotto_table *migrations,
                       struct sotto_err *err)
{
    const struct settings_store settings = {.cache_bytes = 65536};
    struct store_module module = {0};
    struct store_conn conn = {0};
    sqlite3 *file = NULL;
    int error;

    snprintf(module.name, sizeof(module.name), "%s", name);
    snprintf(module.prefix, sizeof(module.prefix), "%s_", name);
    error = store_conn_open(&conn, ":memory:", &settings, true, err);
    /* No file yet: every step is new. */
    if (!error && sqlite3_open_v2(path, &file, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        copy_schema(file, conn.db) != SQLITE_OK)
        error = sotto_err_set(err, SOTTO_EDATALOSS, "%s cannot be read: %s", path,
                              sqlite3_errmsg(file));
    sqlite3_close(file);
    if (!error)
        error = migrate(&conn, path, &module, migrations, NULL, err);
    store_conn_close(&conn);
    return error;
}
