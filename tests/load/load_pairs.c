/* SPDX-License-Identifier: MIT */
/*
 * The jobs `pairs` and `ledger`: N chats, each with a sender that keeps a window of messages in flight and with one
 * or more readers that are subscribed. The ledger remembers for each message whether it was acknowledged, how
 * often each reader was shown it, and whether the order of its sender was kept.
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
#define RECONNECTS_MAX 16 /* a turn: who is back is served before the next ones come */
#define REPORT_S 0.1

struct reader {
    struct peer peer;
    struct pair *pair;
    uint64_t shown_msg; /* last message shown, by its sender's counter */
    uint64_t shown_seq; /* last position in the log shown */
    uint8_t *shown;     /* ledger: how often, one a message */
};

struct pair {
    struct rig_chat chat;
    struct peer sender;
    struct reader *readers;
    struct pairs_job *job;
    uint8_t *acked; /* ledger: one a message */
    uint64_t last;  /* ledger: the number of the last message */
};

struct pairs_job {
    const struct load_options *options;
    bool ledger;
    bool sending;
    bool closing; /* stdin has ended */
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
    struct reader *reader = arg;
    const struct peer *sender = &reader->pair->sender;
    struct pairs_job *job = reader->pair->job;

    (void)peer;
    if (seq <= reader->shown_seq || memcmp(sender_device, sender->user.device_id, 16) != 0)
        return;
    if (msg <= reader->shown_msg)
        job->out_of_order++;
    reader->shown_seq = seq;
    reader->shown_msg = msg;
    job->delivered++;
    if (job->ledger && msg <= job->options->messages && reader->shown[msg] < 255)
        reader->shown[msg]++;
    stats_add(&job->to_reader, rig_now_s() - sender->flight[msg % PEER_WINDOW_MAX].sent_at);
}

static void
peer_prepare(struct peer *peer, struct pair *pair)
{
    peer_init(peer);
    peer->chat = &pair->chat;
    peer->on_entry = on_entry;
    peer->on_ack = on_ack;
    peer->arg = pair;
    peer->bytes = pair->job->options->bytes;
}

static void
reader_prepare(struct reader *reader, struct pair *pair)
{
    peer_prepare(&reader->peer, pair);
    reader->peer.arg = reader;
    reader->peer.receives = true;
    reader->peer.cursor = 1; /* the commit that made the chat */
    reader->pair = pair;
    reader->shown = calloc(pair->job->options->messages + 1, 1);
}

static int
peer_register(struct peer *peer, const struct rig_address *address, size_t number, size_t place)
{
    char name[33];

    snprintf(name, sizeof(name), "load-%d-%zu-%zu", (int)getpid(), number, place);
    if (rig_dial(&peer->conn, address) != 0) {
        fprintf(stderr, "load: cannot connect\n");
        return -1;
    }
    return rig_user_register(&peer->user, &peer->conn, name);
}

/* Memory first, so that a half-made pair can be taken apart. */
static int
pair_prepare(struct pairs_job *job, struct pair *pair)
{
    pair->job = job;
    pair->last = job->options->messages;
    peer_prepare(&pair->sender, pair);
    pair->acked = calloc(job->options->messages + 1, 1);
    pair->readers = calloc(job->options->readers, sizeof(*pair->readers));
    if (pair->acked == NULL || pair->readers == NULL)
        return -1;
    for (size_t i = 0; i < job->options->readers; i++) {
        reader_prepare(&pair->readers[i], pair);
        if (pair->readers[i].shown == NULL)
            return -1;
    }
    return 0;
}

static int
pair_setup(struct pairs_job *job, size_t number)
{
    struct pair *pair = &job->pairs[number];
    struct rig_user *users[LOAD_READERS_MAX + 1] = {&pair->sender.user};
    const struct rig_address *address = &job->options->address;
    const size_t readers = job->options->readers;

    if (pair_prepare(job, pair) != 0 || peer_register(&pair->sender, address, number, 0) != 0)
        return -1;
    for (size_t i = 0; i < readers; i++) {
        users[i + 1] = &pair->readers[i].peer.user;
        if (peer_register(&pair->readers[i].peer, address, number, i + 1) != 0)
            return -1;
    }
    if (rig_chat_create(&pair->chat, &pair->sender.conn, users, readers + 1) != 0 ||
        peer_connect(&pair->sender, address) != 0)
        return -1;
    for (size_t i = 0; i < readers; i++)
        if (peer_connect(&pair->readers[i].peer, address) != 0)
            return -1;
    return 0;
}

