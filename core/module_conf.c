/* SPDX-License-Identifier: MIT */
/*
 * See module_conf.h. A struct sotto_conf is an array of checked values beside the module's rows. Text that the
 * host made (absolute paths) and secrets are its own; the rest points into the conf tree or into the module.
 */
#include "core/module_conf.h"

#include "core/conf_text.h"
#include "core/settings.h"

#include <assert.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct slot {
    struct conf_value value;
    char *owned;           /* path or secret, or NULL */
    const char *reference; /* of a secret, as it stands in the file */
    const char *file;      /* where the key stands; NULL: preset */
    unsigned line;
};

struct sotto_conf {
    const struct sotto_module *module;
    const struct settings_module *settings;
    struct conf_errors *errors; /* while configure runs, else NULL */
    struct conf_tree tree;      /* of the module's own file, if it was not included */
    size_t count;
    struct slot slots[];
};

static const struct sotto_conf_row *
row_at(const struct sotto_conf *conf, size_t i)
{
    return &((const struct sotto_conf_row *)conf->module->config.items)[i];
}

/* Index of the key; a key that is no row is a mistake of the module's author. */
static size_t
need_index(const struct sotto_conf *conf, const char *key)
{
    size_t i = 0;

    assert(conf && key);
    while (i < conf->count && strcmp(row_at(conf, i)->name, key) != 0)
        i++;
    assert(i < conf->count && "the key is a row of the module's config table");
    return i;
}

/* ---- Reading --------------------------------------------------------------------------------------- */

static void
resolve(struct sotto_conf *conf, size_t i, const struct settings *settings,
        struct conf_errors *errors)
{
    const struct sotto_conf_row *row = row_at(conf, i);
    struct slot *slot = &conf->slots[i];
    char text[2 * PATH_MAX], why[512];

    if (!slot->value.text)
        return;
    if (row->type == SOTTO_CONF_PATH && slot->value.text[0] != '/' && slot->value.text[0]) {
        snprintf(text, sizeof(text), "%s/%s", settings->data, slot->value.text);
        slot->owned = strdup(text);
        slot->value.text = slot->owned;
    } else if (row->type == SOTTO_CONF_SECRET) {
        slot->reference = slot->value.text;
        slot->value.text = NULL;
        /* A relative file: counts from the data folder, like every other path. */
        if (strncmp(slot->reference, "file:", 5) == 0 && slot->reference[5] != '/')
            snprintf(text, sizeof(text), "file:%s/%s", settings->data, slot->reference + 5);
        else
            snprintf(text, sizeof(text), "%s", slot->reference);
        if (conf_read_secret(text, &slot->owned, why, sizeof(why)) != 0)
            conf_error(errors, slot->file ? slot->file : conf->settings->file,
                       slot->file ? slot->line : conf->settings->line, row->name, "%s", why);
        else
            slot->value.text = slot->owned;
    }
}

static void
take_value(struct sotto_conf *conf, size_t i, struct conf_node *node, struct conf_errors *errors)
{
    struct slot *slot = &conf->slots[i];
    char why[256];

    node->used = true;
    slot->file = node->file;
    slot->line = node->line;
    if (node->kind != CONF_VALUE)
        conf_error(errors, node->file, node->line, node->key, "needs one value: %s = …", node->key);
    else if (conf_check_value(row_at(conf, i), node->text, &slot->value, why, sizeof(why)) != 0)
        conf_error(errors, node->file, node->line, node->key, "%s", why);
}

static void
report_unknown(const struct sotto_conf *conf, const struct conf_node *section,
               struct conf_errors *errors)
{
    const char **names = calloc(conf->count + 1, sizeof(*names));

    for (size_t i = 0; names && i < conf->count; i++)
        names[i] = row_at(conf, i)->name;
    for (const struct conf_node *node = section->children; names && node; node = node->next) {
        const char *suggestion;

        if (node->used)
            continue;
        suggestion = conf_suggest(node->key, names, conf->count);
        conf_error(errors, node->file, node->line, node->key,
                   suggestion ? "unknown key, did you mean \"%s\"?" : "unknown key%s",
                   suggestion ? suggestion : "");
    }
    free(names);
}

/* Values of the section (may be NULL: nothing is set), presets for the rest. */
static void
read_values(struct sotto_conf *conf, const struct conf_node *section,
            const struct settings *settings, struct conf_errors *errors)
{
    for (size_t i = 0; i < conf->count; i++) {
        const struct sotto_conf_row *row = row_at(conf, i);
        struct conf_node *node = section ? conf_find(section, row->name, NULL) : NULL;
        char why[256];

        if (row->preset &&
            conf_check_value(row, row->preset, &conf->slots[i].value, why, sizeof(why)) != 0)
            conf_error(errors, conf->module->name, 0, row->name,
                       "the module's own preset is refused: %s", why);
        if (node)
            take_value(conf, i, node, errors);
        else if (row->flags & SOTTO_CONF_REQUIRED)
            conf_error(errors,
                       conf->settings->conf_file ? conf->settings->conf_file : conf->settings->file,
                       0, row->name, "has to be set (module \"%s\")", conf->module->name);
        resolve(conf, i, settings, errors);
    }
    if (section)
        report_unknown(conf, section, errors);
}

