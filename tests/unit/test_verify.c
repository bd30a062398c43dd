/* SPDX-License-Identifier: MIT */
/* crypto/verify: certificates, the key log and the three views of an identity. */
#include "sotto_test.h"

#include <sodium.h>

#include "verify/verify.h"

static const uint8_t seed[32] = {1, 2, 3};
static const uint8_t other_seed[32] = {9};
static const uint8_t user[16] = {'u'};
static const uint8_t other_user[16] = {'v'};
static const uint8_t device[16] = {'d'};
static const uint8_t device_key[32] = {'k'};

static void
an_identity_signature_holds_for_its_user_and_key_only(void **state)
{
    uint8_t key[32], other_key[32], signature[64];

    (void)state;
    verify_public_key(seed, key);
    verify_public_key(other_seed, other_key);
    verify_identity_sign(seed, user, signature);

    assert_ok(verify_identity_check(user, key, signature));
    assert_fails(verify_identity_check(other_user, key, signature), VERIFY_ESIGNATURE);
    assert_fails(verify_identity_check(user, other_key, signature), VERIFY_ESIGNATURE);
}

static void
a_certificate_survives_its_encoding(void **state)
{
    uint8_t data[VERIFY_CERT_BYTES], key[32];
    struct verify_cert cert;

    (void)state;
    verify_public_key(seed, key);
    verify_cert_make(seed, user, device, device_key, 1700000000123, data);

    assert_ok(verify_cert_parse(data, sizeof(data), &cert));
    assert_ok(verify_cert_check(&cert, device_key));
    assert_memory_equal(cert.user_id, user, 16);
    assert_memory_equal(cert.device_id, device, 16);
    assert_memory_equal(cert.identity_key, key, 32);
    assert_int_equal(cert.created_at, 1700000000123);
    assert_fails(verify_cert_parse(data, sizeof(data) - 1, &cert), VERIFY_EDECODE);
}

static void
a_certificate_with_any_byte_flipped_is_refused(void **state)
{
    uint8_t data[VERIFY_CERT_BYTES];
    struct verify_cert cert;

    (void)state;
    verify_cert_make(seed, user, device, device_key, 7, data);
    for (size_t i = 0; i < sizeof(data); i++) {
        int rc;

        data[i] ^= 0x40;
        rc = verify_cert_parse(data, sizeof(data), &cert);
        if (rc == VERIFY_OK)
            rc = verify_cert_check(&cert, device_key);
        assert_int_not_equal(rc, VERIFY_OK);
        data[i] ^= 0x40;
    }
}

static void
a_certificate_does_not_vouch_for_another_key(void **state)
{
    uint8_t data[VERIFY_CERT_BYTES];
    struct verify_cert cert;

    (void)state;
    verify_cert_make(seed, user, device, device_key, 7, data);
    assert_ok(verify_cert_parse(data, sizeof(data), &cert));
    assert_fails(verify_cert_check(&cert, other_seed), VERIFY_ESIGNATURE);
}

/* ---- key log ----------------------------------------------------------------------------------- */

struct link {
    uint8_t data[VERIFY_LOG_ENTRY_BYTES_MAX];
    size_t size;
    uint8_t hash[32];
};

static void
make_link(const struct verify_log_entry *entry, const uint8_t previous[32], struct link *link)
{
    link->size = verify_log_encode(entry, link->data);
    assert_true(link->size > 0);
    verify_log_hash(previous, link->data, link->size, link->hash);
}

static void
make_removal(struct verify_removal *removal, const uint8_t device_id[16])
{
    *removal = (struct verify_removal){.removed_at = 1700000000123};
    memcpy(removal->user_id, user, 16);
    memcpy(removal->device_id, device_id, 16);
    memcpy(removal->by_device, other_user, 16);
    verify_removal_sign(seed, removal);
}

static void
make_deletion(struct verify_deletion *deletion)
{
    *deletion = (struct verify_deletion){.deleted_at = 1700000000456};
    memcpy(deletion->user_id, user, 16);
    memcpy(deletion->by_device, device, 16);
    verify_deletion_sign(seed, deletion);
}

/* Identity, device added, device removed. */
static void
make_log(struct link links[3])
{
    static const uint8_t zero[32];
    struct verify_log_entry entry = {.kind = VERIFY_LOG_IDENTITY, .number = 1, .time_ms = 10};

    memcpy(entry.user_id, user, 16);
    verify_public_key(seed, entry.identity_key);
    verify_identity_sign(seed, user, entry.signature);
    make_link(&entry, zero, &links[0]);

    entry.kind = VERIFY_LOG_DEVICE_ADDED;
    entry.number = 2;
    memcpy(entry.device_key, device_key, 32);
    verify_cert_make(seed, user, device, device_key, 11, entry.certificate);
    make_link(&entry, links[0].hash, &links[1]);

    entry.kind = VERIFY_LOG_DEVICE_REMOVED;
    entry.number = 3;
    make_removal(&entry.removal, device);
    make_link(&entry, links[1].hash, &links[2]);
}

