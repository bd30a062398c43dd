/* SPDX-License-Identifier: MIT */
/*
 * The OPAQUE library as a program, for tests written in another language: one command a line on
 * stdin, one answer a line on stdout, binary values in hex. A failed step answers "err STATUS", a
 * malformed line ends the program with 2.
 *
 *     identities CLIENT SERVER        ok              ("-" for none; until then there are none)
 *     stretch COST                    ok              (00: costs nothing; else Argon2id)
 *     register-start PASSWORD         ok REQUEST
 *     register-finish PASSWORD RESP   ok RECORD EXPORT_KEY
 *     login-start PASSWORD            ok KE1
 *     login-finish PASSWORD KE2       ok KE3 SESSION_KEY EXPORT_KEY SERVER_KEY
 *     server-register USER REQUEST    ok RESPONSE
 *     server-login USER RECORD KE1    ok KE2          (RECORD "-": no such user)
 *     server-finish KE3               ok SESSION_KEY
 */
#include "opaque/opaque.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 4096
#define ARGS_MAX 3

struct argument {
    uint8_t data[LINE_BYTES_MAX / 2];
    size_t len;
    bool absent; /* written "-" */
};

struct peer {
    struct opaque_setup setup;
    struct opaque_params params;
    struct opaque_client client;
    struct opaque_server_login server;
    struct argument client_identity;
    struct argument server_identity;
    struct argument args[ARGS_MAX];
};

static void
give_up(const char *why)
{
    fprintf(stderr, "opaque_peer: %s\n", why);
    exit(2);
}

/* The argument's bytes, which must be exactly so many. */
static const uint8_t *
exactly(const struct argument *argument, size_t len)
{
    if (argument->absent || argument->len != len)
        give_up("argument of the wrong length");
    return argument->data;
}

static struct opaque_view
view_of(const struct argument *argument)
{
    return (struct opaque_view){argument->data, argument->len};
}

static void
print_hex(const uint8_t *data, size_t len)
{
    putchar(' ');
    for (size_t i = 0; i < len; i++)
        printf("%02x", data[i]);
}

static void
answer(int status, const uint8_t *first, size_t first_len, const uint8_t *second, size_t second_len)
{
    if (status != OPAQUE_OK) {
        printf("err %d\n", status);
        return;
    }
    printf("ok");
    if (first != NULL)
        print_hex(first, first_len);
    if (second != NULL)
        print_hex(second, second_len);
    putchar('\n');
}

static void
do_identities(struct peer *peer)
{
    peer->client_identity = peer->args[0];
    peer->server_identity = peer->args[1];
    peer->params.client_identity = view_of(&peer->client_identity);
    peer->params.server_identity = view_of(&peer->server_identity);
    answer(OPAQUE_OK, NULL, 0, NULL, 0);
}

static void
do_stretch(struct peer *peer)
{
    const bool cheap = *exactly(&peer->args[0], 1) == 0;

    peer->params.stretch = cheap ? opaque_stretch_identity : opaque_stretch_argon2id;
    answer(OPAQUE_OK, NULL, 0, NULL, 0);
}

static void
do_register_start(struct peer *peer)
{
    uint8_t request[OPAQUE_REQUEST_BYTES];
    int status =
        opaque_client_register_start(&peer->client, peer->args[0].data, peer->args[0].len, request);

    answer(status, request, sizeof request, NULL, 0);
}

static void
do_register_finish(struct peer *peer)
{
    uint8_t record[OPAQUE_RECORD_BYTES];
    uint8_t export_key[OPAQUE_EXPORT_KEY_BYTES];
    int status = opaque_client_register_finish(
        &peer->client, &peer->params, peer->args[0].data, peer->args[0].len,
        exactly(&peer->args[1], OPAQUE_RESPONSE_BYTES), record, export_key);

    answer(status, record, sizeof record, export_key, sizeof export_key);
}

