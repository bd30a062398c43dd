/* SPDX-License-Identifier: MIT */
/* The memory of one request: alignment, the cap, growth, and that nothing stays behind. */
#include "sotto_test.h"

#include "core/arena.h"

static void
pieces_are_aligned_and_do_not_overlap(void **state)
{
    uint8_t first[256];
    struct arena arena;
    uint8_t *pieces[100];

    (void)state;
    arena_init(&arena, first, sizeof(first), 100000);
    for (size_t i = 0; i < 100; i++) {
        pieces[i] = arena_alloc(&arena, i + 1);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % ARENA_ALIGN, 0);
        memset(pieces[i], (int)i, i + 1);
    }
    for (size_t i = 0; i < 100; i++)
        for (size_t j = 0; j <= i; j++)
            assert_int_equal(pieces[i][j], i);
    arena_fini(&arena);
}

static void
the_cap_holds_and_is_told_apart_from_want_of_memory(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0, 1000);

    assert_non_null(arena_alloc(&arena, 900));
    assert_false(arena.overrun);
    assert_null(arena_alloc(&arena, 200));
    assert_true(arena.overrun);
    assert_non_null(arena_alloc(&arena, 16));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    arena_fini(&arena);
}

static void
a_block_is_never_larger_than_what_the_cap_leaves(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0, 64 * 1024 * 1024);
    assert_non_null(arena_alloc(&arena, 1));

    assert_true(arena.end - arena.at <= ARENA_BLOCK_BYTES);
    arena_fini(&arena);
}

static void
the_callers_block_is_wiped_at_the_end(void **state)
{
    uint8_t first[256];
    struct arena arena;
    char *secret;

    (void)state;
    memset(first, 0, sizeof(first));
    arena_init(&arena, first, sizeof(first), 1000);
    secret = arena_alloc(&arena, 32);
    memset(secret, 'S', 32);

    arena_fini(&arena);

    for (size_t i = 0; i < sizeof(first); i++)
        assert_int_equal(first[i], 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
    cmocka_unit_test(the_cap_holds_and_is_told_apart_from_want_of_memory),
    cmocka_unit_test(a_block_is_never_larger_than_what_the_cap_leaves),
    cmocka_unit_test(the_callers_block_is_wiped_at_the_end),
};

SOTTO_TEST_MAIN(tests)
