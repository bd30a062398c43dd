/* SPDX-License-Identifier: MIT */
/*
 * Project Wycheproof against the default provider: the primitives MLS stands on, each with its edge
 * cases. Every case that fits an interface is run and the number is checked; what does not fit is
 * named where it is left out.
 *
 * Where libsodium's documented behaviour is one of two allowed ones:
 * - X25519: all-zero results are refused (RFC 7748 leaves that to the protocol, RFC 9180 demands
 *   it), every other "acceptable" case is computed, non-canonical public keys among them.
 * - Ed25519: no difference; all cases of the file are decided as the file says.
 *
 * XChaCha20-Poly1305 is not a primitive of MLS; local storage and backups use it straight from
 * libsodium, and its cases stand here with their relatives.
 */
#include "sotto_test.h"

#include <stdbool.h>

#include <sodium.h>

#include "crypto.h"
#include "vectors.h"

enum { OUTPUT_BYTES_MAX = 255 * MLS_HASH_BYTES + 64 };

static struct mls_bytes
slice(struct vec_bytes bytes)
{
    return mls_bytes(bytes.data, bytes.len);
}

static bool
is_result(const json_t *test, const char *result)
{
    return strcmp(vec_need_string(test, "result"), result) == 0;
}

static bool
has_flag(const json_t *test, const char *flag)
{
    const json_t *flags = vec_need(test, "flags");

    for (size_t i = 0; i < json_array_size(flags); i++)
        if (strcmp(json_string_value(json_array_get(flags, i)), flag) == 0)
            return true;
    return false;
}

/* Runs one case; returns false when it does not fit the interface. */
typedef bool (*case_fn)(const struct mls_provider *p, const json_t *group, const json_t *test);

static void
run_file(const char *name, case_fn run, size_t least)
{
    const struct mls_provider *p = mls_provider_default();
    json_t *root = vectors_load(name);
    json_t *group, *test;
    size_t i, k, count = 0;

    json_array_foreach(vec_need(root, "testGroups"), i, group)
        json_array_foreach(vec_need(group, "tests"), k, test) count += run(p, group, test);
    vectors_report(name, 0, count, least);
    json_decref(root);
}

/* Fails the test and names the case. */
static void
expect(bool condition, const json_t *test, const char *what)
{
    if (!condition)
        fail_msg("case %llu (%s): %s", (unsigned long long)vec_need_uint(test, "tcId"),
                 vec_need_string(test, "comment"), what);
}

/* ---- X25519 ------------------------------------------------------------------------------- */

static bool
run_x25519(const struct mls_provider *p, const json_t *group, const json_t *test)
{
    uint8_t secret[MLS_X25519_BYTES], peer[MLS_X25519_BYTES], want[MLS_X25519_BYTES];
    uint8_t got[MLS_X25519_BYTES];

    (void)group;
    vec_need_hex_array(test, "private", secret, sizeof secret);
    vec_need_hex_array(test, "public", peer, sizeof peer);
    vec_need_hex_array(test, "shared", want, sizeof want);
    const int rc = p->x25519(p->ctx, secret, peer, got);
    if (has_flag(test, "ZeroSharedSecret")) {
        expect(rc != 0, test, "an all-zero shared secret was accepted");
    } else {
        expect(rc == 0, test, "refused");
        expect(memcmp(got, want, sizeof want) == 0, test, "wrong shared secret");
    }
    return true;
}

static void
x25519_agrees(void **state)
{
    (void)state;
    run_file("wycheproof/x25519_test.json", run_x25519, 518);
}

/* ---- Ed25519 ------------------------------------------------------------------------------ */

static bool
run_ed25519(const struct mls_provider *p, const json_t *group, const json_t *test)
{
    uint8_t public_key[MLS_ED25519_PUBLIC_BYTES];
    struct vec_bytes message = vec_need_hex(test, "msg");
    struct vec_bytes signature = vec_need_hex(test, "sig");

    vec_need_hex_array(vec_need(group, "publicKey"), "pk", public_key, sizeof public_key);
    /* A signature of another length is refused before the provider sees it. */
    const bool ok = signature.len == MLS_ED25519_SIGNATURE_BYTES &&
                    p->ed25519_verify(p->ctx, public_key, slice(message), signature.data) == 0;
    expect(ok == is_result(test, "valid"), test, ok ? "accepted" : "refused");
    vec_free(&message);
    vec_free(&signature);
    return true;
}

