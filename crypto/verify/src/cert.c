/* SPDX-License-Identifier: MIT */
/*
 * Signatures of the identity key: over itself (publication), over a device's key (certificate), over the end of a
 * device (removal) and over the end of the account (deletion).
 *
 * The signed texts begin with labels of their own and have a fixed length, so one can never be taken for the
 * other, nor for anything that MLS signs (RFC 9420 section 5.1.2 prefixes "MLS 1.0 ").
 */
#include "verify/verify.h"

#include <sodium.h>

#include "mls/provider.h"
#include "wire.h"

static const char identity_label[] = "sotto identity v1";
static const char cert_label[] = "dev-cert v1";
static const char removal_label[] = "dev-rem v1";
static const char deletion_label[] = "acct-del v1";

#define IDENTITY_TEXT_BYTES (sizeof(identity_label) - 1 + VERIFY_ID_BYTES + VERIFY_KEY_BYTES)
#define CERT_TEXT_BYTES (sizeof(cert_label) - 1 + 2 * VERIFY_ID_BYTES + VERIFY_KEY_BYTES + 8)
#define REMOVAL_TEXT_BYTES (sizeof(removal_label) - 1 + 3 * VERIFY_ID_BYTES + 8)
#define DELETION_TEXT_BYTES (sizeof(deletion_label) - 1 + 2 * VERIFY_ID_BYTES + 8)

void
verify_public_key(const uint8_t seed[VERIFY_SEED_BYTES], uint8_t key_out[VERIFY_KEY_BYTES])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];

    crypto_sign_seed_keypair(key_out, secret, seed);
    sodium_memzero(secret, sizeof(secret));
}

static void
sign_text(const uint8_t seed[VERIFY_SEED_BYTES], const uint8_t *text, size_t size,
          uint8_t signature_out[VERIFY_SIGNATURE_BYTES])
{
    uint8_t key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];

    crypto_sign_seed_keypair(key, secret, seed);
    crypto_sign_detached(signature_out, NULL, text, size, secret);
    sodium_memzero(secret, sizeof(secret));
}

/* By the rule that stands for MLS, too: nobody shall find a certificate valid that others refuse. */
static int
check_text(const uint8_t key[VERIFY_KEY_BYTES], const uint8_t *text, size_t size,
           const uint8_t signature[VERIFY_SIGNATURE_BYTES])
{
    const struct mls_provider *provider = mls_provider_default();

    if (provider == NULL ||
        mls_ed25519_verify(provider, key, (struct mls_bytes){text, size}, signature) != 0)
        return VERIFY_ESIGNATURE;
    return VERIFY_OK;
}

static void
identity_text(const uint8_t user_id[VERIFY_ID_BYTES], const uint8_t identity_key[VERIFY_KEY_BYTES],
              uint8_t text[IDENTITY_TEXT_BYTES])
{
    uint8_t *at = put_bytes(text, identity_label, sizeof(identity_label) - 1);

    at = put_bytes(at, user_id, VERIFY_ID_BYTES);
    put_bytes(at, identity_key, VERIFY_KEY_BYTES);
}

void
verify_identity_sign(const uint8_t seed[VERIFY_SEED_BYTES], const uint8_t user_id[VERIFY_ID_BYTES],
                     uint8_t signature_out[VERIFY_SIGNATURE_BYTES])
{
    uint8_t key[VERIFY_KEY_BYTES], text[IDENTITY_TEXT_BYTES];

    verify_public_key(seed, key);
    identity_text(user_id, key, text);
    sign_text(seed, text, sizeof(text), signature_out);
}

int
verify_identity_check(const uint8_t user_id[VERIFY_ID_BYTES],
                      const uint8_t identity_key[VERIFY_KEY_BYTES],
                      const uint8_t signature[VERIFY_SIGNATURE_BYTES])
{
    uint8_t text[IDENTITY_TEXT_BYTES];

    identity_text(user_id, identity_key, text);
    return check_text(identity_key, text, sizeof(text), signature);
}

static void
cert_text(const struct verify_cert *cert, const uint8_t device_key[VERIFY_KEY_BYTES],
          uint8_t text[CERT_TEXT_BYTES])
{
    uint8_t *at = put_bytes(text, cert_label, sizeof(cert_label) - 1);

    at = put_bytes(at, cert->user_id, VERIFY_ID_BYTES);
    at = put_bytes(at, cert->device_id, VERIFY_ID_BYTES);
    at = put_bytes(at, device_key, VERIFY_KEY_BYTES);
    put_uint(at, cert->created_at, 8);
}

