/* SPDX-License-Identifier: MIT */
/*
 * What a group does not accept, and that refusing leaves no trace: after every refused message the
 * saved state is equal byte for byte, and the right message is accepted afterwards.
 */
#include "sotto_test.h"

#include <string.h>

#include "group.h"
#include "mls_kit.h"

enum { ADA, BEN, CLEO, PEOPLE };

struct fixture {
    uint16_t suite;
    struct kit_person people[PEOPLE];
};

static int
setup(void **state, uint16_t suite)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    f->suite = suite;
    kit_group(f->people, PEOPLE, suite);
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
    test_free(f);
    return 0;
}

/* Processing must fail, with this error unless it is 0, and change nothing. */
static void
refuse(struct kit_person *person, struct mls_bytes message, int want, const char *what)
{
    struct mls_buf before = {0};
    struct mls_received received;

    kit_state(person, &before);
    int got = mls_group_process(person->group, message, &received);
    if (got == 0)
        fail_msg("%s: accepted", what);
    if (want != 0)
        kit_expect(got, want, what);
    if (!kit_state_is(person, &before))
        fail_msg("%s: the state changed", what);
    mls_buf_fini(&before);
}

/* Each byte with one bit flipped, and each shorter length, must be refused. */
static void
refuse_every_damage(struct kit_person *person, struct mls_buf *message)
{
    char what[64];

    for (size_t i = 0; i < message->len; i++) {
        uint8_t bit = (uint8_t)(1u << (i % 8));

        snprintf(what, sizeof(what), "bit %zu of byte %zu", i % 8, i);
        message->data[i] ^= bit;
        refuse(person, mls_buf_bytes(message), 0, what);
        message->data[i] ^= bit;
        snprintf(what, sizeof(what), "cut to %zu bytes", i);
        refuse(person, (struct mls_bytes){message->data, i}, 0, what);
    }
}

/* ---- Damage ------------------------------------------------------------------------------ */

static void
a_damaged_commit_is_refused_everywhere(void **state)
{
    struct fixture *f = *state;
    struct kit_person emil;
    struct mls_buf package = {0}, commit = {0};

    kit_person_init(&emil, "emil", f->suite);
    kit_key_package(&emil, &package);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    const struct mls_commit_options options = {
        .proposals = &add, .proposal_count = 1, .force_path = true};
    kit_commit(&f->people[ADA], &options, &commit, NULL);

    refuse_every_damage(&f->people[CLEO], &commit);
    kit_take_commit(&f->people[CLEO], &commit);
    kit_person_fini(&emil);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
}

static void
a_damaged_proposal_is_refused_everywhere(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    struct mls_buf message = {0};

    kit_expect(mls_group_propose(f->people[ADA].group, &update, kit_text("why"), &message), 0,
               "propose");
    refuse_every_damage(&f->people[CLEO], &message);
    kit_take_proposal(&f->people[CLEO], &message);
    mls_buf_fini(&message);
}

static void
a_damaged_application_message_is_refused_everywhere(void **state)
{
    struct fixture *f = *state;
    struct mls_buf message = {0};
    struct mls_received received;

    kit_expect(
        mls_group_encrypt(f->people[ADA].group, kit_text("hello"), kit_text("aad"), 64, &message),
        0, "encrypt");
    refuse_every_damage(&f->people[CLEO], &message);
    kit_expect(mls_group_process(f->people[CLEO].group, mls_buf_bytes(&message), &received), 0,
               "undamaged");
    mls_received_fini(&received);
    mls_buf_fini(&message);
}

