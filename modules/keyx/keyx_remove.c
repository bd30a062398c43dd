/* SPDX-License-Identifier: MIT */
/*
 * RemoveDevice: a device leaves its account for good.
 *
 * One transaction takes the device and its KeyPackages away, remembers the id and the signed removal, and writes the
 * key log. From its commit on nobody can claim a package of the device or add it to a chat. The rest belongs to
 * others, who learn of it by keyx.device.removed.v1: auth ends the device's logins; members take out its leaves.
 *
 * The broker delivers at most once and a subscriber's own write may fail, so each removal is told again, by the
 * housekeeping and after a restart, until a round of the same process comes after one that told it. Whoever listens
 * hears it more than once.
 */
#include "keyx.h"

#include <string.h>

struct remove_op {
    struct sotto_req *req;
    const char *text;
    struct verify_removal removal;
    uint8_t identity_key[VERIFY_KEY_BYTES];
    bool removed; /* false: it was removed before */
    uint8_t head[VERIFY_HASH_BYTES];
};

/* ---- telling ------------------------------------------------------------------------------------- */

static void
fill_event(const struct keyx_removal *gone, Sotto__Keyx__V1__DeviceRemoved *event)
{
    const struct verify_removal *removal = &gone->removal;

    sotto__keyx__v1__device_removed__init(event);
    event->user_id = keyx_bytes(removal->user_id, KEYX_ID_BYTES);
    event->device_id = keyx_bytes(removal->device_id, KEYX_ID_BYTES);
    event->by_device = keyx_bytes(removal->by_device, KEYX_ID_BYTES);
    event->removed_ms = (int64_t)removal->removed_at;
    event->signature = keyx_bytes(removal->signature, VERIFY_SIGNATURE_BYTES);
    event->account = gone->is_account;
}

int
keyx_publish_removal(struct keyx *keyx, const struct keyx_removal *gone)
{
    Sotto__Keyx__V1__DeviceRemoved event;
    uint8_t payload[3 * KEYX_ID_BYTES + VERIFY_SIGNATURE_BYTES + 32];
    struct sotto_view view = {.data = payload};
    const struct sotto_view key = {gone->removal.user_id, KEYX_ID_BYTES};

    fill_event(gone, &event);
    view.size = sotto__keyx__v1__device_removed__pack(&event, payload);
    return keyx->host->broker->publish(keyx->host, "keyx.device.removed.v1", key, view);
}

struct tell_op {
    struct keyx_told told;
    struct keyx_removal *removals; /* in the transaction's memory */
    size_t count;
};

static int
read_removal(struct sotto_stmt *row, struct keyx_removal *gone)
{
    struct verify_removal *removal = &gone->removal;
    const struct sotto_view user = sotto_col_blob(row, 0), device = sotto_col_blob(row, 1),
                            by = sotto_col_blob(row, 2), signature = sotto_col_blob(row, 4);

    if (user.size != KEYX_ID_BYTES || device.size != KEYX_ID_BYTES || by.size != KEYX_ID_BYTES ||
        signature.size != VERIFY_SIGNATURE_BYTES)
        return SOTTO_EDATALOSS;
    memcpy(removal->user_id, user.data, user.size);
    memcpy(removal->device_id, device.data, device.size);
    memcpy(removal->by_device, by.data, by.size);
    removal->removed_at = (uint64_t)sotto_col_int(row, 3);
    memcpy(removal->signature, signature.data, signature.size);
    gone->is_account = sotto_col_int(row, 5) != 0;
    return SOTTO_OK;
}

static int
bind_device(struct sotto_stmt *stmt, const struct verify_removal *removal)
{
    sotto_bind_blob(stmt, 1, removal->user_id, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, 2, removal->device_id, KEYX_ID_BYTES);
    return sotto_step(stmt);
}

/* Marks what the last round told. */
static int
mark_told(struct sotto_tx *tx, const struct keyx_told *told)
{
    int rc = SOTTO_OK;

    for (size_t i = 0; i < told->count && rc >= 0; i++)
        rc = bind_device(sotto_stmt(tx, KEYX_REMOVED_TELL), &told->removals[i]);
    return rc;
}

