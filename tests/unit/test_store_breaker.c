/* SPDX-License-Identifier: MIT */
/* The store's breaker, with a database that another connection holds locked. */
#include "core/clock.h"
#include "store_kit.h"

#include <semaphore.h>
#include <sqlite3.h>

static void
after_five_lost_transactions_writes_are_refused_at_once(void **state)
{
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    struct sotto_err why;
    sqlite3 *other;

    store_kit_open(f, NULL);
    assert_ok(store_kit_write(f, seen, 1, 0));
    store_kit_wait(f, seen, 1);
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < 5; i++) {
        assert_ok(store_health(f->store, &why));
        assert_ok(store_kit_write(f, seen, 10 + (int64_t)i, 0));
        store_kit_wait(f, seen, 2 + i);
        assert_int_equal(seen->status[1 + i], SOTTO_EUNAVAILABLE);
    }

    assert_fails(store_kit_write(f, seen, 20, 0), SOTTO_EUNAVAILABLE);
    assert_fails(store_health(f->store, &why), SOTTO_EUNAVAILABLE);
    /* Reads go on: the snapshot needs no lock. */
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    assert_int_equal(store_kit_rows(f), 1);
    sqlite3_close(other);
    free(seen);
}

static void
when_the_breaker_may_close_one_write_tries_for_all(void **state)
{
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    struct sotto_err why;
    sqlite3 *other;
    size_t ended = 0, alone = 0;

    f->settings.breaker_reset_ms = 0; /* at once */
    f->settings.busy_ms = 200;        /* how long the one that tries is under way */
    store_kit_open(f, NULL);
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    while (alone < 2) {
        assert_ok(store_kit_write(f, seen, (int64_t)ended, 0));
        if (ended >= 5) { /* half open: the one that tries is alone */
            if (store_kit_write(f, seen, 100, 0) == SOTTO_EUNAVAILABLE)
                alone++;
            else
                ended++; /* this thread stood still for as long as the other one tried */
        }
        store_kit_wait(f, seen, ++ended);
        assert_in_range(ended, 1, 50);
    }
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    assert_ok(store_kit_write(f, seen, 7, 0));
    store_kit_wait(f, seen, ended + 1);

    assert_int_equal(seen->status[ended], 0);
    assert_ok(store_health(f->store, &why));
    assert_ok(store_kit_write(f, seen, 8, 0));
    assert_ok(store_kit_write(f, seen, 9, 0));
    store_kit_wait(f, seen, ended + 3);
    free(seen);
}

static int64_t
metric_now(struct store_kit *f, const char *series)
{
    struct buf text = {0};
    const char *found;
    int64_t value;

    metrics_render(f->metrics, &text);
    found = strstr(buf_text(&text), series);
    assert_non_null(found);
    value = strtoll(found + strlen(series), NULL, 10);
    buf_fini(&text);
    return value;
}

/* A job that was queued before the breaker opened must not wait for the lock in its turn. */
static void
what_is_still_queued_when_the_breaker_opens_ends_unrun(void **state)
{
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    sqlite3 *other;
    int64_t failures;

    f->settings.batch_jobs = 1; /* each job is a transaction */
    f->settings.busy_ms = 200;
    store_kit_open(f, NULL);
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < 100; i++)
        assert_ok(store_kit_write(f, seen, i, 0));
    store_kit_wait(f, seen, 100);
    failures = metric_now(f, "\nsotto_circuit_breaker_failures_total{name=\"store\"} ");
    assert_fails(store_kit_write(f, seen, 100, 0), SOTTO_EUNAVAILABLE);

    for (size_t i = 0; i < 100; i++)
        assert_int_equal(seen->status[i], SOTTO_EUNAVAILABLE);
    assert_int_equal(failures, 5);
    assert_int_equal(metric_now(f, "\nsotto_circuit_breaker_refused_total{name=\"store\"} "), 96);
    assert_int_equal(metric_now(f, "\nsotto_circuit_breaker_state{name=\"store\"} "), 1);
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    assert_int_equal(store_kit_rows(f), 0);
    free(seen);
}

struct held_job {
    struct store_test_job job;
    sem_t *gate;
};

static int
insert_when_told(struct sotto_tx *tx, void *arg)
{
    struct held_job *held = arg;

    sem_wait(held->gate);
    return store_kit_insert(tx, &held->job);
}

/* Another write is refused while this one is under way. */
static void
write_alone(struct store_kit *f, struct store_seen *seen, int64_t id)
{
    const size_t ended = seen->count;
    sem_t gate;
    const struct held_job held = {.job = {.seen = seen, .id = id}, .gate = &gate};

    sem_init(&gate, 0, 0);
    assert_ok(
        store_write(f->store, f->module, insert_when_told, &held, sizeof(held), store_kit_note));
    assert_fails(store_kit_write(f, seen, id + 1, 0), SOTTO_EUNAVAILABLE);
    sem_post(&gate);
    store_kit_wait(f, seen, ended + 1);
    sem_destroy(&gate);
}

/* The presets of the bar: five failures, then thirty seconds. */
static void
the_breaker_stays_open_for_its_time(void **state)
{
    struct store_kit *f = *state;
    struct store_seen *seen = calloc(1, sizeof(*seen));
    sqlite3 *other;
    int64_t left_ms;

    store_kit_open(f, NULL);
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < 5; i++) {
        assert_ok(store_kit_write(f, seen, (int64_t)i, 0));
        store_kit_wait(f, seen, i + 1);
    }
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);

    /* The database is free again and nobody tries yet. */
    assert_fails(store_kit_write(f, seen, 10, 0), SOTTO_EUNAVAILABLE);
    left_ms = atomic_load(&f->store->open_until) - clock_mono_ms();
    assert_in_range(left_ms, 1, 30000);
    /* Thirty seconds later, as far as the breaker can tell. */
    atomic_fetch_sub(&f->store->open_until, 30000);
    write_alone(f, seen, 11);
    assert_int_equal(seen->status[5], 0);
    assert_int_equal(metric_now(f, "\nsotto_circuit_breaker_state{name=\"store\"} "), 0);
    assert_ok(store_kit_write(f, seen, 12, 0));
    store_kit_wait(f, seen, 7);
    free(seen);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_kit_setup, store_kit_teardown)
static const struct CMUnitTest tests[] = {
    TEST(after_five_lost_transactions_writes_are_refused_at_once),
    TEST(when_the_breaker_may_close_one_write_tries_for_all),
    TEST(what_is_still_queued_when_the_breaker_opens_ends_unrun),
    TEST(the_breaker_stays_open_for_its_time),
};

SOTTO_TEST_MAIN(tests)
