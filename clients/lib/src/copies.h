/* SPDX-License-Identifier: MIT */
/*
 * A profile that is an old copy of itself: somebody put a backup of the folder in its place, or runs two copies.
 *
 * Such a profile would count messages on from where the copy was made, and encrypt with message keys that are used up.
 * The server knows better: each Sync says which number it took last from this device, and comes with a mark of each
 * own message. A number that this profile never gave out while it knew the server's, or a mark of other bytes than
 * those that wait under the number, is the proof. Then the numbers go on behind all that were used, what waits gets
 * new ones, and in the chats concerned nothing is encrypted before the group has another epoch, in which all message
 * keys are new; a commit of our own leads there. Nothing leaves a profile before a Sync on the same connection
 * (sync_once), so the proof comes first.
 *
 * The number up to which the profile knows the server's is `sent_top` in the table meta.
 */
#ifndef CLIENT_COPIES_H
#define CLIENT_COPIES_H

#include "inbox.h"

/* The server took numbers up to sent_top: sets inbox->old_copy when that is more than this profile gave out. Inside the
 * transaction of the page. */
int copies_look(struct sotto_client *client, struct inbox *inbox, uint64_t sent_top);

/* An entry of ours without its bytes: takes the message out of the queue, or finds that another copy sent it. */
int copies_own_entry(struct sotto_client *client, struct inbox *inbox,
                     const Sotto__Chat__V1__Entry *entry, bool *ours_out);

/* After the last page, when inbox->old_copy: new numbers for what waits. Until it succeeds each Sync finds the same. */
int copies_start_over(struct sotto_client *client, const struct inbox *inbox);

/* These numbers go out now, after a Sync. Inside a transaction. */
int copies_note_given(struct sotto_client *client, uint64_t number);

/* The server has another message under the number of this one, which goes out anew. Inside a transaction. */
int copies_taken(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], uint64_t number);

/* Whether another copy may have used message keys of the epoch that the chat is in. */
bool copies_spent(const struct chat *chat);

/* Before messages go out: leads the chats whose message keys are used to new ones, if anything waits in one of them.
 * Attached, caught up. What the server refuses is no error: the messages wait. */
int copies_renew(struct sotto_client *client);

#endif
