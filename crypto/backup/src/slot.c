/* SPDX-License-Identifier: MIT */
/*
 * Wrapping the data key.
 *
 * Both secrets have full entropy already (the export key went through Argon2id inside OPAQUE, the access key is
 * random), so HKDF (RFC 5869) with a random salt is all the stretching there is. The counter is not part of what a
 * slot authenticates: a device that holds the DEK carries the slots over to the next version of the container.
 * libsodium 1.0.18 has no HKDF of its own; extract and one block of expand are two calls of HMAC-SHA-256.
 */
#include "slot.h"

#include <string.h>

#include <sodium.h>

#define SALT_AT 1
#define SALT_BYTES 16
#define NONCE_AT (SALT_AT + SALT_BYTES)
#define WRAPPED_AT (NONCE_AT + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
#define WRAPPED_BYTES (BACKUP_DEK_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES)

#define AAD_BYTES (BACKUP_MAGIC_BYTES + 1 + BACKUP_ID_BYTES + 1)

static const char info_label[] = "sotto backup v1 slot";

bool
slot_key_fits(const struct backup_key *key)
{
    switch (key->type) {
    case BACKUP_SLOT_PW: return key->size == BACKUP_PW_BYTES;
    case BACKUP_SLOT_AK: return key->size == BACKUP_AK_BYTES;
    default: return false;
    }
}

/* HKDF-SHA256 with one block of output. */
static void
derive_kek(const uint8_t salt[SALT_BYTES], const struct backup_key *key,
           uint8_t kek_out[crypto_auth_hmacsha256_BYTES])
{
    const uint8_t type = (uint8_t)key->type, block = 1;
    uint8_t prk[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state mac;

    crypto_auth_hmacsha256_init(&mac, salt, SALT_BYTES);
    crypto_auth_hmacsha256_update(&mac, key->secret, key->size);
    crypto_auth_hmacsha256_final(&mac, prk);

    crypto_auth_hmacsha256_init(&mac, prk, sizeof(prk));
    crypto_auth_hmacsha256_update(&mac, (const uint8_t *)info_label, sizeof(info_label) - 1);
    crypto_auth_hmacsha256_update(&mac, &type, 1);
    crypto_auth_hmacsha256_update(&mac, &block, 1);
    crypto_auth_hmacsha256_final(&mac, kek_out);
    sodium_memzero(prk, sizeof(prk));
    sodium_memzero(&mac, sizeof(mac));
}

static void
slot_aad(const uint8_t user_id[BACKUP_ID_BYTES], uint8_t type, uint8_t aad[AAD_BYTES])
{
    memcpy(aad, BACKUP_MAGIC, BACKUP_MAGIC_BYTES);
    aad[BACKUP_MAGIC_BYTES] = BACKUP_VERSION;
    memcpy(aad + BACKUP_MAGIC_BYTES + 1, user_id, BACKUP_ID_BYTES);
    aad[AAD_BYTES - 1] = type;
}

void
slot_wrap(const uint8_t user_id[BACKUP_ID_BYTES], const struct backup_key *key,
          const uint8_t dek[BACKUP_DEK_BYTES], uint8_t slot_out[BACKUP_SLOT_BYTES])
{
    uint8_t kek[crypto_auth_hmacsha256_BYTES], aad[AAD_BYTES];

    slot_out[0] = (uint8_t)key->type;
    randombytes_buf(slot_out + SALT_AT, WRAPPED_AT - SALT_AT); /* salt and nonce */
    slot_aad(user_id, slot_out[0], aad);
    derive_kek(slot_out + SALT_AT, key, kek);
    crypto_aead_xchacha20poly1305_ietf_encrypt(slot_out + WRAPPED_AT, NULL, dek, BACKUP_DEK_BYTES,
                                               aad, sizeof(aad), NULL, slot_out + NONCE_AT, kek);
    sodium_memzero(kek, sizeof(kek));
}

int
slot_unwrap(const uint8_t user_id[BACKUP_ID_BYTES], const struct backup_key *key,
            const uint8_t slot[BACKUP_SLOT_BYTES], uint8_t dek_out[BACKUP_DEK_BYTES])
{
    uint8_t kek[crypto_auth_hmacsha256_BYTES], aad[AAD_BYTES], dek[BACKUP_DEK_BYTES];
    int rc;

    slot_aad(user_id, slot[0], aad);
    derive_kek(slot + SALT_AT, key, kek);
    rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
        dek, NULL, NULL, slot + WRAPPED_AT, WRAPPED_BYTES, aad, sizeof(aad), slot + NONCE_AT, kek);
    sodium_memzero(kek, sizeof(kek));
    if (rc == 0)
        memcpy(dek_out, dek, sizeof(dek));
    sodium_memzero(dek, sizeof(dek));
    return rc == 0 ? BACKUP_OK : BACKUP_EKEY;
}
