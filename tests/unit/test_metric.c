/* SPDX-License-Identifier: MIT */
/* Series for /metrics: what is refused, what is counted, and the text that Prometheus reads. */
#include "sotto_test.h"

#include "core/metric.h"

#include <uv.h>

static const struct sotto_metric_row counter = {.name = "calls_total",
                                                .type = SOTTO_METRIC_COUNTER,
                                                .help = "Calls\nin two lines.",
                                                .label = "result",
                                                .values = "ok|refused"};
static const struct sotto_metric_row gauge = {
    .name = "open", .type = SOTTO_METRIC_GAUGE, .help = "Open."};
static const struct sotto_metric_row histogram = {
    .name = "seconds", .type = SOTTO_METRIC_HISTOGRAM, .help = "Time."};

static int
setup(void **state)
{
    return metrics_create((struct metrics **)state);
}

static int
teardown(void **state)
{
    metrics_destroy((struct metrics **)state);
    return 0;
}

static void
source(void *arg, struct buf *out)
{
    buf_printf(out, "extra %d\n", *(int *)arg);
}

static void
series_are_rendered_as_prometheus_text(void **state)
{
    struct metrics *metrics = *state;
    struct metric *calls = metrics_add(metrics, "chat", &counter);
    struct metric *open = metrics_add(metrics, NULL, &gauge);
    struct metric *seconds = metrics_add(metrics, "chat", &histogram);
    struct buf text = {0};
    int extra = 5;

    assert_ok(metrics_add_source(metrics, source, &extra));
    metric_add(calls, 1, 2);
    metric_add(open, 0, 3);
    metric_add(open, 0, -1);
    metric_add(seconds, 0, 0.0003);
    metric_add(seconds, 0, 20);
    metrics_render(metrics, &text);

    assert_non_null(strstr(buf_text(&text), "# HELP sotto_chat_calls_total Calls\\nin two lines.\n"
                                            "# TYPE sotto_chat_calls_total counter\n"
                                            "sotto_chat_calls_total{result=\"ok\"} 0\n"
                                            "sotto_chat_calls_total{result=\"refused\"} 2\n"));
    assert_non_null(strstr(buf_text(&text), "# TYPE sotto_open gauge\nsotto_open 2\n"));
    assert_non_null(strstr(buf_text(&text), "sotto_chat_seconds_bucket{le=\"0.00025\"} 0\n"
                                            "sotto_chat_seconds_bucket{le=\"0.0005\"} 1\n"));
    assert_non_null(strstr(buf_text(&text), "sotto_chat_seconds_bucket{le=\"10\"} 1\n"
                                            "sotto_chat_seconds_bucket{le=\"+Inf\"} 2\n"
                                            "sotto_chat_seconds_sum 20.0003\n"
                                            "sotto_chat_seconds_count 2\n"));
    assert_non_null(strstr(buf_text(&text), "extra 5\n"));
    buf_fini(&text);
}

static void
malformed_and_doubled_rows_are_refused(void **state)
{
    struct metrics *metrics = *state;
    struct sotto_metric_row bad = gauge;

    assert_non_null(metrics_add(metrics, NULL, &gauge));
    assert_null(metrics_add(metrics, NULL, &gauge));
    assert_non_null(metrics_add(metrics, "chat", &gauge));
    bad.name = "Open Doors";
    assert_null(metrics_add(metrics, NULL, &bad));
    bad.name = "doors";
    bad.label = "l";
    assert_null(metrics_add(metrics, NULL, &bad));
    bad.label = NULL;
    bad.type = 9;
    assert_null(metrics_add(metrics, NULL, &bad));
    metric_add(NULL, 0, 1);
    assert_true(metric_value(NULL, 0) == 0);
}

static void
quantiles_are_read_from_the_buckets(void **state)
{
    static const double bounds[] = {1, 10, 100, 1000};
    struct metric *sizes = metrics_add_histogram(*state, NULL, &histogram, bounds, 4);

    assert_true(metric_quantile(sizes, 0, 0.5) == 0);
    for (int i = 0; i < 100; i++)
        metric_add(sizes, 0, 50);
    for (int i = 0; i < 10; i++)
        metric_add(sizes, 0, 5);

    assert_true(metric_quantile(sizes, 0, 0.5) > 10 && metric_quantile(sizes, 0, 0.5) < 100);
    assert_true(metric_quantile(sizes, 0, 0.01) < 10);
    assert_true(metric_value(sizes, 0) == 110);
}

static void
count_up(void *metric)
{
    for (int i = 0; i < 20000; i++)
        metric_add(metric, 0, 1);
}

static void
nothing_is_lost_when_threads_add_at_once(void **state)
{
    struct metric *open = metrics_add(*state, NULL, &gauge);
    uv_thread_t threads[4];

    for (int i = 0; i < 4; i++)
        assert_int_equal(uv_thread_create(&threads[i], count_up, open), 0);
    for (int i = 0; i < 4; i++)
        uv_thread_join(&threads[i]);

    assert_true(metric_value(open, 0) == 80000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
static const struct CMUnitTest tests[] = {
    TEST(series_are_rendered_as_prometheus_text),
    TEST(malformed_and_doubled_rows_are_refused),
    TEST(quantiles_are_read_from_the_buckets),
    TEST(nothing_is_lost_when_threads_add_at_once),
};

SOTTO_TEST_MAIN(tests)
