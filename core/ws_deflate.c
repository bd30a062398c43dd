/* SPDX-License-Identifier: MIT */
/* See ws_deflate.h. Section numbers are those of RFC 7692. */
#include "core/ws_deflate.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/ws_frame.h"

#define MEM_LEVEL 5 /* with the window of 2^12: 32 KiB for each I/O loop */
#define INFLATE_WINDOW_BITS 15

/* What the sender took off the end of its message, and the receiver puts back (section 7.2). */
static const uint8_t tail[4] = {0x00, 0x00, 0xff, 0xff};

struct ws_deflate {
    z_stream in, out;
    uint8_t page[WS_PAGE_BYTES];     /* what came out of a message */
    uint8_t squeezed[WS_PAGE_BYTES]; /* what a message became */
};

int
ws_deflate_create(struct ws_deflate **codec_out)
{
    struct ws_deflate *codec = calloc(1, sizeof(*codec));

    if (!codec)
        return SOTTO_ENOMEM;
    if (inflateInit2(&codec->in, -INFLATE_WINDOW_BITS) != Z_OK) {
        free(codec);
        return SOTTO_ENOMEM;
    }
    if (deflateInit2(&codec->out, Z_BEST_SPEED, Z_DEFLATED, -WS_WINDOW_BITS, MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        inflateEnd(&codec->in);
        free(codec);
        return SOTTO_ENOMEM;
    }
    *codec_out = codec;
    return 0;
}

void
ws_deflate_destroy(struct ws_deflate **codec_ptr)
{
    struct ws_deflate *codec = *codec_ptr;

    if (!codec)
        return;
    inflateEnd(&codec->in);
    deflateEnd(&codec->out);
    sodium_memzero(codec->page, sizeof(codec->page));
    free(codec);
    *codec_ptr = NULL;
}

/* ---- inflating ---- */

/* Where what comes out of a message goes: into a place of this size, round and round. */
struct sink {
    uint8_t *place;
    size_t place_size, total, most;
};

/* One stretch of input. 0, or an enum ws_code with its sign turned. */
static int
inflate_some(z_stream *in, const uint8_t *data, size_t size, struct sink *sink)
{
    in->next_in = (uint8_t *)(uintptr_t)data;
    in->avail_in = (uInt)size;
    for (;;) {
        const size_t at = sink->total % sink->place_size;
        const size_t room = sink->place_size - at;
        int rc;

        in->next_out = sink->place + at;
        in->avail_out = (uInt)room;
        rc = inflate(in, Z_SYNC_FLUSH);
        sink->total += room - in->avail_out;
        if (sink->total > sink->most)
            return -WS_CODE_TOO_BIG;
        if (rc == Z_STREAM_END) /* a last block is allowed in the middle (section 7.2.3.4) */
            rc = inflateReset(in);
        if (rc != Z_OK && rc != Z_BUF_ERROR)
            return -WS_CODE_BAD_DATA;
        if (in->avail_out && (!in->avail_in || rc == Z_BUF_ERROR))
            return 0;
    }
}

static int
inflate_all(z_stream *in, const uint8_t *data, size_t size, struct sink *sink)
{
    int error = inflateReset(in) == Z_OK ? 0 : -WS_CODE_BAD_DATA;

    if (!error)
        error = inflate_some(in, data, size, sink);
    if (!error)
        error = inflate_some(in, tail, sizeof(tail), sink);
    /* The tail is an empty block; a stream that is not between two blocks behind it has swallowed it. */
    if (!error && !(in->data_type & 128))
        error = -WS_CODE_BAD_DATA;
    return error;
}

static const char *
why_of(int error)
{
    return error == -WS_CODE_TOO_BIG ? "message over the limit"
                                     : "a message that cannot be inflated";
}

void
ws_inflated_drop(struct ws_inflated *inflated)
{
    if (inflated->data)
        sodium_memzero(inflated->data, inflated->size);
    if (inflated->owned_bytes)
        free(inflated->data);
    *inflated = (struct ws_inflated){.data = NULL};
}

int
ws_inflate(struct ws_deflate *codec, const uint8_t *data, size_t size, size_t most, size_t room,
           struct ws_inflated *inflated, const char **why_out)
{
    struct sink sink = {.place = codec->page, .place_size = WS_PAGE_BYTES, .most = most};
    int error = inflate_all(&codec->in, data, size, &sink);
    uint8_t *owned;

    *why_out = why_of(error);
    if (error)
        return error;
    *inflated = (struct ws_inflated){.data = codec->page, .size = sink.total};
    if (sink.total <= WS_PAGE_BYTES)
        return 0;
    owned = sink.total <= room ? malloc(sink.total) : NULL;
    if (!owned) {
        *why_out = "no memory for a message of this size";
        return -WS_CODE_NO_MEMORY;
    }
    sink = (struct sink){.place = owned, .place_size = sink.total, .most = sink.total};
    *inflated = (struct ws_inflated){
        .data = owned, .size = sink.place_size, .owned_bytes = sink.place_size};
    error = inflate_all(&codec->in, data, size, &sink);
    if (error)
        ws_inflated_drop(inflated);
    return error;
}

/* ---- deflating ---- */

bool
ws_squeeze(struct ws_deflate *codec, struct sotto_view message, struct sotto_view *out)
{
    z_stream *stream = &codec->out;
    size_t size;

    if (message.size > WS_PAGE_BYTES || deflateReset(stream) != Z_OK)
        return false;
    stream->next_in = (uint8_t *)(uintptr_t)message.data;
    stream->avail_in = (uInt)message.size;
    stream->next_out = codec->squeezed;
    stream->avail_out = sizeof(codec->squeezed);
    if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in || !stream->avail_out)
        return false;
    size = sizeof(codec->squeezed) - stream->avail_out - sizeof(tail);
    *out = (struct sotto_view){.data = codec->squeezed, .size = size};
    return size < message.size;
}

