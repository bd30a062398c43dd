/* SPDX-License-Identifier: MIT */
/*
 * Tree hashes and parent hashes (RFC 9420 sections 7.8, 7.9).
 */
#include "tree.h"

#include <string.h>

enum { NODE_LEAF = 1, NODE_PARENT = 2 };

/* Hash of a leaf; `leaf` NULL stands for a blank one. */
static int
hash_leaf(const struct mls_crypto *c, uint32_t index, const struct mls_leaf *leaf,
          uint8_t out[MLS_HASH_BYTES])
{
    uint8_t head[6] = {NODE_LEAF,
                       (uint8_t)(index >> 24),
                       (uint8_t)(index >> 16),
                       (uint8_t)(index >> 8),
                       (uint8_t)index,
                       leaf != NULL};
    struct mls_bytes parts[2] = {mls_bytes(head, sizeof(head)), mls_bytes_empty()};

    if (leaf != NULL)
        parts[1] = leaf->encoded;
    return mls_hash(c, parts, leaf != NULL ? 2 : 1, out);
}

/* The optional ParentNode of a hash input, its unmerged leaves without those in `without`. */
static void
write_parent_node(struct mls_writer *w, const struct mls_parent_node *parent,
                  const uint32_t *without, size_t count)
{
    mls_write_optional(w, parent != NULL);
    if (parent == NULL)
        return;
    mls_write_opaque(w, mls_bytes(parent->encryption_key, sizeof(parent->encryption_key)));
    mls_write_opaque(w, mls_bytes(parent->parent_hash, parent->parent_hash_len));

    size_t mark = mls_write_vector(w);
    for (uint32_t i = 0; i < parent->unmerged_count; i++) {
        if (!mls_index_has(without, count, parent->unmerged[i]))
            mls_write_u32(w, parent->unmerged[i]);
    }
    mls_write_vector_end(w, mark);
}

static int
hash_parent(const struct mls_crypto *c, const struct mls_parent_node *parent,
            const uint32_t *without, size_t count, const uint8_t left[MLS_HASH_BYTES],
            const uint8_t right[MLS_HASH_BYTES], uint8_t out[MLS_HASH_BYTES])
{
    struct mls_writer w;

    mls_writer_init(&w, c->p, 0);
    mls_write_u8(&w, NODE_PARENT);
    write_parent_node(&w, parent, without, count);
    mls_write_opaque(&w, mls_bytes(left, MLS_HASH_BYTES));
    mls_write_opaque(&w, mls_bytes(right, MLS_HASH_BYTES));
    struct mls_bytes input = mls_writer_bytes(&w);
    int error = mls_writer_error(&w);
    if (error == 0)
        error = mls_hash(c, &input, 1, out);
    mls_writer_fini(&w);
    return error;
}

int
mls_tree_node_hash(struct mls_tree *tree, uint32_t node, uint8_t out[MLS_HASH_BYTES])
{
    struct mls_tree_slot *slot = &tree->slots[node];
    int error = 0;

    if (!slot->hashed) {
        if (mls_node_is_leaf(node)) {
            uint32_t leaf = mls_node_to_leaf(node);

            error = hash_leaf(&tree->c, leaf, mls_tree_leaf(tree, leaf), slot->hash);
        } else {
            uint8_t left[MLS_HASH_BYTES], right[MLS_HASH_BYTES];

            error = mls_tree_node_hash(tree, mls_node_left(node), left);
            if (error == 0)
                error = mls_tree_node_hash(tree, mls_node_right(node), right);
            if (error == 0)
                error = hash_parent(&tree->c, slot->u.parent, NULL, 0, left, right, slot->hash);
        }
        slot->hashed = error == 0;
    }
    if (error == 0)
        memcpy(out, slot->hash, MLS_HASH_BYTES);
    return error;
}

int
mls_tree_root_hash(struct mls_tree *tree, uint8_t out[MLS_HASH_BYTES])
{
    return mls_tree_node_hash(tree, mls_node_root(tree->n_leaves), out);
}

/* ---- Parent hashes ------------------------------------------------------------------------ */

/* Cuts a sorted list of leaves down to those under a node. */
static void
leaves_under(uint32_t node, const uint32_t **list, size_t *count)
{
    uint32_t span = 1u << mls_node_level(node);
    uint32_t first = (node - (span - 1)) / 2; /* leftmost leaf under the node */

    while (*count > 0 && (*list)[0] < first) {
        (*list)++;
        (*count)--;
    }
    while (*count > 0 && (*list)[*count - 1] >= first + span)
        (*count)--;
}

int
mls_tree_original_hash(struct mls_tree *tree, uint32_t node, const uint32_t *without, size_t count,
                       uint8_t out[MLS_HASH_BYTES])
{
    uint8_t left[MLS_HASH_BYTES], right[MLS_HASH_BYTES];

    leaves_under(node, &without, &count);
    if (count == 0)
        return mls_tree_node_hash(tree, node, out);
    if (mls_node_is_leaf(node))
        return hash_leaf(&tree->c, mls_node_to_leaf(node), NULL, out);

    int error = mls_tree_original_hash(tree, mls_node_left(node), without, count, left);
    if (error == 0)
        error = mls_tree_original_hash(tree, mls_node_right(node), without, count, right);
    if (error == 0)
        error = hash_parent(&tree->c, tree->slots[node].u.parent, without, count, left, right, out);
    return error;
}

int
mls_tree_parent_hash(const struct mls_tree *tree, uint32_t node,
                     const uint8_t sibling_hash[MLS_HASH_BYTES], uint8_t out[MLS_HASH_BYTES])
{
    static const uint8_t length = MLS_HASH_BYTES;
    const struct mls_parent_node *parent = mls_tree_parent(tree, node);
    const struct mls_bytes parts[] = {
        mls_bytes(&length, 1),
        mls_bytes(parent->encryption_key, MLS_KEM_PUBLIC_BYTES),
        mls_bytes(&parent->parent_hash_len, 1),
        mls_bytes(parent->parent_hash, parent->parent_hash_len),
        mls_bytes(&length, 1),
        mls_bytes(sibling_hash, MLS_HASH_BYTES),
    };

    return mls_hash(&tree->c, parts, sizeof(parts) / sizeof(parts[0]), out);
}

/* Gives a node that keeps its key another parent hash. */
static int
set_parent_hash(struct mls_tree *tree, uint32_t node, struct mls_bytes parent_hash)
{
    uint8_t key[MLS_KEM_PUBLIC_BYTES];

    memcpy(key, mls_tree_parent(tree, node)->encryption_key, sizeof(key));
    return mls_tree_set_parent(tree, node, mls_bytes(key, sizeof(key)), parent_hash, NULL, 0);
}

int
mls_tree_chain_path(struct mls_tree *tree, const struct mls_filtered_path *path,
                    uint8_t leaf_hash_out[MLS_HASH_BYTES], size_t *leaf_hash_len_out)
{
    uint8_t hash[MLS_HASH_BYTES];
    size_t len = 0;
    int error = 0;

    for (size_t i = path->count; error == 0 && i-- > 0;) {
        uint8_t sibling[MLS_HASH_BYTES];

        error = set_parent_hash(tree, path->nodes[i], mls_bytes(hash, len));
        if (error == 0)
            error = mls_tree_node_hash(tree, path->copath[i], sibling);
        if (error == 0)
            error = mls_tree_parent_hash(tree, path->nodes[i], sibling, hash);
        len = MLS_HASH_BYTES;
    }
    if (error == 0) {
        memcpy(leaf_hash_out, hash, len);
        *leaf_hash_len_out = len;
    }
    return error;
}
