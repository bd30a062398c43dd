/* SPDX-License-Identifier: MIT */
/*
 * The jobs `pairs` and `ledger`: N chats of two, each with a sender that keeps a window of messages in flight
 * and a receiver that is subscribed. The ledger remembers for each message whether it was acknowledged, how
 * often the reader of the other side was shown it, and whether the order of its sender was kept.
 */
#include "load.h"
#include "peer.h"
#include "stats.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define RECONNECT_S 0.05
#define REPORT_S 0.1

struct pair {
    struct rig_chat chat;
    struct peer sender, receiver;
    struct pairs_job *job;
    uint64_t shown_msg; /* last message shown to the receiver's reader, by its sender's counter */
    uint64_t shown_seq; /* last position in the log shown */
    uint8_t *acked;     /* ledger: one a message */
    uint8_t *shown;     /* ledger: how often */
};

struct pairs_job {
    const struct load_options *options;
    bool ledger;
    bool sending;
    bool closing; /* stdin has ended: no new messages, the ledger is closed with what was sent */
    struct pair *pairs;
    int epoll;
    uint64_t acked, delivered, out_of_order, reconnects;
    struct stats to_ack, to_reader;
    double last_report;
};

static void
on_ack(void *arg, struct peer *peer, uint64_t msg, uint64_t seq)
{
    struct pair *pair = arg;
    struct pairs_job *job = pair->job;

    (void)seq;
    job->acked++;
    if (job->ledger)
        pair->acked[msg] = 1;
    stats_add(&job->to_ack, rig_now_s() - peer->flight[msg % PEER_WINDOW_MAX].sent_at);
}

/* What a reader does: shows an entry when its seq is beyond what was shown. */
static void
on_entry(void *arg, struct peer *peer, uint64_t seq, uint64_t msg, const uint8_t *sender_device)
{
    struct pair *pair = arg;
    struct pairs_job *job = pair->job;

    (void)peer;
    if (seq <= pair->shown_seq || memcmp(sender_device, pair->sender.user.device_id, 16) != 0)
        return;
    if (msg <= pair->shown_msg)
        job->out_of_order++;
    pair->shown_seq = seq;
    pair->shown_msg = msg;
    job->delivered++;
    if (job->ledger && msg <= job->options->messages && pair->shown[msg] < 255)
        pair->shown[msg]++;
    stats_add(&job->to_reader, rig_now_s() - pair->sender.flight[msg % PEER_WINDOW_MAX].sent_at);
}

static void
peer_prepare(struct peer *peer, struct pair *pair, bool receives)
{
    peer_init(peer);
    peer->chat = &pair->chat;
    peer->on_entry = on_entry;
    peer->on_ack = on_ack;
    peer->arg = pair;
    peer->bytes = pair->job->options->bytes;
    peer->receives = receives;
}

static int
peer_register(struct peer *peer, const struct rig_address *address, size_t number, char side)
{
    char name[33];

    snprintf(name, sizeof(name), "load-%d-%zu%c", (int)getpid(), number, side);
    if (rig_dial(&peer->conn, address) != 0) {
        fprintf(stderr, "load: cannot connect\n");
        return -1;
    }
    return rig_user_register(&peer->user, &peer->conn, name);
}

static int
pair_setup(struct pairs_job *job, size_t number)
{
    struct pair *pair = &job->pairs[number];
    struct rig_user *users[2] = {&pair->sender.user, &pair->receiver.user};
    const struct rig_address *address = &job->options->address;

    pair->job = job;
    pair->acked = calloc(job->options->messages + 1, 1);
    pair->shown = calloc(job->options->messages + 1, 1);
    peer_prepare(&pair->sender, pair, false);
    peer_prepare(&pair->receiver, pair, true);
    if (pair->acked == NULL || pair->shown == NULL ||
        peer_register(&pair->sender, address, number, 'a') != 0 ||
        peer_register(&pair->receiver, address, number, 'b') != 0 ||
        rig_chat_create(&pair->chat, &pair->sender.conn, users, 2) != 0)
        return -1;
    pair->receiver.cursor = 1; /* the commit that made the chat */
    if (peer_connect(&pair->sender, address) != 0 || peer_connect(&pair->receiver, address) != 0)
        return -1;
    return 0;
}

