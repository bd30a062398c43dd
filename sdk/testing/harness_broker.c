/* SPDX-License-Identifier: MIT */
/*
 * The broker of the test host. There is one module; the rest of the server is the test: it publishes facts, asks
 * questions, provides answers and decides hook points.
 */
#include "harness_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES_MAX (64 * 1024)
#define HOOK_DEPTH_MAX 8

/*---- Facts ----*/

struct fact_task {
    struct harness_task task;
    const struct sotto_sub_row *sub;
    const char *topic, *origin;
    struct sotto_view key, payload;
};

/* NATS rules over dots: `*` is one part, a last `>` one or more. */
static bool
topic_matches(const char *pattern, const char *topic)
{
    for (;;) {
        size_t wanted = strcspn(pattern, ".");
        size_t got = strcspn(topic, ".");

        if (strcmp(pattern, ">") == 0)
            return got > 0;
        if (!(wanted == 1 && pattern[0] == '*') &&
            (wanted != got || memcmp(pattern, topic, got) != 0))
            return false;
        if (pattern[wanted] == '\0' || topic[got] == '\0')
            return pattern[wanted] == topic[got];
        pattern += wanted + 1;
        topic += got + 1;
    }
}

static void
run_fact(struct harness *h, struct harness_task *task)
{
    struct fact_task *fact = (struct fact_task *)task;
    struct sotto_envelope envelope = {
        .struct_size = sizeof(envelope),
        .topic = fact->topic,
        .origin = fact->origin,
        .trace_id = "harness",
        .key = fact->key,
        .payload = fact->payload,
    };

    fact->sub->fn(h->state, &envelope);
    free(fact);
}

static void
spread(struct harness *h, const char *topic, const char *origin, struct sotto_view key,
       struct sotto_view payload)
{
    for (uint32_t index = 0; index < h->module->subs.count; index++) {
        const struct sotto_sub_row *sub = harness_row(&h->module->subs, index);
        struct fact_task *fact;

        if (!topic_matches(sub->pattern, topic))
            continue;
        fact = harness_alloc(sizeof(*fact));
        *fact = (struct fact_task){{NULL, run_fact}, sub, topic, origin, key, payload};
        harness_queue_push(&h->tasks, &fact->task);
    }
}

static const char *
arena_text(struct harness *h, const char *text)
{
    return (const char *)harness_arena_copy(&h->arena, text, strlen(text) + 1).data;
}

static int
broker_publish(struct sotto_host *host, const char *topic, struct sotto_view key,
               struct sotto_view payload)
{
    struct harness *h = harness_of(host);
    const struct sotto_topic_row *row = NULL;
    struct harness_publish publish;

    harness_check_logic(h);
    for (uint32_t index = 0; index < h->module->topics.count && !row; index++) {
        row = harness_row(&h->module->topics, index);
        if (strcmp(row->name, topic) != 0)
            row = NULL;
    }
    if (!row)
        return SOTTO_EPERM;
    publish.topic = row->name;
    publish.key = harness_arena_copy(&h->arena, key.data, key.size);
    publish.payload = harness_arena_copy(&h->arena, payload.data, payload.size);
    h->publishes = realloc(h->publishes, (h->publish_count + 1) * sizeof(publish));
    assert(h->publishes);
    h->publishes[h->publish_count++] = publish;
    spread(h, row->name, h->module->name, publish.key, publish.payload);
    return 0;
}

size_t
harness_publish_count(const struct harness *h)
{
    return h->publish_count;
}

const struct harness_publish *
harness_publish_at(const struct harness *h, size_t index)
{
    assert(index < h->publish_count);
    return &h->publishes[index];
}

void
harness_forget(struct harness *h)
{
    free(h->pushes);
    free(h->publishes);
    h->pushes = NULL;
    h->publishes = NULL;
    h->push_count = h->publish_count = 0;
}

void
harness_fact(struct harness *h, const char *topic, struct sotto_view key, struct sotto_view payload)
{
    spread(h, arena_text(h, topic), "harness", harness_arena_copy(&h->arena, key.data, key.size),
           harness_arena_copy(&h->arena, payload.data, payload.size));
    harness_run(h);
}

/*---- Questions ----*/

struct question_task {
    struct harness_task task;
    const char *name;
    struct sotto_view request;
    sotto_answer_fn *fn;
    void *arg;
};

