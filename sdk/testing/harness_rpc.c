/* SPDX-License-Identifier: MIT */
/*
 * Sessions and requests of the test host. Requests, replies and events go through their encoded form, as on
 * the wire, so that a field that cannot be encoded shows here and not in the first real server.
 */
#include "harness_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ALLOC_BYTES_MIN (64 * 1024)

/*---- Sessions ----*/

static struct harness_session *
find_session(struct harness *h, uint64_t id)
{
    for (struct harness_session *session = h->sessions; session; session = session->next) {
        if (session->id == id)
            return session;
    }
    return NULL;
}

static struct harness_session *
need_session(struct harness *h, uint64_t id)
{
    struct harness_session *session = find_session(h, id);

    assert(session && "no such session");
    return session;
}

uint64_t
harness_connect(struct harness *h)
{
    struct harness_session *session = harness_alloc(sizeof(*session));

    session->id = ++h->last_session;
    session->next = h->sessions;
    snprintf(session->address, sizeof(session->address), "192.0.2.1");
    h->sessions = session;
    return session->id;
}

void
harness_attach(struct harness *h, uint64_t id, const uint8_t *user, const uint8_t *device,
               const uint8_t *login)
{
    struct sotto_identity *identity = &need_session(h, id)->identity;

    *identity = (struct sotto_identity){
        .struct_size = sizeof(*identity),
        .expires_ms = h->now_ms + 900000,
    };
    if (user)
        memcpy(identity->user, user, SOTTO_ID_BYTES);
    if (device)
        memcpy(identity->device, device, SOTTO_ID_BYTES);
    if (login)
        memcpy(identity->login, login, SOTTO_ID_BYTES);
    need_session(h, id)->attached = true;
}

void
harness_set_address(struct harness *h, uint64_t id, const char *address)
{
    struct harness_session *session = need_session(h, id);

    snprintf(session->address, sizeof(session->address), "%s", address);
}

const struct sotto_identity *
harness_identity(struct harness *h, uint64_t id)
{
    struct harness_session *session = find_session(h, id);

    return session && session->attached && !session->closed ? &session->identity : NULL;
}

int
harness_closed(struct harness *h, uint64_t id)
{
    return need_session(h, id)->closed;
}

void
harness_disconnect(struct harness *h, uint64_t id)
{
    need_session(h, id)->closed = SOTTO_GOODBYE_NORMAL;
}

void
harness_sessions_fini(struct harness *h)
{
    while (h->sessions) {
        struct harness_session *session = h->sessions;

        h->sessions = session->next;
        free(session);
    }
}

static bool
matches(const struct harness_session *session, const struct sotto_session_match *match)
{
    const struct sotto_identity *identity = &session->identity;

    assert((match->user || match->device || match->login) && "a match needs a member");
    if (session->closed || !session->attached)
        return false;
    return (!match->user || memcmp(match->user, identity->user, SOTTO_ID_BYTES) == 0) &&
           (!match->device || memcmp(match->device, identity->device, SOTTO_ID_BYTES) == 0) &&
           (!match->login || memcmp(match->login, identity->login, SOTTO_ID_BYTES) == 0);
}

static int
session_attach(struct sotto_host *host, uint64_t id, const struct sotto_identity *identity)
{
    struct harness_session *session = find_session(harness_of(host), id);

    harness_check_logic(harness_of(host));
    if (!session || session->closed)
        return SOTTO_ENOTFOUND;
    if (session->attached &&
        (memcmp(session->identity.user, identity->user, SOTTO_ID_BYTES) != 0 ||
         memcmp(session->identity.device, identity->device, SOTTO_ID_BYTES) != 0))
        return SOTTO_EPRECONDITION;
    session->identity = *identity;
    session->attached = true;
    return 0;
}

static void
session_close(struct sotto_host *host, uint64_t id, int code, const char *reason)
{
    struct harness_session *session = find_session(harness_of(host), id);

    harness_check_logic(harness_of(host));
    assert(reason && code != 0);
    if (session && !session->closed)
        session->closed = code;
}

static size_t
session_close_matching(struct sotto_host *host, const struct sotto_session_match *match, int code,
                       const char *reason)
{
    struct harness *h = harness_of(host);
    size_t count = 0;

    for (struct harness_session *session = h->sessions; session; session = session->next) {
        if (matches(session, match)) {
            session_close(host, session->id, code, reason);
            count++;
        }
    }
    return count;
}

/*---- Events ----*/

static bool
is_declared(const struct harness *h, const ProtobufCMessageDescriptor *descriptor)
{
    for (uint32_t index = 0; index < h->module->events.count; index++) {
        const ProtobufCMessageDescriptor *const *row = harness_row(&h->module->events, index);

        if (*row == descriptor)
            return true;
    }
    return false;
}

static void
record_push(struct harness *h, uint64_t session, const ProtobufCMessage *event)
{
    h->pushes = realloc(h->pushes, (h->push_count + 1) * sizeof(*h->pushes));
    assert(h->pushes);
    h->pushes[h->push_count++] = (struct harness_push){
        .session = session,
        .event = harness_decode(h, event->descriptor, harness_encode(h, event)),
    };
}

static size_t
session_push(struct sotto_host *host, const uint64_t *sessions, size_t count,
             const ProtobufCMessage *event)
{
    struct harness *h = harness_of(host);
    size_t reached = 0;

    harness_check_logic(h);
    assert(is_declared(h, event->descriptor) && "an event that the module did not declare");
    for (size_t index = 0; index < count; index++) {
        struct harness_session *session = find_session(h, sessions[index]);

        if (session && !session->closed) {
            record_push(h, session->id, event);
            reached++;
        }
    }
    return reached;
}

