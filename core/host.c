/* SPDX-License-Identifier: MIT */
/*
 * The life of the modules up to start, and the tables that each of them gets. See host.h; the way down is in
 * host_stop.c.
 *
 * A module that refuses is an error if the operator calls it required, which is the preset; otherwise it is
 * marked failed and never called again, and so is everything that needs it.
 */
#include "core/host_impl.h"

#include "core/broker.h"
#include "core/job.h"
#include "core/loader.h"
#include "core/loop.h"
#include "core/module_conf.h"
#include "core/rpc.h"
#include "core/session.h"
#include "core/settings.h"
#include "core/store.h"
#include "core/timer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void SOTTO_PRINTF(3, 4)
    fail_module(struct host_module *module, struct conf_errors *errors, const char *format, ...);

/* ---- Look-ups -------------------------------------------------------------------------------------- */

size_t
host_count(const struct host *host)
{
    return host->count;
}

struct host_module *
host_at(const struct host *host, size_t index)
{
    assert(index < host->count);
    return host->modules[index];
}

/* ---- Failing --------------------------------------------------------------------------------------- */

/* One line for the operator, from a part of the server that knows no file of the conf. */
static void
complain(struct host_module *module, struct conf_errors *errors, const char *text)
{
    const struct settings_module *settings = module->settings;

    if (settings->required)
        conf_error(errors, settings->file, settings->line, "module", "\"%s\": %s", module->name,
                   text);
    else
        log_error(module->core->log, "%s:%u: module \"%s\": %s; it is not required and stays out",
                  settings->file, settings->line, module->name, text);
}

/* Whether the module requires something that other provides. */
static bool
leans_on(const struct host_module *module, const struct host_module *other)
{
    const struct sotto_dep_row *rows = module->descriptor->deps.items;

    for (uint32_t i = 0; i < module->descriptor->deps.count; i++)
        if (rows[i].kind == SOTTO_DEP_REQUIRES && loader_provides(other->descriptor, rows[i].what))
            return true;
    return false;
}

/* Takes the module out of service, and whatever needs it. */
static void
fail_module(struct host_module *module, struct conf_errors *errors, const char *format, ...)
{
    struct host *host = module->core->host;
    char text[700];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    complain(module, errors, text);
    module->phase = HOST_FAILED;
    if (module->registered) {
        rpc_drain_module(host->core->rpc, module);
        broker_drop_module(host->core->broker, module);
    }
    if (module->store)
        store_forget_module(module->store);
    for (size_t i = 0; i < host->count; i++)
        if (host->modules[i]->phase != HOST_FAILED && leans_on(host->modules[i], module))
            fail_module(host->modules[i], errors, "needs module \"%s\", which cannot run",
                        module->name);
}

/* ---- Loading --------------------------------------------------------------------------------------- */

int
host_create(struct core *core, struct host **host_out)
{
    struct host *host = calloc(1, sizeof(*host));

    if (!host)
        return SOTTO_ENOMEM;
    host->core = core;
    host->logic_thread = uv_thread_self();
    *host_out = host;
    return 0;
}

static void
set_tables(struct host_module *module)
{
    module->base = (struct sotto_host){
        .api = &host_api,
        .conf = &module_conf_api,
        .rpc = &rpc_api,
        .session = &session_api,
        .broker = &broker_api,
        .db = &store_api,
        .job = &job_api,
        .timer = &timer_api,
        .metric = &host_metric_api,
    };
}

/* Opens the enabled modules; returns how many are open. */
static size_t
open_modules(struct host *host, struct loaded **loaded, const struct settings_module **from,
             struct conf_errors *errors)
{
    const struct settings *settings = host->core->settings;
    size_t count = 0;

    for (size_t i = 0; i < settings->module_count; i++) {
        const struct settings_module *module = &settings->modules[i];
        struct sotto_err err;
        char key[64];

        if (!module->enabled)
            continue;
        snprintf(key, sizeof(key), "module \"%s\"", module->name);
        if (loader_open(settings->module_dir, module->name, &loaded[count], &err) == 0)
            from[count++] = module;
        else if (module->required)
            conf_error(errors, module->file, module->line, key, "%s", err.text);
        else
            log_error(host->core->log, "%s:%u: %s: %s; it is not required and stays out",
                      module->file, module->line, key, err.text);
    }
    return count;
}

static int
add_module(struct host *host, struct loaded **take_loaded, const struct settings_module *settings)
{
    struct host_module *module = calloc(1, sizeof(*module));

    if (!module) {
        loader_close(take_loaded);
        return SOTTO_ENOMEM;
    }
    set_tables(module);
    module->core = host->core;
    module->descriptor = loaded_descriptor(*take_loaded);
    module->name = module->descriptor->name;
    module->settings = settings;
    module->loaded = *take_loaded;
    *take_loaded = NULL;
    module->index = (uint32_t)host->count;
    host->modules[host->count++] = module;
    return 0;
}

