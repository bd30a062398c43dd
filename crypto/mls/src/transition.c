/* SPDX-License-Identifier: MIT */
/*
 * Collecting, applying and finishing: the life of a transition (RFC 9420 sections 12.3, 12.4).
 */
#include "transition.h"

#include <string.h>

void
mls_transition_init(struct mls_transition *t, const struct mls_group *group, uint32_t committer)
{
    *t = (struct mls_transition){.group = group, .committer = committer};
    mls_index_list_init(&t->added, group->c.p);
    mls_index_list_init(&t->changed, group->c.p);
    mls_psk_set_init(&t->psks, group->c.p);
}

void
mls_transition_init_from(struct mls_transition *t, const struct mls_group *group,
                         const struct mls_sender *sender)
{
    bool external = sender->type == MLS_SENDER_NEW_MEMBER_COMMIT;

    mls_transition_init(t, group, external ? MLS_NODE_NONE : sender->index);
    t->external = external;
}

void
mls_transition_fini(struct mls_transition *t)
{
    const struct mls_provider *p = t->group->c.p;

    mls_mem_wipe(p, t->init_secret, sizeof(t->init_secret));
    mls_psk_set_fini(&t->psks);
    mls_index_list_fini(&t->changed);
    mls_index_list_fini(&t->added);
    mls_epoch_destroy(p, &t->next);
    mls_mem_free(p, t->items, t->cap * sizeof(*t->items));
    t->items = NULL;
    t->count = t->cap = 0;
}

struct mls_epoch *
mls_transition_take_next(struct mls_transition *t)
{
    struct mls_epoch *next = t->next;

    t->next = NULL;
    return next;
}

/* ---- Collecting -------------------------------------------------------------------------- */

static int
append(struct mls_transition *t, const struct mls_commit_item *item)
{
    if (t->count >= MLS_PROPOSALS_MAX)
        return MLS_ESIZE;
    if (t->count == t->cap) {
        size_t cap = t->cap == 0 ? 8 : t->cap * 2;
        struct mls_commit_item *items =
            mls_mem_grow(t->group->c.p, t->items, t->cap, cap, sizeof(*items));

        if (items == NULL)
            return MLS_ENOMEM;
        t->items = items;
        t->cap = cap;
    }
    t->items[t->count++] = *item;
    return 0;
}

static int
read_proposal(struct mls_bytes encoded, struct mls_proposal_body *out)
{
    struct mls_reader r;

    mls_reader_init(&r, encoded);
    mls_proposal_read(&r, out);
    return mls_reader_finish(&r);
}

int
mls_transition_add_value(struct mls_transition *t, struct mls_bytes encoded)
{
    struct mls_commit_item item = {0};
    int error = read_proposal(encoded, &item.body);

    if (t->external)
        item.sender.type = MLS_SENDER_NEW_MEMBER_COMMIT;
    else
        item.sender = (struct mls_sender){.type = MLS_SENDER_MEMBER, .index = t->committer};
    return error != 0 ? error : append(t, &item);
}

int
mls_transition_add_kept(struct mls_transition *t, const struct mls_kept_proposal *kept)
{
    struct mls_commit_item item = {.sender = kept->sender, .kept = kept};
    int error = read_proposal(mls_buf_bytes(&kept->encoded), &item.body);

    return error != 0 ? error : append(t, &item);
}

/* Appends what the body of a received commit names. MLS_EPROPOSAL for an unknown reference. */
static int
add_commit(struct mls_transition *t, const struct mls_commit_body *commit)
{
    struct mls_reader r;
    struct mls_proposal_or_ref entry;
    int error = 0;

    mls_reader_init(&r, commit->proposals);
    while (error == 0 && mls_reader_more(&r)) {
        mls_proposal_or_ref_read(&r, &entry);
        if (entry.type == MLS_BY_VALUE) {
            error = mls_transition_add_value(t, entry.proposal.encoded);
        } else if (t->external) {
            error = MLS_EPROPOSAL; /* a joiner cannot judge what it did not see */
        } else {
            const struct mls_kept_proposal *kept = mls_group_find_kept(t->group, entry.ref);

            error = kept == NULL ? MLS_EPROPOSAL : mls_transition_add_kept(t, kept);
        }
    }
    return error != 0 ? error : mls_reader_finish(&r);
}

