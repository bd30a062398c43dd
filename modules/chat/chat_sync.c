/* SPDX-License-Identifier: MIT */
/*
 * Sync: what a device has missed, in pages, and the switch from reading to listening.
 *
 * The logic thread says which part of which log the device may read: after its cursor, up to the last entry that the
 * logic thread knows. A reader thread fetches it. When the page comes back complete and nothing has happened to the
 * device in between, the connection is subscribed in the same turn, so that no entry falls between the answer and
 * the first event. Otherwise the answer says `more` and the client asks again.
 *
 * A device that was removed may read up to the commit that removed it, one whose user left up to its proposal; how
 * far that is stands in its seat's row.
 */
#include <stdlib.h>

#include "chat_purge.h"

/* A page; own messages come without bytes, so the page's size alone is no bound. */
#define ENTRIES_MAX 1024
#define WELCOMES_MAX 64 /* a page */
#define NOTICES_MAX 64  /* deleted chats a page; the rest comes when these are acknowledged */
#define LEFT_MAX 64 /* chats a page that the device was removed from and has not read to the end */
#define ENTRY_OVERHEAD 96 /* encoded, besides the message */

/* A part of a log: after < seq <= upto. */
struct range {
    uint8_t chat_id[CHAT_ID_BYTES];
    uint32_t chat;
    uint32_t after;
    uint32_t upto;
    bool is_left; /* upto comes from the seat's row */
    bool is_relay;
};

struct sync_op {
    struct sotto_req *req;
    struct chat_device *device; /* NULL: in no chat, and not live */
    bool is_live;
    uint32_t num;         /* of the device; 0: in no table */
    uint64_t events;      /* of the device when the ranges were made */
    struct range *ranges; /* on the heap, freed in sync_done */
    size_t range_count;
    size_t range_capacity;
    const ProtobufCBinaryData **absent; /* likewise: cursors of chats that are not the device's */
    size_t absent_count;
    /* from the transaction */
    Sotto__Chat__V1__SyncReply reply;
    size_t bytes;
    bool is_full;
};

/* ---- reader thread --------------------------------------------------------------------------------------------- */

static int
make_room(struct sotto_tx *tx, struct sync_op *op)
{
    Sotto__Chat__V1__SyncReply *reply = &op->reply;
    const size_t left_max = op->absent_count + op->range_capacity;

    sotto__chat__v1__sync_reply__init(reply);
    op->bytes = 0;
    op->is_full = false;
    reply->entries = sotto_tx_alloc(tx, ENTRIES_MAX * sizeof(*reply->entries));
    reply->welcomes = sotto_tx_alloc(tx, WELCOMES_MAX * sizeof(*reply->welcomes));
    reply->left = sotto_tx_alloc(tx, (left_max + 1) * sizeof(*reply->left));
    reply->gaps = sotto_tx_alloc(tx, (op->range_capacity + 1) * sizeof(*reply->gaps));
    reply->deleted = sotto_tx_alloc(tx, NOTICES_MAX * sizeof(*reply->deleted));
    if (reply->entries == NULL || reply->deleted == NULL || reply->welcomes == NULL ||
        reply->left == NULL || reply->gaps == NULL)
        return SOTTO_ENOMEM;
    for (size_t i = 0; i < op->absent_count; i++)
        reply->left[reply->n_left++] = *op->absent[i];
    return SOTTO_OK;
}

static void *
alloc_in_tx(void *tx, size_t size)
{
    return sotto_tx_alloc(tx, size);
}

/* The transaction's memory goes all at once. */
static void
free_in_tx(void *tx, void *memory)
{
    (void)tx;
    (void)memory;
}

static int
add_roles(struct sotto_tx *tx, Sotto__Chat__V1__Welcome *welcome, struct sotto_view packed)
{
    ProtobufCAllocator allocator = {alloc_in_tx, free_in_tx, tx};
    Sotto__Chat__V1__RoleList *list =
        sotto__chat__v1__role_list__unpack(&allocator, packed.size, packed.data);

    if (list == NULL)
        return SOTTO_ENOMEM;
    welcome->n_roles = list->n_roles;
    welcome->roles = list->roles;
    return SOTTO_OK;
}

