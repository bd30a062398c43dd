/* SPDX-License-Identifier: MIT */
/*
 * The deletion schedule (RFC 9420 section 9.2), seen by somebody who copies everything: the saved
 * state and the memory of the process. Of all secrets that were ever derived only those stand there
 * that the state of a living group needs, and of those from before everybody's keys were renewed only
 * resumption secrets. Messages whose keys are gone do not open from the copy.
 */
#include "sotto_test.h"

#include <string.h>

#include "group.h"
#include "mls_kit.h"
#include "mls_secret_log.h"

enum { ADA, BEN, CLEO, DORA, PEOPLE };

static const char *const names[PEOPLE] = {"ada", "ben", "cleo", "dora"};
static const struct mls_commit_options NOTHING = {0};

struct fixture {
    struct mls_secret_log log;
    struct kit_person people[PEOPLE];
};

static void
forget_bundles(struct fixture *f)
{
    for (size_t i = 0; i < PEOPLE; i++)
        mls_buf_fini(&f->people[i].bundle);
}

/* Four people with a path each; key packages used are deleted, as their owners must. */
static int
setup(void **state, uint16_t suite)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct kit_person *others[PEOPLE];

    mls_secret_log_init(&f->log);
    for (size_t i = 0; i < PEOPLE; i++) {
        kit_person_init(&f->people[i], names[i], suite);
        f->people[i].config.provider = &f->log.tp.table;
        f->people[i].psk_id = "psk";
        f->people[i].psk = "a key that all know, for the log: 0123456789";
        others[i] = &f->people[i];
    }
    kit_create(&f->people[ADA]);
    for (size_t i = 1; i < PEOPLE; i++)
        kit_add(&f->people[ADA], &f->people[i], others + 1, i - 1);
    forget_bundles(f);
    *state = f;
    return 0;
}

static int
setup_suite_1(void **state)
{
    return setup(state, 1);
}

static int
setup_suite_3(void **state)
{
    return setup(state, 3);
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < PEOPLE; i++)
        kit_person_fini(&f->people[i]);
    mls_secret_log_fini(&f->log);
    test_free(f);
    return 0;
}

/* ---- Looking ----------------------------------------------------------------------------- */

/* The states of all groups that live, masked. */
struct states {
    struct mls_buf list[2 * PEOPLE];
    size_t count;
};

static void
take_states(struct fixture *f, struct states *out)
{
    *out = (struct states){0};
    for (size_t i = 0; i < PEOPLE; i++) {
        const struct mls_group *groups[] = {f->people[i].group, f->people[i].earlier};

        for (size_t k = 0; k < 2; k++) {
            if (groups[k] == NULL)
                continue;
            kit_expect(mls_group_save(groups[k], &out->list[out->count]), 0, "save");
            mls_secret_log_mask(&out->list[out->count++]);
        }
    }
}

static void
states_fini(struct states *states)
{
    for (size_t i = 0; i < states->count; i++)
        mls_buf_fini(&states->list[i]);
}

static bool
in_any(const struct fixture *f, size_t secret, const struct states *states)
{
    for (size_t i = 0; i < states->count; i++) {
        if (mls_secret_log_in(&f->log, secret, &states->list[i]))
            return true;
    }
    return false;
}

/* What stands in memory stands in a state too; every secret that was freed is gone. */
static void
expect_no_more_than_the_states(struct fixture *f, const char *when)
{
    struct states states;
    size_t kept = 0;

    if (!mls_secret_log_can_search_memory())
        return;
    take_states(f, &states);
    mls_secret_log_search_memory(&f->log);
    for (size_t i = 0; i < f->log.count; i++) {
        if (!f->log.found[i])
            continue;
        if (!in_any(f, i, &states))
            fail_msg("%s: secret %zu of %zu stands in memory", when, i, f->log.count);
        kept++;
    }
    assert_true(kept > 0); /* the search finds what is there */
    assert_true(kept < f->log.count);
    states_fini(&states);
}

static bool
is_resumption(const struct fixture *f, size_t secret)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        const struct mls_group *group = f->people[i].group;

        for (size_t k = 0; group != NULL && k < group->resumption_count; k++) {
            if (mls_secret_log_is(&f->log, secret, group->resumption[k].psk))
                return true;
        }
    }
    return false;
}

/* Of the first secrets none is in a state but those for resumption. */
static void
expect_gone(struct fixture *f, size_t count)
{
    struct states states;
    size_t resumption = 0;

    take_states(f, &states);
    for (size_t i = 0; i < count; i++) {
        if (is_resumption(f, i))
            resumption++;
        else if (in_any(f, i, &states))
            fail_msg("secret %zu of %zu stands in a state", i, count);
    }
    assert_true(resumption > 0);
    states_fini(&states);
}

static void
all_talk(struct fixture *f)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        if (f->people[i].group != NULL && i != BEN)
            kit_say(&f->people[i], &f->people[BEN], "hello");
    }
}

static void
all_renew(struct fixture *f)
{
    for (size_t i = 0; i < PEOPLE; i++)
        kit_commit_to_all(&f->people[i], &NOTHING, f->people, PEOPLE);
}

