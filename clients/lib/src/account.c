/* SPDX-License-Identifier: MIT */
/*
 * Registration and login by OPAQUE, and what a user does with logins.
 *
 * A profile belongs to one account for good: a second name is refused, because its device key and
 * chats are the first one's. Registration stores the account before it brings the keys to the
 * server, so whatever breaks after RegisterFinish is mended by the next call (keys.c), and what
 * breaks before it left nothing behind.
 */
#include "account.h"
#include "chat.h"
#include "keys.h"
#include "own_devices.h"
#include "text.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FINISH_TRIES 3
#define STRETCHED_LONG_MS 3000 /* of the ten seconds that a server waits for an Attach */

/* ---- common parts ---------------------------------------------------------------------------- */

static int
opaque_trouble(struct sotto_client *client, int problem)
{
    if (problem == OPAQUE_EAUTH)
        return fail(&client->error, SOTTO_CLIENT_EAUTH, "unauthenticated",
                    "the name or the password is wrong");
    if (problem == OPAQUE_ESTRETCH)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "resource_exhausted",
                    "not enough memory to stretch the password (64 MiB are needed)");
    return fail(&client->error, SOTTO_CLIENT_EFAILED, "data_loss",
                "the server's answer is no OPAQUE message; is this a Sotto server?");
}

/* A label a person recognises: what was given, or the machine's name. */
static void
choose_label(struct sotto_client *client, const char *label)
{
    char host[LABEL_CHARS + 1] = "";
    struct sotto_client_error ignored;
    if (!label) {
        gethostname(host, sizeof(host) - 1);
        label = host;
    }
    if (check_text(TR("label"), label, LABEL_CHARS, &ignored))
        label = "device";
    snprintf(client->account.label, sizeof(client->account.label), "%s", label);
}

static void
describe_device(struct sotto_client *client, Sotto__Auth__V1__Device *device)
{
    sotto__auth__v1__device__init(device);
    device->device_id = view(client->account.device_id, ID_BYTES);
    device->label = client->account.label;
    device->user_agent = client->user_agent;
}

/* Takes user id and name from the answer; it must be the name that was asked for, in whatever case,
 * and the profile's account must be the same. */
static int
take_user(struct sotto_client *client, const char *name, const Sotto__Auth__V1__LoginReply *reply)
{
    struct account *account = &client->account;
    uint8_t user_id[ID_BYTES];
    if (!take_bytes(reply->user_id, user_id, ID_BYTES) || check_name(reply->name, &client->error))
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "data_loss",
                    "the server's answer names no user");
    if (strcasecmp(reply->name, name))
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "data_loss",
                    "the server's answer names another user (%s)", reply->name);
    if (account->exists && !id_equal(user_id, account->user_id))
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                    "the account %s was made anew at the server; use another --profile",
                    account->name);
    memcpy(account->user_id, user_id, ID_BYTES);
    snprintf(account->name, sizeof(account->name), "%s", reply->name);
    return SOTTO_CLIENT_OK;
}

/* A device of its own for a profile that has none, or has none any more. */
static void
make_device(struct account *account)
{
    account->removed_ms = 0;
    randombytes_buf(account->device_id, ID_BYTES);
    randombytes_buf(account->device_seed, VERIFY_SEED_BYTES);
    verify_public_key(account->device_seed, account->device_key);
}

/* The account and its login in one step. */
static int
store_login(struct sotto_client *client, const Sotto__Auth__V1__LoginReply *reply)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = session_store_tokens(client, reply);
    if (status == SOTTO_CLIENT_OK)
        status = account_store(client);
    return profile_end(&client->profile, status, &client->error);
}

/* Behind a stretching that may take longer than the server waits for an Attach: a new connection when the old one ends. */
static int
connect_for_the_rest(struct sotto_client *client, int64_t begun_ms)
{
    if (conn_now_ms() - begun_ms > STRETCHED_LONG_MS)
        session_drop(client);
    return session_connect(client);
}