/* A question to the module: freed when it is answered. */
struct sotto_call {
    struct harness_answer *answer;
    struct harness *harness;
};

static struct harness_provider *
find_provider(struct harness *h, const char *name)
{
    struct harness_provider *provider = h->providers;

    while (provider && strcmp(provider->name, name) != 0)
        provider = provider->next;
    return provider;
}

static void
run_question(struct harness *h, struct harness_task *task)
{
    struct question_task *question = (struct question_task *)task;
    const struct harness_provider *provider = find_provider(h, question->name);
    struct sotto_view answer = {NULL, 0};
    uint8_t *out = harness_alloc(ANSWER_BYTES_MAX);
    size_t size = 0;
    int status = SOTTO_ENOPROVIDER;

    if (provider && provider->fn) {
        status = provider->fn(provider->arg, question->request, out, &size);
        assert(size <= ANSWER_BYTES_MAX);
        answer = (struct sotto_view){out, size};
    }
    question->fn(h->state, status, answer, status == 0 ? "" : "refused by the test", question->arg);
    free(out);
    free(question);
}

static void
broker_call(struct sotto_host *host, const char *name, struct sotto_view key,
            struct sotto_view request, uint32_t deadline_ms, sotto_answer_fn *fn, void *arg)
{
    struct harness *h = harness_of(host);
    struct question_task *question = harness_alloc(sizeof(*question));

    harness_check_logic(h);
    (void)key;
    assert(deadline_ms > 0 && "a question needs a deadline");
    *question = (struct question_task){
        .task = {.run = run_question},
        .name = arena_text(h, name),
        .request = harness_arena_copy(&h->arena, request.data, request.size),
        .fn = fn,
        .arg = arg,
    };
    harness_queue_push(&h->tasks, &question->task);
}

static void
broker_answer(struct sotto_call *call, struct sotto_view answer)
{
    harness_check_logic(call->harness);
    call->answer->details = harness_arena_copy(&call->harness->arena, answer.data, answer.size);
    call->answer->done = true;
    free(call);
}

static void
broker_refuse(struct sotto_call *call, int error, const char *text)
{
    harness_check_logic(call->harness);
    assert(error < 0 && text);
    call->answer->status = error;
    snprintf(call->answer->text, sizeof(call->answer->text), "%s", text);
    call->answer->done = true;
    free(call);
}

void
harness_provide(struct harness *h, const char *name, harness_provider_fn *fn, void *arg)
{
    struct harness_provider *provider = find_provider(h, name);

    if (!provider) {
        provider = harness_alloc(sizeof(*provider));
        provider->name = harness_strdup(name);
        provider->next = h->providers;
        h->providers = provider;
    }
    provider->fn = fn;
    provider->arg = arg;
}

const struct harness_answer *
harness_ask(struct harness *h, const char *name, struct sotto_view request)
{
    struct harness_answer *answer = harness_answer_new(h, arena_text(h, name));

    for (uint32_t index = 0; index < h->module->calls.count; index++) {
        const struct sotto_call_row *row = harness_row(&h->module->calls, index);

        if (strcmp(row->name, name) == 0) {
            struct sotto_call *call = harness_alloc(sizeof(*call));

            *call = (struct sotto_call){.answer = answer, .harness = h};
            row->fn(h->state, call, request);
            harness_run(h);
            assert(answer->done && "the module did not answer");
            return answer;
        }
    }
    assert(!"the module does not provide this call");
    return NULL;
}

/*---- Hooks ----*/

/* One run of a hook of the module on somebody else's point. */
struct sotto_decision {
    struct harness *harness;
    struct harness_answer *answer;
    uint64_t token; /* 0: not asked for */
};

/* A decision that the module put off. */
struct harness_deferral {
    struct harness_deferral *next;
    uint64_t token;
    struct harness_answer *answer;
};

static void
set_verdict(struct harness_answer *answer, int status, const char *text)
{
    answer->status = status;
    snprintf(answer->text, sizeof(answer->text), "%s", text ? text : "");
    answer->done = true;
}

