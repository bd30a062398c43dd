/* SPDX-License-Identifier: MIT */
/*
 * See http_head.h. One pass over the bytes, line by line; each line is checked as soon as its CRLF has come, and a
 * byte that no head can contain is refused at once. The names of the rules are those of RFC 9110 and RFC 9112.
 */
#include "core/http_head.h"

#include <string.h>

/* A line without its CRLF. */
struct line {
    const uint8_t *at;
    size_t size;
};

/* tchar of RFC 9110, section 5.6.2. */
static bool
is_token_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* What a field's value may hold: visible characters, blank, tab, and bytes over 127 (RFC 9110, section 5.5). */
static bool
is_value_char(uint8_t c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static uint8_t
lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool
http_view_is(struct sotto_view view, const char *text)
{
    if (strlen(text) != view.size)
        return false;
    for (size_t i = 0; i < view.size; i++)
        if (lower(view.data[i]) != lower((uint8_t)text[i]))
            return false;
    return true;
}

bool
http_view_equals(struct sotto_view view, const char *text)
{
    return strlen(text) == view.size && memcmp(view.data, text, view.size) == 0;
}

static struct sotto_view
trim(struct sotto_view view)
{
    while (view.size && (view.data[0] == ' ' || view.data[0] == '\t')) {
        view.data++;
        view.size--;
    }
    while (view.size && (view.data[view.size - 1] == ' ' || view.data[view.size - 1] == '\t'))
        view.size--;
    return view;
}

bool
http_list_next(struct sotto_view *list, char separator, struct sotto_view *element_out)
{
    const uint8_t *end = list->size ? memchr(list->data, separator, list->size) : NULL;
    const size_t size = end ? (size_t)(end - list->data) : list->size;

    if (!list->size)
        return false;
    *element_out = trim((struct sotto_view){.data = list->data, .size = size});
    list->data += end ? size + 1 : size;
    list->size -= end ? size + 1 : size;
    return true;
}

bool
http_list_has(struct sotto_view list, const char *token)
{
    struct sotto_view element;

    while (http_list_next(&list, ',', &element))
        if (http_view_is(element, token))
            return true;
    return false;
}

size_t
http_head_count(const struct http_head *head, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++)
        count += http_view_is(head->fields[i].name, name);
    return count;
}

const struct http_field *
http_head_field(const struct http_head *head, const char *name)
{
    const struct http_field *found = NULL;

    for (size_t i = 0; i < head->field_count; i++) {
        if (!http_view_is(head->fields[i].name, name))
            continue;
        if (found)
            return NULL;
        found = &head->fields[i];
    }
    return found;
}

/* ---- Request line ---------------------------------------------------------------------------------- */

static void
split_target(struct http_head *head)
{
    const uint8_t *mark = memchr(head->target.data, '?', head->target.size);
    const size_t path = mark ? (size_t)(mark - head->target.data) : head->target.size;

    head->path = (struct sotto_view){.data = head->target.data, .size = path};
    head->query = (struct sotto_view){.data = head->target.data + path, .size = 0};
    if (mark)
        head->query = (struct sotto_view){.data = mark + 1, .size = head->target.size - path - 1};
}

/* method SP request-target SP HTTP-version, with exactly these blanks. */
static int
read_request_line(struct http_head *head, struct line line)
{
    static const char version[] = "HTTP/1.";
    const uint8_t *first = memchr(line.at, ' ', line.size);
    const uint8_t *end = line.at + line.size;
    const uint8_t *second;

    if (!first || first == line.at)
        return HTTP_HEAD_BAD;
    for (const uint8_t *at = line.at; at < first; at++)
        if (!is_token_char(*at))
            return HTTP_HEAD_BAD;
    second = memchr(first + 1, ' ', (size_t)(end - first - 1));
    if (!second || second == first + 1)
        return HTTP_HEAD_BAD;
    for (const uint8_t *at = first + 1; at < second; at++)
        if (*at <= 0x20 || *at >= 0x7f)
            return HTTP_HEAD_BAD;
    head->method = (struct sotto_view){.data = line.at, .size = (size_t)(first - line.at)};
    head->target = (struct sotto_view){.data = first + 1, .size = (size_t)(second - first - 1)};
    if (head->target.data[0] != '/' &&
        !(http_view_is(head->target, "*") && http_view_is(head->method, "OPTIONS")))
        return HTTP_HEAD_BAD;
    if (end - second != 9 || memcmp(second + 1, "HTTP/", 5) != 0)
        return HTTP_HEAD_BAD;
    if (memcmp(second + 1, version, sizeof(version) - 1) != 0 || (end[-1] != '0' && end[-1] != '1'))
        return HTTP_HEAD_VERSION;
    head->minor = end[-1] - '0';
    split_target(head);
    return 0;
}

/* ---- Fields ---------------------------------------------------------------------------------------- */

