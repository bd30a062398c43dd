/* SPDX-License-Identifier: MIT */
/*
 * Pushing: an event is encoded once for each kind of door, and each I/O loop gets one item with the list of its
 * connections. A session that is named twice gets the event once.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker.h"
#include "core/conn.h"
#include "core/host.h"
#include "core/io.h"
#include "core/loop.h"
#include "core/session_table.h"

#define PUSH_START 8

/* What one I/O loop gets. */
struct push {
    struct queue_item item;
    struct io_loop *loop;
    uint32_t count, capacity;
    struct receiver {
        struct conn *conn;
        struct frame_buf *buf; /* one reference each */
    } receivers[];
};

/* One call of push or push_matching. */
struct pushing {
    struct sessions *all;
    const ProtobufCMessage *event;
    struct frame_buf *bufs[FRAME_WIRE_COUNT];
    unsigned refs[FRAME_WIRE_COUNT];
    size_t reached;
};

/* I/O loop. */
static void
run_push(struct queue_item *item)
{
    struct push *push = (struct push *)item;

    for (uint32_t i = 0; i < push->count; i++)
        conn_send(push->receivers[i].conn, push->receivers[i].buf);
    free(push);
}

static struct push *
room(struct push *push)
{
    uint32_t capacity = push ? push->capacity * 2 : PUSH_START;
    struct push *larger;

    if (push && push->count < push->capacity)
        return push;
    larger = realloc(push, sizeof(*push) + capacity * sizeof(push->receivers[0]));
    if (!larger)
        return NULL;
    larger->capacity = capacity;
    if (!push)
        larger->count = 0;
    return larger;
}

static void
add_receiver(struct pushing *pushing, struct session *session)
{
    struct sessions *all = pushing->all;
    enum frame_wire wire = session->door->wire;
    uint32_t index = io_loop_index(session->loop);
    struct push *push;

    if (session->closing || session->visit == all->visits)
        return;
    session->visit = all->visits;
    if (!pushing->bufs[wire])
        pushing->bufs[wire] = frame_event(wire, pushing->event);
    push = pushing->bufs[wire] ? room(all->pushes[index]) : NULL;
    if (!push) { /* it must not miss an event and believe that it has all */
        session_end(session, SOTTO_GOODBYE_SLOW, "out of memory: resume");
        return;
    }
    all->pushes[index] = push;
    push->loop = session->loop;
    push->receivers[push->count].conn = session->conn;
    push->receivers[push->count].buf = pushing->bufs[wire];
    push->count++;
    pushing->refs[wire]++;
    pushing->reached++;
}

static bool
begin(struct pushing *pushing, struct sessions *all, const ProtobufCMessage *event)
{
    *pushing = (struct pushing){.all = all, .event = event};
    if (!all->pushes) {
        all->push_count = io_loop_count(all->core->io);
        all->pushes = calloc(all->push_count, sizeof(struct push *));
    }
    all->visits++;
    return all->pushes != NULL;
}

static size_t
finish(struct pushing *pushing)
{
    struct sessions *all = pushing->all;

    for (int wire = 0; wire < FRAME_WIRE_COUNT; wire++) {
        if (!pushing->bufs[wire])
            continue;
        frame_ref(pushing->bufs[wire], pushing->refs[wire]);
        frame_unref(pushing->bufs[wire], 1);
    }
    for (size_t i = 0; i < all->push_count; i++) {
        struct push *push = all->pushes[i];

        if (push)
            io_send(push->loop, &push->item, run_push);
        all->pushes[i] = NULL;
    }
    return pushing->reached;
}

size_t
session_push(struct sessions *all, const uint64_t *ids, size_t count, const ProtobufCMessage *event)
{
    struct pushing pushing;

    if (!begin(&pushing, all, event))
        return 0;
    for (size_t i = 0; i < count; i++) {
        struct session *session = session_find(all, ids[i]);

        if (session)
            add_receiver(&pushing, session);
    }
    return finish(&pushing);
}

/* ---- by user, device, login ---- */

