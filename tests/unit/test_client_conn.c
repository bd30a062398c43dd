/* SPDX-License-Identifier: MIT */
/*
 * The connection against a server that is played by the test: the other end of a socket pair,
 * filled before the client looks, so that nothing runs beside the test.
 */
#include "conn_events.h"
#include "sotto_test.h"

#include "auth.pb-c.h"
#include "frame.pb-c.h"

#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 60000 /* for what is there already */

typedef Sotto__Frame__V1__Frame Frame;

struct stage {
    int server;
    struct conn *conn;
    struct sotto_client_error error;
};

static void
put(int fd, const Frame *frame)
{
    uint8_t out[8192];
    size_t len = protobuf_c_message_pack(&frame->base, out + 4);
    out[0] = out[1] = 0;
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    assert_int_equal(write(fd, out, len + 4), len + 4);
}

static void
put_hello(int fd, uint32_t version)
{
    Sotto__Frame__V1__Hello hello = SOTTO__FRAME__V1__HELLO__INIT;
    Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    hello.version = version;
    hello.max_frame = 1 << 20;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_HELLO;
    frame.hello = &hello;
    put(fd, &frame);
}

static void
put_reply(int fd, uint64_t id, const char *body)
{
    Sotto__Frame__V1__Reply reply = SOTTO__FRAME__V1__REPLY__INIT;
    Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    reply.result_case = SOTTO__FRAME__V1__REPLY__RESULT_BODY;
    reply.body = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)body, .len = strlen(body)};
    frame.id = id;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_REPLY;
    frame.reply = &reply;
    put(fd, &frame);
}

static void
put_refusal(int fd, uint64_t id, const char *code, const char *message)
{
    Sotto__Frame__V1__Error error = SOTTO__FRAME__V1__ERROR__INIT;
    Sotto__Frame__V1__Reply reply = SOTTO__FRAME__V1__REPLY__INIT;
    Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    error.code = (char *)(uintptr_t)code;
    error.message = (char *)(uintptr_t)message;
    reply.result_case = SOTTO__FRAME__V1__REPLY__RESULT_ERROR;
    reply.error = &error;
    frame.id = id;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_REPLY;
    frame.reply = &reply;
    put(fd, &frame);
}

static void
put_event(int fd, const char *type)
{
    Sotto__Frame__V1__Event event = SOTTO__FRAME__V1__EVENT__INIT;
    Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    event.type = (char *)(uintptr_t)type;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_EVENT;
    frame.event = &event;
    put(fd, &frame);
}

static void
put_goodbye_in(int fd, uint32_t code, const char *reason, uint32_t closes_in_ms)
{
    Sotto__Frame__V1__Goodbye goodbye = SOTTO__FRAME__V1__GOODBYE__INIT;
    Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    goodbye.code = code;
    goodbye.reason = (char *)(uintptr_t)reason;
    goodbye.resume_after_ms = 1500;
    goodbye.closes_in_ms = closes_in_ms;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_GOODBYE;
    frame.goodbye = &goodbye;
    put(fd, &frame);
}

static void
put_goodbye(int fd, uint32_t code, const char *reason)
{
    put_goodbye_in(fd, code, reason, 0);
}

static int
setup(void **state)
{
    static const int stream = SOCK_STREAM | SOCK_CLOEXEC;
    int pair[2];
    struct stage *stage = mem_alloc(1, sizeof(*stage));
    if (socketpair(AF_UNIX, stream, 0, pair))
        return -1;
    stage->server = pair[0];
    put_hello(pair[0], 1);
    *state = stage;
    return conn_adopt(pair[1], framing_tcp(), WAIT_MS, &stage->conn, &stage->error);
}

static int
teardown(void **state)
{
    struct stage *stage = *state;
    close(stage->server);
    conn_close(&stage->conn);
    free(stage);
    return 0;
}

