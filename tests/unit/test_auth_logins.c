/* SPDX-License-Identifier: MIT */
/*
 * What comes after a login: refresh tokens and their reuse, the end of logins on every path, what a
 * user sees of the own logins, and that all of it holds across restarts and a store that fails.
 */
#include "sotto_test.h"

#include "auth_peer.h"

#define SECOND_MS 1000
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60LL * MINUTE_MS)

/* Whether the newest published fact is the end of this login for this reason. */
static void
assert_end_published(struct harness *h, const uint8_t login[SOTTO_ID_BYTES], const char *why)
{
    const size_t count = harness_publish_count(h);
    const struct harness_publish *fact;
    Sotto__Auth__V1__LoginEnded *ended;

    assert_true(count > 0);
    fact = harness_publish_at(h, count - 1);
    assert_string_equal(fact->topic, "auth.login.ended.v1");
    ended = sotto__auth__v1__login_ended__unpack(NULL, fact->payload.size, fact->payload.data);
    assert_non_null(ended);
    assert_memory_equal(ended->login_id.data, login, SOTTO_ID_BYTES);
    assert_memory_equal(fact->key.data, ended->user_id.data, SOTTO_ID_BYTES);
    assert_string_equal(ended->why, why);
    sotto__auth__v1__login_ended__free_unpacked(ended, NULL);
}

/* Neither the access token nor the refresh token of this login opens anything. */
static void
assert_dead(struct peer *peer)
{
    struct peer copy = *peer;

    peer_reconnect(&copy);
    assert_fails(peer_attach(&copy, peer->access), SOTTO_EAUTH);
    assert_fails(peer_refresh(&copy, peer->refresh), SOTTO_EAUTH);
}

/* ---- refresh --------------------------------------------------------------------------------- */

static void
a_refresh_gives_the_next_token_and_a_longer_attachment(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    uint8_t login[SOTTO_ID_BYTES], first[32];

    peer_join(&alice, h, "alice", 1);
    memcpy(login, alice.login, sizeof(login));
    memcpy(first, alice.refresh, sizeof(first));
    harness_advance_ms(h, 10 * MINUTE_MS);
    assert_ok(peer_refresh(&alice, first));

    assert_memory_equal(alice.login, login, sizeof(login));
    assert_memory_not_equal(alice.refresh, first, sizeof(first));
    assert_int_equal(alice.access_expires, harness_now_ms(h) / 1000 + 15 * 60);
    assert_ok(peer_attach(&alice, alice.access));
    assert_int_equal(harness_identity(h, alice.session)->expires_ms, alice.access_expires * 1000);
    for (int i = 0; i < 20; i++) {
        harness_advance_ms(h, HOUR_MS);
        assert_ok(peer_refresh(&alice, alice.refresh));
    }
}

static void
a_used_refresh_token_that_comes_back_ends_the_login(void **state)
{
    struct harness *h = *state;
    struct peer alice, phone, thief;
    uint8_t used[32];

    peer_join(&alice, h, "alice", 1);
    peer_join_device(&phone, h, "alice", 2);
    memcpy(used, alice.refresh, sizeof(used));
    assert_ok(peer_refresh(&alice, alice.refresh));
    harness_advance_ms(h, 10 * SECOND_MS + 1);
    harness_forget(h);
    thief = alice;
    peer_reconnect(&thief);
    assert_fails(peer_refresh(&thief, used), SOTTO_EAUTH);

    assert_dead(&alice);
    assert_int_equal(harness_closed(h, alice.session), SOTTO_GOODBYE_UNAUTHENTICATED);
    assert_end_published(h, alice.login, "reused");
    /* The user's other client is told and goes on. */
    assert_int_equal(harness_push_count(h), 2);
    assert_int_equal(harness_closed(h, phone.session), 0);
    assert_ok(peer_refresh(&phone, phone.refresh));
}

static void
an_old_ancestor_ends_the_login_even_within_the_race_window(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    uint8_t first[32];

    peer_join(&alice, h, "alice", 1);
    memcpy(first, alice.refresh, sizeof(first));
    assert_ok(peer_refresh(&alice, alice.refresh));
    assert_ok(peer_refresh(&alice, alice.refresh));
    assert_fails(peer_refresh(&alice, first), SOTTO_EAUTH);
    assert_dead(&alice);
}

