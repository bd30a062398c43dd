/* SPDX-License-Identifier: MIT */
/* See keyx_peer.h. */
#include "keyx_peer.h"

#include "keyx.pb-c.h"
#include "sotto_test.h"

const struct sotto_module *sotto_module_entry(void);

uint64_t
connect_as(struct harness *h, const struct mls_peer *peer)
{
    const uint64_t session = harness_connect(h);

    harness_attach(h, session, peer->user, peer->device, NULL);
    return session;
}

int
rig_start(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    uint64_t now;

    rig->h = harness_create(sotto_module_entry());
    harness_run_writes_twice(rig->h, true);
    assert_ok(harness_start(rig->h));
    now = (uint64_t)harness_now_ms(rig->h) / 1000;
    mls_peer_init(&rig->alice, 'a', '1', 3, now);
    mls_peer_init(&rig->bob, 'b', '1', 3, now);
    rig->alice_session = connect_as(rig->h, &rig->alice);
    rig->bob_session = connect_as(rig->h, &rig->bob);
    *state = rig;
    return 0;
}

int
rig_stop(void **state)
{
    struct rig *rig = *state;

    mls_peer_fini(&rig->alice);
    mls_peer_fini(&rig->bob);
    harness_destroy(&rig->h);
    free(rig);
    return 0;
}

static ProtobufCBinaryData
bytes(const void *data, size_t size)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)data, .len = size};
}

const struct harness_answer *
publish_identity(struct rig *rig, const struct mls_peer *peer, uint64_t session)
{
    Sotto__Keyx__V1__PublishIdentityRequest request =
        SOTTO__KEYX__V1__PUBLISH_IDENTITY_REQUEST__INIT;
    uint8_t signature[64];

    verify_identity_sign(peer->identity_seed, peer->user, signature);
    request.identity_key = bytes(peer->identity_key, 32);
    request.signature = bytes(signature, 64);
    return harness_rpc(rig->h, session, "PublishIdentity", &request.base);
}

const struct harness_answer *
add_device(struct rig *rig, const struct mls_peer *peer, uint64_t session)
{
    Sotto__Keyx__V1__AddDeviceRequest request = SOTTO__KEYX__V1__ADD_DEVICE_REQUEST__INIT;

    request.certificate = bytes(peer->cert, sizeof(peer->cert));
    request.signature_key = bytes(peer->device_key, 32);
    request.label = (char *)"kitchen";
    return harness_rpc(rig->h, session, "AddDevice", &request.base);
}
