/* SPDX-License-Identifier: MIT */
/*
 * A message on its way in: from bytes to content whose sender is known and genuine. What the
 * content then does is group_process.c.
 */
#ifndef MLS_GROUP_OPEN_H
#define MLS_GROUP_OPEN_H

#include "group.h"

/* The caller sets group and bytes, and ends context and plain with mls_buf_fini. */
struct mls_opening {
    struct mls_group *group;
    struct mls_bytes bytes; /* the whole MLSMessage */
    struct mls_buf context;
    struct mls_frame_keys keys;
    struct mls_authenticated message;
    /* of a PrivateMessage */
    bool is_private;
    struct mls_sender_data sender_data;
    struct mls_buf plain;
};

/* Opens and authenticates. MLS_EGROUP, MLS_EEPOCH, MLS_EOWN, MLS_ENOTFOUND, MLS_EMAC,
 * MLS_ESIGNATURE, MLS_EPROPOSAL and what protect.h gives. */
int mls_group_open(struct mls_opening *opening);

/* The same without any secret: the membership tag is not verified. MLS_EUNSUPPORTED: a
 * PrivateMessage, which takes one. */
int mls_group_open_as_outsider(struct mls_opening *opening);

/* Checks an opened proposal, keeps it in the group, and says what it is (group_process.c). */
int mls_group_take_proposal(struct mls_opening *opening, struct mls_received *out);

#endif
