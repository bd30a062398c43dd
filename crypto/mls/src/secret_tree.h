/* SPDX-License-Identifier: MIT */
/*
 * Secret tree (RFC 9420, section 9): a key and a nonce for every message of every leaf in one
 * epoch, each usable once.
 *
 * What is kept. Only secrets not yet consumed: the frontier of tree nodes (at first the root
 * alone), and for each leaf that has spoken two ratchets with their next generation and the keys
 * they skipped. An idle epoch of 5,000 leaves is one 32-byte secret; a leaf that speaks adds about
 * 0.2 KB plus at most one frontier secret per level. Deriving a leaf deletes the path above it and
 * using a generation deletes its key (section 9.2), so that a copy of the state taken later opens
 * nothing that was opened before.
 *
 * Peek, then consume. A receiver derives a key with mls_secret_tree_peek, which changes nothing,
 * opens the ciphertext, and only then calls mls_secret_tree_consume. A forged message therefore
 * leaves the state equal byte for byte. A sender asks for the next generation, peeks it, and
 * consumes it before the ciphertext leaves its hands; mls_secret_tree_take_next does the three.
 *
 * Out of order. A generation up to MLS_RATCHET_FORWARD_MAX ahead is derived; the skipped ones are
 * kept, the latest MLS_RATCHET_SKIPPED_MAX of each ratchet, until they come or the epoch ends.
 */
#ifndef MLS_SECRET_TREE_H
#define MLS_SECRET_TREE_H

#include "codec.h"
#include "crypto.h"
#include "tree_math.h"

enum {
    /* Hash work one message can demand. */
    MLS_RATCHET_FORWARD_MAX = 1000,
    /* Keys one ratchet keeps for messages that were overtaken: 48 bytes each. */
    MLS_RATCHET_SKIPPED_MAX = 256,
};

enum mls_ratchet_type {
    MLS_RATCHET_HANDSHAKE = 0,
    MLS_RATCHET_APPLICATION = 1,
};

/* A message key. Its owner wipes it with mls_mem_wipe. */
struct mls_message_key {
    uint32_t generation;
    uint8_t key[MLS_AEAD_KEY_BYTES_MAX]; /* suite->key_bytes used, the rest zero */
    uint8_t nonce[MLS_AEAD_NONCE_BYTES]; /* before the reuse guard of section 6.3.1 */
};

struct mls_secret_node; /* a tree node whose secret is not consumed */
struct mls_leaf_ratchets;

/* Members are private to secret_tree*.c. */
struct mls_secret_tree {
    struct mls_crypto c;
    uint32_t n_leaves;
    struct mls_secret_node *nodes; /* sorted by index */
    size_t node_count;
    size_t node_cap;
    struct mls_leaf_ratchets *leaves; /* sorted by leaf */
    size_t leaf_count;
    size_t leaf_cap;
};

/* Starts a tree of `n_leaves` (a valid tree size, see tree_math.h). The caller wipes its
 * encryption_secret afterwards. MLS_EARG, MLS_ENOMEM; on failure there is nothing to undo. */
int mls_secret_tree_init(struct mls_secret_tree *tree, const struct mls_crypto *c,
                         uint32_t n_leaves, const uint8_t encryption_secret[MLS_HASH_BYTES]);

/* Wipes and frees. Accepts a zeroed struct and may be called twice. */
void mls_secret_tree_fini(struct mls_secret_tree *tree);

/* Derives the key of one generation of one leaf without changing anything. MLS_EARG: no such leaf;
 * MLS_EREPLAY: consumed or no longer kept; MLS_EGENERATION: more than MLS_RATCHET_FORWARD_MAX
 * ahead, or the last number, which is never used so that the counter cannot wrap. */
int mls_secret_tree_peek(const struct mls_secret_tree *tree, uint32_t leaf,
                         enum mls_ratchet_type type, uint32_t generation,
                         struct mls_message_key *key_out);

/* Deletes the key of this generation and everything it was derived from; keeps what was skipped.
 * Errors as for peek, and MLS_ENOMEM; on any of them the tree is unchanged, and the message must
 * then be treated as not received. */
int mls_secret_tree_consume(struct mls_secret_tree *tree, uint32_t leaf, enum mls_ratchet_type type,
                            uint32_t generation);

/* The generation a sender at `leaf` uses next. MLS_EGENERATION when the ratchet is exhausted. */
int mls_secret_tree_next_generation(const struct mls_secret_tree *tree, uint32_t leaf,
                                    enum mls_ratchet_type type, uint32_t *generation_out);

/* The sender's step: derives the key of the next generation and consumes it. */
int mls_secret_tree_take_next(struct mls_secret_tree *tree, uint32_t leaf,
                              enum mls_ratchet_type type, struct mls_message_key *key_out);

/* Writes the whole state. The bytes are secrets and are equal for equal states. */
void mls_secret_tree_write(const struct mls_secret_tree *tree, struct mls_writer *w);

/* Reads what mls_secret_tree_write wrote into an uninitialised struct, checking order and bounds.
 * On failure the reader carries the error, it is returned, and there is nothing to undo. */
int mls_secret_tree_read(struct mls_secret_tree *tree, const struct mls_crypto *c,
                         struct mls_reader *r);

#endif
