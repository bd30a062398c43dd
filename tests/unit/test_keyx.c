/* SPDX-License-Identifier: MIT */
/* modules/keyx on the test host: what is published, what is claimed once, what is refused. */
#include "sotto_test.h"

#include "backup/backup.h"
#include "keyx.pb-c.h"
#include "keyx_peer.h"
#include "mls_heavy.h"

#define LEAF_BYTES_MAX 1024

#define DAY 86400ull

static ProtobufCBinaryData
bytes(const void *data, size_t size)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)data, .len = size};
}

static void
enrol(struct rig *rig, const struct mls_peer *peer, uint64_t session)
{
    assert_ok(publish_identity(rig, peer, session)->status);
    assert_ok(add_device(rig, peer, session)->status);
}

static const struct harness_answer *
upload(struct rig *rig, uint64_t session, const struct mls_bytes *packages, size_t count,
       struct mls_bytes last)
{
    Sotto__Keyx__V1__UploadKeyPackagesRequest request =
        SOTTO__KEYX__V1__UPLOAD_KEY_PACKAGES_REQUEST__INIT;
    ProtobufCBinaryData items[PEER_PACKAGES_MAX] = {0};

    for (size_t i = 0; i < count; i++)
        items[i] = bytes(packages[i].data, packages[i].len);
    request.n_key_packages = count;
    request.key_packages = items;
    request.last_resort = bytes(last.data, last.len);
    return harness_rpc(rig->h, session, "UploadKeyPackages", &request.base);
}

/* request: 16 bytes, or NULL for a claim that cannot be repeated. */
static const struct harness_answer *
claim_as(struct rig *rig, uint64_t session, const struct mls_peer *peer, const char *request_id)
{
    Sotto__Keyx__V1__ClaimKeyPackagesRequest request =
        SOTTO__KEYX__V1__CLAIM_KEY_PACKAGES_REQUEST__INIT;
    ProtobufCBinaryData user = bytes(peer->user, 16);

    request.n_user_ids = 1;
    request.user_ids = &user;
    request.suite = 3;
    request.request_id = bytes(request_id, request_id ? strlen(request_id) : 0);
    return harness_rpc(rig->h, session, "ClaimKeyPackages", &request.base);
}

static const struct harness_answer *
claim(struct rig *rig, uint64_t session, const struct mls_peer *peer)
{
    return claim_as(rig, session, peer, NULL);
}

static const struct harness_answer *
ask_identity(struct rig *rig, uint64_t session, const struct mls_peer *peer)
{
    Sotto__Keyx__V1__GetIdentityRequest request = SOTTO__KEYX__V1__GET_IDENTITY_REQUEST__INIT;

    request.user_id = bytes(peer->user, 16);
    return harness_rpc(rig->h, session, "GetIdentity", &request.base);
}

static const Sotto__Keyx__V1__GetIdentityReply *
identity_of(struct rig *rig, uint64_t session, const struct mls_peer *peer)
{
    const struct harness_answer *answer = ask_identity(rig, session, peer);

    assert_ok(answer->status);
    return (const void *)answer->message;
}

/* ---- identity and devices ---------------------------------------------------------------------------- */

static void
a_user_without_keys_is_not_found_like_one_who_is_not_there(void **state)
{
    struct rig *rig = *state;
    struct mls_peer nobody = {.user = {99}};

    assert_fails(ask_identity(rig, rig->bob_session, &rig->alice)->status, SOTTO_ENOTFOUND);
    assert_fails(ask_identity(rig, rig->bob_session, &nobody)->status, SOTTO_ENOTFOUND);
}

static void
a_published_identity_comes_with_a_log_that_verifies(void **state)
{
    struct rig *rig = *state;
    const Sotto__Keyx__V1__GetIdentityReply *reply;
    struct verify_log log;
    struct verify_log_entry entry;

    enrol(rig, &rig->alice, rig->alice_session);
    reply = identity_of(rig, rig->bob_session, &rig->alice);

    assert_memory_equal(reply->identity_key.data, rig->alice.identity_key, 32);
    assert_int_equal(reply->n_devices, 1);
    assert_string_equal(reply->devices[0]->label, "");
    assert_int_equal(reply->n_key_log, 2);
    verify_log_init(&log, rig->alice.user);
    for (size_t i = 0; i < 2; i++)
        assert_ok(verify_log_apply(&log, reply->key_log[i]->entry.data,
                                   reply->key_log[i]->entry.len, reply->key_log[i]->hash.data,
                                   &entry));
    assert_int_equal(entry.kind, VERIFY_LOG_DEVICE_ADDED);
    assert_string_equal(identity_of(rig, rig->alice_session, &rig->alice)->devices[0]->label,
                        "kitchen");
}

