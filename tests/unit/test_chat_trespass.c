/* SPDX-License-Identifier: MIT */
/*
 * What a member with real keys may try with the public part of a group, beyond changed bytes (test_chat_public.c): pass for
 * the server that the chat lists, name proposals that the server does not have, close the group or join with secrets that
 * nobody sees, set extensions that others do not have, come back after a removal, commit on what is no longer so.
 */
#include "sotto_test.h"

#include "chat_outside.h"
#include "chat_refusal.h"
#include "mls_forge.h"

/* A commit of these proposals by value, in place of the bundle. */
static int
make_commit(struct chat_peer *peer, const struct mls_proposal *proposals, size_t count)
{
    const struct mls_commit_options options = {.proposals = proposals, .proposal_count = count};
    struct peer_bundle *bundle = &peer->bundle;

    peer_bundle_fini(bundle);
    return mls_group_commit(peer->mls.group, &options, &bundle->commit, &bundle->welcome,
                            &bundle->group_info);
}

/* Puts a message of this body into the bundle, signed by the peer and from whom it says; the GroupInfo stays. */
static void
forge_bundle(struct chat_peer *peer, uint8_t sender_type, uint32_t index, struct mls_bytes body)
{
    struct kit_person person = {.group = peer->mls.group};
    struct forgery forgery;

    forge_begin(&forgery, &person, MLS_CONTENT_COMMIT, body);
    forgery.content.sender = (struct mls_sender){.type = sender_type, .index = index};
    mls_buf_fini(&peer->bundle.commit);
    forge_end(&forgery, &person, &peer->bundle.commit);
}

/* ---- passing for the server -------------------------------------------------------------------------------------- */

/* A Remove of bob's phone as the server would sign it, in bob's hands; by his own key when `seed` is NULL. */
static void
make_removal(struct chat_rig *rig, struct chat_peer *peer, const uint8_t *seed)
{
    const struct mls_outside_params params = {
        .suite = 3,
        .group_id = mls_group_id(peer->mls.group),
        .epoch = mls_group_epoch(peer->mls.group),
        .sender_type = MLS_SENDER_EXTERNAL,
        .signature_seed = seed != NULL ? seed : peer->mls.device_seed,
        .proposal = {.type = MLS_PROPOSAL_REMOVE, .leaf = 3},
    };

    mls_buf_fini(&peer->last_proposals[0]);
    assert_ok(
        mls_propose_from_outside(rig->bob.mls.config.provider, &params, &peer->last_proposals[0]));
}

/* Whatever signs it: nobody hands in a proposal of the server's, and a commit names only what the server has. */
static void
nobody_hands_in_a_removal_of_the_servers(void **state)
{
    struct chat_rig *rig = *state;
    const struct delivery *ds;
    struct mls_received received = {0};
    char text[64];
    int64_t before;

    rig_list_server(rig);
    rig_group_with_phone(rig);
    rig_catch_up(rig, &rig->bob, 1);
    before = rig_trace(rig);
    make_removal(rig, &rig->bob, NULL);
    assert_fails(rig_leave_again(rig, &rig->bob)->status, SOTTO_EPERM);
    assert_fails(mls_group_process(rig->carol.mls.group, mls_buf_bytes(&rig->bob.last_proposals[0]),
                                   &received),
                 MLS_ESIGNATURE);

    ds = harness_state(rig->h);
    make_removal(rig, &rig->carol, ds->outside->seed);
    mls_buf_fini(&rig->bob.last_proposals[0]);
    rig->bob.last_proposals[0] = rig->carol.last_proposals[0];
    assert_fails(rig_leave_again(rig, &rig->bob)->status, SOTTO_EPERM);
    assert_int_equal(rig_trace(rig), before);
    rig->bob.last_proposals[0] = (struct mls_buf){0};

    /* carol believes it, so she names it in her next commit; the server did not say it. */
    assert_ok(
        mls_peer_process(&rig->carol.mls, mls_buf_bytes(&rig->carol.last_proposals[0]), text));
    rig_prepare(rig, &rig->carol, NULL, NULL);
    rig_expect_failure(rig, &rig->carol, SOTTO_EPRECONDITION, "proposal that is not stored");
}

