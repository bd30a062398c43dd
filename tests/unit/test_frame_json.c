/* SPDX-License-Identifier: MIT */
/* The envelope in JSON: what is read, what is refused with which sentence, and every frame that the server writes. */
#include "sotto_test.h"

#include "core/frame_json.h"
#include "tests/support/rig.pb-c.h"

static struct sotto_view
view(const char *text)
{
    return (struct sotto_view){.data = (const uint8_t *)text, .size = strlen(text)};
}

static void
assert_view(struct sotto_view got, const char *want)
{
    assert_int_equal(got.size, strlen(want));
    assert_memory_equal(got.data, want, got.size);
}

/* ---- reading ---- */

static void
a_call_is_read_with_its_request_as_a_tree(void **state)
{
    const char *text =
        "{\"id\":7,\"call\":{\"method\":\"a.B/C\",\"traceId\":\"t-1\",\"deadlineMs\":50,"
        "\"body\":{\"x\":1},\"later\":[]},\"later\":null}";
    struct pbjson_fault fault;
    struct frame_in frame;

    (void)state;
    assert_ok(frame_json_read(view(text), &frame, &fault));
    assert_int_equal(frame.kind, FRAME_CALL);
    assert_int_equal(frame.id, 7);
    assert_int_equal(frame.deadline_ms, 50);
    assert_int_equal(frame.size, strlen(text));
    assert_view(frame.method, "a.B/C");
    assert_view(frame.trace, "t-1");
    assert_int_equal(json_integer_value(json_object_get(frame.tree, "x")), 1);
    frame_json_fini(&frame);
    assert_null(frame.tree);
}

static void
what_is_absent_or_null_is_the_default(void **state)
{
    struct pbjson_fault fault;
    struct frame_in frame;

    (void)state;
    assert_ok(frame_json_read(
        view(
            "{\"id\":\"9\",\"call\":{\"method\":\"m\",\"body\":null,\"deadline_ms\":\"5\",\"traceId\":null},"
            "\"ping\":null}"),
        &frame, &fault));
    assert_int_equal(frame.id, 9);
    assert_int_equal(frame.deadline_ms, 5);
    assert_int_equal(frame.trace.size, 0);
    assert_int_equal(json_object_size(frame.tree), 0);
    frame_json_fini(&frame);
}

static void
pings_pongs_and_cancels_are_read(void **state)
{
    struct pbjson_fault fault;
    struct frame_in frame;

    (void)state;
    assert_ok(frame_json_read(view("{\"ping\":{\"data\":\"YWJj\"}}"), &frame, &fault));
    assert_int_equal(frame.kind, FRAME_PING);
    assert_view(frame.body, "abc");
    frame_json_fini(&frame);
    assert_ok(frame_json_read(view("{\"pong\":{}}"), &frame, &fault));
    assert_int_equal(frame.kind, FRAME_PONG);
    assert_int_equal(frame.body.size, 0);
    frame_json_fini(&frame);
    assert_ok(frame_json_read(view("{\"id\":3,\"cancel\":{}}"), &frame, &fault));
    assert_int_equal(frame.kind, FRAME_CANCEL);
    assert_int_equal(frame.id, 3);
    frame_json_fini(&frame);
    assert_ok(frame_json_read(view("{\"hello\":{}}"), &frame, &fault));
    assert_int_equal(frame.kind, FRAME_HELLO); /* refused by who takes frames */
    frame_json_fini(&frame);
}

