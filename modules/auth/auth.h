/* SPDX-License-Identifier: MIT */
/*
 * Inside of modules/auth: its state, and what its files give one another.
 *
 * The files, in the order in which a client meets them: auth_register.c, auth_login.c (with auth_pending.c),
 * auth_refresh.c, auth_attach.c, auth_logins.c, auth_lookup.c, auth_delete.c. Below them auth_issue.c (what a login
 * gives), auth_ended.c (logins that were ended), auth_device.c (devices that were removed), auth_check.c (names and
 * devices), auth_cleanup.c (start and housekeeping), auth_store.c (statements), auth_token.c and auth_secret.c.
 */
#ifndef AUTH_H
#define AUTH_H

#include "auth_pending.h"
#include "auth_secret.h"
#include "auth_token.h"

#include "auth.pb-c.h"
#include "sotto/module.h"

#define AUTH_NAME_BYTES_MIN 3
#define AUTH_NAME_BYTES_MAX 32
#define AUTH_LABEL_CHARS_MAX 64
#define AUTH_AGENT_CHARS_MAX 128
#define AUTH_UTF8_BYTES_MAX 4 /* of one character */
#define AUTH_ADDRESS_BYTES_MAX 63
#define AUTH_LOGINS_MAX 10 /* of a user, whatever the conf says */
#define AUTH_REFRESH_BYTES 32
#define AUTH_HASH_BYTES 32
#define AUTH_LOOKUP_MAX 200
#define AUTH_FACT_BYTES_MAX 256 /* of a keyx.device.removed.v1 */
#define AUTH_REASON_BYTES_MAX 96
#define AUTH_SIGNATURE_BYTES 64
#define AUTH_TELL_MAX 64 /* deleted accounts told of in a round */

/* The one text for every refused login: it must not tell an unknown user from a wrong password. */
#define AUTH_TEXT_LOGIN_REFUSED "the name or the password is wrong"
#define AUTH_TEXT_TOKEN_REFUSED "the access token is not valid"
#define AUTH_TEXT_REFRESH_REFUSED "the refresh token is not valid"
#define AUTH_TEXT_BUSY "the server is busy; try again"

/* Index of each row in the metrics table of auth.c. */
enum auth_metric {
    AUTH_M_REGISTRATIONS = 0,
    AUTH_M_LOGINS,
    AUTH_M_TOKENS_ISSUED,
    AUTH_M_TOKENS_CHECKED,
    AUTH_M_LOGINS_ENDED,
    AUTH_M_CLEANED,
    AUTH_M_LOGIN_STARTS,
    AUTH_M_DELETIONS,
};
enum auth_outcome { AUTH_ACCEPTED = 0, AUTH_REFUSED };
enum auth_token_kind { AUTH_KIND_ACCESS = 0, AUTH_KIND_REFRESH };
enum auth_cleaned { AUTH_CLEANED_LOGINS = 0, AUTH_CLEANED_REFRESH, AUTH_CLEANED_ENDED };

/* Why a login ended; index of the label of AUTH_M_LOGINS_ENDED and of why_names in auth_ended.c. */
enum auth_why {
    AUTH_WHY_LOGOUT = 0,
    AUTH_WHY_REVOKED,
    AUTH_WHY_REPLACED, /* the same device logged in again */
    AUTH_WHY_EVICTED,  /* the user has too many logins */
    AUTH_WHY_REUSED,   /* a used refresh token came back */
    AUTH_WHY_DEVICE_REMOVED,
    AUTH_WHY_ACCOUNT_DELETED,
};

struct auth_conf {
    int64_t access_s;
    int64_t refresh_s;
    int64_t race_ms;
    int64_t rotations; /* refresh tokens of a login that are remembered */
    int64_t logins_per_user;
    int64_t login_starts;
    int64_t cleanup_ms;
};

/* Deleted accounts that the last round told of; the next one takes them for told. */
struct auth_told {
    size_t count;
    uint8_t users[AUTH_TELL_MAX][SOTTO_ID_BYTES];
};

