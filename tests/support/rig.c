/* SPDX-License-Identifier: MIT */
/* See rig.h. The peers' sockets are non-blocking, and every wait turns the logic loop, which is this thread. */
#include "rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/metric.h"

/* ---- the module ---- */

static void
on_echo(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct rig *rig = state;

    rig->echoed++;
    rig->last_session = req->caller->session;
    sotto_reply(req, in);
}

static void
on_hold(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct rig *rig = state;

    (void)in;
    rig->last_session = req->caller->session;
    assert_true(rig->held_count < RIG_HELD_MAX);
    rig->held[rig->held_count++] = req;
}

static void
on_enter(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct rig *rig = state;
    const Sotto__Rig__V1__Text *text = (const Sotto__Rig__V1__Text *)in;
    struct sotto_identity identity = {.struct_size = sizeof(identity)};
    int rc;

    rig->last_session = req->caller->session;
    memcpy(identity.user, text->text, SOTTO_ID_BYTES);
    memcpy(identity.device, text->text, SOTTO_ID_BYTES);
    memcpy(identity.login, text->text, SOTTO_ID_BYTES);
    identity.expires_ms = rig->module.base.api->now_ms(&rig->module.base) +
                          (text->numbers ? text->numbers[0] : 3600000);
    rc = session_api.attach(&rig->module.base, req->caller->session, &identity);
    if (rc)
        sotto_fail(req, rc, "not this one");
    else
        sotto_reply(req, in);
}

static void
on_core_fact(void *state, const struct sotto_envelope *envelope)
{
    struct rig *rig = state;

    assert_int_equal(envelope->key.size, SOTTO_ID_BYTES);
    rig->facts++;
}

static const struct sotto_sub_row subs[] = {
    {.pattern = "sotto.core.session.*.v1", .fn = on_core_fact},
};

static const struct sotto_rpc_row rpcs[] = {
    {.service = &sotto__rig__v1__rig_service__descriptor,
     .index = 0,
     .level = SOTTO_LEVEL_NONE,
     .max_bytes = 65536,
     .deadline_ms = 5000,
     .fn = on_echo},
    {.service = &sotto__rig__v1__rig_service__descriptor,
     .index = 1,
     .level = SOTTO_LEVEL_NONE,
     .max_bytes = 4096,
     .deadline_ms = 60000,
     .fn = on_hold},
    {.service = &sotto__rig__v1__rig_service__descriptor,
     .index = 2,
     .level = SOTTO_LEVEL_SESSION,
     .max_bytes = 4u * 1024 * 1024,
     .deadline_ms = 5000,
     .fn = on_echo},
    {.service = &sotto__rig__v1__rig_service__descriptor,
     .index = 3,
     .level = SOTTO_LEVEL_NONE,
     .rate = SOTTO_RATE_LOGIN,
     .max_bytes = 4096,
     .deadline_ms = 5000,
     .fn = on_enter},
};

static const ProtobufCMessageDescriptor *const events[] = {
    &sotto__rig__v1__told__descriptor,
};

/* ---- the server ---- */

void
rig_init(struct rig *rig)
{
    struct settings_limits *limits = &rig->settings.limits;

    memset(rig, 0, sizeof(*rig));
    *limits = (struct settings_limits){
        .connections_per_account = 100000,
        .connections = 10000,
        .unattached_per_address = 10000,
        .attach_ms = 60000,
        .unattached_frame_bytes = 4096,
        .frame_bytes = 16 * 1024 * 1024,
        .send_queue_bytes = 256 * 1024,
        .calls_in_flight = 64,
        .ping_after_ms = 60000,
        .idle_ms = 120000,
        .logic_queue_items = 8192,
        .logic_queue_bytes = 64 * 1024 * 1024,
        .rate_table_entries = 1000,
        .drain_ms = 1000,
        .callback_warn_ms = 1000,
    };
    for (int i = 0; i < SETTINGS_RATES; i++)
        limits->rates[i] = (struct settings_rate){.per_second = 1000000, .burst = 1000000};
    rig->descriptor = (struct sotto_module){
        .name = "rig",
        .rpcs = SOTTO_TABLE(rpcs),
        .events = SOTTO_TABLE(events),
        .subs = SOTTO_TABLE(subs),
    };
}

static int64_t
now_ms(struct sotto_host *host)
{
    uv_timeval64_t now;

    (void)host;
    uv_gettimeofday(&now);
    return now.tv_sec * 1000 + now.tv_usec / 1000;
}

static const struct sotto_api api = {.struct_size = sizeof(api), .now_ms = now_ms};

