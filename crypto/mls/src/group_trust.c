/* SPDX-License-Identifier: MIT */
/*
 * Whether a GroupInfo and the tree that goes with it may be believed (RFC 9420 section 12.4.3.1):
 * what everybody asks who comes to a group from outside, with a secret or without.
 */
#include "group.h"

#include <string.h>

int
mls_trust_info(const struct mls_crypto *c, const struct mls_group_info *info)
{
    const struct mls_group_context *context = &info->context;

    if (context->version != MLS_VERSION_10)
        return MLS_EVERSION;
    if (context->suite != c->suite->id)
        return MLS_ESUITE;
    if (context->group_id.len > MLS_GROUP_ID_BYTES_MAX)
        return MLS_ESIZE;
    if (context->group_id.len == 0 || context->tree_hash.len != MLS_HASH_BYTES ||
        (context->confirmed_transcript_hash.len != 0 &&
         context->confirmed_transcript_hash.len != MLS_HASH_BYTES))
        return MLS_EDECODE;
    return 0;
}

static int
read_tree(const struct mls_crypto *c, const struct mls_group_info *info, struct mls_bytes bytes,
          struct mls_tree *tree)
{
    struct mls_reader r;

    if (bytes.len == 0 &&
        !mls_extensions_find(info->extensions, MLS_EXTENSION_RATCHET_TREE, &bytes))
        return MLS_ETREE;
    if (bytes.len > MLS_MESSAGE_BYTES_MAX)
        return MLS_ESIZE;
    mls_reader_init(&r, bytes);
    int error = mls_tree_read(tree, c, &r);
    return error != 0 ? error : mls_reader_finish(&r);
}

/* The epoch that the GroupInfo describes. */
static int
set_context(struct mls_epoch *epoch, const struct mls_group_context *context)
{
    epoch->number = context->epoch;
    epoch->confirmed_len = (uint8_t)context->confirmed_transcript_hash.len;
    if (epoch->confirmed_len > 0)
        memcpy(epoch->confirmed_hash, context->confirmed_transcript_hash.data, MLS_HASH_BYTES);
    return mls_buf_set(&epoch->extensions, epoch->tree.c.p, context->extensions);
}

/* Every member is who the application says, and fits the group. */
static int
check_members(const struct mls_config *config, const struct mls_tree *tree,
              struct mls_bytes extensions)
{
    int error = mls_check_context_extensions(extensions);

    if (error == 0)
        error = mls_check_tree_fits(tree, extensions);
    for (uint32_t i = 0; error == 0 && i < tree->n_leaves; i++) {
        const struct mls_leaf *leaf = mls_tree_leaf(tree, i);

        if (leaf != NULL)
            error = mls_check_credential(config, leaf, NULL);
    }
    return error;
}

int
mls_trust_signer(const struct mls_tree *tree, const struct mls_group_info *info)
{
    const struct mls_leaf *signer = mls_tree_leaf(tree, info->signer);

    return signer == NULL ? MLS_ETREE
                          : mls_group_info_verify(&tree->c, info, signer->signature_key);
}

int
mls_trust_tree(const struct mls_config *config, const struct mls_crypto *c,
               const struct mls_group_info *info, struct mls_bytes ratchet_tree,
               struct mls_epoch *epoch)
{
    int error = read_tree(c, info, ratchet_tree, &epoch->tree);

    if (error == 0)
        error = mls_epoch_hash_tree(epoch);
    if (error == 0 &&
        !mls_mem_equal(c->p, mls_bytes(epoch->tree_hash, MLS_HASH_BYTES), info->context.tree_hash))
        error = MLS_ETREE;
    if (error == 0)
        error = mls_trust_signer(&epoch->tree, info);
    if (error == 0)
        error = mls_tree_check(&epoch->tree, info->context.group_id);
    if (error == 0)
        error = check_members(config, &epoch->tree, info->context.extensions);
    return error != 0 ? error : set_context(epoch, &info->context);
}
