/* SPDX-License-Identifier: MIT */
/*
 * Opening a login (a row, a refresh token, an access token) and ending one.
 *
 * A device has at most one login of a user: a new one takes the place of the old. A user has at
 * most `logins_per_user`: the one that was used least recently makes room. A login that ends is
 * remembered until the newest access token it could have been given has expired.
 */
#include "auth.h"

#include <sodium.h>

#include <string.h>

void
auth_hash_refresh(const uint8_t token[AUTH_REFRESH_BYTES], uint8_t hash_out[AUTH_HASH_BYTES])
{
    crypto_hash_sha256(hash_out, token, AUTH_REFRESH_BYTES);
}

void
auth_derive_refresh(const struct auth_secrets *secrets, const uint8_t login[SOTTO_ID_BYTES],
                    int64_t counter, uint8_t token_out[AUTH_REFRESH_BYTES])
{
    uint8_t input[SOTTO_ID_BYTES + 8];

    memcpy(input, login, SOTTO_ID_BYTES);
    for (int i = 0; i < 8; i++)
        input[SOTTO_ID_BYTES + i] = (uint8_t)((uint64_t)counter >> (56 - 8 * i));
    crypto_auth_hmacsha256(token_out, input, sizeof(input), secrets->refresh_key);
}

void
auth_opening_init(const struct auth *auth, struct auth_opening *opening)
{
    const int64_t now_ms = auth->host->api->now_ms(auth->host);
    const int64_t now = now_ms / 1000;
    struct auth_grant *grant = &opening->grant;

    opening->now_ms = now_ms;
    memcpy(grant->device, opening->device.id, SOTTO_ID_BYTES);
    randombytes_buf(grant->login, sizeof(grant->login));
    auth_derive_refresh(auth->secrets, grant->login, 0, grant->refresh);
    grant->issued = now;
    grant->access_until = now + auth->conf.access_s;
    grant->refresh_until = now + auth->conf.refresh_s;
    opening->ended.until = grant->access_until + AUTH_CLOCK_SKEW_S;
    opening->logins_per_user = auth->conf.logins_per_user;
}

int
auth_end_login(struct sotto_tx *tx, struct auth_ended_list *list,
               const uint8_t login[SOTTO_ID_BYTES], const uint8_t device[SOTTO_ID_BYTES],
               enum auth_why why)
{
    struct auth_ended_login *item = &list->items[list->count];
    struct sotto_stmt *stmt;
    int rc;

    if (list->count == sizeof(list->items) / sizeof(list->items[0]))
        return SOTTO_EINTERNAL;
    memcpy(item->login, login, SOTTO_ID_BYTES);
    memcpy(item->device, device, SOTTO_ID_BYTES);
    item->why = why;

    stmt = sotto_stmt(tx, AUTH_Q_LOGIN_DELETE);
    sotto_bind_blob(stmt, 1, item->login, SOTTO_ID_BYTES);
    rc = auth_run_stmt(stmt);
    if (rc != 0)
        return rc;
    stmt = sotto_stmt(tx, AUTH_Q_ENDED_ADD);
    sotto_bind_blob(stmt, 1, item->login, SOTTO_ID_BYTES);
    sotto_bind_int(stmt, 2, list->until);
    rc = auth_run_stmt(stmt);
    if (rc == 0)
        list->count++;
    return rc;
}

int
auth_end_all(struct sotto_tx *tx, struct auth_ended_list *list, enum auth_why why)
{
    uint8_t login[SOTTO_ID_BYTES];
    uint8_t device[SOTTO_ID_BYTES];

    for (;;) {
        struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_LOGIN_OLDEST);
        int rc;

        sotto_bind_blob(stmt, 1, list->user, SOTTO_ID_BYTES);
        rc = sotto_step(stmt);
        if (rc != SOTTO_ROW)
            return rc;
        if (auth_col_bytes(stmt, 0, login, sizeof(login)) != 0 ||
            auth_col_bytes(stmt, 1, device, sizeof(device)) != 0)
            return SOTTO_EDATALOSS;
        rc = auth_end_login(tx, list, login, device, why);
        if (rc != 0)
            return rc;
    }
}

static int
replace_login_of_device(struct sotto_tx *tx, struct auth_opening *opening)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_LOGIN_OF_DEVICE);
    uint8_t login[SOTTO_ID_BYTES];
    int rc;

    sotto_bind_blob(stmt, 1, opening->grant.user, SOTTO_ID_BYTES);
    sotto_bind_blob(stmt, 2, opening->device.id, SOTTO_ID_BYTES);
    rc = sotto_step(stmt);
    if (rc != SOTTO_ROW)
        return rc;
    rc = auth_col_bytes(stmt, 0, login, sizeof(login));
    if (rc != 0)
        return rc;
    return auth_end_login(tx, &opening->ended, login, opening->device.id, AUTH_WHY_REPLACED);
}

static int64_t
count_logins(struct sotto_tx *tx, const uint8_t user[SOTTO_ID_BYTES])
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_LOGIN_COUNT);
    int rc;

    sotto_bind_blob(stmt, 1, user, SOTTO_ID_BYTES);
    rc = sotto_step(stmt);
    return rc == SOTTO_ROW ? sotto_col_int(stmt, 0) : rc;
}

