/* SPDX-License-Identifier: MIT */
/*
 * The JSON mapping against the golden vectors of tests/golden/json, which other implementations read, too, and
 * what vectors cannot say: bounds, budget, wiping, sentences.
 */
#include "sotto_test.h"

#include "core/buf.h"
#include "core/pbjson.h"
#include "golden.pb-c.h"
#include "messages.h"
#include "vectors.h"

#define ARENA_CAP (1u << 20)
#define GOLDEN SOTTO_PROJECT_ROOT "/tests/golden/json/"

struct context {
    struct arena arena;
    struct pbjson_fault fault;
    ProtobufCMessage *message;
};

static int
set_up(void **state)
{
    struct context *context = calloc(1, sizeof(*context));

    *state = context;
    arena_init(&context->arena, NULL, 0, ARENA_CAP);
    return context ? 0 : -1;
}

static int
tear_down(void **state)
{
    struct context *context = *state;

    arena_fini(&context->arena);
    free(context);
    return 0;
}

static struct sotto_view
view(const char *text)
{
    return (struct sotto_view){.data = (const uint8_t *)text, .size = strlen(text)};
}

static const ProtobufCMessageDescriptor *
type_named(const char *name)
{
    for (size_t i = 0; i < message_count; i++)
        if (strcmp(messages[i]->name, name) == 0)
            return messages[i];
    fail_msg("the build has no message %s", name);
    return NULL;
}

static int
read_text(struct context *context, const ProtobufCMessageDescriptor *type, struct sotto_view text)
{
    json_t *root;
    int rc = pbjson_load(text, &root, &context->fault);

    if (rc)
        return rc;
    rc = pbjson_read(type, root, NULL, &context->arena, &context->message, &context->fault);
    json_decref(root);
    return rc;
}

/* Free it. */
static char *
written(const ProtobufCMessage *message)
{
    struct pbjson_out out = {.at = NULL};
    size_t counted;

    pbjson_put_message(&out, message);
    counted = out.size;
    out = (struct pbjson_out){.at = malloc(counted + 1)};
    assert_non_null(out.at);
    pbjson_put_message(&out, message);
    assert_int_equal(out.size, counted);
    out.at[counted] = '\0';
    return out.at;
}

static void
assert_packs_to(const char *name, const ProtobufCMessage *message, const json_t *vector)
{
    struct vec_bytes want = vec_need_hex(vector, "proto");
    struct vec_bytes got = {.len = protobuf_c_message_get_packed_size(message)};

    got.data = malloc(got.len + 1);
    assert_non_null(got.data);
    protobuf_c_message_pack(message, got.data);
    vec_assert_equal(name, got.data, got.len, want.data, want.len);
    vec_free(&got);
    vec_free(&want);
}

static void
run_golden(const char *file, const char *key, size_t least,
           void (*check)(struct context *, const char *name, const json_t *vector))
{
    json_error_t error;
    json_t *root = json_load_file(file, JSON_REJECT_DUPLICATES, &error);
    const json_t *vector;
    size_t i;

    if (!root)
        fail_msg("%s: line %d: %s", file, error.line, error.text);
    json_array_foreach(vec_need(root, key), i, vector)
    {
        struct context context = {.message = NULL};

        arena_init(&context.arena, NULL, 0, ARENA_CAP);
        check(&context, vec_need_string(vector, "name"), vector);
        arena_fini(&context.arena);
    }
    vectors_report(strrchr(file, '/') + 1, 0, i, least);
    json_decref(root);
}

static void
check_canonical(struct context *context, const char *name, const json_t *vector)
{
    const ProtobufCMessageDescriptor *type = type_named(vec_need_string(vector, "type"));
    struct vec_bytes proto = vec_need_hex(vector, "proto");
    ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, proto.len, proto.data);
    char *text = written(message);
    json_t *tree = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    if (!json_equal(tree, vec_need(vector, "json")))
        fail_msg("%s: written as %s", name, text);
    if (read_text(context, type, view(text)))
        fail_msg("%s: %s", name, context->fault.text);
    assert_packs_to(name, context->message, vector);
    json_decref(tree);
    free(text);
    protobuf_c_message_free_unpacked(message, NULL);
    vec_free(&proto);
}

static void
what_we_write_is_the_canonical_form(void **state)
{
    (void)state;
    run_golden(GOLDEN "canonical.json", "vectors", 41, check_canonical);
}

