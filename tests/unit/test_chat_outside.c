/* SPDX-License-Identifier: MIT */
/*
 * The server as an external sender of the chats: which groups may list it, and the removals that it proposes when a
 * user removed a device and no member has taken its leaf out in time.
 */
#include "sotto_test.h"

#include "chat_outside.h"
#include "chat_refusal.h"

#define PROPOSAL SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_PROPOSAL

/* Groups that alice makes list what the server offers, in this memory. */
static void
list_the_server(struct chat_rig *rig, uint8_t senders[OUTSIDE_SENDERS_BYTES])
{
    rig_list_server(rig);
    assert_int_equal(rig->alice.mls.senders.len, OUTSIDE_SENDERS_BYTES);
    memcpy(senders, rig->senders, OUTSIDE_SENDERS_BYTES);
    rig->alice.mls.senders = (struct mls_bytes){senders, OUTSIDE_SENDERS_BYTES};
}

static int64_t
proposals(struct chat_rig *rig)
{
    return harness_sql(rig->h, "SELECT COUNT(*) FROM chat_proposals");
}

/* ---- which groups ---------------------------------------------------------------------------------------------- */

static void
a_chat_lists_the_server_alone_or_nobody(void **state)
{
    struct chat_rig *rig = *state;
    uint8_t senders[OUTSIDE_SENDERS_BYTES];
    const struct harness_answer *answer;

    assert_ok(rig_create(rig, &rig->alice, 'N', GROUP, &rig->bob, NULL)->status);
    list_the_server(rig, senders);
    assert_ok(rig_create(rig, &rig->alice, 'O', GROUP, &rig->bob, NULL)->status);
    senders[2] ^= 1; /* the key */
    answer = rig_create(rig, &rig->alice, 'A', GROUP, &rig->bob, NULL);
    assert_fails(answer->status, SOTTO_EINVALID);
    assert_non_null(strstr(answer->text, "GetExternalSender"));
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_chats"), 2);
}

static void
nobody_changes_the_external_senders_later(void **state)
{
    struct chat_rig *rig = *state;
    struct peer_bundle *bundle = &rig->alice.bundle;
    uint8_t senders[OUTSIDE_SENDERS_BYTES];
    const struct mls_proposal none = {.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS};
    const struct mls_commit_options options = {.proposals = &none, .proposal_count = 1};
    const struct harness_answer *answer;

    list_the_server(rig, senders);
    rig_group(rig, 'X');
    peer_bundle_fini(bundle);
    assert_ok(mls_group_commit(rig->alice.mls.group, &options, &bundle->commit, &bundle->welcome,
                               &bundle->group_info));
    answer = rig_submit(rig, &rig->alice, WHOLE);
    assert_fails(answer->status, SOTTO_EINVALID);
    assert_non_null(strstr(answer->text, "external senders"));
}

static void
the_key_survives_a_restart(void **state)
{
    struct chat_rig *rig = *state;
    uint8_t before[OUTSIDE_SENDERS_BYTES], after[OUTSIDE_SENDERS_BYTES];

    list_the_server(rig, before);
    rig_restart(rig);
    list_the_server(rig, after);
    assert_memory_equal(before, after, sizeof(before));
}

/* ---- what it proposes -------------------------------------------------------------------------------------------- */

static void
what_members_leave_undone_is_proposed_after_the_grace(void **state)
{
    struct chat_rig *rig = *state;
    uint8_t senders[OUTSIDE_SENDERS_BYTES];
    const Sotto__Chat__V1__SyncReply *sync;
    struct mls_message_info info;
    struct mls_proposal_view view;

    list_the_server(rig, senders);
    rig_group_with_phone(rig);
    rig_remove_device(rig, &rig->dora);
    assert_int_equal(proposals(rig), 0);
    rig_wait_grace(rig);
    assert_int_equal(proposals(rig), 1);

    sync = rig_sync(rig, &rig->carol, 2, false);
    assert_int_equal(sync->n_entries, 1);
    assert_int_equal(sync->entries[0]->kind, PROPOSAL);
    assert_memory_equal(sync->entries[0]->sender_device.data, rig->dora.mls.device, 16);
    assert_ok(mls_message_info(to_mls(sync->entries[0]->message), &info));
    assert_int_equal(info.sender_type, MLS_SENDER_EXTERNAL);
    assert_int_equal(info.epoch, 2);
    assert_ok(mls_proposal_view(mls_provider_default(), to_mls(sync->entries[0]->message), &view));
    assert_int_equal(view.type, MLS_PROPOSAL_REMOVE);
    assert_int_equal(view.leaf, 3);
}

