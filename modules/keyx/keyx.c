/* SPDX-License-Identifier: MIT */
/*
 * The module keyx: the public keys of users and devices, one-time KeyPackages, the log of key changes and the sealed
 * key backup.
 *
 * Answers methods of sotto.keyx.v1.KeyService and the calls keyx.device.check.v1 and keyx.deletion.check.v1;
 * publishes keyx.device.added.v1 and keyx.device.removed.v1; hears auth.account.deleted.v1. Owns the tables keyx_*.
 * It knows users only as ids of attached sessions: accounts and logins belong to auth, and who is in which chat to
 * chat.
 *
 * All that it stores is public, or sealed by the client. It can withhold keys, but a forged one has no
 * certificate of the user's identity key, and a changed identity key is one that clients notice.
 */
#include "keyx.h"

#include <stdlib.h>

#include <sodium.h>

#include "keyx.migrations.h"

#define PURGE_FIRST_MS 60000
#define PURGE_EVERY_MS (10 * 60000)
#define DEADLINE_MS 10000

/* ---- life ------------------------------------------------------------------------------------------------ */

static void
keyx_fini(void *state)
{
    struct keyx *keyx = state;

    if (keyx == NULL)
        return;
    keyx_rate_destroy(&keyx->callers);
    keyx_rate_destroy(&keyx->contacts);
    keyx_rate_destroy(&keyx->uploads);
    free(keyx);
}

/* A bucket holds a minute's (an hour's) worth and fills evenly. */
static struct keyx_rate *
make_rate(int64_t amount, double period_ms)
{
    return keyx_rate_create((double)amount, (double)amount / period_ms);
}

static int
keyx_init(struct sotto_host *host, const struct sotto_conf *conf, void **state_out,
          struct sotto_err *err)
{
    struct keyx *keyx = calloc(1, sizeof(*keyx));

    if (keyx == NULL)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    keyx->host = host;
    keyx->mls = mls_provider_default();
    keyx->devices_max = (uint32_t)host->conf->get_int(conf, "devices_max");
    keyx->packages_max = (uint32_t)host->conf->get_int(conf, "key_packages_max");
    keyx->lifetime_max_ms = host->conf->get_int(conf, "key_package_lifetime_max");
    keyx->callers = make_rate(host->conf->get_int(conf, "claims_per_minute"), 60e3);
    keyx->contacts = make_rate(host->conf->get_int(conf, "claims_per_contact_per_hour"), 3600e3);
    keyx->uploads = make_rate(host->conf->get_int(conf, "uploads_per_minute"), 60e3);
    if (keyx->mls == NULL || keyx->callers == NULL || keyx->contacts == NULL ||
        keyx->uploads == NULL) {
        keyx_fini(keyx);
        return sotto_err_set(err, SOTTO_ENOMEM, "libsodium does not start, or out of memory");
    }
    *state_out = keyx;
    return SOTTO_OK;
}

static int
keyx_start(void *state, struct sotto_err *err)
{
    struct keyx *keyx = state;

    keyx->purge =
        keyx->host->timer->start(keyx->host, PURGE_FIRST_MS, PURGE_EVERY_MS, keyx_on_purge, NULL);
    if (keyx->purge == NULL)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    keyx_tell_again(keyx);
    return SOTTO_OK;
}

static void
keyx_quiesce(void *state)
{
    struct keyx *keyx = state;

    keyx->host->timer->stop(keyx->purge);
    keyx->purge = NULL;
}

/* ---- tables ---------------------------------------------------------------------------------------------- */

static const struct sotto_conf_row config[] = {
    {.name = "devices_max",
     .type = SOTTO_CONF_INT,
     .preset = "10",
     .min = 1,
     .max = KEYX_DEVICES_MAX,
     .doc = "Devices of one account that may have keys."},
    {.name = "key_packages_max",
     .type = SOTTO_CONF_INT,
     .preset = "200",
     .min = 10,
     .max = KEYX_PACKAGES_MAX,
     .doc = "One-time KeyPackages stored for a device in one cipher suite."},
    {.name = "key_package_lifetime_max",
     .type = SOTTO_CONF_DURATION,
     .preset = "90d",
     .min = 86400000,
     .max = 366 * 86400000LL,
     .doc = "How far in the future a KeyPackage may expire."},
    {.name = "claims_per_minute",
     .type = SOTTO_CONF_INT,
     .preset = "1000",
     .min = 200,
     .max = 1000000,
     .doc = "Users whose KeyPackages one account may claim in a minute."},
    {.name = "uploads_per_minute",
     .type = SOTTO_CONF_INT,
     .preset = "6000",
     .min = 200,
     .max = 1000000,
     .doc =
         "KeyPackages that one account may upload in a minute: checking one takes a quarter of a "
         "millisecond. All devices together keep 4040 at most."},
    {.name = "claims_per_contact_per_hour",
     .type = SOTTO_CONF_INT,
     .preset = "60",
     .min = 1,
     .max = 1000000,
     .doc = "How often one account may claim KeyPackages of the same other user in an hour."},
};

