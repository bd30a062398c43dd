/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON to a stream, one object a line. Commas are kept by the writer; strings are escaped,
 * and bytes that are not UTF-8 become U+FFFD, so that every line is valid JSON whatever a server
 * sent.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    bool comma; /* the next value needs one in front */
};

/* Begins an object that is a line of its own, and ends both; the stream is flushed. */
struct json json_open(FILE *out);
void json_close(struct json *json);

/* key NULL: a value in an array. json_begin opens '{' or '['; json_end closes it. */
void json_begin(struct json *json, const char *key, char bracket);
void json_end(struct json *json, char bracket);
void json_string(struct json *json, const char *key, const char *text); /* NULL: null */
void json_int(struct json *json, const char *key, int64_t number);
void json_uint(struct json *json, const char *key, uint64_t number);
void json_bool(struct json *json, const char *key, bool value);

/* An object on stdout, a line of its own, with one member. */
void json_fact_string(const char *key, const char *text);
void json_fact_uint(const char *key, uint64_t number);
void json_fact_bool(const char *key, bool value);

#endif
