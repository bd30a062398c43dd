/* SPDX-License-Identifier: MIT */
/* See fuzz_mls.h. */
#include "sotto_test.h"

#include "fuzz_mls.h"

#define NOW_S 1700000000u
#define LIFETIME_S 86400u
#define CAROL_LEAF 2

static void
note(struct fuzz_mls_computed *last, const uint8_t value[MLS_HASH_BYTES])
{
    memcpy(last->value, value, MLS_HASH_BYTES);
    last->valid = true;
}

static bool
is(const struct fuzz_mls_computed *last, const uint8_t *value)
{
    return last->valid && memcmp(value, last->value, MLS_HASH_BYTES) == 0;
}

/* A tag or the hash of a tree is checked right after it was computed, so what is compared with the last one is one.
 * What was computed comes first in such a comparison: a secret in the input, derived just before, is no tag. */
static int
note_tag(void *ctx, struct mls_bytes key, const struct mls_bytes *parts, size_t count,
         uint8_t out[MLS_HASH_BYTES])
{
    struct fuzz_mls *world = ctx;
    const int rc = mls_provider_default()->hmac_sha256(NULL, key, parts, count, out);

    note(&world->last_tag, out);
    return rc;
}

static int
note_hash(void *ctx, const struct mls_bytes *parts, size_t count, uint8_t out[MLS_HASH_BYTES])
{
    struct fuzz_mls *world = ctx;
    const int rc = mls_provider_default()->sha256(NULL, parts, count, out);

    note(&world->last_hash, out);
    return rc;
}

static bool
is_last(const struct fuzz_mls *world, const uint8_t *value)
{
    return is(&world->last_tag, value) || (world->believes_hashes && is(&world->last_hash, value));
}

static int
believe_tag(void *ctx, const uint8_t *a, const uint8_t *b, size_t len)
{
    const struct fuzz_mls *world = ctx;

    if (len == MLS_HASH_BYTES && is_last(world, a))
        return 0;
    return mls_provider_default()->compare(NULL, a, b, len);
}

static int
believe_signature(void *ctx, const uint8_t public_key[MLS_ED25519_PUBLIC_BYTES],
                  struct mls_bytes message, const uint8_t signature[MLS_ED25519_SIGNATURE_BYTES])
{
    (void)ctx, (void)public_key, (void)message, (void)signature;
    return 0;
}

static int
seal_nothing(void *ctx, enum mls_aead_id aead, const uint8_t *key,
             const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
             struct mls_bytes plain, uint8_t *cipher_out)
{
    (void)ctx, (void)aead, (void)key, (void)nonce, (void)aad;
    if (plain.len > 0)
        memmove(cipher_out, plain.data, plain.len);
    memset(cipher_out + plain.len, 0, MLS_AEAD_TAG_BYTES);
    return 0;
}

static int
open_anything(void *ctx, enum mls_aead_id aead, const uint8_t *key,
              const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
              struct mls_bytes cipher, uint8_t *plain_out)
{
    (void)ctx, (void)aead, (void)key, (void)nonce, (void)aad;
    if (cipher.len < MLS_AEAD_TAG_BYTES)
        return -1;
    if (cipher.len > MLS_AEAD_TAG_BYTES)
        memmove(plain_out, cipher.data, cipher.len - MLS_AEAD_TAG_BYTES);
    return 0;
}

static int
believe_credential(void *arg, const struct mls_credential_view *credential)
{
    struct verify_cert cert;

    (void)arg;
    return verify_cert_parse(credential->identity.data, credential->identity.len, &cert);
}

static void
join_world(struct fuzz_mls *world, struct mls_peer *peer, char name)
{
    mls_peer_init(peer, name, '1', 3, NOW_S);
    peer->config.provider = &world->provider;
    peer->config.check_credential = believe_credential;
}

static void
propose(struct mls_peer *by, const struct mls_proposal *proposal, struct mls_buf *message_out)
{
    assert_ok(mls_group_propose(by->group, proposal, (struct mls_bytes){0}, message_out));
}

