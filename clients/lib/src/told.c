/* SPDX-License-Identifier: MIT */
/*
 * What a server tells of a chat besides its entries: that it kept some no longer, that its log is shorter than what
 * this device has read, that this device is not in the chat, that somebody deleted it. None of it can be proven, so it is
 * shown as the server's word, and a chat that keeps an archive has no excuse for a gap.
 */
#include "inbox.h"

#include "offer.h"

#include <string.h>

/* ---- gaps ------------------------------------------------------------------------------------ */

static int
note_gap(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Gap *gap,
         uint64_t lost, bool behind)
{
    struct message message = {
        .seq = gap->upto_seq,
        .kind = KIND_NOT_KEPT,
        .epoch = inbox->chat.epoch,
        .ts_ms = gap->ts_ms,
        .lost = lost,
        .behind = behind,
    };
    memcpy(message.chat_id, inbox->chat.id, ID_BYTES);
    return message_store(client, &message, NULL, NULL);
}

int
inbox_gap(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Gap *gap)
{
    int64_t own = 0;
    if (gap->chat_id.len != ID_BYTES || !seq_is_possible(gap->upto_seq))
        return SOTTO_CLIENT_OK;
    int status = inbox_pick_up(client, inbox, gap->chat_id.data);
    struct chat *chat = &inbox->chat;
    if (status || !chat->exists || chat->state == CHAT_CREATING || gap->upto_seq <= chat->cursor)
        return status;
    if (chat->state == CHAT_OFFERED) {
        chat->cursor = gap->upto_seq;
        inbox->dirty = inbox->moved = true;
        return SOTTO_CLIENT_OK;
    }
    if (chat->mode != SOTTO__CHAT__V1__MODE__MODE_RELAY)
        return SOTTO_CLIENT_OK; /* an archive has no excuse */
    /* Of our own messages we have what we sent. */
    status = query_number(&client->profile, &own, &client->error,
                          "SELECT COUNT(*) FROM messages WHERE chat_id = ? AND seq > ?"
                          " AND seq <= ? AND client_msg_id > 0",
                          BINDS(bind_blob(chat->id, ID_BYTES), bind_int((int64_t)chat->cursor),
                                bind_int((int64_t)gap->upto_seq)));
    if (status)
        return status;
    uint64_t commits = gap->epoch > chat->epoch ? gap->epoch - chat->epoch : 0;
    uint64_t known = commits + (uint64_t)own;
    uint64_t missed = gap->upto_seq - chat->cursor;
    uint64_t lost = missed > known ? missed - known : 0;
    bool behind = commits > 0 && chat->state == CHAT_READY;
    if (behind)
        chat->state = CHAT_BROKEN;
    if (lost && inbox->old_copy) /* perhaps it was us who sent it */
        chat->spent_epoch = chat->epoch;
    if (lost || behind)
        status = note_gap(client, inbox, gap, lost, behind);
    chat->cursor = gap->upto_seq;
    inbox->dirty = inbox->moved = true;
    return status;
}

/* ---- numbers that were made up ---------------------------------------------------------------- */

/* The place from which the log is read once more: where it seemed to jump to a number that it does not have. Nothing
 * that came is between there and its end. 0: there is no such place. */
static int
find_jump(struct sotto_client *client, const struct chat *chat, uint64_t end, int64_t *jump_out)
{
    *jump_out = 0;
    return query_number(
        &client->profile, jump_out, &client->error,
        "SELECT MAX(seq) FROM messages gap WHERE chat_id = ?1 AND kind = ?2"
        " AND seq <= ?3 + 1 AND NOT EXISTS (SELECT 1 FROM messages m"
        " WHERE m.chat_id = ?1 AND m.seq > gap.seq AND m.seq <= ?3"
        " AND m.client_msg_id = 0)",
        BINDS(bind_blob(chat->id, ID_BYTES), bind_int(KIND_GAP), bind_int((int64_t)end)));
}

/* The same without a jump: entries that go on from the end, none of which could be opened, changed nothing here. */
static int
find_unopened(struct sotto_client *client, const struct chat *chat, uint64_t end, int64_t *from_out)
{
    int64_t count = 0;
    int status = query_number(
        &client->profile, &count, &client->error,
        "SELECT COUNT(*) FROM messages WHERE chat_id = ? AND seq > ? AND kind = ?",
        BINDS(bind_blob(chat->id, ID_BYTES), bind_int((int64_t)end), bind_int(KIND_UNDECRYPTABLE)));
    *from_out = (uint64_t)count == chat->cursor - end ? (int64_t)end + 1 : 0;
    return status;
}

