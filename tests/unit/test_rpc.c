/* SPDX-License-Identifier: MIT */
/* Methods and requests: what registration refuses, and that every call is answered exactly once. */
#include "rig.h"

static void
start(struct scene *f)
{
    rig_start(&f->rig);
    peer_open(&f->alice, &f->rig);
}

static void
stop(struct scene *f)
{
    peer_close(&f->alice);
    rig_stop(&f->rig);
}

/* ---- registration ---- */

static void
handler(void *state, struct sotto_req *req, const ProtobufCMessage *in)
{
    (void)state;
    sotto_reply(req, in);
}

static const struct sotto_rpc_row good_row = {
    .service = &sotto__rig__v1__rig_service__descriptor,
    .index = 0,
    .level = SOTTO_LEVEL_NONE,
    .max_bytes = 100,
    .deadline_ms = 100,
    .fn = handler,
};

static void
expect_refused(struct sotto_rpc_row row, const char *because)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct sotto_rpc_row rows[] = {good_row, row};
    struct sotto_err err = {.text = ""};

    rig_init(rig);
    rig_start(rig);
    rig_stop(rig);
    rig_init(rig);
    assert_ok(rpc_create(&rig->core, &rig->settings.limits, &rig->core.rpc));
    rig->descriptor.rpcs = (struct sotto_table)SOTTO_TABLE(rows);
    rig->module = (struct host_module){.descriptor = &rig->descriptor, .name = "rig"};

    assert_fails(rpc_add_module(rig->core.rpc, &rig->module, &err), SOTTO_EPRECONDITION);

    if (!strstr(err.text, because))
        fail_msg("\"%s\" does not say \"%s\"", err.text, because);
    rpc_destroy(&rig->core.rpc);
    free(rig);
}

static void
rows_that_are_not_in_order_are_refused_with_a_sentence(void **state)
{
    struct sotto_rpc_row row = good_row;

    (void)state;
    expect_refused(row, "offers it already");
    row.index = 1;
    row.max_bytes = 0;
    expect_refused(row, "max_bytes");
    row.max_bytes = RPC_MAX_BYTES_CAP + 1;
    expect_refused(row, "max_bytes");
    row.max_bytes = 1;
    row.fn = NULL;
    expect_refused(row, "lacks");
    row.fn = handler;
    row.level = 0;
    expect_refused(row, "lacks");
    row.level = SOTTO_LEVEL_NONE;
    row.deadline_ms = 0;
    expect_refused(row, "lacks");
    row.deadline_ms = 1;
    row.service = &sotto__rig__v1__cycle_service__descriptor;
    row.index = 0;
    expect_refused(row, "contains itself");
    row.index = 9;
    expect_refused(row, "names no method");
}

/* ---- calls ---- */

static void
an_unknown_method_is_unimplemented(void **state)
{
    struct scene *f = *state;

    start(f);
    peer_call(&f->alice, 1, "Nothing", "");
    expect_error(peer_read(&f->alice), 1, "unimplemented");
    peer_call(&f->alice, 2, "", "");
    expect_error(peer_read(&f->alice), 2, "unimplemented");
    stop(f);
}

static void
a_member_method_asks_for_attach(void **state)
{
    struct scene *f = *state;

    start(f);
    peer_call(&f->alice, 1, "Member", "x");
    expect_error(peer_read(&f->alice), 1, "unauthenticated");
    peer_attach(&f->alice, "alice-----------");
    peer_call(&f->alice, 2, "Member", "x");
    expect_text(peer_read(&f->alice), 2, "x");
    stop(f);
}

static void
a_request_that_is_not_in_order_is_refused_and_the_connection_stays(void **state)
{
    struct scene *f = *state;
    uint8_t large[4000];

    start(f);
    peer_attach(&f->alice, "alice-----------");
    peer_call_body(&f->alice, 1, "Echo", "\x0a\x01\xff", 3);
    expect_error(peer_read(&f->alice), 1, "invalid_argument");
    peer_call_body(&f->alice, 2, "Echo", "\x0a\x05", 2);
    expect_error(peer_read(&f->alice), 2, "invalid_argument");
    peer_call_body(&f->alice, 3, "Echo", "\x08\x01", 2); /* text as a number */
    expect_error(peer_read(&f->alice), 3, "invalid_argument");
    memset(large, 0x78, sizeof(large));
    for (size_t i = 1; i < sizeof(large); i += 2)
        large[i] = 1;
    peer_call_body(&f->alice, 4, "Echo", large, sizeof(large)); /* unknown fields */
    expect_error(peer_read(&f->alice), 4, "invalid_argument");

    peer_call(&f->alice, 5, "Echo", "fine");
    expect_text(peer_read(&f->alice), 5, "fine");
    stop(f);
}

