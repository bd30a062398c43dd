/* SPDX-License-Identifier: MIT */
/*
 * Identity, device, backup, KeyPackages. Each step may be repeated without harm: the server answers
 * a second PublishIdentity or AddDevice like the first, the backup has a counter, and KeyPackages
 * are counted before more are made. The private half of a KeyPackage is stored before its public
 * half leaves the machine.
 *
 * Body of the backup: u8 version = 1 | identity seed[32].
 */
#include "keys.h"

#include "group.h"

#include "backup/backup.h"
#include "keyx.pb-c.h"

#include <sodium.h>
#include <string.h>

#define BACKUP_BODY_VERSION 1
#define BACKUP_BODY_BYTES (1 + VERIFY_SEED_BYTES)
#define CONTAINER_BYTES (BACKUP_OVERHEAD(1) + BACKUP_BODY_BYTES)
#define LIFETIME_SECONDS (90 * 86400)
#define CLOCK_SKEW_SECONDS 3600
#define LOOK_AGAIN_SECONDS 600
#define STOCK_MAX 100
/* Private halves kept of a suite. Others can claim packages without using them, and a server can
 * say that there are none left, as often as they like. */
#define KEPT_MAX 1000
#define KEPT_LAST_RESORT_MAX 20

/* How many KeyPackages of a suite should wait at the server. */
static const struct stock {
    uint16_t suite;
    uint32_t count;
} stocks[] = {{3, STOCK_MAX}, {1, 10}};

/* ---- identity and backup --------------------------------------------------------------------- */

static void
certify_device(struct account *account)
{
    verify_public_key(account->identity_seed, account->identity_key);
    verify_cert_make(account->identity_seed, account->user_id, account->device_id,
                     account->device_key, (uint64_t)wall_ms(), account->certificate);
    account->has_identity = true;
}

int
keys_make_identity(struct sotto_client *client, const uint8_t *export_key)
{
    struct account *account = &client->account;
    uint8_t body[BACKUP_BODY_BYTES] = {BACKUP_BODY_VERSION};
    uint8_t container[CONTAINER_BYTES];
    size_t size = 0;
    randombytes_buf(account->identity_seed, VERIFY_SEED_BYTES);
    certify_device(account);
    memcpy(body + 1, account->identity_seed, VERIFY_SEED_BYTES);
    struct backup_key key = {BACKUP_SLOT_PW, export_key, BACKUP_PW_BYTES};
    int problem = backup_seal(account->user_id, 1, &key, 1, body, sizeof(body), container,
                              sizeof(container), &size, NULL);
    sodium_memzero(body, sizeof(body));
    if (problem)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "internal",
                    "cannot seal the key backup (%s)", backup_error_text(problem));
    buf_set(&account->backup, container, size);
    account->backup_counter = 1;
    account->steps_done = 0;
    return SOTTO_CLIENT_OK;
}

static int
open_backup(struct sotto_client *client, const uint8_t *export_key, ProtobufCBinaryData container)
{
    struct account *account = &client->account;
    struct backup_info info;
    struct backup_key key = {BACKUP_SLOT_PW, export_key, BACKUP_PW_BYTES};
    uint8_t body[BACKUP_BODY_BYTES];
    uint64_t counter = 0;
    size_t size = 0;
    int problem = backup_peek(container.data, container.len, &info);
    if (problem == BACKUP_OK)
        problem = backup_open(container.data, container.len, account->user_id, &key, body,
                              sizeof(body), &size, &counter, NULL);
    if (problem == BACKUP_OK && (size != sizeof(body) || body[0] != BACKUP_BODY_VERSION))
        problem = BACKUP_EDECODE;
    const bool old = problem == BACKUP_OK && counter < account->backup_counter;
    if (problem == BACKUP_OK && !old) {
        memcpy(account->identity_seed, body + 1, VERIFY_SEED_BYTES);
        account->backup_counter = counter;
    }
    sodium_memzero(body, sizeof(body));
    if (old)
        return fail(&client->error, SOTTO_CLIENT_EBLOCKED, "blocked",
                    "the server gave back an older key backup than this device knows; do not use "
                    "this server before its operator explained it");
    if (problem)
        return fail(&client->error, SOTTO_CLIENT_EFAILED, "data_loss",
                    "the key backup at the server does not open (%s); log in on a device that has "
                    "the keys",
                    backup_error_text(problem));
    return SOTTO_CLIENT_OK;
}

