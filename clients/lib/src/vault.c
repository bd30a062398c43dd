/* SPDX-License-Identifier: MIT */
/*
 * Key file and sealing. A new key file is written under another name, made durable and then linked
 * into place: a crash never leaves half a key, and of two processes that start at once only one
 * makes the key.
 */
#include "vault.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION 1
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define SALT_BYTES crypto_pwhash_SALTBYTES
#define WRAPPED_BYTES (SALT_BYTES + NONCE_BYTES + VAULT_KEY_BYTES + TAG_BYTES)
/* Argon2id as for passwords: 3 passes over 64 MiB. */
#define STRETCH_PASSES 3
#define STRETCH_BYTES (64u << 20)

static int
file_trouble(const char *what, struct sotto_client_error *error)
{
    return fail(error, SOTTO_CLIENT_EFAILED, "profile", "cannot %s the profile's key file (%s)",
                tr(what), tr(strerror(errno)));
}

static bool
stretch(const char *passphrase, const uint8_t *salt, uint8_t key_out[VAULT_KEY_BYTES])
{
    return crypto_pwhash(key_out, VAULT_KEY_BYTES, passphrase, strlen(passphrase), salt,
                         STRETCH_PASSES, STRETCH_BYTES, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

static int
wrap(const struct vault *vault, const char *passphrase, uint8_t out[WRAPPED_BYTES],
     struct sotto_client_error *error)
{
    uint8_t kek[VAULT_KEY_BYTES];
    randombytes_buf(out, SALT_BYTES + NONCE_BYTES);
    if (!stretch(passphrase, out, kek))
        return fail(error, SOTTO_CLIENT_EFAILED, "profile",
                    "not enough memory to stretch the passphrase (64 MiB are needed)");
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + SALT_BYTES + NONCE_BYTES, NULL, vault->key,
                                               VAULT_KEY_BYTES, NULL, 0, NULL, out + SALT_BYTES,
                                               kek);
    sodium_memzero(kek, sizeof(kek));
    return SOTTO_CLIENT_OK;
}

static int
unwrap(struct vault *vault, const char *passphrase, const uint8_t *file,
       struct sotto_client_error *error)
{
    uint8_t kek[VAULT_KEY_BYTES];
    if (!passphrase)
        return fail(error, SOTTO_CLIENT_EFAILED, "profile",
                    "this profile has a passphrase; give it with --passphrase-file");
    if (!stretch(passphrase, file, kek))
        return fail(error, SOTTO_CLIENT_EFAILED, "profile",
                    "not enough memory to stretch the passphrase (64 MiB are needed)");
    int wrong = crypto_aead_xchacha20poly1305_ietf_decrypt(
        vault->key, NULL, NULL, file + SALT_BYTES + NONCE_BYTES, VAULT_KEY_BYTES + TAG_BYTES, NULL,
        0, file + SALT_BYTES, kek);
    sodium_memzero(kek, sizeof(kek));
    if (wrong)
        return fail(error, SOTTO_CLIENT_EFAILED, "profile",
                    "the passphrase does not open this profile");
    return SOTTO_CLIENT_OK;
}

/* Writes a fresh key file; loses quietly against another process that did the same. */
static int
make_file(int dir_fd, const char *passphrase, struct sotto_client_error *error)
{
    struct vault fresh;
    uint8_t file[WRAPPED_BYTES];
    size_t len = VAULT_KEY_BYTES;
    randombytes_buf(fresh.key, sizeof(fresh.key));
    memcpy(file, fresh.key, VAULT_KEY_BYTES);
    int status = SOTTO_CLIENT_OK;
    if (passphrase) {
        len = WRAPPED_BYTES;
        status = wrap(&fresh, passphrase, file, error);
    }
    vault_fini(&fresh);
    if (status)
        return status;

    char name[32];
    snprintf(name, sizeof(name), "key.%ld", (long)getpid());
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return file_trouble("write", error);
    bool good = write(fd, file, len) == (ssize_t)len && fsync(fd) == 0;
    sodium_memzero(file, sizeof(file));
    if (!good)
        status = file_trouble("write", error);
    close(fd);
    if (good && linkat(dir_fd, name, dir_fd, "key", 0) && errno != EEXIST)
        status = file_trouble("make", error);
    unlinkat(dir_fd, name, 0);
    if (fsync(dir_fd) && status == SOTTO_CLIENT_OK)
        status = file_trouble("make", error);
    return status;
}

static int
read_file(struct vault *vault, int fd, const char *passphrase, struct sotto_client_error *error)
{
    struct stat info;
    uint8_t file[WRAPPED_BYTES + 1];
    if (fstat(fd, &info))
        return file_trouble("read", error);
    if (info.st_mode & 077)
        return fail(error, SOTTO_CLIENT_EFAILED, "profile",
                    "others may read the profile's key file; run chmod 600 on the file \"key\"");
    ssize_t len = read(fd, file, sizeof(file));
    int status = SOTTO_CLIENT_OK;
    if (len == WRAPPED_BYTES) {
        status = unwrap(vault, passphrase, file, error);
    } else if (len != VAULT_KEY_BYTES) {
        status = fail(error, SOTTO_CLIENT_EFAILED, "profile",
                      "the profile's key file is damaged; restore it, or use another --profile");
    } else if (passphrase) {
        status = fail(error, SOTTO_CLIENT_EFAILED, "profile",
                      "this profile has no passphrase; leave --passphrase-file out");
    } else {
        memcpy(vault->key, file, VAULT_KEY_BYTES);
    }
    sodium_memzero(file, sizeof(file));
    return status;
}

int
vault_open(struct vault *vault_out, int dir_fd, const char *passphrase,
           struct sotto_client_error *error)
{
    struct vault vault;
    int fd = openat(dir_fd, "key", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        int status = make_file(dir_fd, passphrase, error);
        if (status)
            return status;
        fd = openat(dir_fd, "key", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0)
        return file_trouble("open", error);
    int status = read_file(&vault, fd, passphrase, error);
    close(fd);
    if (status == SOTTO_CLIENT_OK)
        *vault_out = vault;
    vault_fini(&vault);
    return status;
}

void
vault_fini(struct vault *vault)
{
    sodium_memzero(vault, sizeof(*vault));
}

/* Associated data: the column's name, a zero, the row's key. */
static void
place_bytes(struct vault_place place, struct buf *out)
{
    buf_append(out, place.column, strlen(place.column) + 1);
    buf_append(out, place.row, place.row_len);
}

void
vault_seal(const struct vault *vault, struct vault_place place, const void *plain, size_t len,
           struct buf *out)
{
    struct buf aad = {0};
    struct buf sealed = {0};
    place_bytes(place, &aad);
    buf_reserve(&sealed, 1 + NONCE_BYTES + len + TAG_BYTES);
    sealed.data[0] = VERSION;
    randombytes_buf(sealed.data + 1, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data + 1 + NONCE_BYTES, NULL, plain, len,
                                               aad.data, aad.len, NULL, sealed.data + 1,
                                               vault->key);
    sealed.len = 1 + NONCE_BYTES + len + TAG_BYTES;
    buf_fini(&aad);
    buf_fini(out);
    *out = sealed;
}

bool
vault_unseal(const struct vault *vault, struct vault_place place, const void *sealed, size_t len,
             struct buf *out)
{
    const uint8_t *bytes = sealed;
    if (len < 1 + NONCE_BYTES + TAG_BYTES || bytes[0] != VERSION)
        return false;
    struct buf aad = {0};
    struct buf plain = {0};
    size_t cipher_len = len - 1 - NONCE_BYTES;
    place_bytes(place, &aad);
    buf_reserve(&plain, cipher_len);
    plain.len = cipher_len - TAG_BYTES;
    bool good = crypto_aead_xchacha20poly1305_ietf_decrypt(
                    plain.data, NULL, NULL, bytes + 1 + NONCE_BYTES, cipher_len, aad.data, aad.len,
                    bytes + 1, vault->key) == 0;
    buf_fini(&aad);
    if (good) {
        buf_fini(out);
        *out = plain;
    } else {
        buf_fini(&plain);
    }
    return good;
}
