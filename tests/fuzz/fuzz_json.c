/* SPDX-License-Identifier: MIT */
/*
 * The JSON door: the envelope, and the body as the message that stands in the place of the method's name. What was
 * read is written and read again, and must be the same message.
 */
#include "fuzz.h"

#include "core/frame_json.h"
#include "messages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES (1u << 20)
#define INPUT_BYTES_MAX 4096

static const ProtobufCMessageDescriptor *
type_named(struct sotto_view name)
{
    for (size_t i = 0; i < message_count; i++)
        if (strlen(messages[i]->name) == name.size &&
            memcmp(messages[i]->name, name.data, name.size) == 0)
            return messages[i];
    return NULL;
}

/* Packed; free it. */
static uint8_t *
pack(const ProtobufCMessage *message, size_t *size_out)
{
    uint8_t *data = malloc(protobuf_c_message_get_packed_size(message) + 1);

    assert(data != NULL);
    *size_out = protobuf_c_message_pack(message, data);
    return data;
}

static void
read_again(const ProtobufCMessage *message, const char *text, size_t size)
{
    struct pbjson_fault fault;
    ProtobufCMessage *again = NULL;
    json_t *root = NULL;
    struct arena arena;
    uint8_t *first, *second;
    size_t first_size, second_size;

    arena_init(&arena, NULL, 0, 2 * ARENA_BYTES);
    assert(pbjson_load((struct sotto_view){(const uint8_t *)text, size}, &root, &fault) == 0);
    assert(pbjson_read(message->descriptor, root, NULL, &arena, &again, &fault) == 0);
    first = pack(message, &first_size);
    second = pack(again, &second_size);
    assert(first_size == second_size && memcmp(first, second, first_size) == 0);
    free(first);
    free(second);
    json_decref(root);
    arena_fini(&arena);
}

static void
write_and_read(const ProtobufCMessage *message)
{
    struct pbjson_out out = {.at = NULL};
    size_t size;
    char *text;

    pbjson_put_message(&out, message);
    size = out.size;
    text = malloc(size + 1);
    assert(text != NULL);
    out = (struct pbjson_out){.at = text};
    pbjson_put_message(&out, message);
    assert(out.size == size);
    read_again(message, text, size);
    free(text);
}

static bool
read_body(const struct frame_in *frame)
{
    const ProtobufCMessageDescriptor *type = type_named(frame->method);
    ProtobufCMessage *message = NULL;
    struct pbjson_fault fault;
    struct arena arena;
    bool accepted;

    if (type == NULL || frame->tree == NULL)
        return false;
    arena_init(&arena, NULL, 0, ARENA_BYTES);
    accepted = pbjson_read(type, frame->tree, "body", &arena, &message, &fault) == 0;
    if (accepted)
        write_and_read(message);
    else
        assert(fault.text[0] != '\0');
    arena_fini(&arena);
    return accepted;
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    struct pbjson_fault fault;
    struct frame_in frame;
    bool accepted;

    (void)state;
    if (size > INPUT_BYTES_MAX)
        return false;
    if (frame_json_read((struct sotto_view){data, size}, &frame, &fault) != 0) {
        assert(memchr(fault.text, 0, sizeof(fault.text)) != NULL);
        return false;
    }
    accepted = frame.kind == FRAME_CALL && read_body(&frame);
    frame_json_fini(&frame);
    return accepted;
}

const struct fuzz_target fuzz_target = {.name = "json", .one = one};