static bool
matches(const struct session *session, const struct sotto_session_match *match)
{
    const struct sotto_identity *identity = &session->identity;

    return (!match->user || memcmp(identity->user, match->user, SOTTO_ID_BYTES) == 0) &&
           (!match->device || memcmp(identity->device, match->device, SOTTO_ID_BYTES) == 0) &&
           (!match->login || memcmp(identity->login, match->login, SOTTO_ID_BYTES) == 0);
}

/* Walks the most selective index; the others filter. Nothing leaves an index while fn runs: closing a session
 * only marks it until its I/O loop has answered. */
static void
each_match(struct sessions *all, const struct sotto_session_match *match,
           void (*fn)(struct session *, void *arg), void *arg)
{
    const uint8_t *key = match->login ? match->login : match->device ? match->device : match->user;
    const struct map *map = match->login    ? &all->logins
                            : match->device ? &all->devices
                                            : &all->users;

    assert(key);
    for (struct map_node *node = map_get(map, key, SOTTO_ID_BYTES); node;
         node = map_get_next(map, node, key, SOTTO_ID_BYTES)) {
        struct session *session = match->login    ? MAP_OF(node, struct session, by_login)
                                  : match->device ? MAP_OF(node, struct session, by_device)
                                                  : MAP_OF(node, struct session, by_user);

        if (matches(session, match))
            fn(session, arg);
    }
}

static void
push_one(struct session *session, void *arg)
{
    add_receiver(arg, session);
}

size_t
session_push_matching(struct sessions *all, const struct sotto_session_match *match,
                      const ProtobufCMessage *event)
{
    struct pushing pushing;

    if (!begin(&pushing, all, event))
        return 0;
    each_match(all, match, push_one, &pushing);
    return finish(&pushing);
}

struct closing {
    int code;
    const char *reason;
    size_t count;
};

static void
close_one(struct session *session, void *arg)
{
    struct closing *closing = arg;

    if (session->closing)
        return;
    session_end(session, closing->code, closing->reason);
    closing->count++;
}

size_t
session_close_matching(struct sessions *all, const struct sotto_session_match *match, int code,
                       const char *reason)
{
    struct closing closing = {.code = code, .reason = reason};

    each_match(all, match, close_one, &closing);
    return closing.count;
}

/* ---- sotto.session/1 ---- */

static struct sessions *
sessions_of(struct sotto_host *host)
{
    struct core *core = host_module(host)->core;

    loop_assert(core->logic);
    return core->sessions;
}

/* A module pushes only what its table of events names. */
static void
assert_declared(struct sotto_host *host, const ProtobufCMessage *event)
{
    const struct sotto_table *events = &host_module(host)->descriptor->events;
    const ProtobufCMessageDescriptor *const *rows = events->items;
    bool declared = false;

    for (uint32_t i = 0; i < events->count; i++)
        declared = declared || rows[i] == event->descriptor;
    assert(declared);
}

static int
api_attach(struct sotto_host *host, uint64_t session, const struct sotto_identity *identity)
{
    return session_attach(sessions_of(host), session, identity);
}

static void
api_close(struct sotto_host *host, uint64_t session, int code, const char *reason)
{
    session_close(sessions_of(host), session, code, reason);
}

static size_t
api_close_matching(struct sotto_host *host, const struct sotto_session_match *match, int code,
                   const char *reason)
{
    return session_close_matching(sessions_of(host), match, code, reason);
}

static size_t
api_push(struct sotto_host *host, const uint64_t *sessions, size_t count,
         const ProtobufCMessage *event)
{
    assert_declared(host, event);
    return session_push(sessions_of(host), sessions, count, event);
}

static size_t
api_push_matching(struct sotto_host *host, const struct sotto_session_match *match,
                  const ProtobufCMessage *event)
{
    assert_declared(host, event);
    return session_push_matching(sessions_of(host), match, event);
}

const struct sotto_session_api session_api = {
    .struct_size = sizeof(session_api),
    .attach = api_attach,
    .close = api_close,
    .close_matching = api_close_matching,
    .push = api_push,
    .push_matching = api_push_matching,
};
