/* SPDX-License-Identifier: MIT */
/*
 * The table chats: reading, writing, and finding a chat by what a person calls it.
 */
#include "store.h"

#include "trust.h"

#include "profile.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAT_COLUMNS                                                                          \
    "chat_id, type, mode, state, cursor, acked, read_seq, last_ts, epoch, record, proposals," \
    " spent_epoch, title_owed"
#define PREFIX_CHARS_MIN 4

static struct vault_place
chat_place(const char *column, const uint8_t id[ID_BYTES])
{
    return (struct vault_place){column, id, ID_BYTES};
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int
chat_read(struct sotto_client *client, sqlite3_stmt *row, struct chat *chat)
{
    struct buf value = {0};
    *chat = (struct chat){.exists = true};
    query_id(row, 0, chat->id);
    chat->type = sqlite3_column_int(row, 1);
    chat->mode = sqlite3_column_int(row, 2);
    chat->state = sqlite3_column_int(row, 3);
    chat->cursor = (uint64_t)sqlite3_column_int64(row, 4);
    chat->acked = (uint64_t)sqlite3_column_int64(row, 5);
    chat->read_seq = (uint64_t)sqlite3_column_int64(row, 6);
    chat->last_ts = sqlite3_column_int64(row, 7);
    chat->epoch = (uint64_t)sqlite3_column_int64(row, 8);
    chat->proposals = (uint64_t)sqlite3_column_int64(row, 10);
    chat->spent_epoch = (uint64_t)sqlite3_column_int64(row, 11);
    chat->title_owed = (uint64_t)sqlite3_column_int64(row, 12);
    int status = query_unseal(&client->profile, row, 9, chat_place("chats.record", chat->id),
                              &value, &client->error);
    if (status)
        return status;
    Sotto__Profile__V1__ChatRecord *record =
        pb_unpack(&sotto__profile__v1__chat_record__descriptor, value.data, value.len);
    buf_fini(&value);
    if (!record)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "profile",
                    "a chat in this profile is damaged; restore the profile");
    snprintf(chat->title, sizeof(chat->title), "%s", record->title);
    chat->title_seq = record->title_seq;
    chat->has_inviter = take_bytes(record->inviter, chat->inviter, ID_BYTES);
    if (take_bytes(record->left_by, chat->left_by, ID_BYTES))
        chat->left_how = (enum chat_left)record->left_how;
    chat->left_ms = record->left_ms;
    take_bytes(record->replaced_by, chat->replaced_by, ID_BYTES);
    pb_free(record);
    return SOTTO_CLIENT_OK;
}

/* The first row of a query, if there is one. */
static int
chat_query(struct sotto_client *client, struct chat *chat_out, const char *sql,
           const struct bind *binds, size_t count)
{
    struct chat chat = {0};
    sqlite3_stmt *statement;
    int status = query(&client->profile, &statement, &client->error, sql, binds, count);
    if (status)
        return status;
    status = query_step(&client->profile, statement, &client->error);
    if (status == 1)
        status = chat_read(client, statement, &chat);
    sqlite3_finalize(statement);
    if (status == SOTTO_CLIENT_OK)
        *chat_out = chat;
    return status;
}

int
chat_load(struct sotto_client *client, const uint8_t id[ID_BYTES], struct chat *chat_out)
{
    return chat_query(client, chat_out, "SELECT " CHAT_COLUMNS " FROM chats WHERE chat_id = ?",
                      BINDS(bind_blob(id, ID_BYTES)));
}

int
chat_find_direct(struct sotto_client *client, const uint8_t user_id[ID_BYTES],
                 struct chat *chat_out)
{
    return chat_query(client, chat_out,
                      "SELECT " CHAT_COLUMNS " FROM chats WHERE type = 1 AND state IN (1, 2, 3, 5)"
                      " AND chat_id IN (SELECT chat_id FROM chat_members WHERE user_id = ?)"
                      " AND (SELECT COUNT(*) FROM chat_members m"
                      " WHERE m.chat_id = chats.chat_id) = 2"
                      " ORDER BY state, last_ts DESC",
                      BINDS(bind_blob(user_id, ID_BYTES)));
}

