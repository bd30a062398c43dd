/* SPDX-License-Identifier: MIT */
/*
 * keyx.device.removed.v1: a user took a device out of the account.
 *
 * Its leaf stays in the groups until a member commits it out, which the server cannot do. So the members who are
 * connected are told, chat by chat; the others find it in the user's key log before they write. The fact comes twice,
 * and the second time is a reminder where nobody has done it. It is written down, so that after each start the leaves
 * that are left wait for the grace again, however often the server stops.
 *
 * Where the leaf is still there after removal_grace, the server proposes its removal as an external sender
 * (chat_outside.h): an entry of the log that every commit of the epoch must follow, and without which no application
 * message is taken, as when somebody leaves. The seat is retired in the same transaction. A user's last device in a
 * chat is left to the members, who add another one of theirs in the same commit. Who deletes the account goes with all
 * devices (chat_depart.c).
 *
 * Devices wait in a line, and one proposal is made at a time: verified against the group in the job pool like any
 * other, written with compare-and-set. What a commit overtook is made again in the next epoch.
 */
#include "chat_gone.h"

#include <stdlib.h>

#include "chat_depart.h"
#include "chat_outside.h"
#include "chat_purge.h"
#include "chat_tree.h"
#include "chat_writer.h"
#include "keyx.pb-c.h"

#define GONE_LINE_MAX 4096 /* devices that wait; who does not fit in comes with the next start */
#define TRIES_MAX 8        /* of one chat, when commits overtake it */

struct gone_device {
    struct chat_device *device;
    int64_t due_ms;
    size_t skipped; /* of its seats: the first ones, which are not for the server */
    unsigned tries; /* of the seat behind those */
};

struct gone_line {
    struct gone_device devices[GONE_LINE_MAX]; /* the first is at work when there is a job */
    size_t count;
    bool is_at_work;
};

/* One proposal on its way. */
struct gone_op {
    struct delivery *ds;
    struct tree_check check;
    uint32_t chat;
    uint32_t device;
    uint32_t leaf;
    struct mls_buf message;
    uint8_t ref[MLS_REF_BYTES];
    struct chat_row row; /* from the transaction */
};

/* A device, on its way into the table. */
struct removed_op {
    uint8_t user[CHAT_ID_BYTES];
    uint8_t device[CHAT_ID_BYTES];
};

static void next(struct delivery *);

struct gone_line *
gone_line_create(void)
{
    return calloc(1, sizeof(struct gone_line));
}

/* ---- the line ------------------------------------------------------------------------------------------------- */

static void
drop_first(struct gone_line *line)
{
    line->devices[0].device->holders--;
    line->count--;
    memmove(&line->devices[0], &line->devices[1], line->count * sizeof(line->devices[0]));
}

void
gone_line_add(struct delivery *ds, struct chat_device *device)
{
    struct gone_line *line = ds->gone;

    for (size_t i = 0; i < line->count; i++)
        if (line->devices[i].device == device)
            return;
    if (line->count == GONE_LINE_MAX)
        return;
    device->holders++;
    line->devices[line->count++] = (struct gone_device){
        .device = device,
        .due_ms = ds->host->api->now_ms(ds->host) + (int64_t)ds->removal_grace_ms,
    };
}

/* ---- writer thread -------------------------------------------------------------------------------------------- */

