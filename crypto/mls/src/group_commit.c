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
    struct mls_commit_draft d;
    struct mls_buf *values; /* encoded proposals by value */
    struct mls_writer welcome, info;
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
            error = mls_transition_add_value(&m->d.t, mls_buf_bytes(&m->values[i]));
    }
    return error;
}

static int
collect(struct making *m, bool with_kept)
{
    int error = add_values(m);

    if (error == 0 && with_kept)
        error = mls_group_select_kept(&m->d.t);
    return error;
}

/* ---- Commit ------------------------------------------------------------------------------ */

static int
invite(struct making *m, bool want_info)
{
    const struct mls_invitation invitation = {
        .t = &m->d.t,
        .joiner = m->d.joiner,
        .path = m->d.has_path ? &m->d.path : NULL,
        .with_tree = !m->options->welcome_without_tree,
    };
    int error = 0;

    if (m->d.t.added.count > 0)
        error = mls_group_write_welcome(&invitation, &m->welcome);
    if (error == 0 && want_info)
        error = mls_group_write_info(m->group, m->d.t.next, false, &m->info);
    return error;
}

/* Proposals, path and tree of the next epoch. */
static int
draft(struct making *m, bool with_kept)
{
    int error = collect(m, with_kept);

    if (error == 0)
        error = mls_transition_apply(&m->d.t);
    if (error == 0)
        error = mls_transition_find_secrets(&m->d.t);
    if (error == 0) {
        m->d.has_path = m->d.t.path_required || m->options->force_path;
        if (m->d.has_path)
            error = mls_draft_renew(
                &m->d, mls_tree_leaf(&m->group->epoch->tree, m->group->epoch->own_leaf));
    }
    if (error == 0)
        error = mls_transition_check_keys(&m->d.t);
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
    mls_transition_fini(&m->d.t);
    mls_transition_init(&m->d.t, m->group, m->group->epoch->own_leaf);
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
        error = mls_draft_seal(&m->d, m->options->authenticated_data);
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
    mls_draft_fini(&m->d);
    for (size_t i = 0; m->values != NULL && i < count; i++)
        mls_buf_fini(&m->values[i]);
    mls_mem_free(p, m->values, count * sizeof(*m->values));
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
    static const struct mls_commit_options renewal = {0};

    assert(group != NULL && commit_out != NULL);

    const struct mls_provider *p = group->c.p;
    struct making m = {.group = group, .options = options != NULL ? options : &renewal};
    int error = require_quiet(group);
    if (error == 0 && m.options->proposal_count > MLS_PROPOSALS_MAX)
        error = MLS_ESIZE;
    if (error != 0)
        return error;

    mls_draft_init(&m.d, p);
    mls_transition_init(&m.d.t, group, group->epoch->own_leaf);
    mls_writer_init(&m.welcome, p, 0);
    mls_writer_init(&m.info, p, 0);
    error = make(&m, group_info_out != NULL);
    if (error == 0 && welcome_out == NULL && mls_writer_bytes(&m.welcome).len > 0)
        error = MLS_EARG;
    if (error == 0)
        error = mls_draft_leave_pending(&m.d, group);
    if (error == 0) {
        /* Nothing below can fail: the writers carry no error. */
        mls_buf_take(commit_out, &m.d.commit);
        if (welcome_out != NULL)
            mls_buf_take(welcome_out, &m.welcome);
        if (group_info_out != NULL)
            mls_buf_take(group_info_out, &m.info);
    }
    making_fini(&m);
    return error;
}

/* ---- Commits of one thing ------------------------------------------------------------------ */

static int
commit_one(struct mls_group *group, const struct mls_proposal *proposal, struct mls_buf *commit_out,
           struct mls_buf *welcome_out)
{
    const struct mls_commit_options options = {.proposals = proposal, .proposal_count = 1};

    return mls_group_commit(group, &options, commit_out, welcome_out, NULL);
}

int
mls_group_add(struct mls_group *group, struct mls_bytes key_package, struct mls_buf *commit_out,
              struct mls_buf *welcome_out)
{
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD, .key_package = key_package};

    return commit_one(group, &add, commit_out, welcome_out);
}

int
mls_group_remove(struct mls_group *group, uint32_t leaf, struct mls_buf *commit_out)
{
    const struct mls_proposal out = {.type = MLS_PROPOSAL_REMOVE, .leaf = leaf};

    return commit_one(group, &out, commit_out, NULL);
}