static int
apply(struct verify_log *log, const struct link *link, struct verify_log_entry *entry)
{
    return verify_log_apply(log, link->data, link->size, link->hash, entry);
}

static void
a_key_log_is_walked_from_identity_to_removal(void **state)
{
    struct link links[3];
    struct verify_log log;
    struct verify_log_entry entry;
    uint8_t key[32];

    (void)state;
    make_log(links);
    verify_public_key(seed, key);
    verify_log_init(&log, user);

    assert_ok(apply(&log, &links[0], &entry));
    assert_memory_equal(log.identity_key, key, 32);
    assert_ok(apply(&log, &links[1], &entry));
    assert_memory_equal(entry.device_key, device_key, 32);
    assert_memory_equal(verify_log_device(&log, device)->device_key, device_key, 32);
    assert_ok(apply(&log, &links[2], &entry));
    assert_null(verify_log_device(&log, device));
    assert_memory_equal(entry.removal.by_device, other_user, 16);
    assert_int_equal(entry.removal.removed_at, 1700000000123);
    assert_int_equal(log.number, 3);
    assert_memory_equal(log.head, links[2].hash, 32);
}

static void
a_key_log_with_a_gap_a_repeat_or_a_wrong_hash_is_refused(void **state)
{
    struct link links[3];
    struct verify_log log, before;

    (void)state;
    make_log(links);
    verify_log_init(&log, user);
    assert_fails(apply(&log, &links[1], NULL), VERIFY_ECHAIN);
    assert_ok(apply(&log, &links[0], NULL));
    before = log;

    assert_fails(apply(&log, &links[0], NULL), VERIFY_ECHAIN);
    assert_fails(apply(&log, &links[2], NULL), VERIFY_ECHAIN);
    links[1].hash[5] ^= 1;
    assert_fails(apply(&log, &links[1], NULL), VERIFY_ECHAIN);
    assert_memory_equal(&log, &before, sizeof(log));
}

static void
a_key_log_entry_with_any_byte_flipped_is_refused(void **state)
{
    struct link links[3];
    struct verify_log log;

    (void)state;
    make_log(links);
    verify_log_init(&log, user);
    for (size_t i = 0; i < links[0].size; i++) {
        links[0].data[i] ^= 1;
        assert_int_not_equal(apply(&log, &links[0], NULL), VERIFY_OK);
        links[0].data[i] ^= 1;
    }
    assert_ok(apply(&log, &links[0], NULL));
}

static void
a_device_certified_by_another_identity_is_refused(void **state)
{
    struct link links[3];
    struct verify_log log;
    struct verify_log_entry entry;

    (void)state;
    make_log(links);
    verify_log_init(&log, user);
    assert_ok(apply(&log, &links[0], NULL));

    assert_ok(verify_log_decode(links[1].data, links[1].size, &entry));
    verify_cert_make(other_seed, user, device, device_key, 11, entry.certificate);
    make_link(&entry, links[0].hash, &links[1]);
    assert_fails(apply(&log, &links[1], NULL), VERIFY_EMISMATCH);

    verify_cert_make(seed, user, device, other_seed, 11, entry.certificate);
    make_link(&entry, links[0].hash, &links[1]);
    assert_fails(apply(&log, &links[1], NULL), VERIFY_ESIGNATURE);
}

static void
a_removal_holds_for_its_device_only_and_needs_the_identity_key(void **state)
{
    struct verify_removal removal, changed;
    uint8_t key[32], other_key[32];

    (void)state;
    verify_public_key(seed, key);
    verify_public_key(other_seed, other_key);
    make_removal(&removal, device);

    assert_ok(verify_removal_check(&removal, key));
    assert_fails(verify_removal_check(&removal, other_key), VERIFY_ESIGNATURE);
    for (size_t i = 0; i < sizeof(removal); i++) {
        changed = removal;
        ((uint8_t *)&changed)[i] ^= 1;
        assert_fails(verify_removal_check(&changed, key), VERIFY_ESIGNATURE);
    }
}

