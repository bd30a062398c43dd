/* SPDX-License-Identifier: MIT */
/*
 * The way down: quiesce for all, then stop one module after the other in reverse order. A module is stopped when it
 * said so and nothing of it is under way in the store or in the job pool. One that never says so is named in the
 * log and left behind; the whole has a time limit.
 */
#include "core/host_impl.h"

#include "core/broker.h"
#include "core/job.h"
#include "core/loader.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/module_conf.h"
#include "core/rpc.h"
#include "core/store.h"
#include "core/timer.h"

#include <assert.h>
#include <stdlib.h>

#define POLL_MS 2

struct stopping {
    struct host *host;
    uv_timer_t timer;
    size_t left; /* modules[left - 1] is the one that stops */
    bool asked;  /* its stop was called */
    uint64_t until_ms;
    sotto_done_fn *done;
    void *arg;
};

static void
on_module_done(void *arg)
{
    struct host_module *module = arg;

    module->stop_done = true;
}

void
host_quiesce(struct host *host)
{
    for (size_t i = host->count; i > 0; i--) {
        struct host_module *module = host->modules[i - 1];
        struct host_call call;

        if (module->phase != HOST_STARTED)
            continue;
        rpc_drain_module(host->core->rpc, module);
        module->phase = HOST_QUIESCING;
        if (!module->descriptor->quiesce)
            continue;
        host_enter(&call, module, "quiesce");
        module->descriptor->quiesce(module->state);
        host_leave(&call);
    }
}

static void
ask_to_stop(struct host_module *module)
{
    struct host_call call;

    if (!module->descriptor->stop) {
        module->stop_done = true;
        return;
    }
    host_enter(&call, module, "stop");
    module->descriptor->stop(module->state, on_module_done, module);
    host_leave(&call);
}

static bool
is_at_rest(const struct host_module *module)
{
    return module->stop_done && store_open_jobs(module->core->store, module->store) == 0 &&
           job_quota_open(module->jobs) == 0;
}

static void
end_module(struct host_module *module, bool late)
{
    struct core *core = module->core;

    module->overdue = late;
    if (late)
        log_error(core->log,
                  "module \"%s\" has not stopped in time (%s, %zu store jobs, %u pool jobs)",
                  module->name, module->stop_done ? "it said done" : "it never said done",
                  store_open_jobs(core->store, module->store), job_quota_open(module->jobs));
    timers_stop_owner(core->timers, module);
    broker_drop_module(core->broker, module);
    module->phase = late ? HOST_FAILED : HOST_STOPPED; /* nothing of a failed one is called again */
}

static void
on_closed(uv_handle_t *handle)
{
    struct stopping *stopping = handle->data;
    sotto_done_fn *done = stopping->done;
    void *arg = stopping->arg;

    free(stopping);
    done(arg);
}

static void
on_poll(uv_timer_t *timer)
{
    struct stopping *stopping = timer->data;
    struct host *host = stopping->host;

    while (stopping->left > 0) {
        struct host_module *module = host->modules[stopping->left - 1];
        const bool late = uv_now(timer->loop) >= stopping->until_ms;

        if (module->phase == HOST_QUIESCING) {
            if (!stopping->asked)
                ask_to_stop(module);
            stopping->asked = true;
            if (!is_at_rest(module) && !late)
                return;
            end_module(module, !is_at_rest(module));
        }
        stopping->left--;
        stopping->asked = false;
    }
    uv_timer_stop(timer);
    uv_close((uv_handle_t *)timer, on_closed);
}

void
host_stop(struct host *host, uint32_t timeout_ms, sotto_done_fn *done, void *arg)
{
    struct stopping *stopping = calloc(1, sizeof(*stopping));
    uv_loop_t *loop = loop_uv(host->core->logic);

    assert(stopping);
    stopping->host = host;
    stopping->left = host->count;
    stopping->done = done;
    stopping->arg = arg;
    host_quiesce(host);
    uv_timer_init(loop, &stopping->timer);
    stopping->timer.data = stopping;
    uv_update_time(loop);
    stopping->until_ms = uv_now(loop) + timeout_ms;
    uv_timer_start(&stopping->timer, on_poll, 0, POLL_MS);
}

void
host_destroy(struct host **take_host)
{
    struct host *host = *take_host;

    *take_host = NULL;
    if (!host)
        return;
    for (size_t i = host->count; i > 0; i--) {
        struct host_module *module = host->modules[i - 1];

        /* One that did not stop in time may still have something running: its state is left alone. */
        if (module->inited && !module->overdue)
            module->descriptor->fini(module->state);
        module_conf_destroy(&module->conf);
    }
    for (size_t i = 0; i < host->count; i++) {
        struct loaded *loaded = host->modules[i]->loaded;

        free(host->modules[i]->metrics);
        loader_close(&loaded);
        free(host->modules[i]);
    }
    free(host);
}
