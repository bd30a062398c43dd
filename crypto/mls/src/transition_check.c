/* SPDX-License-Identifier: MIT */
/*
 * Whether proposals may be committed, one by one and together (RFC 9420 sections 10.1, 12.1, 12.2).
 * Adds of a client that is a member already, and two Adds of one client, show as a key that stands
 * twice in the new tree and are refused there (mls_transition_check_keys).
 */
#include "order.h"
#include "transition.h"

/* ---- One proposal ------------------------------------------------------------------------- */

static int
check_add(const struct mls_group *group, const struct mls_key_package *package,
          struct mls_bytes extensions)
{
    int error = mls_key_package_check(&group->c, package);

    if (error == 0)
        error = mls_check_lifetime(&group->config, &package->leaf);
    if (error == 0)
        error = mls_check_leaf_fits(&package->leaf, extensions);
    if (error == 0)
        error = mls_check_credential(&group->config, &package->leaf, NULL);
    return error;
}

/* The usages "reinit" and "branch" belong to the first commit of a group that continues another,
 * which only its creator ever handles (sections 11.2, 11.3). */
static int
check_psk(const struct mls_group *group, const struct mls_psk_id *id)
{
    if (id->nonce.len != MLS_HASH_BYTES)
        return MLS_EPROPOSAL;
    if (id->type != MLS_PSK_RESUMPTION || id->usage == MLS_PSK_USAGE_APPLICATION)
        return 0;
    return group->origin != NULL && group->origin_usage == id->usage ? 0 : MLS_EPROPOSAL;
}

/* Whether we could make the successor does not matter: the group is closed for the others too. */
static int
check_reinit(const struct mls_reinit *reinit)
{
    if (reinit->version < MLS_VERSION_10 || reinit->group_id.len == 0 ||
        reinit->group_id.len > MLS_GROUP_ID_BYTES_MAX)
        return MLS_EPROPOSAL;
    return mls_check_context_extensions(reinit->extensions);
}

int
mls_check_proposal(const struct mls_group *group, const struct mls_proposal_body *body,
                   const struct mls_sender *sender, uint32_t committer, struct mls_bytes extensions)
{
    switch (body->type) {
    case MLS_PROPOSAL_ADD: return check_add(group, &body->u.add, extensions);
    case MLS_PROPOSAL_UPDATE:
        if (sender->type != MLS_SENDER_MEMBER || sender->index == committer)
            return MLS_EPROPOSAL;
        return mls_check_replacement(group, &body->u.update, MLS_LEAF_UPDATE, sender->index,
                                     extensions);
    case MLS_PROPOSAL_REMOVE:
        if (body->u.removed == committer ||
            mls_tree_leaf(&group->epoch->tree, body->u.removed) == NULL)
            return MLS_EPROPOSAL;
        return 0;
    case MLS_PROPOSAL_PSK: return check_psk(group, &body->u.psk);
    case MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS:
        return mls_check_context_extensions(body->u.extensions);
    case MLS_PROPOSAL_REINIT: return check_reinit(&body->u.reinit);
    default: return MLS_EPROPOSAL;
    }
}

/* ---- The list ---------------------------------------------------------------------------- */

