/* SPDX-License-Identifier: MIT */
/*
 * Refresh: one refresh token for the next one and a new access token.
 *
 * Each token of a login is HMAC(server key, login || its number), so the store holds nothing but
 * hashes and the same token can be given twice. That is needed
 * once: two requests of one device that race (a lost answer, two tabs) both get the same successor
 * within `refresh_race`. Any other used token that comes back, or a token from another device,
 * means that somebody has a copy: the login ends at once, with its access tokens and connections,
 * and the user's other clients are told.
 *
 * For that a used token is remembered for as long as it could have been used. A login that renews without an end is
 * refused when it has as many as the lifetimes call for: forgetting the oldest instead would let a thief
 * make enough new ones that nobody notices the true owner's old one.
 */
#include "auth.h"

#include <sodium.h>

#include <string.h>

struct refresh_op {
    const struct auth_secrets *secrets;
    struct sotto_req *req;
    uint8_t token[AUTH_REFRESH_BYTES];
    uint8_t device[SOTTO_ID_BYTES];
    char address[AUTH_ADDRESS_BYTES_MAX + 1];
    int64_t now_ms;
    int64_t race_ms;
    int64_t refresh_s;
    int64_t rotations;
    bool refused;                /* out: the commit holds, but the client gets nothing */
    struct auth_removed removed; /* why the device has no login any more */
    struct auth_grant grant;
    struct auth_ended_list ended;
};

/* The row behind a token. */
struct found {
    int64_t counter; /* number of the token that was sent */
    int64_t until;   /* of it, seconds */
    uint8_t device[SOTTO_ID_BYTES];
    int64_t current; /* number of the newest token of this login */
    int64_t rotated_ms;
    int64_t refresh_until; /* of the newest token, seconds */
};

static int
find_token(struct sotto_tx *tx, struct refresh_op *op, struct found *found)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_REFRESH_FIND);
    uint8_t hash[AUTH_HASH_BYTES];
    int rc;

    auth_hash_refresh(op->token, hash);
    sotto_bind_blob(stmt, 1, hash, sizeof(hash));
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_EAUTH;
    if (auth_col_bytes(stmt, 0, op->grant.login, SOTTO_ID_BYTES) != 0 ||
        auth_col_bytes(stmt, 3, op->grant.user, SOTTO_ID_BYTES) != 0 ||
        auth_col_bytes(stmt, 4, found->device, SOTTO_ID_BYTES) != 0 ||
        sotto_col_text(stmt, 8) == NULL)
        return SOTTO_EDATALOSS;
    found->counter = sotto_col_int(stmt, 1);
    found->until = sotto_col_int(stmt, 2);
    found->current = sotto_col_int(stmt, 5);
    found->rotated_ms = sotto_col_int(stmt, 6);
    found->refresh_until = sotto_col_int(stmt, 7);
    snprintf(op->grant.name, sizeof(op->grant.name), "%s", sotto_col_text(stmt, 8));
    return 0;
}

/* SOTTO_EEXHAUSTED: the login has as many tokens as are remembered. Their numbers have no gaps: the oldest expire
 * first. */
static int
check_room(struct sotto_tx *tx, const struct refresh_op *op, int64_t counter)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_REFRESH_OLDEST);
    int rc;

    sotto_bind_blob(stmt, 1, op->grant.login, SOTTO_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_EDATALOSS;
    return counter - sotto_col_int(stmt, 0) < op->rotations ? SOTTO_OK : SOTTO_EEXHAUSTED;
}

static int
store_rotation(struct sotto_tx *tx, const struct refresh_op *op, int64_t counter)
{
    const struct auth_grant *grant = &op->grant;
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_REFRESH_ADD);
    uint8_t hash[AUTH_HASH_BYTES];
    int rc = check_room(tx, op, counter);

    if (rc != SOTTO_OK)
        return rc;
    auth_hash_refresh(grant->refresh, hash);
    sotto_bind_blob(stmt, 1, hash, sizeof(hash));
    sotto_bind_blob(stmt, 2, grant->login, SOTTO_ID_BYTES);
    sotto_bind_int(stmt, 3, counter);
    sotto_bind_int(stmt, 4, grant->refresh_until);
    rc = auth_run_stmt(stmt);
    if (rc != 0)
        return rc;
    stmt = sotto_stmt(tx, AUTH_Q_LOGIN_ROTATE);
    sotto_bind_int(stmt, 1, counter);
    sotto_bind_int(stmt, 2, op->now_ms);
    sotto_bind_int(stmt, 3, op->now_ms);
    sotto_bind_int(stmt, 4, grant->refresh_until);
    sotto_bind_int(stmt, 5, grant->access_until);
    sotto_bind_text(stmt, 6, op->address);
    sotto_bind_blob(stmt, 7, grant->login, SOTTO_ID_BYTES);
    return auth_run_stmt(stmt);
}