static void
a_damaged_welcome_is_refused_everywhere(void **state)
{
    struct fixture *f = *state;
    struct kit_person emil;
    struct mls_buf package = {0}, welcome = {0};
    struct mls_group *group = NULL;

    kit_person_init(&emil, "emil", f->suite);
    kit_key_package(&emil, &package);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    const struct mls_commit_options options = {.proposals = &add, .proposal_count = 1};
    kit_commit(&f->people[ADA], &options, NULL, &welcome);
    const struct mls_join_params params = {
        .welcome = mls_buf_bytes(&welcome),
        .key_package_private = mls_buf_bytes(&emil.bundle),
        .signature_seed = emil.seed,
    };
    for (size_t i = 0; i < welcome.len; i++) {
        welcome.data[i] ^= 0x10;
        if (mls_group_join(&emil.config, &params, &group) == 0)
            fail_msg("joined with byte %zu changed", i);
        assert_null(group);
        welcome.data[i] ^= 0x10;
    }
    kit_join(&emil, &welcome);
    kit_person_fini(&emil);
    mls_buf_fini(&welcome);
    mls_buf_fini(&package);
}

static void
a_damaged_key_package_is_refused_everywhere(void **state)
{
    struct fixture *f = *state;
    struct mls_buf package = {0};
    struct mls_key_package_info info;

    kit_key_package(&f->people[ADA], &package);
    for (size_t i = 0; i < package.len; i++) {
        package.data[i] ^= 0x01;
        if (mls_key_package_info(mls_provider_default(), mls_buf_bytes(&package), &info) == 0)
            fail_msg("accepted with byte %zu changed", i);
        package.data[i] ^= 0x01;
    }
    kit_expect(mls_key_package_info(mls_provider_default(), mls_buf_bytes(&package), &info), 0,
               "undamaged");
    mls_buf_fini(&package);
}

static void
a_damaged_state_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct mls_buf saved = {0};
    struct mls_group *group = NULL;

    kit_state(&f->people[BEN], &saved);
    for (size_t i = 0; i < saved.len; i += 7) {
        saved.data[i] ^= 0x80;
        kit_expect(mls_group_load(&f->people[BEN].config, mls_buf_bytes(&saved), &group),
                   MLS_EDECODE, "changed byte");
        saved.data[i] ^= 0x80;
        kit_expect(
            mls_group_load(&f->people[BEN].config, (struct mls_bytes){saved.data, i}, &group),
            MLS_EDECODE, "cut");
    }
    mls_buf_fini(&saved);
}

/* ---- Wrong place, wrong time --------------------------------------------------------------- */

static void
messages_of_other_epochs_and_groups_are_refused(void **state)
{
    struct fixture *f = *state;
    struct kit_person zoe;
    struct mls_buf old = {0}, future = {0}, commit = {0}, other = {0};
    const struct mls_commit_options nothing = {0};

    kit_expect(mls_group_encrypt(f->people[ADA].group, kit_text("old"), kit_text(""), 0, &old), 0,
               "encrypt");
    kit_commit(&f->people[ADA], &nothing, &commit, NULL);
    kit_expect(mls_group_merge_pending(f->people[ADA].group), 0, "merge");
    kit_expect(mls_group_encrypt(f->people[ADA].group, kit_text("new"), kit_text(""), 0, &future),
               0, "encrypt");
    refuse(&f->people[BEN], mls_buf_bytes(&future), MLS_EEPOCH, "a message of the next epoch");
    kit_take_commit(&f->people[BEN], &commit);
    refuse(&f->people[BEN], mls_buf_bytes(&old), MLS_EEPOCH, "a message of the last epoch");
    refuse(&f->people[BEN], mls_buf_bytes(&commit), MLS_EEPOCH, "a commit twice");

    kit_person_init(&zoe, "zoe", f->suite);
    const struct mls_group_params params = {
        .suite = f->suite,
        .group_id = kit_text("another group"),
        .signature_seed = zoe.seed,
        .identity = kit_text("zoe"),
    };
    kit_expect(mls_group_create(&zoe.config, &params, &zoe.group), 0, "create");
    kit_commit(&zoe, &nothing, &other, NULL);
    refuse(&f->people[BEN], mls_buf_bytes(&other), MLS_EGROUP, "another group");
    kit_person_fini(&zoe);
    mls_buf_fini(&other);
    mls_buf_fini(&commit);
    mls_buf_fini(&future);
    mls_buf_fini(&old);
}

