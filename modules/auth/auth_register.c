/* SPDX-License-Identifier: MIT */
/*
 * Registration: RegisterStart evaluates the OPRF for a name that is free, RegisterFinish stores the
 * record that the client made of it and opens its first login.
 *
 * RegisterStart must refuse a taken name before it evaluates: otherwise it would answer guesses at
 * the password of an existing user that no login counts.
 */
#include "auth.h"

#include <sodium.h>

#include <string.h>

/* For so long a repeated RegisterFinish is answered like the first. */
#define REPEAT_MS (10 * 60 * 1000)
#define TEXT_TAKEN "this name is taken"

/* ---- RegisterStart --------------------------------------------------------------------------- */

struct start_op {
    struct auth *auth;
    struct sotto_req *req;
    char name_key[AUTH_NAME_BYTES_MAX + 1];
    uint8_t request[OPAQUE_REQUEST_BYTES];
    uint8_t response[OPAQUE_RESPONSE_BYTES];
};

static void
start_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    struct start_op *op = arg;
    Sotto__Auth__V1__RegisterStartReply reply = SOTTO__AUTH__V1__REGISTER_START_REPLY__INIT;

    if (status != 0) {
        sotto_fail(op->req, SOTTO_EINVALID, "request: no OPAQUE registration request");
    } else {
        reply.response = (ProtobufCBinaryData){sizeof(op->response), op->response};
        sotto_reply(op->req, &reply.base);
    }
    auth_end_job(auth);
}

static int
start_work(void *arg)
{
    struct start_op *op = arg;
    const struct opaque_view credential = {(const uint8_t *)op->name_key, strlen(op->name_key)};

    return opaque_server_register(&op->auth->secrets->opaque, credential, op->request,
                                  op->response);
}

static int
start_read(struct sotto_tx *tx, void *arg)
{
    struct start_op *op = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_USER_BY_NAME);
    int step;

    sotto_bind_text(stmt, 1, op->name_key);
    step = sotto_step(stmt);
    return step == SOTTO_ROW ? SOTTO_EEXISTS : step;
}

static void
start_read_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    struct start_op *op = arg;

    if (status == SOTTO_EEXISTS)
        sotto_fail(op->req, SOTTO_EEXISTS, TEXT_TAKEN);
    else if (status != 0)
        sotto_fail(op->req, status, AUTH_TEXT_BUSY);
    else if (auth_run(auth, start_work, op, sizeof(*op), start_done) != 0)
        sotto_fail(op->req, SOTTO_EEXHAUSTED, AUTH_TEXT_BUSY);
    auth_end_job(auth);
}

void
auth_on_register_start(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct auth *auth = state;
    const Sotto__Auth__V1__RegisterStartRequest *request = (const void *)in;
    struct start_op op = {.auth = auth, .req = req};
    const char *problem = auth_check_name(request->name, op.name_key);

    if (problem == NULL && request->request.len != OPAQUE_REQUEST_BYTES)
        problem = "request: 32 bytes";
    if (problem != NULL) {
        sotto_fail(req, SOTTO_EINVALID, problem);
        return;
    }
    memcpy(op.request, request->request.data, sizeof(op.request));
    if (auth->foreign || auth_read(auth, start_read, &op, sizeof(op), start_read_done) != 0)
        sotto_fail(req, SOTTO_EUNAVAILABLE, AUTH_TEXT_BUSY);
}

/* ---- RegisterFinish -------------------------------------------------------------------------- */

struct finish_op {
    const struct auth_secrets *secrets;
    struct sotto_req *req;
    char name_key[AUTH_NAME_BYTES_MAX + 1];
    uint8_t record[OPAQUE_RECORD_BYTES];
    uint8_t idempotency[SOTTO_ID_BYTES];
    bool repeated;
    uint8_t fresh_user[SOTTO_ID_BYTES]; /* the id if the account is made now */
    struct auth_opening opening;
};

/* The login that the registration opened is still that device's, and none of its tokens was used: a repeat is for an
 * answer that was lost. It is no way to open a login again that was ended, or one on another device. */
static int
find_first_login(struct sotto_tx *tx, struct finish_op *op)
{
    struct auth_grant *grant = &op->opening.grant;
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_LOGIN_OF_DEVICE);
    int step;

    sotto_bind_blob(stmt, 1, grant->user, SOTTO_ID_BYTES);
    sotto_bind_blob(stmt, 2, op->opening.device.id, SOTTO_ID_BYTES);
    step = sotto_step(stmt);
    if (step != SOTTO_ROW)
        return step < 0 ? step : SOTTO_EEXISTS;
    if (auth_col_bytes(stmt, 0, grant->login, sizeof(grant->login)) != 0)
        return SOTTO_EDATALOSS;
    if (sotto_col_int(stmt, 1) != 0)
        return SOTTO_EEXISTS;
    grant->refresh_until = sotto_col_int(stmt, 2);
    grant->access_until = sotto_col_int(stmt, 3);
    auth_derive_refresh(op->secrets, grant->login, 0, grant->refresh);
    return SOTTO_OK;
}

