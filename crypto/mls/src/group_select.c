/* SPDX-License-Identifier: MIT */
/*
 * Which of the kept proposals go into our commit (RFC 9420 section 12.2): all that are valid
 * together with each other and with what is given by value. By value comes first, a Remove beats an
 * Update, the later Update beats the earlier one. Whoever proposed something that is left out may
 * propose it again in the next epoch.
 */
#include "group_commit.h"

/* The leaf an Update or Remove is about; MLS_NODE_NONE for anything else. */
static uint32_t
target_of(const struct mls_commit_item *item)
{
    if (item->body.type == MLS_PROPOSAL_UPDATE)
        return item->sender.index;
    if (item->body.type == MLS_PROPOSAL_REMOVE)
        return item->body.u.removed;
    return MLS_NODE_NONE;
}

/* Keys that an Add or Update brings into the tree; NULL for anything else. */
static const struct mls_leaf *
leaf_of(const struct mls_commit_item *item)
{
    if (item->body.type == MLS_PROPOSAL_ADD)
        return &item->body.u.add.leaf;
    if (item->body.type == MLS_PROPOSAL_UPDATE)
        return &item->body.u.update;
    return NULL;
}

static bool
share_a_key(const struct mls_provider *p, const struct mls_leaf *a, const struct mls_leaf *b)
{
    return mls_mem_equal(p, a->encryption_key, b->encryption_key) ||
           mls_mem_equal(p, a->signature_key, b->signature_key);
}

/* Two proposals that may not stand in one commit. */
static bool
collide(const struct mls_provider *p, const struct mls_commit_item *a,
        const struct mls_commit_item *b)
{
    const struct mls_leaf *leaf_a = leaf_of(a), *leaf_b = leaf_of(b);

    if (target_of(a) != MLS_NODE_NONE && target_of(a) == target_of(b))
        return true;
    if (leaf_a != NULL && leaf_b != NULL && share_a_key(p, leaf_a, leaf_b))
        return true;
    return a->body.type == MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS && b->body.type == a->body.type;
}

/* A key that an Add or Update brings stands in the tree already, at another node. */
static bool
stands_elsewhere(const struct mls_transition *t, const struct mls_commit_item *item)
{
    const struct mls_tree *tree = &t->group->epoch->tree;
    const struct mls_provider *p = t->group->c.p;
    const struct mls_leaf *leaf = leaf_of(item);
    uint32_t own = item->body.type == MLS_PROPOSAL_UPDATE ? mls_leaf_to_node(item->sender.index)
                                                          : MLS_NODE_NONE;

    for (uint32_t node = 0; leaf != NULL && node < mls_node_width(tree->n_leaves); node++) {
        if (node == own || mls_tree_is_blank(tree, node))
            continue;
        if (mls_mem_equal(p, mls_tree_public_key(tree, node), leaf->encryption_key))
            return true;
        if (mls_node_is_leaf(node) &&
            mls_mem_equal(p, mls_tree_leaf(tree, mls_node_to_leaf(node))->signature_key,
                          leaf->signature_key))
            return true;
    }
    return false;
}

/* What only we can say: whether we know the key, whether everybody understands the extensions. */
static int
check_for_us(const struct mls_transition *t, const struct mls_commit_item *item)
{
    const struct mls_group *group = t->group;
    struct mls_psk_set psks;
    int error = mls_check_proposal(group, &item->body, &item->sender, t->committer,
                                   mls_buf_bytes(&group->epoch->extensions));

    if (error == 0 && item->body.type == MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS)
        error = mls_check_tree_fits(&group->epoch->tree, item->body.u.extensions);
    if (error == 0 && item->body.type == MLS_PROPOSAL_PSK) {
        mls_psk_set_init(&psks, group->c.p);
        error = mls_psk_set_add(&psks, &group->config, group, &item->body.u.psk);
        mls_psk_set_fini(&psks);
    }
    return error;
}

static bool
fits(const struct mls_transition *t, const struct mls_commit_item *item)
{
    for (size_t i = 0; i < t->count; i++) {
        if (collide(t->group->c.p, &t->items[i], item))
            return false;
    }
    return !stands_elsewhere(t, item);
}

/* Appends a kept proposal and takes it off again when it does not fit what is there. What is not
 * valid is left out; only a lack of memory stops the commit. */
static int
try_one(struct mls_transition *t, const struct mls_kept_proposal *kept)
{
    if (t->count == MLS_PROPOSALS_MAX)
        return 0;
    int error = mls_transition_add_kept(t, kept);
    if (error != 0)
        return error;

    struct mls_commit_item item = t->items[--t->count];
    error = check_for_us(t, &item);
    if (error == MLS_ENOMEM)
        return error;
    if (error == 0 && fits(t, &item))
        t->count++;
    return 0;
}

static uint16_t
type_of(const struct mls_kept_proposal *kept)
{
    return (uint16_t)(kept->encoded.data[0] << 8 | kept->encoded.data[1]);
}

int
mls_group_select_kept(struct mls_transition *t)
{
    const struct mls_group *group = t->group;
    int error = 0;

    /* Removes first, so that they win over Updates; the rest from the latest to the earliest. */
    for (size_t i = 0; error == 0 && i < group->kept_count; i++) {
        if (type_of(&group->kept[i]) == MLS_PROPOSAL_REMOVE)
            error = try_one(t, &group->kept[i]);
    }
    for (size_t i = group->kept_count; error == 0 && i-- > 0;) {
        if (type_of(&group->kept[i]) != MLS_PROPOSAL_REMOVE)
            error = try_one(t, &group->kept[i]);
    }
    return error;
}
