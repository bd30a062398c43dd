/* SPDX-License-Identifier: MIT */
/*
 * nats-server: core (nothing is stored) and JetStream with a stream in files. The protocol is lines of text, see
 * "Client Protocol" and "JetStream wire API" of its reference manual. An ack of JetStream arrives as a message on the
 * reply subject, which carries the number.
 */
#include "peer_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_S 10.0
#define LINE_MAX 4096

/* The next line without its end, taken from the wire; NULL when it has not come whole. */
static char *
next_line(struct rig_wire *wire, char line[LINE_MAX])
{
    const uint8_t *at = rig_wire_at(wire);
    const uint8_t *end = rig_wire_have(wire) ? memmem(at, rig_wire_have(wire), "\r\n", 2) : NULL;
    size_t size;

    if (end == NULL)
        return NULL;
    size = (size_t)(end - at) < LINE_MAX - 1 ? (size_t)(end - at) : LINE_MAX - 1;
    memcpy(line, at, size);
    line[size] = '\0';
    rig_wire_take(wire, (size_t)(end - at) + 2);
    return line;
}

/* Waits for a line that begins like this; 0, or -1 when it does not come or tells of an error. */
static int
wait_line(struct rig_wire *wire, const char *begin)
{
    double deadline = rig_now_s() + WAIT_S;
    char line[LINE_MAX];

    for (;;) {
        while (next_line(wire, line) != NULL)
            if (strncmp(line, begin, strlen(begin)) == 0)
                return strstr(line, "\"error\"") ? -1 : 0;
        if (rig_wire_wait(wire, deadline) != 0)
            return -1;
    }
}

static void
put_text(struct rig_wire *wire, const char *text)
{
    rig_wire_put(wire, text, strlen(text));
}

static int
greet(struct rig_wire *wire, const struct sockaddr_in *address)
{
    if (rig_wire_connect(wire, address) != 0 || wait_line(wire, "INFO") != 0)
        return -1;
    put_text(wire, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n");
    return wait_line(wire, "PONG");
}

/* `id` tells the subscriptions of one connection apart. */
static int
subscribe(struct rig_wire *wire, const char *subject, const char *id)
{
    put_text(wire, "SUB ");
    put_text(wire, subject);
    put_text(wire, " ");
    put_text(wire, id);
    put_text(wire, "\r\nPING\r\n");
    return wait_line(wire, "PONG");
}

static int
nats_open(struct peer_link *link, const struct sockaddr_in *address)
{
    if (greet(&link->wire, address) != 0)
        return -1;
    return link->subscribes ? subscribe(&link->wire, link->topic, "in") : 0;
}

static void
put_message(struct rig_wire *wire, const char *line, const void *data, size_t size)
{
    put_text(wire, line);
    rig_wire_put(wire, data, size);
    put_text(wire, "\r\n");
}

static void
nats_publish(struct peer_link *link, const void *data, size_t size, uint32_t number)
{
    char line[128];

    (void)number;
    snprintf(line, sizeof(line), "PUB %s %zu\r\n", link->topic, size);
    put_message(&link->wire, line, data, size);
}

static enum peer_found
nats_next(struct peer_link *link, const uint8_t **data_out, size_t *size_out, uint32_t *number_out)
{
    struct rig_wire *wire = &link->wire;
    size_t start = wire->in.start;
    const char *number, *last;
    char line[LINE_MAX];

    if (next_line(wire, line) == NULL)
        return PEER_NOTHING;
    if (strcmp(line, "PING") == 0)
        put_text(wire, "PONG\r\n");
    if (strncmp(line, "MSG ", 4) != 0)
        return strncmp(line, "-ERR", 4) == 0 ? PEER_BROKEN : PEER_OTHER;
    last = strrchr(line, ' ');
    *size_out = strtoul(last + 1, NULL, 10);
    if (rig_wire_have(wire) < *size_out + 2) {
        wire->in.start = start;
        return PEER_NOTHING;
    }
    *data_out = rig_wire_at(wire);
    rig_wire_take(wire, *size_out + 2);
    if (strncmp(line, "MSG ack.", 8) != 0)
        return PEER_DELIVERY;
    number = strrchr(line, '.');
    *number_out = (uint32_t)strtoul(number + 1, NULL, 10);
    return memmem(*data_out, *size_out, "\"error\"", 7) ? PEER_BROKEN : PEER_ACK;
}

/* ---- JetStream ---- */

/* Asks the API and waits for an answer without an error. */
static int
ask(struct rig_wire *wire, const char *subject, const char *json)
{
    char line[256];

    if (subscribe(wire, "answer", "answer") != 0)
        return -1;
    snprintf(line, sizeof(line), "PUB %s answer %zu\r\n", subject, strlen(json));
    put_message(wire, line, json, strlen(json));
    return wait_line(wire, "{\"type\":\"io.nats.jetstream.api.v1.");
}

static int
jetstream_prepare(const struct sockaddr_in *address)
{
    struct rig_wire wire;
    int result;

    rig_wire_init(&wire);
    result = greet(&wire, address);
    if (result == 0)
        result = ask(&wire, "$JS.API.STREAM.CREATE.bench",
                     "{\"name\":\"bench\",\"subjects\":[\"p.*\"],\"storage\":\"file\","
                     "\"retention\":\"limits\",\"num_replicas\":1}");
    rig_wire_fini(&wire);
    return result;
}

static int
jetstream_open(struct peer_link *link, const struct sockaddr_in *address)
{
    char text[256];

    if (greet(&link->wire, address) != 0)
        return -1;
    if (!link->subscribes) {
        snprintf(text, sizeof(text), "ack.%s.*", link->topic);
        return subscribe(&link->wire, text, "in");
    }
    snprintf(text, sizeof(text),
             "{\"stream_name\":\"bench\",\"config\":{\"deliver_subject\":\"to.%s\","
             "\"deliver_policy\":\"all\",\"ack_policy\":\"none\",\"filter_subject\":\"%s\"}}",
             link->topic, link->topic);
    if (ask(&link->wire, "$JS.API.CONSUMER.CREATE.bench", text) != 0)
        return -1;
    snprintf(text, sizeof(text), "to.%s", link->topic);
    return subscribe(&link->wire, text, "in");
}

static void
jetstream_publish(struct peer_link *link, const void *data, size_t size, uint32_t number)
{
    char line[160];

    snprintf(line, sizeof(line), "PUB %s ack.%s.%u %zu\r\n", link->topic, link->topic, number,
             size);
    put_message(&link->wire, line, data, size);
}

const struct peer_protocol peer_nats = {
    .name = "nats",
    .open = nats_open,
    .publish = nats_publish,
    .next = nats_next,
};

const struct peer_protocol peer_jetstream = {
    .name = "jetstream",
    .acks = true,
    .prepare = jetstream_prepare,
    .open = jetstream_open,
    .publish = jetstream_publish,
    .next = nats_next,
};
