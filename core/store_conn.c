/* SPDX-License-Identifier: MIT */
/*
 * One connection to the database: how it is opened, what it may do, and the statements that it keeps compiled.
 *
 * The authorizer is set once for the life of the connection (setting it for each job costs a third of the
 * throughput) and asks conn->current: a module sees the tables <module>_* and nothing else. It is asked when SQL is
 * compiled, which SQLite also does by itself after a change of the schema.
 */
#include "core/store_impl.h"

#include "core/store_vfs.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096                           /* SQLite's preset, which a new file gets */
#define CHECK_PAGES_MAX ((64 << 20) / PAGE_BYTES) /* 0.1 s of reading */

static const char *const own_sql[STORE_OWN_COUNT] = {
    [STORE_BEGIN] = "BEGIN",       [STORE_COMMIT] = "COMMIT",
    [STORE_ROLLBACK] = "ROLLBACK", [STORE_SAVEPOINT] = "SAVEPOINT j",
    [STORE_RELEASE] = "RELEASE j", [STORE_ROLLBACK_TO] = "ROLLBACK TO j",
};

/* ---- Errors ---------------------------------------------------------------------------------------- */

bool
store_is_fatal(int code)
{
    switch (code & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT: return true;
    default: return false;
    }
}

int
store_status(int code)
{
    const int kind = code & 0xff;

    return kind == SQLITE_FULL || kind == SQLITE_BUSY || kind == SQLITE_LOCKED ? SOTTO_EUNAVAILABLE
                                                                               : SOTTO_EIO;
}

static int
refuse_readonly(const char *path, struct sotto_err *err)
{
    return sotto_err_set(err, SOTTO_EIO,
                         "%s may not be written; give it, its folder, and the files -wal and -shm "
                         "beside it to the server's user",
                         path);
}

static int
refuse_damaged(const char *path, const char *why, struct sotto_err *err)
{
    return sotto_err_set(
        err, SOTTO_EDATALOSS,
        "%s is damaged (%.200s); restore a backup, or save what is left with `" STORE_CURE "`",
        path, why);
}

int
store_conn_error(struct store_conn *conn, const char *path, struct sotto_err *err)
{
    const int code = conn->db ? sqlite3_extended_errcode(conn->db) : SQLITE_NOMEM;
    const int kind = code & 0xff;
    char damage[STORE_VFS_SENTENCE_MAX];

    if (code == SQLITE_IOERR_DATA && store_vfs_damage(conn->db, damage))
        return refuse_damaged(path, damage, err);
    if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB)
        return sotto_err_set(err, SOTTO_EDATALOSS,
                             "%s is damaged or not a database (%s); restore a backup, or save what "
                             "is left with `" STORE_CURE "`",
                             path, sqlite3_errmsg(conn->db));
    if (kind == SQLITE_BUSY)
        return sotto_err_set(err, SOTTO_EIO,
                             "%s is locked by another program; is a second server running on this "
                             "data folder?",
                             path);
    if (kind == SQLITE_FULL)
        return sotto_err_set(err, SOTTO_EIO, "no space left for %s; free some on its disk", path);
    if (kind == SQLITE_READONLY)
        return refuse_readonly(path, err);
    return sotto_err_set(err, SOTTO_EIO, "%s: %s (%d)", path,
                         conn->db ? sqlite3_errmsg(conn->db) : "out of memory", code);
}

/* ---- Rights ---------------------------------------------------------------------------------------- */

static bool
has_prefix(const struct store_module *module, const char *name)
{
    static const char implicit[] = "sqlite_autoindex_";

    if (!name)
        return false;
    if (strncmp(name, implicit, sizeof(implicit) - 1) == 0)
        name += sizeof(implicit) - 1;
    return strncmp(name, module->prefix, strlen(module->prefix)) == 0;
}

/* SQLite's own tables, which a CREATE or DROP reads and writes. */
static bool
is_schema_table(const char *name)
{
    return name && (strcmp(name, "sqlite_master") == 0 || strcmp(name, "sqlite_schema") == 0);
}

