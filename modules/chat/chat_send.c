/* SPDX-License-Identifier: MIT */
/*
 * Send: an application message, from the request to the members' screens.
 *
 * Logic thread: is the caller's device in the chat, is it an MLS application message of this group, does any hook
 * object? Writer thread: was it sent before, is its epoch the chat's? Then one row. Logic thread again, after the
 * commit reached the disk: the event to the live sessions of the other devices, then the answer.
 *
 * A repeat is found before the epoch is compared: the first try may have been accepted in an epoch that is over.
 * The epoch must be the one in which the roster was looked at, too, or somebody who was just removed could slip
 * a message in behind the commit. While somebody leaves no message of the epoch is taken, so whatever comes after
 * the proposal is encrypted for those who stay (RFC 9420 section 12.4).
 */
#include "chat_purge.h"
#include "chat_quota.h"
#include "chat_writer.h"

struct send_op {
    struct delivery *ds;
    struct sotto_req *req;
    const Sotto__Chat__V1__SendRequest *in;
    const char *text;
    struct chat *chat; /* of the roster, where both stay; for the logic thread */
    struct chat_device *sender;
    uint32_t chat_num; /* the same in the tables */
    uint32_t sender_num;
    uint64_t message_epoch;
    uint64_t roster_epoch;
    bool is_closed;
    /* what the transaction found */
    uint64_t epoch;
    uint32_t seq;
    int64_t ts_ms;
    bool is_repeat;
};

/* ---- writer thread ------------------------------------------------------------------------------------- */

/* A device that restores an old copy of itself counts on from there: its new message must not pass for the one that
 * had the number first. */
static int
refuse_other(struct send_op *op)
{
    op->text = "client_msg_id was used for another message";
    return SOTTO_EEXISTS;
}

static bool
is_same(struct sotto_view stored, ProtobufCBinaryData sent)
{
    return stored.size == sent.len && memcmp(stored.data, sent.data, sent.len) == 0;
}

static int
answer_repeat(struct sotto_tx *tx, struct send_op *op, struct chat_answer answer)
{
    struct chat_purged purged;
    struct sotto_stmt *stmt;
    int rc;

    if (answer.chat != op->chat_num)
        return refuse_other(op);
    stmt = sotto_stmt(tx, CHAT_LOG_GET);
    sotto_bind_int(stmt, 1, chat_log_id(answer.chat, answer.seq));
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    op->seq = answer.seq;
    op->is_repeat = true;
    if (rc == SOTTO_ROW) {
        op->ts_ms = sotto_col_int(stmt, 0);
        return is_same(sotto_col_blob(stmt, 2), op->in->message) ? SOTTO_OK : refuse_other(op);
    }
    /* Its row was purged, and with it the time: that of the last one that went must do. */
    rc = purge_read(tx, answer.chat, &purged);
    op->ts_ms = purged.ts_ms;
    return rc == SOTTO_OK && purged.seq < answer.seq ? SOTTO_EDATALOSS : rc;
}

static struct chat_row
row_of(const struct send_op *op)
{
    return (struct chat_row){
        .chat = op->chat_num,
        .seq = op->seq,
        .kind = SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_APPLICATION,
        .epoch = op->message_epoch,
        .device = op->sender_num,
        .ts_ms = op->ts_ms,
        .client_msg_id = op->in->client_msg_id,
        .message = op->in->message,
    };
}

static int
append(struct sotto_tx *tx, struct send_op *op, struct chat_head *head, struct chat_window *window)
{
    struct chat_row row;
    int rc;

    op->seq = head->seq + 1;
    op->ts_ms = tx->api->now_ms(tx);
    row = row_of(op);
    rc = chat_write_row(tx, &row);
    if (rc < 0)
        return rc;
    head->seq = row.seq;
    writer_window_note(tx, window, op->in->client_msg_id,
                       (struct chat_answer){op->chat_num, op->seq});
    return SOTTO_OK;
}

static int
send_tx(struct sotto_tx *tx, void *arg)
{
    struct send_op *op = arg;
    struct chat_window *window;
    struct chat_head *head;
    struct chat_answer answer;
    int rc = writer_window(tx, op->sender_num, &window);

    if (rc != SOTTO_OK)
        return rc;
    switch (window_look(window, op->in->client_msg_id, &answer)) {
    case WINDOW_OLD: op->text = "client_msg_id is more than 128 behind"; return SOTTO_EPRECONDITION;
    case WINDOW_REPEAT: return answer_repeat(tx, op, answer);
    case WINDOW_NEW: break;
    }
    if (op->is_closed) {
        op->text = "the other one deleted the account: nothing can be sent here any more";
        return SOTTO_EPRECONDITION;
    }
    rc = writer_head(tx, op->chat_num, &head);
    if (rc != SOTTO_OK)
        return rc;
    op->epoch = head->epoch;
    if (head->is_replaced)
        return SOTTO_EPRECONDITION;
    if (op->message_epoch != head->epoch || op->roster_epoch != head->epoch || head->proposals > 0)
        return SOTTO_EABORTED;
    if (head->seq == CHAT_SEQ_MAX) {
        op->text = "the chat's log is full";
        return SOTTO_EEXHAUSTED;
    }
    return append(tx, op, head, window);
}

/* ---- logic thread, after the commit ------------------------------------------------------------------- */

static void
push(const struct send_op *op)
{
    const struct chat_row row = row_of(op);

    chat_push_row(op->ds, op->chat, op->sender, &row, op->req->caller->user,
                  op->req->caller->device);
}

