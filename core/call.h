/* SPDX-License-Identifier: MIT */
/*
 * A request in flight: one block of CALL_BLOCK_BYTES with its arena behind it, pooled on the I/O loop that the
 * connection lives on. The I/O loop makes it (call_make), the logic loop runs it (rpc_on_call), and it goes
 * home with the answer (call_on_home); on its way it is owned by exactly one thread.
 */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include "core/arena.h"
#include "core/frame.h"
#include "core/rpc.h"
#include "core/wheel.h"

#define CALL_BLOCK_BYTES 4096
#define CALL_MAGIC 0x6c6c6163u
#define CALL_TRACE_BYTES (FRAME_TRACE_MAX + 1)

struct call {
    struct sotto_req req; /* first: what the handler holds */
    struct queue_item item;
    uint32_t magic; /* CALL_MAGIC while the handler may end it */
    int refusal;    /* found on the I/O loop: SOTTO_E…, with why for the client */
    const char *why;
    uint64_t id;
    const struct rpc_method *method; /* NULL: refused before it was known */
    struct conn *conn;
    struct io_loop *home;
    struct session *session;
    struct call *next, *prev;         /* open calls of the session; pool */
    struct call *all_next, *all_prev; /* open calls of all sessions */
    ProtobufCMessage *in;
    struct frame_buf *reply;
    struct wheel_entry deadline;
    uint64_t start_ns; /* when it was read */
    uint32_t deadline_ms;
    uint32_t request_bytes; /* what came or what decoding it took, whichever is more */
    bool answered;          /* by deadline or Cancel, before its handler ended it */
    bool gone;              /* the connection has closed */
    bool over_rate;         /* refused for coming too soon */
    struct sotto_caller caller;
    char trace[CALL_TRACE_BYTES];
    struct arena arena;
    max_align_t block[];
};

/* I/O loop: a call for a frame of this connection: decoded, or with a refusal. NULL: out of memory. */
struct call *call_make(struct conn *, const struct frame_in *);
/* I/O loop: the logic loop is done with it; sends call->reply if there is one. */
queue_fn call_on_home;
/* Frees the pool of a loop that ends. */
void call_free_pool(struct io_loop *);

/* Logic loop: a call arrives. */
queue_fn rpc_on_call;
/* Logic loop: the client takes back its call number id. */
void rpc_cancel(struct session *, uint64_t id);
/* Logic loop: the session has closed; answers of its open calls go nowhere. */
void rpc_session_gone(struct session *);

#endif