static uint64_t
call(struct stage *stage)
{
    Sotto__Auth__V1__WhoAmIRequest request = SOTTO__AUTH__V1__WHO_AM_IREQUEST__INIT;
    uint64_t ticket = 0;
    assert_ok(conn_call(stage->conn, "a.B/C", &request.base, WAIT_MS, &ticket, &stage->error));
    return ticket;
}

static void
answers_out_of_order_find_their_calls(void **state)
{
    struct stage *stage = *state;
    struct conn_reply reply = {0};
    uint64_t first = call(stage);
    uint64_t second = call(stage);
    put_reply(stage->server, second, "two");
    put_reply(stage->server, first, "one");

    assert_ok(conn_wait(stage->conn, first, WAIT_MS, &reply, &stage->error));
    assert_true(reply.ok);
    assert_memory_equal(reply.body.data, "one", 3);
    conn_reply_fini(&reply);
    assert_ok(conn_wait(stage->conn, second, WAIT_MS, &reply, &stage->error));
    assert_memory_equal(reply.body.data, "two", 3);
    conn_reply_fini(&reply);
}

static void
a_refusal_carries_code_and_sentence(void **state)
{
    struct stage *stage = *state;
    struct conn_reply reply = {0};
    uint64_t ticket = call(stage);
    put_refusal(stage->server, ticket, "not_found", "no such chat");

    assert_ok(conn_wait(stage->conn, ticket, WAIT_MS, &reply, &stage->error));

    assert_false(reply.ok);
    assert_string_equal(reply.code, "not_found");
    assert_string_equal(reply.message, "no such chat");
    conn_reply_fini(&reply);
}

static void
an_answer_to_no_call_is_ignored(void **state)
{
    struct stage *stage = *state;
    struct conn_reply reply = {0};
    uint64_t ticket = call(stage);
    put_reply(stage->server, 4711, "who?");
    put_reply(stage->server, 0, "nobody");
    put_reply(stage->server, ticket, "mine");
    put_reply(stage->server, ticket, "again");

    assert_ok(conn_wait(stage->conn, ticket, WAIT_MS, &reply, &stage->error));

    assert_memory_equal(reply.body.data, "mine", 4);
    conn_reply_fini(&reply);
}

static void
no_answer_in_time_ends_the_connection(void **state)
{
    struct stage *stage = *state;
    struct conn_reply reply = {0};
    uint64_t ticket = call(stage);

    assert_fails(conn_wait(stage->conn, ticket, 20, &reply, &stage->error), SOTTO_CLIENT_ENETWORK);

    assert_string_equal(stage->error.code, "deadline_exceeded");
    assert_true(conn_is_dead(stage->conn));
}

/* More than is read at once, and nothing that anybody waits for. */
static void
put_chatter(int fd)
{
    static const uint8_t data[8000];
    Sotto__Frame__V1__Pong pong = SOTTO__FRAME__V1__PONG__INIT;
    Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    pong.data = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)data, .len = sizeof(data)};
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_PONG;
    frame.pong = &pong;
    for (int i = 0; i < 12; i++)
        put(fd, &frame);
}

static void
a_server_that_talks_without_answering_does_not_push_the_deadline_out(void **state)
{
    struct stage *stage = *state;
    struct conn_reply reply = {0};
    uint64_t ticket = call(stage);
    put_chatter(stage->server);
    put_reply(stage->server, ticket, "late");

    assert_fails(conn_wait(stage->conn, ticket, 0, &reply, &stage->error), SOTTO_CLIENT_ENETWORK);
    assert_string_equal(stage->error.code, "deadline_exceeded");
}

static void
a_server_that_talks_without_news_does_not_push_the_end_of_listening_out(void **state)
{
    struct stage *stage = *state;
    struct conn_event event = {{0}, {0}};
    put_chatter(stage->server);
    put_event(stage->server, "late");

    assert_int_equal(conn_next_event(stage->conn, conn_now_ms(), &event, &stage->error), 0);
}

