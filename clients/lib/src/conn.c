/* SPDX-License-Identifier: MIT */
/*
 * The connection. One function, pump(), moves bytes: it polls, reads what is there, and files every
 * complete frame: an answer with its call, an event in the queue, a Ping answered at once. All
 * waiting is "pump until what I want is there, or the deadline".
 */
#include "conn.h"
#include "conn_events.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HELLO_VERSION 1
#define PING_AFTER_MS 20000 /* of silence */
#define GONE_AFTER_MS 45000
#define TICK_MS 5000 /* how often a waiting connection looks at its clocks */
#define READ_CHUNK_BYTES 16384
#define GOODBYE_UNAUTHENTICATED 4401

typedef Sotto__Frame__V1__Frame Frame;

struct call {
    uint64_t id; /* 0: the slot is free */
    bool answered;
    struct conn_reply reply;
};

struct conn {
    int fd;
    int wake_fd; /* -1: none */
    struct framing *framing;
    bool dead;
    bool ending; /* the server said Goodbye; answers may still come */
    bool greeted;
    bool attached;
    uint32_t frame_max; /* what the server takes */
    uint64_t last_id;
    int64_t heard_ms;  /* last byte from the server */
    int64_t pinged_ms; /* last Ping of ours */
    uint32_t goodbye_code;
    uint32_t resume_after_ms;
    char goodbye[128];
    struct buf in;
    struct call calls[CONN_CALLS_MAX];
    struct conn_events events;
};

int64_t
conn_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
conn_reply_fini(struct conn_reply *reply)
{
    buf_fini(&reply->body);
    *reply = (struct conn_reply){0};
}

void
conn_set_wake(struct conn *conn, int wake_fd)
{
    conn->wake_fd = wake_fd;
}

bool
conn_is_dead(const struct conn *conn)
{
    return conn->dead;
}

bool
conn_is_open(const struct conn *conn)
{
    return !conn->dead && !conn->ending;
}

void
conn_attached(struct conn *conn)
{
    conn->attached = true;
}

bool
conn_was_slow(const struct conn *conn)
{
    return conn->goodbye_code == GOODBYE_UNAUTHENTICATED && !conn->attached;
}

uint32_t
conn_resume_after_ms(const struct conn *conn)
{
    return conn->resume_after_ms;
}

bool
conn_take_events_lost(struct conn *conn)
{
    return conn_events_take_lost(&conn->events);
}

/* What is to be said of a connection that ends. */
static int
tell_end(const struct conn *conn, struct sotto_client_error *error, const char *why)
{
    /* Before the login is shown, it says that we were slow to show it (conn_was_slow). */
    if (conn->goodbye_code == GOODBYE_UNAUTHENTICATED && conn->attached)
        return fail(error, SOTTO_CLIENT_EAUTH, "unauthenticated",
                    "the server ended this login (%s); log in again with `sotto login`",
                    tr(conn->goodbye));
    if (conn->goodbye_code)
        return fail(error, SOTTO_CLIENT_ENETWORK, "unavailable",
                    "the server closed the connection (%s); try again", tr(conn->goodbye));
    return fail(error, SOTTO_CLIENT_ENETWORK, "network",
                "the connection to the server failed (%s); try again", tr(why));
}

static int
die(struct conn *conn, struct sotto_client_error *error, const char *why)
{
    conn->dead = true;
    return tell_end(conn, error, why);
}

static int
ms_until(int64_t deadline_ms)
{
    const int64_t left = deadline_ms - conn_now_ms();
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Waits until the socket is ready for `events` or deadline_ms (negative: never). 1, 0 or error. */
static int
wait_ready(struct conn *conn, short events, int64_t deadline_ms, struct sotto_client_error *error)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = conn->fd, .events = events};
        int count = poll(&poll_fd, 1, deadline_ms < 0 ? -1 : ms_until(deadline_ms));
        if (count > 0)
            return 1;
        if (count < 0 && errno != EINTR)
            return die(conn, error, strerror(errno));
        if (deadline_ms >= 0 && conn_now_ms() >= deadline_ms)
            return 0;
    }
}

/* ---- frames going out ------------------------------------------------------------------------ */

static int
write_all(struct conn *conn, const uint8_t *data, size_t len, int64_t deadline_ms,
          struct sotto_client_error *error)
{
    while (len) {
        ssize_t count = send(conn->fd, data, len, MSG_NOSIGNAL);
        if (count > 0) {
            data += count;
            len -= (size_t)count;
            continue;
        }
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
            return die(conn, error, strerror(errno));
        int ready = wait_ready(conn, POLLOUT, deadline_ms, error);
        if (ready < 0)
            return ready;
        if (ready == 0)
            return die(conn, error, "the server takes no data");
    }
    return SOTTO_CLIENT_OK;
}

