/* SPDX-License-Identifier: MIT */
/*
 * Invitations: a Welcome for one of our KeyPackages becomes a chat of this profile.
 *
 * Who invites is who signed, not whom the server names, and a chat of more than two is a group whatever
 * it says. Its word on mode and roles is believed, since it decides by them.
 */
#include "inbox.h"

#include "arrival.h"
#include "joining.h"
#include "notice.h"
#include "offer.h"
#include "trust.h"
#include "upkeep.h"

#include <string.h>

/* Opens the private half of the KeyPackage that a Welcome is for; bundle stays empty when we
 * have none of them. */
static int
find_package(struct sotto_client *client, const Sotto__Chat__V1__Welcome *welcome,
             struct buf *bundle, uint8_t ref_out[MLS_REF_BYTES], bool *last_resort_out)
{
    struct mls_welcome_view shown;
    size_t offset = 0;
    int status = SOTTO_CLIENT_OK;
    if (mls_welcome_view((struct mls_bytes){welcome->welcome.data, welcome->welcome.len}, &shown))
        return SOTTO_CLIENT_OK;
    while (status == SOTTO_CLIENT_OK && !bundle->len &&
           mls_welcome_next(&shown, &offset, ref_out) == 1) {
        sqlite3_stmt *statement;
        status = query(&client->profile, &statement, &client->error,
                       "SELECT bundle, last_resort FROM key_packages WHERE ref = ?",
                       BINDS(bind_blob(ref_out, MLS_REF_BYTES)));
        if (status)
            return status;
        status = query_step(&client->profile, statement, &client->error);
        if (status == 1) {
            *last_resort_out = sqlite3_column_int(statement, 1) != 0;
            status =
                query_unseal(&client->profile, statement, 0,
                             (struct vault_place){"key_packages.bundle", ref_out, MLS_REF_BYTES},
                             bundle, &client->error);
        }
        sqlite3_finalize(statement);
    }
    return status;
}

/* Who is more than a member, as the server says. */
static int
set_roles(struct sotto_client *client, const Sotto__Chat__V1__Welcome *welcome)
{
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < welcome->n_roles; i++) {
        const Sotto__Chat__V1__UserRole *role = welcome->roles[i];
        if (role->user_id.len == ID_BYTES && *chat_role_name((int)role->role))
            status =
                chat_set_role(client, welcome->chat_id.data, role->user_id.data, (int)role->role);
    }
    return status;
}

int
inbox_store_joined(struct sotto_client *client, struct inbox *inbox,
                   const Sotto__Chat__V1__Welcome *welcome, const struct mls_group *group,
                   const uint8_t inviter[ID_BYTES], const struct chat *known)
{
    struct chat chat = {
        .has_inviter = true,
        .type = group_has_third(client, group) ? CHAT_GROUP : (int)welcome->type,
        .mode = (int)welcome->mode,
        .state = CHAT_READY,
        .cursor = welcome->seq,
        .read_seq = welcome->seq,
        .last_ts = welcome->ts_ms,
    };
    struct message message = {
        .seq = welcome->seq,
        .kind = KIND_JOINED,
        .epoch = mls_group_epoch(group),
        .ts_ms = chat.last_ts,
    };
    memcpy(chat.id, welcome->chat_id.data, ID_BYTES);
    memcpy(message.chat_id, chat.id, ID_BYTES);
    memcpy(chat.inviter, inviter, ID_BYTES);
    memcpy(message.from_user, chat.inviter, ID_BYTES);
    const bool replaces = known->exists && known->state == CHAT_OFFERED;
    if (known->exists && known->state == CHAT_BROKEN) {
        memcpy(chat.title, known->title, sizeof(chat.title));
        chat.title_seq = known->title_seq;
        chat.read_seq = known->read_seq;
        message.kind = KIND_REPAIRED;
        memcpy(message.from_user, client->account.user_id, ID_BYTES);
        memcpy(message.from_device, client->account.device_id, ID_BYTES);
    }
    /* Roles of an earlier membership are over. */
    int status = chat_set_members(client, chat.id, NULL, 0);
    if (status == SOTTO_CLIENT_OK && replaces)
        status = offer_title(client, chat.id, chat.title);
    if (status == SOTTO_CLIENT_OK)
        status = group_save(client, &chat, group);
    if (status == SOTTO_CLIENT_OK)
        status = notice_start(client, chat.id, group);
    if (status == SOTTO_CLIENT_OK)
        status = set_roles(client, welcome);
    if (status == SOTTO_CLIENT_OK)
        status = message_store(client, &message, NULL, NULL);
    if (status == SOTTO_CLIENT_OK)
        status = joining_forget_reason(client, chat.id);
    if (status == SOTTO_CLIENT_OK)
        status = arrival_forget(client, chat.id);
    if (status == SOTTO_CLIENT_OK && replaces)
        status = offer_entered(client, chat.id);
    inbox->joined = inbox->moved = true;
    inbox->roster_changed = true;
    return status;
}

/* A commit that took us out, or our own leaving: whoever asks us in again begins anew. */
static bool
is_proven_out(const struct chat *known)
{
    return known->state == CHAT_LEFT &&
           (known->left_how == LEFT_REMOVED || known->left_how == LEFT_SELF);
}

int
inbox_is_vouched(struct sotto_client *client, const struct chat *known,
                 const struct mls_group *group, uint32_t leaf, bool *is_out)
{
    struct mls_member member;
    struct verify_cert cert;
    bool trusted = false, gone = false;
    int role = 0;
    *is_out =
        !mls_group_member(group, leaf, &member) && group_certificate(&member.credential, &cert);
    if (!*is_out || !known->exists || is_proven_out(known))
        return SOTTO_CLIENT_OK;
    int status = chat_role(client, known->id, cert.user_id, &role);
    if (status == SOTTO_CLIENT_OK)
        status = trust_is_known(client, &cert, &trusted);
    if (status == SOTTO_CLIENT_OK)
        status = trust_device_is_gone(client, cert.user_id, cert.device_id, &gone);
    *is_out = role != 0 && trusted && !gone;
    return status;
}

