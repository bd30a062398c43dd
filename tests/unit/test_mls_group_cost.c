/* SPDX-License-Identifier: MIT */
/*
 * What an operation costs as the group doubles, counted and not timed: calls and bytes that go
 * through the table of primitives. In a full tree a commit and following it cost the logarithm; in
 * the tree that Adds alone leave, and when joining, they cost n and never n squared; a Welcome for k
 * in a tree of n costs n + k, and so does following k Adds.
 */
#include "sotto_test.h"

#include "mls/public_group.h"
#include "mls_counter.h"
#include "mls_crowd.h"

enum {
    SMALL = 64, /* leaves; doubled */
};

/* ---- One life -------------------------------------------------------------------------------- */

/* What each step cost in a group of so many. */
struct life {
    struct mls_counts join, commit, follow, outside, invite, write, read;
    size_t saved, commit_bytes;
};

static void
invite_two(struct mls_crowd *crowd, struct mls_crowd_guest guests[2], struct mls_buf *welcome)
{
    struct mls_proposal adds[2];

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(mls_crowd_guest_init(&guests[i], crowd), 0);
        adds[i] = (struct mls_proposal){.type = MLS_PROPOSAL_ADD,
                                        .key_package = mls_buf_bytes(&guests[i].package)};
    }
    assert_int_equal(mls_crowd_commit(crowd, adds, 2, NULL, welcome), 0);
}

/* Somebody outside takes the commit. */
static void
follow_outside(struct mls_counter *c, struct mls_public_group **group, const struct mls_buf *commit,
               struct life *out)
{
    struct mls_public_group *next = NULL;
    struct mls_received received = {0};
    struct mls_counts before = c->now;

    assert_int_equal(mls_public_group_take_commit(*group, mls_buf_bytes(commit), &received, &next),
                     0);
    out->outside = mls_counter_since(c, before);
    mls_received_fini(&received);
    mls_public_group_destroy(group);
    *group = next;
}

static struct mls_public_group *
open_outside(const struct mls_crowd_guest *guest, const struct mls_crowd *crowd)
{
    struct mls_public_group *group = NULL;
    struct mls_buf info = {0};

    assert_int_equal(mls_group_export_info(guest->group, true, &info), 0);
    assert_int_equal(mls_public_group_open(&crowd->config, mls_buf_bytes(&info),
                                           (struct mls_bytes){NULL, 0}, &group),
                     0);
    mls_buf_fini(&info);
    return group;
}

/* One guest commits, the other and somebody outside follow; twice, since the first commit also ends that both are
 * unmerged. The second is what is counted. */
static void
renew(struct mls_counter *c, const struct mls_crowd *crowd, struct mls_crowd_guest guests[2],
      struct life *out)
{
    struct mls_public_group *outside = open_outside(&guests[0], crowd);

    for (int round = 0; round < 2; round++) {
        struct mls_buf commit = {0}, welcome = {0};
        struct mls_counts before = c->now;

        assert_int_equal(mls_group_commit(guests[0].group,
                                          &(struct mls_commit_options){.force_path = true}, &commit,
                                          &welcome, NULL),
                         0);
        out->commit = mls_counter_since(c, before);
        out->commit_bytes = commit.len;
        assert_int_equal(mls_group_merge_pending(guests[0].group), 0);
        before = c->now;
        assert_int_equal(mls_crowd_guest_follow(&guests[1], &commit), 0);
        out->follow = mls_counter_since(c, before);
        follow_outside(c, &outside, &commit, out);
        mls_buf_fini(&commit);
    }
    mls_public_group_destroy(&outside);
}

