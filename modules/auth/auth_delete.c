/* SPDX-License-Identifier: MIT */
/*
 * DeleteAccount: the end of an account, at its owner's word and with the password.
 *
 * A token is not enough, it can be stolen: the caller proves the password by LoginStart and KE3, the way of every
 * login. keyx is asked whether the identity key signed the deletion, since the others believe that signature and
 * not us.
 *
 * One transaction ends all logins, remembers for their devices why, and empties the row of the account. What is
 * left of it keeps the login name taken for ever, so that nobody poses as who had it. Then the other modules are
 * told. The broker delivers at most once and a subscriber's write may fail, so each deletion is told again, by the
 * housekeeping and after a restart, until a round of the same process comes after one that told it. Whoever listens
 * hears it more than once.
 */
#include "auth.h"

#include <sodium.h>

#include <string.h>

#include "keyx.pb-c.h"

#define CLOCK_SKEW_MS 86400000LL /* a client's clock may be a day off */
#define CHECK_DEADLINE_MS 5000
#define PAYLOAD_BYTES_MAX 192 /* three ids, a time, a signature */

/* What other modules are told. */
struct deletion {
    uint8_t user[SOTTO_ID_BYTES];
    uint8_t by_device[SOTTO_ID_BYTES];
    int64_t deleted_ms;
    size_t signature_size; /* 0: the account has no keys */
    uint8_t signature[AUTH_SIGNATURE_BYTES];
};

struct delete_op {
    struct auth *auth;
    struct sotto_req *req;
    struct deletion deletion;
    bool repeated; /* from the transaction: it was deleted before */
    char reason[AUTH_REASON_BYTES_MAX];
    struct auth_ended_list ended;
};

/* ---- telling --------------------------------------------------------------------------------- */

static struct sotto_view
pack(struct deletion *deletion, uint8_t out[PAYLOAD_BYTES_MAX])
{
    Sotto__Auth__V1__AccountDeleted fact = SOTTO__AUTH__V1__ACCOUNT_DELETED__INIT;

    fact.user_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, deletion->user};
    fact.by_device = (ProtobufCBinaryData){SOTTO_ID_BYTES, deletion->by_device};
    fact.deleted_ms = deletion->deleted_ms;
    fact.signature = (ProtobufCBinaryData){deletion->signature_size, deletion->signature};
    return (struct sotto_view){out, sotto__auth__v1__account_deleted__pack(&fact, out)};
}

static int
publish(struct auth *auth, struct deletion *deletion)
{
    uint8_t payload[PAYLOAD_BYTES_MAX];
    const struct sotto_view key = {deletion->user, SOTTO_ID_BYTES};
    const int rc = auth->host->broker->publish(auth->host, "auth.account.deleted.v1", key,
                                               pack(deletion, payload));

    if (rc != 0)
        auth->host->api->log(auth->host, SOTTO_LOG_WARN,
                             "other modules were not told of a deleted account (%s); the "
                             "housekeeping tells them",
                             sotto_error_code(rc));
    return rc;
}

struct tell_op {
    struct auth_told told;
    size_t count;
    struct deletion *deletions; /* in the transaction's memory */
};

static int
read_deletion(struct sotto_stmt *row, struct deletion *out)
{
    const struct sotto_view signature = sotto_col_blob(row, 3);

    if (auth_col_bytes(row, 0, out->user, SOTTO_ID_BYTES) != 0 ||
        auth_col_bytes(row, 1, out->by_device, SOTTO_ID_BYTES) != 0 ||
        (signature.size != 0 && signature.size != AUTH_SIGNATURE_BYTES))
        return SOTTO_EDATALOSS;
    out->deleted_ms = sotto_col_int(row, 2);
    out->signature_size = signature.size;
    if (signature.size > 0)
        memcpy(out->signature, signature.data, signature.size);
    return 0;
}

static int
tell_write(struct sotto_tx *tx, void *arg)
{
    struct tell_op *op = arg;
    struct sotto_stmt *stmt;
    int rc = 0;

    for (size_t i = 0; i < op->told.count && rc == 0; i++) {
        stmt = sotto_stmt(tx, AUTH_Q_DELETION_TOLD);
        sotto_bind_blob(stmt, 1, op->told.users[i], SOTTO_ID_BYTES);
        rc = auth_run_stmt(stmt);
    }
    op->count = 0;
    op->deletions = sotto_tx_alloc(tx, AUTH_TELL_MAX * sizeof(*op->deletions));
    if (rc != 0 || op->deletions == NULL)
        return rc != 0 ? rc : SOTTO_ENOMEM;
    stmt = sotto_stmt(tx, AUTH_Q_DELETION_UNTOLD);
    sotto_bind_int(stmt, 1, AUTH_TELL_MAX);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW && op->count < AUTH_TELL_MAX) {
        rc = read_deletion(stmt, &op->deletions[op->count++]);
        if (rc != 0)
            return rc;
    }
    return rc < 0 ? rc : 0;
}

