/* SPDX-License-Identifier: MIT */
/*
 * What a group does not accept, and that refusing leaves no trace: after every refused message the
 * saved state is equal byte for byte, and the right message is accepted afterwards.
 */
#include "sotto_test.h"

#include "mls_forge.h"

enum { ADA, BEN, CLEO };

/* ---- Wrong place, wrong time --------------------------------------------------------------- */

static void
messages_of_other_epochs_and_groups_are_refused(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person zoe;
    struct mls_buf old = {0}, future = {0}, commit = {0}, other = {0};
    const struct mls_commit_options nothing = {0};

    kit_expect(mls_group_encrypt(f->people[ADA].group, mls_text("old"), mls_text(""), 0, &old), 0,
               "encrypt");
    kit_commit(&f->people[ADA], &nothing, &commit, NULL);
    kit_expect(mls_group_merge_pending(f->people[ADA].group), 0, "merge");
    kit_expect(mls_group_encrypt(f->people[ADA].group, mls_text("new"), mls_text(""), 0, &future),
               0, "encrypt");
    kit_refuse(&f->people[BEN], mls_buf_bytes(&future), MLS_EEPOCH, "a message of the next epoch");
    kit_take_commit(&f->people[BEN], &commit);
    kit_refuse(&f->people[BEN], mls_buf_bytes(&old), MLS_EEPOCH, "a message of the last epoch");
    kit_refuse(&f->people[BEN], mls_buf_bytes(&commit), MLS_EEPOCH, "a commit twice");

    kit_person_init(&zoe, "zoe", f->suite);
    const struct mls_client self = kit_client(&zoe);
    const struct mls_group_params params = {
        .suite = f->suite,
        .group_id = mls_text("another group"),
    };
    kit_expect(mls_group_create(&zoe.config, &self, &params, &zoe.group), 0, "create");
    kit_commit(&zoe, &nothing, &other, NULL);
    kit_refuse(&f->people[BEN], mls_buf_bytes(&other), MLS_EGROUP, "another group");
    kit_person_fini(&zoe);
    mls_buf_fini(&other);
    mls_buf_fini(&commit);
    mls_buf_fini(&future);
    mls_buf_fini(&old);
}

static void
nothing_is_processed_while_a_commit_is_staged(void **state)
{
    struct kit_trio *f = *state;
    const struct mls_commit_options nothing = {0};
    struct mls_buf commit = {0}, message = {0};
    struct mls_received received;
    struct kit_person *ben = &f->people[BEN];

    kit_expect(mls_group_encrypt(f->people[ADA].group, mls_text("x"), mls_text(""), 0, &message), 0,
               "encrypt");
    kit_commit(&f->people[ADA], &nothing, &commit, NULL);
    kit_expect(mls_group_process(ben->group, mls_buf_bytes(&commit), &received), 0, "stage");
    mls_received_fini(&received);
    kit_refuse(ben, mls_buf_bytes(&message), MLS_ESTAGED, "a message");
    kit_refuse(ben, mls_buf_bytes(&commit), MLS_ESTAGED, "the commit again");
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
    struct kit_trio *f = *state;
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
    kit_refuse(ben, mls_buf_bytes(&commit), MLS_ECREDENTIAL, "a newcomer we distrust");
    ben->distrusts = NULL;
    ben->now = KIT_NOW - 3601;
    kit_refuse(ben, mls_buf_bytes(&commit), MLS_ELIFETIME, "a key package from the future");
    ben->now = KIT_NOW;
    kit_take_commit(ben, &commit);

    struct mls_group *group = NULL;
    const struct mls_join_params params = {
        .welcome = mls_buf_bytes(&welcome),
        .key_package_private = mls_buf_bytes(&mallory.bundle),
    };
    const struct mls_client self = kit_client(&mallory);
    mallory.distrusts = "cleo";
    kit_expect(mls_group_join(&mallory.config, &self, &params, &group), MLS_ECREDENTIAL,
               "joining whom we distrust");
    kit_person_fini(&mallory);
    mls_buf_fini(&welcome);
    mls_buf_fini(&commit);
    mls_buf_fini(&package);
}

