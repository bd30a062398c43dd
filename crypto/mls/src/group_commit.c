/* SPDX-License-Identifier: MIT */
/*
 * Making a commit (RFC 9420 section 12.4.1). The result waits as the group's pending epoch: nothing
 * of the current one changes until the delivery service has taken the commit.
 */
#include "group_commit.h"

#include <assert.h>
#include <string.h>

/* Everything on the way to a commit; wiped at the end whatever happens. */
struct making {
    struct mls_group *group;
    const struct mls_commit_options *options;
    struct mls_transition t;
    struct mls_buf *values; /* encoded proposals by value */
    bool has_path;
    struct mls_path_secrets path;
    uint8_t joiner[MLS_HASH_BYTES];
    struct mls_writer body, commit, welcome, info;
};

/* ---- Proposals --------------------------------------------------------------------------- */

static int
add_values(struct making *m)
{
    uint8_t unused[MLS_KEM_SECRET_BYTES];
    int error = 0;

    for (size_t i = 0; error == 0 && i < m->options->proposal_count; i++) {
        const struct mls_proposal *proposal = &m->options->proposals[i];

        if (proposal->type == MLS_PROPOSAL_UPDATE)
            return MLS_EPROPOSAL;
        error = mls_group_encode_proposal(m->group, proposal, &m->values[i], unused);
        if (error == 0)
            error = mls_transition_add_value(&m->t, mls_buf_bytes(&m->values[i]));
    }
    return error;
}

static int
collect(struct making *m, bool with_kept)
{
    int error = add_values(m);

    if (error == 0 && with_kept)
        error = mls_group_select_kept(&m->t);
    return error;
}

/* ---- Path -------------------------------------------------------------------------------- */

static int
renew_path(struct making *m)
{
    struct mls_epoch *next = m->t.next;
    const struct mls_path_maker maker = {
        .leaf_index = next->own_leaf,
        .leaf = mls_tree_leaf(&m->group->epoch->tree, next->own_leaf),
        .signature_seed = m->group->seed,
        .group_id = mls_buf_bytes(&m->group->id),
    };

    if (!m->has_path)
        return 0;
    int error = mls_treekem_renew(&next->tree, &maker, &next->keys, &m->path);
    if (error == 0)
        error = mls_transition_note_path(&m->t, &m->path.path);
    return error;
}

/* ---- Commit ------------------------------------------------------------------------------ */

static void
write_proposals(struct making *m)
{
    size_t mark = mls_write_vector(&m->body);

    for (size_t i = 0; i < m->t.count; i++) {
        const struct mls_commit_item *item = &m->t.items[i];

        mls_write_u8(&m->body, item->kept == NULL ? MLS_BY_VALUE : MLS_BY_REFERENCE);
        if (item->kept == NULL)
            mls_write_raw(&m->body, item->body.encoded);
        else
            mls_write_opaque(&m->body, mls_bytes(item->kept->ref, MLS_REF_BYTES));
    }
    mls_write_vector_end(&m->body, mark);
}

/* The Commit struct. The path is sealed under the provisional context: the new epoch with the old
 * transcript hash. */
static int
write_body(struct making *m)
{
    struct mls_buf context = {0};
    int error = 0;

    write_proposals(m);
    mls_write_optional(&m->body, m->has_path);
    if (m->has_path) {
        error = mls_epoch_context(m->t.next, mls_buf_bytes(&m->group->id), &context);
        if (error == 0)
            error = mls_treekem_write_path(&m->t.next->tree, m->t.next->own_leaf, &m->path,
                                           &m->t.added, mls_buf_bytes(&context), &m->body);
        mls_buf_fini(&context);
    }
    return error != 0 ? error : mls_writer_error(&m->body);
}

/* Signs the commit, derives the next epoch from it, and frames it. */
static int
sign_and_frame(struct making *m)
{
    struct mls_group *group = m->group;
    struct mls_buf context = {0};
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_authenticated message = {
        .wire_format = MLS_WIRE_PUBLIC_MESSAGE,
        .content =
            {
                .group_id = mls_buf_bytes(&group->id),
                .epoch = group->epoch->number,
                .sender = {.type = MLS_SENDER_MEMBER, .index = group->epoch->own_leaf},
                .authenticated_data = m->options->authenticated_data,
                .type = MLS_CONTENT_COMMIT,
                .body = mls_writer_bytes(&m->body),
            },
        .auth.signature = mls_bytes(signature, sizeof(signature)),
    };
    int error = mls_epoch_context(group->epoch, mls_buf_bytes(&group->id), &context);

    if (error == 0)
        error = mls_content_sign(&group->c, MLS_WIRE_PUBLIC_MESSAGE, &message.content,
                                 mls_buf_bytes(&context), group->seed, signature);
    if (error == 0)
        error = mls_transition_finish(&m->t, &message, m->has_path ? m->path.commit_secret : NULL,
                                      m->joiner);
    if (error == 0) {
        struct mls_frame_keys keys = mls_epoch_frame_keys(group->epoch, &context);

        message.auth.confirmation_tag = mls_bytes(m->t.next->confirmation_tag, MLS_HASH_BYTES);
        error = mls_public_seal(&keys, &message, &m->commit);
    }
    mls_buf_fini(&context);
    return error;
}

