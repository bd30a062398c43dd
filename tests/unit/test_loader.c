/* SPDX-License-Identifier: MIT */
/* The loader against modules that are wrong in one way each, and the order in which modules start. */
#include "test_folder.h"

#include "core/loader.h"

#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct loaded *loaded;
    struct sotto_err err;
    char dir[TEST_FOLDER_BYTES];
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    *state = f;
    return test_folder_make("loader", f->dir);
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    loader_close(&f->loaded);
    rmdir(f->dir);
    free(f);
    return 0;
}

static void
a_good_module_is_loaded_as_a_copy_of_its_tables(void **state)
{
    struct fixture *f = *state;
    const struct sotto_module *module;

    if (loader_open(SOTTO_FIXTURES, "good", &f->loaded, &f->err) != 0)
        fail_msg("%s", f->err.text);
    module = loaded_descriptor(f->loaded);
    assert_string_equal(module->name, "good");
    assert_int_equal(module->config.count, 2);
    assert_int_equal(module->config.item_size, sizeof(struct sotto_conf_row));
    assert_string_equal(((const struct sotto_conf_row *)module->config.items)[1].name, "other");
}

static void
every_wrong_module_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *name, *reason;
    } wrong[] = {
        {"nomagic", "nomagic.so: is no module: wrong magic"},
        {"wrongabi", "wrongabi.so: built for ABI 2.3, this server offers 1.0; install"},
        {"newminor", "newminor.so: needs ABI 1.99, this server offers 1.0; install a newer server"},
        {"shortsize", "its descriptor has 64 bytes"},
        {"misnamed", "holds the module \"another\""},
        {"badtable", "its table config is malformed (2 rows of 0 bytes)"},
        {"nofini", "init and fini have to be set"},
        {"noentry", "does not export sotto_module_entry"},
        {"crash", "crashed when it was opened (signal 11"},
        {"exit", "ended the process when it was opened"},
        {"nothing", "its entry returned nothing"},
        {"absent",
         "absent.so: cannot open: No such file or directory; build it or set enabled = no"},
        {"../good", "is no module name"},
        {"Good", "is no module name"},
        {"", "is no module name"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (loader_open(SOTTO_FIXTURES, wrong[i].name, &f->loaded, &f->err) == 0)
            fail_msg("%s was loaded", wrong[i].name);
        assert_null(f->loaded);
        if (!strstr(f->err.text, wrong[i].reason))
            fail_msg("%s: %s", wrong[i].name, f->err.text);
    }
}

/* Copies the first `size` bytes of good.so into the test's folder. */
static void
copy_good(struct fixture *f, const char *path, size_t size)
{
    char *content = calloc(1, size);
    FILE *from = fopen(SOTTO_FIXTURES "/good.so", "r"), *to = fopen(path, "w");

    (void)f;
    assert_non_null(from);
    assert_non_null(to);
    size = fread(content, 1, size, from);
    fwrite(content, 1, size, to);
    fclose(from);
    fclose(to);
    free(content);
}

static void
a_truncated_or_foreign_file_is_refused(void **state)
{
    static const size_t sizes[] = {0, 1, 16, 63, 64, 500, 4096, 9000};
    struct fixture *f = *state;
    char path[TEST_PATH_BYTES];

    snprintf(path, sizeof(path), "%s/good.so", f->dir);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        copy_good(f, path, sizes[i]);
        if (loader_open(f->dir, "good", &f->loaded, &f->err) == 0)
            fail_msg("the first %zu bytes were loaded", sizes[i]);
    }
    unlink(path);
}

static void
what_others_may_write_to_is_not_loaded(void **state)
{
    struct fixture *f = *state;
    char path[TEST_PATH_BYTES];

    snprintf(path, sizeof(path), "%s/good.so", f->dir);
    copy_good(f, path, 1 << 20);
    chmod(path, 0666);
    assert_fails(loader_open(f->dir, "good", &f->loaded, &f->err), SOTTO_EPERM);
    assert_non_null(strstr(f->err.text, "chmod o-w"));
    chmod(path, 0644);
    chmod(f->dir, 0777);
    assert_fails(loader_open(f->dir, "good", &f->loaded, &f->err), SOTTO_EPERM);
    chmod(f->dir, 0700);
    unlink(path);
    assert_int_equal(symlink(SOTTO_FIXTURES "/good.so", path), 0);
    assert_fails(loader_open(f->dir, "good", &f->loaded, &f->err), SOTTO_EPERM);
    unlink(path);
    assert_fails(loader_open("relative/path", "good", &f->loaded, &f->err), SOTTO_ENOTFOUND);
}

