/* SPDX-License-Identifier: MIT */
/*
 * A whole client through the public functions, in groups that others drove: the official
 * passive-client vectors. The client joins, and follows commits of every kind; in each epoch it
 * must arrive at the same epoch authenticator, and somebody who follows without secrets at the same
 * tree and transcript. Along the way the state is saved and loaded.
 */
#include "sotto_test.h"

#include <string.h>

#include "leaf.h"
#include "mls/public_group.h"
#include "vectors.h"

/* What the callbacks know. */
struct client {
    const json_t *json;
    uint64_t now;
    size_t credentials;
};

static int
check_credential(void *arg, const struct mls_credential_view *credential)
{
    struct client *client = arg;

    client->credentials++;
    return credential->identity.len > 0 ? 0 : MLS_ECREDENTIAL;
}

static uint64_t
now(void *arg)
{
    return ((struct client *)arg)->now;
}

static int
find_psk(void *arg, struct mls_bytes psk_id, struct mls_buf *psk_out)
{
    const struct client *client = arg;
    const json_t *entry;
    size_t i;
    int error = MLS_EPSK;

    json_array_foreach(vec_need(client->json, "external_psks"), i, entry)
    {
        struct vec_bytes id = vec_need_hex(entry, "psk_id");
        struct vec_bytes psk = vec_need_hex(entry, "psk");

        if (id.len == psk_id.len && memcmp(id.data, psk_id.data, id.len) == 0)
            error = mls_buf_set(psk_out, mls_provider_default(), mls_bytes(psk.data, psk.len));
        vec_free(&psk);
        vec_free(&id);
    }
    return error;
}

static struct mls_config
config_of(struct client *client)
{
    return (struct mls_config){
        .provider = mls_provider_default(),
        .check_credential = check_credential,
        .now = now,
        .find_psk = find_psk,
        .arg = client,
    };
}

/* The private bundle of a key package that was made elsewhere. */
static void
make_bundle(const json_t *test_case, struct vec_bytes *package_bytes, struct mls_writer *bundle)
{
    struct mls_key_package_secrets secrets;
    uint8_t public_key[MLS_KEM_PUBLIC_BYTES];
    struct mls_crypto c;

    *package_bytes = vec_need_hex(test_case, "key_package");
    vec_need_hex_array(test_case, "init_priv", secrets.init_secret, sizeof(secrets.init_secret));
    vec_need_hex_array(test_case, "encryption_priv", secrets.leaf_secret,
                       sizeof(secrets.leaf_secret));
    /* 4 bytes of MLSMessage stand before the KeyPackage. */
    secrets.package = mls_bytes(package_bytes->data + 4, package_bytes->len - 4);

    struct mls_key_package_info info;
    assert_int_equal(mls_key_package_info(mls_provider_default(),
                                          mls_bytes(package_bytes->data, package_bytes->len),
                                          &info),
                     0);
    assert_int_equal(mls_crypto_init(&c, mls_provider_default(), info.suite), 0);
    assert_int_equal(mls_kem_public(&c, secrets.init_secret, public_key), 0);
    vec_assert_equal("init key", public_key, sizeof(public_key), info.init_key.data,
                     info.init_key.len);
    mls_writer_init(bundle, mls_provider_default(), 0);
    mls_key_package_secrets_write(bundle, &secrets);
    assert_int_equal(mls_writer_error(bundle), 0);
}

static void
check_authenticator(const struct mls_group *group, const json_t *where, const char *key)
{
    uint8_t want[MLS_HASH_BYTES], got[MLS_HASH_BYTES];

    vec_need_hex_array(where, key, want, sizeof(want));
    mls_group_epoch_authenticator(group, got);
    vec_assert_equal(key, got, sizeof(got), want, sizeof(want));
}

