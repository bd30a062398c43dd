/* SPDX-License-Identifier: MIT */
/*
 * Identities and devices: PublishIdentity, AddDevice, GetIdentity, and the question of other modules whether a
 * device is registered with a key.
 *
 * Each signature is checked in the job pool before the writer thread hears of it; what the check needs comes from
 * the request alone, so nothing can change between check and write. Both methods that write may be repeated: the
 * same keys give the same answer.
 */
#include "keyx.h"

#include <stdlib.h>
#include <string.h>

/* ---- PublishIdentity --------------------------------------------------------------------------- */

struct publish_op {
    struct sotto_req *req;
    const Sotto__Keyx__V1__PublishIdentityRequest *in;
    const char *text;
    uint8_t head[VERIFY_HASH_BYTES];
};

static int
publish_check(void *arg)
{
    const struct publish_op *op = arg;

    return verify_identity_check(op->req->caller->user, op->in->identity_key.data,
                                 op->in->signature.data);
}

static int
publish_tx(struct sotto_tx *tx, void *arg)
{
    struct publish_op *op = arg;
    const uint8_t *user = op->req->caller->user;
    struct keyx_identity identity = {0};
    struct verify_log_entry entry = {.kind = VERIFY_LOG_IDENTITY};
    struct sotto_stmt *stmt;
    int rc = keyx_identity_get(tx, user, &identity);

    if (rc == SOTTO_OK) {
        if (memcmp(identity.identity_key, op->in->identity_key.data, VERIFY_KEY_BYTES) != 0)
            return keyx_refuse(&op->text, SOTTO_EPRECONDITION,
                               "the account has another identity key already");
        memcpy(op->head, identity.log_head, sizeof(op->head));
        return SOTTO_OK;
    }
    if (rc == SOTTO_ENOTFOUND)
        rc = keyx_refuse_deleted(tx, user, &op->text);
    if (rc != SOTTO_OK)
        return rc;

    stmt = sotto_stmt(tx, KEYX_IDENTITY_ADD);
    sotto_bind_blob(stmt, 1, user, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, 2, op->in->identity_key.data, VERIFY_KEY_BYTES);
    sotto_bind_blob(stmt, 3, op->in->signature.data, VERIFY_SIGNATURE_BYTES);
    sotto_bind_blob(stmt, 4, identity.log_head, VERIFY_HASH_BYTES);
    sotto_bind_int(stmt, 5, tx->api->now_ms(tx));
    rc = sotto_step(stmt);
    if (rc != SOTTO_DONE)
        return rc;

    memcpy(entry.identity_key, op->in->identity_key.data, VERIFY_KEY_BYTES);
    memcpy(entry.signature, op->in->signature.data, VERIFY_SIGNATURE_BYTES);
    rc = keyx_log_append(tx, user, &identity, &entry);
    memcpy(op->head, identity.log_head, sizeof(op->head));
    return rc;
}

static void
publish_done(void *state, int status, void *arg)
{
    struct publish_op *op = arg;
    Sotto__Keyx__V1__PublishIdentityReply reply = SOTTO__KEYX__V1__PUBLISH_IDENTITY_REPLY__INIT;

    (void)state;
    if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, op->text);
        return;
    }
    reply.key_log_head = keyx_bytes(op->head, sizeof(op->head));
    sotto_reply(op->req, &reply.base);
}

static void
publish_checked(void *state, int status, void *arg)
{
    struct publish_op *op = arg;

    if (status != VERIFY_OK)
        sotto_fail(op->req, SOTTO_EINVALID,
                   "the identity key did not sign itself for this account");
    else
        keyx_write(state, op->req, publish_tx, op, sizeof(*op), publish_done);
}

void
keyx_on_publish_identity(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct publish_op op = {.req = req, .in = (const void *)in};

    if (op.in->identity_key.len != VERIFY_KEY_BYTES ||
        op.in->signature.len != VERIFY_SIGNATURE_BYTES) {
        sotto_fail(req, SOTTO_EINVALID, "identity_key has 32 bytes and signature 64");
        return;
    }
    keyx_job(state, req, publish_check, &op, sizeof(op), publish_checked);
}

