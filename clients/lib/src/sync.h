/* SPDX-License-Identifier: MIT */
/*
 * Reading the logs of our chats. What comes as the answer of Sync and what comes as an event goes
 * through the same two functions, one for an entry and one for an invitation; a batch of them is
 * one transaction of the profile. An entry at or below the chat's cursor is skipped, which makes
 * at-least-once delivery exactly once.
 */
#ifndef CLIENT_SYNC_H
#define CLIENT_SYNC_H

#include "store.h"

#include "chat.pb-c.h"

/* Catches up with every chat, then acknowledges, learns names and refills KeyPackages if a chat
 * was joined. live: subscribes the connection as well. */
int sync_run(struct sotto_client *client, bool live);

/* The same, unless this connection has caught up once: before anything is encrypted for it or sent. */
int sync_once(struct sotto_client *client);

/* Waits for events until deadline_ms of conn_now_ms and processes those that are there, in one
 * batch. A gap makes it catch up by itself. */
#define GONE_USERS_MAX 8 /* at a time; of the rest we learn before we write */

struct sync_news {
    bool any;             /* something was processed */
    bool devices_changed; /* our user has a new device, or one less */
    bool somebody_left;   /* perhaps a proposal waits to be committed */
    /* Others who removed a device that is in a chat of ours, as the server says. */
    size_t gone_count;
    uint8_t gone_users[GONE_USERS_MAX][ID_BYTES];
};
int sync_events(struct sotto_client *client, int64_t deadline_ms, struct sync_news *news_out);

/* Tells the server how far this device has read; does nothing when it knows. */
int sync_ack(struct sotto_client *client);

#endif
