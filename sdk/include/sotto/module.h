/* SPDX-License-Identifier: MIT */
/*
 * The contract between sottod and a module.
 *
 * A module is a shared object that exports one function, sotto_module_entry, which returns a constant
 * descriptor: tables that say what the module offers and needs, and the functions of its life. The host
 * reads the tables before any code of the module runs.
 *
 * Life: configure (checks its conf; also under --check-config, so it changes nothing) -> migrations are
 * applied -> init (makes the state) -> start (methods, subscriptions and hooks are live from here) ->
 * handlers … -> quiesce (no new requests arrive; finish what is open) -> stop (calls done when nothing of
 * the module is running any more) -> fini (frees the state; copes with a half-built one). A module that
 * cannot do its job returns an error from configure, init or start with a sentence that names the cure: the
 * server then refuses to start (exit 78), unless the operator wrote `required = no`. Fail closed.
 *
 * Threads: every function and callback of a module runs on the logic thread, except sotto_tx_fn and
 * struct sotto_writer (writer and reader threads) and sotto_work_fn (pool threads), which touch their argument
 * only. A callback that takes longer than 5 ms is logged with the module's name. Nothing blocks.
 *
 * Trust: a module is code inside the server's process with all of its rights. The tables are a contract and
 * an aid for audits; they are not a sandbox.
 *
 * Versions: the first 16 bytes are frozen. Minor versions append members at the end of structs and tables;
 * a host takes a module whose abi_major it knows and whose abi_minor_required it has. Changes:
 *   1.0  first version, not frozen before the modules in the tree have used it
 */
#ifndef SOTTO_MODULE_H
#define SOTTO_MODULE_H

#include "sotto/broker.h"
#include "sotto/conf.h"
#include "sotto/db.h"
#include "sotto/job.h"
#include "sotto/metric.h"
#include "sotto/rpc.h"
#include "sotto/session.h"
#include "sotto/types.h"

#define SOTTO_MODULE_MAGIC 0x4f544f53u /* "SOTO" */
#define SOTTO_ABI_MAJOR 1
#define SOTTO_ABI_MINOR 0

enum sotto_log_level {
    SOTTO_LOG_ERROR = 0,
    SOTTO_LOG_WARN,
    SOTTO_LOG_INFO,
    SOTTO_LOG_DEBUG,
};

/* What every module gets, whatever it asked for. */
struct sotto_api {
    uint32_t struct_size;
    /* One line, at most 4 KiB; control characters are escaped. Never log a secret, a token, a password or the
     * content of a message. Any thread. */
    void (*log)(struct sotto_host *, int level, const char *format, ...) SOTTO_PRINTF(3, 4);
    /* Runs fn(state, arg) on the logic thread. SOTTO_EAGAIN: the queue is full. Any thread. */
    int (*post)(struct sotto_host *, void (*fn)(void *state, void *arg), void *arg);
    /* A further interface by name ("sotto.http", major, least minor); NULL: not offered. Logic thread. */
    const void *(*get_iface)(struct sotto_host *, const char *name, uint16_t major,
                             uint16_t min_minor);
    int64_t (*now_ms)(struct sotto_host *);  /* wall clock, since 1970. Any thread. */
    int64_t (*mono_ms)(struct sotto_host *); /* monotonic. Any thread. */
    /* The absolute path of the data folder, and `name` of the conf. Any thread. */
    const char *(*data_dir)(struct sotto_host *);
    const char *(*server_name)(struct sotto_host *);
};

/* The server as one module sees it. The host's part follows; the first major version of each interface
 * stands here, others come from api->get_iface. */
struct sotto_host {
    const struct sotto_api *api;
    const struct sotto_conf_api *conf;
    const struct sotto_rpc_api *rpc;
    const struct sotto_session_api *session;
    const struct sotto_broker_api *broker;
    const struct sotto_db_api *db;
    const struct sotto_job_api *job;
    const struct sotto_timer_api *timer;
    const struct sotto_metric_api *metric;
};

enum sotto_dep_kind {
    SOTTO_DEP_PROVIDES = 1, /* a capability; the module's own name with /1 is always provided */
    SOTTO_DEP_REQUIRES,     /* refuse to start without; start after its provider, stop before it */
    SOTTO_DEP_OPTIONAL,     /* start after its provider if there is one */
    SOTTO_DEP_CONFLICTS,
};

struct sotto_dep_row {
    enum sotto_dep_kind kind;
    const char *what; /* capability with major version: "keyx/1" */
};

typedef void sotto_done_fn(void *arg);

struct sotto_module {
    /* Frozen for ever. */
    uint32_t magic;
    uint32_t struct_size;
    uint16_t abi_major, abi_minor_built, abi_minor_required, reserved;

    const char *name; /* [a-z][a-z0-9]*, also the name of the .so and of the conf file */
    const char *version;
    const char *summary;
    const char *license;
    uint64_t flags;

    struct sotto_table deps;        /* struct sotto_dep_row */
    struct sotto_table config;      /* struct sotto_conf_row */
    struct sotto_table rpcs;        /* struct sotto_rpc_row, generated */
    struct sotto_table events;      /* const ProtobufCMessageDescriptor *: what the module pushes */
    struct sotto_table topics;      /* struct sotto_topic_row */
    struct sotto_table subs;        /* struct sotto_sub_row */
    struct sotto_table calls;       /* struct sotto_call_row */
    struct sotto_table hook_points; /* struct sotto_hook_point_row */
    struct sotto_table hooks;       /* struct sotto_hook_row */
    struct sotto_table migrations;  /* struct sotto_migration_row */
    struct sotto_table statements;  /* struct sotto_stmt_row */
    struct sotto_table metrics;     /* struct sotto_metric_row */
    const struct sotto_writer *writer; /* NULL: none */
    struct sotto_view schema; /* serialized FileDescriptorSet, generated; for /api/schema */

    /* init and fini must be there; NULL for any other: there is nothing to do. */
    int (*configure)(struct sotto_host *, const struct sotto_conf *);
    int (*init)(struct sotto_host *, const struct sotto_conf *, void **state_out,
                struct sotto_err *);
    int (*start)(void *state, struct sotto_err *);
    void (*quiesce)(void *state);
    void (*stop)(void *state, sotto_done_fn *done, void *arg);
    void (*fini)(void *state);
    /* 0: fit to serve; otherwise a SOTTO_E… with a sentence. */
    int (*health)(void *state, struct sotto_err *);
};

#define SOTTO_MODULE_HEAD                                                    \
    .magic = SOTTO_MODULE_MAGIC, .struct_size = sizeof(struct sotto_module), \
    .abi_major = SOTTO_ABI_MAJOR, .abi_minor_built = SOTTO_ABI_MINOR, .abi_minor_required = 0

#if defined(__GNUC__)
#define SOTTO_EXPORT __attribute__((visibility("default")))
#else
#define SOTTO_EXPORT
#endif

/* Stands last in a module's main file: defines the one exported function. */
#define SOTTO_MODULE(descriptor)                                      \
    SOTTO_EXPORT const struct sotto_module *sotto_module_entry(void); \
    const struct sotto_module *sotto_module_entry(void)               \
    {                                                                 \
        return &(descriptor);                                         \
    }

/* Whether a host that may be older than this header offers fn: SOTTO_HAS(host->db, now_ms). */
#define SOTTO_HAS(api, fn) \
    ((api)->struct_size >= \
     (size_t)((const char *)&(api)->fn - (const char *)(api)) + sizeof((api)->fn))

#endif
