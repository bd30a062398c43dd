/* SPDX-License-Identifier: MIT */
/* See buf.h. Grows by doubling; one byte beyond size is always there for the final NUL. */
#include "core/buf.h"
#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>

void
buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.limit = buf->limit};
}

/* Makes room for more bytes and the NUL; false once the buffer has failed. */
static bool
buf_room(struct buf *buf, size_t more)
{
    size_t capacity = buf->capacity ? buf->capacity : 256;
    char *data;

    if (buf->failed)
        return false;
    if (more > SIZE_MAX / 4 - buf->size || (buf->limit && buf->size + more > buf->limit)) {
        buf->failed = true;
        return false;
    }
    if (buf->size + more < buf->capacity)
        return true;
    while (capacity <= buf->size + more)
        capacity *= 2;
    data = realloc(buf->data, capacity);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void
buf_add(struct buf *buf, const void *data, size_t size)
{
    if (!buf_room(buf, size))
        return;
    if (size)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

void
buf_puts(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void
buf_vprintf(struct buf *buf, const char *format, va_list args)
{
    va_list again;
    int size;

    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0 || !buf_room(buf, (size_t)size))
        return;
    vsnprintf(buf->data + buf->size, (size_t)size + 1, format, args);
    buf->size += (size_t)size;
}

void
buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_vprintf(buf, format, args);
    va_end(args);
}

void
buf_json(struct buf *buf, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *const end = at + strlen(text);

    while (at < end) {
        const size_t size = utf8_sequence(at, (size_t)(end - at));

        if (size == 0) {
            buf_puts(buf, "\\ufffd");
            at++;
            continue;
        }
        if (*at == '"' || *at == '\\')
            buf_printf(buf, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            buf_printf(buf, "\\u%04x", *at);
        else
            buf_add(buf, at, size);
        at += size;
    }
}

const char *
buf_text(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}