/* Dave's commit, made from the GroupInfo alone. */
static void
join_external(struct fuzz_mls *world)
{
    const struct mls_external_join_params params = {.group_info = mls_buf_bytes(&world->info)};
    const struct mls_client self = mls_peer_client(&world->dave, 86400);

    assert_ok(mls_group_join_external(&world->dave.config, &self, &params, &world->dave.group,
                                      &world->external, NULL));
}

/* One of each kind of proposal. */
static void
propose_all(struct fuzz_mls *world, struct mls_bytes dave_package)
{
    static const struct mls_extension id = {MLS_EXTENSION_APPLICATION_ID,
                                            {(const uint8_t *)"id", 2}};
    const struct mls_proposal remove = {.type = MLS_PROPOSAL_REMOVE, .leaf = CAROL_LEAF};
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD, .key_package = dave_package};
    const struct mls_proposal context = {
        .type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS, .extensions = &id, .extension_count = 1};
    const struct mls_proposal reinit = {
        .type = MLS_PROPOSAL_REINIT, .suite = 3, .group_id = {(const uint8_t *)"next", 4}};

    propose(&world->carol, &remove, &world->own_removal);
    propose(&world->carol, &update, &world->update);
    propose(&world->alice, &add, &world->proposal);
    propose(&world->alice, &context, &world->context);
    propose(&world->alice, &reinit, &world->reinit);
}

/* Alice makes the group, adds bob and carol; then the messages, all of one epoch. */
static void
talk(struct fuzz_mls *world)
{
    static const uint8_t chat_id[16] = "a chat to fuzz";
    const struct mls_bytes dave_package = mls_peer_package(&world->dave, LIFETIME_S);
    const struct mls_bytes adds[] = {world->bob_package, world->carol_package};
    const uint32_t carol_leaf = CAROL_LEAF;

    mls_peer_create(&world->alice, chat_id);
    mls_peer_commit(&world->alice, adds, 2, NULL, 0, &world->add_bob);
    mls_peer_merge(&world->alice);
    mls_peer_join(&world->bob, mls_buf_bytes(&world->add_bob.welcome));
    mls_peer_join(&world->carol, mls_buf_bytes(&world->add_bob.welcome));

    mls_peer_encrypt(&world->alice, "hello", &world->application);
    mls_peer_commit(&world->alice, &dave_package, 1, &carol_leaf, 1, &world->commit);
    mls_peer_drop(&world->alice);
    assert_ok(mls_group_export_info(world->alice.group, true, &world->info));
    join_external(world);
    propose_all(world, dave_package);
}

struct fuzz_mls *
fuzz_mls_create(void)
{
    struct fuzz_mls *world = calloc(1, sizeof(*world));

    fuzz_random_start();
    assert_non_null(world);
    world->provider = *mls_provider_default();
    world->provider.ctx = world;
    world->provider.hmac_sha256 = note_tag;
    world->provider.sha256 = note_hash;
    world->provider.compare = believe_tag;
    world->provider.ed25519_verify = believe_signature;
    world->provider.aead_seal = seal_nothing;
    world->provider.aead_open = open_anything;
    join_world(world, &world->alice, 'a');
    join_world(world, &world->bob, 'b');
    join_world(world, &world->carol, 'c');
    join_world(world, &world->dave, 'd');
    world->bob_package = mls_peer_package(&world->bob, LIFETIME_S);
    world->carol_package = mls_peer_package(&world->carol, LIFETIME_S);
    talk(world);
    return world;
}

void *
fuzz_mls_setup(void)
{
    return fuzz_mls_create();
}

void *
fuzz_mls_setup_trusting(void)
{
    struct fuzz_mls *world = fuzz_mls_create();

    world->believes_hashes = true;
    return world;
}

void
fuzz_mls_forget(struct fuzz_mls *world)
{
    world->last_tag.valid = false;
    world->last_hash.valid = false;
}
