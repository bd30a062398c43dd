/* SPDX-License-Identifier: MIT */
/*
 * The server follows the groups: what members would refuse because of its public part it refuses itself, with the cause
 * and without a trace; it serves the tree; and it finds its way back from the store, from a full cache, and from a time
 * in which it followed nobody.
 */
#include "sotto_test.h"

#include "chat_refusal.h"
#include "chat_tree.h"

/* ---- what is refused ----------------------------------------------------------------------------------------- */

/* The signature covers everything but the tags, and the GroupInfo repeats the confirmation tag. The membership tag,
 * which is the last of the message, is what only members can check. */
static void
every_bit_of_a_commit_but_its_membership_tag_counts(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_buf *commit;

    rig_group(rig, 'X');
    rig_prepare(rig, &rig->alice, NULL, &rig->bob);
    commit = &rig->alice.bundle.commit;
    for (size_t i = 0; i + MLS_HASH_BYTES < commit->len; i++) {
        commit->data[i] ^= (uint8_t)(1u << (i % 8));
        if (rig_submit(rig, &rig->alice, WHOLE)->status == SOTTO_OK)
            fail_msg("byte %zu was not missed", i);
        commit->data[i] ^= (uint8_t)(1u << (i % 8));
    }
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);
}

static void
every_bit_of_a_group_info_counts(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_buf *info;

    rig_group(rig, 'X');
    rig_prepare(rig, &rig->alice, &rig->dora, NULL);
    info = &rig->alice.bundle.group_info;
    for (size_t i = 0; i < info->len; i++) {
        info->data[i] ^= (uint8_t)(1u << (i % 8));
        if (rig_submit(rig, &rig->alice, WHOLE)->status == SOTTO_OK)
            fail_msg("byte %zu was not missed", i);
        info->data[i] ^= (uint8_t)(1u << (i % 8));
    }
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);
}

static void
every_bit_of_the_start_counts(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_buf *start = &rig->alice.bundle.start;

    rig->type = GROUP;
    rig->chat = 'X';
    mls_peer_create(&rig->alice.mls, (const uint8_t *)"XXXXXXXXXXXXXXXX");
    rig_prepare(rig, &rig->alice, &rig->bob, NULL);
    for (size_t i = 0; i < start->len; i++) {
        start->data[i] ^= (uint8_t)(1u << (i % 8));
        if (rig_create_again(rig, &rig->alice)->status == SOTTO_OK)
            fail_msg("byte %zu was not missed", i);
        start->data[i] ^= (uint8_t)(1u << (i % 8));
    }
    assert_ok(rig_create_again(rig, &rig->alice)->status);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_trees"), 1);
}

static void
a_refusal_names_its_cause(void **state)
{
    struct chat_rig *rig = *state;
    struct peer_bundle *bundle = &rig->alice.bundle;
    struct mls_buf first;

    rig_group(rig, 'X');
    rig_prepare(rig, &rig->alice, NULL, &rig->bob);
    bundle->commit.data[bundle->commit.len - 2 * MLS_HASH_BYTES - 8] ^= 1;
    rig_expect_refusal(rig, &rig->alice, "the commit: signature does not verify (MLS_ESIGNATURE)");

    /* Two commits of one epoch that do the same: the GroupInfo of one does not fit the other. */
    mls_peer_drop(&rig->alice.mls);
    rig_prepare(rig, &rig->alice, NULL, &rig->bob);
    first = bundle->group_info;
    bundle->group_info = (struct mls_buf){0};
    mls_peer_drop(&rig->alice.mls);
    rig_prepare(rig, &rig->alice, NULL, &rig->bob);
    mls_buf_fini(&bundle->group_info);
    bundle->group_info = first;
    rig_expect_refusal(rig, &rig->alice, "the GroupInfo: invalid ratchet tree (MLS_ETREE)");
}

static void
a_first_bundle_without_its_group_is_refused(void **state)
{
    struct chat_rig *rig = *state;

    rig->type = GROUP;
    rig->chat = 'X';
    mls_peer_create(&rig->alice.mls, (const uint8_t *)"XXXXXXXXXXXXXXXX");
    rig_prepare(rig, &rig->alice, &rig->bob, NULL);
    mls_buf_fini(&rig->alice.bundle.start);
    assert_fails(rig_create_again(rig, &rig->alice)->status, SOTTO_EINVALID);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_chats"), 0);
}

