/* SPDX-License-Identifier: MIT */
/*
 * auth: accounts, logins and tokens.
 *
 * Passwords are proven with OPAQUE (crypto/opaque), so the server never sees one. A login gives an
 * access token (a JWT of 15 minutes, see auth_token.h) and a refresh token (7 days, for one use).
 * Attach binds a connection to the user, device and login of an access token.
 *
 * Publishes auth.account.created.v1, auth.account.deleted.v1 and auth.login.ended.v1. Owns the tables
 * auth_users, auth_logins, auth_refresh, auth_ended, auth_removed, auth_deletions and auth_setup, and the
 * files in DATA/secrets. Hears keyx.device.removed.v1, asks keyx.deletion.check.v1. Identity keys and
 * devices are keyx's; auth knows a device only as the id that a client chose.
 *
 * The surprising thing: whether a login has ended is looked up in memory (auth_ended.c), although the truth is on
 * the disk. Memory hears of each end after its commit and before anybody else does, and as long as it may lack one
 * the store is asked.
 */
#include "auth.h"

#include <sodium.h>

#include <stdlib.h>
#include <string.h>

#define REQUEST_BYTES_MAX 2048
#define ATTACH_BYTES_MAX (AUTH_TOKEN_BYTES_MAX + 64)
#define LOOKUP_BYTES_MAX (AUTH_LOOKUP_MAX * 40)
#define DEADLINE_MS 10000
/* Refresh tokens of a login that are remembered: four times what a client needs that renews whenever its access token
 * ends, and some for one that is started often. */
#define ROTATIONS_FACTOR 4
#define ROTATIONS_SPARE 64

/* ---- jobs ------------------------------------------------------------------------------------ */

int
auth_write(struct auth *auth, sotto_tx_fn *fn, const void *arg, size_t size, sotto_db_done_fn *done)
{
    const int rc = auth->host->db->write(auth->host, fn, arg, size, done);

    auth->open += rc == 0;
    return rc;
}

int
auth_read(struct auth *auth, sotto_tx_fn *fn, const void *arg, size_t size, sotto_db_done_fn *done)
{
    const int rc = auth->host->db->read(auth->host, fn, arg, size, done);

    auth->open += rc == 0;
    return rc;
}

int
auth_run(struct auth *auth, sotto_work_fn *fn, const void *arg, size_t size,
         sotto_work_done_fn *done)
{
    const int rc = auth->host->job->run(auth->host, fn, arg, size, done);

    auth->open += rc == 0;
    return rc;
}

void
auth_end_job(struct auth *auth)
{
    auth->open--;
    if (auth->open == 0 && auth->stopped != NULL)
        auth->stopped(auth->stopped_arg);
}

void
auth_count(struct auth *auth, enum auth_metric metric, uint32_t value, double amount)
{
    auth->host->metric->add(auth->host, metric, value, amount);
}

int64_t
auth_now_s(const struct auth *auth)
{
    return auth->host->api->now_ms(auth->host) / 1000;
}

int64_t
auth_ended_until_s(const struct auth *auth)
{
    return auth_now_s(auth) + auth->conf.access_s + AUTH_CLOCK_SKEW_S;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
read_conf(const struct sotto_conf_api *api, const struct sotto_conf *conf, struct auth_conf *out)
{
    out->access_s = api->get_int(conf, "access_lifetime") / 1000;
    out->refresh_s = api->get_int(conf, "refresh_lifetime") / 1000;
    out->race_ms = api->get_int(conf, "refresh_race");
    out->rotations = ROTATIONS_SPARE + ROTATIONS_FACTOR * out->refresh_s / out->access_s;
    out->logins_per_user = api->get_int(conf, "logins_per_user");
    out->login_starts = api->get_int(conf, "login_starts");
    out->cleanup_ms = api->get_int(conf, "cleanup_interval");
}

static int
configure(struct sotto_host *host, const struct sotto_conf *conf)
{
    struct sotto_err err = {.text = ""};
    const int64_t access = host->conf->get_int(conf, "access_lifetime");

    if (sodium_init() < 0)
        return SOTTO_EINTERNAL;
    if (host->conf->get_int(conf, "refresh_lifetime") <= access)
        host->conf->error(conf, "refresh_lifetime", "must be longer than access_lifetime");
    if (auth_secrets_check(host->api->data_dir(host), host->conf->get_string(conf, "token_secret"),
                           host->conf->get_string(conf, "token_secret_previous"), &err) != 0)
        host->conf->error(conf, "token_secret", "%s", err.text);
    return 0;
}

static void fini(void *state);

/* A token made now must be one that the guard accepts: with a library that reads tokens in another
 * way nobody could attach. */
static int
try_tokens(const struct auth *auth, struct sotto_err *err)
{
    const int64_t now = auth_now_s(auth);
    struct auth_claims claims = {
        .use = AUTH_USE_ACCESS, .issued = now, .expires = now + auth->conf.access_s};
    char token[AUTH_TOKEN_BYTES_MAX + 1];

    if (auth_token_make(&auth->secrets->token, &claims, token) != 0 ||
        auth_token_check(&auth->secrets->token, token, strlen(token), AUTH_USE_ACCESS, now,
                         &claims) != 0)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "the installed libjwt does not read our tokens; install "
                             "libjwt 1.10");
    return 0;
}

