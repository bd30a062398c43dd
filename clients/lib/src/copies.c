/* SPDX-License-Identifier: MIT */
/*
 * Finding out that this profile is an old copy, and going on without harm. See copies.h.
 *
 * A lie of the server in this matter costs a commit, or a message that comes twice: nothing that it could not have by
 * holding an answer back.
 */
#include "copies.h"

#include "outbox.h"
#include "upkeep.h"

#include <stdlib.h>
#include <string.h>

#define SENT_TOP "sent_top"
#define MARK_BYTES 16
/* Milliseconds since 1970 end there, too; what is left suffices for ever. */
#define TOP_MAX (UINT64_C(1) << 53)

/* ---- numbers --------------------------------------------------------------------------------- */

static int
read_number(struct sotto_client *client, const char *name, bool *found_out, uint64_t *number_out)
{
    struct buf value = {0};
    int status = meta_get(&client->profile, name, &value, &client->error);
    *found_out = status == SOTTO_CLIENT_OK && value.len == sizeof(*number_out);
    if (*found_out)
        memcpy(number_out, value.data, sizeof(*number_out));
    buf_fini(&value);
    return status;
}

static int
write_top(struct sotto_client *client, uint64_t top)
{
    return meta_set(&client->profile, SENT_TOP, &top, sizeof(top), &client->error);
}

/* A profile from before this was kept believes in all of its numbers. */
static int
read_top(struct sotto_client *client, uint64_t *top_out)
{
    bool found = false;
    *top_out = 0;
    int status = read_number(client, SENT_TOP, &found, top_out);
    if (status || found)
        return status;
    status = read_number(client, "client_msg_id", &found, top_out);
    return status ? status : write_top(client, *top_out);
}

int
copies_note_given(struct sotto_client *client, uint64_t number)
{
    uint64_t top = 0;
    int status = read_top(client, &top);
    return status || number <= top ? status : write_top(client, number);
}

int
copies_look(struct sotto_client *client, struct inbox *inbox, uint64_t sent_top)
{
    uint64_t top = 0;
    if (sent_top > TOP_MAX)
        return fail_malformed(&client->error);
    int status = read_top(client, &top);
    if (status == SOTTO_CLIENT_OK && sent_top > top) {
        inbox->old_copy = true;
        inbox->sent_top = sent_top;
    }
    return status;
}

/* ---- entries --------------------------------------------------------------------------------- */

/* What waits under a number. */
struct waiting {
    bool exists;
    bool is_sent; /* the same message, byte for byte, as far as the server's mark tells */
};

static int
find_waiting(struct sotto_client *client, const Sotto__Chat__V1__Entry *entry, struct waiting *out)
{
    sqlite3_stmt *statement;
    *out = (struct waiting){0};
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT chat_id, message FROM outbox WHERE client_msg_id = ?",
                       BINDS(bind_int((int64_t)entry->client_msg_id)));
    if (status)
        return status;
    status = query_step(&client->profile, statement, &client->error);
    if (status == 1) {
        uint8_t chat_id[ID_BYTES];
        const uint8_t *bytes = sqlite3_column_blob(statement, 1);
        const size_t len = (size_t)sqlite3_column_bytes(statement, 1);
        const ProtobufCBinaryData mark = entry->mark;
        query_id(statement, 0, chat_id);
        out->exists = true;
        out->is_sent = id_equal(chat_id, entry->chat_id.data) &&
                       (mark.len == 0 || (mark.len == MARK_BYTES && len >= mark.len &&
                                          !memcmp(bytes + len - mark.len, mark.data, mark.len)));
    }
    sqlite3_finalize(statement);
    return status < 0 ? status : SOTTO_CLIENT_OK;
}

