/* SPDX-License-Identifier: MIT */
/*
 * See admin.h. One request a connection: read the head (8 KiB, 10 s), answer, close. No request has a body, so
 * whatever else comes is dropped.
 */
#include "core/admin.h"

#include "core/buf.h"
#include "core/host.h"
#include "core/http_answer.h"
#include "core/http_head.h"
#include "core/loop.h"
#include "core/metric.h"
#include "core/net_addr.h"
#include "core/schema.h"
#include "core/reserve.h"
#include "core/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINGER_MS 1000

struct connection {
    struct admin *admin;
    struct connection *next, *previous;
    uv_tcp_t socket;
    uv_timer_t timer;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct buf answer;
    bool answered;
    size_t size;
    unsigned open_handles;
    bool closing;
    uint8_t head[HTTP_HEAD_BYTES_MAX];
};

struct admin {
    struct core *core;
    uv_loop_t *loop;
    uv_tcp_t listener;
    struct connection *first;
    size_t count;
    enum admin_state state;
    char address[NET_ADDR_TEXT_MAX];
};

/* ---- Connections ----------------------------------------------------------------------------------- */

static void
on_handle_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;

    if (--connection->open_handles > 0)
        return;
    buf_fini(&connection->answer);
    free(connection);
}

static void
connection_close(struct connection *connection)
{
    struct admin *admin = connection->admin;

    if (connection->closing)
        return;
    connection->closing = true;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        admin->first = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    admin->count--;
    uv_close((uv_handle_t *)&connection->socket, on_handle_closed);
    uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
}

static void
on_timeout(uv_timer_t *timer)
{
    connection_close(timer->data);
}

static void
on_shut(uv_shutdown_t *shutdown, int status)
{
    if (status < 0)
        connection_close(shutdown->data);
}

/* Closing with unread bytes would reset the connection and take the answer away from a peer that is still
 * sending, so what comes now is read and dropped until it ends or LINGER_MS are over. */
static void
on_written(uv_write_t *write, int status)
{
    struct connection *connection = write->data;

    if (connection->closing)
        return;
    connection->shutdown.data = connection;
    if (status < 0 || uv_timer_start(&connection->timer, on_timeout, LINGER_MS, 0) != 0 ||
        uv_shutdown(&connection->shutdown, (uv_stream_t *)&connection->socket, on_shut) != 0)
        connection_close(connection);
}

/* Takes the body; the answer ends the connection. */
static void
answer(struct connection *connection, int status, const char *type, struct buf *take_body)
{
    uv_buf_t out;

    http_answer_head(&connection->answer, status, "", type, take_body->size);
    buf_add(&connection->answer, buf_text(take_body), take_body->size);
    buf_fini(take_body);
    connection->answered = true;
    out = uv_buf_init(connection->answer.data, (unsigned)connection->answer.size);
    connection->write.data = connection;
    if (connection->answer.failed ||
        uv_write(&connection->write, (uv_stream_t *)&connection->socket, &out, 1, on_written) != 0)
        connection_close(connection);
}

static void
answer_text(struct connection *connection, int status, const char *text)
{
    struct buf body = {0};

    buf_puts(&body, text);
    answer(connection, status, "text/plain; charset=utf-8", &body);
}

/* ---- What is asked --------------------------------------------------------------------------------- */

static void
answer_health(struct connection *connection)
{
    struct admin *admin = connection->admin;
    const struct core *core = admin->core;
    static const char *const states[] = {"starting", "ready", "draining"};
    struct sotto_err err = {{0}};
    struct buf body = {0};
    bool fit = admin->state == ADMIN_READY;

    if (core->store && store_health(core->store, &err) != 0)
        fit = false;
    else if (reserve_health(core->reserve, &err) != 0)
        fit = false;
    if (core->host && admin->state != ADMIN_STARTING && !host_health(core->host, &body))
        fit = false;
    buf_printf(&body, "{\"server\":\"%s\",\"ok\":%s", states[admin->state], fit ? "true" : "false");
    if (err.text[0]) {
        buf_puts(&body, ",\"reason\":\"");
        buf_json(&body, err.text);
        buf_puts(&body, "\"");
    }
    buf_puts(&body, "}\n");
    answer(connection, fit ? 200 : 503, "application/json", &body);
}

