/* SPDX-License-Identifier: MIT */
/*
 * modules/chat on the test host: a chat that takes the place of another. Who may make it and of whom, what it takes
 * over, and that the old one is closed in the same step and for good.
 */
#include "sotto_test.h"

#include "chat_peer.h"
#include "chat_turn.h"

#define RESET SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_RESET
#define RELAY SOTTO__CHAT__V1__MODE__MODE_RELAY
#define TICK_MS 1100 /* more than a turn of the purge */

/* alice (owner), bob and carol; alice and bob have a report against carol's commit, seq 2; seq 3 tells of it. */
static void
make_reported(struct chat_rig *rig)
{
    rig_group(rig, 'X');
    assert_ok(rig_commit(rig, &rig->carol, NULL, NULL)->status);
    assert_ok(rig_report(rig, &rig->alice, 2, 1)->status);
}

static int
start_reported(void **state)
{
    rig_start(state);
    make_reported(*state);
    return 0;
}

/* Y in the place of X. */
static const struct harness_answer *
reset(struct chat_rig *rig, struct chat_peer *peer, struct chat_peer *first,
      struct chat_peer *second)
{
    rig->resets = 'X';
    return rig_create(rig, peer, 'Y', rig->type, first, second);
}

static void
in_chat(struct chat_rig *rig, char chat)
{
    rig->chat = chat;
}

/* failed_precondition, with the chat that took the place. */
static void
expect_replaced(const struct harness_answer *answer, char by)
{
    Sotto__Chat__V1__Replaced *replaced;
    uint8_t id[16];

    assert_fails(answer->status, SOTTO_EPRECONDITION);
    replaced = sotto__chat__v1__replaced__unpack(NULL, answer->details.size, answer->details.data);
    memset(id, by, sizeof(id));
    assert_non_null(replaced);
    assert_int_equal(replaced->chat_id.len, 16);
    assert_memory_equal(replaced->chat_id.data, id, 16);
    sotto__chat__v1__replaced__free_unpacked(replaced, NULL);
}

static const Sotto__Chat__V1__Chat *
find_chat(struct chat_rig *rig, struct chat_peer *peer, char chat)
{
    const Sotto__Chat__V1__ListChatsReply *list = rig_list(rig, peer);

    for (size_t i = 0; i < list->n_chats; i++)
        if (list->chats[i]->chat_id.data[0] == chat)
            return list->chats[i];
    return NULL;
}

static Sotto__Chat__V1__Role
role_of(struct chat_rig *rig, struct chat_peer *peer, char chat)
{
    const Sotto__Chat__V1__Chat *found = find_chat(rig, peer, chat);

    assert_non_null(found);
    return found->role;
}

/* Nothing writes to X any more, by whatever way. */
static void
expect_closed(struct chat_rig *rig)
{
    const int64_t rows = harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log WHERE id >> 32 = 1");

    in_chat(rig, 'X');
    expect_replaced(rig_send(rig, &rig->carol, 7, "too late"), 'Y');
    expect_replaced(rig_commit(rig, &rig->carol, NULL, NULL), 'Y');
    if (rig->bob.last_proposals[0].len == 0)
        expect_replaced(rig_leave(rig, &rig->bob), 'Y');
    expect_replaced(rig_leave_again(rig, &rig->bob), 'Y');
    expect_replaced(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN), 'Y');
    expect_replaced(rig_report(rig, &rig->bob, 2, 1), 'Y');
    expect_replaced(rig_get_group(rig, &rig->bob), 'Y');
    assert_ok(rig_report(rig, &rig->alice, 2, 1)->status); /* as it was answered before */
    rig->resets = 'X';
    expect_replaced(rig_create(rig, &rig->alice, 'Z', rig->type, &rig->bob, NULL), 'Y');
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log WHERE id >> 32 = 1"), rows);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_chats"), 2);
    in_chat(rig, 'X');
}

