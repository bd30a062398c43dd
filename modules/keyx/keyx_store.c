/* SPDX-License-Identifier: MIT */
/*
 * The tables of the keyx module: statements, and what several handlers do with them.
 *
 * Everything here runs inside a transaction, on the writer or a reader thread, and touches nothing else.
 */
#include "keyx.h"

#include <string.h>

#define CLAIM_PLACE "caller_user = ? AND caller_device = ? AND request_id"
#define PACKAGE_PLACE "user_id = ? AND device_id = ? AND suite = ? AND last_resort = ?"

const struct sotto_stmt_row keyx_statements[KEYX_STMT_COUNT] = {
    [KEYX_IDENTITY_GET] = {"SELECT identity_key, signature, log_count, log_head"
                           " FROM keyx_identities WHERE user_id = ?"},
    [KEYX_IDENTITY_ADD] = {"INSERT INTO keyx_identities (user_id, identity_key, signature,"
                           " log_count, log_head, published_ms) VALUES (?, ?, ?, 0, ?, ?)"},
    [KEYX_IDENTITY_SET_LOG] = {"UPDATE keyx_identities SET log_count = ?, log_head = ?"
                               " WHERE user_id = ?"},
    [KEYX_DEVICE_GET] = {"SELECT signature_key, certificate FROM keyx_devices"
                         " WHERE user_id = ? AND device_id = ?"},
    [KEYX_DEVICE_LIST] = {"SELECT device_id, certificate, signature_key, label, added_ms"
                          " FROM keyx_devices WHERE user_id = ? ORDER BY added_ms, device_id"},
    [KEYX_DEVICE_COUNT] = {"SELECT COUNT(*) FROM keyx_devices WHERE user_id = ?"},
    [KEYX_DEVICE_ADD] = {"INSERT INTO keyx_devices (user_id, device_id, signature_key, certificate,"
                         " label, added_ms) VALUES (?, ?, ?, ?, ?, ?)"},
    [KEYX_DEVICE_REMOVE] = {"DELETE FROM keyx_devices WHERE user_id = ? AND device_id = ?"},
    [KEYX_REMOVED_ADD] = {"INSERT INTO keyx_removed (user_id, device_id, by_device, removed_ms,"
                          " signature, account, told) VALUES (?, ?, ?, ?, ?, ?, 0)"},
    [KEYX_REMOVED_GET] = {"SELECT 1 FROM keyx_removed WHERE user_id = ? AND device_id = ?"},
    [KEYX_REMOVED_UNTOLD] = {"SELECT user_id, device_id, by_device, removed_ms, signature, account"
                             " FROM keyx_removed WHERE told = 0 LIMIT ?"},
    [KEYX_REMOVED_TELL] = {"UPDATE keyx_removed SET told = 1"
                           " WHERE user_id = ? AND device_id = ?"},
    [KEYX_DELETED_ADD] = {"INSERT INTO keyx_deleted (user_id, deleted_ms) VALUES (?, ?)"},
    [KEYX_DELETED_GET] = {"SELECT 1 FROM keyx_deleted WHERE user_id = ?"},
    [KEYX_LOG_ADD] = {"INSERT INTO keyx_log (user_id, number, entry, hash) VALUES (?, ?, ?, ?)"},
    [KEYX_LOG_LIST] = {"SELECT number, entry, hash FROM keyx_log WHERE user_id = ?"
                       " ORDER BY number"},
    [KEYX_PACKAGE_ADD] = {"INSERT INTO keyx_packages (ref, user_id, device_id, suite, last_resort,"
                          " expires_ms, package) VALUES (?, ?, ?, ?, ?, ?, ?)"
                          " ON CONFLICT (ref) DO NOTHING"},
    [KEYX_PACKAGE_REMOVE] = {"DELETE FROM keyx_packages WHERE ref = ?"},
    [KEYX_PACKAGE_REMOVE_LAST] = {"DELETE FROM keyx_packages WHERE " PACKAGE_PLACE},
    [KEYX_PACKAGE_REMOVE_ALL] = {"DELETE FROM keyx_packages"
                                 " WHERE user_id = ? AND device_id = ?"},
    [KEYX_PACKAGE_PICK] = {"SELECT ref, package, expires_ms FROM keyx_packages"
                           " WHERE " PACKAGE_PLACE " AND expires_ms > ?"
                           " ORDER BY expires_ms LIMIT 1"},
    [KEYX_PACKAGE_COUNT] = {"SELECT COUNT(*) FROM keyx_packages"
                            " WHERE " PACKAGE_PLACE " AND expires_ms > ?"},
    [KEYX_PACKAGE_PURGE] = {"DELETE FROM keyx_packages WHERE ref IN"
                            " (SELECT ref FROM keyx_packages WHERE expires_ms <= ? LIMIT 500)"},
    [KEYX_CLAIM_GET] = {"SELECT last_resort, package FROM keyx_claims WHERE " CLAIM_PLACE " = ?"
                        " AND suite = ? AND user_id = ? AND device_id = ? AND expires_ms > ?"},
    [KEYX_CLAIM_ADD] =
        {"INSERT INTO keyx_claims (caller_user, caller_device, request_id, suite,"
         " user_id, device_id, expires_ms, last_resort, package)"
         " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
         " ON CONFLICT (caller_user, caller_device, request_id, suite, user_id, device_id)"
         " DO UPDATE SET expires_ms = excluded.expires_ms,"
         " last_resort = excluded.last_resort, package = excluded.package"},
    [KEYX_CLAIM_FORGET] = {"DELETE FROM keyx_claims WHERE " CLAIM_PLACE " <> ?"
                           " AND request_id NOT IN (SELECT request_id FROM keyx_claims"
                           " WHERE " CLAIM_PLACE " <> ? GROUP BY request_id"
                           " ORDER BY MAX(expires_ms) DESC LIMIT ?)"},
    [KEYX_CLAIM_REMOVE_DEVICE] = {"DELETE FROM keyx_claims WHERE user_id = ? AND device_id = ?"},
    [KEYX_CLAIM_PURGE] = {"DELETE FROM keyx_claims WHERE expires_ms <= ?"},
    [KEYX_SPENT_ADD] = {"INSERT INTO keyx_spent (ref, expires_ms) VALUES (?, ?)"
                        " ON CONFLICT (ref) DO NOTHING"},
    [KEYX_SPENT_GET] = {"SELECT 1 FROM keyx_spent WHERE ref = ?"},
    [KEYX_SPENT_PURGE] = {"DELETE FROM keyx_spent WHERE ref IN"
                          " (SELECT ref FROM keyx_spent WHERE expires_ms <= ? LIMIT 500)"},
    [KEYX_BACKUP_GET] = {"SELECT counter, container FROM keyx_backups WHERE user_id = ?"
                         " ORDER BY counter DESC LIMIT 1"},
    [KEYX_BACKUP_ADD] = {"INSERT INTO keyx_backups (user_id, counter, container, stored_ms)"
                         " VALUES (?, ?, ?, ?)"},
    [KEYX_BACKUP_REMOVE] = {"DELETE FROM keyx_backups WHERE user_id = ?"},
    [KEYX_BACKUP_TRIM] = {"DELETE FROM keyx_backups WHERE user_id = ? AND counter <"
                          " (SELECT MIN(kept.counter) FROM (SELECT counter FROM keyx_backups"
                          " WHERE user_id = ? ORDER BY counter DESC LIMIT 3) AS kept)"},
};

