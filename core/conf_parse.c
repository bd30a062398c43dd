/* SPDX-License-Identifier: MIT */
/*
 * See conf_parse.h. A hand-written reader: characters become tokens, tokens become nodes, in one pass. After a
 * mistake the reader goes on with the next line, so that one run shows all of them. Every file stays in the
 * tree's pool, and so does every string of the tree.
 */
#include "core/conf_parse.h"

#include "core/conf_token.h"
#include "core/textpool.h"
#include "core/utf8.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

static int read_file_into(struct conf_tree *tree, struct conf_node *block, const char *path,
                          int depth, struct conf_errors *errors);

/* ---- Errors ---------------------------------------------------------------------------------------- */

void
conf_errors_fini(struct conf_errors *errors)
{
    buf_fini(&errors->text);
    errors->count = 0;
}

void
conf_verror(struct conf_errors *errors, const char *file, unsigned line, const char *key,
            const char *format, va_list args)
{
    if (errors->count++ >= CONF_ERRORS_MAX)
        return;
    if (line)
        buf_printf(&errors->text, "%s:%u: ", file, line);
    else if (file)
        buf_printf(&errors->text, "%s: ", file);
    if (key && *key)
        buf_printf(&errors->text, "%s: ", key);
    buf_vprintf(&errors->text, format, args);
    buf_puts(&errors->text, "\n");
}

void
conf_error(struct conf_errors *errors, const char *file, unsigned line, const char *key,
           const char *format, ...)
{
    va_list args;

    va_start(args, format);
    conf_verror(errors, file, line, key, format, args);
    va_end(args);
}

/* ---- Nodes ----------------------------------------------------------------------------------------- */

static struct conf_node *
node_create(struct conf_reader *reader, enum conf_node_kind kind, const char *key, unsigned line)
{
    struct conf_node *node = textpool_alloc(reader->tree->pool, sizeof(*node));

    if (!node) {
        reader->out_of_memory = true;
        return NULL;
    }
    node->kind = kind;
    node->key = key;
    node->file = reader->file;
    node->line = line;
    return node;
}

static bool
same_name(const struct conf_node *a, const struct conf_node *b)
{
    if (strcmp(a->key, b->key) != 0)
        return false;
    if (a->kind != CONF_BLOCK || b->kind != CONF_BLOCK)
        return true;
    return strcmp(a->title ? a->title : "", b->title ? b->title : "") == 0;
}

/* Appends, unless a node of this name is there. */
static void
append_unique(struct conf_reader *reader, struct conf_node *block, struct conf_node *node)
{
    struct conf_node **end = &block->children;

    for (; *end; end = &(*end)->next) {
        if (!same_name(*end, node))
            continue;
        conf_error(reader->errors, node->file, node->line, node->key,
                   "stands here for the second time, first in %s:%u", (*end)->file, (*end)->line);
        return;
    }
    *end = node;
}

/* After a mistake: goes on with the next line. */
static void
recover(struct conf_reader *reader)
{
    const unsigned line = reader->token.line;

    if (reader->line == line)
        conf_token_skip_line(reader);
    conf_token_next(reader);
}

/* Says what should stand at the token, for a statement of this line. A token of a later line begins the next
 * statement and is left alone. */
static void
syntax_error(struct conf_reader *reader, const char *key, unsigned line, const char *wanted)
{
    if (reader->token.kind == TOKEN_END)
        conf_error(reader->errors, reader->file, line, key, "the file ends where %s should stand",
                   wanted);
    else if (reader->token.kind != TOKEN_WRONG)
        conf_error(reader->errors, reader->file, line, key, "%s should stand here", wanted);
    if (reader->token.line == line)
        recover(reader);
}

static void
parse_list(struct conf_reader *reader, struct conf_node *list)
{
    struct conf_node **end = &list->children;

    conf_token_next(reader);
    while (!conf_token_is(reader, ']')) {
        struct conf_node *item;

        if (reader->token.kind != TOKEN_WORD && reader->token.kind != TOKEN_STRING) {
            syntax_error(reader, list->key, reader->token.line, "a value or \"]\"");
            return;
        }
        item = node_create(reader, CONF_VALUE, "", reader->token.line);
        if (!item)
            return;
        item->text = reader->token.text;
        *end = item;
        end = &item->next;
        conf_token_next(reader);
        if (conf_token_is(reader, ','))
            conf_token_next(reader);
    }
    conf_token_next(reader);
}

/* key = …, with the "=" under the eyes. */
static void
parse_assignment(struct conf_reader *reader, struct conf_node *block, const char *key,
                 unsigned line)
{
    struct conf_node *node;

    conf_token_next(reader);
    if (conf_token_is(reader, '[')) {
        node = node_create(reader, CONF_LIST, key, line);
        if (!node)
            return;
        parse_list(reader, node);
    } else if ((reader->token.kind == TOKEN_WORD || reader->token.kind == TOKEN_STRING) &&
               reader->token.line == line) {
        node = node_create(reader, CONF_VALUE, key, line);
        if (!node)
            return;
        node->text = reader->token.text;
        conf_token_next(reader);
    } else {
        syntax_error(reader, key, line, "a value");
        return;
    }
    append_unique(reader, block, node);
}

