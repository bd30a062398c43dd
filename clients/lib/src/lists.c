/* SPDX-License-Identifier: MIT */
/*
 * What a user looks at: the list of chats and the members of one. The profile knows most of it; the
 * server adds roles, and the chats in which another device of ours has to add this one.
 */
#include "chat.h"

#include "group.h"
#include "joining.h"
#include "leaving.h"
#include "offer.h"
#include "own_devices.h"
#include "session.h"
#include "sync.h"
#include "trust.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CURE_BYTES 256

static const char *
mode_name(int mode)
{
    static const char *const names[] = {"", "archive", "relay", "peers", "ephemeral"};
    return mode >= 1 && mode <= 4 ? names[mode] : "";
}

static const char *
state_name(const struct chat *chat)
{
    if (!chat->exists)
        return TR("waiting");
    switch (chat->state) {
    case CHAT_READY: return TR("ready");
    case CHAT_CREATING: return TR("creating");
    case CHAT_LEFT: return TR("left");
    case CHAT_RESET: return TR("reset");
    default: return TR("broken");
    }
}

/* ---- one chat -------------------------------------------------------------------------------- */

/* Keeps the text of the last message for the list. */
static int
keep_text(const struct sotto_client_message *message, void *arg)
{
    struct buf *text = arg;
    if (message->text)
        buf_set(text, message->text, strlen(message->text) + 1);
    return 1;
}

static int
count_unread(struct sotto_client *client, const struct chat *chat, uint64_t *unread_out)
{
    int64_t unread = 0;
    int status =
        query_number(&client->profile, &unread, &client->error,
                     "SELECT COUNT(*) FROM messages WHERE chat_id = ? AND kind = 1"
                     " AND seq > ? AND from_user <> ?",
                     BINDS(bind_blob(chat->id, ID_BYTES), bind_int((int64_t)chat->read_seq),
                           bind_blob(client->account.user_id, ID_BYTES)));
    *unread_out = (uint64_t)unread;
    return status;
}

static const char *
left_name(enum chat_left how)
{
    switch (how) {
    case LEFT_SELF: return "left";
    case LEFT_REMOVED: return "removed";
    case LEFT_DELETED: return "deleted";
    case LEFT_REPLACED: return "replaced";
    case LEFT_UNPROVEN: break;
    }
    return "unproven";
}

/* How this device came to be no member; by has room for a name. */
static int
fill_left(struct sotto_client *client, const struct chat *chat, struct sotto_client_chat *shown,
          char by[SOTTO_CLIENT_NAME_BYTES])
{
    if (chat->state != CHAT_LEFT)
        return SOTTO_CLIENT_OK;
    shown->left_how = left_name(chat->left_how);
    if (chat->left_how == LEFT_UNPROVEN)
        return SOTTO_CLIENT_OK;
    if (chat->left_how == LEFT_REPLACED)
        id_hex(chat->replaced_by, shown->replaced_by);
    shown->left_ts = chat->left_ms;
    shown->left_by = by;
    return contact_show_name(client, chat->left_by, by);
}

/* A chat that somebody starts anew: what there is to do, in room for a sentence. It may be known by the invitation
 * alone, before the log says so. */
static int
fill_reset(struct sotto_client *client, const struct chat *chat, struct sotto_client_chat *shown,
           char sentence[OFFER_SENTENCE_BYTES])
{
    struct offer offer = {0};
    if (!chat->exists || chat->state == CHAT_LEFT)
        return SOTTO_CLIENT_OK;
    int status = offer_load(client, chat->id, &offer);
    if (status == SOTTO_CLIENT_OK && offer.exists &&
        (chat->state == CHAT_RESET || !offer_is_refused(&offer))) {
        shown->state = TR("reset");
        shown->cure = sentence;
        status = offer_sentence(client, &offer, sentence);
    }
    offer_fini(&offer);
    return status;
}

