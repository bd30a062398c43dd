/* SPDX-License-Identifier: MIT */
/*
 * KeyPackages of the calling device: UploadKeyPackages, CountKeyPackages, and the purge of expired ones.
 *
 * A package is checked completely before it is stored (RFC 9420 section 10.1, in the job pool): who claims one gets
 * something that works. That it is the device's own shows by its credential, which must be the registered
 * certificate, and its signature key, which must be the registered one; that comparison needs the database and is
 * made in the transaction. A package that was handed out is remembered until it expires, so that the repeat of an
 * upload whose answer was lost does not offer it twice.
 */
#include "keyx.h"

#include <string.h>

#define PACKAGES_A_CALL_MAX (KEYX_UPLOAD_MAX + 1) /* and the last resort */

static const uint16_t suites[] = {
    MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519,
    MLS_SUITE_X25519_AES128GCM_SHA256_ED25519,
};
#define SUITES (sizeof(suites) / sizeof(suites[0]))

bool
keyx_is_suite(uint32_t suite)
{
    for (size_t i = 0; i < SUITES; i++)
        if (suites[i] == suite)
            return true;
    return false;
}

/* ---- counts ---------------------------------------------------------------------------------------- */

struct counts {
    Sotto__Keyx__V1__KeyPackageCount rows[SUITES];
    Sotto__Keyx__V1__KeyPackageCount *pointers[SUITES];
};

int
keyx_count_packages(struct sotto_tx *tx, const uint8_t *user, const uint8_t *device, uint32_t suite,
                    bool last_resort, int64_t *count_out)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_PACKAGE_COUNT);
    int rc;

    sotto_bind_blob(stmt, 1, user, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, 2, device, KEYX_ID_BYTES);
    sotto_bind_int(stmt, 3, suite);
    sotto_bind_int(stmt, 4, last_resort);
    sotto_bind_int(stmt, 5, tx->api->now_ms(tx));
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc < 0 ? rc : SOTTO_EIO;
    *count_out = sotto_col_int(stmt, 0);
    return SOTTO_OK;
}

static int
read_counts(struct sotto_tx *tx, const uint8_t *user, const uint8_t *device,
            struct counts *counts_out)
{
    for (size_t i = 0; i < SUITES; i++) {
        Sotto__Keyx__V1__KeyPackageCount *row = &counts_out->rows[i];
        int64_t one_time = 0, last = 0;
        int rc = keyx_count_packages(tx, user, device, suites[i], false, &one_time);

        if (rc == SOTTO_OK)
            rc = keyx_count_packages(tx, user, device, suites[i], true, &last);
        if (rc != SOTTO_OK)
            return rc;
        sotto__keyx__v1__key_package_count__init(row);
        row->suite = suites[i];
        row->count = (uint32_t)one_time;
        row->last_resort = last > 0;
    }
    return SOTTO_OK;
}

static void
point_at_counts(struct counts *counts)
{
    for (size_t i = 0; i < SUITES; i++)
        counts->pointers[i] = &counts->rows[i];
}

/* ---- UploadKeyPackages ------------------------------------------------------------------------------- */

/* What is stored of one package; the bytes stay in the request. */
struct checked {
    ProtobufCBinaryData bytes;
    uint8_t ref[MLS_REF_BYTES];
    uint16_t suite;
    bool last_resort;
    int64_t expires_ms;
};

struct upload_op {
    struct sotto_req *req;
    const struct mls_provider *mls;
    const char *text;
    struct checked *packages; /* in the request's memory */
    size_t count;
    struct sotto_view certificate;   /* of all of them */
    struct sotto_view signature_key; /* of all of them */
    int64_t now_ms;
    int64_t lifetime_max_ms;
    uint32_t packages_max;
    struct counts counts;
};

static bool
is_equal(struct sotto_view a, struct mls_bytes b)
{
    return a.size == b.len && memcmp(a.data, b.data, a.size) == 0;
}

static bool
is_valid_lifetime(const struct upload_op *op, const struct mls_lifetime *lifetime)
{
    const uint64_t now = (uint64_t)op->now_ms / 1000, skew = KEYX_CLOCK_SKEW_MS / 1000;
    const uint64_t longest = (uint64_t)op->lifetime_max_ms / 1000;

    return lifetime->not_before <= now + skew && lifetime->not_after > now &&
           lifetime->not_after <= now + longest + skew;
}