static void
events_wait_while_an_answer_is_awaited(void **state)
{
    struct stage *stage = *state;
    struct conn_reply reply = {0};
    struct conn_event event = {{0}, {0}};
    uint64_t ticket = call(stage);
    put_event(stage->server, "x.First");
    put_event(stage->server, "x.Second");
    put_reply(stage->server, ticket, "answer");

    assert_ok(conn_wait(stage->conn, ticket, WAIT_MS, &reply, &stage->error));
    conn_reply_fini(&reply);

    assert_int_equal(conn_next_event(stage->conn, 0, &event, &stage->error), 1);
    assert_string_equal(event.type, "x.First");
    conn_event_fini(&event);
    assert_int_equal(conn_queued_event(stage->conn, &event), 1);
    assert_string_equal(event.type, "x.Second");
    conn_event_fini(&event);
    assert_int_equal(conn_next_event(stage->conn, 0, &event, &stage->error), 0);
}

static void
too_many_events_are_dropped_and_it_is_said(void **state)
{
    struct stage *stage = *state;
    struct conn_event event = {{0}, {0}};
    size_t count = 0;
    for (size_t i = 0; i < CONN_EVENTS_MAX + 10; i++) {
        put_event(stage->server, "x.Event");
        if (i % 100 == 99) {
            /* Read along, so that the pair's buffer does not fill: an answer makes it pump. */
            struct conn_reply reply = {0};
            uint64_t ticket = call(stage);
            put_reply(stage->server, ticket, "go on");
            assert_ok(conn_wait(stage->conn, ticket, WAIT_MS, &reply, &stage->error));
            conn_reply_fini(&reply);
        }
    }
    uint64_t ticket = call(stage);
    struct conn_reply reply = {0};
    put_reply(stage->server, ticket, "end");
    assert_ok(conn_wait(stage->conn, ticket, WAIT_MS, &reply, &stage->error));
    conn_reply_fini(&reply);

    while (conn_queued_event(stage->conn, &event)) {
        conn_event_fini(&event);
        count++;
    }

    assert_int_equal(count, CONN_EVENTS_MAX);
    assert_true(conn_take_events_lost(stage->conn));
    assert_false(conn_take_events_lost(stage->conn));
}

static void
a_ping_is_answered(void **state)
{
    struct stage *stage = *state;
    struct conn_event event = {{0}, {0}};
    Sotto__Frame__V1__Ping ping = SOTTO__FRAME__V1__PING__INIT;
    Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    uint8_t in[64];
    ping.data = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t) "echo", .len = 4};
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_PING;
    frame.ping = &ping;
    put(stage->server, &frame);
    put_event(stage->server, "x.Behind");

    assert_int_equal(conn_next_event(stage->conn, conn_now_ms() + WAIT_MS, &event, &stage->error),
                     1);
    conn_event_fini(&event);

    ssize_t len = recv(stage->server, in, sizeof(in), MSG_DONTWAIT);
    assert_true(len > 4);
    Frame *got = sotto__frame__v1__frame__unpack(NULL, (size_t)len - 4, in + 4);
    assert_non_null(got);
    assert_int_equal(got->kind_case, SOTTO__FRAME__V1__FRAME__KIND_PONG);
    assert_memory_equal(got->pong->data.data, "echo", 4);
    sotto__frame__v1__frame__free_unpacked(got, NULL);
}

static void
an_answer_right_before_a_goodbye_is_not_lost(void **state)
{
    struct stage *stage = *state;
    struct conn_reply reply = {0};
    uint64_t first = call(stage);
    uint64_t second = call(stage);
    put_reply(stage->server, first, "done");
    put_goodbye(stage->server, 1001, "the server stops");

    assert_ok(conn_wait(stage->conn, first, WAIT_MS, &reply, &stage->error));
    conn_reply_fini(&reply);

    assert_fails(conn_wait(stage->conn, second, WAIT_MS, &reply, &stage->error),
                 SOTTO_CLIENT_ENETWORK);
    assert_non_null(strstr(stage->error.message, "the server stops"));
    assert_int_equal(conn_resume_after_ms(stage->conn), 1500);
}

