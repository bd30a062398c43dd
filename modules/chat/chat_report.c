/* SPDX-License-Identifier: MIT */
/*
 * ReportCommit and ListReports: members say which commit they could not follow.
 *
 * The server verifies what it can see of a commit. Its membership tag, its confirmation tag and the secrets of its path
 * are for members only, so one of them can advance a chat by a commit that all others refuse (RFC 9750, "Invalid
 * Commits"). They repair themselves by external commits; what is kept here is who made it. The first report of
 * a commit becomes an entry of the log, so that every member learns of it in one order with the rest; whoever reports
 * the same commit later is counted, once a user.
 *
 * A report is a claim, not a proof: any member can make a false one, and nothing follows from it by itself. People
 * decide, and a chat that has one may be started anew (chat_reset.c). All of it is judged in its transaction: the seat,
 * the entry, the reports that are there.
 */
#include "chat_purge.h"
#include "chat_writer.h"

#define REPORT_BYTES_MAX 64 /* an encoded CommitReported */

/* What is reported: found in the log, or in an earlier report of it. */
struct reported {
    bool is_known; /* entry_seq and ts_ms are those of the first report */
    uint64_t epoch;
    uint32_t device; /* who made it; 0 when it is known */
    uint8_t user_id[CHAT_ID_BYTES];
    uint8_t device_id[CHAT_ID_BYTES];
    uint32_t entry_seq;
    int64_t ts_ms;
};

struct report_op {
    struct sotto_req *req;
    const Sotto__Chat__V1__ReportCommitRequest *in;
    uint32_t chat;
    uint32_t device; /* the caller's */
    const char *text;
    /* from the transaction */
    struct reported commit;
    uint64_t epoch; /* of the chat */
    size_t packed_size;
    uint8_t packed[REPORT_BYTES_MAX];
};

/* ---- writer thread: what is reported ------------------------------------------------------------------------ */

static int
refuse(struct report_op *op, int error, const char *text)
{
    op->text = text;
    return error;
}

static int
copy_maker(struct reported *commit, struct sotto_view user, struct sotto_view device)
{
    return chat_copy_id(user, commit->user_id) && chat_copy_id(device, commit->device_id)
               ? SOTTO_OK
               : SOTTO_EDATALOSS;
}

static int
find_report(struct sotto_tx *tx, struct report_op *op)
{
    struct reported *commit = &op->commit;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_REPORT_GET);
    int rc;

    sotto_bind_int(stmt, 1, op->chat);
    sotto_bind_int(stmt, 2, (int64_t)op->in->seq);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    commit->is_known = true;
    commit->epoch = (uint64_t)sotto_col_int(stmt, 0);
    commit->entry_seq = (uint32_t)sotto_col_int(stmt, 1);
    commit->ts_ms = sotto_col_int(stmt, 2);
    return copy_maker(commit, sotto_col_blob(stmt, 3), sotto_col_blob(stmt, 4));
}

static int
find_entry(struct sotto_tx *tx, struct report_op *op)
{
    struct reported *commit = &op->commit;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_LOG_MAKER);
    int rc;

    sotto_bind_int(stmt, 1, chat_log_id(op->chat, (uint32_t)op->in->seq));
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    if (rc != SOTTO_ROW || sotto_col_int(stmt, 0) != SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_COMMIT)
        return refuse(op, SOTTO_EPRECONDITION, "the chat's log has no commit there (any more)");
    commit->epoch = (uint64_t)sotto_col_int(stmt, 1);
    commit->device = (uint32_t)sotto_col_int(stmt, 2);
    return copy_maker(commit, sotto_col_blob(stmt, 3), sotto_col_blob(stmt, 4));
}

/* ---- writer thread: may the caller report it ------------------------------------------------------------------ */

/* Only a device that was in the group when the commit came could look at it. */
static int
check_seat(struct sotto_tx *tx, struct report_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_SEAT_SINCE);
    int rc;

    sotto_bind_int(stmt, 1, op->device);
    sotto_bind_int(stmt, 2, op->chat);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_ENOTFOUND;
    if (sotto_col_int(stmt, 0) >= (int64_t)op->in->seq)
        return refuse(op, SOTTO_EPRECONDITION, "the device came into the chat later");
    return SOTTO_OK;
}

