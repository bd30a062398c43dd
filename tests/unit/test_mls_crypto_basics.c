/* SPDX-License-Identifier: MIT */
/*
 * Labelled crypto and HPKE: the official vectors of both suites, round trips with fresh keys, and
 * what must be refused.
 */
#include "sotto_test.h"

#include "hpke.h"
#include "mls_test_provider.h"
#include "vectors.h"

static const char FILE_NAME[] = "mls/crypto-basics.json";

static struct mls_bytes
slice(struct vec_bytes bytes)
{
    return mls_bytes(bytes.data, bytes.len);
}

static struct mls_crypto
crypto_for(uint16_t suite)
{
    struct mls_crypto c;

    assert_ok(mls_crypto_init(&c, mls_provider_default(), suite));
    return c;
}

static void
check_ref_hash(const struct mls_crypto *c, const json_t *v)
{
    struct vec_bytes value = vec_need_hex(v, "value");
    struct vec_bytes want = vec_need_hex(v, "out");
    uint8_t out[MLS_HASH_BYTES];

    assert_ok(mls_ref_hash(c, vec_need_string(v, "label"), slice(value), out));
    vec_assert_equal("ref_hash", out, sizeof out, want.data, want.len);
    vec_free(&value);
    vec_free(&want);
}

static void
check_expand_with_label(const struct mls_crypto *c, const json_t *v)
{
    struct vec_bytes context = vec_need_hex(v, "context");
    struct vec_bytes want = vec_need_hex(v, "out");
    uint8_t secret[MLS_HASH_BYTES];
    uint8_t out[256];
    const size_t len = vec_need_uint(v, "length");

    vec_need_hex_array(v, "secret", secret, sizeof secret);
    assert_in_range(len, 1, sizeof out);
    assert_ok(
        mls_expand_with_label(c, secret, vec_need_string(v, "label"), slice(context), out, len));
    vec_assert_equal("expand_with_label", out, len, want.data, want.len);
    vec_free(&context);
    vec_free(&want);
}

static void
check_derive_secret(const struct mls_crypto *c, const json_t *v)
{
    struct vec_bytes want = vec_need_hex(v, "out");
    uint8_t secret[MLS_HASH_BYTES];

    vec_need_hex_array(v, "secret", secret, sizeof secret);
    assert_ok(mls_derive_secret(c, secret, vec_need_string(v, "label"), secret));
    vec_assert_equal("derive_secret", secret, sizeof secret, want.data, want.len);
    vec_free(&want);
}

static void
check_derive_tree_secret(const struct mls_crypto *c, const json_t *v)
{
    struct vec_bytes want = vec_need_hex(v, "out");
    uint8_t secret[MLS_HASH_BYTES];
    uint8_t out[256];
    const size_t len = vec_need_uint(v, "length");

    vec_need_hex_array(v, "secret", secret, sizeof secret);
    assert_in_range(len, 1, sizeof out);
    assert_ok(mls_derive_tree_secret(c, secret, vec_need_string(v, "label"),
                                     (uint32_t)vec_need_uint(v, "generation"), out, len));
    vec_assert_equal("derive_tree_secret", out, len, want.data, want.len);
    vec_free(&want);
}

static void
check_sign_with_label(const struct mls_crypto *c, const json_t *v)
{
    const char *label = vec_need_string(v, "label");
    struct vec_bytes content = vec_need_hex(v, "content");
    struct vec_bytes pub = vec_need_hex(v, "pub");
    struct vec_bytes signature = vec_need_hex(v, "signature");
    uint8_t seed[MLS_ED25519_SEED_BYTES];
    uint8_t own_pub[MLS_ED25519_PUBLIC_BYTES];
    uint8_t own[MLS_ED25519_SIGNATURE_BYTES];

    vec_need_hex_array(v, "priv", seed, sizeof seed);
    assert_ok(mls_verify_with_label(c, slice(pub), label, slice(content), slice(signature)));
    assert_ok(mls_signature_public(c, seed, own_pub));
    vec_assert_equal("public key", own_pub, sizeof own_pub, pub.data, pub.len);
    assert_ok(mls_sign_with_label(c, seed, label, slice(content), own));
    vec_assert_equal("signature", own, sizeof own, signature.data, signature.len);

    assert_fails(mls_verify_with_label(c, slice(pub), "other", slice(content), slice(signature)),
                 MLS_ESIGNATURE);
    signature.data[3] ^= 1;
    assert_fails(mls_verify_with_label(c, slice(pub), label, slice(content), slice(signature)),
                 MLS_ESIGNATURE);
    vec_free(&content);
    vec_free(&pub);
    vec_free(&signature);
}

