/* SPDX-License-Identifier: MIT */
/*
 * The server's side of OPAQUE: its long-term setup, registration (RFC 9807, section 5.2.2), and the
 * server's half of a login (sections 6.2.2, 6.2.4, 6.3.2 and 6.4.4).
 *
 * An unknown user is answered from a fake record by exactly the steps of a real one (section 10.9).
 * The fake record comes from the OPRF seed, so it survives restarts without being stored.
 */
#include "opaque_internal.h"

#include <sodium.h>
#include <string.h>

enum { STEP_WAITS_FOR_KE3 = 1 };

/* ---- setup ----------------------------------------------------------------------------------- */

/* Public key of a pair that nobody uses, a masking key that nobody knows, an envelope of zeros. */
static void
derive_fake_record(struct opaque_setup *setup)
{
    uint8_t seed[SEED_BYTES];
    uint8_t unused_secret[SCALAR_BYTES];

    memset(setup->fake_record, 0, sizeof setup->fake_record);
    opaque_expand(setup->oprf_seed, &OPAQUE_LITERAL("Sotto fake record public key"), 1, seed,
                  sizeof seed);
    opaque_derive_dh_pair(seed, unused_secret, setup->fake_record);
    opaque_expand(setup->oprf_seed, &OPAQUE_LITERAL("Sotto fake record masking key"), 1,
                  setup->fake_record + RECORD_MASKING_KEY, HASH_BYTES);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(unused_secret, sizeof unused_secret);
}

void
opaque_setup_create(struct opaque_setup *setup)
{
    uint8_t seed[SEED_BYTES];

    randombytes_buf(setup->oprf_seed, sizeof setup->oprf_seed);
    randombytes_buf(seed, sizeof seed);
    opaque_derive_dh_pair(seed, setup->private_key, setup->public_key);
    derive_fake_record(setup);
    sodium_memzero(seed, sizeof seed);
}

void
opaque_setup_encode(const struct opaque_setup *setup, uint8_t bytes_out[OPAQUE_SETUP_BYTES])
{
    memcpy(bytes_out, setup->oprf_seed, OPAQUE_OPRF_SEED_BYTES);
    memcpy(bytes_out + OPAQUE_OPRF_SEED_BYTES, setup->private_key, OPAQUE_PRIVATE_KEY_BYTES);
}

int
opaque_setup_decode(struct opaque_setup *setup_out, const uint8_t bytes[OPAQUE_SETUP_BYTES])
{
    const uint8_t *private_key = bytes + OPAQUE_OPRF_SEED_BYTES;
    uint8_t wide[HASH_BYTES] = {0};
    uint8_t reduced[SCALAR_BYTES];
    uint8_t public_key[ELEMENT_BYTES];
    int status = OPAQUE_OK;

    /* Reducing a scalar changes it only if it was not below the group order. */
    memcpy(wide, private_key, SCALAR_BYTES);
    crypto_core_ristretto255_scalar_reduce(reduced, wide);
    if (sodium_memcmp(reduced, private_key, SCALAR_BYTES) != 0 ||
        crypto_scalarmult_ristretto255_base(public_key, private_key) != 0)
        status = OPAQUE_EINPUT;
    sodium_memzero(wide, sizeof wide);
    sodium_memzero(reduced, sizeof reduced);
    if (status != OPAQUE_OK)
        return status;

    memcpy(setup_out->oprf_seed, bytes, OPAQUE_OPRF_SEED_BYTES);
    memcpy(setup_out->private_key, private_key, OPAQUE_PRIVATE_KEY_BYTES);
    memcpy(setup_out->public_key, public_key, OPAQUE_PUBLIC_KEY_BYTES);
    derive_fake_record(setup_out);
    return OPAQUE_OK;
}

void
opaque_setup_fini(struct opaque_setup *setup)
{
    if (setup != NULL)
        sodium_memzero(setup, sizeof *setup);
}

/* ---- registration ---------------------------------------------------------------------------- */

int
opaque_server_register(const struct opaque_setup *setup, struct opaque_view credential,
                       const uint8_t request[OPAQUE_REQUEST_BYTES],
                       uint8_t response_out[OPAQUE_RESPONSE_BYTES])
{
    uint8_t evaluated[ELEMENT_BYTES];
    int status;

    if (credential.len > OPAQUE_INPUT_BYTES_MAX)
        return OPAQUE_EINPUT;
    status = opaque_oprf_evaluate(setup->oprf_seed, credential, request, evaluated);
    if (status != OPAQUE_OK)
        return status;
    memcpy(response_out, evaluated, ELEMENT_BYTES);
    memcpy(response_out + ELEMENT_BYTES, setup->public_key, ELEMENT_BYTES);
    return OPAQUE_OK;
}

int
opaque_record_check(const uint8_t record[OPAQUE_RECORD_BYTES])
{
    if (!crypto_core_ristretto255_is_valid_point(record) || sodium_is_zero(record, ELEMENT_BYTES))
        return OPAQUE_EMESSAGE;
    return OPAQUE_OK;
}

/* ---- login ----------------------------------------------------------------------------------- */

