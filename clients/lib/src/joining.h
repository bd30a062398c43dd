/* SPDX-License-Identifier: MIT */
/*
 * Entering chats of our user by ourselves, by an external commit (RFC 9420 section 12.4.3.2): those that this device
 * is not in, and those that it lost track of, where the same commit takes out its old leaf.
 *
 * Nothing of such a commit is kept before the server has accepted it. When this process ends or the answer is lost in
 * between, the next round finds a leaf of this device in the tree and joins once more in its place.
 */
#ifndef CLIENT_JOINING_H
#define CLIENT_JOINING_H

#include "state.h"

#define JOIN_CHATS_MAX 16        /* a round; the next one goes on */
#define JOIN_REPAIR_SECONDS 3600 /* a chat that breaks again within this time stays broken */

/* Joins chats that wait and repairs broken ones, at most JOIN_CHATS_MAX. Attached, caught up. left_out (may be NULL):
 * how many still wait for another round. A chat that cannot be entered now is left as it is: no error. */
int joining_run(struct sotto_client *client, size_t *left_out);

/* Whether a chat of this profile is broken and may be repaired by now. Asks nobody. */
int joining_look(struct sotto_client *client, bool *due_out);

/* Whether a broken chat may be repaired by now: its last repair is long enough ago. */
int joining_may_repair(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], bool *may_out);

#endif
