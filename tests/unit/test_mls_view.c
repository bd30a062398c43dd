/* SPDX-License-Identifier: MIT */
/*
 * What a delivery service reads without secrets: every view, on messages of a real group.
 */
#include "sotto_test.h"

#include <string.h>

#include "mls/view.h"
#include "mls_kit.h"

enum { ADA, BEN, CLEO, PEOPLE };

struct fixture {
    struct kit_person people[PEOPLE];
    struct mls_buf a, b, c;
};

static int
setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    kit_group(f->people, PEOPLE, 3);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    mls_buf_fini(&f->a);
    mls_buf_fini(&f->b);
    mls_buf_fini(&f->c);
    for (size_t i = 0; i < PEOPLE; i++)
        kit_person_fini(&f->people[i]);
    test_free(f);
    return 0;
}

static void
assert_text(struct mls_bytes bytes, const char *text)
{
    assert_int_equal(bytes.len, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.len);
}

static struct mls_message_info
info_of(const struct mls_buf *message)
{
    struct mls_message_info info;

    kit_expect(mls_message_info(mls_buf_bytes(message), &info), 0, "message info");
    return info;
}

static void
a_key_package_says_who_and_until_when(void **state)
{
    struct fixture *f = *state;
    struct mls_key_package_info info;

    kit_key_package(&f->people[BEN], &f->a);
    kit_expect(mls_key_package_info(mls_provider_default(), mls_buf_bytes(&f->a), &info), 0,
               "key package info");

    assert_text(info.credential.identity, "ben");
    assert_int_equal(info.credential.signature_key.len, MLS_ED25519_PUBLIC_BYTES);
    assert_int_equal(info.suite, 3);
    assert_int_equal(info.lifetime.not_after, KIT_NOW + 86400);
    assert_int_equal(info_of(&f->a).wire_format, MLS_WIRE_KEY_PACKAGE);
    assert_int_equal(info_of(&f->a).suite, 3);
}

static void
an_application_message_shows_its_group_and_epoch_and_no_sender(void **state)
{
    struct fixture *f = *state;

    kit_expect(
        mls_group_encrypt(f->people[ADA].group, mls_text("secret"), mls_text("aad"), 0, &f->a), 0,
        "encrypt");
    struct mls_message_info info = info_of(&f->a);

    assert_int_equal(info.wire_format, MLS_WIRE_PRIVATE_MESSAGE);
    assert_int_equal(info.content_type, MLS_CONTENT_APPLICATION);
    assert_text(info.group_id, "group");
    assert_int_equal(info.epoch, 2);
    assert_int_equal(info.sender_type, 0);
    assert_text(info.authenticated_data, "aad");
}

static void
a_proposal_shows_what_it_asks_for(void **state)
{
    struct fixture *f = *state;
    const struct mls_proposal leave = {.type = MLS_PROPOSAL_REMOVE, .leaf = CLEO};
    struct mls_proposal_view view;

    kit_expect(mls_group_propose(f->people[CLEO].group, &leave, mls_text(""), &f->a), 0, "propose");
    kit_expect(mls_proposal_view(mls_provider_default(), mls_buf_bytes(&f->a), &view), 0, "view");
    struct mls_message_info info = info_of(&f->a);

    assert_int_equal(view.type, MLS_PROPOSAL_REMOVE);
    assert_int_equal(view.leaf, CLEO);
    assert_int_equal(info.content_type, MLS_CONTENT_PROPOSAL);
    assert_int_equal(info.sender_type, MLS_SENDER_MEMBER);
    assert_int_equal(info.sender, CLEO);
}

static void
a_commit_shows_its_roster_changes_and_references(void **state)
{
    struct fixture *f = *state;
    const struct mls_provider *p = mls_provider_default();
    struct kit_person emil;
    const struct mls_proposal leave = {.type = MLS_PROPOSAL_REMOVE, .leaf = CLEO};
    uint8_t ref[MLS_REF_BYTES];
    struct mls_key_package_info package;
    struct mls_commit_view view;
    struct mls_commit_entry entry;
    size_t offset = 0;

    kit_expect(mls_group_propose(f->people[CLEO].group, &leave, mls_text(""), &f->a), 0, "propose");
    kit_take_proposal(&f->people[ADA], &f->a);
    kit_expect(mls_proposal_ref(p, mls_buf_bytes(&f->a), ref), 0, "ref");
    kit_person_init(&emil, "emil", 3);
    kit_key_package(&emil, &f->b);
    kit_expect(mls_key_package_info(p, mls_buf_bytes(&f->b), &package), 0, "package");
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&f->b)};
    const struct mls_commit_options options = {.proposals = &add, .proposal_count = 1};
    kit_commit(&f->people[ADA], &options, &f->c, NULL);
    kit_expect(mls_commit_view(mls_buf_bytes(&f->c), &view), 0, "view");

    assert_int_equal(view.info.epoch, 2);
    assert_int_equal(view.info.sender, ADA);
    assert_int_equal(view.proposal_count, 2);
    assert_true(view.has_path);
    assert_text(view.path_credential.identity, "ada");
    assert_int_equal(mls_commit_next(p, &view, &offset, &entry), 1);
    assert_false(entry.by_reference);
    assert_int_equal(entry.proposal.type, MLS_PROPOSAL_ADD);
    assert_text(entry.proposal.credential.identity, "emil");
    assert_memory_equal(entry.proposal.key_package_ref, package.ref, MLS_REF_BYTES);
    assert_int_equal(mls_commit_next(p, &view, &offset, &entry), 1);
    assert_true(entry.by_reference);
    assert_memory_equal(entry.ref, ref, MLS_REF_BYTES);
    assert_int_equal(mls_commit_next(p, &view, &offset, &entry), 0);
    kit_person_fini(&emil);
}

