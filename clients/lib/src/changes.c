/* SPDX-License-Identifier: MIT */
/*
 * Events of a chat whose members change. See changes.h.
 */
#include "changes.h"

#include "leaving.h"
#include "notice.h"
#include "text.h"
#include "trust.h"
#include "upkeep.h"

#include <stdlib.h>
#include <string.h>

/* ---- rows ------------------------------------------------------------------------------------ */

/* A row about an entry; from whom is set by the caller. */
static struct message
row_of(const struct chat *chat, uint64_t seq, uint64_t epoch, int64_t ts_ms)
{
    struct message message = {.seq = seq, .epoch = epoch, .ts_ms = ts_ms};
    memcpy(message.chat_id, chat->id, ID_BYTES);
    return message;
}

static void
set_sender(struct message *message, const struct mls_received *received)
{
    struct verify_cert cert;
    if (!group_certificate(&received->sender, &cert))
        return;
    memcpy(message->from_user, cert.user_id, ID_BYTES);
    memcpy(message->from_device, cert.device_id, ID_BYTES);
}

static int
store(struct sotto_client *client, struct message message, enum message_kind kind,
      const uint8_t (*users)[ID_BYTES], size_t count)
{
    if (count == 0)
        return SOTTO_CLIENT_OK;
    message.kind = kind;
    message.users = users;
    message.user_count = count;
    return message_store(client, &message, NULL, NULL);
}

/* ---- commits --------------------------------------------------------------------------------- */

/* Stores who is in `list` and not in `others`. */
static int
store_difference(struct sotto_client *client, const struct message *model, enum message_kind kind,
                 const uint8_t (*list)[ID_BYTES], size_t count, const uint8_t (*others)[ID_BYTES],
                 size_t other_count)
{
    uint8_t(*users)[ID_BYTES] = mem_alloc(count, ID_BYTES);
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (!chat_lists_member(others, other_count, list[i]))
            memcpy(users[found++], list[i], ID_BYTES);
    int status = store(client, *model, kind, (const uint8_t(*)[ID_BYTES])users, found);
    free(users);
    return status;
}

/* Compares the stored roster with the group's and takes that over. */
static int
note_difference(struct sotto_client *client, const struct message *model,
                const struct mls_group *group)
{
    uint8_t(*before)[ID_BYTES] = NULL;
    uint8_t(*after)[ID_BYTES] = NULL;
    size_t before_count = 0;
    int status = chat_members(client, model->chat_id, &before, &before_count);
    if (status)
        return status;
    size_t after_count = group_users(group, &after);
    const uint8_t(*old)[ID_BYTES] = (const uint8_t(*)[ID_BYTES])before;
    const uint8_t(*new)[ID_BYTES] = (const uint8_t(*)[ID_BYTES])after;
    status =
        store_difference(client, model, KIND_MEMBER_REMOVED, old, before_count, new, after_count);
    if (status == SOTTO_CLIENT_OK)
        status =
            store_difference(client, model, KIND_MEMBER_ADDED, new, after_count, old, before_count);
    if (status == SOTTO_CLIENT_OK)
        status = chat_set_members(client, model->chat_id, new, after_count);
    if (status == SOTTO_CLIENT_OK)
        status = notice_devices(client, model, group);
    free(before);
    free(after);
    return status;
}

int
changes_own_commit(struct sotto_client *client, const struct chat *chat,
                   const struct mls_group *group, uint64_t seq, int64_t ts_ms)
{
    struct message message = row_of(chat, seq, chat->epoch, ts_ms);
    memcpy(message.from_user, client->account.user_id, ID_BYTES);
    memcpy(message.from_device, client->account.device_id, ID_BYTES);
    return note_difference(client, &message, group);
}

/* What follows in the group is not for us, so what else the commit did we do not look at. */
static int
end_membership(struct sotto_client *client, struct chat *chat, const struct message *message)
{
    chat->state = CHAT_LEFT;
    chat->left_how = LEFT_REMOVED;
    memcpy(chat->left_by, message->from_user, ID_BYTES);
    chat->left_ms = message->ts_ms;
    return store(client, *message, KIND_MEMBER_REMOVED,
                 (const uint8_t(*)[ID_BYTES])client->account.user_id, 1);
}

int
changes_commit(struct sotto_client *client, struct inbox *inbox,
               const Sotto__Chat__V1__Entry *entry, const struct mls_received *received)
{
    struct message message = row_of(&inbox->chat, entry->seq, entry->epoch, entry->ts_ms);
    int status = SOTTO_CLIENT_OK;
    set_sender(&message, received);
    if (id_equal(message.from_user, client->account.user_id))
        status = upkeep_note_sibling(client, message.from_device, entry->ts_ms);
    if (status)
        return status;
    return received->removes_self ? end_membership(client, &inbox->chat, &message)
                                  : note_difference(client, &message, inbox->group);
}

/* ---- leaving --------------------------------------------------------------------------------- */

