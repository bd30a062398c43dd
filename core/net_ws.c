/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket doors: handshake, messages, control frames. One message is one frame of frame.proto. See net_ws.h;
 * the rules of the framing are in ws_frame.c, those of the handshake in ws_handshake.c.
 */
#include "core/net_ws.h"

#include <stdlib.h>

#include "core/io_loop.h"
#include "core/net_http.h"
#include "core/ws_deflate.h"
#include "core/ws_handshake.h"
#include "sotto/session.h"

/* ---- what comes in ---- */

static void
end_by_peer(struct conn *conn, unsigned code)
{
    uint8_t bytes[WS_CLOSE_BYTES_MAX];

    /* No Goodbye: who has closed reads nothing more but the echo (RFC 6455, section 5.5.1). */
    conn_end(conn, frame_raw(bytes, ws_put_close(bytes, code, "")));
}

/* The kind of message that is spoken is known; its content is looked at once it is there. */
static void
on_compressed(struct conn *conn, const struct ws_event *event, size_t most)
{
    struct ws_conn *ws = conn_door_state(conn);
    struct io_loop *loop = conn->loop;
    struct ws_inflated message;
    const char *why;
    int error = ws_inflate(loop->deflate, event->data, event->size, most,
                           IO_REST_BYTES_MAX - loop->rest_bytes, &message, &why);

    if (error) {
        conn_close(conn, -error, why);
        return;
    }
    if (ws->reader.opcode == WS_TEXT && !utf8_valid(message.data, message.size))
        conn_close(conn, WS_CODE_BAD_DATA, "text that is not UTF-8");
    else
        conn_on_frame(conn, message.data, message.size);
    ws_inflated_drop(&message);
}

static void
on_event(struct conn *conn, const struct ws_event *event, size_t most)
{
    const struct sotto_view data = {.data = event->data, .size = event->size};

    switch (event->kind) {
    case WS_EVENT_PIECE:
    case WS_EVENT_PONG: break; /* whatever comes is a sign of life */
    case WS_EVENT_MESSAGE:
        if (event->compressed)
            on_compressed(conn, event, most);
        else
            conn_on_frame(conn, event->data, event->size);
        break;
    case WS_EVENT_PING: conn_send_pong(conn, frame_ws(WS_FIN | WS_PONG, data)); break;
    case WS_EVENT_CLOSE: end_by_peer(conn, event->code); break;
    }
}

static void
drop_message(struct conn *conn)
{
    struct ws_conn *ws = conn_door_state(conn);

    conn->loop->rest_bytes -= ws->reader.capacity;
    ws_reader_drop(&ws->reader);
}

/* One frame; what ws_read says, or less than 0 when the connection has ended. */
static int64_t
read_one(struct conn *conn, uint8_t *data, size_t size, uint32_t max_frame, size_t *need_out)
{
    struct ws_conn *ws = conn_door_state(conn);
    const size_t before = ws->reader.capacity;
    const struct ws_limits limits = {.message = max_frame,
                                     .room = IO_REST_BYTES_MAX - conn->loop->rest_bytes};
    struct ws_event event;
    const char *why;
    int64_t used = ws_read(&ws->reader, data, size, &limits, &event, need_out, &why);

    conn->loop->rest_bytes += ws->reader.capacity - before;
    if (used < 0)
        conn_close(conn, (int)-used, why);
    if (used <= 0)
        return used;
    on_event(conn, &event, max_frame);
    if (conn->state != CONN_OPEN)
        return -1;
    if (event.kind == WS_EVENT_MESSAGE)
        drop_message(conn);
    return used;
}

static int64_t
ws_feed(struct conn *conn, uint8_t *data, size_t size, uint32_t max_frame, size_t *need_out)
{
    size_t at = 0;

    *need_out = 0;
    while (at < size && !conn->pause) {
        int64_t used = read_one(conn, data + at, size - at, max_frame, need_out);

        if (used < 0)
            return (int64_t)size;
        if (used == 0)
            break;
        at += (size_t)used;
    }
    return (int64_t)at;
}

/* ---- what goes out ---- */

