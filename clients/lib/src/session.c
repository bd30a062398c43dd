/* SPDX-License-Identifier: MIT */
/*
 * Login tokens and the connection they attach. A refresh token is good for one use, so the renewal
 * runs under the profile's lock and its successor is stored before anything is done with it: a
 * second process then finds the new one, and a crash in between is covered by the server, which
 * gives the same successor again for a short time.
 */
#include "session.h"

#include "chat.h"
#include "keys.h"
#include "own_devices.h"

#include "profile.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RENEW_BEFORE_SECONDS 60

/* ---- calls ----------------------------------------------------------------------------------- */

int
rpc_wait(struct sotto_client *client, uint64_t ticket, const ProtobufCMessageDescriptor *reply_type,
         void *reply_out, struct buf *details_out)
{
    struct conn_reply reply = {0};
    int status = conn_wait(client->conn, ticket, client->timeout_ms, &reply, &client->error);
    if (status)
        return status;
    if (reply.ok) {
        void *decoded = pb_unpack(reply_type, reply.body.data, reply.body.len);
        if (decoded)
            *(void **)reply_out = decoded;
        else
            status = fail_malformed(&client->error);
    } else {
        status = fail_reply(&client->error, reply.code, reply.message);
        if (details_out)
            buf_set(details_out, reply.body.data, reply.body.len);
    }
    conn_reply_fini(&reply);
    return status;
}

int
rpc(struct sotto_client *client, const char *method, const ProtobufCMessage *request,
    const ProtobufCMessageDescriptor *reply_type, void *reply_out, struct buf *details_out)
{
    uint64_t ticket;
    int status =
        conn_call(client->conn, method, request, client->timeout_ms, &ticket, &client->error);
    if (status)
        return status;
    return rpc_wait(client, ticket, reply_type, reply_out, details_out);
}

/* ---- connecting ------------------------------------------------------------------------------ */

void
session_drop(struct sotto_client *client)
{
    conn_close(&client->conn);
    client->attached = client->caught_up = false;
}

