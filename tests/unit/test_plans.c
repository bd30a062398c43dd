/* SPDX-License-Identifier: MIT */
/*
 * How SQLite finds what the modules ask for: every statement of every module, explained on the tables that its
 * migrations make. Nothing walks through a table, and nothing is sorted but what a limit keeps short.
 */
#include "sotto_test.h"

#include "core/loader.h"

#include <sqlite3.h>

struct fixture {
    struct loaded *loaded;
    sqlite3 *db;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    *state = f;
    return sqlite3_open(":memory:", &f->db) == SQLITE_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    loader_close(&f->loaded);
    sqlite3_close(f->db);
    free(f);
    return 0;
}

/* What a part of the plan would have to say, and the statements that may. */
static const struct {
    const char *step, *sql;
} allowed[] = {
    {"SCAN chat_tops", "SELECT MAX(top) FROM"}, /* a table of one row */
    {"SCAN auth_users",
     "SELECT 1 FROM auth_users WHERE"},                  /* up to the first account, at the start */
    {"ORDER BY", "FROM auth_logins WHERE user_id = ?"},  /* logins_per_user */
    {"ORDER BY", "FROM keyx_devices WHERE user_id = ?"}, /* devices_max */
    {"GROUP BY", "FROM keyx_claims WHERE caller_user = ?"}, /* claims of one device that are kept */
    {"ORDER BY", "FROM keyx_claims WHERE caller_user = ?"}, /* the same */
    {"DISTINCT", "INSERT INTO chat_departures"},            /* chats of one user, once */
    {"GROUP BY", "SELECT m.user_id, m.role FROM chat_members"}, /* members of one chat, once */
    {"ORDER BY", "SELECT m.user_id, m.role FROM chat_members"}, /* the same */
};

static bool
is_allowed(const char *step, const char *sql)
{
    if (!strstr(step, "SCAN") && !strstr(step, "TEMP B-TREE") && !strstr(step, "AUTOMATIC"))
        return true;
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        if (strstr(step, allowed[i].step) && strstr(sql, allowed[i].sql))
            return true;
    return false;
}

static void
assert_plan(sqlite3 *db, const char *sql)
{
    char *text = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *plan;

    if (sqlite3_prepare_v2(db, text, -1, &plan, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    while (sqlite3_step(plan) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(plan, 3);

        if (!is_allowed(step, sql))
            fail_msg("%s\n  %s", sql, step);
    }
    sqlite3_finalize(plan);
    sqlite3_free(text);
}

static void
assert_module(struct fixture *f, const char *name)
{
    const struct sotto_module *module;
    const struct sotto_migration_row *migrations;
    const struct sotto_stmt_row *statements;
    struct sotto_err err;

    if (loader_open(SOTTO_MODULES, name, &f->loaded, &err) != 0)
        fail_msg("%s", err.text);
    module = loaded_descriptor(f->loaded);
    migrations = module->migrations.items;
    statements = module->statements.items;
    for (size_t i = 0; i < module->migrations.count; i++)
        if (sqlite3_exec(f->db, migrations[i].sql, NULL, NULL, NULL) != SQLITE_OK)
            fail_msg("%s: %s", migrations[i].name, sqlite3_errmsg(f->db));
    assert_true(module->statements.count > 0);
    for (size_t i = 0; i < module->statements.count; i++)
        assert_plan(f->db, statements[i].sql);
}

static void
auth_walks_through_no_table(void **state)
{
    assert_module(*state, "auth");
}

static void
keyx_walks_through_no_table(void **state)
{
    assert_module(*state, "keyx");
}

static void
chat_walks_through_no_table(void **state)
{
    assert_module(*state, "chat");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(auth_walks_through_no_table, setup, teardown),
    cmocka_unit_test_setup_teardown(keyx_walks_through_no_table, setup, teardown),
    cmocka_unit_test_setup_teardown(chat_walks_through_no_table, setup, teardown),
};

SOTTO_TEST_MAIN(tests)
