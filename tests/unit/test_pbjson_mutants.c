/* SPDX-License-Identifier: MIT */
/*
 * Every message of every module through the JSON mapping and back: filled at random, written, read, and packed to the
 * same bytes; then with damage to the text, which is refused with a sentence or read as a message that is as
 * stable. The run is short and always the same; SOTTO_MUTANTS=n makes n of each message, SOTTO_SEED another
 * set, SOTTO_NIGHT=1 many.
 */
#include "sotto_test.h"

#include "core/pbjson.h"
#include "messages.h"

#define ARENA_CAP (4u << 20)
#define LIST_MAX 3
#define BYTES_MAX 20
#define DAMAGES 8

static uint64_t
number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

static size_t
rounds(void)
{
    return (size_t)number_from("SOTTO_MUTANTS", sotto_night() ? 20000 : 150);
}

/* xorshift64*: the same messages on every run. */
struct dice {
    uint64_t state;
};

static uint64_t
roll(struct dice *dice)
{
    dice->state ^= dice->state >> 12;
    dice->state ^= dice->state << 25;
    dice->state ^= dice->state >> 27;
    return dice->state * 0x2545f4914f6cdd1du;
}

static size_t
below(struct dice *dice, size_t sides)
{
    return (size_t)((roll(dice) >> 33) % sides);
}

/* A message that contains itself is for the test of the registration, which refuses it. */
static const ProtobufCMessageDescriptor *
type_at(size_t index)
{
    const char *name;

    while (wire_check_schema(messages[index % message_count], &name))
        index++;
    return messages[index % message_count];
}

/* ---- messages at random ---- */

static ProtobufCMessage *random_message(struct dice *, struct arena *,
                                        const ProtobufCMessageDescriptor *);

static char *
random_text(struct dice *dice, struct arena *arena)
{
    static const char *const pieces[] = {
        "a", "Z9", "\"", "\\", "\n", "\x01", "\x7f", "\xc3\xa9", "\xe2\x80\xa8", "\xf0\x9f\x98\x80",
        "/", " "};
    size_t count = below(dice, 6);
    char *text = arena_zalloc(arena, 6 * 4 + 1);

    for (size_t i = 0, at = 0; i < count; i++) {
        const char *piece = pieces[below(dice, sizeof(pieces) / sizeof(pieces[0]))];

        memcpy(text + at, piece, strlen(piece));
        at += strlen(piece);
    }
    return text;
}

static ProtobufCBinaryData
random_bytes(struct dice *dice, struct arena *arena)
{
    ProtobufCBinaryData bytes = {.len = below(dice, BYTES_MAX)};

    bytes.data = arena_alloc(arena, BYTES_MAX);
    for (size_t i = 0; i < bytes.len; i++)
        bytes.data[i] = (uint8_t)roll(dice);
    return bytes;
}

/* Any bits, small numbers more often than chance would have it; reals finite, since NaN has many forms. */
static void
random_number(struct dice *dice, ProtobufCType type, void *at)
{
    uint64_t bits = below(dice, 2) ? roll(dice) : roll(dice) >> (32 + below(dice, 32));
    double real = (double)(int64_t)bits / (double)(1 + below(dice, 1000));
    float small = (float)real;

    if (type == PROTOBUF_C_TYPE_DOUBLE)
        memcpy(at, &real, sizeof(real));
    else if (type == PROTOBUF_C_TYPE_FLOAT)
        memcpy(at, &small, sizeof(small));
    else
        memcpy(at, &bits, pbjson_value_bytes(type));
}

static void
random_value(struct dice *dice, struct arena *arena, const ProtobufCFieldDescriptor *field,
             void *at)
{
    const ProtobufCEnumDescriptor *names = field->descriptor;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: *(char **)at = random_text(dice, arena); return;
    case PROTOBUF_C_TYPE_BYTES: *(ProtobufCBinaryData *)at = random_bytes(dice, arena); return;
    case PROTOBUF_C_TYPE_BOOL: *(protobuf_c_boolean *)at = (int)below(dice, 2); return;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)at = below(dice, 4) ? names->values[below(dice, names->n_values)].value
                                    : (int)(int32_t)roll(dice);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = random_message(dice, arena, field->descriptor);
        return;
    default: random_number(dice, field->type, at); return;
    }
}

static void
random_list(struct dice *dice, struct arena *arena, const ProtobufCFieldDescriptor *field,
            ProtobufCMessage *message)
{
    size_t count = below(dice, LIST_MAX + 1);
    size_t step = pbjson_value_bytes(field->type);
    uint8_t *list = arena_zalloc(arena, LIST_MAX * step);

    for (size_t i = 0; i < count; i++)
        random_value(dice, arena, field, list + i * step);
    *(void **)((uint8_t *)message + field->offset) = list;
    *(size_t *)((uint8_t *)message + field->quantifier_offset) = count;
}

static ProtobufCMessage *
random_message(struct dice *dice, struct arena *arena, const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = arena_zalloc(arena, descriptor->sizeof_message);

    assert_non_null(message);
    protobuf_c_message_init(descriptor, message);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        uint32_t *which = (uint32_t *)((uint8_t *)message + field->quantifier_offset);

        if (below(dice, 4) == 0)
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            random_list(dice, arena, field, message);
            continue;
        }
        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            if (*which)
                continue;
            *which = field->id;
        }
        random_value(dice, arena, field, (uint8_t *)message + field->offset);
    }
    return message;
}

