/* SPDX-License-Identifier: MIT */
/*
 * Starting a chat anew, and agreeing to it. What waits to be agreed to is offer.c's.
 *
 * A reset is a new group in the place of a chat, made like any other (chat.c), of the members that the profile and the
 * server agree on, without those whom its maker leaves out. The server closes the old chat in the same step.
 */
#include "reset.h"

#include "chat.h"
#include "joining.h"
#include "keys.h"
#include "leaving.h"
#include "offer.h"
#include "session.h"
#include "sync.h"
#include "text.h"
#include "trust.h"

#include "mls/public_group.h"

#include <stdlib.h>
#include <string.h>

/* ---- what all have in common ----------------------------------------------------------------- */

static int
open_chat(struct sotto_client *client, const char *name, struct chat *chat_out)
{
    int status = session_ready(client);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false);
    return status ? status : chat_find(client, name, chat_out);
}

/* The users of a chat who are not on the list, in memory of their own (free). */
static int
find_missing(struct sotto_client *client, const struct chat *old, const uint8_t (*users)[ID_BYTES],
             size_t count, uint8_t (**missing_out)[ID_BYTES], size_t *missing_count_out)
{
    size_t total = 0;
    size_t missing = 0;
    int status = chat_members(client, old->id, missing_out, &total);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < total; i++)
        if (!chat_lists_member(users, count, (*missing_out)[i]))
            memmove((*missing_out)[missing++], (*missing_out)[i], ID_BYTES);
    *missing_count_out = missing;
    return status;
}

/* Hands out who would be in the new chat, and who not. shown has the rest. */
static int
show(struct sotto_client *client, const struct chat *old, const uint8_t (*users)[ID_BYTES],
     size_t count, struct sotto_client_reset *shown, sotto_client_reset_fn each, void *arg)
{
    uint8_t(*missing)[ID_BYTES] = NULL;
    char(*names)[SOTTO_CLIENT_NAME_BYTES] = NULL;
    char(*missing_names)[SOTTO_CLIENT_NAME_BYTES] = NULL;
    struct buf title = {0};
    int status = find_missing(client, old, users, count, &missing, &shown->missing_count);
    if (status == SOTTO_CLIENT_OK)
        status = contact_show_names(client, users, count, &names);
    if (status == SOTTO_CLIENT_OK)
        status = contact_show_names(client, (const uint8_t(*)[ID_BYTES])missing,
                                    shown->missing_count, &missing_names);
    if (status == SOTTO_CLIENT_OK)
        status = chat_show_title(client, old, &title);
    if (status == SOTTO_CLIENT_OK) {
        const char **in = contact_name_list(names, count);
        const char **out = contact_name_list(missing_names, shown->missing_count);
        id_hex(old->id, shown->chat);
        shown->title = (const char *)title.data;
        shown->members = in;
        shown->member_count = count;
        shown->missing = out;
        each(shown, arg);
        free(in);
        free(out);
    }
    free(missing);
    free(names);
    free(missing_names);
    buf_fini(&title);
    return status;
}

/* ---- making ---------------------------------------------------------------------------------- */

static int
check_open(struct sotto_client *client, const struct chat *chat)
{
    struct offer offer = {0};
    char sentence[OFFER_SENTENCE_BYTES];
    if (chat->state == CHAT_LEFT)
        return chat_fail_left(client, chat);
    int status = offer_load(client, chat->id, &offer);
    if (status == SOTTO_CLIENT_OK && offer.exists)
        status = offer_sentence(client, &offer, sentence);
    if (status == SOTTO_CLIENT_OK && offer.exists)
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition", "%s", sentence);
    offer_fini(&offer);
    return status;
}

/* Whom the server still counts in: some may have gone since this device followed the chat last. */
static int
ask_members(struct sotto_client *client, const struct chat *chat,
            Sotto__Chat__V1__ListMembersReply **reply_out)
{
    Sotto__Chat__V1__ListMembersRequest request = SOTTO__CHAT__V1__LIST_MEMBERS_REQUEST__INIT;
    request.chat_id = view(chat->id, ID_BYTES);
    return rpc(client, CHAT_METHOD("ListMembers"), &request.base,
               &sotto__chat__v1__list_members_reply__descriptor, reply_out, NULL);
}

static bool
is_listed(const Sotto__Chat__V1__ListMembersReply *reply, const uint8_t user[ID_BYTES])
{
    for (size_t i = 0; i < reply->n_members; i++)
        if (reply->members[i]->user_id.len == ID_BYTES &&
            id_equal(reply->members[i]->user_id.data, user))
            return true;
    return false;
}