static void
nothing_is_processed_while_a_commit_is_staged(void **state)
{
    struct fixture *f = *state;
    const struct mls_commit_options nothing = {0};
    struct mls_buf commit = {0}, message = {0};
    struct mls_received received;
    struct kit_person *ben = &f->people[BEN];

    kit_expect(mls_group_encrypt(f->people[ADA].group, kit_text("x"), kit_text(""), 0, &message), 0,
               "encrypt");
    kit_commit(&f->people[ADA], &nothing, &commit, NULL);
    kit_expect(mls_group_process(ben->group, mls_buf_bytes(&commit), &received), 0, "stage");
    mls_received_fini(&received);
    refuse(ben, mls_buf_bytes(&message), MLS_ESTAGED, "a message");
    refuse(ben, mls_buf_bytes(&commit), MLS_ESTAGED, "the commit again");
    mls_group_drop_staged(ben->group);
    kit_expect(mls_group_process(ben->group, mls_buf_bytes(&message), &received), 0, "message");
    mls_received_fini(&received);
    kit_take_commit(ben, &commit);
    kit_expect(mls_group_merge_staged(ben->group), MLS_ESTAGED, "nothing is staged");
    mls_buf_fini(&message);
    mls_buf_fini(&commit);
}

/* ---- What the application refuses ----------------------------------------------------------- */

static void
an_untrusted_or_expired_newcomer_is_refused(void **state)
{
    struct fixture *f = *state;
    struct kit_person mallory;
    struct mls_buf package = {0}, commit = {0}, welcome = {0};
    struct kit_person *ada = &f->people[ADA], *ben = &f->people[BEN];

    kit_person_init(&mallory, "mallory", f->suite);
    kit_key_package(&mallory, &package);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    const struct mls_commit_options options = {.proposals = &add, .proposal_count = 1};

    ada->distrusts = "mallory";
    kit_expect(mls_group_commit(ada->group, &options, &commit, &welcome, NULL), MLS_ECREDENTIAL,
               "adding whom we distrust");
    ada->distrusts = NULL;
    ada->now = KIT_NOW + 86401;
    kit_expect(mls_group_commit(ada->group, &options, &commit, &welcome, NULL), MLS_ELIFETIME,
               "adding with an expired key package");
    ada->now = KIT_NOW;
    kit_commit(ada, &options, &commit, &welcome);
    ben->distrusts = "mallory";
    refuse(ben, mls_buf_bytes(&commit), MLS_ECREDENTIAL, "a newcomer we distrust");
    ben->distrusts = NULL;
    ben->now = KIT_NOW - 3601;
    refuse(ben, mls_buf_bytes(&commit), MLS_ELIFETIME, "a key package from the future");
    ben->now = KIT_NOW;
    kit_take_commit(ben, &commit);

    struct mls_group *group = NULL;
    const struct mls_join_params params = {
        .welcome = mls_buf_bytes(&welcome),
        .key_package_private = mls_buf_bytes(&mallory.bundle),
        .signature_seed = mallory.seed,
    };
    mallory.distrusts = "cleo";
    kit_expect(mls_group_join(&mallory.config, &params, &group), MLS_ECREDENTIAL,
               "joining whom we distrust");
    kit_person_fini(&mallory);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
}

static void
a_welcome_for_another_key_package_is_refused(void **state)
{
    struct fixture *f = *state;
    struct kit_person emil;
    struct mls_buf package = {0}, welcome = {0};
    struct mls_group *group = NULL;

    kit_person_init(&emil, "emil", f->suite);
    kit_key_package(&emil, &package);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    const struct mls_commit_options options = {.proposals = &add, .proposal_count = 1};
    kit_commit(&f->people[ADA], &options, NULL, &welcome);
    kit_key_package(&emil, &package); /* a new one replaces the bundle */
    const struct mls_join_params params = {
        .welcome = mls_buf_bytes(&welcome),
        .key_package_private = mls_buf_bytes(&emil.bundle),
        .signature_seed = emil.seed,
    };
    kit_expect(mls_group_join(&emil.config, &params, &group), MLS_ENOTFOUND, "join");
    kit_person_fini(&emil);
    mls_buf_fini(&welcome);
    mls_buf_fini(&package);
}

