/* SPDX-License-Identifier: MIT */
/*
 * A strict reader of HTTP/1.x request heads (RFC 9112): everything between the first byte and the empty line.
 * It accepts what RFC-abiding clients send and nothing else, so that no proxy in front of us can disagree on
 * where a request ends: CRLF only, no folded lines, no blank before a colon, exactly one Host, at most one
 * Content-Length, Transfer-Encoding only as `chunked` alone.
 */
#ifndef CORE_HTTP_HEAD_H
#define CORE_HTTP_HEAD_H

#include "sotto/types.h"

#define HTTP_HEAD_BYTES_MAX 8192
#define HTTP_FIELDS_MAX 64

struct http_field {
    struct sotto_view name, value; /* value without blanks at either end */
};

struct http_head {
    struct sotto_view method; /* a token, case kept */
    struct sotto_view target; /* of the request line: begins with '/', or is '*' for OPTIONS */
    struct sotto_view path;   /* target up to '?' */
    struct sotto_view query;  /* after '?', may be empty */
    struct sotto_view host;
    int minor;       /* HTTP/1.minor: 0 or 1 */
    bool keep_alive; /* after version and Connection */
    bool upgrade;    /* Connection names upgrade and there is an Upgrade field */
    bool chunked;    /* the one allowed Transfer-Encoding */
    bool has_length;
    uint64_t content_length; /* 0 without the field */
    size_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX];
};

enum http_head_result {
    HTTP_HEAD_MORE = 0, /* no empty line yet; read on, at most HTTP_HEAD_BYTES_MAX in all */
    /* positive: the size of the head in bytes, empty line included */
    HTTP_HEAD_BAD = -400,
    HTTP_HEAD_TOO_LONG = -431,
    HTTP_HEAD_NOT_SUPPORTED = -501, /* a transfer coding other than chunked */
    HTTP_HEAD_VERSION = -505,
};

/* Reads the head at the start of data. Views point into data. Returns the size of the head, or one of
 * enum http_head_result: the negative of the status to answer before closing. Bytes that can no longer
 * become a head are refused before the empty line has come. Any thread. */
int http_head_read(struct http_head *, const uint8_t *data, size_t size);
/* The only field of this name (ASCII case ignored), or NULL if there is none or more than one. */
const struct http_field *http_head_field(const struct http_head *, const char *name);
/* How many fields have this name. */
size_t http_head_count(const struct http_head *, const char *name);
/* Takes the first element off a list with this separator, without blanks around it. false: the list is empty. */
bool http_list_next(struct sotto_view *list, char separator, struct sotto_view *element_out);
/* Whether a comma-separated list has this token, ASCII case ignored. */
bool http_list_has(struct sotto_view list, const char *token);
/* Equal, ASCII case ignored: names of fields, hosts, tokens. */
bool http_view_is(struct sotto_view view, const char *text);
/* Equal byte for byte: methods, paths, origins. */
bool http_view_equals(struct sotto_view view, const char *text);

#endif
