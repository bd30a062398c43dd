/* SPDX-License-Identifier: MIT */
/*
 * The key of a profile: its file, its passphrase, and what it refuses to open.
 */
#include "client_kit.h"
#include "sotto_test.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct vault_place place = {"chats.record", "row one", 7};

static int
open_dir(const struct kit *kit)
{
    mkdir(kit->profile, 0700);
    int fd = open(kit->profile, O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0);
    return fd;
}

static void
a_sealed_value_opens_at_its_place(void **state)
{
    (void)state;
    struct vault vault;
    struct buf sealed = {0};
    struct buf plain = {0};
    memset(vault.key, 7, sizeof(vault.key));

    vault_seal(&vault, place, "a secret", 8, &sealed);

    assert_true(vault_unseal(&vault, place, sealed.data, sealed.len, &plain));
    assert_int_equal(plain.len, 8);
    assert_memory_equal(plain.data, "a secret", 8);
    buf_fini(&sealed);
    buf_fini(&plain);
}

static void
a_value_moved_to_another_row_or_column_does_not_open(void **state)
{
    (void)state;
    struct vault vault;
    struct buf sealed = {0};
    struct buf plain = {0};
    memset(vault.key, 7, sizeof(vault.key));
    vault_seal(&vault, place, "a secret", 8, &sealed);

    const struct vault_place others[] = {
        {"chats.record", "row two", 7},
        {"chats.recor", "row one", 7},
        {"chats.mls", "row one", 7},
        {"chats.record", "row one", 6},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(vault_unseal(&vault, others[i], sealed.data, sealed.len, &plain));
    buf_fini(&sealed);
}

static void
a_value_with_any_byte_changed_or_missing_does_not_open(void **state)
{
    (void)state;
    struct vault vault;
    struct buf sealed = {0};
    struct buf plain = {0};
    memset(vault.key, 7, sizeof(vault.key));
    vault_seal(&vault, place, "a secret", 8, &sealed);

    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 1;
        assert_false(vault_unseal(&vault, place, sealed.data, sealed.len, &plain));
        sealed.data[i] ^= 1;
        assert_false(vault_unseal(&vault, place, sealed.data, i, &plain));
    }
    assert_true(vault_unseal(&vault, place, sealed.data, sealed.len, &plain));
    buf_fini(&plain);
    buf_fini(&sealed);
}

static void
the_key_file_is_made_once_and_is_for_its_owner_alone(void **state)
{
    int dir = open_dir(*state);
    struct vault first;
    struct vault second;
    struct sotto_client_error error;
    struct stat info;

    assert_ok(vault_open(&first, dir, NULL, &error));
    assert_ok(vault_open(&second, dir, NULL, &error));

    assert_memory_equal(first.key, second.key, VAULT_KEY_BYTES);
    assert_ok(fstatat(dir, "key", &info, 0));
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_size, 32);
    close(dir);
}

static void
a_key_file_that_others_may_read_is_refused(void **state)
{
    int dir = open_dir(*state);
    struct vault vault;
    struct sotto_client_error error;
    assert_ok(vault_open(&vault, dir, NULL, &error));

    assert_ok(fchmodat(dir, "key", 0640, 0));

    assert_fails(vault_open(&vault, dir, NULL, &error), SOTTO_CLIENT_EFAILED);
    assert_non_null(strstr(error.message, "chmod 600"));
    close(dir);
}

static void
a_key_file_of_another_size_is_refused(void **state)
{
    int dir = open_dir(*state);
    struct vault vault;
    struct sotto_client_error error;
    int fd = openat(dir, "key", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "short", 5), 5);
    close(fd);

    assert_fails(vault_open(&vault, dir, NULL, &error), SOTTO_CLIENT_EFAILED);
    close(dir);
}

static void
a_passphrase_opens_its_own_profile_only(void **state)
{
    int dir = open_dir(*state);
    struct vault made;
    struct vault again;
    struct sotto_client_error error;

    assert_ok(vault_open(&made, dir, "open sesame", &error));
    assert_ok(vault_open(&again, dir, "open sesame", &error));

    assert_memory_equal(made.key, again.key, VAULT_KEY_BYTES);
    assert_fails(vault_open(&again, dir, "open barley", &error), SOTTO_CLIENT_EFAILED);
    assert_fails(vault_open(&again, dir, NULL, &error), SOTTO_CLIENT_EFAILED);
    assert_non_null(strstr(error.message, "--passphrase-file"));
    close(dir);
}

static void
a_needless_passphrase_is_refused(void **state)
{
    int dir = open_dir(*state);
    struct vault vault;
    struct sotto_client_error error;
    assert_ok(vault_open(&vault, dir, NULL, &error));

    assert_fails(vault_open(&vault, dir, "open sesame", &error), SOTTO_CLIENT_EFAILED);
    close(dir);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_sealed_value_opens_at_its_place),
    cmocka_unit_test(a_value_moved_to_another_row_or_column_does_not_open),
    cmocka_unit_test(a_value_with_any_byte_changed_or_missing_does_not_open),
    cmocka_unit_test_setup_teardown(the_key_file_is_made_once_and_is_for_its_owner_alone, kit_setup,
                                    kit_teardown),
    cmocka_unit_test_setup_teardown(a_key_file_that_others_may_read_is_refused, kit_setup,
                                    kit_teardown),
    cmocka_unit_test_setup_teardown(a_key_file_of_another_size_is_refused, kit_setup, kit_teardown),
    cmocka_unit_test_setup_teardown(a_passphrase_opens_its_own_profile_only, kit_setup,
                                    kit_teardown),
    cmocka_unit_test_setup_teardown(a_needless_passphrase_is_refused, kit_setup, kit_teardown),
};

SOTTO_TEST_MAIN(tests)
