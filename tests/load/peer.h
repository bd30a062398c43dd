/* SPDX-License-Identifier: MIT */
/*
 * A client under load: a user with one connection that is made again when it is lost, sends in a window and
 * receives live after a catch-up. Payloads are noise; a message is known by (sender, client_msg_id).
 */
#ifndef PEER_H
#define PEER_H

#include "rig_user.h"

#define PEER_WINDOW_MAX 128

struct peer;

/* An entry of the log arrived, whether by Sync or as an event. Repeats of the wire are included. */
typedef void peer_entry_fn(void *arg, struct peer *peer, uint64_t seq, uint64_t client_msg_id,
                           const uint8_t *sender_device);
/* The server acknowledged client_msg_id under seq. */
typedef void peer_ack_fn(void *arg, struct peer *peer, uint64_t client_msg_id, uint64_t seq);

struct peer {
    struct rig_conn conn;
    struct rig_user user;
    const struct rig_chat *chat;
    peer_entry_fn *on_entry;
    peer_ack_fn *on_ack;
    void *arg;
    size_t bytes;

    bool receives;   /* subscribes with Sync after each connect */
    bool watched;    /* in the epoll set */
    uint64_t cursor; /* last seq seen */
    uint64_t next_msg;
    struct {
        uint64_t msg; /* client_msg_id; 0: free */
        uint64_t call;
        double sent_at;
    } flight[PEER_WINDOW_MAX];
    size_t in_flight;
    size_t unanswered; /* of this connection */
    bool ending; /* the server stops: nothing new is sent, and this hangs up when all is answered */
    uint64_t refused; /* error replies */
    uint64_t told;    /* Goodbyes that say the server stops and when to come back */
};

void peer_init(struct peer *peer);
void peer_fini(struct peer *peer);

/* Dials, attaches, catches up and subscribes (receivers), queues again what was not acknowledged (senders).
 * 0 or -1; blocking, for at most some seconds. */
int peer_connect(struct peer *peer, const struct rig_address *address);

/* Queues the next message. The caller keeps the window. */
void peer_send(struct peer *peer);

/* Reads and handles what is there, then writes what is queued. -1: the connection is lost and closed. */
int peer_turn(struct peer *peer);

#endif
