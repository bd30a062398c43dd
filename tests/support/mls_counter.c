/* SPDX-License-Identifier: MIT */
/*
 * A provider that counts; see mls_counter.h. Each block of memory is preceded by its size.
 */
#include "mls_counter.h"

#include <stdlib.h>

static const struct mls_provider *
real(void)
{
    return mls_provider_default();
}

static void
count_parts(struct mls_counter *c, const struct mls_bytes *parts, size_t count)
{
    c->now.hashes++;
    for (size_t i = 0; i < count; i++)
        c->now.hash_bytes += parts[i].len;
}

static int
count_sha256(void *ctx, const struct mls_bytes *parts, size_t count, uint8_t out[MLS_HASH_BYTES])
{
    count_parts(ctx, parts, count);
    return real()->sha256(NULL, parts, count, out);
}

static int
count_hmac(void *ctx, struct mls_bytes key, const struct mls_bytes *parts, size_t count,
           uint8_t out[MLS_HASH_BYTES])
{
    count_parts(ctx, parts, count);
    return real()->hmac_sha256(NULL, key, parts, count, out);
}

static int
count_x25519(void *ctx, const uint8_t secret[MLS_X25519_BYTES],
             const uint8_t peer[MLS_X25519_BYTES], uint8_t out[MLS_X25519_BYTES])
{
    ((struct mls_counter *)ctx)->now.dh++;
    return real()->x25519(NULL, secret, peer, out);
}

static int
count_sign(void *ctx, const uint8_t seed[MLS_ED25519_SEED_BYTES], struct mls_bytes message,
           uint8_t out[MLS_ED25519_SIGNATURE_BYTES])
{
    ((struct mls_counter *)ctx)->now.signs++;
    return real()->ed25519_sign(NULL, seed, message, out);
}

static int
count_verify(void *ctx, const uint8_t key[MLS_ED25519_PUBLIC_BYTES], struct mls_bytes message,
             const uint8_t signature[MLS_ED25519_SIGNATURE_BYTES])
{
    ((struct mls_counter *)ctx)->now.verifies++;
    return real()->ed25519_verify(NULL, key, message, signature);
}

static int
count_seal(void *ctx, enum mls_aead_id aead, const uint8_t *key,
           const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad, struct mls_bytes plain,
           uint8_t *out)
{
    ((struct mls_counter *)ctx)->now.seals++;
    return real()->aead_seal(NULL, aead, key, nonce, aad, plain, out);
}

static int
count_open(void *ctx, enum mls_aead_id aead, const uint8_t *key,
           const uint8_t nonce[MLS_AEAD_NONCE_BYTES], struct mls_bytes aad, struct mls_bytes cipher,
           uint8_t *out)
{
    ((struct mls_counter *)ctx)->now.opens++;
    return real()->aead_open(NULL, aead, key, nonce, aad, cipher, out);
}

static void *
count_alloc(void *ctx, size_t len)
{
    struct mls_counter *c = ctx;
    size_t *block = malloc(2 * sizeof(size_t) + len);

    if (block == NULL)
        return NULL;
    c->now.taken += len;
    c->now.alive += len;
    block[0] = len;
    return block + 2;
}

static void
count_release(void *ctx, void *ptr)
{
    if (ptr == NULL)
        return;
    size_t *block = (size_t *)ptr - 2;
    ((struct mls_counter *)ctx)->now.alive -= block[0];
    free(block);
}

void
mls_counter_init(struct mls_counter *c)
{
    *c = (struct mls_counter){.table = *real()};
    c->table.ctx = c;
    c->table.alloc = count_alloc;
    c->table.release = count_release;
    c->table.sha256 = count_sha256;
    c->table.hmac_sha256 = count_hmac;
    c->table.x25519 = count_x25519;
    c->table.ed25519_sign = count_sign;
    c->table.ed25519_verify = count_verify;
    c->table.aead_seal = count_seal;
    c->table.aead_open = count_open;
}

struct mls_counts
mls_counter_since(const struct mls_counter *c, struct mls_counts before)
{
    return (struct mls_counts){
        .hashes = c->now.hashes - before.hashes,
        .hash_bytes = c->now.hash_bytes - before.hash_bytes,
        .dh = c->now.dh - before.dh,
        .signs = c->now.signs - before.signs,
        .verifies = c->now.verifies - before.verifies,
        .seals = c->now.seals - before.seals,
        .opens = c->now.opens - before.opens,
        .taken = c->now.taken - before.taken,
        .alive = c->now.alive - before.alive,
    };
}
