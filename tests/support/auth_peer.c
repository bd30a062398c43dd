/* SPDX-License-Identifier: MIT */
/* See auth_peer.h. */
#include "auth_peer.h"

#include "sotto_test.h"

#include "opaque/opaque.h"

#include <sodium.h>

#define PASSWORD "correct horse battery 7"

const struct sotto_module *sotto_module_entry(void);

static const struct opaque_params cheap = {.stretch = opaque_stretch_identity};

int
auth_start(void **state)
{
    struct harness *h = harness_create(sotto_module_entry());

    *state = h;
    return harness_start(h);
}

int
auth_start_with_writes_run_twice(void **state)
{
    const int rc = auth_start(state);

    harness_run_writes_twice(*state, true);
    return rc;
}

int
auth_stop(void **state)
{
    harness_destroy((struct harness **)state);
    return 0;
}

void
peer_init(struct peer *peer, struct harness *h, const char *name, const char *password,
          uint8_t device)
{
    assert_true(sodium_init() >= 0);
    *peer = (struct peer){.h = h};
    snprintf(peer->name, sizeof(peer->name), "%s", name);
    snprintf(peer->password, sizeof(peer->password), "%s", password);
    memset(peer->device, device, sizeof(peer->device));
    randombytes_buf(peer->idempotency, sizeof(peer->idempotency));
    peer_reconnect(peer);
}

void
peer_reconnect(struct peer *peer)
{
    peer->session = harness_connect(peer->h);
}

static int
call(struct peer *peer, const char *method, const ProtobufCMessage *request)
{
    peer->answer = harness_rpc(peer->h, peer->session, method, request);
    return peer->answer->status;
}

static Sotto__Auth__V1__Device
device_of(struct peer *peer)
{
    static char label[] = "laptop";
    static char agent[] = "sotto/1.0";
    Sotto__Auth__V1__Device device = SOTTO__AUTH__V1__DEVICE__INIT;

    device.device_id = BYTES(peer->device);
    device.label = label;
    device.user_agent = agent;
    return device;
}

static int
keep_login(struct peer *peer, int status)
{
    const Sotto__Auth__V1__LoginReply *reply;

    if (status != 0)
        return status;
    reply = (const void *)peer->answer->message;
    assert_int_equal(reply->user_id.len, sizeof(peer->user));
    assert_int_equal(reply->login_id.len, sizeof(peer->login));
    assert_int_equal(reply->refresh_token.len, sizeof(peer->refresh));
    assert_true(strlen(reply->access_token) < sizeof(peer->access));
    memcpy(peer->user, reply->user_id.data, sizeof(peer->user));
    memcpy(peer->login, reply->login_id.data, sizeof(peer->login));
    memcpy(peer->refresh, reply->refresh_token.data, sizeof(peer->refresh));
    memcpy(peer->access, reply->access_token, strlen(reply->access_token) + 1);
    peer->access_expires = reply->access_expires;
    peer->refresh_expires = reply->refresh_expires;
    return 0;
}

int
peer_register_again(struct peer *peer)
{
    Sotto__Auth__V1__RegisterFinishRequest finish = SOTTO__AUTH__V1__REGISTER_FINISH_REQUEST__INIT;
    Sotto__Auth__V1__Device device = device_of(peer);

    finish.name = peer->name;
    finish.record = BYTES(peer->record);
    finish.idempotency_key = BYTES(peer->idempotency);
    finish.device = &device;
    return keep_login(peer, call(peer, "RegisterFinish", &finish.base));
}

int
peer_register(struct peer *peer)
{
    Sotto__Auth__V1__RegisterStartRequest start = SOTTO__AUTH__V1__REGISTER_START_REQUEST__INIT;
    const uint8_t *password = (const uint8_t *)peer->password;
    const size_t size = strlen(peer->password);
    struct opaque_client client;
    uint8_t request[OPAQUE_REQUEST_BYTES];
    uint8_t export_key[OPAQUE_EXPORT_KEY_BYTES];
    const Sotto__Auth__V1__RegisterStartReply *reply;
    int status;

    assert_ok(opaque_client_register_start(&client, password, size, request));
    start.name = peer->name;
    start.request = BYTES(request);
    status = call(peer, "RegisterStart", &start.base);
    if (status != 0)
        return status;
    reply = (const void *)peer->answer->message;
    assert_int_equal(reply->response.len, OPAQUE_RESPONSE_BYTES);
    assert_ok(opaque_client_register_finish(&client, &cheap, password, size, reply->response.data,
                                            peer->record, export_key));
    return peer_register_again(peer);
}

int
peer_login_start(struct peer *peer, Sotto__Auth__V1__LoginStartReply *reply_out)
{
    Sotto__Auth__V1__LoginStartRequest start = SOTTO__AUTH__V1__LOGIN_START_REQUEST__INIT;
    struct opaque_client client;
    uint8_t ke1[OPAQUE_KE1_BYTES];
    int status;

    assert_ok(opaque_client_login_start(&client, (const uint8_t *)peer->password,
                                        strlen(peer->password), ke1));
    start.name = peer->name;
    start.ke1 = BYTES(ke1);
    status = call(peer, "LoginStart", &start.base);
    if (status == 0)
        *reply_out = *(const Sotto__Auth__V1__LoginStartReply *)(const void *)peer->answer->message;
    return status;
}

