/* SPDX-License-Identifier: MIT */
/*
 * Answers of the HTTP port that end their connection: one sentence for people, and the reason phrases of the
 * status codes that this server uses. Any thread.
 */
#ifndef CORE_HTTP_ANSWER_H
#define CORE_HTTP_ANSWER_H

#include "core/buf.h"
#include "core/frame.h"

/* A header line: the same may be asked again a second later. */
#define HTTP_RETRY_SOON "Retry-After: 1\r\n"

/* The head of an answer with this type and length of body; fields: further lines, each with its CRLF, or "". */
void http_answer_head(struct buf *out, int status, const char *fields, const char *type,
                      size_t body_size);
/* An answer whose body is text. NULL: out of memory. */
struct frame_buf *http_answer_text(int status, const char *fields, const char *text);
/* To an address that has too many connections: 429, where a server that is full says 503. */
struct frame_buf *http_answer_crowded(void);
/* What an enum sotto_goodbye is to somebody who has only asked for a page. */
struct frame_buf *http_answer_goodbye(uint32_t code);

#endif
