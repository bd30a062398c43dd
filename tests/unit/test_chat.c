/* SPDX-License-Identifier: MIT */
/*
 * modules/chat on the test host, with real MLS groups on the clients' side: who may do what, what is delivered
 * to whom, and that nothing is lost or doubled on the way.
 */
#include "sotto_test.h"

#include "chat_peer.h"
#include "keyx.pb-c.h"

/* ---- creating ------------------------------------------------------------------------------------------------ */

static void
a_direct_chat_opens_on_both_sides(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;
    const Sotto__Chat__V1__ListChatsReply *list;

    assert_ok(rig_create(rig, &rig->alice, 'X', DIRECT, &rig->bob, NULL)->status);
    sync = rig_sync(rig, &rig->bob, 0, false);

    assert_int_equal(sync->n_welcomes, 1);
    assert_int_equal(sync->welcomes[0]->seq, 1);
    assert_memory_equal(sync->welcomes[0]->inviter_user.data, rig->alice.mls.user, 16);
    assert_int_equal(sync->n_entries, 0);
    list = rig_list(rig, &rig->bob);
    assert_int_equal(list->n_chats, 1);
    assert_int_equal(list->chats[0]->epoch, 1);
    assert_int_equal(list->chats[0]->members, 2);
    assert_int_equal(list->chats[0]->role, SOTTO__CHAT__V1__ROLE__ROLE_MEMBER);
    assert_int_equal(rig_list(rig, &rig->alice)->chats[0]->role, SOTTO__CHAT__V1__ROLE__ROLE_OWNER);
}

static void
a_repeated_create_is_answered_like_the_first(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *first, *second;

    first = rig_create(rig, &rig->alice, 'X', DIRECT, &rig->bob, NULL);
    second = rig_create_again(rig, &rig->alice);
    assert_ok(first->status);
    assert_ok(second->status);
    assert_int_equal(((const Sotto__Chat__V1__CommitReply *)second->message)->seq, 1);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_chats"), 1);
}

static void
the_second_direct_chat_of_a_pair_is_told_the_first(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;
    Sotto__Chat__V1__CreateConflict *conflict;

    assert_ok(rig_create(rig, &rig->alice, 'X', DIRECT, &rig->bob, NULL)->status);
    answer = rig_create(rig, &rig->bob, 'Y', DIRECT, &rig->alice, NULL);

    assert_fails(answer->status, SOTTO_EEXISTS);
    conflict =
        sotto__chat__v1__create_conflict__unpack(NULL, answer->details.size, answer->details.data);
    assert_int_equal(conflict->chat_id.data[0], 'X');
    sotto__chat__v1__create_conflict__free_unpacked(conflict, NULL);
    assert_ok(rig_create(rig, &rig->bob, 'Z', GROUP, &rig->alice, NULL)->status);
}

static void
a_taken_chat_id_and_other_modes_are_refused(void **state)
{
    struct chat_rig *rig = *state;

    assert_ok(rig_create(rig, &rig->alice, 'X', GROUP, &rig->bob, NULL)->status);
    assert_fails(rig_create(rig, &rig->carol, 'X', GROUP, &rig->bob, NULL)->status, SOTTO_EEXISTS);
    rig->mode = SOTTO__CHAT__V1__MODE__MODE_PEERS;
    assert_fails(rig_create(rig, &rig->carol, 'Y', GROUP, &rig->bob, NULL)->status,
                 SOTTO_EUNIMPLEMENTED);
    rig->mode = SOTTO__CHAT__V1__MODE__MODE_UNSPECIFIED;
    assert_fails(rig_create(rig, &rig->carol, 'Y', GROUP, &rig->bob, NULL)->status, SOTTO_EINVALID);
}

static void
a_direct_chat_of_three_is_refused(void **state)
{
    struct chat_rig *rig = *state;

    assert_fails(rig_create(rig, &rig->alice, 'X', DIRECT, &rig->bob, &rig->carol)->status,
                 SOTTO_EINVALID);
    assert_fails(rig_create(rig, &rig->alice, 'X', DIRECT, NULL, NULL)->status, SOTTO_EINVALID);
}

