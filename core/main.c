/* SPDX-License-Identifier: MIT */
/*
 * sottod: puts the parts of core.h together, says `ready`, runs the logic loop, and takes everything apart again.
 *
 * Exit: 0 after a drain, 1 for what goes wrong with this machine (a busy port, a damaged file), 78 for a conf
 * file or a module that is refused, after all complaints were printed.
 */
#include "core/admin.h"
#include "core/broker.h"
#include "core/config_doc.h"
#include "core/core.h"
#include "core/door.h"
#include "core/drain.h"
#include "core/host.h"
#include "core/io.h"
#include "core/job.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/metric.h"
#include "core/net_addr.h"
#include "core/pbjson.h"
#include "core/process.h"
#include "core/reserve.h"
#include "core/rpc.h"
#include "core/session.h"
#include "core/settings.h"
#include "core/store.h"
#include "core/timer.h"

#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_RUN = 1, EXIT_CONF = 78 };

struct server {
    struct settings settings;
    struct core core;
    struct conf_errors errors;
    uv_loop_t uv;
    bool uv_open;
    uv_signal_t sigterm, sigint;
    bool stopping;
    int lock;
    char tcp[NET_ADDR_TEXT_MAX], http[NET_ADDR_TEXT_MAX];
    const char *features[SETTINGS_MODULES_MAX];
};

/* ---- Complaints ------------------------------------------------------------------------------------ */

/* Prints what was collected; the code to exit with. */
static int
refuse(struct server *server)
{
    fputs(buf_text(&server->errors.text), stderr);
    if (server->errors.count > CONF_ERRORS_MAX)
        fprintf(stderr, "and %zu more\n", server->errors.count - CONF_ERRORS_MAX);
    return EXIT_CONF;
}

static int
fatal(struct server *server, const char *text)
{
    log_error(server->core.log, "%s", text);
    return EXIT_RUN;
}

/* ---- Modules without a server: --check-config, --dump-config, --config-doc -------------------------- */

static int
inspect(struct server *server)
{
    struct core *core = &server->core;
    const struct settings *settings = core->settings;
    struct sotto_err err;
    struct buf text = {0};

    host_load(core->host, &server->errors);
    /* The files that are to be written need no values that somebody has still to fill in. */
    if (settings->action != SETTINGS_WRITE_CONF) {
        host_configure(core->host, &server->errors);
        host_check_migrations(core->host, settings->store.file, &server->errors);
    }
    if (server->errors.count)
        return refuse(server);
    if (settings->action == SETTINGS_DUMP)
        config_dump(core, &text);
    else if (settings->action == SETTINGS_CHECK)
        buf_puts(&text, "the configuration is in order\n");
    else if (config_write_docs(core, settings->conf_doc, &err) != 0)
        return fatal(server, err.text);
    fputs(buf_text(&text), stdout);
    buf_fini(&text);
    return 0;
}

/* ---- Start ----------------------------------------------------------------------------------------- */

static int
open_log(struct server *server)
{
    const struct settings_log *settings = &server->settings.log;
    const struct log_options options = {.level = (int)settings->level,
                                        .json = settings->format == 1,
                                        .to_stderr = settings->to_stderr,
                                        .file = settings->file,
                                        .rotate_bytes = settings->rotate_bytes,
                                        .rotate_keep = (uint32_t)settings->rotate_keep};
    struct sotto_err err;

    return log_create(&options, &server->core.log, &err) ? fatal(server, err.text) : 0;
}

/* The parts that modules register with. */
static int
create_parts(struct server *server)
{
    struct core *core = &server->core;
    const struct settings *settings = core->settings;
    const struct loop_options loop_options = {
        .queue_capacity = (size_t)settings->limits.logic_queue_items,
        .budget_ms = (uint32_t)settings->limits.callback_warn_ms,
        .log = core->log,
        .metrics = core->metrics};
    const struct job_options job_options = {.threads = (uint32_t)settings->jobs.threads,
                                            .quota = (uint32_t)settings->jobs.quota};
    const struct io_options io_options = {.threads = (uint32_t)settings->io_threads,
                                          .limits = &settings->limits,
                                          .http = &settings->http,
                                          .server_name = settings->name};

    if (loop_create(&server->uv, &loop_options, &core->logic) != 0 ||
        timers_create(&server->uv, &core->timers) != 0 ||
        job_pool_create(&server->uv, &job_options, core->metrics, &core->jobs) != 0 ||
        rpc_create(core, &settings->limits, &core->rpc) != 0 ||
        sessions_create(core, &settings->limits, &core->sessions) != 0 ||
        broker_create(core, &core->broker) != 0 || io_create(core, &io_options, &core->io) != 0 ||
        metrics_add_source(core->metrics, rpc_render_metrics, core->rpc) != 0 ||
        metrics_add_source(core->metrics, broker_render_metrics, core->broker) != 0)
        return fatal(server, "out of memory or threads");
    return 0;
}

