/* SPDX-License-Identifier: MIT */
/*
 * Sync, events, acknowledgement. The work on single entries is in inbox.c.
 */
#include "sync.h"

#include "arrival.h"
#include "copies.h"
#include "inbox.h"
#include "keys.h"
#include "leaving.h"
#include "own_devices.h"
#include "report.h"
#include "session.h"
#include "trust.h"

#include <stdlib.h>
#include <string.h>

#define PAGES_MAX 100000 /* of 64 KiB; a server that never ends a Sync must not hold us for ever */
#define EVENT_BATCH 256
#define CURSORS_MAX 5000

/* ---- acknowledgement ------------------------------------------------------------------------- */

/* Cursors for a request: of chats this device follows; unacked_only: those the server does not
 * know. */
struct cursors {
    size_t count;
    Sotto__Chat__V1__Cursor *rows;
    Sotto__Chat__V1__Cursor **list;
    struct chat *chats;
};

static int
collect_cursors(struct sotto_client *client, bool unacked_only, struct cursors *out)
{
    size_t total = 0;
    *out = (struct cursors){0};
    int status = chat_list(client, &out->chats, &total);
    if (status)
        return status;
    out->rows = mem_alloc(total, sizeof(*out->rows));
    out->list = mem_alloc(total, sizeof(Sotto__Chat__V1__Cursor *));
    for (size_t i = 0; i < total && out->count < CURSORS_MAX; i++) {
        const struct chat *chat = &out->chats[i];
        /* A chat that we left is asked for no more, but what we read of it is acknowledged. */
        bool gone = chat->state == CHAT_LEFT && !unacked_only;
        /* One that is not entered is stepped over only: what came in it must be there when it is. */
        gone |= chat->state == CHAT_OFFERED && unacked_only;
        if (chat->state == CHAT_CREATING || gone)
            continue;
        if (unacked_only && chat->acked >= chat->cursor)
            continue;
        Sotto__Chat__V1__Cursor *row = &out->rows[out->count];
        sotto__chat__v1__cursor__init(row);
        row->chat_id = view(chat->id, ID_BYTES);
        row->seq = chat->cursor;
        out->list[out->count++] = row;
    }
    return SOTTO_CLIENT_OK;
}

static void
cursors_fini(struct cursors *cursors)
{
    free(cursors->rows);
    free(cursors->list);
    free(cursors->chats);
}

static int
note_acked(struct sotto_client *client, const struct cursors *cursors)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < cursors->count; i++)
        status = query_run(&client->profile, &client->error,
                           "UPDATE chats SET acked = MAX(acked, ?) WHERE chat_id = ?",
                           BINDS(bind_int((int64_t)cursors->rows[i].seq),
                                 bind_blob(cursors->rows[i].chat_id.data, ID_BYTES)));
    return profile_end(&client->profile, status, &client->error);
}

static int
ack(struct sotto_client *client, const struct inbox *inbox)
{
    struct cursors cursors;
    Sotto__Chat__V1__AckRequest request = SOTTO__CHAT__V1__ACK_REQUEST__INIT;
    Sotto__Chat__V1__AckReply *reply = NULL;
    ProtobufCBinaryData joined[INBOX_WELCOMES_MAX];
    ProtobufCBinaryData deleted[INBOX_DELETED_MAX];
    /* What is acknowledged may be deleted, and who joins anew was not there before: reports come first. */
    int status = report_send(client);
    if (status == SOTTO_CLIENT_OK)
        status = collect_cursors(client, true, &cursors);
    if (status)
        return status;
    request.n_cursors = cursors.count;
    request.cursors = cursors.list;
    for (size_t i = 0; inbox && i < inbox->welcome_count; i++)
        joined[i] = view(inbox->welcomes[i], ID_BYTES);
    request.n_welcomes_joined = inbox ? inbox->welcome_count : 0;
    request.welcomes_joined = joined;
    for (size_t i = 0; inbox && i < inbox->deleted_count; i++)
        deleted[i] = view(inbox->deleted[i], ID_BYTES);
    request.n_deleted_seen = inbox ? inbox->deleted_count : 0;
    request.deleted_seen = deleted;
    if (request.n_cursors || request.n_welcomes_joined || request.n_deleted_seen) {
        status = rpc(client, CHAT_METHOD("Ack"), &request.base,
                     &sotto__chat__v1__ack_reply__descriptor, &reply, NULL);
        if (status == SOTTO_CLIENT_OK && cursors.count)
            status = note_acked(client, &cursors);
    }
    pb_free(reply);
    cursors_fini(&cursors);
    return status;
}

