/* SPDX-License-Identifier: MIT */
/* publish, call and hook between made-up modules: what registration refuses, order, overflow, deferral. */
#include "sotto_test.h"

#include <sodium.h>

#include "core/broker.h"
#include "core/loop.h"
#include "core/session.h"

#define MODULES 4

struct module {
    struct sotto_module descriptor;
    struct host_module host;
    struct fixture *fixture;
    int verdict;    /* of its hook */
    uint64_t token; /* of a deferred one */
    struct sotto_call *question;
};

struct fixture {
    uv_loop_t uv;
    struct core core;
    struct module modules[MODULES];
    char trail[256];
    int status;
    int answers;
    int denied_depth;
};

static void
note(struct fixture *f, const char *text)
{
    size_t size = strlen(f->trail);

    snprintf(f->trail + size, sizeof(f->trail) - size, "%s ", text);
}

static struct sotto_view
view(const char *text)
{
    return (struct sotto_view){.data = (const uint8_t *)text, .size = strlen(text)};
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    static const char *const names[MODULES] = {"ant", "bee", "cat", "dog"};
    struct loop_options options = {.queue_capacity = 100};

    assert_true(sodium_init() >= 0);
    assert_ok(uv_loop_init(&f->uv));
    assert_ok(loop_create(&f->uv, &options, &f->core.logic));
    assert_ok(broker_create(&f->core, &f->core.broker));
    for (int i = 0; i < MODULES; i++) {
        struct module *module = &f->modules[i];

        module->fixture = f;
        module->descriptor.name = names[i];
        module->host = (struct host_module){
            .base = {.broker = &broker_api},
            .core = &f->core,
            .descriptor = &module->descriptor,
            .name = names[i],
            .state = module,
        };
    }
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    broker_destroy(&f->core.broker);
    loop_destroy(&f->core.logic);
    assert_ok(uv_loop_close(&f->uv));
    free(f);
    return 0;
}

static void
seal(struct fixture *f)
{
    struct sotto_err err = {.text = ""};

    for (int i = 0; i < MODULES; i++)
        if (broker_add_module(f->core.broker, &f->modules[i].host, &err))
            fail_msg("%s", err.text);
    if (broker_seal(f->core.broker, &err))
        fail_msg("%s", err.text);
}

static struct sotto_host *
host(struct fixture *f, int module)
{
    return &f->modules[module].host.base;
}

/* ---- publish ---- */

static const struct sotto_topic_row ant_topics[] = {
    {.name = "ant.egg.laid.v1"},
    {.name = "ant.egg.hatched.v1"},
};

static void
on_fact(void *state, const struct sotto_envelope *envelope)
{
    struct module *module = state;
    char text[64];

    assert_string_equal(envelope->origin, "ant");
    snprintf(text, sizeof(text), "%s:%.*s", module->descriptor.name, (int)envelope->payload.size,
             (const char *)envelope->payload.data);
    note(module->fixture, text);
}

static void
facts_go_to_whom_they_match_in_order_and_not_inline(void **state)
{
    struct fixture *f = *state;
    static const struct sotto_sub_row one[] = {{.pattern = "ant.egg.laid.v1", .fn = on_fact}};
    static const struct sotto_sub_row star[] = {{.pattern = "ant.*.hatched.v1", .fn = on_fact}};
    static const struct sotto_sub_row rest[] = {{.pattern = "ant.>", .fn = on_fact}};

    f->modules[0].descriptor.topics = (struct sotto_table)SOTTO_TABLE(ant_topics);
    f->modules[1].descriptor.subs = (struct sotto_table)SOTTO_TABLE(one);
    f->modules[2].descriptor.subs = (struct sotto_table)SOTTO_TABLE(star);
    f->modules[3].descriptor.subs = (struct sotto_table)SOTTO_TABLE(rest);
    seal(f);

    assert_ok(broker_api.publish(host(f, 0), "ant.egg.laid.v1", view("k"), view("1")));
    assert_ok(broker_api.publish(host(f, 0), "ant.egg.hatched.v1", view("k"), view("2")));
    assert_string_equal(f->trail, "");
    uv_run(&f->uv, UV_RUN_NOWAIT);

    assert_string_equal(f->trail, "bee:1 dog:1 cat:2 dog:2 ");
    assert_int_equal(broker_open(f->core.broker), 0);
}

