/* SPDX-License-Identifier: MIT */
/*
 * The way from one thread to another: a bounded queue with many producers and one consumer, drained in
 * batches on the consumer's uv loop.
 *
 * Items are intrusive, so handing over allocates nothing. A producer collects what one turn of its loop
 * makes in a struct queue_batch and pushes it at once: one lock and at most one wake-up for the batch, however
 * long it is. The consumer takes everything that is there under one lock and runs it in order.
 *
 * The bound counts items that are pushed and not yet run. A producer that can wait looks at queue_depth or pushes
 * with queue_try; what must not be lost (a reply, the end of a connection) is pushed with queue_push, whose number
 * is bounded by what the other side let in before.
 */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include <stdatomic.h>
#include <uv.h>

#include "core/wake.h"
#include "sotto/types.h"

struct queue_item;
/* Runs on the consumer's thread; the item belongs to the function from here. */
typedef void queue_fn(struct queue_item *);

/* Stands inside what is handed over. */
struct queue_item {
    struct queue_item *next;
    queue_fn *run;
};

/* A list that one thread builds. All zero: empty. */
struct queue_batch {
    struct queue_item *first, *last;
    size_t count;
};

struct queue {
    uv_mutex_t lock;
    struct queue_batch waiting; /* under lock */
    bool draining;              /* under lock: the consumer was woken and has not come to an end */
    atomic_size_t depth;        /* pushed and not yet run */
    size_t capacity;
    struct wake wake;
    void (*turn)(void *arg); /* after every QUEUE_TURN items; NULL: none */
    void *turn_arg;
    bool open;
};

/* Items run between two calls of turn, so that answers do not wait for the end of a long batch. */
#define QUEUE_TURN 256

void queue_batch_add(struct queue_batch *, struct queue_item *, queue_fn *run);

/* The consumer's loop; call on its thread or before it runs. SOTTO_ENOMEM. */
int queue_init(struct queue *, uv_loop_t *, size_t capacity);
/* Calls fn(arg) after every QUEUE_TURN items and at the end of a batch. Before the first push. */
void queue_on_turn(struct queue *, void (*fn)(void *arg), void *arg);
/* Stops waking the loop; what is still in the queue is run once, now. Consumer's thread, once; no producer
 * may push any more. The memory must live until the loop has run its close callbacks. */
void queue_close(struct queue *);

/* Takes the whole batch, which is empty afterwards. Never refuses. Any thread. */
void queue_push(struct queue *, struct queue_batch *take_batch);
void queue_push_one(struct queue *, struct queue_item *, queue_fn *run);
/* Takes the item unless the queue is full: SOTTO_EAGAIN. Any thread. */
int queue_try(struct queue *, struct queue_item *, queue_fn *run);
/* Any thread; a moment's truth. */
size_t queue_depth(const struct queue *);

#endif
