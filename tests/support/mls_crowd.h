/* SPDX-License-Identifier: MIT */
/*
 * A large MLS group in one process, for what counts or measures.
 *
 * The tree of a group of thousands is made of what thousands of members did, and each of them would
 * need its own copy of it. A crowd keeps one group and lets it act as one member after the other:
 * making a commit takes a member's place in the tree and its signature key, no private key of the
 * tree. So the group of a crowd can commit and invite, and cannot process messages or be saved;
 * members who shall do that join by its Welcomes.
 *
 * Two shapes: as the creator leaves it who added everybody without a path (all parents blank, the
 * worst for a commit), and full, where each parent has a key (what a group grows into).
 */
#ifndef SOTTO_TEST_MLS_CROWD_H
#define SOTTO_TEST_MLS_CROWD_H

#include <stdbool.h>

#include "mls/mls.h"

struct mls_crowd {
    struct mls_config config; /* for everybody: believes all, finds no PSK */
    uint16_t suite;
    uint32_t count;
    uint8_t (*seeds)[MLS_ED25519_SEED_BYTES]; /* by leaf */
    struct mls_group *group;
};

/* Somebody who joins it. */
struct mls_crowd_guest {
    uint8_t seed[MLS_ED25519_SEED_BYTES];
    struct mls_buf package, secrets;
    struct mls_group *group;
};

/* Makes a group of `count` members, all parents blank. The provider must outlive it. 0 or an error
 * of the library; mls_crowd_fini() in both cases. */
int mls_crowd_init(struct mls_crowd *crowd, const struct mls_provider *provider, uint16_t suite,
                   uint32_t count);
void mls_crowd_fini(struct mls_crowd *crowd);

/* Gives each parent a key: every other member renews its path. */
int mls_crowd_fill(struct mls_crowd *crowd);

/* The next commit is this member's. */
void mls_crowd_become(struct mls_crowd *crowd, uint32_t leaf);

/* Renews the path of whoever it is now and enters the epoch. Any output may be NULL. */
int mls_crowd_commit(struct mls_crowd *crowd, const struct mls_proposal *proposals, size_t count,
                     struct mls_buf *commit_out, struct mls_buf *welcome_out);

/* A key package for somebody. End it with mls_crowd_guest_fini(). */
int mls_crowd_guest_init(struct mls_crowd_guest *guest, const struct mls_crowd *crowd);
void mls_crowd_guest_fini(struct mls_crowd_guest *guest);

int mls_crowd_guest_join(struct mls_crowd_guest *guest, const struct mls_crowd *crowd,
                         const struct mls_buf *welcome);

/* Processes a commit and enters its epoch. */
int mls_crowd_guest_follow(struct mls_crowd_guest *guest, const struct mls_buf *commit);

#endif