/* NULL, or why this package is refused. The first one says whose they all are. */
static const char *
check_package(struct upload_op *op, size_t index)
{
    struct checked *package = &op->packages[index];
    const struct mls_bytes bytes = {package->bytes.data, package->bytes.len};
    struct mls_key_package_info info;

    if (bytes.len > KEYX_PACKAGE_BYTES_MAX)
        return "a KeyPackage has at most 4096 bytes";
    if (mls_key_package_info(op->mls, bytes, &info) != MLS_OK)
        return "a KeyPackage is malformed or badly signed";
    if (info.leaf_bytes > KEYX_LEAF_BYTES_MAX)
        return "the leaf of a KeyPackage has at most 1024 bytes";
    if (!keyx_is_suite(info.suite))
        return "a KeyPackage is of a suite other than 3 and 1";
    if (!is_valid_lifetime(op, &info.lifetime))
        return "a KeyPackage's lifetime is over, too long or in the future";

    if (index == 0) {
        op->certificate =
            (struct sotto_view){info.credential.identity.data, info.credential.identity.len};
        op->signature_key = (struct sotto_view){info.credential.signature_key.data,
                                                info.credential.signature_key.len};
    } else if (!is_equal(op->certificate, info.credential.identity) ||
               !is_equal(op->signature_key, info.credential.signature_key)) {
        return "the KeyPackages are not all of one device";
    }
    memcpy(package->ref, info.ref, MLS_REF_BYTES);
    package->suite = info.suite;
    package->expires_ms = (int64_t)info.lifetime.not_after * 1000;
    return NULL;
}

static int
upload_check(void *arg)
{
    struct upload_op *op = arg;

    for (size_t i = 0; i < op->count; i++) {
        op->text = check_package(op, i);
        if (op->text != NULL)
            return SOTTO_EINVALID;
    }
    return SOTTO_OK;
}

/* The packages must carry the registered certificate and key. */
static int
check_owner(struct sotto_tx *tx, struct upload_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_DEVICE_GET);
    const struct sotto_view *key = &op->signature_key, *cert = &op->certificate;
    struct sotto_view known_key, known_cert;
    int rc;

    sotto_bind_blob(stmt, 1, op->req->caller->user, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, 2, op->req->caller->device, KEYX_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc == SOTTO_DONE)
        return keyx_refuse(&op->text, SOTTO_EPRECONDITION,
                           "the device has no keys yet: add the device first");
    if (rc < 0 || op->count == 0)
        return rc < 0 ? rc : SOTTO_OK;

    known_key = sotto_col_blob(stmt, 0);
    known_cert = sotto_col_blob(stmt, 1);
    if (known_key.size != key->size || memcmp(known_key.data, key->data, key->size) != 0 ||
        known_cert.size != cert->size || memcmp(known_cert.data, cert->data, cert->size) != 0)
        return keyx_refuse(&op->text, SOTTO_EINVALID,
                           "the KeyPackages are not of the calling device");
    return SOTTO_OK;
}

/* 1: handed out before. */
static int
is_spent(struct sotto_tx *tx, const struct checked *package)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_SPENT_GET);

    sotto_bind_blob(stmt, 1, package->ref, MLS_REF_BYTES);
    return sotto_step(stmt);
}

static int
store_package(struct sotto_tx *tx, const struct upload_op *op, const struct checked *package)
{
    struct sotto_stmt *stmt;
    int rc = is_spent(tx, package);

    if (rc != 0)
        return rc < 0 ? rc : SOTTO_OK;
    if (package->last_resort) {
        stmt = sotto_stmt(tx, KEYX_PACKAGE_REMOVE_LAST);
        sotto_bind_blob(stmt, 1, op->req->caller->user, KEYX_ID_BYTES);
        sotto_bind_blob(stmt, 2, op->req->caller->device, KEYX_ID_BYTES);
        sotto_bind_int(stmt, 3, package->suite);
        sotto_bind_int(stmt, 4, 1);
        rc = sotto_step(stmt);
        if (rc < 0)
            return rc;
    }
    stmt = sotto_stmt(tx, KEYX_PACKAGE_ADD);
    sotto_bind_blob(stmt, 1, package->ref, MLS_REF_BYTES);
    sotto_bind_blob(stmt, 2, op->req->caller->user, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, 3, op->req->caller->device, KEYX_ID_BYTES);
    sotto_bind_int(stmt, 4, package->suite);
    sotto_bind_int(stmt, 5, package->last_resort);
    sotto_bind_int(stmt, 6, package->expires_ms);
    sotto_bind_blob(stmt, 7, package->bytes.data, package->bytes.len);
    return sotto_step(stmt);
}

static int
upload_tx(struct sotto_tx *tx, void *arg)
{
    struct upload_op *op = arg;
    int rc = check_owner(tx, op);

    for (size_t i = 0; i < op->count && rc == SOTTO_OK; i++)
        rc = store_package(tx, op, &op->packages[i]);
    if (rc == SOTTO_OK)
        rc = read_counts(tx, op->req->caller->user, op->req->caller->device, &op->counts);
    if (rc != SOTTO_OK)
        return rc;
    for (size_t i = 0; i < SUITES; i++)
        if (op->counts.rows[i].count > op->packages_max)
            return keyx_refuse(&op->text, SOTTO_EEXHAUSTED,
                               "too many KeyPackages of one suite are stored for this device");
    return SOTTO_OK;
}

