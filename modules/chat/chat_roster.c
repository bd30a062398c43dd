/* SPDX-License-Identifier: MIT */
/* See chat_roster.h. Plain arrays and three hash tables; nothing here talks to the host. */
#include "chat_roster.h"

#include <assert.h>
#include <stdlib.h>

static void *
must_alloc(size_t size)
{
    void *memory = calloc(1, size);

    assert(memory != NULL);
    return memory;
}

/* Makes room for one more pointer in an array that doubles. */
static void
must_grow(void ***items, size_t count, size_t *capacity)
{
    const size_t room = *capacity > 0 ? 2 * *capacity : 4;

    if (count < *capacity)
        return;
    *items = realloc(*items, room * sizeof(**items));
    assert(*items != NULL);
    *capacity = room;
}

/* ---- life ------------------------------------------------------------------------------------------ */

void
roster_init(struct delivery *ds)
{
    chat_map_init(&ds->chats, CHAT_ID_BYTES);
    chat_map_init(&ds->devices, 2 * CHAT_ID_BYTES);
    chat_map_init(&ds->persons, CHAT_ID_BYTES);
}

static void
free_chat(struct chat *chat)
{
    for (uint32_t i = 0; i < chat->leaf_capacity; i++)
        free(chat->leaves[i]);
    for (size_t i = 0; i < chat->user_count; i++)
        free(chat->users[i]);
    free(chat->leaves);
    free(chat->users);
    free(chat->proposals);
    free(chat);
}

void
roster_fini(struct delivery *ds)
{
    struct chat *chat;
    struct chat_device *device;
    struct chat_person *person;

    for (size_t i = 0; (chat = chat_map_next(&ds->chats, &i)) != NULL;)
        free_chat(chat);
    for (size_t i = 0; (device = chat_map_next(&ds->devices, &i)) != NULL;) {
        free(device->seats);
        free(device);
    }
    for (size_t i = 0; (person = chat_map_next(&ds->persons, &i)) != NULL;) {
        free(person->devices);
        free(person);
    }
    chat_map_fini(&ds->chats);
    chat_map_fini(&ds->devices);
    chat_map_fini(&ds->persons);
}

/* ---- finding --------------------------------------------------------------------------------------- */

struct chat *
roster_chat(const struct delivery *ds, ProtobufCBinaryData chat_id)
{
    return chat_id.len == CHAT_ID_BYTES ? chat_map_find(&ds->chats, chat_id.data) : NULL;
}

struct chat_device *
roster_device(const struct delivery *ds, const uint8_t *user, const uint8_t *device)
{
    uint8_t key[2 * CHAT_ID_BYTES];

    memcpy(key, user, CHAT_ID_BYTES);
    memcpy(key + CHAT_ID_BYTES, device, CHAT_ID_BYTES);
    return chat_map_find(&ds->devices, key);
}

struct chat_person *
roster_person_need(struct delivery *ds, const uint8_t *user)
{
    struct chat_person *person = chat_map_find(&ds->persons, user);

    if (person != NULL)
        return person;
    person = must_alloc(sizeof(*person));
    memcpy(person->id, user, CHAT_ID_BYTES);
    if (chat_map_add(&ds->persons, person) != SOTTO_OK)
        abort();
    return person;
}

static void
add_to_person(struct delivery *ds, struct chat_device *device)
{
    struct chat_person *person = roster_person_need(ds, device->user);

    person->devices =
        realloc(person->devices, (person->device_count + 1) * sizeof(*person->devices));
    assert(person->devices != NULL);
    person->devices[person->device_count++] = device;
}

/* A device id is a client's to choose, and each login may bring another one: among too many the one that is known from
 * nowhere but a Sync becomes the next. NULL: there is room. */
static struct chat_device *
take_idle(struct delivery *ds, const uint8_t *user)
{
    const struct chat_person *person = chat_map_find(&ds->persons, user);

    if (person == NULL || person->device_count < CHAT_DEVICES_MAX)
        return NULL;
    for (size_t i = 0; i < person->device_count; i++) {
        struct chat_device *device = person->devices[i];

        if (device->num != 0 || device->seat_count > 0 || device->holders > 0)
            continue;
        chat_map_remove(&ds->devices, device->user);
        memmove(&person->devices[i], &person->devices[i + 1],
                (person->device_count - i - 1) * sizeof(struct chat_device *));
        person->devices[person->device_count - 1] = device;
        return device;
    }
    return NULL;
}

struct chat_device *
roster_device_need(struct delivery *ds, const uint8_t *user, const uint8_t *id)
{
    struct chat_device *device = roster_device(ds, user, id);
    bool is_new;

    if (device != NULL)
        return device;
    device = take_idle(ds, user);
    is_new = device == NULL;
    if (is_new)
        device = must_alloc(sizeof(*device));
    *device = (struct chat_device){
        .is_gone = device->is_gone, .seats = device->seats, .seat_capacity = device->seat_capacity};
    memcpy(device->user, user, CHAT_ID_BYTES);
    memcpy(device->id, id, CHAT_ID_BYTES);
    if (chat_map_add(&ds->devices, device) != SOTTO_OK)
        abort();
    if (is_new)
        add_to_person(ds, device);
    return device;
}

