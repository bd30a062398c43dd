/* SPDX-License-Identifier: MIT */
/* The life of a connection: see conn.h. Reading is in conn_in.c, writing in conn_out.c. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/io_loop.h"
#include "core/session.h"

/* ---- lists and references ---- */

static struct conn_link *
link_of(struct conn *conn, size_t link)
{
    return (struct conn_link *)(void *)((char *)conn + link);
}

void
conn_list_add(struct conn_list *list, struct conn *conn, size_t link)
{
    *link_of(conn, link) = (struct conn_link){.prev = list->last};
    *(list->last ? &link_of(list->last, link)->next : &list->first) = conn;
    list->last = conn;
}

void
conn_list_remove(struct conn_list *list, struct conn *conn, size_t link)
{
    struct conn_link *own = link_of(conn, link);

    *(own->prev ? &link_of(own->prev, link)->next : &list->first) = own->next;
    *(own->next ? &link_of(own->next, link)->prev : &list->last) = own->prev;
    *own = (struct conn_link){.next = NULL};
}

static struct conn_list *
list_of(struct conn *conn)
{
    if (conn->state == CONN_CLOSING)
        return &conn->loop->closing;
    return conn->attached ? &conn->loop->live : &conn->loop->unattached;
}

void
conn_ref(struct conn *conn)
{
    conn->refs++;
}

/* The last connection of a loop that stops tells the logic loop, which waits for it. */
void
conn_check_stopped(struct io_loop *loop)
{
    if (!loop->stopping || loop->told_stopped || atomic_load(&loop->connections))
        return;
    loop->told_stopped = true;
    queue_batch_add(&loop->outward, &loop->stopped_item, io_on_stopped);
}

void
conn_unref(struct conn *conn)
{
    struct io_loop *loop = conn->loop;

    if (--conn->refs)
        return;
    frame_unref(conn->note_goodbye, 1);
    atomic_fetch_sub(&loop->connections, 1);
    metric_add(loop->io->open_metric, 0, -1);
    metric_add(loop->io->door_metric, conn->door->wire, -1);
    free(conn);
    conn_check_stopped(loop);
}

void *
conn_door_state(struct conn *conn)
{
    return conn->door_state;
}

/* ---- what poll waits for ---- */

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    struct conn *conn = (struct conn *)poll;

    if (status < 0) {
        conn_drop(conn);
        return;
    }
    if (events & UV_WRITABLE)
        conn_flush(conn);
    if ((events & UV_READABLE) && conn->state != CONN_CLOSED)
        conn_readable(conn);
}

void
conn_poll(struct conn *conn)
{
    int events = 0;

    if (conn->state == CONN_CLOSED)
        return;
    if (conn->state == CONN_OPEN ? !conn->pause
                                 : conn->shut || (conn->awaits_end && !conn->out_first))
        events |= UV_READABLE;
    if (conn->out_first && conn->blocked)
        events |= UV_WRITABLE;
    if (events == conn->events)
        return;
    conn->events = events;
    if (!events)
        uv_poll_stop(&conn->poll);
    else if (uv_poll_start(&conn->poll, events, on_poll))
        conn_drop(conn);
}

/* ---- opening ---- */

static void
on_handle_closed(uv_handle_t *handle)
{
    conn_unref((struct conn *)handle);
}

/* Before the logic loop knows of it: nothing but memory and a descriptor to give back. */
static void
refuse(struct io_loop *loop, int fd, const struct ratelimit_key *address)
{
    close(fd);
    address_release(&loop->io->addresses, address);
    metric_add(loop->io->refused, REFUSED_MEMORY, 1);
    atomic_fetch_sub(&loop->connections, 1);
    conn_check_stopped(loop);
}

/* From here on there are frames: a session, and Hello. */
static void
begin_frames(struct conn *conn, const struct sockaddr *peer)
{
    struct io_loop *loop = conn->loop;
    struct frame_buf *hello = loop->io->hello[conn->door->wire];

    conn->session = session_make(loop->io->core->sessions, conn, loop, conn->door, peer);
    if (!conn->session) {
        conn_drop(conn);
        return;
    }
    conn_ref(conn); /* the logic loop's, until note_gone */
    queue_batch_add(&loop->outward, &conn->session->opened, session_on_opened);
    frame_ref(hello, 1);
    conn_send(conn, hello);
}

