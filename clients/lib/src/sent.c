/* SPDX-License-Identifier: MIT */
/*
 * The way of our own messages from the queue into the archive, and a look at those still waiting.
 */
#include "outbox.h"

#include <string.h>

/* What kind of row a content of ours becomes. */
static enum message_kind
kind_of(const struct buf *content)
{
    Sotto__Content__V1__Content *decoded =
        pb_unpack(&sotto__content__v1__content__descriptor, content->data, content->len);
    bool title = decoded && decoded->body_case == SOTTO__CONTENT__V1__CONTENT__BODY_CHAT_INFO;
    pb_free(decoded);
    return title ? KIND_TITLE : KIND_TEXT;
}

int
outbox_show(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
            sotto_client_message_fn each, void *arg)
{
    sqlite3_stmt *statement;
    struct buf content = {0};
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT client_msg_id, epoch, created_ms, content FROM outbox"
                       " WHERE chat_id = ? ORDER BY client_msg_id",
                       BINDS(bind_blob(chat_id, ID_BYTES)));
    if (status)
        return status;
    while ((status = query_step(&client->profile, statement, &client->error)) == 1) {
        uint64_t number = (uint64_t)sqlite3_column_int64(statement, 0);
        struct message message = {.kind = KIND_TEXT,
                                  .epoch = (uint64_t)sqlite3_column_int64(statement, 1),
                                  .ts_ms = sqlite3_column_int64(statement, 2)};
        memcpy(message.chat_id, chat_id, ID_BYTES);
        memcpy(message.from_user, client->account.user_id, ID_BYTES);
        memcpy(message.from_device, client->account.device_id, ID_BYTES);
        status = query_unseal(&client->profile, statement, 3, outbox_content_place(&number),
                              &content, &client->error);
        if (status == SOTTO_CLIENT_OK && kind_of(&content) == KIND_TEXT)
            status = message_show(client, &message, &content, NULL, each, arg, NULL);
        if (status)
            break;
    }
    sqlite3_finalize(statement);
    buf_fini(&content);
    return status;
}

static int
archive_own(struct sotto_client *client, const struct message *message, const struct buf *content)
{
    struct chat chat;
    int status = message_store(client, message, content, NULL);
    if (status == SOTTO_CLIENT_OK)
        status = chat_load(client, message->chat_id, &chat);
    if (status || !chat.exists)
        return status;
    if (message->seq == chat.cursor + 1)
        chat.cursor = message->seq;
    if (message->ts_ms > chat.last_ts)
        chat.last_ts = message->ts_ms;
    return chat_store(client, &chat);
}

int
outbox_record_sent(struct sotto_client *client, uint64_t client_msg_id, uint64_t seq,
                   uint64_t epoch, int64_t ts_ms)
{
    sqlite3_stmt *statement;
    struct buf content = {0};
    struct message message = {
        .seq = seq, .epoch = epoch, .ts_ms = ts_ms, .client_msg_id = client_msg_id};
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT chat_id, content FROM outbox WHERE client_msg_id = ?",
                       BINDS(bind_int((int64_t)client_msg_id)));
    if (status)
        return status;
    status = query_step(&client->profile, statement, &client->error);
    bool found = status == 1;
    if (found) {
        query_id(statement, 0, message.chat_id);
        status = query_unseal(&client->profile, statement, 1, outbox_content_place(&client_msg_id),
                              &content, &client->error);
    }
    sqlite3_finalize(statement);
    if (found && status == SOTTO_CLIENT_OK) {
        memcpy(message.from_user, client->account.user_id, ID_BYTES);
        memcpy(message.from_device, client->account.device_id, ID_BYTES);
        message.kind = kind_of(&content);
        status = archive_own(client, &message, &content);
        if (status == SOTTO_CLIENT_OK)
            status = query_run(&client->profile, &client->error,
                               "DELETE FROM outbox WHERE client_msg_id = ?",
                               BINDS(bind_int((int64_t)client_msg_id)));
    }
    buf_fini(&content);
    return status;
}
