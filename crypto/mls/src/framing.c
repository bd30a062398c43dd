/* SPDX-License-Identifier: MIT */
/*
 * Encoding of message framing (RFC 9420 section 6).
 */
#include "framing.h"

/* ---- Content ----------------------------------------------------------------------------- */

static void
read_sender(struct mls_reader *r, struct mls_sender *out)
{
    *out = (struct mls_sender){.type = mls_read_u8(r)};
    switch (out->type) {
    case MLS_SENDER_MEMBER:
    case MLS_SENDER_EXTERNAL: out->index = mls_read_u32(r); break;
    case MLS_SENDER_NEW_MEMBER_PROPOSAL:
    case MLS_SENDER_NEW_MEMBER_COMMIT: break;
    default: mls_reader_fail(r, MLS_EDECODE); break;
    }
}

static void
write_sender(struct mls_writer *w, const struct mls_sender *sender)
{
    mls_write_u8(w, sender->type);
    if (sender->type == MLS_SENDER_MEMBER || sender->type == MLS_SENDER_EXTERNAL)
        mls_write_u32(w, sender->index);
}

struct mls_bytes
mls_content_body_read(struct mls_reader *r, uint8_t type)
{
    size_t start = r->pos;
    struct mls_proposal_body proposal;
    struct mls_commit_body commit;

    switch (type) {
    case MLS_CONTENT_APPLICATION: return mls_read_opaque(r);
    case MLS_CONTENT_PROPOSAL: mls_proposal_read(r, &proposal); break;
    case MLS_CONTENT_COMMIT: mls_commit_body_read(r, &commit); break;
    default: mls_reader_fail(r, MLS_EDECODE); break;
    }
    return mls_reader_since(r, start);
}

void
mls_content_body_write(struct mls_writer *w, const struct mls_content *content)
{
    if (content->type == MLS_CONTENT_APPLICATION)
        mls_write_opaque(w, content->body);
    else
        mls_write_raw(w, content->body);
}

void
mls_content_read(struct mls_reader *r, struct mls_content *out)
{
    *out = (struct mls_content){0};
    out->group_id = mls_read_opaque(r);
    out->epoch = mls_read_u64(r);
    read_sender(r, &out->sender);
    out->authenticated_data = mls_read_opaque(r);
    out->type = mls_read_u8(r);
    out->body = mls_content_body_read(r, out->type);
}

void
mls_content_write(struct mls_writer *w, const struct mls_content *content)
{
    mls_write_opaque(w, content->group_id);
    mls_write_u64(w, content->epoch);
    write_sender(w, &content->sender);
    mls_write_opaque(w, content->authenticated_data);
    mls_write_u8(w, content->type);
    mls_content_body_write(w, content);
}

void
mls_content_auth_read(struct mls_reader *r, uint8_t type, struct mls_content_auth *out)
{
    *out = (struct mls_content_auth){0};
    out->signature = mls_read_opaque(r);
    if (type == MLS_CONTENT_COMMIT)
        out->confirmation_tag = mls_read_opaque(r);
}

void
mls_content_auth_write(struct mls_writer *w, uint8_t type, const struct mls_content_auth *auth)
{
    mls_write_opaque(w, auth->signature);
    if (type == MLS_CONTENT_COMMIT)
        mls_write_opaque(w, auth->confirmation_tag);
}

/* ---- PublicMessage and PrivateMessage ----------------------------------------------------- */

void
mls_public_message_read(struct mls_reader *r, struct mls_public_message *out)
{
    size_t start = r->pos;

    *out = (struct mls_public_message){0};
    mls_content_read(r, &out->content);
    out->content_encoded = mls_reader_since(r, start);
    start = r->pos;
    mls_content_auth_read(r, out->content.type, &out->auth);
    out->auth_encoded = mls_reader_since(r, start);
    if (out->content.sender.type == MLS_SENDER_MEMBER)
        out->membership_tag = mls_read_opaque(r);
}

void
mls_public_message_write(struct mls_writer *w, const struct mls_public_message *message)
{
    mls_content_write(w, &message->content);
    mls_content_auth_write(w, message->content.type, &message->auth);
    if (message->content.sender.type == MLS_SENDER_MEMBER)
        mls_write_opaque(w, message->membership_tag);
}

void
mls_private_message_read(struct mls_reader *r, struct mls_private_message *out)
{
    out->group_id = mls_read_opaque(r);
    out->epoch = mls_read_u64(r);
    out->content_type = mls_read_u8(r);
    if (out->content_type < MLS_CONTENT_APPLICATION || out->content_type > MLS_CONTENT_COMMIT)
        mls_reader_fail(r, MLS_EDECODE);
    out->authenticated_data = mls_read_opaque(r);
    out->encrypted_sender_data = mls_read_opaque(r);
    out->ciphertext = mls_read_opaque(r);
}

void
mls_private_message_write(struct mls_writer *w, const struct mls_private_message *message)
{
    mls_write_opaque(w, message->group_id);
    mls_write_u64(w, message->epoch);
    mls_write_u8(w, message->content_type);
    mls_write_opaque(w, message->authenticated_data);
    mls_write_opaque(w, message->encrypted_sender_data);
    mls_write_opaque(w, message->ciphertext);
}

/* ---- MLSMessage -------------------------------------------------------------------------- */

uint16_t
mls_message_header_read(struct mls_reader *r)
{
    uint16_t version = mls_read_u16(r);
    uint16_t wire_format = mls_read_u16(r);

    if (r->len > MLS_MESSAGE_BYTES_MAX)
        mls_reader_fail(r, MLS_ESIZE);
    if (mls_reader_error(r) != 0)
        return 0;
    if (version != MLS_VERSION_10)
        mls_reader_fail(r, MLS_EVERSION);
    else if (wire_format < MLS_WIRE_PUBLIC_MESSAGE || wire_format > MLS_WIRE_KEY_PACKAGE)
        mls_reader_fail(r, MLS_EDECODE);
    return wire_format;
}

void
mls_message_header_write(struct mls_writer *w, uint16_t wire_format)
{
    mls_write_u16(w, MLS_VERSION_10);
    mls_write_u16(w, wire_format);
}

/* Opens an MLSMessage that must be of one kind. */
static void
open_message(struct mls_reader *r, struct mls_bytes message, uint16_t wire_format)
{
    mls_reader_init(r, message);
    if (mls_message_header_read(r) != wire_format)
        mls_reader_fail(r, MLS_EDECODE);
}

int
mls_key_package_message_read(struct mls_bytes message, struct mls_key_package *out)
{
    struct mls_reader r;

    open_message(&r, message, MLS_WIRE_KEY_PACKAGE);
    mls_key_package_read(&r, out);
    return mls_reader_finish(&r);
}

int
mls_public_message_message_read(struct mls_bytes message, struct mls_public_message *out)
{
    struct mls_reader r;

    open_message(&r, message, MLS_WIRE_PUBLIC_MESSAGE);
    mls_public_message_read(&r, out);
    return mls_reader_finish(&r);
}
