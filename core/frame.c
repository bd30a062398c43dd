/* SPDX-License-Identifier: MIT */
/*
 * The envelope has eight kinds of frame and never nests more than two deep, so reading and writing it by
 * hand costs a page and saves two copies of every message.
 */
#include "core/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "core/frame_json.h"
#include "core/http_answer.h"
#include "core/wire.h"
#include "core/ws_frame.h"

#define UNKNOWN_MAX 16

/* ---- reading ---- */

struct field {
    uint32_t number;
    uint32_t type; /* 0 varint, 2 bytes */
    uint64_t value;
    struct sotto_view bytes;
};

/* Reads the next field, or skips one of a fixed size: 1 field, 0 end, -1 malformed. */
static int
next_field(const uint8_t **at, const uint8_t *end, struct field *field)
{
    uint64_t key;

    if (*at == end)
        return 0;
    if (!wire_varint(at, end, &key) || key >> 3 == 0 || key >> 32 != 0)
        return -1;
    *field = (struct field){.number = (uint32_t)(key >> 3), .type = key & 7};
    switch (field->type) {
    case 0: return wire_varint(at, end, &field->value) ? 1 : -1;
    case 2:
        if (!wire_varint(at, end, &field->value) || field->value > (size_t)(end - *at))
            return -1;
        field->bytes = (struct sotto_view){.data = *at, .size = (size_t)field->value};
        *at += field->value;
        return 1;
    case 1:
    case 5:
        if ((size_t)(end - *at) < (field->type == 1 ? 8u : 4u))
            return -1;
        *at += field->type == 1 ? 8 : 4;
        return 1;
    default: return -1;
    }
}

static int
read_call(struct sotto_view bytes, struct frame_in *frame)
{
    const uint8_t *at = bytes.data;
    const uint8_t *end = at + bytes.size;
    struct field field;
    unsigned unknown = 0;
    int rc;

    while ((rc = next_field(&at, end, &field)) > 0) {
        if (field.number == 1 && field.type == 2)
            frame->method = field.bytes;
        else if (field.number == 2 && field.type == 2)
            frame->body = field.bytes;
        else if (field.number == 3 && field.type == 0)
            frame->deadline_ms = (uint32_t)field.value;
        else if (field.number == 4 && field.type == 2)
            frame->trace = field.bytes;
        else if (field.number <= 4 || ++unknown > UNKNOWN_MAX)
            return -1;
    }
    return rc;
}

/* Ping, Pong: one bytes field. Cancel: nothing. */
static int
read_small(struct sotto_view bytes, struct frame_in *frame)
{
    const uint8_t *at = bytes.data;
    const uint8_t *end = at + bytes.size;
    struct field field;
    unsigned unknown = 0;
    int rc;

    while ((rc = next_field(&at, end, &field)) > 0) {
        if (field.number == 1 && field.type == 2 && frame->kind != FRAME_CANCEL)
            frame->body = field.bytes;
        else if (++unknown > UNKNOWN_MAX)
            return -1;
    }
    return rc < 0 || frame->body.size > FRAME_PING_MAX ? -1 : 0;
}

static int
read_kind(struct frame_in *frame, struct sotto_view bytes)
{
    switch (frame->kind) {
    case FRAME_CALL: return read_call(bytes, frame);
    case FRAME_PING:
    case FRAME_PONG:
    case FRAME_CANCEL: return read_small(bytes, frame);
    default: return 0; /* what a client does not send: the caller refuses it by its kind */
    }
}

int
frame_read(const uint8_t *data, size_t size, struct frame_in *frame_out, const char **why_out)
{
    const uint8_t *at = data;
    const uint8_t *end = data + size;
    struct frame_in frame = {.kind = FRAME_NONE, .size = size};
    struct sotto_view kind = {.size = 0};
    struct field field;
    unsigned unknown = 0;
    int rc;

    while ((rc = next_field(&at, end, &field)) > 0) {
        if (field.number == 1 && field.type == 0) {
            frame.id = field.value;
        } else if (field.number >= FRAME_CALL && field.number <= FRAME_CANCEL && field.type == 2) {
            frame.kind = (enum frame_kind)field.number;
            kind = field.bytes;
        } else if (field.number <= FRAME_CANCEL || ++unknown > UNKNOWN_MAX) {
            rc = -1;
            break;
        }
    }
    if (rc < 0 || frame.kind == FRAME_NONE || read_kind(&frame, kind) < 0) {
        *why_out = "malformed frame";
        return SOTTO_EINVALID;
    }
    *frame_out = frame;
    return 0;
}

/* ---- writing ---- */

static size_t
varint_size(uint64_t value)
{
    size_t size = 1;

    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    return size;
}

static uint8_t *
put_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

/* All our field numbers are below 16, so a key is one byte. */
static uint8_t *
put_head(uint8_t *at, unsigned number, size_t size)
{
    *at++ = (uint8_t)(number << 3 | 2);
    return put_varint(at, size);
}

