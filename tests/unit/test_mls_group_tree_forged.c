/* SPDX-License-Identifier: MIT */
/*
 * Trees that a malicious member could show to somebody who comes (RFC 9420 sections 7.3, 7.9.2, 12.4.3.1): the tree
 * hash fits the tree, the GroupInfo is signed by a member, and the leaf in question by its own member. Who joins by
 * an external commit and who follows from outside must refuse each for the same reason; one tree that is sound passes.
 */
#include "sotto_test.h"

#include "mls/public_group.h"
#include "mls_forge.h"

/* Node 1 over Ada and Ben, node 3 over all; Dora came without a path, so she is unmerged there. Node 5 is blank. */
enum { ADA, BEN, CLEO, DORA, MEMBERS };

struct room {
    struct kit_person people[MEMBERS], emil; /* Emil comes */
    struct mls_tree tree;
    struct mls_buf encoded; /* the tree, when it can only be said in bytes */
    struct mls_buf original;
    struct mls_group_info info;
    const uint8_t *signer_seed;
};

static void
room_init(struct room *room)
{
    const struct mls_commit_options renew = {.force_path = true};
    struct kit_person *others[] = {&room->people[ADA], &room->people[BEN]};

    *room = (struct room){0};
    kit_group(room->people, DORA, 3);
    kit_commit_to_all(&room->people[ADA], &renew, room->people, DORA);
    kit_person_init(&room->people[DORA], "dora", 3);
    kit_add(&room->people[CLEO], &room->people[DORA], others, 2);
    kit_person_init(&room->emil, "emil", 3);
    const struct mls_group *group = room->people[ADA].group;
    assert_ok(mls_tree_clone(&room->tree, &group->epoch->tree));
    assert_int_equal(mls_tree_parent(&room->tree, 3)->unmerged_count, 1);
    assert_ok(mls_group_export_info(group, false, &room->original));
    assert_ok(mls_group_info_message_read(mls_buf_bytes(&room->original), &room->info));
    room->signer_seed = room->people[ADA].seed;
}

static void
room_fini(struct room *room)
{
    mls_tree_fini(&room->tree);
    mls_buf_fini(&room->encoded);
    mls_buf_fini(&room->original);
    for (size_t i = 0; i < MEMBERS; i++)
        kit_person_fini(&room->people[i]);
    kit_person_fini(&room->emil);
}

/* ---- What is wrong --------------------------------------------------------------------------- */

/* Puts a leaf at a place, signed by `seed` for that place or another one. */
static void
put_leaf(struct room *room, uint32_t at, const struct mls_leaf *leaf, const uint8_t *seed,
         uint32_t signed_for)
{
    const struct mls_leaf_place place = {room->info.context.group_id, signed_for};
    struct mls_writer w;

    mls_writer_init(&w, mls_provider_default(), 0);
    mls_leaf_write_signed(&w, &room->people[ADA].group->c, seed, leaf, &place);
    assert_ok(mls_writer_error(&w));
    assert_ok(mls_tree_set_leaf(&room->tree, at, mls_writer_bytes(&w)));
    mls_writer_fini(&w);
}

/* The member's own leaf with one thing changed by `change`, signed by the member. */
#define CHANGE_LEAF(at, change)                                \
    do {                                                       \
        struct mls_leaf leaf = *mls_tree_leaf(&room.tree, at); \
        change;                                                \
        put_leaf(&room, at, &leaf, room.people[at].seed, at);  \
    } while (0)

/* Sets node 3 anew, with everything as it was but what is given. */
static void
put_root(struct room *room, const uint8_t *key, struct mls_bytes hash, const uint32_t *unmerged,
         size_t count)
{
    uint8_t old[MLS_KEM_PUBLIC_BYTES];

    memcpy(old, mls_tree_public_key(&room->tree, 3).data, sizeof old);
    assert_ok(mls_tree_set_parent(&room->tree, 3, mls_bytes(key != NULL ? key : old, sizeof old),
                                  hash, unmerged, count));
}

static void
put_unmerged(struct room *room, const uint32_t *unmerged, size_t count)
{
    put_root(room, NULL, mls_bytes_empty(), unmerged, count);
}

static const uint32_t ONLY_DORA[] = {DORA}, ONLY_BEN[] = {BEN}, NOBODY[] = {7},
                      WRONG_ORDER[] = {DORA, BEN};

static const uint8_t SOME_KEY[MLS_KEM_PUBLIC_BYTES] = {9}, SOME_HASH[MLS_HASH_BYTES] = {7};