/* The users whom these names leave out. */
static int
read_without(struct sotto_client *client, const struct chat *chat,
             const struct sotto_client_resetting *what, uint8_t (*users)[ID_BYTES])
{
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < what->without_count; i++) {
        struct contact contact;
        int role = 0;
        status = contact_find(client, what->without[i], &contact);
        if (status == SOTTO_CLIENT_OK)
            status = chat_role(client, chat->id, contact.user_id, &role);
        if (status == SOTTO_CLIENT_OK && role == 0)
            status =
                fail(&client->error, SOTTO_CLIENT_EFAILED, "not_found",
                     "%.32s is not in this chat; `sotto members` lists who is", what->without[i]);
        if (status == SOTTO_CLIENT_OK && id_equal(contact.user_id, client->account.user_id))
            status = fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                          "to go yourself, use `sotto leave`");
        if (status == SOTTO_CLIENT_OK)
            memcpy(users[i], contact.user_id, ID_BYTES);
    }
    return status;
}

/* Roles move along for who is in the first commit, so owners and admins are. */
static int
leaders_first(struct sotto_client *client, const struct chat *chat, struct chat_plan *plan)
{
    size_t leaders = 0;
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < plan->count; i++) {
        uint8_t user[ID_BYTES];
        int role = 0;
        memcpy(user, plan->users[i], ID_BYTES);
        status = chat_role(client, chat->id, user, &role);
        if (role != ROLE_OWNER && role != ROLE_ADMIN)
            continue;
        memcpy(plan->users[i], plan->users[leaders], ID_BYTES);
        memcpy(plan->users[leaders++], user, ID_BYTES);
    }
    return status;
}

/* Who would be in the new chat: ourselves last. */
static int
choose_users(struct sotto_client *client, const struct chat *chat,
             const struct sotto_client_resetting *what, struct chat_plan *plan)
{
    uint8_t(*members)[ID_BYTES] = NULL;
    uint8_t(*without)[ID_BYTES] = mem_alloc(what->without_count, ID_BYTES);
    size_t count = 0;
    Sotto__Chat__V1__ListMembersReply *reply = NULL;
    int status = read_without(client, chat, what, without);
    if (status == SOTTO_CLIENT_OK)
        status = chat_members(client, chat->id, &members, &count);
    if (status == SOTTO_CLIENT_OK)
        status = ask_members(client, chat, &reply);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count && plan->count < CHAT_NAMES_MAX; i++)
        if (!id_equal(members[i], client->account.user_id) && is_listed(reply, members[i]) &&
            !chat_lists_member((const uint8_t(*)[ID_BYTES])without, what->without_count,
                               members[i]))
            memcpy(plan->users[plan->count++], members[i], ID_BYTES);
    if (status == SOTTO_CLIENT_OK)
        status = leaders_first(client, chat, plan);
    if (status == SOTTO_CLIENT_OK && plan->count == 0)
        status = fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                      "a chat needs somebody else than yourself");
    memcpy(plan->users[plan->count++], client->account.user_id, ID_BYTES);
    pb_free(reply);
    free(members);
    free(without);
    return status;
}

static int
make_plan(struct sotto_client *client, const struct sotto_client_resetting *what,
          struct chat *chat_out, struct chat_plan *plan)
{
    int status = open_chat(client, what->chat, chat_out);
    if (status == SOTTO_CLIENT_OK)
        status = check_open(client, chat_out);
    if (status == SOTTO_CLIENT_OK && what->without_count && chat_out->type == CHAT_DIRECT)
        status = fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                      "a chat of two stays one of the same two; leave --without out");
    if (status)
        return status;
    plan->type = chat_out->type;
    plan->mode = chat_out->mode;
    plan->title = chat_out->type == CHAT_GROUP && chat_out->title[0] ? chat_out->title : NULL;
    plan->resets = chat_out->id;
    return choose_users(client, chat_out, what, plan);
}

int
sotto_client_reset_plan(struct sotto_client *client, const struct sotto_client_resetting *what,
                        sotto_client_reset_fn each, void *arg)
{
    struct chat chat;
    struct chat_plan plan = {0};
    struct sotto_client_reset shown = {.by = client->account.name};
    int status = make_plan(client, what, &chat, &plan);
    shown.by = client->account.name;
    return status ? status
                  : show(client, &chat, (const uint8_t(*)[ID_BYTES])plan.users, plan.count, &shown,
                         each, arg);
}

int
sotto_client_reset(struct sotto_client *client, const struct sotto_client_resetting *what,
                   sotto_client_chat_fn each, void *arg)
{
    struct chat chat;
    struct chat made;
    struct chat_plan plan = {0};
    int status = make_plan(client, what, &chat, &plan);
    if (status == SOTTO_CLIENT_OK)
        status = chat_make(client, &plan, &made, NULL);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false); /* the old chat to its last entry */
    if (status == SOTTO_CLIENT_OK)
        status = chat_load(client, made.id, &made);
    return status ? status : chat_show(client, &made, NULL, each, arg);
}

