/* SPDX-License-Identifier: MIT */
/*
 * The opening handshake of a WebSocket, the server's half (RFC 6455, section 4.2): whether a request may become one,
 * and what is answered. Nothing else of a request is looked at: a token in its address or in a cookie is none.
 * Any thread.
 */
#ifndef CORE_WS_HANDSHAKE_H
#define CORE_WS_HANDSHAKE_H

#include "core/buf.h"
#include "core/net_ws.h"
#include "core/settings.h"
#include "core/ws_deflate.h"

#define WS_ACCEPT_CHARS 28 /* base64 of a SHA-1 */

struct ws_rules {
    const struct settings_names *origins; /* of web pages that may come in */
    const struct ws_protocol *protocols;  /* that are spoken */
    size_t protocol_count;
    bool deflate; /* whether permessage-deflate may be agreed on */
};

struct ws_handshake {
    int status;                         /* 101, or the refusal: 400, 403, 426 */
    const char *why;                    /* of a refusal, for people */
    const char *fields;                 /* header lines of a refusal */
    const struct ws_protocol *protocol; /* 101: the one that was agreed on */
    struct ws_extension extension;
    char accept[WS_ACCEPT_CHARS + 1];
};

/* Reads a GET request whose head is in order. */
void ws_handshake_read(struct ws_handshake *, const struct http_head *, const struct ws_rules *);
/* Writes the 101 answer. */
void ws_handshake_answer(const struct ws_handshake *, struct buf *out);

#endif
