/* SPDX-License-Identifier: MIT */
/*
 * Framing on the wire (RFC 9420 section 6): MLSMessage, PublicMessage, PrivateMessage, and the
 * content both carry. Signing, tags and encryption are in protect.h; this is encoding alone.
 *
 * As in leaf.h: reading borrows and allocates nothing.
 */
#ifndef MLS_FRAMING_H
#define MLS_FRAMING_H

#include "proposal.h"

struct mls_sender {
    uint8_t type;   /* enum mls_sender_type */
    uint32_t index; /* leaf of a member, or number of an external sender; else 0 */
};

/* FramedContent. The body is kept encoded: application data without its length, or the Proposal, or
 * the Commit, checked to decode. */
struct mls_content {
    struct mls_bytes group_id;
    uint64_t epoch;
    struct mls_sender sender;
    struct mls_bytes authenticated_data;
    uint8_t type; /* enum mls_content_type */
    struct mls_bytes body;
};

/* FramedContentAuthData */
struct mls_content_auth {
    struct mls_bytes signature;
    struct mls_bytes confirmation_tag; /* of a commit */
};

struct mls_public_message {
    struct mls_content content;
    struct mls_content_auth auth;
    struct mls_bytes membership_tag; /* of a member */
    struct mls_bytes content_encoded;
    struct mls_bytes auth_encoded;
};

struct mls_private_message {
    struct mls_bytes group_id;
    uint64_t epoch;
    uint8_t content_type;
    struct mls_bytes authenticated_data;
    struct mls_bytes encrypted_sender_data;
    struct mls_bytes ciphertext;
};

/* Reads the body of a content type (the `select` of FramedContent) and checks that it decodes. */
struct mls_bytes mls_content_body_read(struct mls_reader *r, uint8_t type);
void mls_content_body_write(struct mls_writer *w, const struct mls_content *content);

void mls_content_read(struct mls_reader *r, struct mls_content *out);
void mls_content_write(struct mls_writer *w, const struct mls_content *content);

void mls_content_auth_read(struct mls_reader *r, uint8_t type, struct mls_content_auth *out);
void mls_content_auth_write(struct mls_writer *w, uint8_t type,
                            const struct mls_content_auth *auth);

void mls_public_message_read(struct mls_reader *r, struct mls_public_message *out);
void mls_public_message_write(struct mls_writer *w, const struct mls_public_message *message);

void mls_private_message_read(struct mls_reader *r, struct mls_private_message *out);
void mls_private_message_write(struct mls_writer *w, const struct mls_private_message *message);

/* ---- MLSMessage -------------------------------------------------------------------------- */

/* Reads version and wire format. MLS_EVERSION, or MLS_EDECODE for an unknown wire format. */
uint16_t mls_message_header_read(struct mls_reader *r);
void mls_message_header_write(struct mls_writer *w, uint16_t wire_format);

/* Reads a whole MLSMessage of a certain kind; another kind and bytes left over are MLS_EDECODE. */
int mls_key_package_message_read(struct mls_bytes message, struct mls_key_package *out);
int mls_public_message_message_read(struct mls_bytes message, struct mls_public_message *out);

#endif