static int
write_frame(struct conn *conn, const Frame *frame, int timeout_ms, struct sotto_client_error *error)
{
    size_t len = protobuf_c_message_get_packed_size(&frame->base);
    if (len > conn->frame_max)
        return fail(error, SOTTO_CLIENT_EFAILED, "resource_exhausted",
                    "the request of %zu bytes is larger than the server takes (%u)", len,
                    conn->frame_max);
    struct buf body = {0};
    struct buf out = {0};
    buf_pack(&body, &frame->base);
    conn->framing->ops->wrap(conn->framing, body.data, body.len, &out);
    buf_fini(&body);
    int status = write_all(conn, out.data, out.len, conn_now_ms() + timeout_ms, error);
    buf_fini(&out);
    return status;
}

/* ---- frames coming in ------------------------------------------------------------------------ */

static void
copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

static void
file_reply(struct conn *conn, uint64_t id, const Sotto__Frame__V1__Reply *reply)
{
    for (size_t i = 0; i < CONN_CALLS_MAX; i++) {
        struct call *call = &conn->calls[i];
        if (call->id != id || id == 0 || call->answered)
            continue;
        call->answered = true;
        if (reply->result_case == SOTTO__FRAME__V1__REPLY__RESULT_ERROR) {
            copy_text(call->reply.code, sizeof(call->reply.code), reply->error->code);
            copy_text(call->reply.message, sizeof(call->reply.message), reply->error->message);
            buf_set(&call->reply.body, reply->error->details.data, reply->error->details.len);
            return;
        }
        call->reply.ok = true;
        if (reply->result_case == SOTTO__FRAME__V1__REPLY__RESULT_BODY)
            buf_set(&call->reply.body, reply->body.data, reply->body.len);
        return;
    }
}

static int
file_hello(struct conn *conn, const Sotto__Frame__V1__Hello *hello,
           struct sotto_client_error *error)
{
    if (hello->version != HELLO_VERSION) {
        conn->dead = true;
        return fail(error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                    "the server speaks version %u of the protocol and this client version %u; "
                    "update the older one",
                    hello->version, HELLO_VERSION);
    }
    conn->greeted = true;
    conn->frame_max = hello->max_frame;
    if (conn->frame_max > FRAMING_BYTES_MAX || conn->frame_max < 4096)
        conn->frame_max = FRAMING_BYTES_MAX;
    return SOTTO_CLIENT_OK;
}

static int
send_pong(struct conn *conn, const Sotto__Frame__V1__Ping *ping, struct sotto_client_error *error)
{
    Sotto__Frame__V1__Pong pong = SOTTO__FRAME__V1__PONG__INIT;
    pong.data = ping->data;
    if (pong.data.len > 64)
        return die(conn, error, "a Ping is too long");
    Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_PONG;
    frame.pong = &pong;
    return write_frame(conn, &frame, PING_AFTER_MS, error);
}

/* Either the end, or the notice of one: then what was asked is still answered. */
static int
file_goodbye(struct conn *conn, const Sotto__Frame__V1__Goodbye *goodbye,
             struct sotto_client_error *error)
{
    conn->goodbye_code = goodbye->code ? goodbye->code : 1000;
    conn->resume_after_ms = goodbye->resume_after_ms;
    copy_text(conn->goodbye, sizeof(conn->goodbye), goodbye->reason);
    conn->ending = true;
    return goodbye->closes_in_ms ? SOTTO_CLIENT_OK : die(conn, error, "goodbye");
}

static int
file_frame(struct conn *conn, const Frame *frame, struct sotto_client_error *error)
{
    if (!conn->greeted && frame->kind_case != SOTTO__FRAME__V1__FRAME__KIND_HELLO &&
        frame->kind_case != SOTTO__FRAME__V1__FRAME__KIND_GOODBYE)
        return die(conn, error, "it does not greet as a Sotto server");
    switch (frame->kind_case) {
    case SOTTO__FRAME__V1__FRAME__KIND_REPLY: file_reply(conn, frame->id, frame->reply); break;
    case SOTTO__FRAME__V1__FRAME__KIND_EVENT: conn_events_put(&conn->events, frame->event); break;
    case SOTTO__FRAME__V1__FRAME__KIND_PING: return send_pong(conn, frame->ping, error);
    case SOTTO__FRAME__V1__FRAME__KIND_HELLO: return file_hello(conn, frame->hello, error);
    case SOTTO__FRAME__V1__FRAME__KIND_GOODBYE: return file_goodbye(conn, frame->goodbye, error);
    default: break; /* Pong, and kinds of a later version */
    }
    return SOTTO_CLIENT_OK;
}

