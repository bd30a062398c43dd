/* SPDX-License-Identifier: MIT */
/*
 * See auth_pending.h. Entries hang in one of two lists: free ones in a stack, taken ones in the
 * order of their making, which is the order of their expiry. Expired ones are freed when a new one
 * comes. When none has expired the oldest gives way: whoever fills the table would otherwise keep
 * everybody out, and so has to fill it anew within the second that a login takes.
 */
#include "auth_pending.h"

#include <sodium.h>

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define RANDOM_BYTES (SOTTO_ID_BYTES - 4)

struct entry {
    struct auth_login_start start;
    uint8_t random[RANDOM_BYTES];
    int64_t until_ms;
    uint32_t previous, next; /* neighbours in the list of taken entries, or the next free one */
    bool taken;
};

struct auth_pending {
    uint32_t free;           /* top of the stack */
    uint32_t oldest, newest; /* ends of the taken list */
    uint32_t capacity;
    size_t count;
    struct entry entries[];
};

int
auth_pending_create(size_t capacity, struct auth_pending **pending_out)
{
    struct auth_pending *pending = NULL;

    if (capacity > 0 && capacity < NONE)
        pending = calloc(1, sizeof(*pending) + capacity * sizeof(struct entry));
    if (pending == NULL)
        return SOTTO_ENOMEM;
    pending->capacity = (uint32_t)capacity;
    pending->oldest = pending->newest = NONE;
    for (uint32_t i = 0; i < pending->capacity; i++)
        pending->entries[i].next = i + 1 < pending->capacity ? i + 1 : NONE;
    *pending_out = pending;
    return 0;
}

void
auth_pending_destroy(struct auth_pending **pending)
{
    if (*pending == NULL)
        return;
    sodium_memzero((*pending)->entries, (*pending)->capacity * sizeof(struct entry));
    free(*pending);
    *pending = NULL;
}

/* Takes an entry out of the list, wipes it, and puts it on the stack. */
static void
release(struct auth_pending *pending, uint32_t place)
{
    struct entry *entry = &pending->entries[place];

    if (entry->previous != NONE)
        pending->entries[entry->previous].next = entry->next;
    else
        pending->oldest = entry->next;
    if (entry->next != NONE)
        pending->entries[entry->next].previous = entry->previous;
    else
        pending->newest = entry->previous;
    sodium_memzero(entry, sizeof(*entry));
    entry->next = pending->free;
    pending->free = place;
    pending->count--;
}

static void
expire(struct auth_pending *pending, int64_t now_ms)
{
    while (pending->oldest != NONE && pending->entries[pending->oldest].until_ms <= now_ms)
        release(pending, pending->oldest);
}

void
auth_pending_add(struct auth_pending *pending, int64_t now_ms, const struct auth_login_start *start,
                 uint8_t id_out[SOTTO_ID_BYTES])
{
    uint32_t place;
    struct entry *entry;

    expire(pending, now_ms);
    if (pending->free == NONE)
        release(pending, pending->oldest);
    place = pending->free;
    entry = &pending->entries[place];
    pending->free = entry->next;
    entry->start = *start;
    entry->until_ms = now_ms + AUTH_PENDING_LIFETIME_MS;
    entry->taken = true;
    randombytes_buf(entry->random, sizeof(entry->random));
    entry->previous = pending->newest;
    entry->next = NONE;
    if (pending->newest != NONE)
        pending->entries[pending->newest].next = place;
    else
        pending->oldest = place;
    pending->newest = place;
    pending->count++;

    for (int i = 0; i < 4; i++)
        id_out[i] = (uint8_t)(place >> (24 - 8 * i));
    memcpy(id_out + 4, entry->random, RANDOM_BYTES);
}

int
auth_pending_take(struct auth_pending *pending, int64_t now_ms, const uint8_t id[SOTTO_ID_BYTES],
                  struct auth_login_start *start_out)
{
    uint32_t place = 0;

    expire(pending, now_ms);
    for (int i = 0; i < 4; i++)
        place = place << 8 | id[i];
    if (place >= pending->capacity || !pending->entries[place].taken ||
        sodium_memcmp(pending->entries[place].random, id + 4, RANDOM_BYTES) != 0)
        return SOTTO_ENOTFOUND;
    *start_out = pending->entries[place].start;
    release(pending, place);
    return 0;
}

size_t
auth_pending_count(struct auth_pending *pending, int64_t now_ms)
{
    expire(pending, now_ms);
    return pending->count;
}
