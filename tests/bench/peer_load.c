/* SPDX-License-Identifier: MIT */
/*
 * sotto-peerload: the jobs of sotto-load against other servers, with the same counts, windows and payloads.
 *
 *   sotto-peerload PROTOCOL pairs  HOST:PORT [PAIRS WINDOW SECONDS]
 *   sotto-peerload PROTOCOL group  HOST:PORT [MEMBERS WINDOW SECONDS]
 *   sotto-peerload PROTOCOL idle   HOST:PORT CONNECTIONS     holds them until stdin ends
 *   sotto-peerload PROTOCOL attach HOST:PORT [CONNECTIONS 0 SECONDS]   connects and leaves, one after the other
 *
 * PROTOCOL is nats, jetstream, mqtt0, mqtt1 or ws. A message is in flight until the server has answered it, or, where
 * nothing is answered, until it has arrived (in a group: at the last member). Prints JSON, a line each.
 */
#include "peer_link.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PAYLOAD_BYTES 256
#define WINDOW_MAX 128
#define COUNT_MAX 20000
#define EVENTS_MAX 256
#define WARM_UP_S 1.0

static const struct peer_protocol *const protocols[] = {&peer_nats, &peer_jetstream, &peer_mqtt0,
                                                        &peer_mqtt1, &peer_ws};

struct flow;

/* A connection and the flow that it serves. */
struct end {
    struct peer_link link;
    struct flow *flow;
    bool counts; /* its deliveries end a flight where nothing is acknowledged */
};

/* One publisher and its subscribers. */
struct flow {
    struct end *publisher;
    uint32_t next;
    size_t in_flight;
    double sent_at[WINDOW_MAX];
};

struct job {
    const struct peer_protocol *protocol;
    struct sockaddr_in address;
    size_t count, window;
    double seconds;
    struct end *ends;
    struct flow *flows;
    size_t end_count, flow_count;
    int epoll;
    uint64_t delivered;
    struct stats to_reader;
};

static int
end_open(struct job *job, struct end *end, struct flow *flow, bool subscribes, size_t topic)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = end};

    rig_wire_init(&end->link.wire);
    end->link.protocol = job->protocol;
    end->link.subscribes = subscribes;
    end->flow = flow;
    snprintf(end->link.topic, sizeof(end->link.topic), "p.%zu", topic);
    if (job->protocol->open(&end->link, &job->address) != 0) {
        fprintf(stderr, "peerload: connection %zu was not made\n", topic);
        return -1;
    }
    return epoll_ctl(job->epoll, EPOLL_CTL_ADD, end->link.wire.fd, &event);
}

static void
publish(struct flow *flow)
{
    static uint8_t payload[PAYLOAD_BYTES];
    uint32_t number = flow->next++;

    memcpy(payload, &number, sizeof(number));
    flow->sent_at[number % WINDOW_MAX] = rig_now_s();
    flow->in_flight++;
    flow->publisher->link.protocol->publish(&flow->publisher->link, payload, sizeof(payload),
                                            number);
}

static void
fill_window(const struct job *job, struct flow *flow)
{
    while (flow->in_flight < job->window)
        publish(flow);
}

static void
on_delivery(struct job *job, struct end *end, const uint8_t *data, size_t size)
{
    uint32_t number;

    job->delivered++;
    if (size < sizeof(number) || !end->counts)
        return;
    memcpy(&number, data, sizeof(number));
    stats_add(&job->to_reader, rig_now_s() - end->flow->sent_at[number % WINDOW_MAX]);
    if (!job->protocol->acks)
        end->flow->in_flight--;
}

static int
serve(struct job *job, struct end *end)
{
    struct rig_wire *out = &end->flow->publisher->link.wire;
    enum peer_found found;
    const uint8_t *data;
    uint32_t number;
    size_t size;

    if (rig_wire_fill(&end->link.wire) != 0)
        return -1;
    while ((found = job->protocol->next(&end->link, &data, &size, &number)) > PEER_NOTHING) {
        if (found == PEER_DELIVERY)
            on_delivery(job, end, data, size);
        else if (found == PEER_ACK)
            end->flow->in_flight--;
    }
    if (found == PEER_BROKEN)
        return -1;
    fill_window(job, end->flow);
    return rig_wire_flush(&end->link.wire) != 0 || rig_wire_flush(out) != 0 ? -1 : 0;
}

static int
run_for(struct job *job, double seconds)
{
    struct epoll_event events[EVENTS_MAX];
    double end = rig_now_s() + seconds;

    while (rig_now_s() < end) {
        int count = epoll_wait(job->epoll, events, EVENTS_MAX, 100);

        for (int i = 0; i < count; i++)
            if (serve(job, events[i].data.ptr) != 0) {
                fprintf(stderr, "peerload: a connection was lost\n");
                return -1;
            }
    }
    return 0;
}

