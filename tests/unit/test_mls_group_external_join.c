/* SPDX-License-Identifier: MIT */
/*
 * Joining by one's own commit (RFC 9420 section 12.4.3.2): what the joiner and the members see, and
 * that it can be done in every state a group may be in.
 */
#include "sotto_test.h"

#include "mls/view.h"
#include "mls_follower.h"

enum { ADA, BEN, CLEO, MEMBERS };

struct room {
    struct kit_person people[MEMBERS + 1]; /* the last one is outside at first */
};

static void
room_init(struct room *room, uint16_t suite)
{
    *room = (struct room){0};
    kit_group(room->people, MEMBERS, suite);
    kit_person_init(&room->people[MEMBERS], "dora", suite);
}

static void
room_fini(struct room *room)
{
    for (size_t i = 0; i <= MEMBERS; i++)
        kit_person_fini(&room->people[i]);
}

/* Everybody between talks to everybody. */
static void
all_talk(struct room *room)
{
    kit_agree(room->people, MEMBERS + 1);
    for (size_t i = 0; i <= MEMBERS; i++) {
        for (size_t k = 0; k <= MEMBERS; k++) {
            if (i != k && room->people[i].group != NULL && room->people[k].group != NULL)
                kit_say(&room->people[i], &room->people[k], "hello");
        }
    }
}

static void
expect_text(struct mls_bytes got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.data, want, got.len);
}

static void
a_newcomer_joins_by_itself_and_is_told_apart(void **state)
{
    (void)state;
    for (uint16_t suite = 1; suite <= 3; suite += 2) {
        struct mls_received received = {0};
        struct mls_buf commit = {0};
        struct room room;

        room_init(&room, suite);
        struct kit_person *dora = &room.people[MEMBERS];
        struct mls_public_group *follower = follower_of(&room.people[ADA]);
        kit_join_external(dora, &room.people[BEN], MLS_LEAF_NONE, &commit);
        follower_take_commit(&follower, &commit);
        for (size_t i = 0; i < MEMBERS; i++) {
            kit_expect(mls_group_process(room.people[i].group, mls_buf_bytes(&commit), &received),
                       0, "external commit");
            assert_int_equal(received.kind, MLS_RECEIVED_COMMIT);
            assert_int_equal(received.sender_type, MLS_SENDER_NEW_MEMBER_COMMIT);
            assert_int_equal(received.sender_leaf, MLS_LEAF_NONE);
            expect_text(received.sender.identity, "dora");
            assert_true(received.has_path);
            assert_false(received.removes_self);
            assert_int_equal(received.change_count, 1);
            assert_int_equal(received.changes[0].type, MLS_PROPOSAL_EXTERNAL_INIT);
            assert_int_equal(received.changes[0].proposer_type, MLS_SENDER_NEW_MEMBER_COMMIT);
            assert_int_equal(received.changes[0].leaf, MEMBERS);
            expect_text(received.changes[0].credential.identity, "dora");
            mls_received_fini(&received);
            assert_ok(mls_group_merge_staged(room.people[i].group));
        }
        assert_ok(mls_group_merge_pending(dora->group));
        follower_agrees(follower, dora);
        mls_public_group_destroy(&follower);

        assert_true(mls_group_is_active(dora->group));
        assert_int_equal(mls_group_own_leaf(dora->group), MEMBERS);
        all_talk(&room);
        const struct mls_commit_options renew = {.force_path = true};
        kit_commit_to_all(dora, &renew, room.people, MEMBERS + 1);
        kit_commit_to_all(&room.people[CLEO], &renew, room.people, MEMBERS + 1);
        all_talk(&room);
        mls_buf_fini(&commit);
        room_fini(&room);
    }
}

