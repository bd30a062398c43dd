/* SPDX-License-Identifier: MIT */
/*
 * The profile's folder, lock, transactions and values; and what a person may type.
 */
#include "client_kit.h"
#include "sotto_test.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void
a_new_profile_is_for_its_owner_alone(void **state)
{
    struct kit *kit = *state;
    struct profile profile;
    struct sotto_client_error error;
    struct stat info;

    assert_ok(profile_init(&profile, kit->profile, NULL, &error));

    assert_ok(stat(kit->profile, &info));
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_ok(fstatat(profile.dir_fd, "profile.db", &info, 0));
    assert_int_equal(info.st_mode & 0777, 0600);
    profile_fini(&profile);
}

static void
a_folder_that_others_may_enter_is_refused(void **state)
{
    struct kit *kit = *state;
    struct profile profile;
    struct sotto_client_error error;
    assert_ok(mkdir(kit->profile, 0700));
    assert_ok(chmod(kit->profile, 0755));

    assert_fails(profile_init(&profile, kit->profile, NULL, &error), SOTTO_CLIENT_EFAILED);
    assert_non_null(strstr(error.message, "chmod 700"));
}

static void
a_folder_of_somebody_else_is_refused(void **state)
{
    const uid_t somebody = 12345;
    struct kit *kit = *state;
    struct profile profile;
    struct sotto_client_error error;
    if (geteuid() != 0)
        skip(); /* only root can give a folder away */
    assert_ok(mkdir(kit->profile, 0700));
    assert_ok(chown(kit->profile, somebody, (gid_t)-1));

    assert_fails(profile_init(&profile, kit->profile, NULL, &error), SOTTO_CLIENT_EFAILED);
    assert_non_null(strstr(error.message, "another user"));
}

static void
a_value_survives_closing_and_is_not_readable_in_the_file(void **state)
{
    struct kit *kit = *state;
    struct profile profile;
    struct sotto_client_error error;
    struct buf value = {0};
    char path[TEST_PATH_BYTES + 16];
    char file[200000];
    assert_ok(profile_init(&profile, kit->profile, NULL, &error));
    assert_ok(meta_set(&profile, "answer", "CANARY-IN-THE-PROFILE", 21, &error));
    profile_fini(&profile);

    assert_ok(profile_init(&profile, kit->profile, NULL, &error));
    assert_ok(meta_get(&profile, "answer", &value, &error));

    assert_int_equal(value.len, 21);
    assert_memory_equal(value.data, "CANARY-IN-THE-PROFILE", 21);
    buf_fini(&value);
    profile_fini(&profile);
    snprintf(path, sizeof(path), "%s/profile.db", kit->profile);
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, file, sizeof(file));
    close(fd);
    assert_true(len > 4096);
    assert_null(memmem(file, (size_t)len, "CANARY", 6));
}

static void
a_missing_value_is_empty(void **state)
{
    struct kit *kit = *state;
    struct profile profile;
    struct sotto_client_error error;
    struct buf value = {0};
    assert_ok(profile_init(&profile, kit->profile, NULL, &error));

    assert_ok(meta_get(&profile, "nothing", &value, &error));

    assert_int_equal(value.len, 0);
    profile_fini(&profile);
}

static void
a_value_changed_on_the_disk_is_an_error(void **state)
{
    struct kit *kit = *state;
    struct profile profile;
    struct sotto_client_error error;
    struct buf value = {0};
    assert_ok(profile_init(&profile, kit->profile, NULL, &error));
    assert_ok(meta_set(&profile, "answer", "42", 2, &error));
    assert_ok(meta_set(&profile, "other", "43", 2, &error));

    /* Swapped behind our back: each is genuine, neither is in its place. */
    assert_ok(query_run(&profile, &error,
                        "UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'other')"
                        " WHERE name = 'answer'",
                        NULL, 0));

    assert_fails(meta_get(&profile, "answer", &value, &error), SOTTO_CLIENT_EFAILED);
    profile_fini(&profile);
}

static void
what_is_rolled_back_never_was(void **state)
{
    struct kit *kit = *state;
    struct profile profile;
    struct sotto_client_error error;
    uint64_t number = 0;
    assert_ok(profile_init(&profile, kit->profile, NULL, &error));
    assert_ok(profile_begin(&profile, &error));
    assert_ok(meta_next(&profile, "counter", &number, &error));
    assert_ok(profile_commit(&profile, &error));

    assert_ok(profile_begin(&profile, &error));
    assert_ok(meta_next(&profile, "counter", &number, &error));
    assert_int_equal(number, 2);
    profile_rollback(&profile);

    assert_ok(profile_begin(&profile, &error));
    assert_ok(meta_next(&profile, "counter", &number, &error));
    assert_ok(profile_commit(&profile, &error));
    assert_int_equal(number, 2);
    profile_fini(&profile);
}

static void
the_lock_is_held_for_one_operation_and_may_be_nested(void **state)
{
    struct kit *kit = *state;
    struct profile profile;
    struct sotto_client_error error;
    assert_ok(profile_init(&profile, kit->profile, NULL, &error));
    int other = openat(profile.dir_fd, "lock", O_RDWR);

    assert_ok(profile_lock(&profile, &error));
    assert_ok(profile_begin(&profile, &error));
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    assert_ok(profile_commit(&profile, &error));
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    profile_unlock(&profile);

    assert_ok(flock(other, LOCK_EX | LOCK_NB));
    close(other);
    profile_fini(&profile);
}

