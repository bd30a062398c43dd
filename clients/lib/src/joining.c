/* SPDX-License-Identifier: MIT */
/*
 * See joining.h. The server gives GroupInfo and tree, and is not believed in either: the GroupInfo must be signed
 * by a member, the leaves by devices with certificates of the users' identities, by the rules of an invitation. Who
 * signed it counts as who invites. A chat that this device knew is entered only at a later epoch, and on the
 * signature of somebody whom it knew there. An old GroupInfo leads to an epoch in which nobody else is, and to no
 * message.
 */
#include "joining.h"

#include "arrival.h"
#include "chat.h"
#include "inbox.h"
#include "offer.h"
#include "session.h"
#include "sync.h"
#include "text.h"
#include "upkeep.h"

#include "mls/public_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOIN_TRIES 6
#define LISTED_MAX 5000 /* chats that are looked at, as many as a server follows for a device */
#define REASON_NAME "unentered "
#define NAME_BYTES 48
#define CLOCK_BYTES 16
#define REASON_BYTES 480

/* One chat on its way in. */
struct joining {
    const Sotto__Chat__V1__Chat *row;
    struct chat known;
    Sotto__Chat__V1__GetGroupReply *shown;
    struct arrival arrival;
    struct mls_buf commit, group_info;
    const char *refusal; /* why the group is not one to join; NULL: it is */
};

static void
joining_fini(struct joining *joining)
{
    pb_free(joining->shown);
    arrival_fini(&joining->arrival);
    mls_buf_fini(&joining->commit);
    mls_buf_fini(&joining->group_info);
}

/* ---- repairs --------------------------------------------------------------------------------- */

/* A chat that breaks soon after its repair would do so for ever. next_out: seconds since 1970; 0: now. */
static int
next_repair(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], int64_t *next_out)
{
    const int64_t now = wall_seconds();
    int64_t last = 0;
    int status = query_number(&client->profile, &last, &client->error,
                              "SELECT repaired FROM renewals WHERE chat_id = ?",
                              BINDS(bind_blob(chat_id, ID_BYTES)));
    const bool recent = last != 0 && last <= now && now - last < JOIN_REPAIR_SECONDS;
    *next_out = recent ? last + JOIN_REPAIR_SECONDS : 0;
    return status;
}

/* ---- reasons --------------------------------------------------------------------------------- */

static void
name_reason(const uint8_t chat_id[ID_BYTES], char name_out[NAME_BYTES])
{
    char hex[SOTTO_CLIENT_HEX_BYTES];
    id_hex(chat_id, hex);
    snprintf(name_out, NAME_BYTES, REASON_NAME "%s", hex);
}

/* Why the last try failed, in English; for a person, who may look at it long after. */
static int
note_reason(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], const char *why)
{
    char name[NAME_BYTES];
    name_reason(chat_id, name);
    return meta_set(&client->profile, name, why, strlen(why) + 1, &client->error);
}

int
joining_forget_reason(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    char name[NAME_BYTES];
    name_reason(chat_id, name);
    return query_run(&client->profile, &client->error, "DELETE FROM meta WHERE name = ?",
                     BINDS(bind_text(name)));
}

bool
joining_lists(Sotto__Chat__V1__Chat *const *chats, size_t count, const uint8_t chat_id[ID_BYTES])
{
    for (size_t i = 0; i < count; i++)
        if (chats[i]->chat_id.len == ID_BYTES && id_equal(chats[i]->chat_id.data, chat_id))
            return true;
    return false;
}

/* Of a chat that is listed no more nobody asks why. */
static int
keep_reasons(struct sotto_client *client, Sotto__Chat__V1__Chat *const *chats, size_t count)
{
    sqlite3_stmt *row;
    uint8_t id[ID_BYTES];
    int status = query(&client->profile, &row, &client->error,
                       "SELECT name FROM meta WHERE name GLOB '" REASON_NAME "*'", NULL, 0);
    if (status)
        return status;
    while ((status = query_step(&client->profile, row, &client->error)) == 1) {
        const char *name = (const char *)sqlite3_column_text(row, 0);
        const bool listed =
            id_from_hex(name + strlen(REASON_NAME), id) && joining_lists(chats, count, id);
        status = listed ? SOTTO_CLIENT_OK : joining_forget_reason(client, id);
        if (status)
            break;
    }
    sqlite3_finalize(row);
    return status;
}