/* LoginStart and the KE3 that answers it. A client with the wrong password cannot make one; it sends zeros to see what
 * comes back. */
static int
prove(struct peer *peer, uint8_t start_id_out[SOTTO_ID_BYTES], uint8_t ke3_out[OPAQUE_KE3_BYTES])
{
    Sotto__Auth__V1__LoginStartRequest start = SOTTO__AUTH__V1__LOGIN_START_REQUEST__INIT;
    const Sotto__Auth__V1__LoginStartReply *reply;
    const uint8_t *password = (const uint8_t *)peer->password;
    const size_t size = strlen(peer->password);
    struct opaque_client client;
    struct opaque_login login = {.ke3 = {0}};
    uint8_t ke1[OPAQUE_KE1_BYTES];
    int status;

    assert_ok(opaque_client_login_start(&client, password, size, ke1));
    start.name = peer->name;
    start.ke1 = BYTES(ke1);
    status = call(peer, "LoginStart", &start.base);
    if (status != 0)
        return status;
    reply = (const void *)peer->answer->message;
    assert_int_equal(reply->ke2.len, OPAQUE_KE2_BYTES);
    (void)opaque_client_login_finish(&client, &cheap, password, size, reply->ke2.data, &login);
    memcpy(start_id_out, reply->login_start_id.data, SOTTO_ID_BYTES);
    memcpy(ke3_out, login.ke3, OPAQUE_KE3_BYTES);
    return 0;
}

int
peer_login(struct peer *peer)
{
    Sotto__Auth__V1__LoginFinishRequest finish = SOTTO__AUTH__V1__LOGIN_FINISH_REQUEST__INIT;
    Sotto__Auth__V1__Device device = device_of(peer);
    uint8_t start_id[SOTTO_ID_BYTES], ke3[OPAQUE_KE3_BYTES];
    const int status = prove(peer, start_id, ke3);

    if (status != 0)
        return status;
    finish.login_start_id = BYTES(start_id);
    finish.ke3 = BYTES(ke3);
    finish.device = &device;
    return keep_login(peer, call(peer, "LoginFinish", &finish.base));
}

int
peer_delete_account(struct peer *peer, struct peer *prover)
{
    Sotto__Auth__V1__DeleteAccountRequest request = SOTTO__AUTH__V1__DELETE_ACCOUNT_REQUEST__INIT;
    uint8_t start_id[SOTTO_ID_BYTES], ke3[OPAQUE_KE3_BYTES], signature[64] = {7};
    const int status = prove(prover, start_id, ke3);

    if (status != 0)
        return status;
    request.login_start_id = BYTES(start_id);
    request.ke3 = BYTES(ke3);
    request.deleted_ms = harness_now_ms(peer->h);
    request.signature = BYTES(signature);
    return call(peer, "DeleteAccount", &request.base);
}

int
peer_attach(struct peer *peer, const char *token)
{
    Sotto__Auth__V1__AttachRequest request = SOTTO__AUTH__V1__ATTACH_REQUEST__INIT;
    char copy[4096];

    snprintf(copy, sizeof(copy), "%s", token);
    request.access_token = copy;
    return call(peer, "Attach", &request.base);
}

int
peer_refresh(struct peer *peer, const uint8_t token[32])
{
    Sotto__Auth__V1__RefreshRequest request = SOTTO__AUTH__V1__REFRESH_REQUEST__INIT;
    uint8_t copy[32];

    memcpy(copy, token, sizeof(copy));
    request.refresh_token = BYTES(copy);
    request.device_id = BYTES(peer->device);
    return keep_login(peer, call(peer, "Refresh", &request.base));
}

int
peer_logout(struct peer *peer, bool all)
{
    Sotto__Auth__V1__LogoutRequest request = SOTTO__AUTH__V1__LOGOUT_REQUEST__INIT;

    request.all = all;
    return call(peer, "Logout", &request.base);
}

int
peer_revoke(struct peer *peer, const uint8_t login[SOTTO_ID_BYTES])
{
    Sotto__Auth__V1__RevokeRequest request = SOTTO__AUTH__V1__REVOKE_REQUEST__INIT;
    uint8_t copy[SOTTO_ID_BYTES];

    memcpy(copy, login, sizeof(copy));
    request.what_case = SOTTO__AUTH__V1__REVOKE_REQUEST__WHAT_LOGIN_ID;
    request.login_id = BYTES(copy);
    return call(peer, "Revoke", &request.base);
}

void
peer_join(struct peer *peer, struct harness *h, const char *name, uint8_t device)
{
    peer_init(peer, h, name, PASSWORD, device);
    assert_ok(peer_register(peer));
    assert_ok(peer_attach(peer, peer->access));
}

void
peer_join_device(struct peer *peer, struct harness *h, const char *name, uint8_t device)
{
    peer_init(peer, h, name, PASSWORD, device);
    assert_ok(peer_login(peer));
    assert_ok(peer_attach(peer, peer->access));
}
