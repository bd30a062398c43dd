/* SPDX-License-Identifier: MIT */
/*
 * Update paths a malicious member could send (RFC 9420 sections 7.5, 7.9, 12.4.2). Ada builds each by hand: leaf
 * signed by her, parent hashes that fit, keys of her choice. A receiver must refuse each for its own reason and
 * stay as he was, and so must whoever follows from outside. The sound one gets as far as its ciphertexts, which
 * hold nothing.
 */
#include "sotto_test.h"

#include "mls_follower.h"
#include "mls_forge.h"

enum { ADA, BEN, CLEO, DORA, MEMBERS, PATH = 2 };

/* A path of Ada at leaf 0: nodes 1 and 3 over Ben (2), and Cleo and Dora (5). */
struct room {
    struct kit_person people[MEMBERS];
    uint8_t keys[PATH][MLS_KEM_PUBLIC_BYTES];
    uint8_t leaf_key[MLS_KEM_PUBLIC_BYTES];
    size_t node_count;  /* how many nodes are written */
    size_t ciphertexts; /* how many at each */
    uint8_t source;
    bool break_hash;
};

/* Ada and Cleo have committed, so that every inner node holds a key. */
static void
room_init(struct room *room)
{
    const struct mls_commit_options renew = {.force_path = true};
    uint8_t secret[MLS_KEM_SECRET_BYTES];

    *room = (struct room){.node_count = PATH, .ciphertexts = 1, .source = MLS_LEAF_COMMIT};
    kit_group(room->people, MEMBERS, 3);
    kit_commit_to_all(&room->people[CLEO], &renew, room->people, MEMBERS);
    kit_commit_to_all(&room->people[ADA], &renew, room->people, MEMBERS);
    const struct mls_crypto *c = &room->people[ADA].group->c;
    for (size_t i = 0; i < PATH; i++)
        assert_ok(mls_kem_keygen(c, secret, room->keys[i]));
    assert_ok(mls_kem_keygen(c, secret, room->leaf_key));
}

static void
room_fini(struct room *room)
{
    for (size_t i = 0; i < MEMBERS; i++)
        kit_person_fini(&room->people[i]);
}

/* What the leaf must say about the nodes above it. */
static void
parent_hash(const struct room *room, uint8_t out[MLS_HASH_BYTES])
{
    struct mls_filtered_path path;
    struct mls_tree tree;
    size_t len;

    assert_ok(mls_tree_clone(&tree, &room->people[ADA].group->epoch->tree));
    mls_tree_blank_path(&tree, 0);
    mls_tree_filtered_path(&tree, 0, &path);
    assert_int_equal(path.count, PATH);
    for (size_t i = 0; i < PATH; i++) {
        const int error = mls_tree_set_parent(&tree, path.nodes[i], mls_bytes(room->keys[i], 32),
                                              mls_bytes_empty(), NULL, 0);
        if (error != 0) { /* a key that no tree takes: its hash does not matter */
            memset(out, 0, MLS_HASH_BYTES);
            mls_tree_fini(&tree);
            return;
        }
    }
    assert_ok(mls_tree_chain_path(&tree, &path, out, &len));
    assert_int_equal(len, MLS_HASH_BYTES);
    mls_tree_fini(&tree);
}

/* The Commit of nothing, with the path. */
static void
put_commit(struct mls_writer *w, const struct room *room)
{
    static const uint8_t nothing[48] = {9};
    const struct mls_group *group = room->people[ADA].group;
    const struct mls_leaf_place place = {mls_buf_bytes(&group->id), 0};
    struct mls_leaf leaf = *mls_tree_leaf(&group->epoch->tree, 0);
    uint8_t hash[MLS_HASH_BYTES];

    parent_hash(room, hash);
    hash[0] ^= room->break_hash;
    leaf.source = room->source;
    leaf.encryption_key = mls_bytes(room->leaf_key, sizeof room->leaf_key);
    leaf.parent_hash = mls_bytes(hash, sizeof hash);
    mls_write_varint(w, 0);
    mls_write_optional(w, true);
    mls_leaf_write_signed(w, &group->c, group->seed, &leaf, &place);
    size_t mark = mls_write_vector(w);
    for (size_t i = 0; i < room->node_count; i++) {
        mls_write_opaque(w, mls_bytes(room->keys[i % PATH], MLS_KEM_PUBLIC_BYTES));
        size_t list = mls_write_vector(w);
        for (size_t k = 0; k < room->ciphertexts; k++) {
            mls_write_opaque(w, mls_bytes(nothing, MLS_KEM_OUTPUT_BYTES));
            mls_write_opaque(w, mls_bytes(nothing, sizeof nothing));
        }
        mls_write_vector_end(w, list);
    }
    mls_write_vector_end(w, mark);
    assert_ok(mls_writer_error(w));
}