static int
add_welcome(struct sotto_tx *tx, struct sync_op *op, struct sotto_stmt *row)
{
    Sotto__Chat__V1__Welcome *welcome = sotto_tx_alloc(tx, sizeof(*welcome));

    if (welcome == NULL)
        return SOTTO_ENOMEM;
    sotto__chat__v1__welcome__init(welcome);
    welcome->chat_id = chat_copy(tx, sotto_col_blob(row, 0));
    welcome->seq = (uint64_t)sotto_col_int(row, 1);
    welcome->epoch = (uint64_t)sotto_col_int(row, 2);
    welcome->inviter_user = chat_copy(tx, sotto_col_blob(row, 3));
    welcome->type = (Sotto__Chat__V1__ChatType)sotto_col_int(row, 4);
    welcome->mode = (Sotto__Chat__V1__Mode)sotto_col_int(row, 5);
    welcome->welcome = chat_copy(tx, sotto_col_blob(row, 6));
    welcome->ts_ms = sotto_col_int(row, 7);
    welcome->ratchet_tree = chat_copy(tx, sotto_col_blob(row, 9));
    welcome->resets = chat_copy(tx, sotto_col_blob(row, 10));
    if (welcome->welcome.data == NULL || welcome->ratchet_tree.data == NULL ||
        welcome->resets.data == NULL)
        return SOTTO_ENOMEM;
    op->bytes += welcome->welcome.len + welcome->ratchet_tree.len + ENTRY_OVERHEAD;
    op->reply.welcomes[op->reply.n_welcomes++] = welcome;
    return add_roles(tx, welcome, sotto_col_blob(row, 8));
}

static int
read_welcomes(struct sotto_tx *tx, struct sync_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_INVITATION_LIST);
    int rc;

    sotto_bind_int(stmt, 1, op->num);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW) {
        const size_t size =
            sotto_col_blob(stmt, 6).size + sotto_col_blob(stmt, 9).size + ENTRY_OVERHEAD;

        if (op->reply.n_welcomes > 0 &&
            (op->reply.n_welcomes == WELCOMES_MAX || op->bytes + size > CHAT_PAGE_BYTES)) {
            op->is_full = true;
            return SOTTO_OK;
        }
        rc = add_welcome(tx, op, stmt);
        if (rc != SOTTO_OK)
            return rc;
    }
    return rc;
}

static int
read_notices(struct sotto_tx *tx, struct sync_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_NOTICE_LIST);
    int rc;

    sotto_bind_int(stmt, 1, op->num);
    sotto_bind_int(stmt, 2, NOTICES_MAX);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW && op->reply.n_deleted < NOTICES_MAX) {
        Sotto__Chat__V1__ChatDeleted *deleted = sotto_tx_alloc(tx, sizeof(*deleted));

        if (deleted == NULL)
            return SOTTO_ENOMEM;
        sotto__chat__v1__chat_deleted__init(deleted);
        deleted->chat_id = chat_copy(tx, sotto_col_blob(stmt, 0));
        deleted->user_id = chat_copy(tx, sotto_col_blob(stmt, 1));
        deleted->ts_ms = sotto_col_int(stmt, 2);
        if (deleted->user_id.data == NULL)
            return SOTTO_ENOMEM;
        op->reply.deleted[op->reply.n_deleted++] = deleted;
    }
    return rc < 0 ? rc : SOTTO_OK;
}

/* By this a device that was set back to an old copy of itself learns that it sent more than it knows. */
static int
read_sent_top(struct sotto_tx *tx, struct sync_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_WINDOW_GET);
    int rc;

    sotto_bind_int(stmt, 1, op->num);
    rc = sotto_step(stmt);
    if (rc == SOTTO_ROW)
        op->reply.sent_top = (uint64_t)sotto_col_int(stmt, 0);
    return rc < 0 ? rc : SOTTO_OK;
}