static void
talk(struct mls_counter *c, struct mls_crowd_guest guests[2], struct life *out)
{
    const struct mls_bytes text = {(const uint8_t *)"text", 4};
    struct mls_buf message = {0};
    struct mls_received received = {0};
    struct mls_counts before = c->now;

    assert_int_equal(
        mls_group_encrypt(guests[0].group, text, (struct mls_bytes){NULL, 0}, 0, &message), 0);
    out->write = mls_counter_since(c, before);
    before = c->now;
    assert_int_equal(mls_group_process(guests[1].group, mls_buf_bytes(&message), &received), 0);
    out->read = mls_counter_since(c, before);
    mls_received_fini(&received);
    mls_buf_fini(&message);
}

static void
live(uint32_t members, bool full, struct life *out)
{
    struct mls_counter c;
    struct mls_crowd crowd;
    struct mls_crowd_guest guests[2];
    struct mls_buf welcome = {0}, state = {0};

    mls_counter_init(&c);
    assert_int_equal(mls_crowd_init(&crowd, &c.table, 3, members - 2), 0);
    if (full)
        assert_int_equal(mls_crowd_fill(&crowd), 0);
    struct mls_counts before = c.now;
    invite_two(&crowd, guests, &welcome);
    out->invite = mls_counter_since(&c, before);
    assert_int_equal(mls_crowd_guest_join(&guests[1], &crowd, &welcome), 0);
    before = c.now;
    assert_int_equal(mls_crowd_guest_join(&guests[0], &crowd, &welcome), 0);
    out->join = mls_counter_since(&c, before);
    renew(&c, &crowd, guests, out);
    talk(&c, guests, out);
    assert_int_equal(mls_group_save(guests[0].group, &state), 0);
    out->saved = state.len;

    mls_buf_fini(&state);
    mls_buf_fini(&welcome);
    mls_crowd_guest_fini(&guests[0]);
    mls_crowd_guest_fini(&guests[1]);
    mls_crowd_fini(&crowd);
    assert_int_equal(c.now.alive, 0);
}

/* ---- Growth ----------------------------------------------------------------------------------- */

/* The value may grow by a constant for each doubling. */
static void
assert_adds(const char *what, size_t small, size_t large, size_t allowed)
{
    if (large > small + allowed)
        fail_msg("%s: %zu in the group, %zu in twice the group", what, small, large);
}

/* The value may double, and a little more for what grows by the logarithm. */
static void
assert_doubles(const char *what, size_t small, size_t large)
{
    if (large > 2 * small + small / 8)
        fail_msg("%s: %zu in the group, %zu in twice the group", what, small, large);
}

static void
in_a_full_tree_a_commit_costs_the_logarithm(void **state)
{
    struct life small, large;

    (void)state;
    live(SMALL, true, &small);
    live(2 * SMALL, true, &large);

    assert_int_equal(small.commit.signs, 2); /* leaf and message */
    assert_int_equal(large.commit.signs, 2);
    assert_adds("commit: seals", small.commit.seals, large.commit.seals, 1);
    assert_adds("commit: multiplications", small.commit.dh, large.commit.dh, 1);
    assert_adds("commit: hashes", small.commit.hashes, large.commit.hashes, 40);
    assert_adds("commit: bytes", small.commit_bytes, large.commit_bytes, 200);

    assert_int_equal(small.follow.verifies, 2);
    assert_int_equal(large.follow.verifies, 2);
    assert_int_equal(large.follow.opens, 1);
    assert_int_equal(large.follow.dh, 1);
    assert_adds("follow: hashes", small.follow.hashes, large.follow.hashes, 40);
    assert_adds("follow: bytes hashed", small.follow.hash_bytes, large.follow.hash_bytes, 4000);
}

/* Whoever follows without secrets never multiplies or opens anything, and hashes the same path. */
static void
following_from_outside_costs_no_more_than_following(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        struct life small, large;

        live(SMALL, full, &small);
        live(2 * SMALL, full, &large);
        assert_int_equal(small.outside.verifies, 2);
        assert_int_equal(large.outside.verifies, 2);
        assert_int_equal(large.outside.dh + large.outside.opens + large.outside.seals, 0);
        assert_true(large.outside.hashes < large.follow.hashes);
        assert_true(large.outside.hash_bytes < large.follow.hash_bytes);
        if (full)
            assert_adds("outside: hashes", small.outside.hashes, large.outside.hashes, 40);
    }
}

