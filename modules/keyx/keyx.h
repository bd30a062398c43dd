/* SPDX-License-Identifier: MIT */
/* What the files of the keyx module share: its state, its statements and the handlers of its methods. */
#ifndef KEYX_H
#define KEYX_H

#include "keyx.pb-c.h"
#include "mls/key_package.h"
#include "sotto/module.h"
#include "verify/verify.h"

#define KEYX_ID_BYTES SOTTO_ID_BYTES
#define KEYX_DEVICES_MAX VERIFY_LOG_DEVICES_MAX /* a user; the conf may lower it */
/* Entries of a user's key log, which goes whole to whoever asks: about 40 KB, a hundred devices in a life. A removal
 * always finds room, and so does the last entry of a deleted account. */
#define KEYX_LOG_MAX 200
#define KEYX_PACKAGES_MAX 200 /* one-time packages of a device in one suite */
#define KEYX_UPLOAD_MAX 100   /* one-time packages a call */
#define KEYX_PACKAGE_BYTES_MAX 4096
#define KEYX_LEAF_BYTES_MAX 1024 /* chats take no larger one */
#define KEYX_TELL_MAX 64         /* removals told of in a round */
#define KEYX_LOW 20              /* fewer left: the device is told */
#define KEYX_CLAIM_USERS_MAX 200
#define KEYX_CLAIM_KEEP_MS (10 * 60000) /* for a repeat */
#define KEYX_CLAIMS_KEPT 4              /* the newest of a device */
#define KEYX_CHECK_MAX 1024             /* devices in one keyx.device.check.v1 */
#define KEYX_LABEL_BYTES_MAX 128
#define KEYX_CLOCK_SKEW_MS 86400000LL /* a client's clock may be a day off */

enum keyx_metric {
    KEYX_METRIC_CLAIMED = 0, /* label: one_time, last_resort */
    KEYX_METRIC_UPLOADED,
};

struct keyx_rate;

/* Removals that the last round told of; the next one takes them for told. */
struct keyx_told {
    size_t count;
    struct verify_removal removals[KEYX_TELL_MAX];
};

struct keyx {
    struct sotto_host *host;
    const struct mls_provider *mls;
    uint32_t devices_max;
    uint32_t packages_max;
    int64_t lifetime_max_ms;
    struct keyx_rate *callers;  /* how many users an account claims from */
    struct keyx_rate *contacts; /* how often an account claims from one user */
    struct keyx_rate *uploads;  /* how many KeyPackages an account uploads */
    struct sotto_timer *purge;
    struct keyx_told told;
};

/* ---- keyx_store.c ---------------------------------------------------------------------------- */

enum keyx_stmt {
    KEYX_IDENTITY_GET = 0,
    KEYX_IDENTITY_ADD,
    KEYX_IDENTITY_SET_LOG,
    KEYX_DEVICE_GET,
    KEYX_DEVICE_LIST,
    KEYX_DEVICE_COUNT,
    KEYX_DEVICE_ADD,
    KEYX_DEVICE_REMOVE,
    KEYX_REMOVED_ADD,
    KEYX_REMOVED_GET,
    KEYX_REMOVED_UNTOLD,
    KEYX_REMOVED_TELL,
    KEYX_DELETED_ADD,
    KEYX_DELETED_GET,
    KEYX_LOG_ADD,
    KEYX_LOG_LIST,
    KEYX_PACKAGE_ADD,
    KEYX_PACKAGE_REMOVE,
    KEYX_PACKAGE_REMOVE_LAST,
    KEYX_PACKAGE_REMOVE_ALL,
    KEYX_PACKAGE_PICK,
    KEYX_PACKAGE_COUNT,
    KEYX_PACKAGE_PURGE,
    KEYX_CLAIM_GET,
    KEYX_CLAIM_ADD,
    KEYX_CLAIM_FORGET,
    KEYX_CLAIM_REMOVE_DEVICE,
    KEYX_CLAIM_PURGE,
    KEYX_SPENT_ADD,
    KEYX_SPENT_GET,
    KEYX_SPENT_PURGE,
    KEYX_BACKUP_GET,
    KEYX_BACKUP_ADD,
    KEYX_BACKUP_REMOVE,
    KEYX_BACKUP_TRIM,
    KEYX_STMT_COUNT,
};
extern const struct sotto_stmt_row keyx_statements[KEYX_STMT_COUNT];