static void
check_accepted(struct context *context, const char *name, const json_t *vector)
{
    const ProtobufCMessageDescriptor *type = type_named(vec_need_string(vector, "type"));

    if (read_text(context, type, view(vec_need_string(vector, "input"))))
        fail_msg("%s: %s", name, context->fault.text);
    assert_packs_to(name, context->message, vector);
}

static void
what_the_mapping_allows_is_accepted(void **state)
{
    (void)state;
    run_golden(GOLDEN "accepted.json", "vectors", 28, check_accepted);
}

static void
check_refused(struct context *context, const char *name, const json_t *vector)
{
    const ProtobufCMessageDescriptor *type = type_named(vec_need_string(vector, "type"));
    const char *says = vec_need_string(vector, "says");
    int rc = read_text(context, type, view(vec_need_string(vector, "input")));

    if (rc != SOTTO_EINVALID)
        fail_msg("%s: expected SOTTO_EINVALID, got %d", name, rc);
    if (strncmp(context->fault.text, says, strlen(says)) != 0 || !context->fault.text[0])
        fail_msg("%s: says \"%s\"", name, context->fault.text);
}

static void
what_is_wrong_is_refused_and_its_place_named(void **state)
{
    (void)state;
    run_golden(GOLDEN "refused.json", "vectors", 77, check_refused);
}

/* ---- bounds ---- */

#define SCALARS (&sotto__golden__v1__scalars__descriptor)
#define LISTS (&sotto__golden__v1__lists__descriptor)

/* Reads what a buffer holds and frees it. */
static int
read_buf(struct context *context, const ProtobufCMessageDescriptor *type, struct buf *take_text)
{
    int rc = read_text(context, type, view(buf_text(take_text)));

    buf_fini(take_text);
    return rc;
}

static void
repeat(struct buf *text, const char *piece, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_puts(text, piece);
}

/* {"later": count times open, a value, count times close} */
static int
read_nested(struct context *context, size_t count, const char *open, const char *close)
{
    struct buf text = {0};

    buf_puts(&text, "{\"later\":");
    repeat(&text, open, count);
    buf_puts(&text, "1");
    repeat(&text, close, count);
    buf_puts(&text, "}");
    return read_buf(context, SCALARS, &text);
}

static void
depth_is_bounded_in_what_is_ignored_too(void **state)
{
    struct context *context = *state;

    assert_ok(read_nested(context, PBJSON_DEPTH_MAX - 1, "[", "]"));
    assert_fails(read_nested(context, PBJSON_DEPTH_MAX, "[", "]"), SOTTO_EINVALID);
    assert_string_equal(context->fault.text, "the JSON nests too deep");
    assert_ok(read_nested(context, PBJSON_DEPTH_MAX - 1, "{\"a\":", "}"));
    assert_fails(read_nested(context, PBJSON_DEPTH_MAX, "{\"a\":", "}"), SOTTO_EINVALID);
}

static void
brackets_in_texts_do_not_count(void **state)
{
    struct buf text = {0};

    buf_puts(&text, "{\"aText\":\"\\\"");
    repeat(&text, "[", 200);
    buf_puts(&text, "\"}");

    assert_ok(read_buf(*state, SCALARS, &text));
}

/* A list of count numbers. */
static int
read_numbers(struct context *context, size_t count)
{
    struct buf text = {0};

    buf_puts(&text, "{\"int32s\":[1");
    repeat(&text, ",1", count - 1);
    buf_puts(&text, "]}");
    return read_buf(context, LISTS, &text);
}

static void
the_count_of_values_is_bounded(void **state)
{
    struct context *context = *state;

    assert_ok(read_numbers(context, PBJSON_VALUES_MAX - 3));
    assert_fails(read_numbers(context, PBJSON_VALUES_MAX), SOTTO_EINVALID);
    assert_string_equal(context->fault.text, "the JSON has too many values");
}

static void
a_message_takes_no_more_memory_than_its_budget(void **state)
{
    struct context *context = *state;

    arena_set_cap(&context->arena, 1000);
    assert_ok(read_numbers(context, 100));
    assert_fails(read_numbers(context, 1000), SOTTO_EEXHAUSTED);
    assert_string_equal(context->fault.text, "The request takes too much memory.");
}