static void
a_member_that_lost_its_state_takes_its_own_place_again(void **state)
{
    (void)state;
    struct mls_received received = {0};
    struct mls_buf commit = {0};
    struct room room;

    room_init(&room, 3);
    struct kit_person *ben = &room.people[BEN];
    struct mls_group *lost = ben->group;
    ben->group = NULL;
    kit_join_external(ben, &room.people[ADA], BEN, &commit);

    kit_expect(mls_group_process(room.people[CLEO].group, mls_buf_bytes(&commit), &received), 0,
               "resync");
    assert_int_equal(received.change_count, 2);
    assert_int_equal(received.changes[1].type, MLS_PROPOSAL_REMOVE);
    assert_int_equal(received.changes[1].leaf, BEN);
    expect_text(received.changes[1].credential.identity, "ben");
    assert_int_equal(received.changes[0].leaf, BEN);
    mls_received_fini(&received);
    assert_ok(mls_group_merge_staged(room.people[CLEO].group));
    kit_take_commit(&room.people[ADA], &commit);

    /* The state that was lost and found again knows that it is over. */
    kit_expect(mls_group_process(lost, mls_buf_bytes(&commit), &received), 0, "resync, found");
    assert_true(received.removes_self);
    assert_int_equal(received.sender_type, MLS_SENDER_NEW_MEMBER_COMMIT);
    mls_received_fini(&received);
    assert_ok(mls_group_merge_staged(lost));
    assert_false(mls_group_is_active(lost));
    mls_group_destroy(&lost);

    assert_ok(mls_group_merge_pending(ben->group));
    all_talk(&room);
    mls_buf_fini(&commit);
    room_fini(&room);
}

static void
a_delivery_service_sees_who_joins_and_whose_place_it_takes(void **state)
{
    (void)state;
    const struct mls_provider *p = mls_provider_default();
    struct mls_commit_view view;
    struct mls_commit_entry entry;
    struct mls_buf commit = {0};
    struct room room;
    size_t offset = 0;

    room_init(&room, 3);
    kit_join_external(&room.people[BEN], &room.people[ADA], BEN, &commit);
    assert_ok(mls_commit_view(mls_buf_bytes(&commit), &view));
    assert_int_equal(view.info.sender_type, MLS_SENDER_NEW_MEMBER_COMMIT);
    assert_int_equal(view.proposal_count, 2);
    assert_true(view.has_path);
    expect_text(view.path_credential.identity, "ben");
    assert_int_equal(mls_commit_next(p, &view, &offset, &entry), 1);
    assert_int_equal(entry.proposal.type, MLS_PROPOSAL_EXTERNAL_INIT);
    assert_int_equal(mls_commit_next(p, &view, &offset, &entry), 1);
    assert_int_equal(entry.proposal.type, MLS_PROPOSAL_REMOVE);
    assert_int_equal(entry.proposal.leaf, BEN);
    assert_int_equal(mls_commit_next(p, &view, &offset, &entry), 0);
    mls_buf_fini(&commit);
    room_fini(&room);
}

static void
until_it_is_accepted_the_joiner_is_no_member(void **state)
{
    (void)state;
    struct mls_received received = {0};
    struct mls_buf commit = {0}, other = {0}, message = {0};
    const struct mls_commit_options renew = {.force_path = true};
    struct room room;

    room_init(&room, 3);
    struct kit_person *dora = &room.people[MEMBERS];
    kit_join_external(dora, &room.people[ADA], MLS_LEAF_NONE, &commit);
    kit_reload(dora);
    kit_commit(&room.people[ADA], &renew, &other, NULL);

    assert_false(mls_group_is_active(dora->group));
    assert_true(mls_group_has_pending(dora->group));
    assert_int_equal(mls_group_member_count(dora->group), MEMBERS);
    kit_expect(mls_group_encrypt(dora->group, mls_text("hi"), mls_text(""), 0, &message),
               MLS_EPENDING, "encrypt");
    kit_expect(mls_group_commit(dora->group, &renew, &message, &message, NULL), MLS_EPENDING,
               "commit");
    kit_expect(mls_group_export_info(dora->group, true, &message), MLS_EPENDING, "info");
    kit_expect(mls_group_process(dora->group, mls_buf_bytes(&other), &received), MLS_EPENDING,
               "another's commit");
    kit_expect(mls_group_process(dora->group, mls_buf_bytes(&commit), &received), 0, "own");
    assert_int_equal(received.kind, MLS_RECEIVED_OWN_COMMIT);
    mls_received_fini(&received);
    assert_ok(mls_group_merge_pending(dora->group));

    mls_group_clear_pending(room.people[ADA].group);
    for (size_t i = 0; i < MEMBERS; i++)
        kit_take_commit(&room.people[i], &commit);
    all_talk(&room);
    mls_buf_fini(&other);
    mls_buf_fini(&commit);
    room_fini(&room);
}

