/* SPDX-License-Identifier: MIT */
/*
 * The events of a connection that nobody has taken yet: a ring with a bound in number and bytes. What finds no room is
 * dropped, and the ring says so once, so that its reader asks for what it missed.
 */
#ifndef CLIENT_CONN_EVENTS_H
#define CLIENT_CONN_EVENTS_H

#include "conn.h"

#include "frame.pb-c.h"

#define CONN_EVENTS_MAX 1024
#define CONN_EVENT_BYTES_MAX (4u << 20) /* of all bodies together */

/* All-zero is empty. */
struct conn_events {
    struct conn_event ring[CONN_EVENTS_MAX];
    size_t first;
    size_t count;
    size_t bytes;
    bool lost; /* one was dropped since conn_events_take_lost */
};

void conn_events_fini(struct conn_events *events);

/* Copies the event, or drops it when there is no room. */
void conn_events_put(struct conn_events *events, const Sotto__Frame__V1__Event *event);

/* 1 with the oldest, which the caller ends with conn_event_fini; 0: there is none. */
int conn_events_take(struct conn_events *events, struct conn_event *event_out);

bool conn_events_take_lost(struct conn_events *events);

#endif