void
conn_open(struct io_loop *loop, const struct door *door, int take_fd, const struct sockaddr *peer,
          const struct ratelimit_key *take_address)
{
    struct conn *conn = calloc(1, sizeof(*conn) + door->state_bytes);

    if (!conn || loop->stopping || uv_poll_init(&loop->uv, &conn->poll, take_fd)) {
        free(conn);
        refuse(loop, take_fd, take_address);
        return;
    }
    conn->loop = loop;
    conn->door = door;
    conn->fd = take_fd;
    conn->address = *take_address;
    conn->since_ms = conn_now(conn);
    conn->refs = 1; /* the handle's */
    conn_list_add(&loop->unattached, conn, CONN_LINK(link));
    metric_add(loop->io->open_metric, 0, 1);
    metric_add(loop->io->door_metric, door->wire, 1);
    if (frame_wire_has_frames(door->wire))
        begin_frames(conn, peer);
    conn_poll(conn);
}

bool
conn_count_for(struct conn *conn, const struct sockaddr *peer)
{
    struct io *io = conn->loop->io;
    struct ratelimit_key address;

    ratelimit_key_address(peer, &address);
    if (memcmp(&address, &conn->address, sizeof(address)) == 0)
        return true;
    if (!address_take(&io->addresses, &address, (size_t)io->limits->unattached_per_address)) {
        metric_add(io->refused, REFUSED_ADDRESS, 1);
        return false;
    }
    address_release(&io->addresses, &conn->address);
    conn->address = address;
    return true;
}

void
conn_become(struct conn *conn, const struct door *door, const struct sockaddr *peer)
{
    struct io_loop *loop = conn->loop;

    metric_add(loop->io->door_metric, conn->door->wire, -1);
    metric_add(loop->io->door_metric, door->wire, 1);
    conn->door = door;
    conn->since_ms = conn_now(conn);
    conn_list_remove(&loop->unattached, conn, CONN_LINK(link));
    conn_list_add(&loop->unattached, conn, CONN_LINK(link));
    begin_frames(conn, peer);
}

/* ---- ending ---- */

/* A peer that we do not understand any more, or that has itself ended the stream, is not waited for. */
static bool
has_to_hear_end(struct conn *conn)
{
    return conn->door->heard_end && !conn->feeding &&
           !conn->door->heard_end(conn, conn->rest, conn->rest_size);
}

/* Leaves the open state: nothing is read or pushed any more, and the logic loop knows. */
static void
leave_open(struct conn *conn, enum conn_state next)
{
    struct io_loop *loop = conn->loop;

    conn_list_remove(list_of(conn), conn, CONN_LINK(link));
    conn_unpause(conn);
    if (!conn->attached)
        address_release(&loop->io->addresses, &conn->address);
    conn_drop_rest(conn);
    if (conn->door->release)
        conn->door->release(conn);
    conn->state = (uint8_t)next;
    metric_add(loop->io->closed, 0, 1);
    if (conn->session)
        queue_batch_add(&loop->outward, &conn->session->closed, session_on_closed);
}

void
conn_end(struct conn *conn, struct frame_buf *take_goodbye)
{
    if (conn->state != CONN_OPEN) {
        frame_unref(take_goodbye, 1);
        return;
    }
    conn->awaits_end = take_goodbye && has_to_hear_end(conn);
    leave_open(conn, CONN_CLOSING);
    conn->since_ms = conn_now(conn);
    conn_list_add(&conn->loop->closing, conn, CONN_LINK(link));
    conn_append(conn, take_goodbye);
    conn_poll(conn);
}

struct frame_buf *
conn_goodbye(enum frame_wire wire, int code, const char *reason)
{
    const bool welcome_back = code == SOTTO_GOODBYE_SHUTDOWN || code == SOTTO_GOODBYE_LIMIT;
    const struct frame_farewell farewell = {.code = (uint32_t)code,
                                            .reason = reason,
                                            .resume_after_ms =
                                                welcome_back ? CONN_RESUME_AFTER_MS : 0};

    return frame_goodbye(wire, &farewell);
}

