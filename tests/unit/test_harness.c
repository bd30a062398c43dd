/* SPDX-License-Identifier: MIT */
/*
 * The test host against a module made for it: what the harness promises to module tests must hold, or their
 * green means nothing. The module "probe" counts in its own table, on its writer's cache, by timer and by job.
 */
#include "sotto_test.h"

#include "sotto/harness.h"

struct probe {
    struct sotto_host *host;
    int status;    /* of the last done */
    int64_t value; /* what the last read saw */
    int ticks, jobs, facts;
    struct sotto_timer *timer;
};

enum { STMT_ADD, STMT_SUM };

static const struct sotto_migration_row migrations[] = {
    {.number = 1, .name = "first", .sql = "CREATE TABLE probe_rows (n INTEGER PRIMARY KEY)"},
};

static const struct sotto_stmt_row statements[] = {
    [STMT_ADD] = {"INSERT INTO probe_rows (n) VALUES (?)"},
    [STMT_SUM] = {"SELECT count(*) FROM probe_rows"},
};

static const struct sotto_stmt_row foreign_statements[] = {
    {"SELECT count(*) FROM harness_migrations"},
};

/* The writer's cache counts the rows that are on disk plus those of the open transaction. */
static int
open_cache(struct sotto_tx *tx, void **cache_out)
{
    int *count = calloc(1, sizeof(*count));

    (void)tx;
    *cache_out = count;
    return 0;
}

static void
discard_cache(void *cache)
{
    *(int *)cache = -1000;
}

static void
close_cache(void *cache)
{
    free(cache);
}

static const struct sotto_writer writer = {
    .open = open_cache,
    .discard = discard_cache,
    .close = close_cache,
};

static int
add_row(struct sotto_tx *tx, void *arg)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, STMT_ADD);
    int rc;

    sotto_bind_int(stmt, 1, *(const int64_t *)arg);
    rc = sotto_step(stmt);
    if (rc < 0)
        return rc;
    ++*(int *)sotto_tx_cache(tx);
    return 0;
}

static void
on_added(void *state, int status, void *arg)
{
    struct probe *probe = state;

    (void)arg;
    probe->status = status;
}

static int
count_rows(struct sotto_tx *tx, void *arg)
{
    struct sotto_stmt *stmt = sotto_stmt(tx, STMT_SUM);

    if (sotto_step(stmt) != SOTTO_ROW)
        return SOTTO_EIO;
    *(int64_t *)arg = sotto_col_int(stmt, 0);
    return 0;
}

static void
on_counted(void *state, int status, void *arg)
{
    struct probe *probe = state;

    probe->status = status;
    probe->value = *(const int64_t *)arg;
}

static void
on_tick(void *state, void *arg)
{
    struct probe *probe = state;

    (void)arg;
    if (++probe->ticks == 3)
        probe->host->timer->stop(probe->timer);
}

static int
work(void *arg)
{
    return *(const int *)arg;
}

static void
on_worked(void *state, int status, void *arg)
{
    struct probe *probe = state;

    (void)arg;
    probe->jobs += status;
}

static void
on_fact(void *state, const struct sotto_envelope *envelope)
{
    struct probe *probe = state;

    assert_string_equal(envelope->topic, "auth.login.ended.v1");
    probe->facts++;
}

static int
init(struct sotto_host *host, const struct sotto_conf *conf, void **state_out,
     struct sotto_err *err)
{
    struct probe *probe;

    if (!host->conf->get_bool(conf, "willing"))
        return sotto_err_set(err, SOTTO_EPRECONDITION, "set willing = yes");
    assert_int_equal(host->conf->get_int(conf, "span"), 90000);
    probe = calloc(1, sizeof(*probe));
    probe->host = host;
    *state_out = probe;
    return 0;
}

static void
fini(void *state)
{
    free(state);
}

