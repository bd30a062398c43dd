/* SPDX-License-Identifier: MIT */
/*
 * Groups that continue a group (RFC 9420 sections 11.2, 11.3): the successor of a closed one, and
 * subgroups; then every rule that a Welcome of one can break, each with a real Welcome that somebody
 * made who keeps all rules but one.
 */
#include "sotto_test.h"

#include <string.h>

#include "group.h"
#include "mls_kit.h"

enum { ADA, BEN, CLEO, PEOPLE, EMIL = KIT_EMIL };

static const struct mls_commit_options NOTHING = {0};

/* Ada closes the group; everybody has it as the earlier one afterwards, and the other suite. */
static void
close_group(struct kit_trio *f)
{
    const struct mls_proposal reinit = kit_reinit(kit_other_suite(f->suite));
    const struct mls_commit_options options = {.proposals = &reinit, .proposal_count = 1};

    kit_commit_to_all(&f->people[ADA], &options, f->people, PEOPLE);
    kit_agree(f->people, PEOPLE);
    for (size_t i = 0; i < PEOPLE; i++)
        kit_step_aside(&f->people[i]);
    for (size_t i = 0; i <= PEOPLE; i++)
        f->people[i].suite = kit_other_suite(f->suite);
}

/* Key packages of those in the set, a bit each. */
struct packages {
    struct mls_buf bufs[PEOPLE + 1];
    struct mls_bytes list[PEOPLE + 1];
    size_t count;
};

static void
collect(struct kit_trio *f, unsigned set, struct packages *out)
{
    *out = (struct packages){0};
    for (size_t i = 0; i <= PEOPLE; i++) {
        if ((set & 1u << i) == 0)
            continue;
        kit_key_package(&f->people[i], &out->bufs[out->count]);
        out->list[out->count] = mls_buf_bytes(&out->bufs[out->count]);
        out->count++;
    }
}

static void
packages_fini(struct packages *packages)
{
    for (size_t i = 0; i < packages->count; i++)
        mls_buf_fini(&packages->bufs[i]);
}

/* `by` makes a group with those in the set out of its earlier group: the successor, or a branch with an id. */
static int
make(struct kit_trio *f, size_t by, const char *branch_id, unsigned set,
     struct mls_buf *welcome_out)
{
    struct kit_person *person = &f->people[by];
    const struct mls_client self = kit_client(person);
    struct packages packages;
    struct mls_buf commit = {0};

    collect(f, set, &packages);
    int error =
        branch_id == NULL
            ? mls_group_reinit(&person->config, &self, person->earlier, packages.list,
                               packages.count, &commit, welcome_out, &person->group)
            : mls_group_branch(&person->config, &self, person->earlier, mls_text(branch_id),
                               packages.list, packages.count, &commit, welcome_out, &person->group);
    assert_true((commit.len > 0) == (error == 0));
    mls_buf_fini(&commit);
    packages_fini(&packages);
    return error;
}

/* ---- Successors ------------------------------------------------------------------------------ */

static void
any_member_makes_the_successor_and_all_go_on_in_it(void **state)
{
    struct kit_trio *f = *state;
    struct mls_buf welcome = {0};
    struct mls_bytes data;

    close_group(f);
    kit_expect(make(f, CLEO, NULL, 1u << ADA | 1u << BEN, &welcome), 0, "reinit");
    kit_join(&f->people[ADA], &welcome);
    kit_join(&f->people[BEN], &welcome);

    kit_agree(f->people, PEOPLE);
    for (size_t i = 0; i < PEOPLE; i++) {
        const struct mls_group *group = f->people[i].group;

        assert_int_equal(mls_group_epoch(group), 1);
        assert_int_equal(mls_group_suite(group), kit_other_suite(f->suite));
        assert_memory_equal(mls_group_id(group).data, "successor", 9);
        kit_expect(mls_group_extension(group, KIT_APP_EXTENSION, &data), 0, "extension");
        assert_memory_equal(data.data, "topic", 5);
        kit_say(&f->people[i], &f->people[(i + 1) % PEOPLE], "here we are");
    }
    kit_commit_to_all(&f->people[BEN], &NOTHING, f->people, PEOPLE);
    kit_agree(f->people, PEOPLE);
    mls_buf_fini(&welcome);
}