int
joining_reason(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], bool broken,
               struct buf *text_out)
{
    char name[NAME_BYTES], clock[CLOCK_BYTES] = "?", line[REASON_BYTES];
    struct tm when;
    int64_t next = 0;
    int status = broken ? next_repair(client, chat_id, &next) : SOTTO_CLIENT_OK;
    if (status)
        return status;
    if (next) {
        if (localtime_r(&(time_t){next}, &when))
            strftime(clock, sizeof(clock), "%H:%M", &when);
        snprintf(line, sizeof(line),
                 tr("it broke again within an hour of its repair; the next try is at %s; `sotto "
                    "reports` says by whom: remove them, or `sotto reset` starts it anew without "
                    "them"),
                 clock);
        buf_set(text_out, line, strlen(line) + 1);
        return SOTTO_CLIENT_OK;
    }
    name_reason(chat_id, name);
    return meta_get(&client->profile, name, text_out, &client->error);
}

/* ---- the group ------------------------------------------------------------------------------- */

/* Finds the leaf that this device has in the tree from before, if any. An MLS error: the group is not sound. */
static int
find_old_leaf(struct sotto_client *client, const struct mls_config *config,
              struct mls_external_join_params *params)
{
    struct mls_public_group *group = NULL;
    struct mls_member member;
    struct verify_cert cert;
    uint32_t cursor = 0;
    int problem = mls_public_group_open(config, params->group_info, params->ratchet_tree, &group);
    if (problem)
        return problem;
    while (!params->resync && mls_public_group_next_member(group, &cursor, &member))
        if (group_certificate(&member.credential, &cert) &&
            id_equal(cert.user_id, client->account.user_id) &&
            id_equal(cert.device_id, client->account.device_id)) {
            params->resync = true;
            params->old_leaf = member.leaf;
        }
    mls_public_group_destroy(&group);
    return MLS_OK;
}

/* Whether the group is the chat's, and not one from before what we know. */
static int
judge(struct sotto_client *client, struct joining *joining)
{
    struct mls_group_info_view view;
    const ProtobufCBinaryData *info = &joining->shown->group_info;
    const struct mls_bytes id = mls_group_id(joining->arrival.group);
    bool vouched = false;
    int status = SOTTO_CLIENT_OK;
    if (id.len != ID_BYTES || !id_equal(id.data, joining->row->chat_id.data))
        joining->refusal = TR("the server shows the group of another chat");
    else if (mls_group_info_view((struct mls_bytes){info->data, info->len}, &view) ||
             !group_user_of_leaf(joining->arrival.group, view.signer, joining->arrival.inviter))
        joining->refusal = TR("no member signed the group that the server shows");
    else if (joining->known.exists && view.epoch < joining->known.epoch)
        joining->refusal = TR("the server shows the group as it was before what this device knows");
    else if (joining->known.state == CHAT_OFFERED)
        status = offer_may_enter(client, joining->known.id, joining->arrival.group,
                                 joining->arrival.inviter, &vouched);
    else
        status = inbox_is_vouched(client, &joining->known, joining->arrival.group, view.signer,
                                  &vouched);
    if (status == SOTTO_CLIENT_OK && !joining->refusal && !vouched)
        joining->refusal =
            TR("nobody whom this device knows there signed the group that the server shows");
    return status;
}

/* Makes the commit, or says in joining->refusal why not. */
static int
make_commit(struct sotto_client *client, struct joining *joining)
{
    struct mls_config config;
    struct mls_external_join_params params = {
        .group_info = {joining->shown->group_info.data, joining->shown->group_info.len},
        .ratchet_tree = {joining->shown->ratchet_tree.data, joining->shown->ratchet_tree.len},
    };
    const struct mls_client self = group_mls_client(client);
    client->mls_now = 0;
    group_config(client, &config);
    int problem = find_old_leaf(client, &config, &params);
    if (!problem)
        problem = mls_group_join_external(&config, &self, &params, &joining->arrival.group,
                                          &joining->commit, &joining->group_info);
    if (problem)
        joining->refusal = mls_error_text(problem);
    return problem ? SOTTO_CLIENT_OK : judge(client, joining);
}

/* ---- the server ------------------------------------------------------------------------------ */