struct chat_user *
roster_user(const struct chat *chat, const uint8_t *user)
{
    for (size_t i = 0; i < chat->user_count; i++)
        if (memcmp(chat->users[i]->id, user, CHAT_ID_BYTES) == 0)
            return chat->users[i];
    return NULL;
}

/* Looks through the shorter of the two lists. */
struct chat_seat *
roster_seat(const struct chat *chat, const struct chat_device *device)
{
    if (device == NULL)
        return NULL;
    if (device->seat_count < chat->leaf_capacity) {
        for (size_t i = 0; i < device->seat_count; i++)
            if (device->seats[i]->chat == chat)
                return device->seats[i];
        return NULL;
    }
    for (uint32_t i = 0; i < chat->leaf_capacity; i++)
        if (chat->leaves[i] != NULL && chat->leaves[i]->device == device) /* no retired one */
            return chat->leaves[i];
    return NULL;
}

struct chat_seat *
roster_caller_seat(const struct delivery *ds, const struct sotto_caller *caller,
                   ProtobufCBinaryData chat_id)
{
    const struct chat *chat = roster_chat(ds, chat_id);
    struct chat_seat *seat = NULL;

    if (chat != NULL)
        seat = roster_seat(chat, roster_device(ds, caller->user, caller->device));
    return seat != NULL && !seat->user->is_gone ? seat : NULL;
}

struct chat *
roster_caller_chat(const struct delivery *ds, const struct sotto_caller *caller,
                   ProtobufCBinaryData chat_id)
{
    struct chat *chat = roster_chat(ds, chat_id);
    const struct chat_user *user = chat != NULL ? roster_user(chat, caller->user) : NULL;

    return user != NULL && !user->is_gone ? chat : NULL;
}

/* ---- changing ---------------------------------------------------------------------------------------- */

struct chat *
roster_chat_need(struct delivery *ds, const uint8_t *chat_id)
{
    struct chat *chat = chat_map_find(&ds->chats, chat_id);

    if (chat != NULL) {
        chat->purge.is_deleted = chat->purge.is_over = false;
        chat->purge.seq = 0;
        chat->purge.oldest_ms = 0;
        chat->resets.is_set = chat->replaced_by.is_set = false;
        chat->is_closed = false;
        return chat;
    }
    chat = must_alloc(sizeof(*chat));
    memcpy(chat->id, chat_id, CHAT_ID_BYTES);
    if (chat_map_add(&ds->chats, chat) != SOTTO_OK)
        abort();
    return chat;
}

void
roster_chat_empty(struct chat *chat)
{
    for (uint32_t leaf = 0; leaf < chat->leaf_capacity; leaf++)
        if (chat->leaves[leaf] != NULL)
            roster_seat_leave(chat, leaf);
    roster_proposals_clear(chat);
}

void
roster_user_gone(struct chat *chat, struct chat_user *user)
{
    user->is_gone = true;
    chat->is_closed |= chat->type == SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_DIRECT;
}

void
roster_person_gone(struct delivery *ds, const uint8_t *user)
{
    const struct chat_person *person = chat_map_find(&ds->persons, user);

    for (size_t i = 0; person != NULL && i < person->device_count; i++) {
        struct chat_device *device = person->devices[i];

        device->is_gone = true;
        device->session_count = 0;
        for (size_t j = 0; j < device->seat_count; j++)
            roster_user_gone(device->seats[j]->chat, device->seats[j]->user);
    }
}

struct chat_user *
roster_user_need(struct chat *chat, const uint8_t *id, Sotto__Chat__V1__Role role)
{
    struct chat_user *user = roster_user(chat, id);

    if (user != NULL)
        return user;
    user = must_alloc(sizeof(*user));
    memcpy(user->id, id, CHAT_ID_BYTES);
    user->role = role;
    user->place = chat->user_count;
    must_grow((void ***)&chat->users, chat->user_count, &chat->user_capacity);
    chat->users[chat->user_count++] = user;
    return user;
}

static void
need_leaf(struct chat *chat, uint32_t leaf)
{
    uint32_t capacity = chat->leaf_capacity > 0 ? chat->leaf_capacity : 2;

    if (leaf < chat->leaf_capacity)
        return;
    while (capacity <= leaf)
        capacity *= 2;
    chat->leaves = realloc(chat->leaves, capacity * sizeof(*chat->leaves));
    assert(chat->leaves != NULL);
    for (uint32_t i = chat->leaf_capacity; i < capacity; i++)
        chat->leaves[i] = NULL;
    chat->leaf_capacity = capacity;
}

