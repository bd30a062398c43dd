/* SPDX-License-Identifier: MIT */
/*
 * Who asks much of the job pool waits for himself: a user has two requests at work, thirty more wait for them, and
 * nobody else stands in that line. Who commits without a pause must make one.
 */
#include "sotto_test.h"

#include "chat_peer.h"
#include "chat_turn.h"
#include "keyx.pb-c.h"

#define REQUESTS_MAX (CHAT_TURNS_AT_WORK_MAX + CHAT_TURNS_WAITING_MAX)

/* The first letter of whom each commit asked keyx about, in order. */
struct record {
    char users[REQUESTS_MAX + 2];
    size_t count;
};

static int
note_question(void *arg, struct sotto_view request, uint8_t *out, size_t *size_out)
{
    struct record *record = arg;
    Sotto__Keyx__V1__DeviceCheckList *list =
        sotto__keyx__v1__device_check_list__unpack(NULL, request.size, request.data);

    assert_true(list->n_devices > 0 && record->count < sizeof record->users - 1);
    record->users[record->count++] = (char)list->devices[0]->user_id.data[0];
    for (size_t i = 0; i < list->n_devices; i++)
        list->devices[i]->known = true;
    *size_out = sotto__keyx__v1__device_check_list__pack(list, out);
    sotto__keyx__v1__device_check_list__free_unpacked(list, NULL);
    return 0;
}

/* alice asks for a chat with carol, again and again: each time all of it is verified. */
static const struct harness_answer *
begin_create(struct chat_rig *rig)
{
    Sotto__Chat__V1__CreateRequest request = SOTTO__CHAT__V1__CREATE_REQUEST__INIT;
    Sotto__Chat__V1__Bundle bundle;

    peer_fill_bundle(&bundle, &rig->alice.bundle);
    request.chat_id = chat_bytes("AAAAAAAAAAAAAAAA", 16);
    request.type = GROUP;
    request.mode = SOTTO__CHAT__V1__MODE__MODE_ARCHIVE;
    request.suite = rig->alice.mls.suite;
    request.first = &bundle;
    return harness_rpc_begin(rig->h, rig->alice.session, "Create", &request.base);
}

/* The commit that was made last, once more. */
static const struct harness_answer *
begin_commit_again(struct chat_rig *rig, const struct chat_peer *peer)
{
    Sotto__Chat__V1__CommitRequest request = SOTTO__CHAT__V1__COMMIT_REQUEST__INIT;
    Sotto__Chat__V1__Bundle bundle;

    peer_fill_bundle(&bundle, &peer->bundle);
    request.chat_id = chat_bytes("XXXXXXXXXXXXXXXX", 16);
    request.bundle = &bundle;
    return harness_rpc_begin(rig->h, peer->session, "Commit", &request.base);
}

/* A group X, and the bundle with which alice will flood. */
static void
prepare_flood(struct chat_rig *rig)
{
    rig_group(rig, 'X');
    mls_peer_create(&rig->alice.mls, (const uint8_t *)"AAAAAAAAAAAAAAAA");
    rig_prepare(rig, &rig->alice, &rig->carol, NULL);
}

static void
who_floods_holds_up_nobody_else(void **state)
{
    struct chat_rig *rig = *state;
    struct record record = {.count = 0};
    const struct harness_answer *commit;

    prepare_flood(rig);
    harness_provide(rig->h, "keyx.device.check.v1", note_question, &record);
    for (size_t i = 0; i < 8; i++)
        begin_create(rig);
    commit = rig_commit_begin(rig, &rig->bob, NULL, NULL);
    harness_run(rig->h);

    assert_ok(commit->status);
    assert_string_equal(record.users, "ccbcccccc");
}

static void
what_waits_is_answered_and_what_is_too_much_refused(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answers[REQUESTS_MAX + 1];

    prepare_flood(rig);
    for (size_t i = 0; i <= REQUESTS_MAX; i++)
        answers[i] = begin_create(rig);
    harness_run(rig->h);

    for (size_t i = 0; i < REQUESTS_MAX; i++)
        assert_ok(answers[i]->status);
    assert_fails(answers[REQUESTS_MAX]->status, SOTTO_EEXHAUSTED);
    rig->chat = 'A';
    assert_ok(rig_create_again(rig, &rig->alice)->status); /* there is room again */
}

