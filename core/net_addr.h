/* SPDX-License-Identifier: MIT */
/* "ADDR:PORT" in text and as a socket address; IPv6 stands in brackets. Used by every door. */
#ifndef CORE_NET_ADDR_H
#define CORE_NET_ADDR_H

#include <sys/socket.h>

#include "sotto/types.h"

#define NET_ADDR_TEXT_MAX 64

/* Numbers only, no name look-up; "localhost" stands for 127.0.0.1. SOTTO_EINVALID otherwise. */
int net_addr_parse(const char *text, struct sockaddr_storage *address_out);
/* The same without port; IPv6 with or without brackets. */
int net_addr_parse_host(const char *text, struct sockaddr_storage *address_out);
/* "192.0.2.1:7500" or "[2001:db8::1]:7500". */
void net_addr_print(const struct sockaddr *, char *text, size_t size);
/* Without port and brackets. */
void net_addr_print_host(const struct sockaddr *, char *text, size_t size);
/* Opens a listening TCP socket (SO_REUSEADDR, non-blocking, close-on-exec); the descriptor, or SOTTO_EIO
 * with a sentence that names the cure (busy port, no such address). */
int net_listen(const char *door, const char *address, struct sotto_err *);

#endif
