/* SPDX-License-Identifier: MIT */
/*
 * The table of primitives over the host's imports (host.h): the default provider of the wasm build.
 * Memory, wiping and comparing are done here, in the instance's own memory.
 */
#include "host.h"

#include <stdlib.h>

/* ---- Memory ------------------------------------------------------------------------------ */

static void *
wasm_alloc(void *ctx, size_t len)
{
    (void)ctx;
    return malloc(len);
}

static void
wasm_release(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static void
wasm_memzero(void *ctx, void *ptr, size_t len)
{
    volatile uint8_t *at = ptr;

    (void)ctx;
    for (size_t i = 0; i < len; i++)
        at[i] = 0;
}

static int
wasm_compare(void *ctx, const uint8_t *a, const uint8_t *b, size_t len)
{
    volatile uint8_t differ = 0;

    (void)ctx;
    for (size_t i = 0; i < len; i++)
        differ |= a[i] ^ b[i];
    return differ == 0 ? 0 : -1;
}

/* ---- Primitives --------------------------------------------------------------------------- */

static int
wasm_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    return host_random(out, len);
}

static int
wasm_sha256(void *ctx, const struct mls_bytes *parts, size_t count, uint8_t out[MLS_HASH_BYTES])
{
    (void)ctx;
    return host_sha256(parts, count, out);
}

static int
wasm_hmac_sha256(void *ctx, struct mls_bytes key, const struct mls_bytes *parts, size_t count,
                 uint8_t out[MLS_HASH_BYTES])
{
    (void)ctx;
    return host_hmac_sha256(key.data, key.len, parts, count, out);
}

static int
wasm_x25519_public(void *ctx, const uint8_t secret[MLS_X25519_BYTES],
                   uint8_t public_out[MLS_X25519_BYTES])
{
    (void)ctx;
    return host_x25519_public(secret, public_out);
}

static int
wasm_x25519(void *ctx, const uint8_t secret[MLS_X25519_BYTES], const uint8_t peer[MLS_X25519_BYTES],
            uint8_t shared_out[MLS_X25519_BYTES])
{
    (void)ctx;
    return host_x25519(secret, peer, shared_out);
}

static int
wasm_ed25519_public(void *ctx, const uint8_t seed[MLS_ED25519_SEED_BYTES],
                    uint8_t public_out[MLS_ED25519_PUBLIC_BYTES])
{
    (void)ctx;
    return host_ed25519_public(seed, public_out);
}

static int
wasm_ed25519_sign(void *ctx, const uint8_t seed[MLS_ED25519_SEED_BYTES], struct mls_bytes message,
                  uint8_t signature_out[MLS_ED25519_SIGNATURE_BYTES])
{
    (void)ctx;
    return host_ed25519_sign(seed, message.data, message.len, signature_out);
}

static int
wasm_ed25519_verify(void *ctx, const uint8_t public_key[MLS_ED25519_PUBLIC_BYTES],
                    struct mls_bytes message, const uint8_t signature[MLS_ED25519_SIGNATURE_BYTES])
{
    (void)ctx;
    return host_ed25519_verify(public_key, message.data, message.len, signature);
}

static int
wasm_aead_seal(void *ctx, enum mls_aead_id aead, const uint8_t *key,
               const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
               struct mls_bytes plain, uint8_t *cipher_out)
{
    (void)ctx;
    return host_aead_seal((int)aead, key, nonce, aad.data, aad.len, plain.data, plain.len,
                          cipher_out);
}

static int
wasm_aead_open(void *ctx, enum mls_aead_id aead, const uint8_t *key,
               const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
               struct mls_bytes cipher, uint8_t *plain_out)
{
    (void)ctx;
    if (cipher.len < MLS_AEAD_TAG_BYTES)
        return -1;
    return host_aead_open((int)aead, key, nonce, aad.data, aad.len, cipher.data, cipher.len,
                          plain_out);
}

const struct mls_provider *
mls_provider_default(void)
{
    static const struct mls_provider provider = {
        .alloc = wasm_alloc,
        .release = wasm_release,
        .memzero = wasm_memzero,
        .compare = wasm_compare,
        .random = wasm_random,
        .sha256 = wasm_sha256,
        .hmac_sha256 = wasm_hmac_sha256,
        .x25519_public = wasm_x25519_public,
        .x25519 = wasm_x25519,
        .ed25519_public = wasm_ed25519_public,
        .ed25519_sign = wasm_ed25519_sign,
        .ed25519_verify = wasm_ed25519_verify,
        .aead_seal = wasm_aead_seal,
        .aead_open = wasm_aead_open,
    };

    return &provider;
}

/* What <assert.h> of wasi-libc calls; the libc's own would write to a stderr that is not there. */
_Noreturn void
__assert_fail(const char *expression, const char *file, int line, const char *function)
{
    (void)function;
    host_failed(expression, file, line);
}