/* The identity key that the server shows for this account; has_out false when there is none. */
static int
fetch_own_identity(struct sotto_client *client, uint8_t key_out[KEY_BYTES], bool *has_out)
{
    Sotto__Keyx__V1__GetIdentityRequest request = SOTTO__KEYX__V1__GET_IDENTITY_REQUEST__INIT;
    request.user_id = view(client->account.user_id, ID_BYTES);
    Sotto__Keyx__V1__GetIdentityReply *reply = NULL;
    int status = rpc(client, KEYX_METHOD("GetIdentity"), &request.base,
                     &sotto__keyx__v1__get_identity_reply__descriptor, &reply, NULL);
    if (status == SOTTO_CLIENT_OK)
        *has_out = take_bytes(reply->identity_key, key_out, KEY_BYTES);
    else if (!strcmp(client->error.code, "not_found"))
        status = SOTTO_CLIENT_OK;
    pb_free(reply);
    return status;
}

int
keys_restore_identity(struct sotto_client *client, const uint8_t *export_key)
{
    uint8_t shown[KEY_BYTES];
    bool has = false;
    int status = fetch_own_identity(client, shown, &has);
    if (status)
        return status;
    if (!has)
        return keys_make_identity(client, export_key);
    Sotto__Keyx__V1__GetBackupRequest request = SOTTO__KEYX__V1__GET_BACKUP_REQUEST__INIT;
    Sotto__Keyx__V1__GetBackupReply *reply = NULL;
    status = rpc(client, KEYX_METHOD("GetBackup"), &request.base,
                 &sotto__keyx__v1__get_backup_reply__descriptor, &reply, NULL);
    if (status == SOTTO_CLIENT_OK && reply->container.len == 0)
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "failed_precondition",
                      "the account has no key backup yet; use sotto once on the device that "
                      "registered it");
    if (status == SOTTO_CLIENT_OK)
        status = open_backup(client, export_key, reply->container);
    pb_free(reply);
    if (status)
        return status;
    certify_device(&client->account);
    if (memcmp(shown, client->account.identity_key, KEY_BYTES))
        return fail(&client->error, SOTTO_CLIENT_EBLOCKED, "blocked",
                    "the server shows another identity key for this account than its backup holds; "
                    "do not use this server before its operator explained it");
    client->account.steps_done = STEP_IDENTITY | STEP_BACKUP;
    return SOTTO_CLIENT_OK;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static int
publish_identity(struct sotto_client *client)
{
    struct account *account = &client->account;
    uint8_t signature[VERIFY_SIGNATURE_BYTES];
    verify_identity_sign(account->identity_seed, account->user_id, signature);
    Sotto__Keyx__V1__PublishIdentityRequest request =
        SOTTO__KEYX__V1__PUBLISH_IDENTITY_REQUEST__INIT;
    request.identity_key = view(account->identity_key, KEY_BYTES);
    request.signature = view(signature, sizeof(signature));
    Sotto__Keyx__V1__PublishIdentityReply *reply = NULL;
    int status = rpc(client, KEYX_METHOD("PublishIdentity"), &request.base,
                     &sotto__keyx__v1__publish_identity_reply__descriptor, &reply, NULL);
    pb_free(reply);
    return status;
}

