/* SPDX-License-Identifier: MIT */
/*
 * A descriptor from outside becomes one of this build's shape: the frozen head first, then a copy in which each
 * row of each table has the size that this build knows. Members that an older module lacks are zero, members
 * that a newer one has beyond ours are left behind. What stands in the rows is checked as far as it can be
 * without running the module.
 */
#include "core/loader_impl.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The descriptor of version 1.0 ended here; a shorter one was never legal. */
#define MODULE_BYTES_1_0 (offsetof(struct sotto_module, health) + sizeof(void *))

struct loaded {
    struct sotto_module module;
    void *tables[16]; /* the copies of the rows, by place in table_shapes */
};

/* Every table: where it stands, and how large its rows were in 1.0 and are now. */
static const struct table_shape {
    const char *name;
    size_t offset, row_1_0, row_now;
} table_shapes[] = {
#define SHAPE(member, type)                                                        \
    {                                                                              \
#member, offsetof(struct sotto_module, member), sizeof(type), sizeof(type) \
    }
    SHAPE(deps, struct sotto_dep_row),        SHAPE(config, struct sotto_conf_row),
    SHAPE(rpcs, struct sotto_rpc_row),        SHAPE(events, const ProtobufCMessageDescriptor *),
    SHAPE(topics, struct sotto_topic_row),    SHAPE(subs, struct sotto_sub_row),
    SHAPE(calls, struct sotto_call_row),      SHAPE(hook_points, struct sotto_hook_point_row),
    SHAPE(hooks, struct sotto_hook_row),      SHAPE(migrations, struct sotto_migration_row),
    SHAPE(statements, struct sotto_stmt_row), SHAPE(metrics, struct sotto_metric_row),
#undef SHAPE
};
#define TABLES (sizeof(table_shapes) / sizeof(table_shapes[0]))

_Static_assert(offsetof(struct sotto_module, reserved) + sizeof(uint16_t) == 16,
               "the frozen head is 16 bytes");
_Static_assert(TABLES <= 16, "struct loaded has room for every table");

const struct sotto_module *
loaded_descriptor(const struct loaded *loaded)
{
    return &loaded->module;
}

void
loader_close(struct loaded **take_loaded)
{
    struct loaded *loaded = *take_loaded;

    *take_loaded = NULL;
    if (!loaded)
        return;
    for (size_t i = 0; i < TABLES; i++)
        free(loaded->tables[i]);
    free(loaded);
}

/* ---- Head and tables ------------------------------------------------------------------------------- */

static int
check_head(const struct sotto_module *module, const char *file, struct sotto_err *err)
{
    if (module->magic != SOTTO_MODULE_MAGIC)
        return sotto_err_set(err, SOTTO_EPRECONDITION, "%s: is no module: wrong magic 0x%08x", file,
                             module->magic);
    if (module->abi_major != SOTTO_ABI_MAJOR)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "%s: built for ABI %u.%u, this server offers %u.%u; install a module "
                             "built for ABI %u or a %s server",
                             file, module->abi_major, module->abi_minor_built, SOTTO_ABI_MAJOR,
                             SOTTO_ABI_MINOR, SOTTO_ABI_MAJOR,
                             module->abi_major > SOTTO_ABI_MAJOR ? "newer" : "older");
    if (module->abi_minor_required > SOTTO_ABI_MINOR)
        return sotto_err_set(
            err, SOTTO_EPRECONDITION,
            "%s: needs ABI %u.%u, this server offers %u.%u; install a newer server", file,
            module->abi_major, module->abi_minor_required, SOTTO_ABI_MAJOR, SOTTO_ABI_MINOR);
    if (module->struct_size < MODULE_BYTES_1_0)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "%s: its descriptor has %u bytes, ABI 1.0 has %zu; build it again",
                             file, module->struct_size, MODULE_BYTES_1_0);
    return 0;
}

static int
copy_table(struct loaded *loaded, size_t i, const char *file, struct sotto_err *err)
{
    const struct table_shape *shape = &table_shapes[i];
    struct sotto_table *table = (struct sotto_table *)((char *)&loaded->module + shape->offset);
    const size_t size = table->item_size < shape->row_now ? table->item_size : shape->row_now;
    char *rows;

    if (table->count == 0) {
        *table = (struct sotto_table){.item_size = (uint32_t)shape->row_now};
        return 0;
    }
    if (!table->items || table->item_size < shape->row_1_0 || table->count > LOADER_ROWS_MAX)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "%s: its table %s is malformed (%u rows of %u bytes); build it again",
                             file, shape->name, table->count, table->item_size);
    rows = calloc(table->count, shape->row_now);
    if (!rows)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    loaded->tables[i] = rows;
    for (uint32_t row = 0; row < table->count; row++)
        memcpy(rows + row * shape->row_now,
               (const char *)table->items + (size_t)row * table->item_size, size);
    table->items = rows;
    table->item_size = (uint32_t)shape->row_now;
    return 0;
}

