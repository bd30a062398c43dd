/* SPDX-License-Identifier: MIT */
/*
 * Listening: catch up, subscribe, and hand out what arrives. Messages are handed out from the
 * archive, never from the wire, so whatever another process of this profile fetched is shown here
 * as well, once.
 *
 * While it listens this client also does the chores of a device that is online: it acknowledges, keeps the login
 * fresh, refills KeyPackages, renews its keys in chats, enters chats that nobody adds it to, sends what waits in
 * the outbox, adds new devices of its user to their chats, and commits the going of members who leave.
 */
#include "backoff.h"
#include "chat.h"
#include "group.h"
#include "joining.h"
#include "leaving.h"
#include "keys.h"
#include "outbox.h"
#include "session.h"
#include "sync.h"
#include "titles.h"
#include "trust.h"
#include "upkeep.h"

#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define ACK_AFTER_MS 1000
#define CHORES_EVERY_MS 15000
#define ADD_TRIES 6
#define COMMIT_FIRST_MS 50    /* of the device with the lowest leaf when somebody leaves */
#define COMMIT_OTHERS_MS 1500 /* the next one, and as much again for each further one */
#define COMMIT_LAST_MS 15000
#define TITLE_FIRST_MS 300  /* who joined by itself may be joining other chats yet */
#define ADD_FIRST_MS 300    /* the new device uploads its KeyPackages meanwhile */
#define GONE_LEAST_MS 1000  /* for the user who removed the device, who does it at once */
#define GONE_JITTER_MS 4000 /* and then for the first of the members */
#define ADD_OTHERS_MS 5000  /* when the first of our devices did not do it */
#define JOIN_LEAST_MS 3000  /* for a sibling that is online, which then sends the title, too */
#define JOIN_JITTER_MS 2000

struct listener {
    const struct sotto_client_listening *how;
    uint8_t chat_id[ID_BYTES];
    bool chat_known;
    int64_t end_ms;  /* negative: never */
    int64_t shown;   /* local_id of the last message that was handed out */
    bool started;    /* shown is where this listener began, or further */
    uint64_t failed; /* number of the last failed message that was handed out */
    bool stopped;
    bool connected;    /* as it was told last */
    unsigned failures; /* attempts to connect in a row */
    int64_t ack_ms;    /* when to acknowledge; 0: nothing to */
    int64_t send_ms;   /* when a refused message is tried again; 0: none */
    int64_t chores_ms; /* when to look after login and outbox */
    int64_t add_ms;    /* when to look for devices to add; 0: not */
    int add_tries;
    int64_t join_ms; /* when to enter chats by ourselves; 0: not */
    int64_t gone_ms; /* when to take out devices of others; 0: not */
    size_t gone_count;
    uint8_t gone_users[GONE_USERS_MAX][ID_BYTES];
    int64_t commit_ms; /* when to commit what members who left proposed; 0: not */
    int64_t title_ms;  /* when to tell a title that is owed; 0: not */
    bool refused;      /* the login was refused, and nothing went well since */
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

/* Hands out what was archived since the last time. At first: messages that nobody read, events
 * that no listener told. */
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
            " AND (?4 = 0 OR (kind = 1 AND seq > (SELECT read_seq FROM chats c"
            " WHERE c.chat_id = m.chat_id)) OR (kind <> 1 AND local_id > ?5))"
            " ORDER BY local_id",
            BINDS(bind_int(listener->shown), bind_blob(client->account.device_id, ID_BYTES),
                  bind_blob(listener->how->chat ? listener->chat_id : NULL, ID_BYTES),
                  bind_int(first), bind_int(listened), bind_int(listener->how->follow)),
            listener->how->each, listener->how->arg, &listener->shown, &listener->stopped);
    if (status == SOTTO_CLIENT_OK && listener->shown > before && !listener->how->follow)
        status = mark_shown(client, listener, before);
    return status;
}

