/* SPDX-License-Identifier: MIT */
/*
 * What a server tells of a chat besides its entries: that it kept some no longer, that this device is not in the
 * chat, that somebody deleted it. None of it can be proven, so it is shown as the server's word, and a chat that
 * keeps an archive has no excuse for a gap.
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
