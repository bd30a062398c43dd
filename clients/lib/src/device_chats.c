/* SPDX-License-Identifier: MIT */
/*
 * Devices of the account in its chats. See device_chats.h.
 */
#include "device_chats.h"

#include "session.h"
#include "store.h"

#include "chat.pb-c.h"

#include <string.h>

/* ---- one chat -------------------------------------------------------------------------------- */

static void
count_in(const Sotto__Keyx__V1__GetIdentityReply *own, const uint8_t device_id[ID_BYTES],
         uint32_t *in)
{
    for (size_t i = 0; i < own->n_devices; i++)
        in[i] += own->devices[i]->device_id.len == ID_BYTES &&
                 id_equal(own->devices[i]->device_id.data, device_id);
}

/* The leaves of the group, as the profile keeps them. */
static int
count_leaves(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
             const Sotto__Keyx__V1__GetIdentityReply *own, uint32_t *in)
{
    sqlite3_stmt *statement;
    int status =
        query(&client->profile, &statement, &client->error,
              "SELECT device_id FROM chat_devices WHERE chat_id = ? AND user_id = ?",
              BINDS(bind_blob(chat_id, ID_BYTES), bind_blob(client->account.user_id, ID_BYTES)));
    if (status)
        return status;
    while ((status = query_step(&client->profile, statement, &client->error)) == 1) {
        uint8_t device_id[ID_BYTES];
        query_id(statement, 0, device_id);
        count_in(own, device_id, in);
    }
    sqlite3_finalize(statement);
    return status;
}

static int
ask_members(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
            const Sotto__Keyx__V1__GetIdentityReply *own, uint32_t *in)
{
    Sotto__Chat__V1__ListMembersRequest request = SOTTO__CHAT__V1__LIST_MEMBERS_REQUEST__INIT;
    Sotto__Chat__V1__ListMembersReply *reply = NULL;
    uint8_t id[ID_BYTES];
    request.chat_id = view(chat_id, ID_BYTES);
    int status = rpc(client, CHAT_METHOD("ListMembers"), &request.base,
                     &sotto__chat__v1__list_members_reply__descriptor, &reply, NULL);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < reply->n_members; i++) {
        const Sotto__Chat__V1__Member *member = reply->members[i];
        if (!take_bytes(member->user_id, id, ID_BYTES) || !id_equal(id, client->account.user_id))
            continue;
        for (size_t j = 0; j < member->n_device_ids; j++)
            if (take_bytes(member->device_ids[j], id, ID_BYTES))
                count_in(own, id, in);
    }
    pb_free(reply);
    return status;
}

/* ---- all chats ------------------------------------------------------------------------------- */

int
device_chats_count(struct sotto_client *client, const Sotto__Keyx__V1__GetIdentityReply *own,
                   uint32_t *in, uint32_t *total_out)
{
    Sotto__Chat__V1__ListChatsRequest request = SOTTO__CHAT__V1__LIST_CHATS_REQUEST__INIT;
    Sotto__Chat__V1__ListChatsReply *reply = NULL;
    size_t asked = 0;
    memset(in, 0, own->n_devices * sizeof(*in));
    int status = rpc(client, CHAT_METHOD("ListChats"), &request.base,
                     &sotto__chat__v1__list_chats_reply__descriptor, &reply, NULL);
    *total_out = 0;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < reply->n_chats; i++) {
        struct chat chat;
        uint8_t chat_id[ID_BYTES];
        if (reply->chats[i]->replaced_by.len ||
            !take_bytes(reply->chats[i]->chat_id, chat_id, ID_BYTES))
            continue;
        ++*total_out;
        status = chat_load(client, chat_id, &chat);
        if (status == SOTTO_CLIENT_OK && chat.exists && chat.state == CHAT_READY)
            status = count_leaves(client, chat_id, own, in);
        else if (status == SOTTO_CLIENT_OK && asked++ < DEVICE_CHATS_ASKED)
            status = ask_members(client, chat_id, own, in);
    }
    pb_free(reply);
    return status;
}