static void
a_foreign_topic_is_refused(void **state)
{
    struct fixture *f = *state;

    f->modules[0].descriptor.topics = (struct sotto_table)SOTTO_TABLE(ant_topics);
    seal(f);

    assert_fails(broker_api.publish(host(f, 1), "ant.egg.laid.v1", view(""), view("")),
                 SOTTO_EPERM);
    assert_fails(broker_api.publish(host(f, 0), "ant.egg.lost.v1", view(""), view("")),
                 SOTTO_EPERM);
    assert_fails(broker_api.publish(host(f, 0), "sotto.core.session.closed.v1", view(""), view("")),
                 SOTTO_EPERM);
}

static void
a_full_subscription_does_what_it_declared(void **state)
{
    struct fixture *f = *state;
    static const struct sotto_sub_row coalesce[] = {{.pattern = "ant.egg.laid.v1",
                                                     .capacity = 8,
                                                     .overflow = SOTTO_OVERFLOW_COALESCE,
                                                     .fn = on_fact}};
    static const struct sotto_sub_row newest[] = {{.pattern = "ant.egg.laid.v1",
                                                   .capacity = 2,
                                                   .overflow = SOTTO_OVERFLOW_DROP_OLDEST,
                                                   .fn = on_fact}};
    struct buf out = {0};

    f->modules[0].descriptor.topics = (struct sotto_table)SOTTO_TABLE(ant_topics);
    f->modules[1].descriptor.subs = (struct sotto_table)SOTTO_TABLE(coalesce);
    f->modules[2].descriptor.subs = (struct sotto_table)SOTTO_TABLE(newest);
    seal(f);
    assert_ok(broker_api.publish(host(f, 0), "ant.egg.laid.v1", view("a"), view("1")));
    assert_ok(broker_api.publish(host(f, 0), "ant.egg.laid.v1", view("b"), view("2")));
    assert_ok(broker_api.publish(host(f, 0), "ant.egg.laid.v1", view("a"), view("3")));
    uv_run(&f->uv, UV_RUN_NOWAIT);

    assert_string_equal(f->trail, "bee:3 cat:2 bee:2 cat:3 ");
    broker_render_metrics(f->core.broker, &out);
    assert_non_null(strstr(buf_text(&out), "{module=\"cat\",pattern=\"ant.egg.laid.v1\"} 1\n"));
    buf_fini(&out);
}

static void
a_subscription_with_credit_refuses_for_all(void **state)
{
    struct fixture *f = *state;
    static const struct sotto_sub_row few[] = {
        {.pattern = "ant.egg.laid.v1", .capacity = 1, .fn = on_fact}};
    static const struct sotto_sub_row many[] = {{.pattern = "ant.egg.laid.v1", .fn = on_fact}};

    f->modules[0].descriptor.topics = (struct sotto_table)SOTTO_TABLE(ant_topics);
    f->modules[1].descriptor.subs = (struct sotto_table)SOTTO_TABLE(many);
    f->modules[2].descriptor.subs = (struct sotto_table)SOTTO_TABLE(few);
    seal(f);

    assert_ok(broker_api.publish(host(f, 0), "ant.egg.laid.v1", view(""), view("1")));
    assert_fails(broker_api.publish(host(f, 0), "ant.egg.laid.v1", view(""), view("2")),
                 SOTTO_EAGAIN);
    uv_run(&f->uv, UV_RUN_NOWAIT);
    assert_ok(broker_api.publish(host(f, 0), "ant.egg.laid.v1", view(""), view("3")));
    uv_run(&f->uv, UV_RUN_NOWAIT);

    assert_string_equal(f->trail, "bee:1 cat:1 bee:3 cat:3 ");
}

static void
names_that_are_not_ones_own_are_refused_at_the_start(void **state)
{
    struct fixture *f = *state;
    static const struct sotto_topic_row foreign[] = {{.name = "bee.wax.made.v1"}};
    static const struct sotto_sub_row bad[] = {{.pattern = "ant.>.more", .fn = on_fact}};
    struct sotto_err err;

    f->modules[0].descriptor.topics = (struct sotto_table)SOTTO_TABLE(foreign);
    f->modules[1].descriptor.subs = (struct sotto_table)SOTTO_TABLE(bad);

    assert_fails(broker_add_module(f->core.broker, &f->modules[0].host, &err), SOTTO_EPRECONDITION);
    assert_non_null(strstr(err.text, "bee.wax.made.v1"));
    assert_fails(broker_add_module(f->core.broker, &f->modules[1].host, &err), SOTTO_EPRECONDITION);
}

/* ---- call ---- */

