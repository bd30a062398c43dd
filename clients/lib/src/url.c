/* SPDX-License-Identifier: MIT */
/*
 * Reads a server's URL. Strict on purpose: a typing error must not become a connection elsewhere.
 */
#include "conn.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TCP_PORT "7500"
#define WS_PORT "7580"
#define WS_PATH "/ws"
#define PATH_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.~-"

static int
refuse(const char *url, const char *why, struct sotto_client_error *error)
{
    return fail(error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                "cannot use server \"%.100s\": %s; write tcp://host:port or ws://host:port", url,
                tr(why));
}

/* Copies text[0..len) if it is a plausible host. */
static bool
take_host(const char *text, size_t len, char host_out[256])
{
    if (len == 0 || len > 255)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= ' ' || strchr("/?#@[]%", text[i]))
            return false;
    memcpy(host_out, text, len);
    host_out[len] = 0;
    return true;
}

static bool
take_port(const char *text, char port_out[6])
{
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 5 || text[len])
        return false;
    long port = strtol(text, NULL, 10);
    if (port < 1 || port > 65535)
        return false;
    snprintf(port_out, 6, "%ld", port);
    return true;
}

/* What stands behind the host: ":port" and, of a WebSocket, a path; each may be missing. */
static const char *
take_rest(const char *rest, struct conn_address *address)
{
    size_t len = strcspn(rest, "/");
    char port[8];
    if (len >= sizeof(port))
        return TR("the port is no number from 1 to 65535");
    memcpy(port, rest, len);
    port[len] = 0;
    if (len && (*port != ':' || !take_port(port + 1, address->port)))
        return TR("the port is no number from 1 to 65535");
    const char *path = rest + len;
    if (!strcmp(path, "") || !strcmp(path, "/"))
        return NULL;
    if (!address->websocket)
        return TR("there is too much behind the host");
    if (strlen(path) >= sizeof(address->path) || strspn(path, PATH_LETTERS) != strlen(path))
        return TR("the path has letters that a server's path does not have");
    snprintf(address->path, sizeof(address->path), "%s", path);
    return NULL;
}

static const char *
take_all(const char *host, struct conn_address *address)
{
    bool bracket = *host == '[';
    host += bracket;
    size_t len = strcspn(host, bracket ? "]" : ":/");
    if (bracket && !host[len])
        return TR("the bracket of the IPv6 address is not closed");
    if (!take_host(host, len, address->host))
        return TR("it names no host");
    const char *why = take_rest(host + len + bracket, address);
    snprintf(address->authority, sizeof(address->authority), bracket ? "[%s]:%s" : "%s:%s",
             address->host, address->port);
    return why;
}

int
conn_parse_url(const char *url, struct conn_address *address_out, struct sotto_client_error *error)
{
    struct conn_address address = {.port = TCP_PORT};
    const char *host = url + strlen("tcp://");
    if (!strncmp(url, "ws://", 5)) {
        address = (struct conn_address){.websocket = true, .port = WS_PORT, .path = WS_PATH};
        host = url + strlen("ws://");
    } else if (!strncmp(url, "tcps://", 7) || !strncmp(url, "wss://", 6)) {
        return refuse(url, TR("this version has no TLS yet"), error);
    } else if (strncmp(url, "tcp://", 6)) {
        return refuse(url, TR("it does not begin with tcp:// or ws://"), error);
    }
    const char *why = take_all(host, &address);
    if (why)
        return refuse(url, why, error);
    *address_out = address;
    return SOTTO_CLIENT_OK;
}
