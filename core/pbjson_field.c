/* SPDX-License-Identifier: MIT */
/* What reader and writer of the JSON mapping ask of a field's descriptor: see pbjson.h. */
#include "core/pbjson.h"

#include <string.h>

const char *
pbjson_name(const ProtobufCFieldDescriptor *field, char room[PBJSON_NAME_BYTES])
{
    size_t size = 0;
    bool upper = false;

    if (!strchr(field->name, '_'))
        return field->name;
    for (const char *at = field->name; *at; at++) {
        if (*at == '_') {
            upper = true;
            continue;
        }
        if (size == PBJSON_NAME_BYTES - 1)
            return field->name;
        room[size++] = (char)(upper && *at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
        upper = false;
    }
    room[size] = '\0';
    return room;
}

size_t
pbjson_value_bytes(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING: return sizeof(char *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(ProtobufCMessage *);
    case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_ENUM: return sizeof(int);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return sizeof(uint64_t);
    default: return sizeof(uint32_t);
    }
}
