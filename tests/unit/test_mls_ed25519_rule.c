/* SPDX-License-Identifier: MIT */
/*
 * The Ed25519 rule of docs/e2ee.md against the vectors of C2SP/CCTV, which hold every edge case of the
 * points: the rule says for each case from its flags whether it is taken, and both the provider and
 * the rule before a provider that believes everything have to agree with it.
 */
#include "sotto_test.h"

#include <stdbool.h>
#include <string.h>

#include "codec.h"
#include "crypto.h"
#include "ed25519_rule.h"
#include "vectors.h"

enum { CASES = 914, TAKEN = 43 };

struct rule_case {
    uint8_t public_key[MLS_ED25519_PUBLIC_BYTES];
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_bytes message;
    bool fits;  /* before the equation */
    bool taken; /* after it */
};

static bool
has_flag(const json_t *test, const char *flag)
{
    const json_t *flags = vec_need(test, "flags");

    for (size_t i = 0; i < json_array_size(flags); i++)
        if (strcmp(json_string_value(json_array_get(flags, i)), flag) == 0)
            return true;
    return false;
}

/* The rule, said in the flags of the file. A low-order component alone is no reason to refuse. */
static struct rule_case
read_case(const json_t *test)
{
    const char *text = vec_need_string(test, "msg");
    struct rule_case c = {.message = mls_bytes(text, strlen(text))};

    vec_need_hex_array(test, "key", c.public_key, sizeof c.public_key);
    vec_need_hex_array(test, "sig", c.signature, sizeof c.signature);
    c.fits = !has_flag(test, "low_order_A") && !has_flag(test, "low_order_R") &&
             !has_flag(test, "non_canonical_A") && !has_flag(test, "non_canonical_R");
    c.taken = c.fits && !has_flag(test, "low_order_residue") && !has_flag(test, "reencoded_k");
    return c;
}

static void
expect(bool got, bool want, const json_t *test, const char *who)
{
    if (got != want)
        fail_msg("case %llu: %s %s", (unsigned long long)vec_need_uint(test, "number"), who,
                 got ? "takes it" : "refuses it");
}

static void
every_vector_is_decided_as_the_rule_says(void **state)
{
    const struct mls_provider *p = mls_provider_default();
    json_t *root = vectors_load("ed25519/ed25519vectors.json");
    json_t *test;
    size_t i, fit = 0, taken = 0;

    (void)state;
    json_array_foreach(root, i, test)
    {
        const struct rule_case c = read_case(test);

        expect(mls_ed25519_is_fit(c.public_key, c.signature), c.fits, test, "the rule");
        expect(p->ed25519_verify(p->ctx, c.public_key, c.message, c.signature) == 0, c.taken, test,
               "the default provider");
        fit += c.fits;
        taken += c.taken;
    }
    vectors_report("ed25519/ed25519vectors.json", 0, json_array_size(root), CASES);
    print_message("# %zu go to the equation, %zu are taken\n", fit, taken);
    assert_int_equal(taken, TAKEN);
    json_decref(root);
}

/* ---- Where the rule stands ---------------------------------------------------------------- */

static int
believe(void *ctx, const uint8_t public_key[MLS_ED25519_PUBLIC_BYTES], struct mls_bytes message,
        const uint8_t signature[MLS_ED25519_SIGNATURE_BYTES])
{
    (void)ctx;
    (void)public_key;
    (void)message;
    (void)signature;
    return 0;
}

static int
verify(const struct mls_provider *p, const uint8_t *public_key, const uint8_t *signature)
{
    struct mls_crypto c;

    assert_ok(mls_crypto_init(&c, p, MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519));
    return mls_verify_with_label(&c, mls_bytes(public_key, MLS_ED25519_PUBLIC_BYTES), "Test",
                                 mls_bytes("content", 7),
                                 mls_bytes(signature, MLS_ED25519_SIGNATURE_BYTES));
}

static void
a_looser_provider_does_not_loosen_the_rule(void **state)
{
    struct mls_provider loose = *mls_provider_default();
    json_t *root = vectors_load("ed25519/ed25519vectors.json");
    json_t *test;
    size_t i;

    (void)state;
    loose.ed25519_verify = believe;
    json_array_foreach(root, i, test)
    {
        const struct rule_case c = read_case(test);

        expect(verify(&loose, c.public_key, c.signature) == 0, c.fits, test, "VerifyWithLabel");
    }
    json_decref(root);
}

/* Adds the group order to S, or p to y, which is another encoding of the same number. */
static void
add(uint8_t *number, const uint8_t *addend)
{
    unsigned carry = 0;

    for (size_t i = 0; i < 32; i++) {
        carry += number[i] + addend[i];
        number[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static void
a_signature_has_one_form(void **state)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    const struct mls_provider *p = mls_provider_default();
    uint8_t seed[MLS_ED25519_SEED_BYTES] = {7}, public_key[MLS_ED25519_PUBLIC_BYTES];
    uint8_t signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_crypto c;

    (void)state;
    assert_ok(mls_crypto_init(&c, p, MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519));
    assert_ok(mls_signature_public(&c, seed, public_key));
    assert_ok(mls_sign_with_label(&c, seed, "Test", mls_bytes("content", 7), signature));
    assert_ok(verify(p, public_key, signature));
    add(signature + 32, order);
    assert_false(mls_ed25519_is_fit(public_key, signature));
    assert_int_equal(verify(p, public_key, signature), MLS_ESIGNATURE);
}

/* Of y = p + i only the first two are of small order; the vectors have no other ones. */
static void
no_number_beyond_the_field_is_a_coordinate(void **state)
{
    uint8_t fit[MLS_ED25519_SIGNATURE_BYTES] = {3}, point[MLS_ED25519_SIGNATURE_BYTES];

    (void)state;
    assert_true(mls_ed25519_is_fit(fit, fit));
    for (unsigned i = 0; i < 38; i++) {
        memset(point, 0xff, 32);
        memset(point + 32, 0, 32);
        point[0] = (uint8_t)(0xed + i % 19);
        point[31] = i < 19 ? 0x7f : 0xff;
        assert_false(mls_ed25519_is_fit(point, fit));
        assert_false(mls_ed25519_is_fit(fit, point));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_vector_is_decided_as_the_rule_says),
    cmocka_unit_test(a_looser_provider_does_not_loosen_the_rule),
    cmocka_unit_test(a_signature_has_one_form),
    cmocka_unit_test(no_number_beyond_the_field_is_a_coordinate),
};

SOTTO_TEST_MAIN(tests)