static void
a_race_of_one_device_gets_one_and_the_same_successor(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    uint8_t first[32], successor[32];

    peer_join(&alice, h, "alice", 1);
    memcpy(first, alice.refresh, sizeof(first));
    assert_ok(peer_refresh(&alice, first));
    memcpy(successor, alice.refresh, sizeof(successor));
    for (int i = 0; i < 50; i++) {
        assert_ok(peer_refresh(&alice, first));
        assert_memory_equal(alice.refresh, successor, sizeof(successor));
    }
    harness_advance_ms(h, 10 * SECOND_MS);
    assert_ok(peer_refresh(&alice, first));
    assert_ok(peer_refresh(&alice, successor));
}

static void
a_refresh_token_in_another_device_ends_the_login(void **state)
{
    struct harness *h = *state;
    struct peer alice, thief;

    peer_join(&alice, h, "alice", 1);
    thief = alice;
    memset(thief.device, 9, sizeof(thief.device));
    peer_reconnect(&thief);
    assert_fails(peer_refresh(&thief, alice.refresh), SOTTO_EAUTH);
    assert_dead(&alice);
}

static void
an_unknown_or_expired_refresh_token_is_refused_and_ends_nothing(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    uint8_t unknown[32] = {1};

    peer_join(&alice, h, "alice", 1);
    assert_fails(peer_refresh(&alice, unknown), SOTTO_EAUTH);
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_logins"), 1);
    harness_advance_ms(h, 7 * 24 * HOUR_MS);
    assert_fails(peer_refresh(&alice, alice.refresh), SOTTO_EAUTH);
}

static void
an_expired_refresh_token_is_refused_before_it_is_cleaned_away(void **state)
{
    struct harness *h = *state;
    struct peer alice;

    harness_advance_ms(h, 5 * MINUTE_MS); /* between two rounds of the cleaning */
    peer_join(&alice, h, "alice", 1);
    harness_advance_ms(h, 7 * 24 * HOUR_MS);

    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_refresh"), 1);
    assert_fails(peer_refresh(&alice, alice.refresh), SOTTO_EAUTH);
}

static void
a_login_that_renews_without_an_end_is_stopped_and_its_used_tokens_stay_known(void **state)
{
    const int remembered = 64 + 4 * 7 * 24 * 4; /* a week of quarters of an hour, four times */
    struct harness *h = *state;
    struct peer alice;
    uint8_t first[32], last[32];

    peer_join(&alice, h, "alice", 1);
    memcpy(first, alice.refresh, sizeof(first));
    for (int i = 1; i < remembered; i++) {
        memcpy(last, alice.refresh, sizeof(last));
        assert_ok(peer_refresh(&alice, alice.refresh));
    }

    assert_fails(peer_refresh(&alice, alice.refresh), SOTTO_EEXHAUSTED);
    assert_ok(peer_refresh(&alice, last)); /* the race of the last one still gets its answer */
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_refresh"), remembered);
    assert_fails(peer_refresh(&alice, first), SOTTO_EAUTH);
    assert_dead(&alice);
}

static void
a_derived_token_survives_a_restart_and_stands_nowhere_in_the_store(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    uint8_t first[32], successor[32];
    char sql[256] = "SELECT count(*) FROM auth_refresh WHERE hash = x'";

    peer_join(&alice, h, "alice", 1);
    memcpy(first, alice.refresh, sizeof(first));
    assert_ok(peer_refresh(&alice, first));
    memcpy(successor, alice.refresh, sizeof(successor));
    harness_stop(h);
    assert_ok(harness_start(h));
    peer_reconnect(&alice);
    assert_ok(peer_refresh(&alice, first));
    assert_memory_equal(alice.refresh, successor, sizeof(successor));

    for (size_t i = 0; i < sizeof(successor); i++)
        snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), "%02x", successor[i]);
    snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), "'");
    assert_int_equal(harness_sql(h, sql), 0);
}

/* ---- the number of logins -------------------------------------------------------------------- */

