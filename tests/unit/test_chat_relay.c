/* SPDX-License-Identifier: MIT */
/* Relay chats on the test host: entries stay until every device has them, and what is known of the chat stays after. */
#include "sotto_test.h"

#include "chat_peer.h"

#define RELAY SOTTO__CHAT__V1__MODE__MODE_RELAY
#define TICK_MS 1100 /* more than a turn of the purge */

static int64_t
rows(const struct chat_rig *rig)
{
    return harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log");
}

/* alice, bob and carol in a relay group that waits ten seconds; seq 1 is the commit. */
static int
start_relay(void **state)
{
    rig_start_relay(state);
    rig_group(*state, 'X');
    return 0;
}

static void
ack_all(struct chat_rig *rig, uint64_t seq)
{
    rig_ack(rig, &rig->alice, seq, true);
    rig_ack(rig, &rig->bob, seq, true);
    rig_ack(rig, &rig->carol, seq, true);
}

static void
purge(struct chat_rig *rig)
{
    harness_advance_ms(rig->h, TICK_MS);
}

/* ---- what goes, and when --------------------------------------------------------------------------------------- */

static void
an_entry_goes_when_the_last_device_has_it(void **state)
{
    struct chat_rig *rig = *state;

    assert_int_equal(rig_sent(rig_send(rig, &rig->alice, 1, "one")).seq, 2);
    assert_int_equal(rig_sent(rig_send(rig, &rig->bob, 1, "two")).seq, 3);
    rig_ack(rig, &rig->alice, 3, false);
    rig_ack(rig, &rig->bob, 3, false);
    purge(rig);
    assert_int_equal(rows(rig), 2); /* carol has the commit that added her, and no more */

    rig_ack(rig, &rig->carol, 2, false);
    purge(rig);
    assert_int_equal(rows(rig), 1);
    rig_ack(rig, &rig->carol, 3, false);
    purge(rig);

    assert_int_equal(rows(rig), 0);
    assert_int_equal((int)harness_metric(rig->h, "purged_total", 0), 3);
    assert_int_equal((int)harness_metric(rig->h, "purged_total", 1), 0);
    assert_int_equal((int)harness_metric(rig->h, "purge_line", 0), 1);
    purge(rig);
    assert_int_equal((int)harness_metric(rig->h, "purge_line", 0), 0);
}

static void
an_archive_keeps_what_everybody_has(void **state)
{
    struct chat_rig *rig = *state;

    rig->mode = SOTTO__CHAT__V1__MODE__MODE_ARCHIVE;
    rig_group(rig, 'Y');
    rig_sent(rig_send(rig, &rig->alice, 1, "kept"));
    ack_all(rig, 2);
    harness_advance_ms(rig->h, 20000);

    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log WHERE id >> 32 = 2"), 2);
}

static void
a_chat_whose_rows_are_gone_goes_on_after_a_restart(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__ListChatsReply *list;

    rig_sent(rig_send(rig, &rig->alice, 1, "one"));
    ack_all(rig, 2);
    purge(rig);
    assert_int_equal(rows(rig), 0);
    rig_restart(rig);

    list = rig_list(rig, &rig->bob);
    assert_int_equal(list->chats[0]->last_seq, 2);
    assert_int_equal(list->chats[0]->epoch, 1);
    assert_int_equal(list->chats[0]->mode, RELAY);
    assert_int_equal(rig_sent(rig_send(rig, &rig->alice, 2, "next")).seq, 3);
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status);
    assert_int_equal(rig_sync(rig, &rig->bob, 2, false)->n_entries, 2);
    assert_int_equal(rig_sync(rig, &rig->bob, 2, false)->n_gaps, 0);
}

static void
a_restart_between_the_last_ack_and_the_purge_changes_nothing(void **state)
{
    struct chat_rig *rig = *state;

    rig_sent(rig_send(rig, &rig->alice, 1, "one"));
    ack_all(rig, 2);
    assert_int_equal(rows(rig), 2);
    rig_restart(rig);
    purge(rig);

    assert_int_equal(rows(rig), 0);
}