static int
read_field(struct http_head *head, struct line line)
{
    const uint8_t *colon = memchr(line.at, ':', line.size);
    struct http_field *field;

    /* A blank at the start would fold the line into the one before (obs-fold): it is no token either. */
    if (!colon || colon == line.at)
        return HTTP_HEAD_BAD;
    for (const uint8_t *at = line.at; at < colon; at++)
        if (!is_token_char(*at))
            return HTTP_HEAD_BAD;
    for (const uint8_t *at = colon + 1; at < line.at + line.size; at++)
        if (!is_value_char(*at))
            return HTTP_HEAD_BAD;
    if (head->field_count == HTTP_FIELDS_MAX)
        return HTTP_HEAD_TOO_LONG;
    field = &head->fields[head->field_count++];
    field->name = (struct sotto_view){.data = line.at, .size = (size_t)(colon - line.at)};
    field->value = trim(
        (struct sotto_view){.data = colon + 1, .size = (size_t)(line.at + line.size - colon - 1)});
    return 0;
}

static int
check_host(struct http_head *head)
{
    const struct http_field *host = http_head_field(head, "host");

    if (http_head_count(head, "host") != 1 || host->value.size == 0)
        return HTTP_HEAD_BAD;
    for (size_t i = 0; i < host->value.size; i++) {
        const uint8_t c = host->value.data[i];

        if (c <= 0x20 || c >= 0x7f || strchr("/\\@?#,\"<>{}|^`", c))
            return HTTP_HEAD_BAD;
    }
    head->host = host->value;
    return 0;
}

/* How the body ends: by one length, or chunked and nothing else (RFC 9112, section 6). */
static int
check_body(struct http_head *head)
{
    const size_t lengths = http_head_count(head, "content-length");
    const size_t codings = http_head_count(head, "transfer-encoding");

    if (codings) {
        const struct http_field *coding = http_head_field(head, "transfer-encoding");

        if (codings != 1 || lengths || head->minor == 0)
            return HTTP_HEAD_BAD;
        if (!http_view_is(coding->value, "chunked"))
            return HTTP_HEAD_NOT_SUPPORTED;
        head->chunked = true;
    }
    if (lengths) {
        const struct http_field *length = http_head_field(head, "content-length");

        if (lengths != 1 || length->value.size == 0 || length->value.size > 15)
            return HTTP_HEAD_BAD;
        for (size_t i = 0; i < length->value.size; i++) {
            if (length->value.data[i] < '0' || length->value.data[i] > '9')
                return HTTP_HEAD_BAD;
            head->content_length =
                head->content_length * 10 + (uint64_t)(length->value.data[i] - '0');
        }
        head->has_length = true;
    }
    return 0;
}

static void
read_connection(struct http_head *head)
{
    head->keep_alive = head->minor == 1;
    for (size_t i = 0; i < head->field_count; i++) {
        if (!http_view_is(head->fields[i].name, "connection"))
            continue;
        if (http_list_has(head->fields[i].value, "close"))
            head->keep_alive = false;
        if (http_list_has(head->fields[i].value, "upgrade") && http_head_field(head, "upgrade"))
            head->upgrade = true;
    }
}

static int
finish(struct http_head *head)
{
    int error = check_host(head);

    if (!error)
        error = check_body(head);
    if (!error)
        read_connection(head);
    /* A body where no method of ours has one, or behind an upgrade, is somebody's smuggling. */
    if (!error && (head->chunked || head->content_length) &&
        (head->upgrade || http_view_is(head->method, "GET") || http_view_is(head->method, "HEAD")))
        error = HTTP_HEAD_BAD;
    return error;
}

/* ---- Lines ----------------------------------------------------------------------------------------- */

/* Finds the CRLF of the line at data: 1 and the line, 0 when it has not come yet, or HTTP_HEAD_BAD for a bare CR
 * or LF, or NUL. */
static int
next_line(const uint8_t *data, size_t size, struct line *line_out)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\0' || data[i] == '\n')
            return HTTP_HEAD_BAD;
        if (data[i] != '\r')
            continue;
        if (i + 1 == size)
            return 0;
        if (data[i + 1] != '\n')
            return HTTP_HEAD_BAD;
        *line_out = (struct line){.at = data, .size = i};
        return 1;
    }
    return 0;
}

int
http_head_read(struct http_head *head, const uint8_t *data, size_t size)
{
    const size_t bound = size < HTTP_HEAD_BYTES_MAX ? size : HTTP_HEAD_BYTES_MAX;
    size_t at = 0;
    struct line line;
    int found, error;

    *head = (struct http_head){0};
    while ((found = next_line(data + at, bound - at, &line)) == 1) {
        const bool first = at == 0;

        at += line.size + 2;
        if (line.size == 0 && !first) {
            error = finish(head);
            return error ? error : (int)at;
        }
        error = first ? read_request_line(head, line) : read_field(head, line);
        if (error)
            return error;
    }
    if (found < 0)
        return found;
    return size >= HTTP_HEAD_BYTES_MAX ? HTTP_HEAD_TOO_LONG : HTTP_HEAD_MORE;
}
