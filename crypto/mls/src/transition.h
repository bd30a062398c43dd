/* SPDX-License-Identifier: MIT */
/*
 * From one epoch to the next (RFC 9420 sections 12.2 to 12.4): what a committer and a receiver of a
 * commit do alike. A transition collects the committed proposals, checks them as a list, applies
 * them to the next epoch beside the current one, and derives its secrets. The group is only read.
 *
 * Order of calls: init, add_* for each proposal, apply, then for a committer find_secrets and the path on `next` with
 * note_path and check_keys, for a receiver the path by take_path and find_secrets; finish. Whatever fails, fini throws
 * everything away; take_next hands the result over.
 */
#ifndef MLS_TRANSITION_H
#define MLS_TRANSITION_H

#include "group.h"

struct mls_commit_item {
    struct mls_proposal_body body; /* borrowed from the commit or from the kept proposal */
    struct mls_sender sender;
    const struct mls_kept_proposal *kept; /* when by reference, else NULL */
    uint32_t leaf;                        /* ADD: where the new member stands, once applied */
};

struct mls_transition {
    const struct mls_group *group;
    uint32_t committer; /* of an external commit: MLS_NODE_NONE until applied, then the new leaf */
    bool external;      /* the committer joins by this commit (section 12.4.3.2) */
    struct mls_commit_item *items;
    size_t count;
    size_t cap;
    struct mls_epoch *next;
    struct mls_index_list added;   /* new leaves, increasing */
    struct mls_index_list changed; /* nodes whose keys are new, for check_keys */
    struct mls_psk_set psks;
    uint8_t init_secret[MLS_HASH_BYTES]; /* what the key schedule starts from; a secret */
    bool path_required;
    bool removes_self;
};

void mls_transition_init(struct mls_transition *t, const struct mls_group *group,
                         uint32_t committer);

/* The same for a commit by whoever sent it: a member, or somebody who joins by it. */
void mls_transition_init_from(struct mls_transition *t, const struct mls_group *group,
                              const struct mls_sender *sender);

void mls_transition_fini(struct mls_transition *t);

/* Appends a proposal of the committer, given by value. `encoded` must outlive the transition. */
int mls_transition_add_value(struct mls_transition *t, struct mls_bytes encoded);

/* Appends a kept proposal, which must outlive the transition. */
int mls_transition_add_kept(struct mls_transition *t, const struct mls_kept_proposal *kept);

/* The GroupContext extensions of the next epoch, by the proposals collected so far. */
struct mls_bytes mls_transition_extensions(const struct mls_transition *t);

/* First part of apply, in transition_check.c: each proposal and the list under the extensions of
 * the next epoch (section 12.2); sets path_required. */
int mls_transition_check_list(struct mls_transition *t, struct mls_bytes extensions);

/* The leaf that an external commit removes, as it stands in the current epoch; NULL: none. */
const struct mls_leaf *mls_transition_resynced(const struct mls_transition *t);

/* MLS_ESIZE: there would be more than MLS_MEMBERS_MAX members. */
int mls_transition_check_room(const struct mls_transition *t);

/* Checks the list and makes the next epoch with its tree and extensions; gives an external
 * committer its leaf. */
int mls_transition_apply(struct mls_transition *t);

/* Both for a received commit: reads it, collects what it names, applies. MLS_EPATH: it has no path
 * and needs one. */
int mls_transition_receive(struct mls_transition *t, const struct mls_authenticated *message,
                           struct mls_commit_body *commit_out);

/* What a member does after that and one who only follows cannot: forgets the keys of nodes that are
 * blank now, finds the init secret, and the pre-shared keys that the list names. MLS_EPSK. */
int mls_transition_find_secrets(struct mls_transition *t);

/* Notes the nodes of a new path as changed. */
int mls_transition_note_path(struct mls_transition *t, const struct mls_filtered_path *path);

/* Checks the path of a received commit and merges it, with mls_transition_check_keys(); in
 * transition_path.c. MLS_EPATH, MLS_ETREE, MLS_EPARENT_HASH and what a leaf may meet. */
int mls_transition_take_path(struct mls_transition *t, const struct mls_update_path *path,
                             struct mls_filtered_path *filtered_out);

/* Refuses keys that stand twice in the new tree, and brings the tree hash up to date. */
int mls_transition_check_keys(struct mls_transition *t);

/* Appends the signed commit to the transcript of the next epoch: its confirmed hash (section 8.2). */
int mls_transition_confirm(struct mls_transition *t, const struct mls_authenticated *commit);

/*
 * Derives transcript, key schedule, confirmation tag and secret tree of the next epoch from the
 * signed commit. `commit_secret` NULL: the commit has no path. `joiner_out` is for a Welcome.
 */
int mls_transition_finish(struct mls_transition *t, const struct mls_authenticated *commit,
                          const uint8_t *commit_secret, uint8_t joiner_out[MLS_HASH_BYTES]);

/* Hands the next epoch over to the caller. */
struct mls_epoch *mls_transition_take_next(struct mls_transition *t);

/* Checks one proposal by itself, as it will be checked in a commit by `committer`;
 * MLS_NODE_NONE: by somebody. */
int mls_check_proposal(const struct mls_group *group, const struct mls_proposal_body *body,
                       const struct mls_sender *sender, uint32_t committer,
                       struct mls_bytes extensions);

#endif
