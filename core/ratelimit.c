/* SPDX-License-Identifier: MIT */
/*
 * A bucket counts thousandths of a token, so that "100 a second" fills evenly millisecond by millisecond. When
 * the table is full the bucket that was not asked for longest is taken over: whoever rotates through more addresses
 * than the table holds pays in addresses, not in our memory.
 */
#include "core/ratelimit.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/map.h"

#define TOKEN 1000

enum payer {
    PAYER_USER = 1,
    PAYER_IPV4,
    PAYER_IPV6_64,
};

struct bucket_key {
    uint8_t rate;
    uint8_t payer[RATELIMIT_KEY_BYTES];
};

struct bucket {
    struct map_node node;
    struct bucket *older, *newer;
    uint64_t filled_ms;
    int64_t level; /* thousandths */
    struct bucket_key key;
};

struct ratelimit {
    struct map map;
    struct bucket *oldest, *newest;
    size_t entries_max;
    struct settings_rate rates[SETTINGS_RATES];
};

static bool
bucket_equal(const struct map_node *node, const void *key, size_t size)
{
    return memcmp(&MAP_OF(node, struct bucket, node)->key, key, size) == 0;
}

int
ratelimit_create(const struct settings_rate rates[SETTINGS_RATES], size_t entries_max,
                 struct ratelimit **limit_out)
{
    struct ratelimit *limit = calloc(1, sizeof(*limit));

    if (!limit)
        return SOTTO_ENOMEM;
    limit->entries_max = entries_max ? entries_max : 1;
    memcpy(limit->rates, rates, sizeof(limit->rates));
    if (map_init(&limit->map, bucket_equal)) {
        free(limit);
        return SOTTO_ENOMEM;
    }
    *limit_out = limit;
    return 0;
}

void
ratelimit_destroy(struct ratelimit **limit)
{
    if (!*limit)
        return;
    for (struct bucket *bucket = (*limit)->oldest; bucket;) {
        struct bucket *newer = bucket->newer;

        free(bucket);
        bucket = newer;
    }
    map_fini(&(*limit)->map);
    free(*limit);
    *limit = NULL;
}

void
ratelimit_key_user(const uint8_t user[SOTTO_ID_BYTES], struct ratelimit_key *key_out)
{
    key_out->bytes[0] = PAYER_USER;
    memcpy(key_out->bytes + 1, user, SOTTO_ID_BYTES);
}

void
ratelimit_key_address(const struct sockaddr *address, struct ratelimit_key *key_out)
{
    struct sockaddr_in6 in6;
    struct sockaddr_in in4;

    memset(key_out, 0, sizeof(*key_out));
    if (address->sa_family == AF_INET) {
        memcpy(&in4, address, sizeof(in4));
        key_out->bytes[0] = PAYER_IPV4;
        memcpy(key_out->bytes + 1, &in4.sin_addr, sizeof(in4.sin_addr));
        return;
    }
    assert(address->sa_family == AF_INET6);
    memcpy(&in6, address, sizeof(in6));
    if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
        key_out->bytes[0] = PAYER_IPV4;
        memcpy(key_out->bytes + 1, in6.sin6_addr.s6_addr + 12, 4);
        return;
    }
    key_out->bytes[0] = PAYER_IPV6_64;
    memcpy(key_out->bytes + 1, in6.sin6_addr.s6_addr, 8);
}

static void
unlink_bucket(struct ratelimit *limit, struct bucket *bucket)
{
    *(bucket->older ? &bucket->older->newer : &limit->oldest) = bucket->newer;
    *(bucket->newer ? &bucket->newer->older : &limit->newest) = bucket->older;
}

static void
link_newest(struct ratelimit *limit, struct bucket *bucket)
{
    bucket->older = limit->newest;
    bucket->newer = NULL;
    *(limit->newest ? &limit->newest->newer : &limit->oldest) = bucket;
    limit->newest = bucket;
}

/* A full bucket for the key, from the heap or from the payer that was not seen longest. */
static struct bucket *
new_bucket(struct ratelimit *limit, const struct bucket_key *key, uint64_t now_ms)
{
    struct bucket *bucket = NULL;

    if (limit->map.count < limit->entries_max)
        bucket = calloc(1, sizeof(*bucket));
    if (!bucket) {
        bucket = limit->oldest;
        if (!bucket)
            return NULL;
        unlink_bucket(limit, bucket);
        map_remove(&limit->map, &bucket->node);
    }
    bucket->key = *key;
    bucket->level = limit->rates[key->rate].burst * TOKEN;
    bucket->filled_ms = now_ms;
    map_add(&limit->map, &bucket->node, key, sizeof(*key));
    link_newest(limit, bucket);
    return bucket;
}

static void
fill(struct bucket *bucket, const struct settings_rate *rate, uint64_t now_ms)
{
    int64_t full = rate->burst * TOKEN;
    uint64_t elapsed = now_ms > bucket->filled_ms ? now_ms - bucket->filled_ms : 0;

    if (elapsed > 3600 * 1000)
        elapsed = 3600 * 1000;
    bucket->filled_ms = now_ms;
    bucket->level += (int64_t)elapsed * rate->per_second;
    if (bucket->level > full)
        bucket->level = full;
}

bool
ratelimit_take(struct ratelimit *limit, enum sotto_rate rate, const struct ratelimit_key *payer,
               uint64_t now_ms, uint32_t *retry_ms_out)
{
    const struct settings_rate *row = &limit->rates[rate];
    struct bucket_key key = {.rate = (uint8_t)rate};
    struct map_node *node;
    struct bucket *bucket;

    memcpy(key.payer, payer->bytes, sizeof(key.payer));
    node = map_get(&limit->map, &key, sizeof(key));
    if (node) {
        bucket = MAP_OF(node, struct bucket, node);
        fill(bucket, row, now_ms);
        unlink_bucket(limit, bucket);
        link_newest(limit, bucket);
    } else {
        bucket = new_bucket(limit, &key, now_ms);
        if (!bucket)
            return true; /* no memory for a bucket is no reason to refuse a client */
    }
    if (bucket->level >= TOKEN) {
        bucket->level -= TOKEN;
        return true;
    }
    *retry_ms_out =
        row->per_second > 0
            ? (uint32_t)((TOKEN - bucket->level + row->per_second - 1) / row->per_second)
            : UINT32_MAX;
    return false;
}

size_t
ratelimit_count(const struct ratelimit *limit)
{
    return limit->map.count;
}
