/* SPDX-License-Identifier: MIT */
/*
 * ClaimKeyPackages: one package of every device of each named user, and the users' identities with them.
 *
 * Picking and deleting is one transaction, so a one-time package is handed out once, even when two ask in the
 * same moment. A device without one gives its last resort, which stays. The identities are read in the same
 * transaction: a claim always fits the key log that comes with it.
 *
 * A claim with a request_id is remembered, device by device, until the caller makes another one: who repeats it because
 * the answer was lost is given the same packages, as far as their devices are still there.
 */
#include "keyx.h"

#include <string.h>

/* A device that should upload more. */
struct low {
    uint8_t user[KEYX_ID_BYTES];
    uint8_t device[KEYX_ID_BYTES];
    uint32_t left;
    bool has_last_resort;
};

struct claim_op {
    struct sotto_req *req;
    const Sotto__Keyx__V1__ClaimKeyPackagesRequest *in;
    /* In the transaction's memory, like what follows. */
    Sotto__Keyx__V1__ClaimKeyPackagesReply reply;
    struct low *lows;
    size_t low_count;
    size_t taken, last_resorts; /* not counting what was remembered */
};

/* Removes a one-time package and remembers that it was handed out. */
static int
spend(struct sotto_tx *tx, const uint8_t ref[MLS_REF_BYTES], int64_t expires_ms)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_PACKAGE_REMOVE);
    int rc;

    sotto_bind_blob(stmt, 1, ref, MLS_REF_BYTES);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    stmt = sotto_stmt(tx, KEYX_SPENT_ADD);
    sotto_bind_blob(stmt, 1, ref, MLS_REF_BYTES);
    sotto_bind_int(stmt, 2, expires_ms);
    return sotto_step(stmt);
}

/* 1 and a package; 0 when there is none of this sort. */
static int
pick(struct sotto_tx *tx, const uint8_t *user, const uint8_t *device, uint32_t suite,
     bool last_resort, ProtobufCBinaryData *package_out)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_PACKAGE_PICK);
    uint8_t ref[MLS_REF_BYTES];
    struct sotto_view view;
    int64_t expires_ms;
    int rc;

    sotto_bind_blob(stmt, 1, user, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, 2, device, KEYX_ID_BYTES);
    sotto_bind_int(stmt, 3, suite);
    sotto_bind_int(stmt, 4, last_resort);
    sotto_bind_int(stmt, 5, tx->api->now_ms(tx));
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    view = sotto_col_blob(stmt, 0);
    if (view.size != sizeof(ref))
        return SOTTO_EDATALOSS;
    memcpy(ref, view.data, sizeof(ref));
    *package_out = keyx_copy(tx, sotto_col_blob(stmt, 1));
    expires_ms = sotto_col_int(stmt, 2);
    if (package_out->data == NULL)
        return SOTTO_ENOMEM;

    rc = last_resort ? SOTTO_OK : spend(tx, ref, expires_ms);
    return rc < 0 ? rc : 1;
}

static int
note_if_low(struct sotto_tx *tx, struct claim_op *op, const uint8_t *user, const uint8_t *device,
            bool used_last_resort)
{
    int64_t left = 0;
    struct low *low;
    const int rc = keyx_count_packages(tx, user, device, op->in->suite, false, &left);

    if (rc != SOTTO_OK || left >= KEYX_LOW)
        return rc;

    low = &op->lows[op->low_count++];
    memcpy(low->user, user, KEYX_ID_BYTES);
    memcpy(low->device, device, KEYX_ID_BYTES);
    low->left = (uint32_t)left;
    low->has_last_resort = used_last_resort;
    return SOTTO_OK;
}

/* ---- repeats ------------------------------------------------------------------------------------- */

static bool
is_repeatable(const struct claim_op *op)
{
    return op->in->request_id.len == KEYX_ID_BYTES;
}

/* The caller and the request, from a parameter on; returns the number of the next one. */
static int
bind_request(struct sotto_stmt *stmt, int next, const struct claim_op *op)
{
    sotto_bind_blob(stmt, next++, op->req->caller->user, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, next++, op->req->caller->device, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, next++, op->in->request_id.data, KEYX_ID_BYTES);
    return next;
}

static int
bind_claim(struct sotto_stmt *stmt, const struct claim_op *op, const uint8_t *user,
           const uint8_t *device, int64_t time_ms)
{
    int next = bind_request(stmt, 1, op);

    sotto_bind_int(stmt, next++, op->in->suite);
    sotto_bind_blob(stmt, next++, user, KEYX_ID_BYTES);
    sotto_bind_blob(stmt, next++, device, KEYX_ID_BYTES);
    sotto_bind_int(stmt, next++, time_ms);
    return next;
}

/* Room for a few claims a device: a repeat of one may be on its way still when the next has been answered. */
static int
forget_earlier(struct sotto_tx *tx, const struct claim_op *op)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_CLAIM_FORGET);
    int next = bind_request(stmt, 1, op);

    next = bind_request(stmt, next, op);
    sotto_bind_int(stmt, next, KEYX_CLAIMS_KEPT - 1);
    return sotto_step(stmt);
}

