/* SPDX-License-Identifier: MIT */
/* The TCP door from outside: frames in, frames out, limits, and the ends of connections. */
#include "rig.h"

#include "core/io_loop.h"
#include "core/metric.h"

#include <string.h>
#include <sys/socket.h>

static void
a_call_comes_back(void **state)
{
    struct scene *f = *state;

    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);

    peer_call(&f->alice, 7, "Echo", "hello");

    expect_text(peer_read(&f->alice), 7, "hello");
    peer_close(&f->alice);
    rig_stop(&f->rig);
}

static void
pipelined_calls_are_all_answered_even_beyond_the_limit_in_flight(void **state)
{
    struct scene *f = *state;
    const uint64_t count = 1000;

    f->rig.settings.limits.calls_in_flight = 4;
    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);

    for (uint64_t id = 1; id <= count; id++)
        peer_call(&f->alice, id, "Echo", "x");

    for (uint64_t id = 1; id <= count; id++)
        expect_text(peer_read(&f->alice), id, "x");
    peer_close(&f->alice);
    rig_stop(&f->rig);
}

/* Two calls and a ping, as bytes. */
static size_t
sample(uint8_t *bytes)
{
    static const uint8_t ping[] = {0, 0, 0, 5, 0x2a, 3, 0x0a, 1, 'p'};
    static const char name[] = "sotto.rig.v1.RigService/Echo";
    size_t size = 0;

    for (uint8_t id = 1; id <= 2; id++) {
        uint8_t inner = (uint8_t)(2 + strlen(name) + 2 + 3);

        memcpy(bytes + size, (uint8_t[]){0, 0, 0, (uint8_t)(4 + inner), 8, id, 0x12, inner}, 8);
        size += 8;
        bytes[size++] = 0x0a;
        bytes[size++] = (uint8_t)strlen(name);
        memcpy(bytes + size, name, strlen(name));
        size += strlen(name);
        memcpy(bytes + size, (uint8_t[]){0x12, 3, 0x0a, 1, 'y'}, 5);
        size += 5;
    }
    memcpy(bytes + size, ping, sizeof(ping));
    return size + sizeof(ping);
}

/* Pongs come from the I/O loop and may overtake replies, which come from the logic loop. */
static void
expect_sample_answered(struct peer *peer)
{
    unsigned seen = 0;

    for (int i = 0; i < 3; i++) {
        Sotto__Frame__V1__Frame *frame = peer_read(peer);

        assert_non_null(frame);
        if (frame->kind_case == SOTTO__FRAME__V1__FRAME__KIND_PONG) {
            assert_int_equal(frame->pong->data.len, 1);
            seen |= 4;
            sotto__frame__v1__frame__free_unpacked(frame, NULL);
            continue;
        }
        seen |= 1u << (frame->id - 1);
        expect_text(frame, frame->id, "y");
    }
    assert_int_equal(seen, 7);
}

static void
a_stream_may_be_split_at_any_byte(void **state)
{
    struct scene *f = *state;
    uint8_t bytes[256];
    size_t size = sample(bytes);

    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);

    for (size_t split = 0; split <= size; split++) {
        peer_write(&f->alice, bytes, split);
        for (int i = 0; i < 3; i++)
            rig_turn(&f->rig);
        peer_write(&f->alice, bytes + split, size - split);
        expect_sample_answered(&f->alice);
    }
    for (size_t i = 0; i < size; i++)
        peer_write(&f->alice, bytes + i, 1);
    expect_sample_answered(&f->alice);

    peer_close(&f->alice);
    rig_stop(&f->rig);
}

static void
a_large_frame_arrives_whole_after_attach(void **state)
{
    struct scene *f = *state;
    const size_t size = 3u * 1024 * 1024;
    uint8_t *body = calloc(1, size + 8);
    Sotto__Frame__V1__Frame *frame;

    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);
    peer_attach(&f->alice, "alice-----------");
    body[0] = 0x12; /* Text.data */
    body[1] = (uint8_t)(size | 0x80);
    body[2] = (uint8_t)(size >> 7 | 0x80);
    body[3] = (uint8_t)(size >> 14 | 0x80);
    body[4] = (uint8_t)(size >> 21);

    peer_call_body(&f->alice, 5, "Member", body, size + 5);

    frame = peer_read(&f->alice);
    assert_non_null(frame);
    assert_int_equal(frame->reply->result_case, SOTTO__FRAME__V1__REPLY__RESULT_BODY);
    assert_int_equal(frame->reply->body.len, size + 5);
    sotto__frame__v1__frame__free_unpacked(frame, NULL);
    free(body);
    peer_close(&f->alice);
    rig_stop(&f->rig);
}