static void
after_the_notice_of_an_end_answers_come_and_nothing_new_is_asked(void **state)
{
    struct stage *stage = *state;
    struct conn_reply reply = {0};
    struct conn_event event = {{0}, {0}};
    uint64_t first = call(stage);
    uint64_t second = call(stage);
    uint64_t none = 0;
    Sotto__Auth__V1__WhoAmIRequest request = SOTTO__AUTH__V1__WHO_AM_IREQUEST__INIT;
    put_goodbye_in(stage->server, 1001, "the server stops", 5000);
    put_reply(stage->server, first, "done");
    put_event(stage->server, "x.Last");
    put_reply(stage->server, second, "this too");

    assert_ok(conn_wait(stage->conn, first, WAIT_MS, &reply, &stage->error));
    conn_reply_fini(&reply);
    assert_false(conn_is_open(stage->conn));
    assert_fails(conn_call(stage->conn, "a.B/C", &request.base, WAIT_MS, &none, &stage->error),
                 SOTTO_CLIENT_ENETWORK);
    assert_non_null(strstr(stage->error.message, "the server stops"));
    assert_ok(conn_wait(stage->conn, second, WAIT_MS, &reply, &stage->error));
    conn_reply_fini(&reply);

    assert_int_equal(conn_next_event(stage->conn, -1, &event, &stage->error), 1);
    conn_event_fini(&event);
    /* Who listens is not kept until the close. */
    assert_fails(conn_next_event(stage->conn, -1, &event, &stage->error), SOTTO_CLIENT_ENETWORK);
    assert_int_equal(conn_resume_after_ms(stage->conn), 1500);
}

static void
a_server_that_closes_before_the_time_it_gave_is_a_lost_connection(void **state)
{
    struct stage *stage = *state;
    struct conn_reply reply = {0};
    uint64_t ticket = call(stage);
    put_goodbye_in(stage->server, 1001, "the server stops", 5000);
    shutdown(stage->server, SHUT_WR);

    assert_fails(conn_wait(stage->conn, ticket, WAIT_MS, &reply, &stage->error),
                 SOTTO_CLIENT_ENETWORK);
    assert_true(conn_is_dead(stage->conn));
}

static void
more_calls_than_may_be_open_are_refused(void **state)
{
    struct stage *stage = *state;
    struct conn_reply reply = {0};
    Sotto__Auth__V1__WhoAmIRequest request = SOTTO__AUTH__V1__WHO_AM_IREQUEST__INIT;
    uint64_t first = call(stage), none = 0;
    for (size_t i = 1; i < CONN_CALLS_MAX; i++)
        call(stage);

    assert_fails(conn_call(stage->conn, "a.B/C", &request.base, WAIT_MS, &none, &stage->error),
                 SOTTO_CLIENT_EFAILED);
    assert_fails(conn_wait(stage->conn, 4711, WAIT_MS, &reply, &stage->error),
                 SOTTO_CLIENT_EFAILED);
    put_reply(stage->server, first, "done");
    assert_ok(conn_wait(stage->conn, first, WAIT_MS, &reply, &stage->error));
    conn_reply_fini(&reply);
    call(stage);
}

static void
a_request_larger_than_the_server_takes_is_not_sent(void **state)
{
    struct stage *stage = *state;
    Sotto__Auth__V1__LookupUsersRequest request = SOTTO__AUTH__V1__LOOKUP_USERS_REQUEST__INIT;
    char *names[1] = {mem_alloc(1, (1 << 20) + 1)};
    uint64_t none = 0;
    memset(names[0], 'a', 1 << 20);
    request.names = names;
    request.n_names = 1;

    assert_fails(conn_call(stage->conn, "a.B/C", &request.base, WAIT_MS, &none, &stage->error),
                 SOTTO_CLIENT_EFAILED);

    assert_string_equal(stage->error.code, "resource_exhausted");
    assert_true(conn_is_open(stage->conn));
    free(names[0]);
}

