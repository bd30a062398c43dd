/* SPDX-License-Identifier: MIT */
/*
 * One hash ratchet; see secret_tree_ratchet.h. Changing calls compute everything that can fail into
 * locals first and then replace the members, so that there is nothing to roll back.
 */
#include "secret_tree_ratchet.h"

#include <string.h>

/* Index of a skipped generation, or -1. The list is short and searched rarely. */
static ptrdiff_t
find_skipped(const struct mls_ratchet *ratchet, uint32_t generation)
{
    for (size_t i = 0; i < ratchet->skipped_count; i++)
        if (ratchet->skipped[i].generation == generation)
            return (ptrdiff_t)i;
    return -1;
}

/* MLS_EGENERATION for a generation that this ratchet must not be turned to. */
static int
check_forward(const struct mls_ratchet *ratchet, uint32_t generation)
{
    if (generation == UINT32_MAX || generation - ratchet->next > MLS_RATCHET_FORWARD_MAX)
        return MLS_EGENERATION;
    return 0;
}

static int
derive_key(const struct mls_crypto *c, const uint8_t secret[MLS_HASH_BYTES], uint32_t generation,
           struct mls_message_key *out)
{
    *out = (struct mls_message_key){.generation = generation};
    int rc = mls_derive_tree_secret(c, secret, "key", generation, out->key, c->suite->key_bytes);
    if (rc == 0)
        rc = mls_derive_tree_secret(c, secret, "nonce", generation, out->nonce, sizeof out->nonce);
    if (rc)
        mls_mem_wipe(c->p, out, sizeof *out);
    return rc;
}

/* Turns the secret of `generation` into that of the next one, in place. */
static int
step(const struct mls_crypto *c, uint8_t secret[MLS_HASH_BYTES], uint32_t generation)
{
    return mls_derive_tree_secret(c, secret, "secret", generation, secret, MLS_HASH_BYTES);
}

int
mls_ratchet_peek(const struct mls_crypto *c, const struct mls_ratchet *ratchet, uint32_t generation,
                 struct mls_message_key *key_out)
{
    uint8_t secret[MLS_HASH_BYTES];

    if (generation < ratchet->next) {
        const ptrdiff_t i = find_skipped(ratchet, generation);
        if (i < 0)
            return MLS_EREPLAY;
        *key_out = ratchet->skipped[i];
        return 0;
    }
    int rc = check_forward(ratchet, generation);
    if (rc)
        return rc;
    memcpy(secret, ratchet->secret, sizeof secret);
    for (uint32_t g = ratchet->next; g < generation && rc == 0; g++)
        rc = step(c, secret, g);
    if (rc == 0)
        rc = derive_key(c, secret, generation, key_out);
    mls_mem_wipe(c->p, secret, sizeof secret);
    return rc;
}

static void
free_skipped(const struct mls_provider *p, struct mls_ratchet *ratchet)
{
    mls_mem_free(p, ratchet->skipped, ratchet->skipped_cap * sizeof *ratchet->skipped);
    ratchet->skipped = NULL;
    ratchet->skipped_count = 0;
    ratchet->skipped_cap = 0;
}

static int
consume_skipped(const struct mls_crypto *c, struct mls_ratchet *ratchet, uint32_t generation)
{
    const ptrdiff_t i = find_skipped(ratchet, generation);

    if (i < 0)
        return MLS_EREPLAY;
    struct mls_message_key *at = &ratchet->skipped[i];
    struct mls_message_key *end = &ratchet->skipped[ratchet->skipped_count];
    memmove(at, at + 1, (size_t)(end - at - 1) * sizeof *at);
    mls_mem_wipe(c->p, end - 1, sizeof *at);
    ratchet->skipped_count--;
    if (ratchet->skipped_count == 0)
        free_skipped(c->p, ratchet);
    return 0;
}

/* Derives the keys of [ratchet->next, generation) behind the ones already skipped, dropping the
 * oldest over the bound, and turns `secret` to `generation`. `kept` has room for all that stay. */
static int
collect_skipped(const struct mls_crypto *c, const struct mls_ratchet *ratchet, uint32_t generation,
                uint8_t secret[MLS_HASH_BYTES], struct mls_message_key *kept, size_t kept_count)
{
    const size_t total = ratchet->skipped_count + (generation - ratchet->next);
    const size_t dropped = total - kept_count;
    size_t position = ratchet->skipped_count;

    for (size_t i = dropped; i < ratchet->skipped_count; i++)
        kept[i - dropped] = ratchet->skipped[i];
    for (uint32_t g = ratchet->next; g < generation; g++, position++) {
        int rc = 0;
        if (position >= dropped)
            rc = derive_key(c, secret, g, &kept[position - dropped]);
        if (rc == 0)
            rc = step(c, secret, g);
        if (rc)
            return rc;
    }
    return 0;
}

/* Turns the ratchet past `generation`, which is not below `next`. */
static int
consume_forward(const struct mls_crypto *c, struct mls_ratchet *ratchet, uint32_t generation)
{
    const size_t jump = generation - ratchet->next;
    const size_t total = ratchet->skipped_count + jump;
    const size_t kept_count = total < MLS_RATCHET_SKIPPED_MAX ? total : MLS_RATCHET_SKIPPED_MAX;
    struct mls_message_key *kept = NULL;
    uint8_t secret[MLS_HASH_BYTES];
    int rc = 0;

    if (jump) {
        kept = mls_mem_alloc(c->p, kept_count, sizeof *kept);
        if (!kept)
            return MLS_ENOMEM;
    }
    memcpy(secret, ratchet->secret, sizeof secret);
    if (jump)
        rc = collect_skipped(c, ratchet, generation, secret, kept, kept_count);
    if (rc == 0)
        rc = step(c, secret, generation);
    if (rc) {
        mls_mem_free(c->p, kept, kept_count * sizeof *kept);
    } else {
        memcpy(ratchet->secret, secret, sizeof secret);
        ratchet->next = generation + 1;
        if (jump) {
            free_skipped(c->p, ratchet);
            ratchet->skipped = kept;
            ratchet->skipped_count = kept_count;
            ratchet->skipped_cap = kept_count;
        }
    }
    mls_mem_wipe(c->p, secret, sizeof secret);
    return rc;
}

int
mls_ratchet_consume(const struct mls_crypto *c, struct mls_ratchet *ratchet, uint32_t generation)
{
    if (generation < ratchet->next)
        return consume_skipped(c, ratchet, generation);
    const int rc = check_forward(ratchet, generation);
    if (rc)
        return rc;
    return consume_forward(c, ratchet, generation);
}

void
mls_ratchet_fini(const struct mls_provider *p, struct mls_ratchet *ratchet)
{
    free_skipped(p, ratchet);
    mls_mem_wipe(p, ratchet->secret, sizeof ratchet->secret);
}