static void
the_sixth_login_ends_the_one_that_was_unused_for_longest(void **state)
{
    struct harness *h = *state;
    struct peer peers[6];

    peer_join(&peers[0], h, "alice", 1);
    for (int i = 1; i < 5; i++) {
        harness_advance_ms(h, MINUTE_MS);
        peer_join_device(&peers[i], h, "alice", (uint8_t)(i + 1));
    }
    /* The first is used again, so the second is the oldest now. */
    harness_advance_ms(h, MINUTE_MS);
    assert_ok(peer_refresh(&peers[0], peers[0].refresh));
    peer_join_device(&peers[5], h, "alice", 6);

    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_logins"), 5);
    assert_dead(&peers[1]);
    assert_int_equal(harness_closed(h, peers[1].session), SOTTO_GOODBYE_UNAUTHENTICATED);
    assert_end_published(h, peers[1].login, "evicted");
    assert_ok(peer_refresh(&peers[0], peers[0].refresh));
    assert_ok(peer_refresh(&peers[5], peers[5].refresh));
}

static void
a_device_has_one_login(void **state)
{
    struct harness *h = *state;
    struct peer alice, again;

    peer_join(&alice, h, "alice", 1);
    peer_join_device(&again, h, "alice", 1);

    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_logins"), 1);
    assert_dead(&alice);
    assert_end_published(h, alice.login, "replaced");
    assert_ok(peer_attach(&again, again.access));
}

/* ---- ending logins --------------------------------------------------------------------------- */

static void
a_revoked_login_is_dead_at_once(void **state)
{
    struct harness *h = *state;
    struct peer alice, phone;

    peer_join(&alice, h, "alice", 1);
    peer_join_device(&phone, h, "alice", 2);
    assert_ok(peer_revoke(&alice, phone.login));

    assert_int_equal(harness_closed(h, phone.session), SOTTO_GOODBYE_UNAUTHENTICATED);
    assert_dead(&phone);
    assert_end_published(h, phone.login, "revoked");
    assert_fails(peer_revoke(&alice, phone.login), SOTTO_ENOTFOUND);
    assert_int_equal(harness_closed(h, alice.session), 0);
}

static void
a_login_is_revoked_by_its_access_token(void **state)
{
    struct harness *h = *state;
    struct peer alice, phone, bob;
    Sotto__Auth__V1__RevokeRequest request = SOTTO__AUTH__V1__REVOKE_REQUEST__INIT;

    peer_join(&alice, h, "alice", 1);
    peer_join_device(&phone, h, "alice", 2);
    peer_join(&bob, h, "bob", 3);
    request.what_case = SOTTO__AUTH__V1__REVOKE_REQUEST__WHAT_ACCESS_TOKEN;
    request.access_token = phone.access;

    assert_fails(harness_rpc(h, bob.session, "Revoke", &request.base)->status, SOTTO_EINVALID);
    assert_ok(harness_rpc(h, alice.session, "Revoke", &request.base)->status);
    assert_dead(&phone);
    request.what_case = SOTTO__AUTH__V1__REVOKE_REQUEST__WHAT__NOT_SET;
    assert_fails(harness_rpc(h, alice.session, "Revoke", &request.base)->status, SOTTO_EINVALID);
}

static void
somebody_elses_login_looks_like_none(void **state)
{
    struct harness *h = *state;
    struct peer alice, bob;
    uint8_t unknown[SOTTO_ID_BYTES] = {1};
    char text[512];

    peer_join(&alice, h, "alice", 1);
    peer_join(&bob, h, "bob", 2);
    assert_fails(peer_revoke(&bob, unknown), SOTTO_ENOTFOUND);
    snprintf(text, sizeof(text), "%s", bob.answer->text);
    assert_fails(peer_revoke(&bob, alice.login), SOTTO_ENOTFOUND);
    assert_string_equal(bob.answer->text, text);
    assert_int_equal(harness_closed(h, alice.session), 0);
}

static void
a_logout_ends_this_login_or_all_of_them(void **state)
{
    struct harness *h = *state;
    struct peer alice, phone, tablet;

    peer_join(&alice, h, "alice", 1);
    peer_join_device(&phone, h, "alice", 2);
    peer_join_device(&tablet, h, "alice", 3);

    assert_ok(peer_logout(&phone, false));
    assert_int_equal(((const Sotto__Auth__V1__LogoutReply *)phone.answer->message)->ended, 1);
    assert_dead(&phone);
    assert_int_equal(harness_closed(h, alice.session), 0);

    assert_ok(peer_logout(&alice, true));
    assert_int_equal(((const Sotto__Auth__V1__LogoutReply *)alice.answer->message)->ended, 2);
    assert_dead(&alice);
    assert_dead(&tablet);
    assert_int_equal(harness_metric(h, "logins_ended_total", 0), 3);
}

