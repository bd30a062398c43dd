/* SPDX-License-Identifier: MIT */
/* struct sotto_api and sotto.metric/1: what every module gets, whatever it asked for. */
#include "core/host_impl.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/metric.h"
#include "core/rpc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void SOTTO_PRINTF(3, 4) api_log(struct sotto_host *base, int level, const char *format, ...)
{
    const struct host_module *module = host_module(base);
    const struct core *core = module->core;
    const uv_thread_t self = uv_thread_self();
    const char *trace = "";
    va_list args;

    /* On the logic thread the line belongs to the request whose handler runs. */
    if (core->rpc && uv_thread_equal(&self, &core->host->logic_thread))
        trace = rpc_trace(core->rpc);
    va_start(args, format);
    log_vwrite(core->log, level, module->name, trace, format, args);
    va_end(args);
}

/* A function on its way to the logic thread. */
struct post {
    struct host_module *module;
    void (*fn)(void *state, void *arg);
    void *arg;
};

static void
run_post(void *arg)
{
    struct post *post = arg;
    struct host_module *module = post->module;
    struct host_call call;

    if (module->phase != HOST_FAILED && module->phase != HOST_STOPPED) {
        host_enter(&call, module, "post");
        post->fn(module->state, post->arg);
        host_leave(&call);
    }
    free(post);
}

static int
api_post(struct sotto_host *base, void (*fn)(void *state, void *arg), void *arg)
{
    struct host_module *module = host_module(base);
    struct post *post = malloc(sizeof(*post));
    int error;

    if (!post)
        return SOTTO_EAGAIN;
    *post = (struct post){.module = module, .fn = fn, .arg = arg};
    error = loop_post(module->core->logic, run_post, post);
    if (error)
        free(post);
    return error ? SOTTO_EAGAIN : 0;
}

static const void *
api_get_iface(struct sotto_host *base, const char *name, uint16_t major, uint16_t min_minor)
{
    const struct {
        const char *name;
        const void *table;
    } offered[] = {
        {"sotto.conf", base->conf},       {"sotto.rpc", base->rpc},
        {"sotto.session", base->session}, {"sotto.broker", base->broker},
        {"sotto.db", base->db},           {"sotto.job", base->job},
        {"sotto.timer", base->timer},     {"sotto.metric", base->metric},
    };

    for (size_t i = 0; i < sizeof(offered) / sizeof(offered[0]); i++)
        if (strcmp(offered[i].name, name) == 0)
            return major == 1 && min_minor == 0 ? offered[i].table : NULL;
    return NULL;
}

static int64_t
api_now_ms(struct sotto_host *base)
{
    (void)base;
    return clock_wall_ms();
}

static int64_t
api_mono_ms(struct sotto_host *base)
{
    (void)base;
    return clock_mono_ms();
}

static const char *
api_data_dir(struct sotto_host *base)
{
    return host_module(base)->core->settings->data;
}

static const char *
api_server_name(struct sotto_host *base)
{
    return host_module(base)->core->settings->name;
}

const struct sotto_api host_api = {
    .struct_size = sizeof(struct sotto_api),
    .log = api_log,
    .post = api_post,
    .get_iface = api_get_iface,
    .now_ms = api_now_ms,
    .mono_ms = api_mono_ms,
    .data_dir = api_data_dir,
    .server_name = api_server_name,
};

static void
metric_api_add(struct sotto_host *base, uint32_t row, uint32_t value, double amount)
{
    const struct host_module *module = host_module(base);

    assert(row < module->descriptor->metrics.count);
    metric_add(module->metrics[row], value, amount);
}

const struct sotto_metric_api host_metric_api = {
    .struct_size = sizeof(struct sotto_metric_api),
    .add = metric_api_add,
};
