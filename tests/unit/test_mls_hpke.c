/* SPDX-License-Identifier: MIT */
/*
 * HPKE against the base-mode values of RFC 9180, appendices A.1.1 and A.2.1: key pairs from their
 * keying material, the first ciphertext in both directions, and exported secrets. The sender's
 * ephemeral key comes from the provider's random bytes, so a provider that returns the keying
 * material of the appendix must give its exact encapsulation.
 */
#include "sotto_test.h"

#include "hpke.h"
#include "vectors.h"

#define INFO "4f6465206f6e2061204772656369616e2055726e"
#define PLAIN "4265617574792069732074727574682c20747275746820626561757479"
#define AAD "436f756e742d30"

struct rfc_case {
    uint16_t suite;
    const char *ikm_e, *enc, *ikm_r, *secret_r, *public_r, *cipher;
    struct {
        const char *context, *value;
    } exports[3];
};

static const struct rfc_case A_1_1 = {
    .suite = MLS_SUITE_X25519_AES128GCM_SHA256_ED25519,
    .ikm_e = "7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234",
    .enc = "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
    .ikm_r = "6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037",
    .secret_r = "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
    .public_r = "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
    .cipher = "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a9"
              "6d8770ac83d07bea87e13c512a",
    .exports =
        {
            {"", "3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee"},
            {"00", "2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5"},
            {"54657374436f6e74657874",
             "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931"},
        },
};

static const struct rfc_case A_2_1 = {
    .suite = MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519,
    .ikm_e = "909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b",
    .enc = "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
    .ikm_r = "1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df",
    .secret_r = "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
    .public_r = "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a",
    .cipher = "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db"
              "21993c62ce81883d2dd1b51a28",
    .exports =
        {
            {"", "4bbd6243b8bb54cec311fac9df81841b6fd61f56538a775e7c80a9f40160606e"},
            {"00", "8c1df14732580e5501b00f82b10a1647b40713191b7c1240ac80e2b68808ba69"},
            {"54657374436f6e74657874",
             "5acb09211139c43b3090489a9da433e8a30ee7188ba8b0a9a1ccf0c229283e53"},
        },
};

static struct mls_bytes
slice(struct vec_bytes bytes)
{
    return mls_bytes(bytes.data, bytes.len);
}

/* The decoded values of a case, and a provider whose random bytes are the sender's material. */
struct fixture {
    struct vec_bytes ikm_e, enc, ikm_r, secret_r, public_r, cipher, info, plain, aad;
    struct mls_provider provider;
    struct mls_crypto c;
};

static int
random_is_the_material(void *ctx, uint8_t *out, size_t len)
{
    const struct fixture *f = ctx;

    if (len != f->ikm_e.len)
        return -1;
    memcpy(out, f->ikm_e.data, len);
    return 0;
}

static void
fixture_init(struct fixture *f, const struct rfc_case *rfc)
{
    *f = (struct fixture){
        .ikm_e = vec_hex(rfc->ikm_e),
        .enc = vec_hex(rfc->enc),
        .ikm_r = vec_hex(rfc->ikm_r),
        .secret_r = vec_hex(rfc->secret_r),
        .public_r = vec_hex(rfc->public_r),
        .cipher = vec_hex(rfc->cipher),
        .info = vec_hex(INFO),
        .plain = vec_hex(PLAIN),
        .aad = vec_hex(AAD),
        .provider = *mls_provider_default(),
    };
    f->provider.ctx = f;
    f->provider.random = random_is_the_material;
    assert_ok(mls_crypto_init(&f->c, &f->provider, rfc->suite));
}

static void
fixture_fini(struct fixture *f)
{
    struct vec_bytes *all[] = {&f->ikm_e,  &f->enc,  &f->ikm_r, &f->secret_r, &f->public_r,
                               &f->cipher, &f->info, &f->plain, &f->aad};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        vec_free(all[i]);
}