void
rig_start(struct rig *rig)
{
    const char *threads = getenv("SOTTO_IO_THREADS");
    struct loop_options loop_options = {
        .queue_capacity = (size_t)rig->settings.limits.logic_queue_items,
        .budget_ms = (uint32_t)rig->settings.limits.callback_warn_ms,
    };
    struct io_options io_options = {
        .threads = threads ? (uint32_t)atoi(threads) : 1,
        .limits = &rig->settings.limits,
        .server_name = "rig",
    };
    static const char *const features[] = {"rig"};
    struct sotto_err err = {.text = ""};

    assert_true(sodium_init() >= 0);
    assert_ok(uv_loop_init(&rig->uv));
    rig->core.settings = &rig->settings;
    assert_ok(metrics_create(&rig->core.metrics));
    loop_options.metrics = rig->core.metrics;
    assert_ok(loop_create(&rig->uv, &loop_options, &rig->core.logic));
    assert_ok(rpc_create(&rig->core, &rig->settings.limits, &rig->core.rpc));
    assert_ok(sessions_create(&rig->core, &rig->settings.limits, &rig->core.sessions));
    assert_ok(broker_create(&rig->core, &rig->core.broker));
    rig->module = (struct host_module){
        .base = {.api = &api, .rpc = &rpc_api, .session = &session_api, .broker = &broker_api},
        .core = &rig->core,
        .descriptor = &rig->descriptor,
        .name = "rig",
        .state = rig,
    };
    assert_ok(rpc_add_module(rig->core.rpc, &rig->module, &err));
    assert_ok(broker_add_module(rig->core.broker, &rig->module, &err));
    rpc_seal(rig->core.rpc);
    assert_ok(broker_seal(rig->core.broker, &err));
    assert_ok(io_create(&rig->core, &io_options, &rig->core.io));
    assert_ok(io_start(rig->core.io, features, 1));
    if (io_listen(rig->core.io, &door_tcp, "127.0.0.1:0", rig->address, sizeof(rig->address), &err))
        fail_msg("%s", err.text);
    rig->port = atoi(strrchr(rig->address, ':') + 1);
}

void
rig_stop(struct rig *rig)
{
    io_destroy(&rig->core.io);
    broker_destroy(&rig->core.broker);
    sessions_destroy(&rig->core.sessions);
    rpc_destroy(&rig->core.rpc);
    loop_destroy(&rig->core.logic);
    metrics_destroy(&rig->core.metrics);
    assert_ok(uv_loop_close(&rig->uv));
}

void
rig_turn(struct rig *rig)
{
    uv_run(&rig->uv, UV_RUN_NOWAIT);
}

void
rig_until(struct rig *rig, bool (*done)(void *arg), void *arg)
{
    uint64_t end = uv_hrtime() + RIG_WAIT_MS * 1000000ull;

    while (!done(arg)) {
        rig_turn(rig);
        if (uv_hrtime() > end)
            fail_msg("nothing happened within %d ms", RIG_WAIT_MS);
    }
}

/* ---- peers ---- */

void
peer_connect(struct peer *peer, struct rig *rig)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)rig->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_ok(connect(fd, (struct sockaddr *)&address, sizeof(address)));
    *peer = (struct peer){.rig = rig, .fd = fd};
}

void
peer_open(struct peer *peer, struct rig *rig)
{
    Sotto__Frame__V1__Frame *hello;

    peer_connect(peer, rig);
    hello = peer_read(peer);
    assert_non_null(hello);
    assert_int_equal(hello->kind_case, SOTTO__FRAME__V1__FRAME__KIND_HELLO);
    assert_int_equal(hello->hello->version, 1);
    assert_string_equal(hello->hello->name, "rig");
    sotto__frame__v1__frame__free_unpacked(hello, NULL);
}

void
peer_close(struct peer *peer)
{
    close(peer->fd);
    free(peer->in);
    peer->in = NULL;
}

void
peer_write(struct peer *peer, const void *data, size_t size)
{
    const uint8_t *at = data;
    uint64_t end = uv_hrtime() + RIG_WAIT_MS * 1000000ull;

    while (size) {
        ssize_t n = send(peer->fd, at, size, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            at += n;
            size -= (size_t)n;
            continue;
        }
        if (errno != EAGAIN)
            return; /* the server closed: what it said is still to be read */
        rig_turn(peer->rig);
        if (uv_hrtime() > end)
            fail_msg("the server does not read");
    }
}

void
peer_frame(struct peer *peer, const Sotto__Frame__V1__Frame *frame)
{
    size_t size = sotto__frame__v1__frame__get_packed_size(frame);
    uint8_t *bytes = malloc(4 + size);

    bytes[0] = (uint8_t)(size >> 24);
    bytes[1] = (uint8_t)(size >> 16);
    bytes[2] = (uint8_t)(size >> 8);
    bytes[3] = (uint8_t)size;
    sotto__frame__v1__frame__pack(frame, bytes + 4);
    peer_write(peer, bytes, 4 + size);
    free(bytes);
}

