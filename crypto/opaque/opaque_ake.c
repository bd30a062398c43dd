/* SPDX-License-Identifier: MIT */
/*
 * What client and server of OPAQUE share above the primitives: the 3DH key schedule with its
 * transcript (RFC 9807, section 6.4.2), the pad over the credential response (section 6.3.2), and
 * the key stretching functions.
 */
#include "opaque_internal.h"

#include <sodium.h>
#include <string.h>

#define ARGON2_PASSES 3
#define ARGON2_MEMORY_BYTES (64U * 1024 * 1024)

/* Every label is "OPAQUE-" and one of the names of section 6.4.2.2. */
#define LABEL(name) OPAQUE_LITERAL("OPAQUE-" name)

int
opaque_stretch_argon2id(uint8_t out[OPAQUE_STRETCH_BYTES], const uint8_t in[OPAQUE_STRETCH_BYTES],
                        void *arg)
{
    static const uint8_t salt[crypto_pwhash_SALTBYTES];

    (void)arg;
    return crypto_pwhash(out, OPAQUE_STRETCH_BYTES, (const char *)in, OPAQUE_STRETCH_BYTES, salt,
                         ARGON2_PASSES, ARGON2_MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13);
}

int
opaque_stretch_identity(uint8_t out[OPAQUE_STRETCH_BYTES], const uint8_t in[OPAQUE_STRETCH_BYTES],
                        void *arg)
{
    (void)arg;
    memmove(out, in, OPAQUE_STRETCH_BYTES);
    return 0;
}

struct opaque_params
opaque_params_default(void)
{
    return (struct opaque_params){.stretch = opaque_stretch_argon2id};
}

int
opaque_params_check(const struct opaque_params *params)
{
    if (params->context.len > OPAQUE_INPUT_BYTES_MAX ||
        params->client_identity.len > OPAQUE_INPUT_BYTES_MAX ||
        params->server_identity.len > OPAQUE_INPUT_BYTES_MAX)
        return OPAQUE_EINPUT;
    return OPAQUE_OK;
}

struct opaque_view
opaque_identity_or_key(struct opaque_view identity, const uint8_t public_key[ELEMENT_BYTES])
{
    if (identity.len > 0)
        return identity;
    return (struct opaque_view){public_key, ELEMENT_BYTES};
}

/* Derive-Secret: HKDF-Expand under a CustomLabel. hash is the transcript hash, or empty. */
static void
derive_secret(const uint8_t secret[HASH_BYTES], struct opaque_view label, struct opaque_view hash,
              uint8_t out[HASH_BYTES])
{
    const uint8_t head[3] = {0, HASH_BYTES, (uint8_t)label.len};
    const uint8_t hash_length = (uint8_t)hash.len;

    opaque_expand(secret,
                  (const struct opaque_view[]){{head, sizeof head}, label, {&hash_length, 1}, hash},
                  4, out, HASH_BYTES);
}

/* Hash(preamble), and Hash(preamble || mac) when a MAC is given (section 6.4.2.1). */
static void
hash_transcript(const struct opaque_transcript *t, const uint8_t *mac, uint8_t out[HASH_BYTES])
{
    const uint8_t context_length[2] = {(uint8_t)(t->context.len >> 8), (uint8_t)t->context.len};
    const uint8_t client_length[2] = {(uint8_t)(t->client_identity.len >> 8),
                                      (uint8_t)t->client_identity.len};
    const uint8_t server_length[2] = {(uint8_t)(t->server_identity.len >> 8),
                                      (uint8_t)t->server_identity.len};
    const struct opaque_view parts[] = {
        OPAQUE_LITERAL("OPAQUEv1-"), {context_length, 2}, t->context,
        {client_length, 2},          t->client_identity,  {t->ke1, OPAQUE_KE1_BYTES},
        {server_length, 2},          t->server_identity,  {t->ke2, KE2_MAC},
        {mac, HASH_BYTES},
    };
    const size_t count = sizeof parts / sizeof parts[0];

    opaque_hash(parts, mac != NULL ? count : count - 1, out);
}

void
opaque_ake_derive(const struct opaque_transcript *transcript, const uint8_t dh[3 * ELEMENT_BYTES],
                  struct opaque_ake_keys *keys_out)
{
    const struct opaque_view none = {NULL, 0};
    const struct opaque_view ikm = {dh, 3 * ELEMENT_BYTES};
    uint8_t prk[HASH_BYTES];
    uint8_t handshake[HASH_BYTES];
    uint8_t mac_key[HASH_BYTES];
    uint8_t hash[HASH_BYTES];
    const struct opaque_view hash_view = {hash, sizeof hash};
    const struct opaque_view mac_key_view = {mac_key, sizeof mac_key};

    opaque_extract(&ikm, 1, prk);
    hash_transcript(transcript, NULL, hash);
    derive_secret(prk, LABEL("HandshakeSecret"), hash_view, handshake);
    derive_secret(prk, LABEL("SessionKey"), hash_view, keys_out->session_key);

    derive_secret(handshake, LABEL("ServerMAC"), none, mac_key);
    opaque_mac(mac_key_view, &hash_view, 1, keys_out->server_mac);

    derive_secret(handshake, LABEL("ClientMAC"), none, mac_key);
    hash_transcript(transcript, keys_out->server_mac, hash);
    opaque_mac(mac_key_view, &hash_view, 1, keys_out->client_mac);

    sodium_memzero(prk, sizeof prk);
    sodium_memzero(handshake, sizeof handshake);
    sodium_memzero(mac_key, sizeof mac_key);
}

void
opaque_mask_response(const uint8_t masking_key[HASH_BYTES],
                     const uint8_t masking_nonce[NONCE_BYTES], uint8_t out[MASKED_BYTES])
{
    uint8_t pad[MASKED_BYTES];

    opaque_expand(masking_key,
                  (const struct opaque_view[]){{masking_nonce, NONCE_BYTES},
                                               OPAQUE_LITERAL("CredentialResponsePad")},
                  2, pad, sizeof pad);
    for (size_t i = 0; i < sizeof pad; i++)
        out[i] ^= pad[i];
    sodium_memzero(pad, sizeof pad);
}
