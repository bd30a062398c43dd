/* SPDX-License-Identifier: MIT */
/*
 * AES-128-GCM over OpenSSL 3.0; see provider_aes.h. The nonce length is left at OpenSSL's default
 * for GCM, which is the 12 bytes both suites use.
 */
#include "provider_aes.h"

#include <limits.h>
#include <stdbool.h>

#include <openssl/evp.h>

static bool
lengths_fit(struct mls_bytes aad, struct mls_bytes text)
{
    return aad.len <= INT_MAX && text.len <= INT_MAX;
}

static bool
seal(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce, struct mls_bytes aad,
     struct mls_bytes plain, uint8_t *out)
{
    int len = 0;

    if (EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce) != 1)
        return false;
    if (aad.len && EVP_EncryptUpdate(ctx, NULL, &len, aad.data, (int)aad.len) != 1)
        return false;
    if (plain.len && EVP_EncryptUpdate(ctx, out, &len, plain.data, (int)plain.len) != 1)
        return false;
    if (EVP_EncryptFinal_ex(ctx, out + plain.len, &len) != 1)
        return false;
    return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, MLS_AEAD_TAG_BYTES, out + plain.len) ==
           1;
}

static bool
open_sealed(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce, struct mls_bytes aad,
            struct mls_bytes body, const uint8_t *tag, uint8_t *out)
{
    uint8_t nothing[MLS_AEAD_TAG_BYTES];
    int len = 0;

    if (EVP_DecryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce) != 1)
        return false;
    if (aad.len && EVP_DecryptUpdate(ctx, NULL, &len, aad.data, (int)aad.len) != 1)
        return false;
    if (body.len && EVP_DecryptUpdate(ctx, out, &len, body.data, (int)body.len) != 1)
        return false;
    /* The call wants a mutable pointer and only reads through it. */
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, MLS_AEAD_TAG_BYTES,
                            (void *)(uintptr_t)tag) != 1)
        return false;
    return EVP_DecryptFinal_ex(ctx, nothing, &len) == 1;
}

int
provider_aes128gcm_seal(const uint8_t key[16], const uint8_t nonce[MLS_AEAD_NONCE_BYTES],
                        struct mls_bytes aad, struct mls_bytes plain, uint8_t *cipher_out)
{
    if (!lengths_fit(aad, plain))
        return -1;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx)
        return -1;
    const bool ok = seal(ctx, key, nonce, aad, plain, cipher_out);
    EVP_CIPHER_CTX_free(ctx);
    return ok ? 0 : -1;
}

int
provider_aes128gcm_open(const uint8_t key[16], const uint8_t nonce[MLS_AEAD_NONCE_BYTES],
                        struct mls_bytes aad, struct mls_bytes cipher, uint8_t *plain_out)
{
    if (cipher.len < MLS_AEAD_TAG_BYTES || !lengths_fit(aad, cipher))
        return -1;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx)
        return -1;
    const size_t body_len = cipher.len - MLS_AEAD_TAG_BYTES;
    const struct mls_bytes body = {.data = cipher.data, .len = body_len};
    const bool ok = open_sealed(ctx, key, nonce, aad, body, cipher.data + body_len, plain_out);
    EVP_CIPHER_CTX_free(ctx);
    return ok ? 0 : -1;
}
