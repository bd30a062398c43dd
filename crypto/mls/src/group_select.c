/* SPDX-License-Identifier: MIT */
/*
 * Which of the kept proposals go into our commit (RFC 9420 section 12.2): all that are valid
 * together with each other and with what is given by value. By value comes first, a Remove beats an
 * Update, the later Update beats the earlier one, and anything beats a ReInit, which must stand
 * alone. Whoever proposed something that is left out may propose it again in the next epoch.
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
    if (a->body.type == MLS_PROPOSAL_REINIT || b->body.type == MLS_PROPOSAL_REINIT)
        return true;
    if (a->body.type != b->body.type)
        return false;
    if (a->body.type == MLS_PROPOSAL_PSK)
        return mls_psk_id_same(p, &a->body.u.psk, &b->body.u.psk);
    return a->body.type == MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS;
}

/* What stands at a leaf now goes away with what was chosen so far. */
static bool
is_target(const struct mls_transition *t, uint32_t leaf)
{
    for (size_t i = 0; i < t->count; i++) {
        if (target_of(&t->items[i]) == leaf)
            return true;
    }
    return false;
}

/* A key of the item's leaf stands at a node that stays. Nobody can draw the key of a parent node by
 * chance, so there it does not matter whether the node stays. */
static bool
key_is_taken(const struct mls_transition *t, const struct mls_commit_item *item)
{
    const struct mls_provider *p = t->group->c.p;
    const struct mls_tree *tree = &t->group->epoch->tree;
    const struct mls_leaf *made = leaf_of(item);

    for (uint32_t node = 0; node < mls_node_width(tree->n_leaves); node++) {
        uint32_t leaf = mls_node_to_leaf(node);

        if (mls_tree_is_blank(tree, node))
            continue;
        if (!mls_node_is_leaf(node)) {
            if (mls_mem_equal(p, mls_tree_public_key(tree, node), made->encryption_key))
                return true;
        } else if (share_a_key(p, mls_tree_leaf(tree, leaf), made) && target_of(item) != leaf &&
                   !is_target(t, leaf)) {
            return true;
        }
    }
    return false;
}

/* We have the key, and there is room for one more. */
static int
check_psk(const struct mls_transition *t, const struct mls_psk_id *id)
{
    struct mls_psk_set set;
    size_t count = 0;

    for (size_t i = 0; i < t->count; i++)
        count += t->items[i].body.type == MLS_PROPOSAL_PSK;
    if (count >= MLS_PSKS_MAX)
        return MLS_ESIZE;
    mls_psk_set_init(&set, t->group->c.p);
    int error = mls_psk_set_add(&set, &t->group->config, t->group, id);
    mls_psk_set_fini(&set);
    return error;
}

/* Everybody who stays and everybody chosen so far can live with these extensions. */
static int
check_everybody_fits(const struct mls_transition *t, struct mls_bytes extensions)
{
    const struct mls_tree *tree = &t->group->epoch->tree;
    int error = 0;

    for (size_t i = 0; error == 0 && i < t->count; i++) {
        if (leaf_of(&t->items[i]) != NULL)
            error = mls_check_leaf_fits(leaf_of(&t->items[i]), extensions);
    }
    for (uint32_t i = 0; error == 0 && i < tree->n_leaves; i++) {
        const struct mls_leaf *leaf = mls_tree_leaf(tree, i);

        if (leaf != NULL && !is_target(t, i))
            error = mls_check_leaf_fits(leaf, extensions);
    }
    return error;
}

/* Whether a proposal that is valid by itself is valid with what was chosen so far. What a commit
 * would be refused for must be found here: a single bad proposal could otherwise keep everybody
 * from committing anything. */
static int
check_together(const struct mls_transition *t, const struct mls_commit_item *item)
{
    for (size_t i = 0; i < t->count; i++) {
        if (collide(t->group->c.p, &t->items[i], item))
            return MLS_EPROPOSAL;
    }
    switch (item->body.type) {
    case MLS_PROPOSAL_ADD:
    case MLS_PROPOSAL_UPDATE: return key_is_taken(t, item) ? MLS_EPROPOSAL : 0;
    case MLS_PROPOSAL_PSK: return check_psk(t, &item->body.u.psk);
    case MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS:
        return check_everybody_fits(t, item->body.u.extensions);
    default: return 0;
    }
}

/* Appends a kept proposal and takes it off again when it does not fit what is there. What is not
 * valid is left out; only a lack of memory stops the commit. */
static int
try_one(struct mls_transition *t, const struct mls_kept_proposal *kept)
{
    if (t->count >= MLS_PROPOSALS_MAX)
        return 0;

    int error = mls_transition_add_kept(t, kept);
    if (error != 0)
        return error;
    struct mls_commit_item item = t->items[--t->count];
    error = mls_check_proposal(t->group, &item.body, &item.sender, t->committer,
                               mls_transition_extensions(t));
    if (error == 0)
        error = check_together(t, &item);
    if (error == 0) {
        t->count++;
        if (mls_transition_check_room(t) != 0)
            t->count--;
    }
    return error == MLS_ENOMEM ? error : 0;
}

/* In which order kept proposals are tried: Removes win over Updates, and a ReInit over nothing. */
enum turn { REMOVES, OTHERS, REINITS, TURNS };

static enum turn
turn_of(const struct mls_kept_proposal *kept)
{
    uint16_t type = (uint16_t)(kept->encoded.data[0] << 8 | kept->encoded.data[1]);

    if (type == MLS_PROPOSAL_REMOVE)
        return REMOVES;
    return type == MLS_PROPOSAL_REINIT ? REINITS : OTHERS;
}

int
mls_group_select_kept(struct mls_transition *t)
{
    const struct mls_group *group = t->group;
    int error = 0;

    /* Within a turn from the latest to the earliest. */
    for (int turn = REMOVES; turn < TURNS; turn++) {
        for (size_t i = group->kept_count; error == 0 && i-- > 0;) {
            if (turn_of(&group->kept[i]) == (enum turn)turn)
                error = try_one(t, &group->kept[i]);
        }
    }
    return error;
}
