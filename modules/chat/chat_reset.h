/* SPDX-License-Identifier: MIT */
/*
 * A Create that takes the place of another chat, in three parts: what the request says, what its transaction judges and
 * writes, what becomes of the old chat in the roster. See chat_reset.c.
 */
#ifndef CHAT_RESET_H
#define CHAT_RESET_H

#include "chat_roster.h"

struct chat_head;
struct chat_step;

struct chat_reset {
    bool is_asked;
    struct chat *old;      /* NULL: the caller is in no such chat */
    uint32_t chat;         /* number of the old one, as it was when the request came */
    struct chat_link link; /* its id */

    /* from the transaction: the entry that closes it */
    uint32_t seq;
    uint64_t epoch;
};

/* Looks the old chat up. NULL, or why the request is malformed. Logic thread. */
const char *reset_read(const struct delivery *, const struct sotto_caller *,
                       const Sotto__Chat__V1__CreateRequest *, struct chat_reset *reset_out);

/* Whether the creator may replace the old chat by this one, and which roles carry over into the step. *old_out is
 * the old chat's head. Writer thread. SOTTO_EPRECONDITION without a text: it is closed. */
int reset_judge(struct sotto_tx *, struct chat_step *, struct chat_head **old_out);

/* The rows that close the old chat; its head is the caller's to move, by reset_close_head. Writer thread. */
int reset_write(struct sotto_tx *, struct chat_step *, const struct chat_head *old);
void reset_close_head(struct chat_head *old);

/* Closes the old chat in the roster and tells its members. Logic thread. */
void reset_apply(struct chat_step *);

#endif
