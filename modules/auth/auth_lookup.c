/* SPDX-License-Identifier: MIT */
/* LookupUsers: names to ids and back. Names are public to users of the server; unknown ones are
 * left out. */
#include "auth.h"

#include <string.h>

struct lookup_row {
    char key[AUTH_NAME_BYTES_MAX + 1]; /* lower case; "": asked by id */
    char name[AUTH_NAME_BYTES_MAX + 1];
    uint8_t user[SOTTO_ID_BYTES];
    bool found;
};

struct lookup_op {
    struct sotto_req *req;
    size_t count;
    struct lookup_row rows[AUTH_LOOKUP_MAX];
};

static int
find_by_id(struct sotto_tx *tx, struct lookup_row *row)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_USER_BY_ID);
    int rc;

    sotto_bind_blob(stmt, 1, row->user, SOTTO_ID_BYTES);
    rc = sotto_step(stmt);
    row->found = rc == SOTTO_ROW && sotto_col_text(stmt, 0) != NULL;
    if (row->found)
        snprintf(row->name, sizeof(row->name), "%s", sotto_col_text(stmt, 0));
    return rc < 0 ? rc : 0;
}

static int
find_by_name(struct sotto_tx *tx, struct lookup_row *row)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_USER_BY_NAME);
    int rc;

    sotto_bind_text(stmt, 1, row->key);
    rc = sotto_step(stmt);
    row->found = rc == SOTTO_ROW && sotto_col_text(stmt, 1) != NULL &&
                 sotto_col_int(stmt, 5) == 0 &&
                 auth_col_bytes(stmt, 0, row->user, SOTTO_ID_BYTES) == 0;
    if (row->found)
        snprintf(row->name, sizeof(row->name), "%s", sotto_col_text(stmt, 1));
    return rc < 0 ? rc : 0;
}

static int
lookup_read(struct sotto_tx *tx, void *arg)
{
    struct lookup_op *op = arg;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < op->count; i++)
        rc = op->rows[i].key[0] != '\0' ? find_by_name(tx, &op->rows[i])
                                        : find_by_id(tx, &op->rows[i]);
    return rc;
}

static void
reply_users(struct lookup_op *op)
{
    Sotto__Auth__V1__LookupUsersReply reply = SOTTO__AUTH__V1__LOOKUP_USERS_REPLY__INIT;
    Sotto__Auth__V1__User users[AUTH_LOOKUP_MAX];
    Sotto__Auth__V1__User *pointers[AUTH_LOOKUP_MAX];

    for (size_t i = 0; i < op->count; i++) {
        Sotto__Auth__V1__User *user = &users[reply.n_users];

        if (!op->rows[i].found)
            continue;
        sotto__auth__v1__user__init(user);
        user->user_id = (ProtobufCBinaryData){SOTTO_ID_BYTES, op->rows[i].user};
        user->name = op->rows[i].name;
        pointers[reply.n_users++] = user;
    }
    reply.users = pointers;
    sotto_reply(op->req, &reply.base);
}

static void
lookup_done(void *state, int status, void *arg)
{
    struct lookup_op *op = arg;

    if (status != 0)
        sotto_fail(op->req, status, AUTH_TEXT_BUSY);
    else
        reply_users(op);
    auth_end_job(state);
}

void
auth_on_lookup_users(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    const Sotto__Auth__V1__LookupUsersRequest *request = (const void *)in;
    struct lookup_op op = {.req = req};

    if (request->n_names > AUTH_LOOKUP_MAX ||
        request->n_user_ids > AUTH_LOOKUP_MAX - request->n_names) {
        sotto_fail(req, SOTTO_EINVALID, "at most 200 names and ids");
        return;
    }
    for (size_t i = 0; i < request->n_names; i++) {
        /* What cannot be a name is nobody's. */
        if (auth_check_name(request->names[i], op.rows[op.count].key) == NULL)
            op.count++;
        else
            op.rows[op.count].key[0] = '\0';
    }
    for (size_t i = 0; i < request->n_user_ids; i++) {
        if (request->user_ids[i].len != SOTTO_ID_BYTES) {
            sotto_fail(req, SOTTO_EINVALID, "user_ids: 16 bytes each");
            return;
        }
        memcpy(op.rows[op.count++].user, request->user_ids[i].data, SOTTO_ID_BYTES);
    }
    if (auth_read(state, lookup_read, &op,
                  offsetof(struct lookup_op, rows) + op.count * sizeof(op.rows[0]),
                  lookup_done) != 0)
        sotto_fail(req, SOTTO_EUNAVAILABLE, AUTH_TEXT_BUSY);
}
