/* SPDX-License-Identifier: MIT */
/*
 * Commits of ours: made, sent, merged or dropped. See group.h for their life.
 *
 * A change says what is wanted (these packages in, that user out), not which leaves: at each try
 * it is worked out anew against the group as it is then, so whatever won the race before is taken
 * into account, and a change that somebody else has made meanwhile is done.
 */
#include "changes.h"
#include "group.h"
#include "leaving.h"
#include "session.h"
#include "sync.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define PROPOSALS_MAX 200 /* of one kind in a commit: the server takes no more */

/* ---- bundles --------------------------------------------------------------------------------- */

void
group_bundle_fini(struct group_bundle *bundle)
{
    mls_buf_fini(&bundle->commit);
    mls_buf_fini(&bundle->welcome);
    mls_buf_fini(&bundle->group_info);
    mls_buf_fini(&bundle->start);
}

void
group_bundle_view(const struct group_bundle *bundle, Sotto__Chat__V1__Bundle *out)
{
    sotto__chat__v1__bundle__init(out);
    out->commit = view(bundle->commit.data, bundle->commit.len);
    out->welcome = view(bundle->welcome.data, bundle->welcome.len);
    out->group_info = view(bundle->group_info.data, bundle->group_info.len);
    out->start = view(bundle->start.data, bundle->start.len);
}

/* A commit of these proposals and of those that the group keeps. Whoever is added gets the tree from
 * the server, which follows the group from its first commit on. */
static int
make_commit(struct sotto_client *client, struct mls_group *group,
            const struct mls_proposal *proposals, size_t count, bool renew,
            struct group_bundle *bundle_out)
{
    struct mls_commit_options options = {
        .proposals = proposals,
        .proposal_count = count,
        .force_path = renew,
        .welcome_without_tree = true,
    };
    struct group_bundle bundle = {0};
    int problem = 0;
    client->mls_now = 0;
    if (mls_group_epoch(group) == 0)
        problem = mls_group_export_info(group, true, &bundle.start);
    if (!problem)
        problem =
            mls_group_commit(group, &options, &bundle.commit, &bundle.welcome, &bundle.group_info);
    if (problem) {
        group_bundle_fini(&bundle);
        return group_trouble(client, TR("change the members of the chat"), problem);
    }
    *bundle_out = bundle;
    return SOTTO_CLIENT_OK;
}

static size_t
propose_adds(const ProtobufCBinaryData *packages, size_t count, struct mls_proposal *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (struct mls_proposal){
            .type = MLS_PROPOSAL_ADD,
            .key_package = {packages[i].data, packages[i].len},
        };
    return count;
}

int
group_make_commit(struct sotto_client *client, struct mls_group *group,
                  const ProtobufCBinaryData *packages, size_t count,
                  struct group_bundle *bundle_out)
{
    struct mls_proposal *adds = mem_alloc(count, sizeof(*adds));
    propose_adds(packages, count, adds);
    int status = make_commit(client, group, adds, count, false, bundle_out);
    free(adds);
    return status;
}

/* ---- pending commits ------------------------------------------------------------------------- */

/* Stores a fresh commit with its encoded call. */
static int
store_pending(struct sotto_client *client, struct chat *chat, const struct mls_group *group,
              const struct buf *call)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = group_save(client, chat, group);
    if (status == SOTTO_CLIENT_OK)
        status = chat_set_blob(client, chat->id, CHAT_BLOB_PENDING_CALL, call->data, call->len);
    return profile_end(&client->profile, status, &client->error);
}

int
group_accepted(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
               const Sotto__Chat__V1__CommitReply *reply, group_entered_fn *entered)
{
    struct chat chat;
    struct mls_group *group = NULL;
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = chat_load(client, chat_id, &chat);
    if (status == SOTTO_CLIENT_OK && chat.exists && reply->seq == chat.cursor + 1)
        status = group_load(client, chat_id, &group);
    if (status == SOTTO_CLIENT_OK && group && mls_group_has_pending(group)) {
        int problem = mls_group_merge_pending(group);
        chat.cursor = reply->seq;
        status = problem ? group_trouble(client, TR("enter the new epoch"), problem)
                         : entered(client, &chat, group, reply);
        if (status == SOTTO_CLIENT_OK)
            status = chat_set_blob(client, chat_id, CHAT_BLOB_PENDING_CALL, NULL, 0);
    }
    mls_group_destroy(&group);
    return profile_end(&client->profile, status, &client->error);
}

