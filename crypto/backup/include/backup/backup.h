/* SPDX-License-Identifier: MIT */
/*
 * The sealed key backup: one container that a server stores and only its owner opens.
 *
 * A random data key (DEK) encrypts the body; each slot wraps that same key for one secret, and any one slot
 * opens the container. The slot `pw` takes the 64-byte OPAQUE export key, which exists only where the password
 * was typed; the slot `ak` takes a 32-byte access key. The body is what the caller puts in (the identity seed
 * and what else a new device needs). Everything in front of the body is its associated data, so that no byte can be
 * changed, and an old slot table cannot be put before a new body.
 *
 *   "SOTTOBKP" | u8 version = 1 | user_id[16] | u64 counter | u8 slots (1 to 4) |
 *   slots x { u8 type | salt[16] | nonce[24] | wrapped DEK[32 + 16] } |
 *   nonce[24] | u32 size | body[size] | tag[16]
 *
 *   KEK  = HKDF-SHA256(salt, slot secret, "sotto backup v1 slot" || type)
 *   slot = XChaCha20-Poly1305(KEK, nonce, DEK, aad = "SOTTOBKP" || version || user_id || type)
 *   body = XChaCha20-Poly1305(DEK, nonce, body, aad = user_id || version || counter || slot count and slot table)
 *
 * The counter only grows; the server compares and sets it, and devices remember the last one they saw, so that an
 * old container given back by the server is noticed. Integers are big-endian. Functions are pure apart from random
 * bytes and may be called on any thread once sodium_init() has returned.
 */
#ifndef BACKUP_BACKUP_H
#define BACKUP_BACKUP_H

#include <stddef.h>
#include <stdint.h>

#define BACKUP_ID_BYTES 16
#define BACKUP_DEK_BYTES 32
#define BACKUP_PW_BYTES 64 /* OPAQUE export key */
#define BACKUP_AK_BYTES 32
#define BACKUP_SLOTS_MAX 4
#define BACKUP_CONTAINER_BYTES_MAX 65536

#define BACKUP_SLOT_BYTES (1 + 16 + 24 + 32 + 16)
#define BACKUP_HEAD_BYTES (8 + 1 + 16 + 8 + 1)
/* What a container with n slots is longer than its body. */
#define BACKUP_OVERHEAD(n) (BACKUP_HEAD_BYTES + (size_t)(n)*BACKUP_SLOT_BYTES + 24 + 4 + 16)
#define BACKUP_BODY_BYTES_MAX (BACKUP_CONTAINER_BYTES_MAX - BACKUP_OVERHEAD(BACKUP_SLOTS_MAX))

enum backup_error {
    BACKUP_OK = 0,
    BACKUP_EDECODE = -1, /* not a container of this format */
    BACKUP_EARG = -2,    /* a size, count or slot type out of range */
    BACKUP_EUSER = -3,   /* the container of another user */
    BACKUP_ESLOT = -4,   /* it has no slot of this type */
    BACKUP_EKEY = -5,    /* wrong secret, or changed bytes; the two cannot be told apart */
};

enum backup_slot_type {
    BACKUP_SLOT_PW = 1, /* BACKUP_PW_BYTES */
    BACKUP_SLOT_AK = 2, /* BACKUP_AK_BYTES */
};

/* A secret that opens (or shall open) a slot. Borrowed. */
struct backup_key {
    enum backup_slot_type type;
    const uint8_t *secret;
    size_t size; /* must be the size of the type */
};

/* What stands in front, readable without a secret and not yet authenticated. */
struct backup_info {
    uint8_t user_id[BACKUP_ID_BYTES];
    uint64_t counter;
    uint8_t slots;
    uint8_t slot_types[BACKUP_SLOTS_MAX];
    size_t body_size;
};

/* Describes an error in one lower-case sentence; "unknown error" for other values. Static string. */
const char *backup_error_text(int error);

/* Reads the head. BACKUP_EDECODE on anything that is not exactly one container. */
int backup_peek(const uint8_t *container, size_t size, struct backup_info *info_out);

/* Seals a body under a fresh DEK with one slot for each key (1 to BACKUP_SLOTS_MAX, types distinct). out has
 * room for out_cap bytes, at least BACKUP_OVERHEAD(key_count) + body_size, else BACKUP_EARG; size_out is the
 * length. dek_out (may be NULL) lets a device seal later versions without the secrets; the caller wipes it. */
int backup_seal(const uint8_t user_id[BACKUP_ID_BYTES], uint64_t counter,
                const struct backup_key *keys, size_t key_count, const uint8_t *body,
                size_t body_size, uint8_t *out, size_t out_cap, size_t *size_out,
                uint8_t dek_out[BACKUP_DEK_BYTES]);

/* Seals a new body under the slots of an existing container, whose DEK the caller kept. BACKUP_EKEY when dek is
 * not the one of that container, so that no container is written that nobody opens. out may not overlap. */
int backup_reseal(const uint8_t *container, size_t size, const uint8_t dek[BACKUP_DEK_BYTES],
                  uint64_t counter, const uint8_t *body, size_t body_size, uint8_t *out,
                  size_t out_cap, size_t *size_out);

/* Opens a container with one secret. body_out has room for body_cap bytes (info.body_size from backup_peek);
 * the caller wipes it and dek_out (may be NULL). counter_out may be NULL. */
int backup_open(const uint8_t *container, size_t size, const uint8_t user_id[BACKUP_ID_BYTES],
                const struct backup_key *key, uint8_t *body_out, size_t body_cap,
                size_t *body_size_out, uint64_t *counter_out, uint8_t dek_out[BACKUP_DEK_BYTES]);

#endif
