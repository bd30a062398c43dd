/* SPDX-License-Identifier: MIT */
/*
 * One batch of log entries and invitations on its way into the profile: one transaction, and the
 * group of the chat at hand kept open between two entries of the same chat.
 */
#ifndef CLIENT_INBOX_H
#define CLIENT_INBOX_H

#include "group.h"

#define INBOX_WELCOMES_MAX 256
#define INBOX_DELETED_MAX 256

struct inbox {
    bool open;
    struct chat chat; /* of the entry at hand; exists is false before the first */
    struct mls_group *group;
    bool dirty; /* the chat or its group must be written */
    bool moved; /* something was taken in that will not come again */
    /* What happened, for whoever goes on after the batch. */
    bool gap; /* an event did not follow on the cursor */
    bool roster_changed;
    bool joined;
    bool somebody_left; /* a proposal waits to be committed */
    bool old_copy;      /* another copy of this profile sent something (copies.h) */
    uint64_t sent_top;  /* likewise: the number that the server took last */
    size_t welcome_count;
    uint8_t welcomes[INBOX_WELCOMES_MAX][ID_BYTES]; /* to be acknowledged */
    size_t deleted_count;
    uint8_t deleted[INBOX_DELETED_MAX][ID_BYTES]; /* likewise */
};

int inbox_begin(struct sotto_client *client, struct inbox *inbox);

/* Commits, or rolls back when status is not 0; returns the first status that is not 0. */
int inbox_end(struct sotto_client *client, struct inbox *inbox, int status);

/* Processes one entry. live: it must follow directly on the cursor, or inbox->gap is set and it
 * is left. What cannot be decrypted becomes an event in the archive; an error is only what
 * concerns the profile. */
int inbox_entry(struct sotto_client *client, struct inbox *inbox,
                const Sotto__Chat__V1__Entry *entry, bool live);

/* told.c: steps over what a relay chat did not keep for us; leaves a line about it in the archive, and gives the
 * chat up when commits were among it. */
int inbox_gap(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__Gap *gap);

/* told.c: the log ends before our cursor. Either its numbers were a lie once, or the server has lost entries: from a
 * jump in them it is read again, and without one the chat is broken, to be entered anew. */
int inbox_ahead(struct sotto_client *client, struct inbox *inbox,
                const Sotto__Chat__V1__Cursor *end);

/* The server says that somebody deleted the chat. What we have of it stays. */
int inbox_deleted(struct sotto_client *client, struct inbox *inbox,
                  const Sotto__Chat__V1__ChatDeleted *deleted);

/* The server says that this device is not in the chat any more. When what it read before did not
 * say so, it is the server's word alone. */
int inbox_left(struct sotto_client *client, struct inbox *inbox, ProtobufCBinaryData chat_id);

/* Takes a chat in hand, if the profile has it: inbox->chat and its group. */
int inbox_pick_up(struct sotto_client *client, struct inbox *inbox,
                  const uint8_t chat_id[ID_BYTES]);

/* Writes the chat at hand and lets go of it. */
int inbox_put_down(struct sotto_client *client, struct inbox *inbox);

/* invited.c: makes a chat of a group that this device has just entered, at welcome->seq, with what else the server
 * says of it. known: the chat as the profile had it; of a broken one, and one that takes another's place, the title
 * stays. Inside a transaction. */
int inbox_store_joined(struct sotto_client *client, struct inbox *inbox,
                       const Sotto__Chat__V1__Welcome *welcome, const struct mls_group *group,
                       const uint8_t inviter[ID_BYTES], const struct chat *known);

/*
 * invited.c: whether the leaf that signed vouches for a group under the id of a chat that the profile knows. When
 * nobody but the server says that we are out, or that we missed something, it must be a device of somebody whom we
 * know there, so that nobody puts a group of strangers into the place of a chat. Other leaves prove nothing:
 * anybody can build a tree of the KeyPackages of others.
 */
int inbox_is_vouched(struct sotto_client *client, const struct chat *known,
                     const struct mls_group *group, uint32_t leaf, bool *is_out);

/* invited.c: an invitation, opened: what the group says, and with which of our KeyPackages. */
struct invitation {
    struct mls_group *group;   /* NULL: it is not for us, or of no use */
    uint32_t leaf;             /* of who signed */
    uint8_t inviter[ID_BYTES]; /* and the user there */
    uint8_t ref[MLS_REF_BYTES];
    bool last_resort;
};
int invited_open(struct sotto_client *client, const Sotto__Chat__V1__Welcome *welcome,
                 struct invitation *invitation_out);
void invitation_fini(struct invitation *invitation);

/* invited.c: makes a chat of it, and uses the KeyPackage up. Inside a transaction. */
int invited_enter(struct sotto_client *client, struct inbox *inbox,
                  const Sotto__Chat__V1__Welcome *welcome, const struct invitation *invitation,
                  const struct chat *known);

/* invited.c: takes an invitation, if it is of use. */
int inbox_welcome(struct sotto_client *client, struct inbox *inbox,
                  const Sotto__Chat__V1__Welcome *welcome);

#endif
