/* SPDX-License-Identifier: MIT */
/*
 * Waking a loop from another thread: what uv_async_t does, without its wait. libuv 1.44 lets the woken loop spin
 * until the waking thread has come back from the write that woke it; where both share a CPU the kernel has just
 * taken that thread off, and the spin cost a twentieth of what the server does for a message.
 *
 * Wakes that come before the loop has looked are one. What was written before wake_raise is seen by the function.
 */
#ifndef CORE_WAKE_H
#define CORE_WAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct wake;
typedef void wake_fn(struct wake *);

struct wake {
    uv_poll_t poll; /* of fd; for uv_ref and uv_unref */
    int fd;
    atomic_bool raised;
    wake_fn *fn, *closed;
    void *data; /* the owner's */
};

/* fn runs on the loop's thread. 0 or SOTTO_ENOMEM; then nothing is to be closed. */
int wake_init(struct wake *, uv_loop_t *, wake_fn *fn, void *data);
/* Any thread, until wake_close. */
void wake_raise(struct wake *);
/* closed runs when the memory may go. Loop thread, once. */
void wake_close(struct wake *, wake_fn *closed);

#endif
