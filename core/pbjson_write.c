/* SPDX-License-Identifier: MIT */
/* From a message to text: see pbjson.h. Every function counts and, when there is memory, writes. */
#include "core/pbjson.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "core/utf8.h"

/* Bytes that become base64 at a time; divisible by 3, so that only the last piece has padding. */
#define BASE64_STEP 768u

/* ---- characters ---- */

static void
put(struct pbjson_out *out, const char *data, size_t size)
{
    if (out->at)
        memcpy(out->at + out->size, data, size);
    out->size += size;
}

void
pbjson_put(struct pbjson_out *out, const char *text)
{
    put(out, text, strlen(text));
}

void
pbjson_put_number(struct pbjson_out *out, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, number);
    pbjson_put(out, text);
}

/* One character as it stands inside quotes; size is that of its sequence, 0: none. */
static void
put_escaped(struct pbjson_out *out, const char *at, size_t size)
{
    unsigned char c = (unsigned char)*at;
    char text[8];

    if (size && c != '"' && c != '\\' && c >= 0x20 && c != 0x7f) {
        put(out, at, size);
        return;
    }
    if (!size)
        snprintf(text, sizeof(text), "\\ufffd");
    else if (c == '"' || c == '\\')
        snprintf(text, sizeof(text), "\\%c", c);
    else
        snprintf(text, sizeof(text), "\\u%04x", c);
    pbjson_put(out, text);
}

void
pbjson_put_text(struct pbjson_out *out, const char *text)
{
    const char *end = text + strlen(text);

    pbjson_put(out, "\"");
    while (text < end) {
        size_t size = utf8_sequence(text, (size_t)(end - text));

        put_escaped(out, text, size);
        text += size ? size : 1;
    }
    pbjson_put(out, "\"");
}

void
pbjson_put_bytes(struct pbjson_out *out, const uint8_t *data, size_t size)
{
    char text[BASE64_STEP / 3 * 4 + 1];

    pbjson_put(out, "\"");
    if (!out->at) {
        out->size += (size + 2) / 3 * 4;
        size = 0;
    }
    while (size) {
        size_t step = size < BASE64_STEP ? size : BASE64_STEP;

        sodium_bin2base64(text, sizeof(text), data, step, sodium_base64_VARIANT_ORIGINAL);
        pbjson_put(out, text);
        data += step;
        size -= step;
    }
    pbjson_put(out, "\"");
}

/* ---- numbers ---- */

/* The shortest decimal form that reads back as the same number. */
static void
put_real(struct pbjson_out *out, double number, bool is_float)
{
    char text[40];
    int digits = is_float ? FLT_DIG : DBL_DIG;

    if (!isfinite(number)) {
        pbjson_put(out, isnan(number) ? "\"NaN\"" : number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    do {
        snprintf(text, sizeof(text), "%.*g", digits, number);
    } while (digits++ < DBL_DECIMAL_DIG &&
             (is_float ? (double)strtof(text, NULL) : strtod(text, NULL)) != number);
    /* -0 would be read back as an integer, which has no sign of zero. */
    pbjson_put(out, strcmp(text, "-0") == 0 ? "-0.0" : text);
}

static void
put_long(struct pbjson_out *out, int64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "\"%" PRId64 "\"", number);
    pbjson_put(out, text);
}

static void
put_enum(struct pbjson_out *out, const ProtobufCEnumDescriptor *descriptor, int number)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(descriptor, number);
    char text[16];

    if (known) {
        pbjson_put_text(out, known->name);
        return;
    }
    snprintf(text, sizeof(text), "%d", number);
    pbjson_put(out, text);
}

/* ---- one value ---- */

static void
put_integer(struct pbjson_out *out, ProtobufCType type, const void *at)
{
    char text[16];

    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        snprintf(text, sizeof(text), "%" PRId32, *(const int32_t *)at);
        pbjson_put(out, text);
        return;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: pbjson_put_number(out, *(const uint32_t *)at); return;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        pbjson_put(out, "\"");
        pbjson_put_number(out, *(const uint64_t *)at);
        pbjson_put(out, "\"");
        return;
    default: put_long(out, *(const int64_t *)at); return;
    }
}

static void
put_value(struct pbjson_out *out, const ProtobufCFieldDescriptor *field, const void *at)
{
    const ProtobufCBinaryData *bytes = at;
    const char *text;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        text = *(char *const *)at;
        pbjson_put_text(out, text ? text : "");
        return;
    case PROTOBUF_C_TYPE_BYTES: pbjson_put_bytes(out, bytes->data, bytes->len); return;
    case PROTOBUF_C_TYPE_MESSAGE: pbjson_put_message(out, *(ProtobufCMessage *const *)at); return;
    case PROTOBUF_C_TYPE_BOOL:
        pbjson_put(out, *(const protobuf_c_boolean *)at ? "true" : "false");
        return;
    case PROTOBUF_C_TYPE_ENUM: put_enum(out, field->descriptor, *(const int *)at); return;
    case PROTOBUF_C_TYPE_DOUBLE: put_real(out, *(const double *)at, false); return;
    case PROTOBUF_C_TYPE_FLOAT: put_real(out, (double)*(const float *)at, true); return;
    default: put_integer(out, field->type, at); return;
    }
}

/* ---- messages ---- */

/* Whether a field that is neither repeated nor a choice differs from its default. */
static bool
is_there(const ProtobufCFieldDescriptor *field, const void *at)
{
    static const uint8_t zero[8];
    const char *text;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: text = *(char *const *)at; return text && *text;
    case PROTOBUF_C_TYPE_BYTES: return ((const ProtobufCBinaryData *)at)->len != 0;
    default: return memcmp(at, zero, pbjson_value_bytes(field->type)) != 0;
    }
}

static bool
is_set(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message)
{
    const uint8_t *base = (const uint8_t *)message;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)(base + field->quantifier_offset) != 0;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)(base + field->quantifier_offset) == field->id;
    return is_there(field, base + field->offset);
}

static void
put_list(struct pbjson_out *out, const ProtobufCFieldDescriptor *field,
         const ProtobufCMessage *message)
{
    const uint8_t *base = (const uint8_t *)message;
    size_t count = *(const size_t *)(base + field->quantifier_offset);
    const uint8_t *list = *(const uint8_t *const *)(base + field->offset);

    pbjson_put(out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            pbjson_put(out, ",");
        put_value(out, field, list + i * pbjson_value_bytes(field->type));
    }
    pbjson_put(out, "]");
}

void
pbjson_put_message(struct pbjson_out *out, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    const char *before = "{\"";

    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        char room[PBJSON_NAME_BYTES];

        if (!is_set(field, message))
            continue;
        pbjson_put(out, before);
        pbjson_put(out, pbjson_name(field, room));
        pbjson_put(out, "\":");
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            put_list(out, field, message);
        else
            put_value(out, field, (const uint8_t *)message + field->offset);
        before = ",\"";
    }
    pbjson_put(out, *before == '{' ? "{}" : "}");
}
