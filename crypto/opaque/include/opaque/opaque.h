/* SPDX-License-Identifier: MIT */
/*
 * OPAQUE: password login in which the server never learns the password (RFC 9807).
 *
 * Configuration: OPAQUE-3DH, ristretto255-SHA512 as OPRF and AKE group, HKDF-SHA-512, HMAC-SHA-512,
 * SHA-512, and Argon2id as key stretching function unless the caller chooses another.
 *
 * A registration is three messages, a login three more:
 *
 *     client                                     server
 *     opaque_client_register_start   -request->  opaque_server_register
 *     opaque_client_register_finish  <-response-
 *                                    -record-->  opaque_record_check, then stored beside the name
 *
 *     opaque_client_login_start      -KE1->      opaque_server_login_start (record or fake)
 *     opaque_client_login_finish     <-KE2-
 *                                    -KE3->      opaque_server_login_finish
 *
 * After a login both sides hold the same session key; the client alone holds the export key, which
 * is the same at registration and at each login with that record.
 *
 * Threads: no function touches shared state; each may run on any thread, one thread per state
 * object at a time. Memory: the library allocates nothing; only Argon2id takes its 64 MiB.
 * Every function returns one of enum opaque_status; outputs are untouched unless it is OPAQUE_OK.
 * Call sodium_init() once before anything else.
 */
#ifndef OPAQUE_OPAQUE_H
#define OPAQUE_OPAQUE_H

#include <stddef.h>
#include <stdint.h>

#define OPAQUE_REQUEST_BYTES 32  /* RegistrationRequest, section 5.1 */
#define OPAQUE_RESPONSE_BYTES 64 /* RegistrationResponse */
#define OPAQUE_RECORD_BYTES 192  /* RegistrationRecord */
#define OPAQUE_KE1_BYTES 96      /* section 6.1 */
#define OPAQUE_KE2_BYTES 320
#define OPAQUE_KE3_BYTES 64
#define OPAQUE_EXPORT_KEY_BYTES 64
#define OPAQUE_SESSION_KEY_BYTES 64
#define OPAQUE_PUBLIC_KEY_BYTES 32
#define OPAQUE_PRIVATE_KEY_BYTES 32
#define OPAQUE_OPRF_SEED_BYTES 64
#define OPAQUE_SETUP_BYTES 96        /* stored form of a setup: OPRF seed, then private key */
#define OPAQUE_STRETCH_BYTES 64      /* input and output of a key stretching function */
#define OPAQUE_INPUT_BYTES_MAX 65535 /* password, context, identities, credential identifier */

enum opaque_status {
    OPAQUE_OK = 0,
    OPAQUE_EINPUT = -1,   /* an argument of impossible length, or an empty password */
    OPAQUE_EMESSAGE = -2, /* bytes that are no group element, or the neutral one */
    OPAQUE_EAUTH = -3,    /* wrong password, unknown user, or a message that was tampered with */
    OPAQUE_ESTRETCH = -4, /* the key stretching function failed: not enough memory */
};

/* Bytes borrowed from the caller for the time of one call. data may be NULL when len is 0. */
struct opaque_view {
    const uint8_t *data;
    size_t len;
};

/*
 * Stretches 64 bytes of OPRF output into 64 bytes (section 2.3, "Stretch"). Returns 0, or another
 * value if it cannot; arg is what struct opaque_params carries. Runs on the caller's thread.
 */
typedef int (*opaque_stretch_fn)(uint8_t out[OPAQUE_STRETCH_BYTES],
                                 const uint8_t in[OPAQUE_STRETCH_BYTES], void *arg);

/*
 * What both sides must agree on beyond the RFC's configuration. Identities left empty default to
 * the parties' public keys (section 4). The server never stretches and may leave stretch NULL; a
 * client may not.
 */
struct opaque_params {
    struct opaque_view context;
    struct opaque_view client_identity;
    struct opaque_view server_identity;
    opaque_stretch_fn stretch;
    void *stretch_arg;
};