static void
an_ack_is_answered_when_it_is_durable(void **state)
{
    struct chat_rig *rig = *state;
    Sotto__Chat__V1__AckRequest request = SOTTO__CHAT__V1__ACK_REQUEST__INIT;
    Sotto__Chat__V1__Cursor item = SOTTO__CHAT__V1__CURSOR__INIT, *items[] = {&item};

    rig_ack(rig, &rig->bob, 1, true);
    rig_ack(rig, &rig->carol, 1, true);
    item.chat_id = (ProtobufCBinaryData){16, (uint8_t *)"XXXXXXXXXXXXXXXX"};
    item.seq = 1;
    request.n_cursors = 1;
    request.cursors = items;
    harness_fail_commits(rig->h, 1);
    assert_fails(harness_rpc(rig->h, rig->alice.session, "Ack", &request.base)->status, SOTTO_EIO);
    assert_int_equal(harness_sql(rig->h, "SELECT SUM(read_seq) FROM chat_seats"), 2);
    purge(rig);
    assert_int_equal(rows(rig), 1);

    assert_ok(harness_rpc(rig->h, rig->alice.session, "Ack", &request.base)->status);
    assert_int_equal(harness_sql(rig->h, "SELECT SUM(read_seq) FROM chat_seats"), 3);
    purge(rig);
    assert_int_equal(rows(rig), 0);
}

static void
a_long_log_goes_in_slices(void **state)
{
    struct chat_rig *rig = *state;

    for (uint64_t i = 1; i <= 1200; i++)
        rig_sent(rig_send(rig, &rig->alice, i, "a"));
    ack_all(rig, 1201);
    purge(rig);

    assert_int_equal(rows(rig), 0);
    assert_int_equal((int)harness_metric(rig->h, "purged_total", 0), 1201);
}

static void
a_purge_that_fails_is_tried_again(void **state)
{
    struct chat_rig *rig = *state;

    ack_all(rig, 1);
    harness_fail_commits(rig->h, 1);
    purge(rig);
    assert_int_equal(rows(rig), 1);
    purge(rig);

    assert_int_equal(rows(rig), 0);
}

/* ---- repeats of what is gone ------------------------------------------------------------------------------------- */

static void
a_repeat_of_a_message_that_is_gone_is_answered_with_its_seq(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SendReply first = rig_sent(rig_send(rig, &rig->alice, 7, "hello"));
    Sotto__Chat__V1__SendReply again;

    ack_all(rig, 2);
    purge(rig);
    assert_int_equal(rows(rig), 0);
    again = rig_sent(rig_send_again(rig, &rig->alice, 7));

    assert_int_equal(again.seq, first.seq);
    assert_int_equal(again.ts_ms, first.ts_ms);
    assert_int_equal(rows(rig), 0);
}

static void
a_repeat_of_a_create_that_is_gone_is_answered(void **state)
{
    struct chat_rig *rig = *state;

    ack_all(rig, 1);
    purge(rig);
    assert_int_equal(rows(rig), 0);

    assert_ok(rig_create_again(rig, &rig->alice)->status);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_chats"), 1);
    assert_fails(rig_create(rig, &rig->dora, 'X', GROUP, &rig->bob, NULL)->status, SOTTO_EEXISTS);
}

/* ---- who comes too late ------------------------------------------------------------------------------------------ */

static void
a_device_that_is_away_for_too_long_is_told_what_it_missed(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;

    rig_sent(rig_send(rig, &rig->alice, 1, "one"));
    rig_sent(rig_send(rig, &rig->alice, 2, "two"));
    rig_ack(rig, &rig->alice, 3, false);
    rig_ack(rig, &rig->bob, 3, false);
    harness_advance_ms(rig->h, 9000);
    assert_int_equal(rows(rig), 2);
    rig_sent(rig_send(rig, &rig->alice, 3, "three"));
    harness_advance_ms(rig->h, 3000);
    assert_int_equal(rows(rig), 1);
    assert_int_equal((int)harness_metric(rig->h, "purged_total", 1), 2);

    sync = rig_sync(rig, &rig->carol, 1, false);
    assert_int_equal(sync->n_gaps, 1);
    assert_int_equal(sync->gaps[0]->upto_seq, 3);
    assert_int_equal(sync->gaps[0]->epoch, 1);
    assert_int_equal(sync->n_entries, 1);
    assert_int_equal(sync->entries[0]->seq, 4);
    assert_int_equal(rig_sync_all(rig, &rig->carol)->n_gaps, 1); /* from the stored cursor, too */
    assert_int_equal(rig_sync(rig, &rig->carol, 3, false)->n_gaps, 0);
    assert_int_equal(rig_sync(rig, &rig->bob, 3, false)->n_gaps, 0);
}