static void
a_device_that_keyx_does_not_know_is_not_added(void **state)
{
    struct chat_rig *rig = *state;

    rig->unknown = &rig->bob;
    assert_fails(rig_create(rig, &rig->alice, 'X', DIRECT, &rig->bob, NULL)->status,
                 SOTTO_EPRECONDITION);
    harness_provide(rig->h, "keyx.device.check.v1", NULL, NULL);
    assert_fails(rig_create(rig, &rig->alice, 'X', DIRECT, &rig->carol, NULL)->status,
                 SOTTO_EUNAVAILABLE);
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

static void
a_message_reaches_the_others_live_and_not_its_sender(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__EntryEvent *event;
    char text[64];

    rig_group(rig, 'X');
    rig_go_live(rig);
    harness_forget(rig->h);
    assert_ok(rig_send(rig, &rig->alice, 1, "hello")->status);

    assert_int_equal(harness_push_count(rig->h), 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_not_equal(harness_push_at(rig->h, i)->session, rig->alice.session);
    event = (const void *)harness_push_at(rig->h, 0)->event;
    assert_int_equal(event->entries[0]->seq, 2);
    assert_int_equal(event->entries[0]->client_msg_id, 1);
    assert_memory_equal(event->entries[0]->sender_user.data, rig->alice.mls.user, 16);
    assert_ok(mls_peer_process(&rig->bob.mls, to_mls(event->entries[0]->message), text));
    assert_string_equal(text, "hello");
}

static void
what_happened_while_away_comes_with_sync(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;
    char text[64];

    rig_group(rig, 'X');
    assert_ok(rig_send(rig, &rig->alice, 1, "one")->status);
    assert_ok(rig_send(rig, &rig->bob, 1, "two")->status);

    sync = rig_sync(rig, &rig->bob, 1, false);
    assert_int_equal(sync->n_entries, 2);
    assert_false(sync->more);
    assert_ok(mls_peer_process(&rig->bob.mls, to_mls(sync->entries[0]->message), text));
    assert_string_equal(text, "one");
    assert_int_equal(sync->entries[1]->message.len, 0); /* one's own comes without bytes */
    assert_int_equal(sync->entries[0]->mark.len, 0);
    assert_int_equal(sync->entries[1]->mark.len, 16);
    assert_int_equal(rig_sync(rig, &rig->bob, 2, false)->n_entries, 1);
    assert_int_equal(rig_sync(rig, &rig->bob, 3, false)->n_entries, 0);
    assert_int_equal(rig_sync(rig, &rig->bob, 1u << 30, false)->n_entries, 0);
}

static void
a_repeat_is_one_message_with_the_same_answer(void **state)
{
    struct chat_rig *rig = *state;
    Sotto__Chat__V1__SendReply first, second;

    rig_group(rig, 'X');
    rig_go_live(rig);
    first = rig_sent(rig_send(rig, &rig->alice, 7, "hello"));
    harness_advance_ms(rig->h, 1000);
    harness_forget(rig->h);
    second = rig_sent(rig_send_again(rig, &rig->alice, 7));

    assert_int_equal(second.seq, first.seq);
    assert_int_equal(second.ts_ms, first.ts_ms);
    assert_int_equal(harness_push_count(rig->h), 0);
    assert_int_equal((int)harness_metric(rig->h, "repeats_total", 0), 1);
}

static void
a_repeat_is_known_after_a_restart_and_in_a_later_epoch(void **state)
{
    struct chat_rig *rig = *state;
    Sotto__Chat__V1__SendReply first;

    rig_group(rig, 'X');
    first = rig_sent(rig_send(rig, &rig->alice, 7, "hello"));
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status);
    assert_int_equal(rig_sent(rig_send_again(rig, &rig->alice, 7)).seq, first.seq);
    rig_restart(rig);

    assert_int_equal(rig_sent(rig_send_again(rig, &rig->alice, 7)).seq, first.seq);
    assert_int_equal(rig_sent(rig_send(rig, &rig->alice, 8, "next")).seq, first.seq + 2);
}

static void
an_old_copy_of_a_device_learns_what_it_sent_and_cannot_use_a_number_twice(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;

    rig_group(rig, 'X');
    assert_int_equal(rig_sync(rig, &rig->alice, 1, false)->sent_top, 0);
    rig_sent(rig_send(rig, &rig->alice, 9, "later"));
    rig_sent(rig_send(rig, &rig->alice, 7, "first"));
    rig_restart(rig);

    sync = rig_sync(rig, &rig->alice, 1, false);
    assert_int_equal(sync->sent_top, 9);
    assert_memory_not_equal(sync->entries[0]->mark.data, sync->entries[1]->mark.data, 16);
    assert_int_equal(rig_sync(rig, &rig->bob, 1, false)->sent_top, 0);
    assert_fails(rig_send(rig, &rig->alice, 7, "another")->status, SOTTO_EEXISTS);
    assert_int_equal(rig_sync(rig, &rig->bob, 1, false)->n_entries, 2);
}

static void
the_window_is_128_counters_long(void **state)
{
    struct chat_rig *rig = *state;
    Sotto__Chat__V1__SendReply first;

    rig_group(rig, 'X');
    first = rig_sent(rig_send(rig, &rig->alice, 1, "first"));
    assert_int_equal(rig_sent(rig_send_again(rig, &rig->alice, 1)).seq, first.seq);
    rig_sent(rig_send(rig, &rig->alice, 128, "last"));
    assert_fails(rig_send(rig, &rig->alice, 1, "again")->status, SOTTO_EEXISTS);
    rig_sent(rig_send(rig, &rig->alice, 129, "beyond"));

    assert_fails(rig_send(rig, &rig->alice, 1, "again")->status, SOTTO_EPRECONDITION);
    assert_int_equal(rig_sent(rig_send(rig, &rig->alice, 2, "late")).seq, first.seq + 3);
    assert_fails(rig_send(rig, &rig->alice, 0, "zero")->status, SOTTO_EINVALID);
}

static void
a_message_of_another_epoch_is_stale(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;
    Sotto__Chat__V1__Stale *stale;

    rig_group(rig, 'X');
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status);
    answer = rig_send(rig, &rig->bob, 1, "late");

    assert_fails(answer->status, SOTTO_EABORTED);
    stale = sotto__chat__v1__stale__unpack(NULL, answer->details.size, answer->details.data);
    assert_int_equal(stale->epoch, 2);
    sotto__chat__v1__stale__free_unpacked(stale, NULL);
    rig_catch_up(rig, &rig->bob, 1);
    assert_ok(rig_send(rig, &rig->bob, 1, "caught up")->status);
}