/* ---- Secrets ----------------------------------------------------------------------------- */

static void
secrets_of_passed_epochs_stand_nowhere(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal psks[] = {
        {.type = MLS_PROPOSAL_PSK, .psk_id = mls_text("psk")},
        {.type = MLS_PROPOSAL_PSK, .psk_resumption = true, .psk_epoch = 3},
    };
    const struct mls_commit_options with_psks = {.proposals = psks, .proposal_count = 2};
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    struct mls_buf message = {0};

    all_renew(f);
    all_talk(f);
    expect_no_more_than_the_states(f, "after talking");
    kit_commit_to_all(&f->people[CLEO], &with_psks, f->people, PEOPLE);
    expect_no_more_than_the_states(f, "after pre-shared keys");
    kit_expect(mls_group_propose(f->people[BEN].group, &update, mls_text(""), &message), 0, "");
    for (size_t i = 0; i < PEOPLE; i++) {
        if (i != BEN)
            kit_take_proposal(&f->people[i], &message);
    }
    mls_buf_fini(&message);
    kit_commit_to_all(&f->people[ADA], &NOTHING, f->people, PEOPLE);
    all_talk(f);
    size_t before = f->log.count;
    all_renew(f);
    expect_no_more_than_the_states(f, "after everybody's renewal");
    expect_gone(f, before);
    assert_false(mls_test_provider_holds(&f->log.tp, f->people[ADA].psk, 16));
}

/* Joiner, welcome and path secrets, and the bundle that the newcomer's client deletes. */
static void
secrets_of_a_welcome_stand_nowhere(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal gone = {.type = MLS_PROPOSAL_REMOVE, .leaf = DORA};
    const struct mls_commit_options removal = {.proposals = &gone, .proposal_count = 1};
    struct mls_buf package = {0}, commit = {0}, welcome = {0};

    mls_group_destroy(&f->people[DORA].group);
    kit_commit_to_all(&f->people[CLEO], &removal, f->people, PEOPLE);
    kit_key_package(&f->people[DORA], &package);
    const struct mls_proposal back[] = {
        {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&package)},
        {.type = MLS_PROPOSAL_PSK, .psk_id = mls_text("psk")},
    };
    const struct mls_commit_options options = {
        .proposals = back, .proposal_count = 2, .force_path = true};
    kit_commit(&f->people[CLEO], &options, &commit, &welcome);
    kit_expect(mls_group_merge_pending(f->people[CLEO].group), 0, "merge");
    kit_take_commit(&f->people[ADA], &commit);
    kit_take_commit(&f->people[BEN], &commit);
    kit_join(&f->people[DORA], &welcome);
    forget_bundles(f);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);

    kit_agree(f->people, PEOPLE);
    expect_no_more_than_the_states(f, "after joining");
    size_t before = f->log.count;
    all_renew(f);
    expect_gone(f, before);
}

static void
secrets_of_a_commit_that_lost_stand_nowhere(void **state)
{
    struct fixture *f = *state;
    struct mls_buf lost = {0};

    all_renew(f);
    size_t from = f->log.count;
    kit_commit(&f->people[BEN], &NOTHING, &lost, NULL);
    size_t to = f->log.count;
    mls_buf_fini(&lost);
    kit_commit_to_all(&f->people[ADA], &NOTHING, f->people, PEOPLE);

    struct states states;
    take_states(f, &states);
    for (size_t i = from; i < to; i++)
        assert_false(in_any(f, i, &states));
    states_fini(&states);
    expect_no_more_than_the_states(f, "after the other commit");
}

static void
who_was_removed_has_no_secret_left(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal gone = {.type = MLS_PROPOSAL_REMOVE, .leaf = DORA};
    const struct mls_commit_options removal = {.proposals = &gone, .proposal_count = 1};
    struct mls_buf left = {0};

    all_talk(f);
    kit_commit_to_all(&f->people[CLEO], &removal, f->people, PEOPLE);
    assert_false(mls_group_is_active(f->people[DORA].group));
    kit_state(&f->people[DORA], &left);
    mls_secret_log_mask(&left);
    for (size_t i = 0; i < f->log.count; i++) {
        uint8_t *tag = f->people[DORA].group->epoch->confirmation_tag; /* all the world has it */

        if (mls_secret_log_in(&f->log, i, &left) && !mls_secret_log_is(&f->log, i, tag))
            fail_msg("secret %zu of %zu is left", i, f->log.count);
    }
    mls_buf_fini(&left);
    expect_no_more_than_the_states(f, "after a removal");
}

/* Ada branches with Ben, with the n-th allocation failing; 0: none. */
static int
branch(struct fixture *f, const struct mls_buf *package, size_t n, struct mls_buf *welcome_out)
{
    struct kit_person *ada = &f->people[ADA];
    const struct mls_bytes packages = mls_buf_bytes(package);
    const struct mls_client self = kit_client(ada);
    struct mls_buf commit = {0};

    f->log.tp.calls = 0;
    f->log.tp.fail_at = n;
    int error = mls_group_branch(&ada->config, &self, ada->earlier, mls_text("branch"), &packages,
                                 1, &commit, welcome_out, &ada->group);
    f->log.tp.fail_at = 0;
    mls_buf_fini(&commit);
    return error;
}