struct chat_seat *
roster_seat_take(struct chat *chat, uint32_t leaf, struct chat_device *device, uint32_t since_seq)
{
    struct chat_seat *seat = must_alloc(sizeof(*seat));

    need_leaf(chat, leaf);
    assert(chat->leaves[leaf] == NULL);
    *seat = (struct chat_seat){
        .chat = chat,
        .device = device,
        .user = roster_user(chat, device->user),
        .leaf = leaf,
        .since_seq = since_seq,
        .read_seq = since_seq,
    };
    assert(seat->user != NULL);
    seat->user->seat_count++;
    chat->leaves[leaf] = seat;
    chat->seat_count++;
    must_grow((void ***)&device->seats, device->seat_count, &device->seat_capacity);
    device->seats[device->seat_count++] = seat;
    return seat;
}

static void
drop_user(struct chat *chat, struct chat_user *user)
{
    struct chat_user *last = chat->users[--chat->user_count];

    chat->users[user->place] = last;
    last->place = user->place;
    free(user);
}

void
roster_seat_leave(struct chat *chat, uint32_t leaf)
{
    struct chat_seat *seat = chat->leaves[leaf];
    struct chat_device *device = seat->device;

    chat->leaves[leaf] = NULL;
    chat->seat_count--;
    for (size_t i = 0; device != NULL && i < device->seat_count; i++)
        if (device->seats[i] == seat)
            device->seats[i] = device->seats[--device->seat_count];
    if (seat->user != NULL && --seat->user->seat_count == 0)
        drop_user(chat, seat->user);
    free(seat);
}

/* ---- proposals --------------------------------------------------------------------------------------- */

const struct chat_proposal *
roster_proposal(const struct chat *chat, const uint8_t ref[MLS_REF_BYTES])
{
    for (size_t i = 0; i < chat->proposal_count; i++)
        if (memcmp(chat->proposals[i].ref, ref, MLS_REF_BYTES) == 0)
            return &chat->proposals[i];
    return NULL;
}

static void
add_proposal(struct chat *chat, uint32_t leaf, const uint8_t ref[MLS_REF_BYTES])
{
    struct chat_proposal *proposal;

    chat->proposals =
        realloc(chat->proposals, (chat->proposal_count + 1) * sizeof(*chat->proposals));
    assert(chat->proposals != NULL);
    proposal = &chat->proposals[chat->proposal_count++];
    proposal->leaf = leaf;
    memcpy(proposal->ref, ref, MLS_REF_BYTES);
}

void
roster_seat_retire(struct chat *chat, uint32_t leaf, const uint8_t ref[MLS_REF_BYTES])
{
    struct chat_seat *seat = must_alloc(sizeof(*seat));

    need_leaf(chat, leaf);
    if (chat->leaves[leaf] != NULL)
        roster_seat_leave(chat, leaf);
    *seat = (struct chat_seat){.chat = chat, .leaf = leaf};
    chat->leaves[leaf] = seat;
    chat->seat_count++;
    add_proposal(chat, leaf, ref);
}

void
roster_proposals_clear(struct chat *chat)
{
    free(chat->proposals);
    chat->proposals = NULL;
    chat->proposal_count = 0;
}

/* ---- sessions ------------------------------------------------------------------------------------------ */

void
roster_unsubscribe(struct chat_device *device, uint64_t session)
{
    for (uint8_t i = 0; i < device->session_count; i++) {
        if (device->sessions[i] != session)
            continue;
        device->session_count--;
        memmove(&device->sessions[i], &device->sessions[i + 1],
                (device->session_count - i) * sizeof(device->sessions[0]));
        return;
    }
}

void
roster_subscribe(struct chat_device *device, uint64_t session)
{
    roster_unsubscribe(device, session);
    if (device->session_count == CHAT_SESSIONS_MAX)
        roster_unsubscribe(device, device->sessions[0]);
    device->sessions[device->session_count++] = session;
}

uint64_t *
roster_listeners(const struct chat *chat, const struct chat_device *except, size_t *count_out)
{
    uint64_t *sessions = NULL;
    size_t count = 0, capacity = 0;

    for (uint32_t leaf = 0; leaf < chat->leaf_capacity; leaf++) {
        struct chat_device *device = chat->leaves[leaf] != NULL ? chat->leaves[leaf]->device : NULL;

        if (device == NULL)
            continue;
        device->events++;
        if (device == except || device->session_count == 0)
            continue;
        if (count + CHAT_SESSIONS_MAX > capacity) {
            capacity = 2 * capacity + 2 * CHAT_SESSIONS_MAX;
            sessions = realloc(sessions, capacity * sizeof(*sessions));
            assert(sessions != NULL);
        }
        memcpy(sessions + count, device->sessions, device->session_count * sizeof(*sessions));
        count += device->session_count;
    }
    *count_out = count;
    return sessions;
}
