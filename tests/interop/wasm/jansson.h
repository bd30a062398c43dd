/* SPDX-License-Identifier: MIT */
/*
 * As much of jansson as the vector tests use, over the JSON of the JavaScript that runs them: a
 * json_t is the number of a value there, never an address.
 */
#ifndef SOTTO_WASM_JANSSON_H
#define SOTTO_WASM_JANSSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct json_t json_t;

#define JSON(name) __attribute__((import_module("json"), import_name(#name)))

JSON(load) json_t *json_load(const char *name);
JSON(get) json_t *json_object_get(const json_t *object, const char *key);
JSON(at) json_t *json_array_get(const json_t *array, size_t index);
JSON(size) size_t json_array_size(const json_t *array);
JSON(text) const char *json_string_value(const json_t *value);
JSON(number) double json_number(const json_t *value);
JSON(is_integer) bool json_is_integer(const json_t *value);
JSON(is_null) bool json_is_null(const json_t *value);
JSON(drop) void json_decref(json_t *value);

static inline int64_t
json_integer_value(const json_t *value)
{
    return (int64_t)json_number(value);
}

#define json_array_foreach(array, index, value)                                                \
    for ((index) = 0;                                                                          \
         (index) < json_array_size(array) && ((value) = json_array_get(array, index)) != NULL; \
         (index)++)

#endif
