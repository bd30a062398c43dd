/* SPDX-License-Identifier: MIT */
/*
 * Who may do what with a commit, and which leaves it gives out.
 *
 *   add      any member, any registered device; in a direct chat only devices of its two users
 *   remove   one's own devices: anyone; others: owner and admins, an admin not the owner; in a direct chat nobody;
 *            whoever has left, by the stored proposal or in its stead: anyone, and every commit must
 *            and any member a device that its user has removed from the account, which keyx is asked about,
 *            unless the user would have none left; of one who deleted the account, in a group, the last one too
 *   join     a device of a member's account, by an external commit, instead of its own old leaf or beside the others
 *
 * Leaves follow RFC 9420 section 7.7 and 12.4.2: removes first, then each add takes the leftmost blank leaf, in
 * the order of the commit. What section 7.8's truncation cuts off at the right edge is blank, and extending
 * gives blanks again, so for leaf numbers "the smallest number that is free" says it all.
 */
#include "chat_plan.h"

#include <stdlib.h>

static int
refuse(struct chat_plan *plan, int error, const char *text)
{
    plan->text = text;
    return error;
}

static bool
is_same_user(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, CHAT_ID_BYTES) == 0;
}

static const struct chat_remove *
find_remove(const struct chat_plan *plan, uint32_t leaf)
{
    for (size_t i = 0; i < plan->remove_count; i++)
        if (plan->removes[i].leaf == leaf)
            return &plan->removes[i];
    return NULL;
}

const char *
plan_refuse_remove(Sotto__Chat__V1__Role own, Sotto__Chat__V1__Role other)
{
    if (own == SOTTO__CHAT__V1__ROLE__ROLE_OWNER)
        return NULL;
    if (own != SOTTO__CHAT__V1__ROLE__ROLE_ADMIN)
        return "only owner and admins remove others";
    if (other == SOTTO__CHAT__V1__ROLE__ROLE_OWNER)
        return "an admin cannot remove the owner";
    return NULL;
}

/* NULL, or why a member may not put this user out, whatever the reason. */
static const char *
refuse_rank(const struct chat *chat, const struct chat_user *committer,
            const struct chat_user *user)
{
    if (chat->type == SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_DIRECT)
        return "nobody can be removed from a direct chat";
    return plan_refuse_remove(committer->role, user->role);
}

static int
judge_remove(const struct chat *chat, const struct chat_user *committer, struct chat_plan *plan,
             struct chat_remove *remove)
{
    const struct chat_seat *seat =
        remove->leaf < chat->leaf_capacity ? chat->leaves[remove->leaf] : NULL;
    const char *text;

    if (seat == NULL)
        return refuse(plan, SOTTO_EINVALID, "the commit removes a leaf on which nobody sits");
    if (remove->leaf == plan->sender)
        return refuse(plan, SOTTO_EINVALID, "a commit cannot remove its own sender");
    remove->is_retired = seat->user == NULL;
    if (remove->is_retired)
        return SOTTO_OK;
    remove->num = seat->device->num;
    memcpy(remove->user, seat->user->id, CHAT_ID_BYTES);
    memcpy(remove->device, seat->device->id, CHAT_ID_BYTES);
    remove->is_deleted =
        seat->user->is_gone && chat->type == SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_GROUP;
    if (seat->user == committer)
        return SOTTO_OK;
    /* Without the rank there is one reason left; the text of the refusal stays for when it is not given. */
    text = refuse_rank(chat, committer, seat->user);
    remove->if_gone = text != NULL;
    if (text != NULL)
        plan->text = text;
    return SOTTO_OK;
}

/* Turns the proposals that the commit names into removes. */
static int
resolve_refs(const struct chat *chat, struct chat_plan *plan)
{
    for (size_t i = 0; i < plan->ref_count; i++) {
        const struct chat_proposal *proposal = roster_proposal(chat, plan->refs[i]);

        if (proposal == NULL)
            return refuse(plan, SOTTO_EPRECONDITION,
                          "the commit names a proposal that is not stored");
        if (find_remove(plan, proposal->leaf) != NULL)
            return refuse(plan, SOTTO_EINVALID, "a commit removes a device twice");
        if (plan->remove_count == CHAT_REMOVES_MAX)
            return refuse(plan, SOTTO_EINVALID, "a commit removes at most 200 devices");
        plan->removes[plan->remove_count++].leaf = proposal->leaf;
    }
    return SOTTO_OK;
}