static void
what_is_no_application_message_of_this_chat_is_refused(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_buf message = {0};

    rig_group(rig, 'X');
    assert_fails(rig_send_bytes(rig, &rig->alice, 1, "junk", 4)->status, SOTTO_EINVALID);
    mls_peer_create(&rig->dora.mls, (const uint8_t *)"YYYYYYYYYYYYYYYY");
    mls_peer_encrypt(&rig->dora.mls, "elsewhere", &message);
    assert_fails(rig_send_bytes(rig, &rig->alice, 1, message.data, message.len)->status,
                 SOTTO_EINVALID);
    assert_fails(rig_send_bytes(rig, &rig->alice, 1, rig->alice.bundle.commit.data,
                                rig->alice.bundle.commit.len)
                     ->status,
                 SOTTO_EINVALID);
    mls_buf_fini(&message);
}

static void
a_hook_that_objects_stops_the_message(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    rig_group(rig, 'X');
    harness_decide(rig->h, "chat.message.send.v1", SOTTO_EPERM, "not today");
    answer = rig_send(rig, &rig->alice, 1, "hello");
    assert_fails(answer->status, SOTTO_EPERM);
    assert_string_equal(answer->text, "not today");
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log"), 1);
}

static void
a_message_that_was_not_made_durable_was_not_sent(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    rig_go_live(rig);
    harness_forget(rig->h);
    harness_fail_commits(rig->h, 1);
    assert_fails(rig_send(rig, &rig->alice, 1, "lost")->status, SOTTO_EIO);

    assert_int_equal(harness_push_count(rig->h), 0);
    assert_int_equal(rig_sent(rig_send_again(rig, &rig->alice, 1)).seq, 2);
    assert_int_equal(harness_push_count(rig->h), 2);
}

static void
facts_are_published_for_messages_and_commits(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    harness_forget(rig->h);
    assert_ok(rig_send(rig, &rig->alice, 1, "hello")->status);
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status);
    assert_int_equal(harness_publish_count(rig->h), 2);
    assert_string_equal(harness_publish_at(rig->h, 0)->topic, "chat.message.accepted.v1");
    assert_string_equal(harness_publish_at(rig->h, 1)->topic, "chat.commit.accepted.v1");
}

