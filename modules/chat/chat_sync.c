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
 * far that is stands in its seat's row. A chat that the device never had and one that is not are looked for in the same
 * way, and told in the order of the request, so that nothing about the answer says which it was.
 *
 * A page is small, but one invitation to a large group has megabytes: so it is read when it is the user's turn.
 */
#include <stdlib.h>

#include "chat_sync.h"

/* The request's memory, the operation with it, is gone with the answer. */
static void
answer(struct sync_op *op, int status, const char *text)
{
    const struct chat_turn turn = op->turn;
    struct sync_range *ranges = op->ranges;
    struct chat_device *device = op->device;

    if (status != SOTTO_OK)
        sotto_fail_status(op->req, status, text);
    else
        sotto_reply(op->req, &op->reply.base);
    free(ranges);
    if (device != NULL)
        device->holders--;
    turn_end(turn);
}

static void
sync_done(void *state, int status, void *arg)
{
    struct sync_op *op = *(struct sync_op **)arg;
    const bool is_fresh = op->device == NULL || op->device->events == op->events;

    (void)state;
    op->reply.more = op->is_full || !is_fresh;
    if (status == SOTTO_OK && op->in->live && !op->reply.more)
        roster_subscribe(op->device, op->req->caller->session);
    answer(op, status, NULL);
}

static struct sync_range *
add_range(struct sync_op *op, ProtobufCBinaryData chat_id, const struct chat *chat, uint64_t after)
{
    struct sync_range *range = &op->ranges[op->range_count++];

    *range = (struct sync_range){.after = after > CHAT_SEQ_MAX ? CHAT_SEQ_MAX : (uint32_t)after};
    memcpy(range->chat_id, chat_id.data, CHAT_ID_BYTES);
    if (chat != NULL) {
        range->chat = chat->num;
        range->upto = chat->seq;
        range->is_relay = chat->mode == SOTTO__CHAT__V1__MODE__MODE_RELAY;
    }
    return range;
}

static void
add_own(struct sync_op *op, const struct chat *chat, uint64_t after)
{
    if (after != chat->seq)
        add_range(op, chat_bytes(chat->id, CHAT_ID_BYTES), chat, after)->is_ahead =
            after > chat->seq;
}

static void
add_cursor(struct sync_op *op, const Sotto__Chat__V1__Cursor *cursor)
{
    struct chat *chat = roster_chat(op->ds, cursor->chat_id);
    const struct chat_seat *seat = NULL;

    /* One that is named twice is not searched for among thousands of seats again. */
    if (chat != NULL && chat->seen != op->ds->serial) {
        chat->seen = op->ds->serial;
        seat = roster_seat(chat, op->device);
        chat->seen_own = seat != NULL;
    } else if (chat != NULL && chat->seen_own) {
        return;
    }
    if (seat != NULL)
        add_own(op, chat, cursor->seq > seat->since_seq ? cursor->seq : seat->since_seq);
    else
        add_range(op, cursor->chat_id, chat, cursor->seq)->is_left = true;
}

/* What the device may read, from the cursors of the request and, for the other chats, the stored ones. */
static int
make_ranges(struct sync_op *op)
{
    const size_t seats = op->device != NULL ? op->device->seat_count : 0;

    op->range_capacity = op->in->n_cursors + seats + SYNC_LEFT_MAX;
    op->ranges = calloc(op->range_capacity, sizeof(*op->ranges));
    if (op->ranges == NULL)
        return SOTTO_ENOMEM;

    op->ds->serial++;
    for (size_t i = 0; i < op->in->n_cursors; i++)
        add_cursor(op, op->in->cursors[i]);
    for (size_t i = 0; i < seats; i++) {
        const struct chat_seat *seat = op->device->seats[i];

        if (seat->chat->seen != op->ds->serial)
            add_own(op, seat->chat, seat->read_seq);
    }
    return SOTTO_OK;
}

static void
on_turn(void *owner)
{
    struct sync_op *op = owner;
    struct sotto_host *host = op->ds->host;
    const struct sotto_caller *caller = op->req->caller;
    int rc;

    op->device = op->in->live ? roster_device_need(op->ds, caller->user, caller->device)
                              : roster_device(op->ds, caller->user, caller->device);
    if (op->device != NULL)
        op->device->holders++;
    if (op->device != NULL && op->device->is_gone) {
        answer(op, SOTTO_EPRECONDITION, "this account was deleted");
        return;
    }
    if (op->device != NULL) {
        op->num = op->device->num;
        op->events = op->device->events;
    }
    rc = make_ranges(op);
    if (rc == SOTTO_OK)
        rc = host->db->read(host, sync_read_page, &op, sizeof(op), sync_done);
    if (rc != SOTTO_OK)
        answer(op, rc, NULL);
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
    const char *text;
    struct sync_op *op;
    int rc;

    if (!chat_is_ready(ds, req, in, chat_on_sync))
        return;
    text = check_sync(request);
    if (text != NULL) {
        sotto_fail(req, SOTTO_EINVALID, text);
        return;
    }
    op = req->api->alloc(req, sizeof(*op));
    if (op == NULL) {
        sotto_fail_status(req, SOTTO_ENOMEM, NULL);
        return;
    }
    *op = (struct sync_op){.ds = ds, .req = req, .in = request};
    rc = turn_begin(ds, &op->turn, req->caller->user, on_turn, op);
    if (rc != SOTTO_OK)
        answer(op, rc, NULL);
}
