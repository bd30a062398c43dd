/* SPDX-License-Identifier: MIT */
/*
 * Commits a malicious member could send: signed with her key, tagged with the group's membership
 * key, but with a proposal list or a path that RFC 9420 sections 12.2 and 12.4 forbid. A receiver
 * must refuse each one for that reason and stay as it was. Valid lists made the same way pass the
 * same checks and fail only at the confirmation tag, which shows that the forging itself is sound.
 * Whoever follows the group from outside must refuse the same ones with the same errors.
 */
#include "sotto_test.h"

#include "mls_follower.h"
#include "mls_forge.h"

/* Ada (leaf 0) forges, Ben (1) receives, Cleo (2) is there; Dora could be added, and Erin, who has
 * another suite. */
enum { ADA, BEN, CLEO, MEMBERS };

struct room {
    struct kit_person people[MEMBERS], dora, erin;
    struct mls_buf dora_package, erin_package;
    struct mls_writer body; /* the Commit in the making */
    size_t list;
};

static void
room_init(struct room *room)
{
    *room = (struct room){0};
    kit_group(room->people, MEMBERS, 3);
    for (size_t i = 0; i < MEMBERS; i++) {
        room->people[i].psk_id = "psk";
        room->people[i].psk = "a secret all know";
    }
    kit_person_init(&room->dora, "dora", 3);
    kit_person_init(&room->erin, "erin", 1);
    kit_key_package(&room->dora, &room->dora_package);
    kit_key_package(&room->erin, &room->erin_package);
    mls_writer_init(&room->body, mls_provider_default(), 0);
    room->list = mls_write_vector(&room->body);
}

static void
room_fini(struct room *room)
{
    mls_writer_fini(&room->body);
    mls_buf_fini(&room->dora_package);
    mls_buf_fini(&room->erin_package);
    for (size_t i = 0; i < MEMBERS; i++)
        kit_person_fini(&room->people[i]);
    kit_person_fini(&room->dora);
    kit_person_fini(&room->erin);
}

/* ---- Writing a proposal list ---------------------------------------------------------------- */

static void
put_type(struct room *room, uint16_t type)
{
    mls_write_u8(&room->body, MLS_BY_VALUE);
    mls_write_u16(&room->body, type);
}

static void
put_remove(struct room *room, uint32_t leaf)
{
    put_type(room, MLS_PROPOSAL_REMOVE);
    mls_write_u32(&room->body, leaf);
}

/* A published MLSMessage(KeyPackage) has a 4-byte header. */
static void
put_add(struct room *room, const struct mls_buf *package)
{
    put_type(room, MLS_PROPOSAL_ADD);
    mls_write_raw(&room->body, mls_bytes(package->data + 4, package->len - 4));
}

static void
put_psk(struct room *room, const char *id, size_t nonce_len)
{
    static const uint8_t nonce[64] = {1};

    put_type(room, MLS_PROPOSAL_PSK);
    mls_write_u8(&room->body, MLS_PSK_EXTERNAL);
    mls_write_opaque(&room->body, mls_bytes(id, strlen(id)));
    mls_write_opaque(&room->body, mls_bytes(nonce, nonce_len));
}

static void
put_resumption(struct room *room, uint8_t usage)
{
    static const uint8_t nonce[MLS_HASH_BYTES] = {1};

    put_type(room, MLS_PROPOSAL_PSK);
    mls_write_u8(&room->body, MLS_PSK_RESUMPTION);
    mls_write_u8(&room->body, usage);
    mls_write_opaque(&room->body, mls_text("group"));
    mls_write_u64(&room->body, 1);
    mls_write_opaque(&room->body, mls_bytes(nonce, sizeof nonce));
}

static void
put_reinit(struct room *room, const char *group_id, uint16_t version)
{
    const struct mls_proposal_body reinit = {
        .type = MLS_PROPOSAL_REINIT,
        .u.reinit = {mls_text(group_id), version, 3, {0}},
    };

    forge_value(&room->body, &reinit);
}

/* Of a proposal that nobody has. */
static void
put_reference(struct room *room)
{
    static const uint8_t ref[MLS_REF_BYTES] = {9};

    mls_write_u8(&room->body, MLS_BY_REFERENCE);
    mls_write_opaque(&room->body, mls_bytes(ref, sizeof ref));
}