/* Whoever has left must be gone after this commit. A committer who has not heard of it yet catches up. */
static int
check_proposals(const struct chat *chat, struct chat_plan *plan)
{
    size_t retired = 0;

    for (size_t i = 0; i < plan->remove_count; i++)
        retired += plan->removes[i].is_retired;
    plan->proposal_count = chat->proposal_count;
    return retired == chat->proposal_count ? SOTTO_OK : SOTTO_EABORTED;
}

static int
judge_add(const struct delivery *ds, const struct chat *chat, struct chat_plan *plan,
          const struct chat_add *add)
{
    const struct chat_device *device = roster_device(ds, add->user, add->device);
    const struct chat_seat *seat = roster_seat(chat, device);

    if (seat != NULL && find_remove(plan, seat->leaf) == NULL)
        return refuse(plan, SOTTO_EINVALID, "an added device is in the chat already");
    if (device != NULL && device->seat_count >= CHAT_SEATS_MAX)
        return refuse(plan, SOTTO_EEXHAUSTED, "an added device is in too many chats");
    if (chat->type == SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_DIRECT &&
        roster_user(chat, add->user) == NULL)
        return refuse(plan, SOTTO_EPERM, "nobody else can join a direct chat");
    return SOTTO_OK;
}

/* Leaves of the adds, in order. */
static int
give_leaves(const struct delivery *ds, const struct chat *chat, struct chat_plan *plan)
{
    uint32_t leaf = 0;

    if (chat->seat_count - plan->remove_count + plan->add_count > ds->seats_max)
        return refuse(plan, SOTTO_EEXHAUSTED, "the chat has too many devices");
    for (size_t i = 0; i < plan->add_count; i++) {
        while (leaf < chat->leaf_capacity && chat->leaves[leaf] != NULL &&
               find_remove(plan, leaf) == NULL)
            leaf++;
        plan->adds[i].leaf = leaf++;
    }
    return SOTTO_OK;
}

/* Users who lose their last device and get no new one. */
static void
mark_last(const struct chat *chat, struct chat_plan *plan)
{
    for (size_t i = 0; i < plan->remove_count; i++) {
        struct chat_remove *remove = &plan->removes[i];
        uint32_t left;

        if (remove->is_retired)
            continue;
        left = roster_user(chat, remove->user)->seat_count;
        for (size_t j = 0; j < plan->remove_count; j++)
            left -=
                !plan->removes[j].is_retired && is_same_user(plan->removes[j].user, remove->user);
        for (size_t j = 0; j < plan->add_count; j++)
            left += is_same_user(plan->adds[j].user, remove->user);
        remove->is_last = left == 0;
    }
}

/* The one leaf that a device may remove while it joins: its own, of an earlier time. */
static int
judge_old_leaf(const struct chat_seat *own, struct chat_plan *plan)
{
    struct chat_remove *remove = &plan->removes[0];

    if (plan->remove_count == 0)
        return SOTTO_OK;
    if (own == NULL || own->leaf != remove->leaf)
        return refuse(plan, SOTTO_EPERM,
                      "a device that joins by itself may only remove its own old leaf");
    remove->num = own->device->num;
    memcpy(remove->user, plan->user, CHAT_ID_BYTES);
    memcpy(remove->device, plan->device, CHAT_ID_BYTES);
    return SOTTO_OK;
}

