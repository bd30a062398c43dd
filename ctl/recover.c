/* SPDX-License-Identifier: MIT */
/*
 * db recover: a new database with every row that stands on an undamaged page.
 *
 * The tables are made from the damaged file's own schema, as far as its pages can be read, and from an intact
 * database (--like) where not. Then each page that looks like a piece of a table is read, whether or not the pages
 * above it are whole: image_root tells to which table it belongs. The rows go through SQLite into the new file,
 * whose rules (NOT NULL, CHECK, unique keys) turn away what damage made of some; indexes are made anew at the end.
 */
#include "ctl/ctl.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/store_impl.h"
#include "core/store_vfs.h"
#include "ctl/image.h"

#define ENTRIES_MAX 512 /* tables and indexes */
#define NAME_BYTES 128
#define SQL_BYTES 2048
#define SCHEMA_ROOT 1
#define SCHEMA_COLUMNS 5

/* A row of the schema, and for a table what is needed to fill it. */
struct entry {
    bool is_table;
    uint32_t root;
    char name[NAME_BYTES];
    char *sql;
    bool without_rowid;
    uint32_t columns, alias; /* alias: number (from 1) of the column that is the rowid; 0: none */
    char names[IMAGE_COLUMNS_MAX][NAME_BYTES]; /* in the order in which a record has them */
    sqlite3_stmt *insert;
    uint32_t insert_columns;
    uint64_t rows, refused;
};

struct recovery {
    struct image image;
    struct image_row row;
    sqlite3 *out;
    struct entry *entries;
    size_t count;
    uint64_t damaged;  /* cells that could not be read */
    uint64_t homeless; /* rows of pages of which nobody knows the table */
};

/* ---- The schema ---- */

static struct entry *
find_entry(struct recovery *recovery, const char *name)
{
    for (size_t i = 0; i < recovery->count; i++)
        if (strcmp(recovery->entries[i].name, name) == 0)
            return &recovery->entries[i];
    return NULL;
}

static void
add_entry(struct recovery *recovery, bool is_table, const char *name, int64_t root, const char *sql)
{
    struct entry *entry;

    if (recovery->count == ENTRIES_MAX || strncmp(name, "sqlite_", 7) == 0 ||
        strlen(name) >= NAME_BYTES || find_entry(recovery, name))
        return;
    entry = &recovery->entries[recovery->count];
    *entry = (struct entry){.is_table = is_table, .root = (uint32_t)root, .sql = strdup(sql)};
    snprintf(entry->name, sizeof(entry->name), "%s", name);
    if (entry->sql)
        recovery->count++;
}

static char *
text_of(const struct image_value *value)
{
    return value->type == IMAGE_TEXT ? strndup((const char *)value->data, value->size) : NULL;
}

static void
take_schema_row(struct recovery *recovery, const struct image_row *row)
{
    char *type = text_of(&row->values[0]), *name = text_of(&row->values[1]);
    char *sql = text_of(&row->values[4]);

    if (type && name && sql && row->values[3].type == IMAGE_INT && row->values[3].number > 1 &&
        row->values[3].number <= recovery->image.count &&
        (strcmp(type, "table") == 0 || strcmp(type, "index") == 0))
        add_entry(recovery, type[0] == 't', name, row->values[3].number, sql);
    free(type);
    free(name);
    free(sql);
}

static bool
is_schema_root(const void *arg, uint32_t page)
{
    (void)arg;
    return page == SCHEMA_ROOT;
}

static void
read_schema(struct recovery *recovery)
{
    const struct image *image = &recovery->image;

    for (uint32_t page = 1; page <= image->count; page++) {
        if (image_kind(image, page) != IMAGE_TABLE_LEAF ||
            image_root(image, page, is_schema_root, NULL) != SCHEMA_ROOT)
            continue;
        for (uint32_t cell = 0; cell < image_cells(image, page); cell++)
            if (image_row(image, page, cell, &recovery->row) &&
                recovery->row.columns == SCHEMA_COLUMNS)
                take_schema_row(recovery, &recovery->row);
    }
}

/* Without an intact database beside it, even the definitions on damaged pages are better than none. */
static void
read_damaged_schema(struct recovery *recovery)
{
    const size_t sound = recovery->count;

    recovery->image.takes_damaged = true;
    read_schema(recovery);
    recovery->image.takes_damaged = false;
    if (recovery->count > sound)
        fprintf(
            stderr,
            "sottoctl: %zu definitions of tables and indexes stand on a damaged page; to be sure of them name "
            "the database of an empty server of the same version with --like\n",
            recovery->count - sound);
}

