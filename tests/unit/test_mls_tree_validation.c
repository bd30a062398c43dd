/* SPDX-License-Identifier: MIT */
/*
 * Believing a ratchet tree: the official vectors (tree hashes, resolutions, parent hashes, leaf
 * signatures), and that a tree with one byte changed is not believed.
 */
#include "sotto_test.h"

#include "tree.h"
#include "vectors.h"

static const char FILE_NAME[] = "mls/tree-validation.json";

static int
read_tree(struct mls_bytes bytes, const struct mls_crypto *c, struct mls_tree *tree)
{
    struct mls_reader r;

    mls_reader_init(&r, bytes);
    int error = mls_tree_read(tree, c, &r);
    if (error == 0 && mls_reader_finish(&r) != 0) {
        mls_tree_fini(tree);
        error = mls_reader_finish(&r);
    }
    return error;
}

static void
check_resolution(const json_t *want, const struct mls_tree *tree, uint32_t node)
{
    struct mls_index_list list;

    mls_index_list_init(&list, mls_provider_default());
    assert_int_equal(mls_tree_resolution(tree, node, NULL, &list), 0);
    assert_int_equal(list.count, json_array_size(want));
    for (size_t i = 0; i < list.count; i++)
        assert_int_equal(list.items[i], json_integer_value(json_array_get(want, i)));
    mls_index_list_fini(&list);
}

static void
check_nodes(const json_t *test_case, struct mls_tree *tree)
{
    const json_t *hashes = vec_need(test_case, "tree_hashes");
    const json_t *resolutions = vec_need(test_case, "resolutions");
    uint32_t width = mls_node_width(tree->n_leaves);

    assert_int_equal(json_array_size(hashes), width);
    assert_int_equal(json_array_size(resolutions), width);
    for (uint32_t node = 0; node < width; node++) {
        struct vec_bytes want = vec_hex(json_string_value(json_array_get(hashes, node)));
        uint8_t got[MLS_HASH_BYTES];

        assert_int_equal(mls_tree_node_hash(tree, node, got), 0);
        vec_assert_equal("tree hash", got, sizeof(got), want.data, want.len);
        check_resolution(json_array_get(resolutions, node), tree, node);
        vec_free(&want);
    }
}

static void
check_case(const json_t *test_case, uint16_t suite)
{
    struct vec_bytes bytes = vec_need_hex(test_case, "tree");
    struct vec_bytes group_id = vec_need_hex(test_case, "group_id");
    struct mls_bytes id = mls_bytes(group_id.data, group_id.len);
    struct mls_crypto c;
    struct mls_tree tree;

    assert_int_equal(mls_crypto_init(&c, mls_provider_default(), suite), 0);
    assert_int_equal(read_tree(mls_bytes(bytes.data, bytes.len), &c, &tree), 0);
    check_nodes(test_case, &tree);
    assert_int_equal(mls_tree_check_parent_hashes(&tree), 0);
    assert_int_equal(mls_tree_check_leaves(&tree, id), 0);
    assert_int_equal(mls_tree_check(&tree, id), 0);
    mls_tree_fini(&tree);
    vec_free(&group_id);
    vec_free(&bytes);
}

/* The smallest tree of the file that has a parent node: every byte of it, one bit each. */
static void
a_tree_with_one_bit_changed_is_refused(void **state)
{
    (void)state;
    json_t *root = vectors_load(FILE_NAME);
    const json_t *test_case = json_array_get(root, 0);
    struct vec_bytes bytes = vec_need_hex(test_case, "tree");
    struct vec_bytes group_id = vec_need_hex(test_case, "group_id");
    uint16_t suite = (uint16_t)vec_need_uint(test_case, "cipher_suite");
    struct mls_crypto c;
    size_t accepted = 0;

    assert_int_equal(mls_crypto_init(&c, mls_provider_default(), suite), 0);
    for (size_t i = 0; i < bytes.len; i++) {
        struct mls_tree tree;

        bytes.data[i] ^= 0x01;
        if (read_tree(mls_bytes(bytes.data, bytes.len), &c, &tree) == 0) {
            accepted += mls_tree_check(&tree, mls_bytes(group_id.data, group_id.len)) == 0;
            mls_tree_fini(&tree);
        }
        bytes.data[i] ^= 0x01;
    }
    assert_int_equal(accepted, 0);
    vec_free(&group_id);
    vec_free(&bytes);
    json_decref(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        VECTORS_OF_BOTH_SUITES(FILE_NAME, 14, check_case),
        cmocka_unit_test(a_tree_with_one_bit_changed_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
