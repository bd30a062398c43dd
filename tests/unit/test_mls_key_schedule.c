/* SPDX-License-Identifier: MIT */
/*
 * Key schedule: the official epochs of both suites, external initialization, and what belongs to an
 * epoch beside the table of secrets.
 */
#include "sotto_test.h"

#include "codec.h"
#include "schedule.h"
#include "vectors.h"

static const char FILE_NAME[] = "mls/key-schedule.json";

static struct mls_bytes
slice(struct vec_bytes bytes)
{
    return mls_bytes(bytes.data, bytes.len);
}

/* Fails unless the member of the vector equals the 32 bytes. */
static void
check_secret(const json_t *epoch, const char *key, const uint8_t got[MLS_HASH_BYTES])
{
    uint8_t want[MLS_HASH_BYTES];

    vec_need_hex_array(epoch, key, want, sizeof want);
    vec_assert_equal(key, got, MLS_HASH_BYTES, want, sizeof want);
}

/* Encodes the GroupContext of a case and compares it with the vector's own encoding. */
static void
check_group_context(const struct mls_crypto *c, const json_t *test_case, const json_t *epoch,
                    uint64_t number)
{
    struct vec_bytes group_id = vec_need_hex(test_case, "group_id");
    struct vec_bytes tree_hash = vec_need_hex(epoch, "tree_hash");
    struct vec_bytes confirmed = vec_need_hex(epoch, "confirmed_transcript_hash");
    struct vec_bytes want = vec_need_hex(epoch, "group_context");
    struct mls_writer w;

    mls_writer_init(&w, c->p, 0);
    mls_write_u16(&w, 1);
    mls_write_u16(&w, c->suite->id);
    mls_write_opaque(&w, slice(group_id));
    mls_write_u64(&w, number);
    mls_write_opaque(&w, slice(tree_hash));
    mls_write_opaque(&w, slice(confirmed));
    mls_write_varint(&w, 0);
    vec_assert_equal("group_context", mls_writer_bytes(&w).data, mls_writer_bytes(&w).len,
                     want.data, want.len);
    mls_writer_fini(&w);
    vec_free(&group_id);
    vec_free(&tree_hash);
    vec_free(&confirmed);
    vec_free(&want);
}

static void
check_exporter(const struct mls_crypto *c, const struct mls_epoch_secrets *s,
               const json_t *exporter)
{
    struct vec_bytes context = vec_need_hex(exporter, "context");
    struct vec_bytes want = vec_need_hex(exporter, "secret");
    const size_t len = vec_need_uint(exporter, "length");
    uint8_t out[256];

    assert_in_range(len, 1, sizeof out);
    assert_ok(mls_schedule_export(c, s->exporter_secret, vec_need_string(exporter, "label"),
                                  slice(context), out, len));
    vec_assert_equal("exporter", out, len, want.data, want.len);
    vec_free(&context);
    vec_free(&want);
}

static void
check_epoch_secrets(const struct mls_crypto *c, const struct mls_epoch_secrets *s,
                    const json_t *epoch)
{
    uint8_t external_priv[MLS_KEM_SECRET_BYTES];
    uint8_t external_pub[MLS_KEM_PUBLIC_BYTES];

    check_secret(epoch, "init_secret", s->init_secret);
    check_secret(epoch, "sender_data_secret", s->sender_data_secret);
    check_secret(epoch, "encryption_secret", s->encryption_secret);
    check_secret(epoch, "exporter_secret", s->exporter_secret);
    check_secret(epoch, "epoch_authenticator", s->epoch_authenticator);
    check_secret(epoch, "external_secret", s->external_secret);
    check_secret(epoch, "confirmation_key", s->confirmation_key);
    check_secret(epoch, "membership_key", s->membership_key);
    check_secret(epoch, "resumption_psk", s->resumption_psk);

    assert_ok(mls_schedule_external(c, s->external_secret, external_priv, external_pub));
    check_secret(epoch, "external_pub", external_pub);
    check_exporter(c, s, vec_need(epoch, "exporter"));
}

/* Checks one epoch and moves `init_secret` to the next. */
static void
check_epoch(const struct mls_crypto *c, const json_t *test_case, const json_t *epoch,
            uint64_t number, uint8_t init_secret[MLS_HASH_BYTES])
{
    struct vec_bytes context = vec_need_hex(epoch, "group_context");
    struct mls_epoch_secrets secrets;
    uint8_t commit_secret[MLS_HASH_BYTES], psk_secret[MLS_HASH_BYTES];
    uint8_t joiner[MLS_HASH_BYTES], welcome[MLS_HASH_BYTES];

    check_group_context(c, test_case, epoch, number);
    vec_need_hex_array(epoch, "commit_secret", commit_secret, sizeof commit_secret);
    vec_need_hex_array(epoch, "psk_secret", psk_secret, sizeof psk_secret);

    assert_ok(mls_schedule_joiner(c, init_secret, commit_secret, slice(context), joiner));
    check_secret(epoch, "joiner_secret", joiner);
    assert_ok(mls_schedule_welcome(c, joiner, psk_secret, welcome));
    check_secret(epoch, "welcome_secret", welcome);
    assert_ok(mls_schedule_epoch(c, joiner, psk_secret, slice(context), &secrets));
    check_epoch_secrets(c, &secrets, epoch);

    memcpy(init_secret, secrets.init_secret, MLS_HASH_BYTES);
    mls_epoch_secrets_wipe(c->p, &secrets);
    vec_free(&context);
}