static void
in_any_tree_joining_costs_each_member_once(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        struct life small, large;

        live(SMALL, full, &small);
        live(2 * SMALL, full, &large);
        assert_in_range(small.join.verifies, SMALL, SMALL + 2);
        assert_in_range(large.join.verifies, 2 * SMALL, 2 * SMALL + 2);
        assert_doubles("join: hashes", small.join.hashes, large.join.hashes);
        assert_doubles("join: bytes hashed", small.join.hash_bytes, large.join.hash_bytes);
        assert_doubles("join: memory asked for", small.join.taken, large.join.taken);
        assert_doubles("join: memory kept", small.join.alive, large.join.alive);
        assert_doubles("saved state", small.saved, large.saved);
    }
}

static void
in_the_tree_of_adds_alone_a_commit_costs_each_member_once(void **state)
{
    struct life small, large;

    (void)state;
    live(SMALL, false, &small);
    live(2 * SMALL, false, &large);
    assert_true(small.commit.seals < SMALL);
    assert_true(large.commit.seals < 2 * SMALL);
    assert_doubles("commit: hashes", small.commit.hashes, large.commit.hashes);
    assert_doubles("commit: bytes hashed", small.commit.hash_bytes, large.commit.hash_bytes);
    assert_doubles("commit: memory asked for", small.commit.taken, large.commit.taken);
    assert_doubles("follow: bytes hashed", small.follow.hash_bytes, large.follow.hash_bytes);
    assert_int_equal(large.follow.opens, 1);
}

static void
writing_and_reading_cost_the_same_in_every_group(void **state)
{
    struct life small, large;

    (void)state;
    live(SMALL, true, &small);
    live(2 * SMALL, true, &large);
    assert_int_equal(large.write.signs, 1);
    assert_int_equal(large.read.verifies, 1);
    assert_adds("write: hashes", small.write.hashes, large.write.hashes, 4);
    assert_adds("read: hashes", small.read.hashes, large.read.hashes, 4);
}

/* Newcomers with a key package each, and the Adds of them. */
struct newcomers {
    size_t count;
    struct mls_crowd_guest *guests;
    struct mls_proposal *adds;
};

static void
newcomers_init(struct newcomers *some, const struct mls_crowd *crowd, size_t count)
{
    *some = (struct newcomers){.count = count,
                               .guests = test_calloc(count, sizeof(*some->guests)),
                               .adds = test_calloc(count, sizeof(*some->adds))};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(mls_crowd_guest_init(&some->guests[i], crowd), 0);
        some->adds[i] = (struct mls_proposal){
            .type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&some->guests[i].package)};
    }
}

static void
newcomers_fini(struct newcomers *some)
{
    for (size_t i = 0; i < some->count; i++)
        mls_crowd_guest_fini(&some->guests[i]);
    test_free(some->adds);
    test_free(some->guests);
}

/* Seals a Welcome for k newcomers in the group and gives the bytes that were hashed for it. */
static size_t
bytes_to_add(struct mls_crowd *crowd, struct mls_counter *c, size_t newcomers)
{
    struct newcomers some;
    struct mls_buf commit = {0}, welcome = {0};

    newcomers_init(&some, crowd, newcomers);
    const struct mls_commit_options options = {.proposals = some.adds, .proposal_count = newcomers};
    struct mls_counts before = c->now;
    assert_int_equal(mls_group_commit(crowd->group, &options, &commit, &welcome, NULL), 0);
    struct mls_counts spent = mls_counter_since(c, before);

    mls_group_clear_pending(crowd->group);
    mls_buf_fini(&commit);
    mls_buf_fini(&welcome);
    newcomers_fini(&some);
    return spent.hash_bytes;
}

