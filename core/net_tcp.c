/* SPDX-License-Identifier: MIT */
/* The TCP door: four bytes of length, big-endian, before each frame. Who may come in is decided in accept.c. */
#include "core/io_loop.h"
#include "sotto/session.h"

static int64_t
tcp_feed(struct conn *conn, uint8_t *data, size_t size, uint32_t max_frame, size_t *need_out)
{
    size_t at = 0;

    while (size - at >= 4) {
        const uint8_t *head = data + at;
        uint32_t length =
            (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];

        if (length > max_frame)
            return -SOTTO_GOODBYE_TOO_BIG;
        if (size - at - 4 < length) {
            *need_out = 4 + (size_t)length;
            return (int64_t)at;
        }
        at += 4 + (size_t)length;
        if (!conn_on_frame(conn, head + 4, length))
            return (int64_t)at;
    }
    *need_out = 4;
    return (int64_t)at;
}

const struct door door_tcp = {
    .name = "tcp",
    .wire = FRAME_WIRE_TCP,
    .feed = tcp_feed,
};