/* What the damaged schema lacks. */
static int
read_like(struct recovery *recovery, const char *like)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int status = 0;

    if (sqlite3_open_v2(like, &db, SQLITE_OPEN_READONLY, store_vfs_name(NULL)) != SQLITE_OK ||
        sqlite3_prepare_v2(
            db, "SELECT type = 'table', name, rootpage, sql FROM sqlite_master WHERE sql NOTNULL",
            -1, &stmt, NULL) != SQLITE_OK)
        status = db_fail(db, like);
    while (!status && sqlite3_step(stmt) == SQLITE_ROW)
        add_entry(recovery, sqlite3_column_int(stmt, 0) != 0,
                  (const char *)sqlite3_column_text(stmt, 1), sqlite3_column_int64(stmt, 2),
                  (const char *)sqlite3_column_text(stmt, 3));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return status;
}

/* ---- Tables of the new file ---- */

static int64_t
query_int(sqlite3 *db, const char *sql, const char *name)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = 0;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
        if (sqlite3_step(stmt) == SQLITE_ROW)
            value = sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return value;
}

/* A table without rowid is an index: its key comes first, as the index says. */
static void
read_columns(sqlite3 *db, struct entry *entry)
{
    static const char ordered[] =
        "SELECT x.name FROM pragma_index_list(?1) AS l, pragma_index_xinfo(l.name) AS x "
        "WHERE l.origin = 'pk' ORDER BY x.seqno";
    static const char plain[] = "SELECT name FROM pragma_table_info(?1) ORDER BY cid";
    sqlite3_stmt *stmt = NULL;

    entry->without_rowid =
        query_int(db, "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1",
                  entry->name) != 0;
    if (!entry->without_rowid)
        entry->alias = (uint32_t)query_int(
            db,
            "SELECT cid + 1 FROM pragma_table_info(?1) WHERE pk = 1 AND type = 'INTEGER' COLLATE NOCASE "
            "AND (SELECT count(*) FROM pragma_table_info(?1) WHERE pk > 0) = 1",
            entry->name);
    if (sqlite3_prepare_v2(db, entry->without_rowid ? ordered : plain, -1, &stmt, NULL) !=
        SQLITE_OK)
        return;
    sqlite3_bind_text(stmt, 1, entry->name, -1, SQLITE_STATIC);
    while (sqlite3_step(stmt) == SQLITE_ROW && entry->columns < IMAGE_COLUMNS_MAX) {
        const unsigned char *name = sqlite3_column_text(stmt, 0);

        if (name)
            snprintf(entry->names[entry->columns++], NAME_BYTES, "%s", (const char *)name);
    }
    sqlite3_finalize(stmt);
}

static int
make_tables(struct recovery *recovery)
{
    size_t tables = 0;

    for (size_t i = 0; i < recovery->count; i++) {
        struct entry *entry = &recovery->entries[i];

        if (!entry->is_table)
            continue;
        if (sqlite3_exec(recovery->out, entry->sql, NULL, NULL, NULL) != SQLITE_OK) {
            fprintf(stderr, "sottoctl: table %s cannot be made: %s\n", entry->name,
                    sqlite3_errmsg(recovery->out));
            continue;
        }
        read_columns(recovery->out, entry);
        tables++;
    }
    if (tables)
        return 0;
    fprintf(
        stderr,
        "sottoctl: the definitions of the tables are lost; start a server of the same version once on an "
        "empty folder, stop it, and name its database with --like\n");
    return 1;
}

static int
make_indexes(struct recovery *recovery)
{
    int status = 0;

    for (size_t i = 0; i < recovery->count; i++)
        if (!recovery->entries[i].is_table &&
            sqlite3_exec(recovery->out, recovery->entries[i].sql, NULL, NULL, NULL) != SQLITE_OK) {
            fprintf(stderr, "sottoctl: index %s cannot be made: %s\n", recovery->entries[i].name,
                    sqlite3_errmsg(recovery->out));
            status = 1;
        }
    return status;
}

/* ---- Rows ---- */