static int
know_a_secret(void *arg, struct mls_bytes psk_id, struct mls_buf *psk_out)
{
    (void)arg;
    return mls_buf_set(psk_out, mls_provider_default(), psk_id);
}

/* A member who lacks the key would be left behind, and nobody outside sees who has it. */
static void
a_commit_that_takes_a_pre_shared_key_is_refused(void **state)
{
    struct chat_rig *rig = *state;
    struct peer_bundle *bundle = &rig->alice.bundle;
    const struct mls_proposal psk = {.type = MLS_PROPOSAL_PSK,
                                     .psk_id = {(const uint8_t *)"mine", 4}};
    const struct mls_commit_options options = {.proposals = &psk, .proposal_count = 1};

    rig->alice.mls.config.find_psk = know_a_secret;
    rig_group(rig, 'X');
    peer_bundle_fini(bundle);
    assert_ok(mls_group_commit(rig->alice.mls.group, &options, &bundle->commit, &bundle->welcome,
                               &bundle->group_info));
    rig_expect_refusal(rig, &rig->alice, "no pre-shared key");
}

/* Of a proposal, too, only the membership tag is left to members. */
static void
a_leaving_must_be_signed_by_who_leaves(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_buf *proposal = &rig->bob.last_proposals[0];
    const struct harness_answer *answer;
    int64_t before;

    rig_group(rig, 'X');
    before = rig_trace(rig);
    assert_ok(mls_peer_propose_remove(&rig->bob.mls, 1, proposal));
    for (size_t i = 0; i + MLS_HASH_BYTES + 1 < proposal->len; i++) {
        proposal->data[i] ^= (uint8_t)(1u << (i % 8));
        answer = rig_leave_again(rig, &rig->bob);
        if (answer->status == SOTTO_OK)
            fail_msg("byte %zu was not missed", i);
        proposal->data[i] ^= (uint8_t)(1u << (i % 8));
    }
    proposal->data[proposal->len - MLS_HASH_BYTES - 2] ^= 1;
    answer = rig_leave_again(rig, &rig->bob);
    assert_non_null(strstr(answer->text, "MLS_ESIGNATURE"));
    assert_int_equal(rig_trace(rig), before);
    proposal->data[proposal->len - MLS_HASH_BYTES - 2] ^= 1;
    assert_ok(rig_leave_again(rig, &rig->bob)->status);
}

/* ---- races ------------------------------------------------------------------------------------------------- */

/* Both are verified against epoch 1; of the two one joins it. */
static void
of_two_verified_commits_one_is_stale(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *one, *two;

    rig_group(rig, 'X');
    one = rig_commit_begin(rig, &rig->alice, NULL, NULL);
    two = rig_commit_begin(rig, &rig->bob, NULL, NULL);
    harness_run(rig->h);
    assert_true(one->done && two->done);
    assert_int_equal((one->status == SOTTO_OK) + (two->status == SOTTO_OK), 1);
    assert_int_equal((one->status == SOTTO_EABORTED) + (two->status == SOTTO_EABORTED), 1);
}

/* The tree in the store changed while the epoch did not: nothing that was verified against another tree is written. */
static void
the_tree_is_compared_with_the_epoch(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status); /* the tree is in the cache */
    harness_sql(rig->h, "UPDATE chat_trees SET tree_hash = zeroblob(32)");
    harness_fail_commits(rig->h, 1); /* what the writer remembers is forgotten */
    assert_int_not_equal(rig_commit(rig, &rig->alice, NULL, NULL)->status, SOTTO_OK);
    assert_fails(rig_commit(rig, &rig->alice, NULL, NULL)->status, SOTTO_EABORTED);
    assert_int_equal(harness_sql(rig->h, "SELECT epoch FROM chat_chats"), 2);
}