static int
authorize(void *arg, int action, const char *first, const char *second, const char *schema,
          const char *trigger)
{
    const struct store_conn *conn = arg;
    const struct store_module *module = conn->current;
    bool allowed = false;

    (void)trigger;
    if (!module)
        return SQLITE_OK;
    if (schema && strcmp(schema, "main") != 0)
        return SQLITE_DENY;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE: allowed = true; break;
    case SQLITE_FUNCTION: allowed = second && strcmp(second, "load_extension") != 0; break;
    case SQLITE_READ:
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        allowed = has_prefix(module, first) || (conn->migrating && is_schema_table(first));
        break;
    case SQLITE_CREATE_TABLE:
    case SQLITE_DROP_TABLE:
    case SQLITE_REINDEX: allowed = conn->migrating && has_prefix(module, first); break;
    case SQLITE_ALTER_TABLE: allowed = conn->migrating && has_prefix(module, second); break;
    case SQLITE_CREATE_INDEX:
    case SQLITE_DROP_INDEX:
        allowed = conn->migrating && has_prefix(module, first) && has_prefix(module, second);
        break;
    default: break; /* transactions, pragmas, triggers, views, attached files, virtual tables */
    }
    return allowed ? SQLITE_OK : SQLITE_DENY;
}

void
store_process_setup(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* ---- Opening --------------------------------------------------------------------------------------- */

static void
set_limits(sqlite3 *db)
{
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, (int)(STORE_ALLOC_BYTES_MAX + 65536));
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 262144);
    sqlite3_limit(db, SQLITE_LIMIT_COLUMN, 100);
    sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 100);
    sqlite3_limit(db, SQLITE_LIMIT_COMPOUND_SELECT, 20);
    sqlite3_limit(db, SQLITE_LIMIT_FUNCTION_ARG, 16);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100);
    sqlite3_limit(db, SQLITE_LIMIT_VARIABLE_NUMBER, 1000);
    sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 10);
    sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
}

