/* SPDX-License-Identifier: MIT */
/*
 * What comes in. One recv a readable event, into a buffer that all connections of the loop share; a frame whose end
 * has not come is kept, small ones by copying them in front of the next read, large ones in a buffer of their own
 * that grows with what arrives. Frames become calls, pongs and cancels here.
 *
 * Back-pressure stops reading: when a connection has as many calls open as it may, and, first for connections
 * that have calls open and at twice the bound for all, when the logic queue is full.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <sodium.h>

#include "core/frame_json.h"
#include "core/io_loop.h"
#include "core/session.h"

#define REST_STEP (64u * 1024)

/* ---- what is left over ---- */

void
conn_drop_rest(struct conn *conn)
{
    conn->loop->rest_bytes -= conn->rest_capacity;
    if (conn->rest)
        sodium_memzero(conn->rest, conn->rest_size);
    free(conn->rest);
    conn->rest = NULL;
    conn->rest_size = conn->rest_capacity = conn->rest_need = 0;
}

static bool
size_rest(struct conn *conn, size_t capacity)
{
    struct io_loop *loop = conn->loop;
    uint8_t *rest;

    if (loop->rest_bytes - conn->rest_capacity + capacity > IO_REST_BYTES_MAX)
        return false;
    rest = malloc(capacity);
    if (!rest)
        return false;
    if (conn->rest) { /* no realloc: it would leave a copy of what may be a token behind */
        memcpy(rest, conn->rest, conn->rest_size);
        sodium_memzero(conn->rest, conn->rest_size);
        free(conn->rest);
    }
    loop->rest_bytes += capacity - conn->rest_capacity;
    conn->rest = rest;
    conn->rest_capacity = capacity;
    return true;
}

/* Keeps data, which may lie in the rest itself. */
static void
keep(struct conn *conn, const uint8_t *data, size_t size)
{
    if (conn->state != CONN_OPEN)
        return; /* the rest went when it left that state */
    if (!size) {
        conn_drop_rest(conn);
        return;
    }
    if (conn->rest && data >= conn->rest && data < conn->rest + conn->rest_size) {
        memmove(conn->rest, data, size);
        sodium_memzero(conn->rest + size, conn->rest_size - size);
        conn->rest_size = size;
        if (conn->rest_capacity > 4 * size + IO_SMALL_REST)
            size_rest(conn, size);
        return;
    }
    if (size > conn->rest_capacity && !size_rest(conn, size)) {
        conn_close(conn, SOTTO_GOODBYE_LIMIT, "no memory for a frame of this size");
        return;
    }
    memcpy(conn->rest, data, size);
    conn->rest_size = size;
}

/* Hands data to the door. Returns what was used. */
static size_t
feed(struct conn *conn, uint8_t *data, size_t size)
{
    const struct settings_limits *limits = conn_limits(conn);
    int64_t most = conn->attached ? frame_wire_max(conn->door->wire, conn->loop->io->max_frame)
                                  : limits->unattached_frame_bytes;
    size_t need = 0;
    int64_t used;

    conn->feeding = true;
    used = conn->door->feed(conn, data, size, (uint32_t)most, &need);
    conn->feeding = false;
    conn->rest_need = need;
    if (used < 0) {
        conn_close(conn, (int)-used,
                   used == -SOTTO_GOODBYE_TOO_BIG ? "frame over the limit" : "malformed frame");
        return size;
    }
    return (size_t)used;
}

/* What was left over when the connection was paused, or has grown since. */
static void
feed_rest(struct conn *conn)
{
    size_t size = conn->rest_size;
    size_t used;

    if (!size || conn->feeding || conn->pause || conn->state != CONN_OPEN)
        return;
    used = feed(conn, conn->rest, size);
    if (conn->state == CONN_OPEN) /* else the rest is gone */
        keep(conn, conn->rest + used, size - used);
}

/* ---- reading ---- */

/* false: nothing more to do with this event. */
static bool
received(struct conn *conn, ssize_t n)
{
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        conn_drop(conn);
        return false;
    }
    metric_add(conn->loop->io->bytes_in, 0, (double)n);
    if (conn->attached) { /* most silent first: it goes to the end */
        conn->since_ms = conn_now(conn);
        conn->pinged = false;
        conn_list_remove(&conn->loop->live, conn, CONN_LINK(link));
        conn_list_add(&conn->loop->live, conn, CONN_LINK(link));
    }
    return true;
}

