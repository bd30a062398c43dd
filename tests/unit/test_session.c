/* SPDX-License-Identifier: MIT */
/* Sessions: binding, expiry, finding by user, device and login, and pushing. */
#include "rig.h"

#include "core/session_table.h"

#define PEERS 6

struct fixture {
    struct rig rig;
    struct peer peers[PEERS];
    uint64_t ids[PEERS];
};

static const char *const users[PEERS] = {
    "alice-----------", "alice-----------", "bob-------------",
    "carol-----------", "dave------------", "eve-------------",
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    rig_start(&f->rig);
    for (int i = 0; i < PEERS; i++) {
        peer_open(&f->peers[i], &f->rig);
        peer_attach(&f->peers[i], users[i]);
        f->ids[i] = f->rig.last_session;
    }
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < PEERS; i++)
        peer_close(&f->peers[i]);
    rig_stop(&f->rig);
    free(f);
    return 0;
}

static void
expect_told(struct peer *peer, const char *text)
{
    Sotto__Frame__V1__Frame *frame = peer_read(peer);
    Sotto__Rig__V1__Told *told;

    assert_non_null(frame);
    assert_int_equal(frame->kind_case, SOTTO__FRAME__V1__FRAME__KIND_EVENT);
    assert_string_equal(frame->event->type, "sotto.rig.v1.Told");
    told = sotto__rig__v1__told__unpack(NULL, frame->event->body.len, frame->event->body.data);
    assert_string_equal(told->text, text);
    sotto__rig__v1__told__free_unpacked(told, NULL);
    sotto__frame__v1__frame__free_unpacked(frame, NULL);
}

/* What comes next is the answer to this call: nothing was pushed before. */
static void
expect_nothing_before(struct peer *peer)
{
    peer_call(peer, 4711, "Echo", "marker");
    expect_text(peer_read(peer), 4711, "marker");
}

static Sotto__Rig__V1__Told
told(const char *text)
{
    Sotto__Rig__V1__Told event = SOTTO__RIG__V1__TOLD__INIT;

    event.text = (char *)(uintptr_t)text;
    return event;
}

static void
a_push_reaches_those_who_are_named_once_each(void **state)
{
    struct fixture *f = *state;
    Sotto__Rig__V1__Told event = told("news");
    uint64_t ids[] = {f->ids[0], f->ids[2], f->ids[2], 12345, f->ids[4], 0};

    assert_int_equal(session_push(f->rig.core.sessions, ids, 6, &event.base), 3);

    expect_told(&f->peers[0], "news");
    expect_told(&f->peers[2], "news");
    expect_told(&f->peers[4], "news");
    for (int i = 0; i < PEERS; i++)
        expect_nothing_before(&f->peers[i]);
}

static void
a_match_is_by_user_device_and_login(void **state)
{
    struct fixture *f = *state;
    Sotto__Rig__V1__Told event = told("you");
    const uint8_t *alice = (const uint8_t *)users[0];
    const uint8_t *bob = (const uint8_t *)users[2];
    struct sotto_session_match by_user = {.user = alice};
    struct sotto_session_match by_all = {.user = bob, .device = bob, .login = bob};
    struct sotto_session_match mixed = {.user = alice, .login = bob};

    assert_int_equal(session_push_matching(f->rig.core.sessions, &by_user, &event.base), 2);
    assert_int_equal(session_push_matching(f->rig.core.sessions, &by_all, &event.base), 1);
    assert_int_equal(session_push_matching(f->rig.core.sessions, &mixed, &event.base), 0);

    for (int i = 0; i < 3; i++)
        expect_told(&f->peers[i], "you");
    for (int i = 0; i < PEERS; i++)
        expect_nothing_before(&f->peers[i]);
}

static void
pushes_and_replies_keep_their_order(void **state)
{
    struct fixture *f = *state;

    peer_call(&f->peers[0], 1, "Hold", "");
    while (!f->rig.held_count)
        rig_turn(&f->rig);
    for (int i = 0; i < 3; i++) {
        Sotto__Rig__V1__Told event = told("before");

        session_push(f->rig.core.sessions, &f->ids[0], 1, &event.base);
    }
    sotto_fail(f->rig.held[0], SOTTO_EABORTED, "between");
    for (int i = 0; i < 3; i++) {
        Sotto__Rig__V1__Told event = told("after");

        session_push(f->rig.core.sessions, &f->ids[0], 1, &event.base);
    }

    for (int i = 0; i < 3; i++)
        expect_told(&f->peers[0], "before");
    expect_error(peer_read(&f->peers[0]), 1, "aborted");
    for (int i = 0; i < 3; i++)
        expect_told(&f->peers[0], "after");
}

