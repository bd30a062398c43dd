/* SPDX-License-Identifier: MIT */
/*
 * What the other headers share: limits, the numbers that RFC 9420 gives to things, and the small structs
 * that travel in and out. Sizes of keys, hashes and signatures are those of the primitives
 * (mls/provider.h); names of errors stand in mls/error.h.
 */
#ifndef MLS_TYPES_H
#define MLS_TYPES_H

#include "mls/provider.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Sizes and limits -------------------------------------------------------------------- */

enum {
    MLS_REF_BYTES = 32, /* KeyPackageRef, ProposalRef (RFC 9420 section 5.2) */
};

/*
 * Limits of ours; the RFC sets none. What comes from outside and exceeds one is MLS_ESIZE before any
 * work is done that grows with it, a parameter of the caller's MLS_EARG or MLS_ESIZE. Whatever has
 * no limit of its own is limited by MLS_MESSAGE_BYTES_MAX.
 */
enum {
    MLS_MESSAGE_BYTES_MAX = 16 * 1024 * 1024, /* a message, a ratchet_tree, a stored state */
    MLS_MEMBERS_MAX = 5000,                   /* leaves in use; no leaf has a higher number */
    MLS_GROUP_ID_BYTES_MAX = 255,
    MLS_IDENTITY_BYTES_MAX = 4096,
    MLS_PROPOSALS_MAX = 1024,      /* kept in an epoch, in a commit; newcomers in a Welcome */
    MLS_PSKS_MAX = 64,             /* pre-shared keys in a commit, in a Welcome */
    MLS_EXTENSIONS_MAX = 64,       /* in each list of extensions */
    MLS_CAPABILITIES_MAX = 256,    /* in each list of capabilities and required capabilities */
    MLS_EXTERNAL_SENDERS_MAX = 64, /* in the extension of that name */
    MLS_RESUMPTION_MAX = 64,       /* epochs whose resumption secret a group still knows */
    MLS_PADDING_BLOCK_MAX = 65536,
    MLS_EXPORT_BYTES_MAX = 255 * MLS_HASH_BYTES, /* of one mls_group_export() (RFC 5869) */
};

/* Stands for a leaf where there is none; for an external sender likewise. */
#define MLS_LEAF_NONE UINT32_MAX
#define MLS_EXTERNAL_SENDER_NONE UINT32_MAX

/* ---- Numbers of the RFC ------------------------------------------------------------------ */

/* Section 17.3: those that a caller may meet. */
enum mls_extension_type {
    MLS_EXTENSION_APPLICATION_ID = 1,
    MLS_EXTENSION_RATCHET_TREE = 2,
    MLS_EXTENSION_REQUIRED_CAPABILITIES = 3,
    MLS_EXTENSION_EXTERNAL_PUB = 4,
    MLS_EXTENSION_EXTERNAL_SENDERS = 5,
};

/* Section 17.2: what an MLSMessage is. */
enum mls_wire_format {
    MLS_WIRE_PUBLIC_MESSAGE = 1,
    MLS_WIRE_PRIVATE_MESSAGE = 2,
    MLS_WIRE_WELCOME = 3,
    MLS_WIRE_GROUP_INFO = 4,
    MLS_WIRE_KEY_PACKAGE = 5,
};

/* Section 6: what is in a PublicMessage or PrivateMessage. */
enum mls_content_type {
    MLS_CONTENT_APPLICATION = 1,
    MLS_CONTENT_PROPOSAL = 2,
    MLS_CONTENT_COMMIT = 3,
};

/* Section 6: who sent it. */
enum mls_sender_type {
    MLS_SENDER_MEMBER = 1,
    MLS_SENDER_EXTERNAL = 2,
    MLS_SENDER_NEW_MEMBER_PROPOSAL = 3,
    MLS_SENDER_NEW_MEMBER_COMMIT = 4,
};

/* Section 17.4. */
enum mls_proposal_type {
    MLS_PROPOSAL_ADD = 1,
    MLS_PROPOSAL_UPDATE = 2,
    MLS_PROPOSAL_REMOVE = 3,
    MLS_PROPOSAL_PSK = 4,
    MLS_PROPOSAL_REINIT = 5,
    MLS_PROPOSAL_EXTERNAL_INIT = 6,
    MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS = 7,
};

/* Section 17.5. */
enum mls_credential_type { MLS_CREDENTIAL_BASIC = 1, MLS_CREDENTIAL_X509 = 2 };

/* ---- Small structs ----------------------------------------------------------------------- */

/* A credential (section 5.3) with the key it vouches for. The views are borrowed from the object it came
 * from. */
struct mls_credential_view {
    uint16_t type;             /* enum mls_credential_type; only BASIC reaches check_credential */
    struct mls_bytes identity; /* 1..MLS_IDENTITY_BYTES_MAX bytes in anything we accept */
    struct mls_bytes signature_key; /* MLS_ED25519_PUBLIC_BYTES in anything we accept */
    /*
     * Only in check_credential, when this one replaces a member's: the old one, else len 0.
     * The caller decides whether the new one may follow the old (section 5.3.1).
     */
    struct mls_bytes replaces_identity;
    struct mls_bytes replaces_signature_key;
};

/* When a key package may be used (section 7.2). */
struct mls_lifetime {
    uint64_t not_before; /* Unix seconds, inclusive */
    uint64_t not_after;  /* Unix seconds, inclusive */
};

/* One entry of an extension list (section 13); its data without a length. */
struct mls_extension {
    uint16_t type;
    struct mls_bytes data;
};

#ifdef __cplusplus
}
#endif
#endif
