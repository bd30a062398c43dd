/* SPDX-License-Identifier: MIT */
/*
 * Frames as the binary messages of a WebSocket (RFC 6455), sub-protocol sotto.v1.proto. The handshake is read
 * here; masks, fragments, pings and closes are wslay's business. wslay is asked not to buffer messages, because it
 * would allocate what a header only claims; and messages go out through its lower interface, because the
 * upper one keeps a copy that it does not wipe.
 *
 * A known compromise: the last 4 KiB that wslay read stay in its memory unwiped until they are overwritten; an
 * answer with a token may be among them.
 */
#include "framing.h"
#include "text.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wslay/wslay.h>

#define PROTOCOL "sotto.v1.proto"
#define ANSWER_BYTES_MAX 8192 /* of the server's answer to the handshake */
#define KEY_BYTES 16
#define KEY_CHARS 24
#define SHA1_BYTES 20
#define ACCEPT_CHARS 28
/* The constant of RFC 6455, section 1.3. */
#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

struct ws {
    struct framing base;
    bool open;                     /* the handshake is over */
    char accept[ACCEPT_CHARS + 1]; /* what the server has to answer */
    wslay_event_context_ptr events;
    wslay_frame_context_ptr frames; /* for messages going out */
    struct buf message;             /* the parts of one that is coming in */
    bool control;                   /* the frame that is coming in is none of a message */
    /* Only while feed runs. */
    struct buf *in, *out;
    size_t at; /* in `in` */
    framing_frame_fn *on_frame;
    void *arg;
    const char *why;
};

/* ---- the handshake ----------------------------------------------------------------------------- */

static void
make_accept(const char *key, char accept_out[ACCEPT_CHARS + 1])
{
    char text[KEY_CHARS + sizeof(KEY_SUFFIX)];
    uint8_t digest[SHA1_BYTES];
    snprintf(text, sizeof(text), "%s%s", key, KEY_SUFFIX);
    if (EVP_Digest(text, strlen(text), digest, NULL, EVP_sha1(), NULL) != 1)
        abort(); /* only for want of memory */
    sodium_bin2base64(accept_out, ACCEPT_CHARS + 1, digest, sizeof(digest),
                      sodium_base64_VARIANT_ORIGINAL);
}

static void
put_request(struct ws *ws, const char *authority, const char *path)
{
    uint8_t random[KEY_BYTES];
    char key[KEY_CHARS + 1];
    char text[1024];
    randombytes_buf(random, sizeof(random));
    sodium_bin2base64(key, sizeof(key), random, sizeof(random), sodium_base64_VARIANT_ORIGINAL);
    make_accept(key, ws->accept);
    int len =
        snprintf(text, sizeof(text),
                 "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
                 "Sec-WebSocket-Protocol: " PROTOCOL "\r\n\r\n",
                 path, authority, key);
    buf_append(&ws->base.opening, text, (size_t)len);
}

/* Whether the head has the field exactly once, with this value. */
static bool
has_field(const char *head, const char *name, const char *value, bool any_case)
{
    size_t name_len = strlen(name);
    size_t value_len = strlen(value);
    size_t found = 0, equal = 0;
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_len) || line[name_len] != ':')
            continue;
        const char *at = line + name_len + 1;
        at += strspn(at, " \t");
        size_t len = strcspn(at, "\r\n");
        while (len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
            len--;
        found++;
        if (len == value_len && !(any_case ? strncasecmp : strncmp)(at, value, len))
            equal++;
    }
    return found == 1 && equal == 1;
}

