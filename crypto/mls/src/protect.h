/* SPDX-License-Identifier: MIT */
/*
 * Signing, tagging and encrypting of framed content (RFC 9420 sections 6.1 to 6.3).
 *
 * An AuthenticatedContent is content with its signature and, for a commit, its confirmation tag. It
 * travels as PublicMessage (with a membership tag) or PrivateMessage (encrypted). This file knows
 * epochs as the keys it is given; who may send what is decided by the group.
 */
#ifndef MLS_PROTECT_H
#define MLS_PROTECT_H

#include "buf.h"
#include "framing.h"
#include "secret_tree.h"

/* The keys of an epoch that framing needs, all borrowed. */
struct mls_frame_keys {
    const struct mls_crypto *c;
    struct mls_bytes context; /* the encoded GroupContext */
    const uint8_t *membership_key;
    const uint8_t *sender_data_secret;
    struct mls_secret_tree *secret_tree;
};

struct mls_authenticated {
    uint16_t wire_format;
    struct mls_content content;
    struct mls_content_auth auth;
};

/* ---- AuthenticatedContent ------------------------------------------------------------------ */

/* Signs content for a wire format. */
int mls_content_sign(const struct mls_crypto *c, uint16_t wire_format,
                     const struct mls_content *content, struct mls_bytes context,
                     const uint8_t seed[MLS_ED25519_SEED_BYTES],
                     uint8_t signature_out[MLS_ED25519_SIGNATURE_BYTES]);

/* MLS_ESIGNATURE when it does not verify. */
int mls_authenticated_verify(const struct mls_crypto *c, const struct mls_authenticated *message,
                             struct mls_bytes context, struct mls_bytes signature_key);

/* ConfirmedTranscriptHashInput (section 8.2). */
void mls_authenticated_write_confirmed(struct mls_writer *w,
                                       const struct mls_authenticated *message);

/* ProposalRef (section 5.2) of content that is a proposal. */
int mls_authenticated_ref(const struct mls_crypto *c, const struct mls_authenticated *message,
                          uint8_t ref_out[MLS_REF_BYTES]);

/* ---- PublicMessage ------------------------------------------------------------------------ */

/* Writes MLSMessage(PublicMessage) of a member. Application data is MLS_EARG: it never travels
 * unencrypted. */
int mls_public_seal(const struct mls_frame_keys *keys, const struct mls_authenticated *message,
                    struct mls_writer *w);

/* Writes MLSMessage(PublicMessage) of somebody who is no member and so has no tag to give. */
int mls_public_write_outside(const struct mls_authenticated *message, struct mls_writer *w);

/* Verifies the membership tag of a member's message. MLS_EMAC. */
int mls_public_verify_tag(const struct mls_frame_keys *keys,
                          const struct mls_public_message *message);

/* ---- PrivateMessage ----------------------------------------------------------------------- */

/*
 * Writes MLSMessage(PrivateMessage), using up the next key of the sender's ratchet. The content is
 * padded with zeros to a multiple of `padding_block` (0 and 1: none).
 */
int mls_private_seal(const struct mls_frame_keys *keys, const struct mls_authenticated *message,
                     size_t padding_block, struct mls_writer *w);

struct mls_sender_data {
    uint32_t leaf;
    uint32_t generation;
    uint8_t reuse_guard[4];
};

/* First half of opening: who sent it and with which key. The caller checks that the leaf exists. */
int mls_private_open_sender(const struct mls_frame_keys *keys,
                            const struct mls_private_message *message,
                            struct mls_sender_data *sender_out);

/*
 * Second half: decrypts and takes apart. The key is looked at, not used up: the caller verifies the
 * signature and then calls mls_private_consume(). `plain_out` owns what the content points into,
 * besides the message itself. MLS_EREPLAY, MLS_EGENERATION, MLS_EAEAD, MLS_EDECODE (padding that is
 * not zero, too).
 */
int mls_private_open_content(const struct mls_frame_keys *keys,
                             const struct mls_private_message *message,
                             const struct mls_sender_data *sender, struct mls_buf *plain_out,
                             struct mls_authenticated *content_out);

/* Uses up the key of an opened message. On failure nothing changed and the message counts as not
 * received. */
int mls_private_consume(const struct mls_frame_keys *keys, uint8_t content_type,
                        const struct mls_sender_data *sender);

#endif