/* A true one counts in its epoch and its group alone. */
static void
a_removal_of_the_servers_is_of_one_epoch_and_group(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__SyncReply *sync;
    struct mls_received received = {0};
    struct mls_buf *kept = &rig->bob.last_proposals[0];
    struct mls_proposal remove = {.type = MLS_PROPOSAL_REMOVE, .leaf = 3};

    rig_list_server(rig);
    rig_group_with_phone(rig);
    rig_remove_device(rig, &rig->dora);
    rig_wait_grace(rig);
    sync = rig_sync(rig, &rig->carol, 2, false);
    assert_int_equal(sync->n_entries, 1);
    assert_ok(mls_buf_set(kept, rig->bob.mls.config.provider, to_mls(sync->entries[0]->message)));

    /* alice did not hear of it and removes the phone by value, which will do; then the old one is handed in again. */
    assert_ok(make_commit(&rig->alice, &remove, 1));
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);
    mls_peer_merge(&rig->alice.mls);
    assert_fails(rig_leave_again(rig, &rig->bob)->status, SOTTO_EABORTED);
    assert_fails(mls_group_process(rig->alice.mls.group, mls_buf_bytes(kept), &received),
                 MLS_EEPOCH);

    assert_ok(rig_create(rig, &rig->alice, 'Y', GROUP, &rig->bob, NULL)->status);
    assert_fails(rig_leave_again(rig, &rig->bob)->status, SOTTO_EINVALID);
    assert_fails(mls_group_process(rig->alice.mls.group, mls_buf_bytes(kept), &received),
                 MLS_EGROUP);
}

/* Nor does anybody commit as the server, or as somebody who only asks to be added. */
static void
only_members_and_joiners_commit(void **state)
{
    static const uint8_t types[] = {MLS_SENDER_EXTERNAL, MLS_SENDER_NEW_MEMBER_PROPOSAL};
    static const uint8_t nothing[] = {0, 0};
    struct chat_rig *rig = *state;

    rig_list_server(rig);
    rig_group(rig, 'X');
    rig_prepare(rig, &rig->bob, NULL, NULL);
    for (size_t i = 0; i < sizeof types; i++) {
        forge_bundle(&rig->bob, types[i], 0, mls_bytes(nothing, sizeof nothing));
        rig_expect_refusal(rig, &rig->bob, "not made by a member");
    }
    forge_bundle(&rig->bob, MLS_SENDER_MEMBER, 0, mls_bytes(nothing, sizeof nothing));
    rig_expect_refusal(rig, &rig->bob, "the GroupInfo is not the one of this commit");
}

/* ---- what a commit may name and do --------------------------------------------------------------------------------- */

static void
a_commit_names_only_proposals_that_the_server_has(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_buf proposal = {0};

    rig_group(rig, 'X');
    assert_ok(mls_peer_propose_remove(&rig->alice.mls, 2, &proposal));
    rig_prepare(rig, &rig->alice, NULL, NULL);
    rig_expect_failure(rig, &rig->alice, SOTTO_EPRECONDITION, "proposal that is not stored");
    mls_buf_fini(&proposal);
}

/* By value or by reference, a ReInit is nothing that a chat takes; nor a secret of this group or another. */
static void
no_chat_is_closed_for_a_successor_or_branched(void **state)
{
    struct chat_rig *rig = *state;
    const struct mls_proposal reinit = {
        .type = MLS_PROPOSAL_REINIT, .group_id = mls_text("next"), .suite = 3};
    const struct mls_proposal resumption = {.type = MLS_PROPOSAL_PSK, .psk_resumption = true};
    struct mls_buf message = {0};

    rig_group(rig, 'X');
    assert_ok(make_commit(&rig->alice, &reinit, 1));
    rig_expect_refusal(rig, &rig->alice, "a type that chats do not use");
    mls_peer_drop(&rig->alice.mls);
    assert_ok(make_commit(&rig->alice, &resumption, 1));
    rig_expect_refusal(rig, &rig->alice, "no pre-shared key");
    mls_peer_drop(&rig->alice.mls);

    assert_ok(mls_group_propose(rig->alice.mls.group, &reinit, mls_text(""), &message));
    rig_prepare(rig, &rig->alice, NULL, NULL);
    rig_expect_failure(rig, &rig->alice, SOTTO_EPRECONDITION, "proposal that is not stored");
    assert_ok(mls_buf_set(&rig->bob.last_proposals[0], rig->bob.mls.config.provider,
                          mls_buf_bytes(&message)));
    assert_fails(rig_leave_again(rig, &rig->bob)->status, SOTTO_EINVALID);
    mls_buf_fini(&message);
}

