/* SPDX-License-Identifier: MIT */
/*
 * Secret files.
 *
 *   DATA/secrets/opaque 96 bytes: OPRF seed and private key of OPAQUE. Lost: no password works
 *   again. DATA/secrets/refresh 32 bytes: derives refresh tokens. Lost: a race of two refreshes
 *   ends a login. DATA/secrets/token 64 hex digits and a newline: signs access tokens. Lost: tokens
 *   are renewed.
 *
 * A file is made whole or not at all: written beside its place, synced, then linked to its name, so
 * that two servers that start at once end up with one file. A file that others may read is refused:
 * whatever could have read it is unknown.
 */
#include "auth_secret.h"

#include <sodium.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "secrets"
#define PATH_BYTES_MAX 1024
#define FILE_BYTES_MAX 512
#define TOKEN_SECRET_RANDOM_BYTES 32

struct secret_file {
    char path[PATH_BYTES_MAX];
    uint8_t data[FILE_BYTES_MAX];
    size_t size;
};

static int
set_path(struct secret_file *file, const char *data_dir, const char *name, struct sotto_err *err)
{
    const int length = snprintf(file->path, sizeof(file->path), "%s/" FOLDER "/%s", data_dir, name);

    if (length < 0 || (size_t)length >= sizeof(file->path))
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "the path of the data folder is too long; move it to a shorter one");
    return 0;
}

/* Reads an open file whole. A file that fills the buffer is too long for a secret. */
static int
read_all(int fd, struct secret_file *file, struct sotto_err *err)
{
    ssize_t got;

    file->size = 0;
    while ((got = read(fd, file->data + file->size, sizeof(file->data) - file->size)) > 0)
        file->size += (size_t)got;
    if (got < 0)
        return sotto_err_set(err, SOTTO_EIO, "%s cannot be read: %s", file->path, strerror(errno));
    if (file->size == sizeof(file->data))
        return sotto_err_set(err, SOTTO_EPRECONDITION, "%s is too long; restore it from a backup",
                             file->path);
    return 0;
}

/* SOTTO_ENOTFOUND when there is no such file. */
static int
read_file(struct secret_file *file, struct sotto_err *err)
{
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    int rc = 0;

    if (fd < 0 && errno == ENOENT)
        return SOTTO_ENOTFOUND;
    if (fd < 0)
        return sotto_err_set(err, SOTTO_EIO, "%s cannot be opened: %s", file->path,
                             strerror(errno));
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        rc = sotto_err_set(err, SOTTO_EPRECONDITION, "%s is no regular file", file->path);
    else if ((status.st_mode & 077) != 0)
        rc =
            sotto_err_set(err, SOTTO_EPRECONDITION,
                          "%s may be read by others; if nobody did, run: chmod 600 %s; if somebody "
                          "may have, make a new one",
                          file->path, file->path);
    else
        rc = read_all(fd, file, err);
    close(fd);
    return rc;
}

static int
write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const ssize_t put = write(fd, data, size);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        data += put;
        size -= (size_t)put;
    }
    return fsync(fd);
}

static void
sync_folder(const char *data_dir)
{
    char path[PATH_BYTES_MAX];
    int fd;

    snprintf(path, sizeof(path), "%s/" FOLDER, data_dir);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

/* Writes file->data to a new file; keeps and reads the one that somebody else made meanwhile. */
static int
make_file(struct secret_file *file, struct sotto_err *err)
{
    char fresh[PATH_BYTES_MAX + 16];
    int fd;
    int rc = 0;

    snprintf(fresh, sizeof(fresh), "%s.XXXXXX", file->path);
    fd = mkostemp(fresh, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return sotto_err_set(err, SOTTO_EIO, "%s cannot be made: %s; is the data folder writable?",
                             file->path, strerror(errno));
    if (write_all(fd, file->data, file->size) != 0)
        rc = sotto_err_set(err, SOTTO_EIO, "%s cannot be written: %s", file->path, strerror(errno));
    else if (link(fresh, file->path) != 0)
        rc = errno == EEXIST ? read_file(file, err)
                             : sotto_err_set(err, SOTTO_EIO, "%s cannot be made: %s", file->path,
                                             strerror(errno));
    close(fd);
    (void)unlink(fresh);
    return rc;
}

static int
make_folder(const char *data_dir, struct sotto_err *err)
{
    char path[PATH_BYTES_MAX];
    const int length = snprintf(path, sizeof(path), "%s/" FOLDER, data_dir);

    if (length < 0 || (size_t)length >= sizeof(path))
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "the path of the data folder is too long; move it to a shorter one");
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return sotto_err_set(err, SOTTO_EIO, "%s cannot be made: %s; is the data folder writable?",
                             path, strerror(errno));
    return 0;
}

/* ---- the three of them ----------------------------------------------------------------------- */

static int
load_opaque(struct auth_secrets *secrets, struct secret_file *file, const char *data_dir,
            struct sotto_err *err)
{
    int rc = set_path(file, data_dir, "opaque", err);

    if (rc == 0)
        rc = read_file(file, err);
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
    int rc = set_path(file, data_dir, "refresh", err);

    if (rc == 0)
        rc = read_file(file, err);
    if (rc == SOTTO_ENOTFOUND) {
        file->size = AUTH_REFRESH_KEY_BYTES;
        randombytes_buf(file->data, file->size);
        rc = make_file(file, err);
    }
    if (rc != 0)
        return rc;
    if (file->size != AUTH_REFRESH_KEY_BYTES)
        return sotto_err_set(
            err, SOTTO_EPRECONDITION,
            "%s is damaged; restore it from a backup, or remove it to have a new one", file->path);
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
    int rc = set_path(file, data_dir, "token", err);

    if (rc == 0)
        rc = read_file(file, err);
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
    rc = make_folder(data_dir, err);
    if (rc == 0)
        rc = load_opaque(secrets, &file, data_dir, err);
    if (rc == 0)
        rc = load_refresh(secrets, &file, data_dir, err);
    if (rc == 0)
        rc = load_token(&secrets->token.current, &secrets->token.previous, &file, data_dir,
                        token_secret, token_previous, true, err);
    sync_folder(data_dir);
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