/* ---- looking --------------------------------------------------------------------------------- */

static int
judge_public(struct sotto_client *client, struct offer *offer,
             const Sotto__Chat__V1__GetGroupReply *reply)
{
    struct mls_config config;
    struct mls_public_group *group = NULL;
    struct mls_group_info_view info;
    struct mls_member member;
    struct verify_cert signer;
    uint32_t cursor = 0;
    size_t count = 0;
    const struct mls_bytes shown = {reply->group_info.data, reply->group_info.len};
    group_config(client, &config);
    client->mls_now = 0;
    if (mls_public_group_open(&config, shown,
                              (struct mls_bytes){reply->ratchet_tree.data, reply->ratchet_tree.len},
                              &group))
        return SOTTO_CLIENT_OK; /* not what the server should show; there is nothing to judge */
    const struct mls_bytes id = mls_public_group_id(group);
    struct verify_cert *certs = mem_alloc(mls_public_group_member_count(group), sizeof(*certs));
    while (mls_public_group_next_member(group, &cursor, &member))
        count += group_certificate(&member.credential, &certs[count]);
    int status = SOTTO_CLIENT_OK;
    if (id.len == ID_BYTES && id_equal(id.data, offer->successor) &&
        !mls_group_info_view(shown, &info) &&
        !mls_public_group_member(group, info.signer, &member) &&
        group_certificate(&member.credential, &signer))
        status = offer_judge(client, offer, certs, count, signer.user_id);
    free(certs);
    mls_public_group_destroy(&group);
    return status;
}

/* Asks the server who is in a group of which there is no Welcome. */
static int
look(struct sotto_client *client, struct offer *offer)
{
    Sotto__Chat__V1__GetGroupRequest request = SOTTO__CHAT__V1__GET_GROUP_REQUEST__INIT;
    Sotto__Chat__V1__GetGroupReply *reply = NULL;
    request.chat_id = view(offer->successor, ID_BYTES);
    int status = rpc(client, CHAT_METHOD("GetGroup"), &request.base,
                     &sotto__chat__v1__get_group_reply__descriptor, &reply, NULL);
    if (status == SOTTO_CLIENT_OK)
        status = judge_public(client, offer, reply);
    else if (status == SOTTO_CLIENT_EFAILED && (!strcmp(client->error.code, "not_found") ||
                                                !strcmp(client->error.code, "permission_denied"))) {
        offer->refusal = OFFER_WITHOUT_US;
        status = SOTTO_CLIENT_OK;
    }
    pb_free(reply);
    return status;
}

/* Finds the reset that waits for a chat, and judges it anew: a person may have accepted a key meanwhile, or who stood in the
 * way was taken out. */
static int
open_offer(struct sotto_client *client, const char *name, struct chat *old_out,
           struct offer *offer_out)
{
    int status = open_chat(client, name, old_out);
    if (status == SOTTO_CLIENT_OK)
        status = offer_load(client, old_out->id, offer_out);
    if (status == SOTTO_CLIENT_OK && !offer_out->exists)
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                      "nobody starts this chat anew; there is nothing to confirm");
    const bool may_change =
        offer_out->refusal != OFFER_GONE && offer_out->refusal != OFFER_OTHER_CHAT;
    if (may_change) {
        offer_out->refusal = OFFER_UNSEEN;
        offer_out->user_count = 0;
    }
    if (status == SOTTO_CLIENT_OK && may_change)
        status = offer_judge_again(client, offer_out);
    if (status == SOTTO_CLIENT_OK &&
        (offer_out->refusal == OFFER_UNSEEN || offer_out->refusal == OFFER_WITHOUT_US))
        status = look(client, offer_out);
    return status ? status : offer_store(client, offer_out);
}

int
sotto_client_offer(struct sotto_client *client, const char *chat, sotto_client_reset_fn each,
                   void *arg)
{
    struct chat old;
    struct offer offer = {0};
    char by[SOTTO_CLIENT_NAME_BYTES];
    char sentence[OFFER_SENTENCE_BYTES];
    struct sotto_client_reset shown = {.by = by};
    int status = open_offer(client, chat, &old, &offer);
    if (status == SOTTO_CLIENT_OK)
        status = contact_show_name(client, offer.by, by);
    if (status == SOTTO_CLIENT_OK)
        status = offer_sentence(client, &offer, sentence);
    if (status == SOTTO_CLIENT_OK) {
        id_hex(offer.successor, shown.successor);
        shown.ts = offer.ts_ms;
        shown.refused = offer_is_refused(&offer) ? sentence : NULL;
        status = show(client, &old, (const uint8_t(*)[ID_BYTES])offer.users, offer.user_count,
                      &shown, each, arg);
    }
    offer_fini(&offer);
    return status;
}

