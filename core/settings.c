/* SPDX-License-Identifier: MIT */
/*
 * See settings.h. Order of precedence: a flag, the conf file, the row's preset. The rows do the work: this file
 * walks the blocks, sets values by their offset and names keys that no row knows.
 */
#include "core/settings.h"

#include "core/textpool.h"
#include "core/net_addr.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 32 /* keys of one block, for suggestions */
#define DEFAULT_CONF "/etc/sotto/sotto.conf"

static const char *const door_names[LISTEN_DOORS] = {"tcp", "http", "admin"};

/* What is being loaded; lives for one call of settings_load. */
struct load {
    struct settings *settings;
    struct conf_errors *errors;
    bool out_of_memory;
};

static const char *
keep(struct load *load, const char *text)
{
    const char *copy = textpool_copy(load->settings->pool, text, strlen(text));

    if (!copy)
        load->out_of_memory = true;
    return copy ? copy : "";
}

/* ---- Rows ------------------------------------------------------------------------------------------ */

static void
set_value(void *base, const struct settings_row *row, const struct conf_value *value)
{
    void *place = (char *)base + row->offset;

    switch (row->row.type) {
    case SOTTO_CONF_BOOL: *(bool *)place = value->number != 0; break;
    case SOTTO_CONF_INT:
    case SOTTO_CONF_SIZE:
    case SOTTO_CONF_DURATION:
    case SOTTO_CONF_ENUM: *(int64_t *)place = value->number; break;
    case SOTTO_CONF_STRING:
    case SOTTO_CONF_PATH:
    case SOTTO_CONF_SECRET: *(const char **)place = value->text; break;
    }
}

static void
set_presets(void *base, const struct settings_block *block)
{
    for (size_t i = 0; i < block->count; i++) {
        const struct settings_row *row = &block->rows[i];
        struct conf_value value = {0};
        char why[256];

        if (row->row.preset &&
            conf_check_value(&row->row, row->row.preset, &value, why, sizeof(why)) != 0)
            abort(); /* a row that contradicts itself */
        set_value(base, row, &value);
    }
}

static void
unknown_key(struct load *load, const struct conf_node *node, const struct settings_block *block)
{
    const char *names[NAMES_MAX];
    const char *suggestion;
    size_t count = 0;

    for (size_t i = 0; i < block->count; i++)
        names[count++] = block->rows[i].row.name;
    for (size_t i = 0; i < settings_block_count && count < NAMES_MAX; i++) {
        const char *parent = settings_blocks[i].parent ? settings_blocks[i].parent : "";

        if (*settings_blocks[i].key && strcmp(parent, block->key) == 0)
            names[count++] = settings_blocks[i].key;
    }
    if (*block->key == '\0')
        names[count++] = "module";
    suggestion = conf_suggest(node->key, names, count);
    if (suggestion && strcmp(suggestion, node->key) == 0)
        conf_error(load->errors, node->file, node->line, node->key,
                   node->title ? "no such block \"%s\"" : "unknown form of this key%s",
                   node->title ? node->title : "");
    else if (suggestion)
        conf_error(load->errors, node->file, node->line, node->key,
                   "unknown key, did you mean \"%s\"?", suggestion);
    else
        conf_error(load->errors, node->file, node->line, node->key, "unknown key");
}

/* Checks the values of a block; base is the struct that the rows' offsets count from. */
static void
read_block(struct load *load, void *base, const struct settings_block *block,
           const struct conf_node *from)
{
    for (struct conf_node *node = from->children; node; node = node->next) {
        const struct settings_row *row = NULL;
        struct conf_value value;
        char why[256];

        if (node->kind != CONF_VALUE)
            continue;
        for (size_t i = 0; i < block->count && !row; i++)
            if (strcmp(block->rows[i].row.name, node->key) == 0)
                row = &block->rows[i];
        if (!row)
            continue;
        node->used = true;
        if (conf_check_value(&row->row, node->text, &value, why, sizeof(why)) != 0)
            conf_error(load->errors, node->file, node->line, node->key, "%s", why);
        else
            set_value(base, row, &value);
    }
}

static void
report_unused(struct load *load, const struct settings_block *block, const struct conf_node *from)
{
    for (const struct conf_node *node = from->children; node; node = node->next)
        if (!node->used)
            unknown_key(load, node, block);
}

