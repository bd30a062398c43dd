/* SPDX-License-Identifier: MIT */
/*
 * Events that wait. See conn_events.h.
 */
#include "conn_events.h"

#include <stdio.h>

void
conn_event_fini(struct conn_event *event)
{
    buf_fini(&event->body);
    *event = (struct conn_event){0};
}

void
conn_events_fini(struct conn_events *events)
{
    struct conn_event event;
    while (conn_events_take(events, &event))
        conn_event_fini(&event);
}

void
conn_events_put(struct conn_events *events, const Sotto__Frame__V1__Event *event)
{
    if (events->count == CONN_EVENTS_MAX ||
        events->bytes + event->body.len > CONN_EVENT_BYTES_MAX) {
        events->lost = true;
        return;
    }
    struct conn_event *last = &events->ring[(events->first + events->count) % CONN_EVENTS_MAX];
    snprintf(last->type, sizeof(last->type), "%s", event->type ? event->type : "");
    buf_set(&last->body, event->body.data, event->body.len);
    events->bytes += event->body.len;
    events->count++;
}

int
conn_events_take(struct conn_events *events, struct conn_event *event_out)
{
    if (events->count == 0)
        return 0;
    struct conn_event *first = &events->ring[events->first];
    *event_out = *first;
    *first = (struct conn_event){0};
    events->first = (events->first + 1) % CONN_EVENTS_MAX;
    events->count--;
    events->bytes -= event_out->body.len;
    return 1;
}

bool
conn_events_take_lost(struct conn_events *events)
{
    bool lost = events->lost;
    events->lost = false;
    return lost;
}