static void
put_context_extensions(struct room *room)
{
    put_type(room, MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
    mls_write_varint(&room->body, 0);
}

/* required_capabilities with that many entries, each a type that all have without saying so. */
static void
put_requirements(struct room *room, size_t count)
{
    put_type(room, MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
    size_t list = mls_write_vector(&room->body);
    mls_write_u16(&room->body, MLS_EXTENSION_REQUIRED_CAPABILITIES);
    size_t data = mls_write_vector(&room->body);
    mls_write_varint(&room->body, 2 * count);
    for (size_t i = 0; i < count; i++)
        mls_write_u16(&room->body, MLS_EXTENSION_APPLICATION_ID);
    mls_write_varint(&room->body, 0);
    mls_write_varint(&room->body, 0);
    mls_write_vector_end(&room->body, data);
    mls_write_vector_end(&room->body, list);
}

/* ---- Signing it --------------------------------------------------------------------------- */

/* Sends the list without a path to Ben and expects this refusal. */
static void
expect_refusal(struct room *room, int error)
{
    struct mls_buf message = {0};

    mls_write_vector_end(&room->body, room->list);
    mls_write_optional(&room->body, false);
    assert_ok(mls_writer_error(&room->body));
    forge_commit(&room->people[ADA], mls_writer_bytes(&room->body), &message);
    kit_refuse(&room->people[BEN], mls_buf_bytes(&message), error, "forged commit");
    follower_compare(&room->people[BEN], mls_buf_bytes(&message), error);
    mls_buf_fini(&message);
}

/* One test: a list, and the error it must meet. */
#define FORGED(name, error, ...)      \
    static void name(void **state)    \
    {                                 \
        struct room room;             \
                                      \
        (void)state;                  \
        room_init(&room);             \
        __VA_ARGS__;                  \
        expect_refusal(&room, error); \
        room_fini(&room);             \
    }

/* ---- Sound lists: everything holds but the zero tag ----------------------------------------- */

FORGED(a_sound_add_fails_only_at_its_tag, MLS_ECONFIRMATION, put_add(&room, &room.dora_package))
FORGED(a_sound_psk_fails_only_at_its_tag, MLS_ECONFIRMATION, put_psk(&room, "psk", MLS_HASH_BYTES))
FORGED(a_sound_resumption_psk_fails_only_at_its_tag, MLS_ECONFIRMATION,
       put_resumption(&room, MLS_PSK_USAGE_APPLICATION))

/* ---- Lists that section 12.2 forbids -------------------------------------------------------- */

FORGED(an_empty_commit_needs_a_path, MLS_EPATH, (void)0)
FORGED(a_remove_needs_a_path, MLS_EPATH, put_remove(&room, 2))
FORGED(context_extensions_need_a_path, MLS_EPATH, put_context_extensions(&room))
FORGED(a_committer_cannot_remove_herself, MLS_EPROPOSAL, put_remove(&room, 0))
FORGED(a_blank_leaf_cannot_be_removed, MLS_EPROPOSAL, put_remove(&room, 3))
FORGED(a_leaf_outside_the_tree_cannot_be_removed, MLS_EPROPOSAL, put_remove(&room, UINT32_MAX))
FORGED(a_leaf_cannot_be_removed_twice, MLS_EPROPOSAL, put_remove(&room, 2), put_remove(&room, 2))
FORGED(context_extensions_come_once, MLS_EPROPOSAL, put_context_extensions(&room),
       put_context_extensions(&room))
FORGED(as_much_may_be_required_as_anybody_needs, MLS_EPATH, put_requirements(&room, 256))
FORGED(what_is_required_has_a_bound, MLS_ESIZE, put_requirements(&room, 257))
FORGED(a_psk_comes_once, MLS_EPROPOSAL, put_psk(&room, "psk", MLS_HASH_BYTES),
       put_psk(&room, "psk", MLS_HASH_BYTES))
FORGED(a_psk_nonce_has_the_length_of_the_hash, MLS_EPROPOSAL, put_psk(&room, "psk", 31))
FORGED(a_psk_must_be_known, MLS_EPSK, put_psk(&room, "other", MLS_HASH_BYTES))
FORGED(a_branch_psk_has_no_place_in_a_commit, MLS_EPROPOSAL,
       put_resumption(&room, MLS_PSK_USAGE_BRANCH))
FORGED(a_reinit_psk_has_no_place_in_a_commit, MLS_EPROPOSAL,
       put_resumption(&room, MLS_PSK_USAGE_REINIT))
FORGED(a_key_package_of_another_suite_is_refused, MLS_ESUITE, put_add(&room, &room.erin_package))
FORGED(a_reinit_stands_alone, MLS_EPROPOSAL, put_reinit(&room, "next", MLS_VERSION_10),
       put_psk(&room, "psk", MLS_HASH_BYTES))
FORGED(a_reinit_comes_once, MLS_EPROPOSAL, put_reinit(&room, "next", MLS_VERSION_10),
       put_reinit(&room, "next", MLS_VERSION_10))
FORGED(a_reinit_leads_to_no_older_version, MLS_EPROPOSAL,
       put_reinit(&room, "next", MLS_VERSION_10 - 1))
FORGED(a_reinit_names_its_group, MLS_EPROPOSAL, put_reinit(&room, "", MLS_VERSION_10))
FORGED(a_reference_must_be_known, MLS_EPROPOSAL, put_reference(&room))
FORGED(an_unknown_proposal_type_is_refused, MLS_EPROPOSAL, put_type(&room, 0x0a0a))

static void
an_add_of_the_same_client_twice_is_refused(void **state)
{
    (void)state;
    struct room room;

    room_init(&room);
    put_add(&room, &room.dora_package);
    put_add(&room, &room.dora_package);
    expect_refusal(&room, MLS_ETREE);
    room_fini(&room);
}

/* A fresh key package of Cleo, who is a member: the same signature key. */
static void
an_add_of_a_member_is_refused(void **state)
{
    (void)state;
    struct mls_buf package = {0};
    struct room room;

    room_init(&room);
    kit_key_package(&room.people[CLEO], &package);
    put_add(&room, &package);
    expect_refusal(&room, MLS_ETREE);
    mls_buf_fini(&package);
    room_fini(&room);
}

static void
a_key_package_outside_its_lifetime_is_refused(void **state)
{
    (void)state;
    struct room room;

    room_init(&room);
    room.people[BEN].now = KIT_NOW + 86401;
    put_add(&room, &room.dora_package);
    expect_refusal(&room, MLS_ELIFETIME);
    room_fini(&room);
}

static void
a_key_package_that_lives_too_long_is_refused(void **state)
{
    (void)state;
    struct room room;

    room_init(&room);
    room.people[BEN].config.lifetime_max = 3600 + 86400 - 1;
    kit_reload(&room.people[BEN]);
    put_add(&room, &room.dora_package);
    expect_refusal(&room, MLS_ELIFETIME);
    room_fini(&room);
}

static void
an_external_init_of_a_member_is_refused(void **state)
{
    (void)state;
    static const uint8_t kem_output[32] = {9};
    struct room room;

    room_init(&room);
    put_type(&room, MLS_PROPOSAL_EXTERNAL_INIT);
    mls_write_opaque(&room.body, mls_bytes(kem_output, sizeof kem_output));
    expect_refusal(&room, MLS_EPROPOSAL);
    room_fini(&room);
}

/* Even Ada's own leaf, validly signed as an update, has no place by value: she has the path. */
static void
an_update_by_value_of_the_committer_is_refused(void **state)
{
    (void)state;
    const struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE};
    uint8_t secret[MLS_KEM_SECRET_BYTES];
    struct mls_buf encoded = {0};
    struct room room;

    room_init(&room);
    assert_ok(mls_group_encode_proposal(room.people[ADA].group, &update, &encoded, secret));
    mls_write_u8(&room.body, MLS_BY_VALUE);
    mls_write_raw(&room.body, mls_buf_bytes(&encoded));
    expect_refusal(&room, MLS_EPROPOSAL);
    mls_buf_fini(&encoded);
    room_fini(&room);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_sound_add_fails_only_at_its_tag),
    cmocka_unit_test(a_sound_psk_fails_only_at_its_tag),
    cmocka_unit_test(a_sound_resumption_psk_fails_only_at_its_tag),
    cmocka_unit_test(an_empty_commit_needs_a_path),
    cmocka_unit_test(a_remove_needs_a_path),
    cmocka_unit_test(context_extensions_need_a_path),
    cmocka_unit_test(a_committer_cannot_remove_herself),
    cmocka_unit_test(a_blank_leaf_cannot_be_removed),
    cmocka_unit_test(a_leaf_outside_the_tree_cannot_be_removed),
    cmocka_unit_test(a_leaf_cannot_be_removed_twice),
    cmocka_unit_test(context_extensions_come_once),
    cmocka_unit_test(as_much_may_be_required_as_anybody_needs),
    cmocka_unit_test(what_is_required_has_a_bound),
    cmocka_unit_test(a_psk_comes_once),
    cmocka_unit_test(a_psk_nonce_has_the_length_of_the_hash),
    cmocka_unit_test(a_psk_must_be_known),
    cmocka_unit_test(a_branch_psk_has_no_place_in_a_commit),
    cmocka_unit_test(a_reinit_psk_has_no_place_in_a_commit),
    cmocka_unit_test(a_key_package_of_another_suite_is_refused),
    cmocka_unit_test(a_reinit_stands_alone),
    cmocka_unit_test(a_reinit_comes_once),
    cmocka_unit_test(a_reinit_leads_to_no_older_version),
    cmocka_unit_test(a_reinit_names_its_group),
    cmocka_unit_test(a_reference_must_be_known),
    cmocka_unit_test(an_unknown_proposal_type_is_refused),
    cmocka_unit_test(an_add_of_the_same_client_twice_is_refused),
    cmocka_unit_test(an_add_of_a_member_is_refused),
    cmocka_unit_test(a_key_package_outside_its_lifetime_is_refused),
    cmocka_unit_test(a_key_package_that_lives_too_long_is_refused),
    cmocka_unit_test(an_external_init_of_a_member_is_refused),
    cmocka_unit_test(an_update_by_value_of_the_committer_is_refused),
};

SOTTO_TEST_MAIN(tests)
