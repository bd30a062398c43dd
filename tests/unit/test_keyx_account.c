/* SPDX-License-Identifier: MIT */
/* Deleted accounts in modules/keyx, on the test host: which deletion is good, what goes and what others still see. */
#include "sotto_test.h"

#include "auth.pb-c.h"
#include "keyx.pb-c.h"
#include "keyx_peer.h"

static ProtobufCBinaryData
bytes(const void *data, size_t size)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)data, .len = size};
}

static const struct harness_answer *
upload(struct rig *rig, struct mls_peer *peer, uint64_t session)
{
    const struct mls_bytes made = mls_peer_package(peer, 30 * 86400);
    Sotto__Keyx__V1__UploadKeyPackagesRequest request =
        SOTTO__KEYX__V1__UPLOAD_KEY_PACKAGES_REQUEST__INIT;
    ProtobufCBinaryData package = bytes(made.data, made.len);

    request.n_key_packages = 1;
    request.key_packages = &package;
    return harness_rpc(rig->h, session, "UploadKeyPackages", &request.base);
}

/* The fact as auth tells it; seed NULL: unsigned. */
static struct sotto_view
pack(const struct mls_peer *peer, const uint8_t *seed, uint8_t out[256])
{
    Sotto__Auth__V1__AccountDeleted fact = SOTTO__AUTH__V1__ACCOUNT_DELETED__INIT;
    struct verify_deletion deletion = {.deleted_at = 1700000000000};

    memcpy(deletion.user_id, peer->user, 16);
    memcpy(deletion.by_device, peer->device, 16);
    if (seed != NULL)
        verify_deletion_sign(seed, &deletion);
    fact.user_id = bytes(peer->user, 16);
    fact.by_device = bytes(peer->device, 16);
    fact.deleted_ms = (int64_t)deletion.deleted_at;
    fact.signature = bytes(deletion.signature, seed != NULL ? 64 : 0);
    return (struct sotto_view){out, sotto__auth__v1__account_deleted__pack(&fact, out)};
}

static void
tell(struct rig *rig, const struct mls_peer *peer)
{
    uint8_t payload[256];

    harness_fact(rig->h, "auth.account.deleted.v1", (struct sotto_view){peer->user, 16},
                 pack(peer, peer->identity_seed, payload));
    harness_run(rig->h);
}

static int
check(struct rig *rig, const struct mls_peer *peer, const uint8_t *seed)
{
    uint8_t payload[256];

    return harness_ask(rig->h, "keyx.deletion.check.v1", pack(peer, seed, payload))->status;
}

static void
enrol(struct rig *rig, struct mls_peer *peer, uint64_t session)
{
    assert_ok(publish_identity(rig, peer, session)->status);
    assert_ok(add_device(rig, peer, session)->status);
    assert_ok(upload(rig, peer, session)->status);
}

/* ---- the question ------------------------------------------------------------------------------------- */

static void
a_deletion_is_good_when_the_identity_key_signed_it(void **state)
{
    struct rig *rig = *state;

    assert_ok(check(rig, &rig->alice, NULL)); /* no keys yet: nobody could */
    assert_fails(check(rig, &rig->alice, rig->alice.identity_seed), SOTTO_EINVALID);
    enrol(rig, &rig->alice, rig->alice_session);
    assert_ok(check(rig, &rig->alice, rig->alice.identity_seed));
    assert_fails(check(rig, &rig->alice, rig->bob.identity_seed), SOTTO_EINVALID);
    assert_fails(check(rig, &rig->alice, NULL), SOTTO_EINVALID);
    assert_fails(
        harness_ask(rig->h, "keyx.deletion.check.v1", (struct sotto_view){(const uint8_t *)"x", 1})
            ->status,
        SOTTO_EINVALID);
}

/* ---- the fact ----------------------------------------------------------------------------------------- */

static void
devices_packages_and_backups_go_and_the_key_log_says_so(void **state)
{
    struct rig *rig = *state;
    Sotto__Keyx__V1__GetIdentityRequest request = SOTTO__KEYX__V1__GET_IDENTITY_REQUEST__INIT;
    const Sotto__Keyx__V1__GetIdentityReply *identity;
    struct verify_log log;

    enrol(rig, &rig->alice, rig->alice_session);
    harness_sql(rig->h, "INSERT INTO keyx_backups (user_id, counter, container, stored_ms)"
                        " SELECT user_id, 1, x'00', 0 FROM keyx_identities");
    tell(rig, &rig->alice);

    request.user_id = bytes(rig->alice.user, 16);
    identity =
        (const void *)harness_rpc(rig->h, rig->bob_session, "GetIdentity", &request.base)->message;
    assert_non_null(identity);
    assert_int_equal(identity->n_devices, 0);
    verify_log_init(&log, rig->alice.user);
    for (size_t i = 0; i < identity->n_key_log; i++)
        assert_ok(verify_log_apply(&log, identity->key_log[i]->entry.data,
                                   identity->key_log[i]->entry.len, identity->key_log[i]->hash.data,
                                   NULL));
    assert_true(log.is_deleted);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM keyx_packages"), 0);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM keyx_devices"), 0);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM keyx_backups"), 0);
}

