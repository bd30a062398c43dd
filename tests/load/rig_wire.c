/* SPDX-License-Identifier: MIT */
/* Buffered sockets of the load rig: see rig_wire.h. */
#include "rig_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (64 * 1024)

double
rig_now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Makes room for `more` bytes behind the end. */
static uint8_t *
bytes_reserve(struct rig_bytes *bytes, size_t more)
{
    if (bytes->start > 0 && (bytes->start == bytes->end || bytes->end + more > bytes->capacity)) {
        memmove(bytes->data, bytes->data + bytes->start, bytes->end - bytes->start);
        bytes->end -= bytes->start;
        bytes->start = 0;
    }
    if (bytes->end + more > bytes->capacity) {
        bytes->capacity = 2 * (bytes->end + more);
        bytes->data = realloc(bytes->data, bytes->capacity);
        if (bytes->data == NULL) {
            fprintf(stderr, "load: out of memory\n");
            exit(1);
        }
    }
    return bytes->data + bytes->end;
}

void
rig_wire_init(struct rig_wire *wire)
{
    memset(wire, 0, sizeof(*wire));
    wire->fd = -1;
}

void
rig_wire_close(struct rig_wire *wire)
{
    if (wire->fd >= 0)
        close(wire->fd);
    wire->fd = -1;
    wire->in.start = wire->in.end = 0;
    wire->out.start = wire->out.end = 0;
}

void
rig_wire_fini(struct rig_wire *wire)
{
    rig_wire_close(wire);
    free(wire->in.data);
    free(wire->out.data);
    rig_wire_init(wire);
}

int
rig_wire_address(const char *text, struct sockaddr_in *address_out)
{
    char host[64];
    const char *colon = strrchr(text, ':');

    if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
        return -1;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    memset(address_out, 0, sizeof(*address_out));
    address_out->sin_family = AF_INET;
    address_out->sin_port = htons((uint16_t)atoi(colon + 1));
    return inet_pton(AF_INET, host, &address_out->sin_addr) == 1 ? 0 : -1;
}

int
rig_wire_connect(struct rig_wire *wire, const struct sockaddr_in *address)
{
    int one = 1;

    rig_wire_close(wire);
    wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (wire->fd < 0)
        return -1;
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(wire->fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
        rig_wire_close(wire);
        return -1;
    }
    return 0;
}

void
rig_wire_abort(struct rig_wire *wire)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    rig_wire_close(wire);
}

uint8_t *
rig_wire_room(struct rig_wire *wire, size_t more)
{
    return bytes_reserve(&wire->out, more);
}

void
rig_wire_put(struct rig_wire *wire, const void *data, size_t size)
{
    memcpy(rig_wire_room(wire, size), data, size);
    wire->out.end += size;
}

size_t
rig_wire_have(const struct rig_wire *wire)
{
    return wire->in.end - wire->in.start;
}

const uint8_t *
rig_wire_at(const struct rig_wire *wire)
{
    return wire->in.data + wire->in.start;
}

void
rig_wire_take(struct rig_wire *wire, size_t size)
{
    wire->in.start += size;
}

bool
rig_wire_has_output(const struct rig_wire *wire)
{
    return wire->out.end > wire->out.start;
}

int
rig_wire_flush(struct rig_wire *wire)
{
    while (rig_wire_has_output(wire)) {
        ssize_t size = send(wire->fd, wire->out.data + wire->out.start,
                            wire->out.end - wire->out.start, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return errno == EAGAIN ? 0 : -1;
        wire->out.start += (size_t)size;
    }
    return 0;
}

int
rig_wire_fill(struct rig_wire *wire)
{
    for (;;) {
        uint8_t *at = bytes_reserve(&wire->in, READ_BYTES);
        ssize_t size = recv(wire->fd, at, READ_BYTES, MSG_DONTWAIT);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return errno == EAGAIN ? 0 : -1;
        if (size == 0)
            return -1;
        wire->in.end += (size_t)size;
        if (size < READ_BYTES)
            return 0;
    }
}

int
rig_wire_wait(struct rig_wire *wire, double deadline)
{
    struct pollfd poll_fd = {.fd = wire->fd, .events = POLLIN};
    double left = deadline - rig_now_s();

    if (left <= 0)
        return -1;
    if (rig_wire_has_output(wire))
        poll_fd.events |= POLLOUT;
    if (poll(&poll_fd, 1, (int)(left * 1000) + 1) < 0 && errno != EINTR)
        return -1;
    return rig_wire_flush(wire) != 0 || rig_wire_fill(wire) != 0 ? -1 : 0;
}
