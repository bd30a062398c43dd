/* SPDX-License-Identifier: MIT */
/*
 * The last words of a server that stops, at every connection of every loop: no more accepting, then the notice that
 * says how long answers still come, then Goodbye and the close. drain.c says when. The notice and the Goodbye are
 * encoded once.
 */
#include "core/io.h"

#include <assert.h>
#include <stdlib.h>

#include "core/io_loop.h"
#include "sotto/session.h"

/* ---- listening sockets, loop 0 ---- */

void
io_close_listeners(struct io *io)
{
    while (io->listeners) {
        struct listener *listener = io->listeners;

        io->listeners = listener->next;
        listener_close(listener);
    }
}

struct note {
    struct queue_item item;
    struct io_loop *loop;
};

static void
run_stop_accepting(struct queue_item *item)
{
    io_close_listeners(((struct note *)item)->loop->io);
    free(item);
}

void
io_stop_accepting(struct io *io)
{
    struct note *note = malloc(sizeof(*note));

    if (!note)
        return; /* io_destroy closes them as well */
    note->loop = &io->loops[0];
    queue_push_one(&io->loops[0].inbox, &note->item, run_stop_accepting);
}

/* ---- the notice ---- */

static struct frame_buf *
borrow(struct frame_buf *buf)
{
    if (buf)
        frame_ref(buf, 1);
    return buf;
}

/* Who has not come to frames yet is answered for good. */
static void
notify_list(struct io_loop *loop, struct conn_list *list)
{
    struct conn *conn = list->first;

    while (conn) {
        struct conn *next = conn->link.next;
        const enum frame_wire wire = conn->door->wire;

        if (frame_wire_has_frames(wire))
            conn_send(conn, borrow(loop->io->notice[wire]));
        else
            conn_end(conn, borrow(loop->io->notice[wire]));
        conn = next;
    }
}

static void
run_notice(struct queue_item *item)
{
    struct io_loop *loop = MAP_OF(item, struct io_loop, notice_item);

    notify_list(loop, &loop->unattached);
    notify_list(loop, &loop->live);
}

void
io_notify_all(struct io *io, int code, const char *reason, uint32_t closes_in_ms)
{
    const struct frame_farewell farewell = {.code = (uint32_t)code,
                                            .reason = reason,
                                            .resume_after_ms = CONN_RESUME_AFTER_MS,
                                            .closes_in_ms = closes_in_ms};

    assert(!io->notified);
    io->notified = true;
    for (enum frame_wire wire = 0; wire < FRAME_WIRE_COUNT; wire++)
        io->notice[wire] = frame_goodbye(wire, &farewell);
    for (uint32_t i = 0; i < io->loop_count; i++)
        io_send(&io->loops[i], &io->loops[i].notice_item, run_notice);
}

/* ---- the end ---- */

static void
goodbye_list(struct io_loop *loop, struct conn_list *list)
{
    while (list->first)
        conn_end(list->first, borrow(loop->io->goodbye[list->first->door->wire]));
}

static void
run_goodbye(struct queue_item *item)
{
    struct io_loop *loop = MAP_OF(item, struct io_loop, goodbye_item);

    goodbye_list(loop, &loop->unattached);
    goodbye_list(loop, &loop->live);
}

void
io_goodbye_all(struct io *io, int code, const char *reason)
{
    if (io->goodbye_code)
        return; /* once */
    io->goodbye_code = code;
    for (enum frame_wire wire = 0; wire < FRAME_WIRE_COUNT; wire++)
        io->goodbye[wire] = conn_goodbye(wire, code, reason);
    for (uint32_t i = 0; i < io->loop_count; i++)
        io_send(&io->loops[i], &io->loops[i].goodbye_item, run_goodbye);
}
