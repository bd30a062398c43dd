/* SPDX-License-Identifier: MIT */
/*
 * OPAQUE as its callers see it: a round trip agrees on keys, and everything that deviates from one
 * is refused: wrong passwords, unknown users, flipped bytes, bytes that are no group element, steps
 * out of order. Most cases use the identity stretch so that hundreds of logins take no time; one
 * round trip runs with Argon2id.
 */
#include "sotto_test.h"

#include "opaque/opaque.h"

#include <sodium.h>
#include <string.h>

static const char password[] = "correct horse battery staple";
static const struct opaque_view alice = {(const uint8_t *)"alice", 5};

/* A server and one registered user. */
struct fixture {
    struct opaque_setup setup;
    struct opaque_params params;
    uint8_t record[OPAQUE_RECORD_BYTES];
    uint8_t export_key[OPAQUE_EXPORT_KEY_BYTES];
};

static const uint8_t *
bytes_of(const char *text)
{
    return (const uint8_t *)text;
}

static int
register_user(struct fixture *f, const char *secret)
{
    struct opaque_client client;
    uint8_t request[OPAQUE_REQUEST_BYTES];
    uint8_t response[OPAQUE_RESPONSE_BYTES];

    assert_int_equal(
        opaque_client_register_start(&client, bytes_of(secret), strlen(secret), request),
        OPAQUE_OK);
    assert_int_equal(opaque_server_register(&f->setup, alice, request, response), OPAQUE_OK);
    return opaque_client_register_finish(&client, &f->params, bytes_of(secret), strlen(secret),
                                         response, f->record, f->export_key);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    assert_true(sodium_init() >= 0);
    f->params = opaque_params_default();
    f->params.stretch = opaque_stretch_identity;
    opaque_setup_create(&f->setup);
    assert_int_equal(register_user(f, password), OPAQUE_OK);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    free(*state);
    return 0;
}

/* Runs a login up to KE2 with the record given (NULL: unknown user). */
static void
login_until_ke2(struct fixture *f, const char *secret, const uint8_t *record,
                struct opaque_client *client, struct opaque_server_login *server,
                uint8_t ke2[OPAQUE_KE2_BYTES])
{
    uint8_t ke1[OPAQUE_KE1_BYTES];

    assert_int_equal(opaque_client_login_start(client, bytes_of(secret), strlen(secret), ke1),
                     OPAQUE_OK);
    assert_int_equal(
        opaque_server_login_start(server, &f->setup, &f->params, alice, record, ke1, ke2),
        OPAQUE_OK);
}

static int
finish_client(struct fixture *f, struct opaque_client *client, const char *secret,
              const uint8_t ke2[OPAQUE_KE2_BYTES], struct opaque_login *login)
{
    return opaque_client_login_finish(client, &f->params, bytes_of(secret), strlen(secret), ke2,
                                      login);
}

static void
both_sides_of_a_login_agree_on_the_session_key(void **state)
{
    struct fixture *f = *state;
    struct opaque_client client;
    struct opaque_server_login server;
    struct opaque_login login;
    uint8_t ke2[OPAQUE_KE2_BYTES];
    uint8_t session_key[OPAQUE_SESSION_KEY_BYTES];

    login_until_ke2(f, password, f->record, &client, &server, ke2);
    assert_int_equal(finish_client(f, &client, password, ke2, &login), OPAQUE_OK);
    assert_int_equal(opaque_server_login_finish(&server, login.ke3, session_key), OPAQUE_OK);

    assert_memory_equal(session_key, login.session_key, sizeof session_key);
    assert_memory_equal(f->export_key, login.export_key, sizeof login.export_key);
    assert_memory_equal(f->setup.public_key, login.server_public_key, OPAQUE_PUBLIC_KEY_BYTES);
}

static void
a_login_with_argon2id_and_identities_round_trips(void **state)
{
    struct fixture *f = *state;
    struct opaque_client client;
    struct opaque_server_login server;
    struct opaque_login login;
    uint8_t ke2[OPAQUE_KE2_BYTES];
    uint8_t session_key[OPAQUE_SESSION_KEY_BYTES];

    f->params.stretch = opaque_stretch_argon2id;
    f->params.client_identity = alice;
    f->params.server_identity = (struct opaque_view){bytes_of("sotto.example"), 13};
    f->params.context = (struct opaque_view){bytes_of("test"), 4};
    assert_int_equal(register_user(f, password), OPAQUE_OK);

    login_until_ke2(f, password, f->record, &client, &server, ke2);
    assert_int_equal(finish_client(f, &client, password, ke2, &login), OPAQUE_OK);
    assert_int_equal(opaque_server_login_finish(&server, login.ke3, session_key), OPAQUE_OK);
    assert_memory_equal(session_key, login.session_key, sizeof session_key);
}