/* ---- Blocks ---------------------------------------------------------------------------------------- */

bool
settings_is_module_name(const char *name)
{
    const size_t size = strlen(name);

    return size >= 1 && size <= SETTINGS_MODULE_NAME_MAX && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == size;
}

static const char *
module_conf_path(struct load *load, const char *name)
{
    const char *conf = load->settings->conf_path;
    const char *slash = conf ? strrchr(conf, '/') : NULL;
    char path[PATH_MAX];

    if (!conf)
        return NULL;
    snprintf(path, sizeof(path), "%.*smodules/%s.conf", slash ? (int)(slash - conf) + 1 : 0, conf,
             name);
    return keep(load, path);
}

static void
read_module(struct load *load, struct conf_node *node)
{
    struct settings *settings = load->settings;
    struct settings_module *module = &settings->modules[settings->module_count];

    node->used = true;
    if (!node->title || !settings_is_module_name(node->title)) {
        conf_error(load->errors, node->file, node->line, "module",
                   "needs a name in quotes, made of a-z and 0-9");
        return;
    }
    if (settings->module_count == SETTINGS_MODULES_MAX) {
        conf_error(load->errors, node->file, node->line, "module", "more than %d modules",
                   SETTINGS_MODULES_MAX);
        return;
    }
    set_presets(module, &settings_module_block);
    module->name = node->title;
    module->file = node->file;
    module->line = node->line;
    module->conf_file = module_conf_path(load, node->title);
    read_block(load, module, &settings_module_block, node);
    report_unused(load, &settings_module_block, node);
    settings->module_count++;
}

/* Where the block stands in the file; NULL: it does not. */
static struct conf_node *
find_block(struct conf_node *root, const struct settings_block *block)
{
    struct conf_node *node = block->parent ? conf_find(root, block->parent, NULL) : root;

    if (node && *block->key)
        node = conf_find(node, block->key, block->title);
    return node && node->kind == CONF_BLOCK ? node : NULL;
}

static void
read_tree(struct load *load)
{
    struct conf_node *root = load->settings->tree.root;

    for (size_t i = 0; i < settings_block_count; i++) {
        struct conf_node *node = find_block(root, &settings_blocks[i]);

        if (!node)
            continue;
        node->used = true;
        read_block(load, load->settings, &settings_blocks[i], node);
    }
    for (struct conf_node *node = root->children; node; node = node->next) {
        if (node->kind == CONF_BLOCK && strcmp(node->key, "module") == 0)
            read_module(load, node);
        else if (node->kind == CONF_BLOCK && strcmp(node->key, "modules") == 0 && node->title)
            node->used = true; /* checked by module_conf.c against the module's rows */
    }
    /* Only now is every block marked that some row knows. */
    for (size_t i = 0; i < settings_block_count; i++) {
        const struct conf_node *node = find_block(root, &settings_blocks[i]);

        if (node)
            report_unused(load, &settings_blocks[i], node);
    }
}

/* ---- Flags ----------------------------------------------------------------------------------------- */

/* Flags that set a row: block and key. */
static const struct {
    const char *flag, *block, *title, *key;
} row_flags[] = {
    {"--name", "", NULL, "name"},
    {"--data", "", NULL, "data"},
    {"--module-dir", "", NULL, "module_dir"},
    {"--listen-tcp", "listen", "tcp", "address"},
    {"--listen-http", "listen", "http", "address"},
    {"--listen-admin", "listen", "admin", "address"},
    {"--log-level", "log", NULL, "level"},
    {"--log-file", "log", NULL, "file"},
};
#define ROW_FLAGS (sizeof(row_flags) / sizeof(row_flags[0]))

static const char help_text[] =
    "usage: sottod [-c FILE] [flags]\n"
    "  -c FILE                  conf file (preset: " DEFAULT_CONF " if it is there)\n"
    "  --check-config           checks conf files and modules, prints all errors, exits 0 or 78\n"
    "  --dump-config            prints what is in force as a conf file\n"
    "  --config-doc DIR         writes commented conf files of server and modules into DIR;\n"
    "                           without a conf file, of all modules that are installed\n"
    "  --name NAME              name of the server\n"
    "  --listen-tcp ADDR:PORT   the TCP door; port 0 takes a free one, \"-\" closes the door\n"
    "  --listen-http ADDR:PORT  the HTTP door\n"
    "  --listen-admin ADDR:PORT health and metrics\n"
    "  --data DIR               folder of everything that the server writes\n"
    "  --module-dir DIR         folder of the modules\n"
    "  --log-level LEVEL        error, warn, info or debug\n"
    "  --log-file FILE          log file\n"
    "  --version                prints the version\n"
    "  --help                   prints this\n";

