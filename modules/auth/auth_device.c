/* SPDX-License-Identifier: MIT */
/*
 * Devices that were removed from their accounts: keyx.device.removed.v1 ends their logins.
 *
 * keyx owns devices and publishes the fact after its own commit; here the login of the device ends in one
 * transaction that also remembers the fact. From then on LoginFinish and Refresh answer the device with the fact
 * itself, which carries the signature of the user's identity key: the device need not believe the server that it
 * was thrown out. The fact may come twice; the second time changes nothing. With its account a device is removed
 * likewise (auth_delete.c).
 */
#include "auth.h"

#include <string.h>
#include <time.h>

#include "keyx.pb-c.h"

struct removed_op {
    uint8_t device[SOTTO_ID_BYTES];
    size_t fact_size;
    uint8_t fact[AUTH_FACT_BYTES_MAX];
    char reason[AUTH_REASON_BYTES_MAX];
    struct auth_ended_list ended;
};

/* ---- the fact arrives ------------------------------------------------------------------------ */

int
auth_remember_removed(struct sotto_tx *tx, const uint8_t user[SOTTO_ID_BYTES],
                      const uint8_t device[SOTTO_ID_BYTES], struct sotto_view fact)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_REMOVED_ADD);

    sotto_bind_blob(stmt, 1, user, SOTTO_ID_BYTES);
    sotto_bind_blob(stmt, 2, device, SOTTO_ID_BYTES);
    sotto_bind_blob(stmt, 3, fact.data, fact.size);
    return auth_run_stmt(stmt);
}

static int
removed_write(struct sotto_tx *tx, void *arg)
{
    struct removed_op *op = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_LOGIN_OF_DEVICE);
    uint8_t login[SOTTO_ID_BYTES];
    int rc;

    op->ended.count = 0;
    sotto_bind_blob(stmt, 1, op->ended.user, SOTTO_ID_BYTES);
    sotto_bind_blob(stmt, 2, op->device, SOTTO_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc == SOTTO_ROW) {
        rc = auth_col_bytes(stmt, 0, login, sizeof(login));
        if (rc == 0)
            rc = auth_end_login(tx, &op->ended, login, op->device, AUTH_WHY_DEVICE_REMOVED);
    }
    return rc < 0 ? rc
                  : auth_remember_removed(tx, op->ended.user, op->device,
                                          (struct sotto_view){op->fact, op->fact_size});
}

static void
removed_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    struct removed_op *op = arg;

    if (status == 0) {
        op->ended.goodbye = op->reason;
        auth_announce_ended(auth, &op->ended);
    } else {
        auth->host->api->log(auth->host, SOTTO_LOG_WARN,
                             "the login of a removed device did not end (%s); keyx tells again",
                             sotto_error_code(status));
    }
    auth_end_job(auth);
}

void
auth_write_reason(bool is_account, int64_t time_ms, const uint8_t *by,
                  char reason_out[AUTH_REASON_BYTES_MAX])
{
    const time_t seconds = (time_t)(time_ms / 1000);
    struct tm day;

    if (gmtime_r(&seconds, &day) == NULL)
        day = (struct tm){.tm_mday = 1};
    snprintf(reason_out, AUTH_REASON_BYTES_MAX, "%s on %04d-%02d-%02d by device %02x%02x%02x%02x",
             is_account ? "this account was deleted" : "this device was removed",
             day.tm_year + 1900, day.tm_mon + 1, day.tm_mday, by[0], by[1], by[2], by[3]);
}

static void
take_fact(struct auth *auth, const Sotto__Keyx__V1__DeviceRemoved *fact, struct sotto_view payload)
{
    struct removed_op op = {.fact_size = payload.size};
    const struct sotto_session_match match = {.user = op.ended.user, .device = op.device};

    memcpy(op.ended.user, fact->user_id.data, SOTTO_ID_BYTES);
    memcpy(op.device, fact->device_id.data, SOTTO_ID_BYTES);
    memcpy(op.fact, payload.data, payload.size);
    auth_write_reason(fact->account, fact->removed_ms, fact->by_device.data, op.reason);
    op.ended.until = auth_ended_until_s(auth);
    /* The connections end now, whether or not the store takes the rest. */
    auth->host->session->close_matching(auth->host, &match, SOTTO_GOODBYE_UNAUTHENTICATED,
                                        op.reason);
    if (auth_write(auth, removed_write, &op, sizeof(op), removed_done) != 0)
        auth->host->api->log(auth->host, SOTTO_LOG_WARN,
                             "the login of a removed device did not end; keyx tells again");
}

void
auth_on_device_removed(void *state, const struct sotto_envelope *envelope)
{
    Sotto__Keyx__V1__DeviceRemoved *fact = sotto__keyx__v1__device_removed__unpack(
        NULL, envelope->payload.size, envelope->payload.data);

    if (fact == NULL)
        return;
    if (envelope->payload.size <= AUTH_FACT_BYTES_MAX && fact->user_id.len == SOTTO_ID_BYTES &&
        fact->device_id.len == SOTTO_ID_BYTES && fact->by_device.len == SOTTO_ID_BYTES)
        take_fact(state, fact, envelope->payload);
    sotto__keyx__v1__device_removed__free_unpacked(fact, NULL);
}

/* ---- the device comes back ------------------------------------------------------------------- */

static int
read_fact(struct sotto_stmt *stmt, struct auth_removed *removed_out)
{
    const int rc = sotto_step(stmt);
    struct sotto_view fact;

    if (rc != SOTTO_ROW)
        return rc;
    fact = sotto_col_blob(stmt, 0);
    if (fact.size > sizeof(removed_out->fact))
        return SOTTO_EDATALOSS;
    memcpy(removed_out->fact, fact.data, fact.size);
    removed_out->size = fact.size;
    return 0;
}

int
auth_find_removed(struct sotto_tx *tx, const uint8_t *user, const uint8_t device[SOTTO_ID_BYTES],
                  struct auth_removed *removed_out)
{
    struct sotto_stmt *stmt =
        sotto_stmt(tx, user != NULL ? AUTH_Q_REMOVED_FIND : AUTH_Q_REMOVED_DEVICE);

    removed_out->size = 0;
    sotto_bind_blob(stmt, 1, device, SOTTO_ID_BYTES);
    if (user != NULL)
        sotto_bind_blob(stmt, 2, user, SOTTO_ID_BYTES);
    return read_fact(stmt, removed_out);
}

void
auth_fail_removed(struct sotto_req *req, int error, const struct auth_removed *removed)
{
    Sotto__Keyx__V1__DeviceRemoved *fact =
        sotto__keyx__v1__device_removed__unpack(NULL, removed->size, removed->fact);

    sotto_fail_details(req, error, fact != NULL ? &fact->base : NULL,
                       fact != NULL && fact->account ? "this account was deleted"
                                                     : "this device was removed from the account");
    if (fact != NULL)
        sotto__keyx__v1__device_removed__free_unpacked(fact, NULL);
}
