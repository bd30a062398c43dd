/* SPDX-License-Identifier: MIT */
/* Frames behind their length in four bytes, big-endian. See framing.h. */
#include "framing.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX_BYTES 4

static void
wrap(struct framing *framing, const uint8_t *frame, size_t len, struct buf *out)
{
    uint8_t prefix[PREFIX_BYTES];
    (void)framing;
    for (int i = 0; i < PREFIX_BYTES; i++)
        prefix[i] = (uint8_t)(len >> (8 * (PREFIX_BYTES - 1 - i)));
    buf_reserve(out, PREFIX_BYTES + len);
    buf_append(out, prefix, PREFIX_BYTES);
    buf_append(out, frame, len);
}

static const char *
feed(struct framing *framing, struct buf *in, struct buf *out, framing_frame_fn *on_frame,
     void *arg)
{
    size_t at = 0;
    bool more = true;
    (void)framing;
    (void)out;
    while (more && in->len - at >= PREFIX_BYTES) {
        const uint8_t *p = in->data + at;
        uint32_t len = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        if (len > FRAMING_BYTES_MAX)
            return TR("a frame is too long; is this a Sotto server?");
        if (in->len - at - PREFIX_BYTES < len)
            break;
        more = on_frame(arg, p + PREFIX_BYTES, len);
        at += PREFIX_BYTES + len;
    }
    if (at) {
        memmove(in->data, in->data + at, in->len - at);
        in->len -= at;
    }
    return NULL;
}

static void
destroy(struct framing *framing)
{
    buf_fini(&framing->opening);
    free(framing);
}

struct framing *
framing_tcp(void)
{
    static const struct framing_ops ops = {.wrap = wrap, .feed = feed, .destroy = destroy};
    struct framing *framing = mem_alloc(1, sizeof(*framing));
    framing->ops = &ops;
    return framing;
}
