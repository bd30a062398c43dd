/* SPDX-License-Identifier: MIT */
/*
 * Closing a group by a ReInit (RFC 9420 section 12.1.5): it stands alone, it ends the group for
 * everybody who is in it, has it stored, or follows it from outside. What comes after is in
 * test_mls_group_link.c.
 */
#include "sotto_test.h"

#include <string.h>

#include "group.h"
#include "mls_follower.h"
#include "mls_kit.h"

enum { ADA, BEN, CLEO };

static const struct mls_commit_options NOTHING = {0};

/* ---- Tests ------------------------------------------------------------------------------- */

static void
a_reinit_closes_the_group_for_everybody(void **state)
{
    struct kit_trio *f = *state;
    const struct mls_proposal reinit = kit_reinit(kit_other_suite(f->suite)),
                              update = {.type = MLS_PROPOSAL_UPDATE};
    struct mls_reinit_view asked;
    struct mls_received received;
    struct mls_buf message = {0}, welcome = {0}, commit = {0}, early = {0};

    kit_expect(mls_group_encrypt(f->people[BEN].group, mls_text("x"), mls_text(""), 0, &early), 0,
               "encrypt");
    kit_expect(mls_group_propose(f->people[BEN].group, &reinit, mls_text(""), &message), 0,
               "propose");
    kit_take_proposal(&f->people[ADA], &message);
    kit_take_proposal(&f->people[CLEO], &message);
    assert_false(mls_group_is_closed(f->people[ADA].group, &asked));
    kit_commit(&f->people[ADA], &NOTHING, &commit, NULL);
    kit_reload(&f->people[ADA]); /* while it is pending */
    kit_expect(mls_group_merge_pending(f->people[ADA].group), 0, "merge");
    kit_expect(mls_group_process(f->people[CLEO].group, mls_buf_bytes(&commit), &received), 0,
               "commit");
    assert_int_equal(received.change_count, 1);
    assert_int_equal(received.changes[0].type, MLS_PROPOSAL_REINIT);
    assert_int_equal(received.changes[0].proposer, BEN);
    assert_int_equal(received.changes[0].external_sender, MLS_EXTERNAL_SENDER_NONE);
    assert_int_equal(received.changes[0].reinit.suite, kit_other_suite(f->suite));
    assert_memory_equal(received.changes[0].reinit.group_id.data, "successor", 9);
    mls_received_fini(&received);
    kit_expect(mls_group_merge_staged(f->people[CLEO].group), 0, "merge");
    kit_take_commit(&f->people[BEN], &commit);
    kit_agree(f->people, KIT_TRIO);

    for (size_t i = 0; i < KIT_TRIO; i++) {
        struct mls_group *group;

        kit_reload(&f->people[i]);
        group = f->people[i].group;
        assert_true(mls_group_is_closed(group, &asked));
        assert_int_equal(asked.version, MLS_VERSION_10);
        assert_int_equal(asked.suite, kit_other_suite(f->suite));
        assert_int_equal(asked.group_id.len, 9);
        kit_expect(mls_group_encrypt(group, mls_text("x"), mls_text(""), 0, &message), MLS_ECLOSED,
                   "encrypt");
        kit_expect(mls_group_propose(group, &update, mls_text(""), &message), MLS_ECLOSED,
                   "propose");
        kit_expect(mls_group_commit(group, &NOTHING, &commit, &welcome, NULL), MLS_ECLOSED,
                   "commit");
        kit_expect(mls_group_process(group, mls_buf_bytes(&early), &received), MLS_ECLOSED,
                   "process");
        kit_expect(mls_group_export_info(group, true, &message), MLS_ECLOSED, "export");
    }
    mls_buf_fini(&early);
    mls_buf_fini(&commit);
    mls_buf_fini(&message);
}

/* Loads a state with these bytes in the place of the last `cut`, and a hash that fits. */
static int
load_altered(const struct kit_person *person, size_t cut, const char *tail, size_t tail_len)
{
    const struct mls_provider *p = person->config.provider;
    struct mls_buf state = {0};
    struct mls_writer w;
    struct mls_group *group = NULL;
    uint8_t hash[MLS_HASH_BYTES];

    kit_state(person, &state);
    mls_writer_init(&w, p, 0);
    mls_write_raw(&w, mls_bytes(state.data, state.len - sizeof(hash) - cut));
    mls_write_raw(&w, mls_bytes(tail, tail_len));
    struct mls_bytes written = mls_writer_bytes(&w);
    assert_int_equal(p->sha256(p->ctx, &written, 1, hash), 0);
    mls_write_raw(&w, mls_bytes(hash, sizeof(hash)));
    int error = mls_group_load(&person->config, mls_writer_bytes(&w), &group);
    assert_true((group != NULL) == (error == 0));
    mls_group_destroy(&group);
    mls_writer_fini(&w);
    mls_buf_fini(&state);
    return error;
}

static void
a_state_that_is_closed_by_something_else_does_not_load(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *ada = &f->people[ADA];

    kit_expect(load_altered(ada, 0, "", 0), 0, "as it is");
    kit_expect(load_altered(ada, 0, "\0\0", 2), MLS_EDECODE, "two ReInits that are none");
    kit_expect(load_altered(ada, 0, "\6\0\3\0\0\0\1\0", 8), MLS_EDECODE, "a Remove");
    kit_expect(load_altered(ada, 0, "\0\12\0\5\1g\0\1\0\3\1x", 12), MLS_EDECODE,
               "a damaged one, pending");
    kit_expect(load_altered(ada, 0, "\0\11\0\5\1g\0\1\0\3\0", 11), MLS_EDECODE,
               "a pending one without a commit");
    kit_expect(load_altered(ada, 0, "\11\0\5\1g\0\1\0\3\0\0", 11), 0, "a ReInit");
}

