/* SPDX-License-Identifier: MIT */
/*
 * Ack: how far a device has read, and which Welcomes it is through with.
 *
 * A cursor that is lost only means that something is delivered twice, so cursors are kept in memory and handed to
 * the writer every five seconds, the newest of each seat. In a relay chat a lost cursor would keep entries that
 * everybody has, and nobody would say so again: there the answer comes when the cursor is on the disk. A Welcome is
 * deleted at once and for good: its request is answered when that is durable.
 *
 * A request may have 15,000 entries, and a device may send one after the other: so nothing of this is one long job of
 * the writer. A part of the rows is written, and the next one when that is done, so that everybody else's come in
 * between; and of a user few requests with many rows are at work at a time.
 */
#include "chat_purge.h"
#include "chat_turn.h"

#define MARKS_PART 512 /* read cursors in a job of the writer, some 5 microseconds each */
#define ROWS_PART 256  /* rows of a request in a job */
#define ROWS_AT_ONCE \
    16 /* a request with no more waits for no turn: it costs no more than a message */

/* ---- cursors that wait ------------------------------------------------------------------------------------------ */

struct flush_op {
    size_t count;
    struct chat_mark marks[MARKS_PART];
};

static int
write_mark(struct sotto_tx *tx, const struct chat_mark *mark)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_SEAT_SET_READ);

    sotto_bind_int(stmt, 1, mark->seq);
    sotto_bind_int(stmt, 2, mark->device);
    sotto_bind_int(stmt, 3, mark->chat);
    sotto_bind_int(stmt, 4, mark->seq);
    return sotto_step(stmt);
}

static int
flush_tx(struct sotto_tx *tx, void *arg)
{
    const struct flush_op *op = arg;
    int rc = SOTTO_OK;

    for (size_t i = 0; i < op->count && rc >= 0; i++)
        rc = write_mark(tx, &op->marks[i]);
    return rc < 0 ? rc : SOTTO_OK;
}

/* Hands the newest of the waiting marks to the writer, or drops them. */
static int
flush_part(struct delivery *ds, sotto_db_done_fn *done)
{
    struct chat_marks *marks = ds->marks;
    struct flush_op op = {.count = marks->count < MARKS_PART ? marks->count : MARKS_PART};
    int rc;

    marks->count -= op.count;
    memcpy(op.marks, &marks->marks[marks->count], op.count * sizeof(op.marks[0]));
    rc = ds->host->db->write(ds->host, flush_tx, &op, sizeof(op), done);
    if (rc == SOTTO_OK)
        chat_work_begin(ds);
    return rc;
}

static void
flush_done(void *state, int status, void *arg)
{
    struct delivery *ds = state;

    (void)arg;
    if (status != SOTTO_OK)
        ds->host->api->log(ds->host, SOTTO_LOG_WARN, "read cursors were not stored: %s",
                           sotto_error_code(status));
    chat_work_end(ds);
}

/* Of the timer's, which goes on while there is more. */
static void
part_done(void *state, int status, void *arg)
{
    struct delivery *ds = state;

    ds->flushes =
        status == SOTTO_OK && ds->marks->count > 0 && flush_part(ds, part_done) == SOTTO_OK;
    flush_done(ds, status, arg);
}

void
chat_flush_marks(struct delivery *ds)
{
    while (ds->marks->count > 0)
        flush_part(ds, flush_done);
}

void
chat_on_ack_timer(void *state, void *arg)
{
    struct delivery *ds = state;

    (void)arg;
    if (!ds->flushes && ds->marks->count > 0)
        ds->flushes = flush_part(ds, part_done) == SOTTO_OK;
}

/* Keeps the newest cursor of a seat. */
static void
mark(struct delivery *ds, struct chat_seat *seat)
{
    struct chat_marks *marks = ds->marks;
    const struct chat_mark now = {seat->device->num, seat->chat->num, seat->read_seq};
    struct chat_mark *at = &marks->marks[seat->mark];

    if (seat->mark < marks->count && at->device == now.device && at->chat == now.chat) {
        *at = now;
        return;
    }
    if (marks->count == CHAT_MARKS_MAX)
        flush_part(ds, flush_done);
    seat->mark = marks->count++;
    marks->marks[seat->mark] = now;
}