/* ---- there and back ---- */

struct packed {
    size_t size;
    uint8_t *data;
};

static struct packed
pack(struct arena *arena, const ProtobufCMessage *message)
{
    struct packed packed = {.size = protobuf_c_message_get_packed_size(message)};

    packed.data = arena_alloc(arena, packed.size + 1);
    assert_non_null(packed.data);
    protobuf_c_message_pack(message, packed.data);
    return packed;
}

static struct sotto_view
text_of(struct arena *arena, const ProtobufCMessage *message)
{
    struct pbjson_out out = {.at = NULL};

    pbjson_put_message(&out, message);
    out = (struct pbjson_out){.at = arena_alloc(arena, out.size)};
    assert_non_null(out.at);
    pbjson_put_message(&out, message);
    return (struct sotto_view){.data = (uint8_t *)out.at, .size = out.size};
}

static int
read_text(struct arena *arena, const ProtobufCMessageDescriptor *type, struct sotto_view text,
          ProtobufCMessage **message_out)
{
    struct pbjson_fault fault = {.text = ""};
    json_t *root;
    int rc = pbjson_load(text, &root, &fault);

    if (!rc) {
        rc = pbjson_read(type, root, NULL, arena, message_out, &fault);
        json_decref(root);
    }
    if (rc) {
        assert_in_range(-rc, 1, 255);
        assert_true(fault.text[0] != '\0');
    }
    return rc;
}

/* Written and read once more, it packs to the same bytes. */
static void
assert_stable(struct arena *arena, const ProtobufCMessage *message)
{
    struct sotto_view text = text_of(arena, message);
    struct packed before = pack(arena, message);
    ProtobufCMessage *again;
    struct packed after;

    if (read_text(arena, message->descriptor, text, &again))
        fail_msg("%s is not read back: %.*s", message->descriptor->name, (int)text.size,
                 (const char *)text.data);
    after = pack(arena, again);
    if (before.size != after.size || memcmp(before.data, after.data, before.size) != 0)
        fail_msg("%s changed: %.*s", message->descriptor->name, (int)text.size,
                 (const char *)text.data);
}

static void
every_message_comes_back_as_it_was(void **state)
{
    struct dice dice = {.state = number_from("SOTTO_SEED", 1) * 0x9e3779b97f4a7c15u | 1};

    (void)state;
    for (size_t i = 0; i < message_count * rounds(); i++) {
        struct arena arena;

        arena_init(&arena, NULL, 0, ARENA_CAP);
        assert_stable(&arena, random_message(&dice, &arena, type_at(i)));
        arena_fini(&arena);
    }
}

/* A few changes of one character, of a piece that goes, of a piece that comes twice. In a block of its own, so
 * that a sanitizer sees its end. */
static struct sotto_view
damaged(struct dice *dice, struct sotto_view text)
{
    static const char likely[] = "{}[]\",:\\0123456789-+.eEntfu \x00\xff";
    uint8_t *data = malloc(2 * text.size + 1);
    size_t size = text.size;

    assert_non_null(data);
    memcpy(data, text.data, size);
    for (size_t changes = 1 + below(dice, 3); changes && size; changes--) {
        size_t at = below(dice, size);
        size_t piece = 1 + below(dice, size - at < 12 ? size - at : 12);

        switch (below(dice, 4)) {
        case 0: data[at] = (uint8_t)likely[below(dice, sizeof(likely))]; break;
        case 1: data[at] ^= (uint8_t)(1u << below(dice, 8)); break;
        case 2:
            memmove(data + at, data + at + piece, size - at - piece);
            size -= piece;
            break;
        default:
            if (size + piece > 2 * text.size)
                break;
            memmove(data + at + piece, data + at, size - at);
            size += piece;
            break;
        }
    }
    return (struct sotto_view){.data = realloc(data, size ? size : 1), .size = size};
}

static void
damage_is_refused_or_read_as_something_stable(void **state)
{
    struct dice dice = {.state = number_from("SOTTO_SEED", 1) * 0x9e3779b97f4a7c15u | 1};
    size_t refused = 0, read = 0;

    (void)state;
    for (size_t i = 0; i < message_count * rounds(); i++) {
        const ProtobufCMessageDescriptor *type = type_at(i);
        struct arena arena;
        struct sotto_view text;
        ProtobufCMessage *message;

        arena_init(&arena, NULL, 0, ARENA_CAP);
        text = text_of(&arena, random_message(&dice, &arena, type));
        for (size_t j = 0; j < DAMAGES; j++) {
            struct sotto_view mutant = damaged(&dice, text);

            if (read_text(&arena, type, mutant, &message)) {
                refused++;
            } else {
                assert_stable(&arena, message);
                read++;
            }
            free((void *)(uintptr_t)mutant.data);
        }
        arena_fini(&arena);
    }
    print_message("# %zu mutants refused, %zu read\n", refused, read);
    assert_true(refused > read / 4 && read > refused / 100);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_message_comes_back_as_it_was),
    cmocka_unit_test(damage_is_refused_or_read_as_something_stable),
};

SOTTO_TEST_MAIN(tests)
