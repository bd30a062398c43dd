/* SPDX-License-Identifier: MIT */
/*
 * The secret files in DATA/secrets:
 *
 *     opaque    96 bytes, OPRF seed and private key of OPAQUE. Lost: no password works again
 *     refresh   32 bytes, derives refresh tokens. Lost: a race of two refreshes ends a login
 *     token     64 hex digits and a newline, signs access tokens. Lost: tokens are renewed
 */
#include "auth_secret.h"

#include <sodium.h>

#include <string.h>

#include "secret/secret_file.h"

#define TOKEN_SECRET_RANDOM_BYTES 32

/* Turns what the files say into the module's errors. */
static int
status_of(const struct secret_file *file, int error, struct sotto_err *err)
{
    switch (error) {
    case SECRET_OK: return SOTTO_OK;
    case SECRET_EABSENT: return SOTTO_ENOTFOUND;
    case SECRET_EUNFIT: return sotto_err_set(err, SOTTO_EPRECONDITION, "%s", file->why);
    default: return sotto_err_set(err, SOTTO_EIO, "%s", file->why);
    }
}

/* SOTTO_ENOTFOUND when there is no such file. */
static int
read_file(struct secret_file *file, const char *data_dir, const char *name, struct sotto_err *err)
{
    return status_of(file, secret_file_read(file, data_dir, name), err);
}

static int
make_file(struct secret_file *file, struct sotto_err *err)
{
    return status_of(file, secret_file_make(file), err);
}

/* ---- the three of them ----------------------------------------------------------------------- */

static int
load_opaque(struct auth_secrets *secrets, struct secret_file *file, const char *data_dir,
            struct sotto_err *err)
{
    int rc = read_file(file, data_dir, "opaque", err);

    if (rc == SOTTO_ENOTFOUND) {
        opaque_setup_create(&secrets->opaque);
        opaque_setup_encode(&secrets->opaque, file->data);
        file->size = OPAQUE_SETUP_BYTES;
        rc = make_file(file, err);
    }
    if (rc != 0)
        return rc;
    if (file->size != OPAQUE_SETUP_BYTES ||
        opaque_setup_decode(&secrets->opaque, file->data) != OPAQUE_OK)
        return sotto_err_set(
            err, SOTTO_EPRECONDITION,
            "%s is damaged; restore it from a backup, without it no password works", file->path);
    return 0;
}

static int
load_refresh(struct auth_secrets *secrets, struct secret_file *file, const char *data_dir,
             struct sotto_err *err)
{
    const int error = secret_file_random(file, data_dir, "refresh", AUTH_REFRESH_KEY_BYTES);

    if (error != SECRET_OK)
        return status_of(file, error, err);
    memcpy(secrets->refresh_key, file->data, AUTH_REFRESH_KEY_BYTES);
    return 0;
}

/* Takes a secret that passes the checks; where says whose it is in the sentence of a refusal. */
static int
take_token_secret(struct auth_token_secret *out, const uint8_t *data, size_t size,
                  const char *where, struct sotto_err *err)
{
    const char *problem;

    while (size > 0 && (data[size - 1] == '\n' || data[size - 1] == '\r'))
        size--;
    problem = auth_secret_problem(data, size);
    if (problem != NULL)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "%s will not do as a token secret: %s; make one with: head -c 32 "
                             "/dev/urandom | od -An -vtx1 | tr -d ' \\n'",
                             where, problem);
    if (out != NULL) {
        memcpy(out->data, data, size);
        out->size = size;
    }
    return 0;
}

static int
load_token_file(struct auth_token_secret *out, struct secret_file *file, const char *data_dir,
                bool may_make, struct sotto_err *err)
{
    uint8_t random[TOKEN_SECRET_RANDOM_BYTES];
    int rc = read_file(file, data_dir, "token", err);

    if (rc == SOTTO_ENOTFOUND) {
        if (!may_make)
            return 0;
        randombytes_buf(random, sizeof(random));
        sodium_bin2hex((char *)file->data, sizeof(file->data), random, sizeof(random));
        sodium_memzero(random, sizeof(random));
        file->size = 2 * sizeof(random);
        file->data[file->size++] = '\n';
        rc = make_file(file, err);
    }
    if (rc != 0)
        return rc;
    return take_token_secret(out, file->data, file->size, file->path, err);
}

static int
load_token(struct auth_token_secret *current, struct auth_token_secret *previous,
           struct secret_file *file, const char *data_dir, const char *token_secret,
           const char *token_previous, bool may_make, struct sotto_err *err)
{
    int rc;

    if (token_previous != NULL) {
        rc = take_token_secret(previous, (const uint8_t *)token_previous, strlen(token_previous),
                               "token_secret_previous", err);
        if (rc != 0)
            return rc;
    }
    if (token_secret != NULL)
        return take_token_secret(current, (const uint8_t *)token_secret, strlen(token_secret),
                                 "token_secret", err);
    return load_token_file(current, file, data_dir, may_make, err);
}

int
auth_secrets_create(const char *data_dir, const char *token_secret, const char *token_previous,
                    struct auth_secrets **secrets_out, struct sotto_err *err)
{
    struct auth_secrets *secrets = sodium_malloc(sizeof(*secrets));
    struct secret_file file = {.size = 0};
    int rc;

    if (secrets == NULL)
        return sotto_err_set(err, SOTTO_ENOMEM, "no memory for the secrets of auth");
    *secrets = (struct auth_secrets){.refresh_key = {0}};
    rc = status_of(&file, secret_folder_make(&file, data_dir), err);
    if (rc == 0)
        rc = load_opaque(secrets, &file, data_dir, err);
    if (rc == 0)
        rc = load_refresh(secrets, &file, data_dir, err);
    if (rc == 0)
        rc = load_token(&secrets->token.current, &secrets->token.previous, &file, data_dir,
                        token_secret, token_previous, true, err);
    secret_folder_sync(data_dir);
    sodium_memzero(&file, sizeof(file));
    if (rc != 0)
        auth_secrets_destroy(&secrets);
    else
        *secrets_out = secrets;
    return rc;
}

void
auth_secrets_destroy(struct auth_secrets **secrets)
{
    sodium_free(*secrets);
    *secrets = NULL;
}

int
auth_secrets_check(const char *data_dir, const char *token_secret, const char *token_previous,
                   struct sotto_err *err)
{
    struct secret_file file = {.size = 0};
    const int rc =
        load_token(NULL, NULL, &file, data_dir, token_secret, token_previous, false, err);

    sodium_memzero(&file, sizeof(file));
    return rc;
}
