/* SPDX-License-Identifier: MIT */
/*
 * Login: LoginStart answers KE1 with KE2, LoginFinish checks KE3 and opens a login.
 *
 * An unknown name takes the same way as a known one, through the store and the job pool, with the
 * fake record; its KE3 then fails like that of a wrong password, with the same sentence. The
 * computation (five multiplications on ristretto255) is the pool's; what the logic thread does is a
 * look-up and a comparison. Both the pool's quota and the table of unfinished logins are bounded.
 */
#include "auth.h"

#include <sodium.h>

#include <string.h>

/* ---- LoginStart ------------------------------------------------------------------------------ */

struct start_op {
    struct auth *auth;
    struct sotto_req *req;
    char name_key[AUTH_NAME_BYTES_MAX + 1];
    uint8_t ke1[OPAQUE_KE1_BYTES];
    uint8_t ke2[OPAQUE_KE2_BYTES];
    uint8_t record[OPAQUE_RECORD_BYTES];
    struct auth_login_start start;
};

static void
reply_start(struct auth *auth, struct start_op *op)
{
    Sotto__Auth__V1__LoginStartReply reply = SOTTO__AUTH__V1__LOGIN_START_REPLY__INIT;
    uint8_t id[SOTTO_ID_BYTES];

    auth_pending_add(auth->pending, auth->host->api->mono_ms(auth->host), &op->start, id);
    auth_count(auth, AUTH_M_LOGIN_STARTS, 0, 1);
    reply.login_start_id = (ProtobufCBinaryData){sizeof(id), id};
    reply.ke2 = (ProtobufCBinaryData){sizeof(op->ke2), op->ke2};
    sotto_reply(op->req, &reply.base);
}

static void
start_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    struct start_op *op = arg;

    if (status != 0)
        sotto_fail(op->req, SOTTO_EINVALID, "ke1: no OPAQUE KE1 message");
    else
        reply_start(auth, op);
    auth_end_job(auth); /* the pool wipes op */
}

static int
start_work(void *arg)
{
    struct start_op *op = arg;
    const struct opaque_params params = opaque_params_default();
    const struct opaque_view credential = {(const uint8_t *)op->name_key, strlen(op->name_key)};

    return opaque_server_login_start(&op->start.opaque, &op->auth->secrets->opaque, &params,
                                     credential, op->start.known ? op->record : NULL, op->ke1,
                                     op->ke2);
}

static int
start_read(struct sotto_tx *tx, void *arg)
{
    struct start_op *op = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_USER_BY_NAME);
    int rc;

    op->start.known = false;
    sotto_bind_text(stmt, 1, op->name_key);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    if (sotto_col_int(stmt, 5) != 0)
        return 0; /* deleted: as if it had never been */
    rc = auth_col_bytes(stmt, 0, op->start.user, SOTTO_ID_BYTES);
    if (rc == 0)
        rc = auth_col_bytes(stmt, 2, op->record, sizeof(op->record));
    op->start.known = rc == 0;
    return rc;
}

static void
start_read_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    struct start_op *op = arg;

    if (status != 0)
        sotto_fail(op->req, status, AUTH_TEXT_BUSY);
    else if (auth_run(auth, start_work, op, sizeof(*op), start_done) != 0)
        sotto_fail(op->req, SOTTO_EEXHAUSTED, AUTH_TEXT_BUSY);
    auth_end_job(auth);
}

void
auth_on_login_start(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct auth *auth = state;
    const Sotto__Auth__V1__LoginStartRequest *request = (const void *)in;
    struct start_op op = {.auth = auth, .req = req};
    const char *problem = auth_check_name(request->name, op.name_key);

    if (problem == NULL && request->ke1.len != OPAQUE_KE1_BYTES)
        problem = "ke1: 96 bytes";
    if (problem != NULL) {
        sotto_fail(req, SOTTO_EINVALID, problem);
        return;
    }
    memcpy(op.ke1, request->ke1.data, sizeof(op.ke1));
    if (auth->foreign || auth_read(auth, start_read, &op, sizeof(op), start_read_done) != 0)
        sotto_fail(req, SOTTO_EUNAVAILABLE, AUTH_TEXT_BUSY);
}

