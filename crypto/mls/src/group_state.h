/* SPDX-License-Identifier: MIT */
/*
 * What the stored forms of a member's group (group_state.c) and of a followed one
 * (public_group_state.c) have in common. Writers and readers are sticky (codec.h).
 */
#ifndef MLS_GROUP_STATE_H
#define MLS_GROUP_STATE_H

#include "group.h"

/* Extensions, tree hash, transcript and confirmation tag of an epoch. */
void mls_state_write_context(struct mls_writer *w, const struct mls_epoch *epoch);
int mls_state_read_context(struct mls_reader *r, struct mls_epoch *epoch);

/* The kept proposals. */
void mls_state_write_kept(struct mls_writer *w, const struct mls_group *group);
int mls_state_read_kept(struct mls_reader *r, struct mls_group *group);

/* Reads the ReInit of an epoch, which may be empty. `epoch` NULL: there can be none. */
int mls_state_read_reinit(struct mls_reader *r, struct mls_epoch *epoch);

/* Appends the hash of everything written so far. */
int mls_state_close(struct mls_writer *w, const struct mls_crypto *c);

/* Compares the hash and cuts it off. MLS_EDECODE. */
int mls_state_open(const struct mls_provider *p, struct mls_bytes *state);

#endif