/* One call of file_input. */
struct filing {
    struct conn *conn;
    struct sotto_client_error *error;
    int status;
};

static bool
file_bytes(void *arg, const uint8_t *data, size_t len)
{
    struct filing *filing = arg;
    Frame *frame = pb_unpack(&sotto__frame__v1__frame__descriptor, data, len);
    if (frame)
        filing->status = file_frame(filing->conn, frame, filing->error);
    else
        filing->status =
            die(filing->conn, filing->error, TR("a frame is malformed; is this a Sotto server?"));
    pb_free(frame);
    return filing->status == SOTTO_CLIENT_OK;
}

/* Files every complete frame of the input buffer, and sends what the framing answers by itself. */
static int
file_input(struct conn *conn, struct sotto_client_error *error)
{
    struct filing filing = {.conn = conn, .error = error};
    struct buf out = {0};
    const char *why = conn->framing->ops->feed(conn->framing, &conn->in, &out, file_bytes, &filing);
    if (filing.status == SOTTO_CLIENT_OK && out.len)
        filing.status = write_all(conn, out.data, out.len, conn_now_ms() + PING_AFTER_MS, error);
    buf_fini(&out);
    if (filing.status == SOTTO_CLIENT_OK && why)
        filing.status = die(conn, error, why);
    return filing.status;
}

