/* SPDX-License-Identifier: MIT */
/*
 * permessage-deflate (RFC 7692) without context takeover: every message stands for itself. So one pair of zlib streams
 * serves all connections of an I/O loop, a connection costs nothing, a message that was compressed once goes to
 * all its receivers, and no message can be guessed at by the length of the one after it.
 *
 * Inflating is bounded by the limit of a message. What is larger than a page is measured first and only then
 * given memory, so a bomb costs the time to reach the limit and not a byte more.
 */
#ifndef CORE_WS_DEFLATE_H
#define CORE_WS_DEFLATE_H

#include "core/buf.h"
#include "core/http_head.h"

#define WS_PAGE_BYTES (64u * 1024)
/* Shorter messages go as they are. */
#define WS_DEFLATE_BYTES_MIN 96u
/* Window of what we compress: small enough for whoever asks for a small one. */
#define WS_WINDOW_BITS 12

struct ws_deflate;

int ws_deflate_create(struct ws_deflate **deflate_out);
/* NULL-safe. */
void ws_deflate_destroy(struct ws_deflate **);

/* A message after inflating. */
struct ws_inflated {
    uint8_t *data; /* borrowed until the next message, or owned */
    size_t size;
    size_t owned_bytes; /* 0: data lies in the page */
};

/* 0, or an enum ws_code with its sign turned and *why_out. room: what data may cost beyond the page. */
int ws_inflate(struct ws_deflate *, const uint8_t *data, size_t size, size_t most, size_t room,
               struct ws_inflated *, const char **why_out);
/* Wipes, and frees what is owned. */
void ws_inflated_drop(struct ws_inflated *);
/* Compresses a message of at most WS_PAGE_BYTES; *out is borrowed until the next. false: it would not get smaller. */
bool ws_squeeze(struct ws_deflate *, struct sotto_view message, struct sotto_view *out);

/* What was agreed on. */
struct ws_extension {
    bool deflate;
    bool names_window; /* the client asked for our window, so the answer has to name it */
};

/* Finds the first offer that can be taken among the Sec-WebSocket-Extensions of a request. */
void ws_extension_read(struct ws_extension *, const struct http_head *);
/* The header line of the answer, or nothing. */
void ws_extension_answer(const struct ws_extension *, struct buf *out);

#endif
