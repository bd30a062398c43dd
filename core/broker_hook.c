/* SPDX-License-Identifier: MIT */
/*
 * Decisions. The chain of a point is ordered once, at the seal: by phase, by before and after, by module name.
 * It is asked inline, one hook after the other, until one denies. A hook that defers stops the chain there; it goes on
 * when hook_complete brings a pass, or ends with the point's policy at its timeout.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker_table.h"
#include "core/loop.h"

#define TIMEOUT_MS 100
#define CHAIN_MAX 64

struct sotto_decision {
    struct broker *broker;
    struct point *point;
    size_t next; /* hook to ask next */
    sotto_decided_fn *fn;
    void *arg;
    int status;
    char text[BROKER_TEXT_MAX];
    uint64_t token;           /* 0: never asked for */
    struct map_node by_token; /* deferred */
    struct wheel_entry deadline;
    size_t payload_size;
    uint8_t payload[];
};

/* ---- the order of a chain ---- */

/* Whether a must be asked before b. */
static bool
precedes(const struct hook *a, const struct hook *b)
{
    return a->row->phase < b->row->phase ||
           (a->row->before && strcmp(a->row->before, b->owner->name) == 0) ||
           (b->row->after && strcmp(b->row->after, a->owner->name) == 0);
}

static bool
is_ready(struct hook *const *left, size_t count, size_t candidate)
{
    for (size_t i = 0; i < count; i++)
        if (i != candidate && precedes(left[i], left[candidate]))
            return false;
    return true;
}

static bool
sorts_before(const struct hook *a, const struct hook *b)
{
    return strcmp(a->owner->name, b->owner->name) < 0;
}

/* Moves the hook that comes next to the front of left; false: each waits for another one. */
static bool
pick(struct hook **left, size_t count)
{
    size_t best = count;
    struct hook *hook;

    for (size_t i = 0; i < count; i++)
        if (is_ready(left, count, i) && (best == count || sorts_before(left[i], left[best])))
            best = i;
    if (best == count)
        return false;
    hook = left[best];
    memmove(left + 1, left, best * sizeof(struct hook *));
    left[0] = hook;
    return true;
}

static int
order_point(struct broker *broker, struct point *point, struct sotto_err *err)
{
    const char *name = point->row->name;

    point->chain = calloc(CHAIN_MAX, sizeof(struct hook *));
    if (!point->chain)
        return sotto_err_set(err, SOTTO_ENOMEM, "out of memory");
    for (size_t i = 0; i < broker->hook_count; i++) {
        if (strcmp(broker->hooks[i]->row->point, name) != 0)
            continue;
        if (point->count == CHAIN_MAX)
            return sotto_err_set(err, SOTTO_EPRECONDITION, "hook point %s: more than %d hooks",
                                 name, CHAIN_MAX);
        point->chain[point->count++] = broker->hooks[i];
    }
    for (size_t i = 0; i < point->count; i++)
        if (!pick(point->chain + i, point->count - i))
            return sotto_err_set(err, SOTTO_EPRECONDITION,
                                 "hook point %s: before and after of module %s and others form a "
                                 "cycle",
                                 name, point->chain[i]->owner->name);
    return 0;
}

int
broker_order_hooks(struct broker *broker, struct sotto_err *err)
{
    for (size_t i = 0; i < broker->point_count; i++) {
        int rc = order_point(broker, broker->point_list[i], err);

        if (rc)
            return rc;
    }
    return 0;
}

void
broker_render_hooks(const struct broker *broker, struct buf *out)
{
    static const char *const phases[] = {"early", "normal", "late"};

    for (size_t i = 0; i < broker->point_count; i++) {
        const struct point *point = broker->point_list[i];

        for (size_t j = 0; j < point->count; j++)
            buf_printf(out, "%s %s %s\n", point->row->name, phases[point->chain[j]->row->phase],
                       point->chain[j]->owner->name);
    }
}

/* ---- one decision ---- */

static bool
token_equal(const struct map_node *node, const void *key, size_t size)
{
    return memcmp(&MAP_OF(node, struct sotto_decision, by_token)->token, key, size) == 0;
}

int
broker_init_decisions(struct broker *broker)
{
    return map_init(&broker->decisions, token_equal);
}

/* Takes the decision; it is in no table any more. */
static void
decided(struct sotto_decision *take_decision, int status, const char *text)
{
    struct point *point = take_decision->point;
    struct host_call frame;

    if (status)
        point->denied++;
    else
        point->passed++;
    host_enter(&frame, point->owner, point->row->name);
    take_decision->fn(point->owner->state, status, text, take_decision->arg);
    host_leave(&frame);
    free(take_decision);
}

static void
on_timeout(struct wheel_entry *entry)
{
    struct sotto_decision *decision = MAP_OF(entry, struct sotto_decision, deadline);

    map_remove(&decision->broker->decisions, &decision->by_token);
    decision->point->late++;
    if (decision->point->row->fail_open)
        decided(decision, SOTTO_OK, "");
    else
        decided(decision, SOTTO_EUNAVAILABLE, "A decision did not come in time.");
}

static void
defer(struct sotto_decision *decision)
{
    uint32_t timeout = decision->point->row->timeout_ms;
    struct broker *broker = decision->broker;

    broker_hook_token(decision); /* a hook that defers without a token can only time out */
    map_add(&broker->decisions, &decision->by_token, &decision->token, sizeof(decision->token));
    wheel_set(loop_wheel(broker->core->logic), &decision->deadline, timeout ? timeout : TIMEOUT_MS,
              on_timeout);
}

