/* SPDX-License-Identifier: MIT */
/*
 * modules/chat on the test host: reports of bad commits. What a member says of a commit is on record once for each
 * user, and all members read it; who could not have looked at the commit says nothing about it.
 */
#include "sotto_test.h"

#include "chat_peer.h"

#define REPORT SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_REPORT
#define PATH SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_PATH
#define REPORTS_MAX 16
#define TICK_MS 1100 /* more than a turn of the purge */

/* alice, bob and carol; carol's commit is seq 2, of epoch 1. */
static int
make_bad(struct chat_rig *rig)
{
    rig_group(rig, 'X');
    assert_ok(rig_commit(rig, &rig->carol, NULL, NULL)->status);
    return 0;
}

static int
start_bad(void **state)
{
    rig_start(state);
    return make_bad(*state);
}

/* The same in a relay chat that waits ten seconds. */
static int
start_relay(void **state)
{
    rig_start_relay(state);
    return make_bad(*state);
}

static Sotto__Chat__V1__ReportCommitReply
reported(const struct harness_answer *answer)
{
    assert_ok(answer->status);
    return *(const Sotto__Chat__V1__ReportCommitReply *)answer->message;
}

static int64_t
log_rows(const struct chat_rig *rig)
{
    return harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log");
}

/* ---- what is on record ------------------------------------------------------------------------------------------ */

static void
the_first_report_is_an_entry_that_all_read_live_and_later(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__EntryEvent *event;
    const Sotto__Chat__V1__Entry *entry;
    Sotto__Chat__V1__CommitReported *commit;

    rig_go_live(rig);
    harness_forget(rig->h);
    assert_int_equal(reported(rig_report(rig, &rig->bob, 2, 1)).seq, 3);

    assert_int_equal(harness_push_count(rig->h), 3);
    event = (const void *)harness_push_at(rig->h, 0)->event;
    assert_int_equal(event->entries[0]->kind, REPORT);
    entry = rig_sync(rig, &rig->alice, 2, false)->entries[0];
    assert_int_equal(entry->kind, REPORT);
    assert_int_equal(entry->seq, 3);
    assert_int_equal(entry->epoch, 2);
    assert_memory_equal(entry->sender_user.data, rig->bob.mls.user, 16);
    commit =
        sotto__chat__v1__commit_reported__unpack(NULL, entry->message.len, entry->message.data);
    assert_int_equal(commit->seq, 2);
    assert_int_equal(commit->epoch, 1);
    assert_int_equal(commit->reason, PATH);
    assert_memory_equal(commit->user_id.data, rig->carol.mls.user, 16);
    assert_memory_equal(commit->device_id.data, rig->carol.mls.device, 16);
    sotto__chat__v1__commit_reported__free_unpacked(commit, NULL);
    assert_int_equal((int)harness_metric(rig->h, "reports_total", 0), 1);
}

static void
further_users_are_counted_and_the_log_stays(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__ListReportsReply *list;
    Sotto__Chat__V1__ReportCommitReply first, second;

    first = reported(rig_report(rig, &rig->bob, 2, 1));
    harness_advance_ms(rig->h, 500);
    second = reported(rig_report(rig, &rig->alice, 2, 1));

    assert_int_equal(second.seq, first.seq);
    assert_int_equal(second.ts_ms, first.ts_ms);
    assert_int_equal(log_rows(rig), 3);
    list = rig_reports(rig, &rig->carol);
    assert_int_equal(list->n_reports, 1);
    assert_int_equal(list->reports[0]->users, 2);
    assert_int_equal(list->reports[0]->ts_ms, first.ts_ms);
    assert_memory_equal(list->reports[0]->reporter_user.data, rig->bob.mls.user, 16);
    assert_int_equal(list->reports[0]->commit->seq, 2);
    assert_int_equal(list->reports[0]->commit->epoch, 1);
    assert_int_equal(list->reports[0]->commit->reason, PATH);
    assert_memory_equal(list->reports[0]->commit->user_id.data, rig->carol.mls.user, 16);
}

