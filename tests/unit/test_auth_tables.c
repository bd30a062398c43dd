/* SPDX-License-Identifier: MIT */
/* The two tables of auth in memory: logins between KE2 and KE3, and logins that have ended. */
#include "sotto_test.h"

#include "auth.h"

#include <sodium.h>

#define MANY 5000

static int
setup(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

/* ---- pending logins -------------------------------------------------------------------------- */

static void
a_pending_login_is_taken_once(void **state)
{
    struct auth_pending *pending;
    struct auth_login_start start = {.known = true}, found;
    uint8_t id[SOTTO_ID_BYTES];

    (void)state;
    memset(start.user, 7, sizeof(start.user));
    assert_ok(auth_pending_create(2, &pending));
    auth_pending_add(pending, 0, &start, id);

    assert_ok(auth_pending_take(pending, 1, id, &found));
    assert_memory_equal(&found, &start, sizeof(start));
    assert_fails(auth_pending_take(pending, 1, id, &found), SOTTO_ENOTFOUND);
    assert_int_equal(auth_pending_count(pending, 1), 0);
    auth_pending_destroy(&pending);
}

static void
an_id_with_any_bit_changed_finds_nothing(void **state)
{
    struct auth_pending *pending;
    struct auth_login_start start = {.known = true}, found;
    uint8_t id[SOTTO_ID_BYTES], other[SOTTO_ID_BYTES];

    (void)state;
    assert_ok(auth_pending_create(4, &pending));
    for (int i = 0; i < 4; i++)
        auth_pending_add(pending, 0, &start, id);
    for (size_t bit = 0; bit < 8 * sizeof(id); bit++) {
        memcpy(other, id, sizeof(id));
        other[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_fails(auth_pending_take(pending, 1, other, &found), SOTTO_ENOTFOUND);
    }
    assert_ok(auth_pending_take(pending, 1, id, &found));
    auth_pending_destroy(&pending);
}

/* First those that have expired, then the oldest: who fills the table keeps nobody out. */
static void
expired_entries_make_room_and_so_does_the_oldest(void **state)
{
    const int64_t late = AUTH_PENDING_LIFETIME_MS + 5;
    struct auth_pending *pending;
    struct auth_login_start start = {.known = true}, found;
    uint8_t ids[5][SOTTO_ID_BYTES];

    (void)state;
    assert_ok(auth_pending_create(3, &pending));
    for (int i = 0; i < 3; i++)
        auth_pending_add(pending, 10 * i, &start, ids[i]);
    auth_pending_add(pending, late, &start, ids[3]);
    assert_fails(auth_pending_take(pending, late, ids[0], &found), SOTTO_ENOTFOUND);
    auth_pending_add(pending, late, &start, ids[4]); /* full, and none has expired */
    assert_int_equal(auth_pending_count(pending, late), 3);
    assert_fails(auth_pending_take(pending, late, ids[1], &found), SOTTO_ENOTFOUND);
    for (int i = 2; i < 5; i++)
        assert_ok(auth_pending_take(pending, late, ids[i], &found));
    assert_int_equal(auth_pending_count(pending, late), 0);
    auth_pending_destroy(&pending);
}

static void
many_pending_logins_come_and_go_in_any_order(void **state)
{
    static uint8_t ids[MANY][SOTTO_ID_BYTES];
    struct auth_pending *pending;
    struct auth_login_start start = {.known = true}, found;

    (void)state;
    assert_ok(auth_pending_create(MANY, &pending));
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANY; i++) {
            memcpy(start.user, &i, sizeof(i));
            auth_pending_add(pending, (int64_t)i, &start, ids[i]);
        }
        for (size_t i = 0; i < MANY; i++) {
            const size_t at = (i * 1237) % MANY; /* 1237 and 5000 have no common factor */

            assert_ok(auth_pending_take(pending, MANY, ids[at], &found));
            assert_memory_equal(found.user, &at, sizeof(at));
        }
        assert_int_equal(auth_pending_count(pending, MANY), 0);
    }
    auth_pending_destroy(&pending);
}

/* ---- ended logins ---------------------------------------------------------------------------- */

static void
many_ended_logins_are_kept_and_forgotten_in_time(void **state)
{
    static uint8_t ids[MANY][SOTTO_ID_BYTES];
    struct auth_ended_set *set;
    uint8_t unknown[SOTTO_ID_BYTES] = {0};

    (void)state;
    randombytes_buf(ids, sizeof(ids));
    assert_ok(auth_ended_set_create(&set));
    assert_false(auth_ended_set_has(set, unknown));
    for (size_t i = 0; i < MANY; i++) {
        assert_ok(auth_ended_set_add(set, ids[i], (int64_t)i + 1));
        assert_ok(auth_ended_set_add(set, ids[i], 1)); /* an earlier end does not shorten */
    }
    assert_int_equal(auth_ended_set_count(set), MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_true(auth_ended_set_has(set, ids[i]));

    auth_ended_set_expire(set, MANY - 10);
    assert_int_equal(auth_ended_set_count(set), 10);
    assert_false(auth_ended_set_has(set, ids[MANY - 11]));
    assert_true(auth_ended_set_has(set, ids[MANY - 10]));
    auth_ended_set_expire(set, MANY);
    assert_int_equal(auth_ended_set_count(set), 0);
    auth_ended_set_destroy(&set);
}

static void
ids_that_collide_are_told_apart(void **state)
{
    struct auth_ended_set *set;
    uint8_t id[SOTTO_ID_BYTES] = {0};

    (void)state;
    assert_ok(auth_ended_set_create(&set));
    for (uint8_t i = 0; i < 100; i++) {
        id[SOTTO_ID_BYTES - 1] = i; /* the hash is made of the first bytes */
        assert_false(auth_ended_set_has(set, id));
        assert_ok(auth_ended_set_add(set, id, 10));
        assert_true(auth_ended_set_has(set, id));
    }
    assert_int_equal(auth_ended_set_count(set), 100);
    auth_ended_set_destroy(&set);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(a_pending_login_is_taken_once, setup),
    cmocka_unit_test_setup(an_id_with_any_bit_changed_finds_nothing, setup),
    cmocka_unit_test_setup(expired_entries_make_room_and_so_does_the_oldest, setup),
    cmocka_unit_test_setup(many_pending_logins_come_and_go_in_any_order, setup),
    cmocka_unit_test_setup(many_ended_logins_are_kept_and_forgotten_in_time, setup),
    cmocka_unit_test_setup(ids_that_collide_are_told_apart, setup),
};

SOTTO_TEST_MAIN(tests)
