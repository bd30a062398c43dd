/* SPDX-License-Identifier: MIT */
/*
 * The client's side of OPAQUE: registration (RFC 9807, section 5.2), credential recovery
 * (section 6.3.2) and the client's half of 3DH (section 6.4.3).
 *
 * The password runs through the OPRF and the stretching function into the "randomized password";
 * all keys of the user come from that. Whatever goes wrong at login after the OPRF (wrong
 * password, fake record, a flipped bit) ends in one and the same refusal.
 */
#include "opaque_internal.h"

#include <sodium.h>
#include <string.h>

/* Which finish function a state is for. Zero is a state that nobody started. */
enum { STEP_REGISTER = 1, STEP_LOGIN = 2 };

/* Everything that the randomized password and one envelope nonce determine. */
struct envelope_secret {
    uint8_t private_key[SCALAR_BYTES];
    uint8_t public_key[ELEMENT_BYTES];
    uint8_t export_key[HASH_BYTES];
    uint8_t auth_tag[HASH_BYTES];
};

static int
check_password(struct opaque_view password)
{
    if (password.data == NULL || password.len == 0 || password.len > OPAQUE_INPUT_BYTES_MAX)
        return OPAQUE_EINPUT;
    return OPAQUE_OK;
}

/* OPRF output and its stretched form, extracted into the key from which all others come. */
static int
randomize_password(const struct opaque_client *state, const struct opaque_params *params,
                   struct opaque_view password, const uint8_t evaluated[ELEMENT_BYTES],
                   uint8_t out[HASH_BYTES])
{
    uint8_t both[2 * HASH_BYTES];
    int status = opaque_oprf_finalize(password, state->blind, evaluated, both);

    if (status == OPAQUE_OK && params->stretch(both + HASH_BYTES, both, params->stretch_arg) != 0)
        status = OPAQUE_ESTRETCH;
    if (status == OPAQUE_OK)
        opaque_extract(&(struct opaque_view){both, sizeof both}, 1, out);
    sodium_memzero(both, sizeof both);
    return status;
}

static void
expand_with_nonce(const uint8_t randomized[HASH_BYTES], const uint8_t nonce[NONCE_BYTES],
                  struct opaque_view label, uint8_t *out, size_t len)
{
    opaque_expand(randomized, (const struct opaque_view[]){{nonce, NONCE_BYTES}, label}, 2, out,
                  len);
}

/* The common part of Store and Recover (sections 4.1.2 and 4.1.3). */
static void
derive_envelope(const struct opaque_params *params, const uint8_t randomized[HASH_BYTES],
                const uint8_t nonce[NONCE_BYTES], const uint8_t server_public_key[ELEMENT_BYTES],
                struct envelope_secret *out)
{
    uint8_t auth_key[HASH_BYTES];
    uint8_t seed[SEED_BYTES];

    expand_with_nonce(randomized, nonce, OPAQUE_LITERAL("AuthKey"), auth_key, sizeof auth_key);
    expand_with_nonce(randomized, nonce, OPAQUE_LITERAL("ExportKey"), out->export_key, HASH_BYTES);
    expand_with_nonce(randomized, nonce, OPAQUE_LITERAL("PrivateKey"), seed, sizeof seed);
    opaque_derive_dh_pair(seed, out->private_key, out->public_key);

    struct opaque_view server = opaque_identity_or_key(params->server_identity, server_public_key);
    struct opaque_view client = opaque_identity_or_key(params->client_identity, out->public_key);
    const uint8_t server_length[2] = {(uint8_t)(server.len >> 8), (uint8_t)server.len};
    const uint8_t client_length[2] = {(uint8_t)(client.len >> 8), (uint8_t)client.len};
    const struct opaque_view parts[] = {
        {nonce, NONCE_BYTES}, {server_public_key, ELEMENT_BYTES},
        {server_length, 2},   server,
        {client_length, 2},   client,
    };

    opaque_mac((struct opaque_view){auth_key, sizeof auth_key}, parts, 6, out->auth_tag);
    sodium_memzero(auth_key, sizeof auth_key);
    sodium_memzero(seed, sizeof seed);
}

/* ---- registration ---------------------------------------------------------------------------- */

int
opaque_client_register_start_with(struct opaque_client *state, struct opaque_view password,
                                  const uint8_t blind[SCALAR_BYTES],
                                  uint8_t request_out[OPAQUE_REQUEST_BYTES])
{
    uint8_t request[OPAQUE_REQUEST_BYTES];
    int status = check_password(password);

    if (status == OPAQUE_OK)
        status = opaque_oprf_blind(password, blind, request);
    if (status != OPAQUE_OK)
        return status;
    *state = (struct opaque_client){.step = STEP_REGISTER};
    memcpy(state->blind, blind, SCALAR_BYTES);
    memcpy(request_out, request, sizeof request);
    return OPAQUE_OK;
}