/* ---- what a reset does ------------------------------------------------------------------------------------------ */

static void
the_old_chat_is_closed_by_an_entry_that_names_the_new_one(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__EntryEvent *event;
    const Sotto__Chat__V1__Entry *entry;
    Sotto__Chat__V1__ChatReset *message;

    rig_go_live(rig);
    harness_forget(rig->h);
    assert_ok(reset(rig, &rig->alice, &rig->bob, NULL)->status);

    assert_int_equal(harness_push_count(rig->h), 4); /* to all of X, and bob's Welcome */
    event = (const void *)harness_push_at(rig->h, 2)->event;
    assert_int_equal(event->entries[0]->kind, RESET);
    in_chat(rig, 'X');
    entry = rig_sync(rig, &rig->carol, 3, false)->entries[0];
    assert_int_equal(entry->kind, RESET);
    assert_int_equal(entry->seq, 4);
    assert_memory_equal(entry->sender_user.data, rig->alice.mls.user, 16);
    message = sotto__chat__v1__chat_reset__unpack(NULL, entry->message.len, entry->message.data);
    assert_int_equal(message->chat_id.data[0], 'Y');
    sotto__chat__v1__chat_reset__free_unpacked(message, NULL);
    assert_int_equal((int)harness_metric(rig->h, "resets_total", 0), 1);
}

static void
nothing_writes_to_a_closed_chat_also_after_a_restart(void **state)
{
    struct chat_rig *rig = *state;

    assert_ok(reset(rig, &rig->alice, &rig->bob, NULL)->status);
    expect_closed(rig);
    rig_restart(rig);
    expect_closed(rig);
}

static void
a_closed_chat_is_read_listed_and_deleted_as_before(void **state)
{
    struct chat_rig *rig = *state;

    assert_ok(reset(rig, &rig->alice, &rig->bob, NULL)->status);
    for (int i = 0; i < 2; i++) {
        in_chat(rig, 'X');
        assert_int_equal(rig_members(rig, &rig->carol)->n_members, 3);
        assert_int_equal(rig_reports(rig, &rig->carol)->n_reports, 1);
        assert_int_equal(rig_sync(rig, &rig->carol, 1, false)->n_entries, 3);
        assert_int_equal(find_chat(rig, &rig->carol, 'X')->replaced_by.data[0], 'Y');
        assert_int_equal(find_chat(rig, &rig->bob, 'X')->resets.len, 0);
        assert_int_equal(find_chat(rig, &rig->bob, 'Y')->resets.data[0], 'X');
        assert_int_equal(find_chat(rig, &rig->bob, 'Y')->replaced_by.len, 0);
        assert_null(find_chat(rig, &rig->carol, 'Y'));
        rig_restart(rig);
    }
    assert_ok(rig_delete(rig, &rig->alice)->status);
    harness_advance_ms(rig->h, TICK_MS);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_chats"), 1);
    assert_int_equal(find_chat(rig, &rig->bob, 'Y')->resets.data[0], 'X');
    rig->resets = 0;
    rig_group(rig, 'X'); /* the id again, and nothing of what the chat before it was */
    assert_int_equal(find_chat(rig, &rig->bob, 'X')->replaced_by.len, 0);
    assert_ok(rig_send(rig, &rig->bob, 1, "open")->status);
}

