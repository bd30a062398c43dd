/* SPDX-License-Identifier: MIT */
/* The load rig's connection: see rig_conn.h. */
#include "rig_conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CALL_SECONDS 10.0
#define DIAL_SECONDS 5.0
#define READ_BYTES (64 * 1024)
#define FRAME_BYTES_MAX (17u * 1024 * 1024)

double
rig_now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Makes room for `more` bytes behind the end. */
static uint8_t *
bytes_reserve(struct rig_bytes *bytes, size_t more)
{
    if (bytes->start > 0 && (bytes->start == bytes->end || bytes->end + more > bytes->capacity)) {
        memmove(bytes->data, bytes->data + bytes->start, bytes->end - bytes->start);
        bytes->end -= bytes->start;
        bytes->start = 0;
    }
    if (bytes->end + more > bytes->capacity) {
        bytes->capacity = 2 * (bytes->end + more);
        bytes->data = realloc(bytes->data, bytes->capacity);
        if (bytes->data == NULL) {
            fprintf(stderr, "load: out of memory\n");
            exit(1);
        }
    }
    return bytes->data + bytes->end;
}

void
rig_conn_init(struct rig_conn *conn)
{
    memset(conn, 0, sizeof(*conn));
    conn->fd = -1;
    conn->next_id = 1;
}

void
rig_conn_close(struct rig_conn *conn)
{
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
    conn->in.start = conn->in.end = 0;
    conn->out.start = conn->out.end = 0;
}

void
rig_conn_fini(struct rig_conn *conn)
{
    rig_conn_close(conn);
    free(conn->in.data);
    free(conn->out.data);
    memset(conn, 0, sizeof(*conn));
    conn->fd = -1;
}

static void
queue_frame(struct rig_conn *conn, const Sotto__Frame__V1__Frame *frame)
{
    size_t size = sotto__frame__v1__frame__get_packed_size(frame);
    uint8_t *at = bytes_reserve(&conn->out, size + 4);
    uint32_t prefix = htonl((uint32_t)size);

    memcpy(at, &prefix, 4);
    sotto__frame__v1__frame__pack(frame, at + 4);
    conn->out.end += size + 4;
}

uint64_t
rig_queue(struct rig_conn *conn, const char *method, const ProtobufCMessage *request)
{
    Sotto__Frame__V1__Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    Sotto__Frame__V1__Call call = SOTTO__FRAME__V1__CALL__INIT;

    call.method = (char *)method;
    call.body.len = protobuf_c_message_get_packed_size(request);
    call.body.data = malloc(call.body.len + 1);
    if (call.body.data == NULL)
        exit(1);
    protobuf_c_message_pack(request, call.body.data);
    frame.id = conn->next_id++;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_CALL;
    frame.call = &call;
    queue_frame(conn, &frame);
    free(call.body.data);
    return frame.id;
}

void
rig_pong(struct rig_conn *conn, const Sotto__Frame__V1__Ping *ping)
{
    Sotto__Frame__V1__Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    Sotto__Frame__V1__Pong pong = SOTTO__FRAME__V1__PONG__INIT;

    pong.data = ping->data;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_PONG;
    frame.pong = &pong;
    queue_frame(conn, &frame);
}

bool
rig_has_output(const struct rig_conn *conn)
{
    return conn->out.end > conn->out.start;
}