int
keyx_refuse(const char **text_out, int error, const char *text)
{
    *text_out = text;
    return error;
}

ProtobufCBinaryData
keyx_copy(struct sotto_tx *tx, struct sotto_view view)
{
    uint8_t *data = sotto_tx_alloc(tx, view.size > 0 ? view.size : 1);

    if (data == NULL)
        return (ProtobufCBinaryData){0};
    if (view.size > 0)
        memcpy(data, view.data, view.size);
    return (ProtobufCBinaryData){.data = data, .len = view.size};
}

int
keyx_identity_get(struct sotto_tx *tx, const uint8_t *user, struct keyx_identity *identity_out)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_IDENTITY_GET);
    struct sotto_view key, signature, head;
    int rc;

    sotto_bind_blob(stmt, 1, user, KEYX_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc == SOTTO_DONE ? SOTTO_ENOTFOUND : rc;

    key = sotto_col_blob(stmt, 0);
    signature = sotto_col_blob(stmt, 1);
    head = sotto_col_blob(stmt, 3);
    if (key.size != VERIFY_KEY_BYTES || signature.size != VERIFY_SIGNATURE_BYTES ||
        head.size != VERIFY_HASH_BYTES)
        return SOTTO_EDATALOSS;
    memcpy(identity_out->identity_key, key.data, key.size);
    memcpy(identity_out->signature, signature.data, signature.size);
    memcpy(identity_out->log_head, head.data, head.size);
    identity_out->log_count = (uint32_t)sotto_col_int(stmt, 2);
    return SOTTO_OK;
}

