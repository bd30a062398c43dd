/* SPDX-License-Identifier: MIT */
/*
 * A request on its I/O loop: made of a frame, decoded within the budget of its method, and taken back when the
 * logic loop is done with it. A request that is not in order becomes a call with a refusal and goes the same way,
 * so that rate limits, metrics and the order of answers hold for it, too.
 */
#include "core/call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/io_loop.h"
#include "core/pbjson.h"
#include "core/wire.h"

static bool
is_trace(struct sotto_view trace)
{
    if (trace.size > FRAME_TRACE_MAX)
        return false;
    for (size_t i = 0; i < trace.size; i++) {
        char c = (char)trace.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

static void
put_hex(char *at, uint64_t value)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[value >> shift & 15];
}

/* The client's trace id, or a random prefix of the loop and a count. */
static void
set_trace(struct call *call, struct sotto_view trace)
{
    struct io_loop *loop = call->home;

    if (trace.size) {
        memcpy(call->trace, trace.data, trace.size);
        call->trace[trace.size] = '\0';
        return;
    }
    memcpy(call->trace, loop->trace_prefix, 16);
    put_hex(call->trace + 16, loop->trace_next++);
    call->trace[32] = '\0';
}

static struct call *
take_block(struct io_loop *loop)
{
    struct call *call = loop->free_calls;

    if (!call)
        return malloc(CALL_BLOCK_BYTES);
    loop->free_calls = call->next;
    loop->free_call_count--;
    return call;
}

static void
refuse(struct call *call, int error, const char *why)
{
    call->refusal = error;
    call->why = why;
}

/* With a sentence that is made for this request, kept in its arena. */
static void
refuse_fault(struct call *call, int error, const struct pbjson_fault *fault)
{
    size_t size = strlen(fault->text) + 1;
    char *why = arena_alloc(&call->arena, size);

    if (why)
        memcpy(why, fault->text, size);
    refuse(call, error, why ? why : "The request takes too much memory.");
}

/* In JSON: what counts is the size that the message has in protobuf, as for everybody else. */
static void
decode_tree(struct call *call, const struct frame_in *frame,
            const ProtobufCMessageDescriptor *input, uint32_t max_bytes)
{
    struct pbjson_fault fault;
    int rc = pbjson_read(input, frame->tree, "body", &call->arena, &call->in, &fault);

    if (rc)
        refuse_fault(call, rc, &fault);
    else if (protobuf_c_message_get_packed_size(call->in) > max_bytes)
        refuse(call, SOTTO_EEXHAUSTED, "The request is larger than the method allows.");
}

static void
decode_body(struct call *call, struct sotto_view body, const ProtobufCMessageDescriptor *input,
            uint32_t max_bytes)
{
    const char *why;

    if (body.size > max_bytes) {
        refuse(call, SOTTO_EEXHAUSTED, "The request is larger than the method allows.");
        return;
    }
    if (wire_check(input, body.data, body.size, &why)) {
        refuse(call, SOTTO_EINVALID, why);
        return;
    }
    call->in =
        protobuf_c_message_unpack(input, arena_allocator(&call->arena), body.size, body.data);
    if (!call->in && call->arena.overrun)
        refuse(call, SOTTO_EEXHAUSTED, "The request takes too much memory.");
    else if (!call->in)
        refuse(call, SOTTO_EINVALID, "The request is not a protobuf message.");
}

static size_t
larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t
budget(size_t bytes)
{
    return larger(bytes * RPC_ARENA_FACTOR, RPC_ARENA_MIN);
}

/* Decoding may take memory as what came warrants; then the handler as its method warrants. */
static void
decode(struct call *call, const struct frame_in *frame)
{
    const struct sotto_rpc_row *row = rpc_method_row(call->method);
    const ProtobufCMessageDescriptor *input = row->service->methods[row->index].input;

    arena_set_cap(&call->arena,
                  budget(frame->size < row->max_bytes ? frame->size : row->max_bytes));
    if (frame->tree)
        decode_tree(call, frame, input, row->max_bytes);
    else
        decode_body(call, frame->body, input, row->max_bytes);
    arena_set_cap(&call->arena, budget(row->max_bytes));
}

/* Most calls are of the same method as the one before, which saves a look into the table. */
static const struct rpc_method *
find_method(struct io_loop *loop, struct sotto_view name)
{
    const char *last = loop->last_method ? rpc_method_name(loop->last_method) : "";
    const struct rpc_method *found;

    if (name.size && strlen(last) == name.size && memcmp(last, name.data, name.size) == 0)
        return loop->last_method;
    found = rpc_find(loop->io->core->rpc, name);
    if (found)
        loop->last_method = found;
    return found;
}

struct call *
call_make(struct conn *conn, const struct frame_in *frame)
{
    struct io_loop *loop = conn->loop;
    struct call *call = take_block(loop);
    const bool has_trace = is_trace(frame->trace);

    if (!call)
        return NULL;
    memset(call, 0, sizeof(*call));
    call->id = frame->id;
    call->conn = conn;
    call->home = loop;
    call->session = conn->session;
    call->start_ns = uv_hrtime();
    call->deadline_ms = frame->deadline_ms;
    arena_init(&call->arena, call->block, CALL_BLOCK_BYTES - sizeof(*call), RPC_ARENA_MIN);
    set_trace(call, has_trace ? frame->trace : (struct sotto_view){.size = 0});
    call->method = find_method(loop, frame->method);
    if (!has_trace)
        refuse(call, SOTTO_EINVALID, "A trace id is 1 to 64 of A-Z a-z 0-9 . _ -");
    else if (!call->method)
        refuse(call, SOTTO_EUNIMPLEMENTED, "The server has no such method.");
    else
        decode(call, frame);
    call->request_bytes = (uint32_t)(CALL_BLOCK_BYTES + larger(frame->size, call->arena.used));
    loop->call_bytes += call->request_bytes;
    return call;
}

/* Back into the pool. */
static void
release(struct call *call)
{
    struct io_loop *loop = call->home;

    loop->call_bytes -= call->request_bytes;
    arena_fini(&call->arena);
    if (loop->free_call_count >= IO_POOLED_CALLS) {
        free(call);
        return;
    }
    call->next = loop->free_calls;
    loop->free_calls = call;
    loop->free_call_count++;
}

void
call_on_home(struct queue_item *item)
{
    struct call *call = MAP_OF(item, struct call, item);
    struct conn *conn = call->conn;
    const bool over_rate = call->over_rate;

    if (call->reply || !call->answered) /* no memory for the answer: the connection ends */
        conn_send(conn, call->reply);
    release(call);
    conn_call_done(conn, over_rate);
}

void
call_free_pool(struct io_loop *loop)
{
    while (loop->free_calls) {
        struct call *next = loop->free_calls->next;

        free(loop->free_calls);
        loop->free_calls = next;
    }
    loop->free_call_count = 0;
}
