/* SPDX-License-Identifier: MIT */
/*
 * Ack: how far a device has read, and which Welcomes it is through with.
 *
 * A cursor that is lost only means that something is delivered twice, so cursors are kept in memory and handed to
 * the writer every five seconds, the newest of each seat. In a relay chat a lost cursor would keep entries that
 * everybody has, and nobody would say so again: there the answer comes when the cursor is on the disk. A Welcome is
 * deleted at once and for good: its request is answered when that is durable.
 */
#include "chat_purge.h"

/* ---- cursors ---------------------------------------------------------------------------------------------------- */

static int
flush_tx(struct sotto_tx *tx, void *arg)
{
    const struct chat_marks *marks = arg;

    for (size_t i = 0; i < marks->count; i++) {
        const struct chat_mark *mark = &marks->marks[i];
        struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_SEAT_SET_READ);
        int rc;

        sotto_bind_int(stmt, 1, mark->seq);
        sotto_bind_int(stmt, 2, mark->device);
        sotto_bind_int(stmt, 3, mark->chat);
        sotto_bind_int(stmt, 4, mark->seq);
        rc = sotto_step(stmt);
        if (rc < 0)
            return rc;
    }
    return SOTTO_OK;
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

int
chat_flush_marks(struct delivery *ds)
{
    const size_t size = sizeof(*ds->marks) + ds->marks->count * sizeof(ds->marks->marks[0]);
    int rc = SOTTO_OK;

    if (ds->marks->count == 0)
        return SOTTO_OK;
    rc = ds->host->db->write(ds->host, flush_tx, ds->marks, size, flush_done);
    if (rc == SOTTO_OK)
        chat_work_begin(ds);
    ds->marks->count = 0;
    ds->mark_round++;
    return rc;
}

void
chat_on_ack_timer(void *state, void *arg)
{
    (void)arg;
    chat_flush_marks(state);
}

/* Returns the place of the new mark. */
static size_t
add_mark(struct delivery *ds, uint32_t device, uint32_t chat, uint32_t seq)
{
    if (ds->marks->count == CHAT_MARKS_MAX)
        chat_flush_marks(ds);
    ds->marks->marks[ds->marks->count] = (struct chat_mark){device, chat, seq};
    return ds->marks->count++;
}

static bool
is_relay(const struct chat *chat)
{
    return chat->mode == SOTTO__CHAT__V1__MODE__MODE_RELAY;
}

static void
move_cursor(struct delivery *ds, struct chat_seat *seat, uint64_t seq)
{
    const uint32_t upto = seq > seat->chat->seq ? seat->chat->seq : (uint32_t)seq;

    /* The same once more in a relay chat: the first answer may have said that it could not be written. */
    if (upto < seat->read_seq || (upto == seat->read_seq && !is_relay(seat->chat)))
        return;
    seat->read_seq = upto;
    if (seat->mark_round == ds->mark_round) {
        ds->marks->marks[seat->mark].seq = upto;
        return;
    }
    seat->mark = add_mark(ds, seat->device->num, seat->chat->num, upto);
    seat->mark_round = ds->mark_round;
}

/* The relay chat that the cursor is of; NULL: an archive, or none of the device's. */
static struct chat *
take_cursor(struct delivery *ds, const struct chat_device *device,
            const Sotto__Chat__V1__Cursor *cursor)
{
    struct chat *chat = roster_chat(ds, cursor->chat_id);
    struct chat_seat *seat = chat != NULL ? roster_seat(chat, device) : NULL;

    if (seat != NULL)
        move_cursor(ds, seat, cursor->seq);
    else if (chat != NULL && device != NULL && device->num != 0)
        /* The device was removed and reads up to the end; where it never was, no row changes. */
        add_mark(ds, device->num, chat->num,
                 cursor->seq > chat->seq ? chat->seq : (uint32_t)cursor->seq);
    else
        return NULL;
    return is_relay(chat) ? chat : NULL;
}

/* Takes the cursors. *must_wait_out: relay chats are among them, whose cursors are on their way to the writer. */
static int
take_cursors(struct delivery *ds, const struct chat_device *device,
             const Sotto__Chat__V1__AckRequest *in, bool *must_wait_out)
{
    *must_wait_out = false;
    for (size_t i = 0; i < in->n_cursors; i++) {
        struct chat *relay = take_cursor(ds, device, in->cursors[i]);

        if (relay == NULL)
            continue;
        purge_note_read(relay);
        *must_wait_out = true;
    }
    return *must_wait_out ? chat_flush_marks(ds) : SOTTO_OK;
}