static void
check_messages(const struct fixture *f)
{
    const struct mls_bytes info = slice(f->info);
    uint8_t secret[MLS_KEM_SECRET_BYTES], public_key[MLS_KEM_PUBLIC_BYTES];
    uint8_t enc[MLS_KEM_OUTPUT_BYTES], cipher[64], plain[64];

    assert_ok(mls_kem_derive_keypair(&f->c, slice(f->ikm_r), secret, public_key));
    vec_assert_equal("skR", secret, sizeof secret, f->secret_r.data, f->secret_r.len);
    vec_assert_equal("pkR", public_key, sizeof public_key, f->public_r.data, f->public_r.len);
    assert_ok(mls_kem_public(&f->c, secret, public_key));
    vec_assert_equal("pkR", public_key, sizeof public_key, f->public_r.data, f->public_r.len);

    assert_ok(mls_hpke_seal(&f->c, slice(f->public_r), &info, 1, slice(f->aad), slice(f->plain),
                            enc, cipher));
    vec_assert_equal("enc", enc, sizeof enc, f->enc.data, f->enc.len);
    vec_assert_equal("ct", cipher, f->plain.len + MLS_AEAD_TAG_BYTES, f->cipher.data,
                     f->cipher.len);
    assert_ok(mls_hpke_open(&f->c, slice(f->enc), f->secret_r.data, &info, 1, slice(f->aad),
                            slice(f->cipher), plain));
    vec_assert_equal("pt", plain, f->cipher.len - MLS_AEAD_TAG_BYTES, f->plain.data, f->plain.len);
}

static void
check_exports(const struct fixture *f, const struct rfc_case *rfc)
{
    uint8_t enc[MLS_KEM_OUTPUT_BYTES], out[32];

    for (size_t i = 0; i < 3; i++) {
        struct vec_bytes context = vec_hex(rfc->exports[i].context);
        struct vec_bytes want = vec_hex(rfc->exports[i].value);

        assert_ok(mls_hpke_export_receive(&f->c, slice(f->enc), f->secret_r.data, slice(f->info),
                                          slice(context), out, sizeof out));
        vec_assert_equal("received export", out, sizeof out, want.data, want.len);
        assert_ok(mls_hpke_export_send(&f->c, slice(f->public_r), slice(f->info), slice(context),
                                       enc, out, sizeof out));
        vec_assert_equal("sent export", out, sizeof out, want.data, want.len);
        vec_free(&context);
        vec_free(&want);
    }
}

static void
check_case(const struct rfc_case *rfc)
{
    struct fixture f;

    fixture_init(&f, rfc);
    check_messages(&f);
    check_exports(&f, rfc);
    fixture_fini(&f);
}

static void
appendix_a_1_1_holds(void **state)
{
    (void)state;
    check_case(&A_1_1);
}

static void
appendix_a_2_1_holds(void **state)
{
    (void)state;
    check_case(&A_2_1);
}

static int
random_fails(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    (void)out;
    (void)len;
    return -1;
}

static void
a_generator_that_fails_stops_every_key(void **state)
{
    (void)state;
    struct mls_provider provider = *mls_provider_default();
    uint8_t secret[32], public_key[32], output[32], cipher[1 + MLS_AEAD_TAG_BYTES];
    struct mls_crypto c;

    provider.random = random_fails;
    assert_ok(mls_crypto_init(&c, mls_provider_default(), 3));
    assert_ok(mls_kem_keygen(&c, secret, public_key));
    assert_ok(mls_crypto_init(&c, &provider, 3));
    assert_fails(mls_kem_keygen(&c, secret, output), MLS_ECRYPTO);
    assert_fails(mls_signature_keygen(&c, secret, output), MLS_ECRYPTO);
    assert_fails(mls_encrypt_with_label(&c, mls_bytes(public_key, 32), "l", mls_bytes_empty(),
                                        mls_bytes("x", 1), output, cipher),
                 MLS_ECRYPTO);
}

/* What counts as a usable key is what the provider can really agree on a secret with. */
static void
keys_of_low_order_are_the_ones_the_provider_refuses(void **state)
{
    (void)state;
    static const char *const low[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    const struct mls_provider *p = mls_provider_default();
    uint8_t secret[32], public_key[32], shared[32];
    struct mls_crypto c;

    assert_ok(mls_crypto_init(&c, p, 3));
    assert_ok(mls_kem_keygen(&c, secret, public_key));
    assert_true(mls_kem_public_key_valid(&c, mls_bytes(public_key, 32)));
    assert_false(mls_kem_public_key_valid(&c, mls_bytes(public_key, 31)));
    for (size_t i = 0; i < 2 * sizeof low / sizeof *low; i++) {
        struct vec_bytes key = vec_hex(low[i / 2]);

        key.data[31] |= (uint8_t)(i % 2 << 7); /* a bit that X25519 ignores */
        assert_int_not_equal(p->x25519(p->ctx, secret, key.data, shared), 0);
        assert_false(mls_kem_public_key_valid(&c, mls_bytes(key.data, 32)));
        vec_free(&key);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(appendix_a_1_1_holds),
    cmocka_unit_test(appendix_a_2_1_holds),
    cmocka_unit_test(keys_of_low_order_are_the_ones_the_provider_refuses),
    cmocka_unit_test(a_generator_that_fails_stops_every_key),
};

SOTTO_TEST_MAIN(tests)
