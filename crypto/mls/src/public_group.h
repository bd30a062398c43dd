/* SPDX-License-Identifier: MIT */
/*
 * A followed group is a group in which we are nobody: no leaf, no seed, no keys, no secrets. All that
 * members do with the public part works on it as it is.
 */
#ifndef MLS_PUBLIC_GROUP_INTERNAL_H
#define MLS_PUBLIC_GROUP_INTERNAL_H

#include "group.h"
#include "mls/public_group.h"

struct mls_public_group {
    struct mls_group *group;
};

/* Makes one with an empty epoch. */
int mls_public_group_new(const struct mls_config *config, uint16_t suite, struct mls_bytes id,
                         struct mls_public_group **group_out);

#endif
