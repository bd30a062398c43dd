/* SPDX-License-Identifier: MIT */
/*
 * Messages of ours that are on their way, as far as the screen follows them: each is shown as pending when it had a
 * second to become sent, or at once when there is no connection. Of more than a ring's worth the
 * oldest are forgotten here; the queue in the profile keeps them all.
 */
#ifndef CLI_SENDING_H
#define CLI_SENDING_H

#include "sotto/client.h"

#define SENDING_MAX 64

/* One of them. All-zero: none. */
struct own {
    char id[SOTTO_CLIENT_HEX_BYTES];
    bool shown; /* as pending */
    int ticks;  /* seconds since it was queued */
};

/* All-zero is empty. */
struct sending {
    struct own own[SENDING_MAX]; /* a ring */
    size_t next;
};

void sending_add(struct sending *sending, const char *id, bool shown);

/* NULL when it is none of them; end one with *own = (struct own){0}. */
struct own *sending_find(struct sending *sending, const char *id);

/* A second has passed. */
void sending_tick(struct sending *sending);

/* Whether it is time to show this one as pending. own may be NULL. */
bool sending_is_due(const struct own *own, bool connected);
bool sending_any_due(const struct sending *sending, bool connected);

#endif