/* A chat that this device lost track of: it joins anew by itself, unless it has just done so. */
static int
fill_broken(struct sotto_client *client, const struct chat *chat, struct sotto_client_chat *shown,
            struct buf *why)
{
    if (!chat->exists || chat->state != CHAT_BROKEN || shown->cure)
        return SOTTO_CLIENT_OK;
    int status = joining_reason(client, chat->id, true, why);
    shown->cure =
        why->len
            ? tr((const char *)why->data)
            : tr("this device missed changes; `sotto listen` joins it anew, as do `sotto read` and `sotto send`");
    return status;
}

/* The server's word on our role; else what the log said. */
static int
fill_role(struct sotto_client *client, const struct chat *chat, const Sotto__Chat__V1__Chat *server,
          struct sotto_client_chat *shown)
{
    int role = 0;
    int status = SOTTO_CLIENT_OK;
    if (server)
        role = (int)server->role;
    else if (chat->state == CHAT_READY)
        status = chat_role(client, chat->id, client->account.user_id, &role);
    shown->role = chat_role_name(role);
    return status;
}

int
chat_show(struct sotto_client *client, const struct chat *chat, const Sotto__Chat__V1__Chat *server,
          sotto_client_chat_fn each, void *arg)
{
    struct buf title = {0};
    struct buf text = {0};
    struct buf why = {0};
    char(*names)[SOTTO_CLIENT_NAME_BYTES] = NULL;
    const char **members = NULL;
    char by[SOTTO_CLIENT_NAME_BYTES];
    char sentence[OFFER_SENTENCE_BYTES];
    bool gone = false;
    struct sotto_client_chat shown = {
        .type = chat->type == CHAT_DIRECT ? TR("direct") : TR("group"),
        .mode = mode_name(chat->mode),
        /* The account is in it, and this device is not any more: it was removed and came back. */
        .state = chat_is_away(chat) && server ? TR("waiting") : state_name(chat),
        .epoch = chat->epoch,
        .last_seq = server && server->last_seq > chat->cursor ? server->last_seq : chat->cursor,
        .last_ts = chat->last_ts,
    };
    id_hex(chat->id, shown.id);
    int status = chat_is_gone(client, chat, by, &gone);
    if (gone && chat->state != CHAT_LEFT)
        shown.state = TR("gone");
    if (status == SOTTO_CLIENT_OK)
        status = chat_show_title(client, chat, &title);
    if (status == SOTTO_CLIENT_OK)
        status = fill_role(client, chat, server, &shown);
    if (status == SOTTO_CLIENT_OK)
        status = fill_left(client, chat, &shown, by);
    if (status == SOTTO_CLIENT_OK)
        status = fill_reset(client, chat, &shown, sentence);
    if (status == SOTTO_CLIENT_OK)
        status = fill_broken(client, chat, &shown, &why);
    if (status == SOTTO_CLIENT_OK)
        status = count_unread(client, chat, &shown.unread);
    if (status == SOTTO_CLIENT_OK)
        status = chat_member_names(client, chat->id, &names, &shown.member_count);
    if (status == SOTTO_CLIENT_OK)
        status = message_each(client,
                              "SELECT " MESSAGE_COLUMNS " FROM messages WHERE chat_id = ?"
                              " AND kind = 1 ORDER BY seq DESC LIMIT 1",
                              BINDS(bind_blob(chat->id, ID_BYTES)), keep_text, &text, NULL, NULL);
    if (status == SOTTO_CLIENT_OK) {
        members = contact_name_list(names, shown.member_count);
        shown.title = (const char *)title.data;
        shown.last_text = (const char *)text.data;
        shown.members = members;
        each(&shown, arg);
    }
    free(members);
    free(names);
    buf_fini(&title);
    buf_fini(&text);
    buf_fini(&why);
    return status;
}

/* ---- all chats ------------------------------------------------------------------------------- */

struct listing {
    bool unread_only;
    const char *type;
    struct sotto_client *client;
    const char *cure; /* for chats that wait */
    int status;
    sotto_client_chat_fn each;
    void *arg;
    bool stopped;
};

