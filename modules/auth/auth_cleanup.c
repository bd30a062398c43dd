/* SPDX-License-Identifier: MIT */
/*
 * What auth does without being asked: at start it reads the ended logins and makes sure that the
 * OPAQUE setup is the one the accounts were made with; from time to time it removes rows whose time
 * has passed.
 */
#include "auth.h"

#include <string.h>

#define CHUNK_ROWS 1024

/* ---- at start -------------------------------------------------------------------------------- */

/* Ended logins as read, in the memory of the job. */
struct chunk {
    struct chunk *next;
    size_t count;
    struct {
        uint8_t login[SOTTO_ID_BYTES];
        int64_t until;
    } rows[CHUNK_ROWS];
};

struct load_op {
    uint8_t public_key[OPAQUE_PUBLIC_KEY_BYTES];
    int64_t now;
    bool foreign;        /* out: there are accounts, and they were made with another setup */
    bool too_many;       /* out: not all ended logins could be read */
    struct chunk *ended; /* out */
};

static int
has_users(struct sotto_tx *tx)
{
    return sotto_step(sotto_stmt(tx, AUTH_Q_USER_ANY));
}

/* Remembers the setup with the first start, compares it at each other one. */
static int
compare_setup(struct sotto_tx *tx, struct load_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_SETUP_GET);
    const int step = sotto_step(stmt);
    uint8_t stored[OPAQUE_PUBLIC_KEY_BYTES];
    int users;

    if (step < 0)
        return step;
    if (step == SOTTO_ROW && auth_col_bytes(stmt, 0, stored, sizeof(stored)) == 0 &&
        memcmp(stored, op->public_key, sizeof(stored)) == 0)
        return 0;
    users = has_users(tx);
    if (users < 0)
        return users;
    if (users == SOTTO_ROW) {
        op->foreign = true;
        return 0;
    }
    stmt = sotto_stmt(tx, AUTH_Q_SETUP_PUT);
    sotto_bind_blob(stmt, 1, op->public_key, sizeof(op->public_key));
    return auth_run_stmt(stmt);
}

static int
read_ended(struct sotto_tx *tx, struct load_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_ENDED_ALL);
    int rc;

    sotto_bind_int(stmt, 1, op->now);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW) {
        struct chunk *chunk = op->ended;

        if (chunk == NULL || chunk->count == CHUNK_ROWS) {
            chunk = sotto_tx_alloc(tx, sizeof(*chunk));
            if (chunk == NULL) {
                op->too_many = true;
                return 0;
            }
            chunk->next = op->ended;
            op->ended = chunk;
        }
        if (auth_col_bytes(stmt, 0, chunk->rows[chunk->count].login, SOTTO_ID_BYTES) != 0)
            return SOTTO_EDATALOSS;
        chunk->rows[chunk->count++].until = sotto_col_int(stmt, 1);
    }
    return rc;
}

static int
load_write(struct sotto_tx *tx, void *arg)
{
    struct load_op *op = arg;
    int rc;

    op->foreign = false;
    op->too_many = false;
    op->ended = NULL;
    rc = compare_setup(tx, op);
    return rc == 0 ? read_ended(tx, op) : rc;
}

static void
load_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    struct load_op *op = arg;
    bool complete = status == 0 && !op->too_many;

    if (status == 0) {
        auth->foreign = op->foreign;
        for (const struct chunk *chunk = op->ended; chunk != NULL; chunk = chunk->next) {
            for (size_t i = 0; complete && i < chunk->count; i++)
                complete = auth_ended_set_add(auth->ended, chunk->rows[i].login,
                                              chunk->rows[i].until) == 0;
        }
        auth->ready = complete;
    }
    if (auth->foreign)
        auth->host->api->log(
            auth->host, SOTTO_LOG_ERROR,
            "the file secrets/opaque in the data folder is not the one that the "
            "accounts were made with: nobody can log in; restore it from a backup");
    auth_end_job(auth);
}

int
auth_load(struct auth *auth)
{
    struct load_op op = {.now = auth_now_s(auth)};

    memcpy(op.public_key, auth->secrets->opaque.public_key, sizeof(op.public_key));
    return auth_write(auth, load_write, &op, sizeof(op), load_done);
}

/* ---- from time to time ----------------------------------------------------------------------- */

struct clean_op {
    int64_t now;
    int64_t rows[AUTH_CLEANED_ENDED + 1];
};

static int
clean_write(struct sotto_tx *tx, void *arg)
{
    static const uint32_t statements[] = {
        [AUTH_CLEANED_LOGINS] = AUTH_Q_CLEAN_LOGINS,
        [AUTH_CLEANED_REFRESH] = AUTH_Q_CLEAN_REFRESH,
        [AUTH_CLEANED_ENDED] = AUTH_Q_CLEAN_ENDED,
    };
    struct clean_op *op = arg;

    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        struct sotto_stmt *stmt = sotto_stmt(tx, statements[i]);
        int rc;

        sotto_bind_int(stmt, 1, op->now);
        rc = auth_run_stmt(stmt);
        if (rc != 0)
            return rc;
        op->rows[i] = tx->api->changes(tx);
    }
    return 0;
}

static void
clean_done(void *state, int status, void *arg)
{
    struct auth *auth = state;
    const struct clean_op *op = arg;

    for (uint32_t i = 0; status == 0 && i <= AUTH_CLEANED_ENDED; i++)
        auth_count(auth, AUTH_M_CLEANED, i, (double)op->rows[i]);
    if (status != 0)
        auth->host->api->log(auth->host, SOTTO_LOG_WARN,
                             "expired rows could not be removed; the next try comes by itself");
    auth_end_job(auth);
}

void
auth_clean(void *state, void *arg)
{
    struct auth *auth = state;
    struct clean_op op = {.now = auth_now_s(auth)};

    (void)arg;
    auth_ended_set_expire(auth->ended, op.now);
    if (!auth->ready)
        (void)auth_load(auth);
    (void)auth_write(auth, clean_write, &op, sizeof(op), clean_done);
    auth_tell_deleted(auth);
}
