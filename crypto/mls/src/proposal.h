/* SPDX-License-Identifier: MIT */
/*
 * Proposal, Commit and UpdatePath on the wire (RFC 9420 sections 7.6, 12.1, 12.4).
 *
 * As in leaf.h: reading borrows and allocates nothing, lists stay encoded and are checked when
 * read, so that the walkers below cannot meet a malformed element.
 */
#ifndef MLS_PROPOSAL_H
#define MLS_PROPOSAL_H

#include "leaf.h"
#include "psk.h"

struct mls_reinit {
    struct mls_bytes group_id;
    uint16_t version;
    uint16_t suite;
    struct mls_bytes extensions;
};

/* The same views, for the public contract. */
struct mls_reinit_view mls_reinit_view(const struct mls_reinit *reinit);

struct mls_proposal_body {
    uint16_t type; /* enum mls_proposal_type */
    union {
        struct mls_key_package add;
        struct mls_leaf update;
        uint32_t removed;
        struct mls_psk_id psk;
        struct mls_reinit reinit;
        struct mls_bytes kem_output; /* external_init */
        struct mls_bytes extensions; /* group_context_extensions */
    } u;
    struct mls_bytes encoded; /* the whole Proposal, when it was read */
};

/* Reads a Proposal. A type that RFC 9420 does not have cannot be skipped (it has no length), so it
 * is MLS_EPROPOSAL. */
void mls_proposal_read(struct mls_reader *r, struct mls_proposal_body *out);

/* The same without the type in front: the struct of the given type. */
void mls_proposal_body_read(struct mls_reader *r, uint16_t type, struct mls_proposal_body *out);
void mls_proposal_body_write(struct mls_writer *w, const struct mls_proposal_body *proposal);

void mls_proposal_write(struct mls_writer *w, const struct mls_proposal_body *proposal);

enum mls_proposal_or_ref_type { MLS_BY_VALUE = 1, MLS_BY_REFERENCE = 2 };

struct mls_proposal_or_ref {
    uint8_t type; /* enum mls_proposal_or_ref_type */
    struct mls_bytes ref;
    struct mls_proposal_body proposal;
};

void mls_proposal_or_ref_read(struct mls_reader *r, struct mls_proposal_or_ref *out);
void mls_proposal_or_ref_write(struct mls_writer *w, const struct mls_proposal_or_ref *entry);

/* ---- UpdatePath -------------------------------------------------------------------------- */

struct mls_hpke_ciphertext {
    struct mls_bytes kem_output;
    struct mls_bytes ciphertext;
};

struct mls_path_node {
    struct mls_bytes encryption_key;
    struct mls_bytes ciphertexts; /* contents of HPKECiphertext<V> */
};

struct mls_update_path {
    struct mls_leaf leaf;
    struct mls_bytes nodes; /* contents of UpdatePathNode<V> */
    size_t node_count;
};

void mls_hpke_ciphertext_read(struct mls_reader *r, struct mls_hpke_ciphertext *out);
void mls_hpke_ciphertext_write(struct mls_writer *w, const struct mls_hpke_ciphertext *ciphertext);

/* Reads one UpdatePathNode. */
void mls_path_node_read(struct mls_reader *r, struct mls_path_node *out);

void mls_update_path_read(struct mls_reader *r, struct mls_update_path *out);

/* ---- Commit ------------------------------------------------------------------------------ */

struct mls_commit_body {
    struct mls_bytes proposals; /* contents of ProposalOrRef<V> */
    size_t proposal_count;
    bool has_path;
    struct mls_update_path path;
};

/* Reads a Commit; more than MLS_PROPOSALS_MAX entries are MLS_ESIZE. */
void mls_commit_body_read(struct mls_reader *r, struct mls_commit_body *out);

#endif
