/* SPDX-License-Identifier: MIT */
/*
 * Access tokens: JWTs (RFC 7519) with HS256 that only this server makes and reads.
 *
 * auth_token.c is the one file that includes <jwt.h>. The library accepts tokens that a caller
 * would want refused (other algorithms, forged tokens when the key is empty or memory is short,
 * tokens long expired), so it works behind a guard; what passes the guard has exactly the seven
 * claims below with values that this server could have issued.
 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "sotto/types.h"

#define AUTH_TOKEN_BYTES_MIN 64
#define AUTH_TOKEN_BYTES_MAX 2048
#define AUTH_SECRET_BYTES_MIN 32
#define AUTH_SECRET_BYTES_MAX 256
#define AUTH_CLOCK_SKEW_S 5 /* a token may come from this far in the future */

/* Claim `use`: which door a token opens. */
enum auth_token_use {
    AUTH_USE_ACCESS = 0, /* "access": what a login gives, short-lived */
    AUTH_USE_API,        /* "api": what a person made for a program */
    AUTH_USES,
};

/* Ids stand in the token as 32 lower-case hex digits, times as seconds since 1970. */
struct auth_claims {
    uint8_t user[SOTTO_ID_BYTES];   /* sub */
    uint8_t device[SOTTO_ID_BYTES]; /* dev */
    uint8_t login[SOTTO_ID_BYTES];  /* sid */
    uint8_t token[SOTTO_ID_BYTES];  /* jti */
    enum auth_token_use use;        /* use */
    int64_t issued;                 /* iat */
    int64_t expires;                /* exp */
};

struct auth_token_secret {
    uint8_t data[AUTH_SECRET_BYTES_MAX];
    size_t size; /* 0: there is none */
};

/* What tokens are made and checked with. */
struct auth_token_keys {
    struct auth_token_secret current; /* makes and checks */
    /* Only checks: the secret before, while it is being replaced. */
    struct auth_token_secret previous;
    int64_t lifetime_s[AUTH_USES]; /* longest exp - iat of each use; 0: none is accepted */
};

/*
 * Checks a secret before it is used: NULL if it will do, else a sentence of what is wrong with it.
 * The sentence never contains the secret. Any thread.
 */
const char *auth_secret_problem(const uint8_t *secret, size_t size);

/* Writes the token, NUL-terminated, at most AUTH_TOKEN_BYTES_MAX with it. Any thread.
 * SOTTO_EINVALID: no secret, or claims that no check would accept. */
int auth_token_make(const struct auth_token_keys *, const struct auth_claims *,
                    char token_out[AUTH_TOKEN_BYTES_MAX + 1]);

/*
 * Checks a token for one entry point at the time now (seconds). SOTTO_EAUTH, and nothing else, when
 * any of it is not as auth_token_make would have written it. Whether its login was ended is the
 * caller's to ask. Any thread.
 */
int auth_token_check(const struct auth_token_keys *, const char *token, size_t size,
                     enum auth_token_use use, int64_t now, struct auth_claims *claims_out);

#endif