void
ws_forget_packed(struct io_loop *loop)
{
    frame_unref(loop->packed_from, 1);
    frame_unref(loop->packed, 1);
    loop->packed_from = loop->packed = NULL;
}

/* The message of a buffer that frame.c made; nothing of a control frame. */
static struct sotto_view
message_of(const struct frame_buf *buf)
{
    const unsigned length = buf->data[1];
    const size_t head = length == 127 ? 10 : length == 126 ? 4 : 2;

    if ((buf->data[0] & 0x0f) >= WS_CLOSE)
        return (struct sotto_view){.size = 0};
    return (struct sotto_view){.data = buf->data + head, .size = buf->size - head};
}

/* The compressed form; NULL: there is none worth it. */
static struct frame_buf *
pack(struct io_loop *loop, const struct frame_buf *buf)
{
    const struct sotto_view message = message_of(buf);
    struct sotto_view squeezed;

    if (message.size < WS_DEFLATE_BYTES_MIN || !ws_squeeze(loop->deflate, message, &squeezed))
        return NULL;
    return frame_ws(buf->data[0] | WS_RSV1, squeezed);
}

/* All members of a chat on this loop get the same buffer one after another: it is compressed once. */
static struct frame_buf *
ws_pack(struct conn *conn, struct frame_buf *take_buf)
{
    struct ws_conn *ws = conn_door_state(conn);
    struct io_loop *loop = conn->loop;

    if (!ws->reader.deflate)
        return take_buf;
    if (loop->packed_from != take_buf) {
        ws_forget_packed(loop);
        frame_ref(take_buf, 1);
        loop->packed_from = take_buf;
        loop->packed = pack(loop, take_buf);
    }
    if (!loop->packed)
        return take_buf;
    metric_add(loop->io->saved_bytes, 0, (double)(take_buf->size - loop->packed->size));
    frame_ref(loop->packed, 1);
    frame_unref(take_buf, 1);
    return loop->packed;
}

static bool
ws_heard_end(struct conn *conn, const uint8_t *data, size_t size)
{
    struct ws_conn *ws = conn_door_state(conn);

    return ws_skim(&ws->skim, data, size);
}

/* ---- sub-protocols ---- */

#define WS_DOOR(label, kind)                                                                     \
    {                                                                                            \
        .name = (label), .wire = (kind), .state_bytes = sizeof(struct ws_conn), .feed = ws_feed, \
        .heard_end = ws_heard_end, .pack = ws_pack, .release = drop_message                      \
    }

static const struct ws_protocol protocols[] = {
    {.door = WS_DOOR("ws", FRAME_WIRE_WS_PROTO), .name = "sotto.v1.proto", .opcode = WS_BINARY},
    {.door = WS_DOOR("ws_json", FRAME_WIRE_WS_JSON), .name = "sotto.v1.json", .opcode = WS_TEXT},
};

/* ---- the handshake ---- */

void
ws_upgrade(struct conn *conn, const struct http_head *head)
{
    const struct ws_rules rules = {
        .origins = &conn->loop->io->http->origins,
        .protocols = protocols,
        .protocol_count = sizeof(protocols) / sizeof(protocols[0]),
        .deflate = conn->loop->deflate != NULL,
    };
    struct ws_conn *ws = conn_door_state(conn);
    struct sockaddr_storage client;
    struct ws_handshake handshake;
    struct buf answer = {0};

    ws_handshake_read(&handshake, head, &rules);
    if (handshake.status != 101) {
        http_refuse(conn, handshake.status, handshake.fields, handshake.why);
        return;
    }
    if (!http_find_client(conn, head, &client))
        return;
    ws_handshake_answer(&handshake, &answer);
    conn_send(conn, answer.failed ? NULL : frame_raw(answer.data, answer.size));
    buf_fini(&answer);
    if (conn->state != CONN_OPEN)
        return;
    metric_add(conn->loop->io->requests, REQUEST_UPGRADED, 1);
    ws->reader.deflate = handshake.extension.deflate;
    ws->reader.opcode = handshake.protocol->opcode;
    conn_become(conn, &handshake.protocol->door, (struct sockaddr *)&client);
}