static void
publishing_again_is_answered_alike_and_another_key_is_refused(void **state)
{
    struct rig *rig = *state;
    struct mls_peer other = rig->alice;

    enrol(rig, &rig->alice, rig->alice_session);
    enrol(rig, &rig->alice, rig->alice_session);
    assert_int_equal(identity_of(rig, rig->bob_session, &rig->alice)->n_key_log, 2);

    memcpy(other.identity_seed, rig->bob.identity_seed, 32);
    verify_public_key(other.identity_seed, other.identity_key);
    assert_fails(publish_identity(rig, &other, rig->alice_session)->status, SOTTO_EPRECONDITION);
}

static void
a_signature_for_another_account_is_refused(void **state)
{
    struct rig *rig = *state;

    assert_fails(publish_identity(rig, &rig->alice, rig->bob_session)->status, SOTTO_EINVALID);
}

static void
a_device_needs_an_identity_and_its_own_certificate(void **state)
{
    struct rig *rig = *state;

    assert_fails(add_device(rig, &rig->alice, rig->alice_session)->status, SOTTO_EPRECONDITION);
    assert_fails(add_device(rig, &rig->alice, rig->bob_session)->status, SOTTO_EINVALID);
    assert_ok(publish_identity(rig, &rig->alice, rig->alice_session)->status);
    rig->alice.cert[100] ^= 1;
    assert_fails(add_device(rig, &rig->alice, rig->alice_session)->status, SOTTO_EINVALID);
}

static void
a_device_that_another_identity_certified_is_refused(void **state)
{
    struct rig *rig = *state;
    struct mls_peer other = rig->alice;

    assert_ok(publish_identity(rig, &rig->alice, rig->alice_session)->status);
    verify_cert_make(rig->bob.identity_seed, other.user, other.device, other.device_key, 1000,
                     other.cert);
    assert_fails(add_device(rig, &other, rig->alice_session)->status, SOTTO_EPRECONDITION);
    assert_int_equal(identity_of(rig, rig->bob_session, &rig->alice)->n_devices, 0);
}

static void
a_new_device_is_announced_to_siblings_and_modules(void **state)
{
    struct rig *rig = *state;
    struct mls_peer phone;
    uint64_t session;

    mls_peer_init(&phone, 'a', '2', 3, rig->alice.now);
    session = connect_as(rig->h, &phone);
    enrol(rig, &rig->alice, rig->alice_session);
    harness_forget(rig->h);
    assert_ok(add_device(rig, &phone, session)->status);

    assert_int_equal(harness_push_count(rig->h), 2);
    assert_int_equal(harness_publish_count(rig->h), 1);
    assert_string_equal(harness_publish_at(rig->h, 0)->topic, "keyx.device.added.v1");
    assert_ok(add_device(rig, &phone, session)->status);
    assert_int_equal(harness_publish_count(rig->h), 1);
    mls_peer_fini(&phone);
}

static void
an_account_has_at_most_ten_devices(void **state)
{
    struct rig *rig = *state;

    enrol(rig, &rig->alice, rig->alice_session);
    for (char name = '2'; name <= ';'; name++) {
        struct mls_peer device;
        const struct harness_answer *answer;

        mls_peer_init(&device, 'a', name, 3, rig->alice.now);
        answer = add_device(rig, &device, connect_as(rig->h, &device));
        if (name < ';')
            assert_ok(answer->status);
        else
            assert_fails(answer->status, SOTTO_EEXHAUSTED);
        mls_peer_fini(&device);
    }
}

static const struct harness_answer *
remove_device_at(struct rig *rig, const struct mls_peer *by, uint64_t session,
                 const struct mls_peer *gone, const uint8_t *seed, int64_t now_ms)
{
    Sotto__Keyx__V1__RemoveDeviceRequest request = SOTTO__KEYX__V1__REMOVE_DEVICE_REQUEST__INIT;
    struct verify_removal removal = {.removed_at = (uint64_t)now_ms};
    uint8_t key[32];

    memcpy(removal.user_id, by->user, 16);
    memcpy(removal.device_id, gone->device, 16);
    memcpy(removal.by_device, by->device, 16);
    verify_removal_sign(seed, &removal);
    verify_public_key(seed, key);
    request.device_id = bytes(gone->device, 16);
    request.removed_ms = (int64_t)removal.removed_at;
    request.signature = bytes(removal.signature, 64);
    request.identity_key = bytes(key, 32);
    return harness_rpc(rig->h, session, "RemoveDevice", &request.base);
}

static const struct harness_answer *
remove_device(struct rig *rig, const struct mls_peer *by, uint64_t session,
              const struct mls_peer *gone, const uint8_t *seed)
{
    return remove_device_at(rig, by, session, gone, seed, harness_now_ms(rig->h));
}

