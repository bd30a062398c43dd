/* SPDX-License-Identifier: MIT */
/* permessage-deflate on bytes: RFC 7692's own examples, bombs, broken streams, and which offers are taken. */
#include "sotto_test.h"

#include <sodium.h>
#include <zlib.h>

#include "core/ws_deflate.h"
#include "core/ws_frame.h"

#define MOST (1u << 20)

static int
setup(void **state)
{
    struct ws_deflate *codec = NULL;

    assert_ok(ws_deflate_create(&codec));
    *state = codec;
    return 0;
}

static int
teardown(void **state)
{
    struct ws_deflate *codec = *state;

    ws_deflate_destroy(&codec);
    assert_null(codec);
    return 0;
}

static void
expect_text(struct ws_deflate *codec, const char *bytes, size_t size, const char *text)
{
    struct ws_inflated message;
    const char *why;

    assert_ok(ws_inflate(codec, (const uint8_t *)bytes, size, MOST, MOST, &message, &why));
    assert_int_equal(message.size, strlen(text));
    assert_memory_equal(message.data, text, message.size);
    ws_inflated_drop(&message);
}

static void
the_examples_of_the_rfc_say_hello(void **state)
{
    expect_text(*state, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
    expect_text(*state, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11,
                "Hello");                                                /* no compression */
    expect_text(*state, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello"); /* a last block */
    expect_text(*state, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello");
    expect_text(*state, "\x00", 1, "");
}

static void
what_uses_the_message_before_is_broken(void **state)
{
    struct ws_inflated message;
    const char *why;

    expect_text(*state, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
    assert_int_equal(
        ws_inflate(*state, (const uint8_t *)"\xf2\x00\x11\x00\x00", 5, MOST, MOST, &message, &why),
        -WS_CODE_BAD_DATA);
}

static void
broken_streams_are_refused_and_the_next_message_is_not_harmed(void **state)
{
    static const char *const streams[] = {"\xff\xff\xff", "\x07", "\xf2\x48\xcd",
                                          "\x00\x05\x00\xfa\xffHel", "\x00\x05\x00\x05\x00Hello"};
    static const size_t sizes[] = {3, 1, 3, 8, 10};
    struct ws_inflated message;
    const char *why;

    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        assert_int_equal(
            ws_inflate(*state, (const uint8_t *)streams[i], sizes[i], MOST, MOST, &message, &why),
            -WS_CODE_BAD_DATA);
        expect_text(*state, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
    }
}

/* size zeros, compressed as a client does. */
static uint8_t *
zeros(size_t size, size_t *size_out)
{
    z_stream stream = {.next_in = NULL};
    const size_t room = size / 500 + 100;
    uint8_t *in = calloc(1, size), *out = malloc(room);

    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = in;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
    *size_out = room - stream.avail_out - 4;
    deflateEnd(&stream);
    free(in);
    return out;
}

static void
a_bomb_ends_at_the_limit_without_memory(void **state)
{
    struct ws_inflated message = {.data = NULL};
    const char *why;
    size_t size;
    uint8_t *bomb = zeros(64u << 20, &size);

    assert_int_equal(ws_inflate(*state, bomb, size, MOST, SIZE_MAX, &message, &why),
                     -WS_CODE_TOO_BIG);
    assert_null(message.data);
    free(bomb);
}

static void
the_limit_is_exact_and_so_is_the_memory(void **state)
{
    static const size_t sizes[] = {1, WS_PAGE_BYTES - 1, WS_PAGE_BYTES, WS_PAGE_BYTES + 1, MOST};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct ws_inflated message;
        const char *why;
        size_t size;
        uint8_t *bytes = zeros(sizes[i], &size);

        assert_ok(ws_inflate(*state, bytes, size, sizes[i], MOST, &message, &why));
        assert_int_equal(message.size, sizes[i]);
        assert_int_equal(message.owned_bytes, sizes[i] > WS_PAGE_BYTES ? sizes[i] : 0);
        assert_true(sodium_is_zero(message.data, message.size));
        ws_inflated_drop(&message);
        assert_int_equal(ws_inflate(*state, bytes, size, sizes[i] - 1, MOST, &message, &why),
                         -WS_CODE_TOO_BIG);
        if (sizes[i] > WS_PAGE_BYTES)
            assert_int_equal(
                ws_inflate(*state, bytes, size, sizes[i], sizes[i] - 1, &message, &why),
                -WS_CODE_NO_MEMORY);
        free(bytes);
    }
}

static void
what_is_squeezed_comes_back(void **state)
{
    static uint8_t text[WS_PAGE_BYTES], kept[WS_PAGE_BYTES];
    struct sotto_view out;

    for (size_t size = 100; size <= sizeof(text); size = size * 3 + 1) {
        struct ws_inflated message;
        const char *why;

        for (size_t i = 0; i < size; i++)
            text[i] = (uint8_t)("a list of things "[i % 17]);
        assert_true(ws_squeeze(*state, (struct sotto_view){.data = text, .size = size}, &out));
        assert_true(out.size < size / 2);
        memcpy(kept, out.data, out.size);
        assert_ok(ws_inflate(*state, kept, out.size, MOST, MOST, &message, &why));
        assert_int_equal(message.size, size);
        assert_memory_equal(message.data, text, size);
    }
    randombytes_buf(text, sizeof(text));
    assert_false(ws_squeeze(*state, (struct sotto_view){.data = text, .size = 5000}, &out));
    assert_false(ws_squeeze(*state, (struct sotto_view){.data = text, .size = sizeof(text)}, &out));
}

static const struct {
    const char *fields, *answer;
} offers[] = {
    {"", NULL},
    {"Sec-WebSocket-Extensions: permessage-deflate\r\n", ""},
    {"sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n", ""},
    {"Sec-WebSocket-Extensions: permessage-deflate;client_max_window_bits=15\r\n", ""},
    {"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
     "client_no_context_takeover\r\n",
     ""},
    {"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12\r\n",
     "; server_max_window_bits=12"},
    {"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=\"15\"\r\n",
     "; server_max_window_bits=12"},
    {"Sec-WebSocket-Extensions: x-other, permessage-deflate\r\n", ""},
    {"Sec-WebSocket-Extensions: x-other\r\nSec-WebSocket-Extensions: permessage-deflate\r\n", ""},
    {"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9, permessage-deflate\r\n",
     ""},
    {"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8\r\n", NULL},
    {"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16\r\n", NULL},
    {"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=012\r\n", NULL},
    {"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits\r\n", NULL},
    {"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=7\r\n", NULL},
    {"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover=1\r\n", NULL},
    {"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; "
     "client_no_context_takeover\r\n",
     NULL},
    {"Sec-WebSocket-Extensions: permessage-deflate; unheard_of\r\n", NULL},
    {"Sec-WebSocket-Extensions: permessage-deflate;\r\n", ""},
    {"Sec-WebSocket-Extensions: permessage-bzip2\r\n", NULL},
    {"Sec-WebSocket-Extensions: deflate-frame\r\n", NULL},
    {"Sec-WebSocket-Extensions: , ;, =\r\n", NULL},
};

static void
an_offer_is_taken_only_when_it_can_be_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        struct ws_extension extension;
        struct http_head head;
        struct buf answer = {0};
        char text[512], want[256] = "";

        snprintf(text, sizeof(text), "GET /ws HTTP/1.1\r\nHost: a\r\n%s\r\n", offers[i].fields);
        assert_int_equal(http_head_read(&head, (uint8_t *)text, strlen(text)), strlen(text));
        ws_extension_read(&extension, &head);
        ws_extension_answer(&extension, &answer);

        if (offers[i].answer)
            snprintf(want, sizeof(want),
                     "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                     "client_no_context_takeover%s\r\n",
                     offers[i].answer);
        if (strcmp(buf_text(&answer), want) != 0)
            fail_msg("%s gives \"%s\"", offers[i].fields, buf_text(&answer));
        buf_fini(&answer);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    CASE(the_examples_of_the_rfc_say_hello),
    CASE(what_uses_the_message_before_is_broken),
    CASE(broken_streams_are_refused_and_the_next_message_is_not_harmed),
    CASE(a_bomb_ends_at_the_limit_without_memory),
    CASE(the_limit_is_exact_and_so_is_the_memory),
    CASE(what_is_squeezed_comes_back),
    cmocka_unit_test(an_offer_is_taken_only_when_it_can_be_kept),
};

SOTTO_TEST_MAIN(tests)