/* ---- reading -------------------------------------------------------------------------------- */

static void
pages_are_bounded_and_lose_nothing(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;
    uint64_t cursor = 1, pages = 0;

    rig_group(rig, 'X');
    for (uint64_t i = 1; i <= 40; i++)
        assert_ok(rig_send_big(rig, &rig->alice, i, 10000)->status);
    do {
        size_t size = 0;

        sync = rig_sync(rig, &rig->bob, cursor, true);
        for (size_t i = 0; i < sync->n_entries; i++) {
            assert_int_equal(sync->entries[i]->seq, cursor + 1);
            cursor = sync->entries[i]->seq;
            size += sync->entries[i]->message.len;
        }
        assert_true(size <= 65536);
        pages++;
    } while (sync->more);

    assert_int_equal(cursor, 41);
    assert_true(pages >= 6);
    harness_forget(rig->h);
    assert_ok(rig_send_big(rig, &rig->alice, 41, 10)->status);
    assert_int_equal(harness_push_count(rig->h), 1);
}

static void
an_entry_between_read_and_answer_keeps_the_reader_from_going_live(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *sync, *send;

    rig_group(rig, 'X');
    sync = rig_sync_begin(rig, &rig->bob, 1, true);
    send = rig_send_begin(rig, &rig->alice, 1, "in between");
    harness_forget(rig->h);
    harness_run(rig->h);

    assert_true(sync->done && send->done);
    if (!((const Sotto__Chat__V1__SyncReply *)sync->message)->more)
        assert_int_equal(harness_push_count(rig->h), 1);
    else
        assert_int_equal(rig_sync(rig, &rig->bob, 1, true)->n_entries, 1);
}

static void
a_stored_cursor_is_used_when_none_is_given(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    for (uint64_t i = 1; i <= 3; i++)
        assert_ok(rig_send(rig, &rig->alice, i, "m")->status);
    rig_ack(rig, &rig->bob, 3, false);
    assert_int_equal(rig_sync_all(rig, &rig->bob)->n_entries, 1);
    harness_advance_ms(rig->h, 5000);
    rig_restart(rig);

    assert_int_equal(rig_sync_all(rig, &rig->bob)->n_entries, 1);
    rig_ack(rig, &rig->bob, 2, false); /* never back */
    assert_int_equal(rig_sync_all(rig, &rig->bob)->n_entries, 1);
    assert_int_equal(rig_list(rig, &rig->bob)->chats[0]->cursor, 3);
}

static void
a_cursor_that_was_not_written_yet_is_written_at_the_end(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    assert_ok(rig_send(rig, &rig->alice, 1, "m")->status);
    rig_ack(rig, &rig->bob, 2, false);
    rig_restart(rig);
    assert_int_equal(rig_sync_all(rig, &rig->bob)->n_entries, 0);
}

static void
a_welcome_stays_until_it_is_acknowledged(void **state)
{
    struct chat_rig *rig = *state;

    assert_ok(rig_create(rig, &rig->alice, 'X', GROUP, &rig->bob, &rig->carol)->status);
    assert_int_equal(rig_sync(rig, &rig->bob, 0, false)->n_welcomes, 1);
    rig_restart(rig);
    assert_int_equal(rig_sync(rig, &rig->bob, 0, false)->n_welcomes, 1);
    rig_ack(rig, &rig->bob, 0, true);
    assert_int_equal(rig_sync(rig, &rig->bob, 0, false)->n_welcomes, 0);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_welcomes"), 1);
    rig_ack(rig, &rig->carol, 0, true);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_welcomes"), 0);
}

/* Otherwise each entry would cost whoever forgets to acknowledge an invitation another copy of it. */
static void
a_welcome_that_nobody_acknowledges_leaves_the_entries_their_page(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;

    assert_ok(rig_create(rig, &rig->alice, 'X', GROUP, &rig->bob, NULL)->status);
    for (uint64_t i = 1; i <= 20; i++)
        assert_ok(rig_send(rig, &rig->alice, i, "m")->status);
    assert_int_equal(
        harness_sql(rig->h, "UPDATE chat_welcomes SET welcome = zeroblob(100000) RETURNING 1"), 1);

    sync = rig_sync(rig, &rig->bob, 1, false);

    assert_int_equal(sync->n_welcomes, 1);
    assert_int_equal(sync->welcomes[0]->welcome.len, 100000);
    assert_int_equal(sync->n_entries, 20);
    assert_false(sync->more);
}