static void
a_repeat_is_answered_like_the_first_also_after_a_restart(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__ReportCommitReply first = reported(rig_report(rig, &rig->bob, 2, 1));

    for (int i = 0; i < 2; i++) {
        const Sotto__Chat__V1__ReportCommitReply again = reported(rig_report(rig, &rig->bob, 2, 1));

        assert_int_equal(again.seq, first.seq);
        assert_int_equal(again.ts_ms, first.ts_ms);
        rig_restart(rig);
    }
    assert_int_equal(log_rows(rig), 3);
    assert_int_equal(rig_reports(rig, &rig->alice)->reports[0]->users, 1);
}

static void
the_sixteen_newest_commits_are_kept_and_none_comes_back(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__ListReportsReply *list;
    const struct harness_answer *answer;
    int64_t rows;

    for (uint64_t i = 1; i <= REPORTS_MAX; i++) /* seq 3 to 18 */
        assert_ok(rig_commit(rig, &rig->carol, NULL, NULL)->status);
    for (uint64_t i = 0; i <= REPORTS_MAX; i++)
        reported(rig_report(rig, &rig->bob, 2 + i, 1 + i));

    list = rig_reports(rig, &rig->bob);
    assert_int_equal(list->n_reports, REPORTS_MAX);
    assert_int_equal(list->reports[0]->commit->seq, 3);
    assert_int_equal(list->reports[REPORTS_MAX - 1]->commit->seq, 2 + REPORTS_MAX);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_refusals"), REPORTS_MAX);
    rows = log_rows(rig);
    answer = rig_report(rig, &rig->bob, 2, 1);
    assert_fails(answer->status, SOTTO_EPRECONDITION);
    assert_non_null(strstr(answer->text, "newer commits"));
    assert_int_equal(log_rows(rig), rows);
}

/* ---- who may say it, and of what -------------------------------------------------------------------------------- */

static void
what_is_no_commit_of_that_epoch_is_refused(void **state)
{
    struct chat_rig *rig = *state;

    rig_catch_up(rig, &rig->bob, 1);
    assert_ok(rig_send(rig, &rig->bob, 1, "a message")->status); /* seq 3 */
    assert_fails(rig_report(rig, &rig->alice, 3, 2)->status, SOTTO_EPRECONDITION);
    assert_fails(rig_report(rig, &rig->alice, 4, 2)->status, SOTTO_EPRECONDITION);
    assert_fails(rig_report(rig, &rig->alice, 2, 2)->status, SOTTO_EPRECONDITION);
    assert_fails(rig_report(rig, &rig->alice, 0, 1)->status, SOTTO_EINVALID);
    assert_fails(rig_report(rig, &rig->alice, (1ull << 32) + 2, 1)->status, SOTTO_EINVALID);
    assert_int_equal(rig_reports(rig, &rig->alice)->n_reports, 0);
    assert_int_equal(log_rows(rig), 3);
}

static void
nobody_reports_a_commit_of_the_own_device(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer = rig_report(rig, &rig->carol, 2, 1);

    assert_fails(answer->status, SOTTO_EPRECONDITION);
    assert_non_null(strstr(answer->text, "own"));
    reported(rig_report(rig, &rig->bob, 2, 1));
    assert_fails(rig_report(rig, &rig->carol, 2, 1)->status, SOTTO_EPRECONDITION);
}

static void
who_came_later_or_is_not_there_could_not_look_at_it(void **state)
{
    struct chat_rig *rig = *state;

    assert_fails(rig_report(rig, &rig->dora, 2, 1)->status, SOTTO_ENOTFOUND);
    assert_ok(rig_commit(rig, &rig->carol, &rig->dora, NULL)->status); /* seq 3 */
    assert_fails(rig_report(rig, &rig->dora, 2, 1)->status, SOTTO_EPRECONDITION);
    assert_fails(rig_report(rig, &rig->dora, 3, 2)->status, SOTTO_EPRECONDITION);
    rig_catch_up(rig, &rig->alice, 1);
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->bob)->status); /* seq 4 */
    assert_fails(rig_report(rig, &rig->bob, 2, 1)->status, SOTTO_ENOTFOUND);
    reported(rig_report(rig, &rig->dora, 4, 3));
}

