/* SPDX-License-Identifier: MIT */
/*
 * A device of a user, for tests of the modules that serve MLS: keys, certificate, KeyPackages, one group.
 *
 * Everything is real (crypto/mls, crypto/verify) and nothing is random but what the library draws: a device is
 * made from two letters, the user's and its own. Functions fail the running cmocka test instead of returning errors.
 */
#ifndef MLS_PEER_H
#define MLS_PEER_H

#include "mls/mls.h"
#include "verify/verify.h"

#define PEER_PACKAGES_MAX 256

struct peer_package {
    struct mls_buf message;
    struct mls_buf secret;
};

struct mls_peer {
    uint8_t user[16];
    uint8_t device[16];
    uint8_t identity_seed[32];
    uint8_t identity_key[32];
    uint8_t device_seed[32];
    uint8_t device_key[32];
    uint8_t cert[VERIFY_CERT_BYTES];
    uint16_t suite;
    uint64_t now; /* seconds; against which lifetimes are judged */
    struct peer_package packages[PEER_PACKAGES_MAX];
    size_t package_count;
    /* The external_senders of groups to be made; borrowed; none when empty. */
    struct mls_bytes senders;
    struct mls_config config;
    struct mls_group *group;
};

/* user 'a', device '1': always the same ids and keys. */
void mls_peer_init(struct mls_peer *, char user, char device, uint16_t suite, uint64_t now);
/* Ids given by a server instead: keys follow from them, the identity key from the user's alone. */
void mls_peer_init_ids(struct mls_peer *, const uint8_t user[16], const uint8_t device[16],
                       uint16_t suite, uint64_t now);
void mls_peer_fini(struct mls_peer *);

/* Who it says that it is, for a leaf that lives lifetime_s from now on; borrowed. */
struct mls_client mls_peer_client(const struct mls_peer *, uint64_t lifetime_s);

/* A KeyPackage that lives lifetime_s from now on; borrowed, kept for joining. */
struct mls_bytes mls_peer_package(struct mls_peer *, uint64_t lifetime_s);

/* A group of one with this id. */
void mls_peer_create(struct mls_peer *, const uint8_t chat_id[16]);

struct peer_bundle {
    struct mls_buf commit, welcome, group_info;
    struct mls_buf start; /* of a first commit: the group before it; else empty */
};
/* A pending commit that adds the packages and removes the leaves. */
void mls_peer_commit(struct mls_peer *, const struct mls_bytes *adds, size_t add_count,
                     const uint32_t *removes, size_t remove_count, struct peer_bundle *bundle_out);
/* A Remove proposal, kept in the group; the next commit names it. */
int mls_peer_propose_remove(struct mls_peer *, uint32_t leaf, struct mls_buf *message_out);
void peer_bundle_fini(struct peer_bundle *);
void mls_peer_merge(struct mls_peer *);
void mls_peer_drop(struct mls_peer *);

/* Joins with whichever package the Welcome is for. */
void mls_peer_join(struct mls_peer *, struct mls_bytes welcome);
void mls_peer_encrypt(struct mls_peer *, const char *text, struct mls_buf *message_out);
/* Processes one message: a commit is merged; text_out gets an application message (at most 63 bytes). */
int mls_peer_process(struct mls_peer *, struct mls_bytes message, char text_out[64]);

#endif