/* ---- rows of a request -------------------------------------------------------------------------------------------- */

enum row_kind { ROW_CURSOR, ROW_JOINED, ROW_DELETION_SEEN };

struct row {
    enum row_kind kind;
    struct chat_mark mark;         /* its seq: of a cursor */
    const ProtobufCBinaryData *id; /* in the request */
};

struct ack_op {
    struct delivery *ds;
    struct sotto_req *req;
    const Sotto__Chat__V1__AckRequest *in;
    const struct chat_device *device;
    struct chat_turn turn;
    size_t next; /* entry of the request: cursors, then Welcomes, then deletions */
    size_t count;
    struct row rows[ROWS_PART];
};

static int
step_for(struct sotto_tx *tx, uint32_t statement, uint32_t device, uint32_t chat)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, statement);

    if (device != 0)
        sotto_bind_int(stmt, 1, device);
    sotto_bind_int(stmt, device != 0 ? 2 : 1, chat);
    return sotto_step(stmt);
}

static int
forget_welcome(struct sotto_tx *tx, const struct chat_mark *mark)
{
    const int rc = step_for(tx, CHAT_INVITATION_REMOVE, mark->device, mark->chat);

    return rc < 0 ? rc : step_for(tx, CHAT_WELCOME_SWEEP, 0, mark->chat);
}

static int
forget_notice(struct sotto_tx *tx, const struct row *row)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_NOTICE_REMOVE);

    sotto_bind_int(stmt, 1, row->mark.device);
    sotto_bind_blob(stmt, 2, row->id->data, row->id->len);
    return sotto_step(stmt);
}

static int
write_row(struct sotto_tx *tx, const struct row *row)
{
    switch (row->kind) {
    case ROW_CURSOR: return write_mark(tx, &row->mark);
    case ROW_JOINED: return forget_welcome(tx, &row->mark);
    default: return forget_notice(tx, row);
    }
}

static int
rows_tx(struct sotto_tx *tx, void *arg)
{
    const struct ack_op *op = *(struct ack_op **)arg;
    int rc = SOTTO_OK;

    for (size_t i = 0; i < op->count && rc >= 0; i++)
        rc = write_row(tx, &op->rows[i]);
    return rc < 0 ? rc : SOTTO_OK;
}

/* ---- reading a request ---------------------------------------------------------------------------------------------- */

static void
add_row(struct ack_op *op, enum row_kind kind, const struct chat *chat, uint32_t seq,
        const ProtobufCBinaryData *id)
{
    op->rows[op->count++] = (struct row){
        .kind = kind, .mark = {op->device->num, chat != NULL ? chat->num : 0, seq}, .id = id};
}

static bool
is_relay(const struct chat *chat)
{
    return chat->mode == SOTTO__CHAT__V1__MODE__MODE_RELAY;
}

static void
take_cursor(struct ack_op *op, const Sotto__Chat__V1__Cursor *cursor)
{
    struct chat *chat = roster_chat(op->ds, cursor->chat_id);
    struct chat_seat *seat;
    uint32_t upto;

    if (chat == NULL) { /* takes as long as one of others */
        add_row(op, ROW_CURSOR, NULL, 0, &cursor->chat_id);
        return;
    }
    if (chat->seen == op->ds->serial)
        return; /* named twice: before a search through thousands of seats */
    chat->seen = op->ds->serial;
    seat = roster_seat(chat, op->device);
    upto = cursor->seq > chat->seq ? chat->seq : (uint32_t)cursor->seq;
    if (seat != NULL) {
        /* The same once more in a relay chat: the first answer may have said that it could not be written. */
        if (upto < seat->read_seq || (upto == seat->read_seq && !is_relay(chat)))
            return;
        seat->read_seq = upto;
    }
    /* Without a seat the device was removed and reads up to the end; where it never was, no row changes. */
    if (seat != NULL && !is_relay(chat))
        mark(op->ds, seat);
    else
        add_row(op, ROW_CURSOR, chat, upto, &cursor->chat_id);
}

