/* SPDX-License-Identifier: MIT */
/*
 * A mutex around a list is all the synchronisation there is: it is taken once a batch, so its cost does not
 * show, and every tool understands it. The consumer marks itself as draining while it works; producers
 * that come meanwhile add to the list and do not pay for a wake-up.
 */
#include "core/queue.h"

#include <assert.h>
#include <string.h>

/* Rounds of taking what came meanwhile, before the loop gets to look at its other handles. */
#define ROUNDS_MAX 4

void
queue_batch_add(struct queue_batch *batch, struct queue_item *item, queue_fn *run)
{
    item->next = NULL;
    item->run = run;
    if (batch->last)
        batch->last->next = item;
    else
        batch->first = item;
    batch->last = item;
    batch->count++;
}

static void
run_batch(struct queue *queue, struct queue_batch *batch)
{
    struct queue_item *item = batch->first;
    size_t ran = 0;

    while (item) {
        struct queue_item *next = item->next;

        item->run(item);
        atomic_fetch_sub_explicit(&queue->depth, 1, memory_order_relaxed);
        item = next;
        if (queue->turn && (++ran % QUEUE_TURN == 0 || !item))
            queue->turn(queue->turn_arg);
    }
}

/* Takes what is waiting; an empty answer ends the draining, under the same lock. */
static struct queue_batch
take_waiting(struct queue *queue, bool keep_draining)
{
    struct queue_batch batch;

    uv_mutex_lock(&queue->lock);
    batch = queue->waiting;
    queue->waiting = (struct queue_batch){.count = 0};
    queue->draining = batch.first != NULL || keep_draining;
    uv_mutex_unlock(&queue->lock);
    return batch;
}

static void
on_wake(struct wake *wake)
{
    struct queue *queue = wake->data;

    for (int round = 0; round < ROUNDS_MAX; round++) {
        struct queue_batch batch = take_waiting(queue, false);

        if (!batch.first)
            return;
        uv_update_time(wake->poll.loop);
        run_batch(queue, &batch);
    }
    wake_raise(wake); /* still draining: nobody else would wake us */
}

int
queue_init(struct queue *queue, uv_loop_t *loop, size_t capacity)
{
    memset(queue, 0, sizeof(*queue));
    queue->capacity = capacity;
    if (uv_mutex_init(&queue->lock))
        return SOTTO_ENOMEM;
    if (wake_init(&queue->wake, loop, on_wake, queue) != 0) {
        uv_mutex_destroy(&queue->lock);
        return SOTTO_ENOMEM;
    }
    queue->open = true;
    return 0;
}

void
queue_on_turn(struct queue *queue, void (*fn)(void *arg), void *arg)
{
    queue->turn = fn;
    queue->turn_arg = arg;
}

static void
on_closed(struct wake *wake)
{
    struct queue *queue = wake->data;

    uv_mutex_destroy(&queue->lock);
}

void
queue_close(struct queue *queue)
{
    assert(queue->open);
    for (;;) {
        struct queue_batch batch = take_waiting(queue, false);

        if (!batch.first)
            break;
        run_batch(queue, &batch);
    }
    queue->open = false;
    wake_close(&queue->wake, on_closed);
}

void
queue_push(struct queue *queue, struct queue_batch *take_batch)
{
    bool wake;

    if (!take_batch->first)
        return;
    atomic_fetch_add_explicit(&queue->depth, take_batch->count, memory_order_relaxed);
    uv_mutex_lock(&queue->lock);
    if (queue->waiting.last)
        queue->waiting.last->next = take_batch->first;
    else
        queue->waiting.first = take_batch->first;
    queue->waiting.last = take_batch->last;
    queue->waiting.count += take_batch->count;
    wake = !queue->draining;
    queue->draining = true;
    /* Inside the lock: a consumer that closes the queue takes the lock before it closes the wake-up. */
    if (wake)
        wake_raise(&queue->wake);
    uv_mutex_unlock(&queue->lock);
    *take_batch = (struct queue_batch){.count = 0};
}

void
queue_push_one(struct queue *queue, struct queue_item *item, queue_fn *run)
{
    struct queue_batch batch = {.count = 0};

    queue_batch_add(&batch, item, run);
    queue_push(queue, &batch);
}

int
queue_try(struct queue *queue, struct queue_item *item, queue_fn *run)
{
    if (queue_depth(queue) >= queue->capacity)
        return SOTTO_EAGAIN;
    queue_push_one(queue, item, run);
    return 0;
}

size_t
queue_depth(const struct queue *queue)
{
    return atomic_load_explicit(&queue->depth, memory_order_relaxed);
}
