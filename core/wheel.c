/* SPDX-License-Identifier: MIT */
/*
 * An entry lies in the slot of the first tick at which it is due; a slot that is visited in an earlier round puts
 * back what is not due yet. The uv timer is set for the next slot with anything in it, so that an idle
 * server with ten thousand token expiries wakes up a few times a round and not every tick.
 */
#include "core/wheel.h"

#include <assert.h>
#include <string.h>

static uint64_t
now_ms(const struct wheel *wheel)
{
    return uv_now(wheel->timer.loop);
}

static void
put(struct wheel *wheel, struct wheel_entry *entry)
{
    struct wheel_entry **slot;
    uint64_t tick = entry->due_ms / WHEEL_TICK_MS + 1;

    if (tick <= wheel->tick) /* the clock stood still while the wheel turned */
        tick = wheel->tick + 1;
    slot = &wheel->slots[tick % WHEEL_SLOTS];
    entry->next = *slot;
    if (entry->next)
        entry->next->link = &entry->next;
    entry->link = slot;
    *slot = entry;
}

static void
take(struct wheel_entry *entry)
{
    *entry->link = entry->next;
    if (entry->next)
        entry->next->link = entry->link;
    entry->link = NULL;
    entry->next = NULL;
}

static void on_tick(uv_timer_t *timer);

static void
arm_at(struct wheel *wheel, uint64_t tick)
{
    uint64_t at = tick * WHEEL_TICK_MS;
    uint64_t now = now_ms(wheel);

    wheel->armed = tick;
    uv_timer_start(&wheel->timer, on_tick, at > now ? at - now : 0, 0);
}

/* Sets the timer for the next slot that has something in it. */
static void
arm_next(struct wheel *wheel)
{
    wheel->armed = 0;
    for (uint64_t i = 1; wheel->count && i <= WHEEL_SLOTS; i++) {
        if (wheel->slots[(wheel->tick + i) % WHEEL_SLOTS]) {
            arm_at(wheel, wheel->tick + i);
            return;
        }
    }
}

static void
run_slot(struct wheel *wheel, size_t slot, uint64_t now)
{
    struct wheel_entry *list = wheel->slots[slot];

    wheel->slots[slot] = NULL;
    if (list)
        list->link = &list; /* callbacks may clear entries that wait here */
    while (list) {
        struct wheel_entry *entry = list;

        take(entry);
        if (entry->due_ms > now) {
            put(wheel, entry);
            continue;
        }
        wheel->count--;
        entry->fn(entry);
    }
}

static void
on_tick(uv_timer_t *timer)
{
    struct wheel *wheel = timer->data;
    uint64_t now = now_ms(wheel);
    uint64_t last = now / WHEEL_TICK_MS;
    uint64_t first = wheel->tick + 1;

    if (last >= first + WHEEL_SLOTS)
        first = last - WHEEL_SLOTS + 1; /* one whole round visits every slot */
    wheel->tick = last;
    for (uint64_t tick = first; tick <= last; tick++)
        run_slot(wheel, tick % WHEEL_SLOTS, now);
    arm_next(wheel);
}

int
wheel_init(struct wheel *wheel, uv_loop_t *loop)
{
    memset(wheel, 0, sizeof(*wheel));
    if (uv_timer_init(loop, &wheel->timer))
        return SOTTO_ENOMEM;
    wheel->timer.data = wheel;
    wheel->tick = now_ms(wheel) / WHEEL_TICK_MS;
    return 0;
}

void
wheel_close(struct wheel *wheel)
{
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        while (wheel->slots[i])
            take(wheel->slots[i]);
    wheel->count = 0;
    uv_close((uv_handle_t *)&wheel->timer, NULL);
}

void
wheel_set(struct wheel *wheel, struct wheel_entry *entry, uint64_t delay_ms, wheel_fn *fn)
{
    uint64_t tick;

    if (entry->link)
        take(entry);
    else
        wheel->count++;
    if (wheel->count == 1) /* nothing else is there: skip the empty past */
        wheel->tick = now_ms(wheel) / WHEEL_TICK_MS;
    entry->due_ms = now_ms(wheel) + delay_ms;
    entry->fn = fn;
    put(wheel, entry);
    tick = entry->due_ms / WHEEL_TICK_MS + 1;
    if (tick - wheel->tick > WHEEL_SLOTS) /* its slot comes by earlier, in another round */
        tick = wheel->tick + 1 + (tick - wheel->tick - 1) % WHEEL_SLOTS;
    if (!wheel->armed || tick < wheel->armed)
        arm_at(wheel, tick);
}

void
wheel_clear(struct wheel *wheel, struct wheel_entry *entry)
{
    if (!entry->link)
        return;
    take(entry);
    wheel->count--;
}

bool
wheel_is_set(const struct wheel_entry *entry)
{
    return entry->link != NULL;
}
