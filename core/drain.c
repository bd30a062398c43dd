/* SPDX-License-Identifier: MIT */
/* The steps of the orderly end, driven by one timer; see drain.h. Together they stay within 10 s. */
#include "core/drain.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

#include "core/host.h"
#include "core/io.h"
#include "core/loop.h"
#include "core/rpc.h"
#include "core/settings.h"
#include "sotto/session.h"

#define POLL_MS 20
#define CLIENTS_MS 5000 /* for clients to go, at most; limits.drain_timeout may ask for less */
#define GOODBYE_MS 2500 /* for send queues and peers */
#define GOODBYE_REASON "the server stops"

enum step {
    STEP_CLIENTS,
    STEP_MODULES,
    STEP_GOODBYE,
};

struct drain {
    struct core *core;
    uv_timer_t timer;
    enum step step;
    uint64_t until_ms; /* of the step */
    bool modules_stopped;
    sotto_done_fn *done;
    void *arg;
};

static void
begin_step(struct drain *drain, enum step step, uint64_t at_most_ms)
{
    drain->step = step;
    drain->until_ms = loop_now(drain->core->logic) + at_most_ms;
}

static void
on_closed(uv_handle_t *handle)
{
    struct drain *drain = handle->data;
    sotto_done_fn *done = drain->done;
    void *arg = drain->arg;

    free(drain);
    done(arg);
}

static void
on_modules_stopped(void *arg)
{
    struct drain *drain = arg;

    drain->modules_stopped = true;
}

/* Who is left when the clients' time is over. */
static void
tell_left(const struct core *core)
{
    if (rpc_open(core->rpc))
        log_warn(core->log, "drain: %zu requests are still open and will be cut off",
                 rpc_open(core->rpc));
    if (io_connections(core->io))
        log_info(core->log, "drain: %zu connections are still open and will be closed",
                 io_connections(core->io));
}

/* The next step, when this one is through or out of time. */
static void
advance(struct drain *drain)
{
    struct core *core = drain->core;
    bool late = loop_now(core->logic) >= drain->until_ms;

    switch (drain->step) {
    case STEP_CLIENTS:
        if ((rpc_open(core->rpc) || io_connections(core->io)) && !late)
            return;
        tell_left(core);
        begin_step(drain, STEP_MODULES, DRAIN_MODULES_MS);
        host_stop(core->host, DRAIN_MODULES_MS, on_modules_stopped, drain);
        return;
    case STEP_MODULES:
        if (!drain->modules_stopped)
            return; /* host_stop keeps its own time */
        begin_step(drain, STEP_GOODBYE, GOODBYE_MS);
        io_goodbye_all(core->io, SOTTO_GOODBYE_SHUTDOWN, GOODBYE_REASON);
        return;
    case STEP_GOODBYE:
        if (io_connections(core->io) && !late)
            return;
        uv_timer_stop(&drain->timer);
        uv_close((uv_handle_t *)&drain->timer, on_closed);
        return;
    }
}

static void
on_timer(uv_timer_t *timer)
{
    advance(timer->data);
}

void
drain_start(struct core *core, sotto_done_fn *done, void *arg)
{
    struct drain *drain = calloc(1, sizeof(*drain));
    const uint64_t asked_ms = (uint64_t)core->settings->limits.drain_ms;
    const uint64_t clients_ms = asked_ms < CLIENTS_MS ? asked_ms : CLIENTS_MS;

    assert(drain); /* a process that cannot end in order ends with its supervisor watching */
    drain->core = core;
    drain->done = done;
    drain->arg = arg;
    io_stop_accepting(core->io);
    rpc_drain(core->rpc);
    host_quiesce(core->host);
    if (clients_ms)
        io_notify_all(core->io, SOTTO_GOODBYE_SHUTDOWN, GOODBYE_REASON, (uint32_t)clients_ms);
    begin_step(drain, STEP_CLIENTS, clients_ms);
    uv_timer_init(loop_uv(core->logic), &drain->timer);
    drain->timer.data = drain;
    uv_timer_start(&drain->timer, on_timer, 0, POLL_MS);
}
