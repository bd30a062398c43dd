/* SPDX-License-Identifier: MIT */
/* See mls_peer.h. */
#include "sotto_test.h"

#include "mls_peer.h"

static int
check_credential(void *arg, const struct mls_credential_view *credential)
{
    struct verify_cert cert;

    (void)arg;
    if (verify_cert_parse(credential->identity.data, credential->identity.len, &cert) !=
            VERIFY_OK ||
        verify_cert_check(&cert, credential->signature_key.data) != VERIFY_OK)
        return MLS_ECREDENTIAL;
    return MLS_OK;
}

static uint64_t
now(void *arg)
{
    return ((struct mls_peer *)arg)->now;
}

void
mls_peer_init_ids(struct mls_peer *peer, const uint8_t user[16], const uint8_t device[16],
                  uint16_t suite, uint64_t now_s)
{
    memset(peer, 0, sizeof(*peer));
    memcpy(peer->user, user, 16);
    memcpy(peer->device, device, 16);
    memcpy(peer->identity_seed, user, 16);
    memcpy(peer->device_seed, user, 16);
    memcpy(peer->device_seed + 16, device, 16);
    verify_public_key(peer->identity_seed, peer->identity_key);
    verify_public_key(peer->device_seed, peer->device_key);
    verify_cert_make(peer->identity_seed, peer->user, peer->device, peer->device_key, 1000,
                     peer->cert);
    peer->suite = suite;
    peer->now = now_s;
    peer->config = (struct mls_config){
        .provider = mls_provider_default(),
        .check_credential = check_credential,
        .now = now,
        .arg = peer,
    };
    assert_non_null(peer->config.provider);
}

void
mls_peer_init(struct mls_peer *peer, char user, char device, uint16_t suite, uint64_t now_s)
{
    uint8_t user_id[16], device_id[16];

    memset(user_id, user, 16);
    memset(device_id, device, 16);
    mls_peer_init_ids(peer, user_id, device_id, suite, now_s);
}

void
mls_peer_fini(struct mls_peer *peer)
{
    for (size_t i = 0; i < peer->package_count; i++) {
        mls_buf_fini(&peer->packages[i].message);
        mls_buf_fini(&peer->packages[i].secret);
    }
    peer->package_count = 0;
    mls_group_destroy(&peer->group);
}

struct mls_client
mls_peer_client(const struct mls_peer *peer, uint64_t lifetime_s)
{
    return (struct mls_client){
        .signature_seed = peer->device_seed,
        .identity = {peer->cert, sizeof(peer->cert)},
        .lifetime = {peer->now - 60, peer->now + lifetime_s},
    };
}

struct mls_bytes
mls_peer_package(struct mls_peer *peer, uint64_t lifetime_s)
{
    struct peer_package *package = &peer->packages[peer->package_count];
    const struct mls_client self = mls_peer_client(peer, lifetime_s);

    assert_true(peer->package_count < PEER_PACKAGES_MAX);
    assert_ok(mls_key_package_create(&peer->config, &self, peer->suite, &package->message,
                                     &package->secret));
    peer->package_count++;
    return mls_buf_bytes(&package->message);
}

void
mls_peer_create(struct mls_peer *peer, const uint8_t chat_id[16])
{
    const struct mls_extension senders = {MLS_EXTENSION_EXTERNAL_SENDERS, peer->senders};
    const struct mls_group_params params = {
        .suite = peer->suite,
        .group_id = {chat_id, 16},
        .extensions = &senders,
        .extension_count = peer->senders.len > 0,
    };
    const struct mls_client self = mls_peer_client(peer, 86400);

    mls_group_destroy(&peer->group);
    assert_ok(mls_group_create(&peer->config, &self, &params, &peer->group));
}

void
mls_peer_commit(struct mls_peer *peer, const struct mls_bytes *adds, size_t add_count,
                const uint32_t *removes, size_t remove_count, struct peer_bundle *bundle_out)
{
    struct mls_proposal *proposals = calloc(add_count + remove_count + 1, sizeof(*proposals));
    struct mls_commit_options options = {.proposals = proposals};

    assert_non_null(proposals);
    for (size_t i = 0; i < add_count; i++)
        proposals[options.proposal_count++] =
            (struct mls_proposal){.type = MLS_PROPOSAL_ADD, .key_package = adds[i]};
    for (size_t i = 0; i < remove_count; i++)
        proposals[options.proposal_count++] =
            (struct mls_proposal){.type = MLS_PROPOSAL_REMOVE, .leaf = removes[i]};
    *bundle_out = (struct peer_bundle){0};
    if (mls_group_epoch(peer->group) == 0)
        assert_ok(mls_group_export_info(peer->group, true, &bundle_out->start));
    assert_ok(mls_group_commit(peer->group, &options, &bundle_out->commit, &bundle_out->welcome,
                               &bundle_out->group_info));
    free(proposals);
}

int
mls_peer_propose_remove(struct mls_peer *peer, uint32_t leaf, struct mls_buf *message_out)
{
    const struct mls_proposal proposal = {.type = MLS_PROPOSAL_REMOVE, .leaf = leaf};

    return mls_group_propose(peer->group, &proposal, (struct mls_bytes){0}, message_out);
}

void
peer_bundle_fini(struct peer_bundle *bundle)
{
    mls_buf_fini(&bundle->commit);
    mls_buf_fini(&bundle->welcome);
    mls_buf_fini(&bundle->group_info);
    mls_buf_fini(&bundle->start);
}

void
mls_peer_merge(struct mls_peer *peer)
{
    assert_ok(mls_group_merge_pending(peer->group));
}

void
mls_peer_drop(struct mls_peer *peer)
{
    mls_group_clear_pending(peer->group);
}

void
mls_peer_join(struct mls_peer *peer, struct mls_bytes welcome)
{
    const struct mls_client self = mls_peer_client(peer, 86400);
    int rc = MLS_EARG;

    mls_group_destroy(&peer->group);
    for (size_t i = 0; i < peer->package_count && rc != MLS_OK; i++) {
        const struct mls_join_params params = {
            .welcome = welcome,
            .key_package_private = mls_buf_bytes(&peer->packages[i].secret),
        };

        rc = mls_group_join(&peer->config, &self, &params, &peer->group);
    }
    assert_ok(rc);
}

void
mls_peer_encrypt(struct mls_peer *peer, const char *text, struct mls_buf *message_out)
{
    const struct mls_bytes plain = {(const uint8_t *)text, strlen(text)};

    assert_ok(mls_group_encrypt(peer->group, plain, (struct mls_bytes){0}, 0, message_out));
}

int
mls_peer_process(struct mls_peer *peer, struct mls_bytes message, char text_out[64])
{
    struct mls_received received = {0};
    const int rc = mls_group_process(peer->group, message, &received);

    text_out[0] = '\0';
    if (rc != MLS_OK)
        return rc;
    if (received.kind == MLS_RECEIVED_COMMIT)
        assert_ok(mls_group_merge_staged(peer->group));
    if (received.kind == MLS_RECEIVED_APPLICATION) {
        assert_true(received.plaintext.len < 64);
        memcpy(text_out, received.plaintext.data, received.plaintext.len);
        text_out[received.plaintext.len] = '\0';
    }
    mls_received_fini(&received);
    return MLS_OK;
}