static void
two_who_leave_at_once_are_both_committed(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *one, *two;

    rig_group(rig, 'X');
    one = rig_leave_begin(rig, &rig->bob);
    two = rig_leave_begin(rig, &rig->carol);
    harness_run(rig->h);
    assert_ok(one->status);
    assert_ok(two->status);
    rig_catch_up(rig, &rig->alice, 1);
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status);
    assert_int_equal(rig_members(rig, &rig->alice)->n_members, 1);
}

/* ---- serving and keeping the tree --------------------------------------------------------------------------- */

static void
members_and_nobody_else_get_the_tree(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;
    const Sotto__Chat__V1__GetGroupReply *reply;
    struct mls_public_group *opened = NULL;
    uint8_t want[MLS_HASH_BYTES], got[MLS_HASH_BYTES];

    rig_group(rig, 'X');
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status);
    answer = rig_get_group(rig, &rig->bob);
    assert_ok(answer->status);
    reply = (const void *)answer->message;
    assert_int_equal(reply->epoch, 2);
    assert_ok(mls_public_group_open(&rig->bob.mls.config, to_mls(reply->group_info),
                                    to_mls(reply->ratchet_tree), &opened));
    mls_group_tree_hash(rig->alice.mls.group, want);
    mls_public_group_tree_hash(opened, got);
    assert_memory_equal(got, want, sizeof want);
    mls_public_group_destroy(&opened);

    assert_fails(rig_get_group(rig, &rig->dora)->status, SOTTO_ENOTFOUND);
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->bob)->status);
    assert_fails(rig_get_group(rig, &rig->bob)->status, SOTTO_ENOTFOUND);
}

static int
nothing_to_do(struct tree_check *check)
{
    (void)check;
    return SOTTO_OK;
}

static void
note_status(struct tree_check *check, int status)
{
    *(int *)check->owner = status;
    tree_check_end(check, false);
}

/* What a request of this user gets that was let in before the roster changed, and reads after. */
static int
read_late(struct chat_rig *rig, const struct chat_peer *peer)
{
    struct delivery *ds = harness_state(rig->h);
    uint8_t id[16];
    int status = 1;
    struct tree_check check = {
        .ds = ds,
        .owner = &status,
        .wants_stored = true,
        .reader = peer->mls.user,
        .work = nothing_to_do,
        .done = note_status,
    };

    memset(id, rig->chat, 16);
    memcpy(check.chat_id, id, 16);
    check.chat = roster_chat(ds, chat_bytes(id, 16));
    tree_check_start(&check);
    harness_run(rig->h);
    return status;
}

static void
who_is_taken_out_while_asking_gets_no_later_tree(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    assert_ok(read_late(rig, &rig->bob));
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->bob)->status);
    assert_fails(read_late(rig, &rig->bob), SOTTO_ENOTFOUND);
    assert_ok(read_late(rig, &rig->carol));
    assert_ok(rig_delete(rig, &rig->alice)->status);
    assert_fails(read_late(rig, &rig->carol), SOTTO_ENOTFOUND);
}

/* An invitation carries the tree of its own epoch, however far the chat is by then. */
static void
who_is_invited_joins_with_the_tree_of_the_server(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_peer_package(&rig->dora.mls, 86400)};
    const struct mls_commit_options options = {
        .proposals = &add, .proposal_count = 1, .welcome_without_tree = true};
    struct peer_bundle *bundle = &rig->alice.bundle;

    rig_group(rig, 'X');
    peer_bundle_fini(bundle);
    assert_ok(mls_group_commit(rig->alice.mls.group, &options, &bundle->commit, &bundle->welcome,
                               &bundle->group_info));
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);
    mls_peer_merge(&rig->alice.mls);
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->bob)->status);

    sync = rig_sync_all(rig, &rig->dora);
    assert_int_equal(sync->n_welcomes, 1);
    const struct mls_join_params params = {
        .welcome = to_mls(sync->welcomes[0]->welcome),
        .key_package_private = mls_buf_bytes(&rig->dora.mls.packages[0].secret),
        .ratchet_tree = to_mls(sync->welcomes[0]->ratchet_tree),
    };
    const struct mls_client self = mls_peer_client(&rig->dora.mls, 86400);
    assert_ok(mls_group_join(&rig->dora.mls.config, &self, &params, &rig->dora.mls.group));
    rig_catch_up(rig, &rig->dora, sync->welcomes[0]->seq);
    assert_ok(rig_send(rig, &rig->dora, 1, "here")->status);
}

