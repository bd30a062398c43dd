/* SPDX-License-Identifier: MIT */
/*
 * What comes in of resets, and what becomes of both chats when one is entered. See offer.h.
 */
#include "offer.h"

#include <string.h>

/* ---- what comes in --------------------------------------------------------------------------- */

/* The row of the new chat, of which nothing but the cursor moves before it is entered. */
static int
store_successor(struct sotto_client *client, const struct offer *offer, const struct chat *old,
                uint64_t cursor)
{
    struct chat chat = {
        .type = old->type,
        .mode = old->mode,
        .state = CHAT_OFFERED,
        .cursor = cursor,
        .last_ts = offer->ts_ms,
    };
    memcpy(chat.id, offer->successor, ID_BYTES);
    return chat_store(client, &chat);
}

/* The first offer that can be confirmed stays; the server keeps a chat to one. */
static bool
may_replace(const struct offer *present, const uint8_t successor[ID_BYTES])
{
    return !present->exists || id_equal(present->successor, successor) || offer_is_refused(present);
}

static int
forget_successor(struct sotto_client *client, const struct offer *present)
{
    struct chat chat;
    int status = chat_load(client, present->successor, &chat);
    if (status || !present->exists || !chat.exists || chat.state != CHAT_OFFERED)
        return status;
    return chat_delete(client, present->successor);
}

static int
judge_welcome(struct sotto_client *client, struct offer *offer,
              const Sotto__Chat__V1__Welcome *welcome)
{
    struct invitation invitation;
    int status = invited_open(client, welcome, &invitation);
    if (status == SOTTO_CLIENT_OK && invitation.group)
        status = offer_judge_group(client, offer, invitation.group, invitation.inviter);
    invitation_fini(&invitation);
    return status;
}

int
offer_judge_again(struct sotto_client *client, struct offer *offer)
{
    Sotto__Chat__V1__Welcome *welcome =
        pb_unpack(&sotto__chat__v1__welcome__descriptor, offer->welcome.data, offer->welcome.len);
    int status = SOTTO_CLIENT_OK;
    if (welcome && offer->welcome.len)
        status = judge_welcome(client, offer, welcome);
    pb_free(welcome);
    return status;
}

int
offer_invited(struct sotto_client *client, struct inbox *inbox,
              const Sotto__Chat__V1__Welcome *welcome, const struct chat *old)
{
    struct offer offer;
    int status = offer_load(client, old->id, &offer);
    if (status == SOTTO_CLIENT_OK && may_replace(&offer, welcome->chat_id.data)) {
        status = forget_successor(client, &offer);
        offer.refusal = OFFER_UNSEEN;
        offer.ts_ms = welcome->ts_ms;
        memcpy(offer.successor, welcome->chat_id.data, ID_BYTES);
        take_bytes(welcome->inviter_user, offer.by, ID_BYTES); /* until the signature is seen */
        buf_pack(&offer.welcome, &welcome->base);
        if (status == SOTTO_CLIENT_OK)
            status = judge_welcome(client, &offer, welcome);
        if (status == SOTTO_CLIENT_OK)
            status = store_successor(client, &offer, old, welcome->seq);
        if (status == SOTTO_CLIENT_OK)
            status = offer_store(client, &offer);
        inbox->moved = true;
    }
    offer_fini(&offer);
    return status;
}

/* Over, and there is a new one that we are in. */
static void
close_old(struct chat *old, const uint8_t successor[ID_BYTES], const uint8_t by[ID_BYTES],
          int64_t ts_ms)
{
    old->state = CHAT_LEFT;
    old->left_how = LEFT_REPLACED;
    old->left_ms = ts_ms;
    memcpy(old->left_by, by, ID_BYTES);
    memcpy(old->replaced_by, successor, ID_BYTES);
}

/* The log is closed in favour of a chat that this device is not in. */
static int
note_offer(struct sotto_client *client, struct chat *old, const struct message *message,
           const uint8_t successor[ID_BYTES], bool successor_exists)
{
    struct offer offer;
    int status = offer_load(client, old->id, &offer);
    if (status == SOTTO_CLIENT_OK && !id_equal(offer.successor, successor) &&
        may_replace(&offer, successor)) {
        const bool fits = offer_id_fits(successor, old->id);
        status = forget_successor(client, &offer);
        offer.refusal = fits ? OFFER_UNSEEN : OFFER_OTHER_CHAT;
        offer.ts_ms = message->ts_ms;
        memcpy(offer.successor, successor, ID_BYTES);
        memcpy(offer.by, message->from_user, ID_BYTES);
        buf_fini(&offer.welcome);
        if (status == SOTTO_CLIENT_OK && fits && !successor_exists)
            status = store_successor(client, &offer, old, 0);
        if (status == SOTTO_CLIENT_OK)
            status = offer_store(client, &offer);
    }
    offer_fini(&offer);
    old->state = CHAT_RESET;
    return status;
}

