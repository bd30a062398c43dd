/* SPDX-License-Identifier: MIT */
/* Deleting a chat on the test host: gone for everybody at once, from the tables soon, and everybody is told. */
#include "sotto_test.h"

#include "chat_peer.h"

#define TICK_MS 1100 /* more than a turn of the purge */

static int64_t
count(const struct chat_rig *rig, const char *table)
{
    char sql[96];

    snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM chat_%s", table);
    return harness_sql(rig->h, sql);
}

static int
start_group(void **state)
{
    rig_start(state);
    rig_group(*state, 'X');
    return 0;
}

/* ---- what goes ----------------------------------------------------------------------------------------------- */

static void
a_deleted_chat_leaves_no_row_but_the_notices(void **state)
{
    static const char *const tables[] = {"chats",  "members",     "seats",    "log",
                                         "purges", "group_infos", "welcomes", "invitations",
                                         "pairs",  "proposals"};
    struct chat_rig *rig = *state;

    assert_ok(rig_create(rig, &rig->bob, 'Y', DIRECT, &rig->alice, NULL)->status);
    assert_ok(rig_delete(rig, &rig->alice)->status);
    rig->chat = 'X';
    assert_ok(rig_delete(rig, &rig->alice)->status);
    rig_group(rig, 'W');
    for (uint64_t i = 1; i <= 600; i++)
        rig_sent(rig_send(rig, &rig->alice, i, "a"));
    assert_ok(rig_leave(rig, &rig->bob)->status);
    assert_ok(rig_delete(rig, &rig->alice)->status);
    assert_int_equal(rig_list(rig, &rig->carol)->n_chats, 0);
    assert_true(count(rig, "log") > 0);
    harness_advance_ms(rig->h, TICK_MS);

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if (count(rig, tables[i]) != 0)
            fail_msg("chat_%s has rows", tables[i]);
    assert_int_equal(count(rig, "notices"), 7); /* two, three, and of the last alice and carol */
    assert_true(harness_metric(rig->h, "purged_total", 2) > 600);
    harness_advance_ms(rig->h, TICK_MS);
    assert_int_equal((int)harness_metric(rig->h, "purge_line", 0), 0);
}

static void
a_restart_goes_on_with_the_deletion(void **state)
{
    struct chat_rig *rig = *state;

    rig_sent(rig_send(rig, &rig->alice, 1, "a"));
    assert_ok(rig_delete(rig, &rig->alice)->status);
    rig_restart(rig);
    assert_int_equal(count(rig, "log"), 2);
    assert_int_equal(rig_list(rig, &rig->alice)->n_chats, 0);
    assert_fails(rig_send_again(rig, &rig->alice, 2)->status, SOTTO_ENOTFOUND);
    harness_advance_ms(rig->h, TICK_MS);

    assert_int_equal(count(rig, "log"), 0);
    assert_int_equal(count(rig, "chats"), 0);
}

static void
a_number_of_a_chat_is_not_used_twice(void **state)
{
    struct chat_rig *rig = *state;

    assert_ok(rig_delete(rig, &rig->alice)->status);
    harness_advance_ms(rig->h, TICK_MS);
    rig_restart(rig);
    assert_ok(rig_create(rig, &rig->alice, 'Y', GROUP, &rig->bob, NULL)->status);

    assert_int_equal(harness_sql(rig->h, "SELECT num FROM chat_chats"), 2);
}

static void
an_id_is_taken_until_its_log_is_gone_and_may_come_again(void **state)
{
    struct chat_rig *rig = *state;

    assert_ok(rig_delete(rig, &rig->alice)->status);
    assert_fails(rig_create_again(rig, &rig->alice)->status, SOTTO_EEXISTS);
    harness_advance_ms(rig->h, TICK_MS);
    rig_group(rig, 'X');

    assert_int_equal(rig_sent(rig_send(rig, &rig->alice, 1, "anew")).seq, 2);
    harness_advance_ms(rig->h, 2 * TICK_MS);
    assert_int_equal(count(rig, "log"), 2);
}

static void
a_pair_can_have_another_direct_chat(void **state)
{
    struct chat_rig *rig = *state;

    assert_ok(rig_create(rig, &rig->alice, 'Y', DIRECT, &rig->bob, NULL)->status);
    assert_ok(rig_delete(rig, &rig->bob)->status); /* either of the two may */
    assert_ok(rig_create(rig, &rig->bob, 'Z', DIRECT, &rig->alice, NULL)->status);
}

