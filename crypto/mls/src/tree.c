/* SPDX-License-Identifier: MIT */
/*
 * The ratchet tree: nodes, resolution, and what proposals do to it (RFC 9420 sections 4.1, 7.7,
 * 12.1).
 */
#include "tree.h"

#include <assert.h>
#include <string.h>

/* ---- Index lists -------------------------------------------------------------------------- */

void
mls_index_list_init(struct mls_index_list *list, const struct mls_provider *p)
{
    *list = (struct mls_index_list){.p = p};
}

void
mls_index_list_fini(struct mls_index_list *list)
{
    if (list->p != NULL)
        mls_mem_free(list->p, list->items, list->cap * sizeof(*list->items));
    *list = (struct mls_index_list){.p = list->p};
}

int
mls_index_list_add(struct mls_index_list *list, uint32_t item)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        uint32_t *items = mls_mem_grow(list->p, list->items, list->cap, cap, sizeof(*items));

        if (items == NULL)
            return MLS_ENOMEM;
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = item;
    return 0;
}

bool
mls_index_has(const uint32_t *sorted, size_t count, uint32_t value)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (sorted[mid] == value)
            return true;
        if (sorted[mid] < value)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

/* ---- Nodes ------------------------------------------------------------------------------- */

static void
release_leaf(const struct mls_provider *p, struct mls_leaf_node *node)
{
    if (node != NULL && --node->refs == 0)
        mls_mem_free(p, node, sizeof(*node) + node->bytes_len);
}

static void
release_parent(const struct mls_provider *p, struct mls_parent_node *node)
{
    if (node != NULL && --node->refs == 0)
        mls_mem_free(p, node, sizeof(*node) + node->unmerged_count * sizeof(node->unmerged[0]));
}

static void
release_slot(struct mls_tree *tree, uint32_t node)
{
    struct mls_tree_slot *slot = &tree->slots[node];

    if (mls_node_is_leaf(node)) {
        release_leaf(tree->c.p, slot->u.leaf);
        slot->u.leaf = NULL;
    } else {
        release_parent(tree->c.p, slot->u.parent);
        slot->u.parent = NULL;
    }
}

/* A changed node makes the hashes of its ancestors stale. All above a stale node are stale already,
 * so that building a tree leaf by leaf looks at each node once. */
static void
touch(struct mls_tree *tree, uint32_t node)
{
    while (node != MLS_NODE_NONE && tree->slots[node].hashed) {
        tree->slots[node].hashed = false;
        node = mls_node_parent(node, tree->n_leaves);
    }
}

/* ---- Life -------------------------------------------------------------------------------- */

int
mls_tree_init(struct mls_tree *tree, const struct mls_crypto *c, uint32_t n_leaves)
{
    *tree = (struct mls_tree){.c = *c, .n_leaves = n_leaves};
    tree->slot_count = mls_node_width(n_leaves);
    tree->slots = mls_mem_alloc(c->p, tree->slot_count, sizeof(*tree->slots));
    if (tree->slots == NULL) {
        *tree = (struct mls_tree){0};
        return MLS_ENOMEM;
    }
    return 0;
}

int
mls_tree_clone(struct mls_tree *tree, const struct mls_tree *from)
{
    int error = mls_tree_init(tree, &from->c, from->n_leaves);

    if (error != 0)
        return error;
    tree->blank_from = from->blank_from;
    memcpy(tree->slots, from->slots, tree->slot_count * sizeof(*tree->slots));
    for (uint32_t i = 0; i < tree->slot_count; i++) {
        struct mls_tree_slot *slot = &tree->slots[i];

        if (mls_node_is_leaf(i) && slot->u.leaf != NULL)
            slot->u.leaf->refs++;
        else if (!mls_node_is_leaf(i) && slot->u.parent != NULL)
            slot->u.parent->refs++;
    }
    return 0;
}

void
mls_tree_fini(struct mls_tree *tree)
{
    if (tree->slots == NULL)
        return;
    for (uint32_t i = 0; i < mls_node_width(tree->n_leaves); i++)
        release_slot(tree, i);
    mls_mem_free(tree->c.p, tree->slots, tree->slot_count * sizeof(*tree->slots));
    *tree = (struct mls_tree){0};
}

/* ---- Looking ----------------------------------------------------------------------------- */

const struct mls_leaf *
mls_tree_leaf(const struct mls_tree *tree, uint32_t leaf)
{
    if (leaf >= tree->n_leaves)
        return NULL;
    const struct mls_leaf_node *node = tree->slots[mls_leaf_to_node(leaf)].u.leaf;
    return node == NULL ? NULL : &node->leaf;
}

const struct mls_parent_node *
mls_tree_parent(const struct mls_tree *tree, uint32_t node)
{
    if (mls_node_is_leaf(node) || node >= mls_node_width(tree->n_leaves))
        return NULL;
    return tree->slots[node].u.parent;
}

