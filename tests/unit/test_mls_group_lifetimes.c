/* SPDX-License-Identifier: MIT */
/*
 * Lifetimes of leaves (RFC 9420 section 7.3): an Add is judged by who sends it and by who receives
 * it, each by its own clock and at the moment of the call, both ends of the time included. A member
 * once added stays, whatever its leaf said. And the other bound that the application sets: sizes.
 */
#include "sotto_test.h"

#include <string.h>

#include "group.h"
#include "mls/public_group.h"
#include "mls_kit.h"

enum { ADA, BEN, PEOPLE, CLEO = PEOPLE };

enum { FIRST = KIT_NOW - 3600, LAST = KIT_NOW + 86400 }; /* of key packages of the kit */

static const struct mls_commit_options NOTHING = {0};

struct fixture {
    struct kit_person people[PEOPLE + 1]; /* Cleo is no member */
    struct mls_buf package;
    struct mls_proposal add;
    struct mls_commit_options options;
};

static int
setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    kit_group(f->people, PEOPLE, 3);
    kit_person_init(&f->people[CLEO], "cleo", 3);
    kit_key_package(&f->people[CLEO], &f->package);
    f->add =
        (struct mls_proposal){.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&f->package)};
    f->options = (struct mls_commit_options){.proposals = &f->add, .proposal_count = 1};
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    mls_buf_fini(&f->package);
    for (size_t i = 0; i <= PEOPLE; i++)
        kit_person_fini(&f->people[i]);
    test_free(f);
    return 0;
}

static const struct {
    uint64_t now;
    int want;
} moments[] = {
    {0, MLS_ELIFETIME}, {FIRST - 1, MLS_ELIFETIME}, {FIRST, 0},
    {LAST, 0},          {LAST + 1, MLS_ELIFETIME},  {UINT64_MAX, MLS_ELIFETIME},
};

enum { MOMENTS = sizeof(moments) / sizeof(moments[0]) };

/* ---- Tests ------------------------------------------------------------------------------- */

static void
who_adds_looks_at_the_clock(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ada = &f->people[ADA];

    for (size_t i = 0; i < MOMENTS; i++) {
        struct mls_buf commit = {0}, welcome = {0}, before = {0};

        ada->now = moments[i].now;
        kit_state(ada, &before);
        kit_expect(mls_group_propose(ada->group, &f->add, mls_text(""), &commit), moments[i].want,
                   "propose");
        if (moments[i].want != 0)
            assert_true(kit_state_is(ada, &before));
        const struct mls_commit_options options = {
            .proposals = &f->add, .proposal_count = 1, .skip_kept_proposals = true};
        kit_expect(mls_group_commit(ada->group, &options, &commit, &welcome, NULL), moments[i].want,
                   "commit");
        mls_group_clear_pending(ada->group);
        mls_buf_fini(&before);
        mls_buf_fini(&welcome);
        mls_buf_fini(&commit);
    }
}

static void
who_receives_looks_at_its_own(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ada = &f->people[ADA], *ben = &f->people[BEN];
    struct mls_buf commit = {0}, proposal = {0}, before = {0};

    kit_commit(ada, &f->options, &commit, NULL);
    mls_group_clear_pending(ada->group);
    kit_expect(mls_group_propose(ada->group, &f->add, mls_text(""), &proposal), 0, "propose");
    kit_state(ben, &before);
    for (size_t i = 0; i < MOMENTS; i++) {
        struct mls_received received = {0};

        ben->now = moments[i].now;
        kit_expect(mls_group_process(ben->group, mls_buf_bytes(&commit), &received),
                   moments[i].want, "commit");
        mls_received_fini(&received);
        mls_group_drop_staged(ben->group);
        assert_true(kit_state_is(ben, &before));
        if (moments[i].want == 0)
            continue;
        kit_expect(mls_group_process(ben->group, mls_buf_bytes(&proposal), &received),
                   moments[i].want, "proposal");
        assert_true(kit_state_is(ben, &before));
    }
    ben->now = KIT_NOW;
    kit_take_proposal(ben, &proposal);
    mls_buf_fini(&before);
    mls_buf_fini(&proposal);
    mls_buf_fini(&commit);
}

