/* SPDX-License-Identifier: MIT */
/*
 * What the wasm build exports: the functions of the headers with handles and byte buffers, so that
 * a host needs to know no struct. mls.mjs beside this file is the JavaScript that calls them. Here
 * stands what the other files of exports need: memory, questions to the host, clients, lists.
 *
 *   handle   an address; 0 is none. Made by *_new or by what gives a group, ended by *_free
 *   bytes    two parameters, address and length, borrowed for the call; alloc and free are exported
 *   output   a buf handle: buf_new, then buf_data and buf_len until it changes, buf_free wipes it
 *   view     bytes of the instance: bytes_data and bytes_len, until what it was taken from ends
 *   int      0 or a negative MLS_E..., whose name error_name gives
 *   double   epochs and Unix seconds: exact to 2^53
 *
 * Contracts, errors and RFC sections are those of the function of the same name in mls/mls.h, or
 * mls/public_group.h for public_*, mls/view.h for view_*.
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

EXPORT(error_text)
const char *
wasm_error_text(int error)
{
    return mls_error_text(error);
}

/* The one rule for signatures, for whatever else the host has signed. */
EXPORT(ed25519_verify)
int
wasm_ed25519_verify(const uint8_t *public_key, const uint8_t *message, size_t len,
                    const uint8_t *signature)
{
    return mls_ed25519_verify(mls_provider_default(), public_key, bytes(message, len), signature);
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

static int
check_outsider(void *arg, const struct mls_change *change)
{
    return host_check_outsider((uint32_t)(uintptr_t)arg, change);
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
        .check_outsider = check_outsider,
        .lifetime_max = (uint64_t)host_limit(owner, HOST_LIMIT_LIFETIME),
        .leaf_bytes_max = (size_t)host_limit(owner, HOST_LIMIT_LEAF_BYTES),
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

/* ---- What is told ------------------------------------------------------------------------- */

int
wasm_tell_member(const struct mls_member *member, struct mls_buf *identity_out,
                 struct mls_buf *key_out)
{
    const struct mls_credential_view *credential = &member->credential;
    int error = mls_buf_set(identity_out, mls_provider_default(), credential->identity);

    return error != 0 ? error
                      : mls_buf_set(key_out, mls_provider_default(), credential->signature_key);
}

int
wasm_tell_reinit(bool closed, const struct mls_reinit_view *view, struct mls_buf *id_out,
                 struct mls_buf *extensions_out)
{
    if (!closed)
        return MLS_ENOTFOUND;
    int error = mls_buf_set(id_out, mls_provider_default(), view->group_id);
    return error != 0 ? error
                      : mls_buf_set(extensions_out, mls_provider_default(), view->extensions);
}

/* ---- Clients --------------------------------------------------------------------------------- */

/* A struct mls_client; its bytes and the list of types must stay until it was used. */
EXPORT(client_new)
struct mls_client *
wasm_client_new(const uint8_t *seed, const uint8_t *identity, size_t identity_len,
                double not_before, double not_after, const struct wasm_types *types)
{
    struct mls_client *client = calloc(1, sizeof(*client));

    if (client != NULL)
        *client = (struct mls_client){
            .signature_seed = seed,
            .identity = bytes(identity, identity_len),
            .lifetime = {(uint64_t)not_before, (uint64_t)not_after},
            .extension_types = types->items,
            .extension_type_count = types->count,
        };
    return client;
}

EXPORT(client_free)
void
wasm_client_free(struct mls_client *client)
{
    free(client);
}

EXPORT(key_package_create)
int
wasm_key_package_create(uint32_t owner, const struct mls_client *client, uint32_t suite,
                        struct mls_buf *message_out, struct mls_buf *private_out)
{
    const struct mls_config config = wasm_config(owner);

    return mls_key_package_create(&config, client, (uint16_t)suite, message_out, private_out);
}

/* ---- Lists ----------------------------------------------------------------------------------- */

/* Extension types that a client understands. */
EXPORT(types_new)
struct wasm_types *
wasm_types_new(void)
{
    return calloc(1, sizeof(struct wasm_types));
}

EXPORT(types_free)
void
wasm_types_free(struct wasm_types *list)
{
    free(list);
}

EXPORT(types_add)
int
wasm_types_add(struct wasm_types *list, uint32_t type)
{
    if (list->count == MLS_CAPABILITIES_MAX)
        return MLS_ESIZE;
    list->items[list->count++] = (uint16_t)type;
    return 0;
}

/* Extensions of a group context. */
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
