/* SPDX-License-Identifier: MIT */
/*
 * MLS groups in the profile. Commits are made in commit.c.
 */
#include "group.h"

#include "session.h"
#include "sync.h"
#include "trust.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* A key package may live this long; a server can be set to 366 days at most. */
#define KEY_PACKAGE_LIFETIME_SECONDS_MAX (400 * 86400)

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
        .leaf_bytes_max = GROUP_LEAF_BYTES_MAX,
        .arg = client,
    };
}

struct mls_client
group_mls_client(const struct sotto_client *client)
{
    return (struct mls_client){
        .signature_seed = client->account.device_seed,
        .identity = {client->account.certificate, VERIFY_CERT_BYTES},
    };
}

/* ---- profile --------------------------------------------------------------------------------- */

int
group_read(struct sotto_client *client, const struct buf *state, struct mls_group **group_out)
{
    struct mls_config config;
    group_config(client, &config);
    int problem = mls_group_load(&config, (struct mls_bytes){state->data, state->len}, group_out);
    return problem ? group_trouble(client, "read the chat's keys in the profile", problem)
                   : SOTTO_CLIENT_OK;
}

int
group_load(struct sotto_client *client, const uint8_t chat_id[ID_BYTES],
           struct mls_group **group_out)
{
    struct buf state = {0};
    *group_out = NULL;
    int status = chat_get_blob(client, chat_id, CHAT_BLOB_MLS, &state);
    if (status == SOTTO_CLIENT_OK && state.len)
        status = group_read(client, &state, group_out);
    buf_fini(&state);
    return status;
}

size_t
group_users(const struct mls_group *group, uint8_t (**user_ids_out)[ID_BYTES])
{
    uint32_t cursor = 0;
    size_t count = 0;
    struct mls_member member;
    struct verify_cert cert;
    uint8_t(*ids)[ID_BYTES] = mem_alloc(mls_group_member_count(group), ID_BYTES);
    while (mls_group_next_member(group, &cursor, &member))
        if (group_certificate(&member.credential, &cert) &&
            !chat_lists_member((const uint8_t(*)[ID_BYTES])ids, count, cert.user_id))
            memcpy(ids[count++], cert.user_id, ID_BYTES);
    *user_ids_out = ids;
    return count;
}

static int
save_roster(struct sotto_client *client, const struct chat *chat, const struct mls_group *group)
{
    uint8_t(*ids)[ID_BYTES] = NULL;
    size_t count = group_users(group, &ids);
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
    chat->proposals = mls_group_proposal_count(group);
    int status = chat_store(client, chat);
    if (status == SOTTO_CLIENT_OK && chat->state != CHAT_LEFT)
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
group_user_of_leaf(const struct mls_group *group, uint32_t leaf, uint8_t user_out[ID_BYTES])
{
    struct mls_member member;
    struct verify_cert cert;
    if (mls_group_member(group, leaf, &member) || !group_certificate(&member.credential, &cert))
        return false;
    memcpy(user_out, cert.user_id, ID_BYTES);
    return true;
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
