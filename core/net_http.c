/* SPDX-License-Identifier: MIT */
/*
 * The HTTP door: one strictly read request, its path in a table, and who answers there. At present that is the
 * WebSocket at /ws and /ws/; whatever else is asked for gets one sentence and the end of the connection, so that no two
 * programs can disagree on where a next request begins. A handler that will read bodies or keep the connection (calls
 * by POST, files) is one more row; it gets the head and leaves the connection as it wants it.
 */
#include "core/net_http.h"

#include <string.h>

#include "core/http_answer.h"
#include "core/http_proxy.h"
#include "core/io_loop.h"
#include "core/net_ws.h"

struct http_route {
    const char *path;
    const char *method; /* the one that it has; others get 405 */
    const char *allow;  /* the same as a header line */
    void (*answer)(struct conn *, const struct http_head *);
};

static const struct http_route routes[] = {
    {.path = "/ws", .method = "GET", .allow = "Allow: GET\r\n", .answer = ws_upgrade},
    {.path = "/ws/", .method = "GET", .allow = "Allow: GET\r\n", .answer = ws_upgrade},
};

/* ---- refusals ---- */

void
http_refuse(struct conn *conn, int status, const char *fields, const char *why)
{
    metric_add(conn->loop->io->requests, REQUEST_REFUSED, 1);
    conn_end(conn, http_answer_text(status, fields, why));
}

static void
malformed(struct conn *conn, int status)
{
    metric_add(conn->loop->io->requests, REQUEST_MALFORMED, 1);
    conn_end(conn, http_answer_text(status, "", "this request cannot be read"));
}

/* ---- requests ---- */

bool
http_find_client(struct conn *conn, const struct http_head *head,
                 struct sockaddr_storage *client_out)
{
    struct sockaddr_storage direct;
    socklen_t size = sizeof(direct);

    if (getpeername(conn->fd, (struct sockaddr *)&direct, &size)) {
        conn_drop(conn);
        return false;
    }
    http_client_address(head, &conn->loop->io->http->proxies, &direct, client_out);
    if (conn_count_for(conn, (struct sockaddr *)client_out))
        return true;
    metric_add(conn->loop->io->requests, REQUEST_REFUSED, 1);
    conn_end(conn, http_answer_crowded());
    return false;
}

/* A name without a port stands for any port. */
static bool
is_our_host(const struct settings_names *hosts, struct sotto_view host)
{
    const uint8_t *colon = host.size ? memrchr(host.data, ':', host.size) : NULL;
    struct sotto_view bare = host;

    if (colon && host.data[host.size - 1] != ']')
        bare.size = (size_t)(colon - host.data);
    for (size_t i = 0; i < hosts->count; i++)
        if (http_view_is(host, hosts->at[i]) || http_view_is(bare, hosts->at[i]))
            return true;
    return hosts->count == 0;
}

static void
answer(struct conn *conn, const struct http_head *head)
{
    const struct http_route *route = NULL;

    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]) && !route; i++)
        if (http_view_equals(head->path, routes[i].path))
            route = &routes[i];
    if (!is_our_host(&conn->loop->io->http->hosts, head->host))
        http_refuse(conn, 400, "", "no server of that name is here");
    else if (!route)
        http_refuse(conn, 404, "", "nothing is here; clients find their WebSocket at /ws");
    else if (!http_view_equals(head->method, route->method))
        http_refuse(conn, 405, route->allow, "this method is not answered here");
    else
        route->answer(conn, head);
}

static int64_t
http_feed(struct conn *conn, uint8_t *data, size_t size, uint32_t max_frame, size_t *need_out)
{
    struct http_head head;
    int used = http_head_read(&head, data, size);

    *need_out = 0;
    if (used == HTTP_HEAD_MORE)
        return 0;
    if (used < 0)
        malformed(conn, -used);
    else
        answer(conn, &head);
    if (conn->state != CONN_OPEN || conn->door == &door_http)
        return (int64_t)size;
    return used + conn->door->feed(conn, data + used, size - (size_t)used, max_frame, need_out);
}

const struct door door_http = {
    .name = "http",
    .wire = FRAME_WIRE_HTTP,
    .state_bytes = sizeof(struct ws_conn),
    .feed = http_feed,
};