static void
expect_refusal(struct room *room, int error)
{
    struct mls_buf message = {0};
    struct mls_writer body;

    mls_writer_init(&body, mls_provider_default(), 0);
    put_commit(&body, room);
    forge_commit(&room->people[ADA], mls_writer_bytes(&body), &message);
    for (size_t i = BEN; i < MEMBERS; i++) {
        kit_refuse(&room->people[i], mls_buf_bytes(&message), error, "path");
        follower_compare(&room->people[i], mls_buf_bytes(&message), error);
    }
    mls_buf_fini(&message);
    mls_writer_fini(&body);
}

static void
take_key(struct room *room, uint8_t *out, uint32_t node)
{
    const struct mls_tree *tree = &room->people[ADA].group->epoch->tree;

    memcpy(out, mls_tree_public_key(tree, node).data, MLS_KEM_PUBLIC_BYTES);
}

/* One test: what is wrong with the path, and the error it must meet. */
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

FORGED(a_sound_path_fails_only_at_its_ciphertexts, MLS_EAEAD, (void)0)
FORGED(every_node_of_a_path_has_its_ciphertexts, MLS_EPATH, room.ciphertexts = 0)
FORGED(no_node_of_a_path_has_ciphertexts_too_many, MLS_EPATH, room.ciphertexts = 2)
FORGED(a_path_goes_up_to_the_root, MLS_EPATH, room.node_count = 1)
FORGED(a_path_ends_at_the_root, MLS_EPATH, room.node_count = 3)
FORGED(a_leaf_names_its_parent_hash, MLS_EPARENT_HASH, room.break_hash = true)
FORGED(a_leaf_of_a_path_says_that_it_is_one, MLS_ETREE, room.source = MLS_LEAF_UPDATE)
FORGED(a_path_key_stands_once, MLS_ETREE, memcpy(room.keys[0], room.keys[1], 32))
FORGED(a_path_key_is_not_that_of_its_leaf, MLS_ETREE, memcpy(room.keys[0], room.leaf_key, 32))
FORGED(a_path_key_is_not_that_of_another_leaf, MLS_ETREE, take_key(&room, room.keys[1], 4))
FORGED(a_path_key_is_not_that_of_another_node, MLS_ETREE, take_key(&room, room.keys[0], 5))
FORGED(a_path_key_is_new, MLS_ETREE, take_key(&room, room.keys[1], 3))
FORGED(a_path_key_was_not_elsewhere_on_the_path, MLS_ETREE, take_key(&room, room.keys[0], 3))
FORGED(a_path_key_was_not_that_of_the_leaf, MLS_ETREE, take_key(&room, room.keys[0], 0))
FORGED(a_leaf_key_is_new, MLS_ETREE, take_key(&room, room.leaf_key, 0))
FORGED(a_leaf_key_was_not_on_the_path, MLS_ETREE, take_key(&room, room.leaf_key, 3))
FORGED(a_path_key_has_no_low_order, MLS_EPATH, memset(room.keys[0], 0, 32))

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_sound_path_fails_only_at_its_ciphertexts),
    cmocka_unit_test(every_node_of_a_path_has_its_ciphertexts),
    cmocka_unit_test(no_node_of_a_path_has_ciphertexts_too_many),
    cmocka_unit_test(a_path_goes_up_to_the_root),
    cmocka_unit_test(a_path_ends_at_the_root),
    cmocka_unit_test(a_leaf_names_its_parent_hash),
    cmocka_unit_test(a_leaf_of_a_path_says_that_it_is_one),
    cmocka_unit_test(a_path_key_stands_once),
    cmocka_unit_test(a_path_key_is_not_that_of_its_leaf),
    cmocka_unit_test(a_path_key_is_not_that_of_another_leaf),
    cmocka_unit_test(a_path_key_is_not_that_of_another_node),
    cmocka_unit_test(a_path_key_is_new),
    cmocka_unit_test(a_path_key_was_not_elsewhere_on_the_path),
    cmocka_unit_test(a_path_key_was_not_that_of_the_leaf),
    cmocka_unit_test(a_leaf_key_is_new),
    cmocka_unit_test(a_leaf_key_was_not_on_the_path),
    cmocka_unit_test(a_path_key_has_no_low_order),
};

SOTTO_TEST_MAIN(tests)