/* 1: this request was given this package before; 0: it was not. */
static int
recall(struct sotto_tx *tx, const struct claim_op *op, const uint8_t *user, const uint8_t *device,
       Sotto__Keyx__V1__ClaimedKeyPackage *claimed)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_CLAIM_GET);
    int rc;

    bind_claim(stmt, op, user, device, tx->api->now_ms(tx));
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    claimed->last_resort = sotto_col_int(stmt, 0) != 0;
    claimed->key_package = keyx_copy(tx, sotto_col_blob(stmt, 1));
    return claimed->key_package.data != NULL ? 1 : SOTTO_ENOMEM;
}

static int
remember(struct sotto_tx *tx, const struct claim_op *op, const uint8_t *user, const uint8_t *device,
         const Sotto__Keyx__V1__ClaimedKeyPackage *claimed)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, KEYX_CLAIM_ADD);
    int next = bind_claim(stmt, op, user, device, tx->api->now_ms(tx) + KEYX_CLAIM_KEEP_MS);

    sotto_bind_int(stmt, next++, claimed->last_resort);
    sotto_bind_blob(stmt, next, claimed->key_package.data, claimed->key_package.len);
    return sotto_step(stmt);
}

/* ---- one claim ----------------------------------------------------------------------------------- */

/* Takes a package of the device. 1: it is in claimed; 0: there is none. */
static int
take(struct sotto_tx *tx, struct claim_op *op, const uint8_t *user, const uint8_t *device,
     Sotto__Keyx__V1__ClaimedKeyPackage *claimed)
{
    int rc = pick(tx, user, device, op->in->suite, false, &claimed->key_package);

    if (rc == 0) {
        rc = pick(tx, user, device, op->in->suite, true, &claimed->key_package);
        claimed->last_resort = rc == 1;
    }
    if (rc != 1)
        return rc;
    op->taken++;
    op->last_resorts += claimed->last_resort;
    rc = is_repeatable(op) ? remember(tx, op, user, device, claimed) : SOTTO_OK;
    if (rc >= 0)
        rc = note_if_low(tx, op, user, device, claimed->last_resort);
    return rc < 0 ? rc : 1;
}

/* 1: a package of this device is in the reply; 0: it has none. */
static int
claim_device(struct sotto_tx *tx, struct claim_op *op, ProtobufCBinaryData user_id,
             ProtobufCBinaryData device_id)
{
    Sotto__Keyx__V1__ClaimedKeyPackage *claimed = sotto_tx_alloc(tx, sizeof(*claimed));
    int rc;

    if (claimed == NULL)
        return SOTTO_ENOMEM;
    sotto__keyx__v1__claimed_key_package__init(claimed);
    rc = is_repeatable(op) ? recall(tx, op, user_id.data, device_id.data, claimed) : 0;
    if (rc == 0)
        rc = take(tx, op, user_id.data, device_id.data, claimed);
    if (rc != 1)
        return rc;

    claimed->user_id = user_id;
    claimed->device_id = device_id;
    op->reply.key_packages[op->reply.n_key_packages++] = claimed;
    return 1;
}

static bool
is_skipped(const struct claim_op *op, const uint8_t *user, const uint8_t *device)
{
    const struct sotto_caller *caller = op->req->caller;

    return op->in->skip_own_device && memcmp(user, caller->user, KEYX_ID_BYTES) == 0 &&
           memcmp(device, caller->device, KEYX_ID_BYTES) == 0;
}

static int
claim_user(struct sotto_tx *tx, struct claim_op *op, const uint8_t *user)
{
    Sotto__Keyx__V1__GetIdentityReply *identity = sotto_tx_alloc(tx, sizeof(*identity));
    bool has_any = false, has_skipped = false;
    int rc;

    if (identity == NULL)
        return SOTTO_ENOMEM;
    rc = keyx_identity_reply(tx, user, false, identity);
    if (rc != SOTTO_OK)
        return rc;
    op->reply.identities[op->reply.n_identities++] = identity;

    for (size_t i = 0; i < identity->n_devices; i++) {
        if (is_skipped(op, user, identity->devices[i]->device_id.data)) {
            has_skipped = true;
            continue;
        }
        rc = claim_device(tx, op, identity->user_id, identity->devices[i]->device_id);
        if (rc < 0)
            return rc;
        has_any = has_any || rc == 1;
    }
    /* A caller whose only device is the calling one lacks nothing. */
    if (!has_any && !(has_skipped && identity->n_devices == 1))
        op->reply.no_keys[op->reply.n_no_keys++] = identity->user_id;
    return SOTTO_OK;
}

