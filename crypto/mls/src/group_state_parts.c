/* SPDX-License-Identifier: MIT */
/*
 * Parts of stored groups that hold no secret but those of kept proposals; see group_state.h.
 */
#include "group_state.h"

#include <string.h>

/* ---- Context ------------------------------------------------------------------------------ */

void
mls_state_write_context(struct mls_writer *w, const struct mls_epoch *epoch)
{
    mls_write_opaque(w, mls_buf_bytes(&epoch->extensions));
    mls_write_raw(w, mls_bytes(epoch->tree_hash, MLS_HASH_BYTES));
    mls_write_opaque(w, mls_bytes(epoch->confirmed_hash, epoch->confirmed_len));
    mls_write_raw(w, mls_bytes(epoch->interim_hash, MLS_HASH_BYTES));
    mls_write_raw(w, mls_bytes(epoch->confirmation_tag, MLS_HASH_BYTES));
}

int
mls_state_read_context(struct mls_reader *r, struct mls_epoch *epoch)
{
    struct mls_bytes extensions = mls_read_opaque(r);

    mls_read_array(r, epoch->tree_hash, MLS_HASH_BYTES);
    struct mls_bytes confirmed = mls_read_opaque(r);
    if (confirmed.len == MLS_HASH_BYTES)
        memcpy(epoch->confirmed_hash, confirmed.data, MLS_HASH_BYTES);
    else if (confirmed.len != 0)
        mls_reader_fail(r, MLS_EDECODE);
    epoch->confirmed_len = (uint8_t)(confirmed.len == MLS_HASH_BYTES ? MLS_HASH_BYTES : 0);
    mls_read_array(r, epoch->interim_hash, MLS_HASH_BYTES);
    mls_read_array(r, epoch->confirmation_tag, MLS_HASH_BYTES);
    int error = mls_reader_error(r);
    return error != 0 ? error : mls_buf_set(&epoch->extensions, epoch->tree.c.p, extensions);
}

/* ---- Kept proposals ------------------------------------------------------------------------ */

void
mls_state_write_kept(struct mls_writer *w, const struct mls_group *group)
{
    size_t mark = mls_write_vector(w);

    for (size_t i = 0; i < group->kept_count; i++) {
        const struct mls_kept_proposal *kept = &group->kept[i];

        mls_write_raw(w, mls_bytes(kept->ref, MLS_REF_BYTES));
        mls_write_u8(w, kept->sender.type);
        mls_write_u32(w, kept->sender.index);
        mls_write_opaque(w, mls_buf_bytes(&kept->encoded));
        mls_write_optional(w, kept->has_leaf_secret);
        if (kept->has_leaf_secret)
            mls_write_raw(w, mls_bytes(kept->leaf_secret, MLS_KEM_SECRET_BYTES));
    }
    mls_write_vector_end(w, mark);
}

int
mls_state_read_kept(struct mls_reader *r, struct mls_group *group)
{
    struct mls_reader sub;
    int error = 0;

    mls_read_vector(r, &sub);
    while (error == 0 && mls_reader_more(&sub)) {
        struct mls_kept_proposal kept = {0};

        mls_read_array(&sub, kept.ref, MLS_REF_BYTES);
        kept.sender.type = mls_read_u8(&sub);
        kept.sender.index = mls_read_u32(&sub);
        struct mls_bytes encoded = mls_read_opaque(&sub);
        kept.has_leaf_secret = mls_read_optional(&sub);
        if (kept.has_leaf_secret)
            mls_read_array(&sub, kept.leaf_secret, MLS_KEM_SECRET_BYTES);
        error = mls_reader_error(&sub);
        if (error == 0 && encoded.len < sizeof(uint16_t))
            error = MLS_EDECODE;
        if (error == 0)
            error = mls_buf_set(&kept.encoded, group->c.p, encoded);
        if (error == 0)
            error = mls_group_keep(group, &kept);
        mls_buf_fini(&kept.encoded);
        mls_mem_wipe(group->c.p, &kept, sizeof(kept));
    }
    mls_read_vector_end(r, &sub);
    return error != 0 ? error : mls_reader_error(r);
}

/* ---- Both ends ------------------------------------------------------------------------------ */

void
mls_state_begin(struct mls_writer *w, const struct mls_group *group, struct mls_state_form form)
{
    mls_writer_init(w, group->c.p, 0);
    mls_write_u32(w, form.magic);
    mls_write_u16(w, form.version);
    mls_write_u16(w, group->c.suite->id);
    mls_write_opaque(w, mls_buf_bytes(&group->id));
}

int
mls_state_close(struct mls_writer *w, const struct mls_crypto *c, struct mls_buf *state_out)
{
    struct mls_bytes bytes = mls_writer_bytes(w);
    uint8_t hash[MLS_HASH_BYTES];
    int error = mls_writer_error(w);

    if (error == 0)
        error = mls_hash(c, &bytes, 1, hash);
    if (error == 0) {
        mls_write_raw(w, mls_bytes(hash, sizeof(hash)));
        error = mls_buf_take(state_out, w);
    }
    mls_writer_fini(w);
    return error;
}

int
mls_state_open(const struct mls_provider *p, struct mls_bytes state, struct mls_state_form form,
               struct mls_reader *r, struct mls_state_head *head_out)
{
    uint8_t hash[MLS_HASH_BYTES];

    if (state.len < MLS_HASH_BYTES)
        return MLS_EDECODE;
    state.len -= MLS_HASH_BYTES;
    if (p->sha256(p->ctx, &state, 1, hash) != 0)
        return MLS_ECRYPTO;
    if (memcmp(hash, state.data + state.len, MLS_HASH_BYTES) != 0)
        return MLS_EDECODE;
    mls_reader_init(r, state);
    if (mls_read_u32(r) != form.magic || mls_read_u16(r) != form.version)
        mls_reader_fail(r, MLS_EDECODE);
    head_out->suite = mls_read_u16(r);
    head_out->id = mls_read_opaque(r);
    return mls_reader_error(r);
}

/* ---- ReInit ------------------------------------------------------------------------------ */

int
mls_state_read_reinit(struct mls_reader *r, struct mls_epoch *epoch)
{
    struct mls_bytes encoded = mls_read_opaque(r);
    struct mls_proposal_body body;
    struct mls_reader sub;

    if (encoded.len == 0)
        return 0;
    mls_reader_init(&sub, encoded);
    mls_proposal_read(&sub, &body);
    if (epoch == NULL || mls_reader_finish(&sub) != 0 || body.type != MLS_PROPOSAL_REINIT)
        return MLS_EDECODE;
    return mls_buf_set(&epoch->reinit, epoch->tree.c.p, encoded);
}
