/* SPDX-License-Identifier: MIT */
/*
 * See job.h. Each module has a list of its own and the threads take from the lists in turn, so a module that
 * queues a thousand jobs delays another module's job by one, not by a thousand. Arguments may hold secrets:
 * they are wiped whatever happens to the job.
 */
#include "core/job.h"

#include "core/host.h"
#include "core/wake.h"

#include <assert.h>
#include <sodium.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define ARG_BYTES_MAX (17u * 1024 * 1024)

struct job {
    struct job *next;
    struct host_module *owner;
    struct job_quota *quota;
    sotto_work_fn *work;
    sotto_work_done_fn *done;
    int status;
    size_t arg_size;
    alignas(max_align_t) unsigned char arg[];
};

struct job_list {
    struct job *first, *last;
};

struct job_quota {
    struct job_pool *pool;
    struct job_quota *next;  /* ring of all; under the pool's lock */
    struct job_list waiting; /* under the pool's lock */
    uint32_t open;           /* queued, running or not told yet; loop thread */
};

struct job_pool {
    uint32_t quota;
    uv_mutex_t lock;
    uv_cond_t wake;
    struct job_quota *turn; /* whose job is next; a ring; under lock */
    size_t waiting;         /* jobs queued; under lock */
    bool stopping;          /* under lock */
    struct job_list ready;  /* under lock */
    struct wake told;       /* jobs are ready */
    uint32_t thread_count;
    struct metric *jobs, *refused;
    uv_thread_t threads[];
};

static void
list_add(struct job_list *list, struct job *job)
{
    job->next = NULL;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
}

static struct job *
list_shift(struct job_list *list)
{
    struct job *job = list->first;

    if (!job)
        return NULL;
    list->first = job->next;
    if (!list->first)
        list->last = NULL;
    return job;
}

static void
job_free(struct job *job)
{
    sodium_memzero(job->arg, job->arg_size);
    free(job);
}

/* ---- Threads --------------------------------------------------------------------------------------- */

/* The next job in turn, or NULL to end. Under the lock. */
static struct job *
take(struct job_pool *pool)
{
    struct job *job;

    while (pool->waiting == 0 && !pool->stopping)
        uv_cond_wait(&pool->wake, &pool->lock);
    if (pool->stopping)
        return NULL;
    while (!pool->turn->waiting.first)
        pool->turn = pool->turn->next;
    pool->waiting--;
    job = list_shift(&pool->turn->waiting);
    pool->turn = pool->turn->next;
    return job;
}

static void
thread_main(void *arg)
{
    struct job_pool *pool = arg;
    struct job *job;

    uv_mutex_lock(&pool->lock);
    while ((job = take(pool))) {
        bool wake;

        uv_mutex_unlock(&pool->lock);
        job->status = job->work(job->arg);
        metric_add(pool->jobs, 0, 1);
        uv_mutex_lock(&pool->lock);
        wake = pool->ready.first == NULL;
        list_add(&pool->ready, job);
        if (wake)
            wake_raise(&pool->told);
    }
    uv_mutex_unlock(&pool->lock);
}

static void
on_told(struct wake *told)
{
    struct job_pool *pool = told->data;
    struct job_list ready;
    struct job *job;

    uv_mutex_lock(&pool->lock);
    ready = pool->ready;
    pool->ready = (struct job_list){0};
    uv_mutex_unlock(&pool->lock);
    while ((job = list_shift(&ready))) {
        struct host_module *owner = job->owner;
        struct host_call call;

        job->quota->open--;
        if (!owner) {
            job->done(NULL, job->status, job->arg);
        } else if (owner->phase != HOST_FAILED) {
            host_enter(&call, owner, "job done");
            job->done(owner->state, job->status, job->arg);
            host_leave(&call);
        }
        job_free(job);
    }
}

/* ---- Jobs ------------------------------------------------------------------------------------------ */

int
job_run(struct job_pool *pool, struct host_module *owner, struct job_quota *quota,
        sotto_work_fn *work, const void *arg, size_t arg_size, sotto_work_done_fn *done)
{
    struct job *job;

    assert(pool && quota && work && done && (arg || arg_size == 0));
    if (quota->open >= pool->quota || arg_size > ARG_BYTES_MAX) {
        metric_add(pool->refused, 0, 1);
        return SOTTO_EEXHAUSTED;
    }
    job = malloc(sizeof(*job) + arg_size);
    if (!job)
        return SOTTO_EEXHAUSTED;
    *job = (struct job){
        .owner = owner, .quota = quota, .work = work, .done = done, .arg_size = arg_size};
    if (arg_size)
        memcpy(job->arg, arg, arg_size);
    quota->open++;
    uv_mutex_lock(&pool->lock);
    list_add(&quota->waiting, job);
    pool->waiting++;
    uv_cond_signal(&pool->wake);
    uv_mutex_unlock(&pool->lock);
    return 0;
}

