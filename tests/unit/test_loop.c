/* SPDX-License-Identifier: MIT */
/* The logic loop: run to completion, turns, deadlines, slow callbacks. */
#include "test_folder.h"

#include <unistd.h>

#include "core/loop.h"

struct fixture {
    uv_loop_t uv;
    struct loop *loop;
    char trail[64];
};

static void
mark(struct fixture *fixture, char c)
{
    size_t size = strlen(fixture->trail);

    if (size + 1 < sizeof(fixture->trail))
        fixture->trail[size] = c;
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct loop_options options = {.queue_capacity = 2, .budget_ms = 100};

    assert_ok(uv_loop_init(&f->uv));
    assert_ok(loop_create(&f->uv, &options, &f->loop));
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    loop_destroy(&f->loop);
    assert_null(f->loop);
    assert_ok(uv_loop_close(&f->uv));
    free(f);
    return 0;
}

struct step {
    struct queue_item item;
    struct fixture *fixture;
    char mark;
    struct step *then;
};

static void
run_step(struct queue_item *item)
{
    struct step *step = (struct step *)item;
    struct fixture *f = step->fixture;

    loop_enter(f->loop, "test", "step");
    mark(f, step->mark);
    if (step->then)
        loop_defer(f->loop, &step->then->item, run_step);
    mark(f, '.');
    loop_leave(f->loop);
}

static void
deferred_work_runs_after_the_callback_and_before_the_next_item(void **state)
{
    struct fixture *f = *state;
    struct step later = {.fixture = f, .mark = 'b'};
    struct step first = {.fixture = f, .mark = 'a', .then = &later};
    struct step second = {.fixture = f, .mark = 'c'};

    loop_post_item(f->loop, &first.item, run_step);
    loop_post_item(f->loop, &second.item, run_step);
    uv_run(&f->uv, UV_RUN_NOWAIT);

    assert_string_equal(f->trail, "a.b.c.");
}

static void
nested_callbacks_come_to_their_end_before_deferred_work(void **state)
{
    struct fixture *f = *state;
    struct step later = {.fixture = f, .mark = 'b'};

    loop_enter(f->loop, "one", "outer");
    loop_enter(f->loop, "two", "inner");
    loop_defer(f->loop, &later.item, run_step);
    loop_leave(f->loop);
    mark(f, 'a');
    loop_leave(f->loop);

    assert_string_equal(f->trail, "ab.");
}

static void
on_turn(void *arg)
{
    mark(arg, 't');
}

static void
a_turn_ends_after_what_it_ran(void **state)
{
    struct fixture *f = *state;
    struct loop_hook hook = {.fn = on_turn, .arg = f};
    struct step step = {.fixture = f, .mark = 'a'};

    loop_on_turn(f->loop, &hook);
    loop_post_item(f->loop, &step.item, run_step);
    uv_run(&f->uv, UV_RUN_NOWAIT);
    loop_off_turn(f->loop, &hook);

    assert_non_null(strstr(f->trail, "a.t"));
}

static void
count(void *arg)
{
    mark(arg, 'p');
}

static void
posts_are_bounded(void **state)
{
    struct fixture *f = *state;

    assert_ok(loop_post(f->loop, count, f));
    assert_ok(loop_post(f->loop, count, f));
    assert_fails(loop_post(f->loop, count, f), SOTTO_EAGAIN);

    uv_run(&f->uv, UV_RUN_NOWAIT);
    assert_string_equal(f->trail, "pp");
    assert_ok(loop_post(f->loop, count, f));
}

static void
a_callback_over_budget_is_counted_once_and_for_its_own_time(void **state)
{
    struct fixture *f = *state;
    uint64_t end;

    loop_enter(f->loop, "one", "outer");
    loop_enter(f->loop, "two", "slow");
    end = uv_hrtime() + 101 * 1000000ull;
    while (uv_hrtime() < end)
        continue;
    loop_leave(f->loop);
    loop_leave(f->loop);

    assert_int_equal(loop_slow_count(f->loop), 1);
}

static bool
file_says(const char *path, const char *text)
{
    char content[4096];
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(content, 1, sizeof(content) - 1, file) : 0;

    if (file)
        fclose(file);
    content[size] = '\0';
    return strstr(content, text) != NULL;
}

