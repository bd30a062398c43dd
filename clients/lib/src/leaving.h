/* SPDX-License-Identifier: MIT */
/*
 * Members who leave. Nobody can commit the own removal, so who leaves proposes it, and a member who
 * stays commits it.
 *
 * Of all proposals a group of ours keeps these alone: a Remove of a leaf of the sender's own user, in a
 * PublicMessage of a member, and a Remove by the group's external sender, the server. Another one would go into the
 * next commit of whoever makes it, with the rights of that member. It is looked at before MLS keeps it, because
 * what is kept cannot be taken back.
 *
 * The server cannot check the membership tag of a proposal: it stores one with a wrong tag, and sends nothing
 * before a commit removes those leaves. So a leaving that its leaver signed is committed without the tag as well,
 * by value: for all to see it is the one who commits that removes. What the leaver did not sign counts for nothing.
 *
 * The server asks for devices that their users removed. All members keep what it asks, so that they can follow
 * whoever commits it; but this client commits it only when the user's signed key log shows that the device was
 * removed. Until then it commits and sends nothing in that epoch: a server that asks for another device denies its
 * service, which it can do anyway, and gains no more.
 */
#ifndef CLIENT_LEAVING_H
#define CLIENT_LEAVING_H

#include "inbox.h"

#define LEAVERS_MAX 200 /* a chat: the server takes no more removes in a commit */

/* Users who leave by a proposal that they signed and that MLS refuses. */
struct leavers {
    size_t count;
    uint8_t users[LEAVERS_MAX][ID_BYTES];
};

/* False: a proposal that the group must not keep. Whatever is no proposal is allowed. */
bool leaving_allows(const struct mls_group *group, struct mls_bytes message);

/* A proposal of the server, to be judged with the key log of entry->sender_user at hand. */
bool leaving_is_asked(const Sotto__Chat__V1__Entry *entry);

/* Remembers that the server asked for a device. gone_out: its user's key log, as known here, shows it as removed.
 * Inside the inbox's transaction. */
int leaving_asked(struct sotto_client *client, const struct chat *chat,
                  const struct verify_cert *cert, bool *gone_out);

/* EFAILED with failed_precondition: the server asks for a device in this epoch that is not known to be removed. */
int leaving_gate(struct sotto_client *client, const struct chat *chat);

/* MLS refused this message: if it is somebody's leaving that this somebody signed, remembers to remove the leaves
 * by value. Inside the inbox's transaction. */
int leaving_refused(struct sotto_client *client, struct inbox *inbox, struct mls_bytes message);

/* Those of a chat in its epoch. */
int leaving_unproven(struct sotto_client *client, const struct chat *chat,
                     struct leavers *leavers_out);

/* Commits that members left, in all chats. What the server refuses is no error. */
int leaving_commit(struct sotto_client *client);

/* Adds how many leaves of members who stay are lower than ours. */
int leaving_lower(struct sotto_client *client, const struct chat *chat, unsigned *lower);

/* Whether there is such a chat, and how many members' devices come before this one in committing
 * it: the lowest leaf does it first. */
int leaving_rank(struct sotto_client *client, bool *waits_out, unsigned *rank_out);

#endif
