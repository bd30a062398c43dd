/* SPDX-License-Identifier: MIT */
/*
 * What brings a new member in: GroupContext (RFC 9420 section 8.1), GroupInfo, GroupSecrets and
 * Welcome (section 12.4.3) on the wire. As in leaf.h: reading borrows and allocates nothing.
 */
#ifndef MLS_WELCOME_H
#define MLS_WELCOME_H

#include "framing.h"

struct mls_group_context {
    uint16_t version;
    uint16_t suite;
    struct mls_bytes group_id;
    uint64_t epoch;
    struct mls_bytes tree_hash;
    struct mls_bytes confirmed_transcript_hash;
    struct mls_bytes extensions;
};

void mls_group_context_read(struct mls_reader *r, struct mls_group_context *out);
void mls_group_context_write(struct mls_writer *w, const struct mls_group_context *context);

struct mls_group_info {
    struct mls_group_context context;
    struct mls_bytes extensions;
    struct mls_bytes confirmation_tag;
    uint32_t signer;
    struct mls_bytes signature;
    struct mls_bytes unsigned_part; /* when read */
};

void mls_group_info_read(struct mls_reader *r, struct mls_group_info *out);
void mls_group_info_write(struct mls_writer *w, const struct mls_group_info *info);

/* Signs and writes; `signature` of the struct is ignored. */
void mls_group_info_write_signed(struct mls_writer *w, const struct mls_crypto *c,
                                 const uint8_t seed[MLS_ED25519_SEED_BYTES],
                                 const struct mls_group_info *info);

/* Verifies one that was read. MLS_ESIGNATURE. */
int mls_group_info_verify(const struct mls_crypto *c, const struct mls_group_info *info,
                          struct mls_bytes signature_key);

/* The key of its external_pub extension (section 12.4.3.2), for whatever it is worth. MLS_ENOTFOUND without one. */
int mls_group_info_external_pub(const struct mls_group_info *info, struct mls_bytes *key_out);

struct mls_group_secrets {
    struct mls_bytes joiner_secret;
    bool has_path_secret;
    struct mls_bytes path_secret;
    struct mls_bytes psks; /* contents of PreSharedKeyID<V> */
    size_t psk_count;
};

void mls_group_secrets_read(struct mls_reader *r, struct mls_group_secrets *out);
void mls_group_secrets_write(struct mls_writer *w, const struct mls_group_secrets *secrets);

struct mls_encrypted_secrets {
    struct mls_bytes new_member; /* KeyPackageRef */
    struct mls_hpke_ciphertext secrets;
};

void mls_encrypted_secrets_read(struct mls_reader *r, struct mls_encrypted_secrets *out);
void mls_encrypted_secrets_write(struct mls_writer *w, const struct mls_encrypted_secrets *entry);

struct mls_welcome {
    uint16_t suite;
    struct mls_bytes secrets; /* contents of EncryptedGroupSecrets<V> */
    size_t secret_count;
    struct mls_bytes encrypted_group_info;
};

void mls_welcome_read(struct mls_reader *r, struct mls_welcome *out);
void mls_welcome_write(struct mls_writer *w, const struct mls_welcome *welcome);

/* Whole MLSMessages of one kind. */
int mls_welcome_message_read(struct mls_bytes message, struct mls_welcome *out);
int mls_group_info_message_read(struct mls_bytes message, struct mls_group_info *out);

/* Label of the HPKE encryption of GroupSecrets. */
#define MLS_LABEL_WELCOME "Welcome"

/* Decrypts what encrypted_group_info holds, with the welcome_secret. The result has no secrets. */
int mls_welcome_open_info(const struct mls_crypto *c, const struct mls_welcome *welcome,
                          const uint8_t welcome_secret[MLS_HASH_BYTES], struct mls_buf *info_out);

#endif
