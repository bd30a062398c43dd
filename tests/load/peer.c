/* SPDX-License-Identifier: MIT */
/* A client under load: see peer.h. */
#include "peer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modules/chat/chat.pb-c.h"

#define CHAT "sotto.chat.v1.ChatService/"
#define PAGES_MAX 100000
#define WELCOMES_MAX 64       /* acknowledged at once; more come with the next page */
#define GOODBYE_SHUTDOWN 1001 /* core/frame.proto */

void
peer_init(struct peer *peer)
{
    memset(peer, 0, sizeof(*peer));
    rig_conn_init(&peer->conn);
    peer->next_msg = 1;
}

void
peer_fini(struct peer *peer)
{
    rig_conn_fini(&peer->conn);
}

static void
take_entries(struct peer *peer, Sotto__Chat__V1__Entry *const *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const Sotto__Chat__V1__Entry *entry = entries[i];

        if (entry->chat_id.len != 16 || memcmp(entry->chat_id.data, peer->chat->chat_id, 16) != 0)
            continue;
        if (entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_APPLICATION &&
            entry->sender_device.len == 16)
            peer->on_entry(peer->arg, peer, entry->seq, entry->client_msg_id,
                           entry->sender_device.data);
        if (entry->seq > peer->cursor)
            peer->cursor = entry->seq;
    }
}

static int
accept_welcomes(struct peer *peer, const Sotto__Chat__V1__SyncReply *reply)
{
    ProtobufCBinaryData joined[WELCOMES_MAX];
    size_t count = 0;

    for (; count < reply->n_welcomes && count < WELCOMES_MAX; count++)
        joined[count] = reply->welcomes[count]->chat_id;
    return count == 0 ? 0 : rig_chat_joined(&peer->conn, joined, count);
}

/* Behind a page with Welcomes there is always another: what was pushed while they were acknowledged is dropped. */
static int
sync_page(struct peer *peer, bool *more_out)
{
    Sotto__Chat__V1__SyncRequest request = SOTTO__CHAT__V1__SYNC_REQUEST__INIT;
    Sotto__Chat__V1__Cursor cursor = SOTTO__CHAT__V1__CURSOR__INIT;
    Sotto__Chat__V1__Cursor *cursors[1] = {&cursor};
    Sotto__Chat__V1__SyncReply *reply;
    int result;

    cursor.chat_id.data = (uint8_t *)peer->chat->chat_id;
    cursor.chat_id.len = 16;
    cursor.seq = peer->cursor;
    request.cursors = cursors;
    request.n_cursors = 1;
    request.live = true;
    if (rig_call(&peer->conn, CHAT "Sync", &request.base, &sotto__chat__v1__sync_reply__descriptor,
                 (ProtobufCMessage **)&reply) != 0)
        return -1;
    take_entries(peer, reply->entries, reply->n_entries);
    *more_out = reply->more || reply->n_welcomes > 0;
    result = accept_welcomes(peer, reply);
    protobuf_c_message_free_unpacked(&reply->base, NULL);
    return result;
}

static int
subscribe(struct peer *peer)
{
    bool more = true;

    for (size_t page = 0; more && page < PAGES_MAX; page++)
        if (sync_page(peer, &more) != 0)
            return -1;
    return more ? -1 : 0;
}

static void
queue_message(struct peer *peer, size_t slot)
{
    Sotto__Chat__V1__SendRequest request = SOTTO__CHAT__V1__SEND_REQUEST__INIT;
    uint8_t message[8192 + 128];

    if (peer->ending)
        return; /* the next connection sends it */
    peer->unanswered++;
    request.chat_id.data = (uint8_t *)peer->chat->chat_id;
    request.chat_id.len = 16;
    request.client_msg_id = peer->flight[slot].msg;
    request.message.data = message;
    request.message.len = rig_private_message(peer->chat, peer->bytes, message);
    peer->flight[slot].call = rig_queue(&peer->conn, CHAT "Send", &request.base);
}

/* In the order in which they were first sent: the server commits the sends of a connection in that order. */
static void
resend(struct peer *peer)
{
    uint64_t oldest = peer->next_msg > PEER_WINDOW_MAX ? peer->next_msg - PEER_WINDOW_MAX : 1;

    for (uint64_t msg = oldest; msg < peer->next_msg; msg++) {
        size_t slot = (size_t)(msg % PEER_WINDOW_MAX);

        if (peer->flight[slot].msg == msg)
            queue_message(peer, slot);
    }
}