/* ---- Versions -------------------------------------------------------------------------------------- */

static int
init(struct sotto_host *host, const struct sotto_conf *conf, void **state_out,
     struct sotto_err *err)
{
    (void)host;
    (void)conf;
    (void)state_out;
    (void)err;
    return 0;
}

static void
fini(void *state)
{
    (void)state;
}

/* A row and a descriptor as a later minor version would have them. */
struct longer_row {
    struct sotto_stmt_row row;
    const char *later;
};
struct longer_module {
    struct sotto_module module;
    const char *later;
};

static void
rows_and_descriptors_of_a_later_minor_version_are_cut_to_ours(void **state)
{
    static const struct longer_row rows[] = {{{"SELECT 1"}, "x"}, {{"SELECT 2"}, "y"}};
    static const struct longer_module later = {
        .module = {SOTTO_MODULE_HEAD, .name = "later", .version = "2", .summary = "s",
                   .license = "l",
                   .statements = {.items = rows, .count = 2, .item_size = sizeof(rows[0])},
                   .init = init, .fini = fini},
        .later = "z",
    };
    struct longer_module copy = later;
    struct fixture *f = *state;
    const struct sotto_stmt_row *statements;

    copy.module.struct_size = sizeof(copy);
    copy.module.abi_minor_built = 7;
    if (loader_normalise(&copy.module, "later.so", "later", &f->loaded, &f->err) != 0)
        fail_msg("%s", f->err.text);
    statements = loaded_descriptor(f->loaded)->statements.items;
    assert_string_equal(statements[0].sql, "SELECT 1");
    assert_string_equal(statements[1].sql, "SELECT 2");
}

/* What loader_open finds in a child process, found here in the descriptor itself. */
static void
a_descriptor_that_is_wrong_in_one_member_is_refused(void **state)
{
    static const struct sotto_stmt_row no_sql[] = {{NULL}};
    const struct sotto_module good = {SOTTO_MODULE_HEAD, .name = "m",    .version = "1",
                                      .summary = "s",    .license = "l", .init = init,
                                      .fini = fini};
    struct sotto_module wrong[11];
    struct fixture *f = *state;

    for (size_t i = 0; i < 11; i++)
        wrong[i] = good;
    wrong[0].magic ^= 1;
    wrong[1].abi_major++;
    wrong[2].abi_major = 0;
    wrong[3].abi_minor_required = SOTTO_ABI_MINOR + 1;
    wrong[4].struct_size = 64;
    wrong[5].name = NULL;
    wrong[6].name = "other";
    wrong[7].license = NULL;
    wrong[8].fini = NULL;
    wrong[9].statements = (struct sotto_table){.count = 1, .item_size = sizeof(no_sql[0])};
    wrong[10].statements = (struct sotto_table)SOTTO_TABLE(no_sql);

    for (size_t i = 0; i < 11; i++) {
        assert_fails(loader_normalise(&wrong[i], "m.so", "m", &f->loaded, &f->err),
                     SOTTO_EPRECONDITION);
        assert_null(f->loaded);
    }
    assert_ok(loader_normalise(&good, "m.so", "m", &f->loaded, &f->err));
}

static void
rows_that_contradict_themselves_are_refused(void **state)
{
    const struct sotto_conf_row doubled[] = {{.name = "a", .type = SOTTO_CONF_BOOL},
                                             {.name = "a", .type = SOTTO_CONF_BOOL}};
    const struct sotto_conf_row preset[] = {
        {.name = "a", .type = SOTTO_CONF_SIZE, .preset = "1KiB", .min = 2048, .max = 4096}};
    const struct sotto_conf_row enumeration[] = {{.name = "a", .type = SOTTO_CONF_ENUM}};
    const struct sotto_dep_row dep[] = {{SOTTO_DEP_REQUIRES, "no version"}};
    const struct sotto_migration_row gap[] = {{.number = 2, .name = "a", .sql = "b"}};
    struct sotto_module module = {SOTTO_MODULE_HEAD, .name = "m",  .version = "1", .summary = "s",
                                  .license = "l",    .init = init, .fini = fini};
    struct sotto_module wrong[5] = {module, module, module, module, module};
    struct fixture *f = *state;

    wrong[0].config = (struct sotto_table)SOTTO_TABLE(doubled);
    wrong[1].config = (struct sotto_table)SOTTO_TABLE(preset);
    wrong[2].config = (struct sotto_table)SOTTO_TABLE(enumeration);
    wrong[3].deps = (struct sotto_table)SOTTO_TABLE(dep);
    wrong[4].migrations = (struct sotto_table)SOTTO_TABLE(gap);
    for (size_t i = 0; i < 5; i++)
        assert_fails(loader_normalise(&wrong[i], "m.so", "m", &f->loaded, &f->err),
                     SOTTO_EPRECONDITION);
    assert_ok(loader_normalise(&module, "m.so", "m", &f->loaded, &f->err));
}