struct auth {
    struct sotto_host *host;
    struct auth_conf conf;
    struct auth_secrets *secrets;
    struct auth_pending *pending; /* logins between KE2 and KE3 */
    struct auth_ended_set *ended; /* see auth_ended.c */
    struct auth_told told;
    struct sotto_timer *cleanup;
    size_t open;            /* store and pool jobs whose done has not run */
    bool ready;             /* the ended logins were read from the store */
    bool foreign;           /* the records belong to another OPAQUE setup: see auth_store.c */
    sotto_done_fn *stopped; /* stop was asked for */
    void *stopped_arg;
};

/* ---- life of jobs (auth.c) ------------------------------------------------------------------- */

/* host->db->write, read and host->job->run that count what is open; each done function begins with
 * auth_end_job. Errors as in the SDK. */
int auth_write(struct auth *, sotto_tx_fn *, const void *arg, size_t size, sotto_db_done_fn *);
int auth_read(struct auth *, sotto_tx_fn *, const void *arg, size_t size, sotto_db_done_fn *);
int auth_run(struct auth *, sotto_work_fn *, const void *arg, size_t size, sotto_work_done_fn *);
void auth_end_job(struct auth *);
void auth_count(struct auth *, enum auth_metric, uint32_t value, double amount);
/* Wall clock in seconds. */
int64_t auth_now_s(const struct auth *);
/* When the last access token of a login that ends now has expired, seconds. */
int64_t auth_ended_until_s(const struct auth *);

/* ---- auth_check.c: what a client may send ---------------------------------------------------- */

struct auth_device {
    uint8_t id[SOTTO_ID_BYTES];
    char label[AUTH_LABEL_CHARS_MAX * AUTH_UTF8_BYTES_MAX + 1];
    char user_agent[AUTH_AGENT_CHARS_MAX * AUTH_UTF8_BYTES_MAX + 1];
    char address[AUTH_ADDRESS_BYTES_MAX + 1];
};

/* Lower-cases a good name into key_out. NULL, or the sentence for the client. */
const char *auth_check_name(const char *name, char key_out[AUTH_NAME_BYTES_MAX + 1]);
/* NULL, or the sentence for the client. */
const char *auth_check_device(const Sotto__Auth__V1__Device *, const struct sotto_caller *,
                              struct auth_device *device_out);

/* ---- auth_issue.c: a new login, and the answer that carries its tokens ----------------------- */

struct auth_ended_login {
    uint8_t login[SOTTO_ID_BYTES];
    uint8_t device[SOTTO_ID_BYTES];
    enum auth_why why;
};

/* Logins of one user that a transaction ended. */
struct auth_ended_list {
    uint8_t user[SOTTO_ID_BYTES];
    int64_t until;       /* seconds: when the last access token of any of them expires */
    const char *goodbye; /* what their connections are told; NULL: that the login has ended */
    size_t count;
    struct auth_ended_login items[AUTH_LOGINS_MAX + 1];
};

/* What a LoginReply is made of. */
struct auth_grant {
    uint8_t user[SOTTO_ID_BYTES];
    uint8_t device[SOTTO_ID_BYTES];
    uint8_t login[SOTTO_ID_BYTES];
    char name[AUTH_NAME_BYTES_MAX + 1];
    uint8_t refresh[AUTH_REFRESH_BYTES];
    int64_t refresh_until; /* seconds */
    int64_t issued;        /* seconds */
    int64_t access_until;  /* seconds */
};

/* Arguments of opening a login inside a transaction. */
struct auth_opening {
    struct auth_device device;
    /* The caller gives user and name, auth_opening_init the rest. */
    struct auth_grant grant;
    struct auth_ended_list ended;
    int64_t logins_per_user;
    int64_t now_ms; /* finer than the times in grant: it decides which login is the oldest */
};

/* The refresh token of a login with this number; 0 is the first. Any thread. */
void auth_derive_refresh(const struct auth_secrets *, const uint8_t login[SOTTO_ID_BYTES],
                         int64_t counter, uint8_t token_out[AUTH_REFRESH_BYTES]);