/* ---- AddDevice ----------------------------------------------------------------------------------- */

struct add_op {
    struct sotto_req *req;
    const Sotto__Keyx__V1__AddDeviceRequest *in;
    const char *text;
    struct verify_cert cert;
    uint32_t devices_max;
    bool added; /* false: it was registered before */
    uint8_t head[VERIFY_HASH_BYTES];
};

static int
add_check(void *arg)
{
    const struct add_op *op = arg;

    return verify_cert_check(&op->cert, op->in->signature_key.data);
}

/* 1: registered with these very keys; 0: not registered. */
static int
is_registered(struct sotto_tx *tx, struct add_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_DEVICE_GET);
    struct sotto_view key;
    int rc;

    sotto_bind_blob(stmt, 1, op->cert.user_id, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, 2, op->cert.device_id, KEYX_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    key = sotto_col_blob(stmt, 0);
    if (key.size != VERIFY_KEY_BYTES ||
        memcmp(key.data, op->in->signature_key.data, VERIFY_KEY_BYTES) != 0)
        return keyx_refuse(&op->text, SOTTO_EPRECONDITION,
                           "the device is registered with another key; take a new device id");
    return 1;
}

static int
has_room(struct sotto_tx *tx, struct add_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_DEVICE_COUNT);
    int rc;

    sotto_bind_blob(stmt, 1, op->cert.user_id, KEYX_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_EIO;
    if (sotto_col_int(stmt, 0) >= op->devices_max)
        return keyx_refuse(&op->text, SOTTO_EEXHAUSTED,
                           "the account has as many devices as it may have; remove one with `sotto "
                           "device-remove ID` (`sotto devices` lists them)");
    return SOTTO_OK;
}

static int
may_come(struct sotto_tx *tx, struct add_op *op, const struct keyx_identity *identity)
{
    int rc = keyx_refuse_deleted(tx, op->cert.user_id, &op->text);

    if (rc == SOTTO_OK)
        rc = keyx_was_removed(tx, op->cert.user_id, op->cert.device_id);
    if (rc == 1)
        return keyx_refuse(&op->text, SOTTO_EPRECONDITION,
                           "the device was removed from the account; take a new device id");
    /* Each device leaves two entries, and the last one to come must be able to go. */
    if (rc == 0 && identity->log_count + 2 > KEYX_LOG_MAX)
        return keyx_refuse(&op->text, SOTTO_EEXHAUSTED,
                           "the account has had too many devices; make a new account");
    return rc < 0 ? rc : has_room(tx, op);
}

static int
insert_device(struct sotto_tx *tx, const struct add_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_DEVICE_ADD);

    sotto_bind_blob(stmt, 1, op->cert.user_id, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, 2, op->cert.device_id, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, 3, op->in->signature_key.data, VERIFY_KEY_BYTES);
    sotto_bind_blob(stmt, 4, op->in->certificate.data, VERIFY_CERT_BYTES);
    sotto_bind_text(stmt, 5, op->in->label);
    sotto_bind_int(stmt, 6, tx->api->now_ms(tx));
    return sotto_step(stmt);
}

