/* SPDX-License-Identifier: MIT */
/* The inside of the table of sessions, shared by session.c and session_push.c and nobody else. */
#ifndef CORE_SESSION_TABLE_H
#define CORE_SESSION_TABLE_H

#include "core/session.h"

struct push;

struct sessions {
    struct core *core;
    struct session **slots;
    uint32_t *free_slots;
    size_t capacity, free_count;
    uint64_t serial;
    size_t count;
    size_t account_max; /* attached ones of a user */
    struct map users, devices, logins;
    uint64_t visits;      /* pushes so far */
    struct push **pushes; /* the one under way, by I/O loop */
    size_t push_count;
};

/* NULL: gone, or closing. */
struct session *session_find(const struct sessions *, uint64_t id);
void session_end(struct session *, int code, const char *reason);

/* The core's own topics: payload sotto.core.v1.Session of sdk/proto/core.proto. */
#define SESSION_TOPIC_ATTACHED "sotto.core.session.attached.v1"
#define SESSION_TOPIC_CLOSED "sotto.core.session.closed.v1"
void session_publish(struct session *, const char *topic);

#endif