/* Argon2id, 3 passes over 64 MiB, one lane, 16 zero bytes as salt. About 0.1 s. arg is unused. */
int opaque_stretch_argon2id(uint8_t out[OPAQUE_STRETCH_BYTES],
                            const uint8_t in[OPAQUE_STRETCH_BYTES], void *arg);

/*
 * Returns its input: no protection at all against guessing after a theft of the server's files.
 * For the RFC's test vectors and for load drivers that need cheap clients. arg is unused.
 */
int opaque_stretch_identity(uint8_t out[OPAQUE_STRETCH_BYTES],
                            const uint8_t in[OPAQUE_STRETCH_BYTES], void *arg);

/*
 * Sotto's profile: empty context, no identities, Argon2id. The same as what a web client gets from
 * @serenity-kit/opaque with keyStretching {argon2id-custom: {iterations 3, memory 65536,
 * parallelism 1}}.
 */
struct opaque_params opaque_params_default(void);

/* ---- client ---------------------------------------------------------------------------------- */

/*
 * What a client keeps between its two steps: the OPRF blind and, for a login, its key share. The
 * password is not kept; it is given again to the second step. Members are private. Wipe with
 * opaque_client_fini; both finish functions wipe it as well, whatever they return, so a state
 * serves one exchange.
 */
struct opaque_client {
    uint8_t blind[32];
    uint8_t keyshare_secret[32];
    uint8_t ke1[OPAQUE_KE1_BYTES];
    int step;
};

/* What a login gives the client. Wipe with opaque_client_login_fini. */
struct opaque_login {
    uint8_t ke3[OPAQUE_KE3_BYTES];
    uint8_t session_key[OPAQUE_SESSION_KEY_BYTES];
    uint8_t export_key[OPAQUE_EXPORT_KEY_BYTES];
    uint8_t server_public_key[OPAQUE_PUBLIC_KEY_BYTES];
};

/*
 * Begins a registration (CreateRegistrationRequest, section 5.2.1). password: 1 to
 * OPAQUE_INPUT_BYTES_MAX bytes, borrowed. Errors: OPAQUE_EINPUT.
 */
int opaque_client_register_start(struct opaque_client *state, const uint8_t *password,
                                 size_t password_len, uint8_t request_out[OPAQUE_REQUEST_BYTES]);

/*
 * Ends a registration (FinalizeRegistrationRequest, section 5.2.3): turns the server's response
 * into the record that the server is to store and into the export key. Stretches, so it is slow by
 * intent. password is the same as at the start. Wipes state. Errors: OPAQUE_EINPUT,
 * OPAQUE_EMESSAGE, OPAQUE_ESTRETCH.
 */
int opaque_client_register_finish(struct opaque_client *state, const struct opaque_params *params,
                                  const uint8_t *password, size_t password_len,
                                  const uint8_t response[OPAQUE_RESPONSE_BYTES],
                                  uint8_t record_out[OPAQUE_RECORD_BYTES],
                                  uint8_t export_key_out[OPAQUE_EXPORT_KEY_BYTES]);

/* Begins a login (GenerateKE1, section 6.2.1). As opaque_client_register_start. */
int opaque_client_login_start(struct opaque_client *state, const uint8_t *password,
                              size_t password_len, uint8_t ke1_out[OPAQUE_KE1_BYTES]);

/*
 * Ends a login (GenerateKE3, section 6.2.3): proves to the client that the server holds its record,
 * and gives KE3 for the server, session key, export key, and the server's long-term public key,
 * which a client may pin. Stretches. Wipes state. A wrong password and a server that does not know
 * the user look alike: OPAQUE_EAUTH. Other errors: OPAQUE_EINPUT, OPAQUE_EMESSAGE, OPAQUE_ESTRETCH.
 */
int opaque_client_login_finish(struct opaque_client *state, const struct opaque_params *params,
                               const uint8_t *password, size_t password_len,
                               const uint8_t ke2[OPAQUE_KE2_BYTES], struct opaque_login *login_out);

/* Wipes the state. Accepts NULL, a zeroed state, and one already wiped. */
void opaque_client_fini(struct opaque_client *state);

