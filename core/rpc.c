/* SPDX-License-Identifier: MIT */
/* The table of methods and what is counted for each; requests in flight are in rpc_call.c. */
#include "core/rpc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/host.h"
#include "core/rpc_table.h"
#include "core/wire.h"

static const double bounds[RPC_BUCKETS] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                           0.1,    0.25,  0.5,    1,     2.5,  5,     10};

static bool
method_equal(const struct map_node *node, const void *key, size_t size)
{
    const char *name = MAP_OF(node, struct rpc_method, node)->name;

    return strlen(name) == size && memcmp(name, key, size) == 0;
}

int
rpc_create(struct core *core, const struct settings_limits *limits, struct rpc **rpc_out)
{
    struct rpc *rpc = calloc(1, sizeof(*rpc));

    if (!rpc)
        return SOTTO_ENOMEM;
    rpc->core = core;
    rpc->unknown.name = (char *)"unknown"; /* never freed: it is not in the table */
    if (map_init(&rpc->map, method_equal) ||
        ratelimit_create(limits->rates, (size_t)limits->rate_table_entries, &rpc->limit)) {
        rpc_destroy(&rpc);
        return SOTTO_ENOMEM;
    }
    *rpc_out = rpc;
    return 0;
}

void
rpc_destroy(struct rpc **rpc_ptr)
{
    struct rpc *rpc = *rpc_ptr;

    if (!rpc)
        return;
    assert(!rpc->open);
    for (size_t i = 0; i < rpc->count; i++) {
        free(rpc->methods[i]->name);
        free(rpc->methods[i]);
    }
    free(rpc->methods);
    map_fini(&rpc->map);
    ratelimit_destroy(&rpc->limit);
    free(rpc);
    *rpc_ptr = NULL;
}

/* ---- registration ---- */

static int
check_row(const struct sotto_rpc_row *row, const char *name, struct sotto_err *err)
{
    const ProtobufCMethodDescriptor *method = &row->service->methods[row->index];
    const char *message;

    if (!row->fn || !row->deadline_ms || row->rate >= SETTINGS_RATES ||
        (row->level != SOTTO_LEVEL_NONE && row->level != SOTTO_LEVEL_SESSION))
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "method %s: its row lacks a handler, a level, a rate class or a "
                             "deadline",
                             name);
    if (!row->max_bytes || row->max_bytes > RPC_MAX_BYTES_CAP)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "method %s: max_bytes must be 1 to %u, it is %u", name,
                             RPC_MAX_BYTES_CAP, row->max_bytes);
    if (wire_check_schema(method->input, &message))
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "method %s: message %s contains itself or nests deeper than %d", name,
                             message, WIRE_DEPTH_MAX);
    return 0;
}

static char *
method_name(const struct sotto_rpc_row *row)
{
    const char *service = row->service->name;
    const char *method = row->service->methods[row->index].name;
    size_t size = strlen(service) + strlen(method) + 2;
    char *name = malloc(size);

    if (name)
        snprintf(name, size, "%s/%s", service, method);
    return name;
}

/* Takes the name. */
static int
add_method(struct rpc *rpc, struct host_module *owner, const struct sotto_rpc_row *row,
           char *take_name, struct sotto_err *err)
{
    struct rpc_method **methods = realloc(rpc->methods, (rpc->count + 1) * sizeof(*methods));
    struct rpc_method *method = methods ? calloc(1, sizeof(*method)) : NULL;

    if (methods)
        rpc->methods = methods;
    if (!method) {
        free(take_name);
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    }
    method->row = row;
    method->owner = owner;
    method->name = take_name;
    map_add(&rpc->map, &method->node, take_name, strlen(take_name));
    rpc->methods[rpc->count++] = method;
    return 0;
}

static int
add_row(struct rpc *rpc, struct host_module *owner, const struct sotto_rpc_row *row,
        struct sotto_err *err)
{
    struct sotto_view view;
    char *name;
    int rc;

    if (!row->service || row->index >= row->service->n_methods)
        return sotto_err_set(err, SOTTO_EPRECONDITION, "a row of the method table names no method");
    name = method_name(row);
    if (!name)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    view = (struct sotto_view){.data = (const uint8_t *)name, .size = strlen(name)};
    rc = check_row(row, name, err);
    if (!rc && rpc_find(rpc, view))
        rc = sotto_err_set(err, SOTTO_EPRECONDITION, "method %s: module %s offers it already", name,
                           rpc_find(rpc, view)->owner->name);
    if (rc) {
        free(name);
        return rc;
    }
    return add_method(rpc, owner, row, name, err);
}

int
rpc_add_module(struct rpc *rpc, struct host_module *owner, struct sotto_err *err)
{
    const struct sotto_table *table = &owner->descriptor->rpcs;

    assert(!rpc->sealed);
    for (uint32_t i = 0; i < table->count; i++) {
        int rc = add_row(rpc, owner, HOST_ROW(*table, struct sotto_rpc_row, i), err);

        if (rc)
            return rc;
    }
    return 0;
}

void
rpc_seal(struct rpc *rpc)
{
    rpc->sealed = true;
}

/* ---- looking up ---- */

const struct rpc_method *
rpc_find(const struct rpc *rpc, struct sotto_view name)
{
    struct map_node *node = map_get(&rpc->map, name.data, name.size);

    return node ? MAP_OF(node, struct rpc_method, node) : NULL;
}