static void
every_invitation_names_the_old_chat_live_and_later(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__WelcomeEvent *event;
    const Sotto__Chat__V1__SyncReply *sync;

    rig_go_live(rig);
    harness_forget(rig->h);
    assert_ok(reset(rig, &rig->alice, &rig->bob, NULL)->status);
    event = (const void *)harness_push_at(rig->h, 3)->event;
    assert_int_equal(event->welcome->resets.len, 16);
    assert_int_equal(event->welcome->resets.data[0], 'X');
    in_chat(rig, 'Y');
    assert_ok(rig_commit(rig, &rig->alice, &rig->carol, NULL)->status);
    rig_restart(rig);

    sync = rig_sync_all(rig, &rig->bob);
    assert_int_equal(sync->n_welcomes, 2);
    assert_int_equal(sync->welcomes[0]->resets.len, 0); /* of X itself */
    assert_int_equal(sync->welcomes[1]->resets.data[0], 'X');
    sync = rig_sync_all(rig, &rig->carol);
    assert_int_equal(sync->welcomes[1]->resets.data[0], 'X');
    mls_peer_join(&rig->carol.mls, to_mls(sync->welcomes[1]->welcome));
    assert_ok(rig_send(rig, &rig->carol, 1, "in the new one")->status);
}

static void
roles_carry_over_and_there_is_an_owner(void **state)
{
    struct chat_rig *rig = *state;

    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);
    assert_ok(reset(rig, &rig->bob, &rig->carol, &rig->alice)->status);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(role_of(rig, &rig->alice, 'Y'), OWNER);
        assert_int_equal(role_of(rig, &rig->bob, 'Y'), ADMIN);
        assert_int_equal(role_of(rig, &rig->carol, 'Y'), MEMBER);
        rig_restart(rig);
    }
    assert_int_equal(rig_sync_all(rig, &rig->carol)->welcomes[1]->n_roles, 2);
}

static void
an_admin_leaves_out_only_an_owner_whose_commit_is_reported(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);
    answer = reset(rig, &rig->bob, &rig->carol, NULL);
    assert_fails(answer->status, SOTTO_EPERM);
    assert_non_null(strstr(answer->text, "takes the owners along"));
    in_chat(rig, 'X');
    rig_catch_up(rig, &rig->alice, 1);
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status); /* seq 5, of epoch 2 */
    assert_ok(rig_report(rig, &rig->bob, 5, 2)->status);

    assert_ok(reset(rig, &rig->bob, &rig->carol, NULL)->status);
    assert_int_equal(role_of(rig, &rig->bob, 'Y'), OWNER);
    assert_int_equal(role_of(rig, &rig->alice, 'X'), OWNER);
    assert_null(find_chat(rig, &rig->alice, 'Y'));
}

static void
a_repeat_is_answered_like_the_first(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__CommitReply *reply;
    int64_t ts_ms;

    reply = (const void *)reset(rig, &rig->alice, &rig->bob, NULL)->message;
    ts_ms = reply->ts_ms;
    for (int i = 0; i < 2; i++) {
        const struct harness_answer *again = rig_create_again(rig, &rig->alice);

        assert_ok(again->status);
        reply = (const void *)again->message;
        assert_int_equal(reply->seq, 1);
        assert_int_equal(reply->epoch, 1);
        assert_int_equal(reply->ts_ms, ts_ms);
        rig_restart(rig);
    }
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log WHERE id >> 32 = 1"), 4);
    in_chat(rig, 'X');
    assert_ok(rig_delete(rig, &rig->alice)->status);
    in_chat(rig, 'Y');
    assert_ok(rig_create_again(rig, &rig->alice)->status);
    rig->resets = 0; /* with another word about what it is for, it is another request */
    assert_fails(rig_create_again(rig, &rig->alice)->status, SOTTO_EEXISTS);
}

static void
a_chat_may_be_reset_again_and_again(void **state)
{
    struct chat_rig *rig = *state;

    assert_ok(reset(rig, &rig->alice, &rig->bob, NULL)->status);
    mls_peer_join(&rig->bob.mls, mls_buf_bytes(&rig->alice.bundle.welcome));
    assert_ok(rig_commit(rig, &rig->bob, NULL, NULL)->status);
    rig->resets = 'Y';
    assert_fails(rig_create(rig, &rig->alice, 'Z', GROUP, &rig->bob, NULL)->status,
                 SOTTO_EPRECONDITION); /* a report of its own is wanted */
    in_chat(rig, 'Y');
    assert_ok(rig_report(rig, &rig->alice, 2, 1)->status);
    assert_ok(rig_create(rig, &rig->alice, 'Z', GROUP, &rig->bob, NULL)->status);
    assert_int_equal(find_chat(rig, &rig->bob, 'Y')->resets.data[0], 'X');
    assert_int_equal(find_chat(rig, &rig->bob, 'Y')->replaced_by.data[0], 'Z');
}