int
sync_ack(struct sotto_client *client)
{
    return ack(client, NULL);
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* Before a page is processed: the key logs that say whether what the server asks for is removed. A log that cannot be
 * believed proves nothing, and is no error here. */
static int
fetch_logs(struct sotto_client *client, const Sotto__Chat__V1__SyncReply *page)
{
    uint8_t users[GONE_USERS_MAX][ID_BYTES];
    size_t count = 0;
    for (size_t i = 0; i < page->n_entries && count < GONE_USERS_MAX; i++) {
        const Sotto__Chat__V1__Entry *entry = page->entries[i];
        if (leaving_is_asked(entry) &&
            !chat_lists_member((const uint8_t(*)[ID_BYTES])users, count, entry->sender_user.data))
            memcpy(users[count++], entry->sender_user.data, ID_BYTES);
    }
    int status = trust_fetch(client, (const uint8_t(*)[ID_BYTES])users, count);
    return status == SOTTO_CLIENT_EFAILED || status == SOTTO_CLIENT_EBLOCKED ? SOTTO_CLIENT_OK
                                                                             : status;
}

/* Processes one page in one transaction. */
static int
take_page(struct sotto_client *client, struct inbox *inbox, const Sotto__Chat__V1__SyncReply *page)
{
    int status = inbox_begin(client, inbox);
    if (status)
        return status;
    status = copies_look(client, inbox, page->sent_top);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < page->n_welcomes; i++)
        status = inbox_welcome(client, inbox, page->welcomes[i]);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < page->n_gaps; i++)
        status = inbox_gap(client, inbox, page->gaps[i]);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < page->n_entries; i++)
        status = inbox_entry(client, inbox, page->entries[i], false);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < page->n_deleted; i++)
        status = inbox_deleted(client, inbox, page->deleted[i]);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < page->n_left; i++)
        status = inbox_left(client, inbox, page->left[i]);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < page->n_ahead; i++)
        status = inbox_ahead(client, inbox, page->ahead[i]);
    return inbox_end(client, inbox, status);
}

static int
fetch_page(struct sotto_client *client, bool live, Sotto__Chat__V1__SyncReply **page_out)
{
    struct cursors cursors;
    Sotto__Chat__V1__SyncRequest request = SOTTO__CHAT__V1__SYNC_REQUEST__INIT;
    int status = collect_cursors(client, false, &cursors);
    if (status)
        return status;
    request.n_cursors = cursors.count;
    request.cursors = cursors.list;
    request.live = live;
    status = rpc(client, CHAT_METHOD("Sync"), &request.base,
                 &sotto__chat__v1__sync_reply__descriptor, page_out, NULL);
    cursors_fini(&cursors);
    return status;
}

/* Learns the labels and the key log of our own devices when one came or went. What the server has
 * wrong there stops us when we act on it, not from following our chats. */
static int
refresh_own_devices(struct sotto_client *client)
{
    if (!client->own_devices_stale)
        return SOTTO_CLIENT_OK;
    client->own_devices_stale = false;
    int status = own_devices_fetch(client, NULL);
    return status == SOTTO_CLIENT_EFAILED || status == SOTTO_CLIENT_EBLOCKED ? SOTTO_CLIENT_OK
                                                                             : status;
}

/* What is due after new entries were stored. */
static int
after_news(struct sotto_client *client, struct inbox *inbox)
{
    int status = inbox->old_copy ? copies_start_over(client, inbox) : SOTTO_CLIENT_OK;
    if (status == SOTTO_CLIENT_OK)
        status = ack(client, inbox);
    if (status == SOTTO_CLIENT_OK)
        status = contact_fill_names(client);
    if (status == SOTTO_CLIENT_OK && inbox->joined)
        status = keys_replenish(client, true);
    return status == SOTTO_CLIENT_OK ? refresh_own_devices(client) : status;
}

int
sync_run(struct sotto_client *client, bool live)
{
    struct inbox inbox = {0};
    bool more = true;
    int status = SOTTO_CLIENT_OK;
    for (int pages = 0; status == SOTTO_CLIENT_OK && more && pages < PAGES_MAX; pages++) {
        Sotto__Chat__V1__SyncReply *page = NULL;
        status = fetch_page(client, live, &page);
        if (status)
            break;
        inbox.moved = false;
        status = fetch_logs(client, page);
        if (status == SOTTO_CLIENT_OK)
            status = arrivals_take(client, page);
        if (status == SOTTO_CLIENT_OK)
            status = take_page(client, &inbox, page);
        /* One that brings nothing would promise more for ever. */
        more = (page->more || page->n_ahead) && inbox.moved;
        /* What is not acknowledged would come again and fill the next page. */
        if (status == SOTTO_CLIENT_OK && more && (inbox.welcome_count || inbox.deleted_count)) {
            status = ack(client, &inbox);
            inbox.welcome_count = inbox.deleted_count = 0;
        }
        pb_free(page);
    }
    if (status == SOTTO_CLIENT_OK)
        status = after_news(client, &inbox);
    client->caught_up = client->caught_up || status == SOTTO_CLIENT_OK;
    return status;
}

