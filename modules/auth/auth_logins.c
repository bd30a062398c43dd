/* SPDX-License-Identifier: MIT */
/*
 * What an attached client may see and end: WhoAmI, ListLogins, Revoke, Logout; and LookupUsers.
 *
 * Ending a login answers the caller first and announces afterwards, because the announcement may
 * close the caller's own connection.
 */
#include "auth.h"

#include <string.h>

/* ---- WhoAmI ---------------------------------------------------------------------------------- */

struct who_op {
    struct sotto_req *req;
    uint8_t user[SOTTO_ID_BYTES];
    uint8_t device[SOTTO_ID_BYTES];
    uint8_t login[SOTTO_ID_BYTES];
    char name[AUTH_NAME_BYTES_MAX + 1];
    int64_t access_until;
};

static int
who_read(struct sotto_tx *tx, void *arg)
{
    struct who_op *op = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_LOGIN_BY_ID);
    int rc;

    sotto_bind_blob(stmt, 1, op->login, SOTTO_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_EAUTH;
    op->access_until = sotto_col_int(stmt, 2);
    snprintf(op->name, sizeof(op->name), "%s",
             sotto_col_text(stmt, 3) != NULL ? sotto_col_text(stmt, 3) : "");
    return 0;
}

static void
who_done(void *state, int status, void *arg)
{
    struct who_op *op = arg;
    Sotto__Auth__V1__WhoAmIReply reply = SOTTO__AUTH__V1__WHO_AM_IREPLY__INIT;

    if (status != 0) {
        sotto_fail(op->req, status,
                   status == SOTTO_EAUTH ? "this login has ended" : AUTH_TEXT_BUSY);
    } else {
        reply.user_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, op->user};
        reply.name = op->name;
        reply.device_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, op->device};
        reply.login_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, op->login};
        reply.expires = op->access_until;
        sotto_reply(op->req, &reply.base);
    }
    auth_end_job(state);
}

void
auth_on_who_am_i(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct who_op op = {.req = req};

    (void)in;
    memcpy(op.user, req->caller->user, SOTTO_ID_BYTES);
    memcpy(op.device, req->caller->device, SOTTO_ID_BYTES);
    memcpy(op.login, req->caller->login, SOTTO_ID_BYTES);
    if (auth_read(state, who_read, &op, sizeof(op), who_done) != 0)
        sotto_fail(req, SOTTO_EUNAVAILABLE, AUTH_TEXT_BUSY);
}

/* ---- ListLogins ------------------------------------------------------------------------------ */

struct login_row {
    uint8_t login[SOTTO_ID_BYTES];
    struct auth_device device;
    int64_t created_ms;
    int64_t used_ms;
    int64_t refresh_until;
};

struct list_op {
    struct sotto_req *req;
    uint8_t user[SOTTO_ID_BYTES];
    uint8_t current[SOTTO_ID_BYTES];
    size_t count;
    struct login_row rows[AUTH_LOGINS_MAX];
};

static void
copy_column(char *out, size_t size, struct sotto_stmt *stmt, int column)
{
    const char *text = sotto_col_text(stmt, column);

    snprintf(out, size, "%s", text != NULL ? text : "");
}

static int
list_read(struct sotto_tx *tx, void *arg)
{
    struct list_op *op = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_LOGINS_OF_USER);
    int rc;

    op->count = 0;
    sotto_bind_blob(stmt, 1, op->user, SOTTO_ID_BYTES);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW && op->count < AUTH_LOGINS_MAX) {
        struct login_row *row = &op->rows[op->count++];

        if (auth_col_bytes(stmt, 0, row->login, SOTTO_ID_BYTES) != 0 ||
            auth_col_bytes(stmt, 1, row->device.id, SOTTO_ID_BYTES) != 0)
            return SOTTO_EDATALOSS;
        copy_column(row->device.label, sizeof(row->device.label), stmt, 2);
        copy_column(row->device.user_agent, sizeof(row->device.user_agent), stmt, 3);
        copy_column(row->device.address, sizeof(row->device.address), stmt, 4);
        row->created_ms = sotto_col_int(stmt, 5);
        row->used_ms = sotto_col_int(stmt, 6);
        row->refresh_until = sotto_col_int(stmt, 7);
    }
    return rc < 0 ? rc : 0;
}

static void
reply_list(struct list_op *op)
{
    Sotto__Auth__V1__ListLoginsReply reply = SOTTO__AUTH__V1__LIST_LOGINS_REPLY__INIT;
    Sotto__Auth__V1__Login logins[AUTH_LOGINS_MAX];
    Sotto__Auth__V1__Login *pointers[AUTH_LOGINS_MAX];

    for (size_t i = 0; i < op->count; i++) {
        struct login_row *row = &op->rows[i];

        pointers[i] = &logins[i];
        sotto__auth__v1__login__init(&logins[i]);
        logins[i].login_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, row->login};
        logins[i].device_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, row->device.id};
        logins[i].label = row->device.label;
        logins[i].user_agent = row->device.user_agent;
        logins[i].address = row->device.address;
        logins[i].created = row->created_ms / 1000;
        logins[i].last_used = row->used_ms / 1000;
        logins[i].expires = row->refresh_until;
        logins[i].current = memcmp(row->login, op->current, SOTTO_ID_BYTES) == 0;
    }
    reply.logins = pointers;
    reply.n_logins = op->count;
    sotto_reply(op->req, &reply.base);
}