static int
tell_tx(struct sotto_tx *tx, void *arg)
{
    struct tell_op *op = arg;
    struct sotto_stmt *stmt;
    int rc = mark_told(tx, &op->told);

    op->count = 0;
    op->removals = sotto_tx_alloc(tx, KEYX_TELL_MAX * sizeof(*op->removals));
    if (rc < 0 || op->removals == NULL)
        return rc < 0 ? rc : SOTTO_ENOMEM;
    stmt = sotto_stmt(tx, KEYX_REMOVED_UNTOLD);
    sotto_bind_int(stmt, 1, KEYX_TELL_MAX);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW && op->count < KEYX_TELL_MAX) {
        rc = read_removal(stmt, &op->removals[op->count++]);
        if (rc != SOTTO_OK)
            return rc;
    }
    return rc < 0 ? rc : SOTTO_OK;
}

static void
tell_done(void *state, int status, void *arg)
{
    struct keyx *keyx = state;
    const struct tell_op *op = arg;

    if (status == SOTTO_OK)
        keyx->told.count = 0;
    else
        keyx->host->api->log(keyx->host, SOTTO_LOG_WARN, "removed devices were not told again: %s",
                             sotto_error_code(status));
    for (size_t i = 0; status == SOTTO_OK && i < op->count; i++)
        if (keyx_publish_removal(keyx, &op->removals[i]) == SOTTO_OK)
            keyx->told.removals[keyx->told.count++] = op->removals[i].removal;
}

void
keyx_tell_again(struct keyx *keyx)
{
    const struct tell_op op = {.told = keyx->told};

    keyx->host->db->write(keyx->host, tell_tx, &op, sizeof(op), tell_done);
}

/* ---- RemoveDevice -------------------------------------------------------------------------------- */

int
keyx_was_removed(struct sotto_tx *tx, const uint8_t *user, const uint8_t *device)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_REMOVED_GET);
    int rc;

    sotto_bind_blob(stmt, 1, user, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, 2, device, KEYX_ID_BYTES);
    rc = sotto_step(stmt);
    return rc == SOTTO_ROW ? 1 : rc;
}

/* 1: there is such a device, and another one besides it. */
static int
find_device(struct sotto_tx *tx, struct remove_op *op)
{
    int rc = bind_device(sotto_stmt(tx, KEYX_DEVICE_GET), &op->removal);
    struct sotto_stmt *stmt;

    if (rc != SOTTO_ROW)
        return rc < 0 ? rc
                      : keyx_refuse(&op->text, SOTTO_ENOTFOUND,
                                    "the account has no such device; `sotto devices` lists them");
    stmt = sotto_stmt(tx, KEYX_DEVICE_COUNT);
    sotto_bind_blob(stmt, 1, op->removal.user_id, KEYX_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_EIO;
    if (sotto_col_int(stmt, 0) < 2)
        return keyx_refuse(&op->text, SOTTO_EPRECONDITION,
                           "it is the only device of the account; log in on another one first");
    return SOTTO_OK;
}

static int
remember(struct sotto_tx *tx, const struct keyx_removal *gone)
{
    const struct verify_removal *removal = &gone->removal;
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_REMOVED_ADD);

    sotto_bind_blob(stmt, 3, removal->by_device, KEYX_ID_BYTES);
    sotto_bind_int(stmt, 4, (int64_t)removal->removed_at);
    sotto_bind_blob(stmt, 5, removal->signature, VERIFY_SIGNATURE_BYTES);
    sotto_bind_int(stmt, 6, gone->is_account);
    return bind_device(stmt, removal);
}

int
keyx_take_away(struct sotto_tx *tx, const struct keyx_removal *gone)
{
    int rc = bind_device(sotto_stmt(tx, KEYX_PACKAGE_REMOVE_ALL), &gone->removal);

    if (rc >= 0)
        rc = bind_device(sotto_stmt(tx, KEYX_CLAIM_REMOVE_DEVICE), &gone->removal);
    if (rc >= 0)
        rc = bind_device(sotto_stmt(tx, KEYX_DEVICE_REMOVE), &gone->removal);
    return rc < 0 ? rc : remember(tx, gone);
}

static int
take_away(struct sotto_tx *tx, const struct verify_removal *removal, struct keyx_identity *identity)
{
    struct verify_log_entry entry = {.kind = VERIFY_LOG_DEVICE_REMOVED, .removal = *removal};
    const int rc = keyx_take_away(tx, &(struct keyx_removal){.removal = *removal});

    return rc < 0 ? rc : keyx_log_append(tx, removal->user_id, identity, &entry);
}