/* The statement for rows of so many columns: an older row lacks those that were added later. */
static bool
prepare_insert(struct recovery *recovery, struct entry *entry, uint32_t columns)
{
    const bool rowid = !entry->without_rowid && entry->alias == 0;
    char sql[SQL_BYTES + IMAGE_COLUMNS_MAX * NAME_BYTES];
    size_t used;

    if (entry->insert && entry->insert_columns == columns)
        return true;
    sqlite3_finalize(entry->insert);
    entry->insert = NULL;
    used = (size_t)snprintf(sql, sizeof(sql), "INSERT OR IGNORE INTO \"%s\" (%s", entry->name,
                            rowid ? "rowid, " : "");
    for (uint32_t i = 0; i < columns; i++)
        used += (size_t)snprintf(sql + used, sizeof(sql) - used, "%s\"%s\"", i ? ", " : "",
                                 entry->names[i]);
    used += (size_t)snprintf(sql + used, sizeof(sql) - used, ") VALUES (%s?", rowid ? "?, " : "");
    for (uint32_t i = 1; i < columns; i++)
        used += (size_t)snprintf(sql + used, sizeof(sql) - used, ", ?");
    snprintf(sql + used, sizeof(sql) - used, ")");
    entry->insert_columns = columns;
    return sqlite3_prepare_v2(recovery->out, sql, -1, &entry->insert, NULL) == SQLITE_OK;
}

static void
bind_value(sqlite3_stmt *stmt, int position, const struct image_value *value)
{
    switch (value->type) {
    case IMAGE_NULL: sqlite3_bind_null(stmt, position); break;
    case IMAGE_INT: sqlite3_bind_int64(stmt, position, value->number); break;
    case IMAGE_REAL: sqlite3_bind_double(stmt, position, value->real); break;
    case IMAGE_BYTES:
        sqlite3_bind_blob64(stmt, position, value->size ? (const void *)value->data : "",
                            value->size, SQLITE_STATIC);
        break;
    case IMAGE_TEXT:
        sqlite3_bind_text64(stmt, position, (const char *)value->data, value->size, SQLITE_STATIC,
                            SQLITE_UTF8);
        break;
    }
}

static void
put_row(struct recovery *recovery, struct entry *entry, struct image_row *row)
{
    int position = 1;

    if (row->columns == 0 || row->columns > entry->columns ||
        !prepare_insert(recovery, entry, row->columns)) {
        entry->refused++;
        return;
    }
    if (!entry->without_rowid && entry->alias == 0)
        sqlite3_bind_int64(entry->insert, position++, row->rowid);
    if (entry->alias && entry->alias <= row->columns)
        row->values[entry->alias - 1] =
            (struct image_value){.type = IMAGE_INT, .number = row->rowid};
    for (uint32_t i = 0; i < row->columns; i++)
        bind_value(entry->insert, position++, &row->values[i]);
    if (sqlite3_step(entry->insert) == SQLITE_DONE && sqlite3_changes(recovery->out) == 1)
        entry->rows++;
    else
        entry->refused++;
    sqlite3_reset(entry->insert);
    sqlite3_clear_bindings(entry->insert);
}

static bool
is_root(const void *arg, uint32_t page)
{
    const struct recovery *recovery = arg;

    if (page == SCHEMA_ROOT)
        return true;
    for (size_t i = 0; i < recovery->count; i++)
        if (recovery->entries[i].root == page)
            return true;
    return false;
}

/* The table whose rows stand on such a page; NULL: none's. */
static struct entry *
table_of(struct recovery *recovery, uint32_t page, uint32_t root)
{
    const bool is_index = image_kind(&recovery->image, page) != IMAGE_TABLE_LEAF;

    for (size_t i = 0; i < recovery->count; i++) {
        struct entry *entry = &recovery->entries[i];

        if (entry->is_table && entry->columns && entry->root == root &&
            entry->without_rowid == is_index)
            return entry;
    }
    return NULL;
}

static void
read_page(struct recovery *recovery, uint32_t page)
{
    const struct image *image = &recovery->image;
    const enum image_kind kind = image_kind(image, page);
    const uint32_t root = kind == IMAGE_OTHER || kind == IMAGE_TABLE_INNER
                              ? 0
                              : image_root(image, page, is_root, recovery);
    struct entry *entry = root ? table_of(recovery, page, root) : NULL;

    if (!entry && kind == IMAGE_TABLE_LEAF && root != SCHEMA_ROOT)
        recovery->homeless += image_cells(image, page);
    for (uint32_t cell = 0; entry && cell < image_cells(image, page); cell++) {
        if (image_row(image, page, cell, &recovery->row))
            put_row(recovery, entry, &recovery->row);
        else
            recovery->damaged++;
    }
}