/* ---- registration ---------------------------------------------------------------------------- */

/* Gives the record to the server, again with the same key when the answer is lost. */
static int
register_finish(struct sotto_client *client, const char *name,
                const uint8_t record[OPAQUE_RECORD_BYTES], Sotto__Auth__V1__LoginReply **reply_out)
{
    uint8_t key[16];
    Sotto__Auth__V1__Device device;
    Sotto__Auth__V1__RegisterFinishRequest request = SOTTO__AUTH__V1__REGISTER_FINISH_REQUEST__INIT;
    randombytes_buf(key, sizeof(key));
    describe_device(client, &device);
    request.name = (char *)(uintptr_t)name;
    request.record = view(record, OPAQUE_RECORD_BYTES);
    request.idempotency_key = view(key, sizeof(key));
    request.device = &device;
    int status = SOTTO_CLIENT_OK;
    for (int try = 0; try < FINISH_TRIES; try++) {
        status = session_connect(client);
        if (status == SOTTO_CLIENT_OK)
            status = rpc(client, AUTH_METHOD("RegisterFinish"), &request.base,
                         &sotto__auth__v1__login_reply__descriptor, reply_out, NULL);
        if (status != SOTTO_CLIENT_ENETWORK)
            break;
        pause_jitter(200, 600);
    }
    return status;
}

static int
register_exchange(struct sotto_client *client, const char *name, const char *password,
                  uint8_t export_key[OPAQUE_EXPORT_KEY_BYTES],
                  Sotto__Auth__V1__LoginReply **reply_out)
{
    struct opaque_client state = {0};
    struct opaque_params params = opaque_params_default();
    const uint8_t *secret = (const uint8_t *)password;
    uint8_t first[OPAQUE_REQUEST_BYTES], record[OPAQUE_RECORD_BYTES];
    int64_t begun = conn_now_ms();
    int problem = opaque_client_register_start(&state, secret, strlen(password), first);
    if (problem)
        return opaque_trouble(client, problem);
    Sotto__Auth__V1__RegisterStartRequest request = SOTTO__AUTH__V1__REGISTER_START_REQUEST__INIT;
    Sotto__Auth__V1__RegisterStartReply *reply = NULL;
    request.name = (char *)(uintptr_t)name;
    request.request = view(first, sizeof(first));
    int status = rpc(client, AUTH_METHOD("RegisterStart"), &request.base,
                     &sotto__auth__v1__register_start_reply__descriptor, &reply, NULL);
    if (status == SOTTO_CLIENT_OK) {
        problem = reply->response.len == OPAQUE_RESPONSE_BYTES
                      ? opaque_client_register_finish(&state, &params, secret, strlen(password),
                                                      reply->response.data, record, export_key)
                      : OPAQUE_EMESSAGE;
        status = problem ? opaque_trouble(client, problem) : connect_for_the_rest(client, begun);
    }
    if (status == SOTTO_CLIENT_OK)
        status = register_finish(client, name, record, reply_out);
    if (status == SOTTO_CLIENT_EFAILED && !strcmp(client->error.code, "already_exists"))
        status =
            fail(&client->error, status, "already_exists",
                 "the name %s is taken; choose another, or if it is yours run `sotto login %s`",
                 name, name);
    pb_free(reply);
    opaque_client_fini(&state);
    return status;
}

static int
forbid_second_account(struct sotto_client *client, const char *name)
{
    int status = account_load(client);
    if (status || !client->account.exists)
        return status;
    if (name && !strcasecmp(name, client->account.name))
        return SOTTO_CLIENT_OK;
    return fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                "this profile belongs to %s; use another --profile for %s", client->account.name,
                name ? name : "a new account");
}

int
sotto_client_may_register(struct sotto_client *client, const char *name, const char *password)
{
    int status = check_name(name, &client->error);
    if (status == SOTTO_CLIENT_OK && password)
        status = check_password(password, &client->error);
    return status ? status : forbid_second_account(client, NULL);
}

