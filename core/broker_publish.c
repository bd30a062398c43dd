/* SPDX-License-Identifier: MIT */
/*
 * Facts: one block holds envelope, key and payload and is shared by the queues of all subscriptions. A queue is
 * drained one fact at a time from the loop's list of deferred work, so subscriptions take turns and nothing runs inside
 * publish.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/broker_table.h"
#include "core/loop.h"
#include "core/rpc.h"

/* ---- facts and queues ---- */

static void
unref_fact(struct fact *fact)
{
    if (--fact->refs == 0)
        free(fact);
}

static struct fact *
make_fact(struct broker *broker, const struct topic *topic, struct sotto_view key,
          struct sotto_view payload)
{
    const char *trace = broker->core->rpc ? rpc_trace(broker->core->rpc) : "";
    size_t trace_size = strlen(trace) + 1;
    struct fact *fact = malloc(sizeof(*fact) + key.size + payload.size + trace_size);
    uint64_t number = ++broker->facts;

    if (!fact)
        return NULL;
    *fact = (struct fact){.refs = 1, .topic = topic};
    if (key.size)
        memcpy(fact->bytes, key.data, key.size);
    if (payload.size)
        memcpy(fact->bytes + key.size, payload.data, payload.size);
    memcpy(fact->bytes + key.size + payload.size, trace, trace_size);
    fact->envelope = (struct sotto_envelope){
        .struct_size = sizeof(fact->envelope),
        .topic = topic->name,
        .origin = topic->owner ? topic->owner->name : "core",
        .trace_id = (const char *)fact->bytes + key.size + payload.size,
        .key = {.data = fact->bytes, .size = key.size},
        .payload = {.data = fact->bytes + key.size, .size = payload.size},
    };
    memcpy(fact->envelope.id, broker->id_prefix, 8);
    memcpy(fact->envelope.id + 8, &number, 8);
    return fact;
}

static size_t
fact_size(const struct fact *fact)
{
    return fact->envelope.key.size + fact->envelope.payload.size;
}

static struct fact *
shift(struct subscription *sub)
{
    struct delivery *delivery = sub->first;
    struct fact *fact = delivery->fact;

    sub->first = delivery->next;
    if (!sub->first)
        sub->last = NULL;
    if (sub->by_key.buckets)
        map_remove(&sub->by_key, &delivery->node);
    sub->count--;
    sub->bytes -= fact_size(fact);
    sub->broker->queued--;
    free(delivery);
    return fact;
}

static bool
delivery_equal(const struct map_node *node, const void *key, size_t size)
{
    const struct fact *fact = MAP_OF(node, struct delivery, node)->fact;

    return fact->envelope.key.size == size &&
           (!size || memcmp(fact->envelope.key.data, key, size) == 0);
}

int
broker_init_sub(struct subscription *sub)
{
    return sub->row->overflow == SOTTO_OVERFLOW_COALESCE ? map_init(&sub->by_key, delivery_equal)
                                                         : 0;
}

void
broker_drop_sub(struct subscription *sub)
{
    sub->dropped = true;
    while (sub->first)
        unref_fact(shift(sub));
}

/* ---- publishing ---- */

static bool
has_room(const struct subscription *sub, size_t size)
{
    return sub->count < sub->capacity && sub->bytes + size <= sub->capacity_bytes;
}

/* The queued fact of the same topic and key, which the new one replaces. */
static struct delivery *
find_same(const struct subscription *sub, const struct fact *fact)
{
    struct sotto_view key = fact->envelope.key;
    struct map_node *node = map_get(&sub->by_key, key.data, key.size);

    while (node && MAP_OF(node, struct delivery, node)->fact->topic != fact->topic)
        node = map_get_next(&sub->by_key, node, key.data, key.size);
    return node ? MAP_OF(node, struct delivery, node) : NULL;
}

static bool
coalesce(struct subscription *sub, struct fact *fact)
{
    struct delivery *same = sub->by_key.buckets ? find_same(sub, fact) : NULL;

    if (!same)
        return false;
    sub->bytes += fact_size(fact) - fact_size(same->fact);
    unref_fact(same->fact);
    same->fact = fact;
    fact->refs++;
    return true;
}

static void
run_sub(struct queue_item *item)
{
    struct subscription *sub = MAP_OF(item, struct subscription, item);
    struct host_call frame;
    struct fact *fact;

    sub->scheduled = false;
    if (!sub->first)
        return;
    fact = shift(sub);
    if (sub->first) {
        sub->scheduled = true;
        loop_defer(sub->broker->core->logic, &sub->item, run_sub);
    }
    host_enter(&frame, sub->owner, fact->envelope.topic);
    sub->row->fn(sub->owner->state, &fact->envelope);
    host_leave(&frame);
    unref_fact(fact);
}

static void
deliver(struct subscription *sub, struct fact *fact)
{
    struct delivery *delivery;

    if (sub->dropped || coalesce(sub, fact))
        return;
    while (!has_room(sub, fact_size(fact)) && sub->first) {
        unref_fact(shift(sub));
        sub->lost++;
    }
    delivery = has_room(sub, fact_size(fact)) ? calloc(1, sizeof(*delivery)) : NULL;
    if (!delivery) {
        sub->lost++;
        return;
    }
    delivery->fact = fact;
    fact->refs++;
    *(sub->last ? &sub->last->next : &sub->first) = delivery;
    sub->last = delivery;
    if (sub->by_key.buckets)
        map_add(&sub->by_key, &delivery->node, fact->envelope.key.data, fact->envelope.key.size);
    sub->count++;
    sub->bytes += fact_size(fact);
    sub->broker->queued++;
    if (!sub->scheduled) {
        sub->scheduled = true;
        loop_defer(sub->broker->core->logic, &sub->item, run_sub);
    }
}

static int
publish(struct broker *broker, struct topic *topic, struct sotto_view key,
        struct sotto_view payload)
{
    struct fact *fact;

    for (size_t i = 0; i < topic->sub_count; i++) {
        const struct subscription *sub = topic->subs[i];

        if (sub->row->overflow != SOTTO_OVERFLOW_REFUSE || sub->dropped ||
            has_room(sub, key.size + payload.size))
            continue;
        return SOTTO_EAGAIN;
    }
    topic->published++;
    if (!topic->sub_count)
        return 0;
    fact = make_fact(broker, topic, key, payload);
    if (!fact)
        return SOTTO_ENOMEM;
    for (size_t i = 0; i < topic->sub_count; i++)
        deliver(topic->subs[i], fact);
    unref_fact(fact);
    return 0;
}

int
broker_publish_core(struct broker *broker, const char *name, struct sotto_view key,
                    struct sotto_view payload)
{
    struct topic *topic = broker_topic(broker, name);

    assert(topic && !topic->owner);
    return publish(broker, topic, key, payload);
}

int
broker_publish(struct sotto_host *host, const char *name, struct sotto_view key,
               struct sotto_view payload)
{
    struct broker *broker = broker_of(host);
    struct topic *topic = broker_topic(broker, name);

    if (!topic || topic->owner != host_module(host))
        return SOTTO_EPERM;
    return publish(broker, topic, key, payload);
}
