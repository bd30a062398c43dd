/* SPDX-License-Identifier: MIT */
/*
 * Methods and requests in flight.
 *
 * The table is filled from the modules' rows while they are brought up, checked, sealed, and read-only from then on,
 * so that the I/O loops may look methods up. A request is one pooled block with its arena: the I/O loop fills
 * it (decoded or refused), the logic loop runs the handler, the reply goes back to the I/O loop, which takes the
 * block into its pool again. Whatever happens, a call is answered exactly once: by its handler, by its deadline, by
 * Cancel, or by a refusal before it reached the handler; a handler whose request was answered for it still ends it.
 */
#ifndef CORE_RPC_H
#define CORE_RPC_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/core.h"
#include "core/frame.h"
#include "core/map.h"
#include "core/queue.h"
#include "core/ratelimit.h"
#include "core/wheel.h"
#include "sotto/module.h"

#define RPC_MAX_BYTES_CAP (16u * 1024 * 1024)
#define RPC_ARENA_MIN (64u * 1024)
#define RPC_ARENA_FACTOR \
    16u /* of what came, for decoding; of what a method allows, for its handler */

struct conn;
struct host_module;
struct io_loop;
struct rpc;
struct rpc_method;
struct session;

int rpc_create(struct core *, const struct settings_limits *, struct rpc **rpc_out);
/* NULL-safe; no request is in flight. */
void rpc_destroy(struct rpc **);

/* Adds the rows of a module's table. SOTTO_EPRECONDITION with a sentence: a method that is there already,
 * a message that contains itself, a row without handler, level, size or deadline. */
int rpc_add_module(struct rpc *, struct host_module *, struct sotto_err *);
/* No more rows; from here the table may be read from any thread. */
void rpc_seal(struct rpc *);
/* NULL: no such method. Any thread after rpc_seal. */
const struct rpc_method *rpc_find(const struct rpc *, struct sotto_view name);
/* "sotto.chat.v1.ChatService/Send". Borrowed. */
const char *rpc_method_name(const struct rpc_method *);
const struct sotto_rpc_row *rpc_method_row(const struct rpc_method *);
/* Largest frame of an attached connection: the largest method's max_bytes and what the envelope adds. */
uint32_t rpc_max_frame(const struct rpc *);

/* From here new calls are answered unavailable; those in flight go on. */
void rpc_drain(struct rpc *);
/* The same for the methods of one module that stops. */
void rpc_drain_module(struct rpc *, struct host_module *);
/* Requests that their handlers have not ended. */
size_t rpc_open(const struct rpc *);
/* At the very end: takes open requests from handlers that will never end them. */
void rpc_abandon(struct rpc *);
/* Trace id of the request whose handler runs, "" when none does. Borrowed for the callback. */
const char *rpc_trace(const struct rpc *);
/* sotto_rpc_requests_total{method,code}, _in_flight, _seconds in Prometheus text. Logic thread. */
void rpc_render_metrics(void *rpc, struct buf *out);

extern const struct sotto_rpc_api rpc_api;

#endif