static void
what_is_no_frame_is_refused_with_a_sentence(void **state)
{
    static const char *const cases[][2] = {
        {"[]", "an object"},
        {"{}", "call, ping, pong or cancel"},
        {"{\"id\":1,\"call\":7}", "call, ping, pong or cancel"},
        {"{\"call\":{},\"ping\":{}}", "one kind only"},
        {"{\"id\":-1,\"ping\":{}}", "id: expected a whole number of 0 to 9007199254740991."},
        {"{\"id\":9007199254740992,\"ping\":{}}", "id: "},
        {"{\"call\":{\"method\":1}}", "call.method: "},
        {"{\"call\":{\"traceId\":{}}}", "call.traceId: "},
        {"{\"call\":{\"deadlineMs\":4294967296}}", "call.deadlineMs: "},
        {"{\"call\":{\"traceId\":\"a\",\"trace_id\":\"b\"}}",
         "call.traceId: the field stands there under both"},
        {"{\"call\":{\"deadline_ms\":1,\"deadlineMs\":null}}",
         "call.deadlineMs: the field stands there"},
        {"{\"ping\":{\"data\":1}}", "data: "},
        {"{\"ping\":{\"data\":\"=\"}}", "data: "},
        {"{\"ping\":{\"data\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}",
         "data: expected at most 64 bytes"},
        {"{\"ping\":{}", "line 1"},
        {"{\"ping\":{},\"ping\":{}}", "a key stands twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pbjson_fault fault = {.text = ""};
        struct frame_in frame;

        assert_fails(frame_json_read(view(cases[i][0]), &frame, &fault), SOTTO_EINVALID);
        if (!strstr(fault.text, cases[i][1]))
            fail_msg("%s: says \"%s\"", cases[i][0], fault.text);
    }
}

/* ---- writing ---- */

/* Checks the text behind the head of a WebSocket message, and what stands behind the text. Frees the frame. */
static void
assert_text(struct frame_buf *take_buf, const char *want, size_t tail)
{
    size_t head = strlen(want) < 126 ? 2 : 4;

    assert_non_null(take_buf);
    assert_int_equal(take_buf->size, head + strlen(want) + tail);
    assert_int_equal(take_buf->data[0], 0x81);
    assert_int_equal(head == 2 ? take_buf->data[1]
                               : (size_t)take_buf->data[2] << 8 | take_buf->data[3],
                     strlen(want));
    assert_memory_equal(take_buf->data + head, want, strlen(want));
    frame_unref(take_buf, 1);
}

static void
replies_events_and_errors_carry_the_mapped_message(void **state)
{
    Sotto__Rig__V1__Part part = SOTTO__RIG__V1__PART__INIT;
    Sotto__Rig__V1__Text text = SOTTO__RIG__V1__TEXT__INIT;

    (void)state;
    text.text = (char *)(uintptr_t) "a \"b\"";
    text.data = (ProtobufCBinaryData){.len = 2, .data = (uint8_t[]){1, 2}};
    part.name = (char *)(uintptr_t) "p";
    assert_text(frame_reply(FRAME_WIRE_WS_JSON, 300, &text.base),
                "{\"id\":300,\"reply\":{\"body\":{\"text\":\"a \\\"b\\\"\",\"data\":\"AQI=\"}}}",
                0);
    assert_text(frame_event(FRAME_WIRE_WS_JSON, &part.base),
                "{\"event\":{\"type\":\"sotto.rig.v1.Part\",\"body\":{\"name\":\"p\"}}}", 0);
    assert_text(frame_error(FRAME_WIRE_WS_JSON, 1, "aborted", "Old.", NULL),
                "{\"id\":1,\"reply\":{\"error\":{\"code\":\"aborted\",\"message\":\"Old.\"}}}", 0);
    assert_text(frame_error(FRAME_WIRE_WS_JSON, 1, "aborted", "Old.", &part.base),
                "{\"id\":1,\"reply\":{\"error\":{\"code\":\"aborted\",\"message\":\"Old.\","
                "\"details\":{\"name\":\"p\"}}}}",
                0);
}

static void
hello_pong_ping_and_goodbye_are_as_the_schema_says(void **state)
{
    const char *const features[] = {"auth", "chat"};
    struct frame_buf *ping = frame_ping(FRAME_WIRE_WS_JSON, view("x"));

    (void)state;
    assert_text(
        frame_hello(FRAME_WIRE_WS_JSON, "home", 70000, features, 2),
        "{\"hello\":{\"version\":1,\"name\":\"home\",\"maxFrame\":70000,\"features\":[\"auth\",\"chat\"]}}",
        0);
    assert_text(frame_pong(FRAME_WIRE_WS_JSON, view("abc")), "{\"pong\":{\"data\":\"YWJj\"}}", 0);
    assert_text(frame_pong(FRAME_WIRE_WS_JSON, view("")), "{\"pong\":{}}", 0);
    assert_text(frame_goodbye(FRAME_WIRE_WS_JSON,
                              &(struct frame_farewell){
                                  .code = 4401, .reason = "expired", .resume_after_ms = 1000}),
                "{\"goodbye\":{\"code\":4401,\"reason\":\"expired\",\"resumeAfterMs\":1000}}",
                2 + 2 + strlen("expired"));
    /* The notice of an end has no close frame behind it. */
    assert_text(
        frame_goodbye(FRAME_WIRE_WS_JSON,
                      &(struct frame_farewell){.code = 1001, .reason = "x", .closes_in_ms = 5000}),
        "{\"goodbye\":{\"code\":1001,\"reason\":\"x\",\"closesInMs\":5000}}", 0);
    assert_int_equal(ping->data[0], 0x89); /* of the WebSocket, which every library answers */
    frame_unref(ping, 1);
}

static void
a_frame_may_be_a_third_longer_than_in_protobuf(void **state)
{
    (void)state;
    assert_int_equal(frame_wire_max(FRAME_WIRE_TCP, 70000), 70000);
    assert_true(frame_wire_max(FRAME_WIRE_WS_JSON, 70000) >= 70000 / 3 * 4 + 4);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_call_is_read_with_its_request_as_a_tree),
    cmocka_unit_test(what_is_absent_or_null_is_the_default),
    cmocka_unit_test(pings_pongs_and_cancels_are_read),
    cmocka_unit_test(what_is_no_frame_is_refused_with_a_sentence),
    cmocka_unit_test(replies_events_and_errors_carry_the_mapped_message),
    cmocka_unit_test(hello_pong_ping_and_goodbye_are_as_the_schema_says),
    cmocka_unit_test(a_frame_may_be_a_third_longer_than_in_protobuf),
};

SOTTO_TEST_MAIN(tests)
