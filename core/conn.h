/* SPDX-License-Identifier: MIT */
/*
 * One connection on its I/O loop: socket, partial input, send queue, silence. An idle one owns no buffer:
 * it reads into a buffer that its loop shares among all, and keeps only the start of a frame whose rest
 * has not come. Memory follows the bytes that arrived, never a length that was claimed.
 *
 * Life: open (Hello sent, the logic loop told) -> closing (Goodbye queued, the logic loop told, nothing read any
 * more; when all is written, and on a WebSocket the peer's close frame has come, the sending side is shut down and
 * the peer has CONN_LINGER_MS in all to close, so that the Goodbye is not lost to a reset) -> closed -> freed when
 * the logic loop has answered and all calls have come home, so that nothing which was sent to it before can find it
 * gone.
 */
#ifndef CORE_CONN_H
#define CORE_CONN_H

#include <netinet/in.h>
#include <uv.h>

#include "core/door.h"
#include "core/io.h"

#define CONN_LINGER_MS 2000
/* How long somebody who is turned away and may come back is asked to wait. */
#define CONN_RESUME_AFTER_MS 1000

struct ratelimit_key;

/* ---- on the connection's I/O loop ---- */

/* Makes a connection of an accepted, non-blocking socket and, at a door with frames, tells the logic loop. Takes the
 * descriptor and the place that the address holds in the table of unattached connections. */
void conn_open(struct io_loop *, const struct door *, int take_fd, const struct sockaddr *peer,
               const struct ratelimit_key *take_address);
/* From a door without frames: what comes now belongs to this one, which has them. Its time to attach begins. peer:
 * whom its calls are counted for. */
void conn_become(struct conn *, const struct door *, const struct sockaddr *peer);
/* From a door without frames: the connection counts for this address from now on, which a proxy has named. false:
 * that address has as many unattached connections as it may, and the connection counts for the old one. */
bool conn_count_for(struct conn *, const struct sockaddr *peer);
/* From a door: one whole frame, borrowed. false: stop feeding (backpressure, or the connection ends); the frame
 * is used in either case. */
bool conn_on_frame(struct conn *, const uint8_t *data, size_t size);
void *conn_door_state(struct conn *);
/* Queues a buffer and takes one reference. Leaves with everything else of this turn. A full queue ends
 * the connection with SLOW. NULL (no memory for it) ends the connection. */
void conn_send(struct conn *, struct frame_buf *take_buf);
/* Sends Goodbye{code, reason} behind what is queued and ends the connection. Again: nothing. */
void conn_close(struct conn *, int code, const char *reason);
/* Queues the answer to a WebSocket's ping. One is enough: it takes the place of one that still waits (RFC 6455,
 * section 5.5.3). */
void conn_send_pong(struct conn *, struct frame_buf *take_buf);
/* A call of it has come home: read on if it waited for that. over_rate: it was refused for coming too soon, and nothing
 * is read before the next tick. */
void conn_call_done(struct conn *, bool over_rate);

/* Goodbye with what that code says of coming back. NULL: no memory. Any thread. */
struct frame_buf *conn_goodbye(enum frame_wire, int code, const char *reason);

/* ---- on the logic thread, before conn_note_gone ---- */

/* The connection is bound to a user: limits of attached connections apply. Once. */
void conn_note_attached(struct conn *);
/* Ends it with this Goodbye (taken; NULL: without). Once. */
void conn_note_close(struct conn *, struct frame_buf *take_goodbye);
/* The answer to its end: nothing more will be sent to it. Once, the last one. */
void conn_note_gone(struct conn *);

#endif
