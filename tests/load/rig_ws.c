/* SPDX-License-Identifier: MIT */
/* The client's half of a WebSocket: see rig_ws.h. */
#include "rig_ws.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define FRAME_BYTES_MAX (16u * 1024 * 1024)

void
rig_ws_request(struct rig_wire *wire, const char *path, const char *protocol)
{
    char head[512];
    int size = snprintf(head, sizeof(head),
                        "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s\r\n",
                        path, protocol ? "Sec-WebSocket-Protocol: " : "", protocol ? protocol : "",
                        protocol ? "\r\n" : "");

    rig_wire_put(wire, head, (size_t)size);
}

int
rig_ws_answer(struct rig_wire *wire)
{
    const uint8_t *at = rig_wire_at(wire);
    const uint8_t *end =
        rig_wire_have(wire) ? memmem(at, rig_wire_have(wire), "\r\n\r\n", 4) : NULL;

    if (end == NULL)
        return 0;
    if (memcmp(at, "HTTP/1.1 101", 12) != 0)
        return -1;
    rig_wire_take(wire, (size_t)(end - at) + 4);
    return 1;
}

/* Eight bytes at a time: the key repeats every four. */
static void
mask(uint8_t *out, const uint8_t *data, size_t size, const uint8_t key[4])
{
    uint64_t wide, word;
    size_t at = 0;

    memcpy(&wide, key, 4);
    memcpy((uint8_t *)&wide + 4, key, 4);
    for (; size - at >= 8; at += 8) {
        memcpy(&word, data + at, 8);
        word ^= wide;
        memcpy(out + at, &word, 8);
    }
    for (; at < size; at++)
        out[at] = data[at] ^ key[at & 3];
}

void
rig_ws_put(struct rig_wire *wire, enum rig_ws_opcode opcode, const void *data, size_t size)
{
    uint8_t *head = rig_wire_room(wire, size + 14);
    uint8_t *at = head;
    uint32_t key = randombytes_random();

    *at++ = (uint8_t)(0x80 | opcode);
    if (size < 126) {
        *at++ = (uint8_t)(0x80 | size);
    } else if (size < 65536) {
        *at++ = 0x80 | 126;
        *at++ = (uint8_t)(size >> 8);
        *at++ = (uint8_t)size;
    } else {
        *at++ = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            *at++ = (uint8_t)((uint64_t)size >> shift);
    }
    memcpy(at, &key, 4);
    mask(at + 4, data, size, at);
    wire->out.end += (size_t)(at + 4 - head) + size;
}

int
rig_ws_next(struct rig_wire *wire, enum rig_ws_opcode *opcode_out, const uint8_t **data_out,
            size_t *size_out, size_t *whole_out)
{
    const uint8_t *at = rig_wire_at(wire);
    size_t have = rig_wire_have(wire);
    size_t head = 2;
    uint64_t size;

    if (have < 2)
        return 0;
    size = at[1];
    if (size >= 126) {
        size_t wide = size == 126 ? 2 : 8;

        head += wide;
        if (have < head)
            return 0;
        size = 0;
        for (size_t i = 0; i < wide; i++)
            size = size << 8 | at[2 + i];
    }
    if ((at[0] & 0xf0) != 0x80 || (at[1] & 0x80) != 0 || size > FRAME_BYTES_MAX)
        return -1;
    if (have - head < size)
        return 0;
    *opcode_out = at[0] & 0x0f;
    *data_out = at + head;
    *size_out = (size_t)size;
    *whole_out = head + (size_t)size;
    return 1;
}
