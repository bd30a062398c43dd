/* SPDX-License-Identifier: MIT */
/*
 * Taking entries away: those of relay chats when every device has acknowledged them, or when they are too old, and
 * all of a chat that was deleted.
 *
 * Logic thread. A relay chat with entries, or a deleted chat, stands in a line; every second some of the line are
 * looked at, and those with something to take get a write job, a bounded number at a time. What may go is decided
 * in the job, from cursors that are on the disk, never from those in memory. chat_purges has a row for each chat
 * that was purged: where its log begins, and its head when nothing is left.
 */
#ifndef CHAT_PURGE_H
#define CHAT_PURGE_H

#include "chat_roster.h"

/* How far a chat was purged: the last entry that is gone, the chat's epoch after it, its time. seq 0: nothing is. */
struct chat_purged {
    uint32_t seq;
    uint64_t epoch;
    int64_t ts_ms;
};

/* Any transaction. */
int purge_read(struct sotto_tx *, uint32_t chat, struct chat_purged *purged_out);

/* The chat's log reaches to this entry; its time may be long before the call (at start). */
void purge_note_entries(struct delivery *, struct chat *, uint32_t last_seq, int64_t last_ts_ms);
/* A cursor of the chat moved, and the write of it is queued already. */
void purge_note_read(struct chat *);

/* The chat is deleted and empty: its log and its row go. */
void purge_deleted(struct delivery *, struct chat *);

/* Every CHAT_PURGE_EVERY_MS. */
sotto_timer_fn purge_on_timer;

#endif
