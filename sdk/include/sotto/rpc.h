/* SPDX-License-Identifier: MIT */
/*
 * Methods that clients call.
 *
 * A module's .proto declares a service; the build generates <module>.rpc.h from it, a table with one row
 * for each method in the order of the descriptor. The module fills a row by defining the macro
 * <MODULE>_RPC_<Method> before it includes that header; a method without a row does not compile:
 *
 *     #define ECHO_RPC_Say .level = SOTTO_LEVEL_SESSION, .rate = SOTTO_RATE_GENERAL, \
 *                          .max_bytes = 4096, .deadline_ms = 5000, .fn = on_say
 *     #include "echo.rpc.h"   // static const struct sotto_rpc_row echo_rpcs[]
 *
 * The core decodes the request (capped arena, UTF-8 checked, unknown fields bounded), checks level, rate
 * and size, and calls fn on the logic thread. The handler owns the request until it calls exactly one of
 * sotto_reply and sotto_fail, now or later; the client's connection may be gone by then. A request past
 * its deadline is answered deadline_exceeded by the core; the handler still ends it.
 */
#ifndef SOTTO_RPC_H
#define SOTTO_RPC_H

#include "sotto/types.h"

enum sotto_level {
    SOTTO_LEVEL_NONE = 1, /* before Attach, too */
    SOTTO_LEVEL_SESSION,  /* an attached connection */
};

/* Which bucket of the rate limiter pays; the rates are conf keys of the server. The account's after attach, the address's
 * before and, whoever asks, for LOGIN and REGISTER. */
enum sotto_rate {
    SOTTO_RATE_GENERAL = 0,
    SOTTO_RATE_LOGIN,
    SOTTO_RATE_REGISTER,
    SOTTO_RATE_SEND, /* allows bursts */
};

enum sotto_rpc_flags {
    SOTTO_RPC_IDEMPOTENT = 1 << 0, /* a client may repeat it without harm */
    SOTTO_RPC_BULKY = 1 << 1, /* it stores much: refused as unavailable while the disk is full */
};

/* Who asks. Borrowed from the request, valid until it is answered. */
struct sotto_caller {
    uint64_t session;               /* the connection; never reused while the server runs */
    bool attached;                  /* the three ids below are valid */
    uint8_t user[SOTTO_ID_BYTES];   /* account */
    uint8_t device[SOTTO_ID_BYTES]; /* chosen by the client */
    uint8_t login[SOTTO_ID_BYTES];  /* claim sid: the refresh-token family */
    const char *address;            /* "192.0.2.1" or "2001:db8::1", without port */
    const char *door;               /* "tcp" */
    const char *trace_id;           /* 1 to 64 of [A-Za-z0-9._-] */
};

struct sotto_rpc_api;

/* A request in flight. The host's part follows the visible members. */
struct sotto_req {
    const struct sotto_rpc_api *api;
    const struct sotto_caller *caller;
};

/* Handles one request on the logic thread. in: the decoded request, valid until it is answered. */
typedef void sotto_rpc_fn(void *state, struct sotto_req *req, const ProtobufCMessage *in);

struct sotto_rpc_row {
    const ProtobufCServiceDescriptor *service; /* generated */
    uint32_t index;                            /* generated: the method's place in the service */
    uint8_t level;                             /* enum sotto_level */
    uint8_t rate;                              /* enum sotto_rate */
    uint16_t flags;                            /* enum sotto_rpc_flags */
    uint32_t max_bytes;                        /* largest encoded request, at most 16 MiB */
    uint32_t deadline_ms;                      /* at most this long; a client may ask for less */
    sotto_rpc_fn *fn;
};

/* sotto.rpc/1. Logic thread only. */
struct sotto_rpc_api {
    uint32_t struct_size;
    /* Answers and ends the request; out is encoded before the call returns. */
    void (*reply)(struct sotto_req *, const ProtobufCMessage *out);
    /* Refuses and ends the request. text goes to the client: one sentence without secrets.
     * details: NULL or a message that the method documents (the current epoch, for one). */
    void (*fail)(struct sotto_req *, int error, const ProtobufCMessage *details, const char *text);
    /* Zeroed memory that lives until the request is answered; NULL when the request's budget (16 times
     * the method's max_bytes, at least 64 KiB) is spent. */
    void *(*alloc)(struct sotto_req *, size_t size);
};

static inline void
sotto_reply(struct sotto_req *req, const ProtobufCMessage *out)
{
    req->api->reply(req, out);
}

static inline void
sotto_fail(struct sotto_req *req, int error, const char *text)
{
    (req->api->fail)(req, error, NULL, text); /* in parentheses: cmocka has a macro of this name */
}

/* Refuses with what a write, a read or a job came back with. text NULL: a sentence that fits the status; what a
 * client can do nothing about becomes SOTTO_EINTERNAL. */
static inline void
sotto_fail_status(struct sotto_req *req, int status, const char *text)
{
    if (text == NULL && (status == SOTTO_EIO || status == SOTTO_EUNAVAILABLE))
        text = "the store does not answer; try again later";
    if (text == NULL && (status == SOTTO_ENOMEM || status == SOTTO_EEXHAUSTED))
        text = "the server is busy; try again later";
    if (text == NULL) {
        status = SOTTO_EINTERNAL;
        text = "the server failed to do this";
    }
    sotto_fail(req, status, text);
}

static inline void
sotto_fail_details(struct sotto_req *req, int error, const ProtobufCMessage *details,
                   const char *text)
{
    (req->api->fail)(req, error, details, text);
}

#endif
