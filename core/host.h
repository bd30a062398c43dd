/* SPDX-License-Identifier: MIT */
/*
 * The loaded modules: what the server knows of each, and their life.
 *
 * A struct sotto_host * that a module hands back is the first member of a struct host_module. Its descriptor
 * is a copy in which every row has the size of this build's structs (rows of an older module are filled up with
 * zeros), so the core indexes tables as plain arrays.
 *
 * Whoever calls into a module does it between host_enter and host_leave: the pair keeps the breadcrumb (which
 * callback of which module runs) and logs and measures callbacks that take too long.
 */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include "core/buf.h"
#include "core/conf_parse.h"
#include "core/core.h"
#include "sotto/module.h"

enum host_phase {
    HOST_LOADED = 0,
    HOST_CONFIGURED,
    HOST_MIGRATED,
    HOST_INITED,
    HOST_STARTED,
    HOST_QUIESCING,
    HOST_STOPPED,
    HOST_FAILED, /* optional module that could not be brought up: no function of it is called again */
};

struct host_module {
    struct sotto_host base; /* first: what the module holds */
    struct core *core;
    const struct sotto_module *descriptor; /* normalised copy */
    const char *name;                      /* descriptor->name */
    uint32_t index;                        /* place in start order, from 0 */
    enum host_phase phase;
    void *state; /* what init made: first argument of every callback */
    const struct settings_module *settings;
    struct sotto_conf *conf;
    struct store_module *store;
    struct job_quota *jobs;
    struct metric **metrics;            /* one for each row of descriptor->metrics */
    struct metric *callback_seconds;    /* histogram of all callbacks */
    bool registered, inited, stop_done; /* belong to host.c */
    bool overdue;                       /* has not stopped in time */
    void *loaded;                       /* belongs to loader.c */
};

static inline struct host_module *
host_module(struct sotto_host *host)
{
    return (struct host_module *)host;
}

/* Row number i of a normalised table. */
#define HOST_ROW(table, type, i) (&((const type *)(table).items)[i])

/* One entry into a module; lives on the caller's stack. Nests (a hook inside a request). */
struct host_call {
    struct host_module *module;
    const char *what; /* static, or a name that lives as long as the module: topic, method */
};

/* Logic thread only. */
void host_enter(struct host_call *, struct host_module *, const char *what);
void host_leave(struct host_call *);
/* Asserts that the caller runs on the logic thread. */
void host_assert_logic(const struct host_module *);

/* Modules in start order. */
size_t host_count(const struct host *);
struct host_module *host_at(const struct host *, size_t index);

/*
 * The life of all modules. Each step goes through the modules in start order and collects all errors;
 * SOTTO_EPRECONDITION when a required module refused. Logic thread.
 */
int host_create(struct core *, struct host **host_out);
/* Finds, checks, loads and orders the enabled modules. */
int host_load(struct host *, struct conf_errors *);
/* Reads their conf files and calls configure. */
int host_configure(struct host *, struct conf_errors *);
/* Store tables and statements. Needs core->store. */
int host_migrate(struct host *, struct conf_errors *);
/* The dry run of host_migrate for --check-config; path: the database, which may not exist. */
int host_check_migrations(struct host *, const char *path, struct conf_errors *);
/* Registers rows with rpc, broker and metrics and calls init. Needs everything in core but io and admin. */
int host_init(struct host *, struct conf_errors *);
/* Calls start. */
int host_start(struct host *, struct conf_errors *);
/* Their methods answer unavailable from here, and quiesce is called, in reverse order. Again: nothing. */
void host_quiesce(struct host *);
/* quiesce, then stop, in reverse order; done(arg) when the last module said that it is done or after
 * timeout_ms. */
void host_stop(struct host *, uint32_t timeout_ms, sotto_done_fn *done, void *arg);
/* fini in reverse order, frees everything; shared objects stay mapped. NULL-safe. */
void host_destroy(struct host **);

/* "auth,keyx,chat": the started modules. */
void host_names(const struct host *, struct buf *out);
/* One JSON object a module and line; returns false when one is unfit. Calls health. */
bool host_health(const struct host *, struct buf *out);

extern const struct sotto_api host_api;
extern const struct sotto_metric_api host_metric_api;

#endif
