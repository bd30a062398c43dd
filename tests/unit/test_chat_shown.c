/* SPDX-License-Identifier: MIT */
/*
 * What a bundle shows beside its commit, made up by somebody with real keys so that every signature and hash in it is right:
 * the group that a first bundle begins with, and the GroupInfo of the epoch it leads to. Changed bytes are in
 * test_chat_public.c.
 */
#include "sotto_test.h"

#include "chat_refusal.h"
#include "mls_forge.h"

/* Alice alone in a group of this id, with a bundle that adds bob; not yet handed in. */
static void
prepare_first(struct chat_rig *rig, const char id[16])
{
    rig->type = GROUP;
    rig->chat = 'X';
    mls_peer_create(&rig->alice.mls, (const uint8_t *)id);
    rig_prepare(rig, &rig->alice, &rig->bob, NULL);
}

/* The first bundle is refused as invalid with this text, and there is no chat. */
static void
expect_no_chat(struct chat_rig *rig, struct chat_peer *peer, const char *cause)
{
    const struct harness_answer *answer = rig_create_again(rig, peer);

    assert_fails(answer->status, SOTTO_EINVALID);
    if (strstr(answer->text, cause) == NULL)
        fail_msg("\"%s\" does not say %s", answer->text, cause);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_chats"), 0);
}

static void
forget_the_tree(struct chat_rig *rig)
{
    harness_stop(rig->h);
    rig_resume(rig);
    harness_sql(rig->h, "DELETE FROM chat_trees");
}

static void
show_the_group(struct chat_peer *peer)
{
    mls_buf_fini(&peer->bundle.start);
    assert_ok(mls_group_export_info(peer->mls.group, true, &peer->bundle.start));
}

/* Signs the bundle's GroupInfo anew with these extensions. */
static void
sign_group_info(struct chat_peer *peer, const struct mls_writer *extensions)
{
    struct mls_buf *info = &peer->bundle.group_info;
    struct mls_group_info read;
    struct mls_writer w;

    assert_ok(mls_writer_error(extensions));
    assert_ok(mls_group_info_message_read(mls_buf_bytes(info), &read));
    read.extensions = mls_writer_bytes(extensions);
    mls_writer_init(&w, peer->mls.config.provider, 0);
    mls_message_header_write(&w, MLS_WIRE_GROUP_INFO);
    mls_group_info_write_signed(&w, &peer->mls.group->c, peer->mls.device_seed, &read);
    mls_buf_fini(info);
    assert_ok(mls_buf_take(info, &w));
    mls_writer_fini(&w);
}

/* ---- the start of a new chat ---------------------------------------------------------------------------------------- */

/* A Welcome tells who comes; a group that has members already has some whom nobody was told of. */
static void
a_chat_begins_with_its_creator_alone(void **state)
{
    struct chat_rig *rig = *state;

    prepare_first(rig, "XXXXXXXXXXXXXXXX");
    mls_peer_merge(&rig->alice.mls);
    rig->alice.mls.group->epoch->number = 0; /* two members, and the epoch of one */
    rig_prepare(rig, &rig->alice, &rig->carol, NULL);
    show_the_group(&rig->alice);
    expect_no_chat(rig, &rig->alice, "begins with its creator alone");
}

static void
a_chat_begins_as_the_group_of_its_id_and_suite(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_peer other;

    prepare_first(rig, "XXXXXXXXXXXXXXXX");
    mls_peer_init(&other, 'a', '1', 3, rig->alice.mls.now);
    mls_peer_create(&other, (const uint8_t *)"YYYYYYYYYYYYYYYY");
    mls_buf_fini(&rig->alice.bundle.start);
    assert_ok(mls_group_export_info(other.group, true, &rig->alice.bundle.start));
    expect_no_chat(rig, &rig->alice, "is another one");
    mls_peer_fini(&other);

    mls_peer_init(&other, 'a', '1', 1, rig->alice.mls.now);
    mls_peer_create(&other, (const uint8_t *)"XXXXXXXXXXXXXXXX");
    mls_buf_fini(&rig->alice.bundle.start);
    assert_ok(mls_group_export_info(other.group, true, &rig->alice.bundle.start));
    expect_no_chat(rig, &rig->alice, "another cipher suite");
    mls_peer_fini(&other);
}