static int
propose_tx(struct sotto_tx *tx, void *arg)
{
    struct gone_op *op = *(struct gone_op **)arg;
    struct chat_row *row = &op->row;
    struct chat_head *head;
    int rc = writer_head(tx, op->chat, &head);

    if (rc != SOTTO_OK)
        return rc;
    if (head->is_replaced)
        return SOTTO_EPRECONDITION;
    if (head->epoch != op->check.epoch || head->proposals >= CHAT_REMOVES_MAX ||
        memcmp(head->tree_hash, op->check.base_hash, MLS_HASH_BYTES) != 0)
        return SOTTO_EABORTED;
    if (head->seq == CHAT_SEQ_MAX)
        return SOTTO_EEXHAUSTED;
    *row = (struct chat_row){
        .chat = op->chat,
        .seq = head->seq + 1,
        .kind = SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_PROPOSAL,
        .epoch = op->check.epoch,
        .device = op->device,
        .ts_ms = tx->api->now_ms(tx),
        .message = chat_bytes(op->message.data, op->message.len),
    };
    rc = chat_write_proposal(
        tx, row,
        &(struct chat_leaf_end){.leaf = op->leaf, .device = op->device, .until_seq = row->seq},
        op->ref);
    if (rc < 0)
        return rc;
    head->seq++;
    head->proposals++;
    return SOTTO_OK;
}

/* ---- pool thread ---------------------------------------------------------------------------------------------- */

static int
make_proposal(struct tree_check *check)
{
    struct gone_op *op = check->owner;
    int rc;

    if (!outside_is_listed(op->ds->outside, check->group))
        return SOTTO_EPRECONDITION;
    rc = outside_propose(op->ds->outside, op->ds->mls, check->group, op->leaf, &op->message,
                         op->ref);
    return rc == MLS_OK ? SOTTO_OK : tree_refuse(check, "removal of a gone device", rc);
}

/* ---- logic thread --------------------------------------------------------------------------------------------- */

static void
apply(const struct gone_op *op)
{
    struct chat *chat = op->check.chat;
    const struct chat_device *device = chat->leaves[op->leaf]->device;

    purge_note_entries(op->ds, chat, op->row.seq, op->row.ts_ms);
    chat_push_row(op->ds, chat, device, &op->row, device->user, device->id);
    roster_seat_retire(chat, op->leaf, op->ref);
}

static void
end(struct gone_op *op, int status)
{
    struct delivery *ds = op->ds;
    struct gone_device *first = &ds->gone->devices[0];
    const struct chat *chat = roster_chat(ds, chat_bytes(op->check.chat_id, CHAT_ID_BYTES));
    const bool is_there = chat != NULL && roster_seat(chat, first->device) != NULL;

    tree_check_end(&op->check, status == SOTTO_OK);
    mls_buf_fini(&op->message);
    free(op);
    ds->gone->is_at_work = false;
    if (status == SOTTO_OK) {
        first->tries = 0;
    } else if (status != SOTTO_EABORTED || ++first->tries == TRIES_MAX) {
        first->skipped += is_there;
        first->tries = 0;
    }
    if ((status == SOTTO_OK || status == SOTTO_EPRECONDITION) && ds->gone_timer != NULL)
        next(ds);
    chat_work_end(ds);
}

static void
on_written(void *state, int status, void *arg)
{
    struct gone_op *op = *(struct gone_op **)arg;

    (void)state;
    if (status == SOTTO_OK)
        apply(op);
    end(op, status);
}

static void
on_made(struct tree_check *check, int status)
{
    struct gone_op *op = check->owner;
    struct sotto_host *host = op->ds->host;

    if (status == SOTTO_OK)
        status = host->db->write(host, propose_tx, &op, sizeof(op), on_written);
    if (status != SOTTO_OK)
        end(op, status);
}

static void
propose(struct delivery *ds, const struct chat_seat *seat)
{
    struct gone_op *op = calloc(1, sizeof(*op));

    if (op == NULL)
        return; /* the next tick tries again */
    op->ds = ds;
    op->chat = seat->chat->num;
    op->device = seat->device->num;
    op->leaf = seat->leaf;
    tree_check_proposals(&op->check, ds, seat->chat, op, make_proposal, on_made);
    ds->gone->is_at_work = true;
    chat_work_begin(ds);
    tree_check_start(&op->check);
}

static bool
is_for_us(const struct chat_seat *seat)
{
    return !seat->chat->replaced_by.is_set && seat->user->seat_count > 1 && !seat->user->is_gone &&
           seat->chat->proposal_count < CHAT_REMOVES_MAX;
}