int
sotto_client_register(struct sotto_client *client, const char *name, const char *password,
                      const char *label)
{
    uint8_t export_key[OPAQUE_EXPORT_KEY_BYTES];
    Sotto__Auth__V1__LoginReply *reply = NULL;
    int status = sotto_client_may_register(client, name, password);
    if (status == SOTTO_CLIENT_OK)
        status = session_connect(client);
    if (status)
        return status;
    make_device(&client->account);
    choose_label(client, label);
    status = register_exchange(client, name, password, export_key, &reply);
    if (status == SOTTO_CLIENT_OK)
        status = take_user(client, name, reply);
    if (status == SOTTO_CLIENT_OK)
        status = keys_make_identity(client, export_key);
    if (status == SOTTO_CLIENT_OK)
        status = store_login(client, reply);
    sodium_memzero(export_key, sizeof(export_key));
    pb_free(reply);
    /* The account exists from here on; what follows is repeated by the next call if it fails. */
    return status ? status : session_ready(client);
}

/* ---- login ----------------------------------------------------------------------------------- */

static int
login_finish(struct sotto_client *client, ProtobufCBinaryData start_id,
             const uint8_t ke3[OPAQUE_KE3_BYTES], Sotto__Auth__V1__LoginReply **reply_out)
{
    Sotto__Auth__V1__Device device;
    Sotto__Auth__V1__LoginFinishRequest request = SOTTO__AUTH__V1__LOGIN_FINISH_REQUEST__INIT;
    struct buf details = {0};
    describe_device(client, &device);
    request.login_start_id = start_id;
    request.ke3 = view(ke3, OPAQUE_KE3_BYTES);
    request.device = &device;
    int status = rpc(client, AUTH_METHOD("LoginFinish"), &request.base,
                     &sotto__auth__v1__login_reply__descriptor, reply_out, &details);
    if (status && details.len)
        status = own_device_refused(client, &details);
    buf_fini(&details);
    return status;
}

int
account_prove(struct sotto_client *client, const char *name, const char *password,
              uint8_t start_id_out[ID_BYTES], struct opaque_login *login_out)
{
    struct opaque_client state = {0};
    struct opaque_params params = opaque_params_default();
    const uint8_t *secret = (const uint8_t *)password;
    uint8_t ke1[OPAQUE_KE1_BYTES];
    int problem = opaque_client_login_start(&state, secret, strlen(password), ke1);
    if (problem)
        return opaque_trouble(client, problem);
    Sotto__Auth__V1__LoginStartRequest request = SOTTO__AUTH__V1__LOGIN_START_REQUEST__INIT;
    Sotto__Auth__V1__LoginStartReply *reply = NULL;
    request.name = (char *)(uintptr_t)name;
    request.ke1 = view(ke1, sizeof(ke1));
    int status = rpc(client, AUTH_METHOD("LoginStart"), &request.base,
                     &sotto__auth__v1__login_start_reply__descriptor, &reply, NULL);
    if (status == SOTTO_CLIENT_OK) {
        problem = reply->ke2.len == OPAQUE_KE2_BYTES &&
                          take_bytes(reply->login_start_id, start_id_out, ID_BYTES)
                      ? opaque_client_login_finish(&state, &params, secret, strlen(password),
                                                   reply->ke2.data, login_out)
                      : OPAQUE_EMESSAGE;
        status = problem ? opaque_trouble(client, problem) : SOTTO_CLIENT_OK;
    }
    pb_free(reply);
    opaque_client_fini(&state);
    return status;
}