/* What a change means to people. */
static int
enter_changed(struct sotto_client *client, struct chat *chat, const struct mls_group *group,
              const Sotto__Chat__V1__CommitReply *reply)
{
    int status = changes_own_commit(client, chat, group, reply->seq, reply->ts_ms);
    return status ? status : group_save(client, chat, group);
}

/* The server will never take this commit: forget it. */
static int
drop_pending(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    struct chat chat;
    struct mls_group *group = NULL;
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = chat_load(client, chat_id, &chat);
    if (status == SOTTO_CLIENT_OK)
        status = group_load(client, chat_id, &group);
    if (status == SOTTO_CLIENT_OK && group) {
        mls_group_clear_pending(group);
        status = group_save(client, &chat, group);
    }
    if (status == SOTTO_CLIENT_OK)
        status = chat_set_blob(client, chat_id, CHAT_BLOB_PENDING_CALL, NULL, 0);
    mls_group_destroy(&group);
    return profile_end(&client->profile, status, &client->error);
}

bool
group_may_pass(const struct sotto_client_error *error)
{
    return error->status != SOTTO_CLIENT_EFAILED || !strcmp(error->code, "aborted") ||
           !strcmp(error->code, "resource_exhausted") || !strcmp(error->code, "profile");
}

/* The server aborted the call although the chat is in the commit's epoch: it lacks something that
 * the log has by now (a proposal of somebody who leaves), so it must be made anew. */
static bool
is_of_current_epoch(const Sotto__Chat__V1__CommitRequest *request, const struct buf *details)
{
    struct mls_message_info info;
    Sotto__Chat__V1__Stale *stale =
        pb_unpack(&sotto__chat__v1__stale__descriptor, details->data, details->len);
    ProtobufCBinaryData commit = request->bundle ? request->bundle->commit : view(NULL, 0);
    bool is = stale && !mls_message_info((struct mls_bytes){commit.data, commit.len}, &info) &&
              info.epoch == stale->epoch;
    pb_free(stale);
    return is;
}

static int
fail_damaged(struct sotto_client *client)
{
    return fail(&client->error, SOTTO_CLIENT_EFAILED, "profile",
                "a pending commit in this profile is damaged; restore the profile");
}

/* Puts the group as it was before the commit into the stored call: the server has begun to follow groups
 * and has not seen this one yet. */
static int
show_group(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
           Sotto__Chat__V1__CommitRequest *request)
{
    struct mls_group *group = NULL;
    struct mls_buf start = {0};
    struct buf call = {0};
    int status = group_load(client, chat_id, &group);
    if (status == SOTTO_CLIENT_OK && !group)
        status = fail_damaged(client);
    if (status)
        return status;
    int problem = mls_group_export_info(group, true, &start);
    mls_group_destroy(&group);
    if (problem)
        return group_trouble(client, TR("change the members of the chat"), problem);
    const ProtobufCBinaryData before = request->bundle->start;
    request->bundle->start = view(start.data, start.len);
    buf_pack(&call, &request->base);
    request->bundle->start = before; /* which its owner frees */
    mls_buf_fini(&start);
    status = profile_begin(&client->profile, &client->error);
    if (status == SOTTO_CLIENT_OK) {
        status = chat_set_blob(client, chat_id, CHAT_BLOB_PENDING_CALL, call.data, call.len);
        status = profile_end(&client->profile, status, &client->error);
    }
    buf_fini(&call);
    return status;
}