/* ---- Rows ------------------------------------------------------------------------------------------ */

/* "keyx/1" */
static bool
is_capability(const char *what)
{
    const char *slash = what ? strchr(what, '/') : NULL;

    return slash && slash > what && slash[1] >= '1' && slash[1] <= '9' &&
           strspn(slash + 1, "0123456789") == strlen(slash + 1) &&
           strspn(what, "abcdefghijklmnopqrstuvwxyz0123456789._") == (size_t)(slash - what);
}

static const char *
bad_dep(const struct sotto_module *module)
{
    const struct sotto_dep_row *rows = module->deps.items;

    for (uint32_t i = 0; i < module->deps.count; i++)
        if (rows[i].kind < SOTTO_DEP_PROVIDES || rows[i].kind > SOTTO_DEP_CONFLICTS ||
            !is_capability(rows[i].what))
            return rows[i].what ? rows[i].what : "(no name)";
    return NULL;
}

static const char *
bad_conf_row(const struct sotto_module *module)
{
    const struct sotto_conf_row *rows = module->config.items;

    for (uint32_t i = 0; i < module->config.count; i++) {
        const struct sotto_conf_row *row = &rows[i];
        struct conf_value value;
        char why[200];

        if (!row->name || !*row->name ||
            row->name[strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
            return row->name ? row->name : "(no name)";
        if (row->type < SOTTO_CONF_BOOL || row->type > SOTTO_CONF_SECRET ||
            (row->type == SOTTO_CONF_ENUM && (!row->choices || !*row->choices)) ||
            (row->preset && conf_check_value(row, row->preset, &value, why, sizeof(why)) != 0))
            return row->name;
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(rows[j].name, row->name) == 0)
                return row->name;
    }
    return NULL;
}

static const char *
bad_sql(const struct sotto_module *module)
{
    const struct sotto_migration_row *migrations = module->migrations.items;
    const struct sotto_stmt_row *statements = module->statements.items;

    for (uint32_t i = 0; i < module->migrations.count; i++)
        if (migrations[i].number != i + 1 || !migrations[i].name || !migrations[i].sql)
            return "migrations are numbered 1, 2, 3 … and have a name and SQL";
    for (uint32_t i = 0; i < module->statements.count; i++)
        if (!statements[i].sql)
            return "a statement has no SQL";
    return NULL;
}

static int
check_rows(const struct sotto_module *module, const char *file, struct sotto_err *err)
{
    const char *bad;

    if ((bad = bad_dep(module)))
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "%s: \"%.60s\" in deps is no capability such as \"name/1\"", file,
                             bad);
    if ((bad = bad_conf_row(module)))
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "%s: the conf key \"%.60s\" is malformed, doubled or refuses its own "
                             "preset",
                             file, bad);
    if ((bad = bad_sql(module)))
        return sotto_err_set(err, SOTTO_EPRECONDITION, "%s: %s", file, bad);
    return 0;
}

static int
check_members(const struct sotto_module *module, const char *file, const char *name,
              struct sotto_err *err)
{
    if (!module->name || strcmp(module->name, name) != 0)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "%s: holds the module \"%.40s\"; the file has to be named after it",
                             file, module->name ? module->name : "");
    if (!module->version || !module->summary || !module->license)
        return sotto_err_set(err, SOTTO_EPRECONDITION,
                             "%s: version, summary and license have to be set", file);
    if (!module->init || !module->fini)
        return sotto_err_set(err, SOTTO_EPRECONDITION, "%s: init and fini have to be set", file);
    return 0;
}

int
loader_normalise(const struct sotto_module *module, const char *file, const char *name,
                 struct loaded **loaded_out, struct sotto_err *err)
{
    struct loaded *loaded;
    size_t size;
    int error = check_head(module, file, err);

    if (error)
        return error;
    loaded = calloc(1, sizeof(*loaded));
    if (!loaded)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    size = module->struct_size < sizeof(*module) ? module->struct_size : sizeof(*module);
    memcpy(&loaded->module, module, size);
    error = check_members(&loaded->module, file, name, err);
    for (size_t i = 0; i < TABLES && !error; i++)
        error = copy_table(loaded, i, file, err);
    if (!error)
        error = check_rows(&loaded->module, file, err);
    if (error)
        loader_close(&loaded);
    else
        *loaded_out = loaded;
    return error;
}
