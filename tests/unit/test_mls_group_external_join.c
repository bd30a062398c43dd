/* SPDX-License-Identifier: MIT */
/*
 * Joining by one's own commit (RFC 9420 section 12.4.3.2): what the joiner and the members see, and
 * that it can be done in every state a group may be in.
 */
#include "sotto_test.h"

#include "mls_kit.h"

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
        kit_join_external(dora, &room.people[BEN], MLS_LEAF_NONE, &commit);
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
    kit_expect(mls_group_encrypt(dora->group, kit_text("hi"), kit_text(""), 0, &message),
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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_newcomer_joins_by_itself_and_is_told_apart),
    cmocka_unit_test(a_member_that_lost_its_state_takes_its_own_place_again),
    cmocka_unit_test(until_it_is_accepted_the_joiner_is_no_member),
};

SOTTO_TEST_MAIN(tests)
