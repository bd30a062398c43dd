/* SPDX-License-Identifier: MIT */
/*
 * Configuration of a module: typed rows in, checked values out.
 *
 * A module lists its keys in a table of struct sotto_conf_row. The host reads conf/modules/<name>.conf
 * against that table, reports every unknown key, wrong type and value out of range with file and line,
 * and hands the result over as struct sotto_conf. The commented conf file, --dump-config and the docs
 * are made from the same rows.
 */
#ifndef SOTTO_CONF_H
#define SOTTO_CONF_H

#include "sotto/types.h"

enum sotto_conf_type {
    SOTTO_CONF_BOOL = 1, /* yes | no */
    SOTTO_CONF_INT,      /* signed 64 bits */
    SOTTO_CONF_SIZE,     /* bytes; KiB, MiB, GiB */
    SOTTO_CONF_DURATION, /* milliseconds; ms, s, m, h, d */
    SOTTO_CONF_STRING,   /* UTF-8 */
    SOTTO_CONF_ENUM,     /* one of .choices */
    SOTTO_CONF_PATH,     /* a relative path is below the data folder */
    SOTTO_CONF_SECRET,   /* file:PATH or env:NAME; never printed */
};

enum sotto_conf_flags {
    SOTTO_CONF_REQUIRED = 1 << 0, /* no default: the key must be set */
};

struct sotto_conf_row {
    const char *name;          /* [a-z0-9_]+ */
    enum sotto_conf_type type; /* of the value */
    uint32_t flags;            /* enum sotto_conf_flags */
    const char *preset;        /* the default as it would be written in the file; NULL: none */
    int64_t min, max; /* inclusive, in the base unit; both 0: unbounded. Strings: length in bytes */
    const char *choices; /* ENUM: "a|b|c" */
    const char *doc;     /* one or two sentences, printed into the generated conf file */
};

/* Checked values of one module; borrowed, valid until the module's fini returns. */
struct sotto_conf;

/* sotto.conf/1. Every getter asserts that the key is a row of the calling module. Logic thread. */
struct sotto_conf_api {
    uint32_t struct_size;
    bool (*get_bool)(const struct sotto_conf *, const char *key);
    /* INT, SIZE, DURATION; ENUM: the index of the choice. */
    int64_t (*get_int)(const struct sotto_conf *, const char *key);
    /* STRING, ENUM, PATH (made absolute); SECRET: its content, NUL-terminated. Borrowed like the conf.
     * NULL when the key has neither value nor default. */
    const char *(*get_string)(const struct sotto_conf *, const char *key);
    /* Reports an error at the line where the key stands (or at the module's block). Only in
     * configure(); may be called several times; the start is refused with all of them. */
    void (*error)(const struct sotto_conf *, const char *key, const char *format, ...)
        SOTTO_PRINTF(3, 4);
};

#endif