/* Alice with a second device, whose session is returned. */
static uint64_t
give_a_phone(struct rig *rig, struct mls_peer *phone)
{
    uint64_t session;

    mls_peer_init(phone, 'a', '2', 3, rig->alice.now);
    session = connect_as(rig->h, phone);
    enrol(rig, &rig->alice, rig->alice_session);
    assert_ok(add_device(rig, phone, session)->status);
    return session;
}

static void
a_removed_device_is_gone_with_its_packages_and_stays_away(void **state)
{
    struct rig *rig = *state;
    const Sotto__Keyx__V1__GetIdentityReply *reply;
    struct verify_log_entry entry;
    struct mls_peer phone;
    const uint64_t session = give_a_phone(rig, &phone);
    const struct mls_bytes package = mls_peer_package(&phone, 30 * DAY), none = {0};

    assert_ok(upload(rig, session, &package, 1, none)->status);
    assert_ok(remove_device(rig, &rig->alice, rig->alice_session, &phone, rig->alice.identity_seed)
                  ->status);

    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM keyx_packages"), 0);
    reply = identity_of(rig, rig->bob_session, &rig->alice);
    assert_int_equal(reply->n_devices, 1);
    assert_int_equal(reply->n_key_log, 4);
    assert_ok(
        verify_log_decode(reply->key_log[3]->entry.data, reply->key_log[3]->entry.len, &entry));
    assert_ok(verify_removal_check(&entry.removal, rig->alice.identity_key));
    assert_memory_equal(entry.removal.by_device, rig->alice.device, 16);
    assert_fails(add_device(rig, &phone, session)->status, SOTTO_EPRECONDITION);
    assert_fails(upload(rig, session, &package, 1, none)->status, SOTTO_EPRECONDITION);
    mls_peer_fini(&phone);
}

static void
a_removal_is_announced_once_however_often_it_is_asked_for(void **state)
{
    struct rig *rig = *state;
    const Sotto__Keyx__V1__DeviceRemoved *event;
    struct mls_peer phone;

    give_a_phone(rig, &phone);
    harness_forget(rig->h);
    for (int i = 0; i < 2; i++)
        assert_ok(
            remove_device(rig, &rig->alice, rig->alice_session, &phone, rig->alice.identity_seed)
                ->status);

    assert_int_equal(harness_push_count(rig->h), 2);
    event = (const void *)harness_push_at(rig->h, 0)->event;
    assert_memory_equal(event->device_id.data, phone.device, 16);
    assert_memory_equal(event->by_device.data, rig->alice.device, 16);
    assert_int_equal(harness_publish_count(rig->h), 1);
    assert_string_equal(harness_publish_at(rig->h, 0)->topic, "keyx.device.removed.v1");
    mls_peer_fini(&phone);
}

static void
a_removal_needs_the_identity_key_and_leaves_one_device(void **state)
{
    struct rig *rig = *state;
    const uint8_t *seed = rig->alice.identity_seed, *wrong = rig->bob.identity_seed;
    struct mls_peer phone, pad;

    mls_peer_init(&pad, 'a', '3', 3, rig->alice.now);
    enrol(rig, &rig->alice, rig->alice_session);
    enrol(rig, &rig->bob, rig->bob_session);
    assert_fails(remove_device(rig, &rig->alice, rig->alice_session, &rig->alice, seed)->status,
                 SOTTO_EPRECONDITION);
    give_a_phone(rig, &phone);

    assert_fails(remove_device(rig, &rig->alice, rig->alice_session, &pad, seed)->status,
                 SOTTO_ENOTFOUND);
    assert_fails(remove_device(rig, &rig->alice, rig->alice_session, &phone, wrong)->status,
                 SOTTO_EPRECONDITION);
    assert_fails(remove_device(rig, &rig->alice, rig->bob_session, &phone, seed)->status,
                 SOTTO_EINVALID);
    assert_int_equal(identity_of(rig, rig->bob_session, &rig->alice)->n_devices, 2);
    mls_peer_fini(&phone);
    mls_peer_fini(&pad);
}

static void
a_removal_that_is_dated_more_than_a_day_off_is_refused(void **state)
{
    const int64_t day_ms = 86400000;
    struct rig *rig = *state;
    const uint8_t *seed = rig->alice.identity_seed;
    struct mls_peer phone;
    int64_t now_ms;

    give_a_phone(rig, &phone);
    now_ms = harness_now_ms(rig->h);
    for (int sign = -1; sign <= 1; sign += 2)
        assert_fails(remove_device_at(rig, &rig->alice, rig->alice_session, &phone, seed,
                                      now_ms + sign * (day_ms + 1))
                         ->status,
                     SOTTO_EINVALID);
    assert_ok(remove_device_at(rig, &rig->alice, rig->alice_session, &phone, seed, now_ms - day_ms)
                  ->status);
    mls_peer_fini(&phone);
}