/* A chat that we were in is only entered again at a later epoch: an old Welcome for a last-resort
 * package would lead back to members who are gone. */
static int
may_join(struct sotto_client *client, const struct chat *known, const struct mls_group *group,
         uint32_t leaf, bool *may_out)
{
    *may_out = !known->exists || mls_group_epoch(group) > known->epoch;
    return *may_out ? inbox_is_vouched(client, known, group, leaf, may_out) : SOTTO_CLIENT_OK;
}

/* A package that let us in has done its work. A last resort may be in further Welcomes that are on their way, so its
 * private half stays; but the server is to get another one, and our keys in the chat must not depend on it for long
 * (RFC 9750 on last-resort KeyPackages). */
static int
use_package(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
            const uint8_t ref[MLS_REF_BYTES], bool last_resort)
{
    int status = query_run(&client->profile, &client->error,
                           last_resort ? "UPDATE key_packages SET last_resort = 2 WHERE ref = ?"
                                       : "DELETE FROM key_packages WHERE ref = ?",
                           BINDS(bind_blob(ref, MLS_REF_BYTES)));
    if (status)
        return status;
    return last_resort ? upkeep_note_due(client, chat_id) : upkeep_note_new(client, chat_id);
}

int
invited_open(struct sotto_client *client, const Sotto__Chat__V1__Welcome *welcome,
             struct invitation *invitation_out)
{
    struct buf bundle = {0};
    const struct mls_client self = group_mls_client(client);
    struct mls_config config;
    *invitation_out = (struct invitation){0};
    int status =
        find_package(client, welcome, &bundle, invitation_out->ref, &invitation_out->last_resort);
    if (status || !bundle.len)
        return status;
    struct mls_join_params params = {
        .welcome = {welcome->welcome.data, welcome->welcome.len},
        .key_package_private = {bundle.data, bundle.len},
        .ratchet_tree = {welcome->ratchet_tree.data, welcome->ratchet_tree.len},
        .inviter_out = &invitation_out->leaf,
    };
    group_config(client, &config);
    int problem = mls_group_join(&config, &self, &params, &invitation_out->group);
    buf_fini(&bundle);
    if (problem)
        return SOTTO_CLIENT_OK;
    struct mls_bytes id = mls_group_id(invitation_out->group);
    if (id.len != ID_BYTES || !id_equal(id.data, welcome->chat_id.data) ||
        !group_user_of_leaf(invitation_out->group, invitation_out->leaf, invitation_out->inviter))
        mls_group_destroy(&invitation_out->group);
    return SOTTO_CLIENT_OK;
}

void
invitation_fini(struct invitation *invitation)
{
    mls_group_destroy(&invitation->group);
}

int
invited_enter(struct sotto_client *client, struct inbox *inbox,
              const Sotto__Chat__V1__Welcome *welcome, const struct invitation *invitation,
              const struct chat *known)
{
    int status =
        inbox_store_joined(client, inbox, welcome, invitation->group, invitation->inviter, known);
    return status ? status
                  : use_package(client, welcome->chat_id.data, invitation->ref,
                                invitation->last_resort);
}

/* Joins if we can; a Welcome of no use is acknowledged as well, or it would come for ever. known:
 * the chat as the profile has it. */
static int
join(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Welcome *welcome,
     const struct chat *known)
{
    struct invitation invitation;
    bool may = false;
    int status = invited_open(client, welcome, &invitation);
    if (status == SOTTO_CLIENT_OK && invitation.group)
        status = may_join(client, known, invitation.group, invitation.leaf, &may);
    if (status == SOTTO_CLIENT_OK && may)
        status = invited_enter(client, inbox, welcome, &invitation, known);
    invitation_fini(&invitation);
    return status;
}

/* An invitation into the place of a chat waits to be confirmed. */
static int
join_or_offer(struct sotto_client *client, struct inbox *inbox,
              const Sotto__Chat__V1__Welcome *welcome, const struct chat *known)
{
    struct chat old = {0};
    int status = SOTTO_CLIENT_OK;
    if (!known->exists || known->state == CHAT_OFFERED)
        status = offer_find_old(client, welcome->chat_id.data, &old);
    if (status)
        return status;
    return old.exists ? offer_invited(client, inbox, welcome, &old)
                      : join(client, inbox, welcome, known);
}

int
inbox_welcome(struct sotto_client *client, struct inbox *inbox,
              const Sotto__Chat__V1__Welcome *welcome)
{
    struct chat known;
    if (welcome->chat_id.len != ID_BYTES || !seq_is_possible(welcome->seq) ||
        inbox->welcome_count == INBOX_WELCOMES_MAX)
        return SOTTO_CLIENT_OK;
    int status = inbox_put_down(client, inbox);
    if (status == SOTTO_CLIENT_OK)
        status = chat_load(client, welcome->chat_id.data, &known);
    if (status)
        return status;
    /* The server invites only who is in no group of that id; a Welcome that is behind what we have
     * read comes again because its acknowledgement was lost. */
    bool member = known.exists && (known.state == CHAT_CREATING ||
                                   (known.state == CHAT_READY && welcome->seq <= known.cursor));
    if (!member)
        status = join_or_offer(client, inbox, welcome, &known);
    memcpy(inbox->welcomes[inbox->welcome_count++], welcome->chat_id.data, ID_BYTES);
    return status;
}
