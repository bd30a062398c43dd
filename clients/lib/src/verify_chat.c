/* SPDX-License-Identifier: MIT */
/*
 * `verify-chat`: the number that all members of a chat see who followed the same commits. A server that shows some of
 * them another commit of an epoch than the others has split the chat; from then on their numbers differ, for good.
 *
 * Nothing of it is kept or sent: a number that came over the server would prove nothing.
 */
#include "group.h"
#include "session.h"
#include "sync.h"
#include "trust.h"

#include <sodium.h>

/* The chat as the server tells it by now, so that all who compare are in one epoch. */
static int
open_chat(struct sotto_client *client, const char *name, struct chat *chat_out)
{
    int status = session_ready(client);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false);
    if (status == SOTTO_CLIENT_OK)
        status = chat_find(client, name, chat_out);
    if (status == SOTTO_CLIENT_OK && chat_out->state == CHAT_LEFT)
        status = chat_fail_left(client, chat_out);
    if (status == SOTTO_CLIENT_OK && chat_out->state == CHAT_RESET)
        status = chat_fail_reset(client);
    return status;
}

static void
fill_number(const struct mls_group *group, struct sotto_client_group_number *shown)
{
    uint8_t authenticator[MLS_HASH_BYTES];
    shown->epoch = mls_group_epoch(group);
    mls_group_epoch_authenticator(group, authenticator);
    verify_group_number(authenticator, shown->digits);
    sodium_memzero(authenticator, sizeof(authenticator));
}

static int
show(struct sotto_client *client, const struct chat *chat, const struct mls_group *group,
     sotto_client_group_number_fn each, void *arg)
{
    struct buf title = {0};
    int status = chat_show_title(client, chat, &title);
    if (status == SOTTO_CLIENT_OK) {
        struct sotto_client_group_number shown = {.title = (const char *)title.data};
        id_hex(chat->id, shown.chat);
        fill_number(group, &shown);
        each(&shown, arg);
    }
    buf_fini(&title);
    return status;
}

int
sotto_client_verify_chat(struct sotto_client *client, const char *chat,
                         sotto_client_group_number_fn each, void *arg)
{
    struct chat found;
    struct mls_group *group = NULL;
    int status = open_chat(client, chat, &found);
    if (status == SOTTO_CLIENT_OK)
        status = group_load(client, found.id, &group);
    if (status == SOTTO_CLIENT_OK && !group)
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                      "this device is not in the chat");
    if (status == SOTTO_CLIENT_OK)
        status = show(client, &found, group, each, arg);
    mls_group_destroy(&group);
    return status;
}
