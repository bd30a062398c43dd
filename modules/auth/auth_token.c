/* SPDX-License-Identifier: MIT */
/*
 * The guard around libjwt 1.10. The order matters:
 *
 *   1. Before the library sees a token: length, alphabet, two dots, a MAC of 43 characters, and a
 *      header segment that is byte for byte ours. That leaves one algorithm, and no header to
 *      misread.
 *   2. The library checks the MAC. The key is never empty (auth_secret_problem) and never PEM.
 *   3. Afterwards: the algorithm it says it used must be HS256, because it silently becomes "none"
 *      when the key is empty or a copy of it cannot be allocated. Then the token's own payload
 *      segment is parsed again with duplicates refused, since the library merges them, and each
 *      claim is checked for its type, its spelling and its range.
 *
 * A token is never compared or revoked by its text, only by its claims.
 */
#include "auth_token.h"

#include <jansson.h>
#include <jwt.h>
#include <sodium.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* {"alg":"HS256","typ":"JWT"}, as the library writes it. */
#define HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
#define HEADER_SIZE (sizeof(HEADER) - 1)
#define MAC_SIZE 43 /* 32 bytes in base64 without padding */
#define PAYLOAD_BYTES_MAX AUTH_TOKEN_BYTES_MAX
#define ID_TEXT_SIZE (2 * SOTTO_ID_BYTES)
#define CLAIMS 7
#define CLAIMS_BYTES_MAX 512 /* of what print_claims writes */
#define ALPHABET_URL sodium_base64_VARIANT_URLSAFE_NO_PADDING

static const char *const use_names[AUTH_USES] = {"access", "api"};

/* ---- secrets --------------------------------------------------------------------------------- */

/* Parts of secrets that stand in tutorials and example files. */
static const char *const known_words[] = {
    "changeme",    "change-me",
    "change_me",   "example",
    "password",    "your-256-bit",
    "your_secret", "your-secret",
    "secretkey",   "secret-key",
    "secret_key",  "placeholder",
    "insecure",    "0123456789abcdef0123456789abcdef",
};

static bool
contains_word(const uint8_t *secret, size_t size, const char *word)
{
    const size_t length = strlen(word);

    for (size_t i = 0; i + length <= size; i++) {
        if (strncasecmp((const char *)secret + i, word, length) == 0)
            return true;
    }
    return false;
}

const char *
auth_secret_problem(const uint8_t *secret, size_t size)
{
    bool seen[256] = {false};
    int distinct = 0;

    if (size == 0)
        return "it is empty";
    if (size < AUTH_SECRET_BYTES_MIN)
        return "it is shorter than 32 bytes";
    if (size > AUTH_SECRET_BYTES_MAX)
        return "it is longer than 256 bytes";
    for (size_t i = 0; i < size; i++) {
        distinct += !seen[secret[i]];
        seen[secret[i]] = true;
    }
    if (distinct < 10)
        return "it has fewer than 10 different characters";
    if (contains_word(secret, size, "-----BEGIN"))
        return "it is a PEM file, which anybody may know";
    for (size_t i = 0; i < sizeof(known_words) / sizeof(known_words[0]); i++) {
        if (contains_word(secret, size, known_words[i]))
            return "it is an example value";
    }
    return NULL;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* All claims of a token as JSON, in the order in which the library would sort them. */
static size_t
print_claims(const struct auth_claims *claims, char *text, size_t size)
{
    char user[ID_TEXT_SIZE + 1];
    char device[ID_TEXT_SIZE + 1];
    char login[ID_TEXT_SIZE + 1];
    char token[ID_TEXT_SIZE + 1];
    int length;

    sodium_bin2hex(user, sizeof(user), claims->user, SOTTO_ID_BYTES);
    sodium_bin2hex(device, sizeof(device), claims->device, SOTTO_ID_BYTES);
    sodium_bin2hex(login, sizeof(login), claims->login, SOTTO_ID_BYTES);
    sodium_bin2hex(token, sizeof(token), claims->token, SOTTO_ID_BYTES);
    length = snprintf(text, size,
                      "{\"dev\":\"%s\",\"exp\":%" PRId64 ",\"iat\":%" PRId64
                      ",\"jti\":\"%s\",\"sid\":\"%s\",\"sub\":\"%s\",\"use\":\"%s\"}",
                      device, claims->expires, claims->issued, token, login, user,
                      use_names[claims->use]);
    assert(length > 0 && (size_t)length < size);
    return (size_t)length;
}

/*
 * The library could write tokens, too, but it reads from a null pointer when memory runs out
 * halfway. These few lines need no memory.
 */
int
auth_token_make(const struct auth_token_keys *keys, const struct auth_claims *claims,
                char token_out[AUTH_TOKEN_BYTES_MAX + 1])
{
    char payload[CLAIMS_BYTES_MAX];
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    size_t size;

    if (keys->current.size < AUTH_SECRET_BYTES_MIN || claims->issued < 0 ||
        claims->expires <= claims->issued)
        return SOTTO_EINVALID;
    size = print_claims(claims, payload, sizeof(payload));
    memcpy(token_out, HEADER ".", HEADER_SIZE + 1);
    sodium_bin2base64(token_out + HEADER_SIZE + 1,
                      AUTH_TOKEN_BYTES_MAX - HEADER_SIZE - MAC_SIZE - 2, (const uint8_t *)payload,
                      size, ALPHABET_URL);
    size = strlen(token_out);

    crypto_auth_hmacsha256_init(&state, keys->current.data, keys->current.size);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)token_out, size);
    crypto_auth_hmacsha256_final(&state, mac);
    token_out[size++] = '.';
    sodium_bin2base64(token_out + size, AUTH_TOKEN_BYTES_MAX + 1 - size, mac, sizeof(mac),
                      ALPHABET_URL);
    sodium_memzero(&state, sizeof(state));
    return 0;
}

