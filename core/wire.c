/* SPDX-License-Identifier: MIT */
/* One walk over the encoded bytes, led by the descriptors; see wire.h. */
#include "core/wire.h"

#include <string.h>

#include "core/utf8.h"

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_FIXED32 = 5,
};

#define FIELD_NUMBER_MAX 536870911u

struct walk {
    const char *why;
    unsigned unknown;
};

bool
wire_varint(const uint8_t **at, const uint8_t *end, uint64_t *value_out)
{
    uint64_t value = 0;
    const uint8_t *p = *at;

    for (unsigned shift = 0; p < end && shift < 70; shift += 7) {
        uint8_t byte = *p++;

        if (shift == 63 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *at = p;
            *value_out = value;
            return true;
        }
    }
    return false;
}

static bool walk_message(struct walk *, const ProtobufCMessageDescriptor *, const uint8_t *at,
                         const uint8_t *end, unsigned depth);

static bool
refuse(struct walk *walk, const char *why)
{
    walk->why = why;
    return false;
}

static bool
walk_bytes(struct walk *walk, const ProtobufCFieldDescriptor *field, const uint8_t *at, size_t size,
           unsigned depth)
{
    if (field->type == PROTOBUF_C_TYPE_STRING && size &&
        (memchr(at, 0, size) || !utf8_valid(at, size)))
        return refuse(walk, "A text of the request is not UTF-8 without NUL.");
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return walk_message(walk, field->descriptor, at, at + size, depth + 1);
    return true;
}

/* The type that the field's values have on the wire; protobuf-c does not look at it for every field. */
static bool
fits(const ProtobufCFieldDescriptor *field, unsigned type)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return type == WIRE_BYTES;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        if (type == WIRE_FIXED32)
            return true;
        break;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        if (type == WIRE_FIXED64)
            return true;
        break;
    default:
        if (type == WIRE_VARINT)
            return true;
    }
    return field->label == PROTOBUF_C_LABEL_REPEATED && type == WIRE_BYTES; /* packed */
}

/* Steps over one value. For WIRE_BYTES *size_out is its length and *at_out its start. */
static bool
skip_value(unsigned type, const uint8_t **at, const uint8_t *end, const uint8_t **start_out,
           size_t *size_out)
{
    uint64_t value;
    size_t size;

    switch (type) {
    case WIRE_VARINT: return wire_varint(at, end, &value);
    case WIRE_FIXED64: size = 8; break;
    case WIRE_FIXED32: size = 4; break;
    case WIRE_BYTES:
        if (!wire_varint(at, end, &value) || value > (size_t)(end - *at))
            return false;
        size = (size_t)value;
        break;
    default: return false; /* groups, and what never was */
    }
    if ((size_t)(end - *at) < size)
        return false;
    *start_out = *at;
    *size_out = size;
    *at += size;
    return true;
}

static bool
walk_message(struct walk *walk, const ProtobufCMessageDescriptor *descriptor, const uint8_t *at,
             const uint8_t *end, unsigned depth)
{
    if (depth > WIRE_DEPTH_MAX)
        return refuse(walk, "The request nests too deep.");
    while (at < end) {
        const ProtobufCFieldDescriptor *field;
        const uint8_t *start = NULL;
        size_t size = 0;
        uint64_t key;

        if (!wire_varint(&at, end, &key) || key >> 3 == 0 || key >> 3 > FIELD_NUMBER_MAX ||
            !skip_value(key & 7, &at, end, &start, &size))
            return refuse(walk, "The request is not a protobuf message.");
        field = protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(key >> 3));
        if (!field) {
            if (++walk->unknown > WIRE_UNKNOWN_MAX)
                return refuse(walk, "The request has too many unknown fields.");
            continue;
        }
        if (!fits(field, (unsigned)(key & 7)))
            return refuse(walk, "A field of the request has another type.");
        if ((key & 7) == WIRE_BYTES && !walk_bytes(walk, field, start, size, depth))
            return false;
    }
    return true;
}

int
wire_check(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size,
           const char **why_out)
{
    struct walk walk = {.why = NULL};

    if (size == 0 || walk_message(&walk, descriptor, data, data + size, 1))
        return 0; /* an empty message has no bytes to point at */
    *why_out = walk.why;
    return SOTTO_EINVALID;
}

/* Depth-first with the path as a list on the stack: a message that is on its own path contains itself. */
struct path {
    const struct path *outer;
    const ProtobufCMessageDescriptor *descriptor;
    unsigned depth;
};

static int
check_path(const struct path *path, const char **name_out)
{
    for (const struct path *outer = path->outer; outer; outer = outer->outer) {
        if (outer->descriptor == path->descriptor) {
            *name_out = path->descriptor->name;
            return SOTTO_ELOOP;
        }
    }
    if (path->depth > WIRE_DEPTH_MAX) {
        *name_out = path->descriptor->name;
        return SOTTO_ELOOP;
    }
    for (unsigned i = 0; i < path->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &path->descriptor->fields[i];
        const struct path inner = {
            .outer = path, .descriptor = field->descriptor, .depth = path->depth + 1};
        int rc = field->type == PROTOBUF_C_TYPE_MESSAGE ? check_path(&inner, name_out) : 0;

        if (rc)
            return rc;
    }
    return 0;
}

int
wire_check_schema(const ProtobufCMessageDescriptor *descriptor, const char **name_out)
{
    const struct path path = {.outer = NULL, .descriptor = descriptor, .depth = 1};

    return check_path(&path, name_out);
}
