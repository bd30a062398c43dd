/* SPDX-License-Identifier: MIT */
/*
 * Noting secrets and searching for them; see mls_secret_log.h.
 */
#include "mls_secret_log.h"

#include <string.h>

#include "sotto_test.h"

enum { MASK = 0x5a };

/* ---- Noting ------------------------------------------------------------------------------ */

static size_t
slot_of(const uint8_t masked[SECRET_LOG_BYTES])
{
    uint64_t head;

    memcpy(&head, masked, sizeof(head));
    return (size_t)(head * 0x9e3779b97f4a7c15u >> 46); /* 18 bits */
}

/* The number of a masked secret, or SECRET_LOG_MAX. */
static size_t
find(const struct mls_secret_log *log, const uint8_t masked[SECRET_LOG_BYTES])
{
    for (size_t i = slot_of(masked); log->slots[i] != 0; i = (i + 1) % SECRET_LOG_SLOTS) {
        size_t secret = log->slots[i] - 1;

        if (memcmp(log->masked[secret], masked, SECRET_LOG_BYTES) == 0)
            return secret;
    }
    return SECRET_LOG_MAX;
}

static void
note(struct mls_secret_log *log, const uint8_t *secret)
{
    uint8_t masked[SECRET_LOG_BYTES];
    size_t slot;

    for (size_t i = 0; i < sizeof(masked); i++)
        masked[i] = secret[i] ^ MASK;
    if (find(log, masked) != SECRET_LOG_MAX)
        return;
    assert_true(log->count < SECRET_LOG_MAX);
    for (slot = slot_of(masked); log->slots[slot] != 0;)
        slot = (slot + 1) % SECRET_LOG_SLOTS;
    memcpy(log->masked[log->count], masked, sizeof(masked));
    log->slots[slot] = (uint32_t)++log->count;
}

static int
noting_hmac(void *ctx, struct mls_bytes key, const struct mls_bytes *parts, size_t count,
            uint8_t out[MLS_HASH_BYTES])
{
    const struct mls_provider *real = mls_provider_default();
    int error = real->hmac_sha256(real->ctx, key, parts, count, out);

    note(ctx, out);
    return error;
}

static int
noting_x25519(void *ctx, const uint8_t secret[MLS_X25519_BYTES],
              const uint8_t peer[MLS_X25519_BYTES], uint8_t shared_out[MLS_X25519_BYTES])
{
    const struct mls_provider *real = mls_provider_default();
    int error = real->x25519(real->ctx, secret, peer, shared_out);

    note(ctx, shared_out);
    return error;
}

static int
noting_random(void *ctx, uint8_t *out, size_t len)
{
    const struct mls_provider *real = mls_provider_default();
    int error = real->random(real->ctx, out, len);

    if (len >= SECRET_LOG_BYTES)
        note(ctx, out);
    return error;
}

void
mls_secret_log_init(struct mls_secret_log *log)
{
    mls_test_provider_init(&log->tp);
    log->tp.table.hmac_sha256 = noting_hmac;
    log->tp.table.x25519 = noting_x25519;
    log->tp.table.random = noting_random;
    log->masked = test_calloc(SECRET_LOG_MAX, sizeof(*log->masked));
    log->found = test_calloc(SECRET_LOG_MAX, sizeof(*log->found));
    log->slots = test_calloc(SECRET_LOG_SLOTS, sizeof(*log->slots));
    log->count = 0;
}

void
mls_secret_log_fini(struct mls_secret_log *log)
{
    mls_test_provider_check(&log->tp);
    test_free(log->slots);
    test_free(log->found);
    test_free(log->masked);
}

/* ---- Searching --------------------------------------------------------------------------- */

bool
mls_secret_log_can_search_memory(void)
{
    return !SOTTO_SANITIZED;
}

/* Each place, whatever its alignment. */
static void
search(struct mls_secret_log *log, const uint8_t *from, const uint8_t *to)
{
    uint8_t masked[SECRET_LOG_BYTES];

    for (const uint8_t *at = from; at + SECRET_LOG_BYTES <= to; at++) {
        for (size_t i = 0; i < sizeof(masked); i++)
            masked[i] = at[i] ^ MASK;
        size_t secret = find(log, masked);
        if (secret != SECRET_LOG_MAX)
            log->found[secret] = true;
    }
}

/* A line of /proc/self/maps: "FROM-TO ACCESS ...". The stack is left out: what a function left there is
 * overwritten by the next calls, and a copy of the moment of the search would be found. */
static void
search_mapping(struct mls_secret_log *log, const char *line)
{
    char *rest;
    uintptr_t from = strtoul(line, &rest, 16);
    uintptr_t to = strtoul(rest + 1, &rest, 16);

    if (strncmp(rest, " rw", 3) != 0 || strstr(rest, "[stack]") != NULL)
        return;
    search(log, (const uint8_t *)from, (const uint8_t *)to); // NOLINT(performance-no-int-to-ptr)
}

void
mls_secret_log_search_memory(struct mls_secret_log *log)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");

    assert_non_null(maps);
    memset(log->found, 0, SECRET_LOG_MAX * sizeof(*log->found));
    while (fgets(line, sizeof(line), maps) != NULL)
        search_mapping(log, line);
    fclose(maps);
}

void
mls_secret_log_mask(struct mls_buf *state)
{
    for (size_t i = 0; i < state->len; i++)
        state->data[i] ^= MASK;
}

bool
mls_secret_log_in(const struct mls_secret_log *log, size_t secret, const struct mls_buf *masked)
{
    return memmem(masked->data, masked->len, log->masked[secret], SECRET_LOG_BYTES) != NULL;
}

bool
mls_secret_log_is(const struct mls_secret_log *log, size_t secret, const uint8_t *bytes)
{
    for (size_t i = 0; i < SECRET_LOG_BYTES; i++) {
        if ((log->masked[secret][i] ^ MASK) != bytes[i])
            return false;
    }
    return true;
}