static int
judge(struct sotto_tx *tx, struct report_op *op)
{
    const struct sotto_caller *caller = op->req->caller;
    int rc = check_seat(tx, op);

    if (rc == SOTTO_OK)
        rc = find_report(tx, op);
    if (rc == SOTTO_OK && !op->commit.is_known)
        rc = find_entry(tx, op);
    if (rc != SOTTO_OK)
        return rc;
    if (op->commit.epoch != op->in->epoch)
        return refuse(op, SOTTO_EPRECONDITION, "the commit is of another epoch");
    if (memcmp(op->commit.user_id, caller->user, CHAT_ID_BYTES) == 0 &&
        memcmp(op->commit.device_id, caller->device, CHAT_ID_BYTES) == 0)
        return refuse(op, SOTTO_EPRECONDITION, "the commit is the device's own");
    return SOTTO_OK;
}

/* ---- writer thread: rows ---------------------------------------------------------------------------------------- */

static int
remove_report(struct sotto_tx *tx, uint32_t chat, uint32_t seq)
{
    static const uint32_t statements[] = {CHAT_REFUSAL_REMOVE, CHAT_REPORT_REMOVE};
    int rc = SOTTO_OK;

    for (size_t i = 0; i < 2 && rc >= 0; i++) {
        struct sotto_stmt *stmt = sotto_stmt(tx, statements[i]);

        sotto_bind_int(stmt, 1, chat);
        sotto_bind_int(stmt, 2, seq);
        rc = sotto_step(stmt);
    }
    return rc;
}

/* By seq, so that none that gave way comes back: its repeat would be an entry of the log each time. */
static int
make_room(struct sotto_tx *tx, struct report_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_REPORT_EXTENT);
    uint32_t oldest;
    int rc;

    sotto_bind_int(stmt, 1, op->chat);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_EIO;
    if (sotto_col_int(stmt, 0) < CHAT_REPORTS_MAX)
        return SOTTO_OK;
    oldest = (uint32_t)sotto_col_int(stmt, 1);
    if (op->in->seq < oldest)
        return refuse(op, SOTTO_EPRECONDITION, "16 newer commits of the chat are reported already");
    return remove_report(tx, op->chat, oldest);
}

static void
pack_entry(struct report_op *op)
{
    Sotto__Chat__V1__CommitReported reported = SOTTO__CHAT__V1__COMMIT_REPORTED__INIT;

    reported.seq = op->in->seq;
    reported.epoch = op->in->epoch;
    reported.user_id = chat_bytes(op->commit.user_id, CHAT_ID_BYTES);
    reported.device_id = chat_bytes(op->commit.device_id, CHAT_ID_BYTES);
    reported.reason = op->in->reason;
    op->packed_size = sotto__chat__v1__commit_reported__pack(&reported, op->packed);
}

static struct chat_row
row_of(const struct report_op *op)
{
    return (struct chat_row){
        .chat = op->chat,
        .seq = op->commit.entry_seq,
        .kind = SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_REPORT,
        .epoch = op->epoch,
        .device = op->device,
        .ts_ms = op->commit.ts_ms,
        .message = chat_bytes(op->packed, op->packed_size),
    };
}

static int
write_entry(struct sotto_tx *tx, const struct report_op *op)
{
    const struct chat_row row = row_of(op);

    return chat_write_row(tx, &row);
}

static int
write_report(struct sotto_tx *tx, const struct report_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_REPORT_ADD);

    sotto_bind_int(stmt, 1, op->chat);
    sotto_bind_int(stmt, 2, (int64_t)op->in->seq);
    sotto_bind_int(stmt, 3, (int64_t)op->in->epoch);
    sotto_bind_int(stmt, 4, op->commit.device);
    sotto_bind_int(stmt, 5, op->in->reason);
    sotto_bind_blob(stmt, 6, op->req->caller->user, CHAT_ID_BYTES);
    sotto_bind_int(stmt, 7, op->commit.entry_seq);
    sotto_bind_int(stmt, 8, op->commit.ts_ms);
    return sotto_step(stmt);
}

static int
write_refusal(struct sotto_tx *tx, const struct report_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_REFUSAL_ADD);

    sotto_bind_int(stmt, 1, op->chat);
    sotto_bind_int(stmt, 2, (int64_t)op->in->seq);
    sotto_bind_blob(stmt, 3, op->req->caller->user, CHAT_ID_BYTES);
    return sotto_step(stmt);
}