static void
a_removal_is_told_again_after_a_restart_and_then_no_more(void **state)
{
    struct rig *rig = *state;
    struct mls_peer phone;

    give_a_phone(rig, &phone);
    assert_ok(remove_device(rig, &rig->alice, rig->alice_session, &phone, rig->alice.identity_seed)
                  ->status);
    harness_stop(rig->h);
    harness_forget(rig->h);

    assert_ok(harness_start(rig->h));
    harness_run(rig->h);
    assert_int_equal(harness_publish_count(rig->h), 1);
    assert_string_equal(harness_publish_at(rig->h, 0)->topic, "keyx.device.removed.v1");
    harness_advance_ms(rig->h, 3600000);
    assert_int_equal(harness_publish_count(rig->h), 1);
    mls_peer_fini(&phone);
}

/* A process that ends right after the transaction of a round has told nothing: only its next round takes it for told. */
static void
a_removal_is_told_until_a_round_follows_one_that_told_it(void **state)
{
    struct rig *rig = *state;
    struct mls_peer phone;

    give_a_phone(rig, &phone);
    assert_ok(remove_device(rig, &rig->alice, rig->alice_session, &phone, rig->alice.identity_seed)
                  ->status);
    for (int i = 0; i < 2; i++) {
        harness_stop(rig->h);
        harness_forget(rig->h);
        assert_ok(harness_start(rig->h));
        harness_run(rig->h);
        assert_int_equal(harness_publish_count(rig->h), 1);
        assert_int_equal(harness_sql(rig->h, "SELECT told FROM keyx_removed"), 0);
    }
    harness_fail_commits(rig->h, 2); /* of the next housekeeping: the purge, and the mark */
    harness_advance_ms(rig->h, 61000);
    assert_int_equal(harness_sql(rig->h, "SELECT told FROM keyx_removed"), 0);
    harness_advance_ms(rig->h, 3600000);
    assert_int_equal(harness_sql(rig->h, "SELECT told FROM keyx_removed"), 1);
    mls_peer_fini(&phone);
}

static void
the_key_log_of_an_account_is_bounded_and_always_has_room_for_a_removal(void **state)
{
    struct rig *rig = *state;
    const uint8_t *seed = rig->alice.identity_seed;
    const struct harness_answer *answer = NULL;
    int rounds;

    enrol(rig, &rig->alice, rig->alice_session);
    for (rounds = 0; rounds < 150; rounds++) {
        struct mls_peer device;
        uint64_t session;

        mls_peer_init(&device, 'a', '2', 3, rig->alice.now);
        memcpy(device.device, &rounds, sizeof(rounds));
        verify_cert_make(seed, device.user, device.device, device.device_key, 1, device.cert);
        session = connect_as(rig->h, &device);
        answer = add_device(rig, &device, session);
        if (answer->status == 0)
            assert_ok(remove_device(rig, &rig->alice, rig->alice_session, &device, seed)->status);
        harness_disconnect(rig->h, session);
        mls_peer_fini(&device);
        if (answer->status != 0)
            break;
    }

    assert_fails(answer->status, SOTTO_EEXHAUSTED);
    assert_int_equal(rounds, 99);
    assert_int_equal(identity_of(rig, rig->bob_session, &rig->alice)->n_key_log, 200);
}

static void
the_device_check_knows_registered_keys_only(void **state)
{
    struct rig *rig = *state;
    Sotto__Keyx__V1__DeviceCheck checks[2], *pointers[2] = {&checks[0], &checks[1]};
    Sotto__Keyx__V1__DeviceCheckList list = SOTTO__KEYX__V1__DEVICE_CHECK_LIST__INIT, *answer;
    const struct harness_answer *asked;
    uint8_t request[256];

    enrol(rig, &rig->alice, rig->alice_session);
    for (int i = 0; i < 2; i++) {
        sotto__keyx__v1__device_check__init(&checks[i]);
        checks[i].user_id = bytes(rig->alice.user, 16);
        checks[i].device_id = bytes(rig->alice.device, 16);
    }
    checks[0].signature_key = bytes(rig->alice.device_key, 32);
    checks[1].signature_key = bytes(rig->bob.device_key, 32);
    list.n_devices = 2;
    list.devices = pointers;
    asked = harness_ask(
        rig->h, "keyx.device.check.v1",
        (struct sotto_view){request, sotto__keyx__v1__device_check_list__pack(&list, request)});

    assert_ok(asked->status);
    answer =
        sotto__keyx__v1__device_check_list__unpack(NULL, asked->details.size, asked->details.data);
    assert_true(answer->devices[0]->known);
    assert_false(answer->devices[1]->known);
    sotto__keyx__v1__device_check_list__free_unpacked(answer, NULL);
}

/* ---- KeyPackages ---------------------------------------------------------------------------------------- */