/* Bytes of a ratchet_tree<V> that is nothing but these entries. */
static void
put_bytes(struct room *room, const uint8_t *entries, size_t len)
{
    struct mls_writer w;

    mls_writer_init(&w, mls_provider_default(), 0);
    mls_write_opaque(&w, mls_bytes(entries, len));
    assert_ok(mls_buf_take(&room->encoded, &w));
    mls_writer_fini(&w);
}

/* The tree with a blank node after its last one. */
static void
append_blank(struct room *room)
{
    struct mls_bytes nodes;
    struct mls_writer whole, longer;
    struct mls_reader r;

    mls_writer_init(&whole, mls_provider_default(), 0);
    mls_writer_init(&longer, mls_provider_default(), 0);
    mls_tree_write(&room->tree, &whole);
    mls_reader_init(&r, mls_writer_bytes(&whole));
    nodes = mls_read_opaque(&r);
    mls_write_raw(&longer, nodes);
    mls_write_u8(&longer, 0);
    put_bytes(room, mls_writer_bytes(&longer).data, mls_writer_bytes(&longer).len);
    mls_writer_fini(&longer);
    mls_writer_fini(&whole);
}

static void
sign_as(struct room *room, uint32_t member)
{
    room->info.signer = member;
    room->signer_seed = room->people[member].seed;
}

/* ---- Showing it ------------------------------------------------------------------------------ */

/* Makes the tree hash fit, unless there is no tree that has one. */
static void
fit_hash(struct room *room, uint8_t hash[MLS_HASH_BYTES])
{
    struct mls_tree tree;
    struct mls_reader r;

    mls_reader_init(&r, mls_buf_bytes(&room->encoded));
    if (mls_tree_read(&tree, &room->people[ADA].group->c, &r) != 0)
        return;
    assert_ok(mls_tree_root_hash(&tree, hash));
    room->info.context.tree_hash = mls_bytes(hash, MLS_HASH_BYTES);
    mls_tree_fini(&tree);
}

static void
encode_tree(struct room *room)
{
    struct mls_writer w;

    if (room->encoded.len > 0)
        return;
    mls_writer_init(&w, mls_provider_default(), 0);
    mls_tree_write(&room->tree, &w);
    assert_ok(mls_buf_take(&room->encoded, &w));
    mls_writer_fini(&w);
}

static int
follow(struct room *room, struct mls_bytes info)
{
    struct mls_public_group *group = NULL;
    const int error =
        mls_public_group_open(&room->emil.config, info, mls_buf_bytes(&room->encoded), &group);

    assert_true((error == 0) == (group != NULL));
    mls_public_group_destroy(&group);
    return error;
}

static int
join(struct room *room, struct mls_bytes info)
{
    const struct mls_client self = kit_client(&room->emil);
    const struct mls_external_join_params params = {
        .group_info = info,
        .ratchet_tree = mls_buf_bytes(&room->encoded),
    };
    struct mls_buf commit = {0};
    const int error = mls_group_join_external(&room->emil.config, &self, &params, &room->emil.group,
                                              &commit, NULL);

    assert_true((error == 0) == (room->emil.group != NULL));
    mls_buf_fini(&commit);
    return error;
}

static void
expect(struct room *room, int error)
{
    uint8_t hash[MLS_HASH_BYTES];
    struct mls_writer w;

    encode_tree(room);
    if (room->info.context.tree_hash.data != SOME_HASH)
        fit_hash(room, hash);
    mls_writer_init(&w, mls_provider_default(), 0);
    mls_message_header_write(&w, MLS_WIRE_GROUP_INFO);
    mls_group_info_write_signed(&w, &room->people[ADA].group->c, room->signer_seed, &room->info);
    assert_ok(mls_writer_error(&w));
    kit_expect(follow(room, mls_writer_bytes(&w)), error, "following");
    kit_expect(join(room, mls_writer_bytes(&w)), error, "joining");
    mls_writer_fini(&w);
}

/* One test: what is wrong, and the error it must meet. */
#define SHOWN(name, error, ...)    \
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

/* ---- The tests ------------------------------------------------------------------------------- */

SHOWN(a_sound_tree_is_believed, 0, (void)0)

/* hashes */
SHOWN(a_tree_hash_is_that_of_the_tree, MLS_ETREE,
      room.info.context.tree_hash = mls_bytes(SOME_HASH, sizeof SOME_HASH))