static void
check_encrypt_with_label(const struct mls_crypto *c, const json_t *v)
{
    const char *label = vec_need_string(v, "label");
    struct vec_bytes pub = vec_need_hex(v, "pub");
    struct vec_bytes context = vec_need_hex(v, "context");
    struct vec_bytes plain = vec_need_hex(v, "plaintext");
    struct vec_bytes kem_output = vec_need_hex(v, "kem_output");
    struct vec_bytes cipher = vec_need_hex(v, "ciphertext");
    uint8_t priv[MLS_KEM_SECRET_BYTES];
    uint8_t opened[256];
    uint8_t own_output[MLS_KEM_OUTPUT_BYTES];
    uint8_t own_cipher[256];

    assert_in_range(cipher.len, MLS_AEAD_TAG_BYTES, sizeof own_cipher);
    vec_need_hex_array(v, "priv", priv, sizeof priv);
    assert_ok(mls_decrypt_with_label(c, priv, label, slice(context), slice(kem_output),
                                     slice(cipher), opened));
    vec_assert_equal("plaintext", opened, cipher.len - MLS_AEAD_TAG_BYTES, plain.data, plain.len);

    assert_ok(mls_encrypt_with_label(c, slice(pub), label, slice(context), slice(plain), own_output,
                                     own_cipher));
    memset(opened, 0, sizeof opened);
    assert_ok(mls_decrypt_with_label(c, priv, label, slice(context),
                                     mls_bytes(own_output, sizeof own_output),
                                     mls_bytes(own_cipher, cipher.len), opened));
    vec_assert_equal("own plaintext", opened, plain.len, plain.data, plain.len);

    assert_fails(mls_decrypt_with_label(c, priv, "other", slice(context), slice(kem_output),
                                        slice(cipher), opened),
                 MLS_EAEAD);
    vec_free(&pub);
    vec_free(&context);
    vec_free(&plain);
    vec_free(&kem_output);
    vec_free(&cipher);
}

static void
check_case(const json_t *test_case, uint16_t suite)
{
    const struct mls_crypto c = crypto_for(suite);

    check_ref_hash(&c, vec_need(test_case, "ref_hash"));
    check_expand_with_label(&c, vec_need(test_case, "expand_with_label"));
    check_derive_secret(&c, vec_need(test_case, "derive_secret"));
    check_derive_tree_secret(&c, vec_need(test_case, "derive_tree_secret"));
    check_sign_with_label(&c, vec_need(test_case, "sign_with_label"));
    check_encrypt_with_label(&c, vec_need(test_case, "encrypt_with_label"));
}

static void
an_unknown_suite_is_refused(void **state)
{
    (void)state;
    struct mls_crypto c;

    assert_fails(mls_crypto_init(&c, mls_provider_default(), 2), MLS_ESUITE);
    assert_fails(mls_crypto_init(&c, mls_provider_default(), 0), MLS_ESUITE);
    assert_fails(mls_crypto_init(&c, NULL, 3), MLS_EARG);
}

static void
an_export_is_the_same_on_both_sides(void **state)
{
    (void)state;
    const struct mls_crypto c = crypto_for(3);
    uint8_t secret[MLS_KEM_SECRET_BYTES], pub[MLS_KEM_PUBLIC_BYTES];
    uint8_t output[MLS_KEM_OUTPUT_BYTES], sent[48], received[48];
    const struct mls_bytes context = mls_bytes("context", 7);

    assert_ok(mls_kem_keygen(&c, secret, pub));
    assert_ok(mls_hpke_export_send(&c, mls_bytes(pub, sizeof pub), mls_bytes("i", 1), context,
                                   output, sent, sizeof sent));
    assert_ok(mls_hpke_export_receive(&c, mls_bytes(output, sizeof output), secret,
                                      mls_bytes("i", 1), context, received, sizeof received));
    assert_memory_equal(sent, received, sizeof sent);

    assert_ok(mls_hpke_export_receive(&c, mls_bytes(output, sizeof output), secret,
                                      mls_bytes("j", 1), context, received, sizeof received));
    assert_memory_not_equal(sent, received, sizeof sent);
}

static void
unusable_public_keys_are_refused(void **state)
{
    (void)state;
    const struct mls_crypto c = crypto_for(3);
    const uint8_t zero[33] = {0};
    uint8_t secret[MLS_KEM_SECRET_BYTES], pub[MLS_KEM_PUBLIC_BYTES];
    uint8_t output[MLS_KEM_OUTPUT_BYTES], cipher[MLS_AEAD_TAG_BYTES + 1], plain[1];
    const struct mls_bytes none = mls_bytes_empty();

    assert_fails(mls_encrypt_with_label(&c, mls_bytes(zero, 32), "l", none, mls_bytes("x", 1),
                                        output, cipher),
                 MLS_ECRYPTO);
    assert_fails(mls_encrypt_with_label(&c, mls_bytes(zero, 33), "l", none, mls_bytes("x", 1),
                                        output, cipher),
                 MLS_ECRYPTO);
    assert_ok(mls_kem_keygen(&c, secret, pub));
    assert_fails(mls_decrypt_with_label(&c, secret, "l", none, mls_bytes(zero, 32),
                                        mls_bytes(cipher, sizeof cipher), plain),
                 MLS_ECRYPTO);
    assert_fails(mls_decrypt_with_label(&c, secret, "l", none, mls_bytes(pub, sizeof pub),
                                        mls_bytes(cipher, MLS_AEAD_TAG_BYTES - 1), plain),
                 MLS_EAEAD);
}

