/* SPDX-License-Identifier: MIT */
/*
 * One connection to a server: a TCP socket that carries frames of core/frame.proto in the framing of
 * its URL (framing.h). Calls may be pipelined: conn_call sends and returns a ticket, conn_wait
 * takes the answer whenever it comes; events that arrive in between wait in a bounded queue.
 *
 * The socket does not block; every wait is a poll with a deadline. A connection that failed stays
 * failed: each later call returns SOTTO_CLIENT_ENETWORK (or EAUTH after a Goodbye that says so).
 */
#ifndef CLIENT_CONN_H
#define CLIENT_CONN_H

#include "fail.h"
#include "framing.h"
#include "mem.h"

#define CONN_CALLS_MAX 64 /* open at a time */

struct conn;

/* An answer. ok: body is the encoded reply; else code and message, and body holds the details. */
struct conn_reply {
    bool ok;
    char code[32];
    char message[256];
    struct buf body;
};

struct conn_event {
    char type[96]; /* full name of the message */
    struct buf body;
};

/* Milliseconds of a clock that never jumps. */
int64_t conn_now_ms(void);

/* Connects to tcp://host:port or ws://host:port/path and reads the server's Hello. */
int conn_open(const char *url, int timeout_ms, struct conn **conn_out,
              struct sotto_client_error *error);

/* The same over a connected stream socket and a framing, both handed over even on failure. */
int conn_adopt(int take_fd, struct framing *take_framing, int timeout_ms, struct conn **conn_out,
               struct sotto_client_error *error);

/* Closes at once, whatever is open. Accepts NULL and a pointer to NULL. */
void conn_close(struct conn **conn);

/* True when the connection broke or has ended: no answer comes any more. */
bool conn_is_dead(const struct conn *conn);

/* False as soon as the server has said Goodbye, too: no new call is taken, and who has the answers he waits for
 * closes the connection and makes another one. */
bool conn_is_open(const struct conn *conn);

/* The server took a login on this connection: if it says Goodbye for want of one (4401), that login ended. Before, it only
 * means that the connection took too long, which is no reason to log in again. */
void conn_attached(struct conn *conn);

/* Takes in what has come meanwhile, without waiting: then conn_is_open knows of a Goodbye that was said while we did
 * something else. */
void conn_look(struct conn *conn);

/* The connection ended because no login was shown on it in time. */
bool conn_was_slow(const struct conn *conn);

/* What a Goodbye asked for: milliseconds to stay away, or 0. */
uint32_t conn_resume_after_ms(const struct conn *conn);

/* Sends a call. At most CONN_CALLS_MAX may be open. Waits at most timeout_ms for room to write. */
int conn_call(struct conn *conn, const char *method, const ProtobufCMessage *request,
              int timeout_ms, uint64_t *ticket_out, struct sotto_client_error *error);

/* Waits for the answer of a call. An answer that is late kills the connection, because nobody would
 * collect it. reply_out is the caller's; end it with conn_reply_fini. */
int conn_wait(struct conn *conn, uint64_t ticket, int timeout_ms, struct conn_reply *reply_out,
              struct sotto_client_error *error);
void conn_reply_fini(struct conn_reply *reply);

/* Names a descriptor that ends conn_next_event early when it can be read; -1: none. Reading it is
 * up to whoever owns it. */
void conn_set_wake(struct conn *conn, int wake_fd);

/* Waits for an event until deadline_ms of conn_now_ms (negative: as long as it takes), answering
 * and sending Pings. 1: event_out is the caller's, end it with conn_event_fini; 0: the deadline
 * passed, or somebody wakes us. */
int conn_next_event(struct conn *conn, int64_t deadline_ms, struct conn_event *event_out,
                    struct sotto_client_error *error);
void conn_event_fini(struct conn_event *event);

/* The same without waiting: 1, or 0 when none is queued. */
int conn_queued_event(struct conn *conn, struct conn_event *event_out);

/* True once, after events had to be dropped: what they said must be asked for. */
bool conn_take_events_lost(struct conn *conn);

/* Splits tcp://host:port, tcp://[v6]:port, ws://host:port/path; the port defaults to the server's own (7500,
 * 7580), the path of a WebSocket to /ws. SOTTO_CLIENT_EUSAGE says what is wrong. */
struct conn_address {
    bool websocket;
    char host[256];
    char port[6];
    char path[128];      /* of a WebSocket */
    char authority[272]; /* host:port as a URL has it, with the brackets of IPv6 */
};
int conn_parse_url(const char *url, struct conn_address *address_out,
                   struct sotto_client_error *error);

#endif
