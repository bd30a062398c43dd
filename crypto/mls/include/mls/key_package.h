/* SPDX-License-Identifier: MIT */
/*
 * A client and its key packages (RFC 9420 section 10): what it publishes so that it can be added to groups while it
 * is away. A server that stores them needs mls_key_package_info() alone.
 *
 * A struct mls_client says who somebody is, wherever a leaf of its own is made: in key packages, in groups it
 * creates, in groups it joins by itself. It is written once and lent to each of those calls.
 */
#ifndef MLS_KEY_PACKAGE_H
#define MLS_KEY_PACKAGE_H

#include "mls/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whom a client says that it is (section 7.2). Borrowed for the call that takes it; the seed is copied into a
 * group. */
struct mls_client {
    /* The private signature key: MLS_ED25519_SEED_BYTES from a generator, the same for both suites. */
    const uint8_t *signature_seed;
    /* Of the basic credential: 1..MLS_IDENTITY_BYTES_MAX bytes, whose meaning is the application's. */
    struct mls_bytes identity;
    /* Of a leaf in a key package or of the creator of a group. All zero: from an hour before the config's now
     * (clocks differ) until 90 days after it, and no longer than its lifetime_max. */
    struct mls_lifetime lifetime;
    /* Extension types beyond the RFC's own that this client understands in a group's context (section 7.2,
     * capabilities). May be NULL with count 0. */
    const uint16_t *extension_types;
    size_t extension_type_count;
};

/*
 * Makes a key package with fresh init and leaf keys (section 10) for groups of one suite, 3 or 1. Of the config it uses
 * the provider, and the clock when the client names no lifetime.
 *   - message_out: MLSMessage(KeyPackage), for publishing.
 *   - private_out: what mls_group_join() needs; secret, versioned, about as large as message_out plus 80 bytes;
 *     to be deleted once used (unless last resort). The seed is not in it.
 *   - MLS_ESUITE: we do not have this suite. MLS_EARG: the identity is empty or too long, or the lifetime ends
 *     before it begins.
 */
int mls_key_package_create(const struct mls_config *config, const struct mls_client *client,
                           uint16_t suite, struct mls_buf *message_out,
                           struct mls_buf *private_out);

/* What a key package says, for whoever hands it out or adds its owner. */
struct mls_key_package_info {
    uint8_t ref[MLS_REF_BYTES]; /* KeyPackageRef, section 5.2 */
    uint16_t suite;
    struct mls_credential_view credential; /* borrowed from the message */
    struct mls_lifetime lifetime;
    struct mls_bytes init_key; /* borrowed; must be unique per uploaded package */
    size_t leaf_bytes;         /* of the LeafNode, for whoever has a bound (leaf_bytes_max) */
};

/*
 * Reads MLSMessage(KeyPackage) and checks all of section 10.1: version, suite, both signatures,
 * distinct init and leaf keys, capabilities. Does NOT judge the lifetime or the credential: that is
 * the caller's. Needs no secret: for servers and clients, on any thread. The views in info_out point
 * into `message`. MLS_ETREE: a key is not valid, both are the same, or what the leaf says of itself
 * does not fit (section 7.3).
 */
int mls_key_package_info(const struct mls_provider *provider, struct mls_bytes message,
                         struct mls_key_package_info *info_out);

#ifdef __cplusplus
}
#endif
#endif
