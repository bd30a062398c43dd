/* SPDX-License-Identifier: MIT */
/*
 * The guard of access tokens. An input is a token as it came, or, when its first byte is 'p', a payload behind which
 * the right signature is put: only so does a fuzzer ever get past the MAC.
 */
#include "fuzz.h"

#include "auth_token.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#define NOW 1700000000
#define LIFETIME_S 900

struct setup {
    struct auth_token_keys keys;
};

static void *
setup(void)
{
    static struct setup setup = {.keys = {.lifetime_s = {LIFETIME_S, LIFETIME_S}}};

    if (sodium_init() < 0)
        return NULL;
    setup.keys.current.size = AUTH_SECRET_BYTES_MIN;
    memcpy(setup.keys.current.data, "a secret for nothing but fuzzing", AUTH_SECRET_BYTES_MIN);
    return &setup;
}

static size_t
add_base64(char *out, size_t at, const uint8_t *data, size_t size)
{
    const size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);

    sodium_bin2base64(out + at, room, data, size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return at + room - 1;
}

/* header.payload.mac; out has room for a payload of AUTH_TOKEN_BYTES_MAX. */
static size_t
sign(const struct setup *setup, const uint8_t *payload, size_t size, char *out)
{
    static const char header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
    crypto_auth_hmacsha256_state mac;
    uint8_t tag[crypto_auth_hmacsha256_BYTES];
    size_t at = sizeof(header) - 1;

    memcpy(out, header, at);
    at = add_base64(out, at, payload, size);
    crypto_auth_hmacsha256_init(&mac, setup->keys.current.data, setup->keys.current.size);
    crypto_auth_hmacsha256_update(&mac, (const uint8_t *)out, at);
    crypto_auth_hmacsha256_final(&mac, tag);
    out[at++] = '.';
    return add_base64(out, at, tag, sizeof(tag));
}

static void
check_claims(const struct auth_claims *claims)
{
    assert(claims->expires > NOW && claims->issued <= NOW + AUTH_CLOCK_SKEW_S);
    assert(claims->expires - claims->issued <= LIFETIME_S);
    assert(claims->use == AUTH_USE_ACCESS);
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    const struct setup *setup = state;
    char token[4 * AUTH_TOKEN_BYTES_MAX];
    struct auth_claims claims;

    if (size > AUTH_TOKEN_BYTES_MAX + 1)
        return false;
    if (size > 0 && data[0] == 'p') {
        size = sign(setup, data + 1, size - 1, token);
        data = (const uint8_t *)token;
    }
    if (auth_token_check(&setup->keys, (const char *)data, size, AUTH_USE_ACCESS, NOW, &claims) !=
        0)
        return false;
    check_claims(&claims);
    return true;
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    const struct setup *setup = state;
    const struct auth_claims claims = {
        .user = "user............",
        .device = "device..........",
        .login = "login...........",
        .token = "token...........",
        .use = AUTH_USE_ACCESS,
        .issued = NOW - 10,
        .expires = NOW - 10 + LIFETIME_S,
    };
    char token[AUTH_TOKEN_BYTES_MAX + 1];

    if (auth_token_make(&setup->keys, &claims, token) == 0)
        take("token", (const uint8_t *)token, strlen(token), arg);
}

const struct fuzz_target fuzz_target = {
    .name = "token", .setup = setup, .one = one, .seeds = seeds};
