/* SPDX-License-Identifier: MIT */
/*
 * DeleteChat: the chat is gone for everybody, in one step; its log goes after it, piece by piece.
 *
 * The transaction takes away what makes the chat one (members, seats, invitations, the pair of a direct chat) and
 * leaves a notice for each device that was in it. The log, which may be long, is the purge's (chat_purge.c), which
 * also deletes the chat's row at the end. Until then the row keeps the id taken, and a restart knows what to go on
 * with. In memory an empty chat stays behind, since work in flight may point at it.
 *
 * A group is deleted by an owner, a direct chat by either of its two: there is nobody else to ask.
 */
#include "chat_purge.h"
#include "chat_writer.h"

#include <stdlib.h>

/* For devices that do not come; later they hear it by `left`. */
#define NOTICE_KEEP_MS (90 * 86400000LL)

struct delete_op {
    struct sotto_req *req;
    ProtobufCBinaryData chat_id;
    uint32_t chat;   /* 0: not there, or not the caller's; perhaps the same request again */
    uint32_t device; /* of the caller; 0: in no table */
    bool is_direct;
    const char *text;
    int64_t ts_ms; /* from the transaction */
};

/* ---- writer thread ---------------------------------------------------------------------------------------- */

/* The caller deleted it before, and has yet to say that it knows. */
static int
find_notice(struct sotto_tx *tx, const struct delete_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_NOTICE_FIND);
    int rc;

    sotto_bind_int(stmt, 1, op->device);
    sotto_bind_blob(stmt, 2, op->chat_id.data, op->chat_id.len);
    sotto_bind_blob(stmt, 3, op->req->caller->user, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    return rc == SOTTO_DONE ? SOTTO_ENOTFOUND : rc < 0 ? rc : SOTTO_OK;
}

static int
judge(struct sotto_tx *tx, struct delete_op *op)
{
    Sotto__Chat__V1__Role role;
    const int rc = chat_find_role(tx, op->chat, op->req->caller->user, &role);

    if (rc != SOTTO_OK)
        return rc;
    if (role == SOTTO__CHAT__V1__ROLE__ROLE_UNSPECIFIED)
        return SOTTO_ENOTFOUND;
    if (op->is_direct || role == SOTTO__CHAT__V1__ROLE__ROLE_OWNER)
        return SOTTO_OK;
    op->text = "only an owner deletes a group; you can leave it";
    return SOTTO_EPERM;
}

static int
write_notices(struct sotto_tx *tx, const struct delete_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_NOTICE_SWEEP);
    int rc;

    sotto_bind_int(stmt, 1, op->ts_ms - NOTICE_KEEP_MS);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    stmt = sotto_stmt(tx, CHAT_NOTICE_ADD);
    sotto_bind_blob(stmt, 1, op->chat_id.data, op->chat_id.len);
    sotto_bind_blob(stmt, 2, op->req->caller->user, CHAT_ID_BYTES);
    sotto_bind_int(stmt, 3, op->ts_ms);
    sotto_bind_int(stmt, 4, op->chat);
    return sotto_step(stmt);
}

/* Rows that name the chat; children first. */
int
chat_take_rows(struct sotto_tx *tx, uint32_t chat, int64_t ts_ms)
{
    static const uint32_t statements[] = {
        CHAT_INVITATION_CLEAR, CHAT_WELCOME_CLEAR, CHAT_PROPOSAL_CLEAR, CHAT_GROUP_INFO_CLEAR,
        CHAT_REFUSAL_CLEAR,    CHAT_REPORT_CLEAR,  CHAT_TREE_CLEAR,     CHAT_PAIR_CLEAR,
        CHAT_SEAT_CLEAR,       CHAT_MEMBER_CLEAR,  CHAT_DEPARTURE_CLEAR};
    struct sotto_stmt *stmt;

    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        int rc;

        stmt = sotto_stmt(tx, statements[i]);
        sotto_bind_int(stmt, 1, chat);
        rc = sotto_step(stmt);
        if (rc < 0)
            return rc;
    }
    stmt = sotto_stmt(tx, CHAT_CHAT_SET_DELETED);
    sotto_bind_int(stmt, 1, ts_ms);
    sotto_bind_int(stmt, 2, chat);
    return sotto_step(stmt);
}