/* ---- who may -------------------------------------------------------------------------------- */

static void
only_owner_and_admins_reset_a_group(void **state)
{
    struct chat_rig *rig = *state;

    assert_fails(reset(rig, &rig->bob, &rig->carol, NULL)->status, SOTTO_EPERM);
    assert_fails(reset(rig, &rig->dora, &rig->carol, NULL)->status, SOTTO_ENOTFOUND);
    rig->resets = 'Q';
    assert_fails(rig_create(rig, &rig->alice, 'Y', GROUP, &rig->bob, NULL)->status,
                 SOTTO_ENOTFOUND);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_chats"), 1);
    assert_int_equal(find_chat(rig, &rig->alice, 'X')->replaced_by.len, 0);
    in_chat(rig, 'X');
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);
    assert_ok(reset(rig, &rig->bob, &rig->alice, NULL)->status);
}

static void
without_a_report_there_is_nothing_to_reset(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    rig_group(rig, 'X');
    answer = reset(rig, &rig->alice, &rig->bob, NULL);
    assert_fails(answer->status, SOTTO_EPRECONDITION);
    assert_non_null(strstr(answer->text, "nobody reports"));
    assert_int_equal(answer->details.size, 0);
    in_chat(rig, 'X');
    assert_int_equal(rig_list(rig, &rig->alice)->n_chats, 1);
    assert_ok(rig_send(rig, &rig->bob, 1, "as ever")->status);
}

static void
nobody_comes_along_who_was_not_there(void **state)
{
    struct chat_rig *rig = *state;

    assert_fails(reset(rig, &rig->alice, &rig->bob, &rig->dora)->status, SOTTO_EINVALID);
    assert_int_equal(rig_list(rig, &rig->bob)->n_chats, 1);
    in_chat(rig, 'X');
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status); /* it is open */
}

static void
a_reset_is_of_the_same_type_and_mode_with_an_id_of_its_own(void **state)
{
    struct chat_rig *rig = *state;

    rig->type = DIRECT;
    assert_fails(reset(rig, &rig->alice, &rig->bob, NULL)->status, SOTTO_EINVALID);
    rig->type = GROUP;
    rig->mode = RELAY;
    assert_fails(reset(rig, &rig->alice, &rig->bob, NULL)->status, SOTTO_EINVALID);
    rig->mode = SOTTO__CHAT__V1__MODE__MODE_ARCHIVE;
    rig->resets = 'X';
    assert_fails(rig_create(rig, &rig->alice, 'X', GROUP, &rig->bob, NULL)->status, SOTTO_EINVALID);
    assert_ok(reset(rig, &rig->alice, &rig->bob, NULL)->status);
}

static void
either_one_resets_a_direct_chat_and_the_pair_points_to_the_new_one(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    assert_ok(rig_create(rig, &rig->alice, 'X', DIRECT, &rig->bob, NULL)->status);
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status);
    assert_ok(rig_report(rig, &rig->bob, 2, 1)->status);
    assert_fails(reset(rig, &rig->bob, &rig->carol, NULL)->status, SOTTO_EINVALID);
    assert_ok(reset(rig, &rig->bob, &rig->alice, NULL)->status);

    rig->resets = 0;
    answer = rig_create(rig, &rig->alice, 'Z', DIRECT, &rig->bob, NULL);
    assert_fails(answer->status, SOTTO_EEXISTS);
    assert_int_equal(answer->details.data[2], 'Y');
    in_chat(rig, 'X');
    assert_ok(rig_delete(rig, &rig->alice)->status);
    answer = rig_create(rig, &rig->alice, 'Z', DIRECT, &rig->bob, NULL);
    assert_fails(answer->status, SOTTO_EEXISTS);
}