static int
include_one(struct conf_reader *reader, struct conf_node *block, const char *path)
{
    struct conf_tree *tree = reader->tree;
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(path, '.');
    const size_t dir_size = tree->section_dir ? strlen(tree->section_dir) : 0;
    struct conf_node *section = block;

    /* A file of the folder of sections is a block of its own: <section_dir> "file name without .conf". */
    if (dir_size && slash && (size_t)(slash - path) >= dir_size &&
        strncmp(slash - dir_size, tree->section_dir, dir_size) == 0 &&
        (slash - path == (ptrdiff_t)dir_size || slash[-1 - (ptrdiff_t)dir_size] == '/')) {
        const size_t size = dot && dot > slash ? (size_t)(dot - slash - 1) : strlen(slash + 1);

        section = node_create(reader, CONF_BLOCK, tree->section_dir, reader->line);
        if (!section)
            return SOTTO_ENOMEM;
        section->title = textpool_copy(tree->pool, slash + 1, size);
        section->file = textpool_copy(tree->pool, path, strlen(path));
        section->line = 0;
        if (!section->title || !section->file)
            return SOTTO_ENOMEM;
        append_unique(reader, block, section);
    }
    return read_file_into(tree, section, path, reader->depth + 1, reader->errors);
}

/* include "…", with the text under the eyes. */
static void
parse_include(struct conf_reader *reader, struct conf_node *block)
{
    const char *slash = strrchr(reader->file, '/');
    const char *text = reader->token.text;
    const unsigned line = reader->token.line;
    struct buf pattern = {0};
    glob_t found = {0};

    if (text[0] != '/' && slash)
        buf_add(&pattern, reader->file, (size_t)(slash - reader->file) + 1);
    buf_puts(&pattern, text);
    if (glob(buf_text(&pattern), 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            if (include_one(reader, block, found.gl_pathv[i]) != 0)
                reader->out_of_memory = true;
    } else if (!strpbrk(text, "*?[")) {
        /* A pattern may match nothing, a plain name must be there. */
        conf_error(reader->errors, reader->file, line, "include", "there is no file %s",
                   buf_text(&pattern));
    }
    globfree(&found);
    buf_fini(&pattern);
    conf_token_next(reader);
}

static bool
is_key(const char *text)
{
    return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static void parse_statements(struct conf_reader *reader, struct conf_node *block, bool top);

/* key "title" { … }, with the title or the "{" under the eyes. */
static void
parse_block(struct conf_reader *reader, struct conf_node *block, const char *key, unsigned line)
{
    struct conf_node *node = node_create(reader, CONF_BLOCK, key, line);

    if (!node)
        return;
    if (reader->token.kind == TOKEN_STRING) {
        node->title = reader->token.text;
        conf_token_next(reader);
    }
    if (!conf_token_is(reader, '{')) {
        syntax_error(reader, key, line, "\"{\"");
        return;
    }
    if (reader->depth >= CONF_DEPTH_MAX) {
        conf_error(reader->errors, reader->file, line, key, "blocks are nested too deeply");
        recover(reader);
        return;
    }
    append_unique(reader, block, node);
    reader->depth++;
    conf_token_next(reader);
    parse_statements(reader, node, false);
    reader->depth--;
    if (conf_token_is(reader, '}'))
        conf_token_next(reader);
    else
        conf_error(reader->errors, reader->file, line, key, "the block has no closing \"}\"");
}

/* A word with nothing of its own behind it. */
static void
lone_key(struct conf_reader *reader, const struct conf_token *word)
{
    if (reader->token.kind != TOKEN_WRONG)
        conf_error(reader->errors, reader->file, word->line, word->text,
                   "has no value: write \"%.40s = VALUE\", or \"%.40s { ... }\" for a block",
                   word->text, word->text);
    if (reader->token.line == word->line)
        recover(reader);
}

static void
parse_statement(struct conf_reader *reader, struct conf_node *block)
{
    const struct conf_token word = reader->token;

    if (word.kind != TOKEN_WORD) {
        syntax_error(reader, NULL, word.line, "a key");
        return;
    }
    conf_token_next(reader);
    if (strcmp(word.text, "include") == 0 && reader->token.kind == TOKEN_STRING)
        parse_include(reader, block);
    else if (!is_key(word.text)) {
        conf_error(reader->errors, reader->file, word.line, word.text,
                   "is no key: keys are made of a-z, 0-9, \"_\" and \"-\"");
        if (reader->token.line == word.line)
            recover(reader);
    } else if (conf_token_is(reader, '='))
        parse_assignment(reader, block, word.text, word.line);
    else if (conf_token_is(reader, '{') || reader->token.kind == TOKEN_STRING)
        parse_block(reader, block, word.text, word.line);
    else
        lone_key(reader, &word);
}

static void
parse_statements(struct conf_reader *reader, struct conf_node *block, bool top)
{
    while (reader->token.kind != TOKEN_END) {
        if (conf_token_is(reader, '}')) {
            if (!top)
                return;
            conf_error(reader->errors, reader->file, reader->token.line, NULL,
                       "\"}\" without a block");
            conf_token_next(reader);
        } else if (conf_token_is(reader, ';')) {
            conf_token_next(reader);
        } else {
            parse_statement(reader, block);
        }
    }
}

/* ---- Files ----------------------------------------------------------------------------------------- */

static int
parse_into(struct conf_tree *tree, struct conf_node *block, const char *file, const char *text,
           size_t size, int depth, struct conf_errors *errors)
{
    struct conf_reader reader = {
        .tree = tree, .errors = errors, .at = text, .end = text + size, .line = 1, .depth = depth};

    reader.file = textpool_copy(tree->pool, file, strlen(file));
    if (!reader.file)
        return SOTTO_ENOMEM;
    if (memchr(text, '\0', size) || !utf8_valid(text, size)) {
        conf_error(errors, reader.file, 1, NULL, "the file is not UTF-8 text");
        return 0;
    }
    conf_token_next(&reader);
    parse_statements(&reader, block, true);
    return reader.out_of_memory ? SOTTO_ENOMEM : 0;
}

static int
read_file_into(struct conf_tree *tree, struct conf_node *block, const char *path, int depth,
               struct conf_errors *errors)
{
    FILE *file;
    struct buf text = {.limit = CONF_FILE_BYTES_MAX};
    char piece[4096];
    size_t got;
    int error = 0;

    if (depth > CONF_DEPTH_MAX) {
        conf_error(errors, path, 0, NULL, "files include one another too deeply");
        return 0;
    }
    file = fopen(path, "re");
    if (!file) {
        conf_error(errors, path, 0, NULL, "cannot be read: %s", strerror(errno));
        return 0;
    }
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(&text, piece, got);
    if (ferror(file))
        conf_error(errors, path, 0, NULL, "cannot be read: %s", strerror(errno));
    else if (text.failed)
        conf_error(errors, path, 0, NULL, "is larger than %d bytes", CONF_FILE_BYTES_MAX);
    else
        error = parse_into(tree, block, path, buf_text(&text), text.size, depth, errors);
    fclose(file);
    buf_fini(&text);
    return error;
}

/* Makes the pool and the root. */
static int
tree_init(struct conf_tree *tree, const char *file)
{
    tree->root = NULL;
    tree->pool = calloc(1, sizeof(struct textpool));
    if (!tree->pool)
        return SOTTO_ENOMEM;
    tree->root = textpool_alloc(tree->pool, sizeof(*tree->root));
    if (!tree->root)
        return SOTTO_ENOMEM;
    tree->root->kind = CONF_BLOCK;
    tree->root->key = "";
    tree->root->file = textpool_copy(tree->pool, file, strlen(file));
    return tree->root->file ? 0 : SOTTO_ENOMEM;
}

int
conf_parse_file(struct conf_tree *tree, const char *path, struct conf_errors *errors)
{
    const int error = tree_init(tree, path);

    return error ? error : read_file_into(tree, tree->root, path, 0, errors);
}

int
conf_parse_text(struct conf_tree *tree, const char *file, const char *text, size_t size,
                struct conf_errors *errors)
{
    const int error = tree_init(tree, file);

    return error ? error : parse_into(tree, tree->root, file, text, size, 0, errors);
}

void
conf_tree_fini(struct conf_tree *tree)
{
    if (tree->pool)
        textpool_fini(tree->pool);
    free(tree->pool);
    tree->pool = NULL;
    tree->root = NULL;
}

struct conf_node *
conf_find(const struct conf_node *block, const char *key, const char *title)
{
    for (struct conf_node *node = block->children; node; node = node->next) {
        if (strcmp(node->key, key) != 0)
            continue;
        if (!title ? node->title == NULL : node->title && strcmp(node->title, title) == 0)
            return node;
    }
    return NULL;
}

void
conf_error_value(struct conf_errors *errors, const struct conf_node *root, const char *block,
                 const char *title, const char *key, const char *text, const char *why)
{
    const struct conf_node *at = root ? conf_find(root, block, title) : NULL;
    const struct conf_node *node = at ? conf_find(at, key, NULL) : NULL;
    char name[64];

    if (title)
        snprintf(name, sizeof(name), "%s \"%s\"", block, title);
    else
        snprintf(name, sizeof(name), "%s", block);
    if (node && node->kind == CONF_VALUE && (!text || strcmp(node->text, text) == 0))
        conf_error(errors, node->file, node->line, key, "%s", why);
    else
        conf_error(errors, name, 0, key, "%s", why);
}