static int
claim_tx(struct sotto_tx *tx, void *arg)
{
    struct claim_op *op = arg;
    const size_t users = op->in->n_user_ids, devices = users * KEYX_DEVICES_MAX;
    Sotto__Keyx__V1__ClaimKeyPackagesReply *reply = &op->reply;
    int rc = SOTTO_OK;

    /* It may run again: start from nothing. */
    op->low_count = op->taken = op->last_resorts = 0;
    sotto__keyx__v1__claim_key_packages_reply__init(reply);
    reply->key_packages = sotto_tx_alloc(tx, devices * sizeof(*reply->key_packages));
    reply->identities = sotto_tx_alloc(tx, users * sizeof(*reply->identities));
    reply->no_keys = sotto_tx_alloc(tx, users * sizeof(*reply->no_keys));
    op->lows = sotto_tx_alloc(tx, devices * sizeof(*op->lows));
    if (reply->key_packages == NULL || reply->identities == NULL || reply->no_keys == NULL ||
        op->lows == NULL)
        return SOTTO_ENOMEM;

    if (is_repeatable(op))
        rc = forget_earlier(tx, op);
    for (size_t i = 0; i < users && rc == SOTTO_OK; i++)
        rc = claim_user(tx, op, op->in->user_ids[i].data);
    return rc;
}

static void
tell_low(struct keyx *keyx, const struct low *low, uint32_t suite)
{
    Sotto__Keyx__V1__KeyPackageCount count = SOTTO__KEYX__V1__KEY_PACKAGE_COUNT__INIT;
    Sotto__Keyx__V1__KeyPackageCount *counts[] = {&count};
    Sotto__Keyx__V1__KeyPackagesLow event = SOTTO__KEYX__V1__KEY_PACKAGES_LOW__INIT;
    const struct sotto_session_match match = {.user = low->user, .device = low->device};

    count.suite = suite;
    count.count = low->left;
    count.last_resort = low->has_last_resort;
    event.n_counts = 1;
    event.counts = counts;
    keyx->host->session->push_matching(keyx->host, &match, &event.base);
}

static void
claim_done(void *state, int status, void *arg)
{
    struct keyx *keyx = state;
    struct claim_op *op = arg;

    if (status != SOTTO_OK) {
        sotto_fail_status(op->req, status, NULL);
        return;
    }
    for (size_t i = 0; i < op->low_count; i++)
        tell_low(keyx, &op->lows[i], op->in->suite);
    keyx->host->metric->add(keyx->host, KEYX_METRIC_CLAIMED, 0,
                            (double)(op->taken - op->last_resorts));
    keyx->host->metric->add(keyx->host, KEYX_METRIC_CLAIMED, 1, (double)op->last_resorts);
    sotto_reply(op->req, &op->reply.base);
}

/* The caller pays for each user, and for asking the same one again and again. Oneself is free. */
static bool
may_claim(struct keyx *keyx, const struct sotto_caller *caller,
          const Sotto__Keyx__V1__ClaimKeyPackagesRequest *in)
{
    const int64_t now = keyx->host->api->mono_ms(keyx->host);
    uint8_t pair[2 * KEYX_ID_BYTES];

    if (!keyx_rate_take(keyx->callers, caller->user, KEYX_ID_BYTES, (double)in->n_user_ids, now))
        return false;
    memcpy(pair, caller->user, KEYX_ID_BYTES);
    for (size_t i = 0; i < in->n_user_ids; i++) {
        if (memcmp(in->user_ids[i].data, caller->user, KEYX_ID_BYTES) == 0)
            continue;
        memcpy(pair + KEYX_ID_BYTES, in->user_ids[i].data, KEYX_ID_BYTES);
        if (!keyx_rate_take(keyx->contacts, pair, sizeof(pair), 1, now))
            return false;
    }
    return true;
}

/* NULL, or why the request is refused. */
static const char *
check_claim(const Sotto__Keyx__V1__ClaimKeyPackagesRequest *in)
{
    if (in->n_user_ids < 1 || in->n_user_ids > KEYX_CLAIM_USERS_MAX)
        return "name 1 to 200 users";
    if (!keyx_is_suite(in->suite))
        return "the suite is 3 or 1";
    if (in->request_id.len != 0 && in->request_id.len != KEYX_ID_BYTES)
        return "a request id has 16 bytes";
    for (size_t i = 0; i < in->n_user_ids; i++) {
        if (in->user_ids[i].len != KEYX_ID_BYTES)
            return "a user id has 16 bytes";
        for (size_t j = 0; j < i; j++)
            if (memcmp(in->user_ids[i].data, in->user_ids[j].data, KEYX_ID_BYTES) == 0)
                return "a user is named twice";
    }
    return NULL;
}

void
keyx_on_claim(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    struct keyx *keyx = state;
    const struct claim_op op = {.req = req, .in = (const void *)in};
    const char *text = check_claim(op.in);

    if (text != NULL)
        sotto_fail(req, SOTTO_EINVALID, text);
    else if (!may_claim(keyx, req->caller, op.in))
        sotto_fail(req, SOTTO_EEXHAUSTED, "too many KeyPackages were claimed; try again later");
    else
        keyx_write(keyx, req, claim_tx, &op, sizeof(op), claim_done);
}