static struct mls_group *
join(const json_t *test_case, struct client *client)
{
    struct mls_config config = config_of(client);
    struct vec_bytes package, welcome = vec_need_hex(test_case, "welcome");
    struct vec_bytes tree = {0};
    struct mls_writer bundle;
    struct mls_group *group = NULL;
    uint8_t seed[MLS_ED25519_SEED_BYTES];

    make_bundle(test_case, &package, &bundle);
    vec_need_hex_array(test_case, "signature_priv", seed, sizeof(seed));
    if (!json_is_null(vec_need(test_case, "ratchet_tree")))
        tree = vec_need_hex(test_case, "ratchet_tree");
    const struct mls_join_params params = {
        .welcome = mls_bytes(welcome.data, welcome.len),
        .key_package_private = mls_writer_bytes(&bundle),
        .ratchet_tree = mls_bytes(tree.data, tree.len),
    };
    const struct mls_client self = {.signature_seed = seed};
    int error = mls_group_join(&config, &self, &params, &group);
    if (error != 0)
        fail_msg("join: %s", mls_error_name(error));
    assert_int_equal(client->credentials, mls_group_member_count(group));
    check_authenticator(group, test_case, "initial_epoch_authenticator");
    mls_writer_fini(&bundle);
    vec_free(&tree);
    vec_free(&welcome);
    vec_free(&package);
    return group;
}

/* Saves, destroys, loads: the state must survive and be the same bytes again. */
static void
reload(struct mls_group **group, struct client *client)
{
    struct mls_config config = config_of(client);
    struct mls_buf before = {0}, after = {0};

    assert_int_equal(mls_group_save(*group, &before), 0);
    mls_group_destroy(group);
    int error = mls_group_load(&config, mls_buf_bytes(&before), group);
    if (error != 0)
        fail_msg("load: %s", mls_error_name(error));
    assert_int_equal(mls_group_save(*group, &after), 0);
    vec_assert_equal("state", after.data, after.len, before.data, before.len);
    mls_buf_fini(&after);
    mls_buf_fini(&before);
}

/* ---- Somebody outside, who starts from what the client can show ------------------------------ */

static struct mls_public_group *
open_follower(const struct mls_group *group, struct client *client)
{
    struct mls_config config = config_of(client);
    struct mls_public_group *follower = NULL;
    struct mls_buf info = {0};

    assert_int_equal(mls_group_export_info(group, true, &info), 0);
    int error =
        mls_public_group_open(&config, mls_buf_bytes(&info), (struct mls_bytes){0}, &follower);
    if (error != 0)
        fail_msg("open: %s", mls_error_name(error));
    mls_buf_fini(&info);
    return follower;
}

/* The follower shows the client's epoch, tree and transcript. */
static void
check_follower(const struct mls_public_group *follower, const struct mls_group *group)
{
    uint8_t want[MLS_HASH_BYTES], got[MLS_HASH_BYTES];
    struct mls_buf info = {0};

    assert_int_equal(mls_public_group_epoch(follower), mls_group_epoch(group));
    mls_group_tree_hash(group, want);
    mls_public_group_tree_hash(follower, got);
    vec_assert_equal("tree hash", got, sizeof(got), want, sizeof(want));
    assert_int_equal(mls_group_export_info(group, false, &info), 0);
    assert_int_equal(mls_public_group_check_info(follower, mls_buf_bytes(&info), NULL), 0);
    mls_buf_fini(&info);
}

static void
follower_propose(struct mls_public_group *follower, const json_t *hex)
{
    struct vec_bytes message = vec_hex(json_string_value(hex));
    struct mls_received received;
    int error =
        mls_public_group_take_proposal(follower, mls_bytes(message.data, message.len), &received);

    if (error != 0)
        fail_msg("proposal from outside: %s", mls_error_name(error));
    mls_received_fini(&received);
    vec_free(&message);
}

