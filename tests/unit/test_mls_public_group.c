/* SPDX-License-Identifier: MIT */
/*
 * Following a group from outside: from the first GroupInfo through commits of every kind, what is
 * refused and that refusing leaves no trace, what cannot be seen, the stored form, and that a
 * newcomer can join with the tree that the follower serves. Whole histories are followed in
 * test_mls_group_random.c and test_mls_passive_client.c; forged commits are compared with what
 * members say in test_mls_group_forged.c, test_mls_group_path.c and test_mls_group_mutants.c.
 */
#include "sotto_test.h"

#include "buf.h"
#include "framing.h"
#include "group.h"
#include "mls_follower.h"

enum { ADA, BEN, CLEO, PEOPLE };

struct fixture {
    struct kit_person people[PEOPLE];
    struct mls_public_group *follower;
};

static int
setup(void **state)
{
    const struct mls_commit_options renew = {.force_path = true};
    struct fixture *f = test_calloc(1, sizeof(*f));

    kit_group(f->people, PEOPLE, 3);
    kit_commit_to_all(&f->people[CLEO], &renew, f->people, PEOPLE);
    f->follower = follower_of(&f->people[ADA]);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < PEOPLE; i++)
        kit_person_fini(&f->people[i]);
    mls_public_group_destroy(&f->follower);
    test_free(f);
    return 0;
}

/* Takes a commit that must be refused; the state stays equal byte for byte. */
static int
try_commit(struct fixture *f, struct mls_bytes message)
{
    struct mls_public_group *next = NULL;
    struct mls_buf before = {0}, after = {0};
    struct mls_received received = {0};

    assert_ok(mls_public_group_save(f->follower, &before));
    const int error = mls_public_group_take_commit(f->follower, message, &received, &next);
    assert_ok(mls_public_group_save(f->follower, &after));
    assert_int_equal(after.len, before.len);
    assert_memory_equal(after.data, before.data, before.len);
    if (error != 0)
        assert_null(next);
    mls_received_fini(&received);
    mls_public_group_destroy(&next);
    mls_buf_fini(&after);
    mls_buf_fini(&before);
    return error;
}

/* ---- Following ----------------------------------------------------------------------------- */

static void
a_follower_shows_what_members_show(void **state)
{
    struct fixture *f = *state;
    struct mls_member got, want;
    uint32_t cursor = 0, other = 0;

    follower_agrees(f->follower, &f->people[BEN]);
    assert_int_equal(mls_public_group_member_count(f->follower), PEOPLE);
    assert_int_equal(mls_public_group_suite(f->follower), 3);
    assert_int_equal(mls_public_group_id(f->follower).len, 5);
    while (mls_public_group_next_member(f->follower, &cursor, &got)) {
        assert_true(mls_group_next_member(f->people[ADA].group, &other, &want));
        assert_int_equal(got.leaf, want.leaf);
        assert_int_equal(got.credential.identity.len, want.credential.identity.len);
        assert_memory_equal(got.credential.signature_key.data, want.credential.signature_key.data,
                            MLS_ED25519_PUBLIC_BYTES);
    }
    assert_int_equal(mls_public_group_member(f->follower, PEOPLE, &got), MLS_ENOTFOUND);
}

static void
a_group_is_followed_from_its_first_epoch(void **state)
{
    (void)state;
    struct kit_person ada, ben;
    struct mls_buf package = {0}, commit = {0}, welcome = {0};

    kit_person_init(&ada, "ada", 1);
    kit_person_init(&ben, "ben", 1);
    kit_create(&ada);
    struct mls_public_group *follower = follower_of(&ada);
    kit_key_package(&ben, &package);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    const struct mls_commit_options options = {.proposals = &add, .proposal_count = 1};
    kit_commit(&ada, &options, &commit, &welcome);
    assert_ok(mls_group_merge_pending(ada.group));
    follower_take_commit(&follower, &commit);
    follower_agrees(follower, &ada);
    mls_public_group_destroy(&follower);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
    kit_person_fini(&ben);
    kit_person_fini(&ada);
}

