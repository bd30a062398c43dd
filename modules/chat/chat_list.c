/* SPDX-License-Identifier: MIT */
/*
 * ListChats and ListMembers, answered from the roster at once. They look at users, not devices, so that a new device
 * sees the chats that its siblings have yet to add it to.
 */
#include <stdlib.h>

#include "chat_roster.h"

/* ---- ListChats ------------------------------------------------------------------------------------------------ */

static void
fill_chat(Sotto__Chat__V1__Chat *out, const struct chat_seat *seat, const struct chat_device *own)
{
    const struct chat *chat = seat->chat;

    sotto__chat__v1__chat__init(out);
    out->chat_id = chat_bytes(chat->id, CHAT_ID_BYTES);
    out->type = chat->type;
    out->mode = chat->mode;
    out->role = seat->user->role;
    out->epoch = chat->epoch;
    out->last_seq = chat->seq;
    out->last_ts_ms = chat->last_ts_ms;
    out->cursor = seat->device == own ? seat->read_seq : 0;
    out->members = (uint32_t)chat->user_count;
    out->suite = chat->suite;
    out->replaced_by = chat_link_bytes(&chat->replaced_by);
    out->resets = chat_link_bytes(&chat->resets);
}

static size_t
count_seats(const struct chat_person *person)
{
    size_t count = 0;

    for (size_t i = 0; i < person->device_count; i++)
        count += person->devices[i]->seat_count;
    return count;
}

/* The list as it grows. */
struct listing {
    uint64_t serial; /* marks the chats that are in it */
    const struct chat_device *own;
    Sotto__Chat__V1__Chat *chats, **pointers; /* room for all seats of the person */
    size_t count;
};

static void
add_chats(struct listing *listing, const struct chat_device *device)
{
    for (size_t i = 0; i < device->seat_count; i++) {
        const struct chat_seat *seat = device->seats[i];
        Sotto__Chat__V1__Chat *chat = &listing->chats[listing->count];

        if (seat->chat->seen == listing->serial)
            continue;
        seat->chat->seen = listing->serial;
        fill_chat(chat, seat, listing->own);
        listing->pointers[listing->count++] = chat;
    }
}

/* Each chat once, however many devices of the person sit in it; the caller's own first, whose seat has the cursor. */
static size_t
fill_chats(struct delivery *ds, const struct chat_person *person, const struct chat_device *own,
           Sotto__Chat__V1__Chat *chats, Sotto__Chat__V1__Chat **pointers)
{
    struct listing listing = {
        .serial = ++ds->serial, .own = own, .chats = chats, .pointers = pointers};

    if (own != NULL)
        add_chats(&listing, own);
    for (size_t i = 0; i < person->device_count; i++)
        add_chats(&listing, person->devices[i]);
    return listing.count;
}

void
chat_on_list_chats(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    const struct chat_person *person;
    Sotto__Chat__V1__ListChatsReply reply = SOTTO__CHAT__V1__LIST_CHATS_REPLY__INIT;
    Sotto__Chat__V1__Chat *chats;
    size_t room;

    if (!chat_is_ready(ds, req, in, chat_on_list_chats))
        return;
    person = chat_map_find(&ds->persons, req->caller->user);
    room = person != NULL ? count_seats(person) : 0;
    chats = calloc(room + 1, sizeof(*chats));
    reply.chats = calloc(room + 1, sizeof(*reply.chats));
    if (chats == NULL || reply.chats == NULL) {
        sotto_fail_status(req, SOTTO_ENOMEM, NULL);
    } else {
        if (room > 0)
            reply.n_chats =
                fill_chats(ds, person, roster_device(ds, req->caller->user, req->caller->device),
                           chats, reply.chats);
        sotto_reply(req, &reply.base);
    }
    free(chats);
    free(reply.chats);
}

/* ---- ListMembers ------------------------------------------------------------------------------------------------ */

/* devices has room for all seats: each member gets a run of it. */
static void
fill_members(const struct chat *chat, Sotto__Chat__V1__Member *members,
             Sotto__Chat__V1__Member **pointers, ProtobufCBinaryData *devices)
{
    for (size_t i = 0; i < chat->user_count; i++) {
        const struct chat_user *user = chat->users[i];

        sotto__chat__v1__member__init(&members[i]);
        members[i].user_id = chat_bytes(user->id, CHAT_ID_BYTES);
        members[i].role = user->role;
        members[i].deleted = user->is_gone;
        members[i].device_ids = devices;
        devices += user->seat_count;
        pointers[i] = &members[i];
    }
    for (uint32_t leaf = 0; leaf < chat->leaf_capacity; leaf++) {
        const struct chat_seat *seat = chat->leaves[leaf];
        Sotto__Chat__V1__Member *member;

        if (seat == NULL || seat->user == NULL)
            continue;
        member = &members[seat->user->place];
        member->device_ids[member->n_device_ids++] = chat_bytes(seat->device->id, CHAT_ID_BYTES);
    }
}

void
chat_on_list_members(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    const Sotto__Chat__V1__ListMembersRequest *request = (const void *)in;
    Sotto__Chat__V1__ListMembersReply reply = SOTTO__CHAT__V1__LIST_MEMBERS_REPLY__INIT;
    Sotto__Chat__V1__Member *members;
    ProtobufCBinaryData *devices;
    const struct chat *chat;

    if (!chat_is_ready(ds, req, in, chat_on_list_members))
        return;
    chat = roster_caller_chat(ds, req->caller, request->chat_id);
    if (chat == NULL) {
        chat_fail_absent(req);
        return;
    }
    members = calloc(chat->user_count, sizeof(*members));
    reply.members = calloc(chat->user_count, sizeof(*reply.members));
    devices = calloc(chat->seat_count, sizeof(*devices));
    if (members == NULL || reply.members == NULL || devices == NULL) {
        sotto_fail_status(req, SOTTO_ENOMEM, NULL);
    } else {
        fill_members(chat, members, reply.members, devices);
        reply.n_members = chat->user_count;
        sotto_reply(req, &reply.base);
    }
    free(members);
    free(reply.members);
    free(devices);
}
