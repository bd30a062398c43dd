/* SPDX-License-Identifier: MIT */
/*
 * The conf language, and each value that it finds against a row of every type. What says `include` is left out: it
 * would read files of the machine that runs this.
 */
#include "fuzz.h"

#include "core/conf_parse.h"

#include <assert.h>
#include <string.h>

#define TEXT_BYTES_MAX 4096

static void
check_value(const struct conf_node *node)
{
    struct sotto_conf_row row = {.name = "key", .min = 0, .max = 1 << 20, .choices = "one|two"};
    struct conf_value value;
    struct buf text = {0};
    char why[256];

    for (int type = SOTTO_CONF_BOOL; type <= SOTTO_CONF_SECRET; type++) {
        row.type = (enum sotto_conf_type)type;
        if (conf_check_value(&row, node->text, &value, why, sizeof(why)) == 0 &&
            type != SOTTO_CONF_SECRET)
            conf_print_value(&row, value.number, &text);
    }
    buf_fini(&text);
}

static void
walk(const struct conf_node *node, int depth)
{
    for (; node != NULL; node = node->next) {
        assert(depth <= CONF_DEPTH_MAX + 1); /* the items of a list in the innermost block */
        assert(node->key != NULL && node->file != NULL);
        if (node->kind == CONF_VALUE)
            check_value(node);
        walk(node->children, depth + 1);
    }
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    struct conf_tree tree = {0};
    struct conf_errors errors = {0};
    bool accepted;

    (void)state;
    if (size > TEXT_BYTES_MAX || memmem(data, size, "include", 7) != NULL)
        return false;
    assert(conf_parse_text(&tree, "fuzz.conf", (const char *)data, size, &errors) == 0);
    walk(tree.root->children, 0);
    accepted = errors.count == 0;
    conf_tree_fini(&tree);
    conf_errors_fini(&errors);
    return accepted;
}

const struct fuzz_target fuzz_target = {.name = "conf", .one = one};
