/* SPDX-License-Identifier: MIT */
/*
 * Secret tree; see secret_tree.h. Two sorted arrays hold the state: node secrets not yet consumed,
 * and ratchets of leaves that have spoken. Deriving a leaf replaces the one node secret above it by
 * the secrets of the siblings along the way down. Because the subtree of a node is a run of
 * indices, those siblings take exactly its place in the array.
 */
#include <string.h>

#include "secret_tree_ratchet.h"

/* What deriving a leaf yields, before any of it is put into the tree. */
struct derived_leaf {
    size_t source; /* index in tree->nodes of the secret that is consumed */
    struct mls_secret_node siblings[MLS_PATH_MAX]; /* ascending */
    size_t sibling_count;
    struct mls_leaf_ratchets ratchets;
};

int
mls_secret_tree_reserve_nodes(struct mls_secret_tree *tree, size_t count)
{
    const size_t cap = count > 2 * tree->node_cap ? count : 2 * tree->node_cap;

    if (count <= tree->node_cap)
        return 0;
    void *grown = mls_mem_grow(tree->c.p, tree->nodes, tree->node_cap, cap, sizeof *tree->nodes);
    if (!grown)
        return MLS_ENOMEM;
    tree->nodes = grown;
    tree->node_cap = cap;
    return 0;
}

int
mls_secret_tree_reserve_leaves(struct mls_secret_tree *tree, size_t count)
{
    const size_t cap = count > 2 * tree->leaf_cap ? count : 2 * tree->leaf_cap;

    if (count <= tree->leaf_cap)
        return 0;
    void *grown = mls_mem_grow(tree->c.p, tree->leaves, tree->leaf_cap, cap, sizeof *tree->leaves);
    if (!grown)
        return MLS_ENOMEM;
    tree->leaves = grown;
    tree->leaf_cap = cap;
    return 0;
}

int
mls_secret_tree_init(struct mls_secret_tree *tree, const struct mls_crypto *c, uint32_t n_leaves,
                     const uint8_t encryption_secret[MLS_HASH_BYTES])
{
    struct mls_secret_tree fresh = {.c = *c, .n_leaves = n_leaves};

    if (!mls_tree_size_valid(n_leaves))
        return MLS_EARG;
    const int rc = mls_secret_tree_reserve_nodes(&fresh, 1);
    if (rc)
        return rc;
    fresh.nodes[0].node = mls_node_root(n_leaves);
    memcpy(fresh.nodes[0].secret, encryption_secret, MLS_HASH_BYTES);
    fresh.node_count = 1;
    *tree = fresh;
    return 0;
}

static void
leaf_ratchets_fini(const struct mls_provider *p, struct mls_leaf_ratchets *leaf)
{
    mls_ratchet_fini(p, &leaf->ratchets[MLS_RATCHET_HANDSHAKE]);
    mls_ratchet_fini(p, &leaf->ratchets[MLS_RATCHET_APPLICATION]);
}

void
mls_secret_tree_fini(struct mls_secret_tree *tree)
{
    for (size_t i = 0; i < tree->leaf_count; i++)
        leaf_ratchets_fini(tree->c.p, &tree->leaves[i]);
    mls_mem_free(tree->c.p, tree->leaves, tree->leaf_cap * sizeof *tree->leaves);
    mls_mem_free(tree->c.p, tree->nodes, tree->node_cap * sizeof *tree->nodes);
    *tree = (struct mls_secret_tree){0};
}

