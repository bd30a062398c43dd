/* SPDX-License-Identifier: MIT */
/*
 * The log: one event is one line, on stderr and in a file, as text or as JSON.
 *
 * A line is at most 4 KiB; control characters, and bytes that are not UTF-8, are escaped, so that nobody can
 * forge a line or colour a terminal. The file is rotated by size (FILE.1 … FILE.n). Any thread; a line is
 * written with one write(2). An event is logged once, at the edge that decides what to do about it.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "sotto/module.h"

#define LOG_LINE_BYTES_MAX 4096

struct log;

struct log_options {
    int level;            /* enum sotto_log_level: the least important level that is written */
    bool json;            /* one JSON object a line instead of text */
    bool to_stderr;       /* as well as to the file */
    const char *file;     /* NULL: none */
    int64_t rotate_bytes; /* 0: never */
    uint32_t rotate_keep; /* rotated files kept */
};

/* Opens the file (0600). SOTTO_EIO with a sentence in err. */
int log_create(const struct log_options *, struct log **log_out, struct sotto_err *);
void log_destroy(struct log **);
void log_set_level(struct log *, int level);
bool log_enabled(const struct log *, int level);
/* Writes a line. module: "core" or a module's name. trace_id: NULL or "" for none. log NULL: stderr only,
 * for what happens before there is one. Any thread. */
void log_write(struct log *, int level, const char *module, const char *trace_id,
               const char *format, ...) SOTTO_PRINTF(5, 6);
void log_vwrite(struct log *, int level, const char *module, const char *trace_id,
                const char *format, va_list args);

/* The core's own lines. */
#define log_error(log, ...) log_write(log, SOTTO_LOG_ERROR, "core", NULL, __VA_ARGS__)
#define log_warn(log, ...) log_write(log, SOTTO_LOG_WARN, "core", NULL, __VA_ARGS__)
#define log_info(log, ...) log_write(log, SOTTO_LOG_INFO, "core", NULL, __VA_ARGS__)

#endif
