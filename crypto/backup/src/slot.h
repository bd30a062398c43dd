/* SPDX-License-Identifier: MIT */
/* One slot of a container: the data key wrapped for one secret. */
#ifndef BACKUP_SLOT_H
#define BACKUP_SLOT_H

#include <stdbool.h>

#include "backup/backup.h"

#define BACKUP_MAGIC "SOTTOBKP"
#define BACKUP_MAGIC_BYTES 8
#define BACKUP_VERSION 1

/* Whether the secret has the length of its type. */
bool slot_key_fits(const struct backup_key *key);

/* Writes type, fresh salt and nonce, and the wrapped DEK. */
void slot_wrap(const uint8_t user_id[BACKUP_ID_BYTES], const struct backup_key *key,
               const uint8_t dek[BACKUP_DEK_BYTES], uint8_t slot_out[BACKUP_SLOT_BYTES]);

/* BACKUP_EKEY: another secret, or changed bytes. */
int slot_unwrap(const uint8_t user_id[BACKUP_ID_BYTES], const struct backup_key *key,
                const uint8_t slot[BACKUP_SLOT_BYTES], uint8_t dek_out[BACKUP_DEK_BYTES]);

#endif
