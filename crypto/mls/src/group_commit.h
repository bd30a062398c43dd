/* SPDX-License-Identifier: MIT */
/*
 * The parts of making a commit (RFC 9420 section 12.4.1), which are spread over three files:
 * group_select.c chooses the proposals, group_commit.c makes the commit, group_invite.c makes the
 * GroupInfo and the Welcome.
 */
#ifndef MLS_GROUP_COMMIT_H
#define MLS_GROUP_COMMIT_H

#include "transition.h"

/* Adds the kept proposals that fit to what the transition holds. */
int mls_group_select_kept(struct mls_transition *t);

/* What a new member gets of a finished transition. */
struct mls_invitation {
    const struct mls_transition *t;
    const uint8_t *joiner;               /* joiner secret */
    const struct mls_path_secrets *path; /* NULL: the commit has no path */
    bool with_tree;
};

/* MLSMessage(GroupInfo) of an epoch, the current or a next one, with external_pub. */
int mls_group_write_info(const struct mls_group *group, const struct mls_epoch *epoch,
                         bool with_tree, struct mls_writer *w);

/* MLSMessage(Welcome) for everybody whom the transition adds. */
int mls_group_write_welcome(const struct mls_invitation *invitation, struct mls_writer *w);

#endif