/* dora is bob's second device. Her commit waits behind the one that takes her in, and has no seat when it comes. */
static void
a_device_that_comes_in_while_its_commit_waits_has_made_it(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *added, *again, *own;

    mls_peer_fini(&rig->dora.mls);
    mls_peer_init(&rig->dora.mls, 'b', '2', 3, (uint64_t)harness_now_ms(rig->h) / 1000);
    harness_attach(rig->h, rig->dora.session, rig->dora.mls.user, rig->dora.mls.device, NULL);
    rig_group(rig, 'X');
    added = rig_commit_begin(rig, &rig->bob, &rig->dora, NULL);
    again = begin_commit_again(rig, &rig->bob);
    mls_peer_merge(&rig->bob.mls);
    mls_peer_join(&rig->dora.mls, mls_buf_bytes(&rig->bob.bundle.welcome));
    own = rig_commit_begin(rig, &rig->dora, NULL, NULL);
    harness_run(rig->h);

    assert_ok(added->status);
    assert_fails(again->status, SOTTO_EABORTED);
    assert_ok(own->status);
}

/* Commits of alice's, one after the other, until one is refused; or as many as this. */
static size_t
commit_often(struct chat_rig *rig, size_t most)
{
    size_t count = 0;

    while (count < most && rig_commit(rig, &rig->alice, NULL, NULL)->status == SOTTO_OK)
        count++;
    return count;
}

static void
nobody_has_a_chat_alone_by_committing_without_a_pause(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X'); /* her first */
    assert_int_equal(commit_often(rig, CHAT_PACE_BURST), CHAT_PACE_BURST - 1);
    assert_fails(rig_commit(rig, &rig->alice, NULL, NULL)->status, SOTTO_EEXHAUSTED);
    while (mls_group_epoch(rig->bob.mls.group) < CHAT_PACE_BURST) /* each entry is a commit */
        rig_catch_up(rig, &rig->bob, mls_group_epoch(rig->bob.mls.group));
    assert_ok(rig_commit(rig, &rig->bob, NULL, NULL)->status);
    rig_catch_up(rig, &rig->alice, CHAT_PACE_BURST);

    harness_advance_ms(rig->h, 3 * CHAT_PACE_MS);
    assert_int_equal(commit_often(rig, 10), 3);
    assert_fails(rig_commit(rig, &rig->alice, NULL, NULL)->status, SOTTO_EEXHAUSTED);
}

static void
a_clock_that_is_set_back_holds_up_nobody(void **state)
{
    struct chat_user user = {.pace_ms = 0};

    (void)state;
    pace_note(&user, 10 * CHAT_PACE_BURST * CHAT_PACE_MS);
    assert_true(pace_allows(&user, 0));
    pace_note(&user, 0);
    assert_int_equal(user.pace_ms, CHAT_PACE_MS);
}

/* ---- the writer ------------------------------------------------------------------------------------------------ */

#define SEEN_MAX 600

/* alice knows of deletions of chats whose ids are numbers from 0. */
static const struct harness_answer *
begin_ack(struct chat_rig *rig, size_t count)
{
    Sotto__Chat__V1__AckRequest request = SOTTO__CHAT__V1__ACK_REQUEST__INIT;
    ProtobufCBinaryData seen[SEEN_MAX];
    char ids[SEEN_MAX][16 + 1];

    for (size_t i = 0; i < count; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%016zu", i);
        seen[i] = chat_bytes(ids[i], 16);
    }
    request.deleted_seen = seen;
    request.n_deleted_seen = count;
    return harness_rpc_begin(rig->h, rig->alice.session, "Ack", &request.base);
}

/* Notices of all of them for alice's device, whose number is 1. */
static void
leave_notices(struct chat_rig *rig)
{
    rig_group(rig, 'X');
    harness_sql(rig->h,
                "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 599)"
                " INSERT INTO chat_notices (device, chat_id, user_id, ts_ms)"
                " SELECT 1, CAST(printf('%016d', i) AS BLOB), zeroblob(16), 1 FROM n");
}

/* The writer stumbles over one in the middle: what came before it was written by then, so others' rows could be, too. */
static void
a_long_acknowledgement_is_written_in_parts(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    leave_notices(rig);
    harness_sql(rig->h, "CREATE TRIGGER stumble BEFORE DELETE ON chat_notices"
                        " WHEN OLD.chat_id = CAST('0000000000000300' AS BLOB)"
                        " BEGIN SELECT RAISE(ABORT, 'stumbled'); END");
    answer = begin_ack(rig, SEEN_MAX);
    harness_run(rig->h);
    assert_int_not_equal(answer->status, SOTTO_OK);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_notices"), SEEN_MAX - 256);

    harness_sql(rig->h, "DROP TRIGGER stumble");
    answer = begin_ack(rig, SEEN_MAX);
    harness_run(rig->h);
    assert_ok(answer->status);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_notices"), 0);
}

