/* SPDX-License-Identifier: MIT */
/*
 * Listening: catch up, subscribe, and hand out what arrives. Messages are handed out from the
 * archive, never from the wire, so whatever another process of this profile fetched is shown here
 * as well, once. What is archived after a listener began is shown even if another process marks it
 * as read before this one has a connection.
 *
 * While it listens this client also sends what waits in the outbox and does the chores of a device that is online
 * (chores.h).
 */
#include "backoff.h"
#include "chat.h"
#include "chores.h"
#include "outbox.h"
#include "session.h"
#include "sync.h"
#include "upkeep.h"

#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

struct listener {
    const struct sotto_client_listening *how;
    uint8_t chat_id[ID_BYTES];
    bool chat_known;
    int64_t end_ms;  /* negative: never */
    int64_t begun;   /* local_id of the newest message when this listener began */
    int64_t shown;   /* local_id of the last message that was handed out */
    bool started;    /* everything up to shown was handed out, or is none of this listener's */
    uint64_t failed; /* number of the last failed message that was handed out */
    bool stopped;
    bool connected;    /* as it was told last */
    unsigned failures; /* attempts to connect in a row */
    int64_t send_ms;   /* when a refused message is tried again; 0: none */
    bool refused;      /* the login was refused, and nothing went well since */
    struct chores chores;
};

/* ---- showing --------------------------------------------------------------------------------- */

/* What is handed out is read, and its events need not be told again by the next listener. */
static int
mark_shown(struct sotto_client *client, const struct listener *listener, int64_t from)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    status = query_run(&client->profile, &client->error,
                       "UPDATE chats SET read_seq = MAX(read_seq, COALESCE((SELECT MAX(seq) FROM"
                       " messages m WHERE m.chat_id = chats.chat_id AND m.local_id > ?1"
                       " AND m.local_id <= ?2), 0)) WHERE chat_id IN (SELECT chat_id FROM messages"
                       " WHERE local_id > ?1 AND local_id <= ?2 AND (?3 IS NULL OR chat_id = ?3))",
                       BINDS(bind_int(from), bind_int(listener->shown),
                             bind_blob(listener->how->chat ? listener->chat_id : NULL, ID_BYTES)));
    if (status == SOTTO_CLIENT_OK && !listener->how->chat)
        status = meta_set(&client->profile, "listened", &listener->shown, sizeof(listener->shown),
                          &client->error);
    return profile_end(&client->profile, status, &client->error);
}

/* Where the listener before this one was with its events. */
static int
load_listened(struct sotto_client *client, int64_t *listened_out)
{
    struct buf value = {0};
    int status = meta_get(&client->profile, "listened", &value, &client->error);
    *listened_out = 0;
    if (status == SOTTO_CLIENT_OK && value.len == sizeof(*listened_out))
        memcpy(listened_out, value.data, sizeof(*listened_out));
    buf_fini(&value);
    return status;
}

/* Hands out what was archived since the last time. At first: what came since this listener began,
 * and of what was there before messages that nobody read, events that no listener told. */
static int
show_new(struct sotto_client *client, struct listener *listener, bool first)
{
    int64_t before = listener->shown;
    int64_t listened = 0;
    if (listener->how->chat && !listener->chat_known)
        return SOTTO_CLIENT_OK;
    int status = first ? load_listened(client, &listened) : SOTTO_CLIENT_OK;
    if (status == SOTTO_CLIENT_OK)
        status = message_each(
            client,
            "SELECT " MESSAGE_COLUMNS " FROM messages m WHERE local_id > ?1"
            " AND (?6 OR from_device <> ?2 OR kind IN (7, 23))"
            " AND (?3 IS NULL OR chat_id = ?3)"
            " AND (?4 = 0 OR local_id > ?7 OR (kind = 1 AND seq > (SELECT read_seq FROM chats c"
            " WHERE c.chat_id = m.chat_id)) OR (kind <> 1 AND local_id > ?5))"
            " ORDER BY local_id",
            BINDS(bind_int(listener->shown), bind_blob(client->account.device_id, ID_BYTES),
                  bind_blob(listener->how->chat ? listener->chat_id : NULL, ID_BYTES),
                  bind_int(first), bind_int(listened), bind_int(listener->how->follow),
                  bind_int(listener->begun)),
            listener->how->each, listener->how->arg, &listener->shown, &listener->stopped);
    if (status == SOTTO_CLIENT_OK && listener->shown > before && !listener->how->follow)
        status = mark_shown(client, listener, before);
    return status;
}

