/* SPDX-License-Identifier: MIT */
/* DeleteAccount on the test host: what proves it, what is left of the account, and that the others hear of it. */
#include "sotto_test.h"

#include "auth_peer.h"
#include "keyx.pb-c.h"

#define TOPIC "auth.account.deleted.v1"

const struct sotto_module *sotto_module_entry(void);

/* Stands for keyx: signed deletions are good. */
static int
check_deletion(void *arg, struct sotto_view request, uint8_t *out, size_t *size_out)
{
    const int *status = arg;
    Sotto__Auth__V1__AccountDeleted *fact =
        sotto__auth__v1__account_deleted__unpack(NULL, request.size, request.data);

    (void)out;
    assert_non_null(fact);
    assert_int_equal(fact->signature.len, 64);
    sotto__auth__v1__account_deleted__free_unpacked(fact, NULL);
    *size_out = 0;
    return *status;
}

struct rig {
    struct harness *h;
    int verdict; /* of keyx */
};

static int
start(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));

    rig->h = harness_create(sotto_module_entry());
    harness_set(rig->h, "cleanup_interval", "10m");
    harness_run_writes_twice(rig->h, true);
    harness_provide(rig->h, "keyx.deletion.check.v1", check_deletion, &rig->verdict);
    *state = rig;
    return harness_start(rig->h);
}

static int
stop(void **state)
{
    struct rig *rig = *state;

    harness_destroy(&rig->h);
    free(rig);
    return 0;
}

static size_t
count_told(struct harness *h)
{
    size_t count = 0;

    for (size_t i = 0; i < harness_publish_count(h); i++)
        count += strcmp(harness_publish_at(h, i)->topic, TOPIC) == 0;
    return count;
}

static void
pass_round(struct harness *h)
{
    harness_forget(h);
    harness_advance_ms(h, 10 * 60000);
    harness_run(h);
}

static void
the_password_of_the_account_is_needed(void **state)
{
    struct rig *rig = *state;
    struct peer alice, bob, thief;

    peer_join(&alice, rig->h, "alice", 1);
    peer_join(&bob, rig->h, "bob", 2);
    peer_init(&thief, rig->h, "alice", "not her password 1", 3);
    assert_ok(peer_attach(&thief, alice.access));

    assert_fails(peer_delete_account(&thief, &thief), SOTTO_EAUTH);
    assert_fails(peer_delete_account(&thief, &bob),
                 SOTTO_EAUTH); /* a good proof, of somebody else */
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM auth_logins"), 2);
    assert_int_equal(harness_closed(rig->h, alice.session), 0);
    assert_ok(peer_refresh(&alice, alice.refresh));
    assert_ok(peer_login(&alice));
}

static void
nothing_is_deleted_that_the_identity_key_did_not_sign(void **state)
{
    struct rig *rig = *state;
    struct peer alice;

    peer_join(&alice, rig->h, "alice", 1);
    rig->verdict = SOTTO_EINVALID;
    assert_fails(peer_delete_account(&alice, &alice), SOTTO_EINVALID);
    harness_provide(rig->h, "keyx.deletion.check.v1", NULL, NULL);
    assert_fails(peer_delete_account(&alice, &alice), SOTTO_EUNAVAILABLE);
    assert_int_equal(count_told(rig->h), 0);
    assert_ok(peer_login(&alice));
}

static void
a_deleted_account_has_no_login_no_record_and_no_name(void **state)
{
    struct rig *rig = *state;
    struct peer alice, phone;

    peer_join(&alice, rig->h, "Alice", 1);
    peer_join_device(&phone, rig->h, "Alice", 2);
    harness_forget(rig->h);
    assert_ok(peer_delete_account(&alice, &alice));

    assert_int_equal(harness_closed(rig->h, alice.session), SOTTO_GOODBYE_UNAUTHENTICATED);
    assert_int_equal(harness_closed(rig->h, phone.session), SOTTO_GOODBYE_UNAUTHENTICATED);
    assert_int_equal(count_told(rig->h), 1);
    assert_true(harness_metric(rig->h, "logins_ended_total", 6) == 2);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM auth_logins"), 0);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM auth_refresh"), 0);
    assert_int_equal(harness_sql(rig->h, "SELECT LENGTH(name) + LENGTH(record)"
                                         " + LENGTH(idempotency) FROM auth_users"),
                     0);
    peer_reconnect(&phone);
    assert_fails(peer_attach(&phone, phone.access), SOTTO_EAUTH);
    peer_reconnect(&phone);
    assert_fails(peer_login(&phone), SOTTO_EAUTH);
}