void
verify_cert_make(const uint8_t identity_seed[VERIFY_SEED_BYTES],
                 const uint8_t user_id[VERIFY_ID_BYTES], const uint8_t device_id[VERIFY_ID_BYTES],
                 const uint8_t device_key[VERIFY_KEY_BYTES], uint64_t created_at,
                 uint8_t cert_out[VERIFY_CERT_BYTES])
{
    struct verify_cert cert = {.created_at = created_at};
    uint8_t text[CERT_TEXT_BYTES], *at = cert_out;

    memcpy(cert.user_id, user_id, VERIFY_ID_BYTES);
    memcpy(cert.device_id, device_id, VERIFY_ID_BYTES);
    verify_public_key(identity_seed, cert.identity_key);
    cert_text(&cert, device_key, text);
    sign_text(identity_seed, text, sizeof(text), cert.signature);

    at = put_uint(at, VERIFY_CERT_VERSION, 1);
    at = put_bytes(at, cert.user_id, VERIFY_ID_BYTES);
    at = put_bytes(at, cert.device_id, VERIFY_ID_BYTES);
    at = put_bytes(at, cert.identity_key, VERIFY_KEY_BYTES);
    at = put_uint(at, cert.created_at, 8);
    put_bytes(at, cert.signature, VERIFY_SIGNATURE_BYTES);
}

int
verify_cert_parse(const uint8_t *data, size_t size, struct verify_cert *cert_out)
{
    if (size != VERIFY_CERT_BYTES || data[0] != VERIFY_CERT_VERSION)
        return VERIFY_EDECODE;

    data = get_bytes(data + 1, cert_out->user_id, VERIFY_ID_BYTES);
    data = get_bytes(data, cert_out->device_id, VERIFY_ID_BYTES);
    data = get_bytes(data, cert_out->identity_key, VERIFY_KEY_BYTES);
    data = get_uint(data, &cert_out->created_at, 8);
    get_bytes(data, cert_out->signature, VERIFY_SIGNATURE_BYTES);
    return VERIFY_OK;
}

int
verify_cert_check(const struct verify_cert *cert, const uint8_t device_key[VERIFY_KEY_BYTES])
{
    uint8_t text[CERT_TEXT_BYTES];

    cert_text(cert, device_key, text);
    return check_text(cert->identity_key, text, sizeof(text), cert->signature);
}

static void
removal_text(const struct verify_removal *removal, uint8_t text[REMOVAL_TEXT_BYTES])
{
    uint8_t *at = put_bytes(text, removal_label, sizeof(removal_label) - 1);

    at = put_bytes(at, removal->user_id, VERIFY_ID_BYTES);
    at = put_bytes(at, removal->device_id, VERIFY_ID_BYTES);
    at = put_bytes(at, removal->by_device, VERIFY_ID_BYTES);
    put_uint(at, removal->removed_at, 8);
}

void
verify_removal_sign(const uint8_t identity_seed[VERIFY_SEED_BYTES], struct verify_removal *removal)
{
    uint8_t text[REMOVAL_TEXT_BYTES];

    removal_text(removal, text);
    sign_text(identity_seed, text, sizeof(text), removal->signature);
}

int
verify_removal_check(const struct verify_removal *removal,
                     const uint8_t identity_key[VERIFY_KEY_BYTES])
{
    uint8_t text[REMOVAL_TEXT_BYTES];

    removal_text(removal, text);
    return check_text(identity_key, text, sizeof(text), removal->signature);
}

static void
deletion_text(const struct verify_deletion *deletion, uint8_t text[DELETION_TEXT_BYTES])
{
    uint8_t *at = put_bytes(text, deletion_label, sizeof(deletion_label) - 1);

    at = put_bytes(at, deletion->user_id, VERIFY_ID_BYTES);
    at = put_bytes(at, deletion->by_device, VERIFY_ID_BYTES);
    put_uint(at, deletion->deleted_at, 8);
}

void
verify_deletion_sign(const uint8_t identity_seed[VERIFY_SEED_BYTES],
                     struct verify_deletion *deletion)
{
    uint8_t text[DELETION_TEXT_BYTES];

    deletion_text(deletion, text);
    sign_text(identity_seed, text, sizeof(text), deletion->signature);
}

int
verify_deletion_check(const struct verify_deletion *deletion,
                      const uint8_t identity_key[VERIFY_KEY_BYTES])
{
    uint8_t text[DELETION_TEXT_BYTES];

    deletion_text(deletion, text);
    return check_text(identity_key, text, sizeof(text), deletion->signature);
}
