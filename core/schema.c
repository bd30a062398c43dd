/* SPDX-License-Identifier: MIT */
/*
 * See schema.h. A FileDescriptorSet is a sequence of field 1, one for each file, and the name of a file is field 1
 * of it; so sets are joined by copying fields, and nothing needs the generated code of descriptor.proto.
 */
#include "core/schema.h"

#include "core/host.h"
#include "core/wire.h"

#include <string.h>

#define TAG_FILE 0x0a /* FileDescriptorSet.file, length-delimited */
#define TAG_NAME 0x0a /* FileDescriptorProto.name */

/* Takes a field with this tag from the front. */
static bool
read_field(struct sotto_view *from, uint8_t tag, struct sotto_view *field_out)
{
    const uint8_t *at = from->data;
    const uint8_t *end = from->size ? at + from->size : at;
    uint64_t size;

    if (at == end || *at++ != tag || !wire_varint(&at, end, &size) || size > (size_t)(end - at))
        return false;
    *field_out = (struct sotto_view){.data = at, .size = (size_t)size};
    at += size;
    *from = (struct sotto_view){.data = at, .size = (size_t)(end - at)};
    return true;
}

static bool
has_file(struct sotto_view set, struct sotto_view name)
{
    struct sotto_view file, other;

    while (read_field(&set, TAG_FILE, &file))
        if (read_field(&file, TAG_NAME, &other) && other.size == name.size &&
            memcmp(other.data, name.data, name.size) == 0)
            return true;
    return false;
}

void
schema_add(struct sotto_view set, struct buf *out)
{
    struct sotto_view file, rest, name;
    const uint8_t *start = set.data;

    while (read_field(&set, TAG_FILE, &file)) {
        const struct sotto_view have = {.data = (const uint8_t *)buf_text(out), .size = out->size};

        rest = file;
        if (read_field(&rest, TAG_NAME, &name) && !has_file(have, name))
            buf_add(out, start, (size_t)(set.data - start));
        start = set.data;
    }
}

void
schema_collect(const struct host *host, struct buf *out)
{
    for (size_t i = 0; host && i < host_count(host); i++)
        schema_add(host_at(host, i)->descriptor->schema, out);
}
