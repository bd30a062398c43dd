/* SPDX-License-Identifier: MIT */
/*
 * Whom a request comes from when a proxy has handed it on. Only proxies that the operator named are believed, and
 * only what they themselves have added: everybody can write an X-Forwarded-For. Any thread.
 */
#ifndef CORE_HTTP_PROXY_H
#define CORE_HTTP_PROXY_H

#include <sys/socket.h>

#include "core/http_head.h"
#include "core/settings.h"

/* The address to count this request for: the rightmost of X-Forwarded-For that is no proxy of the list, if direct is
 * one and that address can be read; else direct. */
void http_client_address(const struct http_head *, const struct settings_names *proxies,
                         const struct sockaddr_storage *direct,
                         struct sockaddr_storage *client_out);

#endif
