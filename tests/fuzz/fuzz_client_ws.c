/* SPDX-License-Identifier: MIT */
/*
 * What a server sends over a WebSocket, as a client takes it: after a handshake that is in order, or, with H in
 * front, from the handshake on. Accepted is an input from which a whole frame came.
 */
#include "fuzz.h"

#include "framing.h"

#include <assert.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static bool
on_frame(void *arg, const uint8_t *data, size_t size)
{
    size_t *frames = arg;

    assert(size == 0 || data != NULL);
    return ++*frames < 100;
}

static void
append_answer(const struct framing *framing, struct buf *in)
{
    const uint8_t *key = memmem(framing->opening.data, framing->opening.len, "Key: ", 5);
    char text[128], accept[64];
    uint8_t digest[20];
    int size;

    assert(key != NULL);
    size = snprintf(text, sizeof(text), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 5);
    assert(EVP_Digest(text, (size_t)size, digest, NULL, EVP_sha1(), NULL) == 1);
    sodium_bin2base64(accept, sizeof(accept), digest, sizeof(digest),
                      sodium_base64_VARIANT_ORIGINAL);
    size = snprintf(text, sizeof(text),
                    "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    buf_append(in, text, (size_t)size);
    size = snprintf(text, sizeof(text),
                    "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: sotto.v1.proto\r\n\r\n",
                    accept);
    buf_append(in, text, (size_t)size);
}

/* The input in two cuts, as it may come. */
static bool
one(void *state, const uint8_t *data, size_t size)
{
    struct framing *framing = framing_ws("h:1", "/ws");
    struct buf in = {0}, out = {0};
    size_t frames = 0;

    (void)state;
    if (size && data[0] == 'H') {
        data++;
        size--;
    } else {
        append_answer(framing, &in);
    }
    buf_append(&in, data, size / 2);
    if (!framing->ops->feed(framing, &in, &out, on_frame, &frames)) {
        buf_append(&in, data + size / 2, size - size / 2);
        framing->ops->feed(framing, &in, &out, on_frame, &frames);
    }
    framing->ops->destroy(framing);
    buf_fini(&in);
    buf_fini(&out);
    return frames > 0;
}

const struct fuzz_target fuzz_target = {.name = "client_ws", .one = one};
