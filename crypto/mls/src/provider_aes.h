/* SPDX-License-Identifier: MIT */
/*
 * AES-128-GCM of the default provider, over OpenSSL, which appears in this one place: libsodium has
 * AES-256-GCM only, and only on some processors. Both functions return 0 or -1.
 */
#ifndef MLS_PROVIDER_AES_H
#define MLS_PROVIDER_AES_H

#include "mls/provider.h"

int provider_aes128gcm_seal(const uint8_t key[16], const uint8_t nonce[MLS_AEAD_NONCE_BYTES],
                            struct mls_bytes aad, struct mls_bytes plain, uint8_t *cipher_out);

int provider_aes128gcm_open(const uint8_t key[16], const uint8_t nonce[MLS_AEAD_NONCE_BYTES],
                            struct mls_bytes aad, struct mls_bytes cipher, uint8_t *plain_out);

#endif