int
copies_own_entry(struct sotto_client *client, struct inbox *inbox,
                 const Sotto__Chat__V1__Entry *entry, bool *ours_out)
{
    struct waiting waiting;
    uint64_t top = 0;
    int status = find_waiting(client, entry, &waiting);
    if (status == SOTTO_CLIENT_OK)
        status = read_top(client, &top);
    if (status == SOTTO_CLIENT_OK && waiting.is_sent)
        status = outbox_record_sent(client, inbox->chat.id, entry->client_msg_id, entry->seq,
                                    entry->epoch, entry->ts_ms);
    if (status)
        return status;
    *ours_out = waiting.is_sent || (!waiting.exists && entry->client_msg_id <= top);
    if (*ours_out && entry->client_msg_id <= top)
        return SOTTO_CLIENT_OK;
    inbox->old_copy = true;
    inbox->chat.spent_epoch = inbox->chat.epoch;
    status = upkeep_note_due(client, inbox->chat.id);
    /* From this number on, what waits gets other ones, in the order that it has. */
    if (status == SOTTO_CLIENT_OK && entry->client_msg_id <= top)
        status = write_top(client, entry->client_msg_id - 1);
    return status;
}

/* ---- going on -------------------------------------------------------------------------------- */

/* Numbers above top that wait, in memory of their own (free). */
static int
find_above(struct sotto_client *client, uint64_t top, uint64_t **numbers_out, size_t *count_out)
{
    sqlite3_stmt *statement;
    *count_out = 0;
    *numbers_out = NULL;
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT client_msg_id FROM outbox WHERE client_msg_id > ?"
                       " ORDER BY client_msg_id LIMIT ?",
                       BINDS(bind_int((int64_t)top), bind_int(OUTBOX_ROWS_MAX)));
    if (status)
        return status;
    *numbers_out = mem_alloc(OUTBOX_ROWS_MAX, sizeof(**numbers_out));
    while (*count_out < OUTBOX_ROWS_MAX &&
           (status = query_step(&client->profile, statement, &client->error)) == 1)
        (*numbers_out)[(*count_out)++] = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status < 0 ? status : SOTTO_CLIENT_OK;
}

static int
renumber_above(struct sotto_client *client, const struct inbox *inbox)
{
    uint64_t top = 0;
    uint64_t *numbers = NULL;
    size_t count = 0;
    bool found = false;
    int status = read_top(client, &top);
    if (status == SOTTO_CLIENT_OK)
        status = find_above(client, top, &numbers, &count);
    if (status == SOTTO_CLIENT_OK)
        status = outbox_skip_numbers(client, inbox->sent_top);
    if (status == SOTTO_CLIENT_OK)
        status = read_number(client, "client_msg_id", &found, &top);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        status = outbox_renumber(client, numbers[i]);
    free(numbers);
    return status ? status : write_top(client, top);
}

int
copies_start_over(struct sotto_client *client, const struct inbox *inbox)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = renumber_above(client, inbox);
    return profile_end(&client->profile, status, &client->error);
}

int
copies_taken(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], uint64_t number)
{
    int status = query_run(&client->profile, &client->error,
                           "UPDATE chats SET spent_epoch = epoch WHERE chat_id = ?",
                           BINDS(bind_blob(chat_id, ID_BYTES)));
    if (status == SOTTO_CLIENT_OK)
        status = upkeep_note_due(client, chat_id);
    if (status == SOTTO_CLIENT_OK)
        status = outbox_skip_numbers(client, 0);
    return status ? status : outbox_renumber(client, number);
}

bool
copies_spent(const struct chat *chat)
{
    return chat->spent_epoch != 0 && chat->spent_epoch == chat->epoch;
}

int
copies_renew(struct sotto_client *client)
{
    int64_t spent = 0;
    struct chat *chats = NULL;
    size_t count = 0;
    int status = query_number(&client->profile, &spent, &client->error,
                              "SELECT COUNT(*) FROM chats c WHERE state = ? AND spent_epoch = epoch"
                              " AND EXISTS(SELECT 1 FROM outbox o WHERE o.chat_id = c.chat_id)",
                              BINDS(bind_int(CHAT_READY)));
    if (status || spent == 0)
        return status;
    status = chat_list(client, &chats, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        if (chats[i].state == CHAT_READY && copies_spent(&chats[i]))
            status = upkeep_renew(client, chats[i].id);
    free(chats);
    return status;
}
