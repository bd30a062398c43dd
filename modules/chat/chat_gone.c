/* SPDX-License-Identifier: MIT */
/*
 * keyx.device.removed.v1: a user took a device out of the account.
 *
 * Its leaf stays in the groups until a member commits it out, which the server cannot do. So the members who are
 * connected are told, chat by chat; the others find it in the user's key log before they write. The fact comes twice,
 * and the second time is a reminder where nobody has done it.
 */
#include "chat.h"

#include <stdlib.h>

#include "chat_roster.h"
#include "keyx.pb-c.h"

static void
tell_members(struct delivery *ds, const struct chat_seat *seat)
{
    Sotto__Chat__V1__DeviceGone event = SOTTO__CHAT__V1__DEVICE_GONE__INIT;
    size_t count;
    uint64_t *sessions = roster_listeners(seat->chat, seat->device, &count);

    event.chat_id = chat_bytes(seat->chat->id, CHAT_ID_BYTES);
    event.user_id = chat_bytes(seat->device->user, CHAT_ID_BYTES);
    event.device_id = chat_bytes(seat->device->id, CHAT_ID_BYTES);
    if (count > 0)
        ds->host->session->push(ds->host, sessions, count, &event.base);
    free(sessions);
}

void
chat_on_device_removed(void *state, const struct sotto_envelope *envelope)
{
    struct delivery *ds = state;
    Sotto__Keyx__V1__DeviceRemoved *fact = sotto__keyx__v1__device_removed__unpack(
        NULL, envelope->payload.size, envelope->payload.data);
    const struct chat_device *device = NULL;

    if (fact != NULL && fact->user_id.len == CHAT_ID_BYTES && fact->device_id.len == CHAT_ID_BYTES)
        device = roster_device(ds, fact->user_id.data, fact->device_id.data);
    for (size_t i = 0; device != NULL && i < device->seat_count; i++)
        tell_members(ds, device->seats[i]);
    if (fact != NULL)
        sotto__keyx__v1__device_removed__free_unpacked(fact, NULL);
}