/* A proposal that was in time when it came is left out when it is not any more: it must not keep the
 * group from committing. */
static void
a_kept_add_that_expires_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ada = &f->people[ADA];
    struct mls_buf message = {0};

    kit_expect(mls_group_propose(f->people[BEN].group, &f->add, mls_text(""), &message), 0, "");
    kit_take_proposal(ada, &message);
    ada->now = LAST + 1;
    kit_commit_to_all(ada, &NOTHING, f->people, PEOPLE);

    kit_agree(f->people, PEOPLE);
    assert_int_equal(mls_group_member_count(ada->group), PEOPLE);
    assert_int_equal(mls_group_proposal_count(ada->group), 0);
    mls_buf_fini(&message);
}

static void
a_member_stays_whose_leaf_has_expired(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ben[] = {&f->people[BEN]};
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    struct mls_buf message = {0};

    kit_add(&f->people[ADA], &f->people[CLEO], ben, 1);
    for (size_t i = 0; i <= PEOPLE; i++)
        f->people[i].now = LAST + 86400;
    kit_expect(mls_group_propose(f->people[BEN].group, &update, mls_text(""), &message), 0, "");
    kit_take_proposal(&f->people[ADA], &message);
    kit_take_proposal(&f->people[CLEO], &message);
    kit_commit_to_all(&f->people[CLEO], &NOTHING, f->people, PEOPLE + 1);
    kit_agree(f->people, PEOPLE + 1);
    mls_buf_fini(&message);
}

/* The bound of the application (section 7.2) counts from end to end. */
static void
a_lifetime_that_is_too_long_is_refused_at_both_ends(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ada = &f->people[ADA], *ben = &f->people[BEN];
    struct mls_buf commit = {0}, welcome = {0};
    struct mls_received received;

    ada->group->config.lifetime_max = LAST - FIRST - 1;
    kit_expect(mls_group_commit(ada->group, &f->options, &commit, &welcome, NULL), MLS_ELIFETIME,
               "commit");
    ada->group->config.lifetime_max = LAST - FIRST;
    kit_commit(ada, &f->options, &commit, NULL);
    ben->group->config.lifetime_max = LAST - FIRST - 1;
    kit_expect(mls_group_process(ben->group, mls_buf_bytes(&commit), &received), MLS_ELIFETIME,
               "process");
    ben->group->config.lifetime_max = LAST - FIRST;
    kit_take_commit(ben, &commit);
    mls_buf_fini(&commit);
}

/* An end before the beginning is nobody's time, and the subtraction must not wrap to a short one. */
static void
a_lifetime_that_ends_before_it_begins_is_refused(void **state)
{
    struct fixture *f = *state;
    struct kit_person *cleo = &f->people[CLEO];
    struct mls_client self = kit_client(cleo);
    struct mls_buf package = {0}, bundle = {0};

    self.lifetime = (struct mls_lifetime){KIT_NOW + 1, KIT_NOW - 1};
    kit_expect(mls_key_package_create(&cleo->config, &self, 3, &package, &bundle), MLS_EARG,
               "key package");
    assert_int_equal(package.len, 0);
}

enum { HOUR = 3600, DAYS_90 = 90 * 86400 };

static const struct {
    uint64_t now, max, not_before, not_after;
} unnamed[] = {
    {KIT_NOW, 0, KIT_NOW - HOUR, KIT_NOW + DAYS_90},
    {KIT_NOW, HOUR + DAYS_90, KIT_NOW - HOUR, KIT_NOW + DAYS_90},
    {KIT_NOW, 86400, KIT_NOW - HOUR, KIT_NOW - HOUR + 86400},
    {KIT_NOW, 10, KIT_NOW - 5, KIT_NOW + 5},
    {7, 0, 0, HOUR + DAYS_90},
};

