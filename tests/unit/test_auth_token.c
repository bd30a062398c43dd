/* SPDX-License-Identifier: MIT */
/*
 * The token guard against everything that the library behind it lets through: each case here was
 * accepted by libjwt 1.10 alone, or is one step away from one that was. The tokens are forged with
 * our own base64 and HMAC, so that they have a correct MAC wherever the case is not about the MAC.
 */
#include "sotto_test.h"

#include "auth_token.h"

#include <sodium.h>

#include <stdbool.h>

#define NOW 1767225600
#define LIFETIME 900
#define MUTANTS_MIN 45000
#define TEXT_MAX 4096
#define GOOD_HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static const char secret[] = "k3Vq9mZt1xLr7wBn5cYh2sDf8gJp4aQe";
static const char other_secret[] = "Zt1xLr7wBn5cYh2sDf8gJp4aQek3Vq9m";

struct fixture {
    struct auth_token_keys keys;
    struct auth_claims claims;
    char token[AUTH_TOKEN_BYTES_MAX + 1];
};

static void
set_secret(struct auth_token_secret *out, const char *text)
{
    out->size = strlen(text);
    memcpy(out->data, text, out->size);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_true(sodium_init() >= 0);
    set_secret(&f->keys.current, secret);
    f->keys.lifetime_s[AUTH_USE_ACCESS] = LIFETIME;
    f->claims = (struct auth_claims){.issued = NOW, .expires = NOW + LIFETIME};
    memset(f->claims.user, 0xa1, SOTTO_ID_BYTES);
    memset(f->claims.device, 0xb2, SOTTO_ID_BYTES);
    memset(f->claims.login, 0xc3, SOTTO_ID_BYTES);
    memset(f->claims.token, 0xd4, SOTTO_ID_BYTES);
    assert_ok(auth_token_make(&f->keys, &f->claims, f->token));
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    free(*state);
    return 0;
}

static int
check(const struct fixture *f, const char *token)
{
    struct auth_claims claims;

    return auth_token_check(&f->keys, token, strlen(token), AUTH_USE_ACCESS, NOW, &claims);
}

/* ---- a forger with the right key ------------------------------------------------------------- */

static void
add_base64(char *text, const void *data, size_t size)
{
    const size_t used = strlen(text);

    sodium_bin2base64(text + used, TEXT_MAX - used, data, size,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void
add_dot(char *text)
{
    const size_t used = strlen(text);

    text[used] = '.';
    text[used + 1] = '\0';
}

/* header.payload.MAC with HMAC-SHA-256 under key. */
static void
forge_with(char text[TEXT_MAX], const char *header, const char *payload, const char *key)
{
    crypto_auth_hmacsha256_state state;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];

    text[0] = '\0';
    add_base64(text, header, strlen(header));
    add_dot(text);
    add_base64(text, payload, strlen(payload));
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)key, strlen(key));
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)text, strlen(text));
    crypto_auth_hmacsha256_final(&state, mac);
    add_dot(text);
    add_base64(text, mac, sizeof(mac));
}

/* What a good payload looks like; a case replaces one part of it. */
#define ID_A "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define SUB "\"sub\":\"" ID_A "\""
#define DEV "\"dev\":\"" ID_A "\""
#define SID "\"sid\":\"" ID_A "\""
#define JTI "\"jti\":\"" ID_A "\""
#define USE "\"use\":\"access\""
#define IAT "\"iat\":1767225600"
#define EXP "\"exp\":1767226500"
#define PAYLOAD(sub, dev, sid, jti, use, iat, exp) \
    "{" sub "," dev "," sid "," jti "," use "," iat "," exp "}"
#define GOOD_PAYLOAD PAYLOAD(SUB, DEV, SID, JTI, USE, IAT, EXP)

