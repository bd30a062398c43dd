/* SPDX-License-Identifier: MIT */
/*
 * A door: how frames stand in a stream of bytes. TCP puts four bytes of length before each; a WebSocket door has a
 * handshake, masks and control frames; both meet the rest of the server here. Encryption of the stream lies
 * below and is not a door's business.
 *
 * An HTTP door has no frames; a connection that comes in there becomes one of a WebSocket door when it has asked for
 * that, and only then has a session.
 *
 * A door has no thread and no sockets: struct conn feeds it what came in and asks it for the head of what
 * goes out. Everything runs on the connection's I/O loop.
 */
#ifndef CORE_DOOR_H
#define CORE_DOOR_H

#include "core/frame.h"

struct conn;

struct door {
    const char *name;     /* sotto_caller.door: "tcp" */
    enum frame_wire wire; /* which encoding of a shared buffer its connections take */
    /* Zeroed memory of one connection, see conn_door_state. Of the door it was accepted at: one that can become
     * another (conn_become) has room for both. */
    size_t state_bytes;
    /*
     * Takes as many whole frames from data as there are and hands each to conn_on_frame, which may say stop.
     * It may change the bytes in place (unmask them). Returns how many bytes it has used; the rest is fed again with
     * more behind it. *need_out: how many bytes from the start of the rest would make progress (0: unknown). A
     * negative result is an enum sotto_goodbye with its sign turned: the stream is broken and the connection ends
     * with that code.
     * max_frame: the largest frame the connection may send at present; a longer one is refused as soon as
     * its length is known, whatever it claims.
     */
    int64_t (*feed)(struct conn *, uint8_t *data, size_t size, uint32_t max_frame,
                    size_t *need_out);
    /* Looks through what comes after our last word, and first through what was not yet fed; true once the peer has
     * ended the stream as well and the socket can go. NULL: there is nothing to wait for but the socket's end. */
    bool (*heard_end)(struct conn *, const uint8_t *data, size_t size);
    /* May put another form of a buffer in its place before it is queued. Takes a reference and gives one. NULL: no. */
    struct frame_buf *(*pack)(struct conn *, struct frame_buf *take_buf);
    /* Gives back what the state holds; the connection will be fed no more. Once. NULL: it holds nothing. */
    void (*release)(struct conn *);
};

extern const struct door door_tcp, door_http;

#endif
