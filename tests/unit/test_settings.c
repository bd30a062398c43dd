/* SPDX-License-Identifier: MIT */
/* conf/sotto.conf, flags and presets; and conf/modules/<name>.conf against a module's rows. */
#include "test_folder.h"

#include "core/module_conf.h"
#include "core/settings.h"

#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct settings settings;
    struct conf_errors errors;
    char dir[TEST_FOLDER_BYTES], conf[TEST_PATH_BYTES];
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char path[TEST_PATH_BYTES];

    if (test_folder_make("settings", f->dir) != 0)
        return -1;
    snprintf(f->conf, sizeof(f->conf), "%s/sotto.conf", f->dir);
    snprintf(path, sizeof(path), "%s/modules", f->dir);
    *state = f;
    return mkdir(path, 0700);
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    settings_fini(&f->settings);
    conf_errors_fini(&f->errors);
    free(f);
    return 0;
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
    chmod(path, 0600);
}

/* Loads with -c and up to four more arguments. */
static int
load(struct fixture *f, const char *a, const char *b, const char *c, const char *d)
{
    char *argv[] = {(char *)"sottod", (char *)"-c", f->conf,  (char *)a,
                    (char *)b,        (char *)c,    (char *)d};
    int argc = 3;

    while (argc < 7 && argv[argc])
        argc++;
    settings_fini(&f->settings);
    conf_errors_fini(&f->errors);
    return settings_load(&f->settings, argc, argv, &f->errors);
}

static void
an_empty_file_gives_the_presets(void **state)
{
    struct fixture *f = *state;

    write_file(f, "sotto.conf", "");
    assert_ok(load(f, NULL, NULL, NULL, NULL));

    assert_string_equal(f->settings.name, "sotto");
    assert_string_equal(f->settings.listen[LISTEN_TCP].address, "127.0.0.1:7500");
    assert_string_equal(f->settings.listen[LISTEN_ADMIN].address, "127.0.0.1:7590");
    assert_true(f->settings.io_threads >= 1);
    assert_int_equal(f->settings.limits.send_queue_bytes, 256 * 1024);
    assert_int_equal(f->settings.limits.rates[SOTTO_RATE_LOGIN].per_second, 5);
    assert_int_equal(f->settings.limits.rates[SOTTO_RATE_REGISTER].per_second, 2);
    assert_int_equal(f->settings.limits.rates[SOTTO_RATE_GENERAL].per_second, 100);
    assert_int_equal(f->settings.limits.unattached_per_address, 64);
    assert_int_equal(f->settings.limits.attach_ms, 10000);
    assert_int_equal(f->settings.limits.ping_after_ms, 20000);
    assert_int_equal(f->settings.limits.idle_ms, 45000);
    assert_int_equal(f->settings.limits.drain_ms, 5000);
    assert_int_equal(f->settings.store.busy_ms, 5000);
    assert_int_equal(f->settings.store.breaker_failures, 5);
    assert_int_equal(f->settings.store.breaker_reset_ms, 30000);
    assert_int_equal(f->settings.data[0], '/');
    assert_int_equal(f->settings.log.level, SOTTO_LOG_INFO);
    assert_int_equal(f->settings.module_count, 0);
}

static void
flags_win_over_the_file(void **state)
{
    struct fixture *f = *state;

    write_file(f, "sotto.conf",
               "name = file\nlisten \"tcp\" { address = 127.0.0.1:1 }\n"
               "data = /tmp/x\nlog { file = a.log level = warn }\n");
    assert_ok(load(f, "--listen-tcp", "127.0.0.1:0", "--listen-admin", "-"));

    assert_string_equal(f->settings.name, "file");
    assert_string_equal(f->settings.listen[LISTEN_TCP].address, "127.0.0.1:0");
    assert_false(f->settings.listen[LISTEN_ADMIN].enabled);
    assert_string_equal(f->settings.log.file, "/tmp/x/a.log");
    assert_int_equal(f->settings.log.level, SOTTO_LOG_WARN);
    assert_ok(load(f, "--log-level", "debug", "--check-config", NULL));
    assert_int_equal(f->settings.log.level, SOTTO_LOG_DEBUG);
    assert_int_equal(f->settings.action, SETTINGS_CHECK);
}