/* ---- What a joiner refuses ------------------------------------------------------------------- */

/* Dora's attempt, with somebody's seed, and what `params` says. */
static void
expect_refusal(struct room *room, const uint8_t *seed, struct mls_external_join_params params,
               int error, const char *what)
{
    struct kit_person *dora = &room->people[MEMBERS];
    struct mls_client self = kit_client(dora);
    struct mls_group *group = NULL;
    struct mls_buf commit = {0}, info = {0};

    self.signature_seed = seed;
    kit_expect(mls_group_join_external(&dora->config, &self, &params, &group, &commit, &info),
               error, what);
    assert_null(group);
    assert_int_equal(commit.len, 0);
    assert_int_equal(info.len, 0);
}

static void
what_members_would_refuse_is_not_sent(void **state)
{
    (void)state;
    const struct mls_proposal psks[] = {
        {.type = MLS_PROPOSAL_PSK, .psk_id = mls_text("psk")},
        {.type = MLS_PROPOSAL_PSK, .psk_resumption = true, .psk_epoch = 1},
        {.type = MLS_PROPOSAL_REMOVE, .leaf = ADA},
    };
    struct mls_buf info = {0}, bare = {0};
    struct room room;

    room_init(&room, 3);
    kit_expect(mls_group_export_info(room.people[ADA].group, true, &info), 0, "info");
    kit_expect(mls_group_export_info(room.people[ADA].group, false, &bare), 0, "info");
    const struct mls_external_join_params sound = {.group_info = mls_buf_bytes(&info)};
    struct mls_external_join_params p = sound;
    const uint8_t *seed = room.people[MEMBERS].seed;

    p.group_info = mls_buf_bytes(&bare);
    expect_refusal(&room, seed, p, MLS_ETREE, "no tree");
    p = sound;
    p.resync = true;
    p.old_leaf = MEMBERS;
    expect_refusal(&room, seed, p, MLS_EPROPOSAL, "nobody's leaf");
    p = sound;
    expect_refusal(&room, room.people[BEN].seed, p, MLS_ETREE, "a member already");
    p = sound;
    p.psks = psks;
    p.psk_count = 1;
    expect_refusal(&room, seed, p, MLS_EPSK, "an unknown PSK");
    p.psks = &psks[1];
    expect_refusal(&room, seed, p, MLS_EPSK, "an epoch we never saw");
    p.psks = &psks[2];
    expect_refusal(&room, seed, p, MLS_EARG, "a Remove among the PSKs");
    room.people[MEMBERS].distrusts = "cleo";
    expect_refusal(&room, seed, sound, MLS_ECREDENTIAL, "a member that is not believed");
    mls_buf_fini(&bare);
    mls_buf_fini(&info);
    room_fini(&room);
}

/* No bit of a GroupInfo, its tree included, can be changed, and nothing cut off. */
static void
a_changed_group_info_is_refused(void **state)
{
    (void)state;
    struct mls_external_join_params params = {0};
    struct kit_person *dora;
    struct mls_group *group = NULL;
    struct mls_buf info = {0}, commit = {0};
    struct room room;

    room_init(&room, 3);
    dora = &room.people[MEMBERS];
    kit_expect(mls_group_export_info(room.people[ADA].group, true, &info), 0, "info");
    const struct mls_client self = kit_client(dora);
    for (size_t i = 0; i < info.len; i++) {
        info.data[i] ^= (uint8_t)(1u << (i % 8));
        params.group_info = mls_buf_bytes(&info);
        if (mls_group_join_external(&dora->config, &self, &params, &group, &commit, NULL) == 0)
            fail_msg("byte %zu may be changed", i);
        info.data[i] ^= (uint8_t)(1u << (i % 8));
        params.group_info.len = i;
        if (mls_group_join_external(&dora->config, &self, &params, &group, &commit, NULL) == 0)
            fail_msg("%zu bytes are enough", i);
    }
    mls_buf_fini(&info);
    room_fini(&room);
}