static void
differing_context_or_identity_is_refused(void **state)
{
    struct fixture *f = *state;
    struct opaque_params own = f->params;
    struct opaque_client client;
    struct opaque_server_login server;
    struct opaque_login login;
    uint8_t ke2[OPAQUE_KE2_BYTES];

    login_until_ke2(f, password, f->record, &client, &server, ke2);
    f->params.context = (struct opaque_view){bytes_of("other"), 5};
    assert_int_equal(finish_client(f, &client, password, ke2, &login), OPAQUE_EAUTH);

    f->params = own;
    login_until_ke2(f, password, f->record, &client, &server, ke2);
    f->params.client_identity = (struct opaque_view){bytes_of("mallory"), 7};
    assert_int_equal(finish_client(f, &client, password, ke2, &login), OPAQUE_EAUTH);
}

static void
a_wrong_password_is_refused_at_the_client(void **state)
{
    struct fixture *f = *state;
    struct opaque_client client;
    struct opaque_server_login server;
    struct opaque_login login;
    uint8_t ke2[OPAQUE_KE2_BYTES];

    login_until_ke2(f, "wrong", f->record, &client, &server, ke2);
    assert_int_equal(finish_client(f, &client, "wrong", ke2, &login), OPAQUE_EAUTH);

    login_until_ke2(f, password, f->record, &client, &server, ke2);
    assert_int_equal(finish_client(f, &client, "changed between the steps", ke2, &login),
                     OPAQUE_EAUTH);
}

static void
an_unknown_user_looks_like_a_wrong_password(void **state)
{
    struct fixture *f = *state;
    struct opaque_client client;
    struct opaque_server_login server;
    struct opaque_login login;
    uint8_t ke2[OPAQUE_KE2_BYTES];
    uint8_t ke3[OPAQUE_KE3_BYTES] = {0};
    uint8_t session_key[OPAQUE_SESSION_KEY_BYTES];

    login_until_ke2(f, password, NULL, &client, &server, ke2);

    assert_int_equal(finish_client(f, &client, password, ke2, &login), OPAQUE_EAUTH);
    assert_int_equal(opaque_server_login_finish(&server, ke3, session_key), OPAQUE_EAUTH);
}

static void
the_oprf_answer_does_not_tell_whether_a_user_exists(void **state)
{
    struct fixture *f = *state;
    struct opaque_client client;
    struct opaque_server_login server;
    uint8_t ke1[OPAQUE_KE1_BYTES];
    uint8_t real[OPAQUE_KE2_BYTES];
    uint8_t fake[OPAQUE_KE2_BYTES];

    opaque_client_login_start(&client, bytes_of(password), strlen(password), ke1);
    opaque_server_login_start(&server, &f->setup, &f->params, alice, f->record, ke1, real);
    opaque_server_login_start(&server, &f->setup, &f->params, alice, NULL, ke1, fake);

    assert_memory_equal(real, fake, 32);
    assert_memory_not_equal(real + 32, fake + 32, sizeof real - 32);
}

static void
every_flipped_byte_of_ke2_is_refused(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < OPAQUE_KE2_BYTES; i++) {
        struct opaque_client client;
        struct opaque_server_login server;
        struct opaque_login login;
        uint8_t ke2[OPAQUE_KE2_BYTES];

        login_until_ke2(f, password, f->record, &client, &server, ke2);
        ke2[i] ^= (uint8_t)(1U << (i % 8));
        assert_int_not_equal(finish_client(f, &client, password, ke2, &login), OPAQUE_OK);
    }
}

