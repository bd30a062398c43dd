/* SPDX-License-Identifier: MIT */
/*
 * The virtual clock of the test host and the timers on it. Time stands still until the test moves it; a timer then
 * fires exactly when it is due, however far the step goes.
 */
#include "harness_internal.h"

#include <assert.h>
#include <stdlib.h>

#define STEPS_MAX 100000

static struct sotto_timer *
timer_start(struct sotto_host *host, uint32_t delay_ms, uint32_t repeat_ms, sotto_timer_fn *fn,
            void *arg)
{
    struct harness *h = harness_of(host);
    struct sotto_timer *timer = harness_alloc(sizeof(*timer));

    harness_check_logic(h);
    *timer = (struct sotto_timer){
        .next = h->timers,
        .harness = h,
        .due_ms = h->now_ms + delay_ms,
        .repeat_ms = repeat_ms,
        .fn = fn,
        .arg = arg,
    };
    h->timers = timer;
    return timer;
}

static void
timer_free(struct sotto_timer *timer)
{
    struct sotto_timer **link = &timer->harness->timers;

    while (*link != timer)
        link = &(*link)->next;
    *link = timer->next;
    free(timer);
}

void
harness_timers_fini(struct harness *h)
{
    while (h->timers) {
        struct sotto_timer *timer = h->timers;

        h->timers = timer->next;
        free(timer);
    }
}

static void
timer_stop(struct sotto_timer *timer)
{
    if (!timer)
        return;
    harness_check_logic(timer->harness);
    /* Freed later when its own function stops it, see fire. */
    if (timer->stopped)
        return;
    timer->stopped = true;
    if (timer->fn)
        timer_free(timer);
}

const struct sotto_timer_api harness_timer_api = {
    .struct_size = sizeof(harness_timer_api),
    .start = timer_start,
    .stop = timer_stop,
};

static struct sotto_timer *
timer_earliest(struct harness *h, int64_t until_ms)
{
    struct sotto_timer *earliest = NULL;

    for (struct sotto_timer *timer = h->timers; timer; timer = timer->next) {
        if (timer->due_ms <= until_ms && (!earliest || timer->due_ms <= earliest->due_ms))
            earliest = timer;
    }
    return earliest;
}

static void
fire(struct harness *h, struct sotto_timer *timer)
{
    sotto_timer_fn *fn = timer->fn;

    timer->fn = NULL; /* marks it as running, so that timer_stop leaves the memory alone */
    fn(h->state, timer->arg);
    timer->fn = fn;
    if (timer->stopped || timer->repeat_ms == 0)
        timer_free(timer);
    else
        timer->due_ms += timer->repeat_ms;
}

int64_t
harness_now_ms(const struct harness *h)
{
    return h->now_ms;
}

void
harness_advance_ms(struct harness *h, int64_t ms)
{
    int64_t until_ms = h->now_ms + ms;
    struct sotto_timer *timer;

    harness_run(h);
    for (int step = 0; (timer = timer_earliest(h, until_ms)) != NULL; step++) {
        assert(step < STEPS_MAX && "timers without end");
        if (timer->due_ms > h->now_ms)
            h->now_ms = timer->due_ms;
        fire(h, timer);
        harness_run(h);
    }
    h->now_ms = until_ms;
}
