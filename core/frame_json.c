/* SPDX-License-Identifier: MIT */
/* See frame_json.h. */
#include "core/frame_json.h"

#include <string.h>

#include "core/ws_frame.h"

/* ---- reading ---- */

static const char *const kinds[] = {
    [FRAME_CALL] = "call",       [FRAME_REPLY] = "reply",   [FRAME_EVENT] = "event",
    [FRAME_PING] = "ping",       [FRAME_PONG] = "pong",     [FRAME_HELLO] = "hello",
    [FRAME_GOODBYE] = "goodbye", [FRAME_CANCEL] = "cancel",
};

static int
refuse(struct pbjson_fault *fault, const char *why)
{
    snprintf(fault->text, sizeof(fault->text), "%s", why);
    return SOTTO_EINVALID;
}

/* The member under its JSON name or its proto name; absent and null are NULL. */
static json_t *
member(const json_t *object, const char *name, const char *proto_name)
{
    json_t *value = json_object_get(object, name);

    if (!value)
        value = json_object_get(object, proto_name);
    return json_is_null(value) ? NULL : value;
}

/* A field under both of its names, of which one would win unseen. */
static bool
stands_twice(const json_t *object, const char *name, const char *proto_name)
{
    return json_object_get(object, name) && json_object_get(object, proto_name);
}

static int
read_text(const json_t *value, struct sotto_view *text_out, const char *why,
          struct pbjson_fault *fault)
{
    if (value && !json_is_string(value))
        return refuse(fault, why);
    if (value)
        *text_out = (struct sotto_view){.data = (const uint8_t *)json_string_value(value),
                                        .size = json_string_length(value)};
    return 0;
}

static int
read_call(json_t *call, struct frame_in *frame, struct pbjson_fault *fault)
{
    uint64_t deadline;
    int rc;

    if (stands_twice(call, "traceId", "trace_id"))
        return refuse(fault, "call.traceId: the field stands there under both of its names.");
    if (stands_twice(call, "deadlineMs", "deadline_ms"))
        return refuse(fault, "call.deadlineMs: the field stands there under both of its names.");
    rc = read_text(member(call, "method", "method"), &frame->method,
                   "call.method: expected a text.", fault);
    if (!rc)
        rc = read_text(member(call, "traceId", "trace_id"), &frame->trace,
                       "call.traceId: expected a text.", fault);
    if (!rc)
        rc = pbjson_read_uint(member(call, "deadlineMs", "deadline_ms"), "call.deadlineMs",
                              UINT32_MAX, &deadline, fault);
    if (rc)
        return rc;
    frame->deadline_ms = (uint32_t)deadline;
    frame->tree = member(call, "body", "body");
    if (!frame->tree) { /* no body is the empty message */
        json_object_set_new(call, "body", json_object());
        frame->tree = json_object_get(call, "body");
    }
    return frame->tree ? 0 : refuse(fault, "there is no memory for it");
}

/* The data of a Ping or Pong go where the caller keeps the frame. */
static int
read_data(const json_t *value, struct frame_in *frame, struct pbjson_fault *fault)
{
    const json_t *data = member(value, "data", "data");
    ptrdiff_t size = 0;

    if (json_is_string(data))
        size = pbjson_base64(json_string_value(data), json_string_length(data), frame->ping,
                             sizeof(frame->ping));
    if (size < 0 || (data && !json_is_string(data)))
        return refuse(fault, "data: expected at most 64 bytes as a base64 text.");
    frame->body = (struct sotto_view){.data = frame->ping, .size = (size_t)size};
    return 0;
}

static int
read_kind(const json_t *root, struct frame_in *frame, struct pbjson_fault *fault)
{
    json_t *value = NULL;

    for (enum frame_kind kind = FRAME_CALL; kind <= FRAME_CANCEL; kind++) {
        json_t *found = member(root, kinds[kind], kinds[kind]);

        if (found && value)
            return refuse(fault, "a frame is of one kind only");
        if (found) {
            value = found;
            frame->kind = kind;
        }
    }
    if (!json_is_object(value))
        return refuse(fault, "a frame is an object with call, ping, pong or cancel");
    if (frame->kind == FRAME_CALL)
        return read_call(value, frame, fault);
    if (frame->kind == FRAME_PING || frame->kind == FRAME_PONG)
        return read_data(value, frame, fault);
    return 0;
}

int
frame_json_read(struct sotto_view text, struct frame_in *frame_out, struct pbjson_fault *fault)
{
    json_t *root;
    int rc = pbjson_load(text, &root, fault);

    if (rc)
        return rc;
    *frame_out = (struct frame_in){.size = text.size, .document = root};
    rc = pbjson_read_uint(member(root, "id", "id"), "id", PBJSON_SAFE_INTEGER, &frame_out->id,
                          fault);
    if (!rc)
        rc = read_kind(root, frame_out, fault);
    if (rc)
        frame_json_fini(frame_out);
    return rc;
}

void
frame_json_fini(struct frame_in *frame)
{
    json_decref(frame->document);
    frame->document = NULL;
    frame->tree = NULL;
}

/* ---- writing ---- */

/* Writes one frame; called twice with the same values, see struct pbjson_out. */
typedef void put_fn(struct pbjson_out *, const void *frame);

