/* SPDX-License-Identifier: MIT */
/*
 * What a client reads of another user's keys: the device certificate in an MLS leaf and the entries of the key log.
 * An input is a certificate when it has the size of one, else a log entry.
 */
#include "fuzz.h"

#include "verify/verify.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

struct setup {
    uint8_t user[VERIFY_ID_BYTES], device[VERIFY_ID_BYTES];
    uint8_t identity_seed[VERIFY_SEED_BYTES], identity_key[VERIFY_KEY_BYTES];
    uint8_t device_key[VERIFY_KEY_BYTES];
};

static void *
setup(void)
{
    static struct setup setup = {.identity_seed = "i", .device_key = "k"};

    if (sodium_init() < 0)
        return NULL;
    memset(setup.user, 'u', sizeof(setup.user));
    memset(setup.device, 'd', sizeof(setup.device));
    verify_public_key(setup.identity_seed, setup.identity_key);
    return &setup;
}

static bool
try_entry(const struct setup *setup, const uint8_t *data, size_t size)
{
    struct verify_log_entry entry;
    struct verify_log log;
    uint8_t hash[VERIFY_HASH_BYTES], again[VERIFY_LOG_ENTRY_BYTES_MAX];

    if (verify_log_decode(data, size, &entry) != VERIFY_OK)
        return false;
    assert(verify_log_encode(&entry, again) == size && memcmp(again, data, size) == 0);
    verify_log_init(&log, setup->user);
    verify_log_hash(log.head, data, size, hash);
    return verify_log_apply(&log, data, size, hash, NULL) == VERIFY_OK;
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    const struct setup *setup = state;
    struct verify_cert cert;

    if (size != VERIFY_CERT_BYTES)
        return try_entry(setup, data, size);
    return verify_cert_parse(data, size, &cert) == VERIFY_OK &&
           verify_cert_check(&cert, setup->device_key) == VERIFY_OK;
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    const struct setup *setup = state;
    struct verify_log_entry entry = {.kind = VERIFY_LOG_IDENTITY, .number = 1, .time_ms = 1000};
    uint8_t cert[VERIFY_CERT_BYTES], encoded[VERIFY_LOG_ENTRY_BYTES_MAX];

    verify_cert_make(setup->identity_seed, setup->user, setup->device, setup->device_key, 1000,
                     cert);
    take("certificate", cert, sizeof(cert), arg);
    memcpy(entry.user_id, setup->user, sizeof(entry.user_id));
    memcpy(entry.identity_key, setup->identity_key, sizeof(entry.identity_key));
    verify_identity_sign(setup->identity_seed, setup->user, entry.signature);
    take("identity", encoded, verify_log_encode(&entry, encoded), arg);
    entry.kind = VERIFY_LOG_DEVICE_ADDED;
    memcpy(entry.device_key, setup->device_key, sizeof(entry.device_key));
    memcpy(entry.certificate, cert, sizeof(cert));
    take("device-added", encoded, verify_log_encode(&entry, encoded), arg);
    entry.kind = VERIFY_LOG_DEVICE_REMOVED;
    entry.removal.removed_at = 2000;
    memcpy(entry.removal.user_id, setup->user, sizeof(setup->user));
    memcpy(entry.removal.device_id, setup->device, sizeof(setup->device));
    memcpy(entry.removal.by_device, setup->device, sizeof(setup->device));
    verify_removal_sign(setup->identity_seed, &entry.removal);
    take("device-removed", encoded, verify_log_encode(&entry, encoded), arg);
    entry.kind = VERIFY_LOG_ACCOUNT_DELETED;
    entry.deletion.deleted_at = 3000;
    memcpy(entry.deletion.user_id, setup->user, sizeof(setup->user));
    memcpy(entry.deletion.by_device, setup->device, sizeof(setup->device));
    verify_deletion_sign(setup->identity_seed, &entry.deletion);
    take("account-deleted", encoded, verify_log_encode(&entry, encoded), arg);
}

const struct fuzz_target fuzz_target = {
    .name = "verify", .setup = setup, .one = one, .seeds = seeds};