/* The first report of the commit. */
static int
write_first(struct sotto_tx *tx, struct report_op *op, const struct chat_head *head)
{
    int rc;

    if (head->seq == CHAT_SEQ_MAX)
        return refuse(op, SOTTO_EEXHAUSTED, "the chat's log is full");
    op->epoch = head->epoch;
    op->commit.entry_seq = head->seq + 1;
    op->commit.ts_ms = tx->api->now_ms(tx);
    pack_entry(op);
    rc = make_room(tx, op);
    if (rc >= 0)
        rc = write_entry(tx, op);
    return rc < 0 ? rc : write_report(tx, op);
}

/* Nothing is written to a closed chat any more; who reported before is answered as before. */
static int
answer_closed(struct sotto_tx *tx, const struct report_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_REFUSAL_FIND);
    int rc;

    sotto_bind_int(stmt, 1, op->chat);
    sotto_bind_int(stmt, 2, (int64_t)op->in->seq);
    sotto_bind_blob(stmt, 3, op->req->caller->user, CHAT_ID_BYTES);
    rc = sotto_step(stmt);
    return rc == SOTTO_DONE ? SOTTO_EPRECONDITION : rc < 0 ? rc : SOTTO_OK;
}

static int
report_tx(struct sotto_tx *tx, void *arg)
{
    struct report_op *op = arg;
    struct chat_head *head;
    int rc = writer_head(tx, op->chat, &head);

    op->commit = (struct reported){0};
    if (rc == SOTTO_OK)
        rc = judge(tx, op);
    if (rc == SOTTO_OK && head->is_replaced)
        return answer_closed(tx, op);
    if (rc == SOTTO_OK && !op->commit.is_known)
        rc = write_first(tx, op, head);
    if (rc >= 0)
        rc = write_refusal(tx, op);
    if (rc >= 0 && !op->commit.is_known)
        head->seq++;
    return rc < 0 ? rc : SOTTO_OK;
}

/* ---- logic thread ----------------------------------------------------------------------------------------------- */

/* To all, the caller's own device too, as with a role. */
static void
push_report(struct delivery *ds, const struct report_op *op, const struct chat *chat)
{
    const struct chat_row row = row_of(op);

    chat_push_row(ds, chat, NULL, &row, op->req->caller->user, op->req->caller->device);
}

static void
apply(struct delivery *ds, const struct report_op *op)
{
    struct chat *chat = roster_chat(ds, op->in->chat_id);

    purge_note_entries(ds, chat, op->commit.entry_seq, op->commit.ts_ms);
    push_report(ds, op, chat);
    ds->host->metric->add(ds->host, CHAT_METRIC_REPORTS, 0, 1);
}

static void
report_done(void *state, int status, void *arg)
{
    struct delivery *ds = state;
    const struct report_op *op = arg;
    Sotto__Chat__V1__ReportCommitReply reply = SOTTO__CHAT__V1__REPORT_COMMIT_REPLY__INIT;

    if (status == SOTTO_ENOTFOUND) {
        chat_fail_absent(op->req);
        return;
    }
    if (status == SOTTO_EPRECONDITION &&
        chat_fail_replaced(op->req, roster_chat(ds, op->in->chat_id)))
        return;
    if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, op->text);
        return;
    }
    if (!op->commit.is_known)
        apply(ds, op);
    reply.seq = op->commit.entry_seq;
    reply.ts_ms = op->commit.ts_ms;
    sotto_reply(op->req, &reply.base);
}

void
chat_on_report_commit(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    struct report_op op = {.req = req, .in = (const void *)in};
    const struct chat_seat *seat;
    int rc;

    if (!chat_is_ready(ds, req, in, chat_on_report_commit))
        return;
    seat = roster_caller_seat(ds, req->caller, op.in->chat_id);
    if (seat == NULL) {
        chat_fail_absent(req);
        return;
    }
    if (op.in->seq < 1 || op.in->seq > CHAT_SEQ_MAX || op.in->epoch > INT64_MAX ||
        op.in->reason < SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_CONFIRMATION_TAG ||
        op.in->reason > SOTTO__CHAT__V1__BAD_COMMIT__BAD_COMMIT_OTHER) {
        sotto_fail(req, SOTTO_EINVALID, "seq is that of an entry, and the reason one of the four");
        return;
    }
    op.chat = seat->chat->num;
    op.device = seat->device->num;
    rc = ds->host->db->write(ds->host, report_tx, &op, sizeof(op), report_done);
    if (rc != SOTTO_OK)
        sotto_fail_status(req, rc, NULL);
}

