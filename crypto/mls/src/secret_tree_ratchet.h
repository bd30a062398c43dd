/* SPDX-License-Identifier: MIT */
/*
 * Inside of the secret tree: one hash ratchet (RFC 9420, section 9.1), and the arrays that
 * secret_tree.c and secret_tree_state.c share.
 */
#ifndef MLS_SECRET_TREE_RATCHET_H
#define MLS_SECRET_TREE_RATCHET_H

#include "secret_tree.h"

/* A tree node whose secret is not consumed. The subtrees of all of them are disjoint, and together
 * with the leaves that have ratchets they cover every leaf once. */
struct mls_secret_node {
    uint32_t node;
    uint8_t secret[MLS_HASH_BYTES];
};

struct mls_ratchet {
    uint8_t secret[MLS_HASH_BYTES];  /* ratchet secret of generation `next` */
    uint32_t next;                   /* first generation never derived into a key */
    struct mls_message_key *skipped; /* ascending, all below `next` */
    size_t skipped_count;
    size_t skipped_cap;
};

struct mls_leaf_ratchets {
    uint32_t leaf;
    struct mls_ratchet ratchets[2]; /* by enum mls_ratchet_type */
};

/* Derives a key without changing the ratchet. MLS_EREPLAY, MLS_EGENERATION. */
int mls_ratchet_peek(const struct mls_crypto *c, const struct mls_ratchet *ratchet,
                     uint32_t generation, struct mls_message_key *key_out);

/* Deletes the key of a generation, keeping those it jumps over. On failure nothing has changed. */
int mls_ratchet_consume(const struct mls_crypto *c, struct mls_ratchet *ratchet,
                        uint32_t generation);

/* Wipes the secret and frees the skipped keys. */
void mls_ratchet_fini(const struct mls_provider *p, struct mls_ratchet *ratchet);

/* Make room for that many elements; MLS_ENOMEM leaves the tree as it was. */
int mls_secret_tree_reserve_nodes(struct mls_secret_tree *tree, size_t count);
int mls_secret_tree_reserve_leaves(struct mls_secret_tree *tree, size_t count);

/* Finds the node secret that a leaf would be derived from; -1 when there is none. */
ptrdiff_t mls_secret_tree_find_source(const struct mls_secret_tree *tree, uint32_t leaf);

#endif