/* The payload of the topic and of the hook; out holds 128 bytes. */
static struct sotto_view
pack_accepted(const struct send_op *op, uint8_t out[128])
{
    Sotto__Chat__V1__Accepted accepted = SOTTO__CHAT__V1__ACCEPTED__INIT;

    accepted.chat_id = op->in->chat_id;
    accepted.seq = op->seq;
    accepted.epoch = op->message_epoch;
    accepted.sender_user = chat_bytes(op->req->caller->user, CHAT_ID_BYTES);
    accepted.sender_device = chat_bytes(op->req->caller->device, CHAT_ID_BYTES);
    accepted.size = (uint32_t)op->in->message.len;
    accepted.ts_ms = op->ts_ms;
    return (struct sotto_view){out, sotto__chat__v1__accepted__pack(&accepted, out)};
}

static void
announce(const struct send_op *op)
{
    struct sotto_host *host = op->ds->host;
    const struct sotto_view key = {op->in->chat_id.data, CHAT_ID_BYTES};
    uint8_t payload[128];

    purge_note_entries(op->ds, op->chat, op->seq, op->ts_ms);
    push(op);
    if (op->ds->sends_are_told)
        host->broker->publish(host, "chat.message.accepted.v1", key, pack_accepted(op, payload));
}

static void
send_done(void *state, int status, void *arg)
{
    struct delivery *ds = state;
    const struct send_op *op = arg;
    Sotto__Chat__V1__SendReply reply = SOTTO__CHAT__V1__SEND_REPLY__INIT;

    if (status == SOTTO_EABORTED) {
        chat_fail_stale(ds, op->req, op->epoch);
        return;
    }
    if (status == SOTTO_ENOTFOUND) {
        chat_fail_absent(op->req);
        return;
    }
    if (status == SOTTO_EPRECONDITION && chat_fail_replaced(op->req, op->chat))
        return;
    if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, op->text);
        return;
    }
    ds->host->metric->add(ds->host, op->is_repeat ? CHAT_METRIC_REPEATS : CHAT_METRIC_MESSAGES, 0,
                          1);
    if (!op->is_repeat)
        announce(op);
    reply.seq = op->seq;
    reply.ts_ms = op->ts_ms;
    sotto_reply(op->req, &reply.base);
}

/* ---- logic thread, before ------------------------------------------------------------------------------- */

static void
send_decided(void *state, int status, const char *text, void *arg)
{
    struct delivery *ds = state;
    struct send_op *op = arg;
    int rc;

    if (status != SOTTO_OK) {
        sotto_fail(op->req, status, text);
        return;
    }
    op->text =
        quota_take(ds, op->req->caller->user, (struct chat_load){.bytes = op->in->message.len});
    if (op->text != NULL) {
        sotto_fail(op->req, SOTTO_EEXHAUSTED, op->text);
        return;
    }
    /* A hook may have taken its time. */
    if (roster_seat(op->chat, op->sender) == NULL) {
        chat_fail_absent(op->req);
        return;
    }
    op->chat_num = op->chat->num;
    op->sender_num = op->sender->num;
    op->roster_epoch = op->chat->epoch;
    op->is_closed = op->chat->is_closed;
    rc = ds->host->db->write(ds->host, send_tx, op, sizeof(*op), send_done);
    if (rc != SOTTO_OK)
        sotto_fail_status(op->req, rc, NULL);
}

/* NULL, or why the message is refused. */
static const char *
check_message(const struct delivery *ds, const Sotto__Chat__V1__SendRequest *in,
              uint64_t *epoch_out)
{
    struct mls_message_info info;

    if (in->client_msg_id < 1 || in->client_msg_id > INT64_MAX)
        return "client_msg_id starts at 1 and fits into 63 bits";
    if (in->message.len > ds->message_bytes_max)
        return "the message is larger than this server takes";
    if (mls_message_info(chat_mls(in->message), &info) != MLS_OK ||
        info.wire_format != MLS_WIRE_PRIVATE_MESSAGE ||
        info.content_type != MLS_CONTENT_APPLICATION)
        return "the message is not an MLS application message";
    if (info.group_id.len != CHAT_ID_BYTES ||
        memcmp(info.group_id.data, in->chat_id.data, CHAT_ID_BYTES) != 0)
        return "the message is of another group";
    *epoch_out = info.epoch;
    return NULL;
}

void
chat_on_send(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    const Sotto__Chat__V1__SendRequest *request = (const void *)in;
    const struct chat_seat *seat;
    const char *text;
    struct send_op *op;
    uint8_t payload[128];

    if (!chat_is_ready(ds, req, in, chat_on_send))
        return;
    seat = roster_caller_seat(ds, req->caller, request->chat_id);
    if (seat == NULL) {
        chat_fail_absent(req);
        return;
    }
    op = req->api->alloc(req, sizeof(*op));
    if (op == NULL) {
        sotto_fail_status(req, SOTTO_ENOMEM, NULL);
        return;
    }
    *op = (struct send_op){
        .ds = ds, .req = req, .in = request, .chat = seat->chat, .sender = seat->device};
    text = check_message(ds, request, &op->message_epoch);
    if (text != NULL)
        sotto_fail(req, SOTTO_EINVALID, text);
    else if (ds->sends_are_hooked)
        ds->host->broker->hook(ds->host, "chat.message.send.v1", pack_accepted(op, payload),
                               send_decided, op);
    else
        send_decided(ds, SOTTO_OK, NULL, op);
}