/* ---- The loop ---- */

static void
watch(struct pairs_job *job, struct peer *peer)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};

    if (rig_wire_has_output(&peer->conn.wire))
        event.events |= EPOLLOUT;
    epoll_ctl(job->epoll, peer->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, peer->conn.wire.fd,
              &event);
    peer->watched = true;
}

static bool
may_send(const struct pairs_job *job, const struct peer *peer)
{
    if (!job->sending || job->closing || peer->receives || peer->in_flight >= job->options->window)
        return false;
    return !job->ledger || peer->next_msg <= job->options->messages;
}

/* Handles one peer's input, refills its window, writes; a lost connection is left for reconnect_lost. */
static void
serve(struct pairs_job *job, struct peer *peer)
{
    bool had_output = rig_wire_has_output(&peer->conn.wire);

    if (peer_turn(peer) != 0)
        return;
    while (may_send(job, peer))
        peer_send(peer);
    if (rig_wire_flush(&peer->conn.wire) != 0) {
        rig_conn_close(&peer->conn);
        return;
    }
    if (!peer->watched || had_output != rig_wire_has_output(&peer->conn.wire))
        watch(job, peer);
}

static void
reconnect(struct pairs_job *job, struct peer *peer)
{
    if (peer->conn.wire.fd >= 0)
        return;
    if (peer_connect(peer, &job->options->address) != 0)
        return;
    job->reconnects++;
    serve(job, peer);
}

/* Sums over all peers. */
struct totals {
    size_t connected, in_flight; /* in flight: on open connections */
    uint64_t refused, told;
};

static void
add_peer(struct totals *totals, const struct peer *peer)
{
    totals->refused += peer->refused;
    totals->told += peer->told;
    if (peer->conn.wire.fd < 0)
        return;
    totals->connected++;
    totals->in_flight += peer->in_flight;
}

static struct totals
total(const struct pairs_job *job)
{
    struct totals totals = {0};

    for (size_t i = 0; i < job->options->pairs; i++) {
        add_peer(&totals, &job->pairs[i].sender);
        add_peer(&totals, &job->pairs[i].receiver);
    }
    return totals;
}

static void
report(struct pairs_job *job)
{
    const double now = rig_now_s();
    struct totals totals;

    if (now - job->last_report < REPORT_S)
        return;
    job->last_report = now;
    totals = total(job);
    printf("{\"connected\":%zu,\"in_flight\":%zu,\"acked\":%llu,\"refused\":%llu,\"told\":%llu,"
           "\"reconnects\":%llu}\n",
           totals.connected, totals.in_flight, (unsigned long long)job->acked,
           (unsigned long long)totals.refused, (unsigned long long)totals.told,
           (unsigned long long)job->reconnects);
}

static void
turn(struct pairs_job *job)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(job->epoll, events, EVENTS_MAX, (int)(RECONNECT_S * 1000));

    for (int i = 0; i < count; i++) {
        struct peer *peer = events[i].data.ptr;

        if (peer->conn.wire.fd >= 0)
            serve(job, peer);
    }
    for (size_t i = 0; i < job->options->pairs; i++) {
        reconnect(job, &job->pairs[i].receiver);
        reconnect(job, &job->pairs[i].sender);
    }
    report(job);
}

/* How many messages the sender has begun. */
static uint64_t
begun(const struct pair *pair)
{
    return pair->sender.next_msg - 1;
}

static bool
ledger_complete(const struct pairs_job *job)
{
    uint64_t wanted = 0;

    for (size_t i = 0; i < job->options->pairs; i++)
        wanted += job->closing ? begun(&job->pairs[i]) : job->options->messages;
    return job->acked >= wanted && job->delivered >= wanted;
}

static bool
stdin_ended(void)
{
    struct pollfd in = {.fd = STDIN_FILENO};

    return poll(&in, 1, 0) > 0 && (in.revents & POLLHUP);
}