static void
a_successor_is_made_as_the_reinit_says_or_not_at_all(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *cleo = &f->people[CLEO];
    const unsigned others = 1u << ADA | 1u << BEN;
    const struct mls_client self = kit_client(cleo);
    struct mls_buf welcome = {0}, commit = {0}, before = {0};

    kit_expect(mls_group_reinit(&cleo->config, &self, cleo->group, NULL, 0, &commit, &welcome,
                                &cleo->earlier),
               MLS_EARG, "an open group");
    close_group(f);
    kit_expect(mls_group_save(cleo->earlier, &before), 0, "save");
    kit_expect(make(f, CLEO, NULL, 1u << ADA, &welcome), MLS_ELINK, "Ben missing");
    kit_expect(make(f, CLEO, NULL, 1u << ADA | 1u << EMIL, &welcome), MLS_ELINK, "Emil for Ben");
    kit_expect(make(f, CLEO, NULL, others | 1u << EMIL, &welcome), MLS_ELINK, "Emil too");
    f->people[BEN].suite = f->suite;
    kit_expect(make(f, CLEO, NULL, others, &welcome), MLS_ESUITE, "the old suite");
    f->people[BEN].suite = kit_other_suite(f->suite);
    kit_expect(make(f, CLEO, "branch", others, &welcome), MLS_ECLOSED, "branch");
    assert_null(cleo->group);
    assert_int_equal(welcome.len, 0);
    struct mls_buf after = {0};
    kit_expect(mls_group_save(cleo->earlier, &after), 0, "save");
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    mls_buf_fini(&after);
    mls_buf_fini(&before);
}

/* ---- Branch ------------------------------------------------------------------------------ */

/* Moves everybody's group aside as it is. */
static void
all_step_aside(struct kit_trio *f)
{
    for (size_t i = 0; i < PEOPLE; i++)
        kit_step_aside(&f->people[i]);
}

static void
some_members_talk_among_themselves_in_a_branch(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *ada = &f->people[ADA], *cleo = &f->people[CLEO];
    struct mls_buf welcome = {0};

    all_step_aside(f);
    kit_expect(make(f, ADA, "branch", 1u << CLEO, &welcome), 0, "branch");
    kit_join(cleo, &welcome);

    kit_agree(f->people, PEOPLE);
    assert_int_equal(mls_group_suite(cleo->group), f->suite);
    assert_int_equal(mls_group_member_count(cleo->group), 2);
    kit_say(ada, cleo, "between us");
    kit_say(cleo, ada, "yes");
    for (size_t i = 0; i < PEOPLE; i++) { /* the old group goes on */
        mls_group_destroy(&f->people[i].group);
        f->people[i].group = f->people[i].earlier;
        f->people[i].earlier = NULL;
    }
    kit_commit_to_all(&f->people[BEN], &NOTHING, f->people, PEOPLE);
    kit_agree(f->people, PEOPLE);
    mls_buf_fini(&welcome);
}

static void
a_branch_of_an_epoch_that_has_passed_is_joined(void **state)
{
    struct kit_trio *f = *state;
    struct mls_buf welcome = {0}, commit = {0};

    kit_commit(&f->people[BEN], &NOTHING, &commit, NULL);
    kit_take_commit(&f->people[CLEO], &commit); /* Cleo is one epoch ahead of Ada */
    all_step_aside(f);
    kit_expect(make(f, ADA, "branch", 1u << CLEO, &welcome), 0, "branch");
    kit_join(&f->people[CLEO], &welcome);
    kit_agree(f->people, PEOPLE);
    mls_buf_fini(&commit);
    mls_buf_fini(&welcome);
}

static void
strangers_do_not_come_into_a_branch(void **state)
{
    struct kit_trio *f = *state;
    struct mls_buf welcome = {0};

    all_step_aside(f);
    kit_expect(make(f, ADA, "branch", 1u << EMIL, &welcome), MLS_ELINK, "Emil");
    kit_expect(make(f, ADA, "", 1u << BEN, &welcome), MLS_EARG, "no name");
    assert_null(f->people[ADA].group);
}

