/* SPDX-License-Identifier: MIT */
/*
 * Our own devices in our chats. A new device cannot enter a group by itself; a device that is in it
 * adds it. Of several such devices the one with the lowest leaf does it at once, the others later
 * if it did not (listen.c), and a device that is in the group by then is left out, so a late one
 * does no harm.
 */
#include "chat.h"

#include "group.h"
#include "own_devices.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>

#define SUITE 3

/* True when one of our devices is not in the chat, and it is for us to add it. */
static int
needs_us(struct sotto_client *client, const struct chat *chat,
         const Sotto__Keyx__V1__GetIdentityReply *own, bool first_only, bool *needs_out)
{
    struct mls_group *group = NULL;
    int status = group_load(client, chat->id, &group);
    *needs_out = false;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && group && i < own->n_devices; i++)
        if (own->devices[i]->device_id.len == ID_BYTES &&
            !group_has_device(group, client->account.user_id, own->devices[i]->device_id.data))
            *needs_out = !first_only || group_is_first_of_user(client, group);
    mls_group_destroy(&group);
    return status;
}

/* Picks the packages of devices that the chat lacks. */
static int
pick_missing(struct sotto_client *client, const struct chat *chat,
             const Sotto__Keyx__V1__ClaimKeyPackagesReply *claim, ProtobufCBinaryData *packages,
             size_t *count_out)
{
    struct mls_group *group = NULL;
    int status = group_load(client, chat->id, &group);
    size_t count = 0;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && group && i < claim->n_key_packages; i++)
        if (!group_has_device(group, client->account.user_id,
                              claim->key_packages[i]->device_id.data))
            packages[count++] = claim->key_packages[i]->key_package;
    mls_group_destroy(&group);
    *count_out = count;
    return status;
}

/* A KeyPackage serves one group, so each chat that lacks a device makes a claim of its own. */
static int
claim_and_add(struct sotto_client *client, const struct chat *chat, size_t *missing)
{
    Sotto__Keyx__V1__ClaimKeyPackagesReply *claim = NULL;
    uint8_t self[1][ID_BYTES];
    size_t count = 0;
    memcpy(self[0], client->account.user_id, ID_BYTES);
    int status = group_claim(client, (const uint8_t(*)[ID_BYTES])self, 1, SUITE, &claim);
    if (status)
        return status;
    ProtobufCBinaryData *packages = mem_alloc(claim->n_key_packages, sizeof(*packages));
    status = pick_missing(client, chat, claim, packages, &count);
    if (status == SOTTO_CLIENT_OK && count == 0)
        ++*missing;
    if (status == SOTTO_CLIENT_OK && count)
        status = group_add(client, chat->id, packages, count);
    if (status == SOTTO_CLIENT_OK && count && chat->title[0])
        status = chat_send_title(client, chat->id, chat->title, true);
    free(packages);
    pb_free(claim);
    return status;
}

int
chat_add_own_devices(struct sotto_client *client, bool first_only, size_t *missing_out)
{
    Sotto__Keyx__V1__GetIdentityReply *own = NULL;
    struct chat *chats = NULL;
    size_t count = 0;
    *missing_out = 0;
    int status = own_devices_fetch(client, &own);
    if (status == SOTTO_CLIENT_OK)
        status = chat_list(client, &chats, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && own->n_devices > 1 && i < count; i++) {
        bool needs = false;
        if (chats[i].state != CHAT_READY)
            continue;
        status = needs_us(client, &chats[i], own, first_only, &needs);
        if (status == SOTTO_CLIENT_OK && needs)
            status = claim_and_add(client, &chats[i], missing_out);
    }
    free(chats);
    pb_free(own);
    return status;
}
