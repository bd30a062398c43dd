/* SPDX-License-Identifier: MIT */
/*
 * The orderly end: stop accepting, refuse new calls, tell every connection at once how long it has left
 * (Goodbye{SHUTDOWN, closes_in_ms}), let open requests end and clients hang up, for limits.drain_ms at most; then
 * stop the modules, say the last Goodbye{SHUTDOWN} to who is still there, wait until the send queues are out. The
 * whole is over within 10 s, whatever a module or a peer does; without clients it is over at once. Logic thread.
 */
#ifndef CORE_DRAIN_H
#define CORE_DRAIN_H

#include "core/core.h"
#include "sotto/module.h"

/* Of the whole end, store and threads included. main.c ends the process when they are over. */
#define DRAIN_SECONDS_MAX 10
/* Of it, for modules to stop. */
#define DRAIN_MODULES_MS 2000

/* Starts once; done(arg) when modules are stopped and connections closed. */
void drain_start(struct core *, sotto_done_fn *done, void *arg);

#endif
