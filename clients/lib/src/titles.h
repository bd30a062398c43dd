/* SPDX-License-Identifier: MIT */
/*
 * Titles for devices that joined by themselves. Whoever adds a device tells it the chat's title; who comes by a commit
 * of its own has nobody who did, and a title is in no place but the members' profiles. So those from whom it takes one
 * owe it: its siblings, owner and admins. Of those who listen the one with the lowest leaf tells it first, and the
 * others see that in the log.
 */
#ifndef CLIENT_TITLES_H
#define CLIENT_TITLES_H

#include "inbox.h"

/* Somebody joined by the commit of this entry, which the group has entered: chat.title_owed, if it is for us. */
int titles_note_joiner(struct sotto_client *client, struct inbox *inbox,
                       const Sotto__Chat__V1__Entry *entry, const struct mls_received *received);

/* Somebody told this title, at seq. */
void titles_note_told(struct chat *chat, const char *title, uint64_t seq);

/* Whether a title is owed in any chat, and after how many of its members it is for us to tell it. */
int titles_rank(struct sotto_client *client, bool *owed_out, unsigned *rank_out);

/* Tells what is owed. Attached, caught up. */
int titles_tell(struct sotto_client *client);

#endif
