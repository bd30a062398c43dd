/* SPDX-License-Identifier: MIT */
/*
 * Inside of the OPAQUE library: sizes, the primitives on which client and server stand, and the
 * steps of both with their randomness given from outside. The public functions draw that
 * randomness and call these; the RFC's test vectors call these with the vectors' own.
 */
#ifndef OPAQUE_INTERNAL_H
#define OPAQUE_INTERNAL_H

#include "opaque/opaque.h"

#define ELEMENT_BYTES 32 /* Noe, Npk: an encoded ristretto255 element */
#define SCALAR_BYTES 32  /* Nok, Nsk */
#define HASH_BYTES 64    /* Nh, Nm, Nx: everything is SHA-512 */
#define NONCE_BYTES 32   /* Nn */
#define SEED_BYTES 32    /* Nseed */
#define ENVELOPE_BYTES (NONCE_BYTES + HASH_BYTES)
#define MASKED_BYTES (ELEMENT_BYTES + ENVELOPE_BYTES)

/* Where things stand in the messages (sections 5.1, 6.1 and 6.3.1). */
#define RECORD_MASKING_KEY ELEMENT_BYTES
#define RECORD_ENVELOPE (RECORD_MASKING_KEY + HASH_BYTES)
#define KE1_NONCE ELEMENT_BYTES
#define KE1_KEYSHARE (KE1_NONCE + NONCE_BYTES)
#define KE2_MASKING_NONCE ELEMENT_BYTES
#define KE2_MASKED (KE2_MASKING_NONCE + NONCE_BYTES)
#define KE2_NONCE (KE2_MASKED + MASKED_BYTES)
#define KE2_KEYSHARE (KE2_NONCE + NONCE_BYTES)
#define KE2_MAC (KE2_KEYSHARE + ELEMENT_BYTES)

/* A string literal as bytes, without its NUL. */
#define OPAQUE_LITERAL(text) ((struct opaque_view){(const uint8_t *)(text), sizeof(text) - 1})

/* ---- opaque_primitives.c --------------------------------------------------------------------- */

/* Hashes the concatenation of the parts with SHA-512. */
void opaque_hash(const struct opaque_view *parts, size_t count, uint8_t out[HASH_BYTES]);

/* HMAC-SHA-512 over the concatenation of the parts. */
void opaque_mac(struct opaque_view key, const struct opaque_view *parts, size_t count,
                uint8_t out[HASH_BYTES]);

/* HKDF-Extract with an empty salt over the concatenation of the parts (RFC 5869). */
void opaque_extract(const struct opaque_view *parts, size_t count, uint8_t prk[HASH_BYTES]);

/* HKDF-Expand with the concatenation of the parts as info; len is at most 255 * 64. */
void opaque_expand(const uint8_t prk[HASH_BYTES], const struct opaque_view *parts, size_t count,
                   uint8_t *out, size_t len);

/* DeriveDiffieHellmanKeyPair, section 6.4.1.1. */
void opaque_derive_dh_pair(const uint8_t seed[SEED_BYTES], uint8_t secret_out[SCALAR_BYTES],
                           uint8_t public_out[ELEMENT_BYTES]);

/* Draws a scalar that is not zero. */
void opaque_random_scalar(uint8_t out[SCALAR_BYTES]);

/* Blind of RFC 9497, section 3.3.1. Errors: OPAQUE_EINPUT. */
int opaque_oprf_blind(struct opaque_view input, const uint8_t blind[SCALAR_BYTES],
                      uint8_t out[ELEMENT_BYTES]);

/* BlindEvaluate with the key that belongs to the credential. Errors: OPAQUE_EMESSAGE. */
int opaque_oprf_evaluate(const uint8_t oprf_seed[OPAQUE_OPRF_SEED_BYTES],
                         struct opaque_view credential, const uint8_t blinded[ELEMENT_BYTES],
                         uint8_t out[ELEMENT_BYTES]);

/* Finalize of RFC 9497, section 3.3.1. Errors: OPAQUE_EINPUT, OPAQUE_EMESSAGE. */
int opaque_oprf_finalize(struct opaque_view input, const uint8_t blind[SCALAR_BYTES],
                         const uint8_t evaluated[ELEMENT_BYTES], uint8_t out[HASH_BYTES]);

/* ---- opaque_ake.c ---------------------------------------------------------------------------- */

/* What both sides feed into the key schedule. KE2 counts up to its MAC. */
struct opaque_transcript {
    struct opaque_view context;
    struct opaque_view client_identity;
    struct opaque_view server_identity;
    const uint8_t *ke1;
    const uint8_t *ke2;
};

/* What comes out: both MACs and the session key. Secret until sent. */
struct opaque_ake_keys {
    uint8_t server_mac[HASH_BYTES];
    uint8_t client_mac[HASH_BYTES];
    uint8_t session_key[HASH_BYTES];
};

/* Whether the lengths in params are possible. Returns OPAQUE_OK or OPAQUE_EINPUT. */
int opaque_params_check(const struct opaque_params *params);

/* The identity, or the public key where none is given (section 4). */
struct opaque_view opaque_identity_or_key(struct opaque_view identity,
                                          const uint8_t public_key[ELEMENT_BYTES]);

/* Key schedule of section 6.4.2 and both MACs; dh is dh1 || dh2 || dh3. */
void opaque_ake_derive(const struct opaque_transcript *transcript,
                       const uint8_t dh[3 * ELEMENT_BYTES], struct opaque_ake_keys *keys_out);

/* One byte-for-byte XOR of the credential response pad (section 6.3.2) over out. */
void opaque_mask_response(const uint8_t masking_key[HASH_BYTES],
                          const uint8_t masking_nonce[NONCE_BYTES], uint8_t out[MASKED_BYTES]);

/* ---- steps with given randomness ------------------------------------------------------------- */

struct opaque_ke1_random {
    uint8_t blind[SCALAR_BYTES];
    uint8_t nonce[NONCE_BYTES];
    uint8_t keyshare_seed[SEED_BYTES];
};

struct opaque_ke2_random {
    uint8_t masking_nonce[NONCE_BYTES];
    uint8_t nonce[NONCE_BYTES];
    uint8_t keyshare_seed[SEED_BYTES];
};

int opaque_client_register_start_with(struct opaque_client *state, struct opaque_view password,
                                      const uint8_t blind[SCALAR_BYTES],
                                      uint8_t request_out[OPAQUE_REQUEST_BYTES]);

int opaque_client_register_finish_with(
    struct opaque_client *state, const struct opaque_params *params, struct opaque_view password,
    const uint8_t envelope_nonce[NONCE_BYTES], const uint8_t response[OPAQUE_RESPONSE_BYTES],
    uint8_t record_out[OPAQUE_RECORD_BYTES], uint8_t export_key_out[OPAQUE_EXPORT_KEY_BYTES]);

int opaque_client_login_start_with(struct opaque_client *state, struct opaque_view password,
                                   const struct opaque_ke1_random *random,
                                   uint8_t ke1_out[OPAQUE_KE1_BYTES]);

int opaque_server_login_start_with(struct opaque_server_login *state,
                                   const struct opaque_setup *setup,
                                   const struct opaque_params *params,
                                   struct opaque_view credential, const uint8_t *record,
                                   const uint8_t ke1[OPAQUE_KE1_BYTES],
                                   const struct opaque_ke2_random *random,
                                   uint8_t ke2_out[OPAQUE_KE2_BYTES]);

#endif