/* RFC 6455 section 4.1, what a client has to check. head: from the status line to the empty line. */
static const char *
check_answer(const struct ws *ws, const char *head)
{
    if (strncmp(head, "HTTP/1.1 ", 9))
        return TR("it does not answer as a web server; ws:// wants the server's http address");
    if (!strncmp(head + 9, "403 ", 4))
        return TR("it does not allow a WebSocket from here (HTTP 403)");
    if (!strncmp(head + 9, "404 ", 4))
        return TR("it has no WebSocket under this path (HTTP 404); Sotto's is /ws");
    if (!strncmp(head + 9, "503 ", 4) || !strncmp(head + 9, "429 ", 4))
        return TR("it is too busy for another connection");
    if (strncmp(head + 9, "101 ", 4))
        return TR("it does not open a WebSocket; is this a Sotto server?");
    if (!has_field(head, "Upgrade", "websocket", true) ||
        !has_field(head, "Connection", "upgrade", true) ||
        !has_field(head, "Sec-WebSocket-Accept", ws->accept, false))
        return TR("its answer to the WebSocket handshake is wrong");
    if (!has_field(head, "Sec-WebSocket-Protocol", PROTOCOL, false))
        return TR("it does not speak sotto.v1.proto over its WebSocket");
    return NULL;
}

/* Reads the answer if it is there; ws->open says whether it was. */
static const char *
read_answer(struct ws *ws, struct buf *in)
{
    static const char end[] = "\r\n\r\n";
    const uint8_t *found = in->len ? memmem(in->data, in->len, end, 4) : NULL;
    if (!found && in->len >= 9 && memcmp(in->data, "HTTP/1.1 ", 9))
        return check_answer(ws, "");
    if (!found)
        return in->len > ANSWER_BYTES_MAX ? TR("its answer to the WebSocket handshake is too long")
                                          : NULL;
    size_t len = (size_t)(found - in->data) + 4;
    char *head = mem_alloc(1, len + 1);
    memcpy(head, in->data, len);
    const char *why = strlen(head) == len ? check_answer(ws, head) : check_answer(ws, "");
    free(head);
    memmove(in->data, in->data + len, in->len - len);
    in->len -= len;
    ws->open = !why;
    return why;
}

/* ---- what wslay asks for ------------------------------------------------------------------------- */

