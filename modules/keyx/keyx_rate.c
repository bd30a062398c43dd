/* SPDX-License-Identifier: MIT */
/*
 * How fast an account may take other people's KeyPackages: token buckets in a table of fixed size.
 *
 * Claims are the one thing a stranger can use up, so they are counted twice: the users an account claims from, and
 * the times it claims from one user. The table is four-way associative: a key can lie in four places, and when all
 * are taken the bucket that is nearest to full gives way, which forgets the least. Keys are hashed under a random
 * key, so nobody can choose ids that share a place.
 */
#include "keyx.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define SETS 2048 /* 8192 buckets, 192 KiB */
#define WAYS 4

struct bucket {
    uint64_t tag; /* 0: free */
    int64_t at_ms;
    double tokens;
};

struct keyx_rate {
    double burst;
    double per_ms;
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    struct bucket buckets[SETS][WAYS];
};

struct keyx_rate *
keyx_rate_create(double burst, double per_ms)
{
    struct keyx_rate *rate = calloc(1, sizeof(*rate));

    if (rate == NULL)
        return NULL;
    rate->burst = burst;
    rate->per_ms = per_ms;
    randombytes_buf(rate->hash_key, sizeof(rate->hash_key));
    return rate;
}

void
keyx_rate_destroy(struct keyx_rate **rate)
{
    free(*rate);
    *rate = NULL;
}

static double
tokens_now(const struct keyx_rate *rate, const struct bucket *bucket, int64_t mono_ms)
{
    const double tokens = bucket->tokens + (double)(mono_ms - bucket->at_ms) * rate->per_ms;

    return tokens > rate->burst ? rate->burst : tokens;
}

/* The key's bucket, made if need be, filled up to now. */
static struct bucket *
find_bucket(struct keyx_rate *rate, uint64_t tag, int64_t mono_ms)
{
    struct bucket *set = rate->buckets[tag % SETS], *victim = &set[0];

    for (int i = 0; i < WAYS; i++) {
        if (set[i].tag == tag) {
            set[i].tokens = tokens_now(rate, &set[i], mono_ms);
            set[i].at_ms = mono_ms;
            return &set[i];
        }
        if (victim->tag != 0 && (set[i].tag == 0 || tokens_now(rate, &set[i], mono_ms) >
                                                        tokens_now(rate, victim, mono_ms)))
            victim = &set[i];
    }
    *victim = (struct bucket){.tag = tag, .at_ms = mono_ms, .tokens = rate->burst};
    return victim;
}

bool
keyx_rate_take(struct keyx_rate *rate, const void *key, size_t key_size, double cost,
               int64_t mono_ms)
{
    uint64_t tag;
    struct bucket *bucket;

    crypto_shorthash((unsigned char *)&tag, key, key_size, rate->hash_key);
    bucket = find_bucket(rate, tag != 0 ? tag : 1, mono_ms);
    if (bucket->tokens < cost)
        return false;
    bucket->tokens -= cost;
    return true;
}
