/* SPDX-License-Identifier: MIT */
/*
 * Part of every program of a build with ThreadSanitizer, which holds a signal back until the thread that got it waits for
 * something. The place where it is held is made at the first wait of a thread, and the runtime of gcc 12 makes it twice when
 * a signal comes just then: the signal stands in the one that is thrown away. A server that is stopped the moment it says
 * `ready` would stay. So the first wait of the main thread, which is given the signals of a process, is over before main.
 */
#include <poll.h>
#include <stddef.h>

__attribute__((constructor)) static void
wait_once(void)
{
    poll(NULL, 0, 0);
}
