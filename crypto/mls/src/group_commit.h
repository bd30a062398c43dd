/* SPDX-License-Identifier: MIT */
/*
 * The parts of making a commit (RFC 9420 section 12.4.1), which are spread over several files:
 * group_select.c chooses the proposals, group_commit.c and group_join_external.c decide what a
 * member and a joiner commit, commit_draft.c writes and signs it, group_invite.c makes the GroupInfo
 * and the Welcome.
 */
#ifndef MLS_GROUP_COMMIT_H
#define MLS_GROUP_COMMIT_H

#include "transition.h"

/* Adds the kept proposals that fit to what the transition holds. */
int mls_group_select_kept(struct mls_transition *t);

/* ---- The commit itself (commit_draft.c) ---------------------------------------------------- */

/* A commit between its proposals and its bytes. The caller starts the transition, adds proposals and
 * applies them; fini ends the transition, too, and wipes the secrets. */
struct mls_commit_draft {
    struct mls_transition t;
    bool has_path;
    struct mls_path_secrets path;
    uint8_t joiner[MLS_HASH_BYTES]; /* joiner secret, for a Welcome */
    struct mls_writer body, commit;
};

void mls_draft_init(struct mls_commit_draft *draft, const struct mls_provider *p);
void mls_draft_fini(struct mls_commit_draft *draft);

/* Gives the commit a path: fresh keys for our leaf in the next epoch, which shows what `leaf` shows. */
int mls_draft_renew(struct mls_commit_draft *draft, const struct mls_leaf *leaf);

/* Writes and signs the commit and derives the next epoch: `commit` is then the whole MLSMessage. */
int mls_draft_seal(struct mls_commit_draft *draft, struct mls_bytes authenticated_data);

/* Makes the next epoch the pending one of its group. */
int mls_draft_leave_pending(struct mls_commit_draft *draft, struct mls_group *group);

/* ---- Inviting (group_invite.c) ------------------------------------------------------------- */

/* What a new member gets of a finished transition. */
struct mls_invitation {
    const struct mls_transition *t;
    const uint8_t *joiner;               /* joiner secret */
    const struct mls_path_secrets *path; /* NULL: the commit has no path */
    bool with_tree;
};

/* MLSMessage(GroupInfo) of an epoch of the group with external_pub, with or without the tree. */
int mls_group_write_info(const struct mls_group *group, const struct mls_epoch *epoch,
                         bool with_tree, struct mls_writer *w);

/* MLSMessage(Welcome) for everybody whom the transition adds. */
int mls_group_write_welcome(const struct mls_invitation *invitation, struct mls_writer *w);

#endif
