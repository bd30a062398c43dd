/* SPDX-License-Identifier: MIT */
/* The WebSocket framer on bytes: what comes of them, in one piece and in any two. RFC 6455's own examples are among
 * them. */
#include "sotto_test.h"

#include "core/ws_frame.h"

#define LIMIT 1000

struct outcome {
    char text[4096]; /* what came: "msg(…)", "ping(…)", "close 1000", or "broken 1002" */
};

static void
note(struct outcome *outcome, const char *what, const struct ws_event *event)
{
    const size_t size = strlen(outcome->text);

    if (event->kind == WS_EVENT_CLOSE)
        snprintf(outcome->text + size, sizeof(outcome->text) - size, "close %u ", event->code);
    else
        snprintf(outcome->text + size, sizeof(outcome->text) - size, "%s%s(%.*s) ",
                 event->compressed ? "z" : "", what, (int)event->size, (const char *)event->data);
}

/* Feeds what a connection would feed: the rest again, with more behind it. Returns what is left over, or -1. */
static int64_t
feed(struct ws_reader *reader, uint8_t *data, size_t size, struct outcome *outcome)
{
    static const char *const names[] = {"", "msg", "ping", "pong", "close"};
    const struct ws_limits limits = {.message = LIMIT, .room = LIMIT * 4};
    size_t at = 0;

    while (at < size) {
        struct ws_event event;
        const char *why = NULL;
        size_t need = 0;
        int64_t used = ws_read(reader, data + at, size - at, &limits, &event, &need, &why);

        if (used < 0) {
            const size_t end = strlen(outcome->text);

            assert_non_null(why);
            snprintf(outcome->text + end, sizeof(outcome->text) - end, "broken %d", (int)-used);
            return -1;
        }
        if (used == 0) {
            assert_true(need == 0 || need > size - at);
            break;
        }
        if (event.kind != WS_EVENT_PIECE)
            note(outcome, names[event.kind], &event);
        if (event.kind == WS_EVENT_MESSAGE)
            ws_reader_drop(reader);
        at += (size_t)used;
    }
    return (int64_t)(size - at);
}

struct sample {
    const char *name;
    uint8_t opcode; /* what is spoken */
    bool deflate;
    const char *bytes;
    size_t size;
    const char *want;
};

#define M "\x37\xfa\x21\x3d" /* the mask of RFC 6455, section 5.7 */
#define Z "\0\0\0\0"
#define ROW(name, opcode, bytes, want)                      \
    {                                                       \
        name, opcode, false, bytes, sizeof(bytes) - 1, want \
    }
#define ROW_Z(name, opcode, bytes, want)                   \
    {                                                      \
        name, opcode, true, bytes, sizeof(bytes) - 1, want \
    }