static void
a_ping_with_a_long_text_ends_the_connection(void **state)
{
    struct stage *stage = *state;
    struct conn_event event = {{0}, {0}};
    uint8_t data[65] = {0};
    Sotto__Frame__V1__Ping ping = SOTTO__FRAME__V1__PING__INIT;
    Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    ping.data = (ProtobufCBinaryData){.data = data, .len = sizeof(data)};
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_PING;
    frame.ping = &ping;
    put(stage->server, &frame);

    assert_fails(conn_next_event(stage->conn, -1, &event, &stage->error), SOTTO_CLIENT_ENETWORK);
    assert_fails(conn_next_event(stage->conn, -1, &event, &stage->error), SOTTO_CLIENT_ENETWORK);
}

static void
a_goodbye_for_a_revoked_login_says_so(void **state)
{
    struct stage *stage = *state;
    struct conn_event event = {{0}, {0}};
    conn_attached(stage->conn);
    put_goodbye(stage->server, 4401, "revoked");

    assert_fails(conn_next_event(stage->conn, conn_now_ms() + WAIT_MS, &event, &stage->error),
                 SOTTO_CLIENT_EAUTH);
    assert_fails(conn_next_event(stage->conn, conn_now_ms() + WAIT_MS, &event, &stage->error),
                 SOTTO_CLIENT_EAUTH);
}

static void
a_goodbye_before_a_login_was_shown_ends_no_login(void **state)
{
    struct stage *stage = *state;
    struct conn_event event = {{0}, {0}};
    put_goodbye(stage->server, 4401, "no Attach in time");

    assert_fails(conn_next_event(stage->conn, conn_now_ms() + WAIT_MS, &event, &stage->error),
                 SOTTO_CLIENT_ENETWORK);
}

static void
a_frame_longer_than_the_protocol_allows_ends_the_connection(void **state)
{
    struct stage *stage = *state;
    struct conn_event event = {{0}, {0}};
    assert_int_equal(write(stage->server, "\x01\x00\x00\x01", 4), 4);

    assert_fails(conn_next_event(stage->conn, conn_now_ms() + WAIT_MS, &event, &stage->error),
                 SOTTO_CLIENT_ENETWORK);
    assert_true(conn_is_dead(stage->conn));
}

static void
a_frame_that_is_no_frame_ends_the_connection(void **state)
{
    struct stage *stage = *state;
    struct conn_event event = {{0}, {0}};
    assert_int_equal(write(stage->server, "\x00\x00\x00\x03\x12\xff\xff", 7), 7);

    assert_fails(conn_next_event(stage->conn, conn_now_ms() + WAIT_MS, &event, &stage->error),
                 SOTTO_CLIENT_ENETWORK);
}

static void
a_server_of_another_version_is_refused(void **state)
{
    (void)state;
    int pair[2];
    struct conn *conn = NULL;
    struct sotto_client_error error;
    assert_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    put_hello(pair[0], 2);

    assert_fails(conn_adopt(pair[1], framing_tcp(), WAIT_MS, &conn, &error), SOTTO_CLIENT_EFAILED);

    assert_null(conn);
    assert_non_null(strstr(error.message, "version 2"));
    close(pair[0]);
}

static void
something_else_than_a_sotto_server_is_refused(void **state)
{
    (void)state;
    int pair[2];
    struct conn *conn = NULL;
    struct sotto_client_error error;
    assert_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    assert_int_equal(write(pair[0], "HTTP/1.1 400 Bad Request\r\n", 26), 26);

    assert_fails(conn_adopt(pair[1], framing_tcp(), WAIT_MS, &conn, &error), SOTTO_CLIENT_ENETWORK);

    assert_null(conn);
    close(pair[0]);
}

