/* SPDX-License-Identifier: MIT */
/*
 * The MLS groups behind the chats, followed from outside (mls/public_group.h): what is verified, where, and what is
 * kept of it.
 *
 * Messages are verified in the job pool against the group as it was read, and the pair (epoch, tree hash) is compared
 * in the transaction that writes them: whatever happened in between, nothing is written that was not verified against
 * the group it joins. One check holds its group alone, since groups that come of each other share memory; a second
 * check of the same chat reads a group of its own from the store.
 *
 *     logic thread   tree_check_start: the group from the cache, or ...
 *     reader thread  ... its stored form
 *     pool thread    opened if need be; the check's work
 *     logic thread   the check's done; later tree_check_end gives the group back
 *
 * The cache is bounded by groups and by bytes; the least recently used goes first.
 */
#ifndef CHAT_TREE_H
#define CHAT_TREE_H

#include "chat_roster.h"
#include "mls/public_group.h"

#define CHAT_TREES_MAX 64 /* groups in the cache */
/* And their memory: one of 1,000 devices takes 0.7 MB. */
#define CHAT_TREES_BYTES_MAX (64u * 1024 * 1024)

struct chat_tree {
    uint32_t chat; /* number */
    struct mls_public_group *group;
    size_t bytes;
    uint64_t used; /* serial of the last use */
};

struct chat_trees {
    struct mls_config config; /* of every followed group; its callbacks run on pool threads */
    uint64_t serial;
    size_t count, bytes;
    struct chat_tree trees[CHAT_TREES_MAX];
};

/* NULL: out of memory. */
struct chat_trees *trees_create(struct sotto_host *, const struct mls_provider *);
void trees_destroy(struct chat_trees **);

struct tree_check;
typedef int tree_work_fn(struct tree_check *);
typedef void tree_done_fn(struct tree_check *, int status);

/* What came from the store; all on the heap. */
struct tree_stored {
    ProtobufCBinaryData state; /* NULL: the chat is not followed */
    /* Of the same epoch; read when there is no state, and for wants_stored. */
    ProtobufCBinaryData group_info;
    ProtobufCBinaryData *proposals; /* that wait in this epoch */
    size_t proposal_count;
};

/* One check. Its owner sets the first part and keeps it until tree_check_end. */
struct tree_check {
    struct delivery *ds;
    void *owner;
    struct chat *chat; /* NULL: a new one, which `start` begins */
    uint8_t chat_id[CHAT_ID_BYTES];
    uint64_t epoch; /* in which the group must be, else SOTTO_EABORTED */
    /* MLSMessage(GroupInfo) with the tree; for a chat that is not followed yet. */
    ProtobufCBinaryData start;
    bool wants_stored; /* the store's group in whatever epoch, with its GroupInfo */
    /* A user who must be a member when that is read, else SOTTO_ENOTFOUND; or NULL. */
    const uint8_t *reader;
    tree_work_fn *work; /* pool thread, with `group` set */
    tree_done_fn *done; /* logic thread */

    /* for work and done */
    struct mls_public_group *group;
    struct tree_stored stored;
    bool keeps;         /* work keeps proposals in the group */
    bool is_new;        /* the group came from start: no row of the store has it */
    size_t kept_before; /* proposals in the group that are the store's */
    /* Of the group's tree as the store has it; zero: it has none. */
    uint8_t base_hash[MLS_HASH_BYTES];

    /* made by work */
    bool is_wanted;                /* the chat is not followed, and start is empty */
    struct mls_public_group *next; /* the group of the next epoch */
    const char *text;              /* why it is refused */
    char why[200];                 /* where text is made up */
};

/* Fills in a check of proposals of the chat's epoch, which work keeps in the group. */
void tree_check_proposals(struct tree_check *, struct delivery *, struct chat *, void *owner,
                          tree_work_fn *work, tree_done_fn *done);

/* Starts a check; done is called once, perhaps before this returns. */
void tree_check_start(struct tree_check *);

/*
 * Ends a check. is_written: what it verified is in the store, and `next`, or the group with the proposals that were
 * kept in it, is the chat's now. Whatever is the chat's goes into the cache. May be called for a check that was never
 * started.
 */
void tree_check_end(struct tree_check *, bool is_written);

/* Turns an MLS error into a status, with a text: "members would refuse the <what>: ..." */
int tree_refuse(struct tree_check *, const char *what, int mls_error);

/* The certificate behind a credential names this device. Any thread. */
bool tree_is_device(const struct mls_credential_view *, const uint8_t *user, const uint8_t *device);

#endif
