/* SPDX-License-Identifier: MIT */
/*
 * From a URL to a connection: name, addresses, and one of them within the deadline.
 */
#include "conn.h"
#include "text.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connects one address within the deadline; -1 with errno. */
static int
connect_one(const struct addrinfo *info, int64_t deadline_ms)
{
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int result = connect(fd, info->ai_addr, info->ai_addrlen);
    if (result && errno == EINPROGRESS) {
        int64_t left = deadline_ms - conn_now_ms();
        struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
        int problem = ETIMEDOUT;
        socklen_t size = sizeof(problem);
        if (poll(&poll_fd, 1, left > 0 ? (int)left : 0) > 0)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
        errno = problem;
        result = problem ? -1 : 0;
    }
    if (result == 0)
        return fd;
    int kept = errno;
    close(fd);
    errno = kept;
    return -1;
}

int
conn_open(const char *url, int timeout_ms, struct conn **conn_out, struct sotto_client_error *error)
{
    struct conn_address address;
    int status = conn_parse_url(url, &address, error);
    if (status)
        return status;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int problem = getaddrinfo(address.host, address.port, &hints, &list);
    if (problem)
        return fail(error, SOTTO_CLIENT_ENETWORK, "network",
                    "cannot find the server %s (%s); check --server", address.host,
                    tr(gai_strerror(problem)));
    int64_t deadline_ms = conn_now_ms() + timeout_ms;
    int fd = -1;
    for (struct addrinfo *info = list; info && fd < 0; info = info->ai_next)
        fd = connect_one(info, deadline_ms);
    problem = errno;
    freeaddrinfo(list);
    if (fd < 0)
        return fail(error, SOTTO_CLIENT_ENETWORK, "network",
                    "cannot reach %.100s (%s); is the server running?", url, tr(strerror(problem)));
    int64_t left = deadline_ms - conn_now_ms();
    struct framing *framing =
        address.websocket ? framing_ws(address.authority, address.path) : framing_tcp();
    return conn_adopt(fd, framing, left > 0 ? (int)left : 0, conn_out, error);
}