static void
list_done(void *state, int status, void *arg)
{
    struct list_op *op = arg;

    if (status != 0)
        sotto_fail(op->req, status, AUTH_TEXT_BUSY);
    else
        reply_list(op);
    auth_end_job(state);
}

void
auth_on_list_logins(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct list_op op = {.req = req};

    (void)in;
    memcpy(op.user, req->caller->user, SOTTO_ID_BYTES);
    memcpy(op.current, req->caller->login, SOTTO_ID_BYTES);
    if (auth_read(state, list_read, &op, sizeof(op), list_done) != 0)
        sotto_fail(req, SOTTO_EUNAVAILABLE, AUTH_TEXT_BUSY);
}

/* ---- Revoke and Logout ----------------------------------------------------------------------- */

struct end_op {
    struct sotto_req *req;
    bool all;    /* every login of the user; otherwise the one below */
    bool logout; /* which method asks */
    uint8_t login[SOTTO_ID_BYTES];
    struct auth_ended_list ended;
};

static int
end_one(struct sotto_tx *tx, struct end_op *op, enum auth_why why)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_LOGIN_BY_ID);
    uint8_t user[SOTTO_ID_BYTES];
    uint8_t device[SOTTO_ID_BYTES];
    int rc;

    sotto_bind_blob(stmt, 1, op->login, SOTTO_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_ENOTFOUND;
    if (auth_col_bytes(stmt, 0, user, sizeof(user)) != 0 ||
        auth_col_bytes(stmt, 1, device, sizeof(device)) != 0)
        return SOTTO_EDATALOSS;
    /* Somebody else's login looks like one that is not there. */
    if (memcmp(user, op->ended.user, SOTTO_ID_BYTES) != 0)
        return SOTTO_ENOTFOUND;
    return auth_end_login(tx, &op->ended, op->login, device, why);
}

static int
end_write(struct sotto_tx *tx, void *arg)
{
    struct end_op *op = arg;

    op->ended.count = 0;
    if (op->all)
        return auth_end_all(tx, &op->ended, AUTH_WHY_LOGOUT);
    return end_one(tx, op, op->logout ? AUTH_WHY_LOGOUT : AUTH_WHY_REVOKED);
}

static void
end_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    struct end_op *op = arg;
    Sotto__Auth__V1__LogoutReply logout = SOTTO__AUTH__V1__LOGOUT_REPLY__INIT;
    Sotto__Auth__V1__RevokeReply revoke = SOTTO__AUTH__V1__REVOKE_REPLY__INIT;

    if (status == SOTTO_ENOTFOUND) {
        sotto_fail(op->req, status, "no such login");
    } else if (status != 0) {
        sotto_fail(op->req, status, AUTH_TEXT_BUSY);
    } else {
        logout.ended = (uint32_t)op->ended.count;
        sotto_reply(op->req, op->logout ? &logout.base : &revoke.base);
        auth_announce_ended(auth, &op->ended);
    }
    auth_end_job(auth);
}

static void
end_begin(struct auth *auth, struct end_op *op)
{
    memcpy(op->ended.user, op->req->caller->user, SOTTO_ID_BYTES);
    op->ended.until = auth_ended_until_s(auth);
    if (auth_write(auth, end_write, op, sizeof(*op), end_done) != 0)
        sotto_fail(op->req, SOTTO_EUNAVAILABLE, AUTH_TEXT_BUSY);
}

/* Which login an access token belongs to. The token must be the caller's and still within its
 * time. */
static bool
login_of_token(struct auth *auth, const char *token, const struct sotto_caller *caller,
               uint8_t login_out[SOTTO_ID_BYTES])
{
    const int64_t now = auth_now_s(auth);
    struct auth_claims claims;

    if (auth_token_check(&auth->secrets->token, token, strlen(token), AUTH_USE_ACCESS, now,
                         &claims) != 0 ||
        memcmp(claims.user, caller->user, SOTTO_ID_BYTES) != 0)
        return false;
    memcpy(login_out, claims.login, SOTTO_ID_BYTES);
    return true;
}

void
auth_on_revoke(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct auth *auth = state;
    const Sotto__Auth__V1__RevokeRequest *request = (const void *)in;
    struct end_op op = {.req = req};
    const char *problem = NULL;

    switch (request->what_case) {
    case SOTTO__AUTH__V1__REVOKE_REQUEST__WHAT_LOGIN_ID:
        if (request->login_id.len != SOTTO_ID_BYTES)
            problem = "login_id: 16 bytes";
        else
            memcpy(op.login, request->login_id.data, SOTTO_ID_BYTES);
        break;
    case SOTTO__AUTH__V1__REVOKE_REQUEST__WHAT_ACCESS_TOKEN:
        if (!login_of_token(auth, request->access_token, req->caller, op.login))
            problem = "access_token: not a valid token of yours";
        break;
    default: problem = "login_id or access_token is needed"; break;
    }
    if (problem != NULL)
        sotto_fail(req, SOTTO_EINVALID, problem);
    else
        end_begin(auth, &op);
}

void
auth_on_logout(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    const Sotto__Auth__V1__LogoutRequest *request = (const void *)in;
    struct end_op op = {.req = req, .logout = true, .all = request->all};

    memcpy(op.login, req->caller->login, SOTTO_ID_BYTES);
    end_begin(state, &op);
}
