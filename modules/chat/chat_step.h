/* SPDX-License-Identifier: MIT */
/*
 * One step of a group, from the request to the roster: what Create and Commit have in common.
 *
 *     logic thread   wait for the user's turn (chat_turn.h)
 *     pool thread    plan_read: what the bundle says
 *     logic thread   plan_judge: is it allowed
 *     pool thread    plan_verify: would members take it; the group that it leads to
 *     logic thread   ask keyx whether the devices are registered
 *     writer thread  compare epoch and tree hash and set them; rows
 *     logic thread   apply to the roster, tell the members, answer
 *
 * Nothing is locked in between: if another commit wins, epoch and tree hash differ in the transaction and this step
 * ends as stale, whatever was judged and verified.
 */
#ifndef CHAT_STEP_H
#define CHAT_STEP_H

#include "chat_quota.h"
#include "chat_reset.h"
#include "chat_turn.h"
#include "chat_verify.h"

struct chat_step {
    struct delivery *ds;
    struct sotto_req *req;
    struct chat *chat; /* Commit */
    struct chat_turn turn;
    struct chat_plan plan;
    struct tree_check check;
    struct verified verified;

    /* Create */
    bool is_create;
    Sotto__Chat__V1__ChatType type;
    Sotto__Chat__V1__Mode mode;
    const uint8_t *other; /* of a direct chat, in the plan */
    /* Of the creator; from the transaction when the chat replaces another. */
    Sotto__Chat__V1__Role role;
    struct chat_reset reset;

    /* from the transaction */
    uint32_t num;    /* of the chat */
    uint32_t device; /* of the committer */
    uint32_t seq;
    uint64_t epoch; /* stale: the chat's */
    int64_t ts_ms;
    bool is_repeat;
    bool has_conflict;
    uint8_t conflict[CHAT_ID_BYTES];
    const char *text;
};

/* Copies what the request says into a new step and starts it; the step frees itself. */
void step_start(const struct chat_step *model, const Sotto__Chat__V1__Bundle *bundle,
                ProtobufCBinaryData chat_id, uint16_t suite);

/* chat_commit.c and chat_create.c: the transactions. arg is a struct chat_step **. */
sotto_tx_fn chat_commit_tx, chat_create_tx;

/* The commit as an entry; the transaction knows seq, device and time. */
static inline struct chat_row
step_row(const struct chat_step *step)
{
    return (struct chat_row){
        .chat = step->num,
        .seq = step->seq,
        .kind = SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_COMMIT,
        .epoch = step->plan.epoch,
        .device = step->device,
        .ts_ms = step->ts_ms,
        .message = step->plan.bundle->commit,
    };
}

/* Where the log of a device that the commit adds begins: behind the commit, which its Welcome leads to. Who joined by itself
 * gets the commit, too: it may have been stopped before the answer came. */
static inline uint32_t
step_since(const struct chat_step *step)
{
    return step->plan.is_external ? step->seq - 1 : step->seq;
}

/* Rows of a commit, in a chat whose row exists: log, GroupInfo, tree, seats, members, Welcome. step->seq is set. */
int step_write(struct sotto_tx *, struct chat_step *);

/* What it stores for good, at most: the tree goes with an invitation; without one, and the GroupInfo in any case, it takes
 * the place of the last. */
struct chat_load step_load(const struct chat_step *);

#endif
