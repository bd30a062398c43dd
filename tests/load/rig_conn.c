/* SPDX-License-Identifier: MIT */
/* The load rig's connection: see rig_conn.h. */
#include "rig_conn.h"

#include "rig_ws.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_SECONDS 10.0
#define DIAL_SECONDS 5.0
#define FRAME_BYTES_MAX (17u * 1024 * 1024)

void
rig_conn_init(struct rig_conn *conn)
{
    memset(conn, 0, sizeof(*conn));
    rig_wire_init(&conn->wire);
    rig_wire_init(&conn->packed);
    conn->next_id = 1;
}

void
rig_conn_close(struct rig_conn *conn)
{
    rig_wire_close(&conn->wire);
}

void
rig_conn_fini(struct rig_conn *conn)
{
    rig_wire_fini(&conn->wire);
    rig_wire_fini(&conn->packed);
    rig_conn_init(conn);
}

static void
queue_frame(struct rig_conn *conn, const Sotto__Frame__V1__Frame *frame)
{
    size_t size = sotto__frame__v1__frame__get_packed_size(frame);
    uint32_t prefix = htonl((uint32_t)size);

    if (conn->door == RIG_DOOR_WS) {
        uint8_t *packed = rig_wire_room(&conn->packed, size);

        sotto__frame__v1__frame__pack(frame, packed);
        rig_ws_put(&conn->wire, RIG_WS_BINARY, packed, size);
        return;
    }
    rig_wire_put(&conn->wire, &prefix, 4);
    sotto__frame__v1__frame__pack(frame, rig_wire_room(&conn->wire, size));
    conn->wire.out.end += size;
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

/* The bytes of the next whole frame, or NULL; *whole_out: what to take when they are read. */
static const uint8_t *
next_tcp(struct rig_conn *conn, size_t *size_out, size_t *whole_out)
{
    uint32_t size;

    if (rig_wire_have(&conn->wire) < 4)
        return NULL;
    memcpy(&size, rig_wire_at(&conn->wire), 4);
    *size_out = ntohl(size);
    *whole_out = 4 + *size_out;
    if (*size_out > FRAME_BYTES_MAX) {
        fprintf(stderr, "load: the server sent a frame of %zu bytes\n", *size_out);
        exit(1);
    }
    return rig_wire_have(&conn->wire) < *whole_out ? NULL : rig_wire_at(&conn->wire) + 4;
}

static const uint8_t *
next_ws(struct rig_conn *conn, size_t *size_out, size_t *whole_out)
{
    enum rig_ws_opcode opcode;
    const uint8_t *data;
    int found = 0;

    if (conn->upgrading) {
        found = rig_ws_answer(&conn->wire);
        conn->upgrading = found == 0;
    }
    while (!conn->upgrading && found >= 0 &&
           (found = rig_ws_next(&conn->wire, &opcode, &data, size_out, whole_out)) == 1) {
        if (opcode == RIG_WS_BINARY)
            return data;
        if (opcode == RIG_WS_PING)
            rig_ws_put(&conn->wire, RIG_WS_PONG, data, *size_out);
        rig_wire_take(&conn->wire, *whole_out);
    }
    if (found < 0) {
        fprintf(stderr,
                "load: the server refused the upgrade, or sent a frame that the rig cannot read\n");
        exit(1);
    }
    return NULL;
}

Sotto__Frame__V1__Frame *
rig_next(struct rig_conn *conn)
{
    Sotto__Frame__V1__Frame *frame;
    size_t size, whole;
    const uint8_t *data =
        conn->door == RIG_DOOR_WS ? next_ws(conn, &size, &whole) : next_tcp(conn, &size, &whole);

    if (data == NULL)
        return NULL;
    frame = sotto__frame__v1__frame__unpack(NULL, size, data);
    rig_wire_take(&conn->wire, whole);
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
    Sotto__Frame__V1__Frame *frame;

    while ((frame = rig_next(conn)) == NULL)
        if (rig_wire_wait(&conn->wire, deadline) != 0)
            return rig_next(conn);
    return frame;
}

int
rig_dial_begin(struct rig_conn *conn, const struct rig_address *address)
{
    conn->door = address->door;
    conn->upgrading = address->door == RIG_DOOR_WS;
    if (rig_wire_connect(&conn->wire, &address->socket) != 0)
        return -1;
    if (conn->upgrading)
        rig_ws_request(&conn->wire, "/ws", "sotto.v1.proto");
    return rig_wire_flush(&conn->wire);
}

int
rig_dial(struct rig_conn *conn, const struct rig_address *address)
{
    Sotto__Frame__V1__Frame *hello = NULL;
    bool greeted;

    if (rig_dial_begin(conn, address) == 0)
        hello = wait_frame(conn, rig_now_s() + DIAL_SECONDS);
    greeted = hello != NULL && hello->kind_case == SOTTO__FRAME__V1__FRAME__KIND_HELLO;
    if (hello != NULL)
        sotto__frame__v1__frame__free_unpacked(hello, NULL);
    if (!greeted) {
        snprintf(conn->error, sizeof(conn->error), "no connection, or no Hello on it");
        rig_conn_close(conn);
    }
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

/* What a call that stays without an answer says: the reason that the server gave, if it gave one. */
static void
note_goodbye(struct rig_conn *conn, const Sotto__Frame__V1__Goodbye *goodbye)
{
    snprintf(conn->error, sizeof(conn->error), "Goodbye %u: %s", goodbye->code, goodbye->reason);
}

int
rig_call(struct rig_conn *conn, const char *method, const ProtobufCMessage *request,
         const ProtobufCMessageDescriptor *type, ProtobufCMessage **reply_out)
{
    double deadline = rig_now_s() + CALL_SECONDS;
    uint64_t id;

    if (conn->wire.fd < 0)
        return -1;
    id = rig_queue(conn, method, request);
    snprintf(conn->error, sizeof(conn->error), "the connection ended or gave no answer");
    for (;;) {
        Sotto__Frame__V1__Frame *frame = wait_frame(conn, deadline);
        int result;

        if (frame == NULL)
            return -1;
        if (frame->kind_case == SOTTO__FRAME__V1__FRAME__KIND_GOODBYE)
            note_goodbye(conn, frame->goodbye);
        if (frame->kind_case != SOTTO__FRAME__V1__FRAME__KIND_REPLY || frame->id != id) {
            sotto__frame__v1__frame__free_unpacked(frame, NULL);
            continue;
        }
        result = take_reply(conn, frame->reply, type, reply_out);
        sotto__frame__v1__frame__free_unpacked(frame, NULL);
        return result;
    }
}