static const struct sotto_conf_row config[] = {
    {.name = "willing", .type = SOTTO_CONF_BOOL, .preset = "yes"},
    {.name = "span", .type = SOTTO_CONF_DURATION, .preset = "90s"},
};

static const struct sotto_sub_row subs[] = {{.pattern = "auth.*.ended.>", .fn = on_fact}};

static const struct sotto_topic_row topics[] = {{.name = "probe.row.added.v1"}};

static struct sotto_module
probe_module(void)
{
    return (struct sotto_module){
        SOTTO_MODULE_HEAD,
        .name = "probe",
        .version = "1.0.0",
        .config = SOTTO_TABLE(config),
        .subs = SOTTO_TABLE(subs),
        .topics = SOTTO_TABLE(topics),
        .migrations = SOTTO_TABLE(migrations),
        .statements = SOTTO_TABLE(statements),
        .writer = &writer,
        .init = init,
        .fini = fini,
    };
}

static const struct sotto_module *
shared_module(void)
{
    static struct sotto_module module;

    module = probe_module();
    return &module;
}

static int
start(void **state)
{
    struct harness *h = harness_create(shared_module());

    *state = h;
    return harness_start(h);
}

static int
stop(void **state)
{
    harness_destroy((struct harness **)state);
    return 0;
}

static int
add(struct harness *h, int64_t n)
{
    struct probe *probe = harness_state(h);

    probe->status = 1;
    return harness_host(h)->db->write(harness_host(h), add_row, &n, sizeof(n), on_added);
}

static void
a_write_is_done_after_its_commit_and_not_before(void **state)
{
    struct harness *h = *state;
    struct probe *probe = harness_state(h);

    assert_ok(add(h, 1));
    assert_int_equal(probe->status, 1);
    harness_run(h);

    assert_int_equal(probe->status, 0);
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM probe_rows"), 1);
}

static void
a_failed_job_rolls_back_alone(void **state)
{
    struct harness *h = *state;
    struct probe *probe = harness_state(h);

    assert_ok(add(h, 7));
    assert_ok(add(h, 8));
    assert_ok(add(h, 7));
    harness_run(h);

    assert_int_equal(probe->status, SOTTO_ECONSTRAINT);
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM probe_rows"), 2);
}

static void
a_commit_that_fails_loses_the_write_and_discards_the_cache(void **state)
{
    struct harness *h = *state;
    struct probe *probe = harness_state(h);

    harness_fail_commits(h, 1);
    assert_ok(add(h, 1));
    harness_run(h);

    assert_int_equal(probe->status, SOTTO_EIO);
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM probe_rows"), 0);
}

static void
writes_that_run_twice_leave_one_trace(void **state)
{
    struct harness *h = *state;
    struct probe *probe = harness_state(h);

    harness_run_writes_twice(h, true);
    assert_ok(add(h, 5));
    harness_run(h);

    assert_int_equal(probe->status, 0);
    assert_int_equal(harness_sql(h, "SELECT count(*) FROM probe_rows"), 1);
}

static void
a_read_sees_what_was_written_before(void **state)
{
    struct harness *h = *state;
    struct probe *probe = harness_state(h);
    int64_t count = -1;
    assert_ok(add(h, 1));
    harness_run(h);

    assert_ok(
        harness_host(h)->db->read(harness_host(h), count_rows, &count, sizeof(count), on_counted));
    harness_run(h);

    assert_int_equal(probe->value, 1);
}

static void
a_refusing_store_says_so_at_once(void **state)
{
    struct harness *h = *state;

    harness_refuse_store(h, true);

    assert_fails(add(h, 1), SOTTO_EUNAVAILABLE);
}

static void
rows_survive_a_restart_and_migrations_run_once(void **state)
{
    struct harness *h = *state;
    assert_ok(add(h, 1));
    harness_run(h);

    harness_stop(h);
    assert_ok(harness_start(h));

    assert_int_equal(harness_sql(h, "SELECT count(*) FROM probe_rows"), 1);
}