static int
know_a_secret(void *arg, struct mls_bytes psk_id, struct mls_buf *psk_out)
{
    (void)arg;
    return mls_buf_set(psk_out, mls_provider_default(), psk_id);
}

static void
who_joins_alone_brings_no_pre_shared_key(void **state)
{
    struct chat_rig *rig = *state;
    const struct mls_proposal psk = {.type = MLS_PROPOSAL_PSK, .psk_id = mls_text("mine")};
    struct mls_buf info = {0};

    rig->bob.mls.config.find_psk = know_a_secret;
    rig_group(rig, 'X');
    assert_ok(mls_group_export_info(rig->alice.mls.group, true, &info));
    const struct mls_external_join_params params = {.group_info = mls_buf_bytes(&info),
                                                    .resync = true,
                                                    .old_leaf = 1,
                                                    .psks = &psk,
                                                    .psk_count = 1};
    rig_prepare_join_with(&rig->bob, &params);
    rig_expect_refusal(rig, &rig->bob, "may only remove its own old leaf");
    rig_prepare_join_on(&rig->bob, &info, 1);
    assert_ok(rig_submit(rig, &rig->bob, WHOLE)->status);
    mls_buf_fini(&info);
}

/* ---- extensions ---------------------------------------------------------------------------------------------------- */

