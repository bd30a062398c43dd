/* SPDX-License-Identifier: MIT */
/*
 * sotto.job/1: a pool of threads of our own (libuv's is shared with name look-ups and files), with a quota
 * for each module, so that one that floods the pool starves only itself.
 */
#ifndef CORE_JOB_H
#define CORE_JOB_H

#include <uv.h>

#include "core/log.h"
#include "core/metric.h"
#include "sotto/module.h"

struct host_module;
struct job_pool;
struct job_quota; /* one for each module; counts what it has queued and running */

struct job_options {
    uint32_t threads;
    uint32_t quota; /* jobs queued and running for one module */
};

/* done functions run on the loop's thread. */
int job_pool_create(uv_loop_t *loop, const struct job_options *, struct metrics *,
                    struct job_pool **pool_out);
/* Finishes what runs, drops what is queued (their done functions are not called), wipes the arguments,
 * joins the threads. The memory goes with the loop's last close callback. NULL-safe. */
void job_pool_destroy(struct job_pool **);
int job_run(struct job_pool *, struct host_module *owner, struct job_quota *, sotto_work_fn *work,
            const void *arg, size_t arg_size, sotto_work_done_fn *done);
/* NULL: out of memory. job_pool_destroy frees it. */
struct job_quota *job_quota_create(struct job_pool *);
uint32_t job_quota_open(const struct job_quota *);

extern const struct sotto_job_api job_api;

#endif
