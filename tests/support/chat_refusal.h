/* SPDX-License-Identifier: MIT */
/*
 * What tests of the chat module share that are about refusals: joining by oneself, devices that go, and what a request
 * left behind. Functions fail the running cmocka test when the preparing itself does not work.
 */
#ifndef CHAT_REFUSAL_H
#define CHAT_REFUSAL_H

#include "chat_peer.h"

/* A sum over all that a refused request must leave as it was. */
int64_t rig_trace(struct chat_rig *);

/* The bundle as it stands is refused with this status, the text names the cause, and nothing is left of it. */
void rig_expect_failure(struct chat_rig *, struct chat_peer *, int status, const char *cause);
/* The same as invalid. */
void rig_expect_refusal(struct chat_rig *, struct chat_peer *, const char *cause);

/* Makes a commit with which a device joins on what `from` knows of the group, instead of its leaf old_leaf if that is
 * one; it stays in the bundle. */
void rig_prepare_join(struct chat_peer *, const struct chat_peer *from, uint32_t old_leaf);
/* The same, on this GroupInfo; with all that the library lets a joiner say. */
void rig_prepare_join_on(struct chat_peer *, const struct mls_buf *group_info, uint32_t old_leaf);
void rig_prepare_join_with(struct chat_peer *, const struct mls_external_join_params *);

/* keyx knows this device no more and says that it is removed; and says so a second time. */
void rig_remove_device(struct chat_rig *, const struct chat_peer *);
void rig_tell_removed(struct chat_rig *, const struct chat_peer *);
/* Until the server proposes what members left undone. */
void rig_wait_grace(struct chat_rig *);

#endif