/* ---- The whole ---- */

/* Without the record of what was applied no server starts; an intact database of the same version has the same. */
static int
take_record(struct recovery *recovery, const char *like)
{
    const struct entry *record = find_entry(recovery, "sotto_migrations");
    char *sql;
    int status = 0;

    if (!like || !record || record->rows > 0)
        return 0;
    sql = sqlite3_mprintf("ATTACH %Q AS same; INSERT INTO sotto_migrations SELECT * FROM "
                          "same.sotto_migrations; DETACH same",
                          like);
    if (!sql || sqlite3_exec(recovery->out, sql, NULL, NULL, NULL) != SQLITE_OK)
        status = db_fail(recovery->out, like);
    sqlite3_free(sql);
    return status;
}

static int
fill(struct recovery *recovery)
{
    int status = make_tables(recovery);

    for (uint32_t page = 1; !status && page <= recovery->image.count; page++)
        read_page(recovery, page);
    for (size_t i = 0; i < recovery->count; i++)
        sqlite3_finalize(recovery->entries[i].insert);
    return status ? status : make_indexes(recovery);
}

static int
write_copy(struct recovery *recovery, const char *like, const char *partial)
{
    char begin[256];
    int status;

    snprintf(
        begin, sizeof(begin),
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = OFF; PRAGMA application_id = %d; "
        "PRAGMA foreign_keys = OFF; BEGIN",
        STORE_APPLICATION_ID);
    if (db_create(partial, true, &recovery->out) != SQLITE_OK ||
        sqlite3_exec(recovery->out, begin, NULL, NULL, NULL) != SQLITE_OK)
        return db_fail(recovery->out, partial);
    status = fill(recovery);
    if (!status && sqlite3_exec(recovery->out, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        status = db_fail(recovery->out, partial);
    if (!status)
        status = take_record(recovery, like);
    return status ? status : db_integrity(recovery->out, partial);
}

static uint64_t
count_damaged(const struct image *image)
{
    uint64_t count = 0;

    for (uint32_t page = 1; page <= image->count; page++)
        count += image_is_damaged(image, page);
    return count;
}

static void
report(struct recovery *recovery, const char *copy)
{
    uint64_t refused = 0;

    for (size_t i = 0; i < recovery->count; i++) {
        const struct entry *entry = &recovery->entries[i];

        refused += entry->refused;
        if (entry->is_table)
            printf("%-24s %llu rows\n", entry->name, (unsigned long long)entry->rows);
    }
    printf(
        "%s holds what undamaged pages held; damaged pages: %llu, damaged rows left out: %llu, rows whose table is unknown: %llu, "
        "rows whose parent is lost: %lld%s\n",
        copy, (unsigned long long)count_damaged(&recovery->image),
        (unsigned long long)(recovery->damaged + refused), (unsigned long long)recovery->homeless,
        (long long)query_int(recovery->out, "SELECT count(*) FROM pragma_foreign_key_check", ""),
        recovery->image.log_damaged ? "; the log was damaged, too" : "");
    if (query_int(recovery->out, "SELECT count(*) FROM sotto_migrations", "") == 0)
        fprintf(
            stderr,
            "sottoctl: the record of migrations is lost, and no server starts without it; name the "
            "database of an empty server of the same version with --like\n");
}

static void
recovery_fini(struct recovery *recovery)
{
    for (size_t i = 0; i < recovery->count; i++)
        free(recovery->entries[i].sql);
    free(recovery->entries);
    image_row_fini(&recovery->row);
    image_close(&recovery->image);
    sqlite3_close(recovery->out);
}

int
db_recover(const char *path, const char *like, const char *copy)
{
    struct recovery recovery = {.entries = calloc(ENTRIES_MAX, sizeof(*recovery.entries))};
    char partial[CTL_PATH_MAX];
    int status = db_copy_begin(copy, partial);

    if (!recovery.entries)
        status = db_fail(NULL, path);
    if (!status)
        status = !db_is_file(path);
    if (!status)
        status = image_open(&recovery.image, path) != 0;
    if (!status) {
        read_schema(&recovery);
        if (like)
            status = read_like(&recovery, like);
        else
            read_damaged_schema(&recovery);
        if (!status)
            status = write_copy(&recovery, like, partial);
        if (!status)
            report(&recovery, copy);
    }
    recovery_fini(&recovery);
    if (!status)
        return db_copy_end(copy, partial);
    unlink(partial);
    return status;
}