int
keyx_log_append(struct sotto_tx *tx, const uint8_t *user, struct keyx_identity *identity,
                struct verify_log_entry *entry)
{
    uint8_t data[VERIFY_LOG_ENTRY_BYTES_MAX];
    struct sotto_stmt *stmt;
    size_t size;
    int rc;

    memcpy(entry->user_id, user, KEYX_ID_BYTES);
    entry->number = identity->log_count + 1;
    entry->time_ms = (uint64_t)tx->api->now_ms(tx);
    size = verify_log_encode(entry, data);
    verify_log_hash(identity->log_head, data, size, identity->log_head);
    identity->log_count++;

    stmt = sotto_stmt(tx, KEYX_LOG_ADD);
    sotto_bind_blob(stmt, 1, user, KEYX_ID_BYTES);
    sotto_bind_int(stmt, 2, entry->number);
    sotto_bind_blob(stmt, 3, data, size);
    sotto_bind_blob(stmt, 4, identity->log_head, VERIFY_HASH_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_DONE)
        return rc;

    stmt = sotto_stmt(tx, KEYX_IDENTITY_SET_LOG);
    sotto_bind_int(stmt, 1, identity->log_count);
    sotto_bind_blob(stmt, 2, identity->log_head, VERIFY_HASH_BYTES);
    sotto_bind_blob(stmt, 3, user, KEYX_ID_BYTES);
    return sotto_step(stmt);
}

/* ---- the public answer about a user ---------------------------------------------------------- */

static Sotto__Keyx__V1__Device *
read_device(struct sotto_tx *tx, struct sotto_stmt *row, bool with_label)
{
    Sotto__Keyx__V1__Device *device = sotto_tx_alloc(tx, sizeof(*device));

    if (device == NULL)
        return NULL;
    sotto__keyx__v1__device__init(device);
    device->device_id = keyx_copy(tx, sotto_col_blob(row, 0));
    device->certificate = keyx_copy(tx, sotto_col_blob(row, 1));
    device->signature_key = keyx_copy(tx, sotto_col_blob(row, 2));
    if (with_label) {
        const char *label = sotto_col_text(row, 3);
        const struct sotto_view text = {(const uint8_t *)label, strlen(label) + 1};

        device->label = (char *)keyx_copy(tx, text).data;
    }
    device->added_ms = sotto_col_int(row, 4);
    if (device->device_id.data == NULL || device->certificate.data == NULL ||
        device->signature_key.data == NULL || device->label == NULL)
        return NULL;
    return device;
}

static int
read_devices(struct sotto_tx *tx, const uint8_t *user, bool with_labels,
             Sotto__Keyx__V1__GetIdentityReply *reply)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_DEVICE_LIST);
    int rc;

    reply->devices = sotto_tx_alloc(tx, KEYX_DEVICES_MAX * sizeof(*reply->devices));
    if (reply->devices == NULL)
        return SOTTO_ENOMEM;
    sotto_bind_blob(stmt, 1, user, KEYX_ID_BYTES);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW && reply->n_devices < KEYX_DEVICES_MAX) {
        Sotto__Keyx__V1__Device *device = read_device(tx, stmt, with_labels);

        if (device == NULL)
            return SOTTO_ENOMEM;
        reply->devices[reply->n_devices++] = device;
    }
    return rc < 0 ? rc : SOTTO_OK;
}