static const struct settings_row *
find_row(const char *block, const char *title, const char *key)
{
    for (size_t i = 0; i < settings_block_count; i++) {
        const struct settings_block *at = &settings_blocks[i];

        if (strcmp(at->key, block) != 0 || (title && strcmp(at->title, title) != 0))
            continue;
        for (size_t j = 0; j < at->count; j++)
            if (strcmp(at->rows[j].row.name, key) == 0)
                return &at->rows[j];
    }
    return NULL;
}

static void
set_door(struct settings *settings, const char *title, bool enabled)
{
    for (int door = 0; title && door < LISTEN_DOORS; door++)
        if (strcmp(door_names[door], title) == 0)
            settings->listen[door].enabled = enabled;
}

/* Applies row flag number i; the conf file has been read. */
static void
apply_flag(struct load *load, size_t i, const char *text)
{
    const struct settings_row *row =
        find_row(row_flags[i].block, row_flags[i].title, row_flags[i].key);
    struct conf_value value;
    char why[256];

    if (row_flags[i].title && strcmp(text, "-") == 0) {
        set_door(load->settings, row_flags[i].title, false);
    } else if (conf_check_value(&row->row, text, &value, why, sizeof(why)) != 0) {
        conf_error(load->errors, "sottod", 0, row_flags[i].flag, "%s", why);
    } else {
        set_value(load->settings, row, &value);
        set_door(load->settings, row_flags[i].title, true);
    }
}

/* The first walk over the flags: all that is not a row. values gets the text of each row flag. */
static void
read_flags(struct load *load, int argc, char **argv, const char **values)
{
    struct settings *settings = load->settings;

    for (int i = 1; i < argc; i++) {
        const char *flag = argv[i];
        const char **value = NULL;

        if (strcmp(flag, "--check-config") == 0) {
            settings->action = SETTINGS_CHECK;
        } else if (strcmp(flag, "--dump-config") == 0) {
            settings->action = SETTINGS_DUMP;
        } else if (strcmp(flag, "--version") == 0 || strcmp(flag, "--help") == 0) {
            fputs(flag[2] == 'v' ? "sottod " SOTTO_VERSION "\n" : help_text, stdout);
            settings->action = SETTINGS_EXIT;
            return;
        } else if (strcmp(flag, "-c") == 0) {
            value = &settings->conf_path;
        } else if (strcmp(flag, "--config-doc") == 0) {
            settings->action = SETTINGS_WRITE_CONF;
            value = &settings->conf_doc;
        } else {
            for (size_t j = 0; j < ROW_FLAGS; j++)
                if (strcmp(flag, row_flags[j].flag) == 0)
                    value = &values[j];
            if (!value)
                conf_error(load->errors, "sottod", 0, flag, "unknown flag; --help lists all");
        }
        if (value && i + 1 < argc)
            *value = argv[++i];
        else if (value)
            conf_error(load->errors, "sottod", 0, flag, "needs a value");
    }
}

/* ---- Values that need the machine ------------------------------------------------------------------ */

static void
make_absolute(struct load *load, const char **path, const char *base)
{
    char folder[PATH_MAX], joined[2 * PATH_MAX];

    if (!*path || (*path)[0] == '/' || (*path)[0] == '\0')
        return;
    if (!base) {
        if (!getcwd(folder, sizeof(folder)))
            return;
        base = folder;
    }
    snprintf(joined, sizeof(joined), "%s/%s", base, *path);
    *path = keep(load, joined);
}

