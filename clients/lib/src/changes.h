/* SPDX-License-Identifier: MIT */
/*
 * What changes in a chat besides messages: who comes, who goes, who is what. Each change becomes an
 * event in the archive and a row of chat_members, in the transaction of the caller.
 *
 * Who came or went is the difference between the roster as it was and as the group has it after
 * the commit, in users; devices of who stays are notice.h's. Who did it is the
 * member who signed the commit or the proposal; only roles are told on the server's word.
 */
#ifndef CLIENT_CHANGES_H
#define CLIENT_CHANGES_H

#include "inbox.h"

/* After our own commit was merged into the group. */
int changes_own_commit(struct sotto_client *client, const struct chat *chat,
                       const struct mls_group *group, uint64_t seq, int64_t ts_ms);

/* After a commit of another member was merged; ends our membership if it removed us. */
int changes_commit(struct sotto_client *client, struct inbox *inbox,
                   const Sotto__Chat__V1__Entry *entry, const struct mls_received *received);

/* A proposal that leaving_allows() let the group keep: a user leaves, perhaps ourselves by another
 * device. */
int changes_proposal(struct sotto_client *client, struct inbox *inbox,
                     const Sotto__Chat__V1__Entry *entry, const struct mls_received *received);

/* An entry of the kind ACCOUNT_DELETED: believed when the identity key that we know signed it. */
int changes_account_deleted(struct sotto_client *client, struct inbox *inbox,
                            const Sotto__Chat__V1__Entry *entry);

/* An entry of the kind ROLE. */
int changes_role(struct sotto_client *client, struct inbox *inbox,
                 const Sotto__Chat__V1__Entry *entry);

#endif