/* Remembers where this listener begins. One that follows has no interest in what was before. */
static int
begin(struct sotto_client *client, struct listener *listener)
{
    int status = query_number(&client->profile, &listener->begun, &client->error,
                              "SELECT MAX(local_id) FROM messages", NULL, 0);
    if (status == SOTTO_CLIENT_OK && listener->how->follow) {
        listener->shown = listener->begun;
        listener->started = true;
    }
    return status;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* The identity keys of those who would read what waits, once a connection for the server may have
 * learned of a change meanwhile. A chat that is blocked stays back: outbox_flush sees to that. */
static int
check_readers(struct sotto_client *client)
{
    struct chat *chats = NULL;
    size_t count = 0;
    int status = chat_list(client, &chats, &count);
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++) {
        int64_t waiting = 0;
        status = query_number(&client->profile, &waiting, &client->error,
                              "SELECT COUNT(*) FROM outbox WHERE chat_id = ? AND tries < ?",
                              BINDS(bind_blob(chats[i].id, ID_BYTES), bind_int(RETRY_TRIES_MAX)));
        if (status == SOTTO_CLIENT_OK && waiting)
            status = chat_check_readers(client, chats[i].id);
        if (status == SOTTO_CLIENT_EBLOCKED)
            status = SOTTO_CLIENT_OK;
    }
    free(chats);
    return status;
}

/* Sends what waits. A refusal is the message's, not the listener's. */
static int
send_waiting(struct sotto_client *client, struct listener *listener)
{
    int64_t retry_ms = 0;
    int status = check_readers(client);
    if (status == SOTTO_CLIENT_OK)
        status = outbox_flush(client);
    if (is_refused(client, status))
        status = SOTTO_CLIENT_OK;
    if (status == SOTTO_CLIENT_OK && listener->how->follow)
        status = show_new(client, listener, false);
    if (status == SOTTO_CLIENT_OK && listener->how->follow)
        status = outbox_show(
            client, &(struct outbox_choice){.failed_only = true, .after = listener->failed},
            listener->how->each, listener->how->arg, &listener->failed);
    if (status == SOTTO_CLIENT_OK)
        status = outbox_next_retry(client, &retry_ms);
    listener->send_ms = 0;
    if (status == SOTTO_CLIENT_OK && retry_ms) {
        int64_t wait_ms = retry_ms - wall_ms();
        if (wait_ms > RETRY_AFTER_MS) /* the clock was set back */
            wait_ms = RETRY_AFTER_MS;
        listener->send_ms = conn_now_ms() + (wait_ms > 0 ? wait_ms : 1);
    }
    return status;
}

/* True once after somebody called sotto_client_wake. */
static bool
take_wake(struct sotto_client *client)
{
    eventfd_t count;
    return eventfd_read(client->wake_fd, &count) == 0;
}

/* ---- what is due ---------------------------------------------------------------------------------- */

/* Sends what waits for its next try or for this call, and does the chores that are due. */
static int
do_chores(struct sotto_client *client, struct listener *listener)
{
    bool changed = false;
    int status = SOTTO_CLIENT_OK;
    if (take_wake(client) || (listener->send_ms && conn_now_ms() >= listener->send_ms))
        status = send_waiting(client, listener);
    if (status == SOTTO_CLIENT_OK)
        status = chores_run(client, &listener->chores, &changed);
    return status == SOTTO_CLIENT_OK && changed ? show_new(client, listener, false) : status;
}

/* The next time at which something is to be done, or the end. */
static int64_t
next_deadline(const struct listener *listener)
{
    int64_t next = chores_next_ms(&listener->chores);
    if (listener->send_ms && listener->send_ms < next)
        next = listener->send_ms;
    if (listener->end_ms >= 0 && listener->end_ms < next)
        next = listener->end_ms;
    return next;
}

static bool
is_over(struct sotto_client *client, const struct listener *listener)
{
    return listener->stopped || atomic_load(&client->stopped) ||
           (listener->end_ms >= 0 && conn_now_ms() >= listener->end_ms);
}

