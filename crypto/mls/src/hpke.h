/* SPDX-License-Identifier: MIT */
/*
 * HPKE in base mode (RFC 9180) and the labelled public-key encryption of RFC 9420 section 5.1.3.
 *
 * The KEM is a small table, so that a hybrid one can stand beside DHKEM(X25519) later; the sizes
 * below are then the largest of any KEM. Public keys and KEM outputs come from the wire as slices
 * and their length is checked here. Nothing in this file allocates.
 */
#ifndef MLS_HPKE_H
#define MLS_HPKE_H

#include <stdbool.h>

#include "crypto.h"

enum {
    MLS_KEM_SECRET_BYTES = 32, /* private key */
    MLS_KEM_PUBLIC_BYTES = 32, /* public key */
    MLS_KEM_OUTPUT_BYTES = 32, /* encapsulation, "kem_output" on the wire */
    MLS_KEM_SHARED_BYTES = 32, /* shared secret */
};

struct mls_kem {
    uint16_t id;
    /* Says whether anything can be sealed to this public key: its length, and no low order. */
    bool (*public_key_valid)(struct mls_bytes public_key);
    /* DeriveKeyPair: deterministic from `ikm` of at least 32 bytes. */
    int (*derive_keypair)(const struct mls_crypto *c, struct mls_bytes ikm,
                          uint8_t secret_out[MLS_KEM_SECRET_BYTES],
                          uint8_t public_out[MLS_KEM_PUBLIC_BYTES]);
    int (*public_key)(const struct mls_crypto *c, const uint8_t secret[MLS_KEM_SECRET_BYTES],
                      uint8_t public_out[MLS_KEM_PUBLIC_BYTES]);
    int (*encap)(const struct mls_crypto *c, struct mls_bytes public_key,
                 uint8_t shared_out[MLS_KEM_SHARED_BYTES],
                 uint8_t output_out[MLS_KEM_OUTPUT_BYTES]);
    int (*decap)(const struct mls_crypto *c, struct mls_bytes kem_output,
                 const uint8_t secret[MLS_KEM_SECRET_BYTES],
                 uint8_t shared_out[MLS_KEM_SHARED_BYTES]);
};

/* DHKEM(X25519, HKDF-SHA256), identifier 0x0020. */
extern const struct mls_kem mls_kem_x25519;

/* KEM.DeriveKeyPair (RFC 9180, section 7.1.3): node keys from node secrets, external_pub. */
int mls_kem_derive_keypair(const struct mls_crypto *c, struct mls_bytes ikm,
                           uint8_t secret_out[MLS_KEM_SECRET_BYTES],
                           uint8_t public_out[MLS_KEM_PUBLIC_BYTES]);

/* Fresh key pair from random bytes: init keys and leaf encryption keys. */
int mls_kem_keygen(const struct mls_crypto *c, uint8_t secret_out[MLS_KEM_SECRET_BYTES],
                   uint8_t public_out[MLS_KEM_PUBLIC_BYTES]);

/* Public key that belongs to a private key: to check a stored or received pair. */
int mls_kem_public(const struct mls_crypto *c, const uint8_t secret[MLS_KEM_SECRET_BYTES],
                   uint8_t public_out[MLS_KEM_PUBLIC_BYTES]);

/*
 * Says whether a public key from the wire can be sealed to. Whoever lets a key into a tree or takes
 * one to seal a Welcome asks first: a key of low order would make every later commit fail.
 */
bool mls_kem_public_key_valid(const struct mls_crypto *c, struct mls_bytes public_key);

/* SealBase. `cipher_out` takes plain.len + MLS_AEAD_TAG_BYTES bytes. `info` is a list of at most
 * MLS_HPKE_INFO_PARTS_MAX parts. A public key of wrong length or of low order is MLS_ECRYPTO. */
enum { MLS_HPKE_INFO_PARTS_MAX = 5 };
int mls_hpke_seal(const struct mls_crypto *c, struct mls_bytes public_key,
                  const struct mls_bytes *info, size_t info_count, struct mls_bytes aad,
                  struct mls_bytes plain, uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES],
                  uint8_t *cipher_out);

/* OpenBase. `plain_out` takes cipher.len - MLS_AEAD_TAG_BYTES bytes. MLS_EAEAD when it does not
 * open, MLS_ECRYPTO when the KEM output is unusable. */
int mls_hpke_open(const struct mls_crypto *c, struct mls_bytes kem_output,
                  const uint8_t secret[MLS_KEM_SECRET_BYTES], const struct mls_bytes *info,
                  size_t info_count, struct mls_bytes aad, struct mls_bytes cipher,
                  uint8_t *plain_out);

/* SetupBaseS followed by Context.Export (external initialization, RFC 9420 section 8.3). */
int mls_hpke_export_send(const struct mls_crypto *c, struct mls_bytes public_key,
                         struct mls_bytes info, struct mls_bytes exporter_context,
                         uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES], uint8_t *out, size_t len);

/* SetupBaseR followed by Context.Export. */
int mls_hpke_export_receive(const struct mls_crypto *c, struct mls_bytes kem_output,
                            const uint8_t secret[MLS_KEM_SECRET_BYTES], struct mls_bytes info,
                            struct mls_bytes exporter_context, uint8_t *out, size_t len);

/*
 * key_schedule_context of RFC 9180 section 5.1: mode and hashes of PSK id and info, nothing secret.
 * A Welcome seals to each newcomer under an info that holds the whole encrypted GroupInfo; hashing
 * it once instead of each time is the difference between n and n squared.
 */
struct mls_hpke_context {
    uint8_t bytes[1 + 2 * MLS_HASH_BYTES];
};

/* The context of EncryptWithLabel (RFC 9420, section 5.1.3) with this label and context. */
int mls_encrypt_context(const struct mls_crypto *c, const char *label, struct mls_bytes context,
                        struct mls_hpke_context *out);

/* The rest of EncryptWithLabel; sizes as for mls_hpke_seal. */
int mls_encrypt_in_context(const struct mls_crypto *c, struct mls_bytes public_key,
                           const struct mls_hpke_context *context, struct mls_bytes plain,
                           uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES], uint8_t *cipher_out);

/* Both in one, for a single recipient. */
int mls_encrypt_with_label(const struct mls_crypto *c, struct mls_bytes public_key,
                           const char *label, struct mls_bytes context, struct mls_bytes plain,
                           uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES], uint8_t *cipher_out);

/* DecryptWithLabel; sizes and errors as for mls_hpke_open. */
int mls_decrypt_with_label(const struct mls_crypto *c, const uint8_t secret[MLS_KEM_SECRET_BYTES],
                           const char *label, struct mls_bytes context, struct mls_bytes kem_output,
                           struct mls_bytes cipher, uint8_t *plain_out);

#endif
