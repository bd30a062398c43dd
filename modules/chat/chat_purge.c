/* SPDX-License-Identifier: MIT */
/*
 * See chat_purge.h.
 *
 * A job takes a prefix of the log: entries are read in order, and go while every device in the chat has read them (a
 * device that was removed counts until it has read to its end) or while they are older than `relay_keep`. A job
 * is bounded in rows and bytes; a chat with more gets its next job at once, and other writes come in between.
 */
#include "chat_purge.h"

#include "chat_writer.h"

#define LOOKS_A_TICK 4096 /* chats of the line */
#define JOBS_MAX 16       /* at work */
#define ROWS_A_JOB 500
#define BYTES_A_JOB (1024 * 1024)

struct purge_op {
    uint8_t chat_id[CHAT_ID_BYTES];
    uint32_t chat;
    uint64_t keep_ms;
    bool is_deleted;
    /* from the transaction */
    struct chat_purged purged;
    size_t read_rows, late_rows; /* that everybody had, and that were too old */
    int64_t oldest_ms;           /* of the first entry that stays; 0: there is none */
    bool more;                   /* the job's bound was reached */
    bool is_over;                /* the deleted chat is gone */
};

/* ---- writer thread ------------------------------------------------------------------------------------- */

int
purge_read(struct sotto_tx *tx, uint32_t chat, struct chat_purged *purged_out)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_PURGE_GET);
    int rc;

    *purged_out = (struct chat_purged){0};
    sotto_bind_int(stmt, 1, chat);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    purged_out->seq = (uint32_t)sotto_col_int(stmt, 0);
    purged_out->epoch = (uint64_t)sotto_col_int(stmt, 1);
    purged_out->ts_ms = sotto_col_int(stmt, 2);
    return SOTTO_OK;
}

/* Goes through the entries in order and stops at the first that stays. */
static int
choose(struct sotto_tx *tx, struct purge_op *op, int64_t floor)
{
    const int64_t too_old_ms = tx->api->now_ms(tx) - (int64_t)op->keep_ms;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_LOG_OLDEST);
    int64_t bytes = 0;
    int rc;

    sotto_bind_int(stmt, 1, chat_log_id(op->chat, op->purged.seq));
    sotto_bind_int(stmt, 2, chat_log_id(op->chat, CHAT_SEQ_MAX));
    while ((rc = sotto_step(stmt)) == SOTTO_ROW) {
        const uint32_t seq = (uint32_t)sotto_col_int(stmt, 0);
        const int64_t ts_ms = sotto_col_int(stmt, 3);
        const bool is_commit =
            sotto_col_int(stmt, 1) == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_COMMIT;

        op->more = op->read_rows + op->late_rows == ROWS_A_JOB || bytes > BYTES_A_JOB;
        op->oldest_ms = ts_ms;
        if (op->more || (seq > floor && ts_ms > too_old_ms))
            return SOTTO_OK;
        op->purged.seq = seq;
        op->purged.epoch = (uint64_t)sotto_col_int(stmt, 2) + is_commit;
        op->purged.ts_ms = ts_ms;
        op->read_rows += seq <= floor;
        op->late_rows += seq > floor;
        bytes += sotto_col_int(stmt, 4);
    }
    op->oldest_ms = 0;
    return rc;
}

static int
take_away(struct sotto_tx *tx, const struct purge_op *op, uint32_t after)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_LOG_PURGE);
    int rc;

    sotto_bind_int(stmt, 1, chat_log_id(op->chat, after));
    sotto_bind_int(stmt, 2, chat_log_id(op->chat, op->purged.seq));
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    stmt = sotto_stmt(tx, CHAT_PURGE_SET);
    sotto_bind_int(stmt, 1, op->chat);
    sotto_bind_int(stmt, 2, op->purged.seq);
    sotto_bind_int(stmt, 3, (int64_t)op->purged.epoch);
    sotto_bind_int(stmt, 4, op->purged.ts_ms);
    return sotto_step(stmt);
}

/* The log is empty: now the chat's row can go. Its number is not used again. */
static int
remove_chat(struct sotto_tx *tx, struct purge_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_PURGE_REMOVE);
    int rc;

    sotto_bind_int(stmt, 1, op->chat);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    stmt = sotto_stmt(tx, CHAT_CHAT_SET_TOP);
    sotto_bind_int(stmt, 1, op->chat);
    sotto_bind_int(stmt, 2, op->chat);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    stmt = sotto_stmt(tx, CHAT_CHAT_REMOVE);
    sotto_bind_int(stmt, 1, op->chat);
    rc = sotto_step(stmt);
    op->is_over = rc >= 0;
    return rc;
}

static int
purge_tx(struct sotto_tx *tx, void *arg)
{
    struct purge_op *op = arg;
    int64_t floor = 0;
    uint32_t after;
    int rc;

    op->read_rows = op->late_rows = 0;
    op->more = op->is_over = false;
    rc = purge_read(tx, op->chat, &op->purged);
    if (rc == SOTTO_OK)
        rc = chat_read_number(tx, CHAT_SEAT_FLOOR, op->chat,
                              &floor); /* nobody sits in a deleted chat: all of it */
    after = op->purged.seq;
    if (rc == SOTTO_OK)
        rc = choose(tx, op, floor);
    if (rc == SOTTO_OK && op->purged.seq > after)
        rc = take_away(tx, op, after);
    if (rc >= 0 && op->is_deleted && op->oldest_ms == 0)
        rc = remove_chat(tx, op);
    return rc < 0 ? rc : SOTTO_OK;
}