static void
on_question(void *state, struct sotto_call *call, struct sotto_view request)
{
    struct module *module = state;

    if (request.size == 4 && memcmp(request.data, "hold", 4) == 0)
        module->question = call;
    else if (request.size == 2 && memcmp(request.data, "no", 2) == 0)
        broker_api.refuse(call, SOTTO_ENOTFOUND, "no such thing");
    else
        broker_api.answer(call, request);
}

static void
on_answer(void *state, int status, struct sotto_view answer, const char *text, void *arg)
{
    struct module *module = state;
    char line[64];

    (void)arg;
    module->fixture->answers++;
    module->fixture->status = status;
    snprintf(line, sizeof(line), "%d:%.*s:%s", status, (int)answer.size,
             answer.size ? (const char *)answer.data : "", text);
    note(module->fixture, line);
}

static const struct sotto_call_row bee_calls[] = {{.name = "bee.way.ask.v1", .fn = on_question}};

static void
run_until_answers(struct fixture *f, int count)
{
    uint64_t end = uv_hrtime() + 60 * 1000000000ull;

    while (f->answers < count && uv_hrtime() < end)
        uv_run(&f->uv, UV_RUN_ONCE);
    assert_int_equal(f->answers, count);
}

static void
a_question_is_answered_once_and_never_inline(void **state)
{
    struct fixture *f = *state;

    f->modules[1].descriptor.calls = (struct sotto_table)SOTTO_TABLE(bee_calls);
    seal(f);
    broker_api.call(host(f, 0), "bee.way.ask.v1", view(""), view("yes"), 60000, on_answer, NULL);
    broker_api.call(host(f, 0), "bee.way.ask.v1", view(""), view("no"), 60000, on_answer, NULL);
    broker_api.call(host(f, 0), "bee.way.nobody.v1", view(""), view(""), 60000, on_answer, NULL);
    assert_int_equal(f->answers, 0);
    run_until_answers(f, 3);

    assert_string_equal(f->trail, "0:yes: -5::no such thing -21::nobody provides this call ");
    assert_int_equal(broker_open(f->core.broker), 0);
}

static void
a_question_has_a_deadline_and_a_late_answer_is_dropped(void **state)
{
    struct fixture *f = *state;

    f->modules[1].descriptor.calls = (struct sotto_table)SOTTO_TABLE(bee_calls);
    seal(f);
    broker_api.call(host(f, 0), "bee.way.ask.v1", view(""), view("hold"), 20, on_answer, NULL);
    run_until_answers(f, 1);
    assert_int_equal(f->status, SOTTO_EDEADLINE);
    assert_int_equal(broker_open(f->core.broker), 1);

    broker_api.answer(f->modules[1].question, view("late"));
    uv_run(&f->uv, UV_RUN_NOWAIT);

    assert_int_equal(f->answers, 1);
    assert_int_equal(broker_open(f->core.broker), 0);
}

static void
a_provider_that_stops_leaves_nobody_waiting(void **state)
{
    struct fixture *f = *state;

    f->modules[1].descriptor.calls = (struct sotto_table)SOTTO_TABLE(bee_calls);
    seal(f);
    broker_api.call(host(f, 0), "bee.way.ask.v1", view(""), view("hold"), 60000, on_answer, NULL);
    uv_run(&f->uv, UV_RUN_NOWAIT);

    broker_drop_module(f->core.broker, &f->modules[1].host);

    assert_int_equal(f->status, SOTTO_ENOPROVIDER);
    broker_api.call(host(f, 0), "bee.way.ask.v1", view(""), view("x"), 60000, on_answer, NULL);
    run_until_answers(f, 2);
    assert_int_equal(f->status, SOTTO_ENOPROVIDER);
}

/* ---- hook ---- */

static const struct sotto_hook_point_row ant_points[] = {
    {.name = "ant.egg.lay.v1", .timeout_ms = 60000},
    {.name = "ant.egg.wait.v1", .timeout_ms = 30},
    {.name = "ant.egg.eat.v1", .preset_deny = true},
    {.name = "ant.egg.look.v1", .timeout_ms = 30, .fail_open = true},
};

static int
on_hook(void *state, struct sotto_decision *decision, struct sotto_view payload)
{
    struct module *module = state;

    (void)payload;
    note(module->fixture, module->descriptor.name);
    if (module->verdict == SOTTO_DENY)
        broker_api.hook_deny(decision, SOTTO_ERANGE, "not today");
    if (module->verdict == SOTTO_DEFER)
        module->token = broker_api.hook_token(decision);
    return module->verdict;
}

static void
on_decided(void *state, int status, const char *text, void *arg)
{
    struct module *module = state;

    (void)arg;
    module->fixture->answers++;
    module->fixture->status = status;
    note(module->fixture, status ? text : "passed");
}

