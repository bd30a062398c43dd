/* SPDX-License-Identifier: MIT */
/*
 * Accounts and logins: from a free name to an attached connection, and everything that must not get
 * there. test_auth_logins.c has what comes afterwards.
 */
#include "sotto_test.h"

#include "auth_peer.h"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#define MINUTE_MS (60 * 1000)

const struct sotto_module *sotto_module_entry(void);

static int
create_only(void **state)
{
    *state = harness_create(sotto_module_entry());
    return 0;
}

/* ---- registration ---------------------------------------------------------------------------- */

static void
a_new_name_is_registered_and_can_log_in(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    uint8_t user[SOTTO_ID_BYTES];

    peer_init(&alice, h, "Alice", "correct horse 1", 1);
    assert_ok(peer_register(&alice));
    memcpy(user, alice.user, sizeof(user));
    assert_ok(peer_login(&alice));

    assert_memory_equal(alice.user, user, sizeof(user));
    assert_string_equal(((const Sotto__Auth__V1__LoginReply *)alice.answer->message)->name,
                        "Alice");
    assert_int_equal(harness_publish_count(h),
                     2); /* the account, and the login that was replaced */
    assert_string_equal(harness_publish_at(h, 0)->topic, "auth.account.created.v1");
}

static void
a_taken_name_is_refused_in_any_case_of_letters(void **state)
{
    struct harness *h = *state;
    struct peer alice, other;

    peer_join(&alice, h, "Alice", 1);
    peer_init(&other, h, "aLICE", "another one 2", 2);
    assert_fails(peer_register(&other), SOTTO_EEXISTS);
    assert_string_equal(other.answer->text, "this name is taken");

    /* Also when the first step was done while the name was free. */
    memcpy(other.record, alice.record, sizeof(other.record));
    assert_fails(peer_register_again(&other), SOTTO_EEXISTS);
}

static void
a_name_outside_the_rules_is_refused_and_the_field_is_named(void **state)
{
    static const char *const names[] = {
        "",
        "ab",
        "abcdefghijklmnopqrstuvwxyz0123456",
        "-abc",
        "abc-",
        "_abc",
        "abc_",
        "a b c",
        "a.bc",
        "al\303\257ce",
        "a/../b",
        "abc\n",
        "admin@x",
    };
    struct harness *h = *state;
    struct peer peer;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        Sotto__Auth__V1__LoginStartReply reply;

        peer_init(&peer, h, names[i], "correct horse 1", 1);
        assert_fails(peer_register(&peer), SOTTO_EINVALID);
        assert_non_null(strstr(peer.answer->text, "name:"));
        assert_fails(peer_login_start(&peer, &reply), SOTTO_EINVALID);
    }
    peer_init(&peer, h, "a-_", "correct horse 1", 1);
    assert_fails(peer_register(&peer), SOTTO_EINVALID);
    peer_init(&peer, h, "a-1", "correct horse 1", 1);
    assert_ok(peer_register(&peer));
    peer_init(&peer, h, "abcdefghijklmnopqrstuvwxyz012345", "correct horse 1", 1);
    assert_ok(peer_register(&peer));
}

static void
a_repeated_registration_is_answered_like_the_first(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    struct peer first;

    peer_init(&alice, h, "alice", "correct horse 1", 1);
    assert_ok(peer_register(&alice));
    first = alice;
    assert_ok(peer_register_again(&alice));
    assert_memory_equal(alice.user, first.user, sizeof(first.user));
    assert_memory_equal(alice.login, first.login, sizeof(first.login));
    assert_memory_equal(alice.refresh, first.refresh, sizeof(first.refresh));
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_users"), 1);
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_logins"), 1);

    alice.idempotency[0] ^= 1;
    assert_fails(peer_register_again(&alice), SOTTO_EEXISTS);
    alice.idempotency[0] ^= 1;
    alice.record[100] ^= 1;
    assert_fails(peer_register_again(&alice), SOTTO_EEXISTS);

    alice.record[100] ^= 1;
    alice.device[0] ^= 1;
    assert_fails(peer_register_again(&alice), SOTTO_EEXISTS);
    alice.device[0] ^= 1;
    assert_ok(peer_register_again(&alice));
    harness_advance_ms(h, 11 * MINUTE_MS);
    assert_fails(peer_register_again(&alice), SOTTO_EEXISTS);
}

/* The token that it would give is a used one. */
static void
a_registration_is_not_repeated_once_its_login_was_renewed(void **state)
{
    struct harness *h = *state;
    struct peer alice;

    peer_init(&alice, h, "alice", "correct horse 1", 1);
    assert_ok(peer_register(&alice));
    assert_ok(peer_refresh(&alice, alice.refresh));
    assert_fails(peer_register_again(&alice), SOTTO_EEXISTS);
    assert_ok(peer_refresh(&alice, alice.refresh));
}

