/* SPDX-License-Identifier: MIT */
/*
 * SetRole: the owner says who is owner, admin or member.
 *
 * Roles are the server's: no commit carries them. So that every member sees who gave what to whom, in one order with
 * everything else, a change is an entry of the log, read live or later like any other. It changes no epoch, hence
 * all of it is judged in its transaction, where no other change of the roster can come between.
 */
#include "chat_purge.h"
#include "chat_quota.h"
#include "chat_writer.h"

#define USER_ROLE_BYTES_MAX 32 /* an encoded UserRole */

struct role_op {
    struct sotto_req *req;
    const Sotto__Chat__V1__SetRoleRequest *in;
    uint32_t chat;
    size_t packed_size;
    uint8_t packed[USER_ROLE_BYTES_MAX];
    const char *text;
    /* from the transaction */
    struct chat_row row; /* seq 0: the user has the role already */
};

/* ---- writer thread ---------------------------------------------------------------------------------------- */

static int
refuse(struct role_op *op, int error, const char *text)
{
    op->text = text;
    return error;
}

/* SOTTO_OK, and whether anything changes. */
static int
judge(struct sotto_tx *tx, struct role_op *op, bool *changes_out)
{
    const uint8_t *user = op->in->user_id.data;
    Sotto__Chat__V1__Role own, role;
    struct chat_others others;
    int rc = chat_find_role(tx, op->chat, op->req->caller->user, &own);

    if (rc == SOTTO_OK)
        rc = chat_find_role(tx, op->chat, user, &role);
    if (rc == SOTTO_OK)
        rc = chat_count_others(tx, op->chat, user, &others);
    if (rc != SOTTO_OK)
        return rc;
    if (own != SOTTO__CHAT__V1__ROLE__ROLE_OWNER)
        return refuse(op, SOTTO_EPERM, "only the owner gives roles");
    if (role == SOTTO__CHAT__V1__ROLE__ROLE_UNSPECIFIED)
        return refuse(op, SOTTO_EPRECONDITION, "the user is not in the chat");
    if (op->in->role != SOTTO__CHAT__V1__ROLE__ROLE_OWNER && others.owners == 0)
        return refuse(op, SOTTO_EPRECONDITION, "a chat keeps one owner: name another one first");
    if (op->in->role != SOTTO__CHAT__V1__ROLE__ROLE_MEMBER && others.leaders >= CHAT_LEADERS_MAX)
        return refuse(op, SOTTO_EEXHAUSTED, "a chat has at most 100 owners and admins");
    *changes_out = role != op->in->role;
    return SOTTO_OK;
}

static int
write_role(struct sotto_tx *tx, struct role_op *op, struct chat_head *head)
{
    const struct sotto_caller *caller = op->req->caller;
    struct sotto_stmt *stmt;
    int rc;

    op->row = (struct chat_row){
        .chat = op->chat,
        .seq = head->seq + 1,
        .kind = SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_ROLE,
        .epoch = head->epoch,
        .ts_ms = tx->api->now_ms(tx),
        .message = chat_bytes(op->packed, op->packed_size),
    };
    rc = writer_device(tx, caller->user, caller->device, &op->row.device);
    if (rc == SOTTO_OK)
        rc = chat_write_row(tx, &op->row);
    if (rc < 0)
        return rc;
    stmt = sotto_stmt(tx, CHAT_MEMBER_SET_ROLE);
    sotto_bind_int(stmt, 1, op->in->role);
    sotto_bind_int(stmt, 2, op->chat);
    sotto_bind_blob(stmt, 3, op->in->user_id.data, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    head->seq = op->row.seq;
    return SOTTO_OK;
}

static int
role_tx(struct sotto_tx *tx, void *arg)
{
    struct role_op *op = arg;
    struct chat_head *head;
    bool changes = false;
    int rc = writer_head(tx, op->chat, &head);

    op->row.seq = 0;
    if (rc == SOTTO_OK && head->is_replaced)
        return SOTTO_EPRECONDITION;
    if (rc == SOTTO_OK)
        rc = judge(tx, op, &changes);
    if (rc != SOTTO_OK || !changes)
        return rc;
    if (head->seq == CHAT_SEQ_MAX)
        return refuse(op, SOTTO_EEXHAUSTED, "the chat's log is full");
    return write_role(tx, op, head);
}

/* ---- logic thread ----------------------------------------------------------------------------------------- */

static void
role_done(void *state, int status, void *arg)
{
    struct delivery *ds = state;
    const struct role_op *op = arg;
    Sotto__Chat__V1__SetRoleReply reply = SOTTO__CHAT__V1__SET_ROLE_REPLY__INIT;
    struct chat *chat = roster_chat(ds, op->in->chat_id);
    struct chat_user *user;

    if (status == SOTTO_ENOTFOUND) {
        chat_fail_absent(op->req);
        return;
    }
    if (status == SOTTO_EPRECONDITION && chat_fail_replaced(op->req, chat))
        return;
    if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, op->text);
        return;
    }
    if (op->row.seq != 0) {
        user = roster_user(chat, op->in->user_id.data);
        if (user != NULL)
            user->role = op->in->role;
        purge_note_entries(ds, chat, op->row.seq, op->row.ts_ms);
        /* To all, the caller's own device too: none of its sessions knows more than the answer tells the one that asked. */
        chat_push_row(ds, chat, NULL, &op->row, op->req->caller->user, op->req->caller->device);
    }
    reply.seq = op->row.seq;
    reply.ts_ms = op->row.ts_ms;
    sotto_reply(op->req, &reply.base);
}

static void
pack_role(struct role_op *op)
{
    Sotto__Chat__V1__UserRole role = SOTTO__CHAT__V1__USER_ROLE__INIT;

    role.user_id = op->in->user_id;
    role.role = op->in->role;
    op->packed_size = sotto__chat__v1__user_role__pack(&role, op->packed);
}

void
chat_on_set_role(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    struct role_op op = {.req = req, .in = (const void *)in};
    const struct chat *chat;
    int rc;

    if (!chat_is_ready(ds, req, in, chat_on_set_role))
        return;
    if (op.in->user_id.len != CHAT_ID_BYTES || op.in->role < SOTTO__CHAT__V1__ROLE__ROLE_OWNER ||
        op.in->role > SOTTO__CHAT__V1__ROLE__ROLE_MEMBER) {
        sotto_fail(req, SOTTO_EINVALID, "user_id has 16 bytes, and role is one of the three");
        return;
    }
    chat = roster_caller_chat(ds, req->caller, op.in->chat_id);
    if (chat == NULL) {
        chat_fail_absent(req);
        return;
    }
    if (chat->type == SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_DIRECT) {
        sotto_fail(req, SOTTO_EPRECONDITION, "a direct chat has no roles to give");
        return;
    }
    op.chat = chat->num;
    pack_role(&op);
    op.text = quota_take(ds, req->caller->user, (struct chat_load){.bytes = op.packed_size});
    if (op.text != NULL) {
        sotto_fail(req, SOTTO_EEXHAUSTED, op.text);
        return;
    }
    rc = ds->host->db->write(ds->host, role_tx, &op, sizeof(op), role_done);
    if (rc != SOTTO_OK)
        sotto_fail_status(req, rc, NULL);
}
