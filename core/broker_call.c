/* SPDX-License-Identifier: MIT */
/*
 * Questions between modules. The provider is asked, and the asker answered, from the loop's list of deferred work,
 * never inside call or answer. A question ends for its asker at its deadline; its memory ends when the provider
 * has answered too, which it may do late.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker_table.h"
#include "core/loop.h"

#define CALL_MAGIC 0x71756573u
#define DEADLINE_MS 5000

struct sotto_call {
    uint32_t magic; /* CALL_MAGIC until the provider has ended it */
    struct broker *broker;
    struct sotto_call *next, *prev; /* in flight */
    struct host_module *asker;      /* NULL: it is gone, nobody listens */
    struct provider *provider;      /* NULL: nobody answers */
    sotto_answer_fn *fn;
    void *arg;
    struct wheel_entry deadline;
    struct queue_item item;
    int status;
    char text[BROKER_TEXT_MAX];
    uint8_t *answer;
    size_t answer_size;
    bool told; /* the asker has its answer */
    size_t request_size;
    uint8_t request[];
};

/* ---- the asker's side ---- */

static void
tell(struct sotto_call *call, int status, struct sotto_view answer, const char *text)
{
    struct host_call frame;

    if (call->told)
        return;
    call->told = true;
    wheel_clear(loop_wheel(call->broker->core->logic), &call->deadline);
    if (!call->asker)
        return;
    host_enter(&frame, call->asker, "answer");
    call->fn(call->asker->state, status, answer, text, call->arg);
    host_leave(&frame);
}

static void
free_call(struct sotto_call *call)
{
    struct broker *broker = call->broker;

    wheel_clear(loop_wheel(broker->core->logic), &call->deadline);
    if (call->prev)
        call->prev->next = call->next;
    else
        broker->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    broker->call_count--;
    free(call->answer);
    free(call);
}

static void
run_answer(struct queue_item *item)
{
    struct sotto_call *call = MAP_OF(item, struct sotto_call, item);
    struct sotto_view answer = {.data = call->answer, .size = call->answer_size};

    tell(call, call->status, answer, call->text);
    free_call(call);
}

static void
on_deadline(struct wheel_entry *entry)
{
    struct sotto_call *call = MAP_OF(entry, struct sotto_call, deadline);

    tell(call, SOTTO_EDEADLINE, (struct sotto_view){.size = 0}, "no answer in time");
}

/* ---- the provider's side ---- */

/* The provider's last word; the asker hears it after the running callback. */
static void
end(struct sotto_call *call, int status, struct sotto_view answer, const char *text)
{
    assert(call->magic == CALL_MAGIC); /* a question is answered once */
    call->magic = 0;
    call->status = status;
    snprintf(call->text, sizeof(call->text), "%s", text ? text : "");
    if (answer.size && !call->told) {
        call->answer = malloc(answer.size);
        if (call->answer) {
            memcpy(call->answer, answer.data, answer.size);
            call->answer_size = answer.size;
        } else {
            call->status = SOTTO_ENOMEM;
        }
    }
    loop_defer(call->broker->core->logic, &call->item, run_answer);
}

static void
run_request(struct queue_item *item)
{
    struct sotto_call *call = MAP_OF(item, struct sotto_call, item);
    struct provider *provider = call->provider;
    struct sotto_view request = {.data = call->request, .size = call->request_size};
    struct host_call frame;

    if (!provider || provider->dropped) {
        end(call, SOTTO_ENOPROVIDER, (struct sotto_view){.size = 0}, "nobody provides this call");
        return;
    }
    host_enter(&frame, provider->owner, provider->row->name);
    provider->row->fn(provider->owner->state, call, request);
    host_leave(&frame);
}

/* ---- sotto.broker/1 ---- */

void
broker_call(struct sotto_host *host, const char *name, struct sotto_view key,
            struct sotto_view request, uint32_t deadline_ms, sotto_answer_fn *fn, void *arg)
{
    struct broker *broker = broker_of(host);
    struct sotto_call *call = calloc(1, sizeof(*call) + request.size);

    (void)key;    /* one node: whoever provides is the owner of every key */
    assert(call); /* fn must be called, and there is nothing to remember it by */
    call->magic = CALL_MAGIC;
    call->broker = broker;
    call->asker = host_module(host);
    call->fn = fn;
    call->arg = arg;
    call->request_size = request.size;
    if (request.size)
        memcpy(call->request, request.data, request.size);
    call->next = broker->calls;
    if (call->next)
        call->next->prev = call;
    broker->calls = call;
    if (broker->call_count++ >= BROKER_CALLS_MAX) {
        call->magic = 0;
        call->status = SOTTO_EEXHAUSTED;
        snprintf(call->text, sizeof(call->text), "too many calls in flight");
        loop_defer(broker->core->logic, &call->item, run_answer);
        return;
    }
    call->provider = broker_provider(broker, name);
    wheel_set(loop_wheel(broker->core->logic), &call->deadline,
              deadline_ms ? deadline_ms : DEADLINE_MS, on_deadline);
    loop_defer(broker->core->logic, &call->item, run_request);
}

void
broker_answer(struct sotto_call *call, struct sotto_view answer)
{
    loop_assert(call->broker->core->logic);
    end(call, SOTTO_OK, answer, NULL);
}

void
broker_refuse(struct sotto_call *call, int error, const char *text)
{
    loop_assert(call->broker->core->logic);
    assert(error < 0);
    end(call, error, (struct sotto_view){.size = 0}, text);
}

/* ---- ending ---- */

void
broker_drop_calls(struct broker *broker, const struct host_module *owner)
{
    for (struct sotto_call *call = broker->calls; call; call = call->next) {
        if (call->asker == owner)
            call->asker = NULL;
        if (call->asker && call->provider && call->provider->owner == owner)
            tell(call, SOTTO_ENOPROVIDER, (struct sotto_view){.size = 0}, "the provider stopped");
    }
}

void
broker_free_calls(struct broker *broker)
{
    /* The analyzer cannot know that a list has no rings. */
    while (broker->calls)
        free_call(broker->calls); /* NOLINT(clang-analyzer-unix.Malloc) */
}