static void
a_welcome_for_many_is_hashed_once(void **state)
{
    struct mls_counter c;
    struct mls_crowd crowd;
    struct mls_buf tree = {0};

    (void)state;
    mls_counter_init(&c);
    assert_int_equal(mls_crowd_init(&crowd, &c.table, 3, 2 * SMALL), 0);
    assert_int_equal(mls_group_ratchet_tree(crowd.group, &tree), 0);
    size_t few = bytes_to_add(&crowd, &c, 2), many = bytes_to_add(&crowd, &c, 34);

    /* Each of the 32 more brings a key package and derivations; none the whole tree. */
    assert_true(many - few < 32 * tree.len / 4);
    mls_buf_fini(&tree);
    mls_crowd_fini(&crowd);
}

/* What it costs a member to follow a commit that adds half as many as there are, and to load the state
 * then. */
static void
follow_many(uint32_t members, struct mls_counts *follow, struct mls_counts *load)
{
    struct mls_counter c;
    struct mls_crowd crowd;
    struct mls_crowd_guest guests[2];
    struct newcomers some;
    struct mls_buf welcome = {0}, commit = {0}, state = {0};
    struct mls_group *loaded = NULL;

    mls_counter_init(&c);
    assert_int_equal(mls_crowd_init(&crowd, &c.table, 3, members - 2), 0);
    invite_two(&crowd, guests, &welcome);
    assert_int_equal(mls_crowd_guest_join(&guests[0], &crowd, &welcome), 0);
    newcomers_init(&some, &crowd, members / 2);
    assert_int_equal(mls_crowd_commit(&crowd, some.adds, some.count, &commit, NULL), 0);

    struct mls_counts before = c.now;
    assert_int_equal(mls_crowd_guest_follow(&guests[0], &commit), 0);
    *follow = mls_counter_since(&c, before);
    assert_int_equal(mls_group_save(guests[0].group, &state), 0);
    before = c.now;
    assert_int_equal(mls_group_load(&crowd.config, mls_buf_bytes(&state), &loaded), 0);
    *load = mls_counter_since(&c, before);

    mls_group_destroy(&loaded);
    mls_buf_fini(&state);
    mls_buf_fini(&commit);
    mls_buf_fini(&welcome);
    newcomers_fini(&some);
    mls_crowd_guest_fini(&guests[0]);
    mls_crowd_guest_fini(&guests[1]);
    mls_crowd_fini(&crowd);
}

static void
following_the_addition_of_many_costs_each_of_them_once(void **state)
{
    struct mls_counts small[2], large[2];

    (void)state;
    follow_many(SMALL, &small[0], &small[1]);
    follow_many(2 * SMALL, &large[0], &large[1]);
    assert_in_range(large[0].verifies, 2 * SMALL, 2 * SMALL + 3); /* two each, and the commit */
    assert_doubles("follow adds: hashes", small[0].hashes, large[0].hashes);
    assert_doubles("follow adds: bytes hashed", small[0].hash_bytes, large[0].hash_bytes);
    assert_doubles("follow adds: memory asked for", small[0].taken, large[0].taken);
    assert_int_equal(large[1].verifies, 0); /* what was stored was verified */
    assert_doubles("load: hashes", small[1].hashes, large[1].hashes);
    assert_doubles("load: bytes hashed", small[1].hash_bytes, large[1].hash_bytes);
    assert_doubles("load: memory asked for", small[1].taken, large[1].taken);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_full_tree_a_commit_costs_the_logarithm),
        cmocka_unit_test(following_from_outside_costs_no_more_than_following),
        cmocka_unit_test(in_any_tree_joining_costs_each_member_once),
        cmocka_unit_test(in_the_tree_of_adds_alone_a_commit_costs_each_member_once),
        cmocka_unit_test(writing_and_reading_cost_the_same_in_every_group),
        cmocka_unit_test(a_welcome_for_many_is_hashed_once),
        cmocka_unit_test(following_the_addition_of_many_costs_each_of_them_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