static void
a_profile_of_a_newer_version_is_refused(void **state)
{
    struct kit *kit = *state;
    struct profile profile;
    struct sotto_client_error error;
    assert_ok(profile_init(&profile, kit->profile, NULL, &error));
    assert_ok(sqlite3_exec(profile.db, "PRAGMA user_version = 999", NULL, NULL, NULL));
    profile_fini(&profile);

    assert_fails(profile_init(&profile, kit->profile, NULL, &error), SOTTO_CLIENT_EFAILED);
    assert_non_null(strstr(error.message, "newer version"));
}

static void
the_account_is_read_back_as_it_was_written(void **state)
{
    struct sotto_client *client = kit_client(*state);
    struct account before = client->account;
    sotto_client_close(&client);
    struct sotto_client_error error;
    struct kit *kit = *state;

    assert_ok(sotto_client_open(&(struct sotto_client_options){.profile = kit->profile}, &client,
                                &error));

    assert_string_equal(client->account.name, "ann");
    assert_memory_equal(client->account.user_id, before.user_id, ID_BYTES);
    assert_memory_equal(client->account.identity_key, before.identity_key, KEY_BYTES);
    assert_memory_equal(client->account.certificate, before.certificate, VERIFY_CERT_BYTES);
    assert_true(client->account.has_identity);
    sotto_client_close(&client);
}

static void
a_server_that_never_answered_is_not_remembered(void **state)
{
    struct kit *kit = *state;
    struct sotto_client *client = NULL;
    struct sotto_client_error error;
    struct sotto_client_options options = {.profile = kit->profile, .server = "tcp://[::1]:7777"};
    assert_ok(sotto_client_open(&options, &client, &error));
    assert_string_equal(client->server, "tcp://[::1]:7777");
    sotto_client_close(&client);

    options.server = NULL;
    assert_ok(sotto_client_open(&options, &client, &error));

    assert_string_not_equal(client->server, "tcp://[::1]:7777");
    sotto_client_close(&client);
}

static void
names_follow_the_rule(void **state)
{
    (void)state;
    struct sotto_client_error error;
    const char *good[] = {"bob", "B_b", "a-1", "Zz9", "abcdefghijabcdefghijabcdefghij12"};
    const char *bad[] = {"",    "ab",  "_bob", "bob-",
                         "b b", "böb", "b/b",  "abcdefghijabcdefghijabcdefghij123"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_ok(check_name(good[i], &error));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(check_name(bad[i], &error), SOTTO_CLIENT_EUSAGE);
}

static void
passwords_need_eight_characters_a_letter_and_a_digit(void **state)
{
    (void)state;
    struct sotto_client_error error;
    assert_ok(check_password("abcdefg1", &error));
    assert_ok(check_password("пароль12", &error));
    assert_fails(check_password("abcdef1", &error), SOTTO_CLIENT_EUSAGE);
    assert_fails(check_password("abcdefgh", &error), SOTTO_CLIENT_EUSAGE);
    assert_fails(check_password("12345678", &error), SOTTO_CLIENT_EUSAGE);
    assert_fails(check_password("\xff"
                                "bcdefg1234",
                                &error),
                 SOTTO_CLIENT_EUSAGE);
    char longest[74] = "1";
    memset(longest + 1, 'a', 71);
    assert_ok(check_password(longest, &error));
    longest[72] = 'a';
    assert_fails(check_password(longest, &error), SOTTO_CLIENT_EUSAGE);
}

static void
texts_are_counted_in_characters(void **state)
{
    (void)state;
    struct sotto_client_error error;
    assert_ok(check_text("title", "äöü", 3, &error));
    assert_fails(check_text("title", "äöü", 2, &error), SOTTO_CLIENT_EUSAGE);
    assert_fails(check_text("title", "", 2, &error), SOTTO_CLIENT_EUSAGE);
    assert_fails(check_text("title", "\xc0\x80", 9, &error), SOTTO_CLIENT_EUSAGE);
    assert_fails(check_text("title", "\xed\xa0\x80", 9, &error), SOTTO_CLIENT_EUSAGE);
    assert_fails(check_text("title", "\xe2\x82", 9, &error), SOTTO_CLIENT_EUSAGE);
}

#define WITH_KIT(test) cmocka_unit_test_setup_teardown(test, kit_setup, kit_teardown)

static const struct CMUnitTest tests[] = {
    WITH_KIT(a_new_profile_is_for_its_owner_alone),
    WITH_KIT(a_folder_that_others_may_enter_is_refused),
    WITH_KIT(a_folder_of_somebody_else_is_refused),
    WITH_KIT(a_value_survives_closing_and_is_not_readable_in_the_file),
    WITH_KIT(a_missing_value_is_empty),
    WITH_KIT(a_value_changed_on_the_disk_is_an_error),
    WITH_KIT(what_is_rolled_back_never_was),
    WITH_KIT(the_lock_is_held_for_one_operation_and_may_be_nested),
    WITH_KIT(a_profile_of_a_newer_version_is_refused),
    WITH_KIT(the_account_is_read_back_as_it_was_written),
    WITH_KIT(a_server_that_never_answered_is_not_remembered),
    cmocka_unit_test(names_follow_the_rule),
    cmocka_unit_test(passwords_need_eight_characters_a_letter_and_a_digit),
    cmocka_unit_test(texts_are_counted_in_characters),
};

SOTTO_TEST_MAIN(tests)