static void
read_shared(struct conn *conn)
{
    uint8_t *data = conn->loop->read_buf;
    size_t size = conn->rest_size;
    size_t used;
    ssize_t n;

    if (size)
        memcpy(data, conn->rest, size);
    n = recv(conn->fd, data + size, IO_READ_BYTES, 0);
    if (!received(conn, n))
        return;
    size += (size_t)n;
    used = feed(conn, data, size);
    keep(conn, data + used, size - used);
    sodium_memzero(data, size); /* requests carry tokens, and the next read may be shorter */
}

/* A frame of more than IO_SMALL_REST: read behind what is there, look at it when it may be whole. */
static void
read_large(struct conn *conn)
{
    size_t wish = conn->rest_need > conn->rest_size ? conn->rest_need : 2 * conn->rest_size;
    ssize_t n;

    if (wish > 2 * conn->rest_size + REST_STEP)
        wish = 2 * conn->rest_size + REST_STEP;
    if (conn->rest_capacity < wish && !size_rest(conn, wish)) {
        conn_close(conn, SOTTO_GOODBYE_LIMIT, "no memory for a frame of this size");
        return;
    }
    n = recv(conn->fd, conn->rest + conn->rest_size, conn->rest_capacity - conn->rest_size, 0);
    if (!received(conn, n))
        return;
    conn->rest_size += (size_t)n;
    if (conn->rest_size >= conn->rest_need)
        feed_rest(conn);
}