/* Also when there is too little memory for it: then there is no group at all. */
static void
a_branch_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ada = &f->people[ADA], *ben = &f->people[BEN];
    struct mls_buf package = {0}, welcome = {0};
    size_t n = 0;
    int error;

    kit_key_package(ben, &package);
    kit_step_aside(ada);
    kit_step_aside(ben);
    do {
        size_t live = f->log.tp.live;

        error = branch(f, &package, ++n, &welcome);
        if (error != 0) {
            kit_expect(error, MLS_ENOMEM, "branch");
            assert_null(ada->group);
            assert_int_equal(f->log.tp.live, live);
        }
        assert_int_equal(f->log.tp.unwiped, 0);
    } while (error != 0);
    assert_true(n > 10);
    kit_join(ben, &welcome);
    forget_bundles(f);
    mls_buf_fini(&welcome);
    mls_buf_fini(&package);
    kit_say(ada, ben, "here");
    expect_no_more_than_the_states(f, "after a branch");
}

/* ---- Messages ---------------------------------------------------------------------------- */

/* Neither the group nor a copy of its state opens a message. */
static void
expect_closed(struct kit_person *person, const struct mls_buf *message, int want)
{
    struct mls_received received = {0};

    kit_expect(mls_group_process(person->group, mls_buf_bytes(message), &received), want, "now");
    kit_reload(person);
    kit_expect(mls_group_process(person->group, mls_buf_bytes(message), &received), want, "copy");
}

static void
encrypt(struct kit_person *person, struct mls_buf *message_out)
{
    kit_expect(mls_group_encrypt(person->group, mls_text("text"), mls_text(""), 0, message_out), 0,
               "encrypt");
}

static void
open_message(struct kit_person *person, const struct mls_buf *message)
{
    struct mls_received received;

    kit_expect(mls_group_process(person->group, mls_buf_bytes(message), &received), 0, "open");
    mls_received_fini(&received);
}

static void
a_copy_does_not_open_what_was_opened_nor_what_we_sent(void **state)
{
    struct fixture *f = *state;
    struct mls_buf first = {0}, second = {0};

    encrypt(&f->people[ADA], &first);
    encrypt(&f->people[ADA], &second);
    open_message(&f->people[BEN], &second); /* out of order: the first key is kept */
    expect_closed(&f->people[BEN], &second, MLS_EREPLAY);
    open_message(&f->people[BEN], &first);
    expect_closed(&f->people[BEN], &first, MLS_EREPLAY);
    expect_closed(&f->people[ADA], &first, MLS_EOWN);
    mls_buf_fini(&second);
    mls_buf_fini(&first);
    expect_no_more_than_the_states(f, "after messages out of order");
}

static void
a_copy_does_not_open_what_was_skipped_beyond_the_window(void **state)
{
    struct fixture *f = *state;
    enum { SKIPPED = MLS_RATCHET_SKIPPED_MAX + 3 };
    struct mls_buf messages[SKIPPED + 1] = {{0}};

    for (size_t i = 0; i <= SKIPPED; i++)
        encrypt(&f->people[ADA], &messages[i]);
    open_message(&f->people[BEN], &messages[SKIPPED]);
    for (size_t i = 0; i < 3; i++)
        expect_closed(&f->people[BEN], &messages[i], MLS_EREPLAY);
    open_message(&f->people[BEN], &messages[3]);
    expect_closed(&f->people[BEN], &messages[3], MLS_EREPLAY);
    for (size_t i = 0; i <= SKIPPED; i++)
        mls_buf_fini(&messages[i]);
    expect_no_more_than_the_states(f, "after a jump");
}

/* Even one who turns the number of the epoch back has nothing to open it with. */
static void
a_copy_does_not_open_what_belongs_to_a_passed_epoch(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ben = &f->people[BEN];
    struct mls_buf message = {0};
    struct mls_received received = {0};

    encrypt(&f->people[ADA], &message);
    size_t before = f->log.count;
    all_renew(f);
    expect_closed(ben, &message, MLS_EEPOCH);
    ben->group->epoch->number -= PEOPLE;
    kit_expect(mls_group_process(ben->group, mls_buf_bytes(&message), &received), MLS_EAEAD,
               "back");
    ben->group->epoch->number += PEOPLE;
    mls_buf_fini(&message);
    expect_gone(f, before);
    expect_no_more_than_the_states(f, "after an epoch");
}

#define BOTH(test) KIT_IN_BOTH_SUITES(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(secrets_of_passed_epochs_stand_nowhere),
        BOTH(secrets_of_a_welcome_stand_nowhere),
        BOTH(secrets_of_a_commit_that_lost_stand_nowhere),
        BOTH(who_was_removed_has_no_secret_left),
        BOTH(a_branch_leaves_nothing_behind),
        BOTH(a_copy_does_not_open_what_was_opened_nor_what_we_sent),
        BOTH(a_copy_does_not_open_what_was_skipped_beyond_the_window),
        BOTH(a_copy_does_not_open_what_belongs_to_a_passed_epoch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