static const struct sample samples[] = {
    ROW("the RFC's Hello", WS_TEXT, "\x81\x85" M "\x7f\x9f\x4d\x51\x58", "msg(Hello) "),
    ROW("the RFC's ping", WS_TEXT, "\x89\x85" M "\x7f\x9f\x4d\x51\x58", "ping(Hello) "),
    ROW("empty", WS_BINARY, "\x82\x80" M, "msg() "),
    ROW("two in a row", WS_BINARY, "\x82\x81" Z "a\x82\x82" Z "bc", "msg(a) msg(bc) "),
    ROW("in pieces", WS_BINARY, "\x02\x81" Z "a\x00\x80" Z "\x80\x82" Z "bc", "msg(abc) "),
    ROW("empty in pieces", WS_BINARY, "\x02\x80" Z "\x80\x80" Z, "msg() "),
    ROW("control frames between", WS_BINARY,
        "\x02\x81" Z "a\x89\x81" Z "p\x8a\x80" Z "\x80\x81" Z "b", "ping(p) pong() msg(ab) "),
    ROW("16 bits of length", WS_BINARY,
        "\x82\xfe\x00\x7e" Z "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "msg(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) "),
    ROW("close without a code", WS_BINARY, "\x88\x80" Z, "close 1005 "),
    ROW("close with a reason", WS_BINARY,
        "\x88\x85" Z "\x03\xe8"
        "bye",
        "close 1000 "),
    ROW("close 4999", WS_BINARY, "\x88\x82" Z "\x13\x87", "close 4999 "),
    ROW("half a close code", WS_BINARY, "\x88\x81" Z "\x03", "broken 1002"),
    ROW("close 1005", WS_BINARY, "\x88\x82" Z "\x03\xed", "broken 1002"),
    ROW("close 1015", WS_BINARY, "\x88\x82" Z "\x03\xf7", "broken 1002"),
    ROW("close 2999", WS_BINARY, "\x88\x82" Z "\x0b\xb7", "broken 1002"),
    ROW("close with a broken reason", WS_BINARY, "\x88\x83" Z "\x03\xe8\xff", "broken 1007"),
    ROW("no mask", WS_BINARY,
        "\x82\x01"
        "a",
        "broken 1002"),
    ROW("RSV1", WS_BINARY, "\xc2\x80" Z, "broken 1002"),
    ROW("RSV2", WS_BINARY, "\xa2\x80" Z, "broken 1002"),
    ROW("RSV3", WS_BINARY, "\x92\x80" Z, "broken 1002"),
    ROW("opcode 3", WS_BINARY, "\x83\x80" Z, "broken 1002"),
    ROW("opcode 11", WS_BINARY, "\x8b\x80" Z, "broken 1002"),
    ROW("ping in pieces", WS_BINARY, "\x09\x80" Z, "broken 1002"),
    ROW("ping of 126", WS_BINARY, "\x89\xfe\x00\x7e" Z, "broken 1002"),
    ROW("continuation of nothing", WS_BINARY, "\x80\x80" Z, "broken 1002"),
    ROW("continuation after the end", WS_BINARY, "\x82\x80" Z "\x00\x80" Z, "msg() broken 1002"),
    ROW("message inside another", WS_BINARY, "\x02\x80" Z "\x82\x80" Z, "broken 1002"),
    ROW("text where binary is spoken", WS_BINARY, "\x81\x80" Z, "broken 1003"),
    ROW("binary where text is spoken", WS_TEXT, "\x82\x80" Z, "broken 1003"),
    ROW("16 bits for 125", WS_BINARY, "\x82\xfe\x00\x7d" Z, "broken 1002"),
    ROW("64 bits for 65535", WS_BINARY, "\x82\xff\0\0\0\0\0\0\xff\xff" Z, "broken 1002"),
    ROW("a negative length", WS_BINARY, "\x82\xff\x80\0\0\0\0\1\0\0" Z, "broken 1002"),
    ROW("2^62", WS_BINARY, "\x82\xff\x40\0\0\0\0\0\0\0" Z, "broken 1009"),
    ROW("over the limit", WS_BINARY, "\x82\xfe\x03\xe9" Z, "broken 1009"),
    ROW("over the limit together", WS_BINARY, "\x02\x81" Z "a\x80\xfe\x03\xe8", "broken 1009"),
    ROW("two-byte characters", WS_TEXT, "\x81\x84" Z "\xc3\xa4\xc3\xb6", "msg(\xc3\xa4\xc3\xb6) "),
    ROW("a character in two pieces", WS_TEXT, "\x01\x81" Z "\xc3\x80\x81" Z "\xa4",
        "msg(\xc3\xa4) "),
    ROW("a character cut off", WS_TEXT, "\x81\x81" Z "\xc3", "broken 1007"),
    ROW("the first wrong byte is enough", WS_TEXT, "\x81\xfe\x03\xe8" Z "\xf4\x90", "broken 1007"),
    ROW("a surrogate", WS_TEXT, "\x81\x83" Z "\xed\xa0\x80", "broken 1007"),
    ROW("an overlong form", WS_TEXT, "\x81\x82" Z "\xc0\xaf", "broken 1007"),
    ROW("bytes that are no text where binary is spoken", WS_BINARY, "\x82\x82" Z "\xff\xfe",
        "msg(\xff\xfe) "),
    ROW_Z("compressed", WS_TEXT, "\xc1\x82" Z "\xff\xfe", "zmsg(\xff\xfe) "),
    ROW_Z("compressed in pieces", WS_TEXT, "\x41\x81" Z "\xff\x80\x81" Z "\xfe", "zmsg(\xff\xfe) "),
    ROW_Z("not compressed although it might be", WS_TEXT, "\x81\x81" Z "a", "msg(a) "),
    ROW_Z("compressed is not for the next", WS_TEXT, "\xc1\x80" Z "\x81\x81" Z "a",
          "zmsg() msg(a) "),
    ROW_Z("RSV1 on a control frame", WS_TEXT, "\xc9\x80" Z, "broken 1002"),
    ROW_Z("RSV1 on a continuation", WS_TEXT, "\x41\x80" Z "\xc0\x80" Z, "broken 1002"),
};

#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* The bytes of a sample, with a wall behind them for the sanitizers. */
static void
run(const struct sample *sample, size_t split, struct outcome *outcome)
{
    struct ws_reader reader = {.opcode = sample->opcode, .deflate = sample->deflate};
    uint8_t *first = malloc(split + 1);
    int64_t left;

    memcpy(first, sample->bytes, split);
    outcome->text[0] = '\0';
    left = feed(&reader, first, split, outcome);
    if (left >= 0) {
        const size_t more = sample->size - split;
        uint8_t *second = malloc((size_t)left + more + 1);

        memcpy(second, first + split - left, (size_t)left);
        memcpy(second + left, sample->bytes + split, more);
        feed(&reader, second, (size_t)left + more, outcome);
        free(second);
    }
    ws_reader_drop(&reader);
    free(first);
}

static void
every_stream_has_its_one_outcome_however_it_is_split(void **state)
{
    static struct outcome outcome;

    (void)state;
    for (size_t i = 0; i < SAMPLES; i++)
        for (size_t split = 0; split <= samples[i].size; split++) {
            run(&samples[i], split, &outcome);
            if (strcmp(outcome.text, samples[i].want) != 0)
                fail_msg("%s, split at %zu: \"%s\" instead of \"%s\"", samples[i].name, split,
                         outcome.text, samples[i].want);
        }
    printf("# %zu streams\n", SAMPLES);
}

static void
byte_by_byte_is_the_same(void **state)
{
    static struct outcome outcome;

    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct ws_reader reader = {.opcode = samples[i].opcode, .deflate = samples[i].deflate};
        uint8_t *data = malloc(samples[i].size);
        int64_t left = 0;

        outcome.text[0] = '\0';
        for (size_t at = 0; at < samples[i].size && left >= 0; at++) {
            const size_t start = at - (size_t)left;

            data[at] = (uint8_t)samples[i].bytes[at];
            left = feed(&reader, data + start, at + 1 - start, &outcome);
        }
        assert_string_equal(outcome.text, samples[i].want);
        ws_reader_drop(&reader);
        free(data);
    }
}