/* ---- joining without an invitation -------------------------------------------------------------------------- */

/* Also after a restart, and whatever the device had read before: it may not know that it was accepted. */
static void
assert_log_begins_with_the_join(struct chat_rig *rig, struct chat_peer *peer)
{
    for (uint64_t cursor = 0; cursor < 2; cursor++) {
        const Sotto__Chat__V1__SyncReply *sync = rig_sync(rig, peer, cursor, false);

        assert_true(sync->n_entries > 0);
        assert_int_equal(sync->entries[0]->seq, 2);
        assert_int_equal(sync->entries[0]->kind, SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_COMMIT);
        assert_true(sync->entries[0]->message.len > 0);
    }
}

/* The device takes its old leaf out and goes on in the new epoch; seats and roles stay what they were. */
static void
a_device_that_lost_its_state_joins_in_the_place_of_its_old_leaf(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    rig_group(rig, 'X');
    rig_prepare_join(&rig->bob, &rig->alice, 1);
    answer = rig_submit(rig, &rig->bob, WHOLE);
    assert_ok(answer->status);
    mls_peer_merge(&rig->bob.mls);
    assert_int_equal(rig_members(rig, &rig->bob)->n_members, 3);
    assert_int_equal(
        harness_sql(rig->h, "SELECT COUNT(*) FROM chat_seats WHERE leaf = 1 AND since_seq = 1"), 1);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_welcomes WHERE seq = 2"), 0);
    assert_log_begins_with_the_join(rig, &rig->bob);
    rig_catch_up(rig, &rig->alice, 1);
    assert_ok(rig_send(rig, &rig->bob, 1, "here again")->status);
    assert_ok(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status);
    rig_restart(rig);
    assert_log_begins_with_the_join(rig, &rig->bob);
    rig_catch_up(rig, &rig->bob, 2);
    assert_ok(rig_send(rig, &rig->bob, 2, "after a restart")->status);
}

static Sotto__Chat__V1__Role
role_of_alice(struct chat_rig *rig)
{
    const Sotto__Chat__V1__ListMembersReply *reply = rig_members(rig, &rig->bob);

    for (size_t i = 0; i < reply->n_members; i++)
        if (memcmp(reply->members[i]->user_id.data, rig->alice.mls.user, 16) == 0)
            return reply->members[i]->role;
    return SOTTO__CHAT__V1__ROLE__ROLE_UNSPECIFIED;
}

/* Her only device goes and comes in one commit: she was a member all the time. */
static void
an_owner_whose_only_device_joins_again_is_owner_still(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    rig_prepare_join(&rig->alice, &rig->bob, 0);
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);
    mls_peer_merge(&rig->alice.mls);
    assert_int_equal(role_of_alice(rig), OWNER);
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->carol)->status);
    rig_restart(rig);
    assert_int_equal(role_of_alice(rig), OWNER);
}

static void
nobody_but_a_member_joins_and_takes_only_itself_out(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    rig_prepare_join(&rig->dora, &rig->alice, MLS_LEAF_NONE);
    assert_fails(rig_submit(rig, &rig->dora, WHOLE)->status, SOTTO_ENOTFOUND);
    assert_fails(rig_submit_as(rig, &rig->dora, &rig->bob)->status, SOTTO_EINVALID);
    assert_int_equal(harness_sql(rig->h, "SELECT epoch FROM chat_chats"), 1);
}

/* Whoever left may not come back, and while the leaving waits to be committed nobody else joins by itself. */
static void
who_left_does_not_join_again(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    assert_ok(rig_leave(rig, &rig->carol)->status);
    rig_prepare_join(&rig->carol, &rig->alice, 2);
    assert_fails(rig_submit(rig, &rig->carol, WHOLE)->status, SOTTO_ENOTFOUND);
    rig_prepare_join(&rig->bob, &rig->alice, 1);
    assert_fails(rig_submit(rig, &rig->bob, WHOLE)->status, SOTTO_EABORTED);
}