static void
a_fresh_token_is_accepted_with_its_claims(void **state)
{
    struct fixture *f = *state;
    struct auth_claims claims;
    char text[TEXT_MAX];

    assert_ok(
        auth_token_check(&f->keys, f->token, strlen(f->token), AUTH_USE_ACCESS, NOW, &claims));
    assert_memory_equal(claims.user, f->claims.user, SOTTO_ID_BYTES);
    assert_memory_equal(claims.device, f->claims.device, SOTTO_ID_BYTES);
    assert_memory_equal(claims.login, f->claims.login, SOTTO_ID_BYTES);
    assert_memory_equal(claims.token, f->claims.token, SOTTO_ID_BYTES);
    assert_int_equal(claims.issued, NOW);
    assert_int_equal(claims.expires, NOW + LIFETIME);

    /* The forger's own good token: the cases below fail for the one thing they change. */
    forge_with(text, GOOD_HEADER, GOOD_PAYLOAD, secret);
    assert_ok(check(f, text));
}

static void
a_token_is_good_until_it_expires_and_not_before_it_was_made(void **state)
{
    struct fixture *f = *state;
    struct auth_claims claims;
    const size_t size = strlen(f->token);
    const int64_t end = NOW + LIFETIME;

    assert_ok(auth_token_check(&f->keys, f->token, size, AUTH_USE_ACCESS, end - 1, &claims));
    assert_fails(auth_token_check(&f->keys, f->token, size, AUTH_USE_ACCESS, end, &claims),
                 SOTTO_EAUTH);
    assert_ok(auth_token_check(&f->keys, f->token, size, AUTH_USE_ACCESS, NOW - AUTH_CLOCK_SKEW_S,
                               &claims));
    assert_fails(auth_token_check(&f->keys, f->token, size, AUTH_USE_ACCESS,
                                  NOW - AUTH_CLOCK_SKEW_S - 1, &claims),
                 SOTTO_EAUTH);
}

static void
a_lifetime_over_the_configured_one_is_refused(void **state)
{
    struct fixture *f = *state;

    f->keys.lifetime_s[AUTH_USE_ACCESS] = LIFETIME - 1;
    assert_fails(check(f, f->token), SOTTO_EAUTH);
}

static void
a_token_opens_only_the_door_it_was_made_for(void **state)
{
    struct fixture *f = *state;
    struct auth_claims claims;

    f->keys.lifetime_s[AUTH_USE_API] = LIFETIME;
    assert_fails(auth_token_check(&f->keys, f->token, strlen(f->token), AUTH_USE_API, NOW, &claims),
                 SOTTO_EAUTH);
    f->claims.use = AUTH_USE_API;
    assert_ok(auth_token_make(&f->keys, &f->claims, f->token));
    assert_fails(check(f, f->token), SOTTO_EAUTH);
}

static void
the_previous_secret_is_accepted_and_no_other(void **state)
{
    struct fixture *f = *state;

    set_secret(&f->keys.current, other_secret);
    assert_fails(check(f, f->token), SOTTO_EAUTH);
    set_secret(&f->keys.previous, secret);
    assert_ok(check(f, f->token));
}

/* ---- the matrix ------------------------------------------------------------------------------ */

static void
every_one_byte_change_and_truncation_is_refused(void **state)
{
    struct fixture *f = *state;
    const size_t size = strlen(f->token);
    struct auth_claims claims;
    char mutant[AUTH_TOKEN_BYTES_MAX + 2];
    size_t tried = 0;
    size_t accepted = 0;

    for (size_t at = 0; at < size; at++) {
        memcpy(mutant, f->token, size + 1);
        for (int value = 0; value < 256; value++) {
            if ((uint8_t)f->token[at] == value)
                continue;
            mutant[at] = (char)value;
            accepted +=
                auth_token_check(&f->keys, mutant, size, AUTH_USE_ACCESS, NOW, &claims) == 0;
            tried++;
        }
    }
    for (size_t cut = 0; cut < size; cut++) {
        accepted += auth_token_check(&f->keys, f->token, cut, AUTH_USE_ACCESS, NOW, &claims) == 0;
        accepted += auth_token_check(&f->keys, f->token + cut + 1, size - cut - 1, AUTH_USE_ACCESS,
                                     NOW, &claims) == 0;
        /* One byte taken out, one byte put in. */
        memcpy(mutant, f->token, cut);
        memcpy(mutant + cut, f->token + cut + 1, size - cut - 1);
        accepted +=
            auth_token_check(&f->keys, mutant, size - 1, AUTH_USE_ACCESS, NOW, &claims) == 0;
        memcpy(mutant + cut + 1, f->token + cut, size - cut);
        mutant[cut] = 'A';
        accepted +=
            auth_token_check(&f->keys, mutant, size + 1, AUTH_USE_ACCESS, NOW, &claims) == 0;
        tried += 4;
    }
    print_message("# %zu mutants tried, %zu accepted\n", tried, accepted);
    assert_true(tried >= MUTANTS_MIN);
    assert_int_equal(accepted, 0);
}