static void
ask(struct fixture *f, const char *point)
{
    broker_api.hook(host(f, 0), point, view("egg"), on_decided, NULL);
}

static void
hooks_on_ant(struct fixture *f)
{
    static const struct sotto_hook_row bee[] = {
        {.point = "ant.egg.lay.v1", .phase = SOTTO_HOOK_NORMAL, .after = "cat", .fn = on_hook},
        {.point = "ant.egg.wait.v1", .phase = SOTTO_HOOK_NORMAL, .fn = on_hook},
        {.point = "ant.egg.look.v1", .phase = SOTTO_HOOK_NORMAL, .fn = on_hook}};
    static const struct sotto_hook_row cat[] = {
        {.point = "ant.egg.lay.v1", .phase = SOTTO_HOOK_NORMAL, .fn = on_hook}};
    static const struct sotto_hook_row dog[] = {
        {.point = "ant.egg.lay.v1", .phase = SOTTO_HOOK_EARLY, .fn = on_hook}};

    f->modules[0].descriptor.hook_points = (struct sotto_table)SOTTO_TABLE(ant_points);
    f->modules[1].descriptor.hooks = (struct sotto_table)SOTTO_TABLE(bee);
    f->modules[2].descriptor.hooks = (struct sotto_table)SOTTO_TABLE(cat);
    f->modules[3].descriptor.hooks = (struct sotto_table)SOTTO_TABLE(dog);
    seal(f);
}

static void
a_chain_is_asked_in_its_order_and_one_denial_wins(void **state)
{
    struct fixture *f = *state;
    struct buf out = {0};

    hooks_on_ant(f);
    ask(f, "ant.egg.lay.v1");
    assert_string_equal(f->trail, "dog cat bee passed ");
    f->trail[0] = '\0';
    f->modules[2].verdict = SOTTO_DENY;
    ask(f, "ant.egg.lay.v1");
    assert_string_equal(f->trail, "dog cat not today ");
    assert_int_equal(f->status, SOTTO_ERANGE);

    broker_render_hooks(f->core.broker, &out);
    assert_string_equal(
        buf_text(&out),
        "ant.egg.lay.v1 early dog\nant.egg.lay.v1 normal cat\n"
        "ant.egg.lay.v1 normal bee\nant.egg.wait.v1 normal bee\nant.egg.look.v1 normal bee\n");
    buf_fini(&out);
}

static void
without_opinions_the_points_own_preset_holds(void **state)
{
    struct fixture *f = *state;

    hooks_on_ant(f);
    ask(f, "ant.egg.eat.v1");
    assert_int_equal(f->status, SOTTO_EPERM);
}

static void
what_nobody_takes_is_not_wanted(void **state)
{
    struct fixture *f = *state;
    static const struct sotto_sub_row hatched[] = {{.pattern = "ant.*.hatched.v1", .fn = on_fact}};

    f->modules[0].descriptor.topics = (struct sotto_table)SOTTO_TABLE(ant_topics);
    f->modules[1].descriptor.subs = (struct sotto_table)SOTTO_TABLE(hatched);
    hooks_on_ant(f);

    assert_true(broker_api.wanted(host(f, 0), "ant.egg.hatched.v1"));
    assert_false(broker_api.wanted(host(f, 0), "ant.egg.laid.v1"));
    assert_true(broker_api.wanted(host(f, 0), "ant.egg.lay.v1"));
    assert_true(
        broker_api.wanted(host(f, 0), "ant.egg.eat.v1")); /* denies when nobody is attached */
    assert_false(broker_api.wanted(host(f, 0), "ant.egg.lost.v1"));
}

static void
a_deferred_decision_goes_on_where_it_stopped(void **state)
{
    struct fixture *f = *state;
    uint64_t token;

    hooks_on_ant(f);
    f->modules[2].verdict = SOTTO_DEFER;
    ask(f, "ant.egg.lay.v1");
    assert_string_equal(f->trail, "dog cat ");
    token = f->modules[2].token;

    broker_api.hook_complete(host(f, 2), token, 0, NULL);
    broker_api.hook_complete(host(f, 2), token, SOTTO_EPERM, "again"); /* ignored */
    broker_api.hook_complete(host(f, 2), 4711, 0, NULL);
    run_until_answers(f, 1);
    uv_run(&f->uv, UV_RUN_NOWAIT);

    assert_string_equal(f->trail, "dog cat bee passed ");
}