/* Wipes what a login gave. Accepts NULL. */
void opaque_client_login_fini(struct opaque_login *login);

/* ---- server ---------------------------------------------------------------------------------- */

/*
 * The server's long-term secrets (section 3.1). Losing them makes every record worthless; whoever
 * has them and the records can guess passwords offline, so they live apart from the records. The
 * fake record that answers for unknown users is derived from the seed. Wipe with opaque_setup_fini.
 */
struct opaque_setup {
    uint8_t oprf_seed[OPAQUE_OPRF_SEED_BYTES];
    uint8_t private_key[OPAQUE_PRIVATE_KEY_BYTES];
    uint8_t public_key[OPAQUE_PUBLIC_KEY_BYTES];
    uint8_t fake_record[OPAQUE_RECORD_BYTES];
};

/* What the server keeps between KE2 and KE3. Members are private. */
struct opaque_server_login {
    uint8_t expected_client_mac[OPAQUE_KE3_BYTES];
    uint8_t session_key[OPAQUE_SESSION_KEY_BYTES];
    int step;
};

/* Draws a new setup. Cannot fail. */
void opaque_setup_create(struct opaque_setup *setup);

/* Writes the stored form: OPRF seed (64 bytes), private key (32 bytes). The output is secret. */
void opaque_setup_encode(const struct opaque_setup *setup, uint8_t bytes_out[OPAQUE_SETUP_BYTES]);

/* Reads the stored form. Errors: OPAQUE_EINPUT if the private key is no scalar or zero. */
int opaque_setup_decode(struct opaque_setup *setup_out, const uint8_t bytes[OPAQUE_SETUP_BYTES]);

/* Wipes a setup. Accepts NULL. */
void opaque_setup_fini(struct opaque_setup *setup);

/*
 * Answers a registration request (CreateRegistrationResponse, section 5.2.2). credential is the
 * stable identifier of the user's credential, at most OPAQUE_INPUT_BYTES_MAX bytes; the OPRF key of
 * the user is derived from it, so it must be the same at each login. About 0.1 ms.
 * Errors: OPAQUE_EINPUT, OPAQUE_EMESSAGE.
 */
int opaque_server_register(const struct opaque_setup *setup, struct opaque_view credential,
                           const uint8_t request[OPAQUE_REQUEST_BYTES],
                           uint8_t response_out[OPAQUE_RESPONSE_BYTES]);

/*
 * Checks a record that a client sent before it is stored: its public key must be a valid group
 * element and not the neutral one (section 10.7). Errors: OPAQUE_EMESSAGE.
 */
int opaque_record_check(const uint8_t record[OPAQUE_RECORD_BYTES]);

/*
 * Answers KE1 (GenerateKE2, section 6.2.2). record NULL means that there is no such user: the
 * answer is made from the fake record by the same steps (section 10.9), and the later
 * opaque_server_login_finish refuses. params: context and identities, as at the client.
 * About 0.3 ms, most of it four multiplications on the curve; wipe state with
 * opaque_server_login_fini. Errors: OPAQUE_EINPUT, OPAQUE_EMESSAGE.
 */
int opaque_server_login_start(struct opaque_server_login *state, const struct opaque_setup *setup,
                              const struct opaque_params *params, struct opaque_view credential,
                              const uint8_t *record, const uint8_t ke1[OPAQUE_KE1_BYTES],
                              uint8_t ke2_out[OPAQUE_KE2_BYTES]);

/*
 * Checks KE3 in constant time (ServerFinish, section 6.2.4) and gives the session key. Wipes state,
 * whatever it returns, so a KE3 can be tried once. Errors: OPAQUE_EAUTH, OPAQUE_EINPUT for a state
 * that never saw KE1.
 */
int opaque_server_login_finish(struct opaque_server_login *state,
                               const uint8_t ke3[OPAQUE_KE3_BYTES],
                               uint8_t session_key_out[OPAQUE_SESSION_KEY_BYTES]);

/* Wipes the state. Accepts NULL, a zeroed state, and one already wiped. */
void opaque_server_login_fini(struct opaque_server_login *state);

#endif
