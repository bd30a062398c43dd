/* SPDX-License-Identifier: MIT */
/* The I/O loops: their threads, their turns, and their end. See io.h. */
#include "core/io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/http_answer.h"
#include "core/io_loop.h"
#include "core/net_addr.h"
#include "core/net_ws.h"
#include "core/session.h"
#include "core/ws_deflate.h"
#include "sotto/session.h"

/* ---- turns ---- */

/* The logic loop first, so that it works while we write. */
static void
end_turn(void *arg)
{
    struct io_loop *loop = arg;
    struct queue *logic = loop_queue(loop->io->core->logic);

    queue_push(logic, &loop->outward);
    conn_flush_dirty(loop);
    ws_forget_packed(loop);
    queue_push(logic, &loop->outward);
}

static void
on_turn(uv_prepare_t *turn)
{
    struct io_loop *loop = turn->data;

    conn_resume_starved(loop);
    end_turn(loop);
}

static void
on_tick(uv_timer_t *timer)
{
    struct io_loop *loop = timer->data;

    conn_tick(loop);
    if (loop->index == 0)
        listener_retry(loop->io);
}

static void
run_thread(void *arg)
{
    struct io_loop *loop = arg;
    char name[16]; /* what the kernel keeps */

    snprintf(name, sizeof(name), "io-%u", loop->index % 1000);
    pthread_setname_np(pthread_self(), name);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

/* Logic thread, end of its turn. */
static void
flush_outboxes(void *arg)
{
    struct io *io = arg;
    size_t depth = queue_depth(loop_queue(io->core->logic));
    size_t low = loop_queue(io->core->logic)->capacity / 2;

    for (uint32_t i = 0; i < io->loop_count; i++) {
        struct io_loop *loop = &io->loops[i];

        if (loop->outbox.first)
            queue_push(&loop->inbox, &loop->outbox);
        else if (atomic_load_explicit(&loop->is_starved, memory_order_relaxed) && depth <= low)
            wake_raise(&loop->inbox.wake);
    }
}

void
io_send(struct io_loop *loop, struct queue_item *item, queue_fn *run)
{
    queue_batch_add(&loop->outbox, item, run);
}

uint32_t
io_loop_index(const struct io_loop *loop)
{
    return loop->index;
}

size_t
io_loop_count(const struct io *io)
{
    return io->loop_count;
}

size_t
io_connections(const struct io *io)
{
    size_t count = 0;

    for (uint32_t i = 0; i < io->loop_count; i++)
        count += atomic_load(&io->loops[i].connections);
    return count;
}

/* ---- creating ---- */

static const struct sotto_metric_row rows[] = {
    {.name = "connections_accepted_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Connections that were let in"},
    {.name = "connections_refused_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Connections that were turned away",
     .label = "reason",
     .values = "cap|address|descriptors|memory"},
    {.name = "connections_closed_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Connections that ended"},
    {.name = "connections", .type = SOTTO_METRIC_GAUGE, .help = "Open connections"},
    {.name = "door_connections",
     .type = SOTTO_METRIC_GAUGE,
     .help = "Open connections by what is spoken on them",
     .label = "door",
     .values = "tcp|http|ws|ws_json"}, /* by enum frame_wire */
    {.name = "http_requests_total",
     .type = SOTTO_METRIC_COUNTER,
     .help =
         "Requests at the HTTP door: those that became a WebSocket, those that were read and refused, and those "
         "that were no HTTP",
     .label = "outcome",
     .values = "upgraded|refused|malformed"}, /* by enum io_request */
    {.name = "received_bytes_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Bytes received from clients"},
    {.name = "sent_bytes_total", .type = SOTTO_METRIC_COUNTER, .help = "Bytes sent to clients"},
    {.name = "received_frames_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Frames received from clients"},
    {.name = "sent_frames_total", .type = SOTTO_METRIC_COUNTER, .help = "Frames sent to clients"},
    {.name = "websocket_saved_bytes_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Bytes that were not sent because messages of WebSockets were compressed"},
    {.name = "reads_paused_total",
     .type = SOTTO_METRIC_COUNTER,
     .help = "Connections that were not read for a while because the logic queue was full"},
};

static void
add_metrics(struct io *io, struct metrics *metrics)
{
    struct metric **series[] = {&io->accepted,    &io->refused,     &io->closed,
                                &io->open_metric, &io->door_metric, &io->requests,
                                &io->bytes_in,    &io->bytes_out,   &io->frames_in,
                                &io->frames_out,  &io->saved_bytes, &io->starved_metric};

    for (size_t i = 0; metrics && i < sizeof(rows) / sizeof(rows[0]); i++)
        *series[i] = metrics_add(metrics, NULL, &rows[i]);
}

static int
init_loop(struct io *io, uint32_t index)
{
    struct io_loop *loop = &io->loops[index];
    uint8_t random[8];

    loop->io = io;
    loop->index = index;
    randombytes_buf(random, sizeof(random));
    sodium_bin2hex(loop->trace_prefix, sizeof(loop->trace_prefix), random, sizeof(random));
    loop->read_buf = malloc(IO_SMALL_REST + IO_READ_BYTES);
    if (!loop->read_buf)
        return SOTTO_ENOMEM;
    if (uv_loop_init(&loop->uv)) {
        free(loop->read_buf);
        return SOTTO_EIO;
    }
    if (queue_init(&loop->inbox, &loop->uv, SIZE_MAX)) {
        uv_loop_close(&loop->uv);
        free(loop->read_buf);
        return SOTTO_ENOMEM;
    }
    queue_on_turn(&loop->inbox, end_turn, loop);
    uv_prepare_init(&loop->uv, &loop->turn);
    loop->turn.data = loop;
    uv_prepare_start(&loop->turn, on_turn);
    uv_timer_init(&loop->uv, &loop->tick);
    loop->tick.data = loop;
    uv_timer_start(&loop->tick, on_tick, IO_TICK_MS, IO_TICK_MS);
    io->loop_count++; /* only those that were made are unmade */
    return io->http && io->http->deflate ? ws_deflate_create(&loop->deflate) : 0;
}

int
io_create(struct core *core, const struct io_options *options, struct io **io_out)
{
    struct io *io = calloc(1, sizeof(*io));
    int rc = SOTTO_ENOMEM;

    assert(options->threads >= 1);
    if (!io)
        return SOTTO_ENOMEM;
    io->core = core;
    io->limits = options->limits;
    io->http = options->http;
    io->server_name = options->server_name;
    io->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    io->loops = calloc(options->threads, sizeof(*io->loops));
    if (!io->loops || address_table_init(&io->addresses))
        goto fail;
    for (uint32_t i = 0; i < options->threads; i++) {
        rc = init_loop(io, i);
        if (rc)
            goto fail;
    }
    add_metrics(io, core->metrics);
    io->hook = (struct loop_hook){.fn = flush_outboxes, .arg = io};
    loop_on_turn(core->logic, &io->hook);
    *io_out = io;
    return 0;

fail:
    io_destroy(&io);
    return rc;
}

int
io_start(struct io *io, const char *const *features, size_t count)
{
    int64_t cap = io->limits->frame_bytes;

    io->max_frame = rpc_max_frame(io->core->rpc);
    if (cap > 0 && cap < io->max_frame)
        io->max_frame = (uint32_t)cap;
    for (enum frame_wire wire = 0; wire < FRAME_WIRE_COUNT; wire++) {
        const bool has_frames = frame_wire_has_frames(wire);

        if (has_frames)
            io->hello[wire] = frame_hello(wire, io->server_name,
                                          frame_wire_max(wire, io->max_frame), features, count);
        io->refusal[wire] = conn_goodbye(wire, SOTTO_GOODBYE_LIMIT, "too many connections");
        if ((has_frames && !io->hello[wire]) || !io->refusal[wire])
            return SOTTO_ENOMEM;
    }
    io->crowded = http_answer_crowded();
    if (!io->crowded)
        return SOTTO_ENOMEM;
    for (uint32_t i = 0; i < io->loop_count; i++) {
        if (uv_thread_create(&io->loops[i].thread, run_thread, &io->loops[i]))
            return SOTTO_EIO;
        io->loops[i].started = true;
    }
    return 0;
}

int
io_listen(struct io *io, const struct door *door, const char *address, char *bound_out,
          size_t bound_size, struct sotto_err *err)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);
    struct listener *listener;
    int fd = net_listen(door->name, address, err);

    if (fd < 0)
        return fd;
    listener = calloc(1, sizeof(*listener));
    if (!listener || getsockname(fd, (struct sockaddr *)&bound, &size)) {
        free(listener);
        close(fd);
        return sotto_err_set(err, SOTTO_ENOMEM, "%s: out of memory", door->name);
    }
    net_addr_print((struct sockaddr *)&bound, bound_out, bound_size);
    listener->io = io;
    listener->door = door;
    listener->fd = fd;
    queue_push_one(&io->loops[0].inbox, &listener->start, listener_start);
    return 0;
}

