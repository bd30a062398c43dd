/* SPDX-License-Identifier: MIT */
/*
 * Devices in our chats: our own new ones come in, and those that any member removed from their account go out. A
 * new device cannot enter a group by itself; a device that is in it adds it. Of several such devices the one with
 * the lowest leaf does it at once, the others later if it did not (chores.c), and a device that is in the group by
 * then is left out, so a late one does no harm.
 */
#include "chat.h"

#include "group.h"
#include "own_devices.h"
#include "session.h"
#include "trust.h"

#include <stdlib.h>
#include <string.h>

#define GONE_MAX 32 /* leaves looked at a time; the next occasion finds the rest */

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
    int status = group_claim(client, (const uint8_t(*)[ID_BYTES])self, 1, &claim);
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

/* ---- devices that are gone ------------------------------------------------------------------- */

/* A leaf whose device its user removed from the account. */
struct gone {
    uint8_t user[ID_BYTES];
    uint8_t device[ID_BYTES];
    bool lonely;  /* the user has no other leaf */
    bool deleted; /* nor an account */
};

static size_t
count_leaves(const struct mls_group *group, const uint8_t user_id[ID_BYTES])
{
    uint32_t cursor = 0;
    size_t count = 0;
    struct mls_member member;
    struct verify_cert cert;
    while (mls_group_next_member(group, &cursor, &member))
        count += group_certificate(&member.credential, &cert) && id_equal(cert.user_id, user_id);
    return count;
}

static int
find_gone(struct sotto_client *client, const struct mls_group *group, struct gone *list,
          size_t *count_out)
{
    uint32_t cursor = 0;
    size_t count = 0;
    struct mls_member member;
    struct verify_cert cert;
    struct contact contact;
    int status = SOTTO_CLIENT_OK;
    while (status == SOTTO_CLIENT_OK && count < GONE_MAX &&
           mls_group_next_member(group, &cursor, &member)) {
        bool gone = false;
        if (!group_certificate(&member.credential, &cert))
            continue;
        status = trust_device_is_gone(client, cert.user_id, cert.device_id, &gone);
        if (!gone)
            continue;
        memcpy(list[count].user, cert.user_id, ID_BYTES);
        memcpy(list[count].device, cert.device_id, ID_BYTES);
        list[count].lonely = count_leaves(group, cert.user_id) == 1;
        status = contact_load(client, cert.user_id, &contact);
        list[count++].deleted = status == SOTTO_CLIENT_OK && contact.deleted_ms != 0;
    }
    *count_out = count;
    return status;
}

/* The devices that are gone from a chat's accounts and still in its group. */
static int
list_gone(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], struct gone *list,
          size_t *count_out)
{
    int64_t suspects = 0;
    struct mls_group *group = NULL;
    *count_out = 0;
    struct chat chat;
    char name[SOTTO_CLIENT_NAME_BYTES];
    bool over = false;
    int status = chat_load(client, chat_id, &chat);
    if (status == SOTTO_CLIENT_OK)
        status = chat_is_gone(client, &chat, name, &over);
    if (status || over)
        return status; /* nothing is encrypted there any more */
    status = query_number(&client->profile, &suspects, &client->error,
                          "SELECT COUNT(*) FROM removed_devices r JOIN chat_devices d"
                          " ON d.user_id = r.user_id AND d.device_id = r.device_id"
                          " WHERE d.chat_id = ?",
                          BINDS(bind_blob(chat_id, ID_BYTES)));
    if (status == SOTTO_CLIENT_OK && suspects)
        status = group_load(client, chat_id, &group);
    if (status == SOTTO_CLIENT_OK && group)
        status = find_gone(client, group, list, count_out);
    mls_group_destroy(&group);
    return status;
}

/* Takes one out. A user who would have no leaf left gets the other devices in the same commit, for
 * nobody could ask them in again; without any the leaf stays. One who deleted the account goes with all of them. */
static int
drop(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], const struct gone *gone)
{
    Sotto__Keyx__V1__ClaimKeyPackagesReply *claim = NULL;
    struct group_change change = {.user = gone->user, .device = gone->device};
    ProtobufCBinaryData *packages = NULL;
    int status = SOTTO_CLIENT_OK;
    if (gone->lonely && !gone->deleted)
        status = group_claim(client, (const uint8_t(*)[ID_BYTES])gone->user, 1, &claim);
    if (status == SOTTO_CLIENT_OK && claim) {
        packages = group_packages(claim);
        change.packages = packages;
        change.count = claim->n_key_packages;
    }
    if (status == SOTTO_CLIENT_OK && (!gone->lonely || gone->deleted || change.count))
        status = group_change(client, chat_id, &change);
    free(packages);
    pb_free(claim);
    return status;
}

static int
drop_gone(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    struct gone list[GONE_MAX];
    size_t count = 0;
    int status = list_gone(client, chat_id, list, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        status = drop(client, chat_id, &list[i]);
    return status;
}

int
chat_drop_gone_everywhere(struct sotto_client *client)
{
    struct chat *chats = NULL;
    size_t count = 0;
    int status = chat_list(client, &chats, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        if (chats[i].state == CHAT_READY)
            status = drop_gone(client, chats[i].id);
    free(chats);
    return status;
}

/* A user's last leaf is no reason: nobody but that user would be kept waiting for ever. */
int
chat_gate_readers(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    struct gone list[GONE_MAX];
    char name[SOTTO_CLIENT_NAME_BYTES];
    size_t count = 0;
    int status = trust_gate_chat(client, chat_id);
    if (status == SOTTO_CLIENT_OK)
        status = list_gone(client, chat_id, list, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        if (!list[i].lonely) {
            status = contact_show_name(client, list[i].user, name);
            if (status == SOTTO_CLIENT_OK)
                status = fail(
                    &client->error, SOTTO_CLIENT_EBLOCKED, "blocked",
                    "a device that %s removed could still read this chat, since the server took "
                    "no commit without it; nothing is sent before it does, so try again later",
                    name);
        }
    return status;
}

int
chat_drop_and_gate(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    const int status = drop_gone(client, chat_id);
    if (status && !is_refused(client, status))
        return status;
    return chat_gate_readers(client, chat_id);
}

int
chat_check_readers(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    const int status = trust_check_chat(client, chat_id);
    return status ? status : chat_drop_and_gate(client, chat_id);
}

/* ---- new ones -------------------------------------------------------------------------------- */

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