static void
do_login_start(struct peer *peer)
{
    uint8_t ke1[OPAQUE_KE1_BYTES];
    int status =
        opaque_client_login_start(&peer->client, peer->args[0].data, peer->args[0].len, ke1);

    answer(status, ke1, sizeof ke1, NULL, 0);
}

static void
do_login_finish(struct peer *peer)
{
    struct opaque_login login;
    int status = opaque_client_login_finish(&peer->client, &peer->params, peer->args[0].data,
                                            peer->args[0].len,
                                            exactly(&peer->args[1], OPAQUE_KE2_BYTES), &login);

    if (status != OPAQUE_OK) {
        answer(status, NULL, 0, NULL, 0);
        return;
    }
    printf("ok");
    print_hex(login.ke3, sizeof login.ke3);
    print_hex(login.session_key, sizeof login.session_key);
    print_hex(login.export_key, sizeof login.export_key);
    print_hex(login.server_public_key, sizeof login.server_public_key);
    putchar('\n');
}

static void
do_server_register(struct peer *peer)
{
    uint8_t response[OPAQUE_RESPONSE_BYTES];
    int status = opaque_server_register(&peer->setup, view_of(&peer->args[0]),
                                        exactly(&peer->args[1], OPAQUE_REQUEST_BYTES), response);

    answer(status, response, sizeof response, NULL, 0);
}

static void
do_server_login(struct peer *peer)
{
    const uint8_t *record =
        peer->args[1].absent ? NULL : exactly(&peer->args[1], OPAQUE_RECORD_BYTES);
    uint8_t ke2[OPAQUE_KE2_BYTES];
    int status = opaque_server_login_start(&peer->server, &peer->setup, &peer->params,
                                           view_of(&peer->args[0]), record,
                                           exactly(&peer->args[2], OPAQUE_KE1_BYTES), ke2);

    answer(status, ke2, sizeof ke2, NULL, 0);
}

static void
do_server_finish(struct peer *peer)
{
    uint8_t session_key[OPAQUE_SESSION_KEY_BYTES];
    int status = opaque_server_login_finish(&peer->server,
                                            exactly(&peer->args[0], OPAQUE_KE3_BYTES), session_key);

    answer(status, session_key, sizeof session_key, NULL, 0);
}

static const struct {
    const char *name;
    int args;
    void (*run)(struct peer *);
} commands[] = {
    {"identities", 2, do_identities},           {"stretch", 1, do_stretch},
    {"register-start", 1, do_register_start},   {"register-finish", 2, do_register_finish},
    {"login-start", 1, do_login_start},         {"login-finish", 2, do_login_finish},
    {"server-register", 2, do_server_register}, {"server-login", 3, do_server_login},
    {"server-finish", 1, do_server_finish},
};

static void
read_argument(struct argument *argument, const char *text)
{
    *argument = (struct argument){.absent = text != NULL && strcmp(text, "-") == 0};
    if (text == NULL)
        give_up("an argument is missing");
    if (!argument->absent && sodium_hex2bin(argument->data, sizeof argument->data, text,
                                            strlen(text), NULL, &argument->len, NULL) != 0)
        give_up("an argument is no hex");
}

static void
run_line(struct peer *peer, char *line)
{
    char *rest = NULL;
    const char *name = strtok_r(line, " \n", &rest);

    for (size_t i = 0; name != NULL && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        for (int a = 0; a < commands[i].args; a++)
            read_argument(&peer->args[a], strtok_r(NULL, " \n", &rest));
        commands[i].run(peer);
        fflush(stdout);
        return;
    }
    give_up("no such command");
}

int
main(void)
{
    static struct peer peer;
    char line[LINE_BYTES_MAX];

    if (sodium_init() < 0)
        give_up("libsodium does not start");
    peer.params = opaque_params_default();
    opaque_setup_create(&peer.setup);
    while (fgets(line, sizeof line, stdin) != NULL)
        run_line(&peer, line);
    return 0;
}
