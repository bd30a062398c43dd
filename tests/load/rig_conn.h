/* SPDX-License-Identifier: MIT */
/*
 * One TCP connection of the load rig: frames in and out, blocking calls while a client is set up, and
 * queued calls in one write a turn while load runs. The rig is a test program: it ends the process with a
 * sentence when its own memory runs out, and reports everything the server does as a result.
 */
#ifndef RIG_CONN_H
#define RIG_CONN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/frame.pb-c.h"

struct rig_bytes {
    uint8_t *data;
    size_t start, end, capacity;
};

struct rig_conn {
    int fd; /* -1: not connected */
    uint64_t next_id;
    struct rig_bytes in, out;
    char error[256]; /* why the last blocking call failed: "code: message" */
};

void rig_conn_init(struct rig_conn *conn);
void rig_conn_close(struct rig_conn *conn); /* keeps the buffers for a later dial */
void rig_conn_fini(struct rig_conn *conn);

/* Connects and reads Hello; 0, or -1 within about five seconds. */
int rig_dial(struct rig_conn *conn, const struct sockaddr_in *address);

/* Calls and waits at most ten seconds for the reply; frames that are not the reply are dropped.
 * *reply_out is of descriptor `type` and is freed by protobuf_c_message_free_unpacked. 0 or -1. */
int rig_call(struct rig_conn *conn, const char *method, const ProtobufCMessage *request,
             const ProtobufCMessageDescriptor *type, ProtobufCMessage **reply_out);

/* Appends a call to the output; returns its id. */
uint64_t rig_queue(struct rig_conn *conn, const char *method, const ProtobufCMessage *request);

/* Answers a Ping. */
void rig_pong(struct rig_conn *conn, const Sotto__Frame__V1__Ping *ping);

/* Writes what the socket takes; 0, or -1 when the connection broke. */
int rig_flush(struct rig_conn *conn);
bool rig_has_output(const struct rig_conn *conn);

/* Reads what is there without waiting; 0, or -1 when the connection ended. */
int rig_fill(struct rig_conn *conn);

/* The next whole frame that was read, or NULL; freed by sotto__frame__v1__frame__free_unpacked. */
Sotto__Frame__V1__Frame *rig_next(struct rig_conn *conn);

double rig_now_s(void);

#endif