static int
open_store(struct server *server)
{
    struct core *core = &server->core;
    struct sotto_err err;

    if (store_create(&server->uv, core->settings->store.file, &core->settings->store, core->log,
                     core->metrics, &core->store, &err) != 0)
        return fatal(server, err.text);
    if (host_migrate(core->host, &server->errors) != 0)
        return refuse(server);
    if (store_start(core->store, &err) != 0)
        return fatal(server, err.text);
    return 0;
}

static int
keep_room(struct server *server)
{
    struct core *core = &server->core;

    return reserve_create(core, &server->uv, &core->reserve) != 0 ? fatal(server, "out of memory")
                                                                  : 0;
}

static int
start_modules(struct server *server)
{
    struct host *host = server->core.host;

    if (host_init(host, &server->errors) != 0 || host_start(host, &server->errors) != 0)
        return refuse(server);
    return 0;
}

static int
open_doors(struct server *server)
{
    struct core *core = &server->core;
    const struct settings_listen *listen = core->settings->listen;
    struct sotto_err err;
    size_t count = 0;

    for (size_t i = 0; i < host_count(core->host); i++)
        if (host_at(core->host, i)->phase == HOST_STARTED)
            server->features[count++] = host_at(core->host, i)->name;
    if (io_start(core->io, server->features, count) != 0)
        return fatal(server, "no threads for connections");
    if (listen[LISTEN_ADMIN].enabled &&
        admin_create(core, &server->uv, listen[LISTEN_ADMIN].address, &core->admin, &err) != 0)
        return fatal(server, err.text);
    if (listen[LISTEN_TCP].enabled && io_listen(core->io, &door_tcp, listen[LISTEN_TCP].address,
                                                server->tcp, sizeof(server->tcp), &err) != 0)
        return fatal(server, err.text);
    if (listen[LISTEN_HTTP].enabled && io_listen(core->io, &door_http, listen[LISTEN_HTTP].address,
                                                 server->http, sizeof(server->http), &err) != 0)
        return fatal(server, err.text);
    return 0;
}

static void
say_ready(struct server *server)
{
    const struct core *core = &server->core;
    const char *tcp = server->tcp[0] ? server->tcp : "-";
    const char *http = server->http[0] ? server->http : "-";
    const char *admin = core->admin ? admin_address(core->admin) : "-";
    struct buf names = {0};

    host_names(core->host, &names);
    printf("ready name=%s tcp=%s http=%s admin=%s pid=%ld modules=%s\n", core->settings->name, tcp,
           http, admin, (long)getpid(), buf_text(&names));
    fflush(stdout);
    log_info(core->log, "ready: tcp %s, http %s, admin %s, modules %s", tcp, http, admin,
             buf_text(&names));
    buf_fini(&names);
}

/* ---- Running and stopping -------------------------------------------------------------------------- */

static void
on_drained(void *arg)
{
    struct server *server = arg;

    uv_stop(&server->uv);
}

static void
on_signal(uv_signal_t *signal, int number)
{
    struct server *server = signal->data;

    if (server->stopping)
        return;
    server->stopping = true;
    process_end_within(DRAIN_SECONDS_MAX);
    log_info(server->core.log, "%s: draining", number == SIGTERM ? "SIGTERM" : "SIGINT");
    if (server->core.admin)
        admin_set_state(server->core.admin, ADMIN_DRAINING);
    drain_start(&server->core, on_drained, server);
}

