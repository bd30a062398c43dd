/* SPDX-License-Identifier: MIT */
/*
 * From a tree of values to a message: see pbjson.h. It walks the fields of the descriptor and looks each up in the
 * object, so unknown keys cost nothing and a field under both of its names is noticed. All memory is the arena's.
 */
#include "core/pbjson.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

/* Where we are, as a list on the stack from the value outwards; becomes a path only for a sentence. */
struct place {
    const struct place *outer;
    const char *name; /* NULL: an element of a list, or outermost without a name */
    size_t index;
};

struct reader {
    struct arena *arena;
    struct pbjson_fault *fault;
};

/* ---- sentences ---- */

static void
add_path(char *text, size_t room, const struct place *place)
{
    size_t size;

    if (place->outer)
        add_path(text, room, place->outer);
    size = strlen(text);
    if (!place->outer && !place->name)
        return;
    if (!place->name)
        snprintf(text + size, room - size, "[%zu]", place->index);
    else
        snprintf(text + size, room - size, "%s%s", size ? "." : "", place->name);
}

/* Leaves room for the reason, however deep the place lies. */
static int
refuse(const struct reader *reader, const struct place *place, const char *why)
{
    char *text = reader->fault->text;
    size_t size;

    text[0] = '\0';
    add_path(text, PBJSON_FAULT_BYTES - 96, place);
    size = strlen(text);
    snprintf(text + size, PBJSON_FAULT_BYTES - size, "%s%s.", size ? ": " : "", why);
    return SOTTO_EINVALID;
}

static int
refuse_memory(const struct reader *reader)
{
    snprintf(reader->fault->text, PBJSON_FAULT_BYTES, "The request takes too much memory.");
    return SOTTO_EEXHAUSTED;
}

/* ---- integers ---- */

#define INTEGER_DIGITS_MAX 20