static int
add_tx(struct sotto_tx *tx, void *arg)
{
    struct add_op *op = arg;
    struct keyx_identity identity;
    struct verify_log_entry entry = {.kind = VERIFY_LOG_DEVICE_ADDED};
    int rc = keyx_identity_get(tx, op->cert.user_id, &identity);

    if (rc == SOTTO_ENOTFOUND)
        return keyx_refuse(&op->text, SOTTO_EPRECONDITION,
                           "the account has no keys yet: publish the identity key first");
    if (rc != SOTTO_OK)
        return rc;
    if (memcmp(identity.identity_key, op->cert.identity_key, VERIFY_KEY_BYTES) != 0)
        return keyx_refuse(&op->text, SOTTO_EPRECONDITION,
                           "the certificate is not signed by the account's identity key");

    rc = is_registered(tx, op);
    op->added = rc == 0;
    if (rc == 0)
        rc = may_come(tx, op, &identity);
    if (rc == SOTTO_OK && op->added)
        rc = insert_device(tx, op);
    if (rc == SOTTO_OK && op->added) {
        memcpy(entry.device_key, op->in->signature_key.data, VERIFY_KEY_BYTES);
        memcpy(entry.certificate, op->in->certificate.data, VERIFY_CERT_BYTES);
        rc = keyx_log_append(tx, op->cert.user_id, &identity, &entry);
    }
    memcpy(op->head, identity.log_head, sizeof(op->head));
    return rc < 0 ? rc : SOTTO_OK;
}

/* Tells the user's other devices, which add the new one to their chats, and the other modules. */
static void
announce(struct keyx *keyx, const struct add_op *op)
{
    Sotto__Keyx__V1__DeviceAdded event = SOTTO__KEYX__V1__DEVICE_ADDED__INIT;
    const struct sotto_session_match match = {.user = op->cert.user_id};
    const struct sotto_view key = {op->cert.user_id, KEYX_ID_BYTES};
    uint8_t payload[VERIFY_CERT_BYTES + 2 * KEYX_ID_BYTES + 16];
    struct sotto_view view = {.data = payload};

    event.user_id = keyx_bytes(op->cert.user_id, KEYX_ID_BYTES);
    event.device_id = keyx_bytes(op->cert.device_id, KEYX_ID_BYTES);
    event.certificate = op->in->certificate;
    view.size = sotto__keyx__v1__device_added__pack(&event, payload);
    keyx->host->broker->publish(keyx->host, "keyx.device.added.v1", key, view);
    keyx->host->session->push_matching(keyx->host, &match, &event.base);
}

static void
add_done(void *state, int status, void *arg)
{
    struct add_op *op = arg;
    Sotto__Keyx__V1__AddDeviceReply reply = SOTTO__KEYX__V1__ADD_DEVICE_REPLY__INIT;

    if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, op->text);
        return;
    }
    if (op->added)
        announce(state, op);
    reply.key_log_head = keyx_bytes(op->head, sizeof(op->head));
    sotto_reply(op->req, &reply.base);
}

static void
add_checked(void *state, int status, void *arg)
{
    struct add_op *op = arg;

    if (status != VERIFY_OK)
        sotto_fail(op->req, SOTTO_EINVALID, "the certificate does not vouch for signature_key");
    else
        keyx_write(state, op->req, add_tx, op, sizeof(*op), add_done);
}

void
keyx_on_add_device(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct keyx *keyx = state;
    struct add_op op = {.req = req, .in = (const void *)in, .devices_max = keyx->devices_max};

    if (op.in->signature_key.len != VERIFY_KEY_BYTES ||
        strlen(op.in->label) > KEYX_LABEL_BYTES_MAX) {
        sotto_fail(req, SOTTO_EINVALID, "signature_key has 32 bytes and label at most 128");
        return;
    }
    if (verify_cert_parse(op.in->certificate.data, op.in->certificate.len, &op.cert) != VERIFY_OK ||
        memcmp(op.cert.user_id, req->caller->user, KEYX_ID_BYTES) != 0 ||
        memcmp(op.cert.device_id, req->caller->device, KEYX_ID_BYTES) != 0) {
        sotto_fail(req, SOTTO_EINVALID, "the certificate is not one of this account and device");
        return;
    }
    keyx_job(keyx, req, add_check, &op, sizeof(op), add_checked);
}

/* ---- GetIdentity --------------------------------------------------------------------------------- */

struct get_op {
    struct sotto_req *req;
    const uint8_t *user;
    Sotto__Keyx__V1__GetIdentityReply reply;
};

