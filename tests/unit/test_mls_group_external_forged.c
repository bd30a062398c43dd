/* SPDX-License-Identifier: MIT */
/*
 * External commits that somebody outside could send (RFC 9420 sections 12.2, 12.4.3.2): signed with
 * the key of the leaf they bring, but with a list, a leaf or a frame that the standard forbids. All
 * an attacker needs for one is a GroupInfo, so that each must be refused for its reason, by members,
 * by the one it would remove and by whoever follows from outside, and nobody's state may change.
 * Sound ones made the same way fail only at the tag, which shows that the forging itself is sound.
 */
#include "sotto_test.h"

#include "mls/view.h"
#include "mls_follower.h"
#include "mls_forge.h"

/* Ada, Ben and Cleo are members at leaves 0 to 2; Dora forges. */
enum { ADA, BEN, CLEO, MEMBERS };

struct room {
    struct kit_person people[MEMBERS], dora;
    struct mls_buf genuine; /* a commit by which Dora could join */
    struct mls_bytes kem_output, path;
    struct mls_buf leaf; /* put into the path instead of its own, when there is one */
    struct mls_writer body;
    size_t list;
    /* What the frame claims. */
    uint8_t sender_type, content_type;
    uint64_t epoch_ahead;
    const uint8_t *seed;
    bool without_path;
};

/* Finds the parts of the genuine commit. */
static void
take_apart(struct room *room)
{
    struct mls_public_message message;
    struct mls_commit_body commit;
    struct mls_proposal_or_ref entry;
    struct mls_reader r;

    assert_ok(mls_public_message_message_read(mls_buf_bytes(&room->genuine), &message));
    mls_reader_init(&r, message.content.body);
    mls_commit_body_read(&r, &commit);
    assert_ok(mls_reader_finish(&r));
    const uint8_t *end = message.content.body.data + message.content.body.len;
    room->path =
        mls_bytes(commit.path.leaf.encoded.data, (size_t)(end - commit.path.leaf.encoded.data));
    mls_reader_init(&r, commit.proposals);
    mls_proposal_or_ref_read(&r, &entry);
    room->kem_output = entry.proposal.u.kem_output;
}

static void
room_init(struct room *room, uint32_t old_leaf)
{
    *room = (struct room){
        .sender_type = MLS_SENDER_NEW_MEMBER_COMMIT,
        .content_type = MLS_CONTENT_COMMIT,
    };
    kit_group(room->people, MEMBERS, 3);
    for (size_t i = 0; i < MEMBERS; i++) {
        room->people[i].psk_id = "psk";
        room->people[i].psk = "a secret all know";
        room->people[i].keeps_names = true;
    }
    kit_person_init(&room->dora, "dora", 3);
    room->seed = room->dora.seed;
    kit_join_external(&room->dora, &room->people[ADA], old_leaf, &room->genuine);
    take_apart(room);
    mls_writer_init(&room->body, mls_provider_default(), 0);
    room->list = mls_write_vector(&room->body);
}

static void
room_fini(struct room *room)
{
    mls_writer_fini(&room->body);
    mls_buf_fini(&room->leaf);
    mls_buf_fini(&room->genuine);
    kit_person_fini(&room->dora);
    for (size_t i = 0; i < MEMBERS; i++)
        kit_person_fini(&room->people[i]);
}

/* ---- Writing a list ------------------------------------------------------------------------ */

static void
put_type(struct room *room, uint16_t type)
{
    mls_write_u8(&room->body, MLS_BY_VALUE);
    mls_write_u16(&room->body, type);
}

static void
put_init(struct room *room)
{
    put_type(room, MLS_PROPOSAL_EXTERNAL_INIT);
    mls_write_opaque(&room->body, room->kem_output);
}

static void
put_other_init(struct room *room, size_t len)
{
    static const uint8_t zeros[MLS_KEM_OUTPUT_BYTES + 1];

    put_type(room, MLS_PROPOSAL_EXTERNAL_INIT);
    mls_write_opaque(&room->body, mls_bytes(zeros, len));
}