static void
broker_hook(struct sotto_host *host, const char *point, struct sotto_view payload,
            sotto_decided_fn *fn, void *arg)
{
    struct harness *h = harness_of(host);
    const struct sotto_hook_point_row *row = NULL;
    const struct harness_verdict *verdict = h->verdicts;

    harness_check_logic(h);
    (void)payload;
    for (uint32_t index = 0; index < h->module->hook_points.count && !row; index++) {
        row = harness_row(&h->module->hook_points, index);
        if (strcmp(row->name, point) != 0)
            row = NULL;
    }
    assert(row && "a hook point that the module did not declare");
    while (verdict && strcmp(verdict->point, point) != 0)
        verdict = verdict->next;
    if (h->hook_depth >= HOOK_DEPTH_MAX) {
        fn(h->state, SOTTO_ELOOP, "hooks call one another", arg);
        return;
    }
    h->hook_depth++;
    if (verdict)
        fn(h->state, verdict->status, verdict->text, arg);
    else
        fn(h->state, row->preset_deny ? SOTTO_EPERM : 0,
           row->preset_deny ? "nobody allowed it" : "", arg);
    h->hook_depth--;
}

static void
broker_hook_deny(struct sotto_decision *decision, int error, const char *text)
{
    assert(error < 0 && text);
    decision->answer->status = error;
    snprintf(decision->answer->text, sizeof(decision->answer->text), "%s", text);
}

static uint64_t
broker_hook_token(struct sotto_decision *decision)
{
    struct harness *h = decision->harness;
    struct harness_deferral *deferral;

    if (decision->token != 0)
        return decision->token;
    deferral = harness_alloc(sizeof(*deferral));
    deferral->token = decision->token = ++h->last_deferral;
    deferral->answer = decision->answer;
    deferral->next = h->deferrals;
    h->deferrals = deferral;
    return decision->token;
}

static void
broker_hook_complete(struct sotto_host *host, uint64_t token, int status, const char *text)
{
    struct harness_deferral **link = &harness_of(host)->deferrals;

    while (*link && (*link)->token != token)
        link = &(*link)->next;
    if (*link) {
        struct harness_deferral *deferral = *link;

        *link = deferral->next;
        set_verdict(deferral->answer, status, text);
        free(deferral);
    }
}

void
harness_decide(struct harness *h, const char *point, int status, const char *text)
{
    struct harness_verdict *verdict = h->verdicts;

    while (verdict && strcmp(verdict->point, point) != 0)
        verdict = verdict->next;
    if (!verdict) {
        verdict = harness_alloc(sizeof(*verdict));
        verdict->point = harness_strdup(point);
        verdict->next = h->verdicts;
        h->verdicts = verdict;
    }
    free(verdict->text);
    verdict->status = status;
    verdict->text = harness_strdup(text ? text : "");
}

const struct harness_answer *
harness_hook(struct harness *h, const char *point, struct sotto_view payload)
{
    struct harness_answer *answer = harness_answer_new(h, arena_text(h, point));
    struct sotto_decision decision = {.harness = h, .answer = answer};

    for (uint32_t index = 0; index < h->module->hooks.count; index++) {
        const struct sotto_hook_row *row = harness_row(&h->module->hooks, index);

        if (strcmp(row->point, point) == 0) {
            int verdict = row->fn(h->state, &decision, payload);

            assert(verdict != SOTTO_DENY || answer->status != 0);
            assert(verdict != SOTTO_DEFER || decision.token != 0);
            answer->done = answer->done || verdict != SOTTO_DEFER;
            harness_run(h);
            return answer;
        }
    }
    assert(!"the module has no hook on this point");
    return NULL;
}

void
harness_broker_fini(struct harness *h)
{
    while (h->providers) {
        struct harness_provider *provider = h->providers;

        h->providers = provider->next;
        free(provider->name);
        free(provider);
    }
    while (h->verdicts) {
        struct harness_verdict *verdict = h->verdicts;

        h->verdicts = verdict->next;
        free(verdict->point);
        free(verdict->text);
        free(verdict);
    }
    while (h->deferrals) {
        struct harness_deferral *deferral = h->deferrals;

        h->deferrals = deferral->next;
        free(deferral);
    }
}

/* The test takes everything. */
static bool
broker_wanted(struct sotto_host *host, const char *name)
{
    (void)host;
    (void)name;
    return true;
}

const struct sotto_broker_api harness_broker_api = {
    .struct_size = sizeof(harness_broker_api),
    .publish = broker_publish,
    .call = broker_call,
    .answer = broker_answer,
    .refuse = broker_refuse,
    .hook = broker_hook,
    .hook_deny = broker_hook_deny,
    .hook_token = broker_hook_token,
    .hook_complete = broker_hook_complete,
    .wanted = broker_wanted,
};