/* Chats that the device was removed from and has no cursor for in the request. */
static int
read_left(struct sotto_tx *tx, struct sync_op *op)
{
    const size_t named = op->range_count;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_SEAT_LEFT);
    int rc;

    sotto_bind_int(stmt, 1, op->num);
    sotto_bind_int(stmt, 2, LEFT_MAX);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW && op->range_count < op->range_capacity) {
        struct range *range = &op->ranges[op->range_count];
        const uint32_t since = (uint32_t)sotto_col_int(stmt, 2);
        const uint32_t read = (uint32_t)sotto_col_int(stmt, 3);
        bool is_named = false;

        *range = (struct range){
            .chat = (uint32_t)sotto_col_int(stmt, 0),
            .after = read > since ? read : since,
            .upto = (uint32_t)sotto_col_int(stmt, 4),
            .is_relay = sotto_col_int(stmt, 5) == SOTTO__CHAT__V1__MODE__MODE_RELAY,
        };
        for (size_t i = 0; i < named && !is_named; i++)
            is_named = op->ranges[i].chat == range->chat;
        if (!is_named && chat_copy_id(sotto_col_blob(stmt, 1), range->chat_id))
            op->range_count++;
    }
    return rc < 0 ? rc : SOTTO_OK;
}

/* The end of what a removed device may read; false: it was never in the chat. */
static int
find_end(struct sotto_tx *tx, const struct sync_op *op, struct range *range, bool *found_out)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_SEAT_GET);
    int rc;

    sotto_bind_int(stmt, 1, op->num);
    sotto_bind_int(stmt, 2, range->chat);
    rc = sotto_step(stmt);
    *found_out = rc == SOTTO_ROW;
    if (rc != SOTTO_ROW)
        return rc;
    if (range->after < sotto_col_int(stmt, 0))
        range->after = (uint32_t)sotto_col_int(stmt, 0);
    range->upto = (uint32_t)sotto_col_int(stmt, 1);
    return SOTTO_OK;
}

static int
add_entry(struct sotto_tx *tx, struct sync_op *op, const struct range *range,
          struct sotto_stmt *row)
{
    Sotto__Chat__V1__Entry *entry = sotto_tx_alloc(tx, sizeof(*entry));
    ProtobufCBinaryData bytes;

    if (entry == NULL)
        return SOTTO_ENOMEM;
    sotto__chat__v1__entry__init(entry);
    entry->chat_id = chat_bytes(range->chat_id, CHAT_ID_BYTES);
    entry->seq = (uint32_t)sotto_col_int(row, 0);
    entry->kind = (Sotto__Chat__V1__EntryKind)sotto_col_int(row, 1);
    entry->epoch = (uint64_t)sotto_col_int(row, 2);
    entry->ts_ms = sotto_col_int(row, 4);
    entry->client_msg_id = (uint64_t)sotto_col_int(row, 5);
    entry->sender_user = chat_copy(tx, sotto_col_blob(row, 6));
    entry->sender_device = chat_copy(tx, sotto_col_blob(row, 7));
    bytes = chat_copy(tx, sotto_col_blob(row, 8));
    if (entry->sender_device.data == NULL || bytes.data == NULL)
        return SOTTO_ENOMEM;
    if (entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_APPLICATION &&
        sotto_col_int(row, 3) == op->num)
        entry->mark = bytes;
    else
        entry->message = bytes;
    op->bytes += bytes.len + ENTRY_OVERHEAD;
    op->reply.entries[op->reply.n_entries++] = entry;
    return SOTTO_OK;
}

