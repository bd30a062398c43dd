/* SPDX-License-Identifier: MIT */
/*
 * Renewing this device's keys in its chats (post-compromise security, RFC 9420 section 16.6).
 *
 * A commit of ours with a path replaces every secret that somebody who once copied this profile has of the group.
 * Members of a busy chat get there by the way; in the others a device that listens commits for that alone: when it
 * entered by a last-resort KeyPackage (which others may have entered with, too), when it starts and did not do it for
 * a day, and otherwise about every seven days. The days are drawn by lot a little, so that the members of a
 * large group that came on the same day do not all commit on the same later one.
 *
 * The table `renewals` has one line a chat, with both times in seconds since 1970.
 */
#ifndef CLIENT_UPKEEP_H
#define CLIENT_UPKEEP_H

#include "state.h"

/* Notes that the keys of this device in a chat are new as of now. Inside a transaction. */
int upkeep_note_new(struct sotto_client *client, const uint8_t chat_id[ID_BYTES]);

/* Notes that they should be renewed at the next occasion. Inside a transaction. */
int upkeep_note_due(struct sotto_client *client, const uint8_t chat_id[ID_BYTES]);

/* A listener starts: what was not renewed for a day is due. */
int upkeep_start(struct sotto_client *client);

/* Renews what is due, at most UPKEEP_CHATS_MAX chats; the next call goes on. Attached, caught up. What
 * the server refuses is no error and is due again in an hour. */
#define UPKEEP_CHATS_MAX 8
int upkeep_run(struct sotto_client *client);

/* Renews them in one chat, due or not; otherwise the same. */
int upkeep_renew(struct sotto_client *client, const uint8_t chat_id[ID_BYTES]);

/* A commit renews the keys of the device that makes it: when another one of ours made one last, as far as this profile
 * saw, in seconds since 1970; 0: never. Noting, inside a transaction. */
int upkeep_note_sibling(struct sotto_client *client, const uint8_t device_id[ID_BYTES],
                        int64_t ts_ms);
int upkeep_sibling(struct sotto_client *client, const uint8_t device_id[ID_BYTES], int64_t *at_out);

/* The oldest renewal among the chats that this device is in, seconds since 1970; 0: in one of them
 * it is due since this device came, or there is no chat. */
int upkeep_oldest(struct sotto_client *client, int64_t *renewed_out);

#endif