static void
a_request_over_the_methods_size_is_refused(void **state)
{
    struct scene *f = *state;
    static char text[5000];

    start(f);
    peer_attach(&f->alice, "alice-----------");
    memset(text, 'x', sizeof(text) - 1);
    peer_call(&f->alice, 1, "Hold", text);
    expect_error(peer_read(&f->alice), 1, "resource_exhausted");
    stop(f);
}

static void
empty_parts_cannot_fill_the_memory(void **state)
{
    struct scene *f = *state;
    const size_t size = 65536;
    uint8_t *body = malloc(size);

    start(f);
    peer_attach(&f->alice, "alice-----------");
    for (size_t i = 0; i < size; i += 2) { /* 32,768 empty Parts, each far larger in memory */
        body[i] = 0x1a;
        body[i + 1] = 0;
    }
    peer_call_body(&f->alice, 1, "Echo", body, size);

    expect_error(peer_read(&f->alice), 1, "resource_exhausted");
    free(body);
    stop(f);
}

static void
decoding_takes_memory_by_what_came_and_not_by_what_might_come(void **state)
{
    struct scene *f = *state;
    uint8_t body[4096]; /* a sixteenth of what the method allows */

    start(f);
    peer_attach(&f->alice, "alice-----------");
    for (size_t i = 0; i < sizeof(body); i += 2) { /* 2,048 empty Parts */
        body[i] = 0x1a;
        body[i + 1] = 0;
    }
    peer_call_body(&f->alice, 1, "Echo", body, sizeof(body));

    expect_error(peer_read(&f->alice), 1, "resource_exhausted");
    stop(f);
}

static void
wait_held(struct scene *f, size_t count)
{
    while (f->rig.held_count < count)
        rig_turn(&f->rig);
}

static void
call_with_deadline(struct peer *peer, uint64_t id, uint32_t deadline_ms)
{
    Sotto__Frame__V1__Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    Sotto__Frame__V1__Call call = SOTTO__FRAME__V1__CALL__INIT;

    call.method = (char *)(uintptr_t) "sotto.rig.v1.RigService/Hold";
    call.deadline_ms = deadline_ms;
    frame.id = id;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_CALL;
    frame.call = &call;
    peer_frame(peer, &frame);
}

static void
a_late_handler_is_answered_for_and_its_own_answer_is_dropped(void **state)
{
    struct scene *f = *state;
    Sotto__Rig__V1__Text text = SOTTO__RIG__V1__TEXT__INIT;

    start(f);
    call_with_deadline(&f->alice, 1, 30);
    expect_error(peer_read(&f->alice), 1, "deadline_exceeded");
    assert_int_equal(rpc_open(f->rig.core.rpc), 1);

    sotto_reply(f->rig.held[0], &text.base);
    assert_int_equal(rpc_open(f->rig.core.rpc), 0);

    peer_call(&f->alice, 2, "Echo", "next");
    expect_text(peer_read(&f->alice), 2, "next");
    stop(f);
}

static void
a_canceled_call_is_answered_once(void **state)
{
    struct scene *f = *state;
    Sotto__Frame__V1__Frame frame = SOTTO__FRAME__V1__FRAME__INIT;
    Sotto__Frame__V1__Cancel cancel = SOTTO__FRAME__V1__CANCEL__INIT;

    start(f);
    peer_call(&f->alice, 1, "Hold", "");
    wait_held(f, 1);
    frame.id = 1;
    frame.kind_case = SOTTO__FRAME__V1__FRAME__KIND_CANCEL;
    frame.cancel = &cancel;

    peer_frame(&f->alice, &frame);
    peer_frame(&f->alice, &frame);

    expect_error(peer_read(&f->alice), 1, "canceled");
    sotto_fail(f->rig.held[0], SOTTO_EINTERNAL, "nobody hears this");
    peer_call(&f->alice, 2, "Echo", "next");
    expect_text(peer_read(&f->alice), 2, "next");
    stop(f);
}

static void
answers_may_come_out_of_order(void **state)
{
    struct scene *f = *state;
    Sotto__Rig__V1__Text text = SOTTO__RIG__V1__TEXT__INIT;

    start(f);
    peer_call(&f->alice, 1, "Hold", "");
    peer_call(&f->alice, 2, "Hold", "");
    wait_held(f, 2);

    text.text = (char *)(uintptr_t) "two";
    sotto_reply(f->rig.held[1], &text.base);
    expect_text(peer_read(&f->alice), 2, "two");
    text.text = (char *)(uintptr_t) "one";
    sotto_reply(f->rig.held[0], &text.base);
    expect_text(peer_read(&f->alice), 1, "one");
    stop(f);
}