static void
upload_done(void *state, int status, void *arg)
{
    struct keyx *keyx = state;
    struct upload_op *op = arg;
    Sotto__Keyx__V1__UploadKeyPackagesReply reply =
        SOTTO__KEYX__V1__UPLOAD_KEY_PACKAGES_REPLY__INIT;

    if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, op->text);
        return;
    }
    keyx->host->metric->add(keyx->host, KEYX_METRIC_UPLOADED, 0, (double)op->count);
    point_at_counts(&op->counts);
    reply.n_counts = SUITES;
    reply.counts = op->counts.pointers;
    sotto_reply(op->req, &reply.base);
}

static void
upload_checked(void *state, int status, void *arg)
{
    struct upload_op *op = arg;

    if (status != SOTTO_OK)
        sotto_fail_status(op->req, status, op->text);
    else
        keyx_write(state, op->req, upload_tx, op, sizeof(*op), upload_done);
}

void
keyx_on_upload(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct keyx *keyx = state;
    const Sotto__Keyx__V1__UploadKeyPackagesRequest *request = (const void *)in;
    struct upload_op op = {
        .req = req,
        .mls = keyx->mls,
        .now_ms = keyx->host->api->now_ms(keyx->host),
        .lifetime_max_ms = keyx->lifetime_max_ms,
        .packages_max = keyx->packages_max,
    };

    if (request->n_key_packages > KEYX_UPLOAD_MAX) {
        sotto_fail(req, SOTTO_EINVALID, "at most 100 KeyPackages a call");
        return;
    }
    /* Before they are checked: the job pool is everybody's, and two signatures a package are work. */
    if (!keyx_rate_take(keyx->uploads, req->caller->user, KEYX_ID_BYTES,
                        1 + (double)request->n_key_packages,
                        keyx->host->api->mono_ms(keyx->host))) {
        sotto_fail(req, SOTTO_EEXHAUSTED, "too many KeyPackages were uploaded; try again later");
        return;
    }
    op.packages = req->api->alloc(req, PACKAGES_A_CALL_MAX * sizeof(*op.packages));
    if (op.packages == NULL) {
        sotto_fail_status(req, SOTTO_ENOMEM, NULL);
        return;
    }
    for (size_t i = 0; i < request->n_key_packages; i++)
        op.packages[op.count++].bytes = request->key_packages[i];
    if (request->last_resort.len > 0) {
        op.packages[op.count].last_resort = true;
        op.packages[op.count++].bytes = request->last_resort;
    }
    keyx_job(keyx, req, upload_check, &op, sizeof(op), upload_checked);
}

/* ---- CountKeyPackages -------------------------------------------------------------------------------- */

struct count_op {
    struct sotto_req *req;
    uint8_t device[KEYX_ID_BYTES];
    struct counts counts;
};

static int
count_tx(struct sotto_tx *tx, void *arg)
{
    struct count_op *op = arg;

    return read_counts(tx, op->req->caller->user, op->device, &op->counts);
}

static void
count_done(void *state, int status, void *arg)
{
    struct count_op *op = arg;
    Sotto__Keyx__V1__CountKeyPackagesReply reply = SOTTO__KEYX__V1__COUNT_KEY_PACKAGES_REPLY__INIT;

    (void)state;
    if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, NULL);
        return;
    }
    point_at_counts(&op->counts);
    reply.n_counts = SUITES;
    reply.counts = op->counts.pointers;
    sotto_reply(op->req, &reply.base);
}

void
keyx_on_count(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    const Sotto__Keyx__V1__CountKeyPackagesRequest *request = (const void *)in;
    struct count_op op = {.req = req};

    if (request->device_id.len != 0 && request->device_id.len != KEYX_ID_BYTES) {
        sotto_fail(req, SOTTO_EINVALID, "device_id has 16 bytes, or none");
        return;
    }
    memcpy(op.device, request->device_id.len ? request->device_id.data : req->caller->device,
           KEYX_ID_BYTES);
    keyx_read(state, req, count_tx, &op, sizeof(op), count_done);
}

/* ---- purge --------------------------------------------------------------------------------------------- */

static int
purge_tx(struct sotto_tx *tx, void *arg)
{
    static const uint32_t steps[] = {KEYX_PACKAGE_PURGE, KEYX_SPENT_PURGE, KEYX_CLAIM_PURGE};

    (void)arg;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct sotto_stmt *stmt = sotto_stmt(tx, steps[i]);
        int rc;

        sotto_bind_int(stmt, 1, tx->api->now_ms(tx));
        rc = sotto_step(stmt);
        if (rc < 0)
            return rc;
    }
    return SOTTO_OK;
}

static void
purge_done(void *state, int status, void *arg)
{
    struct keyx *keyx = state;

    (void)arg;
    if (status != SOTTO_OK)
        keyx->host->api->log(keyx->host, SOTTO_LOG_WARN,
                             "expired KeyPackages and claims were not purged: %s",
                             sotto_error_code(status));
}

/* Expired packages are never handed out, nor remembered claims; this only gives their room back, a bite at a time. */
void
keyx_on_purge(void *state, void *arg)
{
    struct keyx *keyx = state;

    (void)arg;
    keyx->host->db->write(keyx->host, purge_tx, NULL, 0, purge_done);
    keyx_tell_again(keyx);
}
