/* SPDX-License-Identifier: MIT */
/*
 * The logic loop: the one thread on which the broker and every callback of every module run.
 *
 * It owns the queue through which the I/O loops hand over calls, the list of work that runs after the
 * current callback has returned (run to completion: a publish or an answer never runs inside the callback
 * that caused it), the clock of deadlines, and the watch over callbacks: loop_enter and loop_leave stand
 * around each call into a module, a call over the budget is logged with the module and the entry, and a
 * thread of its own reports a callback that does not come back, and ends the process when it never does.
 *
 * Order within one turn: items of the queue, each followed by the deferred work it caused; at the end of the
 * turn the turn hooks, which hand what was made for the I/O loops over in one piece.
 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <uv.h>

#include "core/log.h"
#include "core/metric.h"
#include "core/queue.h"
#include "core/wheel.h"

struct loop;

struct loop_options {
    size_t queue_capacity;   /* items handed over and not yet run; 0: 8192 */
    uint32_t budget_ms;      /* of one callback before it is logged; 0: 5 */
    uint32_t stuck_ms;       /* report a callback that runs longer; 0: 2000 */
    uint32_t abort_ms;       /* end the process (abort) after that; 0: 30000 */
    struct log *log;         /* may be NULL */
    struct metrics *metrics; /* may be NULL */
};

/* uv: the caller's, not running yet; the calling thread is the logic thread. SOTTO_ENOMEM. */
int loop_create(uv_loop_t *uv, const struct loop_options *, struct loop **loop_out);
/* Ends the watchdog, runs what is still queued, closes the handles and runs the uv loop until the close
 * callbacks are through. NULL-safe. */
void loop_destroy(struct loop **);
uv_loop_t *loop_uv(struct loop *);
/* Asserts that the caller is on the logic thread. */
void loop_assert(const struct loop *);

/* ---- from any thread ---- */

/* Runs fn(arg) on the logic thread. SOTTO_EAGAIN: the queue is full; SOTTO_ENOMEM. */
int loop_post(struct loop *, void (*fn)(void *arg), void *arg);
/* Hands over an item that the caller owns and bounds; never refused, no allocation. */
void loop_post_item(struct loop *, struct queue_item *, queue_fn *run);
struct queue *loop_queue(struct loop *);

/* ---- logic thread only ---- */

/* Runs the item after the running callback has returned, in order. */
void loop_defer(struct loop *, struct queue_item *, queue_fn *run);

/* Calls fn(arg) at the end of every turn, before the loop waits. */
struct loop_hook {
    struct loop_hook *next;
    void (*fn)(void *arg);
    void *arg;
};
void loop_on_turn(struct loop *, struct loop_hook *);
void loop_off_turn(struct loop *, struct loop_hook *); /* one that was never set is left alone */

/* Deadlines, 16 ms grain: see wheel.h. */
struct wheel *loop_wheel(struct loop *);
/* Monotonic clock, cached for the turn; milliseconds. */
uint64_t loop_now(const struct loop *);

/* Around every call into a module; host_enter and host_leave of host.h wrap this pair and are what others
 * use. May be nested; both strings must outlive the call. loop_leave logs a callback over budget, runs
 * deferred work when the outermost call has come back, and returns the nanoseconds that the call took. */
void loop_enter(struct loop *, const char *module, const char *entry);
uint64_t loop_leave(struct loop *);
/* How many callbacks of all modules were over budget. */
uint64_t loop_slow_count(const struct loop *);

#endif