static void
a_revocation_survives_a_restart(void **state)
{
    struct harness *h = *state;
    struct peer alice, phone;

    peer_join(&alice, h, "alice", 1);
    peer_join_device(&phone, h, "alice", 2);
    assert_ok(peer_revoke(&alice, phone.login));
    harness_stop(h);
    assert_ok(harness_start(h));
    assert_dead(&phone);
    peer_reconnect(&alice);
    assert_ok(peer_attach(&alice, alice.access));
}

static void
a_revocation_holds_while_the_store_refuses_work(void **state)
{
    struct harness *h = *state;
    struct peer alice, phone;

    peer_join(&alice, h, "alice", 1);
    peer_join_device(&phone, h, "alice", 2);
    assert_ok(peer_revoke(&alice, phone.login));
    harness_refuse_store(h, true);

    peer_reconnect(&phone);
    assert_fails(peer_attach(&phone, phone.access), SOTTO_EAUTH);
    assert_fails(peer_refresh(&phone, phone.refresh), SOTTO_EUNAVAILABLE);
    peer_reconnect(&alice);
    assert_ok(peer_attach(&alice, alice.access));
    assert_fails(peer_logout(&alice, false), SOTTO_EUNAVAILABLE);
    assert_fails(peer_login(&alice), SOTTO_EUNAVAILABLE);
}

static void
a_commit_that_fails_gives_no_tokens_and_ends_nothing(void **state)
{
    struct harness *h = *state;
    struct peer alice;

    peer_join(&alice, h, "alice", 1);
    harness_fail_commits(h, 1);
    assert_fails(peer_login(&alice), SOTTO_EIO);
    harness_fail_commits(h, 1);
    assert_fails(peer_logout(&alice, true), SOTTO_EIO);
    harness_fail_commits(h, 1);
    assert_fails(peer_refresh(&alice, alice.refresh), SOTTO_EIO);
    assert_int_equal(harness_closed(h, alice.session), 0);
    assert_ok(peer_refresh(&alice, alice.refresh));
}

/* ---- what a user sees ------------------------------------------------------------------------ */

static void
open_logins_are_listed_with_program_and_address(void **state)
{
    struct harness *h = *state;
    struct peer alice, phone;
    Sotto__Auth__V1__ListLoginsRequest request = SOTTO__AUTH__V1__LIST_LOGINS_REQUEST__INIT;
    const Sotto__Auth__V1__ListLoginsReply *reply;

    peer_join(&alice, h, "alice", 1);
    harness_advance_ms(h, MINUTE_MS);
    peer_init(&phone, h, "alice", alice.password, 2);
    harness_set_address(h, phone.session, "2001:db8::7");
    assert_ok(peer_login(&phone));
    reply = (const void *)harness_rpc(h, alice.session, "ListLogins", &request.base)->message;

    assert_int_equal(reply->n_logins, 2);
    assert_memory_equal(reply->logins[0]->login_id.data, alice.login, SOTTO_ID_BYTES);
    assert_true(reply->logins[0]->current);
    assert_string_equal(reply->logins[0]->address, "192.0.2.1");
    assert_false(reply->logins[1]->current);
    assert_string_equal(reply->logins[1]->address, "2001:db8::7");
    assert_string_equal(reply->logins[1]->user_agent, "sotto/1.0");
    assert_string_equal(reply->logins[1]->label, "laptop");
    assert_memory_equal(reply->logins[1]->device_id.data, phone.device, SOTTO_ID_BYTES);
    assert_int_equal(reply->logins[1]->created, harness_now_ms(h) / 1000);
    assert_int_equal(reply->logins[1]->expires, phone.refresh_expires);
}