/* Ben proposes to leave and Cleo to renew; Ada commits both by reference. */
static void
proposals_are_kept_until_a_commit_names_them(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal proposals[] = {{.type = MLS_PROPOSAL_REMOVE, .leaf = BEN},
                                             {.type = MLS_PROPOSAL_UPDATE}};
    const struct mls_commit_options options = {0};
    struct mls_buf messages[2] = {{0}}, commit = {0};

    for (size_t i = 0; i < 2; i++) {
        assert_ok(
            mls_group_propose(f->people[BEN + i].group, &proposals[i], mls_text(""), &messages[i]));
        kit_take_proposal(&f->people[ADA], &messages[i]);
        kit_take_proposal(&f->people[CLEO - i], &messages[i]);
    }
    kit_commit(&f->people[ADA], &options, &commit, NULL);
    assert_int_equal(try_commit(f, mls_buf_bytes(&commit)), MLS_EPROPOSAL); /* not known yet */
    for (size_t i = 0; i < 4; i++)                                          /* twice each */
        follower_take_proposal(f->follower, &messages[i % 2]);
    assert_int_equal(mls_public_group_proposal_count(f->follower), 2);
    mls_public_group_forget_proposals(f->follower, 2);
    mls_public_group_forget_proposals(f->follower, 1);
    assert_int_equal(mls_public_group_proposal_count(f->follower), 1);
    assert_int_equal(try_commit(f, mls_buf_bytes(&commit)),
                     MLS_EPROPOSAL); /* the second is not known */
    follower_take_proposal(f->follower, &messages[1]);
    follower_take_commit(&f->follower, &commit);
    assert_int_equal(mls_public_group_proposal_count(f->follower), 0);
    assert_ok(mls_group_merge_pending(f->people[ADA].group));
    follower_agrees(f->follower, &f->people[ADA]);
    for (size_t i = 0; i < 2; i++)
        mls_buf_fini(&messages[i]);
    mls_buf_fini(&commit);
}

static void
a_newcomer_joins_with_the_tree_of_the_follower(void **state)
{
    struct fixture *f = *state;
    struct mls_buf package = {0}, commit = {0}, welcome = {0}, tree = {0};
    struct kit_person emil;

    kit_person_init(&emil, "emil", 3);
    kit_key_package(&emil, &package);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    const struct mls_commit_options options = {
        .proposals = &add, .proposal_count = 1, .welcome_without_tree = true};
    kit_commit(&f->people[ADA], &options, &commit, &welcome);
    follower_take_commit(&f->follower, &commit);
    assert_ok(mls_public_group_ratchet_tree(f->follower, &tree));
    const struct mls_join_params params = {
        .welcome = mls_buf_bytes(&welcome),
        .key_package_private = mls_buf_bytes(&emil.bundle),
        .ratchet_tree = mls_buf_bytes(&tree),
    };
    const struct mls_client self = kit_client(&emil);
    assert_ok(mls_group_join(&emil.config, &self, &params, &emil.group));
    follower_agrees(f->follower, &emil);
    mls_buf_fini(&tree);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
    kit_person_fini(&emil);
}

/* ---- Refusals ------------------------------------------------------------------------------ */

/* Whether a place of the message lies in what nobody outside can check. */
static bool
is_tag(struct mls_bytes tag, const uint8_t *place)
{
    return place >= tag.data && place < tag.data + tag.len;
}

/* Every bit counts but those of the two tags, whose bytes alone are free: the lengths are not. */
static void
a_damaged_commit_is_refused_from_outside(void **state)
{
    struct fixture *f = *state;
    const struct mls_commit_options renew = {.force_path = true};
    struct mls_public_message message;
    struct mls_buf commit = {0};

    kit_commit(&f->people[ADA], &renew, &commit, NULL);
    assert_ok(mls_public_message_message_read(mls_buf_bytes(&commit), &message));
    for (size_t i = 0; i < commit.len; i++) {
        const uint8_t bit = (uint8_t)(1u << (i % 8));
        const bool unseen = is_tag(message.membership_tag, commit.data + i) ||
                            is_tag(message.auth.confirmation_tag, commit.data + i);

        commit.data[i] ^= bit;
        const int error = try_commit(f, mls_buf_bytes(&commit));
        commit.data[i] ^= bit;
        if (unseen != (error == 0))
            fail_msg("byte %zu: %s", i, mls_error_name(error));
        assert_true(try_commit(f, mls_bytes(commit.data, i)) != 0);
    }
    follower_take_commit(&f->follower, &commit);
    mls_buf_fini(&commit);
}

