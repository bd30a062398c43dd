/* SPDX-License-Identifier: MIT */
/*
 * What the wasm build exports: the group functions of mls/mls.h with handles and byte buffers, so
 * that a host needs to know no struct. mls.mjs beside this file is the JavaScript that calls them.
 *
 *   handle   an address; 0 is none. Made by *_new or by what gives a group, ended by *_free
 *   bytes    two parameters, address and length, borrowed for the call; alloc and free are exported
 *   output   a buf handle: buf_new, then buf_data and buf_len until it changes, buf_free wipes it
 *   view     bytes of the instance: bytes_data and bytes_len, until what it was taken from ends
 *   int      0 or a negative MLS_E..., whose name error_name gives
 *   double   epochs and Unix seconds: exact to 2^53
 *
 * Contracts, errors and RFC sections are those of the function of the same name in mls/mls.h.
 */
#include "exports.h"

#include <stdlib.h>
#include <string.h>

/* ---- Memory, buffers, errors ---------------------------------------------------------------- */

EXPORT(alloc)
void *
wasm_export_alloc(size_t len)
{
    return malloc(len != 0 ? len : 1);
}

/* Wipes: what a host hands in may be a key. */
EXPORT(free)
void
wasm_export_free(void *ptr, size_t len)
{
    const struct mls_provider *p = mls_provider_default();

    if (ptr != NULL && len > 0)
        p->memzero(p->ctx, ptr, len);
    free(ptr);
}

EXPORT(buf_new)
struct mls_buf *
wasm_buf_new(void)
{
    return calloc(1, sizeof(struct mls_buf));
}

EXPORT(buf_data)
const uint8_t *
wasm_buf_data(const struct mls_buf *buf)
{
    return buf->data;
}

EXPORT(buf_len)
size_t
wasm_buf_len(const struct mls_buf *buf)
{
    return buf->len;
}

EXPORT(buf_set)
int
wasm_buf_set(struct mls_buf *buf, const uint8_t *data, size_t len)
{
    return mls_buf_set(buf, mls_provider_default(), bytes(data, len));
}

EXPORT(buf_free)
void
wasm_buf_free(struct mls_buf *buf)
{
    if (buf != NULL)
        mls_buf_fini(buf);
    free(buf);
}

EXPORT(bytes_data)
const uint8_t *
wasm_bytes_data(const struct mls_bytes *view)
{
    return view->data;
}

EXPORT(bytes_len)
size_t
wasm_bytes_len(const struct mls_bytes *view)
{
    return view->len;
}

EXPORT(error_name)
const char *
wasm_error_name(int error)
{
    return mls_error_name(error);
}

/* ---- What the host is asked ------------------------------------------------------------------ */

static int
check_credential(void *arg, const struct mls_credential_view *credential)
{
    return host_check_credential((uint32_t)(uintptr_t)arg, credential);
}

static uint64_t
now(void *arg)
{
    return (uint64_t)host_now((uint32_t)(uintptr_t)arg);
}

static int
find_psk(void *arg, struct mls_bytes psk_id, struct mls_buf *psk_out)
{
    return host_find_psk((uint32_t)(uintptr_t)arg, psk_id.data, psk_id.len, psk_out);
}

static const struct mls_group *
find_group(void *arg, struct mls_bytes id)
{
    return host_find_group((uint32_t)(uintptr_t)arg, id.data, id.len);
}

struct mls_config
wasm_config(uint32_t owner)
{
    return (struct mls_config){
        .provider = mls_provider_default(),
        .check_credential = check_credential,
        .now = now,
        .find_psk = find_psk,
        .find_group = find_group,
        .arg = (void *)(uintptr_t)
            owner, // NOLINT(performance-no-int-to-ptr): a number, not used as one
    };
}

/* Views of a credential, for check_credential and of changes: 0 identity, 1 signature key, 2 and 3 those
 * that it replaces. */
EXPORT(credential_bytes)
const struct mls_bytes *
wasm_credential_bytes(const struct mls_credential_view *credential, int field)
{
    switch (field) {
    case 0: return &credential->identity;
    case 1: return &credential->signature_key;
    case 2: return &credential->replaces_identity;
    default: return &credential->replaces_signature_key;
    }
}

/* ---- Key packages ---------------------------------------------------------------------------- */

