/* SPDX-License-Identifier: MIT */
/* Users who deleted their accounts, in the chats that they were in: out at once, told to the others, never to come
 * back. */
#include "sotto_test.h"

#include "auth.pb-c.h"
#include "chat_peer.h"

#define ACCOUNT_DELETED SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ACCOUNT_DELETED
#define PROPOSAL SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_PROPOSAL
#define ROLE SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ROLE

/* The fact, as auth tells it; nothing has run after it. */
static void
tell(struct chat_rig *rig, const struct chat_peer *peer)
{
    Sotto__Auth__V1__AccountDeleted fact = SOTTO__AUTH__V1__ACCOUNT_DELETED__INIT;
    uint8_t signature[64] = {9}, payload[192];
    struct sotto_view view = {.data = payload};

    fact.user_id = (ProtobufCBinaryData){16, (uint8_t *)peer->mls.user};
    fact.by_device = (ProtobufCBinaryData){16, (uint8_t *)peer->mls.device};
    fact.deleted_ms = 1700000000000;
    fact.signature = (ProtobufCBinaryData){64, signature};
    view.size = sotto__auth__v1__account_deleted__pack(&fact, payload);
    harness_fact(rig->h, "auth.account.deleted.v1", (struct sotto_view){peer->mls.user, 16}, view);
}

static void
delete_account(struct chat_rig *rig, const struct chat_peer *peer)
{
    tell(rig, peer);
    harness_run(rig->h);
}

static void
tick(struct chat_rig *rig)
{
    harness_advance_ms(rig->h, 2000);
    harness_run(rig->h);
}

static int64_t
count(struct chat_rig *rig, const char *table)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM %s", table);
    return harness_sql(rig->h, sql);
}

