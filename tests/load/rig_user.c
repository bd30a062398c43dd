/* SPDX-License-Identifier: MIT */
/* Accounts of the load rig: see rig_user.h. */
#include "rig_user.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "modules/auth/auth.pb-c.h"
#include "modules/keyx/keyx.pb-c.h"
#include "verify/verify.h"

#define AUTH "sotto.auth.v1.AuthService/"
#define KEYX "sotto.keyx.v1.KeyService/"

static const uint8_t password[] = "load-rig-1";

static struct opaque_params
cheap_params(void)
{
    struct opaque_params params = opaque_params_default();

    params.stretch = opaque_stretch_identity;
    return params;
}

static ProtobufCBinaryData
binary(const void *data, size_t size)
{
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)data};
}

static Sotto__Auth__V1__Device
device_of(const struct rig_user *user)
{
    Sotto__Auth__V1__Device device = SOTTO__AUTH__V1__DEVICE__INIT;

    device.device_id = binary(user->device_id, 16);
    device.label = "load";
    device.user_agent = "sotto-load/1";
    return device;
}

static int
complain(const struct rig_conn *conn, const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, conn->error);
    return -1;
}

/* ---- Registration ---- */

static int
register_start(struct rig_user *user, struct rig_conn *conn, struct opaque_client *opaque,
               uint8_t response_out[OPAQUE_RESPONSE_BYTES])
{
    Sotto__Auth__V1__RegisterStartRequest request = SOTTO__AUTH__V1__REGISTER_START_REQUEST__INIT;
    Sotto__Auth__V1__RegisterStartReply *reply;
    uint8_t blinded[OPAQUE_REQUEST_BYTES];

    opaque_client_register_start(opaque, password, sizeof(password) - 1, blinded);
    request.name = user->name;
    request.request = binary(blinded, sizeof(blinded));
    if (rig_call(conn, AUTH "RegisterStart", &request.base,
                 &sotto__auth__v1__register_start_reply__descriptor,
                 (ProtobufCMessage **)&reply) != 0)
        return complain(conn, "RegisterStart");
    if (reply->response.len == OPAQUE_RESPONSE_BYTES)
        memcpy(response_out, reply->response.data, OPAQUE_RESPONSE_BYTES);
    protobuf_c_message_free_unpacked(&reply->base, NULL);
    return 0;
}

static int
register_finish(struct rig_user *user, struct rig_conn *conn, const uint8_t *record)
{
    Sotto__Auth__V1__RegisterFinishRequest request = SOTTO__AUTH__V1__REGISTER_FINISH_REQUEST__INIT;
    Sotto__Auth__V1__Device device = device_of(user);
    Sotto__Auth__V1__LoginReply *reply;
    uint8_t key[16];
    int result = -1;

    randombytes_buf(key, sizeof(key));
    request.name = user->name;
    request.record = binary(record, OPAQUE_RECORD_BYTES);
    request.idempotency_key = binary(key, sizeof(key));
    request.device = &device;
    if (rig_call(conn, AUTH "RegisterFinish", &request.base,
                 &sotto__auth__v1__login_reply__descriptor, (ProtobufCMessage **)&reply) != 0)
        return complain(conn, "RegisterFinish");
    if (reply->user_id.len == 16 && reply->refresh_token.len == 32 &&
        strlen(reply->access_token) < sizeof(user->access_token)) {
        memcpy(user->user_id, reply->user_id.data, 16);
        memcpy(user->refresh_token, reply->refresh_token.data, 32);
        snprintf(user->access_token, sizeof(user->access_token), "%s", reply->access_token);
        result = 0;
    }
    protobuf_c_message_free_unpacked(&reply->base, NULL);
    return result;
}

static int
open_account(struct rig_user *user, struct rig_conn *conn)
{
    struct opaque_client opaque;
    struct opaque_params params = cheap_params();
    uint8_t response[OPAQUE_RESPONSE_BYTES] = {0};
    uint8_t record[OPAQUE_RECORD_BYTES];

    if (register_start(user, conn, &opaque, response) != 0)
        return -1;
    if (opaque_client_register_finish(&opaque, &params, password, sizeof(password) - 1, response,
                                      record, user->export_key) != OPAQUE_OK)
        return -1;
    return register_finish(user, conn, record);
}

