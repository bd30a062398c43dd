/* SPDX-License-Identifier: MIT */
/*
 * Add, Update and Remove on a ratchet tree: the official vectors (suite 1 is all there is).
 */
#include "sotto_test.h"

#include "proposal.h"
#include "tree.h"
#include "vectors.h"

static const char FILE_NAME[] = "mls/tree-operations.json";

static void
read_tree(const json_t *test_case, const char *key, const struct mls_crypto *c,
          struct mls_tree *tree)
{
    struct vec_bytes bytes = vec_need_hex(test_case, key);
    struct mls_reader r;

    mls_reader_init(&r, mls_bytes(bytes.data, bytes.len));
    assert_int_equal(mls_tree_read(tree, c, &r), 0);
    assert_int_equal(mls_reader_finish(&r), 0);
    vec_free(&bytes);
}

static void
check_hash(const json_t *test_case, const char *key, struct mls_tree *tree)
{
    uint8_t want[MLS_HASH_BYTES], got[MLS_HASH_BYTES];

    vec_need_hex_array(test_case, key, want, sizeof(want));
    assert_int_equal(mls_tree_root_hash(tree, got), 0);
    vec_assert_equal(key, got, sizeof(got), want, sizeof(want));
}

static void
apply(const json_t *test_case, struct mls_tree *tree)
{
    struct vec_bytes bytes = vec_need_hex(test_case, "proposal");
    uint32_t sender = (uint32_t)vec_need_uint(test_case, "proposal_sender");
    struct mls_proposal_body proposal;
    struct mls_reader r;
    uint32_t leaf;

    mls_reader_init(&r, mls_bytes(bytes.data, bytes.len));
    mls_proposal_read(&r, &proposal);
    assert_int_equal(mls_reader_finish(&r), 0);
    switch (proposal.type) {
    case MLS_PROPOSAL_ADD:
        assert_int_equal(mls_tree_add(tree, proposal.u.add.leaf.encoded, &leaf), 0);
        break;
    case MLS_PROPOSAL_UPDATE:
        assert_int_equal(mls_tree_update(tree, sender, proposal.u.update.encoded), 0);
        break;
    case MLS_PROPOSAL_REMOVE:
        mls_tree_remove(tree, proposal.u.removed);
        mls_tree_truncate(tree);
        break;
    default: fail_msg("unexpected proposal type %u", proposal.type);
    }
    vec_free(&bytes);
}

static void
check_encoding(const json_t *test_case, const char *key, const struct mls_tree *tree)
{
    struct vec_bytes want = vec_need_hex(test_case, key);
    struct mls_writer w;

    mls_writer_init(&w, mls_provider_default(), 0);
    mls_tree_write(tree, &w);
    assert_int_equal(mls_writer_error(&w), 0);
    vec_assert_equal(key, w.data, w.len, want.data, want.len);
    mls_writer_fini(&w);
    vec_free(&want);
}

static void
official_vectors_hold(void **state)
{
    (void)state;
    json_t *root = vectors_load(FILE_NAME);
    json_t *test_case;
    size_t i, count = 0;

    json_array_foreach(root, i, test_case)
    {
        uint16_t suite = (uint16_t)vec_need_uint(test_case, "cipher_suite");
        struct mls_crypto c;
        struct mls_tree tree, before;

        assert_int_equal(suite, 1);
        assert_int_equal(mls_crypto_init(&c, mls_provider_default(), suite), 0);
        read_tree(test_case, "tree_before", &c, &before);
        check_encoding(test_case, "tree_before", &before);
        check_hash(test_case, "tree_hash_before", &before);
        assert_int_equal(mls_tree_clone(&tree, &before), 0);
        apply(test_case, &tree);
        check_encoding(test_case, "tree_after", &tree);
        check_hash(test_case, "tree_hash_after", &tree);
        check_encoding(test_case, "tree_before", &before);
        mls_tree_fini(&tree);
        mls_tree_fini(&before);
        count++;
    }
    vectors_report(FILE_NAME, 1, count, 5);
    json_decref(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(official_vectors_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