/* ---- agreeing ---- */

/* Takes name and value of a parameter apart; a value may stand in quotes. */
static void
split_parameter(struct sotto_view parameter, struct sotto_view *name, struct sotto_view *value)
{
    *value = (struct sotto_view){.data = NULL};
    if (!http_list_next(&parameter, '=', name))
        *name = *value;
    else if (parameter.size)
        http_list_next(&parameter, '\0', value);
    if (value->size >= 2 && value->data[0] == '"' && value->data[value->size - 1] == '"')
        *value = (struct sotto_view){.data = value->data + 1, .size = value->size - 2};
}

/* 8 to 15, without a zero before it (section 7.1.2); 0: something else. */
static unsigned
window_bits(struct sotto_view value)
{
    if (value.size == 1 && (value.data[0] == '8' || value.data[0] == '9'))
        return value.data[0] - '0';
    if (value.size == 2 && value.data[0] == '1' && value.data[1] >= '0' && value.data[1] <= '5')
        return 10 + (value.data[1] - '0');
    return 0;
}

enum {
    SEEN_SERVER_TAKEOVER = 1,
    SEEN_CLIENT_TAKEOVER = 2,
    SEEN_SERVER_WINDOW = 4,
    SEEN_CLIENT_WINDOW = 8,
};

/* One parameter of an offer: its bit, or 0 when it is none that we know or can promise. */
static unsigned
read_parameter(struct sotto_view name, struct sotto_view value)
{
    if (http_view_is(name, "server_no_context_takeover"))
        return value.data ? 0 : SEEN_SERVER_TAKEOVER;
    if (http_view_is(name, "client_no_context_takeover"))
        return value.data ? 0 : SEEN_CLIENT_TAKEOVER;
    if (http_view_is(name, "server_max_window_bits"))
        return window_bits(value) >= WS_WINDOW_BITS ? SEEN_SERVER_WINDOW : 0;
    if (http_view_is(name, "client_max_window_bits"))
        return !value.data || window_bits(value) ? SEEN_CLIENT_WINDOW : 0;
    return 0;
}

static bool
read_offer(struct ws_extension *extension, struct sotto_view offer)
{
    struct sotto_view part, name, value;
    unsigned seen = 0;

    if (!http_list_next(&offer, ';', &part) || !http_view_is(part, "permessage-deflate"))
        return false;
    while (http_list_next(&offer, ';', &part)) {
        unsigned bit;

        split_parameter(part, &name, &value);
        bit = read_parameter(name, value);
        if (!bit || (seen & bit))
            return false;
        seen |= bit;
    }
    *extension = (struct ws_extension){.deflate = true, .names_window = seen & SEEN_SERVER_WINDOW};
    return true;
}

void
ws_extension_read(struct ws_extension *extension, const struct http_head *head)
{
    *extension = (struct ws_extension){.deflate = false};
    for (size_t i = 0; i < head->field_count; i++) {
        struct sotto_view list = head->fields[i].value, offer;

        if (!http_view_is(head->fields[i].name, "sec-websocket-extensions"))
            continue;
        while (http_list_next(&list, ',', &offer))
            if (read_offer(extension, offer))
                return;
    }
}

void
ws_extension_answer(const struct ws_extension *extension, struct buf *out)
{
    if (!extension->deflate)
        return;
    buf_puts(out, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                  "client_no_context_takeover");
    if (extension->names_window)
        buf_printf(out, "; server_max_window_bits=%d", WS_WINDOW_BITS);
    buf_puts(out, "\r\n");
}
