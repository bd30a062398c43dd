/* SPDX-License-Identifier: MIT */
/*
 * What a text looks like inside a message.
 */
#ifndef CLIENT_TALK_H
#define CLIENT_TALK_H

#include "store.h"

/* A content with a fresh id and the time, encoded; the text was checked. */
void talk_encode_text(const char *text, struct buf *out);

#endif
