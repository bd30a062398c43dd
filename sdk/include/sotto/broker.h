/* SPDX-License-Identifier: MIT */
/*
 * The in-process broker: how modules talk to one another without knowing one another.
 *
 *   publish  a fact in the past tense, to 0..n subscribers, queued and never inline
 *   call     a question with exactly one provider and an answer, now or later
 *   hook     a decision that others may veto or defer, in a fixed order
 *   push     an event to clients: see session.h
 *
 * Names are <module>.<noun>.<verb>.v1, owned by the module that declares them; sotto.core.* belongs to
 * the core. Payloads are protobuf bytes, even in-process, with a partition key: what is published with one
 * key arrives in order. Everything here runs on the logic thread; calls from another thread are caught by an
 * assertion (use sotto_post). The broker promises at-most-once: what must not be lost is in the database.
 */
#ifndef SOTTO_BROKER_H
#define SOTTO_BROKER_H

#include "sotto/types.h"

/* Owned by the host, valid during the callback. */
struct sotto_envelope {
    uint32_t struct_size;
    const char *topic;
    const char *origin;         /* the publishing module */
    const char *trace_id;       /* "" when no request is behind it */
    uint8_t id[SOTTO_ID_BYTES]; /* unique */
    struct sotto_view key;
    struct sotto_view payload;
};

struct sotto_topic_row {
    const char *name;    /* chat.message.accepted.v1 */
    const char *message; /* full name of the payload's message type */
    const char *doc;
};

typedef void sotto_topic_fn(void *state, const struct sotto_envelope *);

enum sotto_overflow {
    SOTTO_OVERFLOW_REFUSE = 0,  /* publish returns SOTTO_EAGAIN and nobody gets it */
    SOTTO_OVERFLOW_COALESCE,    /* the newest of one key replaces the queued one */
    SOTTO_OVERFLOW_DROP_OLDEST, /* counted in a metric */
};

struct sotto_sub_row {
    const char *pattern; /* a topic; `*` matches one part, a last `>` one or more (NATS rules) */
    uint32_t capacity;   /* queued envelopes; 0: 4096 */
    uint32_t capacity_bytes; /* 0: 8 MiB */
    uint32_t overflow;       /* enum sotto_overflow */
    sotto_topic_fn *fn;
};

/* A question in flight: answer it exactly once with answer or refuse. */
struct sotto_call;
typedef void sotto_call_fn(void *state, struct sotto_call *, struct sotto_view request);
/* status 0: answer is the provider's; otherwise a SOTTO_E… and text says why. */
typedef void sotto_answer_fn(void *state, int status, struct sotto_view answer, const char *text,
                             void *arg);

struct sotto_call_row {
    const char *name; /* keyx.device.check.v1 */
    const char *doc;
    sotto_call_fn *fn;
};

enum sotto_verdict {
    SOTTO_PASS = 0, /* no opinion */
    SOTTO_DENY,     /* with hook_deny: error and sentence for the client; one DENY wins */
    SOTTO_DEFER,    /* will call hook_complete; the point's timeout applies */
};

enum sotto_hook_phase {
    SOTTO_HOOK_EARLY = 0,
    SOTTO_HOOK_NORMAL,
    SOTTO_HOOK_LATE,
};

/* One run of a hook point: valid until decided. */
struct sotto_decision;
typedef int sotto_hook_fn(void *state, struct sotto_decision *, struct sotto_view payload);
/* status 0: go on; otherwise refused with that error, text for the client. Called on the logic thread, possibly
 * before hook() returns. */
typedef void sotto_decided_fn(void *state, int status, const char *text, void *arg);

struct sotto_hook_point_row {
    const char *name;    /* chat.message.send.v1 */
    const char *message; /* full name of the payload's message type */
    const char *doc;
    bool preset_deny;    /* what all-PASS means */
    bool fail_open;      /* what a timeout means */
    uint32_t timeout_ms; /* for a deferred decision; 0: 100 */
};

struct sotto_hook_row {
    const char *point;
    uint32_t phase;     /* enum sotto_hook_phase */
    const char *before; /* module name or NULL */
    const char *after;  /* module name or NULL */
    sotto_hook_fn *fn;
};

/* sotto.broker/1. */
struct sotto_broker_api {
    uint32_t struct_size;
    /* Queues a fact on a topic of the calling module; key and payload are copied.
     * SOTTO_EAGAIN: a subscriber with OVERFLOW_REFUSE is full. SOTTO_EPERM: not the caller's topic. */
    int (*publish)(struct sotto_host *, const char *topic, struct sotto_view key,
                   struct sotto_view payload);
    /* Asks the provider of name. fn is called exactly once, never before call() returns. request is copied.
     * Failures come through fn too: SOTTO_ENOPROVIDER, SOTTO_EDEADLINE, SOTTO_EEXHAUSTED. */
    void (*call)(struct sotto_host *, const char *name, struct sotto_view key,
                 struct sotto_view request, uint32_t deadline_ms, sotto_answer_fn *fn, void *arg);
    void (*answer)(struct sotto_call *, struct sotto_view answer);
    void (*refuse)(struct sotto_call *, int error, const char *text);
    /* Runs the chain of a point that the caller declared; depth at most 8, else SOTTO_ELOOP to fn. */
    void (*hook)(struct sotto_host *, const char *point, struct sotto_view payload,
                 sotto_decided_fn *fn, void *arg);
    /* Inside a hook function that returns SOTTO_DENY: why. */
    void (*hook_deny)(struct sotto_decision *, int error, const char *text);
    /* Ends a deferred decision: status 0 passes, SOTTO_E… denies. Late and repeated calls are ignored:
     * token comes from hook_token, never the pointer. Any thread. */
    uint64_t (*hook_token)(struct sotto_decision *);
    void (*hook_complete)(struct sotto_host *, uint64_t token, int status, const char *text);
    /* Whether publishing on the topic reaches anybody, or the hook point can do anything but pass. It does not change
     * between start and stop: who publishes for every message need not encode what nobody takes. */
    bool (*wanted)(struct sotto_host *, const char *topic_or_point);
};

#endif
