/* SPDX-License-Identifier: MIT */
/*
 * Users who deleted their accounts, on their way out of the chats. Logic thread.
 *
 *   chat_depart.c      the fact, what is remembered of it, and the walk along the chats
 *   chat_departure.c   one user and one chat, a transaction:
 *
 *     entries of the log   the proof (ENTRY_KIND_ACCOUNT_DELETED); the new owner's role, when no owner is left; in a group that
 *                          lists the server a Remove for each leaf of the user
 *     rows                 the seats with a proposal end and the user is no member; nothing that the user has not read is
 *                          kept for it; the departure is done
 */
#ifndef CHAT_DEPART_H
#define CHAT_DEPART_H

#include "chat_roster.h"

#define CHAT_SIGNATURE_BYTES_MAX 64

/* Who, and what proves it. */
struct chat_deletion {
    uint8_t user[CHAT_ID_BYTES];
    uint8_t by_device[CHAT_ID_BYTES];
    int64_t deleted_ms;
    size_t signature_size;
    uint8_t signature[CHAT_SIGNATURE_BYTES_MAX];
};

sotto_topic_fn chat_on_account_deleted;
/* Begins the next departure, unless one is at work. Also every CHAT_GONE_EVERY_MS. */
void depart_next(struct delivery *);

/* Starts one; depart_on_end is called once, perhaps before this returns. */
void departure_start(struct delivery *, uint32_t chat, const uint8_t *chat_id,
                     const struct chat_deletion *);

/* How it ended. SOTTO_EABORTED: a commit came between. */
struct departure_end {
    uint32_t chat;
    const uint8_t *user;
    int status;
};
void depart_on_end(struct delivery *, const struct departure_end *);

#endif