static void
tell_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    struct tell_op *op = arg;

    if (status == 0)
        auth->told.count = 0;
    else
        auth->host->api->log(auth->host, SOTTO_LOG_WARN, "deleted accounts were not told again: %s",
                             sotto_error_code(status));
    for (size_t i = 0; status == 0 && i < op->count; i++)
        if (publish(auth, &op->deletions[i]) == 0)
            memcpy(auth->told.users[auth->told.count++], op->deletions[i].user, SOTTO_ID_BYTES);
    auth_end_job(auth);
}

void
auth_tell_deleted(struct auth *auth)
{
    const struct tell_op op = {.told = auth->told};

    (void)auth_write(auth, tell_write, &op, sizeof(op), tell_done);
}

/* ---- the transaction ------------------------------------------------------------------------- */

/* The row keeps its login name and nothing else that is worth anything. */
static int
empty_account(struct sotto_tx *tx, struct delete_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_USER_EMPTY);
    int rc;

    sotto_bind_blob(stmt, 1, "", 0);
    sotto_bind_blob(stmt, 2, "", 0);
    sotto_bind_int(stmt, 3, tx->api->now_ms(tx));
    sotto_bind_blob(stmt, 4, op->deletion.user, SOTTO_ID_BYTES);
    rc = auth_run_stmt(stmt);
    op->repeated = rc == 0 && tx->api->changes(tx) == 0;
    return rc;
}

static int
add_deletion(struct sotto_tx *tx, const struct deletion *deletion)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_DELETION_ADD);

    sotto_bind_blob(stmt, 1, deletion->user, SOTTO_ID_BYTES);
    sotto_bind_blob(stmt, 2, deletion->by_device, SOTTO_ID_BYTES);
    sotto_bind_int(stmt, 3, deletion->deleted_ms);
    sotto_bind_blob(stmt, 4, deletion->signature, deletion->signature_size);
    return auth_run_stmt(stmt);
}

/* A device that comes back is shown the deletion in the form of a removal. */
static int
remember_why(struct sotto_tx *tx, struct deletion *deletion, uint8_t device[SOTTO_ID_BYTES])
{
    Sotto__Keyx__V1__DeviceRemoved fact = SOTTO__KEYX__V1__DEVICE_REMOVED__INIT;
    uint8_t payload[PAYLOAD_BYTES_MAX];
    struct sotto_view view = {.data = payload};

    fact.user_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, deletion->user};
    fact.device_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, device};
    fact.by_device = (ProtobufCBinaryData){SOTTO_ID_BYTES, deletion->by_device};
    fact.removed_ms = deletion->deleted_ms;
    fact.signature = (ProtobufCBinaryData){deletion->signature_size, deletion->signature};
    fact.account = true;
    view.size = sotto__keyx__v1__device_removed__pack(&fact, payload);
    return auth_remember_removed(tx, deletion->user, device, view);
}

static int
delete_write(struct sotto_tx *tx, void *arg)
{
    struct delete_op *op = *(struct delete_op **)arg;
    int rc;

    op->ended.count = 0;
    rc = empty_account(tx, op);
    if (rc != 0 || op->repeated)
        return rc;
    rc = auth_end_all(tx, &op->ended, AUTH_WHY_ACCOUNT_DELETED);
    for (size_t i = 0; i < op->ended.count && rc == 0; i++)
        rc = remember_why(tx, &op->deletion, op->ended.items[i].device);
    return rc == 0 ? add_deletion(tx, &op->deletion) : rc;
}

/* ---- the call -------------------------------------------------------------------------------- */

static void
announce(struct auth *auth, struct delete_op *op)
{
    char user[2 * SOTTO_ID_BYTES + 1];

    sodium_bin2hex(user, sizeof(user), op->deletion.user, SOTTO_ID_BYTES);
    auth->host->api->log(auth->host, SOTTO_LOG_INFO, "user %s deleted the account", user);
    op->ended.goodbye = op->reason;
    auth_announce_ended(auth, &op->ended);
    publish(auth, &op->deletion);
}

/* The answer goes first: the caller's own connection ends with the announcement. The operation is in the request's
 * memory, which the answer frees. */
