/* SPDX-License-Identifier: MIT */
/*
 * What a member may put into a chat is bounded piece by piece, so that the rest of it can always be handed out: an
 * invitation with its tree, a GroupInfo, a page of Sync. Whoever is added has not been asked, and a page that fits no
 * frame would come again with every Sync of that device, for ever.
 */
#include "sotto_test.h"

#include "chat.h"
#include "chat_peer.h"
#include "mls_heavy.h"

static const uint8_t zeros[CHAT_WELCOME_BYTES_MAX + 1];

static void
expect_refusal(struct chat_rig *rig, const char *cause)
{
    const int64_t entries = harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log");
    const struct harness_answer *answer = rig_submit(rig, &rig->alice, WHOLE);

    assert_fails(answer->status, SOTTO_EINVALID);
    if (strstr(answer->text, cause) == NULL)
        fail_msg("\"%s\" does not say %s", answer->text, cause);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_log"), entries);
}

/* alice's pending commit of these proposals, in the bundle. */
static void
prepare(struct chat_rig *rig, const struct mls_commit_options *options)
{
    struct peer_bundle *bundle = &rig->alice.bundle;

    mls_peer_drop(&rig->alice.mls);
    peer_bundle_fini(bundle);
    assert_ok(mls_group_commit(rig->alice.mls.group, options, &bundle->commit, &bundle->welcome,
                               &bundle->group_info));
}

/* ---- leaves -------------------------------------------------------------------------------------------------- */

static void
add_with_leaf(struct chat_rig *rig, size_t leaf_bytes)
{
    struct mls_buf package = {0};

    mls_heavy_package(&rig->dora.mls, leaf_bytes, &package);
    const struct mls_proposal add = {.type = MLS_PROPOSAL_ADD,
                                     .key_package = mls_buf_bytes(&package)};
    prepare(rig, &(struct mls_commit_options){.proposals = &add, .proposal_count = 1});
    mls_buf_fini(&package);
}

/* Every tree of the chat would carry it from then on. */
static void
a_leaf_has_1_kib_at_most(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    add_with_leaf(rig, CHAT_LEAF_BYTES_MAX + 1);
    expect_refusal(rig, "MLS_ESIZE");
    add_with_leaf(rig, CHAT_LEAF_BYTES_MAX);
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);
}

/* ---- messages ------------------------------------------------------------------------------------------------ */

static void
prepare_context(struct chat_rig *rig, size_t fill)
{
    const struct mls_extension name = {MLS_EXTENSION_APPLICATION_ID,
                                       (struct mls_bytes){zeros, fill}};
    const struct mls_proposal change = {
        .type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS, .extensions = &name, .extension_count = 1};

    prepare(rig, &(struct mls_commit_options){.proposals = &change, .proposal_count = 1});
}

/* The GroupInfo holds the extensions of the group's context, so this is a bound on both. */
static void
a_group_info_has_16_kib_at_most(void **state)
{
    struct chat_rig *rig = *state;
    size_t fill;

    rig_group(rig, 'X');
    prepare_context(rig, 8000);
    fill = 8000 + CHAT_GROUP_INFO_BYTES_MAX - rig->alice.bundle.group_info.len;
    prepare_context(rig, fill + 1);
    expect_refusal(rig, "the GroupInfo has at most 16 KiB");
    prepare_context(rig, fill);
    assert_int_equal(rig->alice.bundle.group_info.len, CHAT_GROUP_INFO_BYTES_MAX);
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);
}

static void
prepare_data(struct chat_rig *rig, size_t fill)
{
    prepare(rig,
            &(struct mls_commit_options){.authenticated_data = (struct mls_bytes){zeros, fill}});
}

static void
a_commit_has_2_mib_at_most(void **state)
{
    struct chat_rig *rig = *state;
    size_t fill = 1u << 20;

    rig_group(rig, 'X');
    prepare_data(rig, fill);
    fill += CHAT_COMMIT_BYTES_MAX - rig->alice.bundle.commit.len;
    prepare_data(rig, fill + 1);
    expect_refusal(rig, "a commit has at most 2 MiB");
    prepare_data(rig, fill);
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);
}

static void
a_welcome_has_4_mib_at_most(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_buf *welcome = &rig->alice.bundle.welcome;

    rig_group(rig, 'X');
    rig_prepare(rig, &rig->alice, &rig->dora, NULL);
    assert_ok(mls_buf_set(welcome, rig->alice.mls.config.provider,
                          (struct mls_bytes){zeros, sizeof zeros}));
    expect_refusal(rig, "a Welcome has at most 4 MiB");
}

/* What it shows would be verified leaf by leaf before anybody sees that the creator is not alone. */
static void
the_start_of_a_new_chat_has_32_kib_at_most(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;

    rig->type = GROUP;
    rig->chat = 'X';
    mls_peer_create(&rig->alice.mls, (const uint8_t *)"XXXXXXXXXXXXXXXX");
    rig_prepare(rig, &rig->alice, &rig->bob, NULL);
    assert_ok(mls_buf_set(&rig->alice.bundle.start, rig->alice.mls.config.provider,
                          (struct mls_bytes){zeros, 2 * CHAT_GROUP_INFO_BYTES_MAX + 1}));
    answer = rig_create_again(rig, &rig->alice);
    assert_fails(answer->status, SOTTO_EINVALID);
    assert_non_null(strstr(answer->text, "32 KiB"));
}

#define SIZE_TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
static const struct CMUnitTest tests[] = {
    SIZE_TEST(a_leaf_has_1_kib_at_most),
    SIZE_TEST(a_group_info_has_16_kib_at_most),
    SIZE_TEST(a_commit_has_2_mib_at_most),
    SIZE_TEST(a_welcome_has_4_mib_at_most),
    SIZE_TEST(the_start_of_a_new_chat_has_32_kib_at_most),
};

SOTTO_TEST_MAIN(tests)