int
opaque_client_register_start(struct opaque_client *state, const uint8_t *password,
                             size_t password_len, uint8_t request_out[OPAQUE_REQUEST_BYTES])
{
    uint8_t blind[SCALAR_BYTES];
    int status;

    opaque_random_scalar(blind);
    status = opaque_client_register_start_with(state, (struct opaque_view){password, password_len},
                                               blind, request_out);
    sodium_memzero(blind, sizeof blind);
    return status;
}

int
opaque_client_register_finish_with(struct opaque_client *state, const struct opaque_params *params,
                                   struct opaque_view password,
                                   const uint8_t envelope_nonce[NONCE_BYTES],
                                   const uint8_t response[OPAQUE_RESPONSE_BYTES],
                                   uint8_t record_out[OPAQUE_RECORD_BYTES],
                                   uint8_t export_key_out[OPAQUE_EXPORT_KEY_BYTES])
{
    const uint8_t *server_public_key = response + ELEMENT_BYTES;
    struct envelope_secret envelope = {{0}, {0}, {0}, {0}};
    uint8_t randomized[HASH_BYTES];
    int status = check_password(password);

    if (state->step != STEP_REGISTER || params->stretch == NULL)
        status = OPAQUE_EINPUT;
    if (status == OPAQUE_OK)
        status = opaque_params_check(params);
    if (status == OPAQUE_OK && (!crypto_core_ristretto255_is_valid_point(server_public_key) ||
                                sodium_is_zero(server_public_key, ELEMENT_BYTES)))
        status = OPAQUE_EMESSAGE;
    if (status == OPAQUE_OK)
        status = randomize_password(state, params, password, response, randomized);
    opaque_client_fini(state);
    if (status != OPAQUE_OK)
        return status;

    derive_envelope(params, randomized, envelope_nonce, server_public_key, &envelope);
    memcpy(record_out, envelope.public_key, ELEMENT_BYTES);
    opaque_expand(randomized, &OPAQUE_LITERAL("MaskingKey"), 1, record_out + RECORD_MASKING_KEY,
                  HASH_BYTES);
    memcpy(record_out + RECORD_ENVELOPE, envelope_nonce, NONCE_BYTES);
    memcpy(record_out + RECORD_ENVELOPE + NONCE_BYTES, envelope.auth_tag, HASH_BYTES);
    memcpy(export_key_out, envelope.export_key, OPAQUE_EXPORT_KEY_BYTES);
    sodium_memzero(&envelope, sizeof envelope);
    sodium_memzero(randomized, sizeof randomized);
    return OPAQUE_OK;
}

int
opaque_client_register_finish(struct opaque_client *state, const struct opaque_params *params,
                              const uint8_t *password, size_t password_len,
                              const uint8_t response[OPAQUE_RESPONSE_BYTES],
                              uint8_t record_out[OPAQUE_RECORD_BYTES],
                              uint8_t export_key_out[OPAQUE_EXPORT_KEY_BYTES])
{
    uint8_t envelope_nonce[NONCE_BYTES];

    randombytes_buf(envelope_nonce, sizeof envelope_nonce);
    return opaque_client_register_finish_with(state, params,
                                              (struct opaque_view){password, password_len},
                                              envelope_nonce, response, record_out, export_key_out);
}

/* ---- login ----------------------------------------------------------------------------------- */

int
opaque_client_login_start_with(struct opaque_client *state, struct opaque_view password,
                               const struct opaque_ke1_random *random,
                               uint8_t ke1_out[OPAQUE_KE1_BYTES])
{
    uint8_t request[ELEMENT_BYTES];
    int status = check_password(password);

    if (status == OPAQUE_OK)
        status = opaque_oprf_blind(password, random->blind, request);
    if (status != OPAQUE_OK)
        return status;
    *state = (struct opaque_client){.step = STEP_LOGIN};
    memcpy(state->blind, random->blind, SCALAR_BYTES);
    memcpy(state->ke1, request, sizeof request);
    memcpy(state->ke1 + KE1_NONCE, random->nonce, NONCE_BYTES);
    opaque_derive_dh_pair(random->keyshare_seed, state->keyshare_secret, state->ke1 + KE1_KEYSHARE);
    memcpy(ke1_out, state->ke1, sizeof state->ke1);
    return OPAQUE_OK;
}

int
opaque_client_login_start(struct opaque_client *state, const uint8_t *password, size_t password_len,
                          uint8_t ke1_out[OPAQUE_KE1_BYTES])
{
    struct opaque_ke1_random random;
    int status;

    opaque_random_scalar(random.blind);
    randombytes_buf(random.nonce, sizeof random.nonce);
    randombytes_buf(random.keyshare_seed, sizeof random.keyshare_seed);
    status = opaque_client_login_start_with(state, (struct opaque_view){password, password_len},
                                            &random, ke1_out);
    sodium_memzero(&random, sizeof random);
    return status;
}