void
peer_call_body(struct peer *peer, uint64_t id, const char *method, const void *body, size_t size)
{
    Sotto__Frame__V1__Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    Sotto__Frame__V1__Call call = SOTTO__FRAME__V1__CALL__INIT;
    char name[128];

    snprintf(name, sizeof(name), "sotto.rig.v1.RigService/%s", method);
    call.method = name;
    call.body = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)body};
    frame.id = id;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_CALL;
    frame.call = &call;
    peer_frame(peer, &frame);
}

void
peer_call(struct peer *peer, uint64_t id, const char *method, const char *text)
{
    Sotto__Rig__V1__Text in = SOTTO__RIG__V1__TEXT__INIT;
    uint8_t *body;
    size_t size;

    in.text = (char *)(uintptr_t)text;
    size = sotto__rig__v1__text__get_packed_size(&in);
    body = malloc(size + 1);
    sotto__rig__v1__text__pack(&in, body);
    peer_call_body(peer, id, method, body, size);
    free(body);
}

/* Takes what has arrived. */
static void
receive(struct peer *peer)
{
    ssize_t n;

    if (peer->in_capacity - peer->in_size < 65536) {
        peer->in_capacity = 2 * peer->in_capacity + 65536;
        peer->in = realloc(peer->in, peer->in_capacity);
        assert_non_null(peer->in);
    }
    n = recv(peer->fd, peer->in + peer->in_size, peer->in_capacity - peer->in_size, MSG_DONTWAIT);
    if (n > 0)
        peer->in_size += (size_t)n;
    else if (n == 0 || errno != EAGAIN)
        peer->ended = true;
}

static bool
has_frame(const struct peer *peer, size_t *size_out)
{
    const uint8_t *in = peer->in;

    if (peer->in_size < 4)
        return false;
    *size_out = (size_t)in[0] << 24 | (size_t)in[1] << 16 | (size_t)in[2] << 8 | in[3];
    return peer->in_size - 4 >= *size_out;
}

Sotto__Frame__V1__Frame *
peer_read(struct peer *peer)
{
    uint64_t end = uv_hrtime() + RIG_WAIT_MS * 1000000ull;
    Sotto__Frame__V1__Frame *frame;
    size_t size;

    while (!has_frame(peer, &size)) {
        if (peer->ended)
            return NULL;
        rig_turn(peer->rig);
        receive(peer);
        if (uv_hrtime() > end)
            fail_msg("no frame within %d ms", RIG_WAIT_MS);
    }
    frame = sotto__frame__v1__frame__unpack(NULL, size, peer->in + 4);
    assert_non_null(frame);
    peer->in_size -= 4 + size;
    memmove(peer->in, peer->in + 4 + size, peer->in_size);
    return frame;
}

int
peer_read_end(struct peer *peer)
{
    Sotto__Frame__V1__Frame *frame;
    int code = 0;

    while ((frame = peer_read(peer)) != NULL) {
        if (frame->kind_case == SOTTO__FRAME__V1__FRAME__KIND_GOODBYE)
            code = (int)frame->goodbye->code;
        sotto__frame__v1__frame__free_unpacked(frame, NULL);
    }
    return code;
}

void
peer_attach(struct peer *peer, const char *user)
{
    peer_call(peer, 999999, "Enter", user);
    expect_text(peer_read(peer), 999999, user);
}

void
expect_text(Sotto__Frame__V1__Frame *take_frame, uint64_t id, const char *text)
{
    Sotto__Rig__V1__Text *reply;

    assert_non_null(take_frame);
    assert_int_equal(take_frame->kind_case, SOTTO__FRAME__V1__FRAME__KIND_REPLY);
    assert_int_equal(take_frame->id, id);
    if (take_frame->reply->result_case == SOTTO__FRAME__V1__REPLY__RESULT_ERROR)
        fail_msg("%s: %s", take_frame->reply->error->code, take_frame->reply->error->message);
    reply = sotto__rig__v1__text__unpack(NULL, take_frame->reply->body.len,
                                         take_frame->reply->body.data);
    assert_non_null(reply);
    assert_string_equal(reply->text, text);
    sotto__rig__v1__text__free_unpacked(reply, NULL);
    sotto__frame__v1__frame__free_unpacked(take_frame, NULL);
}

void
expect_error(Sotto__Frame__V1__Frame *take_frame, uint64_t id, const char *code)
{
    assert_non_null(take_frame);
    assert_int_equal(take_frame->kind_case, SOTTO__FRAME__V1__FRAME__KIND_REPLY);
    assert_int_equal(take_frame->id, id);
    assert_int_equal(take_frame->reply->result_case, SOTTO__FRAME__V1__REPLY__RESULT_ERROR);
    assert_string_equal(take_frame->reply->error->code, code);
    sotto__frame__v1__frame__free_unpacked(take_frame, NULL);
}

int
scene_setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    rig_init(&scene->rig);
    *state = scene;
    return 0;
}

int
scene_teardown(void **state)
{
    free(*state);
    return 0;
}