/* ---- A member who breaks the rules ---------------------------------------------------------- */

/* A commit with any list of proposals, signed and tagged by a real member. Its confirmation tag is
 * wrong, which is looked at last. */
static void
forge(struct kit_person *by, struct mls_bytes list, struct mls_buf *commit_out)
{
    struct mls_group *group = by->group;
    struct mls_buf context = {0};
    struct mls_writer body, w;
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    static const uint8_t tag[MLS_HASH_BYTES] = {0};

    mls_writer_init(&body, group->c.p, 0);
    mls_writer_init(&w, group->c.p, 0);
    mls_write_opaque(&body, list);
    mls_write_optional(&body, false);
    struct mls_authenticated message = {
        .wire_format = MLS_WIRE_PUBLIC_MESSAGE,
        .content =
            {
                .group_id = mls_buf_bytes(&group->id),
                .epoch = group->epoch->number,
                .sender = {MLS_SENDER_MEMBER, group->epoch->own_leaf},
                .type = MLS_CONTENT_COMMIT,
                .body = mls_writer_bytes(&body),
            },
        .auth = {mls_bytes(signature, sizeof(signature)), mls_bytes(tag, sizeof(tag))},
    };
    assert_int_equal(mls_epoch_context(group->epoch, mls_buf_bytes(&group->id), &context), 0);
    assert_int_equal(mls_content_sign(&group->c, MLS_WIRE_PUBLIC_MESSAGE, &message.content,
                                      mls_buf_bytes(&context), group->seed, signature),
                     0);
    struct mls_frame_keys keys = mls_epoch_frame_keys(group->epoch, &context);
    assert_int_equal(mls_public_seal(&keys, &message, &w), 0);
    assert_int_equal(mls_buf_take(commit_out, &w), 0);
    mls_buf_fini(&context);
    mls_writer_fini(&w);
    mls_writer_fini(&body);
}

static void
put_value(struct mls_writer *w, const struct mls_proposal_body *body)
{
    mls_write_u8(w, MLS_BY_VALUE);
    mls_proposal_write(w, body);
}

/* Ada commits what the writer holds; Cleo must refuse. Ends the writer. */
static void
refuse_list(struct fixture *f, struct mls_writer *w, int want, const char *what)
{
    struct mls_buf commit = {0};

    assert_int_equal(mls_writer_error(w), 0);
    forge(&f->people[ADA], mls_writer_bytes(w), &commit);
    refuse(&f->people[CLEO], mls_buf_bytes(&commit), want, what);
    mls_buf_fini(&commit);
    mls_writer_fini(w);
    mls_writer_init(w, mls_provider_default(), 0);
}

