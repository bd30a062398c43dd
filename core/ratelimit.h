/* SPDX-License-Identifier: MIT */
/*
 * Token buckets by rate class and payer: an account after Attach, an address before (IPv6 by its /64, so that one
 * subscriber line is one payer). A bucket that was forgotten is a full one, so a bounded table with
 * least-recently-used eviction is enough; keys are strangers' choice and hashed under a secret. Logic thread.
 */
#ifndef CORE_RATELIMIT_H
#define CORE_RATELIMIT_H

#include <sys/socket.h>

#include "core/settings.h"

#define RATELIMIT_KEY_BYTES 17 /* kind, then an id or a padded address */

struct ratelimit;

struct ratelimit_key {
    uint8_t bytes[RATELIMIT_KEY_BYTES];
};

/* rates: by enum sotto_rate. SOTTO_ENOMEM. */
int ratelimit_create(const struct settings_rate rates[SETTINGS_RATES], size_t entries_max,
                     struct ratelimit **limit_out);
void ratelimit_destroy(struct ratelimit **);
void ratelimit_key_user(const uint8_t user[SOTTO_ID_BYTES], struct ratelimit_key *key_out);
void ratelimit_key_address(const struct sockaddr *, struct ratelimit_key *key_out);
/* Takes one token: true. false: none is left; *retry_ms_out says when the next one comes. now_ms: monotonic. */
bool ratelimit_take(struct ratelimit *, enum sotto_rate, const struct ratelimit_key *,
                    uint64_t now_ms, uint32_t *retry_ms_out);
size_t ratelimit_count(const struct ratelimit *);

#endif