/* ---- Welcomes that break one rule ----------------------------------------------------------- */

struct forgery {
    uint8_t usage;
    unsigned members; /* beside Ada, who makes it */
    const char *id;   /* NULL: of the successor */
    uint16_t suite;   /* 0: what it must be */
    int epochs_ago;   /* whose secret it carries */
    bool late;        /* not the first commit of the new group */
    bool twice;       /* two such secrets */
    bool bare;        /* without the extensions that were asked for */
};

static void
propose_all(const struct forgery *g, const struct mls_group *old, const struct packages *packages,
            struct mls_proposal proposals[PEOPLE + 3], size_t *count_out)
{
    size_t count = 0;

    for (size_t i = 0; i < packages->count; i++)
        proposals[count++] =
            (struct mls_proposal){.type = MLS_PROPOSAL_ADD, .key_package = packages->list[i]};
    for (int i = 0; i < 1 + g->twice; i++)
        proposals[count++] = (struct mls_proposal){
            .type = MLS_PROPOSAL_PSK,
            .psk_resumption = true,
            .psk_epoch = mls_group_epoch(old) - (uint64_t)g->epochs_ago,
            .group_id = mls_group_id(old),
        };
    *count_out = count;
}

/* What the library would not make: Ada's first commit without the last check. */
static void
forge(struct kit_trio *f, const struct forgery *g, struct mls_buf *welcome_out)
{
    struct kit_person *ada = &f->people[ADA];
    static const uint8_t with_topic[] = {0xf0, 0x01, 5, 't', 'o', 'p', 'i', 'c'};
    const struct mls_client self = kit_client(ada);
    struct mls_proposal proposals[PEOPLE + 3];
    struct mls_commit_options options = {.proposals = proposals};
    struct packages packages;
    struct mls_buf commit = {0};
    struct mls_group *made = NULL;

    for (size_t i = 0; i <= PEOPLE && g->suite != 0; i++)
        f->people[i].suite = g->suite;
    const struct mls_start start = {
        .suite = ada->suite,
        .group_id = mls_text(g->id != NULL ? g->id : "successor"),
        .extensions = mls_bytes(with_topic, g->bare ? 0 : sizeof(with_topic)),
    };
    kit_expect(mls_group_start(&ada->config, &self, &start, &made), 0, "start");
    if (g->late) {
        kit_expect(mls_group_commit(made, &NOTHING, &commit, welcome_out, NULL), 0, "commit");
        kit_expect(mls_group_merge_pending(made), 0, "merge");
    }
    collect(f, g->members, &packages);
    propose_all(g, ada->earlier, &packages, proposals, &options.proposal_count);
    made->origin = ada->earlier;
    made->origin_usage = g->usage;
    kit_expect(mls_group_commit(made, &options, &commit, welcome_out, NULL), 0, "commit");
    mls_buf_fini(&commit);
    packages_fini(&packages);
    mls_group_destroy(&made);
}

/* Cleo must refuse it, and her earlier group stays as it is. */
static void
expect_of_cleo(struct kit_trio *f, const struct mls_buf *welcome, int want, const char *what)
{
    struct kit_person *cleo = &f->people[CLEO];
    const struct mls_join_params params = {
        .welcome = mls_buf_bytes(welcome),
        .key_package_private = mls_buf_bytes(&cleo->bundle),
    };
    const struct mls_client self = kit_client(cleo);
    struct mls_buf before = {0}, after = {0};

    kit_expect(mls_group_save(cleo->earlier, &before), 0, "save");
    kit_expect(mls_group_join(&cleo->config, &self, &params, &cleo->group), want, what);
    kit_expect(mls_group_save(cleo->earlier, &after), 0, "save");
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    assert_true((cleo->group != NULL) == (want == 0));
    mls_group_destroy(&cleo->group);
    mls_buf_fini(&before);
    mls_buf_fini(&after);
}

static void
forge_and_expect(struct kit_trio *f, const struct forgery *g, int want, const char *what)
{
    uint16_t suite = f->people[ADA].suite;
    struct mls_buf welcome = {0};

    forge(f, g, &welcome);
    expect_of_cleo(f, &welcome, want, what);
    for (size_t i = 0; i <= PEOPLE; i++)
        f->people[i].suite = suite;
    mls_buf_fini(&welcome);
}