/* Nothing is sent before a commit, which names the proposal; also when the server was away in between. */
static void
a_member_commits_it_by_its_reference_after_a_restart(void **state)
{
    struct chat_rig *rig = *state;
    uint8_t senders[OUTSIDE_SENDERS_BYTES];
    struct mls_commit_view view;
    struct mls_commit_entry entry;
    size_t offset = 0;

    list_the_server(rig, senders);
    rig_group_with_phone(rig);
    rig_remove_device(rig, &rig->dora);
    rig_wait_grace(rig);
    rig_restart(rig);
    assert_fails(rig_send(rig, &rig->alice, 1, "too early")->status, SOTTO_EABORTED);
    assert_fails(rig_commit(rig, &rig->alice, NULL, NULL)->status, SOTTO_EABORTED);
    rig_catch_up(rig, &rig->carol, 2);
    rig_prepare(rig, &rig->carol, NULL, NULL);
    assert_ok(mls_commit_view(mls_buf_bytes(&rig->carol.bundle.commit), &view));
    assert_int_equal(mls_commit_next(mls_provider_default(), &view, &offset, &entry), 1);
    assert_true(entry.by_reference);
    assert_ok(rig_submit(rig, &rig->carol, WHOLE)->status);
    assert_int_equal(proposals(rig), 0);
    rig_catch_up(rig, &rig->alice, 2);
    assert_ok(rig_send(rig, &rig->alice, 2, "in time")->status);
    assert_int_equal(rig_members(rig, &rig->alice)->n_members, 3);
    assert_int_equal(mls_group_member_count(rig->alice.mls.group), 3);
}

static void
what_members_did_themselves_is_not_proposed(void **state)
{
    struct chat_rig *rig = *state;
    uint8_t senders[OUTSIDE_SENDERS_BYTES];

    list_the_server(rig, senders);
    rig_group_with_phone(rig);
    rig_remove_device(rig, &rig->dora);
    assert_ok(rig_commit(rig, &rig->carol, NULL, &rig->dora)->status);
    rig_wait_grace(rig);
    assert_int_equal(proposals(rig), 0);
    assert_int_equal(rig_sync(rig, &rig->carol, 3, false)->n_entries, 0);
}

/* It goes only with another one of its user in its place. */
static void
a_last_device_is_left_to_members(void **state)
{
    struct chat_rig *rig = *state;
    uint8_t senders[OUTSIDE_SENDERS_BYTES];

    list_the_server(rig, senders);
    rig_group(rig, 'X');
    rig_remove_device(rig, &rig->bob);
    rig_wait_grace(rig);
    assert_int_equal(proposals(rig), 0);
}

static void
a_group_without_external_sender_is_left_to_members(void **state)
{
    struct chat_rig *rig = *state;

    rig_group_with_phone(rig);
    rig_remove_device(rig, &rig->dora);
    rig_wait_grace(rig);
    assert_int_equal(proposals(rig), 0);
    assert_ok(rig_send(rig, &rig->alice, 1, "as before")->status);
}

static void
a_removal_is_proposed_however_often_the_server_stops_before(void **state)
{
    struct chat_rig *rig = *state;
    uint8_t senders[OUTSIDE_SENDERS_BYTES];

    list_the_server(rig, senders);
    rig_group_with_phone(rig);
    rig_remove_device(rig, &rig->dora);
    for (int i = 0; i < 3; i++) {
        rig_restart(rig); /* keyx says it no more */
        assert_int_equal(proposals(rig), 0);
    }
    rig_wait_grace(rig);
    assert_int_equal(proposals(rig), 1);
}

/* A closed chat gets no entry, so its removed devices stay where they are, whether they were in the line or come
 * later. */
static void
nothing_is_proposed_in_a_chat_that_was_started_anew(void **state)
{
    struct chat_rig *rig = *state;
    uint8_t senders[OUTSIDE_SENDERS_BYTES];
    int64_t entries;

    list_the_server(rig, senders);
    rig_group_with_phone(rig);
    assert_ok(rig_report(rig, &rig->carol, 2, 1)->status);
    rig_remove_device(rig, &rig->dora);
    rig->resets = 'X';
    assert_ok(rig_create(rig, &rig->alice, 'Y', GROUP, &rig->carol, NULL)->status);
    entries = harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log");
    for (int i = 0; i < 2; i++) {
        rig_wait_grace(rig);
        assert_int_equal(proposals(rig), 0);
        assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log"), entries);
        rig_restart(rig);
        rig_go_live(rig);
        harness_forget(rig->h);
        rig_remove_device(rig, &rig->dora);
        assert_int_equal(harness_push_count(rig->h), 0);
    }
}

#define OUTSIDE_TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
static const struct CMUnitTest tests[] = {
    OUTSIDE_TEST(a_chat_lists_the_server_alone_or_nobody),
    OUTSIDE_TEST(nobody_changes_the_external_senders_later),
    OUTSIDE_TEST(the_key_survives_a_restart),
    OUTSIDE_TEST(what_members_leave_undone_is_proposed_after_the_grace),
    OUTSIDE_TEST(a_member_commits_it_by_its_reference_after_a_restart),
    OUTSIDE_TEST(a_removal_is_proposed_however_often_the_server_stops_before),
    OUTSIDE_TEST(what_members_did_themselves_is_not_proposed),
    OUTSIDE_TEST(a_last_device_is_left_to_members),
    OUTSIDE_TEST(a_group_without_external_sender_is_left_to_members),
    OUTSIDE_TEST(nothing_is_proposed_in_a_chat_that_was_started_anew),
};

SOTTO_TEST_MAIN(tests)