static void
messages_that_do_not_belong_here_are_refused(void **state)
{
    struct fixture *f = *state;
    const struct mls_commit_options renew = {.force_path = true};
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    struct mls_buf secret = {0}, commit = {0}, proposal = {0};
    struct mls_received received;

    assert_ok(mls_group_encrypt(f->people[ADA].group, mls_text("hi"), mls_text(""), 0, &secret));
    assert_int_equal(try_commit(f, mls_buf_bytes(&secret)), MLS_EUNSUPPORTED);
    assert_ok(mls_group_propose(f->people[BEN].group, &update, mls_text(""), &proposal));
    assert_int_equal(try_commit(f, mls_buf_bytes(&proposal)), MLS_EARG);
    kit_commit(&f->people[ADA], &renew, &commit, NULL);
    assert_int_equal(mls_public_group_take_proposal(f->follower, mls_buf_bytes(&commit), &received),
                     MLS_EARG);
    follower_take_commit(&f->follower, &commit);
    assert_int_equal(try_commit(f, mls_buf_bytes(&commit)), MLS_EEPOCH);
    mls_buf_fini(&proposal);
    mls_buf_fini(&commit);
    mls_buf_fini(&secret);
}

/* The application is asked about newcomers here, too. */
static void
a_newcomer_whom_the_application_refuses_is_refused(void **state)
{
    struct fixture *f = *state;
    struct mls_buf package = {0}, commit = {0};
    struct kit_person emil;

    kit_person_init(&emil, "emil", 3);
    kit_key_package(&emil, &package);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    const struct mls_commit_options options = {.proposals = &add, .proposal_count = 1};
    kit_commit(&f->people[BEN], &options, &commit, NULL);
    f->people[ADA].distrusts = "emil"; /* whose callbacks the follower has */
    assert_int_equal(try_commit(f, mls_buf_bytes(&commit)), MLS_ECREDENTIAL);
    f->people[ADA].distrusts = NULL;
    f->people[ADA].now = KIT_NOW + 86401;
    assert_int_equal(try_commit(f, mls_buf_bytes(&commit)), MLS_ELIFETIME);
    f->people[ADA].now = KIT_NOW;
    assert_ok(try_commit(f, mls_buf_bytes(&commit)));
    kit_person_fini(&emil);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
}

static void
a_damaged_group_info_does_not_open(void **state)
{
    struct fixture *f = *state;
    struct mls_public_group *opened = NULL;
    struct mls_buf info = {0};

    assert_ok(mls_group_export_info(f->people[BEN].group, true, &info));
    for (size_t i = 0; i < info.len; i++) {
        info.data[i] ^= (uint8_t)(1u << (i % 8));
        if (mls_public_group_open(&f->people[ADA].config, mls_buf_bytes(&info), mls_bytes_empty(),
                                  &opened) == 0)
            fail_msg("byte %zu was not missed", i);
        info.data[i] ^= (uint8_t)(1u << (i % 8));
    }
    assert_null(opened);
    mls_buf_fini(&info);
}

static void
a_group_info_of_another_moment_is_told_from_the_right_one(void **state)
{
    struct fixture *f = *state;
    const struct mls_commit_options renew = {.force_path = true};
    struct mls_buf right = {0}, later = {0};

    assert_ok(mls_group_export_info(f->people[BEN].group, false, &right));
    kit_commit_to_all(&f->people[BEN], &renew, f->people, PEOPLE);
    assert_ok(mls_group_export_info(f->people[BEN].group, false, &later));
    assert_ok(mls_public_group_check_info(f->follower, mls_buf_bytes(&right), NULL));
    assert_int_equal(mls_public_group_check_info(f->follower, mls_buf_bytes(&later), NULL),
                     MLS_EEPOCH);
    for (size_t i = 0; i < right.len; i++) {
        right.data[i] ^= (uint8_t)(1u << (i % 8));
        assert_true(mls_public_group_check_info(f->follower, mls_buf_bytes(&right), NULL) != 0);
        right.data[i] ^= (uint8_t)(1u << (i % 8));
    }
    mls_buf_fini(&later);
    mls_buf_fini(&right);
}

/* Ben's GroupInfo with this as the data of its external_pub, signed by him. */
static void
sign_info(const struct kit_person *ben, struct mls_bytes data, struct mls_buf *out)
{
    const struct mls_crypto *c = &ben->group->c;
    struct mls_buf right = {0};
    struct mls_group_info info;
    struct mls_extension extension;
    struct mls_writer list, w;

    assert_ok(mls_group_export_info(ben->group, true, &right));
    assert_ok(mls_group_info_message_read(mls_buf_bytes(&right), &info));
    mls_writer_init(&list, c->p, 0);
    for (size_t offset = 0; mls_extensions_next(info.extensions, &offset, &extension);)
        mls_extension_write(&list, extension.type,
                            extension.type == MLS_EXTENSION_EXTERNAL_PUB ? data : extension.data);
    info.extensions = mls_writer_bytes(&list);
    mls_writer_init(&w, c->p, 0);
    mls_message_header_write(&w, MLS_WIRE_GROUP_INFO);
    mls_group_info_write_signed(&w, c, ben->group->seed, &info);
    assert_ok(mls_buf_take(out, &w));
    mls_writer_fini(&w);
    mls_writer_fini(&list);
    mls_buf_fini(&right);
}

