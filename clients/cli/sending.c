/* SPDX-License-Identifier: MIT */
/*
 * Own messages on their way. See sending.h.
 */
#include "sending.h"

#include <stdio.h>
#include <string.h>

void
sending_add(struct sending *sending, const char *id, bool shown)
{
    struct own *own = &sending->own[sending->next++ % SENDING_MAX];
    *own = (struct own){.shown = shown};
    snprintf(own->id, sizeof(own->id), "%s", id);
}

struct own *
sending_find(struct sending *sending, const char *id)
{
    for (size_t i = 0; i < SENDING_MAX; i++)
        if (*sending->own[i].id && !strcmp(sending->own[i].id, id))
            return &sending->own[i];
    return NULL;
}

void
sending_tick(struct sending *sending)
{
    for (size_t i = 0; i < SENDING_MAX; i++)
        sending->own[i].ticks += *sending->own[i].id != 0;
}

bool
sending_is_due(const struct own *own, bool connected)
{
    return own && *own->id && !own->shown && (!connected || own->ticks >= 1);
}

bool
sending_any_due(const struct sending *sending, bool connected)
{
    for (size_t i = 0; i < SENDING_MAX; i++)
        if (sending_is_due(&sending->own[i], connected))
            return true;
    return false;
}
