/* SPDX-License-Identifier: MIT */
/*
 * What the files of the program mls_peer share: its state, its lines (peer_line.c), and the commands
 * that do not stand in mls_peer.c, where all of them are listed.
 */
#ifndef SOTTO_TEST_PEER_PROGRAM_H
#define SOTTO_TEST_PEER_PROGRAM_H

#include "mls/mls.h"

enum { ARGS_MAX = 2, QUEUE_MAX = 16 };

struct argument {
    uint8_t *data;
    size_t len;
};

struct peer {
    const struct mls_provider *provider;
    struct mls_config config;
    uint16_t suite;
    struct argument name, psk_id, psk;
    uint8_t seed[MLS_ED25519_SEED_BYTES];
    struct mls_buf bundle;
    struct mls_group *group, *earlier;
    struct mls_proposal queue[QUEUE_MAX];
    struct mls_extension extension; /* what a queued proposal points to */
    size_t queued;
    struct argument held[QUEUE_MAX]; /* whose bytes the queue borrows */
    size_t held_count;
    struct argument args[ARGS_MAX];
};

/* Ends the program with 2: a line cannot be understood. */
void peer_give_up(const char *why);

/* Takes an argument, empty before, from the text of a line; NULL ends the program. */
void peer_read_argument(struct argument *argument, const char *text);

/* Frees its bytes and leaves it empty. */
void peer_drop(struct argument *argument);

/* Moves an argument out of the line that is being run. */
struct argument peer_keep(struct argument *argument);

struct mls_bytes peer_bytes(const struct argument *argument);

/* An argument of one byte. */
uint32_t peer_leaf(const struct argument *argument);

/* "ok" with values, or "err NAME". */
void peer_answer(int error, const struct mls_bytes *values, size_t count);
void peer_answer_buf(int error, struct mls_buf *take_buf);

/* Who it says that it is; borrowed. */
struct mls_client peer_client(const struct peer *peer);

/* Puts a proposal into the next commit, and answers. */
void peer_enqueue(struct peer *peer, struct mls_proposal proposal);

/* Moves an argument out of the line that is being run, for the queue. */
struct mls_bytes peer_hold(struct peer *peer, struct argument *argument);

/* Empties the queue. */
void peer_dequeue(struct peer *peer);

/* ---- Commands: peer_linked.c ------------------------------------------------------------------ */

void peer_reinit(struct peer *peer);
void peer_aside(struct peer *peer);
void peer_successor(struct peer *peer);
void peer_branch(struct peer *peer);

/* ---- Commands: peer_outside.c --------------------------------------------------------------- */

void peer_info(struct peer *peer);
void peer_join_external(struct peer *peer);
void peer_ask(struct peer *peer);
void peer_service_remove(struct peer *peer);

#endif