/* Begins the next proposal that is due, unless one is at work. */
static void
next(struct delivery *ds)
{
    struct gone_line *line = ds->gone;
    const int64_t now_ms = ds->host->api->now_ms(ds->host);

    while (ds->is_ready && !line->is_at_work && line->count > 0 &&
           line->devices[0].due_ms <= now_ms) {
        struct gone_device *first = &line->devices[0];

        if (first->skipped >= first->device->seat_count) {
            drop_first(line);
        } else if (!is_for_us(first->device->seats[first->skipped])) {
            first->skipped++;
        } else {
            propose(ds, first->device->seats[first->skipped]);
            return;
        }
    }
}

void
chat_on_gone_timer(void *state, void *arg)
{
    (void)arg;
    next(state);
    depart_next(state);
}

/* ---- the fact ------------------------------------------------------------------------------------------------- */

static void
tell_members(struct delivery *ds, const struct chat_seat *seat)
{
    Sotto__Chat__V1__DeviceGone event = SOTTO__CHAT__V1__DEVICE_GONE__INIT;
    size_t count;
    uint64_t *sessions;

    if (seat->chat->replaced_by.is_set)
        return;
    sessions = roster_listeners(seat->chat, seat->device, &count);
    event.chat_id = chat_bytes(seat->chat->id, CHAT_ID_BYTES);
    event.user_id = chat_bytes(seat->device->user, CHAT_ID_BYTES);
    event.device_id = chat_bytes(seat->device->id, CHAT_ID_BYTES);
    if (count > 0)
        ds->host->session->push(ds->host, sessions, count, &event.base);
    free(sessions);
}

static int
removed_tx(struct sotto_tx *tx, void *arg)
{
    const struct removed_op *op = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_DEVICE_SET_REMOVED);

    sotto_bind_blob(stmt, 1, op->user, CHAT_ID_BYTES);
    sotto_bind_blob(stmt, 2, op->device, CHAT_ID_BYTES);
    return sotto_step(stmt);
}

static void
removed_done(void *state, int status, void *arg)
{
    struct delivery *ds = state;

    (void)arg;
    if (status != SOTTO_OK)
        ds->host->api->log(ds->host, SOTTO_LOG_WARN, "a removed device was not noted: %s",
                           sotto_error_code(status));
}

static void
note_removed(struct delivery *ds, struct chat_device *device)
{
    struct removed_op op;
    int rc;

    memcpy(op.user, device->user, CHAT_ID_BYTES);
    memcpy(op.device, device->id, CHAT_ID_BYTES);
    gone_line_add(ds, device);
    rc = ds->host->db->write(ds->host, removed_tx, &op, sizeof(op), removed_done);
    if (rc != SOTTO_OK)
        removed_done(ds, rc, &op);
}

void
chat_on_device_removed(void *state, const struct sotto_envelope *envelope)
{
    struct delivery *ds = state;
    Sotto__Keyx__V1__DeviceRemoved *fact = sotto__keyx__v1__device_removed__unpack(
        NULL, envelope->payload.size, envelope->payload.data);
    struct chat_device *device = NULL;

    if (fact != NULL && !fact->account && fact->user_id.len == CHAT_ID_BYTES &&
        fact->device_id.len == CHAT_ID_BYTES)
        device = ds->is_ready ? roster_device(ds, fact->user_id.data, fact->device_id.data)
                              : roster_device_need(ds, fact->user_id.data, fact->device_id.data);
    for (size_t i = 0; device != NULL && i < device->seat_count; i++)
        tell_members(ds, device->seats[i]);
    /* The reminder at start comes before the rosters: where the device sits is seen when it is due. */
    if (device != NULL && (device->seat_count > 0 || !ds->is_ready))
        note_removed(ds, device);
    if (fact != NULL)
        sotto__keyx__v1__device_removed__free_unpacked(fact, NULL);
}
