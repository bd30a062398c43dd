/* SPDX-License-Identifier: MIT */
/*
 * Members who leave: what is believed of it, and the commit that makes it final. See leaving.h.
 *
 * The lines of the table `leavers` count in the epoch they were written in: the next one either has
 * lost the leaf or starts anew.
 */
#include "leaving.h"

#include "text.h"
#include "trust.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is believed ------------------------------------------------------------------------ */

/* Whether anybody can read this as: the sender's user takes one of the own leaves out. */
static bool
read_leaving(const struct mls_group *group, struct mls_bytes message,
             const struct mls_message_info *info, uint8_t user_out[ID_BYTES])
{
    struct mls_proposal_view proposal;
    uint8_t sender[ID_BYTES];
    return info->wire_format == MLS_WIRE_PUBLIC_MESSAGE && info->sender_type == MLS_SENDER_MEMBER &&
           !mls_proposal_view(mls_provider_default(), message, &proposal) &&
           proposal.type == MLS_PROPOSAL_REMOVE &&
           group_user_of_leaf(group, info->sender, sender) &&
           group_user_of_leaf(group, proposal.leaf, user_out) && id_equal(sender, user_out);
}

static bool
is_outside_remove(struct mls_bytes message, const struct mls_message_info *info)
{
    struct mls_proposal_view proposal;
    return info->wire_format == MLS_WIRE_PUBLIC_MESSAGE &&
           info->sender_type == MLS_SENDER_EXTERNAL &&
           !mls_proposal_view(mls_provider_default(), message, &proposal) &&
           proposal.type == MLS_PROPOSAL_REMOVE;
}

bool
leaving_allows(const struct mls_group *group, struct mls_bytes message)
{
    struct mls_message_info info;
    uint8_t user[ID_BYTES];
    if (mls_message_info(message, &info) || info.content_type != MLS_CONTENT_PROPOSAL)
        return true;
    return is_outside_remove(message, &info) || read_leaving(group, message, &info, user);
}

int
leaving_refused(struct sotto_client *client, struct inbox *inbox, struct mls_bytes message)
{
    struct mls_message_info info;
    uint8_t user[ID_BYTES];
    const struct chat *chat = &inbox->chat;
    struct mls_bytes id = mls_group_id(inbox->group);
    if (mls_message_info(message, &info) || info.content_type != MLS_CONTENT_PROPOSAL ||
        info.epoch != mls_group_epoch(inbox->group) || info.group_id.len != id.len ||
        memcmp(info.group_id.data, id.data, id.len) != 0 ||
        !read_leaving(inbox->group, message, &info, user) ||
        mls_group_check_signature(inbox->group, message) || id_equal(user, client->account.user_id))
        return SOTTO_CLIENT_OK;
    inbox->somebody_left = true;
    int status = query_run(&client->profile, &client->error,
                           "DELETE FROM leavers WHERE chat_id = ? AND epoch <> ?",
                           BINDS(bind_blob(chat->id, ID_BYTES), bind_int((int64_t)chat->epoch)));
    if (status)
        return status;
    return query_run(&client->profile, &client->error,
                     "INSERT OR IGNORE INTO leavers(chat_id, user_id, epoch) VALUES(?, ?, ?)",
                     BINDS(bind_blob(chat->id, ID_BYTES), bind_blob(user, ID_BYTES),
                           bind_int((int64_t)chat->epoch)));
}

int
leaving_unproven(struct sotto_client *client, const struct chat *chat, struct leavers *leavers_out)
{
    sqlite3_stmt *statement;
    leavers_out->count = 0;
    int status = query(&client->profile, &statement, &client->error,
                       "SELECT user_id FROM leavers WHERE chat_id = ? AND epoch = ? LIMIT ?",
                       BINDS(bind_blob(chat->id, ID_BYTES), bind_int((int64_t)chat->epoch),
                             bind_int(LEAVERS_MAX)));
    if (status)
        return status;
    while ((status = query_step(&client->profile, statement, &client->error)) == 1)
        query_id(statement, 0, leavers_out->users[leavers_out->count++]);
    sqlite3_finalize(statement);
    return status;
}

/* ---- devices that the server asks for ------------------------------------------------------- */

bool
leaving_is_asked(const Sotto__Chat__V1__Entry *entry)
{
    struct mls_message_info info;
    struct mls_bytes message = {entry->message.data, entry->message.len};
    return entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_PROPOSAL &&
           entry->sender_user.len == ID_BYTES && !mls_message_info(message, &info) &&
           info.content_type == MLS_CONTENT_PROPOSAL && is_outside_remove(message, &info);
}

