/* SPDX-License-Identifier: MIT */
/*
 * KeyPackages of others: claimed from the server, and believed only as far as they prove themselves.
 *
 * A package must be whole (RFC 9420 section 10.1), in its lifetime, of the user and device that the
 * server names, and certified by the identity key that is pinned for that user. What the server says
 * of the users' identities is compared first, and stays noted even when the claim is refused.
 */
#include "group.h"

#include "session.h"
#include "trust.h"
#include "text.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define USERS_PER_CLAIM 200

static int
refuse_package(struct sotto_client *client, const uint8_t *user_id, const char *why)
{
    char name[SOTTO_CLIENT_NAME_BYTES];
    int status = contact_show_name(client, user_id, name);
    return status ? status
                  : fail(&client->error, SOTTO_CLIENT_EBLOCKED, "blocked",
                         "the server handed out a key package of %s that %s; try again, and ask "
                         "the operator if it stays",
                         name, tr(why));
}

static int
check_package(struct sotto_client *client, const Sotto__Keyx__V1__ClaimedKeyPackage *claimed)
{
    struct mls_key_package_info info;
    struct verify_cert cert;
    struct contact contact;
    uint64_t now = (uint64_t)wall_seconds();
    if (claimed->user_id.len != ID_BYTES || claimed->device_id.len != ID_BYTES)
        return fail_malformed(&client->error);
    const uint8_t *user_id = claimed->user_id.data;
    /* Suite, size and lifetime MLS would refuse as well, but could not say whose package it is. */
    if (mls_key_package_info(
            mls_provider_default(),
            (struct mls_bytes){claimed->key_package.data, claimed->key_package.len}, &info) ||
        info.suite != GROUP_SUITE || info.leaf_bytes > GROUP_LEAF_BYTES_MAX)
        return refuse_package(client, user_id, "is not valid");
    if (now < info.lifetime.not_before || now > info.lifetime.not_after)
        return refuse_package(client, user_id, "has expired");
    if (!group_certificate(&info.credential, &cert) ||
        verify_cert_check(&cert, info.credential.signature_key.data) ||
        !id_equal(cert.user_id, user_id) || !id_equal(cert.device_id, claimed->device_id.data))
        return refuse_package(client, user_id, "has no valid certificate");
    bool gone = false;
    int status = trust_device_is_gone(client, user_id, cert.device_id, &gone);
    if (status)
        return status;
    if (gone)
        return refuse_package(client, user_id, "is of a device its user removed");
    /* MLS would refuse it as well (trust_check_credential), but could not say whose it is. */
    if (id_equal(user_id, client->account.user_id))
        return memcmp(cert.identity_key, client->account.identity_key, KEY_BYTES)
                   ? refuse_package(client, user_id, "we did not certify")
                   : SOTTO_CLIENT_OK;
    status = contact_load(client, user_id, &contact);
    if (status == SOTTO_CLIENT_OK &&
        (!contact.pinned || memcmp(contact.identity_key, cert.identity_key, KEY_BYTES)))
        status = refuse_package(client, user_id, "another identity key certified");
    return status;
}

static bool
was_asked_for(const uint8_t (*user_ids)[ID_BYTES], size_t count, ProtobufCBinaryData id)
{
    for (size_t i = 0; i < count; i++)
        if (id.len == ID_BYTES && id_equal(user_ids[i], id.data))
            return true;
    return false;
}

/* Compares identities with what is pinned, of those we asked about and nobody else's; durable even when the
 * claim is refused afterwards. */
static int
observe_claim(struct sotto_client *client, const uint8_t (*user_ids)[ID_BYTES], size_t count,
              const Sotto__Keyx__V1__ClaimKeyPackagesReply *reply)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < reply->n_identities; i++)
        if (was_asked_for(user_ids, count, reply->identities[i]->user_id))
            status = trust_observe_identity(client, reply->identities[i]);
    return profile_end(&client->profile, status, &client->error);
}

static int
check_claim(struct sotto_client *client, const uint8_t (*user_ids)[ID_BYTES], size_t count,
            const Sotto__Keyx__V1__ClaimKeyPackagesReply *reply)
{
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        status = trust_gate_user(client, user_ids[i]);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < reply->n_no_keys; i++) {
        char name[SOTTO_CLIENT_NAME_BYTES];
        struct contact contact;
        if (!was_asked_for(user_ids, count, reply->no_keys[i]) ||
            id_equal(reply->no_keys[i].data, client->account.user_id))
            continue;
        status = contact_show_name(client, reply->no_keys[i].data, name);
        if (status == SOTTO_CLIENT_OK)
            status = contact_load(client, reply->no_keys[i].data, &contact);
        if (status == SOTTO_CLIENT_OK && contact.deleted_ms)
            status = fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                          "%s deleted the account", name);
        else if (status == SOTTO_CLIENT_OK)
            status = fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                          "%s has no keys yet; they must start sotto once", name);
    }
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < reply->n_key_packages; i++) {
        status = was_asked_for(user_ids, count, reply->key_packages[i]->user_id)
                     ? check_package(client, reply->key_packages[i])
                     : fail(&client->error, SOTTO_CLIENT_EFAILED, "data_loss",
                            "the server answered with another user's key package");
    }
    return status;
}

