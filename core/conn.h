/* SPDX-License-Identifier: MIT */
/*
 * One connection on its I/O loop: socket, partial input, send queue, silence. An idle one owns no buffer:
 * it reads into a buffer that its loop shares among all, and keeps only the start of a frame whose rest
 * has not come. Memory follows the bytes that arrived, never a length that was claimed.
 *
 * Everything here runs on the connection's I/O loop, except what session.c and rpc.c send through io_send, whose
 * items call conn_send and conn_close there.
 *
 * Life: opened (Hello sent, the logic loop told) -> open -> closing (Goodbye queued, nothing read any more, at most
 * CONN_LINGER_MS for the rest of the send queue) -> closed (the logic loop told) -> freed when the logic loop has
 * answered, so that nothing which it sent before can find it gone.
 */
#ifndef CORE_CONN_H
#define CORE_CONN_H

#include <netinet/in.h>
#include <uv.h>

#include "core/door.h"
#include "core/io.h"
#include "core/rpc.h"

#define CONN_LINGER_MS 3000

struct session;

/* Makes a connection of an accepted, non-blocking socket and tells the logic loop. Takes the descriptor. */
void conn_open(struct io_loop *, const struct door *, int take_fd,
               const struct sockaddr_storage *peer);
/* From a door: one whole frame. false: stop feeding (backpressure or the connection ends); the frame is
 * used in either case. */
bool conn_on_frame(struct conn *, const uint8_t *data, size_t size);
void *conn_door_state(struct conn *);

/* Queues a buffer and takes one reference. Leaves with everything else of this turn. A full queue ends
 * the connection with SLOW. */
void conn_send(struct conn *, struct frame_buf *take_buf);
/* Sends Goodbye{code, reason} behind what is queued and ends the connection. Again: nothing. */
void conn_close(struct conn *, int code, const char *reason);
/* The logic loop bound it: limits of attached connections apply. */
void conn_set_attached(struct conn *);
/* A call of it was answered: read on if it waited for that. */
void conn_call_done(struct conn *);
/* The logic loop knows that it is closed: frees it. */
void conn_free(struct conn *);

#endif
