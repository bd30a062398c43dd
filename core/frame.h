/* SPDX-License-Identifier: MIT */
/*
 * The envelope of frame.proto as the server handles it: read in place without copying a byte, written into
 * reference-counted buffers that all receivers of an event share.
 *
 * The reader takes what a protobuf decoder would take (any field order, unknown fields skipped and counted,
 * the last of repeated fields wins) and refuses what it must refuse; tests hold it against protobuf-c.
 */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include <stdatomic.h>

#include "sotto/types.h"

#define FRAME_TRACE_MAX 64
#define FRAME_PING_MAX 64
/* What the envelope adds to a request at most: ids, method name, deadline, trace id. */
#define FRAME_OVERHEAD 512

enum frame_kind {
    FRAME_NONE = 0,
    FRAME_CALL = 2, /* the field numbers of the oneof */
    FRAME_REPLY,
    FRAME_EVENT,
    FRAME_PING,
    FRAME_PONG,
    FRAME_HELLO,
    FRAME_GOODBYE,
    FRAME_CANCEL,
};

struct json_t;

/* A frame from a client; views point into the bytes it was read from. */
struct frame_in {
    enum frame_kind kind;
    size_t size; /* of the whole frame */
    uint64_t id;
    struct sotto_view method; /* CALL */
    struct sotto_view body;   /* CALL: request; PING and PONG: data */
    struct sotto_view trace;  /* CALL */
    uint32_t deadline_ms;     /* CALL */
    /* Of a frame in JSON (frame_json.h). */
    struct json_t *document;      /* what the views point into */
    const struct json_t *tree;    /* CALL: the request, in the place of body */
    uint8_t ping[FRAME_PING_MAX]; /* PING and PONG: what body points to */
};

/* 0, or SOTTO_EINVALID with a static sentence. Any thread. */
int frame_read(const uint8_t *data, size_t size, struct frame_in *frame_out, const char **why_out);

/* ---- what goes out ---- */

/* Kinds of encoding; connections whose door has the same kind share buffers. */
enum frame_wire {
    FRAME_WIRE_TCP = 0,  /* 4 bytes length, big-endian */
    FRAME_WIRE_HTTP,     /* no frames yet: only a Goodbye, as the answer that ends a request */
    FRAME_WIRE_WS_PROTO, /* a binary message of a WebSocket */
    FRAME_WIRE_WS_JSON,  /* a text message of a WebSocket, in JSON */
    FRAME_WIRE_COUNT,
};

/* Whether frames of this kind can be made: all but a Goodbye needs that. */
static inline bool
frame_wire_has_frames(enum frame_wire wire)
{
    return wire != FRAME_WIRE_HTTP;
}

/* The largest frame of this kind when one in protobuf has at most so many bytes: base64 makes four of three. */
static inline uint32_t
frame_wire_max(enum frame_wire wire, uint32_t max_frame)
{
    return wire == FRAME_WIRE_WS_JSON ? max_frame / 3 * 4 + FRAME_OVERHEAD : max_frame;
}

/* Immutable once shared. */
struct frame_buf {
    atomic_uint refs;
    uint32_t size;
    uint8_t data[];
};

/* Bytes of a door's head before the frame. */
#define FRAME_HEAD_MAX 16

/* Each returns a buffer with one reference, head of the wire kind included; NULL: out of memory. */
struct frame_buf *frame_reply(enum frame_wire, uint64_t id, const ProtobufCMessage *body);
/* details: NULL or a message. */
struct frame_buf *frame_error(enum frame_wire, uint64_t id, const char *code, const char *text,
                              const ProtobufCMessage *details);
struct frame_buf *frame_event(enum frame_wire, const ProtobufCMessage *event);
/* The server's own question for a sign of life: on a WebSocket a ping of the WebSocket, which every library
 * answers by itself. */
struct frame_buf *frame_ping(enum frame_wire, struct sotto_view data);
struct frame_buf *frame_pong(enum frame_wire, struct sotto_view data);
struct frame_buf *frame_hello(enum frame_wire, const char *name, uint32_t max_frame,
                              const char *const *features, size_t count);
/* The last words of a connection: on a WebSocket with its close frame behind them, unless closes_in_ms says that
 * the end is still to come. */
struct frame_farewell {
    uint32_t code; /* enum sotto_goodbye */
    const char *reason;
    uint32_t resume_after_ms, closes_in_ms; /* 0: not said */
};
struct frame_buf *frame_goodbye(enum frame_wire, const struct frame_farewell *);
/* One frame of a WebSocket around these bytes; first as for ws_put_head. */
struct frame_buf *frame_ws(unsigned first, struct sotto_view data);
/* Bytes as they are, for what a door says outside of frames. */
struct frame_buf *frame_raw(const void *data, size_t size);
/* So many bytes that the caller is going to write. */
struct frame_buf *frame_make(size_t size);
/* The head that stands before a frame of so many bytes, for who encodes frames in another form. Returns its size. */
size_t frame_wire_head(enum frame_wire, uint8_t head[FRAME_HEAD_MAX], size_t size);
/* Adds n references. Any thread. */
void frame_ref(struct frame_buf *, unsigned n);
/* NULL-safe. Any thread. */
void frame_unref(struct frame_buf *, unsigned n);

#endif