static int
measure(struct job *job, const char *name)
{
    double start;

    printf("{\"ready\":%zu}\n", job->count);
    for (size_t i = 0; i < job->flow_count; i++) {
        fill_window(job, &job->flows[i]);
        if (rig_wire_flush(&job->flows[i].publisher->link.wire) != 0)
            return 1;
    }
    if (run_for(job, WARM_UP_S) != 0)
        return 1;
    stats_clear(&job->to_reader);
    job->delivered = 0;
    start = rig_now_s();
    if (run_for(job, job->seconds) != 0)
        return 1;
    printf("{\"job\":\"%s\",\"deliveries_per_s\":%.0f,\"reader_p50_ms\":%.2f,"
           "\"reader_p99_ms\":%.2f}\n",
           name, (double)job->delivered / (rig_now_s() - start),
           1000 * stats_quantile(&job->to_reader, 0.5),
           1000 * stats_quantile(&job->to_reader, 0.99));
    return job->delivered > 0 ? 0 : 1;
}

/* Subscribers first: nothing is kept for those who come later. */
static int
run_pairs(struct job *job)
{
    for (size_t i = 0; i < job->count; i++) {
        struct end *reader = &job->ends[job->end_count++], *writer = &job->ends[job->end_count++];
        struct flow *flow = &job->flows[job->flow_count++];

        flow->publisher = writer;
        reader->counts = true;
        if (end_open(job, reader, flow, true, i) != 0 || end_open(job, writer, flow, false, i) != 0)
            return 1;
    }
    return measure(job, "pairs");
}

static int
run_group(struct job *job)
{
    struct flow *flow = &job->flows[job->flow_count++];

    flow->publisher = &job->ends[job->end_count++];
    if (end_open(job, flow->publisher, flow, false, 0) != 0)
        return 1;
    for (size_t i = 1; i < job->count; i++) {
        struct end *reader = &job->ends[job->end_count++];

        reader->counts = i == job->count - 1;
        if (end_open(job, reader, flow, true, 0) != 0)
            return 1;
    }
    return measure(job, "group");
}

static int
run_idle(struct job *job)
{
    char byte;

    for (size_t i = 0; i < job->count; i++)
        if (end_open(job, &job->ends[job->end_count++], NULL, true, i) != 0)
            return 1;
    printf("{\"ready\":%zu}\n", job->count);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    return 0;
}

static int
run_attach(struct job *job)
{
    double start = rig_now_s();
    uint64_t done = 0;

    printf("{\"ready\":1}\n");
    while (rig_now_s() - start < job->seconds) {
        struct end *end = &job->ends[0];

        if (end_open(job, end, NULL, false, 0) != 0)
            return 1;
        rig_wire_abort(&end->link.wire);
        rig_wire_fini(&end->link.wire);
        done++;
    }
    printf("{\"job\":\"attach\",\"per_s\":%.0f}\n", (double)done / (rig_now_s() - start));
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct job *job);
} runs[] = {{"pairs", run_pairs}, {"group", run_group}, {"idle", run_idle}, {"attach", run_attach}};

static int
usage(void)
{
    fprintf(stderr, "usage: sotto-peerload PROTOCOL JOB HOST:PORT [COUNT WINDOW SECONDS]\n");
    return 2;
}

static int
run(struct job *job, const char *name)
{
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
        if (strcmp(name, runs[i].name) == 0)
            return runs[i].run(job);
    return usage();
}

static const struct peer_protocol *
protocol_of(const char *name)
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
        if (strcmp(name, protocols[i]->name) == 0)
            return protocols[i];
    return NULL;
}

int
main(int argc, char **argv)
{
    struct job job = {.count = argc > 4 ? strtoul(argv[4], NULL, 10) : 100,
                      .window = argc > 5 ? strtoul(argv[5], NULL, 10) : 16,
                      .seconds = argc > 6 ? atof(argv[6]) : 5,
                      .epoll = epoll_create1(0)};
    int code = 1;

    setvbuf(stdout, NULL, _IOLBF, 0);
    job.protocol = argc > 3 ? protocol_of(argv[1]) : NULL;
    if (job.protocol == NULL || rig_wire_address(argv[3], &job.address) != 0 || job.count == 0 ||
        job.count > COUNT_MAX || job.window > WINDOW_MAX)
        return usage();
    job.ends = calloc(2 * job.count, sizeof(*job.ends));
    job.flows = calloc(job.count, sizeof(*job.flows));
    if (job.ends != NULL && job.flows != NULL &&
        (job.protocol->prepare == NULL || job.protocol->prepare(&job.address) == 0))
        code = run(&job, argv[2]);
    for (size_t i = 0; i < job.end_count; i++)
        rig_wire_fini(&job.ends[i].link.wire);
    free(job.ends);
    free(job.flows);
    close(job.epoll);
    return code;
}