/* Tells a reader that comes too late what it will not get, and goes on behind it. */
static int
read_gap(struct sotto_tx *tx, struct sync_op *op, struct range *range)
{
    Sotto__Chat__V1__Gap *gap;
    struct chat_purged purged;
    const int rc = purge_read(tx, range->chat, &purged);

    if (rc != SOTTO_OK || purged.seq <= range->after)
        return rc;
    gap = sotto_tx_alloc(tx, sizeof(*gap));
    if (gap == NULL)
        return SOTTO_ENOMEM;
    range->after = purged.seq < range->upto ? purged.seq : range->upto;
    sotto__chat__v1__gap__init(gap);
    gap->chat_id = chat_bytes(range->chat_id, CHAT_ID_BYTES);
    gap->upto_seq = range->after;
    gap->epoch = purged.epoch;
    gap->ts_ms = purged.ts_ms;
    op->reply.gaps[op->reply.n_gaps++] = gap;
    return SOTTO_OK;
}

static int
read_range(struct sotto_tx *tx, struct sync_op *op, const struct range *range)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_LOG_PAGE);
    int rc;

    sotto_bind_int(stmt, 1, op->num); /* of its own messages only the mark comes */
    sotto_bind_int(stmt, 2, chat_log_id(range->chat, range->after));
    sotto_bind_int(stmt, 3, chat_log_id(range->chat, range->upto));
    while ((rc = sotto_step(stmt)) == SOTTO_ROW) {
        const size_t size = sotto_col_blob(stmt, 8).size + ENTRY_OVERHEAD;

        /* One entry always goes, so that every page gets further. */
        if (op->reply.n_entries > 0 &&
            (op->reply.n_entries == ENTRIES_MAX || op->bytes + size > CHAT_PAGE_BYTES)) {
            op->is_full = true;
            return SOTTO_OK;
        }
        rc = add_entry(tx, op, range, stmt);
        if (rc != SOTTO_OK)
            return rc;
    }
    return rc;
}

static int
sync_tx(struct sotto_tx *tx, void *arg)
{
    struct sync_op *op = arg;
    bool is_read_welcomes_full;
    int rc = make_room(tx, op);

    if (rc == SOTTO_OK && op->num != 0)
        rc = read_welcomes(tx, op);
    if (rc == SOTTO_OK && op->num != 0)
        rc = read_notices(tx, op);
    if (rc == SOTTO_OK && op->num != 0)
        rc = read_sent_top(tx, op);
    is_read_welcomes_full = op->is_full;
    op->is_full = false;
    if (rc == SOTTO_OK && op->num != 0)
        rc = read_left(tx, op);
    for (size_t i = 0; i < op->range_count && rc == SOTTO_OK && !op->is_full; i++) {
        struct range *range = &op->ranges[i];
        bool found = true;

        if (range->is_left)
            rc = find_end(tx, op, range, &found);
        if (rc == SOTTO_OK && found && range->is_relay && range->after < range->upto)
            rc = read_gap(tx, op, range);
        if (rc == SOTTO_OK && found && range->after < range->upto)
            rc = read_range(tx, op, range);
        if (range->is_left && !op->is_full)
            op->reply.left[op->reply.n_left++] = chat_bytes(range->chat_id, CHAT_ID_BYTES);
    }
    op->is_full = op->is_full || is_read_welcomes_full;
    return rc;
}

/* ---- logic thread ---------------------------------------------------------------------------------------------- */

static void
free_op(struct sync_op *op)
{
    free(op->ranges);
    free(op->absent);
}

static void
sync_done(void *state, int status, void *arg)
{
    struct sync_op *op = arg;
    struct sotto_req *req = op->req;

    (void)state;
    if (status != SOTTO_OK) {
        sotto_fail_status(req, status, NULL);
    } else {
        const bool is_fresh = op->device == NULL || op->device->events == op->events;

        op->reply.more = op->is_full || !is_fresh;
        if (op->is_live && !op->reply.more)
            roster_subscribe(op->device, req->caller->session);
        sotto_reply(req, &op->reply.base);
    }
    free_op(op);
}

