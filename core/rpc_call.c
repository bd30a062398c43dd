/* SPDX-License-Identifier: MIT */
/*
 * Requests on the logic thread. In order: rate, what the I/O loop found, drain, level, room on the disk, then the
 * handler. Each ends in end_call, which every path reaches exactly once; an answer that had to be given before
 * (deadline, Cancel) travels on its own, and the handler's later one is dropped.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/call.h"
#include "core/conn.h"
#include "core/host.h"
#include "core/io.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/reserve.h"
#include "core/rpc_table.h"
#include "core/session.h"

static struct rpc *
rpc_of(const struct call *call)
{
    return sessions_core(call->session->all)->rpc;
}

static struct rpc_method *
method_of(const struct call *call)
{
    /* The table is const for the I/O loops; its counters are the logic thread's. */
    return call->method ? (struct rpc_method *)call->method : &rpc_of(call)->unknown;
}

static enum frame_wire
wire_of(const struct call *call)
{
    return call->session->door->wire;
}

/* ---- ending ---- */

static void
link_call(struct call *call)
{
    struct session *session = call->session;
    struct rpc *rpc = rpc_of(call);

    call->prev = NULL;
    call->next = session->calls;
    if (call->next)
        call->next->prev = call;
    session->calls = call;
    session->call_count++;
    call->all_prev = NULL;
    call->all_next = rpc->calls;
    if (call->all_next)
        call->all_next->all_prev = call;
    rpc->calls = call;
    rpc->open++;
    method_of(call)->open++;
}

static void
unlink_call(struct call *call)
{
    *(call->prev ? &call->prev->next : &call->session->calls) = call->next;
    if (call->next)
        call->next->prev = call->prev;
    call->session->call_count--;
    *(call->all_prev ? &call->all_prev->all_next : &rpc_of(call)->calls) = call->all_next;
    if (call->all_next)
        call->all_next->all_prev = call->all_prev;
    rpc_of(call)->open--;
    method_of(call)->open--;
}

/* Counts the answer, and tells it in the log under the trace id that the client was given or gave. */
static void
note_end(const struct call *call, int error)
{
    const struct core *core = rpc_of(call)->core;
    const uint64_t took_ns = uv_hrtime() - call->start_ns;
    const bool ours = error == SOTTO_EINTERNAL || error == SOTTO_EDATALOSS;
    const int level = ours ? SOTTO_LOG_ERROR : SOTTO_LOG_DEBUG;

    rpc_count_end(method_of(call), error, took_ns);
    if (log_enabled(core->log, level))
        log_write(core->log, level, "core", call->trace, "%s: %s after %llu us",
                  method_of(call)->name, sotto_error_code(error),
                  (unsigned long long)(took_ns / 1000));
}

/* take_reply: NULL when there is no memory for one; the connection then ends. */
static void
end_call(struct call *call, struct frame_buf *take_reply, int error)
{
    struct session *session = call->session;
    struct wheel *wheel = loop_wheel(rpc_of(call)->core->logic);

    if (!call->answered)
        note_end(call, error);
    wheel_clear(wheel, &call->deadline);
    unlink_call(call);
    call->magic = 0;
    call->reply = take_reply;
    io_send(call->home, &call->item, call_on_home);
    session_settle(session);
}

static void
fail_call(struct call *call, int error, const ProtobufCMessage *details, const char *text)
{
    struct frame_buf *reply = NULL;

    if (!call->answered && !call->gone)
        reply = frame_error(wire_of(call), call->id, sotto_error_code(error), text ? text : "",
                            details);
    end_call(call, reply, error);
}

/* ---- answers ahead of the handler ---- */

struct early {
    struct queue_item item;
    struct conn *conn; /* the call keeps it alive: it comes home later */
    struct frame_buf *reply;
};

static void
run_early(struct queue_item *item)
{
    struct early *early = (struct early *)item;

    conn_send(early->conn, early->reply);
    free(early);
}

static void
answer_early(struct call *call, int error, const char *text)
{
    struct early *early = malloc(sizeof(*early));

    note_end(call, error);
    call->answered = true;
    wheel_clear(loop_wheel(rpc_of(call)->core->logic), &call->deadline);
    if (!early)
        return; /* the client's own deadline has to do */
    early->conn = call->conn;
    early->reply = frame_error(wire_of(call), call->id, sotto_error_code(error), text, NULL);
    io_send(call->home, &early->item, run_early);
}

static void
on_deadline(struct wheel_entry *entry)
{
    struct call *call = MAP_OF(entry, struct call, deadline);

    method_of(call)->late++;
    answer_early(call, SOTTO_EDEADLINE, "The server did not answer in time.");
}

void
rpc_cancel(struct session *session, uint64_t id)
{
    for (struct call *call = session->calls; call; call = call->next) {
        if (call->id != id || call->answered)
            continue;
        answer_early(call, SOTTO_ECANCELED, "Canceled by the client.");
        return;
    }
}

void
rpc_session_gone(struct session *session)
{
    for (struct call *call = session->calls; call; call = call->next) {
        call->gone = true;
        if (!call->answered)
            note_end(call, SOTTO_ECANCELED);
        call->answered = true;
        wheel_clear(loop_wheel(rpc_of(call)->core->logic), &call->deadline);
    }
}