static void
a_one_time_package_is_handed_out_once_and_then_the_last_resort(void **state)
{
    struct rig *rig = *state;
    const Sotto__Keyx__V1__ClaimKeyPackagesReply *reply;
    struct mls_bytes package = mls_peer_package(&rig->bob, 30 * DAY);
    struct mls_bytes last = mls_peer_package(&rig->bob, 30 * DAY);

    enrol(rig, &rig->bob, rig->bob_session);
    assert_ok(upload(rig, rig->bob_session, &package, 1, last)->status);

    reply = (const void *)claim(rig, rig->alice_session, &rig->bob)->message;
    assert_int_equal(reply->n_key_packages, 1);
    assert_memory_equal(reply->key_packages[0]->key_package.data, package.data, package.len);
    assert_false(reply->key_packages[0]->last_resort);
    assert_int_equal(reply->identities[0]->n_key_log, 2);
    for (int i = 0; i < 2; i++) {
        reply = (const void *)claim(rig, rig->alice_session, &rig->bob)->message;
        assert_true(reply->key_packages[0]->last_resort);
        assert_memory_equal(reply->key_packages[0]->key_package.data, last.data, last.len);
    }
    assert_int_equal((int)harness_metric(rig->h, "claimed_total", 1), 2);
}

#define CLAIMS_KEPT 4
#define CLAIM_KEEP_MS (10 * 60000)
#define REQUEST_A "a claim of alice"

static void
expect_package(const struct harness_answer *answer, struct mls_bytes package)
{
    const Sotto__Keyx__V1__ClaimKeyPackagesReply *reply = (const void *)answer->message;

    assert_ok(answer->status);
    assert_int_equal(reply->n_key_packages, 1);
    assert_int_equal(reply->key_packages[0]->key_package.len, package.len);
    assert_memory_equal(reply->key_packages[0]->key_package.data, package.data, package.len);
}

static void
a_repeated_claim_takes_nothing_more(void **state)
{
    struct rig *rig = *state;
    char later[] = "claim number 0 .";
    struct mls_bytes packages[CLAIMS_KEPT + 2], none = {0};

    for (int i = 0; i < CLAIMS_KEPT + 2; i++) /* they go in the order of their end */
        packages[i] = mls_peer_package(&rig->bob, (uint32_t)(30 + i) * DAY);
    enrol(rig, &rig->bob, rig->bob_session);
    assert_ok(upload(rig, rig->bob_session, packages, CLAIMS_KEPT + 2, none)->status);
    harness_forget(rig->h);

    for (int i = 0; i < 5; i++)
        expect_package(claim_as(rig, rig->alice_session, &rig->bob, REQUEST_A), packages[0]);
    assert_int_equal((int)harness_metric(rig->h, "claimed_total", 0), 1);
    assert_int_equal(harness_push_count(rig->h), 1); /* told once that few are left */

    /* So many claims later the first is no repeat any more; until then it is. */
    for (int i = 1; i <= CLAIMS_KEPT; i++) {
        expect_package(claim_as(rig, rig->alice_session, &rig->bob, REQUEST_A), packages[0]);
        harness_advance_ms(rig->h, 1);
        later[13] = (char)('0' + i);
        expect_package(claim_as(rig, rig->alice_session, &rig->bob, later), packages[i]);
    }
    expect_package(claim_as(rig, rig->alice_session, &rig->bob, REQUEST_A),
                   packages[CLAIMS_KEPT + 1]);
}

static void
a_claim_is_remembered_for_its_device_and_some_minutes(void **state)
{
    struct rig *rig = *state;
    struct mls_bytes packages[3], none = {0};

    for (int i = 0; i < 3; i++)
        packages[i] = mls_peer_package(&rig->bob, (uint32_t)(30 + i) * DAY);
    enrol(rig, &rig->bob, rig->bob_session);
    assert_ok(upload(rig, rig->bob_session, packages, 3, none)->status);

    expect_package(claim_as(rig, rig->alice_session, &rig->bob, REQUEST_A), packages[0]);
    expect_package(claim_as(rig, rig->bob_session, &rig->bob, REQUEST_A), packages[1]);
    harness_advance_ms(rig->h, CLAIM_KEEP_MS - 1);
    expect_package(claim_as(rig, rig->alice_session, &rig->bob, REQUEST_A), packages[0]);
    harness_advance_ms(rig->h, CLAIM_KEEP_MS);
    expect_package(claim_as(rig, rig->alice_session, &rig->bob, REQUEST_A), packages[2]);
    assert_int_equal(claim_as(rig, rig->alice_session, &rig->bob, "too short")->status,
                     SOTTO_EINVALID);
}

