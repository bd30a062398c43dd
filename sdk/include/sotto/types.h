/* SPDX-License-Identifier: MIT */
/* Small types that every SDK header shares: borrowed bytes, ids, rows of a table, an error sentence. */
#ifndef SOTTO_TYPES_H
#define SOTTO_TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <protobuf-c/protobuf-c.h>

#include "sotto/error.h"

#if defined(__GNUC__)
#define SOTTO_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define SOTTO_PRINTF(fmt, first)
#endif

/* Users, devices, logins and chats are named by 16 random bytes (32 hex digits in text). */
#define SOTTO_ID_BYTES 16

/* Borrowed bytes: never freed by the receiver, valid until the call they came with returns. */
struct sotto_view {
    const uint8_t *data;
    size_t size;
};

/* A static array of rows with its stride, so that row structs may grow at their end. */
struct sotto_table {
    const void *items;
    uint32_t count;
    uint32_t item_size;
};
#define SOTTO_TABLE(array)                                             \
    {                                                                  \
        .items = (array), .count = sizeof(array) / sizeof((array)[0]), \
        .item_size = sizeof((array)[0])                                \
    }

/* Why init or start refused: one sentence that names the cure. Owned by the host. */
struct sotto_err {
    char text[512];
};

/* Writes the sentence (truncated at 511 bytes) and returns error, so that a function can end with
 * `return sotto_err_set(err, SOTTO_EPRECONDITION, "...")`. */
static inline int SOTTO_PRINTF(3, 4)
    sotto_err_set(struct sotto_err *err, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return error;
}

struct sotto_host; /* one for each module: see module.h */

#endif
