/* SPDX-License-Identifier: MIT */
/*
 * Messages of a group: sending application data, and opening whatever comes (RFC 9420 sections 6,
 * 12.1, 12.4.2).
 *
 * Everything is checked before anything changes. An application message uses up its key as the last
 * step; a proposal is kept as the last step; a commit leaves a staged epoch and nothing else.
 */
#include "group_open.h"
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
    int error = mls_group_require_open(group);
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

/* ---- Application data and proposals -------------------------------------------------------- */

static int
take_application(struct mls_opening *o, struct mls_received *out)
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
make_kept(const struct mls_opening *o, struct mls_kept_proposal *made)
{
    made->sender = o->message.content.sender;
    int error = mls_authenticated_ref(&o->group->c, &o->message, made->ref);

    if (error == 0)
        error = mls_buf_set(&made->encoded, o->group->c.p, o->message.content.body);
    return error;
}

/* Keeps it, then uses up the key it came under; without the second the first is undone. */
static int
keep_and_consume(struct mls_opening *o, struct mls_kept_proposal *made)
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

/* What comes from outside is kept only when the application agrees (section 12.1.8). */
static int
ask_about(const struct mls_group *group, const struct mls_change *change)
{
    const struct mls_config *config = &group->config;

    if (change->proposer_type == MLS_SENDER_MEMBER)
        return 0;
    if (config->check_outsider != NULL)
        return config->check_outsider(config->arg, change);
    return change->proposer_type == MLS_SENDER_EXTERNAL ? 0 : MLS_EPROPOSAL;
}

int
mls_group_take_proposal(struct mls_opening *o, struct mls_received *out)
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
        error = ask_about(group, &received.changes[0]);
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

/* Opens our part of a path that was merged into the next tree. */
static int
open_path(struct mls_transition *t, const struct mls_update_path *path,
          const struct mls_filtered_path *filtered, uint8_t commit_secret_out[MLS_HASH_BYTES])
{
    struct mls_epoch *next = t->next;
    struct mls_buf context = {0};
    int error = mls_epoch_context(next, mls_buf_bytes(&t->group->id), &context);

    if (error == 0) {
        const struct mls_path_reader reader = {
            .own_leaf = next->own_leaf,
            .keys = &next->keys,
            .added = &t->added,
            .context = mls_buf_bytes(&context),
        };

        error = mls_treekem_open_path(&next->tree, filtered, path, &reader, commit_secret_out);
    }
    mls_buf_fini(&context);
    return error;
}

/*
 * Derives the next epoch of a commit that leaves us a member, and compares its tag. What is public is checked before
 * what takes a secret, so that who only follows finds the same fault.
 */
static int
follow(struct mls_transition *t, const struct mls_commit_body *commit,
       const struct mls_authenticated *message)
{
    const struct mls_provider *p = t->group->c.p;
    uint8_t commit_secret[MLS_HASH_BYTES], joiner[MLS_HASH_BYTES];
    struct mls_filtered_path filtered;
    int error = commit->has_path ? mls_transition_take_path(t, &commit->path, &filtered)
                                 : mls_transition_check_keys(t);

    if (error == 0)
        error = mls_transition_find_secrets(t);
    if (error == 0 && commit->has_path)
        error = open_path(t, &commit->path, &filtered, commit_secret);
    if (error == 0)
        error = mls_transition_finish(t, message, commit->has_path ? commit_secret : NULL, joiner);
    if (error == 0 && !mls_mem_equal(p, mls_bytes(t->next->confirmation_tag, MLS_HASH_BYTES),
                                     message->auth.confirmation_tag))
        error = MLS_ECONFIRMATION;
    mls_mem_wipe(p, joiner, sizeof(joiner));
    mls_mem_wipe(p, commit_secret, sizeof(commit_secret));
    return error;
}

/* A commit that removes us leads where we cannot follow, but it may not put anybody into our place
 * whom we would not believe: what is public of it is checked like everybody does. */
static int
check_farewell(struct mls_transition *t, const struct mls_commit_body *commit)
{
    struct mls_filtered_path filtered;

    return commit->has_path ? mls_transition_take_path(t, &commit->path, &filtered) : MLS_EPATH;
}

static int
stage(struct mls_opening *o, struct mls_transition *t, struct mls_received *out)
{
    struct mls_commit_body commit;
    int error = mls_transition_receive(t, &o->message, &commit);

    if (error == 0)
        error = t->removes_self ? check_farewell(t, &commit) : follow(t, &commit, &o->message);
    if (error == 0)
        error = mls_received_commit(t, &o->message, &commit, out);
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
take_commit(struct mls_opening *o, struct mls_received *out)
{
    const struct mls_sender *sender = &o->message.content.sender;
    struct mls_transition t;

    if (sender->type == MLS_SENDER_MEMBER && sender->index == o->group->epoch->own_leaf)
        return MLS_EOWN;
    mls_transition_init_from(&t, o->group, sender);
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

/* Before we are a member there is nothing to open but the commit that makes us one. */
static int
take_admission(struct mls_opening *o, struct mls_received *out)
{
    struct mls_public_message framed;
    bool own;
    int error = is_own_pending(o->group, o->bytes, &own);

    if (error == 0 && !own)
        error = MLS_EPENDING;
    if (error == 0)
        error = mls_public_message_message_read(o->bytes, &framed);
    if (error != 0)
        return error;
    o->message.content = framed.content;
    return mls_received_message(o->group, &o->message, MLS_RECEIVED_OWN_COMMIT, out);
}

static int
take_message(struct mls_opening *o, struct mls_received *out)
{
    bool own;
    int error = mls_group_open(o);

    if (error != 0)
        return error;
    switch (o->message.content.type) {
    case MLS_CONTENT_APPLICATION: return take_application(o, out);
    case MLS_CONTENT_PROPOSAL: return mls_group_take_proposal(o, out);
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

    struct mls_opening o = {.group = group, .bytes = message};
    struct mls_received received = {0};
    int error = group->joining ? 0 : mls_group_require_open(group);

    if (error == 0 && mls_group_has_staged(group))
        error = MLS_ESTAGED;
    if (error == 0)
        error = group->joining ? take_admission(&o, &received) : take_message(&o, &received);
    if (error == 0)
        *received_out = received;
    mls_buf_fini(&o.plain);
    mls_buf_fini(&o.context);
    return error;
}

int
mls_group_check_signature(struct mls_group *group, struct mls_bytes message)
{
    assert(group != NULL);

    struct mls_opening o = {.group = group, .bytes = message};
    int error = mls_group_require_open(group);

    if (error == 0)
        error = mls_group_open_as_outsider(&o);
    mls_buf_fini(&o.context);
    return error;
}
