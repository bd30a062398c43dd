/* SPDX-License-Identifier: MIT */
/*
 * The I/O loops: n threads, each with a uv loop of its own, that accept, read, frame, decode, encode and
 * write, so that the logic thread only ever sees decoded requests.
 *
 * A connection lives on one loop from accept to close. What a loop makes for the logic loop in one turn (opened,
 * calls, closed) goes over in one batch, and so does what the logic loop makes for it (replies, events, closes).
 * All writes of one turn to one socket leave in one sendmsg.
 *
 *   accept.c  accept --> conn.c  bytes --> door --> frames --> call.c  decode --> [queue] --> rpc.c
 *   conn.c  corked writes <-- send queue <-- replies, events <-- [queue] <-- session.c
 */
#ifndef CORE_IO_H
#define CORE_IO_H

#include <uv.h>

#include "core/core.h"
#include "core/queue.h"
#include "core/settings.h"

struct conn;
struct door;
struct io;
struct io_loop;

struct io_options {
    uint32_t threads; /* at least 1 */
    const struct settings_limits *limits;
    const struct settings_http *http;
    const char *server_name; /* for Hello */
};

/* Makes the loops; threads start with io_start. core: loop, metrics, log, rpc and sessions are there.
 * Hooks itself into the logic loop's turn. SOTTO_ENOMEM, SOTTO_EIO. Logic thread, all of these. */
int io_create(struct core *, const struct io_options *, struct io **io_out);
/* Starts the threads. Methods are sealed. features: names for Hello, borrowed until io_destroy. */
int io_start(struct io *, const char *const *features, size_t count);
/* Opens a door on "ADDR:PORT"; bound_out gets the address with the real port (NET_ADDR_TEXT_MAX bytes). */
int io_listen(struct io *, const struct door *, const char *address, char *bound_out,
              size_t bound_size, struct sotto_err *);
/* Closes the listening sockets; connections stay. */
void io_stop_accepting(struct io *);
/* Sends Goodbye{code, reason, closes_in_ms} on every connection and closes none; at a door without frames the request
 * is answered. Once. */
void io_notify_all(struct io *, int code, const char *reason, uint32_t closes_in_ms);
/* Sends Goodbye{code, reason} on every connection, writes what is queued and closes. */
void io_goodbye_all(struct io *, int code, const char *reason);
/* Open connections of all loops. Any thread. */
size_t io_connections(const struct io *);
/* Closes what is still open, joins the threads, frees everything. The logic loop's queue is drained on
 * the way. NULL-safe. */
void io_destroy(struct io **);

/* ---- for session.c and rpc.c, logic thread ---- */

size_t io_loop_count(const struct io *);
/* Adds an item to what goes to this loop at the end of the logic turn. */
void io_send(struct io_loop *, struct queue_item *, queue_fn *run);
uint32_t io_loop_index(const struct io_loop *);

#endif
