/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket doors: handshake, messages, control frames. One message is one frame of frame.proto. See net_ws.h;
 * the rules of the framing are in ws_frame.c, those of the handshake in ws_handshake.c.
 */
#include "core/net_ws.h"

#include <stdlib.h>

#include "core/io_loop.h"
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

static void
on_event(struct conn *conn, const struct ws_event *event)
{
    const struct sotto_view data = {.data = event->data, .size = event->size};

    switch (event->kind) {
    case WS_EVENT_PIECE:
    case WS_EVENT_PONG: break; /* whatever comes is a sign of life */
    case WS_EVENT_MESSAGE: conn_on_frame(conn, event->data, event->size); break;
    case WS_EVENT_PING: conn_send_pong(conn, frame_ws_control(WS_PONG, data)); break;
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
    on_event(conn, &event);
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

static bool
ws_heard_end(struct conn *conn, const uint8_t *data, size_t size)
{
    struct ws_conn *ws = conn_door_state(conn);

    return ws_skim(&ws->skim, data, size);
}

/* ---- sub-protocols ---- */

static const struct ws_protocol protocols[] = {
    {.door = {.name = "ws",
              .wire = FRAME_WIRE_WS_PROTO,
              .state_bytes = sizeof(struct ws_conn),
              .feed = ws_feed,
              .heard_end = ws_heard_end,
              .release = drop_message},
     .name = "sotto.v1.proto",
     .opcode = WS_BINARY},
    {.door = {.name = "ws_json",
              .wire = FRAME_WIRE_WS_JSON,
              .state_bytes = sizeof(struct ws_conn),
              .feed = ws_feed,
              .release = drop_message},
     .name = "sotto.v1.json",
     .opcode = WS_TEXT},
};

/* ---- the handshake ---- */

void
ws_upgrade(struct conn *conn, const struct http_head *head)
{
    const struct ws_rules rules = {
        .origins = &conn->loop->io->http->origins,
        .protocols = protocols,
        .protocol_count = sizeof(protocols) / sizeof(protocols[0]),
    };
    struct ws_conn *ws = conn_door_state(conn);
    struct ws_handshake handshake;
    struct buf answer = {0};

    ws_handshake_read(&handshake, head, &rules);
    if (handshake.status != 101) {
        http_refuse(conn, handshake.status, handshake.fields, handshake.why);
        return;
    }
    ws_handshake_answer(&handshake, &answer);
    conn_send(conn, answer.failed ? NULL : frame_raw(answer.data, answer.size));
    buf_fini(&answer);
    if (conn->state != CONN_OPEN)
        return;
    metric_add(conn->loop->io->requests, REQUEST_UPGRADED, 1);
    ws->reader.opcode = handshake.protocol->opcode;
    conn_become(conn, &handshake.protocol->door);
}
