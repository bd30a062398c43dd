/* SPDX-License-Identifier: MIT */
/*
 * Accounts that are deleted. auth decides that (auth.account.deleted.v1); here go all keys but the ones that others
 * need to see that it was the user who said so: the identity key and the key log, which ends with the signed
 * deletion.
 *
 * auth asks first whether the identity key signed it (keyx.deletion.check.v1), so a deletion that does not verify
 * when the fact comes is one that an identity was published under in between. It is carried out all the same,
 * without the entry in the log that nobody would believe.
 *
 * The fact comes more than once; the second time changes nothing. What it says of each device is told on like any
 * removal (keyx_remove.c).
 */
#include "keyx.h"

#include "auth.pb-c.h"

#include <string.h>

struct deletion_op {
    struct sotto_call *call; /* the question, or NULL: the fact */
    struct verify_deletion deletion;
    bool is_signed;
    bool has_identity; /* from the first transaction */
    uint8_t identity_key[VERIFY_KEY_BYTES];
    bool is_proven; /* from the job */
    size_t count;   /* from the second transaction: devices that went */
    struct keyx_removal removals[KEYX_DEVICES_MAX];
};

/* ---- reading ------------------------------------------------------------------------------------- */

static bool
read_fact(struct sotto_view payload, struct deletion_op *op)
{
    Sotto__Auth__V1__AccountDeleted *fact =
        sotto__auth__v1__account_deleted__unpack(NULL, payload.size, payload.data);
    const bool is_good =
        fact != NULL && fact->user_id.len == KEYX_ID_BYTES &&
        fact->by_device.len == KEYX_ID_BYTES &&
        (fact->signature.len == 0 || fact->signature.len == VERIFY_SIGNATURE_BYTES);

    if (is_good) {
        memcpy(op->deletion.user_id, fact->user_id.data, KEYX_ID_BYTES);
        memcpy(op->deletion.by_device, fact->by_device.data, KEYX_ID_BYTES);
        op->deletion.deleted_at = (uint64_t)fact->deleted_ms;
        op->is_signed = fact->signature.len > 0;
        if (op->is_signed)
            memcpy(op->deletion.signature, fact->signature.data, VERIFY_SIGNATURE_BYTES);
    }
    if (fact != NULL)
        sotto__auth__v1__account_deleted__free_unpacked(fact, NULL);
    return is_good;
}

static int
find_identity(struct sotto_tx *tx, void *arg)
{
    struct deletion_op *op = arg;
    struct keyx_identity identity;
    const int rc = keyx_identity_get(tx, op->deletion.user_id, &identity);

    op->has_identity = rc == SOTTO_OK;
    if (op->has_identity)
        memcpy(op->identity_key, identity.identity_key, VERIFY_KEY_BYTES);
    return rc == SOTTO_ENOTFOUND ? SOTTO_OK : rc;
}

static int
check_signature(void *arg)
{
    struct deletion_op *op = arg;

    op->is_proven = op->is_signed && op->has_identity &&
                    verify_deletion_check(&op->deletion, op->identity_key) == VERIFY_OK;
    return SOTTO_OK;
}

int
keyx_refuse_deleted(struct sotto_tx *tx, const uint8_t *user, const char **text_out)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_DELETED_GET);
    int rc;

    sotto_bind_blob(stmt, 1, user, KEYX_ID_BYTES);
    rc = sotto_step(stmt);
    return rc == SOTTO_ROW ? keyx_refuse(text_out, SOTTO_EPRECONDITION, "the account was deleted")
                           : rc;
}

/* ---- the deletion -------------------------------------------------------------------------------- */

static int
run_for(struct sotto_tx *tx, uint32_t statement, const uint8_t *user)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, statement);

    sotto_bind_blob(stmt, 1, user, KEYX_ID_BYTES);
    return sotto_step(stmt);
}

static int
add_tombstone(struct sotto_tx *tx, const struct deletion_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_DELETED_ADD);

    sotto_bind_blob(stmt, 1, op->deletion.user_id, KEYX_ID_BYTES);
    sotto_bind_int(stmt, 2, (int64_t)op->deletion.deleted_at);
    return sotto_step(stmt);
}

static int
list_devices(struct sotto_tx *tx, struct deletion_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_DEVICE_LIST);
    int rc;

    sotto_bind_blob(stmt, 1, op->deletion.user_id, KEYX_ID_BYTES);
    while ((rc = sotto_step(stmt)) == SOTTO_ROW && op->count < KEYX_DEVICES_MAX) {
        struct keyx_removal *gone = &op->removals[op->count++];
        const struct sotto_view device = sotto_col_blob(stmt, 0);

        if (device.size != KEYX_ID_BYTES)
            return SOTTO_EDATALOSS;
        *gone = (struct keyx_removal){.is_account = true};
        memcpy(gone->removal.user_id, op->deletion.user_id, KEYX_ID_BYTES);
        memcpy(gone->removal.device_id, device.data, KEYX_ID_BYTES);
        memcpy(gone->removal.by_device, op->deletion.by_device, KEYX_ID_BYTES);
        gone->removal.removed_at = op->deletion.deleted_at;
        memcpy(gone->removal.signature, op->deletion.signature, VERIFY_SIGNATURE_BYTES);
    }
    return rc < 0 ? rc : SOTTO_OK;
}