EXPORT(key_package_create)
int
wasm_key_package_create(uint32_t suite, const uint8_t *seed, const uint8_t *identity,
                        size_t identity_len, double not_before, double not_after,
                        struct mls_buf *message_out, struct mls_buf *private_out)
{
    const struct mls_config config = {.provider = mls_provider_default()};
    const struct mls_client client = {
        .signature_seed = seed,
        .identity = bytes(identity, identity_len),
        .lifetime = {(uint64_t)not_before, (uint64_t)not_after},
    };

    return mls_key_package_create(&config, &client, (uint16_t)suite, message_out, private_out);
}

/* KeyPackageRef of a message, checked as mls_key_package_info() does. */
EXPORT(key_package_ref)
int
wasm_key_package_ref(const uint8_t *message, size_t len, struct mls_buf *ref_out)
{
    struct mls_key_package_info info;
    int error = mls_key_package_info(mls_provider_default(), bytes(message, len), &info);

    return error != 0 ? error : wasm_buf_set(ref_out, info.ref, sizeof(info.ref));
}

/* ---- Lists of extensions ------------------------------------------------------------------- */

EXPORT(extensions_new)
struct wasm_extensions *
wasm_extensions_new(void)
{
    return calloc(1, sizeof(struct wasm_extensions));
}

EXPORT(extensions_free)
void
wasm_extensions_free(struct wasm_extensions *list)
{
    free(list);
}

/* The bytes must stay until the list was used. */
EXPORT(extensions_add)
int
wasm_extensions_add(struct wasm_extensions *list, uint32_t type, const uint8_t *data, size_t len)
{
    if (list->count == MLS_EXTENSIONS_MAX)
        return MLS_ESIZE;
    list->items[list->count++] =
        (struct mls_extension){.type = (uint16_t)type, .data = bytes(data, len)};
    return 0;
}

/* ---- Groups: life ---------------------------------------------------------------------------- */

EXPORT(group_create)
int
wasm_group_create(uint32_t owner, uint32_t suite, const uint8_t *id, size_t id_len,
                  const uint8_t *seed, const uint8_t *identity, size_t identity_len,
                  double not_before, double not_after, const struct wasm_extensions *extensions,
                  struct mls_group **group_out)
{
    const struct mls_config config = wasm_config(owner);
    const struct mls_client client = {
        .signature_seed = seed,
        .identity = bytes(identity, identity_len),
        .lifetime = {(uint64_t)not_before, (uint64_t)not_after},
    };
    const struct mls_group_params params = {
        .suite = (uint16_t)suite,
        .group_id = bytes(id, id_len),
        .extensions = extensions->items,
        .extension_count = extensions->count,
    };

    return mls_group_create(&config, &client, &params, group_out);
}

EXPORT(group_join)
int
wasm_group_join(uint32_t owner, const uint8_t *welcome, size_t welcome_len, const uint8_t *secrets,
                size_t secrets_len, const uint8_t *seed, const uint8_t *tree, size_t tree_len,
                struct mls_group **group_out)
{
    const struct mls_config config = wasm_config(owner);
    const struct mls_join_params params = {
        .welcome = bytes(welcome, welcome_len),
        .key_package_private = bytes(secrets, secrets_len),
        .ratchet_tree = bytes(tree, tree_len),
    };
    const struct mls_client client = {.signature_seed = seed};

    return mls_group_join(&config, &client, &params, group_out);
}

/* The commit stays pending, as in mls.h. Flag 1: resync, `old_leaf` is then the leaf to remove. */
EXPORT(group_join_external)
int
wasm_group_join_external(uint32_t owner, const uint8_t *group_info, size_t group_info_len,
                         const uint8_t *tree, size_t tree_len, const uint8_t *seed,
                         const uint8_t *identity, size_t identity_len, uint32_t flags,
                         uint32_t old_leaf, struct mls_group **group_out,
                         struct mls_buf *commit_out)
{
    const struct mls_config config = wasm_config(owner);
    const struct mls_external_join_params params = {
        .group_info = bytes(group_info, group_info_len),
        .ratchet_tree = bytes(tree, tree_len),
        .resync = (flags & 1) != 0,
        .old_leaf = old_leaf,
    };
    const struct mls_client client = {
        .signature_seed = seed,
        .identity = bytes(identity, identity_len),
    };

    return mls_group_join_external(&config, &client, &params, group_out, commit_out, NULL);
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

int
wasm_tell_member(const struct mls_member *member, struct mls_buf *identity_out,
                 struct mls_buf *key_out)
{
    const struct mls_credential_view *credential = &member->credential;
    int error = mls_buf_set(identity_out, mls_provider_default(), credential->identity);

    return error != 0 ? error
                      : mls_buf_set(key_out, mls_provider_default(), credential->signature_key);
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