static bool
wants_group(const struct sotto_client_error *error, const Sotto__Chat__V1__CommitRequest *request,
            const struct buf *details)
{
    if (strcmp(error->code, "failed_precondition") || details->len == 0 || !request->bundle ||
        request->bundle->start.len > 0)
        return false;
    Sotto__Chat__V1__GroupWanted *wanted =
        pb_unpack(&sotto__chat__v1__group_wanted__descriptor, details->data, details->len);
    bool does = wanted && wanted->epoch > 0;
    pb_free(wanted);
    return does;
}

static int
finish_pending(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    struct buf call = {0};
    struct buf details = {0};
    Sotto__Chat__V1__CommitReply *reply = NULL;
    int status = chat_get_blob(client, chat_id, CHAT_BLOB_PENDING_CALL, &call);
    if (status || call.len == 0)
        return status;
    Sotto__Chat__V1__CommitRequest *request =
        pb_unpack(&sotto__chat__v1__commit_request__descriptor, call.data, call.len);
    buf_fini(&call);
    if (!request)
        return fail_damaged(client);
    status = rpc(client, CHAT_METHOD("Commit"), &request->base,
                 &sotto__chat__v1__commit_reply__descriptor, &reply, &details);
    if (status && wants_group(&client->error, request, &details)) {
        status = show_group(client, chat_id, request);
        pb_free(request);
        buf_fini(&details);
        return status ? status : finish_pending(client, chat_id);
    }
    bool useless =
        status && (!group_may_pass(&client->error) || (!strcmp(client->error.code, "aborted") &&
                                                       is_of_current_epoch(request, &details)));
    pb_free(request);
    buf_fini(&details);
    if (status == SOTTO_CLIENT_OK)
        status = group_accepted(client, chat_id, reply, enter_changed);
    pb_free(reply);
    if (useless) {
        struct sotto_client_error kept = client->error;
        int dropped = drop_pending(client, chat_id);
        if (dropped)
            return dropped;
        client->error = kept;
    }
    return status;
}

/* Leaves out packages of devices that are in the group by now. */
static size_t
still_missing(const struct mls_group *group, const ProtobufCBinaryData *packages, size_t count,
              ProtobufCBinaryData *missing)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct mls_key_package_info info;
        struct verify_cert cert;
        struct mls_bytes message = {packages[i].data, packages[i].len};
        if (mls_key_package_info(mls_provider_default(), message, &info) == 0 &&
            group_certificate(&info.credential, &cert) &&
            !group_has_device(group, cert.user_id, cert.device_id))
            missing[found++] = packages[i];
    }
    return found;
}

/* ---- changes --------------------------------------------------------------------------------- */

static bool
is_to_go(const struct group_change *change, const struct verify_cert *cert)
{
    return change->user && id_equal(cert->user_id, change->user) &&
           (!change->device || id_equal(cert->device_id, change->device));
}

/* The leaves that go: by the change, and of those who leave without a proof. Our own excepted:
 * nobody commits that. */
static size_t
propose_removes(const struct group_change *change, const struct leavers *leavers,
                const struct mls_group *group, struct mls_proposal *out)
{
    uint32_t cursor = 0;
    size_t count = 0;
    struct mls_member member;
    struct verify_cert cert;
    while ((change->user || leavers->count) && count < PROPOSALS_MAX &&
           mls_group_next_member(group, &cursor, &member))
        if (member.leaf != mls_group_own_leaf(group) &&
            group_certificate(&member.credential, &cert) &&
            (is_to_go(change, &cert) ||
             chat_lists_member((const uint8_t(*)[ID_BYTES])leavers->users, leavers->count,
                               cert.user_id)))
            out[count++] = (struct mls_proposal){.type = MLS_PROPOSAL_REMOVE, .leaf = member.leaf};
    return count;
}