static void
a_welcome_for_another_key_package_is_refused(void **state)
{
    struct kit_trio *f = *state;
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
    };
    const struct mls_client self = kit_client(&emil);
    kit_expect(mls_group_join(&emil.config, &self, &params, &group), MLS_ENOTFOUND, "join");
    kit_person_fini(&emil);
    mls_buf_fini(&welcome);
    mls_buf_fini(&package);
}

/* How many of the Welcome's secrets the person's key opens, and the place of one that it does. */
static size_t
count_opened(const struct kit_person *person, const struct mls_welcome *welcome, size_t *place_out)
{
    uint8_t plain[MLS_HASH_BYTES * 4];
    struct mls_key_package_secrets bundle;
    struct mls_crypto c;
    struct mls_reader r;
    size_t opened = 0;

    assert_ok(mls_crypto_init(&c, mls_provider_default(), person->suite));
    assert_ok(mls_key_package_secrets_read(mls_buf_bytes(&person->bundle), &bundle));
    mls_reader_init(&r, welcome->secrets);
    for (size_t place = 0; place < welcome->secret_count; place++) {
        struct mls_encrypted_secrets entry;

        mls_encrypted_secrets_read(&r, &entry);
        assert_true(entry.secrets.ciphertext.len <= sizeof(plain));
        if (mls_decrypt_with_label(&c, bundle.init_secret, MLS_LABEL_WELCOME,
                                   welcome->encrypted_group_info, entry.secrets.kem_output,
                                   entry.secrets.ciphertext, plain) != MLS_OK)
            continue;
        opened++;
        *place_out = place;
    }
    assert_ok(mls_reader_finish(&r));
    return opened;
}

static void
a_welcome_for_five_holds_five_secrets_and_each_opens_only_its_own(void **state)
{
    enum { NEWCOMERS = 5 };
    struct kit_trio *f = *state;
    struct kit_person newcomers[NEWCOMERS];
    struct mls_buf packages[NEWCOMERS] = {{0}}, message = {0};
    struct mls_proposal adds[NEWCOMERS];
    struct mls_welcome welcome;
    unsigned places = 0;

    for (size_t i = 0; i < NEWCOMERS; i++) {
        kit_person_init(&newcomers[i], "newcomer", f->suite);
        kit_key_package(&newcomers[i], &packages[i]);
        adds[i] = (struct mls_proposal){.type = MLS_PROPOSAL_ADD,
                                        .key_package = mls_buf_bytes(&packages[i])};
    }
    const struct mls_commit_options options = {.proposals = adds, .proposal_count = NEWCOMERS};
    kit_commit(&f->people[ADA], &options, NULL, &message);
    assert_ok(mls_welcome_message_read(mls_buf_bytes(&message), &welcome));

    assert_int_equal(welcome.secret_count, NEWCOMERS);
    for (size_t i = 0; i < NEWCOMERS; i++) {
        size_t place = 0;

        assert_int_equal(count_opened(&newcomers[i], &welcome, &place), 1);
        places |= 1u << place;
        kit_join(&newcomers[i], &message);
    }
    assert_int_equal(places, (1u << NEWCOMERS) - 1);
    kit_agree(newcomers, NEWCOMERS);
    for (size_t i = 0; i < NEWCOMERS; i++) {
        kit_person_fini(&newcomers[i]);
        mls_buf_fini(&packages[i]);
    }
    mls_buf_fini(&message);
}

/* ---- A member who breaks the rules ---------------------------------------------------------- */

/* A commit of the list without a path. */
static void
forge(struct kit_person *by, struct mls_bytes list, struct mls_buf *commit_out)
{
    struct mls_writer body;

    mls_writer_init(&body, by->group->c.p, 0);
    mls_write_opaque(&body, list);
    mls_write_optional(&body, false);
    assert_ok(mls_writer_error(&body));
    forge_commit(by, mls_writer_bytes(&body), commit_out);
    mls_writer_fini(&body);
}

