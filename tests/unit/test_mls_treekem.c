/* SPDX-License-Identifier: MIT */
/*
 * TreeKEM: the official vectors. Every member opens every path, and a new path made by the same
 * sender is opened by every member.
 */
#include "sotto_test.h"

#include <string.h>

#include "treekem.h"
#include "vectors.h"
#include "welcome.h"

static const char FILE_NAME[] = "mls/treekem.json";

/* One case: a group as its tree, and the private state of its members. */
struct fixture {
    struct mls_crypto c;
    const json_t *json;
    struct vec_bytes group_id;
    struct vec_bytes transcript;
    struct mls_tree tree;
};

static void
read_tree(struct fixture *f)
{
    struct vec_bytes bytes = vec_need_hex(f->json, "ratchet_tree");
    struct mls_reader r;

    mls_reader_init(&r, mls_bytes(bytes.data, bytes.len));
    assert_int_equal(mls_tree_read(&f->tree, &f->c, &r), 0);
    assert_int_equal(mls_reader_finish(&r), 0);
    vec_free(&bytes);
}

static const json_t *
find_private(const struct fixture *f, uint32_t leaf)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(vec_need(f->json, "leaves_private"), i, entry)
    {
        if (vec_need_uint(entry, "index") == leaf)
            return entry;
    }
    fail_msg("no private state of leaf %u", leaf);
    return NULL;
}

static void
check_key(const struct fixture *f, uint32_t node, const uint8_t *secret)
{
    uint8_t public_key[MLS_KEM_PUBLIC_BYTES];
    struct mls_bytes want = mls_tree_public_key(&f->tree, node);

    assert_int_equal(mls_kem_public(&f->c, secret, public_key), 0);
    vec_assert_equal("public key", public_key, sizeof(public_key), want.data, want.len);
}

/* The private keys of one member, checked against the tree. */
static void
load_keys(const struct fixture *f, uint32_t leaf, struct mls_node_keys *keys)
{
    const json_t *entry = find_private(f, leaf);
    uint8_t secret[MLS_HASH_BYTES];
    const json_t *step;
    size_t i;

    keys->count = 0;
    vec_need_hex_array(entry, "encryption_priv", secret, sizeof(secret));
    check_key(f, mls_leaf_to_node(leaf), secret);
    mls_node_keys_set(keys, mls_leaf_to_node(leaf), secret);
    json_array_foreach(vec_need(entry, "path_secrets"), i, step)
    {
        uint32_t node = (uint32_t)vec_need_uint(step, "node");
        uint8_t node_secret[MLS_HASH_BYTES], public_key[MLS_KEM_PUBLIC_BYTES];

        vec_need_hex_array(step, "path_secret", secret, sizeof(secret));
        assert_int_equal(mls_derive_secret(&f->c, secret, "node", node_secret), 0);
        assert_int_equal(mls_kem_derive_keypair(&f->c, mls_bytes(node_secret, MLS_HASH_BYTES),
                                                secret, public_key),
                         0);
        check_key(f, node, secret);
        mls_node_keys_set(keys, node, secret);
    }
}

/* The provisional GroupContext over a tree. */
static void
write_context(const struct fixture *f, struct mls_tree *tree, struct mls_writer *w)
{
    uint8_t hash[MLS_HASH_BYTES];

    assert_int_equal(mls_tree_root_hash(tree, hash), 0);
    struct mls_group_context context = {
        .version = MLS_VERSION_10,
        .suite = f->c.suite->id,
        .group_id = mls_bytes(f->group_id.data, f->group_id.len),
        .epoch = vec_need_uint(f->json, "epoch"),
        .tree_hash = mls_bytes(hash, sizeof(hash)),
        .confirmed_transcript_hash = mls_bytes(f->transcript.data, f->transcript.len),
    };
    mls_writer_init(w, f->c.p, 0);
    mls_group_context_write(w, &context);
    assert_int_equal(mls_writer_error(w), 0);
}

/* Every member but the sender opens a path. `want_secrets` may be NULL. */
static void
open_by_all(const struct fixture *f, uint32_t sender, const struct mls_update_path *path,
            const json_t *want_secrets, const uint8_t want_commit[MLS_HASH_BYTES])
{
    struct mls_tree tree;
    struct mls_filtered_path filtered;
    struct mls_writer context;

    assert_int_equal(mls_tree_clone(&tree, &f->tree), 0);
    assert_int_equal(mls_treekem_merge(&tree, sender, path, &filtered), 0);
    write_context(f, &tree, &context);
    for (uint32_t leaf = 0; leaf < f->tree.n_leaves; leaf++) {
        struct mls_node_keys keys;
        struct mls_index_list added = {0};
        struct mls_path_reader reader = {leaf, &keys, &added, mls_writer_bytes(&context)};
        uint8_t secret[MLS_HASH_BYTES], commit[MLS_HASH_BYTES];
        uint32_t node;

        if (leaf == sender || mls_tree_leaf(&f->tree, leaf) == NULL)
            continue;
        load_keys(f, leaf, &keys);
        assert_int_equal(mls_treekem_open_secret(&tree, &filtered, path, &reader, &node, secret),
                         0);
        if (want_secrets != NULL) {
            struct vec_bytes want = vec_hex(json_string_value(json_array_get(want_secrets, leaf)));

            vec_assert_equal("path secret", secret, sizeof(secret), want.data, want.len);
            vec_free(&want);
        }
        assert_int_equal(mls_treekem_open_path(&tree, &filtered, path, &reader, commit), 0);
        vec_assert_equal("commit secret", commit, sizeof(commit), want_commit, MLS_HASH_BYTES);
    }
    mls_writer_fini(&context);
    mls_tree_fini(&tree);
}