static void
check_case(const json_t *test_case, uint16_t suite)
{
    const json_t *epochs = vec_need(test_case, "epochs"), *epoch;
    uint8_t init_secret[MLS_HASH_BYTES];
    struct mls_crypto c;
    size_t number;

    assert_ok(mls_crypto_init(&c, mls_provider_default(), suite));
    vec_need_hex_array(test_case, "initial_init_secret", init_secret, sizeof init_secret);
    assert_int_equal(json_array_size(epochs), 5);
    json_array_foreach(epochs, number, epoch)
    {
        check_epoch(&c, test_case, epoch, number, init_secret);
    }
}

static void
no_commit_secret_and_no_psk_mean_zero_strings(void **state)
{
    (void)state;
    static const uint8_t zero[MLS_HASH_BYTES];
    const uint8_t init[MLS_HASH_BYTES] = {1};
    const struct mls_bytes context = mls_bytes("context", 7);
    uint8_t a[MLS_HASH_BYTES], b[MLS_HASH_BYTES];
    struct mls_epoch_secrets x, y;
    struct mls_crypto c;

    assert_ok(mls_crypto_init(&c, mls_provider_default(), 3));
    assert_ok(mls_schedule_joiner(&c, init, NULL, context, a));
    assert_ok(mls_schedule_joiner(&c, init, zero, context, b));
    assert_memory_equal(a, b, sizeof a);
    assert_ok(mls_schedule_epoch(&c, a, NULL, context, &x));
    assert_ok(mls_schedule_epoch(&c, a, zero, context, &y));
    assert_memory_equal(&x, &y, sizeof x);
}

static void
an_external_joiner_and_a_member_agree_on_the_init_secret(void **state)
{
    (void)state;
    const uint8_t external_secret[MLS_HASH_BYTES] = {5};
    uint8_t priv[MLS_KEM_SECRET_BYTES], pub[MLS_KEM_PUBLIC_BYTES];
    uint8_t kem_output[MLS_KEM_OUTPUT_BYTES];
    uint8_t joiner[MLS_HASH_BYTES], member[MLS_HASH_BYTES];
    struct mls_crypto c;

    assert_ok(mls_crypto_init(&c, mls_provider_default(), 3));
    assert_ok(mls_schedule_external(&c, external_secret, priv, pub));
    assert_ok(mls_schedule_external_init_send(&c, mls_bytes(pub, sizeof pub), kem_output, joiner));
    assert_ok(mls_schedule_external_init_receive(&c, external_secret,
                                                 mls_bytes(kem_output, sizeof kem_output), member));
    assert_memory_equal(joiner, member, sizeof joiner);
    assert_fails(
        mls_schedule_external_init_receive(&c, external_secret, mls_bytes(kem_output, 31), member),
        MLS_ECRYPTO);
}

static void
keys_shorter_than_their_buffer_are_padded_with_zeros(void **state)
{
    (void)state;
    static const uint8_t zero[16];
    const uint8_t secret[MLS_HASH_BYTES] = {9};
    uint8_t key[MLS_AEAD_KEY_BYTES_MAX], nonce[MLS_AEAD_NONCE_BYTES];
    struct mls_crypto c;

    assert_ok(mls_crypto_init(&c, mls_provider_default(), 1));
    memset(key, 0xff, sizeof key);
    assert_ok(mls_schedule_welcome_key(&c, secret, key, nonce));
    assert_memory_equal(key + 16, zero, sizeof zero);
    memset(key, 0xff, sizeof key);
    assert_ok(mls_schedule_sender_data_key(&c, secret, mls_bytes("short", 5), key, nonce));
    assert_memory_equal(key + 16, zero, sizeof zero);
}

static const struct CMUnitTest tests[] = {
    VECTORS_OF_BOTH_SUITES(FILE_NAME, 1, check_case),
    cmocka_unit_test(no_commit_secret_and_no_psk_mean_zero_strings),
    cmocka_unit_test(an_external_joiner_and_a_member_agree_on_the_init_secret),
    cmocka_unit_test(keys_shorter_than_their_buffer_are_padded_with_zeros),
};

SOTTO_TEST_MAIN(tests)
