/* SPDX-License-Identifier: MIT */
/* crypto/backup: what is sealed opens with each of its secrets, and with nothing else. */
#include "sotto_test.h"

#include "backup/backup.h"

static const uint8_t user[16] = {'u'};
static const uint8_t export_key[64] = {1, 2, 3};
static const uint8_t access_key[32] = {4, 5, 6};
static const struct backup_key both[2] = {
    {BACKUP_SLOT_PW, export_key, sizeof(export_key)},
    {BACKUP_SLOT_AK, access_key, sizeof(access_key)},
};
static const uint8_t body[] = "identity seed and contacts";

struct sealed {
    uint8_t data[512];
    size_t size;
    uint8_t dek[32];
};

static void
seal(struct sealed *sealed, size_t key_count)
{
    assert_ok(backup_seal(user, 5, both, key_count, body, sizeof(body), sealed->data,
                          sizeof(sealed->data), &sealed->size, sealed->dek));
    assert_int_equal(sealed->size, BACKUP_OVERHEAD(key_count) + sizeof(body));
}

static int
open_with(const struct sealed *sealed, const struct backup_key *key, uint8_t out[512])
{
    size_t size = 0;
    uint64_t counter = 0;
    int rc = backup_open(sealed->data, sealed->size, user, key, out, 512, &size, &counter, NULL);

    if (rc == BACKUP_OK) {
        assert_int_equal(size, sizeof(body));
        assert_int_equal(counter, 5);
    }
    return rc;
}

static void
each_secret_opens_the_container_alone(void **state)
{
    struct sealed sealed;
    uint8_t out[512];

    (void)state;
    seal(&sealed, 2);
    for (int i = 0; i < 2; i++) {
        memset(out, 0, sizeof(out));
        assert_ok(open_with(&sealed, &both[i], out));
        assert_memory_equal(out, body, sizeof(body));
    }
}

static void
a_wrong_secret_or_a_missing_slot_opens_nothing(void **state)
{
    const uint8_t wrong[64] = {9};
    const struct backup_key wrong_key = {BACKUP_SLOT_PW, wrong, 64};
    const struct backup_key short_key = {BACKUP_SLOT_PW, wrong, 63};
    struct sealed sealed;
    uint8_t out[512];

    (void)state;
    seal(&sealed, 1);
    assert_fails(open_with(&sealed, &wrong_key, out), BACKUP_EKEY);
    assert_fails(open_with(&sealed, &both[1], out), BACKUP_ESLOT);
    assert_fails(open_with(&sealed, &short_key, out), BACKUP_EARG);
}

static void
the_backup_of_another_user_is_refused(void **state)
{
    static const uint8_t stranger[16] = {'s'};
    struct sealed sealed;
    uint8_t out[512];
    size_t size;

    (void)state;
    seal(&sealed, 1);
    assert_fails(
        backup_open(sealed.data, sealed.size, stranger, &both[0], out, 512, &size, NULL, NULL),
        BACKUP_EUSER);
}

static void
a_flip_of_any_byte_is_noticed(void **state)
{
    struct sealed sealed;
    uint8_t out[512];

    (void)state;
    seal(&sealed, 2);
    for (size_t i = 0; i < sealed.size; i++)
        for (int key = 0; key < 2; key++) {
            sealed.data[i] ^= 0x10;
            assert_int_not_equal(open_with(&sealed, &both[key], out), BACKUP_OK);
            sealed.data[i] ^= 0x10;
        }
    assert_ok(open_with(&sealed, &both[0], out));
}

static void
every_other_length_is_refused(void **state)
{
    struct sealed sealed;
    struct backup_info info;

    (void)state;
    seal(&sealed, 2);
    for (size_t size = 0; size < sizeof(sealed.data); size++)
        if (size != sealed.size)
            assert_fails(backup_peek(sealed.data, size, &info), BACKUP_EDECODE);
}

