/* SPDX-License-Identifier: MIT */
/*
 * The way of our own messages from the queue into the archive, and a look at those still waiting.
 */
#include "outbox.h"

#include "backoff.h"

#include <stdio.h>
#include <string.h>

/* What kind of row a content of ours becomes. */
static enum message_kind
kind_of(const struct buf *content)
{
    Sotto__Content__V1__Content *decoded =
        pb_unpack(&sotto__content__v1__content__descriptor, content->data, content->len);
    enum message_kind kind = KIND_TEXT;
    if (decoded && decoded->body_case == SOTTO__CONTENT__V1__CONTENT__BODY_CHAT_INFO)
        kind = decoded->chat_info->told ? KIND_TITLE : KIND_RENAMED;
    pb_free(decoded);
    return kind;
}

/* Hands out one row: number, chat, epoch, time, content, tries, refusal. */
static int
show_waiting(struct sotto_client *client, sqlite3_stmt *row, sotto_client_message_fn each,
             void *arg)
{
    struct buf content = {0};
    struct buf refusal = {0};
    uint64_t number = (uint64_t)sqlite3_column_int64(row, 0);
    bool failed = sqlite3_column_int64(row, 5) >= RETRY_TRIES_MAX;
    struct message message = {.kind = KIND_TEXT,
                              .epoch = (uint64_t)sqlite3_column_int64(row, 2),
                              .ts_ms = sqlite3_column_int64(row, 3)};
    query_id(row, 1, message.chat_id);
    memcpy(message.from_user, client->account.user_id, ID_BYTES);
    memcpy(message.from_device, client->account.device_id, ID_BYTES);
    int status = query_unseal(&client->profile, row, 4, outbox_content_place(&number), &content,
                              &client->error);
    if (status == SOTTO_CLIENT_OK && failed)
        status = query_unseal(&client->profile, row, 6, outbox_refusal_place(&number), &refusal,
                              &client->error);
    if (refusal.len)
        message.refusal = (const char *)refusal.data; /* stored with its final zero */
    if (status == SOTTO_CLIENT_OK && kind_of(&content) == KIND_TEXT)
        status = message_show(client, &message, &content, NULL, each, arg, NULL);
    buf_fini(&content);
    buf_fini(&refusal);
    return status;
}

int
outbox_show(struct sotto_client *client, const struct outbox_choice *choice,
            sotto_client_message_fn each, void *arg, uint64_t *last_out)
{
    sqlite3_stmt *statement;
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT client_msg_id, chat_id, epoch, created_ms, content, tries, refusal"
                       " FROM outbox WHERE (?1 IS NULL OR chat_id = ?1) AND tries >= ?2"
                       " AND client_msg_id > ?3 ORDER BY client_msg_id",
                       BINDS(bind_blob(choice->chat_id, choice->chat_id ? ID_BYTES : 0),
                             bind_int(choice->failed_only ? RETRY_TRIES_MAX : 0),
                             bind_int((int64_t)choice->after)));
    if (status)
        return status;
    while ((status = query_step(&client->profile, statement, &client->error)) == 1) {
        status = show_waiting(client, statement, each, arg);
        if (status)
            break;
        if (last_out)
            *last_out = (uint64_t)sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return status;
}

int
outbox_next_retry(struct sotto_client *client, int64_t *retry_ms_out)
{
    *retry_ms_out = 0;
    return query_number(&client->profile, retry_ms_out, &client->error,
                        "SELECT MIN(retry_ms) FROM outbox WHERE tries BETWEEN 1 AND ?",
                        BINDS(bind_int(RETRY_TRIES_MAX - 1)));
}

/* A title of ours counts from here on, unless a later one is known. */
static void
take_title(struct chat *chat, uint64_t seq, const struct buf *content)
{
    Sotto__Content__V1__Content *decoded =
        pb_unpack(&sotto__content__v1__content__descriptor, content->data, content->len);
    if (decoded && seq > chat->title_seq) {
        snprintf(chat->title, sizeof(chat->title), "%s", decoded->chat_info->title);
        chat->title_seq = seq;
    }
    pb_free(decoded);
}

