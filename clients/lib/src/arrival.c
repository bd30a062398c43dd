/* SPDX-License-Identifier: MIT */
/*
 * Commits by which this device enters chats: stored, sent, found again, entered. See arrival.h.
 */
#include "arrival.h"

#include "inbox.h"
#include "joining.h"
#include "outbox.h"
#include "session.h"
#include "text.h"
#include "upkeep.h"

#include "profile.pb-c.h"

#include <stdlib.h>
#include <string.h>

void
arrival_fini(struct arrival *arrival)
{
    mls_group_destroy(&arrival->group);
    buf_fini(&arrival->call);
}

/* ---- the table ------------------------------------------------------------------------------- */

static struct vault_place
group_place(const uint8_t chat_id[ID_BYTES])
{
    return (struct vault_place){"arrivals.mls", chat_id, ID_BYTES};
}

static struct vault_place
record_place(const uint8_t chat_id[ID_BYTES])
{
    return (struct vault_place){"arrivals.record", chat_id, ID_BYTES};
}

static int
read_record(struct sotto_client *client, const struct buf *value, struct arrival *out)
{
    Sotto__Profile__V1__Arrival *record =
        pb_unpack(&sotto__profile__v1__arrival__descriptor, value->data, value->len);
    if (!record)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "profile",
                    "a chat in this profile is damaged; restore the profile");
    take_bytes(record->inviter, out->inviter, ID_BYTES);
    out->type = (int)record->type;
    out->mode = (int)record->mode;
    buf_set(&out->call, record->call.data, record->call.len);
    pb_free(record);
    return SOTTO_CLIENT_OK;
}

int
arrival_load(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
             struct arrival *arrival_out)
{
    sqlite3_stmt *row;
    struct buf state = {0};
    struct buf record = {0};
    *arrival_out = (struct arrival){0};
    int status = query(&client->profile, &row, &client->error,
                       "SELECT mls, record FROM arrivals WHERE chat_id = ?",
                       BINDS(bind_blob(chat_id, ID_BYTES)));
    if (status)
        return status;
    status = query_step(&client->profile, row, &client->error);
    const bool exists = status == 1;
    if (exists)
        status =
            query_unseal(&client->profile, row, 0, group_place(chat_id), &state, &client->error);
    if (exists && status == SOTTO_CLIENT_OK)
        status =
            query_unseal(&client->profile, row, 1, record_place(chat_id), &record, &client->error);
    sqlite3_finalize(row);
    memcpy(arrival_out->chat_id, chat_id, ID_BYTES);
    if (exists && status == SOTTO_CLIENT_OK)
        status = read_record(client, &record, arrival_out);
    if (exists && status == SOTTO_CLIENT_OK)
        status = group_read(client, &state, &arrival_out->group);
    buf_fini(&state);
    buf_fini(&record);
    return status;
}

int
arrival_store(struct sotto_client *client, const struct arrival *arrival)
{
    Sotto__Profile__V1__Arrival record = SOTTO__PROFILE__V1__ARRIVAL__INIT;
    struct mls_buf state = {0};
    struct buf value = {0}, sealed_state = {0}, sealed_record = {0};
    int problem = mls_group_save(arrival->group, &state);
    if (problem)
        return group_trouble(client, TR("write the chat's keys to the profile"), problem);
    record.call = view(arrival->call.data, arrival->call.len);
    record.inviter = view(arrival->inviter, ID_BYTES);
    record.type = (uint32_t)arrival->type;
    record.mode = (uint32_t)arrival->mode;
    buf_pack(&value, &record.base);
    vault_seal(&client->profile.vault, group_place(arrival->chat_id), state.data, state.len,
               &sealed_state);
    vault_seal(&client->profile.vault, record_place(arrival->chat_id), value.data, value.len,
               &sealed_record);
    int status = query_run(&client->profile, &client->error,
                           "INSERT OR REPLACE INTO arrivals(chat_id, mls, record) VALUES(?, ?, ?)",
                           BINDS(bind_blob(arrival->chat_id, ID_BYTES),
                                 bind_blob(sealed_state.data, sealed_state.len),
                                 bind_blob(sealed_record.data, sealed_record.len)));
    mls_buf_fini(&state);
    buf_fini(&value);
    buf_fini(&sealed_state);
    buf_fini(&sealed_record);
    return status;
}