/* The commit has no path, so only the group tells whose leaf signed it. */
static void
nobody_hands_in_a_chat_that_somebody_else_made(void **state)
{
    struct chat_rig *rig = *state;
    struct peer_bundle bundle;

    prepare_first(rig, "XXXXXXXXXXXXXXXX");
    bundle = rig->alice.bundle;
    rig->alice.bundle = rig->carol.bundle;
    rig->carol.bundle = bundle;
    expect_no_chat(rig, &rig->carol, "signed as another device");
}

/* ---- the group of a chat that is not followed yet -------------------------------------------------------------------- */

static void
a_chat_that_is_not_followed_yet_is_shown_by_its_next_commit(void **state)
{
    struct chat_rig *rig = *state;
    const struct harness_answer *answer;
    Sotto__Chat__V1__GroupWanted *wanted;

    rig_group(rig, 'X');
    forget_the_tree(rig);
    rig_prepare(rig, &rig->alice, NULL, &rig->bob);
    answer = rig_submit(rig, &rig->alice, WHOLE);
    assert_fails(answer->status, SOTTO_EPRECONDITION);
    wanted =
        sotto__chat__v1__group_wanted__unpack(NULL, answer->details.size, answer->details.data);
    assert_non_null(wanted);
    assert_int_equal(wanted->epoch, 1);
    sotto__chat__v1__group_wanted__free_unpacked(wanted, NULL);
    assert_fails(rig_get_group(rig, &rig->bob)->status, SOTTO_EPRECONDITION);

    show_the_group(&rig->alice);
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);
    mls_peer_merge(&rig->alice.mls);
    assert_ok(rig_commit(rig, &rig->alice, &rig->dora, NULL)->status);
}

/* The last commit's GroupInfo says which group it was. */
static void
only_the_group_of_the_chat_can_be_shown(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_peer other;

    rig_group(rig, 'X');
    forget_the_tree(rig);
    mls_peer_init(&other, 'a', '1', 3, rig->alice.mls.now);
    mls_peer_create(&other, (const uint8_t *)"XXXXXXXXXXXXXXXX");
    rig_prepare(rig, &rig->alice, NULL, &rig->bob);
    mls_buf_fini(&rig->alice.bundle.start);
    assert_ok(mls_group_export_info(other.group, true, &rig->alice.bundle.start));
    assert_int_not_equal(rig_submit(rig, &rig->alice, WHOLE)->status, SOTTO_OK);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_trees"), 0);
    mls_buf_fini(&rig->alice.bundle.start);
    assert_ok(mls_group_export_info(rig->carol.mls.group, true, &rig->alice.bundle.start));
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);
    mls_peer_fini(&other);
}

/* The same members, another past: alice signs a tag of her own, and her commit goes on from it. */
static void
a_chat_has_the_past_that_its_last_commit_says(void **state)
{
    static const uint8_t tag[MLS_HASH_BYTES] = {1};
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    forget_the_tree(rig);
    assert_ok(mls_epoch_take_tag(rig->alice.mls.group->epoch, mls_bytes(tag, sizeof tag)));
    rig_prepare(rig, &rig->alice, NULL, &rig->bob);
    show_the_group(&rig->alice);
    assert_fails(rig_submit(rig, &rig->alice, WHOLE)->status, SOTTO_EINVALID);
    assert_int_equal(harness_sql(rig->h, "SELECT COUNT(*) FROM chat_trees"), 0);
}

