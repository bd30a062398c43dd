/* SPDX-License-Identifier: MIT */
/*
 * Sessions: the logic thread's side of connections. Found by id without hashing (the id carries its slot),
 * by user, device and login through indexes; bound by attach with an expiry; pushed to in groups, one item and one
 * encoding for all receivers of an I/O loop. Logic thread.
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include <netinet/in.h>

#include "core/core.h"
#include "core/door.h"
#include "core/host.h"
#include "core/io.h"
#include "core/map.h"
#include "core/queue.h"
#include "core/ratelimit.h"
#include "core/rpc.h"
#include "core/wheel.h"
#include "sotto/session.h"

#define SESSION_SLOTS_MAX (1u << 20) /* connections open at once, and the low bits of an id */

struct call;
struct sessions;

/* The logic thread's side of one connection. */
struct session {
    uint64_t id; /* slot in the low bits, a count that never repeats above */
    struct sessions *all;
    struct conn *conn;
    struct io_loop *loop;
    const struct door *door;
    struct call *calls; /* not ended by their handlers */
    uint32_t call_count;
    bool open;     /* known to the logic thread and not closed */
    bool attached; /* in the three indexes */
    bool closing;  /* a Goodbye was sent */
    bool settled;  /* the connection is gone: freed with its last call */
    struct sotto_identity identity;
    struct map_node by_user, by_device, by_login;
    struct wheel_entry expiry;
    struct ratelimit_key payer;      /* the address, after attach the user */
    struct ratelimit_key at_address; /* that, attached or not */
    uint64_t visit;                  /* number of the last push that reached it */
    struct queue_item opened, closed;
    char address[INET6_ADDRSTRLEN];
};

/* I/O loop: makes the session of a new connection; it is handed over with its item `opened`, and at the
 * end with `closed`. NULL: out of memory. */
struct session *session_make(struct sessions *, struct conn *, struct io_loop *,
                             const struct door *, const struct sockaddr *peer);
queue_fn session_on_opened, session_on_closed;
/* Frees it if it is closed and its last call has ended. Called by rpc.c when a call ends. */
void session_settle(struct session *);

int sessions_create(struct core *, const struct settings_limits *, struct sessions **sessions_out);
/* NULL-safe; all connections are gone. */
void sessions_destroy(struct sessions **);
struct core *sessions_core(const struct sessions *);
size_t sessions_count(const struct sessions *);
size_t sessions_attached(const struct sessions *);

/* What sotto.session/1 does, by name. */
int session_attach(struct sessions *, uint64_t session, const struct sotto_identity *);
void session_close(struct sessions *, uint64_t session, int code, const char *reason);
size_t session_close_matching(struct sessions *, const struct sotto_session_match *, int code,
                              const char *reason);
size_t session_push(struct sessions *, const uint64_t *ids, size_t count,
                    const ProtobufCMessage *event);
size_t session_push_matching(struct sessions *, const struct sotto_session_match *,
                             const ProtobufCMessage *event);

extern const struct sotto_session_api session_api;

#endif
