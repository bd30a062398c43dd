/* SPDX-License-Identifier: MIT */
/*
 * A page of Sync, read from the store: invitations first, then the notices of deleted chats, then what lies after the
 * cursors, until it is full: 64 KiB of invitations and as much of entries. One thing of each always comes, however large,
 * so that every page gets further. Reader thread.
 */
#include "chat_purge.h"
#include "chat_sync.h"

/* A page; own messages come without bytes, so the page's size alone is no bound. */
#define ENTRIES_MAX 1024
#define WELCOMES_MAX 64   /* a page */
#define NOTICES_MAX 64    /* deleted chats a page; the rest comes when these are acknowledged */
#define ENTRY_OVERHEAD 96 /* encoded, besides the message */

static int
make_room(struct sotto_tx *tx, struct sync_op *op)
{
    Sotto__Chat__V1__SyncReply *reply = &op->reply;

    sotto__chat__v1__sync_reply__init(reply);
    op->bytes = 0;
    op->is_full = false;
    reply->entries = sotto_tx_alloc(tx, ENTRIES_MAX * sizeof(*reply->entries));
    reply->welcomes = sotto_tx_alloc(tx, WELCOMES_MAX * sizeof(*reply->welcomes));
    reply->left = sotto_tx_alloc(tx, (op->range_capacity + 1) * sizeof(*reply->left));
    reply->ahead = sotto_tx_alloc(tx, (op->range_capacity + 1) * sizeof(*reply->ahead));
    reply->gaps = sotto_tx_alloc(tx, (op->range_capacity + 1) * sizeof(*reply->gaps));
    reply->deleted = sotto_tx_alloc(tx, NOTICES_MAX * sizeof(*reply->deleted));
    if (reply->entries == NULL || reply->deleted == NULL || reply->welcomes == NULL ||
        reply->left == NULL || reply->ahead == NULL || reply->gaps == NULL)
        return SOTTO_ENOMEM;
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
    sotto_bind_int(stmt, 2, SYNC_LEFT_MAX);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW && op->range_count < op->range_capacity) {
        struct sync_range *range = &op->ranges[op->range_count];
        const uint32_t since = (uint32_t)sotto_col_int(stmt, 2);
        const uint32_t read = (uint32_t)sotto_col_int(stmt, 3);
        bool is_named = false;

        *range = (struct sync_range){
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

/* The end of what a removed device may read; false: it was never in the chat. The tables may be further than the roster was
 * when the range was made: a device that has entered since then has not left. */
static int
find_end(struct sotto_tx *tx, const struct sync_op *op, struct sync_range *range, bool *found_out)
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
    range->is_left = sotto_col_int(stmt, 2) != 0;
    return SOTTO_OK;
}

static int
add_entry(struct sotto_tx *tx, struct sync_op *op, const struct sync_range *range,
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
read_gap(struct sotto_tx *tx, struct sync_op *op, struct sync_range *range)
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
read_range(struct sotto_tx *tx, struct sync_op *op, const struct sync_range *range)
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

/* Whether the log has what the cursor names. The tables may be further than the roster was when the range was made. */
static int
find_cursor(struct sotto_tx *tx, const struct sync_range *range, bool *found_out)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_LOG_LAST);
    struct chat_purged purged;
    int rc;

    sotto_bind_int(stmt, 1, chat_log_id(range->chat, range->after - 1));
    sotto_bind_int(stmt, 2, chat_log_id(range->chat, CHAT_SEQ_MAX));
    rc = sotto_step(stmt);
    *found_out = rc == SOTTO_ROW;
    if (rc != SOTTO_DONE)
        return rc < 0 ? rc : SOTTO_OK;
    rc = purge_read(tx, range->chat, &purged);
    *found_out = purged.seq >= range->after;
    return rc;
}

static int
add_ahead(struct sotto_tx *tx, struct sync_op *op, const struct sync_range *range)
{
    Sotto__Chat__V1__Cursor *end;
    bool found;
    const int rc = find_cursor(tx, range, &found);

    if (rc != SOTTO_OK || found)
        return rc;
    end = sotto_tx_alloc(tx, sizeof(*end));
    if (end == NULL)
        return SOTTO_ENOMEM;
    sotto__chat__v1__cursor__init(end);
    end->chat_id = chat_bytes(range->chat_id, CHAT_ID_BYTES);
    end->seq = range->upto;
    op->reply.ahead[op->reply.n_ahead++] = end;
    return SOTTO_OK;
}

static int
read_one(struct sotto_tx *tx, struct sync_op *op, struct sync_range *range)
{
    bool found = true;
    int rc = SOTTO_OK;

    if (range->is_ahead)
        return add_ahead(tx, op, range);
    if (range->is_left)
        rc = find_end(tx, op, range, &found);
    if (rc == SOTTO_OK && found && range->is_relay && range->after < range->upto)
        rc = read_gap(tx, op, range);
    if (rc == SOTTO_OK && found && range->after < range->upto)
        rc = read_range(tx, op, range);
    if (range->is_left && !op->is_full)
        op->reply.left[op->reply.n_left++] = chat_bytes(range->chat_id, CHAT_ID_BYTES);
    return rc;
}

int
sync_read_page(struct sotto_tx *tx, void *arg)
{
    struct sync_op *op = *(struct sync_op **)arg;
    bool welcomes_are_full;
    int rc = make_room(tx, op);

    if (rc == SOTTO_OK && op->num != 0)
        rc = read_welcomes(tx, op);
    if (rc == SOTTO_OK && op->num != 0)
        rc = read_notices(tx, op);
    if (rc == SOTTO_OK && op->num != 0)
        rc = read_sent_top(tx, op);
    welcomes_are_full = op->is_full;
    /* Entries have room of their own: a Welcome that nobody acknowledges comes each time. */
    op->is_full = false;
    op->bytes = 0;
    if (rc == SOTTO_OK && op->num != 0)
        rc = read_left(tx, op);
    for (size_t i = 0; i < op->range_count && rc == SOTTO_OK && !op->is_full; i++)
        rc = read_one(tx, op, &op->ranges[i]);
    op->is_full = op->is_full || welcomes_are_full;
    return rc;
}