static Sotto__Chat__V1__Role
role_of(struct chat_rig *rig, struct chat_peer *asker, const struct chat_peer *peer)
{
    const Sotto__Chat__V1__ListMembersReply *members = rig_members(rig, asker);

    for (size_t i = 0; i < members->n_members; i++)
        if (memcmp(members->members[i]->user_id.data, peer->mls.user, 16) == 0)
            return members->members[i]->role;
    return SOTTO__CHAT__V1__ROLE__ROLE_UNSPECIFIED;
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

static void
a_group_is_told_with_proof_and_all_leaves_are_proposed(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;
    Sotto__Chat__V1__AccountDeleted *proof;

    rig_list_server(rig);
    rig_group_with_phone(rig);
    delete_account(rig, &rig->bob);

    sync = rig_sync(rig, &rig->carol, 2, false);
    assert_int_equal(sync->n_entries, 3);
    assert_int_equal(sync->entries[0]->kind, ACCOUNT_DELETED);
    assert_memory_equal(sync->entries[0]->sender_user.data, rig->bob.mls.user, 16);
    assert_int_equal(sync->entries[1]->kind, PROPOSAL);
    assert_memory_equal(sync->entries[1]->sender_device.data, rig->bob.mls.device, 16);
    assert_int_equal(sync->entries[2]->kind, PROPOSAL);
    assert_memory_equal(sync->entries[2]->sender_device.data, rig->dora.mls.device, 16);
    proof = sotto__chat__v1__account_deleted__unpack(NULL, sync->entries[0]->message.len,
                                                     sync->entries[0]->message.data);
    assert_non_null(proof);
    assert_memory_equal(proof->user_id.data, rig->bob.mls.user, 16);
    assert_int_equal(proof->deleted_ms, 1700000000000);
    assert_int_equal(proof->signature.data[0], 9);
    sotto__chat__v1__account_deleted__free_unpacked(proof, NULL);
    assert_int_equal(rig_members(rig, &rig->carol)->n_members, 2);
}

/* Nothing is sent before that; a commit by reference takes both leaves, and the epoch after it is theirs who stay. */
static void
members_commit_it_by_reference_after_a_restart(void **state)
{
    struct chat_rig *rig = *state;

    rig_list_server(rig);
    rig_group_with_phone(rig);
    delete_account(rig, &rig->bob);
    rig_restart(rig);
    assert_fails(rig_send(rig, &rig->carol, 1, "too early")->status, SOTTO_EABORTED);
    rig_catch_up(rig, &rig->carol, 2);
    assert_ok(rig_commit(rig, &rig->carol, NULL, NULL)->status);
    assert_int_equal(count(rig, "chat_proposals"), 0);
    assert_int_equal(mls_group_member_count(rig->carol.mls.group), 2);
    rig_catch_up(rig, &rig->alice, 2);
    assert_ok(rig_send(rig, &rig->alice, 2, "in time")->status);
}

static void
who_deleted_the_account_gets_nothing_more_and_finds_no_chat(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X'); /* does not list the server */
    rig_go_live(rig);
    tell(rig, &rig->bob);
    harness_refuse_store(rig->h, true); /* even when nothing could be written yet */
    harness_run(rig->h);
    harness_refuse_store(rig->h, false);
    harness_forget(rig->h);
    assert_ok(rig_send(rig, &rig->alice, 1, "not for bob")->status);
    assert_int_equal(harness_push_count(rig->h), 1);
    assert_int_equal(harness_push_at(rig->h, 0)->session, rig->carol.session);
    for (int method = 0; method < RIG_METHODS; method++)
        assert_fails(rig_any(rig, &rig->bob, method)->status, SOTTO_ENOTFOUND);
}

static void
the_last_owner_is_followed_by_who_is_there_for_the_longest_time(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;
    Sotto__Chat__V1__UserRole *role;

    rig_list_server(rig);
    assert_ok(rig_create(rig, &rig->alice, 'X', GROUP, &rig->carol, NULL)->status);
    assert_ok(rig_commit(rig, &rig->alice, &rig->bob, NULL)->status);
    delete_account(rig, &rig->alice);

    assert_int_equal(role_of(rig, &rig->bob, &rig->carol), OWNER);
    assert_int_equal(role_of(rig, &rig->bob, &rig->bob), MEMBER);
    sync = rig_sync(rig, &rig->bob, 2, false);
    assert_int_equal(sync->entries[1]->kind, ROLE);
    assert_memory_equal(sync->entries[1]->sender_user.data, rig->alice.mls.user, 16);
    role = sotto__chat__v1__user_role__unpack(NULL, sync->entries[1]->message.len,
                                              sync->entries[1]->message.data);
    assert_memory_equal(role->user_id.data, rig->carol.mls.user, 16);
    assert_int_equal(role->role, OWNER);
    sotto__chat__v1__user_role__free_unpacked(role, NULL);
}

static void
an_admin_comes_before_older_members_and_an_owner_needs_no_heir(void **state)
{
    struct chat_rig *rig = *state;

    rig_list_server(rig);
    assert_ok(rig_create(rig, &rig->alice, 'X', GROUP, &rig->carol, NULL)->status);
    assert_ok(rig_commit(rig, &rig->alice, &rig->bob, NULL)->status);
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);
    delete_account(rig, &rig->alice);
    assert_int_equal(role_of(rig, &rig->bob, &rig->bob), OWNER);
    assert_int_equal(role_of(rig, &rig->bob, &rig->carol), MEMBER);
    rig_restart(rig);
    assert_int_equal(role_of(rig, &rig->bob, &rig->bob), OWNER);
    delete_account(rig, &rig->carol);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log WHERE kind = 4"), 2);
}

static void
a_group_that_does_not_list_the_server_is_told_and_any_member_takes_the_leaves_out(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    delete_account(rig, &rig->bob);
    rig->unknown = &rig->bob;
    assert_int_equal(count(rig, "chat_proposals"), 0);
    assert_int_equal(rig_sync(rig, &rig->carol, 1, false)->n_entries, 1);
    assert_ok(rig_send(rig, &rig->carol, 1, "as before")->status);
    rig_restart(rig);
    assert_int_equal(rig_members(rig, &rig->carol)->n_members, 3);
    assert_true(rig_members(rig, &rig->carol)->members[0]->deleted ||
                rig_members(rig, &rig->carol)->members[1]->deleted ||
                rig_members(rig, &rig->carol)->members[2]->deleted);
    assert_ok(rig_commit(rig, &rig->carol, NULL, &rig->bob)->status);
    assert_int_equal(rig_members(rig, &rig->carol)->n_members, 2);
}

