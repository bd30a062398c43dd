/* SPDX-License-Identifier: MIT */
/*
 * OPAQUE's messages, on both sides. The first byte of an input chooses the step, the rest is the message; it is cut
 * or filled with zeros to the length that the caller of a step guarantees. Nothing is stretched.
 */
#include "fuzz.h"

#include "opaque/opaque.h"

#include <string.h>

#define PASSWORD (const uint8_t *)"password", 8

enum step {
    STEP_REGISTER,        /* server: a registration request */
    STEP_RECORD,          /* server: a record */
    STEP_LOGIN,           /* server: KE1 */
    STEP_LOGIN_END,       /* server: KE3 */
    STEP_REGISTER_FINISH, /* client: the response to its request */
    STEP_LOGIN_FINISH,    /* client: KE2 */
    STEP_SETUP,           /* the server's own file */
    STEP_COUNT,
};

struct setup {
    struct opaque_setup server;
    struct opaque_params params;
    struct opaque_client registering, logging_in;
    struct opaque_server_login login;
    uint8_t record[OPAQUE_RECORD_BYTES];
    uint8_t messages[STEP_COUNT][OPAQUE_KE2_BYTES]; /* good ones */
};

static const size_t sizes[STEP_COUNT] = {
    [STEP_REGISTER] = OPAQUE_REQUEST_BYTES,
    [STEP_RECORD] = OPAQUE_RECORD_BYTES,
    [STEP_LOGIN] = OPAQUE_KE1_BYTES,
    [STEP_LOGIN_END] = OPAQUE_KE3_BYTES,
    [STEP_REGISTER_FINISH] = OPAQUE_RESPONSE_BYTES,
    [STEP_LOGIN_FINISH] = OPAQUE_KE2_BYTES,
    [STEP_SETUP] = OPAQUE_SETUP_BYTES,
};
static const char *const names[STEP_COUNT] = {
    [STEP_REGISTER] = "register",
    [STEP_RECORD] = "record",
    [STEP_LOGIN] = "ke1",
    [STEP_LOGIN_END] = "ke3",
    [STEP_REGISTER_FINISH] = "response",
    [STEP_LOGIN_FINISH] = "ke2",
    [STEP_SETUP] = "setup",
};
static const struct opaque_view credential = {(const uint8_t *)"alice", 5};

/* One registration and one login, whose messages are the seeds and whose states the inputs meet. */
static void
talk(struct setup *setup)
{
    struct opaque_client client;
    struct opaque_login login;
    uint8_t export_key[OPAQUE_EXPORT_KEY_BYTES];

    opaque_client_register_start(&setup->registering, PASSWORD, setup->messages[STEP_REGISTER]);
    opaque_server_register(&setup->server, credential, setup->messages[STEP_REGISTER],
                           setup->messages[STEP_REGISTER_FINISH]);
    client = setup->registering;
    opaque_client_register_finish(&client, &setup->params, PASSWORD,
                                  setup->messages[STEP_REGISTER_FINISH], setup->record, export_key);
    memcpy(setup->messages[STEP_RECORD], setup->record, OPAQUE_RECORD_BYTES);

    opaque_client_login_start(&setup->logging_in, PASSWORD, setup->messages[STEP_LOGIN]);
    opaque_server_login_start(&setup->login, &setup->server, &setup->params, credential,
                              setup->record, setup->messages[STEP_LOGIN],
                              setup->messages[STEP_LOGIN_FINISH]);
    client = setup->logging_in;
    opaque_client_login_finish(&client, &setup->params, PASSWORD,
                               setup->messages[STEP_LOGIN_FINISH], &login);
    memcpy(setup->messages[STEP_LOGIN_END], login.ke3, OPAQUE_KE3_BYTES);
}

static void *
setup(void)
{
    static struct setup setup;

    fuzz_random_start();
    setup.params = opaque_params_default();
    setup.params.stretch = opaque_stretch_identity;
    opaque_setup_create(&setup.server);
    opaque_setup_encode(&setup.server, setup.messages[STEP_SETUP]);
    talk(&setup);
    return &setup;
}

static int
try_server(const struct setup *setup, enum step step, const uint8_t *message)
{
    struct opaque_server_login login = setup->login;
    uint8_t out[OPAQUE_KE2_BYTES];

    switch (step) {
    case STEP_REGISTER: return opaque_server_register(&setup->server, credential, message, out);
    case STEP_RECORD: return opaque_record_check(message);
    case STEP_LOGIN:
        return opaque_server_login_start(&login, &setup->server, &setup->params, credential,
                                         setup->record, message, out);
    default: return opaque_server_login_finish(&login, message, out);
    }
}

static int
try_client(const struct setup *setup, enum step step, const uint8_t *message)
{
    struct opaque_client client = setup->registering;
    struct opaque_setup other;
    struct opaque_login login;
    uint8_t record[OPAQUE_RECORD_BYTES], export_key[OPAQUE_EXPORT_KEY_BYTES];

    if (step == STEP_SETUP)
        return opaque_setup_decode(&other, message);
    if (step == STEP_REGISTER_FINISH)
        return opaque_client_register_finish(&client, &setup->params, PASSWORD, message, record,
                                             export_key);
    client = setup->logging_in;
    return opaque_client_login_finish(&client, &setup->params, PASSWORD, message, &login);
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    uint8_t message[OPAQUE_KE2_BYTES] = {0};
    enum step step;

    if (size == 0)
        return false;
    step = data[0] % STEP_COUNT;
    data++, size--;
    memcpy(message, data, size < sizes[step] ? size : sizes[step]);
    if (step <= STEP_LOGIN_END)
        return try_server(state, step, message) == OPAQUE_OK;
    return try_client(state, step, message) == OPAQUE_OK;
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    const struct setup *setup = state;
    uint8_t data[1 + OPAQUE_KE2_BYTES];

    for (int step = 0; step < STEP_COUNT; step++) {
        data[0] = (uint8_t)step;
        memcpy(data + 1, setup->messages[step], sizes[step]);
        take(names[step], data, 1 + sizes[step], arg);
    }
}

const struct fuzz_target fuzz_target = {
    .name = "opaque", .setup = setup, .one = one, .seeds = seeds};
