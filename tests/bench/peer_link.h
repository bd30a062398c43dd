/* SPDX-License-Identifier: MIT */
/*
 * Other servers as the bench meets them: a connection that publishes to a topic or is subscribed to one, in the
 * protocol of that server. Just what a fair comparison needs; every payload begins with its number.
 */
#ifndef PEER_LINK_H
#define PEER_LINK_H

#include "rig_wire.h"

#define PEER_TOPIC_BYTES 32

struct peer_link {
    struct rig_wire wire;
    const struct peer_protocol *protocol;
    char topic[PEER_TOPIC_BYTES];
    bool subscribes;
};

enum peer_found {
    PEER_BROKEN = -1,
    PEER_NOTHING = 0, /* more bytes must come */
    PEER_OTHER,       /* something of the protocol that was taken care of */
    PEER_DELIVERY,    /* *data_out, *size_out, valid until the next call */
    PEER_ACK,         /* *number_out was promised by the server */
};

struct peer_protocol {
    const char *name;
    bool acks; /* publishing is answered */
    /* Once before the links of a job; NULL: nothing to do. 0 or -1. */
    int (*prepare)(const struct sockaddr_in *address);
    /* Connects and subscribes, waiting for the answers; 0 or -1. */
    int (*open)(struct peer_link *link, const struct sockaddr_in *address);
    /* Queues one message; number is what an ack will name (the low 16 bits of it in MQTT). */
    void (*publish)(struct peer_link *link, const void *data, size_t size, uint32_t number);
    enum peer_found (*next)(struct peer_link *link, const uint8_t **data_out, size_t *size_out,
                            uint32_t *number_out);
};

extern const struct peer_protocol peer_nats, peer_jetstream, peer_mqtt0, peer_mqtt1, peer_ws;

#endif
