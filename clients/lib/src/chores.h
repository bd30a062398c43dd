/* SPDX-License-Identifier: MIT */
/*
 * The chores of a device that listens, each when its time has come: it acknowledges, keeps the login fresh, refills
 * KeyPackages, renews its keys in chats, enters chats that nobody adds it to, adds new devices of its user, takes
 * out devices that members removed, tells titles, and commits the going of members who leave.
 *
 * What several devices could do is planned by rank, so that one does it and the others find it done.
 */
#ifndef CLIENT_CHORES_H
#define CLIENT_CHORES_H

#include "sync.h"

/* Times of conn_now_ms; 0: nothing to do. */
struct chores {
    int64_t ack_ms;  /* when to acknowledge */
    int64_t look_ms; /* when to look after login, KeyPackages and old keys; never 0 */
    int64_t add_ms;  /* when to look for devices to add */
    int add_tries;
    int64_t join_ms; /* when to enter chats by ourselves */
    int64_t gone_ms; /* when to take out devices of others */
    size_t gone_count;
    uint8_t gone_users[GONE_USERS_MAX][ID_BYTES];
    int64_t commit_ms; /* when to commit what members who left proposed */
    int64_t title_ms;  /* when to tell a title that is owed */
};

/* Plans them on a new connection: attached, caught up. */
int chores_start(struct sotto_client *client, struct chores *chores);

/* Plans what follows from events. */
int chores_plan(struct sotto_client *client, struct chores *chores, const struct sync_news *news);

/* Does what is due. changed_out: the archive may have something new to show. What the server refuses is no error. */
int chores_run(struct sotto_client *client, struct chores *chores, bool *changed_out);

/* When something is due next. */
int64_t chores_next_ms(const struct chores *chores);

#endif
