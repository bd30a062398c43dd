/* SPDX-License-Identifier: MIT */
/*
 * Resumption secrets as pre-shared keys of the usage "application" (RFC 9420 section 8.6): who was a
 * member in an earlier epoch can show it to the others, and nobody else can follow.
 */
#include "sotto_test.h"

#include <string.h>

#include "group.h"
#include "mls_kit.h"

enum { ADA, BEN, CLEO };

static const struct mls_commit_options NOTHING = {0};

static struct mls_proposal
psk_of_epoch(uint64_t epoch)
{
    return (struct mls_proposal){
        .type = MLS_PROPOSAL_PSK,
        .psk_resumption = true,
        .psk_epoch = epoch,
    };
}

/* Processing gives this error and leaves the state as it was. */
static void
refuse(struct kit_person *person, const struct mls_buf *message, int want)
{
    struct mls_buf before = {0};
    struct mls_received received;

    kit_state(person, &before);
    kit_expect(mls_group_process(person->group, mls_buf_bytes(message), &received), want, "commit");
    assert_true(kit_state_is(person, &before));
    mls_buf_fini(&before);
}

static void
commit_with(struct kit_person *by, struct mls_proposal proposal, struct mls_buf *commit_out)
{
    const struct mls_commit_options options = {.proposals = &proposal, .proposal_count = 1};

    kit_commit(by, &options, commit_out, NULL);
}

/* ---- Tests ------------------------------------------------------------------------------- */

static void
the_secret_of_an_earlier_epoch_is_brought_in_by_value_and_by_reference(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *people = f->people;
    const struct mls_proposal psk = psk_of_epoch(2);
    const struct mls_commit_options by_value = {.proposals = &psk, .proposal_count = 1};
    struct mls_buf message = {0};

    for (size_t i = 0; i < KIT_TRIO; i++)
        kit_commit_to_all(&people[i], &NOTHING, people, KIT_TRIO);
    for (size_t i = 0; i < KIT_TRIO; i++)
        kit_reload(&people[i]); /* the secrets are part of the saved state */
    kit_commit_to_all(&people[BEN], &by_value, people, KIT_TRIO);
    kit_agree(people, KIT_TRIO);

    kit_expect(mls_group_propose(people[CLEO].group, &psk, mls_text(""), &message), 0, "propose");
    kit_take_proposal(&people[ADA], &message);
    kit_take_proposal(&people[BEN], &message);
    kit_commit_to_all(&people[ADA], &NOTHING, people, KIT_TRIO);
    kit_agree(people, KIT_TRIO);
    kit_say(&people[ADA], &people[CLEO], "still here");
    mls_buf_fini(&message);
}

static void
who_was_no_member_in_that_epoch_cannot_follow(void **state)
{
    struct kit_trio *f = *state;
    struct mls_buf commit = {0};

    commit_with(&f->people[ADA], psk_of_epoch(1), &commit);

    refuse(&f->people[CLEO], &commit, MLS_EPSK);
    kit_take_commit(&f->people[BEN], &commit);
    kit_expect(mls_group_merge_pending(f->people[ADA].group), 0, "merge");
    kit_agree(f->people, CLEO);
    mls_buf_fini(&commit);
}

static void
the_secrets_differ_from_epoch_to_epoch(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *ben = &f->people[BEN];
    struct mls_buf commit = {0};

    commit_with(&f->people[ADA], psk_of_epoch(1), &commit);
    ben->group->resumption[0].psk[0] ^= 1; /* Ben joined in epoch 1 */
    refuse(ben, &commit, MLS_ECONFIRMATION);
    ben->group->resumption[0].psk[0] ^= 1;
    kit_take_commit(ben, &commit);
    mls_buf_fini(&commit);
}

static void
an_epoch_that_is_not_remembered_cannot_be_named(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *ada = &f->people[ADA];
    const struct mls_proposal far = psk_of_epoch(99);
    const struct mls_commit_options options = {.proposals = &far, .proposal_count = 1};
    struct mls_buf commit = {0}, welcome = {0}, before = {0};

    kit_state(ada, &before);
    kit_expect(mls_group_commit(ada->group, &options, &commit, &welcome, NULL), MLS_EPSK, "commit");
    assert_true(kit_state_is(ada, &before));
    assert_int_equal(commit.len, 0);
    mls_buf_fini(&before);
}