/* The request's id: that of the claim for the same users whose answer was lost, or a new one. */
static ProtobufCBinaryData
claim_id(struct sotto_client *client, const uint8_t (*user_ids)[ID_BYTES], size_t count)
{
    struct open_claim *claim = &client->claim;
    uint8_t users[KEY_BYTES];
    crypto_generichash_state hash;
    crypto_generichash_init(&hash, NULL, 0, sizeof(users));
    crypto_generichash_update(&hash, user_ids[0], count * ID_BYTES);
    crypto_generichash_final(&hash, users, sizeof(users));
    if (!claim->open || memcmp(claim->users, users, sizeof(users)) != 0)
        randombytes_buf(claim->request_id, sizeof(claim->request_id));
    memcpy(claim->users, users, sizeof(users));
    return view(claim->request_id, sizeof(claim->request_id));
}

static int
claim_page(struct sotto_client *client, const uint8_t (*user_ids)[ID_BYTES], size_t count,
           Sotto__Keyx__V1__ClaimKeyPackagesReply **reply_out)
{
    Sotto__Keyx__V1__ClaimKeyPackagesRequest request =
        SOTTO__KEYX__V1__CLAIM_KEY_PACKAGES_REQUEST__INIT;
    Sotto__Keyx__V1__ClaimKeyPackagesReply *reply = NULL;
    ProtobufCBinaryData *views = mem_alloc(count, sizeof(*views));
    for (size_t i = 0; i < count; i++)
        views[i] = view(user_ids[i], ID_BYTES);
    request.n_user_ids = count;
    request.user_ids = views;
    request.suite = GROUP_SUITE;
    request.skip_own_device = true;
    request.request_id = claim_id(client, user_ids, count);
    int status = rpc(client, KEYX_METHOD("ClaimKeyPackages"), &request.base,
                     &sotto__keyx__v1__claim_key_packages_reply__descriptor, &reply, NULL);
    free(views);
    client->claim.open = status == SOTTO_CLIENT_ENETWORK;
    if (status == SOTTO_CLIENT_OK)
        status = observe_claim(client, user_ids, count, reply);
    if (status == SOTTO_CLIENT_OK)
        status = check_claim(client, user_ids, count, reply);
    if (status) {
        pb_free(reply);
        return status;
    }
    *reply_out = reply;
    return SOTTO_CLIENT_OK;
}

int
group_claim(struct sotto_client *client, const uint8_t (*user_ids)[ID_BYTES], size_t count,
            Sotto__Keyx__V1__ClaimKeyPackagesReply **reply_out)
{
    Sotto__Keyx__V1__ClaimKeyPackagesReply *all = NULL;
    int status = trust_gate_verified(client, user_ids, count); /* before packages are used up */
    for (size_t done = 0; status == SOTTO_CLIENT_OK && done < count; done += USERS_PER_CLAIM) {
        Sotto__Keyx__V1__ClaimKeyPackagesReply *page = NULL;
        size_t left = count - done;
        status = claim_page(client, user_ids + done,
                            left < USERS_PER_CLAIM ? left : USERS_PER_CLAIM, &page);
        if (status == SOTTO_CLIENT_OK && all)
            pb_move((void ***)&all->key_packages, &all->n_key_packages, (void **)page->key_packages,
                    &page->n_key_packages);
        if (status == SOTTO_CLIENT_OK && !all)
            all = page;
        else
            pb_free(page);
    }
    if (status) {
        pb_free(all);
        return status;
    }
    *reply_out = all;
    return SOTTO_CLIENT_OK;
}

ProtobufCBinaryData *
group_packages(const Sotto__Keyx__V1__ClaimKeyPackagesReply *claim)
{
    ProtobufCBinaryData *packages = mem_alloc(claim->n_key_packages, sizeof(*packages));
    for (size_t i = 0; i < claim->n_key_packages; i++)
        packages[i] = claim->key_packages[i]->key_package;
    return packages;
}