int
arrival_forget(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    return query_run(&client->profile, &client->error, "DELETE FROM arrivals WHERE chat_id = ?",
                     BINDS(bind_blob(chat_id, ID_BYTES)));
}

int
arrivals_keep(struct sotto_client *client, Sotto__Chat__V1__Chat *const *chats, size_t count)
{
    sqlite3_stmt *row;
    uint8_t chat_id[ID_BYTES];
    int status =
        query(&client->profile, &row, &client->error, "SELECT chat_id FROM arrivals", NULL, 0);
    if (status)
        return status;
    while ((status = query_step(&client->profile, row, &client->error)) == 1) {
        query_id(row, 0, chat_id);
        status = joining_lists(chats, count, chat_id) ? SOTTO_CLIENT_OK
                                                      : arrival_forget(client, chat_id);
        if (status)
            break;
    }
    sqlite3_finalize(row);
    return status;
}

/* ---- entering -------------------------------------------------------------------------------- */

/* What the server says of the chat, as it would come with an invitation. members: NULL when it has none for us. */
static int
store_chat(struct sotto_client *client, const struct arrival *arrival,
           const Sotto__Chat__V1__CommitReply *reply,
           const Sotto__Chat__V1__ListMembersReply *members, const struct chat *known)
{
    const size_t count = members ? members->n_members : 0;
    Sotto__Chat__V1__UserRole *roles = mem_alloc(count, sizeof(*roles));
    Sotto__Chat__V1__UserRole **list = mem_alloc(count, sizeof(Sotto__Chat__V1__UserRole *));
    Sotto__Chat__V1__Welcome said = SOTTO__CHAT__V1__WELCOME__INIT;
    struct inbox inbox = {0};
    for (size_t i = 0; i < count; i++) {
        list[i] = &roles[i];
        sotto__chat__v1__user_role__init(list[i]);
        roles[i].user_id = members->members[i]->user_id;
        roles[i].role = members->members[i]->role;
    }
    said.chat_id = view(arrival->chat_id, ID_BYTES);
    said.type = (Sotto__Chat__V1__ChatType)arrival->type;
    said.mode = (Sotto__Chat__V1__Mode)arrival->mode;
    said.seq = reply->seq;
    said.ts_ms = reply->ts_ms;
    said.n_roles = count;
    said.roles = list;
    int status = inbox_store_joined(client, &inbox, &said, arrival->group, arrival->inviter, known);
    free(list);
    free(roles);
    return status;
}

/* A chat that breaks soon after its repair is not repaired again at once (joining.c). */
static int
note_repair(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    int status = query_run(&client->profile, &client->error,
                           "UPDATE renewals SET repaired = ? WHERE chat_id = ?",
                           BINDS(bind_int(wall_seconds()), bind_blob(chat_id, ID_BYTES)));
    return status ? status : outbox_skip_numbers(client, 0);
}

/* One transaction: the group in its new epoch, the chat with its cursor at the commit, no call left to repeat. */
static int
enter(struct sotto_client *client, const struct arrival *arrival,
      const Sotto__Chat__V1__CommitReply *reply, const Sotto__Chat__V1__ListMembersReply *members)
{
    struct chat known;
    int problem = mls_group_merge_pending(arrival->group);
    if (problem)
        return group_trouble(client, TR("enter the new epoch"), problem);
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = chat_load(client, arrival->chat_id, &known);
    if (status == SOTTO_CLIENT_OK)
        status = store_chat(client, arrival, reply, members, &known);
    if (status == SOTTO_CLIENT_OK)
        status = chat_set_blob(client, arrival->chat_id, CHAT_BLOB_PENDING_CALL, NULL, 0);
    if (status == SOTTO_CLIENT_OK)
        status = upkeep_note_new(client, arrival->chat_id);
    if (status == SOTTO_CLIENT_OK && known.exists && known.state == CHAT_BROKEN)
        status = note_repair(client, arrival->chat_id);
    return profile_end(&client->profile, status, &client->error);
}

