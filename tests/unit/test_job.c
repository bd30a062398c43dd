/* SPDX-License-Identifier: MIT */
/* The job pool: results come back on the loop, a module is bounded by its quota and cannot starve another. */
#include "sotto_test.h"

#include "core/job.h"

#include <semaphore.h>

struct fixture {
    uv_loop_t loop;
    struct job_pool *pool;
    struct job_quota *a, *b;
    sem_t gate;
    size_t done;
    char order[64];
};

struct arg {
    struct fixture *f;
    int value;
    bool wait;
    char name;
};

static int
setup(void **state)
{
    const struct job_options options = {.threads = 1, .quota = 8};
    struct fixture *f = calloc(1, sizeof(*f));

    sem_init(&f->gate, 0, 0);
    uv_loop_init(&f->loop);
    if (job_pool_create(&f->loop, &options, NULL, &f->pool) != 0)
        return -1;
    f->a = job_quota_create(f->pool);
    f->b = job_quota_create(f->pool);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    job_pool_destroy(&f->pool);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    uv_loop_close(&f->loop);
    sem_destroy(&f->gate);
    free(f);
    return 0;
}

static int
work(void *data)
{
    struct arg *arg = data;

    if (arg->wait)
        sem_wait(&arg->f->gate);
    arg->value *= 2;
    return arg->value > 100 ? SOTTO_ERANGE : 3;
}

static void
on_done(void *state, int status, void *data)
{
    struct arg *arg = data;

    (void)state;
    assert_int_equal(status, arg->value > 100 ? SOTTO_ERANGE : 3);
    arg->f->order[arg->f->done++] = arg->name;
}

static int
run(struct fixture *f, struct job_quota *quota, char name, int value, bool wait)
{
    const struct arg arg = {.f = f, .value = value, .name = name, .wait = wait};

    return job_run(f->pool, NULL, quota, work, &arg, sizeof(arg), on_done);
}

static void
wait_for(struct fixture *f, size_t n)
{
    while (f->done < n)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void
a_job_works_on_a_copy_and_its_result_comes_back(void **state)
{
    struct fixture *f = *state;

    assert_ok(run(f, f->a, 'a', 21, false));
    assert_ok(run(f, f->a, 'b', 60, false));
    assert_int_equal(job_quota_open(f->a), 2);
    wait_for(f, 2);

    assert_string_equal(f->order, "ab");
    assert_int_equal(job_quota_open(f->a), 0);
}

static void
over_its_quota_a_module_is_refused_and_others_are_not(void **state)
{
    struct fixture *f = *state;

    assert_ok(run(f, f->a, 'a', 1, true));
    for (int i = 0; i < 7; i++)
        assert_ok(run(f, f->a, 'a', 1, false));
    assert_fails(run(f, f->a, 'a', 1, false), SOTTO_EEXHAUSTED);
    assert_ok(run(f, f->b, 'b', 1, false));
    sem_post(&f->gate);
    wait_for(f, 9);

    assert_ok(run(f, f->a, 'a', 1, false));
    wait_for(f, 10);
}

static void
modules_take_turns(void **state)
{
    struct fixture *f = *state;

    assert_ok(run(f, f->a, 'a', 1, true)); /* holds the only thread until all are queued */
    for (int i = 0; i < 6; i++)
        assert_ok(run(f, f->a, 'a', 1, false));
    for (int i = 0; i < 3; i++)
        assert_ok(run(f, f->b, 'b', 1, false));
    sem_post(&f->gate);
    wait_for(f, 10);

    /* Three of b among the first seven: nobody waits for the other's whole list. */
    assert_true(strchr(f->order, 'b') - f->order <= 2);
    assert_true(strrchr(f->order, 'b') - f->order <= 6);
}

static void
what_is_queued_when_the_pool_ends_is_dropped(void **state)
{
    struct fixture *f = *state;

    assert_ok(run(f, f->a, 'a', 1, true));
    for (int i = 0; i < 5; i++)
        assert_ok(run(f, f->a, 'a', 1, false));
    sem_post(&f->gate);
    job_pool_destroy(&f->pool);
    uv_run(&f->loop, UV_RUN_DEFAULT);

    assert_int_equal(f->done, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    TEST(a_job_works_on_a_copy_and_its_result_comes_back),
    TEST(over_its_quota_a_module_is_refused_and_others_are_not),
    TEST(modules_take_turns),
    TEST(what_is_queued_when_the_pool_ends_is_dropped),
};

SOTTO_TEST_MAIN(tests)