/* The list of a commit without a path that sets one extension of the context. */
static void
write_context(struct mls_writer *w, uint16_t type, struct mls_bytes data)
{
    const size_t list = mls_write_vector(w);
    size_t extensions;

    mls_write_u8(w, MLS_BY_VALUE);
    mls_write_u16(w, MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
    extensions = mls_write_vector(w);
    mls_extension_write(w, type, data);
    mls_write_vector_end(w, extensions);
    mls_write_vector_end(w, list);
    mls_write_optional(w, false);
    assert_ok(mls_writer_error(w));
}

/* What one member cannot read nobody may demand of the group, known to the server or not. */
static void
an_extension_that_members_lack_is_not_set(void **state)
{
    static const uint8_t requires_0a0b[] = {2, 0x0a, 0x0b, 0, 0};
    struct chat_rig *rig = *state;
    struct mls_writer w;

    rig_group(rig, 'X');
    rig_prepare(rig, &rig->bob, NULL, NULL);
    mls_writer_init(&w, rig->bob.mls.config.provider, 0);
    write_context(&w, 0x0a0b, mls_text("unknown"));
    forge_bundle(&rig->bob, MLS_SENDER_MEMBER, 1, mls_writer_bytes(&w));
    rig_expect_refusal(rig, &rig->bob,
                       "the commit: invalid proposal or proposal list (MLS_EPROPOSAL)");
    mls_writer_fini(&w);

    mls_writer_init(&w, rig->bob.mls.config.provider, 0);
    write_context(&w, MLS_EXTENSION_REQUIRED_CAPABILITIES,
                  mls_bytes(requires_0a0b, sizeof requires_0a0b));
    forge_bundle(&rig->bob, MLS_SENDER_MEMBER, 1, mls_writer_bytes(&w));
    rig_expect_refusal(rig, &rig->bob,
                       "the commit: invalid proposal or proposal list (MLS_EPROPOSAL)");
    mls_writer_fini(&w);
}

/* Who may propose from outside is said at the creation: a later context does not add the committer, does not replace the
 * server, and takes nothing of anybody's role. */
static void
context_extensions_give_nobody_a_right(void **state)
{
    struct chat_rig *rig = *state;
    uint8_t senders[OUTSIDE_SENDERS_BYTES] = {0};
    static const uint8_t requires_nothing[] = {0, 0, 0};
    const struct mls_extension listed = {MLS_EXTENSION_EXTERNAL_SENDERS,
                                         mls_bytes(senders, sizeof senders)};
    const struct mls_extension harmless = {MLS_EXTENSION_REQUIRED_CAPABILITIES,
                                           mls_bytes(requires_nothing, sizeof requires_nothing)};
    struct mls_proposal set = {
        .type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS, .extensions = &listed, .extension_count = 1};

    rig_group(rig, 'X'); /* lists nobody */
    rig_list_server(rig);
    memcpy(senders, rig->senders, sizeof senders);
    assert_ok(make_commit(&rig->bob, &set, 1));
    rig_expect_refusal(rig, &rig->bob, "external senders of a chat stay");
    mls_peer_drop(&rig->bob.mls);

    set.extensions = &harmless;
    assert_ok(make_commit(&rig->bob, &set, 1));
    assert_ok(rig_submit(rig, &rig->bob, WHOLE)->status);
    mls_peer_merge(&rig->bob.mls);
    assert_int_equal(harness_sql(rig->h, "SELECT SUM(role) FROM chat_members"),
                     OWNER + MEMBER + MEMBER);
    rig_prepare(rig, &rig->bob, NULL, &rig->carol);
    rig_expect_failure(rig, &rig->bob, SOTTO_EPERM, "only owner and admins remove others");
    mls_peer_drop(&rig->bob.mls);

    assert_ok(rig_create(rig, &rig->alice, 'Y', GROUP, &rig->bob, NULL)->status);
    memcpy(senders + 2, rig->alice.mls.device_key, MLS_ED25519_PUBLIC_BYTES);
    assert_ok(make_commit(
        &rig->alice, &(struct mls_proposal){set.type, .extensions = &listed, .extension_count = 1},
        1));
    rig_expect_refusal(rig, &rig->alice, "external senders of a chat stay");
}

/* ---- coming back after a removal ------------------------------------------------------------------------------------- */

static void
a_device_that_was_removed_a_moment_before_does_not_join(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_buf info = {0};

    rig_list_server(rig);
    rig_group_with_phone(rig);
    assert_ok(mls_group_export_info(rig->alice.mls.group, true, &info));
    rig_remove_device(rig, &rig->dora);
    rig_prepare_join_on(&rig->dora, &info, 3);
    rig_expect_failure(rig, &rig->dora, SOTTO_EPRECONDITION, "not registered with this key");
    rig_wait_grace(rig); /* its leaf is proposed for removal: nobody joins before that is done */
    rig_expect_failure(rig, &rig->dora, SOTTO_EPERM, "may only remove its own old leaf");
    mls_buf_fini(&info);
}

/* Out of the chat and not of the account: it may come, but not in a place that is not its own any more. */
static void
a_device_that_was_taken_out_comes_on_a_new_leaf_or_not_at_all(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_buf before = {0}, after = {0};

    rig_group_with_phone(rig);
    assert_ok(mls_group_export_info(rig->alice.mls.group, true, &before));
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->dora)->status);
    assert_ok(mls_group_export_info(rig->alice.mls.group, true, &after));
    rig_prepare_join_on(&rig->dora, &before, 3);
    assert_fails(rig_submit(rig, &rig->dora, WHOLE)->status, SOTTO_EABORTED);
    rig_prepare_join_on(&rig->dora, &after, 1);
    rig_expect_failure(rig, &rig->dora, SOTTO_EPERM, "may only remove its own old leaf");
    rig_prepare_join_on(&rig->dora, &after, MLS_LEAF_NONE);
    assert_ok(rig_submit(rig, &rig->dora, WHOLE)->status);
    mls_buf_fini(&after);
    mls_buf_fini(&before);
}

/* keyx was asked before the removal and the commit was written after it: the second fact finds the device. */
static void
a_device_that_slips_in_while_it_is_removed_is_proposed_all_the_same(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    rig_list_server(rig);
    rig_group_with_phone(rig);
    assert_ok(rig_commit(rig, &rig->alice, NULL, &rig->dora)->status);
    rig_prepare_join(&rig->dora, &rig->alice, MLS_LEAF_NONE);
    rig_tell_removed(rig, &rig->dora);
    answer = rig_submit(rig, &rig->dora, WHOLE);
    assert_ok(answer->status);
    rig_remove_device(rig, &rig->dora);
    rig_wait_grace(rig);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_proposals"), 1);
}

/* ---- what is no longer so --------------------------------------------------------------------------------------------- */

