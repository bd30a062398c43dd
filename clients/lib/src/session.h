/* SPDX-License-Identifier: MIT */
/*
 * The way from a profile to an attached connection, and typed calls over it.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "state.h"

#include "auth.pb-c.h"

#define AUTH_METHOD(name) "sotto.auth.v1.AuthService/" name
#define KEYX_METHOD(name) "sotto.keyx.v1.KeyService/" name
#define CHAT_METHOD(name) "sotto.chat.v1.ChatService/" name

/* Connects if there is no living connection; does not log in. A server sends connections away on which no login is shown
 * in time: to be called again after whatever takes long, such as stretching a password. */
int session_connect(struct sotto_client *client);

/* Shows the login of this access token on the connection, or on a new one when that took too long. */
int session_attach(struct sotto_client *client, const char *access_token);

/* Connects and attaches with the profile's login, renewing its token when it is due or refused.
 * Then brings the keys to the server if a step is missing, and repeats the creation of chats
 * whose answer was lost. */
int session_ready(struct sotto_client *client);

/* Only the first half of it: for what a device must be able to do before it is registered. */
int session_attached(struct sotto_client *client);

/* Renews the token of an attached connection that will expire within a minute. */
int session_extend(struct sotto_client *client);

void session_drop(struct sotto_client *client);

/* One call. reply_out gets the decoded answer (end it with pb_free), details_out (may be NULL)
 * the details of an error. After an error client->error.code is the server's. */
int rpc(struct sotto_client *client, const char *method, const ProtobufCMessage *request,
        const ProtobufCMessageDescriptor *reply_type, void *reply_out, struct buf *details_out);

/* The second half of rpc for calls that were pipelined with conn_call. */
int rpc_wait(struct sotto_client *client, uint64_t ticket,
             const ProtobufCMessageDescriptor *reply_type, void *reply_out,
             struct buf *details_out);

/* Stores a login in the profile; durable when it returns. */
int session_store_tokens(struct sotto_client *client, const Sotto__Auth__V1__LoginReply *reply);
int session_forget_tokens(struct sotto_client *client);

/* Login id and expiry as stored; false when there is no login. */
bool session_login_info(struct sotto_client *client, uint8_t login_id_out[ID_BYTES],
                        int64_t *expires_out);

#endif
