/* SPDX-License-Identifier: MIT */
/*
 * Exports for following a group without its secrets (mls/public_group.h). Conventions: exports.c; what
 * was received is told as in exports_message.c.
 */
#include "exports.h"

#include "mls/public_group.h"

EXPORT(public_open)
int
wasm_public_open(uint32_t owner, const uint8_t *group_info, size_t info_len, const uint8_t *tree,
                 size_t tree_len, struct mls_public_group **group_out)
{
    const struct mls_config config = wasm_config(owner);

    return mls_public_group_open(&config, bytes(group_info, info_len), bytes(tree, tree_len),
                                 group_out);
}

EXPORT(public_save)
int
wasm_public_save(const struct mls_public_group *group, struct mls_buf *state_out)
{
    return mls_public_group_save(group, state_out);
}

EXPORT(public_load)
int
wasm_public_load(uint32_t owner, const uint8_t *state, size_t len,
                 struct mls_public_group **group_out)
{
    const struct mls_config config = wasm_config(owner);

    return mls_public_group_load(&config, bytes(state, len), group_out);
}

EXPORT(public_free)
void
wasm_public_free(struct mls_public_group *group)
{
    mls_public_group_destroy(&group);
}

/* ---- Messages -------------------------------------------------------------------------------- */

EXPORT(public_take_proposal)
int
wasm_public_take_proposal(struct mls_public_group *group, const uint8_t *message, size_t len,
                          struct mls_received *received_out)
{
    return mls_public_group_take_proposal(group, bytes(message, len), received_out);
}

EXPORT(public_forget_proposals)
void
wasm_public_forget_proposals(struct mls_public_group *group, size_t count)
{
    mls_public_group_forget_proposals(group, count);
}

/* The next group has the owner of this one. */
EXPORT(public_take_commit)
int
wasm_public_take_commit(const struct mls_public_group *group, const uint8_t *message, size_t len,
                        struct mls_received *received_out, struct mls_public_group **next_out)
{
    return mls_public_group_take_commit(group, bytes(message, len), received_out, next_out);
}

EXPORT(public_check_info)
int
wasm_public_check_info(const struct mls_public_group *group, const uint8_t *group_info, size_t len,
                       uint32_t *signer_out)
{
    return mls_public_group_check_info(group, bytes(group_info, len), signer_out);
}

/* ---- What is true now ------------------------------------------------------------------------ */

EXPORT(public_id)
int
wasm_public_id(const struct mls_public_group *group, struct mls_buf *id_out)
{
    return mls_buf_set(id_out, mls_provider_default(), mls_public_group_id(group));
}

EXPORT(public_suite)
uint32_t
wasm_public_suite(const struct mls_public_group *group)
{
    return mls_public_group_suite(group);
}

EXPORT(public_epoch)
double
wasm_public_epoch(const struct mls_public_group *group)
{
    return (double)mls_public_group_epoch(group);
}

EXPORT(public_tree_hash)
void
wasm_public_tree_hash(const struct mls_public_group *group, uint8_t out[MLS_HASH_BYTES])
{
    mls_public_group_tree_hash(group, out);
}

EXPORT(public_ratchet_tree)
int
wasm_public_ratchet_tree(const struct mls_public_group *group, struct mls_buf *tree_out)
{
    return mls_public_group_ratchet_tree(group, tree_out);
}

EXPORT(public_proposal_count)
size_t
wasm_public_proposal_count(const struct mls_public_group *group)
{
    return mls_public_group_proposal_count(group);
}

EXPORT(public_member_count)
uint32_t
wasm_public_member_count(const struct mls_public_group *group)
{
    return mls_public_group_member_count(group);
}

EXPORT(public_member)
int
wasm_public_member(const struct mls_public_group *group, uint32_t leaf,
                   struct mls_buf *identity_out, struct mls_buf *key_out)
{
    struct mls_member member;
    int error = mls_public_group_member(group, leaf, &member);

    return error != 0 ? error : wasm_tell_member(&member, identity_out, key_out);
}

/* The first member at `leaf` or behind it; MLS_LEAF_NONE: there is none. */
EXPORT(public_next_member)
uint32_t
wasm_public_next_member(const struct mls_public_group *group, uint32_t leaf)
{
    struct mls_member member;

    return mls_public_group_next_member(group, &leaf, &member) ? member.leaf : MLS_LEAF_NONE;
}

EXPORT(public_extension)
int
wasm_public_extension(const struct mls_public_group *group, uint32_t type, struct mls_buf *data_out)
{
    struct mls_bytes data;
    int error = mls_public_group_extension(group, (uint16_t)type, &data);

    return error != 0 ? error : wasm_buf_set(data_out, data.data, data.len);
}

EXPORT(public_memory)
size_t
wasm_public_memory(const struct mls_public_group *group)
{
    return mls_public_group_memory(group);
}

EXPORT(public_successor)
int
wasm_public_successor(const struct mls_public_group *group, struct mls_buf *id_out,
                      struct mls_buf *extensions_out)
{
    struct mls_reinit_view view;
    bool closed = mls_public_group_is_closed(group, &view);

    return wasm_tell_reinit(closed, &view, id_out, extensions_out);
}

/* 0 while the group is not closed. */
EXPORT(public_successor_suite)
uint32_t
wasm_public_successor_suite(const struct mls_public_group *group)
{
    struct mls_reinit_view view;

    return mls_public_group_is_closed(group, &view) ? view.suite : 0;
}
