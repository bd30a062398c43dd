/* SPDX-License-Identifier: MIT */
/*
 * How frames stand in the stream of a connection: each behind its length (tcp://), or as the messages of a
 * WebSocket (ws://). A framing has no socket: the connection hands it what came in and sends what it makes, so a
 * stream that is encrypted below (tcps://, wss://) changes nothing here.
 */
#ifndef CLIENT_FRAMING_H
#define CLIENT_FRAMING_H

#include "mem.h"

#define FRAMING_BYTES_MAX (16u << 20) /* the largest frame of the protocol */

struct framing;

/* Takes a whole frame, borrowed. false: hand me no more. */
typedef bool framing_frame_fn(void *arg, const uint8_t *data, size_t len);

struct framing_ops {
    /* Appends a frame to what is to be sent. */
    void (*wrap)(struct framing *, const uint8_t *frame, size_t len, struct buf *out);
    /* Takes what came in out of `in`, hands over the frames that are whole, appends to `out` what the
     * stream itself has to answer. NULL, or why the stream is broken: a marked text, until the next call. */
    const char *(*feed)(struct framing *, struct buf *in, struct buf *out,
                        framing_frame_fn *on_frame, void *arg);
    void (*destroy)(struct framing *);
};

/* The first member of each kind. */
struct framing {
    const struct framing_ops *ops;
    struct buf opening; /* what the client says first */
};

struct framing *framing_tcp(void);

/* The opening is the request for a WebSocket, and its answer the first thing that feed expects. authority: host
 * and port as in the URL. */
struct framing *framing_ws(const char *authority, const char *path);

#endif