static void
a_mask_goes_round_wherever_it_begins(void **state)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    uint8_t data[64];

    (void)state;
    for (size_t offset = 0; offset < 8; offset++)
        for (size_t size = 0; size <= sizeof(data); size++) {
            memset(data, 0, sizeof(data));
            ws_unmask(data, size, mask, offset);
            for (size_t i = 0; i < sizeof(data); i++)
                assert_int_equal(data[i], i < size ? mask[(offset + i) % 4] : 0);
        }
}

static void
a_message_has_at_most_256_pieces(void **state)
{
    static const uint8_t begin[] = "\x02\x80" Z, more[] = "\x00\x81" Z "a", end[] = "\x80\x80" Z;
    struct ws_reader reader = {.opcode = WS_BINARY};
    static struct outcome outcome;
    uint8_t data[16];

    (void)state;
    for (int pieces = WS_MESSAGE_FRAMES_MAX; pieces <= WS_MESSAGE_FRAMES_MAX + 1; pieces++) {
        outcome.text[0] = '\0';
        memcpy(data, begin, sizeof(begin));
        assert_int_equal(feed(&reader, data, sizeof(begin) - 1, &outcome), 0);
        for (int i = 0; i < pieces - 2; i++) {
            memcpy(data, more, sizeof(more));
            assert_int_equal(feed(&reader, data, sizeof(more) - 1, &outcome), 0);
        }
        memcpy(data, end, sizeof(end));
        feed(&reader, data, sizeof(end) - 1, &outcome);
        if (pieces == WS_MESSAGE_FRAMES_MAX)
            assert_memory_equal(outcome.text, "msg(aaa", 7);
        else
            assert_string_equal(outcome.text, "broken 1008");
    }
    ws_reader_drop(&reader);
}

