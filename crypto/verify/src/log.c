/* SPDX-License-Identifier: MIT */
/*
 * The key log of a user: what was published when, as a hash chain.
 *
 * The server writes the entries and could leave some out or show different chains to different people; it cannot
 * change one that a client has seen, and two clients that compare heads notice a fork. It proves consistency, not
 * truth: what an entry says is believed only with the signatures inside it, which verify_log_apply checks.
 */
#include "verify/verify.h"

#include <sodium.h>

#include "wire.h"

static size_t
body_bytes(int kind)
{
    switch (kind) {
    case VERIFY_LOG_IDENTITY: return VERIFY_KEY_BYTES + VERIFY_SIGNATURE_BYTES;
    case VERIFY_LOG_DEVICE_ADDED: return VERIFY_KEY_BYTES + VERIFY_CERT_BYTES;
    case VERIFY_LOG_DEVICE_REMOVED: return 2 * VERIFY_ID_BYTES + 8 + VERIFY_SIGNATURE_BYTES;
    case VERIFY_LOG_ACCOUNT_DELETED: return VERIFY_ID_BYTES + 8 + VERIFY_SIGNATURE_BYTES;
    default: return 0;
    }
}

size_t
verify_log_encode(const struct verify_log_entry *entry, uint8_t out[VERIFY_LOG_ENTRY_BYTES_MAX])
{
    uint8_t *at = out;

    if (body_bytes(entry->kind) == 0)
        return 0;

    at = put_uint(at, VERIFY_LOG_VERSION, 1);
    at = put_uint(at, entry->kind, 1);
    at = put_uint(at, entry->number, 4);
    at = put_uint(at, entry->time_ms, 8);
    at = put_bytes(at, entry->user_id, VERIFY_ID_BYTES);
    switch (entry->kind) {
    case VERIFY_LOG_IDENTITY:
        at = put_bytes(at, entry->identity_key, VERIFY_KEY_BYTES);
        at = put_bytes(at, entry->signature, VERIFY_SIGNATURE_BYTES);
        break;
    case VERIFY_LOG_DEVICE_ADDED:
        at = put_bytes(at, entry->device_key, VERIFY_KEY_BYTES);
        at = put_bytes(at, entry->certificate, VERIFY_CERT_BYTES);
        break;
    case VERIFY_LOG_DEVICE_REMOVED:
        at = put_bytes(at, entry->removal.device_id, VERIFY_ID_BYTES);
        at = put_bytes(at, entry->removal.by_device, VERIFY_ID_BYTES);
        at = put_uint(at, entry->removal.removed_at, 8);
        at = put_bytes(at, entry->removal.signature, VERIFY_SIGNATURE_BYTES);
        break;
    case VERIFY_LOG_ACCOUNT_DELETED:
        at = put_bytes(at, entry->deletion.by_device, VERIFY_ID_BYTES);
        at = put_uint(at, entry->deletion.deleted_at, 8);
        at = put_bytes(at, entry->deletion.signature, VERIFY_SIGNATURE_BYTES);
        break;
    }
    return (size_t)(at - out);
}

int
verify_log_decode(const uint8_t *data, size_t size, struct verify_log_entry *entry_out)
{
    struct verify_log_entry entry = {0};
    uint64_t number;

    if (size < VERIFY_LOG_HEAD_BYTES || data[0] != VERIFY_LOG_VERSION)
        return VERIFY_EDECODE;
    if (body_bytes(data[1]) == 0 || size != VERIFY_LOG_HEAD_BYTES + body_bytes(data[1]))
        return VERIFY_EDECODE;

    entry.kind = data[1];
    data = get_uint(data + 2, &number, 4);
    entry.number = (uint32_t)number;
    data = get_uint(data, &entry.time_ms, 8);
    data = get_bytes(data, entry.user_id, VERIFY_ID_BYTES);
    switch (entry.kind) {
    case VERIFY_LOG_IDENTITY:
        data = get_bytes(data, entry.identity_key, VERIFY_KEY_BYTES);
        get_bytes(data, entry.signature, VERIFY_SIGNATURE_BYTES);
        break;
    case VERIFY_LOG_DEVICE_ADDED:
        data = get_bytes(data, entry.device_key, VERIFY_KEY_BYTES);
        get_bytes(data, entry.certificate, VERIFY_CERT_BYTES);
        break;
    case VERIFY_LOG_DEVICE_REMOVED:
        memcpy(entry.removal.user_id, entry.user_id, VERIFY_ID_BYTES);
        data = get_bytes(data, entry.removal.device_id, VERIFY_ID_BYTES);
        data = get_bytes(data, entry.removal.by_device, VERIFY_ID_BYTES);
        data = get_uint(data, &entry.removal.removed_at, 8);
        get_bytes(data, entry.removal.signature, VERIFY_SIGNATURE_BYTES);
        break;
    case VERIFY_LOG_ACCOUNT_DELETED:
        memcpy(entry.deletion.user_id, entry.user_id, VERIFY_ID_BYTES);
        data = get_bytes(data, entry.deletion.by_device, VERIFY_ID_BYTES);
        data = get_uint(data, &entry.deletion.deleted_at, 8);
        get_bytes(data, entry.deletion.signature, VERIFY_SIGNATURE_BYTES);
        break;
    }
    *entry_out = entry;
    return VERIFY_OK;
}

