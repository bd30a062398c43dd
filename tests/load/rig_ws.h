/* SPDX-License-Identifier: MIT */
/* The client's half of a WebSocket (RFC 6455) for the load rig: enough to drive a server that behaves, no more. */
#ifndef RIG_WS_H
#define RIG_WS_H

#include "rig_wire.h"

enum rig_ws_opcode {
    RIG_WS_TEXT = 1,
    RIG_WS_BINARY = 2,
    RIG_WS_CLOSE = 8,
    RIG_WS_PING = 9,
    RIG_WS_PONG = 10,
};

/* Queues the upgrade request; `protocol` may be NULL. */
void rig_ws_request(struct rig_wire *wire, const char *path, const char *protocol);
/* Reads the answer: 1 when it was 101 and is taken, 0 when more must come, -1 when it was refused. */
int rig_ws_answer(struct rig_wire *wire);

/* Queues one whole masked frame (section 5.3). */
void rig_ws_put(struct rig_wire *wire, enum rig_ws_opcode opcode, const void *data, size_t size);
/* The next whole frame, in the wire's buffer until rig_wire_take(wire, *whole_out): 1, 0 when more must come, -1 when
 * it is none that a rig understands (a fragment, or over 16 MiB). */
int rig_ws_next(struct rig_wire *wire, enum rig_ws_opcode *opcode_out, const uint8_t **data_out,
                size_t *size_out, size_t *whole_out);

#endif
