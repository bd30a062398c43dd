/* SPDX-License-Identifier: MIT */
/*
 * PutBackup and GetBackup: one sealed container a user, compare and set on its counter.
 *
 * The server reads the head of a container to see that it is one, of this user and with this counter; it cannot
 * open it. The last three are kept, the newest is given out: the older two are for an operator who must help
 * somebody whose client sealed nonsense.
 */
#include "keyx.h"

#include <string.h>

#include "backup/backup.h"

/* ---- PutBackup ------------------------------------------------------------------------------------------- */

struct put_op {
    struct sotto_req *req;
    const Sotto__Keyx__V1__PutBackupRequest *in;
    const char *text;
};

/* 1: this very container is the newest already; 0: it may be stored. */
static int
compare(struct sotto_tx *tx, struct put_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_BACKUP_GET);
    uint64_t stored = 0;
    int rc;

    sotto_bind_blob(stmt, 1, op->req->caller->user, KEYX_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    if (rc == SOTTO_ROW) {
        const struct sotto_view container = sotto_col_blob(stmt, 1);

        stored = (uint64_t)sotto_col_int(stmt, 0);
        if (stored == op->in->counter && container.size == op->in->container.len &&
            memcmp(container.data, op->in->container.data, container.size) == 0)
            return 1;
    }
    if (stored != op->in->expected_counter || op->in->counter <= stored)
        return keyx_refuse(&op->text, SOTTO_EABORTED,
                           "another backup was stored in between: read it and try again");
    return 0;
}

static int
put_tx(struct sotto_tx *tx, void *arg)
{
    struct put_op *op = arg;
    const uint8_t *user = op->req->caller->user;
    struct keyx_identity identity;
    struct sotto_stmt *stmt;
    int rc = keyx_identity_get(tx, user, &identity);

    if (rc == SOTTO_ENOTFOUND)
        return keyx_refuse(&op->text, SOTTO_EPRECONDITION,
                           "the account has no keys yet: publish the identity key first");
    if (rc == SOTTO_OK)
        rc = keyx_refuse_deleted(tx, user, &op->text);
    if (rc == SOTTO_OK)
        rc = compare(tx, op);
    if (rc != 0)
        return rc < 0 ? rc : SOTTO_OK;

    stmt = sotto_stmt(tx, KEYX_BACKUP_ADD);
    sotto_bind_blob(stmt, 1, user, KEYX_ID_BYTES);
    sotto_bind_int(stmt, 2, (int64_t)op->in->counter);
    sotto_bind_blob(stmt, 3, op->in->container.data, op->in->container.len);
    sotto_bind_int(stmt, 4, tx->api->now_ms(tx));
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    stmt = sotto_stmt(tx, KEYX_BACKUP_TRIM);
    sotto_bind_blob(stmt, 1, user, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, 2, user, KEYX_ID_BYTES);
    return sotto_step(stmt);
}

static void
put_done(void *state, int status, void *arg)
{
    struct put_op *op = arg;
    Sotto__Keyx__V1__PutBackupReply reply = SOTTO__KEYX__V1__PUT_BACKUP_REPLY__INIT;

    (void)state;
    if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, op->text);
        return;
    }
    reply.counter = op->in->counter;
    sotto_reply(op->req, &reply.base);
}

void
keyx_on_put_backup(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    const struct put_op op = {.req = req, .in = (const void *)in};
    struct backup_info info;

    if (op.in->counter < 1 || op.in->counter > INT64_MAX)
        sotto_fail(req, SOTTO_EINVALID, "the counter starts at 1 and fits into 63 bits");
    else if (backup_peek(op.in->container.data, op.in->container.len, &info) != BACKUP_OK)
        sotto_fail(req, SOTTO_EINVALID, "the container is not a sealed backup");
    else if (memcmp(info.user_id, req->caller->user, KEYX_ID_BYTES) != 0 ||
             info.counter != op.in->counter)
        sotto_fail(req, SOTTO_EINVALID, "the container is of another user or counter");
    else
        keyx_write(state, req, put_tx, &op, sizeof(op), put_done);
}

/* ---- GetBackup ------------------------------------------------------------------------------------------- */

struct fetch_op {
    struct sotto_req *req;
    Sotto__Keyx__V1__GetBackupReply reply;
};

static int
fetch_tx(struct sotto_tx *tx, void *arg)
{
    struct fetch_op *op = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_BACKUP_GET);
    int rc;

    sotto__keyx__v1__get_backup_reply__init(&op->reply);
    sotto_bind_blob(stmt, 1, op->req->caller->user, KEYX_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    op->reply.counter = (uint64_t)sotto_col_int(stmt, 0);
    op->reply.container = keyx_copy(tx, sotto_col_blob(stmt, 1));
    return op->reply.container.data != NULL ? SOTTO_OK : SOTTO_ENOMEM;
}

static void
fetch_done(void *state, int status, void *arg)
{
    struct fetch_op *op = arg;

    (void)state;
    if (status != SOTTO_OK)
        sotto_fail_status(op->req, status, NULL);
    else
        sotto_reply(op->req, &op->reply.base);
}

void
keyx_on_get_backup(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    const struct fetch_op op = {.req = req};

    (void)in;
    keyx_read(state, req, fetch_tx, &op, sizeof(op), fetch_done);
}