/* Waits for input until the deadline and files it. 1: something came; 0: nothing. */
static int
pump(struct conn *conn, int64_t deadline_ms, struct sotto_client_error *error)
{
    if (conn->dead)
        return die(conn, error, "it is closed");
    int ready = wait_ready(conn, POLLIN, deadline_ms, error);
    if (ready <= 0)
        return ready;
    buf_reserve(&conn->in, READ_CHUNK_BYTES);
    ssize_t count = recv(conn->fd, conn->in.data + conn->in.len, READ_CHUNK_BYTES, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    if (count <= 0)
        return die(conn, error, count ? strerror(errno) : "the server closed it");
    conn->in.len += (size_t)count;
    conn->heard_ms = conn_now_ms();
    int status = file_input(conn, error);
    return status ? status : 1;
}

void
conn_look(struct conn *conn)
{
    struct sotto_client_error ignored; /* whoever calls next is told */
    if (conn_is_open(conn))
        pump(conn, conn_now_ms(), &ignored);
}

/* ---- opening --------------------------------------------------------------------------------- */

void
conn_close(struct conn **conn)
{
    if (!conn || !*conn)
        return;
    struct conn *gone = *conn;
    if (gone->fd >= 0)
        close(gone->fd);
    gone->framing->ops->destroy(gone->framing);
    buf_fini(&gone->in);
    for (size_t i = 0; i < CONN_CALLS_MAX; i++)
        conn_reply_fini(&gone->calls[i].reply);
    conn_events_fini(&gone->events);
    free(gone);
    *conn = NULL;
}

/* Says the opening, and reads until the server has greeted. */
static int
greet(struct conn *conn, int64_t deadline_ms, struct sotto_client_error *error)
{
    const struct buf *opening = &conn->framing->opening;
    int status = write_all(conn, opening->data, opening->len, deadline_ms, error);
    while (status >= 0 && !conn->greeted) {
        bool last = conn_now_ms() >= deadline_ms;
        status = pump(conn, deadline_ms, error);
        if (status == 0 || (status == 1 && last && !conn->greeted))
            status = die(conn, error, TR("the server does not greet"));
    }
    return status < 0 ? status : SOTTO_CLIENT_OK;
}

int
conn_adopt(int take_fd, struct framing *take_framing, int timeout_ms, struct conn **conn_out,
           struct sotto_client_error *error)
{
    int one = 1;
    /* No matter on a socket pair. */
    setsockopt(take_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    fcntl(take_fd, F_SETFL, fcntl(take_fd, F_GETFL) | O_NONBLOCK);
    struct conn *conn = mem_alloc(1, sizeof(*conn));
    conn->fd = take_fd;
    conn->wake_fd = -1;
    conn->framing = take_framing;
    conn->frame_max = 4096;
    conn->heard_ms = conn_now_ms();
    int status = greet(conn, conn->heard_ms + timeout_ms, error);
    if (status)
        conn_close(&conn);
    else
        *conn_out = conn;
    return status;
}

/* ---- calls and events ------------------------------------------------------------------------ */

int
conn_call(struct conn *conn, const char *method, const ProtobufCMessage *request, int timeout_ms,
          uint64_t *ticket_out, struct sotto_client_error *error)
{
    if (!conn_is_open(conn))
        return tell_end(conn, error, "it is closed");
    struct call *slot = NULL;
    for (size_t i = 0; i < CONN_CALLS_MAX && !slot; i++)
        if (conn->calls[i].id == 0)
            slot = &conn->calls[i];
    if (!slot)
        return fail(error, SOTTO_CLIENT_EFAILED, "internal", "too many calls are open at a time");

    struct buf body = {0};
    buf_pack(&body, request);
    Sotto__Frame__V1__Call call = SOTTO__FRAME__V1__CALL__INIT;
    call.method = (char *)method;
    call.body = (ProtobufCBinaryData){.data = body.data, .len = body.len};
    Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    frame.id = conn->last_id + 1;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_CALL;
    frame.call = &call;
    int status = write_frame(conn, &frame, timeout_ms, error);
    buf_fini(&body);
    if (status)
        return status;
    slot->id = ++conn->last_id;
    *ticket_out = slot->id;
    return SOTTO_CLIENT_OK;
}

int
conn_wait(struct conn *conn, uint64_t ticket, int timeout_ms, struct conn_reply *reply_out,
          struct sotto_client_error *error)
{
    struct call *call = NULL;
    for (size_t i = 0; i < CONN_CALLS_MAX; i++)
        if (conn->calls[i].id == ticket)
            call = &conn->calls[i];
    if (!call)
        return fail(error, SOTTO_CLIENT_EFAILED, "internal", "no such call is open");
    int64_t deadline_ms = conn_now_ms() + timeout_ms;
    while (!call->answered) {
        /* A server that talks without answering does not push the deadline out. */
        bool last = conn_now_ms() >= deadline_ms;
        int status = pump(conn, deadline_ms, error);
        if (status == 0 || (status == 1 && last && !call->answered)) {
            conn->dead = true;
            status = fail(error, SOTTO_CLIENT_ENETWORK, "deadline_exceeded",
                          "the server did not answer within %d s; try again", timeout_ms / 1000);
        }
        /* The answer may stand right before a Goodbye. */
        if (status < 0 && !call->answered)
            return status;
    }
    *reply_out = call->reply;
    *call = (struct call){0};
    return SOTTO_CLIENT_OK;
}

/* Keeps a silent connection alive, and notices one whose other end is gone. */
static int
keep_alive(struct conn *conn, struct sotto_client_error *error)
{
    int64_t now = conn_now_ms();
    if (now - conn->heard_ms >= GONE_AFTER_MS)
        return die(conn, error, "the server is silent");
    if (now - conn->heard_ms < PING_AFTER_MS || now - conn->pinged_ms < PING_AFTER_MS)
        return SOTTO_CLIENT_OK;
    Sotto__Frame__V1__Ping ping = SOTTO__FRAME__V1__PING__INIT;
    Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_PING;
    frame.ping = &ping;
    conn->pinged_ms = now;
    return write_frame(conn, &frame, PING_AFTER_MS, error);
}

/* Sleeps until there is input, the deadline, or a wake; true for the last. */
static bool
is_woken(const struct conn *conn, int64_t deadline_ms)
{
    struct pollfd fds[2] = {{.fd = conn->fd, .events = POLLIN},
                            {.fd = conn->wake_fd, .events = POLLIN}};
    return conn->wake_fd >= 0 && poll(fds, 2, ms_until(deadline_ms)) > 0 && fds[1].revents;
}

int
conn_queued_event(struct conn *conn, struct conn_event *event_out)
{
    return conn_events_take(&conn->events, event_out);
}

int
conn_next_event(struct conn *conn, int64_t deadline_ms, struct conn_event *event_out,
                struct sotto_client_error *error)
{
    while (conn->events.count == 0 && !conn->events.lost) {
        int status =
            conn_is_open(conn) ? keep_alive(conn, error) : tell_end(conn, error, "it is closed");
        if (status)
            return status;
        int64_t now = conn_now_ms();
        int64_t tick = now + TICK_MS;
        bool last = deadline_ms >= 0 && deadline_ms <= tick;
        bool over = deadline_ms >= 0 && deadline_ms <= now;
        if (is_woken(conn, last ? deadline_ms : tick))
            return 0;
        status = pump(conn, last ? deadline_ms : tick, error);
        if (status < 0 && conn->events.count == 0)
            return status;
        if ((status == 0 && last) || (status == 1 && over && conn->events.count == 0))
            return 0;
    }
    return conn_queued_event(conn, event_out);
}
