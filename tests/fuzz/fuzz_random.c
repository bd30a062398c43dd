/* SPDX-License-Identifier: MIT */
/* The generator of libsodium replaced by a stream without secrets, so that seeds are the same at each run. */
#include "fuzz.h"

#include <sodium.h>

#include <stdlib.h>
#include <string.h>

/* libsodium hands its generator no context, so where the stream is must stand here. Test programs alone use it. */
static uint64_t position;

static const char *
stream_name(void)
{
    return "the same at each run";
}

static void
stream_buf(void *const out, const size_t size)
{
    static const unsigned char seed[randombytes_SEEDBYTES] = "sotto fuzz";
    unsigned char key[randombytes_SEEDBYTES];

    memcpy(key, seed, sizeof(key));
    memcpy(key + sizeof(key) - sizeof(position), &position, sizeof(position));
    position++;
    randombytes_buf_deterministic(out, size, key);
}

static uint32_t
stream_random(void)
{
    uint32_t value;

    stream_buf(&value, sizeof(value));
    return value;
}

static struct randombytes_implementation stream = {
    .implementation_name = stream_name,
    .random = stream_random,
    .buf = stream_buf,
};

void
fuzz_random_start(void)
{
    position = 0;
    if (randombytes_set_implementation(&stream) != 0 || sodium_init() < 0)
        abort();
}
