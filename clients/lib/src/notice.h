/* SPDX-License-Identifier: MIT */
/*
 * Devices that come and go in a chat while their users stay: an event in the archive of everybody
 * else, ourselves included, because a new device is a new reader. The MLS group says which devices
 * there are; a commit adds or removes them, so a server cannot hide one that reads.
 */
#ifndef CLIENT_NOTICE_H
#define CLIENT_NOTICE_H

#include "group.h"
#include "store.h"

/* Compares the group's devices with those that were there before, stores an event (model: chat, seq,
 * epoch, time) of each user for those that came and one for those that went, and remembers the new
 * ones. Inside the transaction that enters the epoch. */
int notice_devices(struct sotto_client *client, const struct message *model,
                   const struct mls_group *group);

/* Remembers the devices without a word, for a group that is new to this device. */
int notice_start(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
                 const struct mls_group *group);

/* The words for an event's devices: a label for our own, a beginning of the id for others', and
 * what their certificate is worth. */
int notice_text(struct sotto_client *client, const struct message *message, struct buf *text_out);

#endif
