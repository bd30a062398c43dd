/* SPDX-License-Identifier: MIT */
/*
 * Answers of the HTTP port that end their connection: one sentence for people, and the reason phrases of the
 * status codes that this server uses. Any thread.
 */
#ifndef CORE_HTTP_ANSWER_H
#define CORE_HTTP_ANSWER_H

#include "core/buf.h"
#include "core/frame.h"

/* The head of an answer with this type and length of body; fields: further lines, each with its CRLF, or "". */
void http_answer_head(struct buf *out, int status, const char *fields, const char *type,
                      size_t body_size);
/* An answer whose body is text. NULL: out of memory. */
struct frame_buf *http_answer_text(int status, const char *fields, const char *text);
/* What an enum sotto_goodbye is to somebody who has only asked for a page. */
struct frame_buf *http_answer_goodbye(uint32_t code);

#endif
