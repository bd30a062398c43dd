/* SPDX-License-Identifier: MIT */
/*
 * When keys in chats are renewed. See upkeep.h.
 */
#include "upkeep.h"

#include "group.h"

#include <sodium.h>
#include <string.h>

#define DAY_SECONDS 86400
#define RENEW_SECONDS (7 * DAY_SECONDS) /* at the latest; by lot up to a day earlier */
#define RENEW_AT_START_SECONDS DAY_SECONDS
#define AGAIN_SECONDS 3600 /* after a refusal */

static int
note(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], int64_t renewed, int64_t due)
{
    return query_run(&client->profile, &client->error,
                     "INSERT INTO renewals(chat_id, renewed, due) VALUES(?1, ?2, ?3)"
                     " ON CONFLICT(chat_id) DO UPDATE SET renewed = ?2, due = ?3",
                     BINDS(bind_blob(chat_id, ID_BYTES), bind_int(renewed), bind_int(due)));
}

int
upkeep_note_new(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    const int64_t now = wall_seconds();
    return note(client, chat_id, now,
                now + RENEW_SECONDS - (int64_t)randombytes_uniform(DAY_SECONDS));
}

int
upkeep_note_due(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    return note(client, chat_id, 0, 0);
}

/* A clock that was set back leaves times in the future: they count as due, too. */
int
upkeep_start(struct sotto_client *client)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    /* Behind the lock: what another process wrote meanwhile is no future. */
    const int64_t now = wall_seconds();
    status = query_run(&client->profile, &client->error,
                       "INSERT OR IGNORE INTO renewals(chat_id, renewed, due)"
                       " SELECT chat_id, 0, 0 FROM chats WHERE state = ?",
                       BINDS(bind_int(CHAT_READY)));
    if (status == SOTTO_CLIENT_OK)
        status = query_run(&client->profile, &client->error,
                           "UPDATE renewals SET due = ?1 WHERE due > ?1"
                           " AND (renewed <= ?2 OR renewed > ?1)",
                           BINDS(bind_int(now), bind_int(now - RENEW_AT_START_SECONDS)));
    return profile_end(&client->profile, status, &client->error);
}

static int
find_due(struct sotto_client *client, uint8_t ids[UPKEEP_CHATS_MAX][ID_BYTES], size_t *count_out)
{
    sqlite3_stmt *statement;
    *count_out = 0;
    int status =
        query(&client->profile, &statement, &client->error,
              "SELECT r.chat_id FROM renewals r JOIN chats c ON c.chat_id = r.chat_id"
              " WHERE c.state = ? AND r.due <= ? ORDER BY r.due LIMIT ?",
              BINDS(bind_int(CHAT_READY), bind_int(wall_seconds()), bind_int(UPKEEP_CHATS_MAX)));
    if (status)
        return status;
    while ((status = query_step(&client->profile, statement, &client->error)) == 1)
        query_id(statement, 0, ids[(*count_out)++]);
    sqlite3_finalize(statement);
    return status;
}

static int
put_off(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    return query_run(&client->profile, &client->error,
                     "UPDATE renewals SET due = ? WHERE chat_id = ?",
                     BINDS(bind_int(wall_seconds() + AGAIN_SECONDS), bind_blob(chat_id, ID_BYTES)));
}

int
upkeep_renew(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    int status = group_change(client, chat_id, &(struct group_change){.renew = true});
    const bool refused = is_refused(client, status) || status == SOTTO_CLIENT_EBLOCKED;
    if (status && !refused)
        return status;
    status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = refused ? put_off(client, chat_id) : upkeep_note_new(client, chat_id);
    return profile_end(&client->profile, status, &client->error);
}

int
upkeep_run(struct sotto_client *client)
{
    uint8_t ids[UPKEEP_CHATS_MAX][ID_BYTES];
    size_t count = 0;
    int status = find_due(client, ids, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        status = upkeep_renew(client, ids[i]);
    return status;
}

int
upkeep_oldest(struct sotto_client *client, int64_t *renewed_out)
{
    return query_number(&client->profile, renewed_out, &client->error,
                        "SELECT MIN(COALESCE(r.renewed, 0)) FROM chats c"
                        " LEFT JOIN renewals r ON r.chat_id = c.chat_id WHERE c.state = ?",
                        BINDS(bind_int(CHAT_READY)));
}

int
upkeep_note_sibling(struct sotto_client *client, const uint8_t device_id[ID_BYTES], int64_t ts_ms)
{
    return query_run(&client->profile, &client->error,
                     "INSERT INTO sibling_commits(device_id, at) VALUES(?1, ?2)"
                     " ON CONFLICT(device_id) DO UPDATE SET at = MAX(at, ?2)",
                     BINDS(bind_blob(device_id, ID_BYTES), bind_int(ts_ms / 1000)));
}

int
upkeep_sibling(struct sotto_client *client, const uint8_t device_id[ID_BYTES], int64_t *at_out)
{
    *at_out = 0;
    return query_number(&client->profile, at_out, &client->error,
                        "SELECT at FROM sibling_commits WHERE device_id = ?",
                        BINDS(bind_blob(device_id, ID_BYTES)));
}
