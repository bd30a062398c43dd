/* SPDX-License-Identifier: MIT */
/*
 * Attach: binds a connection to the user, device and login of an access token, until the token
 * expires. A repeated Attach of the same user and device extends; one of another closes the
 * connection, and so does a token that will not do on a connection that has no other.
 *
 * The token is checked first, then whether its login has ended. That is a look-up in memory, except
 * in the moments after start in which the ended logins have not been read yet (and when they have
 * become too many to keep): then the store is asked.
 */
#include "auth.h"

#include <string.h>

struct attach_op {
    struct sotto_req *req;
    struct auth_claims claims;
};

static void
attach(struct auth *auth, struct sotto_req *req, const struct auth_claims *claims)
{
    Sotto__Auth__V1__AttachReply reply = SOTTO__AUTH__V1__ATTACH_REPLY__INIT;
    const uint64_t session = req->caller->session;
    struct sotto_identity identity = {.struct_size = sizeof(identity)};
    int rc;

    memcpy(identity.user, claims->user, SOTTO_ID_BYTES);
    memcpy(identity.device, claims->device, SOTTO_ID_BYTES);
    memcpy(identity.login, claims->login, SOTTO_ID_BYTES);
    identity.expires_ms = claims->expires * 1000;
    rc = auth->host->session->attach(auth->host, session, &identity);
    if (rc == SOTTO_EPRECONDITION) {
        sotto_fail(req, rc, "this connection belongs to another user or device");
        auth->host->session->close(auth->host, session, SOTTO_GOODBYE_UNAUTHENTICATED,
                                   "attached as somebody else");
    } else if (rc == SOTTO_EEXHAUSTED) {
        sotto_fail(req, rc,
                   "this account has as many connections as one may have; close some of them");
    } else if (rc != 0) {
        sotto_fail(req, rc, "the connection is gone");
    } else {
        reply.user_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, identity.user};
        reply.device_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, identity.device};
        reply.expires = claims->expires;
        reply.server_time_ms = auth->host->api->now_ms(auth->host);
        sotto_reply(req, &reply.base);
    }
}

static void
refuse(struct auth *auth, struct sotto_req *req)
{
    const uint64_t session = req->caller->session;
    const bool attached = req->caller->attached;

    auth_count(auth, AUTH_M_TOKENS_CHECKED, AUTH_REFUSED, 1);
    sotto_fail(req, SOTTO_EAUTH, AUTH_TEXT_TOKEN_REFUSED);
    if (!attached)
        auth->host->session->close(auth->host, session, SOTTO_GOODBYE_UNAUTHENTICATED,
                                   AUTH_TEXT_TOKEN_REFUSED);
}

static void
accept_unless_ended(struct auth *auth, const struct attach_op *op)
{
    if (auth_ended_set_has(auth->ended, op->claims.login)) {
        refuse(auth, op->req);
        return;
    }
    auth_count(auth, AUTH_M_TOKENS_CHECKED, AUTH_ACCEPTED, 1);
    attach(auth, op->req, &op->claims);
}

static int
ended_read(struct sotto_tx *tx, void *arg)
{
    struct attach_op *op = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_ENDED_FIND);
    int step;

    sotto_bind_blob(stmt, 1, op->claims.login, SOTTO_ID_BYTES);
    step = sotto_step(stmt);
    return step == SOTTO_ROW ? SOTTO_EAUTH : step;
}

static void
ended_read_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    struct attach_op *op = arg;

    if (status == SOTTO_EAUTH)
        refuse(auth, op->req);
    else if (status != 0)
        sotto_fail(op->req, status, AUTH_TEXT_BUSY);
    else
        accept_unless_ended(auth, op);
    auth_end_job(auth);
}

void
auth_on_attach(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct auth *auth = state;
    const Sotto__Auth__V1__AttachRequest *request = (const void *)in;
    struct attach_op op = {.req = req};
    const int64_t now = auth_now_s(auth);

    if (auth_token_check(&auth->secrets->token, request->access_token,
                         strlen(request->access_token), AUTH_USE_ACCESS, now, &op.claims) != 0)
        refuse(auth, req);
    else if (auth->ready)
        accept_unless_ended(auth, &op);
    else if (auth_read(auth, ended_read, &op, sizeof(op), ended_read_done) != 0)
        sotto_fail(req, SOTTO_EUNAVAILABLE, AUTH_TEXT_BUSY);
}
