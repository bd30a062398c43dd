/* SPDX-License-Identifier: MIT */
/*
 * One epoch of a group as one member sees it: the tree, the transcript, every secret (RFC 9420
 * section 8). A commit never changes an epoch: it makes the next one beside it, and entering it is
 * swapping a pointer. That is what makes a refused or lost commit leave no trace.
 */
#ifndef MLS_EPOCH_H
#define MLS_EPOCH_H

#include "protect.h"
#include "schedule.h"
#include "treekem.h"
#include "welcome.h"

struct mls_epoch {
    uint64_t number;
    uint32_t own_leaf;
    struct mls_tree tree;
    struct mls_node_keys keys; /* our private keys in the tree */
    struct mls_buf extensions; /* of the GroupContext, encoded */
    struct mls_buf reinit;     /* the ReInit that the commit of this epoch brought; empty: none */
    uint8_t tree_hash[MLS_HASH_BYTES];
    uint8_t confirmed_hash[MLS_HASH_BYTES];
    uint8_t confirmed_len; /* 0 in epoch 0, else MLS_HASH_BYTES */
    uint8_t interim_hash[MLS_HASH_BYTES];
    uint8_t confirmation_tag[MLS_HASH_BYTES];
    struct mls_epoch_secrets secrets; /* without encryption_secret, which the secret tree took */
    struct mls_secret_tree secret_tree;
};

/* Makes an empty epoch; NULL when there is no memory. */
struct mls_epoch *mls_epoch_new(const struct mls_provider *p);

/* Wipes and frees. Accepts NULL and half-built ones; sets the pointer to NULL. */
void mls_epoch_destroy(const struct mls_provider *p, struct mls_epoch **epoch);

/* Makes the epoch after `from` before any proposal: its tree, keys and extensions, the next number,
 * no secrets. */
int mls_epoch_next(const struct mls_provider *p, const struct mls_epoch *from,
                   struct mls_epoch **next_out);

/* Encodes the GroupContext as the epoch stands now. The caller calls mls_buf_fini. */
int mls_epoch_context(const struct mls_epoch *epoch, struct mls_bytes group_id,
                      struct mls_buf *context_out);

/* Brings tree_hash up to date with the tree. */
int mls_epoch_hash_tree(struct mls_epoch *epoch);

/*
 * Sets every secret from the joiner secret and starts the secret tree. Everything the GroupContext
 * is made of must stand. `psk_secret` NULL: none.
 */
int mls_epoch_start(struct mls_epoch *epoch, struct mls_bytes group_id,
                    const uint8_t joiner[MLS_HASH_BYTES], const uint8_t *psk_secret);

/* The same from a drawn epoch secret: epoch 0. */
int mls_epoch_start_first(struct mls_epoch *epoch, const uint8_t epoch_secret[MLS_HASH_BYTES]);

/* Computes confirmation_tag and interim_hash from the secrets and the confirmed hash. */
int mls_epoch_confirm(struct mls_epoch *epoch);

/* Takes a confirmation tag as it was sent into the epoch and its transcript, for who has no key to
 * compute it. MLS_EMAC: of a wrong length. */
int mls_epoch_take_tag(struct mls_epoch *epoch, struct mls_bytes tag);

/* The keys framing needs, with a context from mls_epoch_context(). */
struct mls_frame_keys mls_epoch_frame_keys(struct mls_epoch *epoch, const struct mls_buf *context);

#endif