/* After the Goodbye: what still comes is thrown away until the peer closes. */
static void
discard(struct conn *conn)
{
    uint8_t *data = conn->loop->read_buf;
    ssize_t n = recv(conn->fd, data, IO_READ_BYTES, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        conn_drop(conn);
    else if (n > 0 && conn->awaits_end && conn->door->heard_end(conn, data, (size_t)n))
        conn_shut(conn);
}

static void starve(struct conn *conn);

/* What the logic loop has made and we have not yet written: its makers stop reading, too. */
static bool
is_any_inbox_over(const struct io *io, size_t items)
{
    for (uint32_t i = 0; i < io->loop_count; i++)
        if (queue_depth(&io->loops[i].inbox) > items)
            return true;
    return false;
}

static bool
is_starving(const struct conn *conn)
{
    struct io_loop *loop = conn->loop;
    const struct queue *queue = loop_queue(loop->io->core->logic);
    size_t depth = queue_depth(queue);
    size_t bytes = (size_t)conn_limits(conn)->logic_queue_bytes / loop->io->loop_count;

    if (conn->calls && (depth >= queue->capacity || loop->call_bytes >= bytes))
        return true;
    return depth >= 2 * queue->capacity || loop->call_bytes >= 2 * bytes ||
           is_any_inbox_over(loop->io, IO_INBOX_ITEMS);
}

void
conn_readable(struct conn *conn)
{
    if (conn->state == CONN_CLOSING)
        discard(conn);
    else if (is_starving(conn))
        starve(conn);
    else if (conn->rest_size < IO_SMALL_REST)
        read_shared(conn);
    else
        read_large(conn);
    if (conn->pause)
        conn_poll(conn);
}

/* ---- back-pressure ---- */

static void
starve(struct conn *conn)
{
    conn->pause |= PAUSE_STARVED;
    conn_list_add(&conn->loop->starved, conn, CONN_LINK(starved_link));
    atomic_store(&conn->loop->is_starved, true);
    metric_add(conn->loop->io->starved_metric, 0, 1);
}

static void
unstarve(struct conn *conn)
{
    conn->pause &= (uint8_t)~PAUSE_STARVED;
    conn_list_remove(&conn->loop->starved, conn, CONN_LINK(starved_link));
}

static void
unslow(struct conn *conn)
{
    conn->pause &= (uint8_t)~PAUSE_RATE;
    conn_list_remove(&conn->loop->slowed, conn, CONN_LINK(slowed_link));
}

void
conn_unpause(struct conn *conn)
{
    if (conn->pause & PAUSE_STARVED)
        unstarve(conn);
    if (conn->pause & PAUSE_RATE)
        unslow(conn);
    conn->pause = 0;
}

void
conn_resume_starved(struct io_loop *loop)
{
    const struct queue *queue = loop_queue(loop->io->core->logic);
    size_t bytes = (size_t)loop->io->limits->logic_queue_bytes / loop->io->loop_count;

    if (!loop->starved.first || queue_depth(queue) > queue->capacity / 2 ||
        loop->call_bytes > bytes / 2 || is_any_inbox_over(loop->io, IO_INBOX_ITEMS / 2))
        return;
    atomic_store(&loop->is_starved, false);
    while (loop->starved.first) {
        struct conn *conn = loop->starved.first;

        unstarve(conn);
        feed_rest(conn);
        conn_poll(conn);
    }
}

/* Saying no takes time, too, and so would hearing of it without end: all that asks too much of us waits for a tick. */
static void
slow_down(struct conn *conn)
{
    if (conn->state != CONN_OPEN || conn->pause & PAUSE_RATE)
        return;
    conn->pause |= PAUSE_RATE;
    conn_list_add(&conn->loop->slowed, conn, CONN_LINK(slowed_link));
    conn_poll(conn);
}

void
conn_resume_slowed(struct io_loop *loop)
{
    while (loop->slowed.first) {
        struct conn *conn = loop->slowed.first;

        unslow(conn);
        feed_rest(conn);
        conn_poll(conn);
    }
}

void
conn_call_done(struct conn *conn, bool over_rate)
{
    conn->calls--;
    if (over_rate)
        slow_down(conn);
    if ((conn->pause & PAUSE_CALLS) && conn->calls < (uint32_t)conn_limits(conn)->calls_in_flight) {
        conn->pause &= (uint8_t)~PAUSE_CALLS;
        feed_rest(conn);
        conn_poll(conn);
    }
    conn_unref(conn);
}

/* ---- frames ---- */

static void
on_call(struct conn *conn, const struct frame_in *frame)
{
    struct call *call = call_make(conn, frame);

    if (!call) {
        conn_send(conn, frame_error(conn->door->wire, frame->id, "resource_exhausted",
                                    "The server is out of memory.", NULL));
        return;
    }
    conn_ref(conn);
    conn->calls++;
    queue_batch_add(&conn->loop->outward, &call->item, rpc_on_call);
    if (conn->calls >= (uint32_t)conn_limits(conn)->calls_in_flight)
        conn->pause |= PAUSE_CALLS;
}

static void
on_ping(struct conn *conn, const struct frame_in *frame)
{
    if (conn->pongs >= IO_PONGS_MAX)
        return; /* it does not read its pongs: no need to queue more */
    conn->pongs++;
    conn_send(conn, frame_pong(conn->door->wire, frame->body));
}

struct cancel {
    struct queue_item item;
    struct session *session;
    uint64_t id;
};

static void
run_cancel(struct queue_item *item)
{
    struct cancel *cancel = (struct cancel *)item;

    rpc_cancel(cancel->session, cancel->id);
    free(cancel);
}

static void
on_cancel(struct conn *conn, const struct frame_in *frame)
{
    struct cancel *cancel = conn->calls ? malloc(sizeof(*cancel)) : NULL;

    if (!cancel)
        return; /* nothing to take back, or the answer comes before the memory */
    *cancel = (struct cancel){.session = conn->session, .id = frame->id};
    queue_batch_add(&conn->loop->outward, &cancel->item, run_cancel);
}

static void
on_frame(struct conn *conn, const struct frame_in *frame)
{
    if (frame->kind == FRAME_CALL && frame->id)
        on_call(conn, frame);
    else if (frame->kind == FRAME_PING)
        on_ping(conn, frame);
    else if (frame->kind == FRAME_CANCEL && frame->id)
        on_cancel(conn, frame);
    else if (frame->kind != FRAME_PONG)
        conn_close(conn, SOTTO_GOODBYE_PROTOCOL, "a frame that clients do not send");
}

bool
conn_on_frame(struct conn *conn, const uint8_t *data, size_t size)
{
    const struct sotto_view text = {.data = data, .size = size};
    struct pbjson_fault fault;
    struct frame_in frame;
    const char *why = fault.text;
    int rc = conn->door->wire == FRAME_WIRE_WS_JSON ? frame_json_read(text, &frame, &fault)
                                                    : frame_read(data, size, &frame, &why);

    metric_add(conn->loop->io->frames_in, 0, 1);
    if (rc) {
        conn_close(conn, SOTTO_GOODBYE_PROTOCOL, why);
        return false;
    }
    on_frame(conn, &frame);
    frame_json_fini(&frame);
    return conn->state == CONN_OPEN && !conn->pause;
}
