/* SPDX-License-Identifier: MIT */
/*
 * The path of a received commit as everybody sees it (RFC 9420 sections 7.5, 7.9, 12.4.2): whether
 * it may be believed, and what it makes of the tree. Members open their part of it afterwards;
 * whoever follows the group without secrets stops here.
 */
#include "transition.h"

/* A key that a member's leaf or path has now. */
static bool
is_old_key(const struct mls_tree *tree, uint32_t leaf, struct mls_bytes key)
{
    uint32_t nodes[MLS_PATH_MAX + 1];
    size_t count = mls_direct_path(mls_leaf_to_node(leaf), tree->n_leaves, nodes);

    nodes[count++] = mls_leaf_to_node(leaf);
    for (size_t i = 0; i < count; i++) {
        if (!mls_tree_is_blank(tree, nodes[i]) &&
            mls_mem_equal(tree->c.p, key, mls_tree_public_key(tree, nodes[i])))
            return true;
    }
    return false;
}

/*
 * No key of a path is one that the sender's own leaf or path had (section 12.4.2). Keys at other
 * nodes are found after the merge, with all keys that stand twice.
 */
static int
check_path_is_new(const struct mls_transition *t, const struct mls_update_path *path)
{
    const struct mls_tree *tree = &t->next->tree;
    struct mls_path_node node;
    struct mls_reader r;

    if (is_old_key(tree, t->committer, path->leaf.encryption_key))
        return MLS_ETREE;
    mls_reader_init(&r, path->nodes);
    while (mls_reader_more(&r)) {
        mls_path_node_read(&r, &node);
        if (is_old_key(tree, t->committer, node.encryption_key))
            return MLS_ETREE;
    }
    return mls_reader_finish(&r);
}

/* The sender's new leaf against the one it had, if it had one. */
static int
check_leaf(const struct mls_transition *t, const struct mls_leaf *leaf)
{
    struct mls_bytes extensions = mls_buf_bytes(&t->next->extensions);

    if (t->external)
        return mls_check_joiner(t->group, leaf, t->committer, mls_transition_resynced(t),
                                extensions);
    return mls_check_replacement(t->group, leaf, MLS_LEAF_COMMIT, t->committer, extensions);
}

int
mls_transition_take_path(struct mls_transition *t, const struct mls_update_path *path,
                         struct mls_filtered_path *filtered_out)
{
    struct mls_epoch *next = t->next;
    int error = check_leaf(t, &path->leaf);

    if (error == 0 && path->node_count > MLS_PATH_MAX)
        error = MLS_EPATH;
    if (error == 0)
        error = check_path_is_new(t, path);
    if (error == 0)
        error = mls_treekem_merge(&next->tree, t->committer, path, filtered_out);
    if (error == 0)
        error = mls_transition_note_path(t, filtered_out);
    if (error == 0)
        error = mls_transition_check_keys(t);
    if (error == 0)
        error = mls_treekem_check_sealed(&next->tree, filtered_out, path, &t->added);
    return error;
}
