/* SPDX-License-Identifier: MIT */
/*
 * Index arithmetic of the array tree; see tree_math.h. The subtree of a node at level k is the set
 * of indices that agree with it above bit k, and its root has the low k bits set and bit k clear:
 * everything below follows from that one fact.
 */
#include "tree_math.h"

bool
mls_tree_size_valid(uint32_t n_leaves)
{
    return n_leaves >= 1 && n_leaves <= MLS_LEAVES_MAX && (n_leaves & (n_leaves - 1)) == 0;
}

uint32_t
mls_tree_size_for(uint32_t count)
{
    uint32_t size = 1;

    if (count < 1 || count > MLS_LEAVES_MAX)
        return 0;
    while (size < count)
        size *= 2;
    return size;
}

uint32_t
mls_node_width(uint32_t n_leaves)
{
    return 2 * n_leaves - 1;
}

uint32_t
mls_node_level(uint32_t node)
{
    uint32_t level = 0;

    while (level < 32 && (node >> level & 1) == 1)
        level++;
    return level;
}

uint32_t
mls_node_root(uint32_t n_leaves)
{
    return n_leaves - 1;
}

uint32_t
mls_node_left(uint32_t node)
{
    const uint32_t level = mls_node_level(node);

    if (level == 0 || node == MLS_NODE_NONE)
        return MLS_NODE_NONE;
    return node ^ (UINT32_C(1) << (level - 1));
}

uint32_t
mls_node_right(uint32_t node)
{
    const uint32_t level = mls_node_level(node);

    if (level == 0 || node == MLS_NODE_NONE)
        return MLS_NODE_NONE;
    return node ^ (UINT32_C(3) << (level - 1));
}

uint32_t
mls_node_parent(uint32_t node, uint32_t n_leaves)
{
    if (node == mls_node_root(n_leaves) || node >= mls_node_width(n_leaves))
        return MLS_NODE_NONE;
    const uint32_t bit = UINT32_C(1) << mls_node_level(node);
    return (node | bit) & ~(bit << 1);
}

uint32_t
mls_node_sibling(uint32_t node, uint32_t n_leaves)
{
    const uint32_t parent = mls_node_parent(node, n_leaves);

    if (parent == MLS_NODE_NONE)
        return MLS_NODE_NONE;
    return node < parent ? mls_node_right(parent) : mls_node_left(parent);
}

size_t
mls_direct_path(uint32_t node, uint32_t n_leaves, uint32_t path_out[MLS_PATH_MAX])
{
    size_t count = 0;

    for (uint32_t at = mls_node_parent(node, n_leaves); at != MLS_NODE_NONE && count < MLS_PATH_MAX;
         at = mls_node_parent(at, n_leaves))
        path_out[count++] = at;
    return count;
}

size_t
mls_copath(uint32_t node, uint32_t n_leaves, uint32_t path_out[MLS_PATH_MAX])
{
    const size_t count = mls_direct_path(node, n_leaves, path_out);
    uint32_t below = node;

    for (size_t i = 0; i < count; i++) {
        const uint32_t parent = path_out[i];
        path_out[i] = mls_node_sibling(below, n_leaves);
        below = parent;
    }
    return count;
}

bool
mls_node_in_subtree(uint32_t node, uint32_t ancestor)
{
    const uint32_t level = mls_node_level(ancestor);

    if (level >= 31 || mls_node_level(node) > level)
        return node == ancestor;
    return node >> (level + 1) == ancestor >> (level + 1);
}

uint32_t
mls_common_ancestor(uint32_t a, uint32_t b)
{
    const uint32_t level_a = mls_node_level(a);
    const uint32_t level_b = mls_node_level(b);
    uint32_t level = level_a > level_b ? level_a : level_b;

    if (level >= 31)
        return MLS_NODE_NONE;
    while (level < 30 && a >> (level + 1) != b >> (level + 1))
        level++;
    const uint32_t low = (UINT32_C(1) << level) - 1;
    return (a & ~(low << 1 | 1)) | low;
}