static void
complete(void *arg)
{
    struct fixture *f = arg;

    broker_api.hook_complete(host(f, 2), f->modules[2].token, SOTTO_EEXHAUSTED, "full");
}

static void
a_decision_may_come_from_another_thread(void **state)
{
    struct fixture *f = *state;
    uv_thread_t thread;

    hooks_on_ant(f);
    f->modules[2].verdict = SOTTO_DEFER;
    ask(f, "ant.egg.lay.v1");
    assert_ok(uv_thread_create(&thread, complete, f));
    run_until_answers(f, 1);
    uv_thread_join(&thread);

    assert_int_equal(f->status, SOTTO_EEXHAUSTED);
}

static void
a_decision_that_does_not_come_ends_as_its_point_says(void **state)
{
    struct fixture *f = *state;

    hooks_on_ant(f);
    f->modules[1].verdict = SOTTO_DEFER;
    ask(f, "ant.egg.wait.v1");
    run_until_answers(f, 1);
    assert_int_equal(f->status, SOTTO_EUNAVAILABLE);
    ask(f, "ant.egg.look.v1");
    run_until_answers(f, 2);
    assert_int_equal(f->status, SOTTO_OK);
}

static void
on_nested(void *state, int status, const char *text, void *arg)
{
    (void)text;
    (void)arg;
    if (status == SOTTO_ELOOP)
        ((struct module *)state)->fixture->denied_depth++;
}

static int
on_recursive_hook(void *state, struct sotto_decision *decision, struct sotto_view payload)
{
    struct module *module = state;

    (void)decision;
    module->fixture->answers++;
    broker_api.hook(&module->fixture->modules[0].host.base, "ant.egg.lay.v1", payload, on_nested,
                    NULL);
    return SOTTO_PASS;
}

static void
hooks_inside_hooks_come_to_an_end(void **state)
{
    struct fixture *f = *state;
    static const struct sotto_hook_row row[] = {
        {.point = "ant.egg.lay.v1", .fn = on_recursive_hook}};

    f->modules[0].descriptor.hook_points = (struct sotto_table)SOTTO_TABLE(ant_points);
    f->modules[1].descriptor.hooks = (struct sotto_table)SOTTO_TABLE(row);
    seal(f);

    ask(f, "ant.egg.lay.v1");

    assert_int_equal(f->denied_depth, 1);
    assert_int_equal(f->answers, BROKER_DEPTH_MAX + 1); /* each level, and the outermost verdict */
}

static void
a_cycle_of_before_and_after_stops_the_start(void **state)
{
    struct fixture *f = *state;
    static const struct sotto_hook_row bee[] = {
        {.point = "ant.egg.lay.v1", .after = "cat", .fn = on_hook}};
    static const struct sotto_hook_row cat[] = {
        {.point = "ant.egg.lay.v1", .after = "bee", .fn = on_hook}};
    struct sotto_err err;

    f->modules[0].descriptor.hook_points = (struct sotto_table)SOTTO_TABLE(ant_points);
    f->modules[1].descriptor.hooks = (struct sotto_table)SOTTO_TABLE(bee);
    f->modules[2].descriptor.hooks = (struct sotto_table)SOTTO_TABLE(cat);
    for (int i = 0; i < MODULES; i++)
        assert_ok(broker_add_module(f->core.broker, &f->modules[i].host, &err));

    assert_fails(broker_seal(f->core.broker, &err), SOTTO_EPRECONDITION);
    assert_non_null(strstr(err.text, "cycle"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
    CASE(facts_go_to_whom_they_match_in_order_and_not_inline),
    CASE(a_foreign_topic_is_refused),
    CASE(a_full_subscription_does_what_it_declared),
    CASE(a_subscription_with_credit_refuses_for_all),
    CASE(names_that_are_not_ones_own_are_refused_at_the_start),
    CASE(a_question_is_answered_once_and_never_inline),
    CASE(a_question_has_a_deadline_and_a_late_answer_is_dropped),
    CASE(a_provider_that_stops_leaves_nobody_waiting),
    CASE(a_chain_is_asked_in_its_order_and_one_denial_wins),
    CASE(without_opinions_the_points_own_preset_holds),
    CASE(what_nobody_takes_is_not_wanted),
    CASE(a_deferred_decision_goes_on_where_it_stopped),
    CASE(a_decision_may_come_from_another_thread),
    CASE(a_decision_that_does_not_come_ends_as_its_point_says),
    CASE(hooks_inside_hooks_come_to_an_end),
    CASE(a_cycle_of_before_and_after_stops_the_start),
};

SOTTO_TEST_MAIN(tests)
