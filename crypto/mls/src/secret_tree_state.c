/* SPDX-License-Identifier: MIT */
/*
 * The stored form of a secret tree: format version, suite, size, node secrets, ratchets. Reading
 * checks that the node secrets and the ratchets cover every leaf exactly once, because a state in
 * which a leaf could be derived twice would give the same key and nonce to two messages.
 */
#include "secret_tree_ratchet.h"

enum {
    STATE_VERSION = 1,
    NODE_BYTES = 4 + MLS_HASH_BYTES,
};

static void
write_ratchet(const struct mls_crypto *c, const struct mls_ratchet *ratchet, struct mls_writer *w)
{
    mls_write_raw(w, mls_bytes(ratchet->secret, sizeof ratchet->secret));
    mls_write_u32(w, ratchet->next);
    const size_t mark = mls_write_vector(w);
    for (size_t i = 0; i < ratchet->skipped_count; i++) {
        const struct mls_message_key *key = &ratchet->skipped[i];
        mls_write_u32(w, key->generation);
        mls_write_raw(w, mls_bytes(key->key, c->suite->key_bytes));
        mls_write_raw(w, mls_bytes(key->nonce, sizeof key->nonce));
    }
    mls_write_vector_end(w, mark);
}

void
mls_secret_tree_write(const struct mls_secret_tree *tree, struct mls_writer *w)
{
    mls_write_u8(w, STATE_VERSION);
    mls_write_u16(w, tree->c.suite->id);
    mls_write_u32(w, tree->n_leaves);

    size_t mark = mls_write_vector(w);
    for (size_t i = 0; i < tree->node_count; i++) {
        mls_write_u32(w, tree->nodes[i].node);
        mls_write_raw(w, mls_bytes(tree->nodes[i].secret, MLS_HASH_BYTES));
    }
    mls_write_vector_end(w, mark);

    mark = mls_write_vector(w);
    for (size_t i = 0; i < tree->leaf_count; i++) {
        mls_write_u32(w, tree->leaves[i].leaf);
        write_ratchet(&tree->c, &tree->leaves[i].ratchets[MLS_RATCHET_HANDSHAKE], w);
        write_ratchet(&tree->c, &tree->leaves[i].ratchets[MLS_RATCHET_APPLICATION], w);
    }
    mls_write_vector_end(w, mark);
}

static void
read_nodes(struct mls_secret_tree *tree, struct mls_reader *r)
{
    const size_t count = mls_reader_left(r) / NODE_BYTES;

    if (count && mls_secret_tree_reserve_nodes(tree, count)) {
        mls_reader_fail(r, MLS_ENOMEM);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct mls_secret_node *node = &tree->nodes[i];
        node->node = mls_read_u32(r);
        mls_read_array(r, node->secret, sizeof node->secret);
        if (node->node >= mls_node_width(tree->n_leaves) ||
            (i > 0 && node->node <= tree->nodes[i - 1].node))
            mls_reader_fail(r, MLS_EDECODE);
        tree->node_count++;
    }
}

static void
read_skipped(const struct mls_crypto *c, struct mls_ratchet *ratchet, struct mls_reader *r)
{
    const size_t each = 4 + (size_t)c->suite->key_bytes + MLS_AEAD_NONCE_BYTES;
    const size_t count = mls_reader_left(r) / each;

    if (count == 0)
        return;
    if (count > MLS_RATCHET_SKIPPED_MAX) {
        mls_reader_fail(r, MLS_EDECODE);
        return;
    }
    ratchet->skipped = mls_mem_alloc(c->p, count, sizeof *ratchet->skipped);
    if (!ratchet->skipped) {
        mls_reader_fail(r, MLS_ENOMEM);
        return;
    }
    ratchet->skipped_cap = count;
    ratchet->skipped_count = count;
    for (size_t i = 0; i < count; i++) {
        struct mls_message_key *key = &ratchet->skipped[i];
        key->generation = mls_read_u32(r);
        mls_read_array(r, key->key, c->suite->key_bytes);
        mls_read_array(r, key->nonce, sizeof key->nonce);
        if (key->generation >= ratchet->next || (i > 0 && key->generation <= key[-1].generation))
            mls_reader_fail(r, MLS_EDECODE);
    }
}

static void
read_ratchet(const struct mls_crypto *c, struct mls_ratchet *ratchet, struct mls_reader *r)
{
    struct mls_reader skipped;

    mls_read_array(r, ratchet->secret, sizeof ratchet->secret);
    ratchet->next = mls_read_u32(r);
    mls_read_vector(r, &skipped);
    read_skipped(c, ratchet, &skipped);
    mls_read_vector_end(r, &skipped);
}

static void
read_leaves(struct mls_secret_tree *tree, struct mls_reader *r)
{
    while (mls_reader_more(r)) {
        if (mls_secret_tree_reserve_leaves(tree, tree->leaf_count + 1)) {
            mls_reader_fail(r, MLS_ENOMEM);
            return;
        }
        struct mls_leaf_ratchets *leaf = &tree->leaves[tree->leaf_count++];
        leaf->leaf = mls_read_u32(r);
        if (leaf->leaf >= tree->n_leaves || (tree->leaf_count > 1 && leaf->leaf <= leaf[-1].leaf))
            mls_reader_fail(r, MLS_EDECODE);
        read_ratchet(&tree->c, &leaf->ratchets[MLS_RATCHET_HANDSHAKE], r);
        read_ratchet(&tree->c, &leaf->ratchets[MLS_RATCHET_APPLICATION], r);
    }
}

/* True when node secrets and ratchets cover each leaf exactly once. */
static bool
covers_once(const struct mls_secret_tree *tree)
{
    size_t covered = tree->leaf_count;

    for (size_t i = 0; i < tree->node_count; i++) {
        const uint32_t node = tree->nodes[i].node;
        covered += (size_t)1 << mls_node_level(node);
        if (i > 0 && (mls_node_in_subtree(node, tree->nodes[i - 1].node) ||
                      mls_node_in_subtree(tree->nodes[i - 1].node, node)))
            return false;
    }
    for (size_t i = 0; i < tree->leaf_count; i++)
        if (mls_secret_tree_find_source(tree, tree->leaves[i].leaf) >= 0)
            return false;
    return covered == tree->n_leaves;
}

static void
read_body(struct mls_secret_tree *tree, struct mls_reader *r)
{
    struct mls_reader part;

    mls_read_vector(r, &part);
    read_nodes(tree, &part);
    mls_read_vector_end(r, &part);

    mls_read_vector(r, &part);
    read_leaves(tree, &part);
    mls_read_vector_end(r, &part);

    if (!mls_reader_error(r) && !covers_once(tree))
        mls_reader_fail(r, MLS_EDECODE);
}

int
mls_secret_tree_read(struct mls_secret_tree *tree, const struct mls_crypto *c, struct mls_reader *r)
{
    struct mls_secret_tree fresh = {.c = *c};

    if (mls_read_u8(r) != STATE_VERSION)
        mls_reader_fail(r, MLS_EVERSION);
    if (mls_read_u16(r) != c->suite->id)
        mls_reader_fail(r, MLS_ESUITE);
    fresh.n_leaves = mls_read_u32(r);
    if (!mls_tree_size_valid(fresh.n_leaves))
        mls_reader_fail(r, MLS_EDECODE);
    if (!mls_reader_error(r))
        read_body(&fresh, r);
    if (mls_reader_error(r)) {
        mls_secret_tree_fini(&fresh);
        return mls_reader_error(r);
    }
    *tree = fresh;
    return 0;
}
