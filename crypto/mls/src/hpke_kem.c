/* SPDX-License-Identifier: MIT */
/*
 * DHKEM(X25519, HKDF-SHA256) (RFC 9180, section 4.1) and the labelled derivations it shares with the
 * rest of HPKE.
 */
#include <string.h>

#include "hpke.h"
#include "hpke_label.h"

static const struct hpke_suite KEM_SUITE = {.id = {'K', 'E', 'M', 0x00, 0x20}, .len = 5};

static const char VERSION[] = "HPKE-v1";

int
hpke_labeled_extract(const struct mls_crypto *c, const struct hpke_suite *suite,
                     struct mls_bytes salt, const char *label, const struct mls_bytes *ikm,
                     size_t ikm_count, uint8_t out[MLS_HASH_BYTES])
{
    struct mls_bytes parts[3 + MLS_HPKE_INFO_PARTS_MAX] = {
        mls_bytes(VERSION, sizeof VERSION - 1),
        mls_bytes(suite->id, suite->len),
        mls_bytes(label, strlen(label)),
    };

    if (ikm_count > MLS_HPKE_INFO_PARTS_MAX)
        return MLS_EARG;
    for (size_t i = 0; i < ikm_count; i++)
        parts[3 + i] = ikm[i];
    if (c->p->hmac_sha256(c->p->ctx, salt, parts, 3 + ikm_count, out) != 0)
        return MLS_ECRYPTO;
    return 0;
}