/* So that the shortest program is right: others take its leaf now, and not for ever. */
static void
who_names_no_lifetime_gets_one_from_its_clock(void **state)
{
    struct fixture *f = *state;
    struct kit_person *cleo = &f->people[CLEO];
    struct mls_client self = kit_client(cleo);
    struct mls_buf package = {0}, bundle = {0};
    struct mls_key_package_info info;

    self.lifetime = (struct mls_lifetime){0};
    for (size_t i = 0; i < sizeof(unnamed) / sizeof(unnamed[0]); i++) {
        cleo->now = unnamed[i].now;
        cleo->config.lifetime_max = unnamed[i].max;
        kit_expect(mls_key_package_create(&cleo->config, &self, 3, &package, &bundle), 0,
                   "key package");
        kit_expect(mls_key_package_info(cleo->config.provider, mls_buf_bytes(&package), &info), 0,
                   "info");
        assert_int_equal(info.lifetime.not_before, unnamed[i].not_before);
        assert_int_equal(info.lifetime.not_after, unnamed[i].not_after);
    }
    mls_buf_fini(&bundle);
    mls_buf_fini(&package);
}

/* ---- Sizes ------------------------------------------------------------------------------- */

static size_t
leaf_bytes(const struct kit_person *at, uint32_t leaf)
{
    return mls_tree_leaf(&at->group->epoch->tree, leaf)->encoded.len;
}

/* The person refuses the commit when one byte less is allowed than the leaf has, and takes it otherwise. */
static void
expect_leaf_bound(struct kit_person *person, const struct mls_buf *commit, size_t bytes)
{
    person->group->config.leaf_bytes_max = bytes - 1;
    kit_refuse(person, mls_buf_bytes(commit), MLS_ESIZE, "larger than allowed");
    person->group->config.leaf_bytes_max = bytes;
    kit_take_commit(person, commit);
}

static void
a_leaf_that_is_too_large_comes_in_neither_by_an_add_nor_by_a_path(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ada = &f->people[ADA], *ben = &f->people[BEN];
    const struct mls_commit_options renew = {.force_path = true};
    struct mls_buf commit = {0}, welcome = {0};

    ada->group->config.leaf_bytes_max = 1;
    kit_expect(mls_group_commit(ada->group, &f->options, &commit, &welcome, NULL), MLS_ESIZE,
               "add");
    ada->group->config.leaf_bytes_max = 0;
    kit_commit(ada, &f->options, &commit, NULL);
    kit_expect(mls_group_merge_pending(ada->group), 0, "merge");
    expect_leaf_bound(ben, &commit, leaf_bytes(ada, CLEO));
    mls_buf_fini(&commit);

    kit_commit(ada, &renew, &commit, NULL);
    kit_expect(mls_group_merge_pending(ada->group), 0, "merge");
    expect_leaf_bound(ben, &commit, leaf_bytes(ada, ADA));
    mls_buf_fini(&commit);
}

static void
a_tree_with_a_leaf_that_is_too_large_is_not_joined(void **state)
{
    struct fixture *f = *state;
    struct mls_config config = f->people[CLEO].config;
    struct mls_public_group *outsider = NULL;
    struct mls_buf info = {0};

    kit_expect(mls_group_export_info(f->people[BEN].group, true, &info), 0, "info");
    config.leaf_bytes_max = leaf_bytes(&f->people[BEN], ADA);
    if (config.leaf_bytes_max < leaf_bytes(&f->people[BEN], BEN))
        config.leaf_bytes_max = leaf_bytes(&f->people[BEN], BEN);
    kit_expect(mls_public_group_open(&config, mls_buf_bytes(&info), mls_bytes_empty(), &outsider),
               0, "open");
    mls_public_group_destroy(&outsider);
    config.leaf_bytes_max--;
    kit_expect(mls_public_group_open(&config, mls_buf_bytes(&info), mls_bytes_empty(), &outsider),
               MLS_ESIZE, "open");
    mls_buf_fini(&info);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_adds_looks_at_the_clock),
        TEST(who_receives_looks_at_its_own),
        TEST(a_kept_add_that_expires_is_left_out),
        TEST(a_member_stays_whose_leaf_has_expired),
        TEST(a_lifetime_that_is_too_long_is_refused_at_both_ends),
        TEST(a_lifetime_that_ends_before_it_begins_is_refused),
        TEST(who_names_no_lifetime_gets_one_from_its_clock),
        TEST(a_leaf_that_is_too_large_comes_in_neither_by_an_add_nor_by_a_path),
        TEST(a_tree_with_a_leaf_that_is_too_large_is_not_joined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
