/* SPDX-License-Identifier: MIT */
/*
 * modules/chat on the test host: leaving and roles. Who goes is gone at once, what was sent after is not for him,
 * and every member hears of every change in the one order of the log.
 */
#include "sotto_test.h"

#include "chat_peer.h"

#define PROPOSAL SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_PROPOSAL
#define ROLE SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ROLE

/* ---- leaving --------------------------------------------------------------------------------------------------- */

static void
who_leaves_is_gone_at_once(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__EntryEvent *event;
    const Sotto__Chat__V1__SyncReply *sync;

    rig_group(rig, 'X');
    rig_go_live(rig);
    harness_forget(rig->h);
    assert_ok(rig_leave(rig, &rig->bob)->status);

    assert_int_equal(harness_push_count(rig->h), 3); /* bob hears it, too */
    event = (const void *)harness_push_at(rig->h, 0)->event;
    assert_int_equal(event->entries[0]->kind, PROPOSAL);
    assert_int_equal(event->entries[0]->seq, 2);
    assert_memory_equal(event->entries[0]->sender_user.data, rig->bob.mls.user, 16);
    assert_int_equal(rig_members(rig, &rig->alice)->n_members, 2);
    assert_int_equal(rig_list(rig, &rig->bob)->n_chats, 0);
    sync = rig_sync(rig, &rig->bob, 1, false);
    assert_int_equal(sync->n_entries, 1);
    assert_int_equal(sync->n_left, 1);
    rig->bob.last_message.len = 0;
    assert_fails(rig_leave_again(rig, &rig->bob)->status, SOTTO_ENOTFOUND);
    assert_fails(rig_send_again(rig, &rig->bob, 1)->status, SOTTO_ENOTFOUND);
}

static void
what_is_sent_after_a_leaving_is_of_a_later_epoch(void **state)
{
    struct chat_rig *rig = *state;
    char text[64];

    rig_group(rig, 'X');
    rig_go_live(rig);
    assert_ok(rig_leave(rig, &rig->bob)->status);
    assert_fails(rig_send(rig, &rig->alice, 1, "too early")->status, SOTTO_EABORTED);
    rig_catch_up(rig, &rig->carol, 1);
    harness_forget(rig->h);
    assert_ok(rig_commit(rig, &rig->carol, NULL, NULL)->status);
    assert_int_equal(harness_push_count(rig->h), 1); /* to alice; bob hears nothing */
    rig_catch_up(rig, &rig->alice, 1);
    assert_ok(rig_send(rig, &rig->alice, 1, "in time")->status);

    assert_int_equal(rig_sync(rig, &rig->bob, 0, false)->n_entries, 1);
    assert_int_not_equal(
        mls_peer_process(&rig->bob.mls, mls_buf_bytes(&rig->alice.last_message), text), MLS_OK);
}

static void
a_commit_that_keeps_the_leaver_is_stale(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    assert_ok(rig_leave(rig, &rig->bob)->status);
    assert_fails(rig_commit(rig, &rig->alice, NULL, NULL)->status, SOTTO_EABORTED);
    rig_catch_up(rig, &rig->alice, 1);
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_proposals"), 0);
    assert_int_equal(rig_list(rig, &rig->alice)->chats[0]->epoch, 2);
}

/* A proposal may have a bad tag, which the server cannot see: then members go on without it. */
static void
a_member_may_remove_a_leaver_without_naming_the_proposal(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    assert_fails(rig_commit(rig, &rig->carol, NULL, &rig->bob)->status, SOTTO_EPERM);
    assert_ok(rig_leave(rig, &rig->bob)->status);
    assert_ok(rig_commit(rig, &rig->carol, NULL, &rig->bob)->status);
    assert_int_equal(rig_members(rig, &rig->carol)->n_members, 2);
}

static void
a_leaver_waits_for_the_commit_through_a_restart_and_comes_back_when_added(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;

    rig_group(rig, 'X');
    assert_ok(rig_leave(rig, &rig->bob)->status);
    rig_restart(rig);
    assert_int_equal(rig_members(rig, &rig->carol)->n_members, 2);
    assert_fails(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status, SOTTO_EABORTED);
    rig_catch_up(rig, &rig->alice, 1);
    assert_ok(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status); /* on bob's leaf */
    sync = rig_sync(rig, &rig->dora, 0, false);
    mls_peer_join(&rig->dora.mls, to_mls(sync->welcomes[0]->welcome));
    assert_int_equal(mls_group_own_leaf(rig->dora.mls.group), 1);
    rig_restart(rig);

    assert_ok(rig_commit(rig, &rig->dora, &rig->bob, NULL)->status);
    sync = rig_sync(rig, &rig->bob, 0, false);
    assert_int_equal(sync->n_welcomes, 1);
    mls_peer_join(&rig->bob.mls, to_mls(sync->welcomes[0]->welcome));
    assert_ok(rig_send(rig, &rig->bob, 1, "back again")->status);
}