static int
fetch_group(struct sotto_client *client, struct joining *joining)
{
    Sotto__Chat__V1__GetGroupRequest request = SOTTO__CHAT__V1__GET_GROUP_REQUEST__INIT;
    request.chat_id = joining->row->chat_id;
    return rpc(client, CHAT_METHOD("GetGroup"), &request.base,
               &sotto__chat__v1__get_group_reply__descriptor, &joining->shown, NULL);
}

/* Writes the commit down, and only then sends it. */
static int
send_commit(struct sotto_client *client, struct joining *joining)
{
    Sotto__Chat__V1__CommitRequest request = SOTTO__CHAT__V1__COMMIT_REQUEST__INIT;
    Sotto__Chat__V1__Bundle bundle = SOTTO__CHAT__V1__BUNDLE__INIT;
    struct arrival *arrival = &joining->arrival;
    bundle.commit = view(joining->commit.data, joining->commit.len);
    bundle.group_info = view(joining->group_info.data, joining->group_info.len);
    request.chat_id = joining->row->chat_id;
    request.bundle = &bundle;
    buf_pack(&arrival->call, &request.base);
    memcpy(arrival->chat_id, joining->row->chat_id.data, ID_BYTES);
    arrival->type = joining->row->type;
    arrival->mode = joining->row->mode;
    int status = arrival_store(client, arrival);
    return status ? status : arrival_send(client, arrival);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

/* Of a broken chat: whether it may be repaired by now. */
static int
is_due(struct sotto_client *client, const struct chat *chat, bool *due_out)
{
    int64_t next = 0;
    if (chat->state != CHAT_BROKEN)
        return SOTTO_CLIENT_OK;
    int status = next_repair(client, chat->id, &next);
    *due_out = next == 0;
    return status;
}

/* Whether this device has to enter the chat by itself. */
static int
needs_us(struct sotto_client *client, const Sotto__Chat__V1__Chat *row, struct chat *known_out,
         bool *needs_out)
{
    *needs_out = false;
    if (row->chat_id.len != ID_BYTES || row->replaced_by.len) /* a closed chat takes nobody in */
        return SOTTO_CLIENT_OK;
    int status = chat_load(client, row->chat_id.data, known_out);
    struct chat old = {0};
    if (status == SOTTO_CLIENT_OK && !known_out->exists)
        status = offer_find_old(client, row->chat_id.data, &old);
    if (status)
        return status;
    if (known_out->state == CHAT_OFFERED)
        return offer_wants(client, row->chat_id.data, needs_out);
    *needs_out = known_out->exists ? chat_is_away(known_out) : !old.exists;
    return known_out->exists ? is_due(client, known_out, needs_out) : SOTTO_CLIENT_OK;
}

/* A commit of our own for the group as the server shows it. */
static int
join_anew(struct sotto_client *client, struct joining *joining)
{
    int status = fetch_group(client, joining);
    if (status == SOTTO_CLIENT_OK)
        status = make_commit(client, joining);
    if (status == SOTTO_CLIENT_OK && joining->refusal)
        return note_reason(client, joining->row->chat_id.data, joining->refusal);
    return status ? status : send_commit(client, joining);
}

/* One try. The lock is held. An earlier commit may have been accepted: no other one before that is known. */
static int
join_once(struct sotto_client *client, const Sotto__Chat__V1__Chat *row)
{
    struct joining joining = {.row = row};
    bool needs = false;
    int status = needs_us(client, row, &joining.known, &needs);
    if (status || !needs)
        return status;
    status = arrival_load(client, row->chat_id.data, &joining.arrival);
    if (status == SOTTO_CLIENT_OK)
        status = joining.arrival.group ? arrival_send(client, &joining.arrival)
                                       : join_anew(client, &joining);
    joining_fini(&joining);
    return status;
}

/* Retries lost races; whoever won may have added this device, which a Sync tells. It brings our own commit, too, if that
 * won: what is still here after it has lost. */
static int
join(struct sotto_client *client, const Sotto__Chat__V1__Chat *row)
{
    int status = SOTTO_CLIENT_OK;
    for (int try = 0; try < JOIN_TRIES; try++) {
        status = profile_lock(&client->profile, &client->error);
        if (status)
            return status;
        status = join_once(client, row);
        profile_unlock(&client->profile);
        if (!status || strcmp(client->error.code, "aborted"))
            break;
        pause_after_race();
        const struct sotto_client_error lost = client->error;
        int settled = sync_run(client, false);
        if (settled == SOTTO_CLIENT_OK)
            settled = arrival_forget(client, row->chat_id.data);
        if (settled)
            return settled;
        client->error = lost;
    }
    if (!is_refused(client, status))
        return status;
    return note_reason(client, row->chat_id.data, client->error.message);
}

/* Chats that this device needs to enter: those that were not tried yet, then those where the last try failed, which
 * must not stand in the way of the others. */
struct round {
    const Sotto__Chat__V1__Chat **rows;
    size_t fresh_count, count;
};

static int
add_rows(struct sotto_client *client, Sotto__Chat__V1__Chat *const *chats, size_t count,
         bool failed, struct round *round)
{
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++) {
        const Sotto__Chat__V1__Chat *row = chats[i];
        struct chat known;
        struct buf why = {0};
        bool needs = false;
        status = needs_us(client, row, &known, &needs);
        if (status || !needs)
            continue;
        status = joining_reason(client, row->chat_id.data, false, &why);
        if (status == SOTTO_CLIENT_OK && (why.len > 0) == failed)
            round->rows[round->count++] = row;
        buf_fini(&why);
    }
    return status;
}