static void
commits_against_the_rules_are_refused(void **state)
{
    struct fixture *f = *state;
    static const uint8_t nonce[MLS_HASH_BYTES] = {7}, ref[MLS_REF_BYTES] = {9};
    const struct mls_proposal_body remove_ada = {.type = MLS_PROPOSAL_REMOVE, .u.removed = ADA};
    const struct mls_proposal_body remove_ben = {.type = MLS_PROPOSAL_REMOVE, .u.removed = BEN};
    const struct mls_proposal_body remove_none = {.type = MLS_PROPOSAL_REMOVE, .u.removed = 3};
    const struct mls_proposal_body remove_far = {.type = MLS_PROPOSAL_REMOVE,
                                                 .u.removed = UINT32_MAX};
    const struct mls_proposal_body context = {.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS};
    const struct mls_proposal_body init = {.type = MLS_PROPOSAL_EXTERNAL_INIT,
                                           .u.kem_output = mls_bytes(nonce, 32)};
    const struct mls_proposal_body reinit = {
        .type = MLS_PROPOSAL_REINIT,
        .u.reinit = {mls_bytes("g", 1), MLS_VERSION_10, 3, {0}},
    };
    const struct mls_proposal_body older = {
        .type = MLS_PROPOSAL_REINIT,
        .u.reinit = {mls_bytes("g", 1), MLS_VERSION_10 - 1, 3, {0}},
    };
    const struct mls_proposal_body nameless = {
        .type = MLS_PROPOSAL_REINIT,
        .u.reinit = {{0}, MLS_VERSION_10, 3, {0}},
    };
    const struct mls_proposal_body branch = {
        .type = MLS_PROPOSAL_PSK,
        .u.psk = {.type = MLS_PSK_RESUMPTION,
                  .usage = MLS_PSK_USAGE_BRANCH,
                  .group_id = mls_bytes("group", 5),
                  .nonce = mls_bytes(nonce, sizeof(nonce))},
    };
    const struct mls_proposal_body short_nonce = {
        .type = MLS_PROPOSAL_PSK,
        .u.psk = {.type = MLS_PSK_EXTERNAL,
                  .psk_id = mls_bytes("id", 2),
                  .nonce = mls_bytes(nonce, 16)},
    };
    struct mls_writer w;

    mls_writer_init(&w, mls_provider_default(), 0);
    refuse_list(f, &w, MLS_EPATH, "nothing, without a path");
    put_value(&w, &remove_ben);
    refuse_list(f, &w, MLS_EPATH, "a Remove without a path");
    put_value(&w, &context);
    refuse_list(f, &w, MLS_EPATH, "extensions without a path");
    put_value(&w, &remove_ada);
    refuse_list(f, &w, MLS_EPROPOSAL, "removing the committer");
    put_value(&w, &remove_none);
    refuse_list(f, &w, MLS_EPROPOSAL, "removing nobody");
    put_value(&w, &remove_far);
    refuse_list(f, &w, MLS_EPROPOSAL, "removing a leaf beyond the tree");
    put_value(&w, &remove_ben);
    put_value(&w, &remove_ben);
    refuse_list(f, &w, MLS_EPROPOSAL, "removing twice");
    put_value(&w, &context);
    put_value(&w, &context);
    refuse_list(f, &w, MLS_EPROPOSAL, "two lists of extensions");
    put_value(&w, &init);
    refuse_list(f, &w, MLS_EPROPOSAL, "external init by a member");
    put_value(&w, &reinit);
    put_value(&w, &short_nonce);
    refuse_list(f, &w, MLS_EPROPOSAL, "a ReInit that does not stand alone");
    put_value(&w, &reinit);
    put_value(&w, &reinit);
    refuse_list(f, &w, MLS_EPROPOSAL, "two ReInits");
    put_value(&w, &older);
    refuse_list(f, &w, MLS_EPROPOSAL, "a ReInit to an older version");
    put_value(&w, &nameless);
    refuse_list(f, &w, MLS_EPROPOSAL, "a ReInit without a group id");
    put_value(&w, &branch);
    refuse_list(f, &w, MLS_EPROPOSAL, "a branch PSK");
    put_value(&w, &short_nonce);
    refuse_list(f, &w, MLS_EPROPOSAL, "a short nonce");
    mls_write_u8(&w, MLS_BY_REFERENCE);
    mls_write_opaque(&w, mls_bytes(ref, sizeof(ref)));
    refuse_list(f, &w, MLS_EPROPOSAL, "an unknown reference");
    mls_writer_fini(&w);
}