static int
add_device(struct sotto_client *client)
{
    struct account *account = &client->account;
    Sotto__Keyx__V1__AddDeviceRequest request = SOTTO__KEYX__V1__ADD_DEVICE_REQUEST__INIT;
    request.certificate = view(account->certificate, VERIFY_CERT_BYTES);
    request.signature_key = view(account->device_key, KEY_BYTES);
    request.label = account->label;
    Sotto__Keyx__V1__AddDeviceReply *reply = NULL;
    int status = rpc(client, KEYX_METHOD("AddDevice"), &request.base,
                     &sotto__keyx__v1__add_device_reply__descriptor, &reply, NULL);
    pb_free(reply);
    return status;
}

static int
put_backup(struct sotto_client *client)
{
    struct account *account = &client->account;
    if (account->backup.len == 0)
        return SOTTO_CLIENT_OK;
    Sotto__Keyx__V1__PutBackupRequest request = SOTTO__KEYX__V1__PUT_BACKUP_REQUEST__INIT;
    request.container = view(account->backup.data, account->backup.len);
    request.counter = account->backup_counter;
    request.expected_counter = account->backup_counter - 1;
    Sotto__Keyx__V1__PutBackupReply *reply = NULL;
    int status = rpc(client, KEYX_METHOD("PutBackup"), &request.base,
                     &sotto__keyx__v1__put_backup_reply__descriptor, &reply, NULL);
    pb_free(reply);
    if (status == SOTTO_CLIENT_EFAILED && !strcmp(client->error.code, "aborted")) {
        /* The answer to the first try was lost: the server has this very container. */
        Sotto__Keyx__V1__GetBackupRequest look = SOTTO__KEYX__V1__GET_BACKUP_REQUEST__INIT;
        Sotto__Keyx__V1__GetBackupReply *stored = NULL;
        struct sotto_client_error kept = client->error;
        status = rpc(client, KEYX_METHOD("GetBackup"), &look.base,
                     &sotto__keyx__v1__get_backup_reply__descriptor, &stored, NULL);
        if (status == SOTTO_CLIENT_OK &&
            (stored->container.len != account->backup.len ||
             memcmp(stored->container.data, account->backup.data, account->backup.len))) {
            client->error = kept;
            status = kept.status;
        }
        pb_free(stored);
    }
    if (status == SOTTO_CLIENT_OK)
        buf_fini(&account->backup);
    return status;
}

static int
upload_first_packages(struct sotto_client *client)
{
    return keys_replenish(client, true);
}

int
keys_finish(struct sotto_client *client)
{
    static const struct {
        uint32_t bit;
        int (*take)(struct sotto_client *client);
    } steps[] = {
        {STEP_IDENTITY, publish_identity},
        {STEP_DEVICE, add_device},
        {STEP_BACKUP, put_backup},
        {STEP_KEY_PACKAGES, upload_first_packages},
    };
    if (!client->account.has_identity)
        return fail(&client->error, SOTTO_CLIENT_EAUTH, "unauthenticated",
                    "this profile has no keys yet; log in again with `sotto login %s`",
                    client->account.name);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (client->account.steps_done & steps[i].bit)
            continue;
        int status = steps[i].take(client);
        if (status)
            return status;
        client->account.steps_done |= steps[i].bit;
        status = account_store(client);
        if (status)
            return status;
    }
    return SOTTO_CLIENT_OK;
}

/* ---- KeyPackages ----------------------------------------------------------------------------- */

