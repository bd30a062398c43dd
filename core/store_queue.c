/* SPDX-License-Identifier: MIT */
/*
 * Jobs in lists, and lists between threads. The threads of a queue are woken only when they sleep, and several of
 * them share what is queued.
 */
#include "core/store_impl.h"

#include <sodium.h>
#include <stdlib.h>

static size_t
job_bytes(const struct store_job *job)
{
    return sizeof(*job) + job->arg_size;
}

void
store_list_add(struct store_list *list, struct store_job *job)
{
    job->next = NULL;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
    list->count++;
    list->bytes += job_bytes(job);
}

void
store_list_join(struct store_list *list, struct store_list *take_more)
{
    if (!take_more->first)
        return;
    if (list->last)
        list->last->next = take_more->first;
    else
        list->first = take_more->first;
    list->last = take_more->last;
    list->count += take_more->count;
    list->bytes += take_more->bytes;
    *take_more = (struct store_list){0};
}

struct store_job *
store_list_shift(struct store_list *list)
{
    struct store_job *job = list->first;

    if (!job)
        return NULL;
    list->first = job->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    list->bytes -= job_bytes(job);
    return job;
}

void
store_job_free(struct store_job *job)
{
    store_blocks_free(job->blocks);
    sodium_memzero(job->arg, job->arg_size);
    if (job->original)
        sodium_memzero(job->original, job->arg_size);
    free(job);
}

/* ---- Queues ---------------------------------------------------------------------------------------- */

int
store_queue_init(struct store_queue *queue, unsigned consumers)
{
    queue->consumers = consumers;
    if (uv_mutex_init(&queue->lock) != 0)
        return SOTTO_ENOMEM;
    if (uv_cond_init(&queue->wake) != 0) {
        uv_mutex_destroy(&queue->lock);
        return SOTTO_ENOMEM;
    }
    return 0;
}

void
store_queue_fini(struct store_queue *queue)
{
    struct store_job *job;

    while ((job = store_list_shift(&queue->list)))
        store_job_free(job);
    uv_cond_destroy(&queue->wake);
    uv_mutex_destroy(&queue->lock);
}

bool
store_queue_take(struct store_queue *queue, size_t max, uint64_t wait_ns,
                 struct store_list *list_out)
{
    bool is_over = false, is_open;
    size_t share;

    *list_out = (struct store_list){0};
    uv_mutex_lock(&queue->lock);
    while (!queue->list.first && !queue->stopping && !is_over) {
        queue->waiting++;
        if (wait_ns)
            is_over = uv_cond_timedwait(&queue->wake, &queue->lock, wait_ns) != 0;
        else
            uv_cond_wait(&queue->wake, &queue->lock);
        queue->waiting--;
    }
    is_open = queue->list.first || !queue->stopping;
    share = (queue->list.count + queue->consumers - 1) / queue->consumers;
    if (share > max)
        share = max;
    if (share == queue->list.count)
        store_list_join(list_out, &queue->list);
    else
        while (share--)
            store_list_add(list_out, store_list_shift(&queue->list));
    uv_mutex_unlock(&queue->lock);
    return is_open;
}

int
store_queue_put(struct store_queue *queue, const struct settings_store *bounds,
                struct store_job *job)
{
    bool full, wake = false;

    uv_mutex_lock(&queue->lock);
    full = queue->list.count >= (size_t)bounds->queue_jobs ||
           queue->list.bytes + job_bytes(job) > (size_t)bounds->queue_bytes;
    if (!full) {
        store_list_add(&queue->list, job);
        wake = queue->waiting > 0;
    }
    uv_mutex_unlock(&queue->lock);
    if (wake)
        uv_cond_signal(&queue->wake);
    return full ? SOTTO_EUNAVAILABLE : 0;
}

void
store_queue_stop(struct store_queue *queue)
{
    uv_mutex_lock(&queue->lock);
    queue->stopping = true;
    uv_cond_broadcast(&queue->wake);
    uv_mutex_unlock(&queue->lock);
}

size_t
store_queue_depth(struct store_queue *queue)
{
    size_t depth;

    uv_mutex_lock(&queue->lock);
    depth = queue->list.count;
    uv_mutex_unlock(&queue->lock);
    return depth;
}
