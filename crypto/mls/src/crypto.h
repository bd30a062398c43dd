/* SPDX-License-Identifier: MIT */
/*
 * Suites and the labelled functions of RFC 9420 sections 5 and 8, over the provider's primitives.
 *
 * Both suites use SHA-256, X25519 and Ed25519, so secrets, hashes, tags and keys of the KEM and of
 * the signature scheme are 32-byte arrays throughout; only the AEAD and its key length differ. A
 * `struct mls_crypto` (provider and suite) is the first parameter of everything that computes; it
 * is small, immutable and copied by value where it must be kept.
 *
 * Labels are given without the "MLS 1.0 " prefix, except for mls_ref_hash, whose labels RFC 9420
 * spells out in full. Functions return 0 or an MLS_E value; on failure outputs are wiped. None of
 * them allocates, except signing and verifying, which need the signed bytes in one piece.
 */
#ifndef MLS_CRYPTO_H
#define MLS_CRYPTO_H

#include "mem.h"
#include "mls/error.h"

struct mls_kem;

struct mls_suite {
    uint16_t id;
    uint16_t kdf_id;
    enum mls_aead_id aead;
    uint8_t key_bytes;         /* AEAD key: 16 or 32 */
    const struct mls_kem *kem; /* see hpke.h */
    const char *name;
};

struct mls_crypto {
    const struct mls_provider *p;
    const struct mls_suite *suite;
};

/* Binds a provider to a suite. MLS_ESUITE when the suite is unknown. */
int mls_crypto_init(struct mls_crypto *c, const struct mls_provider *p, uint16_t suite_id);

int mls_random(const struct mls_crypto *c, uint8_t *out, size_t len);

/* ---- Hash, MAC, KDF ---------------------------------------------------------------------- */

/* Hash over the concatenation of the parts. */
int mls_hash(const struct mls_crypto *c, const struct mls_bytes *parts, size_t count,
             uint8_t out[MLS_HASH_BYTES]);

/* MAC of `data`: confirmation tags and membership tags. */
int mls_mac(const struct mls_crypto *c, const uint8_t key[MLS_HASH_BYTES], struct mls_bytes data,
            uint8_t tag_out[MLS_HASH_BYTES]);

/* Compares in constant time; MLS_EMAC when the tag differs or has another length. */
int mls_mac_verify(const struct mls_crypto *c, const uint8_t key[MLS_HASH_BYTES],
                   struct mls_bytes data, struct mls_bytes tag);

/* KDF.Extract; `salt` and `ikm` of any length. `out` may be one of them. */
int mls_extract(const struct mls_crypto *c, struct mls_bytes salt, struct mls_bytes ikm,
                uint8_t out[MLS_HASH_BYTES]);

/* KDF.Expand with an info in at most MLS_INFO_PARTS_MAX parts; `len` from 1 to 255 * 32, else
 * MLS_EARG. */
enum { MLS_INFO_PARTS_MAX = 8 };
int mls_expand(const struct mls_crypto *c, struct mls_bytes prk, const struct mls_bytes *info,
               size_t count, uint8_t *out, size_t len);

/* ExpandWithLabel (section 8). `out` may be `secret`. */
int mls_expand_with_label(const struct mls_crypto *c, const uint8_t secret[MLS_HASH_BYTES],
                          const char *label, struct mls_bytes context, uint8_t *out, size_t len);

/* DeriveSecret (section 8): 32 bytes, empty context. */
int mls_derive_secret(const struct mls_crypto *c, const uint8_t secret[MLS_HASH_BYTES],
                      const char *label, uint8_t out[MLS_HASH_BYTES]);

/* DeriveTreeSecret (section 9.1). */
int mls_derive_tree_secret(const struct mls_crypto *c, const uint8_t secret[MLS_HASH_BYTES],
                           const char *label, uint32_t generation, uint8_t *out, size_t len);

/* RefHash (section 5.2). The label is used as it is. */
#define MLS_LABEL_KEY_PACKAGE_REF "MLS 1.0 KeyPackage Reference"
#define MLS_LABEL_PROPOSAL_REF "MLS 1.0 Proposal Reference"
int mls_ref_hash(const struct mls_crypto *c, const char *label, struct mls_bytes value,
                 uint8_t out[MLS_HASH_BYTES]);

/* ---- AEAD -------------------------------------------------------------------------------- */

/* Seals `plain` into plain.len + MLS_AEAD_TAG_BYTES bytes. `key` has suite->key_bytes bytes. */
int mls_aead_seal(const struct mls_crypto *c, const uint8_t *key,
                  const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
                  struct mls_bytes plain, uint8_t *cipher_out);

/* Opens into cipher.len - MLS_AEAD_TAG_BYTES bytes. MLS_EAEAD when too short or not authentic. */
int mls_aead_open(const struct mls_crypto *c, const uint8_t *key,
                  const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
                  struct mls_bytes cipher, uint8_t *plain_out);

/* ---- Signatures -------------------------------------------------------------------------- */

/* Makes a signature key pair. The private key is the 32-byte Ed25519 seed. */
int mls_signature_keygen(const struct mls_crypto *c, uint8_t seed_out[MLS_ED25519_SEED_BYTES],
                         uint8_t public_out[MLS_ED25519_PUBLIC_BYTES]);

/* Public key of a seed. */
int mls_signature_public(const struct mls_crypto *c, const uint8_t seed[MLS_ED25519_SEED_BYTES],
                         uint8_t public_out[MLS_ED25519_PUBLIC_BYTES]);

/* SignWithLabel (section 5.1.2). */
int mls_sign_with_label(const struct mls_crypto *c, const uint8_t seed[MLS_ED25519_SEED_BYTES],
                        const char *label, struct mls_bytes content,
                        uint8_t signature_out[MLS_ED25519_SIGNATURE_BYTES]);

/* VerifyWithLabel. MLS_ESIGNATURE when it does not verify, a length is wrong or the rule of
 * ed25519_rule.h refuses it, so that key and signature can come straight from the wire. */
int mls_verify_with_label(const struct mls_crypto *c, struct mls_bytes public_key,
                          const char *label, struct mls_bytes content, struct mls_bytes signature);

#endif
