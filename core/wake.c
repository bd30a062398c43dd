/* SPDX-License-Identifier: MIT */
/* See wake.h. An eventfd carries the wake-up; the flag keeps all but the first of a turn from writing to it. */
#include "core/wake.h"

#include "sotto/error.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void
on_readable(uv_poll_t *poll, int status, int events)
{
    struct wake *wake = poll->data;
    eventfd_t count;

    (void)status;
    (void)events;
    eventfd_read(wake->fd, &count);
    /* Where both share a CPU the waking thread was just taken off it: let it finish what it had to say, which then is
     * one turn here and not one for each piece. */
    sched_yield();
    /* Whoever raises it from here on writes again. An exchange, since it also takes what the others wrote. */
    atomic_exchange(&wake->raised, false);
    wake->fn(wake);
}

int
wake_init(struct wake *wake, uv_loop_t *loop, wake_fn *fn, void *data)
{
    *wake = (struct wake){.fn = fn, .data = data};
    wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake->fd < 0)
        return SOTTO_ENOMEM;
    /* An eventfd can be polled; nothing else can fail here. */
    if (uv_poll_init(loop, &wake->poll, wake->fd) != 0) {
        close(wake->fd);
        return SOTTO_ENOMEM;
    }
    wake->poll.data = wake;
    uv_poll_start(&wake->poll, UV_READABLE, on_readable);
    return 0;
}

void
wake_raise(struct wake *wake)
{
    if (!atomic_exchange(&wake->raised, true))
        eventfd_write(wake->fd, 1);
}

static void
on_closed(uv_handle_t *handle)
{
    struct wake *wake = handle->data;

    close(wake->fd);
    wake->closed(wake);
}

void
wake_close(struct wake *wake, wake_fn *closed)
{
    wake->closed = closed;
    uv_close((uv_handle_t *)&wake->poll, on_closed);
}