/* ---- Welcomes --------------------------------------------------------------------------------------------------- */

struct joined_op {
    struct sotto_req *req;
    const Sotto__Chat__V1__AckRequest *in;
    uint32_t device;
    size_t count;
    const uint32_t *chats; /* in the request's memory */
};

static int
forget_notices(struct sotto_tx *tx, const struct joined_op *op)
{
    for (size_t i = 0; i < op->in->n_deleted_seen; i++) {
        const ProtobufCBinaryData *id = &op->in->deleted_seen[i];
        struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_NOTICE_REMOVE);
        int rc;

        sotto_bind_int(stmt, 1, op->device);
        sotto_bind_blob(stmt, 2, id->data, id->len);
        rc = sotto_step(stmt);
        if (rc < 0)
            return rc;
    }
    return SOTTO_OK;
}

static int
joined_tx(struct sotto_tx *tx, void *arg)
{
    const struct joined_op *op = arg;

    for (size_t i = 0; i < op->count; i++) {
        struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_INVITATION_REMOVE);
        int rc;

        sotto_bind_int(stmt, 1, op->device);
        sotto_bind_int(stmt, 2, op->chats[i]);
        rc = sotto_step(stmt);
        if (rc < 0)
            return rc;
        stmt = sotto_stmt(tx, CHAT_WELCOME_SWEEP);
        sotto_bind_int(stmt, 1, op->chats[i]);
        rc = sotto_step(stmt);
        if (rc < 0)
            return rc;
    }
    return forget_notices(tx, op);
}

static void
reply_empty(struct sotto_req *req)
{
    const Sotto__Chat__V1__AckReply reply = SOTTO__CHAT__V1__ACK_REPLY__INIT;

    sotto_reply(req, &reply.base);
}

static void
joined_done(void *state, int status, void *arg)
{
    const struct joined_op *op = arg;

    (void)state;
    if (status != SOTTO_OK)
        sotto_fail_status(op->req, status, NULL);
    else
        reply_empty(op->req);
}

/* True when the answer comes later: with must_wait, or when there is something to delete, after the write. */
static bool
forget_welcomes(struct delivery *ds, struct sotto_req *req, const struct chat_device *device,
                const Sotto__Chat__V1__AckRequest *in, bool must_wait)
{
    struct joined_op op = {.req = req, .in = in, .device = device->num};
    uint32_t *chats = req->api->alloc(req, (in->n_welcomes_joined + 1) * sizeof(*chats));
    int rc = chats != NULL ? SOTTO_OK : SOTTO_ENOMEM;

    for (size_t i = 0; i < in->n_welcomes_joined && rc == SOTTO_OK; i++) {
        const struct chat *chat = roster_chat(ds, in->welcomes_joined[i]);

        if (chat != NULL)
            chats[op.count++] = chat->num;
    }
    op.chats = chats;
    if (rc == SOTTO_OK && op.count == 0 && in->n_deleted_seen == 0 && !must_wait)
        return false;
    if (rc == SOTTO_OK)
        rc = ds->host->db->write(ds->host, joined_tx, &op, sizeof(op), joined_done);
    if (rc != SOTTO_OK)
        sotto_fail_status(req, rc, NULL);
    return true;
}

void
chat_on_ack(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    const Sotto__Chat__V1__AckRequest *request = (const void *)in;
    const struct chat_device *device;
    bool must_wait;
    int rc;

    if (!chat_is_ready(ds, req, in, chat_on_ack))
        return;
    if (request->n_cursors > CHAT_CURSORS_MAX || request->n_welcomes_joined > CHAT_CURSORS_MAX ||
        request->n_deleted_seen > CHAT_CURSORS_MAX) {
        sotto_fail(req, SOTTO_EINVALID, "at most 5000 cursors, Welcomes and deletions");
        return;
    }
    device = roster_device(ds, req->caller->user, req->caller->device);
    rc = take_cursors(ds, device, request, &must_wait);
    if (rc != SOTTO_OK)
        sotto_fail_status(req, rc, NULL);
    else if (device == NULL || device->num == 0 ||
             !forget_welcomes(ds, req, device, request, must_wait))
        reply_empty(req);
}
