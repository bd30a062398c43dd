/* SPDX-License-Identifier: MIT */
/*
 * Every secret that a group ever had, and where it still is. A provider notes each output of HMAC and
 * X25519 and each random value, which is everything a member derives; later the memory of the process
 * and saved states are searched for them. What is noted is kept masked, so that the note is not found.
 *
 *     struct mls_secret_log log;
 *     mls_secret_log_init(&log);               hand &log.tp.table to the library
 *     mls_secret_log_search_memory(&log);      log.found[i]: secret i stands in memory that can be written
 *     mls_secret_log_fini(&log);
 *
 * A secret is recognised by its first 16 bytes: a key of AES-128 is the first half of an output.
 */
#ifndef SOTTO_MLS_SECRET_LOG_H
#define SOTTO_MLS_SECRET_LOG_H

#include "mls/bytes.h"
#include "mls_test_provider.h"

enum {
    SECRET_LOG_BYTES = 16,     /* of each secret */
    SECRET_LOG_MAX = 1 << 17,  /* secrets; more fail the test */
    SECRET_LOG_SLOTS = 1 << 18 /* of the table they are found by */
};

struct mls_secret_log {
    struct mls_test_provider tp; /* first: the provider's context */
    uint8_t (*masked)[SECRET_LOG_BYTES];
    bool *found;
    uint32_t *slots; /* number of a secret, plus one */
    size_t count;
};

void mls_secret_log_init(struct mls_secret_log *log);
void mls_secret_log_fini(struct mls_secret_log *log);

/* False where the memory cannot be walked: with a sanitizer, which maps terabytes for its shadow. */
bool mls_secret_log_can_search_memory(void);

/* Marks each secret that stands in the heap, in writable data or in mapped memory. */
void mls_secret_log_search_memory(struct mls_secret_log *log);

/* Takes a state and masks it, so that it does not stand in memory either. */
void mls_secret_log_mask(struct mls_buf *state);

/* Whether a secret stands in a masked state. */
bool mls_secret_log_in(const struct mls_secret_log *log, size_t secret,
                       const struct mls_buf *masked);

/* Whether a secret is the one that starts with these bytes. */
bool mls_secret_log_is(const struct mls_secret_log *log, size_t secret, const uint8_t *bytes);

#endif