static void
a_repeated_registration_does_not_bring_an_ended_login_back(void **state)
{
    struct harness *h = *state;
    struct peer alice;

    peer_init(&alice, h, "alice", "correct horse 1", 1);
    assert_ok(peer_register(&alice));
    assert_ok(peer_attach(&alice, alice.access));
    assert_ok(peer_logout(&alice, true));

    peer_reconnect(&alice);
    assert_fails(peer_register_again(&alice), SOTTO_EEXISTS);
}

static void
a_record_or_a_device_that_cannot_be_is_refused(void **state)
{
    struct harness *h = *state;
    struct peer peer;
    Sotto__Auth__V1__RegisterFinishRequest finish = SOTTO__AUTH__V1__REGISTER_FINISH_REQUEST__INIT;
    Sotto__Auth__V1__Device device = SOTTO__AUTH__V1__DEVICE__INIT;
    char long_label[66];
    char control[] = "a\nb";

    peer_init(&peer, h, "alice", "correct horse 1", 1);
    assert_fails(peer_register_again(&peer), SOTTO_EINVALID); /* a record of zeros */

    assert_ok(peer_register(&peer));
    memset(long_label, 'x', sizeof(long_label));
    long_label[65] = '\0';
    finish.name = peer.name;
    finish.record = BYTES(peer.record);
    finish.idempotency_key = BYTES(peer.idempotency);
    assert_fails(harness_rpc(h, peer.session, "RegisterFinish", &finish.base)->status,
                 SOTTO_EINVALID);
    finish.device = &device;
    device.device_id = (ProtobufCBinaryData){15, peer.device};
    assert_fails(harness_rpc(h, peer.session, "RegisterFinish", &finish.base)->status,
                 SOTTO_EINVALID);
    device.device_id = BYTES(peer.device);
    device.label = long_label;
    assert_fails(harness_rpc(h, peer.session, "RegisterFinish", &finish.base)->status,
                 SOTTO_EINVALID);
    device.label = control;
    assert_fails(harness_rpc(h, peer.session, "RegisterFinish", &finish.base)->status,
                 SOTTO_EINVALID);
}

/* ---- login ----------------------------------------------------------------------------------- */

static void
a_wrong_password_and_an_unknown_user_are_told_the_same(void **state)
{
    struct harness *h = *state;
    struct peer alice, wrong, nobody;

    peer_join(&alice, h, "alice", 1);
    peer_init(&wrong, h, "alice", "wrong", 2);
    peer_init(&nobody, h, "nobody", "wrong", 2);

    assert_fails(peer_login(&wrong), SOTTO_EAUTH);
    assert_fails(peer_login(&nobody), SOTTO_EAUTH);
    assert_string_equal(wrong.answer->text, nobody.answer->text);
    assert_int_equal(harness_metric(h, "logins_total", 1), 2);
}

static void
a_login_start_serves_one_try_within_a_minute(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    Sotto__Auth__V1__LoginStartReply reply;
    Sotto__Auth__V1__LoginFinishRequest finish = SOTTO__AUTH__V1__LOGIN_FINISH_REQUEST__INIT;
    Sotto__Auth__V1__Device device = SOTTO__AUTH__V1__DEVICE__INIT;
    uint8_t ke3[64] = {0};

    peer_join(&alice, h, "alice", 1);
    assert_ok(peer_login_start(&alice, &reply));
    device.device_id = BYTES(alice.device);
    finish.login_start_id = reply.login_start_id;
    finish.ke3 = BYTES(ke3);
    finish.device = &device;

    assert_fails(harness_rpc(h, alice.session, "LoginFinish", &finish.base)->status, SOTTO_EAUTH);
    assert_fails(harness_rpc(h, alice.session, "LoginFinish", &finish.base)->status, SOTTO_EAUTH);
    memset(reply.login_start_id.data, 0xff, reply.login_start_id.len);
    assert_fails(harness_rpc(h, alice.session, "LoginFinish", &finish.base)->status, SOTTO_EAUTH);
}

static int
start_with_three_login_starts(void **state)
{
    struct harness *h = harness_create(sotto_module_entry());

    harness_set(h, "login_starts", "3");
    *state = h;
    return harness_start(h);
}

static void
unfinished_logins_are_bounded_in_number_and_in_time(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    Sotto__Auth__V1__LoginStartReply reply;

    peer_join(&alice, h, "alice", 1);
    for (int i = 0; i < 3; i++)
        assert_ok(peer_login_start(&alice, &reply));
    assert_ok(
        peer_login(&alice)); /* in the place of the oldest: nobody is kept out by who begins many */
    for (int i = 0; i < 7; i++)
        assert_ok(peer_login_start(&alice, &reply));
    assert_ok(peer_login(&alice));

    harness_advance_ms(h, MINUTE_MS);
    assert_ok(peer_login(&alice));
    assert_ok(peer_login(&alice)); /* a finished login leaves its place */
}

