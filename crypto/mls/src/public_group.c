/* SPDX-License-Identifier: MIT */
/*
 * Following a group without secrets; the contract is in mls/public_group.h. What is here is the order
 * of the steps: each of them is what a member does, up to the point where a secret is needed.
 */
#include "public_group.h"

#include <assert.h>
#include <string.h>

#include "group_open.h"
#include "received.h"

/* ---- Life -------------------------------------------------------------------------------- */

int
mls_public_group_new(const struct mls_config *config, uint16_t suite, struct mls_bytes id,
                     struct mls_public_group **group_out)
{
    static const uint8_t no_seed[MLS_ED25519_SEED_BYTES];
    const struct mls_provider *p = config->provider;
    struct mls_public_group *made = mls_mem_alloc(p, 1, sizeof(*made));
    int error = made == NULL ? MLS_ENOMEM : mls_group_new(config, suite, id, no_seed, &made->group);

    if (error == 0) {
        made->group->epoch = mls_epoch_new(p);
        error = made->group->epoch == NULL ? MLS_ENOMEM : 0;
    }
    if (error != 0) {
        if (made != NULL)
            mls_group_destroy(&made->group);
        mls_mem_free(p, made, sizeof(*made));
        return error;
    }
    made->group->epoch->own_leaf = MLS_LEAF_NONE;
    made->group->epoch->tree.c = made->group->c;
    *group_out = made;
    return 0;
}

void
mls_public_group_destroy(struct mls_public_group **group)
{
    if (group == NULL || *group == NULL)
        return;

    const struct mls_provider *p = (*group)->group->c.p;
    mls_group_destroy(&(*group)->group);
    mls_mem_free(p, *group, sizeof(**group));
    *group = NULL;
}

int
mls_public_group_open(const struct mls_config *config, struct mls_bytes group_info,
                      struct mls_bytes ratchet_tree, struct mls_public_group **group_out)
{
    assert(config != NULL && group_out != NULL);

    struct mls_crypto c;
    struct mls_group_info info;
    struct mls_public_group *made = NULL;
    int error = mls_group_info_message_read(group_info, &info);

    if (error == 0)
        error = mls_crypto_init(&c, config->provider, info.context.suite);
    if (error == 0)
        error = mls_trust_info(&c, &info);
    if (error == 0)
        error = mls_public_group_new(config, info.context.suite, info.context.group_id, &made);
    if (error == 0)
        error = mls_trust_tree(config, &c, &info, ratchet_tree, made->group->epoch);
    if (error == 0)
        error = mls_epoch_take_tag(made->group->epoch, info.confirmation_tag);
    if (error == 0)
        *group_out = made;
    else
        mls_public_group_destroy(&made);
    return error;
}

/* ---- Messages ---------------------------------------------------------------------------- */

int
mls_public_group_take_proposal(struct mls_public_group *group, struct mls_bytes message,
                               struct mls_received *received_out)
{
    assert(group != NULL && received_out != NULL);

    struct mls_opening o = {.group = group->group, .bytes = message};
    int error = mls_group_require_open(o.group);

    if (error == 0)
        error = mls_group_open_as_outsider(&o);
    if (error == 0 && o.message.content.type != MLS_CONTENT_PROPOSAL)
        error = MLS_EARG;
    if (error == 0)
        error = mls_group_take_proposal(&o, received_out);
    mls_buf_fini(&o.context);
    return error;
}

void
mls_public_group_forget_proposals(struct mls_public_group *group, size_t count)
{
    assert(group != NULL);

    mls_group_drop_kept(group->group, count);
}

/* Everything of a commit that shows: the list, the path, the transcript. */
static int
follow(struct mls_transition *t, const struct mls_authenticated *message,
       struct mls_commit_body *commit_out)
{
    struct mls_filtered_path filtered;
    int error = mls_transition_receive(t, message, commit_out);

    if (error == 0)
        error = commit_out->has_path ? mls_transition_take_path(t, &commit_out->path, &filtered)
                                     : mls_transition_check_keys(t);
    if (error == 0)
        error = mls_transition_confirm(t, message);
    if (error == 0)
        error = mls_epoch_take_tag(t->next, message->auth.confirmation_tag);
    return error;
}

static int
advance(const struct mls_opening *o, struct mls_received *received_out,
        struct mls_public_group **next_out)
{
    struct mls_group *group = o->group;
    struct mls_public_group *next = NULL;
    struct mls_transition t;
    struct mls_commit_body commit;

    mls_transition_init_from(&t, group, &o->message.content.sender);
    int error = follow(&t, &o->message, &commit);
    if (error == 0)
        error = mls_public_group_new(&group->config, group->c.suite->id, mls_buf_bytes(&group->id),
                                     &next);
    if (error == 0)
        error = mls_received_commit(&t, &o->message, &commit, received_out);
    if (error == 0) {
        mls_epoch_destroy(group->c.p, &next->group->epoch);
        next->group->epoch = mls_transition_take_next(&t);
        *next_out = next;
    } else {
        mls_public_group_destroy(&next);
    }
    mls_transition_fini(&t);
    return error;
}