int
session_connect(struct sotto_client *client)
{
    if (client->conn && !client->attached)
        conn_look(client->conn);
    if (client->conn && conn_is_open(client->conn))
        return SOTTO_CLIENT_OK;
    session_drop(client);
    int status = conn_open(client->server, client->timeout_ms, &client->conn, &client->error);
    if (status == SOTTO_CLIENT_OK)
        conn_set_wake(client->conn, client->wake_fd);
    if (status == SOTTO_CLIENT_OK && client->new_server) {
        status = meta_set(&client->profile, "server", client->server, strlen(client->server) + 1,
                          &client->error);
        client->new_server = status != SOTTO_CLIENT_OK;
    }
    return status;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static Sotto__Profile__V1__Tokens *
load_tokens(struct sotto_client *client, int *status_out)
{
    struct buf value = {0};
    Sotto__Profile__V1__Tokens *tokens = NULL;
    *status_out = meta_get(&client->profile, "tokens", &value, &client->error);
    if (*status_out == SOTTO_CLIENT_OK && value.len)
        tokens = pb_unpack(&sotto__profile__v1__tokens__descriptor, value.data, value.len);
    buf_fini(&value);
    if (*status_out == SOTTO_CLIENT_OK && !tokens)
        *status_out = fail(&client->error, SOTTO_CLIENT_EAUTH, "unauthenticated",
                           "not logged in; run `sotto login NAME` or `sotto register NAME`");
    return tokens;
}

int
session_store_tokens(struct sotto_client *client, const Sotto__Auth__V1__LoginReply *reply)
{
    Sotto__Profile__V1__Tokens tokens = SOTTO__PROFILE__V1__TOKENS__INIT;
    tokens.login_id = reply->login_id;
    tokens.access_token = reply->access_token;
    tokens.access_expires = reply->access_expires;
    tokens.refresh_token = reply->refresh_token;
    tokens.refresh_expires = reply->refresh_expires;
    struct buf value = {0};
    buf_pack(&value, &tokens.base);
    int status = meta_set(&client->profile, "tokens", value.data, value.len, &client->error);
    buf_fini(&value);
    return status;
}

int
session_forget_tokens(struct sotto_client *client)
{
    return meta_set(&client->profile, "tokens", "", 0, &client->error);
}

bool
session_login_info(struct sotto_client *client, uint8_t login_id_out[ID_BYTES],
                   int64_t *expires_out)
{
    int status;
    Sotto__Profile__V1__Tokens *tokens = load_tokens(client, &status);
    bool good = tokens && take_bytes(tokens->login_id, login_id_out, ID_BYTES);
    if (good)
        *expires_out = tokens->refresh_expires;
    pb_free(tokens);
    return good;
}

/* Trades the refresh token for new tokens. The lock is held. */
static int
refresh(struct sotto_client *client, const Sotto__Profile__V1__Tokens *tokens)
{
    Sotto__Auth__V1__RefreshRequest request = SOTTO__AUTH__V1__REFRESH_REQUEST__INIT;
    request.refresh_token = tokens->refresh_token;
    request.device_id = view(client->account.device_id, ID_BYTES);
    Sotto__Auth__V1__LoginReply *reply = NULL;
    struct buf details = {0};
    int status = rpc(client, AUTH_METHOD("Refresh"), &request.base,
                     &sotto__auth__v1__login_reply__descriptor, &reply, &details);
    if (status == SOTTO_CLIENT_EAUTH && details.len)
        status = own_device_refused(client, &details);
    buf_fini(&details);
    if (status && client->account.removed_ms)
        return status;
    if (status == SOTTO_CLIENT_EAUTH)
        return fail(&client->error, SOTTO_CLIENT_EAUTH, "unauthenticated",
                    "this login has ended; log in again with `sotto login %s`",
                    client->account.name);
    if (status == SOTTO_CLIENT_OK)
        status = session_store_tokens(client, reply);
    pb_free(reply);
    return status;
}

/* A token with some life left, renewed under the lock if need be. refused: an access token that
 * the server did not take, or NULL. */
static Sotto__Profile__V1__Tokens *
fresh_tokens(struct sotto_client *client, const char *refused, int *status_out)
{
    Sotto__Profile__V1__Tokens *tokens = NULL;
    *status_out = profile_lock(&client->profile, &client->error);
    if (*status_out)
        return NULL;
    tokens = load_tokens(client, status_out);
    if (tokens && (tokens->access_expires < wall_seconds() + RENEW_BEFORE_SECONDS ||
                   (refused && !strcmp(refused, tokens->access_token)))) {
        *status_out = session_connect(client); /* the lock may have been long in coming */
        if (*status_out == SOTTO_CLIENT_OK)
            *status_out = refresh(client, tokens);
        pb_free(tokens);
        tokens = *status_out == SOTTO_CLIENT_OK ? load_tokens(client, status_out) : NULL;
    }
    profile_unlock(&client->profile);
    return tokens;
}

static int
attach_once(struct sotto_client *client, const char *access_token)
{
    Sotto__Auth__V1__AttachRequest request = SOTTO__AUTH__V1__ATTACH_REQUEST__INIT;
    request.access_token = (char *)(uintptr_t)access_token;
    Sotto__Auth__V1__AttachReply *reply = NULL;
    int status = rpc(client, AUTH_METHOD("Attach"), &request.base,
                     &sotto__auth__v1__attach_reply__descriptor, &reply, NULL);
    if (status)
        return status;
    if (reply->user_id.len != ID_BYTES ||
        memcmp(reply->user_id.data, client->account.user_id, ID_BYTES))
        status = fail(&client->error, SOTTO_CLIENT_EAUTH, "unauthenticated",
                      "the server takes us for another user; log in again with `sotto login %s`",
                      client->account.name);
    client->access_expires = reply->expires;
    client->attached = status == SOTTO_CLIENT_OK;
    if (client->attached)
        conn_attached(client->conn);
    pb_free(reply);
    return status;
}

int
session_attach(struct sotto_client *client, const char *access_token)
{
    int status = attach_once(client, access_token);
    if (status != SOTTO_CLIENT_ENETWORK || !client->conn || !conn_was_slow(client->conn))
        return status;
    status = session_connect(client);
    return status ? status : attach_once(client, access_token);
}

static int
attach(struct sotto_client *client)
{
    int status;
    Sotto__Profile__V1__Tokens *tokens = fresh_tokens(client, NULL, &status);
    if (!tokens)
        return status;
    status = session_attach(client, tokens->access_token);
    if (status == SOTTO_CLIENT_EAUTH) {
        /* Revoked, or the server's clock is ahead of ours: a renewal tells which. The server closes the
         * connection after a refused token, so that is done on a new one. */
        Sotto__Profile__V1__Tokens *other = NULL;
        session_drop(client);
        status = session_connect(client);
        if (status == SOTTO_CLIENT_OK)
            other = fresh_tokens(client, tokens->access_token, &status);
        if (other)
            status = session_attach(client, other->access_token);
        pb_free(other);
    }
    pb_free(tokens);
    return status;
}

/* fresh_out: the connection was attached just now. */
static int
attach_if_needed(struct sotto_client *client, bool *fresh_out)
{
    int status = account_load(client);
    *fresh_out = false;
    if (status)
        return status;
    if (!client->account.exists)
        return fail(&client->error, SOTTO_CLIENT_EAUTH, "unauthenticated",
                    "not logged in; run `sotto login NAME` or `sotto register NAME`");
    status = own_device_gate(client);
    if (status == SOTTO_CLIENT_OK)
        status = session_connect(client);
    if (status == SOTTO_CLIENT_OK && client->attached)
        return session_extend(client);
    *fresh_out = status == SOTTO_CLIENT_OK;
    return status ? status : attach(client);
}

int
session_attached(struct sotto_client *client)
{
    bool fresh;
    return attach_if_needed(client, &fresh);
}

int
session_ready(struct sotto_client *client)
{
    bool fresh = false;
    int status = attach_if_needed(client, &fresh);
    if (status || !fresh)
        return status;
    status = keys_finish(client);
    if (status == SOTTO_CLIENT_OK)
        status = chat_finish_creations(client);
    return status;
}

int
session_extend(struct sotto_client *client)
{
    if (client->access_expires > wall_seconds() + RENEW_BEFORE_SECONDS)
        return SOTTO_CLIENT_OK;
    return attach(client);
}