static void
a_sentence_about_a_deep_place_ends_with_its_reason(void **state)
{
    struct context *context = *state;
    json_t *root;
    char path[400];

    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_ok(pbjson_load(view("{\"aBool\":1}"), &root, &context->fault));

    assert_fails(
        pbjson_read(SCALARS, root, path, &context->arena, &context->message, &context->fault),
        SOTTO_EINVALID);
    assert_non_null(strstr(context->fault.text, ": expected true or false."));
    json_decref(root);
}

static void
a_sentence_never_repeats_what_the_client_wrote(void **state)
{
    struct context *context = *state;
    const char *const inputs[] = {
        "{\"anInt32\":\"secret\"}", "{\"aText\": secret}",         "{\"aText\":\"secret",
        "{\"aColor\":\"secret\"}",  "{\"secret\":1,\"secret\":2}", "{\"someBytes\":\"secret!\"}",
    };

    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        assert_fails(read_text(context, SCALARS, view(inputs[i])), SOTTO_EINVALID);
        assert_null(strstr(context->fault.text, "secret"));
    }
}

static void
what_is_not_utf8_is_refused_and_never_written(void **state)
{
    struct context *context = *state;
    Sotto__Golden__V1__Scalars message = SOTTO__GOLDEN__V1__SCALARS__INIT;
    char *text;

    assert_fails(read_text(context, SCALARS, view("{\"aText\":\"\xff\"}")), SOTTO_EINVALID);
    assert_fails(read_text(context, SCALARS, view("{\"aText\":\"\xed\xa0\x80\"}")), SOTTO_EINVALID);
    assert_fails(read_text(context, SCALARS, view("{\"aText\":\"\xc0\x80\"}")), SOTTO_EINVALID);
    assert_fails(
        read_text(context, SCALARS,
                  (struct sotto_view){.data = (const uint8_t *)"{\"aText\":\"\0\"}", .size = 13}),
        SOTTO_EINVALID);

    message.a_text = (char *)(uintptr_t) "a\xff\xc3";
    text = written(&message.base);
    assert_string_equal(text, "{\"aText\":\"a\\ufffd\\ufffd\"}");
    free(text);
}

/* Here others write the digits of a double, so it is no vector. */
static void
a_float_is_written_with_the_digits_that_it_has(void **state)
{
    Sotto__Golden__V1__Scalars message = SOTTO__GOLDEN__V1__SCALARS__INIT;
    char *text;

    (void)state;
    message.a_float = 0.1F;
    message.a_double = -0.0;
    text = written(&message.base);
    assert_string_equal(text, "{\"aFloat\":0.1,\"aDouble\":-0.0}");
    free(text);
}

static void
integers_of_an_envelope_have_their_own_bound(void **state)
{
    struct context *context = *state;
    json_t *values = json_pack("[i, s, i, n]", 7, "8", -1);
    uint64_t number = 1;

    assert_ok(pbjson_read_uint(json_array_get(values, 0), "id", 7, &number, &context->fault));
    assert_int_equal(number, 7);
    assert_fails(pbjson_read_uint(json_array_get(values, 1), "id", 7, &number, &context->fault),
                 SOTTO_EINVALID);
    assert_string_equal(context->fault.text, "id: expected a whole number of 0 to 7.");
    assert_fails(pbjson_read_uint(json_array_get(values, 2), "id", 7, &number, &context->fault),
                 SOTTO_EINVALID);
    assert_ok(pbjson_read_uint(json_array_get(values, 3), "id", 7, &number, &context->fault));
    assert_int_equal(number, 0);
    assert_ok(pbjson_read_uint(NULL, "id", 7, &number, &context->fault));
    json_decref(values);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    ROW(what_we_write_is_the_canonical_form),
    ROW(what_the_mapping_allows_is_accepted),
    ROW(what_is_wrong_is_refused_and_its_place_named),
    ROW(depth_is_bounded_in_what_is_ignored_too),
    ROW(brackets_in_texts_do_not_count),
    ROW(the_count_of_values_is_bounded),
    ROW(a_message_takes_no_more_memory_than_its_budget),
    ROW(a_sentence_about_a_deep_place_ends_with_its_reason),
    ROW(a_sentence_never_repeats_what_the_client_wrote),
    ROW(what_is_not_utf8_is_refused_and_never_written),
    ROW(a_float_is_written_with_the_digits_that_it_has),
    ROW(integers_of_an_envelope_have_their_own_bound),
};

SOTTO_TEST_MAIN(tests)