/* ---- members ---------------------------------------------------------------------------------------------------- */

static void
an_added_member_hears_at_once_and_reads_from_then_on(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__WelcomeEvent *event;

    rig_group(rig, 'X');
    rig_go_live(rig);
    rig_sync(rig, &rig->dora, 0, true);
    assert_ok(rig_send(rig, &rig->alice, 1, "before")->status);
    harness_forget(rig->h);
    assert_ok(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status);

    /* bob and carol: the commit; dora: the Welcome */
    assert_int_equal(harness_push_count(rig->h), 3);
    event = (const void *)harness_push_at(rig->h, 2)->event;
    assert_int_equal(harness_push_at(rig->h, 2)->session, rig->dora.session);
    assert_int_equal(event->welcome->seq, 3);
    mls_peer_join(&rig->dora.mls, to_mls(event->welcome->welcome));
    assert_int_equal(rig_sync(rig, &rig->dora, 0, false)->n_entries, 0);
    assert_ok(rig_send(rig, &rig->dora, 1, "I am here")->status);
    assert_int_equal(rig_members(rig, &rig->dora)->n_members, 4);
}

static void
of_two_commits_of_one_epoch_one_wins(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *first, *second;

    rig_group(rig, 'X');
    first = rig_commit_begin(rig, &rig->alice, NULL, NULL);
    second = rig_commit_begin(rig, &rig->bob, NULL, NULL);
    harness_run(rig->h);

    assert_true(first->done && second->done);
    assert_int_equal((first->status == SOTTO_OK) + (second->status == SOTTO_OK), 1);
    assert_int_equal((first->status == SOTTO_EABORTED) + (second->status == SOTTO_EABORTED), 1);
    assert_int_equal(rig_list(rig, &rig->carol)->chats[0]->epoch, 2);
}

static void
a_removed_member_reads_up_to_the_commit_and_not_further(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;

    rig_group(rig, 'X');
    assert_ok(rig_send(rig, &rig->alice, 1, "before")->status);
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->bob)->status);
    assert_ok(rig_send(rig, &rig->alice, 2, "after")->status);

    assert_fails(rig_send(rig, &rig->bob, 1, "still here?")->status, SOTTO_ENOTFOUND);
    assert_int_equal(rig_list(rig, &rig->bob)->n_chats, 0);
    sync = rig_sync_all(rig, &rig->bob);
    assert_int_equal(sync->n_entries, 2);
    assert_int_equal(sync->n_left, 0);
    sync = rig_sync(rig, &rig->bob, 2, false);
    assert_int_equal(sync->n_entries, 1);
    assert_int_equal(sync->entries[0]->kind, SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_COMMIT);
    assert_int_equal(sync->n_left, 1);
    rig_ack(rig, &rig->bob, 3, false);
    harness_advance_ms(rig->h, 5000);
    rig_restart(rig);
    assert_int_equal(rig_sync_all(rig, &rig->bob)->n_entries, 0);
    assert_int_equal(rig_sync(rig, &rig->bob, 0, false)->n_left, 1);
    assert_int_equal(rig_members(rig, &rig->alice)->n_members, 2);
}

static void
a_removed_member_hears_of_it_live_and_nothing_after(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    rig_go_live(rig);
    harness_forget(rig->h);
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->bob)->status);
    assert_int_equal(harness_push_count(rig->h), 2);
    harness_forget(rig->h);
    assert_ok(rig_send(rig, &rig->alice, 1, "after")->status);
    assert_int_equal(harness_push_count(rig->h), 1);
    assert_int_equal(harness_push_at(rig->h, 0)->session, rig->carol.session);
}

