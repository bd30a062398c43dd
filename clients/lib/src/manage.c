/* SPDX-License-Identifier: MIT */
/*
 * What a person changes in a group: members, roles, the title, and the own membership.
 *
 * Who may do it, the server decides from the roster that the members' commits make. A title is the
 * exception: it travels encrypted, so here and at every reader the role decides that the log gives.
 */
#include "chat.h"

#include "group.h"
#include "leaving.h"
#include "reset.h"
#include "session.h"
#include "sync.h"
#include "text.h"
#include "trust.h"

#include <stdlib.h>
#include <string.h>

#define OWN_DEVICES_MAX 32 /* the server takes no more proposals at once */

/* ---- what all have in common ----------------------------------------------------------------- */

/* Catches up and finds a group that this device is in. */
static int
open_group(struct sotto_client *client, const char *name, struct chat *chat_out)
{
    int status = session_ready(client);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false);
    if (status == SOTTO_CLIENT_OK)
        status = leaving_commit(client);
    if (status == SOTTO_CLIENT_OK)
        status = chat_find(client, name, chat_out);
    if (status)
        return status;
    if (chat_out->type == CHAT_DIRECT)
        return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                    "a chat of two stays as it is; make a group with `sotto new NAME... --title`");
    return SOTTO_CLIENT_OK;
}

static int
open_own_group(struct sotto_client *client, const char *name, struct chat *chat_out)
{
    int status = open_group(client, name, chat_out);
    if (status == SOTTO_CLIENT_OK && chat_out->state == CHAT_LEFT)
        status = chat_fail_left(client, chat_out);
    if (status == SOTTO_CLIENT_OK && chat_out->state == CHAT_RESET)
        status = chat_fail_reset(client);
    return status;
}

/* Hands the chat out as it is now. */
static int
show(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], sotto_client_chat_fn each,
     void *arg)
{
    struct chat chat;
    int status = chat_load(client, chat_id, &chat);
    return status ? status : chat_show(client, &chat, NULL, each, arg);
}

static int
find_member(struct sotto_client *client, const struct chat *chat, const char *name,
            uint8_t user_id[ID_BYTES])
{
    struct contact contact;
    int role = 0;
    int status = contact_find(client, name, &contact);
    if (status == SOTTO_CLIENT_OK)
        status = chat_role(client, chat->id, contact.user_id, &role);
    if (status == SOTTO_CLIENT_OK && role == 0)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "not_found",
                    "%.32s is not in this chat; `sotto members` lists who is", name);
    if (status == SOTTO_CLIENT_OK)
        memcpy(user_id, contact.user_id, ID_BYTES);
    return status;
}

/* ---- add ------------------------------------------------------------------------------------- */

/* The users of these names who are not in the chat. */
static int
find_newcomers(struct sotto_client *client, const struct chat *chat, const char *const *names,
               size_t name_count, uint8_t (*users)[ID_BYTES], size_t *count_out)
{
    size_t count = 0;
    int status = contact_look_up(client, names, name_count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < name_count; i++) {
        struct contact contact;
        int role = 0;
        status = contact_find(client, names[i], &contact);
        if (status == SOTTO_CLIENT_OK)
            status = chat_role(client, chat->id, contact.user_id, &role);
        if (status == SOTTO_CLIENT_OK && role == 0 &&
            !chat_lists_member((const uint8_t(*)[ID_BYTES])users, count, contact.user_id))
            memcpy(users[count++], contact.user_id, ID_BYTES);
    }
    if (status == SOTTO_CLIENT_OK && count == 0)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "already_exists",
                    "%.32s is in this chat already", names[0]);
    *count_out = count;
    return status;
}

static int
add_users(struct sotto_client *client, const struct chat *chat, const uint8_t (*users)[ID_BYTES],
          size_t count)
{
    Sotto__Keyx__V1__ClaimKeyPackagesReply *claim = NULL;
    int status = group_claim(client, users, count, &claim);
    if (status)
        return status;
    ProtobufCBinaryData *packages = group_packages(claim);
    status = group_add(client, chat->id, packages, claim->n_key_packages);
    free(packages);
    pb_free(claim);
    /* Who comes reads nothing from before, the title neither. */
    if (status == SOTTO_CLIENT_OK && chat->title[0])
        status = chat_send_title(client, chat->id, chat->title, true);
    return status;
}