/* ---- ending ---- */

static void
run_stop(struct queue_item *item)
{
    struct io_loop *loop = MAP_OF(item, struct io_loop, stop_item);
    struct conn_list *lists[] = {&loop->unattached, &loop->live, &loop->closing};

    if (loop->index == 0)
        io_close_listeners(loop->io);
    loop->stopping = true;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        while (lists[i]->first)
            conn_drop(lists[i]->first);
    conn_check_stopped(loop);
}

/* Logic thread. */
void
io_on_stopped(struct queue_item *item)
{
    MAP_OF(item, struct io_loop, stopped_item)->io->stopped++;
}

/* Nothing is left but the loop's own handles; without them uv_run returns. */
static void
run_end(struct queue_item *item)
{
    struct io_loop *loop = MAP_OF(item, struct io_loop, end_item);

    loop->ended = true;
    uv_close((uv_handle_t *)&loop->tick, NULL);
    uv_close((uv_handle_t *)&loop->turn, NULL);
    uv_unref((uv_handle_t *)&loop->inbox.wake.poll);
}

static void
free_loop(struct io_loop *loop)
{
    if (!loop->ended) { /* its thread never ran */
        uv_close((uv_handle_t *)&loop->tick, NULL);
        uv_close((uv_handle_t *)&loop->turn, NULL);
        io_close_listeners(loop->io);
    }
    queue_close(&loop->inbox);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    conn_free_out_slabs(loop);
    call_free_pool(loop);
    ws_deflate_destroy(&loop->deflate);
    free(loop->read_buf);
}