static void
an_old_slot_table_does_not_fit_a_new_body(void **state)
{
    struct sealed old, new;
    uint8_t out[512];

    (void)state;
    seal(&old, 2);
    seal(&new, 2);
    memcpy(new.data + BACKUP_HEAD_BYTES, old.data + BACKUP_HEAD_BYTES, 2 * BACKUP_SLOT_BYTES);
    assert_fails(open_with(&new, &both[0], out), BACKUP_EKEY);
}

static void
a_device_with_the_data_key_seals_the_next_version(void **state)
{
    static const uint8_t next[] = "a longer body than the first one was";
    struct sealed sealed, later;
    uint8_t out[512];
    size_t size;
    uint64_t counter;

    (void)state;
    seal(&sealed, 2);
    assert_fails(backup_reseal(sealed.data, sealed.size, sealed.dek, 5, next, sizeof(next),
                               later.data, sizeof(later.data), &later.size),
                 BACKUP_EARG);
    assert_fails(backup_reseal(sealed.data, sealed.size, access_key, 6, next, sizeof(next),
                               later.data, sizeof(later.data), &later.size),
                 BACKUP_EKEY);
    assert_ok(backup_reseal(sealed.data, sealed.size, sealed.dek, 6, next, sizeof(next), later.data,
                            sizeof(later.data), &later.size));

    for (int i = 0; i < 2; i++) {
        assert_ok(
            backup_open(later.data, later.size, user, &both[i], out, 512, &size, &counter, NULL));
        assert_int_equal(counter, 6);
        assert_int_equal(size, sizeof(next));
        assert_memory_equal(out, next, size);
    }
}

static void
sizes_and_slots_out_of_range_are_refused(void **state)
{
    const struct backup_key twice[2] = {both[0], both[0]};
    static uint8_t big[BACKUP_CONTAINER_BYTES_MAX + 1], out[BACKUP_CONTAINER_BYTES_MAX];
    size_t size;

    (void)state;
    assert_fails(backup_seal(user, 1, both, 0, body, 1, out, sizeof(out), &size, NULL),
                 BACKUP_EARG);
    assert_fails(backup_seal(user, 1, twice, 2, body, 1, out, sizeof(out), &size, NULL),
                 BACKUP_EARG);
    assert_fails(backup_seal(user, 1, both, 2, big, BACKUP_BODY_BYTES_MAX + 1, out, sizeof(out),
                             &size, NULL),
                 BACKUP_EARG);
    assert_fails(backup_seal(user, 1, both, 2, body, 1, out, BACKUP_OVERHEAD(2), &size, NULL),
                 BACKUP_EARG);
    assert_ok(
        backup_seal(user, 1, both, 2, big, BACKUP_BODY_BYTES_MAX, out, sizeof(out), &size, NULL));
}

static void
an_empty_body_is_a_body(void **state)
{
    struct sealed sealed;
    uint8_t out[1];
    size_t size = 9;

    (void)state;
    assert_ok(backup_seal(user, 1, both, 1, body, 0, sealed.data, sizeof(sealed.data), &sealed.size,
                          NULL));
    assert_ok(backup_open(sealed.data, sealed.size, user, &both[0], out, 0, &size, NULL, NULL));
    assert_int_equal(size, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_secret_opens_the_container_alone),
    cmocka_unit_test(a_wrong_secret_or_a_missing_slot_opens_nothing),
    cmocka_unit_test(the_backup_of_another_user_is_refused),
    cmocka_unit_test(a_flip_of_any_byte_is_noticed),
    cmocka_unit_test(every_other_length_is_refused),
    cmocka_unit_test(an_old_slot_table_does_not_fit_a_new_body),
    cmocka_unit_test(a_device_with_the_data_key_seals_the_next_version),
    cmocka_unit_test(sizes_and_slots_out_of_range_are_refused),
    cmocka_unit_test(an_empty_body_is_a_body),
};

SOTTO_TEST_MAIN(tests)