static ssize_t
on_recv(wslay_event_context_ptr events, uint8_t *data, size_t len, int flags, void *arg)
{
    struct ws *ws = arg;
    size_t left = ws->in->len - ws->at;
    (void)flags;
    if (left == 0) {
        wslay_event_set_error(events, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    if (len > left)
        len = left;
    memcpy(data, ws->in->data + ws->at, len);
    ws->at += len;
    return (ssize_t)len;
}

static ssize_t
on_send(const uint8_t *data, size_t len, int flags, void *arg)
{
    struct ws *ws = arg;
    (void)flags;
    buf_append(ws->out, data, len);
    return (ssize_t)len;
}

static ssize_t
on_event_send(wslay_event_context_ptr events, const uint8_t *data, size_t len, int flags, void *arg)
{
    (void)events;
    return on_send(data, len, flags, arg);
}

/* A mask that nobody can foretell, so that no page in a browser decides what stands on the wire. */
static int
on_mask(uint8_t *data, size_t len, void *arg)
{
    (void)arg;
    randombytes_buf(data, len);
    return 0;
}

static int
on_event_mask(wslay_event_context_ptr events, uint8_t *data, size_t len, void *arg)
{
    (void)events;
    return on_mask(data, len, arg);
}

static void
stop(struct ws *ws, const char *why)
{
    ws->why = why;
    wslay_event_shutdown_read(ws->events);
}

static void
on_frame_start(wslay_event_context_ptr events,
               const struct wslay_event_on_frame_recv_start_arg *frame, void *arg)
{
    struct ws *ws = arg;
    (void)events;
    ws->control = wslay_is_ctrl_frame(frame->opcode);
    if (frame->opcode == WSLAY_TEXT_FRAME)
        stop(ws, TR("it sends text where bytes were agreed on"));
}

static void
on_chunk(wslay_event_context_ptr events, const struct wslay_event_on_frame_recv_chunk_arg *chunk,
         void *arg)
{
    struct ws *ws = arg;
    (void)events;
    if (ws->control || ws->why)
        return;
    if (chunk->data_length > FRAMING_BYTES_MAX - ws->message.len)
        stop(ws, TR("a frame is too long; is this a Sotto server?"));
    else
        buf_append(&ws->message, chunk->data, chunk->data_length);
}

static void
on_message(wslay_event_context_ptr events, const struct wslay_event_on_msg_recv_arg *message,
           void *arg)
{
    struct ws *ws = arg;
    if (message->opcode == WSLAY_CONNECTION_CLOSE)
        ws->why = TR("the server closed it");
    if (wslay_is_ctrl_frame(message->opcode) || ws->why)
        return;
    if (!ws->on_frame(ws->arg, ws->message.data, ws->message.len))
        wslay_event_shutdown_read(events);
    buf_fini(&ws->message);
}

/* ---- the framing ------------------------------------------------------------------------------- */

static void
wrap(struct framing *framing, const uint8_t *frame, size_t len, struct buf *out)
{
    struct ws *ws = (struct ws *)framing;
    struct wslay_frame_iocb iocb = {.fin = 1,
                                    .opcode = WSLAY_BINARY_FRAME,
                                    .mask = 1,
                                    .payload_length = len,
                                    .data = frame,
                                    .data_length = len};
    struct buf *fed = ws->out; /* a frame may be answered while feed runs */
    ws->out = out;
    buf_reserve(out, len + 16);
    do {
        ssize_t count = wslay_frame_send(ws->frames, &iocb);
        if (count < 0)
            abort(); /* on_send takes everything */
        iocb.data += count;
        iocb.data_length -= (size_t)count;
    } while (iocb.data_length);
    ws->out = fed;
}

/* What wslay found, if anything: then a close with its code is on its way out. */
static const char *
breach(const struct ws *ws, int status)
{
    if (!status && !wslay_event_get_close_sent(ws->events))
        return NULL;
    return wslay_event_get_status_code_sent(ws->events) == WSLAY_CODE_MESSAGE_TOO_BIG
               ? TR("a frame is too long; is this a Sotto server?")
               : TR("it breaks the rules of a WebSocket");
}

static const char *
feed(struct framing *framing, struct buf *in, struct buf *out, framing_frame_fn *on_frame,
     void *arg)
{
    struct ws *ws = (struct ws *)framing;
    ws->why = ws->open ? NULL : read_answer(ws, in);
    if (!ws->open)
        return ws->why;
    ws->in = in;
    ws->out = out;
    ws->at = 0;
    ws->on_frame = on_frame;
    ws->arg = arg;
    int status = wslay_event_recv(ws->events);
    if (!status && wslay_event_want_write(ws->events))
        status = wslay_event_send(ws->events);
    if (!ws->why)
        ws->why = breach(ws, status);
    ws->in = ws->out = NULL;
    in->len = 0;
    return ws->why;
}

static void
destroy(struct framing *framing)
{
    struct ws *ws = (struct ws *)framing;
    wslay_event_context_free(ws->events);
    wslay_frame_context_free(ws->frames);
    buf_fini(&ws->message);
    buf_fini(&framing->opening);
    free(ws);
}

struct framing *
framing_ws(const char *authority, const char *path)
{
    static const struct framing_ops ops = {.wrap = wrap, .feed = feed, .destroy = destroy};
    static const struct wslay_event_callbacks events = {
        .recv_callback = on_recv,
        .send_callback = on_event_send,
        .genmask_callback = on_event_mask,
        .on_frame_recv_start_callback = on_frame_start,
        .on_frame_recv_chunk_callback = on_chunk,
        .on_msg_recv_callback = on_message,
    };
    static const struct wslay_frame_callbacks frames = {
        .send_callback = on_send,
        .genmask_callback = on_mask,
    };
    struct ws *ws = mem_alloc(1, sizeof(*ws));
    ws->base.ops = &ops;
    if (wslay_event_context_client_init(&ws->events, &events, ws) ||
        wslay_frame_context_init(&ws->frames, &frames, ws))
        abort(); /* only for want of memory, as mem_alloc */
    wslay_event_config_set_no_buffering(ws->events, 1);
    wslay_event_config_set_max_recv_msg_length(ws->events, FRAMING_BYTES_MAX);
    put_request(ws, authority, path);
    return &ws->base;
}
