/* SPDX-License-Identifier: MIT */
/*
 * Logins between KE2 and KE3: a table of fixed size, each entry for 60 seconds and for one try.
 *
 * The first four bytes of a login_start_id are the entry's place, the other twelve are random, so
 * that a look-up is an index and a constant-time comparison. Logic thread only.
 */
#ifndef AUTH_PENDING_H
#define AUTH_PENDING_H

#include "sotto/types.h"

#include "opaque/opaque.h"

#define AUTH_PENDING_LIFETIME_MS 60000

struct auth_pending;

/* Everything that LoginFinish needs. */
struct auth_login_start {
    struct opaque_server_login opaque;
    bool known; /* the user exists; false: the answer came from the fake record */
    uint8_t user[SOTTO_ID_BYTES];
};

/* capacity: entries, at least 1. SOTTO_ENOMEM. */
int auth_pending_create(size_t capacity, struct auth_pending **pending_out);
/* Wipes and frees. NULL-safe. */
void auth_pending_destroy(struct auth_pending **);

/* Keeps a copy; when every entry is taken, in the place of the oldest. now_ms is monotonic. */
void auth_pending_add(struct auth_pending *, int64_t now_ms, const struct auth_login_start *,
                      uint8_t id_out[SOTTO_ID_BYTES]);
/* Takes an entry out: the caller owns and wipes the copy. SOTTO_ENOTFOUND: unknown, used or
 * expired. */
int auth_pending_take(struct auth_pending *, int64_t now_ms, const uint8_t id[SOTTO_ID_BYTES],
                      struct auth_login_start *start_out);
/* Entries that are taken and have not expired. */
size_t auth_pending_count(struct auth_pending *, int64_t now_ms);

#endif
