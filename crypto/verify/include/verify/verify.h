/* SPDX-License-Identifier: MIT */
/*
 * Who a key belongs to, and how two people compare it.
 *
 * Each user has one Ed25519 identity key; each device has an Ed25519 key of its own (the MLS leaf signature
 * key) that the identity key certifies. The certificate is the identity of the device's MLS basic credential, so
 * every member of a group can check the chain alone. Changes of a user's keys are entries of a hash chain that the
 * server keeps and clients compare. For people there are three views of an identity: its SHA-256, the 60-digit
 * safety number of a pair (Signal's numeric fingerprint, version 0) and sixteen emoji.
 *
 * All functions are pure, keep no state and may be called on any thread once sodium_init() has returned.
 * Integers in encodings are big-endian. Output parameters are untouched when a function fails.
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERIFY_ID_BYTES 16   /* users and devices */
#define VERIFY_KEY_BYTES 32  /* Ed25519 public keys */
#define VERIFY_SEED_BYTES 32 /* Ed25519 private keys, as seeds */
#define VERIFY_SIGNATURE_BYTES 64
#define VERIFY_HASH_BYTES 32 /* SHA-256 */

enum verify_error {
    VERIFY_OK = 0,
    VERIFY_EDECODE = -1,    /* wrong length, version or kind */
    VERIFY_ESIGNATURE = -2, /* a signature does not verify */
    VERIFY_EMISMATCH = -3,  /* well made, but of another user, device or key */
    VERIFY_ECHAIN = -4,     /* a key log entry does not continue the chain */
};

/* ---- identity -------------------------------------------------------------------------------- */

/* Derives the public key of an identity (or device) from its 32-byte seed. */
void verify_public_key(const uint8_t seed[VERIFY_SEED_BYTES], uint8_t key_out[VERIFY_KEY_BYTES]);

/* Signs "sotto identity v1" || user_id || identity_key with the identity key itself: proof that who publishes
 * the key holds it, bound to one account. */
void verify_identity_sign(const uint8_t seed[VERIFY_SEED_BYTES],
                          const uint8_t user_id[VERIFY_ID_BYTES],
                          uint8_t signature_out[VERIFY_SIGNATURE_BYTES]);

/* VERIFY_ESIGNATURE when it was not made by identity_key for user_id. */
int verify_identity_check(const uint8_t user_id[VERIFY_ID_BYTES],
                          const uint8_t identity_key[VERIFY_KEY_BYTES],
                          const uint8_t signature[VERIFY_SIGNATURE_BYTES]);

/* ---- device certificate ------------------------------------------------------------------------ */

/* Encoded: u8 version = 1 | user_id[16] | device_id[16] | identity_key[32] | u64 created_at | signature[64] */
#define VERIFY_CERT_VERSION 1
#define VERIFY_CERT_BYTES (1 + 16 + 16 + 32 + 8 + 64)

struct verify_cert {
    uint8_t user_id[VERIFY_ID_BYTES];
    uint8_t device_id[VERIFY_ID_BYTES];
    uint8_t identity_key[VERIFY_KEY_BYTES];
    uint64_t created_at; /* milliseconds since 1970 */
    uint8_t signature[VERIFY_SIGNATURE_BYTES];
};

/* Certifies a device: signs "dev-cert v1" || user_id || device_id || device_key || created_at with the identity
 * key of identity_seed, and writes the encoded certificate. device_key is the device's public signature key. */
void verify_cert_make(const uint8_t identity_seed[VERIFY_SEED_BYTES],
                      const uint8_t user_id[VERIFY_ID_BYTES],
                      const uint8_t device_id[VERIFY_ID_BYTES],
                      const uint8_t device_key[VERIFY_KEY_BYTES], uint64_t created_at,
                      uint8_t cert_out[VERIFY_CERT_BYTES]);

/* Reads a certificate without checking its signature. VERIFY_EDECODE: not exactly VERIFY_CERT_BYTES or another
 * version. */
int verify_cert_parse(const uint8_t *data, size_t size, struct verify_cert *cert_out);

/* Checks that the certificate's identity key signed it for device_key, the signature key of the MLS leaf (or
 * KeyPackage) that carries it. VERIFY_ESIGNATURE otherwise. Whether the identity key is the user's is the caller's
 * question: compare it with the known one. */
int verify_cert_check(const struct verify_cert *cert, const uint8_t device_key[VERIFY_KEY_BYTES]);