static void
trailing_bytes_padding_and_further_segments_are_refused(void **state)
{
    static const char *const tails[] = {"=", "A", ".", ".A", ".AAAA", "\n", " ", "%00", "=="};
    struct fixture *f = *state;
    char text[TEXT_MAX];

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        snprintf(text, sizeof(text), "%s%s", f->token, tails[i]);
        assert_fails(check(f, text), SOTTO_EAUTH);
        snprintf(text, sizeof(text), "%s%s", tails[i], f->token);
        assert_fails(check(f, text), SOTTO_EAUTH);
    }
}

static void
an_empty_mac_or_an_empty_part_is_refused(void **state)
{
    struct fixture *f = *state;
    char text[TEXT_MAX];
    char *mac;

    snprintf(text, sizeof(text), "%s", f->token);
    mac = strrchr(text, '.') + 1;
    *mac = '\0';
    assert_fails(check(f, text), SOTTO_EAUTH);
    snprintf(text, sizeof(text), "%.36s..%s", f->token, strrchr(f->token, '.') + 1);
    assert_fails(check(f, text), SOTTO_EAUTH);
    assert_fails(check(f, ""), SOTTO_EAUTH);
    assert_fails(check(f, ".."), SOTTO_EAUTH);
    assert_fails(check(f, "................................................................."),
                 SOTTO_EAUTH);
}

/* ---- headers --------------------------------------------------------------------------------- */

static void
any_other_header_is_refused_even_with_a_good_mac(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\",\"typ\":\"JWT\"}",
        "{\"alg\":\"nOnE\",\"typ\":\"JWT\"}",
        "{\"alg\":\"hs256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS384\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS512\",\"typ\":\"JWT\"}",
        "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\"}",
        "{\"typ\":\"JWT\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"typ\":\"jwt\"}",
        "{\"alg\": \"HS256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"jwk\":{},\"typ\":\"JWT\"}",
        "{\"alg\":\"none\",\"alg\":\"HS256\",\"typ\":\"JWT\"}",
        "{}",
        "[]",
    };
    struct fixture *f = *state;
    char text[TEXT_MAX];

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        forge_with(text, headers[i], GOOD_PAYLOAD, secret);
        assert_fails(check(f, text), SOTTO_EAUTH);
        /* The same without a MAC, as "none" is written. */
        *(strrchr(text, '.') + 1) = '\0';
        assert_fails(check(f, text), SOTTO_EAUTH);
    }
}

static void
junk_inside_segments_is_refused(void **state)
{
    static const char junk[] = "=+/ \t\r\n!*,;%\"'\x7f\x80";
    struct fixture *f = *state;
    const size_t size = strlen(f->token);
    char text[TEXT_MAX];

    for (size_t i = 0; i < sizeof(junk) - 1; i++) {
        for (size_t at = 0; at <= size; at += 7) {
            snprintf(text, sizeof(text), "%.*s%c%s", (int)at, f->token, junk[i], f->token + at);
            assert_fails(check(f, text), SOTTO_EAUTH);
        }
    }
}

