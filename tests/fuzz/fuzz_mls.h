/* SPDX-License-Identifier: MIT */
/*
 * A small MLS group for the targets that read MLS messages. Its provider believes every signature and tag and
 * encrypts nothing, on both sides: a fuzzer changes what would be encrypted, and what it made up comes as far as the
 * checks behind the cryptography. That nothing forged is accepted is what tests/unit/test_mls_group_mutants.c shows.
 */
#ifndef SOTTO_FUZZ_MLS_H
#define SOTTO_FUZZ_MLS_H

#include "fuzz.h"
#include "mls_peer.h"

/* What the provider computed last of its kind; valid: since the input began. */
struct fuzz_mls_computed {
    uint8_t value[MLS_HASH_BYTES];
    bool valid;
};

struct fuzz_mls {
    struct mls_provider provider;
    struct fuzz_mls_computed last_tag, last_hash;
    /* Of trees, too: for targets with one reader, not for those that compare what two readers say. */
    bool believes_hashes;
    struct mls_peer alice; /* made the group */
    struct mls_peer bob;   /* joined; in the epoch of the messages below */
    struct mls_peer carol, dave;
    struct mls_bytes bob_package, carol_package;
    struct peer_bundle add_bob; /* bob joined with its Welcome */
    struct peer_bundle commit;  /* of alice: adds dave, removes carol, renews her keys */
    struct mls_buf application; /* of alice */
    struct mls_buf proposal;    /* of alice: add dave */
    struct mls_buf own_removal; /* of carol */
    struct mls_buf update;      /* of carol, proposed */
    struct mls_buf context;     /* of alice: new extensions of the group, proposed */
    struct mls_buf reinit;      /* of alice, proposed */
    struct mls_buf info;        /* of alice's group, with its tree */
    struct mls_buf external;    /* of dave: a commit by which he joins */
};

/* The same bytes at each run; lives as long as the process. */
struct fuzz_mls *fuzz_mls_create(void);

/* The same as a target's setup; `trusting` believes hashes of trees as well. */
void *fuzz_mls_setup(void);
void *fuzz_mls_setup_trusting(void);

/* To be called before each reader of an input: what was computed for others is not believed. Without it an input that
 * holds the tag of the one before is judged otherwise than alone, or by one of two readers only. */
void fuzz_mls_forget(struct fuzz_mls *world);

#endif
