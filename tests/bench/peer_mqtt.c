/* SPDX-License-Identifier: MIT */
/* mosquitto by MQTT 3.1.1 (OASIS standard, section 3), with QoS 0 and with QoS 1. */
#include "peer_link.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_S 10.0

enum {
    MQTT_CONNECT = 0x10,
    MQTT_CONNACK = 0x20,
    MQTT_PUBLISH = 0x30,
    MQTT_PUBACK = 0x40,
    MQTT_SUBSCRIBE = 0x82,
    MQTT_SUBACK = 0x90,
};

static uint8_t *
put_length(uint8_t *at, size_t length)
{
    do {
        *at++ = (uint8_t)((length & 127) | (length > 127 ? 128 : 0));
        length >>= 7;
    } while (length);
    return at;
}

static uint8_t *
put_string(uint8_t *at, const char *text)
{
    size_t size = strlen(text);

    *at++ = (uint8_t)(size >> 8);
    *at++ = (uint8_t)size;
    memcpy(at, text, size);
    return at + size;
}

/* The next whole packet: its first byte, and its body; 0 when it has not come. Takes it from the wire. */
static int
next_packet(struct rig_wire *wire, const uint8_t **body_out, size_t *size_out)
{
    const uint8_t *at = rig_wire_at(wire);
    size_t have = rig_wire_have(wire), size = 0, used = 1;
    int type;

    for (int shift = 0; shift < 28; shift += 7) {
        if (have <= used)
            return 0;
        size |= (size_t)(at[used] & 127) << shift;
        if ((at[used++] & 128) == 0)
            break;
    }
    if (have < used + size)
        return 0;
    type = at[0];
    *body_out = at + used;
    *size_out = size;
    rig_wire_take(wire, used + size);
    return type;
}

static int
wait_packet(struct rig_wire *wire, int wanted)
{
    double deadline = rig_now_s() + WAIT_S;
    const uint8_t *body;
    size_t size;

    for (;;) {
        int type = next_packet(wire, &body, &size);

        if (type == wanted)
            return 0;
        if (type == 0 && rig_wire_wait(wire, deadline) != 0)
            return -1;
    }
}

static int
mqtt_open(struct peer_link *link, const struct sockaddr_in *address, int qos)
{
    uint8_t packet[128], *at;
    char id[24];

    if (rig_wire_connect(&link->wire, address) != 0)
        return -1;
    snprintf(id, sizeof(id), "b%d-%d", (int)getpid(), link->wire.fd);
    at = put_length(packet, 12 + strlen(id));
    at = put_string(at, "MQTT");
    *at++ = 4;
    *at++ =
        qos ? 0 : 2; /* a session that is kept, so that QoS 1 means something; else a clean one */
    *at++ = 0;
    *at++ = 0; /* no keep-alive */
    at = put_string(at, id);
    rig_wire_put(&link->wire, &(uint8_t){MQTT_CONNECT}, 1);
    rig_wire_put(&link->wire, packet, (size_t)(at - packet));
    if (wait_packet(&link->wire, MQTT_CONNACK) != 0)
        return -1;
    if (!link->subscribes)
        return 0;
    at = put_length(packet, 5 + strlen(link->topic));
    *at++ = 0;
    *at++ = 1;
    at = put_string(at, link->topic);
    *at++ = (uint8_t)qos;
    rig_wire_put(&link->wire, &(uint8_t){MQTT_SUBSCRIBE}, 1);
    rig_wire_put(&link->wire, packet, (size_t)(at - packet));
    return wait_packet(&link->wire, MQTT_SUBACK);
}

static int
open0(struct peer_link *link, const struct sockaddr_in *address)
{
    return mqtt_open(link, address, 0);
}

static int
open1(struct peer_link *link, const struct sockaddr_in *address)
{
    return mqtt_open(link, address, 1);
}

static void
mqtt_publish(struct peer_link *link, const void *data, size_t size, const uint32_t *number)
{
    size_t head = 2 + strlen(link->topic) + (number ? 2 : 0);
    uint8_t *start = rig_wire_room(&link->wire, head + size + 8);
    uint8_t *at = start;

    *at++ = (uint8_t)(MQTT_PUBLISH | (number ? 2 : 0));
    at = put_length(at, head + size);
    at = put_string(at, link->topic);
    if (number) {
        *at++ = (uint8_t)(*number >> 8);
        *at++ = (uint8_t)*number;
    }
    memcpy(at, data, size);
    link->wire.out.end += (size_t)(at + size - start);
}

static void
publish0(struct peer_link *link, const void *data, size_t size, uint32_t number)
{
    (void)number;
    mqtt_publish(link, data, size, NULL);
}

/* A packet identifier is 16 bits and not 0. */
static void
publish1(struct peer_link *link, const void *data, size_t size, uint32_t number)
{
    mqtt_publish(link, data, size, &(uint32_t){number % 65535 + 1});
}

static enum peer_found
mqtt_next(struct peer_link *link, const uint8_t **data_out, size_t *size_out, uint32_t *number_out)
{
    const uint8_t *body;
    size_t size, head;
    int type = next_packet(&link->wire, &body, &size);

    if (type == 0)
        return PEER_NOTHING;
    if (type == MQTT_PUBACK && size == 2) {
        *number_out = (uint32_t)(body[0] << 8 | body[1]) - 1;
        return PEER_ACK;
    }
    if ((type & 0xf0) != MQTT_PUBLISH || size < 2)
        return PEER_OTHER;
    head = 2 + (size_t)(body[0] << 8 | body[1]);
    if ((type & 6) != 0) {
        uint8_t ack[4] = {MQTT_PUBACK, 2, body[head], body[head + 1]};

        rig_wire_put(&link->wire, ack, sizeof(ack));
        head += 2;
    }
    *data_out = body + head;
    *size_out = size - head;
    return PEER_DELIVERY;
}

const struct peer_protocol peer_mqtt0 = {
    .name = "mqtt0",
    .open = open0,
    .publish = publish0,
    .next = mqtt_next,
};

const struct peer_protocol peer_mqtt1 = {
    .name = "mqtt1",
    .acks = true,
    .open = open1,
    .publish = publish1,
    .next = mqtt_next,
};