int
sync_once(struct sotto_client *client)
{
    return client->caught_up ? SOTTO_CLIENT_OK : sync_run(client, false);
}

/* ---- events ---------------------------------------------------------------------------------- */

static int
take_entries(struct sotto_client *client, struct inbox *inbox, const struct buf *body)
{
    Sotto__Chat__V1__EntryEvent *event =
        pb_unpack(&sotto__chat__v1__entry_event__descriptor, body->data, body->len);
    int status = SOTTO_CLIENT_OK;
    for (size_t i = 0; event && status == SOTTO_CLIENT_OK && i < event->n_entries; i++)
        status = inbox_entry(client, inbox, event->entries[i], true);
    pb_free(event);
    return status;
}

static int
take_welcome(struct sotto_client *client, struct inbox *inbox, const struct buf *body)
{
    Sotto__Chat__V1__WelcomeEvent *event =
        pb_unpack(&sotto__chat__v1__welcome_event__descriptor, body->data, body->len);
    int status = SOTTO_CLIENT_OK;
    if (event && event->welcome)
        status = inbox_welcome(client, inbox, event->welcome);
    pb_free(event);
    return status;
}

static void
take_gone(struct sotto_client *client, const struct buf *body, struct sync_news *news)
{
    Sotto__Chat__V1__DeviceGone *event =
        pb_unpack(&sotto__chat__v1__device_gone__descriptor, body->data, body->len);
    if (event && event->user_id.len == ID_BYTES && news->gone_count < GONE_USERS_MAX &&
        !id_equal(event->user_id.data, client->account.user_id))
        memcpy(news->gone_users[news->gone_count++], event->user_id.data, ID_BYTES);
    pb_free(event);
}

static int
take_deleted(struct sotto_client *client, struct inbox *inbox, const struct buf *body)
{
    Sotto__Chat__V1__ChatDeletedEvent *event =
        pb_unpack(&sotto__chat__v1__chat_deleted_event__descriptor, body->data, body->len);
    int status = SOTTO_CLIENT_OK;
    if (event && event->deleted)
        status = inbox_deleted(client, inbox, event->deleted);
    pb_free(event);
    return status;
}

static int
take_event(struct sotto_client *client, struct inbox *inbox, const struct conn_event *event,
           struct sync_news *news)
{
    if (!strcmp(event->type, "sotto.chat.v1.EntryEvent"))
        return take_entries(client, inbox, &event->body);
    if (!strcmp(event->type, "sotto.chat.v1.WelcomeEvent"))
        return take_welcome(client, inbox, &event->body);
    if (!strcmp(event->type, "sotto.chat.v1.ChatDeletedEvent"))
        return take_deleted(client, inbox, &event->body);
    if (!strcmp(event->type, "sotto.keyx.v1.KeyPackagesLow"))
        inbox->joined = true; /* the same cure: refill */
    else if (!strcmp(event->type, "sotto.chat.v1.DeviceGone"))
        take_gone(client, &event->body, news);
    else if (!strcmp(event->type, "sotto.keyx.v1.DeviceAdded") ||
             !strcmp(event->type, "sotto.keyx.v1.DeviceRemoved"))
        news->devices_changed = client->own_devices_stale = true;
    return SOTTO_CLIENT_OK;
}

int
sync_events(struct sotto_client *client, int64_t deadline_ms, struct sync_news *news_out)
{
    struct inbox inbox = {0};
    struct conn_event event = {{0}, {0}};
    *news_out = (struct sync_news){0};
    int got = conn_next_event(client->conn, deadline_ms, &event, &client->error);
    if (got < 0)
        return got;
    int status = SOTTO_CLIENT_OK;
    if (got == 1) {
        news_out->any = true;
        status = inbox_begin(client, &inbox);
        for (int i = 0; status == SOTTO_CLIENT_OK && got == 1; i++) {
            status = take_event(client, &inbox, &event, news_out);
            conn_event_fini(&event);
            if (status == SOTTO_CLIENT_OK && i < EVENT_BATCH)
                got = conn_queued_event(client->conn, &event);
            else
                got = 0;
        }
        /* inbox_begin itself may have failed. */
        if (inbox.open)
            status = inbox_end(client, &inbox, status);
        conn_event_fini(&event);
    }
    if (status == SOTTO_CLIENT_OK && (conn_take_events_lost(client->conn) || inbox.gap)) {
        news_out->any = true;
        status = sync_run(client, true);
    }
    news_out->somebody_left = inbox.somebody_left || inbox.gap;
    if (status == SOTTO_CLIENT_OK &&
        (inbox.welcome_count || inbox.deleted_count || inbox.roster_changed || inbox.joined ||
         inbox.old_copy || client->own_devices_stale))
        status = after_news(client, &inbox);
    return status;
}
