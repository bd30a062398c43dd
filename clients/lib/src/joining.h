/* SPDX-License-Identifier: MIT */
/*
 * Entering chats of our user by ourselves, by an external commit (RFC 9420 section 12.4.3.2): those that this device
 * is not in, and those that it lost track of, where the same commit takes out its old leaf.
 *
 * Such a commit is written down before it is sent (arrival.h), so that whatever ends in between, the device learns whether
 * it is in.
 */
#ifndef CLIENT_JOINING_H
#define CLIENT_JOINING_H

#include "store.h"

#include "chat.pb-c.h"

#define JOIN_CHATS_MAX 16        /* a round; the next one goes on */
#define JOIN_REPAIR_SECONDS 3600 /* a chat that breaks again within this time stays broken */

/* Joins chats that wait and repairs broken ones, at most JOIN_CHATS_MAX. Attached, caught up. left_out (may be
 * NULL): how many still wait for another round, without those that failed before. A chat that cannot be entered now
 * is left as it is: no error. */
int joining_run(struct sotto_client *client, size_t *left_out);

/* Whether a chat is among those that the server lists. */
bool joining_lists(Sotto__Chat__V1__Chat *const *chats, size_t count,
                   const uint8_t chat_id[ID_BYTES]);

/* Whether a chat of this profile is broken and may be repaired by now. Asks nobody. */
int joining_look(struct sotto_client *client, bool *due_out);

/* Finds the chat that a person named and wants to write to or read. When it is not there, or not for this device
 * any more, a round of joining comes first, without waiting for a sibling. Attached, caught up. One that is broken
 * still is found all the same. */
int joining_resolve(struct sotto_client *client, const char *text, struct chat *chat_out);

/* This device is in the chat, so nothing is to be said any more of why not. Inside a transaction. */
int joining_forget_reason(struct sotto_client *client, const uint8_t chat_id[ID_BYTES]);

/* Why a chat that waits or is broken is not entered (joining_run tries it each time), for tr(), with its final
 * zero; empty when nothing was tried yet. */
int joining_reason(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], bool broken,
                   struct buf *text_out);

#endif
