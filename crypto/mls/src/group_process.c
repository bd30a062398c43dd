/* SPDX-License-Identifier: MIT */
/*
 * Messages of a group: sending application data, and opening whatever comes (RFC 9420 sections 6,
 * 12.1, 12.4.2).
 *
 * Everything is checked before anything changes. An application message uses up its key as the last
 * step; a proposal is kept as the last step; a commit leaves a staged epoch and nothing else.
 */
#include "received.h"

#include <assert.h>
#include <string.h>

/* ---- Sending ----------------------------------------------------------------------------- */

static int
seal_application(struct mls_group *group, const struct mls_content *content,
                 const struct mls_buf *context, size_t padding_block, struct mls_writer *w)
{
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_frame_keys keys = mls_epoch_frame_keys(group->epoch, context);
    struct mls_authenticated message = {
        .wire_format = MLS_WIRE_PRIVATE_MESSAGE,
        .content = *content,
        .auth.signature = mls_bytes(signature, sizeof(signature)),
    };
    int error = mls_content_sign(&group->c, MLS_WIRE_PRIVATE_MESSAGE, content, keys.context,
                                 group->seed, signature);

    return error != 0 ? error : mls_private_seal(&keys, &message, padding_block, w);
}

int
mls_group_encrypt(struct mls_group *group, struct mls_bytes plaintext,
                  struct mls_bytes authenticated_data, size_t padding_block,
                  struct mls_buf *message_out)
{
    assert(group != NULL && message_out != NULL);

    const struct mls_content content = {
        .group_id = mls_buf_bytes(&group->id),
        .epoch = group->epoch->number,
        .sender = {.type = MLS_SENDER_MEMBER, .index = group->epoch->own_leaf},
        .authenticated_data = authenticated_data,
        .type = MLS_CONTENT_APPLICATION,
        .body = plaintext,
    };
    struct mls_buf context = {0};
    struct mls_writer w;
    int error = mls_group_require_active(group);
    if (error == 0 && mls_group_has_staged(group))
        error = MLS_ESTAGED;
    if (error == 0 && group->kept_count > 0)
        error = MLS_EPROPOSALS;
    if (error == 0 && padding_block > MLS_PADDING_BLOCK_MAX)
        error = MLS_EARG;
    if (error != 0)
        return error;

    mls_writer_init(&w, group->c.p, 0);
    error = mls_epoch_context(group->epoch, content.group_id, &context);
    if (error == 0)
        error = seal_application(group, &content, &context, padding_block, &w);
    if (error == 0)
        error = mls_buf_take(message_out, &w);
    mls_buf_fini(&context);
    mls_writer_fini(&w);
    return error;
}

/* ---- Opening the frame -------------------------------------------------------------------- */

/* A message on its way in. */
struct opening {
    struct mls_group *group;
    struct mls_bytes bytes; /* the whole MLSMessage */
    struct mls_buf context;
    struct mls_frame_keys keys;
    struct mls_authenticated message;
    /* of a PrivateMessage */
    bool is_private;
    struct mls_sender_data sender_data;
    struct mls_buf plain;
};

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

/* What an external sender may propose (section 12.1.8). */
static int
check_external_type(const struct mls_content *content)
{
    struct mls_proposal_body body;
    struct mls_reader r;

    if (content->type != MLS_CONTENT_PROPOSAL)
        return MLS_EPROPOSAL;
    mls_reader_init(&r, content->body);
    mls_proposal_read(&r, &body);
    if (mls_reader_finish(&r) != 0)
        return MLS_EDECODE;
    switch (body.type) {
    case MLS_PROPOSAL_ADD:
    case MLS_PROPOSAL_REMOVE:
    case MLS_PROPOSAL_PSK:
    case MLS_PROPOSAL_REINIT:
    case MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS: return 0;
    default: return MLS_EPROPOSAL;
    }
}

/* Finds the key that must have signed, by who claims to have sent. */
static int
signer_key(const struct opening *o, struct mls_bytes *key_out)
{
    const struct mls_content *content = &o->message.content;
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
        error = check_external_type(content);
        return error != 0 ? error : external_sender_key(o->group, content->sender.index, key_out);
    default: return MLS_EUNSUPPORTED; /* joining by one's own proposal or commit */
    }
}

static int
verify_signature(const struct opening *o)
{
    struct mls_bytes key;
    int error = signer_key(o, &key);

    if (error != 0)
        return error;
    return mls_authenticated_verify(&o->group->c, &o->message, o->keys.context, key);
}