static void
a_blank_leaf_is_given_out_again_and_the_roster_survives_a_restart(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;

    rig_group(rig, 'X'); /* alice 0, bob 1, carol 2 */
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->bob)->status);
    assert_ok(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status);
    assert_int_equal(harness_sql(rig->h, "SELECT leaf FROM chat_seats s JOIN chat_devices d ON"
                                         " d.num = s.device WHERE d.user_id = x'"
                                         "64646464646464646464646464646464'"),
                     1);
    rig_restart(rig);
    sync = rig_sync(rig, &rig->dora, 0, false);
    mls_peer_join(&rig->dora.mls, to_mls(sync->welcomes[0]->welcome));
    assert_int_equal(mls_group_own_leaf(rig->dora.mls.group), 1);

    assert_ok(rig_commit(rig, &rig->dora, &rig->bob, NULL)->status);
    assert_int_equal(rig_members(rig, &rig->carol)->n_members, 4);
    sync = rig_sync(rig, &rig->bob, 0, false);
    assert_int_equal(sync->n_welcomes, 1);
    assert_int_equal(sync->n_entries, 0);
}

static void
roles_decide_who_removes(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    assert_fails(rig_commit(rig, &rig->bob, NULL, &rig->carol)->status, SOTTO_EPERM);
    assert_fails(rig_set_role(rig, &rig->bob, &rig->bob, ADMIN)->status, SOTTO_EPERM);
    assert_ok(rig_set_role(rig, &rig->alice, &rig->bob, ADMIN)->status);
    assert_fails(rig_commit(rig, &rig->bob, NULL, &rig->alice)->status, SOTTO_EPERM);
    rig_restart(rig);
    assert_ok(rig_commit(rig, &rig->bob, NULL, &rig->carol)->status);
    assert_fails(rig_set_role(rig, &rig->alice, &rig->alice, MEMBER)->status, SOTTO_EPRECONDITION);
    assert_fails(rig_set_role(rig, &rig->alice, &rig->carol, ADMIN)->status, SOTTO_EPRECONDITION);
}

/* Bob's second device, in dora's place. */
static void
give_bob_a_phone(struct chat_rig *rig)
{
    mls_peer_fini(&rig->dora.mls);
    mls_peer_init(&rig->dora.mls, 'b', '2', 3, (uint64_t)harness_now_ms(rig->h) / 1000);
    rig->dora.session = harness_connect(rig->h);
    harness_attach(rig->h, rig->dora.session, rig->dora.mls.user, rig->dora.mls.device, NULL);
}

static void
a_device_that_is_registered_no_more_is_removed_by_any_member(void **state)
{
    struct chat_rig *rig = *state;

    give_bob_a_phone(rig);
    rig_group(rig, 'X');
    assert_ok(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status);
    rig_catch_up(rig, &rig->carol, 1);
    assert_fails(rig_commit(rig, &rig->carol, NULL, &rig->dora)->status, SOTTO_EPERM);

    rig->unknown = &rig->dora;
    assert_fails(rig_commit(rig, &rig->carol, NULL, &rig->bob)->status, SOTTO_EPERM);
    assert_ok(rig_commit(rig, &rig->carol, NULL, &rig->dora)->status);
    assert_int_equal(rig_members(rig, &rig->carol)->n_members, 3);
    rig->unknown = &rig->bob;
    assert_fails(rig_commit(rig, &rig->carol, NULL, &rig->bob)->status, SOTTO_EPERM);
}

static void
members_who_listen_are_told_of_a_device_that_was_removed(void **state)
{
    struct chat_rig *rig = *state;
    Sotto__Keyx__V1__DeviceRemoved fact = SOTTO__KEYX__V1__DEVICE_REMOVED__INIT;
    const Sotto__Chat__V1__DeviceGone *event;
    uint8_t payload[128];
    struct sotto_view view = {.data = payload};

    rig_group(rig, 'X');
    rig_go_live(rig);
    harness_forget(rig->h);
    fact.user_id = (ProtobufCBinaryData){16, rig->bob.mls.user};
    fact.device_id = (ProtobufCBinaryData){16, rig->bob.mls.device};
    view.size = sotto__keyx__v1__device_removed__pack(&fact, payload);
    harness_fact(rig->h, "keyx.device.removed.v1", (struct sotto_view){rig->bob.mls.user, 16},
                 view);
    harness_run(rig->h);

    assert_int_equal(harness_push_count(rig->h), 2); /* alice and carol, not the device itself */
    event = (const void *)harness_push_at(rig->h, 0)->event;
    assert_string_equal(event->base.descriptor->name, "sotto.chat.v1.DeviceGone");
    assert_memory_equal(event->user_id.data, rig->bob.mls.user, 16);
    assert_memory_equal(event->device_id.data, rig->bob.mls.device, 16);
}

