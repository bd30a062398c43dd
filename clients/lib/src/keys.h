/* SPDX-License-Identifier: MIT */
/*
 * The keys of the account: what a new account or device must bring to the server, one repeatable
 * step after the other, and the stock of one-time KeyPackages.
 */
#ifndef CLIENT_KEYS_H
#define CLIENT_KEYS_H

#include "session.h"

/* Takes the steps of account.steps_done that are missing, storing each when the server has it. */
int keys_finish(struct sotto_client *client);

/* Makes an identity key for a new account and seals the backup that waits to be uploaded.
 * export_key: 64 bytes of OPAQUE. client->account is changed, not stored. */
int keys_make_identity(struct sotto_client *client, const uint8_t *export_key);

/* On a new device: fetches the backup, opens it with the export key and certifies this device.
 * When the account has no keys at all it becomes keys_make_identity. Attached; client->account
 * is changed, not stored. */
int keys_restore_identity(struct sotto_client *client, const uint8_t *export_key);

/* Deletes private halves of KeyPackages that expired, and the oldest when they are too many. */
int keys_forget_old(struct sotto_client *client);

/* How many one-time KeyPackages of a device of ours wait at the server. Attached. */
int keys_stock(struct sotto_client *client, const uint8_t device_id[ID_BYTES], uint32_t *count_out);

/* Fills the server's stock of our KeyPackages. force: whatever the time since the last look. */
int keys_replenish(struct sotto_client *client, bool force);

#endif
