/* SPDX-License-Identifier: MIT */
/*
 * Chats that this device is about to enter by a commit of its own (joining.h), from the making of the commit to the
 * server's word on it.
 *
 * Such a commit is on the disk with the group it leads to before it is sent, one row of the table `arrivals` a chat. So
 * whatever ends in between, nothing of what the others say from then on is lost: the server lets the log of who joined
 * alone begin with the commit, and when a Sync brings it back, byte for byte, the device was accepted and enters. When
 * it does not come back, the same bytes are sent again, and only a refusal and a Sync after it say that they have lost.
 * The row goes, with the secrets in it, in the transaction in which the chat gets its group, or with that refusal.
 */
#ifndef CLIENT_ARRIVAL_H
#define CLIENT_ARRIVAL_H

#include "group.h"

struct arrival {
    uint8_t chat_id[ID_BYTES];
    uint8_t inviter[ID_BYTES]; /* who signed the GroupInfo */
    int type, mode;            /* of the chat, as the server lists it */
    struct mls_group *group;   /* its commit is pending; NULL: there is no such arrival */
    struct buf call;           /* encoded sotto.chat.v1.CommitRequest */
};
void arrival_fini(struct arrival *arrival);

/* Nothing but the group is looked at when there is none. End with arrival_fini. */
int arrival_load(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
                 struct arrival *arrival_out);

/* Durable when it returns; takes the place of an earlier one for the chat. */
int arrival_store(struct sotto_client *client, const struct arrival *arrival);

/* One statement; also inside a transaction. */
int arrival_forget(struct sotto_client *client, const uint8_t chat_id[ID_BYTES]);

/* Forgets those for chats that are not among these, which their user is in no more. */
int arrivals_keep(struct sotto_client *client, Sotto__Chat__V1__Chat *const *chats, size_t count);

/* Sends a stored one and enters the chat when the server takes it. The lock is held. EFAILED with `aborted`: a later
 * epoch is there, by another commit or by this one when it had been sent before; a Sync tells. After any other refusal for
 * good it is forgotten. */
int arrival_send(struct sotto_client *client, const struct arrival *arrival);

/* Before a page is processed: enters the chats whose commit is in it, so that what follows there can be read. */
int arrivals_take(struct sotto_client *client, const Sotto__Chat__V1__SyncReply *page);

#endif
