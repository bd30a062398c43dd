/* SPDX-License-Identifier: MIT */
/*
 * The test vectors of RFC 9807, appendix C: OPAQUE-3DH over ristretto255 with the identity stretch.
 * Real cases replay a registration and a login on both sides byte for byte; fake cases replay the
 * server's answer for a user that does not exist.
 */
#include "sotto_test.h"
#include "vectors.h"

#include "opaque_internal.h"

#include <stdbool.h>

#define VECTORS "opaque/vectors.json"
#define REAL_CASES 2
#define FAKE_CASES 1

/* One case with the views that stay the same throughout it. */
struct vector {
    const json_t *in;
    const json_t *out;
    struct vec_bytes context;
    struct vec_bytes client_identity;
    struct vec_bytes server_identity;
    struct vec_bytes credential;
    struct opaque_params params;
    struct opaque_setup setup;
};

static struct opaque_view
view_of(const struct vec_bytes *bytes)
{
    return (struct opaque_view){bytes->data, bytes->len};
}

static struct vec_bytes
hex_or_nothing(const json_t *object, const char *key)
{
    if (json_object_get(object, key) == NULL)
        return (struct vec_bytes){NULL, 0};
    return vec_need_hex(object, key);
}

static void
vector_init(struct vector *v, const json_t *item)
{
    *v = (struct vector){.in = vec_need(item, "inputs"), .out = vec_need(item, "outputs")};
    v->context = vec_need_hex(vec_need(item, "config"), "Context");
    v->client_identity = hex_or_nothing(v->in, "client_identity");
    v->server_identity = hex_or_nothing(v->in, "server_identity");
    v->credential = vec_need_hex(v->in, "credential_identifier");
    v->params = (struct opaque_params){
        .context = view_of(&v->context),
        .client_identity = view_of(&v->client_identity),
        .server_identity = view_of(&v->server_identity),
        .stretch = opaque_stretch_identity,
    };

    uint8_t stored[OPAQUE_SETUP_BYTES];
    uint8_t public_key[OPAQUE_PUBLIC_KEY_BYTES];
    vec_need_hex_array(v->in, "oprf_seed", stored, OPAQUE_OPRF_SEED_BYTES);
    vec_need_hex_array(v->in, "server_private_key", stored + OPAQUE_OPRF_SEED_BYTES,
                       OPAQUE_PRIVATE_KEY_BYTES);
    vec_need_hex_array(v->in, "server_public_key", public_key, sizeof public_key);
    assert_ok(opaque_setup_decode(&v->setup, stored));
    vec_assert_equal("server_public_key", v->setup.public_key, sizeof public_key, public_key,
                     sizeof public_key);
}

static void
vector_fini(struct vector *v)
{
    vec_free(&v->context);
    vec_free(&v->client_identity);
    vec_free(&v->server_identity);
    vec_free(&v->credential);
}

static void
expect(const struct vector *v, const char *key, const uint8_t *got, size_t len)
{
    struct vec_bytes want = vec_need_hex(v->out, key);

    vec_assert_equal(key, got, len, want.data, want.len);
    vec_free(&want);
}

static void
need_ke2_random(const struct vector *v, struct opaque_ke2_random *random)
{
    vec_need_hex_array(v->in, "masking_nonce", random->masking_nonce, NONCE_BYTES);
    vec_need_hex_array(v->in, "server_nonce", random->nonce, NONCE_BYTES);
    vec_need_hex_array(v->in, "server_keyshare_seed", random->keyshare_seed, SEED_BYTES);
}

static void
replay_registration(const struct vector *v, struct opaque_view password, uint8_t *record)
{
    struct opaque_client client;
    uint8_t blind[SCALAR_BYTES];
    uint8_t nonce[NONCE_BYTES];
    uint8_t request[OPAQUE_REQUEST_BYTES];
    uint8_t response[OPAQUE_RESPONSE_BYTES];
    uint8_t export_key[OPAQUE_EXPORT_KEY_BYTES];

    vec_need_hex_array(v->in, "blind_registration", blind, sizeof blind);
    vec_need_hex_array(v->in, "envelope_nonce", nonce, sizeof nonce);

    assert_ok(opaque_client_register_start_with(&client, password, blind, request));
    expect(v, "registration_request", request, sizeof request);

    assert_ok(opaque_server_register(&v->setup, view_of(&v->credential), request, response));
    expect(v, "registration_response", response, sizeof response);

    assert_ok(opaque_client_register_finish_with(&client, &v->params, password, nonce, response,
                                                 record, export_key));
    expect(v, "registration_upload", record, OPAQUE_RECORD_BYTES);
    expect(v, "export_key", export_key, sizeof export_key);
}