int
sotto_client_add(struct sotto_client *client, const char *chat, const char *const *names,
                 size_t name_count, sotto_client_chat_fn each, void *arg)
{
    struct chat found;
    uint8_t users[CHAT_NAMES_MAX][ID_BYTES];
    size_t count = 0;
    if (name_count == 0 || name_count > CHAT_NAMES_MAX)
        return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                    "1 to %d names can be added at once", CHAT_NAMES_MAX);
    int status = open_own_group(client, chat, &found);
    if (status == SOTTO_CLIENT_OK)
        status = find_newcomers(client, &found, names, name_count, users, &count);
    if (status == SOTTO_CLIENT_OK)
        status = add_users(client, &found, (const uint8_t(*)[ID_BYTES])users, count);
    return status ? status : show(client, found.id, each, arg);
}

/* ---- remove ---------------------------------------------------------------------------------- */

int
sotto_client_remove(struct sotto_client *client, const char *chat, const char *name,
                    sotto_client_chat_fn each, void *arg)
{
    struct chat found;
    uint8_t user[ID_BYTES];
    int status = open_own_group(client, chat, &found);
    if (status == SOTTO_CLIENT_OK)
        status = find_member(client, &found, name, user);
    if (status == SOTTO_CLIENT_OK && id_equal(user, client->account.user_id))
        status = fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                      "to go yourself, use `sotto leave`");
    if (status == SOTTO_CLIENT_OK)
        status = group_change(client, found.id, &(struct group_change){.user = user});
    return status ? status : show(client, found.id, each, arg);
}

/* ---- leave ----------------------------------------------------------------------------------- */

/* Our leaves, this device's first: by that proposal the others see that we go. */
static size_t
list_own_leaves(struct sotto_client *client, const struct mls_group *group,
                uint32_t leaves[OWN_DEVICES_MAX])
{
    uint32_t cursor = 0;
    size_t count = 0;
    struct mls_member member;
    struct verify_cert cert;
    leaves[count++] = mls_group_own_leaf(group);
    while (count < OWN_DEVICES_MAX && mls_group_next_member(group, &cursor, &member))
        if (member.leaf != leaves[0] && group_certificate(&member.credential, &cert) &&
            id_equal(cert.user_id, client->account.user_id))
            leaves[count++] = member.leaf;
    return count;
}

/* Makes the proposals in a copy of the group that is thrown away: a leaving that the server refuses
 * must leave nothing behind that keeps this device from writing. */
static int
propose_leaving(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
                struct mls_buf proposals[OWN_DEVICES_MAX], size_t *count_out)
{
    struct mls_group *group = NULL;
    uint32_t leaves[OWN_DEVICES_MAX];
    int problem = 0;
    int status = group_load(client, chat_id, &group);
    if (status == SOTTO_CLIENT_OK && !group)
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                      "this device is not in the chat");
    if (status)
        return status;
    *count_out = list_own_leaves(client, group, leaves);
    for (size_t i = 0; problem == 0 && i < *count_out; i++) {
        struct mls_proposal removal = {.type = MLS_PROPOSAL_REMOVE, .leaf = leaves[i]};
        problem = mls_group_propose(group, &removal, (struct mls_bytes){NULL, 0}, &proposals[i]);
    }
    mls_group_destroy(&group);
    return problem ? group_trouble(client, TR("leave the chat"), problem) : SOTTO_CLIENT_OK;
}

static int
leave_once(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    Sotto__Chat__V1__LeaveRequest request = SOTTO__CHAT__V1__LEAVE_REQUEST__INIT;
    Sotto__Chat__V1__LeaveReply *reply = NULL;
    struct mls_buf proposals[OWN_DEVICES_MAX] = {{0}};
    ProtobufCBinaryData views[OWN_DEVICES_MAX];
    size_t count = 0;
    int status = propose_leaving(client, chat_id, proposals, &count);
    for (size_t i = 0; i < count; i++)
        views[i] = view(proposals[i].data, proposals[i].len);
    request.chat_id = view(chat_id, ID_BYTES);
    request.n_proposals = count;
    request.proposals = views;
    if (status == SOTTO_CLIENT_OK)
        status = rpc(client, CHAT_METHOD("Leave"), &request.base,
                     &sotto__chat__v1__leave_reply__descriptor, &reply, NULL);
    pb_free(reply);
    for (size_t i = 0; i < count; i++)
        mls_buf_fini(&proposals[i]);
    return status;
}

/* The log says that we left: by this call, or by an earlier one whose answer was lost. */
static bool
is_left(const struct chat *chat)
{
    return chat->state == CHAT_LEFT && chat->left_how == LEFT_SELF;
}

