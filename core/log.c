/* SPDX-License-Identifier: MIT */
/*
 * See log.h. A line is made on the stack of the caller and written with one write(2) under the log's lock, so
 * lines of several threads never mix. The level is atomic; nothing else changes after log_create.
 */
#include "core/log.h"

#include "core/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_BYTES_MAX 3072
#define ROOM_FOR_END 8

static const char *const level_names[] = {"error", "warn", "info", "debug"};

struct log {
    atomic_int level;
    bool json, to_stderr;
    char *path;
    int fd;
    int64_t size, rotate_bytes;
    uint32_t rotate_keep;
    pthread_mutex_t lock; /* fd, size, and the order of lines */
};

/* A line that is being made; the end of the array stays free for the closing characters. */
struct line {
    char text[LOG_LINE_BYTES_MAX];
    size_t size;
    bool full;
};

/* ---- One line -------------------------------------------------------------------------------------- */

/* Adds a piece whole or not at all, and after a piece that did not fit nothing more: what is cut is never an
 * escape or a character. */
static void
line_add(struct line *line, const char *text, size_t size)
{
    const size_t room = sizeof(line->text) - ROOM_FOR_END - line->size;

    if (size > room)
        line->full = true;
    if (line->full)
        return;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void
line_puts(struct line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

/* What a terminal or a reader of lines could take for something else, as an escape. */
static void
line_escape(struct line *line, const char *text, bool json)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *const end = at + strlen(text);

    while (at < end) {
        const size_t size = utf8_sequence(at, (size_t)(end - at));
        /* C1 controls are two bytes in UTF-8; U+2028 and U+2029 end a line for some readers. */
        const bool control =
            *at < 0x20 || *at == 0x7f || (size == 2 && *at == 0xc2 && at[1] < 0xa0);
        char escaped[16];

        if (size == 0 || (control && size == 2)) {
            snprintf(escaped, sizeof(escaped), json ? "\\u00%02x" : "\\x%02x",
                     size == 2 ? at[1] : at[0]);
            line_puts(line, escaped);
            at += size ? size : 1;
            continue;
        }
        if (control) {
            snprintf(escaped, sizeof(escaped), json ? "\\u%04x" : "\\x%02x", *at);
            line_puts(line, escaped);
        } else if (*at == '\\' || (json && *at == '"')) {
            escaped[0] = '\\';
            escaped[1] = (char)*at;
            line_add(line, escaped, 2);
        } else {
            line_add(line, (const char *)at, size);
        }
        at += size;
    }
}

/* 2026-11-21T07:03:32.123Z */
static void
line_time(struct line *line)
{
    struct timespec now;
    struct tm utc;
    char text[40];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    line_puts(line, text);
    snprintf(text, sizeof(text), ".%03dZ", (int)(now.tv_nsec / 1000000));
    line_puts(line, text);
}

static void
make_text(struct line *line, int level, const char *module, const char *trace_id,
          const char *message)
{
    line_time(line);
    line_puts(line, " ");
    line_puts(line, level_names[level]);
    line_puts(line, " ");
    line_escape(line, module, false);
    if (trace_id && *trace_id) {
        line_puts(line, " [");
        line_escape(line, trace_id, false);
        line_puts(line, "]");
    }
    line_puts(line, ": ");
    line_escape(line, message, false);
    line->text[line->size++] = '\n';
}

static void
make_json(struct line *line, int level, const char *module, const char *trace_id,
          const char *message)
{
    line_puts(line, "{\"time\":\"");
    line_time(line);
    line_puts(line, "\",\"level\":\"");
    line_puts(line, level_names[level]);
    line_puts(line, "\",\"module\":\"");
    line_escape(line, module, true);
    if (trace_id && *trace_id) {
        line_puts(line, "\",\"trace\":\"");
        line_escape(line, trace_id, true);
    }
    line_puts(line, "\",\"message\":\"");
    line_escape(line, message, true);
    memcpy(line->text + line->size, "\"}\n", 3);
    line->size += 3;
}

/* ---- File ------------------------------------------------------------------------------------------ */

static int
open_file(struct log *log)
{
    struct stat stat;

    log->fd = open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log->fd < 0)
        return SOTTO_EIO;
    log->size = fstat(log->fd, &stat) == 0 ? stat.st_size : 0;
    return 0;
}