static int
publish_identity(struct rig_user *user, struct rig_conn *conn)
{
    Sotto__Keyx__V1__PublishIdentityRequest request =
        SOTTO__KEYX__V1__PUBLISH_IDENTITY_REQUEST__INIT;
    ProtobufCMessage *reply;
    uint8_t signature[64];

    verify_identity_sign(user->identity_seed, user->user_id, signature);
    request.identity_key = binary(user->identity_key, 32);
    request.signature = binary(signature, sizeof(signature));
    if (rig_call(conn, KEYX "PublishIdentity", &request.base,
                 &sotto__keyx__v1__publish_identity_reply__descriptor, &reply) != 0)
        return complain(conn, "PublishIdentity");
    protobuf_c_message_free_unpacked(reply, NULL);
    return 0;
}

static int
add_device(struct rig_user *user, struct rig_conn *conn)
{
    Sotto__Keyx__V1__AddDeviceRequest request = SOTTO__KEYX__V1__ADD_DEVICE_REQUEST__INIT;
    ProtobufCMessage *reply;

    verify_cert_make(user->identity_seed, user->user_id, user->device_id, user->device_key,
                     (uint64_t)time(NULL) * 1000, user->certificate);
    user->certificate_size = VERIFY_CERT_BYTES;
    request.certificate = binary(user->certificate, user->certificate_size);
    request.signature_key = binary(user->device_key, 32);
    request.label = "load";
    if (rig_call(conn, KEYX "AddDevice", &request.base,
                 &sotto__keyx__v1__add_device_reply__descriptor, &reply) != 0)
        return complain(conn, "AddDevice");
    protobuf_c_message_free_unpacked(reply, NULL);
    return 0;
}

int
rig_user_register(struct rig_user *user, struct rig_conn *conn, const char *name)
{
    uint8_t secret_key[64];

    memset(user, 0, sizeof(*user));
    snprintf(user->name, sizeof(user->name), "%s", name);
    randombytes_buf(user->device_id, sizeof(user->device_id));
    randombytes_buf(user->identity_seed, 32);
    randombytes_buf(user->device_seed, 32);
    crypto_sign_seed_keypair(user->identity_key, secret_key, user->identity_seed);
    crypto_sign_seed_keypair(user->device_key, secret_key, user->device_seed);
    if (open_account(user, conn) != 0 || rig_user_attach(user, conn) != 0)
        return -1;
    if (publish_identity(user, conn) != 0 || add_device(user, conn) != 0)
        return -1;
    return 0;
}

int
rig_user_attach(const struct rig_user *user, struct rig_conn *conn)
{
    Sotto__Auth__V1__AttachRequest request = SOTTO__AUTH__V1__ATTACH_REQUEST__INIT;
    ProtobufCMessage *reply;

    request.access_token = (char *)user->access_token;
    if (rig_call(conn, AUTH "Attach", &request.base, &sotto__auth__v1__attach_reply__descriptor,
                 &reply) != 0)
        return -1;
    protobuf_c_message_free_unpacked(reply, NULL);
    return 0;
}

/* ---- Logins ---- */

void
rig_login_start(struct rig_login *login, const struct rig_user *user, struct rig_conn *conn)
{
    Sotto__Auth__V1__LoginStartRequest request = SOTTO__AUTH__V1__LOGIN_START_REQUEST__INIT;
    uint8_t ke1[OPAQUE_KE1_BYTES];

    opaque_client_login_start(&login->opaque, password, sizeof(password) - 1, ke1);
    request.name = (char *)user->name;
    request.ke1 = binary(ke1, sizeof(ke1));
    rig_queue(conn, AUTH "LoginStart", &request.base);
    login->step = RIG_LOGIN_STARTED;
}

int
rig_login_finish(struct rig_login *login, const struct rig_user *user, struct rig_conn *conn,
                 const ProtobufCBinaryData *body)
{
    Sotto__Auth__V1__LoginStartReply *started =
        sotto__auth__v1__login_start_reply__unpack(NULL, body->len, body->data);
    Sotto__Auth__V1__LoginFinishRequest request = SOTTO__AUTH__V1__LOGIN_FINISH_REQUEST__INIT;
    Sotto__Auth__V1__Device device = device_of(user);
    struct opaque_params params = cheap_params();
    struct opaque_login keys;
    int result = -1;

    if (started != NULL && started->ke2.len == OPAQUE_KE2_BYTES &&
        opaque_client_login_finish(&login->opaque, &params, password, sizeof(password) - 1,
                                   started->ke2.data, &keys) == OPAQUE_OK) {
        request.login_start_id = started->login_start_id;
        request.ke3 = binary(keys.ke3, sizeof(keys.ke3));
        request.device = &device;
        rig_queue(conn, AUTH "LoginFinish", &request.base);
        login->step = RIG_LOGIN_FINISHED;
        result = 0;
    }
    if (started != NULL)
        sotto__auth__v1__login_start_reply__free_unpacked(started, NULL);
    return result;
}