static void
answer_metrics(struct connection *connection)
{
    struct buf body = {0};

    metrics_render(connection->admin->core->metrics, &body);
    answer(connection, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

static void
answer_schema(struct connection *connection)
{
    struct buf body = {0};

    schema_collect(connection->admin->core->host, &body);
    answer(connection, 200, "application/x-protobuf", &body);
}

static void
answer_request(struct connection *connection, const struct http_head *head)
{
    if (!http_view_equals(head->method, "GET"))
        answer_text(connection, 405, "only GET is answered here\n");
    else if (http_view_equals(head->path, "/healthz"))
        answer_health(connection);
    else if (http_view_equals(head->path, "/metrics"))
        answer_metrics(connection);
    else if (http_view_equals(head->path, "/api/schema"))
        answer_schema(connection);
    else
        answer_text(connection, 404, "there are /healthz, /metrics and /api/schema\n");
}

/* ---- Reading --------------------------------------------------------------------------------------- */

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct connection *connection = handle->data;

    (void)suggested;
    if (connection->answered)
        connection->size = 0;
    *buf = uv_buf_init((char *)connection->head + connection->size,
                       (unsigned)(sizeof(connection->head) - connection->size));
}

static void
on_read(uv_stream_t *socket, ssize_t size, const uv_buf_t *buf)
{
    struct connection *connection = socket->data;
    struct http_head head;
    int result;

    (void)buf;
    if (size < 0) {
        connection_close(connection);
        return;
    }
    if (connection->answered)
        return;
    connection->size += (size_t)size;
    result = http_head_read(&head, connection->head, connection->size);
    if (result == HTTP_HEAD_MORE)
        return;
    if (result < 0)
        answer_text(connection, 400, "malformed request\n");
    else
        answer_request(connection, &head);
}

static void
on_connection(uv_stream_t *listener, int status)
{
    struct admin *admin = listener->data;
    struct connection *connection;

    if (status < 0)
        return;
    connection = calloc(1, sizeof(*connection));
    if (!connection)
        return;
    connection->admin = admin;
    connection->open_handles = 2;
    connection->socket.data = connection;
    connection->timer.data = connection;
    uv_tcp_init(admin->loop, &connection->socket);
    uv_timer_init(admin->loop, &connection->timer);
    connection->next = admin->first;
    if (admin->first)
        admin->first->previous = connection;
    admin->first = connection;
    admin->count++;
    if (uv_accept(listener, (uv_stream_t *)&connection->socket) != 0 ||
        admin->count > ADMIN_CONNECTIONS_MAX ||
        uv_timer_start(&connection->timer, on_timeout, ADMIN_TIMEOUT_MS, 0) != 0 ||
        uv_read_start((uv_stream_t *)&connection->socket, on_alloc, on_read) != 0)
        connection_close(connection);
}

/* ---- Life ------------------------------------------------------------------------------------------ */

static void
on_listener_closed(uv_handle_t *handle)
{
    free(handle->data);
}

int
admin_create(struct core *core, uv_loop_t *loop, const char *address, struct admin **admin_out,
             struct sotto_err *err)
{
    struct sockaddr_storage bound;
    int size = sizeof(bound);
    struct admin *admin;
    const int fd = net_listen("admin", address, err);

    if (fd < 0)
        return fd;
    admin = calloc(1, sizeof(*admin));
    if (!admin) {
        close(fd);
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    }
    admin->core = core;
    admin->loop = loop;
    admin->listener.data = admin;
    uv_tcp_init(loop, &admin->listener);
    if (uv_tcp_open(&admin->listener, fd) != 0 ||
        uv_listen((uv_stream_t *)&admin->listener, ADMIN_CONNECTIONS_MAX, on_connection) != 0 ||
        uv_tcp_getsockname(&admin->listener, (struct sockaddr *)&bound, &size) != 0) {
        uv_close((uv_handle_t *)&admin->listener, on_listener_closed);
        return sotto_err_set(err, SOTTO_EIO, "listen \"admin\": %s cannot be listened on", address);
    }
    net_addr_print((struct sockaddr *)&bound, admin->address, sizeof(admin->address));
    *admin_out = admin;
    return 0;
}

const char *
admin_address(const struct admin *admin)
{
    return admin->address;
}

void
admin_set_state(struct admin *admin, enum admin_state state)
{
    admin->state = state;
}

void
admin_destroy(struct admin **take_admin)
{
    struct admin *admin = *take_admin;

    *take_admin = NULL;
    if (!admin)
        return;
    while (admin->first)
        connection_close(admin->first);
    uv_close((uv_handle_t *)&admin->listener, on_listener_closed);
}