/* A key package of somebody who is in the group already, or two of the same newcomer. */
static void
nobody_stands_in_two_places(void **state)
{
    struct fixture *f = *state;
    struct kit_person emil;
    struct mls_buf packages[2] = {{0}}, commit = {0}, welcome = {0};
    struct mls_proposal add[2] = {{.type = MLS_PROPOSAL_ADD}, {.type = MLS_PROPOSAL_ADD}};
    struct mls_commit_options options = {.proposals = add, .proposal_count = 1};
    struct kit_person ben_again = f->people[BEN];
    struct mls_proposal_body body;
    struct mls_writer w;

    ben_again.group = NULL;
    mls_buf_init(&ben_again.bundle);
    kit_key_package(&ben_again, &packages[0]);
    add[0].key_package = mls_buf_bytes(&packages[0]);
    kit_expect(mls_group_commit(f->people[ADA].group, &options, &commit, &welcome, NULL), MLS_ETREE,
               "adding a member again");
    mls_writer_init(&w, mls_provider_default(), 0);
    body = (struct mls_proposal_body){.type = MLS_PROPOSAL_ADD};
    assert_int_equal(mls_key_package_message_read(mls_buf_bytes(&packages[0]), &body.u.add), 0);
    put_value(&w, &body);
    refuse_list(f, &w, MLS_ETREE, "a member added again");
    mls_writer_fini(&w);

    kit_person_init(&emil, "emil", f->suite);
    kit_key_package(&emil, &packages[0]);
    kit_key_package(&emil, &packages[1]);
    add[0].key_package = mls_buf_bytes(&packages[0]);
    add[1].key_package = mls_buf_bytes(&packages[1]);
    options.proposal_count = 2;
    kit_expect(mls_group_commit(f->people[ADA].group, &options, &commit, &welcome, NULL), MLS_ETREE,
               "adding somebody twice");
    mls_buf_fini(&ben_again.bundle);
    kit_person_fini(&emil);
    mls_buf_fini(&packages[1]);
    mls_buf_fini(&packages[0]);
}

static void
a_forged_sender_is_refused(void **state)
{
    struct fixture *f = *state;
    struct kit_person *ada = &f->people[ADA];
    struct mls_buf commit = {0};
    uint32_t own = ada->group->epoch->own_leaf;

    /* Ada claims to be Ben: the membership tag is right, the signature is not. */
    ada->group->epoch->own_leaf = BEN;
    forge(ada, (struct mls_bytes){0}, &commit);
    ada->group->epoch->own_leaf = own;
    refuse(&f->people[CLEO], mls_buf_bytes(&commit), MLS_ESIGNATURE, "somebody else's leaf");

    ada->group->epoch->own_leaf = 3;
    forge(ada, (struct mls_bytes){0}, &commit);
    ada->group->epoch->own_leaf = own;
    refuse(&f->people[CLEO], mls_buf_bytes(&commit), MLS_ENOTFOUND, "a blank leaf");

    /* An outsider has the signature key of Ada and not the membership key. */
    ada->group->epoch->secrets.membership_key[0] ^= 1;
    forge(ada, (struct mls_bytes){0}, &commit);
    ada->group->epoch->secrets.membership_key[0] ^= 1;
    refuse(&f->people[CLEO], mls_buf_bytes(&commit), MLS_EMAC, "without membership");
    mls_buf_fini(&commit);
}

#define IN_BOTH_SUITES(test)                                    \
    {#test " (suite 1)", test, setup_suite_1, teardown, NULL},  \
    {                                                           \
#test " (suite 3)", test, setup_suite_3, teardown, NULL \
    }

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_SUITES(a_damaged_commit_is_refused_everywhere),
        IN_BOTH_SUITES(a_damaged_proposal_is_refused_everywhere),
        IN_BOTH_SUITES(a_damaged_application_message_is_refused_everywhere),
        IN_BOTH_SUITES(a_damaged_welcome_is_refused_everywhere),
        IN_BOTH_SUITES(a_damaged_key_package_is_refused_everywhere),
        IN_BOTH_SUITES(a_damaged_state_is_noticed),
        IN_BOTH_SUITES(messages_of_other_epochs_and_groups_are_refused),
        IN_BOTH_SUITES(nothing_is_processed_while_a_commit_is_staged),
        IN_BOTH_SUITES(an_untrusted_or_expired_newcomer_is_refused),
        IN_BOTH_SUITES(a_welcome_for_another_key_package_is_refused),
        IN_BOTH_SUITES(commits_against_the_rules_are_refused),
        IN_BOTH_SUITES(nobody_stands_in_two_places),
        IN_BOTH_SUITES(a_forged_sender_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
