/* SPDX-License-Identifier: MIT */
/*
 * In how many of the account's chats each of its devices is: by the groups of this profile, and where this device is in
 * no group yet by the server's word.
 */
#ifndef CLIENT_DEVICE_CHATS_H
#define CLIENT_DEVICE_CHATS_H

#include "state.h"

#include "keyx.pb-c.h"

/* Fills in[i] for own->devices[i], and how many chats the account has. Attached, caught up. Chats that this device is
 * not in are looked up for at most DEVICE_CHATS_ASKED of them; further ones count as those that no device is in. */
#define DEVICE_CHATS_ASKED 64
int device_chats_count(struct sotto_client *client, const Sotto__Keyx__V1__GetIdentityReply *own,
                       uint32_t *in, uint32_t *total_out);

#endif