static int
delete_tx(struct sotto_tx *tx, void *arg)
{
    struct delete_op *op = arg;
    struct chat_head *head;
    int rc;

    op->ts_ms = tx->api->now_ms(tx);
    if (op->chat == 0)
        return find_notice(tx, op);
    rc = writer_head(tx, op->chat, &head);
    if (rc == SOTTO_OK)
        rc = judge(tx, op);
    if (rc == SOTTO_OK)
        rc = write_notices(tx, op);
    if (rc >= 0)
        rc = chat_take_rows(tx, op->chat, op->ts_ms);
    if (rc >= 0)
        head->is_deleted = true;
    return rc;
}

/* ---- logic thread ----------------------------------------------------------------------------------------- */

static void
push_deleted(struct delivery *ds, const struct delete_op *op, const struct chat *chat)
{
    Sotto__Chat__V1__ChatDeleted deleted = SOTTO__CHAT__V1__CHAT_DELETED__INIT;
    Sotto__Chat__V1__ChatDeletedEvent event = SOTTO__CHAT__V1__CHAT_DELETED_EVENT__INIT;
    size_t count;
    uint64_t *sessions = roster_listeners(chat, NULL, &count);

    deleted.chat_id = op->chat_id;
    deleted.user_id = chat_bytes(op->req->caller->user, CHAT_ID_BYTES);
    deleted.ts_ms = op->ts_ms;
    event.deleted = &deleted;
    if (count > 0)
        ds->host->session->push(ds->host, sessions, count, &event.base);
    free(sessions);
}

static void
publish(struct delivery *ds, const struct delete_op *op, const struct chat *chat)
{
    Sotto__Chat__V1__Accepted accepted = SOTTO__CHAT__V1__ACCEPTED__INIT;
    const struct sotto_view key = {op->chat_id.data, CHAT_ID_BYTES};
    uint8_t payload[128];
    struct sotto_view view = {.data = payload};

    accepted.chat_id = op->chat_id;
    accepted.seq = chat->seq;
    accepted.epoch = chat->epoch;
    accepted.sender_user = chat_bytes(op->req->caller->user, CHAT_ID_BYTES);
    accepted.sender_device = chat_bytes(op->req->caller->device, CHAT_ID_BYTES);
    accepted.ts_ms = op->ts_ms;
    view.size = sotto__chat__v1__accepted__pack(&accepted, payload);
    ds->host->broker->publish(ds->host, "chat.deleted.v1", key, view);
}

static void
delete_done(void *state, int status, void *arg)
{
    struct delivery *ds = state;
    const struct delete_op *op = arg;
    const Sotto__Chat__V1__DeleteChatReply reply = SOTTO__CHAT__V1__DELETE_CHAT_REPLY__INIT;
    struct chat *chat = op->chat != 0 ? roster_chat(ds, op->chat_id) : NULL;

    if (status == SOTTO_ENOTFOUND) {
        chat_fail_absent(op->req);
        return;
    }
    if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, op->text);
        return;
    }
    if (chat != NULL) {
        push_deleted(ds, op, chat);
        publish(ds, op, chat);
        roster_chat_empty(chat);
        purge_deleted(ds, chat);
        ds->host->metric->add(ds->host, CHAT_METRIC_CHATS, 0, -1);
    }
    sotto_reply(op->req, &reply.base);
}

void
chat_on_delete(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    const Sotto__Chat__V1__DeleteChatRequest *request = (const void *)in;
    const struct chat *chat;
    const struct chat_device *device;
    struct delete_op op = {.req = req, .chat_id = request->chat_id};
    int rc;

    if (!chat_is_ready(ds, req, in, chat_on_delete))
        return;
    chat = roster_caller_chat(ds, req->caller, request->chat_id);
    device = roster_device(ds, req->caller->user, req->caller->device);
    op.device = device != NULL ? device->num : 0;
    if (chat != NULL) {
        op.chat = chat->num;
        op.is_direct = chat->type == SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_DIRECT;
    } else if (op.device == 0 || request->chat_id.len != CHAT_ID_BYTES) {
        chat_fail_absent(req);
        return;
    }
    rc = ds->host->db->write(ds->host, delete_tx, &op, sizeof(op), delete_done);
    if (rc != SOTTO_OK)
        sotto_fail_status(req, rc, NULL);
}
