/* SPDX-License-Identifier: MIT */
/*
 * Reading the rosters at start: devices, then chats with their members, seats and heads, page by page.
 *
 * A page is read on a reader thread and becomes part of the roster on the logic thread. Until the last one is
 * in, requests wait in a short line; they are few, since the doors open only a moment before.
 */
#include <stdlib.h>

#include "chat_gone.h"
#include "chat_purge.h"

#define DEVICES_A_PAGE 4096
#define CHATS_A_PAGE 64 /* with all their seats they stay below the memory of one job */

struct loaded_device {
    uint32_t num;
    uint8_t user[CHAT_ID_BYTES];
    uint8_t device[CHAT_ID_BYTES];
    bool is_removed;
};

struct loaded_member {
    struct loaded_member *next;
    uint8_t user[CHAT_ID_BYTES];
    uint8_t role;
    bool is_gone;
};

struct loaded_seat {
    struct loaded_seat *next;
    uint32_t device, leaf, since_seq, read_seq;
};

struct loaded_proposal {
    struct loaded_proposal *next;
    uint32_t leaf;
    uint8_t ref[MLS_REF_BYTES];
};

struct loaded_chat {
    uint32_t num;
    uint8_t id[CHAT_ID_BYTES];
    uint8_t type, mode;
    uint16_t suite;
    uint64_t epoch;
    uint32_t seq;
    int64_t last_ts_ms;
    struct chat_link resets, replaced_by;
    struct chat_purged purged;
    bool is_deleted;
    struct loaded_member *members;
    struct loaded_seat *seats;
    struct loaded_proposal *proposals;
};

/* Devices by number, while loading. */
struct by_num {
    struct chat_device **items;
    size_t capacity;
};

struct load_op {
    struct by_num *by_num;
    uint32_t after; /* the last number of the page before */
    /* from the transaction, in its memory */
    size_t count;
    struct loaded_device *devices;
    struct loaded_chat *chats;
};

/* ---- reader thread -------------------------------------------------------------------------- */

static int
read_devices(struct sotto_tx *tx, void *arg)
{
    struct load_op *op = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_DEVICE_PAGE);
    int rc;

    op->count = 0;
    op->devices = sotto_tx_alloc(tx, DEVICES_A_PAGE * sizeof(*op->devices));
    if (op->devices == NULL)
        return SOTTO_ENOMEM;
    sotto_bind_int(stmt, 1, op->after);
    sotto_bind_int(stmt, 2, DEVICES_A_PAGE);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW) {
        struct loaded_device *device = &op->devices[op->count++];

        device->num = (uint32_t)sotto_col_int(stmt, 0);
        device->is_removed = sotto_col_int(stmt, 3) != 0;
        if (!chat_copy_id(sotto_col_blob(stmt, 1), device->user) ||
            !chat_copy_id(sotto_col_blob(stmt, 2), device->device))
            return SOTTO_EDATALOSS;
    }
    return rc;
}

static int
read_members(struct sotto_tx *tx, struct loaded_chat *chat)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_MEMBER_LIST);
    int rc;

    sotto_bind_int(stmt, 1, chat->num);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW) {
        struct loaded_member *member = sotto_tx_alloc(tx, sizeof(*member));

        if (member == NULL)
            return SOTTO_ENOMEM;
        if (!chat_copy_id(sotto_col_blob(stmt, 0), member->user))
            return SOTTO_EDATALOSS;
        member->role = (uint8_t)sotto_col_int(stmt, 1);
        member->is_gone = sotto_col_int(stmt, 2) != 0;
        member->next = chat->members;
        chat->members = member;
    }
    return rc;
}

static int
read_seats(struct sotto_tx *tx, struct loaded_chat *chat)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_SEAT_LIST);
    int rc;

    sotto_bind_int(stmt, 1, chat->num);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW) {
        struct loaded_seat *seat = sotto_tx_alloc(tx, sizeof(*seat));

        if (seat == NULL)
            return SOTTO_ENOMEM;
        seat->device = (uint32_t)sotto_col_int(stmt, 0);
        seat->leaf = (uint32_t)sotto_col_int(stmt, 1);
        seat->since_seq = (uint32_t)sotto_col_int(stmt, 2);
        seat->read_seq = (uint32_t)sotto_col_int(stmt, 3);
        seat->next = chat->seats;
        chat->seats = seat;
    }
    return rc;
}

static int
read_proposals(struct sotto_tx *tx, struct loaded_chat *chat)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_PROPOSAL_LIST);
    int rc;

    sotto_bind_int(stmt, 1, chat->num);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW) {
        struct loaded_proposal *proposal = sotto_tx_alloc(tx, sizeof(*proposal));
        const struct sotto_view ref = sotto_col_blob(stmt, 1);

        if (proposal == NULL)
            return SOTTO_ENOMEM;
        if (ref.size != MLS_REF_BYTES)
            return SOTTO_EDATALOSS;
        proposal->leaf = (uint32_t)sotto_col_int(stmt, 0);
        memcpy(proposal->ref, ref.data, MLS_REF_BYTES);
        proposal->next = chat->proposals;
        chat->proposals = proposal;
    }
    return rc;
}