static void
ed25519_agrees(void **state)
{
    (void)state;
    run_file("wycheproof/ed25519_test.json", run_ed25519, 151);
}

/* ---- HKDF and HMAC ------------------------------------------------------------------------ */

static bool
run_hkdf(const struct mls_provider *p, const json_t *group, const json_t *test)
{
    struct vec_bytes ikm = vec_need_hex(test, "ikm");
    struct vec_bytes salt = vec_need_hex(test, "salt");
    struct vec_bytes info = vec_need_hex(test, "info");
    struct vec_bytes want = vec_need_hex(test, "okm");
    const size_t len = vec_need_uint(test, "size");
    const struct mls_bytes info_part = slice(info);
    uint8_t prk[MLS_HASH_BYTES];
    uint8_t out[OUTPUT_BYTES_MAX];
    struct mls_crypto c;

    (void)group;
    assert_ok(mls_crypto_init(&c, p, MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519));
    assert_in_range(len, 1, sizeof out);
    assert_ok(mls_extract(&c, slice(salt), slice(ikm), prk));
    const int rc = mls_expand(&c, mls_bytes(prk, sizeof prk), &info_part, 1, out, len);
    if (is_result(test, "invalid")) {
        expect(rc == MLS_EARG, test, "a length beyond the limit was accepted");
    } else {
        expect(rc == 0, test, "refused");
        expect(want.len == len && memcmp(out, want.data, len) == 0, test, "wrong output");
    }
    vec_free(&ikm);
    vec_free(&salt);
    vec_free(&info);
    vec_free(&want);
    return true;
}

static void
hkdf_sha256_agrees(void **state)
{
    (void)state;
    run_file("wycheproof/hkdf_sha256_test.json", run_hkdf, 86);
}

/* Truncated tags are cut from the full one here; MLS itself never truncates. */
static bool
run_hmac(const struct mls_provider *p, const json_t *group, const json_t *test)
{
    struct vec_bytes key = vec_need_hex(test, "key");
    struct vec_bytes message = vec_need_hex(test, "msg");
    struct vec_bytes want = vec_need_hex(test, "tag");
    const struct mls_bytes part = slice(message);
    uint8_t tag[MLS_HASH_BYTES];

    (void)group;
    expect(want.len <= sizeof tag, test, "tag longer than the hash");
    assert_ok(p->hmac_sha256(p->ctx, slice(key), &part, 1, tag));
    const bool equal = p->compare(p->ctx, tag, want.data, want.len) == 0;
    expect(equal == is_result(test, "valid"), test, equal ? "accepted" : "refused");
    vec_free(&key);
    vec_free(&message);
    vec_free(&want);
    return true;
}

static void
hmac_sha256_agrees(void **state)
{
    (void)state;
    run_file("wycheproof/hmac_sha256_test.json", run_hmac, 174);
}

/* ---- AEADs -------------------------------------------------------------------------------- */

struct aead_case {
    struct vec_bytes key, iv, aad, message, sealed; /* sealed: ciphertext and tag */
};

static struct aead_case
aead_case_load(const json_t *test)
{
    struct vec_bytes cipher = vec_need_hex(test, "ct");
    struct vec_bytes tag = vec_need_hex(test, "tag");
    struct aead_case v = {
        .key = vec_need_hex(test, "key"),
        .iv = vec_need_hex(test, "iv"),
        .aad = vec_need_hex(test, "aad"),
        .message = vec_need_hex(test, "msg"),
        .sealed = {.data = malloc(cipher.len + tag.len + 1), .len = cipher.len + tag.len},
    };

    assert_non_null(v.sealed.data);
    memcpy(v.sealed.data, cipher.data, cipher.len);
    memcpy(v.sealed.data + cipher.len, tag.data, tag.len);
    vec_free(&cipher);
    vec_free(&tag);
    return v;
}

static void
aead_case_free(struct aead_case *v)
{
    vec_free(&v->key);
    vec_free(&v->iv);
    vec_free(&v->aad);
    vec_free(&v->message);
    vec_free(&v->sealed);
}

static void
check_aead(const struct mls_provider *p, enum mls_aead_id aead, const json_t *test,
           const struct aead_case *v)
{
    uint8_t *out = malloc(v->sealed.len + 1);

    assert_non_null(out);
    const int rc =
        p->aead_open(p->ctx, aead, v->key.data, v->iv.data, slice(v->aad), slice(v->sealed), out);
    if (is_result(test, "invalid")) {
        expect(rc != 0, test, "accepted");
    } else {
        expect(rc == 0, test, "refused");
        expect(memcmp(out, v->message.data, v->message.len) == 0, test, "wrong plaintext");
        assert_ok(p->aead_seal(p->ctx, aead, v->key.data, v->iv.data, slice(v->aad),
                               slice(v->message), out));
        expect(memcmp(out, v->sealed.data, v->sealed.len) == 0, test, "wrong ciphertext");
    }
    free(out);
}