int
joining_run(struct sotto_client *client, size_t *left_out)
{
    Sotto__Chat__V1__ListChatsRequest request = SOTTO__CHAT__V1__LIST_CHATS_REQUEST__INIT;
    Sotto__Chat__V1__ListChatsReply *reply = NULL;
    struct round round = {0};
    int status = rpc(client, CHAT_METHOD("ListChats"), &request.base,
                     &sotto__chat__v1__list_chats_reply__descriptor, &reply, NULL);
    if (status)
        return status;
    const size_t count = reply->n_chats < LISTED_MAX ? reply->n_chats : LISTED_MAX;
    round.rows = mem_alloc(count, sizeof(*round.rows));
    status = arrivals_keep(client, reply->chats, count);
    if (status == SOTTO_CLIENT_OK)
        status = keep_reasons(client, reply->chats, count);
    if (status == SOTTO_CLIENT_OK)
        status = add_rows(client, reply->chats, count, false, &round);
    round.fresh_count = round.count;
    if (status == SOTTO_CLIENT_OK)
        status = add_rows(client, reply->chats, count, true, &round);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < round.count && i < JOIN_CHATS_MAX; i++)
        status = join(client, round.rows[i]);
    if (left_out)
        *left_out = round.fresh_count > JOIN_CHATS_MAX ? round.fresh_count - JOIN_CHATS_MAX : 0;
    free(round.rows);
    pb_free(reply);
    return status;
}

int
joining_look(struct sotto_client *client, bool *due_out)
{
    struct chat *chats = NULL;
    size_t count = 0;
    int status = chat_list(client, &chats, &count);
    *due_out = false;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && !*due_out && i < count; i++)
        status = is_due(client, &chats[i], due_out);
    free(chats);
    return status;
}

/* A chat that the profile does not have, named by its whole id: why this device is not in it. */
static int
fail_waiting(struct sotto_client *client, const char *text)
{
    uint8_t id[ID_BYTES];
    struct buf why = {0};
    const struct sotto_client_error kept = client->error;
    int status = id_from_hex(text, id) ? joining_reason(client, id, false, &why) : SOTTO_CLIENT_OK;
    if (status == SOTTO_CLIENT_OK && why.len) {
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                      "this device could not join the chat: %.400s", tr((const char *)why.data));
    } else if (status == SOTTO_CLIENT_OK) {
        client->error = kept;
        status = kept.status;
    }
    buf_fini(&why);
    return status;
}

int
joining_resolve(struct sotto_client *client, const char *text, struct chat *chat_out)
{
    int status = chat_find(client, text, chat_out);
    const bool unknown = status == SOTTO_CLIENT_EFAILED && !strcmp(client->error.code, "not_found");
    if (!unknown && (status || (chat_out->state != CHAT_BROKEN && !chat_is_away(chat_out))))
        return status;
    status = joining_run(client, NULL);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, false);
    if (status)
        return status;
    status = chat_find(client, text, chat_out);
    return status == SOTTO_CLIENT_EFAILED && unknown ? fail_waiting(client, text) : status;
}
