/* SPDX-License-Identifier: MIT */
/*
 * The client's side of a WebSocket (RFC 6455) against a server that is written here byte by byte: what it says, what
 * it takes however it is cut, and what it refuses.
 */
#include "framing.h"
#include "sotto_test.h"

#include <openssl/evp.h>
#include <sodium.h>

#define FRAMES_MAX 8

struct stage {
    struct framing *framing;
    struct buf in, out;
    struct buf frames[FRAMES_MAX];
    size_t count;
    size_t stop_at; /* on_frame says stop with this one */
    char answer[512];
};

static bool
on_frame(void *arg, const uint8_t *data, size_t len)
{
    struct stage *stage = arg;
    assert_true(stage->count < FRAMES_MAX);
    buf_set(&stage->frames[stage->count++], data, len);
    return stage->count != stage->stop_at;
}

static const char *
feed(struct stage *stage, const void *data, size_t len)
{
    buf_append(&stage->in, data, len);
    return stage->framing->ops->feed(stage->framing, &stage->in, &stage->out, on_frame, stage);
}

/* What a server has to answer to the opening, with the given fields changed. */
static void
make_answer(struct stage *stage, const char *protocol)
{
    const char *opening = (const char *)stage->framing->opening.data;
    const char *key = strstr(opening, "Sec-WebSocket-Key: ");
    char text[128], accept[64];
    uint8_t digest[20];
    assert_non_null(key);
    snprintf(text, sizeof(text), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
    assert_int_equal(EVP_Digest(text, strlen(text), digest, NULL, EVP_sha1(), NULL), 1);
    sodium_bin2base64(accept, sizeof(accept), digest, sizeof(digest),
                      sodium_base64_VARIANT_ORIGINAL);
    snprintf(stage->answer, sizeof(stage->answer),
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nconnection:  Upgrade \r\n"
             "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
             accept, protocol);
}

static int
set_up(void **state)
{
    struct stage *stage = mem_alloc(1, sizeof(*stage));
    *state = stage;
    stage->framing = framing_ws("h:7580", "/ws");
    buf_append(&stage->framing->opening, "", 1); /* for strstr */
    make_answer(stage, "sotto.v1.proto");
    return 0;
}

static int
tear_down(void **state)
{
    struct stage *stage = *state;
    stage->framing->ops->destroy(stage->framing);
    buf_fini(&stage->in);
    buf_fini(&stage->out);
    for (size_t i = 0; i < FRAMES_MAX; i++)
        buf_fini(&stage->frames[i]);
    free(stage);
    return 0;
}

static void
open_it(struct stage *stage)
{
    assert_null(feed(stage, stage->answer, strlen(stage->answer)));
}

static void
assert_frame(const struct stage *stage, size_t index, const char *want)
{
    assert_true(index < stage->count);
    assert_int_equal(stage->frames[index].len, strlen(want));
    assert_memory_equal(stage->frames[index].data, want, strlen(want));
}

#define FEED(stage, literal) feed(stage, literal, sizeof(literal) - 1)

/* ---- what it says -------------------------------------------------------------------------------- */

static void
the_opening_asks_for_our_protocol_with_a_fresh_key(void **state)
{
    struct stage *stage = *state;
    struct framing *other = framing_ws("[::1]:80", "/a/ws");
    const char *text = (const char *)stage->framing->opening.data;
    assert_memory_equal(text, "GET /ws HTTP/1.1\r\nHost: h:7580\r\n", 32);
    assert_non_null(strstr(text, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"));
    assert_non_null(strstr(text, "\r\nSec-WebSocket-Version: 13\r\n"));
    assert_non_null(strstr(text, "\r\nSec-WebSocket-Protocol: sotto.v1.proto\r\n"));
    assert_string_equal(text + strlen(text) - 4, "\r\n\r\n");

    buf_append(&other->opening, "", 1);
    const char *theirs = (const char *)other->opening.data;
    assert_memory_equal(theirs, "GET /a/ws HTTP/1.1\r\nHost: [::1]:80\r\n", 36);
    assert_memory_not_equal(strstr(theirs, "Key: "), strstr(text, "Key: "), 29);
    other->ops->destroy(other);
}

static void
a_frame_goes_out_as_one_masked_binary_message(void **state)
{
    static const size_t sizes[] = {1, 125, 126, 65535, 65536, 200000};
    static const size_t heads[] = {2, 2, 4, 4, 10, 10};
    struct stage *stage = *state;
    uint8_t *frame = mem_alloc(1, 200000);
    uint8_t masks[6][4];
    for (size_t i = 0; i < 200000; i++)
        frame[i] = (uint8_t)(i * 31);
    for (size_t i = 0; i < 6; i++) {
        const size_t head = heads[i];
        stage->out.len = 0;
        stage->framing->ops->wrap(stage->framing, frame, sizes[i], &stage->out);

        const uint8_t *out = stage->out.data;
        assert_int_equal(stage->out.len, head + 4 + sizes[i]);
        assert_int_equal(out[0], 0x82);
        assert_int_equal(out[1], 0x80 | (head == 2 ? sizes[i] : head == 4 ? 126 : 127));
        memcpy(masks[i], out + head, 4);
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(out[head + 4 + j] ^ masks[i][j % 4], frame[j]);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(masks[i], masks[j], 4);
    }
    free(frame);
}

/* ---- what it takes ------------------------------------------------------------------------------- */

/* A message, a message in three pieces with a ping between them, an empty pong, one more message. */
static const char session[] = "\x82\x03one"
                              "\x02\x01t\x00\x01w\x89\x04ping\x80\x01o"
                              "\x8a\x00"
                              "\x82\x05three";

static void
assert_session(struct stage *stage)
{
    assert_int_equal(stage->count, 3);
    assert_frame(stage, 0, "one");
    assert_frame(stage, 1, "two");
    assert_frame(stage, 2, "three");
    assert_int_equal(stage->out.len, 2 + 4 + 4); /* the pong, masked */
    assert_int_equal(stage->out.data[0], 0x8a);
    assert_int_equal(stage->out.data[1], 0x84);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(stage->out.data[6 + i] ^ stage->out.data[2 + i], "ping"[i]);
}

static void
messages_come_whole_and_a_ping_between_their_pieces_is_answered(void **state)
{
    struct stage *stage = *state;
    open_it(stage);
    assert_null(FEED(stage, session));
    assert_session(stage);
}

static void
a_session_may_be_cut_anywhere(void **state)
{
    struct stage *stage = *state;
    size_t answer = strlen(stage->answer);
    size_t len = answer + sizeof(session) - 1;
    for (size_t cut = 1; cut < len; cut++) {
        char all[1024];
        set_up(state);
        struct stage *cut_stage = *state;
        memcpy(all, cut_stage->answer, answer);
        memcpy(all + answer, session, sizeof(session) - 1);

        assert_null(feed(cut_stage, all, cut));
        assert_null(feed(cut_stage, all + cut, len - cut));
        assert_session(cut_stage);
        tear_down(state);
    }
    *state = stage;
    for (size_t i = 0; i < answer; i++)
        assert_null(feed(stage, stage->answer + i, 1));
    for (size_t i = 0; i < sizeof(session) - 1; i++)
        assert_null(feed(stage, session + i, 1));
    assert_session(stage);
}

static void
nothing_comes_after_the_owner_said_stop(void **state)
{
    struct stage *stage = *state;
    stage->stop_at = 1;
    open_it(stage);
    FEED(stage, session);
    assert_int_equal(stage->count, 1);
}

/* ---- what it refuses ----------------------------------------------------------------------------- */

static void
assert_refused(void **state, const char *bytes, size_t len, const char *says)
{
    struct stage *stage;
    set_up(state);
    stage = *state;
    open_it(stage);
    const char *why = feed(stage, bytes, len);
    if (!why || !strstr(why, says))
        fail_msg("%02x %02x: expected \"%s\", got \"%s\"", (uint8_t)bytes[0], (uint8_t)bytes[1],
                 says, why ? why : "nothing");
    assert_int_equal(stage->count, 0);
    assert_true(stage->in.cap + stage->out.cap < 4096);
    tear_down(state);
}

static void
what_a_server_may_not_send_ends_the_connection(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *says;
    } cases[] = {
        {"\x81\x01x", 3, "text"},
        {"\x82\x81mmmmx", 7, "rules"},        /* masked */
        {"\xc2\x01x", 3, "rules"},            /* a reserved bit */
        {"\x83\x01x", 3, "rules"},            /* an opcode that is none */
        {"\x80\x01x", 3, "rules"},            /* the end of nothing */
        {"\x02\x01x\x82\x01y", 6, "rules"},   /* a message inside a message */
        {"\x09\x01x", 3, "rules"},            /* a ping in pieces */
        {"\x89\x7e\x00\x7e", 4, "rules"},     /* a ping that is too long */
        {"\x82\x7e\x00\x01x", 5, "rules"},    /* a length that is not the shortest */
        {"\x88\x02\x03\xe8", 4, "closed it"}, /* 1000 */
        {"\x88\x00", 2, "closed it"},         /* without a code */
        {"\x82\x7f\x00\x00\x00\x00\x01\x00\x00\x01x", 11,
         "too long"}, /* claims 16 MiB and a byte */
        {"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xffx", 11, "too long"}, /* and all that there is */
    };
    void *own = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(state, cases[i].bytes, cases[i].len, cases[i].says);
    *state = own;
}

static void
pieces_may_not_add_up_to_more_than_a_frame(void **state)
{
    struct stage *stage = *state;
    const size_t piece = 60000;
    uint8_t *data = mem_alloc(1, 4 + piece);
    const char *why = NULL;
    size_t sent = 0;
    open_it(stage);
    memcpy(data, (uint8_t[]){0x02, 126, (uint8_t)(piece >> 8), (uint8_t)piece}, 4);
    while (!why && sent <= FRAMING_BYTES_MAX) {
        why = feed(stage, data, 4 + piece);
        data[0] = 0x00;
        sent += piece;
    }
    assert_non_null(why);
    assert_non_null(strstr(why, "too long"));
    free(data);
}

static void
a_claimed_length_takes_no_memory(void **state)
{
    struct stage *stage = *state;
    open_it(stage);
    assert_null(FEED(stage, "\x82\x7f\x00\x00\x00\x00\x00\xff\xff\xff"
                            "start"));
    assert_int_equal(stage->count, 0);
    assert_true(stage->in.cap < 65536);
}

static void
assert_answer_refused(const char *answer, const char *says)
{
    struct stage *stage;
    void *state;
    set_up(&state);
    stage = state;
    const char *why = feed(stage, answer, strlen(answer));
    if (!why || !strstr(why, says))
        fail_msg("expected \"%s\", got \"%s\"", says, why ? why : "nothing");
    tear_down(&state);
}

static void
an_answer_to_the_handshake_that_is_wrong_is_refused(void **state)
{
    struct stage *stage = *state;
    const char *why;
    assert_answer_refused("HTTP/1.1 404 Not Found\r\n\r\n", "/ws");
    assert_answer_refused("HTTP/1.1 403 Forbidden\r\n\r\n", "403");
    assert_answer_refused("HTTP/1.1 503 Busy\r\n\r\n", "busy");
    assert_answer_refused("HTTP/1.1 200 OK\r\n\r\n", "does not open a WebSocket");
    assert_answer_refused("HTTP/1.0 101 Switching\r\n\r\n", "http address");
    assert_answer_refused("SSH-2.0-OpenSSH\r\n", "http address");
    assert_answer_refused("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                          "Sec-WebSocket-Protocol: sotto.v1.proto\r\n\r\n",
                          "handshake is wrong"); /* the accept of another key */

    make_answer(stage, "sotto.v1.json");
    why = feed(stage, stage->answer, strlen(stage->answer));
    assert_non_null(why);
    assert_non_null(strstr(why, "sotto.v1.proto"));
}

static void
an_answer_without_end_is_refused(void **state)
{
    struct stage *stage = *state;
    const char *why = FEED(stage, "HTTP/1.1 101 ");
    for (int i = 0; i < 1000 && !why; i++)
        why = FEED(stage, "x: 01234567890123456789\r\n");
    assert_non_null(why);
    assert_non_null(strstr(why, "too long"));
    assert_true(stage->in.len < 10000);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    ROW(the_opening_asks_for_our_protocol_with_a_fresh_key),
    ROW(a_frame_goes_out_as_one_masked_binary_message),
    ROW(messages_come_whole_and_a_ping_between_their_pieces_is_answered),
    ROW(a_session_may_be_cut_anywhere),
    ROW(nothing_comes_after_the_owner_said_stop),
    ROW(what_a_server_may_not_send_ends_the_connection),
    ROW(pieces_may_not_add_up_to_more_than_a_frame),
    ROW(a_claimed_length_takes_no_memory),
    ROW(an_answer_to_the_handshake_that_is_wrong_is_refused),
    ROW(an_answer_without_end_is_refused),
};

SOTTO_TEST_MAIN(tests)
