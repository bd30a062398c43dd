/* SPDX-License-Identifier: MIT */
/*
 * Array tree arithmetic: the official vectors, and the relations the vectors do not list (paths,
 * subtrees, common ancestors) checked against a slow walk over parents.
 */
#include "sotto_test.h"

#include "tree_math.h"
#include "vectors.h"

static const char FILE_NAME[] = "mls/tree-math.json";

/* Compares one column of a case; null stands for "none". */
static void
check_column(const json_t *test_case, const char *key, size_t node, uint32_t got)
{
    const json_t *want = json_array_get(vec_need(test_case, key), node);

    if (json_is_null(want))
        assert_int_equal(got, MLS_NODE_NONE);
    else
        assert_int_equal(got, json_integer_value(want));
}

static void
official_vectors_hold(void **state)
{
    (void)state;
    json_t *root = vectors_load(FILE_NAME);
    json_t *test_case;
    size_t i;

    json_array_foreach(root, i, test_case)
    {
        const uint32_t n = (uint32_t)vec_need_uint(test_case, "n_leaves");
        const uint32_t width = mls_node_width(n);

        assert_int_equal(width, vec_need_uint(test_case, "n_nodes"));
        assert_int_equal(mls_node_root(n), vec_need_uint(test_case, "root"));
        assert_int_equal(json_array_size(vec_need(test_case, "left")), width);
        for (uint32_t node = 0; node < width; node++) {
            check_column(test_case, "left", node, mls_node_left(node));
            check_column(test_case, "right", node, mls_node_right(node));
            check_column(test_case, "parent", node, mls_node_parent(node, n));
            check_column(test_case, "sibling", node, mls_node_sibling(node, n));
        }
    }
    vectors_report(FILE_NAME, 0, i, 10);
    json_decref(root);
}

static void
direct_path_and_copath_follow_the_parents(void **state)
{
    (void)state;
    const uint32_t n = 64;

    for (uint32_t node = 0; node < mls_node_width(n); node++) {
        uint32_t path[MLS_PATH_MAX];
        uint32_t off[MLS_PATH_MAX];
        const size_t count = mls_direct_path(node, n, path);
        uint32_t at = node;

        assert_int_equal(mls_copath(node, n, off), count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(off[i], mls_node_sibling(at, n));
            at = mls_node_parent(at, n);
            assert_int_equal(path[i], at);
        }
        assert_int_equal(at, mls_node_root(n));
    }
}

/* True when walking up from `node` meets `ancestor`. */
static bool
walk_meets(uint32_t node, uint32_t ancestor, uint32_t n)
{
    while (node != MLS_NODE_NONE && node != ancestor)
        node = mls_node_parent(node, n);
    return node == ancestor;
}

static void
subtrees_and_common_ancestors_agree_with_a_walk(void **state)
{
    (void)state;
    const uint32_t n = 16;
    const uint32_t width = mls_node_width(n);

    for (uint32_t a = 0; a < width; a++) {
        for (uint32_t b = 0; b < width; b++) {
            uint32_t lowest = a;

            while (!walk_meets(b, lowest, n))
                lowest = mls_node_parent(lowest, n);
            assert_int_equal(mls_common_ancestor(a, b), lowest);
            assert_int_equal(mls_node_in_subtree(a, b), walk_meets(a, b, n));
        }
    }
}

static void
tree_sizes_are_powers_of_two_within_the_bound(void **state)
{
    (void)state;
    assert_false(mls_tree_size_valid(0));
    assert_true(mls_tree_size_valid(1));
    assert_false(mls_tree_size_valid(3));
    assert_true(mls_tree_size_valid(MLS_LEAVES_MAX));
    assert_false(mls_tree_size_valid(2u * MLS_LEAVES_MAX));

    assert_int_equal(mls_tree_size_for(0), 0);
    assert_int_equal(mls_tree_size_for(1), 1);
    assert_int_equal(mls_tree_size_for(5), 8);
    assert_int_equal(mls_tree_size_for(MLS_LEAVES_MAX), MLS_LEAVES_MAX);
    assert_int_equal(mls_tree_size_for(MLS_LEAVES_MAX + 1u), 0);
}

static void
the_largest_tree_fits_the_longest_path(void **state)
{
    (void)state;
    uint32_t path[MLS_PATH_MAX];

    assert_int_equal(mls_direct_path(0, MLS_LEAVES_MAX, path), MLS_PATH_MAX);
    assert_int_equal(path[MLS_PATH_MAX - 1], mls_node_root(MLS_LEAVES_MAX));
}

static void
relations_that_do_not_exist_give_none(void **state)
{
    (void)state;
    assert_int_equal(mls_node_left(4), MLS_NODE_NONE);
    assert_int_equal(mls_node_right(4), MLS_NODE_NONE);
    assert_int_equal(mls_node_parent(3, 4), MLS_NODE_NONE);
    assert_int_equal(mls_node_sibling(3, 4), MLS_NODE_NONE);
    assert_int_equal(mls_node_parent(7, 4), MLS_NODE_NONE);
    assert_int_equal(mls_node_left(MLS_NODE_NONE), MLS_NODE_NONE);
    assert_int_equal(mls_node_parent(MLS_NODE_NONE, 4), MLS_NODE_NONE);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(official_vectors_hold),
    cmocka_unit_test(direct_path_and_copath_follow_the_parents),
    cmocka_unit_test(subtrees_and_common_ancestors_agree_with_a_walk),
    cmocka_unit_test(tree_sizes_are_powers_of_two_within_the_bound),
    cmocka_unit_test(the_largest_tree_fits_the_longest_path),
    cmocka_unit_test(relations_that_do_not_exist_give_none),
};

SOTTO_TEST_MAIN(tests)
