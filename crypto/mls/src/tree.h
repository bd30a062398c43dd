/* SPDX-License-Identifier: MIT */
/*
 * The ratchet tree of one epoch, its public half (RFC 9420 sections 4, 7).
 *
 * Nodes are an array in the order of appendix C (tree_math.h). What a node holds never changes once
 * it is made: it is counted by reference and shared between the trees of two epochs, so that a
 * copy on which a commit is tried costs one array and no node. Trees that share nodes belong to one
 * group and are used by one thread.
 *
 * Every function that changes a tree may leave it half changed when it fails: changes are made on a
 * clone, which is thrown away. Tree hashes are cached per node and recomputed only where something
 * changed below, so a commit costs a path, not a tree.
 */
#ifndef MLS_TREE_H
#define MLS_TREE_H

#include "leaf.h"
#include "tree_math.h"

struct mls_leaf_node {
    uint32_t refs;
    size_t bytes_len;
    struct mls_leaf leaf; /* its slices point into bytes */
    uint8_t bytes[];
};

struct mls_parent_node {
    uint32_t refs;
    uint8_t encryption_key[MLS_KEM_PUBLIC_BYTES];
    uint8_t parent_hash[MLS_HASH_BYTES];
    uint8_t parent_hash_len; /* 0 for the top of a path, else MLS_HASH_BYTES */
    uint32_t unmerged_count;
    uint32_t unmerged[]; /* leaf indices, increasing */
};

struct mls_tree_slot {
    union {
        struct mls_leaf_node *leaf;     /* even index; NULL: blank */
        struct mls_parent_node *parent; /* odd index; NULL: blank */
    } u;
    bool hashed;
    uint8_t hash[MLS_HASH_BYTES];
};

struct mls_tree {
    struct mls_crypto c;
    uint32_t n_leaves;   /* a power of two */
    uint32_t slot_count; /* allocated, at least the width of n_leaves */
    uint32_t blank_from; /* no leaf below this index is blank */
    struct mls_tree_slot *slots;
};

/* A growing list of node or leaf indices. */
struct mls_index_list {
    const struct mls_provider *p;
    uint32_t *items;
    size_t count;
    size_t cap;
};

void mls_index_list_init(struct mls_index_list *list, const struct mls_provider *p);
void mls_index_list_fini(struct mls_index_list *list);
int mls_index_list_add(struct mls_index_list *list, uint32_t item);

/* True when a sorted array holds the value. */
bool mls_index_has(const uint32_t *sorted, size_t count, uint32_t value);

/* ---- Life -------------------------------------------------------------------------------- */

/* Makes a blank tree of `n_leaves`, a valid tree size. */
int mls_tree_init(struct mls_tree *tree, const struct mls_crypto *c, uint32_t n_leaves);

/* Makes a copy that shares the nodes. */
int mls_tree_clone(struct mls_tree *tree, const struct mls_tree *from);

/* Accepts a zeroed struct. */
void mls_tree_fini(struct mls_tree *tree);

/* ---- Looking ----------------------------------------------------------------------------- */

/* NULL: blank or out of range. */
const struct mls_leaf *mls_tree_leaf(const struct mls_tree *tree, uint32_t leaf);
const struct mls_parent_node *mls_tree_parent(const struct mls_tree *tree, uint32_t node);
bool mls_tree_is_blank(const struct mls_tree *tree, uint32_t node);

/* Public key of a node that is not blank. */
struct mls_bytes mls_tree_public_key(const struct mls_tree *tree, uint32_t node);

/* Resolution of a node (section 4.1.1) without the leaves in `skip` (sorted), appended to `out`. */
int mls_tree_resolution(const struct mls_tree *tree, uint32_t node,
                        const struct mls_index_list *skip, struct mls_index_list *out);

/* Filtered direct path of a leaf (section 4.1.2), from below to the root, with the copath child of
 * each of its nodes. */
struct mls_filtered_path {
    size_t count;
    uint32_t nodes[MLS_PATH_MAX];
    uint32_t copath[MLS_PATH_MAX];
};

void mls_tree_filtered_path(const struct mls_tree *tree, uint32_t leaf,
                            struct mls_filtered_path *out);

/* ---- Changing ---------------------------------------------------------------------------- */

/* Puts an encoded LeafNode at a leaf and changes nothing else. */
int mls_tree_set_leaf(struct mls_tree *tree, uint32_t leaf, struct mls_bytes encoded);

/* Sets a parent node. `parent_hash` may be empty. */
int mls_tree_set_parent(struct mls_tree *tree, uint32_t node, struct mls_bytes encryption_key,
                        struct mls_bytes parent_hash, const uint32_t *unmerged, size_t count);

void mls_tree_blank(struct mls_tree *tree, uint32_t node);

