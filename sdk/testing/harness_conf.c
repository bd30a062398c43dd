/* SPDX-License-Identifier: MIT */
/*
 * The conf of the module under test: its own rows with their defaults, and what the test set. Values are
 * kept as text and read when the module asks, with the same units as in a conf file.
 */
#include "harness_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit sizes[] = {
    {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"", 1}, {NULL, 0}};
static const struct unit durations[] = {{"ms", 1},       {"s", 1000}, {"m", 60000}, {"h", 3600000},
                                        {"d", 86400000}, {"", 1},     {NULL, 0}};

static uint32_t
find_row(const struct harness *h, const char *key)
{
    for (uint32_t index = 0; index < h->module->config.count; index++) {
        const struct sotto_conf_row *row = harness_row(&h->module->config, index);

        if (strcmp(row->name, key) == 0)
            return index;
    }
    fprintf(stderr, "# module %s has no conf key %s\n", h->module->name, key);
    abort();
}

void
harness_conf_init(struct harness *h)
{
    h->conf.harness = h;
    h->conf.text = harness_alloc((h->module->config.count + 1) * sizeof(char *));
    for (uint32_t index = 0; index < h->module->config.count; index++) {
        const struct sotto_conf_row *row = harness_row(&h->module->config, index);

        if (row->preset)
            h->conf.text[index] = harness_strdup(row->preset);
    }
}

void
harness_conf_fini(struct harness *h)
{
    for (uint32_t index = 0; index < h->module->config.count; index++)
        free(h->conf.text[index]);
    free(h->conf.text);
}

void
harness_set(struct harness *h, const char *key, const char *value)
{
    uint32_t index = find_row(h, key);

    assert(!h->started);
    free(h->conf.text[index]);
    h->conf.text[index] = harness_strdup(value);
}

static int64_t
scaled(const char *text, const struct unit *units)
{
    char *end;
    int64_t number = strtoll(text, &end, 10);

    while (*end == ' ')
        end++;
    for (const struct unit *unit = units; unit->name; unit++) {
        if (strcmp(unit->name, end) == 0)
            return number * unit->factor;
    }
    fprintf(stderr, "# \"%s\" has no unit that the harness knows\n", text);
    abort();
}

static int64_t
choice_index(const char *choices, const char *value)
{
    size_t size = strlen(value);
    int64_t index = 0;

    for (const char *choice = choices; choice; index++) {
        const char *bar = strchr(choice, '|');
        size_t length = bar ? (size_t)(bar - choice) : strlen(choice);

        if (length == size && memcmp(choice, value, size) == 0)
            return index;
        choice = bar ? bar + 1 : NULL;
    }
    fprintf(stderr, "# \"%s\" is none of %s\n", value, choices);
    abort();
}

static bool
conf_get_bool(const struct sotto_conf *conf, const char *key)
{
    const char *text = conf->text[find_row(conf->harness, key)];

    return text && strcmp(text, "yes") == 0;
}

static int64_t
conf_get_int(const struct sotto_conf *conf, const char *key)
{
    uint32_t index = find_row(conf->harness, key);
    const struct sotto_conf_row *row = harness_row(&conf->harness->module->config, index);
    const char *text = conf->text[index];

    if (!text)
        return 0;
    if (row->type == SOTTO_CONF_ENUM)
        return choice_index(row->choices, text);
    return scaled(text, row->type == SOTTO_CONF_DURATION ? durations : sizes);
}

static const char *
conf_get_string(const struct sotto_conf *conf, const char *key)
{
    struct harness *h = conf->harness;
    uint32_t index = find_row(h, key);
    const struct sotto_conf_row *row = harness_row(&h->module->config, index);
    const char *text = conf->text[index];
    size_t size;
    char *path;

    if (!text || row->type != SOTTO_CONF_PATH || text[0] == '/')
        return text;
    size = strlen(h->data_dir) + 1 + strlen(text) + 1;
    path = harness_arena_alloc(&h->arena, size);
    snprintf(path, size, "%s/%s", h->data_dir, text);
    return path;
}

static void SOTTO_PRINTF(3, 4)
    conf_error(const struct sotto_conf *conf, const char *key, const char *format, ...)
{
    struct sotto_err *error = &conf->harness->error;
    size_t used = strlen(error->text);
    va_list args;

    used += (size_t)snprintf(error->text + used, sizeof(error->text) - used,
                             "%s%s: ", used ? "; " : "", key);
    if (used >= sizeof(error->text))
        return;
    va_start(args, format);
    vsnprintf(error->text + used, sizeof(error->text) - used, format, args);
    va_end(args);
}

const struct sotto_conf_api harness_conf_api = {
    .struct_size = sizeof(harness_conf_api),
    .get_bool = conf_get_bool,
    .get_int = conf_get_int,
    .get_string = conf_get_string,
    .error = conf_error,
};
