/* SPDX-License-Identifier: MIT */
/*
 * Joining by a commit of one's own (RFC 9420 sections 8.3, 12.4.3.2). The GroupInfo becomes an epoch
 * without secrets and without us; on it the commit is made with the same parts as a member's, and
 * the result waits as the pending epoch until the delivery service has taken it.
 */
#include "group_commit.h"
#include "own_leaf.h"

#include <assert.h>

/* What is known of the group on the way in. Slices point into the caller's bytes. */
struct entry {
    const struct mls_config *config;
    const struct mls_client *client;
    const struct mls_external_join_params *params;
    struct mls_group_info info;
    struct mls_crypto c;
    struct mls_bytes external_pub;
    struct mls_group *group;
    struct mls_buf *values; /* encoded proposals, as many as proposal_count() */
    struct mls_commit_draft d;
    struct mls_writer next_info;
};

/* ---- The group as it is ------------------------------------------------------------------- */

static int
read_info(struct entry *e)
{
    int error = mls_group_info_message_read(e->params->group_info, &e->info);

    if (error == 0)
        error = mls_crypto_init(&e->c, e->config->provider, e->info.context.suite);
    if (error == 0)
        error = mls_trust_info(&e->c, &e->info);
    return error != 0 ? error : mls_group_info_external_pub(&e->info, &e->external_pub);
}

/* The transcript goes on from the hash and the tag that the GroupInfo gives. */
static int
take_group(struct entry *e)
{
    struct mls_epoch *epoch = mls_epoch_new(e->c.p);

    e->group->epoch = epoch;
    if (epoch == NULL)
        return MLS_ENOMEM;
    int error = mls_trust_tree(e->config, &e->c, &e->info, e->params->ratchet_tree, epoch);
    return error != 0 ? error : mls_epoch_take_tag(epoch, e->info.confirmation_tag);
}

/* ---- Proposals ---------------------------------------------------------------------------- */

/* ExternalInit, perhaps a Remove, PSKs. */
static size_t
proposal_count(const struct entry *e)
{
    return 1 + (size_t)e->params->resync + e->params->psk_count;
}

static int
encode_init(struct entry *e, struct mls_buf *out)
{
    uint8_t kem_output[MLS_KEM_OUTPUT_BYTES];
    struct mls_writer w;
    int error =
        mls_schedule_external_init_send(&e->c, e->external_pub, kem_output, e->d.t.init_secret);

    if (error != 0)
        return error;
    mls_writer_init(&w, e->c.p, 0);
    mls_write_u16(&w, MLS_PROPOSAL_EXTERNAL_INIT);
    mls_write_opaque(&w, mls_bytes(kem_output, sizeof(kem_output)));
    error = mls_buf_take(out, &w);
    mls_writer_fini(&w);
    return error;
}

static int
encode_other(struct entry *e, size_t i, struct mls_buf *out)
{
    size_t psk = i - 1 - (size_t)e->params->resync;
    uint8_t unused[MLS_KEM_SECRET_BYTES];
    const struct mls_proposal remove = {.type = MLS_PROPOSAL_REMOVE, .leaf = e->params->old_leaf};

    if (i == 1 && e->params->resync)
        return mls_group_encode_proposal(e->group, &remove, out, unused);
    if (e->params->psks[psk].type != MLS_PROPOSAL_PSK)
        return MLS_EARG;
    return mls_group_encode_proposal(e->group, &e->params->psks[psk], out, unused);
}

static int
add_proposals(struct entry *e)
{
    int error = 0;

    e->values = mls_mem_alloc(e->c.p, proposal_count(e), sizeof(*e->values));
    if (e->values == NULL)
        return MLS_ENOMEM;
    for (size_t i = 0; error == 0 && i < proposal_count(e); i++) {
        error = i == 0 ? encode_init(e, &e->values[i]) : encode_other(e, i, &e->values[i]);
        if (error == 0)
            error = mls_transition_add_value(&e->d.t, mls_buf_bytes(&e->values[i]));
    }
    return error;
}

/* ---- Our leaf ----------------------------------------------------------------------------- */

/* Shows who we are at our new leaf, with fresh keys on the path above it. */
static int
plant(struct entry *e)
{
    struct mls_own_leaf own;
    int error = mls_own_leaf_init(&own, &e->c, e->config, e->client);

    if (error == 0)
        error = mls_check_leaf_fits(&own.leaf, mls_buf_bytes(&e->group->epoch->extensions));
    if (error == 0)
        error = mls_draft_renew(&e->d, &own.leaf);
    mls_own_leaf_fini(&own);
    return error;
}

/* ---- The commit --------------------------------------------------------------------------- */

static int
make_commit(struct entry *e)
{
    struct mls_transition *t = &e->d.t;
    int error = add_proposals(e);

    if (error == 0)
        error = mls_transition_apply(t);
    if (error != 0)
        return error;
    e->group->epoch->own_leaf = t->next->own_leaf = t->committer;
    error = mls_transition_find_secrets(t);
    if (error == 0)
        error = plant(e);
    if (error == 0)
        error = mls_transition_check_keys(t);
    if (error == 0)
        error = mls_draft_seal(&e->d, e->params->authenticated_data);
    return error;
}

static void
end_commit(struct entry *e)
{
    mls_draft_fini(&e->d);
    for (size_t i = 0; e->values != NULL && i < proposal_count(e); i++)
        mls_buf_fini(&e->values[i]);
    mls_mem_free(e->c.p, e->values, proposal_count(e) * sizeof(*e->values));
}

static int
enter_pending(struct entry *e, bool want_info)
{
    int error = take_group(e);

    if (error != 0)
        return error;
    mls_draft_init(&e->d, e->c.p);
    mls_transition_init_from(&e->d.t, e->group,
                             &(struct mls_sender){.type = MLS_SENDER_NEW_MEMBER_COMMIT});
    error = make_commit(e);
    if (error == 0 && want_info)
        error = mls_group_write_info(e->group, e->d.t.next, false, &e->next_info);
    if (error == 0)
        error = mls_draft_leave_pending(&e->d, e->group);
    return error;
}

int
mls_group_join_external(const struct mls_config *config, const struct mls_client *client,
                        const struct mls_external_join_params *params, struct mls_group **group_out,
                        struct mls_buf *commit_out, struct mls_buf *group_info_out)
{
    assert(config != NULL && client != NULL && client->signature_seed != NULL);
    assert(params != NULL && group_out != NULL && commit_out != NULL);

    struct entry e = {.config = config, .client = client, .params = params};
    if (params->psk_count > MLS_PSKS_MAX)
        return MLS_ESIZE;
    int error = read_info(&e);
    if (error == 0)
        error = mls_group_new(config, e.c.suite->id, e.info.context.group_id,
                              client->signature_seed, &e.group);
    if (error != 0)
        return error;

    e.group->active = false;
    e.group->joining = true;
    mls_writer_init(&e.next_info, e.c.p, 0);
    error = enter_pending(&e, group_info_out != NULL);
    if (error == 0) {
        /* Nothing below can fail: the writers carry no error. */
        mls_buf_take(commit_out, &e.d.commit);
        if (group_info_out != NULL)
            mls_buf_take(group_info_out, &e.next_info);
        *group_out = e.group;
        e.group = NULL;
    }
    if (e.d.t.group != NULL)
        end_commit(&e);
    mls_writer_fini(&e.next_info);
    mls_group_destroy(&e.group);
    return error;
}
