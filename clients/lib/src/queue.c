/* SPDX-License-Identifier: MIT */
/*
 * The send queue as a person sees it: put something in, look at what waits, and decide about what
 * the server refused. Going out is the matter of flush.c.
 */
#include "backoff.h"
#include "outbox.h"
#include "talk.h"
#include "text.h"
#include "trust.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX_CHARS_MIN 4 /* of an id, as for chats */

int
sotto_client_queue(struct sotto_client *client, const char *chat, const char *text,
                   sotto_client_message_fn each, void *arg)
{
    struct chat found;
    struct buf content = {0};
    uint64_t number = 0;
    int status = check_text(TR("text"), text, SOTTO_CLIENT_TEXT_CHARS, &client->error);
    if (status == SOTTO_CLIENT_OK)
        status = chat_find(client, chat, &found);
    if (status == SOTTO_CLIENT_OK)
        status = trust_gate_chat(client, found.id);
    if (status)
        return status;
    talk_encode_text(text, &content);
    status = outbox_add(client, found.id, &content, 1, OUTBOX_KEEP, &number);
    buf_fini(&content);
    if (status)
        return status;
    struct outbox_choice choice = {.chat_id = found.id, .after = number - 1};
    return outbox_show(client, &choice, each, arg, NULL);
}

int
sotto_client_waiting(struct sotto_client *client, const char *chat, bool failed_only,
                     sotto_client_message_fn each, void *arg)
{
    struct chat found;
    int status = chat ? chat_find(client, chat, &found) : SOTTO_CLIENT_OK;
    if (status)
        return status;
    struct outbox_choice choice = {.chat_id = chat ? found.id : NULL, .failed_only = failed_only};
    return outbox_show(client, &choice, each, arg, NULL);
}

/* ---- what failed ----------------------------------------------------------------------------- */

/* The failed messages that are meant, by their numbers. */
struct failed {
    const char *id; /* a beginning of it, or NULL */
    uint64_t *numbers;
    size_t count;
};

static int
is_meant(struct sotto_client *client, sqlite3_stmt *row, const char *prefix, bool *meant_out)
{
    uint64_t number = (uint64_t)sqlite3_column_int64(row, 0);
    struct buf content = {0};
    char hex[SOTTO_CLIENT_HEX_BYTES] = "";
    uint8_t id[ID_BYTES];
    int status = query_unseal(&client->profile, row, 1, outbox_content_place(&number), &content,
                              &client->error);
    if (status)
        return status;
    Sotto__Content__V1__Content *decoded =
        pb_unpack(&sotto__content__v1__content__descriptor, content.data, content.len);
    if (decoded && take_bytes(decoded->id, id, ID_BYTES))
        id_hex(id, hex);
    *meant_out = !prefix || !strncasecmp(hex, prefix, strlen(prefix));
    pb_free(decoded);
    buf_fini(&content);
    return SOTTO_CLIENT_OK;
}

static int
find_failed(struct sotto_client *client, struct failed *failed)
{
    sqlite3_stmt *statement;
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT client_msg_id, content FROM outbox WHERE tries >= ?"
                       " ORDER BY client_msg_id LIMIT ?",
                       BINDS(bind_int(RETRY_TRIES_MAX), bind_int(OUTBOX_ROWS_MAX)));
    if (status)
        return status;
    failed->numbers = mem_alloc(OUTBOX_ROWS_MAX, sizeof(*failed->numbers));
    while (failed->count < OUTBOX_ROWS_MAX &&
           (status = query_step(&client->profile, statement, &client->error)) == 1) {
        bool meant = false;
        status = is_meant(client, statement, failed->id, &meant);
        if (status)
            break;
        if (meant)
            failed->numbers[failed->count++] = (uint64_t)sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    if (status >= 0 && failed->id && failed->count == 0)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "not_found",
                    "no failed message begins with \"%.32s\"; `sotto queue` lists them",
                    failed->id);
    return status < 0 ? status : SOTTO_CLIENT_OK;
}

typedef int (*failed_fn)(struct sotto_client *client, uint64_t number);

/* Does something to each failed message that is meant, in one transaction. */
static int
each_failed(struct sotto_client *client, const char *id, failed_fn fn, size_t *count_out)
{
    struct failed failed = {.id = id};
    if (id && strlen(id) < PREFIX_CHARS_MIN)
        return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                    "\"%.32s\" is too short for the id of a message; 4 digits at least", id);
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = find_failed(client, &failed);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < failed.count; i++)
        status = fn(client, failed.numbers[i]);
    *count_out = failed.count;
    free(failed.numbers);
    return profile_end(&client->profile, status, &client->error);
}

int
sotto_client_retry(struct sotto_client *client, const char *id, size_t *count_out)
{
    return each_failed(client, id, outbox_renumber, count_out);
}

int
sotto_client_drop(struct sotto_client *client, const char *id, size_t *count_out)
{
    return each_failed(client, id, outbox_remove, count_out);
}
