/* SPDX-License-Identifier: MIT */
/*
 * The ratchet tree on the wire (RFC 9420 section 12.4.3.3): every node in array order, the blank
 * ones at the right end left out.
 */
#include "tree.h"

enum { NODE_BLANK = 0, NODE_LEAF = 1, NODE_PARENT = 2 };

static void
read_parent(struct mls_reader *r, struct mls_parent_view *out)
{
    out->encryption_key = mls_read_opaque(r);
    out->parent_hash = mls_read_opaque(r);
    out->unmerged = mls_read_opaque(r);
    if (out->unmerged.len % sizeof(uint32_t) != 0)
        mls_reader_fail(r, MLS_EDECODE);
}

void
mls_tree_entry_read(struct mls_reader *r, struct mls_tree_entry *out)
{
    out->node_type = NODE_BLANK;
    if (!mls_read_optional(r))
        return;
    out->node_type = mls_read_u8(r);
    if (out->node_type == NODE_LEAF)
        mls_leaf_read(r, &out->leaf);
    else if (out->node_type == NODE_PARENT)
        read_parent(r, &out->parent);
    else
        mls_reader_fail(r, MLS_EDECODE);
}

void
mls_tree_entry_write(struct mls_writer *w, const struct mls_tree_entry *entry)
{
    mls_write_optional(w, entry->node_type != NODE_BLANK);
    if (entry->node_type == NODE_BLANK)
        return;
    mls_write_u8(w, entry->node_type);
    if (entry->node_type == NODE_LEAF) {
        mls_leaf_write(w, &entry->leaf);
    } else {
        mls_write_opaque(w, entry->parent.encryption_key);
        mls_write_opaque(w, entry->parent.parent_hash);
        mls_write_opaque(w, entry->parent.unmerged);
    }
}

/* ---- Reading a whole tree ----------------------------------------------------------------- */

/* Counts the entries, so that memory is taken once and only for what is there. */
static int
count_entries(struct mls_bytes list, uint32_t *count_out)
{
    struct mls_reader r;
    struct mls_tree_entry entry = {0};
    uint32_t count = 0;

    mls_reader_init(&r, list);
    while (mls_reader_more(&r)) {
        mls_tree_entry_read(&r, &entry);
        if (++count > mls_node_width(MLS_MEMBERS_MAX))
            return MLS_ESIZE;
    }
    if (mls_reader_error(&r) != 0)
        return mls_reader_error(&r);
    if (count == 0 || entry.node_type == NODE_BLANK)
        return MLS_ETREE;
    *count_out = count;
    return 0;
}

/* Turns uint32<V> into an array; strictly increasing or MLS_ETREE. */
static int
parse_unmerged(struct mls_bytes encoded, struct mls_index_list *out)
{
    struct mls_reader r;
    int error = 0;

    out->count = 0;
    mls_reader_init(&r, encoded);
    while (error == 0 && mls_reader_more(&r)) {
        uint32_t leaf = mls_read_u32(&r);

        if (out->count > 0 && leaf <= out->items[out->count - 1])
            return MLS_ETREE;
        error = mls_index_list_add(out, leaf);
    }
    return error;
}

static int
place_entry(struct mls_tree *tree, uint32_t node, const struct mls_tree_entry *entry,
            struct mls_index_list *scratch)
{
    if (entry->node_type == NODE_BLANK)
        return 0;
    if ((entry->node_type == NODE_LEAF) != mls_node_is_leaf(node))
        return MLS_ETREE;
    if (entry->node_type == NODE_LEAF)
        return mls_tree_set_leaf(tree, mls_node_to_leaf(node), entry->leaf.encoded);

    int error = parse_unmerged(entry->parent.unmerged, scratch);
    if (error == 0)
        error = mls_tree_set_parent(tree, node, entry->parent.encryption_key,
                                    entry->parent.parent_hash, scratch->items, scratch->count);
    return error;
}

static int
build(struct mls_tree *tree, const struct mls_crypto *c, struct mls_bytes list)
{
    uint32_t count = 0;
    int error = count_entries(list, &count);
    if (error != 0)
        return error;
    error = mls_tree_init(tree, c, mls_tree_size_for(count / 2 + 1));
    if (error != 0)
        return error;

    struct mls_reader r;
    struct mls_tree_entry entry;
    struct mls_index_list scratch;

    mls_index_list_init(&scratch, c->p);
    mls_reader_init(&r, list);
    for (uint32_t node = 0; error == 0 && node < count; node++) {
        mls_tree_entry_read(&r, &entry);
        error = place_entry(tree, node, &entry, &scratch);
    }
    mls_index_list_fini(&scratch);
    if (error != 0)
        mls_tree_fini(tree);
    return error;
}

int
mls_tree_read(struct mls_tree *tree, const struct mls_crypto *c, struct mls_reader *r)
{
    struct mls_bytes list = mls_read_opaque(r);
    int error = mls_reader_error(r);

    *tree = (struct mls_tree){0};
    if (error == 0)
        error = build(tree, c, list);
    if (error != 0)
        mls_reader_fail(r, error);
    return error;
}

/* ---- Writing ----------------------------------------------------------------------------- */

static void
write_parent(struct mls_writer *w, const struct mls_parent_node *parent)
{
    mls_write_opaque(w, mls_bytes(parent->encryption_key, sizeof(parent->encryption_key)));
    mls_write_opaque(w, mls_bytes(parent->parent_hash, parent->parent_hash_len));
    mls_write_varint(w, parent->unmerged_count * sizeof(uint32_t));
    for (uint32_t i = 0; i < parent->unmerged_count; i++)
        mls_write_u32(w, parent->unmerged[i]);
}

void
mls_tree_write(const struct mls_tree *tree, struct mls_writer *w)
{
    uint32_t count = mls_node_width(tree->n_leaves);

    while (count > 1 && mls_tree_is_blank(tree, count - 1))
        count--;

    size_t mark = mls_write_vector(w);
    for (uint32_t node = 0; node < count; node++) {
        mls_write_optional(w, !mls_tree_is_blank(tree, node));
        if (mls_tree_is_blank(tree, node))
            continue;
        mls_write_u8(w, mls_node_is_leaf(node) ? NODE_LEAF : NODE_PARENT);
        if (mls_node_is_leaf(node))
            mls_write_raw(w, tree->slots[node].u.leaf->leaf.encoded);
        else
            write_parent(w, tree->slots[node].u.parent);
    }
    mls_write_vector_end(w, mark);
}
