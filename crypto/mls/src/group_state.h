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

/* Tells a stored form from any other. */
struct mls_state_form {
    uint32_t magic;
    uint16_t version;
};

/* What stands behind the form; the id is borrowed from the state. */
struct mls_state_head {
    uint16_t suite;
    struct mls_bytes id;
};

/* Begins a writer with form and head of a group. */
void mls_state_begin(struct mls_writer *w, const struct mls_group *group,
                     struct mls_state_form form);

/* Appends the hash of everything written, moves it all into state_out and ends the writer. */
int mls_state_close(struct mls_writer *w, const struct mls_crypto *c, struct mls_buf *state_out);

/* Compares the hash and begins a reader behind the head, up to the hash. MLS_EDECODE: it does not match,
 * or the form is another. */
int mls_state_open(const struct mls_provider *p, struct mls_bytes state, struct mls_state_form form,
                   struct mls_reader *r, struct mls_state_head *head_out);

#endif