static void
in_a_direct_chat_a_removed_device_makes_room_for_another_of_its_user(void **state)
{
    struct chat_rig *rig = *state;

    give_bob_a_phone(rig);
    assert_ok(rig_create(rig, &rig->alice, 'X', DIRECT, &rig->bob, NULL)->status);
    rig->unknown = &rig->bob;
    assert_fails(rig_commit(rig, &rig->alice, NULL, &rig->bob)->status, SOTTO_EPERM);
    assert_ok(rig_commit(rig, &rig->alice, &rig->dora, &rig->bob)->status);
    assert_int_equal(rig_members(rig, &rig->alice)->n_members, 2);
    assert_int_equal(rig_list(rig, &rig->dora)->n_chats, 1);
}

static void
nobody_else_joins_or_leaves_a_direct_chat(void **state)
{
    struct chat_rig *rig = *state;

    assert_ok(rig_create(rig, &rig->alice, 'X', DIRECT, &rig->bob, NULL)->status);
    assert_fails(rig_commit(rig, &rig->alice, &rig->carol, NULL)->status, SOTTO_EPERM);
    assert_fails(rig_commit(rig, &rig->alice, NULL, &rig->bob)->status, SOTTO_EPERM);
}

static void
absent_and_forbidden_chats_answer_alike(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *forbidden, *absent;
    char text[512];

    rig_group(rig, 'X');
    assert_ok(rig_send(rig, &rig->alice, 1, "hello")->status);
    for (int method = 0; method < RIG_METHODS; method++) {
        rig->chat = 'X';
        forbidden = rig_any(rig, &rig->dora, method);
        assert_fails(forbidden->status, SOTTO_ENOTFOUND);
        snprintf(text, sizeof(text), "%s", forbidden->text);
        rig->chat = 'N';
        absent = rig_any(rig, &rig->dora, method);
        assert_fails(absent->status, SOTTO_ENOTFOUND);
        assert_string_equal(absent->text, text);
    }
    rig->chat = 'X';
    assert_int_equal(rig_sync(rig, &rig->dora, 0, false)->n_left, 1);
    rig->chat = 'N';
    assert_int_equal(rig_sync(rig, &rig->dora, 0, false)->n_left, 1);
}

/* alice opens the group X with this many others at once. */
static int
create_with(struct chat_rig *rig, size_t count)
{
    struct mls_peer *others = calloc(count, sizeof(*others));
    struct mls_bytes *adds = calloc(count, sizeof(*adds));
    int status;

    for (size_t i = 0; i < count; i++) {
        const uint8_t id[16] = {(uint8_t)(i >> 8), (uint8_t)i, 'x'};

        mls_peer_init_ids(&others[i], id, id, 3, rig->alice.mls.now);
        adds[i] = mls_peer_package(&others[i], 86400);
    }
    rig->chat = 'X';
    rig->type = GROUP;
    mls_peer_create(&rig->alice.mls, (const uint8_t *)"XXXXXXXXXXXXXXXX");
    peer_bundle_fini(&rig->alice.bundle);
    mls_peer_commit(&rig->alice.mls, adds, count, NULL, 0, &rig->alice.bundle);
    status = rig_create_again(rig, &rig->alice)->status;
    for (size_t i = 0; i < count; i++)
        mls_peer_fini(&others[i]);
    free(others);
    free(adds);
    return status;
}

static void
a_commit_adds_at_most_200_devices(void **state)
{
    struct chat_rig *rig = *state;

    assert_fails(create_with(rig, 201), SOTTO_EINVALID);
    assert_ok(create_with(rig, 200));
    assert_int_equal(rig_members(rig, &rig->alice)->n_members, 201);
    rig_restart(rig);
    assert_int_equal(rig_members(rig, &rig->alice)->n_members, 201);
    assert_int_equal(harness_sql(rig->h, "SELECT MAX(leaf) FROM chat_seats"), 200);
}