/* Where a listener that follows begins: behind all there is. */
static int
begin_behind(struct sotto_client *client, struct listener *listener)
{
    int status = query_number(&client->profile, &listener->shown, &client->error,
                              "SELECT MAX(local_id) FROM messages", NULL, 0);
    listener->started = status == SOTTO_CLIENT_OK;
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
    if (status == SOTTO_CLIENT_EFAILED && strcmp(client->error.code, "profile"))
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

/* ---- chores ---------------------------------------------------------------------------------- */

static int
add_devices(struct sotto_client *client, struct listener *listener)
{
    size_t missing = 0;
    bool first_only = listener->add_tries < ADD_TRIES / 2;
    int status = chat_add_own_devices(client, first_only, &missing);
    /* Whoever removed a device takes it out of the chats; we do if it did not get to it. */
    if (status == SOTTO_CLIENT_OK && !first_only)
        status = chat_drop_gone_everywhere(client);
    /* Our own commits come with no event, and tell of devices all the same. */
    if (status == SOTTO_CLIENT_OK)
        status = show_new(client, listener, false);
    listener->add_ms = 0;
    listener->add_tries++;
    /* Another try is due while somebody lacks KeyPackages, and once for all of our devices. */
    if ((missing || first_only) && listener->add_tries < ADD_TRIES)
        listener->add_ms =
            conn_now_ms() + (missing ? ADD_FIRST_MS << listener->add_tries : ADD_OTHERS_MS);
    if (!missing && first_only)
        listener->add_tries = ADD_TRIES / 2;
    /* A refusal here is nothing the user asked for: the next occasion tries again. */
    return status == SOTTO_CLIENT_EFAILED || status == SOTTO_CLIENT_EBLOCKED ? SOTTO_CLIENT_OK
                                                                             : status;
}

/* Chats that wait for this device, or that it lost track of. */
static void
plan_join(struct listener *listener)
{
    if (listener->join_ms == 0)
        listener->join_ms = conn_now_ms() + JOIN_LEAST_MS + randombytes_uniform(JOIN_JITTER_MS);
}

static int
join_chats(struct sotto_client *client, struct listener *listener)
{
    size_t left = 0;
    listener->join_ms = 0;
    int status = joining_run(client, &left);
    if (status == SOTTO_CLIENT_OK && left)
        plan_join(listener);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, true);
    if (status == SOTTO_CLIENT_OK)
        status = show_new(client, listener, false);
    return status == SOTTO_CLIENT_EFAILED || status == SOTTO_CLIENT_EBLOCKED ? SOTTO_CLIENT_OK
                                                                             : status;
}

/* Members removed devices: all who listen were told, and whoever comes first does it. */
static void
plan_gone(struct listener *listener, const struct sync_news *news)
{
    for (size_t i = 0; i < news->gone_count && listener->gone_count < GONE_USERS_MAX; i++)
        memcpy(listener->gone_users[listener->gone_count++], news->gone_users[i], ID_BYTES);
    if (news->gone_count && listener->gone_ms == 0)
        listener->gone_ms = conn_now_ms() + GONE_LEAST_MS + randombytes_uniform(GONE_JITTER_MS);
}

/* Not on the server's word: the users' key logs say which devices are gone. */
static int
drop_gone(struct sotto_client *client, struct listener *listener)
{
    int status =
        trust_fetch(client, (const uint8_t(*)[ID_BYTES])listener->gone_users, listener->gone_count);
    listener->gone_ms = 0;
    listener->gone_count = 0;
    if (status == SOTTO_CLIENT_OK)
        status = chat_drop_gone_everywhere(client);
    if (status == SOTTO_CLIENT_OK)
        status = show_new(client, listener, false);
    return status == SOTTO_CLIENT_EFAILED || status == SOTTO_CLIENT_EBLOCKED ? SOTTO_CLIENT_OK
                                                                             : status;
}

/* Sets when to do what may be due, unless that is set: each rank later than the one before, up to COMMIT_LAST_MS. */
static void
plan(int64_t *at_ms, bool is_due, int64_t first_ms, unsigned rank)
{
    int64_t wait_ms = first_ms + (int64_t)rank * COMMIT_OTHERS_MS;
    if (wait_ms > COMMIT_LAST_MS)
        wait_ms = COMMIT_LAST_MS;
    if (is_due && *at_ms == 0)
        *at_ms = conn_now_ms() + wait_ms + randombytes_uniform((uint32_t)first_ms);
}

/* Somebody may have left. Of all who listen the lowest leaf commits it first, so that the others
 * find it done. */
static int
plan_commit(struct sotto_client *client, struct listener *listener)
{
    bool waits = false;
    unsigned rank = 0;
    int status = leaving_rank(client, &waits, &rank);
    plan(&listener->commit_ms, status == SOTTO_CLIENT_OK && waits, COMMIT_FIRST_MS, rank);
    return status;
}

/* Likewise for the title of a chat that a device joined by itself. */
static int
plan_title(struct sotto_client *client, struct listener *listener)
{
    bool owed = false;
    unsigned rank = 0;
    int status = titles_rank(client, &owed, &rank);
    plan(&listener->title_ms, status == SOTTO_CLIENT_OK && owed, TITLE_FIRST_MS, rank);
    return status;
}

/* Often enough to renew a short-lived token before it ends. */
static int64_t
chores_interval_ms(const struct sotto_client *client)
{
    int64_t now = wall_seconds();
    if (client->access_expires <= now) /* a server may say anything */
        return 1000;
    int64_t left = client->access_expires - now;
    if (left >= CHORES_EVERY_MS / 500)
        return CHORES_EVERY_MS;
    return left < 2 ? 1000 : left * 500;
}

