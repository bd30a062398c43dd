/* SPDX-License-Identifier: MIT */
/* Joining descriptor sets: every file once, and malformed sets stop where they are malformed. */
#include "sotto_test.h"

#include "core/schema.h"

/* Two files "a" and "bc" with one more field each; then "a" again with other content. */
static const uint8_t first[] = {0x0a, 5, 0x0a, 1, 'a', 0x12, 0, 0x0a, 4, 0x0a, 2, 'b', 'c'};
static const uint8_t second[] = {0x0a, 3, 0x0a, 1, 'a', 0x0a, 3, 0x0a, 1, 'd'};

static struct sotto_view
view(const uint8_t *data, size_t size)
{
    return (struct sotto_view){.data = data, .size = size};
}

static void
a_file_that_two_modules_import_stands_once(void **state)
{
    struct buf out = {0};

    (void)state;
    schema_add(view(first, sizeof(first)), &out);
    assert_int_equal(out.size, sizeof(first));
    schema_add(view(second, sizeof(second)), &out);

    assert_int_equal(out.size, sizeof(first) + 5);
    assert_memory_equal(out.data, first, sizeof(first));
    assert_memory_equal(out.data + sizeof(first), second + 5, 5);
    buf_fini(&out);
}

static void
a_truncated_set_adds_only_whole_files(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof(first); size++) {
        struct buf out = {0};

        schema_add(view(first, size), &out);
        assert_int_equal(out.size, size >= 7 ? 7 : 0);
        buf_fini(&out);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_file_that_two_modules_import_stands_once),
    cmocka_unit_test(a_truncated_set_adds_only_whole_files),
};

SOTTO_TEST_MAIN(tests)
