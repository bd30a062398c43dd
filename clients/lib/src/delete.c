/* SPDX-License-Identifier: MIT */
/*
 * Deleting a chat: for everybody where we may and are in it, and here in any case.
 */
#include "chat.h"

#include "session.h"
#include "sync.h"

#include <string.h>

/* Asks the server. A chat that it does not know any more is as good as deleted. */
static int
delete_there(struct sotto_client *client, const struct chat *chat)
{
    Sotto__Chat__V1__DeleteChatRequest request = SOTTO__CHAT__V1__DELETE_CHAT_REQUEST__INIT;
    Sotto__Chat__V1__DeleteChatReply *reply = NULL;
    request.chat_id = view(chat->id, ID_BYTES);
    int status = rpc(client, CHAT_METHOD("DeleteChat"), &request.base,
                     &sotto__chat__v1__delete_chat_reply__descriptor, &reply, NULL);
    pb_free(reply);
    if (status == SOTTO_CLIENT_EFAILED && chat->exists && !strcmp(client->error.code, "not_found"))
        status = SOTTO_CLIENT_OK;
    return status;
}

/* The chat of this name as it is now; one that this device is not in, by its whole id, with no more than that: the server
 * knows whether it is ours. Attached. */
static int
find_deletable(struct sotto_client *client, const char *chat, struct chat *found_out)
{
    int status = session_ready(client);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false);
    if (status == SOTTO_CLIENT_OK)
        status = chat_find(client, chat, found_out);
    if (status == SOTTO_CLIENT_EFAILED && !strcmp(client->error.code, "not_found") &&
        id_from_hex(chat, found_out->id))
        status = SOTTO_CLIENT_OK;
    return status;
}

int
sotto_client_deletable(struct sotto_client *client, const char *chat, sotto_client_chat_fn each,
                       void *arg)
{
    struct chat found = {0};
    int status = find_deletable(client, chat, &found);
    return status ? status : chat_show(client, &found, NULL, each, arg);
}

int
sotto_client_delete_chat(struct sotto_client *client, const char *chat, sotto_client_chat_fn each,
                         void *arg)
{
    struct chat found = {0};
    int status = find_deletable(client, chat, &found);
    /* Of a chat that was started anew only our part goes: the others may read theirs. */
    if (status == SOTTO_CLIENT_OK && found.state != CHAT_LEFT && found.state != CHAT_RESET)
        status = delete_there(client, &found);
    if (status)
        return status;
    if (found.state != CHAT_LEFT) {
        found.left_how = LEFT_DELETED;
        memcpy(found.left_by, client->account.user_id, ID_BYTES);
        found.left_ms = wall_ms();
    }
    found.exists = true;
    found.state = CHAT_LEFT;
    status = chat_show(client, &found, NULL, each, arg);
    return status ? status : chat_forget(client, found.id);
}