static void
a_claimed_length_costs_nothing_and_ends_the_connection(void **state)
{
    struct scene *f = *state;
    static const uint8_t claim[] = {0x80, 0, 0, 0, 1, 2, 3};

    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);

    peer_write(&f->alice, claim, sizeof(claim));

    assert_int_equal(peer_read_end(&f->alice), SOTTO_GOODBYE_TOO_BIG);
    peer_close(&f->alice);
    rig_stop(&f->rig);
}

static void
before_attach_a_frame_is_at_most_the_small_limit(void **state)
{
    struct scene *f = *state;
    uint8_t head[4] = {0, 0, 0x10, 1}; /* 4097 */

    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);

    peer_write(&f->alice, head, sizeof(head));

    assert_int_equal(peer_read_end(&f->alice), SOTTO_GOODBYE_TOO_BIG);
    peer_close(&f->alice);
    rig_stop(&f->rig);
}

static void
garbage_ends_the_connection_with_a_protocol_error(void **state)
{
    struct scene *f = *state;
    static const uint8_t garbage[] = {0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t empty[] = {0, 0, 0, 0};
    static const uint8_t goodbye[] = {0, 0, 0, 2, 0x42, 0};
    static const uint8_t call_without_id[] = {0, 0, 0, 2, 0x12, 0};
    const struct {
        const uint8_t *data;
        size_t size;
    } cases[] = {{garbage, 8}, {empty, 4}, {goodbye, 6}, {call_without_id, 6}};

    rig_start(&f->rig);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        peer_open(&f->alice, &f->rig);
        peer_write(&f->alice, cases[i].data, cases[i].size);
        assert_int_equal(peer_read_end(&f->alice), SOTTO_GOODBYE_PROTOCOL);
        peer_close(&f->alice);
    }
    rig_stop(&f->rig);
}

static void
who_does_not_attach_in_time_is_sent_away(void **state)
{
    struct scene *f = *state;

    f->rig.settings.limits.attach_ms = 1000;
    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);
    peer_open(&f->bob, &f->rig);
    peer_attach(&f->bob, "bob-------------");

    assert_int_equal(peer_read_end(&f->alice), SOTTO_GOODBYE_UNAUTHENTICATED);

    peer_call(&f->bob, 1, "Echo", "still here");
    expect_text(peer_read(&f->bob), 1, "still here");
    peer_close(&f->alice);
    peer_close(&f->bob);
    rig_stop(&f->rig);
}

static void
silence_is_answered_with_a_ping_and_then_with_the_end(void **state)
{
    struct scene *f = *state;
    Sotto__Frame__V1__Frame *frame;

    f->rig.settings.limits.ping_after_ms = 300;
    f->rig.settings.limits.idle_ms = 900;
    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);
    peer_attach(&f->alice, "alice-----------");

    frame = peer_read(&f->alice);

    assert_int_equal(frame->kind_case, SOTTO__FRAME__V1__FRAME__KIND_PING);
    sotto__frame__v1__frame__free_unpacked(frame, NULL);
    assert_int_equal(peer_read_end(&f->alice), SOTTO_GOODBYE_IDLE);
    peer_close(&f->alice);
    rig_stop(&f->rig);
}

static void
an_address_may_have_only_so_many_unattached_connections(void **state)
{
    struct scene *f = *state;
    struct peer third;

    f->rig.settings.limits.unattached_per_address = 2;
    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);
    peer_open(&f->bob, &f->rig);

    peer_connect(&third, &f->rig);
    assert_int_equal(peer_read_end(&third), SOTTO_GOODBYE_LIMIT);
    peer_close(&third);

    peer_attach(&f->alice, "alice-----------"); /* makes room */
    peer_open(&third, &f->rig);
    peer_close(&third);
    peer_close(&f->alice);
    peer_close(&f->bob);
    rig_stop(&f->rig);
}