static void
every_flipped_byte_of_the_record_is_refused(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < OPAQUE_RECORD_BYTES; i++) {
        struct opaque_client client;
        struct opaque_server_login server;
        struct opaque_login login;
        uint8_t ke1[OPAQUE_KE1_BYTES];
        uint8_t ke2[OPAQUE_KE2_BYTES];
        uint8_t record[OPAQUE_RECORD_BYTES];

        memcpy(record, f->record, sizeof record);
        record[i] ^= (uint8_t)(1U << (i % 8));
        opaque_client_login_start(&client, bytes_of(password), strlen(password), ke1);
        if (opaque_server_login_start(&server, &f->setup, &f->params, alice, record, ke1, ke2) !=
            OPAQUE_OK)
            continue;
        assert_int_not_equal(finish_client(f, &client, password, ke2, &login), OPAQUE_OK);
    }
}

static void
every_flipped_byte_of_ke1_and_ke3_is_refused(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < OPAQUE_KE1_BYTES + OPAQUE_KE3_BYTES; i++) {
        struct opaque_client client;
        struct opaque_server_login server;
        struct opaque_login login;
        uint8_t ke1[OPAQUE_KE1_BYTES];
        uint8_t ke2[OPAQUE_KE2_BYTES];
        uint8_t session_key[OPAQUE_SESSION_KEY_BYTES];

        opaque_client_login_start(&client, bytes_of(password), strlen(password), ke1);
        if (i < OPAQUE_KE1_BYTES)
            ke1[i] ^= (uint8_t)(1U << (i % 8));
        if (opaque_server_login_start(&server, &f->setup, &f->params, alice, f->record, ke1, ke2) !=
            OPAQUE_OK)
            continue;
        if (finish_client(f, &client, password, ke2, &login) != OPAQUE_OK)
            continue;
        assert_true(i >= OPAQUE_KE1_BYTES);
        login.ke3[i - OPAQUE_KE1_BYTES] ^= (uint8_t)(1U << (i % 8));
        assert_int_equal(opaque_server_login_finish(&server, login.ke3, session_key), OPAQUE_EAUTH);
    }
}

static void
a_ke3_can_be_tried_once(void **state)
{
    struct fixture *f = *state;
    struct opaque_client client;
    struct opaque_server_login server;
    struct opaque_login login;
    uint8_t ke2[OPAQUE_KE2_BYTES];
    uint8_t wrong[OPAQUE_KE3_BYTES] = {0};
    uint8_t session_key[OPAQUE_SESSION_KEY_BYTES];

    login_until_ke2(f, password, f->record, &client, &server, ke2);
    assert_int_equal(finish_client(f, &client, password, ke2, &login), OPAQUE_OK);

    assert_int_equal(opaque_server_login_finish(&server, wrong, session_key), OPAQUE_EAUTH);
    assert_int_equal(opaque_server_login_finish(&server, login.ke3, session_key), OPAQUE_EINPUT);
}

static void
the_neutral_element_and_other_bytes_are_no_group_elements(void **state)
{
    struct fixture *f = *state;
    const uint8_t neutral[32] = {0};
    uint8_t junk[32];
    uint8_t record[OPAQUE_RECORD_BYTES];
    uint8_t response[OPAQUE_RESPONSE_BYTES];
    uint8_t ke1[OPAQUE_KE1_BYTES];
    uint8_t ke2[OPAQUE_KE2_BYTES];
    struct opaque_client client;
    struct opaque_server_login server;

    memset(junk, 0xff, sizeof junk);
    assert_int_equal(opaque_server_register(&f->setup, alice, neutral, response), OPAQUE_EMESSAGE);
    assert_int_equal(opaque_server_register(&f->setup, alice, junk, response), OPAQUE_EMESSAGE);

    memcpy(record, f->record, sizeof record);
    assert_int_equal(opaque_record_check(record), OPAQUE_OK);
    memcpy(record, neutral, sizeof neutral);
    assert_int_equal(opaque_record_check(record), OPAQUE_EMESSAGE);
    memcpy(record, junk, sizeof junk);
    assert_int_equal(opaque_record_check(record), OPAQUE_EMESSAGE);

    for (size_t at = 0; at < OPAQUE_KE1_BYTES; at += 64) {
        opaque_client_login_start(&client, bytes_of(password), strlen(password), ke1);
        memcpy(ke1 + at, at == 0 ? neutral : junk, 32);
        assert_int_equal(
            opaque_server_login_start(&server, &f->setup, &f->params, alice, f->record, ke1, ke2),
            OPAQUE_EMESSAGE);
    }
}