bool
mls_tree_is_blank(const struct mls_tree *tree, uint32_t node)
{
    if (mls_node_is_leaf(node))
        return mls_tree_leaf(tree, mls_node_to_leaf(node)) == NULL;
    return mls_tree_parent(tree, node) == NULL;
}

struct mls_bytes
mls_tree_public_key(const struct mls_tree *tree, uint32_t node)
{
    assert(!mls_tree_is_blank(tree, node));
    if (mls_node_is_leaf(node))
        return tree->slots[node].u.leaf->leaf.encryption_key;
    return mls_bytes(tree->slots[node].u.parent->encryption_key, MLS_KEM_PUBLIC_BYTES);
}

static int
append_leaf(const struct mls_index_list *skip, uint32_t leaf, struct mls_index_list *out)
{
    if (skip != NULL && mls_index_has(skip->items, skip->count, leaf))
        return 0;
    return mls_index_list_add(out, mls_leaf_to_node(leaf));
}

/* Depth is the height of the tree, at most MLS_PATH_MAX. */
int
mls_tree_resolution(const struct mls_tree *tree, uint32_t node, const struct mls_index_list *skip,
                    struct mls_index_list *out)
{
    if (mls_node_is_leaf(node)) {
        if (mls_tree_is_blank(tree, node))
            return 0;
        return append_leaf(skip, mls_node_to_leaf(node), out);
    }

    const struct mls_parent_node *parent = mls_tree_parent(tree, node);
    if (parent == NULL) {
        int error = mls_tree_resolution(tree, mls_node_left(node), skip, out);

        if (error == 0)
            error = mls_tree_resolution(tree, mls_node_right(node), skip, out);
        return error;
    }

    int error = mls_index_list_add(out, node);
    for (uint32_t i = 0; error == 0 && i < parent->unmerged_count; i++)
        error = append_leaf(skip, parent->unmerged[i], out);
    return error;
}

/* True when nothing in a subtree holds a key: its resolution is empty. */
static bool
subtree_is_blank(const struct mls_tree *tree, uint32_t node)
{
    if (!mls_tree_is_blank(tree, node))
        return false;
    if (mls_node_is_leaf(node))
        return true;
    return subtree_is_blank(tree, mls_node_left(node)) &&
           subtree_is_blank(tree, mls_node_right(node));
}

void
mls_tree_filtered_path(const struct mls_tree *tree, uint32_t leaf, struct mls_filtered_path *out)
{
    uint32_t nodes[MLS_PATH_MAX], copath[MLS_PATH_MAX];
    uint32_t node = mls_leaf_to_node(leaf);
    size_t count = mls_direct_path(node, tree->n_leaves, nodes);

    mls_copath(node, tree->n_leaves, copath);
    out->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (subtree_is_blank(tree, copath[i]))
            continue;
        out->nodes[out->count] = nodes[i];
        out->copath[out->count++] = copath[i];
    }
}

/* ---- Changing ---------------------------------------------------------------------------- */

int
mls_tree_set_leaf(struct mls_tree *tree, uint32_t leaf, struct mls_bytes encoded)
{
    struct mls_reader r;
    struct mls_leaf_node *node = mls_mem_alloc(tree->c.p, 1, sizeof(*node) + encoded.len);

    assert(leaf < tree->n_leaves);
    if (node == NULL)
        return MLS_ENOMEM;
    node->refs = 1;
    node->bytes_len = encoded.len;
    memcpy(node->bytes, encoded.data, encoded.len);
    mls_reader_init(&r, mls_bytes(node->bytes, encoded.len));
    mls_leaf_read(&r, &node->leaf);
    int error = mls_reader_finish(&r);
    if (error != 0) {
        release_leaf(tree->c.p, node);
        return error;
    }
    release_slot(tree, mls_leaf_to_node(leaf));
    tree->slots[mls_leaf_to_node(leaf)].u.leaf = node;
    touch(tree, mls_leaf_to_node(leaf));
    return 0;
}

int
mls_tree_set_parent(struct mls_tree *tree, uint32_t node, struct mls_bytes encryption_key,
                    struct mls_bytes parent_hash, const uint32_t *unmerged, size_t count)
{
    assert(!mls_node_is_leaf(node) && node < mls_node_width(tree->n_leaves));
    if (!mls_kem_public_key_valid(&tree->c, encryption_key) ||
        (parent_hash.len != 0 && parent_hash.len != MLS_HASH_BYTES) || count > tree->n_leaves)
        return MLS_ETREE;

    struct mls_parent_node *made =
        mls_mem_alloc(tree->c.p, 1, sizeof(*made) + count * sizeof(made->unmerged[0]));
    if (made == NULL)
        return MLS_ENOMEM;
    made->refs = 1;
    memcpy(made->encryption_key, encryption_key.data, sizeof(made->encryption_key));
    if (parent_hash.len > 0)
        memcpy(made->parent_hash, parent_hash.data, sizeof(made->parent_hash));
    made->parent_hash_len = (uint8_t)parent_hash.len;
    made->unmerged_count = (uint32_t)count;
    if (count > 0)
        memcpy(made->unmerged, unmerged, count * sizeof(made->unmerged[0]));
    release_slot(tree, node);
    tree->slots[node].u.parent = made;
    touch(tree, node);
    return 0;
}