static void
as_many_epochs_are_remembered_as_the_bound_says(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *people = f->people;
    uint8_t lost[MLS_HASH_BYTES];

    memcpy(lost, people[CLEO].group->resumption[0].psk, sizeof(lost)); /* of epoch 2 */
    for (size_t i = 1; i < MLS_RESUMPTION_MAX; i++)
        kit_commit_to_all(&people[ADA], &NOTHING, people, KIT_TRIO);
    const struct mls_proposal oldest = psk_of_epoch(2);
    const struct mls_commit_options options = {.proposals = &oldest, .proposal_count = 1};
    kit_commit_to_all(&people[CLEO], &options, people,
                      KIT_TRIO); /* still known; no more after it */

    struct mls_buf state_bytes = {0}, commit = {0}, welcome = {0};
    kit_state(&people[CLEO], &state_bytes);
    assert_int_equal(people[CLEO].group->resumption_count, MLS_RESUMPTION_MAX);
    assert_null(memmem(state_bytes.data, state_bytes.len, lost, sizeof(lost)));
    assert_null(memmem(people[CLEO].group, sizeof(struct mls_group), lost, sizeof(lost)));
    kit_expect(mls_group_commit(people[CLEO].group, &options, &commit, &welcome, NULL), MLS_EPSK,
               "the epoch before the oldest");
    mls_buf_fini(&state_bytes);
}

/* Cleo kept the state of the time before she was removed, and shows it when she comes back. */
static void
who_comes_back_joins_with_the_secret_of_the_time_before(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *ada = &f->people[ADA], *cleo = &f->people[CLEO];
    const struct mls_proposal gone = {.type = MLS_PROPOSAL_REMOVE, .leaf = CLEO};
    struct mls_buf package = {0}, commit = {0}, welcome = {0};

    kit_step_aside(cleo);
    const struct mls_commit_options removal = {.proposals = &gone, .proposal_count = 1};
    kit_commit_to_all(ada, &removal, f->people, KIT_TRIO);
    kit_key_package(cleo, &package);
    const struct mls_proposal back[] = {
        {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&package)},
        psk_of_epoch(2),
    };
    const struct mls_commit_options options = {.proposals = back, .proposal_count = 2};
    kit_commit(ada, &options, &commit, &welcome);
    kit_expect(mls_group_merge_pending(ada->group), 0, "merge");
    kit_take_commit(&f->people[BEN], &commit);

    struct mls_group *earlier = cleo->earlier;
    const struct mls_join_params params = {
        .welcome = mls_buf_bytes(&welcome),
        .key_package_private = mls_buf_bytes(&cleo->bundle),
    };
    const struct mls_client self = kit_client(cleo);
    cleo->earlier = NULL;
    kit_expect(mls_group_join(&cleo->config, &self, &params, &cleo->group), MLS_EPSK, "without it");
    assert_null(cleo->group);
    cleo->earlier = earlier;
    kit_join(cleo, &welcome);
    kit_agree(f->people, KIT_TRIO);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
}

/* Ada and Ben are in another group together; Cleo is not. */
static void
the_secret_of_another_group_is_found_by_the_application(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *ada = &f->people[ADA], *ben = &f->people[BEN];
    struct kit_person pair[2];
    struct mls_buf commit = {0};

    kit_group(pair, 2, ada->suite);
    memcpy(pair[0].group->id.data, "other", 5); /* kit groups have one name, as long as this one */
    memcpy(pair[1].group->id.data, "other", 5);
    ada->earlier = pair[0].group;
    ben->earlier = pair[1].group;
    pair[0].group = pair[1].group = NULL;
    struct mls_proposal psk = psk_of_epoch(1);
    psk.group_id = mls_text("other");
    commit_with(ada, psk, &commit);

    refuse(&f->people[CLEO], &commit, MLS_EPSK);
    kit_take_commit(ben, &commit);
    kit_expect(mls_group_merge_pending(ada->group), 0, "merge");
    kit_agree(f->people, CLEO);
    mls_buf_fini(&commit);
    kit_person_fini(&pair[0]);
    kit_person_fini(&pair[1]);
}

#define BOTH(test) KIT_IN_BOTH_SUITES(test, kit_trio, kit_trio_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(the_secret_of_an_earlier_epoch_is_brought_in_by_value_and_by_reference),
        BOTH(who_was_no_member_in_that_epoch_cannot_follow),
        BOTH(the_secrets_differ_from_epoch_to_epoch),
        BOTH(an_epoch_that_is_not_remembered_cannot_be_named),
        BOTH(as_many_epochs_are_remembered_as_the_bound_says),
        BOTH(who_comes_back_joins_with_the_secret_of_the_time_before),
        BOTH(the_secret_of_another_group_is_found_by_the_application),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
