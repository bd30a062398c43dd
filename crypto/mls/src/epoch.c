/* SPDX-License-Identifier: MIT */
/*
 * Life of an epoch and the order in which its secrets come about (RFC 9420 sections 8, 11).
 */
#include "epoch.h"

#include <string.h>

struct mls_epoch *
mls_epoch_new(const struct mls_provider *p)
{
    return mls_mem_alloc(p, 1, sizeof(struct mls_epoch));
}

void
mls_epoch_destroy(const struct mls_provider *p, struct mls_epoch **epoch)
{
    struct mls_epoch *e = *epoch;

    if (e == NULL)
        return;
    mls_tree_fini(&e->tree);
    mls_secret_tree_fini(&e->secret_tree);
    mls_buf_fini(&e->extensions);
    mls_buf_fini(&e->reinit);
    mls_mem_free(p, e, sizeof(*e)); /* wipes keys and secrets */
    *epoch = NULL;
}

int
mls_epoch_next(const struct mls_provider *p, const struct mls_epoch *from,
               struct mls_epoch **next_out)
{
    struct mls_epoch *next = mls_epoch_new(p);

    if (next == NULL)
        return MLS_ENOMEM;
    next->number = from->number + 1;
    next->own_leaf = from->own_leaf;
    next->keys = from->keys;
    memcpy(next->confirmed_hash, from->confirmed_hash, sizeof(next->confirmed_hash));
    next->confirmed_len = from->confirmed_len;
    int error = mls_tree_clone(&next->tree, &from->tree);
    if (error == 0)
        error = mls_buf_set(&next->extensions, p, mls_buf_bytes(&from->extensions));
    if (error == 0)
        *next_out = next;
    else
        mls_epoch_destroy(p, &next);
    return error;
}

int
mls_epoch_context(const struct mls_epoch *epoch, struct mls_bytes group_id,
                  struct mls_buf *context_out)
{
    const struct mls_group_context context = {
        .version = MLS_VERSION_10,
        .suite = epoch->tree.c.suite->id,
        .group_id = group_id,
        .epoch = epoch->number,
        .tree_hash = mls_bytes(epoch->tree_hash, sizeof(epoch->tree_hash)),
        .confirmed_transcript_hash = mls_bytes(epoch->confirmed_hash, epoch->confirmed_len),
        .extensions = mls_buf_bytes(&epoch->extensions),
    };
    struct mls_writer w;

    mls_writer_init(&w, epoch->tree.c.p, 0);
    mls_group_context_write(&w, &context);
    int error = mls_buf_take(context_out, &w);
    mls_writer_fini(&w);
    return error;
}

int
mls_epoch_hash_tree(struct mls_epoch *epoch)
{
    return mls_tree_root_hash(&epoch->tree, epoch->tree_hash);
}

/* Hands the encryption secret to the secret tree (section 9.2). */
static int
start_secret_tree(struct mls_epoch *epoch)
{
    const struct mls_crypto *c = &epoch->tree.c;
    int error = mls_secret_tree_init(&epoch->secret_tree, c, epoch->tree.n_leaves,
                                     epoch->secrets.encryption_secret);

    mls_mem_wipe(c->p, epoch->secrets.encryption_secret, MLS_HASH_BYTES);
    return error;
}

int
mls_epoch_start(struct mls_epoch *epoch, struct mls_bytes group_id,
                const uint8_t joiner[MLS_HASH_BYTES], const uint8_t *psk_secret)
{
    struct mls_buf context = {0};
    int error = mls_epoch_context(epoch, group_id, &context);

    if (error == 0)
        error = mls_schedule_epoch(&epoch->tree.c, joiner, psk_secret, mls_buf_bytes(&context),
                                   &epoch->secrets);
    if (error == 0)
        error = start_secret_tree(epoch);
    mls_buf_fini(&context);
    return error;
}

int
mls_epoch_start_first(struct mls_epoch *epoch, const uint8_t epoch_secret[MLS_HASH_BYTES])
{
    int error = mls_schedule_from_epoch_secret(&epoch->tree.c, epoch_secret, &epoch->secrets);

    if (error == 0)
        error = start_secret_tree(epoch);
    return error;
}

int
mls_epoch_confirm(struct mls_epoch *epoch)
{
    const struct mls_crypto *c = &epoch->tree.c;
    struct mls_bytes confirmed = mls_bytes(epoch->confirmed_hash, epoch->confirmed_len);
    int error = mls_schedule_confirmation_tag(c, epoch->secrets.confirmation_key, confirmed,
                                              epoch->confirmation_tag);

    if (error == 0)
        error = mls_transcript_interim(
            c, confirmed, mls_bytes(epoch->confirmation_tag, MLS_HASH_BYTES), epoch->interim_hash);
    return error;
}

int
mls_epoch_take_tag(struct mls_epoch *epoch, struct mls_bytes tag)
{
    if (tag.len != MLS_HASH_BYTES)
        return MLS_EMAC;
    memcpy(epoch->confirmation_tag, tag.data, MLS_HASH_BYTES);
    return mls_transcript_interim(&epoch->tree.c,
                                  mls_bytes(epoch->confirmed_hash, epoch->confirmed_len), tag,
                                  epoch->interim_hash);
}

struct mls_frame_keys
mls_epoch_frame_keys(struct mls_epoch *epoch, const struct mls_buf *context)
{
    return (struct mls_frame_keys){
        .c = &epoch->tree.c,
        .context = mls_buf_bytes(context),
        .membership_key = epoch->secrets.membership_key,
        .sender_data_secret = epoch->secrets.sender_data_secret,
        .secret_tree = &epoch->secret_tree,
    };
}