/* What makes a chat that waits ready, and why it is not by now. */
static int
name_cure(const struct listing *listing, const struct sotto_client_chat *chat, struct buf *cure)
{
    struct buf why = {0};
    uint8_t id[ID_BYTES];
    if (strcmp(chat->state, "waiting") || !id_from_hex(chat->id, id))
        return SOTTO_CLIENT_OK;
    int status = joining_reason(listing->client, id, false, &why);
    buf_append(cure, listing->cure, strlen(listing->cure));
    if (why.len) {
        const char *text = tr((const char *)why.data);
        buf_append(cure, " (", 2);
        buf_append(cure, text, strlen(text));
        buf_append(cure, ")", 1);
    }
    buf_append(cure, "", 1);
    buf_fini(&why);
    return status;
}

static int
pass_on(const struct sotto_client_chat *chat, void *arg)
{
    struct listing *listing = arg;
    if (listing->unread_only && chat->unread == 0)
        return 0;
    if (listing->type && strcmp(listing->type, chat->type))
        return 0;
    struct sotto_client_chat shown = *chat;
    struct buf cure = {0};
    listing->status = name_cure(listing, chat, &cure);
    if (cure.len)
        shown.cure = (const char *)cure.data;
    if (listing->status == SOTTO_CLIENT_OK)
        listing->stopped = listing->each(&shown, listing->arg) != 0;
    buf_fini(&cure);
    return 0;
}

/* What makes a chat that waits ready, with the labels of our other devices. */
static int
name_waiting(struct sotto_client *client, char *cure_out, size_t size)
{
    struct buf others = {0};
    int status = own_devices_fetch(client, NULL);
    if (status == SOTTO_CLIENT_OK)
        status = own_device_others(client, &others);
    if (status == SOTTO_CLIENT_OK && others.len > 1)
        snprintf(cure_out, size, tr("run `sotto listen` here or on %s"), (const char *)others.data);
    else
        snprintf(cure_out, size, "%s",
                 tr("run `sotto listen` here, or the next member who comes online does it"));
    buf_fini(&others);
    return status;
}

/* Whether the account is in a chat that this device does not have. */
static int
lacks_any(struct sotto_client *client, const Sotto__Chat__V1__ListChatsReply *reply,
          bool *lacks_out)
{
    int status = SOTTO_CLIENT_OK;
    *lacks_out = false;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && !*lacks_out && i < reply->n_chats; i++) {
        struct chat chat;
        if (reply->chats[i]->chat_id.len != ID_BYTES || reply->chats[i]->replaced_by.len)
            continue;
        status = chat_load(client, reply->chats[i]->chat_id.data, &chat);
        *lacks_out = status == SOTTO_CLIENT_OK && (!chat.exists || chat_is_away(&chat));
    }
    return status;
}

static const Sotto__Chat__V1__Chat *
find_row(const Sotto__Chat__V1__ListChatsReply *reply, const uint8_t id[ID_BYTES])
{
    for (size_t i = 0; i < reply->n_chats; i++)
        if (reply->chats[i]->chat_id.len == ID_BYTES && id_equal(reply->chats[i]->chat_id.data, id))
            return reply->chats[i];
    return NULL;
}

static int
show_listed(struct sotto_client *client, const struct chat *chat,
            const Sotto__Chat__V1__Chat *server, struct listing *listing)
{
    int status = chat_show(client, chat, server, pass_on, listing);
    return status ? status : listing->status;
}

/* Chats that the server counts us in and this device does not have; of a closed one it gets nothing. */
static int
show_waiting(struct sotto_client *client, const Sotto__Chat__V1__ListChatsReply *reply,
             struct listing *listing)
{
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && !listing->stopped && i < reply->n_chats; i++) {
        const Sotto__Chat__V1__Chat *row = reply->chats[i];
        struct chat chat;
        if (row->chat_id.len != ID_BYTES || row->replaced_by.len)
            continue;
        status = chat_load(client, row->chat_id.data, &chat);
        if (status || chat.exists)
            continue;
        memcpy(chat.id, row->chat_id.data, ID_BYTES);
        chat.type = (int)row->type;
        chat.mode = (int)row->mode;
        chat.epoch = row->epoch;
        chat.last_ts = row->last_ts_ms;
        status = show_listed(client, &chat, row, listing);
    }
    return status;
}