static void
a_log_removes_only_devices_that_it_has_and_adds_none_twice(void **state)
{
    struct link links[3];
    struct verify_log log;
    struct verify_log_entry entry;

    (void)state;
    make_log(links);
    verify_log_init(&log, user);
    assert_ok(apply(&log, &links[0], NULL));
    assert_ok(apply(&log, &links[1], NULL));

    assert_ok(verify_log_decode(links[1].data, links[1].size, &entry));
    entry.number = 3;
    make_link(&entry, links[1].hash, &links[2]);
    assert_fails(apply(&log, &links[2], NULL), VERIFY_ECHAIN);

    entry.kind = VERIFY_LOG_DEVICE_REMOVED;
    make_removal(&entry.removal, other_user);
    make_link(&entry, links[1].hash, &links[2]);
    assert_fails(apply(&log, &links[2], NULL), VERIFY_ECHAIN);

    make_removal(&entry.removal, device);
    entry.removal.signature[0] ^= 1;
    make_link(&entry, links[1].hash, &links[2]);
    assert_fails(apply(&log, &links[2], NULL), VERIFY_ESIGNATURE);
    assert_int_equal(log.device_count, 1);
}

static void
a_deletion_holds_for_its_account_only_and_needs_the_identity_key(void **state)
{
    struct verify_deletion deletion, changed;
    uint8_t key[32], other_key[32];

    (void)state;
    verify_public_key(seed, key);
    verify_public_key(other_seed, other_key);
    make_deletion(&deletion);

    assert_ok(verify_deletion_check(&deletion, key));
    assert_fails(verify_deletion_check(&deletion, other_key), VERIFY_ESIGNATURE);
    for (size_t i = 0; i < sizeof(deletion); i++) {
        changed = deletion;
        ((uint8_t *)&changed)[i] ^= 1;
        assert_fails(verify_deletion_check(&changed, key), VERIFY_ESIGNATURE);
    }
}

static void
a_deletion_takes_all_devices_and_nothing_follows_it(void **state)
{
    struct link links[3], last, beyond;
    struct verify_log log;
    struct verify_log_entry entry;

    (void)state;
    make_log(links);
    verify_log_init(&log, user);
    assert_ok(apply(&log, &links[0], NULL));
    assert_ok(apply(&log, &links[1], NULL));

    entry = (struct verify_log_entry){.kind = VERIFY_LOG_ACCOUNT_DELETED, .number = 3};
    memcpy(entry.user_id, user, 16);
    make_deletion(&entry.deletion);
    entry.deletion.signature[0] ^= 1;
    make_link(&entry, log.head, &last);
    assert_fails(apply(&log, &last, NULL), VERIFY_ESIGNATURE);
    assert_false(log.is_deleted);
    entry.deletion.signature[0] ^= 1;
    make_link(&entry, log.head, &last);
    assert_ok(apply(&log, &last, &entry));
    assert_true(log.is_deleted);
    assert_int_equal(log.device_count, 0);
    assert_memory_equal(entry.deletion.user_id, user, 16);
    assert_memory_equal(entry.deletion.by_device, device, 16);
    assert_int_equal(entry.deletion.deleted_at, 1700000000456);

    assert_ok(verify_log_decode(links[1].data, links[1].size, &entry));
    entry.number = 4;
    make_link(&entry, log.head, &beyond);
    assert_fails(apply(&log, &beyond, NULL), VERIFY_ECHAIN);
}

/* With the neutral point as key and R, and S = 0, the equation holds for every text. */
static void
a_key_of_small_order_signs_nothing(void **state)
{
    static const uint8_t key[VERIFY_KEY_BYTES] = {1};
    static const uint8_t signature[VERIFY_SIGNATURE_BYTES] = {1};
    struct verify_removal removal = {.removed_at = 1};
    struct verify_cert cert = {.created_at = 1};

    (void)state;
    memcpy(removal.signature, signature, sizeof(signature));
    memcpy(cert.signature, signature, sizeof(signature));
    memcpy(cert.identity_key, key, sizeof(key));
    assert_fails(verify_identity_check(user, key, signature), VERIFY_ESIGNATURE);
    assert_fails(verify_removal_check(&removal, key), VERIFY_ESIGNATURE);
    assert_fails(verify_cert_check(&cert, device_key), VERIFY_ESIGNATURE);
}

/* ---- views --------------------------------------------------------------------------------------- */