/* A race of one device: the successor that exists already, with another access token. */
static int
store_race(struct sotto_tx *tx, const struct refresh_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_LOGIN_TOUCH);

    sotto_bind_int(stmt, 1, op->grant.access_until);
    sotto_bind_int(stmt, 2, op->now_ms);
    sotto_bind_blob(stmt, 3, op->grant.login, SOTTO_ID_BYTES);
    return auth_run_stmt(stmt);
}

static int
end_for_reuse(struct sotto_tx *tx, struct refresh_op *op, const struct found *found)
{
    op->refused = true;
    memcpy(op->ended.user, op->grant.user, SOTTO_ID_BYTES);
    return auth_end_login(tx, &op->ended, op->grant.login, found->device, AUTH_WHY_REUSED);
}

static int
refresh_write(struct sotto_tx *tx, void *arg)
{
    struct refresh_op *op = arg;
    struct found found;
    int rc;

    op->refused = false;
    op->ended.count = 0;
    rc = find_token(tx, op, &found);
    if (rc == SOTTO_EAUTH) {
        const int looked = auth_find_removed(tx, NULL, op->device, &op->removed);

        return looked < 0 ? looked : rc;
    }
    if (rc != 0)
        return rc;
    if (sodium_memcmp(found.device, op->device, SOTTO_ID_BYTES) != 0)
        return end_for_reuse(tx, op, &found);
    if (found.until <= op->now_ms / 1000)
        return SOTTO_EAUTH;

    memcpy(op->grant.device, op->device, SOTTO_ID_BYTES);
    if (found.counter == found.current) {
        op->grant.refresh_until = op->now_ms / 1000 + op->refresh_s;
        auth_derive_refresh(op->secrets, op->grant.login, found.current + 1, op->grant.refresh);
        return store_rotation(tx, op, found.current + 1);
    }
    if (found.counter + 1 == found.current && op->now_ms - found.rotated_ms <= op->race_ms) {
        op->grant.refresh_until = found.refresh_until;
        auth_derive_refresh(op->secrets, op->grant.login, found.current, op->grant.refresh);
        return store_race(tx, op);
    }
    return end_for_reuse(tx, op, &found);
}

static void
refresh_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    struct refresh_op *op = arg;

    if (status == 0)
        auth_announce_ended(auth, &op->ended);
    if (status == SOTTO_EAUTH && op->removed.size > 0)
        auth_fail_removed(op->req, SOTTO_EAUTH, &op->removed);
    else if (status == SOTTO_EAUTH || (status == 0 && op->refused))
        sotto_fail(op->req, SOTTO_EAUTH, AUTH_TEXT_REFRESH_REFUSED);
    else if (status == SOTTO_EEXHAUSTED)
        sotto_fail(op->req, status, "this login was renewed too often; log in again");
    else if (status != 0)
        sotto_fail(op->req, status, AUTH_TEXT_BUSY);
    else
        auth_reply_grant(auth, op->req, &op->grant);
    sodium_memzero(op, sizeof(*op));
    auth_end_job(auth);
}

void
auth_on_refresh(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct auth *auth = state;
    const Sotto__Auth__V1__RefreshRequest *request = (const void *)in;
    struct refresh_op op = {.secrets = auth->secrets, .req = req};
    const char *problem = NULL;

    if (request->refresh_token.len != AUTH_REFRESH_BYTES)
        problem = "refresh_token: 32 bytes";
    else if (request->device_id.len != SOTTO_ID_BYTES)
        problem = "device_id: 16 bytes";
    if (problem != NULL) {
        sotto_fail(req, SOTTO_EINVALID, problem);
        return;
    }
    memcpy(op.token, request->refresh_token.data, sizeof(op.token));
    memcpy(op.device, request->device_id.data, sizeof(op.device));
    snprintf(op.address, sizeof(op.address), "%s", req->caller->address);
    op.now_ms = auth->host->api->now_ms(auth->host);
    op.race_ms = auth->conf.race_ms;
    op.refresh_s = auth->conf.refresh_s;
    op.rotations = auth->conf.rotations;
    op.grant.issued = op.now_ms / 1000;
    op.grant.access_until = op.grant.issued + auth->conf.access_s;
    op.ended.until = op.grant.access_until + AUTH_CLOCK_SKEW_S;
    if (auth_write(auth, refresh_write, &op, sizeof(op), refresh_done) != 0)
        sotto_fail(req, SOTTO_EUNAVAILABLE, AUTH_TEXT_BUSY);
    sodium_memzero(&op, sizeof(op));
}
