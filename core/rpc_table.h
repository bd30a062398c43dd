/* SPDX-License-Identifier: MIT */
/* The inside of the method table, shared by rpc.c and rpc_call.c and nobody else. */
#ifndef CORE_RPC_TABLE_H
#define CORE_RPC_TABLE_H

#include "core/rpc.h"

/* Places in the list of what calls ended with: 0 and every SOTTO_E…, with its sign turned. */
#define RPC_CODE_PLACE(name, value, code) RPC_PLACE_##name,
enum rpc_code_place { RPC_PLACE_OK, SOTTO_ERRORS(RPC_CODE_PLACE) RPC_CODES };
#undef RPC_CODE_PLACE

#define RPC_BUCKETS 14 /* of the histogram of seconds */

struct rpc_method {
    struct map_node node;
    char *name; /* "sotto.chat.v1.ChatService/Send" */
    const struct sotto_rpc_row *row;
    struct host_module *owner;
    bool draining;
    uint32_t open;
    uint64_t codes[RPC_CODES];
    uint64_t buckets[RPC_BUCKETS + 1];
    uint64_t ended, late;
    double seconds;
};

struct rpc {
    struct core *core;
    struct map map;
    struct rpc_method **methods;
    size_t count;
    struct rpc_method unknown; /* counts calls of methods that are not there */
    struct ratelimit *limit;
    uint64_t over_rate[SETTINGS_RATES]; /* calls refused, by enum sotto_rate */
    struct call *calls;                 /* open ones */
    size_t open;
    const char *trace; /* of the handler that runs; NULL: none */
    bool sealed, draining;
};

void rpc_count_end(struct rpc_method *, int error, uint64_t took_ns);

#endif