static int
init(struct sotto_host *host, const struct sotto_conf *conf, void **state_out,
     struct sotto_err *err)
{
    struct auth *auth = calloc(1, sizeof(*auth));
    int rc;

    if (auth == NULL)
        return sotto_err_set(err, SOTTO_ENOMEM, "no memory for auth");
    auth->host = host;
    read_conf(host->conf, conf, &auth->conf);
    rc = auth_secrets_create(
        host->api->data_dir(host), host->conf->get_string(conf, "token_secret"),
        host->conf->get_string(conf, "token_secret_previous"), &auth->secrets, err);
    if (rc != 0)
        goto fail;
    auth->secrets->token.lifetime_s[AUTH_USE_ACCESS] = auth->conf.access_s;
    rc = try_tokens(auth, err);
    if (rc != 0)
        goto fail;
    if (auth_pending_create((size_t)auth->conf.login_starts, &auth->pending) != 0 ||
        auth_ended_set_create(&auth->ended) != 0) {
        rc = sotto_err_set(err, SOTTO_ENOMEM, "no memory for the tables of auth");
        goto fail;
    }
    *state_out = auth;
    return 0;
fail:
    fini(auth);
    return rc;
}

static int
start(void *state, struct sotto_err *err)
{
    struct auth *auth = state;
    const uint32_t interval = (uint32_t)auth->conf.cleanup_ms;

    if (auth_load(auth) != 0)
        return sotto_err_set(err, SOTTO_EUNAVAILABLE, "the store takes no work; see its messages");
    auth->cleanup = auth->host->timer->start(auth->host, interval, interval, auth_clean, NULL);
    if (auth->cleanup == NULL)
        return sotto_err_set(err, SOTTO_ENOMEM, "no memory for the timer of auth");
    auth_tell_deleted(auth);
    return 0;
}

static void
stop(void *state, sotto_done_fn *done, void *arg)
{
    struct auth *auth = state;

    auth->host->timer->stop(auth->cleanup);
    auth->cleanup = NULL;
    if (auth->open == 0) {
        done(arg);
        return;
    }
    auth->stopped = done;
    auth->stopped_arg = arg;
}

static void
fini(void *state)
{
    struct auth *auth = state;

    if (auth == NULL)
        return;
    auth_pending_destroy(&auth->pending);
    auth_ended_set_destroy(&auth->ended);
    auth_secrets_destroy(&auth->secrets);
    free(auth);
}

static int
health(void *state, struct sotto_err *err)
{
    const struct auth *auth = state;

    if (auth->foreign)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "the file secrets/opaque is not the one that the accounts were made "
                             "with; restore it from a backup");
    return 0;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const struct sotto_dep_row deps[] = {
    {.kind = SOTTO_DEP_PROVIDES, .what = "auth/1"},
};