/* RecoverCredentials: unmasks server key and envelope and checks the envelope's tag. */
static int
recover_credentials(const struct opaque_client *state, const struct opaque_params *params,
                    struct opaque_view password, const uint8_t ke2[OPAQUE_KE2_BYTES],
                    uint8_t server_public_key[ELEMENT_BYTES], struct envelope_secret *out)
{
    uint8_t randomized[HASH_BYTES];
    uint8_t masking_key[HASH_BYTES];
    uint8_t plain[MASKED_BYTES];
    int status = randomize_password(state, params, password, ke2, randomized);

    if (status != OPAQUE_OK)
        return status;
    opaque_expand(randomized, &OPAQUE_LITERAL("MaskingKey"), 1, masking_key, sizeof masking_key);
    memcpy(plain, ke2 + KE2_MASKED, sizeof plain);
    opaque_mask_response(masking_key, ke2 + KE2_MASKING_NONCE, plain);
    memcpy(server_public_key, plain, ELEMENT_BYTES);

    derive_envelope(params, randomized, plain + ELEMENT_BYTES, server_public_key, out);
    if (sodium_memcmp(out->auth_tag, plain + ELEMENT_BYTES + NONCE_BYTES, HASH_BYTES) != 0)
        status = OPAQUE_EAUTH;
    sodium_memzero(randomized, sizeof randomized);
    sodium_memzero(masking_key, sizeof masking_key);
    sodium_memzero(plain, sizeof plain);
    return status;
}

/* AuthClientFinalize: three Diffie-Hellman values, key schedule, check of the server's MAC. */
static int
authenticate_server(const struct opaque_client *state, const struct opaque_params *params,
                    const uint8_t ke2[OPAQUE_KE2_BYTES], const uint8_t server_public_key[],
                    const struct envelope_secret *envelope, struct opaque_ake_keys *keys)
{
    const uint8_t *server_keyshare = ke2 + KE2_KEYSHARE;
    const struct opaque_transcript transcript = {
        .context = params->context,
        .client_identity = opaque_identity_or_key(params->client_identity, envelope->public_key),
        .server_identity = opaque_identity_or_key(params->server_identity, server_public_key),
        .ke1 = state->ke1,
        .ke2 = ke2,
    };
    uint8_t dh[3 * ELEMENT_BYTES];
    int status = OPAQUE_EMESSAGE;

    if (crypto_scalarmult_ristretto255(dh, state->keyshare_secret, server_keyshare) == 0 &&
        crypto_scalarmult_ristretto255(dh + ELEMENT_BYTES, state->keyshare_secret,
                                       server_public_key) == 0 &&
        crypto_scalarmult_ristretto255(dh + 2 * ELEMENT_BYTES, envelope->private_key,
                                       server_keyshare) == 0) {
        opaque_ake_derive(&transcript, dh, keys);
        status = sodium_memcmp(keys->server_mac, ke2 + KE2_MAC, HASH_BYTES) == 0 ? OPAQUE_OK
                                                                                 : OPAQUE_EAUTH;
    }
    sodium_memzero(dh, sizeof dh);
    return status;
}

int
opaque_client_login_finish(struct opaque_client *state, const struct opaque_params *params,
                           const uint8_t *password, size_t password_len,
                           const uint8_t ke2[OPAQUE_KE2_BYTES], struct opaque_login *login_out)
{
    const struct opaque_view password_view = {password, password_len};
    uint8_t server_public_key[ELEMENT_BYTES];
    struct envelope_secret envelope;
    struct opaque_ake_keys keys;
    int status = check_password(password_view);

    if (state->step != STEP_LOGIN || params->stretch == NULL)
        status = OPAQUE_EINPUT;
    if (status == OPAQUE_OK)
        status = opaque_params_check(params);
    if (status == OPAQUE_OK)
        status =
            recover_credentials(state, params, password_view, ke2, server_public_key, &envelope);
    if (status == OPAQUE_OK)
        status = authenticate_server(state, params, ke2, server_public_key, &envelope, &keys);
    if (status == OPAQUE_OK) {
        memcpy(login_out->ke3, keys.client_mac, sizeof login_out->ke3);
        memcpy(login_out->session_key, keys.session_key, sizeof login_out->session_key);
        memcpy(login_out->export_key, envelope.export_key, sizeof login_out->export_key);
        memcpy(login_out->server_public_key, server_public_key, ELEMENT_BYTES);
    }
    opaque_client_fini(state);
    sodium_memzero(&envelope, sizeof envelope);
    sodium_memzero(&keys, sizeof keys);
    return status;
}

void
opaque_client_fini(struct opaque_client *state)
{
    if (state != NULL)
        sodium_memzero(state, sizeof *state);
}

void
opaque_client_login_fini(struct opaque_login *login)
{
    if (login != NULL)
        sodium_memzero(login, sizeof *login);
}