static void
a_message_that_is_no_opaque_message_is_refused(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    Sotto__Auth__V1__LoginStartRequest login = SOTTO__AUTH__V1__LOGIN_START_REQUEST__INIT;
    Sotto__Auth__V1__RegisterStartRequest reg = SOTTO__AUTH__V1__REGISTER_START_REQUEST__INIT;
    uint8_t junk[96];

    peer_join(&alice, h, "alice", 1);
    memset(junk, 0xff, sizeof(junk));
    login.name = alice.name;
    login.ke1 = BYTES(junk);
    assert_fails(harness_rpc(h, alice.session, "LoginStart", &login.base)->status, SOTTO_EINVALID);
    login.ke1.len = 95;
    assert_fails(harness_rpc(h, alice.session, "LoginStart", &login.base)->status, SOTTO_EINVALID);
    reg.name = (char *)"bob";
    reg.request = (ProtobufCBinaryData){32, junk};
    assert_fails(harness_rpc(h, alice.session, "RegisterStart", &reg.base)->status, SOTTO_EINVALID);
}

/* ---- attach ---------------------------------------------------------------------------------- */

static void
attach_binds_the_connection_until_the_token_expires(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    const struct sotto_identity *who;

    peer_join(&alice, h, "alice", 7);
    who = harness_identity(h, alice.session);

    assert_non_null(who);
    assert_memory_equal(who->user, alice.user, SOTTO_ID_BYTES);
    assert_memory_equal(who->device, alice.device, SOTTO_ID_BYTES);
    assert_memory_equal(who->login, alice.login, SOTTO_ID_BYTES);
    assert_int_equal(who->expires_ms, alice.access_expires * 1000);
    assert_int_equal(alice.access_expires, harness_now_ms(h) / 1000 + 15 * 60);
    assert_int_equal(alice.refresh_expires, harness_now_ms(h) / 1000 + 7 * 24 * 60 * 60);
}

static void
an_expired_or_forged_token_does_not_attach(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    char forged[2100];

    peer_join(&alice, h, "alice", 1);
    peer_reconnect(&alice);
    memcpy(forged, alice.access, sizeof(forged));
    forged[60] ^= 1;
    assert_fails(peer_attach(&alice, forged), SOTTO_EAUTH);
    assert_int_equal(harness_closed(h, alice.session), SOTTO_GOODBYE_UNAUTHENTICATED);
    peer_reconnect(&alice);
    assert_fails(peer_attach(&alice, ""), SOTTO_EAUTH);
    peer_reconnect(&alice);
    assert_ok(peer_attach(&alice, alice.access));
    assert_fails(peer_attach(&alice, forged), SOTTO_EAUTH);
    assert_int_equal(harness_closed(h, alice.session), 0);

    harness_advance_ms(h, 15 * MINUTE_MS);
    peer_reconnect(&alice);
    assert_fails(peer_attach(&alice, alice.access), SOTTO_EAUTH);
    assert_null(harness_identity(h, alice.session));
    assert_int_equal(harness_metric(h, "token_checks_total", 1), 4);
}

static void
attaching_as_somebody_else_closes_the_connection(void **state)
{
    struct harness *h = *state;
    struct peer alice, bob;

    peer_join(&alice, h, "alice", 1);
    peer_join(&bob, h, "bob", 2);
    assert_ok(peer_attach(&alice, alice.access));
    assert_fails(peer_attach(&alice, bob.access), SOTTO_EPRECONDITION);
    assert_int_equal(harness_closed(h, alice.session), SOTTO_GOODBYE_UNAUTHENTICATED);
}

static void
each_token_has_its_own_jti(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    char first[2100];

    peer_join(&alice, h, "alice", 1);
    memcpy(first, alice.access, sizeof(first));
    assert_ok(peer_login(&alice));
    assert_string_not_equal(first, alice.access);
}

/* ---- secrets --------------------------------------------------------------------------------- */

static void
file_path(struct harness *h, const char *name, char *path, size_t size)
{
    struct sotto_host *host = harness_host(h);

    snprintf(path, size, "%s/secrets/%s", host->api->data_dir(host), name);
}

static void
secrets_are_made_for_the_owner_alone(void **state)
{
    static const char *const names[] = {"opaque", "refresh", "token"};
    struct harness *h = *state;
    char path[512];
    struct stat status;

    for (size_t i = 0; i < 3; i++) {
        file_path(h, names[i], path, sizeof(path));
        assert_ok(stat(path, &status));
        assert_int_equal(status.st_mode & 07777, 0600);
    }
}

