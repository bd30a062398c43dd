/* SPDX-License-Identifier: MIT */
/*
 * The key of a profile. It seals each value of the profile's database on its own: a random nonce,
 * and the value's place (table, column, row) as associated data, so that no value can be moved to
 * another place.
 *
 *     u8 version = 1 | nonce[24] | XChaCha20-Poly1305 ciphertext | tag[16]
 *
 * The file `key` of the profile (mode 0600) holds the 32 bytes of the key, or, with a passphrase,
 * what is needed to get them from it: salt[16] | nonce[24] | the key sealed under
 * Argon2id(passphrase)[48].
 */
#ifndef CLIENT_VAULT_H
#define CLIENT_VAULT_H

#include "fail.h"
#include "mem.h"

#define VAULT_KEY_BYTES 32

struct vault {
    uint8_t key[VAULT_KEY_BYTES];
};

/* Reads the file `key` in the folder dir_fd, or makes it. passphrase NULL: a plain key file.
 * Refuses a file that others may read, and a wrong, missing or needless passphrase. End with
 * vault_fini. */
int vault_open(struct vault *vault_out, int dir_fd, const char *passphrase,
               struct sotto_client_error *error);
void vault_fini(struct vault *vault);

/* The place of a value: "table.column" and the bytes of the row's key. */
struct vault_place {
    const char *column;
    const void *row;
    size_t row_len;
};

/* Seals into out, replacing what it held. */
void vault_seal(const struct vault *vault, struct vault_place place, const void *plain, size_t len,
                struct buf *out);

/* Opens into out. false: the bytes were changed, moved, or sealed under another key. */
bool vault_unseal(const struct vault *vault, struct vault_place place, const void *sealed,
                  size_t len, struct buf *out);

#endif
