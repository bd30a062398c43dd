/* SPDX-License-Identifier: MIT */
/*
 * When to try again. Pure functions of a count, so that nothing about them depends on a clock: the
 * caller brings the random number and does the waiting.
 */
#ifndef CLIENT_BACKOFF_H
#define CLIENT_BACKOFF_H

#include <stdint.h>

#define BACKOFF_LEAST_MS 1000
#define BACKOFF_MOST_MS 30000

#define RETRY_AFTER_MS 5000 /* of a message that the server refused */
#define RETRY_TRIES_MAX 3   /* then a person must decide */

/* The wait before reconnecting after `failures` attempts in a row that failed (1 or more): 1 s
 * doubling to 30 s, or what the server asked for (0: nothing) within 30 s, less a random quarter,
 * so that the clients of a server that comes back do not all arrive at once. */
unsigned backoff_ms(unsigned failures, uint32_t asked_ms, uint32_t random);

#endif
