/* SPDX-License-Identifier: MIT */
/*
 * From a list of proposals that was applied to a signed commit (RFC 9420 section 12.4.1): the same
 * for a member and for somebody who joins by it. What is committed was decided before.
 */
#include "group_commit.h"

#include <string.h>

void
mls_draft_init(struct mls_commit_draft *d, const struct mls_provider *p)
{
    mls_writer_init(&d->body, p, 0);
    mls_writer_init(&d->commit, p, 0);
}

void
mls_draft_fini(struct mls_commit_draft *d)
{
    const struct mls_provider *p = d->t.group->c.p;

    mls_writer_fini(&d->commit);
    mls_writer_fini(&d->body);
    mls_transition_fini(&d->t);
    mls_mem_wipe(p, &d->path, sizeof(d->path));
    mls_mem_wipe(p, d->joiner, sizeof(d->joiner));
}

/* ---- Path -------------------------------------------------------------------------------- */

int
mls_draft_renew(struct mls_commit_draft *d, const struct mls_leaf *leaf)
{
    const struct mls_group *group = d->t.group;
    struct mls_epoch *next = d->t.next;
    const struct mls_path_maker maker = {
        .leaf_index = next->own_leaf,
        .leaf = leaf,
        .signature_seed = group->seed,
        .group_id = mls_buf_bytes(&group->id),
    };
    int error = mls_treekem_renew(&next->tree, &maker, &next->keys, &d->path);

    d->has_path = true;
    return error != 0 ? error : mls_transition_note_path(&d->t, &d->path.path);
}

/* ---- Commit ------------------------------------------------------------------------------ */

static void
write_proposals(struct mls_commit_draft *d)
{
    size_t mark = mls_write_vector(&d->body);

    for (size_t i = 0; i < d->t.count; i++) {
        const struct mls_commit_item *item = &d->t.items[i];

        mls_write_u8(&d->body, item->kept == NULL ? MLS_BY_VALUE : MLS_BY_REFERENCE);
        if (item->kept == NULL)
            mls_write_raw(&d->body, item->body.encoded);
        else
            mls_write_opaque(&d->body, mls_bytes(item->kept->ref, MLS_REF_BYTES));
    }
    mls_write_vector_end(&d->body, mark);
}

/* The Commit struct. The path is sealed under the provisional context: the new epoch with the old
 * transcript hash. */
static int
write_body(struct mls_commit_draft *d)
{
    struct mls_buf context = {0};
    int error = 0;

    write_proposals(d);
    mls_write_optional(&d->body, d->has_path);
    if (d->has_path) {
        error = mls_epoch_context(d->t.next, mls_buf_bytes(&d->t.group->id), &context);
        if (error == 0)
            error = mls_treekem_write_path(&d->t.next->tree, d->t.next->own_leaf, &d->path,
                                           &d->t.added, mls_buf_bytes(&context), &d->body);
        mls_buf_fini(&context);
    }
    return error != 0 ? error : mls_writer_error(&d->body);
}

/* PublicMessage: with the group's tag, which who joins cannot make. */
static int
frame(struct mls_commit_draft *d, const struct mls_buf *context,
      const struct mls_authenticated *message)
{
    if (d->t.external)
        return mls_public_write_outside(message, &d->commit);

    struct mls_frame_keys keys = mls_epoch_frame_keys(d->t.group->epoch, context);
    return mls_public_seal(&keys, message, &d->commit);
}

int
mls_draft_seal(struct mls_commit_draft *d, struct mls_bytes authenticated_data)
{
    const struct mls_group *group = d->t.group;
    struct mls_buf context = {0};
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_authenticated message = {
        .wire_format = MLS_WIRE_PUBLIC_MESSAGE,
        .content =
            {
                .group_id = mls_buf_bytes(&group->id),
                .epoch = group->epoch->number,
                .sender = {.type = MLS_SENDER_MEMBER, .index = group->epoch->own_leaf},
                .authenticated_data = authenticated_data,
                .type = MLS_CONTENT_COMMIT,
            },
        .auth.signature = mls_bytes(signature, sizeof(signature)),
    };
    if (d->t.external)
        message.content.sender = (struct mls_sender){.type = MLS_SENDER_NEW_MEMBER_COMMIT};

    int error = write_body(d);
    if (error == 0)
        error = mls_epoch_context(group->epoch, mls_buf_bytes(&group->id), &context);
    message.content.body = mls_writer_bytes(&d->body);
    if (error == 0)
        error = mls_content_sign(&group->c, MLS_WIRE_PUBLIC_MESSAGE, &message.content,
                                 mls_buf_bytes(&context), group->seed, signature);
    if (error == 0)
        error = mls_transition_finish(&d->t, &message, d->has_path ? d->path.commit_secret : NULL,
                                      d->joiner);
    message.auth.confirmation_tag = mls_bytes(d->t.next->confirmation_tag, MLS_HASH_BYTES);
    if (error == 0)
        error = frame(d, &context, &message);
    mls_buf_fini(&context);
    return error;
}

int
mls_draft_leave_pending(struct mls_commit_draft *d, struct mls_group *group)
{
    struct mls_bytes message = mls_writer_bytes(&d->commit);
    uint8_t hash[MLS_HASH_BYTES];
    int error = mls_hash(&group->c, &message, 1, hash);

    if (error != 0)
        return error;
    memcpy(group->pending_hash, hash, sizeof(hash));
    group->pending = mls_transition_take_next(&d->t);
    return 0;
}
