/* SPDX-License-Identifier: MIT */
/*
 * Proposals a malicious member could send (RFC 9420 sections 7.3, 10.1, 12.1): signed with her key, tagged with the
 * group's membership key, once in a PublicMessage and once encrypted. Cleo must refuse each for its own reason, keep
 * nothing, and use up no key: one that is sound is kept afterwards.
 */
#include "sotto_test.h"

#include "mls_forge.h"

/* Ada forges, Cleo receives; Dora could be added. The group has an extension that its members must understand. */
enum { ADA, BEN, CLEO, MEMBERS };

struct room {
    struct kit_person people[MEMBERS], dora;
    struct mls_buf package; /* of Dora, as published */
    struct mls_writer body; /* the Proposal in the making */
    uint8_t key[MLS_KEM_PUBLIC_BYTES];
    struct forgery forgery;
};

static void
room_init(struct room *room)
{
    const struct mls_extension extension = {KIT_APP_EXTENSION, mls_text("x")};
    const struct mls_proposal set = {.type = MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS,
                                     .extensions = &extension,
                                     .extension_count = 1};
    const struct mls_commit_options options = {.proposals = &set, .proposal_count = 1};
    uint8_t secret[MLS_KEM_SECRET_BYTES];

    *room = (struct room){0};
    kit_group(room->people, MEMBERS, 3);
    kit_commit_to_all(&room->people[ADA], &options, room->people, MEMBERS);
    kit_person_init(&room->dora, "dora", 3);
    kit_key_package(&room->dora, &room->package);
    assert_ok(mls_kem_keygen(&room->people[ADA].group->c, secret, room->key));
    mls_writer_init(&room->body, mls_provider_default(), 0);
    forge_begin(&room->forgery, &room->people[ADA], MLS_CONTENT_PROPOSAL, mls_bytes_empty());
}

static void
room_fini(struct room *room)
{
    mls_writer_fini(&room->body);
    mls_buf_fini(&room->package);
    for (size_t i = 0; i < MEMBERS; i++)
        kit_person_fini(&room->people[i]);
    kit_person_fini(&room->dora);
}

/* ---- Making them ------------------------------------------------------------------------------- */

/* Ada's leaf as an Update with a new key. */
static struct mls_leaf
new_leaf(const struct room *room)
{
    struct mls_leaf leaf = *mls_tree_leaf(&room->people[ADA].group->epoch->tree, ADA);

    leaf.source = MLS_LEAF_UPDATE;
    leaf.encryption_key = mls_bytes(room->key, sizeof room->key);
    return leaf;
}

static void
put_update(struct room *room, const struct mls_leaf *leaf, const struct kit_person *signer,
           uint32_t signed_for)
{
    const struct mls_group *group = room->people[ADA].group;
    const struct mls_leaf_place place = {mls_buf_bytes(&group->id), signed_for};

    mls_write_u16(&room->body, MLS_PROPOSAL_UPDATE);
    mls_leaf_write_signed(&room->body, &group->c, signer->seed, leaf, &place);
}

/* An Update of Ada with one thing changed. */
#define UPDATE(change)                                    \
    do {                                                  \
        struct mls_leaf leaf = new_leaf(&room);           \
        change;                                           \
        put_update(&room, &leaf, &room.people[ADA], ADA); \
    } while (0)

/* Both signatures of a KeyPackage are Dora's, whatever it says. */
static void
put_add(struct room *room, const struct mls_key_package *package)
{
    const struct mls_crypto *c = &room->people[ADA].group->c;
    const struct mls_leaf_place place = {.index = 3}; /* for a source that has one */
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_writer unsigned_part;

    mls_writer_init(&unsigned_part, c->p, 0);
    mls_write_u16(&unsigned_part, package->version);
    mls_write_u16(&unsigned_part, package->suite);
    mls_write_opaque(&unsigned_part, package->init_key);
    mls_leaf_write_signed(&unsigned_part, c, room->dora.seed, &package->leaf, &place);
    mls_write_opaque(&unsigned_part, package->extensions);
    assert_ok(mls_sign_with_label(c, room->dora.seed, "KeyPackageTBS",
                                  mls_writer_bytes(&unsigned_part), signature));
    mls_write_u16(&room->body, MLS_PROPOSAL_ADD);
    mls_write_raw(&room->body, mls_writer_bytes(&unsigned_part));
    mls_write_opaque(&room->body, mls_bytes(signature, sizeof signature));
    mls_writer_fini(&unsigned_part);
}

