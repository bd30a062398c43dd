/* SPDX-License-Identifier: MIT */
/*
 * A provider that counts what goes through it, over the default one: calls, bytes that are hashed,
 * memory. For what says how work grows with a group without looking at a clock.
 */
#ifndef SOTTO_TEST_MLS_COUNTER_H
#define SOTTO_TEST_MLS_COUNTER_H

#include "mls/provider.h"

/* Calls of a stretch; bytes that were hashed, by SHA-256 or HMAC. */
struct mls_counts {
    size_t hashes, hash_bytes, dh, signs, verifies, seals, opens;
    size_t taken, alive; /* bytes of memory: asked for, not given back yet */
};

/* The table is the provider; it must outlive what is made with it and not move. */
struct mls_counter {
    struct mls_provider table;
    struct mls_counts now;
};

void mls_counter_init(struct mls_counter *counter);

/* What was counted since `before`. */
struct mls_counts mls_counter_since(const struct mls_counter *counter, struct mls_counts before);

#endif