/* The server has the commit: asks for the roles, and enters. Who was removed again since then is told none. */
static int
finish(struct sotto_client *client, const struct arrival *arrival,
       const Sotto__Chat__V1__CommitReply *reply)
{
    Sotto__Chat__V1__ListMembersRequest request = SOTTO__CHAT__V1__LIST_MEMBERS_REQUEST__INIT;
    Sotto__Chat__V1__ListMembersReply *members = NULL;
    request.chat_id = view(arrival->chat_id, ID_BYTES);
    if (!seq_is_possible(reply->seq))
        return fail_malformed(&client->error);
    int status = rpc(client, CHAT_METHOD("ListMembers"), &request.base,
                     &sotto__chat__v1__list_members_reply__descriptor, &members, NULL);
    if (status == SOTTO_CLIENT_EFAILED && !strcmp(client->error.code, "not_found"))
        status = SOTTO_CLIENT_OK;
    if (status == SOTTO_CLIENT_OK)
        status = enter(client, arrival, reply, members);
    pb_free(members);
    return status;
}

/* ---- sending --------------------------------------------------------------------------------- */

static int
open_call(struct sotto_client *client, const struct arrival *arrival,
          Sotto__Chat__V1__CommitRequest **request_out)
{
    *request_out = pb_unpack(&sotto__chat__v1__commit_request__descriptor, arrival->call.data,
                             arrival->call.len);
    return *request_out && (*request_out)->bundle
               ? SOTTO_CLIENT_OK
               : fail(&client->error, SOTTO_CLIENT_EFAILED, "profile",
                      "a pending commit in this profile is damaged; restore the profile");
}

int
arrival_send(struct sotto_client *client, const struct arrival *arrival)
{
    Sotto__Chat__V1__CommitRequest *request = NULL;
    Sotto__Chat__V1__CommitReply *reply = NULL;
    int status = open_call(client, arrival, &request);
    if (status == SOTTO_CLIENT_OK)
        status = rpc(client, CHAT_METHOD("Commit"), &request->base,
                     &sotto__chat__v1__commit_reply__descriptor, &reply, NULL);
    pb_free(request);
    if (status == SOTTO_CLIENT_OK) {
        status = finish(client, arrival, reply);
    } else if (!group_may_pass(&client->error)) {
        const struct sotto_client_error kept = client->error;
        int forgotten = arrival_forget(client, arrival->chat_id);
        if (forgotten)
            return forgotten;
        client->error = kept;
    }
    pb_free(reply);
    return status;
}

/* ---- the log --------------------------------------------------------------------------------- */

/* Enters the chat of an entry if it is the commit that was sent there. */
static int
take_entry(struct sotto_client *client, const Sotto__Chat__V1__Entry *entry)
{
    Sotto__Chat__V1__CommitRequest *request = NULL;
    Sotto__Chat__V1__CommitReply reply = SOTTO__CHAT__V1__COMMIT_REPLY__INIT;
    struct arrival arrival;
    int status = arrival_load(client, entry->chat_id.data, &arrival);
    if (status == SOTTO_CLIENT_OK && arrival.group)
        status = open_call(client, &arrival, &request);
    if (status == SOTTO_CLIENT_OK && request && request->bundle->commit.len == entry->message.len &&
        !memcmp(request->bundle->commit.data, entry->message.data, entry->message.len)) {
        reply.seq = entry->seq;
        reply.ts_ms = entry->ts_ms;
        status = finish(client, &arrival, &reply);
    }
    pb_free(request);
    arrival_fini(&arrival);
    return status;
}

int
arrivals_take(struct sotto_client *client, const Sotto__Chat__V1__SyncReply *page)
{
    int64_t waiting = 0;
    int status = query_number(&client->profile, &waiting, &client->error,
                              "SELECT COUNT(*) FROM arrivals", NULL, 0);
    if (status || !waiting)
        return status;
    status = profile_lock(&client->profile, &client->error);
    if (status)
        return status;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < page->n_entries; i++) {
        const Sotto__Chat__V1__Entry *entry = page->entries[i];
        if (entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_COMMIT &&
            entry->chat_id.len == ID_BYTES)
            status = take_entry(client, entry);
    }
    profile_unlock(&client->profile);
    return status;
}