int
host_load(struct host *host, struct conf_errors *errors)
{
    struct loaded *loaded[SETTINGS_MODULES_MAX] = {NULL};
    const struct settings_module *from[SETTINGS_MODULES_MAX];
    struct loader_node nodes[SETTINGS_MODULES_MAX];
    size_t order[SETTINGS_MODULES_MAX];
    const size_t errors_before = errors->count;
    struct conf_errors warnings = {0};
    const size_t count = open_modules(host, loaded, from, errors);
    int placed;

    for (size_t i = 0; i < count; i++)
        nodes[i] = (struct loader_node){.descriptor = loaded_descriptor(loaded[i]),
                                        .file = from[i]->file,
                                        .line = from[i]->line,
                                        .required = from[i]->required};
    placed = loader_order(nodes, count, order, errors, &warnings);
    if (warnings.count)
        log_error(host->core->log, "modules stay out: %s", buf_text(&warnings.text));
    conf_errors_fini(&warnings);
    for (int i = 0; i < placed; i++)
        if (add_module(host, &loaded[order[i]], from[order[i]]) != 0)
            placed = SOTTO_ENOMEM;
    for (size_t i = 0; i < count; i++)
        loader_close(&loaded[i]);
    return placed < 0 ? placed : errors->count > errors_before ? SOTTO_EPRECONDITION : 0;
}

/* ---- Configure and migrate ------------------------------------------------------------------------- */

/* The conf file and configure(); mistakes go to errors. */
static void
configure_module(struct host_module *module, struct conf_errors *errors)
{
    const struct sotto_module *descriptor = module->descriptor;
    struct host_call call;
    int status = 0;

    module->conf = module_conf_create(module->core->settings, module->settings, descriptor, errors);
    if (!module->conf) {
        conf_error(errors, module->settings->file, module->settings->line, "module",
                   "out of memory");
        return;
    }
    /* Only complete values reach the module. */
    if (errors->count == 0 && descriptor->configure) {
        host_enter(&call, module, "configure");
        status = descriptor->configure(&module->base, module->conf);
        host_leave(&call);
    }
    if (status < 0 && errors->count == 0)
        conf_error(errors, module->settings->file, module->settings->line, "module",
                   "\"%s\" refuses its configuration (%s)", module->name, sotto_error_code(status));
    module_conf_configured(module->conf);
}

int
host_configure(struct host *host, struct conf_errors *errors)
{
    const size_t errors_before = errors->count;

    for (size_t i = 0; i < host->count; i++) {
        struct host_module *module = host->modules[i];
        struct conf_errors own = {0};

        if (module->phase == HOST_FAILED)
            continue;
        configure_module(module, &own);
        if (own.count == 0) {
            module->phase = HOST_CONFIGURED;
        } else if (module->settings->required) {
            buf_add(&errors->text, own.text.data, own.text.size);
            errors->count += own.count;
            module->phase = HOST_FAILED;
        } else {
            fail_module(module, errors, "%s", buf_text(&own.text));
        }
        conf_errors_fini(&own);
    }
    return errors->count > errors_before ? SOTTO_EPRECONDITION : 0;
}

int
host_migrate(struct host *host, struct conf_errors *errors)
{
    const size_t errors_before = errors->count;

    for (size_t i = 0; i < host->count; i++) {
        struct host_module *module = host->modules[i];
        const struct sotto_module *descriptor = module->descriptor;
        struct sotto_err err = {{0}};

        if (module->phase == HOST_FAILED)
            continue;
        module->store = store_add_module(host->core->store, module, module->name,
                                         &descriptor->statements, descriptor->writer);
        if (!module->store)
            fail_module(module, errors, "out of memory");
        else if (store_migrate(host->core->store, module->store, &descriptor->migrations, &err) !=
                 0)
            fail_module(module, errors, "%s", err.text);
        else
            module->phase = HOST_MIGRATED;
    }
    return errors->count > errors_before ? SOTTO_EPRECONDITION : 0;
}

int
host_check_migrations(struct host *host, const char *path, struct conf_errors *errors)
{
    const size_t errors_before = errors->count;

    for (size_t i = 0; i < host->count; i++) {
        struct host_module *module = host->modules[i];
        struct sotto_err err = {{0}};

        if (module->phase != HOST_FAILED &&
            store_check_migrations(path, module->name, &module->descriptor->migrations, &err) != 0)
            complain(module, errors, err.text);
    }
    return errors->count > errors_before ? SOTTO_EPRECONDITION : 0;
}

/* ---- Init and start -------------------------------------------------------------------------------- */