int
mls_public_group_take_commit(const struct mls_public_group *group, struct mls_bytes message,
                             struct mls_received *received_out, struct mls_public_group **next_out)
{
    assert(group != NULL && received_out != NULL && next_out != NULL);

    struct mls_opening o = {.group = group->group, .bytes = message};
    int error = mls_group_require_open(o.group);

    if (error == 0)
        error = mls_group_open_as_outsider(&o);
    if (error == 0 && o.message.content.type != MLS_CONTENT_COMMIT)
        error = MLS_EARG;
    if (error == 0)
        error = advance(&o, received_out, next_out);
    mls_buf_fini(&o.context);
    return error;
}

/* ---- GroupInfo --------------------------------------------------------------------------- */

static bool
same_hash(const struct mls_epoch *epoch, const uint8_t *hash, size_t len, struct mls_bytes other)
{
    return mls_mem_equal(epoch->tree.c.p, mls_bytes(hash, len), other);
}

static int
compare_info(const struct mls_group *group, const struct mls_group_info *info)
{
    const struct mls_epoch *epoch = group->epoch;
    const struct mls_group_context *context = &info->context;

    if (!mls_mem_equal(group->c.p, context->group_id, mls_buf_bytes(&group->id)))
        return MLS_EGROUP;
    if (context->epoch != epoch->number)
        return MLS_EEPOCH;
    if (!same_hash(epoch, epoch->tree_hash, MLS_HASH_BYTES, context->tree_hash) ||
        !mls_mem_equal(group->c.p, context->extensions, mls_buf_bytes(&epoch->extensions)))
        return MLS_ETREE;
    if (!same_hash(epoch, epoch->confirmed_hash, epoch->confirmed_len,
                   context->confirmed_transcript_hash) ||
        !same_hash(epoch, epoch->confirmation_tag, MLS_HASH_BYTES, info->confirmation_tag))
        return MLS_EMAC;
    return mls_trust_signer(&epoch->tree, info);
}

/* Nobody outside sees whether the key is the group's, but whether it is one. */
static int
check_external_pub(const struct mls_crypto *c, const struct mls_group_info *info)
{
    struct mls_bytes key;
    const int error = mls_group_info_external_pub(info, &key);

    if (error == MLS_ENOTFOUND)
        return 0;
    return error == 0 && !mls_kem_public_key_valid(c, key) ? MLS_ECRYPTO : error;
}

int
mls_public_group_check_info(const struct mls_public_group *group, struct mls_bytes group_info,
                            uint32_t *signer_out)
{
    struct mls_group_info info;
    int error = mls_group_info_message_read(group_info, &info);

    if (error == 0)
        error = mls_trust_info(&group->group->c, &info);
    if (error == 0)
        error = compare_info(group->group, &info);
    if (error == 0)
        error = check_external_pub(&group->group->c, &info);
    if (error == 0 && signer_out != NULL)
        *signer_out = info.signer;
    return error;
}

/* ---- What is true now --------------------------------------------------------------------- */

struct mls_bytes
mls_public_group_id(const struct mls_public_group *group)
{
    return mls_group_id(group->group);
}

uint64_t
mls_public_group_epoch(const struct mls_public_group *group)
{
    return mls_group_epoch(group->group);
}

uint16_t
mls_public_group_suite(const struct mls_public_group *group)
{
    return mls_group_suite(group->group);
}

void
mls_public_group_tree_hash(const struct mls_public_group *group, uint8_t out[MLS_HASH_BYTES])
{
    mls_group_tree_hash(group->group, out);
}

size_t
mls_public_group_proposal_count(const struct mls_public_group *group)
{
    return mls_group_proposal_count(group->group);
}

bool
mls_public_group_next_member(const struct mls_public_group *group, uint32_t *cursor,
                             struct mls_member *member_out)
{
    return mls_group_next_member(group->group, cursor, member_out);
}

int
mls_public_group_member(const struct mls_public_group *group, uint32_t leaf,
                        struct mls_member *member_out)
{
    return mls_group_member(group->group, leaf, member_out);
}

uint32_t
mls_public_group_member_count(const struct mls_public_group *group)
{
    return mls_group_member_count(group->group);
}

bool
mls_public_group_is_closed(const struct mls_public_group *group, struct mls_reinit_view *view_out)
{
    return mls_group_is_closed(group->group, view_out);
}

int
mls_public_group_extension(const struct mls_public_group *group, uint16_t type,
                           struct mls_bytes *data_out)
{
    return mls_group_extension(group->group, type, data_out);
}

int
mls_public_group_ratchet_tree(const struct mls_public_group *group, struct mls_buf *tree_out)
{
    return mls_group_ratchet_tree(group->group, tree_out);
}