/* ---- what goes wrong, and what comes at once ------------------------------------------------ */

static void
a_reset_that_is_not_durable_closes_nothing(void **state)
{
    struct chat_rig *rig = *state;

    harness_fail_commits(rig->h, 1);
    assert_fails(reset(rig, &rig->alice, &rig->bob, NULL)->status, SOTTO_EIO);
    assert_int_equal(rig_list(rig, &rig->bob)->n_chats, 1);
    in_chat(rig, 'X');
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);
    assert_ok(reset(rig, &rig->bob, &rig->alice, NULL)->status);
}

/* Both were judged while the chat was open; the one that comes second finds out in the store. */
static void
a_commit_that_comes_at_the_same_time_is_told_of_the_new_chat(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *start_anew, *commit, *send;

    rig_catch_up(rig, &rig->bob, 1);
    harness_fail_commits(rig->h, 1);
    assert_fails(reset(rig, &rig->alice, &rig->bob, NULL)->status, SOTTO_EIO);
    start_anew = rig_create_again_begin(rig, &rig->alice);
    in_chat(rig, 'X');
    commit = rig_commit_begin(rig, &rig->bob, NULL, NULL);
    send = rig_send_begin(rig, &rig->carol, 1, "in time");
    harness_run(rig->h);

    assert_ok(start_anew->status);
    expect_replaced(commit, 'Y');
    assert_ok(send->status);
    assert_int_equal(harness_sql(rig->h, "SELECT kind FROM chat_log WHERE id >> 32 = 1"
                                         " ORDER BY id DESC LIMIT 1"),
                     RESET);
}

/* Carol's wait for her turn until the chat is closed. Who came too late may go on asking: both turns are free again. */
static void
leavings_that_come_at_the_same_time_hold_up_nothing(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *leaves[2], *start_anew;

    harness_fail_commits(rig->h, 1);
    assert_fails(reset(rig, &rig->alice, &rig->bob, NULL)->status, SOTTO_EIO);
    start_anew = rig_create_again_begin(rig, &rig->alice);
    in_chat(rig, 'X');
    for (int i = 0; i < CHAT_TURNS_AT_WORK_MAX; i++)
        rig_get_group_begin(rig, &rig->carol);
    for (int i = 0; i < 2; i++)
        leaves[i] = rig_leave_begin(rig, &rig->carol);
    harness_run(rig->h);

    assert_ok(start_anew->status);
    for (int i = 0; i < 2; i++)
        expect_replaced(leaves[i], 'Y');
    rig->resets = 0;
    assert_ok(rig_create(rig, &rig->carol, 'Z', rig->type, &rig->bob, NULL)->status);
}

static void
of_two_resets_at_once_one_is_told_of_the_other(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *first, *second;

    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, OWNER)->status);
    harness_fail_commits(rig->h, 2);
    assert_fails(reset(rig, &rig->alice, &rig->carol, NULL)->status, SOTTO_EIO);
    assert_fails(rig_create(rig, &rig->bob, 'Z', GROUP, &rig->carol, NULL)->status, SOTTO_EIO);
    second = rig_create_again_begin(rig, &rig->bob);
    in_chat(rig, 'Y');
    first = rig_create_again_begin(rig, &rig->alice);
    harness_run(rig->h);

    assert_ok(second->status);
    expect_replaced(first, 'Z');
    assert_null(find_chat(rig, &rig->carol, 'Y'));
}