static void
every_flipped_byte_of_a_sealed_message_is_noticed(void **state)
{
    (void)state;
    for (uint16_t suite = 1; suite <= 3; suite += 2) {
        const struct mls_crypto c = crypto_for(suite);
        const uint8_t key[MLS_AEAD_KEY_BYTES_MAX] = {1};
        const uint8_t nonce[MLS_AEAD_NONCE_BYTES] = {2};
        const uint8_t untouched[5] = {0};
        uint8_t cipher[5 + MLS_AEAD_TAG_BYTES], plain[5];
        const struct mls_bytes aad = mls_bytes("aad", 3);

        assert_ok(mls_aead_seal(&c, key, nonce, aad, mls_bytes("hello", 5), cipher));
        for (size_t i = 0; i < sizeof cipher; i++) {
            cipher[i] ^= 0x80;
            assert_fails(
                mls_aead_open(&c, key, nonce, aad, mls_bytes(cipher, sizeof cipher), plain),
                MLS_EAEAD);
            assert_memory_equal(plain, untouched, sizeof plain);
            cipher[i] ^= 0x80;
        }
        assert_ok(mls_aead_open(&c, key, nonce, aad, mls_bytes(cipher, sizeof cipher), plain));
        assert_memory_equal(plain, "hello", 5);
        assert_ok(mls_aead_seal(&c, key, nonce, mls_bytes_empty(), mls_bytes_empty(), cipher));
        assert_ok(mls_aead_open(&c, key, nonce, mls_bytes_empty(),
                                mls_bytes(cipher, MLS_AEAD_TAG_BYTES), plain));
    }
}

static void
a_tag_is_verified_with_its_length(void **state)
{
    (void)state;
    const struct mls_crypto c = crypto_for(1);
    const uint8_t key[MLS_HASH_BYTES] = {7};
    const struct mls_bytes data = mls_bytes("data", 4);
    uint8_t tag[MLS_HASH_BYTES];

    assert_ok(mls_mac(&c, key, data, tag));
    assert_ok(mls_mac_verify(&c, key, data, mls_bytes(tag, sizeof tag)));
    assert_fails(mls_mac_verify(&c, key, data, mls_bytes(tag, sizeof tag - 1)), MLS_EMAC);
    assert_fails(mls_mac_verify(&c, key, data, mls_bytes_empty()), MLS_EMAC);
    tag[31] ^= 1;
    assert_fails(mls_mac_verify(&c, key, data, mls_bytes(tag, sizeof tag)), MLS_EMAC);
}

static void
expand_refuses_lengths_outside_its_range(void **state)
{
    (void)state;
    const struct mls_crypto c = crypto_for(1);
    const uint8_t secret[MLS_HASH_BYTES] = {7};
    uint8_t out[255 * MLS_HASH_BYTES + 1];

    assert_fails(mls_expand_with_label(&c, secret, "l", mls_bytes_empty(), out, 0), MLS_EARG);
    assert_fails(mls_expand_with_label(&c, secret, "l", mls_bytes_empty(), out, sizeof out),
                 MLS_EARG);
    assert_ok(mls_expand_with_label(&c, secret, "l", mls_bytes_empty(), out, sizeof out - 1));
}

static void
signing_without_memory_says_so_and_leaks_nothing(void **state)
{
    (void)state;
    const uint8_t seed[MLS_ED25519_SEED_BYTES] = {3};
    static const uint8_t content[300];
    const struct mls_bytes bytes = mls_bytes(content, sizeof content);
    uint8_t pub[MLS_ED25519_PUBLIC_BYTES], signature[MLS_ED25519_SIGNATURE_BYTES];
    struct mls_crypto c = crypto_for(3);

    assert_ok(mls_signature_public(&c, seed, pub));
    assert_ok(mls_sign_with_label(&c, seed, "l", bytes, signature));
    for (size_t n = 1; n <= 3; n++) {
        struct mls_test_provider tp;
        int rc = n < 3 ? MLS_ENOMEM : 0; /* the labelled content grows once */

        mls_test_provider_init(&tp);
        assert_ok(mls_crypto_init(&c, &tp.table, 3));
        tp.fail_at = n;
        assert_fails(mls_sign_with_label(&c, seed, "l", bytes, signature), rc);
        tp.calls = 0;
        assert_fails(mls_verify_with_label(&c, mls_bytes(pub, sizeof pub), "l", bytes,
                                           mls_bytes(signature, sizeof signature)),
                     rc);
        mls_test_provider_check(&tp);
    }
}

static const struct CMUnitTest tests[] = {
    VECTORS_OF_BOTH_SUITES(FILE_NAME, 1, check_case),
    cmocka_unit_test(an_unknown_suite_is_refused),
    cmocka_unit_test(an_export_is_the_same_on_both_sides),
    cmocka_unit_test(unusable_public_keys_are_refused),
    cmocka_unit_test(every_flipped_byte_of_a_sealed_message_is_noticed),
    cmocka_unit_test(a_tag_is_verified_with_its_length),
    cmocka_unit_test(signing_without_memory_says_so_and_leaks_nothing),
    cmocka_unit_test(expand_refuses_lengths_outside_its_range),
};

SOTTO_TEST_MAIN(tests)