int
leaving_asked(struct sotto_client *client, const struct chat *chat, const struct verify_cert *cert,
              bool *gone_out)
{
    int status = query_run(&client->profile, &client->error,
                           "DELETE FROM asked WHERE chat_id = ? AND epoch <> ?",
                           BINDS(bind_blob(chat->id, ID_BYTES), bind_int((int64_t)chat->epoch)));
    if (status == SOTTO_CLIENT_OK)
        status =
            query_run(&client->profile, &client->error,
                      "INSERT OR IGNORE INTO asked(chat_id, user_id, device_id, epoch)"
                      " VALUES(?, ?, ?, ?)",
                      BINDS(bind_blob(chat->id, ID_BYTES), bind_blob(cert->user_id, ID_BYTES),
                            bind_blob(cert->device_id, ID_BYTES), bind_int((int64_t)chat->epoch)));
    return status ? status : trust_device_is_gone(client, cert->user_id, cert->device_id, gone_out);
}

int
leaving_gate(struct sotto_client *client, const struct chat *chat)
{
    int64_t open = 0;
    int status =
        query_number(&client->profile, &open, &client->error,
                     "SELECT COUNT(*) FROM asked a WHERE chat_id = ? AND epoch = ? AND NOT EXISTS"
                     " (SELECT 1 FROM removed_devices r WHERE r.user_id = a.user_id"
                     " AND r.device_id = a.device_id)",
                     BINDS(bind_blob(chat->id, ID_BYTES), bind_int((int64_t)chat->epoch)));
    if (status || open == 0)
        return status;
    return fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                "the server asks this chat to take out a device that its user has not removed; "
                "nothing is sent here until another member has changed the chat");
}

/* ---- making it final ------------------------------------------------------------------------- */

/* Chats that somebody leaves, in memory of their own (free). */
static int
find_waiting(struct sotto_client *client, struct chat **chats_out, size_t *count_out)
{
    int64_t waiting = 0;
    size_t total = 0;
    struct chat *chats = NULL;
    *chats_out = NULL;
    *count_out = 0;
    int status = query_number(&client->profile, &waiting, &client->error,
                              "SELECT (SELECT COUNT(*) FROM chats WHERE proposals > 0)"
                              " + (SELECT COUNT(*) FROM leavers)",
                              NULL, 0);
    if (status || waiting == 0)
        return status;
    status = chat_list(client, &chats, &total);
    if (status)
        return status;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < total; i++) {
        struct leavers leavers = {.count = 0};
        if (chats[i].state == CHAT_READY && !chats[i].proposals)
            status = leaving_unproven(client, &chats[i], &leavers);
        if (chats[i].state == CHAT_READY && (chats[i].proposals || leavers.count))
            chats[(*count_out)++] = chats[i];
    }
    *chats_out = chats;
    return status;
}

int
leaving_commit(struct sotto_client *client)
{
    struct chat *chats = NULL;
    size_t count = 0;
    int status = find_waiting(client, &chats, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++) {
        status = group_change(client, chats[i].id, &(struct group_change){0});
        /* Nobody asked for it: what is refused here, somebody else does, or the next try. */
        if (is_refused(client, status))
            status = SOTTO_CLIENT_OK;
    }
    free(chats);
    return status;
}

int
leaving_lower(struct sotto_client *client, const struct chat *chat, unsigned *lower)
{
    uint8_t(*ids)[ID_BYTES] = NULL;
    size_t count = 0;
    uint32_t cursor = 0;
    struct mls_group *group = NULL;
    struct mls_member member;
    struct verify_cert cert;
    int status = chat_members(client, chat->id, &ids, &count);
    if (status == SOTTO_CLIENT_OK)
        status = group_load(client, chat->id, &group);
    while (status == SOTTO_CLIENT_OK && group && mls_group_next_member(group, &cursor, &member) &&
           member.leaf < mls_group_own_leaf(group))
        if (group_certificate(&member.credential, &cert))
            *lower += chat_lists_member((const uint8_t(*)[ID_BYTES])ids, count, cert.user_id);
    mls_group_destroy(&group);
    free(ids);
    return status;
}

int
leaving_rank(struct sotto_client *client, bool *waits_out, unsigned *rank_out)
{
    struct chat *chats = NULL;
    size_t count = 0;
    int status = find_waiting(client, &chats, &count);
    *waits_out = count > 0;
    *rank_out = 0;
    if (status == SOTTO_CLIENT_OK && count)
        status = leaving_lower(client, &chats[0], rank_out);
    free(chats);
    return status;
}