static int
read_head(struct sotto_tx *tx, struct loaded_chat *chat)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_LOG_LAST);
    int rc = purge_read(tx, chat->num, &chat->purged);

    if (rc != SOTTO_OK)
        return rc;
    chat->seq = chat->purged.seq;
    chat->last_ts_ms = chat->purged.ts_ms;
    sotto_bind_int(stmt, 1, chat_log_id(chat->num, 0));
    sotto_bind_int(stmt, 2, chat_log_id(chat->num, CHAT_SEQ_MAX));
    rc = sotto_step(stmt);
    if (rc == SOTTO_ROW) {
        chat->seq = (uint32_t)sotto_col_int(stmt, 0);
        chat->last_ts_ms = sotto_col_int(stmt, 1);
    }
    return rc < 0 ? rc : SOTTO_OK;
}

static int
read_chat_rows(struct sotto_tx *tx, struct load_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_CHAT_PAGE);
    int rc;

    sotto_bind_int(stmt, 1, op->after);
    sotto_bind_int(stmt, 2, CHATS_A_PAGE);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW) {
        struct loaded_chat *chat = &op->chats[op->count++];

        chat->num = (uint32_t)sotto_col_int(stmt, 0);
        if (!chat_copy_id(sotto_col_blob(stmt, 1), chat->id))
            return SOTTO_EDATALOSS;
        chat->type = (uint8_t)sotto_col_int(stmt, 2);
        chat->mode = (uint8_t)sotto_col_int(stmt, 3);
        chat->suite = (uint16_t)sotto_col_int(stmt, 4);
        chat->epoch = (uint64_t)sotto_col_int(stmt, 5);
        chat->is_deleted = sotto_col_int(stmt, 6) != 0;
        if (!chat_copy_link(sotto_col_blob(stmt, 7), &chat->resets) ||
            !chat_copy_link(sotto_col_blob(stmt, 8), &chat->replaced_by))
            return SOTTO_EDATALOSS;
    }
    return rc;
}

static int
read_chats(struct sotto_tx *tx, void *arg)
{
    struct load_op *op = arg;
    int rc;

    op->count = 0;
    op->chats = sotto_tx_alloc(tx, CHATS_A_PAGE * sizeof(*op->chats));
    if (op->chats == NULL)
        return SOTTO_ENOMEM;
    rc = read_chat_rows(tx, op);
    for (size_t i = 0; i < op->count && rc == SOTTO_OK; i++) {
        rc = read_members(tx, &op->chats[i]);
        if (rc == SOTTO_OK)
            rc = read_seats(tx, &op->chats[i]);
        if (rc == SOTTO_OK)
            rc = read_proposals(tx, &op->chats[i]);
        if (rc == SOTTO_OK)
            rc = read_head(tx, &op->chats[i]);
    }
    return rc;
}

/* ---- logic thread: the line of those who wait ----------------------------------------------- */

bool
chat_is_ready(struct delivery *ds, struct sotto_req *req, const ProtobufCMessage *in,
              sotto_rpc_fn *fn)
{
    if (ds->is_ready)
        return true;
    if (ds->load_error != SOTTO_OK || ds->held_count == CHAT_HELD_MAX)
        sotto_fail(req, SOTTO_EUNAVAILABLE, "the chats are not loaded; try again later");
    else
        ds->held[ds->held_count++] = (struct chat_held){req, in, fn};
    return false;
}

void
chat_load_give_up(struct delivery *ds)
{
    for (size_t i = 0; i < ds->held_count; i++)
        sotto_fail(ds->held[i].req, SOTTO_EUNAVAILABLE,
                   "the chats are not loaded; try again later");
    ds->held_count = 0;
}

static void
finish(struct delivery *ds, struct load_op *op, int status)
{
    free(op->by_num->items);
    free(op->by_num);
    if (status == SOTTO_OK) {
        ds->is_ready = true;
        for (size_t i = 0; i < ds->held_count; i++)
            ds->held[i].fn(ds, ds->held[i].req, ds->held[i].in);
        ds->held_count = 0;
    } else {
        ds->load_error = status;
        ds->host->api->log(ds->host, SOTTO_LOG_ERROR, "the chats could not be loaded: %s",
                           sotto_error_code(status));
        chat_load_give_up(ds);
    }
    chat_work_end(ds);
}

/* ---- logic thread: pages -------------------------------------------------------------------- */

static void devices_done(void *state, int status, void *arg);
static void chats_done(void *state, int status, void *arg);

static void
next_page(struct delivery *ds, struct load_op *op, sotto_tx_fn *fn, sotto_db_done_fn *done)
{
    const int rc = ds->host->db->read(ds->host, fn, op, sizeof(*op), done);

    if (rc != SOTTO_OK)
        finish(ds, op, rc);
}

