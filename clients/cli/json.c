/* SPDX-License-Identifier: MIT */
/*
 * The JSON writer. See json.h.
 */
#include "json.h"

#include <inttypes.h>
#include <string.h>

/* Length of the UTF-8 character at p, or 0 when the bytes are none. */
static size_t
utf8_length(const unsigned char *p)
{
    size_t len = *p < 0x80                 ? 1
                 : *p >= 0xc2 && *p < 0xe0 ? 2
                 : *p >= 0xe0 && *p < 0xf0 ? 3
                 : *p >= 0xf0 && *p < 0xf5 ? 4
                                           : 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, and what lies beyond Unicode. */
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
        (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

/* What overrides the direction of writing, and what some terminals break a line at: the same characters that
 * clean.h shows by their number, U+2028 to U+202E and U+2066 to U+2069. */
static bool
turns_the_line(const unsigned char *p)
{
    return *p == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
                          (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

static void
write_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t len = utf8_length(p);
        if (len == 0) {
            fputs("\\ufffd", out);
            p++;
            continue;
        }
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p == '\n')
            fputs("\\n", out);
        else if (*p < 0x20 || *p == 0x7f)
            fprintf(out, "\\u%04x", *p);
        else if (*p == 0xc2 && p[1] < 0xa0) /* C1 controls, which a terminal obeys */
            fprintf(out, "\\u%04x", p[1]);
        else if (turns_the_line(p))
            fprintf(out, "\\u%04x", (*p & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu));
        else
            fwrite(p, 1, len, out);
        p += len;
    }
    fputc('"', out);
}

static void
begin_value(struct json *json, const char *key)
{
    if (json->comma)
        fputc(',', json->out);
    if (key) {
        write_string(json->out, key);
        fputc(':', json->out);
    }
    json->comma = true;
}

void
json_begin(struct json *json, const char *key, char bracket)
{
    begin_value(json, key);
    fputc(bracket, json->out);
    json->comma = false;
}

void
json_end(struct json *json, char bracket)
{
    fputc(bracket, json->out);
    json->comma = true;
}

void
json_string(struct json *json, const char *key, const char *text)
{
    begin_value(json, key);
    if (text)
        write_string(json->out, text);
    else
        fputs("null", json->out);
}

void
json_int(struct json *json, const char *key, int64_t number)
{
    begin_value(json, key);
    fprintf(json->out, "%" PRId64, number);
}

void
json_uint(struct json *json, const char *key, uint64_t number)
{
    begin_value(json, key);
    fprintf(json->out, "%" PRIu64, number);
}

void
json_bool(struct json *json, const char *key, bool value)
{
    begin_value(json, key);
    fputs(value ? "true" : "false", json->out);
}

struct json
json_open(FILE *out)
{
    struct json json = {.out = out};
    json_begin(&json, NULL, '{');
    return json;
}

void
json_close(struct json *json)
{
    json_end(json, '}');
    fputc('\n', json->out);
    fflush(json->out);
    json->comma = false;
}

/* ---- facts ----------------------------------------------------------------------------------- */

void
json_fact_string(const char *key, const char *text)
{
    struct json json = json_open(stdout);
    json_string(&json, key, text);
    json_close(&json);
}

void
json_fact_uint(const char *key, uint64_t number)
{
    struct json json = json_open(stdout);
    json_uint(&json, key, number);
    json_close(&json);
}

void
json_fact_bool(const char *key, bool value)
{
    struct json json = json_open(stdout);
    json_bool(&json, key, value);
    json_close(&json);
}
