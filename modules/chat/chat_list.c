/* SPDX-License-Identifier: MIT */
/*
 * ListChats, ListMembers and SetRole. The first two are answered from the roster at once; they look at users,
 * not devices, so that a new device sees the chats that its siblings have yet to add it to.
 */
#include <stdlib.h>

#include "chat_roster.h"

/* ---- ListChats ------------------------------------------------------------------------------------------------ */

static void
fill_chat(Sotto__Chat__V1__Chat *out, const struct chat_seat *seat, const struct chat_device *own)
{
    const struct chat *chat = seat->chat;
    const struct chat_seat *own_seat = roster_seat(chat, own);

    sotto__chat__v1__chat__init(out);
    out->chat_id = chat_bytes(chat->id, CHAT_ID_BYTES);
    out->type = chat->type;
    out->mode = chat->mode;
    out->role = seat->user->role;
    out->epoch = chat->epoch;
    out->last_seq = chat->seq;
    out->last_ts_ms = chat->last_ts_ms;
    out->cursor = own_seat != NULL ? own_seat->read_seq : 0;
    out->members = (uint32_t)chat->user_count;
    out->suite = chat->suite;
}

static size_t
count_seats(const struct chat_person *person)
{
    size_t count = 0;

    for (size_t i = 0; i < person->device_count; i++)
        count += person->devices[i]->seat_count;
    return count;
}

/* Each chat once, however many devices of the person sit in it. */
static size_t
fill_chats(struct delivery *ds, const struct chat_person *person, const struct chat_device *own,
           Sotto__Chat__V1__Chat *chats, Sotto__Chat__V1__Chat **pointers)
{
    size_t count = 0;

    ds->serial++;
    for (size_t i = 0; i < person->device_count; i++)
        for (size_t j = 0; j < person->devices[i]->seat_count; j++) {
            const struct chat_seat *seat = person->devices[i]->seats[j];

            if (seat->chat->seen == ds->serial)
                continue;
            seat->chat->seen = ds->serial;
            fill_chat(&chats[count], seat, own);
            pointers[count] = &chats[count];
            count++;
        }
    return count;
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

/* The chat, when the caller's user is a member of it. */
static struct chat *
find_own_chat(const struct delivery *ds, const struct sotto_req *req, ProtobufCBinaryData chat_id,
              struct chat_user **user_out)
{
    struct chat *chat = roster_chat(ds, chat_id);

    *user_out = chat != NULL ? roster_user(chat, req->caller->user) : NULL;
    return *user_out != NULL ? chat : NULL;
}

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
        members[i].device_ids = devices;
        devices += user->seat_count;
        pointers[i] = &members[i];
    }
    for (uint32_t leaf = 0; leaf < chat->leaf_capacity; leaf++) {
        const struct chat_seat *seat = chat->leaves[leaf];
        Sotto__Chat__V1__Member *member;

        if (seat == NULL)
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
    struct chat_user *user;
    const struct chat *chat;

    if (!chat_is_ready(ds, req, in, chat_on_list_members))
        return;
    chat = find_own_chat(ds, req, request->chat_id, &user);
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

/* ---- SetRole ---------------------------------------------------------------------------------------------------- */

struct role_op {
    struct sotto_req *req;
    const Sotto__Chat__V1__SetRoleRequest *in;
    uint32_t chat;
};

static int
role_tx(struct sotto_tx *tx, void *arg)
{
    const struct role_op *op = arg;
    struct sotto_stmt *stmt = sotto_stmt(tx, CHAT_MEMBER_SET_ROLE);

    sotto_bind_int(stmt, 1, op->in->role);
    sotto_bind_int(stmt, 2, op->chat);
    sotto_bind_blob(stmt, 3, op->in->user_id.data, CHAT_ID_BYTES);
    return sotto_step(stmt);
}

static void
role_done(void *state, int status, void *arg)
{
    const struct role_op *op = arg;
    const Sotto__Chat__V1__SetRoleReply reply = SOTTO__CHAT__V1__SET_ROLE_REPLY__INIT;
    struct chat_user *user;

    if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, NULL);
        return;
    }
    user = roster_user(roster_chat(state, op->in->chat_id), op->in->user_id.data);
    if (user != NULL)
        user->role = op->in->role;
    sotto_reply(op->req, &reply.base);
}

static bool
is_only_owner(const struct chat *chat, const struct chat_user *user)
{
    for (size_t i = 0; i < chat->user_count; i++)
        if (chat->users[i] != user && chat->users[i]->role == SOTTO__CHAT__V1__ROLE__ROLE_OWNER)
            return false;
    return user->role == SOTTO__CHAT__V1__ROLE__ROLE_OWNER;
}

/* NULL, or why the request is refused; error_out says how. */
static const char *
check_role(const struct chat *chat, const struct chat_user *caller,
           const Sotto__Chat__V1__SetRoleRequest *in, int *error_out)
{
    const struct chat_user *user = roster_user(chat, in->user_id.data);

    *error_out = SOTTO_EPERM;
    if (caller->role != SOTTO__CHAT__V1__ROLE__ROLE_OWNER)
        return "only the owner gives roles";
    *error_out = SOTTO_EPRECONDITION;
    if (chat->type == SOTTO__CHAT__V1__CHAT_TYPE__CHAT_TYPE_DIRECT)
        return "a direct chat has no roles to give";
    if (user == NULL)
        return "the user is not in the chat";
    if (in->role != SOTTO__CHAT__V1__ROLE__ROLE_OWNER && is_only_owner(chat, user))
        return "a chat keeps one owner: name another one first";
    return NULL;
}

void
chat_on_set_role(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct delivery *ds = state;
    struct role_op op = {.req = req, .in = (const void *)in};
    struct chat_user *caller;
    const struct chat *chat;
    const char *text;
    int rc;

    if (!chat_is_ready(ds, req, in, chat_on_set_role))
        return;
    if (op.in->user_id.len != CHAT_ID_BYTES || op.in->role < SOTTO__CHAT__V1__ROLE__ROLE_OWNER ||
        op.in->role > SOTTO__CHAT__V1__ROLE__ROLE_MEMBER) {
        sotto_fail(req, SOTTO_EINVALID, "user_id has 16 bytes, and role is one of the three");
        return;
    }
    chat = find_own_chat(ds, req, op.in->chat_id, &caller);
    if (chat == NULL) {
        chat_fail_absent(req);
        return;
    }
    text = check_role(chat, caller, op.in, &rc);
    if (text != NULL) {
        sotto_fail(req, rc, text);
        return;
    }
    op.chat = chat->num;
    rc = ds->host->db->write(ds->host, role_tx, &op, sizeof(op), role_done);
    if (rc != SOTTO_OK)
        sotto_fail_status(req, rc, NULL);
}
