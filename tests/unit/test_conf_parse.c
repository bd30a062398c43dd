/* SPDX-License-Identifier: MIT */
/* The conf language: what it reads, and that every mistake of every file is reported with its line. */
#include "test_folder.h"

#include "core/conf_parse.h"

#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct conf_tree tree;
    struct conf_errors errors;
    char dir[TEST_FOLDER_BYTES];
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    if (test_folder_make("conf", f->dir) != 0)
        return -1;
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    conf_tree_fini(&f->tree);
    conf_errors_fini(&f->errors);
    free(f);
    return 0;
}

static void
parse(struct fixture *f, const char *text)
{
    conf_tree_fini(&f->tree);
    conf_errors_fini(&f->errors);
    assert_ok(conf_parse_text(&f->tree, "test.conf", text, strlen(text), &f->errors));
}

static void
write_file(const struct fixture *f, const char *name, const char *text)
{
    char path[TEST_PATH_BYTES];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static const char *
value(const struct conf_node *block, const char *key)
{
    const struct conf_node *node = conf_find(block, key, NULL);

    return node ? node->text : NULL;
}

static void
values_blocks_and_lists_become_a_tree_with_lines(void **state)
{
    struct fixture *f = *state;
    const struct conf_node *block, *list;

    parse(f, "# comment\nname = sotto\ntext = \"a # \\\"b\\\"\"\n"
             "listen \"tcp\" { address = 127.0.0.1:0  enabled = yes }\n"
             "list = [ a, \"b c\",\n 30s ]\nempty {}\n");

    assert_int_equal(f->errors.count, 0);
    assert_string_equal(value(f->tree.root, "name"), "sotto");
    assert_string_equal(value(f->tree.root, "text"), "a # \"b\"");
    block = conf_find(f->tree.root, "listen", "tcp");
    assert_non_null(block);
    assert_int_equal(block->line, 4);
    assert_string_equal(value(block, "address"), "127.0.0.1:0");
    assert_string_equal(value(block, "enabled"), "yes");
    list = conf_find(f->tree.root, "list", NULL);
    assert_int_equal(list->kind, CONF_LIST);
    assert_string_equal(list->children->next->text, "b c");
    assert_string_equal(list->children->next->next->text, "30s");
    assert_int_equal(list->children->next->next->line, 6);
    assert_null(conf_find(f->tree.root, "listen", NULL));
}

static void
all_mistakes_are_reported_with_their_lines(void **state)
{
    struct fixture *f = *state;

    parse(f, "a = 1\nb 2\nc =\nd = \"open\na = 3\ne = 5\n}\nUPPER = 1\nblock {\n");

    assert_int_equal(f->errors.count, 7);
    assert_string_equal(
        buf_text(&f->errors.text),
        "test.conf:2: b: has no value: write \"b = VALUE\", or \"b { ... }\" for a block\n"
        "test.conf:3: c: a value should stand here\n"
        "test.conf:4: the text in quotes does not end on this line\n"
        "test.conf:5: a: stands here for the second time, first in test.conf:1\n"
        "test.conf:7: \"}\" without a block\n"
        "test.conf:8: UPPER: is no key: keys are made of a-z, 0-9, \"_\" and \"-\"\n"
        "test.conf:9: block: the block has no closing \"}\"\n");
    assert_string_equal(value(f->tree.root, "e"), "5");
}

static void
a_doubled_block_is_an_error_two_titles_are_not(void **state)
{
    struct fixture *f = *state;

    parse(f, "m \"a\" {}\nm \"b\" {}\nm \"a\" {}\nk = 1\nk { }\n");

    assert_int_equal(f->errors.count, 2);
    assert_non_null(
        strstr(buf_text(&f->errors.text), "test.conf:3: m: stands here for the second"));
    assert_non_null(
        strstr(buf_text(&f->errors.text), "test.conf:5: k: stands here for the second"));
}

static void
variables_are_filled_in_and_unknown_ones_are_errors(void **state)
{
    struct fixture *f = *state;

    setenv("SOTTO_TEST_VALUE", "x y{", 1);
    unsetenv("SOTTO_TEST_ABSENT");
    parse(f, "a = \"<${SOTTO_TEST_VALUE}>\"\nb = ${SOTTO_TEST_VALUE}/z\nc = \"\\${NOT}\"\n"
             "d = ${SOTTO_TEST_ABSENT}\ne = \"${\"\nf = 1\n");

    assert_string_equal(value(f->tree.root, "a"), "<x y{>");
    assert_string_equal(value(f->tree.root, "b"), "x y{/z");
    assert_string_equal(value(f->tree.root, "c"), "${NOT}");
    assert_string_equal(value(f->tree.root, "f"), "1");
    assert_int_equal(f->errors.count, 2);
    assert_non_null(strstr(buf_text(&f->errors.text),
                           "test.conf:4: the environment variable SOTTO_TEST_ABSENT is not set"));
}

static void
includes_are_relative_and_sections_get_their_own_block(void **state)
{
    struct fixture *f = *state;
    char path[TEST_PATH_BYTES];
    const struct conf_node *section;

    snprintf(path, sizeof(path), "%s/modules", f->dir);
    assert_ok(mkdir(path, 0700));
    write_file(f, "main.conf",
               "include \"more.conf\"\ninclude \"modules/*.conf\"\n"
               "include \"none/*.conf\"\ninclude \"absent.conf\"\n");
    write_file(f, "more.conf", "a = 1\nb b\n");
    write_file(f, "modules/chat.conf", "window = 10m\n");
    write_file(f, "modules/auth.conf", "window = 20m\n");
    snprintf(path, sizeof(path), "%s/main.conf", f->dir);
    f->tree.section_dir = "modules";

    assert_ok(conf_parse_file(&f->tree, path, &f->errors));

    assert_string_equal(value(f->tree.root, "a"), "1");
    section = conf_find(f->tree.root, "modules", "chat");
    assert_non_null(section);
    assert_string_equal(value(section, "window"), "10m");
    assert_int_equal(f->errors.count, 2);
    assert_non_null(strstr(buf_text(&f->errors.text), "more.conf:2: b: "));
    assert_non_null(strstr(buf_text(&f->errors.text), "main.conf:4: include: there is no file"));
}

static void
files_that_include_themselves_end(void **state)
{
    struct fixture *f = *state;
    char path[TEST_PATH_BYTES];

    write_file(f, "self.conf", "include \"self.conf\"\n");
    snprintf(path, sizeof(path), "%s/self.conf", f->dir);

    assert_ok(conf_parse_file(&f->tree, path, &f->errors));

    assert_non_null(strstr(buf_text(&f->errors.text), "too deeply"));
}

static void
binary_and_control_characters_are_refused(void **state)
{
    struct fixture *f = *state;

    parse(f, "a = \"\xff\"\n");
    assert_non_null(strstr(buf_text(&f->errors.text), "not UTF-8"));
    parse(f, "a = 1\n\x01\nb = 2\n");
    assert_non_null(strstr(buf_text(&f->errors.text), "test.conf:2: a control character (0x01)"));
    assert_string_equal(value(f->tree.root, "b"), "2");
}

static void
every_truncation_of_a_file_is_survived(void **state)
{
    static const char text[] =
        "a = \"${HOME}\\n\" l=[1,2,]\nb \"t\" { c { d = 5s; } }\ninclude \"x\"\n";
    struct fixture *f = *state;

    for (size_t size = 0; size < sizeof(text); size++) {
        conf_tree_fini(&f->tree);
        conf_errors_fini(&f->errors);
        assert_ok(conf_parse_text(&f->tree, "test.conf", text, size, &f->errors));
    }
}

static int
check(enum sotto_conf_type type, const char *text, int64_t *number)
{
    const struct sotto_conf_row row = {.name = "k", .type = type, .choices = "red|green"};
    struct conf_value found = {0};
    char why[200];
    const int error = conf_check_value(&row, text, &found, why, sizeof(why));

    *number = found.number;
    return error;
}

static void
numbers_have_units_and_bounds(void **state)
{
    static const struct {
        enum sotto_conf_type type;
        const char *text;
        int64_t number;
    } good[] = {
        {SOTTO_CONF_INT, "-5", -5},
        {SOTTO_CONF_SIZE, "16MiB", 16 << 20},
        {SOTTO_CONF_SIZE, "0", 0},
        {SOTTO_CONF_SIZE, "7B", 7},
        {SOTTO_CONF_DURATION, "30s", 30000},
        {SOTTO_CONF_DURATION, "250ms", 250},
        {SOTTO_CONF_DURATION, "7d", 604800000},
        {SOTTO_CONF_BOOL, "yes", 1},
        {SOTTO_CONF_ENUM, "green", 1},
    };
    static const struct {
        enum sotto_conf_type type;
        const char *text;
    } bad[] = {
        {SOTTO_CONF_INT, ""},
        {SOTTO_CONF_INT, "5x"},
        {SOTTO_CONF_INT, "99999999999999999999"},
        {SOTTO_CONF_SIZE, "16"},
        {SOTTO_CONF_SIZE, "16MB"},
        {SOTTO_CONF_SIZE, "99999999999GiB"},
        {SOTTO_CONF_SIZE, "-1KiB"},
        {SOTTO_CONF_DURATION, "5"},
        {SOTTO_CONF_DURATION, "5 s"},
        {SOTTO_CONF_BOOL, "true"},
        {SOTTO_CONF_ENUM, "gree"},
        {SOTTO_CONF_ENUM, "red|green"},
        {SOTTO_CONF_SECRET, "hunter2"},
    };
    const struct sotto_conf_row bounded = {.type = SOTTO_CONF_DURATION, .min = 1000, .max = 60000};
    struct conf_value found = {.number = 7};
    char why[200];
    int64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_ok(check(good[i].type, good[i].text, &number));
        assert_int_equal(number, good[i].number);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(check(bad[i].type, bad[i].text, &number), SOTTO_EINVALID);
    assert_fails(conf_check_value(&bounded, "2m", &found, why, sizeof(why)), SOTTO_EINVALID);
    assert_string_equal(why, "2m is out of range, 1s to 1m is allowed");
    assert_int_equal(found.number, 7);
}

static void
the_nearest_key_is_suggested(void **state)
{
    static const char *const names[] = {"window", "max_chats", "io_threads"};

    (void)state;
    assert_string_equal(conf_suggest("windwo", names, 3), "window");
    assert_string_equal(conf_suggest("io_thread", names, 3), "io_threads");
    assert_null(conf_suggest("password", names, 3));
}

static void
a_secret_that_others_may_read_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[TEST_PATH_BYTES], reference[TEST_PATH_BYTES + 16], why[TEST_PATH_BYTES + 128];
    char *content = NULL;

    write_file(f, "secret", "s3cret\n");
    snprintf(path, sizeof(path), "%s/secret", f->dir);
    snprintf(reference, sizeof(reference), "file:%s", path);
    chmod(path, 0644);
    assert_fails(conf_read_secret(reference, &content, why, sizeof(why)), SOTTO_EINVALID);
    assert_non_null(strstr(why, "chmod 600"));
    assert_null(strstr(why, "s3cret"));
    chmod(path, 0600);
    assert_ok(conf_read_secret(reference, &content, why, sizeof(why)));
    assert_string_equal(content, "s3cret");
    free(content);
    setenv("SOTTO_TEST_SECRET", "", 1);
    assert_fails(conf_read_secret("env:SOTTO_TEST_SECRET", &content, why, sizeof(why)),
                 SOTTO_EINVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    TEST(values_blocks_and_lists_become_a_tree_with_lines),
    TEST(all_mistakes_are_reported_with_their_lines),
    TEST(a_doubled_block_is_an_error_two_titles_are_not),
    TEST(variables_are_filled_in_and_unknown_ones_are_errors),
    TEST(includes_are_relative_and_sections_get_their_own_block),
    TEST(files_that_include_themselves_end),
    TEST(binary_and_control_characters_are_refused),
    TEST(every_truncation_of_a_file_is_survived),
    TEST(numbers_have_units_and_bounds),
    TEST(the_nearest_key_is_suggested),
    TEST(a_secret_that_others_may_read_is_refused),
};

SOTTO_TEST_MAIN(tests)
