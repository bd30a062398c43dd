/* SPDX-License-Identifier: MIT */
/*
 * The order in which modules start: providers before those that need them, otherwise the order of the conf file.
 * All complaints come at once, so that an operator mends a conf file in one go.
 */
#include "core/loader_impl.h"
#include "core/settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct order {
    struct loader_node *nodes;
    size_t count;
    struct conf_errors *errors, *warnings;
};

bool
loader_provides(const struct sotto_module *module, const char *what)
{
    const struct sotto_dep_row *rows = module->deps.items;
    const size_t size = strlen(module->name);

    if (strncmp(what, module->name, size) == 0 && strcmp(what + size, "/1") == 0)
        return true;
    for (uint32_t i = 0; i < module->deps.count; i++)
        if (rows[i].kind == SOTTO_DEP_PROVIDES && strcmp(rows[i].what, what) == 0)
            return true;
    return false;
}

/* Index of the provider among the modules that are not dropped, or count. */
static size_t
find_provider(const struct order *order, const char *what)
{
    size_t i = 0;

    while (i < order->count &&
           (order->nodes[i].dropped || !loader_provides(order->nodes[i].descriptor, what)))
        i++;
    return i;
}

/* A module cannot start: an error if it is required, otherwise it is left out. */
static void SOTTO_PRINTF(3, 4)
    refuse(struct order *order, struct loader_node *node, const char *format, ...)
{
    char key[64];
    va_list args;

    snprintf(key, sizeof(key), "module \"%s\"", node->descriptor->name);
    va_start(args, format);
    conf_verror(node->required ? order->errors : order->warnings, node->file, node->line, key,
                format, args);
    va_end(args);
    node->dropped = true;
}

/* Looks at one row; returns whether the module was dropped for it. */
static bool
check_dep(struct order *order, struct loader_node *node, const struct sotto_dep_row *row)
{
    const size_t provider = find_provider(order, row->what);
    const bool other = provider < order->count && &order->nodes[provider] != node;

    if (row->kind == SOTTO_DEP_REQUIRES && provider == order->count)
        refuse(order, node,
               "requires \"%s\", which no enabled module provides; enable the module that does, or "
               "set enabled = no here",
               row->what);
    else if (row->kind == SOTTO_DEP_CONFLICTS && other)
        refuse(order, node,
               "cannot run beside \"%s\", which module \"%s\" provides; disable one of "
               "them",
               row->what, order->nodes[provider].descriptor->name);
    else if (row->kind == SOTTO_DEP_PROVIDES && other && &order->nodes[provider] < node)
        refuse(order, node, "provides \"%s\", and so does module \"%s\"; disable one of them",
               row->what, order->nodes[provider].descriptor->name);
    return node->dropped;
}

/* Drops modules until nobody misses anything. */
static void
check_deps(struct order *order)
{
    bool again = true;

    while (again) {
        again = false;
        for (size_t i = 0; i < order->count; i++) {
            struct loader_node *node = &order->nodes[i];
            const struct sotto_dep_row *rows = node->descriptor->deps.items;

            for (uint32_t j = 0; j < node->descriptor->deps.count && !node->dropped; j++)
                again |= check_dep(order, node, &rows[j]);
        }
    }
}

/* Whether node a has to start after node b. */
static bool
needs(const struct loader_node *a, const struct loader_node *b)
{
    const struct sotto_dep_row *rows = a->descriptor->deps.items;

    for (uint32_t i = 0; i < a->descriptor->deps.count && a != b; i++)
        if ((rows[i].kind == SOTTO_DEP_REQUIRES || rows[i].kind == SOTTO_DEP_OPTIONAL) &&
            loader_provides(b->descriptor, rows[i].what))
            return true;
    return false;
}

static bool
is_ready(const struct order *order, size_t i, const bool *placed)
{
    for (size_t j = 0; j < order->count; j++)
        if (!placed[j] && !order->nodes[j].dropped && needs(&order->nodes[i], &order->nodes[j]))
            return false;
    return true;
}

/* From any module that could not be placed, following needs leads into a circle. */
static void
report_circle(struct order *order, const bool *placed)
{
    size_t at = 0, path[SETTINGS_MODULES_MAX], length = 0, start;
    struct buf text = {0};
    struct loader_node *node;

    while (placed[at] || order->nodes[at].dropped)
        at++;
    for (;;) {
        start = 0;
        while (start < length && path[start] != at)
            start++;
        if (start < length)
            break;
        path[length++] = at;
        for (size_t next = 0; next < order->count; next++) {
            if (!placed[next] && !order->nodes[next].dropped &&
                needs(&order->nodes[at], &order->nodes[next])) {
                at = next;
                break;
            }
        }
    }
    for (size_t i = start; i < length; i++)
        buf_printf(&text, "%s -> ", order->nodes[path[i]].descriptor->name);
    node = &order->nodes[path[start]];
    conf_error(order->errors, node->file, node->line, "module",
               "modules need one another in a circle: %s%s", buf_text(&text),
               node->descriptor->name);
    buf_fini(&text);
}

int
loader_order(struct loader_node *nodes, size_t count, size_t *order_out, struct conf_errors *errors,
             struct conf_errors *warnings)
{
    struct order order = {.nodes = nodes, .count = count, .errors = errors, .warnings = warnings};
    bool placed[SETTINGS_MODULES_MAX] = {false};
    const size_t errors_before = errors->count;
    size_t done = 0, left = 0;

    assert(count <= SETTINGS_MODULES_MAX);
    check_deps(&order);
    for (size_t i = 0; i < count; i++)
        left += !nodes[i].dropped;
    while (done < left) {
        size_t i = 0;

        while (i < count && (placed[i] || nodes[i].dropped || !is_ready(&order, i, placed)))
            i++;
        if (i == count) {
            report_circle(&order, placed);
            break;
        }
        placed[i] = true;
        order_out[done++] = i;
    }
    return errors->count > errors_before ? SOTTO_EPRECONDITION : (int)done;
}