/* An Add of Dora with one thing changed. */
#define ADD(change)                                                                      \
    do {                                                                                 \
        struct mls_key_package package;                                                  \
        assert_ok(mls_key_package_message_read(mls_buf_bytes(&room.package), &package)); \
        change;                                                                          \
        put_add(&room, &package);                                                        \
    } while (0)

static void
put_proposal(struct room *room, const struct mls_proposal_body *body)
{
    mls_proposal_write(&room->body, body);
}

static void
put_remove(struct room *room, uint32_t leaf)
{
    const struct mls_proposal_body remove = {.type = MLS_PROPOSAL_REMOVE, .u.removed = leaf};

    put_proposal(room, &remove);
}

static void
put_extension(struct room *room, uint16_t type, const char *data, size_t len)
{
    mls_write_u16(&room->body, MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
    const size_t mark = mls_write_vector(&room->body);
    mls_extension_write(&room->body, type, mls_bytes(data, len));
    mls_write_vector_end(&room->body, mark);
}

/* ---- Sending them ------------------------------------------------------------------------------ */

static void
send_as(struct room *room, uint16_t wire_format, int error)
{
    struct kit_person *cleo = &room->people[CLEO];
    struct mls_buf message = {0};

    room->forgery.wire_format = wire_format;
    room->forgery.content.body = mls_writer_bytes(&room->body);
    forge_end(&room->forgery, &room->people[ADA], &message);
    if (error != 0) {
        kit_refuse(cleo, mls_buf_bytes(&message), error, "forged proposal");
        assert_int_equal(mls_group_proposal_count(cleo->group), 0);
    } else {
        kit_take_proposal(cleo, &message);
    }
    mls_buf_fini(&message);
}

static void
expect(struct room *room, int error)
{
    assert_ok(mls_writer_error(&room->body));
    send_as(room, MLS_WIRE_PRIVATE_MESSAGE, error);
    send_as(room, MLS_WIRE_PUBLIC_MESSAGE, error);
}

/* One test: a proposal, and the error it must meet. */
#define SENT(name, error, ...)     \
    static void name(void **state) \
    {                              \
        struct room room;          \
                                   \
        (void)state;               \
        room_init(&room);          \
        __VA_ARGS__;               \
        expect(&room, error);      \
        room_fini(&room);          \
    }

#define TEXT_BYTES(text) mls_bytes(text, sizeof(text) - 1)

/* ---- The tests --------------------------------------------------------------------------------- */

SENT(a_sound_update_is_kept, 0, UPDATE((void)0))
SENT(a_sound_add_is_kept, 0, ADD((void)0))

/* Updates */
SENT(an_update_says_that_it_is_one, MLS_ETREE, UPDATE(leaf.source = MLS_LEAF_KEY_PACKAGE))
SENT(an_update_does_not_claim_a_path, MLS_ETREE, UPDATE(leaf.source = MLS_LEAF_COMMIT))
SENT(an_update_brings_a_new_key, MLS_ETREE,
     UPDATE(leaf.encryption_key =
                mls_tree_leaf(&room.people[ADA].group->epoch->tree, ADA)->encryption_key))
SENT(an_update_brings_a_key_of_its_length, MLS_ETREE, UPDATE(leaf.encryption_key.len--))
SENT(an_update_is_for_its_own_place, MLS_ESIGNATURE, struct mls_leaf leaf = new_leaf(&room);
     put_update(&room, &leaf, &room.people[ADA], BEN))
SENT(an_update_is_signed_by_its_own_key, MLS_ESIGNATURE, struct mls_leaf leaf = new_leaf(&room);
     put_update(&room, &leaf, &room.people[BEN], ADA))
SENT(an_update_can_do_our_version, MLS_EVERSION,
     UPDATE(leaf.capabilities.versions = TEXT_BYTES("\x00\x02")))
SENT(an_update_can_do_the_suite, MLS_ESUITE,
     UPDATE(leaf.capabilities.suites = TEXT_BYTES("\x00\x01")))
SENT(an_update_understands_what_the_group_has, MLS_EPROPOSAL,
     UPDATE(leaf.capabilities.extensions = mls_bytes_empty()))
SENT(an_update_lists_its_own_extensions, MLS_ETREE,
     UPDATE(leaf.extensions = TEXT_BYTES("\xf0\x02\x00")))
SENT(an_update_has_each_extension_once, MLS_EDECODE,
     UPDATE(leaf.extensions = TEXT_BYTES("\xf0\x01\x00\xf0\x01\x00")))
SENT(an_update_names_whom_we_trust, MLS_ECREDENTIAL, room.people[CLEO].distrusts = "mallory";
     UPDATE(leaf.credential.body = mls_text("mallory")))

/* Adds */
SENT(an_add_has_our_version, MLS_EVERSION, ADD(package.version = 2))
SENT(an_add_has_our_suite, MLS_ESUITE, ADD(package.suite = 1))
SENT(an_add_has_two_keys, MLS_ETREE, ADD(package.init_key = package.leaf.encryption_key))
SENT(an_add_has_a_key_of_its_length, MLS_ETREE, ADD(package.init_key.len--))
SENT(an_add_is_of_a_key_package, MLS_ETREE, ADD(package.leaf.source = MLS_LEAF_UPDATE))
SENT(an_add_is_signed_by_its_own_key, MLS_ESIGNATURE,
     ADD(package.leaf.signature_key =
             mls_tree_leaf(&room.people[ADA].group->epoch->tree, BEN)->signature_key))
SENT(an_add_understands_what_the_group_has, MLS_EPROPOSAL,
     ADD(package.leaf.capabilities.extensions = mls_bytes_empty()))
SENT(an_add_has_not_expired, MLS_ELIFETIME, ADD(package.leaf.lifetime.not_after = KIT_NOW - 1))
SENT(an_add_has_begun, MLS_ELIFETIME, ADD(package.leaf.lifetime.not_before = KIT_NOW + 1))
SENT(an_add_does_not_end_before_it_begins, MLS_ELIFETIME,
     ADD(package.leaf.lifetime = ((struct mls_lifetime){KIT_NOW + 1, KIT_NOW - 1})))
SENT(an_add_names_whom_we_trust, MLS_ECREDENTIAL, room.people[CLEO].distrusts = "dora";
     ADD((void)0))

/* The others */
SENT(a_remove_names_a_member, MLS_EPROPOSAL, put_remove(&room, 3))
SENT(a_remove_names_a_leaf_of_the_tree, MLS_EPROPOSAL, put_remove(&room, UINT32_MAX))
SENT(requirements_decode, MLS_EDECODE,
     put_extension(&room, MLS_EXTENSION_REQUIRED_CAPABILITIES, "\x01\x01", 2))
SENT(external_senders_decode, MLS_EDECODE,
     put_extension(&room, MLS_EXTENSION_EXTERNAL_SENDERS, "\x01\x01", 2))
SENT(a_member_does_not_come_from_outside, MLS_EPROPOSAL,
     put_proposal(&room, &(struct mls_proposal_body){
                             .type = MLS_PROPOSAL_EXTERNAL_INIT,
                             .u.kem_output = mls_bytes(room.key, sizeof room.key)}))
SENT(a_proposal_has_a_type_we_know, MLS_EPROPOSAL, mls_write_u16(&room.body, 0x0a0a))

/* The frame */
SENT(a_proposal_is_signed_by_who_it_says, MLS_ESIGNATURE, put_remove(&room, BEN),
     room.forgery.content.sender.index = BEN)
SENT(a_proposal_is_of_a_member, MLS_ENOTFOUND, put_remove(&room, BEN),
     room.forgery.content.sender.index = 3)
SENT(a_proposal_is_of_this_epoch, MLS_EEPOCH, put_remove(&room, BEN), room.forgery.content.epoch++)
SENT(a_proposal_is_not_of_the_last_epoch, MLS_EEPOCH, put_remove(&room, BEN),
     room.forgery.content.epoch--)
SENT(a_proposal_is_of_this_group, MLS_EGROUP, put_remove(&room, BEN),
     room.forgery.content.group_id = mls_text("another"))

/* Nobody is listed, and nobody can be without being listed. */
static void
nobody_proposes_from_outside_who_is_not_listed(void **state)
{
    struct room room;

    (void)state;
    room_init(&room);
    put_remove(&room, BEN);
    room.forgery.content.sender = (struct mls_sender){MLS_SENDER_EXTERNAL, 0};
    send_as(&room, MLS_WIRE_PUBLIC_MESSAGE, MLS_ENOTFOUND);
    room_fini(&room);
}

/* Application data never travels in the clear. */
static void
a_text_in_the_clear_is_refused(void **state)
{
    struct room room;

    (void)state;
    room_init(&room);
    mls_write_opaque(&room.body, mls_text("hello"));
    room.forgery.content.type = MLS_CONTENT_APPLICATION;
    room.forgery.content.sender = (struct mls_sender){MLS_SENDER_EXTERNAL, 0};
    send_as(&room, MLS_WIRE_PUBLIC_MESSAGE, MLS_EDECODE);
    room_fini(&room);
}

#define TESTS(X)                                      \
    X(a_sound_update_is_kept)                         \
    X(a_sound_add_is_kept)                            \
    X(an_update_says_that_it_is_one)                  \
    X(an_update_does_not_claim_a_path)                \
    X(an_update_brings_a_new_key)                     \
    X(an_update_brings_a_key_of_its_length)           \
    X(an_update_is_for_its_own_place)                 \
    X(an_update_is_signed_by_its_own_key)             \
    X(an_update_can_do_our_version)                   \
    X(an_update_can_do_the_suite)                     \
    X(an_update_understands_what_the_group_has)       \
    X(an_update_lists_its_own_extensions)             \
    X(an_update_has_each_extension_once)              \
    X(an_update_names_whom_we_trust)                  \
    X(an_add_has_our_version)                         \
    X(an_add_has_our_suite)                           \
    X(an_add_has_two_keys)                            \
    X(an_add_has_a_key_of_its_length)                 \
    X(an_add_is_of_a_key_package)                     \
    X(an_add_is_signed_by_its_own_key)                \
    X(an_add_understands_what_the_group_has)          \
    X(an_add_has_not_expired)                         \
    X(an_add_has_begun)                               \
    X(an_add_does_not_end_before_it_begins)           \
    X(an_add_names_whom_we_trust)                     \
    X(a_remove_names_a_member)                        \
    X(a_remove_names_a_leaf_of_the_tree)              \
    X(requirements_decode)                            \
    X(external_senders_decode)                        \
    X(a_member_does_not_come_from_outside)            \
    X(a_proposal_has_a_type_we_know)                  \
    X(a_proposal_is_signed_by_who_it_says)            \
    X(a_proposal_is_of_a_member)                      \
    X(a_proposal_is_of_this_epoch)                    \
    X(a_proposal_is_not_of_the_last_epoch)            \
    X(a_proposal_is_of_this_group)                    \
    X(nobody_proposes_from_outside_who_is_not_listed) \
    X(a_text_in_the_clear_is_refused)

#define ROW(test) cmocka_unit_test(test),

static const struct CMUnitTest tests[] = {TESTS(ROW)};

SOTTO_TEST_MAIN(tests)
