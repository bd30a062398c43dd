/* SPDX-License-Identifier: MIT */
/* Devices that keyx took out of their accounts: auth ends their logins and shows them why. */
#include "sotto_test.h"

#include "auth_peer.h"
#include "keyx.pb-c.h"

static void
publish_removal(struct harness *h, const struct peer *peer)
{
    Sotto__Keyx__V1__DeviceRemoved fact = SOTTO__KEYX__V1__DEVICE_REMOVED__INIT;
    uint8_t by[SOTTO_ID_BYTES] = {0x0a, 0x1b, 0x2c, 0x3d}, user[SOTTO_ID_BYTES],
            device[SOTTO_ID_BYTES], signature[64] = {7}, payload[256];
    struct sotto_view view = {.data = payload};

    memcpy(user, peer->user, sizeof(user));
    memcpy(device, peer->device, sizeof(device));
    fact.user_id = BYTES(user);
    fact.device_id = BYTES(device);
    fact.by_device = BYTES(by);
    fact.removed_ms = harness_now_ms(h);
    fact.signature = BYTES(signature);
    view.size = sotto__keyx__v1__device_removed__pack(&fact, payload);
    harness_fact(h, "keyx.device.removed.v1", (struct sotto_view){user, sizeof(user)}, view);
    harness_run(h);
}

/* Whether the last answer's details are the fact that removed this device. */
static void
assert_fact_in_details(const struct peer *peer)
{
    Sotto__Keyx__V1__DeviceRemoved *fact = sotto__keyx__v1__device_removed__unpack(
        NULL, peer->answer->details.size, peer->answer->details.data);

    assert_non_null(fact);
    assert_memory_equal(fact->device_id.data, peer->device, SOTTO_ID_BYTES);
    assert_int_equal(fact->by_device.data[0], 0x0a);
    assert_int_equal(fact->signature.len, 64);
    sotto__keyx__v1__device_removed__free_unpacked(fact, NULL);
}

static void
a_removed_device_is_out_at_once_and_is_shown_why(void **state)
{
    struct harness *h = *state;
    struct peer alice, phone;

    peer_join(&alice, h, "alice", 1);
    peer_join_device(&phone, h, "alice", 2);
    harness_forget(h);
    publish_removal(h, &phone);

    assert_int_equal(harness_closed(h, phone.session), SOTTO_GOODBYE_UNAUTHENTICATED);
    assert_int_equal(harness_publish_count(h), 1);
    assert_string_equal(harness_publish_at(h, 0)->topic, "auth.login.ended.v1");
    assert_true(harness_metric(h, "logins_ended_total", 5) == 1);
    peer_reconnect(&phone);
    assert_fails(peer_attach(&phone, phone.access), SOTTO_EAUTH);
    peer_reconnect(&phone);
    assert_fails(peer_refresh(&phone, phone.refresh), SOTTO_EAUTH);
    assert_fact_in_details(&phone);
    assert_fails(peer_login(&phone), SOTTO_EPRECONDITION);
    assert_fact_in_details(&phone);
    assert_int_equal(harness_closed(h, alice.session), 0);
    assert_ok(peer_refresh(&alice, alice.refresh));
}

static void
a_removal_that_is_heard_twice_or_of_a_namesake_does_no_harm(void **state)
{
    struct harness *h = *state;
    struct peer alice, phone, bob;

    peer_join(&alice, h, "alice", 1);
    peer_join_device(&phone, h, "alice", 2);
    peer_join(&bob, h, "bob", 2); /* his device has the same id */
    publish_removal(h, &phone);
    harness_forget(h);
    publish_removal(h, &phone);

    assert_int_equal(harness_publish_count(h), 0);
    assert_int_equal(harness_closed(h, bob.session), 0);
    assert_ok(peer_refresh(&bob, bob.refresh));
    harness_stop(h);
    assert_ok(harness_start(h));
    peer_reconnect(&phone);
    assert_fails(peer_login(&phone), SOTTO_EPRECONDITION);
    peer_reconnect(&bob);
    assert_ok(peer_login(&bob));
}

static void
a_removal_that_the_store_refused_is_carried_out_when_it_is_told_again(void **state)
{
    struct harness *h = *state;
    struct peer alice, phone;

    peer_join(&alice, h, "alice", 1);
    peer_join_device(&phone, h, "alice", 2);
    harness_refuse_store(h, true);
    publish_removal(h, &phone);
    assert_int_equal(harness_closed(h, phone.session), SOTTO_GOODBYE_UNAUTHENTICATED);
    harness_refuse_store(h, false);

    publish_removal(h, &phone);
    peer_reconnect(&phone);
    assert_fails(peer_attach(&phone, phone.access), SOTTO_EAUTH);
    peer_reconnect(&phone);
    assert_fails(peer_refresh(&phone, phone.refresh), SOTTO_EAUTH);
}

#define CASE(name) \
    cmocka_unit_test_setup_teardown(name, auth_start_with_writes_run_twice, auth_stop)
static const struct CMUnitTest tests[] = {
    CASE(a_removed_device_is_out_at_once_and_is_shown_why),
    CASE(a_removal_that_is_heard_twice_or_of_a_namesake_does_no_harm),
    CASE(a_removal_that_the_store_refused_is_carried_out_when_it_is_told_again),
};

SOTTO_TEST_MAIN(tests)
