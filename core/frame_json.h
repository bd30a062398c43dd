/* SPDX-License-Identifier: MIT */
/*
 * The envelope of frame.proto in JSON, for doors that speak text: {"id":1,"call":{"method":"...","body":{...}}}. The
 * mapping of pbjson.h holds for it with two differences: a body, and the details of an error, are the mapped
 * message instead of its bytes; and an id is a number, of at most PBJSON_SAFE_INTEGER (a text is accepted, too).
 *
 * The functions that write are those of frame.h, which call these.
 */
#ifndef CORE_FRAME_JSON_H
#define CORE_FRAME_JSON_H

#include "core/frame.h"
#include "core/pbjson.h"

/* SOTTO_EINVALID with a sentence. On success the frame is to be ended with frame_json_fini. */
int frame_json_read(struct sotto_view text, struct frame_in *frame_out, struct pbjson_fault *);
/* Wipes and frees what its views and its tree point to. A frame of another wire kind has nothing to free. */
void frame_json_fini(struct frame_in *);

struct frame_buf *frame_json_reply(uint64_t id, const ProtobufCMessage *body);
struct frame_buf *frame_json_error(uint64_t id, const char *code, const char *text,
                                   const ProtobufCMessage *details);
struct frame_buf *frame_json_event(const ProtobufCMessage *event);
struct frame_buf *frame_json_pong(struct sotto_view data);
struct frame_buf *frame_json_hello(const char *name, uint32_t max_frame,
                                   const char *const *features, size_t count);
/* With the close frame of a WebSocket behind it. */
struct frame_buf *frame_json_goodbye(const struct frame_farewell *);

#endif