/* modules/ beside the program or one folder up (the build tree), else where it was installed. */
static void
find_module_dir(struct load *load)
{
    static const char *const beside[] = {"modules", "../modules", "../lib/sotto/modules"};
    struct settings *settings = load->settings;
    char program[PATH_MAX], path[2 * PATH_MAX], real[PATH_MAX];
    const ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
    char *slash;

    if (settings->module_dir) {
        make_absolute(load, &settings->module_dir, NULL);
        if (realpath(settings->module_dir, real))
            settings->module_dir = keep(load, real);
        return;
    }
    program[size > 0 ? size : 0] = '\0';
    slash = strrchr(program, '/');
    for (size_t i = 0; slash && i < sizeof(beside) / sizeof(beside[0]); i++) {
        snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - program), program, beside[i]);
        if (realpath(path, real)) {
            settings->module_dir = keep(load, real);
            return;
        }
    }
    settings->module_dir = "/usr/lib/sotto/modules";
}

static void
refuse_address(struct load *load, int door)
{
    const char *address = load->settings->listen[door].address;
    char why[512];

    snprintf(why, sizeof(why),
             "%.256s is not ADDR:PORT with a numeric address, such as 127.0.0.1:7500", address);
    conf_error_value(load->errors, load->settings->tree.root, "listen", door_names[door], "address",
                     address, why);
}

/* Either key may be the one that the file sets. */
static void
refuse_silence(struct load *load)
{
    const struct conf_node *root = load->settings->tree.root;
    const struct conf_node *limits = root ? conf_find(root, "limits", NULL) : NULL;
    const bool sets_end = limits && conf_find(limits, "idle_timeout", NULL);

    conf_error_value(
        load->errors, root, "limits", NULL, sets_end ? "idle_timeout" : "ping_after", NULL,
        "idle_timeout has to be longer than ping_after, or nobody could answer the ping");
}

static void
finish(struct load *load)
{
    struct settings *settings = load->settings;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct sockaddr_storage address;

    make_absolute(load, &settings->data, NULL);
    make_absolute(load, &settings->log.file, settings->data);
    make_absolute(load, &settings->store.file, settings->data);
    find_module_dir(load);
    if (settings->io_threads == 0)
        settings->io_threads = cores > 2 ? cores - 1 : 1;
    if (settings->jobs.threads == 0)
        settings->jobs.threads = cores > 1 ? cores : 1;
    for (int door = 0; door < LISTEN_DOORS; door++)
        if (settings->listen[door].enabled &&
            net_addr_parse(settings->listen[door].address, &address) != 0)
            refuse_address(load, door);
    settings_http_read(settings, load->errors, &load->out_of_memory);
    if (settings->limits.idle_ms <= settings->limits.ping_after_ms)
        refuse_silence(load);
#ifdef SOTTO_FAULTS
    settings->store.vfs = getenv("SOTTO_VFS");
#endif
}

/* ---- Life ------------------------------------------------------------------------------------------ */

static int
load_all(struct load *load, int argc, char **argv)
{
    struct settings *settings = load->settings;
    const char *values[ROW_FLAGS] = {0};

    for (size_t i = 0; i < settings_block_count; i++)
        set_presets(settings, &settings_blocks[i]);
    read_flags(load, argc, argv, values);
    if (settings->action == SETTINGS_EXIT)
        return 0;
    if (!settings->conf_path && access(DEFAULT_CONF, R_OK) == 0)
        settings->conf_path = DEFAULT_CONF;
    if (settings->conf_path) {
        const int error = conf_parse_file(&settings->tree, settings->conf_path, load->errors);

        if (error)
            return error;
        read_tree(load);
    }
    for (size_t i = 0; i < ROW_FLAGS; i++)
        if (values[i])
            apply_flag(load, i, values[i]);
    finish(load);
    if (settings->action == SETTINGS_WRITE_CONF && !settings->conf_path)
        settings_take_installed(settings, load->errors, &load->out_of_memory);
    if (load->out_of_memory)
        return SOTTO_ENOMEM;
    return load->errors->count ? SOTTO_EINVALID : 0;
}

int
settings_load(struct settings *settings, int argc, char **argv, struct conf_errors *errors)
{
    struct load load = {.settings = settings, .errors = errors};

    *settings = (struct settings){.tree.section_dir = "modules"};
    settings->pool = calloc(1, sizeof(struct textpool));
    if (!settings->pool)
        return SOTTO_ENOMEM;
    return load_all(&load, argc, argv);
}

void
settings_fini(struct settings *settings)
{
    conf_tree_fini(&settings->tree);
    if (settings->pool)
        textpool_fini(settings->pool);
    free(settings->pool);
    settings->pool = NULL;
}