static int
archive_own(struct sotto_client *client, const struct message *message, const struct buf *content)
{
    struct chat chat;
    int status = chat_load(client, message->chat_id, &chat);
    if (status == SOTTO_CLIENT_OK && message->kind == KIND_RENAMED)
        take_title(&chat, message->seq, content);
    /* What we told newcomers is no news here. */
    if (status == SOTTO_CLIENT_OK && message->kind != KIND_TITLE)
        status = message_store(client, message, content, NULL);
    if (status || !chat.exists)
        return status;
    if (message->seq == chat.cursor + 1)
        chat.cursor = message->seq;
    if (message->ts_ms > chat.last_ts)
        chat.last_ts = message->ts_ms;
    return chat_store(client, &chat);
}

int
outbox_record_sent(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
                   uint64_t client_msg_id, uint64_t seq, uint64_t epoch, int64_t ts_ms)
{
    sqlite3_stmt *statement;
    struct buf content = {0};
    struct message message = {
        .seq = seq, .epoch = epoch, .ts_ms = ts_ms, .client_msg_id = client_msg_id};
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT content FROM outbox WHERE client_msg_id = ? AND chat_id = ?",
                       BINDS(bind_int((int64_t)client_msg_id), bind_blob(chat_id, ID_BYTES)));
    if (status)
        return status;
    status = query_step(&client->profile, statement, &client->error);
    bool found = status == 1;
    if (found) {
        memcpy(message.chat_id, chat_id, ID_BYTES);
        status = query_unseal(&client->profile, statement, 0, outbox_content_place(&client_msg_id),
                              &content, &client->error);
    }
    sqlite3_finalize(statement);
    if (found && status == SOTTO_CLIENT_OK) {
        memcpy(message.from_user, client->account.user_id, ID_BYTES);
        memcpy(message.from_device, client->account.device_id, ID_BYTES);
        message.kind = kind_of(&content);
        status = archive_own(client, &message, &content);
        if (status == SOTTO_CLIENT_OK)
            status = outbox_remove(client, client_msg_id);
    }
    buf_fini(&content);
    return status;
}

int
outbox_remove(struct sotto_client *client, uint64_t number)
{
    return query_run(&client->profile, &client->error, "DELETE FROM outbox WHERE client_msg_id = ?",
                     BINDS(bind_int((int64_t)number)));
}

int
outbox_renumber(struct sotto_client *client, uint64_t number)
{
    sqlite3_stmt *statement;
    struct buf content = {0};
    struct buf sealed = {0};
    uint64_t next = 0;
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT content FROM outbox WHERE client_msg_id = ?",
                       BINDS(bind_int((int64_t)number)));
    if (status)
        return status;
    status = query_step(&client->profile, statement, &client->error);
    if (status == 1)
        status = query_unseal(&client->profile, statement, 0, outbox_content_place(&number),
                              &content, &client->error);
    sqlite3_finalize(statement);
    if (status == SOTTO_CLIENT_OK && content.len)
        status = meta_next(&client->profile, "client_msg_id", &next, &client->error);
    if (status == SOTTO_CLIENT_OK && next) {
        vault_seal(&client->profile.vault, outbox_content_place(&next), content.data, content.len,
                   &sealed);
        /* It is encrypted when it leaves (renew_stale): the epoch may be another one by then. */
        status = query_run(&client->profile, &client->error,
                           "UPDATE outbox SET client_msg_id = ?, content = ?, message = NULL,"
                           " tries = 0, retry_ms = 0, refusal = NULL WHERE client_msg_id = ?",
                           BINDS(bind_int((int64_t)next), bind_blob(sealed.data, sealed.len),
                                 bind_int((int64_t)number)));
    }
    buf_fini(&content);
    buf_fini(&sealed);
    return status;
}

int
outbox_skip_numbers(struct sotto_client *client, uint64_t least)
{
    struct buf value = {0};
    uint64_t number = 0;
    uint64_t now = (uint64_t)wall_ms();
    if (now < least)
        now = least;
    int status = meta_get(&client->profile, "client_msg_id", &value, &client->error);
    if (status == SOTTO_CLIENT_OK && value.len == sizeof(number))
        memcpy(&number, value.data, sizeof(number));
    buf_fini(&value);
    if (status || number >= now)
        return status;
    return meta_set(&client->profile, "client_msg_id", &now, sizeof(now), &client->error);
}