int
chat_store(struct sotto_client *client, const struct chat *chat)
{
    Sotto__Profile__V1__ChatRecord record = SOTTO__PROFILE__V1__CHAT_RECORD__INIT;
    struct buf value = {0};
    struct buf sealed = {0};
    record.title = (char *)(uintptr_t)chat->title;
    record.title_seq = chat->title_seq;
    if (chat->has_inviter)
        record.inviter = view(chat->inviter, ID_BYTES);
    if (chat->left_how != LEFT_UNPROVEN) {
        record.left_how = chat->left_how;
        record.left_by = view(chat->left_by, ID_BYTES);
        record.left_ms = chat->left_ms;
        record.replaced_by = view(chat->replaced_by, ID_BYTES);
    }
    buf_pack(&value, &record.base);
    vault_seal(&client->profile.vault, chat_place("chats.record", chat->id), value.data, value.len,
               &sealed);
    int status = query_run(
        &client->profile, &client->error,
        "INSERT INTO chats(" CHAT_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
        " ?12, ?13)"
        " ON CONFLICT(chat_id) DO UPDATE SET type = ?2, mode = ?3, state = ?4, cursor = ?5,"
        " acked = ?6, read_seq = ?7, last_ts = ?8, epoch = ?9, record = ?10, proposals = ?11,"
        " spent_epoch = ?12, title_owed = ?13,"
        " mls = CASE WHEN ?4 = ?14 THEN NULL ELSE mls END,"
        " pending_call = CASE WHEN ?4 = ?14 THEN NULL ELSE pending_call END",
        BINDS(bind_blob(chat->id, ID_BYTES), bind_int(chat->type), bind_int(chat->mode),
              bind_int(chat->state), bind_int((int64_t)chat->cursor),
              bind_int((int64_t)chat->acked), bind_int((int64_t)chat->read_seq),
              bind_int(chat->last_ts), bind_int((int64_t)chat->epoch),
              bind_blob(sealed.data, sealed.len), bind_int((int64_t)chat->proposals),
              bind_int((int64_t)chat->spent_epoch), bind_int((int64_t)chat->title_owed),
              bind_int(CHAT_LEFT)));
    buf_fini(&value);
    buf_fini(&sealed);
    return status;
}

int
chat_delete(struct sotto_client *client, const uint8_t id[ID_BYTES])
{
    static const char *const deletions[] = {
        "DELETE FROM chat_members WHERE chat_id = ?", "DELETE FROM chat_devices WHERE chat_id = ?",
        "DELETE FROM leavers WHERE chat_id = ?",      "DELETE FROM reports WHERE chat_id = ?",
        "DELETE FROM renewals WHERE chat_id = ?",     "DELETE FROM offers WHERE chat_id = ?",
        "DELETE FROM arrivals WHERE chat_id = ?",     "DELETE FROM chats WHERE chat_id = ?",
    };
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < sizeof(deletions) / sizeof(*deletions); i++)
        status = query_run(&client->profile, &client->error, deletions[i],
                           BINDS(bind_blob(id, ID_BYTES)));
    return status;
}

int
chat_forget(struct sotto_client *client, const uint8_t id[ID_BYTES])
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = query_run(&client->profile, &client->error, "DELETE FROM messages WHERE chat_id = ?",
                       BINDS(bind_blob(id, ID_BYTES)));
    if (status == SOTTO_CLIENT_OK)
        status = query_run(&client->profile, &client->error, "DELETE FROM outbox WHERE chat_id = ?",
                           BINDS(bind_blob(id, ID_BYTES)));
    if (status == SOTTO_CLIENT_OK)
        status = chat_delete(client, id);
    return profile_end(&client->profile, status, &client->error);
}

int
chat_list(struct sotto_client *client, struct chat **chats_out, size_t *count_out)
{
    int64_t rows = 0;
    int status = query_number(&client->profile, &rows, &client->error, "SELECT COUNT(*) FROM chats",
                              NULL, 0);
    if (status)
        return status;
    struct chat *chats = mem_alloc((size_t)rows, sizeof(*chats));
    size_t count = 0;
    sqlite3_stmt *statement;
    status = query(&client->profile, &statement, &client->error,
                   "SELECT " CHAT_COLUMNS " FROM chats ORDER BY last_ts DESC, chat_id LIMIT ?",
                   BINDS(bind_int(rows)));
    if (status) {
        free(chats);
        return status;
    }
    while ((status = query_step(&client->profile, statement, &client->error)) == 1) {
        status = chat_read(client, statement, &chats[count]);
        if (status)
            break;
        count++;
    }
    sqlite3_finalize(statement);
    if (status) {
        free(chats);
        return status;
    }
    *chats_out = chats;
    *count_out = count;
    return SOTTO_CLIENT_OK;
}

