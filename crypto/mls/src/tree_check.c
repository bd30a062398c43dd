/* SPDX-License-Identifier: MIT */
/*
 * Whether a ratchet tree may be believed (RFC 9420 sections 7.3, 7.9.2, 12.4.3.1).
 *
 * A joiner gets the tree from somebody it does not trust yet. Signatures tie each leaf to its
 * member, parent hashes tie each key above to a leaf that set it, and unique keys keep anybody from
 * standing in two places. The whole costs n log n hashes in the worst tree and n in an honest one.
 */
#include "order.h"
#include "tree.h"

#include <string.h>

/* ---- Leaves ------------------------------------------------------------------------------ */

int
mls_tree_check_leaves(const struct mls_tree *tree, struct mls_bytes group_id)
{
    for (uint32_t i = 0; i < tree->n_leaves; i++) {
        const struct mls_leaf *leaf = mls_tree_leaf(tree, i);
        struct mls_leaf_place place = {.group_id = group_id, .index = i};

        if (leaf == NULL)
            continue;
        int error = mls_leaf_check(&tree->c, leaf);
        if (error == 0)
            error = mls_leaf_verify(&tree->c, leaf, &place);
        if (error != 0)
            return error;
    }
    return 0;
}

/* ---- Unmerged leaves ---------------------------------------------------------------------- */

/* The leaf is a member under the node, and every node between them says that it is unmerged. */
static bool
unmerged_leaf_is_valid(const struct mls_tree *tree, uint32_t node, uint32_t leaf)
{
    if (mls_tree_leaf(tree, leaf) == NULL || !mls_node_in_subtree(mls_leaf_to_node(leaf), node))
        return false;
    for (uint32_t at = mls_node_parent(mls_leaf_to_node(leaf), tree->n_leaves); at != node;
         at = mls_node_parent(at, tree->n_leaves)) {
        const struct mls_parent_node *between = mls_tree_parent(tree, at);

        if (between != NULL && !mls_index_has(between->unmerged, between->unmerged_count, leaf))
            return false;
    }
    return true;
}

static int
check_unmerged(const struct mls_tree *tree)
{
    for (uint32_t node = 1; node < mls_node_width(tree->n_leaves); node += 2) {
        const struct mls_parent_node *parent = mls_tree_parent(tree, node);

        for (uint32_t i = 0; parent != NULL && i < parent->unmerged_count; i++) {
            if (!unmerged_leaf_is_valid(tree, node, parent->unmerged[i]))
                return MLS_ETREE;
        }
    }
    return 0;
}

int
mls_tree_check_form(const struct mls_tree *tree)
{
    int error = check_unmerged(tree);

    for (uint32_t i = 0; error == 0 && i < tree->n_leaves; i++) {
        const struct mls_leaf *leaf = mls_tree_leaf(tree, i);

        if (leaf != NULL)
            error = mls_leaf_check(&tree->c, leaf);
    }
    return error;
}

/* ---- Parent hashes ------------------------------------------------------------------------ */

static struct mls_bytes
parent_hash_of(const struct mls_tree *tree, uint32_t node)
{
    if (mls_node_is_leaf(node)) {
        const struct mls_leaf *leaf = mls_tree_leaf(tree, mls_node_to_leaf(node));

        return leaf->source == MLS_LEAF_COMMIT ? leaf->parent_hash : mls_bytes_empty();
    }
    const struct mls_parent_node *parent = mls_tree_parent(tree, node);
    return mls_bytes(parent->parent_hash, parent->parent_hash_len);
}

/* How many leaves of a sorted list stand under a node. */
static size_t
count_under(const uint32_t *leaves, size_t count, uint32_t node)
{
    size_t under = 0;

    for (size_t i = 0; i < count; i++)
        under += mls_node_in_subtree(mls_leaf_to_node(leaves[i]), node);
    return under;
}

/* Everything in the resolution but one node is an unmerged leaf of the parent. */
static bool
rest_is_unmerged(const struct mls_index_list *resolution, uint32_t except,
                 const struct mls_parent_node *parent)
{
    for (size_t i = 0; i < resolution->count; i++) {
        uint32_t node = resolution->items[i];

        if (node == except)
            continue;
        if (!mls_node_is_leaf(node) ||
            !mls_index_has(parent->unmerged, parent->unmerged_count, mls_node_to_leaf(node)))
            return false;
    }
    return true;
}

/*
 * Counts the nodes under `child` that were set in the same path as `node`, with `sibling` on the
 * copath. `scratch` is reused from call to call.
 */
static int
count_links(struct mls_tree *tree, uint32_t node, uint32_t child, uint32_t sibling,
            struct mls_index_list *scratch, size_t *links)
{
    const struct mls_parent_node *parent = mls_tree_parent(tree, node);
    uint8_t sibling_hash[MLS_HASH_BYTES], hash[MLS_HASH_BYTES];

    scratch->count = 0;
    int error = mls_tree_resolution(tree, child, NULL, scratch);
    if (error != 0)
        return error;
    if (scratch->count != count_under(parent->unmerged, parent->unmerged_count, child) + 1)
        return 0;

