/* SPDX-License-Identifier: MIT */
/* See net_addr.h. */
#include "core/net_addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTEN_BACKLOG 1024

/* One to five digits, at most 65535. */
static int
parse_port(const char *text, in_port_t *port_out)
{
    const size_t size = strlen(text);
    long port;

    if (size == 0 || size > 5 || strspn(text, "0123456789") != size)
        return SOTTO_EINVALID;
    port = strtol(text, NULL, 10);
    if (port > 65535)
        return SOTTO_EINVALID;
    *port_out = htons((uint16_t)port);
    return 0;
}

int
net_addr_parse_host(const char *text, struct sockaddr_storage *address_out)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    const size_t size = strlen(text);
    char bare[NET_ADDR_TEXT_MAX];

    if (size < 2 || size >= sizeof(bare))
        return SOTTO_EINVALID;
    snprintf(bare, sizeof(bare), "%s", text);
    if (bare[0] == '[' && bare[size - 1] == ']') {
        memmove(bare, bare + 1, size - 2);
        bare[size - 2] = '\0';
    }
    if (inet_pton(AF_INET, bare, &v4->sin_addr) == 1)
        address.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, bare, &v6->sin6_addr) == 1)
        address.ss_family = AF_INET6;
    else
        return SOTTO_EINVALID;
    *address_out = address;
    return 0;
}

int
net_addr_parse(const char *text, struct sockaddr_storage *address_out)
{
    const char *colon = strrchr(text, ':');
    struct sockaddr_storage address;
    char host[NET_ADDR_TEXT_MAX];
    size_t size;
    in_port_t port;

    if (!colon || parse_port(colon + 1, &port) != 0)
        return SOTTO_EINVALID;
    size = (size_t)(colon - text);
    if (size < 2 || size >= sizeof(host))
        return SOTTO_EINVALID;
    memcpy(host, text, size);
    host[size] = '\0';
    if (net_addr_parse_host(strcmp(host, "localhost") ? host : "127.0.0.1", &address) != 0 ||
        (address.ss_family == AF_INET6) != (host[0] == '['))
        return SOTTO_EINVALID;
    if (address.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&address)->sin6_port = port;
    else
        ((struct sockaddr_in *)&address)->sin_port = port;
    *address_out = address;
    return 0;
}

void
net_addr_print_host(const struct sockaddr *address, char *text, size_t size)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

    if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, (socklen_t)size);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, text, (socklen_t)size);
    else
        inet_ntop(AF_INET, &v4->sin_addr, text, (socklen_t)size);
}

void
net_addr_print(const struct sockaddr *address, char *text, size_t size)
{
    char host[NET_ADDR_TEXT_MAX];
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

    net_addr_print_host(address, host, sizeof(host));
    if (address->sa_family == AF_INET6)
        snprintf(text, size, "[%s]:%u", host, ntohs(v6->sin6_port));
    else
        snprintf(text, size, "%s:%u", host, ntohs(v4->sin_port));
}

static int
refuse(const char *door, const char *address, struct sotto_err *err)
{
    if (errno == EADDRINUSE)
        return sotto_err_set(err, SOTTO_EIO,
                             "listen \"%s\": %s is in use by another program; stop it, or choose "
                             "another port (0 takes a free one)",
                             door, address);
    if (errno == EADDRNOTAVAIL)
        return sotto_err_set(err, SOTTO_EIO,
                             "listen \"%s\": this machine has no address %s; use one of its own, "
                             "0.0.0.0 or [::]",
                             door, address);
    if (errno == EACCES)
        return sotto_err_set(err, SOTTO_EIO,
                             "listen \"%s\": not allowed to use %s; take a port from 1024 up", door,
                             address);
    return sotto_err_set(err, SOTTO_EIO, "listen \"%s\": %s: %s", door, address, strerror(errno));
}

int
net_listen(const char *door, const char *address, struct sotto_err *err)
{
    struct sockaddr_storage socket_address;
    const int yes = 1;
    socklen_t size;
    int fd;

    if (net_addr_parse(address, &socket_address) != 0)
        return sotto_err_set(err, SOTTO_EIO, "listen \"%s\": %s is not ADDR:PORT", door, address);
    fd = socket(socket_address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return refuse(door, address, err);
    size = socket_address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                : sizeof(struct sockaddr_in);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        bind(fd, (struct sockaddr *)&socket_address, size) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0) {
        const int error = refuse(door, address, err);

        close(fd);
        return error;
    }
    return fd;
}