static void
who_follows_from_outside_sees_the_end(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *ada = &f->people[ADA];
    const struct mls_proposal reinit = kit_reinit(kit_other_suite(f->suite));
    const struct mls_commit_options options = {.proposals = &reinit, .proposal_count = 1};
    struct mls_public_group *follower = follower_of(ada), *next = NULL;
    struct mls_buf commit = {0}, late = {0}, stored = {0};
    struct mls_received received;
    struct mls_reinit_view asked;

    kit_commit(ada, &options, &commit, NULL);
    kit_expect(mls_group_merge_pending(ada->group), 0, "merge");
    assert_false(mls_public_group_is_closed(follower, &asked));
    kit_expect(mls_public_group_take_commit(follower, mls_buf_bytes(&commit), &received, &next), 0,
               "commit");
    mls_received_fini(&received);
    mls_public_group_destroy(&follower);
    kit_expect(mls_public_group_save(next, &stored), 0, "save");
    mls_public_group_destroy(&next);
    kit_expect(mls_public_group_load(&ada->config, mls_buf_bytes(&stored), &follower), 0, "load");
    assert_true(mls_public_group_is_closed(follower, &asked));
    assert_int_equal(mls_public_group_epoch(follower), mls_group_epoch(ada->group));
    assert_int_equal(asked.suite, kit_other_suite(f->suite));

    mls_buf_fini(&ada->group->epoch->reinit); /* somebody who does not keep to it */
    kit_commit(ada, &NOTHING, &late, NULL);
    kit_expect(mls_public_group_take_commit(follower, mls_buf_bytes(&late), &received, &next),
               MLS_ECLOSED, "a commit after the end");
    assert_null(next);
    mls_buf_fini(&stored);
    mls_buf_fini(&late);
    mls_buf_fini(&commit);
    mls_public_group_destroy(&follower);
}

static void
leaf_key(const struct mls_group *group, uint32_t leaf, uint8_t out[MLS_X25519_BYTES])
{
    memcpy(out, mls_tree_leaf(&group->epoch->tree, leaf)->encryption_key.data, MLS_X25519_BYTES);
}

static void
a_reinit_waits_for_everything_else(void **state)
{
    uint8_t before[MLS_X25519_BYTES], after[MLS_X25519_BYTES];
    struct kit_trio *f = *state;
    struct kit_person *ada = &f->people[ADA];
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE}, reinit = kit_reinit(f->suite);
    const struct mls_proposal both[] = {reinit, {.type = MLS_PROPOSAL_REMOVE, .leaf = CLEO}};
    struct mls_buf message[2] = {{0}}, commit = {0}, welcome = {0};

    kit_expect(mls_group_propose(f->people[BEN].group, &update, mls_text(""), &message[0]), 0, "");
    kit_expect(mls_group_propose(f->people[BEN].group, &reinit, mls_text(""), &message[1]), 0, "");
    for (size_t i = 0; i < 2; i++) {
        kit_take_proposal(ada, &message[i]);
        kit_take_proposal(&f->people[CLEO], &message[i]);
    }
    const struct mls_commit_options two = {.proposals = both, .proposal_count = 2};
    kit_expect(mls_group_commit(ada->group, &two, &commit, &welcome, NULL), MLS_EPROPOSAL, "both");
    leaf_key(ada->group, BEN, before);
    kit_commit_to_all(ada, &NOTHING, f->people, KIT_TRIO);
    kit_agree(f->people, KIT_TRIO);
    assert_false(mls_group_is_closed(ada->group, NULL));
    leaf_key(ada->group, BEN, after);
    assert_memory_not_equal(before, after, sizeof(before)); /* the Update went in */

    /* By value it is what we want, and the kept ones stay out. */
    kit_expect(mls_group_propose(f->people[BEN].group, &update, mls_text(""), &message[0]), 0, "");
    kit_take_proposal(ada, &message[0]);
    kit_take_proposal(&f->people[CLEO], &message[0]);
    const struct mls_commit_options one = {.proposals = &reinit, .proposal_count = 1};
    kit_commit_to_all(ada, &one, f->people, KIT_TRIO);
    kit_agree(f->people, KIT_TRIO);
    assert_true(mls_group_is_closed(ada->group, NULL));
    mls_buf_fini(&message[0]);
    mls_buf_fini(&message[1]);
}

static void
what_nobody_could_make_is_not_proposed(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *ada = &f->people[ADA];
    struct mls_proposal reinit = kit_reinit(2);
    struct mls_buf message = {0}, before = {0};

    kit_state(ada, &before);
    kit_expect(mls_group_propose(ada->group, &reinit, mls_text(""), &message), MLS_ESUITE,
               "suite 2");
    reinit = kit_reinit(f->suite);
    reinit.group_id = mls_text("");
    kit_expect(mls_group_propose(ada->group, &reinit, mls_text(""), &message), MLS_EARG, "no id");
    assert_true(kit_state_is(ada, &before));
    mls_buf_fini(&before);
}

#define BOTH(test) KIT_IN_BOTH_SUITES(test, kit_trio, kit_trio_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_reinit_closes_the_group_for_everybody),
        BOTH(a_state_that_is_closed_by_something_else_does_not_load),
        BOTH(who_follows_from_outside_sees_the_end),
        BOTH(a_reinit_waits_for_everything_else),
        BOTH(what_nobody_could_make_is_not_proposed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
