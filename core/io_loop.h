/* SPDX-License-Identifier: MIT */
/*
 * The inside of the I/O loops, shared by io.c, accept.c, net_*.c, conn.c, conn_in.c, conn_out.c and call.c and
 * nobody else. Everything in a struct io_loop belongs to its thread, except where a comment says otherwise.
 */
#ifndef CORE_IO_LOOP_H
#define CORE_IO_LOOP_H

#include "core/call.h"
#include "core/conn.h"
#include "core/io.h"
#include "core/loop.h"
#include "core/ratelimit.h"

/* What one recv takes at most; also how much of a paused connection's input can be left over. */
#define IO_READ_BYTES (64u * 1024)
/* A started frame below this is copied in front of the next read; above it is read into its own buffer. */
#define IO_SMALL_REST 4096u
/* Started frames of all connections of a loop together. */
#define IO_REST_BYTES_MAX (64u * 1024 * 1024)
/* Large answers that wait for readers, each loop an equal part. */
#define IO_HELD_BYTES_MAX (64u * 1024 * 1024)
/* Replies, events and notes that wait for one loop before nothing is read that could make more. */
#define IO_INBOX_ITEMS 32768
#define IO_TICK_MS 250
#define IO_POOLED_CALLS 256
#define IO_PONGS_MAX 16

struct conn_list {
    struct conn *first, *last;
};

struct conn_link {
    struct conn *next, *prev;
};

/* One entry of a send queue; pooled. */
struct out {
    struct out *next;
    struct frame_buf *buf;
};

struct out_slab;
struct ws_deflate;

/* One listening socket; on loop 0. */
struct listener {
    struct listener *next;
    struct io *io;
    const struct door *door;
    uv_poll_t poll;
    int fd;
    bool paused; /* accept failed for want of something: tried again with the next tick */
    struct queue_item start;
};

struct io_loop {
    struct io *io;
    uint32_t index;
    uv_loop_t uv;
    uv_thread_t thread;
    bool started;
    struct queue inbox;         /* from the logic loop and from the loop that accepts */
    struct queue_batch outbox;  /* logic thread: what its turn made for this loop */
    struct queue_batch outward; /* what this turn made for the logic loop */
    uv_prepare_t turn;
    uv_timer_t tick;

    struct conn_list unattached; /* in the order of their accept */
    struct conn_list live;       /* attached, longest silence first */
    struct conn_list closing;    /* in the order in which they began to close */
    struct conn_list starved;    /* not read because the logic queue is full; link of its own */
    struct conn_list held;       /* a large answer waits, longest untouched first; likewise */
    struct conn_list slowed;     /* not read before the next tick; likewise */
    struct conn *dirty;          /* have something to write; hold a reference */
    uint8_t *read_buf;           /* IO_SMALL_REST + IO_READ_BYTES */
    struct out *free_outs;
    struct out_slab *out_slabs;
    struct call *free_calls;
    size_t free_call_count;
    size_t rest_bytes;     /* started frames */
    size_t held_bytes;     /* of the connections in held */
    size_t call_bytes;     /* requests between decoding and answer */
    char trace_prefix[17]; /* of trace ids that are made here: random, in hex */
    uint64_t trace_next;
    const struct rpc_method *last_method; /* that was called; NULL: none yet */
    struct ws_deflate *deflate;           /* NULL: switched off */
    /* The last that was compressed in this turn, and what it became. */
    struct frame_buf *packed_from, *packed;

    atomic_size_t connections; /* any thread reads */
    atomic_bool is_starved;    /* the logic loop wakes us when its queue has room again */
    bool stopping, told_stopped, ended;
    struct queue_item notice_item, goodbye_item, stop_item, end_item, stopped_item;
};

/* Addresses and how many unattached connections each has. Any thread. */
struct address_table {
    uv_mutex_t lock;
    struct map map;
};

struct io {
    struct core *core;
    const struct settings_limits *limits;
    const struct settings_http *http;
    struct io_loop *loops;
    uint32_t loop_count;
    struct address_table addresses;
    struct listener *listeners; /* loop 0 */
    int reserve_fd;             /* loop 0: given up to say no when descriptors run out */
    uint32_t max_frame;         /* of an attached connection, in protobuf */
    struct frame_buf *hello[FRAME_WIRE_COUNT];
    struct frame_buf *refusal[FRAME_WIRE_COUNT]; /* Goodbye{LIMIT} for connections over a cap */
    struct frame_buf *crowded;                   /* over HTTP, of an address that has too many */
    struct frame_buf *notice[FRAME_WIRE_COUNT];  /* for io_notify_all */
    struct frame_buf *goodbye[FRAME_WIRE_COUNT]; /* for io_goodbye_all */
    bool notified;
    int goodbye_code;
    const char *server_name;
    struct loop_hook hook;
    uint32_t stopped; /* logic thread: loops without connections */
    struct metric *accepted, *refused, *closed, *bytes_in, *bytes_out, *frames_in, *frames_out;
    struct metric *open_metric, *door_metric, *starved_metric, *requests, *saved_bytes;
};