int
peer_connect(struct peer *peer, const struct rig_address *address)
{
    peer->watched = peer->ending = false;
    peer->unanswered = 0;
    if (rig_dial(&peer->conn, address) != 0)
        return -1;
    if (rig_user_attach(&peer->user, &peer->conn) != 0 ||
        (peer->receives && subscribe(peer) != 0)) {
        rig_conn_close(&peer->conn);
        return -1;
    }
    resend(peer);
    return 0;
}

void
peer_send(struct peer *peer)
{
    uint64_t msg = peer->next_msg++;
    size_t slot = (size_t)(msg % PEER_WINDOW_MAX);

    assert(peer->flight[slot].msg == 0);
    peer->flight[slot].msg = msg;
    peer->flight[slot].sent_at = rig_now_s();
    peer->in_flight++;
    queue_message(peer, slot);
}

/* A refused message stays in flight: it is sent again at once when the refusal says "try again", and never
 * counted as acknowledged. */
static void
take_reply(struct peer *peer, uint64_t call, const Sotto__Frame__V1__Reply *reply)
{
    Sotto__Chat__V1__SendReply *sent;
    size_t slot;
    uint64_t msg;

    for (slot = 0; slot < PEER_WINDOW_MAX; slot++)
        if (peer->flight[slot].msg != 0 && peer->flight[slot].call == call)
            break;
    if (slot == PEER_WINDOW_MAX)
        return;
    peer->unanswered--;
    if (reply->result_case == SOTTO__FRAME__V1__REPLY__RESULT_ERROR) {
        if (peer->refused++ == 0)
            fprintf(stderr, "load: Send: %s: %s\n", reply->error->code, reply->error->message);
        queue_message(peer, slot);
        return;
    }
    sent = sotto__chat__v1__send_reply__unpack(NULL, reply->body.len, reply->body.data);
    if (sent == NULL)
        return;
    msg = peer->flight[slot].msg;
    peer->on_ack(peer->arg, peer, msg, sent->seq);
    peer->flight[slot].msg = 0;
    peer->in_flight--;
    sotto__chat__v1__send_reply__free_unpacked(sent, NULL);
}

static void
take_event(struct peer *peer, const Sotto__Frame__V1__Event *event)
{
    Sotto__Chat__V1__EntryEvent *entries;

    if (strcmp(event->type, "sotto.chat.v1.EntryEvent") != 0)
        return;
    entries = sotto__chat__v1__entry_event__unpack(NULL, event->body.len, event->body.data);
    if (entries == NULL)
        return;
    take_entries(peer, entries->entries, entries->n_entries);
    sotto__chat__v1__entry_event__free_unpacked(entries, NULL);
}

static void
take_goodbye(struct peer *peer, const Sotto__Frame__V1__Goodbye *goodbye)
{
    fprintf(stderr, "load: Goodbye %u: %s\n", goodbye->code, goodbye->reason);
    if (goodbye->code == GOODBYE_SHUTDOWN && goodbye->resume_after_ms > 0 && !peer->ending)
        peer->told++;
    peer->ending = true;
}

static void
take_frames(struct peer *peer)
{
    Sotto__Frame__V1__Frame *frame;

    while ((frame = rig_next(&peer->conn)) != NULL) {
        if (frame->kind_case == SOTTO__FRAME__V1__FRAME__KIND_REPLY)
            take_reply(peer, frame->id, frame->reply);
        else if (frame->kind_case == SOTTO__FRAME__V1__FRAME__KIND_EVENT)
            take_event(peer, frame->event);
        else if (frame->kind_case == SOTTO__FRAME__V1__FRAME__KIND_PING)
            rig_pong(&peer->conn, frame->ping);
        else if (frame->kind_case == SOTTO__FRAME__V1__FRAME__KIND_GOODBYE)
            take_goodbye(peer, frame->goodbye);
        sotto__frame__v1__frame__free_unpacked(frame, NULL);
    }
}

int
peer_turn(struct peer *peer)
{
    int ended = rig_wire_fill(&peer->conn.wire);

    take_frames(peer);
    if (ended != 0 || rig_wire_flush(&peer->conn.wire) != 0 ||
        (peer->ending && peer->unanswered == 0)) {
        rig_conn_close(&peer->conn);
        return -1;
    }
    return 0;
}
