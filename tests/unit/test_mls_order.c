/* SPDX-License-Identifier: MIT */
/* Sorting and searching in place: every count up to a hundred, many patterns, elements of an odd size, equal ones. */
#include "sotto_test.h"

#include "order.h"

#define COUNT_MAX 100
#define PATTERNS 6

/* Not of a size that any register has. */
struct element {
    uint8_t key, bytes[6];
};

static int
compare(const void *a, const void *b)
{
    return ((const struct element *)a)->key - ((const struct element *)b)->key;
}

static uint8_t
key_of(int pattern, size_t at, size_t count)
{
    switch (pattern) {
    case 0: return (uint8_t)(2 * at);                                  /* in order */
    case 1: return (uint8_t)(2 * (count - at));                        /* backwards */
    case 2: return 8;                                                  /* all alike */
    case 3: return (uint8_t)(2 * (at % 3));                            /* a few */
    case 4: return (uint8_t)(2 * (at * 37 % 97));                      /* mixed */
    default: return (uint8_t)(2 * (at < count / 2 ? at : count - at)); /* up and down */
    }
}

static void
fill(struct element *items, int pattern, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        items[i].key = key_of(pattern, i, count);
        memset(items[i].bytes, items[i].key + 1, sizeof(items[i].bytes));
    }
}

/* In order, each element whole, and as many of each key as before. */
static void
check_sorted(const struct element *items, int pattern, size_t count)
{
    size_t seen[256] = {0};

    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || items[i - 1].key <= items[i].key);
        for (size_t k = 0; k < sizeof(items[i].bytes); k++)
            assert_int_equal(items[i].bytes[k], (uint8_t)(items[i].key + 1));
        seen[items[i].key]++;
        seen[key_of(pattern, i, count)]--;
    }
    for (size_t key = 0; key < 256; key++)
        assert_int_equal(seen[key], 0);
}

/* Keys are even: what is odd is not there. */
static void
check_found(const struct element *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct element *found =
            mls_order_find(&items[i], items, count, sizeof(*items), compare);
        const struct element absent = {.key = items[i].key + 1};

        assert_non_null(found);
        assert_int_equal(found->key, items[i].key);
        assert_null(mls_order_find(&absent, items, count, sizeof(*items), compare));
    }
}

static void
whatever_stands_there_is_sorted_and_found(void **state)
{
    struct element items[COUNT_MAX];

    (void)state;
    for (int pattern = 0; pattern < PATTERNS; pattern++) {
        for (size_t count = 0; count <= COUNT_MAX; count++) {
            fill(items, pattern, count);
            mls_order_sort(items, count, sizeof(*items), compare);
            check_sorted(items, pattern, count);
            check_found(items, count);
        }
    }
}

static void
in_nothing_is_nothing(void **state)
{
    const struct element wanted = {.key = 0};

    (void)state;
    mls_order_sort(NULL, 0, sizeof(wanted), compare);
    assert_null(mls_order_find(&wanted, NULL, 0, sizeof(wanted), compare));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(whatever_stands_there_is_sorted_and_found),
    cmocka_unit_test(in_nothing_is_nothing),
};

SOTTO_TEST_MAIN(tests)