static void
what_was_on_its_way_finds_no_chat(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *gone, *send, *commit, *leave;

    gone = rig_delete_begin(rig, &rig->alice);
    send = rig_send_begin(rig, &rig->bob, 1, "too late");
    commit = rig_commit_begin(rig, &rig->carol, NULL, NULL);
    leave = rig_leave_begin(rig, &rig->bob);
    harness_run(rig->h);

    assert_ok(gone->status);
    assert_fails(send->status, SOTTO_ENOTFOUND);
    assert_fails(commit->status, SOTTO_ENOTFOUND);
    assert_fails(leave->status, SOTTO_ENOTFOUND);
    harness_advance_ms(rig->h, TICK_MS);
    assert_int_equal(count(rig, "log"), 0);
}

/* ---- who may, and who is told ----------------------------------------------------------------------------------- */

static void
only_an_owner_deletes_a_group(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer = rig_delete(rig, &rig->bob);

    assert_fails(answer->status, SOTTO_EPERM);
    assert_non_null(strstr(answer->text, "leave"));
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);
    assert_fails(rig_delete(rig, &rig->bob)->status, SOTTO_EPERM);
    assert_fails(rig_delete(rig, &rig->dora)->status, SOTTO_ENOTFOUND);
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, SOTTO__CHAT__V1__ROLE__ROLE_OWNER)->status);
    assert_ok(rig_delete(rig, &rig->bob)->status);
}

static void
who_is_there_hears_it_at_once(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__ChatDeletedEvent *event;

    rig_go_live(rig);
    harness_forget(rig->h);
    assert_ok(rig_delete(rig, &rig->alice)->status);

    assert_int_equal(harness_push_count(rig->h), 3);
    event = (const void *)harness_push_at(rig->h, 0)->event;
    assert_int_equal(event->deleted->chat_id.data[0], 'X');
    assert_memory_equal(event->deleted->user_id.data, rig->alice.mls.user, 16);
    assert_string_equal(harness_publish_at(rig->h, 0)->topic, "chat.deleted.v1");
}

static void
who_was_away_is_told_until_it_knows(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;

    assert_ok(rig_delete(rig, &rig->alice)->status);
    harness_advance_ms(rig->h, TICK_MS);
    rig_restart(rig);

    for (int i = 0; i < 2; i++) {
        sync = rig_sync(rig, &rig->carol, 1, false);
        assert_int_equal(sync->n_deleted, 1);
        assert_int_equal(sync->deleted[0]->chat_id.data[0], 'X');
        assert_memory_equal(sync->deleted[0]->user_id.data, rig->alice.mls.user, 16);
        assert_true(sync->deleted[0]->ts_ms > 0);
    }
    assert_int_equal(rig_sync(rig, &rig->dora, 1, false)->n_deleted, 0);
    rig_ack_deleted(rig, &rig->carol);
    assert_int_equal(rig_sync(rig, &rig->carol, 1, false)->n_deleted, 0);
    assert_int_equal(rig_sync(rig, &rig->bob, 1, false)->n_deleted, 1);
}

static void
a_notice_does_not_wait_for_ever(void **state)
{
    struct chat_rig *rig = *state;

    assert_ok(rig_delete(rig, &rig->alice)->status);
    assert_ok(rig_create(rig, &rig->alice, 'Y', GROUP, &rig->dora, NULL)->status);
    assert_int_equal(harness_sql(rig->h, "UPDATE chat_notices SET ts_ms = ts_ms - 91 * 86400000"),
                     0);
    assert_ok(rig_delete(rig, &rig->alice)->status);

    assert_int_equal(count(rig, "notices"), 2);
    assert_int_equal(rig_sync(rig, &rig->carol, 1, false)->n_deleted, 0);
}

static void
a_repeat_is_answered_like_the_first(void **state)
{
    struct chat_rig *rig = *state;

    assert_ok(rig_delete(rig, &rig->alice)->status);
    assert_ok(rig_delete(rig, &rig->alice)->status);
    assert_fails(rig_delete(rig, &rig->bob)->status, SOTTO_ENOTFOUND);
    harness_advance_ms(rig->h, TICK_MS);
    rig_restart(rig);
    assert_ok(rig_delete(rig, &rig->alice)->status);
    rig_ack_deleted(rig, &rig->alice);
    assert_fails(rig_delete(rig, &rig->alice)->status, SOTTO_ENOTFOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_group, rig_stop)
static const struct CMUnitTest tests[] = {
    TEST(a_deleted_chat_leaves_no_row_but_the_notices),
    TEST(a_restart_goes_on_with_the_deletion),
    TEST(a_number_of_a_chat_is_not_used_twice),
    TEST(an_id_is_taken_until_its_log_is_gone_and_may_come_again),
    TEST(a_pair_can_have_another_direct_chat),
    TEST(what_was_on_its_way_finds_no_chat),
    TEST(only_an_owner_deletes_a_group),
    TEST(who_is_there_hears_it_at_once),
    TEST(who_was_away_is_told_until_it_knows),
    TEST(a_notice_does_not_wait_for_ever),
    TEST(a_repeat_is_answered_like_the_first),
};

SOTTO_TEST_MAIN(tests)