static void
who_am_i_names_user_device_and_login(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    Sotto__Auth__V1__WhoAmIRequest request = SOTTO__AUTH__V1__WHO_AM_IREQUEST__INIT;
    const Sotto__Auth__V1__WhoAmIReply *reply;

    peer_join(&alice, h, "Alice", 1);
    reply = (const void *)harness_rpc(h, alice.session, "WhoAmI", &request.base)->message;

    assert_non_null(reply);
    assert_string_equal(reply->name, "Alice");
    assert_memory_equal(reply->user_id.data, alice.user, SOTTO_ID_BYTES);
    assert_memory_equal(reply->login_id.data, alice.login, SOTTO_ID_BYTES);
    assert_int_equal(reply->expires, alice.access_expires);
}

static void
users_are_found_by_name_and_by_id(void **state)
{
    struct harness *h = *state;
    struct peer alice, bob;
    Sotto__Auth__V1__LookupUsersRequest request = SOTTO__AUTH__V1__LOOKUP_USERS_REQUEST__INIT;
    const Sotto__Auth__V1__LookupUsersReply *reply;
    char *names[] = {(char *)"ALICE", (char *)"nobody", (char *)"not a name", (char *)"bob"};
    uint8_t unknown[SOTTO_ID_BYTES] = {1};
    ProtobufCBinaryData ids[2];

    peer_join(&alice, h, "Alice", 1);
    peer_join(&bob, h, "bob", 2);
    ids[0] = BYTES(bob.user);
    ids[1] = BYTES(unknown);
    request.names = names;
    request.n_names = 4;
    request.user_ids = ids;
    request.n_user_ids = 2;
    reply = (const void *)harness_rpc(h, alice.session, "LookupUsers", &request.base)->message;

    assert_non_null(reply);
    assert_int_equal(reply->n_users, 3);
    assert_string_equal(reply->users[0]->name, "Alice");
    assert_memory_equal(reply->users[0]->user_id.data, alice.user, SOTTO_ID_BYTES);
    assert_string_equal(reply->users[1]->name, "bob");
    assert_string_equal(reply->users[2]->name, "bob");
    ids[1].len = 15;
    assert_fails(harness_rpc(h, alice.session, "LookupUsers", &request.base)->status,
                 SOTTO_EINVALID);
}

static void
at_most_200_users_are_looked_up_at_once(void **state)
{
    struct harness *h = *state;
    struct peer alice;
    Sotto__Auth__V1__LookupUsersRequest request = SOTTO__AUTH__V1__LOOKUP_USERS_REQUEST__INIT;
    uint8_t unknown[SOTTO_ID_BYTES] = {1};
    ProtobufCBinaryData ids[201];
    char *names[201];

    peer_join(&alice, h, "alice", 1);
    for (size_t i = 0; i < 201; i++) {
        names[i] = (char *)"alice";
        ids[i] = BYTES(unknown);
    }
    request.names = names;
    request.user_ids = ids;
    for (size_t count = 0; count <= 201; count += 67) {
        request.n_names = count;
        request.n_user_ids = 200 - (count < 200 ? count : 200);
        assert_int_equal(harness_rpc(h, alice.session, "LookupUsers", &request.base)->status,
                         count <= 200 ? SOTTO_OK : SOTTO_EINVALID);
        request.n_user_ids++;
        assert_fails(harness_rpc(h, alice.session, "LookupUsers", &request.base)->status,
                     SOTTO_EINVALID);
    }
}

static void
a_stranger_may_only_knock(void **state)
{
    static const char *const methods[] = {"WhoAmI", "ListLogins", "Revoke", "Logout",
                                          "LookupUsers"};
    struct harness *h = *state;
    const uint64_t stranger = harness_connect(h);
    Sotto__Auth__V1__WhoAmIRequest who = SOTTO__AUTH__V1__WHO_AM_IREQUEST__INIT;
    Sotto__Auth__V1__ListLoginsRequest list = SOTTO__AUTH__V1__LIST_LOGINS_REQUEST__INIT;
    Sotto__Auth__V1__RevokeRequest revoke = SOTTO__AUTH__V1__REVOKE_REQUEST__INIT;
    Sotto__Auth__V1__LogoutRequest logout = SOTTO__AUTH__V1__LOGOUT_REQUEST__INIT;
    Sotto__Auth__V1__LookupUsersRequest lookup = SOTTO__AUTH__V1__LOOKUP_USERS_REQUEST__INIT;
    const ProtobufCMessage *const requests[] = {&who.base, &list.base, &revoke.base, &logout.base,
                                                &lookup.base};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        assert_fails(harness_rpc(h, stranger, methods[i], requests[i])->status, SOTTO_EAUTH);
}

