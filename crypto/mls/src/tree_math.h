/* SPDX-License-Identifier: MIT */
/*
 * Index arithmetic of the array tree (RFC 9420, appendix C). Leaves stand at even indices, parents
 * at odd ones: leaf i is node 2i. The level of a node is the number of trailing ones of its index.
 *
 * A tree is full: its number of leaves is a power of two, and `n_leaves` below is always that
 * number. All functions are pure and total; a relation that does not exist (the child of a leaf,
 * the parent of the root) gives MLS_NODE_NONE.
 */
#ifndef MLS_TREE_MATH_H
#define MLS_TREE_MATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mls/mls.h"

#define MLS_NODE_NONE UINT32_MAX

enum {
    /* Leaves, blank ones too, of the smallest tree that holds MLS_MEMBERS_MAX. */
    MLS_LEAVES_MAX = 1 << 13,
    /* Longest direct path: one parent per level of the largest tree. */
    MLS_PATH_MAX = 13,
};

_Static_assert((int)MLS_MEMBERS_MAX <= (int)MLS_LEAVES_MAX, "every member has a leaf");

/* True for a power of two from 1 to MLS_LEAVES_MAX. */
bool mls_tree_size_valid(uint32_t n_leaves);

/* Smallest valid tree size that holds `count` leaves (at least 1); 0 when there is none. */
uint32_t mls_tree_size_for(uint32_t count);

/* Number of nodes: 2 * n_leaves - 1. */
uint32_t mls_node_width(uint32_t n_leaves);

static inline uint32_t
mls_leaf_to_node(uint32_t leaf)
{
    return 2 * leaf;
}

static inline uint32_t
mls_node_to_leaf(uint32_t node)
{
    return node / 2;
}

static inline bool
mls_node_is_leaf(uint32_t node)
{
    return (node & 1) == 0;
}

/* 0 for leaves, 1 for their parents, and so on. */
uint32_t mls_node_level(uint32_t node);

uint32_t mls_node_root(uint32_t n_leaves);
uint32_t mls_node_left(uint32_t node);
uint32_t mls_node_right(uint32_t node);
uint32_t mls_node_parent(uint32_t node, uint32_t n_leaves);
uint32_t mls_node_sibling(uint32_t node, uint32_t n_leaves);

/* Writes the ancestors of `node` from its parent to the root and returns how many there are: 0 for
 * the root itself. */
size_t mls_direct_path(uint32_t node, uint32_t n_leaves, uint32_t path_out[MLS_PATH_MAX]);

/* Writes the siblings of `node` and of its ancestors below the root, in the order of the direct
 * path: copath[i] is the child of path[i] that is off the path. Returns how many. */
size_t mls_copath(uint32_t node, uint32_t n_leaves, uint32_t path_out[MLS_PATH_MAX]);

/* True when `node` stands in the subtree under `ancestor`, or is it. */
bool mls_node_in_subtree(uint32_t node, uint32_t ancestor);

/* Lowest node that has both in its subtree (which may be one of them). */
uint32_t mls_common_ancestor(uint32_t a, uint32_t b);

#endif