static void
every_mistake_of_the_file_and_the_flags_is_reported(void **state)
{
    struct fixture *f = *state;
    const char *text;

    write_file(f, "sotto.conf",
               "nmae = x\nio_threads = many\nlisten \"tpc\" { address = x }\n"
               "listen \"tcp\" { address = nowhere }\nlimits {\n  send_queue = 1GiB\n"
               "  rate \"login\" { per_secnd = 4 }\n}\nmodule \"Chat\" { }\n"
               "module \"auth\" { enabeld = yes }\nlog = 5\n");
    assert_fails(load(f, "--wrong", NULL, NULL, NULL), SOTTO_EINVALID);

    text = buf_text(&f->errors.text);
    assert_non_null(strstr(text, "sotto.conf:1: nmae: unknown key, did you mean \"name\"?\n"));
    assert_non_null(strstr(text, "sotto.conf:2: io_threads: \"many\" is not a whole number\n"));
    assert_non_null(strstr(text, "sotto.conf:3: listen: no such block \"tpc\"\n"));
    assert_non_null(strstr(text, "sotto.conf:4: address: nowhere is not ADDR:PORT"));
    assert_non_null(
        strstr(text, "sotto.conf:6: send_queue: 1GiB is out of range, 64KiB to 256KiB"));
    assert_non_null(
        strstr(text, "sotto.conf:7: per_secnd: unknown key, did you mean \"per_second\"?"));
    assert_non_null(strstr(text, "sotto.conf:9: module: needs a name in quotes"));
    assert_non_null(strstr(text, "sotto.conf:10: enabeld: unknown key, did you mean \"enabled\"?"));
    assert_non_null(strstr(text, "sotto.conf:11: log: "));
    assert_non_null(strstr(text, "sottod: --wrong: unknown flag"));
    assert_int_equal(f->errors.count, 10);
}

static void
what_only_the_whole_shows_is_reported_where_it_stands(void **state)
{
    struct fixture *f = *state;
    const char *text;

    write_file(
        f, "sotto.conf",
        "limits { ping_after = 50s }\nlisten \"http\" {\n  origins = \"https://a.example *\"\n"
        "  proxies = \"::0001\"\n}\nlisten \"tcp\" { address = \"127.0.0.1:1\" }\n");
    assert_fails(load(f, "--listen-tcp", "here", NULL, NULL), SOTTO_EINVALID);

    text = buf_text(&f->errors.text);
    assert_non_null(strstr(text, "sotto.conf:1: ping_after: idle_timeout has to be longer"));
    assert_non_null(strstr(text, "sotto.conf:3: origins: *: "));
    assert_non_null(strstr(text, "sotto.conf:4: proxies: ::0001: "));
    assert_non_null(strstr(text, "listen \"tcp\": address: here is not ADDR:PORT"));
    assert_int_equal(f->errors.count, 4);
}

static void
a_dump_reads_back_as_the_same_settings(void **state)
{
    struct fixture *f = *state;
    struct buf first = {0}, second = {0};

    write_file(f, "sotto.conf",
               "name = \"a \\\"b\\\"\"\nmodule \"chat\" { required = no }\n"
               "limits { rate \"send\" { burst = 77 } }\n");
    assert_ok(load(f, NULL, NULL, NULL, NULL));
    settings_dump(&f->settings, &first);
    write_file(f, "sotto.conf", buf_text(&first));
    assert_ok(load(f, NULL, NULL, NULL, NULL));
    settings_dump(&f->settings, &second);

    assert_string_equal(buf_text(&first), buf_text(&second));
    assert_non_null(strstr(buf_text(&second), "burst = 77"));
    assert_false(f->settings.modules[0].required);
    buf_fini(&first);
    buf_fini(&second);
}

static void
the_generated_file_explains_every_key_and_is_valid(void **state)
{
    struct fixture *f = *state;
    struct buf text = {0};

    settings_document(&text);
    write_file(f, "sotto.conf", buf_text(&text));
    assert_ok(load(f, NULL, NULL, NULL, NULL));

    for (size_t i = 0; i < settings_block_count; i++) {
        for (size_t j = 0; j < settings_blocks[i].count; j++) {
            char line[80];

            snprintf(line, sizeof(line), "# %s = ", settings_blocks[i].rows[j].row.name);
            assert_non_null(settings_blocks[i].rows[j].row.doc);
            assert_non_null(strstr(buf_text(&text), line));
        }
    }
    buf_fini(&text);
}