static void
connections_are_capped(void **state)
{
    struct scene *f = *state;

    f->rig.settings.limits.connections = 1;
    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);

    peer_connect(&f->bob, &f->rig);

    assert_int_equal(peer_read_end(&f->bob), SOTTO_GOODBYE_LIMIT);
    peer_close(&f->alice);
    peer_close(&f->bob);
    rig_stop(&f->rig);
}

static bool
nobody_is_there(void *arg)
{
    struct rig *rig = arg;

    return io_connections(rig->core.io) == 0;
}

#define MORE_THAN_BUFFERS_HOLD 1000 /* 16 MiB */

static void
a_reader_that_is_too_slow_is_told_to_resume(void **state)
{
    struct scene *f = *state;
    static char text[16384];
    Sotto__Rig__V1__Told told = SOTTO__RIG__V1__TOLD__INIT;
    int small = 4096;
    int pushes = 0;

    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);
    setsockopt(f->alice.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    peer_attach(&f->alice, "alice-----------");
    memset(text, 'x', sizeof(text) - 1);
    told.text = text;

    while (session_push(f->rig.core.sessions, &f->rig.last_session, 1, &told.base) == 1 &&
           pushes < MORE_THAN_BUFFERS_HOLD) {
        pushes++;
        rig_turn(&f->rig);
    }

    assert_true(pushes >= 16);                    /* 256 KiB */
    rig_until(&f->rig, nobody_is_there, &f->rig); /* it does not read: cut off after a while */
    peer_close(&f->alice);
    rig_stop(&f->rig);
}

static void
goodbye_goes_to_everybody_at_the_end(void **state)
{
    struct scene *f = *state;

    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);
    peer_open(&f->bob, &f->rig);
    peer_attach(&f->bob, "bob-------------");

    io_stop_accepting(f->rig.core.io);
    io_goodbye_all(f->rig.core.io, SOTTO_GOODBYE_SHUTDOWN, "the server stops");

    assert_int_equal(peer_read_end(&f->alice), SOTTO_GOODBYE_SHUTDOWN);
    assert_int_equal(peer_read_end(&f->bob), SOTTO_GOODBYE_SHUTDOWN);
    peer_close(&f->alice);
    peer_close(&f->bob);
    rig_until(&f->rig, nobody_is_there, &f->rig);
    rig_stop(&f->rig);
}

static void
expect_notice(struct peer *peer)
{
    Sotto__Frame__V1__Frame *frame = peer_read(peer);

    assert_non_null(frame);
    assert_int_equal(frame->kind_case, SOTTO__FRAME__V1__FRAME__KIND_GOODBYE);
    assert_int_equal(frame->goodbye->closes_in_ms, 5000);
    sotto__frame__v1__frame__free_unpacked(frame, NULL);
}

static void
the_notice_of_the_end_goes_to_everybody_and_closes_nobody(void **state)
{
    struct scene *f = *state;

    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);
    peer_open(&f->bob, &f->rig);
    peer_attach(&f->bob, "bob-------------");

    io_notify_all(f->rig.core.io, SOTTO_GOODBYE_SHUTDOWN, "the server stops", 5000);

    expect_notice(&f->alice);
    expect_notice(&f->bob);
    peer_call(&f->bob, 7, "Echo", "still here");
    expect_text(peer_read(&f->bob), 7, "still here");
    io_goodbye_all(f->rig.core.io, SOTTO_GOODBYE_SHUTDOWN, "the server stops");
    assert_int_equal(peer_read_end(&f->alice), SOTTO_GOODBYE_SHUTDOWN);
    assert_int_equal(peer_read_end(&f->bob), SOTTO_GOODBYE_SHUTDOWN);
    peer_close(&f->alice);
    peer_close(&f->bob);
    rig_until(&f->rig, nobody_is_there, &f->rig);
    rig_stop(&f->rig);
}