static void
a_welcome_names_its_key_packages_and_a_group_info_its_epoch(void **state)
{
    struct fixture *f = *state;
    struct kit_person emil;
    struct mls_buf info = {0};
    struct mls_key_package_info package;
    struct mls_welcome_view welcome;
    struct mls_group_info_view group_info;
    uint8_t ref[MLS_REF_BYTES];
    size_t offset = 0;

    kit_person_init(&emil, "emil", 3);
    kit_key_package(&emil, &f->a);
    kit_expect(mls_key_package_info(mls_provider_default(), mls_buf_bytes(&f->a), &package), 0,
               "package");
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD, .key_package = mls_buf_bytes(&f->a)};
    const struct mls_commit_options options = {.proposals = &add, .proposal_count = 1};
    kit_expect(mls_group_commit(f->people[BEN].group, &options, &f->b, &f->c, &info), 0, "commit");

    kit_expect(mls_welcome_view(mls_buf_bytes(&f->c), &welcome), 0, "welcome");
    assert_int_equal(welcome.suite, 3);
    assert_int_equal(welcome.secret_count, 1);
    assert_int_equal(mls_welcome_next(&welcome, &offset, ref), 1);
    assert_memory_equal(ref, package.ref, MLS_REF_BYTES);
    assert_int_equal(mls_welcome_next(&welcome, &offset, ref), 0);
    kit_expect(mls_group_info_view(mls_buf_bytes(&info), &group_info), 0, "group info");
    assert_text(group_info.group_id, "group");
    assert_int_equal(group_info.epoch, 3);
    assert_int_equal(group_info.signer, BEN);
    assert_true(group_info.has_external_pub);
    assert_false(group_info.has_ratchet_tree);
    assert_int_equal(info_of(&info).epoch, 3);
    assert_int_equal(info_of(&f->c).wire_format, MLS_WIRE_WELCOME);
    mls_buf_fini(&info);
    kit_person_fini(&emil);
}

/* Every cut and every flipped bit: an error or an answer, and never anything outside the input
 * (which the sanitizers would see). */
static void
damaged_messages_are_read_without_harm(void **state)
{
    struct fixture *f = *state;
    const struct mls_provider *p = mls_provider_default();
    const struct mls_commit_options options = {.force_path = true};
    struct mls_message_info info;
    struct mls_commit_view view;
    struct mls_commit_entry entry;

    kit_commit(&f->people[ADA], &options, &f->a, NULL);
    for (size_t i = 0; i < f->a.len; i++) {
        uint8_t *copy = test_malloc(i + 1);

        memcpy(copy, f->a.data, i);
        assert_int_not_equal(mls_message_info((struct mls_bytes){copy, i}, &info), 0);
        assert_int_not_equal(mls_commit_view((struct mls_bytes){copy, i}, &view), 0);
        test_free(copy);
        for (unsigned bit = 0; bit < 8; bit++) {
            size_t offset = 0;

            f->a.data[i] ^= (uint8_t)(1u << bit);
            mls_message_info(mls_buf_bytes(&f->a), &info);
            if (mls_commit_view(mls_buf_bytes(&f->a), &view) == 0) {
                while (mls_commit_next(p, &view, &offset, &entry) == 1)
                    ;
            }
            f->a.data[i] ^= (uint8_t)(1u << bit);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_package_says_who_and_until_when, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_application_message_shows_its_group_and_epoch_and_no_sender, setup, teardown),
        cmocka_unit_test_setup_teardown(a_proposal_shows_what_it_asks_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_commit_shows_its_roster_changes_and_references, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_welcome_names_its_key_packages_and_a_group_info_its_epoch,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_messages_are_read_without_harm, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