static size_t
session_push_matching(struct sotto_host *host, const struct sotto_session_match *match,
                      const ProtobufCMessage *event)
{
    struct harness *h = harness_of(host);
    size_t reached = 0;

    for (struct harness_session *session = h->sessions; session; session = session->next) {
        if (matches(session, match))
            reached += session_push(host, &session->id, 1, event);
    }
    return reached;
}

const struct sotto_session_api harness_session_api = {
    .struct_size = sizeof(harness_session_api),
    .attach = session_attach,
    .close = session_close,
    .close_matching = session_close_matching,
    .push = session_push,
    .push_matching = session_push_matching,
};

size_t
harness_push_count(const struct harness *h)
{
    return h->push_count;
}

const struct harness_push *
harness_push_at(const struct harness *h, size_t index)
{
    assert(index < h->push_count);
    return &h->pushes[index];
}

/*---- Requests ----*/

static void
end_request(struct harness_request *request)
{
    struct harness_request **link = &request->harness->requests;

    while (*link != request)
        link = &(*link)->next;
    *link = request->next;
    request->answer->done = true;
    protobuf_c_message_free_unpacked(request->in, NULL);
    harness_arena_free(&request->arena);
    free(request);
}

static void
rpc_reply(struct sotto_req *req, const ProtobufCMessage *out)
{
    struct harness_request *request = (struct harness_request *)req;
    struct harness *h = request->harness;

    harness_check_logic(h);
    assert(out->descriptor == request->method->output && "a reply of another type");
    request->answer->message = harness_decode(h, out->descriptor, harness_encode(h, out));
    end_request(request);
}

static void
rpc_fail(struct sotto_req *req, int error, const ProtobufCMessage *details, const char *text)
{
    struct harness_request *request = (struct harness_request *)req;

    harness_check_logic(request->harness);
    assert(error < 0 && text && text[0] && "a refusal needs an error and a sentence");
    request->answer->status = error;
    snprintf(request->answer->text, sizeof(request->answer->text), "%s", text);
    if (details)
        request->answer->details = harness_encode(request->harness, details);
    end_request(request);
}

static void *
rpc_alloc(struct sotto_req *req, size_t size)
{
    struct harness_request *request = (struct harness_request *)req;
    size_t budget = (size_t)request->row->max_bytes * 16;

    if (budget < ALLOC_BYTES_MIN)
        budget = ALLOC_BYTES_MIN;
    if (size > budget || request->arena.used > budget - size)
        return NULL;
    return harness_arena_alloc(&request->arena, size);
}

const struct sotto_rpc_api harness_rpc_api = {
    .struct_size = sizeof(harness_rpc_api),
    .reply = rpc_reply,
    .fail = rpc_fail,
    .alloc = rpc_alloc,
};

static const struct sotto_rpc_row *
find_method(const struct harness *h, const char *method)
{
    for (uint32_t index = 0; index < h->module->rpcs.count; index++) {
        const struct sotto_rpc_row *row = harness_row(&h->module->rpcs, index);

        if (strcmp(row->service->methods[row->index].name, method) == 0)
            return row;
    }
    fprintf(stderr, "# module %s has no method %s\n", h->module->name, method);
    abort();
}

/* What the server refuses before a handler runs: 0, or the error. */
static int
refused_early(const struct sotto_rpc_row *row, const struct harness_session *session, size_t size)
{
    if (row->level == SOTTO_LEVEL_SESSION && !session->attached)
        return SOTTO_EAUTH;
    return size > row->max_bytes ? SOTTO_EEXHAUSTED : 0;
}

static struct harness_request *
request_new(struct harness *h, const struct harness_session *session,
            const struct sotto_rpc_row *row, struct sotto_view bytes, struct harness_answer *answer)
{
    struct harness_request *request = harness_alloc(sizeof(*request));

    request->harness = h;
    request->row = row;
    request->method = &row->service->methods[row->index];
    request->answer = answer;
    request->in = protobuf_c_message_unpack(request->method->input, NULL, bytes.size, bytes.data);
    assert(request->in);
    memcpy(request->address, session->address, sizeof(request->address));
    request->caller = (struct sotto_caller){
        .session = session->id,
        .attached = session->attached,
        .address = request->address,
        .door = "tcp",
        .trace_id = "harness",
    };
    memcpy(request->caller.user, session->identity.user, SOTTO_ID_BYTES);
    memcpy(request->caller.device, session->identity.device, SOTTO_ID_BYTES);
    memcpy(request->caller.login, session->identity.login, SOTTO_ID_BYTES);
    request->req = (struct sotto_req){.api = &harness_rpc_api, .caller = &request->caller};
    request->next = h->requests;
    h->requests = request;
    return request;
}

const struct harness_answer *
harness_rpc_begin(struct harness *h, uint64_t id, const char *method, const ProtobufCMessage *in)
{
    const struct harness_session *session = need_session(h, id);
    const struct sotto_rpc_row *row = find_method(h, method);
    struct harness_answer *answer = harness_answer_new(h, row->service->methods[row->index].name);
    struct sotto_view bytes = harness_encode(h, in);
    struct harness_request *request;

    assert(h->started);
    assert(in->descriptor == row->service->methods[row->index].input);
    answer->status = refused_early(row, session, bytes.size);
    if (answer->status != 0) {
        snprintf(answer->text, sizeof(answer->text), "refused before the handler");
        answer->done = true;
        return answer;
    }
    request = request_new(h, session, row, bytes, answer);
    row->fn(h->state, &request->req, request->in);
    return answer;
}

const struct harness_answer *
harness_rpc(struct harness *h, uint64_t session, const char *method, const ProtobufCMessage *in)
{
    const struct harness_answer *answer = harness_rpc_begin(h, session, method, in);

    harness_run(h);
    assert(answer->done && "the method did not answer");
    return answer;
}
