/* SPDX-License-Identifier: MIT */
/*
 * Reads a server's URL. Strict on purpose: a typing error must not become a connection elsewhere.
 */
#include "conn.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT "7500"

static int
refuse(const char *url, const char *why, struct sotto_client_error *error)
{
    return fail(error, SOTTO_CLIENT_EUSAGE, "invalid_argument",
                "cannot use server \"%.100s\": %s; write tcp://host:port", url, tr(why));
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

int
conn_parse_url(const char *url, struct conn_address *address_out, struct sotto_client_error *error)
{
    static const char *const others[] = {"tcps://", "ws://", "wss://"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (!strncmp(url, others[i], strlen(others[i])))
            return refuse(url, "this build speaks tcp:// only", error);
    if (strncmp(url, "tcp://", 6))
        return refuse(url, "it does not begin with tcp://", error);

    struct conn_address address = {.port = DEFAULT_PORT};
    const char *host = url + 6;
    const char *host_end;
    const char *rest;
    if (*host == '[') {
        host++;
        host_end = strchr(host, ']');
        if (!host_end)
            return refuse(url, "the bracket of the IPv6 address is not closed", error);
        rest = host_end + 1;
    } else {
        host_end = host + strcspn(host, ":/");
        rest = host_end;
    }
    if (!take_host(host, (size_t)(host_end - host), address.host))
        return refuse(url, "it names no host", error);
    size_t len = strlen(rest);
    char tail[16];
    if (len >= sizeof(tail))
        return refuse(url, "there is too much behind the host", error);
    memcpy(tail, rest, len + 1);
    if (len && tail[len - 1] == '/')
        tail[len - 1] = 0;
    if (*tail && (*tail != ':' || !take_port(tail + 1, address.port)))
        return refuse(url, "the port is no number from 1 to 65535", error);
    *address_out = address;
    return SOTTO_CLIENT_OK;
}
