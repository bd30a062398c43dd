/* SPDX-License-Identifier: MIT */
/*
 * WebSockets as doors, one for each sub-protocol. A new sub-protocol is a row of the table in net_ws.c with a
 * wire kind of its own (frame.h): the row says whether its messages are text or binary, the wire kind how frames
 * are written, and conn_on_frame reads them.
 */
#ifndef CORE_NET_WS_H
#define CORE_NET_WS_H

#include "core/door.h"
#include "core/http_head.h"
#include "core/ws_frame.h"

struct io_loop;

/* A sub-protocol. */
struct ws_protocol {
    struct door door; /* first: what a connection of it points to */
    const char *name; /* in Sec-WebSocket-Protocol */
    uint8_t opcode;   /* WS_TEXT or WS_BINARY: what its messages are */
};

/* What a connection at the HTTP port holds. */
struct ws_conn {
    struct ws_reader reader;
    struct ws_skim skim; /* after our close frame */
};

/* Answers a GET of /ws: the connection becomes a WebSocket, or is refused and ends. I/O loop. */
void ws_upgrade(struct conn *, const struct http_head *);
/* At the end of a turn: lets go of what was compressed in it. I/O loop. */
void ws_forget_packed(struct io_loop *);

#endif
