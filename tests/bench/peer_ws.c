/* SPDX-License-Identifier: MIT */
/* A relay over WebSocket (relay_ws.mjs, relay_bun.mjs): /TOPIC?sub receives what comes in on /TOPIC. */
#include "peer_link.h"
#include "rig_ws.h"

#include <stdio.h>

#define WAIT_S 10.0

static int
ws_open(struct peer_link *link, const struct sockaddr_in *address)
{
    double deadline = rig_now_s() + WAIT_S;
    char path[64];
    int answer;

    if (rig_wire_connect(&link->wire, address) != 0)
        return -1;
    snprintf(path, sizeof(path), "/%s%s", link->topic, link->subscribes ? "?sub" : "");
    rig_ws_request(&link->wire, path, NULL);
    while ((answer = rig_ws_answer(&link->wire)) == 0)
        if (rig_wire_wait(&link->wire, deadline) != 0)
            return -1;
    return answer == 1 ? 0 : -1;
}

static void
ws_publish(struct peer_link *link, const void *data, size_t size, uint32_t number)
{
    (void)number;
    rig_ws_put(&link->wire, RIG_WS_BINARY, data, size);
}

static enum peer_found
ws_next(struct peer_link *link, const uint8_t **data_out, size_t *size_out, uint32_t *number_out)
{
    enum rig_ws_opcode opcode;
    size_t whole;
    int found = rig_ws_next(&link->wire, &opcode, data_out, size_out, &whole);

    (void)number_out;
    if (found <= 0)
        return found < 0 ? PEER_BROKEN : PEER_NOTHING;
    rig_wire_take(&link->wire, whole);
    if (opcode == RIG_WS_PING)
        rig_ws_put(&link->wire, RIG_WS_PONG, *data_out, *size_out);
    return opcode == RIG_WS_BINARY ? PEER_DELIVERY : PEER_OTHER;
}

const struct peer_protocol peer_ws = {
    .name = "ws",
    .open = ws_open,
    .publish = ws_publish,
    .next = ws_next,
};