/* Ends the threads: connections first, and the logic loop answers their end meanwhile. */
static void
stop_threads(struct io *io)
{
    uint32_t running = 0;

    for (uint32_t i = 0; i < io->loop_count; i++)
        running += io->loops[i].started;
    for (uint32_t i = 0; i < io->loop_count; i++)
        if (io->loops[i].started)
            io_send(&io->loops[i], &io->loops[i].stop_item, run_stop);
    flush_outboxes(io);
    while (io->stopped < running)
        uv_run(loop_uv(io->core->logic), UV_RUN_ONCE);
    for (uint32_t i = 0; i < io->loop_count; i++) {
        if (!io->loops[i].started)
            continue;
        queue_push_one(&io->loops[i].inbox, &io->loops[i].end_item, run_end);
        uv_thread_join(&io->loops[i].thread);
    }
}

void
io_destroy(struct io **io_ptr)
{
    struct io *io = *io_ptr;

    if (!io)
        return;
    if (io->core->rpc)
        rpc_abandon(io->core->rpc);
    stop_threads(io);
    loop_off_turn(io->core->logic, &io->hook);
    for (uint32_t i = 0; i < io->loop_count; i++)
        free_loop(&io->loops[i]);
    for (enum frame_wire wire = 0; wire < FRAME_WIRE_COUNT; wire++) {
        frame_unref(io->hello[wire], 1);
        frame_unref(io->refusal[wire], 1);
        frame_unref(io->notice[wire], 1);
        frame_unref(io->goodbye[wire], 1);
    }
    frame_unref(io->crowded, 1);
    address_table_fini(&io->addresses);
    if (io->reserve_fd >= 0)
        close(io->reserve_fd);
    free(io->loops);
    free(io);
    *io_ptr = NULL;
}
