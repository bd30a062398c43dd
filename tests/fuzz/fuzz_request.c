/* SPDX-License-Identifier: MIT */
/*
 * The requests of all methods: the check of the encoded bytes, then protobuf-c within the budget of an arena. The
 * first two bytes of an input choose the service and its method.
 */
#include "fuzz.h"

#include "core/arena.h"
#include "core/wire.h"

#include "auth.pb-c.h"
#include "chat.pb-c.h"
#include "keyx.pb-c.h"

#include <assert.h>
#include <stdio.h>

#define ARENA_BYTES (64 * 1024) /* the least that a method gets */

static const ProtobufCServiceDescriptor *const services[] = {
    &sotto__auth__v1__auth_service__descriptor,
    &sotto__keyx__v1__key_service__descriptor,
    &sotto__chat__v1__chat_service__descriptor,
};
#define SERVICE_COUNT (sizeof(services) / sizeof(services[0]))

static bool
one(void *state, const uint8_t *data, size_t size)
{
    const ProtobufCServiceDescriptor *service;
    const ProtobufCMessageDescriptor *input;
    ProtobufCMessage *message;
    struct arena arena;
    const char *why = NULL;

    (void)state;
    if (size < 2)
        return false;
    service = services[data[0] % SERVICE_COUNT];
    input = service->methods[data[1] % service->n_methods].input;
    data += 2, size -= 2;
    if (wire_check(input, data, size, &why) != 0) {
        assert(why != NULL);
        return false;
    }
    arena_init(&arena, NULL, 0, ARENA_BYTES);
    message = protobuf_c_message_unpack(input, arena_allocator(&arena), size, data);
    assert(message == NULL || protobuf_c_message_check(message));
    arena_fini(&arena);
    return message != NULL;
}

/* A message in which every field stands once, as deep as the schema goes. */
static size_t
fill(const ProtobufCMessageDescriptor *type, uint8_t *out)
{
    size_t size = 0;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        const bool has_length = field->type == PROTOBUF_C_TYPE_STRING ||
                                field->type == PROTOBUF_C_TYPE_BYTES ||
                                field->type == PROTOBUF_C_TYPE_MESSAGE;

        assert(field->id < 16); /* a key of one byte */
        out[size++] = (uint8_t)(field->id << 3 | (has_length ? 2 : 0));
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            const size_t inner = fill(field->descriptor, out + size + 1);

            assert(inner < 128);
            out[size++] = (uint8_t)inner;
            size += inner;
        } else {
            out[size++] = 1;
            if (has_length)
                out[size++] = 'a';
        }
    }
    return size;
}

static void
seeds(void *state, fuzz_seed_fn *take, void *arg)
{
    (void)state;
    for (size_t i = 0; i < SERVICE_COUNT; i++)
        for (unsigned j = 0; j < services[i]->n_methods; j++) {
            uint8_t data[512];
            char name[64];

            data[0] = (uint8_t)i;
            data[1] = (uint8_t)j;
            snprintf(name, sizeof(name), "%s", services[i]->methods[j].name);
            take(name, data, 2 + fill(services[i]->methods[j].input, data + 2), arg);
        }
}

const struct fuzz_target fuzz_target = {.name = "request", .one = one, .seeds = seeds};
