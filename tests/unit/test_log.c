/* SPDX-License-Identifier: MIT */
/* The log: one event one line whatever it contains, levels, JSON, rotation. */
#include "test_folder.h"

#include "core/log.h"

#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct log *log;
    struct sotto_err err;
    char dir[TEST_FOLDER_BYTES], path[TEST_PATH_BYTES];
    char *text;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    if (test_folder_make("log", f->dir) != 0)
        return -1;
    snprintf(f->path, sizeof(f->path), "%s/a.log", f->dir);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    static const char *const tails[] = {"", ".1", ".2", ".3"};
    char path[TEST_PATH_BYTES + 8];

    log_destroy(&f->log);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s%s", f->path, tails[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f->text);
    free(f);
    return 0;
}

static void
open_log(struct fixture *f, int level, bool json, int64_t rotate)
{
    const struct log_options options = {
        .level = level, .json = json, .file = f->path, .rotate_bytes = rotate, .rotate_keep = 2};

    assert_ok(log_create(&options, &f->log, &f->err));
}

static const char *
content(struct fixture *f, const char *tail)
{
    char path[TEST_PATH_BYTES + 8];
    FILE *file;
    size_t size;

    snprintf(path, sizeof(path), "%s%s", f->path, tail);
    file = fopen(path, "r");
    if (!file)
        return NULL;
    free(f->text);
    f->text = calloc(1, 65536);
    size = fread(f->text, 1, 65535, file);
    f->text[size] = '\0';
    fclose(file);
    return f->text;
}

static size_t
count_lines(const char *text)
{
    size_t lines = 0;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void
lines_under_the_level_are_left_out(void **state)
{
    struct fixture *f = *state;
    struct stat stat_of_file;

    open_log(f, SOTTO_LOG_WARN, false, 0);
    log_info(f->log, "hidden");
    log_warn(f->log, "seen %d", 1);
    log_set_level(f->log, SOTTO_LOG_DEBUG);
    log_write(f->log, SOTTO_LOG_DEBUG, "chat", "trace-1", "seen 2");

    assert_null(strstr(content(f, ""), "hidden"));
    assert_non_null(strstr(f->text, "Z warn core: seen 1\n"));
    assert_non_null(strstr(f->text, "Z debug chat [trace-1]: seen 2\n"));
    stat(f->path, &stat_of_file);
    assert_int_equal(stat_of_file.st_mode & 0777, 0600);
}

static void
no_content_can_forge_a_line_or_reach_the_terminal(void **state)
{
    static const char *const evil[] = {"a\nb",       "a\r\nb",           "\x1b[31mred",    "\x7f",
                                       "\302\2331m", "bad \xff\xfe utf", "back\\x0aslash", "\t"};
    struct fixture *f = *state;

    open_log(f, SOTTO_LOG_INFO, false, 0);
    for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++)
        log_write(f->log, SOTTO_LOG_INFO, "m", evil[i], "%s", evil[i]);

    assert_int_equal(count_lines(content(f, "")), sizeof(evil) / sizeof(evil[0]));
    for (const char *at = f->text; *at; at++)
        assert_true(*at == '\n' || ((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x7f));
    assert_non_null(strstr(f->text, "a\\x0ab"));
    assert_non_null(strstr(f->text, "back\\\\x0aslash"));
}

static void
json_lines_are_json_even_when_they_are_cut(void **state)
{
    struct fixture *f = *state;
    char *longest = malloc(10000);
    char *save = NULL;

    memset(longest, '"', 9999);
    longest[9999] = '\0';
    open_log(f, SOTTO_LOG_INFO, true, 0);
    log_write(f->log, SOTTO_LOG_INFO, "auth", "t", "say \"hi\"\n\x01\xff %s", "ü");
    log_write(f->log, SOTTO_LOG_ERROR, "auth", NULL, "%s", longest);
    memset(longest, 1, 9999);
    log_write(f->log, SOTTO_LOG_ERROR, "auth", NULL, "%s", longest);

    content(f, "");
    for (char *line = strtok_r(f->text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_error_t error;
        json_t *object;

        assert_true(strlen(line) < LOG_LINE_BYTES_MAX);
        object = json_loads(line, 0, &error);
        if (!object)
            fail_msg("%s: %.200s", error.text, line);
        assert_string_equal(json_string_value(json_object_get(object, "module")), "auth");
        json_decref(object);
    }
    free(longest);
}

static void
a_line_is_at_most_four_kibibytes(void **state)
{
    struct fixture *f = *state;
    char *longest = calloc(1, 20001);

    memset(longest, 'x', 20000);
    open_log(f, SOTTO_LOG_INFO, false, 0);
    log_info(f->log, "%s", longest);

    assert_true(strlen(content(f, "")) <= LOG_LINE_BYTES_MAX);
    assert_int_equal(count_lines(f->text), 1);
    free(longest);
}

static void
a_large_file_is_rotated_and_old_ones_go(void **state)
{
    struct fixture *f = *state;

    open_log(f, SOTTO_LOG_INFO, false, 100);
    for (int i = 0; i < 10; i++)
        log_info(f->log, "line number %d of this log", i);

    assert_non_null(strstr(content(f, ""), "number 9"));
    assert_non_null(content(f, ".1"));
    assert_non_null(content(f, ".2"));
    assert_null(content(f, ".3"));
}

static void
a_file_that_cannot_be_opened_is_named(void **state)
{
    struct fixture *f = *state;
    const struct log_options options = {.file = "/nowhere/at/all.log"};

    assert_fails(log_create(&options, &f->log, &f->err), SOTTO_EIO);
    assert_non_null(strstr(f->err.text, "/nowhere/at/all.log"));
    assert_null(f->log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    TEST(lines_under_the_level_are_left_out),
    TEST(no_content_can_forge_a_line_or_reach_the_terminal),
    TEST(json_lines_are_json_even_when_they_are_cut),
    TEST(a_line_is_at_most_four_kibibytes),
    TEST(a_large_file_is_rotated_and_old_ones_go),
    TEST(a_file_that_cannot_be_opened_is_named),
};

SOTTO_TEST_MAIN(tests)
