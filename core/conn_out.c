/* SPDX-License-Identifier: MIT */
/*
 * The send queue of a connection. conn_send only links a buffer in and marks the connection dirty; at the end of
 * the turn everything that the turn queued leaves in one sendmsg. What the kernel does not take waits for
 * poll, and a reader that lets more than send_queue_bytes wait is closed as slow.
 *
 * An answer may be larger than that by itself, when it is the only thing that waits. What a loop keeps of such for
 * readers that do not read has a bound of its own: beyond it whoever has taken nothing for the longest time goes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/io_loop.h"
#include "sotto/session.h"

#define IOV_COUNT 256
#define SLAB_OUTS 256

struct out_slab {
    struct out_slab *next;
    struct out outs[SLAB_OUTS];
};

/* ---- entries ---- */

static struct out *
take_out(struct io_loop *loop)
{
    struct out *out = loop->free_outs;

    if (!out) {
        struct out_slab *slab = malloc(sizeof(*slab));

        if (!slab)
            return NULL;
        slab->next = loop->out_slabs;
        loop->out_slabs = slab;
        for (size_t i = 0; i < SLAB_OUTS; i++) {
            slab->outs[i].next = loop->free_outs;
            loop->free_outs = &slab->outs[i];
        }
        out = loop->free_outs;
    }
    loop->free_outs = out->next;
    return out;
}

void
conn_free_out_slabs(struct io_loop *loop)
{
    while (loop->out_slabs) {
        struct out_slab *next = loop->out_slabs->next;

        free(loop->out_slabs);
        loop->out_slabs = next;
    }
    loop->free_outs = NULL;
}

/* ---- large answers ---- */

static void
let_go(struct conn *conn)
{
    if (!conn->held_bytes)
        return;
    conn_list_remove(&conn->loop->held, conn, CONN_LINK(held_link));
    conn->loop->held_bytes -= conn->held_bytes;
    conn->held_bytes = 0;
}

/* The kernel takes no more. An event that many wait for counts for each of them in part. */
static void
hold(struct conn *conn)
{
    struct conn_list *list = &conn->loop->held;
    struct frame_buf *buf = conn->out_first->buf;

    let_go(conn);
    if (buf->size <= (size_t)conn_limits(conn)->send_queue_bytes)
        return;
    conn->held_bytes = (uint32_t)(buf->size / atomic_load(&buf->refs));
    conn->loop->held_bytes += conn->held_bytes;
    conn_list_add(list, conn, CONN_LINK(held_link));
    /* Without a Goodbye, for which there is no place within a frame. */
    while (conn->loop->held_bytes > IO_HELD_BYTES_MAX / conn->loop->io->loop_count &&
           list->first != conn)
        conn_drop(list->first);
}

/* Takes the first entry off the queue. */
static void
shift(struct conn *conn)
{
    struct out *out = conn->out_first;

    let_go(conn);
    conn->out_first = out->next;
    if (!out->next)
        conn->out_last = NULL;
    if (out == conn->pong)
        conn->pong = NULL;
    frame_unref(out->buf, 1);
    out->next = conn->loop->free_outs;
    conn->loop->free_outs = out;
    conn->out_offset = 0;
}

void
conn_drop_out(struct conn *conn)
{
    while (conn->out_first)
        shift(conn);
    conn->out_bytes = 0;
}

/* A reader that is too slow gets no more than the frame that it has begun. */
void
conn_trim_out(struct conn *conn)
{
    struct out *first = conn->out_first;
    struct out *rest;

    if (!first || !conn->out_offset) {
        conn_drop_out(conn);
        return;
    }
    rest = first->next;
    first->next = NULL;
    conn->pong = NULL;
    conn->out_last = first;
    conn->out_bytes = first->buf->size - conn->out_offset;
    while (rest) {
        struct out *next = rest->next;

        frame_unref(rest->buf, 1);
        rest->next = conn->loop->free_outs;
        conn->loop->free_outs = rest;
        rest = next;
    }
}

/* ---- queueing ---- */

static void
mark_dirty(struct conn *conn)
{
    if (conn->dirty)
        return;
    conn->dirty = true;
    conn_ref(conn);
    conn->next_dirty = conn->loop->dirty;
    conn->loop->dirty = conn;
}

