/* SPDX-License-Identifier: MIT */
/*
 * Room on the disk for what must go on when it is full. A file beside the database holds `store.reserve` bytes; when
 * little else is left, the file goes and calls that store much (SOTTO_RPC_BULKY: messages, commits, uploads) are
 * refused as unavailable, so that logins still find room for their rows. When there is room again, the file comes
 * back and everything is accepted. Logic thread only.
 */
#ifndef CORE_RESERVE_H
#define CORE_RESERVE_H

#include <uv.h>

#include "core/core.h"
#include "sotto/types.h"

struct reserve;

/* Takes the room beside the file of the store, which exists, and looks at the disk from now on. Without the room the
 * server starts all the same, and refuses what is bulky. SOTTO_ENOMEM. */
int reserve_create(struct core *, uv_loop_t *, struct reserve **reserve_out);
/* NULL-safe. The file stays; the memory goes with the loop's last close callback. */
void reserve_destroy(struct reserve **);
/* 0, or SOTTO_EUNAVAILABLE with a sentence while the disk is full. NULL-safe: 0. */
int reserve_health(const struct reserve *, struct sotto_err *);

#endif
