/* SPDX-License-Identifier: MIT */
/*
 * Groups that continue another one (RFC 9420 sections 11.2, 11.3): the successor that a ReInit asks
 * for, and subgroups. Both are ordinary groups whose first commit brings in the resumption secret of
 * the old group, so that only members of that one can have made or joined them.
 *
 * Who makes such a group and who joins it check the same list here. The RFC leaves to the
 * application when two leaves are the same member; ours are when their credentials are equal.
 */
#include "buf.h"
#include "order.h"
#include "transition.h"

#include <assert.h>
#include <string.h>

/* ---- A closed group ---------------------------------------------------------------------- */

bool
mls_group_is_closed(const struct mls_group *group, struct mls_reinit_view *view_out)
{
    struct mls_bytes encoded = mls_buf_bytes(&group->epoch->reinit);
    struct mls_proposal_body body;
    struct mls_reader r;

    if (encoded.len == 0)
        return false;
    mls_reader_init(&r, encoded);
    mls_proposal_read(&r, &body); /* was read before it was stored */
    if (view_out != NULL)
        *view_out = mls_reinit_view(&body.u.reinit);
    return true;
}

/* ---- Members ----------------------------------------------------------------------------- */

static int
compare_credentials(const void *a, const void *b)
{
    const struct mls_bytes x = (*(const struct mls_leaf *const *)a)->credential.body;
    const struct mls_bytes y = (*(const struct mls_leaf *const *)b)->credential.body;

    if (x.len != y.len)
        return x.len < y.len ? -1 : 1;
    return memcmp(x.data, y.data, x.len);
}

/* The leaves of a tree in the order of their credentials. All are basic ones: others are refused
 * wherever a leaf comes in. */
struct roster {
    const struct mls_provider *p;
    const struct mls_leaf **leaves;
    size_t count;
    size_t cap;
};

static int
roster_init(struct roster *roster, const struct mls_tree *tree)
{
    *roster = (struct roster){.p = tree->c.p, .cap = tree->n_leaves};
    roster->leaves = mls_mem_alloc(roster->p, roster->cap, sizeof(*roster->leaves));
    if (roster->leaves == NULL)
        return MLS_ENOMEM;
    for (uint32_t i = 0; i < tree->n_leaves; i++) {
        const struct mls_leaf *leaf = mls_tree_leaf(tree, i);

        if (leaf != NULL)
            roster->leaves[roster->count++] = leaf;
    }
    mls_order_sort(roster->leaves, roster->count, sizeof(*roster->leaves), compare_credentials);
    return 0;
}

static void
roster_fini(struct roster *roster)
{
    mls_mem_free(roster->p, roster->leaves, roster->cap * sizeof(*roster->leaves));
}

/* Each of the first stands among the second. */
static bool
all_among(const struct roster *some, const struct roster *all)
{
    for (size_t i = 0; i < some->count; i++) {
        if (mls_order_find(&some->leaves[i], all->leaves, all->count, sizeof(*all->leaves),
                           compare_credentials) == NULL)
            return false;
    }
    return true;
}

static int
check_members(const struct mls_tree *made, const struct mls_tree *old, bool all)
{
    struct roster now, before = {0};
    int error = roster_init(&now, made);

    if (error != 0)
        return error;
    error = roster_init(&before, old);
    if (error == 0) {
        if (!all_among(&now, &before) || (all && !all_among(&before, &now)))
            error = MLS_ELINK;
        roster_fini(&before);
    }
    roster_fini(&now);
    return error;
}

/* ---- What a new group owes the old one ----------------------------------------------------- */

int
mls_link_note(struct mls_link *link, const struct mls_config *config, const struct mls_psk_id *id)
{
    if (id->type != MLS_PSK_RESUMPTION || id->usage == MLS_PSK_USAGE_APPLICATION)
        return 0;
    if (link->usage != 0)
        return MLS_ELINK;
    const struct mls_group *old = mls_find_group(config, id->group_id);
    if (old == NULL)
        return MLS_EPSK;
    *link = (struct mls_link){.usage = id->usage, .old = old, .epoch = id->epoch};
    return 0;
}

/* The secret is that of the epoch after the commit of the ReInit, and everything is as it asks. Its
 * version is compared with the only one we have. */
static bool
is_as_asked(const struct mls_link *link, const struct mls_group *made)
{
    const struct mls_provider *p = made->c.p;
    struct mls_reinit_view asked;

    return mls_group_is_closed(link->old, &asked) && link->epoch == link->old->epoch->number &&
           asked.version == MLS_VERSION_10 && asked.suite == made->c.suite->id &&
           mls_mem_equal(p, asked.group_id, mls_buf_bytes(&made->id)) &&
           mls_mem_equal(p, asked.extensions, mls_buf_bytes(&made->epoch->extensions));
}

