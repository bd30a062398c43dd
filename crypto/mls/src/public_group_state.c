/* SPDX-License-Identifier: MIT */
/*
 * A followed group as bytes and back, and what it takes in memory. The form is that of a member's
 * group without the secrets, with a hash at its end against accidents.
 *
 * Layout, version 1: magic, version, suite, group id, epoch number, tree, context, kept proposals,
 * the ReInit when there is one, hash.
 */
#include <assert.h>

#include "group_state.h"
#include "public_group.h"

static const struct mls_state_form FORM = {.magic = 0x6d6c7370 /* "mlsp" */, .version = 1};

static size_t
node_memory(const struct mls_tree *tree, uint32_t node)
{
    const struct mls_tree_slot *slot = &tree->slots[node];

    if (mls_tree_is_blank(tree, node))
        return 0;
    if (mls_node_is_leaf(node))
        return sizeof(*slot->u.leaf) + slot->u.leaf->bytes_len;
    return sizeof(*slot->u.parent) + slot->u.parent->unmerged_count * sizeof(uint32_t);
}

size_t
mls_public_group_memory(const struct mls_public_group *group)
{
    const struct mls_group *g = group->group;
    const struct mls_tree *tree = &g->epoch->tree;
    size_t total = sizeof(*group) + sizeof(*g) + sizeof(*g->epoch) + g->id.len +
                   g->epoch->extensions.len + g->epoch->reinit.len +
                   tree->slot_count * sizeof(*tree->slots) + g->kept_cap * sizeof(*g->kept);

    for (uint32_t node = 0; node < mls_node_width(tree->n_leaves); node++)
        total += node_memory(tree, node);
    for (size_t i = 0; i < g->kept_count; i++)
        total += g->kept[i].encoded.len;
    return total;
}

int
mls_public_group_save(const struct mls_public_group *group, struct mls_buf *state_out)
{
    assert(group != NULL && state_out != NULL);

    const struct mls_group *g = group->group;
    struct mls_writer w;

    mls_state_begin(&w, g, FORM);
    mls_write_u64(&w, g->epoch->number);
    mls_tree_write(&g->epoch->tree, &w);
    mls_state_write_context(&w, g->epoch);
    mls_state_write_kept(&w, g);
    if (g->epoch->reinit.len > 0)
        mls_write_opaque(&w, mls_buf_bytes(&g->epoch->reinit));
    return mls_state_close(&w, &g->c, state_out);
}

/* Everything after the head. */
static int
read_body(struct mls_reader *r, struct mls_group *group)
{
    struct mls_epoch *epoch = group->epoch;

    epoch->number = mls_read_u64(r);
    int error = mls_tree_read(&epoch->tree, &group->c, r);
    if (error == 0)
        error = mls_state_read_context(r, epoch);
    if (error == 0)
        error = mls_state_read_kept(r, group);
    if (error == 0 && mls_reader_more(r)) {
        error = mls_state_read_reinit(r, epoch);
        if (error == 0 && epoch->reinit.len == 0)
            error = MLS_EDECODE;
    }
    if (error == 0)
        error = mls_reader_finish(r);
    if (error == 0 && mls_tree_check_form(&epoch->tree) != 0)
        error = MLS_EDECODE;
    return error;
}

int
mls_public_group_load(const struct mls_config *config, struct mls_bytes state,
                      struct mls_public_group **group_out)
{
    assert(config != NULL && config->provider != NULL && group_out != NULL);

    struct mls_public_group *made = NULL;
    struct mls_reader r;
    struct mls_state_head head;
    int error = mls_state_open(config->provider, state, FORM, &r, &head);

    if (error == 0)
        error = mls_public_group_new(config, head.suite, head.id, &made);
    if (error == 0)
        error = read_body(&r, made->group);
    if (error == 0)
        *group_out = made;
    else
        mls_public_group_destroy(&made);
    return error;
}