void
mls_tree_blank(struct mls_tree *tree, uint32_t node)
{
    if (mls_tree_is_blank(tree, node))
        return;
    release_slot(tree, node);
    if (mls_node_is_leaf(node) && mls_node_to_leaf(node) < tree->blank_from)
        tree->blank_from = mls_node_to_leaf(node);
    touch(tree, node);
}

void
mls_tree_blank_path(struct mls_tree *tree, uint32_t leaf)
{
    uint32_t nodes[MLS_PATH_MAX];
    size_t count = mls_direct_path(mls_leaf_to_node(leaf), tree->n_leaves, nodes);

    for (size_t i = 0; i < count; i++)
        mls_tree_blank(tree, nodes[i]);
}

/* Doubles the tree: the old one becomes the left half under a new blank root. */
static int
extend(struct mls_tree *tree)
{
    uint32_t width = mls_node_width(tree->n_leaves * 2);
    if (width > tree->slot_count) {
        struct mls_tree_slot *slots =
            mls_mem_grow(tree->c.p, tree->slots, tree->slot_count, width, sizeof(*slots));

        if (slots == NULL)
            return MLS_ENOMEM;
        tree->slots = slots;
        tree->slot_count = width;
    }
    tree->n_leaves *= 2;
    return 0;
}

/* Adds a leaf to the unmerged leaves of a node. */
static int
unmerge(struct mls_tree *tree, uint32_t node, uint32_t leaf)
{
    const struct mls_parent_node *old = tree->slots[node].u.parent;
    size_t size = sizeof(*old) + (old->unmerged_count + 1) * sizeof(old->unmerged[0]);
    struct mls_parent_node *made = mls_mem_alloc(tree->c.p, 1, size);
    uint32_t at = 0;

    if (made == NULL)
        return MLS_ENOMEM;
    memcpy(made, old, sizeof(*old));
    made->refs = 1;
    while (at < old->unmerged_count && old->unmerged[at] < leaf) {
        made->unmerged[at] = old->unmerged[at];
        at++;
    }
    made->unmerged[at] = leaf;
    for (uint32_t i = at; i < old->unmerged_count; i++)
        made->unmerged[i + 1] = old->unmerged[i];
    made->unmerged_count = old->unmerged_count + 1;
    release_slot(tree, node);
    tree->slots[node].u.parent = made;
    touch(tree, node);
    return 0;
}

int
mls_tree_make_room(struct mls_tree *tree, uint32_t *leaf_out)
{
    uint32_t leaf = tree->blank_from;

    while (leaf < tree->n_leaves && mls_tree_leaf(tree, leaf) != NULL)
        leaf++;
    if (leaf >= MLS_MEMBERS_MAX)
        return MLS_ESIZE;
    if (leaf == tree->n_leaves) {
        int error = extend(tree);

        if (error != 0)
            return error;
    }
    tree->blank_from = leaf;
    *leaf_out = leaf;
    return 0;
}

int
mls_tree_add(struct mls_tree *tree, struct mls_bytes encoded, uint32_t *leaf_out)
{
    uint32_t nodes[MLS_PATH_MAX];
    uint32_t leaf;
    int error = mls_tree_make_room(tree, &leaf);

    if (error != 0)
        return error;
    error = mls_tree_set_leaf(tree, leaf, encoded);
    size_t count = mls_direct_path(mls_leaf_to_node(leaf), tree->n_leaves, nodes);
    for (size_t i = 0; error == 0 && i < count; i++) {
        if (!mls_tree_is_blank(tree, nodes[i]))
            error = unmerge(tree, nodes[i], leaf);
    }
    if (error == 0)
        *leaf_out = leaf;
    return error;
}

int
mls_tree_update(struct mls_tree *tree, uint32_t leaf, struct mls_bytes encoded)
{
    mls_tree_blank_path(tree, leaf);
    return mls_tree_set_leaf(tree, leaf, encoded);
}

void
mls_tree_remove(struct mls_tree *tree, uint32_t leaf)
{
    mls_tree_blank(tree, mls_leaf_to_node(leaf));
    mls_tree_blank_path(tree, leaf);
}

void
mls_tree_truncate(struct mls_tree *tree)
{
    uint32_t used = tree->n_leaves;

    while (used > 1 && mls_tree_leaf(tree, used - 1) == NULL)
        used--;

    uint32_t old_width = mls_node_width(tree->n_leaves);
    uint32_t n_leaves = mls_tree_size_for(used);
    for (uint32_t i = mls_node_width(n_leaves); i < old_width; i++) {
        release_slot(tree, i);
        tree->slots[i].hashed = false;
    }
    tree->n_leaves = n_leaves;
}