static int
end_log(struct sotto_tx *tx, const struct deletion_op *op)
{
    struct verify_log_entry entry = {.kind = VERIFY_LOG_ACCOUNT_DELETED, .deletion = op->deletion};
    struct keyx_identity identity;
    int rc;

    if (!op->is_proven)
        return SOTTO_OK;
    rc = keyx_identity_get(tx, op->deletion.user_id, &identity);
    return rc < 0 ? rc : keyx_log_append(tx, op->deletion.user_id, &identity, &entry);
}

static int
delete_tx(struct sotto_tx *tx, void *arg)
{
    struct deletion_op *op = arg;
    int rc = run_for(tx, KEYX_DELETED_GET, op->deletion.user_id);

    op->count = 0;
    if (rc != SOTTO_DONE)
        return rc < 0 ? rc : SOTTO_OK; /* heard before */
    rc = add_tombstone(tx, op);
    if (rc >= 0)
        rc = list_devices(tx, op);
    for (size_t i = 0; i < op->count && rc >= 0; i++)
        rc = keyx_take_away(tx, &op->removals[i]);
    if (rc >= 0)
        rc = run_for(tx, KEYX_BACKUP_REMOVE, op->deletion.user_id);
    return rc < 0 ? rc : end_log(tx, op);
}

static void
report(struct keyx *keyx, int status)
{
    keyx->host->api->log(keyx->host, SOTTO_LOG_WARN,
                         "the keys of a deleted account are still there (%s); auth tells again",
                         sotto_error_code(status));
}

static void
deleted(void *state, int status, void *arg)
{
    struct keyx *keyx = state;
    const struct deletion_op *op = arg;

    if (status != SOTTO_OK)
        report(keyx, status);
    for (size_t i = 0; status == SOTTO_OK && i < op->count; i++)
        keyx_publish_removal(keyx, &op->removals[i]);
}

/* ---- question and fact --------------------------------------------------------------------------- */

static void
answer(struct keyx *keyx, const struct deletion_op *op)
{
    if (op->is_proven || (!op->has_identity && !op->is_signed))
        keyx->host->broker->answer(op->call, (struct sotto_view){(const uint8_t *)"", 0});
    else
        keyx->host->broker->refuse(op->call, SOTTO_EINVALID,
                                   "the deletion is not signed by the account's identity key");
}

/* The end of whichever it was, when it could not go on. */
static void
give_up(struct keyx *keyx, const struct deletion_op *op, int status)
{
    if (op->call != NULL)
        keyx->host->broker->refuse(op->call, status, "the identity key could not be asked for");
    else
        report(keyx, status);
}

static void
checked(void *state, int status, void *arg)
{
    struct keyx *keyx = state;
    const struct deletion_op *op = arg;

    if (status == SOTTO_OK && op->call == NULL)
        status = keyx->host->db->write(keyx->host, delete_tx, op, sizeof(*op), deleted);
    else if (status == SOTTO_OK)
        answer(keyx, op);
    if (status != SOTTO_OK)
        give_up(keyx, op, status);
}

static void
found(void *state, int status, void *arg)
{
    struct keyx *keyx = state;
    const struct deletion_op *op = arg;

    if (status == SOTTO_OK)
        status = keyx->host->job->run(keyx->host, check_signature, op, sizeof(*op), checked);
    if (status != SOTTO_OK)
        give_up(keyx, op, status);
}

static void
begin(struct keyx *keyx, const struct deletion_op *op)
{
    const int rc = keyx->host->db->read(keyx->host, find_identity, op, sizeof(*op), found);

    if (rc != SOTTO_OK)
        give_up(keyx, op, rc);
}

void
keyx_on_deletion_check(void *state, struct sotto_call *call, struct sotto_view request)
{
    struct keyx *keyx = state;
    struct deletion_op op = {.call = call};

    if (read_fact(request, &op))
        begin(keyx, &op);
    else
        keyx->host->broker->refuse(call, SOTTO_EINVALID, "not a deletion of an account");
}

void
keyx_on_account_deleted(void *state, const struct sotto_envelope *envelope)
{
    struct deletion_op op = {.call = NULL};

    if (read_fact(envelope->payload, &op))
        begin(state, &op);
}