static void
a_repeated_upload_does_not_bring_back_what_was_claimed(void **state)
{
    struct rig *rig = *state;
    const Sotto__Keyx__V1__UploadKeyPackagesReply *counts;
    const Sotto__Keyx__V1__ClaimKeyPackagesReply *reply;
    struct mls_bytes package = mls_peer_package(&rig->bob, 30 * DAY), none = {0};

    enrol(rig, &rig->bob, rig->bob_session);
    assert_ok(upload(rig, rig->bob_session, &package, 1, none)->status);
    assert_ok(claim(rig, rig->alice_session, &rig->bob)->status);

    counts = (const void *)upload(rig, rig->bob_session, &package, 1, none)->message;
    assert_int_equal(counts->counts[0]->suite, 3);
    assert_int_equal(counts->counts[0]->count, 0);
    reply = (const void *)claim(rig, rig->alice_session, &rig->bob)->message;
    assert_int_equal(reply->n_key_packages, 0);
    assert_int_equal(reply->n_no_keys, 1);
}

#define UPLOAD_MAX 100 /* packages a call */

static const struct harness_answer *
upload_junk(struct rig *rig, uint64_t session, size_t count)
{
    Sotto__Keyx__V1__UploadKeyPackagesRequest request =
        SOTTO__KEYX__V1__UPLOAD_KEY_PACKAGES_REQUEST__INIT;
    ProtobufCBinaryData packages[UPLOAD_MAX + 1];
    uint8_t junk[4] = "junk";

    for (size_t i = 0; i < count; i++)
        packages[i] = (ProtobufCBinaryData){.data = junk, .len = sizeof(junk)};
    request.key_packages = packages;
    request.n_key_packages = count;
    return harness_rpc(rig->h, session, "UploadKeyPackages", &request.base);
}

/* Whatever they are, checking them is work in the pool that all share. */
static void
who_uploads_without_end_waits_and_nobody_else(void **state)
{
    struct rig *rig = *state;
    int uploads = 0;

    while (uploads < 100 &&
           upload_junk(rig, rig->alice_session, UPLOAD_MAX)->status == SOTTO_EINVALID)
        uploads++;
    assert_int_equal(uploads, 6000 / (1 + UPLOAD_MAX));
    assert_fails(upload_junk(rig, rig->alice_session, UPLOAD_MAX + 1)->status, SOTTO_EINVALID);
    assert_fails(upload_junk(rig, rig->alice_session, UPLOAD_MAX)->status, SOTTO_EEXHAUSTED);
    assert_fails(upload_junk(rig, rig->bob_session, 1)->status, SOTTO_EINVALID);
    harness_advance_ms(rig->h, 2000);
    assert_fails(upload_junk(rig, rig->alice_session, UPLOAD_MAX)->status, SOTTO_EINVALID);
}

static void
a_device_that_runs_low_is_told(void **state)
{
    struct rig *rig = *state;
    struct mls_bytes package = mls_peer_package(&rig->bob, 30 * DAY), none = {0};
    const Sotto__Keyx__V1__KeyPackagesLow *event;

    enrol(rig, &rig->bob, rig->bob_session);
    assert_ok(upload(rig, rig->bob_session, &package, 1, none)->status);
    harness_forget(rig->h);
    assert_ok(claim(rig, rig->alice_session, &rig->bob)->status);

    assert_int_equal(harness_push_count(rig->h), 1);
    assert_int_equal(harness_push_at(rig->h, 0)->session, rig->bob_session);
    event = (const void *)harness_push_at(rig->h, 0)->event;
    assert_int_equal(event->counts[0]->count, 0);
}

/* Chats take no larger leaf: whoever adds such a device together with others would fail for all of them. */
static void
a_package_that_no_chat_takes_is_refused(void **state)
{
    struct rig *rig = *state;
    const struct mls_bytes none = {0};
    struct mls_buf package = {0};
    struct mls_bytes made;

    enrol(rig, &rig->bob, rig->bob_session);
    mls_heavy_package(&rig->bob, LEAF_BYTES_MAX + 1, &package);
    made = mls_buf_bytes(&package);
    assert_fails(upload(rig, rig->bob_session, &made, 1, none)->status, SOTTO_EINVALID);
    assert_fails(upload(rig, rig->bob_session, NULL, 0, made)->status, SOTTO_EINVALID);
    mls_buf_fini(&package);
    mls_heavy_package(&rig->bob, LEAF_BYTES_MAX, &package);
    made = mls_buf_bytes(&package);
    assert_ok(upload(rig, rig->bob_session, &made, 1, none)->status);
    mls_buf_fini(&package);
}

static void
packages_of_others_expired_or_damaged_are_refused(void **state)
{
    struct rig *rig = *state;
    struct mls_bytes good = mls_peer_package(&rig->bob, 30 * DAY), none = {0};
    struct mls_bytes foreign = mls_peer_package(&rig->alice, 30 * DAY);
    struct mls_bytes eternal = mls_peer_package(&rig->bob, 1000 * DAY);
    uint8_t damaged[1024];

    assert_fails(upload(rig, rig->bob_session, &good, 1, none)->status, SOTTO_EPRECONDITION);
    enrol(rig, &rig->bob, rig->bob_session);
    assert_fails(upload(rig, rig->bob_session, &foreign, 1, none)->status, SOTTO_EINVALID);
    assert_fails(upload(rig, rig->bob_session, &eternal, 1, none)->status, SOTTO_EINVALID);
    memcpy(damaged, good.data, good.len);
    damaged[good.len - 1] ^= 1;
    good.data = damaged;
    assert_fails(upload(rig, rig->bob_session, &good, 1, none)->status, SOTTO_EINVALID);
}

