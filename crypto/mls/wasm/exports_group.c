/* SPDX-License-Identifier: MIT */
/*
 * Exports for a member's group: how it comes to be, is kept and ends, and what is true in it. Conventions: exports.c.
 */
#include "exports.h"

/* ---- Groups: life ---------------------------------------------------------------------------- */

EXPORT(group_create)
int
wasm_group_create(uint32_t owner, const struct mls_client *client, uint32_t suite,
                  const uint8_t *id, size_t id_len, const struct wasm_extensions *extensions,
                  struct mls_group **group_out)
{
    const struct mls_config config = wasm_config(owner);
    const struct mls_group_params params = {
        .suite = (uint16_t)suite,
        .group_id = bytes(id, id_len),
        .extensions = extensions->items,
        .extension_count = extensions->count,
    };

    return mls_group_create(&config, client, &params, group_out);
}

/* `inviter_out` gets the leaf of who invites. */
EXPORT(group_join)
int
wasm_group_join(uint32_t owner, const struct mls_client *client, const uint8_t *welcome,
                size_t welcome_len, const uint8_t *secrets, size_t secrets_len, const uint8_t *tree,
                size_t tree_len, uint32_t *inviter_out, struct mls_group **group_out)
{
    const struct mls_config config = wasm_config(owner);
    const struct mls_join_params params = {
        .welcome = bytes(welcome, welcome_len),
        .key_package_private = bytes(secrets, secrets_len),
        .ratchet_tree = bytes(tree, tree_len),
        .inviter_out = inviter_out,
    };

    return mls_group_join(&config, client, &params, group_out);
}

/* The commit stays pending, as in mls.h. Without resync `old_leaf` is MLS_LEAF_NONE. */
EXPORT(group_join_external)
int
wasm_group_join_external(uint32_t owner, const struct mls_client *client, const uint8_t *group_info,
                         size_t group_info_len, const uint8_t *tree, size_t tree_len,
                         uint32_t old_leaf, const struct wasm_proposals *psks,
                         const uint8_t *authenticated, size_t authenticated_len,
                         struct mls_group **group_out, struct mls_buf *commit_out,
                         struct mls_buf *group_info_out)
{
    const struct mls_config config = wasm_config(owner);
    const struct mls_external_join_params params = {
        .group_info = bytes(group_info, group_info_len),
        .ratchet_tree = bytes(tree, tree_len),
        .resync = old_leaf != MLS_LEAF_NONE,
        .old_leaf = old_leaf,
        .psks = psks->items,
        .psk_count = psks->count,
        .authenticated_data = bytes(authenticated, authenticated_len),
    };

    return mls_group_join_external(&config, client, &params, group_out, commit_out, group_info_out);
}

/* GroupInfo of the current epoch, for those who join by themselves. */
EXPORT(group_export_info)
int
wasm_group_export_info(const struct mls_group *group, int with_tree, struct mls_buf *info_out)
{
    return mls_group_export_info(group, with_tree != 0, info_out);
}

EXPORT(group_save)
int
wasm_group_save(const struct mls_group *group, struct mls_buf *state_out)
{
    return mls_group_save(group, state_out);
}

EXPORT(group_load)
int
wasm_group_load(uint32_t owner, const uint8_t *state, size_t len, struct mls_group **group_out)
{
    const struct mls_config config = wasm_config(owner);

    return mls_group_load(&config, bytes(state, len), group_out);
}

EXPORT(group_free)
void
wasm_group_free(struct mls_group *group)
{
    mls_group_destroy(&group);
}

/* ---- Groups: what is true now ----------------------------------------------------------------- */

EXPORT(group_id)
int
wasm_group_id(const struct mls_group *group, struct mls_buf *id_out)
{
    return mls_buf_set(id_out, mls_provider_default(), mls_group_id(group));
}

EXPORT(group_suite)
uint32_t
wasm_group_suite(const struct mls_group *group)
{
    return mls_group_suite(group);
}

EXPORT(group_epoch)
double
wasm_group_epoch(const struct mls_group *group)
{
    return (double)mls_group_epoch(group);
}

EXPORT(group_own_leaf)
uint32_t
wasm_group_own_leaf(const struct mls_group *group)
{
    return mls_group_own_leaf(group);
}

EXPORT(group_is_active)
int
wasm_group_is_active(const struct mls_group *group)
{
    return mls_group_is_active(group);
}

EXPORT(group_member_count)
uint32_t
wasm_group_member_count(const struct mls_group *group)
{
    return mls_group_member_count(group);
}

/* The member at a leaf: its identity and signature key. */
EXPORT(group_member)
int
wasm_group_member(const struct mls_group *group, uint32_t leaf, struct mls_buf *identity_out,
                  struct mls_buf *key_out)
{
    struct mls_member member;
    int error = mls_group_member(group, leaf, &member);

    return error != 0 ? error : wasm_tell_member(&member, identity_out, key_out);
}

/* The first member at `leaf` or behind it; MLS_LEAF_NONE: there is none. */
EXPORT(group_next_member)
uint32_t
wasm_group_next_member(const struct mls_group *group, uint32_t leaf)
{
    struct mls_member member;

    return mls_group_next_member(group, &leaf, &member) ? member.leaf : MLS_LEAF_NONE;
}

/* Data of an extension of the group context. */
EXPORT(group_extension)
int
wasm_group_extension(const struct mls_group *group, uint32_t type, struct mls_buf *data_out)
{
    struct mls_bytes data;
    int error = mls_group_extension(group, (uint16_t)type, &data);

    return error != 0 ? error : wasm_buf_set(data_out, data.data, data.len);
}

EXPORT(group_epoch_authenticator)
void
wasm_group_epoch_authenticator(const struct mls_group *group, uint8_t out[MLS_HASH_BYTES])
{
    mls_group_epoch_authenticator(group, out);
}

EXPORT(group_tree_hash)
void
wasm_group_tree_hash(const struct mls_group *group, uint8_t out[MLS_HASH_BYTES])
{
    mls_group_tree_hash(group, out);
}

EXPORT(group_ratchet_tree)
int
wasm_group_ratchet_tree(const struct mls_group *group, struct mls_buf *tree_out)
{
    return mls_group_ratchet_tree(group, tree_out);
}

/* The label is text with a NUL at its end. */
EXPORT(group_export)
int
wasm_group_export(const struct mls_group *group, const char *label, const uint8_t *context,
                  size_t context_len, uint8_t *out, size_t size)
{
    return mls_group_export(group, label, bytes(context, context_len), out, size);
}
