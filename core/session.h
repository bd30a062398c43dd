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
#include "core/map.h"
#include "core/rpc.h"
#include "core/wheel.h"
#include "sotto/session.h"

#define SESSION_SLOTS_MAX (1u << 20) /* connections open at once, and the low bits of an id */

struct sessions;

int sessions_create(struct core *, struct sessions **sessions_out);
/* NULL-safe; all connections are gone. */
void sessions_destroy(struct sessions **);
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