static void
long_acknowledgements_of_a_user_wait_for_each_other(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answers[REQUESTS_MAX + 1], *send, *brief;

    leave_notices(rig);
    for (size_t i = 0; i <= REQUESTS_MAX; i++)
        answers[i] = begin_ack(rig, SEEN_MAX);
    brief = begin_ack(rig, 16);
    send = rig_send_begin(rig, &rig->bob, 1, "among them");
    harness_run(rig->h);

    for (size_t i = 0; i < REQUESTS_MAX; i++)
        assert_ok(answers[i]->status);
    assert_fails(answers[REQUESTS_MAX]->status, SOTTO_EEXHAUSTED);
    assert_ok(brief->status); /* it costs what a message costs, and waits for no turn */
    assert_ok(send->status);
    answers[0] = begin_ack(rig, SEEN_MAX);
    harness_run(rig->h);
    assert_ok(answers[0]->status);
}

/* The first word on a chat counts: a search through thousands of seats for each of thousands of repeats would hold up
 * everybody. */
static void
a_chat_that_is_named_again_and_again_is_looked_up_once(void **state)
{
    struct chat_rig *rig = *state;
    Sotto__Chat__V1__AckRequest request = SOTTO__CHAT__V1__ACK_REQUEST__INIT;
    Sotto__Chat__V1__Cursor cursors[2], *items[2];
    uint8_t id[16];

    rig_group(rig, 'X');
    assert_ok(rig_send(rig, &rig->alice, 1, "one")->status);
    memset(id, 'X', sizeof(id));
    for (uint64_t i = 0; i < 2; i++) {
        sotto__chat__v1__cursor__init(&cursors[i]);
        cursors[i].chat_id = chat_bytes(id, sizeof(id));
        cursors[i].seq = 1 + i;
        items[i] = &cursors[i];
    }
    request.n_cursors = 2;
    request.cursors = items;
    assert_ok(harness_rpc(rig->h, rig->bob.session, "Ack", &request.base)->status);
    harness_advance_ms(rig->h, CHAT_ACK_EVERY_MS + 1);
    assert_int_equal(harness_sql(rig->h, "SELECT MAX(read_seq) FROM chat_seats WHERE device = 2"),
                     1);
    cursors[0].seq = 2;
    assert_ok(harness_rpc(rig->h, rig->bob.session, "Ack", &request.base)->status);
    harness_advance_ms(rig->h, CHAT_ACK_EVERY_MS + 1);
    assert_int_equal(harness_sql(rig->h, "SELECT MAX(read_seq) FROM chat_seats WHERE device = 2"),
                     2);
}

/* As if there were that many seats: what waits is handed over in parts, the newest first, until nothing waits. */
static void
all_cursors_that_wait_are_written(void **state)
{
    struct chat_rig *rig = *state;
    struct delivery *ds;

    rig_group(rig, 'X');
    assert_ok(rig_send(rig, &rig->alice, 1, "to be read")->status);
    rig_ack(rig, &rig->bob, 2, true);
    ds = harness_state(rig->h);
    assert_int_equal(ds->marks->count, 1);
    while (ds->marks->count < 3000)
        ds->marks->marks[ds->marks->count++] = (struct chat_mark){99, 99, 1};
    harness_advance_ms(rig->h, CHAT_ACK_EVERY_MS + 1);
    assert_int_equal(ds->marks->count, 0);
    assert_int_equal(harness_sql(rig->h, "SELECT MAX(read_seq) FROM chat_seats WHERE device = 2"),
                     2);
    assert_ok(rig_send(rig, &rig->alice, 2, "and on")->status);
    rig_ack(rig, &rig->bob, 3, false);
    harness_advance_ms(rig->h, CHAT_ACK_EVERY_MS + 1);
    assert_int_equal(harness_sql(rig->h, "SELECT MAX(read_seq) FROM chat_seats WHERE device = 2"),
                     3);
}

#define TURN_TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
static const struct CMUnitTest tests[] = {
    TURN_TEST(who_floods_holds_up_nobody_else),
    TURN_TEST(what_waits_is_answered_and_what_is_too_much_refused),
    TURN_TEST(a_device_that_comes_in_while_its_commit_waits_has_made_it),
    TURN_TEST(nobody_has_a_chat_alone_by_committing_without_a_pause),
    TURN_TEST(a_long_acknowledgement_is_written_in_parts),
    TURN_TEST(long_acknowledgements_of_a_user_wait_for_each_other),
    TURN_TEST(a_chat_that_is_named_again_and_again_is_looked_up_once),
    TURN_TEST(all_cursors_that_wait_are_written),
    cmocka_unit_test(a_clock_that_is_set_back_holds_up_nobody),
};

SOTTO_TEST_MAIN(tests)