static void
a_gap_over_a_commit_shows_by_its_epoch(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;

    rig_sent(rig_send(rig, &rig->alice, 1, "one"));
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status);
    harness_advance_ms(rig->h, 12000);
    assert_int_equal(rows(rig), 0);
    rig_restart(rig);

    sync = rig_sync(rig, &rig->carol, 1, true);
    assert_int_equal(sync->n_gaps, 1);
    assert_int_equal(sync->gaps[0]->upto_seq, 3);
    assert_int_equal(sync->gaps[0]->epoch, 2);
    assert_int_equal(sync->n_entries, 0);
    assert_false(sync->more);
}

static void
whoever_is_removed_is_waited_for_until_it_knows(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;

    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->carol)->status);
    rig_sent(rig_send(rig, &rig->alice, 1, "without her"));
    rig_ack(rig, &rig->alice, 3, false);
    rig_ack(rig, &rig->bob, 3, false);
    purge(rig);
    assert_int_equal(rows(rig), 2); /* her removal, and what comes after */

    sync = rig_sync(rig, &rig->carol, 1, false);
    assert_int_equal(sync->n_entries, 1);
    assert_int_equal(sync->n_gaps, 0);
    rig_ack(rig, &rig->carol, 2, false);
    purge(rig);
    assert_int_equal(rows(rig), 0);
}

static void
a_welcome_outlives_the_entry_of_its_commit(void **state)
{
    struct chat_rig *rig = *state;
    int64_t ts_ms;

    assert_int_equal(rig_sync_all(rig, &rig->carol)->n_welcomes, 1);
    ts_ms = rig_sync_all(rig, &rig->carol)->welcomes[0]->ts_ms;
    rig_ack(rig, &rig->alice, 1, false);
    purge(rig);
    assert_int_equal(rows(rig), 0);

    assert_int_equal(rig_sync_all(rig, &rig->carol)->n_welcomes, 1);
    assert_true(ts_ms > 0);
    assert_int_equal(rig_sync_all(rig, &rig->carol)->welcomes[0]->ts_ms, ts_ms);
}

/* ---- what the operator allows --------------------------------------------------------------- */

static void
the_operator_says_which_modes_there_are(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    harness_stop(rig->h);
    harness_set(rig->h, "modes", "archive");
    rig_resume(rig);
    answer = rig_create(rig, &rig->alice, 'Y', GROUP, &rig->bob, NULL);
    assert_fails(answer->status, SOTTO_EUNIMPLEMENTED);
    assert_non_null(strstr(answer->text, "choose archive"));
    rig->mode = SOTTO__CHAT__V1__MODE__MODE_ARCHIVE;
    assert_ok(rig_create(rig, &rig->alice, 'Y', GROUP, &rig->bob, NULL)->status);

    harness_stop(rig->h);
    harness_set(rig->h, "modes", "archive forever");
    assert_int_not_equal(harness_start(rig->h), 0);
    assert_non_null(strstr(harness_error(rig->h), "modes"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_relay, rig_stop)
static const struct CMUnitTest tests[] = {
    TEST(an_entry_goes_when_the_last_device_has_it),
    TEST(an_archive_keeps_what_everybody_has),
    TEST(a_chat_whose_rows_are_gone_goes_on_after_a_restart),
    TEST(a_restart_between_the_last_ack_and_the_purge_changes_nothing),
    TEST(an_ack_is_answered_when_it_is_durable),
    TEST(a_long_log_goes_in_slices),
    TEST(a_purge_that_fails_is_tried_again),
    TEST(a_repeat_of_a_message_that_is_gone_is_answered_with_its_seq),
    TEST(a_repeat_of_a_create_that_is_gone_is_answered),
    TEST(a_device_that_is_away_for_too_long_is_told_what_it_missed),
    TEST(a_gap_over_a_commit_shows_by_its_epoch),
    TEST(whoever_is_removed_is_waited_for_until_it_knows),
    TEST(a_welcome_outlives_the_entry_of_its_commit),
    TEST(the_operator_says_which_modes_there_are),
};

SOTTO_TEST_MAIN(tests)