static struct frame_buf *
build(put_fn *put, const void *frame, struct sotto_view tail)
{
    struct pbjson_out out = {.at = NULL};
    uint8_t head[FRAME_HEAD_MAX];
    struct frame_buf *buf;
    size_t head_size, size;

    put(&out, frame);
    size = out.size;
    if (size > UINT32_MAX - FRAME_HEAD_MAX - tail.size)
        return NULL;
    head_size = frame_wire_head(FRAME_WIRE_WS_JSON, head, size);
    buf = frame_make(head_size + size + tail.size);
    if (!buf)
        return NULL;
    memcpy(buf->data, head, head_size);
    out = (struct pbjson_out){.at = (char *)buf->data + head_size};
    put(&out, frame);
    if (tail.size)
        memcpy(buf->data + head_size + size, tail.data, tail.size);
    return buf;
}

struct reply {
    uint64_t id;
    const ProtobufCMessage *body; /* NULL: an error */
    const char *code, *text;
    const ProtobufCMessage *details; /* or NULL */
};

static void
put_reply(struct pbjson_out *out, const void *frame)
{
    const struct reply *reply = frame;

    pbjson_put(out, "{\"id\":");
    pbjson_put_number(out, reply->id);
    if (reply->body) {
        pbjson_put(out, ",\"reply\":{\"body\":");
        pbjson_put_message(out, reply->body);
        pbjson_put(out, "}}");
        return;
    }
    pbjson_put(out, ",\"reply\":{\"error\":{\"code\":");
    pbjson_put_text(out, reply->code);
    pbjson_put(out, ",\"message\":");
    pbjson_put_text(out, reply->text);
    if (reply->details) {
        pbjson_put(out, ",\"details\":");
        pbjson_put_message(out, reply->details);
    }
    pbjson_put(out, "}}}");
}

struct frame_buf *
frame_json_reply(uint64_t id, const ProtobufCMessage *body)
{
    const struct reply reply = {.id = id, .body = body};

    return build(put_reply, &reply, (struct sotto_view){.size = 0});
}

struct frame_buf *
frame_json_error(uint64_t id, const char *code, const char *text, const ProtobufCMessage *details)
{
    const struct reply reply = {.id = id, .code = code, .text = text, .details = details};

    return build(put_reply, &reply, (struct sotto_view){.size = 0});
}

static void
put_event(struct pbjson_out *out, const void *frame)
{
    const ProtobufCMessage *event = frame;

    pbjson_put(out, "{\"event\":{\"type\":");
    pbjson_put_text(out, event->descriptor->name);
    pbjson_put(out, ",\"body\":");
    pbjson_put_message(out, event);
    pbjson_put(out, "}}");
}

struct frame_buf *
frame_json_event(const ProtobufCMessage *event)
{
    return build(put_event, event, (struct sotto_view){.size = 0});
}

static void
put_pong(struct pbjson_out *out, const void *frame)
{
    const struct sotto_view *data = frame;

    pbjson_put(out, data->size ? "{\"pong\":{\"data\":" : "{\"pong\":{");
    if (data->size)
        pbjson_put_bytes(out, data->data, data->size);
    pbjson_put(out, "}}");
}

struct frame_buf *
frame_json_pong(struct sotto_view data)
{
    return build(put_pong, &data, (struct sotto_view){.size = 0});
}

struct hello {
    const char *name;
    uint32_t max_frame;
    const char *const *features;
    size_t count;
};

static void
put_hello(struct pbjson_out *out, const void *frame)
{
    const struct hello *hello = frame;

    pbjson_put(out, "{\"hello\":{\"version\":1,\"name\":");
    pbjson_put_text(out, hello->name);
    pbjson_put(out, ",\"maxFrame\":");
    pbjson_put_number(out, hello->max_frame);
    pbjson_put(out, ",\"features\":[");
    for (size_t i = 0; i < hello->count; i++) {
        pbjson_put(out, i ? "," : "");
        pbjson_put_text(out, hello->features[i]);
    }
    pbjson_put(out, "]}}");
}

struct frame_buf *
frame_json_hello(const char *name, uint32_t max_frame, const char *const *features, size_t count)
{
    const struct hello hello = {
        .name = name, .max_frame = max_frame, .features = features, .count = count};

    return build(put_hello, &hello, (struct sotto_view){.size = 0});
}

static void
put_goodbye(struct pbjson_out *out, const void *frame)
{
    const struct frame_farewell *farewell = frame;

    pbjson_put(out, "{\"goodbye\":{\"code\":");
    pbjson_put_number(out, farewell->code);
    pbjson_put(out, ",\"reason\":");
    pbjson_put_text(out, farewell->reason);
    if (farewell->resume_after_ms) {
        pbjson_put(out, ",\"resumeAfterMs\":");
        pbjson_put_number(out, farewell->resume_after_ms);
    }
    if (farewell->closes_in_ms) {
        pbjson_put(out, ",\"closesInMs\":");
        pbjson_put_number(out, farewell->closes_in_ms);
    }
    pbjson_put(out, "}}");
}

struct frame_buf *
frame_json_goodbye(const struct frame_farewell *farewell)
{
    uint8_t close[WS_CLOSE_BYTES_MAX];
    size_t size =
        farewell->closes_in_ms ? 0 : ws_put_close(close, farewell->code, farewell->reason);

    return build(put_goodbye, farewell, (struct sotto_view){.data = close, .size = size});
}
