/* SPDX-License-Identifier: MIT */
/* The bundle of a plan that was judged, verified against the group (chat_verify.c). */
#ifndef CHAT_VERIFY_H
#define CHAT_VERIFY_H

#include "chat_plan.h"
#include "chat_tree.h"

/* The group that a commit leads to, as it is stored. */
struct verified {
    uint8_t tree_hash[MLS_HASH_BYTES];
    struct mls_buf state;
    struct mls_buf tree; /* for those who are added; else empty */
};

/* Verifies; check->next is then the group it leads to. Pool thread. SOTTO_OK, or an error with check->text. */
int plan_verify(struct tree_check *, const struct chat_plan *, struct verified *verified_out);

void verified_fini(struct verified *);

#endif
