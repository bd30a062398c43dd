/* SPDX-License-Identifier: MIT */
/*
 * A Sync on its way: which parts of which logs (chat_sync.c, logic thread), and the page that is read from them
 * (chat_page.c, reader thread). One thread has it at a time.
 */
#ifndef CHAT_SYNC_H
#define CHAT_SYNC_H

#include "chat_roster.h"
#include "chat_turn.h"

#define SYNC_LEFT_MAX \
    64 /* chats a page that the device was removed from and has not read to the end */

/* A part of a log: after < seq <= upto. */
struct sync_range {
    uint8_t chat_id[CHAT_ID_BYTES];
    uint32_t chat;
    uint32_t after;
    uint32_t upto;
    bool is_left;  /* upto comes from the seat's row */
    bool is_ahead; /* the cursor names more than there is; upto is the last entry */
    bool is_relay;
};

struct sync_op {
    struct delivery *ds;
    struct sotto_req *req;
    const Sotto__Chat__V1__SyncRequest *in;
    struct chat_turn turn;
    struct chat_device *device; /* NULL: in no chat, and not live */
    uint32_t num;               /* of the device; 0: in no table */
    uint64_t events;            /* of the device when the ranges were made */
    struct sync_range *ranges;  /* on the heap, freed in answer */
    size_t range_count;
    size_t range_capacity;
    /* from the transaction */
    Sotto__Chat__V1__SyncReply reply;
    size_t bytes;
    bool is_full;
};

/* Fills the reply; arg is a struct sync_op **. What it names is in the transaction's memory, and in the ranges. */
int sync_read_page(struct sotto_tx *, void *arg);

#endif
