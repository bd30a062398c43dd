/* SPDX-License-Identifier: MIT */
/*
 * The conf language: text in, a tree of nodes with file and line out.
 *
 *     # a comment
 *     key = value                  "string", bare word, number with unit (30s, 16MiB), yes | no
 *     list = [a, "b", c]
 *     block "title" { key = value }      the title may be missing
 *     include "modules/chat.conf"        a glob, relative to the file that says it
 *     name = "${HOME}/x"                 an undefined variable is an error
 *
 * The reader knows no key: settings.c and module_conf.c check the tree against typed rows. Errors of all files
 * are collected as `file:line: key: message`, never only the first. A key that stands twice in one block is
 * an error; two blocks of one name and title are, too.
 */
#ifndef CORE_CONF_PARSE_H
#define CORE_CONF_PARSE_H

#include "core/buf.h"
#include "sotto/conf.h"

#define CONF_FILE_BYTES_MAX (1024 * 1024)
#define CONF_DEPTH_MAX 8    /* blocks in blocks, and includes in includes */
#define CONF_ERRORS_MAX 100 /* more are counted, not kept */

enum conf_node_kind {
    CONF_VALUE = 1, /* key = text */
    CONF_LIST,      /* key = [ … ]: children are values without key */
    CONF_BLOCK,     /* key "title" { … } */
};

struct conf_node {
    enum conf_node_kind kind;
    const char *key;   /* "" for the root and for list items */
    const char *title; /* block: what stands in quotes, or NULL */
    const char *text;  /* value: unquoted, variables filled in */
    const char *file;
    unsigned line;
    bool used; /* set by who checks the tree; what stays unset is an unknown key */
    struct conf_node *children, *next;
};

/* Errors as lines `file:line: key: message`, in the order they were found. All zero: none. */
struct conf_errors {
    struct buf text;
    size_t count;
};

struct textpool;

struct conf_tree {
    struct conf_node *root; /* a block; never NULL after a successful parse */
    /* Set before the parse, may be NULL: what is included from a folder of this name is not spliced in but
     * becomes a block `<section_dir> "<file name without .conf>"`. */
    const char *section_dir;
    struct textpool *pool;
};

/* Reads a file and what it includes. Returns 0 even if there were errors in the text (see errors);
 * SOTTO_ENOMEM otherwise. A file that cannot be read is an error in errors. */
int conf_parse_file(struct conf_tree *, const char *path, struct conf_errors *);
/* The same from memory; file is the name in errors, includes are relative to its folder. */
int conf_parse_text(struct conf_tree *, const char *file, const char *text, size_t size,
                    struct conf_errors *);
void conf_tree_fini(struct conf_tree *);

/* The child with this key (and title; NULL: without title), or NULL. */
struct conf_node *conf_find(const struct conf_node *block, const char *key, const char *title);
/* conf_error about a value that is in force, for checks that come when all is read: at the line of key in the block
 * `block "title"` (title may be NULL) below root (may be NULL), if text (NULL: anything) stands there; else it came by
 * a flag or a preset, and the block is named in place of the file. */
void conf_error_value(struct conf_errors *, const struct conf_node *root, const char *block,
                      const char *title, const char *key, const char *text, const char *why);

void conf_errors_fini(struct conf_errors *);
/* key may be NULL, line 0. */
void conf_error(struct conf_errors *, const char *file, unsigned line, const char *key,
                const char *format, ...) SOTTO_PRINTF(5, 6);
void conf_verror(struct conf_errors *, const char *file, unsigned line, const char *key,
                 const char *format, va_list args);

/* The name among `count` names that the reader most likely meant, or NULL if none is near. */
const char *conf_suggest(const char *word, const char *const *names, size_t count);

/* A checked value. Integers, sizes, durations, bool (0, 1) and enum (index) stand in number. */
struct conf_value {
    int64_t number;
    const char *text;
};

/* Checks text against a row (type, range, choices). Returns 0 and the value, whose text points to text;
 * SOTTO_EINVALID with a message (at most why_size bytes) otherwise. PATH and SECRET are taken as text. */
int conf_check_value(const struct sotto_conf_row *row, const char *text,
                     struct conf_value *value_out, char *why, size_t why_size);
/* Writes number as the file would have it: "30s", "16MiB", "yes", the choice. */
void conf_print_value(const struct sotto_conf_row *row, int64_t number, struct buf *out);
/* Content of a SECRET (file:PATH or env:NAME) without the last newline; the caller wipes and frees it.
 * SOTTO_EINVALID with a message: no such file, others may read the file, empty, over 64 KiB. */
int conf_read_secret(const char *reference, char **content_out, char *why, size_t why_size);

#endif
