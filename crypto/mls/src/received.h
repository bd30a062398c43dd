/* SPDX-License-Identifier: MIT */
/*
 * What mls_group_process() tells its caller, in memory of its own: everything shown is copied into
 * one block, so that it outlives the message, the kept proposals and the merge.
 */
#ifndef MLS_RECEIVED_H
#define MLS_RECEIVED_H

#include "transition.h"

/* Describes an opened message of a member. The body is plaintext for application data. */
int mls_received_message(const struct mls_group *group, const struct mls_authenticated *message,
                         enum mls_received_kind kind, struct mls_received *out);

/* The same for a commit, with what its transition changes. */
int mls_received_commit(const struct mls_transition *t, const struct mls_authenticated *message,
                        const struct mls_commit_body *commit, struct mls_received *out);

/* The same for a proposal. */
int mls_received_proposal(const struct mls_group *group, const struct mls_authenticated *message,
                          const struct mls_proposal_body *body, struct mls_received *out);

#endif