static void
a_request_has_memory_of_its_own_up_to_its_budget(void **state)
{
    struct scene *f = *state;
    uint8_t *memory;

    start(f);
    peer_call(&f->alice, 1, "Hold", "");
    wait_held(f, 1);

    memory = rpc_api.alloc(f->rig.held[0], 1000);
    assert_non_null(memory);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(memory[i], 0);
    assert_null(rpc_api.alloc(f->rig.held[0], RPC_ARENA_MIN));
    sotto_fail(f->rig.held[0], SOTTO_EABORTED, "done");
    expect_error(peer_read(&f->alice), 1, "aborted");
    stop(f);
}

static void
a_rate_is_kept_and_says_when_to_come_again(void **state)
{
    struct scene *f = *state;
    uint64_t begun, seconds;
    unsigned refused = 0;

    f->rig.settings.limits.rates[SOTTO_RATE_GENERAL] =
        (struct settings_rate){.per_second = 1, .burst = 3};
    start(f);
    begun = uv_hrtime();
    for (uint64_t id = 1; id <= 10; id++)
        peer_call(&f->alice, id, "Echo", "x");

    for (uint64_t id = 1; id <= 10; id++) {
        Sotto__Frame__V1__Frame *frame = peer_read(&f->alice);

        refused += frame->reply->result_case == SOTTO__FRAME__V1__REPLY__RESULT_ERROR;
        sotto__frame__v1__frame__free_unpacked(frame, NULL);
    }
    seconds = (uv_hrtime() - begun) / 1000000000;
    assert_true(refused <= 7);
    assert_true(refused + seconds >= 6);
    stop(f);
}

static void
a_server_that_drains_refuses_new_calls_and_ends_old_ones(void **state)
{
    struct scene *f = *state;
    Sotto__Rig__V1__Text text = SOTTO__RIG__V1__TEXT__INIT;

    start(f);
    peer_call(&f->alice, 1, "Hold", "");
    wait_held(f, 1);

    rpc_drain(f->rig.core.rpc);
    peer_call(&f->alice, 2, "Echo", "x");
    expect_error(peer_read(&f->alice), 2, "unavailable");
    sotto_reply(f->rig.held[0], &text.base);
    expect_text(peer_read(&f->alice), 1, "");
    stop(f);
}

static void
requests_that_nobody_ends_do_not_keep_the_server(void **state)
{
    struct scene *f = *state;

    start(f);
    peer_call(&f->alice, 1, "Hold", "");
    wait_held(f, 1);

    stop(f); /* a leak would show under a sanitizer */
}

static void
calls_are_counted_by_method_and_code(void **state)
{
    struct scene *f = *state;
    struct buf out = {0};

    start(f);
    peer_call(&f->alice, 1, "Echo", "x");
    expect_text(peer_read(&f->alice), 1, "x");
    peer_call(&f->alice, 2, "Member", "x");
    expect_error(peer_read(&f->alice), 2, "unauthenticated");

    rpc_render_metrics(f->rig.core.rpc, &out);
    assert_non_null(strstr(buf_text(&out), "sotto_rpc_requests_total{method=\"sotto.rig.v1."
                                           "RigService/Echo\",code=\"ok\"} 1\n"));
    assert_non_null(strstr(buf_text(&out), "sotto_rpc_requests_total{method=\"sotto.rig.v1."
                                           "RigService/Member\",code=\"unauthenticated\"} 1\n"));
    buf_fini(&out);
    stop(f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

static const struct CMUnitTest tests[] = {
    CASE(rows_that_are_not_in_order_are_refused_with_a_sentence),
    CASE(an_unknown_method_is_unimplemented),
    CASE(a_member_method_asks_for_attach),
    CASE(a_request_that_is_not_in_order_is_refused_and_the_connection_stays),
    CASE(a_request_over_the_methods_size_is_refused),
    CASE(empty_parts_cannot_fill_the_memory),
    CASE(decoding_takes_memory_by_what_came_and_not_by_what_might_come),
    CASE(a_late_handler_is_answered_for_and_its_own_answer_is_dropped),
    CASE(a_canceled_call_is_answered_once),
    CASE(answers_may_come_out_of_order),
    CASE(a_request_has_memory_of_its_own_up_to_its_budget),
    CASE(a_rate_is_kept_and_says_when_to_come_again),
    CASE(a_server_that_drains_refuses_new_calls_and_ends_old_ones),
    CASE(requests_that_nobody_ends_do_not_keep_the_server),
    CASE(calls_are_counted_by_method_and_code),
};

SOTTO_TEST_MAIN(tests)
