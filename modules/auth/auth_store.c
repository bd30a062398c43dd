/* SPDX-License-Identifier: MIT */
/*
 * The statements of modules/auth, in the order of enum auth_stmt, and two helpers to read rows.
 * The tables are described in migrations/.
 */
#include "auth.h"

#include <string.h>

const struct sotto_stmt_row auth_statements[AUTH_STATEMENTS] = {
    [AUTH_Q_USER_BY_NAME] = {"SELECT user_id, name, record, idempotency, created_ms,"
                             " deleted_ms FROM auth_users WHERE name_key = ?"},
    [AUTH_Q_USER_BY_ID] = {"SELECT name FROM auth_users WHERE user_id = ? AND deleted_ms = 0"},
    [AUTH_Q_USER_ADD] = {"INSERT INTO auth_users"
                         " (user_id, name, name_key, record, idempotency, created_ms)"
                         " VALUES (?, ?, ?, ?, ?, ?)"},
    [AUTH_Q_USER_ANY] = {"SELECT 1 FROM auth_users WHERE deleted_ms = 0 LIMIT 1"},
    [AUTH_Q_USER_EMPTY] = {"UPDATE auth_users SET name = '', record = ?, idempotency = ?,"
                           " deleted_ms = ? WHERE user_id = ? AND deleted_ms = 0"},
    [AUTH_Q_LOGIN_OF_DEVICE] =
        {"SELECT login_id, counter, refresh_until, access_until FROM auth_logins"
         " WHERE user_id = ? AND device_id = ?"},
    [AUTH_Q_LOGIN_COUNT] = {"SELECT count(*) FROM auth_logins WHERE user_id = ?"},
    [AUTH_Q_LOGIN_OLDEST] = {"SELECT login_id, device_id FROM auth_logins WHERE user_id = ?"
                             " ORDER BY used_ms, created_ms, login_id LIMIT 1"},
    [AUTH_Q_LOGIN_ADD] = {"INSERT INTO auth_logins"
                          " (login_id, user_id, device_id, label, user_agent, address, created_ms,"
                          " used_ms, rotated_ms, refresh_until, access_until, counter)"
                          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)"},
    [AUTH_Q_LOGIN_BY_ID] = {"SELECT l.user_id, l.device_id, l.access_until, u.name"
                            " FROM auth_logins l JOIN auth_users u ON u.user_id = l.user_id"
                            " WHERE l.login_id = ?"},
    [AUTH_Q_LOGINS_OF_USER] = {"SELECT login_id, device_id, label, user_agent, address, created_ms,"
                               " used_ms, refresh_until FROM auth_logins WHERE user_id = ?"
                               " ORDER BY created_ms, login_id"},
    [AUTH_Q_LOGIN_ROTATE] =
        {"UPDATE auth_logins SET counter = ?, rotated_ms = ?, used_ms = ?,"
         " refresh_until = ?, access_until = ?, address = ? WHERE login_id = ?"},
    [AUTH_Q_LOGIN_TOUCH] = {"UPDATE auth_logins SET access_until = ?, used_ms = ?"
                            " WHERE login_id = ?"},
    [AUTH_Q_LOGIN_DELETE] = {"DELETE FROM auth_logins WHERE login_id = ?"},
    [AUTH_Q_REFRESH_ADD] = {"INSERT INTO auth_refresh (hash, login_id, counter, until)"
                            " VALUES (?, ?, ?, ?)"},
    [AUTH_Q_REFRESH_FIND] = {"SELECT r.login_id, r.counter, r.until, l.user_id, l.device_id,"
                             " l.counter, l.rotated_ms, l.refresh_until, u.name"
                             " FROM auth_refresh r"
                             " JOIN auth_logins l ON l.login_id = r.login_id"
                             " JOIN auth_users u ON u.user_id = l.user_id WHERE r.hash = ?"},
    [AUTH_Q_REFRESH_OLDEST] = {"SELECT MIN(counter) FROM auth_refresh WHERE login_id = ?"},
    [AUTH_Q_REMOVED_ADD] = {"INSERT INTO auth_removed (user_id, device_id, fact) VALUES (?, ?, ?)"
                            " ON CONFLICT DO NOTHING"},
    [AUTH_Q_REMOVED_FIND] = {"SELECT fact FROM auth_removed WHERE device_id = ? AND user_id = ?"},
    [AUTH_Q_REMOVED_DEVICE] = {"SELECT fact FROM auth_removed WHERE device_id = ? LIMIT 1"},
    [AUTH_Q_DELETION_ADD] = {"INSERT INTO auth_deletions"
                             " (user_id, by_device, deleted_ms, signature, told)"
                             " VALUES (?, ?, ?, ?, 0)"},
    [AUTH_Q_DELETION_UNTOLD] = {"SELECT user_id, by_device, deleted_ms, signature"
                                " FROM auth_deletions WHERE told = 0 LIMIT ?"},
    [AUTH_Q_DELETION_TOLD] = {"UPDATE auth_deletions SET told = 1 WHERE user_id = ?"},
    [AUTH_Q_ENDED_ADD] = {"INSERT INTO auth_ended (login_id, until) VALUES (?, ?)"
                          " ON CONFLICT DO NOTHING"},
    [AUTH_Q_ENDED_FIND] = {"SELECT 1 FROM auth_ended WHERE login_id = ?"},
    [AUTH_Q_ENDED_ALL] = {"SELECT login_id, until FROM auth_ended WHERE until > ?"},
    [AUTH_Q_CLEAN_LOGINS] = {"DELETE FROM auth_logins WHERE refresh_until <= ?"},
    [AUTH_Q_CLEAN_REFRESH] = {"DELETE FROM auth_refresh WHERE until <= ?"},
    [AUTH_Q_CLEAN_ENDED] = {"DELETE FROM auth_ended WHERE until <= ?"},
    [AUTH_Q_SETUP_GET] = {"SELECT public_key FROM auth_setup WHERE id = 1"},
    [AUTH_Q_SETUP_PUT] = {"INSERT INTO auth_setup (id, public_key) VALUES (1, ?)"
                          " ON CONFLICT (id) DO UPDATE SET public_key = excluded.public_key"},
};

int
auth_col_bytes(struct sotto_stmt *stmt, int column, uint8_t *out, size_t size)
{
    const struct sotto_view value = sotto_col_blob(stmt, column);

    if (value.size != size)
        return SOTTO_EDATALOSS;
    memcpy(out, value.data, size);
    return 0;
}

int
auth_run_stmt(struct sotto_stmt *stmt)
{
    const int step = sotto_step(stmt);

    return step == SOTTO_ROW ? 0 : step;
}