/* Position of a leaf in the sorted array, or where it would stand. */
static size_t
leaf_position(const struct mls_secret_tree *tree, uint32_t leaf)
{
    size_t low = 0;
    size_t high = tree->leaf_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (tree->leaves[middle].leaf < leaf)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct mls_leaf_ratchets *
find_leaf(const struct mls_secret_tree *tree, uint32_t leaf)
{
    const size_t at = leaf_position(tree, leaf);

    return at < tree->leaf_count && tree->leaves[at].leaf == leaf ? &tree->leaves[at] : NULL;
}

ptrdiff_t
mls_secret_tree_find_source(const struct mls_secret_tree *tree, uint32_t leaf)
{
    const uint32_t target = mls_leaf_to_node(leaf);
    size_t low = 0;
    size_t high = tree->node_count;

    /* Disjoint subtrees stand in the order of their roots, so a binary search finds the one. */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const uint32_t node = tree->nodes[middle].node;
        if (mls_node_in_subtree(target, node))
            return (ptrdiff_t)middle;
        if (node < target)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static int
derive_child(const struct mls_crypto *c, const uint8_t secret[MLS_HASH_BYTES], bool left,
             uint8_t out[MLS_HASH_BYTES])
{
    const struct mls_bytes side = left ? mls_bytes("left", 4) : mls_bytes("right", 5);

    return mls_expand_with_label(c, secret, "tree", side, out, MLS_HASH_BYTES);
}

/* Walks down from the source to the leaf; leaves the leaf's tree secret in `secret` and the secrets
 * off the path, in ascending order, in `out->siblings`. */
static int
descend(const struct mls_crypto *c, uint32_t from, uint32_t leaf_node,
        uint8_t secret[MLS_HASH_BYTES], struct derived_leaf *out)
{
    const size_t depth = mls_node_level(from);
    size_t low = 0;
    size_t high = depth;

    if (depth > MLS_PATH_MAX)
        return MLS_EARG;
    for (uint32_t at = from; at != leaf_node;) {
        const bool left = leaf_node < at;
        /* A sibling on the right stands behind everything still to come, one on the left before. */
        struct mls_secret_node *sibling = &out->siblings[left ? --high : low++];
        sibling->node = left ? mls_node_right(at) : mls_node_left(at);
        int rc = derive_child(c, secret, !left, sibling->secret);
        if (rc == 0)
            rc = derive_child(c, secret, left, secret);
        if (rc)
            return rc;
        at = left ? mls_node_left(at) : mls_node_right(at);
    }
    out->sibling_count = depth;
    return 0;
}

static void
derived_leaf_wipe(const struct mls_provider *p, struct derived_leaf *derived)
{
    mls_mem_wipe(p, derived, sizeof *derived);
}

/* Derives the ratchets of a leaf that has not spoken. On failure `out` is wiped. */
static int
derive_leaf(const struct mls_secret_tree *tree, uint32_t leaf, struct derived_leaf *out)
{
    const struct mls_crypto *c = &tree->c;
    const ptrdiff_t source = mls_secret_tree_find_source(tree, leaf);
    uint8_t secret[MLS_HASH_BYTES];

    if (source < 0)
        return MLS_EARG;
    memset(out, 0, sizeof *out);
    out->source = (size_t)source;
    out->ratchets.leaf = leaf;
    memcpy(secret, tree->nodes[source].secret, sizeof secret);
    int rc = descend(c, tree->nodes[source].node, mls_leaf_to_node(leaf), secret, out);
    if (rc == 0)
        rc = mls_derive_secret(c, secret, "handshake",
                               out->ratchets.ratchets[MLS_RATCHET_HANDSHAKE].secret);
    if (rc == 0)
        rc = mls_derive_secret(c, secret, "application",
                               out->ratchets.ratchets[MLS_RATCHET_APPLICATION].secret);
    mls_mem_wipe(c->p, secret, sizeof secret);
    if (rc)
        derived_leaf_wipe(c->p, out);
    return rc;
}

/* Puts a derived leaf into the tree and deletes the secret it came from. The room was reserved
 * before, so this cannot fail. */
static void
insert_derived(struct mls_secret_tree *tree, const struct derived_leaf *derived)
{
    struct mls_secret_node *source = &tree->nodes[derived->source];
    const size_t behind = tree->node_count - derived->source - 1;
    const size_t at = leaf_position(tree, derived->ratchets.leaf);

    memmove(source + derived->sibling_count, source + 1, behind * sizeof *source);
    memcpy(source, derived->siblings, derived->sibling_count * sizeof *source);
    tree->node_count = tree->node_count - 1 + derived->sibling_count;
    if (derived->sibling_count == 0)
        mls_mem_wipe(tree->c.p, &tree->nodes[tree->node_count], sizeof *source);

    memmove(&tree->leaves[at + 1], &tree->leaves[at],
            (tree->leaf_count - at) * sizeof *tree->leaves);
    tree->leaves[at] = derived->ratchets;
    tree->leaf_count++;
}

static int
consume_first(struct mls_secret_tree *tree, uint32_t leaf, enum mls_ratchet_type type,
              uint32_t generation)
{
    struct derived_leaf derived;
    int rc = derive_leaf(tree, leaf, &derived);

    if (rc)
        return rc;
    rc = mls_secret_tree_reserve_nodes(tree, tree->node_count + derived.sibling_count);
    if (rc == 0)
        rc = mls_secret_tree_reserve_leaves(tree, tree->leaf_count + 1);
    if (rc == 0)
        rc = mls_ratchet_consume(&tree->c, &derived.ratchets.ratchets[type], generation);
    if (rc == 0)
        insert_derived(tree, &derived);
    derived_leaf_wipe(tree->c.p, &derived);
    return rc;
}

static int
check_address(const struct mls_secret_tree *tree, uint32_t leaf, enum mls_ratchet_type type)
{
    if (leaf >= tree->n_leaves)
        return MLS_EARG;
    return type == MLS_RATCHET_HANDSHAKE || type == MLS_RATCHET_APPLICATION ? 0 : MLS_EARG;
}

int
mls_secret_tree_peek(const struct mls_secret_tree *tree, uint32_t leaf, enum mls_ratchet_type type,
                     uint32_t generation, struct mls_message_key *key_out)
{
    struct derived_leaf derived;
    int rc = check_address(tree, leaf, type);

    if (rc)
        return rc;
    const struct mls_leaf_ratchets *spoken = find_leaf(tree, leaf);
    if (spoken)
        return mls_ratchet_peek(&tree->c, &spoken->ratchets[type], generation, key_out);
    rc = derive_leaf(tree, leaf, &derived);
    if (rc)
        return rc;
    rc = mls_ratchet_peek(&tree->c, &derived.ratchets.ratchets[type], generation, key_out);
    derived_leaf_wipe(tree->c.p, &derived);
    return rc;
}

int
mls_secret_tree_consume(struct mls_secret_tree *tree, uint32_t leaf, enum mls_ratchet_type type,
                        uint32_t generation)
{
    const int rc = check_address(tree, leaf, type);

    if (rc)
        return rc;
    struct mls_leaf_ratchets *spoken = find_leaf(tree, leaf);
    if (spoken)
        return mls_ratchet_consume(&tree->c, &spoken->ratchets[type], generation);
    return consume_first(tree, leaf, type, generation);
}

int
mls_secret_tree_next_generation(const struct mls_secret_tree *tree, uint32_t leaf,
                                enum mls_ratchet_type type, uint32_t *generation_out)
{
    const int rc = check_address(tree, leaf, type);

    if (rc)
        return rc;
    const struct mls_leaf_ratchets *spoken = find_leaf(tree, leaf);
    const uint32_t next = spoken ? spoken->ratchets[type].next : 0;
    if (next == UINT32_MAX)
        return MLS_EGENERATION;
    *generation_out = next;
    return 0;
}

int
mls_secret_tree_take_next(struct mls_secret_tree *tree, uint32_t leaf, enum mls_ratchet_type type,
                          struct mls_message_key *key_out)
{
    struct mls_message_key key;
    uint32_t generation = 0;
    int rc = mls_secret_tree_next_generation(tree, leaf, type, &generation);

    if (rc)
        return rc;
    rc = mls_secret_tree_peek(tree, leaf, type, generation, &key);
    if (rc == 0)
        rc = mls_secret_tree_consume(tree, leaf, type, generation);
    if (rc == 0)
        *key_out = key;
    mls_mem_wipe(tree->c.p, &key, sizeof key);
    return rc;
}