/* ---- confirming ------------------------------------------------------------------------------ */

/* By the Welcome, in one transaction; entered_out stays false when there is none that opens, or it is refused. */
static int
enter_by_welcome(struct sotto_client *client, struct offer *offer, bool *entered_out)
{
    struct chat known;
    struct inbox inbox = {0};
    struct invitation invitation = {0};
    Sotto__Chat__V1__Welcome *welcome =
        pb_unpack(&sotto__chat__v1__welcome__descriptor, offer->welcome.data, offer->welcome.len);
    if (!welcome || !offer->welcome.len) {
        pb_free(welcome);
        return SOTTO_CLIENT_OK;
    }
    int status = profile_begin(&client->profile, &client->error);
    if (status) {
        pb_free(welcome);
        return status;
    }
    status = chat_load(client, offer->successor, &known);
    if (status == SOTTO_CLIENT_OK && known.state == CHAT_OFFERED)
        status = invited_open(client, welcome, &invitation);
    if (status == SOTTO_CLIENT_OK && invitation.group) {
        status = offer_judge_group(client, offer, invitation.group, invitation.inviter);
        *entered_out = status == SOTTO_CLIENT_OK && offer->refusal == OFFER_GOOD;
        if (*entered_out)
            status = invited_enter(client, &inbox, welcome, &invitation, &known);
        else if (status == SOTTO_CLIENT_OK)
            status = offer_store(client, offer);
    }
    invitation_fini(&invitation);
    pb_free(welcome);
    return profile_end(&client->profile, status, &client->error);
}

/* By a commit of our own: what the user wants is durable, so that a listener goes on with it. */
static int
enter_by_commit(struct sotto_client *client, struct offer *offer, bool *entered_out)
{
    struct chat chat;
    offer->confirmed = true;
    int status = offer_store(client, offer);
    if (status == SOTTO_CLIENT_OK)
        status = joining_run(client, NULL);
    if (status == SOTTO_CLIENT_OK)
        status = chat_load(client, offer->successor, &chat);
    *entered_out = status == SOTTO_CLIENT_OK && chat.exists && chat.state == CHAT_READY;
    return status;
}

static int
fail_refused(struct sotto_client *client, const struct offer *offer)
{
    char sentence[OFFER_SENTENCE_BYTES];
    int status = offer_sentence(client, offer, sentence);
    if (status)
        return status;
    const bool blocked = offer->refusal == OFFER_OTHER_KEY;
    return fail(&client->error, blocked ? SOTTO_CLIENT_EBLOCKED : SOTTO_CLIENT_EFAILED,
                blocked ? "blocked" : "failed_precondition", "%s", sentence);
}

/* Enters the chat that takes this one's place. */
static int
confirm(struct sotto_client *client, struct offer *offer)
{
    bool entered = false;
    if (offer->refusal == OFFER_OTHER_CHAT || offer->refusal == OFFER_GONE)
        return fail_refused(client, offer);
    int status = enter_by_welcome(client, offer, &entered);
    if (status == SOTTO_CLIENT_OK && !entered && !offer_is_refused(offer))
        status = enter_by_commit(client, offer, &entered);
    if (status || entered)
        return status;
    struct offer now = {0};
    status = offer_load(client, offer->chat_id, &now);
    if (status == SOTTO_CLIENT_OK && offer_is_refused(&now))
        status = fail_refused(client, &now);
    else if (status == SOTTO_CLIENT_OK)
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "aborted",
                      "the new chat cannot be entered now; `sotto listen` tries again");
    offer_fini(&now);
    return status;
}

int
reset_enter(struct sotto_client *client, const char *name, struct chat *successor_out)
{
    struct chat old;
    struct offer offer = {0};
    uint8_t successor[ID_BYTES];
    int status = open_offer(client, name, &old, &offer);
    memcpy(successor, offer.successor, ID_BYTES);
    if (status == SOTTO_CLIENT_OK)
        status = confirm(client, &offer);
    offer_fini(&offer);
    if (status == SOTTO_CLIENT_OK)
        status = keys_replenish(client, true);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false);
    return status ? status : chat_load(client, successor, successor_out);
}

int
sotto_client_confirm(struct sotto_client *client, const char *chat, sotto_client_chat_fn each,
                     void *arg)
{
    struct chat entered;
    int status = reset_enter(client, chat, &entered);
    return status ? status : chat_show(client, &entered, NULL, each, arg);
}