static void
a_secret_that_others_may_read_is_refused_at_start(void **state)
{
    static const char *const names[] = {"opaque", "refresh", "token"};
    struct harness *h = *state;
    char path[512];

    harness_stop(h);
    for (size_t i = 0; i < 3; i++) {
        file_path(h, names[i], path, sizeof(path));
        assert_ok(chmod(path, 0644));
        assert_int_not_equal(harness_start(h), 0);
        assert_non_null(strstr(harness_error(h), "chmod 600"));
        assert_ok(chmod(path, 0600));
    }
    assert_ok(harness_start(h));
}

static void
a_token_secret_that_will_not_do_is_refused_and_not_shown(void **state)
{
    static const char *const bad[] = {"short-secret", "changeme-changeme-changeme-0123456789",
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    struct harness *h = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        harness_set(h, "token_secret", bad[i]);
        assert_int_not_equal(harness_start(h), 0);
        assert_null(strstr(harness_error(h), bad[i]));
    }
    harness_set(h, "token_secret", "k3Vq9mZt1xLr7wBn5cYh2sDf8gJp4aQe");
    assert_ok(harness_start(h));
}

static void
a_damaged_secret_file_is_refused_at_start(void **state)
{
    struct harness *h = *state;
    char path[512];

    harness_stop(h);
    file_path(h, "opaque", path, sizeof(path));
    assert_ok(truncate(path, 95));
    assert_int_not_equal(harness_start(h), 0);
    assert_non_null(strstr(harness_error(h), "backup"));
    file_path(h, "token", path, sizeof(path));
    assert_ok(truncate(path, 0));
    assert_int_not_equal(harness_start(h), 0);
}

static void
another_opaque_setup_than_that_of_the_accounts_is_noticed(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    char path[512];

    peer_join(&alice, h, "alice", 1);
    harness_stop(h);
    file_path(h, "opaque", path, sizeof(path));
    assert_ok(unlink(path));
    assert_ok(harness_start(h));
    harness_run(h);

    assert_int_not_equal(harness_health(h), 0);
    peer_reconnect(&alice);
    assert_fails(peer_login(&alice), SOTTO_EUNAVAILABLE);
    assert_ok(peer_attach(&alice, alice.access)); /* open logins are not concerned */
}

static void
a_token_of_the_previous_secret_is_accepted_while_it_is_configured(void **state)
{
    static const char old_secret[] = "k3Vq9mZt1xLr7wBn5cYh2sDf8gJp4aQe";
    static const char new_secret[] = "Zt1xLr7wBn5cYh2sDf8gJp4aQek3Vq9m";
    struct harness *h = *state;
    struct peer alice;

    harness_set(h, "token_secret", old_secret);
    assert_ok(harness_start(h));
    peer_join(&alice, h, "alice", 1);

    harness_stop(h);
    harness_set(h, "token_secret", new_secret);
    harness_set(h, "token_secret_previous", old_secret);
    assert_ok(harness_start(h));
    peer_reconnect(&alice);
    assert_ok(peer_attach(&alice, alice.access));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, auth_start, auth_stop)

static const struct CMUnitTest tests[] = {
    CASE(a_new_name_is_registered_and_can_log_in),
    CASE(a_taken_name_is_refused_in_any_case_of_letters),
    CASE(a_name_outside_the_rules_is_refused_and_the_field_is_named),
    CASE(a_repeated_registration_is_answered_like_the_first),
    CASE(a_registration_is_not_repeated_once_its_login_was_renewed),
    CASE(a_repeated_registration_does_not_bring_an_ended_login_back),
    CASE(a_record_or_a_device_that_cannot_be_is_refused),
    CASE(a_wrong_password_and_an_unknown_user_are_told_the_same),
    CASE(a_login_start_serves_one_try_within_a_minute),
    cmocka_unit_test_setup_teardown(unfinished_logins_are_bounded_in_number_and_in_time,
                                    start_with_three_login_starts, auth_stop),
    CASE(a_message_that_is_no_opaque_message_is_refused),
    CASE(attach_binds_the_connection_until_the_token_expires),
    CASE(an_expired_or_forged_token_does_not_attach),
    CASE(attaching_as_somebody_else_closes_the_connection),
    CASE(each_token_has_its_own_jti),
    CASE(secrets_are_made_for_the_owner_alone),
    CASE(a_secret_that_others_may_read_is_refused_at_start),
    cmocka_unit_test_setup_teardown(a_token_secret_that_will_not_do_is_refused_and_not_shown,
                                    create_only, auth_stop),
    CASE(a_damaged_secret_file_is_refused_at_start),
    CASE(another_opaque_setup_than_that_of_the_accounts_is_noticed),
    cmocka_unit_test_setup_teardown(
        a_token_of_the_previous_secret_is_accepted_while_it_is_configured, create_only, auth_stop),
};

SOTTO_TEST_MAIN(tests)
