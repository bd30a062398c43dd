/* SPDX-License-Identifier: MIT */
/*
 * Many people, many epochs, everything at random: each round some propose, one commits (adding,
 * removing, or nothing), the others follow, newcomers join from the tree as it then is; or somebody
 * joins or takes its own place by itself. All must agree after every round, and with them somebody
 * outside who sees nothing but the messages. Newcomers check parent hashes and unmerged leaves of
 * trees with every kind of hole in them. The choices come from a fixed seed, so that a failure can be
 * repeated.
 */
#include "sotto_test.h"

#include <string.h>

#include "mls_follower.h"

enum { PEOPLE = 20, ROUNDS = 120 };

struct world {
    uint32_t random;
    uint16_t suite;
    struct kit_person people[PEOPLE];
    char names[PEOPLE][16];
    unsigned born;
    struct mls_public_group *follower; /* from outside */
};

static uint32_t
draw(struct world *w, uint32_t below)
{
    w->random = w->random * 1664525u + 1013904223u;
    return (w->random >> 8) % below;
}

static bool
is_member(const struct world *w, size_t i)
{
    return w->people[i].group != NULL;
}

static size_t
pick(struct world *w, bool member)
{
    for (;;) {
        size_t i = draw(w, PEOPLE);

        if (is_member(w, i) == member)
            return i;
    }
}

static size_t
member_count(const struct world *w)
{
    size_t count = 0;

    for (size_t i = 0; i < PEOPLE; i++)
        count += is_member(w, i);
    return count;
}

static void
renew(struct world *w, size_t i)
{
    kit_person_fini(&w->people[i]);
    snprintf(w->names[i], sizeof(w->names[i]), "person %u", w->born++);
    kit_person_init(&w->people[i], w->names[i], w->suite);
}

/* One member proposes to update itself or to leave; the others keep it. */
static void
propose(struct world *w)
{
    size_t by = pick(w, true);
    struct mls_proposal proposal = {.type = MLS_PROPOSAL_UPDATE};
    struct mls_buf message = {0};

    if (member_count(w) > 4 && draw(w, 3) == 0) {
        proposal.type = MLS_PROPOSAL_REMOVE;
        proposal.leaf = mls_group_own_leaf(w->people[by].group);
    }
    kit_expect(mls_group_propose(w->people[by].group, &proposal, (struct mls_bytes){0}, &message),
               0, "propose");
    for (size_t i = 0; i < PEOPLE; i++) {
        if (i != by && is_member(w, i))
            kit_take_proposal(&w->people[i], &message);
    }
    follower_take_proposal(w->follower, &message);
    mls_buf_fini(&message);
}

/* What one commit does by value. */
struct plan {
    struct mls_proposal proposals[8];
    size_t count;
    struct mls_buf packages[4];
    size_t newcomers[4];
    size_t newcomer_count;
};

static void
plan_adds(struct world *w, struct plan *plan)
{
    size_t wanted = draw(w, 4);

    for (size_t i = 0; i < PEOPLE && plan->newcomer_count < wanted; i++) {
        if (is_member(w, i))
            continue;
        struct mls_buf *package = &plan->packages[plan->newcomer_count];

        renew(w, i);
        kit_key_package(&w->people[i], package);
        plan->newcomers[plan->newcomer_count++] = i;
        plan->proposals[plan->count++] =
            (struct mls_proposal){.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(package)};
    }
}

static void
plan_remove(struct world *w, struct plan *plan, size_t by)
{
    size_t who = pick(w, true);

    if (who == by || member_count(w) < 4 || draw(w, 2) == 0)
        return;
    plan->proposals[plan->count++] = (struct mls_proposal){
        .type = MLS_PROPOSAL_REMOVE, .leaf = mls_group_own_leaf(w->people[who].group)};
}

static void
follow(struct world *w, size_t by, const struct mls_buf *commit)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        if (!is_member(w, i))
            continue;
        if (i == by)
            kit_expect(mls_group_merge_pending(w->people[i].group), 0, "merge");
        else
            kit_take_commit(&w->people[i], commit);
        if (!mls_group_is_active(w->people[i].group))
            mls_group_destroy(&w->people[i].group);
        else if (draw(w, 8) == 0)
            kit_reload(&w->people[i]);
    }
}

static void
commit_round(struct world *w)
{
    struct plan plan = {0};
    struct mls_buf commit = {0}, welcome = {0};
    size_t by = pick(w, true);

    plan_adds(w, &plan);
    plan_remove(w, &plan, by);
    const struct mls_commit_options options = {
        .proposals = plan.proposals,
        .proposal_count = plan.count,
        .force_path = draw(w, 2) == 0,
    };
    kit_commit(&w->people[by], &options, &commit, &welcome);
    follow(w, by, &commit);
    follower_take_commit(&w->follower, &commit);
    for (size_t i = 0; i < plan.newcomer_count; i++) {
        kit_join(&w->people[plan.newcomers[i]], &welcome);
        mls_buf_fini(&plan.packages[i]);
    }
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
}

/* Somebody joins by its own commit, whatever was proposed: a newcomer, or a member anew. */
static void
external_round(struct world *w)
{
    struct mls_buf commit = {0};
    bool resync = member_count(w) == PEOPLE || (member_count(w) > 1 && draw(w, 2) == 0);
    size_t by = pick(w, resync), host = by;
    uint32_t old_leaf = MLS_LEAF_NONE;

    while (host == by)
        host = pick(w, true);
    if (resync)
        old_leaf = mls_group_own_leaf(w->people[by].group);
    else
        renew(w, by);
    kit_join_external(&w->people[by], &w->people[host], old_leaf, &commit);
    follow(w, by, &commit);
    follower_take_commit(&w->follower, &commit);
    mls_buf_fini(&commit);
}

static void
run(uint16_t suite, uint32_t seed)
{
    struct world *w = test_calloc(1, sizeof(*w));

    w->random = seed;
    w->suite = suite;
    renew(w, 0);
    kit_create(&w->people[0]);
    w->follower = follower_of(&w->people[0]);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (uint32_t i = draw(w, 3); i > 0; i--)
            propose(w);
        if (draw(w, 4) == 0)
            external_round(w);
        else
            commit_round(w);
        kit_agree(w->people, PEOPLE);
        follower_agrees(w->follower, &w->people[pick(w, true)]);
        if (member_count(w) > 1) {
            size_t from = pick(w, true), to = pick(w, true);

            if (from != to)
                kit_say(&w->people[from], &w->people[to], "hello");
        }
    }
    print_message("# suite %u seed %u: %u rounds, %u people came\n", suite, seed, ROUNDS, w->born);
    for (size_t i = 0; i < PEOPLE; i++)
        kit_person_fini(&w->people[i]);
    mls_public_group_destroy(&w->follower);
    test_free(w);
}

static void
random_rounds_in_suite_1_keep_everybody_in_agreement(void **state)
{
    (void)state;
    run(1, 1);
}

static void
random_rounds_in_suite_3_keep_everybody_in_agreement(void **state)
{
    (void)state;
    run(3, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_rounds_in_suite_1_keep_everybody_in_agreement),
        cmocka_unit_test(random_rounds_in_suite_3_keep_everybody_in_agreement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