static void
watch_signal(struct server *server, uv_signal_t *signal, int number)
{
    uv_signal_init(&server->uv, signal);
    signal->data = server;
    uv_signal_start(signal, on_signal, number);
    uv_unref((uv_handle_t *)signal);
}

/* A start that fails later ends the modules that were started as every other stop does: cut off in the middle of reading
 * what they need, they would complain, too. */
static int
end_modules(struct server *server, int status)
{
    process_end_within(DRAIN_SECONDS_MAX);
    host_stop(server->core.host, DRAIN_MODULES_MS, on_drained, server);
    uv_run(&server->uv, UV_RUN_DEFAULT);
    return status;
}

static int
run(struct server *server)
{
    int status = open_store(server);

    if (!status)
        status = keep_room(server);
    if (status)
        return status;
    status = start_modules(server);
    if (!status)
        status = open_doors(server);
    if (status)
        return end_modules(server, status);
    watch_signal(server, &server->sigterm, SIGTERM);
    watch_signal(server, &server->sigint, SIGINT);
    if (server->core.admin)
        admin_set_state(server->core.admin, ADMIN_READY);
    say_ready(server);
    uv_run(&server->uv, UV_RUN_DEFAULT);
    log_info(server->core.log, "stopped");
    uv_close((uv_handle_t *)&server->sigterm, NULL);
    uv_close((uv_handle_t *)&server->sigint, NULL);
    return 0;
}

/* The reverse of the start; parts that were never made are NULL. */
static void
destroy_parts(struct server *server)
{
    struct core *core = &server->core;

    admin_destroy(&core->admin);
    /* Whatever may still call into a module ends before io_destroy takes open requests from their handlers. */
    job_pool_destroy(&core->jobs);
    if (core->store)
        store_stop(core->store);
    timers_destroy(&core->timers);
    broker_destroy(&core->broker);
    io_destroy(&core->io);
    host_destroy(&core->host);
    store_destroy(&core->store);
    reserve_destroy(&core->reserve);
    sessions_destroy(&core->sessions);
    rpc_destroy(&core->rpc);
    loop_destroy(&core->logic);
    if (server->uv_open) {
        uv_run(&server->uv, UV_RUN_DEFAULT);
        uv_loop_close(&server->uv);
    }
    metrics_destroy(&core->metrics);
    log_destroy(&core->log);
}

static int
serve(struct server *server)
{
    struct core *core = &server->core;
    struct sotto_err err;
    int status;

    server->lock = process_lock_data(core->settings->data, &err);
    if (server->lock < 0)
        return fatal(server, err.text);
    status = open_log(server);
    if (status)
        return status;
    log_info(core->log, "sottod %s starts", SOTTO_VERSION);
    if (host_load(core->host, &server->errors) != 0 ||
        host_configure(core->host, &server->errors) != 0)
        return refuse(server);
    if (uv_loop_init(&server->uv) != 0)
        return fatal(server, "no event loop");
    server->uv_open = true;
    status = create_parts(server);
    return status ? status : run(server);
}

static int
run_server(struct server *server, int argc, char **argv)
{
    struct core *core = &server->core;

    if (settings_load(&server->settings, argc, argv, &server->errors) != 0 &&
        server->errors.count == 0)
        return fatal(server, "out of memory");
    if (server->settings.action == SETTINGS_EXIT)
        return 0;
    core->settings = &server->settings;
    /* With a broken conf file the modules' own files are still worth checking, but not worth running. */
    if (server->errors.count && server->settings.action != SETTINGS_CHECK)
        return refuse(server);
    process_protect(&server->settings);
    pbjson_init();
    if (sodium_init() < 0 || metrics_create(&core->metrics) != 0 ||
        host_create(core, &core->host) != 0)
        return fatal(server, "out of memory");
    return server->settings.action == SETTINGS_RUN ? serve(server) : inspect(server);
}

int
main(int argc, char **argv)
{
    struct server *server = calloc(1, sizeof(*server));
    int status;

    if (!server)
        return EXIT_RUN;
    process_setup();
    store_process_setup();
    server->lock = -1;
    status = run_server(server, argc, argv);
    destroy_parts(server);
    settings_fini(&server->settings);
    conf_errors_fini(&server->errors);
    if (server->lock >= 0)
        close(server->lock);
    free(server);
    return status;
}