void
rpc_abandon(struct rpc *rpc)
{
    while (rpc->calls)
        fail_call(rpc->calls, SOTTO_EUNAVAILABLE, NULL, "The server stops.");
}

/* ---- starting ---- */

static bool
within_rate(struct call *call)
{
    struct rpc *rpc = rpc_of(call);
    enum sotto_rate rate = call->method ? call->method->row->rate : SOTTO_RATE_GENERAL;
    /* Who guesses passwords does so from accounts, too, each with a bucket, and makes more of them: here it is the
     * address that pays. */
    const bool is_entrance = rate == SOTTO_RATE_LOGIN || rate == SOTTO_RATE_REGISTER;
    const struct ratelimit_key *payer =
        is_entrance ? &call->session->at_address : &call->session->payer;
    uint32_t retry_ms = 0;
    char text[64];

    if (ratelimit_take(rpc->limit, rate, payer, loop_now(rpc->core->logic), &retry_ms))
        return true;
    rpc->over_rate[rate]++;
    call->over_rate = true;
    snprintf(text, sizeof(text), "Too many requests: try again in %u ms.", retry_ms);
    fail_call(call, SOTTO_EEXHAUSTED, NULL, text);
    return false;
}

/* Calls that store much leave what is left of a full disk to logins. */
static bool
no_room(const struct call *call)
{
    struct sotto_err err;

    return call->method->row->flags & SOTTO_RPC_BULKY &&
           reserve_health(rpc_of(call)->core->reserve, &err) != 0;
}

static void
set_caller(struct call *call)
{
    const struct session *session = call->session;

    call->caller = (struct sotto_caller){
        .session = session->id,
        .attached = session->attached,
        .address = session->address,
        .door = session->door->name,
        .trace_id = call->trace,
    };
    if (!session->attached)
        return;
    memcpy(call->caller.user, session->identity.user, SOTTO_ID_BYTES);
    memcpy(call->caller.device, session->identity.device, SOTTO_ID_BYTES);
    memcpy(call->caller.login, session->identity.login, SOTTO_ID_BYTES);
}

static void
dispatch(struct call *call)
{
    const struct sotto_rpc_row *row = call->method->row;
    struct host_module *owner = call->method->owner;
    struct rpc *rpc = rpc_of(call);
    uint32_t deadline = row->deadline_ms;
    struct host_call frame;

    if (call->deadline_ms && call->deadline_ms < deadline)
        deadline = call->deadline_ms;
    wheel_set(loop_wheel(owner->core->logic), &call->deadline, deadline, on_deadline);
    call->req = (struct sotto_req){.api = &rpc_api, .caller = &call->caller};
    call->magic = CALL_MAGIC;
    rpc->trace = call->trace;
    host_enter(&frame, owner, call->method->name);
    row->fn(owner->state, &call->req, call->in);
    rpc->trace = NULL;
    host_leave(&frame);
}

void
rpc_on_call(struct queue_item *item)
{
    struct call *call = MAP_OF(item, struct call, item);
    struct session *session = call->session;

    link_call(call);
    if (!session->open || session->closing) {
        call->gone = true;
        fail_call(call, SOTTO_ECANCELED, NULL, NULL);
        return;
    }
    if (!within_rate(call))
        return;
    set_caller(call);
    if (call->refusal)
        fail_call(call, call->refusal, NULL, call->why);
    else if (rpc_of(call)->draining || call->method->draining)
        fail_call(call, SOTTO_EUNAVAILABLE, NULL, "The server stops: try again.");
    else if (call->method->row->level != SOTTO_LEVEL_NONE && !session->attached)
        fail_call(call, SOTTO_EAUTH, NULL, "Attach first.");
    else if (no_room(call))
        fail_call(call, SOTTO_EUNAVAILABLE, NULL, "The server's disk is full: try again later.");
    else
        dispatch(call);
}

const char *
rpc_trace(const struct rpc *rpc)
{
    return rpc->trace ? rpc->trace : "";
}

/* ---- sotto.rpc/1 ---- */

static struct call *
call_of(struct sotto_req *req)
{
    struct call *call = (struct call *)req;

    assert(call->magic == CALL_MAGIC); /* a request is ended once */
    loop_assert(rpc_of(call)->core->logic);
    return call;
}

static void
api_reply(struct sotto_req *req, const ProtobufCMessage *out)
{
    struct call *call = call_of(req);
    const struct sotto_rpc_row *row = call->method->row;
    struct frame_buf *reply = NULL;

    assert(out->descriptor == row->service->methods[row->index].output);
    if (!call->answered && !call->gone)
        reply = frame_reply(wire_of(call), call->id, out);
    end_call(call, reply, SOTTO_OK);
}

static void
api_fail(struct sotto_req *req, int error, const ProtobufCMessage *details, const char *text)
{
    struct call *call = call_of(req);

    assert(error < 0);
    fail_call(call, error, details, text);
}

static void *
api_alloc(struct sotto_req *req, size_t size)
{
    return arena_zalloc(&call_of(req)->arena, size);
}

const struct sotto_rpc_api rpc_api = {
    .struct_size = sizeof(rpc_api),
    .reply = api_reply,
    .fail = api_fail,
    .alloc = api_alloc,
};
