/* SPDX-License-Identifier: MIT */
/*
 * Authentication of framed content and its public form (RFC 9420 sections 6.1, 6.2).
 */
#include "protect.h"

#define LABEL_CONTENT "FramedContentTBS"

/* FramedContentTBS: members, and those who join by their own commit, sign the group's context. */
static void
write_tbs(struct mls_writer *w, uint16_t wire_format, const struct mls_content *content,
          struct mls_bytes context)
{
    mls_write_u16(w, MLS_VERSION_10);
    mls_write_u16(w, wire_format);
    mls_content_write(w, content);
    if (content->sender.type == MLS_SENDER_MEMBER ||
        content->sender.type == MLS_SENDER_NEW_MEMBER_COMMIT)
        mls_write_raw(w, context);
}

int
mls_content_sign(const struct mls_crypto *c, uint16_t wire_format,
                 const struct mls_content *content, struct mls_bytes context,
                 const uint8_t seed[MLS_ED25519_SEED_BYTES],
                 uint8_t signature_out[MLS_ED25519_SIGNATURE_BYTES])
{
    struct mls_writer w;

    mls_writer_init(&w, c->p, 0);
    write_tbs(&w, wire_format, content, context);
    int error = mls_writer_error(&w);
    if (error == 0)
        error = mls_sign_with_label(c, seed, LABEL_CONTENT, mls_writer_bytes(&w), signature_out);
    mls_writer_fini(&w);
    return error;
}

int
mls_authenticated_verify(const struct mls_crypto *c, const struct mls_authenticated *message,
                         struct mls_bytes context, struct mls_bytes signature_key)
{
    struct mls_writer w;

    mls_writer_init(&w, c->p, 0);
    write_tbs(&w, message->wire_format, &message->content, context);
    int error = mls_writer_error(&w);
    if (error == 0)
        error = mls_verify_with_label(c, signature_key, LABEL_CONTENT, mls_writer_bytes(&w),
                                      message->auth.signature);
    mls_writer_fini(&w);
    return error;
}

void
mls_authenticated_write_confirmed(struct mls_writer *w, const struct mls_authenticated *message)
{
    mls_write_u16(w, message->wire_format);
    mls_content_write(w, &message->content);
    mls_write_opaque(w, message->auth.signature);
}

int
mls_authenticated_ref(const struct mls_crypto *c, const struct mls_authenticated *message,
                      uint8_t ref_out[MLS_REF_BYTES])
{
    struct mls_writer w;

    mls_writer_init(&w, c->p, 0);
    mls_write_u16(&w, message->wire_format);
    mls_content_write(&w, &message->content);
    mls_content_auth_write(&w, message->content.type, &message->auth);
    int error = mls_writer_error(&w);
    if (error == 0)
        error = mls_ref_hash(c, MLS_LABEL_PROPOSAL_REF, mls_writer_bytes(&w), ref_out);
    mls_writer_fini(&w);
    return error;
}

/* ---- PublicMessage ------------------------------------------------------------------------ */

/* AuthenticatedContentTBM */
static void
write_tbm(struct mls_writer *w, const struct mls_frame_keys *keys,
          const struct mls_content *content, const struct mls_content_auth *auth)
{
    write_tbs(w, MLS_WIRE_PUBLIC_MESSAGE, content, keys->context);
    mls_content_auth_write(w, content->type, auth);
}

int
mls_public_seal(const struct mls_frame_keys *keys, const struct mls_authenticated *message,
                struct mls_writer *w)
{
    struct mls_public_message framed = {.content = message->content, .auth = message->auth};
    struct mls_writer tbm;
    uint8_t tag[MLS_HASH_BYTES];

    if (message->content.type == MLS_CONTENT_APPLICATION ||
        message->content.sender.type != MLS_SENDER_MEMBER)
        return MLS_EARG;
    mls_writer_init(&tbm, keys->c->p, 0);
    write_tbm(&tbm, keys, &message->content, &message->auth);
    int error = mls_writer_error(&tbm);
    if (error == 0)
        error = mls_mac(keys->c, keys->membership_key, mls_writer_bytes(&tbm), tag);
    mls_writer_fini(&tbm);
    if (error != 0)
        return error;
    framed.membership_tag = mls_bytes(tag, sizeof(tag));
    mls_message_header_write(w, MLS_WIRE_PUBLIC_MESSAGE);
    mls_public_message_write(w, &framed);
    return mls_writer_error(w);
}

int
mls_public_write_outside(const struct mls_authenticated *message, struct mls_writer *w)
{
    const struct mls_public_message framed = {.content = message->content, .auth = message->auth};

    if (message->content.sender.type == MLS_SENDER_MEMBER)
        return MLS_EARG;
    mls_message_header_write(w, MLS_WIRE_PUBLIC_MESSAGE);
    mls_public_message_write(w, &framed);
    return mls_writer_error(w);
}

int
mls_public_verify_tag(const struct mls_frame_keys *keys, const struct mls_public_message *message)
{
    struct mls_writer tbm;

    mls_writer_init(&tbm, keys->c->p, 0);
    write_tbm(&tbm, keys, &message->content, &message->auth);
    int error = mls_writer_error(&tbm);
    if (error == 0)
        error = mls_mac_verify(keys->c, keys->membership_key, mls_writer_bytes(&tbm),
                               message->membership_tag);
    mls_writer_fini(&tbm);
    return error;
}