void
conn_append(struct conn *conn, struct frame_buf *take_buf)
{
    struct out *out = take_buf ? take_out(conn->loop) : NULL;

    mark_dirty(conn);
    if (!out) {
        frame_unref(take_buf, 1);
        return;
    }
    *out = (struct out){.buf = take_buf};
    *(conn->out_last ? &conn->out_last->next : &conn->out_first) = out;
    conn->out_last = out;
    conn->out_bytes += take_buf->size;
    metric_add(conn->loop->io->frames_out, 0, 1);
}

void
conn_send(struct conn *conn, struct frame_buf *take_buf)
{
    size_t most = (size_t)conn_limits(conn)->send_queue_bytes;

    if (conn->state != CONN_OPEN) {
        frame_unref(take_buf, 1);
        return;
    }
    if (!take_buf) {
        conn_close(conn, SOTTO_GOODBYE_SLOW, "out of memory: resume");
        return;
    }
    if (conn->door->pack)
        take_buf = conn->door->pack(conn, take_buf);
    /* A turn may make more than the bound for a reader that keeps up: ask the kernel before we judge. */
    if (conn->out_bytes && conn->out_bytes + (size_t)take_buf->size > most && !conn->blocked)
        conn_flush(conn);
    if (conn->state == CONN_OPEN && conn->out_bytes &&
        conn->out_bytes + (size_t)take_buf->size > most)
        conn_close(conn, SOTTO_GOODBYE_SLOW, "resume");
    if (conn->state != CONN_OPEN) {
        frame_unref(take_buf, 1);
        return;
    }
    conn_append(conn, take_buf);
}

void
conn_send_pong(struct conn *conn, struct frame_buf *take_buf)
{
    struct out *waiting = conn->pong;

    if (conn->state == CONN_OPEN && take_buf && waiting &&
        !(waiting == conn->out_first && conn->out_offset)) {
        conn->out_bytes += take_buf->size - waiting->buf->size;
        frame_unref(waiting->buf, 1);
        waiting->buf = take_buf;
        return;
    }
    conn_send(conn, take_buf);
    conn->pong = conn->state == CONN_OPEN ? conn->out_last : NULL;
}

/* ---- writing ---- */

static size_t
gather(const struct conn *conn, struct iovec iov[IOV_COUNT])
{
    size_t offset = conn->out_offset;
    size_t count = 0;

    for (struct out *out = conn->out_first; out && count < IOV_COUNT; out = out->next) {
        iov[count].iov_base = out->buf->data + offset;
        iov[count].iov_len = out->buf->size - offset;
        count++;
        offset = 0;
    }
    return count;
}

static void
written(struct conn *conn, size_t size)
{
    conn->out_bytes -= (uint32_t)size;
    while (size) {
        size_t left = conn->out_first->buf->size - conn->out_offset;

        if (size < left) {
            conn->out_offset += (uint32_t)size;
            return;
        }
        size -= left;
        shift(conn);
    }
}

/* One sendmsg: true if there may be more to do. */
static bool
write_some(struct conn *conn)
{
    struct iovec iov[IOV_COUNT];
    struct msghdr message = {.msg_iov = iov};
    ssize_t n;

    message.msg_iovlen = gather(conn, iov);
    do
        n = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN)) {
        conn->blocked = true;
        return false;
    }
    if (n < 0) {
        conn_drop(conn);
        return false;
    }
    metric_add(conn->loop->io->bytes_out, 0, (double)n);
    written(conn, (size_t)n);
    return conn->out_first != NULL;
}

void
conn_shut(struct conn *conn)
{
    conn->awaits_end = false;
    conn->shut = true;
    shutdown(conn->fd, SHUT_WR);
}

void
conn_flush(struct conn *conn)
{
    if (conn->state == CONN_CLOSED)
        return;
    conn->blocked = false;
    while (conn->out_first && write_some(conn))
        continue;
    if (conn->state == CONN_CLOSED)
        return;
    if (!conn->out_first) {
        conn->pongs = 0;
        if (conn->state == CONN_CLOSING && !conn->shut && !conn->awaits_end)
            conn_shut(conn);
    } else {
        hold(conn);
    }
    conn_poll(conn);
}

void
conn_flush_dirty(struct io_loop *loop)
{
    while (loop->dirty) {
        struct conn *conn = loop->dirty;

        loop->dirty = conn->next_dirty;
        conn->dirty = false;
        if (!conn->blocked)
            conn_flush(conn);
        conn_unref(conn);
    }
}
