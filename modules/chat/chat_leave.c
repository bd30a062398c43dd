/* SPDX-License-Identifier: MIT */
/*
 * Leave: a user goes of his own accord (RFC 9420 sections 12.1.3 and 12.2).
 *
 * Nobody can commit his own removal, so the leaver proposes it, for all leaves of his devices, and a member commits.
 * The proposals become entries of the log and rows of their own; in the same transaction the user is no member any
 * more and his devices' seats end. Their leaves stay taken ("retired") until the next commit of the chat, which must
 * remove them. In between no application message is taken either, so nothing is ever encrypted to the leaver that
 * was sent after the leaving.
 *
 * The proposals are verified against the group, all but their membership tags. Members see those, and may remove the
 * leaves of a user who left by a Remove of their own instead.
 */
#include <stdlib.h>

#include "chat_purge.h"
#include "chat_tree.h"
#include "chat_turn.h"
#include "chat_writer.h"

/* One leaf that goes. */
struct leaf_op {
    uint32_t leaf;
    uint32_t device;
    uint8_t ref[MLS_REF_BYTES];
};

struct leave_op {
    struct sotto_req *req;
    const Sotto__Chat__V1__LeaveRequest *in;
    uint32_t chat;
    uint32_t device; /* the caller's */
    uint64_t message_epoch;
    size_t count;
    struct leaf_op leaves[CHAT_PROPOSALS_MAX]; /* in the order of the request */
    const char *text;
    struct chat_turn turn;
    struct tree_check check;
    /* from the transaction */
    uint64_t epoch;
    uint32_t seq; /* of the first proposal */
    int64_t ts_ms;
};

static int
refuse(struct leave_op *op, int error, const char *text)
{
    op->text = text;
    return error;
}

/* ---- writer thread ---------------------------------------------------------------------------------------- */

/* Whether the chat can do without the user. */
static int
judge(struct sotto_tx *tx, struct leave_op *op, const struct chat_head *head)
{
    const uint8_t *user = op->req->caller->user;
    Sotto__Chat__V1__Role role;
    struct chat_others others;
    int rc;

    op->epoch = head->epoch;
    if (head->is_replaced)
        return SOTTO_EPRECONDITION;
    if (op->message_epoch != head->epoch || head->proposals + op->count > CHAT_REMOVES_MAX ||
        memcmp(head->tree_hash, op->check.base_hash, MLS_HASH_BYTES) != 0)
        return SOTTO_EABORTED;
    if (head->seq > CHAT_SEQ_MAX - op->count)
        return refuse(op, SOTTO_EEXHAUSTED, "the chat's log is full");
    rc = chat_find_role(tx, op->chat, user, &role);
    if (rc == SOTTO_OK)
        rc = chat_count_others(tx, op->chat, user, &others);
    if (rc != SOTTO_OK)
        return rc;
    if (role == SOTTO__CHAT__V1__ROLE__ROLE_UNSPECIFIED)
        return SOTTO_ENOTFOUND; /* by another device, a moment ago */
    if (others.members == 0)
        return refuse(op, SOTTO_EPRECONDITION,
                      "nobody else is in the chat: delete it instead of leaving it");
    if (role == SOTTO__CHAT__V1__ROLE__ROLE_OWNER && others.owners == 0)
        return refuse(op, SOTTO_EPRECONDITION,
                      "the last owner cannot leave: make another member owner first");
    return SOTTO_OK;
}

static struct chat_row
row_of(const struct leave_op *op, size_t i)
{
    return (struct chat_row){
        .chat = op->chat,
        .seq = op->seq + (uint32_t)i,
        .kind = SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_PROPOSAL,
        .epoch = op->message_epoch,
        .device = op->device,
        .ts_ms = op->ts_ms,
        .message = op->in->proposals[i],
    };
}

static int
write_leaf(struct sotto_tx *tx, const struct leave_op *op, size_t i, uint32_t last_seq)
{
    const struct leaf_op *leaf = &op->leaves[i];
    const struct chat_row row = row_of(op, i);
    const struct chat_leaf_end end = {
        .leaf = leaf->leaf, .device = leaf->device, .until_seq = last_seq};

    return chat_write_proposal(tx, &row, &end, leaf->ref);
}