int
offer_told(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Entry *entry)
{
    struct chat *old = &inbox->chat;
    struct chat successor;
    struct message message = {
        .seq = entry->seq, .kind = KIND_RESET, .epoch = entry->epoch, .ts_ms = entry->ts_ms};
    uint8_t id[ID_BYTES];
    Sotto__Chat__V1__ChatReset *said = pb_unpack(&sotto__chat__v1__chat_reset__descriptor,
                                                 entry->message.data, entry->message.len);
    bool good = said && take_bytes(said->chat_id, id, ID_BYTES) &&
                take_bytes(entry->sender_user, message.from_user, ID_BYTES);
    pb_free(said);
    if (!good)
        return SOTTO_CLIENT_OK; /* nothing that this version can say */
    take_bytes(entry->sender_device, message.from_device, ID_BYTES);
    memcpy(message.chat_id, old->id, ID_BYTES);
    int status = message_store(client, &message, NULL, NULL);
    if (status == SOTTO_CLIENT_OK)
        status = chat_load(client, id, &successor);
    if (status)
        return status;
    const bool ours = successor.exists && offer_id_fits(id, old->id);
    if (ours && successor.state == CHAT_READY)
        close_old(old, id, message.from_user, message.ts_ms);
    else if (ours && successor.state == CHAT_CREATING)
        old->state = CHAT_RESET; /* offer_entered does the rest when the answer is in */
    else
        status = note_offer(client, old, &message, id, successor.exists);
    return status;
}

int
offer_disproved(struct sotto_client *client, struct inbox *inbox)
{
    inbox->chat.state = CHAT_BROKEN;
    return query_run(&client->profile, &client->error, "DELETE FROM offers WHERE chat_id = ?",
                     BINDS(bind_blob(inbox->chat.id, ID_BYTES)));
}

int
offer_gone(struct sotto_client *client, const uint8_t successor[ID_BYTES])
{
    int status = query_run(&client->profile, &client->error,
                           "UPDATE offers SET refusal = ?, confirmed = 0 WHERE successor = ?",
                           BINDS(bind_int(OFFER_GONE), bind_blob(successor, ID_BYTES)));
    return status ? status : chat_delete(client, successor);
}

/* ---- entering -------------------------------------------------------------------------------- */

int
offer_wants(struct sotto_client *client, const uint8_t successor[ID_BYTES], bool *wants_out)
{
    int64_t rows = 0;
    int status = query_number(&client->profile, &rows, &client->error,
                              "SELECT COUNT(*) FROM offers WHERE successor = ? AND confirmed = 1",
                              BINDS(bind_blob(successor, ID_BYTES)));
    *wants_out = rows > 0;
    return status;
}

int
offer_may_enter(struct sotto_client *client, const uint8_t successor[ID_BYTES],
                const struct mls_group *group, const uint8_t signer[ID_BYTES], bool *may_out)
{
    struct chat old;
    struct offer offer = {0};
    *may_out = false;
    int status = offer_find_old(client, successor, &old);
    if (status || !old.exists)
        return status;
    status = offer_load(client, old.id, &offer);
    if (status == SOTTO_CLIENT_OK && offer.exists && id_equal(offer.successor, successor)) {
        status = offer_judge_group(client, &offer, group, signer);
        *may_out = status == SOTTO_CLIENT_OK && offer.refusal == OFFER_GOOD;
        offer.confirmed = *may_out;
        if (status == SOTTO_CLIENT_OK)
            status = offer_store(client, &offer);
    }
    offer_fini(&offer);
    return status;
}

int
offer_title(struct sotto_client *client, const uint8_t successor[ID_BYTES],
            char title_out[CHAT_TITLE_BYTES])
{
    struct chat old;
    int status = offer_find_old(client, successor, &old);
    if (status == SOTTO_CLIENT_OK && old.exists)
        memcpy(title_out, old.title, CHAT_TITLE_BYTES);
    return status;
}

/* What the server does, too: who was something is the same, and somebody is owner. */
static int
carry_roles(struct sotto_client *client, const uint8_t old_id[ID_BYTES],
            const uint8_t successor[ID_BYTES])
{
    int64_t owners = 0;
    int status = query_run(
        &client->profile, &client->error,
        "UPDATE chat_members SET role = COALESCE((SELECT o.role FROM chat_members o"
        " WHERE o.chat_id = ?1 AND o.user_id = chat_members.user_id), role) WHERE chat_id = ?2",
        BINDS(bind_blob(old_id, ID_BYTES), bind_blob(successor, ID_BYTES)));
    if (status == SOTTO_CLIENT_OK)
        status = query_number(&client->profile, &owners, &client->error,
                              "SELECT COUNT(*) FROM chat_members WHERE chat_id = ? AND role = ?",
                              BINDS(bind_blob(successor, ID_BYTES), bind_int(ROLE_OWNER)));
    if (status || owners > 0)
        return status;
    return chat_set_role(client, successor, client->account.user_id, ROLE_OWNER);
}

int
offer_entered(struct sotto_client *client, const uint8_t successor[ID_BYTES])
{
    struct chat old;
    struct offer offer = {0};
    int status = offer_find_old(client, successor, &old);
    if (status || !old.exists)
        return status;
    status = offer_load(client, old.id, &offer);
    const bool by_us = !offer.exists;
    if (status == SOTTO_CLIENT_OK && by_us)
        status = carry_roles(client, old.id, successor);
    /* Of a reset of our own the entry is still to come, and messages before it. */
    if (status == SOTTO_CLIENT_OK && (!by_us || old.state == CHAT_RESET)) {
        close_old(&old, successor, by_us ? client->account.user_id : offer.by,
                  by_us ? wall_ms() : offer.ts_ms);
        status = chat_store(client, &old);
    }
    if (status == SOTTO_CLIENT_OK)
        status = query_run(&client->profile, &client->error, "DELETE FROM offers WHERE chat_id = ?",
                           BINDS(bind_blob(old.id, ID_BYTES)));
    offer_fini(&offer);
    return status;
}