static int
evict_oldest(struct sotto_tx *tx, struct auth_opening *opening)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_LOGIN_OLDEST);
    uint8_t login[SOTTO_ID_BYTES];
    uint8_t device[SOTTO_ID_BYTES];

    sotto_bind_blob(stmt, 1, opening->grant.user, SOTTO_ID_BYTES);
    if (sotto_step(stmt) != SOTTO_ROW || auth_col_bytes(stmt, 0, login, sizeof(login)) != 0 ||
        auth_col_bytes(stmt, 1, device, sizeof(device)) != 0)
        return SOTTO_EIO;
    return auth_end_login(tx, &opening->ended, login, device, AUTH_WHY_EVICTED);
}

static int
add_refresh(struct sotto_tx *tx, const struct auth_grant *grant)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_REFRESH_ADD);
    uint8_t hash[AUTH_HASH_BYTES];

    auth_hash_refresh(grant->refresh, hash);
    sotto_bind_blob(stmt, 1, hash, sizeof(hash));
    sotto_bind_blob(stmt, 2, grant->login, SOTTO_ID_BYTES);
    sotto_bind_int(stmt, 3, 0);
    sotto_bind_int(stmt, 4, grant->refresh_until);
    return auth_run_stmt(stmt);
}

static int
add_login(struct sotto_tx *tx, const struct auth_opening *opening)
{
    const struct auth_grant *grant = &opening->grant;
    struct sotto_stmt *stmt = sotto_stmt(tx, AUTH_Q_LOGIN_ADD);

    sotto_bind_blob(stmt, 1, grant->login, SOTTO_ID_BYTES);
    sotto_bind_blob(stmt, 2, grant->user, SOTTO_ID_BYTES);
    sotto_bind_blob(stmt, 3, grant->device, SOTTO_ID_BYTES);
    sotto_bind_text(stmt, 4, opening->device.label);
    sotto_bind_text(stmt, 5, opening->device.user_agent);
    sotto_bind_text(stmt, 6, opening->device.address);
    sotto_bind_int(stmt, 7, opening->now_ms);
    sotto_bind_int(stmt, 8, opening->now_ms);
    sotto_bind_int(stmt, 9, opening->now_ms);
    sotto_bind_int(stmt, 10, grant->refresh_until);
    sotto_bind_int(stmt, 11, grant->access_until);
    return auth_run_stmt(stmt);
}

int
auth_opening_store(struct sotto_tx *tx, struct auth_opening *opening)
{
    int64_t logins;
    int rc;

    opening->ended.count = 0;
    memcpy(opening->ended.user, opening->grant.user, SOTTO_ID_BYTES);
    rc = replace_login_of_device(tx, opening);
    if (rc != 0)
        return rc;
    for (logins = count_logins(tx, opening->grant.user); logins >= opening->logins_per_user;
         logins--) {
        rc = evict_oldest(tx, opening);
        if (rc != 0)
            return rc;
    }
    if (logins < 0)
        return (int)logins;
    rc = add_login(tx, opening);
    return rc == 0 ? add_refresh(tx, &opening->grant) : rc;
}

void
auth_reply_grant(struct auth *auth, struct sotto_req *req, const struct auth_grant *grant)
{
    Sotto__Auth__V1__LoginReply reply = SOTTO__AUTH__V1__LOGIN_REPLY__INIT;
    char token[AUTH_TOKEN_BYTES_MAX + 1];
    char name[AUTH_NAME_BYTES_MAX + 1];
    struct auth_grant copy = *grant;
    struct auth_claims claims = {
        .use = AUTH_USE_ACCESS, .issued = grant->issued, .expires = grant->access_until};

    memcpy(claims.user, grant->user, SOTTO_ID_BYTES);
    memcpy(claims.device, grant->device, SOTTO_ID_BYTES);
    memcpy(claims.login, grant->login, SOTTO_ID_BYTES);
    randombytes_buf(claims.token, sizeof(claims.token));
    if (auth_token_make(&auth->secrets->token, &claims, token) != 0) {
        sotto_fail(req, SOTTO_EINTERNAL, AUTH_TEXT_BUSY);
        return;
    }
    memcpy(name, grant->name, sizeof(name));
    reply.user_id = (ProtobufCBinaryData){sizeof(copy.user), copy.user};
    reply.name = name;
    reply.login_id = (ProtobufCBinaryData){sizeof(copy.login), copy.login};
    reply.access_token = token;
    reply.access_expires = grant->access_until;
    reply.refresh_token = (ProtobufCBinaryData){sizeof(copy.refresh), copy.refresh};
    reply.refresh_expires = grant->refresh_until;
    auth_count(auth, AUTH_M_TOKENS_ISSUED, AUTH_KIND_ACCESS, 1);
    auth_count(auth, AUTH_M_TOKENS_ISSUED, AUTH_KIND_REFRESH, 1);
    sotto_reply(req, &reply.base);
    sodium_memzero(token, sizeof(token));
    sodium_memzero(&copy, sizeof(copy));
}