static int
get_tx(struct sotto_tx *tx, void *arg)
{
    struct get_op *op = arg;
    const bool own = memcmp(op->user, op->req->caller->user, KEYX_ID_BYTES) == 0;

    return keyx_identity_reply(tx, op->user, own, &op->reply);
}

static void
get_done(void *state, int status, void *arg)
{
    struct get_op *op = arg;

    (void)state;
    if (status != SOTTO_OK)
        sotto_fail_status(op->req, status, NULL);
    else if (op->reply.identity_key.len == 0)
        sotto_fail(op->req, SOTTO_ENOTFOUND, "this user has no keys yet");
    else
        sotto_reply(op->req, &op->reply.base);
}

void
keyx_on_get_identity(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    const Sotto__Keyx__V1__GetIdentityRequest *request = (const void *)in;
    const struct get_op op = {.req = req, .user = request->user_id.data};

    if (request->user_id.len != KEYX_ID_BYTES)
        sotto_fail(req, SOTTO_EINVALID, "user_id has 16 bytes");
    else
        keyx_read(state, req, get_tx, &op, sizeof(op), get_done);
}

/* ---- keyx.device.check.v1 ------------------------------------------------------------------------ */

struct check_op {
    struct sotto_call *call;
    Sotto__Keyx__V1__DeviceCheckList *list; /* owned */
};

static int
check_tx(struct sotto_tx *tx, void *arg)
{
    const struct check_op *op = arg;

    for (size_t i = 0; i < op->list->n_devices; i++) {
        Sotto__Keyx__V1__DeviceCheck *device = op->list->devices[i];
        struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_DEVICE_GET);
        struct sotto_view key;
        int rc;

        sotto_bind_blob(stmt, 1, device->user_id.data, device->user_id.len);
        sotto_bind_blob(stmt, 2, device->device_id.data, device->device_id.len);
        rc = sotto_step(stmt);
        if (rc < 0)
            return rc;
        key = rc == SOTTO_ROW ? sotto_col_blob(stmt, 0) : (struct sotto_view){0};
        device->known =
            rc == SOTTO_ROW && (device->signature_key.len == 0 ||
                                (key.size == device->signature_key.len &&
                                 memcmp(key.data, device->signature_key.data, key.size) == 0));
    }
    return SOTTO_OK;
}

static void
check_done(void *state, int status, void *arg)
{
    struct keyx *keyx = state;
    struct check_op *op = arg;
    const size_t size = sotto__keyx__v1__device_check_list__get_packed_size(op->list);
    uint8_t *answer = status == SOTTO_OK ? malloc(size + 1) : NULL;

    if (answer == NULL) {
        keyx->host->broker->refuse(op->call, status == SOTTO_OK ? SOTTO_ENOMEM : status,
                                   "the registered devices could not be read");
    } else {
        sotto__keyx__v1__device_check_list__pack(op->list, answer);
        keyx->host->broker->answer(op->call, (struct sotto_view){answer, size});
    }
    free(answer);
    sotto__keyx__v1__device_check_list__free_unpacked(op->list, NULL);
}

void
keyx_on_device_check(void *state, struct sotto_call *call, struct sotto_view request)
{
    struct keyx *keyx = state;
    struct check_op op = {.call = call};
    int rc;

    op.list = sotto__keyx__v1__device_check_list__unpack(NULL, request.size, request.data);
    if (op.list == NULL || op.list->n_devices > KEYX_CHECK_MAX) {
        keyx->host->broker->refuse(call, SOTTO_EINVALID, "not a list of at most 1024 devices");
        rc = SOTTO_EINVALID;
    } else {
        rc = keyx->host->db->read(keyx->host, check_tx, &op, sizeof(op), check_done);
        if (rc != SOTTO_OK)
            keyx->host->broker->refuse(call, rc, "the store does not answer");
    }
    if (rc != SOTTO_OK && op.list != NULL)
        sotto__keyx__v1__device_check_list__free_unpacked(op.list, NULL);
}
