/* SPDX-License-Identifier: MIT */
/*
 * The job `group`: one sender, N members that are all subscribed; deliveries are counted at the members. The job
 * `stall`: the same, but some members stop reading and have to catch up later.
 */
#include "load.h"
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define WARM_UP_S 1.0

struct group_job {
    const struct load_options *options;
    struct rig_chat chat;
    struct peer *peers; /* 0 is the sender */
    uint64_t *got;      /* messages that came to each of them, repeats not counted */
    int epoll;
    uint64_t delivered, acked;
};

static void
on_entry(void *arg, struct peer *peer, uint64_t seq, uint64_t msg, const uint8_t *sender_device)
{
    struct group_job *job = arg;

    (void)msg;
    (void)sender_device;
    if (seq > peer->cursor) {
        job->delivered++;
        job->got[peer - job->peers]++;
    }
}

static void
on_ack(void *arg, struct peer *peer, uint64_t msg, uint64_t seq)
{
    struct group_job *job = arg;

    (void)peer;
    (void)msg;
    (void)seq;
    job->acked++;
}

static void
watch(struct group_job *job, struct peer *peer)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};

    epoll_ctl(job->epoll, peer->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, peer->conn.wire.fd,
              &event);
    peer->watched = true;
}

static int
setup(struct group_job *job)
{
    size_t members = job->options->members;
    struct rig_user **users = calloc(members, sizeof(struct rig_user *));
    int result = users != NULL ? 0 : -1;

    for (size_t i = 0; i < members && result == 0; i++) {
        struct peer *peer = &job->peers[i];
        char name[33];

        peer_init(peer);
        peer->chat = &job->chat;
        peer->on_entry = on_entry;
        peer->on_ack = on_ack;
        peer->arg = job;
        peer->bytes = job->options->bytes;
        peer->receives = i > 0;
        peer->cursor = 1;
        users[i] = &peer->user;
        snprintf(name, sizeof(name), "group-%d-%zu", (int)getpid(), i);
        result = rig_dial(&peer->conn, &job->options->address) != 0 ||
                 rig_user_register(&peer->user, &peer->conn, name) != 0;
    }
    if (result == 0)
        result = rig_chat_create(&job->chat, &job->peers[0].conn, users, members);
    for (size_t i = 0; i < members && result == 0; i++) {
        result = peer_connect(&job->peers[i], &job->options->address);
        watch(job, &job->peers[i]);
    }
    free(users);
    return result;
}

/* -1 when a connection was lost: this job measures, it does not repair. */
static int
turn(struct group_job *job)
{
    struct epoll_event events[EVENTS_MAX];
    struct peer *sender = &job->peers[0];
    int count = epoll_wait(job->epoll, events, EVENTS_MAX, 100);

    for (int i = 0; i < count; i++)
        if (peer_turn(events[i].data.ptr) != 0)
            return -1;
    while (sender->in_flight < job->options->window)
        peer_send(sender);
    return rig_wire_flush(&sender->conn.wire);
}

static int
run_for(struct group_job *job, double seconds)
{
    double end = rig_now_s() + seconds;

    while (rig_now_s() < end)
        if (turn(job) != 0)
            return 1;
    return 0;
}

static int
job_init(struct group_job *job, const struct load_options *options)
{
    *job = (struct group_job){.options = options, .epoll = epoll_create1(0)};
    job->peers = calloc(options->members, sizeof(*job->peers));
    job->got = calloc(options->members, sizeof(*job->got));
    if (job->peers == NULL || job->got == NULL || setup(job) != 0)
        return -1;
    printf("{\"ready\":%zu}\n", options->members);
    return 0;
}

static void
job_fini(struct group_job *job)
{
    for (size_t i = 0; job->peers != NULL && i < job->options->members; i++)
        peer_fini(&job->peers[i]);
    free(job->peers);
    free(job->got);
    close(job->epoll);
}

int
load_group(const struct load_options *options)
{
    struct group_job job;
    double start;
    int code = 1;

    if (job_init(&job, options) == 0) {
        code = run_for(&job, WARM_UP_S);
        job.delivered = 0;
        start = rig_now_s();
        if (code == 0)
            code = run_for(&job, options->seconds);
        printf("{\"job\":\"group\",\"members\":%zu,\"window\":%zu,\"deliveries_per_s\":%.0f}\n",
               options->members, options->window, (double)job.delivered / (rig_now_s() - start));
    }
    job_fini(&job);
    return code;
}

/* ---- Members that stop reading ---- */

/* Takes a member's connection out of the loop, with as little room in the kernel as there may be. */
static void
stall(struct group_job *job, struct peer *peer)
{
    int room = 1;

    setsockopt(peer->conn.wire.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    epoll_ctl(job->epoll, EPOLL_CTL_DEL, peer->conn.wire.fd, NULL);
}

static bool
has_all(const struct group_job *job, size_t from)
{
    for (size_t i = from; i < job->options->members; i++)
        if (job->got[i] < job->options->messages)
            return false;
    return true;
}

/* Sends M messages and waits until whoever reads has them. */
static int
send_all(struct group_job *job)
{
    struct peer *sender = &job->peers[0];
    double end = rig_now_s() + job->options->seconds;

    while (job->acked < job->options->messages || !has_all(job, 1 + job->options->readers)) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(job->epoll, events, EVENTS_MAX, 100);

        for (int i = 0; i < count; i++)
            if (peer_turn(events[i].data.ptr) != 0)
                return -1;
        while (sender->in_flight < job->options->window &&
               sender->next_msg <= job->options->messages)
            peer_send(sender);
        if (rig_wire_flush(&sender->conn.wire) != 0 || rig_now_s() > end)
            return -1;
    }
    return 0;
}

/* Whoever stood still reads what it missed. How many read to the end: who cannot is the last one. */
static size_t
come_back(struct group_job *job)
{
    for (size_t i = 1; i <= job->options->readers; i++) {
        struct peer *peer = &job->peers[i];

        if (peer_connect(peer, &job->options->address) != 0) {
            fprintf(stderr,
                    "load: member %zu could not read to the end, %llu of %zu messages: %s\n", i,
                    (unsigned long long)job->got[i], job->options->messages, peer->conn.error);
            return i - 1;
        }
    }
    return job->options->readers;
}

/* What those lack who read to the end; about the others nothing is known. */
static uint64_t
count_lost(const struct group_job *job, size_t back)
{
    uint64_t lost = 0;

    for (size_t i = 1; i < job->options->members; i++)
        if (i <= back || i > job->options->readers)
            lost += job->options->messages - job->got[i];
    return lost;
}

int
load_stall(const struct load_options *options)
{
    struct group_job job;
    uint64_t lost;
    size_t back;
    int code = 1;

    if (options->readers + 2 > options->members)
        return 2;
    if (job_init(&job, options) == 0) {
        for (size_t i = 1; i <= options->readers; i++)
            stall(&job, &job.peers[i]);
        code = send_all(&job) == 0 ? 0 : 1;
        printf("{\"sent\":%llu}\n", (unsigned long long)job.acked);
        load_wait_stdin();
        back = code == 0 ? come_back(&job) : 0;
        lost = count_lost(&job, back);
        printf("{\"job\":\"stall\",\"stalled\":%zu,\"back\":%zu,\"lost\":%llu}\n", options->readers,
               back, (unsigned long long)lost);
        code = back == options->readers && lost == 0 ? 0 : 1;
    }
    job_fini(&job);
    return code;
}