/* The name exists. Is this the same registration once more? */
static int
accept_repeat(struct sotto_tx *tx, struct finish_op *op, struct sotto_stmt *stmt)
{
    uint8_t record[OPAQUE_RECORD_BYTES];
    uint8_t idempotency[SOTTO_ID_BYTES];
    const char *name = sotto_col_text(stmt, 1);

    if (sotto_col_int(stmt, 5) != 0)
        return SOTTO_EEXISTS; /* deleted: nobody poses as who had this name */
    if (auth_col_bytes(stmt, 0, op->opening.grant.user, SOTTO_ID_BYTES) != 0 || name == NULL ||
        auth_col_bytes(stmt, 2, record, sizeof(record)) != 0 ||
        auth_col_bytes(stmt, 3, idempotency, sizeof(idempotency)) != 0)
        return SOTTO_EDATALOSS;
    if (sodium_memcmp(record, op->record, sizeof(record)) != 0 ||
        sodium_memcmp(idempotency, op->idempotency, sizeof(idempotency)) != 0 ||
        sotto_col_int(stmt, 4) + REPEAT_MS < tx->api->now_ms(tx))
        return SOTTO_EEXISTS;
    snprintf(op->opening.grant.name, sizeof(op->opening.grant.name), "%s", name);
    op->repeated = true;
    return find_first_login(tx, op);
}

static int
add_user(struct sotto_tx *tx, struct finish_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_USER_ADD);

    memcpy(op->opening.grant.user, op->fresh_user, SOTTO_ID_BYTES);
    op->repeated = false;
    sotto_bind_blob(stmt, 1, op->fresh_user, SOTTO_ID_BYTES);
    sotto_bind_text(stmt, 2, op->opening.grant.name);
    sotto_bind_text(stmt, 3, op->name_key);
    sotto_bind_blob(stmt, 4, op->record, sizeof(op->record));
    sotto_bind_blob(stmt, 5, op->idempotency, sizeof(op->idempotency));
    sotto_bind_int(stmt, 6, tx->api->now_ms(tx));
    return auth_run_stmt(stmt);
}

static int
finish_write(struct sotto_tx *tx, void *arg)
{
    struct finish_op *op = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_USER_BY_NAME);
    int rc;

    sotto_bind_text(stmt, 1, op->name_key);
    rc = sotto_step(stmt);
    if (rc == SOTTO_ROW)
        rc = accept_repeat(tx, op, stmt);
    else if (rc == SOTTO_DONE)
        rc = add_user(tx, op);
    return rc == 0 && !op->repeated ? auth_opening_store(tx, &op->opening) : rc;
}

static void
publish_created(struct auth *auth, const uint8_t user[SOTTO_ID_BYTES])
{
    Sotto__Auth__V1__AccountCreated fact = SOTTO__AUTH__V1__ACCOUNT_CREATED__INIT;
    uint8_t id[SOTTO_ID_BYTES];
    uint8_t payload[SOTTO_ID_BYTES + 8];
    const struct sotto_view key = {id, sizeof(id)};

    memcpy(id, user, sizeof(id));
    fact.user_id = (ProtobufCBinaryData){sizeof(id), id};
    const struct sotto_view view = {payload, protobuf_c_message_pack(&fact.base, payload)};

    if (auth->host->broker->publish(auth->host, "auth.account.created.v1", key, view) != 0)
        auth->host->api->log(auth->host, SOTTO_LOG_WARN,
                             "a new account could not be published to other modules");
}

static void
finish_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    struct finish_op *op = arg;

    if (status == 0) {
        auth_announce_ended(auth, &op->opening.ended);
        if (!op->repeated)
            publish_created(auth, op->opening.grant.user);
        auth_reply_grant(auth, op->req, &op->opening.grant);
    } else if (status == SOTTO_EEXISTS || status == SOTTO_ECONSTRAINT) {
        sotto_fail(op->req, SOTTO_EEXISTS, TEXT_TAKEN);
    } else {
        sotto_fail(op->req, status, AUTH_TEXT_BUSY);
    }
    auth_count(auth, AUTH_M_REGISTRATIONS, status == 0 ? AUTH_ACCEPTED : AUTH_REFUSED, 1);
    sodium_memzero(op, sizeof(*op));
    auth_end_job(auth);
}

static const char *
check_finish(const Sotto__Auth__V1__RegisterFinishRequest *request,
             const struct sotto_caller *caller, struct finish_op *op)
{
    const char *problem = auth_check_name(request->name, op->name_key);

    if (problem == NULL)
        problem = auth_check_device(request->device, caller, &op->opening.device);
    if (problem == NULL && request->idempotency_key.len != SOTTO_ID_BYTES)
        problem = "idempotency_key: 16 bytes";
    if (problem == NULL && (request->record.len != OPAQUE_RECORD_BYTES ||
                            opaque_record_check(request->record.data) != OPAQUE_OK))
        problem = "record: no OPAQUE registration record";
    return problem;
}

void
auth_on_register_finish(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct auth *auth = state;
    const Sotto__Auth__V1__RegisterFinishRequest *request = (const void *)in;
    struct finish_op op = {.secrets = auth->secrets, .req = req};
    const char *problem = check_finish(request, req->caller, &op);

    if (problem != NULL) {
        sotto_fail(req, SOTTO_EINVALID, problem);
        return;
    }
    memcpy(op.record, request->record.data, sizeof(op.record));
    memcpy(op.idempotency, request->idempotency_key.data, sizeof(op.idempotency));
    memcpy(op.opening.grant.name, request->name, strlen(request->name) + 1);
    randombytes_buf(op.fresh_user, sizeof(op.fresh_user));
    auth_opening_init(auth, &op.opening);
    if (auth->foreign || auth_write(auth, finish_write, &op, sizeof(op), finish_done) != 0)
        sotto_fail(req, SOTTO_EUNAVAILABLE, AUTH_TEXT_BUSY);
    sodium_memzero(&op, sizeof(op));
}