/* The same id and epoch, fewer members. */
static void
a_chat_has_the_members_that_its_roster_has(void **state)
{
    struct chat_rig *rig = *state;

    rig_group(rig, 'X');
    forget_the_tree(rig);
    harness_sql(rig->h, "UPDATE chat_seats SET leaf = 7 WHERE leaf = 2");
    harness_stop(rig->h);
    rig_resume(rig);
    rig_prepare(rig, &rig->alice, NULL, &rig->bob);
    show_the_group(&rig->alice);
    rig_expect_refusal(rig, &rig->alice, "other members than the chat");
}

/* ---- GroupInfo ----------------------------------------------------------------------------------------------------- */

/* Without the key nobody could join by it, and the tree is what the server serves. */
static void
a_group_info_has_the_key_to_join_and_not_the_tree(void **state)
{
    struct chat_rig *rig = *state;
    struct mls_writer none;

    rig_group(rig, 'X');
    rig_prepare(rig, &rig->alice, NULL, NULL);
    mls_writer_init(&none, rig->alice.mls.config.provider, 0);
    sign_group_info(&rig->alice, &none);
    rig_expect_refusal(rig, &rig->alice, "no external_pub");
    mls_writer_fini(&none);

    mls_peer_merge(&rig->alice.mls);
    mls_buf_fini(&rig->alice.bundle.group_info);
    assert_ok(mls_group_export_info(rig->alice.mls.group, true, &rig->alice.bundle.group_info));
    rig_expect_refusal(rig, &rig->alice, "without the ratchet tree");
    mls_buf_fini(&rig->alice.bundle.group_info);
    assert_ok(mls_group_export_info(rig->alice.mls.group, false, &rig->alice.bundle.group_info));
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);
}

/* A member's own extensions in a GroupInfo are nobody else's matter: the server takes it, and a joiner reads past them. */
static void
a_group_info_may_have_extensions_that_nobody_knows(void **state)
{
    struct chat_rig *rig = *state;
    const Sotto__Chat__V1__GetGroupReply *reply;
    struct mls_group_info read;
    struct mls_writer extensions;

    rig_group(rig, 'X');
    rig_prepare(rig, &rig->alice, NULL, NULL);
    assert_ok(mls_group_info_message_read(mls_buf_bytes(&rig->alice.bundle.group_info), &read));
    mls_writer_init(&extensions, rig->alice.mls.config.provider, 0);
    mls_write_raw(&extensions, read.extensions);
    mls_extension_write(&extensions, 0x0a0b, mls_text("unknown"));
    sign_group_info(&rig->alice, &extensions);
    mls_writer_fini(&extensions);
    assert_ok(rig_submit(rig, &rig->alice, WHOLE)->status);

    reply = (const void *)rig_get_group(rig, &rig->bob)->message;
    const struct mls_external_join_params params = {
        .group_info = to_mls(reply->group_info),
        .ratchet_tree = to_mls(reply->ratchet_tree),
        .resync = true,
        .old_leaf = 1,
    };
    rig_prepare_join_with(&rig->bob, &params);
    assert_ok(rig_submit(rig, &rig->bob, WHOLE)->status);
}

#define SHOWN_TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)
static const struct CMUnitTest tests[] = {
    SHOWN_TEST(a_chat_begins_with_its_creator_alone),
    SHOWN_TEST(a_chat_begins_as_the_group_of_its_id_and_suite),
    SHOWN_TEST(nobody_hands_in_a_chat_that_somebody_else_made),
    SHOWN_TEST(a_chat_that_is_not_followed_yet_is_shown_by_its_next_commit),
    SHOWN_TEST(only_the_group_of_the_chat_can_be_shown),
    SHOWN_TEST(a_chat_has_the_past_that_its_last_commit_says),
    SHOWN_TEST(a_chat_has_the_members_that_its_roster_has),
    SHOWN_TEST(a_group_info_has_the_key_to_join_and_not_the_tree),
    SHOWN_TEST(a_group_info_may_have_extensions_that_nobody_knows),
};

SOTTO_TEST_MAIN(tests)