static void
a_header_of_16_mib_is_refused_without_touching_the_stack(void **state)
{
    struct fixture *f = *state;
    const size_t size = 16u << 20;
    struct auth_claims claims;
    char *text = malloc(size);

    assert_non_null(text);
    memset(text, 'A', size);
    memcpy(text + size - 100, strchr(f->token, '.'), 50);
    assert_fails(auth_token_check(&f->keys, text, size, AUTH_USE_ACCESS, NOW, &claims),
                 SOTTO_EAUTH);
    free(text);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void
without_a_key_nothing_is_accepted_and_nothing_is_made(void **state)
{
    struct fixture *f = *state;
    char text[TEXT_MAX];
    char made[AUTH_TOKEN_BYTES_MAX + 1];

    f->keys.current.size = 0;
    forge_with(text, GOOD_HEADER, GOOD_PAYLOAD, "");
    assert_fails(check(f, text), SOTTO_EAUTH);
    assert_fails(check(f, f->token), SOTTO_EAUTH);
    assert_fails(auth_token_make(&f->keys, &f->claims, made), SOTTO_EINVALID);

    f->keys.current.size = 1;
    forge_with(text, GOOD_HEADER, GOOD_PAYLOAD, "k");
    assert_fails(check(f, text), SOTTO_EAUTH);
}

static void
a_mac_with_another_key_is_refused(void **state)
{
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
                              "-----END PUBLIC KEY-----\n";
    struct fixture *f = *state;
    char text[TEXT_MAX];

    forge_with(text, GOOD_HEADER, GOOD_PAYLOAD, other_secret);
    assert_fails(check(f, text), SOTTO_EAUTH);
    forge_with(text, GOOD_HEADER, GOOD_PAYLOAD, pem);
    assert_fails(check(f, text), SOTTO_EAUTH);
}

static void
secrets_that_anybody_could_guess_are_named_as_such(void **state)
{
    static const char *const bad[] = {
        "",
        "short",
        "31-bytes-x9K2mQ7vL4pR8tY1wZ6b3",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "abababababababababababababababababababab",
        "changeme-changeme-changeme-changeme-1234",
        "your-256-bit-secret-your-256-bit-secret!",
        "this-is-an-EXAMPLE-token-secret-0123456789",
        "0123456789abcdef0123456789abcdef",
        "-----BEGIN PUBLIC KEY-----MFkwEwYHKoZIzj0CAQYIKoZI",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(auth_secret_problem((const uint8_t *)bad[i], strlen(bad[i])));
    assert_null(auth_secret_problem((const uint8_t *)secret, strlen(secret)));
    assert_non_null(auth_secret_problem((const uint8_t *)secret, 31));
}

/* ---- claims ---------------------------------------------------------------------------------- */

static void
payloads_with_a_wrong_claim_are_refused_even_with_a_good_mac(void **state)
{
    static const char *const payloads[] = {
        /* times */
        PAYLOAD(SUB, DEV, SID, JTI, USE, "\"iat\":0", "\"exp\":1"),
        PAYLOAD(SUB, DEV, SID, JTI, USE, "\"iat\":0", "\"exp\":1767226500"),
        PAYLOAD(SUB, DEV, SID, JTI, USE, "\"iat\":1767225606", "\"exp\":1767226500"),
        PAYLOAD(SUB, DEV, SID, JTI, USE, "\"iat\":4102444800", "\"exp\":4102445700"),
        PAYLOAD(SUB, DEV, SID, JTI, USE, IAT, "\"exp\":1767225600"),
        PAYLOAD(SUB, DEV, SID, JTI, USE, IAT, "\"exp\":1767226501"),
        PAYLOAD(SUB, DEV, SID, JTI, USE, IAT, "\"exp\":9223372036854775807"),
        PAYLOAD(SUB, DEV, SID, JTI, USE, "\"iat\":-1", EXP),
        PAYLOAD(SUB, DEV, SID, JTI, USE, "\"iat\":-9223372036854775808", EXP),
        PAYLOAD(SUB, DEV, SID, JTI, USE, IAT, "\"exp\":\"1767226500\""),
        PAYLOAD(SUB, DEV, SID, JTI, USE, IAT, "\"exp\":1767226500.0"),
        PAYLOAD(SUB, DEV, SID, JTI, USE, IAT, "\"exp\":1.767226500e9"),
        PAYLOAD(SUB, DEV, SID, JTI, USE, IAT, "\"exp\":true"),
        PAYLOAD(SUB, DEV, SID, JTI, USE, IAT, "\"exp\":null"),
        PAYLOAD(SUB, DEV, SID, JTI, USE, IAT, "\"exp\":99999999999999999999999"),
        /* one missing, one too many */
        "{" DEV "," SID "," JTI "," USE "," IAT "," EXP "}",
        "{" SUB "," SID "," JTI "," USE "," IAT "," EXP "}",
        "{" SUB "," DEV "," JTI "," USE "," IAT "," EXP "}",
        "{" SUB "," DEV "," SID "," USE "," IAT "," EXP "}",
        "{" SUB "," DEV "," SID "," JTI "," IAT "," EXP "}",
        "{" SUB "," DEV "," SID "," JTI "," USE "," EXP "}",
        "{" SUB "," DEV "," SID "," JTI "," USE "," IAT "}",
        "{" SUB "," DEV "," SID "," JTI "," USE "," IAT "," EXP ",\"nbf\":4102444800}",
        "{" SUB "," DEV "," SID "," JTI "," USE "," IAT ",\"nbf\":1}",
        /* duplicates: the library keeps the last */
        "{\"sub\":\"00000000000000000000000000000000\"," SUB "," DEV "," SID "," JTI "," USE "," IAT
        "," EXP "}",
        "{" SUB "," DEV "," SID "," JTI "," USE "," IAT ",\"exp\":1," EXP "}",
        "{" SUB "," SUB "," SID "," JTI "," USE "," IAT "," EXP "}",
        /* ids */
        PAYLOAD("\"sub\":\"\"", DEV, SID, JTI, USE, IAT, EXP),
        PAYLOAD("\"sub\":1", DEV, SID, JTI, USE, IAT, EXP),
        PAYLOAD("\"sub\":[\"" ID_A "\"]", DEV, SID, JTI, USE, IAT, EXP),
        PAYLOAD("\"sub\":\"A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1\"", DEV, SID, JTI, USE, IAT, EXP),
        PAYLOAD("\"sub\":\"" ID_A "00\"", DEV, SID, JTI, USE, IAT, EXP),
        PAYLOAD("\"sub\":\"g1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\"", DEV, SID, JTI, USE, IAT, EXP),
        PAYLOAD(SUB, "\"dev\":null", SID, JTI, USE, IAT, EXP),
        PAYLOAD(SUB, DEV, "\"sid\":{}", JTI, USE, IAT, EXP),
        PAYLOAD(SUB, DEV, SID, "\"jti\":true", USE, IAT, EXP),
        PAYLOAD(SUB, DEV, SID, JTI, "\"use\":\"refresh\"", IAT, EXP),
        PAYLOAD(SUB, DEV, SID, JTI, "\"use\":\"api\"", IAT, EXP),
        PAYLOAD(SUB, DEV, SID, JTI, "\"use\":\"access\\u0000\"", IAT, EXP),
        PAYLOAD(SUB, DEV, SID, JTI, "\"use\":0", IAT, EXP),
        /* no object, or more than one */
        "[" SUB "]",
        "[]",
        "{}",
        "null",
        "\"" ID_A ID_A "\"",
        GOOD_PAYLOAD GOOD_PAYLOAD,
        GOOD_PAYLOAD "x",
        "{" SUB "," DEV "," SID "," JTI "," USE "," IAT "," EXP,
    };
    struct fixture *f = *state;
    char text[TEXT_MAX];

    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        forge_with(text, GOOD_HEADER, payloads[i], secret);
        if (check(f, text) != SOTTO_EAUTH)
            fail_msg("accepted: %s", payloads[i]);
    }
}

static void
lengths_outside_64_to_2048_are_refused(void **state)
{
    struct fixture *f = *state;
    char payload[TEXT_MAX];
    char text[2 * TEXT_MAX];

    /* Blanks are good JSON, so only the length is wrong with these. */
    snprintf(payload, sizeof(payload), "%s%*s", GOOD_PAYLOAD, 900, "");
    forge_with(text, GOOD_HEADER, payload, secret);
    assert_ok(check(f, text));
    snprintf(payload, sizeof(payload), "%s%*s", GOOD_PAYLOAD, 1300, "");
    forge_with(text, GOOD_HEADER, payload, secret);
    assert_true(strlen(text) > AUTH_TOKEN_BYTES_MAX);
    assert_fails(check(f, text), SOTTO_EAUTH);
    assert_fails(check(f, "A.B.C"), SOTTO_EAUTH);
}

/* ---- out of memory --------------------------------------------------------------------------- */

#if SOTTO_SANITIZED
#define FAILS_ALLOCATIONS false

static void
fail_after(long allocations)
{
    (void)allocations;
}
#else
#define FAILS_ALLOCATIONS true

/*
 * The libraries have no allocator hooks, so the program's own malloc stands in front of the C
 * library's. It fails when the count has run down; below zero it never does.
 */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

static long allocations_left = -1;

static void
fail_after(long allocations)
{
    allocations_left = allocations;
}

static bool
may_allocate(void)
{
    if (allocations_left < 0)
        return true;
    if (allocations_left == 0)
        return false;
    allocations_left--;
    return true;
}

__attribute__((visibility("default"))) void *
malloc(size_t size)
{
    return may_allocate() ? __libc_malloc(size) : NULL;
}

__attribute__((visibility("default"))) void *
calloc(size_t count, size_t size)
{
    return may_allocate() ? __libc_calloc(count, size) : NULL;
}

__attribute__((visibility("default"))) void *
realloc(void *block, size_t size)
{
    return may_allocate() ? __libc_realloc(block, size) : NULL;
}
#endif

static void
without_memory_a_forged_token_is_never_accepted(void **state)
{
    struct fixture *f = *state;
    char forged[TEXT_MAX];
    long refused_good = 0;

    if (!FAILS_ALLOCATIONS)
        skip();
    forge_with(forged, GOOD_HEADER, GOOD_PAYLOAD, other_secret);
    for (long left = 0; left < 200; left++) {
        int forged_rc, good_rc;

        fail_after(left);
        forged_rc = check(f, forged);
        fail_after(left);
        good_rc = check(f, f->token);
        fail_after(-1);
        assert_int_equal(forged_rc, SOTTO_EAUTH);
        refused_good += good_rc != 0;
    }
    /* The failures did happen, and they were not all there is. */
    assert_true(refused_good > 5 && refused_good < 200);
}

static void
making_a_token_needs_no_memory(void **state)
{
    struct fixture *f = *state;
    char token[AUTH_TOKEN_BYTES_MAX + 1];
    int rc;

    if (!FAILS_ALLOCATIONS)
        skip();
    fail_after(0);
    rc = auth_token_make(&f->keys, &f->claims, token);
    fail_after(-1);
    assert_ok(rc);
    assert_ok(check(f, token));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    CASE(a_fresh_token_is_accepted_with_its_claims),
    CASE(a_token_is_good_until_it_expires_and_not_before_it_was_made),
    CASE(a_lifetime_over_the_configured_one_is_refused),
    CASE(a_token_opens_only_the_door_it_was_made_for),
    CASE(the_previous_secret_is_accepted_and_no_other),
    CASE(every_one_byte_change_and_truncation_is_refused),
    CASE(trailing_bytes_padding_and_further_segments_are_refused),
    CASE(an_empty_mac_or_an_empty_part_is_refused),
    CASE(any_other_header_is_refused_even_with_a_good_mac),
    CASE(junk_inside_segments_is_refused),
    CASE(a_header_of_16_mib_is_refused_without_touching_the_stack),
    CASE(without_a_key_nothing_is_accepted_and_nothing_is_made),
    CASE(a_mac_with_another_key_is_refused),
    CASE(secrets_that_anybody_could_guess_are_named_as_such),
    CASE(payloads_with_a_wrong_claim_are_refused_even_with_a_good_mac),
    CASE(lengths_outside_64_to_2048_are_refused),
    CASE(without_memory_a_forged_token_is_never_accepted),
    CASE(making_a_token_needs_no_memory),
};

SOTTO_TEST_MAIN(tests)
