/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is: verifying is work, and a bundle of 200 adds is 200 times as much for the server as for whoever made
 * it once and sends it again and again. So a user has few requests at work, and the next ones wait for the own earlier
 * ones, whichever of the user's devices they came from: who floods the job pool holds up nobody else.
 *
 * And how often: each commit makes those of the others stale that are on their way, and their messages. A user who
 * commits without a pause would have a chat alone, so in each there is a pace: many at once, as when a large group
 * is made, and then few.
 *
 * Reading has turns, too: an invitation to a large group is megabytes, copied by a reader thread, and whoever asks for it
 * a hundred times at once would have them all in memory. Logic thread.
 */
#ifndef CHAT_TURN_H
#define CHAT_TURN_H

#include "chat_roster.h"

#define CHAT_TURNS_AT_WORK_MAX 2  /* of a user: one in the pool while another is written or read */
#define CHAT_TURNS_WAITING_MAX 30 /* of a user; their requests are in memory */

#define CHAT_PACE_BURST 200 /* commits of one user in one chat after a pause */
#define CHAT_PACE_MS 500    /* and one more in this time */

typedef void chat_turn_fn(void *owner);

/* Of one request; in its owner's memory, zeroed before. */
struct chat_turn {
    struct chat_person *person; /* NULL: it was not let in */
    chat_turn_fn *fn;
    void *owner;
    struct chat_turn *next;
};

/* Calls fn when it is the request's turn, perhaps before this returns. SOTTO_EEXHAUSTED: too many of the user's
 * wait; fn is not called then. */
int turn_begin(struct delivery *, struct chat_turn *, const uint8_t *user, chat_turn_fn *fn,
               void *owner);

/* Ends a turn that was begun, after which the user's next one is called, and so on; or does nothing for one that
 * was not let in. The turn's memory may be gone when this returns, so it is the last thing that an owner does, with
 * a copy. */
void turn_end(struct chat_turn);

/* Whether the user may commit again. */
bool pace_allows(const struct chat_user *, int64_t now_ms);
/* The user's commit was accepted. */
void pace_note(struct chat_user *, int64_t now_ms);

#endif