static void
a_callback_that_does_not_come_back_is_named_while_it_runs(void **state)
{
    char folder[TEST_FOLDER_BYTES], path[TEST_PATH_BYTES];
    struct log_options log_options = {.level = SOTTO_LOG_ERROR, .file = path};
    struct loop_options options = {.stuck_ms = 1};
    uint64_t end = uv_hrtime() + 60 * 1000000000ull;
    bool named = false;
    struct sotto_err err;
    struct loop *loop;
    uv_loop_t uv;

    (void)state;
    assert_int_equal(test_folder_make("loop", folder), 0);
    snprintf(path, sizeof(path), "%s/log", folder);
    assert_ok(log_create(&log_options, &options.log, &err));
    assert_ok(uv_loop_init(&uv));
    assert_ok(loop_create(&uv, &options, &loop));
    loop_enter(loop, "snail", "crawl");
    while (!named && uv_hrtime() < end)
        named = file_says(path, "crawl");
    loop_leave(loop);

    assert_true(named);
    loop_destroy(&loop);
    assert_ok(uv_loop_close(&uv));
    log_destroy(&options.log);
    unlink(path);
    rmdir(folder);
}

struct deadline {
    struct wheel_entry entry;
    struct fixture *fixture;
    uint64_t set_ms, fired_ms;
    struct deadline *clears;
};

static void
on_deadline(struct wheel_entry *entry)
{
    struct deadline *deadline = (struct deadline *)entry;

    deadline->fired_ms = loop_now(deadline->fixture->loop);
    if (deadline->clears)
        wheel_clear(loop_wheel(deadline->fixture->loop), &deadline->clears->entry);
}

static void
deadlines_fire_not_early_and_in_any_number(void **state)
{
    struct fixture *f = *state;
    struct deadline deadlines[200];
    uint64_t end = uv_hrtime() + 60 * 1000000000ull;
    size_t fired = 0;

    memset(deadlines, 0, sizeof(deadlines));
    for (size_t i = 0; i < 200; i++) {
        deadlines[i].fixture = f;
        deadlines[i].set_ms = loop_now(f->loop);
        wheel_set(loop_wheel(f->loop), &deadlines[i].entry, i, on_deadline);
    }
    while (fired < 200 && uv_hrtime() < end) {
        uv_run(&f->uv, UV_RUN_ONCE);
        fired = 0;
        for (size_t i = 0; i < 200; i++)
            fired += !wheel_is_set(&deadlines[i].entry);
    }

    assert_int_equal(fired, 200);
    for (size_t i = 0; i < 200; i++)
        assert_true(deadlines[i].fired_ms >= deadlines[i].set_ms + i);
}

static void
a_deadline_may_be_set_anew_and_cleared_by_another_one(void **state)
{
    struct fixture *f = *state;
    struct deadline far = {.fixture = f};
    struct deadline moved = {.fixture = f};
    struct deadline victim = {.fixture = f};
    struct deadline killer = {.fixture = f, .clears = &victim};
    struct wheel *wheel = loop_wheel(f->loop);
    uint64_t end = uv_hrtime() + 60 * 1000000000ull;

    wheel_set(wheel, &far.entry, 15 * 60 * 1000, on_deadline);
    wheel_set(wheel, &moved.entry, 60000, on_deadline);
    wheel_set(wheel, &moved.entry, 20, on_deadline);
    wheel_set(wheel, &victim.entry, 10, on_deadline);
    wheel_set(wheel, &killer.entry, 10, on_deadline); /* asked first: it was set last */
    while (wheel_is_set(&moved.entry) && uv_hrtime() < end)
        uv_run(&f->uv, UV_RUN_ONCE);

    assert_true(moved.fired_ms > 0);
    assert_true(killer.fired_ms > 0);
    assert_int_equal(victim.fired_ms, 0);
    assert_true(wheel_is_set(&far.entry));
    wheel_clear(wheel, &far.entry);
    assert_int_equal(wheel->count, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    CASE(deferred_work_runs_after_the_callback_and_before_the_next_item),
    CASE(nested_callbacks_come_to_their_end_before_deferred_work),
    CASE(a_turn_ends_after_what_it_ran),
    CASE(posts_are_bounded),
    CASE(a_callback_over_budget_is_counted_once_and_for_its_own_time),
    cmocka_unit_test(a_callback_that_does_not_come_back_is_named_while_it_runs),
    CASE(deadlines_fire_not_early_and_in_any_number),
    CASE(a_deadline_may_be_set_anew_and_cleared_by_another_one),
};

SOTTO_TEST_MAIN(tests)