static uint8_t *
put_bytes(uint8_t *at, unsigned number, const void *data, size_t size)
{
    at = put_head(at, number, size);
    if (size)
        memcpy(at, data, size);
    return at + size;
}

static uint8_t *
put_uint(uint8_t *at, unsigned number, uint64_t value)
{
    *at++ = (uint8_t)(number << 3);
    return put_varint(at, value);
}

/* Size of a bytes field. */
static size_t
bytes_size(size_t size)
{
    return 1 + varint_size(size) + size;
}

size_t
frame_wire_head(enum frame_wire wire, uint8_t head[FRAME_HEAD_MAX], size_t size)
{
    assert(frame_wire_has_frames(wire));
    if (wire == FRAME_WIRE_WS_PROTO || wire == FRAME_WIRE_WS_JSON)
        return ws_put_head(head, WS_FIN | (wire == FRAME_WIRE_WS_JSON ? WS_TEXT : WS_BINARY), size);
    head[0] = (uint8_t)(size >> 24);
    head[1] = (uint8_t)(size >> 16);
    head[2] = (uint8_t)(size >> 8);
    head[3] = (uint8_t)size;
    return 4;
}

struct frame_buf *
frame_make(size_t size)
{
    struct frame_buf *buf = malloc(sizeof(*buf) + size);

    if (!buf)
        return NULL;
    atomic_init(&buf->refs, 1);
    buf->size = (uint32_t)size;
    return buf;
}

struct frame_buf *
frame_raw(const void *data, size_t size)
{
    struct frame_buf *buf = frame_make(size);

    if (buf && size)
        memcpy(buf->data, data, size);
    return buf;
}

/* A buffer with the door's head, the id and the key of the kind; *at_out is where its inner_size bytes go, and behind
 * them is room for tail_size bytes that are no part of the frame. */
static struct frame_buf *
begin_with_tail(enum frame_wire wire, uint64_t id, enum frame_kind kind, size_t inner_size,
                size_t tail_size, uint8_t **at_out)
{
    size_t size = bytes_size(inner_size) + (id ? 1 + varint_size(id) : 0);
    uint8_t head[FRAME_HEAD_MAX];
    size_t head_size = frame_wire_head(wire, head, size);
    struct frame_buf *buf;
    uint8_t *at;

    if (size > UINT32_MAX - FRAME_HEAD_MAX - tail_size)
        return NULL;
    buf = frame_make(head_size + size + tail_size);
    if (!buf)
        return NULL;
    memcpy(buf->data, head, head_size);
    at = buf->data + head_size;
    if (id)
        at = put_uint(at, 1, id);
    *at_out = put_head(at, kind, inner_size);
    return buf;
}

static struct frame_buf *
begin(enum frame_wire wire, uint64_t id, enum frame_kind kind, size_t inner_size, uint8_t **at_out)
{
    return begin_with_tail(wire, id, kind, inner_size, 0, at_out);
}

static struct frame_buf *
finish(struct frame_buf *buf, const uint8_t *at)
{
    assert(at == buf->data + buf->size);
    return buf;
}

struct frame_buf *
frame_reply(enum frame_wire wire, uint64_t id, const ProtobufCMessage *body)
{
    struct frame_buf *buf;
    uint8_t *at;
    size_t size;

    if (wire == FRAME_WIRE_WS_JSON)
        return frame_json_reply(id, body);
    size = protobuf_c_message_get_packed_size(body);
    buf = begin(wire, id, FRAME_REPLY, bytes_size(size), &at);
    if (!buf)
        return NULL;
    at = put_head(at, 1, size);
    return finish(buf, at + protobuf_c_message_pack(body, at));
}

struct frame_buf *
frame_error(enum frame_wire wire, uint64_t id, const char *code, const char *text,
            const ProtobufCMessage *details)
{
    size_t code_size = strlen(code);
    size_t text_size = strlen(text);
    size_t details_size = details ? protobuf_c_message_get_packed_size(details) : 0;
    size_t size =
        bytes_size(code_size) + bytes_size(text_size) + (details ? bytes_size(details_size) : 0);
    struct frame_buf *buf;
    uint8_t *at;

    if (wire == FRAME_WIRE_WS_JSON)
        return frame_json_error(id, code, text, details);
    buf = begin(wire, id, FRAME_REPLY, bytes_size(size), &at);
    if (!buf)
        return NULL;
    at = put_head(at, 2, size);
    at = put_bytes(at, 1, code, code_size);
    at = put_bytes(at, 2, text, text_size);
    if (details) {
        at = put_head(at, 3, details_size);
        at += protobuf_c_message_pack(details, at);
    }
    return finish(buf, at);
}