int
sotto_client_chats(struct sotto_client *client, bool unread_only, const char *type,
                   sotto_client_chat_fn each, void *arg)
{
    char cure[CURE_BYTES] = "";
    bool lacks = false;
    struct listing listing = {.unread_only = unread_only,
                              .type = type,
                              .client = client,
                              .cure = cure,
                              .each = each,
                              .arg = arg};
    Sotto__Chat__V1__ListChatsRequest request = SOTTO__CHAT__V1__LIST_CHATS_REQUEST__INIT;
    Sotto__Chat__V1__ListChatsReply *reply = NULL;
    struct chat *chats = NULL;
    size_t count = 0;
    if (type && strcmp(type, "direct") && strcmp(type, "group"))
        return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                    "\"%.32s\" is no type of chat: direct or group", type);
    int status = session_ready(client);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false);
    if (status == SOTTO_CLIENT_OK)
        status = leaving_commit(client);
    if (status == SOTTO_CLIENT_OK)
        status = rpc(client, CHAT_METHOD("ListChats"), &request.base,
                     &sotto__chat__v1__list_chats_reply__descriptor, &reply, NULL);
    if (status == SOTTO_CLIENT_OK)
        status = lacks_any(client, reply, &lacks);
    if (status == SOTTO_CLIENT_OK && lacks)
        status = name_waiting(client, cure, sizeof(cure));
    if (status == SOTTO_CLIENT_OK)
        status = chat_list(client, &chats, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && !listing.stopped && i < count; i++)
        if (chats[i].state != CHAT_OFFERED)
            status = show_listed(client, &chats[i], find_row(reply, chats[i].id), &listing);
    if (status == SOTTO_CLIENT_OK)
        status = show_waiting(client, reply, &listing);
    free(chats);
    pb_free(reply);
    return status;
}

/* ---- members --------------------------------------------------------------------------------- */

static int
show_member(struct sotto_client *client, const Sotto__Chat__V1__Member *member,
            sotto_client_member_fn each, void *arg, bool *stopped)
{
    struct contact contact;
    char name[SOTTO_CLIENT_NAME_BYTES];
    if (member->user_id.len != ID_BYTES)
        return SOTTO_CLIENT_OK;
    const uint8_t *id = member->user_id.data;
    int status = contact_load(client, id, &contact);
    if (status == SOTTO_CLIENT_OK)
        status = contact_show_name(client, id, name);
    if (status)
        return status;
    struct sotto_client_member shown = {
        .user = name,
        .role = chat_role_name((int)member->role),
        .trust = id_equal(id, client->account.user_id) ? TR("self")
                 : contact.changed                     ? TR("changed")
                 : contact.verified                    ? TR("verified")
                                                       : TR("unverified"),
        .devices = member->n_device_ids,
    };
    id_hex(id, shown.user_id);
    *stopped = each(&shown, arg) != 0;
    return SOTTO_CLIENT_OK;
}

int
sotto_client_members(struct sotto_client *client, const char *chat, sotto_client_member_fn each,
                     void *arg)
{
    struct chat found;
    Sotto__Chat__V1__ListMembersRequest request = SOTTO__CHAT__V1__LIST_MEMBERS_REQUEST__INIT;
    Sotto__Chat__V1__ListMembersReply *reply = NULL;
    bool stopped = false;
    int status = session_ready(client);
    if (status == SOTTO_CLIENT_OK)
        status = chat_resolve(client, chat, &found);
    /* A whole id may be asked about, known to the profile or not: the server decides. */
    if (status == SOTTO_CLIENT_EFAILED && !strcmp(client->error.code, "not_found") &&
        id_from_hex(chat, found.id))
        status = SOTTO_CLIENT_OK;
    if (status)
        return status;
    request.chat_id = view(found.id, ID_BYTES);
    status = rpc(client, CHAT_METHOD("ListMembers"), &request.base,
                 &sotto__chat__v1__list_members_reply__descriptor, &reply, NULL);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && !stopped && i < reply->n_members; i++)
        status = show_member(client, reply->members[i], each, arg, &stopped);
    pb_free(reply);
    return status;
}