struct job_quota *
job_quota_create(struct job_pool *pool)
{
    struct job_quota *quota = calloc(1, sizeof(*quota));

    if (!quota)
        return NULL;
    quota->pool = pool;
    uv_mutex_lock(&pool->lock);
    if (pool->turn) {
        quota->next = pool->turn->next;
        pool->turn->next = quota;
    } else {
        quota->next = quota;
        pool->turn = quota;
    }
    uv_mutex_unlock(&pool->lock);
    return quota;
}

/* Takes the quota out of the ring. Under the lock. */
static void
unlink_quota(struct job_pool *pool, struct job_quota *quota)
{
    struct job_quota *before = quota;

    while (before->next != quota)
        before = before->next;
    before->next = quota->next;
    if (pool->turn == quota)
        pool->turn = before == quota ? NULL : before;
}

uint32_t
job_quota_open(const struct job_quota *quota)
{
    return quota->open;
}

/* ---- Life ------------------------------------------------------------------------------------------ */

static void
add_metrics(struct job_pool *pool, struct metrics *metrics)
{
    static const struct sotto_metric_row jobs = {
        .name = "jobs_total", .type = SOTTO_METRIC_COUNTER, .help = "Jobs that the pool has run."};
    static const struct sotto_metric_row refused = {.name = "jobs_refused_total",
                                                    .type = SOTTO_METRIC_COUNTER,
                                                    .help = "Jobs over a module's quota."};

    if (!metrics)
        return;
    pool->jobs = metrics_add(metrics, NULL, &jobs);
    pool->refused = metrics_add(metrics, NULL, &refused);
}

int
job_pool_create(uv_loop_t *loop, const struct job_options *options, struct metrics *metrics,
                struct job_pool **pool_out)
{
    struct job_pool *pool = calloc(1, sizeof(*pool) + options->threads * sizeof(uv_thread_t));

    if (!pool)
        return SOTTO_ENOMEM;
    pool->quota = options->quota;
    if (uv_mutex_init(&pool->lock) != 0 || uv_cond_init(&pool->wake) != 0 ||
        wake_init(&pool->told, loop, on_told, pool) != 0) {
        free(pool);
        return SOTTO_ENOMEM;
    }
    add_metrics(pool, metrics);
    while (pool->thread_count < options->threads &&
           uv_thread_create(&pool->threads[pool->thread_count], thread_main, pool) == 0)
        pool->thread_count++;
    if (pool->thread_count == 0) {
        job_pool_destroy(&pool);
        return SOTTO_ENOMEM;
    }
    *pool_out = pool;
    return 0;
}

static void
drop_list(struct job_list *list)
{
    struct job *job;

    while ((job = list_shift(list))) {
        job->quota->open--;
        job_free(job);
    }
}

static void
on_told_closed(struct wake *told)
{
    free(told->data);
}

void
job_pool_destroy(struct job_pool **take_pool)
{
    struct job_pool *pool = *take_pool;

    *take_pool = NULL;
    if (!pool)
        return;
    uv_mutex_lock(&pool->lock);
    pool->stopping = true;
    uv_cond_broadcast(&pool->wake);
    uv_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        uv_thread_join(&pool->threads[i]);
    drop_list(&pool->ready);
    while (pool->turn) {
        struct job_quota *quota = pool->turn;

        drop_list(&quota->waiting);
        unlink_quota(pool, quota);
        free(quota);
    }
    uv_cond_destroy(&pool->wake);
    uv_mutex_destroy(&pool->lock);
    wake_close(&pool->told, on_told_closed);
}

/* ---- sotto.job/1 ----------------------------------------------------------------------------------- */

static int
host_job_run(struct sotto_host *host, sotto_work_fn *work, const void *arg, size_t arg_size,
             sotto_work_done_fn *done)
{
    struct host_module *module = host_module(host);

    host_assert_logic(module);
    return job_run(module->core->jobs, module, module->jobs, work, arg, arg_size, done);
}

const struct sotto_job_api job_api = {
    .struct_size = sizeof(struct sotto_job_api),
    .run = host_job_run,
};