/* ---- removal of a device ----------------------------------------------------------------------- */

/* The identity key's word that a device is no longer the user's. Whoever has it can show it to anybody, the removed
 * device included. */
struct verify_removal {
    uint8_t user_id[VERIFY_ID_BYTES];
    uint8_t device_id[VERIFY_ID_BYTES];
    uint8_t by_device[VERIFY_ID_BYTES]; /* on which device the user said so */
    uint64_t removed_at;                /* milliseconds since 1970, the clock of by_device */
    uint8_t signature[VERIFY_SIGNATURE_BYTES];
};

/* Fills the signature: over "dev-rem v1" || user_id || device_id || by_device || removed_at, with the identity key. */
void verify_removal_sign(const uint8_t identity_seed[VERIFY_SEED_BYTES],
                         struct verify_removal *removal);

/* VERIFY_ESIGNATURE when identity_key did not sign it. */
int verify_removal_check(const struct verify_removal *removal,
                         const uint8_t identity_key[VERIFY_KEY_BYTES]);

/* ---- deletion of an account -------------------------------------------------------------------- */

/* The identity key's last word: the account is no more, none of its devices is the user's. */
struct verify_deletion {
    uint8_t user_id[VERIFY_ID_BYTES];
    uint8_t by_device[VERIFY_ID_BYTES]; /* on which device the user said so */
    uint64_t deleted_at;                /* milliseconds since 1970, the clock of by_device */
    uint8_t signature[VERIFY_SIGNATURE_BYTES];
};

/* Fills the signature: over "acct-del v1" || user_id || by_device || deleted_at, with the identity key. */
void verify_deletion_sign(const uint8_t identity_seed[VERIFY_SEED_BYTES],
                          struct verify_deletion *deletion);

/* VERIFY_ESIGNATURE when identity_key did not sign it. */
int verify_deletion_check(const struct verify_deletion *deletion,
                          const uint8_t identity_key[VERIFY_KEY_BYTES]);

/* ---- key log ----------------------------------------------------------------------------------- */

enum verify_log_kind {
    VERIFY_LOG_IDENTITY = 1,     /* body: identity_key[32] | signature[64] */
    VERIFY_LOG_DEVICE_ADDED = 2, /* body: device_key[32] | certificate[137] */
    VERIFY_LOG_DEVICE_REMOVED =
        3, /* body: device_id[16] | by_device[16] | u64 removed_at | signature[64] */
    VERIFY_LOG_ACCOUNT_DELETED =
        4, /* body: by_device[16] | u64 deleted_at | signature[64]; the last entry */
};

/* Encoded: u8 version = 1 | u8 kind | u32 number (from 1) | u64 time_ms | user_id[16] | body */
#define VERIFY_LOG_VERSION 1
#define VERIFY_LOG_HEAD_BYTES (1 + 1 + 4 + 8 + 16)
#define VERIFY_LOG_ENTRY_BYTES_MAX (VERIFY_LOG_HEAD_BYTES + 32 + VERIFY_CERT_BYTES)
#define VERIFY_LOG_DEVICES_MAX 10 /* of a user at one time */

struct verify_log_entry {
    enum verify_log_kind kind;
    uint32_t number;
    uint64_t time_ms;
    uint8_t user_id[VERIFY_ID_BYTES];
    uint8_t identity_key[VERIFY_KEY_BYTES];    /* IDENTITY */
    uint8_t signature[VERIFY_SIGNATURE_BYTES]; /* IDENTITY */
    uint8_t device_key[VERIFY_KEY_BYTES];      /* DEVICE_ADDED */
    uint8_t certificate[VERIFY_CERT_BYTES];    /* DEVICE_ADDED */
    struct verify_removal removal;   /* DEVICE_REMOVED; its user_id is that of the entry */
    struct verify_deletion deletion; /* ACCOUNT_DELETED; likewise */
};

/* Encodes an entry and returns its length; 0 for a kind that is not in the list. */
size_t verify_log_encode(const struct verify_log_entry *entry,
                         uint8_t out[VERIFY_LOG_ENTRY_BYTES_MAX]);

/* Reads one entry; checks the form only. VERIFY_EDECODE on anything but one exact encoding. */
int verify_log_decode(const uint8_t *data, size_t size, struct verify_log_entry *entry_out);

/* hash_out = SHA-256(previous || entry). The hash before the first entry is 32 zero bytes. hash_out may be
 * previous. */