/* ---- sealed columns -------------------------------------------------------------------------- */

static const struct {
    const char *place;
    const char *get;
    const char *set;
} blobs[] = {
    [CHAT_BLOB_MLS] = {"chats.mls", "SELECT mls FROM chats WHERE chat_id = ?",
                       "UPDATE chats SET mls = ? WHERE chat_id = ?"},
    [CHAT_BLOB_PENDING_CALL] = {"chats.pending_call",
                                "SELECT pending_call FROM chats WHERE chat_id = ?",
                                "UPDATE chats SET pending_call = ? WHERE chat_id = ?"},
};

int
chat_get_blob(struct sotto_client *client, const uint8_t id[ID_BYTES], enum chat_blob which,
              struct buf *out)
{
    sqlite3_stmt *statement;
    int status = query(&client->profile, &statement, &client->error, blobs[which].get,
                       BINDS(bind_blob(id, ID_BYTES)));
    if (status)
        return status;
    status = query_step(&client->profile, statement, &client->error);
    if (status == 1)
        status = query_unseal(&client->profile, statement, 0, chat_place(blobs[which].place, id),
                              out, &client->error);
    else if (status == 0)
        buf_fini(out);
    sqlite3_finalize(statement);
    return status;
}

int
chat_set_blob(struct sotto_client *client, const uint8_t id[ID_BYTES], enum chat_blob which,
              const void *data, size_t len)
{
    struct buf sealed = {0};
    if (len)
        vault_seal(&client->profile.vault, chat_place(blobs[which].place, id), data, len, &sealed);
    int status = query_run(&client->profile, &client->error, blobs[which].set,
                           BINDS(bind_blob(sealed.data, sealed.len), bind_blob(id, ID_BYTES)));
    buf_fini(&sealed);
    return status;
}

/* ---- finding --------------------------------------------------------------------------------- */

/* How well a chat fits what was typed: 0 not at all, else the smaller the better. Others choose
 * titles and ids, so what is a user's name means that user only: nobody gets a message for bob by
 * calling a group "bob". */
static int
fits(struct sotto_client *client, const struct chat *chat, const char *text, bool is_name,
     int *rank_out)
{
    char hex[SOTTO_CLIENT_HEX_BYTES];
    struct buf title = {0};
    id_hex(chat->id, hex);
    int status = chat_show_title(client, chat, &title);
    *rank_out = 0;
    if (status == SOTTO_CLIENT_OK) {
        const char *shown = (const char *)title.data;
        if (!strcmp(text, hex))
            *rank_out = 1;
        else if (chat->type == CHAT_DIRECT && !strcasecmp(text, shown))
            *rank_out = 2;
        else if (is_name)
            *rank_out = 0;
        else if (!strcmp(text, shown))
            *rank_out = 3;
        else if (strlen(text) >= PREFIX_CHARS_MIN && !strncasecmp(text, hex, strlen(text)))
            *rank_out = 4;
    }
    buf_fini(&title);
    return status;
}

int
chat_find(struct sotto_client *client, const char *text, struct chat *chat_out)
{
    struct chat *chats = NULL;
    size_t count = 0;
    struct chat best = {0};
    int best_rank = 99;
    bool several = false;
    bool is_name = false;
    int status = contact_has_name(client, text, &is_name);
    if (status == SOTTO_CLIENT_OK)
        status = chat_list(client, &chats, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++) {
        int rank;
        status = fits(client, &chats[i], text, is_name, &rank);
        rank *= 2; /* of two that fit alike, the one that we are in */
        if (chats[i].state == CHAT_LEFT && rank)
            rank++;
        if (status || rank == 0 || rank > best_rank || chats[i].state == CHAT_CREATING ||
            chats[i].state == CHAT_OFFERED)
            continue;
        several = rank == best_rank;
        best_rank = rank;
        best = chats[i];
    }
    free(chats);
    if (status)
        return status;
    if (!best.exists && client->account.exists && !strcasecmp(text, client->account.name))
        return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                    "that is you: a chat needs somebody else; `sotto new NAME` starts one");
    if (!best.exists)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "not_found",
                    "there is no chat \"%.64s\"; `sotto chats` lists them, `sotto new` makes one",
                    text);
    if (several)
        return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                    "several chats are called \"%.64s\"; use the id that `sotto chats` shows",
                    text);
    *chat_out = best;
    return SOTTO_CLIENT_OK;
}