int
rig_flush(struct rig_conn *conn)
{
    while (rig_has_output(conn)) {
        ssize_t size = send(conn->fd, conn->out.data + conn->out.start,
                            conn->out.end - conn->out.start, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return errno == EAGAIN ? 0 : -1;
        conn->out.start += (size_t)size;
    }
    return 0;
}

int
rig_fill(struct rig_conn *conn)
{
    for (;;) {
        uint8_t *at = bytes_reserve(&conn->in, READ_BYTES);
        ssize_t size = recv(conn->fd, at, READ_BYTES, MSG_DONTWAIT);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return errno == EAGAIN ? 0 : -1;
        if (size == 0)
            return -1;
        conn->in.end += (size_t)size;
        if (size < READ_BYTES)
            return 0;
    }
}

Sotto__Frame__V1__Frame *
rig_next(struct rig_conn *conn)
{
    size_t have = conn->in.end - conn->in.start;
    Sotto__Frame__V1__Frame *frame;
    uint32_t size;

    if (have < 4)
        return NULL;
    memcpy(&size, conn->in.data + conn->in.start, 4);
    size = ntohl(size);
    if (size > FRAME_BYTES_MAX) {
        fprintf(stderr, "load: the server sent a frame of %u bytes\n", size);
        exit(1);
    }
    if (have - 4 < size)
        return NULL;
    frame = sotto__frame__v1__frame__unpack(NULL, size, conn->in.data + conn->in.start + 4);
    conn->in.start += 4 + (size_t)size;
    if (frame == NULL) {
        fprintf(stderr, "load: the server sent a frame that does not decode\n");
        exit(1);
    }
    return frame;
}

/* Waits for the next frame; NULL when the connection ended or the time is up. */
static Sotto__Frame__V1__Frame *
wait_frame(struct rig_conn *conn, double deadline)
{
    for (;;) {
        Sotto__Frame__V1__Frame *frame = rig_next(conn);
        struct pollfd poll_fd = {.fd = conn->fd, .events = POLLIN};
        double left = deadline - rig_now_s();

        if (frame != NULL)
            return frame;
        if (left <= 0)
            return NULL;
        if (rig_has_output(conn))
            poll_fd.events |= POLLOUT;
        if (poll(&poll_fd, 1, (int)(left * 1000) + 1) < 0 && errno != EINTR)
            return NULL;
        if (rig_flush(conn) != 0 || rig_fill(conn) != 0) {
            frame = rig_next(conn);
            return frame;
        }
    }
}

int
rig_dial(struct rig_conn *conn, const struct sockaddr_in *address)
{
    Sotto__Frame__V1__Frame *hello;
    int one = 1;
    bool greeted;

    rig_conn_close(conn);
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        return -1;
    if (connect(conn->fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
        rig_conn_close(conn);
        return -1;
    }
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    hello = wait_frame(conn, rig_now_s() + DIAL_SECONDS);
    greeted = hello != NULL && hello->kind_case == SOTTO__FRAME__V1__FRAME__KIND_HELLO;
    if (hello != NULL)
        sotto__frame__v1__frame__free_unpacked(hello, NULL);
    if (!greeted)
        rig_conn_close(conn);
    return greeted ? 0 : -1;
}

/* Takes a reply apart; 0, or -1 with conn->error set. */
static int
take_reply(struct rig_conn *conn, const Sotto__Frame__V1__Reply *reply,
           const ProtobufCMessageDescriptor *type, ProtobufCMessage **reply_out)
{
    if (reply->result_case == SOTTO__FRAME__V1__REPLY__RESULT_ERROR) {
        snprintf(conn->error, sizeof(conn->error), "%s: %s", reply->error->code,
                 reply->error->message);
        return -1;
    }
    *reply_out = protobuf_c_message_unpack(type, NULL, reply->body.len, reply->body.data);
    if (*reply_out == NULL) {
        snprintf(conn->error, sizeof(conn->error), "the reply is no %s", type->name);
        return -1;
    }
    return 0;
}

int
rig_call(struct rig_conn *conn, const char *method, const ProtobufCMessage *request,
         const ProtobufCMessageDescriptor *type, ProtobufCMessage **reply_out)
{
    double deadline = rig_now_s() + CALL_SECONDS;
    uint64_t id;

    if (conn->fd < 0)
        return -1;
    id = rig_queue(conn, method, request);
    for (;;) {
        Sotto__Frame__V1__Frame *frame = wait_frame(conn, deadline);
        int result;

        if (frame == NULL) {
            snprintf(conn->error, sizeof(conn->error), "the connection ended or gave no answer");
            return -1;
        }
        if (frame->kind_case != SOTTO__FRAME__V1__FRAME__KIND_REPLY || frame->id != id) {
            sotto__frame__v1__frame__free_unpacked(frame, NULL);
            continue;
        }
        result = take_reply(conn, frame->reply, type, reply_out);
        sotto__frame__v1__frame__free_unpacked(frame, NULL);
        return result;
    }
}