/* Runs a case whose sizes are those of the AEAD; the interface has no room for other ones. */
static bool
run_aead(const struct mls_provider *p, enum mls_aead_id aead, size_t key_bits, const json_t *group,
         const json_t *test)
{
    if (vec_need_uint(group, "ivSize") != 8 * MLS_AEAD_NONCE_BYTES ||
        vec_need_uint(group, "keySize") != key_bits ||
        vec_need_uint(group, "tagSize") != 8 * MLS_AEAD_TAG_BYTES)
        return false;
    struct aead_case v = aead_case_load(test);
    check_aead(p, aead, test, &v);
    aead_case_free(&v);
    return true;
}

static bool
run_chacha20_poly1305(const struct mls_provider *p, const json_t *group, const json_t *test)
{
    return run_aead(p, MLS_AEAD_CHACHA20POLY1305, 256, group, test);
}

static bool
run_aes128_gcm(const struct mls_provider *p, const json_t *group, const json_t *test)
{
    return run_aead(p, MLS_AEAD_AES128GCM, 128, group, test);
}

static bool
run_xchacha20_poly1305(const struct mls_provider *p, const json_t *group, const json_t *test)
{
    (void)p;
    if (vec_need_uint(group, "ivSize") != 8 * crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
        return false;
    struct aead_case v = aead_case_load(test);
    uint8_t *out = malloc(v.sealed.len + 1);

    assert_non_null(out);
    const int rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
        out, NULL, NULL, v.sealed.data, v.sealed.len, v.aad.data, v.aad.len, v.iv.data, v.key.data);
    expect((rc == 0) == is_result(test, "valid"), test, rc == 0 ? "accepted" : "refused");
    if (rc == 0) {
        expect(memcmp(out, v.message.data, v.message.len) == 0, test, "wrong plaintext");
        crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, v.message.data, v.message.len,
                                                   v.aad.data, v.aad.len, NULL, v.iv.data,
                                                   v.key.data);
        expect(memcmp(out, v.sealed.data, v.sealed.len) == 0, test, "wrong ciphertext");
    }
    free(out);
    aead_case_free(&v);
    return true;
}

static void
chacha20_poly1305_agrees(void **state)
{
    (void)state;
    run_file("wycheproof/chacha20_poly1305_test.json", run_chacha20_poly1305, 316);
}

static void
xchacha20_poly1305_agrees(void **state)
{
    (void)state;
    run_file("wycheproof/xchacha20_poly1305_test.json", run_xchacha20_poly1305, 306);
}

static void
aes128_gcm_agrees(void **state)
{
    (void)state;
    run_file("wycheproof/aes_gcm_test.json", run_aes128_gcm, 67);
}

static void
a_ciphertext_shorter_than_its_tag_is_refused(void **state)
{
    (void)state;
    const struct mls_provider *p = mls_provider_default();
    const uint8_t key[MLS_AEAD_KEY_BYTES_MAX] = {0}, nonce[MLS_AEAD_NONCE_BYTES] = {0};
    const uint8_t cipher[MLS_AEAD_TAG_BYTES] = {0};
    uint8_t out[1];

    for (size_t len = 0; len < sizeof cipher; len++) {
        assert_true(p->aead_open(p->ctx, MLS_AEAD_AES128GCM, key, nonce, mls_bytes_empty(),
                                 mls_bytes(cipher, len), out) != 0);
        assert_true(p->aead_open(p->ctx, MLS_AEAD_CHACHA20POLY1305, key, nonce, mls_bytes_empty(),
                                 mls_bytes(cipher, len), out) != 0);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(x25519_agrees),
    cmocka_unit_test(ed25519_agrees),
    cmocka_unit_test(hkdf_sha256_agrees),
    cmocka_unit_test(hmac_sha256_agrees),
    cmocka_unit_test(chacha20_poly1305_agrees),
    cmocka_unit_test(xchacha20_poly1305_agrees),
    cmocka_unit_test(aes128_gcm_agrees),
    cmocka_unit_test(a_ciphertext_shorter_than_its_tag_is_refused),
};

SOTTO_TEST_MAIN(tests)