/* After each try the log is read, and what it says counts. */
static int
leave(struct sotto_client *client, struct chat *chat)
{
    int status = SOTTO_CLIENT_OK;
    for (int try = 0, idle = 0; try < RACE_TRIES_MAX && idle < RACE_IDLE_MAX && !is_left(chat);
         try++) {
        const uint64_t before = chat->epoch;
        if (chat->state == CHAT_LEFT)
            return chat_fail_left(client, chat);
        status = leave_once(client, chat->id);
        bool again = status && (!strcmp(client->error.code, "aborted") ||
                                !strcmp(client->error.code, "not_found"));
        if (status && !again)
            return status;
        if (again)
            pause_after_race();
        struct sotto_client_error kept = client->error;
        int caught_up = sync_run(client, false);
        if (caught_up == SOTTO_CLIENT_OK)
            caught_up = chat_load(client, chat->id, chat);
        if (caught_up)
            return caught_up;
        client->error = kept;
        if (!again)
            break;
        idle = chat->epoch > before ? 0 : idle + 1;
    }
    return is_left(chat) ? SOTTO_CLIENT_OK : status;
}

int
sotto_client_leave(struct sotto_client *client, const char *chat, sotto_client_chat_fn each,
                   void *arg)
{
    struct chat found;
    int status = open_group(client, chat, &found);
    /* Who does not want to be in the new chat either tells its members. */
    if (status == SOTTO_CLIENT_OK && found.state == CHAT_RESET)
        status = reset_enter(client, chat, &found);
    if (status == SOTTO_CLIENT_OK)
        status = leave(client, &found);
    return status ? status : show(client, found.id, each, arg);
}

/* ---- rename ---------------------------------------------------------------------------------- */

/* Whom to ask who may rename. */
static int
fail_rename(struct sotto_client *client, const struct chat *chat)
{
    uint8_t(*ids)[ID_BYTES] = NULL;
    size_t count = 0;
    char name[SOTTO_CLIENT_NAME_BYTES] = "";
    int status = chat_members(client, chat->id, &ids, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count && !*name; i++) {
        int role = 0;
        status = chat_role(client, chat->id, ids[i], &role);
        if (status == SOTTO_CLIENT_OK && role == ROLE_OWNER)
            status = contact_show_name(client, ids[i], name);
    }
    free(ids);
    return status ? status
                  : fail(&client->error, SOTTO_CLIENT_EFAILED, "permission_denied",
                         "only owner and admins rename a chat; ask %s",
                         *name ? name : tr("the owner"));
}

int
sotto_client_rename(struct sotto_client *client, const char *chat, const char *title,
                    sotto_client_chat_fn each, void *arg)
{
    struct chat found;
    int role = 0;
    int status = check_text(TR("title"), title, SOTTO_CLIENT_TITLE_CHARS, &client->error);
    if (status == SOTTO_CLIENT_OK)
        status = open_own_group(client, chat, &found);
    if (status == SOTTO_CLIENT_OK)
        status = chat_role(client, found.id, client->account.user_id, &role);
    if (status == SOTTO_CLIENT_OK && role != ROLE_OWNER && role != ROLE_ADMIN)
        status = fail_rename(client, &found);
    if (status == SOTTO_CLIENT_OK)
        status = trust_check_chat(client, found.id);
    if (status == SOTTO_CLIENT_OK)
        status = chat_send_title(client, found.id, title, false);
    return status ? status : show(client, found.id, each, arg);
}

/* ---- roles ----------------------------------------------------------------------------------- */

static int
read_role(struct sotto_client *client, const char *text, int *role_out)
{
    static const char *const names[] = {
        [ROLE_OWNER] = "owner", [ROLE_ADMIN] = "admin", [ROLE_MEMBER] = "member"};
    for (int role = ROLE_OWNER; role <= ROLE_MEMBER; role++)
        if (!strcmp(text, names[role])) {
            *role_out = role;
            return SOTTO_CLIENT_OK;
        }
    return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                "\"%.32s\" is no role: owner, admin or member", text);
}

int
sotto_client_set_role(struct sotto_client *client, const char *chat, const char *name,
                      const char *role, sotto_client_chat_fn each, void *arg)
{
    struct chat found;
    Sotto__Chat__V1__SetRoleRequest request = SOTTO__CHAT__V1__SET_ROLE_REQUEST__INIT;
    Sotto__Chat__V1__SetRoleReply *reply = NULL;
    uint8_t user[ID_BYTES];
    int given = 0;
    int status = read_role(client, role, &given);
    if (status == SOTTO_CLIENT_OK)
        status = open_own_group(client, chat, &found);
    if (status == SOTTO_CLIENT_OK)
        status = find_member(client, &found, name, user);
    if (status)
        return status;
    request.chat_id = view(found.id, ID_BYTES);
    request.user_id = view(user, ID_BYTES);
    request.role = (Sotto__Chat__V1__Role)given;
    status = rpc(client, CHAT_METHOD("SetRole"), &request.base,
                 &sotto__chat__v1__set_role_reply__descriptor, &reply, NULL);
    pb_free(reply);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false);
    return status ? status : show(client, found.id, each, arg);
}
