/* SPDX-License-Identifier: MIT */
/*
 * MLS groups in the profile. See group.h for the life of a commit.
 */
#include "group.h"

#include "session.h"
#include "sync.h"
#include "trust.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define COMMIT_TRIES 8
/* A key package may live this long; a server can be set to 366 days at most. */
#define KEY_PACKAGE_LIFETIME_SECONDS_MAX (400 * 86400)
#define JITTER_LEAST_MS 50
#define JITTER_MOST_MS 500

int
group_trouble(struct sotto_client *client, const char *what, int problem)
{
    if (problem == MLS_ECREDENTIAL)
        return fail(&client->error, SOTTO_CLIENT_EBLOCKED, "blocked",
                    "cannot %s: a device's certificate is not its user's", tr(what));
    return fail(&client->error, SOTTO_CLIENT_EFAILED, "internal", "cannot %s (%s)", tr(what),
                mls_error_text(problem));
}

/* ---- configuration --------------------------------------------------------------------------- */

static int
on_credential(void *arg, const struct mls_credential_view *credential)
{
    return trust_check_credential(
        arg, credential->identity.data, credential->identity.len, credential->signature_key.data,
        credential->replaces_identity.data, credential->replaces_identity.len);
}

static uint64_t
on_now(void *arg)
{
    struct sotto_client *client = arg;
    return client->mls_now ? client->mls_now : (uint64_t)wall_seconds();
}

void
group_config(struct sotto_client *client, struct mls_config *config_out)
{
    *config_out = (struct mls_config){
        .provider = mls_provider_default(),
        .check_credential = on_credential,
        .now = on_now,
        .lifetime_max = KEY_PACKAGE_LIFETIME_SECONDS_MAX,
        .arg = client,
    };
}

/* ---- profile --------------------------------------------------------------------------------- */

int
group_load(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
           struct mls_group **group_out)
{
    struct buf state = {0};
    struct mls_config config;
    *group_out = NULL;
    int status = chat_get_blob(client, chat_id, CHAT_BLOB_MLS, &state);
    if (status == SOTTO_CLIENT_OK && state.len) {
        group_config(client, &config);
        int problem = mls_group_load(&config, (struct mls_bytes){state.data, state.len}, group_out);
        if (problem)
            status = group_trouble(client, "read the chat's keys in the profile", problem);
    }
    buf_fini(&state);
    return status;
}

static int
save_roster(struct sotto_client *client, const struct chat *chat, const struct mls_group *group)
{
    uint32_t cursor = 0;
    size_t count = 0;
    struct mls_member member;
    struct verify_cert cert;
    uint8_t(*ids)[ID_BYTES] = mem_alloc(mls_group_member_count(group), ID_BYTES);
    while (mls_group_next_member(group, &cursor, &member))
        if (group_certificate(&member.credential, &cert))
            memcpy(ids[count++], cert.user_id, ID_BYTES);
    int status = chat_set_members(client, chat->id, (const uint8_t(*)[ID_BYTES])ids, count);
    if (status == SOTTO_CLIENT_OK)
        status = contact_names_due(client);
    free(ids);
    return status;
}

int
group_save(struct sotto_client *client, struct chat *chat, const struct mls_group *group)
{
    struct mls_buf state = {0};
    uint64_t epoch = mls_group_epoch(group);
    bool roster_changed = epoch != chat->epoch || !chat->exists;
    int problem = mls_group_save(group, &state);
    if (problem)
        return group_trouble(client, "write the chat's keys to the profile", problem);
    chat->epoch = epoch;
    int status = chat_store(client, chat);
    if (status == SOTTO_CLIENT_OK)
        status = chat_set_blob(client, chat->id, CHAT_BLOB_MLS, state.data, state.len);
    if (status == SOTTO_CLIENT_OK && roster_changed && mls_group_is_active(group))
        status = save_roster(client, chat, group);
    mls_buf_fini(&state);
    chat->exists = true;
    return status;
}

/* ---- roster ---------------------------------------------------------------------------------- */

bool
group_certificate(const struct mls_credential_view *credential, struct verify_cert *cert_out)
{
    return verify_cert_parse(credential->identity.data, credential->identity.len, cert_out) == 0;
}

bool
group_has_device(const struct mls_group *group, const uint8_t user_id[ID_BYTES],
                 const uint8_t device_id[ID_BYTES])
{
    uint32_t cursor = 0;
    struct mls_member member;
    struct verify_cert cert;
    while (mls_group_next_member(group, &cursor, &member))
        if (group_certificate(&member.credential, &cert) && id_equal(cert.user_id, user_id) &&
            id_equal(cert.device_id, device_id))
            return true;
    return false;
}

bool
group_has_third(struct sotto_client *client, const struct mls_group *group)
{
    uint32_t cursor = 0;
    struct mls_member member;
    struct verify_cert cert;
    uint8_t other[ID_BYTES];
    bool has_other = false;
    while (mls_group_next_member(group, &cursor, &member)) {
        if (!group_certificate(&member.credential, &cert) ||
            id_equal(cert.user_id, client->account.user_id))
            continue;
        if (has_other && !id_equal(cert.user_id, other))
            return true;
        has_other = true;
        memcpy(other, cert.user_id, ID_BYTES);
    }
    return false;
}

bool
group_is_first_of_user(struct sotto_client *client, const struct mls_group *group)
{
    uint32_t cursor = 0;
    struct mls_member member;
    struct verify_cert cert;
    while (mls_group_next_member(group, &cursor, &member))
        if (group_certificate(&member.credential, &cert) &&
            id_equal(cert.user_id, client->account.user_id))
            return member.leaf == mls_group_own_leaf(group);
    return false;
}