static void
delete_done(void *state, int status, void *arg)
{
    const Sotto__Auth__V1__DeleteAccountReply reply = SOTTO__AUTH__V1__DELETE_ACCOUNT_REPLY__INIT;
    struct auth *auth = state;
    struct delete_op op = **(struct delete_op **)arg;

    auth_count(auth, AUTH_M_DELETIONS, status == 0 ? AUTH_ACCEPTED : AUTH_REFUSED, 1);
    if (status != 0)
        sotto_fail(op.req, status, AUTH_TEXT_BUSY);
    else
        sotto_reply(op.req, &reply.base);
    if (status == 0 && !op.repeated)
        announce(auth, &op);
    auth_end_job(auth);
}

static void
checked(void *state, int status, struct sotto_view answer, const char *text, void *arg)
{
    struct auth *auth = state;
    struct delete_op *op = arg;

    (void)answer;
    if (status == SOTTO_EINVALID)
        sotto_fail(op->req, status, text);
    else if (status != 0 || auth_write(auth, delete_write, &op, sizeof(op), delete_done) != 0)
        sotto_fail(op->req, SOTTO_EUNAVAILABLE, AUTH_TEXT_BUSY);
}

/* NULL, or what is wrong with the request. */
static const char *
check_request(const Sotto__Auth__V1__DeleteAccountRequest *request, int64_t now_ms)
{
    const int64_t age_ms = now_ms - request->deleted_ms;

    if (request->login_start_id.len != SOTTO_ID_BYTES)
        return "login_start_id: 16 bytes";
    if (request->ke3.len != OPAQUE_KE3_BYTES)
        return "ke3: 64 bytes";
    if (request->signature.len != 0 && request->signature.len != AUTH_SIGNATURE_BYTES)
        return "signature: 64 bytes, or none";
    if (request->deleted_ms < 0 || age_ms > CLOCK_SKEW_MS || age_ms < -CLOCK_SKEW_MS)
        return "the clock of this device is more than a day off; set it";
    return NULL;
}

static void
fill(struct delete_op *op, const Sotto__Auth__V1__DeleteAccountRequest *request)
{
    struct deletion *deletion = &op->deletion;

    memcpy(deletion->user, op->req->caller->user, SOTTO_ID_BYTES);
    memcpy(deletion->by_device, op->req->caller->device, SOTTO_ID_BYTES);
    deletion->deleted_ms = request->deleted_ms;
    deletion->signature_size = request->signature.len;
    if (request->signature.len > 0)
        memcpy(deletion->signature, request->signature.data, request->signature.len);
    memcpy(op->ended.user, deletion->user, SOTTO_ID_BYTES);
    op->ended.until = auth_ended_until_s(op->auth);
    auth_write_reason(true, deletion->deleted_ms, deletion->by_device, op->reason);
}

/* Of the caller, and of nobody else whose password the caller may know. */
static bool
has_password(struct auth *auth, const struct sotto_req *req,
             const Sotto__Auth__V1__DeleteAccountRequest *request)
{
    uint8_t user[SOTTO_ID_BYTES];

    return auth_prove_password(auth, request->login_start_id.data, request->ke3.data, user) == 0 &&
           memcmp(user, req->caller->user, SOTTO_ID_BYTES) == 0;
}

void
auth_on_delete_account(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct auth *auth = state;
    const Sotto__Auth__V1__DeleteAccountRequest *request = (const void *)in;
    const char *problem = check_request(request, auth->host->api->now_ms(auth->host));
    uint8_t payload[PAYLOAD_BYTES_MAX];
    struct delete_op *op;

    if (problem != NULL) {
        sotto_fail(req, SOTTO_EINVALID, problem);
        return;
    }
    if (!has_password(auth, req, request)) {
        auth_count(auth, AUTH_M_DELETIONS, AUTH_REFUSED, 1);
        sotto_fail(req, SOTTO_EAUTH, AUTH_TEXT_LOGIN_REFUSED);
        return;
    }
    op = req->api->alloc(req, sizeof(*op));
    if (op == NULL) {
        sotto_fail_status(req, SOTTO_ENOMEM, NULL);
        return;
    }
    *op = (struct delete_op){.auth = auth, .req = req};
    fill(op, request);
    auth->host->broker->call(auth->host, "keyx.deletion.check.v1",
                             (struct sotto_view){op->deletion.user, SOTTO_ID_BYTES},
                             pack(&op->deletion, payload), CHECK_DEADLINE_MS, checked, op);
}