static void
a_periodic_timer_fires_on_the_virtual_clock_until_it_is_stopped(void **state)
{
    struct harness *h = *state;
    struct probe *probe = harness_state(h);
    struct sotto_host *host = harness_host(h);
    int64_t begin_ms = harness_now_ms(h);

    probe->timer = host->timer->start(host, 100, 50, on_tick, NULL);
    harness_advance_ms(h, 149);
    assert_int_equal(probe->ticks, 1);
    harness_advance_ms(h, 10000);

    assert_int_equal(probe->ticks, 3);
    assert_int_equal(harness_now_ms(h) - begin_ms, 10149);
}

static void
a_job_runs_on_a_copy_and_its_result_arrives(void **state)
{
    struct harness *h = *state;
    struct probe *probe = harness_state(h);
    int number = 42;

    assert_ok(harness_host(h)->job->run(harness_host(h), work, &number, sizeof(number), on_worked));
    number = 0;
    harness_run(h);

    assert_int_equal(probe->jobs, 42);
}

static void
facts_reach_the_subscriptions_that_match(void **state)
{
    struct harness *h = *state;
    struct probe *probe = harness_state(h);
    struct sotto_view none = {NULL, 0};

    harness_fact(h, "auth.login.ended.v1", none, none);
    harness_fact(h, "auth.login.began.v1", none, none);
    harness_fact(h, "auth.login.ended", none, none);

    assert_int_equal(probe->facts, 1);
}

static void
a_topic_of_somebody_else_cannot_be_published(void **state)
{
    struct harness *h = *state;
    struct sotto_host *host = harness_host(h);
    struct sotto_view none = {NULL, 0};

    assert_ok(host->broker->publish(host, "probe.row.added.v1", none, none));
    assert_fails(host->broker->publish(host, "auth.login.ended.v1", none, none), SOTTO_EPERM);
    assert_int_equal(harness_publish_count(h), 1);
}

static void
an_unwilling_module_does_not_start_and_says_why(void **state)
{
    struct harness *h = harness_create(shared_module());
    (void)state;

    harness_set(h, "willing", "no");

    assert_fails(harness_start(h), SOTTO_EPRECONDITION);
    assert_string_equal(harness_error(h), "set willing = yes");
    harness_destroy(&h);
    assert_null(h);
}

static void
a_statement_on_a_foreign_table_is_refused_at_start(void **state)
{
    struct sotto_module module = probe_module();
    struct harness *h;
    (void)state;

    module.statements = (struct sotto_table)SOTTO_TABLE(foreign_statements);
    h = harness_create(&module);

    assert_fails(harness_start(h), SOTTO_EPRECONDITION);
    assert_non_null(strstr(harness_error(h), "harness_migrations"));
    harness_destroy(&h);
}

#define HARNESS_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

static const struct CMUnitTest tests[] = {
    HARNESS_TEST(a_write_is_done_after_its_commit_and_not_before),
    HARNESS_TEST(a_failed_job_rolls_back_alone),
    HARNESS_TEST(a_commit_that_fails_loses_the_write_and_discards_the_cache),
    HARNESS_TEST(writes_that_run_twice_leave_one_trace),
    HARNESS_TEST(a_read_sees_what_was_written_before),
    HARNESS_TEST(a_refusing_store_says_so_at_once),
    HARNESS_TEST(rows_survive_a_restart_and_migrations_run_once),
    HARNESS_TEST(a_periodic_timer_fires_on_the_virtual_clock_until_it_is_stopped),
    HARNESS_TEST(a_job_runs_on_a_copy_and_its_result_arrives),
    HARNESS_TEST(facts_reach_the_subscriptions_that_match),
    HARNESS_TEST(a_topic_of_somebody_else_cannot_be_published),
    cmocka_unit_test(an_unwilling_module_does_not_start_and_says_why),
    cmocka_unit_test(a_statement_on_a_foreign_table_is_refused_at_start),
};

SOTTO_TEST_MAIN(tests)
