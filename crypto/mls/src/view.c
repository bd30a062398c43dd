/* SPDX-License-Identifier: MIT */
/*
 * What a delivery service may know of a message (RFC 9420 section 6, RFC 9750): reading without
 * secrets, without memory, with views into the input.
 */
#include "mls/view.h"
#include "welcome.h"

#include <assert.h>
#include <string.h>

/* ---- Any message -------------------------------------------------------------------------- */

static void
info_of_public(const struct mls_public_message *message, struct mls_message_info *out)
{
    out->group_id = message->content.group_id;
    out->epoch = message->content.epoch;
    out->content_type = message->content.type;
    out->sender_type = message->content.sender.type;
    out->sender = message->content.sender.index;
    out->authenticated_data = message->content.authenticated_data;
    out->content_bytes = message->content.body.len;
}

static void
read_public_info(struct mls_reader *r, struct mls_message_info *out)
{
    struct mls_public_message message;

    mls_public_message_read(r, &message);
    /* Application data is never public (section 6). */
    if (message.content.type == MLS_CONTENT_APPLICATION)
        mls_reader_fail(r, MLS_EDECODE);
    info_of_public(&message, out);
}

static void
read_private_info(struct mls_reader *r, struct mls_message_info *out)
{
    struct mls_private_message message;

    mls_private_message_read(r, &message);
    out->group_id = message.group_id;
    out->epoch = message.epoch;
    out->content_type = message.content_type;
    out->authenticated_data = message.authenticated_data;
    out->content_bytes = message.ciphertext.len;
}

static void
read_group_info_info(struct mls_reader *r, struct mls_message_info *out)
{
    struct mls_group_info info;

    mls_group_info_read(r, &info);
    out->suite = info.context.suite;
    out->group_id = info.context.group_id;
    out->epoch = info.context.epoch;
}

int
mls_message_info(struct mls_bytes message, struct mls_message_info *info_out)
{
    struct mls_message_info info = {0};
    struct mls_welcome welcome;
    struct mls_key_package package;
    struct mls_reader r;

    assert(info_out != NULL);
    mls_reader_init(&r, message);
    uint16_t wire_format = mls_message_header_read(&r);
    if (mls_reader_error(&r) != 0)
        return mls_reader_error(&r);
    info.wire_format = wire_format;
    switch (wire_format) {
    case MLS_WIRE_PUBLIC_MESSAGE: read_public_info(&r, &info); break;
    case MLS_WIRE_PRIVATE_MESSAGE: read_private_info(&r, &info); break;
    case MLS_WIRE_WELCOME:
        mls_welcome_read(&r, &welcome);
        info.suite = welcome.suite;
        break;
    case MLS_WIRE_GROUP_INFO: read_group_info_info(&r, &info); break;
    default:
        mls_key_package_read(&r, &package);
        info.suite = package.suite;
        break;
    }
    int error = mls_reader_finish(&r);
    if (error == 0)
        *info_out = info;
    return error;
}

/* ---- Proposals --------------------------------------------------------------------------- */

static int
view_of_proposal(const struct mls_provider *p, const struct mls_proposal_body *body,
                 struct mls_proposal_view *out)
{
    struct mls_crypto c;
    int error;

    *out = (struct mls_proposal_view){.type = body->type};
    out->encoded =
        mls_bytes(body->encoded.data + sizeof(uint16_t), body->encoded.len - sizeof(uint16_t));
    switch (body->type) {
    case MLS_PROPOSAL_ADD:
        out->credential = mls_leaf_view(&body->u.add.leaf);
        out->suite = body->u.add.suite;
        out->lifetime = body->u.add.leaf.lifetime;
        error = mls_crypto_init(&c, p, body->u.add.suite);
        return error != 0 ? error : mls_key_package_ref(&c, &body->u.add, out->key_package_ref);
    case MLS_PROPOSAL_UPDATE: out->credential = mls_leaf_view(&body->u.update); return 0;
    case MLS_PROPOSAL_REMOVE: out->leaf = body->u.removed; return 0;
    default: return 0;
    }
}

/* Reads PublicMessage with a certain content. */
static int
read_public(struct mls_bytes message, uint8_t content_type, struct mls_public_message *out)
{
    int error = mls_public_message_message_read(message, out);

    if (error == 0 && out->content.type != content_type)
        error = MLS_EDECODE;
    return error;
}

int
mls_proposal_view(const struct mls_provider *provider, struct mls_bytes message,
                  struct mls_proposal_view *view_out)
{
    struct mls_public_message framed;
    struct mls_proposal_body body;
    struct mls_proposal_view view;
    struct mls_reader r;

    assert(provider != NULL && view_out != NULL);
    int error = read_public(message, MLS_CONTENT_PROPOSAL, &framed);
    if (error != 0)
        return error;
    mls_reader_init(&r, framed.content.body);
    mls_proposal_read(&r, &body);
    error = mls_reader_finish(&r);
    if (error == 0)
        error = view_of_proposal(provider, &body, &view);
    if (error == 0)
        *view_out = view;
    return error;
}

