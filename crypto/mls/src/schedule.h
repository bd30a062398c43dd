/* SPDX-License-Identifier: MIT */
/*
 * Key schedule (RFC 9420, section 8): from the init secret of one epoch and the commit secret of
 * the next to everything the next epoch uses, and the transcript hashes that bind epochs together.
 *
 * Functions take the encoded GroupContext as bytes and know nothing of groups, so the same code
 * serves a committer, a receiver, a joiner with a Welcome and the official vectors. The struct
 * holds secrets: its owner wipes it with mls_epoch_secrets_wipe, and wipes single members as soon
 * as they are consumed (encryption_secret once the secret tree exists, section 9.2).
 */
#ifndef MLS_SCHEDULE_H
#define MLS_SCHEDULE_H

#include "crypto.h"
#include "hpke.h"

struct mls_epoch_secrets {
    uint8_t sender_data_secret[MLS_HASH_BYTES];
    uint8_t encryption_secret[MLS_HASH_BYTES];
    uint8_t exporter_secret[MLS_HASH_BYTES];
    uint8_t external_secret[MLS_HASH_BYTES];
    uint8_t confirmation_key[MLS_HASH_BYTES];
    uint8_t membership_key[MLS_HASH_BYTES];
    uint8_t resumption_psk[MLS_HASH_BYTES];
    uint8_t epoch_authenticator[MLS_HASH_BYTES];
    uint8_t init_secret[MLS_HASH_BYTES]; /* starts the next epoch */
};

/* joiner_secret from the init secret of the epoch before and the commit secret of this one.
 * `commit_secret` NULL stands for the all-zero string of a commit without a path. */
int mls_schedule_joiner(const struct mls_crypto *c, const uint8_t init_secret[MLS_HASH_BYTES],
                        const uint8_t *commit_secret, struct mls_bytes group_context,
                        uint8_t joiner_out[MLS_HASH_BYTES]);

/* welcome_secret; `psk_secret` NULL stands for the all-zero string (no PSK). */
int mls_schedule_welcome(const struct mls_crypto *c, const uint8_t joiner[MLS_HASH_BYTES],
                         const uint8_t *psk_secret, uint8_t welcome_out[MLS_HASH_BYTES]);

/* Key (suite->key_bytes) and nonce that encrypt the GroupInfo of a Welcome (section 12.4.3.1). */
int mls_schedule_welcome_key(const struct mls_crypto *c, const uint8_t welcome[MLS_HASH_BYTES],
                             uint8_t key_out[MLS_AEAD_KEY_BYTES_MAX],
                             uint8_t nonce_out[MLS_AEAD_NONCE_BYTES]);

/* Every secret of the epoch from its joiner secret; `psk_secret` as above. */
int mls_schedule_epoch(const struct mls_crypto *c, const uint8_t joiner[MLS_HASH_BYTES],
                       const uint8_t *psk_secret, struct mls_bytes group_context,
                       struct mls_epoch_secrets *out);

/* The same from an epoch secret: a creator draws the first one at random (section 11). */
int mls_schedule_from_epoch_secret(const struct mls_crypto *c,
                                   const uint8_t epoch_secret[MLS_HASH_BYTES],
                                   struct mls_epoch_secrets *out);

void mls_epoch_secrets_wipe(const struct mls_provider *p, struct mls_epoch_secrets *secrets);

/* HPKE key pair of the epoch for external joins (section 8). */
int mls_schedule_external(const struct mls_crypto *c, const uint8_t external_secret[MLS_HASH_BYTES],
                          uint8_t secret_out[MLS_KEM_SECRET_BYTES],
                          uint8_t public_out[MLS_KEM_PUBLIC_BYTES]);

/* init_secret of an external commit (section 8.3): the joiner sends `kem_output_out`... */
int mls_schedule_external_init_send(const struct mls_crypto *c, struct mls_bytes external_pub,
                                    uint8_t kem_output_out[MLS_KEM_OUTPUT_BYTES],
                                    uint8_t init_out[MLS_HASH_BYTES]);

/* ... and a member recovers the same from the external secret of the epoch before. */
int mls_schedule_external_init_receive(const struct mls_crypto *c,
                                       const uint8_t external_secret[MLS_HASH_BYTES],
                                       struct mls_bytes kem_output,
                                       uint8_t init_out[MLS_HASH_BYTES]);

/* MLS-Exporter (section 8.5); `len` from 1 to 255 * 32. */
int mls_schedule_export(const struct mls_crypto *c, const uint8_t exporter_secret[MLS_HASH_BYTES],
                        const char *label, struct mls_bytes context, uint8_t *out, size_t len);

/* confirmation_tag over the confirmed transcript hash (section 6.1). Verify one with
 * mls_mac_verify. */
int mls_schedule_confirmation_tag(const struct mls_crypto *c,
                                  const uint8_t confirmation_key[MLS_HASH_BYTES],
                                  struct mls_bytes confirmed_hash, uint8_t tag_out[MLS_HASH_BYTES]);

/* Key and nonce that encrypt the sender data of a PrivateMessage (section 6.3.2), from the first 32
 * bytes of its ciphertext, or all of it when shorter; the function cuts the sample. */
int mls_schedule_sender_data_key(const struct mls_crypto *c,
                                 const uint8_t sender_data_secret[MLS_HASH_BYTES],
                                 struct mls_bytes ciphertext,
                                 uint8_t key_out[MLS_AEAD_KEY_BYTES_MAX],
                                 uint8_t nonce_out[MLS_AEAD_NONCE_BYTES]);

/* ---- Transcript hashes (section 8.2) ------------------------------------------------------ */

/* confirmed_transcript_hash of the new epoch. `interim_before` is empty before the first commit;
 * `confirmed_input` is the encoded ConfirmedTranscriptHashInput: wire format, FramedContent and
 * signature of the commit. */
int mls_transcript_confirmed(const struct mls_crypto *c, struct mls_bytes interim_before,
                             struct mls_bytes confirmed_input, uint8_t out[MLS_HASH_BYTES]);

/* interim_transcript_hash from the confirmed one (empty at epoch 0) and the commit's
 * confirmation tag. */
int mls_transcript_interim(const struct mls_crypto *c, struct mls_bytes confirmed,
                           struct mls_bytes confirmation_tag, uint8_t out[MLS_HASH_BYTES]);

#endif