static const struct sotto_conf_row config[] = {
    {.name = "access_lifetime",
     .type = SOTTO_CONF_DURATION,
     .preset = "15m",
     .min = 10 * 1000,
     .max = 24 * 60 * 60 * 1000,
     .doc = "How long an access token opens connections. Shorter means that clients renew more "
            "often."},
    {.name = "refresh_lifetime",
     .type = SOTTO_CONF_DURATION,
     .preset = "7d",
     .min = 60 * 1000,
     .max = 365LL * 24 * 60 * 60 * 1000,
     .doc = "How long a client that was not used may stay away before it needs the password "
            "again."},
    {.name = "refresh_race",
     .type = SOTTO_CONF_DURATION,
     .preset = "10s",
     .min = 0,
     .max = 60 * 1000,
     .doc = "Within this time a device that repeats a refresh gets the same answer; later the "
            "repeat counts as theft and ends the login."},
    {.name = "logins_per_user",
     .type = SOTTO_CONF_INT,
     .preset = "5",
     .min = 1,
     .max = AUTH_LOGINS_MAX,
     .doc = "Open logins of one user, one for each device. One more ends the one that was not "
            "used for the longest time."},
    {.name = "login_starts",
     .type = SOTTO_CONF_INT,
     .preset = "10000",
     .min = 1,
     .max = 1000000,
     .doc = "Logins that may be between their two steps at once (60 s each, about 200 bytes "
            "each). One more ends the oldest."},
    {.name = "cleanup_interval",
     .type = SOTTO_CONF_DURATION,
     .preset = "10m",
     .min = 1000,
     .max = 24 * 60 * 60 * 1000,
     .doc = "How often expired logins, refresh tokens and revocations are removed from the store."},
    {.name = "token_secret",
     .type = SOTTO_CONF_SECRET,
     .doc =
         "Signs access tokens: at least 32 bytes, no example value. Without it auth makes and uses "
         "the file secrets/token in the data folder."},
    {.name = "token_secret_previous",
     .type = SOTTO_CONF_SECRET,
     .doc = "The secret before, still accepted but no longer used, while a new one is brought "
            "in: keep it here for one access_lifetime."},
};

#define AUTH_RPC_ROW(rate_, bytes_, flags_, fn_)                                          \
    .level = SOTTO_LEVEL_NONE, .rate = (rate_), .max_bytes = (bytes_), .flags = (flags_), \
    .deadline_ms = DEADLINE_MS, .fn = (fn_)
#define AUTH_RPC_OWN(bytes_, flags_, fn_)                                            \
    .level = SOTTO_LEVEL_SESSION, .rate = SOTTO_RATE_GENERAL, .max_bytes = (bytes_), \
    .flags = (flags_), .deadline_ms = DEADLINE_MS, .fn = (fn_)

/* Accounts are counted at RegisterFinish; this step costs what the first one of a login costs. */
#define AUTH_RPC_RegisterStart \
    AUTH_RPC_ROW(SOTTO_RATE_LOGIN, REQUEST_BYTES_MAX, SOTTO_RPC_IDEMPOTENT, auth_on_register_start)
#define AUTH_RPC_RegisterFinish                                                \
    AUTH_RPC_ROW(SOTTO_RATE_REGISTER, REQUEST_BYTES_MAX, SOTTO_RPC_IDEMPOTENT, \
                 auth_on_register_finish)
#define AUTH_RPC_LoginStart \
    AUTH_RPC_ROW(SOTTO_RATE_LOGIN, REQUEST_BYTES_MAX, SOTTO_RPC_IDEMPOTENT, auth_on_login_start)
/* Needs the id that LoginStart gave, so LoginStart's rate is the rate of logins. */
#define AUTH_RPC_LoginFinish \
    AUTH_RPC_ROW(SOTTO_RATE_GENERAL, REQUEST_BYTES_MAX, 0, auth_on_login_finish)
#define AUTH_RPC_Refresh AUTH_RPC_ROW(SOTTO_RATE_GENERAL, REQUEST_BYTES_MAX, 0, auth_on_refresh)
#define AUTH_RPC_Attach \
    AUTH_RPC_ROW(SOTTO_RATE_GENERAL, ATTACH_BYTES_MAX, SOTTO_RPC_IDEMPOTENT, auth_on_attach)
#define AUTH_RPC_WhoAmI AUTH_RPC_OWN(REQUEST_BYTES_MAX, SOTTO_RPC_IDEMPOTENT, auth_on_who_am_i)
#define AUTH_RPC_ListLogins \
    AUTH_RPC_OWN(REQUEST_BYTES_MAX, SOTTO_RPC_IDEMPOTENT, auth_on_list_logins)
#define AUTH_RPC_Revoke AUTH_RPC_OWN(ATTACH_BYTES_MAX, SOTTO_RPC_IDEMPOTENT, auth_on_revoke)
#define AUTH_RPC_Logout AUTH_RPC_OWN(REQUEST_BYTES_MAX, SOTTO_RPC_IDEMPOTENT, auth_on_logout)
#define AUTH_RPC_LookupUsers \
    AUTH_RPC_OWN(LOOKUP_BYTES_MAX, SOTTO_RPC_IDEMPOTENT, auth_on_lookup_users)
