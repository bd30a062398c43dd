/* SPDX-License-Identifier: MIT */
/*
 * The program that the README of crypto/mls shows: it is the one in the examples folder, and it
 * works.
 */
#include "sotto_test.h"

#include <string.h>

/* main() of examples/two_members.c, renamed by the build. */
int two_members_main(void);

static char *
read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = test_calloc(1, 1 << 16);

    if (file == NULL)
        fail_msg("%s cannot be read", path);
    assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    return text;
}

static void
the_program_of_the_readme_is_the_example(void **state)
{
    (void)state;
    char *readme = read_file(MLS_FOLDER "/README.md");
    char *example = read_file(MLS_FOLDER "/examples/two_members.c");

    assert_non_null(strstr(readme, example));
    test_free(example);
    test_free(readme);
}

static void
the_example_lets_two_members_talk(void **state)
{
    (void)state;
    assert_int_equal(two_members_main(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_program_of_the_readme_is_the_example),
        cmocka_unit_test(the_example_lets_two_members_talk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