/* ---- Order ----------------------------------------------------------------------------------------- */

/* Loads the named fixtures (up to five), orders them, and returns the names in order. */
static const char *
order(const char *const *names, bool required, struct conf_errors *errors,
      struct conf_errors *warnings, char text[256])
{
    struct loaded *loaded[5] = {NULL};
    struct loader_node nodes[5];
    struct sotto_err err;
    size_t places[5], count = 0;
    int placed;

    for (; count < 5 && names[count]; count++) {
        if (loader_open(SOTTO_FIXTURES, names[count], &loaded[count], &err) != 0)
            fail_msg("%s", err.text);
        nodes[count] = (struct loader_node){.descriptor = loaded_descriptor(loaded[count]),
                                            .file = "x.conf",
                                            .line = (unsigned)count + 1,
                                            .required = required};
    }
    placed = loader_order(nodes, count, places, errors, warnings);
    text[0] = '\0';
    for (int i = 0; i < placed; i++) {
        if (i)
            strncat(text, " ", 255 - strlen(text));
        strncat(text, names[places[i]], 255 - strlen(text));
    }
    for (size_t i = 0; i < count; i++)
        loader_close(&loaded[i]);
    return text;
}

static void
providers_start_before_those_that_need_them(void **state)
{
    static const char *const names[] = {"follower", "eater", "good", "maker", NULL};
    struct conf_errors errors = {0}, warnings = {0};
    char text[256];

    (void)state;
    assert_string_equal(order(names, true, &errors, &warnings, text), "good maker follower eater");
    assert_int_equal(errors.count + warnings.count, 0);
}

static void
everything_that_is_missing_or_doubled_is_reported_at_once(void **state)
{
    static const char *const names[] = {"seeker", "maker", "rival", "loner", NULL};
    struct conf_errors errors = {0}, warnings = {0};
    char text[256];

    (void)state;
    assert_string_equal(order(names, true, &errors, &warnings, text), "");
    assert_int_equal(errors.count, 3);
    assert_non_null(
        strstr(buf_text(&errors.text),
               "x.conf:1: module \"seeker\": requires \"unicorn/1\", which no enabled"));
    assert_non_null(
        strstr(buf_text(&errors.text), "x.conf:3: module \"rival\": provides \"cake/1\""));
    assert_non_null(
        strstr(buf_text(&errors.text), "x.conf:4: module \"loner\": cannot run beside"));
    conf_errors_fini(&errors);
}

static void
modules_that_are_not_required_are_left_out_instead(void **state)
{
    static const char *const names[] = {"seeker", "good", NULL};
    struct conf_errors errors = {0}, warnings = {0};
    char text[256];

    (void)state;
    assert_string_equal(order(names, false, &errors, &warnings, text), "good");
    assert_int_equal(errors.count, 0);
    assert_int_equal(warnings.count, 1);
    conf_errors_fini(&warnings);
}

static void
a_circle_is_named(void **state)
{
    static const char *const names[] = {"good", "circlea", "circleb", NULL};
    struct conf_errors errors = {0}, warnings = {0};
    char text[256];

    (void)state;
    assert_string_equal(order(names, true, &errors, &warnings, text), "");
    assert_non_null(strstr(buf_text(&errors.text), "in a circle: circlea -> circleb -> circlea"));
    conf_errors_fini(&errors);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    TEST(a_good_module_is_loaded_as_a_copy_of_its_tables),
    TEST(every_wrong_module_is_refused_with_its_reason),
    TEST(a_truncated_or_foreign_file_is_refused),
    TEST(what_others_may_write_to_is_not_loaded),
    TEST(rows_and_descriptors_of_a_later_minor_version_are_cut_to_ours),
    TEST(a_descriptor_that_is_wrong_in_one_member_is_refused),
    TEST(rows_that_contradict_themselves_are_refused),
    TEST(providers_start_before_those_that_need_them),
    TEST(everything_that_is_missing_or_doubled_is_reported_at_once),
    TEST(modules_that_are_not_required_are_left_out_instead),
    TEST(a_circle_is_named),
};

SOTTO_TEST_MAIN(tests)