static int
do_chores(struct sotto_client *client, struct listener *listener)
{
    int64_t now = conn_now_ms();
    bool repair = false;
    int status = SOTTO_CLIENT_OK;
    if (listener->ack_ms && now >= listener->ack_ms) {
        listener->ack_ms = 0;
        status = sync_ack(client);
    }
    if (status == SOTTO_CLIENT_OK &&
        (take_wake(client) || (listener->send_ms && now >= listener->send_ms)))
        status = send_waiting(client, listener);
    if (status == SOTTO_CLIENT_OK && listener->add_ms && now >= listener->add_ms)
        status = add_devices(client, listener);
    if (status == SOTTO_CLIENT_OK && listener->join_ms && now >= listener->join_ms)
        status = join_chats(client, listener);
    if (status == SOTTO_CLIENT_OK && listener->gone_ms && now >= listener->gone_ms)
        status = drop_gone(client, listener);
    if (status == SOTTO_CLIENT_OK && listener->title_ms && now >= listener->title_ms) {
        listener->title_ms = 0;
        status = titles_tell(client);
    }
    if (status == SOTTO_CLIENT_OK && listener->commit_ms && now >= listener->commit_ms) {
        listener->commit_ms = 0;
        status = leaving_commit(client);
    }
    if (status == SOTTO_CLIENT_OK && now >= listener->chores_ms) {
        status = session_extend(client);
        listener->chores_ms = now + chores_interval_ms(client);
        if (status == SOTTO_CLIENT_OK)
            status = keys_replenish(client, false);
        if (status == SOTTO_CLIENT_OK)
            status = upkeep_run(client);
        if (status == SOTTO_CLIENT_OK)
            status = joining_look(client, &repair);
        if (repair)
            plan_join(listener);
    }
    return status;
}

/* The next time at which something is to be done, or the end. */
static int64_t
next_deadline(const struct listener *listener)
{
    const int64_t times[] = {listener->ack_ms,  listener->add_ms,  listener->join_ms,
                             listener->gone_ms, listener->send_ms, listener->commit_ms,
                             listener->title_ms};
    int64_t next = listener->chores_ms;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        if (times[i] && times[i] < next)
            next = times[i];
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
    bool first = !listener->started && !listener->how->follow;
    int status = SOTTO_CLIENT_OK;
    if (!listener->started && listener->how->follow)
        status = begin_behind(client, listener);
    if (status == SOTTO_CLIENT_OK)
        status = session_ready(client);
    if (status == SOTTO_CLIENT_OK)
        status = sync_run(client, true);
    if (status == SOTTO_CLIENT_OK)
        status = find_chat(client, listener);
    if (status)
        return status;
    tell(listener, true, 0, NULL);
    status = show_new(client, listener, first);
    if (status == SOTTO_CLIENT_OK && first && !listener->stopped) {
        /* From here on everything new is shown, whatever was read elsewhere. */
        status = query_number(&client->profile, &listener->shown, &client->error,
                              "SELECT MAX(local_id) FROM messages WHERE local_id > ?",
                              BINDS(bind_int(listener->shown)));
        listener->started = true;
    }
    if (status)
        return status;
    listener->failures = 0;
    listener->refused = false;
    listener->chores_ms = conn_now_ms();
    listener->add_ms = conn_now_ms() + ADD_FIRST_MS;
    listener->add_tries = 0;
    listener->commit_ms = listener->title_ms = 0;
    plan_join(listener);
    status = plan_commit(client, listener);
    if (status == SOTTO_CLIENT_OK)
        status = plan_title(client, listener);
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
        if (status == SOTTO_CLIENT_OK && news.any) {
            status = show_new(client, listener, false);
            if (listener->ack_ms == 0)
                listener->ack_ms = conn_now_ms() + ACK_AFTER_MS;
        }
        if (status == SOTTO_CLIENT_OK && news.somebody_left)
            status = plan_commit(client, listener);
        if (status == SOTTO_CLIENT_OK && news.any)
            status = plan_title(client, listener);
        if (status == SOTTO_CLIENT_OK)
            plan_gone(listener, &news);
        if (status == SOTTO_CLIENT_OK && news.devices_changed) {
            listener->add_ms = conn_now_ms() + ADD_FIRST_MS;
            listener->add_tries = 0;
        }
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
    int begun = upkeep_start(client);
    if (begun)
        return begun;
    for (;;) {
        int status = listen_connected(client, &listener);
        if (is_over(client, &listener)) {
            /* What was shown is acknowledged if there still is a connection; if not, it is
             * repeated. */
            if (status == SOTTO_CLIENT_OK && listener.ack_ms)
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
