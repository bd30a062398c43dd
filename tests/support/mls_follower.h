/* SPDX-License-Identifier: MIT */
/*
 * Somebody outside who follows a group beside its members (mls/public_group.h), for tests that
 * compare the two: what a member refuses because of its public part must be refused from outside with
 * the same error, and what both accept must lead to the same tree.
 */
#ifndef SOTTO_TEST_MLS_FOLLOWER_H
#define SOTTO_TEST_MLS_FOLLOWER_H

#include "mls/public_group.h"
#include "mls_kit.h"

/* Opens what a member's group looks like from outside, with the proposals it keeps. End it with
 * mls_public_group_destroy(). */
struct mls_public_group *follower_of(const struct kit_person *member);

/* The follower takes a commit, is saved and loaded, and must then show what the member shows, who has
 * merged it. */
void follower_take_commit(struct mls_public_group **follower, const struct mls_buf *commit);
void follower_take_proposal(struct mls_public_group *follower, const struct mls_buf *proposal);
void follower_agrees(const struct mls_public_group *follower, const struct kit_person *member);

/*
 * What an outsider says to a message to which the member, who did not take it, gave `error`: the same, and nothing
 * has changed. Errors that take a secret to find (MLS_EMAC, MLS_ECONFIRMATION, MLS_EAEAD, MLS_EPSK) do not show
 * outside: there the commit must be taken, but for one whose signature fails behind its membership tag.
 */
void follower_compare(const struct kit_person *member, struct mls_bytes message, int error);

#endif