/* ---- A module's own file --------------------------------------------------------------------------- */

static const struct sotto_conf_row rows[] = {
    {.name = "window", .type = SOTTO_CONF_DURATION, .preset = "10m", .min = 10000, .max = 86400000},
    {.name = "folder", .type = SOTTO_CONF_PATH, .preset = "files"},
    {.name = "key", .type = SOTTO_CONF_SECRET, .flags = SOTTO_CONF_REQUIRED},
    {.name = "mode", .type = SOTTO_CONF_ENUM, .preset = "slow", .choices = "fast|slow"},
    {.name = "open", .type = SOTTO_CONF_BOOL, .preset = "no"},
};
static const struct sotto_module module = {
    .name = "demo", .summary = "shows", .config = SOTTO_TABLE(rows)};

static struct sotto_conf *
load_module(struct fixture *f, const char *text)
{
    write_file(f, "sotto.conf", "data = /tmp/sotto-data\nmodule \"demo\" { enabled = yes }\n");
    write_file(f, "modules/demo.conf", text);
    assert_ok(load(f, NULL, NULL, NULL, NULL));
    return module_conf_create(&f->settings, &f->settings.modules[0], &module, &f->errors);
}

static void
a_module_gets_checked_values(void **state)
{
    struct fixture *f = *state;
    struct sotto_conf *conf;
    struct buf dump = {0};

    setenv("SOTTO_TEST_KEY", "hush", 1);
    conf = load_module(f, "window = 20m\nkey = \"env:SOTTO_TEST_KEY\"\nopen = yes\n");

    assert_int_equal(f->errors.count, 0);
    assert_int_equal(module_conf_api.get_int(conf, "window"), 1200000);
    assert_string_equal(module_conf_api.get_string(conf, "folder"), "/tmp/sotto-data/files");
    assert_string_equal(module_conf_api.get_string(conf, "key"), "hush");
    assert_string_equal(module_conf_api.get_string(conf, "mode"), "slow");
    assert_int_equal(module_conf_api.get_int(conf, "mode"), 1);
    assert_true(module_conf_api.get_bool(conf, "open"));
    module_conf_dump(conf, &dump);
    assert_null(strstr(buf_text(&dump), "hush"));
    assert_non_null(strstr(buf_text(&dump), "key = \"env:SOTTO_TEST_KEY\""));
    buf_fini(&dump);
    module_conf_destroy(&conf);
}

static void
mistakes_in_a_module_file_carry_file_and_line(void **state)
{
    struct fixture *f = *state;
    struct sotto_conf *conf = load_module(f, "\nwindwo = 20m\nmode = medium\nopen = [yes]\n");
    const char *text = buf_text(&f->errors.text);

    assert_non_null(
        strstr(text, "modules/demo.conf:2: windwo: unknown key, did you mean \"window\"?"));
    assert_non_null(strstr(text, "modules/demo.conf:3: mode: \"medium\" is not one of fast|slow"));
    assert_non_null(strstr(text, "modules/demo.conf:4: open: needs one value"));
    assert_non_null(strstr(text, "modules/demo.conf: key: has to be set (module \"demo\")"));
    module_conf_api.error(conf, "mode", "cannot be %s", "that");
    assert_non_null(strstr(buf_text(&f->errors.text), "modules/demo.conf:3: mode: cannot be that"));
    module_conf_api.error(conf, "window", "too short");
    assert_non_null(strstr(buf_text(&f->errors.text), "sotto.conf:2: window: too short"));
    module_conf_destroy(&conf);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    TEST(an_empty_file_gives_the_presets),
    TEST(flags_win_over_the_file),
    TEST(every_mistake_of_the_file_and_the_flags_is_reported),
    TEST(what_only_the_whole_shows_is_reported_where_it_stands),
    TEST(a_dump_reads_back_as_the_same_settings),
    TEST(the_generated_file_explains_every_key_and_is_valid),
    TEST(a_module_gets_checked_values),
    TEST(mistakes_in_a_module_file_carry_file_and_line),
};

SOTTO_TEST_MAIN(tests)
