/* SPDX-License-Identifier: MIT */
/*
 * Which Ed25519 keys and signatures are looked at at all. Two members who disagree about one crafted
 * signature are in two groups from then on, so this part of the rule does not depend on the
 * provider: it is a comparison of bytes, and the same in every host.
 *
 * What is left to the provider is the equation without the cofactor, with R compared as bytes. That is
 * what libsodium, OpenSSL, BoringSSL and Go do. docs/e2ee.md has the whole rule for implementers.
 */
#include <stdbool.h>
#include <string.h>

#include "ed25519_rule.h"
#include "mls/error.h"

enum { POINT_BYTES = MLS_ED25519_PUBLIC_BYTES, SCALAR_BYTES = 32 };

/* p = 2^255 - 19 and the order of the base point, little-endian. */
static const uint8_t FIELD[POINT_BYTES] = {
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
static const uint8_t ORDER[SCALAR_BYTES] = {
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10};

/* The y of all points whose order divides 8. Both signs of x are meant, so the sign is left out. */
static const uint8_t SMALL_ORDER[][POINT_BYTES] = {
    /* order 4: y = 0 */
    {0},
    /* order 1: y = 1 */
    {1},
    /* order 2: y = p - 1 */
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    /* order 8 */
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

/* a < b as little-endian numbers. Everything here is public: no constant time needed. */
static bool
is_below(const uint8_t a[32], const uint8_t b[32])
{
    for (size_t i = 32; i-- > 0;)
        if (a[i] != b[i])
            return a[i] < b[i];
    return false;
}

static bool
is_fit_point(const uint8_t point[POINT_BYTES])
{
    uint8_t y[POINT_BYTES];

    memcpy(y, point, sizeof y);
    y[POINT_BYTES - 1] &= 0x7f;
    if (!is_below(y, FIELD))
        return false;
    for (size_t i = 0; i < sizeof SMALL_ORDER / sizeof SMALL_ORDER[0]; i++)
        if (memcmp(y, SMALL_ORDER[i], sizeof y) == 0)
            return false;
    return true;
}

bool
mls_ed25519_is_fit(const uint8_t public_key[MLS_ED25519_PUBLIC_BYTES],
                   const uint8_t signature[MLS_ED25519_SIGNATURE_BYTES])
{
    return is_fit_point(public_key) && is_fit_point(signature) &&
           is_below(signature + POINT_BYTES, ORDER);
}

int
mls_ed25519_verify(const struct mls_provider *provider,
                   const uint8_t public_key[MLS_ED25519_PUBLIC_BYTES], struct mls_bytes message,
                   const uint8_t signature[MLS_ED25519_SIGNATURE_BYTES])
{
    if (!mls_ed25519_is_fit(public_key, signature) ||
        provider->ed25519_verify(provider->ctx, public_key, message, signature) != 0)
        return MLS_ESIGNATURE;
    return 0;
}