static int
open_public(struct opening *o, struct mls_reader *r)
{
    struct mls_public_message framed;

    mls_public_message_read(r, &framed);
    int error = mls_reader_finish(r);
    if (error == 0)
        error = check_address(o->group, framed.content.group_id, framed.content.epoch);
    if (error == 0 && framed.content.type == MLS_CONTENT_APPLICATION)
        error = MLS_EDECODE;
    if (error == 0 && framed.content.sender.type == MLS_SENDER_MEMBER)
        error = mls_public_verify_tag(&o->keys, &framed);
    o->message.wire_format = MLS_WIRE_PUBLIC_MESSAGE;
    o->message.content = framed.content;
    o->message.auth = framed.auth;
    return error;
}

static int
open_private(struct opening *o, struct mls_reader *r)
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

static int
open_frame(struct opening *o)
{
    struct mls_reader r;

    mls_reader_init(&r, o->bytes);
    uint16_t wire_format = mls_message_header_read(&r);
    int error = mls_reader_error(&r);
    if (error == 0)
        error = mls_epoch_context(o->group->epoch, mls_buf_bytes(&o->group->id), &o->context);
    if (error != 0)
        return error;
    o->keys = mls_epoch_frame_keys(o->group->epoch, &o->context);
    if (wire_format == MLS_WIRE_PUBLIC_MESSAGE)
        error = open_public(o, &r);
    else if (wire_format == MLS_WIRE_PRIVATE_MESSAGE)
        error = open_private(o, &r);
    else
        error = MLS_EDECODE;
    return error != 0 ? error : verify_signature(o);
}

/* ---- Application data and proposals -------------------------------------------------------- */

static int
take_application(struct opening *o, struct mls_received *out)
{
    int error = mls_received_message(o->group, &o->message, MLS_RECEIVED_APPLICATION, out);

    if (error != 0)
        return error;
    error = mls_private_consume(&o->keys, MLS_CONTENT_APPLICATION, &o->sender_data);
    if (error != 0)
        mls_received_fini(out);
    return error;
}

static int
make_kept(const struct opening *o, struct mls_kept_proposal *made)
{
    made->sender = o->message.content.sender;
    int error = mls_authenticated_ref(&o->group->c, &o->message, made->ref);

    if (error == 0)
        error = mls_buf_set(&made->encoded, o->group->c.p, o->message.content.body);
    return error;
}

/* Keeps it, then uses up the key it came under; without the second the first is undone. */
static int
keep_and_consume(struct opening *o, struct mls_kept_proposal *made)
{
    struct mls_group *group = o->group;
    size_t before = group->kept_count;
    int error = mls_group_keep(group, made);

    if (error != 0 || !o->is_private)
        return error;
    error = mls_private_consume(&o->keys, MLS_CONTENT_PROPOSAL, &o->sender_data);
    if (error != 0 && group->kept_count > before) {
        mls_buf_fini(&group->kept[--group->kept_count].encoded);
        mls_mem_wipe(group->c.p, &group->kept[group->kept_count], sizeof(group->kept[0]));
    }
    return error;
}

static int
take_proposal(struct opening *o, struct mls_received *out)
{
    struct mls_group *group = o->group;
    struct mls_kept_proposal made = {0};
    struct mls_proposal_body body;
    struct mls_received received = {0};
    struct mls_reader r;

    mls_reader_init(&r, o->message.content.body);
    mls_proposal_read(&r, &body);
    int error = mls_reader_finish(&r);
    if (error == 0)
        error = mls_check_proposal(group, &body, &o->message.content.sender, MLS_NODE_NONE,
                                   mls_buf_bytes(&group->epoch->extensions));
    if (error == 0)
        error = make_kept(o, &made);
    if (error == 0)
        error = mls_received_proposal(group, &o->message, &body, &received);
    if (error == 0)
        error = keep_and_consume(o, &made);
    mls_buf_fini(&made.encoded);
    if (error == 0)
        *out = received;
    else
        mls_received_fini(&received);
    return error;
}

/* ---- Commits ----------------------------------------------------------------------------- */

/* Checks the path, merges it into the next tree and opens our part. */
static int
take_path(struct mls_transition *t, const struct mls_update_path *path,
          uint8_t commit_secret_out[MLS_HASH_BYTES])
{
    const struct mls_group *group = t->group;
    struct mls_epoch *next = t->next;
    struct mls_filtered_path filtered;
    struct mls_buf context = {0};
    int error = mls_check_replacement(group, &path->leaf, MLS_LEAF_COMMIT, t->committer,
                                      mls_buf_bytes(&next->extensions));

    if (error == 0)
        error = mls_treekem_merge(&next->tree, t->committer, path, &filtered);
    if (error == 0)
        error = mls_transition_note_path(t, &filtered);
    if (error == 0)
        error = mls_transition_check_keys(t);
    if (error == 0)
        error = mls_epoch_context(next, mls_buf_bytes(&group->id), &context);
    if (error == 0) {
        const struct mls_path_reader reader = {
            .own_leaf = next->own_leaf,
            .keys = &next->keys,
            .added = &t->added,
            .context = mls_buf_bytes(&context),
        };

        error = mls_treekem_open_path(&next->tree, &filtered, path, &reader, commit_secret_out);
    }
    mls_buf_fini(&context);
    return error;
}

