/* SPDX-License-Identifier: MIT */
/*
 * Commits of a member with real keys that a delivery service takes, because all that is public of them is right, and
 * that members refuse. The member who made one enters its epoch at once, and its GroupInfo leads there.
 */
#ifndef MLS_SPOIL_H
#define MLS_SPOIL_H

#include "mls_peer.h"

enum spoil {
    SPOIL_TAG = 1,    /* another confirmation tag, also in the GroupInfo */
    SPOIL_MEMBERSHIP, /* another membership tag */
    SPOIL_PATH,       /* path secrets that do not lead to the public keys */
};

/* A provider that seals something else in place of path secrets while it is told to. */
struct spoiler {
    struct mls_provider provider;
    bool spoils;
};

/* Makes a peer use it, before it has a group; the spoiler must outlive the peer. */
void mls_spoil_init(struct spoiler *, struct mls_peer *);

/* A commit of nothing, with a path. */
void mls_spoil_commit(struct spoiler *, struct mls_peer *, enum spoil how,
                      struct peer_bundle *bundle_out);

#endif