int
hpke_labeled_expand(const struct mls_crypto *c, const struct hpke_suite *suite,
                    const uint8_t prk[MLS_HASH_BYTES], const char *label, struct mls_bytes info,
                    uint8_t *out, size_t len)
{
    const uint8_t length[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    const struct mls_bytes parts[] = {
        mls_bytes(length, sizeof length),
        mls_bytes(VERSION, sizeof VERSION - 1),
        mls_bytes(suite->id, suite->len),
        mls_bytes(label, strlen(label)),
        info,
    };

    return mls_expand(c, mls_bytes(prk, MLS_HASH_BYTES), parts, sizeof parts / sizeof *parts, out,
                      len);
}

static int
x25519_public_key(const struct mls_crypto *c, const uint8_t secret[MLS_KEM_SECRET_BYTES],
                  uint8_t public_out[MLS_KEM_PUBLIC_BYTES])
{
    return c->p->x25519_public(c->p->ctx, secret, public_out) == 0 ? 0 : MLS_ECRYPTO;
}

static int
x25519_derive_keypair(const struct mls_crypto *c, struct mls_bytes ikm,
                      uint8_t secret_out[MLS_KEM_SECRET_BYTES],
                      uint8_t public_out[MLS_KEM_PUBLIC_BYTES])
{
    uint8_t prk[MLS_HASH_BYTES];
    int rc = hpke_labeled_extract(c, &KEM_SUITE, mls_bytes_empty(), "dkp_prk", &ikm, 1, prk);

    if (rc == 0)
        rc = hpke_labeled_expand(c, &KEM_SUITE, prk, "sk", mls_bytes_empty(), secret_out,
                                 MLS_KEM_SECRET_BYTES);
    mls_mem_wipe(c->p, prk, sizeof prk);
    if (rc == 0)
        rc = x25519_public_key(c, secret_out, public_out);
    if (rc)
        mls_mem_wipe(c->p, secret_out, MLS_KEM_SECRET_BYTES);
    return rc;
}

/* ExtractAndExpand: the shared secret binds the Diffie-Hellman result to both public values. */
static int
extract_and_expand(const struct mls_crypto *c, const uint8_t dh[MLS_X25519_BYTES],
                   const uint8_t output[MLS_X25519_BYTES],
                   const uint8_t recipient[MLS_X25519_BYTES],
                   uint8_t shared_out[MLS_KEM_SHARED_BYTES])
{
    const struct mls_bytes ikm = mls_bytes(dh, MLS_X25519_BYTES);
    uint8_t context[2 * MLS_X25519_BYTES];
    uint8_t prk[MLS_HASH_BYTES];

    memcpy(context, output, MLS_X25519_BYTES);
    memcpy(context + MLS_X25519_BYTES, recipient, MLS_X25519_BYTES);
    int rc = hpke_labeled_extract(c, &KEM_SUITE, mls_bytes_empty(), "eae_prk", &ikm, 1, prk);
    if (rc == 0)
        rc = hpke_labeled_expand(c, &KEM_SUITE, prk, "shared_secret",
                                 mls_bytes(context, sizeof context), shared_out,
                                 MLS_KEM_SHARED_BYTES);
    mls_mem_wipe(c->p, prk, sizeof prk);
    return rc;
}

static int
x25519_encap(const struct mls_crypto *c, struct mls_bytes public_key,
             uint8_t shared_out[MLS_KEM_SHARED_BYTES], uint8_t output_out[MLS_KEM_OUTPUT_BYTES])
{
    uint8_t ephemeral[MLS_X25519_BYTES];
    uint8_t dh[MLS_X25519_BYTES];

    if (public_key.len != MLS_X25519_BYTES)
        return MLS_ECRYPTO;
    int rc = mls_kem_keygen(c, ephemeral, output_out);
    if (rc == 0 && c->p->x25519(c->p->ctx, ephemeral, public_key.data, dh) != 0)
        rc = MLS_ECRYPTO;
    if (rc == 0)
        rc = extract_and_expand(c, dh, output_out, public_key.data, shared_out);
    mls_mem_wipe(c->p, ephemeral, sizeof ephemeral);
    mls_mem_wipe(c->p, dh, sizeof dh);
    return rc;
}

static int
x25519_decap(const struct mls_crypto *c, struct mls_bytes kem_output,
             const uint8_t secret[MLS_KEM_SECRET_BYTES], uint8_t shared_out[MLS_KEM_SHARED_BYTES])
{
    uint8_t own_public[MLS_X25519_BYTES];
    uint8_t dh[MLS_X25519_BYTES];

    if (kem_output.len != MLS_X25519_BYTES)
        return MLS_ECRYPTO;
    int rc = x25519_public_key(c, secret, own_public);
    if (rc == 0 && c->p->x25519(c->p->ctx, secret, kem_output.data, dh) != 0)
        rc = MLS_ECRYPTO;
    if (rc == 0)
        rc = extract_and_expand(c, dh, kem_output.data, own_public, shared_out);
    mls_mem_wipe(c->p, dh, sizeof dh);
    return rc;
}

/* The public values whose shared secret is zero whatever the private key (RFC 7748, section 6.1):
 * the points of order 1, 2, 4 and 8 on the curve and its twist, and 0, 1 and -1 unreduced. */
static const uint8_t LOW_ORDER[][MLS_X25519_BYTES] = {
    {0},
    {1},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
     0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
     0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
     0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
     0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

static bool
x25519_public_key_valid(struct mls_bytes public_key)
{
    uint8_t masked[MLS_X25519_BYTES];

    if (public_key.len != sizeof masked)
        return false;
    memcpy(masked, public_key.data, sizeof masked);
    masked[sizeof masked - 1] &= 0x7f; /* X25519 ignores the highest bit */
    for (size_t i = 0; i < sizeof LOW_ORDER / sizeof *LOW_ORDER; i++) {
        if (memcmp(masked, LOW_ORDER[i], sizeof masked) == 0)
            return false;
    }
    return true;
}

const struct mls_kem mls_kem_x25519 = {
    .id = 0x0020,
    .public_key_valid = x25519_public_key_valid,
    .derive_keypair = x25519_derive_keypair,
    .public_key = x25519_public_key,
    .encap = x25519_encap,
    .decap = x25519_decap,
};

int
mls_kem_derive_keypair(const struct mls_crypto *c, struct mls_bytes ikm,
                       uint8_t secret_out[MLS_KEM_SECRET_BYTES],
                       uint8_t public_out[MLS_KEM_PUBLIC_BYTES])
{
    return c->suite->kem->derive_keypair(c, ikm, secret_out, public_out);
}

bool
mls_kem_public_key_valid(const struct mls_crypto *c, struct mls_bytes public_key)
{
    return c->suite->kem->public_key_valid(public_key);
}

int
mls_kem_keygen(const struct mls_crypto *c, uint8_t secret_out[MLS_KEM_SECRET_BYTES],
               uint8_t public_out[MLS_KEM_PUBLIC_BYTES])
{
    uint8_t ikm[MLS_KEM_SECRET_BYTES];
    int rc = mls_random(c, ikm, sizeof ikm);

    if (rc == 0)
        rc = mls_kem_derive_keypair(c, mls_bytes(ikm, sizeof ikm), secret_out, public_out);
    mls_mem_wipe(c->p, ikm, sizeof ikm);
    return rc;
}

int
mls_kem_public(const struct mls_crypto *c, const uint8_t secret[MLS_KEM_SECRET_BYTES],
               uint8_t public_out[MLS_KEM_PUBLIC_BYTES])
{
    return c->suite->kem->public_key(c, secret, public_out);
}