void
verify_log_hash(const uint8_t previous[VERIFY_HASH_BYTES], const uint8_t *entry, size_t size,
                uint8_t hash_out[VERIFY_HASH_BYTES])
{
    crypto_hash_sha256_state hash;

    crypto_hash_sha256_init(&hash);
    crypto_hash_sha256_update(&hash, previous, VERIFY_HASH_BYTES);
    crypto_hash_sha256_update(&hash, entry, size);
    crypto_hash_sha256_final(&hash, hash_out);
}

void
verify_log_init(struct verify_log *log, const uint8_t user_id[VERIFY_ID_BYTES])
{
    *log = (struct verify_log){0};
    memcpy(log->user_id, user_id, VERIFY_ID_BYTES);
}

const struct verify_log_device *
verify_log_device(const struct verify_log *log, const uint8_t device_id[VERIFY_ID_BYTES])
{
    for (size_t i = 0; i < log->device_count; i++)
        if (memcmp(log->devices[i].device_id, device_id, VERIFY_ID_BYTES) == 0)
            return &log->devices[i];
    return NULL;
}

/* The device's certificate must be of this user, under this identity, for the key the entry names; and the device new
 * among at most ten. */
static int
check_added(const struct verify_log *log, const struct verify_log_entry *entry)
{
    struct verify_cert cert;
    int rc = verify_cert_parse(entry->certificate, VERIFY_CERT_BYTES, &cert);

    if (rc != VERIFY_OK)
        return rc;
    if (memcmp(cert.user_id, log->user_id, VERIFY_ID_BYTES) != 0 ||
        memcmp(cert.identity_key, log->identity_key, VERIFY_KEY_BYTES) != 0)
        return VERIFY_EMISMATCH;
    if (log->device_count == VERIFY_LOG_DEVICES_MAX ||
        verify_log_device(log, cert.device_id) != NULL)
        return VERIFY_ECHAIN;
    return verify_cert_check(&cert, entry->device_key);
}

static int
check_removed(const struct verify_log *log, const struct verify_log_entry *entry)
{
    if (verify_log_device(log, entry->removal.device_id) == NULL)
        return VERIFY_ECHAIN;
    return verify_removal_check(&entry->removal, log->identity_key);
}

static int
check_content(const struct verify_log *log, const struct verify_log_entry *entry)
{
    if (memcmp(entry->user_id, log->user_id, VERIFY_ID_BYTES) != 0)
        return VERIFY_EMISMATCH;
    if ((entry->kind == VERIFY_LOG_IDENTITY) != (log->number == 0) || log->is_deleted)
        return VERIFY_ECHAIN;

    if (entry->kind == VERIFY_LOG_IDENTITY)
        return verify_identity_check(entry->user_id, entry->identity_key, entry->signature);
    if (entry->kind == VERIFY_LOG_DEVICE_ADDED)
        return check_added(log, entry);
    if (entry->kind == VERIFY_LOG_ACCOUNT_DELETED)
        return verify_deletion_check(&entry->deletion, log->identity_key);
    return check_removed(log, entry);
}

/* Applies an entry that was checked to the list of devices. */
static void
count_device(struct verify_log *log, const struct verify_log_entry *entry)
{
    struct verify_log_device *device = &log->devices[log->device_count];
    struct verify_cert cert;

    if (entry->kind == VERIFY_LOG_DEVICE_ADDED &&
        verify_cert_parse(entry->certificate, VERIFY_CERT_BYTES, &cert) == VERIFY_OK) {
        memcpy(device->device_id, cert.device_id, VERIFY_ID_BYTES);
        memcpy(device->device_key, entry->device_key, VERIFY_KEY_BYTES);
        log->device_count++;
    }
    for (size_t i = 0; entry->kind == VERIFY_LOG_DEVICE_REMOVED && i < log->device_count; i++)
        if (memcmp(log->devices[i].device_id, entry->removal.device_id, VERIFY_ID_BYTES) == 0)
            log->devices[i] = log->devices[--log->device_count];
    if (entry->kind == VERIFY_LOG_ACCOUNT_DELETED) {
        log->device_count = 0;
        log->is_deleted = true;
    }
}

int
verify_log_apply(struct verify_log *log, const uint8_t *data, size_t size,
                 const uint8_t hash[VERIFY_HASH_BYTES], struct verify_log_entry *entry_out)
{
    struct verify_log_entry entry;
    uint8_t head[VERIFY_HASH_BYTES];
    int rc = verify_log_decode(data, size, &entry);

    if (rc != VERIFY_OK)
        return rc;
    verify_log_hash(log->head, data, size, head);
    if (log->number == UINT32_MAX || entry.number != log->number + 1 ||
        memcmp(head, hash, VERIFY_HASH_BYTES) != 0)
        return VERIFY_ECHAIN;
    rc = check_content(log, &entry);
    if (rc != VERIFY_OK)
        return rc;

    log->number = entry.number;
    memcpy(log->head, head, VERIFY_HASH_BYTES);
    if (entry.kind == VERIFY_LOG_IDENTITY)
        memcpy(log->identity_key, entry.identity_key, VERIFY_KEY_BYTES);
    count_device(log, &entry);
    if (entry_out != NULL)
        *entry_out = entry;
    return VERIFY_OK;
}