static void
a_registration_answer_with_a_bad_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct opaque_client client;
    uint8_t request[OPAQUE_REQUEST_BYTES];
    uint8_t response[OPAQUE_RESPONSE_BYTES];

    for (size_t at = 0; at < OPAQUE_RESPONSE_BYTES; at += 32) {
        opaque_client_register_start(&client, bytes_of(password), strlen(password), request);
        opaque_server_register(&f->setup, alice, request, response);
        memset(response + at, 0, 32);
        assert_int_equal(opaque_client_register_finish(&client, &f->params, bytes_of(password),
                                                       strlen(password), response, f->record,
                                                       f->export_key),
                         OPAQUE_EMESSAGE);
    }
}

static void
steps_out_of_order_and_impossible_lengths_are_refused(void **state)
{
    struct fixture *f = *state;
    struct opaque_client client = {.step = 0};
    struct opaque_login login;
    uint8_t ke1[OPAQUE_KE1_BYTES];
    uint8_t ke2[OPAQUE_KE2_BYTES] = {0};
    uint8_t response[OPAQUE_RESPONSE_BYTES] = {0};

    assert_int_equal(finish_client(f, &client, password, ke2, &login), OPAQUE_EINPUT);
    assert_int_equal(opaque_client_login_start(&client, bytes_of(""), 0, ke1), OPAQUE_EINPUT);
    assert_int_equal(opaque_client_login_start(&client, NULL, 4, ke1), OPAQUE_EINPUT);

    opaque_client_login_start(&client, bytes_of(password), strlen(password), ke1);
    assert_int_equal(opaque_client_register_finish(&client, &f->params, bytes_of(password),
                                                   strlen(password), response, f->record,
                                                   f->export_key),
                     OPAQUE_EINPUT);
}

static int
failing_stretch(uint8_t out[OPAQUE_STRETCH_BYTES], const uint8_t in[OPAQUE_STRETCH_BYTES],
                void *arg)
{
    (void)out;
    (void)in;
    (void)arg;
    return -1;
}

static void
a_stretch_without_memory_fails_and_leaves_no_state(void **state)
{
    struct fixture *f = *state;
    struct opaque_client client;
    struct opaque_server_login server;
    struct opaque_login login;
    uint8_t ke2[OPAQUE_KE2_BYTES];

    login_until_ke2(f, password, f->record, &client, &server, ke2);
    f->params.stretch = failing_stretch;
    assert_int_equal(finish_client(f, &client, password, ke2, &login), OPAQUE_ESTRETCH);
    assert_true(sodium_is_zero((const uint8_t *)&client, sizeof client));
}

static void
a_setup_survives_its_stored_form(void **state)
{
    struct fixture *f = *state;
    uint8_t stored[OPAQUE_SETUP_BYTES];
    struct opaque_setup again;

    opaque_setup_encode(&f->setup, stored);
    assert_int_equal(opaque_setup_decode(&again, stored), OPAQUE_OK);
    assert_memory_equal(&again, &f->setup, sizeof again);

    memset(stored + OPAQUE_OPRF_SEED_BYTES, 0, OPAQUE_PRIVATE_KEY_BYTES);
    assert_int_equal(opaque_setup_decode(&again, stored), OPAQUE_EINPUT);
    memset(stored + OPAQUE_OPRF_SEED_BYTES, 0xff, OPAQUE_PRIVATE_KEY_BYTES);
    assert_int_equal(opaque_setup_decode(&again, stored), OPAQUE_EINPUT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    CASE(both_sides_of_a_login_agree_on_the_session_key),
    CASE(a_login_with_argon2id_and_identities_round_trips),
    CASE(differing_context_or_identity_is_refused),
    CASE(a_wrong_password_is_refused_at_the_client),
    CASE(an_unknown_user_looks_like_a_wrong_password),
    CASE(the_oprf_answer_does_not_tell_whether_a_user_exists),
    CASE(every_flipped_byte_of_ke2_is_refused),
    CASE(every_flipped_byte_of_the_record_is_refused),
    CASE(every_flipped_byte_of_ke1_and_ke3_is_refused),
    CASE(a_ke3_can_be_tried_once),
    CASE(the_neutral_element_and_other_bytes_are_no_group_elements),
    CASE(a_registration_answer_with_a_bad_key_is_refused),
    CASE(steps_out_of_order_and_impossible_lengths_are_refused),
    CASE(a_stretch_without_memory_fails_and_leaves_no_state),
    CASE(a_setup_survives_its_stored_form),
};

SOTTO_TEST_MAIN(tests)