/* The one decimal form: no sign but minus, no leading zero, no exponent. */
static bool
is_decimal(const char *text, size_t size)
{
    size_t start = size && text[0] == '-' ? 1 : 0;

    if (size - start == 0 || size - start > INTEGER_DIGITS_MAX)
        return false;
    for (size_t i = start; i < size; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return text[start] != '0' || (size == 1);
}

/* A number or a text as magnitude and sign. */
static bool
integer_of(const json_t *value, uint64_t *magnitude_out, bool *negative_out)
{
    if (json_is_integer(value)) {
        json_int_t number = json_integer_value(value);

        *negative_out = number < 0;
        *magnitude_out = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
        return true;
    }
    if (json_is_real(value)) { /* 1.0 and 1e3 are integers, too */
        double number = json_real_value(value);

        if (floor(number) != number || fabs(number) >= 18446744073709551616.0)
            return false;
        *negative_out = number < 0;
        *magnitude_out = (uint64_t)fabs(number);
        return true;
    }
    if (json_is_string(value) && is_decimal(json_string_value(value), json_string_length(value))) {
        const char *text = json_string_value(value);

        *negative_out = text[0] == '-';
        errno = 0;
        *magnitude_out = strtoull(text + *negative_out, NULL, 10);
        return errno == 0;
    }
    return false;
}

static bool
read_signed(const json_t *value, int64_t least, int64_t most, int64_t *number_out)
{
    uint64_t magnitude;
    bool negative;

    if (!integer_of(value, &magnitude, &negative) ||
        magnitude > (negative ? 0 - (uint64_t)least : (uint64_t)most))
        return false;
    *number_out = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

static bool
read_unsigned(const json_t *value, uint64_t most, uint64_t *number_out)
{
    bool negative;

    return integer_of(value, number_out, &negative) && *number_out <= most &&
           (!negative || *number_out == 0);
}

int
pbjson_read_uint(const json_t *value, const char *path, uint64_t most, uint64_t *number_out,
                 struct pbjson_fault *fault)
{
    *number_out = 0;
    if (!value || json_is_null(value) || read_unsigned(value, most, number_out))
        return 0;
    snprintf(fault->text, sizeof(fault->text), "%s: expected a whole number of 0 to %llu.", path,
             (unsigned long long)most);
    return SOTTO_EINVALID;
}

/* ---- the other scalars ---- */

static bool
read_double(const json_t *value, double *number_out)
{
    const char *text = json_string_value(value);
    char *end;

    if (json_is_number(value)) {
        *number_out = json_number_value(value);
        return true;
    }
    if (!text)
        return false;
    if (strcmp(text, "NaN") == 0 || strcmp(text, "Infinity") == 0 ||
        strcmp(text, "-Infinity") == 0) {
        *number_out = text[0] == 'N' ? (double)NAN : text[0] == 'I' ? HUGE_VAL : -HUGE_VAL;
        return true;
    }
    if (!*text || strspn(text, "+-0123456789.eE") != strlen(text))
        return false; /* strtod takes blanks, hexadecimal and more names */
    *number_out = strtod(text, &end);
    return !*end && isfinite(*number_out);
}

static bool
read_float(const json_t *value, float *number_out)
{
    double number;

    if (!read_double(value, &number) || (isfinite(number) && fabs(number) > (double)FLT_MAX))
        return false;
    *number_out = (float)number;
    return true;
}

static bool
read_enum(const ProtobufCEnumDescriptor *descriptor, const json_t *value, int *number_out)
{
    const ProtobufCEnumValue *known;
    int64_t number;

    if (json_is_string(value)) {
        known = protobuf_c_enum_descriptor_get_value_by_name(descriptor, json_string_value(value));
        if (known)
            *number_out = known->value;
        return known != NULL;
    }
    if (!json_is_number(value) || !read_signed(value, INT32_MIN, INT32_MAX, &number))
        return false;
    *number_out = (int)number;
    return true;
}

ptrdiff_t
pbjson_base64(const char *text, size_t size, uint8_t *out, size_t room)
{
    bool url = memchr(text, '-', size) || memchr(text, '_', size);
    bool padded = size && text[size - 1] == '=';
    size_t written;
    int variant;

    if (url)
        variant = padded ? sodium_base64_VARIANT_URLSAFE : sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    else
        variant =
            padded ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
    if (sodium_base642bin(out, room, text, size, NULL, &written, NULL, variant))
        return -1;
    return (ptrdiff_t)written;
}

/* ---- values that need memory ---- */

static int
read_text(const struct reader *reader, const struct place *place, const json_t *value,
          char **text_out)
{
    size_t size = json_string_length(value);

    if (!json_is_string(value))
        return refuse(reader, place, "expected a text");
    *text_out = arena_alloc(reader->arena, size + 1);
    if (!*text_out)
        return refuse_memory(reader);
    memcpy(*text_out, json_string_value(value), size + 1);
    return 0;
}

static int
read_bytes(const struct reader *reader, const struct place *place, const json_t *value,
           ProtobufCBinaryData *bytes_out)
{
    size_t size = json_string_length(value);
    size_t room = size / 4 * 3 + 3;
    ptrdiff_t written;

    if (!json_is_string(value))
        return refuse(reader, place, "expected bytes as a base64 text");
    bytes_out->data = arena_alloc(reader->arena, room);
    if (!bytes_out->data)
        return refuse_memory(reader);
    written = pbjson_base64(json_string_value(value), size, bytes_out->data, room);
    if (written < 0)
        return refuse(reader, place, "the text is not base64");
    bytes_out->len = (size_t)written;
    return 0;
}

static int read_message(const struct reader *, const struct place *,
                        const ProtobufCMessageDescriptor *, const json_t *,
                        ProtobufCMessage **message_out);

/* ---- one value, one list, one message ---- */

static int
read_number(const struct reader *reader, const struct place *place,
            const ProtobufCFieldDescriptor *field, const json_t *value, void *at)
{
    int64_t number;
    uint64_t natural;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        if (!read_signed(value, INT32_MIN, INT32_MAX, &number))
            return refuse(reader, place, "expected a whole number of -2147483648 to 2147483647");
        *(int32_t *)at = (int32_t)number;
        return 0;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        if (!read_unsigned(value, UINT32_MAX, &natural))
            return refuse(reader, place, "expected a whole number of 0 to 4294967295");
        *(uint32_t *)at = (uint32_t)natural;
        return 0;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        if (!read_unsigned(value, UINT64_MAX, at))
            return refuse(reader, place, "expected a whole number of 0 to 18446744073709551615");
        return 0;
    default:
        if (!read_signed(value, INT64_MIN, INT64_MAX, at))
            return refuse(reader, place,
                          "expected a whole number of -9223372036854775808 to 9223372036854775807");
        return 0;
    }
}

static int
read_value(const struct reader *reader, const struct place *place,
           const ProtobufCFieldDescriptor *field, const json_t *value, void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: return read_text(reader, place, value, at);
    case PROTOBUF_C_TYPE_BYTES: return read_bytes(reader, place, value, at);
    case PROTOBUF_C_TYPE_MESSAGE: return read_message(reader, place, field->descriptor, value, at);
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = json_is_true(value);
        return json_is_boolean(value) ? 0 : refuse(reader, place, "expected true or false");
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(field->descriptor, value, at)
                   ? 0
                   : refuse(reader, place, "expected a name of the enumeration or its number");
    case PROTOBUF_C_TYPE_DOUBLE:
        return read_double(value, at) ? 0 : refuse(reader, place, "expected a number");
    case PROTOBUF_C_TYPE_FLOAT:
        return read_float(value, at) ? 0 : refuse(reader, place, "expected a number");
    default: return read_number(reader, place, field, value, at);
    }
}