/* The server asks to take out a device: shown as the user's, who removed it or not. */
static int
take_asked(struct sotto_client *client, struct inbox *inbox, struct message message,
           const struct mls_change *change)
{
    struct verify_cert cert;
    bool gone = false;
    if (!group_certificate(&change->credential, &cert))
        return SOTTO_CLIENT_OK;
    int status = leaving_asked(client, &inbox->chat, &cert, &gone);
    if (status)
        return status;
    memcpy(message.from_user, cert.user_id, ID_BYTES);
    memcpy(message.from_device, cert.device_id, ID_BYTES);
    message.devices = (const uint8_t(*)[ID_BYTES])cert.device_id;
    inbox->somebody_left |= gone;
    /* A deleted account was told by an entry of its own. */
    struct contact contact;
    status = contact_load(client, cert.user_id, &contact);
    if (status || contact.deleted_ms)
        return status;
    return store(client, message, gone ? KIND_DEVICE_GONE : KIND_DEVICE_DISPUTED,
                 (const uint8_t(*)[ID_BYTES])cert.user_id, 1);
}

int
changes_proposal(struct sotto_client *client, struct inbox *inbox,
                 const Sotto__Chat__V1__Entry *entry, const struct mls_received *received)
{
    struct chat *chat = &inbox->chat;
    const struct mls_change *change = received->changes;
    struct message message = row_of(chat, entry->seq, entry->epoch, entry->ts_ms);
    int status = SOTTO_CLIENT_OK;
    if (received->sender_type == MLS_SENDER_EXTERNAL)
        return take_asked(client, inbox, message, change);
    set_sender(&message, received);
    if (change->leaf == received->sender_leaf) {
        status = chat_drop_member(client, chat->id, message.from_user);
        if (status == SOTTO_CLIENT_OK)
            status = store(client, message, KIND_MEMBER_LEFT,
                           (const uint8_t(*)[ID_BYTES])message.from_user, 1);
    }
    if (change->leaf == mls_group_own_leaf(inbox->group)) {
        chat->state = CHAT_LEFT;
        chat->left_how = LEFT_SELF;
        memcpy(chat->left_by, message.from_user, ID_BYTES);
        chat->left_ms = message.ts_ms;
    } else {
        inbox->somebody_left = true;
    }
    return status;
}

/* ---- accounts that are deleted --------------------------------------------------------------- */

static bool
read_deletion(const Sotto__Chat__V1__Entry *entry, struct verify_deletion *out)
{
    Sotto__Chat__V1__AccountDeleted *said = pb_unpack(&sotto__chat__v1__account_deleted__descriptor,
                                                      entry->message.data, entry->message.len);
    bool good = said && take_bytes(said->user_id, out->user_id, ID_BYTES) &&
                take_bytes(said->by_device, out->by_device, ID_BYTES);
    if (good) {
        out->deleted_at = (uint64_t)said->deleted_ms;
        /* One of another length does not verify. */
        take_bytes(said->signature, out->signature, VERIFY_SIGNATURE_BYTES);
    }
    pb_free(said);
    return good;
}

/* In a group the user is a member no longer; of a chat of two the other one stays named. */
int
changes_account_deleted(struct sotto_client *client, struct inbox *inbox,
                        const Sotto__Chat__V1__Entry *entry)
{
    const struct chat *chat = &inbox->chat;
    struct message message = row_of(chat, entry->seq, entry->epoch, entry->ts_ms);
    struct verify_deletion deletion = {0};
    bool proven = false;
    int role = 0;
    if (!read_deletion(entry, &deletion) || id_equal(deletion.user_id, client->account.user_id))
        return SOTTO_CLIENT_OK;
    int status = chat_role(client, chat->id, deletion.user_id, &role);
    if (status || role == 0)
        return status;
    status = trust_take_deletion(client, &deletion, &proven);
    if (status == SOTTO_CLIENT_OK && proven && chat->type == CHAT_GROUP)
        status = chat_drop_member(client, chat->id, deletion.user_id);
    if (status)
        return status;
    message.kind = KIND_ACCOUNT_DELETED;
    memcpy(message.from_user, deletion.user_id, ID_BYTES);
    memcpy(message.from_device, deletion.by_device, ID_BYTES);
    return message_store(client, &message, NULL,
                         proven ? NULL : TR("says the server, without a proof"));
}

/* ---- roles ----------------------------------------------------------------------------------- */

int
changes_role(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Entry *entry)
{
    struct chat *chat = &inbox->chat;
    struct message message = row_of(chat, entry->seq, entry->epoch, entry->ts_ms);
    uint8_t user[1][ID_BYTES];
    int before = 0;
    Sotto__Chat__V1__UserRole *given =
        pb_unpack(&sotto__chat__v1__user_role__descriptor, entry->message.data, entry->message.len);
    bool good = given && take_bytes(given->user_id, user[0], ID_BYTES) &&
                (int)given->role >= ROLE_OWNER && (int)given->role <= ROLE_MEMBER;
    message.role = good ? (int)given->role : 0;
    pb_free(given);
    if (!good)
        return SOTTO_CLIENT_OK; /* nothing that this version can say */
    take_bytes(entry->sender_user, message.from_user, ID_BYTES);
    take_bytes(entry->sender_device, message.from_device, ID_BYTES);
    int status = chat_role(client, chat->id, user[0], &before);
    if (status || before == 0)
        return status;
    status = chat_set_role(client, chat->id, user[0], message.role);
    return status ? status
                  : store(client, message, KIND_ROLE_CHANGED, (const uint8_t(*)[ID_BYTES])user, 1);
}