static void
follower_commit(struct mls_public_group **follower, const json_t *hex)
{
    struct vec_bytes message = vec_hex(json_string_value(hex));
    struct mls_public_group *next = NULL;
    struct mls_received received;
    int error = mls_public_group_take_commit(*follower, mls_bytes(message.data, message.len),
                                             &received, &next);

    if (error != 0)
        fail_msg("commit from outside: %s", mls_error_name(error));
    mls_received_fini(&received);
    mls_public_group_destroy(follower);
    *follower = next;
    vec_free(&message);
}

/* ---- The client ------------------------------------------------------------------------------ */

static void
process(struct mls_group *group, const json_t *hex, enum mls_received_kind want, size_t epoch)
{
    struct vec_bytes message = vec_hex(json_string_value(hex));
    struct mls_received received;
    int error = mls_group_process(group, mls_bytes(message.data, message.len), &received);

    if (error != 0)
        fail_msg("epoch %zu: %s", epoch, mls_error_name(error));
    assert_int_equal(received.kind, want);
    mls_received_fini(&received);
    vec_free(&message);
}

static size_t
follow(struct mls_group **group, const json_t *test_case, struct client *client)
{
    struct mls_public_group *follower = open_follower(*group, client);
    const json_t *epoch, *proposal;
    size_t i, k;

    json_array_foreach(vec_need(test_case, "epochs"), i, epoch)
    {
        json_array_foreach(vec_need(epoch, "proposals"), k, proposal)
        {
            process(*group, proposal, MLS_RECEIVED_PROPOSAL, i);
            follower_propose(follower, proposal);
        }
        if (i % 8 == 1)
            reload(group, client);
        process(*group, vec_need(epoch, "commit"), MLS_RECEIVED_COMMIT, i);
        assert_int_equal(mls_group_merge_staged(*group), 0);
        check_authenticator(*group, epoch, "epoch_authenticator");
        follower_commit(&follower, vec_need(epoch, "commit"));
        check_follower(follower, *group);
    }
    mls_public_group_destroy(&follower);
    return json_array_size(vec_need(test_case, "epochs"));
}

static void
run_file(const char *file, uint16_t suite, size_t least_cases, size_t least_epochs)
{
    json_t *root = vectors_load(file);
    json_t *test_case;
    size_t i, count = 0, epochs = 0;

    json_array_foreach(root, i, test_case)
    {
        /* Within the lifetimes of every key package in the files (made in 2023). */
        struct client client = {.json = test_case, .now = 1680000000};

        if (vec_need_uint(test_case, "cipher_suite") != suite)
            continue;
        struct mls_group *group = join(test_case, &client);
        epochs += follow(&group, test_case, &client);
        mls_group_destroy(&group);
        count++;
    }
    vectors_report(file, suite, count, least_cases);
    assert_true(epochs >= least_epochs);
    json_decref(root);
}

static void
suite_1_joins_every_welcome(void **state)
{
    (void)state;
    run_file("mls/passive-client-welcome.json", 1, 8, 0);
}

static void
suite_3_joins_every_welcome(void **state)
{
    (void)state;
    run_file("mls/passive-client-welcome.json", 3, 8, 0);
}

static void
suite_1_follows_every_kind_of_commit(void **state)
{
    (void)state;
    run_file("mls/passive-client-handling-commit.json", 1, 13, 26);
}

static void
suite_3_follows_every_kind_of_commit(void **state)
{
    (void)state;
    run_file("mls/passive-client-handling-commit.json", 3, 13, 26);
}

static void
suite_1_follows_two_hundred_random_epochs(void **state)
{
    (void)state;
    run_file("mls/passive-client-random.json", 1, 1, 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suite_1_joins_every_welcome),
        cmocka_unit_test(suite_3_joins_every_welcome),
        cmocka_unit_test(suite_1_follows_every_kind_of_commit),
        cmocka_unit_test(suite_3_follows_every_kind_of_commit),
        cmocka_unit_test(suite_1_follows_two_hundred_random_epochs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
