/* SPDX-License-Identifier: MIT */
/*
 * Proposals of this epoch: making them, keeping them, finding them by reference (RFC 9420 sections
 * 12.1, 12.4).
 */
#include "proposal_make.h"
#include "transition.h"

#include <assert.h>
#include <string.h>

/* ---- Keeping ----------------------------------------------------------------------------- */

const struct mls_kept_proposal *
mls_group_find_kept(const struct mls_group *group, struct mls_bytes ref)
{
    if (ref.len != MLS_REF_BYTES)
        return NULL;
    for (size_t i = 0; i < group->kept_count; i++) {
        if (memcmp(group->kept[i].ref, ref.data, MLS_REF_BYTES) == 0)
            return &group->kept[i];
    }
    return NULL;
}

int
mls_group_keep(struct mls_group *group, struct mls_kept_proposal *take_proposal)
{
    if (mls_group_find_kept(group, mls_bytes(take_proposal->ref, MLS_REF_BYTES)) != NULL) {
        mls_buf_fini(&take_proposal->encoded);
        return 0;
    }
    if (group->kept_count >= MLS_PROPOSALS_MAX)
        return MLS_ESIZE;
    if (group->kept_count == group->kept_cap) {
        size_t cap = group->kept_cap == 0 ? 4 : group->kept_cap * 2;
        struct mls_kept_proposal *kept =
            mls_mem_grow(group->c.p, group->kept, group->kept_cap, cap, sizeof(*kept));

        if (kept == NULL)
            return MLS_ENOMEM;
        group->kept = kept;
        group->kept_cap = cap;
    }
    group->kept[group->kept_count++] = *take_proposal;
    mls_buf_init(&take_proposal->encoded);
    return 0;
}

void
mls_group_drop_kept(struct mls_group *group, size_t count)
{
    while (group->kept_count > count) {
        struct mls_kept_proposal *kept = &group->kept[--group->kept_count];

        mls_buf_fini(&kept->encoded);
        mls_mem_wipe(group->c.p, kept, sizeof(*kept));
    }
}

size_t
mls_group_proposal_count(const struct mls_group *group)
{
    return group->kept_count;
}

/* ---- Encoding ---------------------------------------------------------------------------- */

/* Our leaf with a fresh key, signed for its place. */
static int
write_update(const struct mls_group *group, struct mls_writer *w,
             uint8_t secret_out[MLS_KEM_SECRET_BYTES])
{
    const struct mls_epoch *epoch = group->epoch;
    struct mls_leaf leaf = *mls_tree_leaf(&epoch->tree, epoch->own_leaf);
    struct mls_leaf_place place = {mls_buf_bytes(&group->id), epoch->own_leaf};
    uint8_t public_key[MLS_KEM_PUBLIC_BYTES];
    int error = mls_kem_keygen(&group->c, secret_out, public_key);

    if (error != 0)
        return error;
    mls_write_u16(w, MLS_PROPOSAL_UPDATE);
    leaf.source = MLS_LEAF_UPDATE;
    leaf.encryption_key = mls_bytes(public_key, sizeof(public_key));
    mls_leaf_write_signed(w, &group->c, group->seed, &leaf, &place);
    return 0;
}

int
mls_group_encode_proposal(const struct mls_group *group, const struct mls_proposal *proposal,
                          struct mls_buf *encoded_out,
                          uint8_t leaf_secret_out[MLS_KEM_SECRET_BYTES])
{
    /* The first commit of a group that continues another says so; anything else is for the
     * application (sections 11.2, 11.3). */
    const struct mls_proposal_maker maker = {
        .c = &group->c,
        .group_id = mls_buf_bytes(&group->id),
        .psk_usage =
            group->origin != NULL ? group->origin_usage : (uint8_t)MLS_PSK_USAGE_APPLICATION,
    };
    struct mls_writer w;
    int error;

    mls_writer_init(&w, group->c.p, 0);
    if (proposal->type == MLS_PROPOSAL_UPDATE)
        error = write_update(group, &w, leaf_secret_out);
    else
        error = mls_proposal_make(&maker, proposal, &w);
    if (error == 0)
        error = mls_buf_take(encoded_out, &w);
    mls_writer_fini(&w);
    return error;
}

/* ---- Proposing --------------------------------------------------------------------------- */

/* What is refused here would be refused by whoever receives it. */
static int
check_own(const struct mls_group *group, const struct mls_kept_proposal *made)
{
    struct mls_proposal_body body;
    struct mls_reader r;

    mls_reader_init(&r, mls_buf_bytes(&made->encoded));
    mls_proposal_read(&r, &body);
    int error = mls_reader_finish(&r);
    if (error == 0)
        error = mls_check_proposal(group, &body, &made->sender, MLS_NODE_NONE,
                                   mls_buf_bytes(&group->epoch->extensions));
    if (error == 0 && body.type == MLS_PROPOSAL_GROUP_CONTEXT_EXTENSIONS)
        error = mls_check_tree_fits(&group->epoch->tree, body.u.extensions);
    return error;
}

/* Signs, references and frames a proposal. */
static int
frame(struct mls_group *group, struct mls_kept_proposal *made, struct mls_bytes authenticated_data,
      struct mls_writer *w)
{
    struct mls_buf context = {0};
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_authenticated message = {
        .wire_format = MLS_WIRE_PUBLIC_MESSAGE,
        .content =
            {
                .group_id = mls_buf_bytes(&group->id),
                .epoch = group->epoch->number,
                .sender = made->sender,
                .authenticated_data = authenticated_data,
                .type = MLS_CONTENT_PROPOSAL,
                .body = mls_buf_bytes(&made->encoded),
            },
        .auth.signature = mls_bytes(signature, sizeof(signature)),
    };
    int error = mls_epoch_context(group->epoch, mls_buf_bytes(&group->id), &context);

    if (error == 0)
        error = mls_content_sign(&group->c, MLS_WIRE_PUBLIC_MESSAGE, &message.content,
                                 mls_buf_bytes(&context), group->seed, signature);
    if (error == 0)
        error = mls_authenticated_ref(&group->c, &message, made->ref);
    if (error == 0) {
        struct mls_frame_keys keys = mls_epoch_frame_keys(group->epoch, &context);

        error = mls_public_seal(&keys, &message, w);
    }
    mls_buf_fini(&context);
    return error;
}

int
mls_group_propose(struct mls_group *group, const struct mls_proposal *proposal,
                  struct mls_bytes authenticated_data, struct mls_buf *message_out)
{
    assert(group != NULL && proposal != NULL && message_out != NULL);

    struct mls_kept_proposal made = {
        .sender = {.type = MLS_SENDER_MEMBER, .index = group->epoch->own_leaf},
        .has_leaf_secret = proposal->type == MLS_PROPOSAL_UPDATE,
    };
    struct mls_writer w;
    int error = mls_group_require_open(group);
    if (error == 0 && mls_group_has_staged(group))
        error = MLS_ESTAGED;
    if (error != 0)
        return error;

    mls_writer_init(&w, group->c.p, 0);
    error = mls_group_encode_proposal(group, proposal, &made.encoded, made.leaf_secret);
    if (error == 0)
        error = check_own(group, &made);
    if (error == 0)
        error = frame(group, &made, authenticated_data, &w);
    if (error == 0)
        error = mls_group_keep(group, &made);
    if (error == 0)
        error = mls_buf_take(message_out, &w);
    mls_mem_wipe(group->c.p, made.leaf_secret, sizeof(made.leaf_secret));
    mls_buf_fini(&made.encoded);
    mls_writer_fini(&w);
    return error;
}