/* Makes one KeyPackage and stores its private half. Inside a transaction. */
static int
make_package(struct sotto_client *client, uint16_t suite, bool last_resort, struct buf *message_out)
{
    uint64_t now = (uint64_t)wall_seconds();
    struct mls_client self = group_mls_client(client);
    struct mls_config config;
    struct mls_buf message = {0};
    struct mls_buf bundle = {0};
    struct mls_key_package_info info;
    self.lifetime = (struct mls_lifetime){now - CLOCK_SKEW_SECONDS, now + LIFETIME_SECONDS};
    group_config(client, &config);
    int problem = mls_key_package_create(&config, &self, suite, &message, &bundle);
    if (problem == 0)
        problem = mls_key_package_info(config.provider, mls_buf_bytes(&message), &info);
    int status = SOTTO_CLIENT_OK;
    if (problem) {
        status = fail(&client->error, SOTTO_CLIENT_EFAILED, "internal",
                      "cannot make a key package (%s)", mls_error_text(problem));
    } else {
        struct buf sealed = {0};
        vault_seal(&client->profile.vault,
                   (struct vault_place){"key_packages.bundle", info.ref, MLS_REF_BYTES},
                   bundle.data, bundle.len, &sealed);
        status = query_run(&client->profile, &client->error,
                           "INSERT INTO key_packages(ref, suite, last_resort, not_after, bundle)"
                           " VALUES(?, ?, ?, ?, ?)",
                           BINDS(bind_blob(info.ref, MLS_REF_BYTES), bind_int(suite),
                                 bind_int(last_resort), bind_int((int64_t)info.lifetime.not_after),
                                 bind_blob(sealed.data, sealed.len)));
        buf_fini(&sealed);
        buf_set(message_out, message.data, message.len);
    }
    mls_buf_fini(&message);
    mls_buf_fini(&bundle);
    return status;
}

/* Makes `count` packages, and a last resort if asked, in one transaction. */
static int
make_packages(struct sotto_client *client, uint16_t suite, struct buf *packages, size_t count,
              struct buf *last_resort)
{
    int status = profile_begin(&client->profile, &client->error);
    if (status)
        return status;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < count; i++)
        status = make_package(client, suite, false, &packages[i]);
    if (status == SOTTO_CLIENT_OK && last_resort)
        status = make_package(client, suite, true, last_resort);
    return profile_end(&client->profile, status, &client->error);
}

static int
upload(struct sotto_client *client, uint16_t suite, size_t count, bool last_resort)
{
    struct buf packages[STOCK_MAX] = {{0}};
    ProtobufCBinaryData views[STOCK_MAX];
    struct buf resort = {0};
    int status = make_packages(client, suite, packages, count, last_resort ? &resort : NULL);
    if (status == SOTTO_CLIENT_OK) {
        Sotto__Keyx__V1__UploadKeyPackagesRequest request =
            SOTTO__KEYX__V1__UPLOAD_KEY_PACKAGES_REQUEST__INIT;
        for (size_t i = 0; i < count; i++)
            views[i] = view(packages[i].data, packages[i].len);
        request.n_key_packages = count;
        request.key_packages = views;
        request.last_resort = view(resort.data, resort.len);
        Sotto__Keyx__V1__UploadKeyPackagesReply *reply = NULL;
        status = rpc(client, KEYX_METHOD("UploadKeyPackages"), &request.base,
                     &sotto__keyx__v1__upload_key_packages_reply__descriptor, &reply, NULL);
        pb_free(reply);
    }
    for (size_t i = 0; i < count; i++)
        buf_fini(&packages[i]);
    buf_fini(&resort);
    return status;
}

/* True when the last resort that the server hands out was used, or will expire within a third of its
 * life. */
static int
last_resort_is_old(struct sotto_client *client, uint16_t suite, bool *old_out)
{
    int64_t not_after = 0;
    int status = query_number(&client->profile, &not_after, &client->error,
                              "SELECT MAX(not_after) FROM key_packages"
                              " WHERE suite = ? AND last_resort = 1",
                              BINDS(bind_int(suite)));
    *old_out = not_after < wall_seconds() + LIFETIME_SECONDS / 3;
    return status;
}

/* Tops up one suite by what the server counted. */
static int
top_up(struct sotto_client *client, const struct stock *stock,
       const Sotto__Keyx__V1__CountKeyPackagesReply *counted)
{
    uint32_t have = 0;
    bool last_resort = false;
    for (size_t i = 0; i < counted->n_counts; i++) {
        if (counted->counts[i]->suite != stock->suite)
            continue;
        have = counted->counts[i]->count;
        last_resort = counted->counts[i]->last_resort;
    }
    bool old = false;
    int status = last_resort_is_old(client, stock->suite, &old);
    if (status)
        return status;
    last_resort = last_resort && !old;
    /* A few missing ones are not worth a call. */
    if (last_resort && have * 2 > stock->count)
        return SOTTO_CLIENT_OK;
    size_t missing = have < stock->count ? stock->count - have : 0;
    return upload(client, stock->suite, missing, !last_resort);
}

