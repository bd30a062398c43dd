/* SPDX-License-Identifier: MIT */
/*
 * JSON as the server reads it into a message, within a budget: the first letter picks one of three messages that
 * between them have every kind of field. What was accepted is written and read again, and is the same message.
 */
#include "fuzz.h"

#include "core/pbjson.h"
#include "golden.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CAP (1u << 20)

static void *
setup(void)
{
    pbjson_init();
    return NULL;
}

static const ProtobufCMessageDescriptor *
type_of(uint8_t letter)
{
    switch (letter) {
    case 'S': return &sotto__golden__v1__scalars__descriptor;
    case 'L': return &sotto__golden__v1__lists__descriptor;
    default: return &sotto__golden__v1__choice__descriptor;
    }
}

static bool
read_text(struct arena *arena, const ProtobufCMessageDescriptor *type, struct sotto_view text,
          ProtobufCMessage **message_out)
{
    struct pbjson_fault fault = {.text = ""};
    json_t *root;
    int rc = pbjson_load(text, &root, &fault);

    if (rc == 0) {
        rc = pbjson_read(type, root, "body", arena, message_out, &fault);
        json_decref(root);
    }
    assert(rc == 0 || fault.text[0] != '\0');
    return rc == 0;
}

static void
compare(const ProtobufCMessage *one, const ProtobufCMessage *other)
{
    size_t size = protobuf_c_message_get_packed_size(one);
    uint8_t *bytes = malloc(2 * size + 1);

    assert(bytes != NULL && size == protobuf_c_message_get_packed_size(other));
    protobuf_c_message_pack(one, bytes);
    protobuf_c_message_pack(other, bytes + size);
    assert(memcmp(bytes, bytes + size, size) == 0);
    free(bytes);
}

static void
write_and_read_again(struct arena *arena, const ProtobufCMessage *message)
{
    struct pbjson_out out = {.at = NULL};
    ProtobufCMessage *again = NULL;
    struct sotto_view text;

    pbjson_put_message(&out, message);
    text.size = out.size;
    out = (struct pbjson_out){.at = malloc(text.size)};
    assert(out.at != NULL);
    pbjson_put_message(&out, message);
    assert(out.size == text.size);
    text.data = (const uint8_t *)out.at;
    arena_set_cap(arena, 4 * ARENA_CAP);
    if (read_text(arena, message->descriptor, text, &again)) /* else it has grown over a bound */
        compare(message, again);
    free(out.at);
}

static bool
one(void *state, const uint8_t *data, size_t size)
{
    ProtobufCMessage *message;
    struct sotto_view text;
    struct arena arena;
    bool accepted;

    (void)state;
    if (size == 0)
        return false;
    text = (struct sotto_view){.data = data + 1, .size = size - 1};
    arena_init(&arena, NULL, 0, ARENA_CAP);
    accepted = read_text(&arena, type_of(data[0]), text, &message);
    if (accepted)
        write_and_read_again(&arena, message);
    arena_fini(&arena);
    return accepted;
}

const struct fuzz_target fuzz_target = {.name = "pbjson", .setup = setup, .one = one};