/* Blanks the direct path of a leaf, not the leaf. */
void mls_tree_blank_path(struct mls_tree *tree, uint32_t leaf);

/* Add, Update and Remove as section 12.1 applies them. Removing does not truncate: all Removes of a
 * commit come before, mls_tree_truncate() after them. */
int mls_tree_add(struct mls_tree *tree, struct mls_bytes encoded, uint32_t *leaf_out);

/* Finds the leaf where somebody new would stand, the leftmost blank one, and makes the tree larger
 * when there is none; it stays blank. */
int mls_tree_make_room(struct mls_tree *tree, uint32_t *leaf_out);
int mls_tree_update(struct mls_tree *tree, uint32_t leaf, struct mls_bytes encoded);
void mls_tree_remove(struct mls_tree *tree, uint32_t leaf);
void mls_tree_truncate(struct mls_tree *tree);

/* ---- Hashes (tree_hash.c) ----------------------------------------------------------------- */

/* Tree hash of a subtree (section 7.8). Fills caches, hence no const. */
int mls_tree_node_hash(struct mls_tree *tree, uint32_t node, uint8_t out[MLS_HASH_BYTES]);
int mls_tree_root_hash(struct mls_tree *tree, uint8_t out[MLS_HASH_BYTES]);

/* Tree hash of a subtree with the leaves in `without` (sorted, all of them in the subtree or not)
 * blanked and unmerged from everywhere (section 7.9). */
int mls_tree_original_hash(struct mls_tree *tree, uint32_t node, const uint32_t *without,
                           size_t count, uint8_t out[MLS_HASH_BYTES]);

/* Parent hash of a parent node that is not blank, given the original tree hash of the sibling. */
int mls_tree_parent_hash(const struct mls_tree *tree, uint32_t node,
                         const uint8_t sibling_hash[MLS_HASH_BYTES], uint8_t out[MLS_HASH_BYTES]);

/*
 * Sets the parent hashes along a filtered path whose nodes were just given their keys, top down,
 * and returns the one that belongs into the leaf (empty when the path is empty).
 */
int mls_tree_chain_path(struct mls_tree *tree, const struct mls_filtered_path *path,
                        uint8_t leaf_hash_out[MLS_HASH_BYTES], size_t *leaf_hash_len_out);

/* ---- Encoding (tree_codec.c) --------------------------------------------------------------- */

/* ParentNode as encoded; `unmerged` is the contents of uint32<V>. */
struct mls_parent_view {
    struct mls_bytes encryption_key;
    struct mls_bytes parent_hash;
    struct mls_bytes unmerged;
};

/* One optional<Node>. */
struct mls_tree_entry {
    uint8_t node_type; /* 0: blank, 1: leaf, 2: parent */
    struct mls_leaf leaf;
    struct mls_parent_view parent;
};

void mls_tree_entry_read(struct mls_reader *r, struct mls_tree_entry *out);
void mls_tree_entry_write(struct mls_writer *w, const struct mls_tree_entry *entry);

/* Builds a tree from ratchet_tree<V>: form only (types by place, last node not blank, key sizes,
 * sorted unmerged leaves). MLS_EDECODE, MLS_ETREE, MLS_ESIZE. */
int mls_tree_read(struct mls_tree *tree, const struct mls_crypto *c, struct mls_reader *r);

/* Writes ratchet_tree<V>. */
void mls_tree_write(const struct mls_tree *tree, struct mls_writer *w);

/* ---- Validation (tree_check.c) ------------------------------------------------------------- */

/*
 * All that section 12.4.3.1 asks of a tree on joining except credentials: leaves with their
 * signatures, unmerged leaves, parent hashes, unique keys. MLS_ETREE, MLS_EPARENT_HASH,
 * MLS_ESIGNATURE and the errors of mls_leaf_check().
 */
int mls_tree_check(struct mls_tree *tree, struct mls_bytes group_id);

/*
 * What the functions here rely on, without cryptography: well-formed leaves, unmerged leaves that
 * are members. For a tree that was checked once and then stored. MLS_ETREE and the errors of
 * mls_leaf_check().
 */
int mls_tree_check_form(const struct mls_tree *tree);

/* Its parts, for the vectors: parent hashes alone, leaf signatures alone. */
int mls_tree_check_parent_hashes(struct mls_tree *tree);
int mls_tree_check_leaves(const struct mls_tree *tree, struct mls_bytes group_id);

/*
 * Refuses a tree in which the encryption key of one of `nodes` stands at any other node, or the
 * signature key of one of the leaves among them at any other leaf: MLS_ETREE. Costs one pass over
 * the tree however many nodes are asked about.
 */
int mls_tree_check_unique(const struct mls_tree *tree, const uint32_t *nodes, size_t count);

#endif