/* ---- ListReports ---------------------------------------------------------------------------- */

struct reports_op {
    struct sotto_req *req;
    uint32_t chat;
    /* from the transaction, in its memory */
    Sotto__Chat__V1__ListReportsReply reply;
};

static int
add_report(struct sotto_tx *tx, struct reports_op *op, struct sotto_stmt *row)
{
    Sotto__Chat__V1__Report *report = sotto_tx_alloc(tx, sizeof(*report));
    Sotto__Chat__V1__CommitReported *commit = sotto_tx_alloc(tx, sizeof(*commit));

    if (report == NULL || commit == NULL)
        return SOTTO_ENOMEM;
    sotto__chat__v1__report__init(report);
    sotto__chat__v1__commit_reported__init(commit);
    commit->seq = (uint64_t)sotto_col_int(row, 0);
    commit->epoch = (uint64_t)sotto_col_int(row, 1);
    commit->user_id = chat_copy(tx, sotto_col_blob(row, 2));
    commit->device_id = chat_copy(tx, sotto_col_blob(row, 3));
    commit->reason = (Sotto__Chat__V1__BadCommit)sotto_col_int(row, 4);
    report->commit = commit;
    report->reporter_user = chat_copy(tx, sotto_col_blob(row, 5));
    report->ts_ms = sotto_col_int(row, 6);
    report->users = (uint32_t)sotto_col_int(row, 7);
    if (commit->user_id.data == NULL || commit->device_id.data == NULL ||
        report->reporter_user.data == NULL)
        return SOTTO_ENOMEM;
    op->reply.reports[op->reply.n_reports++] = report;
    return SOTTO_OK;
}

static int
list_tx(struct sotto_tx *tx, void *arg)
{
    struct reports_op *op = arg;
    struct sotto_stmt *stmt;
    Sotto__Chat__V1__Role role;
    int rc = chat_find_role(tx, op->chat, op->req->caller->user, &role);

    if (rc == SOTTO_OK && role == SOTTO__CHAT__V1__ROLE__ROLE_UNSPECIFIED)
        return SOTTO_ENOTFOUND; /* removed a moment ago */
    if (rc != SOTTO_OK)
        return rc;
    sotto__chat__v1__list_reports_reply__init(&op->reply);
    op->reply.reports = sotto_tx_alloc(tx, CHAT_REPORTS_MAX * sizeof(*op->reply.reports));
    if (op->reply.reports == NULL)
        return SOTTO_ENOMEM;
    stmt = sotto_stmt(tx, CHAT_REPORT_LIST);
    sotto_bind_int(stmt, 1, op->chat);
    sotto_bind_int(stmt, 2, CHAT_REPORTS_MAX);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW && op->reply.n_reports < CHAT_REPORTS_MAX) {
        rc = add_report(tx, op, stmt);
        if (rc != SOTTO_OK)
            return rc;
    }
    return rc < 0 ? rc : SOTTO_OK;
}

static void
list_done(void *state, int status, void *arg)
{
    const struct reports_op *op = arg;

    (void)state;
    if (status == SOTTO_ENOTFOUND)
        chat_fail_absent(op->req);
    else if (status != SOTTO_OK)
        sotto_fail_status(op->req, status, NULL);
    else
        sotto_reply(op->req, &op->reply.base);
}

void
chat_on_list_reports(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    const Sotto__Chat__V1__ListReportsRequest *request = (const void *)in;
    const struct chat *chat;
    struct reports_op op = {.req = req};
    int rc;

    if (!chat_is_ready(ds, req, in, chat_on_list_reports))
        return;
    chat = roster_caller_chat(ds, req->caller, request->chat_id);
    if (chat == NULL) {
        chat_fail_absent(req);
        return;
    }
    op.chat = chat->num;
    rc = ds->host->db->read(ds->host, list_tx, &op, sizeof(op), list_done);
    if (rc != SOTTO_OK)
        sotto_fail_status(req, rc, NULL);
}