static void
run_for(struct pairs_job *job, double seconds)
{
    double end = rig_now_s() + seconds;

    while (rig_now_s() < end && !(job->ledger && ledger_complete(job))) {
        turn(job);
        job->closing = job->ledger && stdin_ended();
    }
}

/* ---- Results ---- */

static int
print_ledger(const struct pairs_job *job)
{
    uint64_t acked = 0, lost = 0, twice = 0, unacked = 0;

    for (size_t i = 0; i < job->options->pairs; i++) {
        const struct pair *pair = &job->pairs[i];
        const uint64_t messages = job->closing ? begun(pair) : job->options->messages;

        for (uint64_t msg = 1; msg <= messages; msg++) {
            acked += pair->acked[msg];
            unacked += pair->acked[msg] == 0;
            lost += pair->acked[msg] != 0 && pair->shown[msg] == 0;
            twice += pair->shown[msg] > 1;
        }
    }
    printf("{\"job\":\"ledger\",\"acknowledged\":%llu,\"delivered\":%llu,\"lost\":%llu,"
           "\"twice\":%llu,\"out_of_order\":%llu,\"unacknowledged\":%llu,\"reconnects\":%llu,"
           "\"told\":%llu}\n",
           (unsigned long long)acked, (unsigned long long)job->delivered, (unsigned long long)lost,
           (unsigned long long)twice, (unsigned long long)job->out_of_order,
           (unsigned long long)unacked, (unsigned long long)job->reconnects,
           (unsigned long long)total(job).told);
    return lost == 0 && twice == 0 && unacked == 0 && job->out_of_order == 0 ? 0 : 1;
}

static void
print_rates(struct pairs_job *job, uint64_t acked, uint64_t delivered, double seconds)
{
    printf("{\"job\":\"pairs\",\"pairs\":%zu,\"window\":%zu,\"deliveries_per_s\":%.0f,"
           "\"acks_per_s\":%.0f,\"ack_p50_ms\":%.2f,\"ack_p99_ms\":%.2f,"
           "\"reader_p50_ms\":%.2f,\"reader_p99_ms\":%.2f}\n",
           job->options->pairs, job->options->window, (double)delivered / seconds,
           (double)acked / seconds, 1000 * stats_quantile(&job->to_ack, 0.5),
           1000 * stats_quantile(&job->to_ack, 0.99), 1000 * stats_quantile(&job->to_reader, 0.5),
           1000 * stats_quantile(&job->to_reader, 0.99));
}

static int
measure(struct pairs_job *job)
{
    uint64_t acked, delivered;
    double start;

    run_for(job, 1); /* until the windows are full and the batches have grown */
    stats_clear(&job->to_ack);
    stats_clear(&job->to_reader);
    acked = job->acked;
    delivered = job->delivered;
    start = rig_now_s();
    run_for(job, job->options->seconds);
    print_rates(job, job->acked - acked, job->delivered - delivered, rig_now_s() - start);
    return job->delivered > delivered ? 0 : 1;
}

int
load_pairs(const struct load_options *options, bool ledger)
{
    struct pairs_job job = {.options = options, .ledger = ledger, .epoll = epoll_create1(0)};
    int code = 1;
    size_t made = 0;

    job.pairs = calloc(options->pairs, sizeof(*job.pairs));
    while (job.pairs != NULL && made < options->pairs && pair_setup(&job, made) == 0)
        made++;
    if (made == options->pairs) {
        printf("{\"ready\":%zu}\n", made);
        job.sending = true;
        for (size_t i = 0; i < made; i++) {
            serve(&job, &job.pairs[i].receiver);
            serve(&job, &job.pairs[i].sender);
        }
        if (ledger) {
            run_for(&job, options->seconds);
            code = print_ledger(&job);
        } else {
            code = measure(&job);
        }
    }
    for (size_t i = 0; job.pairs != NULL && i < options->pairs; i++) {
        peer_fini(&job.pairs[i].sender);
        peer_fini(&job.pairs[i].receiver);
        free(job.pairs[i].acked);
        free(job.pairs[i].shown);
    }
    free(job.pairs);
    close(job.epoll);
    return code;
}