/* The identity row of a user. */
struct keyx_identity {
    uint8_t identity_key[VERIFY_KEY_BYTES];
    uint8_t signature[VERIFY_SIGNATURE_BYTES];
    uint32_t log_count;
    uint8_t log_head[VERIFY_HASH_BYTES];
};

/* A refusal inside a transaction: the sentence for the client beside the error that the function returns. */
int keyx_refuse(const char **text_out, int error, const char *text);

/* SOTTO_ENOTFOUND: the user has no keys yet. */
int keyx_identity_get(struct sotto_tx *, const uint8_t *user, struct keyx_identity *identity_out);

/* Numbers, stamps, hashes and stores the next entry of the user's key log; moves identity's head. */
int keyx_log_append(struct sotto_tx *, const uint8_t *user, struct keyx_identity *identity,
                    struct verify_log_entry *entry);

/* The public answer about one user, in the transaction's memory. Users without keys get an empty key.
 * with_labels: the asker is the user. */
int keyx_identity_reply(struct sotto_tx *, const uint8_t *user, bool with_labels,
                        Sotto__Keyx__V1__GetIdentityReply *reply_out);

/* Copies a column into the transaction's memory; data NULL when that is used up. */
ProtobufCBinaryData keyx_copy(struct sotto_tx *, struct sotto_view view);

/* Queues a write or read whose argument begins with the request; fails the request when the store is closed. */
void keyx_write(struct keyx *, struct sotto_req *, sotto_tx_fn *, const void *arg, size_t size,
                sotto_db_done_fn *);
void keyx_read(struct keyx *, struct sotto_req *, sotto_tx_fn *, const void *arg, size_t size,
               sotto_db_done_fn *);
/* Likewise for the job pool. */
void keyx_job(struct keyx *, struct sotto_req *, sotto_work_fn *, const void *arg, size_t size,
              sotto_work_done_fn *);

static inline ProtobufCBinaryData
keyx_bytes(const void *data, size_t size)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)data, .len = size};
}

/* ---- keyx_remove.c ----------------------------------------------------------------------------- */

/* A device that is its user's no longer. */
struct keyx_removal {
    /* The signature is the deletion's when it went with its account. */
    struct verify_removal removal;
    bool is_account;
};

/* Takes the device, its KeyPackages and what was claimed of them away, and remembers that. Not the key log. */
int keyx_take_away(struct sotto_tx *, const struct keyx_removal *removal);
/* Tells the other modules, once; the broker's error. */
int keyx_publish_removal(struct keyx *, const struct keyx_removal *removal);

/* 1: the device was removed from the account once; 0: it was not. */
int keyx_was_removed(struct sotto_tx *, const uint8_t *user, const uint8_t *device);

/* Marks what the round before told, and publishes what is not marked. */
void keyx_tell_again(struct keyx *);

/* ---- keyx_account.c ---------------------------------------------------------------------------- */

/* SOTTO_EPRECONDITION with text: the account was deleted, nothing is stored for it any more. */
int keyx_refuse_deleted(struct sotto_tx *, const uint8_t *user, const char **text_out);

/* ---- keyx_rate.c ------------------------------------------------------------------------------- */

/* A bounded table of token buckets; NULL: out of memory. */
struct keyx_rate *keyx_rate_create(double burst, double per_ms);
void keyx_rate_destroy(struct keyx_rate **);
/* Takes cost tokens of the key's bucket; false (and nothing taken) when there are not enough. */
bool keyx_rate_take(struct keyx_rate *, const void *key, size_t key_size, double cost,
                    int64_t mono_ms);

/* ---- keyx_packages.c --------------------------------------------------------------------------- */

/* Whether KeyPackages of this cipher suite are taken. */
bool keyx_is_suite(uint32_t suite);
/* Unexpired packages of a device: one-time ones, or those of last resort. */
int keyx_count_packages(struct sotto_tx *, const uint8_t *user, const uint8_t *device,
                        uint32_t suite, bool last_resort, int64_t *count_out);

/* ---- handlers ---------------------------------------------------------------------------------- */

sotto_rpc_fn keyx_on_publish_identity, keyx_on_add_device, keyx_on_get_identity;
sotto_rpc_fn keyx_on_remove_device;
sotto_rpc_fn keyx_on_upload, keyx_on_count, keyx_on_claim;
sotto_rpc_fn keyx_on_put_backup, keyx_on_get_backup;
sotto_call_fn keyx_on_device_check, keyx_on_deletion_check;
sotto_topic_fn keyx_on_account_deleted;
sotto_timer_fn keyx_on_purge;

#endif