/* Draws the id and makes the first refresh token; logic thread. */
void auth_opening_init(const struct auth *, struct auth_opening *);
/* Inside a transaction: ends the device's old login, evicts the longest unused ones, adds the
 * row. */
int auth_opening_store(struct sotto_tx *, struct auth_opening *);
/* Inside a transaction: removes an open login and remembers it until its access tokens expire. */
int auth_end_login(struct sotto_tx *, struct auth_ended_list *, const uint8_t login[SOTTO_ID_BYTES],
                   const uint8_t device[SOTTO_ID_BYTES], enum auth_why);
/* Likewise all logins of list->user. */
int auth_end_all(struct sotto_tx *, struct auth_ended_list *, enum auth_why);
void auth_hash_refresh(const uint8_t token[AUTH_REFRESH_BYTES], uint8_t hash_out[AUTH_HASH_BYTES]);
/* Mints the access token and answers req; logic thread, after the commit. */
void auth_reply_grant(struct auth *, struct sotto_req *, const struct auth_grant *);

/* ---- auth_ended.c: logins that were ended, and telling everybody ----------------------------- */

struct auth_ended_set;
int auth_ended_set_create(struct auth_ended_set **set_out);
void auth_ended_set_destroy(struct auth_ended_set **);
/* SOTTO_ENOMEM: it could not be kept; the caller must not rely on the set any more. */
int auth_ended_set_add(struct auth_ended_set *, const uint8_t login[SOTTO_ID_BYTES], int64_t until);
bool auth_ended_set_has(const struct auth_ended_set *, const uint8_t login[SOTTO_ID_BYTES]);
/* Forgets what ended before now (seconds). */
void auth_ended_set_expire(struct auth_ended_set *, int64_t now);
size_t auth_ended_set_count(const struct auth_ended_set *);

/* After the commit: remembers them, tells the user's clients, closes the connections, publishes. */
void auth_announce_ended(struct auth *, const struct auth_ended_list *);

/* ---- auth_login.c: the proof of a password ---------------------------------------------------- */

/* Takes the unfinished login out of the table and checks KE3, for unknown users as for others. SOTTO_EAUTH. */
int auth_prove_password(struct auth *, const uint8_t login_start_id[SOTTO_ID_BYTES],
                        const uint8_t ke3[OPAQUE_KE3_BYTES], uint8_t user_out[SOTTO_ID_BYTES]);

/* ---- auth_device.c: devices that were removed from their accounts ---------------------------- */

/* The fact that removed a device, encoded; size 0: none. */
struct auth_removed {
    size_t size;
    uint8_t fact[AUTH_FACT_BYTES_MAX];
};

/* Inside a transaction. user NULL: of whoever has a device of this id. 0 also when there is none. */
int auth_find_removed(struct sotto_tx *, const uint8_t *user, const uint8_t device[SOTTO_ID_BYTES],
                      struct auth_removed *removed_out);
/* Inside a transaction: from now on the device is shown this fact. */
int auth_remember_removed(struct sotto_tx *, const uint8_t user[SOTTO_ID_BYTES],
                          const uint8_t device[SOTTO_ID_BYTES], struct sotto_view fact);
/* "this device was removed on 2026-01-31 by device 0a1b2c3d", or the account was deleted; for a Goodbye. */
void auth_write_reason(bool is_account, int64_t time_ms, const uint8_t *by,
                       char reason_out[AUTH_REASON_BYTES_MAX]);
/* Refuses with the fact in the details. */
void auth_fail_removed(struct sotto_req *, int error, const struct auth_removed *);
sotto_topic_fn auth_on_device_removed;

/* ---- auth_delete.c: accounts that are no more ------------------------------------------------ */

/* Publishes deletions that other modules may have missed. */
void auth_tell_deleted(struct auth *);

/* ---- auth_cleanup.c: start and housekeeping -------------------------------------------------- */

/* Reads the ended logins and compares the OPAQUE setup with the stored one. SOTTO_EUNAVAILABLE. */
int auth_load(struct auth *);
void auth_clean(void *state, void *arg); /* timer */

/* ---- methods --------------------------------------------------------------------------------- */