struct sotto_conf *
module_conf_create(const struct settings *settings, const struct settings_module *where,
                   const struct sotto_module *module, struct conf_errors *errors)
{
    const size_t count = module->config.count;
    struct sotto_conf *conf = calloc(1, sizeof(*conf) + count * sizeof(conf->slots[0]));
    const struct conf_node *section = NULL;

    if (!conf)
        return NULL;
    conf->module = module;
    conf->settings = where;
    conf->errors = errors;
    conf->count = count;
    if (settings->tree.root)
        section = conf_find(settings->tree.root, "modules", module->name);
    if (!section && where->conf_file && access(where->conf_file, F_OK) == 0) {
        if (conf_parse_file(&conf->tree, where->conf_file, errors) != 0)
            conf_error(errors, where->conf_file, 0, NULL, "out of memory");
        section = conf->tree.root;
    }
    read_values(conf, section, settings, errors);
    return conf;
}

void
module_conf_configured(struct sotto_conf *conf)
{
    conf->errors = NULL;
}

void
module_conf_destroy(struct sotto_conf **take_conf)
{
    struct sotto_conf *conf = *take_conf;

    *take_conf = NULL;
    if (!conf)
        return;
    for (size_t i = 0; i < conf->count; i++) {
        if (conf->slots[i].owned)
            sodium_memzero(conf->slots[i].owned, strlen(conf->slots[i].owned));
        free(conf->slots[i].owned);
    }
    conf_tree_fini(&conf->tree);
    free(conf);
}

/* ---- Printing -------------------------------------------------------------------------------------- */

void
module_conf_dump(const struct sotto_conf *conf, struct buf *out)
{
    for (size_t i = 0; i < conf->count; i++) {
        const struct slot *slot = &conf->slots[i];

        conf_text_value(out, 0, row_at(conf, i), slot->value.number,
                        slot->reference ? slot->reference : slot->value.text);
    }
}

void
module_conf_document(const struct sotto_module *module, struct buf *out)
{
    const struct sotto_conf_row *rows = module->config.items;

    buf_printf(out, "# The module \"%s\": %s\n", module->name, module->summary);
    buf_puts(
        out,
        "# Every key is here with its preset; what stands behind a \"#\" is in force unless it is "
        "written\n# otherwise. Made by `sottod --config-doc`.\n");
    for (uint32_t i = 0; i < module->config.count; i++) {
        buf_puts(out, "\n");
        conf_text_row(out, 0, &rows[i]);
    }
}

/* ---- sotto.conf/1 ---------------------------------------------------------------------------------- */

static bool
conf_get_bool(const struct sotto_conf *conf, const char *key)
{
    const size_t i = need_index(conf, key);

    assert(row_at(conf, i)->type == SOTTO_CONF_BOOL);
    return conf->slots[i].value.number != 0;
}

static int64_t
conf_get_int(const struct sotto_conf *conf, const char *key)
{
    const size_t i = need_index(conf, key);
    const enum sotto_conf_type type = row_at(conf, i)->type;

    assert(type == SOTTO_CONF_INT || type == SOTTO_CONF_SIZE || type == SOTTO_CONF_DURATION ||
           type == SOTTO_CONF_ENUM);
    return conf->slots[i].value.number;
}

static const char *
conf_get_string(const struct sotto_conf *conf, const char *key)
{
    const size_t i = need_index(conf, key);
    const enum sotto_conf_type type = row_at(conf, i)->type;

    assert(type == SOTTO_CONF_STRING || type == SOTTO_CONF_ENUM || type == SOTTO_CONF_PATH ||
           type == SOTTO_CONF_SECRET);
    return conf->slots[i].value.text;
}

static void SOTTO_PRINTF(3, 4)
    conf_report(const struct sotto_conf *conf, const char *key, const char *format, ...)
{
    const struct slot *slot = &conf->slots[need_index(conf, key)];
    va_list args;

    assert(conf->errors && "errors are reported in configure only");
    va_start(args, format);
    if (slot->file)
        conf_verror(conf->errors, slot->file, slot->line, key, format, args);
    else
        conf_verror(conf->errors, conf->settings->file, conf->settings->line, key, format, args);
    va_end(args);
}

const struct sotto_conf_api module_conf_api = {
    .struct_size = sizeof(struct sotto_conf_api),
    .get_bool = conf_get_bool,
    .get_int = conf_get_int,
    .get_string = conf_get_string,
    .error = conf_report,
};
