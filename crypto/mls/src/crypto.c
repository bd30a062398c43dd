/* SPDX-License-Identifier: MIT */
/*
 * The suite table, and hashing, authentication and AEAD bound to a suite; see crypto.h.
 */
#include "crypto.h"

#include <string.h>

#include "codec.h"
#include "hpke.h"

static const struct mls_suite suites[] = {
    {
        .id = MLS_SUITE_X25519_AES128GCM_SHA256_ED25519,
        .kdf_id = 0x0001, /* HKDF-SHA256 */
        .aead = MLS_AEAD_AES128GCM,
        .key_bytes = 16,
        .kem = &mls_kem_x25519,
        .name = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
    },
    {
        .id = MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519,
        .kdf_id = 0x0001,
        .aead = MLS_AEAD_CHACHA20POLY1305,
        .key_bytes = 32,
        .kem = &mls_kem_x25519,
        .name = "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
    },
};

static const struct mls_suite *
find_suite(uint16_t id)
{
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        if (suites[i].id == id)
            return &suites[i];
    return NULL;
}

int
mls_crypto_init(struct mls_crypto *c, const struct mls_provider *p, uint16_t suite_id)
{
    const struct mls_suite *suite = find_suite(suite_id);

    if (!p)
        return MLS_EARG;
    if (!suite)
        return MLS_ESUITE;
    *c = (struct mls_crypto){.p = p, .suite = suite};
    return 0;
}

int
mls_random(const struct mls_crypto *c, uint8_t *out, size_t len)
{
    return c->p->random(c->p->ctx, out, len) == 0 ? 0 : MLS_ECRYPTO;
}

int
mls_hash(const struct mls_crypto *c, const struct mls_bytes *parts, size_t count,
         uint8_t out[MLS_HASH_BYTES])
{
    return c->p->sha256(c->p->ctx, parts, count, out) == 0 ? 0 : MLS_ECRYPTO;
}

int
mls_mac(const struct mls_crypto *c, const uint8_t key[MLS_HASH_BYTES], struct mls_bytes data,
        uint8_t tag_out[MLS_HASH_BYTES])
{
    const struct mls_bytes key_bytes = mls_bytes(key, MLS_HASH_BYTES);

    return c->p->hmac_sha256(c->p->ctx, key_bytes, &data, 1, tag_out) == 0 ? 0 : MLS_ECRYPTO;
}

int
mls_mac_verify(const struct mls_crypto *c, const uint8_t key[MLS_HASH_BYTES], struct mls_bytes data,
               struct mls_bytes tag)
{
    uint8_t expected[MLS_HASH_BYTES];
    int rc = mls_mac(c, key, data, expected);

    if (rc == 0 && !mls_mem_equal(c->p, mls_bytes(expected, sizeof expected), tag))
        rc = MLS_EMAC;
    /* A valid tag that the caller did not have is worth as much as a secret. */
    mls_mem_wipe(c->p, expected, sizeof expected);
    return rc;
}

int
mls_ref_hash(const struct mls_crypto *c, const char *label, struct mls_bytes value,
             uint8_t out[MLS_HASH_BYTES])
{
    const size_t label_len = strlen(label);
    uint8_t label_head[4];
    uint8_t value_head[4];

    if (label_len > MLS_VARINT_MAX || value.len > MLS_VARINT_MAX)
        return MLS_EARG;
    const size_t label_head_len = mls_varint_put(label_head, label_len);
    const size_t value_head_len = mls_varint_put(value_head, value.len);
    const struct mls_bytes parts[] = {
        mls_bytes(label_head, label_head_len),
        mls_bytes(label, label_len),
        mls_bytes(value_head, value_head_len),
        value,
    };
    return mls_hash(c, parts, sizeof parts / sizeof *parts, out);
}

int
mls_aead_seal(const struct mls_crypto *c, const uint8_t *key,
              const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
              struct mls_bytes plain, uint8_t *cipher_out)
{
    if (c->p->aead_seal(c->p->ctx, c->suite->aead, key, nonce, aad, plain, cipher_out) == 0)
        return 0;
    mls_mem_wipe(c->p, cipher_out, plain.len + MLS_AEAD_TAG_BYTES);
    return MLS_ECRYPTO;
}

int
mls_aead_open(const struct mls_crypto *c, const uint8_t *key,
              const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad,
              struct mls_bytes cipher, uint8_t *plain_out)
{
    if (cipher.len < MLS_AEAD_TAG_BYTES)
        return MLS_EAEAD;
    if (c->p->aead_open(c->p->ctx, c->suite->aead, key, nonce, aad, cipher, plain_out) == 0)
        return 0;
    /* Some ciphers write the plaintext before they know that it is not authentic. */
    mls_mem_wipe(c->p, plain_out, cipher.len - MLS_AEAD_TAG_BYTES);
    return MLS_EAEAD;
}
