/* SPDX-License-Identifier: MIT */
/*
 * The primitives under OPAQUE: SHA-512 and HMAC over several parts, HKDF (RFC 5869),
 * expand_message_xmd (RFC 9380) and the OPRF ristretto255-SHA512 (RFC 9497), on libsodium 1.0.18,
 * which has neither HKDF nor hash-to-group.
 *
 * All inputs are lists of parts that are fed to the hash one after the other, so nothing is
 * concatenated in memory and nothing is allocated.
 */
#include "opaque_internal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* "OPRFV1-", mode 0 (OPRF), "-ristretto255-SHA512": RFC 9497, section 3.1. It holds a NUL byte. */
#define OPRF_CONTEXT "OPRFV1-\0-ristretto255-SHA512"
#define SHA512_BLOCK_BYTES 128

void
opaque_hash(const struct opaque_view *parts, size_t count, uint8_t out[HASH_BYTES])
{
    crypto_hash_sha512_state state;

    crypto_hash_sha512_init(&state);
    for (size_t i = 0; i < count; i++)
        crypto_hash_sha512_update(&state, parts[i].data, parts[i].len);
    crypto_hash_sha512_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

void
opaque_mac(struct opaque_view key, const struct opaque_view *parts, size_t count,
           uint8_t out[HASH_BYTES])
{
    crypto_auth_hmacsha512_state state;

    crypto_auth_hmacsha512_init(&state, key.data, key.len);
    for (size_t i = 0; i < count; i++)
        crypto_auth_hmacsha512_update(&state, parts[i].data, parts[i].len);
    crypto_auth_hmacsha512_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

void
opaque_extract(const struct opaque_view *parts, size_t count, uint8_t prk[HASH_BYTES])
{
    static const uint8_t no_salt[HASH_BYTES];

    opaque_mac((struct opaque_view){no_salt, sizeof no_salt}, parts, count, prk);
}

void
opaque_expand(const uint8_t prk[HASH_BYTES], const struct opaque_view *parts, size_t count,
              uint8_t *out, size_t len)
{
    crypto_auth_hmacsha512_state state;
    uint8_t block[HASH_BYTES];
    uint8_t counter = 1;

    assert(len <= 255 * HASH_BYTES);
    for (size_t done = 0; done < len; counter++) {
        size_t take = len - done < sizeof block ? len - done : sizeof block;

        crypto_auth_hmacsha512_init(&state, prk, HASH_BYTES);
        if (done > 0)
            crypto_auth_hmacsha512_update(&state, block, sizeof block);
        for (size_t i = 0; i < count; i++)
            crypto_auth_hmacsha512_update(&state, parts[i].data, parts[i].len);
        crypto_auth_hmacsha512_update(&state, &counter, 1);
        crypto_auth_hmacsha512_final(&state, block);
        memcpy(out + done, block, take);
        done += take;
    }
    sodium_memzero(block, sizeof block);
    sodium_memzero(&state, sizeof state);
}

/*
 * expand_message_xmd (RFC 9380, section 5.3.1) for the one output length that is needed, 64 bytes:
 * with SHA-512 that is a single block after b_0. The tag is label || OPRF_CONTEXT.
 */
static void
expand_message(const struct opaque_view *parts, size_t count, struct opaque_view label,
               uint8_t out[HASH_BYTES])
{
    static const uint8_t pad[SHA512_BLOCK_BYTES];
    static const uint8_t length_and_zero[3] = {0, HASH_BYTES, 0};
    static const uint8_t one = 1;
    const struct opaque_view context = OPAQUE_LITERAL(OPRF_CONTEXT);
    const uint8_t tag_length = (uint8_t)(label.len + context.len);
    crypto_hash_sha512_state state;
    uint8_t b0[HASH_BYTES];

    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, pad, sizeof pad);
    for (size_t i = 0; i < count; i++)
        crypto_hash_sha512_update(&state, parts[i].data, parts[i].len);
    crypto_hash_sha512_update(&state, length_and_zero, sizeof length_and_zero);
    crypto_hash_sha512_update(&state, label.data, label.len);
    crypto_hash_sha512_update(&state, context.data, context.len);
    crypto_hash_sha512_update(&state, &tag_length, 1);
    crypto_hash_sha512_final(&state, b0);

    opaque_hash(
        (const struct opaque_view[]){{b0, sizeof b0}, {&one, 1}, label, context, {&tag_length, 1}},
        5, out);
    sodium_memzero(b0, sizeof b0);
    sodium_memzero(&state, sizeof state);
}

/* DeriveKeyPair of RFC 9497, section 3.2.1, for ristretto255-SHA512 in mode OPRF. public_out may be
 * NULL. */
static void
derive_key_pair(const uint8_t seed[SEED_BYTES], struct opaque_view info,
                uint8_t secret_out[SCALAR_BYTES], uint8_t public_out[ELEMENT_BYTES])
{
    const uint8_t info_length[2] = {(uint8_t)(info.len >> 8), (uint8_t)info.len};
    uint8_t wide[HASH_BYTES];
    uint8_t counter = 0;

    /* A zero scalar has a chance of 2^-252; the RFC wants the counter for it all the same. */
    do {
        const struct opaque_view parts[] = {
            {seed, SEED_BYTES}, {info_length, sizeof info_length}, info, {&counter, 1}};

        expand_message(parts, 4, OPAQUE_LITERAL("DeriveKeyPair"), wide);
        crypto_core_ristretto255_scalar_reduce(secret_out, wide);
    } while (sodium_is_zero(secret_out, SCALAR_BYTES) && ++counter != 0);

    if (public_out != NULL) {
        const int failed = crypto_scalarmult_ristretto255_base(public_out, secret_out);

        assert(failed == 0);
        (void)failed;
    }
    sodium_memzero(wide, sizeof wide);
}

void
opaque_derive_dh_pair(const uint8_t seed[SEED_BYTES], uint8_t secret_out[SCALAR_BYTES],
                      uint8_t public_out[ELEMENT_BYTES])
{
    derive_key_pair(seed, OPAQUE_LITERAL("OPAQUE-DeriveDiffieHellmanKeyPair"), secret_out,
                    public_out);
}

void
opaque_random_scalar(uint8_t out[SCALAR_BYTES])
{
    do
        crypto_core_ristretto255_scalar_random(out);
    while (sodium_is_zero(out, SCALAR_BYTES));
}

int
opaque_oprf_blind(struct opaque_view input, const uint8_t blind[SCALAR_BYTES],
                  uint8_t out[ELEMENT_BYTES])
{
    uint8_t wide[HASH_BYTES];
    uint8_t element[ELEMENT_BYTES];
    int failed;

    expand_message(&input, 1, OPAQUE_LITERAL("HashToGroup-"), wide);
    failed = crypto_core_ristretto255_from_hash(element, wide);
    if (failed == 0)
        failed = crypto_scalarmult_ristretto255(out, blind, element);
    sodium_memzero(wide, sizeof wide);
    sodium_memzero(element, sizeof element);
    return failed == 0 ? OPAQUE_OK : OPAQUE_EINPUT;
}

int
opaque_oprf_evaluate(const uint8_t oprf_seed[OPAQUE_OPRF_SEED_BYTES], struct opaque_view credential,
                     const uint8_t blinded[ELEMENT_BYTES], uint8_t out[ELEMENT_BYTES])
{
    uint8_t seed[SEED_BYTES];
    uint8_t key[SCALAR_BYTES];
    int failed;

    opaque_expand(oprf_seed, (const struct opaque_view[]){credential, OPAQUE_LITERAL("OprfKey")}, 2,
                  seed, sizeof seed);
    derive_key_pair(seed, OPAQUE_LITERAL("OPAQUE-DeriveKeyPair"), key, NULL);
    failed = crypto_scalarmult_ristretto255(out, key, blinded);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(key, sizeof key);
    return failed == 0 ? OPAQUE_OK : OPAQUE_EMESSAGE;
}

int
opaque_oprf_finalize(struct opaque_view input, const uint8_t blind[SCALAR_BYTES],
                     const uint8_t evaluated[ELEMENT_BYTES], uint8_t out[HASH_BYTES])
{
    static const uint8_t element_length[2] = {0, ELEMENT_BYTES};
    const uint8_t input_length[2] = {(uint8_t)(input.len >> 8), (uint8_t)input.len};
    uint8_t inverse[SCALAR_BYTES];
    uint8_t unblinded[ELEMENT_BYTES];
    int status = OPAQUE_OK;

    if (crypto_core_ristretto255_scalar_invert(inverse, blind) != 0)
        status = OPAQUE_EINPUT;
    else if (crypto_scalarmult_ristretto255(unblinded, inverse, evaluated) != 0)
        status = OPAQUE_EMESSAGE;
    else
        opaque_hash((const struct opaque_view[]){{input_length, 2},
                                                 input,
                                                 {element_length, 2},
                                                 {unblinded, sizeof unblinded},
                                                 OPAQUE_LITERAL("Finalize")},
                    5, out);
    sodium_memzero(inverse, sizeof inverse);
    sodium_memzero(unblinded, sizeof unblinded);
    return status;
}
