/* SPDX-License-Identifier: MIT */
/*
 * The default provider: libsodium, and OpenSSL for AES-128-GCM. This file and provider_aes.c are the
 * only ones of the library that know a cryptographic library, the heap of libc or its clock; a host that
 * brings its own provider builds without them.
 *
 * Signatures are verified by libsodium's own rule, which is the one of docs/e2ee.md; what of it does not
 * depend on the equation, ed25519_rule.c has looked at before.
 */
#include <stdlib.h>
#include <time.h>

#include <sodium.h>

#include "provider_aes.h"

_Static_assert((int)MLS_HASH_BYTES == (int)crypto_hash_sha256_BYTES, "SHA-256 size");
_Static_assert((int)MLS_AEAD_NONCE_BYTES == (int)crypto_aead_chacha20poly1305_ietf_NPUBBYTES,
               "nonce size");
_Static_assert((int)MLS_AEAD_TAG_BYTES == (int)crypto_aead_chacha20poly1305_ietf_ABYTES,
               "tag size");
_Static_assert((int)MLS_ED25519_SIGNATURE_BYTES == (int)crypto_sign_BYTES, "signature size");

static void *
default_alloc(void *ctx, size_t len)
{
    (void)ctx;
    return malloc(len);
}

static void
default_release(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static void
default_memzero(void *ctx, void *ptr, size_t len)
{
    (void)ctx;
    sodium_memzero(ptr, len);
}

static int
default_compare(void *ctx, const uint8_t *a, const uint8_t *b, size_t len)
{
    (void)ctx;
    return sodium_memcmp(a, b, len);
}

static int
default_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    randombytes_buf(out, len);
    return 0;
}

static int
default_sha256(void *ctx, const struct mls_bytes *parts, size_t count, uint8_t out[MLS_HASH_BYTES])
{
    crypto_hash_sha256_state state;

    (void)ctx;
    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < count; i++)
        if (parts[i].len)
            crypto_hash_sha256_update(&state, parts[i].data, parts[i].len);
    crypto_hash_sha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
    return 0;
}

static int
default_hmac_sha256(void *ctx, struct mls_bytes key, const struct mls_bytes *parts, size_t count,
                    uint8_t out[MLS_HASH_BYTES])
{
    static const uint8_t no_key[1];
    crypto_auth_hmacsha256_state state;

    (void)ctx;
    /* An empty key is legal (the salt of HKDF), a null pointer is not. */
    crypto_auth_hmacsha256_init(&state, key.len ? key.data : no_key, key.len);
    for (size_t i = 0; i < count; i++)
        if (parts[i].len)
            crypto_auth_hmacsha256_update(&state, parts[i].data, parts[i].len);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
    return 0;
}

static int
default_x25519_public(void *ctx, const uint8_t secret[MLS_X25519_BYTES],
                      uint8_t public_out[MLS_X25519_BYTES])
{
    (void)ctx;
    return crypto_scalarmult_base(public_out, secret);
}

static int
default_x25519(void *ctx, const uint8_t secret[MLS_X25519_BYTES],
               const uint8_t peer[MLS_X25519_BYTES], uint8_t shared_out[MLS_X25519_BYTES])
{
    (void)ctx;
    /* Refuses the small-order points, and with them the all-zero result. */
    return crypto_scalarmult(shared_out, secret, peer);
}

static int
default_ed25519_public(void *ctx, const uint8_t seed[MLS_ED25519_SEED_BYTES],
                       uint8_t public_out[MLS_ED25519_PUBLIC_BYTES])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];

    (void)ctx;
    const int rc = crypto_sign_seed_keypair(public_out, secret, seed);
    sodium_memzero(secret, sizeof secret);
    return rc;
}

/* The key pair is derived anew from the seed each time: signing with a public key taken from
 * elsewhere would give the private key away when the two do not belong together. */
static int
default_ed25519_sign(void *ctx, const uint8_t seed[MLS_ED25519_SEED_BYTES],
                     struct mls_bytes message, uint8_t signature_out[MLS_ED25519_SIGNATURE_BYTES])
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];

    (void)ctx;
    int rc = crypto_sign_seed_keypair(public_key, secret, seed);
    if (rc == 0)
        rc = crypto_sign_detached(signature_out, NULL, message.data, message.len, secret);
    sodium_memzero(secret, sizeof secret);
    return rc;
}

static int
default_ed25519_verify(void *ctx, const uint8_t public_key[MLS_ED25519_PUBLIC_BYTES],
                       struct mls_bytes message,
                       const uint8_t signature[MLS_ED25519_SIGNATURE_BYTES])
{
    (void)ctx;
    return crypto_sign_verify_detached(signature, message.data, message.len, public_key);
}

static int
default_aead_seal(void *ctx, enum mls_aead_id aead, const uint8_t *key,
                  const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
                  struct mls_bytes plain, uint8_t *cipher_out)
{
    (void)ctx;
    switch (aead) {
    case MLS_AEAD_AES128GCM: return provider_aes128gcm_seal(key, nonce, aad, plain, cipher_out);
    case MLS_AEAD_CHACHA20POLY1305:
        return crypto_aead_chacha20poly1305_ietf_encrypt(cipher_out, NULL, plain.data, plain.len,
                                                         aad.data, aad.len, NULL, nonce, key);
    }
    return -1;
}

static int
default_aead_open(void *ctx, enum mls_aead_id aead, const uint8_t *key,
                  const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
                  struct mls_bytes cipher, uint8_t *plain_out)
{
    (void)ctx;
    switch (aead) {
    case MLS_AEAD_AES128GCM: return provider_aes128gcm_open(key, nonce, aad, cipher, plain_out);
    case MLS_AEAD_CHACHA20POLY1305:
        return crypto_aead_chacha20poly1305_ietf_decrypt(plain_out, NULL, NULL, cipher.data,
                                                         cipher.len, aad.data, aad.len, nonce, key);
    }
    return -1;
}

static const struct mls_provider DEFAULT_PROVIDER = {
    .alloc = default_alloc,
    .release = default_release,
    .memzero = default_memzero,
    .compare = default_compare,
    .random = default_random,
    .sha256 = default_sha256,
    .hmac_sha256 = default_hmac_sha256,
    .x25519_public = default_x25519_public,
    .x25519 = default_x25519,
    .ed25519_public = default_ed25519_public,
    .ed25519_sign = default_ed25519_sign,
    .ed25519_verify = default_ed25519_verify,
    .aead_seal = default_aead_seal,
    .aead_open = default_aead_open,
};

const struct mls_provider *
mls_provider_default(void)
{
    return sodium_init() < 0 ? NULL : &DEFAULT_PROVIDER;
}

uint64_t
mls_clock_default(void *arg)
{
    (void)arg;
    return (uint64_t)time(NULL);
}