/* ---- LoginFinish ----------------------------------------------------------------------------- */

struct finish_op {
    struct sotto_req *req;
    struct auth_removed removed;
    struct auth_opening opening;
};

static int
finish_write(struct sotto_tx *tx, void *arg)
{
    struct finish_op *op = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_USER_BY_ID);
    int rc;

    sotto_bind_blob(stmt, 1, op->opening.grant.user, SOTTO_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW || sotto_col_text(stmt, 0) == NULL)
        return rc < 0 ? rc : SOTTO_EAUTH; /* the account went away meanwhile */
    snprintf(op->opening.grant.name, sizeof(op->opening.grant.name), "%s", sotto_col_text(stmt, 0));
    rc = auth_find_removed(tx, op->opening.grant.user, op->opening.device.id, &op->removed);
    if (rc == 0 && op->removed.size > 0)
        rc = SOTTO_EPRECONDITION;
    return rc != 0 ? rc : auth_opening_store(tx, &op->opening);
}

static void
finish_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    struct finish_op *op = arg;

    if (status == 0) {
        auth_announce_ended(auth, &op->opening.ended);
        auth_reply_grant(auth, op->req, &op->opening.grant);
    } else if (op->removed.size > 0) {
        auth_fail_removed(op->req, SOTTO_EPRECONDITION, &op->removed);
    } else {
        sotto_fail(op->req, status,
                   status == SOTTO_EAUTH ? AUTH_TEXT_LOGIN_REFUSED : AUTH_TEXT_BUSY);
    }
    auth_count(auth, AUTH_M_LOGINS, status == 0 ? AUTH_ACCEPTED : AUTH_REFUSED, 1);
    sodium_memzero(op, sizeof(*op));
    auth_end_job(auth);
}

int
auth_prove_password(struct auth *auth, const uint8_t login_start_id[SOTTO_ID_BYTES],
                    const uint8_t ke3[OPAQUE_KE3_BYTES], uint8_t user_out[SOTTO_ID_BYTES])
{
    struct auth_login_start start;
    uint8_t session_key[OPAQUE_SESSION_KEY_BYTES];
    int rc;

    if (auth_pending_take(auth->pending, auth->host->api->mono_ms(auth->host), login_start_id,
                          &start) != 0)
        return SOTTO_EAUTH;
    rc = opaque_server_login_finish(&start.opaque, ke3, session_key);
    if (rc == OPAQUE_OK && start.known)
        memcpy(user_out, start.user, SOTTO_ID_BYTES);
    else
        rc = SOTTO_EAUTH;
    sodium_memzero(&start, sizeof(start));
    sodium_memzero(session_key, sizeof(session_key));
    return rc;
}

void
auth_on_login_finish(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct auth *auth = state;
    const Sotto__Auth__V1__LoginFinishRequest *request = (const void *)in;
    struct finish_op op = {.req = req};
    const char *problem = auth_check_device(request->device, req->caller, &op.opening.device);

    if (problem == NULL && request->login_start_id.len != SOTTO_ID_BYTES)
        problem = "login_start_id: 16 bytes";
    if (problem == NULL && request->ke3.len != OPAQUE_KE3_BYTES)
        problem = "ke3: 64 bytes";
    if (problem != NULL) {
        sotto_fail(req, SOTTO_EINVALID, problem);
        return;
    }
    if (auth_prove_password(auth, request->login_start_id.data, request->ke3.data,
                            op.opening.grant.user) != 0) {
        auth_count(auth, AUTH_M_LOGINS, AUTH_REFUSED, 1);
        sotto_fail(req, SOTTO_EAUTH, AUTH_TEXT_LOGIN_REFUSED);
        return;
    }
    auth_opening_init(auth, &op.opening);
    if (auth_write(auth, finish_write, &op, sizeof(op), finish_done) != 0)
        sotto_fail(req, SOTTO_EUNAVAILABLE, AUTH_TEXT_BUSY);
    sodium_memzero(&op, sizeof(op));
}