/* ---- Applying ---------------------------------------------------------------------------- */

static int
apply_updates(struct mls_transition *t)
{
    struct mls_epoch *next = t->next;
    int error = 0;

    for (size_t i = 0; error == 0 && i < t->count; i++) {
        const struct mls_commit_item *item = &t->items[i];
        uint32_t leaf = item->sender.index;

        if (item->body.type != MLS_PROPOSAL_UPDATE)
            continue;
        error = mls_tree_update(&next->tree, leaf, item->body.u.update.encoded);
        if (error == 0)
            error = mls_index_list_add(&t->changed, mls_leaf_to_node(leaf));
        if (error == 0 && leaf == next->own_leaf) {
            if (item->kept == NULL || !item->kept->has_leaf_secret)
                error = MLS_EPROPOSAL;
            else
                mls_node_keys_set(&next->keys, mls_leaf_to_node(leaf), item->kept->leaf_secret);
        }
    }
    return error;
}

static void
apply_removes(struct mls_transition *t)
{
    bool any = false;

    for (size_t i = 0; i < t->count; i++) {
        const struct mls_commit_item *item = &t->items[i];

        if (item->body.type != MLS_PROPOSAL_REMOVE)
            continue;
        any = true;
        mls_tree_remove(&t->next->tree, item->body.u.removed);
        if (item->body.u.removed == t->next->own_leaf)
            t->removes_self = true;
    }
    if (any)
        mls_tree_truncate(&t->next->tree);
}

static int
apply_adds(struct mls_transition *t)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < t->count; i++) {
        struct mls_commit_item *item = &t->items[i];

        if (item->body.type != MLS_PROPOSAL_ADD)
            continue;
        error = mls_tree_add(&t->next->tree, item->body.u.add.leaf.encoded, &item->leaf);
        if (error == 0)
            error = mls_index_list_add(&t->added, item->leaf);
        if (error == 0)
            error = mls_index_list_add(&t->changed, mls_leaf_to_node(item->leaf));
    }
    return error;
}

/* The first proposal of a type. */
static const struct mls_commit_item *
find_type(const struct mls_transition *t, uint16_t type)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->items[i].body.type == type)
            return &t->items[i];
    }
    return NULL;
}

