/* SPDX-License-Identifier: MIT */
/*
 * Opening the frame of a message: address, membership tag or decryption, signature (RFC 9420
 * sections 6.1 to 6.3, 12.1.8). Nothing here changes the group.
 */
#include "group_open.h"

#include "proposal_make.h"

/* ---- Address and signer -------------------------------------------------------------------- */

static int
check_address(const struct mls_group *group, struct mls_bytes group_id, uint64_t epoch)
{
    if (!mls_mem_equal(group->c.p, group_id, mls_buf_bytes(&group->id)))
        return MLS_EGROUP;
    return epoch == group->epoch->number ? 0 : MLS_EEPOCH;
}

/* The public key of one of the group's external_senders (section 12.1.8.1). */
static int
external_sender_key(const struct mls_group *group, uint32_t index, struct mls_bytes *key_out)
{
    struct mls_bytes data;
    struct mls_reader r, list;
    struct mls_credential credential;

    if (!mls_extensions_find(mls_buf_bytes(&group->epoch->extensions),
                             MLS_EXTENSION_EXTERNAL_SENDERS, &data))
        return MLS_ENOTFOUND;
    mls_reader_init(&r, data);
    mls_read_vector(&r, &list);
    for (uint32_t i = 0; mls_reader_more(&list); i++) {
        struct mls_bytes key = mls_read_opaque(&list);

        mls_credential_read(&list, &credential);
        if (i == index && mls_reader_error(&list) == 0) {
            *key_out = key;
            return 0;
        }
    }
    return MLS_ENOTFOUND;
}

/* What somebody outside proposes, if that sender may propose it (section 12.1.8). */
static int
read_outside_proposal(const struct mls_content *content, struct mls_proposal_body *out)
{
    struct mls_reader r;

    if (content->type != MLS_CONTENT_PROPOSAL)
        return MLS_EPROPOSAL;
    mls_reader_init(&r, content->body);
    mls_proposal_read(&r, out);
    int error = mls_reader_finish(&r);
    if (error == 0 && !mls_proposal_may_come_from(content->sender.type, out->type))
        error = MLS_EPROPOSAL;
    return error;
}

/* The key in the leaf that a joiner brings with its commit (section 12.4.3.2). What the leaf is worth
 * is judged with the rest of the commit. */
static int
joiner_key(const struct mls_content *content, struct mls_bytes *key_out)
{
    struct mls_commit_body commit;
    struct mls_reader r;

    if (content->type != MLS_CONTENT_COMMIT)
        return MLS_EPROPOSAL;
    mls_reader_init(&r, content->body);
    mls_commit_body_read(&r, &commit);
    int error = mls_reader_finish(&r);
    if (error == 0 && !commit.has_path)
        error = MLS_EPATH;
    if (error == 0)
        *key_out = commit.path.leaf.signature_key;
    return error;
}

/* Finds the key that must have signed, by who claims to have sent. */
static int
signer_key(const struct mls_opening *o, struct mls_bytes *key_out)
{
    const struct mls_content *content = &o->message.content;
    struct mls_proposal_body body;
    const struct mls_leaf *leaf;
    int error;

    switch (content->sender.type) {
    case MLS_SENDER_MEMBER:
        leaf = mls_tree_leaf(&o->group->epoch->tree, content->sender.index);
        if (leaf == NULL)
            return MLS_ENOTFOUND;
        *key_out = leaf->signature_key;
        return 0;
    case MLS_SENDER_EXTERNAL:
        error = read_outside_proposal(content, &body);
        return error != 0 ? error : external_sender_key(o->group, content->sender.index, key_out);
    case MLS_SENDER_NEW_MEMBER_PROPOSAL:
        error = read_outside_proposal(content, &body);
        if (error == 0)
            *key_out = body.u.add.leaf.signature_key;
        return error;
    default: return joiner_key(content, key_out);
    }
}

static int
verify_signature(const struct mls_opening *o)
{
    struct mls_bytes key;
    int error = signer_key(o, &key);

    if (error != 0)
        return error;
    return mls_authenticated_verify(&o->group->c, &o->message, o->keys.context, key);
}

/* ---- The two framings ---------------------------------------------------------------------- */

/* Everything but the membership tag, which takes a secret to verify. */
static int
read_public(struct mls_opening *o, struct mls_reader *r, struct mls_public_message *framed)
{
    mls_public_message_read(r, framed);
    int error = mls_reader_finish(r);
    if (error == 0)
        error = check_address(o->group, framed->content.group_id, framed->content.epoch);
    if (error == 0 && framed->content.type == MLS_CONTENT_APPLICATION)
        error = MLS_EDECODE;
    o->message.wire_format = MLS_WIRE_PUBLIC_MESSAGE;
    o->message.content = framed->content;
    o->message.auth = framed->auth;
    return error;
}

static int
open_public(struct mls_opening *o, struct mls_reader *r)
{
    struct mls_public_message framed;
    int error = read_public(o, r, &framed);

    if (error == 0 && framed.content.sender.type == MLS_SENDER_MEMBER)
        error = mls_public_verify_tag(&o->keys, &framed);
    return error;
}

static int
open_private(struct mls_opening *o, struct mls_reader *r)
{
    struct mls_private_message framed;

    o->is_private = true;
    mls_private_message_read(r, &framed);
    int error = mls_reader_finish(r);
    if (error == 0)
        error = check_address(o->group, framed.group_id, framed.epoch);
    if (error == 0)
        error = mls_private_open_sender(&o->keys, &framed, &o->sender_data);
    if (error == 0 && mls_tree_leaf(&o->group->epoch->tree, o->sender_data.leaf) == NULL)
        error = MLS_ENOTFOUND;
    if (error == 0 && o->sender_data.leaf == o->group->epoch->own_leaf)
        error = MLS_EOWN;
    if (error == 0)
        error =
            mls_private_open_content(&o->keys, &framed, &o->sender_data, &o->plain, &o->message);
    return error;
}

/* Reads the head and makes the context that signatures cover. */
static int
begin(struct mls_opening *o, struct mls_reader *r, uint16_t *wire_format_out)
{
    mls_reader_init(r, o->bytes);
    *wire_format_out = mls_message_header_read(r);
    int error = mls_reader_error(r);
    if (error == 0)
        error = mls_epoch_context(o->group->epoch, mls_buf_bytes(&o->group->id), &o->context);
    if (error == 0)
        o->keys = mls_epoch_frame_keys(o->group->epoch, &o->context);
    return error;
}

int
mls_group_open(struct mls_opening *o)
{
    struct mls_reader r;
    uint16_t wire_format;
    int error = begin(o, &r, &wire_format);

    if (error != 0)
        return error;
    if (wire_format == MLS_WIRE_PUBLIC_MESSAGE)
        error = open_public(o, &r);
    else if (wire_format == MLS_WIRE_PRIVATE_MESSAGE)
        error = open_private(o, &r);
    else
        error = MLS_EDECODE;
    return error != 0 ? error : verify_signature(o);
}

int
mls_group_open_as_outsider(struct mls_opening *o)
{
    struct mls_reader r;
    struct mls_public_message framed;
    uint16_t wire_format;
    int error = begin(o, &r, &wire_format);

    if (error == 0 && wire_format == MLS_WIRE_PRIVATE_MESSAGE)
        error = MLS_EUNSUPPORTED;
    else if (error == 0 && wire_format != MLS_WIRE_PUBLIC_MESSAGE)
        error = MLS_EDECODE;
    if (error == 0)
        error = read_public(o, &r, &framed);
    return error != 0 ? error : verify_signature(o);
}
