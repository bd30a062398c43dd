/* SPDX-License-Identifier: MIT */
/*
 * The envelope as the server reads it, beside protobuf-c: what both accept they read the same way. The reader does not
 * look into kinds that only a server sends, so it may accept what protobuf-c finds malformed there.
 */
#include "fuzz.h"

#include "core/frame.h"
#include "frame.pb-c.h"

#include <assert.h>
#include <string.h>

static void
compare_call(const struct frame_in *frame, const Sotto__Frame__V1__Call *call)
{
    const size_t size = strlen(call->method); /* a NUL within the name ends it for protobuf-c */

    assert(frame->method.size >= size &&
           (size == 0 || memcmp(frame->method.data, call->method, size) == 0));
    assert(frame->body.size == call->body.len);
    assert(frame->deadline_ms == call->deadline_ms);
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    struct frame_in frame;
    const char *why = NULL;
    Sotto__Frame__V1__Frame *other;

    (void)state;
    if (frame_read(data, size, &frame, &why) != 0) {
        assert(why != NULL);
        return false;
    }
    other = sotto__frame__v1__frame__unpack(NULL, size, data);
    assert(other == NULL || other->id == frame.id);
    if (other != NULL && frame.kind == FRAME_CALL) {
        assert(other->kind_case == SOTTO__FRAME__V1__FRAME__KIND_CALL);
        compare_call(&frame, other->call);
    }
    if (other != NULL)
        sotto__frame__v1__frame__free_unpacked(other, NULL);
    return true;
}

static void
give(fuzz_seed_fn *take, void *arg, const char *name, const Sotto__Frame__V1__Frame *frame)
{
    uint8_t data[512];

    take(name, data, sotto__frame__v1__frame__pack(frame, data), arg);
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    static uint8_t bytes[] = "body";
    const ProtobufCBinaryData view = {sizeof(bytes), bytes};
    Sotto__Frame__V1__Call call = SOTTO__FRAME__V1__CALL__INIT;
    Sotto__Frame__V1__Ping ping = SOTTO__FRAME__V1__PING__INIT;
    Sotto__Frame__V1__Pong pong = SOTTO__FRAME__V1__PONG__INIT;
    Sotto__Frame__V1__Cancel cancel = SOTTO__FRAME__V1__CANCEL__INIT;
    Sotto__Frame__V1__Frame frame = SOTTO__FRAME__V1__FRAME__INIT;

    (void)state;
    call.method = (char *)(uintptr_t) "sotto.chat.v1.ChatService/Send";
    call.body = view;
    call.deadline_ms = 5000;
    call.trace_id = (char *)(uintptr_t) "trace-1";
    frame.id = 300;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_CALL;
    frame.call = &call;
    give(take, arg, "call", &frame);
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_CANCEL;
    frame.cancel = &cancel;
    give(take, arg, "cancel", &frame);
    frame.id = 0;
    ping.data = pong.data = view;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_PING;
    frame.ping = &ping;
    give(take, arg, "ping", &frame);
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_PONG;
    frame.pong = &pong;
    give(take, arg, "pong", &frame);
}

const struct fuzz_target fuzz_target = {.name = "frame", .one = one, .seeds = seeds};