static int
read_log(struct sotto_tx *tx, const uint8_t *user, uint32_t count,
         Sotto__Keyx__V1__GetIdentityReply *reply)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_LOG_LIST);
    int rc;

    reply->key_log = sotto_tx_alloc(tx, (count + 1) * sizeof(*reply->key_log));
    if (reply->key_log == NULL)
        return SOTTO_ENOMEM;
    sotto_bind_blob(stmt, 1, user, KEYX_ID_BYTES);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW && reply->n_key_log < count) {
        Sotto__Keyx__V1__KeyLogEntry *entry = sotto_tx_alloc(tx, sizeof(*entry));

        if (entry == NULL)
            return SOTTO_ENOMEM;
        sotto__keyx__v1__key_log_entry__init(entry);
        entry->number = (uint32_t)sotto_col_int(stmt, 0);
        entry->entry = keyx_copy(tx, sotto_col_blob(stmt, 1));
        entry->hash = keyx_copy(tx, sotto_col_blob(stmt, 2));
        if (entry->entry.data == NULL || entry->hash.data == NULL)
            return SOTTO_ENOMEM;
        reply->key_log[reply->n_key_log++] = entry;
    }
    return rc < 0 ? rc : SOTTO_OK;
}

int
keyx_identity_reply(struct sotto_tx *tx, const uint8_t *user, bool with_labels,
                    Sotto__Keyx__V1__GetIdentityReply *reply_out)
{
    struct keyx_identity identity;
    const struct sotto_view id = {user, KEYX_ID_BYTES};
    int rc;

    sotto__keyx__v1__get_identity_reply__init(reply_out);
    reply_out->user_id = keyx_copy(tx, id);
    if (reply_out->user_id.data == NULL)
        return SOTTO_ENOMEM;
    rc = keyx_identity_get(tx, user, &identity);
    if (rc == SOTTO_ENOTFOUND)
        return SOTTO_OK;
    if (rc != SOTTO_OK)
        return rc;

    reply_out->identity_key =
        keyx_copy(tx, (struct sotto_view){identity.identity_key, VERIFY_KEY_BYTES});
    reply_out->signature =
        keyx_copy(tx, (struct sotto_view){identity.signature, VERIFY_SIGNATURE_BYTES});
    if (reply_out->identity_key.data == NULL || reply_out->signature.data == NULL)
        return SOTTO_ENOMEM;
    rc = read_devices(tx, user, with_labels, reply_out);
    if (rc != SOTTO_OK)
        return rc;
    return read_log(tx, user, identity.log_count, reply_out);
}

/* ---- from and to the logic thread ---------------------------------------------------------------- */

void
keyx_write(struct keyx *keyx, struct sotto_req *req, sotto_tx_fn *fn, const void *arg, size_t size,
           sotto_db_done_fn *done)
{
    const int rc = keyx->host->db->write(keyx->host, fn, arg, size, done);

    if (rc != SOTTO_OK)
        sotto_fail_status(req, rc, NULL);
}

void
keyx_read(struct keyx *keyx, struct sotto_req *req, sotto_tx_fn *fn, const void *arg, size_t size,
          sotto_db_done_fn *done)
{
    const int rc = keyx->host->db->read(keyx->host, fn, arg, size, done);

    if (rc != SOTTO_OK)
        sotto_fail_status(req, rc, NULL);
}

void
keyx_job(struct keyx *keyx, struct sotto_req *req, sotto_work_fn *fn, const void *arg, size_t size,
         sotto_work_done_fn *done)
{
    const int rc = keyx->host->job->run(keyx->host, fn, arg, size, done);

    if (rc != SOTTO_OK)
        sotto_fail_status(req, rc, NULL);
}