const char *
rpc_method_name(const struct rpc_method *method)
{
    return method->name;
}

const struct sotto_rpc_row *
rpc_method_row(const struct rpc_method *method)
{
    return method->row;
}

uint32_t
rpc_max_frame(const struct rpc *rpc)
{
    uint32_t most = 4096;

    for (size_t i = 0; i < rpc->count; i++)
        if (rpc->methods[i]->row->max_bytes > most)
            most = rpc->methods[i]->row->max_bytes;
    return most + FRAME_OVERHEAD;
}

/* ---- ending ---- */

void
rpc_drain(struct rpc *rpc)
{
    rpc->draining = true;
}

void
rpc_drain_module(struct rpc *rpc, struct host_module *owner)
{
    for (size_t i = 0; i < rpc->count; i++)
        if (rpc->methods[i]->owner == owner)
            rpc->methods[i]->draining = true;
}

size_t
rpc_open(const struct rpc *rpc)
{
    return rpc->open;
}

/* ---- counting ---- */

void
rpc_count_end(struct rpc_method *method, int error, uint64_t took_ns)
{
    double seconds = (double)took_ns / 1e9;
    size_t bucket = 0;

    method->codes[error <= 0 && -error < RPC_CODES ? -error : -SOTTO_EINTERNAL]++;
    while (bucket < RPC_BUCKETS && seconds > bounds[bucket])
        bucket++;
    method->buckets[bucket]++;
    method->seconds += seconds;
    method->ended++;
}

static void
head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP sotto_%s %s\n# TYPE sotto_%s %s\n", name, help, name, type);
}

/* Codes that a client cannot tell apart are one series. */
static uint64_t
count_of_code(const struct rpc_method *method, int error)
{
    uint64_t count = method->codes[-error];

    for (int other = error - 1; other > -RPC_CODES; other--)
        if (strcmp(sotto_error_code(other), sotto_error_code(error)) == 0)
            count += method->codes[-other];
    return count;
}

static void
render_codes(const struct rpc_method *method, struct buf *out)
{
    for (int error = SOTTO_OK; error >= SOTTO_EAUTH; error--) {
        uint64_t count = count_of_code(method, error);

        if (count || error == SOTTO_OK)
            buf_printf(out, "sotto_rpc_requests_total{method=\"%s\",code=\"%s\"} %llu\n",
                       method->name, sotto_error_code(error), (unsigned long long)count);
    }
}

static void
render_seconds(const struct rpc_method *method, struct buf *out)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < RPC_BUCKETS; i++) {
        sum += method->buckets[i];
        buf_printf(out, "sotto_rpc_seconds_bucket{method=\"%s\",le=\"%g\"} %llu\n", method->name,
                   bounds[i], (unsigned long long)sum);
    }
    buf_printf(out,
               "sotto_rpc_seconds_bucket{method=\"%s\",le=\"+Inf\"} %llu\n"
               "sotto_rpc_seconds_sum{method=\"%s\"} %.9g\n"
               "sotto_rpc_seconds_count{method=\"%s\"} %llu\n",
               method->name, (unsigned long long)method->ended, method->name, method->seconds,
               method->name, (unsigned long long)method->ended);
}

static const char *const rate_names[SETTINGS_RATES] = {
    [SOTTO_RATE_GENERAL] = "general",
    [SOTTO_RATE_LOGIN] = "login",
    [SOTTO_RATE_REGISTER] = "register",
    [SOTTO_RATE_SEND] = "send",
};

void
rpc_render_metrics(void *arg, struct buf *out)
{
    const struct rpc *rpc = arg;

    head(out, "rpc_requests_total", "counter", "Requests that were answered, by method and code");
    for (size_t i = 0; i < rpc->count; i++)
        render_codes(rpc->methods[i], out);
    render_codes(&rpc->unknown, out);
    head(out, "rpc_in_flight", "gauge", "Requests that their handlers have not ended");
    for (size_t i = 0; i < rpc->count; i++)
        buf_printf(out, "sotto_rpc_in_flight{method=\"%s\"} %u\n", rpc->methods[i]->name,
                   rpc->methods[i]->open);
    head(out, "rpc_seconds", "histogram", "From the arrival of a request to its answer");
    for (size_t i = 0; i < rpc->count; i++)
        render_seconds(rpc->methods[i], out);
    head(out, "rpc_late_total", "counter", "Requests that passed their deadline in the handler");
    for (size_t i = 0; i < rpc->count; i++)
        buf_printf(out, "sotto_rpc_late_total{method=\"%s\"} %llu\n", rpc->methods[i]->name,
                   (unsigned long long)rpc->methods[i]->late);
    head(out, "ratelimit_refused_total", "counter", "Calls over a rate, by the class of the rate");
    for (size_t i = 0; i < SETTINGS_RATES; i++)
        buf_printf(out, "sotto_ratelimit_refused_total{rate=\"%s\"} %llu\n", rate_names[i],
                   (unsigned long long)rpc->over_rate[i]);
    head(out, "ratelimit_entries", "gauge", "Accounts and addresses that have a bucket");
    buf_printf(out, "sotto_ratelimit_entries %zu\n", ratelimit_count(rpc->limit));
}
