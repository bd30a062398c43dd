/* SPDX-License-Identifier: MIT */
/* settings_dump and settings_document: the rows of settings_rows.c and their values as a conf file. */
#include "core/conf_text.h"
#include "core/settings.h"

#include <string.h>

/* Whether values of the type stand in quotes. */
static bool
is_text(enum sotto_conf_type type)
{
    return type == SOTTO_CONF_STRING || type == SOTTO_CONF_PATH || type == SOTTO_CONF_SECRET;
}

static void
put_quoted(struct buf *out, const char *text)
{
    buf_puts(out, "\"");
    for (; *text; text++) {
        if (strchr("\"\\", *text) || (text[0] == '$' && text[1] == '{'))
            buf_printf(out, "\\%c", *text);
        else if (*text == '\n' || *text == '\t')
            buf_puts(out, *text == '\n' ? "\\n" : "\\t");
        else
            buf_add(out, text, 1);
    }
    buf_puts(out, "\"");
}

/* Lines "# …" of at most 98 columns. */
static void
put_comment(struct buf *out, int indent, const char *text)
{
    const int width = 96 - indent;

    while (*text) {
        int length = (int)strlen(text);

        if (length > width) {
            length = width;
            while (length > 0 && text[length] != ' ')
                length--;
            if (length == 0)
                length = width;
        }
        buf_printf(out, "%*s# %.*s\n", indent, "", length, text);
        text += length;
        text += strspn(text, " ");
    }
}

void
conf_text_row(struct buf *out, int indent, const struct sotto_conf_row *row)
{
    struct buf note = {0};

    buf_puts(&note, row->doc ? row->doc : "");
    if (row->type == SOTTO_CONF_ENUM)
        buf_printf(&note, " One of %s.", row->choices);
    else if ((row->min || row->max) && !is_text(row->type)) {
        buf_puts(&note, " From ");
        conf_print_value(row, row->min, &note);
        buf_puts(&note, " to ");
        conf_print_value(row, row->max, &note);
        buf_puts(&note, ".");
    } else if (row->type == SOTTO_CONF_SECRET) {
        buf_puts(&note, " A secret: file:PATH (mode 0600) or env:NAME.");
    }
    put_comment(out, indent, buf_text(&note));
    buf_fini(&note);
    if (!row->preset && (row->flags & SOTTO_CONF_REQUIRED)) {
        buf_printf(out, "%*s# %s =     (has to be set)\n", indent, "", row->name);
        return;
    }
    buf_printf(out, "%*s# %s = ", indent, "", row->name);
    if (!row->preset)
        buf_puts(out, "\"\"");
    else if (is_text(row->type))
        put_quoted(out, row->preset);
    else
        buf_puts(out, row->preset);
    buf_puts(out, "\n");
}

void
conf_text_value(struct buf *out, int indent, const struct sotto_conf_row *row, int64_t number,
                const char *text)
{
    if (is_text(row->type) && !text)
        return;
    buf_printf(out, "%*s%s = ", indent, "", row->name);
    if (is_text(row->type))
        put_quoted(out, text);
    else
        conf_print_value(row, number, out);
    buf_puts(out, "\n");
}

/* ---- The server's blocks --------------------------------------------------------------------------- */

static void
print_value(struct buf *out, int indent, const void *base, const struct settings_row *row)
{
    const void *place = (const char *)base + row->offset;

    if (row->row.type == SOTTO_CONF_BOOL)
        conf_text_value(out, indent, &row->row, *(const bool *)place, NULL);
    else if (is_text(row->row.type))
        conf_text_value(out, indent, &row->row, 0, *(const char *const *)place);
    else
        conf_text_value(out, indent, &row->row, *(const int64_t *)place, NULL);
}

/* The block with those inside it; base NULL: the commented presets. */
static void
print_block(struct buf *out, int indent, const void *base, const struct settings_block *block)
{
    const bool root = *block->key == '\0';
    const int inner = root ? indent : indent + 4;

    if (!base)
        put_comment(out, indent, block->doc);
    if (!root && block->title)
        buf_printf(out, "%*s%s \"%s\" {\n", indent, "", block->key, block->title);
    else if (!root)
        buf_printf(out, "%*s%s {\n", indent, "", block->key);
    for (size_t i = 0; i < block->count; i++) {
        if (base)
            print_value(out, inner, base, &block->rows[i]);
        else
            conf_text_row(out, inner, &block->rows[i].row);
    }
    for (size_t i = 0; !root && i < settings_block_count; i++) {
        if (settings_blocks[i].parent && strcmp(settings_blocks[i].parent, block->key) == 0) {
            if (!base)
                buf_puts(out, "\n");
            print_block(out, inner, base, &settings_blocks[i]);
        }
    }
    if (!root)
        buf_printf(out, "%*s}\n", indent, "");
    if (!base)
        buf_puts(out, "\n");
}

void
settings_dump(const struct settings *settings, struct buf *out)
{
    for (size_t i = 0; i < settings_block_count; i++)
        if (!settings_blocks[i].parent)
            print_block(out, 0, settings, &settings_blocks[i]);
    for (size_t i = 0; i < settings->module_count; i++) {
        buf_printf(out, "module \"%s\" {\n", settings->modules[i].name);
        for (size_t j = 0; j < settings_module_block.count; j++)
            print_value(out, 4, &settings->modules[i], &settings_module_block.rows[j]);
        buf_puts(out, "}\n");
    }
}

void
settings_document(struct buf *out)
{
    buf_puts(
        out,
        "# The conf file of sottod. Every key is here with its preset; what stands behind a \"#\" is in\n"
        "# force unless it is written otherwise. Units: ms s m h d, and B KiB MiB GiB. ${NAME} is\n"
        "# a variable of the environment. `sottod -c FILE --check-config` finds every mistake.\n"
        "# Made by `sottod --config-doc`.\n\n");
    for (size_t i = 0; i < settings_block_count; i++)
        if (!settings_blocks[i].parent)
            print_block(out, 0, NULL, &settings_blocks[i]);
}