/* What could not be opened up there, and what is missing before it, is nothing that the chat has. */
static int
drop_jump(struct sotto_client *client, const struct chat *chat, int64_t jump)
{
    return query_run(&client->profile, &client->error,
                     "DELETE FROM messages WHERE chat_id = ? AND seq >= ? AND kind IN (?, ?)",
                     BINDS(bind_blob(chat->id, ID_BYTES), bind_int(jump), bind_int(KIND_GAP),
                           bind_int(KIND_UNDECRYPTABLE)));
}

static uint64_t
at_most(uint64_t seq, uint64_t most)
{
    return seq < most ? seq : most;
}

int
inbox_ahead(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Cursor *end)
{
    int64_t jump = 0;
    if (end->chat_id.len != ID_BYTES || !seq_is_possible(end->seq))
        return SOTTO_CLIENT_OK;
    int status = inbox_pick_up(client, inbox, end->chat_id.data);
    struct chat *chat = &inbox->chat;
    if (status || !chat->exists || chat->state == CHAT_CREATING || chat->state == CHAT_LEFT ||
        chat->cursor <= end->seq)
        return status;
    status = find_jump(client, chat, end->seq, &jump);
    if (status == SOTTO_CLIENT_OK && !jump)
        status = find_unopened(client, chat, end->seq, &jump);
    if (status == SOTTO_CLIENT_OK && jump)
        status = drop_jump(client, chat, jump);
    if (!jump && chat->state == CHAT_READY)
        chat->state = CHAT_BROKEN;
    chat->cursor = jump ? (uint64_t)jump - 1 : end->seq;
    chat->acked = at_most(chat->acked, chat->cursor);
    chat->read_seq = at_most(chat->read_seq, chat->cursor);
    chat->title_seq = at_most(chat->title_seq, end->seq);
    inbox->dirty = inbox->moved = true;
    return status;
}

/* ---- the end of a chat ------------------------------------------------------------------------ */

int
inbox_left(struct sotto_client *client, struct inbox *inbox, ProtobufCBinaryData chat_id)
{
    if (chat_id.len != ID_BYTES)
        return SOTTO_CLIENT_OK;
    int status = inbox_pick_up(client, inbox, chat_id.data);
    struct chat *chat = &inbox->chat;
    if (status || !chat->exists || chat->state == CHAT_CREATING || chat->state == CHAT_LEFT ||
        chat->state == CHAT_OFFERED)
        return status;
    chat->state = CHAT_LEFT;
    chat->left_how = LEFT_UNPROVEN;
    inbox->dirty = inbox->moved = true;
    return SOTTO_CLIENT_OK;
}

int
inbox_deleted(struct sotto_client *client, struct inbox *inbox,
              const Sotto__Chat__V1__ChatDeleted *deleted)
{
    if (deleted->chat_id.len != ID_BYTES || inbox->deleted_count == INBOX_DELETED_MAX)
        return SOTTO_CLIENT_OK;
    int status = inbox_pick_up(client, inbox, deleted->chat_id.data);
    struct chat *chat = &inbox->chat;
    if (status)
        return status;
    memcpy(inbox->deleted[inbox->deleted_count++], deleted->chat_id.data, ID_BYTES);
    if (chat->exists && chat->state == CHAT_OFFERED) {
        status = inbox_put_down(client, inbox);
        return status ? status : offer_gone(client, deleted->chat_id.data);
    }
    if (!chat->exists || chat->state == CHAT_CREATING || chat->state == CHAT_LEFT)
        return SOTTO_CLIENT_OK;
    struct message message = {
        .seq = chat->cursor,
        .kind = KIND_DELETED,
        .epoch = chat->epoch,
        .ts_ms = deleted->ts_ms,
    };
    memcpy(message.chat_id, chat->id, ID_BYTES);
    take_bytes(deleted->user_id, message.from_user, ID_BYTES);
    chat->state = CHAT_LEFT;
    chat->left_how = LEFT_DELETED;
    memcpy(chat->left_by, message.from_user, ID_BYTES);
    chat->left_ms = deleted->ts_ms;
    inbox->dirty = inbox->moved = true;
    return message_store(client, &message, NULL, NULL);
}
