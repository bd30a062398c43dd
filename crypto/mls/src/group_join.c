/* SPDX-License-Identifier: MIT */
/*
 * Joining from a Welcome (RFC 9420 section 12.4.3.1), in the order of the standard: find our entry,
 * open the group secrets, open the GroupInfo, believe the tree, find ourselves in it, derive the
 * epoch and compare the confirmation tag.
 */
#include "group.h"

#include <assert.h>

/* What is known of a Welcome on its way to a group. Slices point into the caller's bytes and into
 * the two buffers. */
struct join {
    const struct mls_config *config;
    const struct mls_client *client;
    const struct mls_join_params *params;
    struct mls_crypto c;
    struct mls_key_package_secrets bundle;
    struct mls_key_package package;
    struct mls_welcome welcome;
    struct mls_buf secrets_plain;
    struct mls_group_secrets secrets;
    struct mls_psk_set psks;
    struct mls_link link;
    uint8_t psk_secret[MLS_HASH_BYTES];
    struct mls_buf info_plain;
    struct mls_group_info info;
    struct mls_group *group;
};

/* ---- The Welcome -------------------------------------------------------------------------- */

static int
read_inputs(struct join *j)
{
    struct mls_reader r;
    int error = mls_key_package_secrets_read(j->params->key_package_private, &j->bundle);

    if (error == 0)
        error = mls_welcome_message_read(j->params->welcome, &j->welcome);
    if (error != 0)
        return error;
    mls_reader_init(&r, j->bundle.package);
    mls_key_package_read(&r, &j->package);
    error = mls_reader_finish(&r);
    if (error == 0 && j->package.suite != j->welcome.suite)
        error = MLS_ESUITE;
    if (error == 0)
        error = mls_crypto_init(&j->c, j->config->provider, j->welcome.suite);
    return error;
}

static int
find_entry(const struct join *j, struct mls_hpke_ciphertext *out)
{
    uint8_t ref[MLS_REF_BYTES];
    struct mls_encrypted_secrets entry;
    struct mls_reader r;
    int error = mls_key_package_ref(&j->c, &j->package, ref);

    if (error != 0)
        return error;
    mls_reader_init(&r, j->welcome.secrets);
    while (mls_reader_more(&r)) {
        mls_encrypted_secrets_read(&r, &entry);
        if (mls_mem_equal(j->c.p, entry.new_member, mls_bytes(ref, sizeof(ref)))) {
            *out = entry.secrets;
            return 0;
        }
    }
    return MLS_ENOTFOUND;
}

static int
open_secrets(struct join *j)
{
    struct mls_hpke_ciphertext sealed;
    struct mls_reader r;
    int error = find_entry(j, &sealed);

    if (error != 0)
        return error;
    if (sealed.ciphertext.len <= MLS_AEAD_TAG_BYTES)
        return MLS_EAEAD;
    j->secrets_plain.provider = j->c.p;
    j->secrets_plain.len = sealed.ciphertext.len - MLS_AEAD_TAG_BYTES;
    j->secrets_plain.data = mls_mem_alloc(j->c.p, j->secrets_plain.len, 1);
    if (j->secrets_plain.data == NULL)
        return MLS_ENOMEM;
    error = mls_decrypt_with_label(&j->c, j->bundle.init_secret, MLS_LABEL_WELCOME,
                                   j->welcome.encrypted_group_info, sealed.kem_output,
                                   sealed.ciphertext, j->secrets_plain.data);
    if (error != 0)
        return error;
    mls_reader_init(&r, mls_buf_bytes(&j->secrets_plain));
    mls_group_secrets_read(&r, &j->secrets);
    error = mls_reader_finish(&r);
    if (error == 0 &&
        (j->secrets.joiner_secret.len != MLS_HASH_BYTES ||
         (j->secrets.has_path_secret && j->secrets.path_secret.len != MLS_HASH_BYTES)))
        error = MLS_EDECODE;
    return error;
}

static int
find_psks(struct join *j)
{
    struct mls_reader r;
    struct mls_psk_id id;
    int error = 0;

    mls_reader_init(&r, j->secrets.psks);
    while (error == 0 && mls_reader_more(&r)) {
        mls_psk_id_read(&r, &id);
        if (id.nonce.len != MLS_HASH_BYTES)
            return MLS_EPSK;
        error = mls_link_note(&j->link, j->config, &id);
        if (error == 0)
            error = mls_psk_set_add(&j->psks, j->config, NULL, &id);
    }
    if (error == 0)
        error = mls_psk_secret(&j->c, j->psks.psks, j->psks.count, j->psk_secret);
    return error;
}

static int
open_info(struct join *j)
{
    uint8_t welcome_secret[MLS_HASH_BYTES];
    struct mls_reader r;
    int error =
        mls_schedule_welcome(&j->c, j->secrets.joiner_secret.data, j->psk_secret, welcome_secret);

    if (error == 0)
        error = mls_welcome_open_info(&j->c, &j->welcome, welcome_secret, &j->info_plain);
    mls_mem_wipe(j->c.p, welcome_secret, sizeof(welcome_secret));
    if (error != 0)
        return error;
    mls_reader_init(&r, mls_buf_bytes(&j->info_plain));
    mls_group_info_read(&r, &j->info);
    error = mls_reader_finish(&r);
    return error != 0 ? error : mls_trust_info(&j->c, &j->info);
}

/* ---- Ourselves ---------------------------------------------------------------------------- */

