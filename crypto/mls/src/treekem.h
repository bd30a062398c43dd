/* SPDX-License-Identifier: MIT */
/*
 * TreeKEM: the private half of the ratchet tree and the UpdatePath that renews it (RFC 9420
 * sections 7.4 to 7.6).
 *
 * A member knows the private keys of the nodes on its own direct path, one a level. A committer
 * draws a new path secret at its lowest filtered node and hashes its way up; every other member
 * gets the secret of the first node it shares, sealed to a key it has, and hashes the rest of the
 * way.
 *
 * Functions here work on a clone of the tree on which the commit's proposals were applied; on
 * failure the clone and the keys given to them are thrown away.
 */
#ifndef MLS_TREEKEM_H
#define MLS_TREEKEM_H

#include "proposal.h"
#include "tree.h"

/* Private keys of a member, by node. Its owner wipes it with mls_mem_wipe. */
struct mls_node_keys {
    size_t count;
    struct mls_node_key {
        uint32_t node;
        uint8_t secret[MLS_KEM_SECRET_BYTES];
    } items[MLS_PATH_MAX + 1];
};

/* NULL when there is none for this node. */
const uint8_t *mls_node_keys_find(const struct mls_node_keys *keys, uint32_t node);

/* Sets or replaces the key of a node. */
void mls_node_keys_set(struct mls_node_keys *keys, uint32_t node,
                       const uint8_t secret[MLS_KEM_SECRET_BYTES]);

/* Forgets the keys of nodes that are blank in the tree. */
void mls_node_keys_prune(const struct mls_provider *p, struct mls_node_keys *keys,
                         const struct mls_tree *tree);

/* Secrets of a committer's path, to be wiped with mls_mem_wipe. */
struct mls_path_secrets {
    struct mls_filtered_path path;
    uint8_t secrets[MLS_PATH_MAX][MLS_HASH_BYTES]; /* of path.nodes */
    uint8_t commit_secret[MLS_HASH_BYTES];
};

/* The path secret that a new member at `leaf` shares with the committer; NULL when none. */
const uint8_t *mls_path_secret_for(const struct mls_path_secrets *secrets, uint32_t leaf);

/* Who makes a path: the own leaf without keys, hashes and signature, and what signs it. */
struct mls_path_maker {
    uint32_t leaf_index;
    const struct mls_leaf *leaf; /* credential, signature key, capabilities, extensions */
    const uint8_t *signature_seed;
    struct mls_bytes group_id;
};

/*
 * Draws new keys for the own leaf and its filtered path and sets them in the tree with parent
 * hashes and a signed leaf. `keys` gets the private keys.
 */
int mls_treekem_renew(struct mls_tree *tree, const struct mls_path_maker *maker,
                      struct mls_node_keys *keys, struct mls_path_secrets *secrets);

/*
 * Writes the UpdatePath that tells the others: the own leaf of the tree and each path secret sealed
 * to the resolution of the copath, without the leaves just added (`added`, sorted).
 * `context` is the encoded provisional GroupContext.
 */
int mls_treekem_write_path(const struct mls_tree *tree, uint32_t own_leaf,
                           const struct mls_path_secrets *secrets,
                           const struct mls_index_list *added, struct mls_bytes context,
                           struct mls_writer *w);

/*
 * Sets the public side of a received path in the tree: MLS_EPATH when it does not fit the filtered
 * path of the sender, MLS_EPARENT_HASH when its leaf does not name the right parent hash. The leaf
 * itself (signature, credential) was checked by the caller.
 */
int mls_treekem_merge(struct mls_tree *tree, uint32_t sender, const struct mls_update_path *path,
                      struct mls_filtered_path *filtered_out);

/*
 * All that can be said of a merged path without a key: as many ciphertexts as there are keys to seal
 * to, each of the one length that a path secret has, none made for everybody to open. MLS_EPATH.
 */
int mls_treekem_check_sealed(const struct mls_tree *tree, const struct mls_filtered_path *filtered,
                             const struct mls_update_path *path,
                             const struct mls_index_list *added);

/* What a receiver of a path brings and gets. */
struct mls_path_reader {
    uint32_t own_leaf;
    struct mls_node_keys *keys;         /* new keys are set in it */
    const struct mls_index_list *added; /* sorted */
    struct mls_bytes context;           /* encoded provisional GroupContext */
};

/*
 * Opens the path secret meant for us and says which node it is of, after
 * mls_treekem_check_sealed(). MLS_EPATH: there is none for us; MLS_EAEAD: it does not open.
 */
int mls_treekem_open_secret(const struct mls_tree *tree, const struct mls_filtered_path *filtered,
                            const struct mls_update_path *path,
                            const struct mls_path_reader *reader, uint32_t *node_out,
                            uint8_t path_secret_out[MLS_HASH_BYTES]);

/* The same, then mls_treekem_implant(): all a receiver does with a merged path. */
int mls_treekem_open_path(const struct mls_tree *tree, const struct mls_filtered_path *filtered,
                          const struct mls_update_path *path, const struct mls_path_reader *reader,
                          uint8_t commit_secret_out[MLS_HASH_BYTES]);

/*
 * Derives the keys from the node where a path secret was given up to the root: how a new member
 * uses the path secret in its Welcome. `start` is the lowest node; nodes above that are blank are
 * skipped. MLS_EPATH when a derived key is not the tree's.
 */
int mls_treekem_implant(const struct mls_tree *tree, uint32_t start,
                        const uint8_t path_secret[MLS_HASH_BYTES], struct mls_node_keys *keys,
                        uint8_t commit_secret_out[MLS_HASH_BYTES]);

#endif