/* A key package of somebody who is in the group already, or two of the same newcomer. */
static void
nobody_stands_in_two_places(void **state)
{
    struct kit_trio *f = *state;
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
    forge_value(&w, &body);
    assert_ok(mls_writer_error(&w));
    forge(&f->people[ADA], mls_writer_bytes(&w), &commit);
    kit_refuse(&f->people[CLEO], mls_buf_bytes(&commit), MLS_ETREE, "a member added again");
    mls_buf_fini(&commit);
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
    struct kit_trio *f = *state;
    struct kit_person *ada = &f->people[ADA];
    struct mls_buf commit = {0};
    uint32_t own = ada->group->epoch->own_leaf;

    /* Ada claims to be Ben: the membership tag is right, the signature is not. */
    ada->group->epoch->own_leaf = BEN;
    forge(ada, (struct mls_bytes){0}, &commit);
    ada->group->epoch->own_leaf = own;
    kit_refuse(&f->people[CLEO], mls_buf_bytes(&commit), MLS_ESIGNATURE, "somebody else's leaf");

    ada->group->epoch->own_leaf = 3;
    forge(ada, (struct mls_bytes){0}, &commit);
    ada->group->epoch->own_leaf = own;
    kit_refuse(&f->people[CLEO], mls_buf_bytes(&commit), MLS_ENOTFOUND, "a blank leaf");

    /* An outsider has the signature key of Ada and not the membership key. */
    ada->group->epoch->secrets.membership_key[0] ^= 1;
    forge(ada, (struct mls_bytes){0}, &commit);
    ada->group->epoch->secrets.membership_key[0] ^= 1;
    kit_refuse(&f->people[CLEO], mls_buf_bytes(&commit), MLS_EMAC, "without membership");
    mls_buf_fini(&commit);
}

/* The tags are signed by nobody: who changed one may be another than who made the commit. */
static void
a_refused_commit_can_be_held_against_its_signer(void **state)
{
    struct kit_trio *f = *state;
    struct kit_person *ada = &f->people[ADA], *cleo = &f->people[CLEO];
    struct mls_buf commit = {0}, secret = {0}, before = {0};

    forge(ada, (struct mls_bytes){0}, &commit);
    kit_refuse(cleo, mls_buf_bytes(&commit), MLS_EPATH, "no path and nothing proposed");
    kit_state(cleo, &before);
    kit_expect(mls_group_check_signature(cleo->group, mls_buf_bytes(&commit)), 0, "as it was sent");
    commit.data[commit.len - 1] ^= 1;
    kit_expect(mls_group_check_signature(cleo->group, mls_buf_bytes(&commit)), 0, "another tag");
    ada->group->epoch->own_leaf = BEN;
    forge(ada, (struct mls_bytes){0}, &commit);
    ada->group->epoch->own_leaf = ADA;
    kit_expect(mls_group_check_signature(cleo->group, mls_buf_bytes(&commit)), MLS_ESIGNATURE,
               "in Ben's name");
    kit_expect(mls_group_encrypt(ada->group, mls_text("x"), mls_text(""), 0, &secret), 0,
               "encrypt");
    kit_expect(mls_group_check_signature(cleo->group, mls_buf_bytes(&secret)), MLS_EUNSUPPORTED,
               "a PrivateMessage");
    assert_true(kit_state_is(cleo, &before));
    mls_buf_fini(&before);
    mls_buf_fini(&secret);
    mls_buf_fini(&commit);
}

#define IN_BOTH_SUITES(test) KIT_IN_BOTH_SUITES(test, kit_trio, kit_trio_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_SUITES(messages_of_other_epochs_and_groups_are_refused),
        IN_BOTH_SUITES(nothing_is_processed_while_a_commit_is_staged),
        IN_BOTH_SUITES(an_untrusted_or_expired_newcomer_is_refused),
        IN_BOTH_SUITES(a_welcome_for_another_key_package_is_refused),
        IN_BOTH_SUITES(a_welcome_for_five_holds_five_secrets_and_each_opens_only_its_own),
        IN_BOTH_SUITES(nobody_stands_in_two_places),
        IN_BOTH_SUITES(a_forged_sender_is_refused),
        IN_BOTH_SUITES(a_refused_commit_can_be_held_against_its_signer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