static void
of_a_deletion_and_a_reset_at_once_one_is_first(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *gone;

    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);
    gone = rig_delete_begin(rig, &rig->alice);
    assert_fails(reset(rig, &rig->bob, &rig->carol, NULL)->status, SOTTO_ENOTFOUND);
    assert_ok(gone->status);
    assert_int_equal(rig_list(rig, &rig->carol)->n_chats, 0);
    harness_advance_ms(rig->h, TICK_MS);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_chats"), 0);
}

static void
a_relay_tells_of_the_reset_until_every_device_has_it(void **state)
{
    struct chat_rig *rig = *state;

    rig->mode = RELAY;
    make_reported(rig);
    rig_ack(rig, &rig->alice, 3, true);
    rig_ack(rig, &rig->bob, 3, true);
    rig_ack(rig, &rig->carol, 3, true);
    harness_advance_ms(rig->h, 2 * TICK_MS);
    assert_int_equal((int)harness_metric(rig->h, "purge_line", 0), 0);
    assert_ok(reset(rig, &rig->alice, &rig->bob, NULL)->status);
    assert_int_equal((int)harness_metric(rig->h, "purge_line", 0), 2); /* both chats */
    in_chat(rig, 'X');
    rig_ack(rig, &rig->alice, 4, true);
    rig_ack(rig, &rig->bob, 4, true);
    harness_advance_ms(rig->h, TICK_MS);
    rig_restart(rig);
    assert_int_equal(rig_sync(rig, &rig->carol, 3, false)->n_entries, 1);
    rig_ack(rig, &rig->carol, 4, true);
    harness_advance_ms(rig->h, TICK_MS);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log WHERE id >> 32 = 1"), 0);
    expect_closed(rig);
    rig_restart(rig);
    assert_int_equal(find_chat(rig, &rig->carol, 'X')->last_seq, 4);
    expect_closed(rig);
}

static void
a_chat_goes_on_in_a_mode_that_is_not_offered_any_more(void **state)
{
    struct chat_rig *rig = *state;

    harness_stop(rig->h);
    harness_set(rig->h, "modes", "relay");
    rig_resume(rig);
    assert_fails(rig_create(rig, &rig->alice, 'Z', GROUP, &rig->bob, NULL)->status,
                 SOTTO_EUNIMPLEMENTED);
    assert_ok(reset(rig, &rig->alice, &rig->bob, NULL)->status);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_reported, rig_stop)
#define BARE_TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
static const struct CMUnitTest tests[] = {
    TEST(the_old_chat_is_closed_by_an_entry_that_names_the_new_one),
    TEST(nothing_writes_to_a_closed_chat_also_after_a_restart),
    TEST(a_closed_chat_is_read_listed_and_deleted_as_before),
    TEST(every_invitation_names_the_old_chat_live_and_later),
    TEST(roles_carry_over_and_there_is_an_owner),
    TEST(an_admin_leaves_out_only_an_owner_whose_commit_is_reported),
    TEST(a_repeat_is_answered_like_the_first),
    TEST(a_chat_may_be_reset_again_and_again),
    TEST(only_owner_and_admins_reset_a_group),
    BARE_TEST(without_a_report_there_is_nothing_to_reset),
    TEST(nobody_comes_along_who_was_not_there),
    TEST(a_reset_is_of_the_same_type_and_mode_with_an_id_of_its_own),
    BARE_TEST(either_one_resets_a_direct_chat_and_the_pair_points_to_the_new_one),
    TEST(a_reset_that_is_not_durable_closes_nothing),
    TEST(a_commit_that_comes_at_the_same_time_is_told_of_the_new_chat),
    TEST(leavings_that_come_at_the_same_time_hold_up_nothing),
    TEST(of_two_resets_at_once_one_is_told_of_the_other),
    TEST(of_a_deletion_and_a_reset_at_once_one_is_first),
    BARE_TEST(a_relay_tells_of_the_reset_until_every_device_has_it),
    TEST(a_chat_goes_on_in_a_mode_that_is_not_offered_any_more),
};

SOTTO_TEST_MAIN(tests)