static int
compare_indices(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* No leaf is updated or removed twice. */
static int
check_targets(const struct mls_transition *t)
{
    struct mls_index_list targets;
    int error = 0;

    mls_index_list_init(&targets, t->group->c.p);
    for (size_t i = 0; error == 0 && i < t->count; i++) {
        const struct mls_commit_item *item = &t->items[i];

        if (item->body.type == MLS_PROPOSAL_UPDATE)
            error = mls_index_list_add(&targets, item->sender.index);
        else if (item->body.type == MLS_PROPOSAL_REMOVE)
            error = mls_index_list_add(&targets, item->body.u.removed);
    }
    if (error == 0 && targets.count > 1) {
        mls_order_sort(targets.items, targets.count, sizeof(*targets.items), compare_indices);
        for (size_t i = 1; i < targets.count; i++) {
            if (targets.items[i] == targets.items[i - 1])
                error = MLS_EPROPOSAL;
        }
    }
    mls_index_list_fini(&targets);
    return error;
}

/* Compares each pair of keys; how many there are has a bound. */
static int
check_psks(const struct mls_transition *t)
{
    const struct mls_psk_id *seen[MLS_PSKS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < t->count; i++) {
        if (t->items[i].body.type != MLS_PROPOSAL_PSK)
            continue;
        if (count == MLS_PSKS_MAX)
            return MLS_ESIZE;
        for (size_t k = 0; k < count; k++) {
            if (mls_psk_id_same(t->group->c.p, seen[k], &t->items[i].body.u.psk))
                return MLS_EPROPOSAL;
        }
        seen[count++] = &t->items[i].body.u.psk;
    }
    return 0;
}

static bool
type_needs_path(uint16_t type)
{
    return type == MLS_PROPOSAL_UPDATE || type == MLS_PROPOSAL_REMOVE ||
           type == MLS_PROPOSAL_EXTERNAL_INIT || type == MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS;
}

/* The init secret travels in an encapsulation that members can open: for X25519, a public key. */
static int
check_external_init(const struct mls_crypto *c, struct mls_bytes kem_output)
{
    return mls_kem_public_key_valid(c, kem_output) ? 0 : MLS_EPROPOSAL;
}

/* The list of a commit by which its sender joins: one ExternalInit, at most one Remove, PSKs. That
 * the Remove is of the joiner itself shows when its leaf is judged (mls_check_joiner). */
static int
check_external_list(struct mls_transition *t, struct mls_bytes extensions)
{
    size_t inits = 0, removes = 0;
    int error = 0;

    t->path_required = true;
    for (size_t i = 0; error == 0 && i < t->count; i++) {
        const struct mls_commit_item *item = &t->items[i];

        inits += item->body.type == MLS_PROPOSAL_EXTERNAL_INIT;
        removes += item->body.type == MLS_PROPOSAL_REMOVE;
        switch (item->body.type) {
        case MLS_PROPOSAL_EXTERNAL_INIT:
            error = check_external_init(&t->group->c, item->body.u.kem_output);
            break;
        case MLS_PROPOSAL_REMOVE:
        case MLS_PROPOSAL_PSK:
            error =
                mls_check_proposal(t->group, &item->body, &item->sender, MLS_NODE_NONE, extensions);
            break;
        default: error = MLS_EPROPOSAL; break;
        }
    }
    if (error == 0 && (inits != 1 || removes > 1))
        error = MLS_EPROPOSAL;
    return error != 0 ? error : check_psks(t);
}

int
mls_transition_check_room(const struct mls_transition *t)
{
    uint32_t count = mls_group_member_count(t->group);
    size_t gone = 0;

    for (size_t i = 0; i < t->count; i++) {
        count += t->items[i].body.type == MLS_PROPOSAL_ADD;
        gone += t->items[i].body.type == MLS_PROPOSAL_REMOVE;
    }
    return count > MLS_MEMBERS_MAX + gone ? MLS_ESIZE : 0;
}

int
mls_transition_check_list(struct mls_transition *t, struct mls_bytes extensions)
{
    size_t contexts = 0, reinits = 0;
    int error = mls_transition_check_room(t);

    if (t->external)
        return check_external_list(t, extensions);

    t->path_required = t->count == 0;
    for (size_t i = 0; error == 0 && i < t->count; i++) {
        const struct mls_commit_item *item = &t->items[i];

        contexts += item->body.type == MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS;
        reinits += item->body.type == MLS_PROPOSAL_REINIT;
        t->path_required = t->path_required || type_needs_path(item->body.type);
        error = mls_check_proposal(t->group, &item->body, &item->sender, t->committer, extensions);
    }
    if (error == 0 && (contexts > 1 || (reinits > 0 && t->count > 1)))
        error = MLS_EPROPOSAL;
    if (error == 0)
        error = check_targets(t);
    if (error == 0)
        error = check_psks(t);
    return error;
}