/* FILE.2 -> FILE.3, FILE.1 -> FILE.2, FILE -> FILE.1. Under the lock. */
static void
rotate(struct log *log)
{
    const size_t size = strlen(log->path) + 16;
    char *from = malloc(size), *to = malloc(size);

    for (uint32_t i = log->rotate_keep; from && to && i > 0; i--) {
        snprintf(to, size, "%s.%u", log->path, i);
        if (i == 1)
            snprintf(from, size, "%s", log->path);
        else
            snprintf(from, size, "%s.%u", log->path, i - 1);
        rename(from, to);
    }
    free(from);
    free(to);
    close(log->fd);
    if (log->rotate_keep == 0)
        unlink(log->path);
    open_file(log);
}

static void
write_all(int fd, const char *text, size_t size)
{
    while (size) {
        const ssize_t written = write(fd, text, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* a full disk must not stop the server, and there is nowhere to say so */
        text += written;
        size -= (size_t)written;
    }
}

void
log_vwrite(struct log *log, int level, const char *module, const char *trace_id, const char *format,
           va_list args)
{
    char message[MESSAGE_BYTES_MAX];
    struct line line = {.size = 0};

    if (level < SOTTO_LOG_ERROR || level > SOTTO_LOG_DEBUG)
        level = SOTTO_LOG_ERROR;
    if (!log_enabled(log, level))
        return;
    vsnprintf(message, sizeof(message), format, args);
    if (log && log->json)
        make_json(&line, level, module, trace_id, message);
    else
        make_text(&line, level, module, trace_id, message);
    if (!log) {
        write_all(STDERR_FILENO, line.text, line.size);
        return;
    }
    pthread_mutex_lock(&log->lock);
    if (log->to_stderr)
        write_all(STDERR_FILENO, line.text, line.size);
    if (log->fd >= 0) {
        if (log->rotate_bytes && log->size + (int64_t)line.size > log->rotate_bytes && log->size)
            rotate(log);
        if (log->fd >= 0)
            write_all(log->fd, line.text, line.size);
        log->size += (int64_t)line.size;
    }
    pthread_mutex_unlock(&log->lock);
}

void
log_write(struct log *log, int level, const char *module, const char *trace_id, const char *format,
          ...)
{
    va_list args;

    va_start(args, format);
    log_vwrite(log, level, module, trace_id, format, args);
    va_end(args);
}

/* ---- Life ------------------------------------------------------------------------------------------ */

int
log_create(const struct log_options *options, struct log **log_out, struct sotto_err *err)
{
    struct log *log = calloc(1, sizeof(*log));

    if (!log)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    atomic_init(&log->level, options->level);
    log->json = options->json;
    log->to_stderr = options->to_stderr;
    log->rotate_bytes = options->rotate_bytes;
    log->rotate_keep = options->rotate_keep;
    log->fd = -1;
    pthread_mutex_init(&log->lock, NULL);
    if (options->file && *options->file) {
        log->path = strdup(options->file);
        if (!log->path || open_file(log) != 0) {
            sotto_err_set(err, 0, "the log file %s cannot be opened: %s", options->file,
                          strerror(errno));
            log_destroy(&log);
            return SOTTO_EIO;
        }
    }
    *log_out = log;
    return 0;
}

void
log_destroy(struct log **take_log)
{
    struct log *log = *take_log;

    *take_log = NULL;
    if (!log)
        return;
    if (log->fd >= 0)
        close(log->fd);
    pthread_mutex_destroy(&log->lock);
    free(log->path);
    free(log);
}

void
log_set_level(struct log *log, int level)
{
    atomic_store(&log->level, level);
}

bool
log_enabled(const struct log *log, int level)
{
    return level <=
           (log ? atomic_load_explicit(&log->level, memory_order_relaxed) : SOTTO_LOG_INFO);
}