static void
connections_that_vanish_with_calls_open_leave_nothing_behind(void **state)
{
    struct scene *f = *state;

    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);
    peer_call(&f->alice, 1, "Hold", "");
    while (!f->rig.held_count)
        rig_turn(&f->rig);

    peer_close(&f->alice);
    for (int i = 0; i < 50; i++)
        rig_turn(&f->rig);
    sotto_fail(f->rig.held[0], SOTTO_EABORTED, "too late");

    rig_until(&f->rig, nobody_is_there, &f->rig);
    assert_int_equal(rpc_open(f->rig.core.rpc), 0);
    assert_int_equal(sessions_count(f->rig.core.sessions), 0);
    rig_stop(&f->rig);
}

static void
a_full_logic_queue_stops_reading_and_loses_nothing(void **state)
{
    struct scene *f = *state;
    const uint64_t count = 400;

    f->rig.settings.limits.logic_queue_items = 2;
    f->rig.settings.limits.logic_queue_bytes = 20000;
    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);
    peer_open(&f->bob, &f->rig);

    for (uint64_t id = 1; id <= count; id++) {
        peer_call(&f->alice, id, "Echo", "a");
        peer_call(&f->bob, id, "Echo", "b");
    }

    for (uint64_t id = 1; id <= count; id++) {
        expect_text(peer_read(&f->alice), id, "a");
        expect_text(peer_read(&f->bob), id, "b");
    }
    peer_close(&f->alice);
    peer_close(&f->bob);
    rig_stop(&f->rig);
}

/* The pause is counted, or the call was let through. */
static bool
is_second_call_decided(void *arg)
{
    struct rig *rig = arg;
    struct buf text = {0};
    bool paused;

    metrics_render(rig->core.metrics, &text);
    paused = strstr(buf_text(&text), "reads_paused_total 1\n") != NULL;
    buf_fini(&text);
    return paused || rig->echoed;
}

static void
memory_that_decoding_took_stops_reading_as_bytes_that_came_do(void **state)
{
    struct scene *f = *state;
    uint8_t parts[800]; /* so many empty parts come as 2 bytes each and are over 30 in memory */

    for (size_t i = 0; i < sizeof(parts); i += 2)
        memcpy(parts + i, (uint8_t[]){0x1a, 0}, 2);
    f->rig.settings.limits.logic_queue_bytes = 10000;
    rig_start(&f->rig);
    f->rig.settings.limits.logic_queue_bytes *= f->rig.core.io->loop_count; /* each has its part */
    peer_open(&f->alice, &f->rig);
    peer_call_body(&f->alice, 1, "Hold", parts, sizeof(parts));
    while (!f->rig.held_count)
        rig_turn(&f->rig);

    peer_call(&f->alice, 2, "Echo", "after it");

    rig_until(&f->rig, is_second_call_decided, &f->rig);
    assert_int_equal(f->rig.echoed, 0);
    sotto_fail(f->rig.held[0], SOTTO_EABORTED, "done");
    expect_error(peer_read(&f->alice), 1, "aborted");
    expect_text(peer_read(&f->alice), 2, "after it");
    peer_close(&f->alice);
    rig_stop(&f->rig);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

static const struct CMUnitTest tests[] = {
    CASE(a_call_comes_back),
    CASE(pipelined_calls_are_all_answered_even_beyond_the_limit_in_flight),
    CASE(a_stream_may_be_split_at_any_byte),
    CASE(a_large_frame_arrives_whole_after_attach),
    CASE(a_claimed_length_costs_nothing_and_ends_the_connection),
    CASE(before_attach_a_frame_is_at_most_the_small_limit),
    CASE(garbage_ends_the_connection_with_a_protocol_error),
    CASE(who_does_not_attach_in_time_is_sent_away),
    CASE(silence_is_answered_with_a_ping_and_then_with_the_end),
    CASE(an_address_may_have_only_so_many_unattached_connections),
    CASE(connections_are_capped),
    CASE(a_reader_that_is_too_slow_is_told_to_resume),
    CASE(the_notice_of_the_end_goes_to_everybody_and_closes_nobody),
    CASE(goodbye_goes_to_everybody_at_the_end),
    CASE(connections_that_vanish_with_calls_open_leave_nothing_behind),
    CASE(a_full_logic_queue_stops_reading_and_loses_nothing),
    CASE(memory_that_decoding_took_stops_reading_as_bytes_that_came_do),
};

SOTTO_TEST_MAIN(tests)