static void
the_last_owner_and_the_last_member_stay(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    rig_group(rig, 'X');
    answer = rig_leave(rig, &rig->alice);
    assert_fails(answer->status, SOTTO_EPRECONDITION);
    assert_string_equal(answer->text,
                        "the last owner cannot leave: make another member owner first");
    assert_ok(rig_set_role(rig, &rig->alice, &rig->carol, OWNER)->status);
    assert_ok(rig_leave_again(rig, &rig->alice)->status);
    rig_catch_up(rig, &rig->carol, 1);
    assert_ok(rig_commit(rig, &rig->carol, NULL, &rig->bob)->status);
    answer = rig_leave(rig, &rig->carol);
    assert_fails(answer->status, SOTTO_EPRECONDITION);
    assert_int_equal(rig_members(rig, &rig->carol)->n_members, 1);
}

static void
who_leaves_takes_nobody_along(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    assert_fails(rig_leave_as(rig, &rig->bob, &rig->carol, NULL)->status, SOTTO_EPERM);
    assert_fails(rig_leave_as(rig, &rig->bob, &rig->bob, &rig->carol)->status, SOTTO_EPERM);
    assert_fails(rig_leave_as(rig, &rig->bob, &rig->bob, &rig->bob)->status, SOTTO_EINVALID);
    mls_buf_fini(&rig->bob.last_proposals[0]);
    mls_buf_fini(&rig->bob.last_proposals[1]);
    assert_fails(rig_leave_again(rig, &rig->bob)->status, SOTTO_EINVALID);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log"), 1);
    assert_ok(rig_create(rig, &rig->alice, 'Y', DIRECT, &rig->bob, NULL)->status);
    mls_peer_join(&rig->bob.mls, mls_buf_bytes(&rig->alice.bundle.welcome));
    assert_fails(rig_leave(rig, &rig->bob)->status, SOTTO_EPERM);
}

static void
a_proposal_of_another_member_epoch_or_kind_is_no_leaving(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_buf swapped;

    rig_group(rig, 'X');
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status);
    assert_fails(rig_leave(rig, &rig->bob)->status, SOTTO_EABORTED);
    rig_catch_up(rig, &rig->bob, 1);
    rig_catch_up(rig, &rig->carol, 1);
    assert_ok(rig_set_role(rig, &rig->alice, &rig->carol, OWNER)->status);
    assert_fails(rig_leave_as(rig, &rig->carol, &rig->bob, NULL)->status, SOTTO_EPERM);
    swapped = rig->bob.last_proposals[0];
    rig->bob.last_proposals[0] = rig->carol.last_proposals[0]; /* of bob's leaf, by carol */
    rig->carol.last_proposals[0] = swapped;
    assert_fails(rig_leave_again(rig, &rig->bob)->status, SOTTO_EPERM);
    swapped = rig->bob.last_proposals[0];
    rig->bob.last_proposals[0] = rig->alice.bundle.commit;
    rig->alice.bundle.commit = swapped;
    assert_fails(rig_leave_again(rig, &rig->bob)->status, SOTTO_EINVALID);
}

static void
of_a_leaving_and_what_else_happens_at_once_one_is_first(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *leave, *send, *commit;
    int64_t left_at;

    rig_group(rig, 'X');
    leave = rig_leave_begin(rig, &rig->bob);
    send = rig_send_begin(rig, &rig->alice, 1, "beside it");
    commit = rig_commit_begin(rig, &rig->carol, NULL, NULL);
    harness_run(rig->h);

    assert_true(leave->done && send->done && commit->done);
    /* Either the commit came first and the leaving is of an epoch that is over, or it is told to catch up. */
    assert_int_equal((leave->status == SOTTO_OK) + (commit->status == SOTTO_OK), 1);
    left_at = harness_sql(rig->h, "SELECT COALESCE(MIN(id), 0) FROM chat_log WHERE kind = 3");
    if (left_at != 0)
        assert_int_equal(harness_sql(rig->h, "SELECT MAX(id) FROM chat_log"), left_at);
    assert_true(send->status == SOTTO_OK || send->status == SOTTO_EABORTED);
}

/* ---- roles ----------------------------------------------------------------------------------------------------- */