/* What a newcomer says who would join with it. */
static int
try_to_join(struct mls_bytes info)
{
    struct kit_person dora;
    struct mls_buf commit = {0};

    kit_person_init(&dora, "dora", 3);
    const struct mls_client self = kit_client(&dora);
    const struct mls_external_join_params params = {.group_info = info};
    const int error =
        mls_group_join_external(&dora.config, &self, &params, &dora.group, &commit, NULL);
    mls_buf_fini(&commit);
    kit_person_fini(&dora);
    return error;
}

static void
a_group_info_with_which_nobody_can_join_is_told_from_outside(void **state)
{
    struct fixture *f = *state;
    static const uint8_t none[] = {0}, low_order[33] = {32}, rest[34] = {32, 9};
    static const struct mls_bytes keys[] = {
        {NULL, 0}, {none, 1}, {low_order, 32}, {low_order, 33}, {rest, 34}};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct mls_buf info = {0};

        sign_info(&f->people[BEN], keys[i], &info);
        const int error = try_to_join(mls_buf_bytes(&info));
        assert_true(error == MLS_EDECODE || error == MLS_ECRYPTO);
        kit_expect(mls_public_group_check_info(f->follower, mls_buf_bytes(&info), NULL), error,
                   "external_pub");
        mls_buf_fini(&info);
    }
}

/* ---- Keeping it ---------------------------------------------------------------------------- */

static void
a_damaged_state_does_not_load(void **state)
{
    struct fixture *f = *state;
    const struct mls_config *config = &f->people[ADA].config;
    struct mls_public_group *loaded = NULL;
    struct mls_buf saved = {0};

    assert_ok(mls_public_group_save(f->follower, &saved));
    for (size_t i = 0; i < saved.len; i++) {
        saved.data[i] ^= 1;
        assert_int_equal(mls_public_group_load(config, mls_buf_bytes(&saved), &loaded),
                         MLS_EDECODE);
        saved.data[i] ^= 1;
        assert_true(mls_public_group_load(config, mls_bytes(saved.data, i), &loaded) != 0);
    }
    assert_null(loaded);
    assert_true(mls_public_group_memory(f->follower) > saved.len);
    assert_true(mls_public_group_memory(f->follower) < saved.len + 16384);
    mls_buf_fini(&saved);
}

/* No secret of a member stands in what a follower stores. */
static void
a_stored_follower_holds_no_secret(void **state)
{
    struct fixture *f = *state;
    uint8_t secret[MLS_HASH_BYTES];
    struct mls_buf saved = {0};

    assert_ok(mls_public_group_save(f->follower, &saved));
    mls_group_epoch_authenticator(f->people[ADA].group, secret);
    assert_null(memmem(saved.data, saved.len, secret, sizeof secret));
    for (size_t i = 0; i < PEOPLE; i++)
        assert_null(memmem(saved.data, saved.len, f->people[i].seed, sizeof f->people[i].seed));
    mls_buf_fini(&saved);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(a_follower_shows_what_members_show, setup, teardown),
    cmocka_unit_test(a_group_is_followed_from_its_first_epoch),
    cmocka_unit_test_setup_teardown(proposals_are_kept_until_a_commit_names_them, setup, teardown),
    cmocka_unit_test_setup_teardown(a_newcomer_joins_with_the_tree_of_the_follower, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(a_damaged_commit_is_refused_from_outside, setup, teardown),
    cmocka_unit_test_setup_teardown(messages_that_do_not_belong_here_are_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(a_newcomer_whom_the_application_refuses_is_refused, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(a_damaged_group_info_does_not_open, setup, teardown),
    cmocka_unit_test_setup_teardown(a_group_info_of_another_moment_is_told_from_the_right_one,
                                    setup, teardown),
    cmocka_unit_test_setup_teardown(a_group_info_with_which_nobody_can_join_is_told_from_outside,
                                    setup, teardown),
    cmocka_unit_test_setup_teardown(a_damaged_state_does_not_load, setup, teardown),
    cmocka_unit_test_setup_teardown(a_stored_follower_holds_no_secret, setup, teardown),
};

SOTTO_TEST_MAIN(tests)
