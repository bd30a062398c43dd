/* SPDX-License-Identifier: MIT */
/*
 * Sending and reading.
 */
#include "talk.h"

#include "chat.h"
#include "joining.h"
#include "leaving.h"
#include "outbox.h"
#include "session.h"
#include "sync.h"
#include "trust.h"
#include "text.h"

#include <string.h>

#define SEND_MAX OUTBOX_BATCH

/* ---- sending --------------------------------------------------------------------------------- */

void
talk_encode_text(const char *text, struct buf *out)
{
    Sotto__Content__V1__Content content;
    Sotto__Content__V1__Text body = SOTTO__CONTENT__V1__TEXT__INIT;
    uint8_t id[ID_BYTES];
    outbox_content(&content, id);
    body.text = (char *)(uintptr_t)text;
    content.body_case = SOTTO__CONTENT__V1__CONTENT__BODY_TEXT;
    content.text = &body;
    buf_pack(out, &content.base);
}

/* Hands out what was sent, in order; a message that is not in the archive was refused or still
 * waits. */
static int
show_sent(struct sotto_client *client, const struct buf *contents, const uint64_t *numbers,
          size_t count, sotto_client_message_fn each, void *arg, bool *all_out)
{
    bool stopped = false;
    *all_out = true;
    for (size_t i = 0; i < count && !stopped; i++) {
        struct message message;
        int status = message_find_sent(client, numbers[i], &message);
        if (status)
            return status;
        if (message.seq == 0) {
            *all_out = false;
            continue;
        }
        status = message_show(client, &message, &contents[i], NULL, each, arg, &stopped);
        if (status)
            return status;
    }
    return SOTTO_CLIENT_OK;
}

static int
send_contents(struct sotto_client *client, const struct chat *chat, const struct buf *contents,
              size_t count, sotto_client_message_fn each, void *arg)
{
    uint64_t numbers[SEND_MAX];
    bool all = false;
    int status = outbox_add(client, chat->id, contents, count, OUTBOX_DROP, numbers);
    if (status)
        return status;
    int sent = outbox_flush(client);
    struct sotto_client_error kept = client->error;
    /* A relay chat keeps our own messages until we, too, say that we have them. */
    if (sent == SOTTO_CLIENT_OK && chat->mode == SOTTO__CHAT__V1__MODE__MODE_RELAY)
        sync_ack(client);
    status = show_sent(client, contents, numbers, count, each, arg, &all);
    if (status || all)
        return status;
    if (sent == SOTTO_CLIENT_ENETWORK)
        return fail(&client->error, sent, kept.code,
                    "%.160s; the message is kept and goes out with the next command", kept.message);
    client->error = kept;
    return sent ? sent
                : fail(&client->error, SOTTO_CLIENT_EFAILED, "aborted",
                       "the message waits in the profile and goes out with the next command");
}

/* The chat to send to, with its members looked at if the connection is new. Without a connection,
 * or when it breaks here, the message is kept if the chat is known and nothing bars it. */
static int
choose_chat(struct sotto_client *client, const char *text, struct chat *chat_out)
{
    const bool fresh = !client->attached;
    int status = session_ready(client);
    if (status == SOTTO_CLIENT_OK)
        status = sync_once(client);
    if (status == SOTTO_CLIENT_OK)
        status = joining_resolve(client, text, chat_out);
    if (status == SOTTO_CLIENT_OK)
        status = fresh ? chat_check_readers(client, chat_out->id)
                       : chat_drop_and_gate(client, chat_out->id);
    if (status != SOTTO_CLIENT_ENETWORK)
        return status;
    struct sotto_client_error kept = client->error;
    status = chat_find(client, text, chat_out);
    if (status == SOTTO_CLIENT_OK)
        status = trust_gate_chat(client, chat_out->id);
    if (status == SOTTO_CLIENT_OK)
        client->error = kept;
    return status;
}

