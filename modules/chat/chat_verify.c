/* SPDX-License-Identifier: MIT */
/*
 * Verifying a bundle against the group, in the job pool: the commit by all the rules that need no secret, the GroupInfo
 * against the group that comes of it, and both against what was judged. The roster knows leaves by number and devices
 * by id, the tree knows keys and certificates; here the two must say the same.
 *
 * What stays unseen is what is sealed, and the two tags: a member can still lead the server where no member goes, with
 * a commit that carries its signature.
 */
#include "chat_verify.h"

#include "chat_outside.h"

static int
refuse(struct tree_check *check, const char *text)
{
    check->text = text;
    return SOTTO_EINVALID;
}

/* A new chat: the creator alone, on leaf 0. */
static int
verify_start(struct tree_check *check, const struct chat_plan *plan)
{
    const struct mls_bytes id = mls_public_group_id(check->group);

    if (id.len != CHAT_ID_BYTES || memcmp(id.data, plan->chat_id.data, CHAT_ID_BYTES) != 0)
        return refuse(check, "the group that start shows is another one");
    if (mls_public_group_suite(check->group) != plan->suite)
        return refuse(check, "the group that start shows is of another cipher suite");
    if (mls_public_group_member_count(check->group) != 1)
        return refuse(check, "a new chat begins with its creator alone");
    return SOTTO_OK;
}

/* The leaf that signed is the caller's device. One that joins has none yet: its leaf is compared as an add. */
static int
verify_sender(struct tree_check *check, const struct chat_plan *plan)
{
    struct mls_member member;

    if (plan->is_external)
        return SOTTO_OK;
    if (mls_public_group_member(check->group, plan->sender, &member) != MLS_OK ||
        !tree_is_device(&member.credential, plan->user, plan->device))
        return refuse(check, "the commit is signed as another device");
    return SOTTO_OK;
}

static bool
agrees_on_remove(const struct chat_plan *plan, const struct mls_change *change)
{
    for (size_t i = 0; i < plan->remove_count; i++) {
        const struct chat_remove *remove = &plan->removes[i];

        if (remove->leaf == change->leaf)
            return remove->is_retired ||
                   tree_is_device(&change->credential, remove->user, remove->device);
    }
    return false;
}

/* What the commit does to the tree is what was judged: each add on the leaf that the roster gives it, each remove of
 * the device that the roster has there. */
static int
compare_changes(struct tree_check *check, const struct chat_plan *plan,
                const struct mls_received *received)
{
    size_t adds = 0, removes = 0;

    for (size_t i = 0; i < received->change_count; i++) {
        const struct mls_change *change = &received->changes[i];
        const struct chat_add *add = &plan->adds[adds];

        if (change->type == MLS_PROPOSAL_REMOVE) {
            removes++;
            if (!agrees_on_remove(plan, change))
                return refuse(check, "the tree has another device on a removed leaf");
        } else if (change->type == MLS_PROPOSAL_ADD || change->type == MLS_PROPOSAL_EXTERNAL_INIT) {
            if (adds == plan->add_count || change->leaf != add->leaf ||
                !tree_is_device(&change->credential, add->user, add->device))
                return refuse(check, "the tree has another leaf for an added device");
            adds++;
        }
    }
    if (adds != plan->add_count || removes != plan->remove_count)
        return refuse(check, "the commit changes other leaves than the roster");
    return SOTTO_OK;
}

/* Who may propose from outside, before the commit and after it. */
static int
verify_senders(struct tree_check *check)
{
    const struct outside *outside = check->ds->outside;
    const char *text = check->is_new ? outside_refuse(outside, NULL, check->group) : NULL;

    if (text == NULL)
        text = outside_refuse(outside, check->group, check->next);
    return text == NULL ? SOTTO_OK : refuse(check, text);
}

static int
verify_group_info(struct tree_check *check, const struct chat_plan *plan)
{
    const struct mls_bytes message = chat_mls(plan->bundle->group_info);
    struct mls_group_info_view view;
    const int rc = mls_public_group_check_info(check->next, message, NULL);

    if (rc != MLS_OK)
        return tree_refuse(check, "GroupInfo", rc);
    if (mls_group_info_view(message, &view) != MLS_OK || !view.has_external_pub)
        return refuse(check, "the GroupInfo has no external_pub");
    return SOTTO_OK;
}

/* What the transaction writes. */
static int
store_next(const struct tree_check *check, const struct chat_plan *plan,
           struct verified *verified_out)
{
    mls_public_group_tree_hash(check->next, verified_out->tree_hash);
    if (mls_public_group_save(check->next, &verified_out->state) != MLS_OK)
        return SOTTO_ENOMEM;
    if (plan->add_count > 0 && !plan->is_external &&
        mls_public_group_ratchet_tree(check->next, &verified_out->tree) != MLS_OK)
        return SOTTO_ENOMEM;
    return SOTTO_OK;
}

int
plan_verify(struct tree_check *check, const struct chat_plan *plan, struct verified *verified_out)
{
    struct mls_received received = {0};
    int rc = check->chat == NULL ? verify_start(check, plan) : SOTTO_OK;

    if (rc == SOTTO_OK)
        rc = verify_sender(check, plan);
    if (rc != SOTTO_OK)
        return rc;
    rc = mls_public_group_take_commit(check->group, chat_mls(plan->bundle->commit), &received,
                                      &check->next);
    if (rc != MLS_OK)
        return tree_refuse(check, "commit", rc);
    rc = verify_senders(check);
    if (rc == SOTTO_OK)
        rc = compare_changes(check, plan, &received);
    mls_received_fini(&received);
    if (rc == SOTTO_OK)
        rc = verify_group_info(check, plan);
    return rc == SOTTO_OK ? store_next(check, plan, verified_out) : rc;
}

void
verified_fini(struct verified *verified)
{
    mls_buf_fini(&verified->state);
    mls_buf_fini(&verified->tree);
}
