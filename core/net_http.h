/* SPDX-License-Identifier: MIT */
/* What the HTTP door (net_http.c) offers to those who answer behind its routes. I/O loop, all of it. */
#ifndef CORE_NET_HTTP_H
#define CORE_NET_HTTP_H

#include <sys/socket.h>

#include "core/http_head.h"

struct conn;

/* Finds whom the connection is to be counted for, which a proxy may have named; false: it was refused for that, or is
 * gone. */
bool http_find_client(struct conn *, const struct http_head *, struct sockaddr_storage *client_out);
/* A refusal with this status, which ends the connection; fields: further header lines, or "". */
void http_refuse(struct conn *, int status, const char *fields, const char *why);

#endif
