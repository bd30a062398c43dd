/* SPDX-License-Identifier: MIT */
/*
 * See schema.h. A FileDescriptorSet is a sequence of field 1, one for each file, and the name of a file is field 1
 * of it; so sets are joined by copying fields, and nothing needs the generated code of descriptor.proto.
 */
#include "core/schema.h"

#include "core/host.h"

#include <string.h>

#define TAG_FILE 0x0a /* FileDescriptorSet.file, length-delimited */
#define TAG_NAME 0x0a /* FileDescriptorProto.name */

/* A varint of at most five bytes; false at the end of the bytes. */
static bool
read_varint(struct sotto_view *from, size_t *value_out)
{
    size_t value = 0;

    for (unsigned shift = 0; shift < 35 && from->size; shift += 7) {
        const uint8_t byte = *from->data;

        from->data++;
        from->size--;
        value |= (size_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *value_out = value;
            return true;
        }
    }
    return false;
}

/* Takes a field with this tag from the front. */
static bool
read_field(struct sotto_view *from, uint8_t tag, struct sotto_view *field_out)
{
    size_t size;

    if (!from->size || *from->data != tag)
        return false;
    from->data++;
    from->size--;
    if (!read_varint(from, &size) || size > from->size)
        return false;
    *field_out = (struct sotto_view){.data = from->data, .size = size};
    from->data += size;
    from->size -= size;
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