/* label values of sotto_http_requests_total */
enum io_request { REQUEST_UPGRADED = 0, REQUEST_REFUSED, REQUEST_MALFORMED };

/* label values of sotto_connections_refused_total */
enum io_refused { REFUSED_CAP = 0, REFUSED_ADDRESS, REFUSED_DESCRIPTORS, REFUSED_MEMORY };

enum conn_state {
    CONN_OPEN = 0,
    CONN_CLOSING, /* Goodbye is on its way */
    CONN_CLOSED,  /* the socket is gone */
};

enum conn_pause {
    PAUSE_CALLS = 1,   /* as many calls open as allowed */
    PAUSE_STARVED = 2, /* the logic queue is full */
    PAUSE_RATE = 4,    /* a call was refused for coming too soon */
};

struct conn {
    uv_poll_t poll; /* first: what libuv hands back */
    struct io_loop *loop;
    const struct door *door;
    struct session *session; /* the logic thread's; only handed through */
    struct conn_link link;   /* in unattached, live or closing */
    struct conn_link starved_link, held_link, slowed_link;
    struct conn *next_dirty;
    struct out *out_first, *out_last;
    struct out *pong; /* the one answer to pings that may wait; NULL: none does */
    uint8_t *rest;    /* start of a frame whose end has not come */
    size_t rest_size, rest_capacity, rest_need;
    uint64_t since_ms; /* accepted; attached: last heard of; closing: began to close */
    uint32_t out_bytes;
    uint32_t out_offset; /* of the first buffer, already written */
    uint32_t held_bytes; /* what the first buffer counts for while it is in held; else 0 */
    uint32_t calls;      /* not yet come home */
    uint32_t refs;       /* handle, logic loop, dirty list, calls */
    int fd;
    uint8_t state; /* enum conn_state */
    uint8_t pause; /* enum conn_pause bits */
    uint8_t pongs; /* queued since the send queue was last empty */
    bool attached, dirty, feeding, pinged;
    bool blocked;    /* the kernel took no more: poll says when */
    bool shut;       /* the sending side is shut down */
    bool awaits_end; /* before that the peer has its own last word, see door.heard_end */
    int events;      /* what poll waits for */
    /* Written by the logic thread before the connection's acknowledgement, read here after the hand-over. */
    struct queue_item note_attached, note_close, note_gone;
    struct frame_buf *note_goodbye;
    struct ratelimit_key address; /* for address_release */
    max_align_t door_state[];
};

static inline struct settings_limits const *
conn_limits(const struct conn *conn)
{
    return conn->loop->io->limits;
}

static inline uint64_t
conn_now(const struct conn *conn)
{
    return uv_now(&conn->loop->uv);
}

/* io.c */
queue_fn io_on_stopped;

/* io_goodbye.c */
void io_close_listeners(struct io *);

/* conn.c */
/* link: which of the connection's, by its place in struct conn. */
#define CONN_LINK(name) offsetof(struct conn, name)
void conn_list_add(struct conn_list *, struct conn *, size_t link);
void conn_list_remove(struct conn_list *, struct conn *, size_t link);
void conn_ref(struct conn *);
void conn_unref(struct conn *);
/* NULL: there is no Goodbye to send. */
void conn_end(struct conn *, struct frame_buf *take_goodbye);
void conn_drop(struct conn *);             /* closes the socket at once */
void conn_poll(struct conn *);             /* makes poll wait for what the state asks for */
void conn_check_stopped(struct io_loop *); /* a loop that stops tells when it is empty */
void conn_tick(struct io_loop *);          /* time limits of all connections of the loop */

/* conn_in.c */
void conn_readable(struct conn *);
void conn_drop_rest(struct conn *);
void conn_resume_starved(struct io_loop *);
void conn_resume_slowed(struct io_loop *);
void conn_unpause(struct conn *); /* out of the lists of those that are not read */

/* conn_out.c */
/* Whatever the state; NULL: only marks it dirty. */
void conn_append(struct conn *, struct frame_buf *take_buf);
void conn_flush(struct conn *);
/* All is written: the Goodbye was the last word, and the peer shall have the time to read it. */
void conn_shut(struct conn *);
void conn_flush_dirty(struct io_loop *);
void conn_drop_out(struct conn *);
void conn_trim_out(struct conn *);
void conn_free_out_slabs(struct io_loop *);

/* accept.c */
int address_table_init(struct address_table *);
void address_table_fini(struct address_table *);
bool address_take(struct address_table *, const struct ratelimit_key *, size_t most);
void address_release(struct address_table *, const struct ratelimit_key *);
void listener_start(struct queue_item *);
void listener_close(struct listener *);
void listener_retry(struct io *);

#endif