SHOWN(a_leaf_names_the_hash_of_its_parent, MLS_EPARENT_HASH,
      CHANGE_LEAF(ADA, leaf.parent_hash = mls_bytes(SOME_HASH, sizeof SOME_HASH)))
SHOWN(a_key_above_is_the_one_that_was_hashed, MLS_EPARENT_HASH,
      put_root(&room, SOME_KEY, mls_bytes_empty(), ONLY_DORA, 1))
SHOWN(a_root_has_no_parent_to_hash, MLS_EPARENT_HASH,
      put_root(&room, NULL, mls_bytes(SOME_HASH, sizeof SOME_HASH), ONLY_DORA, 1))
SHOWN(a_key_above_was_set_by_somebody, MLS_EPARENT_HASH,
      assert_ok(mls_tree_set_parent(&room.tree, 5, mls_bytes(SOME_KEY, sizeof SOME_KEY),
                                    mls_bytes_empty(), ONLY_DORA, 1)))
SHOWN(a_leaf_that_set_a_path_is_still_there, MLS_EPARENT_HASH, sign_as(&room, BEN),
      mls_tree_blank(&room.tree, 2 * ADA))

/* unmerged leaves */
SHOWN(an_unmerged_leaf_may_not_be_left_out, MLS_EPARENT_HASH, put_unmerged(&room, NULL, 0))
SHOWN(an_unmerged_leaf_is_unmerged_all_the_way, MLS_ETREE, put_unmerged(&room, ONLY_BEN, 1))
SHOWN(an_unmerged_leaf_is_a_member, MLS_ETREE, put_unmerged(&room, NOBODY, 1))
SHOWN(unmerged_leaves_are_sorted, MLS_ETREE, put_unmerged(&room, WRONG_ORDER, 2))

/* leaves */
SHOWN(a_leaf_is_signed_by_its_own_key, MLS_ESIGNATURE,
      put_leaf(&room, ADA, mls_tree_leaf(&room.tree, ADA), room.people[BEN].seed, ADA))
SHOWN(a_leaf_is_signed_for_its_own_place, MLS_ESIGNATURE,
      put_leaf(&room, ADA, mls_tree_leaf(&room.tree, ADA), room.people[ADA].seed, BEN))
SHOWN(a_signature_key_stands_once, MLS_ETREE,
      CHANGE_LEAF(DORA,
                  (leaf.signature_key = mls_tree_leaf(&room.tree, BEN)->signature_key,
                   memcpy(room.people[DORA].seed, room.people[BEN].seed, sizeof room.emil.seed))))
SHOWN(an_encryption_key_stands_once, MLS_ETREE,
      CHANGE_LEAF(DORA, leaf.encryption_key = mls_tree_leaf(&room.tree, BEN)->encryption_key))
SHOWN(an_encryption_key_is_not_that_of_a_node, MLS_ETREE,
      CHANGE_LEAF(DORA, leaf.encryption_key = mls_tree_public_key(&room.tree, 1)))
SHOWN(an_encryption_key_has_its_length, MLS_ETREE,
      CHANGE_LEAF(DORA, leaf.encryption_key = mls_bytes(SOME_KEY, 31)))
SHOWN(a_leaf_can_do_our_version, MLS_EVERSION,
      CHANGE_LEAF(DORA, leaf.capabilities.versions = TEXT_BYTES("\x00\x02")))
SHOWN(a_leaf_can_do_the_suite, MLS_ESUITE,
      CHANGE_LEAF(DORA, leaf.capabilities.suites = TEXT_BYTES("\x00\x01")))
SHOWN(a_leaf_lists_its_credential, MLS_ECREDENTIAL,
      CHANGE_LEAF(DORA, leaf.capabilities.credentials = TEXT_BYTES("\x00\x02")))
SHOWN(a_leaf_lists_its_own_extensions, MLS_ETREE,
      CHANGE_LEAF(DORA, leaf.extensions = TEXT_BYTES("\xf0\x02\x00")))
SHOWN(a_credential_is_one_we_know, MLS_ECREDENTIAL,
      CHANGE_LEAF(DORA, (leaf.credential.type = MLS_CREDENTIAL_X509,
                         leaf.credential.body = TEXT_BYTES("\x01x"))))
SHOWN(a_credential_names_somebody, MLS_ECREDENTIAL,
      CHANGE_LEAF(DORA, leaf.credential.body = mls_bytes_empty()))
SHOWN(a_member_is_one_whom_we_trust, MLS_ECREDENTIAL, room.emil.distrusts = "dora")