/* ---- one connection -------------------------------------------------------------------------- */

static int
find_chat(struct sotto_client *client, struct listener *listener)
{
    struct chat chat;
    if (!listener->how->chat || listener->chat_known)
        return SOTTO_CLIENT_OK;
    int status = chat_find(client, listener->how->chat, &chat);
    if (status)
        return status;
    memcpy(listener->chat_id, chat.id, ID_BYTES);
    listener->chat_known = true;
    return SOTTO_CLIENT_OK;
}

static void
tell(struct listener *listener, bool connected, unsigned retry_ms, const char *why)
{
    const struct sotto_client_link link = {
        .connected = connected, .retry_ms = retry_ms, .why = why};
    if (listener->how->link && (!connected || !listener->connected) &&
        listener->how->link(&link, listener->how->arg))
        listener->stopped = true;
    listener->connected = connected;
}

static int
start(struct sotto_client *client, struct listener *listener)
{
    bool first = !listener->started;
    int status = session_ready(client);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, true);
    if (status == SOTTO_CLIENT_OK)
        status = find_chat(client, listener);
    if (status)
        return status;
    tell(listener, true, 0, NULL);
    status = show_new(client, listener, first);
    if (status == SOTTO_CLIENT_OK && first && !listener->stopped) {
        if (listener->shown < listener->begun)
            listener->shown = listener->begun;
        listener->started = true;
    }
    if (status)
        return status;
    listener->failures = 0;
    listener->refused = false;
    status = chores_start(client, &listener->chores);
    return status == SOTTO_CLIENT_OK ? send_waiting(client, listener) : status;
}

static int
listen_connected(struct sotto_client *client, struct listener *listener)
{
    int status = start(client, listener);
    while (status == SOTTO_CLIENT_OK && !is_over(client, listener)) {
        struct sync_news news;
        status = do_chores(client, listener);
        if (status == SOTTO_CLIENT_OK)
            status = sync_events(client, next_deadline(listener), &news);
        if (status == SOTTO_CLIENT_OK && news.any)
            status = show_new(client, listener, false);
        if (status == SOTTO_CLIENT_OK)
            status = chores_plan(client, &listener->chores, &news);
    }
    return status;
}

/* Waits before the next connection, or until somebody wakes us. */
static void
back_off(struct sotto_client *client, struct listener *listener)
{
    uint32_t asked_ms = client->conn ? conn_resume_after_ms(client->conn) : 0;
    unsigned wait_ms = backoff_ms(++listener->failures, asked_ms, randombytes_random());
    if (listener->end_ms >= 0) {
        int64_t left = listener->end_ms - conn_now_ms();
        if (left < (int64_t)wait_ms)
            wait_ms = left > 0 ? (unsigned)left : 0;
    }
    session_drop(client);
    tell(listener, false, wait_ms, client->error.message);
    struct pollfd wake = {.fd = client->wake_fd, .events = POLLIN};
    if (!listener->stopped && poll(&wake, 1, (int)wait_ms) > 0) {
        take_wake(client);
        listener->failures = 0; /* somebody is there and waits */
    }
}

int
sotto_client_listen(struct sotto_client *client, const struct sotto_client_listening *how)
{
    struct listener listener = {
        .how = how,
        .end_ms = how->duration_ms ? conn_now_ms() + (int64_t)how->duration_ms : -1,
    };
    int begun = begin(client, &listener);
    if (begun == SOTTO_CLIENT_OK)
        begun = upkeep_start(client);
    if (begun)
        return begun;
    for (;;) {
        int status = listen_connected(client, &listener);
        if (is_over(client, &listener)) {
            /* What was shown is acknowledged if there still is a connection; if not, it is
             * repeated. */
            if (status == SOTTO_CLIENT_OK && listener.chores.ack_ms)
                sync_ack(client);
            return SOTTO_CLIENT_OK;
        }
        /* A token that ran out looks like a login that ended: renewing it tells the difference. */
        bool renew = status == SOTTO_CLIENT_EAUTH && !listener.refused && client->attached;
        if (status != SOTTO_CLIENT_ENETWORK && !renew)
            return status;
        listener.refused = renew;
        if (renew)
            session_drop(client);
        else
            back_off(client, &listener);
        if (is_over(client, &listener))
            return SOTTO_CLIENT_OK;
    }
}