static void
replay_login(const struct vector *v, struct opaque_view password, const uint8_t *record)
{
    struct opaque_client client;
    struct opaque_server_login server;
    struct opaque_login login;
    struct opaque_ke1_random ke1_random;
    struct opaque_ke2_random ke2_random;
    uint8_t ke1[OPAQUE_KE1_BYTES];
    uint8_t ke2[OPAQUE_KE2_BYTES];
    uint8_t session_key[OPAQUE_SESSION_KEY_BYTES];

    vec_need_hex_array(v->in, "blind_login", ke1_random.blind, SCALAR_BYTES);
    vec_need_hex_array(v->in, "client_nonce", ke1_random.nonce, NONCE_BYTES);
    vec_need_hex_array(v->in, "client_keyshare_seed", ke1_random.keyshare_seed, SEED_BYTES);
    need_ke2_random(v, &ke2_random);

    assert_ok(opaque_client_login_start_with(&client, password, &ke1_random, ke1));
    expect(v, "KE1", ke1, sizeof ke1);

    assert_ok(opaque_server_login_start_with(
        &server, &v->setup, &v->params, view_of(&v->credential), record, ke1, &ke2_random, ke2));
    expect(v, "KE2", ke2, sizeof ke2);

    assert_ok(
        opaque_client_login_finish(&client, &v->params, password.data, password.len, ke2, &login));
    expect(v, "KE3", login.ke3, sizeof login.ke3);
    expect(v, "session_key", login.session_key, sizeof login.session_key);
    expect(v, "export_key", login.export_key, sizeof login.export_key);

    assert_ok(opaque_server_login_finish(&server, login.ke3, session_key));
    expect(v, "session_key", session_key, sizeof session_key);
}

static void
replay_real(const json_t *item)
{
    uint8_t record[OPAQUE_RECORD_BYTES];
    struct vec_bytes password;
    struct vector v;

    vector_init(&v, item);
    password = vec_need_hex(v.in, "password");
    replay_registration(&v, view_of(&password), record);
    replay_login(&v, view_of(&password), record);
    vec_free(&password);
    vector_fini(&v);
}

static void
replay_fake(const json_t *item)
{
    uint8_t record[OPAQUE_RECORD_BYTES] = {0};
    uint8_t ke1[OPAQUE_KE1_BYTES];
    uint8_t ke2[OPAQUE_KE2_BYTES];
    struct opaque_server_login server;
    struct opaque_ke2_random random;
    struct vector v;

    vector_init(&v, item);
    vec_need_hex_array(v.in, "client_public_key", record, ELEMENT_BYTES);
    vec_need_hex_array(v.in, "masking_key", record + RECORD_MASKING_KEY, HASH_BYTES);
    vec_need_hex_array(v.in, "KE1", ke1, sizeof ke1);
    need_ke2_random(&v, &random);

    assert_ok(opaque_server_login_start_with(&server, &v.setup, &v.params, view_of(&v.credential),
                                             record, ke1, &random, ke2));
    expect(&v, "KE2", ke2, sizeof ke2);

    /* The same answer when the record is the setup's own fake one. */
    memcpy(v.setup.fake_record, record, sizeof record);
    assert_ok(opaque_server_login_start_with(&server, &v.setup, &v.params, view_of(&v.credential),
                                             NULL, ke1, &random, ke2));
    expect(&v, "KE2", ke2, sizeof ke2);
    vector_fini(&v);
}

/* Runs the ristretto255 cases that are fake or are not; other groups are none of ours. */
static void
replay_all(bool fake, size_t least)
{
    json_t *all = vectors_load(VECTORS);
    size_t cases = 0;
    size_t i;
    json_t *item;

    json_array_foreach(all, i, item)
    {
        const json_t *config = vec_need(item, "config");

        if (strcmp(vec_need_string(config, "Group"), "ristretto255") != 0 ||
            (strcmp(vec_need_string(config, "Fake"), "True") == 0) != fake)
            continue;
        if (fake)
            replay_fake(item);
        else
            replay_real(item);
        cases++;
    }
    json_decref(all);
    vectors_report(fake ? VECTORS " (fake)" : VECTORS " (real)", 0, cases, least);
}

static void
registrations_and_logins_match_the_rfc_byte_for_byte(void **state)
{
    (void)state;
    replay_all(false, REAL_CASES);
}

static void
the_answer_for_an_unknown_user_matches_the_rfc(void **state)
{
    (void)state;
    replay_all(true, FAKE_CASES);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(registrations_and_logins_match_the_rfc_byte_for_byte),
    cmocka_unit_test(the_answer_for_an_unknown_user_matches_the_rfc),
};

SOTTO_TEST_MAIN(tests)