static void
pair_fini(struct pair *pair)
{
    peer_fini(&pair->sender);
    for (size_t i = 0; pair->readers != NULL && i < pair->job->options->readers; i++) {
        peer_fini(&pair->readers[i].peer);
        free(pair->readers[i].shown);
    }
    free(pair->readers);
    free(pair->acked);
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
    const struct pair *pair = peer->arg; /* of a sender */

    if (!job->sending || peer->receives || peer->in_flight >= job->options->window)
        return false;
    return !job->ledger || peer->next_msg <= pair->last;
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

/* true: it was lost, and this was a try. */
static bool
reconnect(struct pairs_job *job, struct peer *peer)
{
    if (peer->conn.wire.fd >= 0)
        return false;
    if (peer_connect(peer, &job->options->address) == 0) {
        job->reconnects++;
        serve(job, peer);
    }
    return true;
}

static void
reconnect_lost(struct pairs_job *job)
{
    unsigned tries = 0;

    for (size_t i = 0; i < job->options->pairs; i++) {
        for (size_t j = 0; j < job->options->readers && tries < RECONNECTS_MAX; j++)
            tries += reconnect(job, &job->pairs[i].readers[j].peer);
        if (tries < RECONNECTS_MAX)
            tries += reconnect(job, &job->pairs[i].sender);
    }
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
        for (size_t j = 0; j < job->options->readers; j++)
            add_peer(&totals, &job->pairs[i].readers[j].peer);
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
    reconnect_lost(job);
    report(job);
}

static bool
all_were_shown(const struct pair *pair, uint64_t msg)
{
    for (size_t i = 0; i < pair->job->options->readers; i++)
        if (pair->readers[i].shown[msg] == 0)
            return false;
    return true;
}

/* A reader that was shown the last message is past the place of every other: what it lacks then is lost, and is
 * not waited for. */
static bool
ledger_complete(const struct pairs_job *job)
{
    uint64_t wanted = 0;

    for (size_t i = 0; i < job->options->pairs; i++)
        wanted += job->pairs[i].last;
    if (job->acked < wanted)
        return false;
    for (size_t i = 0; i < job->options->pairs; i++)
        if (!all_were_shown(&job->pairs[i], job->pairs[i].last))
            return false;
    return true;
}

static bool
stdin_ended(void)
{
    struct pollfd in = {.fd = STDIN_FILENO};

    return poll(&in, 1, 0) > 0 && (in.revents & POLLHUP);
}

/* Lets every sender send one more message: the last, which tells that a reader has come to the end. */
static void
close_ledger(struct pairs_job *job)
{
    job->closing = true;
    for (size_t i = 0; i < job->options->pairs; i++) {
        struct pair *pair = &job->pairs[i];

        if (pair->sender.next_msg < pair->last)
            pair->last = pair->sender.next_msg;
    }
}

static void
run_for(struct pairs_job *job, double seconds)
{
    double end = rig_now_s() + seconds;

    while (rig_now_s() < end && !(job->ledger && ledger_complete(job))) {
        turn(job);
        if (job->ledger && !job->closing && stdin_ended())
            close_ledger(job);
    }
}

/* ---- Results ---- */

static int
print_ledger(const struct pairs_job *job)
{
    uint64_t acked = 0, lost = 0, twice = 0, unacked = 0;

    for (size_t i = 0; i < job->options->pairs; i++) {
        const struct pair *pair = &job->pairs[i];

        for (uint64_t msg = 1; msg <= pair->last; msg++) {
            acked += pair->acked[msg];
            unacked += pair->acked[msg] == 0;
            for (size_t j = 0; j < job->options->readers; j++) {
                lost += pair->acked[msg] != 0 && pair->readers[j].shown[msg] == 0;
                twice += pair->readers[j].shown[msg] > 1;
            }
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
            for (size_t j = 0; j < options->readers; j++)
                serve(&job, &job.pairs[i].readers[j].peer);
            serve(&job, &job.pairs[i].sender);
        }
        if (ledger) {
            run_for(&job, options->seconds);
            code = print_ledger(&job);
        } else {
            code = measure(&job);
        }
    }
    for (size_t i = 0; job.pairs != NULL && i < options->pairs && job.pairs[i].job != NULL; i++)
        pair_fini(&job.pairs[i]);
    free(job.pairs);
    close(job.epoll);
    return code;
}