static int
read_list(const struct reader *reader, const struct place *place,
          const ProtobufCFieldDescriptor *field, const json_t *value, ProtobufCMessage *message)
{
    size_t count = json_array_size(value);
    size_t step = pbjson_value_bytes(field->type);
    uint8_t *list;

    if (!json_is_array(value))
        return refuse(reader, place, "expected a list in brackets");
    if (!count)
        return 0;
    list = arena_zalloc(reader->arena, count * step);
    if (!list)
        return refuse_memory(reader);
    for (size_t i = 0; i < count; i++) {
        const struct place element = {.outer = place, .index = i};
        int rc = read_value(reader, &element, field, json_array_get(value, i), list + i * step);

        if (rc)
            return rc;
    }
    *(void **)((uint8_t *)message + field->offset) = list;
    *(size_t *)((uint8_t *)message + field->quantifier_offset) = count;
    return 0;
}

static int
read_field(const struct reader *reader, const struct place *place,
           const ProtobufCFieldDescriptor *field, const json_t *value, ProtobufCMessage *message)
{
    uint32_t *which = (uint32_t *)((uint8_t *)message + field->quantifier_offset);

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return read_list(reader, place, field, value, message);
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        if (*which)
            return refuse(reader, place, "another member of the same choice is there already");
        *which = field->id;
    }
    return read_value(reader, place, field, value, (uint8_t *)message + field->offset);
}

static int
read_message(const struct reader *reader, const struct place *place,
             const ProtobufCMessageDescriptor *descriptor, const json_t *value,
             ProtobufCMessage **message_out)
{
    ProtobufCMessage *message;

    if (!json_is_object(value))
        return refuse(reader, place, "expected an object in braces");
    message = arena_alloc(reader->arena, descriptor->sizeof_message);
    if (!message)
        return refuse_memory(reader);
    protobuf_c_message_init(descriptor, message);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        char room[PBJSON_NAME_BYTES];
        const struct place inner = {.outer = place, .name = pbjson_name(field, room)};
        const json_t *found = json_object_get(value, inner.name);
        const json_t *other =
            inner.name == field->name ? NULL : json_object_get(value, field->name);
        int rc = 0;

        if (found && other)
            return refuse(reader, &inner, "the field stands there under both of its names");
        found = found ? found : other;
        if (found && !json_is_null(found))
            rc = read_field(reader, &inner, field, found, message);
        if (rc)
            return rc;
    }
    *message_out = message;
    return 0;
}

int
pbjson_read(const ProtobufCMessageDescriptor *descriptor, const json_t *value, const char *path,
            struct arena *arena, ProtobufCMessage **message_out, struct pbjson_fault *fault)
{
    const struct reader reader = {.arena = arena, .fault = fault};
    const struct place place = {.name = path};

    return read_message(&reader, &place, descriptor, value, message_out);
}
