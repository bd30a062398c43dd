/* SPDX-License-Identifier: MIT */
/*
 * One connection of the load rig, by TCP or WebSocket: frames in and out, blocking calls while a client is
 * set up, and queued calls in one write a turn (rig_wire_flush) while load runs. Everything the server does is
 * reported as a result.
 */
#ifndef RIG_CONN_H
#define RIG_CONN_H

#include "rig_wire.h"

#include "core/frame.pb-c.h"

/* By which door the rig comes in, and where it is. */
enum rig_door { RIG_DOOR_TCP, RIG_DOOR_WS };

struct rig_address {
    struct sockaddr_in socket;
    enum rig_door door;
};

struct rig_conn {
    struct rig_wire wire; /* wire.fd -1: not connected */
    enum rig_door door;
    bool upgrading;         /* the answer to the upgrade has not come */
    struct rig_wire packed; /* scratch: a frame before it is masked */
    uint64_t next_id;
    char error[256]; /* why the last blocking call failed: "code: message" */
};

void rig_conn_init(struct rig_conn *conn);
void rig_conn_close(struct rig_conn *conn); /* keeps the buffers for a later dial */
void rig_conn_fini(struct rig_conn *conn);

/* Connects and reads Hello; 0, or -1 within about five seconds. */
int rig_dial(struct rig_conn *conn, const struct rig_address *address);

/* The same without waiting: connects, and asks for the upgrade where there is one. Hello is for rig_next. 0 or -1. */
int rig_dial_begin(struct rig_conn *conn, const struct rig_address *address);

/* Calls and waits at most ten seconds for the reply; frames that are not the reply are dropped.
 * *reply_out is of descriptor `type` and is freed by protobuf_c_message_free_unpacked. 0 or -1. */
int rig_call(struct rig_conn *conn, const char *method, const ProtobufCMessage *request,
             const ProtobufCMessageDescriptor *type, ProtobufCMessage **reply_out);

/* Appends a call to the output; returns its id. */
uint64_t rig_queue(struct rig_conn *conn, const char *method, const ProtobufCMessage *request);

/* Answers a Ping. */
void rig_pong(struct rig_conn *conn, const Sotto__Frame__V1__Ping *ping);

/* The next whole frame that was read, or NULL; freed by sotto__frame__v1__frame__free_unpacked. */
Sotto__Frame__V1__Frame *rig_next(struct rig_conn *conn);

#endif
