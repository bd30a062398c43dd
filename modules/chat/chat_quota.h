/* SPDX-License-Identifier: MIT */
/*
 * What an account may store in a day, and how many chats it may make: ciphertext cannot be judged, only counted, and
 * whoever writes without end would fill the disk for all. What was stored is forgotten evenly, so that after a pause of a
 * day all of it may come again. What is asked for counts, whether it is then accepted or not: so nobody gets further by
 * asking for much at once. It is counted in memory, and a restart forgets it. Logic thread.
 */
#ifndef CHAT_QUOTA_H
#define CHAT_QUOTA_H

#include "chat_roster.h"

/* What a request adds: the bytes of entry, invitation and group, and perhaps a chat. */
struct chat_load {
    uint64_t bytes;
    uint64_t chats;
};

/* Counts it, and returns NULL; or why the user must wait. */
const char *quota_take(struct delivery *, const uint8_t *user, struct chat_load load);

#endif