sotto_rpc_fn auth_on_register_start;
sotto_rpc_fn auth_on_register_finish;
sotto_rpc_fn auth_on_login_start;
sotto_rpc_fn auth_on_login_finish;
sotto_rpc_fn auth_on_refresh;
sotto_rpc_fn auth_on_attach;
sotto_rpc_fn auth_on_who_am_i;
sotto_rpc_fn auth_on_list_logins;
sotto_rpc_fn auth_on_revoke;
sotto_rpc_fn auth_on_logout;
sotto_rpc_fn auth_on_lookup_users;
sotto_rpc_fn auth_on_delete_account;

/* ---- auth_store.c: statements ---------------------------------------------------------------- */

enum auth_stmt {
    /* name_key -> user_id, name, record, idempotency, created_ms, deleted_ms */
    AUTH_Q_USER_BY_NAME = 0,
    AUTH_Q_USER_BY_ID,      /* user_id -> name; not of a deleted account */
    AUTH_Q_USER_ADD,        /* user_id, name, name_key, record, idempotency, created_ms */
    AUTH_Q_USER_ANY,        /* -> 1 */
    AUTH_Q_USER_EMPTY,      /* record, idempotency, deleted_ms, user_id */
    AUTH_Q_LOGIN_OF_DEVICE, /* user_id, device_id -> login_id, counter, refresh_until, access_until */
    AUTH_Q_LOGIN_COUNT,     /* user_id -> count */
    AUTH_Q_LOGIN_OLDEST,    /* user_id -> login_id, device_id */
    /* login_id, user_id, device_id, label, user_agent, address, created_ms, used_ms, rotated_ms,
     * refresh_until, access_until */
    AUTH_Q_LOGIN_ADD,
    AUTH_Q_LOGIN_BY_ID, /* login_id -> user_id, device_id, access_until, name */
    /* user_id -> login_id, device_id, label, user_agent, address, created_ms, used_ms,
     * refresh_until */
    AUTH_Q_LOGINS_OF_USER,
    /* counter, rotated_ms, used_ms, refresh_until, access_until, address, login_id */
    AUTH_Q_LOGIN_ROTATE,
    AUTH_Q_LOGIN_TOUCH,  /* access_until, used_ms, login_id */
    AUTH_Q_LOGIN_DELETE, /* login_id */
    AUTH_Q_REFRESH_ADD,  /* hash, login_id, counter, until */
    /* hash -> login_id, counter, until, user_id, device_id, current counter, rotated_ms,
     * refresh_until, name */
    AUTH_Q_REFRESH_FIND,
    AUTH_Q_REFRESH_OLDEST,  /* login_id -> counter */
    AUTH_Q_REMOVED_ADD,     /* user_id, device_id, fact */
    AUTH_Q_REMOVED_FIND,    /* device_id, user_id -> fact */
    AUTH_Q_REMOVED_DEVICE,  /* device_id -> fact */
    AUTH_Q_DELETION_ADD,    /* user_id, by_device, deleted_ms, signature */
    AUTH_Q_DELETION_UNTOLD, /* how many -> user_id, by_device, deleted_ms, signature */
    AUTH_Q_DELETION_TOLD,   /* user_id */
    AUTH_Q_ENDED_ADD,       /* login_id, until */
    AUTH_Q_ENDED_FIND,      /* login_id -> 1 */
    AUTH_Q_ENDED_ALL,       /* now -> login_id, until */
    AUTH_Q_CLEAN_LOGINS,    /* now */
    AUTH_Q_CLEAN_REFRESH,   /* now */
    AUTH_Q_CLEAN_ENDED,     /* now */
    AUTH_Q_SETUP_GET,       /* -> public_key */
    AUTH_Q_SETUP_PUT,       /* public_key */
    AUTH_STATEMENTS,
};
extern const struct sotto_stmt_row auth_statements[AUTH_STATEMENTS];

/* Copies a blob column of exactly size bytes; SOTTO_EDATALOSS otherwise. */
int auth_col_bytes(struct sotto_stmt *, int column, uint8_t *out, size_t size);
/* Runs a statement that gives no row. */
int auth_run_stmt(struct sotto_stmt *);

#endif
