/* SPDX-License-Identifier: MIT */
/*
 * Work off the logic thread, and timers on it.
 *
 * sotto.job/1: a pool of threads with a quota for each module, for computation and blocking calls
 * (password protocols, signature checks, disk). sotto.timer/1: one-shot and periodic timers.
 */
#ifndef SOTTO_JOB_H
#define SOTTO_JOB_H

#include "sotto/types.h"

/* Runs on a pool thread; touches only arg. Its result is handed to done as status. */
typedef int sotto_work_fn(void *arg);
typedef void sotto_work_done_fn(void *state, int status, void *arg);

struct sotto_job_api {
    uint32_t struct_size;
    /* Queues work on a copy of arg; done gets the copy on the logic thread, after which it is wiped and
     * freed. SOTTO_EEXHAUSTED: the module's quota (queued and running) is used up; done is not called. */
    int (*run)(struct sotto_host *, sotto_work_fn *, const void *arg, size_t arg_size,
               sotto_work_done_fn *);
};

struct sotto_timer;
typedef void sotto_timer_fn(void *state, void *arg);

struct sotto_timer_api {
    uint32_t struct_size;
    /* Calls fn after delay_ms, then every repeat_ms (0: once, and the timer is freed after fn). Timers end with
     * the module's stop at the latest. NULL: out of memory. Logic thread. */
    struct sotto_timer *(*start)(struct sotto_host *, uint32_t delay_ms, uint32_t repeat_ms,
                                 sotto_timer_fn *fn, void *arg);
    void (*stop)(struct sotto_timer *); /* NULL is allowed. Logic thread. */
};

#endif
