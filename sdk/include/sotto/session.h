/* SPDX-License-Identifier: MIT */
/*
 * Connections of clients, whatever door they came through, and events pushed to them.
 *
 * A session starts unattached; the module that authenticates (auth) binds it to a user, a device and a
 * login with attach. An event is encoded once for all receivers of a door. Delivery to a session is in
 * the order of the pushes and replies made on the logic thread; a session whose send queue passes
 * 256 KiB is closed with Goodbye{code SLOW, "resume"} and the client catches up after reconnecting.
 */
#ifndef SOTTO_SESSION_H
#define SOTTO_SESSION_H

#include "sotto/types.h"

/* Goodbye.code; the WebSocket door closes with the same number. */
enum sotto_goodbye {
    SOTTO_GOODBYE_NORMAL = 1000,
    SOTTO_GOODBYE_SHUTDOWN = 1001,        /* the server stops: come back */
    SOTTO_GOODBYE_PROTOCOL = 1002,        /* malformed frame */
    SOTTO_GOODBYE_TOO_BIG = 1009,         /* frame over the limit */
    SOTTO_GOODBYE_SLOW = 1013,            /* the send queue is full: resume */
    SOTTO_GOODBYE_UNAUTHENTICATED = 4401, /* no Attach in time, token expired or revoked */
    SOTTO_GOODBYE_LIMIT = 4429,           /* too many connections or requests */
    SOTTO_GOODBYE_IDLE = 4408,            /* no Pong */
};

struct sotto_identity {
    uint32_t struct_size;
    uint8_t user[SOTTO_ID_BYTES];
    uint8_t device[SOTTO_ID_BYTES];
    uint8_t login[SOTTO_ID_BYTES];
    /* Wall clock; the session is closed (4401) when it passes without a new attach. */
    int64_t expires_ms;
};

/* NULL members match everything; at least one must be set. */
struct sotto_session_match {
    const uint8_t *user;   /* SOTTO_ID_BYTES */
    const uint8_t *device; /* SOTTO_ID_BYTES */
    const uint8_t *login;  /* SOTTO_ID_BYTES */
};

/* sotto.session/1. Logic thread only. */
struct sotto_session_api {
    uint32_t struct_size;
    /* Binds a session, or extends it when user and device are the same as before.
     * SOTTO_ENOTFOUND: it is gone. SOTTO_EPRECONDITION: bound to another user or device.
     * SOTTO_EEXHAUSTED: the user has as many sessions as the conf allows. */
    int (*attach)(struct sotto_host *, uint64_t session, const struct sotto_identity *);
    /* Sends Goodbye{code, reason} and closes. Unknown sessions are ignored. */
    void (*close)(struct sotto_host *, uint64_t session, int code, const char *reason);
    /* The same for every attached session that matches; returns how many. */
    size_t (*close_matching)(struct sotto_host *, const struct sotto_session_match *, int code,
                             const char *reason);
    /* Pushes an event, whose type is a row of the module's events, to the listed sessions; those that are gone are
     * skipped. event is encoded before the call returns. Returns how many were reached. */
    size_t (*push)(struct sotto_host *, const uint64_t *sessions, size_t count,
                   const ProtobufCMessage *event);
    /* The same to every attached session that matches. */
    size_t (*push_matching)(struct sotto_host *, const struct sotto_session_match *,
                            const ProtobufCMessage *event);
};

#endif
