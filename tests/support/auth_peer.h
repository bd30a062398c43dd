/* SPDX-License-Identifier: MIT */
/*
 * A client of modules/auth for its unit tests: registers, logs in, attaches and refreshes through
 * the harness, with the OPAQUE library on its side and a password that costs nothing to stretch.
 *
 * Functions named peer_* return the module's status; what a success gave stands in struct peer.
 */
#ifndef AUTH_PEER_H
#define AUTH_PEER_H

#include "sotto/harness.h"

#include "auth.pb-c.h"

#define BYTES(array) ((ProtobufCBinaryData){sizeof(array), (array)})

/* For cmocka_unit_test_setup_teardown: *state becomes the harness with the module, started. */
int auth_start(void **state);
int auth_start_with_writes_run_twice(void **state);
int auth_stop(void **state);

struct peer {
    struct harness *h;
    uint64_t session; /* a fresh connection for each peer_init */
    char name[40];
    char password[40];
    uint8_t device[SOTTO_ID_BYTES];
    uint8_t idempotency[SOTTO_ID_BYTES];
    uint8_t record[192]; /* of the last registration */
    /* of the last LoginReply */
    uint8_t user[SOTTO_ID_BYTES];
    uint8_t login[SOTTO_ID_BYTES];
    uint8_t refresh[32];
    char access[2100];
    int64_t access_expires;
    int64_t refresh_expires;
    const struct harness_answer *answer; /* the last one */
};

/* A new connection for name; the device id is filled with the byte device. */
void peer_init(struct peer *, struct harness *, const char *name, const char *password,
               uint8_t device);
/* Opens another connection, as after a loss. */
void peer_reconnect(struct peer *);

int peer_register(struct peer *);
/* RegisterFinish once more with the record that stands in the peer. */
int peer_register_again(struct peer *);
int peer_login_start(struct peer *, Sotto__Auth__V1__LoginStartReply *reply_out);
int peer_login(struct peer *);
int peer_attach(struct peer *, const char *token);
int peer_refresh(struct peer *, const uint8_t token[32]);
int peer_logout(struct peer *, bool all);
/* With the password as prover (the peer itself, or somebody else) knows it. */
int peer_delete_account(struct peer *, struct peer *prover);
int peer_revoke(struct peer *, const uint8_t login[SOTTO_ID_BYTES]);

/* Registers and attaches; fails the test if either is refused. */
void peer_join(struct peer *, struct harness *, const char *name, uint8_t device);
/* Logs in as an existing user on another device and attaches. */
void peer_join_device(struct peer *, struct harness *, const char *name, uint8_t device);

#endif