static void
nothing_can_be_claimed_and_nothing_is_taken_any_more(void **state)
{
    struct rig *rig = *state;
    Sotto__Keyx__V1__ClaimKeyPackagesRequest request =
        SOTTO__KEYX__V1__CLAIM_KEY_PACKAGES_REQUEST__INIT;
    ProtobufCBinaryData user = bytes(rig->alice.user, 16);
    const Sotto__Keyx__V1__ClaimKeyPackagesReply *reply;

    enrol(rig, &rig->alice, rig->alice_session);
    tell(rig, &rig->alice);
    tell(rig, &rig->bob); /* who had no keys */

    request.n_user_ids = 1;
    request.user_ids = &user;
    request.suite = 3;
    reply = (const void *)harness_rpc(rig->h, rig->bob_session, "ClaimKeyPackages", &request.base)
                ->message;
    assert_non_null(reply);
    assert_int_equal(reply->n_key_packages, 0);
    assert_int_equal(reply->n_no_keys, 1);
    /* Calls that were on their way. */
    assert_fails(add_device(rig, &rig->alice, rig->alice_session)->status, SOTTO_EPRECONDITION);
    assert_true(upload(rig, &rig->alice, rig->alice_session)->status < 0);
    assert_fails(publish_identity(rig, &rig->bob, rig->bob_session)->status, SOTTO_EPRECONDITION);
}

static void
each_device_is_told_of_like_a_removed_one_and_once_for_each_fact(void **state)
{
    struct rig *rig = *state;
    Sotto__Keyx__V1__DeviceRemoved *removed;

    enrol(rig, &rig->alice, rig->alice_session);
    harness_forget(rig->h);
    tell(rig, &rig->alice);

    assert_int_equal(harness_publish_count(rig->h), 1);
    assert_string_equal(harness_publish_at(rig->h, 0)->topic, "keyx.device.removed.v1");
    removed =
        sotto__keyx__v1__device_removed__unpack(NULL, harness_publish_at(rig->h, 0)->payload.size,
                                                harness_publish_at(rig->h, 0)->payload.data);
    assert_true(removed->account);
    assert_memory_equal(removed->device_id.data, rig->alice.device, 16);
    sotto__keyx__v1__device_removed__free_unpacked(removed, NULL);
    tell(rig, &rig->alice);
    assert_int_equal(harness_publish_count(rig->h), 1);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM keyx_log"), 3);

    harness_forget(rig->h);
    harness_stop(rig->h); /* and again after a restart, as account */
    assert_ok(harness_start(rig->h));
    harness_run(rig->h);
    assert_int_equal(harness_publish_count(rig->h), 1);
    removed =
        sotto__keyx__v1__device_removed__unpack(NULL, harness_publish_at(rig->h, 0)->payload.size,
                                                harness_publish_at(rig->h, 0)->payload.data);
    assert_true(removed->account);
    sotto__keyx__v1__device_removed__free_unpacked(removed, NULL);
}

static void
a_fact_that_the_store_refused_is_carried_out_when_it_is_told_again(void **state)
{
    struct rig *rig = *state;

    enrol(rig, &rig->alice, rig->alice_session);
    harness_refuse_store(rig->h, true);
    tell(rig, &rig->alice);
    harness_refuse_store(rig->h, false);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM keyx_devices"), 1);
    tell(rig, &rig->alice);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM keyx_devices"), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
static const struct CMUnitTest tests[] = {
    CASE(a_deletion_is_good_when_the_identity_key_signed_it),
    CASE(devices_packages_and_backups_go_and_the_key_log_says_so),
    CASE(nothing_can_be_claimed_and_nothing_is_taken_any_more),
    CASE(each_device_is_told_of_like_a_removed_one_and_once_for_each_fact),
    CASE(a_fact_that_the_store_refused_is_carried_out_when_it_is_told_again),
};

SOTTO_TEST_MAIN(tests)