struct frame_buf *
frame_event(enum frame_wire wire, const ProtobufCMessage *event)
{
    const char *type = event->descriptor->name;
    size_t type_size = strlen(type);
    struct frame_buf *buf;
    uint8_t *at;
    size_t size;

    if (wire == FRAME_WIRE_WS_JSON)
        return frame_json_event(event);
    size = protobuf_c_message_get_packed_size(event);
    buf = begin(wire, 0, FRAME_EVENT, bytes_size(type_size) + bytes_size(size), &at);
    if (!buf)
        return NULL;
    at = put_bytes(at, 1, type, type_size);
    at = put_head(at, 2, size);
    return finish(buf, at + protobuf_c_message_pack(event, at));
}

static struct frame_buf *
small(enum frame_wire wire, enum frame_kind kind, struct sotto_view data)
{
    uint8_t *at;
    struct frame_buf *buf = begin(wire, 0, kind, data.size ? bytes_size(data.size) : 0, &at);

    if (!buf)
        return NULL;
    if (data.size)
        at = put_bytes(at, 1, data.data, data.size);
    return finish(buf, at);
}

struct frame_buf *
frame_ws(unsigned first, struct sotto_view data)
{
    uint8_t head[WS_SERVER_HEAD_MAX];
    size_t head_size = ws_put_head(head, first, data.size);
    struct frame_buf *buf = frame_make(head_size + data.size);

    if (!buf)
        return NULL;
    memcpy(buf->data, head, head_size);
    if (data.size)
        memcpy(buf->data + head_size, data.data, data.size);
    return buf;
}

struct frame_buf *
frame_ping(enum frame_wire wire, struct sotto_view data)
{
    if (wire == FRAME_WIRE_WS_PROTO || wire == FRAME_WIRE_WS_JSON)
        return frame_ws(WS_FIN | WS_PING, data);
    return small(wire, FRAME_PING, data);
}

struct frame_buf *
frame_pong(enum frame_wire wire, struct sotto_view data)
{
    if (wire == FRAME_WIRE_WS_JSON)
        return frame_json_pong(data);
    return small(wire, FRAME_PONG, data);
}

struct frame_buf *
frame_hello(enum frame_wire wire, const char *name, uint32_t max_frame, const char *const *features,
            size_t count)
{
    size_t size = 2 + bytes_size(strlen(name)) + 1 + varint_size(max_frame);
    struct frame_buf *buf;
    uint8_t *at;

    if (wire == FRAME_WIRE_WS_JSON)
        return frame_json_hello(name, max_frame, features, count);
    for (size_t i = 0; i < count; i++)
        size += bytes_size(strlen(features[i]));
    buf = begin(wire, 0, FRAME_HELLO, size, &at);
    if (!buf)
        return NULL;
    at = put_uint(at, 1, 1);
    at = put_bytes(at, 2, name, strlen(name));
    at = put_uint(at, 3, max_frame);
    for (size_t i = 0; i < count; i++)
        at = put_bytes(at, 4, features[i], strlen(features[i]));
    return finish(buf, at);
}

static size_t
uint_size(uint32_t value)
{
    return value ? 1 + varint_size(value) : 0;
}

struct frame_buf *
frame_goodbye(enum frame_wire wire, const struct frame_farewell *farewell)
{
    size_t reason_size = strlen(farewell->reason);
    size_t size = uint_size(farewell->code) + bytes_size(reason_size) +
                  uint_size(farewell->resume_after_ms) + uint_size(farewell->closes_in_ms);
    uint8_t tail[WS_CLOSE_BYTES_MAX];
    size_t tail_size = 0;
    struct frame_buf *buf;
    uint8_t *at;

    if (wire == FRAME_WIRE_HTTP)
        return http_answer_goodbye(farewell->code);
    if (wire == FRAME_WIRE_WS_JSON)
        return frame_json_goodbye(farewell);
    if (wire == FRAME_WIRE_WS_PROTO && !farewell->closes_in_ms)
        tail_size = ws_put_close(tail, farewell->code, farewell->reason);
    buf = begin_with_tail(wire, 0, FRAME_GOODBYE, size, tail_size, &at);
    if (!buf)
        return NULL;
    at = put_uint(at, 1, farewell->code);
    at = put_bytes(at, 2, farewell->reason, reason_size);
    if (farewell->resume_after_ms)
        at = put_uint(at, 3, farewell->resume_after_ms);
    if (farewell->closes_in_ms)
        at = put_uint(at, 4, farewell->closes_in_ms);
    memcpy(at, tail, tail_size);
    return finish(buf, at + tail_size);
}

void
frame_ref(struct frame_buf *buf, unsigned n)
{
    atomic_fetch_add_explicit(&buf->refs, n, memory_order_relaxed);
}

void
frame_unref(struct frame_buf *buf, unsigned n)
{
    if (buf && n && atomic_fetch_sub_explicit(&buf->refs, n, memory_order_acq_rel) == n) {
        sodium_memzero(buf->data, buf->size); /* answers carry tokens */
        free(buf);
    }
}