/* ---- checking -------------------------------------------------------------------------------- */

static bool
in_alphabet(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/*
 * Step 1. Copies the token (the library wants a NUL at its end) and finds its payload segment.
 */
static bool
take_apart(const char *token, size_t size, char copy[AUTH_TOKEN_BYTES_MAX + 1],
           struct sotto_view *payload_out)
{
    size_t dots[2];
    size_t count = 0;

    if (size < AUTH_TOKEN_BYTES_MIN || size > AUTH_TOKEN_BYTES_MAX)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (token[i] == '.') {
            if (count == 2)
                return false;
            dots[count++] = i;
        } else if (!in_alphabet(token[i])) {
            return false;
        }
    }
    if (count != 2 || dots[0] != HEADER_SIZE || memcmp(token, HEADER, HEADER_SIZE) != 0 ||
        dots[1] == dots[0] + 1 || size - dots[1] - 1 != MAC_SIZE)
        return false;
    memcpy(copy, token, size);
    copy[size] = '\0';
    *payload_out = (struct sotto_view){(const uint8_t *)copy + dots[0] + 1, dots[1] - dots[0] - 1};
    return true;
}

/* Step 2, and the first half of step 3. */
static bool
mac_is_good(const char *token, const struct auth_token_secret *secret)
{
    jwt_t *jwt = NULL;
    bool good;

    if (secret->size < AUTH_SECRET_BYTES_MIN)
        return false;
    good = jwt_decode(&jwt, token, secret->data, (int)secret->size) == 0 && jwt != NULL &&
           jwt_get_alg(jwt) == JWT_ALG_HS256;
    jwt_free(jwt);
    return good;
}

static bool
read_id(const json_t *claims, const char *name, uint8_t id_out[SOTTO_ID_BYTES])
{
    const json_t *value = json_object_get(claims, name);
    const char *text = json_string_value(value);
    char again[ID_TEXT_SIZE + 1];
    size_t size;

    if (text == NULL || json_string_length(value) != ID_TEXT_SIZE ||
        sodium_hex2bin(id_out, SOTTO_ID_BYTES, text, ID_TEXT_SIZE, NULL, &size, NULL) != 0 ||
        size != SOTTO_ID_BYTES)
        return false;
    sodium_bin2hex(again, sizeof(again), id_out, SOTTO_ID_BYTES);
    return memcmp(text, again, ID_TEXT_SIZE) == 0; /* one spelling: lower case */
}

static bool
read_time(const json_t *claims, const char *name, int64_t *time_out)
{
    const json_t *value = json_object_get(claims, name);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *time_out = (int64_t)json_integer_value(value);
    return true;
}

static bool
read_use(const json_t *claims, enum auth_token_use use)
{
    const json_t *value = json_object_get(claims, "use");
    const char *text = json_string_value(value);

    return text != NULL && json_string_length(value) == strlen(use_names[use]) &&
           strcmp(text, use_names[use]) == 0;
}

/* The second half of step 3: from the payload segment to claims. */
static bool
read_claims(struct sotto_view payload, enum auth_token_use use, struct auth_claims *claims_out)
{
    char plain[PAYLOAD_BYTES_MAX];
    const char *end;
    size_t size;
    json_t *json;
    bool good;

    if (sodium_base642bin((unsigned char *)plain, sizeof(plain), (const char *)payload.data,
                          payload.size, NULL, &size, &end, ALPHABET_URL) != 0 ||
        end != (const char *)payload.data + payload.size)
        return false;
    json = json_loadb(plain, size, JSON_REJECT_DUPLICATES, NULL);
    good = json_is_object(json) && json_object_size(json) == CLAIMS &&
           read_id(json, "sub", claims_out->user) && read_id(json, "dev", claims_out->device) &&
           read_id(json, "sid", claims_out->login) && read_id(json, "jti", claims_out->token) &&
           read_time(json, "iat", &claims_out->issued) &&
           read_time(json, "exp", &claims_out->expires) && read_use(json, use);
    claims_out->use = use;
    json_decref(json);
    return good;
}

static bool
times_are_good(const struct auth_claims *claims, int64_t lifetime_s, int64_t now)
{
    return claims->expires > claims->issued && claims->expires - claims->issued <= lifetime_s &&
           claims->issued <= now + AUTH_CLOCK_SKEW_S && claims->expires > now;
}

/* copy: room for the token, wiped by the caller. */
static int
check_copy(const struct auth_token_keys *keys, const char *token, size_t size,
           enum auth_token_use use, int64_t now, char copy[AUTH_TOKEN_BYTES_MAX + 1],
           struct auth_claims *claims_out)
{
    struct sotto_view payload;
    struct auth_claims claims;

    if (!take_apart(token, size, copy, &payload))
        return SOTTO_EAUTH;
    if (!mac_is_good(copy, &keys->current) && !mac_is_good(copy, &keys->previous))
        return SOTTO_EAUTH;
    if (!read_claims(payload, use, &claims) || !times_are_good(&claims, keys->lifetime_s[use], now))
        return SOTTO_EAUTH;
    *claims_out = claims;
    return 0;
}

int
auth_token_check(const struct auth_token_keys *keys, const char *token, size_t size,
                 enum auth_token_use use, int64_t now, struct auth_claims *claims_out)
{
    char copy[AUTH_TOKEN_BYTES_MAX + 1];
    const int rc = check_copy(keys, token, size, use, now, copy, claims_out);

    sodium_memzero(copy, sizeof(copy));
    return rc;
}