/* Our leaf is the one of the key package, byte for byte. */
static int
find_self(const struct join *j, struct mls_epoch *epoch)
{
    for (uint32_t i = 0; i < epoch->tree.n_leaves; i++) {
        const struct mls_leaf *leaf = mls_tree_leaf(&epoch->tree, i);

        if (leaf != NULL && mls_mem_equal(j->c.p, leaf->encoded, j->package.leaf.encoded)) {
            epoch->own_leaf = i;
            return 0;
        }
    }
    return MLS_ENOTFOUND;
}

/* The signature seed and the leaf key must be the ones the leaf shows. */
static int
check_own_keys(const struct join *j)
{
    uint8_t key[MLS_KEM_PUBLIC_BYTES];
    int error = mls_signature_public(&j->c, j->client->signature_seed, key);

    if (error == 0 &&
        !mls_mem_equal(j->c.p, mls_bytes(key, sizeof(key)), j->package.leaf.signature_key))
        error = MLS_EARG;
    if (error == 0)
        error = mls_kem_public(&j->c, j->bundle.leaf_secret, key);
    if (error == 0 &&
        !mls_mem_equal(j->c.p, mls_bytes(key, sizeof(key)), j->package.leaf.encryption_key))
        error = MLS_EARG;
    return error;
}

/* Each key above us is ours, or its node says that it is not. Otherwise others would seal to nodes
 * that we cannot open, and the first commit would lose us. */
static bool
holds_its_keys(const struct mls_epoch *epoch)
{
    uint32_t nodes[MLS_PATH_MAX];
    size_t count = mls_direct_path(mls_leaf_to_node(epoch->own_leaf), epoch->tree.n_leaves, nodes);

    for (size_t i = 0; i < count; i++) {
        const struct mls_parent_node *parent = mls_tree_parent(&epoch->tree, nodes[i]);

        if (parent != NULL && mls_node_keys_find(&epoch->keys, nodes[i]) == NULL &&
            !mls_index_has(parent->unmerged, parent->unmerged_count, epoch->own_leaf))
            return false;
    }
    return true;
}

/* Takes the path secret, which the committer shares with us, up to the root. */
static int
implant_path(const struct join *j, struct mls_epoch *epoch)
{
    uint8_t commit_secret[MLS_HASH_BYTES];

    if (j->info.signer == epoch->own_leaf)
        return MLS_ETREE;
    uint32_t start =
        mls_common_ancestor(mls_leaf_to_node(epoch->own_leaf), mls_leaf_to_node(j->info.signer));
    if (mls_tree_is_blank(&epoch->tree, start))
        return MLS_EPATH;
    int error = mls_treekem_implant(&epoch->tree, start, j->secrets.path_secret.data, &epoch->keys,
                                    commit_secret);
    mls_mem_wipe(j->c.p, commit_secret, sizeof(commit_secret));
    return error;
}

static int
set_keys(const struct join *j, struct mls_epoch *epoch)
{
    int error = 0;

    mls_node_keys_set(&epoch->keys, mls_leaf_to_node(epoch->own_leaf), j->bundle.leaf_secret);
    if (j->secrets.has_path_secret)
        error = implant_path(j, epoch);
    if (error == 0 && !holds_its_keys(epoch))
        error = MLS_EPATH;
    return error;
}

/* ---- The epoch --------------------------------------------------------------------------- */

static int
start_epoch(struct join *j, struct mls_epoch *epoch)
{
    int error = mls_epoch_start(epoch, j->info.context.group_id, j->secrets.joiner_secret.data,
                                j->psk_secret);

    if (error == 0)
        error = mls_epoch_confirm(epoch);
    if (error == 0 && !mls_mem_equal(j->c.p, mls_bytes(epoch->confirmation_tag, MLS_HASH_BYTES),
                                     j->info.confirmation_tag))
        error = MLS_EMAC;
    return error;
}

static int
build_group(struct join *j)
{
    int error = mls_group_new(j->config, j->welcome.suite, j->info.context.group_id,
                              j->client->signature_seed, &j->group);

    if (error != 0)
        return error;
    struct mls_epoch *epoch = mls_epoch_new(j->c.p);
    if (epoch == NULL)
        return MLS_ENOMEM;
    j->group->epoch = epoch;
    error = mls_trust_tree(j->config, &j->c, &j->info, j->params->ratchet_tree, epoch);
    if (error == 0)
        error = find_self(j, epoch);
    if (error == 0)
        error = set_keys(j, epoch);
    if (error == 0)
        error = start_epoch(j, epoch);
    return error;
}

int
mls_group_join(const struct mls_config *config, const struct mls_client *client,
               const struct mls_join_params *params, struct mls_group **group_out)
{
    assert(config != NULL && params != NULL && group_out != NULL);
    assert(client != NULL && client->signature_seed != NULL);

    struct join j = {.config = config, .client = client, .params = params};
    const struct mls_provider *p = config->provider;
    int error = read_inputs(&j);

    mls_psk_set_init(&j.psks, p);
    if (error == 0)
        error = check_own_keys(&j);
    if (error == 0)
        error = open_secrets(&j);
    if (error == 0)
        error = find_psks(&j);
    if (error == 0)
        error = open_info(&j);
    if (error == 0)
        error = build_group(&j);
    if (error == 0)
        error = mls_link_check(&j.link, j.group);
    if (error == 0) {
        mls_group_remember_resumption(j.group);
        if (params->inviter_out != NULL)
            *params->inviter_out = j.info.signer;
        *group_out = j.group;
    } else {
        mls_group_destroy(&j.group);
    }
    mls_buf_fini(&j.info_plain);
    mls_buf_fini(&j.secrets_plain);
    mls_psk_set_fini(&j.psks);
    mls_mem_wipe(p, &j.bundle, sizeof(j.bundle));
    mls_mem_wipe(p, j.psk_secret, sizeof(j.psk_secret));
    return error;
}