/* form */
SHOWN(a_tree_does_not_end_with_a_blank, MLS_ETREE, append_blank(&room))
SHOWN(a_tree_has_a_leaf, MLS_ETREE, put_bytes(&room, (const uint8_t[]){0}, 1))
SHOWN(a_node_is_a_leaf_or_a_parent, MLS_EDECODE, put_bytes(&room, (const uint8_t[]){1, 3}, 2))
SHOWN(a_parent_does_not_stand_at_a_leaf, MLS_ETREE,
      put_bytes(&room, (const uint8_t[]){1, 2, 0, 0, 0}, 5))

/* the GroupInfo around it */
SHOWN(a_group_info_is_signed_by_its_signer, MLS_ESIGNATURE,
      room.signer_seed = room.people[BEN].seed)
SHOWN(a_group_info_is_signed_by_a_member, MLS_ETREE, room.info.signer = MEMBERS)
SHOWN(a_group_info_has_our_version, MLS_EVERSION, room.info.context.version = 2)
SHOWN(a_group_info_has_our_suite, MLS_ESUITE, room.info.context.suite = 2)
SHOWN(a_group_has_a_name, MLS_EDECODE, room.info.context.group_id = mls_bytes_empty())
SHOWN(a_tree_hash_has_its_length, MLS_EDECODE,
      room.info.context.tree_hash = mls_bytes(SOME_HASH, 31))
SHOWN(a_transcript_hash_has_its_length, MLS_EDECODE,
      room.info.context.confirmed_transcript_hash = mls_bytes(SOME_HASH, 31))
SHOWN(a_confirmation_tag_has_its_length, MLS_EMAC,
      room.info.confirmation_tag = mls_bytes(SOME_HASH, 31))
SHOWN(members_can_do_what_the_group_has, MLS_EPROPOSAL,
      room.info.context.extensions = TEXT_BYTES("\xf0\x02\x00"))
SHOWN(requirements_are_well_formed, MLS_EDECODE,
      room.info.context.extensions = TEXT_BYTES("\x00\x03\x01\x01"))
SHOWN(external_senders_are_well_formed, MLS_EDECODE,
      room.info.context.extensions = TEXT_BYTES("\x00\x05\x01\x01"))

#define TESTS(X)                                \
    X(a_sound_tree_is_believed)                 \
    X(a_tree_hash_is_that_of_the_tree)          \
    X(a_leaf_names_the_hash_of_its_parent)      \
    X(a_key_above_is_the_one_that_was_hashed)   \
    X(a_root_has_no_parent_to_hash)             \
    X(a_key_above_was_set_by_somebody)          \
    X(a_leaf_that_set_a_path_is_still_there)    \
    X(an_unmerged_leaf_may_not_be_left_out)     \
    X(an_unmerged_leaf_is_unmerged_all_the_way) \
    X(an_unmerged_leaf_is_a_member)             \
    X(unmerged_leaves_are_sorted)               \
    X(a_leaf_is_signed_by_its_own_key)          \
    X(a_leaf_is_signed_for_its_own_place)       \
    X(a_signature_key_stands_once)              \
    X(an_encryption_key_stands_once)            \
    X(an_encryption_key_is_not_that_of_a_node)  \
    X(an_encryption_key_has_its_length)         \
    X(a_leaf_can_do_our_version)                \
    X(a_leaf_can_do_the_suite)                  \
    X(a_leaf_lists_its_credential)              \
    X(a_leaf_lists_its_own_extensions)          \
    X(a_credential_is_one_we_know)              \
    X(a_credential_names_somebody)              \
    X(a_member_is_one_whom_we_trust)            \
    X(a_tree_does_not_end_with_a_blank)         \
    X(a_tree_has_a_leaf)                        \
    X(a_node_is_a_leaf_or_a_parent)             \
    X(a_parent_does_not_stand_at_a_leaf)        \
    X(a_group_info_is_signed_by_its_signer)     \
    X(a_group_info_is_signed_by_a_member)       \
    X(a_group_info_has_our_version)             \
    X(a_group_info_has_our_suite)               \
    X(a_group_has_a_name)                       \
    X(a_tree_hash_has_its_length)               \
    X(a_transcript_hash_has_its_length)         \
    X(a_confirmation_tag_has_its_length)        \
    X(members_can_do_what_the_group_has)        \
    X(requirements_are_well_formed)             \
    X(external_senders_are_well_formed)

#define ROW(test) cmocka_unit_test(test),

static const struct CMUnitTest tests[] = {TESTS(ROW)};

SOTTO_TEST_MAIN(tests)
