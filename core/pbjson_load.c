/* SPDX-License-Identifier: MIT */
/*
 * From text to a tree of values: see pbjson.h. jansson checks syntax, UTF-8 and duplicates; it has no bound of its
 * own that is low enough, so one look over the brackets and commas goes before it.
 */
#include "core/pbjson.h"

#include <malloc.h>
#include <stdlib.h>

#include <sodium.h>

static void
wipe_and_free(void *memory)
{
    if (memory)
        sodium_memzero(memory, malloc_usable_size(memory));
    free(memory);
}

void
pbjson_init(void)
{
    json_set_alloc_funcs(malloc, wipe_and_free);
    /* From the randomness of the system; else the first object would do it, in whichever thread. */
    json_object_seed(0);
}

/* Counts what could become a value; brackets need not match, that is the parser's business. */
static const char *
over_bound(struct sotto_view text)
{
    bool in_text = false;
    size_t depth = 0;
    size_t values = 1;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (in_text && c == '\\') {
            i++;
        } else if (c == '"') {
            in_text = !in_text;
        } else if (!in_text && (c == '{' || c == '[' || c == ',')) {
            values++;
            if (c != ',' && ++depth > PBJSON_DEPTH_MAX)
                return "the JSON nests too deep";
        } else if (!in_text && (c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return values > PBJSON_VALUES_MAX ? "the JSON has too many values" : NULL;
}

/* jansson's own sentences quote the client's text. */
static const char *
why_not(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key: return "a key stands twice in one object";
    case json_error_invalid_utf8: return "the text is not UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key: return "a text has a NUL in it";
    case json_error_numeric_overflow: return "a number is too large (64-bit integers may be texts)";
    case json_error_out_of_memory: return "there is no memory for it";
    default: return "it is not JSON";
    }
}

int
pbjson_load(struct sotto_view text, json_t **root_out, struct pbjson_fault *fault)
{
    const char *over = over_bound(text);
    json_error_t error;
    json_t *root;

    if (over) {
        snprintf(fault->text, sizeof(fault->text), "%s", over);
        return SOTTO_EINVALID;
    }
    root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        snprintf(fault->text, sizeof(fault->text), "line %d, column %d: %s", error.line,
                 error.column, why_not(&error));
        return SOTTO_EINVALID;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        snprintf(fault->text, sizeof(fault->text), "expected an object in braces");
        return SOTTO_EINVALID;
    }
    *root_out = root;
    return 0;
}
