/* SPDX-License-Identifier: MIT */
/* See chat_quota.h. */
#include "chat_quota.h"

#define DAY_MS 86400e3
#define ROW_BYTES 256 /* what is stored of an entry besides its message */

/* Of what was used, as much as one may use in a day fades in a day. */
static bool
take(struct chat_used *used, uint64_t most, uint64_t more, int64_t mono_ms)
{
    const double faded = (double)most * (double)(mono_ms - used->at_ms) / DAY_MS;
    const double before = used->amount > faded ? used->amount - faded : 0;

    if (more == 0)
        return true;
    if (before + (double)more > (double)most)
        return false;
    *used = (struct chat_used){before + (double)more, mono_ms};
    return true;
}

const char *
quota_take(struct delivery *ds, const uint8_t *user, struct chat_load load)
{
    struct chat_person *person = roster_person_need(ds, user);
    const int64_t now = ds->host->api->mono_ms(ds->host);

    if (!take(&person->made, ds->chats_per_day, load.chats, now))
        return "this account has made as many chats as one may in a day; try again later, or ask "
               "the operator for more (chats_per_day)";
    if (!take(&person->stored, ds->bytes_per_day, load.bytes + ROW_BYTES, now))
        return "this account has stored as much as one may in a day; try again later, or ask the "
               "operator for more (bytes_per_day)";
    return NULL;
}
