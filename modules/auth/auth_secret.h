/* SPDX-License-Identifier: MIT */
/*
 * The secrets of the module: OPAQUE setup, refresh key, token secret. They lie in files of their
 * own in DATA/secrets (folder 0700, files 0600), never in the database, and are made at the first
 * start.
 */
#ifndef AUTH_SECRET_H
#define AUTH_SECRET_H

#include "auth_token.h"

#include "opaque/opaque.h"

#define AUTH_REFRESH_KEY_BYTES 32

/* Lives in memory of its own that is locked and wiped (sodium_malloc). Constant after loading. */
struct auth_secrets {
    struct opaque_setup opaque;
    /* Successors of refresh tokens are derived with it. */
    uint8_t refresh_key[AUTH_REFRESH_KEY_BYTES];
    struct auth_token_keys token;
};

/*
 * Loads what is there and makes what is missing. token_secret: what the conf names, or NULL to use
 * (and make) DATA/secrets/token; token_previous: NULL for none. Blocks on the disk, so it belongs
 * into init. SOTTO_EPRECONDITION with a sentence that names the cure: a file others may read, a
 * short one, one with an unfit secret. SOTTO_EIO: the folder cannot be made or written.
 * SOTTO_ENOMEM.
 */
int auth_secrets_create(const char *data_dir, const char *token_secret, const char *token_previous,
                        struct auth_secrets **secrets_out, struct sotto_err *);

/* Wipes and frees. NULL-safe. */
void auth_secrets_destroy(struct auth_secrets **);

/*
 * Looks at the token secret as auth_secrets_create would, without making anything: for configure.
 * 0, also when the file does not exist yet; SOTTO_EPRECONDITION with a sentence otherwise.
 */
int auth_secrets_check(const char *data_dir, const char *token_secret, const char *token_previous,
                       struct sotto_err *);

#endif
