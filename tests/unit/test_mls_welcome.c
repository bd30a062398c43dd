/* SPDX-License-Identifier: MIT */
/*
 * Opening a Welcome by hand, step by step: the official vectors. (Joining a whole group is in
 * test_mls_passive_client.)
 */
#include "sotto_test.h"

#include <string.h>

#include "schedule.h"
#include "vectors.h"
#include "welcome.h"

static const char FILE_NAME[] = "mls/welcome.json";

static void
find_entry(const struct mls_welcome *welcome, const uint8_t ref[MLS_REF_BYTES],
           struct mls_hpke_ciphertext *out)
{
    struct mls_reader r;
    struct mls_encrypted_secrets entry;

    for (mls_reader_init(&r, welcome->secrets); mls_reader_more(&r);) {
        mls_encrypted_secrets_read(&r, &entry);
        if (entry.new_member.len == MLS_REF_BYTES &&
            memcmp(entry.new_member.data, ref, MLS_REF_BYTES) == 0) {
            *out = entry.secrets;
            return;
        }
    }
    fail_msg("the Welcome has no entry for the key package");
}

/* Signature and confirmation tag of the decrypted GroupInfo. */
static void
check_info(const json_t *test_case, const struct mls_crypto *c, const struct mls_buf *plain,
           const uint8_t *joiner)
{
    struct mls_group_info info;
    struct mls_epoch_secrets secrets;
    struct mls_writer context;
    struct mls_reader r;
    uint8_t signer[MLS_ED25519_PUBLIC_BYTES];

    mls_reader_init(&r, mls_buf_bytes(plain));
    mls_group_info_read(&r, &info);
    assert_int_equal(mls_reader_finish(&r), 0);
    vec_need_hex_array(test_case, "signer_pub", signer, sizeof(signer));
    assert_int_equal(mls_group_info_verify(c, &info, mls_bytes(signer, sizeof(signer))), 0);

    mls_writer_init(&context, c->p, 0);
    mls_group_context_write(&context, &info.context);
    assert_int_equal(mls_schedule_epoch(c, joiner, NULL, mls_writer_bytes(&context), &secrets), 0);
    assert_int_equal(mls_mac_verify(c, secrets.confirmation_key,
                                    info.context.confirmed_transcript_hash, info.confirmation_tag),
                     0);
    mls_writer_fini(&context);
}

static void
check_case(const json_t *test_case, uint16_t suite)
{
    struct vec_bytes package_bytes = vec_need_hex(test_case, "key_package");
    struct vec_bytes welcome_bytes = vec_need_hex(test_case, "welcome");
    struct mls_crypto c;
    struct mls_key_package package;
    struct mls_welcome welcome;
    struct mls_hpke_ciphertext sealed;
    struct mls_group_secrets secrets;
    struct mls_buf info = {0};
    struct mls_reader r;
    uint8_t ref[MLS_REF_BYTES], init[MLS_KEM_SECRET_BYTES], welcome_secret[MLS_HASH_BYTES];
    uint8_t plain[4096];

    assert_int_equal(mls_crypto_init(&c, mls_provider_default(), suite), 0);
    assert_int_equal(
        mls_key_package_message_read(mls_bytes(package_bytes.data, package_bytes.len), &package),
        0);
    assert_int_equal(
        mls_welcome_message_read(mls_bytes(welcome_bytes.data, welcome_bytes.len), &welcome), 0);
    assert_int_equal(mls_key_package_check(&c, &package), 0);
    assert_int_equal(mls_key_package_ref(&c, &package, ref), 0);
    find_entry(&welcome, ref, &sealed);
    vec_need_hex_array(test_case, "init_priv", init, sizeof(init));
    assert_true(sealed.ciphertext.len <= sizeof(plain));
    assert_int_equal(mls_decrypt_with_label(&c, init, MLS_LABEL_WELCOME,
                                            welcome.encrypted_group_info, sealed.kem_output,
                                            sealed.ciphertext, plain),
                     0);
    mls_reader_init(&r, mls_bytes(plain, sealed.ciphertext.len - MLS_AEAD_TAG_BYTES));
    mls_group_secrets_read(&r, &secrets);
    assert_int_equal(mls_reader_finish(&r), 0);
    assert_int_equal(secrets.joiner_secret.len, MLS_HASH_BYTES);
    assert_int_equal(mls_schedule_welcome(&c, secrets.joiner_secret.data, NULL, welcome_secret), 0);
    assert_int_equal(mls_welcome_open_info(&c, &welcome, welcome_secret, &info), 0);
    check_info(test_case, &c, &info, secrets.joiner_secret.data);
    mls_buf_fini(&info);
    vec_free(&welcome_bytes);
    vec_free(&package_bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        VECTORS_OF_BOTH_SUITES(FILE_NAME, 1, check_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