static int
remove_tx(struct sotto_tx *tx, void *arg)
{
    struct remove_op *op = arg;
    struct keyx_identity identity;
    int rc = keyx_identity_get(tx, op->removal.user_id, &identity);

    op->removed = false;
    if (rc == SOTTO_ENOTFOUND)
        return keyx_refuse(&op->text, SOTTO_EPRECONDITION, "the account has no keys yet");
    if (rc == SOTTO_OK && memcmp(identity.identity_key, op->identity_key, VERIFY_KEY_BYTES) != 0)
        return keyx_refuse(&op->text, SOTTO_EPRECONDITION,
                           "the removal is not signed by the account's identity key");
    if (rc == SOTTO_OK)
        rc = keyx_was_removed(tx, op->removal.user_id, op->removal.device_id);
    if (rc == 0) {
        op->removed = true;
        rc = find_device(tx, op);
        if (rc == SOTTO_OK)
            rc = take_away(tx, &op->removal, &identity);
    }
    memcpy(op->head, identity.log_head, sizeof(op->head));
    return rc < 0 ? rc : SOTTO_OK;
}

static int
check_signature(void *arg)
{
    const struct remove_op *op = arg;

    return verify_removal_check(&op->removal, op->identity_key);
}

static void
remove_done(void *state, int status, void *arg)
{
    struct keyx *keyx = state;
    const struct remove_op *op = arg;
    const struct sotto_session_match match = {.user = op->removal.user_id};
    Sotto__Keyx__V1__RemoveDeviceReply reply = SOTTO__KEYX__V1__REMOVE_DEVICE_REPLY__INIT;
    const struct keyx_removal gone = {.removal = op->removal};
    Sotto__Keyx__V1__DeviceRemoved event;

    if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, op->text);
        return;
    }
    reply.key_log_head = keyx_bytes(op->head, sizeof(op->head));
    /* First the answer: a device may remove itself, and its connection ends with the fact. */
    sotto_reply(op->req, &reply.base);
    if (!op->removed)
        return;
    fill_event(&gone, &event);
    keyx->host->session->push_matching(keyx->host, &match, &event.base);
    keyx_publish_removal(keyx, &gone);
}

static void
signature_checked(void *state, int status, void *arg)
{
    struct remove_op *op = arg;

    if (status != VERIFY_OK)
        sotto_fail(op->req, SOTTO_EINVALID, "identity_key did not sign the removal");
    else
        keyx_write(state, op->req, remove_tx, op, sizeof(*op), remove_done);
}

void
keyx_on_remove_device(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct keyx *keyx = state;
    const Sotto__Keyx__V1__RemoveDeviceRequest *request = (const void *)in;
    const int64_t age_ms = keyx->host->api->now_ms(keyx->host) - request->removed_ms;
    struct remove_op op = {.req = req};

    if (request->device_id.len != KEYX_ID_BYTES ||
        request->signature.len != VERIFY_SIGNATURE_BYTES ||
        request->identity_key.len != VERIFY_KEY_BYTES) {
        sotto_fail(req, SOTTO_EINVALID, "device_id has 16 bytes, signature 64 and identity_key 32");
        return;
    }
    if (request->removed_ms < 0 || age_ms > KEYX_CLOCK_SKEW_MS || age_ms < -KEYX_CLOCK_SKEW_MS) {
        sotto_fail(req, SOTTO_EINVALID, "the clock of this device is more than a day off; set it");
        return;
    }
    memcpy(op.removal.user_id, req->caller->user, KEYX_ID_BYTES);
    memcpy(op.removal.device_id, request->device_id.data, KEYX_ID_BYTES);
    memcpy(op.removal.by_device, req->caller->device, KEYX_ID_BYTES);
    op.removal.removed_at = (uint64_t)request->removed_ms;
    memcpy(op.removal.signature, request->signature.data, VERIFY_SIGNATURE_BYTES);
    memcpy(op.identity_key, request->identity_key.data, VERIFY_KEY_BYTES);
    keyx_job(keyx, req, check_signature, &op, sizeof(op), signature_checked);
}