static void
a_role_is_an_entry_that_all_read_live_and_later(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__EntryEvent *event;
    const Sotto__Chat__V1__Entry *entry;
    Sotto__Chat__V1__UserRole *role;

    rig_group(rig, 'X');
    rig_go_live(rig);
    harness_forget(rig->h);
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);

    assert_int_equal(harness_push_count(rig->h), 3);
    event = (const void *)harness_push_at(rig->h, 2)->event;
    assert_int_equal(event->entries[0]->seq, 2);
    entry = rig_sync(rig, &rig->carol, 1, false)->entries[0];
    assert_int_equal(entry->kind, ROLE);
    assert_memory_equal(entry->sender_user.data, rig->alice.mls.user, 16);
    role = sotto__chat__v1__user_role__unpack(NULL, entry->message.len, entry->message.data);
    assert_memory_equal(role->user_id.data, rig->bob.mls.user, 16);
    assert_int_equal(role->role, ADMIN);
    sotto__chat__v1__user_role__free_unpacked(role, NULL);
    assert_ok(rig_send(rig, &rig->bob, 1, "no epoch of its own")->status);
}

static void
a_role_that_is_there_already_is_no_entry(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    rig_group(rig, 'X');
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);
    answer = rig_set_role(rig, &rig->alice, &rig->bob, ADMIN);
    assert_ok(answer->status);
    assert_int_equal(((const Sotto__Chat__V1__SetRoleReply *)answer->message)->seq, 0);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log"), 2);
}

static void
an_invitation_says_who_is_what(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__WelcomeEvent *event;
    const Sotto__Chat__V1__Welcome *welcome;

    rig_group(rig, 'X');
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);
    rig_sync(rig, &rig->dora, 0, true);
    harness_forget(rig->h);
    assert_ok(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status);
    event = (const void *)harness_push_at(rig->h, 0)->event;
    assert_int_equal(event->welcome->n_roles, 2);
    /* What happens later is in the log, and the invitation stays as it was. */
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, MEMBER)->status);
    welcome = rig_sync(rig, &rig->dora, 0, false)->welcomes[0];

    assert_int_equal(welcome->n_roles, 2);
    for (size_t i = 0; i < welcome->n_roles; i++) {
        const bool is_alice = memcmp(welcome->roles[i]->user_id.data, rig->alice.mls.user, 16) == 0;

        assert_int_equal(welcome->roles[i]->role, is_alice ? OWNER : ADMIN);
    }
}

static void
of_two_owners_who_step_down_at_once_one_stays(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *first, *second;

    rig_group(rig, 'X');
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, OWNER)->status);
    first = rig_set_role_begin(rig, &rig->alice, &rig->alice, MEMBER);
    second = rig_set_role_begin(rig, &rig->bob, &rig->bob, MEMBER);
    harness_run(rig->h);

    assert_true(first->done && second->done);
    assert_int_equal((first->status == SOTTO_OK) + (second->status == SOTTO_OK), 1);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_members WHERE role = 1"), 1);
}

static void
whose_role_was_taken_removes_nobody_any_more(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *commit, *role;

    rig_group(rig, 'X');
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);
    commit = rig_commit_begin(rig, &rig->bob, NULL, &rig->carol);
    role = rig_set_role_begin(rig, &rig->alice, &rig->bob, MEMBER);
    harness_run(rig->h);

    assert_true(commit->done && role->done);
    assert_ok(role->status);
    if (commit->status == SOTTO_OK)
        assert_true(harness_sql(rig->h, "SELECT MAX(id) FROM chat_log WHERE kind = 2") <
                    harness_sql(rig->h, "SELECT MAX(id) FROM chat_log WHERE kind = 4"));
    else
        assert_fails(commit->status, SOTTO_EPERM);
}

#define CHANGE_TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
static const struct CMUnitTest tests[] = {
    CHANGE_TEST(who_leaves_is_gone_at_once),
    CHANGE_TEST(what_is_sent_after_a_leaving_is_of_a_later_epoch),
    CHANGE_TEST(a_commit_that_keeps_the_leaver_is_stale),
    CHANGE_TEST(a_member_may_remove_a_leaver_without_naming_the_proposal),
    CHANGE_TEST(a_leaver_waits_for_the_commit_through_a_restart_and_comes_back_when_added),
    CHANGE_TEST(the_last_owner_and_the_last_member_stay),
    CHANGE_TEST(who_leaves_takes_nobody_along),
    CHANGE_TEST(a_proposal_of_another_member_epoch_or_kind_is_no_leaving),
    CHANGE_TEST(of_a_leaving_and_what_else_happens_at_once_one_is_first),
    CHANGE_TEST(a_role_is_an_entry_that_all_read_live_and_later),
    CHANGE_TEST(a_role_that_is_there_already_is_no_entry),
    CHANGE_TEST(an_invitation_says_who_is_what),
    CHANGE_TEST(of_two_owners_who_step_down_at_once_one_stays),
    CHANGE_TEST(whose_role_was_taken_removes_nobody_any_more),
};

SOTTO_TEST_MAIN(tests)