static void
a_welcome_that_is_no_successor_is_refused(void **state)
{
    struct kit_trio *f = *state;
    const uint8_t usage = MLS_PSK_USAGE_REINIT;
    const unsigned others = 1u << BEN | 1u << CLEO;
    const struct {
        struct forgery g;
        int want;
        const char *what;
    } cases[] = {
        {{.usage = usage, .members = others}, 0, "as it should be"},
        {{.usage = usage, .members = others, .id = "another"}, MLS_ELINK, "another group id"},
        {{.usage = usage, .members = others, .suite = f->suite}, MLS_ELINK, "another suite"},
        {{.usage = usage, .members = others, .bare = true}, MLS_ELINK, "other extensions"},
        {{.usage = usage, .members = others, .epochs_ago = 1},
         MLS_ELINK,
         "the epoch before the ReInit"},
        {{.usage = usage, .members = others, .late = true}, MLS_ELINK, "in epoch 2"},
        {{.usage = usage, .members = others, .twice = true}, MLS_ELINK, "two links"},
        {{.usage = usage, .members = 1u << CLEO}, MLS_ELINK, "without Ben"},
        {{.usage = usage, .members = others | 1u << EMIL}, MLS_ELINK, "with Emil"},
    };

    close_group(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        forge_and_expect(f, &cases[i].g, cases[i].want, cases[i].what);
}

static void
a_welcome_that_is_no_branch_is_refused(void **state)
{
    struct kit_trio *f = *state;
    const uint8_t usage = MLS_PSK_USAGE_BRANCH;
    const struct {
        struct forgery g;
        int want;
        const char *what;
    } cases[] = {
        {{.usage = usage, .members = 1u << CLEO}, 0, "as it should be"},
        {{.usage = usage, .members = 1u << CLEO, .suite = kit_other_suite(f->suite)},
         MLS_ELINK,
         "another suite"},
        {{.usage = usage, .members = 1u << CLEO, .late = true}, MLS_ELINK, "in epoch 2"},
        {{.usage = usage, .members = 1u << CLEO, .twice = true}, MLS_ELINK, "two links"},
        {{.usage = usage, .members = 1u << CLEO | 1u << EMIL}, MLS_ELINK, "with Emil"},
        {{.usage = MLS_PSK_USAGE_REINIT, .members = 1u << BEN | 1u << CLEO},
         MLS_ELINK,
         "reinit without a ReInit"},
    };

    all_step_aside(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        forge_and_expect(f, &cases[i].g, cases[i].want, cases[i].what);
}

static void
without_the_old_group_nobody_joins(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *cleo = &f->people[CLEO];
    const struct forgery g = {.usage = MLS_PSK_USAGE_REINIT, .members = 1u << BEN | 1u << CLEO};
    struct mls_buf welcome = {0};
    const struct mls_group *(*known)(void *, struct mls_bytes) = cleo->config.find_group;

    close_group(f);
    forge(f, &g, &welcome);
    cleo->config.find_group = NULL;
    expect_of_cleo(f, &welcome, MLS_EPSK, "no way to find it");
    cleo->config.find_group = known;
    cleo->earlier->id.data[0] ^= 1;
    expect_of_cleo(f, &welcome, MLS_EPSK, "another group");
    cleo->earlier->id.data[0] ^= 1;
    expect_of_cleo(f, &welcome, 0, "the right one");
    mls_buf_fini(&welcome);
}

#define BOTH(test) KIT_IN_BOTH_SUITES(test, kit_trio, kit_trio_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(any_member_makes_the_successor_and_all_go_on_in_it),
        BOTH(a_successor_is_made_as_the_reinit_says_or_not_at_all),
        BOTH(some_members_talk_among_themselves_in_a_branch),
        BOTH(a_branch_of_an_epoch_that_has_passed_is_joined),
        BOTH(strangers_do_not_come_into_a_branch),
        BOTH(a_welcome_that_is_no_successor_is_refused),
        BOTH(a_welcome_that_is_no_branch_is_refused),
        BOTH(without_the_old_group_nobody_joins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
