/* SPDX-License-Identifier: MIT */
/* The hand-written envelope against protobuf-c's: the same bytes out, the same meaning in. */
#include "sotto_test.h"

#include "core/frame.h"
#include "core/wire.h"
#include "frame.pb-c.h"
#include "tests/support/rig.pb-c.h"

typedef Sotto__Frame__V1__Frame Frame;

static Frame *
decode(const struct frame_buf *buf)
{
    size_t size = buf->size - 4;
    Frame *frame;

    assert_int_equal((size_t)buf->data[0] << 24 | (size_t)buf->data[1] << 16 |
                         (size_t)buf->data[2] << 8 | buf->data[3],
                     size);
    frame = sotto__frame__v1__frame__unpack(NULL, size, buf->data + 4);
    assert_non_null(frame);
    return frame;
}

static void
drop(Frame *frame, struct frame_buf *buf)
{
    sotto__frame__v1__frame__free_unpacked(frame, NULL);
    frame_unref(buf, 1);
}

static void
replies_and_events_carry_their_message(void **state)
{
    Sotto__Rig__V1__Text text = SOTTO__RIG__V1__TEXT__INIT;
    char long_text[400];
    const char *cases[] = {"", "x", long_text};

    (void)state;
    memset(long_text, 'y', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    for (size_t i = 0; i < 3; i++) {
        struct frame_buf *buf;
        Frame *frame;

        text.text = (char *)(uintptr_t)cases[i];
        buf = frame_reply(FRAME_WIRE_TCP, 300, &text.base);
        frame = decode(buf);
        assert_int_equal(frame->id, 300);
        assert_int_equal(frame->reply->result_case, SOTTO__FRAME__V1__REPLY__RESULT_BODY);
        assert_int_equal(frame->reply->body.len, sotto__rig__v1__text__get_packed_size(&text));
        drop(frame, buf);

        buf = frame_event(FRAME_WIRE_TCP, &text.base);
        frame = decode(buf);
        assert_int_equal(frame->id, 0);
        assert_string_equal(frame->event->type, "sotto.rig.v1.Text");
        assert_int_equal(frame->event->body.len, sotto__rig__v1__text__get_packed_size(&text));
        drop(frame, buf);
    }
}

static void
errors_carry_code_sentence_and_details(void **state)
{
    Sotto__Rig__V1__Part part = SOTTO__RIG__V1__PART__INIT;
    struct frame_buf *buf = frame_error(FRAME_WIRE_TCP, 1, "aborted", "The epoch is old.", NULL);
    Frame *frame = decode(buf);

    (void)state;
    assert_string_equal(frame->reply->error->code, "aborted");
    assert_string_equal(frame->reply->error->message, "The epoch is old.");
    assert_int_equal(frame->reply->error->details.len, 0);
    drop(frame, buf);

    part.name = (char *)(uintptr_t) "p";
    buf = frame_error(FRAME_WIRE_TCP, UINT64_MAX, "aborted", "", &part.base);
    frame = decode(buf);
    assert_true(frame->id == UINT64_MAX);
    assert_int_equal(frame->reply->error->details.len, 3);
    drop(frame, buf);
}

static void
hello_goodbye_ping_and_pong_are_as_the_schema_says(void **state)
{
    const char *const features[] = {"auth", "chat"};
    struct frame_buf *buf = frame_hello(FRAME_WIRE_TCP, "home", 70000, features, 2);
    Frame *frame = decode(buf);

    (void)state;
    assert_int_equal(frame->hello->version, 1);
    assert_string_equal(frame->hello->name, "home");
    assert_int_equal(frame->hello->max_frame, 70000);
    assert_int_equal(frame->hello->n_features, 2);
    assert_string_equal(frame->hello->features[1], "chat");
    drop(frame, buf);

    buf = frame_goodbye(
        FRAME_WIRE_TCP,
        &(struct frame_farewell){.code = 4401, .reason = "expired", .resume_after_ms = 1000});
    frame = decode(buf);
    assert_int_equal(frame->goodbye->code, 4401);
    assert_string_equal(frame->goodbye->reason, "expired");
    assert_int_equal(frame->goodbye->resume_after_ms, 1000);
    assert_int_equal(frame->goodbye->closes_in_ms, 0);
    drop(frame, buf);

    buf = frame_goodbye(FRAME_WIRE_TCP,
                        &(struct frame_farewell){.code = 1001, .reason = "", .closes_in_ms = 300});
    frame = decode(buf);
    assert_int_equal(frame->goodbye->closes_in_ms, 300);
    drop(frame, buf);

    buf = frame_ping(FRAME_WIRE_TCP, (struct sotto_view){.size = 0});
    frame = decode(buf);
    assert_int_equal(frame->kind_case, SOTTO__FRAME__V1__FRAME__KIND_PING);
    drop(frame, buf);

    buf =
        frame_pong(FRAME_WIRE_TCP, (struct sotto_view){.data = (const uint8_t *)"abc", .size = 3});
    frame = decode(buf);
    assert_memory_equal(frame->pong->data.data, "abc", 3);
    drop(frame, buf);
}

static void
a_call_is_read_as_protobuf_c_wrote_it(void **state)
{
    Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    Sotto__Frame__V1__Call call = SOTTO__FRAME__V1__CALL__INIT;
    struct frame_in in;
    const char *why;
    uint8_t bytes[256];
    size_t size;

    (void)state;
    call.method = (char *)(uintptr_t) "a.b.C/D";
    call.trace_id = (char *)(uintptr_t) "trace-1";
    call.body = (ProtobufCBinaryData){.len = 4, .data = (uint8_t *)(uintptr_t) "body"};
    call.deadline_ms = 1234;
    frame.id = 99;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_CALL;
    frame.call = &call;
    size = sotto__frame__v1__frame__pack(&frame, bytes);

    assert_ok(frame_read(bytes, size, &in, &why));
    assert_int_equal(in.kind, FRAME_CALL);
    assert_int_equal(in.id, 99);
    assert_int_equal(in.deadline_ms, 1234);
    assert_memory_equal(in.method.data, "a.b.C/D", 7);
    assert_memory_equal(in.body.data, "body", 4);
    assert_memory_equal(in.trace.data, "trace-1", 7);
}

static void
every_mutation_is_refused_or_read_within_its_bytes(void **state)
{
    static const uint8_t sample[] = {8, 7,   0x12, 16,   0x0a, 3,    'a', '/', 'b',  0x12,
                                     2, 'x', 'y',  0x18, 5,    0x22, 1,   't', 0x50, 1};
    struct frame_in in;
    const char *why;

    (void)state;
    assert_ok(frame_read(sample, sizeof(sample), &in, &why));
    for (size_t size = 0; size <= sizeof(sample); size++) {
        uint8_t *bytes =
            malloc(size + 1); /* a block of its own, so that a sanitizer sees its end */

        for (size_t i = 0; i < size; i++) {
            for (unsigned value = 0; value < 256; value++) {
                memcpy(bytes, sample, size);
                bytes[i] = (uint8_t)value;
                if (frame_read(bytes, size, &in, &why) == 0 && in.body.size)
                    assert_true(in.body.data >= bytes &&
                                in.body.data + in.body.size <= bytes + size);
            }
        }
        free(bytes);
    }
}

static void
frames_out_of_order_are_refused(void **state)
{
    static const uint8_t no_kind[] = {8, 1};
    static const uint8_t group[] = {0x13, 0x14};
    static const uint8_t long_varint[] = {8,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                          0xff, 0xff, 0xff, 0x7f, 0x12, 0};
    static const uint8_t past_the_end[] = {0x12, 5, 1};
    static const uint8_t id_as_bytes[] = {0x0a, 1, 1, 0x12, 0};
    uint8_t many_unknown[2 * 40 + 2];
    uint8_t big_ping[4 + FRAME_PING_MAX + 1];
    struct frame_in in;
    const char *why;

    (void)state;
    for (size_t i = 0; i < 40; i++)
        memcpy(many_unknown + 2 * i, (uint8_t[]){0x78, 1}, 2);
    memcpy(many_unknown + 80, (uint8_t[]){0x12, 0}, 2);
    memset(big_ping, 0, sizeof(big_ping));
    memcpy(big_ping, (uint8_t[]){0x2a, FRAME_PING_MAX + 3, 0x0a, FRAME_PING_MAX + 1}, 4);

    assert_fails(frame_read(no_kind, sizeof(no_kind), &in, &why), SOTTO_EINVALID);
    assert_fails(frame_read(group, sizeof(group), &in, &why), SOTTO_EINVALID);
    assert_fails(frame_read(long_varint, sizeof(long_varint), &in, &why), SOTTO_EINVALID);
    assert_fails(frame_read(past_the_end, sizeof(past_the_end), &in, &why), SOTTO_EINVALID);
    assert_fails(frame_read(id_as_bytes, sizeof(id_as_bytes), &in, &why), SOTTO_EINVALID);
    assert_fails(frame_read(many_unknown, sizeof(many_unknown), &in, &why), SOTTO_EINVALID);
    assert_fails(frame_read(big_ping, sizeof(big_ping), &in, &why), SOTTO_EINVALID);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(replies_and_events_carry_their_message),
    cmocka_unit_test(errors_carry_code_sentence_and_details),
    cmocka_unit_test(hello_goodbye_ping_and_pong_are_as_the_schema_says),
    cmocka_unit_test(a_call_is_read_as_protobuf_c_wrote_it),
    cmocka_unit_test(every_mutation_is_refused_or_read_within_its_bytes),
    cmocka_unit_test(frames_out_of_order_are_refused),
};

SOTTO_TEST_MAIN(tests)