static int
ask(struct sotto_decision *decision, const struct hook *hook)
{
    struct sotto_view payload = {.data = decision->payload, .size = decision->payload_size};
    struct host_call frame;
    int verdict;

    decision->status = SOTTO_EPERM;
    decision->text[0] = '\0';
    decision->token = 0;
    decision->broker->depth++;
    host_enter(&frame, hook->owner, hook->row->point);
    verdict = hook->row->fn(hook->owner->state, decision, payload);
    host_leave(&frame);
    decision->broker->depth--;
    return verdict;
}

/* Asks from where the chain stands. */
static void
run_chain(struct sotto_decision *decision)
{
    struct point *point = decision->point;

    while (decision->next < point->count) {
        const struct hook *hook = point->chain[decision->next++];
        int verdict = hook->dropped ? SOTTO_PASS : ask(decision, hook);

        if (verdict == SOTTO_DEFER) {
            defer(decision);
            return;
        }
        if (verdict != SOTTO_PASS) { /* a verdict that does not exist is no permission */
            char text[BROKER_TEXT_MAX];

            memcpy(text, decision->text, sizeof(text));
            decided(decision, decision->status, text);
            return;
        }
    }
    if (point->row->preset_deny)
        decided(decision, SOTTO_EPERM, "Nothing permits this.");
    else
        decided(decision, SOTTO_OK, "");
}

/* ---- sotto.broker/1 ---- */

static void
refuse(struct sotto_host *host, sotto_decided_fn *fn, void *arg, int status, const char *text)
{
    struct host_call frame;

    host_enter(&frame, host_module(host), "decided");
    fn(host_module(host)->state, status, text, arg);
    host_leave(&frame);
}

void
broker_hook(struct sotto_host *host, const char *name, struct sotto_view payload,
            sotto_decided_fn *fn, void *arg)
{
    struct broker *broker = broker_of(host);
    struct point *point = broker_point(broker, name);
    struct sotto_decision *decision;

    assert(point && point->owner == host_module(host)); /* a module asks at its own points */
    if (broker->depth >= BROKER_DEPTH_MAX) {
        refuse(host, fn, arg, SOTTO_ELOOP, "Decisions nest too deep.");
        return;
    }
    decision = calloc(1, sizeof(*decision) + payload.size);
    if (!decision) {
        refuse(host, fn, arg, SOTTO_ENOMEM, "The server is out of memory.");
        return;
    }
    decision->broker = broker;
    decision->point = point;
    decision->fn = fn;
    decision->arg = arg;
    decision->payload_size = payload.size;
    if (payload.size)
        memcpy(decision->payload, payload.data, payload.size);
    run_chain(decision);
}

void
broker_hook_deny(struct sotto_decision *decision, int error, const char *text)
{
    assert(error < 0);
    decision->status = error;
    snprintf(decision->text, sizeof(decision->text), "%s", text ? text : "");
}

uint64_t
broker_hook_token(struct sotto_decision *decision)
{
    if (!decision->token)
        decision->token = ++decision->broker->tokens;
    return decision->token;
}

/* ---- the end of a deferral ---- */

struct completion {
    struct queue_item item;
    struct broker *broker;
    uint64_t token;
    int status;
    char text[BROKER_TEXT_MAX];
};

static void
run_completion(struct queue_item *item)
{
    struct completion *completion = (struct completion *)item;
    struct broker *broker = completion->broker;
    struct map_node *node =
        map_get(&broker->decisions, &completion->token, sizeof(completion->token));
    struct sotto_decision *decision;

    if (node) { /* else late or repeated */
        decision = MAP_OF(node, struct sotto_decision, by_token);
        map_remove(&broker->decisions, node);
        wheel_clear(loop_wheel(broker->core->logic), &decision->deadline);
        if (completion->status)
            decided(decision, completion->status, completion->text);
        else
            run_chain(decision);
    }
    free(completion);
}

/* Any thread. */
void
broker_hook_complete(struct sotto_host *host, uint64_t token, int status, const char *text)
{
    struct core *core = host_module(host)->core;
    struct completion *completion = calloc(1, sizeof(*completion));

    if (!completion)
        return; /* the timeout decides */
    completion->broker = core->broker;
    completion->token = token;
    completion->status = status;
    snprintf(completion->text, sizeof(completion->text), "%s", text ? text : "");
    loop_post_item(core->logic, &completion->item, run_completion);
}

struct drop {
    struct broker *broker;
    const struct host_module *owner; /* NULL: all */
};

static void
drop_decision(struct map_node *node, void *arg)
{
    const struct drop *drop = arg;
    struct sotto_decision *decision = MAP_OF(node, struct sotto_decision, by_token);

    if (drop->owner && decision->point->owner != drop->owner)
        return;
    map_remove(&drop->broker->decisions, node);
    wheel_clear(loop_wheel(drop->broker->core->logic), &decision->deadline);
    free(decision);
}

void
broker_drop_decisions(struct broker *broker, const struct host_module *owner)
{
    struct drop drop = {.broker = broker, .owner = owner};

    if (broker->decisions.buckets)
        map_each(&broker->decisions, drop_decision, &drop);
}