int
mls_proposal_ref(const struct mls_provider *provider, struct mls_bytes message,
                 uint8_t ref_out[MLS_REF_BYTES])
{
    static const uint8_t wire_format[] = {0, MLS_WIRE_PUBLIC_MESSAGE};
    static const char label[] = MLS_LABEL_PROPOSAL_REF;
    struct mls_public_message framed;
    uint8_t label_len = sizeof(label) - 1, value_len[4];

    assert(provider != NULL);
    int error = read_public(message, MLS_CONTENT_PROPOSAL, &framed);
    if (error != 0)
        return error;

    /* RefHash over AuthenticatedContent, whose parts lie in the message as they are. */
    size_t len = sizeof(wire_format) + framed.content_encoded.len + framed.auth_encoded.len;
    if (len > MLS_VARINT_MAX)
        return MLS_ESIZE;
    const struct mls_bytes parts[] = {
        mls_bytes(&label_len, 1),
        mls_bytes(label, label_len),
        mls_bytes(value_len, mls_varint_put(value_len, len)),
        mls_bytes(wire_format, sizeof(wire_format)),
        framed.content_encoded,
        framed.auth_encoded,
    };
    uint8_t ref[MLS_REF_BYTES];
    if (provider->sha256(provider->ctx, parts, sizeof(parts) / sizeof(parts[0]), ref) != 0)
        return MLS_ECRYPTO;
    memcpy(ref_out, ref, sizeof(ref));
    return 0;
}

/* ---- Commits ----------------------------------------------------------------------------- */

int
mls_commit_view(struct mls_bytes message, struct mls_commit_view *view_out)
{
    struct mls_public_message framed;
    struct mls_commit_body body;
    struct mls_reader r;

    assert(view_out != NULL);
    int error = read_public(message, MLS_CONTENT_COMMIT, &framed);
    if (error != 0)
        return error;
    mls_reader_init(&r, framed.content.body);
    mls_commit_body_read(&r, &body);
    error = mls_reader_finish(&r);
    if (error != 0)
        return error;

    struct mls_commit_view view = {
        .info.wire_format = MLS_WIRE_PUBLIC_MESSAGE,
        .proposal_count = body.proposal_count,
        .has_path = body.has_path,
        .proposals = body.proposals,
    };
    info_of_public(&framed, &view.info);
    if (body.has_path)
        view.path_credential = mls_leaf_view(&body.path.leaf);
    *view_out = view;
    return 0;
}

int
mls_commit_next(const struct mls_provider *provider, const struct mls_commit_view *view,
                size_t *offset, struct mls_commit_entry *entry_out)
{
    struct mls_proposal_or_ref read;
    struct mls_commit_entry entry = {0};
    struct mls_reader r;

    assert(provider != NULL && view != NULL && offset != NULL && entry_out != NULL);
    if (*offset >= view->proposals.len)
        return 0;
    mls_reader_init(&r, mls_bytes(view->proposals.data + *offset, view->proposals.len - *offset));
    mls_proposal_or_ref_read(&r, &read);
    int error = mls_reader_error(&r);
    if (error != 0)
        return error;
    entry.by_reference = read.type == MLS_BY_REFERENCE;
    if (!entry.by_reference)
        error = view_of_proposal(provider, &read.proposal, &entry.proposal);
    else if (read.ref.len == MLS_REF_BYTES)
        memcpy(entry.ref, read.ref.data, MLS_REF_BYTES);
    else
        error = MLS_EDECODE;
    if (error != 0)
        return error;
    *offset += r.pos;
    *entry_out = entry;
    return 1;
}

/* ---- Welcome and GroupInfo ---------------------------------------------------------------- */

int
mls_welcome_view(struct mls_bytes message, struct mls_welcome_view *view_out)
{
    struct mls_welcome welcome;

    assert(view_out != NULL);
    int error = mls_welcome_message_read(message, &welcome);
    if (error == 0)
        *view_out = (struct mls_welcome_view){
            .suite = welcome.suite,
            .secret_count = welcome.secret_count,
            .secrets = welcome.secrets,
            .group_info_bytes = welcome.encrypted_group_info.len,
        };
    return error;
}

int
mls_welcome_next(const struct mls_welcome_view *view, size_t *offset,
                 uint8_t ref_out[MLS_REF_BYTES])
{
    struct mls_encrypted_secrets entry;
    struct mls_reader r;

    assert(view != NULL && offset != NULL && ref_out != NULL);
    if (*offset >= view->secrets.len)
        return 0;
    mls_reader_init(&r, mls_bytes(view->secrets.data + *offset, view->secrets.len - *offset));
    mls_encrypted_secrets_read(&r, &entry);
    if (mls_reader_error(&r) != 0 || entry.new_member.len != MLS_REF_BYTES)
        return MLS_EDECODE;
    memcpy(ref_out, entry.new_member.data, MLS_REF_BYTES);
    *offset += r.pos;
    return 1;
}

int
mls_group_info_view(struct mls_bytes message, struct mls_group_info_view *view_out)
{
    struct mls_group_info info;
    struct mls_bytes data;

    assert(view_out != NULL);
    int error = mls_group_info_message_read(message, &info);
    if (error == 0)
        *view_out = (struct mls_group_info_view){
            .suite = info.context.suite,
            .group_id = info.context.group_id,
            .epoch = info.context.epoch,
            .tree_hash = info.context.tree_hash,
            .signer = info.signer,
            .has_external_pub =
                mls_extensions_find(info.extensions, MLS_EXTENSION_EXTERNAL_PUB, &data),
            .has_ratchet_tree =
                mls_extensions_find(info.extensions, MLS_EXTENSION_RATCHET_TREE, &data),
        };
    return error;
}