static void
a_claimed_length_takes_no_memory_and_pieces_take_what_came(void **state)
{
    uint8_t first[] = "\x02\xfe\x03\xe8" Z "abc", piece[] = "\x02\x83" Z "abc";
    struct ws_reader reader = {.opcode = WS_BINARY};
    const struct ws_limits limits = {.message = LIMIT, .room = 512};
    struct ws_event event;
    const char *why;
    size_t need;

    (void)state;
    assert_int_equal(ws_read(&reader, first, sizeof(first) - 1, &limits, &event, &need, &why), 0);
    assert_null(reader.message);
    assert_int_equal(need, 8 + 1000);

    reader = (struct ws_reader){.opcode = WS_BINARY};
    assert_int_equal(ws_read(&reader, piece, sizeof(piece) - 1, &limits, &event, &need, &why),
                     -WS_CODE_NO_MEMORY);
    ws_reader_drop(&reader);
}

static void
heads_of_the_server_are_short_and_unmasked(void **state)
{
    uint8_t head[WS_SERVER_HEAD_MAX];

    (void)state;
    assert_int_equal(ws_put_head(head, WS_FIN | WS_BINARY, 125), 2);
    assert_memory_equal(head, "\x82\x7d", 2);
    assert_int_equal(ws_put_head(head, WS_FIN | WS_TEXT, 126), 4);
    assert_memory_equal(head, "\x81\x7e\x00\x7e", 4);
    assert_int_equal(ws_put_head(head, WS_FIN | WS_BINARY, 65535), 4);
    assert_memory_equal(head, "\x82\x7e\xff\xff", 4);
    assert_int_equal(ws_put_head(head, WS_FIN | WS_BINARY, 65536), 10);
    assert_memory_equal(head, "\x82\x7f\0\0\0\0\0\1\0\0", 10);
}

static void
a_close_frame_is_never_over_125_bytes_and_never_cuts_a_character(void **state)
{
    uint8_t out[WS_CLOSE_BYTES_MAX];
    char reason[201] = "";

    (void)state;
    assert_int_equal(ws_put_close(out, WS_CODE_NONE, "unsaid"), 2);
    assert_memory_equal(out, "\x88\x00", 2);
    assert_int_equal(ws_put_close(out, 1001, "bye"), 7);
    assert_memory_equal(out,
                        "\x88\x05\x03\xe9"
                        "bye",
                        7);
    for (size_t i = 0; i < 100; i++)
        memcpy(reason + 2 * i, "\xc3\xa4", 2);
    assert_int_equal(ws_put_close(out, 4401, reason), 2 + 2 + 122);
    assert_true(utf8_valid(out + 4, 122));
}

static void
the_end_of_a_stream_is_found_behind_whatever_stands_before_it(void **state)
{
    static const char before[] = "\x82\xfe\x01\x00" Z, ping[] = "\x89\x84" Z "\x88\x82\x88\x82",
                      end[] = "\x88\x82" Z;
    uint8_t stream[512];
    size_t size = sizeof(before) - 1;

    (void)state;
    memcpy(stream, before, size);
    memset(stream + size, 0x88, 256); /* content that looks like close frames */
    size += 256;
    memcpy(stream + size, ping, sizeof(ping) - 1);
    size += sizeof(ping) - 1;
    memcpy(stream + size, end, sizeof(end) - 1);
    size += sizeof(end) - 1;
    for (size_t split = 0; split < size; split++) {
        struct ws_skim skim = {.skip = 0};

        assert_false(ws_skim(&skim, stream, split));
        assert_true(ws_skim(&skim, stream + split, size - split));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_stream_has_its_one_outcome_however_it_is_split),
    cmocka_unit_test(byte_by_byte_is_the_same),
    cmocka_unit_test(a_mask_goes_round_wherever_it_begins),
    cmocka_unit_test(a_message_has_at_most_256_pieces),
    cmocka_unit_test(a_claimed_length_takes_no_memory_and_pieces_take_what_came),
    cmocka_unit_test(heads_of_the_server_are_short_and_unmasked),
    cmocka_unit_test(a_close_frame_is_never_over_125_bytes_and_never_cuts_a_character),
    cmocka_unit_test(the_end_of_a_stream_is_found_behind_whatever_stands_before_it),
};

SOTTO_TEST_MAIN(tests)
