/* SPDX-License-Identifier: MIT */
/*
 * The framing of RFC 6455, the server's half: reads what clients send, makes heads and control frames for what goes
 * to them. It has no sockets and no threads; net_ws.c is the door around it.
 *
 * A reader looks at the start of what has come and takes one frame at a time. It unmasks in place and remembers
 * how far it got, so a frame whose end has not come is simply shown again with more behind it. An unfragmented message
 * is handed out where it lies; the pieces of a fragmented one are collected in a buffer that grows with what
 * arrived and goes with the message, so a reader at rest owns nothing.
 */
#ifndef CORE_WS_FRAME_H
#define CORE_WS_FRAME_H

#include "core/utf8.h"
#include "sotto/types.h"

#define WS_HEAD_MAX 14 /* of a client's frame: 2, 8 of length, 4 of mask */
#define WS_SERVER_HEAD_MAX 10
#define WS_CONTROL_MAX 125 /* payload of a control frame (RFC 6455, section 5.5) */
#define WS_MESSAGE_FRAMES_MAX 256
#define WS_CLOSE_BYTES_MAX (2 + WS_CONTROL_MAX)

enum ws_opcode {
    WS_CONTINUATION = 0x0,
    WS_TEXT = 0x1,
    WS_BINARY = 0x2,
    WS_CLOSE = 0x8,
    WS_PING = 0x9,
    WS_PONG = 0xa,
};

#define WS_FIN 0x80u
#define WS_RSV1 0x40u

/* Codes of a close frame that enum sotto_goodbye does not have (RFC 6455, section 7.4.1). */
enum ws_code {
    WS_CODE_PROTOCOL = 1002,
    WS_CODE_UNSUPPORTED = 1003, /* text where only binary is spoken, or the reverse */
    WS_CODE_NONE = 1005,        /* a close frame without a code; never on the wire */
    WS_CODE_BAD_DATA = 1007,    /* text that is not UTF-8, a message that cannot be inflated */
    WS_CODE_POLICY = 1008,      /* too many frames for one message */
    WS_CODE_TOO_BIG = 1009,
    WS_CODE_NO_MEMORY = 1013,
};

/* What came with one frame. */
enum ws_event_kind {
    WS_EVENT_PIECE = 0, /* of a message whose end is still to come */
    WS_EVENT_MESSAGE,
    WS_EVENT_PING,
    WS_EVENT_PONG,
    WS_EVENT_CLOSE,
};

struct ws_event {
    enum ws_event_kind kind;
    uint8_t *data; /* payload, borrowed until the next call or ws_reader_drop; CLOSE: none */
    size_t size;
    bool compressed; /* MESSAGE: permessage-deflate, still to be inflated */
    uint16_t code;   /* CLOSE: what the client says, WS_CODE_NONE when it says nothing */
};

/* All zero but for the first two: a reader at the start of a stream. */
struct ws_reader {
    uint8_t opcode;  /* WS_TEXT or WS_BINARY: the kind of message that is spoken */
    bool deflate;    /* RSV1 may stand on the first frame of a message */
    bool in_message; /* a fragmented message has begun */
    bool compressed; /* and is compressed */
    uint16_t frames; /* of it so far */
    struct utf8_check utf8;
    uint64_t seen; /* bytes of the current frame's payload that are unmasked */
    uint8_t *message;
    size_t size, capacity; /* of message */
};

struct ws_limits {
    size_t message; /* bytes of one message */
    size_t room;    /* bytes that the collected pieces may grow by now */
};

/*
 * Reads one frame at the start of data, which it unmasks in place. Positive: the bytes of the frame, and *event is
 * what came with it. 0: more is needed; *need_out is how many bytes from the start of data would make progress, 0 if
 * any would. Negative: an enum ws_code with its sign turned, and *why_out says why: the stream is broken. What is
 * wrong with a frame is found as soon as the byte that is wrong has come.
 */
int64_t ws_read(struct ws_reader *, uint8_t *data, size_t size, const struct ws_limits *,
                struct ws_event *event, size_t *need_out, const char **why_out);
/* Wipes and frees the collected message, if there is one. The reader can go on. */
void ws_reader_drop(struct ws_reader *);

/* ---- after the last word ---- */

/* Walks over frames whose content no longer matters. All zero: at the start of a frame. */
struct ws_skim {
    uint8_t head[WS_HEAD_MAX];
    uint8_t head_size;
    uint64_t skip; /* bytes of payload still to come */
};

/* Whether a close frame is among them; what comes behind it is nobody's business. */
bool ws_skim(struct ws_skim *, const uint8_t *data, size_t size);

/* ---- what goes out: never masked (RFC 6455, section 5.1) ---- */

/* first: WS_FIN, an opcode and perhaps WS_RSV1. Returns the size of the head. */
size_t ws_put_head(uint8_t head[WS_SERVER_HEAD_MAX], unsigned first, size_t size);
/* A whole close frame; WS_CODE_NONE: without code and reason. A long reason is cut between characters. Returns its
 * size. */
size_t ws_put_close(uint8_t out[WS_CLOSE_BYTES_MAX], unsigned code, const char *reason);

/* data XOR mask, where data begins offset bytes into the payload. */
void ws_unmask(uint8_t *data, size_t size, const uint8_t mask[4], uint64_t offset);

#endif