static void
the_fingerprint_is_the_sha256_of_the_key(void **state)
{
    static const uint8_t zero[32];
    char hex[VERIFY_FINGERPRINT_CHARS + 1];

    (void)state;
    verify_fingerprint(zero, hex);
    assert_string_equal(hex, "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
}

/* The known pair of the numeric fingerprint's public tests. */
static void
the_safety_number_is_the_one_signal_shows(void **state)
{
    static const char expected[] = "300354477692869396892869876765458257569162576843440918079131";
    static const char alice_id[] = "+14152222222", bob_id[] = "+14153333333";
    uint8_t alice_key[32], bob_key[32];
    char number[VERIFY_NUMBER_DIGITS + 1];
    struct verify_party alice = {(const uint8_t *)alice_id, 12, alice_key};
    struct verify_party bob = {(const uint8_t *)bob_id, 12, bob_key};

    (void)state;
    sodium_hex2bin(alice_key, 32,
                   "06863bc66d02b40d27b8d49ca7c09e9239236f9d7d25d6fcca5ce13c7064d868", 64, NULL,
                   NULL, NULL);
    sodium_hex2bin(bob_key, 32, "f781b6fb32fed9ba1cf2de978d4d5da28dc34046ae814402b5c0dbd96fda907b",
                   64, NULL, NULL, NULL);

    verify_safety_number(&alice, &bob, number);
    assert_string_equal(number, expected);
    verify_safety_number(&bob, &alice, number);
    assert_string_equal(number, expected);
}

/* The expected digits were computed by other code, from the formula in verify.h. */
static void
the_number_of_a_group_is_of_its_authenticator_alone(void **state)
{
    uint8_t authenticator[VERIFY_HASH_BYTES];
    char number[VERIFY_NUMBER_DIGITS + 1], other[VERIFY_NUMBER_DIGITS + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(authenticator); i++)
        authenticator[i] = (uint8_t)i;
    verify_group_number(authenticator, number);
    assert_string_equal(number, "056060966645951256374544171765262355098695685992328992279205");

    authenticator[VERIFY_HASH_BYTES - 1] ^= 1;
    verify_group_number(authenticator, other);
    for (int i = 0; i < VERIFY_NUMBER_DIGITS; i += 5)
        assert_memory_not_equal(number + i, other + i, 5);
}

static void
the_emoji_table_has_64_distinct_rows(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VERIFY_EMOJI_TABLE; i++)
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(verify_emoji_row(i)->symbol, verify_emoji_row(j)->symbol);
            assert_string_not_equal(verify_emoji_row(i)->name, verify_emoji_row(j)->name);
        }
    assert_null(verify_emoji_row(VERIFY_EMOJI_TABLE));
}

/* SHA-256 of 32 zero bytes begins 66 68 7a ad f8 62: six bits each are 25 38 33 58, 43 31 33 34. */
static void
the_emoji_are_the_first_96_bits_of_the_fingerprint(void **state)
{
    static const uint8_t zero[32];
    static const unsigned expected[8] = {25, 38, 33, 58, 43, 31, 33, 34};
    const struct verify_emoji *rows[VERIFY_EMOJI_COUNT];

    (void)state;
    verify_emoji(zero, rows);
    for (unsigned i = 0; i < 8; i++)
        assert_ptr_equal(rows[i], verify_emoji_row(expected[i]));
    for (unsigned i = 0; i < VERIFY_EMOJI_COUNT; i++)
        assert_non_null(rows[i]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_identity_signature_holds_for_its_user_and_key_only),
    cmocka_unit_test(a_certificate_survives_its_encoding),
    cmocka_unit_test(a_certificate_with_any_byte_flipped_is_refused),
    cmocka_unit_test(a_certificate_does_not_vouch_for_another_key),
    cmocka_unit_test(a_key_log_is_walked_from_identity_to_removal),
    cmocka_unit_test(a_key_log_with_a_gap_a_repeat_or_a_wrong_hash_is_refused),
    cmocka_unit_test(a_key_log_entry_with_any_byte_flipped_is_refused),
    cmocka_unit_test(a_device_certified_by_another_identity_is_refused),
    cmocka_unit_test(a_removal_holds_for_its_device_only_and_needs_the_identity_key),
    cmocka_unit_test(a_log_removes_only_devices_that_it_has_and_adds_none_twice),
    cmocka_unit_test(a_deletion_holds_for_its_account_only_and_needs_the_identity_key),
    cmocka_unit_test(a_deletion_takes_all_devices_and_nothing_follows_it),
    cmocka_unit_test(a_key_of_small_order_signs_nothing),
    cmocka_unit_test(the_fingerprint_is_the_sha256_of_the_key),
    cmocka_unit_test(the_safety_number_is_the_one_signal_shows),
    cmocka_unit_test(the_number_of_a_group_is_of_its_authenticator_alone),
    cmocka_unit_test(the_emoji_table_has_64_distinct_rows),
    cmocka_unit_test(the_emoji_are_the_first_96_bits_of_the_fingerprint),
};

SOTTO_TEST_MAIN(tests)