/* Makes the commit and stores it with its call; nothing is made when nothing is left to do. */
static int
prepare(struct sotto_client *client, struct chat *chat, struct mls_group *group,
        const struct group_change *change)
{
    Sotto__Chat__V1__CommitRequest request = SOTTO__CHAT__V1__COMMIT_REQUEST__INIT;
    Sotto__Chat__V1__Bundle view_of;
    struct group_bundle bundle = {0};
    struct buf call = {0};
    ProtobufCBinaryData missing[PROPOSALS_MAX];
    struct mls_proposal proposals[2 * PROPOSALS_MAX];
    struct leavers leavers;
    int status = leaving_unproven(client, chat, &leavers);
    if (status)
        return status;
    size_t count = still_missing(group, change->packages, change->count, missing);
    propose_adds(missing, count, proposals);
    count += propose_removes(change, &leavers, group, proposals + count);
    if (count == 0 && mls_group_proposal_count(group) == 0 && !change->renew)
        return SOTTO_CLIENT_OK;
    status = leaving_gate(client, chat);
    if (status)
        return status;
    status = make_commit(client, group, proposals, count, change->renew, &bundle);
    if (status)
        return status;
    group_bundle_view(&bundle, &view_of);
    request.chat_id = view(chat->id, ID_BYTES);
    request.bundle = &view_of;
    buf_pack(&call, &request.base);
    status = store_pending(client, chat, group, &call);
    group_bundle_fini(&bundle);
    buf_fini(&call);
    return status;
}

/* One try. The lock is held. */
static int
change_once(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
            const struct group_change *change)
{
    struct chat chat;
    struct mls_group *group = NULL;
    int status = finish_pending(client, chat_id);
    if (status == SOTTO_CLIENT_OK)
        status = chat_load(client, chat_id, &chat);
    if (status == SOTTO_CLIENT_OK)
        status = group_load(client, chat_id, &group);
    if (status == SOTTO_CLIENT_OK && (!group || chat.state != CHAT_READY))
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                      "this device is not in the chat");
    if (status == SOTTO_CLIENT_OK && mls_group_has_pending(group))
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "aborted",
                      "an earlier commit waits in the log");
    if (status == SOTTO_CLIENT_OK)
        status = prepare(client, &chat, group, change);
    mls_group_destroy(&group);
    return status ? status : finish_pending(client, chat_id);
}

static int
epoch_of(struct sotto_client *client, const uint8_t chat_id[ID_BYTES], uint64_t *epoch_out)
{
    struct chat chat;
    int status = chat_load(client, chat_id, &chat);
    if (status == SOTTO_CLIENT_OK)
        *epoch_out = chat.epoch;
    return status;
}

int
group_change(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
             const struct group_change *change)
{
    uint64_t before = 0;
    uint64_t after = 0;
    int status = SOTTO_CLIENT_OK;
    for (int try = 0, idle = 0; try < RACE_TRIES_MAX && idle < RACE_IDLE_MAX; try++) {
        status = epoch_of(client, chat_id, &before);
        if (status == SOTTO_CLIENT_OK)
            status = profile_lock(&client->profile, &client->error);
        if (status)
            return status;
        status = change_once(client, chat_id, change);
        profile_unlock(&client->profile);
        bool lost = status && !strcmp(client->error.code, "aborted");
        if (status && !lost)
            return status;
        if (lost)
            pause_after_race();
        /* After a yes the log may still hold what came before it; after a lost race, what won. */
        struct sotto_client_error kept = client->error;
        int caught_up = sync_run(client, false);
        if (caught_up == SOTTO_CLIENT_OK)
            caught_up = epoch_of(client, chat_id, &after);
        if (caught_up)
            return caught_up;
        client->error = kept;
        if (!lost)
            break;
        idle = after > before ? 0 : idle + 1;
    }
    return status;
}

int
group_add(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
          const ProtobufCBinaryData *packages, size_t count)
{
    int status = SOTTO_CLIENT_OK;
    while (status == SOTTO_CLIENT_OK && count) {
        size_t now = count < ADDS_PER_COMMIT ? count : ADDS_PER_COMMIT;
        status = group_change(client, chat_id,
                              &(struct group_change){.packages = packages, .count = now});
        packages += now;
        count -= now;
    }
    return status;
}
