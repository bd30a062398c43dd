/* SPDX-License-Identifier: MIT */
/*
 * The job `catchup`: N senders each leave M messages in their chat with one user, who is away. Measured is the time
 * from that user's connect to the last missed message, read page by page as clients do.
 */
#include "load.h"
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "modules/chat/chat.pb-c.h"

#define PAGES_MAX 1000000

struct catchup_job {
    const struct load_options *options;
    struct rig_conn conn; /* of the user who was away */
    struct rig_user reader;
    struct rig_chat *chats;
    uint64_t *cursors;
    uint64_t read, pages;
    uint64_t acked;
};

static void
on_entry(void *arg, struct peer *peer, uint64_t seq, uint64_t msg, const uint8_t *sender_device)
{
    (void)arg;
    (void)peer;
    (void)seq;
    (void)msg;
    (void)sender_device;
}

static void
on_ack(void *arg, struct peer *peer, uint64_t msg, uint64_t seq)
{
    struct catchup_job *job = arg;

    (void)peer;
    (void)msg;
    (void)seq;
    job->acked++;
}

/* Sends M messages in the chat, a window at a time. */
static int
leave_messages(struct catchup_job *job, struct peer *sender)
{
    uint64_t wanted = job->acked + job->options->messages;

    while (job->acked < wanted) {
        while (sender->in_flight < job->options->window &&
               sender->next_msg <= job->options->messages)
            peer_send(sender);
        if (rig_wire_wait(&sender->conn.wire, rig_now_s() + 10) != 0 || peer_turn(sender) != 0)
            return -1;
    }
    return 0;
}

static int
fill_chat(struct catchup_job *job, size_t number)
{
    struct peer sender;
    struct rig_user *users[2] = {&sender.user, &job->reader};
    char name[33];
    int result;

    peer_init(&sender);
    sender.chat = &job->chats[number];
    sender.on_entry = on_entry;
    sender.on_ack = on_ack;
    sender.arg = job;
    sender.bytes = job->options->bytes;
    snprintf(name, sizeof(name), "away-%d-%zu", (int)getpid(), number);
    result = rig_dial(&sender.conn, &job->options->address) != 0 ||
             rig_user_register(&sender.user, &sender.conn, name) != 0 ||
             rig_chat_create(&job->chats[number], &sender.conn, users, 2) != 0 ||
             leave_messages(job, &sender) != 0;
    peer_fini(&sender);
    return result ? -1 : 0;
}

/* The invitations were taken before the user went away: only messages are missed. */
static int
accept_welcomes(struct catchup_job *job)
{
    ProtobufCBinaryData *joined = calloc(job->options->pairs, sizeof(*joined));
    int result = -1;

    for (size_t i = 0; joined != NULL && i < job->options->pairs; i++)
        joined[i] = (ProtobufCBinaryData){.data = job->chats[i].chat_id, .len = 16};
    if (joined != NULL)
        result = rig_chat_joined(&job->conn, joined, job->options->pairs);
    free(joined);
    rig_conn_close(&job->conn);
    return result;
}

static int
setup(struct catchup_job *job)
{
    char name[33];

    snprintf(name, sizeof(name), "away-%d", (int)getpid());
    if (rig_dial(&job->conn, &job->options->address) != 0 ||
        rig_user_register(&job->reader, &job->conn, name) != 0)
        return -1;
    for (size_t i = 0; i < job->options->pairs; i++)
        if (fill_chat(job, i) != 0)
            return -1;
    return accept_welcomes(job);
}

/* ---- Reading ---- */

static void
take_entry(struct catchup_job *job, const Sotto__Chat__V1__Entry *entry)
{
    for (size_t i = 0; i < job->options->pairs; i++) {
        if (memcmp(entry->chat_id.data, job->chats[i].chat_id, 16) != 0)
            continue;
        job->cursors[i] = entry->seq;
        job->read += entry->kind == SOTTO__CHAT__V1__ENTRY_KIND__ENTRY_KIND_APPLICATION;
        return;
    }
}

static int
read_page(struct catchup_job *job, Sotto__Chat__V1__SyncRequest *request, bool *more_out)
{
    Sotto__Chat__V1__SyncReply *reply;

    for (size_t i = 0; i < request->n_cursors; i++)
        request->cursors[i]->seq = job->cursors[i];
    if (rig_call(&job->conn, "sotto.chat.v1.ChatService/Sync", &request->base,
                 &sotto__chat__v1__sync_reply__descriptor, (ProtobufCMessage **)&reply) != 0)
        return -1;
    for (size_t i = 0; i < reply->n_entries; i++)
        if (reply->entries[i]->chat_id.len == 16)
            take_entry(job, reply->entries[i]);
    *more_out = reply->more;
    protobuf_c_message_free_unpacked(&reply->base, NULL);
    job->pages++;
    return 0;
}

static int
read_all(struct catchup_job *job)
{
    Sotto__Chat__V1__SyncRequest request = SOTTO__CHAT__V1__SYNC_REQUEST__INIT;
    size_t count = job->options->pairs;
    Sotto__Chat__V1__Cursor *cursors = calloc(count, sizeof(*cursors));
    Sotto__Chat__V1__Cursor **list = calloc(count, sizeof(Sotto__Chat__V1__Cursor *));
    bool more = cursors != NULL && list != NULL;
    int result = more ? 0 : -1;

    for (size_t i = 0; i < count && more; i++) {
        sotto__chat__v1__cursor__init(&cursors[i]);
        cursors[i].chat_id.data = job->chats[i].chat_id;
        cursors[i].chat_id.len = 16;
        list[i] = &cursors[i];
    }
    request.cursors = list;
    request.n_cursors = count;
    request.live = true;
    while (more && result == 0 && job->pages < PAGES_MAX)
        result = read_page(job, &request, &more);
    free(list);
    free(cursors);
    return result;
}

static int
measure(struct catchup_job *job)
{
    uint64_t wanted = (uint64_t)job->options->pairs * job->options->messages;
    double start = rig_now_s();
    double seconds;

    if (rig_dial(&job->conn, &job->options->address) != 0 ||
        rig_user_attach(&job->reader, &job->conn) != 0 || read_all(job) != 0)
        return 1;
    seconds = rig_now_s() - start;
    printf("{\"job\":\"catchup\",\"chats\":%zu,\"messages\":%llu,\"pages\":%llu,\"seconds\":%.4f,"
           "\"messages_per_s\":%.0f}\n",
           job->options->pairs, (unsigned long long)job->read, (unsigned long long)job->pages,
           seconds, (double)job->read / seconds);
    return job->read == wanted ? 0 : 1;
}

int
load_catchup(const struct load_options *options)
{
    struct catchup_job job = {.options = options};
    int code = 1;

    rig_conn_init(&job.conn);
    job.chats = calloc(options->pairs, sizeof(*job.chats));
    job.cursors = calloc(options->pairs, sizeof(*job.cursors));
    if (job.chats != NULL && job.cursors != NULL && setup(&job) == 0) {
        printf("{\"ready\":%zu}\n", options->pairs);
        code = measure(&job);
    }
    rig_conn_fini(&job.conn);
    free(job.chats);
    free(job.cursors);
    return code;
}