static const struct mls_commit_item *
find_context_extensions(const struct mls_transition *t)
{
    return find_type(t, MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
}

const struct mls_leaf *
mls_transition_resynced(const struct mls_transition *t)
{
    const struct mls_commit_item *remove = t->external ? find_type(t, MLS_PROPOSAL_REMOVE) : NULL;

    return remove == NULL ? NULL : mls_tree_leaf(&t->group->epoch->tree, remove->body.u.removed);
}

struct mls_bytes
mls_transition_extensions(const struct mls_transition *t)
{
    const struct mls_commit_item *context = find_context_extensions(t);

    return context != NULL ? context->body.u.extensions
                           : mls_buf_bytes(&t->group->epoch->extensions);
}

/* A ReInit stands alone (transition_check.c); the epoch it leads to is the last one. */
static int
note_reinit(struct mls_transition *t)
{
    if (t->count == 0 || t->items[0].body.type != MLS_PROPOSAL_REINIT)
        return 0;
    return mls_buf_set(&t->next->reinit, t->group->c.p, t->items[0].body.encoded);
}

int
mls_transition_apply(struct mls_transition *t)
{
    const struct mls_commit_item *context = find_context_extensions(t);
    struct mls_bytes extensions = mls_transition_extensions(t);
    int error = mls_transition_check_list(t, extensions);

    if (error == 0)
        error = mls_epoch_next(t->group->c.p, t->group->epoch, &t->next);
    if (error == 0 && context != NULL)
        error = mls_buf_set(&t->next->extensions, t->group->c.p, extensions);
    if (error == 0)
        error = note_reinit(t);
    if (error == 0)
        error = apply_updates(t);
    if (error == 0) {
        apply_removes(t);
        error = apply_adds(t);
    }
    if (error == 0 && t->external)
        error = mls_tree_make_room(&t->next->tree, &t->committer);
    if (error == 0 && context != NULL)
        error = mls_check_tree_fits(&t->next->tree, extensions);
    return error;
}

/* What starts the key schedule: the secret this epoch left for the next, or the one a joiner sent
 * (section 8.3). A joiner has set its own already. */
static int
find_init_secret(struct mls_transition *t)
{
    const struct mls_epoch_secrets *secrets = &t->group->epoch->secrets;

    if (!t->external)
        memcpy(t->init_secret, secrets->init_secret, sizeof(t->init_secret));
    else if (!t->group->joining)
        return mls_schedule_external_init_receive(
            &t->group->c, secrets->external_secret,
            find_type(t, MLS_PROPOSAL_EXTERNAL_INIT)->body.u.kem_output, t->init_secret);
    return 0;
}

int
mls_transition_receive(struct mls_transition *t, const struct mls_authenticated *message,
                       struct mls_commit_body *commit_out)
{
    struct mls_reader r;

    mls_reader_init(&r, message->content.body);
    mls_commit_body_read(&r, commit_out);
    int error = mls_reader_finish(&r);
    if (error == 0)
        error = add_commit(t, commit_out);
    if (error == 0)
        error = mls_transition_apply(t);
    if (error == 0 && t->path_required && !commit_out->has_path)
        error = MLS_EPATH;
    return error;
}

int
mls_transition_find_secrets(struct mls_transition *t)
{
    if (t->removes_self)
        return 0;
    mls_node_keys_prune(t->group->c.p, &t->next->keys, &t->next->tree);
    int error = find_init_secret(t);
    for (size_t i = 0; error == 0 && i < t->count; i++) {
        if (t->items[i].body.type == MLS_PROPOSAL_PSK)
            error = mls_psk_set_add(&t->psks, &t->group->config,
                                    t->group->joining ? NULL : t->group, &t->items[i].body.u.psk);
    }
    return error;
}

/* ---- Finishing --------------------------------------------------------------------------- */

int
mls_transition_note_path(struct mls_transition *t, const struct mls_filtered_path *path)
{
    int error = mls_index_list_add(&t->changed, mls_leaf_to_node(t->committer));

    for (size_t i = 0; error == 0 && i < path->count; i++)
        error = mls_index_list_add(&t->changed, path->nodes[i]);
    return error;
}

int
mls_transition_check_keys(struct mls_transition *t)
{
    int error = mls_tree_check_unique(&t->next->tree, t->changed.items, t->changed.count);

    return error != 0 ? error : mls_epoch_hash_tree(t->next);
}

int
mls_transition_confirm(struct mls_transition *t, const struct mls_authenticated *commit)
{
    const struct mls_crypto *c = &t->group->c;
    struct mls_writer w;

    mls_writer_init(&w, c->p, 0);
    mls_authenticated_write_confirmed(&w, commit);
    int error = mls_writer_error(&w);
    if (error == 0)
        error =
            mls_transcript_confirmed(c, mls_bytes(t->group->epoch->interim_hash, MLS_HASH_BYTES),
                                     mls_writer_bytes(&w), t->next->confirmed_hash);
    t->next->confirmed_len = MLS_HASH_BYTES;
    mls_writer_fini(&w);
    return error;
}

int
mls_transition_finish(struct mls_transition *t, const struct mls_authenticated *commit,
                      const uint8_t *commit_secret, uint8_t joiner_out[MLS_HASH_BYTES])
{
    const struct mls_crypto *c = &t->group->c;
    struct mls_bytes id = mls_buf_bytes(&t->group->id);
    struct mls_buf context = {0};
    uint8_t psk_secret[MLS_HASH_BYTES];
    int error = mls_transition_confirm(t, commit);

    if (error == 0)
        error = mls_psk_secret(c, t->psks.psks, t->psks.count, psk_secret);
    if (error == 0)
        error = mls_epoch_context(t->next, id, &context);
    if (error == 0)
        error = mls_schedule_joiner(c, t->init_secret, commit_secret, mls_buf_bytes(&context),
                                    joiner_out);
    if (error == 0)
        error = mls_epoch_start(t->next, id, joiner_out, psk_secret);
    if (error == 0)
        error = mls_epoch_confirm(t->next);
    mls_mem_wipe(c->p, psk_secret, sizeof(psk_secret));
    mls_buf_fini(&context);
    return error;
}