int
sotto_client_send_many(struct sotto_client *client, const char *chat, const char *const *texts,
                       size_t count, sotto_client_message_fn each, void *arg)
{
    struct chat found;
    struct buf contents[SEND_MAX] = {{0}};
    if (count > SEND_MAX)
        return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                    "at most %d texts can be sent in one go", SEND_MAX);
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        status = check_text(TR("text"), texts[i], SOTTO_CLIENT_TEXT_CHARS, &client->error);
    if (status == SOTTO_CLIENT_OK)
        status = choose_chat(client, chat, &found);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        talk_encode_text(texts[i], &contents[i]);
    if (status == SOTTO_CLIENT_OK)
        status = send_contents(client, &found, contents, count, each, arg);
    for (size_t i = 0; i < count; i++)
        buf_fini(&contents[i]);
    return status;
}

int
sotto_client_send(struct sotto_client *client, const char *chat, const char *text,
                  sotto_client_message_fn each, void *arg)
{
    return sotto_client_send_many(client, chat, &text, 1, each, arg);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int
mark_read(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    return query_run(&client->profile, &client->error,
                     "UPDATE chats SET read_seq = MAX(read_seq, cursor) WHERE chat_id = ?",
                     BINDS(bind_blob(chat_id, ID_BYTES)));
}

/* The limit counts messages; events come along with those around them. */
static int
find_bounds(struct sotto_client *client, const struct chat *chat, uint64_t since, size_t limit,
            int64_t *first_out, int64_t *last_out)
{
    int64_t rows = limit && limit < INT64_MAX ? (int64_t)limit : INT64_MAX;
    *first_out = (int64_t)since + 1;
    *last_out = INT64_MAX;
    /* Without a start the last ones are meant. When there are no more than the limit, all events
     * belong to them. */
    const char *sql =
        since ? "SELECT COALESCE((SELECT seq FROM messages WHERE chat_id = ?1 AND kind = 1"
                " AND seq > ?2 ORDER BY seq LIMIT 1 OFFSET ?3 - 1), ?4)"
              : "SELECT COALESCE((SELECT seq FROM messages WHERE chat_id = ?1 AND kind = 1"
                " AND seq > ?2 AND ?4 > 0 ORDER BY seq DESC LIMIT 1 OFFSET ?3 - 1), 0)";
    return query_number(&client->profile, since ? last_out : first_out, &client->error, sql,
                        BINDS(bind_blob(chat->id, ID_BYTES), bind_int((int64_t)since),
                              bind_int(rows), bind_int(INT64_MAX)));
}

static int
show_archive(struct sotto_client *client, const struct chat *chat, uint64_t since, size_t limit,
             sotto_client_message_fn each, void *arg)
{
    int64_t first = 0;
    int64_t last = INT64_MAX;
    bool stopped = false;
    int status = find_bounds(client, chat, since, limit, &first, &last);
    if (status == SOTTO_CLIENT_OK)
        status = message_each(client,
                              "SELECT " MESSAGE_COLUMNS
                              " FROM messages WHERE chat_id = ? AND seq >= ? AND seq <= ?"
                              " AND kind IN " KINDS_READ " ORDER BY seq, local_id",
                              BINDS(bind_blob(chat->id, ID_BYTES), bind_int(first), bind_int(last)),
                              each, arg, NULL, &stopped);
    if (status == SOTTO_CLIENT_OK && !stopped)
        status = outbox_show(client, &(struct outbox_choice){.chat_id = chat->id}, each, arg, NULL);
    return status ? status : mark_read(client, chat->id);
}

int
sotto_client_read(struct sotto_client *client, const char *chat, uint64_t since, size_t limit,
                  sotto_client_message_fn each, void *arg)
{
    struct chat found;
    struct sotto_client_error kept;
    int online = session_ready(client);
    if (online == SOTTO_CLIENT_OK)
        online = outbox_flush(client);
    if (online == SOTTO_CLIENT_OK)
        online = sync_run(client, false);
    if (online == SOTTO_CLIENT_OK)
        online = leaving_commit(client);
    if (online == SOTTO_CLIENT_OK)
        online = joining_resolve(client, chat, &found);
    kept = client->error;
    /* The archive is ours, whatever became of the connection or the login. */
    int status = client->account.exists ? chat_find(client, chat, &found) : online;
    if (status == SOTTO_CLIENT_OK)
        status = show_archive(client, &found, since, limit, each, arg);
    if (status == SOTTO_CLIENT_OK && online) {
        client->error = kept;
        status = online;
    }
    return status;
}