static void
put_remove(struct room *room, uint32_t leaf)
{
    put_type(room, MLS_PROPOSAL_REMOVE);
    mls_write_u32(&room->body, leaf);
}

static void
put_psk(struct room *room, const char *id)
{
    static const uint8_t nonce[MLS_HASH_BYTES] = {1};

    put_type(room, MLS_PROPOSAL_PSK);
    mls_write_u8(&room->body, MLS_PSK_EXTERNAL);
    mls_write_opaque(&room->body, mls_bytes(id, strlen(id)));
    mls_write_opaque(&room->body, mls_bytes(nonce, sizeof nonce));
}

static void
put_add(struct room *room)
{
    struct kit_person erin;
    struct mls_buf package = {0};

    kit_person_init(&erin, "erin", 3);
    kit_key_package(&erin, &package);
    put_type(room, MLS_PROPOSAL_ADD);
    mls_write_raw(&room->body, mls_bytes(package.data + 4, package.len - 4));
    mls_buf_fini(&package);
    kit_person_fini(&erin);
}

static void
put_update(struct room *room)
{
    put_type(room, MLS_PROPOSAL_UPDATE);
    mls_write_raw(&room->body, mls_tree_leaf(&room->people[ADA].group->epoch->tree, 0)->encoded);
}

static void
put_context_extensions(struct room *room)
{
    put_type(room, MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
    mls_write_varint(&room->body, 0);
}

static void
put_reinit(struct room *room)
{
    put_type(room, MLS_PROPOSAL_REINIT);
    mls_write_opaque(&room->body, mls_text("next"));
    mls_write_u16(&room->body, MLS_VERSION_10);
    mls_write_u16(&room->body, 3);
    mls_write_varint(&room->body, 0);
}

/* Ben proposes that Cleo goes, everybody knows it, and Dora names it. */
static void
put_reference(struct room *room)
{
    const struct mls_proposal remove = {.type = MLS_PROPOSAL_REMOVE, .leaf = CLEO};
    uint8_t ref[MLS_REF_BYTES];
    struct mls_buf message = {0};

    kit_expect(mls_group_propose(room->people[BEN].group, &remove, mls_bytes_empty(), &message), 0,
               "propose");
    kit_take_proposal(&room->people[ADA], &message);
    kit_take_proposal(&room->people[CLEO], &message);
    assert_ok(mls_proposal_ref(mls_provider_default(), mls_buf_bytes(&message), ref));
    mls_write_u8(&room->body, MLS_BY_REFERENCE);
    mls_write_opaque(&room->body, mls_bytes(ref, sizeof ref));
    mls_buf_fini(&message);
}

/* ---- Another leaf in the path --------------------------------------------------------------- */

/* What to change about Dora's leaf before it is signed again. */
struct alteration {
    struct mls_bytes encryption_key, signature_key;
    const uint8_t *seed;
    uint8_t source;
    uint32_t index;
    bool without_capabilities;
};

static void
put_leaf(struct room *room, struct alteration alteration)
{
    const struct mls_crypto *c = &room->dora.group->c;
    struct mls_leaf_place place = {mls_text("group"), alteration.index};
    struct mls_leaf leaf;
    struct mls_reader r;
    struct mls_writer w;

    mls_reader_init(&r, room->path);
    mls_leaf_read(&r, &leaf);
    if (alteration.encryption_key.len > 0)
        leaf.encryption_key = alteration.encryption_key;
    if (alteration.signature_key.len > 0)
        leaf.signature_key = alteration.signature_key;
    if (alteration.source != 0)
        leaf.source = alteration.source;
    if (alteration.without_capabilities)
        leaf.capabilities.extensions = mls_bytes_empty();
    if (alteration.seed != NULL)
        room->seed = alteration.seed;
    mls_writer_init(&w, mls_provider_default(), 0);
    mls_leaf_write_signed(&w, c, room->seed, &leaf, &place);
    assert_ok(mls_buf_take(&room->leaf, &w));
    mls_writer_fini(&w);
}

static struct mls_bytes
key_of(const struct room *room, uint32_t leaf)
{
    return mls_tree_leaf(&room->people[ADA].group->epoch->tree, leaf)->encryption_key;
}

static struct mls_bytes
signature_key_of(const struct room *room, uint32_t leaf)
{
    return mls_tree_leaf(&room->people[ADA].group->epoch->tree, leaf)->signature_key;
}

/* The group asks for an extension that only kit people understand. The genuine commit is of an
 * epoch before, so that it is made again. */
static void
require_extension(struct room *room)
{
    static const uint8_t required[] = {2, KIT_APP_EXTENSION >> 8, KIT_APP_EXTENSION & 0xff, 0, 0};
    const struct mls_extension extension = {MLS_EXTENSION_REQUIRED_CAPABILITIES,
                                            mls_bytes(required, sizeof required)};
    const struct mls_proposal set = {.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
                                     .extensions = &extension,
                                     .extension_count = 1};
    const struct mls_commit_options options = {.proposals = &set, .proposal_count = 1};

    kit_commit_to_all(&room->people[ADA], &options, room->people, MEMBERS);
    kit_join_external(&room->dora, &room->people[ADA], MLS_LEAF_NONE, &room->genuine);
    take_apart(room);
}

/* ---- Signing and sending -------------------------------------------------------------------- */

/* The path, with another leaf when there is one. */
static void
put_path(struct room *room)
{
    struct mls_leaf leaf;
    struct mls_reader r;

    mls_write_optional(&room->body, !room->without_path);
    if (room->without_path)
        return;
    mls_reader_init(&r, room->path);
    mls_leaf_read(&r, &leaf);
    if (room->leaf.len == 0) {
        mls_write_raw(&room->body, room->path);
        return;
    }
    mls_write_raw(&room->body, mls_buf_bytes(&room->leaf));
    mls_write_raw(&room->body,
                  mls_bytes(room->path.data + leaf.encoded.len, room->path.len - leaf.encoded.len));
}

static void
forge(struct room *room, struct mls_buf *message_out)
{
    struct forgery forgery;

    forge_begin(&forgery, &room->people[ADA], room->content_type, mls_writer_bytes(&room->body));
    forgery.content.sender = (struct mls_sender){.type = room->sender_type};
    forgery.content.epoch += room->epoch_ahead;
    forgery.seed = room->seed;
    forge_end(&forgery, &room->people[ADA], message_out);
}

static void
expect_refusal(struct room *room, int error)
{
    struct mls_buf message = {0};

    if (room->content_type == MLS_CONTENT_COMMIT) {
        mls_write_vector_end(&room->body, room->list);
        put_path(room);
    }
    assert_ok(mls_writer_error(&room->body));
    forge(room, &message);
    for (size_t i = 0; i < MEMBERS; i++) {
        kit_refuse(&room->people[i], mls_buf_bytes(&message), error, "forged external commit");
        if (room->content_type == MLS_CONTENT_COMMIT)
            follower_compare(&room->people[i], mls_buf_bytes(&message), error);
    }
    mls_buf_fini(&message);
}

/* One test: what is wrong, and the error it must meet. `old_leaf` is the one that the genuine commit
 * removes. */
#define FORGED(name, error, old_leaf, ...) \
    static void name(void **state)         \
    {                                      \
        struct room room;                  \
                                           \
        (void)state;                       \
        room_init(&room, old_leaf);        \
        __VA_ARGS__;                       \
        expect_refusal(&room, error);      \
        room_fini(&room);                  \
    }

#define JOIN(name, error, ...) FORGED(name, error, MLS_LEAF_NONE, __VA_ARGS__)

/* ---- Sound ones ---------------------------------------------------------------------------- */

JOIN(a_sound_join_fails_only_at_its_tag, MLS_ECONFIRMATION, put_init(&room))
JOIN(a_join_may_bring_psks, MLS_ECONFIRMATION, put_psk(&room, "psk"), put_init(&room))

/* ---- The list (section 12.2) ---------------------------------------------------------------- */

JOIN(a_join_needs_an_external_init, MLS_EPROPOSAL, (void)0)
JOIN(psks_alone_are_no_join, MLS_EPROPOSAL, put_psk(&room, "psk"))
JOIN(an_external_init_comes_once, MLS_EPROPOSAL, put_init(&room), put_init(&room))
JOIN(an_external_init_has_the_length_of_the_kem, MLS_EPROPOSAL,
     put_other_init(&room, MLS_KEM_OUTPUT_BYTES + 1))
JOIN(an_external_init_has_no_low_order, MLS_EPROPOSAL, put_other_init(&room, MLS_KEM_OUTPUT_BYTES))
JOIN(a_joiner_cannot_add, MLS_EPROPOSAL, put_init(&room), put_add(&room))
JOIN(a_joiner_cannot_update, MLS_EPROPOSAL, put_init(&room), put_update(&room))
JOIN(a_joiner_cannot_set_context_extensions, MLS_EPROPOSAL, put_init(&room),
     put_context_extensions(&room))
JOIN(a_joiner_cannot_close_the_group, MLS_EPROPOSAL, put_init(&room), put_reinit(&room))
JOIN(a_joiner_names_nothing_by_reference, MLS_EPROPOSAL, put_init(&room), put_reference(&room))
JOIN(a_joiner_removes_one_leaf_at_the_most, MLS_EPROPOSAL, put_init(&room), put_remove(&room, BEN),
     put_remove(&room, CLEO))
JOIN(a_joiner_removes_no_blank_leaf, MLS_EPROPOSAL, put_init(&room), put_remove(&room, MEMBERS))
JOIN(a_joiner_removes_no_leaf_outside_the_tree, MLS_EPROPOSAL, put_init(&room),
     put_remove(&room, UINT32_MAX))
JOIN(a_joiner_brings_a_psk_once, MLS_EPROPOSAL, put_init(&room), put_psk(&room, "psk"),
     put_psk(&room, "psk"))
JOIN(a_joiner_brings_psks_that_members_know, MLS_EPSK, put_init(&room), put_psk(&room, "other"))

/* ---- The leaf ------------------------------------------------------------------------------ */

FORGED(a_joiner_removes_nobody_but_itself, MLS_ECREDENTIAL, CLEO, put_init(&room),
       put_remove(&room, CLEO))
JOIN(a_join_needs_a_path, MLS_EPATH, put_init(&room), room.without_path = true)
JOIN(the_leaf_of_a_join_says_that_it_is_of_a_commit, MLS_ETREE, put_init(&room),
     put_leaf(&room, (struct alteration){.source = MLS_LEAF_UPDATE, .index = MEMBERS}))
JOIN(the_leaf_of_a_join_is_signed_for_its_place, MLS_ESIGNATURE, put_init(&room),
     put_leaf(&room, (struct alteration){.index = MEMBERS + 1}))
JOIN(what_all_can_see_goes_before_a_psk_that_is_not_known, MLS_ESIGNATURE, put_init(&room),
     put_psk(&room, "other"), put_leaf(&room, (struct alteration){.index = MEMBERS + 1}))
JOIN(the_leaf_of_a_join_fits_the_group, MLS_EPROPOSAL, require_extension(&room), put_init(&room),
     put_leaf(&room, (struct alteration){.index = MEMBERS, .without_capabilities = true}))
JOIN(no_member_joins_again_without_leaving, MLS_ETREE, put_init(&room),
     put_leaf(&room, (struct alteration){.index = MEMBERS,
                                         .signature_key = signature_key_of(&room, BEN),
                                         .seed = room.people[BEN].seed}))
JOIN(a_joiner_has_a_key_of_its_own, MLS_ETREE, put_init(&room),
     put_leaf(&room, (struct alteration){.index = MEMBERS, .encryption_key = key_of(&room, ADA)}))
FORGED(a_leaf_that_comes_back_has_a_new_key, MLS_ETREE, CLEO, put_init(&room),
       put_remove(&room, CLEO),
       put_leaf(&room, (struct alteration){.index = CLEO, .encryption_key = key_of(&room, CLEO)}))

/* ---- The frame ----------------------------------------------------------------------------- */

JOIN(a_join_is_signed_by_the_leaf_it_brings, MLS_ESIGNATURE, put_init(&room),
     room.seed = room.people[ADA].seed)
JOIN(a_join_is_of_the_current_epoch, MLS_EEPOCH, put_init(&room), room.epoch_ahead = 1)
JOIN(an_external_sender_commits_nothing, MLS_EPROPOSAL, put_init(&room),
     room.sender_type = MLS_SENDER_EXTERNAL)
JOIN(who_asks_to_be_added_commits_nothing, MLS_EPROPOSAL, put_init(&room),
     room.sender_type = MLS_SENDER_NEW_MEMBER_PROPOSAL)

/* The sender type of a commit on a proposal. */
static void
a_joiner_proposes_nothing(void **state)
{
    (void)state;
    static const uint8_t remove[] = {0, MLS_PROPOSAL_REMOVE, 0, 0, 0, CLEO};
    struct room room;

    room_init(&room, MLS_LEAF_NONE);
    mls_writer_fini(&room.body);
    mls_writer_init(&room.body, mls_provider_default(), 0);
    mls_write_raw(&room.body, mls_bytes(remove, sizeof remove));
    room.content_type = MLS_CONTENT_PROPOSAL;
    expect_refusal(&room, MLS_EPROPOSAL);
    room_fini(&room);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_sound_join_fails_only_at_its_tag),
    cmocka_unit_test(a_join_may_bring_psks),
    cmocka_unit_test(a_join_needs_an_external_init),
    cmocka_unit_test(psks_alone_are_no_join),
    cmocka_unit_test(an_external_init_comes_once),
    cmocka_unit_test(an_external_init_has_the_length_of_the_kem),
    cmocka_unit_test(an_external_init_has_no_low_order),
    cmocka_unit_test(a_joiner_cannot_add),
    cmocka_unit_test(a_joiner_cannot_update),
    cmocka_unit_test(a_joiner_cannot_set_context_extensions),
    cmocka_unit_test(a_joiner_cannot_close_the_group),
    cmocka_unit_test(a_joiner_names_nothing_by_reference),
    cmocka_unit_test(a_joiner_removes_one_leaf_at_the_most),
    cmocka_unit_test(a_joiner_removes_no_blank_leaf),
    cmocka_unit_test(a_joiner_removes_no_leaf_outside_the_tree),
    cmocka_unit_test(a_joiner_brings_a_psk_once),
    cmocka_unit_test(a_joiner_brings_psks_that_members_know),
    cmocka_unit_test(a_joiner_removes_nobody_but_itself),
    cmocka_unit_test(a_join_needs_a_path),
    cmocka_unit_test(the_leaf_of_a_join_says_that_it_is_of_a_commit),
    cmocka_unit_test(the_leaf_of_a_join_is_signed_for_its_place),
    cmocka_unit_test(what_all_can_see_goes_before_a_psk_that_is_not_known),
    cmocka_unit_test(the_leaf_of_a_join_fits_the_group),
    cmocka_unit_test(no_member_joins_again_without_leaving),
    cmocka_unit_test(a_joiner_has_a_key_of_its_own),
    cmocka_unit_test(a_leaf_that_comes_back_has_a_new_key),
    cmocka_unit_test(a_join_is_signed_by_the_leaf_it_brings),
    cmocka_unit_test(a_join_is_of_the_current_epoch),
    cmocka_unit_test(an_external_sender_commits_nothing),
    cmocka_unit_test(who_asks_to_be_added_commits_nothing),
    cmocka_unit_test(a_joiner_proposes_nothing),
};

SOTTO_TEST_MAIN(tests)
