/* SPDX-License-Identifier: MIT */
/* sotto.timer/1: timers of modules on the logic loop. Each hangs on its module and ends with it. */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include <uv.h>

#include "sotto/module.h"

struct host_module;
struct timers;

/* Logic thread only, all of it. */
int timers_create(uv_loop_t *loop, struct timers **timers_out);
/* Closes all timers; the memory goes with the last close callback of the loop. NULL-safe. */
void timers_destroy(struct timers **);
struct sotto_timer *timer_start(struct timers *, struct host_module *owner, uint32_t delay_ms,
                                uint32_t repeat_ms, sotto_timer_fn *fn, void *arg);
void timer_stop(struct sotto_timer *); /* NULL-safe; also from inside its own callback */
/* Ends every timer of a module. */
void timers_stop_owner(struct timers *, const struct host_module *owner);
size_t timers_count(const struct timers *, const struct host_module *owner);

extern const struct sotto_timer_api timer_api;

#endif