static void
take_entry(struct ack_op *op, size_t entry)
{
    const Sotto__Chat__V1__AckRequest *in = op->in;

    if (entry < in->n_cursors) {
        take_cursor(op, in->cursors[entry]);
        return;
    }
    entry -= in->n_cursors;
    if (entry >= in->n_welcomes_joined) {
        add_row(op, ROW_DELETION_SEEN, NULL, 0, &in->deleted_seen[entry - in->n_welcomes_joined]);
        return;
    }
    add_row(op, ROW_JOINED, roster_chat(op->ds, in->welcomes_joined[entry]), 0,
            &in->welcomes_joined[entry]);
}

/* The next rows. True when they are the last ones. */
static bool
take_part(struct ack_op *op)
{
    const size_t count = op->in->n_cursors + op->in->n_welcomes_joined + op->in->n_deleted_seen;

    op->count = 0;
    op->ds->serial++;
    while (op->next < count && op->count < ROWS_PART)
        take_entry(op, op->next++);
    return op->next == count;
}

/* ---- the call ------------------------------------------------------------------------------------------------------- */

/* The request's memory, the operation with it, is gone with the answer. */
static void
answer(struct ack_op *op, int status)
{
    const Sotto__Chat__V1__AckReply reply = SOTTO__CHAT__V1__ACK_REPLY__INIT;
    const struct chat_turn turn = op->turn;

    if (status != SOTTO_OK)
        sotto_fail_status(op->req, status, NULL);
    else
        sotto_reply(op->req, &reply.base);
    turn_end(turn);
}

static void rows_done(void *state, int status, void *arg);

static void
write_part(void *owner)
{
    struct ack_op *op = owner;
    struct sotto_host *host = op->ds->host;
    const int rc = host->db->write(host, rows_tx, &op, sizeof(op), rows_done);

    if (rc != SOTTO_OK) {
        answer(op, rc);
        return;
    }
    for (size_t i = 0; i < op->count; i++) {
        struct chat *chat =
            op->rows[i].kind == ROW_CURSOR ? roster_chat(op->ds, *op->rows[i].id) : NULL;

        if (chat != NULL && is_relay(chat))
            purge_note_read(chat);
    }
}

static void
rows_done(void *state, int status, void *arg)
{
    struct ack_op *op = *(struct ack_op **)arg;

    (void)state;
    if (status == SOTTO_OK)
        take_part(op);
    if (status != SOTTO_OK || op->count == 0)
        answer(op, status);
    else
        write_part(op);
}

static void
begin(struct ack_op *op)
{
    const bool is_last = take_part(op);
    int rc = SOTTO_OK;

    if (op->count == 0)
        answer(op, SOTTO_OK);
    else if (is_last && op->count <= ROWS_AT_ONCE)
        write_part(op);
    else
        rc = turn_begin(op->ds, &op->turn, op->req->caller->user, write_part, op);
    if (rc != SOTTO_OK)
        answer(op, rc);
}

void
chat_on_ack(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    const Sotto__Chat__V1__AckRequest *request = (const void *)in;
    const Sotto__Chat__V1__AckReply reply = SOTTO__CHAT__V1__ACK_REPLY__INIT;
    const struct chat_device *device;
    struct ack_op *op;

    if (!chat_is_ready(ds, req, in, chat_on_ack))
        return;
    if (request->n_cursors > CHAT_CURSORS_MAX || request->n_welcomes_joined > CHAT_CURSORS_MAX ||
        request->n_deleted_seen > CHAT_CURSORS_MAX) {
        sotto_fail(req, SOTTO_EINVALID, "at most 5000 cursors, Welcomes and deletions");
        return;
    }
    device = roster_device(ds, req->caller->user, req->caller->device);
    if (device == NULL || device->num == 0) {
        sotto_reply(req, &reply.base); /* it was never in a chat */
        return;
    }
    op = req->api->alloc(req, sizeof(*op));
    if (op == NULL) {
        sotto_fail_status(req, SOTTO_ENOMEM, NULL);
        return;
    }
    *op = (struct ack_op){.ds = ds, .req = req, .in = request, .device = device};
    begin(op);
}