static void
a_chat_with_all_its_seats_taken_takes_nobody_else(void **state)
{
    struct chat_rig *rig = *state;

    harness_stop(rig->h);
    harness_set(rig->h, "devices_per_chat", "3");
    rig_resume(rig);
    rig_group(rig, 'X');
    assert_fails(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status, SOTTO_EEXHAUSTED);
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->bob)->status);
    assert_ok(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status);
}

static void
a_bundle_whose_parts_do_not_fit_is_refused(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    rig_prepare(rig, &rig->alice, &rig->dora, NULL);
    assert_fails(rig_submit(rig, &rig->alice, NO_WELCOME)->status, SOTTO_EINVALID);
    assert_fails(rig_submit(rig, &rig->alice, NO_GROUP_INFO)->status, SOTTO_EINVALID);
    assert_fails(rig_submit(rig, &rig->alice, WELCOME_AS_COMMIT)->status, SOTTO_EINVALID);
    /* signed by alice, handed in by bob */
    assert_int_not_equal(rig_submit_as(rig, &rig->alice, &rig->bob)->status, SOTTO_OK);
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);
    assert_fails(rig_submit(rig, &rig->alice, WHOLE)->status, SOTTO_EABORTED);
}

#define CHAT_TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
static const struct CMUnitTest tests[] = {
    CHAT_TEST(a_direct_chat_opens_on_both_sides),
    CHAT_TEST(a_repeated_create_is_answered_like_the_first),
    CHAT_TEST(the_second_direct_chat_of_a_pair_is_told_the_first),
    CHAT_TEST(a_taken_chat_id_and_other_modes_are_refused),
    CHAT_TEST(a_direct_chat_of_three_is_refused),
    CHAT_TEST(a_device_that_keyx_does_not_know_is_not_added),
    CHAT_TEST(a_message_reaches_the_others_live_and_not_its_sender),
    CHAT_TEST(what_happened_while_away_comes_with_sync),
    CHAT_TEST(a_repeat_is_one_message_with_the_same_answer),
    CHAT_TEST(a_repeat_is_known_after_a_restart_and_in_a_later_epoch),
    CHAT_TEST(an_old_copy_of_a_device_learns_what_it_sent_and_cannot_use_a_number_twice),
    CHAT_TEST(the_window_is_128_counters_long),
    CHAT_TEST(a_message_of_another_epoch_is_stale),
    CHAT_TEST(what_is_no_application_message_of_this_chat_is_refused),
    CHAT_TEST(a_hook_that_objects_stops_the_message),
    CHAT_TEST(a_message_that_was_not_made_durable_was_not_sent),
    CHAT_TEST(facts_are_published_for_messages_and_commits),
    CHAT_TEST(pages_are_bounded_and_lose_nothing),
    CHAT_TEST(an_entry_between_read_and_answer_keeps_the_reader_from_going_live),
    CHAT_TEST(a_stored_cursor_is_used_when_none_is_given),
    CHAT_TEST(a_cursor_that_was_not_written_yet_is_written_at_the_end),
    CHAT_TEST(a_welcome_stays_until_it_is_acknowledged),
    CHAT_TEST(a_welcome_that_nobody_acknowledges_leaves_the_entries_their_page),
    CHAT_TEST(an_added_member_hears_at_once_and_reads_from_then_on),
    CHAT_TEST(of_two_commits_of_one_epoch_one_wins),
    CHAT_TEST(a_removed_member_reads_up_to_the_commit_and_not_further),
    CHAT_TEST(a_removed_member_hears_of_it_live_and_nothing_after),
    CHAT_TEST(a_blank_leaf_is_given_out_again_and_the_roster_survives_a_restart),
    CHAT_TEST(roles_decide_who_removes),
    CHAT_TEST(a_device_that_is_registered_no_more_is_removed_by_any_member),
    CHAT_TEST(members_who_listen_are_told_of_a_device_that_was_removed),
    CHAT_TEST(in_a_direct_chat_a_removed_device_makes_room_for_another_of_its_user),
    CHAT_TEST(nobody_else_joins_or_leaves_a_direct_chat),
    CHAT_TEST(absent_and_forbidden_chats_answer_alike),
    CHAT_TEST(a_commit_adds_at_most_200_devices),
    CHAT_TEST(a_chat_with_all_its_seats_taken_takes_nobody_else),
    CHAT_TEST(a_bundle_whose_parts_do_not_fit_is_refused),
};

SOTTO_TEST_MAIN(tests)