/* ---- logic thread --------------------------------------------------------------------------------------- */

static void start_job(struct delivery *ds, struct chat *chat);

static void
count(struct delivery *ds, const struct purge_op *op)
{
    ds->host->metric->add(ds->host, CHAT_METRIC_PURGED,
                          op->is_deleted ? CHAT_PURGED_DELETED : CHAT_PURGED_READ,
                          (double)op->read_rows);
    ds->host->metric->add(ds->host, CHAT_METRIC_PURGED, CHAT_PURGED_LATE, (double)op->late_rows);
}

static void
purge_done(void *state, int status, void *arg)
{
    struct delivery *ds = state;
    const struct purge_op *op = arg;
    struct chat *chat = roster_chat(ds, chat_bytes(op->chat_id, CHAT_ID_BYTES));

    ds->purge_jobs--;
    chat->purge.is_at_work = false;
    if (status == SOTTO_OK) {
        count(ds, op);
        chat->purge.seq = op->purged.seq;
        chat->purge.oldest_ms = op->oldest_ms;
        chat->purge.is_over = op->is_over;
        if (op->more)
            start_job(ds, chat);
    } else {
        chat->purge.is_due = true; /* with the next tick */
        ds->host->api->log(ds->host, SOTTO_LOG_WARN, "entries of a chat were not purged: %s",
                           sotto_error_code(status));
    }
    chat_work_end(ds);
}

static void
start_job(struct delivery *ds, struct chat *chat)
{
    struct purge_op op = {
        .chat = chat->num,
        .keep_ms = ds->relay_keep_ms,
        .is_deleted = chat->purge.is_deleted,
    };

    memcpy(op.chat_id, chat->id, CHAT_ID_BYTES);
    if (ds->host->db->write(ds->host, purge_tx, &op, sizeof(op), purge_done) != SOTTO_OK) {
        chat->purge.is_due = true;
        return;
    }
    chat->purge.is_at_work = true;
    chat->purge.is_due = false;
    ds->purge_jobs++;
    chat_work_begin(ds);
}

/* ---- the line */

static void
enqueue(struct delivery *ds, struct chat *chat)
{
    chat->purge.next = NULL;
    if (ds->purge_last != NULL)
        ds->purge_last->purge.next = chat;
    else
        ds->purge_first = chat;
    ds->purge_last = chat;
    ds->purge_line++;
}

static struct chat *
dequeue(struct delivery *ds)
{
    struct chat *chat = ds->purge_first;

    ds->purge_first = chat->purge.next;
    if (ds->purge_first == NULL)
        ds->purge_last = NULL;
    ds->purge_line--;
    return chat;
}

static void
join(struct delivery *ds, struct chat *chat)
{
    if (chat->purge.is_in_line)
        return;
    chat->purge.is_in_line = true;
    enqueue(ds, chat);
    ds->host->metric->add(ds->host, CHAT_METRIC_PURGE_LINE, 0, 1);
}

void
purge_note_entries(struct delivery *ds, struct chat *chat, uint32_t last_seq, int64_t last_ts_ms)
{
    chat->seq = last_seq;
    chat->last_ts_ms = last_ts_ms;
    if (chat->mode != SOTTO__CHAT__V1__MODE__MODE_RELAY || chat->seq == chat->purge.seq)
        return;
    if (chat->purge.oldest_ms == 0)
        chat->purge.oldest_ms = ds->host->api->now_ms(ds->host);
    join(ds, chat);
}

void
purge_deleted(struct delivery *ds, struct chat *chat)
{
    chat->purge.is_deleted = chat->purge.is_due = true;
    join(ds, chat);
}

void
purge_note_read(struct chat *chat)
{
    chat->purge.is_due = true;
}

/* Sends the chat back to the line, unless nothing of it is left. */
static void
look_at(struct delivery *ds, struct chat *chat, int64_t too_old_ms)
{
    const bool is_done =
        chat->purge.is_deleted ? chat->purge.is_over : chat->seq == chat->purge.seq;

    if (is_done) {
        chat->purge.is_in_line = false;
        ds->host->metric->add(ds->host, CHAT_METRIC_PURGE_LINE, 0, -1);
        return;
    }
    enqueue(ds, chat);
    if (!chat->purge.is_at_work && ds->purge_jobs < JOBS_MAX &&
        (chat->purge.is_due || chat->purge.oldest_ms <= too_old_ms))
        start_job(ds, chat);
}

void
purge_on_timer(void *state, void *arg)
{
    struct delivery *ds = state;
    const int64_t too_old_ms = ds->host->api->now_ms(ds->host) - (int64_t)ds->relay_keep_ms;
    size_t looks = ds->purge_line < LOOKS_A_TICK ? ds->purge_line : LOOKS_A_TICK;

    (void)arg;
    while (looks-- > 0)
        look_at(ds, dequeue(ds), too_old_ms);
}