static void
add_range(struct sync_op *op, const struct chat *chat, uint64_t after, bool is_left)
{
    struct range *range = &op->ranges[op->range_count];

    if (!is_left && after >= chat->seq)
        return;
    *range = (struct range){
        .chat = chat->num,
        .after = after > CHAT_SEQ_MAX ? CHAT_SEQ_MAX : (uint32_t)after,
        .upto = chat->seq,
        .is_left = is_left,
        .is_relay = chat->mode == SOTTO__CHAT__V1__MODE__MODE_RELAY,
    };
    memcpy(range->chat_id, chat->id, CHAT_ID_BYTES);
    op->range_count++;
}

static void
add_cursor(struct delivery *ds, struct sync_op *op, const Sotto__Chat__V1__Cursor *cursor)
{
    struct chat *chat = roster_chat(ds, cursor->chat_id);
    struct chat_seat *seat;

    if (chat != NULL && chat->seen == ds->serial)
        return; /* named twice: before a search through thousands of seats */
    if (chat != NULL)
        chat->seen = ds->serial;

    seat = chat != NULL ? roster_seat(chat, op->device) : NULL;
    if (seat != NULL)
        add_range(op, chat, cursor->seq > seat->since_seq ? cursor->seq : seat->since_seq, false);
    else if (chat != NULL && op->num != 0)
        add_range(op, chat, cursor->seq, true);
    else
        op->absent[op->absent_count++] = &cursor->chat_id;
}

/* What the device may read, from the cursors of the request and, for the other chats, the stored ones. */
static int
make_ranges(struct delivery *ds, struct sync_op *op, const Sotto__Chat__V1__SyncRequest *in)
{
    const size_t seats = op->device != NULL ? op->device->seat_count : 0;

    op->range_capacity = in->n_cursors + seats + LEFT_MAX;
    op->ranges = calloc(op->range_capacity, sizeof(*op->ranges));
    op->absent = calloc(in->n_cursors + 1, sizeof(*op->absent));
    if (op->ranges == NULL || op->absent == NULL)
        return SOTTO_ENOMEM;

    ds->serial++;
    for (size_t i = 0; i < in->n_cursors; i++)
        add_cursor(ds, op, in->cursors[i]);
    for (size_t i = 0; i < seats; i++) {
        const struct chat_seat *seat = op->device->seats[i];

        if (seat->chat->seen != ds->serial)
            add_range(op, seat->chat, seat->read_seq, false);
    }
    return SOTTO_OK;
}

static const char *
check_sync(const Sotto__Chat__V1__SyncRequest *in)
{
    if (in->n_cursors > CHAT_CURSORS_MAX)
        return "at most 5000 cursors";
    for (size_t i = 0; i < in->n_cursors; i++)
        if (in->cursors[i]->chat_id.len != CHAT_ID_BYTES)
            return "chat_id has 16 bytes";
    return NULL;
}

void
chat_on_sync(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    const Sotto__Chat__V1__SyncRequest *request = (const void *)in;
    const struct sotto_caller *caller = req->caller;
    struct sync_op op = {.req = req, .is_live = request->live};
    const char *text;
    int rc;

    if (!chat_is_ready(ds, req, in, chat_on_sync))
        return;
    text = check_sync(request);
    if (text != NULL) {
        sotto_fail(req, SOTTO_EINVALID, text);
        return;
    }
    op.device = request->live ? roster_device_need(ds, caller->user, caller->device)
                              : roster_device(ds, caller->user, caller->device);
    if (op.device != NULL && op.device->is_gone) {
        sotto_fail(req, SOTTO_EPRECONDITION, "this account was deleted");
        return;
    }
    if (op.device != NULL) {
        op.num = op.device->num;
        op.events = op.device->events;
    }
    rc = make_ranges(ds, &op, request);
    if (rc == SOTTO_OK)
        rc = ds->host->db->read(ds->host, sync_tx, &op, sizeof(op), sync_done);
    if (rc != SOTTO_OK) {
        sotto_fail_status(req, rc, NULL);
        free_op(&op);
    }
}