void verify_log_hash(const uint8_t previous[VERIFY_HASH_BYTES], const uint8_t *entry, size_t size,
                     uint8_t hash_out[VERIFY_HASH_BYTES]);

struct verify_log_device {
    uint8_t device_id[VERIFY_ID_BYTES];
    uint8_t device_key[VERIFY_KEY_BYTES];
};

/* A walk along one user's log. Start with verify_log_init, give it each entry in order. */
struct verify_log {
    uint8_t user_id[VERIFY_ID_BYTES];
    uint8_t identity_key[VERIFY_KEY_BYTES]; /* zero before the first entry */
    uint8_t head[VERIFY_HASH_BYTES];        /* hash of the last entry */
    uint32_t number;                        /* entries so far */
    bool is_deleted;                        /* the account; no entry follows */
    size_t device_count;
    struct verify_log_device devices[VERIFY_LOG_DEVICES_MAX]; /* added and not removed */
};

void verify_log_init(struct verify_log *log, const uint8_t user_id[VERIFY_ID_BYTES]);

/* Checks that an entry continues the chain and applies it: number and user fit, hash is what the chain gives, the
 * first entry publishes the identity with a good signature and no later one does, an added device is certified by
 * it and is not there yet, a removed device is there and the removal is signed by it, a deletion is signed by it
 * and the last entry. The log is unchanged when this fails. entry_out may be NULL. */
int verify_log_apply(struct verify_log *log, const uint8_t *entry, size_t size,
                     const uint8_t hash[VERIFY_HASH_BYTES], struct verify_log_entry *entry_out);

/* The device of this id among those that the log has now; NULL when it is not there. */
const struct verify_log_device *verify_log_device(const struct verify_log *log,
                                                  const uint8_t device_id[VERIFY_ID_BYTES]);

/* ---- what people compare ----------------------------------------------------------------------- */

#define VERIFY_FINGERPRINT_CHARS 64 /* without the NUL */
#define VERIFY_NUMBER_DIGITS 60     /* without the NUL */
#define VERIFY_EMOJI_COUNT 16
#define VERIFY_EMOJI_TABLE 64

/* SHA-256 of the 32 key bytes as 64 lower-case hex digits and a NUL. */
void verify_fingerprint(const uint8_t identity_key[VERIFY_KEY_BYTES],
                        char hex_out[VERIFY_FINGERPRINT_CHARS + 1]);

/* One party of a safety number. id is what the pair calls the party: Sotto uses the 16-byte user_id. */
struct verify_party {
    const uint8_t *id;
    size_t id_size;              /* at most 64 */
    const uint8_t *identity_key; /* VERIFY_KEY_BYTES */
};

/* The safety number of a pair: Signal's numeric fingerprint, version 0 (5,200 rounds of SHA-512; the raw key is
 * prefixed with the type byte 0x05), 60 digits and a NUL. The same for both sides, whoever is a and b. About 10 ms. */
void verify_safety_number(const struct verify_party *a, const struct verify_party *b,
                          char digits_out[VERIFY_NUMBER_DIGITS + 1]);

/* The number of a group in one epoch, 60 digits and a NUL, of its epoch authenticator (RFC 9420, section 8.7): equal for
 * all members who are in the same epoch of the same group, and different as soon as they followed different commits.
 * hash_0 = "sotto group v1", hash_n = SHA-512(hash_n-1 || authenticator), 5,200 rounds; the first 60 bytes of the last
 * hash, five at a time, modulo 100,000. Sixty digits (200 bits), because a member who helps the server could try pairs of
 * commits until two numbers meet. It tells nothing of the secrets it comes from. About 5 ms. */
void verify_group_number(const uint8_t authenticator[VERIFY_HASH_BYTES],
                         char digits_out[VERIFY_NUMBER_DIGITS + 1]);

struct verify_emoji {
    const char *symbol; /* UTF-8, one code point that is drawn as a picture by default */
    const char *name;   /* English, lower case */
};

/* The sixteen emoji of an identity: the first 96 bits of its SHA-256 fingerprint, six bits each from the most
 * significant. Fewer could be found by trying keys. The rows point into a static table. */
void verify_emoji(const uint8_t identity_key[VERIFY_KEY_BYTES],
                  const struct verify_emoji *rows_out[VERIFY_EMOJI_COUNT]);

/* Row 0 … 63 of the table; NULL outside. */
const struct verify_emoji *verify_emoji_row(unsigned index);

#endif