/* A device of a member's account joins. It cannot take out who left, so it waits for a member to do that. */
static int
judge_external(const struct delivery *ds, const struct chat *chat, struct chat_plan *plan)
{
    int rc;

    if (roster_user(chat, plan->user) == NULL)
        return SOTTO_ENOTFOUND;
    if (plan->epoch != chat->epoch)
        return SOTTO_EABORTED;
    rc = judge_old_leaf(roster_seat(chat, roster_device(ds, plan->user, plan->device)), plan);
    if (rc == SOTTO_OK)
        rc = check_proposals(chat, plan);
    if (rc == SOTTO_OK)
        rc = judge_add(ds, chat, plan, &plan->adds[0]);
    if (rc == SOTTO_OK)
        rc = give_leaves(ds, chat, plan);
    if (rc == SOTTO_OK && plan->sender != plan->adds[0].leaf)
        return refuse(plan, SOTTO_EINVALID, "the GroupInfo is not the one of this commit");
    if (rc == SOTTO_OK)
        mark_last(chat, plan);
    return rc;
}

int
plan_judge(const struct delivery *ds, const struct chat *chat, struct chat_plan *plan)
{
    const struct chat_seat *seat = roster_seat(chat, roster_device(ds, plan->user, plan->device));
    int rc;

    if (plan->is_external)
        return judge_external(ds, chat, plan);
    if (seat == NULL)
        return SOTTO_ENOTFOUND;
    if (plan->epoch != chat->epoch)
        return SOTTO_EABORTED;
    if (plan->sender != seat->leaf)
        return refuse(plan, SOTTO_EPERM, "the commit is signed as another member");

    rc = resolve_refs(chat, plan);
    for (size_t i = 0; i < plan->remove_count && rc == SOTTO_OK; i++)
        rc = judge_remove(chat, seat->user, plan, &plan->removes[i]);
    if (rc == SOTTO_OK)
        rc = check_proposals(chat, plan);
    for (size_t i = 0; i < plan->add_count && rc == SOTTO_OK; i++)
        rc = judge_add(ds, chat, plan, &plan->adds[i]);
    if (rc == SOTTO_OK)
        rc = give_leaves(ds, chat, plan);
    if (rc == SOTTO_OK)
        mark_last(chat, plan);
    return rc;
}

/* The one user besides the creator. */
static int
find_other(struct chat_plan *plan, const uint8_t **other_out)
{
    const uint8_t *other = NULL;

    for (size_t i = 0; i < plan->add_count; i++) {
        const uint8_t *user = plan->adds[i].user;

        if (is_same_user(user, plan->user))
            continue;
        if (other != NULL && !is_same_user(user, other))
            return refuse(plan, SOTTO_EINVALID, "a direct chat has two users");
        other = user;
    }
    if (other == NULL)
        return refuse(plan, SOTTO_EINVALID,
                      "the first commit of a direct chat adds the other user");
    *other_out = other;
    return SOTTO_OK;
}

int
plan_judge_first(const struct delivery *ds, Sotto__Chat__V1__ChatType type, struct chat_plan *plan,
                 const uint8_t **other_out)
{
    const struct chat_device *own = roster_device(ds, plan->user, plan->device);

    if (plan->is_external || plan->epoch != 0 || plan->sender != 0 || plan->remove_count > 0 ||
        plan->ref_count > 0)
        return refuse(plan, SOTTO_EINVALID,
                      "the first commit is made by leaf 0 in epoch 0 and removes nobody");
    if (own != NULL && own->seat_count >= CHAT_SEATS_MAX)
        return refuse(plan, SOTTO_EEXHAUSTED, "the device is in too many chats");
    if (1 + plan->add_count > ds->seats_max)
        return refuse(plan, SOTTO_EEXHAUSTED, "the chat has too many devices");
    for (size_t i = 0; i < plan->add_count; i++) {
        struct chat_add *add = &plan->adds[i];
        const struct chat_device *device = roster_device(ds, add->user, add->device);

        if (is_same_user(add->user, plan->user) &&
            memcmp(add->device, plan->device, CHAT_ID_BYTES) == 0)
            return refuse(plan, SOTTO_EINVALID, "an added device is in the chat already");
        if (device != NULL && device->seat_count >= CHAT_SEATS_MAX)
            return refuse(plan, SOTTO_EEXHAUSTED, "an added device is in too many chats");
        add->leaf = (uint32_t)i + 1;
    }
    return type == SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_DIRECT ? find_other(plan, other_out)
                                                                : SOTTO_OK;
}
