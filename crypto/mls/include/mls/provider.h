/* SPDX-License-Identifier: MIT */
/*
 * The table of primitives the MLS library stands on.
 *
 * The library does no input or output, knows no clock and calls no cryptographic library by
 * itself: all it needs from outside is this table. `mls_provider_default()` fills it from
 * libsodium and OpenSSL; a browser host fills it from its own; a test fills it so that the n-th
 * allocation fails or the random bytes repeat. A clock is not in the table: the time belongs to what is
 * read, which may be an old log, and comes from `now` of struct mls_config.
 *
 * Rules for whoever fills the table: every pointer is set. A function that returns int returns 0
 * for success and any negative value for failure, and then its outputs hold nothing of use.
 * Outputs never overlap inputs, except where said. A table must stay valid for as long as any
 * object made with it, and its functions must be callable from each thread the library is used on.
 *
 * There is no reallocation on purpose: growing moves secrets, so the library allocates anew,
 * copies, and wipes the old block itself.
 */
#ifndef MLS_PROVIDER_H
#define MLS_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Cipher suites (RFC 9420, section 17.1) that the library implements. */
enum mls_suite_id {
    MLS_SUITE_X25519_AES128GCM_SHA256_ED25519 = 0x0001,
    MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519 = 0x0003,
};

/* AEADs by their HPKE identifiers (RFC 9180, section 7.3). Both have a 12-byte nonce and a 16-byte
 * tag that follows the ciphertext. */
enum mls_aead_id {
    MLS_AEAD_AES128GCM = 0x0001,        /* 16-byte key */
    MLS_AEAD_CHACHA20POLY1305 = 0x0003, /* 32-byte key */
};

enum {
    MLS_HASH_BYTES = 32,
    MLS_AEAD_KEY_BYTES_MAX = 32,
    MLS_AEAD_NONCE_BYTES = 12,
    MLS_AEAD_TAG_BYTES = 16,
    MLS_X25519_BYTES = 32, /* private key, public key, shared secret */
    MLS_ED25519_SEED_BYTES = 32,
    MLS_ED25519_PUBLIC_BYTES = 32,
    MLS_ED25519_SIGNATURE_BYTES = 64,
};

/* Bytes somebody else owns. `data` may be NULL when `len` is 0. */
struct mls_bytes {
    const uint8_t *data;
    size_t len;
};

/* One function for each thing that is asked of a host. */
struct mls_provider {
    /* Handed to every function below as its first argument. */
    void *ctx;

    /* Returns `len` bytes (never called with 0), aligned for any type, or NULL. */
    void *(*alloc)(void *ctx, size_t len);
    /* Frees what alloc returned; accepts NULL. Wiping is done by the library before. */
    void (*release)(void *ctx, void *ptr);
    /* Overwrites in a way the compiler cannot remove. */
    void (*memzero)(void *ctx, void *ptr, size_t len);
    /* Compares in time that depends on `len` alone: 0 when equal, negative when not. */
    int (*compare)(void *ctx, const uint8_t *a, const uint8_t *b, size_t len);

    /* Fills `out` from a cryptographic generator. */
    int (*random)(void *ctx, uint8_t *out, size_t len);

    /* SHA-256 over the concatenation of `count` parts. */
    int (*sha256)(void *ctx, const struct mls_bytes *parts, size_t count,
                  uint8_t out[MLS_HASH_BYTES]);
    /* HMAC-SHA-256, any key length, over the concatenation of `count` parts. `out` may be one of
     * the parts: all of them are read before it is written. */
    int (*hmac_sha256)(void *ctx, struct mls_bytes key, const struct mls_bytes *parts, size_t count,
                       uint8_t out[MLS_HASH_BYTES]);

    /* Public key of a private key (RFC 7748; clamping happens inside). */
    int (*x25519_public)(void *ctx, const uint8_t secret[MLS_X25519_BYTES],
                         uint8_t public_out[MLS_X25519_BYTES]);
    /* Shared secret. Must fail when the result is all zero (RFC 9180, section 7.1.4). */
    int (*x25519)(void *ctx, const uint8_t secret[MLS_X25519_BYTES],
                  const uint8_t peer[MLS_X25519_BYTES], uint8_t shared_out[MLS_X25519_BYTES]);

    /* Public key of a private key, which is the 32-byte seed of RFC 8032. */
    int (*ed25519_public)(void *ctx, const uint8_t seed[MLS_ED25519_SEED_BYTES],
                          uint8_t public_out[MLS_ED25519_PUBLIC_BYTES]);
    int (*ed25519_sign)(void *ctx, const uint8_t seed[MLS_ED25519_SEED_BYTES],
                        struct mls_bytes message,
                        uint8_t signature_out[MLS_ED25519_SIGNATURE_BYTES]);
    /* Must use the equation without the cofactor, [S]B = R + [k]A, and compare R as bytes: a
     * verifier that multiplies by 8 takes signatures that others refuse. Small orders, encodings
     * that are not canonical and an S beyond the group order never get here. */
    int (*ed25519_verify)(void *ctx, const uint8_t public_key[MLS_ED25519_PUBLIC_BYTES],
                          struct mls_bytes message,
                          const uint8_t signature[MLS_ED25519_SIGNATURE_BYTES]);

    /* Writes plain.len + MLS_AEAD_TAG_BYTES bytes. */
    int (*aead_seal)(void *ctx, enum mls_aead_id aead, const uint8_t *key,
                     const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
                     struct mls_bytes plain, uint8_t *cipher_out);
    /* Writes cipher.len - MLS_AEAD_TAG_BYTES bytes; fails when cipher is shorter than a tag or does
     * not authenticate. */
    int (*aead_open)(void *ctx, enum mls_aead_id aead, const uint8_t *key,
                     const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
                     struct mls_bytes cipher, uint8_t *plain_out);
};

/* Returns the provider over libsodium (everything) and OpenSSL (AES-128-GCM), or NULL when
 * libsodium cannot start. Static, immutable, any thread. */
const struct mls_provider *mls_provider_default(void);

/* The system's clock in Unix seconds, for `now` of struct mls_config; comes with the default provider.
 * `arg` is not looked at. Any thread. */
uint64_t mls_clock_default(void *arg);

/*
 * Verifies an Ed25519 signature (RFC 8032 section 5.1.7) by the one rule of Sotto (docs/e2ee.md), whatever the provider: keys
 * and R that are not canonical or of small order and an S beyond the group order are refused before
 * it is asked. Key and signature may come straight from the wire. 0, or MLS_ESIGNATURE. No secret,
 * no memory of its own, any thread. Everything that clients or servers judge goes through here.
 */
int mls_ed25519_verify(const struct mls_provider *provider,
                       const uint8_t public_key[MLS_ED25519_PUBLIC_BYTES], struct mls_bytes message,
                       const uint8_t signature[MLS_ED25519_SIGNATURE_BYTES]);

#ifdef __cplusplus
}
#endif
#endif
