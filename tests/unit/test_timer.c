/* SPDX-License-Identifier: MIT */
/* Timers of modules: one shot, periodic, stopped from outside and from inside, and all at once. */
#include "sotto_test.h"

#include "core/timer.h"

struct fixture {
    uv_loop_t loop;
    struct timers *timers;
    struct sotto_timer *timer;
    int fired, stop_after;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    uv_loop_init(&f->loop);
    *state = f;
    return timers_create(&f->loop, &f->timers);
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    timers_destroy(&f->timers);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);
    return 0;
}

static void
on_fire(void *state, void *arg)
{
    struct fixture *f = arg;

    assert_null(state);
    f->fired++;
    if (f->fired == f->stop_after)
        timer_stop(f->timer);
}

static void
a_one_shot_timer_fires_once_and_is_gone(void **state)
{
    struct fixture *f = *state;

    assert_non_null(timer_start(f->timers, NULL, 1, 0, on_fire, f));
    assert_int_equal(timers_count(f->timers, NULL), 1);
    uv_run(&f->loop, UV_RUN_DEFAULT);

    assert_int_equal(f->fired, 1);
    assert_int_equal(timers_count(f->timers, NULL), 0);
}

static void
a_periodic_timer_fires_until_it_is_stopped_inside_its_callback(void **state)
{
    struct fixture *f = *state;

    f->stop_after = 3;
    f->timer = timer_start(f->timers, NULL, 0, 1, on_fire, f);
    uv_run(&f->loop, UV_RUN_DEFAULT);

    assert_int_equal(f->fired, 3);
}

static void
a_one_shot_timer_may_stop_itself(void **state)
{
    struct fixture *f = *state;

    f->stop_after = 1;
    f->timer = timer_start(f->timers, NULL, 1, 0, on_fire, f);
    uv_run(&f->loop, UV_RUN_DEFAULT);

    assert_int_equal(f->fired, 1);
}

static void
a_stopped_timer_never_fires(void **state)
{
    struct fixture *f = *state;

    timer_stop(timer_start(f->timers, NULL, 0, 5, on_fire, f));
    timer_stop(NULL);
    assert_non_null(timer_start(f->timers, NULL, 0, 5, on_fire, f));
    timers_stop_owner(f->timers, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);

    assert_int_equal(f->fired, 0);
}

static void
the_end_stops_all_timers(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 10; i++)
        assert_non_null(timer_start(f->timers, NULL, 0, 1, on_fire, f));
    timers_destroy(&f->timers);
    uv_run(&f->loop, UV_RUN_DEFAULT);

    assert_int_equal(f->fired, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    TEST(a_one_shot_timer_fires_once_and_is_gone),
    TEST(a_periodic_timer_fires_until_it_is_stopped_inside_its_callback),
    TEST(a_one_shot_timer_may_stop_itself),
    TEST(a_stopped_timer_never_fires),
    TEST(the_end_stops_all_timers),
};

SOTTO_TEST_MAIN(tests)