static void
a_closed_login_hears_why(void **state)
{
    struct fixture *f = *state;
    struct sotto_session_match alice = {.login = (const uint8_t *)users[0]};

    assert_int_equal(session_close_matching(f->rig.core.sessions, &alice,
                                            SOTTO_GOODBYE_UNAUTHENTICATED, "revoked"),
                     2);
    assert_int_equal(session_close_matching(f->rig.core.sessions, &alice,
                                            SOTTO_GOODBYE_UNAUTHENTICATED, "revoked"),
                     0);

    assert_int_equal(peer_read_end(&f->peers[0]), SOTTO_GOODBYE_UNAUTHENTICATED);
    assert_int_equal(peer_read_end(&f->peers[1]), SOTTO_GOODBYE_UNAUTHENTICATED);
    expect_nothing_before(&f->peers[2]);
    assert_int_equal(sessions_attached(f->rig.core.sessions), PEERS - 2);
}

static void
a_session_belongs_to_one_user(void **state)
{
    struct fixture *f = *state;

    peer_call(&f->peers[0], 1, "Enter", users[2]);
    expect_error(peer_read(&f->peers[0]), 1, "failed_precondition");
    peer_call(&f->peers[0], 2, "Enter", users[0]); /* extends */
    expect_text(peer_read(&f->peers[0]), 2, users[0]);
    assert_int_equal(sessions_attached(f->rig.core.sessions), PEERS);
}

static bool
has_left(void *arg)
{
    const struct fixture *f = arg;

    return sessions_attached(f->rig.core.sessions) < PEERS;
}

/* alice has two; a third is refused and may be tried again when one is gone. */
static void
a_user_has_so_many_sessions_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct peer third;

    f->rig.core.sessions->account_max = 2;
    peer_open(&third, &f->rig);
    peer_call(&third, 1, "Enter", users[0]);
    expect_error(peer_read(&third), 1, "resource_exhausted");
    peer_call(&f->peers[0], 1, "Enter", users[0]); /* extends */
    expect_text(peer_read(&f->peers[0]), 1, users[0]);
    assert_int_equal(sessions_attached(f->rig.core.sessions), PEERS);
    session_close(f->rig.core.sessions, f->ids[1], SOTTO_GOODBYE_UNAUTHENTICATED, "enough");
    peer_read_end(&f->peers[1]);
    rig_until(&f->rig, has_left, f);
    peer_call(&third, 2, "Enter", users[0]);
    expect_text(peer_read(&third), 2, users[0]);
    peer_close(&third);
}

static void
an_expired_token_ends_the_session(void **state)
{
    struct fixture *f = *state;
    Sotto__Rig__V1__Text text = SOTTO__RIG__V1__TEXT__INIT;
    uint32_t lifetime_ms = 50;
    uint8_t body[64];

    text.text = (char *)(uintptr_t)users[0];
    text.n_numbers = 1;
    text.numbers = &lifetime_ms;

    peer_call_body(&f->peers[0], 1, "Enter", body, sotto__rig__v1__text__pack(&text, body));

    assert_int_equal(peer_read_end(&f->peers[0]), SOTTO_GOODBYE_UNAUTHENTICATED);
}

static bool
heard_all(void *arg)
{
    struct rig *rig = arg;

    return rig->facts == PEERS + 1;
}

static void
modules_hear_of_bound_and_ended_sessions(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(f->rig.facts, PEERS);

    session_close(f->rig.core.sessions, f->ids[3], SOTTO_GOODBYE_NORMAL, "bye");

    rig_until(&f->rig, heard_all, &f->rig);
    assert_int_equal(peer_read_end(&f->peers[3]), SOTTO_GOODBYE_NORMAL);
}

static void
an_old_id_never_finds_a_new_session(void **state)
{
    struct fixture *f = *state;
    Sotto__Rig__V1__Told event = told("wrong");
    uint64_t old = f->ids[5];

    session_close(f->rig.core.sessions, old, SOTTO_GOODBYE_NORMAL, "bye");
    assert_int_equal(peer_read_end(&f->peers[5]), SOTTO_GOODBYE_NORMAL);
    peer_close(&f->peers[5]);
    peer_open(&f->peers[5], &f->rig);
    peer_attach(&f->peers[5], users[5]);

    assert_true(f->rig.last_session != old);
    assert_int_equal(session_push(f->rig.core.sessions, &old, 1, &event.base), 0);
    expect_nothing_before(&f->peers[5]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    CASE(a_push_reaches_those_who_are_named_once_each),
    CASE(a_match_is_by_user_device_and_login),
    CASE(pushes_and_replies_keep_their_order),
    CASE(a_closed_login_hears_why),
    CASE(a_session_belongs_to_one_user),
    CASE(a_user_has_so_many_sessions_and_no_more),
    CASE(an_expired_token_ends_the_session),
    CASE(modules_hear_of_bound_and_ended_sessions),
    CASE(an_old_id_never_finds_a_new_session),
};

SOTTO_TEST_MAIN(tests)
