/* SPDX-License-Identifier: MIT */
/* See chat_turn.h. The lines hang on the persons of the roster, who live as long as the module. */
#include "chat_turn.h"

int
turn_begin(struct delivery *ds, struct chat_turn *turn, const uint8_t *user, chat_turn_fn *fn,
           void *owner)
{
    struct chat_person *person = roster_person_need(ds, user);

    if (person->waiting == CHAT_TURNS_WAITING_MAX)
        return SOTTO_EEXHAUSTED;
    *turn = (struct chat_turn){.person = person, .fn = fn, .owner = owner};
    if (person->at_work < CHAT_TURNS_AT_WORK_MAX) {
        person->at_work++;
        fn(owner);
        return SOTTO_OK;
    }
    *(person->first_turn != NULL ? &person->last_turn->next : &person->first_turn) = turn;
    person->last_turn = turn;
    person->waiting++;
    return SOTTO_OK;
}

void
turn_end(struct chat_turn turn)
{
    struct chat_person *person = turn.person;
    struct chat_turn *next;

    if (person == NULL)
        return;
    next = person->first_turn;
    if (next == NULL) {
        person->at_work--;
        return;
    }
    person->first_turn = next->next;
    person->waiting--;
    next->fn(next->owner);
}

/* How far the commits so far reach into the future, when each takes its time; a clock that was set back makes that
 * more than they can. */
static int64_t
pace_ahead(const struct chat_user *user, int64_t now_ms)
{
    const int64_t ahead = user->pace_ms - now_ms;

    return ahead < 0 || ahead > (int64_t)CHAT_PACE_BURST * CHAT_PACE_MS ? 0 : ahead;
}

bool
pace_allows(const struct chat_user *user, int64_t now_ms)
{
    return pace_ahead(user, now_ms) <= (int64_t)(CHAT_PACE_BURST - 1) * CHAT_PACE_MS;
}

void
pace_note(struct chat_user *user, int64_t now_ms)
{
    user->pace_ms = now_ms + pace_ahead(user, now_ms) + CHAT_PACE_MS;
}
