/* SPDX-License-Identifier: MIT */
/* See timer.h. A timer is one allocation, freed in its close callback as libuv asks. */
#include "core/timer.h"

#include "core/host.h"

#include <assert.h>
#include <stdlib.h>

struct sotto_timer {
    uv_timer_t handle;
    struct sotto_timer *next, *previous; /* among the timers that are not stopped */
    struct timers *timers;
    struct host_module *owner;
    sotto_timer_fn *fn;
    void *arg;
    bool repeats;
};

struct timers {
    uv_loop_t *loop;
    struct sotto_timer *first;
};

int
timers_create(uv_loop_t *loop, struct timers **timers_out)
{
    struct timers *timers = calloc(1, sizeof(*timers));

    if (!timers)
        return SOTTO_ENOMEM;
    timers->loop = loop;
    *timers_out = timers;
    return 0;
}

static void
on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Takes the timer off the list; the loop frees it later. */
static void
end_timer(struct sotto_timer *timer)
{
    if (timer->previous)
        timer->previous->next = timer->next;
    else
        timer->timers->first = timer->next;
    if (timer->next)
        timer->next->previous = timer->previous;
    timer->timers = NULL;
    uv_close((uv_handle_t *)&timer->handle, on_closed);
}

void
timers_destroy(struct timers **take_timers)
{
    struct timers *timers = *take_timers;

    *take_timers = NULL;
    if (!timers)
        return;
    while (timers->first)
        end_timer(timers->first);
    free(timers);
}

static void
on_timeout(uv_timer_t *handle)
{
    struct sotto_timer *timer = handle->data;
    struct host_module *owner = timer->owner;
    struct host_call call;

    if (owner)
        host_enter(&call, owner, "timer");
    timer->fn(owner ? owner->state : NULL, timer->arg);
    if (owner)
        host_leave(&call);
    /* fn may have stopped it already; the memory stays until the loop's close callbacks. */
    if (!timer->repeats && timer->timers)
        end_timer(timer);
}

struct sotto_timer *
timer_start(struct timers *timers, struct host_module *owner, uint32_t delay_ms, uint32_t repeat_ms,
            sotto_timer_fn *fn, void *arg)
{
    struct sotto_timer *timer;

    assert(timers && fn);
    timer = calloc(1, sizeof(*timer));
    if (!timer)
        return NULL;
    timer->timers = timers;
    timer->owner = owner;
    timer->fn = fn;
    timer->arg = arg;
    timer->repeats = repeat_ms > 0;
    timer->handle.data = timer;
    uv_timer_init(timers->loop, &timer->handle);
    /* The loop's clock is that of its last turn; a callback before this one may have taken a while. */
    uv_update_time(timers->loop);
    uv_timer_start(&timer->handle, on_timeout, delay_ms, repeat_ms);
    timer->next = timers->first;
    if (timers->first)
        timers->first->previous = timer;
    timers->first = timer;
    return timer;
}

void
timer_stop(struct sotto_timer *timer)
{
    if (timer && timer->timers)
        end_timer(timer);
}

void
timers_stop_owner(struct timers *timers, const struct host_module *owner)
{
    struct sotto_timer *next;

    for (struct sotto_timer *timer = timers->first; timer; timer = next) {
        next = timer->next;
        if (timer->owner == owner)
            end_timer(timer);
    }
}

size_t
timers_count(const struct timers *timers, const struct host_module *owner)
{
    size_t count = 0;

    for (const struct sotto_timer *timer = timers->first; timer; timer = timer->next)
        count += timer->owner == owner;
    return count;
}

/* ---- sotto.timer/1 --------------------------------------------------------------------------------- */

static struct sotto_timer *
host_timer_start(struct sotto_host *host, uint32_t delay_ms, uint32_t repeat_ms, sotto_timer_fn *fn,
                 void *arg)
{
    struct host_module *module = host_module(host);

    host_assert_logic(module);
    return timer_start(module->core->timers, module, delay_ms, repeat_ms, fn, arg);
}

const struct sotto_timer_api timer_api = {
    .struct_size = sizeof(struct sotto_timer_api),
    .start = host_timer_start,
    .stop = timer_stop,
};