int
mls_link_check(const struct mls_link *link, const struct mls_group *made)
{
    bool reinit = link->usage == MLS_PSK_USAGE_REINIT;

    if (link->usage == 0)
        return 0;
    if (made->epoch->number != 1)
        return MLS_ELINK;
    if (reinit ? !is_as_asked(link, made) : made->c.suite->id != link->old->c.suite->id)
        return MLS_ELINK;
    return check_members(&made->epoch->tree, &link->old->epoch->tree, reinit);
}

/* ---- Making one -------------------------------------------------------------------------- */

/* What is made, and from what. */
struct making {
    const struct mls_config *config;
    const struct mls_client *client;
    struct mls_link link;
    struct mls_start start;
    const struct mls_bytes *key_packages;
    size_t key_package_count;
    struct mls_buf commit, welcome;
};

/* Adds everybody and brings the secret in, in one commit that nobody else can race. */
static int
commit_first(struct making *m, struct mls_group *group, struct mls_proposal *proposals)
{
    const struct mls_commit_options options = {
        .proposals = proposals,
        .proposal_count = m->key_package_count + 1,
    };

    for (size_t i = 0; i < m->key_package_count; i++)
        proposals[i] = (struct mls_proposal){
            .type = MLS_PROPOSAL_ADD,
            .key_package = m->key_packages[i],
        };
    proposals[m->key_package_count] = (struct mls_proposal){
        .type = MLS_PROPOSAL_PSK,
        .psk_resumption = true,
        .psk_epoch = m->link.epoch,
        .group_id = mls_buf_bytes(&m->link.old->id),
    };
    group->origin = m->link.old;
    group->origin_usage = m->link.usage;
    int error = mls_group_commit(group, &options, &m->commit, &m->welcome, NULL);
    group->origin = NULL;
    group->origin_usage = 0;
    if (error == 0)
        error = mls_group_merge_pending(group);
    return error != 0 ? error : mls_link_check(&m->link, group);
}

static int
make(struct making *m, struct mls_group **group_out)
{
    const struct mls_provider *p = m->config->provider;
    size_t count = m->key_package_count + 1;
    struct mls_group *group = NULL;

    if (m->key_package_count >= MLS_PROPOSALS_MAX)
        return MLS_ESIZE;
    struct mls_proposal *proposals = mls_mem_alloc(p, count, sizeof(*proposals));
    if (proposals == NULL)
        return MLS_ENOMEM;
    int error = mls_group_start(m->config, m->client, &m->start, &group);
    if (error == 0)
        error = commit_first(m, group, proposals);
    if (error == 0)
        *group_out = group;
    else
        mls_group_destroy(&group);
    mls_mem_free(p, proposals, count * sizeof(*proposals));
    return error;
}

/* Outputs are untouched on failure. */
static int
make_and_give(struct making *m, struct mls_buf *commit_out, struct mls_buf *welcome_out,
              struct mls_group **group_out)
{
    int error = make(m, group_out);

    if (error == 0) {
        mls_buf_move(commit_out, &m->commit);
        mls_buf_move(welcome_out, &m->welcome);
    }
    mls_buf_fini(&m->commit);
    mls_buf_fini(&m->welcome);
    return error;
}

int
mls_group_reinit(const struct mls_config *config, const struct mls_client *client,
                 const struct mls_group *old, const struct mls_bytes *key_packages,
                 size_t key_package_count, struct mls_buf *commit_out, struct mls_buf *welcome_out,
                 struct mls_group **group_out)
{
    assert(config != NULL && old != NULL && client != NULL && client->signature_seed != NULL);
    assert(commit_out != NULL && welcome_out != NULL && group_out != NULL);

    struct mls_reinit_view asked;
    int error = mls_group_require_active(old);

    if (error != 0)
        return error;
    if (!mls_group_is_closed(old, &asked))
        return MLS_EARG;
    if (asked.version != MLS_VERSION_10)
        return MLS_EVERSION;
    struct making m = {
        .config = config,
        .client = client,
        .link = {MLS_PSK_USAGE_REINIT, old, old->epoch->number},
        .start = {asked.suite, asked.group_id, asked.extensions},
        .key_packages = key_packages,
        .key_package_count = key_package_count,
    };
    return make_and_give(&m, commit_out, welcome_out, group_out);
}

int
mls_group_branch(const struct mls_config *config, const struct mls_client *client,
                 const struct mls_group *old, struct mls_bytes group_id,
                 const struct mls_bytes *key_packages, size_t key_package_count,
                 struct mls_buf *commit_out, struct mls_buf *welcome_out,
                 struct mls_group **group_out)
{
    assert(config != NULL && old != NULL && client != NULL && client->signature_seed != NULL);
    assert(commit_out != NULL && welcome_out != NULL && group_out != NULL);

    int error = mls_group_require_open(old);

    if (error != 0)
        return error;
    struct making m = {
        .config = config,
        .client = client,
        .link = {MLS_PSK_USAGE_BRANCH, old, old->epoch->number},
        .start = {old->c.suite->id, group_id, mls_buf_bytes(&old->epoch->extensions)},
        .key_packages = key_packages,
        .key_package_count = key_package_count,
    };
    return make_and_give(&m, commit_out, welcome_out, group_out);
}