/* An external commit has no membership tag: its signature and the tag of its epoch guard every bit.
 * Ben, whom it removes, cannot compute that tag. */
static void
a_changed_external_commit_is_refused(void **state)
{
    (void)state;
    struct mls_received received = {0};
    struct mls_buf commit = {0}, before = {0};
    struct room room;

    room_init(&room, 3);
    kit_join_external(&room.people[MEMBERS], &room.people[ADA], BEN, &commit);
    for (size_t i = 0; i < commit.len; i++) {
        bool in_tag = i >= commit.len - MLS_HASH_BYTES;
        struct kit_person *member = &room.people[in_tag ? (size_t)ADA : i % MEMBERS];

        kit_state(member, &before);
        commit.data[i] ^= (uint8_t)(1u << (i / MEMBERS % 8));
        if (mls_group_process(member->group, mls_buf_bytes(&commit), &received) == 0)
            fail_msg("byte %zu may be changed for %s", i, member->name);
        commit.data[i] ^= (uint8_t)(1u << (i / MEMBERS % 8));
        assert_true(kit_state_is(member, &before));
        mls_buf_fini(&before);
    }
    kit_take_commit(&room.people[ADA], &commit);
    kit_take_commit(&room.people[CLEO], &commit);
    mls_buf_fini(&commit);
    room_fini(&room);
}

/* ---- PSKs ---------------------------------------------------------------------------------- */

static void
a_joiner_proves_with_psks_that_it_was_there_before(void **state)
{
    (void)state;
    struct mls_buf info = {0}, commit = {0};
    struct room room;

    room_init(&room, 3);
    for (size_t i = 0; i <= MEMBERS; i++) {
        room.people[i].psk_id = "psk";
        room.people[i].psk = "a secret all know";
    }
    struct kit_person *ben = &room.people[BEN];
    struct mls_group *before = ben->group;
    const struct mls_proposal psks[] = {
        {.type = MLS_PROPOSAL_PSK, .psk_id = mls_text("psk")},
        {.type = MLS_PROPOSAL_PSK, .psk_resumption = true, .psk_epoch = mls_group_epoch(before)},
    };
    ben->group = NULL;
    ben->earlier = before;
    kit_expect(mls_group_export_info(room.people[ADA].group, true, &info), 0, "info");
    const struct mls_external_join_params params = {
        .group_info = mls_buf_bytes(&info),
        .resync = true,
        .old_leaf = BEN,
        .psks = psks,
        .psk_count = 2,
    };
    const struct mls_client self = kit_client(ben);
    kit_expect(mls_group_join_external(&ben->config, &self, &params, &ben->group, &commit, NULL), 0,
               "external join with PSKs");
    kit_take_commit(&room.people[ADA], &commit);
    kit_take_commit(&room.people[CLEO], &commit);
    assert_ok(mls_group_merge_pending(ben->group));
    all_talk(&room);
    mls_buf_fini(&commit);
    mls_buf_fini(&info);
    room_fini(&room);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_newcomer_joins_by_itself_and_is_told_apart),
    cmocka_unit_test(a_member_that_lost_its_state_takes_its_own_place_again),
    cmocka_unit_test(a_delivery_service_sees_who_joins_and_whose_place_it_takes),
    cmocka_unit_test(until_it_is_accepted_the_joiner_is_no_member),
    cmocka_unit_test(what_members_would_refuse_is_not_sent),
    cmocka_unit_test(a_changed_group_info_is_refused),
    cmocka_unit_test(a_changed_external_commit_is_refused),
    cmocka_unit_test(a_joiner_proves_with_psks_that_it_was_there_before),
};

SOTTO_TEST_MAIN(tests)