static int
invite(struct making *m, bool want_info)
{
    const struct mls_invitation invitation = {
        .t = &m->t,
        .joiner = m->joiner,
        .path = m->has_path ? &m->path : NULL,
        .with_tree = !m->options->welcome_without_tree,
    };
    int error = 0;

    if (m->t.added.count > 0)
        error = mls_group_write_welcome(&invitation, &m->welcome);
    if (error == 0 && want_info)
        error = mls_group_write_info(m->group, m->t.next, false, &m->info);
    return error;
}

/* Proposals, path and tree of the next epoch. */
static int
draft(struct making *m, bool with_kept)
{
    int error = collect(m, with_kept);

    if (error == 0)
        error = mls_transition_apply(&m->t);
    if (error == 0)
        error = mls_transition_find_secrets(&m->t);
    if (error == 0) {
        m->has_path = m->t.path_required || m->options->force_path;
        error = renew_path(m);
    }
    if (error == 0)
        error = mls_transition_check_keys(&m->t);
    return error;
}

/*
 * A kept proposal that spoils the list in a way the choice did not foresee must not keep us from
 * committing, and with it the group from talking: the second try leaves all of them out.
 */
static int
draft_without_trouble(struct making *m)
{
    bool with_kept = !m->options->skip_kept_proposals && m->group->kept_count > 0;
    int error = draft(m, with_kept);

    if (error == 0 || error == MLS_ENOMEM || !with_kept)
        return error;
    mls_transition_fini(&m->t);
    mls_transition_init(&m->t, m->group, m->group->epoch->own_leaf);
    return draft(m, false);
}

static int
make(struct making *m, bool want_info)
{
    size_t count = m->options->proposal_count;

    if (count > 0) {
        m->values = mls_mem_alloc(m->group->c.p, count, sizeof(*m->values));
        if (m->values == NULL)
            return MLS_ENOMEM;
    }
    int error = draft_without_trouble(m);
    if (error == 0)
        error = write_body(m);
    if (error == 0)
        error = sign_and_frame(m);
    if (error == 0)
        error = invite(m, want_info);
    return error;
}

static void
making_fini(struct making *m)
{
    const struct mls_provider *p = m->group->c.p;
    size_t count = m->options->proposal_count;

    mls_writer_fini(&m->info);
    mls_writer_fini(&m->welcome);
    mls_writer_fini(&m->commit);
    mls_writer_fini(&m->body);
    mls_transition_fini(&m->t);
    for (size_t i = 0; m->values != NULL && i < count; i++)
        mls_buf_fini(&m->values[i]);
    mls_mem_free(p, m->values, count * sizeof(*m->values));
    mls_mem_wipe(p, &m->path, sizeof(m->path));
    mls_mem_wipe(p, m->joiner, sizeof(m->joiner));
}

static int
require_quiet(const struct mls_group *group)
{
    int error = mls_group_require_open(group);

    if (error == 0 && mls_group_has_staged(group))
        error = MLS_ESTAGED;
    if (error == 0 && mls_group_has_pending(group))
        error = MLS_EPENDING;
    return error;
}

int
mls_group_commit(struct mls_group *group, const struct mls_commit_options *options,
                 struct mls_buf *commit_out, struct mls_buf *welcome_out,
                 struct mls_buf *group_info_out)
{
    assert(group != NULL && options != NULL && commit_out != NULL && welcome_out != NULL);

    const struct mls_provider *p = group->c.p;
    struct making m = {.group = group, .options = options};
    uint8_t hash[MLS_HASH_BYTES];
    int error = require_quiet(group);
    if (error == 0 && options->proposal_count > MLS_PROPOSALS_MAX)
        error = MLS_ESIZE;
    if (error != 0)
        return error;

    mls_transition_init(&m.t, group, group->epoch->own_leaf);
    mls_writer_init(&m.body, p, 0);
    mls_writer_init(&m.commit, p, 0);
    mls_writer_init(&m.welcome, p, 0);
    mls_writer_init(&m.info, p, 0);
    error = make(&m, group_info_out != NULL);
    if (error == 0) {
        struct mls_bytes message = mls_writer_bytes(&m.commit);

        error = mls_hash(&group->c, &message, 1, hash);
    }
    if (error == 0) {
        memcpy(group->pending_hash, hash, sizeof(hash));
        group->pending = mls_transition_take_next(&m.t);
        /* Nothing below can fail: the writers carry no error. */
        mls_buf_take(commit_out, &m.commit);
        mls_buf_take(welcome_out, &m.welcome);
        if (group_info_out != NULL)
            mls_buf_take(group_info_out, &m.info);
    }
    making_fini(&m);
    return error;
}
