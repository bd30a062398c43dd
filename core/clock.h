/* SPDX-License-Identifier: MIT */
/* Clocks in milliseconds, as modules get them; libuv's cached one is loop_now of loop.h. Any thread. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t
clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Since 1970. It may jump. */
static inline int64_t
clock_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

/* From some start, never backwards. */
static inline int64_t
clock_mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

#endif
