/* SPDX-License-Identifier: MIT */
/*
 * Deadlines of many small things on one uv timer: a hashed wheel. Setting and clearing are O(1) and allocate
 * nothing; a deadline fires at its time or up to WHEEL_TICK_MS later, never earlier. The timer runs only while
 * something is set. One thread.
 */
#ifndef CORE_WHEEL_H
#define CORE_WHEEL_H

#include <uv.h>

#include "sotto/types.h"

#define WHEEL_TICK_MS 16
#define WHEEL_SLOTS 1024 /* about 16 s; what lies further ahead is passed over once a round */

struct wheel_entry;
typedef void wheel_fn(struct wheel_entry *);

/* Stands inside what has a deadline. All zero: not set. */
struct wheel_entry {
    struct wheel_entry *next, **link; /* link NULL: not set */
    uint64_t due_ms;
    wheel_fn *fn;
};

struct wheel {
    uv_timer_t timer;
    struct wheel_entry *slots[WHEEL_SLOTS];
    uint64_t tick;  /* the last one that was run */
    uint64_t armed; /* the one that the timer is set for; 0: none */
    size_t count;
};

int wheel_init(struct wheel *, uv_loop_t *);
/* Forgets what is set; the memory must live until the loop has run its close callbacks. */
void wheel_close(struct wheel *);
/* Sets, or sets anew, the entry: fn runs after delay_ms. */
void wheel_set(struct wheel *, struct wheel_entry *, uint64_t delay_ms, wheel_fn *fn);
/* Clears it; one that is not set is left alone. */
void wheel_clear(struct wheel *, struct wheel_entry *);
bool wheel_is_set(const struct wheel_entry *);

#endif