/* Needs the id that LoginStart gave, like LoginFinish. */
#define AUTH_RPC_DeleteAccount AUTH_RPC_OWN(REQUEST_BYTES_MAX, 0, auth_on_delete_account)

#include "auth.migrations.h"
#include "auth.rpc.h"

static const ProtobufCMessageDescriptor *const events[] = {
    &sotto__auth__v1__login_ended__descriptor,
};

static const struct sotto_topic_row topics[] = {
    {.name = "auth.account.created.v1",
     .message = "sotto.auth.v1.AccountCreated",
     .doc = "Somebody registered."},
    {.name = "auth.account.deleted.v1",
     .message = "sotto.auth.v1.AccountDeleted",
     .doc = "A user deleted the account; key: the user id. Told at once, and again until a whole "
            "cleanup_interval has passed, after a restart too."},
    {.name = "auth.login.ended.v1",
     .message = "sotto.auth.v1.LoginEnded",
     .doc = "A login was logged out, revoked, replaced, evicted, found reused, or its device "
            "or account is gone; its connections are closed."},
};

static const struct sotto_sub_row subs[] = {
    {.pattern = "keyx.device.removed.v1", .fn = auth_on_device_removed},
};

static const struct sotto_metric_row metrics[] = {
    [AUTH_M_REGISTRATIONS] = {.name = "registrations_total",
                              .type = SOTTO_METRIC_COUNTER,
                              .help = "RegisterFinish calls that reached the store.",
                              .label = "outcome",
                              .values = "accepted|refused"},
    [AUTH_M_LOGINS] = {.name = "logins_total",
                       .type = SOTTO_METRIC_COUNTER,
                       .help = "Finished logins.",
                       .label = "outcome",
                       .values = "accepted|refused"},
    [AUTH_M_TOKENS_ISSUED] = {.name = "tokens_issued_total",
                              .type = SOTTO_METRIC_COUNTER,
                              .help = "Tokens handed out.",
                              .label = "kind",
                              .values = "access|refresh"},
    [AUTH_M_TOKENS_CHECKED] = {.name = "token_checks_total",
                               .type = SOTTO_METRIC_COUNTER,
                               .help = "Access tokens that were checked.",
                               .label = "outcome",
                               .values = "accepted|refused"},
    [AUTH_M_LOGINS_ENDED] = {.name = "logins_ended_total",
                             .type = SOTTO_METRIC_COUNTER,
                             .help = "Logins ended, and with each its tokens.",
                             .label = "why",
                             .values = "logout|revoked|replaced|evicted|reused|device_removed|"
                                       "account_deleted"},
    [AUTH_M_CLEANED] = {.name = "cleaned_rows_total",
                        .type = SOTTO_METRIC_COUNTER,
                        .help = "Expired rows removed.",
                        .label = "what",
                        .values = "login|refresh|ended"},
    [AUTH_M_LOGIN_STARTS] = {.name = "login_starts_total",
                             .type = SOTTO_METRIC_COUNTER,
                             .help = "Logins begun."},
    [AUTH_M_DELETIONS] = {.name = "deletions_total",
                          .type = SOTTO_METRIC_COUNTER,
                          .help = "DeleteAccount calls with a well-formed request.",
                          .label = "outcome",
                          .values = "accepted|refused"},
};

static const struct sotto_module auth_module = {
    SOTTO_MODULE_HEAD,
    .name = "auth",
    .version = "1.0.0",
    .summary = "Accounts, logins and tokens",
    .license = "MIT",
    .deps = SOTTO_TABLE(deps),
    .config = SOTTO_TABLE(config),
    .rpcs = SOTTO_TABLE(auth_rpcs),
    .events = SOTTO_TABLE(events),
    .topics = SOTTO_TABLE(topics),
    .subs = SOTTO_TABLE(subs),
    .migrations = SOTTO_TABLE(auth_migrations),
    .statements = SOTTO_TABLE(auth_statements),
    .metrics = SOTTO_TABLE(metrics),
    .schema = AUTH_SCHEMA,
    .configure = configure,
    .init = init,
    .start = start,
    .stop = stop,
    .fini = fini,
    .health = health,
};

SOTTO_MODULE(auth_module)
