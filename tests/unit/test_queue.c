/* SPDX-License-Identifier: MIT */
/* The queue between threads: order, batches, the bound, wake-ups, and closing. */
#include "sotto_test.h"

#include <stdatomic.h>

#include "core/queue.h"

#define PRODUCERS 4
#define PER_PRODUCER 20000

struct number {
    struct queue_item item;
    unsigned producer, value;
    struct fixture *fixture;
};

struct fixture {
    uv_loop_t loop;
    struct queue queue;
    unsigned next[PRODUCERS]; /* value that each producer's next item must have */
    bool out_of_order;
    size_t ran, turns;
};

static void
run_number(struct queue_item *item)
{
    struct number *number = (struct number *)item;
    struct fixture *fixture = number->fixture;

    if (number->value != fixture->next[number->producer]++)
        fixture->out_of_order = true;
    fixture->ran++;
    free(number);
}

static struct number *
make(struct fixture *fixture, unsigned producer, unsigned value)
{
    struct number *number = calloc(1, sizeof(*number));

    number->producer = producer;
    number->value = value;
    number->fixture = fixture;
    return number;
}

static void
on_turn(void *arg)
{
    ((struct fixture *)arg)->turns++;
}

static int
setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_ok(uv_loop_init(&fixture->loop));
    assert_ok(queue_init(&fixture->queue, &fixture->loop, 8));
    queue_on_turn(&fixture->queue, on_turn, fixture);
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;

    queue_close(&fixture->queue);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_ok(uv_loop_close(&fixture->loop));
    free(fixture);
    return 0;
}

static void
a_batch_runs_in_order_with_one_turn(void **state)
{
    struct fixture *f = *state;
    struct queue_batch batch = {.count = 0};

    for (unsigned i = 0; i < 5; i++)
        queue_batch_add(&batch, &make(f, 0, i)->item, run_number);
    queue_push(&f->queue, &batch);

    assert_null(batch.first);
    assert_int_equal(queue_depth(&f->queue), 5);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(f->ran, 5);
    assert_int_equal(f->turns, 1);
    assert_int_equal(queue_depth(&f->queue), 0);
    assert_false(f->out_of_order);
}

static void
a_long_batch_has_turns_in_between(void **state)
{
    struct fixture *f = *state;
    struct queue_batch batch = {.count = 0};

    for (unsigned i = 0; i < 2 * QUEUE_TURN + 1; i++)
        queue_batch_add(&batch, &make(f, 0, i)->item, run_number);
    queue_push(&f->queue, &batch);
    uv_run(&f->loop, UV_RUN_NOWAIT);

    assert_int_equal(f->turns, 3);
}

static void
a_full_queue_refuses_who_can_wait_and_takes_what_must_not_be_lost(void **state)
{
    struct fixture *f = *state;
    struct number *extra = make(f, 0, 8);

    for (unsigned i = 0; i < 8; i++)
        assert_ok(queue_try(&f->queue, &make(f, 0, i)->item, run_number));

    assert_int_equal(queue_depth(&f->queue), f->queue.capacity);
    assert_fails(queue_try(&f->queue, &extra->item, run_number), SOTTO_EAGAIN);
    queue_push_one(&f->queue, &extra->item, run_number);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(f->ran, 9);
}

static void
push_again(struct queue_item *item)
{
    struct number *number = (struct number *)item;
    struct fixture *fixture = number->fixture;

    if (++fixture->ran < 100)
        queue_push_one(&fixture->queue, item, push_again);
    else
        free(number);
}

static bool
ran_100(struct fixture *fixture)
{
    return fixture->ran >= 100;
}

static void
items_that_push_items_do_not_starve_the_loop(void **state)
{
    struct fixture *f = *state;

    queue_push_one(&f->queue, &make(f, 0, 0)->item, push_again);

    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_true(f->ran < 100); /* other handles have their turn */
    for (int i = 0; i < 100 && !ran_100(f); i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(f->ran, 100);
}

static void
what_is_queued_at_the_end_is_run(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    (void)state;
    assert_ok(uv_loop_init(&f->loop));
    assert_ok(queue_init(&f->queue, &f->loop, 8));
    for (unsigned i = 0; i < 3; i++)
        queue_push_one(&f->queue, &make(f, 0, i)->item, run_number);

    queue_close(&f->queue);

    assert_int_equal(f->ran, 3);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_ok(uv_loop_close(&f->loop));
    free(f);
}

struct producer {
    struct fixture *fixture;
    unsigned index;
    uv_thread_t thread;
};

static void
produce(void *arg)
{
    struct producer *producer = arg;
    struct queue_batch batch = {.count = 0};

    for (unsigned i = 0; i < PER_PRODUCER; i++) {
        queue_batch_add(&batch, &make(producer->fixture, producer->index, i)->item, run_number);
        if (i % 7 == producer->index)
            queue_push(&producer->fixture->queue, &batch);
    }
    queue_push(&producer->fixture->queue, &batch);
}

static void
many_producers_lose_nothing_and_keep_their_order(void **state)
{
    struct fixture *f = *state;
    struct producer producers[PRODUCERS];
    uint64_t end = uv_hrtime() + 60 * 1000000000ull;

    for (unsigned i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.fixture = f, .index = i};
        assert_ok(uv_thread_create(&producers[i].thread, produce, &producers[i]));
    }
    while (f->ran < PRODUCERS * PER_PRODUCER && uv_hrtime() < end)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    for (unsigned i = 0; i < PRODUCERS; i++)
        uv_thread_join(&producers[i].thread);

    assert_int_equal(f->ran, PRODUCERS * PER_PRODUCER);
    assert_false(f->out_of_order);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    CASE(a_batch_runs_in_order_with_one_turn),
    CASE(a_long_batch_has_turns_in_between),
    CASE(a_full_queue_refuses_who_can_wait_and_takes_what_must_not_be_lost),
    CASE(items_that_push_items_do_not_starve_the_loop),
    cmocka_unit_test(what_is_queued_at_the_end_is_run),
    CASE(many_producers_lose_nothing_and_keep_their_order),
};

SOTTO_TEST_MAIN(tests)