/* ---- commits --------------------------------------------------------------------------------- */

void
group_bundle_fini(struct group_bundle *bundle)
{
    mls_buf_fini(&bundle->commit);
    mls_buf_fini(&bundle->welcome);
    mls_buf_fini(&bundle->group_info);
}

void
group_bundle_view(const struct group_bundle *bundle, Sotto__Chat__V1__Bundle *out)
{
    sotto__chat__v1__bundle__init(out);
    out->commit = view(bundle->commit.data, bundle->commit.len);
    out->welcome = view(bundle->welcome.data, bundle->welcome.len);
    out->group_info = view(bundle->group_info.data, bundle->group_info.len);
}

int
group_make_commit(struct sotto_client *client, struct mls_group *group,
                  const ProtobufCBinaryData *packages, size_t count,
                  struct group_bundle *bundle_out)
{
    struct mls_proposal *adds = mem_alloc(count, sizeof(*adds));
    for (size_t i = 0; i < count; i++)
        adds[i] = (struct mls_proposal){
            .type = MLS_PROPOSAL_ADD,
            .key_package = {packages[i].data, packages[i].len},
        };
    struct mls_commit_options options = {.proposals = adds, .proposal_count = count};
    struct group_bundle bundle = {{0}, {0}, {0}};
    client->mls_now = 0;
    int problem =
        mls_group_commit(group, &options, &bundle.commit, &bundle.welcome, &bundle.group_info);
    free(adds);
    if (problem)
        return group_trouble(client, "add members to the chat", problem);
    *bundle_out = bundle;
    return SOTTO_CLIENT_OK;
}

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

/* The server said yes: enter the new epoch. When entries before it are still unread, the log
 * does it later. */
static int
merge_pending(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
              const Sotto__Chat__V1__CommitReply *reply)
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
        status = problem ? group_trouble(client, "enter the new epoch", problem)
                         : group_save(client, &chat, group);
        if (status == SOTTO_CLIENT_OK)
            status = chat_set_blob(client, chat_id, CHAT_BLOB_PENDING_CALL, NULL, 0);
    }
    mls_group_destroy(&group);
    return profile_end(&client->profile, status, &client->error);
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

/* A refusal that another try or the log may turn into a yes. */
static bool
is_passing(const struct sotto_client_error *error)
{
    return error->status != SOTTO_CLIENT_EFAILED || !strcmp(error->code, "aborted") ||
           !strcmp(error->code, "resource_exhausted") || !strcmp(error->code, "profile");
}

int
group_finish_pending(struct sotto_client *client, const uint8_t chat_id[ID_BYTES])
{
    struct buf call = {0};
    Sotto__Chat__V1__CommitReply *reply = NULL;
    int status = chat_get_blob(client, chat_id, CHAT_BLOB_PENDING_CALL, &call);
    if (status || call.len == 0)
        return status;
    Sotto__Chat__V1__CommitRequest *request =
        pb_unpack(&sotto__chat__v1__commit_request__descriptor, call.data, call.len);
    buf_fini(&call);
    if (!request)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "profile",
                    "a pending commit in this profile is damaged; restore the profile");
    status = rpc(client, CHAT_METHOD("Commit"), &request->base,
                 &sotto__chat__v1__commit_reply__descriptor, &reply, NULL);
    pb_free(request);
    if (status == SOTTO_CLIENT_OK)
        status = merge_pending(client, chat_id, reply);
    pb_free(reply);
    if (status && !is_passing(&client->error)) {
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

/* One try: commit what is not in the group yet. The lock is held. */
static int
add_once(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
         const ProtobufCBinaryData *packages, size_t count)
{
    struct chat chat;
    struct mls_group *group = NULL;
    struct group_bundle bundle = {{0}, {0}, {0}};
    struct buf call = {0};
    ProtobufCBinaryData missing[ADDS_PER_COMMIT];
    int status = group_finish_pending(client, chat_id);
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
        count = still_missing(group, packages, count, missing);
    if (status == SOTTO_CLIENT_OK && count)
        status = group_make_commit(client, group, missing, count, &bundle);
    if (status == SOTTO_CLIENT_OK && count) {
        Sotto__Chat__V1__CommitRequest request = SOTTO__CHAT__V1__COMMIT_REQUEST__INIT;
        Sotto__Chat__V1__Bundle view_of;
        group_bundle_view(&bundle, &view_of);
        request.chat_id = view(chat_id, ID_BYTES);
        request.bundle = &view_of;
        buf_pack(&call, &request.base);
        status = store_pending(client, &chat, group, &call);
    }
    mls_group_destroy(&group);
    group_bundle_fini(&bundle);
    buf_fini(&call);
    return status ? status : group_finish_pending(client, chat_id);
}

int
group_add(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
          const ProtobufCBinaryData *packages, size_t count)
{
    int status = SOTTO_CLIENT_OK;
    for (int try = 0; count && try < COMMIT_TRIES; try++) {
        size_t now = count < ADDS_PER_COMMIT ? count : ADDS_PER_COMMIT;
        status = profile_lock(&client->profile, &client->error);
        if (status)
            return status;
        status = add_once(client, chat_id, packages, now);
        profile_unlock(&client->profile);
        if (status == SOTTO_CLIENT_OK) {
            packages += now;
            count -= now;
            try = -1;
        } else if (strcmp(client->error.code, "aborted")) {
            return status;
        } else {
            pause_jitter(JITTER_LEAST_MS, JITTER_MOST_MS);
        }
        /* After a yes the log may still hold what came before it; after a lost race, what won. */
        struct sotto_client_error kept = client->error;
        int caught_up = sync_run(client, false);
        if (caught_up)
            return caught_up;
        client->error = kept;
    }
    return status;
}