    error = mls_tree_original_hash(tree, sibling, parent->unmerged, parent->unmerged_count,
                                   sibling_hash);
    if (error == 0)
        error = mls_tree_parent_hash(tree, node, sibling_hash, hash);
    for (size_t i = 0; error == 0 && i < scratch->count; i++) {
        struct mls_bytes claimed = parent_hash_of(tree, scratch->items[i]);

        if (claimed.len == MLS_HASH_BYTES && memcmp(claimed.data, hash, MLS_HASH_BYTES) == 0 &&
            rest_is_unmerged(scratch, scratch->items[i], parent))
            (*links)++;
    }
    return error;
}

int
mls_tree_check_parent_hashes(struct mls_tree *tree)
{
    struct mls_index_list scratch;
    int error = 0;

    mls_index_list_init(&scratch, tree->c.p);
    for (uint32_t node = 1; error == 0 && node < mls_node_width(tree->n_leaves); node += 2) {
        uint32_t left = mls_node_left(node), right = mls_node_right(node);
        size_t links = 0;

        if (mls_tree_is_blank(tree, node))
            continue;
        error = count_links(tree, node, left, right, &scratch, &links);
        if (error == 0)
            error = count_links(tree, node, right, left, &scratch, &links);
        if (error == 0 && links != 1)
            error = MLS_EPARENT_HASH;
    }
    mls_index_list_fini(&scratch);
    return error;
}

/* ---- Unique keys -------------------------------------------------------------------------- */

struct key_place {
    const uint8_t *key; /* 32 bytes of a node */
    uint32_t node;
};

static int
compare_keys(const void *a, const void *b)
{
    return memcmp(((const struct key_place *)a)->key, ((const struct key_place *)b)->key,
                  MLS_KEM_PUBLIC_BYTES);
}

/* Keys of one kind, sorted. */
struct key_set {
    struct key_place *items;
    size_t count;
};

static const uint8_t *
encryption_key_at(const struct mls_tree *tree, uint32_t node)
{
    return mls_tree_is_blank(tree, node) ? NULL : mls_tree_public_key(tree, node).data;
}

static const uint8_t *
signature_key_at(const struct mls_tree *tree, uint32_t node)
{
    if (!mls_node_is_leaf(node) || mls_tree_is_blank(tree, node))
        return NULL;
    return mls_tree_leaf(tree, mls_node_to_leaf(node))->signature_key.data;
}

typedef const uint8_t *(*key_at_fn)(const struct mls_tree *tree, uint32_t node);

/* True when a key of the set stands at a node that is not its own. */
static bool
has_double(const struct mls_tree *tree, const struct key_set *set, key_at_fn key_at)
{
    for (size_t i = 1; i < set->count; i++) {
        if (compare_keys(&set->items[i - 1], &set->items[i]) == 0)
            return true;
    }
    for (uint32_t node = 0; node < mls_node_width(tree->n_leaves); node++) {
        struct key_place place = {.key = key_at(tree, node), .node = node};

        if (place.key == NULL)
            continue;
        const struct key_place *found =
            mls_order_find(&place, set->items, set->count, sizeof(*set->items), compare_keys);
        if (found != NULL && found->node != node)
            return true;
    }
    return false;
}

static int
check_kind(const struct mls_tree *tree, const uint32_t *nodes, size_t count, key_at_fn key_at,
           struct key_place *scratch)
{
    struct key_set set = {.items = scratch};

    for (size_t i = 0; i < count; i++) {
        struct key_place place = {.key = key_at(tree, nodes[i]), .node = nodes[i]};

        if (place.key != NULL)
            set.items[set.count++] = place;
    }
    if (set.count == 0)
        return 0;
    mls_order_sort(set.items, set.count, sizeof(*set.items), compare_keys);
    return has_double(tree, &set, key_at) ? MLS_ETREE : 0;
}

int
mls_tree_check_unique(const struct mls_tree *tree, const uint32_t *nodes, size_t count)
{
    if (count == 0)
        return 0;

    struct key_place *scratch = mls_mem_alloc(tree->c.p, count, sizeof(*scratch));
    if (scratch == NULL)
        return MLS_ENOMEM;
    int error = check_kind(tree, nodes, count, encryption_key_at, scratch);
    if (error == 0)
        error = check_kind(tree, nodes, count, signature_key_at, scratch);
    mls_mem_free(tree->c.p, scratch, count * sizeof(*scratch));
    return error;
}

static int
check_all_unique(const struct mls_tree *tree)
{
    struct mls_index_list nodes;
    int error = 0;

    mls_index_list_init(&nodes, tree->c.p);
    for (uint32_t node = 0; error == 0 && node < mls_node_width(tree->n_leaves); node++) {
        if (!mls_tree_is_blank(tree, node))
            error = mls_index_list_add(&nodes, node);
    }
    if (error == 0)
        error = mls_tree_check_unique(tree, nodes.items, nodes.count);
    mls_index_list_fini(&nodes);
    return error;
}

/* ---- The whole ---------------------------------------------------------------------------- */

int
mls_tree_check(struct mls_tree *tree, struct mls_bytes group_id)
{
    int error = mls_tree_check_leaves(tree, group_id);

    if (error == 0)
        error = check_unmerged(tree);
    if (error == 0)
        error = mls_tree_check_parent_hashes(tree);
    if (error == 0)
        error = check_all_unique(tree);
    return error;
}