static int
leave_tx(struct sotto_tx *tx, void *arg)
{
    struct leave_op *op = *(struct leave_op **)arg;
    struct sotto_stmt *stmt;
    struct chat_head *head;
    int rc = writer_head(tx, op->chat, &head);

    if (rc == SOTTO_OK)
        rc = judge(tx, op, head);
    if (rc != SOTTO_OK)
        return rc;
    op->seq = head->seq + 1;
    op->ts_ms = tx->api->now_ms(tx);
    for (size_t i = 0; i < op->count && rc >= 0; i++)
        rc = write_leaf(tx, op, i, head->seq + (uint32_t)op->count);
    if (rc < 0)
        return rc;
    stmt = sotto_stmt(tx, CHAT_MEMBER_REMOVE);
    sotto_bind_int(stmt, 1, op->chat);
    sotto_bind_blob(stmt, 2, op->req->caller->user, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    head->seq += (uint32_t)op->count;
    head->proposals += (uint32_t)op->count;
    return SOTTO_OK;
}

/* ---- logic thread, after the commit ----------------------------------------------------------------------- */

/* To all, the leaver's own devices too: it is the last they get of the chat. */
static void
push_proposals(struct delivery *ds, const struct leave_op *op, const struct chat *chat)
{
    Sotto__Chat__V1__Entry entries[CHAT_PROPOSALS_MAX], *pointers[CHAT_PROPOSALS_MAX];

    for (size_t i = 0; i < op->count; i++) {
        const struct chat_row row = row_of(op, i);

        entries[i] = chat_entry(&row, chat->id, op->req->caller->user, op->req->caller->device);
        pointers[i] = &entries[i];
    }
    chat_push(ds, chat, NULL, pointers, op->count);
}

static void
apply(struct delivery *ds, const struct leave_op *op)
{
    struct chat *chat = roster_chat(ds, op->in->chat_id);

    purge_note_entries(ds, chat, op->seq + (uint32_t)op->count - 1, op->ts_ms);
    push_proposals(ds, op, chat);
    for (size_t i = 0; i < op->count; i++)
        roster_seat_retire(chat, op->leaves[i].leaf, op->leaves[i].ref);
}

/* The request's memory, the operation with it, is gone with the answer. */
static void
answer(struct delivery *ds, struct leave_op *op, int status)
{
    const struct chat_turn turn = op->turn;
    const struct chat *chat = roster_chat(ds, op->in->chat_id);
    Sotto__Chat__V1__LeaveReply reply = SOTTO__CHAT__V1__LEAVE_REPLY__INIT;

    tree_check_end(&op->check, status == SOTTO_OK);
    if (status == SOTTO_OK) {
        reply.seq = op->seq + op->count - 1;
        reply.ts_ms = op->ts_ms;
        sotto_reply(op->req, &reply.base);
    } else if (status == SOTTO_EABORTED) {
        chat_fail_stale(ds, op->req, op->epoch);
    } else if (status == SOTTO_ENOTFOUND) {
        chat_fail_absent(op->req);
    } else if (status != SOTTO_EPRECONDITION || !chat_fail_replaced(op->req, chat)) {
        sotto_fail_status(op->req, status, op->text != NULL ? op->text : op->check.text);
    }
    turn_end(turn);
}

static void
leave_done(void *state, int status, void *arg)
{
    struct delivery *ds = state;
    struct leave_op *op = *(struct leave_op **)arg;

    if (status == SOTTO_OK)
        apply(ds, op);
    answer(ds, op, status);
}

/* ---- verifying ---------------------------------------------------------------------------------------------- */

/* Pool thread. */
static int
verify_proposals(struct tree_check *check)
{
    const struct leave_op *op = check->owner;

    for (size_t i = 0; i < op->count; i++) {
        struct mls_received received = {0};
        const int rc =
            mls_public_group_take_proposal(check->group, chat_mls(op->in->proposals[i]), &received);

        mls_received_fini(&received);
        if (rc != MLS_OK)
            return tree_refuse(check, "proposal", rc);
    }
    return SOTTO_OK;
}

static void
on_verified(struct tree_check *check, int status)
{
    struct leave_op *op = check->owner;
    struct sotto_host *host = check->ds->host;

    if (status == SOTTO_OK)
        status = host->db->write(host, leave_tx, &op, sizeof(op), leave_done);
    if (status != SOTTO_OK)
        answer(check->ds, op, status);
}

/* ---- logic thread, before --------------------------------------------------------------------------------- */

/* Adds one proposal to the plan; its leaf must be one of the user's and new. */
static int
read_proposal(const struct delivery *ds, struct leave_op *op, const struct chat_seat *own,
              ProtobufCBinaryData message)
{
    const struct chat *chat = own->chat;
    const struct chat_seat *seat;
    struct leaf_op *leaf = &op->leaves[op->count];
    struct mls_message_info info;
    struct mls_proposal_view view;

    if (mls_message_info(chat_mls(message), &info) != MLS_OK ||
        info.wire_format != MLS_WIRE_PUBLIC_MESSAGE || info.content_type != MLS_CONTENT_PROPOSAL ||
        mls_proposal_view(ds->mls, chat_mls(message), &view) != MLS_OK ||
        mls_proposal_ref(ds->mls, chat_mls(message), leaf->ref) != MLS_OK ||
        view.type != MLS_PROPOSAL_REMOVE)
        return refuse(op, SOTTO_EINVALID, "a proposal is not an MLS Remove in a PublicMessage");
    if (info.group_id.len != CHAT_ID_BYTES ||
        memcmp(info.group_id.data, op->in->chat_id.data, CHAT_ID_BYTES) != 0)
        return refuse(op, SOTTO_EINVALID, "a proposal is of another group");
    op->epoch = chat->epoch;
    op->message_epoch = info.epoch;
    if (info.epoch != chat->epoch)
        return SOTTO_EABORTED;
    if (info.sender_type != MLS_SENDER_MEMBER || info.sender != own->leaf)
        return refuse(op, SOTTO_EPERM, "a proposal is signed as another member");
    seat = view.leaf < chat->leaf_capacity ? chat->leaves[view.leaf] : NULL;
    if (seat == NULL || seat->user != own->user)
        return refuse(op, SOTTO_EPERM, "who leaves proposes the own devices and no others");
    for (size_t i = 0; i < op->count; i++)
        if (op->leaves[i].leaf == view.leaf)
            return refuse(op, SOTTO_EINVALID, "a device is proposed twice");
    leaf->leaf = view.leaf;
    leaf->device = seat->device->num;
    op->count++;
    return SOTTO_OK;
}

static int
read_request(const struct delivery *ds, struct leave_op *op, const struct chat_seat *own)
{
    int rc = SOTTO_OK;

    if (own->chat->type == SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_DIRECT)
        return refuse(op, SOTTO_EPERM, "nobody leaves a direct chat");
    if (op->in->n_proposals < 1 || op->in->n_proposals > CHAT_PROPOSALS_MAX)
        return refuse(op, SOTTO_EINVALID, "1 to 32 proposals are possible");
    for (size_t i = 0; i < op->in->n_proposals && rc == SOTTO_OK; i++)
        rc = read_proposal(ds, op, own, op->in->proposals[i]);
    if (rc == SOTTO_OK && op->count != own->user->seat_count)
        rc = refuse(op, SOTTO_EINVALID, "who leaves proposes every device of the own in the chat");
    return rc;
}

static void
on_turn(void *owner)
{
    struct leave_op *op = owner;

    tree_check_start(&op->check);
}

void
chat_on_leave(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    const Sotto__Chat__V1__LeaveRequest *request = (const void *)in;
    const struct chat_seat *seat;
    struct leave_op *op;
    int rc;

    if (!chat_is_ready(ds, req, in, chat_on_leave))
        return;
    seat = roster_caller_seat(ds, req->caller, request->chat_id);
    if (seat == NULL) {
        chat_fail_absent(req);
        return;
    }
    if (chat_fail_replaced(req, seat->chat))
        return;
    op = req->api->alloc(req, sizeof(*op));
    if (op == NULL) {
        sotto_fail_status(req, SOTTO_ENOMEM, NULL);
        return;
    }
    *op = (struct leave_op){
        .req = req, .in = request, .chat = seat->chat->num, .device = seat->device->num};
    tree_check_proposals(&op->check, ds, seat->chat, op, verify_proposals, on_verified);
    rc = read_request(ds, op, seat);
    if (rc == SOTTO_OK)
        rc = turn_begin(ds, &op->turn, req->caller->user, on_turn, op);
    if (rc != SOTTO_OK)
        answer(ds, op, rc);
}