static int
login_exchange(struct sotto_client *client, const char *name, const char *password,
               uint8_t export_key[OPAQUE_EXPORT_KEY_BYTES], Sotto__Auth__V1__LoginReply **reply_out)
{
    struct opaque_login login = {0};
    uint8_t start_id[ID_BYTES];
    int64_t begun = conn_now_ms();
    int status = account_prove(client, name, password, start_id, &login);
    if (status == SOTTO_CLIENT_OK)
        status = connect_for_the_rest(client, begun);
    if (status == SOTTO_CLIENT_OK)
        status = login_finish(client, view(start_id, ID_BYTES), login.ke3, reply_out);
    if (status == SOTTO_CLIENT_OK)
        memcpy(export_key, login.export_key, OPAQUE_EXPORT_KEY_BYTES);
    opaque_client_login_fini(&login);
    return status;
}

/* Keys for a profile that has none: the account is stored with its login first, because fetching
 * the backup needs an attached connection. */
static int
equip_new_device(struct sotto_client *client, const Sotto__Auth__V1__LoginReply *login,
                 const uint8_t *export_key)
{
    int status = session_attach(client, login->access_token);
    return status ? status : keys_restore_identity(client, export_key);
}

/* A device without keys has no use for its login, which would only count. */
static void
end_useless_login(struct sotto_client *client)
{
    Sotto__Auth__V1__LogoutRequest request = SOTTO__AUTH__V1__LOGOUT_REQUEST__INIT;
    Sotto__Auth__V1__LogoutReply *reply = NULL;
    struct sotto_client_error kept = client->error;
    if (client->attached)
        rpc(client, AUTH_METHOD("Logout"), &request.base,
            &sotto__auth__v1__logout_reply__descriptor, &reply, NULL);
    pb_free(reply);
    session_drop(client);
    client->error = kept;
}

int
sotto_client_login(struct sotto_client *client, const char *name, const char *password,
                   const char *label)
{
    uint8_t export_key[OPAQUE_EXPORT_KEY_BYTES];
    Sotto__Auth__V1__LoginReply *reply = NULL;
    int status = check_name(name, &client->error);
    if (status == SOTTO_CLIENT_OK)
        status = forbid_second_account(client, name);
    if (status)
        return status;
    if (client->account.deleted)
        return own_device_gate(client);
    /* An attached connection belongs to the login before. */
    session_drop(client);
    status = session_connect(client);
    if (status)
        return status;
    if (!client->account.exists || client->account.removed_ms)
        make_device(&client->account);
    if (label || !client->account.exists)
        choose_label(client, label);
    status = login_exchange(client, name, password, export_key, &reply);
    if (status == SOTTO_CLIENT_OK)
        status = take_user(client, name, reply);
    if (status == SOTTO_CLIENT_OK && !client->account.has_identity) {
        status = equip_new_device(client, reply, export_key);
        if (status)
            end_useless_login(client);
    }
    if (status == SOTTO_CLIENT_OK)
        status = store_login(client, reply);
    sodium_memzero(export_key, sizeof(export_key));
    pb_free(reply);
    if (status == SOTTO_CLIENT_OK && client->attached)
        return keys_finish(client);
    return status ? status : session_ready(client);
}

/* ---- logins ---------------------------------------------------------------------------------- */

int
sotto_client_logout(struct sotto_client *client, bool all, unsigned *ended_out)
{
    int status = session_ready(client);
    if (status)
        return status;
    Sotto__Auth__V1__LogoutRequest request = SOTTO__AUTH__V1__LOGOUT_REQUEST__INIT;
    Sotto__Auth__V1__LogoutReply *reply = NULL;
    request.all = all;
    status = rpc(client, AUTH_METHOD("Logout"), &request.base,
                 &sotto__auth__v1__logout_reply__descriptor, &reply, NULL);
    if (status == SOTTO_CLIENT_OK && ended_out)
        *ended_out = reply->ended;
    pb_free(reply);
    session_drop(client);
    return status ? status : session_forget_tokens(client);
}

