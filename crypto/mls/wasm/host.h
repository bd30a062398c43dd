/* SPDX-License-Identifier: MIT */
/*
 * What the wasm build of the library imports from its host, all in the module "host". Pointers are
 * addresses in the instance's memory; lists of parts are arrays of struct mls_bytes, two 32-bit
 * words each: address, length. Functions that return int return 0 or a negative number, as the
 * contract of struct mls_provider says. The host keeps no address after it has returned.
 */
#ifndef MLS_WASM_HOST_H
#define MLS_WASM_HOST_H

#include "mls/mls.h"

#define HOST(name) __attribute__((import_module("host"), import_name(#name)))

/* Primitives, each as in mls/provider.h. */
HOST(random) int host_random(uint8_t *out, size_t len);
HOST(sha256) int host_sha256(const struct mls_bytes *parts, size_t count, uint8_t *out);
HOST(hmac_sha256)
int host_hmac_sha256(const uint8_t *key, size_t key_len, const struct mls_bytes *parts,
                     size_t count, uint8_t *out);
HOST(x25519_public) int host_x25519_public(const uint8_t *secret, uint8_t *public_out);
HOST(x25519) int host_x25519(const uint8_t *secret, const uint8_t *peer, uint8_t *shared_out);
HOST(ed25519_public) int host_ed25519_public(const uint8_t *seed, uint8_t *public_out);
HOST(ed25519_sign)
int host_ed25519_sign(const uint8_t *seed, const uint8_t *message, size_t len, uint8_t *out);
HOST(ed25519_verify)
int host_ed25519_verify(const uint8_t *public_key, const uint8_t *message, size_t len,
                        const uint8_t *signature);
HOST(aead_seal)
int host_aead_seal(int aead, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad,
                   size_t aad_len, const uint8_t *plain, size_t plain_len, uint8_t *out);
HOST(aead_open)
int host_aead_open(int aead, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad,
                   size_t aad_len, const uint8_t *cipher, size_t cipher_len, uint8_t *out);

/* An assert failed: a programmer's mistake. Does not return; throws. */
HOST(failed) _Noreturn void host_failed(const char *expression, const char *file, int line);

/*
 * The callbacks of struct mls_config, as fields of exports.c. `owner` is the number that was given
 * with the group. find_psk answers by calling buf_set on `psk_out`, find_group by a handle or 0.
 */
HOST(check_credential)
int host_check_credential(uint32_t owner, const struct mls_credential_view *credential);
HOST(now) double host_now(uint32_t owner); /* Unix seconds */
HOST(find_psk)
int host_find_psk(uint32_t owner, const uint8_t *id, size_t id_len, struct mls_buf *psk_out);
HOST(find_group)
const struct mls_group *host_find_group(uint32_t owner, const uint8_t *id, size_t id_len);
HOST(check_outsider)
int host_check_outsider(uint32_t owner, const struct mls_change *change);

/* The bounds of struct mls_config, asked for when a group is made; 0: none. */
enum { HOST_LIMIT_LIFETIME, HOST_LIMIT_LEAF_BYTES };
HOST(limit) double host_limit(uint32_t owner, int which);

#endif