int64_t
store_conn_int(struct store_conn *conn, const char *sql, int64_t fallback)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = fallback;

    if (sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

/* A file of ours, or an empty one that becomes ours. */
static int
check_owner(struct store_conn *conn, const char *path, struct sotto_err *err)
{
    const int64_t id = store_conn_int(conn, "PRAGMA application_id", -1);
    char sql[64];

    if (id == STORE_APPLICATION_ID)
        return 0;
    if (id == -1)
        return store_conn_error(conn, path, err);
    if (store_conn_int(conn, "SELECT count(*) FROM sqlite_master", 1) != 0)
        return sotto_err_set(err, SOTTO_EDATALOSS,
                             "%s is a database of another program; choose another store.file or "
                             "data folder",
                             path);
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", STORE_APPLICATION_ID);
    if (sqlite3_exec(conn->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return store_conn_error(conn, path, err);
    return 0;
}

static bool
is_as_new(struct store_conn *conn)
{
    return store_conn_int(conn, "PRAGMA auto_vacuum", 2) == 2 && store_vfs_has_sums(conn->db);
}

/* A file made before there was auto_vacuum, or before pages had checksums, is rearranged once, in one transaction,
 * which takes as much room again. Without the room it stays as it is: it works. */
static void
rearrange(struct store_conn *conn)
{
    /* The last start may have got as far as into the log. */
    if (!is_as_new(conn))
        sqlite3_wal_checkpoint_v2(conn->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (is_as_new(conn))
        return;
    sqlite3_limit(conn->db, SQLITE_LIMIT_ATTACHED, 1); /* VACUUM attaches its copy */
    sqlite3_exec(conn->db, "PRAGMA auto_vacuum = INCREMENTAL; VACUUM", NULL, NULL, NULL);
    sqlite3_limit(conn->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_wal_checkpoint_v2(conn->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    conn->rearranged = is_as_new(conn);
}

static int
set_pragmas(struct store_conn *conn, const char *path, const struct settings_store *settings,
            struct sotto_err *err)
{
    char sql[512];
    int error;

    /* The writer says how the file is arranged and which journal is used; WAL is a property of the file. */
    if (conn->is_writer) {
        store_vfs_reserve(conn->db);
        if (sqlite3_exec(conn->db, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL",
                         NULL, NULL, NULL) != SQLITE_OK)
            return store_conn_error(conn, path, err);
        error = check_owner(conn, path, err);
        if (error)
            return error;
        rearrange(conn);
    }
    snprintf(sql, sizeof(sql),
             "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
             "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
             "PRAGMA secure_delete = ON;"
             "PRAGMA cache_size = -%lld; PRAGMA wal_autocheckpoint = %d; PRAGMA query_only = %s;",
             (long long)(settings->cache_bytes / 1024), (int)(settings->wal_bytes / PAGE_BYTES),
             conn->is_writer ? "OFF" : "ON");
    if (sqlite3_exec(conn->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return store_conn_error(conn, path, err);
    return 0;
}

static int
prepare_own(struct store_conn *conn, const char *path, struct sotto_err *err)
{
    for (int i = 0; i < STORE_OWN_COUNT; i++) {
        /* The writer takes its lock at once, so that nothing can fail for it half way. */
        const char *sql = i == STORE_BEGIN && conn->is_writer ? "BEGIN IMMEDIATE" : own_sql[i];

        if (sqlite3_prepare_v3(conn->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &conn->own[i], NULL) !=
            SQLITE_OK)
            return store_conn_error(conn, path, err);
    }
    return 0;
}

static bool
wants_check(struct store_conn *conn, const struct settings_store *settings)
{
    if (settings->check_at_start == SETTINGS_CHECK_SMALL)
        return store_conn_int(conn, "PRAGMA page_count", 0) <= CHECK_PAGES_MAX;
    return settings->check_at_start == SETTINGS_CHECK_ALWAYS;
}

/* PRAGMA quick_check: the first complaint, or 0. */
static int
check_whole(struct store_conn *conn, const char *path, struct sotto_err *err)
{
    sqlite3_stmt *stmt = NULL;
    char damage[STORE_VFS_SENTENCE_MAX];
    int error = 0;

    if (sqlite3_prepare_v2(conn->db, "PRAGMA quick_check(1)", -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        error = store_conn_error(conn, path, err);
    else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
        error = refuse_damaged(path,
                               store_vfs_damage(conn->db, damage)
                                   ? damage
                                   : (const char *)sqlite3_column_text(stmt, 0),
                               err);
    sqlite3_finalize(stmt);
    return error;
}

int
store_conn_open(struct store_conn *conn, const char *path, const struct settings_store *settings,
                bool writer, struct sotto_err *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                      (writer ? SQLITE_OPEN_CREATE : 0);
    int error;

    *conn = (struct store_conn){.is_writer = writer};
    err->text[0] = '\0';
    if (sqlite3_open_v2(path, &conn->db, flags, store_vfs_name(settings->vfs)) != SQLITE_OK)
        return store_conn_error(conn, path, err);
    /* SQLite opens a file that it may not write for reading, and tells only at the first write. */
    if (sqlite3_db_readonly(conn->db, "main") == 1)
        return refuse_readonly(path, err);
    sqlite3_busy_timeout(conn->db, (int)settings->busy_ms);
    set_limits(conn->db);
    error = set_pragmas(conn, path, settings, err);
    if (!error)
        error = prepare_own(conn, path, err);
    if (!error && writer && wants_check(conn, settings))
        error = check_whole(conn, path, err);
    if (!error)
        sqlite3_set_authorizer(conn->db, authorize, conn);
    return error;
}

void
store_conn_close(struct store_conn *conn)
{
    for (int i = 0; i < STORE_OWN_COUNT; i++)
        sqlite3_finalize(conn->own[i]);
    for (uint32_t i = 0; i < STORE_MODULES_MAX; i++) {
        for (uint32_t j = 0; j < conn->counts[i]; j++)
            sqlite3_finalize(conn->statements[i][j].raw);
        free(conn->statements[i]);
    }
    if (conn->db)
        sqlite3_close(conn->db);
    *conn = (struct store_conn){0};
}

int
store_conn_run(struct store_conn *conn, enum store_own which)
{
    sqlite3_stmt *stmt = conn->own[which];
    const struct store_module *current = conn->current;
    int code;

    conn->current = NULL;
    code = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    conn->current = current;
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

int
store_conn_prepare(struct store_conn *conn, const struct store_module *module,
                   struct sotto_err *err)
{
    const struct sotto_table *table = &module->statements;
    struct store_stmt *statements = calloc(table->count ? table->count : 1, sizeof(*statements));

    if (!statements)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    conn->statements[module->index] = statements;
    conn->counts[module->index] = table->count;
    conn->current = module;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct sotto_stmt_row *row =
            (const void *)((const char *)table->items + (size_t)i * table->item_size);
        const char *tail = "";

        statements[i].base.api = &store_api;
        statements[i].conn = conn;
        statements[i].deletes = sqlite3_strnicmp(row->sql, "DELETE", 6) == 0;
        if (sqlite3_prepare_v3(conn->db, row->sql, -1, SQLITE_PREPARE_PERSISTENT,
                               &statements[i].raw, &tail) != SQLITE_OK ||
            !statements[i].raw || tail[strspn(tail, " \t\r\n;")] != '\0') {
            conn->current = NULL;
            if (sqlite3_extended_errcode(conn->db) == SQLITE_IOERR_DATA)
                return store_conn_error(conn, module->store->path, err);
            return sotto_err_set(
                err, SOTTO_EPRECONDITION,
                "module \"%s\": statement %u is refused: %s: %.200s; if the module is "
                "the right one, try `sottoctl db check`",
                module->name, i, *tail ? "more than one statement" : sqlite3_errmsg(conn->db),
                row->sql);
        }
    }
    conn->current = NULL;
    return 0;
}