/* Derives the next epoch of a commit that leaves us a member, and compares its tag. */
static int
follow(struct mls_transition *t, const struct mls_commit_body *commit,
       const struct mls_authenticated *message)
{
    const struct mls_provider *p = t->group->c.p;
    uint8_t commit_secret[MLS_HASH_BYTES], joiner[MLS_HASH_BYTES];
    int error = commit->has_path ? take_path(t, &commit->path, commit_secret)
                                 : mls_transition_check_keys(t);

    if (error == 0)
        error = mls_transition_finish(t, message, commit->has_path ? commit_secret : NULL, joiner);
    if (error == 0 && !mls_mem_equal(p, mls_bytes(t->next->confirmation_tag, MLS_HASH_BYTES),
                                     message->auth.confirmation_tag))
        error = MLS_EMAC;
    mls_mem_wipe(p, joiner, sizeof(joiner));
    mls_mem_wipe(p, commit_secret, sizeof(commit_secret));
    return error;
}

static int
stage(struct opening *o, struct mls_transition *t, struct mls_received *out)
{
    struct mls_commit_body commit;
    struct mls_reader r;

    mls_reader_init(&r, o->message.content.body);
    mls_commit_body_read(&r, &commit);
    int error = mls_reader_finish(&r);
    if (error == 0)
        error = mls_transition_add_commit(t, &commit);
    if (error == 0)
        error = mls_transition_apply(t);
    if (error == 0 && t->path_required && !commit.has_path)
        error = MLS_EPATH;
    if (error == 0 && !t->removes_self)
        error = follow(t, &commit, &o->message);
    if (error == 0)
        error = mls_received_commit(t, &o->message, commit.has_path, out);
    if (error != 0)
        return error;
    o->group->staged_removal = t->removes_self;
    if (!t->removes_self)
        o->group->staged = mls_transition_take_next(t);
    return 0;
}

/* The key of a commit that came as PrivateMessage is not used up: the epoch it leads to ends that
 * of the key, and a commit that was dropped may be processed again. */
static int
take_commit(struct opening *o, struct mls_received *out)
{
    struct mls_transition t;

    if (o->message.content.sender.type != MLS_SENDER_MEMBER)
        return MLS_EUNSUPPORTED;
    if (o->message.content.sender.index == o->group->epoch->own_leaf)
        return MLS_EOWN;
    mls_transition_init(&t, o->group, o->message.content.sender.index);
    int error = stage(o, &t, out);
    mls_transition_fini(&t);
    return error;
}

/* ---- The door ---------------------------------------------------------------------------- */

/* Our own commit, as we sent it. */
static int
is_own_pending(const struct mls_group *group, struct mls_bytes message, bool *is_out)
{
    uint8_t hash[MLS_HASH_BYTES];

    *is_out = false;
    if (group->pending == NULL)
        return 0;
    int error = mls_hash(&group->c, &message, 1, hash);
    if (error == 0)
        *is_out = memcmp(hash, group->pending_hash, sizeof(hash)) == 0;
    return error;
}

static int
take_message(struct opening *o, struct mls_received *out)
{
    bool own;
    int error = open_frame(o);

    if (error != 0)
        return error;
    switch (o->message.content.type) {
    case MLS_CONTENT_APPLICATION: return take_application(o, out);
    case MLS_CONTENT_PROPOSAL: return take_proposal(o, out);
    default: break;
    }
    error = is_own_pending(o->group, o->bytes, &own);
    if (error == 0 && own)
        return mls_received_message(o->group, &o->message, MLS_RECEIVED_OWN_COMMIT, out);
    return error != 0 ? error : take_commit(o, out);
}

int
mls_group_process(struct mls_group *group, struct mls_bytes message,
                  struct mls_received *received_out)
{
    assert(group != NULL && received_out != NULL);

    struct opening o = {.group = group, .bytes = message};
    struct mls_received received = {0};
    int error = mls_group_require_active(group);

    if (error == 0 && mls_group_has_staged(group))
        error = MLS_ESTAGED;
    if (error == 0)
        error = take_message(&o, &received);
    if (error == 0)
        *received_out = received;
    mls_buf_fini(&o.plain);
    mls_buf_fini(&o.context);
    return error;
}
