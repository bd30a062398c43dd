/* SPDX-License-Identifier: MIT */
/*
 * The admin port: GET /healthz (200 and a JSON line a module; 503 while starting, draining or unfit),
 * GET /metrics (Prometheus text), GET /api/schema (descriptor set of every method). Runs on the logic loop with
 * few connections; meant for loopback: it asks for no password.
 */
#ifndef CORE_ADMIN_H
#define CORE_ADMIN_H

#include <uv.h>

#include "core/core.h"
#include "sotto/types.h"

#define ADMIN_CONNECTIONS_MAX 32
#define ADMIN_TIMEOUT_MS 10000

/* Listens. The sentence in err names the cure. */
int admin_create(struct core *, uv_loop_t *loop, const char *address, struct admin **admin_out,
                 struct sotto_err *);
/* "127.0.0.1:7590": where it listens. Borrowed. */
const char *admin_address(const struct admin *);
enum admin_state { ADMIN_STARTING = 0, ADMIN_READY, ADMIN_DRAINING };
void admin_set_state(struct admin *, enum admin_state);
/* Closes everything; the memory goes with the loop's last close callback. NULL-safe. */
void admin_destroy(struct admin **);

#endif
