/* SPDX-License-Identifier: MIT */
/*
 * Who may come in, through whatever door.
 *
 * One loop accepts and hands each socket to the loop with the fewest connections, so that a second server on the
 * same port is an error and not a silent half. Caps are checked before a connection costs anything: connections in
 * all, connections before Attach of one address (IPv6: of one /64), descriptors (one is held in reserve, to take a
 * connection and say no instead of spinning when there are none left).
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/io_loop.h"
#include "core/net_addr.h"

#define ACCEPTS_PER_TURN 64

/* ---- unattached connections by address ---- */

struct address {
    struct map_node node;
    struct ratelimit_key key;
    size_t count;
};

static bool
address_equal(const struct map_node *node, const void *key, size_t size)
{
    return memcmp(&MAP_OF(node, struct address, node)->key, key, size) == 0;
}

int
address_table_init(struct address_table *table)
{
    if (map_init(&table->map, address_equal))
        return SOTTO_ENOMEM;
    if (uv_mutex_init(&table->lock)) {
        map_fini(&table->map);
        return SOTTO_ENOMEM;
    }
    return 0;
}

static void
free_address(struct map_node *node, void *arg)
{
    (void)arg;
    free(MAP_OF(node, struct address, node));
}

void
address_table_fini(struct address_table *table)
{
    if (!table->map.buckets)
        return;
    map_each(&table->map, free_address, NULL);
    map_fini(&table->map);
    uv_mutex_destroy(&table->lock);
}

bool
address_take(struct address_table *table, const struct ratelimit_key *key, size_t most)
{
    struct map_node *node;
    struct address *address;
    bool taken = false;

    uv_mutex_lock(&table->lock);
    node = map_get(&table->map, key, sizeof(*key));
    address = node ? MAP_OF(node, struct address, node) : calloc(1, sizeof(*address));
    if (address && !node) {
        address->key = *key;
        map_add(&table->map, &address->node, key, sizeof(*key));
    }
    if (address && address->count < most) {
        address->count++;
        taken = true;
    }
    uv_mutex_unlock(&table->lock);
    return taken;
}

void
address_release(struct address_table *table, const struct ratelimit_key *key)
{
    struct map_node *node;

    uv_mutex_lock(&table->lock);
    node = map_get(&table->map, key, sizeof(*key));
    if (node && --MAP_OF(node, struct address, node)->count == 0) {
        map_remove(&table->map, node);
        free(MAP_OF(node, struct address, node));
    }
    uv_mutex_unlock(&table->lock);
}

/* ---- accepting ---- */

struct handoff {
    struct queue_item item;
    struct io_loop *loop;
    const struct door *door;
    int fd;
    struct sockaddr_storage peer;
    struct ratelimit_key address;
};

static void
run_handoff(struct queue_item *item)
{
    struct handoff *handoff = (struct handoff *)item;

    conn_open(handoff->loop, handoff->door, handoff->fd, (struct sockaddr *)&handoff->peer,
              &handoff->address);
    free(handoff);
}

static void
turn_away(const struct listener *listener, int fd, enum io_refused why)
{
    struct io *io = listener->io;
    const bool is_crowded = why == REFUSED_ADDRESS && listener->door->wire == FRAME_WIRE_HTTP;
    const struct frame_buf *buf = is_crowded ? io->crowded : io->refusal[listener->door->wire];

    metric_add(io->refused, why, 1); /* before anybody knows */
    send(fd, buf->data, buf->size,
         MSG_NOSIGNAL | MSG_DONTWAIT); /* as a courtesy: it may not arrive */
    close(fd);
}

static struct io_loop *
least_busy(struct io *io)
{
    struct io_loop *best = &io->loops[0];

    for (uint32_t i = 1; i < io->loop_count; i++)
        if (atomic_load(&io->loops[i].connections) < atomic_load(&best->connections))
            best = &io->loops[i];
    return best;
}

static void
admit(const struct listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct io *io = listener->io;
    struct ratelimit_key address;
    struct handoff *handoff;
    struct io_loop *loop = least_busy(io);
    int yes = 1;

    if (io_connections(io) >= (size_t)io->limits->connections) {
        turn_away(listener, fd, REFUSED_CAP);
        return;
    }
    ratelimit_key_address((const struct sockaddr *)peer, &address);
    if (!address_take(&io->addresses, &address, (size_t)io->limits->unattached_per_address)) {
        turn_away(listener, fd, REFUSED_ADDRESS);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    metric_add(io->accepted, 0, 1);
    handoff = loop->index ? malloc(sizeof(*handoff)) : NULL;
    if (!handoff) { /* ours, or there is no memory to hand it over */
        loop = &io->loops[0];
        atomic_fetch_add(&loop->connections, 1);
        conn_open(loop, listener->door, fd, (const struct sockaddr *)peer, &address);
        return;
    }
    *handoff = (struct handoff){
        .loop = loop, .door = listener->door, .fd = fd, .peer = *peer, .address = address};
    atomic_fetch_add(&loop->connections, 1);
    queue_push_one(&loop->inbox, &handoff->item, run_handoff);
}

/* No descriptors left: give up the reserve, take the connection, say no, take the reserve back. */
static void
use_reserve(const struct listener *listener)
{
    struct io *io = listener->io;
    int fd;

    if (io->reserve_fd < 0)
        return;
    close(io->reserve_fd);
    fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        turn_away(listener, fd, REFUSED_DESCRIPTORS);
    io->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* true: go on accepting. */
static bool
accept_failed(struct listener *listener, int error)
{
    if (error == EINTR || error == ECONNABORTED || error == EPROTO)
        return true;
    if (error == EAGAIN)
        return false;
    if ((error == EMFILE || error == ENFILE) && listener->io->reserve_fd >= 0) {
        use_reserve(listener);
        return true;
    }
    uv_poll_stop(&listener->poll); /* level-triggered: it would spin */
    listener->paused = true;
    return false;
}

static void
on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = MAP_OF(poll, struct listener, poll);

    (void)events;
    for (int i = 0; status == 0 && i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof(peer);
        int fd =
            accept4(listener->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            admit(listener, fd, &peer);
        else if (!accept_failed(listener, errno))
            return;
    }
}

void
listener_start(struct queue_item *item)
{
    struct listener *listener = MAP_OF(item, struct listener, start);
    struct io *io = listener->io;

    uv_poll_init(&io->loops[0].uv, &listener->poll, listener->fd);
    uv_poll_start(&listener->poll, UV_READABLE, on_acceptable);
    listener->next = io->listeners;
    io->listeners = listener;
}

void
listener_retry(struct io *io)
{
    for (struct listener *listener = io->listeners; listener; listener = listener->next) {
        if (!listener->paused)
            continue;
        listener->paused = false;
        uv_poll_start(&listener->poll, UV_READABLE, on_acceptable);
    }
}

static void
on_listener_closed(uv_handle_t *handle)
{
    free(MAP_OF(handle, struct listener, poll));
}

void
listener_close(struct listener *listener)
{
    uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
    close(listener->fd);
}