int
sotto_client_whoami(struct sotto_client *client, struct sotto_client_account *account_out)
{
    int status = session_ready(client);
    if (status)
        return status;
    Sotto__Auth__V1__WhoAmIRequest request = SOTTO__AUTH__V1__WHO_AM_IREQUEST__INIT;
    Sotto__Auth__V1__WhoAmIReply *reply = NULL;
    status = rpc(client, AUTH_METHOD("WhoAmI"), &request.base,
                 &sotto__auth__v1__who_am_ireply__descriptor, &reply, NULL);
    if (status)
        return status;
    uint8_t user_id[ID_BYTES], device_id[ID_BYTES], login_id[ID_BYTES], stored[ID_BYTES];
    if (check_name(reply->name, &client->error) == SOTTO_CLIENT_OK &&
        take_bytes(reply->user_id, user_id, ID_BYTES) &&
        take_bytes(reply->device_id, device_id, ID_BYTES) &&
        take_bytes(reply->login_id, login_id, ID_BYTES)) {
        struct sotto_client_account account = {
            .user = client->text,
            .server = client->server,
            .keys_ready = client->account.steps_done == STEPS_ALL,
        };
        id_hex(user_id, account.user_id);
        id_hex(device_id, account.device_id);
        id_hex(login_id, account.login_id);
        session_login_info(client, stored, &account.expires);
        snprintf(client->text, sizeof(client->text), "%s", reply->name);
        *account_out = account;
    } else {
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "data_loss",
                      "the server's answer names no user");
    }
    pb_free(reply);
    return status;
}

static void
hand_out_login(const Sotto__Auth__V1__Login *from, sotto_client_login_fn each, void *arg,
               bool *enough)
{
    uint8_t id[ID_BYTES];
    struct sotto_client_login login = {
        .label = from->label,
        .user_agent = from->user_agent,
        .address = from->address,
        .created = from->created,
        .last_used = from->last_used,
        .expires = from->expires,
        .current = from->current,
    };
    if (take_bytes(from->login_id, id, ID_BYTES))
        id_hex(id, login.id);
    if (take_bytes(from->device_id, id, ID_BYTES))
        id_hex(id, login.device_id);
    *enough = each(&login, arg) != 0;
}

int
sotto_client_logins(struct sotto_client *client, sotto_client_login_fn each, void *arg)
{
    int status = session_ready(client);
    if (status)
        return status;
    Sotto__Auth__V1__ListLoginsRequest request = SOTTO__AUTH__V1__LIST_LOGINS_REQUEST__INIT;
    Sotto__Auth__V1__ListLoginsReply *reply = NULL;
    status = rpc(client, AUTH_METHOD("ListLogins"), &request.base,
                 &sotto__auth__v1__list_logins_reply__descriptor, &reply, NULL);
    if (status)
        return status;
    bool enough = false;
    for (size_t i = 0; i < reply->n_logins && !enough; i++)
        hand_out_login(reply->logins[i], each, arg, &enough);
    pb_free(reply);
    return SOTTO_CLIENT_OK;
}

int
sotto_client_revoke(struct sotto_client *client, const char *login_id)
{
    uint8_t id[ID_BYTES];
    uint8_t own[ID_BYTES];
    int64_t expires;
    if (!id_from_hex(login_id, id))
        return fail(&client->error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                    "\"%.40s\" is no login id; `sotto logins` lists them", login_id);
    int status = session_ready(client);
    if (status)
        return status;
    Sotto__Auth__V1__RevokeRequest request = SOTTO__AUTH__V1__REVOKE_REQUEST__INIT;
    Sotto__Auth__V1__RevokeReply *reply = NULL;
    request.what_case = SOTTO__AUTH__V1__REVOKE_REQUEST__WHAT_LOGIN_ID;
    request.login_id = view(id, sizeof(id));
    status = rpc(client, AUTH_METHOD("Revoke"), &request.base,
                 &sotto__auth__v1__revoke_reply__descriptor, &reply, NULL);
    pb_free(reply);
    if (status == SOTTO_CLIENT_OK && session_login_info(client, own, &expires) &&
        id_equal(own, id)) {
        session_drop(client);
        status = session_forget_tokens(client);
    }
    return status;
}
