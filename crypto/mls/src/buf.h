/* SPDX-License-Identifier: MIT */
/*
 * How the library fills the caller's buffers (mls/bytes.h): always with a finished result, never
 * piece by piece, so that a failure leaves them untouched.
 */
#ifndef MLS_BUF_H
#define MLS_BUF_H

#include "codec.h"
#include "mls/bytes.h"

/* Moves what a writer holds into a buffer, releasing what that held. The writer's error is returned
 * and then nothing moves. */
int mls_buf_take(struct mls_buf *buf, struct mls_writer *w);

/* Moves one buffer into another and leaves the source empty. */
void mls_buf_move(struct mls_buf *buf, struct mls_buf *from);

#endif