static int
note_num(struct by_num *by_num, uint32_t num, struct chat_device *device)
{
    if (num >= by_num->capacity) {
        const size_t capacity = 2 * (size_t)num + 64;
        struct chat_device **items = realloc(by_num->items, capacity * sizeof(*items));

        if (items == NULL)
            return SOTTO_ENOMEM;
        memset(items + by_num->capacity, 0, (capacity - by_num->capacity) * sizeof(*items));
        by_num->items = items;
        by_num->capacity = capacity;
    }
    by_num->items[num] = device;
    return SOTTO_OK;
}

static void
devices_done(void *state, int status, void *arg)
{
    struct delivery *ds = state;
    struct load_op *op = arg;

    for (size_t i = 0; i < op->count && status == SOTTO_OK; i++) {
        const struct loaded_device *row = &op->devices[i];
        struct chat_device *device = roster_device_need(ds, row->user, row->device);

        device->num = row->num;
        device->is_removed = row->is_removed;
        op->after = row->num;
        status = note_num(op->by_num, row->num, device);
    }
    if (status != SOTTO_OK) {
        finish(ds, op, status);
    } else if (op->count == DEVICES_A_PAGE) {
        next_page(ds, op, read_devices, devices_done);
    } else {
        op->after = 0;
        next_page(ds, op, read_chats, chats_done);
    }
}

/* Rows that contradict each other would make a wrong roster, so they stop the loading. */
static int
seat_chat(struct delivery *ds, struct chat *chat, const struct by_num *by_num,
          const struct loaded_chat *row)
{
    for (const struct loaded_seat *seat = row->seats; seat != NULL; seat = seat->next) {
        struct chat_device *device =
            seat->device < by_num->capacity ? by_num->items[seat->device] : NULL;

        if (device == NULL || seat->leaf >= 2 * CHAT_SEATS_MAX ||
            roster_user(chat, device->user) == NULL)
            return SOTTO_EDATALOSS;
        roster_seat_take(chat, seat->leaf, device, seat->since_seq)->read_seq = seat->read_seq;
        if (device->is_removed)
            gone_line_add(ds, device);
    }
    return SOTTO_OK;
}

static int
retire_seats(struct chat *chat, const struct loaded_chat *row)
{
    for (const struct loaded_proposal *p = row->proposals; p != NULL; p = p->next) {
        if (p->leaf >= 2 * CHAT_SEATS_MAX ||
            (p->leaf < chat->leaf_capacity && chat->leaves[p->leaf] != NULL))
            return SOTTO_EDATALOSS;
        roster_seat_retire(chat, p->leaf, p->ref);
    }
    return SOTTO_OK;
}

static int
make_chat(struct delivery *ds, const struct by_num *by_num, const struct loaded_chat *row)
{
    struct chat *chat = roster_chat_need(ds, row->id);
    int rc;

    chat->num = row->num;
    chat->type = (Sotto__Chat__V1__ChatType)row->type;
    chat->mode = (Sotto__Chat__V1__Mode)row->mode;
    chat->suite = row->suite;
    chat->epoch = row->epoch;
    chat->resets = row->resets;
    chat->replaced_by = row->replaced_by;
    chat->purge.seq = row->purged.seq;
    chat->purge.is_due = true;
    purge_note_entries(ds, chat, row->seq, row->last_ts_ms);
    for (const struct loaded_member *m = row->members; m != NULL; m = m->next) {
        struct chat_user *user = roster_user_need(chat, m->user, (Sotto__Chat__V1__Role)m->role);

        if (m->is_gone)
            roster_user_gone(chat, user);
    }
    if (row->is_deleted) {
        purge_deleted(ds, chat);
        return SOTTO_OK;
    }
    ds->host->metric->add(ds->host, CHAT_METRIC_CHATS, 0, 1);
    rc = seat_chat(ds, chat, by_num, row);
    return rc == SOTTO_OK ? retire_seats(chat, row) : rc;
}

static void
chats_done(void *state, int status, void *arg)
{
    struct delivery *ds = state;
    struct load_op *op = arg;

    for (size_t i = 0; i < op->count && status == SOTTO_OK; i++) {
        op->after = op->chats[i].num;
        status = make_chat(ds, op->by_num, &op->chats[i]);
    }
    if (status == SOTTO_OK && op->count == CHATS_A_PAGE)
        next_page(ds, op, read_chats, chats_done);
    else
        finish(ds, op, status);
}

int
chat_load(struct delivery *ds)
{
    struct load_op op = {.by_num = calloc(1, sizeof(*op.by_num))};
    int rc = op.by_num != NULL ? SOTTO_OK : SOTTO_ENOMEM;

    if (rc == SOTTO_OK)
        rc = ds->host->db->read(ds->host, read_devices, &op, sizeof(op), devices_done);
    if (rc != SOTTO_OK) {
        free(op.by_num);
        return rc;
    }
    chat_work_begin(ds);
    return SOTTO_OK;
}