static void
a_chat_in_which_nobody_is_left_is_deleted(void **state)
{
    struct chat_rig *rig = *state;

    rig_list_server(rig);
    assert_ok(rig_create(rig, &rig->alice, 'X', GROUP, &rig->bob, NULL)->status);
    delete_account(rig, &rig->alice);
    delete_account(rig, &rig->bob);
    tick(rig);
    assert_int_equal(count(rig, "chat_members"), 0);
    assert_int_equal(count(rig, "chat_seats"), 0);
    assert_int_equal(count(rig, "chat_log"), 0);
}

static void
nobody_adds_who_deleted_the_account_meanwhile(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    rig_group(rig, 'X');
    delete_account(rig, &rig->dora); /* in no chat; keyx was asked a moment before */
    answer = rig_commit(rig, &rig->alice, &rig->dora, NULL);
    assert_fails(answer->status, SOTTO_EPRECONDITION);
    assert_non_null(strstr(answer->text, "deleted"));
    assert_fails(rig_create(rig, &rig->alice, 'D', DIRECT, &rig->dora, NULL)->status,
                 SOTTO_EPRECONDITION);
    assert_fails(rig_create(rig, &rig->dora, 'E', DIRECT, &rig->alice, NULL)->status,
                 SOTTO_EPRECONDITION);
}

/* ---- direct chats ------------------------------------------------------------------------------------------------ */

static void
a_direct_chat_says_so_is_read_and_takes_nothing_more(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;
    const Sotto__Chat__V1__SyncReply *sync;

    rig_list_server(rig);
    assert_ok(rig_create(rig, &rig->alice, 'D', DIRECT, &rig->bob, NULL)->status);
    assert_ok(rig_send(rig, &rig->alice, 1, "goodbye")->status);
    delete_account(rig, &rig->bob);
    rig_restart(rig);

    sync = rig_sync(rig, &rig->alice, 1, false);
    assert_int_equal(sync->n_entries, 2);
    assert_int_equal(sync->entries[1]->kind, ACCOUNT_DELETED);
    assert_int_equal(count(rig, "chat_proposals"), 0);
    assert_ok(rig_send_again(rig, &rig->alice, 1)->status); /* what was taken before stays taken */
    answer = rig_send(rig, &rig->alice, 2, "are you there");
    assert_fails(answer->status, SOTTO_EPRECONDITION);
    assert_non_null(strstr(answer->text, "deleted the account"));
    assert_ok(rig_delete(rig, &rig->alice)->status);
    assert_int_equal(count(rig, "chat_members"), 0);
}

static void
nothing_is_kept_in_a_relay_chat_for_who_will_never_read_it(void **state)
{
    struct chat_rig *rig = *state;

    rig->mode = SOTTO__CHAT__V1__MODE__MODE_RELAY;
    assert_ok(rig_create(rig, &rig->alice, 'D', DIRECT, &rig->bob, NULL)->status);
    assert_ok(rig_send(rig, &rig->alice, 1, "bob never reads this")->status);
    delete_account(rig, &rig->bob);
    rig_ack(rig, &rig->alice, 3, false);
    tick(rig);
    assert_int_equal(count(rig, "chat_log"), 0);
}

static void
a_chat_that_was_reset_gets_no_entry_any_more(void **state)
{
    struct chat_rig *rig = *state;

    rig_list_server(rig);
    rig_group(rig, 'X');
    harness_stop(rig->h);
    harness_sql(rig->h, "UPDATE chat_chats SET replaced_by = randomblob(16)");
    rig_resume(rig);
    delete_account(rig, &rig->bob);
    assert_int_equal(count(rig, "chat_departures"), 0);
    assert_int_equal(count(rig, "chat_log"), 1);
    assert_fails(rig_any(rig, &rig->bob, 0)->status, SOTTO_ENOTFOUND);
}

/* She made no bad change, and yet nobody can take her along. */
static void
an_admin_starts_a_group_anew_without_an_owner_who_is_gone(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    assert_ok(rig_set_role(rig, &rig->alice, &rig->carol, OWNER)->status);
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status); /* seq 4 */
    assert_ok(rig_report(rig, &rig->bob, 4, 1)->status);
    rig->resets = 'X';
    assert_fails(rig_create(rig, &rig->bob, 'Y', GROUP, &rig->alice, NULL)->status, SOTTO_EPERM);
    delete_account(rig, &rig->carol);
    assert_ok(rig_create(rig, &rig->bob, 'Y', GROUP, &rig->alice, NULL)->status);
    assert_int_equal(role_of(rig, &rig->bob, &rig->alice), OWNER);
}