/* Let in before the roster changed, and read after. */
static void
who_is_taken_out_while_asking_reads_no_reports(void **state)
{
    struct chat_rig *rig = *state;
    Sotto__Chat__V1__ListReportsRequest request = SOTTO__CHAT__V1__LIST_REPORTS_REQUEST__INIT;
    const struct harness_answer *answer;
    uint8_t id[16];

    memset(id, 'X', sizeof(id));
    request.chat_id = (ProtobufCBinaryData){sizeof(id), id};
    answer = harness_rpc_begin(rig->h, rig->bob.session, "ListReports", &request.base);
    harness_sql(rig->h, "DELETE FROM chat_members WHERE substr(user_id, 1, 1) = x'62'");
    harness_run(rig->h);
    assert_fails(answer->status, SOTTO_ENOTFOUND);
}

static void
a_report_of_who_left_stays(void **state)
{
    struct chat_rig *rig = *state;

    reported(rig_report(rig, &rig->bob, 2, 1));
    rig_catch_up(rig, &rig->alice, 1);
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->bob)->status);
    assert_int_equal(rig_reports(rig, &rig->alice)->reports[0]->users, 1);
}

static void
a_deleted_chat_takes_its_reports_along(void **state)
{
    struct chat_rig *rig = *state;

    reported(rig_report(rig, &rig->bob, 2, 1));
    assert_ok(rig_delete(rig, &rig->alice)->status);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_refusals"), 0);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_reports"), 0);
    harness_advance_ms(rig->h, TICK_MS);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_chats"), 0);
}

static void
a_report_that_is_not_durable_is_none(void **state)
{
    struct chat_rig *rig = *state;

    harness_fail_commits(rig->h, 1);
    assert_fails(rig_report(rig, &rig->bob, 2, 1)->status, SOTTO_EIO);
    assert_int_equal(rig_reports(rig, &rig->bob)->n_reports, 0);
    assert_int_equal(reported(rig_report(rig, &rig->bob, 2, 1)).seq, 3);
}

/* ---- relay chats ------------------------------------------------------------------------------------------------ */

static void
a_relay_keeps_the_commit_for_who_has_not_acknowledged_it(void **state)
{
    struct chat_rig *rig = *state;

    rig_ack(rig, &rig->alice, 2, true);
    rig_ack(rig, &rig->carol, 2, true);
    harness_advance_ms(rig->h, TICK_MS);
    reported(rig_report(rig, &rig->bob, 2, 1));
    rig_ack(rig, &rig->bob, 3, true);
    rig_ack(rig, &rig->alice, 3, true);
    rig_ack(rig, &rig->carol, 3, true);
    harness_advance_ms(rig->h, TICK_MS);

    /* Gone from the log, and still on record. */
    assert_int_equal(log_rows(rig), 0);
    rig_restart(rig);
    assert_int_equal(rig_reports(rig, &rig->alice)->n_reports, 1);
    assert_int_equal(reported(rig_report(rig, &rig->alice, 2, 1)).seq, 3);
    assert_int_equal(rig_reports(rig, &rig->alice)->reports[0]->users, 2);
    assert_int_equal(rig_list(rig, &rig->alice)->chats[0]->last_seq, 3);
}

static void
what_a_relay_has_lost_cannot_be_reported_any_more(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    harness_advance_ms(rig->h, 12000);
    answer = rig_report(rig, &rig->bob, 2, 1);
    assert_fails(answer->status, SOTTO_EPRECONDITION);
    assert_non_null(strstr(answer->text, "any more"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_bad, rig_stop)
#define RELAY_TEST(name) cmocka_unit_test_setup_teardown(name, start_relay, rig_stop)
static const struct CMUnitTest tests[] = {
    TEST(the_first_report_is_an_entry_that_all_read_live_and_later),
    TEST(further_users_are_counted_and_the_log_stays),
    TEST(a_repeat_is_answered_like_the_first_also_after_a_restart),
    TEST(the_sixteen_newest_commits_are_kept_and_none_comes_back),
    TEST(what_is_no_commit_of_that_epoch_is_refused),
    TEST(nobody_reports_a_commit_of_the_own_device),
    TEST(who_came_later_or_is_not_there_could_not_look_at_it),
    TEST(who_is_taken_out_while_asking_reads_no_reports),
    TEST(a_report_of_who_left_stays),
    TEST(a_deleted_chat_takes_its_reports_along),
    TEST(a_report_that_is_not_durable_is_none),
    RELAY_TEST(a_relay_keeps_the_commit_for_who_has_not_acknowledged_it),
    RELAY_TEST(what_a_relay_has_lost_cannot_be_reported_any_more),
};

SOTTO_TEST_MAIN(tests)