/* CreateCredentialResponse: the first 192 bytes of KE2. */
static int
respond_with_credential(const struct opaque_setup *setup, struct opaque_view credential,
                        const uint8_t *record, const uint8_t ke1[OPAQUE_KE1_BYTES],
                        const uint8_t masking_nonce[NONCE_BYTES], uint8_t ke2[OPAQUE_KE2_BYTES])
{
    int status = opaque_oprf_evaluate(setup->oprf_seed, credential, ke1, ke2);

    if (status != OPAQUE_OK)
        return status;
    memcpy(ke2 + KE2_MASKING_NONCE, masking_nonce, NONCE_BYTES);
    memcpy(ke2 + KE2_MASKED, setup->public_key, ELEMENT_BYTES);
    memcpy(ke2 + KE2_MASKED + ELEMENT_BYTES, record + RECORD_ENVELOPE, ENVELOPE_BYTES);
    opaque_mask_response(record + RECORD_MASKING_KEY, masking_nonce, ke2 + KE2_MASKED);
    return OPAQUE_OK;
}

/* AuthServerRespond: the server's key share and MAC; keys_out holds what is expected back. */
static int
respond_with_keyshare(const struct opaque_setup *setup, const struct opaque_params *params,
                      const uint8_t *record, const uint8_t ke1[OPAQUE_KE1_BYTES],
                      const struct opaque_ke2_random *random, uint8_t ke2[OPAQUE_KE2_BYTES],
                      struct opaque_ake_keys *keys_out)
{
    const uint8_t *client_public_key = record;
    const uint8_t *client_keyshare = ke1 + KE1_KEYSHARE;
    const struct opaque_transcript transcript = {
        .context = params->context,
        .client_identity = opaque_identity_or_key(params->client_identity, client_public_key),
        .server_identity = opaque_identity_or_key(params->server_identity, setup->public_key),
        .ke1 = ke1,
        .ke2 = ke2,
    };
    uint8_t keyshare_secret[SCALAR_BYTES];
    uint8_t dh[3 * ELEMENT_BYTES];
    int status = OPAQUE_EMESSAGE;

    memcpy(ke2 + KE2_NONCE, random->nonce, NONCE_BYTES);
    opaque_derive_dh_pair(random->keyshare_seed, keyshare_secret, ke2 + KE2_KEYSHARE);
    if (crypto_scalarmult_ristretto255(dh, keyshare_secret, client_keyshare) == 0 &&
        crypto_scalarmult_ristretto255(dh + ELEMENT_BYTES, setup->private_key, client_keyshare) ==
            0 &&
        crypto_scalarmult_ristretto255(dh + 2 * ELEMENT_BYTES, keyshare_secret,
                                       client_public_key) == 0) {
        opaque_ake_derive(&transcript, dh, keys_out);
        memcpy(ke2 + KE2_MAC, keys_out->server_mac, HASH_BYTES);
        status = OPAQUE_OK;
    }
    sodium_memzero(keyshare_secret, sizeof keyshare_secret);
    sodium_memzero(dh, sizeof dh);
    return status;
}

int
opaque_server_login_start_with(struct opaque_server_login *state, const struct opaque_setup *setup,
                               const struct opaque_params *params, struct opaque_view credential,
                               const uint8_t *record, const uint8_t ke1[OPAQUE_KE1_BYTES],
                               const struct opaque_ke2_random *random,
                               uint8_t ke2_out[OPAQUE_KE2_BYTES])
{
    const uint8_t *answer_from = record != NULL ? record : setup->fake_record;
    uint8_t ke2[OPAQUE_KE2_BYTES];
    struct opaque_ake_keys keys;
    int status = opaque_params_check(params);

    if (credential.len > OPAQUE_INPUT_BYTES_MAX)
        status = OPAQUE_EINPUT;
    if (status == OPAQUE_OK)
        status = respond_with_credential(setup, credential, answer_from, ke1, random->masking_nonce,
                                         ke2);
    if (status == OPAQUE_OK)
        status = respond_with_keyshare(setup, params, answer_from, ke1, random, ke2, &keys);
    if (status == OPAQUE_OK) {
        state->step = STEP_WAITS_FOR_KE3;
        memcpy(state->expected_client_mac, keys.client_mac, HASH_BYTES);
        memcpy(state->session_key, keys.session_key, HASH_BYTES);
        memcpy(ke2_out, ke2, sizeof ke2);
    }
    sodium_memzero(&keys, sizeof keys);
    return status;
}

int
opaque_server_login_start(struct opaque_server_login *state, const struct opaque_setup *setup,
                          const struct opaque_params *params, struct opaque_view credential,
                          const uint8_t *record, const uint8_t ke1[OPAQUE_KE1_BYTES],
                          uint8_t ke2_out[OPAQUE_KE2_BYTES])
{
    struct opaque_ke2_random random;
    int status;

    randombytes_buf(&random, sizeof random);
    status = opaque_server_login_start_with(state, setup, params, credential, record, ke1, &random,
                                            ke2_out);
    sodium_memzero(&random, sizeof random);
    return status;
}

int
opaque_server_login_finish(struct opaque_server_login *state, const uint8_t ke3[OPAQUE_KE3_BYTES],
                           uint8_t session_key_out[OPAQUE_SESSION_KEY_BYTES])
{
    int status = OPAQUE_EINPUT;

    if (state->step == STEP_WAITS_FOR_KE3)
        status = sodium_memcmp(ke3, state->expected_client_mac, sizeof state->expected_client_mac)
                     ? OPAQUE_EAUTH
                     : OPAQUE_OK;
    if (status == OPAQUE_OK)
        memcpy(session_key_out, state->session_key, OPAQUE_SESSION_KEY_BYTES);
    opaque_server_login_fini(state);
    return status;
}

void
opaque_server_login_fini(struct opaque_server_login *state)
{
    if (state != NULL)
        sodium_memzero(state, sizeof *state);
}