/* True when the last look was long ago; notes the time of this one. */
static int
time_to_look(struct sotto_client *client, bool *due_out)
{
    struct buf value = {0};
    int64_t last = 0;
    int64_t now = wall_seconds();
    int status = meta_get(&client->profile, "packages_counted", &value, &client->error);
    if (status == SOTTO_CLIENT_OK && value.len == sizeof(last))
        memcpy(&last, value.data, sizeof(last));
    buf_fini(&value);
    *due_out = now - last >= LOOK_AGAIN_SECONDS || now < last;
    if (status == SOTTO_CLIENT_OK && *due_out)
        status = meta_set(&client->profile, "packages_counted", &now, sizeof(now), &client->error);
    return status;
}

/* Forgets what is over `kept` of one kind (the column last_resort), the oldest first. */
static int
forget_beyond(struct sotto_client *client, uint16_t suite, int kind, int64_t kept)
{
    return query_run(&client->profile, &client->error,
                     "DELETE FROM key_packages WHERE ref IN (SELECT ref FROM key_packages"
                     " WHERE suite = ? AND last_resort = ? ORDER BY not_after DESC"
                     " LIMIT -1 OFFSET ?)",
                     BINDS(bind_int(suite), bind_int(kind), bind_int(kept)));
}

int
keys_forget_old(struct sotto_client *client)
{
    /* A day of grace for a Welcome that is on its way. */
    int status =
        query_run(&client->profile, &client->error, "DELETE FROM key_packages WHERE not_after < ?",
                  BINDS(bind_int(wall_seconds() - 86400)));
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < sizeof(stocks) / sizeof(stocks[0]); i++) {
        status = forget_beyond(client, stocks[i].suite, 0, KEPT_MAX);
        if (status == SOTTO_CLIENT_OK)
            status = forget_beyond(client, stocks[i].suite, 1, KEPT_LAST_RESORT_MAX);
        if (status == SOTTO_CLIENT_OK)
            status = forget_beyond(client, stocks[i].suite, 2, KEPT_LAST_RESORT_MAX);
    }
    return status;
}

static int
fetch_counts(struct sotto_client *client, const uint8_t device_id[ID_BYTES],
             Sotto__Keyx__V1__CountKeyPackagesReply **counted_out)
{
    Sotto__Keyx__V1__CountKeyPackagesRequest request =
        SOTTO__KEYX__V1__COUNT_KEY_PACKAGES_REQUEST__INIT;
    request.device_id = view(device_id, ID_BYTES);
    return rpc(client, KEYX_METHOD("CountKeyPackages"), &request.base,
               &sotto__keyx__v1__count_key_packages_reply__descriptor, counted_out, NULL);
}

int
keys_stock(struct sotto_client *client, const uint8_t device_id[ID_BYTES], uint32_t *count_out)
{
    Sotto__Keyx__V1__CountKeyPackagesReply *counted = NULL;
    int status = fetch_counts(client, device_id, &counted);
    *count_out = 0;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < counted->n_counts; i++)
        *count_out += counted->counts[i]->count;
    pb_free(counted);
    return status;
}

int
keys_replenish(struct sotto_client *client, bool force)
{
    bool due = force;
    int status = force ? SOTTO_CLIENT_OK : time_to_look(client, &due);
    if (status || !due)
        return status;
    Sotto__Keyx__V1__CountKeyPackagesReply *counted = NULL;
    status = fetch_counts(client, client->account.device_id, &counted);
    if (status)
        return status;
    for (size_t i = 0; status == SOTTO_CLIENT_OK && i < sizeof(stocks) / sizeof(stocks[0]); i++)
        status = top_up(client, &stocks[i], counted);
    pb_free(counted);
    if (status)
        return status;
    return keys_forget_old(client);
}