#define KEYX_ROW(handler, row_flags, bytes)                                         \
    .level = SOTTO_LEVEL_SESSION, .rate = SOTTO_RATE_GENERAL, .flags = (row_flags), \
    .max_bytes = (bytes), .deadline_ms = DEADLINE_MS, .fn = (handler)
#define REPEATABLE_ROW(handler, bytes) KEYX_ROW(handler, SOTTO_RPC_IDEMPOTENT, bytes)
#define UPLOAD_ROW(handler, bytes) KEYX_ROW(handler, SOTTO_RPC_IDEMPOTENT | SOTTO_RPC_BULKY, bytes)

#define KEYX_RPC_PublishIdentity REPEATABLE_ROW(keyx_on_publish_identity, 1024)
#define KEYX_RPC_AddDevice REPEATABLE_ROW(keyx_on_add_device, 2048)
#define KEYX_RPC_RemoveDevice REPEATABLE_ROW(keyx_on_remove_device, 256)
#define KEYX_RPC_GetIdentity REPEATABLE_ROW(keyx_on_get_identity, 256)
#define KEYX_RPC_UploadKeyPackages UPLOAD_ROW(keyx_on_upload, 512 * 1024)
#define KEYX_RPC_CountKeyPackages REPEATABLE_ROW(keyx_on_count, 64)
#define KEYX_RPC_PutBackup UPLOAD_ROW(keyx_on_put_backup, 66 * 1024)
#define KEYX_RPC_GetBackup REPEATABLE_ROW(keyx_on_get_backup, 64)
/* A repeat without a request_id takes further packages. */
#define KEYX_RPC_ClaimKeyPackages KEYX_ROW(keyx_on_claim, 0, 8 * 1024)
#include "keyx.rpc.h"

static const ProtobufCMessageDescriptor *const events[] = {
    &sotto__keyx__v1__key_packages_low__descriptor,
    &sotto__keyx__v1__device_added__descriptor,
    &sotto__keyx__v1__device_removed__descriptor,
};

static const struct sotto_topic_row topics[] = {
    {.name = "keyx.device.added.v1",
     .message = "sotto.keyx.v1.DeviceAdded",
     .doc = "A user has a further device; key: the user id."},
    {.name = "keyx.device.removed.v1",
     .message = "sotto.keyx.v1.DeviceRemoved",
     .doc = "A device is its user's no longer; key: the user id. Published more than once, so "
            "that a module that missed it or failed hears of it again."},
};

static const struct sotto_call_row calls[] = {
    {.name = "keyx.device.check.v1",
     .doc =
         "Are these devices registered with these keys? sotto.keyx.v1.DeviceCheckList both ways.",
     .fn = keyx_on_device_check},
    {.name = "keyx.deletion.check.v1",
     .doc =
         "Is this deletion of an account signed by its identity key? sotto.auth.v1.AccountDeleted, "
         "answered with nothing.",
     .fn = keyx_on_deletion_check},
};

static const struct sotto_sub_row subs[] = {
    {.pattern = "auth.account.deleted.v1", .fn = keyx_on_account_deleted},
};

static const struct sotto_metric_row metrics[] = {
    [KEYX_METRIC_CLAIMED] = {.name = "claimed_total",
                             .type = SOTTO_METRIC_COUNTER,
                             .help = "KeyPackages handed out",
                             .label = "kind",
                             .values = "one_time|last_resort"},
    [KEYX_METRIC_UPLOADED] = {.name = "uploaded_total",
                              .type = SOTTO_METRIC_COUNTER,
                              .help = "KeyPackages uploaded"},
};

static const struct sotto_module module = {
    SOTTO_MODULE_HEAD,
    .name = "keyx",
    .version = "0.1.0",
    .summary = "Public keys of users and devices, KeyPackages, key log, sealed backups",
    .license = "MIT",
    .config = SOTTO_TABLE(config),
    .rpcs = SOTTO_TABLE(keyx_rpcs),
    .events = SOTTO_TABLE(events),
    .topics = SOTTO_TABLE(topics),
    .calls = SOTTO_TABLE(calls),
    .subs = SOTTO_TABLE(subs),
    .migrations = SOTTO_TABLE(keyx_migrations),
    .statements = SOTTO_TABLE(keyx_statements),
    .metrics = SOTTO_TABLE(metrics),
    .schema = KEYX_SCHEMA,
    .init = keyx_init,
    .start = keyx_start,
    .quiesce = keyx_quiesce,
    .fini = keyx_fini,
};

SOTTO_MODULE(module)
