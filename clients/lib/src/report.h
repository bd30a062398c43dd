/* SPDX-License-Identifier: MIT */
/*
 * Commits that this device refuses although the server took them (RFC 9750 on invalid commits): an event for people,
 * and a report to the chat.
 *
 * Who made such a commit is what its signature says. One whose signature does not verify is the server's doing, which
 * checks signatures itself, and is held against nobody. The signature does not cover the two tags: a wrong membership
 * tag may be the server's, a wrong confirmation tag another member's who helps the server. A report says which it was;
 * what others report is their claim and the server's word.
 *
 * A report waits in the table `reports` from the transaction in which the commit was refused until the server has
 * answered, so it is made whatever ends in between, and made before what was read is acknowledged.
 */
#ifndef CLIENT_REPORT_H
#define CLIENT_REPORT_H

#include "inbox.h"

/* This device cannot follow entry, for the reason that MLS gave: stores the event, and the report unless it was made
 * by a device of our own. signed_out: false when it is held against nobody, and nothing was stored. Inside the inbox's
 * transaction, the group still as it was before the commit. */
int report_refused(struct sotto_client *client, struct inbox *inbox,
                   const Sotto__Chat__V1__Entry *entry, int problem, bool *signed_out);

/* An entry of the kind REPORT: somebody cannot follow a commit. */
int report_taken(struct sotto_client *client, struct inbox *inbox,
                 const Sotto__Chat__V1__Entry *entry);

/* Makes the reports that wait. What the server refuses for good is dropped and no error. Attached. */
int report_send(struct sotto_client *client);

#endif