/* ---- crashes and failures ---------------------------------------------------------------------------------------- */

static void
a_departure_that_a_restart_interrupts_goes_on(void **state)
{
    struct chat_rig *rig = *state;

    rig_list_server(rig);
    rig_group(rig, 'X');
    assert_ok(rig_create(rig, &rig->bob, 'D', DIRECT, &rig->carol, NULL)->status);
    /* As if the server had ended between what it remembers and what follows from it. */
    harness_stop(rig->h);
    harness_sql(rig->h,
                "INSERT OR IGNORE INTO chat_deleted (user_id, by_device, deleted_ms, signature)"
                " SELECT user_id, device_id, 1, x'' FROM chat_devices"
                " WHERE substr(user_id, 1, 1) = x'62' LIMIT 1");
    harness_sql(rig->h, "INSERT OR IGNORE INTO chat_departures (chat, user_id)"
                        " SELECT chat, user_id FROM chat_members"
                        " WHERE user_id = (SELECT user_id FROM chat_deleted)");
    rig_resume(rig);
    assert_fails(rig_any(rig, &rig->bob, 0)->status, SOTTO_ENOTFOUND);
    tick(rig);
    assert_int_equal(count(rig, "chat_departures"), 0);
    assert_int_equal(count(rig, "chat_proposals"), 1);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log WHERE kind = 7"), 2);
}

static void
what_the_store_refuses_is_done_when_it_is_told_again_and_once(void **state)
{
    struct chat_rig *rig = *state;

    rig_list_server(rig);
    rig_group(rig, 'X');
    harness_refuse_store(rig->h, true);
    delete_account(rig, &rig->bob);
    harness_refuse_store(rig->h, false);
    assert_int_equal(count(rig, "chat_deleted"), 0);
    delete_account(rig, &rig->bob);
    delete_account(rig, &rig->bob);
    tick(rig);
    assert_int_equal(count(rig, "chat_proposals"), 1);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log WHERE kind = 7"), 1);
}

static void
a_departure_that_cannot_be_written_is_tried_again(void **state)
{
    struct chat_rig *rig = *state;

    rig_list_server(rig);
    rig_group(rig, 'X');
    harness_run_writes_twice(rig->h, false);
    tell(rig, &rig->bob);
    harness_fail_commits(rig->h, 1); /* that of the note: told again */
    harness_run(rig->h);
    tell(rig, &rig->bob);
    harness_run(rig->h);
    tick(rig);
    assert_int_equal(count(rig, "chat_departures"), 0);
    assert_int_equal(count(rig, "chat_proposals"), 1);
}

#define DEPART_TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
static const struct CMUnitTest tests[] = {
    DEPART_TEST(a_group_is_told_with_proof_and_all_leaves_are_proposed),
    DEPART_TEST(members_commit_it_by_reference_after_a_restart),
    DEPART_TEST(who_deleted_the_account_gets_nothing_more_and_finds_no_chat),
    DEPART_TEST(the_last_owner_is_followed_by_who_is_there_for_the_longest_time),
    DEPART_TEST(an_admin_comes_before_older_members_and_an_owner_needs_no_heir),
    DEPART_TEST(a_group_that_does_not_list_the_server_is_told_and_any_member_takes_the_leaves_out),
    DEPART_TEST(a_chat_in_which_nobody_is_left_is_deleted),
    DEPART_TEST(nobody_adds_who_deleted_the_account_meanwhile),
    DEPART_TEST(a_direct_chat_says_so_is_read_and_takes_nothing_more),
    DEPART_TEST(nothing_is_kept_in_a_relay_chat_for_who_will_never_read_it),
    DEPART_TEST(a_chat_that_was_reset_gets_no_entry_any_more),
    DEPART_TEST(an_admin_starts_a_group_anew_without_an_owner_who_is_gone),
    DEPART_TEST(a_departure_that_a_restart_interrupts_goes_on),
    DEPART_TEST(what_the_store_refuses_is_done_when_it_is_told_again_and_once),
    DEPART_TEST(a_departure_that_cannot_be_written_is_tried_again),
};

SOTTO_TEST_MAIN(tests)