static void
a_device_that_comes_back_is_shown_the_signed_deletion(void **state)
{
    struct rig *rig = *state;
    struct peer alice, phone;
    Sotto__Keyx__V1__DeviceRemoved *fact;

    peer_join(&alice, rig->h, "alice", 1);
    peer_join_device(&phone, rig->h, "alice", 2);
    assert_ok(peer_delete_account(&alice, &alice));
    peer_reconnect(&phone);
    assert_fails(peer_refresh(&phone, phone.refresh), SOTTO_EAUTH);

    assert_string_equal(phone.answer->text, "this account was deleted");
    fact = sotto__keyx__v1__device_removed__unpack(NULL, phone.answer->details.size,
                                                   phone.answer->details.data);
    assert_non_null(fact);
    assert_true(fact->account);
    assert_memory_equal(fact->device_id.data, phone.device, SOTTO_ID_BYTES);
    assert_memory_equal(fact->by_device.data, alice.device, SOTTO_ID_BYTES);
    assert_int_equal(fact->signature.data[0], 7);
    sotto__keyx__v1__device_removed__free_unpacked(fact, NULL);
}

static void
the_name_is_never_given_out_again_and_found_by_nobody(void **state)
{
    struct rig *rig = *state;
    struct peer alice, other, bob;
    Sotto__Auth__V1__LookupUsersRequest request = SOTTO__AUTH__V1__LOOKUP_USERS_REQUEST__INIT;
    const struct harness_answer *answer;
    char *names[] = {"alice"};
    ProtobufCBinaryData id = {SOTTO_ID_BYTES, alice.user};

    peer_join(&alice, rig->h, "alice", 1);
    peer_join(&bob, rig->h, "bob", 2);
    assert_ok(peer_delete_account(&alice, &alice));
    harness_stop(rig->h);
    assert_ok(harness_start(rig->h));

    peer_init(&other, rig->h, "ALICE", "another password 2", 3);
    assert_fails(peer_register(&other), SOTTO_EEXISTS);
    peer_reconnect(&alice);
    assert_fails(peer_register_again(&alice), SOTTO_EEXISTS);
    peer_reconnect(&bob);
    assert_ok(peer_attach(&bob, bob.access));
    request.n_names = request.n_user_ids = 1;
    request.names = names;
    request.user_ids = &id;
    answer = harness_rpc(rig->h, bob.session, "LookupUsers", &request.base);
    assert_ok(answer->status);
    assert_int_equal(
        ((const Sotto__Auth__V1__LookupUsersReply *)(const void *)answer->message)->n_users, 0);
}

static void
a_deletion_is_told_until_a_round_has_come_after_one_that_told_it(void **state)
{
    struct rig *rig = *state;
    struct peer alice;

    peer_join(&alice, rig->h, "alice", 1);
    assert_ok(peer_delete_account(&alice, &alice));
    harness_forget(rig->h);
    harness_stop(rig->h); /* nobody knows whether the others wrote it down */
    assert_ok(harness_start(rig->h));
    harness_run(rig->h);
    assert_int_equal(count_told(rig->h), 1);
    harness_forget(rig->h);
    harness_stop(rig->h); /* nor now */
    assert_ok(harness_start(rig->h));
    harness_run(rig->h);
    assert_int_equal(count_told(rig->h), 1);

    pass_round(rig->h);
    assert_int_equal(count_told(rig->h), 0);
    assert_int_equal(harness_sql(rig->h, "SELECT told FROM auth_deletions"), 1);
}

static void
an_account_is_deleted_whole_or_not_at_all(void **state)
{
    struct rig *rig = *state;
    struct peer alice;

    peer_join(&alice, rig->h, "alice", 1);
    harness_run_writes_twice(rig->h, false);
    harness_fail_commits(rig->h, 1);
    assert_fails(peer_delete_account(&alice, &alice), SOTTO_EIO);
    assert_int_equal(harness_closed(rig->h, alice.session), 0);
    assert_int_equal(count_told(rig->h), 0);
    assert_ok(peer_login(&alice));
    assert_ok(peer_delete_account(&alice, &alice));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
static const struct CMUnitTest tests[] = {
    CASE(the_password_of_the_account_is_needed),
    CASE(nothing_is_deleted_that_the_identity_key_did_not_sign),
    CASE(a_deleted_account_has_no_login_no_record_and_no_name),
    CASE(a_device_that_comes_back_is_shown_the_signed_deletion),
    CASE(the_name_is_never_given_out_again_and_found_by_nobody),
    CASE(a_deletion_is_told_until_a_round_has_come_after_one_that_told_it),
    CASE(an_account_is_deleted_whole_or_not_at_all),
};

SOTTO_TEST_MAIN(tests)
