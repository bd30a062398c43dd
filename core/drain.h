/* SPDX-License-Identifier: MIT */
/*
 * The orderly end: stop accepting, refuse new calls, quiesce and stop the modules, let open requests end,
 * say Goodbye{SHUTDOWN} on every connection, wait until the send queues are out. Each step has its share of
 * limits.drain_ms and the whole is over within 10 s, whatever a module or a peer does. Logic thread.
 */
#ifndef CORE_DRAIN_H
#define CORE_DRAIN_H

#include "core/core.h"
#include "sotto/module.h"

/* Of the whole end, store and threads included. main.c ends the process when they are over. */
#define DRAIN_SECONDS_MAX 10

/* Starts once; done(arg) when modules are stopped and connections closed. */
void drain_start(struct core *, sotto_done_fn *done, void *arg);

#endif