void
conn_close(struct conn *conn, int code, const char *reason)
{
    if (conn->state != CONN_OPEN)
        return;
    if (code == SOTTO_GOODBYE_SLOW)
        conn_trim_out(conn);
    conn_end(conn, conn_goodbye(conn->door->wire, code, reason));
}

void
conn_drop(struct conn *conn)
{
    if (conn->state == CONN_CLOSED)
        return;
    if (conn->state == CONN_OPEN) {
        leave_open(conn, CONN_CLOSED);
    } else {
        conn_list_remove(&conn->loop->closing, conn, CONN_LINK(link));
        conn->state = CONN_CLOSED;
    }
    conn_drop_out(conn);
    uv_close((uv_handle_t *)&conn->poll, on_handle_closed);
    close(conn->fd);
    conn->fd = -1;
}

/* ---- time ---- */

/* Silence: a Ping first, then the end. The list is ordered, so the walk ends at the first lively one. */
static void
tick_live(struct io_loop *loop, uint64_t now)
{
    const struct settings_limits *limits = loop->io->limits;
    struct conn *conn = loop->live.first;

    while (conn && now - conn->since_ms >= (uint64_t)limits->ping_after_ms) {
        struct conn *next = conn->link.next;

        if (!conn->pinged) {
            /* However late this is, from here on it has its time to answer; the order stays. */
            conn->pinged = true;
            conn->since_ms = now - (uint64_t)limits->ping_after_ms;
            conn_send(conn, frame_ping(conn->door->wire, (struct sotto_view){.size = 0}));
        } else if (now - conn->since_ms >= (uint64_t)limits->idle_ms) {
            conn_close(conn, SOTTO_GOODBYE_IDLE, "no sign of life");
        }
        conn = next;
    }
}

static void
tick_unattached(struct io_loop *loop, uint64_t now)
{
    uint64_t limit = (uint64_t)loop->io->limits->attach_ms;

    /* Half a tick early rather than half a tick late. */
    while (loop->unattached.first &&
           now + IO_TICK_MS / 2 - loop->unattached.first->since_ms >= limit)
        conn_close(loop->unattached.first, SOTTO_GOODBYE_UNAUTHENTICATED, "no Attach in time");
}

static void
tick_closing(struct io_loop *loop, uint64_t now)
{
    while (loop->closing.first && now - loop->closing.first->since_ms >= CONN_LINGER_MS)
        conn_drop(loop->closing.first);
}

void
conn_tick(struct io_loop *loop)
{
    uint64_t now = uv_now(&loop->uv);

    tick_unattached(loop, now);
    tick_live(loop, now);
    tick_closing(loop, now);
    conn_resume_starved(loop);
    conn_resume_slowed(loop);
}

/* ---- notes from the logic loop ---- */

static void
on_note_attached(struct queue_item *item)
{
    struct conn *conn = MAP_OF(item, struct conn, note_attached);

    if (conn->state != CONN_OPEN || conn->attached)
        return;
    conn_list_remove(&conn->loop->unattached, conn, CONN_LINK(link));
    address_release(&conn->loop->io->addresses, &conn->address);
    conn->attached = true;
    conn->since_ms = conn_now(conn);
    conn_list_add(&conn->loop->live, conn, CONN_LINK(link));
}

void
conn_note_attached(struct conn *conn)
{
    io_send(conn->loop, &conn->note_attached, on_note_attached);
}

static void
on_note_close(struct queue_item *item)
{
    struct conn *conn = MAP_OF(item, struct conn, note_close);
    struct frame_buf *goodbye = conn->note_goodbye;

    conn->note_goodbye = NULL;
    conn_end(conn, goodbye);
}

void
conn_note_close(struct conn *conn, struct frame_buf *take_goodbye)
{
    conn->note_goodbye = take_goodbye;
    io_send(conn->loop, &conn->note_close, on_note_close);
}

static void
on_note_gone(struct queue_item *item)
{
    conn_unref(MAP_OF(item, struct conn, note_gone));
}

void
conn_note_gone(struct conn *conn)
{
    io_send(conn->loop, &conn->note_gone, on_note_gone);
}
