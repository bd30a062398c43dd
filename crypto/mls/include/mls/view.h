/* SPDX-License-Identifier: MIT */
/*
 * What anybody may read of a message, for delivery services: where it goes, who sent it, what it proposes.
 *
 * No group, no state and no secret is needed, and nothing is verified: members do that, and mls/public_group.h for
 * who follows a group. Any thread. The views of an output point into the message that was read and live as long as
 * it does; no memory is taken but for hashes. Errors: MLS_EDECODE, and MLS_ESIZE, MLS_EVERSION, MLS_ESUITE,
 * MLS_ECREDENTIAL for what the library could not use either.
 */
#ifndef MLS_VIEW_H
#define MLS_VIEW_H

#include "mls/error.h"
#include "mls/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What anybody can read of a message (section 6); the views point into it. */
struct mls_message_info {
    enum mls_wire_format wire_format;
    uint16_t suite;                     /* WELCOME, GROUP_INFO, KEY_PACKAGE; else 0 */
    struct mls_bytes group_id;          /* PUBLIC, PRIVATE, GROUP_INFO; else len 0 */
    uint64_t epoch;                     /* the same */
    enum mls_content_type content_type; /* PUBLIC, PRIVATE; else 0 */
    enum mls_sender_type sender_type;   /* PUBLIC; else 0: a PrivateMessage hides its sender */
    uint32_t sender; /* leaf (MEMBER) or index in external_senders (EXTERNAL); else 0 */
    struct mls_bytes authenticated_data; /* PUBLIC, PRIVATE */
    size_t content_bytes; /* PUBLIC: the proposal or commit; PRIVATE: the ciphertext */
};

/* Decodes a whole MLSMessage (section 6) strictly: no bytes may follow. Verifies nothing. MLS_EDECODE.
 */
int mls_message_info(struct mls_bytes message, struct mls_message_info *info_out);

/* A proposal as anyone may read it. */
struct mls_proposal_view {
    uint16_t type; /* enum mls_proposal_type, or another value of the registry */
    /* ADD: of the new member, its KeyPackageRef and lifetime. UPDATE: of the new leaf. */
    struct mls_credential_view credential;
    uint16_t suite; /* ADD */
    uint8_t key_package_ref[MLS_REF_BYTES];
    struct mls_lifetime lifetime;
    uint32_t leaf;            /* REMOVE */
    struct mls_bytes encoded; /* the struct of the type, as encoded */
};

/* Reads PublicMessage(Proposal) (section 12.1). Verifies nothing; use mls_message_info() for the sender.
 * The provider hashes the key package of an ADD. MLS_EDECODE. */
int mls_proposal_view(const struct mls_provider *provider, struct mls_bytes message,
                      struct mls_proposal_view *view_out);

/* ProposalRef (section 5.2) of PublicMessage(Proposal): what a commit names it by. MLS_EDECODE. */
int mls_proposal_ref(const struct mls_provider *provider, struct mls_bytes message,
                     uint8_t ref_out[MLS_REF_BYTES]);

/* A commit as anyone may read it. */
struct mls_commit_view {
    struct mls_message_info info;
    size_t proposal_count; /* by value and by reference together */
    bool has_path;
    struct mls_credential_view path_credential; /* of the committer's new leaf when has_path */
    struct mls_bytes proposals;                 /* private: what mls_commit_next() walks */
};

/* Reads PublicMessage(Commit) (section 12.4), all of it, without verifying signatures or tags (members
 * do). MLS_EDECODE. */
int mls_commit_view(struct mls_bytes message, struct mls_commit_view *view_out);

/* One proposal of a commit (ProposalOrRef, section 12.4). */
struct mls_commit_entry {
    bool by_reference;
    uint8_t ref[MLS_REF_BYTES];        /* by reference: the ProposalRef */
    struct mls_proposal_view proposal; /* by value */
};

/*
 * Walks the proposals of a commit in order: start with *offset = 0; 1 and an entry, 0 at the end,
 * or a negative error. Adds take the leftmost blank leaves after all Removes are applied, in this
 * order (section 7.7).
 */
int mls_commit_next(const struct mls_provider *provider, const struct mls_commit_view *view,
                    size_t *offset, struct mls_commit_entry *entry_out);

/* A Welcome as anyone may read it. */
struct mls_welcome_view {
    uint16_t suite;
    size_t secret_count;      /* how many new members it is for */
    struct mls_bytes secrets; /* private: what mls_welcome_next() walks */
    size_t group_info_bytes;  /* of the encrypted GroupInfo */
};

/* Reads MLSMessage(Welcome) (section 12.4.3.1), whose contents are encrypted. MLS_EDECODE. */
int mls_welcome_view(struct mls_bytes message, struct mls_welcome_view *view_out);

/* Walks the KeyPackageRefs of a Welcome (section 12.4.3.1): start with *offset = 0; 1 and a ref, 0 at the end, or an
 * error. */
int mls_welcome_next(const struct mls_welcome_view *view, size_t *offset,
                     uint8_t ref_out[MLS_REF_BYTES]);

/* A GroupInfo as anyone may read it. */
struct mls_group_info_view {
    uint16_t suite;
    struct mls_bytes group_id;
    uint64_t epoch;
    struct mls_bytes tree_hash; /* 32 bytes in our suites */
    uint32_t signer;            /* leaf */
    bool has_external_pub;      /* external joins are possible */
    bool has_ratchet_tree;
};

/* Reads MLSMessage(GroupInfo) (section 12.4.3). Does not verify its signature (that needs the tree).
 * MLS_EDECODE. */
int mls_group_info_view(struct mls_bytes message, struct mls_group_info_view *view_out);

#ifdef __cplusplus
}
#endif
#endif