static void
an_expired_package_is_not_handed_out_and_goes_with_the_purge(void **state)
{
    struct rig *rig = *state;
    struct mls_bytes package = mls_peer_package(&rig->bob, 2 * DAY), none = {0};
    const Sotto__Keyx__V1__ClaimKeyPackagesReply *reply;

    enrol(rig, &rig->bob, rig->bob_session);
    assert_ok(upload(rig, rig->bob_session, &package, 1, none)->status);
    harness_advance_ms(rig->h, 3 * (int64_t)DAY * 1000);

    reply = (const void *)claim(rig, rig->alice_session, &rig->bob)->message;
    assert_int_equal(reply->n_key_packages, 0);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM keyx_packages"), 0);
}

static void
claiming_from_one_user_again_and_again_is_bounded(void **state)
{
    struct rig *rig = *state;
    int status = SOTTO_OK, count = 0;

    enrol(rig, &rig->bob, rig->bob_session);
    while (status == SOTTO_OK && count < 100) {
        status = claim(rig, rig->alice_session, &rig->bob)->status;
        count++;
    }
    assert_fails(status, SOTTO_EEXHAUSTED);
    assert_int_equal(count, 61);
    harness_advance_ms(rig->h, 3600 * 1000);
    assert_ok(claim(rig, rig->alice_session, &rig->bob)->status);
}

/* Users that do not exist: counted like others. */
static int
claim_from(struct rig *rig, size_t count, uint32_t suite, size_t id_bytes)
{
    Sotto__Keyx__V1__ClaimKeyPackagesRequest request =
        SOTTO__KEYX__V1__CLAIM_KEY_PACKAGES_REQUEST__INIT;
    static uint32_t names[256][4];
    ProtobufCBinaryData users[256];

    for (uint32_t i = 0; i < 256; i++) {
        names[i][0] = i;
        users[i] = bytes(names[i], 16);
    }
    users[0].len = id_bytes;
    request.n_user_ids = count;
    request.user_ids = users;
    request.suite = suite;
    return harness_rpc(rig->h, rig->alice_session, "ClaimKeyPackages", &request.base)->status;
}

static void
a_claim_names_1_to_200_users_in_a_suite_that_there_is(void **state)
{
    struct rig *rig = *state;

    assert_ok(claim_from(rig, 200, 3, 16));
    assert_fails(claim_from(rig, 0, 3, 16), SOTTO_EINVALID);
    assert_fails(claim_from(rig, 201, 3, 16), SOTTO_EINVALID);
    assert_fails(claim_from(rig, 1, 2, 16), SOTTO_EINVALID);
    assert_fails(claim_from(rig, 1, 3, 15), SOTTO_EINVALID);
}

static void
claiming_from_many_users_is_bounded_and_oneself_is_free(void **state)
{
    struct rig *rig = *state;
    int status = SOTTO_OK, count = 0;

    enrol(rig, &rig->alice, rig->alice_session);
    for (int i = 0; i < 61; i++) /* one more than from another user */
        assert_ok(claim(rig, rig->alice_session, &rig->alice)->status);
    while (status == SOTTO_OK && count < 100) {
        status = claim_from(rig, 200, 3, 16);
        count++;
    }
    assert_fails(status, SOTTO_EEXHAUSTED);
    assert_true(count < 60); /* before any of them was asked for too often */
}

/* ---- backup --------------------------------------------------------------------------------------------------- */

static int
put_backup(struct rig *rig, uint64_t session, const uint8_t *user, uint64_t counter,
           uint64_t expected)
{
    static const uint8_t secret[64] = {1};
    const struct backup_key key = {BACKUP_SLOT_PW, secret, sizeof(secret)};
    Sotto__Keyx__V1__PutBackupRequest request = SOTTO__KEYX__V1__PUT_BACKUP_REQUEST__INIT;
    uint8_t container[512];
    size_t size;

    assert_ok(
        backup_seal(user, counter, &key, 1, user, 16, container, sizeof(container), &size, NULL));
    request.container = bytes(container, size);
    request.counter = counter;
    request.expected_counter = expected;
    return harness_rpc(rig->h, session, "PutBackup", &request.base)->status;
}