static void
check_tree_after(const struct fixture *f, const json_t *update, const struct mls_update_path *path)
{
    struct mls_tree tree;
    struct mls_filtered_path filtered;
    uint8_t want[MLS_HASH_BYTES], got[MLS_HASH_BYTES];

    vec_need_hex_array(update, "tree_hash_after", want, sizeof(want));
    assert_int_equal(mls_tree_clone(&tree, &f->tree), 0);
    assert_int_equal(
        mls_treekem_merge(&tree, (uint32_t)vec_need_uint(update, "sender"), path, &filtered), 0);
    assert_int_equal(mls_tree_root_hash(&tree, got), 0);
    vec_assert_equal("tree hash after", got, sizeof(got), want, sizeof(want));
    assert_int_equal(mls_tree_check_parent_hashes(&tree), 0);
    mls_tree_fini(&tree);
}

/* The sender makes a path of its own and the others open it. */
static void
check_new_path(const struct fixture *f, uint32_t sender)
{
    struct mls_tree tree;
    struct mls_node_keys keys;
    struct mls_path_secrets secrets;
    struct mls_index_list added = {0};
    struct mls_writer context, w;
    struct mls_update_path path;
    struct mls_reader r;
    uint8_t seed[MLS_ED25519_SEED_BYTES];
    struct mls_path_maker maker = {
        .leaf_index = sender,
        .leaf = mls_tree_leaf(&f->tree, sender),
        .signature_seed = seed,
        .group_id = mls_bytes(f->group_id.data, f->group_id.len),
    };

    load_keys(f, sender, &keys);
    vec_need_hex_array(find_private(f, sender), "signature_priv", seed, sizeof(seed));
    assert_int_equal(mls_tree_clone(&tree, &f->tree), 0);
    assert_int_equal(mls_treekem_renew(&tree, &maker, &keys, &secrets), 0);
    write_context(f, &tree, &context);
    mls_writer_init(&w, f->c.p, 0);
    assert_int_equal(
        mls_treekem_write_path(&tree, sender, &secrets, &added, mls_writer_bytes(&context), &w), 0);
    mls_reader_init(&r, mls_writer_bytes(&w));
    mls_update_path_read(&r, &path);
    assert_int_equal(mls_reader_finish(&r), 0);
    open_by_all(f, sender, &path, NULL, secrets.commit_secret);
    mls_writer_fini(&w);
    mls_writer_fini(&context);
    mls_tree_fini(&tree);
}

static void
check_update(const struct fixture *f, const json_t *update)
{
    uint32_t sender = (uint32_t)vec_need_uint(update, "sender");
    struct vec_bytes bytes = vec_need_hex(update, "update_path");
    struct mls_update_path path;
    struct mls_reader r;
    uint8_t commit[MLS_HASH_BYTES];

    mls_reader_init(&r, mls_bytes(bytes.data, bytes.len));
    mls_update_path_read(&r, &path);
    assert_int_equal(mls_reader_finish(&r), 0);
    vec_need_hex_array(update, "commit_secret", commit, sizeof(commit));
    check_tree_after(f, update, &path);
    open_by_all(f, sender, &path, vec_need(update, "path_secrets"), commit);
    check_new_path(f, sender);
    vec_free(&bytes);
}

static void
check_case(const json_t *test_case, uint16_t suite)
{
    struct fixture f = {.json = test_case};
    const json_t *update;
    size_t i;

    assert_int_equal(mls_crypto_init(&f.c, mls_provider_default(), suite), 0);
    f.group_id = vec_need_hex(test_case, "group_id");
    f.transcript = vec_need_hex(test_case, "confirmed_transcript_hash");
    read_tree(&f);
    json_array_foreach(vec_need(test_case, "update_paths"), i, update)
    {
        check_update(&f, update);
    }
    mls_tree_fini(&f.tree);
    vec_free(&f.transcript);
    vec_free(&f.group_id);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        VECTORS_OF_BOTH_SUITES(FILE_NAME, 11, check_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