/* ---- housekeeping ---------------------------------------------------------------------------- */

static void
rows_whose_time_has_passed_are_removed_and_counted(void **state)
{
    struct harness *h = *state;
    struct peer alice, phone;

    peer_join(&alice, h, "alice", 1);
    peer_join_device(&phone, h, "alice", 2);
    assert_ok(peer_logout(&phone, false));
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_ended"), 1);

    harness_advance_ms(h, 30 * MINUTE_MS);
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_ended"), 0);
    assert_int_equal(harness_metric(h, "cleaned_rows_total", 2), 1);
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_logins"), 1);

    harness_advance_ms(h, 8 * 24 * HOUR_MS);
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_logins"), 0);
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_refresh"), 0);
    assert_int_equal(harness_metric(h, "cleaned_rows_total", 0), 1);
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_users"), 1);
}

static void
a_used_refresh_token_is_forgotten_when_its_time_has_passed(void **state)
{
    struct harness *h = *state;
    struct peer alice;

    peer_join(&alice, h, "alice", 1);
    harness_advance_ms(h, 5 * 24 * HOUR_MS);
    assert_ok(peer_refresh(&alice, alice.refresh));
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_refresh"), 2);

    harness_advance_ms(h, 3 * 24 * HOUR_MS);
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM auth_refresh"), 1);
    assert_int_equal(harness_metric(h, "cleaned_rows_total", 1), 1);
    assert_ok(peer_refresh(&alice, alice.refresh));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, auth_start, auth_stop)
#define TWICE(name)                                                                          \
    {                                                                                        \
#name " (writes run twice)", name, auth_start_with_writes_run_twice, auth_stop, NULL \
    }

static const struct CMUnitTest tests[] = {
    CASE(a_refresh_gives_the_next_token_and_a_longer_attachment),
    CASE(a_used_refresh_token_that_comes_back_ends_the_login),
    CASE(an_old_ancestor_ends_the_login_even_within_the_race_window),
    CASE(a_race_of_one_device_gets_one_and_the_same_successor),
    CASE(a_refresh_token_in_another_device_ends_the_login),
    CASE(an_unknown_or_expired_refresh_token_is_refused_and_ends_nothing),
    CASE(an_expired_refresh_token_is_refused_before_it_is_cleaned_away),
    CASE(a_login_that_renews_without_an_end_is_stopped_and_its_used_tokens_stay_known),
    CASE(a_derived_token_survives_a_restart_and_stands_nowhere_in_the_store),
    CASE(the_sixth_login_ends_the_one_that_was_unused_for_longest),
    CASE(a_device_has_one_login),
    CASE(a_revoked_login_is_dead_at_once),
    CASE(a_login_is_revoked_by_its_access_token),
    CASE(somebody_elses_login_looks_like_none),
    CASE(a_logout_ends_this_login_or_all_of_them),
    CASE(a_revocation_survives_a_restart),
    CASE(a_revocation_holds_while_the_store_refuses_work),
    CASE(a_commit_that_fails_gives_no_tokens_and_ends_nothing),
    CASE(open_logins_are_listed_with_program_and_address),
    CASE(who_am_i_names_user_device_and_login),
    CASE(users_are_found_by_name_and_by_id),
    CASE(at_most_200_users_are_looked_up_at_once),
    CASE(a_stranger_may_only_knock),
    CASE(rows_whose_time_has_passed_are_removed_and_counted),
    CASE(a_used_refresh_token_is_forgotten_when_its_time_has_passed),
    TWICE(a_used_refresh_token_that_comes_back_ends_the_login),
    TWICE(a_race_of_one_device_gets_one_and_the_same_successor),
    TWICE(the_sixth_login_ends_the_one_that_was_unused_for_longest),
    TWICE(a_device_has_one_login),
    TWICE(a_logout_ends_this_login_or_all_of_them),
};

SOTTO_TEST_MAIN(tests)
