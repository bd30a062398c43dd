/* SPDX-License-Identifier: MIT */
/* modules/keyx on the test host, with a session of each of two users who have published nothing yet. */
#ifndef SOTTO_TEST_KEYX_PEER_H
#define SOTTO_TEST_KEYX_PEER_H

#include "mls_peer.h"
#include "sotto/harness.h"

struct rig {
    struct harness *h;
    struct mls_peer alice, bob;
    uint64_t alice_session, bob_session;
};

/* Set-up and tear-down of a test; *state is the rig. */
int rig_start(void **state);
int rig_stop(void **state);

/* A session that is attached as the device of the peer. */
uint64_t connect_as(struct harness *, const struct mls_peer *);

/* Calls PublishIdentity with the peer's identity key, signed by it. */
const struct harness_answer *publish_identity(struct rig *, const struct mls_peer *,
                                              uint64_t session);
/* Calls AddDevice with the peer's certificate, under the label "kitchen". */
const struct harness_answer *add_device(struct rig *, const struct mls_peer *, uint64_t session);

#endif