static void
a_backup_is_compared_and_set_and_three_are_kept(void **state)
{
    struct rig *rig = *state;
    const Sotto__Keyx__V1__GetBackupReply *reply;
    Sotto__Keyx__V1__GetBackupRequest request = SOTTO__KEYX__V1__GET_BACKUP_REQUEST__INIT;
    const uint8_t *user = rig->alice.user;

    assert_fails(put_backup(rig, rig->alice_session, user, 1, 0), SOTTO_EPRECONDITION);
    enrol(rig, &rig->alice, rig->alice_session);
    for (uint64_t counter = 1; counter <= 5; counter++)
        assert_ok(put_backup(rig, rig->alice_session, user, counter, counter - 1));

    assert_fails(put_backup(rig, rig->alice_session, user, 6, 4), SOTTO_EABORTED);
    assert_fails(put_backup(rig, rig->alice_session, user, 3, 5), SOTTO_EABORTED);
    assert_fails(put_backup(rig, rig->alice_session, rig->bob.user, 6, 5), SOTTO_EINVALID);
    assert_fails(put_backup(rig, rig->alice_session, user, (uint64_t)INT64_MAX + 1, 5),
                 SOTTO_EINVALID);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM keyx_backups"), 3);
    reply =
        (const void *)harness_rpc(rig->h, rig->alice_session, "GetBackup", &request.base)->message;
    assert_int_equal(reply->counter, 5);
    reply =
        (const void *)harness_rpc(rig->h, rig->bob_session, "GetBackup", &request.base)->message;
    assert_int_equal(reply->container.len, 0);
}

static void
a_store_that_fails_is_reported_and_nothing_is_kept(void **state)
{
    struct rig *rig = *state;

    harness_fail_commits(rig->h, 1);
    assert_fails(publish_identity(rig, &rig->alice, rig->alice_session)->status, SOTTO_EIO);
    assert_fails(ask_identity(rig, rig->alice_session, &rig->alice)->status, SOTTO_ENOTFOUND);
    harness_refuse_store(rig->h, true);
    assert_fails(publish_identity(rig, &rig->alice, rig->alice_session)->status,
                 SOTTO_EUNAVAILABLE);
    harness_refuse_store(rig->h, false);
    enrol(rig, &rig->alice, rig->alice_session);
}

#define KEYX_TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
static const struct CMUnitTest tests[] = {
    KEYX_TEST(a_user_without_keys_is_not_found_like_one_who_is_not_there),
    KEYX_TEST(a_published_identity_comes_with_a_log_that_verifies),
    KEYX_TEST(publishing_again_is_answered_alike_and_another_key_is_refused),
    KEYX_TEST(a_signature_for_another_account_is_refused),
    KEYX_TEST(a_device_needs_an_identity_and_its_own_certificate),
    KEYX_TEST(a_device_that_another_identity_certified_is_refused),
    KEYX_TEST(a_new_device_is_announced_to_siblings_and_modules),
    KEYX_TEST(an_account_has_at_most_ten_devices),
    KEYX_TEST(a_removed_device_is_gone_with_its_packages_and_stays_away),
    KEYX_TEST(a_removal_is_announced_once_however_often_it_is_asked_for),
    KEYX_TEST(a_removal_needs_the_identity_key_and_leaves_one_device),
    KEYX_TEST(a_removal_that_is_dated_more_than_a_day_off_is_refused),
    KEYX_TEST(a_removal_is_told_again_after_a_restart_and_then_no_more),
    KEYX_TEST(a_removal_is_told_until_a_round_follows_one_that_told_it),
    KEYX_TEST(the_key_log_of_an_account_is_bounded_and_always_has_room_for_a_removal),
    KEYX_TEST(the_device_check_knows_registered_keys_only),
    KEYX_TEST(a_one_time_package_is_handed_out_once_and_then_the_last_resort),
    KEYX_TEST(a_repeated_claim_takes_nothing_more),
    KEYX_TEST(a_claim_is_remembered_for_its_device_and_some_minutes),
    KEYX_TEST(a_repeated_upload_does_not_bring_back_what_was_claimed),
    KEYX_TEST(who_uploads_without_end_waits_and_nobody_else),
    KEYX_TEST(a_device_that_runs_low_is_told),
    KEYX_TEST(a_package_that_no_chat_takes_is_refused),
    KEYX_TEST(packages_of_others_expired_or_damaged_are_refused),
    KEYX_TEST(an_expired_package_is_not_handed_out_and_goes_with_the_purge),
    KEYX_TEST(claiming_from_one_user_again_and_again_is_bounded),
    KEYX_TEST(a_claim_names_1_to_200_users_in_a_suite_that_there_is),
    KEYX_TEST(claiming_from_many_users_is_bounded_and_oneself_is_free),
    KEYX_TEST(a_backup_is_compared_and_set_and_three_are_kept),
    KEYX_TEST(a_store_that_fails_is_reported_and_nothing_is_kept),
};

SOTTO_TEST_MAIN(tests)