static uint64_t
served_epoch(struct chat_rig *rig, struct chat_peer *peer)
{
    const struct harness_answer *answer = rig_get_group(rig, peer);
    const Sotto__Chat__V1__GetGroupReply *reply = (const void *)answer->message;
    struct mls_public_group *group = NULL;
    struct mls_group_info_view view;

    assert_ok(answer->status);
    assert_ok(mls_group_info_view(to_mls(reply->group_info), &view));
    assert_int_equal(view.epoch, reply->epoch);
    assert_ok(mls_public_group_open(&peer->mls.config, to_mls(reply->group_info),
                                    to_mls(reply->ratchet_tree), &group));
    mls_public_group_destroy(&group);
    return reply->epoch;
}

/* After each change GroupInfo and tree are of the epoch that counts, also after a restart. */
static void
the_group_that_is_served_is_never_older_than_the_chat(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    assert_int_equal(served_epoch(rig, &rig->bob), 1);
    assert_ok(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status);
    assert_int_equal(served_epoch(rig, &rig->bob), 2);
    rig_prepare_join(&rig->bob, &rig->alice, 1);
    assert_ok(rig_submit(rig, &rig->bob, WHOLE)->status);
    assert_int_equal(served_epoch(rig, &rig->bob), 3);
    mls_peer_merge(&rig->bob.mls);
    rig_catch_up(rig, &rig->carol, 1);
    assert_ok(rig_leave(rig, &rig->carol)->status);
    rig_restart(rig);
    assert_int_equal(served_epoch(rig, &rig->bob), 3);
    rig_catch_up(rig, &rig->bob, 3);
    assert_ok(rig_commit(rig, &rig->bob, NULL, NULL)->status);
    assert_int_equal(served_epoch(rig, &rig->bob), 4);
}

/* A commit and a join of one epoch, both verified before either is written: one is in the log, and the group goes on from it. */
static void
of_a_commit_and_a_join_at_once_one_counts(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *one, *two;
    struct chat_peer *winner;

    rig_group(rig, 'X');
    rig_prepare_join(&rig->bob, &rig->alice, 1);
    one = rig_commit_begin(rig, &rig->alice, NULL, NULL);
    two = rig_submit(rig, &rig->bob, WHOLE);
    assert_int_equal((one->status == SOTTO_OK) + (two->status == SOTTO_OK), 1);
    assert_int_equal((one->status == SOTTO_EABORTED) + (two->status == SOTTO_EABORTED), 1);
    winner = one->status == SOTTO_OK ? &rig->alice : &rig->bob;
    mls_peer_merge(&winner->mls);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log"), 2);
    assert_int_equal(served_epoch(rig, winner), 2);
    rig_catch_up(rig, &rig->carol, 1);
    assert_ok(rig_commit(rig, &rig->carol, NULL, NULL)->status);
    rig_catch_up(rig, winner, 2);
    assert_ok(rig_send(rig, winner, 1, "still together")->status);
}

#define TRESPASS_TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
static const struct CMUnitTest tests[] = {
    TRESPASS_TEST(nobody_hands_in_a_removal_of_the_servers),
    TRESPASS_TEST(a_removal_of_the_servers_is_of_one_epoch_and_group),
    TRESPASS_TEST(only_members_and_joiners_commit),
    TRESPASS_TEST(a_commit_names_only_proposals_that_the_server_has),
    TRESPASS_TEST(no_chat_is_closed_for_a_successor_or_branched),
    TRESPASS_TEST(who_joins_alone_brings_no_pre_shared_key),
    TRESPASS_TEST(an_extension_that_members_lack_is_not_set),
    TRESPASS_TEST(context_extensions_give_nobody_a_right),
    TRESPASS_TEST(a_device_that_was_removed_a_moment_before_does_not_join),
    TRESPASS_TEST(a_device_that_was_taken_out_comes_on_a_new_leaf_or_not_at_all),
    TRESPASS_TEST(a_device_that_slips_in_while_it_is_removed_is_proposed_all_the_same),
    TRESPASS_TEST(the_group_that_is_served_is_never_older_than_the_chat),
    TRESPASS_TEST(of_a_commit_and_a_join_at_once_one_counts),
};

SOTTO_TEST_MAIN(tests)