static void
urls_are_read_strictly(void **state)
{
    (void)state;
    struct conn_address address;
    struct sotto_client_error error;
    const char *bad[] = {
        "",
        "localhost",
        "tcp://",
        "tcp://:7500",
        "tcp://h:0",
        "tcp://h:65536",
        "tcp://h:7x",
        "tcp://h:",
        "tcp://h/path",
        "tcp://u@h:1",
        "tcp://[::1",
        "tcp://h h:1",
        "tcps://h:7501",
        "wss://h/ws",
        "ws://",
        "ws://:7580/ws",
        "ws://h:0/ws",
        "ws://h:7580/ws?x",
        "ws://h:7580/a b",
        "ws://u@h/ws",
        "http://h:1",
        "TCP://h:7500",
        "tcp://[]:1",
        "tcp://h:123456789012345678901",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(conn_parse_url(bad[i], &address, &error), SOTTO_CLIENT_EUSAGE);
    assert_fails(conn_parse_url("wss://h/ws", &address, &error), SOTTO_CLIENT_EUSAGE);
    assert_non_null(strstr(error.message, "no TLS yet"));

    assert_ok(conn_parse_url("tcp://chat.example", &address, &error));
    assert_string_equal(address.host, "chat.example");
    assert_string_equal(address.port, "7500");
    assert_ok(conn_parse_url("tcp://[::1]:81/", &address, &error));
    assert_string_equal(address.host, "::1");
    assert_string_equal(address.port, "81");
    assert_false(address.websocket);

    assert_ok(conn_parse_url("ws://chat.example", &address, &error));
    assert_true(address.websocket);
    assert_string_equal(address.port, "7580");
    assert_string_equal(address.path, "/ws");
    assert_ok(conn_parse_url("ws://[::1]:80/deep/ws", &address, &error));
    assert_string_equal(address.host, "::1");
    assert_string_equal(address.authority, "[::1]:80");
    assert_string_equal(address.path, "/deep/ws");
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest tests[] = {
    ON_STAGE(answers_out_of_order_find_their_calls),
    ON_STAGE(a_refusal_carries_code_and_sentence),
    ON_STAGE(an_answer_to_no_call_is_ignored),
    ON_STAGE(no_answer_in_time_ends_the_connection),
    ON_STAGE(a_server_that_talks_without_answering_does_not_push_the_deadline_out),
    ON_STAGE(a_server_that_talks_without_news_does_not_push_the_end_of_listening_out),
    ON_STAGE(events_wait_while_an_answer_is_awaited),
    ON_STAGE(too_many_events_are_dropped_and_it_is_said),
    ON_STAGE(a_ping_is_answered),
    ON_STAGE(an_answer_right_before_a_goodbye_is_not_lost),
    ON_STAGE(after_the_notice_of_an_end_answers_come_and_nothing_new_is_asked),
    ON_STAGE(a_server_that_closes_before_the_time_it_gave_is_a_lost_connection),
    ON_STAGE(more_calls_than_may_be_open_are_refused),
    ON_STAGE(a_request_larger_than_the_server_takes_is_not_sent),
    ON_STAGE(a_ping_with_a_long_text_ends_the_connection),
    ON_STAGE(a_goodbye_for_a_revoked_login_says_so),
    ON_STAGE(a_goodbye_before_a_login_was_shown_ends_no_login),
    ON_STAGE(a_frame_longer_than_the_protocol_allows_ends_the_connection),
    ON_STAGE(a_frame_that_is_no_frame_ends_the_connection),
    cmocka_unit_test(a_server_of_another_version_is_refused),
    cmocka_unit_test(something_else_than_a_sotto_server_is_refused),
    cmocka_unit_test(urls_are_read_strictly),
};

SOTTO_TEST_MAIN(tests)