static void
groups_are_followed_through_a_restart_and_a_full_cache(void **state)
{
    struct chat_rig *rig = *state;
    const struct delivery *ds;

    rig_group(rig, 'X');
    rig_restart(rig);
    assert_ok(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status);
    ds = harness_state(rig->h);
    for (int i = 0; i < CHAT_TREES_MAX + 3; i++)
        assert_ok(rig_create(rig, &rig->carol, (char)(128 + i), GROUP,
                             i % 2 == 0 ? &rig->bob : &rig->dora, NULL)
                      ->status);
    assert_int_equal(ds->trees->count, CHAT_TREES_MAX);
    assert_true(ds->trees->bytes > CHAT_TREES_MAX * 4096);
    rig->chat = 'X';
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->dora)->status);
    assert_int_equal(ds->trees->count, CHAT_TREES_MAX);
}

/* Proposals that were verified and not written are taken out again: the next request finds the group where it was. */
static void
a_leave_that_is_not_written_leaves_the_group_in_the_cache(void **state)
{
    struct chat_rig *rig = *state;
    const struct delivery *ds;

    rig_group(rig, 'X');
    ds = harness_state(rig->h);
    assert_int_equal(ds->trees->count, 1);
    assert_ok(rig_leave(rig, &rig->carol)->status);
    harness_fail_commits(rig->h, 1);
    assert_fails(rig_leave(rig, &rig->bob)->status, SOTTO_EIO);
    assert_int_equal(ds->trees->count, 1);
    assert_int_equal(mls_public_group_proposal_count(ds->trees->trees[0].group), 1);
    assert_ok(rig_leave_again(rig, &rig->bob)->status);
    rig_catch_up(rig, &rig->alice, 1);
    assert_ok(rig_commit(rig, &rig->alice, NULL, NULL)->status);
    assert_int_equal(rig_members(rig, &rig->alice)->n_members, 1);
}

static void
a_damaged_tree_is_no_tree(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    harness_stop(rig->h);
    rig_resume(rig);
    harness_sql(rig->h, "UPDATE chat_trees SET state = zeroblob(400)");
    assert_int_not_equal(rig_commit(rig, &rig->alice, NULL, NULL)->status, SOTTO_OK);
    assert_int_equal(harness_sql(rig->h, "SELECT epoch FROM chat_chats"), 1);
}

#define PUBLIC_TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
static const struct CMUnitTest tests[] = {
    PUBLIC_TEST(every_bit_of_a_commit_but_its_membership_tag_counts),
    PUBLIC_TEST(every_bit_of_a_group_info_counts),
    PUBLIC_TEST(every_bit_of_the_start_counts),
    PUBLIC_TEST(a_refusal_names_its_cause),
    PUBLIC_TEST(a_first_bundle_without_its_group_is_refused),
    PUBLIC_TEST(a_commit_that_takes_a_pre_shared_key_is_refused),
    PUBLIC_TEST(a_leaving_must_be_signed_by_who_leaves),
    PUBLIC_TEST(of_two_verified_commits_one_is_stale),
    PUBLIC_TEST(the_tree_is_compared_with_the_epoch),
    PUBLIC_TEST(two_who_leave_at_once_are_both_committed),
    PUBLIC_TEST(members_and_nobody_else_get_the_tree),
    PUBLIC_TEST(who_is_taken_out_while_asking_gets_no_later_tree),
    PUBLIC_TEST(who_is_invited_joins_with_the_tree_of_the_server),
    PUBLIC_TEST(a_device_that_lost_its_state_joins_in_the_place_of_its_old_leaf),
    PUBLIC_TEST(an_owner_whose_only_device_joins_again_is_owner_still),
    PUBLIC_TEST(nobody_but_a_member_joins_and_takes_only_itself_out),
    PUBLIC_TEST(who_left_does_not_join_again),
    PUBLIC_TEST(groups_are_followed_through_a_restart_and_a_full_cache),
    PUBLIC_TEST(a_leave_that_is_not_written_leaves_the_group_in_the_cache),
    PUBLIC_TEST(a_damaged_tree_is_no_tree),
};

SOTTO_TEST_MAIN(tests)