static int
add_metrics(struct host_module *module, struct sotto_err *err)
{
    static const struct sotto_metric_row callbacks = {
        .name = "callback_seconds",
        .type = SOTTO_METRIC_HISTOGRAM,
        .help = "Time that callbacks of the module held the logic thread."};
    const struct sotto_metric_row *rows = module->descriptor->metrics.items;
    const uint32_t count = module->descriptor->metrics.count;

    module->metrics = calloc(count ? count : 1, sizeof(*module->metrics));
    if (!module->metrics)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    module->callback_seconds = metrics_add(module->core->metrics, module->name, &callbacks);
    for (uint32_t i = 0; i < count; i++) {
        module->metrics[i] = metrics_add(module->core->metrics, module->name, &rows[i]);
        if (!module->metrics[i])
            return sotto_err_set(err, SOTTO_EPRECONDITION,
                                 "the metric \"%.60s\" is malformed or there already",
                                 rows[i].name ? rows[i].name : "");
    }
    return 0;
}

/* Everything that the module's tables announce. */
static int
register_module(struct host_module *module, struct sotto_err *err)
{
    struct core *core = module->core;
    int error;

    module->jobs = job_quota_create(core->jobs);
    if (!module->jobs)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    module->registered = true;
    error = add_metrics(module, err);
    if (!error)
        error = rpc_add_module(core->rpc, module, err);
    if (!error)
        error = broker_add_module(core->broker, module, err);
    return error;
}

static int
init_module(struct host_module *module, struct sotto_err *err)
{
    struct host_call call;
    int status;

    host_enter(&call, module, "init");
    status = module->descriptor->init(&module->base, module->conf, &module->state, err);
    host_leave(&call);
    if (status < 0 && !err->text[0])
        sotto_err_set(err, status, "init failed (%s)", sotto_error_code(status));
    return status < 0 ? status : 0;
}

int
host_init(struct host *host, struct conf_errors *errors)
{
    const size_t errors_before = errors->count;
    struct sotto_err err = {{0}};

    for (size_t i = 0; i < host->count; i++) {
        struct host_module *module = host->modules[i];

        err.text[0] = '\0';
        if (module->phase != HOST_FAILED && register_module(module, &err) != 0)
            fail_module(module, errors, "%s", err.text);
    }
    for (size_t i = 0; i < host->count; i++) {
        struct host_module *module = host->modules[i];

        err.text[0] = '\0';
        if (module->phase == HOST_FAILED)
            continue;
        if (init_module(module, &err) != 0)
            fail_module(module, errors, "%s", err.text);
        else
            module->phase = HOST_INITED;
        /* fini copes with a half-built state, but there has to be one. */
        module->inited = module->phase == HOST_INITED || module->state != NULL;
    }
    if (errors->count == errors_before && broker_seal(host->core->broker, &err) != 0)
        conf_error(errors, "modules", 0, NULL, "%s", err.text);
    rpc_seal(host->core->rpc);
    return errors->count > errors_before ? SOTTO_EPRECONDITION : 0;
}

int
host_start(struct host *host, struct conf_errors *errors)
{
    const size_t errors_before = errors->count;

    for (size_t i = 0; i < host->count; i++) {
        struct host_module *module = host->modules[i];
        struct sotto_err err = {{0}};
        struct host_call call;
        int status = 0;

        if (module->phase != HOST_INITED)
            continue;
        if (module->descriptor->start) {
            host_enter(&call, module, "start");
            status = module->descriptor->start(module->state, &err);
            host_leave(&call);
        }
        if (status < 0)
            fail_module(module, errors, "%s", err.text[0] ? err.text : sotto_error_code(status));
        else
            module->phase = HOST_STARTED;
    }
    return errors->count > errors_before ? SOTTO_EPRECONDITION : 0;
}

/* ---- For operators --------------------------------------------------------------------------------- */

void
host_names(const struct host *host, struct buf *out)
{
    bool first = true;

    for (size_t i = 0; i < host->count; i++) {
        if (host->modules[i]->phase == HOST_FAILED)
            continue;
        buf_printf(out, "%s%s", first ? "" : ",", host->modules[i]->name);
        first = false;
    }
}

bool
host_health(const struct host *host, struct buf *out)
{
    static const char *const phases[] = {"loaded",  "configured", "migrated", "inited",
                                         "started", "quiescing",  "stopped",  "failed"};
    bool fit = true;

    for (size_t i = 0; i < host->count; i++) {
        struct host_module *module = host->modules[i];
        struct sotto_err err = {{0}};
        struct host_call call;
        bool ok = module->phase == HOST_STARTED;

        if (ok && module->descriptor->health) {
            host_enter(&call, module, "health");
            ok = module->descriptor->health(module->state, &err) >= 0;
            host_leave(&call);
        }
        buf_printf(out, "{\"module\":\"%s\",\"version\":\"", module->name);
        buf_json(out, module->descriptor->version);
        buf_printf(out, "\",\"state\":\"%s\",\"ok\":%s", phases[module->phase],
                   ok ? "true" : "false");
        if (err.text[0]) {
            buf_puts(out, ",\"reason\":\"");
            buf_json(out, err.text);
            buf_puts(out, "\"");
        }
        buf_puts(out, "}\n");
        fit = fit && (ok || !module->settings->required);
    }
    return fit;
}
